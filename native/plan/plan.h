// The plan of a program: which values are computed together in one loop, in which order, and where each value lives.
// Depends on a program's words only, never on its data, so one plan serves every step of the same structure.
#pragma once

#include <array>
#include <memory>

#include "program/program.h"

namespace gradtape {

// The work from which a step is shared with workers that spin, or with workers that have to be woken. Its unit is one
// pass over one element, about 0.15 ns. Measured alone (bench/results/*-threads.txt), sharing pays from 2 to 8 us on
// with spinning workers and from 50 to 100 us with sleeping ones. These limits are lower, because most programs have
// several steps and only the first wakes anybody.
constexpr double kSharedAwake = 1 << 14, kSharedAsleep = 1 << 18;

// A program of less work (about 0.6 ms) is short: on another thread it does not wait for long ones. Beside its passes a
// step costs about as much as so many elements.
constexpr double kShortWork = 1 << 22, kStepWork = 1 << 10, kCallWork = 1 << 5;

// A loop over more bytes than this (half of a usual last-level cache) stores past the caches: its results would be
// evicted before anybody reads them, and would evict its operands. (Measured at 12 MB: the loop takes 0.65 times as
// long, with one reader of the result 0.85 to 1.0, with two 1.08.)
constexpr int64_t kStreamBytes = int64_t{8} << 20;

// A loop over more bytes than this fetches the next block of its sources. (Measured on Zen 4: at 120 and 240 MB it
// takes 0.94 to 0.97 times as long; at 12 MB, which are in the last-level cache, it would take 1.07 times as long.)
constexpr int64_t kFetchBytes = int64_t{16} << 20;
constexpr size_t kBlock = 1024;  // elements of one pass through a loop's instructions: 4-8 KiB a register
static_assert(kBlock >= kRowChunk, "a block holds a whole chunk of a reduction");
constexpr size_t kAlign = 64;
constexpr size_t kMaxParts = 64;  // the most parts that a step is cut into

// Where a value's elements are while the program runs.
struct Place {
  enum Kind : uint8_t { kNowhere, kData, kArena, kSlot, kTile } kind = kNowhere;
  // kData: index of the address; kArena: offset in bytes; kSlot: index of an 8-byte slot; kTile: offset in the room
  // that each thread has for a tile
  int64_t at = 0;
};

// How a loop reads a value that it does not compute itself.
struct Source {
  enum Kind : uint8_t { kFlat, kUniform, kStrided } kind;
  uint8_t size;   // of an element, in bytes
  bool periodic;  // strided, and only the innermost axis moves
  int32_t value;
  std::array<int64_t, kMaxRank> strides;  // kStrided: over Loop::dims, in elements; the innermost is 0 or 1
};

struct Instruction {
  const ElementwiseFn* variants;
  uint8_t arity;
  uint8_t result_size;   // of an element, in bytes
  uint8_t divisor_size;  // of an integer division, which refuses zero divisors: their size; else 0
  bool uniform;          // every operand is uniform: computed once
  int16_t operands[3];   // slots: sources first, then results in order
  int32_t value;
  bool stored;    // the result has a place in memory
  bool streamed;  // goes there past the caches, from its register
  int16_t reg;    // register of the result, or -1: written straight to its place
  uint8_t lanes;  // elements of the result in a vector
};

struct LoopReduction {
  int16_t slot;
  uint8_t size;
  const ReduceFns* fns;
  const ElementwiseFn* combine;
  int32_t value;
  int64_t partials;  // offset in the arena of partial results (of rows longer than a chunk, of panels), or -1
};

struct Loop {
  int64_t size = 0;
  int rank = 0;
  std::array<int64_t, kMaxRank> dims{};  // collapsed
  std::vector<Source> sources;
  std::vector<Instruction> instructions;
  std::vector<LoopReduction> reductions;
  int64_t outer = 1, length = 0, inner = 1;  // what the reductions see; length 0: none
  int registers = 0;
  size_t widest = 1;             // the largest size of an element that it reads or makes: that of registers
  int64_t padded_below = 0;      // shorter blocks are padded to vectors; 0: none, there are no registers
  bool fetches = false;          // each block brings the next one of its sources nearer, which are read from memory
  CopyFn stream_copy = nullptr;  // for results that go past the caches; null: none do
  bool direct = false;           // one instruction, from whole arrays to one: any range of elements may be one block
  size_t register_bytes() const { return size_t(registers) * kBlock * widest; }
  size_t own_bytes() const;  // of scratch memory, beside registers
  double work() const { return double(size) * double(instructions.size() + reductions.size() + 1); }
};

// How a reduction over rows (inner > 1) is cut: a function of its shape alone, so its bits are too. Short rows count
// many as one long one, whose result is folded in the end. Blocks of a few rows are reduced in order, in strips wide
// enough to be read as streams, and their results combined pairwise, as a binary counter carries. A panel, a power of
// two of blocks, is what one unit of work reduces.
struct ColumnPartition {
  static constexpr int64_t kShortRow = 512, kFolded = 2048, kStrip = 4096, kPanel = 1 << 18;
  int64_t fold;           // rows that count as one
  int64_t length, inner;  // rows and columns then
  int64_t rest;           // elements after these
  int64_t width, across;  // columns of a block, blocks beside each other
  int64_t rows, chunks;   // rows of a block, blocks down the rows
  int64_t panel, panels;  // blocks of a panel, panels
  int64_t piece;          // elements that are computed at once: whole rows of the loop if it has short ones
  int levels = 1;         // of the combination in a panel
  explicit ColumnPartition(const Loop& loop) : ColumnPartition(loop.length, loop.inner) {}
  ColumnPartition(int64_t of_length, int64_t of_inner);
};

// Loops over the same rows that are done together, tile by tile: some rows by all loops, then the next ones. The rows
// of a tile stay in the near cache, and what no other step reads of the results has room for one tile only.
struct Tiling {
  // Of a value with such room: its bytes in a row.
  struct Local {
    int32_t value;
    int64_t row_bytes;
  };
  int32_t first, end;         // in Plan::loops
  int64_t rows, tile;         // of all, of a tile
  int32_t columns = -1;       // a loop of them that reduces columns, whose panels are the units of work; else tiles are
  std::vector<Local> locals;  // whose places are after what the loops have of a thread's scratch memory
  size_t registers = 0;       // bytes, shared by the loops
  size_t locals_at = 0;       // in the scratch memory
  double work = 0;
};

// One-element values: no blocks, only calls.
struct ScalarCall {
  ElementwiseFn fn;
  int32_t operands[3];  // values, -1 if unused
  int32_t value;
  uint8_t divisor_size;  // as in Instruction
};

struct MatmulStep {
  int64_t m, n, k;
  int32_t a, b, value;  // a and b: base values
  int64_t rsa, csa, rsb, csb;
  std::vector<int64_t> batch, batch_a, batch_b;  // dims and strides of the leading axes
  int64_t products;                              // of the batch
  int64_t workspace;                             // offset in the arena, of a workspace for each thread
  int64_t workspace_bytes;                       // of one
  int64_t parts;                                 // into which the batch or each product is cut if it is shared
  bool by_batch;                                 // the batch: parts are of whole products
  double work;                                   // of what is cut
  int32_t loop;                                  // one over C, done to each part of it while it is in the cache; or -1

