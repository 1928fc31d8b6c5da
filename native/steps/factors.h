// Factors of one square matrix and equations with triangular ones, in halves down to blocks of a few columns: what is
// left of a half goes through products of matrices, which are kernels of the chosen ISA. Compiled once for all ISAs;
// not inlined, which would make it four times as large.
#pragma once

#include <cmath>
#include <cstring>

#include "kernels/kernels.h"

namespace gradtape {

// A triangular matrix; element [i, j] is a[i * row + j * column], and that of the transpose has the strides exchanged.
template <class T>
struct Triangle {
  const T* a;
  ptrdiff_t row, column;
  bool lower;
  bool unit;  // its diagonal is meant to be ones, and is not read
  T at(size_t i, size_t j) const { return a[ptrdiff_t(i) * row + ptrdiff_t(j) * column]; }
  Triangle part(size_t i, size_t j) const {
    return {a + ptrdiff_t(i) * row + ptrdiff_t(j) * column, row, column, lower, unit};
  }
  Triangle transposed() const { return {a, column, row, !lower, unit}; }
};

// What the algorithms have in common: memory (64-byte aligned), and products in it. Without memory they compute
// nothing, read nothing, and only learn how much of it they need for a matrix of n rows and for so many columns beside
// it.
template <class T>
class Factors {
 public:
  static constexpr size_t kBlock = 16;   // columns that are not halved any more
  static constexpr size_t kDepth = 128;  // of a product that is subtracted at once

  Factors(const Kernels& kernels, DType dtype, size_t n, size_t columns, char* memory)
      : gemm_(kernels.gemm[dtype]),
        transpose_(kernels.transpose[sizeof(T) == 4 ? 2 : 3]),
        counts_(memory == nullptr),
        memory_(counts_ ? nowhere() : memory),
        least_(n < columns || columns == 0 ? n : columns),
        turned_(n > kBlock ? padded(n) : 0) {}

  // A pointer that is never followed.
  static char* nowhere() {
    alignas(64) static char some[64];
    return some;
  }

  // Bytes, when all is computed without memory.
  size_t bytes() const { return room_at() + most_; }

  // a = l transposed(l), l over the lower triangle of a, zeros over the other one. Returns n, or the first i whose
  // leading minor of order i + 1 is not positive.
  [[gnu::noinline]] size_t cholesky(T* a, size_t stride, size_t n) {
    const size_t good = cholesky_part(a, stride, n);
    for (size_t i = 0; i < n && !counts_; ++i) std::memset(a + i * stride + i + 1, 0, (n - i - 1) * sizeof(T));
    return good;
  }

  // a[rows] = l u, both over a; l has ones on its diagonal, which are not stored. rows[i], given as i, becomes the row
  // where row i was. Returns whether so many of them were exchanged that the determinant changed its sign.
  [[gnu::noinline]] bool lu(T* a, size_t n, int32_t* rows) {
    odd_ = false;
    if (n <= kSmall)
      eliminate(a, n, rows);
    else
      lu_part(a, n, 0, n, rows);
    return odd_;
  }

  // x of t x = b, b over x: n rows of `columns` elements, `stride` apart.
  [[gnu::noinline]] void solve(const Triangle<T>& t, T* x, size_t stride, size_t n, size_t columns) {
    if (n <= kBlock) return solve_block(t, x, stride, n, columns);
    const size_t half = half_of(n), first = t.lower ? 0 : half, count = t.lower ? half : n - half;
    const size_t second = t.lower ? half : 0;
    solve(t.part(first, first), x + first * stride, stride, count, columns);
    const Triangle<T> between = t.part(second, first);
    subtract(n - count, columns, count, between.a, between.row, between.column, x + first * stride, ptrdiff_t(stride),
             1, x + second * stride, stride);
    solve(t.part(second, second), x + second * stride, stride, n - count, columns);
  }

 private:
  static constexpr size_t kSmall = 32;  // rows of a matrix that is eliminated element by element

  static size_t padded(size_t elements) { return (elements * sizeof(T) + 63) / 64 * 64 / sizeof(T); }
  static size_t half_of(size_t n) { return (n / 2 + kBlock - 1) / kBlock * kBlock; }
  // Memory: columns turned to rows; an operand with the other sign; what products need.
  T* turned() const { return reinterpret_cast<T*>(memory_); }
  T* minus() const { return turned() + kBlock * turned_; }
  size_t room_at() const { return (kBlock * turned_ + kDepth * padded(least_)) * sizeof(T); }

  [[gnu::noinline]] void add_product(size_t m, size_t n, size_t k, const T* a, ptrdiff_t rsa, ptrdiff_t csa, const T* b,
                                     ptrdiff_t rsb, ptrdiff_t csb, T* c, size_t rsc) {
    if (!counts_)
      return gemm_.run(m, n, k, a, rsa, csa, b, rsb, csb, c, ptrdiff_t(rsc), true, memory_ + room_at(), nullptr);
    const size_t bytes = gemm_.workspace(m, n, k);
    if (bytes > most_) most_ = bytes;
  }

