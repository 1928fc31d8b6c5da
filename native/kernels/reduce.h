// Reductions of rows and of columns: sum, prod, max, min. Knows no shapes: kernels.h says what one call covers. The
// order of the operations depends on the number of elements that are reduced and on nothing else.
#pragma once

#include "simd/vmath.h"

namespace gradtape {
namespace GRADTAPE_ISA {
namespace {

// An operation of vectors and of elements, its neutral element, and whether an element may count twice.
struct SumOf {
  static constexpr double neutral = -0.0;  // -0 + x is x even for x = -0
  static constexpr bool idempotent = false;
  template <class V>
  static GRADTAPE_INLINE V combine(V x, V y) {
    return vmath::add(x, y);
  }
  template <class T>
  static GRADTAPE_INLINE T combine_one(T x, T y) {
    if constexpr (T(0.5) == 0)
      return T(uint32_t(x) + uint32_t(y));
    else
      return x + y;
  }
};
struct ProdOf {
  static constexpr double neutral = 1;
  static constexpr bool idempotent = false;
  template <class V>
  static GRADTAPE_INLINE V combine(V x, V y) {
    return vmath::mul(x, y);
  }
  template <class T>
  static GRADTAPE_INLINE T combine_one(T x, T y) {
    if constexpr (T(0.5) == 0)
      return T(uint32_t(x) * uint32_t(y));
    else
      return x * y;
  }
};
template <bool largest>
struct ExtremeOf {
  static constexpr double neutral = 0;
  static constexpr bool idempotent = true;
  template <class V>
  static GRADTAPE_INLINE V combine(V x, V y) {
    if constexpr (largest)
      return vmath::maximum(x, y);
    else
      return vmath::minimum(x, y);
  }
  template <class V>
  static GRADTAPE_INLINE V quick(V x, V y) {
    if constexpr (largest)
      return greater(x, y);
    else
      return lesser(x, y);
  }
  template <class T>
  static GRADTAPE_INLINE T combine_one(T x, T y) {
    return ((largest ? x >= y : x <= y) | (x != x)) ? x : y;
  }
};
using MaxOf = ExtremeOf<true>;
using MinOf = ExtremeOf<false>;

// Rows shorter than this are reduced side by side, a lane each, and longer ones along vectors.
template <class T>
constexpr size_t kShortRow = sizeof(T) == 1 ? kLanes<T> : 4 * kLanes<T>;

// How many rows of n elements, of those that are left, may be read by each_column: as many as there are lanes, or none.
// For n shorter than a vector it reads into the following rows.
template <class T>
GRADTAPE_INLINE bool side_by_side(size_t rows_left, size_t n) {
  constexpr size_t L = kLanes<T>;
  return sizeof(T) > 1 && rows_left >= L && (n >= L || (rows_left - (L - 1)) * n >= L);
}

// f(j, v) for every j < n in order, where lane r of v is p[r * n + j].
template <class T, class F>
GRADTAPE_INLINE void each_column(const T* p, size_t n, F f) {
  constexpr size_t L = kLanes<T>;
  size_t j = 0;
  for (; j + L <= n; j += L) {
    Vec<T> v[L];
#pragma GCC unroll 16
    for (size_t r = 0; r < L; ++r) v[r] = load(p + r * n + j);
    transpose<T>(v);
#pragma GCC unroll 16
    for (size_t i = 0; i < L; ++i) f(j + i, v[i]);
  }
  if (j < n) {
    const size_t from = n < L ? 0 : n - L;
    Vec<T> v[L];
#pragma GCC unroll 16
    for (size_t r = 0; r < L; ++r) v[r] = load(p + r * n + from);
    transpose<T>(v);
    for (; j < n; ++j) f(j, v[j - from]);
  }
}

// What a reduction has so far. Extremes of floats are found the quick way, which loses NaN; a sum along the way notices
// them (and infinities of both signs), and then all is reduced again carefully.
template <class Op, class V>
struct Careful {
  V value;
  explicit GRADTAPE_INLINE Careful(V v) : value(v) {}
  GRADTAPE_INLINE void add(V v) { value = Op::combine(value, v); }
  GRADTAPE_INLINE void add(const Careful& x) { add(x.value); }
  GRADTAPE_INLINE bool lost_nan() const { return false; }
};
template <class Op, class V>
struct Quick {
  V value, sum;
  explicit GRADTAPE_INLINE Quick(V v) : value(v), sum(v) {}
  GRADTAPE_INLINE void add(V v) {
    value = Op::quick(v, value);
    sum += v;
  }
  GRADTAPE_INLINE void add(const Quick& x) {
    value = Op::quick(x.value, value);
    sum += x.sum;
  }
  GRADTAPE_INLINE bool lost_nan() const { return any(sum != sum); }
};

template <class Op, class T>
struct Reduce {
  using V = Vec<T>;
  static constexpr size_t L = kLanes<T>;
  static constexpr bool kQuick = Op::idempotent && !vmath::kIsInt<V>;

