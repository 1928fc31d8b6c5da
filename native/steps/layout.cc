// Moving elements without computing: strided boxes, transposes, concatenation. One size of element at a time.
#include <cstring>

#include "step.h"

namespace gradtape {
namespace {

struct Axis {
  int64_t length, from, to;  // strides in elements
};

// A box of elements with a stride on each axis (outermost first) in what is read and in what is written.
struct Box {
  Axis axes[kMaxRank + 1];
  int rank = 0;

  // Merges the axis into the one before it, if they are walked as one.
  void push(const Axis& axis) {
    if (axis.length == 1) return;
    if (rank > 0 && axes[rank - 1].from == axis.from * axis.length && axes[rank - 1].to == axis.to * axis.length)
      axes[rank - 1] = {axes[rank - 1].length * axis.length, axis.from, axis.to};
    else
      axes[rank++] = axis;
  }
};

template <size_t Size>
struct Element {
  char bytes[Size];
};

template <size_t Size>
void copy_row(const char* from, int64_t from_stride, char* to, int64_t to_stride, int64_t n) {
  const auto* source = reinterpret_cast<const Element<Size>*>(from);
  auto* target = reinterpret_cast<Element<Size>*>(to);
  for (int64_t i = 0; i < n; ++i) target[i * to_stride] = source[i * from_stride];
}

void copy_row(size_t size, const char* from, int64_t from_stride, char* to, int64_t to_stride, int64_t n) {
  if (from_stride == 1 && to_stride == 1) {
    std::memcpy(to, from, size_t(n) * size);
    return;
  }
  switch (size) {
    case 1:
      return copy_row<1>(from, from_stride, to, to_stride, n);
    case 4:
      return copy_row<4>(from, from_stride, to, to_stride, n);
    case 8:
      return copy_row<8>(from, from_stride, to, to_stride, n);
    default:
      GRADTAPE_UNREACHABLE();
  }
}

// Copies elements begin .. end - 1 of the box, in its order.
void copy_box(size_t size, const char* from, char* to, Box& box, int64_t begin, int64_t end) {
  if (begin >= end) return;
  if (box.rank == 0) box.axes[box.rank++] = {1, 1, 1};
  const int last = box.rank - 1;
  const Axis inner = box.axes[last];
  const int64_t bytes = int64_t(size);
  int64_t index[kMaxRank + 1], rest = begin / inner.length, column = begin % inner.length;
  for (int d = last - 1; d >= 0; --d) {
    index[d] = rest % box.axes[d].length;
    rest /= box.axes[d].length;
    from += index[d] * box.axes[d].from * bytes;
    to += index[d] * box.axes[d].to * bytes;
  }
  for (int64_t left = end - begin;;) {
    const int64_t n = inner.length - column < left ? inner.length - column : left;
    copy_row(size, from + column * inner.from * bytes, inner.from, to + column * inner.to * bytes, inner.to, n);
    left -= n;
    column = 0;
    if (left == 0) return;
    for (int d = last - 1; d >= 0; --d) {
      from += box.axes[d].from * bytes;
      to += box.axes[d].to * bytes;
      if (++index[d] < box.axes[d].length) break;
      from -= box.axes[d].from * box.axes[d].length * bytes;
      to -= box.axes[d].to * box.axes[d].length * bytes;
      index[d] = 0;
    }
  }
}

double moving_work(const Value& v, Operands) { return double(v.size); }
int64_t moving_units(const Value& v, Operands, const Kernels&) { return units_of(v.size, kMovedAtOnce); }

// ---- slice, and place, its transpose: zeros with the operand written there ----

// A strided box of `count` elements per axis starting at begin stays inside `length`.
bool box_fits(int64_t begin, int64_t step, int64_t count, int64_t length) {
  if (count == 0) return true;
  const int64_t last = begin + (count - 1) * step;
  return step != 0 && begin >= 0 && begin < length && last >= 0 && last < length;
}

const char* check_box(const Value& v, const Value& part, const Value& whole) {
  if (part.rank != whole.rank || part.dtype != whole.dtype) return "rank or dtype differs";
  if (part.size == 0) return nullptr;
  for (int d = 0; d < v.rank; ++d) {
    if (!box_fits(v.attributes[2 * d], v.attributes[2 * d + 1], part.dims[d], whole.dims[d])) {
      return "box leaves the operand";
    }
  }
  return nullptr;
}
const char* check_slice(const Value& v, Operands x) { return check_box(v, v, x[0]); }
const char* check_place(const Value& v, Operands x) { return check_box(v, x[0], v); }

Failure run_slice(const StepRun& s, int64_t from, int64_t to, const char*, char*) {
  const Value &v = s.v, &x = s.x[0];
  const size_t size = kDTypeSize[v.dtype];
  int64_t strides[kMaxRank], to_strides[kMaxRank], stride = 1, to_stride = 1, start = 0;
  for (int d = v.rank - 1; d >= 0; --d) {
    start += v.attributes[2 * d] * stride;
    strides[d] = v.attributes[2 * d + 1] * stride;
    to_strides[d] = to_stride;
    stride *= x.dims[d];
    to_stride *= v.dims[d];
  }
  Box box;
  for (int d = 0; d < v.rank; ++d) box.push({v.dims[d], strides[d], to_strides[d]});
  const Range range(from, to, kMovedAtOnce, v.size);
  copy_box(size, s.in[0] + start * int64_t(size), s.out[0], box, range.begin, range.end);
  return {};
}

// The axis along which a placed value is cut: the first that has a length.
int place_axis(const Value& v) {
  int axis = 0;
  while (axis + 1 < v.rank && v.dims[axis] == 1) ++axis;
  return axis;
}
int64_t place_units(const Value& v, Operands, const Kernels&) { return v.rank == 0 ? 1 : v.dims[place_axis(v)]; }

// A unit is what has one position on the axis.
Failure run_place(const StepRun& s, int64_t from, int64_t to, const char*, char*) {
  const Value &v = s.v, &x = s.x[0];
  const int64_t size = int64_t(kDTypeSize[v.dtype]);
  if (v.rank == 0) {
    std::memcpy(s.out[0], s.in[0], size_t(size));
    return {};
  }
  const int axis = place_axis(v);
  int64_t strides[kMaxRank], from_strides[kMaxRank], stride = 1, from_stride = 1, start = 0;
  for (int d = v.rank - 1; d >= 0; --d) {
    start += v.attributes[2 * d] * stride;
    strides[d] = v.attributes[2 * d + 1] * stride;
    from_strides[d] = from_stride;
    if (d == axis) std::memset(s.out[0] + from * stride * size, 0, size_t((to - from) * stride * size));
    stride *= v.dims[d];
    from_stride *= x.dims[d];
  }
  if (x.size == 0) return {};
  // The operand's positions that come to from .. to - 1: neighbours.
  const int64_t begin = v.attributes[2 * axis], step = v.attributes[2 * axis + 1];
  const auto before = [&](int64_t end) {  // how many come before `end`, in the order of the result
    const int64_t first = step > 0 ? begin : begin + (x.dims[axis] - 1) * step, each = step > 0 ? step : -step;
    const int64_t n = end <= first ? 0 : (end - first - 1) / each + 1;
    return n < x.dims[axis] ? n : x.dims[axis];
  };
  const int64_t low = before(from), high = before(to);
  const int64_t first = step > 0 ? low : x.dims[axis] - high;
  if (low == high) return {};
  Box box;
  for (int d = 0; d < v.rank; ++d) {
    box.push({d == axis ? high - low : x.dims[d], from_strides[d], strides[d]});
  }
  copy_box(size_t(size), s.in[0] + first * from_strides[axis] * size, s.out[0] + (start + first * strides[axis]) * size,
           box, 0, x.size / x.dims[axis] * (high - low));
  return {};
}

constexpr StepKind box_kind() {
  StepKind k;
  k.attributes_per_axis = 2;  // begin, step (which may be negative)
  k.work = moving_work;
  return k;
}
constexpr StepKind slice() {
  StepKind k = box_kind();
  k.check = check_slice;
  k.units = moving_units;
  k.run = run_slice;
  return k;
}
constexpr StepKind place() {
  StepKind k = box_kind();
  k.check = check_place;
  k.units = place_units;
  k.run = run_place;
  return k;
}

// ---- transpose ----

const char* check_transpose(const Value& v, Operands x) {
  if (x[0].rank != v.rank || x[0].dtype != v.dtype) return "rank or dtype differs";
  uint32_t seen = 0;
  for (int d = 0; d < v.rank; ++d) {
    const int32_t axis = v.attributes[d];
    if (axis < 0 || axis >= v.rank || (seen >> axis & 1)) return "not a permutation";
    if (x[0].dims[axis] != v.dims[d]) return "shape is not the permuted one";
    seen |= 1u << axis;
  }
  return nullptr;
}

// As boxes: either rows are copied as they are, or rows of one side are columns of the other.
struct Turn {
  static constexpr int64_t kStrip = 64;  // columns of a unit
  Box box;                               // all of it
  Box rest;                              // turned: without rows and columns
  Axis rows, columns;
  bool turned = false;
  int64_t rests = 1;

