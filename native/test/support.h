// What the plain test binaries share: counted checks, random numbers that are the same in every run, a clock.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#if defined(_WIN32)
#include <malloc.h>
#endif

namespace gradtape {

inline int passed = 0, failed = 0;

inline void check(bool ok, const std::string& what) {
  if (ok) {
    ++passed;
  } else if (++failed <= 60) {
    std::printf("FAILED %s\n", what.c_str());
  }
}

// Says how many passed; the exit code of the binary.
inline int report_checks() {
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed > 0 ? 1 : 0;
}

// Xorshift64* (Vigna, 2016).
inline uint64_t random_state = 0x9E3779B97F4A7C15;
inline void restart_random() { random_state = 0x9E3779B97F4A7C15; }
inline uint64_t random_bits() {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return random_state * 0x2545F4914F6CDD1D;
}
inline size_t random_below(size_t n) { return size_t(random_bits() % n); }
inline double random_in(double low, double high) { return low + (high - low) * double(random_bits() >> 11) * 0x1p-53; }

// `bytes` is a multiple of `align`.
inline void* aligned_memory(size_t align, size_t bytes) {
#if defined(_WIN32)
  return _aligned_malloc(bytes, align);
#else
  return std::aligned_alloc(align, bytes);
#endif
}
inline void free_aligned(void* p) {
#if defined(_WIN32)
  _aligned_free(p);
#else
  std::free(p);
#endif
}

// In seconds.
inline double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace gradtape
