// One ISA unit: compiled once per ISA with -DGRADTAPE_ISA=<isa> and that ISA's flags. Exports one constant table and
// nothing else: no weak symbol leaves the ISA's namespace, and nothing runs
// before dispatch.
#include "kernels.h"

#include "arg.h"
#include "cast.h"
#include "channelwise.h"
#include "conv.h"
#include "elementwise.h"
#include "gemm.h"
#include "int-gemm.h"
#include "random.h"
#include "reduce.h"
#include "rotate.h"
#include "scan.h"
#include "softmax.h"
#include "sort.h"
#include "stream.h"
#include "transpose.h"

namespace gradtape {
namespace GRADTAPE_ISA {

extern const Kernels kernels;

namespace {

template <class Op, DType d>
constexpr void fill_unary(Kernels& k, unsigned kernel) {
  if constexpr (Op::domain >> d & 1) k.unary[kernel][d][0] = &UnaryLoop<Op, Type<d>>::run;
}
template <class Op, DType d>
constexpr void fill_binary(Kernels& k, unsigned kernel) {
  if constexpr (Op::domain >> d & 1) {
    ElementwiseFn(&fns)[kBinaryVariants] = k.binary[kernel - kUnaryKernels][d];
    fns[0] = &binary<Op, Type<d>, 0>;
    fns[1] = &binary<Op, Type<d>, 1>;
    fns[2] = &binary<Op, Type<d>, 2>;
  }
}
template <class Op, DType d, unsigned... variants>
constexpr void fill_ternary(Kernels& k, unsigned kernel, std::integer_sequence<unsigned, variants...>) {
  if constexpr (Op::domain >> d & 1) {
    ((k.ternary[kernel - kUnaryKernels - kBinaryKernels][d][variants] = &TernaryLoop<Op, Type<d>, variants>::run), ...);
  }
}

template <DType d>
constexpr void fill_floating(Kernels& k) {
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
  k.gemm[d] = {&Gemm<T>::run, &Gemm<T>::workspace};
  k.random_normal[d] = &random_fill<Normal<T>, T>;
}

template <DType d>
constexpr void fill_dtype(Kernels& k) {
  using T = Type<d>;
#define UNARY(name, dtypes, expr) fill_unary<name##_, d>(k, k_##name);
#define UNARY_TO_BOOL(name, dtypes, expr) fill_unary<name##_, d>(k, k_##name);
#include "unary.def"
#undef UNARY
#undef UNARY_TO_BOOL
#define BINARY(name, dtypes, expr) fill_binary<name##_, d>(k, k_##name);
#define BINARY_TO_BOOL(name, dtypes, expr) fill_binary<name##_, d>(k, k_##name);
#include "binary.def"
#undef BINARY
#undef BINARY_TO_BOOL
#define TERNARY(name, dtypes, expr) \
  fill_ternary<name##_, d>(k, k_##name, std::make_integer_sequence<unsigned, kTernaryVariants>());
#include "ternary.def"
#undef TERNARY
#define DTYPE(id, name, lane, kind, bytes, sums) k.cast[d][k##id] = &Cast<d, k##id>::run;
#include "dtype.def"
#undef DTYPE
  if constexpr (has_sums(d)) {
    k.reduce[kSum][d] = {&Reduce<SumOf, T>::rows, &Reduce<SumOf, T>::columns};
    k.reduce[kProd][d] = {&Reduce<ProdOf, T>::rows, &Reduce<ProdOf, T>::columns};
    k.random_uniform[d] = &random_fill<Uniform01<T>, T>;
    k.cumsum[d] = {&Scan<T>::rows, &Scan<T>::columns};
  }
  if constexpr (is_floating(d)) fill_floating<d>(k);
  k.reduce[kMax][d] = {&Reduce<MaxOf, T>::rows, &Reduce<MaxOf, T>::columns};
  k.reduce[kMin][d] = {&Reduce<MinOf, T>::rows, &Reduce<MinOf, T>::columns};
  k.argmax[d] = {&Arg<T, true>::rows, &Arg<T, true>::columns};
  k.argmin[d] = {&Arg<T, false>::rows, &Arg<T, false>::columns};
}

#define GRADTAPE_NAME(isa) GRADTAPE_QUOTE(isa)
#define GRADTAPE_QUOTE(isa) #isa

constexpr Kernels make_kernels() {
  Kernels k = {};
  k.isa = GRADTAPE_NAME(GRADTAPE_ISA);
  k.vector_bytes = kVectorBytes;
#define DTYPE(id, name, lane, kind, bytes, sums) fill_dtype<k##id>(k);
#include "dtype.def"
#undef DTYPE
  k.gemm[kInt32] = {&IntGemm::run, &IntGemm::workspace};
#if defined(__AVX2__)
  k.sort_integers = &Sort<int32_t>::run;
  k.sort_reals = &Sort<double>::run;
#endif
  k.rotate = &rotate;
  k.stream_copy = &stream_copy;
  k.transpose[0] = &Transpose<uint8_t>::run;
  k.transpose[2] = &Transpose<uint32_t>::run;
  k.transpose[3] = &Transpose<uint64_t>::run;
  return k;
}

}  // namespace

constexpr Kernels kernels = make_kernels();

}  // namespace GRADTAPE_ISA
}  // namespace gradtape
