#include "loop.h"

#include <cstring>

#include "stream.h"

namespace gradtape {
namespace {

template <class T>
void fill_as(const char* from, char* to, int64_t n) {
  T v;
  std::memcpy(&v, from, sizeof(T));
  std::fill_n(reinterpret_cast<T*>(to), n, v);
}

// Each element, `stride` bytes apart, n times in a row.
template <class T>
void repeat_as(const char* from, int64_t stride, char* to, int64_t rows, int64_t n) {
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
    // Writes whole vectors, beyond the row's end too: the next row overwrites that.
    for (int64_t j = 0; j < n; j += kLanes) std::memcpy(to + j * int64_t(sizeof(T)), &lanes, sizeof(lanes));
  }
}

void repeat(size_t size, const char* from, int64_t stride, char* to, int64_t rows, int64_t n) {
  switch (size) {
    case 1:
      return repeat_as<char>(from, stride, to, rows, n);
    case 4:
      return repeat_as<int32_t>(from, stride, to, rows, n);
    case 8:
      return repeat_as<int64_t>(from, stride, to, rows, n);
    default:
      GRADTAPE_UNREACHABLE();
  }
}

void fill(size_t size, const char* from, char* to, int64_t n) { repeat(size, from, 0, to, 1, n); }

// Rows of so many bytes, `stride` bytes apart, to one behind the other; in pieces, of which the last two may overlap.
template <size_t Piece>
void copy_rows_by(const char* from, int64_t stride, char* to, int64_t rows, size_t bytes) {
  for (; rows > 0; --rows, from += stride, to += bytes) {
    for (size_t at = 0; at + Piece < bytes; at += Piece) std::memcpy(to + at, from + at, Piece);
    std::memcpy(to + bytes - Piece, from + bytes - Piece, Piece);
  }
}

void copy_rows(const char* from, int64_t stride, char* to, int64_t rows, size_t bytes) {
  // Short ones without a call for each.
  if (bytes >= 16 && bytes <= 64) return copy_rows_by<16>(from, stride, to, rows, bytes);
  if (bytes >= 4 && bytes < 16) return copy_rows_by<4>(from, stride, to, rows, bytes);
  for (; rows > 0; --rows, from += stride, to += bytes) std::memcpy(to, from, bytes);
}

// Brings lines into the second-level cache. The processor begins anew to fetch by itself at each page, which is a block
// of one source; from memory that is too late.
__attribute__((noinline)) void fetch(const char* from, int64_t bytes) {
  constexpr int64_t kLineBytes = 64;
  for (int64_t at = 0; at < bytes; at += kLineBytes) __builtin_prefetch(from + at, 0, 2);
}

}  // namespace

bool has_zero(size_t size, const char* integers, int64_t n) {
  if (size != sizeof(int32_t)) GRADTAPE_UNREACHABLE();
  const auto* d = reinterpret_cast<const int32_t*>(integers);
  return std::find(d, d + n, 0) != d + n;
}

LoopRun::LoopRun(const Loop& loop, char* const* addresses, char* arena, char* registers, char* own, LoopState& state)
    : loop_(loop),
      addresses_(addresses),
      arena_(arena),
      registers_(registers),
      register_bytes_(kBlock * loop.widest),
      slots_(state.operands),
      expanded_(state.expanded) {
  expand_at_ = own;
  spare_ = expand_at_ + loop.sources.size() * register_bytes_;
  levels_ = spare_ + register_bytes_;
  slots_.resize(loop.sources.size() + loop.instructions.size());
  expanded_.resize(loop.sources.size());
  std::fill(expanded_.begin(), expanded_.end(), 0);
  for (size_t k = 0; k < loop.sources.size(); ++k) {
    if (loop.sources[k].kind == Source::kUniform) slots_[k] = {addresses_[loop.sources[k].value], true};
  }
}

int64_t LoopRun::units(const Loop& loop) {
  if (loop.length == 0) {
    const FlatPartition part(loop);
    return loop.size / part.row * part.blocks;
  }
  if (loop.inner == 1) {
    if (loop.length > int64_t(kRowChunk)) return loop.outer * chunks_of(loop);
    const int64_t together = rows_together(loop);
    return (loop.outer + together - 1) / together;
  }
  const ColumnPartition part(loop);
  return loop.outer * part.panels * part.across;
}

