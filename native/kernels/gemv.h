// Product of a matrix and a vector, and what it shares with gemm.h: how k is cut, which decides the bits, and turning
// rows into columns in registers.
#pragma once

#include "kernels.h"
#include "simd/simd.h"

namespace gradtape {
namespace GRADTAPE_ISA {
namespace {

template <class T>
struct Gemv {
  using V = Vec<T>;
  static constexpr size_t L = kLanes<T>;

  static constexpr size_t kDepth = 384;                     // most of k in one block: decides bits
  static constexpr size_t kLine = 64 / sizeof(T);           // of a cache
  static constexpr size_t kCached = (4 << 20) / sizeof(T);  // larger operands come from memory
  static constexpr size_t kAhead = 8 * kLine;               // how far ahead rows are fetched
  static constexpr size_t kStrip = 8192 / sizeof(T);        // sums that stay in L1

  static GRADTAPE_INLINE V mul_add(V x, V y, V z) {
    if constexpr (std::is_integral_v<T>) {
      return x * y + z;
    } else {
      return fma(x, y, z);
    }
  }

  // n cut into so few even parts that none is longer than `most`; a part is base or base + 1 long, the longer ones
  // first.
  struct Cut {
    size_t parts = 1, base, longer = 0;
    Cut(size_t n, size_t most) : base(n) {
      if (n <= most) return;  // no divisions: they are what small products would spend their time in
      parts = (n - 1) / most + 1;
      base = n / parts;
      longer = n % parts;
    }
    size_t operator[](size_t part) const { return base + (part < longer); }
    size_t longest() const { return base + (longer > 0); }
  };

  static constexpr size_t E = 16 / sizeof(T);  // lanes that a shuffle reaches cheaply

  template <class W, size_t... I>
  static GRADTAPE_INLINE W interleave_low(W x, W y, std::index_sequence<I...>) {
    return __builtin_shufflevector(x, y, (I / E * E + I % E / 2 + I % 2 * kLanesOf<W>)...);
  }
  template <class W, size_t... I>
  static GRADTAPE_INLINE W interleave_high(W x, W y, std::index_sequence<I...>) {
    return __builtin_shufflevector(x, y, (I / E * E + I % E / 2 + E / 2 + I % 2 * kLanesOf<W>)...);
  }
  template <size_t N>
  static GRADTAPE_INLINE Vec<T, N> load_apart(const T* from, ptrdiff_t stride) {
    if constexpr (N == E) {
      return load<T, E>(from);
    } else {
      return join(load_apart<N / 2>(from, stride), load_apart<N / 2>(from + ptrdiff_t(N / 2) * stride, stride));
    }
  }

  // out[p] lane i = from[i * stride + p], i, p < N. Loads 16 bytes at a time, so that no shuffle crosses them.
  template <size_t N>
  static GRADTAPE_INLINE void load_transposed(const T* from, ptrdiff_t stride, Vec<T, N> (&out)[N]) {
    constexpr auto all = std::make_index_sequence<N>();
#pragma GCC unroll 4
    for (size_t q = 0; q < N; q += E) {
      Vec<T, N> x[E];
#pragma GCC unroll 4
      for (size_t e = 0; e < E; ++e) x[e] = load_apart<N>(from + ptrdiff_t(e) * stride + q, stride);
      if constexpr (E == 4) {
        const Vec<T, N> a = interleave_low(x[0], x[2], all), b = interleave_low(x[1], x[3], all);
        const Vec<T, N> c = interleave_high(x[0], x[2], all), d = interleave_high(x[1], x[3], all);
        out[q] = interleave_low(a, b, all);
        out[q + 1] = interleave_high(a, b, all);
        out[q + 2] = interleave_low(c, d, all);
        out[q + 3] = interleave_high(c, d, all);
      } else {
        out[q] = interleave_low(x[0], x[1], all);
        out[q + 1] = interleave_high(x[0], x[1], all);
      }
    }
  }

