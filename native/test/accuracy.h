// How far the approximate kernels may be from the truth, and the truth in long double: shared by the kernel tests and
// the ULP bench. The bounds are native/kernels/accuracy.def.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

namespace gradtape {

using Long = long double;

struct Accuracy {
  const char* name;
  double bound32, bound64, seen32, seen64;
};
constexpr Accuracy kAccuracy[] = {
#define ACCURACY(name, bound32, bound64, seen32, seen64) {#name, bound32, bound64, seen32, seen64},
#include "../kernels/accuracy.def"
#undef ACCURACY
};

template <class T>
T from_bits(uint64_t bits) {
  T x;
  std::memcpy(&x, &bits, sizeof(T));
  return x;
}

// Equal bits, or both NaN: which NaN is left open.
template <class T>
bool same(T a, T b) {
  return (a != a && b != b) || std::memcmp(&a, &b, sizeof(T)) == 0;
}

// The error of `got` in ULP of `want`, or of `unit` if that is larger; infinite where NaN, an infinity or the sign of a
// zero is wrong.
template <class T>
double ulps(T got, Long want, Long unit = 0) {
  using L = std::numeric_limits<T>;
  if (want != want || got != got) return (want != want) == (got != got) ? 0 : INFINITY;
  const T rounded = T(want);
  if (std::isinf(rounded) || std::isinf(got)) {
    if (same(rounded, got)) return 0;
    // Next to the largest number either may be right.
    const Long top = Long(L::max()), ulp = Long(L::max()) * L::epsilon() / 2;
    const Long g = std::isinf(got) ? std::copysign(top + ulp, Long(got)) : Long(got);
    const Long w = std::isinf(want) || std::fabs(want) > top + 8 * ulp ? Long(INFINITY) : want;
    return double(std::fabs(g - w) / ulp);
  }
  if (got == 0 && rounded == 0) return std::signbit(got) == std::signbit(want) ? 0 : INFINITY;
  int e;
  std::frexp(std::max(std::fabs(want), unit), &e);
  if (want == 0 && unit == 0) e = -100000;
  const int lowest = L::min_exponent - L::digits;
  const Long ulp = std::ldexp(Long(1), std::max(e - L::digits, lowest));
  return double(std::fabs(Long(got) - want) / ulp);
}

// The error of a float32 as ulps() has it, without its care: anything where `got` or `want` is zero or not finite.
inline double quick_ulps(float got, double want) {
  uint64_t bits;
  std::memcpy(&bits, &want, sizeof bits);
  const uint64_t exponent = std::max<uint64_t>(bits >> 52 & 0x7ff, 1023 - 126);
  const uint64_t inverse = (2 * 1023 + 23 - exponent) << 52;  // 1 / ULP
  double scale;
  std::memcpy(&scale, &inverse, sizeof scale);
  return std::fabs(double(got) - want) * scale;
}

template <class T>
T sigmoid_of(T x) {
  return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x));
}
template <class T>
T softplus_of(T x) {
  return x > 0 ? x + std::log1p(std::exp(-x)) : x <= 0 ? std::log1p(std::exp(x)) : x;
}

// B_2, B_4, ...
constexpr Long kBernoulli[] = {1 / 6.0L,       -1 / 30.0L, 1 / 42.0L,      -1 / 30.0L,     5 / 66.0L,
                               -691 / 2730.0L, 7 / 6.0L,   -3617 / 510.0L, 43867 / 798.0L, -174611 / 330.0L};

// f = x - floor(x) and g = 1 - f, the smaller of them exact.
template <class T>
struct Fraction {
  T f, g;
  bool whole;
};
template <class T>
Fraction<T> fraction(T x) {
  const T r = x - std::nearbyint(x);
  return r < 0 ? Fraction<T>{1 + r, -r, false} : Fraction<T>{r, 1 - r, r == 0};
}

