// Plane rotations of neighbouring rows, one after the other: what an eigenvalue iteration does to the vectors.
#pragma once

#include "kernels.h"
#include "simd/simd.h"

namespace gradtape {
namespace GRADTAPE_ISA {
namespace {

// The row between two rotations stays in registers, so that each rotation reads one row and writes one.
inline void rotate(double* row, ptrdiff_t step, const double* turns, size_t count) {
  using V = Vec<double>;
  constexpr size_t L = kLanes<double>, N = kRotated / L;
  V carried[N];
  for (size_t k = 0; k < N; ++k) carried[k] = load(row + k * L);
  for (size_t i = 0; i < count; ++i) {
    const V c = splat<V>(turns[2 * i]), s = splat<V>(turns[2 * i + 1]);
    double* next = row + step;
    for (size_t k = 0; k < N; ++k) {
      const V other = load(next + k * L);
      store(row + k * L, V(fma(c, carried[k], s * other)));
      carried[k] = fma(c, other, -(s * carried[k]));
    }
    row = next;
  }
  for (size_t k = 0; k < N; ++k) store(row + k * L, carried[k]);
}

}  // namespace
}  // namespace GRADTAPE_ISA
}  // namespace gradtape
