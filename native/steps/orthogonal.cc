#include "orthogonal.h"

#include <cstring>

namespace gradtape {

double* Cuts::take(size_t numbers) {
  double* at = memory_ ? reinterpret_cast<double*>(memory_ + bytes_) : nullptr;
  bytes_ += padded(numbers) * sizeof(double);
  return at;
}

double hypotenuse(double x, double y) {
  const double sum = x * x + y * y;
  if (sum > 0x1p-900 && sum < 0x1p1000) return __builtin_sqrt(sum);
  const double a = size_of(x), b = size_of(y), most = a > b ? a : b, least = a > b ? b : a;
  if (least == 0) return most;
  return most * __builtin_sqrt(1 + least / most * (least / most));
}

namespace {

GRADTAPE_SMALL double norm(const double* x, size_t n) {
  double sum = 0, most = 0;
  for (size_t i = 0; i < n; ++i) sum += x[i] * x[i];
  if (sum > 0x1p-900 && sum < 0x1p1000) return __builtin_sqrt(sum);
  for (size_t i = 0; i < n; ++i) most = size_of(x[i]) > most ? size_of(x[i]) : most;
  if (most == 0) return 0;
  sum = 0;
  for (size_t i = 0; i < n; ++i) sum += x[i] / most * (x[i] / most);
  return most * __builtin_sqrt(sum);
}

constexpr size_t kTurned = 16;  // rows and columns of a tile that is copied at once

template <class From, class To>
GRADTAPE_SMALL void copy(const From* from, size_t from_row, size_t from_column, To* to, size_t to_row, size_t to_column,
                         size_t rows, size_t columns) {
  for (size_t i0 = 0; i0 < rows; i0 += kTurned) {
    for (size_t j0 = 0; j0 < columns; j0 += kTurned) {
      for (size_t i = i0; i < rows && i < i0 + kTurned; ++i) {
        for (size_t j = j0; j < columns && j < j0 + kTurned; ++j) {
          to[i * to_row + j * to_column] = To(from[i * from_row + j * from_column]);
        }
      }
    }
  }
}

}  // namespace

GRADTAPE_SMALL void load_matrix(const char* from, DType dtype, size_t from_row, size_t from_column, double* to,
                                size_t to_row, size_t rows, size_t columns) {
  if (dtype == kFloat64) {
    copy(reinterpret_cast<const double*>(from), from_row, from_column, to, to_row, 1, rows, columns);
  } else {
    copy(reinterpret_cast<const float*>(from), from_row, from_column, to, to_row, 1, rows, columns);
  }
}

GRADTAPE_SMALL void store_matrix(const double* from, size_t from_row, size_t from_column, char* to, DType dtype,
                                 size_t to_row, size_t rows, size_t columns) {
  if (dtype == kFloat64) {
    copy(from, from_row, from_column, reinterpret_cast<double*>(to), to_row, 1, rows, columns);
  } else {
    copy(from, from_row, from_column, reinterpret_cast<float*>(to), to_row, 1, rows, columns);
  }
}

GRADTAPE_SMALL void store_as_columns(const double* from, size_t from_row, const double* order, char* to, DType dtype,
                                     size_t count, size_t length) {
  if (!order) return store_matrix(from, 1, from_row, to, dtype, count, length, count);
  for (size_t k = 0; k < count; ++k) {
    store_matrix(from + size_t(order[k]) * from_row, 1, 0, to + k * kDTypeSize[dtype], dtype, count, length, 1);
  }
}

GRADTAPE_SMALL void store_nan(char* to, DType dtype, size_t count) {
  const double nan = not_a_number();
  store_matrix(&nan, 0, 0, to, dtype, 0, 1, count);
}

GRADTAPE_SMALL double scale_for(const double* a, size_t row, size_t rows, size_t columns) {
  double most = 0, odd = 0;
  for (size_t i = 0; i < rows; ++i) {
    for (size_t j = 0; j < columns; ++j) {
      const double x = size_of(a[i * row + j]);
      most = x > most ? x : most;
      odd += x - x;
    }
  }
  if (odd != 0) return not_a_number();
  return most > 0x1p300 ? 0x1p-600 : most < 0x1p-300 ? 0x1p600 : 1;
}

GRADTAPE_SMALL void multiply_by(double* a, size_t row, size_t rows, size_t columns, double factor) {
  for (size_t i = 0; i < rows; ++i) {
    for (size_t j = 0; j < columns; ++j) a[i * row + j] *= factor;
  }
}

GRADTAPE_SMALL Products::Products(const Kernels& kernels, Cuts& cuts, size_t longest)
    : fns_(kernels.gemm[kFloat64]), bytes_(0) {
  const size_t shapes[][3] = {{longest, longest, 2 * kPanel}, {1, longest, longest}, {longest, 1, longest}};
  for (const size_t(&s)[3] : shapes) {
    const size_t bytes = fns_.workspace(s[0], s[1], s[2]);
    if (bytes > bytes_) bytes_ = bytes;
  }
  room_ = cuts.take((bytes_ + sizeof(double) - 1) / sizeof(double));
}

GRADTAPE_SMALL void Products::run(size_t m, size_t n, size_t k, const double* a, size_t rsa, size_t csa,
                                  const double* b, size_t rsb, size_t csb, double* c, size_t rsc,
                                  bool accumulate) const {
  if (m == 0 || n == 0) return;
  if (fns_.workspace(m, n, k) > bytes_ && m + n > 2) {  // in halves, which does not change the bits
    const size_t rows = m > n ? m / 2 : m, columns = m > n ? n : n / 2;
    run(rows, columns, k, a, rsa, csa, b, rsb, csb, c, rsc, accumulate);
    if (m > n) {
      run(m - rows, n, k, a + rows * rsa, rsa, csa, b, rsb, csb, c + rows * rsc, rsc, accumulate);
    } else {
      run(m, n - columns, k, a, rsa, csa, b + columns * csb, rsb, csb, c + columns, rsc, accumulate);
    }
    return;
  }
  fns_.run(m, n, k, a, ptrdiff_t(rsa), ptrdiff_t(csa), b, ptrdiff_t(rsb), ptrdiff_t(csb), c, ptrdiff_t(rsc), accumulate,
           room_, nullptr);
}

// LAPACK's choice of the sign, which avoids cancellation; of a multiple of the first unit vector: the identity.
GRADTAPE_SMALL double reflect(double* x, size_t n, double* tau) {
  const double first = x[0], rest = norm(x + 1, n - 1);
  x[0] = 1;
  *tau = 0;
  if (rest == 0) return first;
  const double multiple = -with_sign(hypotenuse(first, rest), first);
  if (size_of(multiple) < 0x1p-900) {  // quotients of numbers below the range would be inexact
    x[0] = first;
    multiply_by(x, n, 1, n, 0x1p600);
    return reflect(x, n, tau) * 0x1p-600;
  }
  *tau = (multiple - first) / multiple;
  for (size_t i = 1; i < n; ++i) x[i] /= first - multiple;
  return multiple;
}

GRADTAPE_SMALL Reflector::Reflector(const Products& products, Cuts& cuts, size_t rows)
    : products_(products),
      t_(cuts.take(kPanel * kPanel)),
      gram_(cuts.take(kPanel * kPanel)),
      part_(cuts.take(rows * kPanel)),
      turned_(cuts.take(rows * kPanel)) {}

GRADTAPE_SMALL void Reflector::factor(double* b, size_t row, size_t rows, const Reflections& h) const {
  for (size_t first = 0; first < h.count; first += kPanel) {
    const size_t end = first + kPanel < h.count ? first + kPanel : h.count;
    for (size_t j = first; j < end; ++j) {
      double *x = b + j * row, *y = h.at(j);
      const size_t length = h.length - j, rest = end - j - 1;
      std::memset(y, 0, j * sizeof(double));
      std::memcpy(y + j, x + j, length * sizeof(double));
      std::memset(x + j, 0, length * sizeof(double));
      x[j] = reflect(y + j, length, h.tau + j);
      double* below = x + row + j;
      products_.set(rest, 1, length, below, row, 1, y + j, 1, 1, part_, 1);
      for (size_t i = 0; i < rest; ++i) part_[i] *= -h.tau[j];
      products_.add(rest, length, 1, part_, 1, 1, y + j, 1, 1, below, row);
    }
    apply(b + end * row, row, rows - end, h, first, end - first, false);
  }
}

GRADTAPE_SMALL void Reflector::multiply(double* b, size_t row, size_t rows, const Reflections& h, bool identity) const {
  for (size_t first = (h.count + kPanel - 1) / kPanel * kPanel; first > 0;) {
    first -= kPanel;
    const size_t count = h.count - first < kPanel ? h.count - first : kPanel, from = identity ? first : 0;
    apply(b + from * row, row, rows - from, h, first, count, true);
  }
}

// A block is I - Y^T T Y (Schreiber and Van Loan 1989, A storage-efficient WY representation). t_ is -T.
GRADTAPE_SMALL void Reflector::apply(double* b, size_t row, size_t rows, const Reflections& h, size_t first,
                                     size_t count, bool transposed) const {
  if (rows == 0) return;
  const double* y = h.at(first) + first;
  const size_t length = h.length - first;
  products_.set(count, count, length, y, h.row, 1, y, 1, h.row, gram_, kPanel);
  std::memset(t_, 0, kPanel * kPanel * sizeof(double));
  for (size_t j = 0; j < count; ++j) {
    const double tau = h.tau[first + j];
    for (size_t i = 0; i < j; ++i) {
      double sum = 0;
      for (size_t k = i; k < j; ++k) sum += t_[i * kPanel + k] * gram_[k * kPanel + j];
      t_[i * kPanel + j] = -tau * sum;
    }
    t_[j * kPanel + j] = -tau;
  }
  double* x = b + first;
  products_.set(rows, count, length, x, row, 1, y, 1, h.row, part_, kPanel);
  products_.set(rows, count, count, part_, kPanel, 1, t_, transposed ? 1 : kPanel, transposed ? kPanel : 1, turned_,
                kPanel);
  products_.add(rows, length, count, turned_, kPanel, 1, y, h.row, 1, x, row);
}

GRADTAPE_SMALL Rotations::Rotations(const Kernels& kernels, Cuts& cuts, double* rows, size_t row, size_t n)
    : rotate_(kernels.rotate),
      rows_(rows),
      row_(row),
      capacity_(kSweeps * n),
      turns_(cuts.take(2 * capacity_)),
      sweeps_(cuts.take(3 * kNoted)) {}

GRADTAPE_SMALL void Rotations::sweep(size_t first, bool down, size_t most) {
  if (!wanted_) return;
  if (noted_ == kNoted || used_ + most > capacity_) finish();
  double* s = sweeps_ + 3 * noted_++;
  s[0] = double(first);
  s[1] = down ? 1 : -1;
  s[2] = 0;
}

GRADTAPE_SMALL void Rotations::finish() {
  for (size_t column = 0; column < row_; column += kRotated) {
    const double* turns = turns_;
    for (size_t k = 0; k < noted_; ++k) {
      const double* s = sweeps_ + 3 * k;
      const size_t count = size_t(s[2]);
      rotate_(rows_ + size_t(s[0]) * row_ + column, s[1] < 0 ? -ptrdiff_t(row_) : ptrdiff_t(row_), turns, count);
      turns += 2 * count;
    }
  }
  noted_ = used_ = 0;
}

GRADTAPE_SMALL void sort_into(const double* numbers, size_t n, bool descending, double* order) {
  for (size_t i = 0; i < n; ++i) {
    size_t at = i;
    for (; at > 0; --at) {
      const double before = numbers[size_t(order[at - 1])];
      if (descending ? before >= numbers[i] : before <= numbers[i]) break;
      order[at] = order[at - 1];
    }
    order[at] = double(i);
  }
}

}  // namespace gradtape
