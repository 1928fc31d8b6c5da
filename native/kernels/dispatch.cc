// Chooses the ISA unit by cpuid. The definitions GRADTAPE_HAS_<ISA> say which units are linked.
#include "dispatch.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

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

#if defined(__x86_64__)
// Which units the CPU can run, and the system: what their flags (native/sources.gypi) let a compiler use. By cpuid
// itself and not __builtin_cpu_supports, whose table lies in the compiler's own library: zig's never fills it.
struct Cpu {
  bool avx2 = false, avx512 = false;
  Cpu() {
    constexpr unsigned basic =
        bit_SSE3 | bit_SSSE3 | bit_SSE4_1 | bit_SSE4_2 | bit_POPCNT | bit_OSXSAVE | bit_AVX | bit_FMA;
    constexpr unsigned more = bit_AVX512F | bit_AVX512DQ | bit_AVX512BW | bit_AVX512VL;
    constexpr unsigned ymm = 0x06, zmm = 0xe0;  // registers that the system keeps for each thread
    unsigned eax, ebx, ecx, edx, kept, high;
    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || (ecx & basic) != basic) return;
    const bool f16c = ecx & bit_F16C;
    asm("xgetbv" : "=a"(kept), "=d"(high) : "c"(0));
    if ((kept & ymm) != ymm || !__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) return;
    avx2 = ebx & bit_AVX2;
#if defined(__APPLE__)
    kept |= zmm;  // by macOS from a thread's first use of them on
#endif
    avx512 = avx2 && f16c && (ebx & more) == more && (kept & zmm) == zmm;
  }
};
#endif

// The units that this CPU can run, best first, and a null at the end.
struct Units {
  const Kernels* unit[5] = {};
  Units() {
    size_t n = 0;
#if defined(__x86_64__)
    [[maybe_unused]] const Cpu cpu;
#endif
#ifdef GRADTAPE_HAS_AVX512
    if (cpu.avx512) unit[n++] = &avx512::kernels;
#endif
#ifdef GRADTAPE_HAS_AVX2
    if (cpu.avx2) unit[n++] = &avx2::kernels;
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
