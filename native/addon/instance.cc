#include "instance.h"

#include <algorithm>
#include <utility>

namespace gradtape {

Instance::~Instance() {
  home->wanted.erase(std::find(home->wanted.begin(), home->wanted.end(), &wanted_));
  home->set_threads();
}

void Instance::run_mailbox() noexcept {
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

void Instance::tell(Outcome outcome) noexcept {
  control[kStatus] = outcome.status;
  control[kFailedValue] = outcome.failure.value;
  for (int i = 0; i < 2; ++i) results[i] = double(outcome.failure.numbers[i]);
  error = std::move(outcome.error);
  if (outcome.status == kFailedMemory) home->clear();
}

const std::shared_ptr<const Plan>* Instance::find_plan() {
  const int32_t n = control[kWordCount];
  if (n < 0 || size_t(n) > word_capacity) {
    error = "word count exceeds the mailbox";
    return nullptr;
  }
  const std::shared_ptr<const Plan>* plan =
      home->plans.find(words, size_t(n), *kernels_, std::max<size_t>(wanted_.of_program, 1), error);
  if (plan && (size_t((*plan)->program.data_count) > data_capacity ||
               size_t((*plan)->program.result_count) > result_capacity)) {
    error = "program needs a larger mailbox";
    return nullptr;
  }
  return plan;
}

bool Instance::choose_isa(const std::string& isa) {
  const Kernels* kernels = kernels_for(isa);
  if (kernels) kernels_ = kernels;
  return kernels;
}

void Instance::want_threads(size_t of_program, size_t of_queue) {
  wanted_ = {of_program, of_queue};
  home->set_threads();
}

}  // namespace gradtape
