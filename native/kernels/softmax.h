// softmax, log softmax and log-sum-exp of rows: exp(x - max) / sum, x - max - log(sum), log(sum) + max, a row (or a
// block of short ones) at a time in the near cache. The bits of a row depend on it alone.
#pragma once

#include "reduce.h"

namespace gradtape {
namespace GRADTAPE_ISA {
namespace {

template <class T, bool logarithm>
struct Softmax {
  using V = Vec<T>;
  static constexpr size_t L = kLanes<T>;
  static constexpr size_t kBlock = 1024;  // elements
  using Max = Reduce<MaxOf, T>;
  using Sum = Reduce<SumOf, T>;

  // to[i] = f(from[i]), also past n up to a whole vector, which both arrays must have room for.
  template <class F>
  static GRADTAPE_INLINE void each(const T* from, T* to, size_t n, F f) {
    for (size_t i = 0; i < n; i += L) store(to + i, f(load(from + i)));
  }

  // The same of exactly n elements, in place too.
  template <class F>
  static GRADTAPE_INLINE void each_of(const T* from, T* to, size_t n, F f) {
    if (n < L) {
      alignas(kVectorBytes) T lanes[L] = {};
      __builtin_memcpy(lanes, from, n * sizeof(T));
      store(lanes, f(load(lanes)));
      __builtin_memcpy(to, lanes, n * sizeof(T));
      return;
    }
    const V last = load(from + n - L);  // what it shares with the vector before, it writes again, the same
    for (size_t i = 0; i + L <= n; i += L) store(to + i, f(load(from + i)));
    store(to + n - L, f(last));
  }

  // f(element, of_row[r]) for every element of row r, r < rows. A row's last vector reaches into the next row, which
  // comes after it.
  template <class F>
  static GRADTAPE_INLINE void by_row(const T* from, const T* of_row, T* to, size_t rows, size_t n, F f) {
    const size_t total = rows * n;
    for (size_t r = 0, at = 0; r < rows; ++r, at += n) {
      const V v = splat<V>(of_row[r]);
      size_t j = 0;
      for (; j < n && at + j + L <= total; j += L) store(to + at + j, f(load(from + at + j), v));
      if (j < n) each_of(from + at + j, to + at + j, n - j, [&](V x) GRADTAPE_LAMBDA { return f(x, v); });
    }
  }

  // rows * n <= kBlock.
  static GRADTAPE_INLINE void short_rows(const T* x, T* y, size_t rows, size_t n) {
    alignas(kVectorBytes) T shifted[kBlock + L], powers[kBlock + L], of_row[kBlock + L];
    const size_t total = rows * n;
    Max::rows(x, of_row, rows, n);
    by_row(x, of_row, shifted, rows, n, [](V v, V max) GRADTAPE_LAMBDA { return v - max; });
    store(shifted + total, V{});
    each(shifted, powers, total, [](V v) GRADTAPE_LAMBDA { return vmath::exp(v); });
    Sum::rows(powers, of_row, rows, n);
    store(of_row + rows, splat<V>(T(1)));
    if constexpr (logarithm) {
      each(of_row, of_row, rows, [](V v) GRADTAPE_LAMBDA { return vmath::log(v); });
      by_row(shifted, of_row, y, rows, n, [](V v, V log_sum) GRADTAPE_LAMBDA { return v - log_sum; });
    } else {
      each(of_row, of_row, rows, [](V v) GRADTAPE_LAMBDA { return T(1) / v; });
      by_row(powers, of_row, y, rows, n, [](V v, V inverse) GRADTAPE_LAMBDA { return v * inverse; });
    }
  }

  // L rows of L <= n < kShortRow elements, a lane each: the same bits as by short_rows, where a NaN comes through the
  // maximum, and here through the sum.
  static GRADTAPE_INLINE void side_by_side(const T* x, T* y, size_t n) {
    V v[kShortRow<T>];
    each_column(x, n, [&](size_t j, V column) GRADTAPE_LAMBDA { v[j] = column; });
    V max = v[0];
    for (size_t j = 1; j < n; ++j) max = greater(v[j], max);
    V sum = splat<V>(T(SumOf::neutral));
    for (size_t j = 0; j < n; ++j) {
      v[j] -= max;
      const V power = vmath::exp(v[j]);
      sum += power;
      if constexpr (!logarithm) v[j] = power;
    }
    const V last = logarithm ? vmath::log(sum) : T(1) / sum;
    for (size_t j = 0; j < n; j += L) {
      const size_t from = j + L <= n ? j : n - L;
      V rows[L];
#pragma GCC unroll 16
      for (size_t i = 0; i < L; ++i) rows[i] = logarithm ? v[from + i] - last : v[from + i] * last;
      transpose<T>(rows);
#pragma GCC unroll 16
      for (size_t r = 0; r < L; ++r) store(y + r * n + from, rows[r]);
    }
  }

