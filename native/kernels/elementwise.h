// The elementwise loop: a vector or several at a time, one code for every element; and a struct for each line of the
// lists.
#pragma once

#include <type_traits>

#include "kernels.h"
#include "simd/simd.h"
#include "simd/vmath.h"
#include "simd/vspecial.h"

namespace gradtape {
namespace GRADTAPE_ISA {
namespace {

template <DType>
struct TypeOf;
#define DTYPE(id, name, lane, kind, bytes, sums) \
  template <>                                    \
  struct TypeOf<k##id> {                         \
    using type = lane;                           \
  };
#include "dtype.def"
#undef DTYPE
template <DType d>
using Type = typename TypeOf<d>::type;

// Domains of the lists: sets of dtypes.
template <class Holds>
constexpr unsigned dtypes_where(Holds holds) {
  unsigned set = 0;
  for (int d = 0; d < kDTypes; ++d) set |= unsigned(holds(DType(d))) << d;
  return set;
}
constexpr unsigned floating = dtypes_where(is_floating);
constexpr unsigned number = dtypes_where(has_sums);
constexpr unsigned boolean = dtypes_where(is_boolean);
constexpr unsigned arithmetic = floating | dtypes_where(is_integer);
constexpr unsigned everything = arithmetic | boolean;

// N elements, which a loop computes at once: a vector, or several.
template <class T, size_t N>
struct Wide {
  static constexpr size_t kVectors = N * sizeof(T) / kVectorBytes;
  Vec<T> v[kVectors];
};
template <class T, size_t N>
using Vectors = std::conditional_t<(N * sizeof(T) > kVectorBytes), Wide<T, N>, Vec<T, N>>;

template <class T, size_t N>
GRADTAPE_INLINE Vectors<T, N> load_vectors(const T* p) {
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
GRADTAPE_INLINE Vectors<T, N> splat_vectors(T x) {
  if constexpr (N * sizeof(T) > kVectorBytes) {
    Wide<T, N> w;
#pragma GCC unroll 8
    for (size_t k = 0; k < w.kVectors; ++k) w.v[k] = splat<Vec<T>>(x);
    return w;
  } else {
    return splat<Vec<T, N>>(x);
  }
}

// Copies n elements. Out of line, because every loop has this rare case; by size of the element, so that dtypes share
// it.
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

// The operands of a loop of N elements at once: an array, one element for all, or none.
template <class T, size_t N>
struct Array {
  const T* p;
  explicit Array(const void* x) : p(static_cast<const T*>(x)) {}
  GRADTAPE_INLINE Vectors<T, N> at(size_t i) const { return load_vectors<T, N>(p + i); }
  // n < N elements, the others filled with the first. One element is not copied through memory: scalars
  // come this way.
  GRADTAPE_INLINE Vectors<T, N> padded(size_t n) const {
    if (n == 1) return splat_vectors<T, N>(p[0]);
    alignas(kVectorBytes) T lanes[N];
    using First = Vec<T, (N < kLanes<T> ? N : kLanes<T>)>;
    const First first = splat<First>(p[0]);
#pragma GCC unroll 8
    for (size_t i = 0; i < N; i += kLanesOf<First>) store(lanes + i, first);
    copy_few(lanes, p, n);
    return load_vectors<T, N>(lanes);
  }
};
template <class T, size_t N>
struct Uniform {
  Vectors<T, N> v;
  explicit Uniform(const void* x) : v(splat_vectors<T, N>(*static_cast<const T*>(x))) {}
  GRADTAPE_INLINE Vectors<T, N> at(size_t) const { return v; }
  GRADTAPE_INLINE Vectors<T, N> padded(size_t) const { return v; }
};
// One of the two, as is known at run time: for operations beside which a load is nothing.
template <class T, size_t N>
struct Either {
  alignas(kVectorBytes) T lanes[N];
  const T* p;
  size_t mask;  // of the index
  Either(const void* x, bool uniform) : p(static_cast<const T*>(x)), mask(uniform ? 0 : ~size_t(0)) {
    if (!uniform) return;
#pragma GCC unroll 8
    for (size_t i = 0; i < N; i += kLanes<T>) store(lanes + i, splat<T>(*p));
    p = lanes;
  }
  Either(const Either&) = delete;
  GRADTAPE_INLINE Vectors<T, N> at(size_t i) const { return load_vectors<T, N>(p + (i & mask)); }
  GRADTAPE_INLINE Vectors<T, N> padded(size_t n) const { return mask == 0 ? at(0) : Array<T, N>(p).padded(n); }
};
struct None {
  explicit None(const void*) {}
  GRADTAPE_INLINE int at(size_t) const { return 0; }
  GRADTAPE_INLINE int padded(size_t) const { return 0; }
};

// The one elementwise loop. The tail is the last whole vector, whose operands are read before anything is written, so
// that `out` may be an operand; fewer elements than a vector are padded to one. So one code computes every element.
template <class F, size_t N, class A, class B, class C, class Out>
GRADTAPE_INLINE void loop(const A& a, const B& b, const C& c, Out* out, size_t n) {
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
using Reader = std::conditional_t<uniform, Uniform<T, N>, Array<T, N>>;

// Masks as bools, 0 or 1: f(k) is the mask of the k-th of these vectors.
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
#include "binary.def"
#include "ternary.def"
#include "unary.def"
#undef UNARY
#undef UNARY_TO_BOOL
#undef BINARY
#undef BINARY_TO_BOOL
#undef TERNARY

// From the struct of a line to the function of a dtype and a variant, so many elements at once: a vector of the result.
template <class Op, class T>
constexpr size_t kAtOnce = Op::to_bool ? kLanes<uint8_t> : kLanes<T>;

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
    constexpr size_t N = kAtOnce<Op, T>;
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
  [[gnu::noinline]] static void run(const void* a, const void* b, const void*, void* out, size_t n) {
    using Out = std::conditional_t<Op::to_bool, uint8_t, T>;
    constexpr size_t N = kAtOnce<Op, T>;
    loop<BinaryLoop, N>(Reader<T, N, variant & 1>(a), Reader<T, N, (variant & 2) != 0>(b), None(nullptr),
                        static_cast<Out*>(out), n);
  }
};

// Operations beside whose instructions a load is nothing: one loop for all variants.
template <class Op>
constexpr bool kIsLong = std::is_same_v<Op, floordiv_> || std::is_same_v<Op, pow_> || std::is_same_v<Op, atan2_> ||
                         std::is_same_v<Op, polygamma_>;

template <class Op, class T>
struct LongBinaryLoop {
  [[gnu::noinline]] static void run(const void* a, const void* b, void* out, size_t n, bool a_uniform, bool b_uniform) {
    constexpr size_t N = kAtOnce<Op, T>;
    loop<BinaryLoop<Op, T, 0>, N>(Either<T, N>(a, a_uniform), Either<T, N>(b, b_uniform), None(nullptr),
                                  static_cast<T*>(out), n);
  }
};

// The kernel that gives the same for exchanged operands, if there is one: its loops serve both.
template <class Op>
struct Exchanged {
  using type = void;
};
#define EXCHANGED(name, other) \
  template <>                  \
  struct Exchanged<name##_> {  \
    using type = other##_;     \
  };
EXCHANGED(add, add)
EXCHANGED(mul, mul)
EXCHANGED(squaredDifference, squaredDifference)
EXCHANGED(equal, equal)
EXCHANGED(notEqual, notEqual)
EXCHANGED(logicalAnd, logicalAnd)
EXCHANGED(logicalOr, logicalOr)
EXCHANGED(logicalXor, logicalXor)
EXCHANGED(greater, less)
EXCHANGED(greaterEqual, lessEqual)
#undef EXCHANGED

// The function of a binary kernel for a variant.
template <class Op, class T, unsigned variant>
void binary(const void* a, const void* b, const void*, void* out, size_t n) {
  constexpr bool a_uniform = variant == 1, b_uniform = variant == 2;
  using Other = typename Exchanged<Op>::type;
  if constexpr (kIsLong<Op>)
    LongBinaryLoop<Op, T>::run(a, b, out, n, a_uniform, b_uniform);
  else if constexpr (!std::is_void_v<Other> && (b_uniform || !std::is_same_v<Op, Other>))
    BinaryLoop<Other, T, (3 - variant) % 3>::run(b, a, nullptr, out, n);
  else
    BinaryLoop<Op, T, variant>::run(a, b, nullptr, out, n);
}

template <class Op, class T, unsigned variant>
struct TernaryLoop {
  template <class C, class V>
  static GRADTAPE_INLINE auto apply(C c, V x, V y) {
    return Op::apply(convert<Lane<IntVec<V>>>(c) != 0, x, y);
  }
  static void run(const void* a, const void* b, const void* c, void* out, size_t n) {
    constexpr size_t N = kLanes<T>;
    loop<TernaryLoop, N>(Reader<uint8_t, N, variant & 1>(a), Reader<T, N, (variant & 2) != 0>(b),
                         Reader<T, N, (variant & 4) != 0>(c), static_cast<T*>(out), n);
  }
};

}  // namespace
}  // namespace GRADTAPE_ISA
}  // namespace gradtape
