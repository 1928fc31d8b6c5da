#include "program.h"

namespace gradtape {
namespace {

const char* check_elementwise(const Value& v, Operands x) {
  const ElementwiseInfo& info = kElementwiseInfo[v.opcode - kFirstElementwise];
  const int first = info.first_is_bool ? 1 : 0;
  const DType dtype = x[first].dtype;
  for (int i = 0; i < v.arity; ++i) {
    if (!broadcasts_to(x[i], v)) return "operand does not broadcast to the result";
    if (x[i].dtype != (i < first ? kBool : dtype)) return "operand dtypes differ";
  }
  if (v.dtype != (info.to_bool ? kBool : dtype)) return "wrong result dtype";
  return nullptr;
}

const char* check_reduction(const Value& v, Operands operands) {
  const Value& x = operands[0];
  const int reduction = v.opcode - kFirstReduction;
  if (x.dtype != v.dtype) return "wrong result dtype";
  if (!has_sums(v.dtype) && reduction != kMax && reduction != kMin) return "dtype has no such reduction";
  const int64_t outer = attribute(v, 0), length = attribute(v, 1), inner = attribute(v, 2);
  if (outer < 0 || length < 0 || inner < 0) return "negative attribute";
  int64_t kept, all;
  if (__builtin_mul_overflow(outer, inner, &kept) || __builtin_mul_overflow(kept, length, &all))
    return "sizes overflow";
  if (kept != v.size || all != x.size) return "sizes differ from the attributes";
  if (length == 0 && kept > 0) return "nothing to reduce";
  return nullptr;
}

const char* check_nothing(const Value&, Operands) { return nullptr; }
const char* check_literal(const Value& v, Operands) { return v.rank == 0 ? nullptr : "a literal has shape []"; }
const char* check_reshape(const Value& v, Operands x) {
  return x[0].size == v.size && x[0].dtype == v.dtype ? nullptr : "sizes or dtypes differ";
}
const char* check_broadcast(const Value& v, Operands x) {
  return broadcasts_to(x[0], v) && x[0].dtype == v.dtype ? nullptr : "does not broadcast";
}
const char* check_cast(const Value& v, Operands x) { return same_shape(x[0], v) ? nullptr : "shapes differ"; }

// Checks that result k exists and is shown once; its dtype and shape are for the step's check_result to judge.
const char* check_result(const Value& v, Operands x) {
  const Value& step = x[0];
  const int k = v.attributes[0];
  if (!is_step(step.opcode)) return "the operand is no step";
  const StepKind& kind = step_kind(step.opcode);
  if (k < 1 || k >= kind.results) return "the operand has no such result";
  if (step.results >> k & 1) return "a result is shown twice";
  if (step.size == 0 && v.size > 0) return "the operand has no elements";
  return kind.check_result(step, x.of(step), k, v);
}

constexpr Form form(const char* name, int arity, int attributes, const char* (*check)(const Value&, Operands)) {
  Form f;
  f.name = name;
  f.arity = arity;
  f.attributes = attributes;
  f.check = check;
  f.cheap = true;
  return f;
}

constexpr Form data_form(const char* name, const char* (*check)(const Value&, Operands)) {
  Form f = form(name, 0, 0, check);
  f.numbers = 1;
  return f;
}

constexpr Form reduction_form(const char* name) {
  Form f = form(name, 1, 3, check_reduction);  // outer, length, inner
  f.sizes = true;
  f.cheap = false;
  return f;
}

std::vector<Form> all_forms() {
  std::vector<Form> list(kOpcodes);
  list[kInput] = data_form("input", check_nothing);
  list[kLiteral] = data_form("literal", check_literal);
  list[kReshape] = form("reshape", 1, 0, check_reshape);
  list[kBroadcast] = form("broadcast", 1, 0, check_broadcast);
  list[kCast] = form("cast", 1, 0, check_cast);
  list[kResult] = form("result", 1, 1, check_result);
  list[kResult].cheap = false;
  list[kFirstReduction + kSum] = reduction_form("reduceSum");
  list[kFirstReduction + kProd] = reduction_form("reduceProd");
  list[kFirstReduction + kMax] = reduction_form("reduceMax");
  list[kFirstReduction + kMin] = reduction_form("reduceMin");
  for (int32_t k = kFirstStep; k < kFirstElementwise; ++k) {
    list[k] = step_kind(k);
    list[k].name = step_name(k);
  }
  for (int32_t k = 0; k < kElementwiseKernels; ++k) {
    list[kFirstElementwise + k] = form(kElementwiseInfo[k].name, kElementwiseInfo[k].arity, 0, check_elementwise);
  }
  return list;
}

std::string fault(size_t index, const char* what) { return "value " + std::to_string(index) + ": " + what; }

// Whether the tables of every ISA have the kernel for that dtype; the same lists make them, so one table tells.
bool has_kernel(const Value& v, Operands x, const Kernels& kernels) {
  if (v.opcode < kFirstElementwise) return true;
  const int k = v.opcode - kFirstElementwise;
  return kernels.elementwise(k, x[kElementwiseInfo[k].first_is_bool ? 1 : 0].dtype)[0] != nullptr;
}

}  // namespace

const std::vector<Form>& forms() {
  static const std::vector<Form> list = all_forms();
  return list;
}

std::string decode(const int32_t* source, size_t count, const Kernels& kernels, Program& program) {
  if (count < 2) return "program is too short";
  program.words.assign(source, source + count);
  const int32_t* w = program.words.data();
  const int32_t* const end = w + count;
  const int64_t value_count = w[0], output_count = w[1];
  if (value_count < 0 || output_count < 0 || value_count > int64_t(count) || output_count > int64_t(count)) {
    return "counts do not fit the program";
  }
  w += 2;
  program.values.clear();
  program.values.reserve(value_count);
  for (int64_t index = 0; index < value_count; ++index) {
    if (end - w < 4) return fault(index, "cut off");
    Value v{};
    v.opcode = w[0];
    const int32_t dtype = w[1] & 0xff, rank = w[1] >> 8;
    const int64_t arity = w[2], attributes = w[3];
    if (dtype >= kDTypes) return fault(index, "unknown dtype");
    if (rank < 0 || rank > kMaxRank) return fault(index, "rank out of range");
    if (arity < 0 || attributes < 0 || arity > end - w || attributes > end - w) return fault(index, "cut off");
    if (end - w < 4 + rank + arity + attributes) return fault(index, "cut off");
    if (v.opcode < 0 || v.opcode >= kOpcodes) return fault(index, "unknown opcode");
    const Form& form = forms()[size_t(v.opcode)];
    const int64_t each = form.attributes + int64_t(form.attributes_per_axis) * rank;
    if (form.arity < 0 ? arity < 1 : arity != form.arity) return fault(index, "wrong number of operands");
    v.wide = form.sizes && attributes == 2 * each;
    if (attributes != each && !v.wide) return fault(index, "wrong number of attributes");
    v.dtype = DType(dtype);
    v.rank = uint8_t(rank);
    v.arity = int32_t(arity);
    v.dims = w + 4;
    v.operands = v.dims + rank;
    v.attributes = v.operands + arity;
    w = v.attributes + attributes;
    v.size = 1;
    bool empty = false;
    for (int d = 0; d < rank; ++d) {
      if (v.dims[d] < 0) return fault(index, "negative dimension");
      if (v.dims[d] == 0)
        empty = true;
      else if (v.size > kMaxElements / v.dims[d])
        return fault(index, "too many elements");
      else
        v.size *= v.dims[d];
    }
    if (empty) v.size = 0;
    for (int i = 0; i < v.arity; ++i) {
      if (v.operands[i] < 0 || v.operands[i] >= index) return fault(index, "operand comes later");
    }
    const Operands x(v, program.values.data());
    if (const char* what = form.check(v, x)) return fault(index, what);
    if (!has_kernel(v, x, kernels)) return fault(index, "no kernel for the dtype");
    if (v.opcode == kResult) program.values[v.operands[0]].results |= uint8_t(1 << v.attributes[0]);
    v.data = form.numbers > 0 ? program.data_count : -1;
    program.data_count += form.numbers;
    program.values.push_back(v);
  }
  if (end - w != 2 * output_count) return "length differs from the contents";
  std::vector<bool> taken(value_count, false);
  for (; w < end; w += 2) {
    const int32_t index = w[0], replaced = w[1];
    if (index < 0 || index >= value_count) return "output index out of range";
    if (taken[index]) return "output named twice";
    const Value& v = program.values[index];
    if (v.opcode == kInput) return "output is an input";
    taken[index] = true;
    program.outputs.push_back(index);
    program.replaced.push_back(replaced);
    if (replaced != -1) {
      if (replaced < 0 || replaced >= value_count) return "replaced index out of range";
      const Value& x = program.values[replaced];
      if (x.opcode != kInput || taken[replaced]) return "what an output replaces is no input, or replaced twice";
      const bool in_place = is_elementwise(v.opcode) || (is_step(v.opcode) && step_kind(v.opcode).check_data);
      if (!in_place || v.size == 1 || x.size != v.size || x.dtype != v.dtype) {
        return "an output cannot replace that input";
      }
      taken[replaced] = true;
      program.output_data.push_back(x.data);
    } else if (v.size == 1) {
      program.output_data.push_back(-1);
      ++program.result_count;
    } else {
      program.output_data.push_back(program.data_count++);
    }
  }
  return {};
}

}  // namespace gradtape
