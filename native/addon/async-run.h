// Programs on the threads of the queue. Calls of Node-API may fail in a worker that is being ended: there is nobody
// left to tell then.
#pragma once

#include <node_api.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "instance.h"
#include "run/queue.h"

namespace gradtape {

class AsyncRuns;

// One of them. Owns copies of everything but the buffers, which `held` keeps alive.
class AsyncRun final : public Queue::Task {
 public:
  AsyncRun(AsyncRuns& runs, const Instance& e, std::shared_ptr<const Plan> plan, uint32_t ticket);
  AsyncRun(const AsyncRun&) = delete;
  AsyncRun& operator=(const AsyncRun&) = delete;

  uint32_t ticket() const { return ticket_; }
  bool is_short() const { return plan_->is_short(); }

  // Makes the promise; null if Node-API refuses.
  napi_value promise(napi_env env, napi_value held);
  // Resolves it by {status, failedValue, results, error}, or by undefined if the run was withdrawn or stopped.
  void resolve(napi_env env, bool withdrawn);

  void execute() noexcept override;
  // Ends it before its next step, if it runs.
  void stop() { unwanted_.store(true, std::memory_order_relaxed); }

 private:
  napi_value outcome(napi_env env);

  AsyncRuns& runs_;
  const std::shared_ptr<Home> home_;
  const std::shared_ptr<const Plan> plan_;
  const uint32_t ticket_;
  std::vector<double> data_, results_;
  Outcome outcome_;
  std::atomic<bool> unwanted_{false};
  bool stopped_ = false;
  napi_deferred deferred_ = nullptr;
  napi_ref held_ = nullptr;
};

// Those of one environment of Node: what waits, what runs, and what is done and not yet told. While there are any they
// keep the environment alive; when it ends, what waits is forgotten and what runs is waited for.
class AsyncRuns {
 public:
  AsyncRuns(napi_env env, std::shared_ptr<Home> home) : env_(env), home_(std::move(home)) {}
  AsyncRuns(const AsyncRuns&) = delete;
  AsyncRuns& operator=(const AsyncRuns&) = delete;

  // The promise of its outcome, and the ticket by which it can be withdrawn; null if Node-API refuses.
  napi_value start(const Instance& e, std::shared_ptr<const Plan> plan, napi_value held, uint32_t& ticket);
  // Drops the run; one that has begun ends before its next step, and is told of as if it had been dropped. Whether it
  // had not begun.
  bool withdraw(uint32_t ticket);

  // Called where it ran.
  void tell(AsyncRun* run) noexcept;

 private:
  static void deliver(napi_env env, napi_value, void* runs, void*);
  static void end(void* runs);
  bool open();
  void erase(uint32_t ticket);

  const napi_env env_;
  const std::shared_ptr<Home> home_;
  napi_threadsafe_function delivery_ = nullptr;
  uint32_t tickets_ = 0;
  std::unordered_map<uint32_t, std::unique_ptr<AsyncRun>> flying_;  // by ticket
  std::mutex mutex_;
  std::vector<AsyncRun*> done_;     // and not yet told
  std::vector<AsyncRun*> telling_;  // has as much room: nothing is allocated where nobody could be told of a failure
};

}  // namespace gradtape
