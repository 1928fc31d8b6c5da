// Fuzzes programs: no bytes, however malformed, may crash the decoder, the planner or the executor, and what a valid
// program computes must have the same bits when its values are computed one by one, on one thread. A libFuzzer target;
// program-test.cc replays the corpus and random bytes through it.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>

#include "../kernels/dispatch.h"
#include "../run/run.h"
#include "../steps/special.h"

namespace gradtape {
namespace {

constexpr size_t kThreads = 3;

// What a program that is run may cost. Most are small; a few are large enough to be cut into parts for threads.
struct Limits {
  int64_t size;   // elements of a value
  int64_t bytes;  // of all values
  int64_t work;   // multiplications of all steps, elements that are reduced
  int values;
};
constexpr Limits kSmall = {1 << 14, 1 << 22, 1 << 22, 40};
constexpr Limits kLarge = {1 << 18, 1 << 24, 1 << 23, 10};

// The input bytes as a stream of choices; at its end, zeros.
class Bytes {
 public:
  Bytes(const uint8_t* bytes, size_t size) : at_(bytes), end_(bytes + size) {}
  bool empty() const { return at_ == end_; }
  int byte() { return at_ < end_ ? *at_++ : 0; }
  int below(int n) { return n > 0 ? byte() % n : 0; }
  int32_t word() {
    uint32_t w = 0;
    for (int i = 0; i < 4; ++i) w = w << 8 | uint32_t(byte());
    return int32_t(w);
  }

  // Consumes the first choice.
  void choose_size() { large_ = below(16) == 15; }
  const Limits& limits() const { return large_ ? kLarge : kSmall; }

 private:
  const uint8_t *at_, *end_;
  bool large_ = false;
};

// Numbers for the operands; not from the input, whose bytes are better spent on structure.
class Numbers {
 public:
  explicit Numbers(uint64_t seed) : state_(seed * 2654435761u + 1) {}
  uint64_t bits() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return state_;
  }
  double floating() {
    static const double special[] = {0, -0.0, 1, -1, 0.5, 1e-40, 3e38, 1.0 / 0.0, -1.0 / 0.0, 0.0 / 0.0, 710, -1e-300};
    const uint64_t b = bits();
    if (b % 8 == 0) return special[(b >> 8) % 12];
    return (double((b >> 11) & 0xfffff) / 0x80000 - 1) * 4;
  }
  int32_t integer() {
    static const int32_t special[] = {INT32_MIN, INT32_MAX, -1, 0};
    const uint64_t b = bits();
    if (b % 32 == 0) return special[(b >> 8) % 4];
    return int32_t((b >> 8) % 9) - 1;
  }

