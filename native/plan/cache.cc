#include "cache.h"

#include <cstring>
#include <utility>

namespace gradtape {
namespace {

// Two chains of products, each over every second pair of words: they run at the same time.
uint64_t hash_words(const int32_t* words, size_t n, uint64_t seed) {
  constexpr uint64_t kOdd = 0x9e3779b97f4a7c15u;
  const auto next = [](uint64_t h, uint64_t pair) { return ((h << 7 | h >> 57) ^ pair) * kOdd; };
  uint64_t h[2] = {(n ^ seed) * kOdd, seed}, pairs[2];
  size_t i = 0;
  for (; i + 4 <= n; i += 4) {
    std::memcpy(pairs, words + i, sizeof(pairs));
    for (int k = 0; k < 2; ++k) h[k] = next(h[k], pairs[k]);
  }
  for (; i < n; ++i) h[0] = next(h[0], uint32_t(words[i]));
  return next(h[0], h[1]);
}

}  // namespace

const std::shared_ptr<const Plan>* PlanCache::find(const int32_t* words, size_t count, const Kernels& kernels,
                                                   size_t threads, std::string& error) {
  // Copies of the library with other settings have plans of their own.
  const uint64_t hash = hash_words(words, count, reinterpret_cast<uintptr_t>(&kernels) ^ threads << 1);
  const auto found = places_.find(hash);
  if (found != places_.end()) {
    const Entries::iterator entry = found->second;
    const Plan& plan = *entry->plan;
    const std::vector<int32_t>& known = plan.program.words;
    if (plan.kernels == &kernels && plan.threads == threads && known.size() == count &&
        std::memcmp(known.data(), words, sizeof(int32_t) * count) == 0) {
      if (entry != entries_.begin()) entries_.splice(entries_.begin(), entries_, entry);
      return &entry->plan;
    }
  }
  auto plan = std::make_shared<Plan>();
  error = make_plan(words, count, kernels, threads, *plan);
  if (!error.empty()) return nullptr;
  const size_t bytes = plan->bytes();
  if (found != places_.end()) drop(found->second);
  while (!entries_.empty() && (entries_.size() >= kMaxPlans || bytes_ + bytes > kMaxBytes)) drop(--entries_.end());
  entries_.push_front({hash, bytes, std::move(plan)});
  try {
    places_[hash] = entries_.begin();
  } catch (...) {
    entries_.pop_front();
    throw;
  }
  bytes_ += bytes;
  ++made_;
  return &entries_.front().plan;
}

void PlanCache::trim(size_t bytes) {
  while (bytes_ > bytes) drop(--entries_.end());
}

void PlanCache::drop(Entries::iterator entry) {
  bytes_ -= entry->bytes;
  places_.erase(entry->hash);
  entries_.erase(entry);
}

}  // namespace gradtape
