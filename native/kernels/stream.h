// Stores that go past the caches, for results too large to stay in them: a line need not be read before it is written.
#pragma once

#include <cstring>

#include "simd/simd.h"

namespace gradtape {
namespace GRADTAPE_ISA {
namespace {

#if defined(__AVX512F__)
GRADTAPE_INLINE void stream_vector(char* to, const char* from) {
  _mm512_stream_si512(reinterpret_cast<__m512i*>(to), _mm512_loadu_si512(from));
}
#elif defined(__AVX2__)
GRADTAPE_INLINE void stream_vector(char* to, const char* from) {
  _mm256_stream_si256(reinterpret_cast<__m256i*>(to), _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
}
#elif defined(__SSE2__)
GRADTAPE_INLINE void stream_vector(char* to, const char* from) {
  _mm_stream_si128(reinterpret_cast<__m128i*>(to), _mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
}
#else
GRADTAPE_INLINE void stream_vector(char* to, const char* from) { std::memcpy(to, from, kVectorBytes); }
#endif

// Whole lines of the cache; what is before and behind them is stored as ever.
void stream_copy(void* to_, const void* from_, size_t n) {
  constexpr size_t kLineBytes = 64;
  char* to = static_cast<char*>(to_);
  const char* from = static_cast<const char*>(from_);
  const size_t head = size_t(-reinterpret_cast<uintptr_t>(to)) % kLineBytes;
  size_t i = head < n ? head : n;
  std::memcpy(to, from, i);
  for (; i + kLineBytes <= n; i += kLineBytes) {
    for (size_t at = i; at < i + kLineBytes; at += kVectorBytes) stream_vector(to + at, from + at);
  }
  std::memcpy(to + i, from + i, n - i);
}

}  // namespace
}  // namespace GRADTAPE_ISA
}  // namespace gradtape
