// What ends stores that go past the caches (Kernels::stream_copy).
#pragma once

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace gradtape {

inline void stream_fence() {
#if defined(__SSE2__)
  _mm_sfence();
#endif
}

}  // namespace gradtape
