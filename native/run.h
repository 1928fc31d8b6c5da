// Runs a plan: executes its steps in order, loops in blocks of kBlock elements. Allocates nothing but through the arena.
#pragma once

#include <memory>

#include "arena.h"
#include "layout.h"
#include "plan.h"

namespace gradtape {

// One operand of a loop's instruction in the current block.
struct Operand {
  const char* at;
  bool uniform;
};

// What one thread of execution owns between runs; its vectors keep their capacity, so a steady run allocates nothing.
struct Executor {
  Arena arena;
  std::vector<char*> addresses;  // by value, while a plan runs
  std::vector<double> slots;     // one-element values
  std::vector<Operand> operands;
  std::vector<int64_t> expanded;
  std::vector<const char*> pointers;
};

// Computes the plan's outputs. `data` and `results` as in program.h; the caller keeps all buffers alive and writable.
Failure run(const Plan& plan, const double* data, double* results, Executor& executor);

}  // namespace gradtape
