// The boundary: the only file that knows Node-API. Its one export, open(), gives a copy of the library its entries: a
// hot one without arguments (run the program in the mailbox) and a few cold ones. All state belongs to that copy:
// worker threads have their own, and so has a copy that is loaded beside another (test runners do), though Node loads
// the addon once.
#include <napi.h>

#include <cstring>
#include <unordered_map>
#include <utility>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "dispatch.h"
#include "run.h"

namespace gradtape {
namespace {

// control (int32): what JavaScript and the hot entry tell each other besides the program.
enum Control { kWordCount, kStatus, kFailedValue, kControls };
enum Status { kOk, kBadProgram, kFailedIndex, kFailedDivision, kFailedMemory };

constexpr size_t kMaxPlans = 512;
constexpr size_t kLookBytes = 256;  // in new blocks, for a look at a live one (10 ns)

struct Tracked {
  napi_ref owner;  // weak
  double bytes;
  int32_t block;  // of the caller's; negative for none
};

uint64_t hash_words(const int32_t* words, size_t n) {
  uint64_t h = n * 0x9e3779b97f4a7c15u;
  for (size_t i = 0; i < n; ++i) h = ((h << 7 | h >> 57) ^ uint32_t(words[i])) * 0x9e3779b97f4a7c15u;
  return h;
}

// What belongs to one copy of the library.
class Instance {
 public:
  explicit Instance(Napi::Env env) : env_(env), kernels_(kernels_for("")) {}

  // ---- mailbox ----
  int32_t *words = nullptr, *control = nullptr;
  double *data = nullptr, *results = nullptr;
  size_t word_capacity = 0, data_capacity = 0, result_capacity = 0;
  Napi::ObjectReference mailbox;  // keeps the typed arrays alive
  std::string error;
  Executor executor;
  std::shared_ptr<Pool> pool = std::make_shared<Pool>();
  std::vector<std::shared_ptr<Executor>> idle;  // of asynchronous runs

  void run_mailbox() {
    const std::shared_ptr<const Plan>* plan = find_plan();
    if (!plan) {
      control[kStatus] = kBadProgram;
      return;
    }
    report(run(**plan, data, results, executor, *pool), control, results);
  }

  static void report(const Failure& failure, int32_t* control, double* results) {
    static constexpr Status kStatusOf[] = {kOk, kFailedIndex, kFailedDivision, kFailedMemory};
    control[kStatus] = kStatusOf[failure.code];
    control[kFailedValue] = failure.value;
    if (failure.code == Failure::kNone) return;
    results[0] = double(failure.index);
    results[1] = double(failure.length);
  }

  // The plan of the program in the mailbox, from the cache if it was made before; null (and `error`) if it is
  // malformed.
  const std::shared_ptr<const Plan>* find_plan() {
    const int32_t n = control[kWordCount];
    if (n < 0 || size_t(n) > word_capacity) {
      error = "word count exceeds the mailbox";
      return nullptr;
    }
    const uint64_t hash = hash_words(words, size_t(n));
    auto found = plans_.find(hash);
    if (found != plans_.end()) {
      const std::vector<int32_t>& known = found->second->program.words;
      if (known.size() == size_t(n) && std::memcmp(known.data(), words, sizeof(int32_t) * size_t(n)) == 0) {
        return &found->second;
      }
    }
    auto plan = std::make_shared<Plan>();
    error = make_plan(words, size_t(n), *kernels_, pool->threads(), *plan);
    if (error.empty() &&
        (size_t(plan->program.data_count) > data_capacity || size_t(plan->program.result_count) > result_capacity)) {
      error = "program needs a larger mailbox";
    }
    if (!error.empty()) return nullptr;
    if (plans_.size() >= kMaxPlans) plans_.clear();
    ++plans_made_;
    return &(plans_[hash] = std::move(plan));
  }

  bool choose_isa(const std::string& isa) {
    const Kernels* kernels = kernels_for(isa);
    if (!kernels) return false;
    kernels_ = kernels;
    plans_.clear();
    return true;
  }
  const char* isa() const { return kernels_->isa; }

  void choose_threads(size_t threads) {
    if (threads == pool->threads()) return;
    pool->set_threads(threads);
    plans_.clear();
  }

  // ---- buffers: made and freed by V8, counted through weak references, which empty at collection time ----