  // c[i * sc] = sum over p of x[p * sx] mat[i * so + p * sk], i < length. False: these strides are not for this path.
  static bool matrix_vector(size_t length, size_t k, const T* mat, ptrdiff_t so, ptrdiff_t sk, const T* x, ptrdiff_t sx,
                            T* c, ptrdiff_t sc, bool accumulate, T* strip) {
    if (length < L) {
      dots(length, k, mat, so, sk, x, sx, c, sc, accumulate);
    } else if (so == 1) {
      for (size_t i = 0; i < length; i += kStrip)
        add_columns(length - i < kStrip ? length - i : kStrip, k, mat + i, sk, x, sx, c + ptrdiff_t(i) * sc, sc,
                    accumulate, strip);
    } else if (sk == 1) {
      // Rows side by side hide each other's latency in cache; from memory more than eight streams are slower.
      constexpr size_t kFew = L < 8 ? 8 / L : 1, kMore = L < 8 ? 8 / L : 2;
      size_t i = 0;
      const bool fetch = k > kCached / length;
      if (!fetch) {
        for (; i + kMore * L <= length; i += kMore * L)
          dot_rows<kMore>(k, mat + ptrdiff_t(i) * so, so, x, sx, c + ptrdiff_t(i) * sc, sc, accumulate, 0, false);
      }
      for (; i + kFew * L <= length; i += kFew * L)
        dot_rows<kFew>(k, mat + ptrdiff_t(i) * so, so, x, sx, c + ptrdiff_t(i) * sc, sc, accumulate, 0, fetch);
      for (size_t next; i < length; i = next + L) {
        next = i + L <= length ? i : length - L;
        dot_rows<1>(k, mat + ptrdiff_t(next) * so, so, x, sx, c + ptrdiff_t(next) * sc, sc, accumulate, i - next,
                    fetch);
      }
    } else {
      return false;
    }
    return true;
  }

 private:
  // c[l * sc] (+)= sum[l] for the lanes from keep.
  static GRADTAPE_INLINE void put(T* c, ptrdiff_t sc, V sum, bool add, size_t keep) {
    if (keep == 0 && sc == 1) {
      store(c, add ? load<T>(c) + sum : sum);
      return;
    }
    T lanes[L];
    store(lanes, sum);
    for (size_t l = keep; l < L; ++l) {
      T* at = c + ptrdiff_t(l) * sc;
      *at = add ? *at + lanes[l] : lanes[l];
    }
  }

  // N chains at once, of depth multiply-adds each.
  template <size_t N>
  static GRADTAPE_INLINE void chains(size_t depth, const T* const* mat, ptrdiff_t sk, const T* const* x, ptrdiff_t sx,
                                     T* sums) {
    const T *m[N], *v[N];
    V acc[N];
#pragma GCC unroll 16
    for (size_t i = 0; i < N; ++i) m[i] = mat[i], v[i] = x[i], acc[i] = V{};
    for (size_t p = 0; p < depth; ++p) {
#pragma GCC unroll 16
      for (size_t i = 0; i < N; ++i) {
        acc[i] = mul_add(splat<V>(*v[i]), splat<V>(*m[i]), acc[i]);
        m[i] += sk;
        v[i] += sx;
      }
    }
#pragma GCC unroll 16
    for (size_t i = 0; i < N; ++i) sums[i] = acc[i][0];
  }

  static void dots(size_t length, size_t k, const T* mat, ptrdiff_t so, ptrdiff_t sk, const T* x, ptrdiff_t sx, T* c,
                   ptrdiff_t sc, bool accumulate) {
    const Cut blocks(k, kDepth);
    for (size_t i = 0; i < length; ++i) {
      const T* row = mat + ptrdiff_t(i) * so;
      T* at = c + ptrdiff_t(i) * sc;
      size_t p = 0;
      for (size_t block = 0; block < blocks.parts;) {
        const size_t depth = blocks[block], end = block < blocks.longer ? blocks.longer : blocks.parts;
        T sums[8];
        const T *m[8], *v[8];
        const size_t together = end - block < 8 ? 1 : 8;
        for (size_t q = 0; q < together; ++q, p += depth) {
          m[q] = row + ptrdiff_t(p) * sk;
          v[q] = x + ptrdiff_t(p) * sx;
        }
        if (together == 8) {
          chains<8>(depth, m, sk, v, sx, sums);
        } else {
          chains<1>(depth, m, sk, v, sx, sums);
        }
        for (size_t q = 0; q < together; ++q, ++block) *at = accumulate || block > 0 ? *at + sums[q] : sums[q];
      }
    }
  }

