// Which values are computed together: views are seen through, elementwise values and reductions join loops, everything
// else is a step of its own.
#include <algorithm>

#include "planner.h"

namespace gradtape {
namespace {

constexpr size_t kMaxLoopInstructions = 64;
constexpr int kMostDeferred = 8;      // values for one
constexpr int kHorizontalReach = 16;  // how many steps back an independent value looks for a loop to join

void contiguous_strides(const Value& v, Strides& strides) {
  int64_t stride = 1;
  for (int d = v.rank - 1; d >= 0; --d) {
    strides[d] = stride;
    stride *= v.dims[d];
  }
}

bool same_dims(const Value& a, const Value& b) {
  return a.rank == b.rank && std::equal(a.dims, a.dims + a.rank, b.dims);
}

}  // namespace

void Planner::group() {
  for (int32_t v : plan_.program.outputs) facts_[v].is_output = facts_[v].needed = true;
  for (int32_t v : plan_.program.replaced) {
    if (v >= 0) facts_[v].needed = true;  // its address is written to, even if nobody reads it
  }
  mark_demands();
  // Steps that replace inputs: their data are checked as soon as these are there, and they come last if nobody reads
  // their results. Then nothing fails after them and nobody reads the input, so they can be done in place.
  std::vector<int32_t> last;
  for (size_t k = 0; k < plan_.program.outputs.size(); ++k) {
    const int32_t i = plan_.program.outputs[k];
    const Value& v = values_[i];
    if (plan_.program.replaced[k] < 0 || !is_step(v.opcode) || v.size == 0) continue;
    facts_[i].is_checked = true;
    Fact& looked_at = facts_[v.operands[step_kind(v.opcode).checked]];
    facts_[i].next_check = looked_at.check;
    looked_at.check = i;
    if (!facts_[i].is_read) last.push_back(i);
  }
  for (size_t v = 0; v < values_.size(); ++v) {
    if (!facts_[v].needed) continue;
    if (!facts_[v].is_checked || facts_[v].is_read) place_in_steps(int32_t(v));
    for (int32_t i = facts_[v].check; i >= 0; i = facts_[i].next_check) place_check(i);
  }
  for (int32_t i : last) place_in_steps(i);
}

void Planner::place_check(int32_t i) {
  const Value& v = values_[i];
  place_deferred(v.operands[step_kind(v.opcode).checked], nullptr);
  use(v.operands[step_kind(v.opcode).checked], int(groups_.size()));
  groups_.push_back({-1, &v, 0, 0, 0, {i}, {}, true});
}

bool Planner::is_contiguous(int32_t i) const {
  const Value& v = values_[i];
  int64_t stride = 1;
  for (int d = v.rank - 1; d >= 0; --d) {
    if (v.dims[d] != 1 && facts_[i].strides[d] != stride) return false;
    stride *= v.dims[d];
  }
  return true;
}

// The operand's strides over the axes of `shape` (broadcast on the right); returns how a loop would read it.
Source::Kind Planner::strides_over(int32_t x, const Value& shape, Strides& strides) const {
  const Value& v = values_[x];
  if (v.size == shape.size && is_contiguous(x)) return Source::kFlat;
  bool uniform = true;
  for (int d = 0; d < shape.rank; ++d) {
    const int e = d - (shape.rank - v.rank);
    strides[d] = e < 0 || v.dims[e] == 1 ? 0 : facts_[x].strides[e];
    if (strides[d] != 0 && shape.dims[d] != 1) uniform = false;
  }
  return uniform ? Source::kUniform : Source::kStrided;
}

// Walks from the last value to the first: what each needs of its operands, and which views get elements of their own.
void Planner::mark_demands() {
  for (int32_t i = int32_t(values_.size()) - 1; i >= 0; --i) {
    if (!facts_[i].needed) continue;
    const Value& v = values_[i];
    const bool empty = v.size == 0;
    if (v.opcode == k_transpose)
      facts_[i].materialize = facts_[i].want_contiguous || facts_[i].want_loop || facts_[i].is_output;
    if (v.opcode == kBroadcast)
      facts_[i].materialize = facts_[i].want_contiguous || (facts_[i].is_output && v.size > 1);
    for (int o = 0; o < v.arity; ++o) {
      const int32_t x = v.operands[o];
      if (empty) continue;
      facts_[x].needed = facts_[x].is_read = true;
      if (is_reshape(v) || v.opcode == kBroadcast || v.opcode == k_transpose) facts_[x].is_viewed = true;
      if (is_reshape(v))
        facts_[x].want_contiguous = true;
      else if (is_loop_value(v) || is_reduction(v.opcode) || v.opcode == kBroadcast)
        facts_[x].want_loop = true;
      else if (v.opcode == k_matmul || (v.opcode == k_transpose && !facts_[i].materialize))
        continue;
      else
        facts_[x].want_contiguous = true;
    }
  }
}

void Planner::be_own_base(int32_t i) {
  facts_[i].base = i;
  contiguous_strides(values_[i], facts_[i].strides);
}

void Planner::place_in_steps(int32_t i) {
  const Value& v = values_[i];
  if (v.size == 0) {
    be_own_base(i);
    return;
  }
  if (v.opcode == kInput || v.opcode == kLiteral) return be_own_base(i);
  if (is_reshape(v)) return view_reshape(i);
  if (v.opcode == kBroadcast && !facts_[i].materialize) {
    const int32_t x = v.operands[0];
    facts_[i].base = facts_[x].base;
    if (strides_over(x, v, facts_[i].strides) == Source::kFlat) contiguous_strides(v, facts_[i].strides);
    return;
  }
  if (v.opcode == k_transpose && !facts_[i].materialize) {
    facts_[i].base = facts_[v.operands[0]].base;
    for (int d = 0; d < v.rank; ++d) facts_[i].strides[d] = facts_[v.operands[0]].strides[v.attributes[d]];
    return;
  }
  be_own_base(i);
  if (may_defer(i)) return;
  if (is_loop_value(v) || v.opcode == kBroadcast) return join_loop(i);
  if (is_reduction(v.opcode)) return join_reduction(i);
  if (v.opcode == kResult) {
    facts_[i].step = facts_[v.operands[0]].step;
    groups_[facts_[i].step].values.push_back(i);
    return;
  }
  if (!is_step(v.opcode)) GRADTAPE_UNREACHABLE();
  for (int o = 0; o < v.arity; ++o) place_deferred(v.operands[o], nullptr);
  for (int o = 0; o < v.arity; ++o) use(v.operands[o], int(groups_.size()));
  facts_[i].step = int(groups_.size());
  groups_.push_back({-1, &v, 0, 0, 0, {i}, {}});
}

void Planner::view_reshape(int32_t i) {
  const Value& v = values_[i];
  const int32_t x = v.operands[0];
  const int32_t b = facts_[x].base;
  if (facts_[i].is_output && v.size > 1) {
    place_deferred(x, nullptr);
    // The base writes straight into the output, unless its elements must stay where they are.
    const bool free_base =
        facts_[b].step >= 0 && !facts_[b].is_output && facts_[b].redirected < 0 && values_[b].size == v.size;
    if (!free_base || !is_contiguous(x)) {
      be_own_base(i);
      return join_loop(i);
    }
    facts_[b].redirected = i;
  }
  facts_[i].base = b;
  if (is_contiguous(x)) contiguous_strides(v, facts_[i].strides);
}

// The first step at which operand x can be read by an instruction over `shape`.
int Planner::ready_at(int32_t x, Source::Kind kind) const {
  const int32_t b = facts_[x].base;
  if (facts_[b].step < 0) return 0;
  const bool in_loop = groups_[facts_[b].step].size > 0 && !facts_[b].is_reduced && kind == Source::kFlat;
  return facts_[b].step + (in_loop ? 0 : 1);
}

void Planner::use(int32_t x, int step) {
  const int32_t b = facts_[x].base;
  facts_[b].last_use = std::max(facts_[b].last_use, step);
  if (facts_[b].step != step) facts_[b].used_outside = true;
}

// Chooses the loop for `size` elements over `shape`, if any operand is strided; opens one if none fits.
int Planner::choose_loop(int64_t size, const Value& shape, int ready, bool strided, const Value* reduction) {
  const int end = int(groups_.size());
  for (int s = std::max(ready, end - kHorizontalReach); s < end; ++s) {
    Group& g = groups_[s];
    if (g.size != size) continue;
    if (size > 1 && g.values.size() + g.reductions.size() >= kMaxLoopInstructions) continue;
    if (strided && g.shape && !same_dims(*g.shape, shape)) continue;
    if (reduction && g.length > 0 &&
        (g.outer != attribute(*reduction, 0) || g.length != attribute(*reduction, 1) ||
         g.inner != attribute(*reduction, 2)))
      continue;
    return s;
  }
  groups_.push_back({size, nullptr, 0, 0, 0, {}, {}});
  return end;
}

// Whether an elementwise value is placed only with its first reader: where that can be in the same loop the value stays
// in a register, though an earlier loop could have computed it. What follows a product is not deferred: it is computed
// part by part with that.
bool Planner::may_defer(int32_t i) {
  const Value& v = values_[i];
  if (!is_loop_value(v) || facts_[i].is_output || !facts_[i].is_read || v.size == 1) return false;
  int with = 1;
  for (int o = 0; o < v.arity; ++o) {
    const int32_t x = v.operands[o], b = facts_[x].base;
    place_deferred(x, &v);
    if (values_[b].opcode == k_matmul) return false;
    if (facts_[b].deferred) with += facts_[b].with;
  }
  facts_[i].with = with;
  return facts_[i].deferred = with <= kMostDeferred;
}

// Whether what x shows, which is deferred, can be computed in the loop of a reader.
bool Planner::comes_with(int32_t x, const Value& reader) const {
  Strides strides;
  return reader.size == values_[x].size && strides_over(x, reader, strides) == Source::kFlat &&
         same_dims(values_[facts_[x].base], reader);
}

// Places what x shows, if it is deferred and cannot come with the reader (null: with none).
void Planner::place_deferred(int32_t x, const Value* reader) {
  const int32_t b = facts_[x].base;
  if (!facts_[b].deferred || (reader && comes_with(x, *reader))) return;
  facts_[b].deferred = false;
  join_loop(b);
}

// The first step at which value i and what is deferred for it can be computed; whether any of them reads with strides.
bool Planner::survey(int32_t i, int& ready) {
  const Value& v = values_[i];
  bool strided = false;
  for (int o = 0; o < v.arity; ++o) {
    const int32_t x = v.operands[o];
    if (facts_[facts_[x].base].deferred) {
      strided = survey(facts_[x].base, ready) || strided;
      continue;
    }
    Strides strides;
    const Source::Kind kind = strides_over(x, v, strides);
    strided = strided || kind == Source::kStrided;
    ready = std::max(ready, ready_at(x, kind));
  }
  return strided;
}

// Whether both show the same elements in the same order.
bool Planner::is_same(int32_t x, int32_t y) const {
  const Value &a = values_[x], &b = values_[y];
  const Strides &p = facts_[x].strides, &q = facts_[y].strides;
  return x == y || (facts_[x].base == facts_[y].base && a.dtype == b.dtype && same_dims(a, b) &&
                    std::equal(p.begin(), p.begin() + a.rank, q.begin()));
}

// The value among the latest of the group that is computed as i is, or -1; also for one that has to have elements of
// its own. Not among all: a group may have a hundred thousand.
int32_t Planner::twin_of(int32_t i, const Group& g) const {
  constexpr size_t kLatest = 64;
  const Value& v = values_[i];
  if (facts_[i].is_output || facts_[i].is_viewed) return -1;
  for (size_t k = g.values.size(), end = k < kLatest ? 0 : k - kLatest; k > end; --k) {
    const int32_t j = g.values[k - 1];
    const Value& w = values_[j];
    if (w.opcode != v.opcode || w.dtype != v.dtype || !same_dims(v, w)) continue;
    int o = 0;
    while (o < v.arity && is_same(v.operands[o], w.operands[o])) ++o;
    if (o == v.arity) return j;
  }
  return -1;
}

// Puts value i into loop s, behind what is deferred for it; a value that is computed there already, it only shows.
void Planner::enter_loop(int32_t i, int s, bool strided) {
  const Value& v = values_[i];
  for (int o = 0; o < v.arity; ++o) {
    const int32_t b = facts_[v.operands[o]].base;
    if (facts_[b].deferred) enter_loop(b, s, strided);
    use(v.operands[o], s);
  }
  if (strided) groups_[s].shape = &v;
  facts_[i].deferred = false;
  if (const int32_t twin = twin_of(i, groups_[s]); twin >= 0) {
    facts_[i].base = twin;
    return;
  }
  groups_[s].values.push_back(i);
  facts_[i].step = s;
}

void Planner::join_loop(int32_t i) {
  const Value& v = values_[i];
  for (int o = 0; o < v.arity; ++o) place_deferred(v.operands[o], &v);
  int ready = 0;
  const bool strided = survey(i, ready);
  enter_loop(i, choose_loop(v.size, v, ready, strided, nullptr), strided);
}

void Planner::join_reduction(int32_t i) {
  const Value& v = values_[i];
  const int32_t x = v.operands[0];
  const Value& shape = values_[x];
  place_deferred(x, &shape);
  const int32_t b = facts_[x].base;
  Strides strides;
  const Source::Kind kind = strides_over(x, shape, strides);
  int ready = 0;
  const bool deferred = facts_[b].deferred;
  const bool strided = deferred ? survey(b, ready) : kind == Source::kStrided;
  if (!deferred) ready = ready_at(x, kind);
  const int s = choose_loop(shape.size, shape, ready, strided, &v);
  if (deferred) enter_loop(b, s, strided);
  Group& g = groups_[s];
  if (strided) g.shape = &shape;
  g.outer = attribute(v, 0);
  g.length = attribute(v, 1);
  g.inner = attribute(v, 2);
  g.reductions.push_back(i);
  facts_[i].step = s;
  facts_[i].is_reduced = true;
  use(x, s);
}

}  // namespace gradtape
