// One ISA unit: compiled once per ISA with -DGRADTAPE_ISA=<isa> and that ISA's flags. Exports one constant table and
// nothing else: no weak symbol leaves the ISA's namespace, and nothing runs before dispatch.
#include "kernels.h"

#include "kernels/arg.h"
#include "kernels/channelwise.h"
#include "kernels/conv.h"
#include "kernels/gemm.h"
#include "kernels/linalg.h"
#include "kernels/random.h"
#include "kernels/reduce.h"
#include "kernels/scan.h"
#include "kernels/softmax.h"
#include "kernels/transpose.h"
#include "simd.h"
#include "vmath.h"
#include "vspecial.h"

namespace gradtape {
namespace GRADTAPE_ISA {

extern const Kernels kernels;

namespace {

template <DType>
struct TypeOf;
template <>
struct TypeOf<kFloat32> {
  using type = float;
};
template <>
struct TypeOf<kFloat64> {
  using type = double;
};
template <>
struct TypeOf<kInt32> {
  using type = int32_t;
};
template <>
struct TypeOf<kUint8> {
  using type = uint8_t;
};
template <>
struct TypeOf<kBool> {
  using type = uint8_t;
};
template <DType d>
using Type = typename TypeOf<d>::type;

// Domains of the lists: sets of dtypes.
constexpr unsigned floating = 1u << kFloat32 | 1u << kFloat64;
constexpr unsigned number = floating | 1u << kInt32;
constexpr unsigned arithmetic = number | 1u << kUint8;
constexpr unsigned boolean = 1u << kBool;
constexpr unsigned everything = arithmetic | boolean;

// N elements that one step of a loop computes: a vector, or several.
template <class T, size_t N>
struct Wide {
  static constexpr size_t kVectors = N * sizeof(T) / kVectorBytes;
  Vec<T> v[kVectors];
};
template <class T, size_t N>
using Step = std::conditional_t<(N * sizeof(T) > kVectorBytes), Wide<T, N>, Vec<T, N>>;

template <class T, size_t N>
GRADTAPE_INLINE Step<T, N> load_step(const T* p) {
  if constexpr (N * sizeof(T) > kVectorBytes) {
    Wide<T, N> w;
#pragma GCC unroll 8
    for (size_t k = 0; k < w.kVectors; ++k) w.v[k] = load(p + k * kLanes<T>);
    return w;
  } else {
    return load<T, N>(p);
  }
}
template <class T, size_t N>
GRADTAPE_INLINE Step<T, N> splat_step(T x) {
  if constexpr (N * sizeof(T) > kVectorBytes) {
    Wide<T, N> w;
#pragma GCC unroll 8
    for (size_t k = 0; k < w.kVectors; ++k) w.v[k] = splat<Vec<T>>(x);
    return w;
  } else {
    return splat<Vec<T, N>>(x);
  }
}

// n elements; out of line, as it is needed by every loop and is nobody's common case. By size, to share the code.
template <class T>
__attribute__((noinline)) void copy_lanes(T* to, const T* from, size_t n) {
  for (size_t i = 0; i < n; ++i) to[i] = from[i];
}
template <class T>
GRADTAPE_INLINE void copy_few(T* to, const T* from, size_t n) {
  using U __attribute__((may_alias)) = typename IntOfSize<sizeof(T)>::Unsigned;
  copy_lanes(reinterpret_cast<U*>(to), reinterpret_cast<const U*>(from), n);
}

// The first n elements of a vector.
template <class V>
GRADTAPE_INLINE void store_few(Lane<V>* out, V r, size_t n) {
  out[0] = r[0];
  if (n > 1) {
    alignas(sizeof(V)) Lane<V> lanes[kLanesOf<V>];
    store(lanes, r);
    copy_few(out, lanes, n);
  }
}

// The operands of a loop of N elements a step: an array, one element for all, or none.
template <class T, size_t N>
struct Array {
  const T* p;
  explicit Array(const void* x) : p(static_cast<const T*>(x)) {}
  GRADTAPE_INLINE Step<T, N> at(size_t i) const { return load_step<T, N>(p + i); }
  // n < N elements, the others filled with the first. One element goes without memory, for the sake of scalars.
  GRADTAPE_INLINE Step<T, N> padded(size_t n) const {
    if (n == 1) return splat_step<T, N>(p[0]);
    alignas(kVectorBytes) T lanes[N];
    const auto first = splat < Vec<T, N<kLanes<T> ? N : kLanes<T>>>(p[0]);
#pragma GCC unroll 8
    for (size_t i = 0; i < N; i += kLanesOf<decltype(first + first)>) store(lanes + i, first);
    copy_few(lanes, p, n);
    return load_step<T, N>(lanes);
  }
};
template <class T, size_t N>
struct Uniform {
  Step<T, N> v;
  explicit Uniform(const void* x) : v(splat_step<T, N>(*static_cast<const T*>(x))) {}
  GRADTAPE_INLINE Step<T, N> at(size_t) const { return v; }
  GRADTAPE_INLINE Step<T, N> padded(size_t) const { return v; }
};
struct None {
  explicit None(const void*) {}
  GRADTAPE_INLINE int at(size_t) const { return 0; }
  GRADTAPE_INLINE int padded(size_t) const { return 0; }
};

// The one elementwise loop. The tail is the last whole vector, whose operands are read before anything is written, so
// that `out` may be an operand; fewer elements than a vector are padded to one. So one code computes every element.
template <class F, size_t N, class A, class B, class C, class Out>
GRADTAPE_INLINE void loop(A a, B b, C c, Out* out, size_t n) {
  if (n < N) {
    store_few(out, F::apply(a.padded(n), b.padded(n), c.padded(n)), n);
    return;
  }
  const auto last_a = a.at(n - N);
  const auto last_b = b.at(n - N);
  const auto last_c = c.at(n - N);
  size_t i = 0;
  for (; i + N <= n; i += N) store(out + i, F::apply(a.at(i), b.at(i), c.at(i)));
  if (i < n) store(out + n - N, F::apply(last_a, last_b, last_c));
}

// The same for one operand, with one copy of F's code, which is long.
template <class F, size_t N, class A, class Out>
GRADTAPE_INLINE void long_loop(A a, Out* out, size_t n) {
  const bool few = n < N;
  auto x = few ? a.padded(n) : a.at(0);
  const auto last = few ? x : a.at(n - N);
  for (size_t i = 0;;) {
    const Vec<Out, N> r = F::apply(x, 0, 0);
    if (few) {
      store_few(out, r, n);
      return;
    }
    store(out + i, r);
    i += N;
    if (i + N <= n) {
      x = a.at(i);
    } else {
      if (i == n) return;
      x = last;
      i = n - N;
    }
  }
}

template <class T, size_t N, bool uniform>
using Operand = std::conditional_t<uniform, Uniform<T, N>, Array<T, N>>;

// Masks as bools, 0 or 1: f(k) is the mask of the k-th vector of a step.
template <class T, class F>
GRADTAPE_INLINE Vec<uint8_t> to_bool(F f) {
  MaskOf<Vec<T>> masks[sizeof(T)];
#pragma GCC unroll 8
  for (size_t k = 0; k < sizeof(T); ++k) masks[k] = f(k);
  return low_bytes(masks) & 1;
}
template <class T, size_t N>
GRADTAPE_INLINE Vec<T> part(const Wide<T, N>& x, size_t k) {
  return x.v[k];
}
template <class V>
GRADTAPE_INLINE V part(V x, size_t) {
  return x;
}

// Each line of a list becomes a struct: the domain and, per vector, the expression.
#define UNARY(name, dtypes, expr)              \
  struct name##_ {                             \
    static constexpr unsigned domain = dtypes; \
    static constexpr bool to_bool = false;     \
    template <class V>                         \
    static GRADTAPE_INLINE V apply(V x) {      \
      return expr;                             \
    }                                          \
  };
#define UNARY_TO_BOOL(name, dtypes, expr)      \
  struct name##_ {                             \
    static constexpr unsigned domain = dtypes; \
    static constexpr bool to_bool = true;      \
    template <class V>                         \
    static GRADTAPE_INLINE auto apply(V x) {   \
      return expr;                             \
    }                                          \
  };
#define BINARY(name, dtypes, expr)             \
  struct name##_ {                             \
    static constexpr unsigned domain = dtypes; \
    static constexpr bool to_bool = false;     \
    template <class V>                         \
    static GRADTAPE_INLINE V apply(V x, V y) { \
      return expr;                             \
    }                                          \
  };
