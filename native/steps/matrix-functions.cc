// Functions of square matrices, the last two axes: exponential and square root. Computed in float64; float32 goes in
// and out.
#include <cmath>
#include <cstring>
#include <limits>

#include "factors.h"
#include "squares.h"

namespace gradtape {
namespace {

double work(const Value& v, Operands) { return 16 * double(v.size) * double(order(v)) / kMultiplications; }

size_t aligned(size_t bytes) { return (bytes + 63) / 64 * 64; }
size_t square_bytes(size_t n) { return aligned(n * n * sizeof(double)); }

// Units from .. to - 1, each by f, which computes over the matrix.
template <class F>
Failure run_each(const StepRun& s, int64_t from, int64_t to, double* matrix, const F& f) {
  const size_t count = size_t(order(s.v) * order(s.v));
  for (size_t unit = size_t(from); unit < size_t(to); ++unit) {
    if (s.v.dtype == kFloat32) {
      const float* in = reinterpret_cast<const float*>(s.in[0]) + unit * count;
      float* out = reinterpret_cast<float*>(s.out[0]) + unit * count;
      for (size_t i = 0; i < count; ++i) matrix[i] = double(in[i]);
      f();
      for (size_t i = 0; i < count; ++i) out[i] = float(matrix[i]);
    } else {
      std::memcpy(matrix, reinterpret_cast<const double*>(s.in[0]) + unit * count, count * sizeof(double));
      f();
      std::memcpy(reinterpret_cast<double*>(s.out[0]) + unit * count, matrix, count * sizeof(double));
    }
  }
  return {};
}

void fill_nan(double* x, size_t count) {
  for (size_t i = 0; i < count; ++i) x[i] = std::numeric_limits<double>::quiet_NaN();
}

// The largest sum of absolute values in a column; infinite or NaN if an element is.
double norm1(const double* a, size_t n) {
  double most = 0;
  for (size_t j = 0; j < n; ++j) {
    double sum = 0;
    for (size_t i = 0; i < n; ++i) sum += std::fabs(a[i * n + j]);
    if (!(sum <= most)) most = sum;
    if (std::isnan(most)) break;
  }
  return most;
}

// ---- expm: a diagonal Pade approximant of the scaled matrix, squared as often (Higham 2005, The scaling and squaring
// method for the matrix exponential revisited, algorithm 2.3) ----

// The largest norms for which the degrees 3, 5, 7, 9, and 13 are exact to rounding (its table 2.3).
constexpr double kExact[] = {1.495585217958292e-2, 2.539398330063230e-1, 9.504178996162932e-1, 2.097847961257068};
constexpr double kExact13 = 5.371920351148152;

class Exponential {
 public:
  static constexpr size_t kSquares = 7;

  Exponential(const Kernels& kernels, size_t n, char* memory)
      : kernels_(kernels), gemm_(kernels.gemm[kFloat64]), n_(n), memory_(memory) {}

  static size_t bytes(const Kernels& kernels, size_t n) {
    Factors<double> f(kernels, kFloat64, n, n, nullptr);
    double* nowhere = reinterpret_cast<double*>(f.nowhere());
    f.lu(nowhere, n, nullptr);
    for (int lower = 0; lower < 2; ++lower)
      f.solve({nowhere, ptrdiff_t(n), 1, lower != 0, lower != 0}, nowhere, n, n, n);
    const size_t product = kernels.gemm[kFloat64].workspace(n, n, n);
    return kSquares * square_bytes(n) + aligned(n * sizeof(int32_t)) + (f.bytes() > product ? f.bytes() : product);
  }

  double* matrix() { return square(0); }

