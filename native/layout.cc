#include "layout.h"

#include <cstring>
#include <utility>

namespace gradtape {
namespace {

struct Axis {
  int64_t length, from, to;  // strides in elements
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

// Copies every element of the box spanned by the axes (outermost first).
void copy_strided(size_t size, const char* from, char* to, Axis* axes, int rank) {
  int kept = 0;
  for (int d = 0; d < rank; ++d) {
    if (axes[d].length == 1) continue;
    if (kept > 0 && axes[kept - 1].from == axes[d].from * axes[d].length &&
        axes[kept - 1].to == axes[d].to * axes[d].length) {
      axes[kept - 1] = {axes[kept - 1].length * axes[d].length, axes[d].from, axes[d].to};
    } else {
      axes[kept++] = axes[d];
    }
  }
  if (kept == 0) axes[kept++] = {1, 1, 1};
  const Axis inner = axes[kept - 1];
  const int64_t bytes = int64_t(size);
  int64_t index[kMaxRank] = {};
  for (;;) {
    if (inner.from == 1 && inner.to == 1)
      std::memcpy(to, from, size_t(inner.length * bytes));
    else if (size == 1)
      copy_row<1>(from, inner.from, to, inner.to, inner.length);
    else if (size == 4)
      copy_row<4>(from, inner.from, to, inner.to, inner.length);
    else
      copy_row<8>(from, inner.from, to, inner.to, inner.length);
    int d = kept - 2;
    for (; d >= 0; --d) {
      from += axes[d].from * bytes;
      to += axes[d].to * bytes;
      if (++index[d] < axes[d].length) break;
      from -= axes[d].from * axes[d].length * bytes;
      to -= axes[d].to * axes[d].length * bytes;
      index[d] = 0;
    }
    if (d < 0) return;
  }
}

// Window: the smaller of the two, contiguous; whole: walked from `begin` in steps.
void window_axes(const Value& v, const Value& window, const Value& whole, bool whole_is_source, Axis* axes,
                 int64_t& start) {
  int64_t window_stride = 1, whole_stride = 1;
  start = 0;
  for (int d = v.rank - 1; d >= 0; --d) {
    const int64_t begin = v.attributes[2 * d], step = v.attributes[2 * d + 1];
    start += begin * whole_stride;
    const int64_t walked = step * whole_stride;
    axes[d] = {window.dims[d], whole_is_source ? walked : window_stride, whole_is_source ? window_stride : walked};
    window_stride *= window.dims[d];
    whole_stride *= whole.dims[d];
  }
}

void run_transpose(const Value& v, const Value& x, const Kernels& kernels, const char* from, char* to) {
  const size_t size = kDTypeSize[v.dtype];
  int64_t from_strides[kMaxRank], stride = 1;
  for (int d = x.rank - 1; d >= 0; --d) {
    from_strides[d] = stride;
    stride *= x.dims[d];
  }
  // Drop axes of length 1 and merge those that stay neighbours.
  Axis axes[kMaxRank];
  int rank = 0;
  for (int d = 0; d < v.rank; ++d) {
    const int64_t length = v.dims[d], from_stride = from_strides[v.attributes[d]];
    if (length == 1) continue;
    if (rank > 0 && axes[rank - 1].from == from_stride * length)
      axes[rank - 1] = {axes[rank - 1].length * length, from_stride, 0};
    else
      axes[rank++] = {length, from_stride, 0};
  }
  stride = 1;
  for (int d = rank - 1; d >= 0; --d) {
    axes[d].to = stride;
    stride *= axes[d].length;
  }
  int fast = -1;  // the axis along which the source is contiguous
  for (int d = 0; d < rank; ++d) {
    if (axes[d].from == 1) fast = d;
  }
  if (rank < 2 || fast == rank - 1 || fast < 0) return copy_strided(size, from, to, axes, rank);
  const TransposeFn transpose = kernels.transpose[size == 8 ? 3 : size == 4 ? 2 : 0];
  const Axis rows = axes[rank - 1], columns = axes[fast];
  Axis rest[kMaxRank];
  int others = 0;
  for (int d = 0; d < rank - 1; ++d) {
    if (d != fast) rest[others++] = axes[d];
  }
  int64_t index[kMaxRank] = {}, at_from = 0, at_to = 0;
  for (;;) {
    transpose(from + at_from * int64_t(size), size_t(rows.from), to + at_to * int64_t(size), size_t(columns.to),
              size_t(rows.length), size_t(columns.length));
    int d = others - 1;
    for (; d >= 0; --d) {
      at_from += rest[d].from;
      at_to += rest[d].to;
      if (++index[d] < rest[d].length) break;
      at_from -= rest[d].from * rest[d].length;
      at_to -= rest[d].to * rest[d].length;
      index[d] = 0;
    }
    if (d < 0) return;
  }
}

void run_concat(const Value& v, const Value* values, const char* const* x, char* out) {
  const int axis = v.attributes[0];
  int64_t outer = 1, inner = int64_t(kDTypeSize[v.dtype]);
  for (int d = 0; d < axis; ++d) outer *= v.dims[d];
  for (int d = axis + 1; d < v.rank; ++d) inner *= v.dims[d];
  const int64_t pitch = inner * v.dims[axis];
  int64_t at = 0;
  for (int i = 0; i < v.arity; ++i) {
    const Value& operand = values[v.operands[i]];
    const int64_t bytes = inner * operand.dims[axis];
    if (bytes == 0) continue;
    for (int64_t o = 0; o < outer; ++o) std::memcpy(out + o * pitch + at, x[i] + o * bytes, size_t(bytes));
    at += bytes;
  }
}

Failure run_gather(const Value& v, int32_t self, const Kernels& kernels, const char* source, const int32_t* indices,
                   char* out) {
  const int64_t batch = attribute(v, 0), outer = attribute(v, 1), length = attribute(v, 2), count = attribute(v, 3),
                inner = attribute(v, 4);
  const int64_t row = inner * int64_t(kDTypeSize[v.dtype]);
  for (int64_t i = 0; i < batch * count; ++i) {
    if (indices[i] < 0 || indices[i] >= length) return {Failure::kIndexOutOfRange, self, indices[i], length};
  }
  const bool gathers = v.opcode == kGather;
  if (!gathers) std::memset(out, 0, size_t(v.size) * kDTypeSize[v.dtype]);
  const ElementwiseFn add = kernels.elementwise[k_add][v.dtype][0];
  for (int64_t b = 0; b < batch; ++b) {
    for (int64_t o = 0; o < outer; ++o) {
      const int64_t block = b * outer + o;
      for (int64_t i = 0; i < count; ++i) {
        const int64_t long_at = (block * length + indices[b * count + i]) * row, short_at = (block * count + i) * row;
        if (gathers)
          std::memcpy(out + short_at, source + long_at, size_t(row));
        else if (inner > 0)
          add(out + long_at, source + short_at, nullptr, out + long_at, size_t(inner));
      }
    }
  }
  return {};
}

uint64_t key_of(const double* data) { return uint64_t(data[0]) | uint64_t(data[1]) << 32; }

void run_random(const Value& v, const Kernels& kernels, const double* data, char* out) {
  const uint64_t key = key_of(data), offset = uint64_t(data[2]);
  const size_t n = size_t(v.size);
  if (v.opcode == kRandomNormal) return kernels.random_normal[v.dtype](key, offset, out, n);
  kernels.random_uniform[v.dtype](key, offset, out, n);
  if (v.opcode != kRandomPermutation) return;
  // Fisher-Yates; the random words stand in the output itself, each read just before its place is settled. Inside-out:
  // place i receives the element at a random earlier place, so words beyond i are still untouched.
  auto* p = reinterpret_cast<int32_t*>(out);
  for (size_t i = 0; i < n; ++i) {
    const uint64_t j = uint64_t(uint32_t(p[i])) * (i + 1) >> 32;
    p[i] = p[j];
    p[j] = int32_t(i);
  }
}

}  // namespace

Failure run_layout(const Value& v, const Value* values, const Kernels& kernels, const char* const* x, char* out,
                   const double* data) {
  const Value* operand = v.arity > 0 ? &values[v.operands[0]] : nullptr;
  const size_t size = kDTypeSize[v.dtype];
  Axis axes[kMaxRank + 1];
  int64_t start;
  switch (v.opcode) {
    case kTranspose:
      run_transpose(v, *operand, kernels, x[0], out);
      return {};
    case kSlice:
      window_axes(v, v, *operand, true, axes, start);
      copy_strided(size, x[0] + start * int64_t(size), out, axes, v.rank);
      return {};
    case kPlace:
      std::memset(out, 0, size_t(v.size) * size);
      if (operand->size == 0) return {};
      window_axes(v, *operand, v, false, axes, start);
      copy_strided(size, x[0], out + start * int64_t(size), axes, v.rank);
      return {};
    case kConcat:
      run_concat(v, values, x, out);
      return {};
    case kGather:
    case kScatterAdd:
      return run_gather(v, int32_t(&v - values), kernels, x[0], reinterpret_cast<const int32_t*>(x[1]), out);
    default:
      run_random(v, kernels, data + v.data, out);
      return {};
  }
}

}  // namespace gradtape
