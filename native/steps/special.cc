// Elementwise functions that are no loop: one element at a time, by code that is compiled once for all ISAs. Each
// operand has the shape of the value, or one element.
#include "special.h"

#include <cstring>

#include "step.h"

namespace gradtape {
namespace {

constexpr int64_t kAtOnce = 256;  // elements of a unit
constexpr double kPasses = 32;    // what one function is worth, in passes over its operands
constexpr int kMostOperands = 3;

// Domains of the list: sets of dtypes.
constexpr unsigned dtypes_where(bool (*holds)(DType)) {
  unsigned set = 0;
  for (int d = 0; d < kDTypes; ++d) set |= unsigned(holds(DType(d))) << d;
  return set;
}
constexpr unsigned floating = dtypes_where(is_floating), integer = dtypes_where(is_integer);

GRADTAPE_SMALL double load(DType d, const void* p, int64_t i) {
  switch (d) {
    case kFloat32:
      return double(static_cast<const float*>(p)[i]);
    case kFloat64:
      return static_cast<const double*>(p)[i];
    case kInt32:
      return static_cast<const int32_t*>(p)[i];
    default:
      return static_cast<const uint8_t*>(p)[i];
  }
}

GRADTAPE_SMALL void store(DType d, void* p, int64_t i, double x) {
  switch (d) {
    case kFloat32:
      static_cast<float*>(p)[i] = float(x);
      break;
    case kFloat64:
      static_cast<double*>(p)[i] = x;
      break;
    case kInt32:
      static_cast<int32_t*>(p)[i] = int32_t(uint32_t(int64_t(x)));  // 2^31 wraps
      break;
    default:
      static_cast<uint8_t*>(p)[i] = uint8_t(x);
  }
}

// out[i] = f(a[i * a_step], b[i * b_step])
using ExactFn = void (*)(const char* a, int64_t a_step, const char* b, int64_t b_step, char* out, int64_t n);

template <class T, T (*f)(T, T)>
GRADTAPE_SMALL void exact(const char* a, int64_t a_step, const char* b, int64_t b_step, char* out, int64_t n) {
  const T *x = reinterpret_cast<const T*>(a), *y = reinterpret_cast<const T*>(b);
  T* z = reinterpret_cast<T*>(out);
  for (int64_t i = 0; i < n; ++i) z[i] = f(x[i * a_step], y[i * b_step]);
}

template <class T>
struct Exact {
  static T bitwiseAnd(T x, T y) { return x & y; }
  static T bitwiseOr(T x, T y) { return x | y; }
  static T bitwiseXor(T x, T y) { return x ^ y; }
  // By no less than 0 and no more than all bits but one, as TensorFlow's.
  static int within(T y) { return y < 0 ? 0 : y < T(8 * sizeof(T)) ? int(y) : int(8 * sizeof(T) - 1); }
  static T leftShift(T x, T y) { return T(uint32_t(x) << within(y)); }
  static T rightShift(T x, T y) { return T(x >> within(y)); }
};

// The next number from x towards y. Numbers of one sign are in the order of their bits.
template <class T, class Bits>
T next_after(T x, T y) {
  if (x != x || y != y) return x + y;
  if (x == y) return y;
  Bits bits;
  std::memcpy(&bits, &x, sizeof x);
  if (x == 0) {
    bits = Bits(1) | (y < 0 ? Bits(1) << (8 * sizeof(T) - 1) : 0);
  } else {
    bits += (x < y) == (x > 0) ? Bits(1) : ~Bits(0);
  }
  std::memcpy(&x, &bits, sizeof x);
  return x;
}
template <>
struct Exact<float> {
  static float nextafter(float x, float y) { return next_after<float, uint32_t>(x, y); }
};
template <>
struct Exact<double> {
  static double nextafter(double x, double y) { return next_after<double, uint64_t>(x, y); }
};

#define SPECIAL(name, arity, dtypes) &special::name,
#define EXACT(name, dtypes)
constexpr SpecialFn kFunctions[] = {
#include "special.def"
};
#undef SPECIAL
#undef EXACT
constexpr int32_t kDoubles = sizeof kFunctions / sizeof *kFunctions;  // so many; the others follow

// By the width of the dtype: one byte or four of integers, four or eight of floats.
struct ExactFns {
  ExactFn narrow, wide;
};
#define EXACT_floating(name) \
  { &exact<float, &Exact<float>::name>, &exact<double, &Exact<double>::name> }
#define EXACT_integer(name) \
  { &exact<uint8_t, &Exact<uint8_t>::name>, &exact<int32_t, &Exact<int32_t>::name> }
#define SPECIAL(name, arity, dtypes)
#define EXACT(name, dtypes) EXACT_##dtypes(name),
constexpr ExactFns kExact[] = {
#include "special.def"
};
#undef SPECIAL
#undef EXACT

const char* check(const Value& v, Operands x) {
  const int32_t function = v.attributes[0];
  if (function < 0 || function >= kSpecials) return "no such function";
  const SpecialInfo& info = kSpecialInfo[function];
  if (v.arity != info.arity) return "wrong number of operands";
  if (!(info.dtypes >> v.dtype & 1)) return "wrong dtype";
  for (int k = 0; k < v.arity; ++k) {
    if (x[k].dtype != v.dtype) return "wrong dtype";
    if (x[k].size != 1 && !same_shape(v, x[k])) return "wrong shape";
  }
  return nullptr;
}

double work(const Value& v, Operands) { return double(v.size) * kPasses; }

int64_t units(const Value& v, Operands, const Kernels&) { return units_of(v.size, kAtOnce); }

Failure run(const StepRun& s, int64_t from, int64_t to, const char*, char*) {
  const Range range(from, to, kAtOnce, s.v.size);
  const int32_t function = s.v.attributes[0];
  const DType d = s.v.dtype;
  int64_t step[kMostOperands] = {};
  for (int k = 0; k < s.v.arity; ++k) step[k] = s.x[k].size == 1 ? 0 : 1;
  if (function >= kDoubles) {
    const int64_t size = int64_t(kDTypeSize[d]);
    const ExactFns& fns = kExact[function - kDoubles];
    const ExactFn fn = size == (is_integer(d) ? 1 : 4) ? fns.narrow : fns.wide;
    fn(s.in[0] + range.begin * step[0] * size, step[0], s.in[1] + range.begin * step[1] * size, step[1],
       s.out[0] + range.begin * size, range.end - range.begin);
    return {};
  }
  const Elementary e(s.kernels);
  for (int64_t i = range.begin; i < range.end; ++i) {
    double x[kMostOperands];
    for (int k = 0; k < s.v.arity; ++k) x[k] = load(d, s.in[k], i * step[k]);
    if (is_integer(d) && x[1] == 0) return {Failure::k_division, s.self, 0, 0};
    store(d, s.out[0], i, kFunctions[function](e, x));
  }
  return {};
}

constexpr StepKind special_kind() {
  StepKind k;
  k.arity = Form::kAny;
  k.attributes = 1;  // function
  k.can_fail = true;
  k.check = check;
  k.work = work;
  k.units = units;
  k.run = run;
  return k;
}

}  // namespace

namespace special {

GRADTAPE_SMALL double truncatediv(const Elementary& e, const double* x) {
  const double q = x[0] / x[1];  // of int32: no quotient that is not whole rounds to a whole one
  return q < 0 ? e(k_ceil, q) : e(k_floor, q);
}
// Of positive numbers floormod is exact.
GRADTAPE_SMALL double truncatemod(const Elementary& e, const double* x) {
  return __builtin_copysign(e(k_floormod, e(k_abs, x[0]), e(k_abs, x[1])), x[0]);
}

}  // namespace special

const SpecialInfo kSpecialInfo[kSpecials] = {
#define SPECIAL(name, arity, dtypes) {#name, arity, dtypes},
#define EXACT(name, dtypes) {#name, 2, dtypes},
#include "special.def"
#undef SPECIAL
#undef EXACT
};

const StepKind special_step = special_kind();

}  // namespace gradtape
