// Vectors of the ISA unit being compiled, by the vector extensions of GCC and Clang. It knows
// no mathematics. Everything lives in an unnamed namespace, so that no symbol of one ISA unit can serve another.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#if defined(__FMA__) || defined(__AVX2__) || defined(__AVX512F__)
#include <immintrin.h>
#elif defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

#ifndef GRADTAPE_ISA
#error "define GRADTAPE_ISA as avx512, avx2, sse2 or neon"
#endif

#define GRADTAPE_INLINE inline __attribute__((always_inline))
#define GRADTAPE_LAMBDA __attribute__((always_inline))  // the same for a lambda, after its parameters

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wpsabi"  // vectors are never passed between units
#endif

namespace gradtape {
namespace GRADTAPE_ISA {
namespace {

#if defined(__AVX512F__)
constexpr size_t kVectorBytes = 64;
#elif defined(__AVX2__)
constexpr size_t kVectorBytes = 32;
#else
constexpr size_t kVectorBytes = 16;
#endif

#if defined(__FMA__) || defined(__aarch64__)
constexpr bool kFma = true;  // fma() rounds once
#else
constexpr bool kFma = false;  // fma() is a multiplication and an addition
#endif

template <class T>
constexpr size_t kLanes = kVectorBytes / sizeof(T);

template <class T, size_t N>
struct VecOf {
  typedef T type __attribute__((vector_size(N * sizeof(T))));
  typedef T unaligned __attribute__((vector_size(N * sizeof(T)), aligned(alignof(T)), may_alias));
};
template <class T, size_t N = kLanes<T>>
using Vec = typename VecOf<T, N>::type;

template <class V>
using Lane = std::decay_t<decltype(V{}[0])>;
template <class V>
constexpr size_t kLanesOf = sizeof(V) / sizeof(Lane<V>);
template <class V>
using MaskOf = decltype(V{} < V{});  // signed integers as wide as the lanes: 0 or -1

// The integer type as wide as T.
template <size_t bytes>
struct IntOfSize;
template <>
struct IntOfSize<1> {
  using Signed = int8_t;
  using Unsigned = uint8_t;
};
template <>
struct IntOfSize<4> {
  using Signed = int32_t;
  using Unsigned = uint32_t;
};
template <>
struct IntOfSize<8> {
  using Signed = int64_t;
  using Unsigned = uint64_t;
};
template <class V>
using IntVec = Vec<typename IntOfSize<sizeof(Lane<V>)>::Signed, kLanesOf<V>>;
template <class V>
using UintVec = Vec<typename IntOfSize<sizeof(Lane<V>)>::Unsigned, kLanesOf<V>>;

template <class T, size_t N = kLanes<T>>
GRADTAPE_INLINE Vec<T, N> load(const T* p) {
  return *reinterpret_cast<const typename VecOf<T, N>::unaligned*>(p);
}

template <class T, class V>
GRADTAPE_INLINE void store(T* p, V v) {
  static_assert(sizeof(Lane<V>) == sizeof(T), "store does not convert");
  *reinterpret_cast<typename VecOf<T, kLanesOf<V>>::unaligned*>(p) = v;
}

#if defined(__AVX2__) && !defined(__AVX512F__)
template <class T>
GRADTAPE_INLINE __m256i first_lanes(size_t n) {
  if constexpr (sizeof(T) == 4)
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(int(n)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  else
    return _mm256_cmpgt_epi64(_mm256_set1_epi64x(int64_t(n)), _mm256_setr_epi64x(0, 1, 2, 3));
}
#endif

// The first n > 0 elements of a vector; the other lanes are zero. Not for all lanes but by AVX-512, whose masks cost
// nothing.
template <class T>
GRADTAPE_INLINE Vec<T> load_first(const T* p, size_t n) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4) return (Vec<T>)_mm512_maskz_loadu_epi32(__mmask16((1u << n) - 1), p);
  if constexpr (sizeof(T) == 8) return (Vec<T>)_mm512_maskz_loadu_epi64(__mmask8((1u << n) - 1), p);
#elif defined(__AVX2__)
  if constexpr (sizeof(T) == 4) return (Vec<T>)_mm256_maskload_ps((const float*)p, first_lanes<T>(n));
  if constexpr (sizeof(T) == 8) return (Vec<T>)_mm256_maskload_pd((const double*)p, first_lanes<T>(n));
#else
  Vec<T> v = {};
  v[0] = p[0];
  for (size_t i = 1; i < kLanes<T>; ++i) v[i] = i < n ? p[i] : T(0);
  return v;
#endif
}
template <class T>
GRADTAPE_INLINE void store_first(T* p, Vec<T> v, size_t n) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4) _mm512_mask_storeu_epi32(p, __mmask16((1u << n) - 1), (__m512i)v);
  if constexpr (sizeof(T) == 8) _mm512_mask_storeu_epi64(p, __mmask8((1u << n) - 1), (__m512i)v);
#elif defined(__AVX2__)
  if constexpr (sizeof(T) == 4) _mm256_maskstore_ps((float*)p, first_lanes<T>(n), (__m256)v);
  if constexpr (sizeof(T) == 8) _mm256_maskstore_pd((double*)p, first_lanes<T>(n), (__m256d)v);
#else
#pragma GCC unroll 4
  for (size_t i = 0; i < kLanes<T>; ++i) {
    if (i < n) p[i] = v[i];
  }
#endif
}