  void track(Napi::Value owner, double bytes, int32_t block) {
    if (small_.size() >= sweep_at_) {
      sweep(small_);
      sweep_at_ = std::max<size_t>(1024, small_.size() * 2);
    }
    napi_ref ref;
    if (napi_create_reference(env_, owner, 0, &ref) != napi_ok) throw Napi::Error::New(env_);
    (block < 0 ? small_ : blocks_).push_back({ref, bytes, block});
    tracked_bytes_ += bytes;
    if (block >= 0) new_bytes_ += bytes;
    peak_bytes_ = std::max(peak_bytes_, tracked_bytes_ + double(arena_bytes()));
  }

  // Blocks whose owners are dead. Looks for them only if the collector has been at work since the last time, and not at
  // very many live ones for the sake of a little.
  std::vector<int32_t> take_released() {
    unseen_ = collected() || unseen_;
    if (unseen_ && new_bytes_ >= kLookBytes * blocks_.size()) {
      sweep(blocks_);
      unseen_ = false;
      new_bytes_ = 0;
    }
    return std::move(released_);
  }

  bool collected() {
    Napi::HandleScope scope(env_);
    if (canary_) {
      napi_value value = nullptr;
      if (napi_get_reference_value(env_, canary_, &value) == napi_ok && value) return false;
      napi_delete_reference(env_, canary_);
      canary_ = nullptr;
    }
    napi_value object;
    if (napi_create_object(env_, &object) == napi_ok) napi_create_reference(env_, object, 0, &canary_);
    return true;
  }

  void sweep(std::vector<Tracked>& list) {
    size_t kept = 0;
    for (size_t i = 0; i < list.size(); ++i) {
      Napi::HandleScope scope(env_);
      napi_value value = nullptr;
      if (napi_get_reference_value(env_, list[i].owner, &value) == napi_ok && value) {
        list[kept++] = list[i];
      } else {
        napi_delete_reference(env_, list[i].owner);
        tracked_bytes_ -= list[i].bytes;
        if (list[i].block >= 0) released_.push_back(list[i].block);
      }
    }
    list.resize(kept);
  }

  size_t arena_bytes() const {
    size_t bytes = executor.arena.bytes();
    for (const auto& e : idle) bytes += e->arena.bytes();
    return bytes;
  }

  Napi::Value memory() {
    sweep(small_);
    sweep(blocks_);
    Napi::Object out = Napi::Object::New(env_);
    uint64_t growths = executor.arena.growths();
    uint64_t faults = executor.arena.absent_pages();
    for (const auto& e : idle) {
      growths += e->arena.growths();
      faults += e->arena.absent_pages();
    }
    peak_bytes_ = std::max(peak_bytes_, tracked_bytes_ + double(arena_bytes()));
    out["tensors"] = double(small_.size() + blocks_.size());
    out["bytes"] = tracked_bytes_;
    out["arenaBytes"] = double(arena_bytes());
    out["peakBytes"] = peak_bytes_;
    out["arenaGrowths"] = double(growths);
    out["arenaPageFaults"] = double(faults);
    out["plans"] = double(plans_made_);
    return out;
  }

 private:
  Napi::Env env_;
  const Kernels* kernels_;
  std::unordered_map<uint64_t, std::shared_ptr<const Plan>> plans_;
  std::vector<Tracked> small_, blocks_;
  std::vector<int32_t> released_;
  napi_ref canary_ = nullptr;
  bool unseen_ = true;  // the collector has been at work since the last look at blocks_
  size_t sweep_at_ = 1024;
  double tracked_bytes_ = 0, new_bytes_ = 0, peak_bytes_ = 0;
  uint64_t plans_made_ = 0;
};

// All that one environment of Node opened; they end with it.
using Instances = std::vector<std::unique_ptr<Instance>>;

napi_value run_mailbox(napi_env env, napi_callback_info info) {
  void* state = nullptr;
  napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &state);
  static_cast<Instance*>(state)->run_mailbox();
  return nullptr;
}

// One program on a thread of the pool. Owns copies of everything but the buffers, which `held` keeps alive.
class AsyncRun : public Napi::AsyncWorker {
 public:
  AsyncRun(Napi::Env env, Instance& home, std::shared_ptr<const Plan> plan, Napi::Value held)
      : Napi::AsyncWorker(env, "gradtape"),
        home_(home),
        plan_(std::move(plan)),
        pool_(home.pool),
        data_(home.data, home.data + plan_->program.data_count),
        results_(std::max<size_t>(2, size_t(plan_->program.result_count))) {
    if (home.idle.empty()) {
      executor_ = std::make_shared<Executor>();
    } else {
      executor_ = home.idle.back();
      home.idle.pop_back();
    }
    Napi::Object kept = Napi::Object::New(env);
    kept.Set("held", held);
    held_ = Napi::Persistent(kept);
  }
  // The promise of the outcome; null if it cannot be made.
  napi_value promise() {
    napi_value promise = nullptr;
    return napi_create_promise(Env(), &deferred_, &promise) == napi_ok ? promise : nullptr;
  }

