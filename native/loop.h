// Runs a loop: its instructions in blocks of kBlock elements, with the reductions at its end.
#pragma once

#include <algorithm>
#include <cstring>
#include <vector>

#include "failure.h"
#include "plan.h"
#include "program.h"
#include "run.h"
#include "stream.h"

namespace gradtape {

template <class T>
inline void fill_as(const char* from, char* to, int64_t n) {
  T v;
  std::memcpy(&v, from, sizeof(T));
  std::fill_n(reinterpret_cast<T*>(to), n, v);
}

// Each element, `stride` bytes apart, n times in a row.
template <class T>
inline void repeat_as(const char* from, int64_t stride, char* to, int64_t rows, int64_t n) {
  typedef T Lanes __attribute__((vector_size(16)));
  constexpr int64_t kLanes = 16 / sizeof(T);
  const int64_t whole = (n + kLanes - 1) / kLanes * kLanes;
  for (int64_t left = rows * n; left > 0; left -= n, from += stride, to += n * int64_t(sizeof(T))) {
    if (left < whole) {
      fill_as<T>(from, to, n);
      continue;
    }
    T v;
    std::memcpy(&v, from, sizeof(T));
    const Lanes lanes = v - Lanes{};
    // Beyond the row's end too: the next row comes over it.
    for (int64_t j = 0; j < n; j += kLanes) std::memcpy(to + j * int64_t(sizeof(T)), &lanes, sizeof(lanes));
  }
}

inline void repeat(size_t size, const char* from, int64_t stride, char* to, int64_t rows, int64_t n) {
  if (size == 4)
    repeat_as<int32_t>(from, stride, to, rows, n);
  else if (size == 8)
    repeat_as<int64_t>(from, stride, to, rows, n);
  else if (size == 1)
    repeat_as<char>(from, stride, to, rows, n);
  else
    GRADTAPE_UNREACHABLE();
}

inline void fill(size_t size, const char* from, char* to, int64_t n) { repeat(size, from, 0, to, 1, n); }

// One loop on one thread: the current block's operands and the registers they live in.
class LoopRun {
 public:
  LoopRun(const Loop& loop, char* const* addresses, char* arena, char* scratch, LoopState& state)
      : loop_(loop),
        addresses_(addresses),
        arena_(arena),
        scratch_(scratch),
        slots_(state.operands),
        expanded_(state.expanded) {
    expand_at_ = scratch_ + size_t(loop.registers) * kBytes;
    spare_ = expand_at_ + loop.sources.size() * kBytes;
    levels_ = spare_ + kBytes;
    slots_.resize(loop.sources.size() + loop.instructions.size());
    expanded_.assign(loop.sources.size(), 0);
    for (size_t k = 0; k < loop.sources.size(); ++k) {
      if (loop.sources[k].kind == Source::kUniform) slots_[k] = {addresses_[loop.sources[k].value], true};
    }
  }

  // The loop is cut into units that do not depend on each other, always the same ones.
  static int64_t units(const Loop& loop) {
    if (loop.length == 0) {
      const FlatPartition part(loop);
      return loop.size / part.row * part.blocks;
    }
    if (loop.inner == 1) {
      if (loop.length > int64_t(kRowChunk)) return loop.outer * chunks_of(loop);
      const int64_t together = int64_t(kRowChunk) / loop.length;
      return (loop.outer + together - 1) / together;
    }
    const ColumnPartition part(loop);
    return loop.outer * part.panels * part.across;
  }

  Failure run_units(int64_t from, int64_t to) {
    bool ok = run_uniform();
    for (int64_t u = from; u < to && ok; ++u) {
      if (loop_.length == 0)
        ok = flat(u);
      else if (loop_.inner > 1)
        ok = columns(u);
      else if (loop_.length > int64_t(kRowChunk))
        ok = chunk(u);
      else
        ok = rows(u);
    }
    if (loop_.streams) stream_fence();
    return failure_;
  }

  // A loop without reductions over the elements from .. to - 1 only; run_uniform() before the first.
  bool run_elements(int64_t from, int64_t to) {
    const FlatPartition part(loop_);
    bool ok = true;
    for (int64_t n; from < to && ok; from += n) {
      n = std::min({part.width, part.row - from % part.row, to - from});
      ok = block(from, n);
    }
    if (loop_.streams) stream_fence();
    return ok;
  }

  bool run_uniform() {
    for (size_t k = 0; k < loop_.instructions.size(); ++k) {
      if (loop_.instructions[k].uniform && !call(k, 0, 1)) return false;
    }
    return true;
  }

