// Factors of square matrices, the last two axes; a unit is one matrix.
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

}  // namespace

const StepKind cholesky_step = cholesky();
const StepKind lu_step = lu();

}  // namespace gradtape
