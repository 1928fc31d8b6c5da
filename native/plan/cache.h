// The plans of the latest programs, found by their words. Bounded in number and in bytes: what was not asked for for
// the longest time goes first.
#pragma once

#include <list>
#include <memory>
#include <string>
#include <unordered_map>

#include "plan.h"

namespace gradtape {

class PlanCache {
 public:
  static constexpr size_t kMaxPlans = 512;
  static constexpr size_t kMaxBytes = size_t{64} << 20;

  // The plan of these words, from the cache if it was made before; null (and `error`) if they are malformed. Holds
  // until the next call. Throws std::bad_alloc, and is as before then.
  const std::shared_ptr<const Plan>* find(const int32_t* words, size_t count, const Kernels& kernels, size_t threads,
                                          std::string& error);

  // Drops plans down to so many bytes. The latest one stays when a new one comes in, however large it is; here it does
  // not.
  void trim(size_t bytes);

  size_t bytes() const { return bytes_; }
  uint64_t made() const { return made_; }

 private:
  struct Entry {
    uint64_t hash;
    size_t bytes;
    std::shared_ptr<const Plan> plan;
  };
  using Entries = std::list<Entry>;  // the latest first

  void drop(Entries::iterator entry);

  Entries entries_;
  std::unordered_map<uint64_t, Entries::iterator> places_;
  size_t bytes_ = 0;
  uint64_t made_ = 0;
};

}  // namespace gradtape