// For x > 0; from `start` on the asymptotic series.
template <class T>
T digamma_positive(T x, T start) {
  // Around the zero Taylor's series, digamma^(k)(x0) / k!
  const T d = (x - T(0x1.762d86356be3fp+0L)) - T(9.54999542996569771518e-17L);
  if (std::fabs(d) < T(0.04L)) {
    constexpr Long c[] = {
        0.9676722454476211704274448L,   -0.4427631689835921060928653L,  0.2584997609556510106244014L,
        -0.1639427054424065275042513L,  0.1078240506912623657571829L,   -0.07219956125645471092612178L,
        0.04880428816414310722509253L,  -0.0331611264748473592922584L,  0.02259764823221810465962483L,
        -0.01542476590494895913880032L, 0.01053879161661217538812405L,  -0.007204534386356868240970474L,
        0.004926781395729853446354266L, -0.003369801655439328082792857L};
    T sum = 0;
    for (int k = 13; k >= 0; --k) sum = sum * d + T(c[k]);
    return sum * d;
  }
  T sum = 0;
  for (; x < start; x += 1) sum += 1 / x;
  const T z = 1 / (x * x);
  T tail = 0;
  for (int j = 9; j >= 0; --j) tail = (tail + T(kBernoulli[j] / (2 * (j + 1)))) * z;
  return std::log(x) - 1 / (2 * x) - tail - sum;
}
inline Long digamma_l(Long x) {
  if (x != x || x == INFINITY) return x;
  if (x > 0) return digamma_positive<Long>(x, 24);
  const auto [f, g, whole] = fraction(x);
  if (whole || x == -INFINITY) return NAN;
  return digamma_positive<Long>(1 - x, 24) + (digamma_positive<Long>(f, 24) - digamma_positive<Long>(g, 24));
}
// In double, but for negative x near a zero.
inline double digamma_d(double x) {
  if (x > 0 && x < INFINITY) return digamma_positive<double>(x, 10);
  if (x < 0 && x > -0x1p23) {
    const auto [f, g, whole] = fraction(x);
    if (whole) return NAN;
    const double large = digamma_positive<double>(1 - x, 10);
    const double y = large + (digamma_positive<double>(f, 10) - digamma_positive<double>(g, 10));
    if (std::fabs(y) > 0x1p-8 * large) return y;
  }
  return double(digamma_l(x));
}

// (-1)^(n + 1) n! zeta(n + 1, x).
inline Long zeta_l(int s, Long x) {
  Long sum = 0;
  for (; x < 24; x += 1) sum += 1 / std::pow(x, s);
  Long factor = s / x, tail = x / (s - 1) + 0.5L, factorial = 2;
  for (int j = 1; j <= 10; ++j) {
    tail += kBernoulli[j - 1] / factorial * factor;
    factorial *= (2 * j + 1) * (2 * j + 2);
    factor *= Long(s + 2 * j - 1) * (s + 2 * j) / (x * x);
  }
  return sum + tail / std::pow(x, s);
}
inline Long polygamma_l(Long n, Long x) {
  if (n == 0) return digamma_l(x);
  if (n != n || x != x || n < 0 || std::floor(n) != n || std::isinf(n) || x == -INFINITY) return NAN;
  const bool even = std::fmod(n, 2) == 0;
  const int s = int(n) + 1;
  Long y;
  if (x > 0) {
    y = x == INFINITY ? 0 : zeta_l(s, x);
  } else {
    const auto [f, g, whole] = fraction(x);
    if (whole) return even ? NAN : INFINITY;
    const Long back = zeta_l(s, g) - zeta_l(s, 1 - x);
    y = even ? zeta_l(s, f) - back : zeta_l(s, f) + back;
  }
  return (even ? -1 : 1) * y * std::tgamma(n + 1);
}

// glibc's lgammal, but for what is not ISO C.
inline Long lgamma_l(Long x) { return std::lgamma(x); }

// Of the reflection formulas for negative x.
template <Long (*f)(Long)>
Long largest_term(Long x) {
  if (!(x < 0) || std::isinf(x) || fraction(x).whole) return 0;
  return std::max({std::fabs(f(1 - x)), std::fabs(f(fraction(x).f)), std::fabs(f(fraction(x).g))});
}

enum Symmetry { kNone, kOdd, kEven };

