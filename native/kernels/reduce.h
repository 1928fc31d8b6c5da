// Reductions of rows and of columns: sum, prod, max, min. Knows no shapes: kernels.h says what one call covers.
#pragma once

#include "../vmath.h"

namespace gradtape {
namespace GRADTAPE_ISA {
namespace {

struct SumOf {
  template <class V>
  static GRADTAPE_INLINE V combine(V x, V y) {
    return vmath::add(x, y);
  }
};
struct ProdOf {
  template <class V>
  static GRADTAPE_INLINE V combine(V x, V y) {
    return vmath::mul(x, y);
  }
};
struct MaxOf {
  template <class V>
  static GRADTAPE_INLINE V combine(V x, V y) {
    return vmath::maximum(x, y);
  }
};
struct MinOf {
  template <class V>
  static GRADTAPE_INLINE V combine(V x, V y) {
    return vmath::minimum(x, y);
  }
};

template <class Op, class T>
struct Reduce {
  static GRADTAPE_INLINE T combine(T x, T y) { return Op::template combine<Vec<T>>(splat<Vec<T>>(x), splat<Vec<T>>(y))[0]; }

  static void rows(const void* x, void* out, size_t rows, size_t n) {
    for (size_t r = 0; r < rows; ++r) {
      const T* p = static_cast<const T*>(x) + r * n;
      T a = p[0];
      for (size_t j = 1; j < n; ++j) a = combine(a, p[j]);
      static_cast<T*>(out)[r] = a;
    }
  }
  static void columns(const void* x, size_t stride, void* out, size_t rows, size_t n) {
    for (size_t j = 0; j < n; ++j) {
      const T* p = static_cast<const T*>(x) + j;
      T a = p[0];
      for (size_t r = 1; r < rows; ++r) a = combine(a, p[r * stride]);
      static_cast<T*>(out)[j] = a;
    }
  }
};

}  // namespace
}  // namespace GRADTAPE_ISA
}  // namespace gradtape