// A vector by its own type or by that of its elements.
template <class X, bool scalar = std::is_arithmetic_v<X>>
struct AsVector {
  using type = X;
  using Element = Lane<X>;
};
template <class X>
struct AsVector<X, true> {
  using type = Vec<X>;
  using Element = X;
};

// All lanes x; named by the vector or by its element. x - 0 and not x + 0, which is not x for x = -0 and costs clang an
// addition.
template <class X>
GRADTAPE_INLINE typename AsVector<X>::type splat(typename AsVector<X>::Element x) {
  return x - typename AsVector<X>::type{};
}

template <class V, class M>
GRADTAPE_INLINE V select(M mask, V yes, V no) {
  if constexpr (std::is_same_v<M, MaskOf<V>>)
    return mask ? yes : no;
  else
    return (MaskOf<V>)mask ? yes : no;
}

// The lesser and the greater; b if either is NaN or both are zero. By the instruction's own name where there is one:
// gcc does not see it where an operand comes from integer operations, as abs(x) does.
template <class V>
GRADTAPE_INLINE V lesser(V a, V b) {
  return a < b ? a : b;
}
template <class V>
GRADTAPE_INLINE V greater(V a, V b) {
  return a > b ? a : b;
}
#if defined(__SSE2__)
#define GRADTAPE_LESSER(T, N, minimum, maximum)                                  \
  GRADTAPE_INLINE Vec<T, N> lesser(Vec<T, N> a, Vec<T, N> b) { return minimum; } \
  GRADTAPE_INLINE Vec<T, N> greater(Vec<T, N> a, Vec<T, N> b) { return maximum; }
#if defined(__AVX512F__)
GRADTAPE_LESSER(float, 16, _mm512_maskz_min_ps(0xffff, a, b), _mm512_maskz_max_ps(0xffff, a, b))
GRADTAPE_LESSER(double, 8, _mm512_maskz_min_pd(0xff, a, b), _mm512_maskz_max_pd(0xff, a, b))
#endif
#if defined(__AVX2__)
GRADTAPE_LESSER(float, 8, _mm256_min_ps(a, b), _mm256_max_ps(a, b))
GRADTAPE_LESSER(double, 4, _mm256_min_pd(a, b), _mm256_max_pd(a, b))
#endif
GRADTAPE_LESSER(float, 4, _mm_min_ps(a, b), _mm_max_ps(a, b))
GRADTAPE_LESSER(double, 2, _mm_min_pd(a, b), _mm_max_pd(a, b))
#undef GRADTAPE_LESSER
#endif