#define BINARY_TO_BOOL(name, dtypes, expr)        \
  struct name##_ {                                \
    static constexpr unsigned domain = dtypes;    \
    static constexpr bool to_bool = true;         \
    template <class V>                            \
    static GRADTAPE_INLINE auto apply(V x, V y) { \
      return expr;                                \
    }                                             \
  };
#define TERNARY(name, dtypes, expr)                 \
  struct name##_ {                                  \
    static constexpr unsigned domain = dtypes;      \
    template <class M, class V>                     \
    static GRADTAPE_INLINE V apply(M c, V x, V y) { \
      return expr;                                  \
    }                                               \
  };
#include "kernels/binary.def"
#include "kernels/ternary.def"
#include "kernels/unary.def"
#undef UNARY
#undef UNARY_TO_BOOL
#undef BINARY
#undef BINARY_TO_BOOL
#undef TERNARY

// From the struct of a line to the function of a dtype and a variant. A step with a bool result is one vector of bools.
template <class Op, class T>
constexpr size_t kStep = Op::to_bool ? kLanes<uint8_t> : kLanes<T>;

template <class Op, class T>
struct UnaryLoop {
  template <class X>
  static GRADTAPE_INLINE auto apply(X x, int, int) {
    if constexpr (Op::to_bool)
      return to_bool<T>([&](size_t k) GRADTAPE_LAMBDA { return Op::apply(part(x, k)); });
    else
      return Op::apply(x);
  }
  static void run(const void* a, const void*, const void*, void* out, size_t n) {
    using Out = std::conditional_t<Op::to_bool, uint8_t, T>;
    constexpr size_t N = kStep<Op, T>;
    if constexpr (Op::domain == floating && !Op::to_bool)
      long_loop<UnaryLoop, N>(Array<T, N>(a), static_cast<Out*>(out), n);
    else
      loop<UnaryLoop, N>(Array<T, N>(a), None(nullptr), None(nullptr), static_cast<Out*>(out), n);
  }
};

