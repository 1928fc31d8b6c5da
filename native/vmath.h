// Elementary functions of vectors, for float32 and float64 and any width. Knows vectors (simd.h) and no memory.
#pragma once

#include <cmath>

#include "simd.h"

namespace gradtape {
namespace GRADTAPE_ISA {
namespace {
namespace vmath {

template <class V>
constexpr bool kIsInt = Lane<V>(0.5) == Lane<V>(0);

template <class V>
GRADTAPE_INLINE V zero(V) {
  return V{};
}

template <class V>
GRADTAPE_INLINE V infinity(V) {
  return splat<V>(Lane<V>(__builtin_inf()));
}

template <class M, class V>
GRADTAPE_INLINE V select(M mask, V yes, V no) {
  return GRADTAPE_ISA::select<V>(mask, yes, no);
}

// Integers wrap: their arithmetic is done unsigned.
template <class V>
GRADTAPE_INLINE V add(V x, V y) {
  if constexpr (kIsInt<V>) return (V)((UintVec<V>)x + (UintVec<V>)y);
  else return x + y;
}
template <class V>
GRADTAPE_INLINE V sub(V x, V y) {
  if constexpr (kIsInt<V>) return (V)((UintVec<V>)x - (UintVec<V>)y);
  else return x - y;
}
template <class V>
GRADTAPE_INLINE V mul(V x, V y) {
  if constexpr (kIsInt<V>) return (V)((UintVec<V>)x * (UintVec<V>)y);
  else return x * y;
}
template <class V>
GRADTAPE_INLINE V squared_difference(V x, V y) {
  const V d = sub(x, y);
  return mul(d, d);
}

template <class V>
GRADTAPE_INLINE UintVec<V> sign_bit(V) {
  return splat<UintVec<V>>(typename IntOfSize<sizeof(Lane<V>)>::Unsigned(1) << (8 * sizeof(Lane<V>) - 1));
}

template <class V>
GRADTAPE_INLINE V neg(V x) {
  if constexpr (kIsInt<V>) return sub(V{}, x);
  else return bitcast<V>(bitcast<UintVec<V>>(x) ^ sign_bit(x));
}
template <class V>
GRADTAPE_INLINE V abs(V x) {
  if constexpr (kIsInt<V>) return select(x < 0, neg(x), x);
  else return bitcast<V>(bitcast<UintVec<V>>(x) & ~sign_bit(x));
}
template <class V>
GRADTAPE_INLINE V copysign(V x, V sign) {
  const auto bit = sign_bit(x);
  return bitcast<V>((bitcast<UintVec<V>>(x) & ~bit) | (bitcast<UintVec<V>>(sign) & bit));
}

// 1, 0 or -1; zeros and NaN stay what they are.
template <class V>
GRADTAPE_INLINE V sign(V x) {
  const V one = splat<V>(1);
  return select(x > 0, one, select(x < 0, neg(one), x));
}
template <class V>
GRADTAPE_INLINE V relu(V x) {
  return select(x <= 0, V{}, x);
}
template <class V>
GRADTAPE_INLINE V maximum(V x, V y) {
  return select((x >= y) | (x != x), x, y);
}
template <class V>
GRADTAPE_INLINE V minimum(V x, V y) {
  return select((x <= y) | (x != x), x, y);
}

template <class V>
GRADTAPE_INLINE V sqrt(V x) {
  return GRADTAPE_ISA::sqrt(x);
}

// To the nearest integer, ties to even; beyond 2^mantissa every number is an integer already.
template <class V>
GRADTAPE_INLINE V round(V x) {
  const V big = splat<V>(sizeof(Lane<V>) == 4 ? Lane<V>(8388608) : Lane<V>(4503599627370496));
  const V a = abs(x);
  return select(a < big, copysign((a + big) - big, x), x);
}
template <class V>
GRADTAPE_INLINE V floor(V x) {
  const V r = round(x);
  return copysign(select(r > x, r - 1, r), x);
}
template <class V>
GRADTAPE_INLINE V ceil(V x) {
  const V r = round(x);
  return copysign(select(r < x, r + 1, r), x);
}

template <class V, class F>
GRADTAPE_INLINE V each(V x, F f) {
  for (size_t i = 0; i < kLanesOf<V>; ++i) x[i] = Lane<V>(f(double(x[i])));
  return x;
}

template <class V> GRADTAPE_INLINE V exp(V x) { return each(x, [](double v) { return ::exp(v); }); }
template <class V> GRADTAPE_INLINE V expm1(V x) { return each(x, [](double v) { return ::expm1(v); }); }
template <class V> GRADTAPE_INLINE V log(V x) { return each(x, [](double v) { return ::log(v); }); }
template <class V> GRADTAPE_INLINE V log1p(V x) { return each(x, [](double v) { return ::log1p(v); }); }
template <class V> GRADTAPE_INLINE V sin(V x) { return each(x, [](double v) { return ::sin(v); }); }
template <class V> GRADTAPE_INLINE V cos(V x) { return each(x, [](double v) { return ::cos(v); }); }
template <class V> GRADTAPE_INLINE V tan(V x) { return each(x, [](double v) { return ::tan(v); }); }
template <class V> GRADTAPE_INLINE V tanh(V x) { return each(x, [](double v) { return ::tanh(v); }); }
template <class V> GRADTAPE_INLINE V erf(V x) { return each(x, [](double v) { return ::erf(v); }); }
template <class V> GRADTAPE_INLINE V sigmoid(V x) { return each(x, [](double v) { return 1 / (1 + ::exp(-v)); }); }
template <class V> GRADTAPE_INLINE V softplus(V x) {
  return each(x, [](double v) { return v > 0 ? v + ::log1p(::exp(-v)) : ::log1p(::exp(v)); });
}

// floor(x / y) of integers, exact through float64; 0 for y = 0.
template <class V>
GRADTAPE_INLINE V floordiv_int(V x, V y) {
  V r;
  for (size_t i = 0; i < kLanesOf<V>; ++i) {
    const int64_t a = x[i], b = y[i];
    const int64_t q = b == 0 ? 0 : a / b - ((a % b != 0) & ((a < 0) != (b < 0)));
    r[i] = int32_t(uint32_t(q));
  }
  return r;
}

template <class V>
GRADTAPE_INLINE V floormod(V x, V y) {
  if constexpr (kIsInt<V>) {
    return select(y == 0, V{}, sub(x, mul(floordiv_int(x, y), y)));
  } else {
    V r;
    for (size_t i = 0; i < kLanesOf<V>; ++i) r[i] = Lane<V>(::fmod(double(x[i]), double(y[i])));
    const V zero = copysign(V{}, y);
    return select(r == 0, zero, select((r < 0) != (y < 0), r + y, r));
  }
}
template <class V>
GRADTAPE_INLINE V floordiv(V x, V y) {
  if constexpr (kIsInt<V>) return floordiv_int(x, y);
  else return floor(x / y);
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
      const UintVec<V> e = (UintVec<V>)y >> bit;
      bool more = false;
      for (size_t i = 0; i < kLanesOf<V>; ++i) more |= e[i] != 0 && y[i] > 0;
      if (!more) break;
      r = select((e & 1) != 0, r * b, r);
      b *= b;
    }
    return select(negative, inverse, (V)r);
  } else {
    V r;
    for (size_t i = 0; i < kLanesOf<V>; ++i) r[i] = Lane<V>(::pow(double(x[i]), double(y[i])));
    return r;
  }
}

}  // namespace vmath
}  // namespace
}  // namespace GRADTAPE_ISA
}  // namespace gradtape
