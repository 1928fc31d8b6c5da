// Rows by index: gather reads them, scatterAdd, its transpose, adds there, and scatterInto combines them into others.
#include <cstring>
#include <iterator>

#include "indexed-rows.h"

namespace gradtape {
namespace {

const char* check(const Value& v, Operands x, bool gathers) {
  if (x[1].dtype != kInt32) return "indices are not int32";
  if (x[0].dtype != v.dtype) return "wrong result dtype";
  if (!gathers && !has_sums(v.dtype)) return "dtype has no add";
  const Sizes sizes(v);
  if (sizes.error) return sizes.error;
  if (x[1].size != sizes.indices) return "count of indices differs from the attributes";
  if (x[0].size != (gathers ? sizes.whole : sizes.rows) || v.size != (gathers ? sizes.rows : sizes.whole))
    return "sizes differ from the attributes";
  return nullptr;
}
const char* check_gather(const Value& v, Operands x) { return check(v, x, true); }
const char* check_scatter(const Value& v, Operands x) { return check(v, x, false); }

// What scatterInto makes of a row there and one of the updates, by its attribute: 0 takes the latter, 1 and so on
// compute one of both.
constexpr unsigned kWays[] = {k_add, k_sub, k_maximum, k_minimum, k_mul};

const char* check_into(const Value& v, Operands x) {
  if (x[2].dtype != kInt32) return "indices are not int32";
  if (x[0].dtype != v.dtype || x[1].dtype != v.dtype) return "wrong result dtype";
  if (!same_shape(v, x[0])) return "wrong shape";
  const int64_t way = attribute(v, 5);
  if (way < 0 || way > int64_t(std::size(kWays))) return "unknown way";
  if (way > 0 && is_boolean(v.dtype)) return "dtype has no arithmetic";
  const Sizes sizes(v);
  if (sizes.error) return sizes.error;
  if (x[2].size != sizes.indices) return "count of indices differs from the attributes";
  return v.size == sizes.whole && x[1].size == sizes.rows ? nullptr : "sizes differ from the attributes";
}

double gather_work(const Value& v, Operands x) { return double(v.size) + double(x[1].size); }

// A unit is a row of the result.
int64_t gather_units(const Value& v, Operands, const Kernels&) {
  const Rows r(v);
  return r.batch * r.outer * r.count;
}

// Copies a row whose size is known to the compiler; 0: it is not.
template <size_t Bytes>
struct Row {
  static void copy(char* to, const char* from, size_t) { std::memcpy(to, from, Bytes); }
};
template <>
struct Row<0> {
  static void copy(char* to, const char* from, size_t bytes) { std::memcpy(to, from, bytes); }
};

template <size_t Bytes>
Failure gather_rows(const StepRun& s, const Rows& r, int64_t row, int64_t from, int64_t to) {
  const auto* indices = reinterpret_cast<const int32_t*>(s.in[1]);
  char* out = s.out[0] + from * row;
  for (int64_t unit = from, next; unit < to; unit = next) {
    const int64_t block = unit / r.count, first = unit - block * r.count;
    next = (block + 1) * r.count < to ? (block + 1) * r.count : to;
    const int32_t* at = indices + block / r.outer * r.count + first;
    const char* source = s.in[0] + block * r.length * row;
    for (int64_t i = 0; i < next - unit; ++i, out += row) {
      if (at[i] < 0 || at[i] >= r.length) return out_of_range(s, at[i], r.length);
      Row<Bytes>::copy(out, source + at[i] * row, size_t(row));
    }
  }
  return {};
}

Failure run_gather(const StepRun& s, int64_t from, int64_t to, const char*, char*) {
  const Rows r(s.v);
  const int64_t row = r.inner * int64_t(kDTypeSize[s.v.dtype]);
  if (row == 4) return gather_rows<4>(s, r, row, from, to);
  if (row == 8) return gather_rows<8>(s, r, row, from, to);
  return gather_rows<0>(s, r, row, from, to);
}

Failure run_scatter(const StepRun& s, int64_t from, int64_t to, const char*, char*) {
  const int64_t row = Rows(s.v).inner * int64_t(kDTypeSize[s.v.dtype]);
  std::memset(s.out[0] + from * row, 0, size_t((to - from) * row));
  return combine_rows(s, from, to, s.in[0], s.in[1], false, k_add);
}

Failure run_into(const StepRun& s, int64_t from, int64_t to, const char*, char*) {
  const int64_t row = Rows(s.v).inner * int64_t(kDTypeSize[s.v.dtype]), way = attribute(s.v, 5);
  if (s.out[0] != s.in[0]) std::memcpy(s.out[0] + from * row, s.in[0] + from * row, size_t((to - from) * row));
  if (way > 0) return combine_rows(s, from, to, s.in[1], s.in[2], false, kWays[way - 1]);
  return for_rows(s, from, to, s.in[1], s.in[2], false,
                  [&](char* to_row, const char* from_row) { std::memcpy(to_row, from_row, size_t(row)); });
}

Failure check_into_indices(const StepRun& s) {
  const Rows r(s.v);
  const auto* at = reinterpret_cast<const int32_t*>(s.in[2]);
  for (int64_t i = 0; i < r.batch * r.count; ++i) {
    if (at[i] < 0 || at[i] >= r.length) return out_of_range(s, at[i], r.length);
  }
  return {};
}

double into_work(const Value& v, Operands x) { return 2 * double(v.size) + double(x[1].size) + double(x[2].size); }

constexpr StepKind rows_kind() {
  StepKind k;
  k.arity = 2;
  k.attributes = 5;  // batch, outer, length, count, inner
  k.sizes = true;
  k.can_fail = true;
  return k;
}
constexpr StepKind gather() {  // (params, indices)
  StepKind k = rows_kind();
  k.check = check_gather;
  k.work = gather_work;
  k.units = gather_units;
  k.run = run_gather;
  return k;
}
constexpr StepKind scatter() {  // (updates, indices)
  StepKind k = rows_kind();
  k.check = check_scatter;
  k.work = combining_work;
  k.units = combining_units;
  k.repeats = true;
  k.run = run_scatter;
  return k;
}
constexpr StepKind scatter_into() {  // (rows, updates, indices)
  StepKind k = rows_kind();
  k.arity = 3;
  k.attributes = 6;  // those of all, and the way
  k.check = check_into;
  k.check_data = check_into_indices;
  k.checked = 2;
  k.work = into_work;
  k.units = combining_units;
  k.repeats = true;
  k.run = run_into;
  return k;
}

}  // namespace

const StepKind gather_step = gather();
const StepKind scatterAdd_step = scatter();
const StepKind scatterInto_step = scatter_into();

}  // namespace gradtape
