#include "async-run.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace gradtape {

AsyncRun::AsyncRun(AsyncRuns& runs, const Instance& e, std::shared_ptr<const Plan> plan, uint32_t ticket)
    : runs_(runs),
      home_(e.home),
      plan_(std::move(plan)),
      ticket_(ticket),
      data_(e.data, e.data + plan_->program.data_count),
      results_(std::max<size_t>(2, size_t(plan_->program.result_count))) {}

napi_value AsyncRun::promise(napi_env env, napi_value held) {
  napi_value promise = nullptr;
  const bool ok = napi_create_reference(env, held, 1, &held_) == napi_ok &&
                  napi_create_promise(env, &deferred_, &promise) == napi_ok;
  return ok ? promise : nullptr;
}

void AsyncRun::execute() noexcept {
  outcome_ = outcome_of([this] {
    std::optional<Pool::Sharer> sharer;
    Pool& pool = is_short() ? home_->pool : home_->long_pool;
    if (!is_short()) sharer.emplace(pool);
    std::unique_ptr<Executor> executor = home_->idle.take();
    executor->yields = !is_short();
    executor->unwanted = &unwanted_;
    const Failure failure = run(*plan_, data_.data(), results_.data(), *executor, pool);
    executor->unwanted = nullptr;
    stopped_ = executor->stopped;
    home_->idle.give_back(std::move(executor));
    return failure;
  });
  for (size_t i = 0; outcome_.status != kOk && i < 2; ++i) results_[i] = double(outcome_.failure.numbers[i]);
  runs_.tell(this);
}

void AsyncRun::resolve(napi_env env, bool withdrawn) {
  napi_value value = nullptr;
  if (withdrawn || stopped_)
    napi_get_undefined(env, &value);
  else
    value = outcome(env);
  if (value) napi_resolve_deferred(env, deferred_, value);
  napi_delete_reference(env, held_);
}

napi_value AsyncRun::outcome(napi_env env) {
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
  return ok ? out : nullptr;
}

// The hook is added behind Node's own for the function, so it is called first.
bool AsyncRuns::open() {
  if (delivery_) return true;
  napi_value name = nullptr;
  return napi_create_string_utf8(env_, "gradtape", NAPI_AUTO_LENGTH, &name) == napi_ok &&
         napi_create_threadsafe_function(env_, nullptr, nullptr, name, 0, 1, nullptr, nullptr, this, deliver,
                                         &delivery_) == napi_ok &&
         napi_unref_threadsafe_function(env_, delivery_) == napi_ok &&
         napi_add_env_cleanup_hook(env_, end, this) == napi_ok;
}

napi_value AsyncRuns::start(const Instance& e, std::shared_ptr<const Plan> plan, napi_value held, uint32_t& ticket) {
  if (!open()) return nullptr;
  ticket = ++tickets_;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    done_.reserve(flying_.size() + 1);
    telling_.reserve(flying_.size() + 1);
  }
  AsyncRun& run = *flying_.emplace(ticket, std::make_unique<AsyncRun>(*this, e, std::move(plan), ticket)).first->second;
  const napi_value promise = run.promise(env_, held);
  if (!promise) {
    flying_.erase(ticket);
    return nullptr;
  }
  if (flying_.size() == 1) napi_ref_threadsafe_function(env_, delivery_);
  bool pushed = false;
  try {
    pushed = home_->queue.push(&run, this, run.is_short());
  } catch (...) {  // no memory for the queue
  }
  if (!pushed) run.execute();
  return promise;
}

bool AsyncRuns::withdraw(uint32_t ticket) {
  const auto found = flying_.find(ticket);
  if (found == flying_.end()) return false;
  if (!home_->queue.withdraw(found->second.get())) {
    found->second->stop();
    return false;
  }
  found->second->resolve(env_, true);
  erase(ticket);
  return true;
}

void AsyncRuns::tell(AsyncRun* run) noexcept {
  bool first;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    first = done_.empty();
    done_.push_back(run);
  }
  if (first) napi_call_threadsafe_function(delivery_, nullptr, napi_tsfn_nonblocking);
}

void AsyncRuns::deliver(napi_env env, napi_value, void* runs, void*) {
  if (!env) return;  // it ends
  AsyncRuns& self = *static_cast<AsyncRuns*>(runs);
  {
    std::lock_guard<std::mutex> lock(self.mutex_);
    self.telling_.swap(self.done_);
  }
  for (AsyncRun* run : self.telling_) {
    napi_handle_scope scope = nullptr;
    if (napi_open_handle_scope(env, &scope) != napi_ok) continue;
    run->resolve(env, false);
    napi_close_handle_scope(env, scope);
    self.erase(run->ticket());
  }
  self.telling_.clear();
}

void AsyncRuns::erase(uint32_t ticket) {
  flying_.erase(ticket);
  if (flying_.empty()) napi_unref_threadsafe_function(env_, delivery_);
}

void AsyncRuns::end(void* runs) {
  AsyncRuns& self = *static_cast<AsyncRuns*>(runs);
  self.home_->queue.leave(&self);
  self.flying_.clear();
}

}  // namespace gradtape
