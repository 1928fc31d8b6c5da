// Running sums along an axis.
#include "step.h"

namespace gradtape {
namespace {

constexpr int64_t kStrip = 1024;  // columns of a unit: what was added last stays in L1

struct Scan {
  int64_t outer, length, inner;
  bool exclusive, reverse;
  explicit Scan(const Value& v)
      : outer(attribute(v, 0)),
        length(attribute(v, 1)),
        inner(attribute(v, 2)),
        exclusive(attribute(v, 3) != 0),
        reverse(attribute(v, 4) != 0) {}
  int64_t across() const { return units_of(inner, kStrip); }
};

const char* check(const Value& v, Operands x) {
  if (x[0].dtype != v.dtype || !has_sums(v.dtype)) return "wrong dtype";
  if (!same_shape(v, x[0])) return "wrong shape";
  int64_t size = 1;
  for (int i = 0; i < 3; ++i) {
    if (attribute(v, i) < 0) return "negative attribute";
    if (__builtin_mul_overflow(size, attribute(v, i), &size)) return "sizes overflow";
  }
  return size == v.size ? nullptr : "sizes differ from the attributes";
}

double work(const Value& v, Operands) { return double(v.size) * (attribute(v, 2) == 1 ? 4 : 1); }

int64_t units(const Value& v, Operands, const Kernels&) {
  const Scan scan(v);
  return scan.outer * scan.across();
}

Failure run(const StepRun& s, int64_t from, int64_t to, const char*, char*) {
  const Scan scan(s.v);
  const ScanFns& fns = s.kernels.cumsum[s.v.dtype];
  const int64_t size = int64_t(kDTypeSize[s.v.dtype]), across = scan.across();
  if (scan.inner == 1) {
    const int64_t at = from * scan.length * size;
    fns.rows(s.in[0] + at, s.out[0] + at, size_t(to - from), size_t(scan.length), scan.exclusive, scan.reverse);
    return {};
  }
  for (int64_t unit = from; unit < to; ++unit) {
    const int64_t o = unit / across;
    const Range columns(unit % across, unit % across + 1, kStrip, scan.inner);
    const int64_t at = (o * scan.length * scan.inner + columns.begin) * size;
    fns.columns(s.in[0] + at, s.out[0] + at, size_t(scan.inner), size_t(scan.length),
                size_t(columns.end - columns.begin), scan.exclusive, scan.reverse);
  }
  return {};
}

constexpr StepKind cumsum() {
  StepKind k;
  k.attributes = 5;  // outer, length, inner, exclusive, reverse
  k.sizes = true;
  k.check = check;
  k.work = work;
  k.units = units;
  k.run = run;
  return k;
}

}  // namespace

const StepKind cumsum_step = cumsum();

}  // namespace gradtape