  [[gnu::noinline]] void negate(const T* x, ptrdiff_t row, ptrdiff_t column, size_t rows, size_t columns) {
    for (size_t i = 0; i < rows && !counts_; ++i, x += row) {
      for (size_t j = 0; j < columns; ++j) minus()[i * columns + j] = -x[ptrdiff_t(j) * column];
    }
  }

  // c[m x n] -= a[m x k] b[k x n].
  [[gnu::noinline]] void subtract(size_t m, size_t n, size_t k, const T* a, ptrdiff_t rsa, ptrdiff_t csa, const T* b,
                                  ptrdiff_t rsb, ptrdiff_t csb, T* c, size_t rsc) {
    for (size_t depth; k > 0; k -= depth) {
      depth = k < kDepth ? k : kDepth;
      const ptrdiff_t apart = ptrdiff_t(m <= n ? depth : n);
      if (m <= n) {
        negate(a, rsa, csa, m, depth);
        add_product(m, n, depth, minus(), apart, 1, b, rsb, csb, c, rsc);
      } else {
        negate(b, rsb, csb, depth, n);
        add_product(m, n, depth, a, rsa, csa, minus(), apart, 1, c, rsc);
      }
      a += ptrdiff_t(depth) * csa;
      b += ptrdiff_t(depth) * rsb;
    }
  }

  // The same of few rows: each less what those that are solved say.
  [[gnu::noinline]] void solve_block(const Triangle<T>& t, T* x, size_t stride, size_t n, size_t columns) {
    if (columns == 1) return counts_ ? void() : solve_vector(t, x, ptrdiff_t(stride), n);
    for (size_t r = 0; r < n; ++r) {
      const size_t i = t.lower ? r : n - 1 - r, first = t.lower ? 0 : i + 1;
      T* row = x + i * stride;
      if (r > 0 && columns >= kBlock) {
        T factors[kBlock] = {};
        for (size_t k = 0; k < r && !counts_; ++k) factors[k] = -t.at(i, first + k);
        add_product(1, columns, r, factors, 1, 1, x + first * stride, ptrdiff_t(stride), 1, row, stride);
      }
      if (counts_) continue;
      if (columns < kBlock) {
        for (size_t k = first; k < first + r; ++k) {
          const T factor = t.at(i, k);
          for (size_t c = 0; c < columns; ++c) row[c] -= factor * x[k * stride + c];
        }
      }
      if (t.unit) continue;
      const T pivot = t.at(i, i);
      for (size_t c = 0; c < columns; ++c) row[c] /= pivot;
    }
  }

  // From the end where it begins on: both go backwards in an upper triangle.
  [[gnu::noinline]] static void solve_vector(const Triangle<T>& t, T* x, ptrdiff_t stride, size_t n) {
    const size_t last = n > 0 ? n - 1 : 0;
    const ptrdiff_t down = t.lower ? t.row : -t.row, right = t.lower ? t.column : -t.column;
    const ptrdiff_t step = t.lower ? stride : -stride;
    const T* row = t.lower ? t.a : &t.a[ptrdiff_t(last) * (t.row + t.column)];
    if (!t.lower) x += ptrdiff_t(last) * stride;
    T* to = x;
    for (size_t i = 0; i < n; ++i, row += down, to += step) {
      const T *a = row, *from = x;
      T sum = *to;
      for (size_t k = i; k > 0; --k, a += right, from += step) sum -= *a * *from;
      *to = t.unit ? sum : sum / *a;
    }
  }

  // x of x transposed(l) = b, b over x, which has `rows` rows of n elements.
  [[gnu::noinline]] void solve_rows(const Triangle<T>& l, T* x, size_t stride, size_t rows, size_t n) {
    if (n > kBlock) {
      const size_t half = half_of(n);
      solve_rows(l, x, stride, rows, half);
      subtract(rows, n - half, half, x, ptrdiff_t(stride), 1, l.part(half, 0).a, l.column, l.row, x + half, stride);
      return solve_rows(l.part(half, half), x + half, stride, rows, n - half);
    }
    if (!counts_) transpose_(x, stride, turned(), padded(rows), rows, n);
    solve_block(l, turned(), padded(rows), n, rows);
    if (!counts_) transpose_(turned(), padded(rows), x, stride, n, rows);
  }

  [[gnu::noinline]] size_t cholesky_part(T* a, size_t stride, size_t n) {
    if (n <= kBlock) return counts_ ? n : cholesky_block(a, stride, n);
    const size_t half = half_of(n), rest = n - half, good = cholesky_part(a, stride, half);
    if (good < half) return good;
    T* below = a + half * stride;
    solve_rows({a, ptrdiff_t(stride), 1, true, false}, below, stride, rest, half);
    constexpr size_t kWide = 4 * kBlock;
    for (size_t j = 0; j < rest; j += kWide) {  // from the diagonal on
      const T* from = below + j * stride;
      subtract(rest - j, rest - j < kWide ? rest - j : kWide, half, from, ptrdiff_t(stride), 1, from, 1,
               ptrdiff_t(stride), below + j * stride + half + j, stride);
    }
    return half + cholesky_part(below + half, stride, rest);
  }