struct UnaryReference {
  const char* name;
  Symmetry symmetry;  // of every bit of the kernel
  Long (*reference)(Long);
  double (*reference64)(double);  // good enough for float32, and fast
  Long (*unit)(Long);             // null: the result
};
#define GRADTAPE_BOTH(f) [](Long x) -> Long { return f(x); }, [](double x) -> double { return f(x); }
constexpr UnaryReference kUnaryReferences[] = {
    {"sqrt", kNone, GRADTAPE_BOTH(std::sqrt), nullptr},
    {"rsqrt", kNone, GRADTAPE_BOTH(1 / std::sqrt), nullptr},
    {"exp", kNone, GRADTAPE_BOTH(std::exp), nullptr},
    {"expm1", kNone, GRADTAPE_BOTH(std::expm1), nullptr},
    {"log", kNone, GRADTAPE_BOTH(std::log), nullptr},
    {"log1p", kNone, GRADTAPE_BOTH(std::log1p), nullptr},
    {"sin", kOdd, GRADTAPE_BOTH(std::sin), nullptr},
    {"cos", kEven, GRADTAPE_BOTH(std::cos), nullptr},
    {"tan", kOdd, GRADTAPE_BOTH(std::tan), nullptr},
    {"asin", kOdd, GRADTAPE_BOTH(std::asin), nullptr},
    {"acos", kNone, GRADTAPE_BOTH(std::acos), nullptr},
    {"atan", kOdd, GRADTAPE_BOTH(std::atan), nullptr},
    {"sinh", kOdd, GRADTAPE_BOTH(std::sinh), nullptr},
    {"cosh", kEven, GRADTAPE_BOTH(std::cosh), nullptr},
    {"tanh", kOdd, GRADTAPE_BOTH(std::tanh), nullptr},
    {"asinh", kOdd, GRADTAPE_BOTH(std::asinh), nullptr},
    {"acosh", kNone, GRADTAPE_BOTH(std::acosh), nullptr},
    {"atanh", kOdd, GRADTAPE_BOTH(std::atanh), nullptr},
    {"sigmoid", kNone, GRADTAPE_BOTH(sigmoid_of), nullptr},
    {"softplus", kNone, GRADTAPE_BOTH(softplus_of), nullptr},
    {"erf", kOdd, GRADTAPE_BOTH(std::erf), nullptr},
    {"erfc", kNone, GRADTAPE_BOTH(std::erfc), nullptr},
    {"lgamma", kNone, GRADTAPE_BOTH(std::lgamma), largest_term<lgamma_l>},
    {"digamma", kNone, digamma_l, digamma_d, largest_term<digamma_l>},
};
#undef GRADTAPE_BOTH

struct BinaryReference {
  const char* name;
  Long (*reference)(Long, Long);
};
constexpr BinaryReference kBinaryReferences[] = {
    {"pow", [](Long x, Long y) -> Long { return std::pow(x, y); }},
    {"atan2", [](Long y, Long x) -> Long { return std::atan2(y, x); }},
    {"polygamma", polygamma_l},
};

// A pair of operands to try the kernel on; `reach` scales the wider kinds.
struct OperandPair {
  double x, y;
};
template <class In, class Bits>
OperandPair random_pair(const char* name, int kind, double reach, In in, Bits bits) {
  if (std::strcmp(name, "polygamma") == 0) {
    if (kind == 4) return {double(1 + 2 * (bits() % 3)), in(-20, 0)};  // even orders have zeros there
    const double n = double(bits() % (kind == 0 ? 2 : kind == 1 ? 3 : kind == 2 ? 12 : 5));
    return {n, kind == 3 ? std::exp2(in(-10, 20)) : in(0, 30 * reach)};
  }
  if (std::strcmp(name, "atan2") == 0) {
    if (kind == 0) return {in(-10, 10), in(-10, 10)};
    if (kind == 1) return {in(-1, 1) * std::exp2(in(-60, 60)), in(-1, 1)};
    const double y = in(-1, 1);
    if (kind == 2) return {y, y * (1 + in(-1, 1) * std::exp2(in(-40, -1)))};
    return kind == 3 ? OperandPair{in(-1, 1) * 1e-40, in(-1, 1) * 1e-38} : OperandPair{in(0, 1), in(0, 1)};
  }
  switch (kind) {
    case 0:
      return {in(0, 10), in(-10, 10)};
    case 1:
      return {std::exp2(in(-1, 1) * 149 * (reach < 1 ? 1 : 7.2)), in(-3, 3)};
    case 2:
      return {1 + in(-1, 1) * std::exp2(in(-20, -1)), in(-1, 1) * std::exp2(in(0, 25))};
    case 3:
      return {in(-10, 10), double(int64_t(bits() % 41) - 20)};
    default:
      return {in(0, 2), in(-100, 100)};
  }
}

}  // namespace gradtape