template <class Op, class T, unsigned variant>
struct BinaryLoop {
  template <class X>
  static GRADTAPE_INLINE auto apply(X x, X y, int) {
    if constexpr (Op::to_bool)
      return to_bool<T>([&](size_t k) GRADTAPE_LAMBDA { return Op::apply(part(x, k), part(y, k)); });
    else
      return Op::apply(x, y);
  }
  static void run(const void* a, const void* b, const void*, void* out, size_t n) {
    using Out = std::conditional_t<Op::to_bool, uint8_t, T>;
    constexpr size_t N = kStep<Op, T>;
    loop<BinaryLoop, N>(Operand<T, N, variant & 1>(a), Operand<T, N, (variant & 2) != 0>(b), None(nullptr),
                        static_cast<Out*>(out), n);
  }
};

template <class Op, class T, unsigned variant>
struct TernaryLoop {
  template <class C, class V>
  static GRADTAPE_INLINE auto apply(C c, V x, V y) {
    return Op::apply(convert<Lane<IntVec<V>>>(c) != 0, x, y);
  }
  static void run(const void* a, const void* b, const void* c, void* out, size_t n) {
    constexpr size_t N = kLanes<T>;
    loop<TernaryLoop, N>(Operand<uint8_t, N, variant & 1>(a), Operand<T, N, (variant & 2) != 0>(b),
                         Operand<T, N, (variant & 4) != 0>(c), static_cast<T*>(out), n);
  }
};

