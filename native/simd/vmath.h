// Elementary functions of vectors, for float32 and float64 and any width. Knows vectors (simd.h) and no memory.
#pragma once

#include "coefficients.h"
#include "remainder.h"
#include "vbasic.h"

namespace gradtape {
namespace GRADTAPE_ISA {
namespace {
namespace vmath {

// What the algorithms need to know of a float type.
template <class T>
struct Format;
template <>
struct Format<float> {
  static constexpr unsigned mantissa = 23, bias = 127;
  static constexpr float magic = 12582912;  // 1.5 * 2^23: adding it rounds to an integer, in the low bits
  static constexpr uint32_t sqrt_half = 0x3f3504f3;
  static constexpr float min_normal = 0x1p-126f;
  static constexpr float exp_low = -104, exp_high = 89;   // beyond: 0, infinity
  static constexpr float expm1_low = -18;                 // below: -1
  static constexpr float tanh_high = 9.5f;                // above: 1
  static constexpr float sinh_high = 89.5f;               // above: infinity
  static constexpr float square_high = 0x1p13f;           // above: x^2 + 1 is x^2, for the logarithm of it
  static constexpr float tiny = 0x1p-26f;                 // below: sin x = expm1 x = log1p x = x
  static constexpr float trig_high = kFma ? 3e5f : 1e6f;  // above: by reduce_huge
  static constexpr float trig_near = 0x1p-17f;            // times trig_high / pi is more than pi / 4
};
template <>
struct Format<double> {
  static constexpr unsigned mantissa = 52, bias = 1023;
  static constexpr double magic = 6755399441055744;
  static constexpr uint64_t sqrt_half = 0x3fe6a09e667f3bcd;
  static constexpr double min_normal = 0x1p-1022;
  static constexpr double exp_low = -746, exp_high = 710;
  static constexpr double expm1_low = -40;
  static constexpr double tanh_high = 20;
  static constexpr double sinh_high = 710.6;
  static constexpr double square_high = 0x1p28;
  static constexpr double tiny = 0x1p-55;
  static constexpr double trig_high = kFma ? 0x1p43 : 1e6;
  static constexpr double trig_near = 0x1p-40;
};

template <class V>
constexpr bool kIsFloat = sizeof(Lane<V>) == 4;

// The coefficients of the lane's type.
#define GRADTAPE_COEFFICIENTS(name) \
  template <class V>                \
  constexpr const auto& name() {    \
    if constexpr (kIsFloat<V>)      \
      return name##F;               \
    else                            \
      return name##D;               \
  }
GRADTAPE_COEFFICIENTS(kExp)
GRADTAPE_COEFFICIENTS(kLn2)
GRADTAPE_COEFFICIENTS(kTanh)
GRADTAPE_COEFFICIENTS(kSin)
GRADTAPE_COEFFICIENTS(kCos)
GRADTAPE_COEFFICIENTS(kPi)
GRADTAPE_COEFFICIENTS(kErf)
GRADTAPE_COEFFICIENTS(kErfc)
GRADTAPE_COEFFICIENTS(kAsin)
GRADTAPE_COEFFICIENTS(kAtan)
GRADTAPE_COEFFICIENTS(kThreeQuartersPi)
#undef GRADTAPE_COEFFICIENTS

// c[first] + c[first + step] z + ..., by Horner's rule.
template <size_t first, size_t step, class V, class T, size_t N>
GRADTAPE_INLINE V chain(V z, const T (&c)[N]) {
  constexpr size_t top = first + (N - 1 - first) / step * step;
  V r = splat<V>(c[top]);
#pragma GCC unroll 32
  for (size_t i = top; i > first; i -= step) r = fma(r, z, splat<V>(c[i - step]));
  return r;
}

// c[0] + c[1] x + ..., in one, two, three or four chains: the longer, the more its latency counts. (Functions multiply
// by x^2 anyway where there are three.)
template <class V, class T, size_t N>
GRADTAPE_INLINE V poly(V x, const T (&c)[N]) {
  if constexpr (N <= 4) {
    return chain<0, 1>(x, c);
  } else {
    const V z = x * x;
    if constexpr (N <= 6) {
      const V top = N == 6 ? fma(splat<V>(c[N - 1]), x, splat<V>(c[4])) : splat<V>(c[4]);
      const V low = fma(splat<V>(c[1]), x, splat<V>(c[0]));
      return fma(fma(top, z, fma(splat<V>(c[3]), x, splat<V>(c[2]))), z, low);
    } else if constexpr (N < 12) {
      return fma(chain<1, 2>(z, c), x, chain<0, 2>(z, c));
    } else {
      const V w = z * z;
      const V low = fma(chain<1, 4>(w, c), x, chain<0, 4>(w, c));
      return fma(fma(chain<3, 4>(w, c), x, chain<2, 4>(w, c)), z, low);
    }
  }
}

// a * b - p, exactly, for p = a * b rounded.
template <class V>
GRADTAPE_INLINE V product_error(V a, V b, V p) {
  if constexpr (kFma) {
    return fma(a, b, neg(p));
  } else {  // Dekker (1971): halves of 26 (12) bits
    using T = Lane<V>;
    const T splitter = kIsFloat<V> ? T(4097) : T(134217729);
    const V ta = splitter * a, tb = splitter * b;
    const V ah = ta - (ta - a), bh = tb - (tb - b);
    const V al = a - ah, bl = b - bh;
    return ((ah * bh - p) + ah * bl + al * bh) + al * bl;
  }
}

// exp

// x = n u + r + c = n u + high + low, |r| <= u / 2, where u is ln(2), or the half of it; high is exact, r is rounded,
// and c is what that takes from it. The low bits of `bits` are n + offset.
template <class V>
struct Reduced {
  V n, r, c, high, low;
  UintVec<V> bits;
};
template <bool half = false, class V>
GRADTAPE_INLINE Reduced<V> reduce_exp(V x, int offset) {
  using T = Lane<V>;
  constexpr T u = half ? T(0.5) : T(1);
  const T magic = Format<T>::magic + T(offset);
  const V t = fma(x, splat<V>(T(1.4426950408889634) / u), splat<V>(magic));
  const V n = t - magic;
  const V high = fma(n, splat<V>(-u * kLn2<V>()[0]), x);
  const V low = n * (-u * kLn2<V>()[1]), r = fma(n, splat<V>(-u * kLn2<V>()[1]), high);
  return {n, r, (high - r) + low, high, low, bitcast<UintVec<V>>(t)};
}

// p 2^n for p near 1, rounded once even if it is denormal; overflows to infinity. The low bits of `bits`: n + 2 bias.
template <class V>
GRADTAPE_INLINE V times_power(V p, [[maybe_unused]] V n, [[maybe_unused]] UintVec<V> bits) {
#if defined(__AVX512F__)
  return scale(p, n);
#else
  const UintVec<V> half = bits >> 1, rest = bits - half;
  return p * bitcast<V>(half << Format<Lane<V>>::mantissa) * bitcast<V>(rest << Format<Lane<V>>::mantissa);
#endif
}

// exp(x) for x that needs no clamping but for NaN.
template <class V>
GRADTAPE_INLINE V exp_clamped(V x) {
  using T = Lane<V>;
  const auto [n, r, c, high, low, bits] = reduce_exp(x, 2 * int(Format<T>::bias));
  return times_power(1 + fma(r * r, poly(r, kExp<V>()), r), n, bits);
}

template <class V>
GRADTAPE_INLINE V exp(V x) {
  using T = Lane<V>;
  return exp_clamped(clamp(x, Format<T>::exp_low, Format<T>::exp_high));
}

// (exp(x) - 1) / 2^shift for x between expm1_low and exp_high + (shift - 1) ln(2). 2^(n - shift) and not 2^n, which may
// overflow too early.
template <int shift, class V>
GRADTAPE_INLINE V scaled_expm1(V x) {
  using T = Lane<V>;
  const auto [n, r, c, high, low, bits] = reduce_exp(x, int(Format<T>::bias) - shift);
  const V q = fma(r * r, poly(r, kExp<V>()), low);
  const V s = bitcast<V>(bits << Format<T>::mantissa);
  return fma(s, q, fma(s, high, s - T(1) / (1 << shift)));
}

template <class V>
GRADTAPE_INLINE V expm1(V x) {
  using T = Lane<V>;
  const V y = 2 * scaled_expm1<1>(clamp(x, Format<T>::expm1_low, Format<T>::exp_high));
  return select(abs(x) < Format<T>::tiny, x, y);
}

// h / (h + 1) for h = (exp(2 a) - 1) / 2.
template <class V>
GRADTAPE_INLINE V tanh(V x) {
  using T = Lane<V>;
  const V a = lesser(splat<V>(Format<T>::tanh_high), abs(x));
  const auto [n, r, c, high, low, bits] = reduce_exp<true>(a, int(Format<T>::bias));
  const V q = fma(r * r, poly(r, kTanh<V>()), low);
  const V s = bitcast<V>(bits << Format<T>::mantissa);
  const V h = fma(s, q, fma(s, high, fma(s, splat<V>(T(0.5)), splat<V>(T(-0.5)))));
  return flip(h / (h + 1), x);
}

// From e = exp|x| - 1: (e + e / (e + 1)) / 2; a quarter of e, which does not overflow before the result does.
template <class V>
GRADTAPE_INLINE V sinh(V x) {
  using T = Lane<V>;
  const V a = abs(x);
  const V q = scaled_expm1<2>(lesser(splat<V>(Format<T>::sinh_high), a));
  return copysign(select(a < Format<T>::tiny, a, 2 * (q + q / (4 * q + 1))), x);
}
template <class V>
GRADTAPE_INLINE V cosh(V x) {
  using T = Lane<V>;
  const auto [n, r, c, high, low, bits] =
      reduce_exp(lesser(splat<V>(Format<T>::sinh_high), abs(x)), int(Format<T>::bias) - 2);
  const V quarter = bitcast<V>(bits << Format<T>::mantissa) * (1 + (high + fma(r * r, poly(r, kExp<V>()), low)));
  return fma(splat<V>(2), quarter, T(0.125) / quarter);
}

template <class V>
GRADTAPE_INLINE V sigmoid(V x) {
  using T = Lane<V>;
  const V e = exp_clamped(greater(splat<V>(Format<T>::exp_low), neg(abs(x))));
  return select(x < 0, e, splat<V>(1)) / (1 + e);
}

// log

// x = 2^k m for positive normal x, sqrt(1/2) <= m < sqrt(2).
template <class V>
struct Scaled {
  V k, m;
  UintVec<V> biased;  // k + bias
};
template <class V>
GRADTAPE_INLINE Scaled<V> scale(V x) {
  using T = Lane<V>;
  using U = Lane<UintVec<V>>;
  constexpr unsigned mantissa = Format<T>::mantissa;
  constexpr U bias = U(Format<T>::bias) << mantissa;
  constexpr T big = T(U(1) << mantissa);  // an integer below 2^mantissa in its low bits is added to it
  const UintVec<V> bits = bitcast<UintVec<V>>(x);
  const UintVec<V> biased = (bits + (bias - Format<T>::sqrt_half)) >> mantissa;
  const V m = bitcast<V>(bits - (biased << mantissa) + bias);
  const V k = bitcast<V>(biased | bitcast<UintVec<V>>(splat<V>(big))) - (big + T(Format<T>::bias));
  return {k, m, biased};
}

// log(1 + f) + k ln(2), sqrt(1/2) <= 1 + f <= sqrt(2).
template <class V>
GRADTAPE_INLINE V log_of(V f, V k) {
  using T = Lane<V>;
  const V half_square = T(0.5) * f * f;
  const V k_high = k * kLn2<V>()[0], k_low = k * kLn2<V>()[1];  // the first exact
  if constexpr (kIsFloat<V>) {
    const V p = fma(f * f * f, poly(f, kLogF), k_low);
    return k_high + (f + (p - half_square));
  } else {
    const V s = f / (2 + f), z = s * s;
    const V r = z * poly(z, kLogD);
    return k_high - ((half_square - fma(s, half_square + r, k_low)) - f);
  }
}

// What log makes of zero, negative numbers, infinity and NaN.
template <class V>
GRADTAPE_INLINE V log_special(V x, V r) {
  using T = Lane<V>;
  const V inf = infinity(x);
  r = select(x == 0, neg(inf), r);
  r = select(x < 0, splat<V>(T(__builtin_nan(""))), r);
  return select((x == inf) | (x != x), x, r);
}

// log for any lanes; the same bits as log for the common ones.
template <class V>
__attribute__((noinline)) V log_any(V x) {
  using T = Lane<V>;
  const auto denormal = x < Format<T>::min_normal;
  const T up = T(uint64_t(1) << Format<T>::mantissa);
  const auto [k, m, biased] = scale(select(denormal, x * up, x));
  return log_special(x, log_of(m - 1, select(denormal, k - T(Format<T>::mantissa), k)));
}

template <class V>
GRADTAPE_INLINE V log(V x) {
  using T = Lane<V>;
  const auto plain = (x >= Format<T>::min_normal) & (x < infinity(x));
  if (__builtin_expect(!all(plain), 0)) return log_any(x);
  const auto [k, m, biased] = scale(x);
  return log_of(m - 1, k);
}

template <class V>
GRADTAPE_INLINE V log1p(V x) {
  using T = Lane<V>;
  using U = Lane<UintVec<V>>;
  const auto [k, m, biased] = scale(1 + x);
  // 1 + f = (1 + x) 2^-k without the rounding of 1 + x.
  const V s = bitcast<V>((U(2 * Format<T>::bias) - biased) << Format<T>::mantissa);
  const V y = select(abs(x) < Format<T>::tiny, x, log_of(fma(s, x, s - 1), k));
  const T big = T(uint64_t(1) << 60);  // from here on 1 + x is x, and soon 2^-k a denormal
  const auto plain = (x > -1) & (x < big);
  if (__builtin_expect(!all(plain), 0)) {
    const V inf = infinity(x);
    V r = select(x == -1, neg(inf), select(x < big, y, log_of(m - 1, k)));
    r = select(x < -1, splat<V>(T(__builtin_nan(""))), r);
    return select((x == inf) | (x != x), x, r);
  }
  return y;
}

template <class V>
GRADTAPE_INLINE V softplus(V x) {
  using T = Lane<V>;
  const V e = exp_clamped(greater(splat<V>(Format<T>::exp_low), neg(abs(x))));
  // log(1 + e), 0 <= e <= 1: of 1 + e or of half of it
  const auto upper = e > T(0.4142135623730950);
  const V f = select(upper, T(0.5) * e - T(0.5), e), k = select(upper, splat<V>(1), V{});
  return relu(x) + log_of(f, k);
}

// sin, cos, tan

// x - h pi = r + c, where c is what rounding takes from r; 2 h is an integer. Exact products by fma, or by constants
// short enough, in float64.
template <class V>
GRADTAPE_INLINE void subtract_pi(V x, V h, V& r, V& c) {
  if constexpr (kFma) {
    const V p = splat<V>(kPi<V>()[1]), a = fma(neg(h), splat<V>(kPi<V>()[0]), x);
    const V w = h * p, low = fma(h, splat<V>(kPi<V>()[2]), fma(h, p, neg(w)));
    r = a - w;
    c = ((a - r) - w) - low;
  } else if constexpr (kIsFloat<V>) {
    const auto half = [](auto y, auto g, auto& lost) {
      const auto exact = (y - g * kPiShortD[0]) - g * kPiShortD[1] - g * kPiShortD[2];
      const auto rounded = convert<float>(exact);
      lost = convert<float>(exact - convert<double>(rounded));
      return rounded;
    };
    decltype(low_half(x)) low_lost, high_lost;
    const auto low = half(convert<double>(low_half(x)), convert<double>(low_half(h)), low_lost);
    const auto high = half(convert<double>(high_half(x)), convert<double>(high_half(h)), high_lost);
    r = join(low, high);
    c = join(low_lost, high_lost);
  } else {
    const V a = x - h * kPiShortD[0];
    const V p = h * kPiShortD[1], b = a - p;
    const V q = h * kPiShortD[2];
    r = b - q;
    c = (((a - b) - p) + ((b - r) - q)) - h * kPiShortD[3];
  }
}

// The same without c, and the lanes for which that will do: not where r is so near 0 that c matters, nor where x is so
// large, NaN or infinite that not even c would help, nor 0, whose sign would get lost. One comparison sees it all.
template <class V>
GRADTAPE_INLINE auto subtract_pi_fast(V x, V h, V& r) {
  using T = Lane<V>;
  r = fma(h, splat<V>(-kPi<V>()[1]), fma(h, splat<V>(-kPi<V>()[0]), x));
  const V limit = h * Format<T>::trig_near;
  return r * r > limit * limit;
}

enum Trig { kSine, kCosine, kTangent };

// x is near n pi / 2; n is in the low bits of t.
template <class V>
GRADTAPE_INLINE V half_turns(V x, V& t) {
  using T = Lane<V>;
  constexpr T magic = Format<T>::magic;
  t = fma(x, splat<V>(T(0.6366197723675814)), splat<V>(magic));
  return T(0.5) * (t - magic);
}

// f(x) from r + c = x - n pi / 2, |r| <= pi / 4.
template <Trig f, bool with_c, class V>
GRADTAPE_INLINE V trig_of(V t, V r, V c) {
  using T = Lane<V>;
  constexpr unsigned top = 8 * sizeof(T) - 1;
  const V z = r * r;
  const V q = poly(z, kSin<V>());
  const V sine = with_c ? r + fma(r * z, q, c) : fma(r * z, q, r);
  const V k = fma(z, poly(z, kCos<V>()), splat<V>(T(-0.5)));
  const V cosine = fma(z, k, splat<V>(1)) - (with_c ? r * c : V{});
  UintVec<V> n = bitcast<UintVec<V>>(t);
  if constexpr (f == kCosine) n = n + 1;
  const auto odd = bitcast<IntVec<V>>(n << top) < 0;
  if constexpr (f == kTangent) {
    const V y = select(odd, cosine, sine) / select(odd, sine, cosine);
    return bitcast<V>(bitcast<UintVec<V>>(y) ^ (n << top));
  } else {
    return bitcast<V>(bitcast<UintVec<V>>(select(odd, cosine, sine)) ^ (n << (top - 1) & sign_bit(r)));
  }
}

// The lanes of the mask, with care.
template <Trig f, class V>
__attribute__((noinline)) V trig_special(MaskOf<V> mask, V x, V y) {
  using T = Lane<V>;
  V t, r, c;
  subtract_pi(x, half_turns(x, t), r, c);
  const MaskOf<V> huge = ~(abs(x) <= Format<T>::trig_high);
  if (any(huge)) {
    UintVec<V> n = bitcast<UintVec<V>>(t);
    for (size_t i = 0; i < kLanesOf<V>; ++i) {
      if (!huge[i]) continue;
      const HugeAngle angle = reduce_huge(double(x[i]));
      n[i] = Lane<UintVec<V>>(angle.n);
      r[i] = T(angle.r);
      c[i] = kIsFloat<V> ? T(angle.r - double(r[i])) : T(angle.c);
    }
    t = bitcast<V>(n);
  }
  return select(mask, select((x == 0) & (f != kCosine), x, trig_of<f, true>(t, r, c)), y);
}

template <Trig f, class V>
GRADTAPE_INLINE V trig(V x) {
  using T = Lane<V>;
  V t, r, c, y;
  const V h = half_turns(x, t);
  MaskOf<V> plain;
  if constexpr (kFma) {
    plain = subtract_pi_fast(x, h, r);
    y = trig_of<f, false>(t, r, V{});
  } else {
    subtract_pi(x, h, r, c);
    y = trig_of<f, true>(t, r, c);
    plain = (abs(x) <= Format<T>::trig_high) & (x != 0);
  }
  return __builtin_expect(all(plain), 1) ? y : trig_special<f, V>(~plain, x, y);
}

template <class V>
GRADTAPE_INLINE V sin(V x) {
  return trig<kSine>(x);
}
template <class V>
GRADTAPE_INLINE V cos(V x) {
  return trig<kCosine>(x);
}
template <class V>
GRADTAPE_INLINE V tan(V x) {
  return trig<kTangent>(x);
}

// sin and cos of 2 pi x, 0 <= x < 1.
template <class V>
GRADTAPE_INLINE void sin_cos_turn(V x, V& sine, V& cosine) {
  using T = Lane<V>;
  const V t = fma(x, splat<V>(4), splat<V>(Format<T>::magic));
  const V r = T(6.283185307179586) * (x - T(0.25) * (t - Format<T>::magic));
  sine = trig_of<kSine, false>(t, r, V{});
  cosine = trig_of<kCosine, false>(t, r, V{});
}

// By a polynomial up to 1 and 1 - exp(-g(x)) beyond.
template <class V>
GRADTAPE_INLINE V erf_single(V x) {
  const V a = abs(x), z = x * x;
  V y = fma(a, poly(z, kErfF), a);
  const auto near = a <= 1;
  if (!all(near)) {
    const V g = poly(lesser(splat<V>(3.95f), a), kErfTailF);
    y = select(near, y, 1 - exp_clamped(neg(g)));
  }
  return copysign(y, x);
}

// erf(c + d) = erf(c) + erf'(c) d (1 + s) from a table, c a multiple of 1/32. With w = 2 c d and v = d^2, s is the sum
// of (-v)^n / n! times the integral of t^(2 n) exp(-w t) over 0 <= t <= 1, less 1, here as Taylor's series.
template <class V>
GRADTAPE_INLINE V erf_double(V x) {
  constexpr double magic = Format<double>::magic / 32;
  constexpr double s0[] = {-1. / 2, 1. / 6, -1. / 24, 1. / 120, -1. / 720, 1. / 5040, -1. / 40320};
  constexpr double s1[] = {-1. / 3, 1. / 4, -1. / 10, 1. / 36, -1. / 168, 1. / 960};
  constexpr double s2[] = {1. / 10, -1. / 12, 1. / 28, -1. / 96};
  constexpr double s3[] = {-1. / 42, 1. / 48};
  const V a = abs(x), limit = splat<V>(191. / 32);
  const V t = lesser(a, limit) + magic, c = t - magic;  // where x is NaN the limit, so that the table has a row
  const V d = lesser(limit, a) - c, w = 2 * c * d, v = d * d;
  V row[4];
  lookup(kErfRows, bitcast<UintVec<V>>(t) & 0xff, row);
  const V rest = fma(v, fma(v, splat<V>(1. / 216), chain<0, 1>(w, s3)), chain<0, 1>(w, s2));
  const V s = fma(v, fma(v, rest, chain<0, 1>(w, s1)), w * chain<0, 1>(w, s0));
  const V slope = row[2] * d;
  return copysign(row[0] + (slope + fma(slope, s, row[1])), x);
}

template <class V>
GRADTAPE_INLINE V erf(V x) {
  if constexpr (kIsFloat<V>)
    return erf_single(x);
  else
    return erf_double(x);
}

// floor(x / y) of int32, 0 for y = 0, through float64: no quotient of such integers is nearer to the next integer than
// a rounding. The quotient -INT_MIN wraps.
template <class V>
GRADTAPE_INLINE V floordiv_int(V x, V y) {
  const auto half = [](auto a, auto b) GRADTAPE_LAMBDA {
    return bitcast<Vec<int64_t, kLanesOf<V> / 2>>(floor(convert<double>(a) / convert<double>(b)) +
                                                  Format<double>::magic);
  };
  const V safe = select(y == 0, splat<V>(1), y);
  const auto low = half(low_half(x), low_half(safe)), high = half(high_half(x), high_half(safe));
  return select(y == 0, V{}, narrow(low, high));
}

// The remainder of x / y with the sign of x, exactly, where the mask says.
template <class V>
__attribute__((noinline)) V fmod_special(MaskOf<V> mask, V x, V y, V r) {
  for (size_t i = 0; i < kLanesOf<V>; ++i) {
    if (mask[i]) r[i] = Lane<V>(truncated_remainder(double(x[i]), double(y[i])));
  }
  return r;
}

template <class V>
GRADTAPE_INLINE V floormod(V x, V y) {
  if constexpr (kIsInt<V>) {
    return select(y == 0, V{}, sub(x, mul(floordiv_int(x, y), y)));
  } else {
    V r = {};
    MaskOf<V> special = r == 0;
    if constexpr (kFma) {
      // The quotient, cut, may be one too large by rounding; x - q y is exact either way.
      const V q = x / y, a = abs(q), n = round(a);
      r = fma(neg(copysign(select(n > a, n - 1, n), q)), y, x);
      r = select(((r < 0) != (x < 0)) & (r != 0), r + copysign(y, x), r);
      const Lane<V> big = kIsFloat<V> ? Lane<V>(4194304) : Lane<V>(2251799813685248);
      special = ~((a < big) & (abs(y) < infinity(y)));
    }
    if (__builtin_expect(any(special), 0)) r = fmod_special<V>(special, x, y, r);
    return select(r == 0, copysign(V{}, y), select((r < 0) != (y < 0), r + y, r));
  }
}
template <class V>
GRADTAPE_INLINE V floordiv(V x, V y) {
  if constexpr (kIsInt<V>)
    return floordiv_int(x, y);
  else
    return floor(x / y);
}

// |x|^y in float64 for float32 operands: V is a vector of float64, x positive and finite, y finite.
template <class V>
GRADTAPE_INLINE V pow_single(V x, V y) {
  const auto [k, m, biased] = scale(x);
  const V s = (m - 1) / (m + 1);
  const V exponent = y * fma(s, poly(s * s, kLog2F), k);
  const V e = clamp(exponent, -200, 200);  // 2^200 overflows float32, 2^-200 is zero
  const double magic = Format<double>::magic + 1023;
  const V t = e + magic;
  const V r = e - (t - magic);
  return fma(r, poly(r, kExp2F), splat<V>(1)) * bitcast<V>(bitcast<UintVec<V>>(t) << 52);
}

// The same for float64 operands, by a logarithm of some 66 bits as the sum of two numbers: that of c, a multiple of
// 1/64 near m, from a table, and log(1 + r), r + r_low = m / c - 1.
template <class V>
GRADTAPE_INLINE V pow_double(V x, V y, V k_more) {
  const auto [k0, m, biased] = scale(x);
  const V k = k0 + k_more;
  V row[4];  // 1 / c, log(c)
  lookup(kPowRows, (bitcast<UintVec<V>>(m + Format<double>::magic / 64) & 0xff) - 45, row);
  const V ratio = m * row[0], r = ratio - 1, r_low = product_error(m, row[0], ratio);
  const V half = -0.5 * r, h = half * r;  // -r^2 / 2
  // k ln(2) + log(c) is exact, and each of the sums adds something smaller.
  const V b0 = k * kLn2D[0] + row[1], b1 = b0 + r, b2 = b1 + h;
  const V lost = ((b0 - b1) + r) + (((b1 - b2) + h) + product_error(half, r, h));
  const V more = fma(k, splat<V>(kLn2D[1]), row[2]) + fma(neg(r), fma(neg(r), r_low, r_low), r_low);
  const V b_rest = fma(r * r * r, poly(r, kPowLogD), more + lost);
  const V b = b2 + b_rest, b_low = b_rest - (b - b2);
  // times y; beyond the clamps the result overflows or vanishes anyway
  if constexpr (!kFma) {  // product_error must not overflow
    y = clamp(y, -0x1p70, 0x1p70);
  }
  const V p = y * b, p_low = fma(y, b_low, product_error(y, b, p));
  const V e0 = clamp(p, Format<double>::exp_low, Format<double>::exp_high);
  const auto [n, s, c, high, low, bits] = reduce_exp(e0, 2 * 1023);
  const V correction = c + select(e0 == p, p_low, V{});
  const V tail = s * s * poly(s, kExpD);
  const V e = 1 + (s + (tail + fma(correction, s + tail, correction)));
  return times_power(e, n, bits);
}

// What IEEE 754 says of pow outside of positive finite x and finite y; r holds |x|^y where those are plain.
template <class V>
__attribute__((noinline)) V pow_special(V x, V y, V r) {
  using T = Lane<V>;
  const V ax = abs(x), inf = infinity(x), one = splat<V>(1);
  const auto y_inf = abs(y) == inf;
  r = select(ax == 0, select(y < 0, inf, V{}), r);
  r = select(ax == inf, select(y < 0, V{}, inf), r);
  r = select(y_inf, select(ax == 1, one, select((ax > 1) == (y > 0), inf, V{})), r);
  const auto whole = round(y) == y;
  const auto odd = whole & (round(T(0.5) * y) != T(0.5) * y);
  r = select((x < 0) & (ax != inf) & ~whole, splat<V>(T(__builtin_nan(""))), r);
  r = select(odd, copysign(r, x), r);
  r = select((x != x) | (y != y), x + y, r);
  return select((x == 1) | (y == 0), one, r);
}

// Out of line: it is long, and used in many variants.
template <class V>
__attribute__((noinline)) V pow_float(V x, V y) {
  using T = Lane<V>;
  const V ax = abs(x), inf = infinity(x);
  const bool some = !all((x >= Format<T>::min_normal) & (x < inf) & (abs(y) < inf));
  V base = x, exponent = y, more = V{};
  if (__builtin_expect(some, 0)) {
    const auto plain = (ax > 0) & (ax < inf) & (abs(y) < inf);
    base = select(plain, ax, splat<V>(1));
    exponent = select(plain, y, splat<V>(1));
    if constexpr (!kIsFloat<V>) {
      const auto denormal = base < Format<T>::min_normal;
      base = select(denormal, base * 0x1p54, base);
      more = select(denormal, splat<V>(-54), V{});
    }
  }
  V r;
  if constexpr (kIsFloat<V>) {
    const auto low = pow_single(convert<double>(low_half(base)), convert<double>(low_half(exponent)));
    const auto high = pow_single(convert<double>(high_half(base)), convert<double>(high_half(exponent)));
    r = join(convert<float>(low), convert<float>(high));
  } else {
    r = pow_double(base, exponent, more);
  }
  if (__builtin_expect(some, 0)) return pow_special(x, y, r);
  return r;
}

template <class V>
GRADTAPE_INLINE V pow(V x, V y) {
  if constexpr (kIsInt<V>) {
    const V negative = y < 0;
    const V odd = -(y & 1);
    // base 1: 1; base -1: by parity; else 0.
    const V inverse = select(x == 1, splat<V>(1), select(x == -1, odd | 1, V{}));
    UintVec<V> r = splat<UintVec<V>>(1), b = (UintVec<V>)x;
    for (unsigned bit = 0; bit < 31; ++bit) {
      const UintVec<V> e = (UintVec<V>)select(negative, V{}, y) >> bit;
      if (!any(e != 0)) break;
      r = select((e & 1) != 0, r * b, r);
      b *= b;
    }
    return select(negative, inverse, (V)r);
  } else {
    return pow_float(x, y);
  }
}

}  // namespace vmath
}  // namespace
}  // namespace GRADTAPE_ISA
}  // namespace gradtape