  // The exponential over the matrix.
  void run() {
    double *a = square(0), *a2 = square(1), *a4 = square(2), *a6 = square(3), *u = square(4), *v = square(5);
    double* t = square(6);
    const double norm = norm1(a, n_);
    if (!std::isfinite(norm)) return fill_nan(a, n_ * n_);
    int degree = 3, halvings = 0;
    while (degree < 11 && norm > kExact[(degree - 3) / 2]) degree += 2;
    if (degree == 11) {
      degree = 13;
      const double mantissa = std::frexp(norm / kExact13, &halvings);
      halvings = halvings < 0 ? 0 : mantissa == 0.5 ? halvings - 1 : halvings;
      if (halvings < 0) halvings = 0;
      for (size_t i = 0; i < n_ * n_; ++i) a[i] = std::ldexp(a[i], -halvings);
    }
    double b[14] = {1};
    for (int j = 0; j < degree; ++j) b[j + 1] = b[j] * double(degree - j) / (double(2 * degree - j) * double(j + 1));
    multiply(a, a, a2);
    if (degree > 3) multiply(a2, a2, a4);
    if (degree > 5) multiply(a4, a2, a6);
    if (degree < 13) {
      combine(t, {b[7], b[5], b[3], b[1]});
      combine(v, {b[6], b[4], b[2], b[0]});
      if (degree == 9) {
        multiply(a4, a4, u);
        for (size_t i = 0; i < n_ * n_; ++i) t[i] += b[9] * u[i], v[i] += b[8] * u[i];
      }
    } else {
      combine(u, {b[13], b[11], b[9], 0});
      multiply(a6, u, t);
      combine(u, {b[7], b[5], b[3], b[1]});
      for (size_t i = 0; i < n_ * n_; ++i) t[i] += u[i];
      combine(u, {b[12], b[10], b[8], 0});
      multiply(a6, u, v);
      combine(u, {b[6], b[4], b[2], b[0]});
      for (size_t i = 0; i < n_ * n_; ++i) v[i] += u[i];
    }
    multiply(a, t, u);
    divide(u, v, t, a);
    for (double *x = a, *y = t; halvings > 0; --halvings) {
      multiply(x, x, y);
      double* const z = x;
      x = y;
      y = z;
      if (halvings == 1 && x != a) std::memcpy(a, x, n_ * n_ * sizeof(double));
    }
  }

 private:
  struct Weights {
    double six, four, two, one;
  };

  double* square(size_t i) { return reinterpret_cast<double*>(memory_ + i * square_bytes(n_)); }
  char* rows() { return memory_ + kSquares * square_bytes(n_); }
  char* room() { return rows() + aligned(n_ * sizeof(int32_t)); }

  void multiply(const double* x, const double* y, double* to) {
    const ptrdiff_t n = ptrdiff_t(n_);
    gemm_.run(n_, n_, n_, x, n, 1, y, n, 1, to, n, false, room(), nullptr);
  }

  // Powers of the matrix, weighted; those with weight 0 are not read.
  [[gnu::noinline]] void combine(double* to, const Weights& w) {
    const double *a2 = square(1), *a4 = square(2), *a6 = square(3);
    for (size_t i = 0; i < n_ * n_; ++i) to[i] = w.two * a2[i];
    for (size_t i = 0; i < n_ * n_ && w.four != 0; ++i) to[i] += w.four * a4[i];
    for (size_t i = 0; i < n_ * n_ && w.six != 0; ++i) to[i] += w.six * a6[i];
    for (size_t i = 0; i < n_; ++i) to[i * n_ + i] += w.one;
  }

  // x of (v - u) x = v + u.
  void divide(const double* u, const double* v, double* t, double* x) {
    int32_t* order = reinterpret_cast<int32_t*>(rows());
    for (size_t i = 0; i < n_; ++i) order[i] = int32_t(i);
    for (size_t i = 0; i < n_ * n_; ++i) t[i] = v[i] - u[i];
    Factors<double> f(kernels_, kFloat64, n_, n_, room());
    f.lu(t, n_, order);
    for (size_t i = 0; i < n_; ++i) {
      const size_t from = size_t(order[i]) * n_;
      for (size_t j = 0; j < n_; ++j) x[i * n_ + j] = v[from + j] + u[from + j];
    }
    const ptrdiff_t n = ptrdiff_t(n_);
    f.solve({t, n, 1, true, true}, x, n_, n_, n_);
    f.solve({t, n, 1, false, false}, x, n_, n_, n_);
  }

