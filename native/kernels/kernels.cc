// One ISA unit: compiled once per ISA with -DGRADTAPE_ISA=<isa> and that ISA's flags. Exports one constant table and
// nothing else: no weak symbol leaves the ISA's namespace, and nothing runs before dispatch.
#include "kernels.h"

#include "arg.h"
#include "cast.h"
#include "channelwise.h"
#include "conv.h"
#include "elementwise.h"
#include "gemm.h"
#include "int-gemm.h"
#include "linalg.h"
#include "random.h"
#include "reduce.h"
#include "scan.h"
#include "softmax.h"
#include "transpose.h"

namespace gradtape {
namespace GRADTAPE_ISA {

extern const Kernels kernels;

namespace {

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
#include "unary.def"
#undef UNARY
#undef UNARY_TO_BOOL
#define BINARY(name, dtypes, expr) fill_binary<name##_, d>(k, k_##name);
#define BINARY_TO_BOOL(name, dtypes, expr) fill_binary<name##_, d>(k, k_##name);
#include "binary.def"
#undef BINARY
#undef BINARY_TO_BOOL
#define TERNARY(name, dtypes, expr) \
  fill_ternary<name##_, d>(k, k_##name, std::make_integer_sequence<unsigned, kVariants - 1>());
#include "ternary.def"
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
