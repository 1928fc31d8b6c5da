// A value of a program, as decoder, planner and steps see it, and the numbers of what computes it. Knows no program.
#pragma once

#include <cstdint>

#include "kernels/kernels.h"

namespace gradtape {

// What the planner itself knows; then reductions, steps and elementwise kernels in the order of their lists.
enum Opcode : int32_t {
  kInput,           // a buffer of the caller
  kLiteral,         // one number, shape []
  kReshape,         // same elements, other shape
  kBroadcast,       // NumPy's rules
  kCast,            // to the value's dtype
  kResult,          // attribute k > 0: the k-th result of a step that has several; the step's own value is result 0
  kFirstReduction,  // + Reduction; attributes: outer, length, inner
  kFirstStep = kFirstReduction + kReductions,
  kBeforeSteps = kFirstStep - 1,
#define STEP(name) k_##name,
#include "steps.def"
#undef STEP
  kFirstElementwise,  // + ElementwiseKernel
  kOpcodes = kFirstElementwise + kElementwiseKernels
};

constexpr int kMaxRank = 16;
constexpr int64_t kMaxElements = int64_t{1} << 40;

struct Value {
  int32_t opcode;
  DType dtype;
  uint8_t rank;
  int32_t arity;
  int64_t size;
  const int32_t* dims;  // into Program::words
  const int32_t* operands;
  const int32_t* attributes;
  int32_t data;     // first of its doubles, or -1
  bool wide;        // two words an attribute
  uint8_t results;  // bit k: somebody shows result k
};

inline int64_t attribute(const Value& v, int i) {
  if (!v.wide) return v.attributes[i];
  return int64_t(uint64_t(uint32_t(v.attributes[2 * i])) | uint64_t(uint32_t(v.attributes[2 * i + 1])) << 32);
}

// The values that a value is made of.
class Operands {
 public:
  Operands(const Value& v, const Value* values) : indices_(v.operands), values_(values) {}
  const Value& operator[](int i) const { return values_[indices_[i]]; }
  Operands of(const Value& v) const { return {v, values_}; }  // in the same program

 private:
  const int32_t* indices_;
  const Value* values_;
};

inline bool is_elementwise(int32_t opcode) { return opcode >= kFirstElementwise || opcode == kCast; }
inline bool is_reduction(int32_t opcode) { return opcode >= kFirstReduction && opcode < kFirstStep; }
inline bool is_step(int32_t opcode) { return opcode >= kFirstStep && opcode < kFirstElementwise; }

// ---- what checks of operands share; each returns null, or what does not fit ----

bool same_shape(const Value& a, const Value& b);
bool broadcasts_to(const Value& from, const Value& to);
// v has the shape of x without one axis, which has elements.
const char* without_axis(const Value& v, const Value& x, int32_t axis);

// Lengths before, on and after an axis.
struct Axes {
  int64_t outer = 1, length = 1, inner = 1;
  Axes(const Value& v, int axis) : length(v.dims[axis]) {
    for (int d = 0; d < axis; ++d) outer *= v.dims[d];
    for (int d = axis + 1; d < v.rank; ++d) inner *= v.dims[d];
  }
};

}  // namespace gradtape
