// The boundary: the only file that knows Node-API. Its one export, open(), gives a copy of the library its entries: a
// hot one without arguments (run the program in the mailbox) and a few cold ones. A copy's own state lives as long as
// its entries; what copies can share (test runners load several, one after another) they share. Nothing that C++ throws
// leaves an entry: it becomes a status or an error with a code.
#include <napi.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <mutex>
#include <new>
#include <utility>

#if defined(__linux__)
#include <sys/mman.h>
#endif
#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include "kernels/dispatch.h"
#include "plan/cache.h"
#include "run/run.h"

namespace gradtape {
namespace {

// control (int32): what JavaScript and the hot entry tell each other besides the program. kTooLarge: whether rest()
// would give something back.
enum Control { kWordCount, kStatus, kFailedValue, kTooLarge, kControls };
// kFailed + code: a Failure. JavaScript learns their names (open).
enum Status { kOk, kBadProgram, kFailedInside, kFailed = kFailedInside, kFailedMemory = kFailed + Failure::k_memory };

constexpr size_t kLookBytes = 256;  // in new blocks, for a look at a live one (10 ns)
// Of an arena that nobody has used for a while.
constexpr size_t kRestBytes = size_t{8} << 20;

struct Tracked {
  napi_ref owner;  // weak
  double bytes;
  int32_t block;  // of the caller's; negative for none
};

// Executors of asynchronous runs: as many as run at the same time. Some lie here between two runs.
class IdleExecutors {
 public:
  IdleExecutors() { idle_.reserve(kMost); }

  std::unique_ptr<Executor> take() {
    std::unique_lock<std::mutex> lock(mutex_);
    if (idle_.empty()) {
      lock.unlock();
      return std::make_unique<Executor>();
    }
    std::unique_ptr<Executor> taken = std::move(idle_.back());
    idle_.pop_back();
    bytes_ -= taken->arena.bytes();
    return taken;
  }

  void give_back(std::unique_ptr<Executor> executor) {
    std::lock_guard<std::mutex> lock(mutex_);
    const Arena& arena = executor->arena;
    growths_ += arena.growths() - executor->growths_counted;
    absent_pages_ += arena.absent_pages() - executor->absent_pages_counted;
    executor->growths_counted = arena.growths();
    executor->absent_pages_counted = arena.absent_pages();
    if (idle_.size() == kMost || bytes_ + arena.bytes() > kMostBytes) return;
    bytes_ += arena.bytes();
    idle_.push_back(std::move(executor));
  }

  void clear() {
    std::lock_guard<std::mutex> lock(mutex_);
    idle_.clear();
    bytes_ = 0;
  }

  size_t bytes() const { return bytes_; }
  uint64_t growths() const { return growths_; }
  uint64_t absent_pages() const { return absent_pages_; }

 private:
  static constexpr size_t kMost = 16, kMostBytes = size_t{1} << 29;

  std::mutex mutex_;
  std::vector<std::unique_ptr<Executor>> idle_;
  std::atomic<size_t> bytes_{0};
  std::atomic<uint64_t> growths_{0}, absent_pages_{0};
};

// What the copies of the library on one thread of JavaScript share: they never run at once.
struct Home {
  Executor executor;  // of synchronous runs
  IdleExecutors idle;
  Pool pool;
  PlanCache plans;
  std::vector<size_t> threads;  // that the copies want

  // A pool for the copy that wants most; the plans of the others use fewer.
  void size_pool() {
    size_t most = 1;
    for (size_t wanted : threads) most = std::max(most, wanted);
    if (most != pool.threads()) pool.set_threads(most);
  }

  size_t arena_bytes() const { return executor.arena.bytes() + idle.bytes(); }
  bool too_large() const { return executor.arena.bytes() > kRestBytes || plans.bytes() > PlanCache::kMaxBytes; }

  // What is too much for a program that has come to rest.
  void rest() {
    if (executor.arena.bytes() > kRestBytes) executor.arena.release();
    idle.clear();
    plans.trim(PlanCache::kMaxBytes);
  }

  void clear() {
    executor.arena.release();
    idle.clear();
    plans.trim(0);
#if defined(__GLIBC__)
    malloc_trim(0);  // plans are many small pieces, which the allocator would keep
#endif
  }