  const Failure& failure() const { return failure_; }

  // Adds up the partial results of rows longer than a chunk, first half plus second half, and again; and those of
  // panels, neighbour plus neighbour, and again.
  static void combine_partials(const Loop& loop, char* const* addresses, char* arena) {
    for (const LoopReduction& red : loop.reductions) {
      if (red.partials < 0) continue;
      char *p = arena + red.partials, *to = addresses[red.value];
      for (int64_t o = 0; o < loop.outer; ++o, to += loop.inner * red.size) {
        if (loop.inner == 1) {
          const int64_t chunks = chunks_of(loop);
          for (int64_t m = chunks; m > 1;) {
            const int64_t half = (m + 1) / 2;
            red.combine[0](p, p + half * red.size, nullptr, p, size_t(m - half));
            m = half;
          }
          std::memcpy(to, p, red.size);
          p += chunks * red.size;
        } else {
          const ColumnPartition part(loop);
          const int64_t row = part.inner * red.size;
          for (int64_t step = 1; step < part.panels; step *= 2) {
            for (int64_t i = 0; i + step < part.panels; i += 2 * step) {
              red.combine[0](p + i * row, p + (i + step) * row, nullptr, p + i * row, size_t(part.inner));
            }
          }
          // The rest follows the rows; here, the first.
          std::memmove(p + row, p + part.panels * row, size_t(part.rest) * red.size);
          unfold(red, part, loop, p, to);
          p += part.panels * row + part.rest * red.size;
        }
      }
    }
  }

  // From one long row and the rest behind it to a row of the result.
  static void unfold(const LoopReduction& red, const ColumnPartition& part, const Loop& loop, const char* from,
                     char* to) {
    if (part.fold == 1)
      std::memcpy(to, from, size_t(part.inner) * red.size);
    else
      red.fns->columns(from, size_t(loop.inner), to, size_t((part.inner + part.rest) / loop.inner), size_t(loop.inner));
  }

 private:
  static constexpr size_t kBytes = kBlock * 8;

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

  bool flat(int64_t u) {
    const FlatPartition part(loop_);
    const int64_t begin = u / part.blocks * part.row, at = u % part.blocks * part.width;
    return block(begin + at, std::min(part.width, part.row - at));
  }

  // Several whole rows.
  bool rows(int64_t u) {
    const int64_t length = loop_.length, together = int64_t(kRowChunk) / length;
    const int64_t r = u * together, count = std::min(together, loop_.outer - r);
    if (!block(r * length, count * length)) return false;
    for (const LoopReduction& red : loop_.reductions) {
      red.fns->rows(elements(red, count * length), addresses_[red.value] + r * red.size, size_t(count), size_t(length));
    }
    return true;
  }

  // A part of one long row.
  bool chunk(int64_t u) {
    const int64_t chunks = chunks_of(loop_), r = u / chunks, c = u % chunks;
    const int64_t n = std::min(int64_t(kRowChunk), loop_.length - c * int64_t(kRowChunk));
    if (!block(r * loop_.length + c * int64_t(kRowChunk), n)) return false;
    for (const LoopReduction& red : loop_.reductions) {
      red.fns->rows(elements(red, n), arena_ + red.partials + u * red.size, 1, size_t(n));
    }
    return true;
  }

