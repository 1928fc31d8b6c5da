// Memory for the temporaries of programs: one block that grows to the largest program and is used again by the next.
// It never shrinks below what the last programs needed, and frees everything with its owner.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace gradtape {

class Arena {
 public:
  Arena() = default;
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // At least `bytes` bytes, 64-byte aligned, or null when the system has none. What was there before is lost.
  char* reserve(size_t bytes);

  // Counts the pages of the first `bytes` bytes that are not in memory, and so will be faulted in when they are
  // touched. (Linux; elsewhere it counts nothing.)
  void count_absent_pages(size_t bytes);

  size_t bytes() const { return bytes_; }
  uint64_t absent_pages() const { return absent_pages_; }
  uint64_t growths() const { return growths_; }

 private:
  void release();
  char* memory_ = nullptr;
  size_t bytes_ = 0;
  uint64_t growths_ = 0;
  uint64_t absent_pages_ = 0;
  std::vector<unsigned char> residence_;
};

}  // namespace gradtape
