// Index of the first largest or smallest element of each row or column; the first NaN counts as both.
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
  static constexpr size_t kMiddleRow = 512;
  static constexpr size_t kStrip = 2048;  // columns

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
    static_assert(sizeof(T) == 4 || sizeof(T) == 8, "indices are as wide as elements, or half as wide");
    if constexpr (sizeof(T) == 4)
      store(to, at);
    else
      store(to, low_half(narrow(at, at)));
  }

  // The best of each block is compared, then looked for in its block. n >= L.
  static __attribute__((noinline)) size_t long_row(const T* p, size_t n) {
    using Best = Reduce<ExtremeOf<largest>, T>;
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

  // The same in one pass, for 2 * L <= n: every lane keeps its own best and where it was. A sum of all elements tells
  // whether there is NaN (or both infinities); such a row is searched by long_row.
  static GRADTAPE_INLINE size_t middle_row(const T* p, size_t n) {
    using I = IntVec<V>;
    V best[2] = {load(p), load(p + L)}, sum = best[0] + best[1];
    I at[2] = {iota<I>(), iota<I>() + Lane<I>(L)}, index = iota<I>();
    const auto visit = [&](size_t k, V v, I i) GRADTAPE_LAMBDA {
      const auto take = better(v, best[k]);
      best[k] = select(take, v, best[k]);
      at[k] = select(take, i, at[k]);
      sum += v;
    };
    size_t i = 2 * L;
    for (; i + 2 * L <= n; i += 2 * L) {
      index += Lane<I>(2 * L);
      visit(0, load(p + i), index);
      visit(1, load(p + i + L), index + Lane<I>(L));
    }
    if (i + L <= n) visit(0, load(p + i), iota<I>() + Lane<I>(i));
    visit(1, load(p + n - L), iota<I>() + Lane<I>(n - L));
    if (any(sum != sum)) return long_row(p, n);
    const T top = Reduce<ExtremeOf<largest>, T>::across(best_of(best[0], best[1]));
    const I none = splat<I>(Lane<I>(n));
    return size_t(
        least(lesser(select(best[0] == splat<V>(top), at[0], none), select(best[1] == splat<V>(top), at[1], none))));
  }
  static GRADTAPE_INLINE V best_of(V x, V y) { return largest ? greater(x, y) : lesser(x, y); }

  template <class X>
  static GRADTAPE_INLINE Lane<X> least(X x) {
    if constexpr (kLanesOf<X> == 2)
      return x[0] < x[1] ? x[0] : x[1];
    else
      return least(lesser(low_half(x), high_half(x)));
  }

  static void rows(const void* x, void* to, size_t rows, size_t n) {
    const T* p = static_cast<const T*>(x);
    int32_t* out = static_cast<int32_t*>(to);
    size_t r = 0;
    if constexpr (!vmath::kIsInt<V>) {
      if (n >= kShortRow<T> && n <= kMiddleRow) {
        for (; r < rows; ++r) out[r] = int32_t(middle_row(p + r * n, n));
        return;
      }
    }
    if (n >= kShortRow<T>) {
      for (; r < rows; ++r) out[r] = int32_t(long_row(p + r * n, n));
      return;
    }
    if constexpr (sizeof(T) > 1) {
      for (; side_by_side<T>(rows - r, n); r += L) short_rows(p + r * n, out + r, n);
    }
    for (; r < rows; ++r) out[r] = int32_t(short_row(p + r * n, n));
  }

  // The bests of n <= kStrip columns so far, and their rows.
  struct Strip {
    using At = Lane<IntVec<Vec<std::conditional_t<sizeof(T) == 1, int32_t, T>>>>;
    alignas(kVectorBytes) T best[kStrip];
    alignas(kVectorBytes) At at[kStrip];

    GRADTAPE_INLINE void visit(size_t j, T x, size_t row) {
      const bool take = better(x, best[j]) | ((x != x) & (best[j] == best[j])) |
                        (((x == best[j]) | ((x != x) & (best[j] != best[j]))) & (At(row) < at[j]));
      best[j] = take ? x : best[j];
      at[j] = take ? At(row) : at[j];
    }
  };

  static GRADTAPE_INLINE void first_row(Strip& s, const T* p, size_t n) {
    for (size_t j = 0; j < n; ++j) s.best[j] = p[j], s.at[j] = 0;
  }
  // One more row, whatever is NaN: one piece of code for all that are seldom asked for.
  static __attribute__((noinline)) void visit_row(Strip& s, const T* p, size_t n, size_t row) {
    for (size_t j = 0; j < n; ++j) s.visit(j, p[j], row);
  }
  static __attribute__((noinline)) void visit_rows(Strip& s, const T* p, size_t stride, size_t rows, size_t n) {
    first_row(s, p, n);
    for (size_t r = 1; r < rows; ++r) visit_row(s, p + r * stride, n, r);
  }

  // Eight rows a pass. False if there may be NaN after the first row. n >= L.
  static GRADTAPE_INLINE bool all_rows(Strip& s, const T* p, size_t stride, size_t rows, size_t n) {
    using I = IntVec<V>;
    first_row(s, p, n);
    V sum = {};
    const auto pass = [&](size_t r, size_t count) GRADTAPE_LAMBDA {
      for (size_t j = 0;; j = j + 2 * L <= n ? j + L : n - L) {
        V best = load(s.best + j), some = {};
        I at = load(s.at + j);
#pragma GCC unroll 8
        for (size_t k = 0; k < count; ++k) {
          const V v = load(p + (r + k) * stride + j);
          const auto take = better(v, best);
          best = select(take, v, best);
          at = select(take, splat<I>(Lane<I>(r + k)), at);
          some += v;
        }
        store(s.best + j, best);
        store(s.at + j, at);
        sum += some;
        if (j == n - L) break;
      }
    };
    size_t r = 1;
    for (; r + 8 <= rows; r += 8) pass(r, 8);
    for (; r < rows; ++r) pass(r, 1);
    return vmath::kIsInt<V> || !any(sum != sum);
  }
  static __attribute__((noinline)) void find(Strip& s, const T* p, size_t stride, size_t rows, size_t n) {
    if constexpr (sizeof(T) > 1) {
      if (n >= L && all_rows(s, p, stride, rows, n)) return;
    }
    visit_rows(s, p, stride, rows, n);
  }

  static void columns(const void* x, size_t stride, int32_t* out, size_t rows, size_t n) {
    const T* p = static_cast<const T*>(x);
    Strip s;
    // Many short rows count as a few long ones; what is left is compared afterwards.
    size_t fold = n < kStrip / 4 && stride == n ? kStrip / n : 1;
    if (fold > rows / 16) fold = rows / 16;
    if (fold > 1) {
      find(s, p, fold * n, rows / fold, fold * n);
      for (size_t i = 0; i < fold * n; ++i) s.at[i] = typename Strip::At(size_t(s.at[i]) * fold + i / n);
      for (size_t i = n; i < fold * n; ++i) s.visit(i % n, s.best[i], size_t(s.at[i]));
      for (size_t r = rows / fold * fold; r < rows; ++r) visit_row(s, p + r * n, n, r);
      for (size_t j = 0; j < n; ++j) out[j] = int32_t(s.at[j]);
      return;
    }
    for (size_t from = 0; from < n; from += kStrip) {
      const size_t width = n - from < kStrip ? n - from : kStrip;
      find(s, p + from, stride, rows, width);
      for (size_t j = 0; j < width; ++j) out[from + j] = int32_t(s.at[j]);
    }
  }
};

}  // namespace
}  // namespace GRADTAPE_ISA
}  // namespace gradtape
