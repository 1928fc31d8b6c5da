// Chooses the ISA unit by cpuid. The definitions GRADTAPE_HAS_<ISA> say which units are linked.
#include "dispatch.h"

namespace gradtape {

#define GRADTAPE_UNIT(isa)      \
  namespace isa {               \
  extern const Kernels kernels; \
  }
#ifdef GRADTAPE_HAS_AVX512
GRADTAPE_UNIT(avx512)
#endif
#ifdef GRADTAPE_HAS_AVX2
GRADTAPE_UNIT(avx2)
#endif
#ifdef GRADTAPE_HAS_SSE2
GRADTAPE_UNIT(sse2)
#endif
#ifdef GRADTAPE_HAS_NEON
GRADTAPE_UNIT(neon)
#endif
#undef GRADTAPE_UNIT

const ElementwiseInfo kElementwiseInfo[kElementwiseKernels] = {
#define UNARY(name, dtypes, expr) {#name, 1, false, false},
#define UNARY_TO_BOOL(name, dtypes, expr) {#name, 1, true, false},
#include "unary.def"
#undef UNARY
#undef UNARY_TO_BOOL
#define BINARY(name, dtypes, expr) {#name, 2, false, false},
#define BINARY_TO_BOOL(name, dtypes, expr) {#name, 2, true, false},
#include "binary.def"
#undef BINARY
#undef BINARY_TO_BOOL
#define TERNARY(name, dtypes, expr) {#name, 3, false, true},
#include "ternary.def"
#undef TERNARY
};

namespace {

// The units that this CPU can run, best first, and a null at the end.
struct Units {
  const Kernels* unit[5] = {};
  Units() {
    size_t n = 0;
#ifdef GRADTAPE_HAS_AVX512
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma")) {
      unit[n++] = &avx512::kernels;
    }
#endif
#ifdef GRADTAPE_HAS_AVX2
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) unit[n++] = &avx2::kernels;
#endif
#ifdef GRADTAPE_HAS_SSE2
    unit[n++] = &sse2::kernels;
#endif
#ifdef GRADTAPE_HAS_NEON
    unit[n++] = &neon::kernels;
#endif
    (void)n;
  }
};

const Units& units() {
  static const Units units;
  return units;
}

}  // namespace

std::vector<std::string> available_isas() {
  std::vector<std::string> names;
  for (const Kernels* const* u = units().unit; *u; ++u) names.emplace_back((*u)->isa);
  return names;
}

const Kernels* kernels_for(const std::string& isa) {
  for (const Kernels* const* u = units().unit; *u; ++u) {
    if (isa.empty() || isa == (*u)->isa) return *u;
  }
  return nullptr;
}

}  // namespace gradtape
