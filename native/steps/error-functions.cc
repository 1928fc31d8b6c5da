// Special functions around the error function: its inverse, Dawson's and Fresnel's integrals; and the exponential
// integral and the dilogarithm. DLMF: the NIST Digital Library of Mathematical Functions, https://dlmf.nist.gov.
#include "special.h"

namespace gradtape {
namespace {

// sqrt(pi) exp(x^2) erfc(x) for x > 2.5, by its continued fraction (DLMF 7.9.1).
GRADTAPE_SMALL double scaled_erfc(double x) {
  double f = x;
  for (int k = 60; k > 0; --k) f = x + 0.5 * k / f;
  return 1 / f;
}

// The x > 0 with erfc(x) = q, 0 < q <= 1/2. The start is good to 1/250 (Winitzki 2008, A handy approximation for the
// error function and its inverse); then steps of Halley's on erfc, or of Newton's on its logarithm where q is small.
GRADTAPE_SMALL double erfc_inverse(const Elementary& e, double q) {
  constexpr double a = 0.147;
  const double log_q = e(k_log, q), log = log_q + e(k_log, 2 - q), t = 2 / (kPi * a) + log / 2;
  double x = e(k_sqrt, e(k_sqrt, t * t - log / a) - t);
  for (int i = 0; i < 4; ++i) {
    if (q < 1e-4) {
      const double scaled = scaled_erfc(x);
      x += (e(k_log, scaled / kRootPi) - x * x - log_q) * scaled / 2;
    } else {
      const double g = (e(k_erfc, x) - q) * (kRootPi / 2) * e(k_exp, x * x);
      x += g / (1 - x * g);
    }
  }
  return x;
}

// The x with erf(x) = y, |y| < 1.
GRADTAPE_SMALL double erf_inverse(const Elementary& e, double y) {
  const double size = e(k_abs, y);
  if (size > 0.5) return y > 0 ? erfc_inverse(e, 1 - size) : -erfc_inverse(e, 1 - size);
  double x = y * (kRootPi / 2);
  if (size < 1e-9) return x;
  x += x * (kPi / 12) * y * y;
  for (int i = 0; i < 3; ++i) {
    const double g = (e(k_erf, x) - y) * (kRootPi / 2) * e(k_exp, x * x);
    x -= g / (1 + x * g);
  }
  return x;
}

// exp(-x^2), where x^2 has more digits than a double.
GRADTAPE_SMALL double gauss(const Elementary& e, double x) {
  const double high = double(float(x));
  return e(k_exp, -high * high) * e(k_exp, (high - x) * (high + x));
}

struct Complex {
  double re, im;
};
GRADTAPE_SMALL Complex product(Complex a, Complex b) { return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re}; }
GRADTAPE_SMALL Complex quotient(double a, Complex b) {
  const double scale = a / (b.re * b.re + b.im * b.im);
  return {b.re * scale, -b.im * scale};
}

// What is left of x from a multiple of 4.
GRADTAPE_SMALL double modulo4(const Elementary& e, double x) { return x - 4 * e(k_floor, x / 4); }

// C(x) + i S(x): a power series below 1.5 (DLMF 7.6.4 and 7.6.6), and then (1 + i) / 2 erf(z), z = sqrt(pi) (1 - i) x /
// 2 (DLMF 7.5.8), by the continued fraction of erfc (DLMF 7.9.2), in which z^2 = -i pi x^2 / 2.
GRADTAPE_SMALL Complex fresnel(const Elementary& e, double x) {
  const double size = e(k_abs, x);
  if (size != size) return {x, x};
  Complex sum;
  if (size < 1.5) {
    const double z = kPi / 2 * size * size;
    double term = size, sums[2] = {};
    for (int k = 0; k < 32; ++k) {
      sums[k % 2] += (k % 4 < 2 ? term : -term) / (2 * k + 1);
      term *= z / (k + 1);
    }
    sum = {sums[0], sums[1]};
  } else if (size > 1e15) {
    sum = {0.5, 0.5};
  } else {
    Complex f = {4 * 60 + 1, -kPi * size * size};
    for (int k = 60; k > 0; --k) {
      const Complex rest = quotient(2 * k * (2 * k - 1), f);
      f = {4 * k - 3 - rest.re, -kPi * size * size - rest.im};
    }
    // erfc(z) = exp(-z^2) 2 z / (sqrt(pi) f); -z^2 = i pi x^2 / 2, of which multiples of 2 pi are left out.
    const double high = double(float(size)), low = size - high;
    const double turn = modulo4(e, modulo4(e, high * high) + modulo4(e, 2 * high * low) + low * low) * (kPi / 2);
    const Complex root = {size, -size};  // 2 z / sqrt(pi)
    const Complex rest = product(product({e(k_cos, turn), e(k_sin, turn)}, root), quotient(1, f));
    sum = product({0.5, 0.5}, {1 - rest.re, -rest.im});
  }
  return x < 0 ? Complex{-sum.re, -sum.im} : sum;
}

// B(2 k) / (2 k + 1)! for k = 1, 2, ...
constexpr double kBernoulli[] = {2.7777777777777777778e-2,  -2.7777777777777777778e-4,  4.7241118669690098262e-6,
                                 -9.1857730746619635509e-8, 1.8978869988970999072e-9,   -4.0647616451442255268e-11,
                                 8.9216910204564525552e-13, -1.9939295860721075687e-14, 4.5189800296199181917e-16};

// The integral of log(t) / (1 - t) from 1 to x, for x > 0: the dilogarithm of 1 - x. By Bernoulli numbers (DLMF 25.12.1
// with u = -log(x)) between 1/2 and 2; and what is beyond, moved there (DLMF 25.12.3 and 25.12.6).
GRADTAPE_SMALL double dilogarithm(const Elementary& e, double x) {
  const double log = e(k_log, x);
  if (x > 2) return -dilogarithm(e, 1 / x) - log * log / 2;
  if (x < 0.5) return kPi * kPi / 6 - log * e(k_log1p, -x) - dilogarithm(e, 1 - x);
  const double u = -log, square = u * u;
  double series = 0;
  for (int k = 8; k >= 0; --k) series = series * square + kBernoulli[k];
  return u - square / 4 + u * square * series;
}

}  // namespace

