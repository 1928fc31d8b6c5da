// Incomplete gamma and beta functions, and the zeta function of Hurwitz. DLMF: the NIST Digital Library of Mathematical
// Functions, https://dlmf.nist.gov.
#include "special.h"

namespace gradtape {
namespace {

// A number with its first two derivatives with respect to a parameter. The same code computes with numbers alone.
struct Jet {
  double v, d = 0, dd = 0;
  Jet(double v_ = 0) : v(v_) {}
  Jet(double v_, double d_, double dd_) : v(v_), d(d_), dd(dd_) {}
};
GRADTAPE_SMALL Jet operator+(const Jet& x, const Jet& y) { return {x.v + y.v, x.d + y.d, x.dd + y.dd}; }
GRADTAPE_SMALL Jet operator-(const Jet& x, const Jet& y) { return {x.v - y.v, x.d - y.d, x.dd - y.dd}; }
GRADTAPE_SMALL Jet operator*(const Jet& x, const Jet& y) {
  return {x.v * y.v, x.d * y.v + x.v * y.d, x.dd * y.v + 2 * x.d * y.d + x.v * y.dd};
}
double value(double x) { return x; }
double value(const Jet& x) { return x.v; }
// f(x), by f and its first two derivatives at the value of x.
double chain(double, double f, double, double) { return f; }
GRADTAPE_SMALL Jet chain(const Jet& x, double f, double f1, double f2) {
  return {f, f1 * x.d, f2 * x.d * x.d + f1 * x.dd};
}
double inverse(double x) { return 1 / x; }
GRADTAPE_SMALL Jet inverse(const Jet& x) {
  const double y = 1 / x.v;
  return chain(x, y, -y * y, 2 * y * y * y);
}

template <class S>
GRADTAPE_SMALL S exp(const Elementary& e, const S& x) {
  const double y = e(k_exp, value(x));
  return chain(x, y, y, y);
}

// log(1 + x) - x. Near 0 by atanh(x / (2 + x)).
GRADTAPE_SMALL double log1p_minus(const Elementary& e, double x) {
  if (!(x > -0.5 && x < 0.5)) return e(k_log1p, x) - x;
  const double s = x / (2 + x), square = s * s;
  double series = 0;
  for (int k = 39; k > 1; k -= 2) series = series * square + 1.0 / k;
  return 2 * s * square * series - x * s;
}

// Stirling's series: log(gamma(a + 1)) - ((a + 1/2) log(a) - a + log(2 pi) / 2) (DLMF 5.11.1).
template <class S>
GRADTAPE_SMALL S stirling(const Elementary& e, const S& a) {
  const double v = value(a);
  if (v < 10) {
    const double log = e(k_log, v);
    const double f = e(k_lgamma, v + 1) - ((v + 0.5) * log - v + 0.91893853320467274178);
    if constexpr (sizeof(S) == sizeof(double)) return f;
    return chain(a, f, e(k_digamma, v + 1) - log - 0.5 / v, e(k_polygamma, 1, v + 1) - 1 / v + 0.5 / (v * v));
  }
  constexpr double terms[] = {1.0 / 12, -1.0 / 360, 1.0 / 1260, -1.0 / 1680, 1.0 / 1188, -691.0 / 360360, 1.0 / 156};
  const S y = inverse(a), square = y * y;
  S sum = 0;
  for (int k = 6; k >= 0; --k) sum = sum * square + S(terms[k]);
  return sum * y;
}

// Below it a / 2 and log(a) have no part in what is computed: of a tiny a they would cancel each other.
constexpr double kTiny = 0.1;

// log(x^a / gamma(a + 1)) for a < kTiny. log(gamma(a + 1)) is the integral of digamma(t + 1) from 0 to a, by Gauss's
// and Legendre's formula with 5 points, so that it is relatively as small as a.
template <class S>
GRADTAPE_SMALL S log_power(const Elementary& e, const S& a, double x) {
  constexpr double points[] = {0.046910077030668003601, 0.23076534494715845448, 0.5, 0.76923465505284154552,
                               0.9530899229693319964};
  constexpr double weights[] = {0.11846344252809454376, 0.23931433524968323402, 0.28444444444444444444,
                                0.23931433524968323402, 0.11846344252809454376};
  const double v = value(a), log = e(k_log, x);
  double mean = 0;
  for (int k = 0; k < 5; ++k) mean += weights[k] * e(k_digamma, v * points[k] + 1);
  const double f = v * (log - mean);
  if constexpr (sizeof(S) == sizeof(double)) return f;
  return chain(a, f, log - e(k_digamma, v + 1), -e(k_polygamma, 1, v + 1));
}

// x^a exp(-x) / gamma(a + 1), without the large numbers that cancel each other where x is about a.
template <class S>
GRADTAPE_SMALL S front(const Elementary& e, const S& a, double x) {
  const double v = value(a), m = (x - v) / v;
  if (v < kTiny) return exp(e, log_power(e, a, x) - S(x));
  // a (log(x / a) - x / a + 1), whose derivative with respect to a is log(x / a)
  const double log = m < -0.5 ? e(k_log, x / v) : e(k_log1p, m);
  const double power = v * (m < -0.5 ? log - m : log1p_minus(e, m));
  const S exponent = chain(a, power, log, -1 / v) - stirling(e, a);
  const double root = 1 / e(k_sqrt, 2 * kPi * v);
  return exp(e, exponent) * chain(a, root, -0.5 * root / v, 0.75 * root / v / v);
}

// The lower and the upper one, of which one is 1 less the other.
template <class S>
struct Incomplete {
  S lower, upper;
};

// For x within 0.3 a of a large a: half an erfc, and a correction (Temme 1979; DLMF 8.12.3 to 8.12.12, from which the
// coefficients are computed).
constexpr double kUniform = 1e4;
constexpr double kCorrections[3][12] = {
    {-0.33333333333333333333, 0.083333333333333333333, -0.014814814814814814815, 0.0011574074074074074074,
     0.00035273368606701940035, -0.0001787551440329218107, 3.9192631785224377817e-5, -2.1854485106799921615e-6,
     -1.8540622107151599607e-6, 8.296711340953086005e-7, -1.7665952736826079304e-7, 6.7078535434014985804e-9},
    {-0.0018518518518518518519, -0.0034722222222222222222, 0.0026455026455026455026, -0.00099022633744855967078,
     0.00020576131687242798354, -4.0187757201646090535e-7, -1.8098550334489977837e-5, 7.6491609160811100846e-6},
    {0.0041335978835978835979, -0.0026813271604938271605, 0.00077160493827160493827, 2.0093878600823045267e-6}};

template <class S>
GRADTAPE_SMALL Incomplete<S> uniform(const Elementary& e, const S& a, double x) {
  const double v = value(a), m = (x - v) / v, size = e(k_sqrt, -2 * log1p_minus(e, m)), eta = m < 0 ? -size : size;
  // eta^2 / 2 = m - log(1 + m); its derivatives with respect to m, by their series near 0
  const bool near = m > -1e-3 && m < 1e-3;
  const double first = near ? 1 - m * (2.0 / 3 - m * (7.0 / 12 - m * 73 / 135)) : m / ((1 + m) * eta);
  const double second = near ? -2.0 / 3 + m * (7.0 / 6 - m * 73 / 45) : (1 / ((1 + m) * (1 + m)) - first * first) / eta;
  const S h = chain(chain(a, m, -(1 + m) / v, 2 * (1 + m) / v / v), eta, first, second);
  const double r = e(k_sqrt, v / 2);
  const S root = chain(a, r, 0.5 * r / v, -0.25 * r / v / v), z = h * root;
  S sum = 0;
  for (int k = 2; k >= 0; --k) {
    S series = 0;
    for (int j = 11; j >= 0; --j) series = series * h + S(kCorrections[k][j]);
    sum = sum * inverse(a) + series;
  }
  const S density = exp(e, S(0) - z * z);
  const S correction = density * sum * inverse(root) * S(0.5 / kRootPi);
  const double w = value(z), slope = value(density) / kRootPi;
  const S half = chain(z, 0.5 * e(k_erfc, w), -slope, 2 * w * slope);
  const S other = chain(z, 0.5 * e(k_erfc, -w), slope, -2 * w * slope);
  return {other - correction, half + correction};
}

// Both for a < kTiny and x < a + 1, by a power series (DLMF 8.7.1, 8.7.3): neither is 1 less the other, as the upper
// one is about as small as a.
template <class S>
GRADTAPE_SMALL Incomplete<S> near_zero(const Elementary& e, const S& a, double x) {
  const S exponent = log_power(e, a, x), power = exp(e, exponent);
  S series = 0;
  double term = 1;
  for (int k = 1; k < 24; ++k) {
    term *= -x / k;
    series = series + S(term) * inverse(a + S(k));
  }
  series = series * a;
  const double v = value(exponent);
  const S off = chain(exponent, e(k_expm1, v), value(power), value(power));
  return {power * (S(1) + series), S(0) - (off + power * series)};
}

// Whether a factor is 1 to all digits, with derivatives 0.
bool is_one(double x) { return x - 1 < kEpsilon && x - 1 > -kEpsilon; }
GRADTAPE_SMALL bool is_one(const Jet& x) { return is_one(x.v) && is_one(x.d + 1) && is_one(x.dd + 1); }

// For a > 0 and 0 < x < infinity: the power series of the lower one (DLMF 8.7.1), or the continued fraction of the
// upper one (DLMF 8.9.2), by its convergents.
template <class S>
GRADTAPE_SMALL Incomplete<S> incomplete_gamma(const Elementary& e, const S& a, double x) {
  const double v = value(a);
  if (v > kUniform && x > 0.7 * v && x < 1.3 * v) return uniform(e, a, x);
  if (x < v + 1) {
    if (v < kTiny) return near_zero(e, a, x);
    S term = 1, sum = 1;
    for (int k = 1; k < 4000; ++k) {
      term = term * S(x) * inverse(a + S(k));
      sum = sum + term;
      if (value(term) < value(sum) * 0x1p-62) break;
    }
    const S lower = front(e, a, x) * sum;
    return {lower, S(1) - lower};
  }
  // Lentz's way, modified by Thompson and Barnett (1986): the ratios of successive numerators and denominators.
  S b = S(x + 1) - a, ratio = inverse(b), fraction = ratio, c = S(1e300);
  int last = 4000;
  for (int k = 1; k < last; ++k) {
    const S numerator = S(-k) * (S(k) - a);
    b = b + S(2);
    ratio = inverse(b + numerator * ratio);
    c = b + numerator * inverse(c);
    const S step = c * ratio;
    fraction = fraction * step;
    // At a whole a the fraction of the values ends, and that of the derivatives goes on.
    if (last == 4000 && is_one(step)) last = k + k / 4 + 4;
  }
  const S upper = front(e, a, x) * a * fraction;
  return {S(1) - upper, upper};
}

// Of what both give for special operands: nothing, the lower one's value, and whether that is it.
struct Known {
  bool known;
  double lower;
};
GRADTAPE_SMALL Known known_gamma(double a, double x) {
  if (x == 0) return {true, 0};
  if (a != a || x != x) return {true, not_a_number()};
  if (a <= 0 || x < 0) return {true, not_a_number()};
  if (a == infinity()) return {true, 0};
  return {x == infinity(), 1};
}

// The derivatives of the lower one with respect to a. They are 0 where it does not depend on a.
GRADTAPE_SMALL Jet gamma_gradients(const Elementary& e, const double* p) {
  const Known known = known_gamma(p[0], p[1]);
  if (known.known) return known.lower == known.lower ? Jet(0) : Jet(0, known.lower, known.lower);
  return incomplete_gamma(e, Jet(p[0], 1, 0), p[1]).lower;
}

// I_x(a, b), by its continued fraction (DLMF 8.17.22), for x <= (a + 1) / (a + b + 2). NaN where that does not
// converge: a or b of billions, and x about a / (a + b).
GRADTAPE_SMALL double beta_fraction(const Elementary& e, double a, double b, double x, double y) {
  const double n = a + b, p = a / n, q = b / n;
  // x^a y^b / beta(a, b), without large numbers that cancel each other
  const double exponent = a * (x < p / 2 ? e(k_log, x / p) - (x - p) / p : log1p_minus(e, (x - p) / p)) +
                          b * (y < q / 2 ? e(k_log, y / q) - (y - q) / q : log1p_minus(e, (y - q) / q)) +
                          stirling(e, n) - stirling(e, a) - stirling(e, b);
  const double scale = e(k_exp, exponent) * e(k_sqrt, a / n * b / (2 * kPi));
  double c = 1, d = 1 / (1 - n * x / (a + 1)), f = d;
  for (int k = 1; k < 50000; ++k) {
    const double even = k * (b - k) * x / ((a + 2 * k - 1) * (a + 2 * k));
    d = 1 / (1 + even * d);
    c = 1 + even / c;
    f *= c * d;
    const double odd = -(a + k) * (n + k) * x / ((a + 2 * k) * (a + 2 * k + 1));
    d = 1 / (1 + odd * d);
    c = 1 + odd / c;
    f *= c * d;
    const double off = c * d - 1;
    if (off < 2 * kEpsilon && off > -2 * kEpsilon) return scale * f / a;
  }
  return not_a_number();
}

// B(2 k) / (2 k)! for k = 1, 2, ...
constexpr double kBernoulli[] = {8.3333333333333333333e-2,  -1.3888888888888888889e-3,  3.3068783068783068783e-5,
                                 -8.2671957671957671958e-7, 2.0876756987868098979e-8,   -5.2841901386874931848e-10,
                                 1.3382536530684678833e-11, -3.3896802963225828668e-13, 8.5860620562778445641e-15};

// zeta(s, x) for s > 1, x > 0, by Euler's and Maclaurin's formula from 2 s + 12 on (DLMF 25.11.5).
GRADTAPE_SMALL double positive_zeta(const Elementary& e, double s, double x) {
  double sum = 0, power = e(k_pow, x, -s);
  while (x < 2 * s + 12) {
    sum += power;
    x += 1;
    power = e(k_pow, x, -s);
    if (power <= sum * 0x1p-60) return sum;
  }
  const double z = 1 / (x * x);
  double series = x / (s - 1) + 0.5, factor = s / x;
  for (int k = 0; k < 9; ++k) {
    series += kBernoulli[k] * factor;
    factor *= (s + (2 * k + 1)) * (s + (2 * k + 2)) * z;
  }
  return power > 0 ? sum + power * series : sum;
}

}  // namespace

namespace special {

GRADTAPE_SMALL double igamma(const Elementary& e, const double* p) {
  const Known known = known_gamma(p[0], p[1]);
  return known.known ? known.lower : incomplete_gamma(e, p[0], p[1]).lower;
}
// NaN for a <= 0, as TensorFlow's, also at x = 0.
GRADTAPE_SMALL double igammac(const Elementary& e, const double* p) {
  const Known known = known_gamma(p[0], p[1]);
  if (!known.known) return incomplete_gamma(e, p[0], p[1]).upper;
  if (!(p[0] > 0)) return not_a_number();
  return p[1] == infinity() ? 0 : 1 - known.lower;
}
GRADTAPE_SMALL double igammaGradA(const Elementary& e, const double* p) { return gamma_gradients(e, p).d; }
GRADTAPE_SMALL double igammaGradAA(const Elementary& e, const double* p) { return gamma_gradients(e, p).dd; }

GRADTAPE_SMALL double betainc(const Elementary& e, const double* p) {
  const double a = p[0], b = p[1], x = p[2];
  if (!(a > 0 && b > 0 && x >= 0 && x <= 1)) return not_a_number();
  if (x == 0 || x == 1) return x;
  if (x <= (a + 1) / (a + b + 2)) return beta_fraction(e, a, b, x, 1 - x);
  return 1 - beta_fraction(e, b, a, 1 - x, x);
}

// zeta(s, q). For negative q of integers s only, by terms of both signs; at poles infinite for even s, as TensorFlow's.
GRADTAPE_SMALL double zeta(const Elementary& e, const double* p) {
  const double s = p[0], q = p[1];
  if (s == 1) return infinity();
  if (s != s || q != q || s < 1) return not_a_number();
  if (q > 0) return s == infinity() ? (q < 1 ? s : q == 1) : q == infinity() ? 0 : positive_zeta(e, s, q);
  const bool even = e(k_floor, s / 2) * 2 == s;
  const double below = e(k_floor, q), front = q - below;
  if (front == 0 || q == -infinity()) return even ? infinity() : not_a_number();
  if (s == infinity()) return s;
  if (e(k_floor, s) != s) return not_a_number();
  // Those before the pole are of the other sign if s is odd: as many as lie between 1 - front and 1 - q.
  const double ahead = positive_zeta(e, s, front), back = positive_zeta(e, s, 1 - front),
               rest = positive_zeta(e, s, 1 - q);
  return even ? (ahead + back) - rest : (ahead - back) + rest;
}

}  // namespace special
}  // namespace gradtape
