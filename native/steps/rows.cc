// Kernels that work on each row (argmax: or column) by itself: argmax, softmax and their like.
#include <algorithm>
#include <cstring>

#include "step.h"

namespace gradtape {
namespace {

constexpr double kSoftmaxPasses = 8;  // what softmax and its like are worth, in passes over the operand
constexpr int64_t kCutColumns = 512;  // of a unit

const char* check_arg(const Value& v, Operands x) {
  if (v.dtype != kInt32 || is_boolean(x[0].dtype)) return "wrong dtype";
  return without_axis(v, x[0], v.attributes[0]);
}

double arg_work(const Value&, Operands x) { return double(x[0].size); }

int64_t arg_units(const Value& v, Operands x, const Kernels&) {
  const Axes a(x[0], v.attributes[0]);
  return a.inner == 1 ? a.outer : a.outer * units_of(a.inner, kCutColumns);
}

template <ArgFns (Kernels::*table)[kDTypes]>
Failure run_arg(const StepRun& s, int64_t from, int64_t to, const char*, char*) {
  const ArgFns& fns = (s.kernels.*table)[s.x[0].dtype];
  const int64_t size = int64_t(kDTypeSize[s.x[0].dtype]);
  const Axes a(s.x[0], s.v.attributes[0]);
  auto* out = reinterpret_cast<int32_t*>(s.out[0]);
  if (a.inner == 1) {
    fns.rows(s.in[0] + from * a.length * size, out + from, size_t(to - from), size_t(a.length));
    return {};
  }
  const int64_t across = units_of(a.inner, kCutColumns);
  for (int64_t unit = from, next; unit < to; unit = next) {
    const int64_t o = unit / across;
    next = (o + 1) * across < to ? (o + 1) * across : to;
    const Range columns(unit - o * across, next - o * across, kCutColumns, a.inner);
    fns.columns(s.in[0] + (o * a.length * a.inner + columns.begin) * size, size_t(a.inner),
                out + o * a.inner + columns.begin, size_t(a.length), size_t(columns.end - columns.begin));
  }
  return {};
}

template <ArgFns (Kernels::*table)[kDTypes]>
constexpr StepKind arg_kind() {
  StepKind k;
  k.attributes = 1;  // axis
  k.check = check_arg;
  k.work = arg_work;
  k.units = arg_units;
  k.run = run_arg<table>;
  return k;
}

const char* check_softmax(const Value& v, Operands x) {
  if (!is_floating(v.dtype) || x[0].dtype != v.dtype) return "wrong dtype";
  return v.rank > 0 && same_shape(v, x[0]) ? nullptr : "wrong shape";
}

const char* check_causal_softmax(const Value& v, Operands x) {
  if (v.rank < 2) return "operand rank is below 2";
  return v.attributes[0] < 0 ? "negative attribute" : check_softmax(v, x);
}

const char* check_log_sum_exp(const Value& v, Operands x) {
  if (!is_floating(v.dtype) || x[0].dtype != v.dtype) return "wrong dtype";
  return without_axis(v, x[0], x[0].rank - 1);
}

double softmax_work(const Value&, Operands x) { return double(x[0].size) * kSoftmaxPasses; }

int64_t row_units(const Value&, Operands x, const Kernels&) { return x[0].size / x[0].dims[x[0].rank - 1]; }

// Each row along the last axis becomes a row, or one element.
template <RowsFn (Kernels::*table)[kDTypes]>
Failure run_rows(const StepRun& s, int64_t from, int64_t to, const char*, char*) {
  const Value& x = s.x[0];
  const int64_t size = int64_t(kDTypeSize[x.dtype]), length = x.dims[x.rank - 1],
                out_length = s.v.rank == x.rank ? length : 1;
  (s.kernels.*table)[x.dtype](s.in[0] + from * length * size, s.out[0] + from * out_length * size, size_t(to - from),
                              size_t(length));
  return {};
}

// Row i of each matrix sees its first elements, i and those before and so many as the attribute says; others are 0.
Failure run_causal_softmax(const StepRun& s, int64_t from, int64_t to, const char*, char*) {
  const Value& v = s.v;
  const int64_t size = int64_t(kDTypeSize[v.dtype]), length = v.dims[v.rank - 1], rows = v.dims[v.rank - 2];
  for (int64_t row = from; row < to; ++row) {
    const int64_t seen = std::min(length, v.attributes[0] + row % rows + 1);
    char* const out = s.out[0] + row * length * size;
    s.kernels.softmax[v.dtype](s.in[0] + row * length * size, out, 1, size_t(seen));
    std::memset(out + seen * size, 0, size_t((length - seen) * size));
  }
  return {};
}

template <RowsFn (Kernels::*table)[kDTypes]>
constexpr StepKind rows_kind(const char* (*check)(const Value&, Operands)) {
  StepKind k;
  k.check = check;
  k.work = softmax_work;
  k.units = row_units;
  k.run = run_rows<table>;
  return k;
}

constexpr StepKind causal_softmax() {
  StepKind k = rows_kind<&Kernels::softmax>(check_causal_softmax);
  k.attributes = 1;  // how many elements the first row sees beside its own
  k.run = run_causal_softmax;
  return k;
}

}  // namespace

const StepKind argmax_step = arg_kind<&Kernels::argmax>();
const StepKind argmin_step = arg_kind<&Kernels::argmin>();
const StepKind softmax_step = rows_kind<&Kernels::softmax>(check_softmax);
const StepKind causalSoftmax_step = causal_softmax();
const StepKind logSoftmax_step = rows_kind<&Kernels::log_softmax>(check_softmax);
const StepKind logSumExp_step = rows_kind<&Kernels::log_sum_exp>(check_log_sum_exp);

}  // namespace gradtape
