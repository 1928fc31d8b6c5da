#include "plan.h"

#include <algorithm>
#include <cassert>
#include <map>

#include "allocation.h"

namespace gradtape {
namespace {

constexpr size_t kMaxLoopInstructions = 64;
constexpr int kHorizontalReach = 16;  // how many steps back an independent value looks for a loop to join

using Strides = std::array<int64_t, kMaxRank>;

struct View {
  int32_t base = -1;
  Strides strides{};
};

// A loop while it grows.
struct Group {
  int64_t size;
  const Value* shape = nullptr;  // set by the first operand that is neither flat nor uniform
  int64_t outer = 0, length = 0, inner = 0;
  std::vector<int32_t> values, reductions;  // of a step that is no loop: its value, then its results that are asked for
};

class Planner {
 public:
  explicit Planner(Plan& plan) : plan_(plan), values_(plan.program.values), kernels_(*plan.kernels) {}

  void run() {
    const size_t n = values_.size();
    needed_.assign(n, false);
    want_contiguous_.assign(n, false);
    want_loop_.assign(n, false);
    is_output_.assign(n, false);
    materialize_.assign(n, false);
    step_of_.assign(n, -1);
    is_reduced_.assign(n, false);
    used_outside_.assign(n, false);
    replaces_.assign(n, false);
    last_use_.assign(n, -1);
    redirected_.assign(n, -1);
    views_.resize(n);
    for (int32_t v : plan_.program.outputs) is_output_[v] = needed_[v] = true;
    for (int32_t v : plan_.program.replaced) {
      if (v >= 0) needed_[v] = true;  // has an address, though nobody may read it
    }
    mark_demands();
    for (size_t v = 0; v < n; ++v) {
      if (needed_[v]) place_in_steps(int32_t(v));
    }
    finish();
  }

 private:
  bool is_loop_value(const Value& v) const { return is_elementwise(v.opcode); }
  // A reduction over one element changes the shape and nothing else.
  bool is_reshape(const Value& v) const {
    return v.opcode == kReshape || (is_reduction(v.opcode) && attribute(v, 1) == 1);
  }

  // From the last value to the first: who needs what of whom, and which views must become real.
  void mark_demands() {
    for (int32_t i = int32_t(values_.size()) - 1; i >= 0; --i) {
      if (!needed_[i]) continue;
      const Value& v = values_[i];
      const bool empty = v.size == 0;
      if (v.opcode == k_transpose) materialize_[i] = want_contiguous_[i] || want_loop_[i] || is_output_[i];
      if (v.opcode == kBroadcast) materialize_[i] = want_contiguous_[i] || (is_output_[i] && v.size > 1);
      for (int o = 0; o < v.arity; ++o) {
        const int32_t x = v.operands[o];
        if (empty) continue;
        needed_[x] = true;
        if (is_reshape(v))
          want_contiguous_[x] = true;
        else if (is_loop_value(v) || is_reduction(v.opcode) || v.opcode == kBroadcast)
          want_loop_[x] = true;
        else if (v.opcode == k_matmul || (v.opcode == k_transpose && !materialize_[i]))
          continue;
        else
          want_contiguous_[x] = true;
      }
    }
  }

  static void contiguous_strides(const Value& v, Strides& strides) {
    int64_t stride = 1;
    for (int d = v.rank - 1; d >= 0; --d) {
      strides[d] = stride;
      stride *= v.dims[d];
    }
  }

  bool is_contiguous(int32_t i) const {
    const Value& v = values_[i];
    int64_t stride = 1;
    for (int d = v.rank - 1; d >= 0; --d) {
      if (v.dims[d] != 1 && views_[i].strides[d] != stride) return false;
      stride *= v.dims[d];
    }
    return true;
  }

  void be_own_base(int32_t i) {
    views_[i].base = i;
    contiguous_strides(values_[i], views_[i].strides);
  }

