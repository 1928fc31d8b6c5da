// Casts: floats are cut and saturate, NaN is 0, integers wrap; to bool, what is not zero.
#pragma once

#include "elementwise.h"

namespace gradtape {
namespace GRADTAPE_ISA {
namespace {

// Conversion of one vector of floats to int32: saturates, NaN is 0.
template <class V>
GRADTAPE_INLINE Vec<int32_t, kLanesOf<V>> saturate(V x) {
  using T = Lane<V>;
  x = select(x == x, x, V{});
  if constexpr (sizeof(T) == 8) {
    const V low = splat<V>(-2147483648.0), high = splat<V>(2147483647.0);
    return convert<int32_t>(select(x > low, select(x < high, x, high), low));
  } else {
    const auto over = x >= 2147483648.0f;
    const V low = splat<V>(-2147483648.0f);
    const auto r = convert<int32_t>(select(x > low, select(over, V{}, x), low));
    return over ? splat<decltype(r + r)>(INT32_MAX) : r;
  }
}

// Vectors of int32 whose low bytes are the uint8 of a number: floats are cut and saturate, NaN is 0, integers wrap.
template <class V>
GRADTAPE_INLINE auto to_byte(V x) {
  if constexpr (sizeof(Lane<V>) == 4 && vmath::kIsInt<V>) {
    return x;
  } else {
    const V high = splat<V>(255);
    return convert<int32_t>(select(x > 0, select(x < high, x, high), V{}));
  }
}

template <DType from, DType to>
struct Cast {
  using From = Type<from>;
  using To = Type<to>;
  static constexpr bool kFromFloat = floating >> from & 1, kToFloat = floating >> to & 1;
  // Bytes are made a vector at a time, and 4 bytes from 8; the rest goes by vectors of the wider type.
  static constexpr size_t kWidest = sizeof(From) > sizeof(To) ? sizeof(From) : sizeof(To);
  static constexpr size_t N = sizeof(To) < sizeof(From) || is_boolean(to) ? kLanes<To> : kVectorBytes / kWidest;

  template <class X>
  static GRADTAPE_INLINE auto apply(X x, int, int) {
    if constexpr (is_boolean(to)) {
      return to_bool<From>([&](size_t k) GRADTAPE_LAMBDA { return part(x, k) != 0; });
    } else if constexpr (to == kUint8 && sizeof(From) == 8) {
      Vec<int32_t> v[4];
#pragma GCC unroll 4
      for (size_t k = 0; k < 4; ++k) v[k] = join(to_byte(x.v[2 * k]), to_byte(x.v[2 * k + 1]));
      return low_bytes(v);
    } else if constexpr (to == kUint8 && sizeof(From) == 4) {
      Vec<int32_t> v[4];
#pragma GCC unroll 4
      for (size_t k = 0; k < 4; ++k) v[k] = to_byte(x.v[k]);
      return low_bytes(v);
    } else if constexpr (to == kInt32 && from == kFloat64) {
      return join(saturate(x.v[0]), saturate(x.v[1]));
    } else if constexpr (to == kFloat32 && from == kFloat64) {
      return join(convert<float>(x.v[0]), convert<float>(x.v[1]));
    } else if constexpr (kFromFloat && !kToFloat) {
      return saturate(x);
    } else {
      return convert<To>(x);
    }
  }
  static void run(const void* a, const void*, const void*, void* out, size_t n) {
    loop<Cast, N>(Array<From, N>(a), None(nullptr), None(nullptr), static_cast<To*>(out), n);
  }
};

}  // namespace
}  // namespace GRADTAPE_ISA
}  // namespace gradtape