 protected:
  void Execute() override { failure_ = run(*plan_, data_.data(), results_.data(), *executor_, *pool_); }

  // Without exceptions: in a worker that is being ended every call fails, and there is nobody left to tell.
  void OnOK() override {
    Napi::Env env = Env();
    if (env.GetInstanceData<Instances>()) home_.idle.push_back(executor_);
    int32_t control[kControls] = {};
    Instance::report(failure_, control, results_.data());
    napi_value out = nullptr, numbers = nullptr;
    bool ok = napi_create_object(env, &out) == napi_ok &&
              napi_create_array_with_length(env, results_.size(), &numbers) == napi_ok;
    for (size_t i = 0; ok && i < results_.size(); ++i) {
      napi_value number = nullptr;
      ok = napi_create_double(env, results_[i], &number) == napi_ok &&
           napi_set_element(env, numbers, uint32_t(i), number) == napi_ok;
    }
    for (auto [name, value] :
         {std::pair{"status", control[kStatus]}, std::pair{"failedValue", control[kFailedValue]}}) {
      napi_value number = nullptr;
      ok = ok && napi_create_int32(env, value, &number) == napi_ok &&
           napi_set_named_property(env, out, name, number) == napi_ok;
    }
    if (ok && napi_set_named_property(env, out, "results", numbers) == napi_ok) {
      napi_resolve_deferred(env, deferred_, out);
    }
  }

 private:
  Instance& home_;
  napi_deferred deferred_ = nullptr;
  std::shared_ptr<const Plan> plan_;
  std::shared_ptr<Pool> pool_;
  std::vector<double> data_, results_;
  std::shared_ptr<Executor> executor_;
  Napi::ObjectReference held_;
  Failure failure_;
};

Instance& instance(const Napi::CallbackInfo& info) { return *static_cast<Instance*>(info.Data()); }

// setMailbox(words: Int32Array, data: Float64Array, results: Float64Array, control: Int32Array)
Napi::Value set_mailbox(const Napi::CallbackInfo& info) {
  Instance& e = instance(info);
  auto words = info[0].As<Napi::Int32Array>(), control = info[3].As<Napi::Int32Array>();
  auto data = info[1].As<Napi::Float64Array>(), results = info[2].As<Napi::Float64Array>();
  Napi::Object kept = Napi::Object::New(info.Env());
  for (uint32_t i = 0; i < 4; ++i) kept.Set(i, info[i]);
  e.mailbox = Napi::Persistent(kept);
  e.words = words.Data();
  e.word_capacity = words.ElementLength();
  e.data = data.Data();
  e.data_capacity = data.ElementLength();
  e.results = results.Data();
  e.result_capacity = results.ElementLength();
  e.control = control.Data();
  return info.Env().Undefined();
}

// runAsync(held): Promise<{status, failedValue, results}>; `held` is kept alive until it settles
Napi::Value run_async(const Napi::CallbackInfo& info) {
  Instance& e = instance(info);
  const std::shared_ptr<const Plan>* plan = e.find_plan();
  if (!plan) {
    e.control[kStatus] = kBadProgram;
    return info.Env().Undefined();
  }
  e.control[kStatus] = kOk;
  auto* worker = new AsyncRun(info.Env(), e, *plan, info[0]);
  napi_value promise = worker->promise();
  worker->Queue();
  return Napi::Value(info.Env(), promise);
}

// Asks for huge pages where whole ones fit; a hint, without effect on contents.
void ask_for_huge_pages(void* address, size_t bytes) {
#if defined(MADV_HUGEPAGE)
  constexpr uintptr_t kHuge = uintptr_t{1} << 21;
  const uintptr_t begin = (reinterpret_cast<uintptr_t>(address) + kHuge - 1) / kHuge * kHuge;
  const uintptr_t end = (reinterpret_cast<uintptr_t>(address) + bytes) / kHuge * kHuge;
  if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
#else
  (void)address, (void)bytes;
#endif
}

// addressOf(buffer: ArrayBuffer): number, the address of its data
Napi::Value address_of(const Napi::CallbackInfo& info) {
  Napi::ArrayBuffer buffer = info[0].As<Napi::ArrayBuffer>();
  void* address = buffer.Data();
  ask_for_huge_pages(address, buffer.ByteLength());
  const double number = double(reinterpret_cast<uintptr_t>(address));
  if (reinterpret_cast<void*>(uintptr_t(number)) != address) {
    throw Napi::Error::New(info.Env(), "gradtape: a buffer's address does not fit a double");
  }
  return Napi::Number::New(info.Env(), number);
}

// track(owner: object, bytes: number, block: number)
Napi::Value track(const Napi::CallbackInfo& info) {
  instance(info).track(info[0], info[1].As<Napi::Number>().DoubleValue(), info[2].As<Napi::Number>().Int32Value());
  return info.Env().Undefined();
}

// released(): number[] | undefined
Napi::Value released(const Napi::CallbackInfo& info) {
  const std::vector<int32_t> blocks = instance(info).take_released();
  if (blocks.empty()) return info.Env().Undefined();
  Napi::Array list = Napi::Array::New(info.Env(), blocks.size());
  for (size_t i = 0; i < blocks.size(); ++i) list[uint32_t(i)] = blocks[i];
  return list;
}

Napi::Value memory(const Napi::CallbackInfo& info) { return instance(info).memory(); }

Napi::Value last_error(const Napi::CallbackInfo& info) { return Napi::String::New(info.Env(), instance(info).error); }

// setIsa(name): boolean; '' takes the best one
Napi::Value set_isa(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), instance(info).choose_isa(info[0].As<Napi::String>().Utf8Value()));
}