 private:
  uint64_t state_;
};

// ---- a program from bytes ----

struct Made {
  int32_t opcode, dtype;
  std::vector<int32_t> dims, operands, attributes;
  int64_t size() const {
    int64_t n = 1;
    for (int32_t d : dims) n *= d;
    return n;
  }
};

int32_t any_dim(Bytes& in) {
  static const int32_t dims[] = {1, 2, 3, 4, 0, 5, 7, 8, 9, 16, 17, 31, 33, 64, 65, 128, 130, 1023, 1024, 1025, 2100};
  static const int32_t large[] = {1, 2, 3, 32, 100, 128, 129, 257, 512, 1000, 1025, 2048, 5000, 40000, 100001};
  if (&in.limits() == &kLarge) return large[in.below(sizeof(large) / sizeof(large[0]))];
  return dims[in.below(sizeof(dims) / sizeof(dims[0]))];
}

int32_t any_dtype(Bytes& in) {
  if (in.below(2)) return in.below(kDTypes);
  return in.below(2) ? kFloat32 : kInt32;  // so that values of one dtype meet
}

// An image [batch, rows, columns, channels].
std::vector<int32_t> any_image(Bytes& in) {
  static const int32_t channels[] = {1, 2, 3, 8, 17, 40};
  const int32_t more = &in.limits() == &kLarge ? 12 : 0;
  return {in.below(4), more + in.below(12), more + in.below(12), channels[in.below(6)]};
}

std::vector<int32_t> any_shape(Bytes& in) {
  std::vector<int32_t> dims(in.below(4));
  for (int32_t& d : dims) d = any_dim(in);
  Made m{0, 0, dims, {}, {}};
  while (m.size() > in.limits().size) m.dims.pop_back();
  return m.dims;
}

// The shape that two operands broadcast to, or the first one's where they do not.
std::vector<int32_t> broadcast(const std::vector<int32_t>& a, const std::vector<int32_t>& b) {
  std::vector<int32_t> out(std::max(a.size(), b.size()), 1);
  for (size_t i = 0; i < out.size(); ++i) {
    const int32_t x = i < a.size() ? a[a.size() - 1 - i] : 1, y = i < b.size() ? b[b.size() - 1 - i] : 1;
    out[out.size() - 1 - i] = x == 1 ? y : x;
  }
  return out;
}

bool broadcasts(const std::vector<int32_t>& a, const std::vector<int32_t>& b) {
  for (size_t i = 1; i <= std::min(a.size(), b.size()); ++i) {
    const int32_t x = a[a.size() - i], y = b[b.size() - i];
    if (x != y && x != 1 && y != 1) return false;
  }
  return true;
}

int64_t product(const std::vector<int32_t>& dims, size_t from, size_t to) {
  int64_t n = 1;
  for (size_t i = from; i < to; ++i) n *= dims[i];
  return n;
}

static_assert(k_conv2d + kMaxPoolImage == k_maxPoolGrad, "windows have the order of WindowOp");
bool is_window(int32_t opcode) { return opcode >= k_conv2d && opcode < k_conv2d + kWindowOps; }

// A value of a window over earlier ones; where none fits, the input that it lacks.
Made any_window(Bytes& in, const std::vector<Made>& before) {
  const WindowOp op = WindowOp(in.below(kWindowOps));
  const int count = int(before.size());
  const bool to_image = makes_image(op), to_filter = makes_filter(op), dense = is_dense(op);
  Made v{k_conv2d + op, kFloat32, {}, {}, {}};
  // The value of these dimensions (-1: any; filters have few taps), or -1.
  const auto find = [&](const std::vector<int32_t>& dims, bool filter = false) {
    int i = in.below(count);
    for (int tries = 0; tries < count; ++tries, i = (i + 1) % count) {
      const std::vector<int32_t>& d = before[i].dims;
      bool fits = before[i].dtype == v.dtype && d.size() == dims.size();
      for (size_t k = 0; fits && k < dims.size(); ++k) {
        fits = dims[k] < 0 || dims[k] == d[k];
        if (filter && k < 2) fits = fits && d[k] > 0 && d[k] < 6;
      }
      if (fits) return i;
    }
    return -1;
  };
  if (in.below(4) == 3) v.dtype = kFloat64;
  const int first = find({-1, -1, -1, -1});
  if (first < 0) return {kInput, v.dtype, any_image(in), {}, {}};
  const std::vector<int32_t>& x = before[first].dims;
  // Most parameters are the usual ones, so that operands are found that fit.
  const auto unusual = [&](int n) { return in.below(3) == 2 ? in.below(n) : 0; };
  std::vector<int32_t> other = x, taps = {2 + unusual(3) - unusual(2), 2 + unusual(3) - unusual(2)};
  int second = -1;
  if (!to_filter && !is_pool(op)) {
    std::vector<int32_t> filter = {-1, -1, dense && to_image ? -1 : x[3]};
    if (dense) filter.push_back(to_image ? x[3] : -1);
    second = find(filter, true);
    if (second < 0) {
      filter[0] = taps[0], filter[1] = taps[1];
      for (int32_t& d : filter) d = d < 0 ? 1 + in.below(20) : d;
      return {kInput, v.dtype, filter, {}, {}};
    }
    taps.assign(before[second].dims.begin(), before[second].dims.begin() + 2);
  }
  for (int d = 0; d < 2; ++d) {
    const int32_t k = taps[d], stride = 1 + unusual(3), dilation = 1 + unusual(3), pad = unusual(3);
    int32_t after = unusual(3);
    const int32_t reach = (k - 1) * dilation + 1, have = x[1 + d];
    if (to_image) {
      int32_t image = (have - 1) * stride + reach - pad - after + in.below(stride);
      if (image < 0) after += image, image = 0;
      other[1 + d] = have == 0 ? 0 : image;
    } else {
      const int32_t room = have + pad + after - reach;
      other[1 + d] = room < 0 ? 0 : room / stride + 1;
    }
    v.attributes.insert(v.attributes.end(), {k, stride, dilation, pad, after});
  }
  if (second < 0) {  // another image or result, or keys
    std::vector<int32_t> wanted = is_pool(op) && !to_image ? x : other;
    if (op == kConvFilter) wanted[3] = -1;
    second = find(wanted);
    if (second < 0) {
      if (wanted[3] < 0) wanted[3] = 1 + in.below(20);
      return {kInput, v.dtype, wanted, {}, {}};
    }
  }
  const std::vector<int32_t>& y = before[second].dims;
  v.operands = {first, second};
  v.dims = other;
  if (to_filter) {
    v.dims = {taps[0], taps[1], x[3]};
    if (dense) v.dims.push_back(y[3]);
  } else if (dense) {
    v.dims[3] = y[to_image ? 2 : 3];
  }
  return v;
}

// Of a step that nothing above knows better: shaped like its operand, which is often a square; the axes around one, if
// it has sizes; flags.
void any_like(Bytes& in, const std::vector<Made>& before, Made& v) {
  const Form& form = forms()[size_t(v.opcode)];
  const int count = int(before.size());
  const auto is_square = [&](const Made& x) {
    const size_t rank = x.dims.size();
    return rank > 1 && x.dims[rank - 1] == x.dims[rank - 2] && is_floating(DType(x.dtype));
  };
  if (!form.sizes) {
    for (int tries = 0; tries < count && !is_square(before[v.operands[0]]); ++tries) {
      v.operands[0] = (v.operands[0] + 1) % count;
    }
    if (!is_square(before[v.operands[0]])) {  // the one that is lacking
      v = {kInput, in.below(2) ? kFloat32 : kFloat64, {1 + in.below(3), any_dim(in)}, {}, {}};
      v.dims.push_back(v.dims[1]);
      return;
    }
  }
  // Further operands differ from the first in the last axis at most; the value is shaped like the last.
  for (int i = 1; i < form.arity; ++i) {
    const Made& a = before[v.operands[0]];
    const auto fits = [&](const Made& b) {
      return b.dtype == a.dtype && b.dims.size() == a.dims.size() && !a.dims.empty() &&
             std::equal(a.dims.begin(), a.dims.end() - 1, b.dims.begin());
    };
    int other = in.below(count);
    for (int tries = 0; tries < count && !fits(before[other]); ++tries) other = (other + 1) % count;
    if (!fits(before[other]) || in.below(4) == 3) {  // one that is lacking
      v = {kInput, a.dtype, a.dims, {}, {}};
      if (!v.dims.empty()) v.dims.back() = any_dim(in);
      return;
    }
    v.operands.push_back(other);
  }
  const Made& x = before[v.operands.back()];
  v.dtype = x.dtype;
  v.dims = x.dims;
  const size_t rank = x.dims.size(), axis = rank > 0 ? size_t(in.below(int(rank))) : 0;
  if (form.sizes && rank > 0) {
    v.attributes = {int32_t(product(x.dims, 0, axis)), x.dims[axis], int32_t(product(x.dims, axis + 1, rank))};
  }
  const size_t wanted = size_t(form.attributes + form.attributes_per_axis * int(rank));
  while (v.attributes.size() < wanted) v.attributes.push_back(in.below(2));
}

// The latest value, a reduction, with axes of length 1 in place of those that it reduced: then loops read it along
// rows.
Made with_axes_kept(const std::vector<Made>& before) {
  const int last = int(before.size()) - 1;
  const Made &r = before[last], &x = before[r.operands[0]];
  Made v{kReshape, r.dtype, x.dims, {last}, {}};
  const size_t reduced = x.dims.size() - r.dims.size();
  size_t from = 0;
  while (!std::equal(x.dims.begin() + from + reduced, x.dims.end(), r.dims.begin() + from)) ++from;
  std::fill_n(v.dims.begin() + from, reduced, 1);
  return v;
}

// A reduction of the value over some axes.
Made reduced(Bytes& in, const std::vector<Made>& before, int x, int from, int to) {
  const std::vector<int32_t>& dims = before[x].dims;
  Made v{kFirstReduction + (in.below(4) ? kSum : kMax), before[x].dtype, dims, {x}, {}};
  v.attributes = {int32_t(product(dims, 0, from)), int32_t(product(dims, from, to)),
                  int32_t(product(dims, to, dims.size()))};
  v.dims.erase(v.dims.begin() + from, v.dims.begin() + to);
  return v;
}

// A value of a program that goes over the rows of its first one again and again, as normalizations do.
Made any_of_rows(Bytes& in, const std::vector<Made>& before) {
  const int count = int(before.size());
  Made v{kInput, kFloat32, {}, {}, {}};
  if (count == 0) {
    if (in.below(4) == 3) v.dtype = kFloat64;
    for (int rank = 2 + in.below(2); rank > 0; --rank) v.dims.push_back(std::max(any_dim(in), 1));
    while (v.size() > in.limits().size) v.dims.erase(v.dims.begin());
    return v;
  }
  const Made& x = before[0];
  v.dtype = x.dtype;
  if (is_reduction(before.back().opcode) && in.below(4)) return with_axes_kept(before);
  const auto pick = [&] { return count - 1 - std::min(in.below(count), in.below(count)); };
  const int rank = int(x.dims.size()), kind = in.below(16);
  if (kind == 0) {  // like x, or of one row, or of one column
    v.dims = x.dims;
    const int like = in.below(4);
    if (like == 3) v.dims.clear();
    if (like == 1) v.dims.erase(v.dims.begin());
    if (like == 2 && rank > 0) v.dims.back() = 1;
    return v;
  }
  const int first = in.below(3) ? pick() : 0;
  v.operands = {first};
  v.dims = before[first].dims;
  const int axes = int(v.dims.size());
  if (kind < 6 && axes > 0) {
    if (kind == 1) return reduced(in, before, first, 0, std::max(axes - 1, 1));
    return reduced(in, before, first, std::min(1 + in.below(axes), axes - 1), axes);
  }
  if (kind == 6 && broadcasts(v.dims, x.dims) && v.dims.size() <= x.dims.size()) {
    v.opcode = kBroadcast;
    v.dims = x.dims;
    return v;
  }
  static const int kernels[] = {k_add, k_sub, k_mul, k_div, k_squaredDifference, k_maximum, k_exp, k_neg};
  const int kernel = kernels[in.below(8)];
  v.opcode = kFirstElementwise + kernel;
  if (kElementwiseInfo[kernel].arity == 1) return v;
  int other = pick();
  for (int tries = 0; tries < count && !broadcasts(before[other].dims, v.dims); ++tries) other = (other + 1) % count;
  v.operands.push_back(other);
  v.dims = broadcast(v.dims, before[other].dims);
  return v;
}

// A value over earlier ones that is mostly well formed.
Made any_value(Bytes& in, const std::vector<Made>& before) {
  const int count = int(before.size());
  // Recent values are likelier, which makes chains.
  const auto pick = [&] { return count - 1 - std::min(in.below(count), in.below(count)); };
  const bool shows = count > 0 && is_step(before.back().opcode) && step_kind(before.back().opcode).results > 1;
  const int kind = shows ? 6 : in.below(8);
  Made v{kInput, any_dtype(in), {}, {}, {}};
  if (count == 0 || kind == 0) {
    v.dims = any_shape(in);
    return v;
  }
  if (is_reduction(before.back().opcode) && in.below(2)) return with_axes_kept(before);
  const int first = pick();
  const Made& x = before[first];
  v.operands = {first};
  v.dtype = x.dtype;
  if (kind < 5) {
    // The first kernel from a random one on that has this dtype; where there is none, any.
    const Kernels& kernels = *kernels_for("");
    int kernel = in.below(kElementwiseKernels);
    for (int tries = 0; tries < kElementwiseKernels; ++tries, kernel = (kernel + 1) % kElementwiseKernels) {
      const ElementwiseInfo& info = kElementwiseInfo[kernel];
      if (info.first_is_bool ? x.dtype == kBool : kernels.elementwise(kernel, x.dtype)[0] != nullptr) break;
    }
    const ElementwiseInfo& info = kElementwiseInfo[kernel];
    v.opcode = kFirstElementwise + kernel;
    v.dims = x.dims;
    for (int i = 1; i < info.arity; ++i) {
      // An operand that fits, from a random one on.
      int other = pick();
      for (int tries = 0; tries < count; ++tries, other = (other + 1) % count) {
        const bool dtype_fits =
            i == 1 && info.first_is_bool ? true : before[other].dtype == before[v.operands.back()].dtype;
        if (dtype_fits && broadcasts(before[other].dims, v.dims)) break;
      }
      v.operands.push_back(other);
      v.dims = broadcast(v.dims, before[other].dims);
    }
    v.dtype = info.to_bool ? int32_t(kBool) : before[v.operands[info.first_is_bool ? 1 : 0]].dtype;
    return v;
  }
  const int rank = int(x.dims.size());
  if (kind == 5) {
    v.opcode = kFirstReduction + in.below(kReductions);
    const int from = in.below(rank + 1), to = from + in.below(rank - from + 1);
    v.attributes = {int32_t(product(x.dims, 0, from)), int32_t(product(x.dims, from, to)),
                    int32_t(product(x.dims, to, rank))};
    v.dims.assign(x.dims.begin(), x.dims.begin() + from);
    v.dims.insert(v.dims.end(), x.dims.begin() + to, x.dims.end());
    return v;
  }
  if (!shows && in.below(3) == 2) return any_window(in, before);
  v.opcode = shows && in.below(4) > 0 ? int32_t(kResult) : in.below(kFirstElementwise);
  switch (v.opcode) {
    case kInput:
    case k_randomUniform:
    case k_randomNormal:
      v.operands.clear();
      v.dtype = v.opcode == kInput ? any_dtype(in) : in.below(kDTypes);
      v.dims = any_shape(in);
      break;
    case kLiteral:
      v.operands.clear();
      v.dtype = any_dtype(in);
      break;
    case k_randomPermutation:
      v.operands.clear();
      v.dtype = kInt32;
      v.dims = {any_dim(in)};
      break;
    case kReshape:
      v.dims = rank > 1 && in.below(2)
                   ? std::vector<int32_t>{int32_t(product(x.dims, 0, 1)), int32_t(product(x.dims, 1, rank))}
                   : std::vector<int32_t>{int32_t(x.size())};
      break;
    case kBroadcast:
      v.dims = broadcast(x.dims, any_shape(in));
      break;
    case k_transpose:
      for (int i = 0; i < rank; ++i) v.attributes.push_back(i);
      for (int i = rank - 1; i > 0; --i) std::swap(v.attributes[i], v.attributes[in.below(i + 1)]);
      for (int i = 0; i < rank; ++i) v.dims.push_back(x.dims[v.attributes[i]]);
      break;
    case kCast:
      v.dtype = in.below(kDTypes);
      v.dims = x.dims;
      break;
    case k_matmul: {
      // The other operand is mostly the same value, transposed as it must be.
      const int second = in.below(2) ? pick() : first;
      const Made& y = before[second];
      v.operands.push_back(second);
      const int ta = in.below(2), tb = second == first ? !ta : in.below(2);
      v.attributes = {ta, tb};
      if (rank < 2 || y.dims.size() < 2) break;
      v.dims = broadcast({x.dims.begin(), x.dims.end() - 2}, {y.dims.begin(), y.dims.end() - 2});
      v.dims.push_back(x.dims[rank - (ta ? 1 : 2)]);
      v.dims.push_back(y.dims[y.dims.size() - (tb ? 2 : 1)]);
      break;
    }
    case k_slice:
      for (int i = 0; i < rank; ++i) {
        const int32_t step = in.below(4) == 0 ? -1 - in.below(3) : 1 + in.below(3), reach = std::abs(step);
        const int32_t most = (x.dims[i] + reach - 1) / reach, n = most > 0 ? most - std::min(in.below(3), most - 1) : 0;
        v.dims.push_back(n);
        v.attributes.push_back(step > 0 ? std::max(0, x.dims[i] - 1 - (n - 1) * step) * in.below(2) : x.dims[i] - 1);
        v.attributes.push_back(step);
      }
      break;
    case k_place:
      for (int i = 0; i < rank; ++i) {
        const int32_t step = in.below(4) == 0 ? -1 - in.below(2) : 1 + in.below(2), begin = in.below(3),
                      after = in.below(3);
        const int32_t reach = x.dims[i] > 0 ? (x.dims[i] - 1) * std::abs(step) + 1 : 0;
        v.dims.push_back(begin + reach + after);
        v.attributes.push_back(step > 0 ? begin : begin + std::max(reach - 1, 0));
        v.attributes.push_back(step);
      }
      break;
    case k_concat: {
      v.attributes = {rank > 0 ? in.below(rank) : 0};
      v.dims = x.dims;
      const int more = in.below(3);
      for (int i = 0; i < more; ++i) {
        const int other = in.below(2) ? pick() : first;
        v.operands.push_back(other);
        if (rank > 0 && int(before[other].dims.size()) == rank)
          v.dims[v.attributes[0]] += before[other].dims[v.attributes[0]];
      }
      break;
    }
    case k_gather:
    case k_scatterAdd:
    case k_scatterInto:
    case k_segmentReduce: {
      if (v.opcode == k_scatterInto) v.operands.push_back(first);
      int indices = pick();
      for (int tries = 0; tries < count && before[indices].dtype != kInt32; ++tries) indices = (indices + 1) % count;
      const Made& at = before[indices];
      v.operands.push_back(indices);
      const int axis = in.below(rank), batch = in.below(axis + 1);
      if (rank == 0) break;
      const int32_t batches = int32_t(product(x.dims, 0, batch)), outer = int32_t(product(x.dims, batch, axis)),
                    inner = int32_t(product(x.dims, axis + 1, rank));
      const bool is_free = v.opcode == k_scatterAdd || v.opcode == k_segmentReduce;
      const int32_t length = is_free ? any_dim(in) : x.dims[axis];
      const int32_t each = v.opcode == k_gather ? int32_t(at.size() / std::max(batches, 1)) : x.dims[axis];
      v.attributes = {batches, outer, length, each, inner};
      if (v.opcode == k_scatterInto) v.attributes.push_back(in.below(6));
      if (v.opcode == k_segmentReduce) v.attributes.push_back(in.below(kReductions));
      v.dims = x.dims;
      v.dims[axis] = v.opcode == k_gather ? each : length;
      break;
    }
    case k_causalSoftmax:
      v.attributes = {in.below(4)};
      v.dims = x.dims;
      break;
    case k_softmax:
    case k_logSoftmax:
      v.dims = x.dims;
      break;
    case k_logSumExp:
      v.dims.assign(x.dims.begin(), x.dims.end() - (rank > 0 ? 1 : 0));
      break;
    case k_argmax:
    case k_argmin:
      v.dtype = kInt32;
      v.dims = x.dims;
      v.attributes = {rank > 0 ? in.below(rank) : 0};
      if (rank > 0) v.dims.erase(v.dims.begin() + v.attributes[0]);
      break;
    case k_special: {
      v.attributes = {in.below(kSpecials)};
      v.dims = x.dims;
      for (int i = 1; i < kSpecialInfo[v.attributes[0]].arity; ++i) {
        // An operand that fits, from a random one on.
        int other = pick();
        for (int tries = 0; tries < count; ++tries, other = (other + 1) % count) {
          if (before[other].dtype == x.dtype && (before[other].size() == 1 || before[other].dims == x.dims)) break;
        }
        v.operands.push_back(other);
      }
      break;
    }
    case kResult: {  // as sort has it, as lu has, or else as factors of a square matrix have
      for (v.operands[0] = count - 1; v.operands[0] > 0; --v.operands[0]) {
        const int32_t opcode = before[v.operands[0]].opcode;
        if (is_step(opcode) && step_kind(opcode).results > 1 && in.below(3) < 2) break;
      }
      const Made& step = before[v.operands[0]];
      const bool factors = step.opcode == k_qr || step.opcode == k_eigh || step.opcode == k_svd;
      v.dtype = factors ? step.dtype : int32_t(kInt32);
      v.dims = step.dims;
      if (!v.dims.empty() && !factors && step.opcode != k_sort) v.dims.pop_back();
      if (!v.dims.empty() && factors && step.opcode != k_qr) v.dims.push_back(v.dims.back());
      v.attributes = {1 + in.below(16) / 15};
      break;
    }
    case k_luSolve: {
      any_like(in, before, v);
      if (v.opcode != k_luSolve) break;
      const Made& a = before[v.operands[0]];
      const std::vector<int32_t> each(a.dims.begin(), a.dims.end() - 1);
      int rows = pick();
      const auto fits = [&] { return before[rows].dtype == kInt32 && before[rows].dims == each; };
      for (int tries = 0; tries < count && !fits(); ++tries) rows = (rows + 1) % count;
      if (!fits()) return {kInput, kInt32, each, {}, {}};  // the one that is lacking
      v.operands[1] = rows;
      break;
    }
    default:
      if (is_reduction(v.opcode) || is_window(v.opcode)) return any_window(in, before);
      any_like(in, before, v);
      if (v.opcode == k_searchsorted) v.dtype = kInt32;
      if (v.opcode == k_eigh || v.opcode == k_svd) v.dims.pop_back();
  }
  return v;
}

void append(std::vector<int32_t>& words, const Made& v) {
  words.push_back(v.opcode);
  words.push_back(v.dtype | int32_t(v.dims.size()) << 8);
  words.push_back(int32_t(v.operands.size()));
  words.push_back(int32_t(v.attributes.size()));
  words.insert(words.end(), v.dims.begin(), v.dims.end());
  words.insert(words.end(), v.operands.begin(), v.operands.end());
  words.insert(words.end(), v.attributes.begin(), v.attributes.end());
}

// Whether the decoder takes this value over inputs of its operands' shapes; a result, over its step and the results
// before it.
bool is_valid(Made v, const std::vector<Made>& before) {
  std::vector<int32_t> words;
  if (v.opcode == kResult) {
    words = {int32_t(before.size()) + 1, 0};
    for (const Made& m : before) append(words, m);
  } else {
    words = {int32_t(v.operands.size()) + 1, 0};
    for (int32_t& operand : v.operands) {
      append(words, {kInput, before[operand].dtype, before[operand].dims, {}, {}});
      operand = int32_t(&operand - v.operands.data());
    }
  }
  append(words, v);
  Program program;
  return decode(words.data(), words.size(), *kernels_for(""), program).empty();
}

// An input of the value's size and dtype that no output replaces yet, or -1; of a step its first operand, if it can be.
int32_t any_input_like(Bytes& in, const std::vector<Made>& values, int32_t i, const std::vector<bool>& replaced) {
  const int count = int(values.size());
  int j = is_step(values[i].opcode) && in.below(4) > 0 ? values[i].operands[0] : in.below(count);
  for (int tries = 0; tries < count; ++tries, j = (j + 1) % count) {
    const Made& x = values[j];
    if (x.opcode == kInput && x.dtype == values[i].dtype && x.size() == values[i].size() && !replaced[j]) return j;
  }
  return -1;
}

std::vector<int32_t> any_program(Bytes& in) {
  std::vector<int32_t> words;
  if (in.below(16) == 15) {  // raw words
    while (!in.empty() && words.size() < 400) words.push_back(in.below(4) ? in.below(20) : in.word());
    return words;
  }
  const bool corrupt = in.below(4) == 3;
  const bool of_rows = in.below(4) == 3;
  std::vector<Made> values;
  while (!in.empty() && int(values.size()) < in.limits().values) {
    Made v = of_rows ? any_of_rows(in, values) : any_value(in, values);
    // What does not fit its operands becomes a fresh input, but for a few.
    if (v.size() > in.limits().size || (!is_valid(v, values) && in.below(32) != 1))
      v = {kInput, any_dtype(in), any_shape(in), {}, {}};
    values.push_back(v);
  }
  std::vector<int32_t> outputs;
  for (int i = int(values.size()) - 1; i >= 0; --i) {
    if (values[i].opcode != kInput && (outputs.empty() || in.below(6) == 1 || i % 5 == 0)) outputs.push_back(i);
  }
  words = {int32_t(values.size()), int32_t(outputs.size())};
  for (const Made& v : values) append(words, v);
  std::vector<bool> replaced(values.size());
  for (int32_t i : outputs) {
    int32_t over = -1;
    const int32_t opcode = values[i].opcode;
    const bool in_place = is_elementwise(opcode) || (is_step(opcode) && step_kind(opcode).check_data);
    if (in_place && values[i].size() > 1 && in.below(2)) over = any_input_like(in, values, i, replaced);
    if (over >= 0) replaced[over] = true;
    words.insert(words.end(), {i, over});
  }
  if (corrupt) {
    for (int i = in.below(4); i >= 0 && !words.empty(); --i) {
      const size_t at = size_t(uint32_t(in.word())) % words.size();
      words[at] = in.below(2) ? in.word() : words[at] + in.below(5) - 2;
    }
    if (in.below(8) == 0) words.resize(size_t(in.byte()) % (words.size() + 1));
  }
  return words;
}

// ---- running it ----

struct Buffer {
  std::unique_ptr<char[]> bytes;  // exactly as long as the elements: a sanitizer sees one too far
  double address = 0;
  void make(size_t size) {
    bytes.reset(new char[size]);
    address = double(reinterpret_cast<uintptr_t>(bytes.get()));
  }
};

void put(DType dtype, double number, char* to) {
  switch (dtype) {
#define DTYPE(id, name, lane, kind, bytes, sums) \
  case k##id: {                                  \
    const lane x = lane(number);                 \
    std::memcpy(to, &x, sizeof(x));              \
    return;                                      \
  }
#include "../kernels/dtype.def"
#undef DTYPE
    default:
      GRADTAPE_UNREACHABLE();
  }
}

