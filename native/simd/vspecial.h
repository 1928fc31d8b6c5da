// Inverse functions of trigonometry and of hyperbolas, and the error and gamma functions, of vectors: made of vmath.h.
#pragma once

#include "vmath.h"

namespace gradtape {
namespace GRADTAPE_ISA {
namespace {
namespace vmath {

// asin, acos, atan, atan2

// base + low + w + t, rounded about once: |base| >= |w| or base = 0, low and t small.
template <class V>
GRADTAPE_INLINE V sum_from(V base, V low, V w, V t) {
  const V a = base + w;
  return a + (((base - a) + w) + (low + t));
}

// asin(u) = u + t, where u is |x| up to 1/2, and beyond, the sine of half the angle to pi / 2. NaN for |x| > 1.
template <class V>
struct Arc {
  MaskOf<V> near;
  V u, t;
};
template <class V>
GRADTAPE_INLINE Arc<V> arc_of(V x) {
  using T = Lane<V>;
  const V a = abs(x);
  const auto near = a <= T(0.5);
  const V half = T(0.5) - T(0.5) * a;  // exact
  const V z = select(near, a * a, half), u = select(near, a, sqrt(half));
  return {near, u, u * z * poly(z, kAsin<V>())};
}

template <class V>
GRADTAPE_INLINE V asin(V x) {
  using T = Lane<V>;
  const auto [near, u, t] = arc_of(x);
  const V turn = select(near, V{}, splat<V>(T(0.5) * kPi<V>()[0])),
          low = select(near, V{}, splat<V>(T(0.5) * kPi<V>()[1]));
  return copysign(sum_from(turn, low, select(near, u, -2 * u), select(near, t, -2 * t)), x);
}

template <class V>
GRADTAPE_INLINE V acos(V x) {
  using T = Lane<V>;
  const auto [near, u, t] = arc_of(x);
  const V halves = select(near, splat<V>(T(0.5)), select(x < 0, splat<V>(1), V{}));
  const V w = flip(select(near, neg(u), 2 * u), x), more = flip(select(near, neg(t), 2 * t), x);
  return sum_from(halves * kPi<V>()[0], halves * kPi<V>()[1], w, more);
}

// base + low + atan(q) for |q| <= 1/2, rounded about once: the base is a multiple of pi / 4 and no less than 1/2, or 0.
template <class V>
GRADTAPE_INLINE V atan_from(V base, V low, V q) {
  const V z = q * q;
  return sum_from(base, low, q, q * z * poly(z, kAtan<V>()));
}

// atan(a) = pi / 4 + atan((a - 1) / (a + 1)) between 1/2 and 2, where a - 1 is exact; pi / 2 - atan(1 / a) beyond.
template <class V>
GRADTAPE_INLINE V atan(V x) {
  using T = Lane<V>;
  const V a = abs(x);
  const auto far = a > 2, middle = (a > T(0.5)) & ~far;
  const V q = select(far, splat<V>(-1), select(middle, a - 1, a)) / select(far, a, select(middle, a + 1, splat<V>(1)));
  const V part = select(far, splat<V>(T(0.5)), select(middle, splat<V>(T(0.25)), V{}));
  return copysign(atan_from(part * kPi<V>()[0], part * kPi<V>()[1], q), x);
}

// Out of line, as what follows: it is used in several variants.
template <class V>
__attribute__((noinline)) V atan2(V y, V x) {
  using T = Lane<V>;
  const V ax = abs(x), ay = abs(y);
  const auto steep = ay > ax;
  const auto left = bitcast<IntVec<V>>(x) < 0;
  const V less = select(steep, ax, ay), more = select(steep, ay, ax);
  // The quotient of equals is 1, also of infinities; of zeros 0.
  const auto equal = less == more, middle = (less > T(0.5) * more) | (equal & (more > 0));
  const V scale = select(more > 1, splat<V>(T(0.5)), splat<V>(1));  // so that the sum does not overflow
  const V top = select(equal, V{}, select(middle, scale * less - scale * more, less));
  const V bottom = select(equal, splat<V>(1), select(middle, scale * less + scale * more, more));
  const auto back = steep ^ left;
  const V q = top / bottom;
  const V whole = select(steep, splat<V>(T(0.5)), select(left, splat<V>(1), V{}));  // parts of pi
  const V part = select(middle, splat<V>(T(0.25)), whole);
  const auto three = middle & left;
  const V base = select(three, splat<V>(kThreeQuartersPi<V>()[0]), part * kPi<V>()[0]);
  const V low = select(three, splat<V>(kThreeQuartersPi<V>()[1]), part * kPi<V>()[1]);
  const V r = atan_from(base, low, select(back, neg(q), q));
  return select((x != x) | (y != y), x + y, copysign(r, y));
}

// asinh, acosh, atanh

// log(1 + w), w >= 0; where `far`, log(2 a).
template <class V>
GRADTAPE_INLINE V log_sum(V w, V a, MaskOf<V> far) {
  using T = Lane<V>;
  using U = Lane<UintVec<V>>;
  const auto [k, m, biased] = scale(select(far, a, 1 + w));
  const V s = bitcast<V>((U(2 * Format<T>::bias) - biased) << Format<T>::mantissa);
  return log_of(select(far, m - 1, fma(s, w, s - 1)), select(far, k + 1, k));
}

template <class V>
GRADTAPE_INLINE V asinh(V x) {
  using T = Lane<V>;
  const V a = abs(x), z = a * a;
  const V r = log_sum(a + z / (1 + sqrt(1 + z)), a, a > Format<T>::square_high);
  return copysign(select(a < infinity(x), r, a), x);
}

template <class V>
GRADTAPE_INLINE V acosh(V x) {
  using T = Lane<V>;
  const V t = x - 1;
  const V r = log_sum(t + sqrt(fma(t, t, 2 * t)), x, x > Format<T>::square_high);
  return select(x < infinity(x), select(x < 1, splat<V>(T(__builtin_nan(""))), r), x);
}

template <class V>
GRADTAPE_INLINE V atanh(V x) {
  using T = Lane<V>;
  const V a = abs(x), t = 2 * a;
  const V r = T(0.5) * log_sum(t + t * a / (1 - a), a, a < 0);
  return copysign(select(a < 1, r, select(a == 1, infinity(x), splat<V>(T(__builtin_nan(""))))), x);
}

// erfc

// From 0.47 on, erfc(a) = exp(-a^2) u (1 + s(t)), u = 1 / (a + 2), t = 1 - 4 u, where a^2 is the sum of two numbers,
// and what rounding takes from u is put right; below, 1 - erf.
template <class V>
GRADTAPE_INLINE V erfc(V x) {
  using T = Lane<V>;
  const V a = lesser(splat<V>(kIsFloat<V> ? T(10.1) : T(27.4)), abs(x));
  const V square = a * a;
  const auto [n, r, c, high, low, bits] = reduce_exp(neg(square), 2 * int(Format<T>::bias));
  const V d = a + 2, u = 1 / d, one = d * u;
  const V lost = ((1 - one) - product_error(d, u, one)) - (a - (d - 2)) * u;
  const V more = (c - product_error(a, a, square)) + lost, tail = r * r * poly(r, kExp<V>());
  const V scaled = fma(u, poly(fma(a, u, -2 * u), kErfc<V>()), u);
  const V p = fma(scaled, r + (tail + fma(more, r + tail, more)), scaled);
  const V y = times_power(p, n, bits);
  const V near = 1 - fma(x, poly(x * x, kErf<V>()), x);
  return select(abs(x) < T(0.47), near, select(x < 0, 2 - y, y));
}

// lgamma, digamma, polygamma

// Functions that are computed in float64 whatever the dtype: their float32 results are right to half an ULP and a bit.

template <class V, class F>
GRADTAPE_INLINE V in_double(F f, V x) {
  if constexpr (kIsFloat<V>) {
    return join(convert<float>(f(convert<double>(low_half(x)))), convert<float>(f(convert<double>(high_half(x)))));
  } else {
    return f(x);
  }
}
template <class V, class F>
GRADTAPE_INLINE V in_double(F f, V x, V y) {
  if constexpr (kIsFloat<V>) {
    return join(convert<float>(f(convert<double>(low_half(x)), convert<double>(low_half(y)))),
                convert<float>(f(convert<double>(high_half(x)), convert<double>(high_half(y)))));
  } else {
    return f(x, y);
  }
}

// For negative x: f = x - floor(x), g = 1 - f and 1 - x, by which the reflection formulas go.
template <class V>
struct Reflected {
  MaskOf<V> pole;
  V f, g, far;
};
template <class V>
GRADTAPE_INLINE Reflected<V> reflect(V x) {
  const V r = x - round(x);
  const auto below = r < 0;
  return {r == 0, select(below, 1 + r, r), select(below, neg(r), 1 - r), 1 - x};
}

// log(gamma(x)) for x > 0: y B(y), where 2 + y is x moved by integers, and the logarithm that the move costs; around 1
// the two are merged, so that the zero there is exact. From 8.5 on Stirling's series.
template <class V>
__attribute__((noinline)) V lgamma_positive(V x) {
  const auto low = x < 0.25, below = x < 0.75, one = ~below & (x < 1.25), far = x >= 8.5;
  V v = x, product = splat<V>(1);
  for (int i = 0; i < 6; ++i) {
    const auto over = (v >= 2.5) & ~far;
    v = select(over, v - 1, v);
    product = select(over, product * v, product);
  }
  const V y = select(low, x, select(x < 1.25, x - 1, v - 2));
  // log(w) = k ln(2) + log(1 + d)
  const V w = select(low, x * (1 + x), select(below | far, x, product));
  const auto denormal = w < Format<double>::min_normal;
  const auto [k0, m, biased] = scale(select(denormal, w * 0x1p54, w));
  const V d = select(one, y, m - 1), k = select(one, V{}, select(denormal, k0 - 54, k0));
  const V s = d / (2 + d), z = s * s, half_square = 0.5 * d * d;
  const V rest = half_square - fma(s, half_square + z * poly(z, kLogD), k * kLn2D[1]);  // d - log(1 + d)
  const V high = k * kLn2D[0], lower = d - rest, log = high + lower;
  const V b = poly(y, kLgammaD);
  const V near = fma(y, select(one, b - 1, b), select(one, rest, select(below, neg(log), log)));
  // (x - 1/2) (log(x) - 1) + (log(2 pi) - 1) / 2 + ...
  const V half = 0.5 * x - 0.25, inverse = 1 / x;  // half of it, which does not overflow early
  const V series = fma(inverse, poly(inverse * inverse, kStirlingD), splat<V>(0.41893853320467274));
  const V large = 2 * fma(half, high - 1, fma(half, lower, 0.5 * series));
  return select(x < infinity(x), select(far, large, near), x);
}
template <class V>
__attribute__((noinline)) V lgamma_any(V x) {
  const auto [pole, f, g, far] = reflect(x);
  const V y = (lgamma_positive(f) + lgamma_positive(g)) - lgamma_positive(far);
  const V left = select(pole | (abs(x) == infinity(x)), infinity(x), y);
  return select(x <= 0, left, lgamma_positive(x));
}
template <class V>
GRADTAPE_INLINE V lgamma_double(V x) {
  return __builtin_expect(all(x > 0), 1) ? lgamma_positive(x) : lgamma_any(x);
}
template <class V>
GRADTAPE_INLINE V lgamma(V x) {
  return in_double([](auto v) GRADTAPE_LAMBDA { return lgamma_double(v); }, x);
}

// x > 0. Below 4: (x - x0) P(x), with x moved to between 1 and 2; then the asymptotic series, from 8 or x + 4 on.
template <class V>
__attribute__((noinline)) V digamma_positive(V x) {
  const auto low = x < 1, near = x < 4, far = x >= 8, two = x >= 3;
  const V moved = select(two, x - 2, select(x >= 2, x - 1, x));
  const V u = (moved - select(low, splat<V>(kDigammaZeroD[0] - 1), splat<V>(kDigammaZeroD[0]))) - kDigammaZeroD[1];
  // numerator / denominator is what the move adds: 1 / (x - 1) (+ 1 / (x - 2)), -1 / x, or -1 / x - ... - 1 / (x + 3)
  V numerator = V{}, denominator = splat<V>(1);
  for (int i = 0; i < 4; ++i) {
    numerator = fma(numerator, x + i, neg(denominator));
    denominator *= x + i;
  }
  numerator = select(near, select(low, splat<V>(-1), select(two, 2 * x - 3, select(x >= 2, splat<V>(1), V{}))),
                     select(far, V{}, numerator));
  denominator = select(near, select(two, (x - 1) * moved, moved), select(far, splat<V>(1), denominator));
  const V z = select(far, x, select(near, splat<V>(8), x + 4)), inverse = 1 / z, square = inverse * inverse;
  const V series = log(z) - fma(square, poly(square, kDigammaTailD), 0.5 * inverse);
  const V p = u * poly(select(low, x - 0.5, moved - 1.5), kDigammaD);
  return select(near, p, series) + numerator / denominator;
}
template <class V>
__attribute__((noinline)) V digamma_any(V x) {
  const auto [pole, f, g, far] = reflect(x);
  const V y = digamma_positive(far) + (digamma_positive(f) - digamma_positive(g));
  return select(x <= 0, select(pole, splat<V>(__builtin_nan("")), y), digamma_positive(x));
}
template <class V>
GRADTAPE_INLINE V digamma_double(V x) {
  return __builtin_expect(all(x > 0), 1) ? digamma_positive(x) : digamma_any(x);
}
template <class V>
GRADTAPE_INLINE V digamma(V x) {
  return in_double([](auto v) GRADTAPE_LAMBDA { return digamma_double(v); }, x);
}

// zeta(2, x) for x > 0: the asymptotic series, from 8 or x + 8 on, and the terms before it.
template <class V>
__attribute__((noinline)) V trigamma_positive(V x) {
  const auto far = x >= 8;
  V numerator = V{}, denominator = splat<V>(1);
  for (int i = 1; i < 8; ++i) {
    const V square = (x + i) * (x + i);
    numerator = fma(numerator, square, denominator);
    denominator *= square;
  }
  const V r = 1 / select(far, x, x + 8), z = r * r, first = 1 / x;
  const V series = fma(z, 0.5 + r * poly(z, kTrigammaTailD), r);
  return select(far, series, (series + numerator / denominator) + first * first);
}

// zeta(s, x) for integers s > 2 and x > 0, by Euler's and Maclaurin's formula from s + 12 on.
template <class V>
__attribute__((noinline)) V zeta_positive(V s, V x) {
  V sum = V{};
  const V start = clamp(s + 12, 12, 184);  // beyond 171 the factorial overflows
  for (int k = 0; k < 184; ++k) {          // bounded: lanes whose results are discarded may never reach start
    const auto before = x < start;
    if (!any(before)) break;
    sum += select(before, pow_float(x, neg(s)), V{});
    x = select(before, x + 1, x);
  }
  const V inverse = 1 / x, z = inverse * inverse;
  V factor = s * inverse, series = x / (s - 1) + 0.5;
  for (int j = 0; j < 9; ++j) {
    series = fma(factor, splat<V>(kBernoulliD[j]), series);
    factor *= (s + (2 * j + 1)) * (s + (2 * j + 2)) * z;
  }
  return select(x == infinity(x), V{}, fma(pow_float(x, neg(s)), series, sum));
}

template <class V>
GRADTAPE_INLINE V zeta_of(V s, V x, bool two) {
  return two ? trigamma_positive(x) : zeta_positive(s, x);
}

// (-1)^(n + 1) n! zeta(n + 1, x), 1 <= n <= 171, beyond which n! overflows: all n = 1, or any.
template <class V>
__attribute__((noinline)) V polygamma_of(V n, V x, bool one) {
  const V s = n + 1;
  V y = zeta_of(s, select(x > 0, x, splat<V>(1)), one);
  const auto even = round(0.5 * n) == 0.5 * n;
  if (__builtin_expect(!all(x > 0), 0)) {
    const auto [pole, f, g, far] = reflect(x);
    const V front = zeta_of(s, f, one), back = zeta_of(s, g, one), rest = zeta_of(s, far, one);
    const V left = select(even, (front - back) + rest, (front + back) - rest);
    const V nan = splat<V>(__builtin_nan(""));
    y = select(x > 0, y, select(pole, select(even, nan, infinity(x)), left));
  }
  for (int j = 2; j <= 171 && any(n >= j); ++j) y = select(n >= j, y * j, y);
  return select(even, neg(y), y);
}
template <class V>
__attribute__((noinline)) V polygamma_double(V n, V x) {
  if (__builtin_expect(all(n == 1), 1)) return polygamma_of(n, x, true);
  const V larger = select((n > 1) & (n < 172) & (round(n) == n), n, splat<V>(2));
  V y = select(n == larger, polygamma_of(larger, x, false), splat<V>(__builtin_nan("")));
  y = select(n == 1, polygamma_of(splat<V>(1), x, true), y);
  return select(n == 0, digamma_double(x), y);
}
template <class V>
GRADTAPE_INLINE V polygamma(V n, V x) {
  return in_double([](auto m, auto v) GRADTAPE_LAMBDA { return polygamma_double(m, v); }, n, x);
}

}  // namespace vmath
}  // namespace
}  // namespace GRADTAPE_ISA
}  // namespace gradtape