// Conversion of one vector of floats to int32: saturates, NaN is 0.
template <class V>
GRADTAPE_INLINE Vec<int32_t, kLanesOf<V>> saturate(V x) {
  using T = Lane<V>;
  x = select(x == x, x, V{});
  if constexpr (sizeof(T) == 8) {
    const V low = splat<V>(-2147483648.0), high = splat<V>(2147483647.0);
    return convert<int32_t>(select(x > low, select(x < high, x, high), low));
  } else {
    const auto over = x >= 2147483648.0f;
    const V low = splat<V>(-2147483648.0f);
    const auto r = convert<int32_t>(select(x > low, select(over, V{}, x), low));
    return over ? splat<decltype(r + r)>(INT32_MAX) : r;
  }
}

// Vectors of int32 whose low bytes are the uint8 of a number: floats are cut and saturate, NaN is 0, integers wrap.
template <class V>
GRADTAPE_INLINE auto to_byte(V x) {
  if constexpr (sizeof(Lane<V>) == 4 && vmath::kIsInt<V>) {
    return x;
  } else {
    const V high = splat<V>(255);
    return convert<int32_t>(select(x > 0, select(x < high, x, high), V{}));
  }
}

template <DType from, DType to>
struct Cast {
  using From = Type<from>;
  using To = Type<to>;
  static constexpr bool kFromFloat = floating >> from & 1, kToFloat = floating >> to & 1;
  // Bytes are made a vector at a time, and 4 bytes from 8; the rest goes by vectors of the wider type.
  static constexpr size_t kWidest = sizeof(From) > sizeof(To) ? sizeof(From) : sizeof(To);
  static constexpr size_t N = sizeof(To) < sizeof(From) || to == kBool ? kLanes<To> : kVectorBytes / kWidest;

  template <class X>
  static GRADTAPE_INLINE auto apply(X x, int, int) {
    if constexpr (to == kBool) {
      return to_bool<From>([&](size_t k) GRADTAPE_LAMBDA { return part(x, k) != 0; });
    } else if constexpr (to == kUint8 && sizeof(From) == 8) {
      Vec<int32_t> v[4];
#pragma GCC unroll 4
      for (size_t k = 0; k < 4; ++k) v[k] = join(to_byte(x.v[2 * k]), to_byte(x.v[2 * k + 1]));
      return low_bytes(v);
    } else if constexpr (to == kUint8 && sizeof(From) == 4) {
      Vec<int32_t> v[4];
#pragma GCC unroll 4
      for (size_t k = 0; k < 4; ++k) v[k] = to_byte(x.v[k]);
      return low_bytes(v);
    } else if constexpr (to == kInt32 && from == kFloat64) {
      return join(saturate(x.v[0]), saturate(x.v[1]));
    } else if constexpr (to == kFloat32 && from == kFloat64) {
      return join(convert<float>(x.v[0]), convert<float>(x.v[1]));
    } else if constexpr (kFromFloat && !kToFloat) {
      return saturate(x);
    } else {
      return convert<To>(x);
    }
  }
  static void run(const void* a, const void*, const void*, void* out, size_t n) {
    loop<Cast, N>(Array<From, N>(a), None(nullptr), None(nullptr), static_cast<To*>(out), n);
  }
};