double any_number(DType dtype, Numbers& numbers) {
  if (is_floating(dtype)) return numbers.floating();
  if (is_boolean(dtype)) return double(numbers.bits() >> 9 & 1);
  return has_sums(dtype) ? double(numbers.integer()) : double(numbers.bits() >> 9 & 255);
}

bool within(const Limits& limits, const Program& program) {
  int64_t bytes = 0;
  double work = 0;
  for (const Value& v : program.values) {
    if (v.size > limits.size) return false;
    bytes += v.size * 8;
    const Operands x(v, program.values.data());
    if (is_reduction(v.opcode)) work += double(x[0].size);
    if (is_step(v.opcode)) work += step_kind(v.opcode).work(v, x) * kMultiplications;
    if (is_window(v.opcode)) {
      // Taps outside of the image cost little, but are walked over.
      if (double(v.attributes[0]) * v.attributes[5] > 1e6) return false;
    }
  }
  return bytes <= limits.bytes && work <= double(limits.work);
}

bool same_bits(const Value& v, const char* a, const char* b) {
  const size_t size = kDTypeSize[v.dtype];
  if (std::memcmp(a, b, size * size_t(v.size)) == 0) return true;
  for (int64_t i = 0; i < v.size; ++i, a += size, b += size) {
    if (std::memcmp(a, b, size) == 0) continue;
    double x, y;
    float f, g;
    if (v.dtype == kFloat32) {
      std::memcpy(&f, a, 4);
      std::memcpy(&g, b, 4);
      x = f;
      y = g;
    } else if (v.dtype == kFloat64) {
      std::memcpy(&x, a, 8);
      std::memcpy(&y, b, 8);
    } else {
      return false;
    }
    if (x == x || y == y) return false;  // the payload of a NaN is not promised
  }
  return true;
}

