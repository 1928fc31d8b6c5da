// Scans along an axis: running sums, products and logarithms of sums of exponentials, and linear recurrences.
#include <cmath>
#include <cstring>

#include "step.h"

namespace gradtape {
namespace {

constexpr int64_t kStrip = 1024;  // columns of a unit: what was added last stays in L1
constexpr int64_t kLanes = 256;   // lines that advance together: their results so far stay in L1

// Of a tensor [outer, length, inner], along the middle axis.
struct Scan {
  int64_t outer, length, inner;
  explicit Scan(const Value& v) : outer(attribute(v, 0)), length(attribute(v, 1)), inner(attribute(v, 2)) {}
  int64_t across() const { return units_of(inner, kStrip); }
};

const char* check(const Value& v, Operands x, int operands) {
  for (int k = 0; k < operands; ++k) {
    if (x[k].dtype != v.dtype || !has_sums(v.dtype)) return "wrong dtype";
    if (!same_shape(v, x[k])) return "wrong shape";
  }
  int64_t size = 1;
  for (int i = 0; i < 3; ++i) {
    if (attribute(v, i) < 0) return "negative attribute";
    if (__builtin_mul_overflow(size, attribute(v, i), &size)) return "sizes overflow";
  }
  return size == v.size ? nullptr : "sizes differ from the attributes";
}
const char* check_one(const Value& v, Operands x) { return check(v, x, 1); }
const char* check_floating(const Value& v, Operands x) { return is_floating(v.dtype) ? check(v, x, 1) : "wrong dtype"; }
const char* check_two(const Value& v, Operands x) { return is_floating(v.dtype) ? check(v, x, 2) : "wrong dtype"; }

double work(const Value& v, Operands) { return double(v.size) * (attribute(v, 2) == 1 ? 4 : 1); }
double exponential_work(const Value& v, Operands) { return double(v.size) * 32; }

// ---- cumsum: attributes outer, length, inner, exclusive, reverse ----

int64_t sum_units(const Value& v, Operands, const Kernels&) {
  const Scan scan(v);
  return scan.outer * scan.across();
}

Failure run_sum(const StepRun& s, int64_t from, int64_t to, const char*, char*) {
  const Scan scan(s.v);
  const bool exclusive = attribute(s.v, 3) != 0, reverse = attribute(s.v, 4) != 0;
  const ScanFns& fns = s.kernels.cumsum[s.v.dtype];
  const int64_t size = int64_t(kDTypeSize[s.v.dtype]), across = scan.across();
  if (scan.inner == 1) {
    const int64_t at = from * scan.length * size;
    fns.rows(s.in[0] + at, s.out[0] + at, size_t(to - from), size_t(scan.length), exclusive, reverse);
    return {};
  }
  for (int64_t unit = from; unit < to; ++unit) {
    const int64_t o = unit / across;
    const Range columns(unit % across, unit % across + 1, kStrip, scan.inner);
    const int64_t at = (o * scan.length * scan.inner + columns.begin) * size;
    fns.columns(s.in[0] + at, s.out[0] + at, size_t(scan.inner), size_t(scan.length),
                size_t(columns.end - columns.begin), exclusive, reverse);
  }
  return {};
}

constexpr StepKind cumsum() {
  StepKind k;
  k.attributes = 5;
  k.sizes = true;
  k.check = check_one;
  k.work = work;
  k.units = sum_units;
  k.run = run_sum;
  return k;
}

// ---- the others: attributes outer, length, inner, reverse ----

// How a scan goes on, for a dtype.
struct Rule {
  // One line: from its elements, and those of a second operand, each `step` elements behind the one before.
  void (*line)(const char* x, const char* y, char* out, int64_t n, int64_t step);
  // Lines side by side: rows[0], their results so far, become the next ones, by rows[1] and rows[2], the next elements.
  void (*next)(const StepRun& s, char* const* rows, int64_t n);
};

// A unit is a line; or, where lines lie side by side or have no rule of their own, up to kLanes of these. Each line is
// computed by itself, so its bits do not depend on the others.
template <bool kLines>
int64_t line_units(const Value& v, Operands, const Kernels&) {
  const Scan scan(v);
  if (scan.inner > 1) return scan.outer * units_of(scan.inner, kLanes);
  return kLines ? scan.outer : units_of(scan.outer, kLanes);
}

constexpr int64_t kRows = 4;  // of kLanes elements that a part has for itself
size_t line_bytes(const Value& v, Operands, const Kernels&) { return kRows * kLanes * kDTypeSize[v.dtype]; }

template <class T>
void copy_each(char* to, int64_t to_stride, const char* from, int64_t from_stride, int64_t n) {
  for (int64_t j = 0; j < n; ++j)
    reinterpret_cast<T*>(to)[j * to_stride] = reinterpret_cast<const T*>(from)[j * from_stride];
}
void copy(int64_t size, char* to, int64_t to_stride, const char* from, int64_t from_stride, int64_t n) {
  if (to_stride == 1 && from_stride == 1)
    std::memcpy(to, from, size_t(n * size));
  else if (size == 4)
    copy_each<uint32_t>(to, to_stride, from, from_stride, n);
  else
    copy_each<uint64_t>(to, to_stride, from, from_stride, n);
}

void run_lines(const StepRun& s, const Rule& rule, int operands, int64_t from, int64_t to, char* own) {
  const Scan scan(s.v);
  const bool reverse = attribute(s.v, 3) != 0, alone = scan.inner == 1;
  const int64_t size = int64_t(kDTypeSize[s.v.dtype]);
  const int64_t step = reverse ? -scan.inner : scan.inner, last = reverse ? (scan.length - 1) * scan.inner : 0;
  if (alone && rule.line) {
    for (int64_t unit = from; unit < to; ++unit) {
      const int64_t at = (unit * scan.length + last) * size;
      rule.line(s.in[0] + at, operands > 1 ? s.in[1] + at : nullptr, s.out[0] + at, scan.length, step);
    }
    return;
  }
  const int64_t across = alone ? 1 : units_of(scan.inner, kLanes), stride = alone ? scan.length : 1;
  char* rows[kRows];
  for (int64_t r = 0; r < kRows; ++r) rows[r] = own + r * kLanes * size;
  for (int64_t unit = from; unit < to; ++unit) {
    const int64_t strip = alone ? unit : unit % across, block = alone ? 0 : unit / across * scan.length * scan.inner;
    const Range some(strip, strip + 1, kLanes, alone ? scan.outer : scan.inner);
    const int64_t n = some.end - some.begin;
    for (int64_t i = 0, at = block + some.begin * stride + last; i < scan.length; ++i, at += step) {
      for (int k = 0; k < operands; ++k)
        copy(size, rows[i == 0 && k == 0 ? 0 : k + 1], 1, s.in[k] + at * size, stride, n);
      if (i > 0) rule.next(s, rows, n);
      copy(size, s.out[0] + at * size, stride, rows[0], 1, n);
    }
  }
}

template <class T>
void product_line(const char* x, const char*, char* out, int64_t n, int64_t step) {
  T sofar = 1;
  for (int64_t i = 0; i < n; ++i)
    reinterpret_cast<T*>(out)[i * step] = sofar *= reinterpret_cast<const T*>(x)[i * step];
}
template <class T>
void product_next(const StepRun&, char* const* rows, int64_t n) {
  for (int64_t j = 0; j < n; ++j) reinterpret_cast<T*>(rows[0])[j] *= reinterpret_cast<const T*>(rows[1])[j];
}
template <class T>
constexpr Rule kProduct{product_line<T>, product_next<T>};

Failure run_product(const StepRun& s, int64_t from, int64_t to, const char*, char* own) {
  const Rule& rule = s.v.dtype == kFloat32   ? kProduct<float>
                     : s.v.dtype == kFloat64 ? kProduct<double>
                                             : kProduct<uint32_t>;  // wraps
  run_lines(s, rule, 1, from, to, own);
  return {};
}

// c[i] + b[i] out[i - 1], the first of each line c[0]. Where b is 0 it begins anew, whatever stood before.
template <class T>
T recur(T c, T b, T before) {
  return b == 0 ? c : c + b * before;
}
template <class T>
void recurrence_line(const char* c, const char* b, char* out, int64_t n, int64_t step) {
  T sofar = *reinterpret_cast<const T*>(c);
  for (int64_t i = 0; i < n; ++i) {
    if (i > 0) sofar = recur(reinterpret_cast<const T*>(c)[i * step], reinterpret_cast<const T*>(b)[i * step], sofar);
    reinterpret_cast<T*>(out)[i * step] = sofar;
  }
}
template <class T>
void recurrence_next(const StepRun&, char* const* rows, int64_t n) {
  T* sofar = reinterpret_cast<T*>(rows[0]);
  for (int64_t j = 0; j < n; ++j)
    sofar[j] = recur(reinterpret_cast<const T*>(rows[1])[j], reinterpret_cast<const T*>(rows[2])[j], sofar[j]);
}
template <class T>
constexpr Rule kRecurrence{recurrence_line<T>, recurrence_next<T>};

Failure run_recurrence(const StepRun& s, int64_t from, int64_t to, const char*, char* own) {
  run_lines(s, s.v.dtype == kFloat32 ? kRecurrence<float> : kRecurrence<double>, 2, from, to, own);
  return {};
}

template <class T>
void where_infinite(const char* high, char* sofar, int64_t n) {
  for (int64_t j = 0; j < n; ++j) {
    if (std::isinf(reinterpret_cast<const T*>(high)[j]))
      reinterpret_cast<T*>(sofar)[j] = reinterpret_cast<const T*>(high)[j];
  }
}
// log(exp(a) + exp(b)) = high + log1p(exp(low - high)), by the kernels of the ISA. Where `high` is infinite the
// difference may be NaN, and the result is `high`.
void logarithm_next(const StepRun& s, char* const* rows, int64_t n) {
  const auto call = [&](unsigned kernel, const char* a, const char* b, char* out) {
    s.kernels.elementwise(kernel, s.v.dtype)[0](a, b, nullptr, out, size_t(n));
  };
  char *const sofar = rows[0], *const low = rows[1], *const high = rows[2];
  call(k_maximum, sofar, low, high);
  call(k_minimum, sofar, low, low);
  call(k_sub, low, high, low);
  call(k_exp, low, nullptr, low);
  call(k_log1p, low, nullptr, low);
  call(k_add, low, high, sofar);
  s.v.dtype == kFloat32 ? where_infinite<float>(high, sofar, n) : where_infinite<double>(high, sofar, n);
}
constexpr Rule kLogarithm{nullptr, logarithm_next};

Failure run_logarithm(const StepRun& s, int64_t from, int64_t to, const char*, char* own) {
  run_lines(s, kLogarithm, 1, from, to, own);
  return {};
}

constexpr StepKind line_kind() {
  StepKind k;
  k.attributes = 4;
  k.sizes = true;
  k.check = check_one;
  k.work = work;
  k.units = line_units<true>;
  k.own_bytes = line_bytes;
  return k;
}
constexpr StepKind cumprod() {
  StepKind k = line_kind();
  k.run = run_product;
  return k;
}
constexpr StepKind cumulative_logsumexp() {
  StepKind k = line_kind();
  k.check = check_floating;
  k.work = exponential_work;
  k.units = line_units<false>;
  k.run = run_logarithm;
  return k;
}
constexpr StepKind recurrence() {  // (c, b)
  StepKind k = line_kind();
  k.arity = 2;
  k.check = check_two;
  k.run = run_recurrence;
  return k;
}

}  // namespace

const StepKind cumsum_step = cumsum();
const StepKind cumprod_step = cumprod();
const StepKind cumulativeLogsumexp_step = cumulative_logsumexp();
const StepKind recurrence_step = recurrence();

}  // namespace gradtape