  // The operand's strides over the axes of `shape` (broadcast on the right); returns how a loop would read it.
  Source::Kind strides_over(int32_t x, const Value& shape, Strides& strides) const {
    const Value& v = values_[x];
    if (v.size == shape.size && is_contiguous(x)) return Source::kFlat;
    bool uniform = true;
    for (int d = 0; d < shape.rank; ++d) {
      const int e = d - (shape.rank - v.rank);
      strides[d] = e < 0 || v.dims[e] == 1 ? 0 : views_[x].strides[e];
      if (strides[d] != 0 && shape.dims[d] != 1) uniform = false;
    }
    return uniform ? Source::kUniform : Source::kStrided;
  }

  void place_in_steps(int32_t i) {
    const Value& v = values_[i];
    if (v.size == 0) {
      be_own_base(i);
      return;
    }
    if (v.opcode == kInput || v.opcode == kLiteral) return be_own_base(i);
    if (is_reshape(v)) return view_reshape(i);
    if (v.opcode == kBroadcast && !materialize_[i]) {
      const int32_t x = v.operands[0];
      views_[i].base = views_[x].base;
      if (strides_over(x, v, views_[i].strides) == Source::kFlat) contiguous_strides(v, views_[i].strides);
      return;
    }
    if (v.opcode == k_transpose && !materialize_[i]) {
      views_[i].base = views_[v.operands[0]].base;
      for (int d = 0; d < v.rank; ++d) views_[i].strides[d] = views_[v.operands[0]].strides[v.attributes[d]];
      return;
    }
    be_own_base(i);
    if (is_loop_value(v) || v.opcode == kBroadcast) return join_loop(i);
    if (is_reduction(v.opcode)) return join_reduction(i);
    if (v.opcode == kResult) {
      step_of_[i] = step_of_[v.operands[0]];
      groups_[step_of_[i]].values.push_back(i);
      return;
    }
    if (!is_step(v.opcode)) GRADTAPE_UNREACHABLE();
    for (int o = 0; o < v.arity; ++o) use(v.operands[o], int(groups_.size()));
    step_of_[i] = int(groups_.size());
    groups_.push_back({-1, &v, 0, 0, 0, {i}, {}});
  }

  void view_reshape(int32_t i) {
    const Value& v = values_[i];
    const int32_t x = v.operands[0];
    const int32_t b = views_[x].base;
    if (is_output_[i] && v.size > 1) {
      // The base writes straight into the output, unless its elements must stay where they are.
      const bool free_base = step_of_[b] >= 0 && !is_output_[b] && redirected_[b] < 0 && values_[b].size == v.size;
      if (!free_base || !is_contiguous(x)) {
        be_own_base(i);
        return join_loop(i);
      }
      redirected_[b] = i;
    }
    views_[i].base = b;
    if (is_contiguous(x)) contiguous_strides(v, views_[i].strides);
  }

  // The first step at which operand x can be read by an instruction over `shape`.
  int ready_at(int32_t x, Source::Kind kind) const {
    const int32_t b = views_[x].base;
    if (step_of_[b] < 0) return 0;
    const bool in_loop = groups_[step_of_[b]].size > 0 && !is_reduced_[b] && kind == Source::kFlat;
    return step_of_[b] + (in_loop ? 0 : 1);
  }

  void use(int32_t x, int step) {
    const int32_t b = views_[x].base;
    last_use_[b] = std::max(last_use_[b], step);
    if (step_of_[b] != step) used_outside_[b] = true;
  }