[[noreturn]] void fail(const std::vector<int32_t>& words, const char* what, int32_t value) {
  std::fprintf(stderr, "%s, value %d of the program", what, int(value));
  for (int32_t w : words) std::fprintf(stderr, " %d", int(w));
  std::fprintf(stderr, "\n");
  std::abort();
}

// The values of a program computed one by one, each by a program of its own.
class OneByOne {
 public:
  OneByOne(const Plan& whole, const std::vector<double>& data, const std::vector<int32_t>& words)
      : whole_(whole), data_(data), words_(words), results_(whole.program.values.size()) {}

  const char* at(int32_t i) {
    const Value& v = whole_.program.values[i];
    if (v.opcode == kInput) return reinterpret_cast<const char*>(uintptr_t(data_[v.data]));
    if (!results_[i].bytes) compute(i);
    return results_[i].bytes.get();
  }

 private:
  static void push_value(std::vector<int32_t>& words, const Value& v, int32_t opcode, int arity, int attributes) {
    words.insert(words.end(), {opcode, int32_t(v.dtype) | int32_t(v.rank) << 8, arity, attributes});
    words.insert(words.end(), v.dims, v.dims + v.rank);
  }

  void compute(int32_t i) {
    const Value& v = whole_.program.values[i];
    results_[i].make(kDTypeSize[v.dtype] * size_t(v.size));
    if (v.size == 0) return;  // the planner does not ask for its operands either
    const Value& step = v.opcode == kResult ? whole_.program.values[v.operands[0]] : v;
    std::vector<const char*> operands;
    for (int o = 0; o < step.arity; ++o) operands.push_back(at(step.operands[o]));  // depth: Limits::values
    const bool shows = &step != &v;
    std::vector<int32_t> words = {step.arity + 1 + shows, 1};
    std::vector<double> data;
    for (int o = 0; o < step.arity; ++o) {
      push_value(words, whole_.program.values[step.operands[o]], kInput, 0, 0);
      data.push_back(double(reinterpret_cast<uintptr_t>(operands[o])));
    }
    const int attributes = step.dims[-1];  // the word before the dimensions
    push_value(words, step, step.opcode, step.arity, attributes);
    for (int o = 0; o < step.arity; ++o) words.push_back(o);
    words.insert(words.end(), step.attributes, step.attributes + attributes);
    if (shows) {
      push_value(words, v, kResult, 1, 1);
      words.insert(words.end(), {step.arity, v.attributes[0]});
    }
    words.insert(words.end(), {step.arity + shows, -1});
    if (step.data >= 0) data.insert(data.end(), &data_[step.data], &data_[step.data] + forms()[step.opcode].numbers);
    double number = 0;
    if (v.size != 1) data.push_back(results_[i].address);
    Plan plan;
    const std::string wrong = make_plan(words.data(), words.size(), *whole_.kernels, 1, plan);
    if (!wrong.empty()) fail(words_, wrong.c_str(), i);
    if (run(plan, data.data(), &number, executor_, pool_).code != Failure::kNone) fail(words_, "fails only alone", i);
    if (v.size == 1) put(v.dtype, number, results_[i].bytes.get());
  }

