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
      if (entry != again_.entries.begin()) {
        move(entry, again_);
        bound(entry);
      }
      return &entry->plan;
    }
  }
  auto plan = std::make_shared<Plan>();
  error = make_plan(words, count, kernels, threads, *plan);
  if (!error.empty()) return nullptr;
  const size_t bytes = plan->bytes();
  if (found != places_.end()) drop(found->second);
  Segment& segment = remembered(hash) == hash ? again_ : once_;
  segment.entries.push_front({hash, bytes, std::move(plan), &segment});
  const Entries::iterator entry = segment.entries.begin();
  try {
    places_[hash] = entry;
  } catch (...) {
    segment.entries.pop_front();
    throw;
  }
  segment.bytes += bytes;
  ++made_;
  bound(entry);
  return &entry->plan;
}

void PlanCache::trim(size_t bytes_left) {
  while (bytes() > bytes_left) drop(--(once_.entries.empty() ? again_ : once_).entries.end());
}

// Drops what is too much, and not the latest plan.
void PlanCache::bound(Entries::iterator latest) {
  const auto oldest_but_latest = [&](Segment& segment) {
    auto entry = segment.entries.end();
    if (entry != segment.entries.begin() && --entry == latest && entry != segment.entries.begin()) --entry;
    return entry == latest ? segment.entries.end() : entry;
  };
  while (again_.entries.size() > kMaxAgain || again_.bytes > kMaxBytes - kMaxOnceBytes) {
    const auto entry = oldest_but_latest(again_);
    if (entry == again_.entries.end()) break;
    move(entry, once_);
  }
  while (once_.bytes > kMaxOnceBytes || places_.size() > kMaxPlans) {
    const auto entry = oldest_but_latest(once_);
    if (entry == once_.entries.end()) break;
    drop(entry);
  }
}

void PlanCache::move(Entries::iterator entry, Segment& to) {
  entry->segment->bytes -= entry->bytes;
  to.bytes += entry->bytes;
  to.entries.splice(to.entries.begin(), entry->segment->entries, entry);
  entry->segment = &to;
}

void PlanCache::drop(Entries::iterator entry) {
  Segment& segment = *entry->segment;
  if (&segment == &once_) remembered(entry->hash) = entry->hash;
  segment.bytes -= entry->bytes;
  places_.erase(entry->hash);
  segment.entries.erase(entry);
}

}  // namespace gradtape