  // Chooses the loop for `size` elements read through `kinds` over `shape`; opens one if none fits.
  int choose_loop(int64_t size, const Value& shape, int ready, bool strided, const Value* reduction) {
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

  static bool same_dims(const Value& a, const Value& b) {
    return a.rank == b.rank && std::equal(a.dims, a.dims + a.rank, b.dims);
  }

  void join_loop(int32_t i) {
    const Value& v = values_[i];
    int ready = 0;
    bool strided = false;
    for (int o = 0; o < v.arity; ++o) {
      Strides strides;
      const Source::Kind kind = strides_over(v.operands[o], v, strides);
      strided = strided || kind == Source::kStrided;
      ready = std::max(ready, ready_at(v.operands[o], kind));
    }
    const int s = choose_loop(v.size, v, ready, strided, nullptr);
    if (strided) groups_[s].shape = &v;
    groups_[s].values.push_back(i);
    step_of_[i] = s;
    for (int o = 0; o < v.arity; ++o) use(v.operands[o], s);
  }

  void join_reduction(int32_t i) {
    const Value& v = values_[i];
    const int32_t x = v.operands[0];
    const Value& shape = values_[x];
    Strides strides;
    const Source::Kind kind = strides_over(x, shape, strides);
    const bool strided = kind == Source::kStrided;
    const int s = choose_loop(shape.size, shape, ready_at(x, kind), strided, &v);
    Group& g = groups_[s];
    if (strided) g.shape = &shape;
    g.outer = attribute(v, 0);
    g.length = attribute(v, 1);
    g.inner = attribute(v, 2);
    g.reductions.push_back(i);
    step_of_[i] = s;
    is_reduced_[i] = true;
    use(x, s);
  }

  // ---- places and steps ----

  void finish() {
    Plan& p = plan_;
    const size_t n = values_.size();
    p.places.resize(n);
    p.base.resize(n);
    std::vector<int32_t> output_of(n, -1);
    for (size_t k = 0; k < p.program.outputs.size(); ++k) output_of[p.program.outputs[k]] = int32_t(k);
    for (size_t i = 0; i < n; ++i) {
      p.base[i] = views_[i].base >= 0 ? views_[i].base : int32_t(i);
      const Value& v = values_[i];
      if (p.base[i] != int32_t(i) || !needed_[i] || v.size == 0) continue;
      if (v.opcode == kInput)
        p.places[i] = {Place::kData, v.data};
      else if (v.size == 1)
        p.places[i] = {Place::kSlot, int64_t(p.slots++)};
      else if (is_output_[i])
        place_output(int32_t(i), output_of[i]);
      else if (redirected_[i] >= 0)
        p.places[i] = {Place::kData, p.program.output_data[output_of[redirected_[i]]]};
    }
    std::vector<std::vector<int32_t>> dying(groups_.size());
    for (size_t i = 0; i < n; ++i) {
      if (step_of_[i] >= 0 && p.places[i].kind == Place::kNowhere && values_[i].size > 1) {
        dying[std::max(last_use_[i], step_of_[i])].push_back(int32_t(i));
      }
    }
    for (int s = 0; s < int(groups_.size()); ++s) {
      const Group& g = groups_[s];
      const bool follows = followed_;  // this loop is done with the product before it
      followed_ = is_followed(s);
      if (followed_) {
        claim_values(groups_[s + 1]);
        overwrite(s);
      }
      claim_values(g);
      for (int32_t i : g.reductions) claim(i, false);
      step_workspace_.clear();
      if (g.size == 1)
        emit_scalars(g);
      else if (g.size > 1)
        emit_loop(g);
      else if (values_[g.values[0]].opcode == k_matmul)
        emit_matmul(g.values[0]);
      else
        emit_step(g);
      if (follows) p.steps.pop_back();
      for (int64_t at : step_workspace_) layout_.give_back(at);
      for (int32_t i : dying[s]) {
        if (p.places[i].kind == Place::kArena && i != overwritten_) layout_.give_back(p.places[i].at);
      }
    }
    p.arena_bytes = layout_.peak();
  }

  // Where the caller wants it; but what replaces an input waits in the arena unless it may be written there at once.
  void place_output(int32_t i, int32_t k) {
    const int32_t replaced = plan_.program.replaced[k];
    if (replaced < 0 || may_replace(i, replaced)) {
      replaces_[i] = replaced >= 0;
      plan_.places[i] = {Place::kData, plan_.program.output_data[k]};
      return;
    }
    plan_.replacements.push_back({i, replaced});
    last_use_[i] = int(groups_.size()) - 1;
    used_outside_[i] = true;
  }

  // Whether nobody reads the input after value i is written over it, and nothing fails then: a failing program changes
  // no input. A loop reads a block before it writes it, and each only once.
  bool may_replace(int32_t i, int32_t input) const {
    const int s = step_of_[i];
    if (last_use_[input] > s) return false;
    for (size_t t = size_t(s); t < groups_.size(); ++t) {
      if (can_fail(groups_[t])) return false;
    }
    const Group& g = groups_[s];
    bool written = false;
    Strides strides;
    for (int32_t j : g.values) {
      for (int o = 0; o < values_[j].arity; ++o) {
        const int32_t x = values_[j].operands[o];
        if (views_[x].base != input) continue;
        if (written || strides_over(x, values_[j], strides) != Source::kFlat) return false;
      }
      written = written || j == i;
    }
    for (int32_t j : g.reductions) {
      if (views_[values_[j].operands[0]].base == input) return false;
    }
    return true;
  }

  bool can_fail(const Group& g) const {
    for (int32_t i : g.values) {
      const int32_t opcode = values_[i].opcode;
      if (is_step(opcode) ? step_kind(opcode).can_fail : divides(values_[i])) return true;
    }
    return false;
  }

  // Whether step s is a product too large for L2 and the next one a loop over its elements: then they are computed
  // part by part.
  bool is_followed(int s) const {
    const int32_t c = groups_[s].values.empty() ? -1 : groups_[s].values[0];
    if (c < 0 || values_[c].opcode != k_matmul || s + 1 == int(groups_.size())) return false;
    const Value& v = values_[c];
    const Group& next = groups_[s + 1];
    const int64_t rows = v.dims[v.rank - 2], columns = v.dims[v.rank - 1];
    if (next.size != v.size || !next.reductions.empty() || rows * columns < int64_t(kBlock)) return false;
    if (v.size * int64_t(kDTypeSize[v.dtype]) < plan_.followed_product) return false;
    bool reads = false;
    for (int32_t i : next.values) {
      if (replaces_[i]) return false;  // the product may read what it replaces
      for (int o = 0; o < values_[i].arity; ++o) {
        const int32_t x = values_[i].operands[o];
        Strides strides;
        if (views_[x].base != c) continue;
        if (strides_over(x, values_[i], strides) != Source::kFlat) return false;
        reads = true;
      }
    }
    return reads;
  }

  // If only the loop after it reads product s, then it needs no memory of its own: the first result that the loop
  // makes of it after the last reading is written over it.
  void overwrite(int s) {
    const int32_t c = groups_[s].values[0];
    if (plan_.places[c].kind != Place::kNowhere || last_use_[c] != s + 1) return;
    int32_t from = -1;
    for (int32_t i : groups_[s + 1].values) {
      if (reads(i, c) || (from >= 0 && plan_.places[from].kind == Place::kNowhere && reads(i, from))) from = i;
    }
    if (plan_.places[from].kind == Place::kNowhere) return;
    if (kDTypeSize[values_[from].dtype] != kDTypeSize[values_[c].dtype]) return;
    plan_.places[c] = plan_.places[from];
    overwritten_ = c;
  }

  bool reads(int32_t i, int32_t base) const {
    const Value& v = values_[i];
    return std::any_of(v.operands, v.operands + v.arity, [&](int32_t x) { return views_[x].base == base; });
  }

  void claim_values(const Group& g) {
    for (int32_t i : g.values) claim(i, g.size > 1 && !used_outside_[i]);
  }

  // Gives value i room in the arena, unless it has a place or stays in a register.
  void claim(int32_t i, bool in_register) {
    if (in_register || plan_.places[i].kind != Place::kNowhere || values_[i].size == 0) return;
    plan_.places[i] = {Place::kArena, layout_.take(size_t(values_[i].size) * kDTypeSize[values_[i].dtype])};
  }

  int64_t workspace(size_t bytes) {
    step_workspace_.push_back(layout_.take(bytes));
    return step_workspace_.back();
  }

  const ElementwiseFn* variants_of(const Value& v) const {
    const Value& x = values_[v.operands[0]];
    if (v.opcode == kCast) return &kernels_.cast[x.dtype][v.dtype];
    if (v.opcode == kBroadcast || is_reshape(v)) return kernels_.elementwise[k_identity][v.dtype];
    const int k = v.opcode - kFirstElementwise;
    return kernels_.elementwise[k][kElementwiseInfo[k].first_is_bool ? values_[v.operands[1]].dtype : x.dtype];
  }

  bool divides(const Value& v) const {
    const int k = v.opcode - kFirstElementwise;
    return k >= 0 && (k == k_floordiv || k == k_floormod) && v.dtype == kInt32;
  }

  void emit_scalars(const Group& g) {
    std::vector<ScalarCall> calls;
    for (int32_t i : g.values) {
      const Value& v = values_[i];
      ScalarCall call{variants_of(v)[0], {-1, -1, -1}, i, divides(v)};
      for (int o = 0; o < v.arity; ++o) call.operands[o] = views_[v.operands[o]].base;
      calls.push_back(call);
    }
    plan_.steps.push_back({Step::kScalars, int32_t(plan_.scalars.size())});
    plan_.scalars.push_back(std::move(calls));
  }

  int16_t source_slot(Loop& loop, int32_t x, const Value& shape) {
    Source s{};
    s.kind = strides_over(x, shape, s.strides);
    s.value = views_[x].base;
    s.size = uint8_t(kDTypeSize[values_[x].dtype]);
    if (s.kind != Source::kStrided) s.strides = {};
    for (size_t k = 0; k < loop.sources.size(); ++k) {
      const Source& t = loop.sources[k];
      if (t.kind == s.kind && t.value == s.value && t.strides == s.strides) return int16_t(k);
    }
    loop.sources.push_back(s);
    return int16_t(loop.sources.size() - 1);
  }

  // Into how many parts a step may be cut that costs so much.
  int64_t share(double work) {
    if (work < plan_.shared_awake) return 1;
    plan_.shared_work += work;
    return int64_t(std::min(plan_.threads, kMaxParts));
  }

  void emit_loop(const Group& g) {
    Loop loop;
    loop.size = g.size;
    loop.outer = g.outer;
    loop.length = g.length;
    loop.inner = g.inner;
    const int s = step_of_[g.values.empty() ? g.reductions[0] : g.values[0]];
    std::map<int32_t, int16_t> result_slot;  // of values that this loop computes, before sources are counted
    const auto inside = [&](int32_t x, const Value& shape) {
      Strides strides;
      const int32_t b = views_[x].base;
      return step_of_[b] == s && !is_reduced_[b] && strides_over(x, shape, strides) == Source::kFlat;
    };
    // Sources first, so that their slots precede the results'.
    for (int32_t i : g.values) {
      for (int o = 0; o < values_[i].arity; ++o) {
        if (!inside(values_[i].operands[o], values_[i])) source_slot(loop, values_[i].operands[o], values_[i]);
      }
    }
    for (int32_t i : g.reductions) {
      const int32_t x = values_[i].operands[0];
      if (!inside(x, values_[x])) source_slot(loop, x, values_[x]);
    }
    const int16_t first_result = int16_t(loop.sources.size());
    const auto slot_of = [&](int32_t x, const Value& shape) {
      return inside(x, shape) ? result_slot.at(views_[x].base) : source_slot(loop, x, shape);
    };
    std::vector<bool> uniform(loop.sources.size() + g.values.size());
    for (size_t k = 0; k < loop.sources.size(); ++k) uniform[k] = loop.sources[k].kind == Source::kUniform;
    for (int32_t i : g.values) {
      const Value& v = values_[i];
      Instruction in{};
      in.variants = variants_of(v);
      in.arity = uint8_t(v.arity);
      in.result_size = uint8_t(kDTypeSize[v.dtype]);
      in.divides = divides(v);
      in.value = i;
      in.uniform = true;
      for (int o = 0; o < v.arity; ++o) {
        in.operands[o] = slot_of(v.operands[o], v);
        in.uniform = in.uniform && uniform[in.operands[o]];
      }
      const int16_t slot = int16_t(first_result + loop.instructions.size());
      uniform[slot] = in.uniform;
      result_slot[i] = slot;
      in.reg = -1;
      loop.instructions.push_back(in);
    }
    for (int32_t i : g.reductions) {
      const Value& v = values_[i];
      const int32_t x = v.operands[0];
      LoopReduction r{};
      r.slot = slot_of(x, values_[x]);
      r.size = uint8_t(kDTypeSize[v.dtype]);
      const int reduction = v.opcode - kFirstReduction;
      r.fns = &kernels_.reduce[reduction][v.dtype];
      r.combine = v.dtype == kBool ? kernels_.elementwise[reduction == kMax ? k_logicalOr : k_logicalAnd][kBool]
                                   : kernels_.elementwise[kCombine[reduction]][v.dtype];
      r.value = i;
      r.partials = -1;
      if (loop.inner == 1 && loop.length > int64_t(kRowChunk)) {
        const int64_t chunks = (loop.length + int64_t(kRowChunk) - 1) / int64_t(kRowChunk);
        r.partials = workspace(size_t(loop.outer * chunks) * r.size);
      } else if (loop.inner > 1 && ColumnPartition(loop).panels > 1) {
        const ColumnPartition part(loop);
        r.partials = workspace(size_t(loop.outer * (part.panels * part.inner + part.rest)) * r.size);
      }
      loop.reductions.push_back(r);
    }
    for (Instruction& in : loop.instructions) in.stored = plan_.places[in.value].kind != Place::kNowhere;
    const bool in_place = std::any_of(loop.sources.begin(), loop.sources.end(),
                                      [&](const Source& source) { return source.value == overwritten_; });
    loop.streams = !in_place && bytes_in_memory(loop) > kStreamBytes;
    assign_registers(loop, first_result);
    collapse(loop, g);
    share(loop.work());
    plan_.scratch_bytes = std::max(plan_.scratch_bytes, loop_scratch(loop));
    plan_.most_sources = std::max(plan_.most_sources, loop.sources.size());
    plan_.most_operands = std::max(plan_.most_operands, loop.sources.size() + loop.instructions.size());
    plan_.steps.push_back({Step::kLoop, int32_t(plan_.loops.size())});
    plan_.loops.push_back(std::move(loop));
  }

  static size_t loop_scratch(const Loop& loop) {
    const size_t blocks = (size_t(loop.registers) + loop.sources.size() + 1) * kBlock * 8;
    if (loop.inner <= 1) return blocks;
    const ColumnPartition part(loop);
    return aligned(blocks + loop.reductions.size() * size_t(part.levels + 3) * size_t(part.width) * 8);
  }

  // What the loop reads and writes element by element.
  static int64_t bytes_in_memory(const Loop& loop) {
    size_t each = 0;
    for (const Source& s : loop.sources) each += s.kind == Source::kFlat ? s.size : 0;
    for (const Instruction& in : loop.instructions) each += in.stored && !in.uniform ? in.result_size : 0;
    return loop.size * int64_t(each);
  }

  // Merges neighbouring axes that every strided source walks as one; drops axes of length 1.
  void collapse(Loop& loop, const Group& g) {
    if (!g.shape) {
      loop.rank = 1;
      loop.dims[0] = loop.size;
      return;
    }
    int rank = 0;
    const auto merges = [&](int to, int from) {
      for (const Source& s : loop.sources) {
        if (s.kind == Source::kStrided && s.strides[to] != s.strides[from] * g.shape->dims[from]) return false;
      }
      return true;
    };
    for (int d = 0; d < g.shape->rank; ++d) {
      const int64_t length = g.shape->dims[d];
      if (length == 1) continue;
      // strides[rank - 1] already holds the merged axis's innermost stride
      const bool merged = rank > 0 && merges(rank - 1, d);
      if (!merged) loop.dims[rank] = 1;
      const int to = merged ? rank - 1 : rank++;
      loop.dims[to] *= length;
      for (Source& s : loop.sources) s.strides[to] = s.strides[d];
    }
    loop.rank = rank;
    for (Source& s : loop.sources) {
      if (s.kind != Source::kStrided) continue;
      s.periodic = true;
      for (int d = 0; d + 1 < rank; ++d) s.periodic = s.periodic && s.strides[d] == 0;
    }
  }

  void emit_matmul(int32_t i) {
    const Value& v = values_[i];
    const int32_t a = v.operands[0], b = v.operands[1];
    const bool ta = v.attributes[0] != 0, tb = v.attributes[1] != 0;
    const Value &va = values_[a], &vb = values_[b];
    MatmulStep step{};
    step.a = views_[a].base;
    step.b = views_[b].base;
    step.m = v.dims[v.rank - 2];
    step.n = v.dims[v.rank - 1];
    step.k = va.dims[va.rank - (ta ? 2 : 1)];
    const auto stride = [&](int32_t x, const Value& vx, int from_end) {
      return vx.dims[vx.rank - from_end] == 1 ? 0 : views_[x].strides[vx.rank - from_end];
    };
    step.rsa = stride(a, va, ta ? 1 : 2);
    step.csa = stride(a, va, ta ? 2 : 1);
    step.rsb = stride(b, vb, tb ? 1 : 2);
    step.csb = stride(b, vb, tb ? 2 : 1);
    // An axis of length 1 has no stride of its own; 1 lets the kernel see contiguous rows.
    if (va.dims[va.rank - (ta ? 2 : 1)] == 1) step.csa = 1;
    if (vb.dims[vb.rank - (tb ? 2 : 1)] == 1) step.csb = 1;
    for (int d = 0; d < v.rank - 2; ++d) {
      const auto batch_stride = [&](int32_t x, const Value& vx) -> int64_t {
        const int e = d - (v.rank - vx.rank);
        return e < 0 || vx.dims[e] == 1 ? 0 : views_[x].strides[e];
      };
      step.batch.push_back(v.dims[d]);
      step.batch_a.push_back(batch_stride(a, va));
      step.batch_b.push_back(batch_stride(b, vb));
    }
    // A batch over rows of `a` against one `b` is one taller product.
    while (!step.batch.empty() && step.batch_b.back() == 0 &&
           (step.m == 1 || step.batch_a.back() == step.m * step.rsa)) {
      if (step.m == 1) step.rsa = step.batch_a.back();
      step.m *= step.batch.back();
      step.batch.pop_back();
      step.batch_a.pop_back();
      step.batch_b.pop_back();
    }
    step.value = i;
    step.loop = followed_ ? int32_t(plan_.loops.size()) : -1;
    step.work = double(step.m) * double(step.n) * double(step.k) / kMultiplications;  // of one product of the batch
    step.parts = share(step.work);
    // The need of a strip can exceed that of the whole: blocks are cut evenly.
    const auto need = [&](int64_t m, int64_t n) {
      const size_t bytes = aligned(kernels_.gemm[v.dtype].workspace(size_t(m), size_t(n), size_t(step.k)));
      step.workspace_bytes = std::max(step.workspace_bytes, int64_t(bytes));
    };
    need(step.m, step.n);
    for (int64_t part = 0; part < step.parts; ++part) {
      int64_t from, to;
      step.strip(part, step.parts, from, to);
      need(step.by_rows() ? to - from : step.m, step.by_rows() ? step.n : to - from);
    }
    step.workspace = workspace(size_t(step.workspace_bytes * step.parts));
    plan_.steps.push_back({Step::kMatmul, int32_t(plan_.matmuls.size())});
    plan_.matmuls.push_back(std::move(step));
  }

  void emit_step(const Group& g) {
    const int32_t i = g.values[0];
    const Value& v = values_[i];
    const Operands x(v, values_.data());
    const StepKind& kind = step_kind(v.opcode);
    KernelStep step{};
    step.kind = &kind;
    step.value = i;
    step.operands = int32_t(plan_.bases.size());
    for (int o = 0; o < v.arity; ++o) plan_.bases.push_back(views_[v.operands[o]].base);
    step.results = int32_t(plan_.results.size());
    plan_.results.resize(plan_.results.size() + size_t(kind.results), -1);
    plan_.results[step.results] = i;
    for (size_t k = 1; k < g.values.size(); ++k) {
      plan_.results[step.results + values_[g.values[k]].attributes[0]] = g.values[k];
    }
    step.units = kind.units(v, x, kernels_);
    step.work = kind.work(v, x);
    step.parts = std::max<int64_t>(std::min(share(step.work), step.units), 1);
    step.shared = workspace(kind.shared_bytes ? kind.shared_bytes(v, x, kernels_) : 0);
    step.own_bytes = kind.own_bytes ? int64_t(aligned(kind.own_bytes(v, x, kernels_))) : 0;
    step.own = workspace(size_t(step.own_bytes * step.parts));
    plan_.most_pointers = std::max(plan_.most_pointers, size_t(v.arity + kind.results));
    plan_.steps.push_back({Step::kKernel, int32_t(plan_.kernel_steps.size())});
    plan_.kernel_steps.push_back(step);
  }

  Plan& plan_;
  const std::vector<Value>& values_;
  const Kernels& kernels_;
  std::vector<bool> needed_, want_contiguous_, want_loop_, is_output_, materialize_, is_reduced_, used_outside_,
      replaces_;
  std::vector<int> step_of_, last_use_;
  std::vector<int32_t> redirected_;
  std::vector<View> views_;
  std::vector<Group> groups_;  // one a step, in order; size -1: not a loop
  std::vector<int64_t> step_workspace_;
  bool followed_ = false;     // the product being emitted, by the next loop
  int32_t overwritten_ = -1;  // the latest product whose elements are where the result of the loop after it comes
  ArenaLayout layout_;
};

}  // namespace

size_t Plan::bytes() const {
  const auto of = [](const auto& list) { return list.capacity() * sizeof(list[0]); };
  size_t bytes = sizeof(Plan) + of(program.words) + of(program.values) + of(program.outputs) + of(program.replaced) +
                 of(program.output_data) + of(steps) + of(loops) + of(scalars) + of(matmuls) + of(kernel_steps) +
                 of(bases) + of(results) + of(replacements) + of(places) + of(base);
  for (const Loop& loop : loops) bytes += of(loop.sources) + of(loop.instructions) + of(loop.reductions);
  for (const auto& calls : scalars) bytes += of(calls);
  for (const MatmulStep& step : matmuls) bytes += of(step.batch) + of(step.batch_a) + of(step.batch_b);
  // What the allocator adds to each list.
  return bytes + 16 * (18 + 3 * loops.size() + scalars.size() + 3 * matmuls.size());
}

std::string make_plan(const int32_t* words, size_t count, const Kernels& kernels, size_t threads, Plan& plan) {
  std::string wrong = decode(words, count, kernels, plan.program);
  if (!wrong.empty()) return wrong;
  plan.kernels = &kernels;
  plan.threads = threads;
  Planner(plan).run();
  return {};
}

}  // namespace gradtape