  // The rows (or columns, whichever are more) of C that a part computes: whole vectors, and even. A strip has the bits
  // that the whole would have. Columns of a square: each part packs its own of b, and seldom all of a.
  static constexpr int64_t kStrip = 16;
  bool by_rows() const { return m > n; }
  void strip(int64_t part, int64_t parts, int64_t& from, int64_t& to) const {
    const int64_t whole = by_rows() ? m : n, strips = (whole + kStrip - 1) / kStrip;
    from = strips * part / parts * kStrip;
    to = strips * (part + 1) / parts * kStrip;
    if (to > whole) to = whole;
  }
};

// A step that is neither a loop nor a product.
struct KernelStep {
  const StepKind* kind;
  bool checks;  // only looks whether its data would make it fail
  int32_t value;
  int32_t operands;  // first of its bases in Plan::bases
  int32_t results;   // first of its results in Plan::results: values, or -1 for those that nobody asks for
  int64_t units, parts;
  double work;
  int64_t prepared, own,
      own_bytes;  // offsets in the arena of the prepared bytes and of `parts` workspaces; size of one
};

struct Step {
  enum Kind : uint8_t { kLoop, kTiling, kScalars, kMatmul, kKernel } kind;
  int32_t index;  // into loops, tilings, scalars, matmuls, kernel_steps
};

// A value that is copied over an input at the end of the program, when nothing can fail and nobody reads the input.
struct Replacement {
  int32_t value, input;
};

struct Plan {
  Program program;
  const Kernels* kernels = nullptr;
  size_t threads = 1;
  // A product of more bytes than this has left L2 when it is complete: the loop after it runs part by part with it.
  int64_t followed_product = 1 << 20;
  // Loops over so many elements are tiled.
  int64_t tiled = 1 << 17;
  double shared_awake = kSharedAwake, shared_asleep = kSharedAsleep;
  std::vector<Step> steps;
  std::vector<Loop> loops;
  std::vector<Tiling> tilings;
  std::vector<std::vector<ScalarCall>> scalars;
  std::vector<MatmulStep> matmuls;
  std::vector<KernelStep> kernel_steps;
  std::vector<int32_t> bases, results;    // of kernel_steps
  std::vector<Replacement> replacements;  // of outputs that could not be written in place
  std::vector<Place> places;              // by value: the place of its base
  std::vector<int32_t> base;              // by value: the value whose elements it shows
  size_t slots = 0;
  size_t arena_bytes = 0;
  size_t scratch_bytes = 0;  // registers of the largest loop, for one thread
  double work = 0;           // of all steps
  double shared_work = 0;    // of the steps that are worth a second thread
  // The most that a loop has of sources, and of sources and instructions; of operands that a kernel's step has.
  size_t most_sources = 0, most_operands = 0, most_pointers = 0;
  size_t most_tiled = 1;  // loops of a tiling

  bool is_short() const { return work < kShortWork; }
  size_t bytes() const;  // of memory
};

// Builds the plan of program.words. Returns an empty string, or what is wrong with the program.
// `threads`: how many its matrix products may be cut for.
std::string make_plan(const int32_t* words, size_t count, const Kernels& kernels, size_t threads, Plan& plan);

}  // namespace gradtape