  static std::shared_ptr<Home> of_this_thread() {
    static thread_local std::weak_ptr<Home> home;
    std::shared_ptr<Home> found = home.lock();
    if (!found) home = found = std::make_shared<Home>();
    return found;
  }
};

// How a run ended, beside its results.
struct Outcome {
  Status status = kOk;
  Failure failure;
  std::string error;
};

// Runs what may throw, and tells how it ended.
template <class F>
Outcome outcome_of(F&& f) noexcept {
  Outcome out;
  try {
    out.failure = f();
    out.status = out.failure.code == Failure::kNone ? kOk : Status(kFailed + out.failure.code);
  } catch (const std::bad_alloc&) {
    out.status = kFailedMemory;
  } catch (const std::exception& e) {
    out.status = kFailedInside;
    try {
      out.error = e.what();
    } catch (...) {  // no memory for the text
    }
  } catch (...) {
    out.status = kFailedInside;
  }
  return out;
}

// What belongs to one copy of the library.
class Instance {
 public:
  Instance(Napi::Env env, std::shared_ptr<Home> shared) : home(std::move(shared)), env_(env) {
    kernels_ = kernels_for("");
  }
  ~Instance() {
    for (const auto* list : {&small_, &blocks_}) {
      for (const Tracked& t : *list) napi_delete_reference(env_, t.owner);
    }
    if (canary_) napi_delete_reference(env_, canary_);
    want_threads(0);
  }
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  // ---- mailbox ----
  int32_t *words = nullptr, *control = nullptr;
  double *data = nullptr, *results = nullptr;
  size_t word_capacity = 0, data_capacity = 0, result_capacity = 0;
  Napi::ObjectReference mailbox;  // keeps the typed arrays alive
  std::string error;
  const std::shared_ptr<Home> home;

  void run_mailbox() noexcept {
    try {
      const std::shared_ptr<const Plan>* plan = find_plan();
      if (!plan) {
        control[kStatus] = kBadProgram;
        return;
      }
      const Failure failure = run(**plan, data, results, home->executor, home->pool);
      control[kTooLarge] = home->too_large();
      if (failure.code == Failure::kNone)
        control[kStatus] = kOk;
      else
        tell(outcome_of([&] { return failure; }));
    } catch (...) {
      tell(outcome_of([]() -> Failure { throw; }));
    }
  }

  // Puts a failure into the mailbox.
  void tell(Outcome outcome) noexcept {
    control[kStatus] = outcome.status;
    control[kFailedValue] = outcome.failure.value;
    results[0] = double(outcome.failure.index);
    results[1] = double(outcome.failure.length);
    error = std::move(outcome.error);
    if (outcome.status == kFailedMemory) home->clear();
  }

  // The plan of the program in the mailbox; null (and `error`) if that is malformed.
  const std::shared_ptr<const Plan>* find_plan() {
    const int32_t n = control[kWordCount];
    if (n < 0 || size_t(n) > word_capacity) {
      error = "word count exceeds the mailbox";
      return nullptr;
    }
    const std::shared_ptr<const Plan>* plan = home->plans.find(words, size_t(n), *kernels_, threads_, error);
    if (plan && (size_t((*plan)->program.data_count) > data_capacity ||
                 size_t((*plan)->program.result_count) > result_capacity)) {
      error = "program needs a larger mailbox";
      return nullptr;
    }
    return plan;
  }

  bool choose_isa(const std::string& isa) {
    const Kernels* kernels = kernels_for(isa);
    if (kernels) kernels_ = kernels;
    return kernels;
  }
  const char* isa() const { return kernels_->isa; }

  // 0: none any more.
  void want_threads(size_t threads) {
    std::vector<size_t>& wanted = home->threads;
    const auto mine = std::find(wanted.begin(), wanted.end(), listed_ ? threads_ : 0);
    if (mine == wanted.end()) {
      if (threads == 0) return;
      wanted.push_back(threads);
    } else if (threads == 0) {
      wanted.erase(mine);
    } else {
      *mine = threads;
    }
    listed_ = threads > 0;
    threads_ = std::max<size_t>(threads, 1);
    home->size_pool();
  }

  // ---- buffers: made and freed by V8, counted through weak references, which empty at collection time ----

