#include "async-run.h"

#include <algorithm>
#include <utility>

namespace gradtape {

AsyncRun::AsyncRun(const Instance& e, std::shared_ptr<const Plan> plan)
    : home_(e.home),
      plan_(std::move(plan)),
      data_(e.data, e.data + plan_->program.data_count),
      results_(std::max<size_t>(2, size_t(plan_->program.result_count))) {}

napi_value AsyncRun::start(napi_env env, std::unique_ptr<AsyncRun> run, napi_value held) {
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

void AsyncRun::execute() noexcept {
  outcome_ = outcome_of([this] {
    std::unique_ptr<Executor> executor = home_->idle.take();
    const Failure failure = run(*plan_, data_.data(), results_.data(), *executor, home_->pool);
    home_->idle.give_back(std::move(executor));
    return failure;
  });
  for (size_t i = 0; outcome_.status != kOk && i < 2; ++i) results_[i] = double(outcome_.failure.numbers[i]);
}

void AsyncRun::complete(napi_env env, napi_status status, void* data) {
  const std::unique_ptr<AsyncRun> run(static_cast<AsyncRun*>(data));
  if (status == napi_ok) run->resolve(env);
  run->end(env);
}

void AsyncRun::resolve(napi_env env) {
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

void AsyncRun::end(napi_env env) {
  if (work_) napi_delete_async_work(env, work_);
  if (held_) napi_delete_reference(env, held_);
}

}  // namespace gradtape
