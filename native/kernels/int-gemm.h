// Matrix product of int32, which wraps.
#pragma once

#include "kernels.h"

namespace gradtape {
namespace GRADTAPE_ISA {
namespace {

// A plain loop over rows of b.
struct IntGemm {
  static void run(size_t m, size_t n, size_t k, const void* a, ptrdiff_t rsa, ptrdiff_t csa, const void* b,
                  ptrdiff_t rsb, ptrdiff_t csb, void* c, ptrdiff_t rsc, bool accumulate, void*,
                  const GemmListener* listener) {
    const uint32_t* pa = static_cast<const uint32_t*>(a);
    const uint32_t* pb = static_cast<const uint32_t*>(b);
    for (size_t i = 0; i < m; ++i) {
      uint32_t* row = static_cast<uint32_t*>(c) + ptrdiff_t(i) * rsc;
      if (!accumulate) {
        for (size_t j = 0; j < n; ++j) row[j] = 0;
      }
      for (size_t p = 0; p < k; ++p) {
        const uint32_t x = pa[ptrdiff_t(i) * rsa + ptrdiff_t(p) * csa];
        const uint32_t* y = pb + ptrdiff_t(p) * rsb;
        if (csb == 1) {
          for (size_t j = 0; j < n; ++j) row[j] += x * y[j];
        } else {
          for (size_t j = 0; j < n; ++j) row[j] += x * y[ptrdiff_t(j) * csb];
        }
      }
      if (listener && listener->progress) listener->progress(listener->context, n * k);
    }
    if (listener && listener->done) listener->done(listener->context, 0, m, 0, n);
  }
  static size_t workspace(size_t, size_t, size_t) { return 0; }
};

}  // namespace
}  // namespace GRADTAPE_ISA
}  // namespace gradtape