// Whether all lanes of the mask are set.
template <class M>
GRADTAPE_INLINE bool all(M mask) {
#if defined(__AVX512F__)
  if constexpr (sizeof(M) == 64) return _mm512_test_epi32_mask((__m512i)mask, (__m512i)mask) == 0xffff;
#endif
#if defined(__AVX2__)
  if constexpr (sizeof(M) == 32) return _mm256_testc_si256((__m256i)mask, (__m256i)(mask | ~mask));
#endif
#if defined(__SSE2__)
  if constexpr (sizeof(M) == 16) return _mm_movemask_epi8((__m128i)mask) == 0xffff;
#elif defined(__aarch64__)
  if constexpr (sizeof(M) == 16) return vminvq_u32((uint32x4_t)mask) != 0;
#endif
}

// Says that v is in use until here, so that gcc does not compute into its register, which costs moves in long loops.
template <class V>
GRADTAPE_INLINE void hold(V v) {
#if defined(__AVX512F__)
  asm("" ::"v"(v));
#elif defined(__SSE2__)
  asm("" ::"x"(v));
#else
  asm("" ::"w"(v));
#endif
}

// Whether any lane of the mask is set.
template <class M>
GRADTAPE_INLINE bool any(M mask) {
#if defined(__AVX512F__)
  if constexpr (sizeof(M) == 64) return _mm512_test_epi32_mask((__m512i)mask, (__m512i)mask) != 0;
#endif
#if defined(__AVX2__)
  if constexpr (sizeof(M) == 32) return !_mm256_testz_si256((__m256i)mask, (__m256i)mask);
#endif
#if defined(__SSE2__)
  if constexpr (sizeof(M) == 16) return _mm_movemask_epi8((__m128i)mask) != 0;
#elif defined(__aarch64__)
  if constexpr (sizeof(M) == 16) return vmaxvq_u32((uint32x4_t)mask) != 0;
#endif
}

// The same bits as another type of vector.
template <class To, class V>
GRADTAPE_INLINE To bitcast(V v) {
  static_assert(sizeof(To) == sizeof(V), "bitcast keeps the size");
  return (To)v;
}

// Lanes of v in the order of the indices.
template <class V, size_t... I>
GRADTAPE_INLINE auto shuffle(V v, std::index_sequence<I...>) {
  return __builtin_shufflevector(v, v, I...);
}

// Two vectors of integers as one of integers half as wide: the low halves of all lanes.
template <class V, size_t... I>
GRADTAPE_INLINE auto narrow(V a, V b, std::index_sequence<I...>) {
  constexpr size_t N = sizeof...(I);
  using Half = std::conditional_t<sizeof(V) / N == 4, int32_t, std::conditional_t<sizeof(V) / N == 2, int16_t, int8_t>>;
  return __builtin_shufflevector((Vec<Half, N>)a, (Vec<Half, N>)b, (2 * I)...);
}
template <class V>
GRADTAPE_INLINE auto narrow(V a, V b) {
  return narrow(a, b, std::make_index_sequence<2 * kLanesOf<V>>());
}

// K vectors of integers as one vector of their low bytes.
template <class V, size_t K>
GRADTAPE_INLINE Vec<uint8_t> low_bytes(const V (&v)[K]) {
  if constexpr (K == 1) {
    return (Vec<uint8_t>)v[0];
  } else {
    using Half = decltype(narrow(v[0], v[0]));
    Half half[K / 2];
#pragma GCC unroll 8
    for (size_t k = 0; k < K / 2; ++k) half[k] = narrow(v[2 * k], v[2 * k + 1]);
    return low_bytes(half);
  }
}

// 0, 1, 2, ... by lane.
template <class V, size_t... I>
GRADTAPE_INLINE V iota(std::index_sequence<I...>) {
  return V{Lane<V>(I)...};
}
template <class V>
GRADTAPE_INLINE V iota() {
  return iota<V>(std::make_index_sequence<kLanesOf<V>>());
}

