// Special functions of numbers in float64, compiled once for all ISAs: their elementary functions are the kernels of
// the ISA that is chosen, so no result comes from the C library.
#pragma once

#include <cstddef>

#include "kernels/kernels.h"

// Where size counts and speed does not.
#if defined(__clang__)
#define GRADTAPE_SMALL __attribute__((minsize))
#else
#define GRADTAPE_SMALL __attribute__((optimize("Os")))
#endif

namespace gradtape {

// Elementary functions of one number.
class Elementary {
 public:
  explicit Elementary(const Kernels& kernels) : kernels_(kernels) {}
  GRADTAPE_SMALL double operator()(ElementwiseKernel kernel, double x, double y = 0) const {
    double out;
    kernels_.elementwise(kernel, kFloat64)[0](&x, &y, nullptr, &out, 1);
    return out;
  }

 private:
  const Kernels& kernels_;
};

constexpr double kEulerGamma = 0.57721566490153286061, kPi = 3.14159265358979323846, kRootPi = 1.77245385090551602730,
                 kEpsilon = 0x1p-53;
inline double infinity() { return __builtin_inf(); }
inline double not_a_number() { return __builtin_nan(""); }

// Of so many operands as special.def says.
using SpecialFn = double (*)(const Elementary& e, const double* x);
namespace special {
#define SPECIAL(name, arity, dtypes) double name(const Elementary& e, const double* x);
#define EXACT(name, dtypes)
#include "special.def"
#undef SPECIAL
#undef EXACT
}  // namespace special

// What JavaScript learns of a function; the position is its number.
struct SpecialInfo {
  const char* name;
  int arity;
  unsigned dtypes;  // a bit each
};
enum Special : int32_t {
#define SPECIAL(name, arity, dtypes) s_##name,
#define EXACT(name, dtypes) s_##name,
#include "special.def"
#undef SPECIAL
#undef EXACT
  kSpecials
};
extern const SpecialInfo kSpecialInfo[kSpecials];

}  // namespace gradtape