  Turn(const Value& v, const Value& x) {
    int64_t from_strides[kMaxRank], stride = 1;
    for (int d = x.rank - 1; d >= 0; --d) {
      from_strides[d] = stride;
      stride *= x.dims[d];
    }
    int64_t to_strides[kMaxRank];
    stride = 1;
    for (int d = v.rank - 1; d >= 0; --d) {
      to_strides[d] = stride;
      stride *= v.dims[d];
    }
    for (int d = 0; d < v.rank; ++d) box.push({v.dims[d], from_strides[v.attributes[d]], to_strides[d]});
    int fast = -1;  // the axis along which the source is contiguous
    for (int d = 0; d < box.rank; ++d) {
      if (box.axes[d].from == 1) fast = d;
    }
    turned = fast >= 0 && fast != box.rank - 1;
    if (!turned) return;
    rows = box.axes[box.rank - 1];
    columns = box.axes[fast];
    for (int d = 0; d < box.rank - 1; ++d) {
      if (d == fast) continue;
      rest.axes[rest.rank++] = box.axes[d];
      rests *= box.axes[d].length;
    }
  }
  int64_t strips() const { return units_of(columns.length, kStrip); }
};

int64_t transpose_units(const Value& v, Operands x, const Kernels&) {
  const Turn turn(v, x[0]);
  return turn.turned ? turn.rests * turn.strips() : units_of(v.size, kMovedAtOnce);
}

TransposeFn transpose_of(const Kernels& kernels, size_t size) {
  switch (size) {
    case 1:
      return kernels.transpose[0];
    case 4:
      return kernels.transpose[2];
    case 8:
      return kernels.transpose[3];
    default:
      GRADTAPE_UNREACHABLE();
  }
}

Failure run_transpose(const StepRun& s, int64_t from, int64_t to, const char*, char*) {
  Turn turn(s.v, s.x[0]);
  const size_t size = kDTypeSize[s.v.dtype];
  if (!turn.turned) {
    const Range range(from, to, kMovedAtOnce, s.v.size);
    copy_box(size, s.in[0], s.out[0], turn.box, range.begin, range.end);
    return {};
  }
  const TransposeFn transpose = transpose_of(s.kernels, size);
  const int64_t strips = turn.strips();
  for (int64_t unit = from, next; unit < to; unit = next) {
    const int64_t at = unit / strips;
    next = (at + 1) * strips < to ? (at + 1) * strips : to;
    const Range range(unit - at * strips, next - at * strips, Turn::kStrip, turn.columns.length);
    int64_t at_from = range.begin, at_to = range.begin * turn.columns.to, left = at;
    for (int d = turn.rest.rank - 1; d >= 0; --d) {
      const Axis& axis = turn.rest.axes[d];
      at_from += left % axis.length * axis.from;
      at_to += left % axis.length * axis.to;
      left /= axis.length;
    }
    transpose(s.in[0] + at_from * int64_t(size), size_t(turn.rows.from), s.out[0] + at_to * int64_t(size),
              size_t(turn.columns.to), size_t(turn.rows.length), size_t(range.end - range.begin));
  }
  return {};
}

// The planner makes a view of it where it can.
constexpr StepKind transpose() {
  StepKind k;
  k.attributes_per_axis = 1;  // axis of the operand that each axis of the result is
  k.cheap = true;
  k.check = check_transpose;
  k.work = moving_work;
  k.units = transpose_units;
  k.run = run_transpose;
  return k;
}

// ---- concat ----

const char* check_concat(const Value& v, Operands x) {
  const int axis = v.attributes[0];
  if (axis < 0 || axis >= v.rank) return "axis out of range";
  int64_t total = 0;
  for (int i = 0; i < v.arity; ++i) {
    if (x[i].rank != v.rank || x[i].dtype != v.dtype) return "operand rank or dtype differs";
    for (int d = 0; d < v.rank; ++d) {
      if (d != axis && x[i].dims[d] != v.dims[d]) return "operand shape differs off the axis";
    }
    total += x[i].dims[axis];
  }
  return total == v.dims[axis] ? nullptr : "lengths on the axis do not add up";
}

Failure run_concat(const StepRun& s, int64_t from, int64_t to, const char*, char*) {
  const int axis = s.v.attributes[0];
  const Axes a(s.v, axis);
  const int64_t size = int64_t(kDTypeSize[s.v.dtype]), pitch = a.length * a.inner;
  const Range range(from, to, kMovedAtOnce, s.v.size);
  const int64_t first = range.begin / pitch, last = (range.end - 1) / pitch;
  int64_t at = 0;  // in a row of the result
  for (int i = 0; i < s.v.arity; ++i) {
    const int64_t n = a.inner * s.x[i].dims[axis];
    for (int64_t o = first; n > 0 && o <= last; ++o) {
      const int64_t begin = range.begin - o * pitch - at, end = range.end - o * pitch - at;  // in the operand's row
      const int64_t low = begin > 0 ? begin : 0, high = end < n ? end : n;
      if (low >= high) continue;
      std::memcpy(s.out[0] + (o * pitch + at + low) * size, s.in[i] + (o * n + low) * size,
                  size_t((high - low) * size));
    }
    at += n;
  }
  return {};
}

constexpr StepKind concat() {
  StepKind k;
  k.arity = Form::kAny;
  k.attributes = 1;  // axis
  k.check = check_concat;
  k.work = moving_work;
  k.units = moving_units;
  k.run = run_concat;
  return k;
}

}  // namespace

const StepKind slice_step = slice();
const StepKind place_step = place();
const StepKind transpose_step = transpose();
const StepKind concat_step = concat();

}  // namespace gradtape
