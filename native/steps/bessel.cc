// Bessel functions of orders 0 and 1. DLMF: the NIST Digital Library of Mathematical Functions, https://dlmf.nist.gov.
#include "special.h"

namespace gradtape {
namespace {

constexpr double kLargeI = 20, kLargeK = 25, kLargeJ = 25;  // from where the asymptotic series are right to a double

// The sums of the even and of the odd terms of a_k(n) / x^k, a_k(n) = (4 n^2 - 1) (4 n^2 - 9) ... / (k! 8^k) (DLMF
// 10.17.1), with alternating signs in each if asked for, until they no longer count.
struct Asymptotic {
  double even = 0, odd = 0;
};
GRADTAPE_SMALL Asymptotic asymptotic(int n, double x, bool alternate) {
  Asymptotic sums;
  double term = 1;
  for (int k = 0; k < 50; ++k) {
    const double size = term < 0 ? -term : term;
    if (size < kEpsilon / 16) break;
    (k % 2 ? sums.odd : sums.even) += alternate && k % 4 > 1 ? -term : term;
    term *= (4 * n * n - (2 * k + 1) * (2 * k + 1)) / (8 * (k + 1) * x);
  }
  return sums;
}

// exp(-|x|) I_n(x), n = 0 or 1, for x >= 0 (DLMF 10.25.2, and 10.40.1).
GRADTAPE_SMALL double scaled_i(const Elementary& e, int n, double x) {
  if (x == infinity()) return 0;
  if (!(x < kLargeI)) {
    const Asymptotic sums = asymptotic(n, x, false);
    return (sums.even - sums.odd) / e(k_sqrt, 2 * kPi * x);
  }
  const double z = x * x / 4;
  double term = n ? x / 2 : 1, sum = term;
  for (int k = 1; k < 80; ++k) {
    term *= z / (k * (k + n));
    const double next = sum + term;
    if (next == sum) break;
    sum = next;
  }
  return e(k_exp, -x) * sum;
}

// I_n(x). In two factors, because exp(x) overflows earlier than the result.
GRADTAPE_SMALL double any_i(const Elementary& e, int n, double x, bool scaled) {
  const double size = e(k_abs, x);
  double y = scaled_i(e, n, size);
  if (!scaled) {
    const double half = e(k_exp, size / 2);
    y = half * y * half;
  }
  return n && x < 0 ? -y : y;
}

// exp(x) K_n(x), x > 0. Up to 1 the power series (DLMF 10.31.1 and 10.31.2); then the integral of exp(-x (cosh(t) - 1))
// cosh(n t) (DLMF 10.32.9) by the trapezoidal rule, which is right to a double with steps of 1/8; and the asymptotic
// series (DLMF 10.40.2).
GRADTAPE_SMALL double scaled_k(const Elementary& e, int n, double x) {
  if (x == infinity()) return 0;
  if (!(x < kLargeK)) {
    const Asymptotic sums = asymptotic(n, x, false);
    return (sums.even + sums.odd) * e(k_sqrt, kPi / (2 * x));
  }
  if (x <= 1) {
    const double z = x * x / 4, log = e(k_log, x / 2) + kEulerGamma;
    double term = n ? x / 2 : 1, harmonic = n ? 0.5 : 0, sum = 0;  // harmonic: (h_k + h_(k + n)) / 2
    for (int k = 0; k < 20; ++k) {
      sum += term * (harmonic - log);
      harmonic += (1.0 / (k + 1) + 1.0 / (k + 1 + n)) / 2;
      term *= z / ((k + 1) * (k + 1 + n));
    }
    return e(k_exp, x) * (n ? 1 / x - sum : sum);
  }
  constexpr double first = 0.00782267782571085985;  // cosh(1/8) - 1
  double below = 0, above = first, sum = 0.5;       // cosh(t) - 1, by its recurrence
  for (int k = 0; k < 50; ++k) {
    sum += e(k_exp, -x * above) * (n ? 1 + above : 1);
    const double next = 2 * (1 + first) * above - below + 2 * first;
    below = above;
    above = next;
    if (x * above > 40) break;
  }
  return sum / 8;
}

GRADTAPE_SMALL double any_k(const Elementary& e, int n, double x, bool scaled) {
  if (x <= 0) return infinity();
  const double y = scaled_k(e, n, x);
  return scaled ? y : e(k_exp, -x) * y;
}

// The Bessel functions of the first and second kind, or one of them.
struct Cylinder {
  double j, y;
};

// For x >= kLargeJ (DLMF 10.17.3 and 10.17.4).
GRADTAPE_SMALL Cylinder large_cylinder(const Elementary& e, int n, double x) {
  const Asymptotic sums = asymptotic(n, x, true);
  const double c = e(k_cos, x), s = e(k_sin, x), scale = 1 / e(k_sqrt, kPi * x);
  // Of x - pi / 4, or x - 3 pi / 4, times sqrt(2).
  const double cosine = n ? s - c : c + s, sine = n ? -(s + c) : s - c;
  return {scale * (cosine * sums.even - sine * sums.odd), scale * (sine * sums.even + cosine * sums.odd)};
}

// For 0 < x < kLargeJ: J_k by Miller's downward recurrence, scaled by J_0 + 2 J_2 + 2 J_4 + ... = 1; Y by Neumann's
// series of them (DLMF 10.8.3 for n = 0; for n = 1, its derivative).
GRADTAPE_SMALL Cylinder small_cylinder(const Elementary& e, int n, double x) {
  const double log = e(k_log, x / 2) + kEulerGamma;
  if (x < 1e-9) return n ? Cylinder{x / 2, -2 / (kPi * x)} : Cylinder{1, 2 / kPi * log};
  const int from = x < 1 ? 16 : 34 + 2 * int(x);
  double above = 0, here = 1e-250, norm = 0, series = 0, one = 0;
  for (int k = from; k > 0; --k) {
    // here: J_k
    const int half = k / 2;
    const double sign = half % 2 ? -1 : 1;
    if (k % 2 == 0) {
      norm += 2 * here;
      if (n == 0) series += sign * here / half;
    } else if (n == 1 && k > 1) {
      series += sign * here * k / (half * (half + 1));
    }
    if (k == 1) one = here;
    const double below = 2 * k / x * here - above;
    above = here;
    here = below;
  }
  norm += here;
  const double j = (n ? one : here) / norm;
  const double sum = series / norm;
  return {j, 2 / kPi * (n ? (log - 1) * j - here / norm / x - sum : log * j - 2 * sum)};
}

GRADTAPE_SMALL double any_j(const Elementary& e, int n, double x) {
  if (x == 0) return n ? x : 1;
  const double size = e(k_abs, x);
  const double j = (size < kLargeJ ? small_cylinder(e, n, size) : large_cylinder(e, n, size)).j;
  return n && x < 0 ? -j : j;
}

GRADTAPE_SMALL double any_y(const Elementary& e, int n, double x) {
  if (x <= 0) return -infinity();
  return (x < kLargeJ ? small_cylinder(e, n, x) : large_cylinder(e, n, x)).y;
}

}  // namespace

namespace special {

GRADTAPE_SMALL double besselI0(const Elementary& e, const double* x) { return any_i(e, 0, *x, false); }
GRADTAPE_SMALL double besselI0e(const Elementary& e, const double* x) { return any_i(e, 0, *x, true); }
GRADTAPE_SMALL double besselI1(const Elementary& e, const double* x) { return any_i(e, 1, *x, false); }
GRADTAPE_SMALL double besselI1e(const Elementary& e, const double* x) { return any_i(e, 1, *x, true); }
GRADTAPE_SMALL double besselJ0(const Elementary& e, const double* x) { return any_j(e, 0, *x); }
GRADTAPE_SMALL double besselJ1(const Elementary& e, const double* x) { return any_j(e, 1, *x); }
GRADTAPE_SMALL double besselK0(const Elementary& e, const double* x) { return any_k(e, 0, *x, false); }
GRADTAPE_SMALL double besselK0e(const Elementary& e, const double* x) { return any_k(e, 0, *x, true); }
GRADTAPE_SMALL double besselK1(const Elementary& e, const double* x) { return any_k(e, 1, *x, false); }
GRADTAPE_SMALL double besselK1e(const Elementary& e, const double* x) { return any_k(e, 1, *x, true); }
GRADTAPE_SMALL double besselY0(const Elementary& e, const double* x) { return any_y(e, 0, *x); }
GRADTAPE_SMALL double besselY1(const Elementary& e, const double* x) { return any_y(e, 1, *x); }

}  // namespace special
}  // namespace gradtape