namespace special {

GRADTAPE_SMALL double erfinv(const Elementary& e, const double* x) {
  const double y = *x;
  if (y > -1 && y < 1) return erf_inverse(e, y);
  return y == 1 || y == -1 ? y * infinity() : not_a_number();
}

GRADTAPE_SMALL double ndtri(const Elementary& e, const double* x) {
  const double p = *x;
  if (p == 0 || p == 1) return p == 0 ? -infinity() : infinity();
  if (!(p > 0 && p < 1)) return not_a_number();
  constexpr double root = 1.41421356237309504880;
  if (p >= 0.25 && p <= 0.75) return root * erf_inverse(e, 2 * p - 1);
  return p < 0.5 ? -root * erfc_inverse(e, 2 * p) : root * erfc_inverse(e, 2 * (1 - p));
}

// exp(-x^2) times the integral of exp(t^2): the series of that below 6.5, which has no negative term; then the
// asymptotic one (DLMF 7.12.1 at imaginary x).
GRADTAPE_SMALL double dawsn(const Elementary& e, const double* p) {
  const double x = *p, square = x * x;
  if (square < 42) {
    double term = x, sum = x;
    for (int k = 1; k < 200; ++k) {
      term *= square / k;
      const double next = sum + term / (2 * k + 1);
      if (next == sum) break;
      sum = next;
    }
    return gauss(e, x) * sum;
  }
  if (square != square) return x;
  double term = 1, sum = 1;
  for (int k = 1; k < 40; ++k) {
    term *= (2 * k - 1) / (2 * square);
    sum += term;
  }
  return sum / (2 * x);
}

// Ei(x) for x > 0 (DLMF 6.6.1, and 6.12.2 from 40 on).
GRADTAPE_SMALL double expint(const Elementary& e, const double* p) {
  const double x = *p;
  if (!(x >= 0)) return not_a_number();
  if (x < 40) {
    double term = 1, sum = 0;
    for (int k = 1; k < 200; ++k) {
      term *= x / k;
      const double next = sum + term / k;
      if (next == sum) break;
      sum = next;
    }
    return e(k_log, x) + kEulerGamma + sum;
  }
  double term = 1, sum = 1;
  for (int k = 1; k < 40; ++k) {
    term *= k / x;
    sum += term;
  }
  const double half = e(k_exp, x / 2);  // twice, because exp(x) overflows earlier than the result
  return half * (sum / x) * half;
}

GRADTAPE_SMALL double fresnelCos(const Elementary& e, const double* x) { return fresnel(e, *x).re; }
GRADTAPE_SMALL double fresnelSin(const Elementary& e, const double* x) { return fresnel(e, *x).im; }

// NaN at infinity, as TensorFlow's.
GRADTAPE_SMALL double spence(const Elementary& e, const double* p) {
  const double x = *p;
  if (x == 0) return kPi * kPi / 6;
  return x > 0 && x < infinity() ? dilogarithm(e, x) : not_a_number();
}

}  // namespace special
}  // namespace gradtape