// a0 b0 a1 b1 ..., the first or the second half of it.
template <size_t from, class V, size_t... I>
GRADTAPE_INLINE V zip(V a, V b, std::index_sequence<I...>) {
  return __builtin_shufflevector(a, b, (from + I / 2 + (I % 2) * sizeof...(I))...);
}
template <class V>
GRADTAPE_INLINE V zip_low(V a, V b) {
  return zip<0>(a, b, std::make_index_sequence<kLanesOf<V>>());
}
template <class V>
GRADTAPE_INLINE V zip_high(V a, V b) {
  return zip<kLanesOf<V> / 2>(a, b, std::make_index_sequence<kLanesOf<V>>());
}

// a0 a2 ... b0 b2 ..., and a1 a3 ... b1 b3 ...
template <size_t first, class V, size_t... I>
GRADTAPE_INLINE V unzip(V a, V b, std::index_sequence<I...>) {
  return __builtin_shufflevector(a, b, (2 * I + first)...);
}
template <class V>
GRADTAPE_INLINE V even_lanes(V a, V b) {
  return unzip<0>(a, b, std::make_index_sequence<kLanesOf<V>>());
}
template <class V>
GRADTAPE_INLINE V odd_lanes(V a, V b) {
  return unzip<1>(a, b, std::make_index_sequence<kLanesOf<V>>());
}

template <class V, size_t... I>
GRADTAPE_INLINE auto high_half(V v, std::index_sequence<I...>) {
  return __builtin_shufflevector(v, v, (I + sizeof...(I))...);
}
template <class V>
GRADTAPE_INLINE auto low_half(V v) {
  return shuffle(v, std::make_index_sequence<kLanesOf<V> / 2>());
}
template <class V>
GRADTAPE_INLINE auto high_half(V v) {
  return high_half(v, std::make_index_sequence<kLanesOf<V> / 2>());
}
template <class V, size_t... I>
GRADTAPE_INLINE auto join(V low, V high, std::index_sequence<I...>) {
  return __builtin_shufflevector(low, high, I...);
}
template <class V>
GRADTAPE_INLINE auto join(V low, V high) {
  return join(low, high, std::make_index_sequence<kLanesOf<V> * 2>());
}

// N < 16 bytes as int32.
template <size_t N>
GRADTAPE_INLINE Vec<int32_t, N> widen_bytes(Vec<uint8_t, N> v) {
  uint64_t bits = 0;
  __builtin_memcpy(&bits, &v, N);
  using Bytes = Vec<uint8_t, 16>;
  using Shorts = Vec<uint16_t, 8>;
  const Shorts s = (Shorts)zip_low((Bytes)Vec<uint64_t, 2>{bits, 0}, Bytes{});
  const auto low = (Vec<int32_t, 4>)zip_low(s, Shorts{});
  if constexpr (N == 8)
    return join(low, (Vec<int32_t, 4>)zip_high(s, Shorts{}));
  else if constexpr (N == 4)
    return low;
  else
    return low_half(low);
}

// Lane by lane to another type, as a C cast of each lane.
template <class To, class V>
GRADTAPE_INLINE Vec<To, kLanesOf<V>> convert(V v) {
  if constexpr (sizeof(Lane<V>) == 1 && sizeof(V) < 16 && sizeof(To) > 1) {
    return __builtin_convertvector(widen_bytes<kLanesOf<V>>(v), Vec<To, kLanesOf<V>>);
  } else {
    return __builtin_convertvector(v, Vec<To, kLanesOf<V>>);
  }
}

// One pass of the transposition: exchanges the off-diagonal blocks of S lanes between rows a and b.
template <size_t S, class V, size_t... I>
GRADTAPE_INLINE void exchange(V& a, V& b, std::index_sequence<I...>) {
  constexpr size_t N = sizeof...(I);
  const V low = __builtin_shufflevector(a, b, ((I & S) ? N + I - S : I)...);
  const V high = __builtin_shufflevector(a, b, ((I & S) ? N + I : I + S)...);
  a = low;
  b = high;
}

