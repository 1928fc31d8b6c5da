// One ISA unit: compiled once per ISA with -DGRADTAPE_ISA=<isa> and that ISA's flags. Exports one constant table and
// nothing else: no weak symbol leaves the ISA's namespace, and nothing runs before dispatch.
#include "kernels.h"

#include "kernels/arg.h"
#include "kernels/gemm.h"
#include "kernels/random.h"
#include "kernels/reduce.h"
#include "kernels/transpose.h"
#include "simd.h"
#include "vmath.h"

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

// The operands of a loop of N lanes: an array, one element for all lanes, or none.
template <class T, size_t N>
struct Array {
  const T* p;
  explicit Array(const void* x) : p(static_cast<const T*>(x)) {}
  GRADTAPE_INLINE Vec<T, N> at(size_t i) const { return load<T, N>(p + i); }
  // n < N elements, the other lanes filled with the first. One element goes without memory, for the sake of scalars.
  GRADTAPE_INLINE Vec<T, N> padded(size_t n) const {
    if (n == 1) return splat<Vec<T, N>>(p[0]);
    Vec<T, N> v = splat<Vec<T, N>>(p[0]);
    alignas(sizeof(v)) T lanes[N];
    store(lanes, v);
    for (size_t i = 1; i < n; ++i) lanes[i] = p[i];
    return load<T, N>(lanes);
  }
};
template <class T, size_t N>
struct Uniform {
  Vec<T, N> v;
  explicit Uniform(const void* x) : v(splat<Vec<T, N>>(*static_cast<const T*>(x))) {}
  GRADTAPE_INLINE Vec<T, N> at(size_t) const { return v; }
  GRADTAPE_INLINE Vec<T, N> padded(size_t) const { return v; }
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
    const Vec<Out, N> r = F::apply(a.padded(n), b.padded(n), c.padded(n));
    out[0] = r[0];
    if (n > 1) {
      alignas(sizeof(r)) Out lanes[N];
      store(lanes, r);
      for (size_t i = 1; i < n; ++i) out[i] = lanes[i];
    }
    return;
  }
  const auto last_a = a.at(n - N);
  const auto last_b = b.at(n - N);
  const auto last_c = c.at(n - N);
  size_t i = 0;
  for (; i + N <= n; i += N) store(out + i, F::apply(a.at(i), b.at(i), c.at(i)));
  if (i < n) store(out + n - N, F::apply(last_a, last_b, last_c));
}

template <class T, size_t N, bool uniform>
using Operand = std::conditional_t<uniform, Uniform<T, N>, Array<T, N>>;

// A mask as bool: 0 or 1.
template <class M>
GRADTAPE_INLINE Vec<uint8_t, kLanesOf<M>> to_bool(M mask) {
  return convert<uint8_t>(mask) & 1;
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
#define UNARY_TO_BOOL(name, dtypes, expr)       \
  struct name##_ {                              \
    static constexpr unsigned domain = dtypes;  \
    static constexpr bool to_bool = true;       \
    template <class V>                          \
    static GRADTAPE_INLINE auto apply(V x) {    \
      return expr;                              \
    }                                           \
  };
#define BINARY(name, dtypes, expr)              \
  struct name##_ {                              \
    static constexpr unsigned domain = dtypes;  \
    static constexpr bool to_bool = false;      \
    template <class V>                          \
    static GRADTAPE_INLINE V apply(V x, V y) {  \
      return expr;                              \
    }                                           \
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
#define TERNARY(name, dtypes, expr)                  \
  struct name##_ {                                   \
    static constexpr unsigned domain = dtypes;       \
    template <class M, class V>                      \
    static GRADTAPE_INLINE V apply(M c, V x, V y) {  \
      return expr;                                   \
    }                                                \
  };
#include "kernels/binary.def"
#include "kernels/ternary.def"
#include "kernels/unary.def"
#undef UNARY
#undef UNARY_TO_BOOL
#undef BINARY
#undef BINARY_TO_BOOL
#undef TERNARY

// From the struct of a line to the function of a dtype and a variant.
template <class Op, class T>
struct UnaryLoop {
  template <class V>
  static GRADTAPE_INLINE auto apply(V x, int, int) {
    if constexpr (Op::to_bool) return to_bool(Op::apply(x));
    else return Op::apply(x);
  }
  static void run(const void* a, const void*, const void*, void* out, size_t n) {
    using Out = std::conditional_t<Op::to_bool, uint8_t, T>;
    constexpr size_t N = kLanes<T>;
    loop<UnaryLoop, N>(Array<T, N>(a), None(nullptr), None(nullptr), static_cast<Out*>(out), n);
  }
};

