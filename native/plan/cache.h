// The plans of the latest programs, found by their words. Bounded in number and in bytes, in two segments: plans that
// were asked for once, and those that were asked for again, which programs that never come again do not push out.
#pragma once

#include <array>
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
  static constexpr size_t kMaxOnceBytes = size_t{8} << 20;  // of plans that were asked for once

  // The plan of these words, from the cache if it was made before; null (and `error`) if they are malformed. Holds
  // until the next call. Throws std::bad_alloc, and is as before then.
  const std::shared_ptr<const Plan>* find(const int32_t* words, size_t count, const Kernels& kernels, size_t threads,
                                          std::string& error);

  // Drops plans down to so many bytes. The latest one stays when a new one comes in, however large it is; here it does
  // not.
  void trim(size_t bytes);

  size_t bytes() const { return once_.bytes + again_.bytes; }
  uint64_t made() const { return made_; }

 private:
  struct Segment;
  struct Entry {
    uint64_t hash;
    size_t bytes;
    std::shared_ptr<const Plan> plan;
    Segment* segment;
  };
  using Entries = std::list<Entry>;
  struct Segment {
    Entries entries;  // the latest first
    size_t bytes = 0;
  };
  static constexpr size_t kMaxAgain = 448;  // of kMaxPlans: the others are room for new ones
  static constexpr size_t kRemembered = 4096;

  void move(Entries::iterator entry, Segment& to);
  void drop(Entries::iterator entry);
  void bound(Entries::iterator latest);
  uint64_t& remembered(uint64_t hash) { return remembered_[hash >> 52]; }

  Segment once_, again_;
  std::unordered_map<uint64_t, Entries::iterator> places_;
  // Hashes of plans that were dropped from once_: such a program, planned again, has been asked for again.
  std::array<uint64_t, kRemembered> remembered_{};
  uint64_t made_ = 0;
};

}  // namespace gradtape
