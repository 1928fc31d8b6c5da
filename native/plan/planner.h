// The planner: from the values of a program to a plan. What it knows of a value while it plans, and its parts:
// group.cc, place.cc, emit.cc; plan.cc calls them in turn.
#pragma once

#include <array>
#include <vector>

#include "allocation.h"
#include "plan.h"

namespace gradtape {

using Strides = std::array<int64_t, kMaxRank>;

// All about one value.
struct Fact {
  bool needed = false;
  bool want_contiguous = false, want_loop = false;  // by whom it is read: as an array, by a loop
  bool is_output = false;
  bool materialize = false;  // a view that gets elements of its own
  bool is_reduced = false;
  bool used_outside = false;  // read by another step than its own
  bool replaces = false;      // is written over an input
  bool deferred = false;      // to be placed with the first value that reads it
  int with = 0;               // so many that are deferred are placed with it, itself included
  bool is_read = false;       // by another value
  bool is_viewed = false;     // by a view
  bool read_in_tile = false;  // by another loop of its tiling
  bool is_checked = false;    // a step whose data are checked by a step before it, as it is to replace an input
  int32_t check = -1;         // a step whose check looks at it, and
  int32_t next_check = -1;    // of that step: another one
  int step = -1;              // that computes it
  int16_t slot = -1;          // of the result in its loop
  int counted = -1;           // the first step of the tiling whose bytes it counts among
  int last_use = -1;          // the last step that reads it
  int32_t redirected = -1;    // the output whose place it takes
  int32_t base = -1;          // whose elements it shows, with these strides
  Strides strides{};
};

// What one step computes, while it grows.
struct Group {
  int64_t size;                  // of a loop; -1: not a loop
  const Value* shape = nullptr;  // set by the first operand that is neither flat nor uniform
  int64_t outer = 0, length = 0, inner = 0;
  std::vector<int32_t> values, reductions;  // of a step that is no loop: its value, then its results that are asked for
  bool checks = false;                      // only checks the data of its value
};

// Groups that are done tile by tile, while these are chosen.
struct Tiles {
  int first, end;
  int64_t rows;
  int64_t tile = 0;  // rows of one
  int columns = -1;  // the first group that reduces columns
};

class Planner {
 public:
  explicit Planner(Plan& plan)
      : plan_(plan), values_(plan.program.values), kernels_(*plan.kernels), facts_(values_.size()) {}
  void run();

 private:
  static bool is_loop_value(const Value& v) { return is_elementwise(v.opcode); }
  // A reduction over one element changes the shape and nothing else.
  static bool is_reshape(const Value& v) {
    return v.opcode == kReshape || (is_reduction(v.opcode) && attribute(v, 1) == 1);
  }

  // group.cc
  void group();
  void mark_demands();
  void place_check(int32_t i);
  bool is_contiguous(int32_t i) const;
  Source::Kind strides_over(int32_t x, const Value& shape, Strides& strides) const;
  void be_own_base(int32_t i);
  void place_in_steps(int32_t i);
  void view_reshape(int32_t i);
  int ready_at(int32_t x, Source::Kind kind) const;
  void use(int32_t x, int step);
  int choose_loop(int64_t size, const Value& shape, int ready, bool strided, const Value* reduction);
  bool may_defer(int32_t i);
  bool comes_with(int32_t x, const Value& reader) const;
  void place_deferred(int32_t x, const Value* reader);
  bool survey(int32_t i, int& ready);
  void enter_loop(int32_t i, int s, bool strided);
  bool is_same(int32_t x, int32_t y) const;
  int32_t twin_of(int32_t i, const Group& g) const;
  void join_loop(int32_t i);
  void join_reduction(int32_t i);

  // tile.cc
  void tile();
  static bool reduces_columns(const Group& g) { return g.length > 0 && g.inner > 1; }
  bool is_row_local(const Tiles& t, int32_t x, const Value& shape) const;
  bool may_join(const Tiles& t) const;
  bool is_local(const Tiles& t, int32_t i) const;
  void emit_tiles(const Tiles& t);

  // place.cc
  void place();
  std::vector<std::vector<int32_t>> dying() const;
  void place_output(int32_t i, int32_t k);
  bool may_replace(int32_t i, int32_t input) const;
  bool can_fail(const Group& g) const;
  bool is_followed(int s) const;
  int32_t overwrite(int s);
  bool reads(int32_t i, int32_t base) const;
  void claim_values(const Group& g);
  void claim(int32_t i, bool in_register);
  int64_t workspace(size_t bytes);

  // emit.cc
  const ElementwiseFn* variants_of(const Value& v) const;
  uint8_t divisor_size(const Value& v) const;
  int16_t source_slot(Loop& loop, int32_t x, const Value& shape);
  int64_t share(double work, int64_t times = 1);
  void emit(const Group& g);
  void emit_scalars(const Group& g);
  void emit_loop(const Group& g);
  void make_loop(const Group& g, int32_t overwritten, bool streams);
  void collapse(Loop& loop, const Group& g);
  void emit_matmul(int32_t i, int32_t loop);
  void emit_step(const Group& g);

  Plan& plan_;
  const std::vector<Value>& values_;
  const Kernels& kernels_;
  std::vector<Fact> facts_;
  std::vector<Group> groups_;  // one a step, in order; but those that are tiled together are one step
  std::vector<Tiles> tiles_;
  std::vector<int64_t> step_workspace_;
  ArenaLayout layout_;
};

}  // namespace gradtape
