// Runs a plan: executes its steps in order, loops in blocks of kBlock elements. Allocates nothing but through the
// arena.
#pragma once

#include <atomic>
#include <memory>

#include "arena.h"
#include "loop.h"
#include "plan/plan.h"
#include "threads.h"

namespace gradtape {

// What each thread has for loops: for those of a tiling, which it does in turn, and for any other one.
struct ThreadState {
  std::vector<LoopState> states;
  std::vector<LoopRun> runs;     // of a tiling
  std::vector<char*> addresses;  // of what these read and write, by value
};

// What one run at a time owns; its vectors keep their capacity, so a steady run allocates nothing.
struct Executor {
  Arena arena;
  std::vector<char*> addresses;       // by value, while a plan runs
  std::vector<double> slots;          // one-element values
  std::vector<const char*> pointers;  // operands of a step
  std::vector<char*> results;
  std::vector<ThreadState> threads;
  std::vector<Failure> failures;                           // by part of a step
  bool yields = false;                                     // whether the present run gives way (time-slice.h)
  const std::atomic<bool>* unwanted = nullptr;             // says that nobody waits for the present run any more
  bool stopped = false;                                    // then it ended between two steps
  uint64_t growths_counted = 0, absent_pages_counted = 0;  // of the arena, in the totals of IdleExecutors
};

// Computes the plan's outputs. `data` and `results` as in program.h; the caller keeps all buffers alive and writable.
// Throws std::bad_alloc before the first step or not at all: no program that fails has changed an input. A run that was
// stopped has computed nothing.
Failure run(const Plan& plan, const double* data, double* results, Executor& executor, Pool& pool);

}  // namespace gradtape
