// Products of matrices: what the decoder knows of them. Their operands may be views, and they are cut into strips that
// a loop may follow, so the planner takes them apart itself.
#include "step.h"

namespace gradtape {
namespace {

const char* check(const Value& v, Operands x) {
  const Value &a = x[0], &b = x[1];
  if (a.rank < 2 || b.rank < 2 || v.rank < 2) return "operand rank is below 2";
  if (a.dtype != v.dtype || b.dtype != v.dtype) return "operand dtypes differ";
  if (!has_sums(v.dtype)) return "dtype has no matmul";
  const bool ta = v.attributes[0] != 0, tb = v.attributes[1] != 0;
  const int32_t *da = a.dims + a.rank - 2, *db = b.dims + b.rank - 2, *dv = v.dims + v.rank - 2;
  if (da[ta ? 1 : 0] != dv[0] || db[tb ? 0 : 1] != dv[1] || da[ta ? 0 : 1] != db[tb ? 1 : 0])
    return "shapes do not fit";
  Value batch_a = a, batch_b = b, batch_v = v;
  batch_a.rank -= 2;
  batch_b.rank -= 2;
  batch_v.rank -= 2;
  if (!broadcasts_to(batch_a, batch_v) || !broadcasts_to(batch_b, batch_v)) return "batch shapes do not broadcast";
  return nullptr;
}

double work(const Value& v, Operands x) {
  const double k = x[0].dims[x[0].rank - (v.attributes[0] != 0 ? 2 : 1)];
  return double(v.size) * k / kMultiplications;
}

constexpr StepKind matmul() {
  StepKind k;
  k.arity = 2;
  k.attributes = 2;  // transposeA, transposeB; leading axes broadcast
  k.check = check;
  k.work = work;
  return k;
}

}  // namespace

const StepKind matmul_step = matmul();

}  // namespace gradtape
