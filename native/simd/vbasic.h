// Arithmetic, selection and rounding of vectors of every dtype: what elementary functions and kernels are made of.
#pragma once

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
  if constexpr (kIsInt<V>)
    return (V)((UintVec<V>)x + (UintVec<V>)y);
  else
    return x + y;
}
template <class V>
GRADTAPE_INLINE V sub(V x, V y) {
  if constexpr (kIsInt<V>)
    return (V)((UintVec<V>)x - (UintVec<V>)y);
  else
    return x - y;
}
template <class V>
GRADTAPE_INLINE V mul(V x, V y) {
  if constexpr (kIsInt<V>)
    return (V)((UintVec<V>)x * (UintVec<V>)y);
  else
    return x * y;
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
  if constexpr (kIsInt<V>)
    return sub(V{}, x);
  else
    return bitcast<V>(bitcast<UintVec<V>>(x) ^ sign_bit(x));
}
template <class V>
GRADTAPE_INLINE V abs(V x) {
  if constexpr (kIsInt<V>)
    return select(x < 0, neg(x), x);
  else
    return bitcast<V>(bitcast<UintVec<V>>(x) & ~sign_bit(x));
}
template <class V>
GRADTAPE_INLINE V copysign(V x, V sign) {
  const auto bit = sign_bit(x);
  return bitcast<V>((bitcast<UintVec<V>>(x) & ~bit) | (bitcast<UintVec<V>>(sign) & bit));
}

// x with the sign flipped where `sign` is negative.
template <class V>
GRADTAPE_INLINE V flip(V x, V sign) {
  return bitcast<V>(bitcast<UintVec<V>>(x) ^ (bitcast<UintVec<V>>(sign) & sign_bit(x)));
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

// x between low and high; NaN stays.
template <class V>
GRADTAPE_INLINE V clamp(V x, Lane<V> low, Lane<V> high) {
  return lesser(splat<V>(high), greater(splat<V>(low), x));
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

}  // namespace vmath
}  // namespace
}  // namespace GRADTAPE_ISA
}  // namespace gradtape