  void track(Napi::Value owner, double bytes, int32_t block) {
    if (small_.size() >= sweep_at_) {
      sweep(small_);
      sweep_at_ = std::max<size_t>(1024, small_.size() * 2);
    }
    std::vector<Tracked>& list = block < 0 ? small_ : blocks_;
    list.push_back({nullptr, bytes, block});
    if (napi_create_reference(env_, owner, 0, &list.back().owner) != napi_ok) {
      list.pop_back();
      throw Napi::Error::New(env_);
    }
    tracked_bytes_ += bytes;
    if (block >= 0) new_bytes_ += bytes;
    peak_bytes_ = std::max(peak_bytes_, tracked_bytes_ + double(home->arena_bytes()));
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
    released_.reserve(released_.size() + list.size());  // so that nothing throws half-way
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

  Napi::Value memory() {
    sweep(small_);
    sweep(blocks_);
    Napi::Object out = Napi::Object::New(env_);
    const double arenas = double(home->arena_bytes());
    peak_bytes_ = std::max(peak_bytes_, tracked_bytes_ + arenas);
    out["tensors"] = double(small_.size() + blocks_.size());
    out["bytes"] = tracked_bytes_;
    out["arenaBytes"] = arenas;
    out["peakBytes"] = peak_bytes_;
    out["plansBytes"] = double(home->plans.bytes());
    out["idleBytes"] = arenas;
    out["arenaGrowths"] = double(home->executor.arena.growths() + home->idle.growths());
    out["arenaPageFaults"] = double(home->executor.arena.absent_pages() + home->idle.absent_pages());
    out["plans"] = double(home->plans.made());
    return out;
  }

 private:
  Napi::Env env_;
  const Kernels* kernels_;
  size_t threads_ = 1;
  bool listed_ = false;  // among those of home->threads
  std::vector<Tracked> small_, blocks_;
  std::vector<int32_t> released_;
  napi_ref canary_ = nullptr;
  bool unseen_ = true;  // the collector has been at work since the last look at blocks_
  size_t sweep_at_ = 1024;
  double tracked_bytes_ = 0, new_bytes_ = 0, peak_bytes_ = 0;
};

// What one loading of the addon into an environment of Node has; it ends with that.
struct Loaded {
  std::shared_ptr<Home> home = Home::of_this_thread();
  Napi::ObjectReference common;  // an object for all copies
};

napi_value run_mailbox(napi_env env, napi_callback_info info) {
  void* state = nullptr;
  napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &state);
  static_cast<Instance*>(state)->run_mailbox();
  return nullptr;
}

// One program on a thread of Node's. Owns copies of everything but the buffers, which `held` keeps alive. Calls of
// Node-API may fail in a worker that is being ended: there is nobody left to tell then.
class AsyncRun {
 public:
  AsyncRun(const Instance& e, std::shared_ptr<const Plan> plan)
      : home_(e.home),
        plan_(std::move(plan)),
        data_(e.data, e.data + plan_->program.data_count),
        results_(std::max<size_t>(2, size_t(plan_->program.result_count))) {}
  AsyncRun(const AsyncRun&) = delete;
  AsyncRun& operator=(const AsyncRun&) = delete;

  // The promise of its outcome; null if it could not be started.
  static napi_value start(napi_env env, std::unique_ptr<AsyncRun> run, napi_value held) {
    napi_value promise = nullptr, name = nullptr;
    bool ok = napi_create_string_utf8(env, "gradtape", NAPI_AUTO_LENGTH, &name) == napi_ok &&
              napi_create_reference(env, held, 1, &run->held_) == napi_ok &&
              napi_create_async_work(env, nullptr, name, execute, complete, run.get(), &run->work_) == napi_ok &&
              napi_create_promise(env, &run->deferred_, &promise) == napi_ok &&
              napi_queue_async_work(env, run->work_) == napi_ok;
    if (ok) {
      run.release();  // complete() deletes it
      return promise;
    }
    run->end(env);
    return nullptr;
  }

 private:
  static void execute(napi_env, void* run) { static_cast<AsyncRun*>(run)->execute(); }

