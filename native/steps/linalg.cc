// Square matrices, the last two axes: factors, and equations by them.
#include <cstring>
#include <initializer_list>

#include "factors.h"
#include "squares.h"

namespace gradtape {
namespace {

// rows: of each row of the matrices, where it came from.
const char* check_rows(const Value& rows, const Value& matrices) {
  if (rows.dtype != kInt32) return "rows are int32";
  return rows.rank == matrices.rank - 1 && without_axis(rows, matrices, matrices.rank - 1) == nullptr ? nullptr
                                                                                                      : "wrong shape";
}
// Result 1: rows. Result 2: 1 or -1, the sign of their permutation.
const char* check_result(const Value& v, Operands, int k, const Value& result) {
  if (k == 1) return check_rows(result, v);
  if (result.dtype != v.dtype) return "wrong dtype";
  if (result.rank != v.rank - 2) return "wrong shape";
  for (int d = 0; d < result.rank; ++d) {
    if (result.dims[d] != v.dims[d]) return "wrong shape";
  }
  return nullptr;
}

double cholesky_work(const Value& v, Operands) { return double(v.size) * double(order(v)) / 6 / kMultiplications; }
double lu_work(const Value& v, Operands) { return double(v.size) * double(order(v)) / 3 / kMultiplications; }

template <class T>
size_t cholesky_memory(const Kernels& kernels, DType dtype, size_t n) {
  Factors<T> f(kernels, dtype, n, 0, nullptr);
  f.cholesky(reinterpret_cast<T*>(f.nowhere()), n, n);
  return f.bytes();
}
size_t cholesky_bytes(const Value& v, Operands, const Kernels& kernels) {
  const size_t n = size_t(order(v));
  return v.dtype == kFloat32 ? cholesky_memory<float>(kernels, v.dtype, n)
                             : cholesky_memory<double>(kernels, v.dtype, n);
}

template <class T>
Failure run_cholesky_of(const StepRun& s, int64_t from, int64_t to, char* own) {
  const size_t n = size_t(order(s.v));
  const T* a = reinterpret_cast<const T*>(s.in[0]) + size_t(from) * n * n;
  T* l = reinterpret_cast<T*>(s.out[0]) + size_t(from) * n * n;
  Factors<T> f(s.kernels, s.v.dtype, n, 0, own);
  for (int64_t unit = from; unit < to; ++unit, a += n * n, l += n * n) {
    for (size_t i = 0; i < n; ++i) std::memcpy(l + i * n, a + i * n, (i + 1) * sizeof(T));
    const size_t good = f.cholesky(l, n, n);
    if (good < n) return {Failure::k_notPositiveDefinite, s.self, unit, int64_t(good) + 1};
  }
  return {};
}
Failure run_cholesky(const StepRun& s, int64_t from, int64_t to, const char*, char* own) {
  return s.v.dtype == kFloat32 ? run_cholesky_of<float>(s, from, to, own) : run_cholesky_of<double>(s, from, to, own);
}

// Lower triangular l of l transposed(l); reads the lower triangle.
constexpr StepKind cholesky() {
  StepKind k;
  k.can_fail = true;
  k.check = check_squares;
  k.work = cholesky_work;
  k.units = square_units;
  k.own_bytes = cholesky_bytes;
  k.run = run_cholesky;
  return k;
}

// ---- lu ----

// Memory: rows that nobody asks for, and what the factors need.
size_t rows_bytes(size_t n) { return (n * sizeof(int32_t) + 63) / 64 * 64; }

template <class T>
size_t lu_memory(const Kernels& kernels, DType dtype, size_t n) {
  Factors<T> f(kernels, dtype, n, 0, nullptr);
  f.lu(reinterpret_cast<T*>(f.nowhere()), n, nullptr);
  return rows_bytes(n) + f.bytes();
}
size_t lu_bytes(const Value& v, Operands, const Kernels& kernels) {
  const size_t n = size_t(order(v));
  return v.dtype == kFloat32 ? lu_memory<float>(kernels, v.dtype, n) : lu_memory<double>(kernels, v.dtype, n);
}

// The first zero on the diagonal; n if there is none.
template <class T>
size_t first_zero(const T* a, size_t n) {
  size_t i = 0;
  while (i < n && a[i * n + i] != 0) ++i;
  return i;
}

template <class T>
size_t first_bad_pivot(const T* a, size_t n) {
  size_t i = 0;
  while (i < n && (a[i * n + i] < 0 || a[i * n + i] > 0)) ++i;
  return i;
}

template <class T>
Failure run_lu_of(const StepRun& s, int64_t from, int64_t to, char* own) {
  const size_t n = size_t(order(s.v));
  const bool invertible = s.v.attributes[0] != 0;
  const T* a = reinterpret_cast<const T*>(s.in[0]) + size_t(from) * n * n;
  T* out = reinterpret_cast<T*>(s.out[0]) + size_t(from) * n * n;
  int32_t* rows = s.out[1] ? reinterpret_cast<int32_t*>(s.out[1]) + size_t(from) * n : reinterpret_cast<int32_t*>(own);
  Factors<T> f(s.kernels, s.v.dtype, n, 0, own + rows_bytes(n));
  for (int64_t unit = from; unit < to; ++unit, a += n * n, out += n * n) {
    std::memcpy(out, a, n * n * sizeof(T));
    for (size_t i = 0; i < n; ++i) rows[i] = int32_t(i);
    const bool odd = f.lu(out, n, rows);
    if (s.out[2]) reinterpret_cast<T*>(s.out[2])[unit] = odd ? T(-1) : T(1);
    const size_t good = invertible ? first_bad_pivot(out, n) : n;
    if (good < n) return {Failure::k_notInvertible, s.self, unit, int64_t(good)};
    if (s.out[1]) rows += n;
  }
  return {};
}
Failure run_lu(const StepRun& s, int64_t from, int64_t to, const char*, char* own) {
  return s.v.dtype == kFloat32 ? run_lu_of<float>(s, from, to, own) : run_lu_of<double>(s, from, to, own);
}

// l without its diagonal of ones and u in one matrix, and the rows: operand[rows] = l u. Of a singular matrix, u has a
// zero on its diagonal; with attribute 0 it fails, also where a pivot is NaN.
constexpr StepKind lu() {
  StepKind k;
  k.results = 3;
  k.attributes = 1;
  k.can_fail = true;
  k.check = check_squares;
  k.check_result = check_result;
  k.work = lu_work;
  k.units = square_units;
  k.own_bytes = lu_bytes;
  k.run = run_lu;
  return k;
}

// ---- equations ----

constexpr int64_t kStrip = 256;  // columns of a unit

// Matrices [.., n, n] beside right-hand sides [.., n, columns], of which a unit takes some columns.
struct Equations {
  int64_t n, columns;
  explicit Equations(const Value& v) : n(v.dims[v.rank - 2]), columns(v.dims[v.rank - 1]) {}
  int64_t strips() const { return units_of(columns, kStrip); }
};

const char* check_sides(const Value& v, const Value& a, const Value& b) {
  if (!is_floating(v.dtype) || a.dtype != v.dtype || b.dtype != v.dtype) return "wrong dtype";
  if (v.rank < 2 || a.rank != v.rank || !same_shape(v, b)) return "wrong shape";
  if (a.dims[v.rank - 1] != a.dims[v.rank - 2]) return "not a square matrix";
  for (int d = 0; d + 1 < v.rank; ++d) {
    if (a.dims[d] != b.dims[d]) return "wrong shape";
  }
  return nullptr;
}

double solve_work(const Value& v, Operands) { return double(v.size) * double(Equations(v).n) / 2 / kMultiplications; }

int64_t solve_units(const Value& v, Operands, const Kernels&) {
  const Equations e(v);
  return v.size / (e.n * e.columns) * e.strips();
}

// For the widest unit and the last one.
template <class T>
size_t triangle_memory(const Kernels& kernels, const Value& v) {
  const Equations e(v);
  size_t most = 0;
  for (const int64_t width : {e.columns < kStrip ? e.columns : kStrip, e.columns - (e.strips() - 1) * kStrip}) {
    for (const bool lower : {true, false}) {
      Factors<T> f(kernels, v.dtype, size_t(e.n), size_t(width), nullptr);
      T* nowhere = reinterpret_cast<T*>(f.nowhere());
      f.solve({nowhere, ptrdiff_t(e.n), 1, lower, false}, nowhere, size_t(e.columns), size_t(e.n), size_t(width));
      if (f.bytes() > most) most = f.bytes();
    }
  }
  return most;
}
size_t triangle_bytes(const Value& v, Operands, const Kernels& kernels) {
  return v.dtype == kFloat32 ? triangle_memory<float>(kernels, v) : triangle_memory<double>(kernels, v);
}

// A unit's columns of b and x.
template <class T>
struct Columns {
  size_t matrix, n, stride, width;
  const T* b;
  T* x;
  Columns(const StepRun& s, const Equations& e, int operand, int64_t unit) {
    const int64_t strips = e.strips(), strip = unit % strips;
    const Range columns(strip, strip + 1, kStrip, e.columns);
    matrix = size_t(unit / strips);
    n = size_t(e.n);
    stride = size_t(e.columns);
    width = size_t(columns.end - columns.begin);
    const size_t at = matrix * n * stride + size_t(columns.begin);
    b = reinterpret_cast<const T*>(s.in[operand]) + at;
    x = reinterpret_cast<T*>(s.out[0]) + at;
  }
};

template <class T>
void copy_row(T* to, const T* from, size_t n) {
  if (n == 1)
    *to = *from;
  else
    std::memcpy(to, from, n * sizeof(T));
}

// ---- triangularSolve: attributes lower, transposed. x of op(a) x = b; the other triangle of a is not read ----

const char* check_triangle(const Value& v, Operands x) { return check_sides(v, x[0], x[1]); }

template <class T>
Failure run_triangle_of(const StepRun& s, int64_t from, int64_t to, char* own) {
  const Equations e(s.v);
  const size_t n = size_t(e.n);
  for (int64_t unit = from; unit < to; ++unit) {
    const Columns<T> c(s, e, 1, unit);
    const T* a = reinterpret_cast<const T*>(s.in[0]) + c.matrix * n * n;
    const size_t good = first_zero(a, n);
    if (good < n) return {Failure::k_singular, s.self, int64_t(c.matrix), int64_t(good)};
    for (size_t i = 0; i < n; ++i) copy_row(c.x + i * c.stride, c.b + i * c.stride, c.width);
    const Triangle<T> t{a, ptrdiff_t(n), 1, s.v.attributes[0] != 0, false};
    Factors<T> f(s.kernels, s.v.dtype, n, c.width, own);
    f.solve(s.v.attributes[1] != 0 ? t.transposed() : t, c.x, c.stride, n, c.width);
  }
  return {};
}
Failure run_triangle(const StepRun& s, int64_t from, int64_t to, const char*, char* own) {
  return s.v.dtype == kFloat32 ? run_triangle_of<float>(s, from, to, own) : run_triangle_of<double>(s, from, to, own);
}

constexpr StepKind triangular_solve() {  // (a, b)
  StepKind k;
  k.arity = 2;
  k.attributes = 2;
  k.can_fail = true;
  k.check = check_triangle;
  k.work = solve_work;
  k.units = solve_units;
  k.own_bytes = triangle_bytes;
  k.run = run_triangle;
  return k;
}

// ---- luSolve: attribute transposed. x of op(a) x = b by the factors of a and their rows: a[rows] = l u ----

const char* check_lu_solve(const Value& v, Operands x) {
  if (const char* wrong = check_sides(v, x[0], x[2])) return wrong;
  return check_rows(x[1], x[0]);
}

double lu_solve_work(const Value& v, Operands x) { return 2 * solve_work(v, x); }

// And, before that, what is to be put in order.
size_t moved_bytes(const Value& v) {
  const Equations e(v);
  const size_t widest = size_t(e.columns < kStrip ? e.columns : kStrip);
  return v.attributes[0] == 0 ? 0 : (size_t(e.n) * widest * kDTypeSize[v.dtype] + 63) / 64 * 64;
}
size_t lu_solve_bytes(const Value& v, Operands x, const Kernels& kernels) {
  return moved_bytes(v) + triangle_bytes(v, x, kernels);
}

template <class T>
Failure run_lu_solve_of(const StepRun& s, int64_t from, int64_t to, char* own) {
  const Equations e(s.v);
  const size_t n = size_t(e.n), moved = moved_bytes(s.v);
  const bool transposed = moved > 0;
  for (int64_t unit = from; unit < to; ++unit) {
    const Columns<T> c(s, e, 2, unit);
    const T* a = reinterpret_cast<const T*>(s.in[0]) + c.matrix * n * n;
    const int32_t* rows = reinterpret_cast<const int32_t*>(s.in[1]) + c.matrix * n;
    const size_t good = first_bad_pivot(a, n);
    if (good < n) return {Failure::k_notInvertible, s.self, int64_t(c.matrix), int64_t(good)};
    Factors<T> f(s.kernels, s.v.dtype, n, c.width, own + moved);
    const Triangle<T> l{a, ptrdiff_t(n), 1, true, true}, u{a, ptrdiff_t(n), 1, false, false};
    // The rows come from lu, but nobody proves that to a program.
    for (size_t i = 0; i < n; ++i) {
      if (rows[i] < 0 || size_t(rows[i]) >= n) return {Failure::k_index, s.self, rows[i], e.n};
    }
    if (transposed) {
      T* y = reinterpret_cast<T*>(own);
      for (size_t i = 0; i < n; ++i) copy_row(y + i * c.width, c.b + i * c.stride, c.width);
      f.solve(u.transposed(), y, c.width, n, c.width);
      f.solve(l.transposed(), y, c.width, n, c.width);
      for (size_t i = 0; i < n; ++i) copy_row(c.x + size_t(rows[i]) * c.stride, y + i * c.width, c.width);
    } else {
      for (size_t i = 0; i < n; ++i) copy_row(c.x + i * c.stride, c.b + size_t(rows[i]) * c.stride, c.width);
      f.solve(l, c.x, c.stride, n, c.width);
      f.solve(u, c.x, c.stride, n, c.width);
    }
  }
  return {};
}
Failure run_lu_solve(const StepRun& s, int64_t from, int64_t to, const char*, char* own) {
  return s.v.dtype == kFloat32 ? run_lu_solve_of<float>(s, from, to, own) : run_lu_solve_of<double>(s, from, to, own);
}

constexpr StepKind lu_solve() {  // (factors, rows, b)
  StepKind k;
  k.arity = 3;
  k.attributes = 1;
  k.can_fail = true;
  k.check = check_lu_solve;
  k.work = lu_solve_work;
  k.units = solve_units;
  k.own_bytes = lu_solve_bytes;
  k.run = run_lu_solve;
  return k;
}

}  // namespace

const StepKind cholesky_step = cholesky();
const StepKind lu_step = lu();
const StepKind triangularSolve_step = triangular_solve();
const StepKind luSolve_step = lu_solve();

}  // namespace gradtape
