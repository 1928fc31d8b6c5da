// Moving elements without computing: strided windows, transposes, concatenation, gather and scatter. One size of
// element at a time; knows no dtype but where scatter adds.
#pragma once

#include "plan.h"

namespace gradtape {

// A value-dependent fault, found while a program runs.
struct Failure {
  enum Code { kNone, kIndexOutOfRange, kZeroDivisor, kNoMemory } code = kNone;
  int32_t value = -1;  // of the program
  int64_t index = 0;   // kIndexOutOfRange: what came
  int64_t length = 0;  // and the length of the axis
};

// Runs one value that is neither a loop nor a matmul; `x` are its operands' elements, contiguous.
Failure run_layout(const Value& v, const Value* values, const Kernels& kernels, const char* const* x, char* out,
                   const double* data);

}  // namespace gradtape