  [[gnu::noinline]] static size_t cholesky_block(T* a, size_t stride, size_t n) {
    for (size_t j = 0; j < n; ++j) {
      T* row = a + j * stride;
      for (size_t i = j; i < n; ++i) {
        T* other = a + i * stride;
        T sum = other[j];
        for (size_t k = 0; k < j; ++k) sum -= other[k] * row[k];
        if (i > j) {
          other[j] = sum / row[j];
        } else if (sum > 0) {
          row[j] = std::sqrt(sum);
        } else {
          return j;
        }
      }
    }
    return n;
  }

  // Where the element of column c, from row c on, is farthest from zero; the first of equals.
  static size_t largest(const T* column, size_t step, size_t c, size_t n) {
    size_t best = c;
    T most = -1;
    for (size_t i = c; i < n; ++i) {
      const T x = column[i * step], size = x < 0 ? -x : x;
      if (size > most) {
        best = i;
        most = size;
      }
    }
    return best;
  }

  template <class X>
  static void exchange(X* x, X* y, size_t n) {
    for (size_t i = 0; i < n; ++i) {
      const X t = x[i];
      x[i] = y[i];
      y[i] = t;
    }
  }

  // The factors of a small matrix.
  [[gnu::noinline]] void eliminate(T* a, size_t n, int32_t* rows) {
    for (size_t c = 0; c < n && !counts_; ++c) {
      const size_t best = largest(a + c, n, c, n);
      if (best != c) exchange_rows(a, n, 0, n, rows, c, best);
      const T* __restrict from = a + c * n;
      const T pivot = from[c];
      if (pivot == 0) continue;  // and all below it
      for (size_t i = c + 1; i < n; ++i) {
        T* __restrict row = a + i * n;
        const T factor = row[c] /= pivot;
        for (size_t j = c + 1; j < n; ++j) row[j] -= factor * from[j];
      }
    }
  }

  // All of rows i and k but columns from .. to - 1 of a block that has exchanged its own.
  [[gnu::noinline]] void exchange_rows(T* a, size_t n, size_t from, size_t to, int32_t* rows, size_t i, size_t k) {
    T *x = a + i * n, *y = a + k * n;
    if (to == n && from == 0) {
      exchange(x, y, n);
    } else {
      exchange(x, y, from);
      exchange(x + to, y + to, n - to);
    }
    exchange(rows + i, rows + k, 1);
    odd_ = !odd_;
  }

  // Columns j .. j + width - 1, from row j on; those before them are done.
  [[gnu::noinline]] void lu_part(T* a, size_t n, size_t j, size_t width, int32_t* rows) {
    if (width <= kBlock) return lu_block(a, n, j, width, rows);
    const size_t half = half_of(width), next = j + half, rest = width - half;
    lu_part(a, n, j, half, rows);
    T *right = a + j * n + next, *below = a + next * n;
    solve({a + j * n + j, ptrdiff_t(n), 1, true, true}, right, n, half, rest);
    subtract(n - next, rest, half, below + j, ptrdiff_t(n), 1, right, ptrdiff_t(n), 1, below + next, n);
    lu_part(a, n, next, rest, rows);
  }

  // A block's columns lie as rows, so that products and the search for pivots read neighbours.
  [[gnu::noinline]] void lu_block(T* a, size_t n, size_t j, size_t width, int32_t* rows) {
    const size_t m = n - j, apart = padded(m);
    T* columns = turned();
    size_t pivots[kBlock] = {};
    if (!counts_) transpose_(a + j * n + j, n, columns, apart, m, width);
    for (size_t c = 0; c < width && c < m; ++c) {
      T* column = columns + c * apart;
      T factors[kBlock] = {};
      for (size_t k = 0; k < c && !counts_; ++k) {
        factors[k] = -column[k];
        for (size_t i = k + 1; i < c; ++i) column[i] += factors[k] * columns[k * apart + i];
      }
      if (c > 0) add_product(1, m - c, c, factors, 1, 1, columns + c, ptrdiff_t(apart), 1, column + c, apart);
      if (counts_) continue;
      const size_t best = pivots[c] = largest(column, 1, c, m);
      for (size_t k = 0; k < width && best != c; ++k) exchange(columns + k * apart + c, columns + k * apart + best, 1);
      const T pivot = column[c];
      for (size_t i = c + 1; i < m && pivot != 0; ++i) column[i] /= pivot;
    }
    if (counts_) return;
    transpose_(columns, apart, a + j * n + j, n, width, m);
    for (size_t c = 0; c < width; ++c) {
      if (pivots[c] != c) exchange_rows(a, n, j, j + width, rows, j + c, j + pivots[c]);
    }
  }

  const GemmFns& gemm_;
  const TransposeFn transpose_;
  const bool counts_;
  char* const memory_;
  const size_t least_, turned_;
  size_t most_ = 0;
  bool odd_ = false;
};

}  // namespace gradtape
