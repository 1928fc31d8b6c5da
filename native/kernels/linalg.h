// Factors of square matrices, in blocks of columns: what is left of a block goes through the tiles of gemm.h, the block
// itself by columns. No row of a result depends on how many matrices are factored.
#pragma once

#include "gemm.h"
#include "simd/vmath.h"

namespace gradtape {
namespace GRADTAPE_ISA {
namespace {

template <class T>
struct Factor {
  using G = Gemm<T>;
  static constexpr size_t kWidth = 64;  // columns of a block

  static constexpr size_t aligned(size_t elements) { return (elements * sizeof(T) + 63) / 64 * 64 / sizeof(T); }
  static size_t width_at(size_t j, size_t n) { return n - j < kWidth ? n - j : kWidth; }

  // to -= factor * from, of n elements.
  static GRADTAPE_INLINE void subtract(T* to, const T* from, T factor, size_t n) {
    using V = Vec<T>;
    constexpr size_t L = kLanes<T>;
    const V f = splat<V>(factor);
    size_t i = 0;
    for (; i + L <= n; i += L) store(to + i, V(load(to + i) - f * load(from + i)));
    for (; i < n; ++i) to[i] -= factor * from[i];
  }

  static GRADTAPE_INLINE T square_root(T x) { return vmath::sqrt(splat<Vec<T>>(x))[0]; }
};

// a = l transposed(l), l lower triangular. Reads the lower triangle of a.
template <class T>
struct Cholesky : Factor<T> {
  using typename Factor<T>::G;
  using Factor<T>::kWidth;
  using Factor<T>::aligned;
  using Factor<T>::width_at;
  using Factor<T>::subtract;
  using Factor<T>::square_root;

  // A block's rows of l, with the other sign; the block's own triangle, transposed; what products need.
  static size_t workspace(size_t n) {
    size_t most = 0;
    for (size_t j = kWidth; j < n; j += kWidth) {
      const size_t bytes = G::workspace(n - j, width_at(j, n), j);
      if (bytes > most) most = bytes;
    }
    return (aligned(kWidth * n) + aligned(kWidth * kWidth)) * sizeof(T) + most;
  }

  static size_t run(const void* a_, void* l_, int32_t*, size_t n, void* workspace) {
    const T* a = static_cast<const T*>(a_);
    T* l = static_cast<T*>(l_);
    T *minus = static_cast<T*>(workspace), *turned = minus + aligned(kWidth * n),
      *room = turned + aligned(kWidth * kWidth);
    for (size_t i = 0; i < n; ++i) {
      __builtin_memcpy(l + i * n, a + i * n, (i + 1) * sizeof(T));
      __builtin_memset(l + i * n + i + 1, 0, (n - i - 1) * sizeof(T));
    }
    for (size_t j = 0; j < n; j += kWidth) {
      const size_t width = width_at(j, n);
      T* block = l + j * n + j;
      if (j > 0) {
        for (size_t c = 0; c < width; ++c) {
          for (size_t k = 0; k < j; ++k) minus[c * j + k] = -l[(j + c) * n + k];
        }
        G::run(n - j, width, j, l + j * n, ptrdiff_t(n), 1, minus, 1, ptrdiff_t(j), block, ptrdiff_t(n), true, room,
               nullptr);
        for (size_t i = 0; i < width; ++i) __builtin_memset(block + i * n + i + 1, 0, (width - i - 1) * sizeof(T));
      }
      const size_t good = triangle(block, n, width, turned);
      if (good < width) return j + good;
      for (size_t i = width; i < n - j; ++i) {
        T* row = block + i * n;
        for (size_t c = 0; c < width; ++c) {
          row[c] /= turned[c * kWidth + c];
          subtract(row + c + 1, turned + c * kWidth + c + 1, row[c], width - c - 1);
        }
      }
    }
    return n;
  }

  // Factors a triangle of `width` rows, a column at a time, and keeps them as rows of `turned`. Returns how many are
  // good.
  static size_t triangle(T* block, size_t n, size_t width, T* turned) {
    for (size_t k = 0; k < width; ++k) {
      const T pivot = block[k * n + k];
      if (!(pivot > 0)) return k;
      T* column = turned + k * kWidth;
      column[k] = block[k * n + k] = square_root(pivot);
      for (size_t i = k + 1; i < width; ++i) {
        T* row = block + i * n;
        column[i] = row[k] /= column[k];
        subtract(row + k + 1, column + k + 1, row[k], i - k);
      }
    }
    return width;
  }
};

// a[rows] = l u, l with ones on its diagonal, both in one matrix; `rows` may be null.
template <class T>
struct Lu : Factor<T> {
  using typename Factor<T>::G;
  using Factor<T>::kWidth;
  using Factor<T>::aligned;
  using Factor<T>::width_at;
  using Factor<T>::subtract;

  // A block's columns of l below it, with the other sign; what products need.
  static size_t workspace(size_t n) {
    size_t most = 0;
    for (size_t end = kWidth; end < n; end += kWidth) {
      const size_t bytes = G::workspace(n - end, n - end, kWidth);
      if (bytes > most) most = bytes;
    }
    return aligned(kWidth * n) * sizeof(T) + most;
  }