  // n >= L. The sum of exp(x - top), which stay in `to` unless it is null. The sums of the row's blocks are added
  // pairwise, as a binary counter carries.
  static __attribute__((noinline)) T sum_of_powers(const T* x, V top, T* to, size_t n) {
    alignas(kVectorBytes) T here[2 * kBlock];
    T partial[64];
    size_t counted = 0;
    for (size_t i = 0, count = 0; i < n; i += count) {
      count = n - i < 2 * kBlock ? n - i : kBlock;  // the last block is not shorter than a vector
      T* powers = to ? to + i : here;
      each_of(x + i, powers, count, [&](V v) GRADTAPE_LAMBDA { return vmath::exp(v - top); });
      T sum = Sum::long_row(powers, count);
      int level = 0;
      for (; counted >> level & 1; ++level) sum = partial[level] + sum;
      partial[level] = sum;
      ++counted;
    }
    T sum = T(0);
    for (int level = 0; counted >> level; ++level) {
      if (counted >> level & 1) sum = partial[level] + sum;
    }
    return sum;
  }

  static GRADTAPE_INLINE void long_row(const T* x, T* y, size_t n) {
    const V top = splat<V>(Max::long_row(x, n));
    const V sum = splat<V>(Softmax<T, true>::sum_of_powers(x, top, logarithm ? nullptr : y, n));
    if constexpr (logarithm) {
      const V log_sum = vmath::log(sum);
      each_of(x, y, n, [&](V v) GRADTAPE_LAMBDA { return v - top - log_sum; });
    } else {
      const V inverse = T(1) / sum;
      each_of(y, y, n, [&](V v) GRADTAPE_LAMBDA { return v * inverse; });
    }
  }

  static void rows(const void* x, void* y, size_t rows, size_t n) {
    const T* from = static_cast<const T*>(x);
    T* to = static_cast<T*>(y);
    if (n >= kShortRow<T>) {
      for (size_t r = 0; r < rows; ++r) long_row(from + r * n, to + r * n, n);
      return;
    }
    size_t r = 0;
    for (; n >= L && r + L <= rows; r += L) side_by_side(from + r * n, to + r * n, n);
    const size_t together = kBlock / n;
    for (; r < rows; r += together) {
      short_rows(from + r * n, to + r * n, rows - r < together ? rows - r : together, n);
    }
  }
};

template <class T>
struct LogSumExp {
  using V = Vec<T>;
  using Of = Softmax<T, true>;
  static constexpr size_t L = kLanes<T>;

  // What the elements are reduced by: their maximum, or 0 where that is infinite or NaN.
  static GRADTAPE_INLINE V finite(V max) { return select(max - max == 0, max, V{}); }

  // rows * n <= kBlock.
  static GRADTAPE_INLINE void short_rows(const T* x, T* y, size_t rows, size_t n) {
    constexpr size_t kRoom = Of::kBlock + L;
    alignas(kVectorBytes) T powers[kRoom], top[kRoom], sum[kRoom];
    const size_t total = rows * n;
    Of::Max::rows(x, top, rows, n);
    store(top + rows, V{});
    Of::each(top, top, rows, [](V v) GRADTAPE_LAMBDA { return finite(v); });
    Of::by_row(x, top, powers, rows, n, [](V v, V t) GRADTAPE_LAMBDA { return v - t; });
    store(powers + total, V{});
    Of::each(powers, powers, total, [](V v) GRADTAPE_LAMBDA { return vmath::exp(v); });
    Of::Sum::rows(powers, sum, rows, n);
    store(sum + rows, splat<V>(T(1)));
    for (size_t r = 0; r < rows; r += L) store(sum + r, vmath::log(load(sum + r)) + load(top + r));
    __builtin_memcpy(y, sum, rows * sizeof(T));
  }

  static void rows(const void* x, void* y, size_t rows, size_t n) {
    const T* from = static_cast<const T*>(x);
    T* to = static_cast<T*>(y);
    if (n < kShortRow<T>) {
      const size_t together = Of::kBlock / n;
      for (size_t r = 0; r < rows; r += together) {
        short_rows(from + r * n, to + r, rows - r < together ? rows - r : together, n);
      }
      return;
    }
    for (size_t r = 0; r < rows; ++r) {
      const T* p = from + r * n;
      const V top = finite(splat<V>(Of::Max::long_row(p, n)));
      to[r] = (vmath::log(splat<V>(Of::sum_of_powers(p, top, nullptr, n))) + top)[0];
    }
  }
};

}  // namespace
}  // namespace GRADTAPE_ISA
}  // namespace gradtape