// Integers wrap; a plain loop over rows of b.
struct IntGemm {
  static void run(size_t m, size_t n, size_t k, const void* a, ptrdiff_t rsa, ptrdiff_t csa, const void* b,
                  ptrdiff_t rsb, ptrdiff_t csb, void* c, ptrdiff_t rsc, bool accumulate, void*, const GemmDone* done) {
    const uint32_t* pa = static_cast<const uint32_t*>(a);
    const uint32_t* pb = static_cast<const uint32_t*>(b);
    for (size_t i = 0; i < m; ++i) {
      uint32_t* row = static_cast<uint32_t*>(c) + ptrdiff_t(i) * rsc;
      if (!accumulate) {
        for (size_t j = 0; j < n; ++j) row[j] = 0;
      }
      for (size_t p = 0; p < k; ++p) {
        const uint32_t x = pa[ptrdiff_t(i) * rsa + ptrdiff_t(p) * csa];
        const uint32_t* y = pb + ptrdiff_t(p) * rsb;
        if (csb == 1) {
          for (size_t j = 0; j < n; ++j) row[j] += x * y[j];
        } else {
          for (size_t j = 0; j < n; ++j) row[j] += x * y[ptrdiff_t(j) * csb];
        }
      }
    }
    if (done) done->fn(done->context, 0, m, 0, n);
  }
  static size_t workspace(size_t, size_t, size_t) { return 0; }
};

template <class Op, DType d>
constexpr void fill_unary(Kernels& k, unsigned kernel) {
  if constexpr (Op::domain >> d & 1) k.elementwise[kernel][d][0] = &UnaryLoop<Op, Type<d>>::run;
}
template <class Op, DType d>
constexpr void fill_binary(Kernels& k, unsigned kernel) {
  if constexpr (Op::domain >> d & 1) {
    k.elementwise[kernel][d][0] = &BinaryLoop<Op, Type<d>, 0>::run;
    k.elementwise[kernel][d][1] = &BinaryLoop<Op, Type<d>, 1>::run;
    k.elementwise[kernel][d][2] = &BinaryLoop<Op, Type<d>, 2>::run;
  }
}
template <class Op, DType d, unsigned... variants>
constexpr void fill_ternary(Kernels& k, unsigned kernel, std::integer_sequence<unsigned, variants...>) {
  if constexpr (Op::domain >> d & 1) {
    ((k.elementwise[kernel][d][variants] = &TernaryLoop<Op, Type<d>, variants>::run), ...);
  }
}

template <DType d>
constexpr void fill_dtype(Kernels& k) {
  using T = Type<d>;
#define UNARY(name, dtypes, expr) fill_unary<name##_, d>(k, k_##name);
#define UNARY_TO_BOOL(name, dtypes, expr) fill_unary<name##_, d>(k, k_##name);
#include "kernels/unary.def"
#undef UNARY
#undef UNARY_TO_BOOL
#define BINARY(name, dtypes, expr) fill_binary<name##_, d>(k, k_##name);
#define BINARY_TO_BOOL(name, dtypes, expr) fill_binary<name##_, d>(k, k_##name);
#include "kernels/binary.def"
#undef BINARY
#undef BINARY_TO_BOOL
#define TERNARY(name, dtypes, expr) \
  fill_ternary<name##_, d>(k, k_##name, std::make_integer_sequence<unsigned, kVariants - 1>());
#include "kernels/ternary.def"
#undef TERNARY
  k.cast[d][kFloat32] = &Cast<d, kFloat32>::run;
  k.cast[d][kFloat64] = &Cast<d, kFloat64>::run;
  k.cast[d][kInt32] = &Cast<d, kInt32>::run;
  k.cast[d][kUint8] = &Cast<d, kUint8>::run;
  k.cast[d][kBool] = &Cast<d, kBool>::run;
  if constexpr (sizeof(T) > 1) {
    k.reduce[kSum][d] = {&Reduce<SumOf, T>::rows, &Reduce<SumOf, T>::columns};
    k.reduce[kProd][d] = {&Reduce<ProdOf, T>::rows, &Reduce<ProdOf, T>::columns};
  }
  k.reduce[kMax][d] = {&Reduce<MaxOf, T>::rows, &Reduce<MaxOf, T>::columns};
  k.reduce[kMin][d] = {&Reduce<MinOf, T>::rows, &Reduce<MinOf, T>::columns};
  k.argmax[d] = {&Arg<T, true>::rows, &Arg<T, true>::columns};
  k.argmin[d] = {&Arg<T, false>::rows, &Arg<T, false>::columns};
}

