// Which loops are done tile by tile: those over the same rows, one after another. A tile is so many rows that what the
// loops read and make of them stays in the near cache: each array passes through it once, not once a loop, and what no
// other step reads has room for one tile only.
#include <algorithm>

#include "planner.h"

namespace gradtape {
namespace {

constexpr int64_t kTileElements =
    4096;  // of the widest array in a tile, where rows are short and no columns are reduced
constexpr int64_t kWidestTile = 1 << 16;  // elements of one array that have room in L2
constexpr int kMostTiled = 32;            // loops

// Whether so many units of work keep the threads busy: at least four fifths of the time.
bool are_enough(int64_t units, int64_t threads) { return 4 * threads * ((units + threads - 1) / threads) <= 5 * units; }

}  // namespace

// Whether what an instruction over `shape` reads of x lies in the rows that it computes, if x is computed in the tiles.
bool Planner::is_row_local(const Tiles& t, int32_t x, const Value& shape) const {
  const int32_t b = facts_[x].base;
  if (facts_[b].step < t.first || facts_[b].step >= t.end) return true;
  if (facts_[b].is_reduced && reduces_columns(groups_[facts_[b].step])) return false;
  Strides strides;
  const Source::Kind kind = strides_over(x, shape, strides);
  if (kind != Source::kStrided) return kind == Source::kFlat;
  // Axes from the last on: those in a row, then those that count rows.
  const int64_t width = values_[b].size / t.rows, of_row = shape.size / t.rows;
  int64_t inside = 1, reach = 0, step = width;
  int d = shape.rank - 1;
  for (; inside < of_row; --d) {
    inside *= shape.dims[d];
    reach += (shape.dims[d] - 1) * strides[d];
  }
  if (inside != of_row || reach >= width) return false;
  for (; d >= 0; --d) {
    if (shape.dims[d] != 1 && strides[d] != step) return false;
    step *= shape.dims[d];
  }
  return true;
}

// Whether group t.end can be the next one in the tiles. A failure says which value failed first, so none may fail.
bool Planner::may_join(const Tiles& t) const {
  const Group& g = groups_[t.end];
  if (g.size < t.rows || g.size % t.rows != 0 || can_fail(g) || (t.end > 0 && is_followed(t.end - 1))) return false;
  if (g.length > 0 && g.inner == 1 && g.outer % t.rows != 0) return false;
  if (reduces_columns(g)) {
    const ColumnPartition part(g.length, g.inner);
    if (g.outer != 1 || g.length != t.rows || part.across > 1) return false;
    if (t.columns >= 0 ? groups_[t.columns].inner != g.inner : !are_enough(part.panels, int64_t(plan_.threads)))
      return false;
  }
  for (int32_t i : g.values) {
    if (facts_[i].replaces) return false;  // loops before it may read what it is written over
    for (int o = 0; o < values_[i].arity; ++o) {
      if (!is_row_local(t, values_[i].operands[o], values_[i])) return false;
    }
  }
  for (int32_t i : g.reductions) {
    const int32_t x = values_[i].operands[0];
    if (!is_row_local(t, x, values_[x])) return false;
  }
  return true;
}

// Finds groups one after another, from one on that reduces rows, that can be done tile by tile.
void Planner::tile() {
  const int end = int(groups_.size());
  for (int s = 0; s < end; ++s) {
    const Group& g = groups_[s];
    if (g.size < plan_.tiled || g.length == 0 || g.inner > 1 || g.outer == 1) continue;
    Tiles t{s, s, g.outer};
    int64_t width = 1;
    int wide = 0;
    for (; t.end < end && t.end - s < kMostTiled && may_join(t); ++t.end) {
      const Group& next = groups_[t.end];
      width = std::max(width, next.size / t.rows);
      wide += next.size > t.rows;
      if (reduces_columns(next) && t.columns < 0) t.columns = t.end;
    }
    if (wide < 2) continue;
    if (t.columns >= 0) {
      const Group& columns = groups_[t.columns];
      const ColumnPartition part(columns.length, columns.inner);
      t.tile = part.rows * part.fold;
    } else {
      const int64_t together = std::max<int64_t>(int64_t(kRowChunk) / width, 1);
      t.tile = std::max<int64_t>(kTileElements / (width * together), 1) * together;
      if (!are_enough((t.rows + t.tile - 1) / t.tile, int64_t(plan_.threads))) continue;
    }
    if (width * t.tile > kWidestTile) continue;
    s = t.end - 1;
    tiles_.push_back(t);
  }
}

// Whether value i, of a loop in the tiles, is read by these only: it has room for one tile.
bool Planner::is_local(const Tiles& t, int32_t i) const {
  const Fact& f = facts_[i];
  return plan_.places[i].kind == Place::kNowhere && !f.is_output && f.last_use < t.end &&
         !(f.is_reduced && reduces_columns(groups_[f.step]));
}

void Planner::emit_tiles(const Tiles& t) {
  Tiling tiling;
  tiling.first = tiling.end = int32_t(plan_.loops.size());
  tiling.rows = t.rows;
  tiling.tile = t.tile;
  if (t.columns >= 0) tiling.columns = tiling.first + t.columns - t.first;
  // All places first: a loop does its later tiles after the first tiles of those behind it.
  int64_t room = 0, bytes = 0;  // of arrays that pass through the caches
  const auto count = [&](int32_t b) {
    const Place::Kind kind = plan_.places[b].kind;
    if (facts_[b].counted == t.first || (kind != Place::kData && kind != Place::kArena)) return;
    facts_[b].counted = t.first;
    bytes += values_[b].size * int64_t(kDTypeSize[values_[b].dtype]);
  };
  for (int s = t.first; s < t.end; ++s) {
    const Group& g = groups_[s];
    const auto read = [&](int32_t x) {
      const int32_t b = facts_[x].base;
      if (facts_[b].step != s && facts_[b].step >= t.first) facts_[b].read_in_tile = true;
      count(b);
    };
    for (int32_t i : g.values) {
      for (int o = 0; o < values_[i].arity; ++o) read(values_[i].operands[o]);
    }
    for (int32_t i : g.reductions) read(values_[i].operands[0]);
    const auto put = [&](int32_t i, bool in_register) {
      if (in_register || !is_local(t, i)) {
        claim(i, in_register);
      } else {
        const int64_t row_bytes = values_[i].size / t.rows * int64_t(kDTypeSize[values_[i].dtype]);
        plan_.places[i] = {Place::kTile, room};
        room += int64_t(aligned(size_t(row_bytes * t.tile)));
        tiling.locals.push_back({i, row_bytes});
      }
      count(i);
    };
    for (int32_t i : g.values) put(i, !facts_[i].used_outside);
    for (int32_t i : g.reductions) put(i, false);
  }
  size_t own = 0;
  for (int s = t.first; s < t.end; ++s, ++tiling.end) {
    make_loop(groups_[s], -1, bytes > kStreamBytes);
    const Loop& loop = plan_.loops.back();
    tiling.registers = std::max(tiling.registers, aligned(loop.register_bytes()));
    own += loop.own_bytes();
    tiling.work += loop.work();
  }
  tiling.locals_at = tiling.registers + own;
  plan_.scratch_bytes = std::max(plan_.scratch_bytes, tiling.locals_at + size_t(room));
  plan_.most_tiled = std::max(plan_.most_tiled, size_t(t.end - t.first));
  plan_.steps.push_back({Step::kTiling, int32_t(plan_.tilings.size())});
  plan_.tilings.push_back(std::move(tiling));
}

}  // namespace gradtape