Failure LoopRun::run_units(int64_t from, int64_t to) {
  bool ok = run_uniform();
  if (ok && loop_.direct) {
    ok = elements(from * int64_t(kBlock), std::min(to * int64_t(kBlock), loop_.size));
  } else {
    for (int64_t u = from; u < to && ok; ++u) {
      if (loop_.length == 0)
        ok = flat(u);
      else if (loop_.inner > 1)
        ok = columns(u);
      else if (loop_.length > int64_t(kRowChunk))
        ok = chunk(u);
      else
        ok = rows(u * rows_together(loop_), rows_together(loop_));
    }
  }
  if (loop_.stream_copy) stream_fence();
  return failure_;
}

bool LoopRun::run_elements(int64_t from, int64_t to) {
  const bool ok = elements(from, to);
  if (loop_.stream_copy) stream_fence();
  return ok;
}

bool LoopRun::elements(int64_t from, int64_t to) {
  if (loop_.direct) return from == to || block(from, to - from);
  const FlatPartition part(loop_);
  bool ok = true;
  for (int64_t n; from < to && ok; from += n) {
    n = std::min({part.width, part.row - from % part.row, to - from});
    ok = block(from, n);
  }
  return ok;
}

bool LoopRun::run_rows(int64_t from, int64_t to, int64_t of_rows) {
  bool ok = true;
  if (loop_.length == 0) {
    const int64_t width = loop_.size / of_rows;
    return elements(from * width, to * width);
  }
  const int64_t each = loop_.outer / of_rows;
  from *= each;
  to *= each;
  if (loop_.length <= int64_t(kRowChunk)) {
    const int64_t together = rows_together(loop_);
    for (; from < to && ok; from += together) ok = rows(from, std::min(together, to - from));
    return ok;
  }
  const int64_t chunks = chunks_of(loop_);
  for (; from < to; ++from) {
    for (int64_t c = 0; c < chunks && ok; ++c) ok = chunk(from * chunks + c);
    if (!ok) return false;
    combine_row(loop_, from, addresses_, arena_);
  }
  return true;
}

bool LoopRun::run_uniform() {
  for (size_t k = 0; k < loop_.instructions.size(); ++k) {
    if (loop_.instructions[k].uniform && !call(k, 0, 1)) return false;
  }
  return true;
}

void LoopRun::combine_row(const Loop& loop, int64_t row, char* const* addresses, char* arena) {
  const int64_t chunks = chunks_of(loop);
  for (const LoopReduction& red : loop.reductions) {
    char* p = arena + red.partials + row * chunks * red.size;
    for (int64_t m = chunks; m > 1;) {
      const int64_t half = (m + 1) / 2;
      red.combine[0](p, p + half * red.size, nullptr, p, size_t(m - half));
      m = half;
    }
    std::memcpy(addresses[red.value] + row * red.size, p, red.size);
  }
}

void LoopRun::combine_partials(const Loop& loop, char* const* addresses, char* arena) {
  if (loop.inner == 1 && loop.length > int64_t(kRowChunk)) {
    for (int64_t row = 0; row < loop.outer; ++row) combine_row(loop, row, addresses, arena);
    return;
  }
  if (loop.inner <= 1) return;
  const ColumnPartition part(loop);
  for (const LoopReduction& red : loop.reductions) {
    if (red.partials < 0) continue;
    char *p = arena + red.partials, *to = addresses[red.value];
    const int64_t row = part.inner * red.size;
    for (int64_t o = 0; o < loop.outer; ++o, to += loop.inner * red.size) {
      for (int64_t step = 1; step < part.panels; step *= 2) {
        for (int64_t i = 0; i + step < part.panels; i += 2 * step) {
          red.combine[0](p + i * row, p + (i + step) * row, nullptr, p + i * row, size_t(part.inner));
        }
      }
      // The rest moves from behind all panels to behind the first, which holds the sums now: unfold reads both as
      // one.
      std::memmove(p + row, p + part.panels * row, size_t(part.rest) * red.size);
      unfold(red, part, loop, p, to);
      p += part.panels * row + part.rest * red.size;
    }
  }
}

void LoopRun::unfold(const LoopReduction& red, const ColumnPartition& part, const Loop& loop, const char* from,
                     char* to) {
  if (part.fold == 1)
    std::memcpy(to, from, size_t(part.inner) * red.size);
  else
    red.fns->columns(from, size_t(loop.inner), to, size_t((part.inner + part.rest) / loop.inner), size_t(loop.inner));
}

bool LoopRun::flat(int64_t u) {
  const FlatPartition part(loop_);
  const int64_t begin = u / part.blocks * part.row, at = u % part.blocks * part.width;
  return block(begin + at, std::min(part.width, part.row - at));
}

