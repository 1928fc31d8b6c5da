#include "arena.h"

#include <algorithm>

#if defined(_WIN32)
#include <malloc.h>
#else
#include <sys/mman.h>
#endif

namespace gradtape {

namespace {
constexpr size_t kHuge = size_t{2} << 20;
constexpr auto kWhile = std::chrono::seconds(1);
}  // namespace

char* Arena::grow(size_t bytes) {
  release();
  // Half as much again, if the system has it: programs that grow slowly do not move the arena each time.
  if (!obtain(bytes + bytes / 2) && !obtain(bytes)) return nullptr;
  most_ = bytes;
  since_ = Clock::now();
  ++growths_;
  return memory_;
}

// Takes whole huge pages, unless the arena is small.
bool Arena::obtain(size_t bytes) {
  const size_t page = bytes < kHuge ? 4096 : kHuge, whole = (bytes + page - 1) / page * page;
  if (whole < bytes) return false;
#if defined(_WIN32)
  memory_ = static_cast<char*>(_aligned_malloc(whole, 64));
  if (!memory_) return false;
#else
  void* p = mmap(nullptr, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) return false;
#if defined(MADV_HUGEPAGE)
  if (whole >= kHuge) madvise(p, whole, MADV_HUGEPAGE);
#endif
  memory_ = static_cast<char*>(p);
#endif
  bytes_ = whole;
  return true;
}

// Called by reserve, because a loop that never yields never comes to rest, when JavaScript would call release.
void Arena::review(size_t bytes) {
  const Clock::time_point now = Clock::now();
  if (now - since_ < kWhile) return;
  if (most_ < bytes_ / kTooLarge) release();
  since_ = now;
  most_ = bytes;
}

void Arena::count_absent_pages(size_t bytes) {
#if defined(__linux__)
  constexpr size_t kPage = 4096;
  unsigned char residence[kPage];
  for (size_t at = 0; at < bytes; at += kPage * sizeof(residence)) {
    const size_t length = std::min(bytes - at, kPage * sizeof(residence));
    if (mincore(memory_ + at, length, residence) != 0) return;
    for (size_t i = 0; i < (length + kPage - 1) / kPage; ++i) absent_pages_ += !(residence[i] & 1);
  }
#else
  (void)bytes;
#endif
}

void Arena::release() {
  if (!memory_) return;
#if defined(_WIN32)
  _aligned_free(memory_);
#else
  munmap(memory_, bytes_);
#endif
  memory_ = nullptr;
  bytes_ = 0;
}

}  // namespace gradtape