// setThreads(count)
Napi::Value set_threads(const Napi::CallbackInfo& info) {
  instance(info).choose_threads(info[0].As<Napi::Number>().Uint32Value());
  return info.Env().Undefined();
}

Napi::Value isa(const Napi::CallbackInfo& info) { return Napi::String::New(info.Env(), instance(info).isa()); }

// open(): the entries for one copy of the library. A buffer's address is asked for once, at allocation; everything
// after is a number.
Napi::Value open(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto& instances = *env.GetInstanceData<Instances>();
  Instance* e = instances.emplace_back(std::make_unique<Instance>(env)).get();
  Napi::Object entries = Napi::Object::New(env);
  napi_value hot;
  napi_create_function(env, "run", NAPI_AUTO_LENGTH, run_mailbox, e, &hot);
  entries["run"] = Napi::Value(env, hot);
  const std::pair<const char*, Napi::Value (*)(const Napi::CallbackInfo&)> cold[] = {
      {"setMailbox", set_mailbox},
      {"runAsync", run_async},
      {"track", track},
      {"addressOf", address_of},
      {"released", released},
      {"memory", memory},
      {"lastError", last_error},
      {"setIsa", set_isa},
      {"setThreads", set_threads},
      {"isa", isa},
  };
  for (const auto& [name, entry] : cold) entries[name] = Napi::Function::New(env, entry, name, e);
  Napi::Array isas = Napi::Array::New(env);
  for (const std::string& name : available_isas()) isas[isas.Length()] = Napi::String::New(env, name);
  entries["isas"] = isas;
  Napi::Object opcodes = Napi::Object::New(env);
  for (const OpcodeName& op : opcode_names()) opcodes.Set(op.name, op.opcode);
  entries["opcodes"] = opcodes;
  Napi::Array elementwise = Napi::Array::New(env);
  for (const ElementwiseInfo& k : kElementwiseInfo) {
    Napi::Object o = Napi::Object::New(env);
    o["name"] = k.name;
    o["arity"] = int(k.arity);
    o["toBool"] = k.to_bool;
    Napi::Array dtypes = Napi::Array::New(env);
    const Kernels* table = kernels_for("");
    for (uint32_t d = 0; d < kDTypes; ++d) {
      if (table->elementwise[&k - kElementwiseInfo][d][0]) dtypes[dtypes.Length()] = Napi::Number::New(env, d);
    }
    o["dtypes"] = dtypes;
    elementwise[elementwise.Length()] = o;
  }
  entries["elementwise"] = elementwise;
  return entries;
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(new Instances);
  exports["open"] = Napi::Function::New(env, open, "open");
  return exports;
}

}  // namespace
}  // namespace gradtape

Napi::Object Init(Napi::Env env, Napi::Object exports) { return gradtape::init(env, exports); }
NODE_API_MODULE(gradtape, Init)
