// Steps: all that decoder, planner and executor ask of a kernel that is no loop. A new kernel is one StepKind in a file
// of this folder and one line in steps.def.
#pragma once

#include <cstddef>

#include "failure.h"
#include "value.h"

namespace gradtape {

// What the decoder and JavaScript know of an opcode.
struct Form {
  static constexpr int kAny = -1;  // operands: one or more

  const char* name = "";
  int arity = 1;                // kAny, or so many operands
  int attributes = 0;           // so many, and
  int attributes_per_axis = 0;  // so many for each axis of the value
  int numbers = 0;              // doubles that travel apart from the structure
  int results = 1;              // values that it computes at once
  bool sizes = false;           // attributes are sizes: they may be beyond 32 bits and take two words each, then
  bool cheap = false;           // not worth keeping for another program that will read it
  const char* (*check)(const Value& v, Operands x) = nullptr;  // null, or what does not fit
};

// One computation of a step.
struct StepRun {
  const Value& v;
  Operands x;
  const char* const* in;  // the operands' elements, contiguous; never null
  char* const* out;       // by result; beyond the first, null if nobody asks for it
  const double* numbers;
  const Kernels& kernels;
  int32_t self;  // the value's index, for failures
};

// The work comes in units that write different elements, so any thread may do any of them, with the same bits however
// they are cut.
struct StepKind : Form {
  bool can_fail = false;
  bool repeats = false;  // each call of `run` looks at all that others look at: units are cut for threads only
  // Null, or the result may be written over operand 0: this looks at operand `checked` alone and tells, before anything
  // is written, whether `run` would fail. `run` then finds operand 0 at out[0].
  Failure (*check_data)(const StepRun& step) = nullptr;
  int checked = 0;
  // Of a value with several results: null, or what does not fit about result k.
  const char* (*check_result)(const Value& v, Operands x, int k, const Value& result) = nullptr;
  double (*work)(const Value& v, Operands x) = nullptr;  // in elements times passes over them (plan.h)
  // All below are null for a product, which the planner takes apart itself (emit_matmul).
  int64_t (*units)(const Value& v, Operands x, const Kernels& kernels) = nullptr;
  // Bytes that `prepare` fills before any unit; null: nothing to prepare.
  size_t (*prepared_bytes)(const Value& v, Operands x, const Kernels& kernels) = nullptr;
  void (*prepare)(const StepRun& step, char* prepared) = nullptr;
  // Bytes that each part has for itself; null: none.
  size_t (*own_bytes)(const Value& v, Operands x, const Kernels& kernels) = nullptr;
  // Units from .. to - 1, every element of theirs; `prepared` and `own` are 64-byte aligned. Tells of the first failing
  // unit.
  Failure (*run)(const StepRun& step, int64_t from, int64_t to, const char* prepared, char* own) = nullptr;
};

#define STEP(name) extern const StepKind name##_step;
#include "steps.def"
#undef STEP

// Of an opcode for which is_step holds.
const StepKind& step_kind(int32_t opcode);
const char* step_name(int32_t opcode);

// ---- what descriptors share ----

constexpr double kMultiplications = 8;  // as many of a product are worth one element
constexpr int64_t kMovedAtOnce = 8192;  // elements of a unit that copies or fills

inline int64_t units_of(int64_t size, int64_t each) { return (size + each - 1) / each; }
// The elements of units from .. to - 1.
struct Range {
  int64_t begin, end;
  Range(int64_t from, int64_t to, int64_t each, int64_t size)
      : begin(from * each), end(to * each < size ? to * each : size) {}
};

}  // namespace gradtape