  const Plan& whole_;
  const std::vector<double>& data_;
  const std::vector<int32_t>& words_;
  std::vector<Buffer> results_;
  Executor executor_;
  Pool pool_;
};

// How often each opcode was computed in a program and compared; `large`: in one of threads.
int64_t compared[kOpcodes], compared_large[kOpcodes];
// How many steps were computed over an input, and how many by way of other memory.
int64_t steps_in_place, steps_copied;
// How many loops were done tile by tile, how many of them reduced columns, and how many values had room for a tile
// only.
int64_t loops_tiled, columns_tiled, values_tiled;

// How the planner and the executor are called: plainly, or by a test that lets their memory run out first. `whole` says
// whether all is as before.
using Call = std::function<void()>;
void call_plainly(const Call& f, const Call&) { f(); }
void (*call)(const Call& f, const Call& whole) = call_plainly;

void check(const std::vector<int32_t>& words, const Limits& limits, uint64_t seed) {
  static Executor warm;
  Executor fresh;
  Executor& executor = call == call_plainly ? warm : fresh;
  static Pool pool;
  const bool cut = seed % 4 == 1;  // every step is, however small
  const size_t threads = cut || &limits == &kLarge ? kThreads : 1;
  pool.set_threads(threads);
  // An exact copy: reading past its end is seen.
  const std::unique_ptr<int32_t[]> exact(new int32_t[words.size()]);
  std::copy(words.begin(), words.end(), exact.get());
  const Kernels* kernels = kernels_for("");
  Plan plan;
  std::string wrong;
  const auto make = [&] {
    plan = Plan();
    plan.followed_product = 4096;  // of a size that these programs reach
    if (seed % 4 > 0) plan.tiled = 1;
    if (cut) plan.shared_awake = plan.shared_asleep = 0.5;
    wrong = make_plan(exact.get(), words.size(), *kernels, threads, plan);
  };
  call(make, [] {});
  if (!wrong.empty()) return;
  const Program& program = plan.program;
  if (!within(limits, program)) return;
  Numbers numbers(seed);
  std::vector<Buffer> buffers(program.values.size()), outputs(program.outputs.size());
  std::vector<double> data(size_t(program.data_count)), results(size_t(program.result_count) + 2);
  for (size_t i = 0; i < program.values.size(); ++i) {
    const Value& v = program.values[i];
    if (v.opcode == kInput) {
      buffers[i].make(kDTypeSize[v.dtype] * size_t(v.size));
      for (int64_t e = 0; e < v.size; ++e) {
        put(v.dtype, any_number(v.dtype, numbers), buffers[i].bytes.get() + size_t(e) * kDTypeSize[v.dtype]);
      }
      data[v.data] = buffers[i].address;
    } else if (v.opcode == kLiteral) {
      data[v.data] = any_number(v.dtype, numbers);
    } else if (v.data >= 0) {
      data[v.data] = double(uint32_t(numbers.bits()));
      data[v.data + 1] = double(uint32_t(numbers.bits()));
      data[v.data + 2] = double(numbers.bits() >> 30);
    }
  }
  for (size_t k = 0; k < outputs.size(); ++k) {
    if (program.output_data[k] < 0) continue;
    const Value& v = program.values[program.outputs[k]];
    const size_t bytes = kDTypeSize[v.dtype] * size_t(v.size);
    outputs[k].make(bytes);
    const int32_t over = program.replaced[k];
    if (over >= 0) std::memcpy(outputs[k].bytes.get(), buffers[over].bytes.get(), bytes);
    data[program.output_data[k]] = outputs[k].address;
  }
  const auto unchanged = [&] {
    for (size_t k = 0; k < outputs.size(); ++k) {
      const int32_t over = program.replaced[k];
      if (over < 0) continue;
      const Value& v = program.values[over];
      if (std::memcmp(outputs[k].bytes.get(), buffers[over].bytes.get(), kDTypeSize[v.dtype] * size_t(v.size)) != 0)
        fail(words, "a failing program changed the input", over);
    }
  };
  bool failed = false;
  const auto run_all = [&] { failed = run(plan, data.data(), results.data(), executor, pool).code != Failure::kNone; };
  call(run_all, unchanged);
  if (failed) unchanged();
  // The inputs themselves are as they were, for the values one by one.
  for (size_t k = 0; k < outputs.size(); ++k) {
    const int32_t over = program.replaced[k];
    if (over < 0) continue;
    data[program.values[over].data] = buffers[over].address;
  }
  if (failed) return;
  if (program.values.size() > size_t(kSmall.values)) return;
  for (const Value& v : program.values) {
    ++compared[v.opcode];
    if (threads > 1) ++compared_large[v.opcode];
  }
  for (size_t k = 0; k < outputs.size(); ++k) {
    const int32_t i = program.outputs[k];
    if (program.replaced[k] < 0 || !is_step(program.values[i].opcode)) continue;
    ++(plan.places[i].kind == Place::kData ? steps_in_place : steps_copied);
  }
  for (const Tiling& tiling : plan.tilings) {
    loops_tiled += tiling.end - tiling.first;
    for (int32_t k = tiling.first; k < tiling.end; ++k) columns_tiled += plan.loops[k].inner > 1;
    values_tiled += int64_t(tiling.locals.size());
  }
  OneByOne alone(plan, data, words);
  size_t next = 0;
  for (size_t k = 0; k < outputs.size(); ++k) {
    const int32_t i = program.outputs[k];
    const Value& v = program.values[i];
    if (program.output_data[k] < 0) {
      outputs[k].make(kDTypeSize[v.dtype]);
      put(v.dtype, results[next++], outputs[k].bytes.get());
    }
    if (!same_bits(v, outputs[k].bytes.get(), alone.at(i))) fail(words, "differs when it is computed alone", i);
  }
}

}  // namespace
}  // namespace gradtape

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  gradtape::Bytes in(bytes, size);
  in.choose_size();
  const std::vector<int32_t> words = gradtape::any_program(in);
  gradtape::check(words, in.limits(), size);
  return 0;
}
