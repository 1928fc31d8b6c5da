#include "plan.h"

#include "planner.h"

namespace gradtape {

void Planner::run() {
  group();
  place();
  tile();
  const std::vector<std::vector<int32_t>> dead = dying();
  const auto give_back = [&](int s, int32_t overwritten) {
    for (int32_t i : dead[s]) {
      if (plan_.places[i].kind == Place::kArena && i != overwritten) layout_.give_back(plan_.places[i].at);
    }
  };
  auto tiles = tiles_.begin();
  for (int s = 0; s < int(groups_.size()); ++s) {
    step_workspace_.clear();
    if (tiles != tiles_.end() && tiles->first == s) {
      emit_tiles(*tiles);
      for (int64_t at : step_workspace_) layout_.give_back(at);
      for (; s < tiles->end; ++s) give_back(s, -1);
      s = tiles++->end - 1;
      continue;
    }
    const Group& g = groups_[s];
    const bool followed = is_followed(s);
    int32_t overwritten = -1;  // the product whose elements are where a result of the loop after it comes
    if (followed) {
      claim_values(groups_[s + 1]);
      overwritten = overwrite(s);
    }
    claim_values(g);
    for (int32_t i : g.reductions) claim(i, false);
    if (followed) {
      const auto loop = int32_t(plan_.loops.size());
      make_loop(groups_[s + 1], overwritten, false);
      emit_matmul(g.values[0], loop);
    } else {
      emit(g);
    }
    for (int64_t at : step_workspace_) layout_.give_back(at);
    give_back(s, overwritten);
    if (followed) give_back(++s, overwritten);
  }
  plan_.arena_bytes = layout_.peak();
}

ColumnPartition::ColumnPartition(int64_t of_length, int64_t of_inner) {
  fold = of_inner < kShortRow ? kFolded / of_inner : 1;
  if (fold > of_length) fold = of_length;
  length = of_length / fold;
  inner = of_inner * fold;
  rest = of_length % fold * of_inner;
  width = inner < kStrip ? inner : kStrip;
  across = (inner + width - 1) / width;
  piece = of_inner < kShortRow ? int64_t(kBlock) / of_inner * of_inner : int64_t(kBlock);
  rows = length > int64_t(kColumnRun) ? 8 : length;
  chunks = (length + rows - 1) / rows;
  for (panel = 1; panel < chunks && panel * rows * width < kPanel; panel *= 2) ++levels;
  panels = (chunks + panel - 1) / panel;
}

size_t Loop::own_bytes() const {
  const size_t blocks = (sources.size() + 1) * kBlock * widest;
  if (inner <= 1) return aligned(blocks);
  const ColumnPartition part(*this);
  return aligned(blocks + reductions.size() * size_t(part.levels + 3) * size_t(part.width) * widest);
}

size_t Plan::bytes() const {
  const auto of = [](const auto& list) { return list.capacity() * sizeof(list[0]); };
  size_t bytes = sizeof(Plan) + of(program.words) + of(program.values) + of(program.outputs) + of(program.replaced) +
                 of(program.output_data) + of(steps) + of(loops) + of(tilings) + of(scalars) + of(matmuls) +
                 of(kernel_steps) + of(bases) + of(results) + of(replacements) + of(places) + of(base);
  for (const Tiling& tiling : tilings) bytes += of(tiling.locals);
  for (const Loop& loop : loops) bytes += of(loop.sources) + of(loop.instructions) + of(loop.reductions);
  for (const auto& calls : scalars) bytes += of(calls);
  for (const MatmulStep& step : matmuls) bytes += of(step.batch) + of(step.batch_a) + of(step.batch_b);
  // What the allocator adds to each list.
  return bytes + 16 * (19 + 3 * loops.size() + tilings.size() + scalars.size() + 3 * matmuls.size());
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
