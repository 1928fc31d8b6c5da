// Index of the first largest or smallest element of each row.
#pragma once

#include "../vmath.h"

namespace gradtape {
namespace GRADTAPE_ISA {
namespace {

template <class T, bool largest>
void arg_rows(const void* x, int32_t* out, size_t rows, size_t n) {
  for (size_t r = 0; r < rows; ++r) {
    const T* p = static_cast<const T*>(x) + r * n;
    size_t at = 0;
    for (size_t j = 1; j < n && !(p[at] != p[at]); ++j) {
      if (p[j] != p[j] || (largest ? p[j] > p[at] : p[j] < p[at])) at = j;
    }
    out[r] = int32_t(at);
  }
}

}  // namespace
}  // namespace GRADTAPE_ISA
}  // namespace gradtape
