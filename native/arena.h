// Memory for the temporaries of programs: one block that grows to the largest program and is used again by the next.
// It never shrinks below what the last programs needed, and frees everything with its owner.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gradtape {

class Arena {
 public:
  Arena() = default;
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // At least `bytes` bytes, 64-byte aligned, or null when the system has none. What was there before is lost.
  char* reserve(size_t bytes);

  size_t bytes() const { return bytes_; }
  uint64_t growths() const { return growths_; }

 private:
  void release();
  char* memory_ = nullptr;
  size_t bytes_ = 0;
  uint64_t growths_ = 0;
};

}  // namespace gradtape