  // Some columns over the rows of a panel.
  bool columns(int64_t u) {
    const ColumnPartition part(loop_);
    const int64_t j = u % part.across * part.width, o = u / part.across / part.panels,
                  panel = u / part.across % part.panels;
    const int64_t width = std::min(part.width, part.inner - j), begin = panel * part.panel,
                  chunks = std::min(part.panel, part.chunks - begin);
    const int64_t origin = o * loop_.length * loop_.inner;
    for (int64_t c = 0; c < chunks; ++c) {
      const int64_t row = (begin + c) * part.rows, count = std::min(part.rows, part.length - row);
      int level = 0;
      while (c >> level & 1) ++level;
      const int first = level == 0 ? 0 : part.levels;
      if (!rows_of_panel(part, origin + row * part.inner + j, count, width, first)) return false;
      for (size_t k = 0; k < loop_.reductions.size(); ++k) {
        char* to = level_at(k, part, first);
        for (int l = 0; l < level; ++l) {
          char* sum = l + 1 == level ? level_at(k, part, level) : to;
          loop_.reductions[k].combine[0](level_at(k, part, l), to, nullptr, sum, size_t(width));
        }
      }
    }
    const bool ends = panel + 1 == part.panels && part.rest > 0;
    if (ends && !rest_of_rows(part, origin + part.length * part.inner)) return false;
    for (size_t k = 0; k < loop_.reductions.size(); ++k) {
      const LoopReduction& red = loop_.reductions[k];
      char* sum = nullptr;
      for (int l = 0; (chunks >> l) > 0; ++l) {
        if (!(chunks >> l & 1)) continue;
        if (sum) red.combine[0](level_at(k, part, l), sum, nullptr, level_at(k, part, l), size_t(width));
        sum = level_at(k, part, l);
      }
      const size_t bytes = size_t(width) * red.size, rest = ends ? size_t(part.rest) * red.size : 0;
      char* out = addresses_[red.value] + (o * loop_.inner + j) * red.size;
      char* partial = arena_ + red.partials + ((o * part.panels + panel) * part.inner + o * part.rest + j) * red.size;
      char* to = red.partials >= 0 ? partial : part.fold > 1 ? level_at(k, part, part.levels) : out;
      std::memcpy(to, sum, bytes);
      std::memcpy(to + bytes, level_at(k, part, part.levels + 2), rest);
      if (red.partials < 0 && part.fold > 1) unfold(red, part, loop_, to, out);
    }
    return true;
  }

  // A block of some rows, reduced; what is not in memory as a whole, along the way.
  bool rows_of_panel(const ColumnPartition& part, int64_t start, int64_t rows, int64_t width, int level) {
    const size_t reductions = loop_.reductions.size();
    bool needed = !loop_.instructions.empty();
    for (const LoopReduction& red : loop_.reductions) needed = needed || !whole(red);
    for (int64_t r = 0; needed && r < rows; ++r) {
      for (int64_t j = 0, n; j < width; j += n) {
        n = std::min(part.piece, width - j);
        if (!block(start + r * part.inner + j, n)) return false;
        for (size_t k = 0; k < reductions; ++k) {
          const LoopReduction& red = loop_.reductions[k];
          if (whole(red)) continue;
          const Operand& x = slots_[red.slot];
          char* to = level_at(k, part, level) + j * red.size;
          if (r == 0)
            copy_block(to, red, n);
          else
            red.combine[x.uniform ? 2 : 0](to, x.at, nullptr, to, size_t(n));
        }
      }
    }
    for (size_t k = 0; k < reductions; ++k) {
      const LoopReduction& red = loop_.reductions[k];
      const char* x = whole(red);
      if (!x) continue;
      red.fns->columns(x + start * red.size, size_t(part.inner), level_at(k, part, level), size_t(rows), size_t(width));
    }
    return true;
  }

  // The rows after those that part.fold makes long ones, as they are.
  bool rest_of_rows(const ColumnPartition& part, int64_t start) {
    for (int64_t j = 0, n; j < part.rest; j += n) {
      n = std::min(part.piece, part.rest - j);
      if (!block(start + j, n)) return false;
      for (size_t k = 0; k < loop_.reductions.size(); ++k) {
        const LoopReduction& red = loop_.reductions[k];
        copy_block(level_at(k, part, part.levels + 2) + j * red.size, red, n);
      }
    }
    return true;
  }

  // The n elements that a reduction reads in this block.
  void copy_block(char* to, const LoopReduction& red, int64_t n) {
    const Operand& x = slots_[red.slot];
    if (x.uniform)
      fill(red.size, x.at, to, n);
    else
      std::memcpy(to, x.at, size_t(n) * red.size);
  }

  // The array of all values that a reduction is over, if they are all in memory.
  const char* whole(const LoopReduction& red) const {
    const size_t k = size_t(red.slot), sources = loop_.sources.size();
    if (k < sources) return loop_.sources[k].kind == Source::kFlat ? addresses_[loop_.sources[k].value] : nullptr;
    const Instruction& in = loop_.instructions[k - sources];
    return in.stored && in.reg < 0 ? addresses_[in.value] : nullptr;
  }

  char* level_at(size_t reduction, const ColumnPartition& part, int level) {
    return levels_ + (reduction * size_t(part.levels + 3) + size_t(level)) * size_t(part.width) * 8;
  }

  // The n elements that a reduction reads in this block, real ones even where the value is uniform.
  const char* elements(const LoopReduction& red, int64_t n) {
    const Operand& x = slots_[red.slot];
    if (!x.uniform) return x.at;
    fill(red.size, x.at, spare_, n);
    return spare_;
  }

