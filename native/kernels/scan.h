// Running sums. Every sum adds one element after the other along its axis, in every lane and every cut, so its bits
// depend on what came before it alone; integers wrap.
#pragma once

#include <type_traits>

#include "kernels.h"
#include "simd/simd.h"

namespace gradtape {
namespace GRADTAPE_ISA {
namespace {

template <class T>
struct Scan {
  // Integers are added as unsigned ones, which wrap.
  using U = std::conditional_t<std::is_integral_v<T>, uint32_t, T>;
  static constexpr size_t kTogether = 4;  // rows: one addition waits for the one before it, but not for other rows'

  template <size_t R>
  static GRADTAPE_INLINE void few_rows(const U* x, U* out, size_t n, bool exclusive, bool reverse) {
    U sums[R];
    const ptrdiff_t step = reverse ? -1 : 1;
    ptrdiff_t at = reverse ? ptrdiff_t(n) - 1 : 0;
    for (size_t r = 0; r < R; ++r) {
      sums[r] = x[ptrdiff_t(r * n) + at];
      out[ptrdiff_t(r * n) + at] = exclusive ? U(0) : sums[r];
    }
    if (exclusive) {
      for (size_t i = 1; i < n; ++i) {
        at += step;
        for (size_t r = 0; r < R; ++r) {
          out[ptrdiff_t(r * n) + at] = sums[r];
          sums[r] += x[ptrdiff_t(r * n) + at];
        }
      }
      return;
    }
    for (size_t i = 1; i < n; ++i) {
      at += step;
      for (size_t r = 0; r < R; ++r) out[ptrdiff_t(r * n) + at] = sums[r] += x[ptrdiff_t(r * n) + at];
    }
  }

  static void rows(const void* x_, void* out_, size_t rows, size_t n, bool exclusive, bool reverse) {
    const U* x = static_cast<const U*>(x_);
    U* out = static_cast<U*>(out_);
    size_t r = 0;
    for (; r + kTogether <= rows; r += kTogether) few_rows<kTogether>(x + r * n, out + r * n, n, exclusive, reverse);
    for (; r < rows; ++r) few_rows<1>(x + r * n, out + r * n, n, exclusive, reverse);
  }

  static void columns(const void* x_, void* out_, size_t stride, size_t rows, size_t n, bool exclusive, bool reverse) {
    using V = Vec<U>;
    const ptrdiff_t step = reverse ? -ptrdiff_t(stride) : ptrdiff_t(stride);
    const ptrdiff_t first = reverse ? ptrdiff_t((rows - 1) * stride) : 0;
    const U* x = static_cast<const U*>(x_) + first;
    U* out = static_cast<U*>(out_) + first;
    if (exclusive)
      __builtin_memset(out, 0, n * sizeof(U));
    else
      __builtin_memcpy(out, x, n * sizeof(U));
    for (size_t r = 1; r < rows; ++r) {
      const U* from = exclusive ? x : x + step;
      x += step;
      const U* before = out;
      out += step;
      size_t j = 0;
      for (; j + kLanes<U> <= n; j += kLanes<U>) store(out + j, V(load(before + j) + load(from + j)));
      for (; j < n; ++j) out[j] = before[j] + from[j];
    }
  }
};

}  // namespace
}  // namespace GRADTAPE_ISA
}  // namespace gradtape