  void execute() noexcept {
    outcome_ = outcome_of([this] {
      std::unique_ptr<Executor> executor = home_->idle.take();
      const Failure failure = run(*plan_, data_.data(), results_.data(), *executor, home_->pool);
      home_->idle.give_back(std::move(executor));
      return failure;
    });
    results_[0] = outcome_.status == kOk ? results_[0] : double(outcome_.failure.index);
    results_[1] = outcome_.status == kOk ? results_[1] : double(outcome_.failure.length);
  }

  static void complete(napi_env env, napi_status status, void* data) {
    const std::unique_ptr<AsyncRun> run(static_cast<AsyncRun*>(data));
    if (status == napi_ok) run->resolve(env);
    run->end(env);
  }

  void resolve(napi_env env) {
    napi_value out = nullptr, numbers = nullptr, error = nullptr;
    bool ok = napi_create_object(env, &out) == napi_ok &&
              napi_create_array_with_length(env, results_.size(), &numbers) == napi_ok;
    for (size_t i = 0; ok && i < results_.size(); ++i) {
      napi_value number = nullptr;
      ok = napi_create_double(env, results_[i], &number) == napi_ok &&
           napi_set_element(env, numbers, uint32_t(i), number) == napi_ok;
    }
    for (auto [name, value] :
         {std::pair{"status", int32_t(outcome_.status)}, std::pair{"failedValue", outcome_.failure.value}}) {
      napi_value number = nullptr;
      ok = ok && napi_create_int32(env, value, &number) == napi_ok &&
           napi_set_named_property(env, out, name, number) == napi_ok;
    }
    ok = ok && napi_create_string_utf8(env, outcome_.error.c_str(), NAPI_AUTO_LENGTH, &error) == napi_ok &&
         napi_set_named_property(env, out, "error", error) == napi_ok &&
         napi_set_named_property(env, out, "results", numbers) == napi_ok;
    if (ok) napi_resolve_deferred(env, deferred_, out);
  }

  void end(napi_env env) {
    if (work_) napi_delete_async_work(env, work_);
    if (held_) napi_delete_reference(env, held_);
  }

