// One program on a thread of Node's.
#pragma once

#include <node_api.h>

#include <memory>
#include <vector>

#include "instance.h"

namespace gradtape {

// Owns copies of everything but the buffers, which `held` keeps alive. Calls of Node-API may fail in a worker that is
// being ended: there is nobody left to tell then.
class AsyncRun {
 public:
  AsyncRun(const Instance& e, std::shared_ptr<const Plan> plan);
  AsyncRun(const AsyncRun&) = delete;
  AsyncRun& operator=(const AsyncRun&) = delete;

  // The promise of its outcome {status, failedValue, results, error}; null if it could not be started.
  static napi_value start(napi_env env, std::unique_ptr<AsyncRun> run, napi_value held);

 private:
  static void execute(napi_env, void* run) { static_cast<AsyncRun*>(run)->execute(); }
  static void complete(napi_env env, napi_status status, void* data);
  void execute() noexcept;
  void resolve(napi_env env);
  void end(napi_env env);

  std::shared_ptr<Home> home_;
  std::shared_ptr<const Plan> plan_;
  std::vector<double> data_, results_;
  Outcome outcome_;
  napi_deferred deferred_ = nullptr;
  napi_async_work work_ = nullptr;
  napi_ref held_ = nullptr;
};

}  // namespace gradtape
