// Stores that go past the caches, for results too large to stay in them: a line need not be read before it is written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace gradtape {

// Copies n bytes. Other threads see them after stream_fence.
inline void stream_copy(char* to, const char* from, size_t n) {
#if defined(__SSE2__)
  const size_t head = size_t(-reinterpret_cast<uintptr_t>(to)) & 63;
  if (n > head + 64) {
    std::memcpy(to, from, head);
    size_t i = head;
    for (; i + 64 <= n; i += 64) {
      for (size_t k = 0; k < 64; k += 16) {
        const __m128i v = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i + k));
        _mm_stream_si128(reinterpret_cast<__m128i*>(to + i + k), v);
      }
    }
    std::memcpy(to + i, from + i, n - i);
    return;
  }
#endif
  std::memcpy(to, from, n);
}

inline void stream_fence() {
#if defined(__SSE2__)
  _mm_sfence();
#endif
}

}  // namespace gradtape