bool LoopRun::rows(int64_t from, int64_t count) {
  const int64_t length = loop_.length;
  count = std::min(count, loop_.outer - from);
  if (!block(from * length, count * length)) return false;
  for (const LoopReduction& red : loop_.reductions) {
    char* to = addresses_[red.value] + from * red.size;
    red.fns->rows(elements(red, count * length), to, size_t(count), size_t(length));
  }
  return true;
}

bool LoopRun::chunk(int64_t u) {
  const int64_t chunks = chunks_of(loop_), r = u / chunks, c = u % chunks;
  const int64_t n = std::min(int64_t(kRowChunk), loop_.length - c * int64_t(kRowChunk));
  if (!block(r * loop_.length + c * int64_t(kRowChunk), n)) return false;
  for (const LoopReduction& red : loop_.reductions) {
    red.fns->rows(elements(red, n), arena_ + red.partials + u * red.size, 1, size_t(n));
  }
  return true;
}

LoopRun::Panel LoopRun::panel(const ColumnPartition& part, int64_t u) {
  Panel p{};
  p.column = u % part.across * part.width;
  p.outer = u / part.across / part.panels;
  p.index = u / part.across % part.panels;
  p.width = std::min(part.width, part.inner - p.column);
  p.first = p.index * part.panel;
  p.chunks = std::min(part.panel, part.chunks - p.first);
  p.last = p.index + 1 == part.panels;
  return p;
}

bool LoopRun::run_chunk(const ColumnPartition& part, const Panel& p, int64_t c) {
  const int64_t row = (p.first + c) * part.rows, count = std::min(part.rows, part.length - row);
  int level = 0;
  while (c >> level & 1) ++level;
  const int first = level == 0 ? 0 : part.levels;
  const int64_t start = p.outer * loop_.length * loop_.inner + row * part.inner + p.column;
  if (!rows_of_panel(part, start, count, p.width, first)) return false;
  for (size_t k = 0; k < loop_.reductions.size(); ++k) {
    char* to = level_at(k, part, first);
    for (int l = 0; l < level; ++l) {
      char* sum = l + 1 == level ? level_at(k, part, level) : to;
      loop_.reductions[k].combine[0](level_at(k, part, l), to, nullptr, sum, size_t(p.width));
    }
  }
  return true;
}

bool LoopRun::end_panel(const ColumnPartition& part, const Panel& p) {
  const bool ends = p.last && part.rest > 0;
  if (ends && !rest_of_rows(part, p.outer * loop_.length * loop_.inner + part.length * part.inner)) return false;
  for (size_t k = 0; k < loop_.reductions.size(); ++k) {
    const LoopReduction& red = loop_.reductions[k];
    char* sum = nullptr;
    for (int l = 0; (p.chunks >> l) > 0; ++l) {
      if (!(p.chunks >> l & 1)) continue;
      if (sum) red.combine[0](level_at(k, part, l), sum, nullptr, level_at(k, part, l), size_t(p.width));
      sum = level_at(k, part, l);
    }
    const size_t bytes = size_t(p.width) * red.size, rest = ends ? size_t(part.rest) * red.size : 0;
    char* out = addresses_[red.value] + (p.outer * loop_.inner + p.column) * red.size;
    const int64_t at = (p.outer * part.panels + p.index) * part.inner + p.outer * part.rest + p.column;
    char* partial = arena_ + red.partials + at * red.size;
    char* to = red.partials >= 0 ? partial : part.fold > 1 ? level_at(k, part, part.levels) : out;
    std::memcpy(to, sum, bytes);
    std::memcpy(to + bytes, level_at(k, part, part.levels + 2), rest);
    if (red.partials < 0 && part.fold > 1) unfold(red, part, loop_, to, out);
  }
  return true;
}

bool LoopRun::columns(int64_t u) {
  const ColumnPartition part(loop_);
  const Panel p = panel(part, u);
  for (int64_t c = 0; c < p.chunks; ++c) {
    if (!run_chunk(part, p, c)) return false;
  }
  return end_panel(part, p);
}

