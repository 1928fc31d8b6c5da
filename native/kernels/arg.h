// Index of the first largest or smallest element of each row; the first NaN counts as both.
#pragma once

#include "reduce.h"

namespace gradtape {
namespace GRADTAPE_ISA {
namespace {

template <class T, bool largest>
struct Arg {
  using V = Vec<T>;
  static constexpr size_t L = kLanes<T>;
  static constexpr size_t kBlock = 1024;

  template <class X>
  static GRADTAPE_INLINE auto better(X x, X best) {
    return largest ? x > best : x < best;
  }

  static GRADTAPE_INLINE size_t short_row(const T* p, size_t n) {
    T best = p[0];
    size_t at = 0;
    for (size_t j = 1; j < n; ++j) {
      const bool take = better(p[j], best) | ((p[j] != p[j]) & (best == best));
      best = take ? p[j] : best;
      at = take ? j : at;
    }
    return at;
  }

  // L short rows side by side.
  static GRADTAPE_INLINE void short_rows(const T* p, int32_t* to, size_t n) {
    using I = IntVec<V>;
    V best = {};
    I at = {};
    each_column(p, n, [&](size_t j, V v) GRADTAPE_LAMBDA {
      auto take = better(v, best);
      if constexpr (!vmath::kIsInt<V>) take = take | ((v != v) & (best == best));
      best = j == 0 ? v : select(take, v, best);
      at = j == 0 ? I{} : select(take, splat<I>(Lane<I>(j)), at);
    });
    if constexpr (sizeof(T) == 4)
      store(to, at);
    else
      store(to, low_half(narrow(at, at)));
  }

  // The best of each block is compared, then looked for in its block. n >= L.
  static GRADTAPE_INLINE size_t long_row(const T* p, size_t n) {
    using Best = Reduce<std::conditional_t<largest, MaxOf, MinOf>, T>;
    T best = p[0];
    size_t block = 0, length = 0;
    for (size_t i = 0; i < n; i += length) {
      length = n - i < 2 * kBlock ? n - i : kBlock;
      const T x = Best::long_row(p + i, length);
      if (i == 0 || better(x, best) || x != x) best = x, block = i;
      if (x != x) break;
    }
    // The last vector of a row must not be read beyond its end: it is searched an element at a time.
    size_t i = block;
    for (; i + L <= n; i += L) {
      const V v = load(p + i);
      if (any(best != best ? v != v : v == splat<V>(best))) break;
    }
    while (best != best ? p[i] == p[i] : p[i] != best) ++i;
    return i;
  }

  static void rows(const void* x, int32_t* out, size_t rows, size_t n) {
    const T* p = static_cast<const T*>(x);
    size_t r = 0;
    if (n >= kShortRow<T>) {
      for (; r < rows; ++r) out[r] = int32_t(long_row(p + r * n, n));
      return;
    }
    if constexpr (sizeof(T) > 1) {
      for (; side_by_side<T>(rows - r, n); r += L) short_rows(p + r * n, out + r, n);
    }
    for (; r < rows; ++r) out[r] = int32_t(short_row(p + r * n, n));
  }
};

}  // namespace
}  // namespace GRADTAPE_ISA
}  // namespace gradtape