  static GRADTAPE_INLINE V combine(V x, V y) { return Op::combine(x, y); }

  template <class X>
  static GRADTAPE_INLINE T across(X x) {
    if constexpr (kLanesOf<X> == 2)
      return Op::combine_one(x[0], x[1]);
    else
      return across(Op::combine(low_half(x), high_half(x)));
  }

  static GRADTAPE_INLINE T short_row(const T* p, size_t n) {
    T a = p[0];
    for (size_t j = 1; j < n; ++j) a = Op::combine_one(a, p[j]);
    return a;
  }

  // n >= L. False if NaN may have been lost.
  template <class Running>
  static GRADTAPE_INLINE bool row_of(const T* p, size_t n, T& out) {
    Running a(load(p));
    size_t i = L;
    if (n >= 4 * L) {
      Running b(load(p + L)), c(load(p + 2 * L)), d(load(p + 3 * L));
      for (i = 4 * L; i + 4 * L <= n; i += 4 * L) {
        a.add(load(p + i));
        b.add(load(p + i + L));
        c.add(load(p + i + 2 * L));
        d.add(load(p + i + 3 * L));
      }
      a.add(b);
      c.add(d);
      a.add(c);
    }
    for (; i + L <= n; i += L) a.add(load(p + i));
    if (i < n) {
      V v = load(p + n - L);
      if constexpr (!Op::idempotent) {
        using I = IntVec<V>;
        v = select(iota<I>() >= splat<I>(Lane<I>(L - (n - i))), v, splat<V>(T(Op::neutral)));
      }
      a.add(v);
    }
    out = across(a.value);
    return !a.lost_nan();
  }

  static GRADTAPE_INLINE T long_row(const T* p, size_t n) {
    T out;
    if constexpr (kQuick) {
      if (row_of<Quick<Op, V>>(p, n, out)) return out;
      return careful_row(p, n);
    }
    row_of<Careful<Op, V>>(p, n, out);
    return out;
  }
  static __attribute__((noinline)) T careful_row(const T* p, size_t n) {
    T out;
    row_of<Careful<Op, V>>(p, n, out);
    return out;
  }

  static void rows(const void* x, void* out, size_t rows, size_t n) {
    const T* p = static_cast<const T*>(x);
    T* to = static_cast<T*>(out);
    size_t r = 0;
    if (n >= kShortRow<T>) {
      for (; r < rows; ++r) to[r] = long_row(p + r * n, n);
      return;
    }
    if constexpr (sizeof(T) > 1) {
      for (; side_by_side<T>(rows - r, n); r += L) {
        V a = {};
        each_column(p + r * n, n, [&](size_t j, V v) GRADTAPE_LAMBDA { a = j == 0 ? v : combine(a, v); });
        store(to + r, a);
      }
    }
    for (; r < rows; ++r) to[r] = short_row(p + r * n, n);
  }

