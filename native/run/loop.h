// One loop on one thread: its instructions in blocks of kBlock elements, with the reductions at its end.
#pragma once

#include <algorithm>
#include <vector>

#include "plan/plan.h"
#include "steps/failure.h"

namespace gradtape {

// One operand of a loop's instruction in the current block.
struct BlockOperand {
  const char* at;
  bool uniform;
  bool padded = false;  // the block is shorter than a vector, and the lanes behind it hold elements of it
};

// The state of one thread in a loop.
struct LoopState {
  std::vector<BlockOperand> operands;
  std::vector<int64_t> expanded;  // by source: how many elements of the periodic pattern stand in its buffer
};

// Whether one of n integers of that size is zero.
bool has_zero(size_t size, const char* integers, int64_t n);

// The current block's operands and the registers they live in.
class LoopRun {
 public:
  // `registers` may be shared with other loops, `own` is this one's while it lives: Loop::register_bytes, own_bytes.
  LoopRun(const Loop& loop, char* const* addresses, char* arena, char* registers, char* own, LoopState& state);

  // How many units the loop is cut into, by its shape alone. No unit reads what another writes.
  static int64_t units(const Loop& loop);

  Failure run_units(int64_t from, int64_t to);

  // Computes elements from .. to - 1 of a loop without reductions; run_uniform() must have run.
  bool run_elements(int64_t from, int64_t to);

  bool run_uniform();

  // Computes some rows of a loop whose reductions are of elements of a row, and whole; run_uniform() must have run.
  bool run_rows(int64_t from, int64_t to, int64_t of_rows);

  // A unit of a reduction down the rows: some columns of a panel. Its chunks are reduced in order, then it is ended;
  // run_uniform() must have run.
  struct Panel {
    int64_t outer, index, column, width, first, chunks;
    bool last;  // of its columns: those with the rest of the rows
  };
  static Panel panel(const ColumnPartition& part, int64_t unit);
  __attribute__((noinline)) bool run_chunk(const ColumnPartition& part, const Panel& panel, int64_t chunk);
  __attribute__((noinline)) bool end_panel(const ColumnPartition& part, const Panel& panel);

  const Failure& failure() const { return failure_; }

  // Adds up the partial results of rows longer than a chunk, first half plus second half, and again; and those of
  // panels, neighbour plus neighbour, and again.
  static void combine_partials(const Loop& loop, char* const* addresses, char* arena);

  // The same of a row longer than a chunk.
  __attribute__((noinline)) static void combine_row(const Loop& loop, int64_t row, char* const* addresses, char* arena);

  // Reduces one long row (part.fold rows beside each other, then the rest) to a row of the result.
  __attribute__((noinline)) static void unfold(const LoopReduction& red, const ColumnPartition& part, const Loop& loop,
                                               const char* from, char* to);

 private:
  static int64_t chunks_of(const Loop& loop) { return (loop.length + int64_t(kRowChunk) - 1) / int64_t(kRowChunk); }

  // Blocks stay inside a row if rows are long, so that broadcast operands need no copying; else they are whole short
  // rows.
  struct FlatPartition {
    int64_t row, width, blocks;
    explicit FlatPartition(const Loop& loop) : row(loop.size), width(int64_t(kBlock)) {
      if (loop.rank > 1) {
        const int64_t last = loop.dims[loop.rank - 1];
        if (last >= 128)
          row = last;
        else
          width = std::max<int64_t>(int64_t(kBlock) / last, 1) * last;
      }
      blocks = (row + width - 1) / width;
    }
  };

  bool flat(int64_t u);

  // Elements from .. to - 1 of a loop without reductions.
  __attribute__((noinline)) bool elements(int64_t from, int64_t to);

  // Some whole short rows.
  __attribute__((noinline)) bool rows(int64_t from, int64_t count);
  static int64_t rows_together(const Loop& loop) { return int64_t(kRowChunk) / loop.length; }

  // Unit u of a loop whose rows are long: a chunk of one row.
  __attribute__((noinline)) bool chunk(int64_t u);

  // Unit u of a reduction down the rows: some columns of a panel.
  bool columns(int64_t u);

  // Reduces some rows of a panel. An array in memory is read at once; other values are combined as they are computed.
  bool rows_of_panel(const ColumnPartition& part, int64_t start, int64_t rows, int64_t width, int level);

  // Computes the elements behind the last long row (part.rest); nothing is reduced.
  bool rest_of_rows(const ColumnPartition& part, int64_t start);

  // Copies the n elements that a reduction reads in this block.
  __attribute__((noinline)) void copy_block(char* to, const LoopReduction& red, int64_t n);

  // The array that a reduction is over, if all of it is in memory; else null.
  const char* whole(const LoopReduction& red) const;

  char* level_at(size_t reduction, const ColumnPartition& part, int level);

  // The n elements that a reduction reads in this block; a uniform value is copied n times.
  __attribute__((noinline)) const char* elements(const LoopReduction& red, int64_t n);

  // Not inlined: there are many calls of it, and a block takes long.
  __attribute__((noinline)) bool block(int64_t start, int64_t n);

  bool call(size_t k, int64_t start, int64_t n);

  // Copies the n elements of an array to where there is room for a vector.
  void pad(size_t k, const char* from, int64_t n);

  // Points slot k at n elements from flat position `start` of a broadcast source; copies them if they cross a row.
  __attribute__((noinline)) void locate(size_t k, int64_t start, int64_t n);

  const Loop& loop_;
  char* const* addresses_;
  char* arena_;
  char* registers_;
  size_t register_bytes_;
  char *expand_at_, *spare_, *levels_;
  std::vector<BlockOperand>& slots_;
  std::vector<int64_t>& expanded_;
  Failure failure_;
};

}  // namespace gradtape