bool LoopRun::rows_of_panel(const ColumnPartition& part, int64_t start, int64_t rows, int64_t width, int level) {
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
        const BlockOperand& x = slots_[red.slot];
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

bool LoopRun::rest_of_rows(const ColumnPartition& part, int64_t start) {
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

void LoopRun::copy_block(char* to, const LoopReduction& red, int64_t n) {
  const BlockOperand& x = slots_[red.slot];
  if (x.uniform)
    fill(red.size, x.at, to, n);
  else
    std::memcpy(to, x.at, size_t(n) * red.size);
}

const char* LoopRun::whole(const LoopReduction& red) const {
  const size_t k = size_t(red.slot), sources = loop_.sources.size();
  if (k < sources) return loop_.sources[k].kind == Source::kFlat ? addresses_[loop_.sources[k].value] : nullptr;
  const Instruction& in = loop_.instructions[k - sources];
  return in.stored && in.reg < 0 ? addresses_[in.value] : nullptr;
}

char* LoopRun::level_at(size_t reduction, const ColumnPartition& part, int level) {
  return levels_ + (reduction * size_t(part.levels + 3) + size_t(level)) * size_t(part.width) * loop_.widest;
}

const char* LoopRun::elements(const LoopReduction& red, int64_t n) {
  const BlockOperand& x = slots_[red.slot];
  if (!x.uniform) return x.at;
  fill(red.size, x.at, spare_, n);
  return spare_;
}

void LoopRun::pad(size_t k, const char* from, int64_t n) {
  const size_t size = loop_.sources[k].size, bytes = size_t(n) * size;
  char* to = expand_at_ + k * register_bytes_;
  fill(size, from, to, int64_t(kWidestVector / size));
  std::memcpy(to, from, bytes);
  slots_[k] = {to, false, true};
}

bool LoopRun::block(int64_t start, int64_t n) {
  const bool pads = n > 1 && n < loop_.padded_below;
  for (size_t k = 0; k < loop_.sources.size(); ++k) {
    const Source& s = loop_.sources[k];
    if (s.kind == Source::kFlat && loop_.fetches) {
      const int64_t next = start + n;
      fetch(addresses_[s.value] + next * s.size, std::min(n, loop_.size - next) * s.size);
    }
    if (s.kind == Source::kFlat && pads)
      pad(k, addresses_[s.value] + start * s.size, n);
    else if (s.kind == Source::kFlat)
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

bool LoopRun::call(size_t k, int64_t start, int64_t n) {
  const Instruction& in = loop_.instructions[k];
  unsigned variant = 0;
  const char* x[3] = {nullptr, nullptr, nullptr};
  bool padded = in.reg >= 0 && n < in.lanes;
  for (int o = 0; o < in.arity; ++o) {
    const BlockOperand& operand = slots_[in.operands[o]];
    x[o] = operand.at;
    if (operand.uniform) variant |= 1u << o;
    padded = padded && (operand.uniform || operand.padded);
  }
  if (in.divisor_size > 0 && has_zero(in.divisor_size, x[1], variant & 2 ? 1 : n)) {
    failure_ = {Failure::k_division, in.value, 0, 0};
    return false;
  }
  const bool uniform = variant == (1u << in.arity) - 1;
  // A uniform result is stored block by block, not at once: its place may be that of an input which the loop still
  // reads.
  char* to = in.stored && !in.uniform ? addresses_[in.value] + start * in.result_size : nullptr;
  char* out = in.reg >= 0 ? registers_ + size_t(in.reg) * register_bytes_ : to;
  in.variants[uniform ? 0 : variant](x[0], x[1], x[2], out, uniform ? 1 : padded ? in.lanes : size_t(n));
  if (to && uniform)
    fill(in.result_size, out, to, n);
  else if (in.streamed)
    loop_.stream_copy(to, out, size_t(n) * in.result_size);
  slots_[loop_.sources.size() + k] = {out, uniform && in.reg >= 0, padded};
  return true;
}

void LoopRun::locate(size_t k, int64_t start, int64_t n) {
  const Source& s = loop_.sources[k];
  const int last = loop_.rank - 1;
  const int64_t row = loop_.dims[last], step = s.strides[last];
  char* to = expand_at_ + k * register_bytes_;
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
    // As many whole rows at once as are one stride apart.
    const int64_t rows =
                      count < row || last == 0 ? 1 : std::min(loop_.dims[last - 1] - index[last - 1], (n - done) / row),
                  stride = last == 0 ? 0 : s.strides[last - 1];
    if (step != 0)
      copy_rows(source, stride * s.size, to + done * s.size, rows, size_t(count) * s.size);
    else
      repeat(s.size, source, stride * s.size, to + done * s.size, rows, count);
    from += (rows - 1) * stride;
    if (last > 0) index[last - 1] += rows - 1;
    count *= rows;
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

}  // namespace gradtape
