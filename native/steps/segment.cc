// Segments: rows with one number (the index) are combined into one, by a reduction. A row whose number is negative
// belongs to no segment.
#include <algorithm>
#include <limits>

#include "indexed-rows.h"

namespace gradtape {
namespace {

const char* check(const Value& v, Operands x) {
  if (x[1].dtype != kInt32) return "segment numbers are not int32";
  const int64_t reduction = attribute(v, 5);
  if (reduction < 0 || reduction >= kReductions) return "unknown reduction";
  const bool extreme = reduction == kMax || reduction == kMin;
  if (x[0].dtype != v.dtype || is_boolean(v.dtype) || !(extreme || has_sums(v.dtype))) return "wrong dtype";
  const Sizes sizes(v);
  if (sizes.error) return sizes.error;
  if (x[1].size != sizes.indices || x[0].size != sizes.rows || v.size != sizes.whole)
    return "sizes differ from the attributes";
  return nullptr;
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

Failure run(const StepRun& s, int64_t from, int64_t to, const char*, char*) {
  const Rows r(s.v);
  const auto reduction = Reduction(attribute(s.v, 5));
  char* const first = s.out[0] + from * r.inner * int64_t(kDTypeSize[s.v.dtype]);
  const int64_t elements = (to - from) * r.inner;
  switch (s.v.dtype) {
    case kFloat32:
      fill<float>(first, elements, reduction);
      break;
    case kFloat64:
      fill<double>(first, elements, reduction);
      break;
    case kInt32:
      fill<int32_t>(first, elements, reduction);
      break;
    default:
      fill<uint8_t>(first, elements, reduction);
  }
  return combine_rows(s, from, to, s.in[0], s.in[1], true, kCombine[reduction]);
}

constexpr StepKind segment_reduce() {  // (rows, numbers)
  StepKind k;
  k.arity = 2;
  k.attributes = 6;  // batch, outer, length, count, inner, reduction
  k.sizes = true;
  k.can_fail = true;
  k.check = check;
  k.work = combining_work;
  k.units = combining_units;
  k.repeats = true;
  k.run = run;
  return k;
}

}  // namespace

const StepKind segmentReduce_step = segment_reduce();

}  // namespace gradtape
