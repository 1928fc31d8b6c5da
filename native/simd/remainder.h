// Remainders of one number, by integers: of a huge angle by pi / 2, and of one number by another. Exact, and without
// the C library, whose functions differ from system to system.
#pragma once

#include "coefficients.h"
#include "simd.h"

namespace gradtape {
namespace GRADTAPE_ISA {
namespace {
namespace vmath {

__extension__ typedef unsigned __int128 Wide128;

// The high half of a * b, but for what a carry from the lowest quarter adds.
inline Wide128 multiply_high(Wide128 a, Wide128 b) {
  const auto a_high = uint64_t(a >> 64), b_high = uint64_t(b >> 64);
  return Wide128(a_high) * b_high + uint64_t(Wide128(a_high) * uint64_t(b) >> 64) +
         uint64_t(Wide128(uint64_t(a)) * b_high >> 64);
}

inline uint64_t bits_of(double x) {
  uint64_t bits;
  __builtin_memcpy(&bits, &x, sizeof x);
  return bits;
}
inline double from_bits(uint64_t bits) {
  double x;
  __builtin_memcpy(&x, &bits, sizeof x);
  return x;
}

constexpr unsigned kMantissaBits = 52, kInfinite = 0x7ff;
constexpr uint64_t kHidden = uint64_t(1) << kMantissaBits;

// x - n pi / 2 = r + c, |r| <= pi / 4, where c is what rounding takes from r; of n the low bits.
struct HugeAngle {
  uint64_t n;
  double r, c;
};

// For 2^-10 <= |x| (Payne and Hanek, 1983): x is m 2^(exponent - 1075), and of 2 / pi only those 192 bits count that
// give m 2 / pi modulo 4 and 190 bits behind the point, less 53 of error. No float64 is nearer to a multiple of pi / 2
// than 2^-61 of pi / 2: 75 bits of the remainder are right at least, of which r and c have what float64 can show.
inline HugeAngle reduce_huge(double x) {
  const uint64_t bits = bits_of(x);
  const unsigned exponent = unsigned(bits >> kMantissaBits) & kInfinite;
  if (exponent == kInfinite) return {0, __builtin_nan(""), 0};
  const uint64_t m = (bits & (kHidden - 1)) | kHidden;
  const unsigned first = exponent - 1013, shift = first % 64;  // the table begins with 64 zeros
  const uint64_t* words = kTwoOverPi + first / 64;
  const auto word = [&](unsigned k) { return words[k] << shift | words[k + 1] >> 1 >> (63 - shift); };
  const Wide128 low = Wide128(m) * word(2), high = Wide128(m) * word(1) + uint64_t(low >> 64);
  const uint64_t top = m * word(0) + uint64_t(high >> 64);
  // To the nearest n; what is left is a fraction of pi / 2 of 128 bits and 64 more, negative from a half on.
  uint64_t n = (top >> 62) + (top >> 61 & 1);
  Wide128 fraction = Wide128(top) << 66 | Wide128(uint64_t(high)) << 2 | uint64_t(low) >> 62;
  uint64_t rest = uint64_t(low) << 2;
  bool negative = top >> 61 & 1;
  if (negative) fraction = ~fraction, rest = ~rest;
  const int zeros = __builtin_clzll(uint64_t(fraction >> 64) | 1);
  fraction = fraction << zeros | rest >> 1 >> (63 - zeros);
  // times pi / 2, in units of 2^(-127 - zeros)
  const Wide128 angle = multiply_high(fraction, Wide128(0xc90fdaa22168c234) << 64 | 0xc4c6628b80dc1cd1);
  const double unit = from_bits(uint64_t(1023 - 52 - zeros) << kMantissaBits);
  const double upper = double(int64_t(angle >> 75)) * unit;
  const double lower = double(int64_t(uint64_t(angle >> 11) >> 1)) * (unit * 0x1p-63);
  const double r = upper + lower, c = (upper - r) + lower;
  if (bits >> 63) negative = !negative, n = -n;
  return negative ? HugeAngle{n, -r, -c} : HugeAngle{n, r, c};
}

// The remainder of x / y with the sign of x, exactly.
inline double truncated_remainder(double x, double y) {
  const uint64_t a = bits_of(x) & ~(uint64_t(1) << 63), b = bits_of(y) & ~(uint64_t(1) << 63);
  constexpr uint64_t infinite = uint64_t(kInfinite) << kMantissaBits;
  if (a >= infinite || b > infinite || b == 0) return __builtin_nan("");
  if (a < b) return x;
  // Integers times 2^(e - 1075); denormal numbers have no hidden bit, and e = 1.
  const auto exponent = [](uint64_t v) { return v < kHidden ? 1 : int(v >> kMantissaBits); };
  const auto integer = [](uint64_t v) { return v < kHidden ? v : (v & (kHidden - 1)) | kHidden; };
  const int e = exponent(b);
  const uint64_t divisor = integer(b);
  uint64_t left = integer(a) % divisor;
  for (int more = exponent(a) - e; more > 0 && left != 0; more -= 11) {
    left = (left << (more < 11 ? more : 11)) % divisor;
  }
  // left 2^(e - 1075)
  uint64_t bits = left;
  if (left != 0) {
    const int zeros = __builtin_clzll(left) - int(63 - kMantissaBits);
    bits = e > zeros ? (left << zeros) - kHidden + (uint64_t(e - zeros) << kMantissaBits) : left << (e - 1);
  }
  return from_bits(bits | (bits_of(x) & uint64_t(1) << 63));
}

}  // namespace vmath
}  // namespace
}  // namespace GRADTAPE_ISA
}  // namespace gradtape
