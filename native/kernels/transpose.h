// Blocked copy of a matrix into its transpose.
#pragma once

#include "simd/simd.h"

namespace gradtape {
namespace GRADTAPE_ISA {
namespace {

template <class T>
struct Transpose {
  static constexpr size_t L = sizeof(T) == 1 ? 16 : kLanes<T>;  // a square of L x L in registers
  static constexpr size_t K = L * sizeof(T) < 64 && sizeof(T) > 1 ? 64 / (L * sizeof(T))
                                                                  : 1;  // squares that fill cache lines of dst
  static constexpr size_t kColumns = 64;

  static GRADTAPE_INLINE void plain(const T* s, size_t ss, T* d, size_t ds, size_t rows, size_t columns) {
    for (size_t j = 0; j < columns; ++j) {
      for (size_t i = 0; i < rows; ++i) d[j * ds + i] = s[i * ss + j];
    }
  }

  static GRADTAPE_INLINE void squares(const T* s, size_t ss, T* d, size_t ds) {
    Vec<T, L> v[K][L];
#pragma GCC unroll 4
    for (size_t k = 0; k < K; ++k) {
#pragma GCC unroll 16
      for (size_t i = 0; i < L; ++i) v[k][i] = load<T, L>(s + (k * L + i) * ss);
      transpose<T, L>(v[k]);
    }
#pragma GCC unroll 16
    for (size_t j = 0; j < L; ++j) {
#pragma GCC unroll 4
      for (size_t k = 0; k < K; ++k) store(d + j * ds + k * L, v[k][j]);
    }
  }

  static void run(const void* src, size_t ss, void* dst, size_t ds, size_t rows, size_t columns) {
    const T* s = static_cast<const T*>(src);
    T* d = static_cast<T*>(dst);
    const size_t whole_rows = rows - rows % (K * L), whole_columns = columns - columns % L;
    for (size_t from = 0; from < whole_columns; from += kColumns) {
      const size_t to = from + kColumns < whole_columns ? from + kColumns : whole_columns;
      for (size_t i = 0; i < whole_rows; i += K * L) {
        for (size_t j = from; j < to; j += L) squares(s + i * ss + j, ss, d + j * ds + i, ds);
      }
    }
    plain(s + whole_columns, ss, d + whole_columns * ds, ds, whole_rows, columns - whole_columns);
    plain(s + whole_rows * ss, ss, d + whole_rows, ds, rows - whole_rows, columns);
  }
};

}  // namespace
}  // namespace GRADTAPE_ISA
}  // namespace gradtape
