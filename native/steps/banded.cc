// Equations with matrices that have few diagonals, which are kept as rows; in a time that grows with their number.
#include <cmath>
#include <limits>

#include "step.h"

namespace gradtape {
namespace {

// Diagonals [.., count, n] beside right-hand sides [.., n, columns]; a unit is one matrix.
struct Banded {
  int64_t count, n, columns;
  explicit Banded(const Value& v, const Value& diagonals)
      : count(diagonals.dims[v.rank - 2]), n(v.dims[v.rank - 2]), columns(v.dims[v.rank - 1]) {}
};

const char* check(const Value& v, Operands x) {
  const Value &a = x[0], &b = x[1];
  if (!is_floating(v.dtype) || a.dtype != v.dtype || b.dtype != v.dtype) return "wrong dtype";
  if (v.rank < 2 || a.rank != v.rank || !same_shape(v, b)) return "wrong shape";
  if (a.dims[v.rank - 1] != v.dims[v.rank - 2]) return "wrong shape";
  for (int d = 0; d + 2 < v.rank; ++d) {
    if (a.dims[d] != b.dims[d]) return "wrong shape";
  }
  return a.dims[v.rank - 2] > 0 ? nullptr : "no diagonal";
}
const char* check_three(const Value& v, Operands x) {
  if (const char* wrong = check(v, x)) return wrong;
  return x[0].dims[v.rank - 2] == 3 ? nullptr : "not three diagonals";
}

double work(const Value& v, Operands x) { return double(v.size) * double(Banded(v, x[0]).count); }

int64_t units(const Value& v, Operands x, const Kernels&) {
  const Banded m(v, x[0]);
  return v.size / (m.n * m.columns);
}

// ---- bandedTriangularSolve: attributes lower, transposed ----

// The main diagonal is the first row of a lower triangle and the last of an upper one; row d from there has the
// elements d off it, each in the column of the row of the matrix that it stands in.
template <class T>
Failure solve_band(const StepRun& s, int64_t unit) {
  const Banded m(s.v, s.x[0]);
  const bool lower = s.v.attributes[0] != 0, transposed = s.v.attributes[1] != 0, forward = lower != transposed;
  const T* a = reinterpret_cast<const T*>(s.in[0]) + unit * m.count * m.n;
  const T* b = reinterpret_cast<const T*>(s.in[1]) + unit * m.n * m.columns;
  T* x = reinterpret_cast<T*>(s.out[0]) + unit * m.n * m.columns;
  const T* diagonal = a + (lower ? 0 : m.count - 1) * m.n;
  for (int64_t r = 0; r < m.n; ++r) {
    const int64_t i = forward ? r : m.n - 1 - r;
    if (diagonal[i] == 0) return {Failure::k_singular, s.self, unit, i};
    T* row = x + i * m.columns;
    for (int64_t c = 0; c < m.columns; ++c) row[c] = b[i * m.columns + c];
    for (int64_t d = 1; d < m.count && d <= r; ++d) {
      const int64_t k = forward ? i - d : i + d;
      const T factor = a[(lower ? d : m.count - 1 - d) * m.n + (transposed ? k : i)];
      for (int64_t c = 0; c < m.columns; ++c) row[c] -= factor * x[k * m.columns + c];
    }
    for (int64_t c = 0; c < m.columns; ++c) row[c] /= diagonal[i];
  }
  return {};
}

Failure run_band(const StepRun& s, int64_t from, int64_t to, const char*, char*) {
  for (int64_t unit = from; unit < to; ++unit) {
    const Failure failure = s.v.dtype == kFloat32 ? solve_band<float>(s, unit) : solve_band<double>(s, unit);
    if (failure.code != Failure::kNone) return failure;
  }
  return {};
}

constexpr StepKind banded_triangular_solve() {  // (diagonals, b)
  StepKind k;
  k.arity = 2;
  k.attributes = 2;
  k.can_fail = true;
  k.check = check;
  k.work = work;
  k.units = units;
  k.run = run_band;
  return k;
}

// ---- tridiagonalSolve: attribute 0, of Pivots ----

enum Pivots : int64_t {
  kTheirs,     // those of the main diagonal
  kLarger,     // rows are exchanged for larger ones
  kPerturbed,  // for larger ones beside their rows, and what is still too small is made larger, as by LAPACK's lagts
};

// Makes a pivot so large that no element of the row overflows when divided by it: by `least` and its doubles; or row
// and pivot by one factor.
template <class T>
__attribute__((noinline)) T perturbed(T pivot, T least, T* row, int64_t columns) {
  constexpr T kSmall = std::numeric_limits<T>::min(), kBig = 1 / kSmall;
  T largest = 0;
  for (int64_t c = 0; c < columns; ++c) largest = std::fabs(row[c]) > largest ? std::fabs(row[c]) : largest;
  T more = std::copysign(least > kSmall ? least : kSmall, pivot);
  for (T size; (size = std::fabs(pivot)) < 1;) {
    if (size < kSmall && size != 0 && !(largest * kSmall > size)) {
      for (int64_t c = 0; c < columns; ++c) row[c] *= kBig;
      return pivot * kBig;
    }
    if (size >= kSmall && !(largest > size * kBig)) break;
    pivot += more;
    more *= 2;
  }
  return pivot;
}

// Diagonals: above the main one (of each row; that of the last is not read), the main one, below it (that of the first
// row is not read). What elimination leaves of row i: pivot[i] and the two elements right of it. Of a matrix with a
// pivot that is zero the solution is NaN, unless it is perturbed.
template <class T>
void solve_three(const StepRun& s, int64_t unit, char* own) {
  const Banded m(s.v, s.x[0]);
  const bool exchanges = s.v.attributes[0] == kLarger, perturbs = s.v.attributes[0] == kPerturbed;
  const int64_t n = m.n, columns = m.columns;
  const T* above = reinterpret_cast<const T*>(s.in[0]) + unit * 3 * n;
  const T *main = above + n, *below = main + n;
  const T* b = reinterpret_cast<const T*>(s.in[1]) + unit * n * columns;
  T* x = reinterpret_cast<T*>(s.out[0]) + unit * n * columns;
  T *pivot = reinterpret_cast<T*>(own), *next = pivot + n, *second = next + n;
  bool singular = false;
  for (int64_t c = 0; c < n * columns; ++c) x[c] = b[c];
  pivot[0] = main[0];
  next[0] = n > 1 ? above[0] : T(0);
  T scale = std::fabs(pivot[0]) + std::fabs(next[0]);  // of the row that stands at i
  T largest = 0;
  const auto note = [&](T element) { largest = std::fabs(element) > largest ? std::fabs(element) : largest; };
  note(pivot[0]);
  note(next[0]);
  for (int64_t i = 0; i + 1 < n; ++i) {
    const T right = i + 2 < n ? above[i + 1] : T(0);
    T *row = x + i * columns, *other = row + columns;
    const T down = std::fabs(below[i + 1]), lower = down + std::fabs(main[i + 1]) + std::fabs(right);
    const T here = pivot[i] == 0 ? T(0) : std::fabs(pivot[i]) / scale;
    if (perturbs ? down != 0 && down / lower > here : exchanges && down > std::fabs(pivot[i])) {
      const T factor = pivot[i] / below[i + 1];
      pivot[i] = below[i + 1];
      pivot[i + 1] = next[i] - factor * main[i + 1];
      next[i] = main[i + 1];
      second[i] = right;
      next[i + 1] = -factor * right;
      for (int64_t c = 0; c < columns; ++c) {
        const T t = other[c];
        other[c] = row[c] - factor * t;
        row[c] = t;
      }
    } else {
      singular |= pivot[i] == 0;
      const T factor = perturbs && down == 0 ? T(0) : below[i + 1] / pivot[i];
      scale = lower;
      pivot[i + 1] = main[i + 1] - factor * next[i];
      second[i] = 0;
      next[i + 1] = right;
      for (int64_t c = 0; c < columns; ++c) other[c] -= factor * row[c];
    }
    if (i + 2 < n) {
      note(pivot[i]);
      note(next[i]);
      note(second[i]);
    }
  }
  note(pivot[n - 1]);
  singular = !perturbs && (singular || pivot[n - 1] == 0);
  for (int64_t i = n - 1; i >= 0; --i) {
    T* row = x + i * columns;
    for (int64_t c = 0; c < columns; ++c) {
      T sum = row[c];
      if (i + 1 < n) sum -= next[i] * row[columns + c];
      if (i + 2 < n) sum -= second[i] * row[2 * columns + c];
      row[c] = singular ? std::numeric_limits<T>::quiet_NaN() : perturbs ? sum : sum / pivot[i];
    }
    if (!perturbs) continue;
    const T inverse = 1 / perturbed(pivot[i], std::numeric_limits<T>::epsilon() * largest, row, columns);
    for (int64_t c = 0; c < columns; ++c) row[c] *= inverse;
  }
}

size_t three_bytes(const Value& v, Operands x, const Kernels&) {
  return 3 * size_t(Banded(v, x[0]).n) * kDTypeSize[v.dtype];
}

Failure run_three(const StepRun& s, int64_t from, int64_t to, const char*, char* own) {
  for (int64_t unit = from; unit < to; ++unit)
    s.v.dtype == kFloat32 ? solve_three<float>(s, unit, own) : solve_three<double>(s, unit, own);
  return {};
}

constexpr StepKind tridiagonal_solve() {  // (diagonals, b)
  StepKind k;
  k.arity = 2;
  k.attributes = 1;
  k.check = check_three;
  k.work = work;
  k.units = units;
  k.own_bytes = three_bytes;
  k.run = run_three;
  return k;
}

}  // namespace

const StepKind bandedTriangularSolve_step = banded_triangular_solve();
const StepKind tridiagonalSolve_step = tridiagonal_solve();

}  // namespace gradtape