template <class Op, class T, unsigned variant>
struct BinaryLoop {
  template <class V>
  static GRADTAPE_INLINE auto apply(V x, V y, int) {
    if constexpr (Op::to_bool) return to_bool(Op::apply(x, y));
    else return Op::apply(x, y);
  }
  static void run(const void* a, const void* b, const void*, void* out, size_t n) {
    using Out = std::conditional_t<Op::to_bool, uint8_t, T>;
    constexpr size_t N = kLanes<T>;
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

// Conversion of one vector. Floats saturate and NaN is 0, integers wrap, bool is "not zero".
template <DType from, DType to, class V>
GRADTAPE_INLINE auto cast_vector(V x) {
  using To = Type<to>;
  if constexpr (to == kBool) {
    return to_bool(x != 0);
  } else if constexpr ((floating >> from & 1) && !(floating >> to & 1)) {
    using F = Lane<V>;
    constexpr F low = to == kUint8 ? F(0) : F(-2147483648.0);
    constexpr F high = to == kUint8 ? F(256) : F(2147483648.0);  // the first number too large
    constexpr int32_t top = to == kUint8 ? 255 : INT32_MAX;
    const auto inside = convert<int32_t>(vmath::select((x >= low) & (x < high), x, V{}));
    const auto over = convert<int32_t>(x >= high);
    const auto under = convert<int32_t>(x < low);
    using I = Vec<int32_t, kLanesOf<V>>;
    return convert<To>(over ? splat<I>(top) : under ? splat<I>(to == kUint8 ? 0 : INT32_MIN) : inside);
  } else {
    return convert<To>(x);
  }
}

template <DType from, DType to>
struct Cast {
  template <class V>
  static GRADTAPE_INLINE auto apply(V x, int, int) {
    return cast_vector<from, to>(x);
  }
  static void run(const void* a, const void*, const void*, void* out, size_t n) {
    constexpr size_t N = kVectorBytes / (kDTypeSize[from] > kDTypeSize[to] ? kDTypeSize[from] : kDTypeSize[to]);
    loop<Cast, N>(Array<Type<from>, N>(a), None(nullptr), None(nullptr), static_cast<Type<to>*>(out), n);
  }
};

// Integers wrap; a plain loop over rows of b.
struct IntGemm {
  static void run(size_t m, size_t n, size_t k, const void* a, ptrdiff_t rsa, ptrdiff_t csa, const void* b,
                  ptrdiff_t rsb, ptrdiff_t csb, void* c, ptrdiff_t rsc, bool accumulate, void*) {
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
  if constexpr (d != kBool) {
    k.reduce[kSum][d] = {&Reduce<SumOf, T>::rows, &Reduce<SumOf, T>::columns};
    k.reduce[kProd][d] = {&Reduce<ProdOf, T>::rows, &Reduce<ProdOf, T>::columns};
  }
  k.reduce[kMax][d] = {&Reduce<MaxOf, T>::rows, &Reduce<MaxOf, T>::columns};
  k.reduce[kMin][d] = {&Reduce<MinOf, T>::rows, &Reduce<MinOf, T>::columns};
  k.argmax[d] = &arg_rows<T, true>;
  k.argmin[d] = &arg_rows<T, false>;
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
  k.transpose[0] = &transpose_matrix<uint8_t>;
  k.transpose[2] = &transpose_matrix<uint32_t>;
  k.transpose[3] = &transpose_matrix<uint64_t>;
  k.gemm[kFloat32] = {&Gemm<float>::run, &Gemm<float>::workspace};
  k.gemm[kFloat64] = {&Gemm<double>::run, &Gemm<double>::workspace};
  k.gemm[kInt32] = {&IntGemm::run, &IntGemm::workspace};
  k.random_uniform[kFloat32] = &random_uniform<float>;
  k.random_uniform[kFloat64] = &random_uniform<double>;
  k.random_uniform[kInt32] = &random_uniform<int32_t>;
  k.random_normal[kFloat32] = &random_normal<float>;
  k.random_normal[kFloat64] = &random_normal<double>;
  return k;
}

}  // namespace

constexpr Kernels kernels = make_kernels();

}  // namespace GRADTAPE_ISA
}  // namespace gradtape
