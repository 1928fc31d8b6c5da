#include "arena.h"

#if defined(_WIN32)
#include <malloc.h>
#else
#include <sys/mman.h>
#endif

namespace gradtape {

namespace {
constexpr size_t kHuge = size_t{2} << 20;
}

Arena::~Arena() { release(); }

char* Arena::reserve(size_t bytes) {
  if (bytes <= bytes_) return memory_;
  release();
  // Room to grow by a half, in whole huge pages, so that slowly growing programs do not move the arena each time.
  const size_t wanted = bytes + bytes / 2;
  const size_t whole = bytes < kHuge / 2 ? (wanted + 4095) / 4096 * 4096 : (wanted + kHuge - 1) / kHuge * kHuge;
  if (whole < bytes) return nullptr;
#if defined(_WIN32)
  memory_ = static_cast<char*>(_aligned_malloc(whole, 64));
  if (!memory_) return nullptr;
#else
  void* p = mmap(nullptr, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) return nullptr;
#if defined(MADV_HUGEPAGE)
  if (whole >= kHuge) madvise(p, whole, MADV_HUGEPAGE);
#endif
  memory_ = static_cast<char*>(p);
#endif
  bytes_ = whole;
  ++growths_;
  return memory_;
}

void Arena::count_absent_pages(size_t bytes) {
#if defined(__linux__)
  constexpr size_t kPage = 4096;
  const size_t pages = (bytes + kPage - 1) / kPage;
  if (residence_.size() < pages) residence_.resize(pages);
  if (mincore(memory_, bytes, residence_.data()) != 0) return;
  for (size_t i = 0; i < pages; ++i) absent_pages_ += !(residence_[i] & 1);
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
