// Rows by index: what gather, the scatters and segments have in common.
#pragma once

#include <algorithm>

#include "step.h"

namespace gradtape {

// Of the long side [batch, outer, length, inner] and the short one [batch, outer, count, inner], by indices [batch,
// count].
struct Rows {
  int64_t batch, outer, length, count, inner;
  explicit Rows(const Value& v)
      : batch(attribute(v, 0)),
        outer(attribute(v, 1)),
        length(attribute(v, 2)),
        count(attribute(v, 3)),
        inner(attribute(v, 4)) {}
};

// How many elements the sides have, and how many indices there are.
struct Sizes {
  int64_t whole = 1, rows = 1, indices = 0;
  const char* error = nullptr;
  explicit Sizes(const Value& v) {
    for (int i = 0; i < 5; ++i) {
      const int64_t at = attribute(v, i);
      if (at < 0) error = "negative attribute";
      if (i != 3 && __builtin_mul_overflow(whole, at, &whole)) error = "sizes overflow";
      if (i != 2 && __builtin_mul_overflow(rows, at, &rows)) error = "sizes overflow";
    }
    if (__builtin_mul_overflow(attribute(v, 0), attribute(v, 3), &indices)) error = "sizes overflow";
  }
};

inline Failure out_of_range(const StepRun& s, int32_t index, int64_t length) {
  return {Failure::k_index, s.self, index, length};
}

// Of steps whose result is the long side. A unit is a row of it.
inline double combining_work(const Value& v, Operands x) {
  return double(v.size) + double(x[0].size) + double(x[1].size);
}
inline int64_t combining_units(const Value& v, Operands, const Kernels&) {
  const Rows r(v);
  return r.batch * r.outer * r.length;
}

// Calls combine(target, source) for each row of the short side whose index is in [from, to) of the long side's rows, in
// their order: every part looks at all indices of its blocks. A negative index belongs to no row if `skips`.
template <class Combine>
Failure for_rows(const StepRun& s, int64_t from, int64_t to, const char* updates, const char* numbers, bool skips,
                 Combine combine) {
  const Rows r(s.v);
  const auto* indices = reinterpret_cast<const int32_t*>(numbers);
  const int64_t row = r.inner * int64_t(kDTypeSize[s.v.dtype]);
  for (int64_t unit = from, next; unit < to; unit = next) {
    const int64_t block = unit / r.length, low = unit - block * r.length;
    next = std::min((block + 1) * r.length, to);
    const int64_t high = low + (next - unit);
    const int32_t* at = indices + block / r.outer * r.count;
    char* target = s.out[0] + block * r.length * row;
    const char* source = updates + block * r.count * row;
    for (int64_t i = 0; i < r.count; ++i) {
      if (at[i] >= r.length || (at[i] < 0 && !skips)) return out_of_range(s, at[i], r.length);
      if (at[i] < low || at[i] >= high) continue;
      combine(target + at[i] * row, source + i * row);
    }
  }
  return {};
}

// Combines rows of `inner` elements by an elementwise kernel.
inline Failure combine_rows(const StepRun& s, int64_t from, int64_t to, const char* updates, const char* numbers,
                            bool skips, unsigned kernel) {
  const ElementwiseFn combine = s.kernels.elementwise(kernel, s.v.dtype)[0];
  const size_t inner = size_t(Rows(s.v).inner);
  return for_rows(s, from, to, updates, numbers, skips,
                  [&](char* to_row, const char* from_row) { combine(to_row, from_row, nullptr, to_row, inner); });
}

}  // namespace gradtape
