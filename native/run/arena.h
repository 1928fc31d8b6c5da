// Memory for the temporaries of programs: one block that grows to the largest program and is used again by the next.
// It gives itself back once the programs of a second need much less, and at the latest with its owner.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace gradtape {

class Arena {
 public:
  Arena() = default;
  ~Arena() { release(); }
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // At least `bytes` bytes, 64-byte aligned; null if the system refuses, or if `bytes` is 0 and the arena is empty. The
  // contents of the last reservation are lost.
  char* reserve(size_t bytes) {
    if (bytes_ >= kWatched) {
      if (bytes > most_) most_ = bytes;
      if (++uses_ % kUses == 0) review(bytes);
    }
    return bytes <= bytes_ ? memory_ : grow(bytes);
  }

  // Gives the memory back to the system.
  void release();

  // Counts the pages of the first `bytes` bytes that are not in memory, and so will be faulted in when they are
  // touched. (Linux; elsewhere it counts nothing.)
  void count_absent_pages(size_t bytes);

  size_t bytes() const { return bytes_; }
  uint64_t absent_pages() const { return absent_pages_; }
  uint64_t growths() const { return growths_; }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr size_t kWatched = size_t{32} << 20;  // smaller arenas are not reviewed
  static constexpr uint32_t kUses = 64;                 // from one look at the clock (25 ns) to the next
  static constexpr size_t kTooLarge = 4;  // an arena is given back if it is so many times what programs need

  char* grow(size_t bytes);
  bool obtain(size_t bytes);
  void review(size_t bytes);

  char* memory_ = nullptr;
  size_t bytes_ = 0;
  size_t most_ = 0;  // that a program needed since the clock was looked at
  uint32_t uses_ = 0;
  Clock::time_point since_;
  uint64_t growths_ = 0;
  uint64_t absent_pages_ = 0;
};

}  // namespace gradtape