  // K vectors of columns, one row after the other. False if NaN may have been lost.
  template <class Running, size_t K>
  static GRADTAPE_INLINE bool vectors_of(const T* p, size_t stride, T* to, size_t rows) {
    const auto start = [&](size_t k) GRADTAPE_LAMBDA { return Running(load(p + k * L)); };
    return vectors_of(start, p, stride, to, rows, std::make_index_sequence<K>());
  }
  template <class F, size_t... k>
  static GRADTAPE_INLINE bool vectors_of(F start, const T* p, size_t stride, T* to, size_t rows,
                                         std::index_sequence<k...>) {
    decltype(start(0)) a[] = {start(k)...};
    for (size_t r = 1; r < rows; ++r) {
      p += stride;
      (a[k].add(load(p + k * L)), ...);
    }
    if ((int(a[k].lost_nan()) | ...)) return false;
    (store(to + k * L, a[k].value), ...);
    return true;
  }

  template <size_t K>
  static GRADTAPE_INLINE void column_vectors(const T* p, size_t stride, T* to, size_t rows) {
    if constexpr (kQuick) {
      if (!vectors_of<Quick<Op, V>, K>(p, stride, to, rows)) careful_vectors<K>(p, stride, to, rows);
    } else {
      vectors_of<Careful<Op, V>, K>(p, stride, to, rows);
    }
  }
  template <size_t K>
  static __attribute__((noinline)) void careful_vectors(const T* p, size_t stride, T* to, size_t rows) {
    vectors_of<Careful<Op, V>, K>(p, stride, to, rows);
  }

  // The same for fewer columns than a vector has lanes; a row's vector reads into the following rows where there are
  // some.
  static GRADTAPE_INLINE void narrow_columns(const T* p, size_t stride, T* to, size_t rows, size_t n) {
    alignas(kVectorBytes) T lanes[L] = {};
    const size_t total = (rows - 1) * stride + n;
    const auto row = [&](size_t r) GRADTAPE_LAMBDA -> V {
      if (r * stride + L <= total) return load(p + r * stride);
      for (size_t j = 0; j < n; ++j) lanes[j] = p[r * stride + j];
      return load(lanes);
    };
    V a = row(0);
    for (size_t r = 1; r < rows; ++r) a = combine(a, row(r));
    store(lanes, a);
    for (size_t j = 0; j < n; ++j) to[j] = lanes[j];
  }

  static __attribute__((noinline)) void few_rows(const T* p, size_t stride, T* to, size_t rows, size_t n) {
    if (n < L) return narrow_columns(p, stride, to, rows, n);
    size_t j = 0;
    for (; j + 4 * L <= n; j += 4 * L) column_vectors<4>(p + j, stride, to + j, rows);
    for (; j < n; j += L) {
      const size_t at = j + L <= n ? j : n - L;
      column_vectors<1>(p + at, stride, to + at, rows);
    }
  }

  static constexpr size_t kFold = kColumnFold / 8 + 7 * kColumnFold / (kColumnRun + 1);

  // Many rows are folded first: an eighth of them beside each other are one wide row.
  static void columns(const void* x, size_t stride, void* out, size_t rows, size_t n) {
    const T* p = static_cast<const T*>(x);
    T* to = static_cast<T*>(out);
    alignas(kVectorBytes) T folded[2][kFold];
    for (int side = 0; rows > kColumnRun; side ^= 1) {
      const size_t eighth = rows / 8, rest = rows % 8;
      T* f = folded[side];
      few_rows(p, eighth * n, f, 8, eighth * n);
      __builtin_memcpy(f + eighth * n, p + 8 * eighth * n, rest * n * sizeof(T));
      p = f;
      rows = eighth + rest;
    }
    few_rows(p, stride, to, rows, n);
  }
};

}  // namespace
}  // namespace GRADTAPE_ISA
}  // namespace gradtape