  // The rows of the matrix are contiguous along the result: adds R of them at a time, each times its x, to a strip of
  // sums.
  template <size_t R>
  static GRADTAPE_INLINE void add_rows(size_t vectors, ptrdiff_t last, const T* mat, ptrdiff_t sk, const T* x,
                                       ptrdiff_t sx, bool first, T* strip) {
    V xs[R];
#pragma GCC unroll 8
    for (size_t r = 0; r < R; ++r) xs[r] = splat<V>(x[ptrdiff_t(r) * sx]);
    for (size_t v = 0; v < vectors; ++v) {
      const T* in = mat + (v + 1 < vectors ? ptrdiff_t(v * L) : last);
      V sum = first ? V{} : load<T>(strip + v * L);
#pragma GCC unroll 8
      for (size_t r = 0; r < R; ++r) sum = mul_add(xs[r], load<T>(in + ptrdiff_t(r) * sk), sum);
      store(strip + v * L, sum);
    }
  }

  static void add_columns(size_t length, size_t k, const T* mat, ptrdiff_t sk, const T* x, ptrdiff_t sx, T* c,
                          ptrdiff_t sc, bool accumulate, T* strip) {
    const size_t vectors = (length - 1) / L + 1, shift = vectors * L - length;
    const ptrdiff_t last = ptrdiff_t(length) - ptrdiff_t(L);
    const Cut blocks(k, kDepth);
    for (size_t block = 0; block < blocks.parts; ++block) {
      const size_t depth = blocks[block];
      size_t p = 0;
      for (; p + 8 <= depth; p += 8, mat += 8 * sk, x += 8 * sx)
        add_rows<8>(vectors, last, mat, sk, x, sx, p == 0, strip);
      for (; p < depth; ++p, mat += sk, x += sx) add_rows<1>(vectors, last, mat, sk, x, sx, p == 0, strip);
      const bool add = accumulate || block > 0;
      for (size_t v = 0; v + 1 < vectors; ++v) put(c + ptrdiff_t(v * L) * sc, sc, load<T>(strip + v * L), add, 0);
      put(c + last * sc, sc, load<T>(strip + (vectors - 1) * L), add, shift);
    }
  }

  static GRADTAPE_INLINE V gather(const T* from, ptrdiff_t stride) {
    T lanes[L];
    for (size_t l = 0; l < L; ++l) lanes[l] = from[ptrdiff_t(l) * stride];
    return load<T>(lanes);
  }

  // The rows of the matrix are contiguous along k: L of them are turned in registers, so that a lane is a row; G such
  // groups side by side.
  template <size_t G>
  static void dot_rows(size_t k, const T* mat, ptrdiff_t so, const T* x, ptrdiff_t sx, T* c, ptrdiff_t sc,
                       bool accumulate, size_t keep, bool fetch) {
    const Cut blocks(k, kDepth);
    V total[G];
#pragma GCC unroll 4
    for (size_t g = 0; g < G; ++g) total[g] = accumulate ? gather(c + ptrdiff_t(g * L) * sc, sc) : V{};
    for (size_t block = 0; block < blocks.parts; ++block) {
      const size_t depth = blocks[block];
      V sum[G];
#pragma GCC unroll 4
      for (size_t g = 0; g < G; ++g) sum[g] = V{};
      size_t p = 0;
      for (; p + L <= depth; p += L) {
        if (fetch && p % kLine == 0) {
          for (size_t l = 0; l < G * L; ++l) __builtin_prefetch(mat + ptrdiff_t(l) * so + p + kAhead);
        }
#pragma GCC unroll 4
        for (size_t g = 0; g < G; ++g) {
          V rows[L];
          load_transposed(mat + ptrdiff_t(g * L) * so + p, so, rows);
#pragma GCC unroll 16
          for (size_t l = 0; l < L; ++l) sum[g] = mul_add(splat<V>(x[ptrdiff_t(p + l) * sx]), rows[l], sum[g]);
        }
      }
      for (; p < depth; ++p) {
        const V xs = splat<V>(x[ptrdiff_t(p) * sx]);
#pragma GCC unroll 4
        for (size_t g = 0; g < G; ++g) sum[g] = mul_add(xs, gather(mat + ptrdiff_t(g * L) * so + p, so), sum[g]);
      }
#pragma GCC unroll 4
      for (size_t g = 0; g < G; ++g) total[g] = accumulate || block > 0 ? total[g] + sum[g] : sum[g];
      mat += depth;
      x += ptrdiff_t(depth) * sx;
    }
#pragma GCC unroll 4
    for (size_t g = 0; g < G; ++g) put(c + ptrdiff_t(g * L) * sc, sc, total[g], false, g + 1 < G ? 0 : keep);
  }
};

}  // namespace
}  // namespace GRADTAPE_ISA
}  // namespace gradtape
