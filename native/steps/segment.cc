// Segments: rows with one number are combined into one, by a reduction.
#include <algorithm>
#include <cstring>
#include <limits>

#include "step.h"

namespace gradtape {
namespace {

// Of the rows [batch, outer, count, inner], by numbers [batch, count], the result [batch, outer, length, inner]. A row
// whose number is negative belongs to no segment.
struct Segments {
  int64_t batch, outer, length, count, inner;
  Reduction reduction;
  explicit Segments(const Value& v)
      : batch(attribute(v, 0)),
        outer(attribute(v, 1)),
        length(attribute(v, 2)),
        count(attribute(v, 3)),
        inner(attribute(v, 4)),
        reduction(Reduction(attribute(v, 5))) {}
};

const char* check(const Value& v, Operands x) {
  if (x[1].dtype != kInt32) return "segment numbers are not int32";
  const int64_t reduction = attribute(v, 5);
  if (reduction < 0 || reduction >= kReductions) return "unknown reduction";
  const bool extreme = reduction == kMax || reduction == kMin;
  if (x[0].dtype != v.dtype || is_boolean(v.dtype) || !(extreme || has_sums(v.dtype))) return "wrong dtype";
  int64_t rows = 1, result = 1, count;
  for (int i = 0; i < 5; ++i) {
    const int64_t at = attribute(v, i);
    if (at < 0) return "negative attribute";
    if (i != 2 && __builtin_mul_overflow(rows, at, &rows)) return "sizes overflow";
    if (i != 3 && __builtin_mul_overflow(result, at, &result)) return "sizes overflow";
  }
  if (__builtin_mul_overflow(attribute(v, 0), attribute(v, 3), &count)) return "sizes overflow";
  if (x[1].size != count || x[0].size != rows || v.size != result) return "sizes differ from the attributes";
  return nullptr;
}

double work(const Value& v, Operands x) { return double(v.size) + double(x[0].size) + double(x[1].size); }

// A unit is a row of the result.
int64_t units(const Value& v, Operands, const Kernels&) {
  const Segments r(v);
  return r.batch * r.outer * r.length;
}

// What an empty segment has: the extremes as TensorFlow's, finite.
template <class T>
void fill(char* to, int64_t n, Reduction reduction) {
  using Limits = std::numeric_limits<T>;
  const T identity = reduction == kMax   ? Limits::lowest()
                     : reduction == kMin ? Limits::max()
                                         : T(reduction == kProd ? 1 : 0);
  std::fill_n(reinterpret_cast<T*>(to), n, identity);
}

// Every part looks at all numbers of its blocks and combines the rows that are its own, in their order.
Failure run(const StepRun& s, int64_t from, int64_t to, const char*, char*) {
  const Segments r(s.v);
  const auto* numbers = reinterpret_cast<const int32_t*>(s.in[1]);
  const int64_t row = r.inner * int64_t(kDTypeSize[s.v.dtype]);
  char* const first = s.out[0] + from * row;
  const int64_t elements = (to - from) * r.inner;
  switch (s.v.dtype) {
    case kFloat32:
      fill<float>(first, elements, r.reduction);
      break;
    case kFloat64:
      fill<double>(first, elements, r.reduction);
      break;
    case kInt32:
      fill<int32_t>(first, elements, r.reduction);
      break;
    default:
      fill<uint8_t>(first, elements, r.reduction);
  }
  const ElementwiseFn combine = s.kernels.elementwise(kCombine[r.reduction], s.v.dtype)[0];
  for (int64_t unit = from, next; unit < to; unit = next) {
    const int64_t block = unit / r.length, low = unit - block * r.length;
    next = std::min((block + 1) * r.length, to);
    const int64_t high = low + (next - unit);
    const int32_t* at = numbers + block / r.outer * r.count;
    char* target = s.out[0] + block * r.length * row;
    const char* source = s.in[0] + block * r.count * row;
    for (int64_t i = 0; i < r.count; ++i) {
      if (at[i] >= r.length) return {Failure::k_index, s.self, at[i], r.length};
      if (at[i] < low || at[i] >= high) continue;
      char* to_row = target + at[i] * row;
      combine(to_row, source + i * row, nullptr, to_row, size_t(r.inner));
    }
  }
  return {};
}

constexpr StepKind segment_reduce() {  // (rows, numbers)
  StepKind k;
  k.arity = 2;
  k.attributes = 6;  // batch, outer, length, count, inner, reduction
  k.sizes = true;
  k.can_fail = true;
  k.check = check;
  k.work = work;
  k.units = units;
  k.run = run;
  return k;
}

}  // namespace

const StepKind segmentReduce_step = segment_reduce();

}  // namespace gradtape