template <size_t S, class V, size_t N>
GRADTAPE_INLINE void transpose_pass(V (&rows)[N]) {
#pragma GCC unroll 64
  for (size_t i = 0; i < N; ++i) {
    if ((i & S) == 0) exchange<S>(rows[i], rows[i + S], std::make_index_sequence<N>());
  }
  if constexpr (S > 1) transpose_pass<S / 2>(rows);
}

// The same for vectors of 16 bytes, by zips, which every ISA has: log2(N) times zip row i with row i + N / 2.
template <size_t passes, class V, size_t N>
GRADTAPE_INLINE void zip_pass(V (&rows)[N]) {
  V next[N];
#pragma GCC unroll 16
  for (size_t i = 0; i < N / 2; ++i) {
    next[2 * i] = zip_low(rows[i], rows[i + N / 2]);
    next[2 * i + 1] = zip_high(rows[i], rows[i + N / 2]);
  }
#pragma GCC unroll 16
  for (size_t i = 0; i < N; ++i) rows[i] = next[i];
  if constexpr (passes > 2) zip_pass<passes / 2>(rows);
}

// Transposes N vectors of N lanes in registers.
template <class T, size_t N = kLanes<T>>
GRADTAPE_INLINE void transpose(Vec<T, N> (&rows)[N]) {
  if constexpr (N * sizeof(T) == 16)
    zip_pass<N>(rows);
  else
    transpose_pass<N / 2>(rows);
}

// The rows of a table at the indices, by columns.
template <class V, class I>
GRADTAPE_INLINE void lookup(const double (*table)[4], I index, V (&column)[4]) {
  constexpr size_t N = kLanesOf<V>;
  if constexpr (N == 2) {
    const double *p = table[index[0]], *q = table[index[1]];
    const V a = load<double, 2>(p), b = load<double, 2>(q), c = load<double, 2>(p + 2), d = load<double, 2>(q + 2);
    column[0] = zip_low(a, b), column[1] = zip_high(a, b), column[2] = zip_low(c, d), column[3] = zip_high(c, d);
  } else if constexpr (N == 4) {
#pragma GCC unroll 4
    for (size_t i = 0; i < 4; ++i) column[i] = load<double, 4>(table[index[i]]);
    transpose<double, 4>(column);
  } else {
    Vec<double, N / 2> low[4], high[4];
    lookup(table, low_half(index), low);
    lookup(table, high_half(index), high);
#pragma GCC unroll 4
    for (size_t i = 0; i < 4; ++i) column[i] = join(low[i], high[i]);
  }
}