  bool block(int64_t start, int64_t n) {
    for (size_t k = 0; k < loop_.sources.size(); ++k) {
      const Source& s = loop_.sources[k];
      if (s.kind == Source::kFlat)
        slots_[k] = {addresses_[s.value] + start * s.size, false};
      else if (s.kind == Source::kStrided)
        locate(k, start, n);
    }
    for (size_t k = 0; k < loop_.instructions.size(); ++k) {
      const Instruction& in = loop_.instructions[k];
      if (!in.uniform) {
        if (!call(k, start, n)) return false;
      } else if (addresses_[in.value]) {
        fill(in.result_size, slots_[loop_.sources.size() + k].at, addresses_[in.value] + start * in.result_size, n);
      }
    }
    return true;
  }

  bool call(size_t k, int64_t start, int64_t n) {
    const Instruction& in = loop_.instructions[k];
    unsigned variant = 0;
    const char* x[3] = {nullptr, nullptr, nullptr};
    for (int o = 0; o < in.arity; ++o) {
      const Operand& operand = slots_[in.operands[o]];
      x[o] = operand.at;
      if (operand.uniform) variant |= 1u << o;
    }
    if (in.divides && has_zero(x[1], variant & 2 ? 1 : n)) {
      failure_ = {Failure::k_division, in.value, 0, 0};
      return false;
    }
    const bool uniform = variant == (1u << in.arity) - 1;
    char* to = in.stored ? addresses_[in.value] + start * in.result_size : nullptr;
    char* out = in.reg >= 0 ? scratch_ + size_t(in.reg) * kBytes : to;
    in.variants[uniform ? 0 : variant](x[0], x[1], x[2], out, uniform ? 1 : size_t(n));
    if (to && uniform)
      fill(in.result_size, out, to, n);
    else if (to && in.reg >= 0)
      stream_copy(to, out, size_t(n) * in.result_size);
    slots_[loop_.sources.size() + k] = {out, uniform && in.reg >= 0};
    return true;
  }

  static bool has_zero(const char* divisor, int64_t n) {
    const auto* d = reinterpret_cast<const int32_t*>(divisor);
    return std::find(d, d + n, 0) != d + n;
  }

  // Points slot k at n elements from flat position `start` of a broadcast source; copies them if they cross a row.
  void locate(size_t k, int64_t start, int64_t n) {
    const Source& s = loop_.sources[k];
    const int last = loop_.rank - 1;
    const int64_t row = loop_.dims[last], step = s.strides[last];
    char* to = expand_at_ + k * kBytes;
    if (s.periodic && step == 1 && start % row == 0 && n <= expanded_[k]) {
      slots_[k] = {to, false};
      return;
    }
    int64_t index[kMaxRank], rest = start / row, column = start % row, from = column * step;
    for (int d = last - 1; d >= 0; --d) {
      index[d] = rest % loop_.dims[d];
      rest /= loop_.dims[d];
      from += index[d] * s.strides[d];
    }
    const char* base = addresses_[s.value];
    if (column + n <= row) {
      slots_[k] = {base + from * s.size, step == 0};
      return;
    }
    expanded_[k] = start % row == 0 ? n : 0;
    for (int64_t done = 0; done < n;) {
      int64_t count = std::min(row - column, n - done);
      const char* source = base + from * s.size;
      from -= column * step;
      if (step != 0) {
        std::memcpy(to + done * s.size, source, size_t(count) * s.size);
      } else {
        // Whole rows together, as far as one stride leads from each to the next.
        const int64_t rows = count < row || last == 0
                                 ? 1
                                 : std::min(loop_.dims[last - 1] - index[last - 1], (n - done) / row),
                      stride = last == 0 ? 0 : s.strides[last - 1];
        repeat(s.size, source, stride * s.size, to + done * s.size, rows, count);
        from += (rows - 1) * stride;
        if (last > 0) index[last - 1] += rows - 1;
        count *= rows;
      }
      done += count;
      column = 0;
      for (int d = last - 1; d >= 0; --d) {
        from += s.strides[d];
        if (++index[d] < loop_.dims[d]) break;
        from -= index[d] * s.strides[d];
        index[d] = 0;
      }
    }
    slots_[k] = {to, false};
  }

  const Loop& loop_;
  char* const* addresses_;
  char* arena_;
  char* scratch_;
  char *expand_at_, *spare_, *levels_;
  std::vector<Operand>& slots_;
  std::vector<int64_t>& expanded_;
  Failure failure_;
};

}  // namespace gradtape
