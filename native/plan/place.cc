// Where values are: with the caller, in slots, in the arena; which are written over others.
#include <algorithm>

#include "planner.h"

namespace gradtape {

// Places what does not live in the arena: inputs, one-element values, outputs.
void Planner::place() {
  Plan& p = plan_;
  const size_t n = values_.size();
  p.places.resize(n);
  p.base.resize(n);
  std::vector<int32_t> output_of(n, -1);
  for (size_t k = 0; k < p.program.outputs.size(); ++k) output_of[p.program.outputs[k]] = int32_t(k);
  for (size_t i = 0; i < n; ++i) {
    p.base[i] = facts_[i].base >= 0 ? facts_[i].base : int32_t(i);
    const Value& v = values_[i];
    if (p.base[i] != int32_t(i) || !facts_[i].needed || v.size == 0) continue;
    if (v.opcode == kInput)
      p.places[i] = {Place::kData, v.data};
    else if (v.size == 1)
      p.places[i] = {Place::kSlot, int64_t(p.slots++)};
    else if (facts_[i].is_output)
      place_output(int32_t(i), output_of[i]);
    else if (facts_[i].redirected >= 0)
      p.places[i] = {Place::kData, p.program.output_data[output_of[facts_[i].redirected]]};
  }
}

// By step: the values in the arena that nobody needs after it.
std::vector<std::vector<int32_t>> Planner::dying() const {
  std::vector<std::vector<int32_t>> dying(groups_.size());
  for (size_t i = 0; i < values_.size(); ++i) {
    if (facts_[i].step >= 0 && plan_.places[i].kind == Place::kNowhere && values_[i].size > 1) {
      dying[std::max(facts_[i].last_use, facts_[i].step)].push_back(int32_t(i));
    }
  }
  return dying;
}

// Output k goes to the caller's buffer. One that replaces an input goes there at once if it may, else by way of the
// arena.
void Planner::place_output(int32_t i, int32_t k) {
  const int32_t replaced = plan_.program.replaced[k];
  if (replaced < 0 || may_replace(i, replaced)) {
    facts_[i].replaces = replaced >= 0;
    plan_.places[i] = {Place::kData, plan_.program.output_data[k]};
    return;
  }
  plan_.replacements.push_back({i, replaced});
  facts_[i].last_use = int(groups_.size()) - 1;
  facts_[i].used_outside = true;
}

// Whether nobody reads the input after value i is written over it, and nothing fails then: a failing program changes
// no input. A loop reads a block before it writes it, and each only once. A step replaces its first operand.
bool Planner::may_replace(int32_t i, int32_t input) const {
  const int s = facts_[i].step;
  if (facts_[input].last_use > s) return false;
  for (size_t t = size_t(s); t < groups_.size(); ++t) {
    if (can_fail(groups_[t])) return false;
  }
  if (const Value& v = values_[i]; is_step(v.opcode)) {
    for (int o = 0; o < v.arity; ++o) {
      if ((facts_[v.operands[o]].base == input) != (o == 0)) return false;
    }
    return true;
  }
  const Group& g = groups_[s];
  bool written = false;
  Strides strides;
  for (int32_t j : g.values) {
    for (int o = 0; o < values_[j].arity; ++o) {
      const int32_t x = values_[j].operands[o];
      if (facts_[x].base != input) continue;
      if (written || strides_over(x, values_[j], strides) != Source::kFlat) return false;
    }
    written = written || j == i;
  }
  for (int32_t j : g.reductions) {
    if (facts_[values_[j].operands[0]].base == input) return false;
  }
  return true;
}

bool Planner::can_fail(const Group& g) const {
  for (int32_t i : g.values) {
    const int32_t opcode = values_[i].opcode;
    const bool may = is_step(opcode) ? step_kind(opcode).can_fail && (g.checks || !facts_[i].is_checked)
                                     : divisor_size(values_[i]) > 0;
    if (may) return true;
  }
  return false;
}

// Whether step s is a product too large for L2 and the next one a loop over its elements: then they are computed
// part by part.
bool Planner::is_followed(int s) const {
  const int32_t c = groups_[s].values.empty() ? -1 : groups_[s].values[0];
  if (c < 0 || values_[c].opcode != k_matmul || s + 1 == int(groups_.size())) return false;
  const Value& v = values_[c];
  const Group& next = groups_[s + 1];
  const int64_t rows = v.dims[v.rank - 2], columns = v.dims[v.rank - 1];
  if (next.size != v.size || !next.reductions.empty() || rows * columns < int64_t(kBlock)) return false;
  if (v.size * int64_t(kDTypeSize[v.dtype]) < plan_.followed_product) return false;
  bool reads = false;
  for (int32_t i : next.values) {
    if (facts_[i].replaces) return false;  // the product may read what it replaces
    for (int o = 0; o < values_[i].arity; ++o) {
      const int32_t x = values_[i].operands[o];
      Strides strides;
      if (facts_[x].base != c) continue;
      if (strides_over(x, values_[i], strides) != Source::kFlat) return false;
      reads = true;
    }
  }
  return reads;
}

// If only the loop after it reads product s, then it needs no memory of its own: the first result that the loop
// makes of it after the last reading is written over it.
int32_t Planner::overwrite(int s) {
  const int32_t c = groups_[s].values[0];
  if (plan_.places[c].kind != Place::kNowhere || facts_[c].last_use != s + 1) return -1;
  int32_t from = -1;
  for (int32_t i : groups_[s + 1].values) {
    if (reads(i, c) || (from >= 0 && plan_.places[from].kind == Place::kNowhere && reads(i, from))) from = i;
  }
  if (plan_.places[from].kind == Place::kNowhere) return -1;
  if (kDTypeSize[values_[from].dtype] != kDTypeSize[values_[c].dtype]) return -1;
  plan_.places[c] = plan_.places[from];
  return c;
}

bool Planner::reads(int32_t i, int32_t base) const {
  const Value& v = values_[i];
  return std::any_of(v.operands, v.operands + v.arity, [&](int32_t x) { return facts_[x].base == base; });
}

void Planner::claim_values(const Group& g) {
  if (g.checks) return;
  for (int32_t i : g.values) claim(i, g.size > 1 && !facts_[i].used_outside);
}

// Gives value i room in the arena, unless it has a place or stays in a register.
void Planner::claim(int32_t i, bool in_register) {
  if (in_register || plan_.places[i].kind != Place::kNowhere || values_[i].size == 0) return;
  plan_.places[i] = {Place::kArena, layout_.take(size_t(values_[i].size) * kDTypeSize[values_[i].dtype])};
}

int64_t Planner::workspace(size_t bytes) {
  step_workspace_.push_back(layout_.take(bytes));
  return step_workspace_.back();
}

}  // namespace gradtape
