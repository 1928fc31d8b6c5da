// Square matrices, the last two axes of a value: what their steps have in common.
#pragma once

#include "step.h"

namespace gradtape {

inline int64_t order(const Value& v) { return v.dims[v.rank - 1]; }

// The operand has the shape and dtype of the value.
inline const char* check_squares(const Value& v, Operands x) {
  if (!is_floating(v.dtype) || x[0].dtype != v.dtype) return "wrong dtype";
  if (v.rank < 2 || v.dims[v.rank - 2] != v.dims[v.rank - 1]) return "not a square matrix";
  return same_shape(v, x[0]) ? nullptr : "wrong shape";
}

// A unit is a matrix.
inline int64_t square_units(const Value& v, Operands, const Kernels&) { return v.size / (order(v) * order(v)); }

}  // namespace gradtape
