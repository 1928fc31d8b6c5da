// From groups of values to steps that can be executed.
#include <algorithm>
#include <functional>
#include <numeric>

#include "planner.h"

namespace gradtape {
namespace {

// What the loop reads and writes element by element.
int64_t bytes_in_memory(const Loop& loop) {
  size_t each = 0;
  for (const Source& s : loop.sources) each += s.kind == Source::kFlat ? s.size : 0;
  for (const Instruction& in : loop.instructions) each += in.stored && !in.uniform ? in.result_size : 0;
  return loop.size * int64_t(each);
}

}  // namespace

const ElementwiseFn* Planner::variants_of(const Value& v) const {
  const Value& x = values_[v.operands[0]];
  if (v.opcode == kCast) return &kernels_.cast[x.dtype][v.dtype];
  if (v.opcode == kBroadcast || is_reshape(v)) return kernels_.elementwise(k_identity, v.dtype);
  const int k = v.opcode - kFirstElementwise;
  if (k < 0) GRADTAPE_UNREACHABLE();
  return kernels_.elementwise(k, kElementwiseInfo[k].first_is_bool ? values_[v.operands[1]].dtype : x.dtype);
}

uint8_t Planner::divisor_size(const Value& v) const {
  const int k = v.opcode - kFirstElementwise;
  return (k == k_floordiv || k == k_floormod) && is_integer(v.dtype) ? uint8_t(kDTypeSize[v.dtype]) : 0;
}

void Planner::emit(const Group& g) {
  if (g.size == 1) return emit_scalars(g);
  if (g.size > 1) return emit_loop(g);
  if (values_[g.values[0]].opcode == k_matmul) return emit_matmul(g.values[0], -1);
  emit_step(g);
}

void Planner::emit_scalars(const Group& g) {
  std::vector<ScalarCall> calls;
  for (int32_t i : g.values) {
    const Value& v = values_[i];
    ScalarCall call{variants_of(v)[0], {-1, -1, -1}, i, divisor_size(v)};
    for (int o = 0; o < v.arity; ++o) call.operands[o] = facts_[v.operands[o]].base;
    calls.push_back(call);
  }
  plan_.work += kCallWork * double(calls.size());
  plan_.steps.push_back({Step::kScalars, int32_t(plan_.scalars.size())});
  plan_.scalars.push_back(std::move(calls));
}

int16_t Planner::source_slot(Loop& loop, int32_t x, const Value& shape) {
  Source s{};
  s.kind = strides_over(x, shape, s.strides);
  s.value = facts_[x].base;
  s.size = uint8_t(kDTypeSize[values_[x].dtype]);
  if (s.kind != Source::kStrided) s.strides = {};
  for (size_t k = 0; k < loop.sources.size(); ++k) {
    const Source& t = loop.sources[k];
    if (t.kind == s.kind && t.value == s.value && t.strides == s.strides) return int16_t(k);
  }
  loop.sources.push_back(s);
  return int16_t(loop.sources.size() - 1);
}

// The parts into which a step of so much work may be cut, which is done so many times.
int64_t Planner::share(double work, int64_t times) {
  plan_.work += (work + kStepWork) * double(times);
  if (work < plan_.shared_awake) return 1;
  plan_.shared_work += work;
  return int64_t(std::min(plan_.threads, kMaxParts));
}

void Planner::emit_loop(const Group& g) {
  plan_.steps.push_back({Step::kLoop, int32_t(plan_.loops.size())});
  make_loop(g, -1, false);
}

// The loop of a group, as the last of the plan's. `overwritten`: the product over which it writes a result; or -1.
// `streams`: its results go past the caches, however few they are.
void Planner::make_loop(const Group& g, int32_t overwritten, bool streams) {
  Loop loop;
  loop.size = g.size;
  loop.outer = g.outer;
  loop.length = g.length;
  loop.inner = g.inner;
  const int s = facts_[g.values.empty() ? g.reductions[0] : g.values[0]].step;
  const auto inside = [&](int32_t x, const Value& shape) {
    Strides strides;
    const int32_t b = facts_[x].base;
    return facts_[b].step == s && !facts_[b].is_reduced && strides_over(x, shape, strides) == Source::kFlat;
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
    return inside(x, shape) ? facts_[facts_[x].base].slot : source_slot(loop, x, shape);
  };
  std::vector<char> uniform(loop.sources.size() + g.values.size());
  for (size_t k = 0; k < loop.sources.size(); ++k) uniform[k] = loop.sources[k].kind == Source::kUniform;
  for (int32_t i : g.values) {
    const Value& v = values_[i];
    Instruction in{};
    in.variants = variants_of(v);
    in.arity = uint8_t(v.arity);
    in.result_size = uint8_t(kDTypeSize[v.dtype]);
    in.divisor_size = divisor_size(v);
    in.lanes = uint8_t(kernels_.vector_bytes / in.result_size);
    in.value = i;
    in.uniform = true;
    for (int o = 0; o < v.arity; ++o) {
      in.operands[o] = slot_of(v.operands[o], v);
      in.uniform = in.uniform && uniform[in.operands[o]];
    }
    const int16_t slot = int16_t(first_result + loop.instructions.size());
    uniform[slot] = in.uniform;
    facts_[i].slot = slot;
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
    r.combine = is_boolean(v.dtype) ? kernels_.elementwise(reduction == kMax ? k_logicalOr : k_logicalAnd, kBool)
                                    : kernels_.elementwise(kCombine[reduction], v.dtype);
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
                                    [&](const Source& source) { return source.value == overwritten; });
  streams = streams || (!in_place && bytes_in_memory(loop) > kStreamBytes);
  loop.fetches = bytes_in_memory(loop) > kFetchBytes;
  for (Instruction& in : loop.instructions) {
    // What replaces an input finds its lines in the cache, since they were read for it.
    in.streamed = streams && in.stored && !in.uniform && !facts_[in.value].read_in_tile && !facts_[in.value].replaces &&
                  plan_.places[in.value].kind != Place::kTile;
    if (in.streamed) loop.stream_copy = kernels_.stream_copy;
  }
  for (const Source& s : loop.sources) loop.widest = std::max<size_t>(loop.widest, s.size);
  for (const Instruction& in : loop.instructions) loop.widest = std::max<size_t>(loop.widest, in.result_size);
  assign_registers(loop, first_result);
  collapse(loop, g);
  loop.direct = loop.length == 0 && loop.registers == 0 && loop.instructions.size() == 1 &&
                std::none_of(loop.sources.begin(), loop.sources.end(),
                             [](const Source& source) { return source.kind == Source::kStrided; });
  if (loop.registers > 0) {
    for (const Instruction& in : loop.instructions) loop.padded_below = std::max<int64_t>(loop.padded_below, in.lanes);
  }
  share(loop.work());
  plan_.scratch_bytes = std::max(plan_.scratch_bytes, loop.register_bytes() + loop.own_bytes());
  plan_.most_sources = std::max(plan_.most_sources, loop.sources.size());
  plan_.most_operands = std::max(plan_.most_operands, loop.sources.size() + loop.instructions.size());
  plan_.loops.push_back(std::move(loop));
}

// Merges neighbouring axes that every strided source walks as one; drops axes of length 1.
void Planner::collapse(Loop& loop, const Group& g) {
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

// `loop`: of the plan's, the one that is done to each part of the product; or -1.
void Planner::emit_matmul(int32_t i, int32_t loop) {
  const Value& v = values_[i];
  const int32_t a = v.operands[0], b = v.operands[1];
  const bool ta = v.attributes[0] != 0, tb = v.attributes[1] != 0;
  const Value &va = values_[a], &vb = values_[b];
  MatmulStep step{};
  step.a = facts_[a].base;
  step.b = facts_[b].base;
  step.m = v.dims[v.rank - 2];
  step.n = v.dims[v.rank - 1];
  step.k = va.dims[va.rank - (ta ? 2 : 1)];
  const auto stride = [&](int32_t x, const Value& vx, int from_end) {
    return vx.dims[vx.rank - from_end] == 1 ? 0 : facts_[x].strides[vx.rank - from_end];
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
      return e < 0 || vx.dims[e] == 1 ? 0 : facts_[x].strides[e];
    };
    step.batch.push_back(v.dims[d]);
    step.batch_a.push_back(batch_stride(a, va));
    step.batch_b.push_back(batch_stride(b, vb));
  }
  // A batch over rows of `a` against one `b` is one taller product.
  while (!step.batch.empty() && step.batch_b.back() == 0 && (step.m == 1 || step.batch_a.back() == step.m * step.rsa)) {
    if (step.m == 1) step.rsa = step.batch_a.back();
    step.m *= step.batch.back();
    step.batch.pop_back();
    step.batch_a.pop_back();
    step.batch_b.pop_back();
  }
  step.value = i;
  step.loop = loop;
  step.products = std::accumulate(step.batch.begin(), step.batch.end(), int64_t{1}, std::multiplies<>());
  step.by_batch = step.products >= int64_t(plan_.threads);
  step.work = double(step.m) * double(step.n) * double(step.k) / kMultiplications;
  if (step.by_batch) step.work *= double(step.products);
  step.parts = share(step.work, step.by_batch ? 1 : step.products);
  // A strip may need more than the whole product, since blocks are cut evenly.
  const auto need = [&](int64_t m, int64_t n) {
    const size_t bytes = aligned(kernels_.gemm[v.dtype].workspace(size_t(m), size_t(n), size_t(step.k)));
    step.workspace_bytes = std::max(step.workspace_bytes, int64_t(bytes));
  };
  need(step.m, step.n);
  for (int64_t part = 0; part < step.parts && !step.by_batch; ++part) {
    int64_t from, to;
    step.strip(part, step.parts, from, to);
    need(step.by_rows() ? to - from : step.m, step.by_rows() ? step.n : to - from);
  }
  step.workspace = workspace(size_t(step.workspace_bytes * step.parts));
  plan_.steps.push_back({Step::kMatmul, int32_t(plan_.matmuls.size())});
  plan_.matmuls.push_back(std::move(step));
}

void Planner::emit_step(const Group& g) {
  const int32_t i = g.values[0];
  const Value& v = values_[i];
  const Operands x(v, values_.data());
  const StepKind& kind = step_kind(v.opcode);
  KernelStep step{};
  step.kind = &kind;
  step.checks = g.checks;
  step.value = i;
  step.operands = int32_t(plan_.bases.size());
  for (int o = 0; o < v.arity; ++o) plan_.bases.push_back(facts_[v.operands[o]].base);
  step.results = int32_t(plan_.results.size());
  plan_.results.resize(plan_.results.size() + size_t(kind.results), -1);
  plan_.most_pointers = std::max(plan_.most_pointers, size_t(v.arity + kind.results));
  plan_.steps.push_back({Step::kKernel, int32_t(plan_.kernel_steps.size())});
  if (g.checks) {
    share(double(x[kind.checked].size));
    plan_.kernel_steps.push_back(step);
    return;
  }
  plan_.results[step.results] = i;
  for (size_t k = 1; k < g.values.size(); ++k) {
    plan_.results[step.results + values_[g.values[k]].attributes[0]] = g.values[k];
  }
  step.units = kind.units(v, x, kernels_);
  step.work = kind.work(v, x);
  if (facts_[i].replaces) step.work -= 2 * double(v.size);  // nothing is copied
  step.parts = std::max<int64_t>(std::min(share(step.work), step.units), 1);
  step.prepared = workspace(kind.prepared_bytes ? kind.prepared_bytes(v, x, kernels_) : 0);
  step.own_bytes = kind.own_bytes ? int64_t(aligned(kind.own_bytes(v, x, kernels_))) : 0;
  step.own = workspace(size_t(step.own_bytes * step.parts));
  plan_.kernel_steps.push_back(step);
}

}  // namespace gradtape