  const Kernels& kernels_;
  const GemmFns& gemm_;
  const size_t n_;
  char* const memory_;
};

size_t exponential_bytes(const Value& v, Operands, const Kernels& kernels) {
  return Exponential::bytes(kernels, size_t(order(v)));
}

Failure run_exponential(const StepRun& s, int64_t from, int64_t to, const char*, char* own) {
  Exponential e(s.kernels, size_t(order(s.v)), own);
  return run_each(s, from, to, e.matrix(), [&] { e.run(); });
}

// ---- sqrtm: the square root of the complex Schur form (Bjorck and Hammarling 1983, A Schur method for the square root
// of a matrix) ----

// sqrt(x^2 + y^2), by exact roundings only: the same bits on every platform.
double hypotenuse(double x, double y) {
  x = std::fabs(x);
  y = std::fabs(y);
  const double large = x > y ? x : y, ratio = (x > y ? y : x) / large;
  return large == 0 ? 0 : large * std::sqrt(1 + ratio * ratio);
}

struct Complex {
  double re, im;
  Complex operator+(Complex y) const { return {re + y.re, im + y.im}; }
  Complex operator-(Complex y) const { return {re - y.re, im - y.im}; }
  Complex operator*(Complex y) const { return {re * y.re - im * y.im, re * y.im + im * y.re}; }
  Complex operator*(double y) const { return {re * y, im * y}; }
  Complex conjugate() const { return {re, -im}; }
  double size() const { return hypotenuse(re, im); }
};
Complex operator/(Complex x, Complex y) {
  const double size = y.size();
  const Complex unit{y.re / size, y.im / size};
  return x * unit.conjugate() * (1 / size);
}
// The root with the real part that is not negative.
Complex root(Complex x) {
  const double size = x.size();
  if (size == 0) return {0, 0};
  const double part = std::sqrt((size + std::fabs(x.re)) / 2), other = std::fabs(x.im) / 2 / part;
  const double im = x.re >= 0 ? other : part;
  return {x.re >= 0 ? part : other, x.im < 0 ? -im : im};
}

// A rotation of two rows: x, y become c x + s y, c y - conjugate(s) x.
struct Rotation {
  double c;
  Complex s;
  // That which makes 0 of y.
  Rotation(Complex x, Complex y) {
    const double a = x.size(), b = y.size(), whole = hypotenuse(a, b);
    c = whole == 0 ? 1 : a / whole;
    s = b == 0 ? Complex{0, 0} : a == 0 ? y.conjugate() * (1 / b) : x * (1 / a) * y.conjugate() * (1 / whole);
  }
  // `count` pairs; each `step` behind the one before it.
  [[gnu::noinline]] void turn(Complex* x, Complex* y, size_t count, size_t step, bool conjugated) const {
    const Complex t = conjugated ? s.conjugate() : s;
    for (size_t i = 0; i < count * step; i += step) {
      const Complex p = x[i], q = y[i];
      x[i] = p * c + t * q;
      y[i] = q * c - t.conjugate() * p;
    }
  }
};

// The matrix becomes q t adjoint(q), t upper triangular, in three arrays of n x n.
struct Schur {
  size_t n;
  Complex *t, *q, *s;

  static size_t bytes(size_t n) { return 3 * aligned(n * n * sizeof(Complex)); }
  Schur(size_t n_, char* memory) : n(n_) {
    const size_t each = aligned(n * n * sizeof(Complex));
    t = reinterpret_cast<Complex*>(memory);
    q = reinterpret_cast<Complex*>(memory + each);
    s = reinterpret_cast<Complex*>(memory + 2 * each);
  }

  // Rows and columns i and i + 1, where the matrix has elements: rows from column `first` on, columns up to row `last`.
  void rotate(const Rotation& r, size_t i, size_t first, size_t last) {
    r.turn(t + i * n + first, t + (i + 1) * n + first, n - first, 1, false);
    r.turn(t + i, t + i + 1, last + 1, n, true);
    r.turn(q + i, q + i + 1, n, n, true);
  }

  // Below the diagonal only one element is left in each column.
  void reduce() {
    for (size_t j = 0; j + 2 < n; ++j) {
      for (size_t i = n - 2; i > j; --i) {
        if (t[(i + 1) * n + j].size() == 0) continue;
        rotate(Rotation(t[i * n + j], t[(i + 1) * n + j]), i, j, n - 1);
        t[(i + 1) * n + j] = {0, 0};
      }
    }
  }

  // The eigenvalue of the last two rows of a block that is nearest to its last element.
  Complex shift(size_t high) const {
    const Complex a = t[(high - 1) * n + high - 1], b = t[(high - 1) * n + high], c = t[high * n + high - 1],
                  d = t[high * n + high];
    const Complex half = (a - d) * 0.5, both = root(half * half + b * c);
    const Complex plus = half + both, minus = half - both, larger = plus.size() > minus.size() ? plus : minus;
    return larger.size() == 0 ? d : d - b * c / larger;
  }