  static size_t run(const void* a, void* lu_, int32_t* rows, size_t n, void* workspace) {
    T* lu = static_cast<T*>(lu_);
    T *minus = static_cast<T*>(workspace), *room = minus + aligned(kWidth * n);
    __builtin_memcpy(lu, a, n * n * sizeof(T));
    for (size_t i = 0; rows && i < n; ++i) rows[i] = int32_t(i);
    for (size_t j = 0; j < n; j += kWidth) {
      const size_t width = width_at(j, n), end = j + width, rest = n - end;
      for (size_t c = j; c < end; ++c) {
        exchange(lu, rows, n, c, largest(lu, n, c));
        const T pivot = lu[c * n + c];
        if (pivot == 0) continue;  // and all below it
        for (size_t i = c + 1; i < n; ++i) {
          T* row = lu + i * n;
          row[c] /= pivot;
          subtract(row + c + 1, lu + c * n + c + 1, row[c], end - c - 1);
        }
      }
      if (rest == 0) break;
      for (size_t c = j; c < end; ++c) {
        for (size_t i = c + 1; i < end; ++i) subtract(lu + i * n + end, lu + c * n + end, lu[i * n + c], rest);
      }
      for (size_t i = 0; i < rest; ++i) {
        for (size_t c = 0; c < width; ++c) minus[i * width + c] = -lu[(end + i) * n + j + c];
      }
      G::run(rest, rest, width, minus, ptrdiff_t(width), 1, lu + j * n + end, ptrdiff_t(n), 1, lu + end * n + end,
             ptrdiff_t(n), true, room, nullptr);
    }
    return n;
  }

  // The row, from c on, of the element of column c that is farthest from zero; the first of equals.
  static size_t largest(const T* lu, size_t n, size_t c) {
    size_t best = c;
    T most = -1;
    for (size_t i = c; i < n; ++i) {
      const T x = lu[i * n + c], size = x < 0 ? -x : x;
      if (size > most) {
        best = i;
        most = size;
      }
    }
    return best;
  }

  static void exchange(T* lu, int32_t* rows, size_t n, size_t i, size_t k) {
    if (i == k) return;
    T *x = lu + i * n, *y = lu + k * n;
    for (size_t j = 0; j < n; ++j) {
      const T t = x[j];
      x[j] = y[j];
      y[j] = t;
    }
    if (!rows) return;
    const int32_t t = rows[i];
    rows[i] = rows[k];
    rows[k] = t;
  }
};

// op(a) x = b, b in x: blocks of rows, each after what it reads. Reads one triangle of a.
template <class T>
struct TriangularSolve : Factor<T> {
  using typename Factor<T>::G;
  using Factor<T>::kWidth;
  using Factor<T>::aligned;
  using Factor<T>::width_at;
  using Factor<T>::subtract;

  // A block's rows of op(a) before its own triangle, with the other sign; what products need.
  static size_t workspace(size_t n, size_t columns) {
    size_t most = 0;
    for (size_t solved = kWidth; solved < n; solved += kWidth) {
      const size_t bytes = G::workspace(width_at(solved, n), columns, solved);
      if (bytes > most) most = bytes;
    }
    return aligned(kWidth * n) * sizeof(T) + most;
  }

  static size_t run(const void* a_, bool lower, bool transposed, void* x_, size_t stride, size_t n, size_t columns,
                    void* workspace) {
    const T* a = static_cast<const T*>(a_);
    T* x = static_cast<T*>(x_);
    T *minus = static_cast<T*>(workspace), *room = minus + aligned(kWidth * n);
    const bool forward = lower != transposed;  // op(a) is lower triangular
    const size_t row_step = transposed ? 1 : n, column_step = transposed ? n : 1;
    for (size_t i = 0; i < n; ++i) {
      if (a[i * n + i] == 0) return i;
    }
    for (size_t solved = 0; solved < n; solved += width_at(solved, n)) {
      const size_t width = width_at(solved, n), first = forward ? solved : n - solved - width, end = first + width;
      if (solved > 0) {
        const size_t from = forward ? 0 : end;  // of the rows that are solved
        for (size_t i = 0; i < width; ++i) {
          const T* row = a + (first + i) * row_step + from * column_step;
          for (size_t k = 0; k < solved; ++k) minus[i * solved + k] = -row[k * column_step];
        }
        G::run(width, columns, solved, minus, ptrdiff_t(solved), 1, x + from * stride, ptrdiff_t(stride), 1,
               x + first * stride, ptrdiff_t(stride), true, room, nullptr);
      }
      for (size_t r = 0; r < width; ++r) {
        const size_t i = forward ? first + r : end - 1 - r;
        T* row = x + i * stride;
        for (size_t k = forward ? first : i + 1; k < (forward ? i : end); ++k) {
          subtract(row, x + k * stride, a[i * row_step + k * column_step], columns);
        }
        for (size_t c = 0; c < columns; ++c) row[c] /= a[i * n + i];
      }
    }
    return n;
  }
};

}  // namespace
}  // namespace GRADTAPE_ISA
}  // namespace gradtape