template <DType d>
constexpr void fill_windows(Kernels& k) {
  using T = Type<d>;
  k.softmax[d] = &Softmax<T, false>::rows;
  k.log_softmax[d] = &Softmax<T, true>::rows;
  k.log_sum_exp[d] = &LogSumExp<T>::rows;
  k.window[kConv][d] = window_fns<ConvGather<T, false>>();
  k.window[kConvImage][d] = window_fns<ConvGather<T, true>>();
  k.window[kConvFilter][d] = window_fns<ConvFilter<T>>();
  k.window[kDepthwise][d] = window_fns<DepthwiseGather<T, false>>();
  k.window[kDepthwiseImage][d] = window_fns<DepthwiseGather<T, true>>();
  k.window[kDepthwiseFilter][d] = window_fns<DepthwiseFilter<T>>();
  k.window[kMaxPool][d] = window_fns<MaxPool<T>>();
  k.window[kMaxPoolImage][d] = window_fns<MaxPoolImage<T>>();
}

#define GRADTAPE_NAME(isa) GRADTAPE_QUOTE(isa)
#define GRADTAPE_QUOTE(isa) #isa

constexpr Kernels make_kernels() {
  Kernels k = {};
  k.isa = GRADTAPE_NAME(GRADTAPE_ISA);
  fill_dtype<kFloat32>(k);
  fill_dtype<kFloat64>(k);
  fill_dtype<kInt32>(k);
  fill_dtype<kUint8>(k);
  fill_dtype<kBool>(k);
  k.transpose[0] = &Transpose<uint8_t>::run;
  k.transpose[2] = &Transpose<uint32_t>::run;
  k.transpose[3] = &Transpose<uint64_t>::run;
  k.gemm[kFloat32] = {&Gemm<float>::run, &Gemm<float>::workspace};
  k.gemm[kFloat64] = {&Gemm<double>::run, &Gemm<double>::workspace};
  k.gemm[kInt32] = {&IntGemm::run, &IntGemm::workspace};
  fill_windows<kFloat32>(k);
  fill_windows<kFloat64>(k);
  k.random_uniform[kFloat32] = &random_fill<Uniform01<float>, float>;
  k.random_uniform[kFloat64] = &random_fill<Uniform01<double>, double>;
  k.random_uniform[kInt32] = &random_fill<Uniform01<int32_t>, int32_t>;
  k.random_normal[kFloat32] = &random_fill<Normal<float>, float>;
  k.random_normal[kFloat64] = &random_fill<Normal<double>, double>;
  k.cumsum[kFloat32] = {&Scan<float>::rows, &Scan<float>::columns};
  k.cumsum[kFloat64] = {&Scan<double>::rows, &Scan<double>::columns};
  k.cumsum[kInt32] = {&Scan<int32_t>::rows, &Scan<int32_t>::columns};
  k.cholesky[kFloat32] = {&Cholesky<float>::run, &Cholesky<float>::workspace};
  k.cholesky[kFloat64] = {&Cholesky<double>::run, &Cholesky<double>::workspace};
  k.lu[kFloat32] = {&Lu<float>::run, &Lu<float>::workspace};
  k.lu[kFloat64] = {&Lu<double>::run, &Lu<double>::workspace};
  return k;
}

}  // namespace

constexpr Kernels kernels = make_kernels();

}  // namespace GRADTAPE_ISA
}  // namespace gradtape
