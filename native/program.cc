#include "program.h"

#include <cstring>

namespace gradtape {

std::vector<OpcodeName> opcode_names() {
  std::vector<OpcodeName> names = {
      {kInput, "input"},
      {kLiteral, "literal"},
      {kReshape, "reshape"},
      {kBroadcast, "broadcast"},
      {kTranspose, "transpose"},
      {kCast, "cast"},
      {kMatmul, "matmul"},
      {kSlice, "slice"},
      {kPlace, "place"},
      {kConcat, "concat"},
      {kGather, "gather"},
      {kScatterAdd, "scatterAdd"},
      {kArgmax, "argmax"},
      {kArgmin, "argmin"},
      {kSoftmax, "softmax"},
      {kLogSoftmax, "logSoftmax"},
      {kLogSumExp, "logSumExp"},
      {kRandomUniform, "randomUniform"},
      {kRandomNormal, "randomNormal"},
      {kRandomPermutation, "randomPermutation"},
      {kFirstReduction + kSum, "reduceSum"},
      {kFirstReduction + kProd, "reduceProd"},
      {kFirstReduction + kMax, "reduceMax"},
      {kFirstReduction + kMin, "reduceMin"},
      {kFirstWindow + kConv, "conv2d"},
      {kFirstWindow + kConvImage, "conv2dBackpropInput"},
      {kFirstWindow + kConvFilter, "conv2dBackpropFilter"},
      {kFirstWindow + kDepthwise, "depthwiseConv2d"},
      {kFirstWindow + kDepthwiseImage, "depthwiseConv2dBackpropInput"},
      {kFirstWindow + kDepthwiseFilter, "depthwiseConv2dBackpropFilter"},
      {kFirstWindow + kMaxPool, "maxPool"},
      {kFirstWindow + kMaxPoolImage, "maxPoolGrad"},
  };
  for (int32_t k = 0; k < kElementwiseKernels; ++k) names.push_back({kFirstElementwise + k, kElementwiseInfo[k].name});
  return names;
}

namespace {

// What an opcode other than the elementwise ones expects: operands (-1: one or more), attributes (-1: by rank),
// doubles.
struct Form {
  int arity;
  int attributes;
  int data;
};

bool form_of(int32_t opcode, int rank, Form& form) {
  switch (opcode) {
    case kInput:
    case kLiteral:
      form = {0, 0, 1};
      return true;
    case kReshape:
    case kBroadcast:
    case kCast:
    case kSoftmax:
    case kLogSoftmax:
    case kLogSumExp:
      form = {1, 0, 0};
      return true;
    case kArgmax:
    case kArgmin:
      form = {1, 1, 0};
      return true;
    case kTranspose:
      form = {1, rank, 0};
      return true;
    case kMatmul:
      form = {2, 2, 0};
      return true;
    case kSlice:
    case kPlace:
      form = {1, 2 * rank, 0};
      return true;
    case kConcat:
      form = {-1, 1, 0};
      return true;
    case kGather:
    case kScatterAdd:
      form = {2, 5, 0};
      return true;
    case kRandomUniform:
    case kRandomNormal:
    case kRandomPermutation:
      form = {0, 0, 3};
      return true;
    default:
      break;
  }
  if (is_reduction(opcode)) {
    form = {1, 3, 0};
    return true;
  }
  if (is_window(opcode)) {
    form = {2, 10, 0};
    return true;
  }
  if (opcode >= kFirstElementwise && opcode < kFirstElementwise + kElementwiseKernels) {
    form = {kElementwiseInfo[opcode - kFirstElementwise].arity, 0, 0};
    return true;
  }
  return false;
}

// Whether the attributes are sizes, which may be beyond 32 bits where no dimension is.
bool has_sizes(int32_t opcode) { return is_reduction(opcode) || opcode == kGather || opcode == kScatterAdd; }

bool same_shape(const Value& a, const Value& b) {
  return a.rank == b.rank && std::memcmp(a.dims, b.dims, sizeof(int32_t) * a.rank) == 0;
}

bool broadcasts_to(const Value& from, const Value& to) {
  if (from.rank > to.rank) return false;
  const int32_t* dims = to.dims + (to.rank - from.rank);
  for (int i = 0; i < from.rank; ++i) {
    if (from.dims[i] != 1 && from.dims[i] != dims[i]) return false;
  }
  return true;
}

// A strided window of `count` elements per axis starting at begin stays inside `length`.
bool window_fits(int64_t begin, int64_t step, int64_t count, int64_t length) {
  if (count == 0) return true;
  const int64_t last = begin + (count - 1) * step;
  return step != 0 && begin >= 0 && begin < length && last >= 0 && last < length;
}

const char* check_elementwise(const Value& v, const Value* const* x) {
  const ElementwiseInfo& info = kElementwiseInfo[v.opcode - kFirstElementwise];
  const int first = info.first_is_bool ? 1 : 0;
  const DType dtype = x[first]->dtype;
  for (int i = 0; i < v.arity; ++i) {
    if (!broadcasts_to(*x[i], v)) return "operand does not broadcast to the result";
    if (x[i]->dtype != (i < first ? kBool : dtype)) return "operand dtypes differ";
  }
  if (v.dtype != (info.to_bool ? kBool : dtype)) return "wrong result dtype";
  return nullptr;
}

const char* check_matmul(const Value& v, const Value& a, const Value& b) {
  if (a.rank < 2 || b.rank < 2 || v.rank < 2) return "operand rank is below 2";
  if (a.dtype != v.dtype || b.dtype != v.dtype) return "operand dtypes differ";
  if (v.dtype != kFloat32 && v.dtype != kFloat64 && v.dtype != kInt32) return "dtype has no matmul";
  const bool ta = v.attributes[0] != 0, tb = v.attributes[1] != 0;
  const int32_t *da = a.dims + a.rank - 2, *db = b.dims + b.rank - 2, *dv = v.dims + v.rank - 2;
  if (da[ta ? 1 : 0] != dv[0] || db[tb ? 0 : 1] != dv[1] || da[ta ? 0 : 1] != db[tb ? 1 : 0])
    return "shapes do not fit";
  Value batch_a = a, batch_b = b, batch_v = v;
  batch_a.rank -= 2;
  batch_b.rank -= 2;
  batch_v.rank -= 2;
  if (!broadcasts_to(batch_a, batch_v) || !broadcasts_to(batch_b, batch_v)) return "batch shapes do not broadcast";
  return nullptr;
}

// v has the shape of x without one axis, which has elements.
const char* without_axis(const Value& v, const Value& x, int32_t axis) {
  if (axis < 0 || axis >= x.rank || v.rank != x.rank - 1) return "wrong rank";
  for (int d = 0; d < v.rank; ++d) {
    if (v.dims[d] != x.dims[d < axis ? d : d + 1]) return "wrong shape";
  }
  return x.dims[axis] > 0 || v.size == 0 ? nullptr : "nothing to reduce";
}

const char* check_gather(const Value& v, const Value& x, const Value& indices) {
  if (indices.dtype != kInt32) return "indices are not int32";
  if (x.dtype != v.dtype) return "wrong result dtype";
  if (v.opcode == kScatterAdd && v.dtype != kFloat32 && v.dtype != kFloat64 && v.dtype != kInt32)
    return "dtype has no add";
  int64_t long_size = 1, short_size = 1, count;
  for (int i = 0; i < 5; ++i) {
    const int64_t at = attribute(v, i);
    if (at < 0) return "negative attribute";
    if (i != 3 && __builtin_mul_overflow(long_size, at, &long_size)) return "sizes overflow";
    if (i != 2 && __builtin_mul_overflow(short_size, at, &short_size)) return "sizes overflow";
  }
  if (__builtin_mul_overflow(attribute(v, 0), attribute(v, 3), &count)) return "sizes overflow";
  if (indices.size != count) return "count of indices differs from the attributes";
  const int64_t x_size = v.opcode == kGather ? long_size : short_size;
  const int64_t v_size = v.opcode == kGather ? short_size : long_size;
  if (x.size != x_size || v.size != v_size) return "sizes differ from the attributes";
  return nullptr;
}

const char* check_concat(const Value& v, const Value* const* x) {
  const int axis = v.attributes[0];
  if (axis < 0 || axis >= v.rank) return "axis out of range";
  int64_t total = 0;
  for (int i = 0; i < v.arity; ++i) {
    if (x[i]->rank != v.rank || x[i]->dtype != v.dtype) return "operand rank or dtype differs";
    for (int d = 0; d < v.rank; ++d) {
      if (d != axis && x[i]->dims[d] != v.dims[d]) return "operand shape differs off the axis";
    }
    total += x[i]->dims[axis];
  }
  return total == v.dims[axis] ? nullptr : "lengths on the axis do not add up";
}

const char* check_reduction(const Value& v, const Value& x) {
  const int reduction = v.opcode - kFirstReduction;
  if (x.dtype != v.dtype) return "wrong result dtype";
  if (kDTypeSize[v.dtype] == 1 && reduction != kMax && reduction != kMin) return "dtype has no such reduction";
  const int64_t outer = attribute(v, 0), length = attribute(v, 1), inner = attribute(v, 2);
  if (outer < 0 || length < 0 || inner < 0) return "negative attribute";
  int64_t kept, all;
  if (__builtin_mul_overflow(outer, inner, &kept) || __builtin_mul_overflow(kept, length, &all))
    return "sizes overflow";
  if (kept != v.size || all != x.size) return "sizes differ from the attributes";
  if (length == 0 && kept > 0) return "nothing to reduce";
  return nullptr;
}

const char* check_value(const Value& v, const Value* const* x) {
  if (v.opcode >= kFirstElementwise) return check_elementwise(v, x);
  if (is_reduction(v.opcode)) return check_reduction(v, *x[0]);
  if (is_window(v.opcode)) {
    Window window;
    return window_of(v, *x[0], *x[1], window);
  }
  switch (v.opcode) {
    case kInput:
      return nullptr;
    case kLiteral:
      return v.rank == 0 ? nullptr : "a literal has shape []";
    case kReshape:
      return x[0]->size == v.size && x[0]->dtype == v.dtype ? nullptr : "sizes or dtypes differ";
    case kBroadcast:
      return broadcasts_to(*x[0], v) && x[0]->dtype == v.dtype ? nullptr : "does not broadcast";
    case kCast:
      return same_shape(*x[0], v) ? nullptr : "shapes differ";
    case kTranspose: {
      if (x[0]->rank != v.rank || x[0]->dtype != v.dtype) return "rank or dtype differs";
      uint32_t seen = 0;
      for (int d = 0; d < v.rank; ++d) {
        const int32_t axis = v.attributes[d];
        if (axis < 0 || axis >= v.rank || (seen >> axis & 1)) return "not a permutation";
        if (x[0]->dims[axis] != v.dims[d]) return "shape is not the permuted one";
        seen |= 1u << axis;
      }
      return nullptr;
    }
    case kMatmul:
      return check_matmul(v, *x[0], *x[1]);
    case kSlice:
    case kPlace: {
      if (x[0]->rank != v.rank || x[0]->dtype != v.dtype) return "rank or dtype differs";
      const Value &window = v.opcode == kSlice ? v : *x[0], &whole = v.opcode == kSlice ? *x[0] : v;
      if (window.size == 0) return nullptr;
      for (int d = 0; d < v.rank; ++d) {
        if (!window_fits(v.attributes[2 * d], v.attributes[2 * d + 1], window.dims[d], whole.dims[d])) {
          return "window leaves the operand";
        }
      }
      return nullptr;
    }
    case kConcat:
      return check_concat(v, x);
    case kGather:
    case kScatterAdd:
      return check_gather(v, *x[0], *x[1]);
    case kArgmax:
    case kArgmin: {
      if (v.dtype != kInt32 || x[0]->dtype == kBool) return "wrong dtype";
      return without_axis(v, *x[0], v.attributes[0]);
    }
    case kLogSumExp:
      if (v.dtype > kFloat64 || x[0]->dtype != v.dtype) return "wrong dtype";
      return without_axis(v, *x[0], x[0]->rank - 1);
    case kSoftmax:
    case kLogSoftmax:
      if (v.dtype > kFloat64 || x[0]->dtype != v.dtype) return "wrong dtype";
      return v.rank > 0 && same_shape(v, *x[0]) ? nullptr : "wrong shape";
    case kRandomUniform:
      return v.dtype <= kInt32 ? nullptr : "wrong dtype";
    case kRandomNormal:
      return v.dtype <= kFloat64 ? nullptr : "wrong dtype";
    case kRandomPermutation:
      return v.dtype == kInt32 && v.rank == 1 ? nullptr : "a permutation is an int32 vector";
    default:
      return "unknown opcode";
  }
}

std::string fault(size_t index, const char* what) { return "value " + std::to_string(index) + ": " + what; }

// Whether the tables of every ISA have the kernel for that dtype; the same lists make them, so one table tells.
bool has_kernel(const Value& v, const Value* const* x, const Kernels& kernels) {
  if (v.opcode < kFirstElementwise) return true;
  const int k = v.opcode - kFirstElementwise;
  return kernels.elementwise[k][x[kElementwiseInfo[k].first_is_bool ? 1 : 0]->dtype][0] != nullptr;
}

}  // namespace

const char* window_of(const Value& v, const Value& x, const Value& y, Window& window) {
  const auto op = WindowOp(v.opcode - kFirstWindow);
  if (v.dtype != kFloat32 && v.dtype != kFloat64) return "dtype has no windows";
  if (x.dtype != v.dtype || y.dtype != v.dtype) return "operand dtypes differ";
  // Which of the three is the image, which the result; a filter or keys are the third.
  const bool makes_image = op == kConvImage || op == kDepthwiseImage || op == kMaxPoolImage;
  const bool makes_filter = op == kConvFilter || op == kDepthwiseFilter;
  const Value &image = makes_image ? v : x, &result = makes_image ? x : makes_filter ? y : v;
  const Value& third = makes_filter ? v : y;
  const bool dense = op <= kConvFilter, pools = op >= kMaxPool;
  if (image.rank != 4 || result.rank != 4 || third.rank != (dense || pools ? 4 : 3)) return "wrong rank";
  if (image.dims[0] != result.dims[0]) return "batches differ";
  window.batch = image.dims[0];
  window.channels = image.dims[3];
  window.results = result.dims[3];
  for (int d = 0; d < 2; ++d) {
    const int32_t* at = v.attributes + 5 * d;
    if (at[0] < 1 || at[1] < 1 || at[2] < 1 || at[3] < 0 || at[4] < 0) return "attribute out of range";
    WindowAxis& axis = d == 0 ? window.rows : window.columns;
    axis = {image.dims[1 + d], result.dims[1 + d], at[0], at[1], at[2], at[3]};
    const int64_t room = axis.image + axis.before + at[4] - ((axis.taps - 1) * axis.dilation + 1);
    if (axis.result != (room < 0 ? 0 : room / axis.stride + 1)) return "length of the result does not fit the window";
    if (!pools && third.dims[d] != axis.taps) return "filter does not fit the window";
  }
  if (pools ? !same_shape(third, image) : third.dims[2] != window.channels) return "channels differ";
  if (dense ? third.dims[3] != window.results : window.results != window.channels) return "channels differ";
  return nullptr;
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
  std::vector<const Value*> x;
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
    Form form;
    if (!form_of(v.opcode, rank, form)) return fault(index, "unknown opcode");
    if (form.arity < 0 ? arity < 1 : arity != form.arity) return fault(index, "wrong number of operands");
    v.wide = has_sizes(v.opcode) && attributes == 2 * form.attributes;
    if (attributes != form.attributes && !v.wide) return fault(index, "wrong number of attributes");
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
    x.clear();
    for (int i = 0; i < v.arity; ++i) {
      if (v.operands[i] < 0 || v.operands[i] >= index) return fault(index, "operand comes later");
      x.push_back(&program.values[v.operands[i]]);
    }
    if (const char* what = check_value(v, x.data())) return fault(index, what);
    if (!has_kernel(v, x.data(), kernels)) return fault(index, "no kernel for the dtype");
    v.data = form.data > 0 ? program.data_count : -1;
    program.data_count += form.data;
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
      if (!is_elementwise(v.opcode) || v.size == 1 || x.size != v.size || x.dtype != v.dtype) {
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
