// The entries: open(), the addon's one export, gives a copy of the library its entries: a hot one without arguments
// (run the program in the mailbox) and a few cold ones. A copy's own state lives as long as its entries. Nothing that
// C++ throws leaves an entry: it becomes a status or an error with a code.
#include <napi.h>

#include <memory>
#include <new>
#include <string>
#include <utility>

#include "async-run.h"
#include "instance.h"
#include "reflect.h"

namespace gradtape {
namespace {

// What one loading of the addon into an environment of Node has; it ends with that.
struct Loaded {
  explicit Loaded(napi_env env) : runs(env, home) {}
  std::shared_ptr<Home> home = Home::of_this_thread();
  AsyncRuns runs;
  Napi::ObjectReference common;  // an object for all copies
};

napi_value run_mailbox(napi_env env, napi_callback_info info) {
  void* state = nullptr;
  napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &state);
  static_cast<Instance*>(state)->run_mailbox();
  return nullptr;
}

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

// runAsync(held): {outcome: Promise<{status, failedValue, results, error} | undefined>, ticket, isShort}; `held` is
// kept alive until the promise settles: by undefined if the run was withdrawn. undefined if it could not be started:
// control says why.
Napi::Value run_async(const Napi::CallbackInfo& info) {
  Instance& e = instance(info);
  napi_value promise = nullptr;
  uint32_t ticket = 0;
  bool is_short = true;
  Outcome outcome = outcome_of([&]() -> Failure {
    const std::shared_ptr<const Plan>* plan = e.find_plan();
    if (plan) is_short = (*plan)->is_short();
    if (plan) promise = info.Env().GetInstanceData<Loaded>()->runs.start(e, *plan, info[0], ticket);
    return {};
  });
  if (promise) {
    Napi::Object started = Napi::Object::New(info.Env());
    started["outcome"] = Napi::Value(info.Env(), promise);
    started["ticket"] = double(ticket);
    started["isShort"] = is_short;
    return started;
  }
  if (outcome.status != kOk)
    e.tell(std::move(outcome));
  else
    e.control[kStatus] = kBadProgram;
  return info.Env().Undefined();
}

// withdraw(ticket: number): boolean, whether the asynchronous run had not begun; it never will then, and one that had
// ends before its next step
Napi::Value withdraw(const Napi::CallbackInfo& info) {
  const uint32_t ticket = info[0].As<Napi::Number>().Uint32Value();
  return Napi::Boolean::New(info.Env(), info.Env().GetInstanceData<Loaded>()->runs.withdraw(ticket));
}

// addressOf(buffer: ArrayBuffer, plain: boolean): number, the address of its data. Asks for huge pages unless plain.
Napi::Value address_of(const Napi::CallbackInfo& info) {
  Napi::ArrayBuffer buffer = info[0].As<Napi::ArrayBuffer>();
  void* address = buffer.Data();
  if (!info[1].As<Napi::Boolean>()) ask_for_huge_pages(address, buffer.ByteLength());
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
  Instance& e = instance(info);
  e.buffers.track(info[0], info[1].As<Napi::Number>().DoubleValue(), info[2].As<Napi::Number>().Int32Value());
  e.peak_bytes();
  return info.Env().Undefined();
}

// released(): number[] | undefined
Napi::Value released(const Napi::CallbackInfo& info) {
  const std::vector<int32_t> blocks = instance(info).buffers.take_released();
  if (blocks.empty()) return info.Env().Undefined();
  Napi::Array list = Napi::Array::New(info.Env(), blocks.size());
  for (size_t i = 0; i < blocks.size(); ++i) list[uint32_t(i)] = blocks[i];
  return list;
}

// note(list: 0 | 1, tensor: object)
Napi::Value note(const Napi::CallbackInfo& info) {
  instance(info).noted[info[0].As<Napi::Number>().Uint32Value() & 1].add(info[1]);
  return info.Env().Undefined();
}

// takeNoted(list: 0 | 1): those noted since the last call that are alive
Napi::Value take_noted(const Napi::CallbackInfo& info) {
  return instance(info).noted[info[0].As<Napi::Number>().Uint32Value() & 1].take();
}

// memory(): what lib/engine/addon.ts documents as MemoryInfo
Napi::Value memory(const Napi::CallbackInfo& info) {
  Instance& e = instance(info);
  const Home& home = *e.home;
  e.buffers.sweep();
  Napi::Object out = Napi::Object::New(info.Env());
  const double arenas = double(home.arena_bytes());
  out["tensors"] = double(e.buffers.count());
  out["bytes"] = e.buffers.bytes();
  out["arenaBytes"] = arenas;
  out["peakBytes"] = e.peak_bytes();
  out["plansBytes"] = double(home.plans.bytes());
  out["idleBytes"] = arenas;
  out["arenaGrowths"] = double(home.executor.arena.growths() + home.idle.growths());
  out["arenaPageFaults"] = double(home.executor.arena.absent_pages() + home.idle.absent_pages());
  out["plans"] = double(home.plans.made());
  return out;
}

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

// setThreads(of a program: number, of the queue of asynchronous runs: number)
Napi::Value set_threads(const Napi::CallbackInfo& info) {
  instance(info).want_threads(info[0].As<Napi::Number>().Uint32Value(), info[1].As<Napi::Number>().Uint32Value());
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
      {"withdraw", guarded<withdraw>},
      {"track", guarded<track>},
      {"addressOf", guarded<address_of>},
      {"released", guarded<released>},
      {"free", guarded<free_buffer>},
      {"note", guarded<note>},
      {"takeNoted", guarded<take_noted>},
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
  reflect(env, entries);
  return entries;
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(new Loaded(env));
  exports["open"] = Napi::Function::New(env, guarded<open>, "open");
  return exports;
}

}  // namespace
}  // namespace gradtape

Napi::Object Init(Napi::Env env, Napi::Object exports) { return gradtape::init(env, exports); }
NODE_API_MODULE(gradtape, Init)
