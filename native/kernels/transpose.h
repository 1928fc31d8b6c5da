// Blocked copy of a matrix into its transpose.
#pragma once

#include "../simd.h"

namespace gradtape {
namespace GRADTAPE_ISA {
namespace {

template <class T>
void transpose_matrix(const void* src, size_t src_stride, void* dst, size_t dst_stride, size_t rows, size_t columns) {
  const T* s = static_cast<const T*>(src);
  T* d = static_cast<T*>(dst);
  for (size_t i = 0; i < rows; ++i) {
    for (size_t j = 0; j < columns; ++j) d[j * dst_stride + i] = s[i * src_stride + j];
  }
}

}  // namespace
}  // namespace GRADTAPE_ISA
}  // namespace gradtape