  std::shared_ptr<Home> home_;
  std::shared_ptr<const Plan> plan_;
  std::vector<double> data_, results_;
  Outcome outcome_;
  napi_deferred deferred_ = nullptr;
  napi_async_work work_ = nullptr;
  napi_ref held_ = nullptr;
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

// runAsync(held): Promise<{status, failedValue, results, error}>; `held` is kept alive until it settles. undefined if
// it could not be started: control says why.
Napi::Value run_async(const Napi::CallbackInfo& info) {
  Instance& e = instance(info);
  napi_value promise = nullptr;
  Outcome outcome = outcome_of([&]() -> Failure {
    const std::shared_ptr<const Plan>* plan = e.find_plan();
    if (plan) promise = AsyncRun::start(info.Env(), std::make_unique<AsyncRun>(e, *plan), info[0]);
    return {};
  });
  if (promise) return Napi::Value(info.Env(), promise);
  if (outcome.status != kOk)
    e.tell(std::move(outcome));
  else
    e.control[kStatus] = kBadProgram;
  return info.Env().Undefined();
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

// free(buffer: ArrayBuffer): gives its memory back now, not when the collector comes; it is empty afterwards
Napi::Value free_buffer(const Napi::CallbackInfo& info) {
  napi_detach_arraybuffer(info.Env(), info[0]);
  return info.Env().Undefined();
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

// rest(): gives back what is too much for a program that does nothing
Napi::Value rest(const Napi::CallbackInfo& info) {
  instance(info).home->rest();
  return info.Env().Undefined();
}

// clear(): gives back all that no running program needs
Napi::Value clear(const Napi::CallbackInfo& info) {
  instance(info).home->clear();
  return info.Env().Undefined();
}

Napi::Value last_error(const Napi::CallbackInfo& info) { return Napi::String::New(info.Env(), instance(info).error); }

// setIsa(name): boolean; '' takes the best one
Napi::Value set_isa(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), instance(info).choose_isa(info[0].As<Napi::String>().Utf8Value()));
}

// setThreads(count)
Napi::Value set_threads(const Napi::CallbackInfo& info) {
  instance(info).want_threads(info[0].As<Napi::Number>().Uint32Value());
  return info.Env().Undefined();
}

Napi::Value isa(const Napi::CallbackInfo& info) { return Napi::String::New(info.Env(), instance(info).isa()); }

using Entry = Napi::Value (*)(const Napi::CallbackInfo&);

[[noreturn]] void throw_coded(Napi::Env env, const char* code, const std::string& message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", code);
  throw error;
}

template <Entry entry>
Napi::Value guarded(const Napi::CallbackInfo& info) {
  try {
    return entry(info);
  } catch (const Napi::Error&) {
    throw;
  } catch (const std::bad_alloc&) {
    throw_coded(info.Env(), "ERR_OUT_OF_MEMORY", "gradtape: no memory for the addon's own lists");
  } catch (const std::exception& e) {
    throw_coded(info.Env(), "ERR_INTERNAL", std::string("gradtape: the addon failed: ") + e.what());
  }
}

// The copy's state lives as long as any of its entries.
void keep_alive(napi_env env, napi_value entry, const std::shared_ptr<Instance>& e) {
  auto kept = std::make_unique<std::shared_ptr<Instance>>(e);
  const auto release = [](napi_env, void* data, void*) { delete static_cast<std::shared_ptr<Instance>*>(data); };
  if (napi_add_finalizer(env, entry, kept.get(), release, nullptr, nullptr) != napi_ok) throw Napi::Error::New(env);
  kept.release();
}

// open(): the entries for one copy of the library. A buffer's address is asked for once, at allocation; everything
// after is a number.
Napi::Value open(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Loaded& loaded = *env.GetInstanceData<Loaded>();
  const auto e = std::make_shared<Instance>(env, loaded.home);
  Napi::Object entries = Napi::Object::New(env);
  napi_value hot;
  if (napi_create_function(env, "run", NAPI_AUTO_LENGTH, run_mailbox, e.get(), &hot) != napi_ok)
    throw Napi::Error::New(env);
  keep_alive(env, hot, e);
  entries["run"] = Napi::Value(env, hot);
  const std::pair<const char*, Entry> cold[] = {
      {"setMailbox", guarded<set_mailbox>},
      {"runAsync", guarded<run_async>},
      {"track", guarded<track>},
      {"addressOf", guarded<address_of>},
      {"released", guarded<released>},
      {"free", guarded<free_buffer>},
      {"memory", guarded<memory>},
      {"rest", guarded<rest>},
      {"clear", guarded<clear>},
      {"lastError", guarded<last_error>},
      {"setIsa", guarded<set_isa>},
      {"setThreads", guarded<set_threads>},
      {"isa", guarded<isa>},
  };
  for (const auto& [name, entry] : cold) {
    const Napi::Function function = Napi::Function::New(env, entry, name, e.get());
    keep_alive(env, function, e);
    entries[name] = function;
  }
  if (loaded.common.IsEmpty()) loaded.common = Napi::Persistent(Napi::Object::New(env));
  entries["common"] = loaded.common.Value();
  Napi::Array isas = Napi::Array::New(env);
  for (const std::string& name : available_isas()) isas[isas.Length()] = Napi::String::New(env, name);
  entries["isas"] = isas;
  Napi::Array statuses = Napi::Array::New(env);
  for (const char* name : {"ok", "badProgram", "inside"}) statuses[statuses.Length()] = Napi::String::New(env, name);
  for (int code = Failure::kNone + 1; code < Failure::kCodes; ++code) {
    statuses[uint32_t(kFailed + code)] = Napi::String::New(env, kFailureNames[code]);
  }
  entries["statuses"] = statuses;
  Napi::Array opcodes = Napi::Array::New(env);
  for (const Form& form : forms()) {
    Napi::Object o = Napi::Object::New(env);
    o["name"] = form.name;
    o["numbers"] = form.numbers;
    o["sizes"] = form.sizes;
    o["cheap"] = form.cheap;
    o["elementwise"] = is_elementwise(int32_t(opcodes.Length()));
    opcodes[opcodes.Length()] = o;
  }
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
  env.SetInstanceData(new Loaded);
  exports["open"] = Napi::Function::New(env, guarded<open>, "open");
  return exports;
}

}  // namespace
}  // namespace gradtape

Napi::Object Init(Napi::Env env, Napi::Object exports) { return gradtape::init(env, exports); }
NODE_API_MODULE(gradtape, Init)