  // QR steps with shifts, until the matrix is triangular; false if that takes too long.
  bool triangulate() {
    size_t tries = 0;
    for (size_t high = n - 1; high > 0;) {
      size_t low = high;
      for (; low > 0; --low) {
        const double beside = t[low * n + low].size() + t[(low - 1) * n + low - 1].size();
        Complex& below = t[low * n + low - 1];
        if (below.size() > std::numeric_limits<double>::epsilon() * beside) continue;
        below = {0, 0};
        break;
      }
      if (low == high) {
        --high;
        tries = 0;
        continue;
      }
      if (++tries > 60) return false;
      // Now and then another shift, where these go round in circles.
      const Complex by = tries % 10 != 0 ? shift(high) : Complex{t[high * n + high - 1].size(), 0} + t[high * n + high];
      Complex x = t[low * n + low] - by, y = t[(low + 1) * n + low];
      for (size_t i = low; i < high; ++i) {
        rotate(Rotation(x, y), i, i > low ? i - 1 : low, i + 2 < high ? i + 2 : high);
        if (i > low) t[(i + 1) * n + i - 1] = {0, 0};
        if (i + 1 == high) break;
        x = t[(i + 1) * n + i];
        y = t[(i + 2) * n + i];
      }
    }
    return true;
  }

  // The square root of t in s.
  void take_root() {
    for (size_t j = 0; j < n; ++j) {
      s[j * n + j] = root(t[j * n + j]);
      for (size_t i = j; i-- > 0;) {
        Complex sum = t[i * n + j];
        for (size_t k = i + 1; k < j; ++k) sum = sum - s[i * n + k] * s[k * n + j];
        s[i * n + j] = sum.size() == 0 ? sum : sum / (s[i * n + i] + s[j * n + j]);
      }
    }
  }

  // The square root of a over a; NaN if it is not real.
  void run(double* a) {
    if (!std::isfinite(norm1(a, n))) return fill_nan(a, n * n);
    for (size_t i = 0; i < n * n; ++i) {
      t[i] = {a[i], 0};
      q[i] = {i / n == i % n ? 1.0 : 0.0, 0};
    }
    reduce();
    if (!triangulate()) return fill_nan(a, n * n);
    take_root();
    for (size_t i = 0; i < n; ++i) {  // t = q s
      for (size_t j = 0; j < n; ++j) {
        Complex sum{0, 0};
        for (size_t k = 0; k <= j; ++k) sum = sum + q[i * n + k] * s[k * n + j];
        t[i * n + j] = sum;
      }
    }
    double largest = 0, imaginary = 0;
    for (size_t i = 0; i < n; ++i) {
      for (size_t j = 0; j < n; ++j) {
        Complex sum{0, 0};
        for (size_t k = 0; k < n; ++k) sum = sum + t[i * n + k] * q[j * n + k].conjugate();
        a[i * n + j] = sum.re;
        largest = std::fmax(largest, std::fabs(sum.re));
        imaginary = std::fmax(imaginary, std::fabs(sum.im));
      }
    }
    constexpr double kRounding = 1e-6;  // the root of a rounding error, where an eigenvalue is zero, is as large
    if (!(imaginary <= kRounding * largest)) fill_nan(a, n * n);
  }
};

size_t root_bytes(const Value& v, Operands, const Kernels&) {
  const size_t n = size_t(order(v));
  return square_bytes(n) + Schur::bytes(n);
}

Failure run_root(const StepRun& s, int64_t from, int64_t to, const char*, char* own) {
  const size_t n = size_t(order(s.v));
  double* a = reinterpret_cast<double*>(own);
  Schur schur(n, own + square_bytes(n));
  return run_each(s, from, to, a, [&] { schur.run(a); });
}

constexpr StepKind function_of_matrices() {
  StepKind k;
  k.check = check_squares;
  k.work = work;
  k.units = square_units;
  return k;
}
constexpr StepKind expm() {
  StepKind k = function_of_matrices();
  k.own_bytes = exponential_bytes;
  k.run = run_exponential;
  return k;
}
constexpr StepKind sqrtm() {
  StepKind k = function_of_matrices();
  k.own_bytes = root_bytes;
  k.run = run_root;
  return k;
}

}  // namespace

const StepKind expm_step = expm();
const StepKind sqrtm_step = sqrtm();

}  // namespace gradtape
