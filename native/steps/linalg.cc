// Square matrices, the last two axes: factors, and equations by them.
#include <cstring>

#include "step.h"

namespace gradtape {
namespace {

int64_t order(const Value& v) { return v.dims[v.rank - 1]; }

const char* check(const Value& v, Operands x) {
  if (!is_floating(v.dtype) || x[0].dtype != v.dtype) return "wrong dtype";
  if (v.rank < 2 || v.dims[v.rank - 2] != v.dims[v.rank - 1]) return "not a square matrix";
  return same_shape(v, x[0]) ? nullptr : "wrong shape";
}

// Result 1: of each row, where it came from.
const char* check_rows(const Value& v, Operands, int, const Value& rows) {
  if (rows.dtype != kInt32) return "rows are int32";
  return rows.rank == v.rank - 1 && without_axis(rows, v, v.rank - 1) == nullptr ? nullptr : "wrong shape";
}

double cholesky_work(const Value& v, Operands) { return double(v.size) * double(order(v)) / 6 / kMultiplications; }
double lu_work(const Value& v, Operands) { return double(v.size) * double(order(v)) / 3 / kMultiplications; }

int64_t units(const Value& v, Operands, const Kernels&) { return v.size / (order(v) * order(v)); }

template <FactorFns (Kernels::*table)[kDTypes]>
size_t own_bytes(const Value& v, Operands, const Kernels& kernels) {
  return (kernels.*table)[v.dtype].workspace(size_t(order(v)));
}

template <FactorFns (Kernels::*table)[kDTypes], Failure::Code otherwise>
Failure run(const StepRun& s, int64_t from, int64_t to, const char*, char* own) {
  const int64_t n = order(s.v), bytes = n * n * int64_t(kDTypeSize[s.v.dtype]);
  const bool exchanges = otherwise == Failure::kNone;
  int32_t* rows = exchanges && s.out[1] ? reinterpret_cast<int32_t*>(s.out[1]) : nullptr;
  for (int64_t unit = from; unit < to; ++unit) {
    const size_t good = (s.kernels.*table)[s.v.dtype].run(s.in[0] + unit * bytes, s.out[0] + unit * bytes,
                                                          rows ? rows + unit * n : nullptr, size_t(n), own);
    if (int64_t(good) < n) return {otherwise, s.self, unit, int64_t(good) + 1};
  }
  return {};
}

// Lower triangular l of l transposed(l); reads the lower triangle.
constexpr StepKind cholesky() {
  StepKind k;
  k.can_fail = true;
  k.check = check;
  k.work = cholesky_work;
  k.units = units;
  k.own_bytes = own_bytes<&Kernels::cholesky>;
  k.run = run<&Kernels::cholesky, Failure::k_notPositiveDefinite>;
  return k;
}

// l without its diagonal of ones and u in one matrix, and the rows: operand[rows] = l u. Never fails: of a singular
// matrix, u has a zero on its diagonal.
constexpr StepKind lu() {
  StepKind k;
  k.results = 2;
  k.check = check;
  k.check_result = check_rows;
  k.work = lu_work;
  k.units = units;
  k.own_bytes = own_bytes<&Kernels::lu>;
  k.run = run<&Kernels::lu, Failure::kNone>;
  return k;
}

// ---- triangularSolve ----

constexpr int64_t kStrip = 256;  // columns of a unit

// x of op(a) x = b: the triangle of a that attribute 0 tells (not 0: the lower one), transposed if attribute 1 is not
// 0. The other triangle is not read.
struct Equations {
  int64_t n, columns;
  bool lower, transposed;
  explicit Equations(const Value& v)
      : n(v.dims[v.rank - 2]),
        columns(v.dims[v.rank - 1]),
        lower(v.attributes[0] != 0),
        transposed(v.attributes[1] != 0) {}
  int64_t strips() const { return units_of(columns, kStrip); }
};

const char* check_solve(const Value& v, Operands x) {
  const Value &a = x[0], &b = x[1];
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

size_t solve_bytes(const Value& v, Operands, const Kernels& kernels) {
  const Equations e(v);
  const TriangularFns& fns = kernels.triangular_solve[v.dtype];
  const int64_t widest = e.columns < kStrip ? e.columns : kStrip, last = e.columns - (e.strips() - 1) * kStrip;
  const size_t most = fns.workspace(size_t(e.n), size_t(widest)), rest = fns.workspace(size_t(e.n), size_t(last));
  return most > rest ? most : rest;
}

Failure run_solve(const StepRun& s, int64_t from, int64_t to, const char*, char* own) {
  const Equations e(s.v);
  const int64_t size = int64_t(kDTypeSize[s.v.dtype]), strips = e.strips();
  for (int64_t unit = from; unit < to; ++unit) {
    const int64_t matrix = unit / strips, strip = unit % strips;
    const Range columns(strip, strip + 1, kStrip, e.columns);
    const int64_t at = (matrix * e.n * e.columns + columns.begin) * size, width = columns.end - columns.begin;
    const char* b = s.in[1] + at;
    char* x = s.out[0] + at;
    for (int64_t i = 0; i < e.n; ++i)
      std::memcpy(x + i * e.columns * size, b + i * e.columns * size, size_t(width * size));
    const size_t good =
        s.kernels.triangular_solve[s.v.dtype].run(s.in[0] + matrix * e.n * e.n * size, e.lower, e.transposed, x,
                                                  size_t(e.columns), size_t(e.n), size_t(width), own);
    if (int64_t(good) < e.n) return {Failure::k_singular, s.self, matrix, int64_t(good)};
  }
  return {};
}

constexpr StepKind triangular_solve() {  // (a, b)
  StepKind k;
  k.arity = 2;
  k.attributes = 2;  // lower, transposed
  k.can_fail = true;
  k.check = check_solve;
  k.work = solve_work;
  k.units = solve_units;
  k.own_bytes = solve_bytes;
  k.run = run_solve;
  return k;
}

}  // namespace

const StepKind cholesky_step = cholesky();
const StepKind lu_step = lu();
const StepKind triangularSolve_step = triangular_solve();

}  // namespace gradtape
