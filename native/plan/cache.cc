#include "cache.h"

#include <cstring>
#include <utility>

namespace gradtape {
namespace {

uint64_t hash_words(const int32_t* words, size_t n, uint64_t seed) {
  uint64_t h = (n ^ seed) * 0x9e3779b97f4a7c15u;
  for (size_t i = 0; i < n; ++i) h = ((h << 7 | h >> 57) ^ uint32_t(words[i])) * 0x9e3779b97f4a7c15u;
  return h;
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