// a * b + c, rounded once where kFma. The compilers contract nothing by themselves (-ffp-contract=off), and gcc does
// not keep a chain of per-lane __builtin_fma in vectors: hence the ISA's own names, here and for sqrt.
#if defined(__AVX512F__)
GRADTAPE_INLINE Vec<float, 16> fma(Vec<float, 16> a, Vec<float, 16> b, Vec<float, 16> c) {
  return _mm512_fmadd_ps(a, b, c);
}
GRADTAPE_INLINE Vec<double, 8> fma(Vec<double, 8> a, Vec<double, 8> b, Vec<double, 8> c) {
  return _mm512_fmadd_pd(a, b, c);
}
GRADTAPE_INLINE Vec<float, 16> sqrt(Vec<float, 16> x) { return _mm512_maskz_sqrt_ps(0xffff, x); }
GRADTAPE_INLINE Vec<double, 8> sqrt(Vec<double, 8> x) { return _mm512_maskz_sqrt_pd(0xff, x); }
// x 2^n, rounded once, for integers n.
GRADTAPE_INLINE Vec<float, 16> scale(Vec<float, 16> x, Vec<float, 16> n) {
  return _mm512_maskz_scalef_ps(0xffff, x, n);
}
GRADTAPE_INLINE Vec<double, 8> scale(Vec<double, 8> x, Vec<double, 8> n) { return _mm512_maskz_scalef_pd(0xff, x, n); }
#endif
#if defined(__AVX2__)
GRADTAPE_INLINE Vec<float, 8> fma(Vec<float, 8> a, Vec<float, 8> b, Vec<float, 8> c) {
  return _mm256_fmadd_ps(a, b, c);
}
GRADTAPE_INLINE Vec<double, 4> fma(Vec<double, 4> a, Vec<double, 4> b, Vec<double, 4> c) {
  return _mm256_fmadd_pd(a, b, c);
}
GRADTAPE_INLINE Vec<float, 4> fma(Vec<float, 4> a, Vec<float, 4> b, Vec<float, 4> c) { return _mm_fmadd_ps(a, b, c); }
GRADTAPE_INLINE Vec<double, 2> fma(Vec<double, 2> a, Vec<double, 2> b, Vec<double, 2> c) {
  return _mm_fmadd_pd(a, b, c);
}
GRADTAPE_INLINE Vec<float, 8> sqrt(Vec<float, 8> x) { return _mm256_sqrt_ps(x); }
GRADTAPE_INLINE Vec<double, 4> sqrt(Vec<double, 4> x) { return _mm256_sqrt_pd(x); }
#elif defined(__SSE2__)
GRADTAPE_INLINE Vec<float, 4> fma(Vec<float, 4> a, Vec<float, 4> b, Vec<float, 4> c) { return a * b + c; }
GRADTAPE_INLINE Vec<double, 2> fma(Vec<double, 2> a, Vec<double, 2> b, Vec<double, 2> c) { return a * b + c; }
GRADTAPE_INLINE Vec<float, 4> sqrt(Vec<float, 4> x) { return _mm_sqrt_ps(x); }
GRADTAPE_INLINE Vec<double, 2> sqrt(Vec<double, 2> x) { return _mm_sqrt_pd(x); }
#elif defined(__aarch64__)
GRADTAPE_INLINE Vec<float, 4> fma(Vec<float, 4> a, Vec<float, 4> b, Vec<float, 4> c) {
  return (Vec<float, 4>)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}
GRADTAPE_INLINE Vec<double, 2> fma(Vec<double, 2> a, Vec<double, 2> b, Vec<double, 2> c) {
  return (Vec<double, 2>)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
}
GRADTAPE_INLINE Vec<float, 4> sqrt(Vec<float, 4> x) { return (Vec<float, 4>)vsqrtq_f32((float32x4_t)x); }
GRADTAPE_INLINE Vec<double, 2> sqrt(Vec<double, 2> x) { return (Vec<double, 2>)vsqrtq_f64((float64x2_t)x); }
#else
#error "no fma and sqrt for this ISA"
#endif

// The products of the low halves of the lanes.
GRADTAPE_INLINE Vec<uint64_t> multiply_low(Vec<uint64_t> a, Vec<uint64_t> b) {
#if defined(__AVX512F__)
  return (Vec<uint64_t>)_mm512_maskz_mul_epu32(0xff, (__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
  return (Vec<uint64_t>)_mm256_mul_epu32((__m256i)a, (__m256i)b);
#elif defined(__SSE2__)
  return (Vec<uint64_t>)_mm_mul_epu32((__m128i)a, (__m128i)b);
#else
  return (Vec<uint64_t>)vmull_u32(vmovn_u64((uint64x2_t)a), vmovn_u64((uint64x2_t)b));
#endif
}

GRADTAPE_INLINE float fma(float a, float b, float c) { return kFma ? __builtin_fmaf(a, b, c) : a * b + c; }
GRADTAPE_INLINE double fma(double a, double b, double c) { return kFma ? __builtin_fma(a, b, c) : a * b + c; }

}  // namespace
}  // namespace GRADTAPE_ISA
}  // namespace gradtape
