// Orthogonal factors of matrices in float64: reflections in blocks, and rotations in sweeps. Compiled once for all
// ISAs: products of matrices and rotations are kernels of the chosen one. float32 goes in and out.
#pragma once

#include <cstddef>

#include "special.h"
#include "step.h"

namespace gradtape {

constexpr size_t kPanel = 32;  // reflections of a block

inline size_t padded(size_t n) { return (n + kRotated - 1) / kRotated * kRotated; }

// Cuts a step's own memory into arrays; without memory it only counts.
class Cuts {
 public:
  explicit Cuts(char* memory) : memory_(memory) {}
  double* take(size_t numbers);
  size_t bytes() const { return bytes_; }

 private:
  char* memory_;
  size_t bytes_ = 0;
};

// ---- numbers ----

inline double size_of(double x) { return x < 0 ? -x : x; }
inline double with_sign(double size, double sign) { return sign < 0 ? -size : size; }
double hypotenuse(double x, double y);

// ---- matrices of float32 or float64, as float64; strides in elements ----

void load_matrix(const char* from, DType dtype, size_t from_row, size_t from_column, double* to, size_t to_row,
                 size_t rows, size_t columns);
void store_matrix(const double* from, size_t from_row, size_t from_column, char* to, DType dtype, size_t to_row,
                  size_t rows, size_t columns);
// Rows of `from`, in an order (null: theirs), as columns of `to`, which lie side by side.
void store_as_columns(const double* from, size_t from_row, const double* order, char* to, DType dtype, size_t count,
                      size_t length);
void store_nan(char* to, DType dtype, size_t count);
// The power of two that brings numbers whose squares could leave the range into it, and all others are as they are: 1.
// Not a number: one of the elements is none.
double scale_for(const double* a, size_t row, size_t rows, size_t columns);
void multiply_by(double* a, size_t row, size_t rows, size_t columns, double factor);

// Products of matrices in a fixed room.
class Products {
 public:
  Products(const Kernels& kernels, Cuts& cuts, size_t longest);
  // c = a b, or c += a b.
  void set(size_t m, size_t n, size_t k, const double* a, size_t rsa, size_t csa, const double* b, size_t rsb,
           size_t csb, double* c, size_t rsc) const {
    run(m, n, k, a, rsa, csa, b, rsb, csb, c, rsc, false);
  }
  void add(size_t m, size_t n, size_t k, const double* a, size_t rsa, size_t csa, const double* b, size_t rsb,
           size_t csb, double* c, size_t rsc) const {
    run(m, n, k, a, rsa, csa, b, rsb, csb, c, rsc, true);
  }

 private:
  void run(size_t m, size_t n, size_t k, const double* a, size_t rsa, size_t csa, const double* b, size_t rsb,
           size_t csb, double* c, size_t rsc, bool accumulate) const;
  const GemmFns& fns_;
  size_t bytes_;
  double* room_;
};

// Reflections I - tau y y^T, in order; of y, row j of a matrix, the elements before j are zeros, and element j is 1.
struct Reflections {
  double* y;
  size_t row, count, length;
  double* tau;
  double* at(size_t j) const { return y + j * row; }
};

// Makes the vector of a reflection of x, in its place, that maps it to a multiple of the first unit vector; returns the
// multiple.
double reflect(double* x, size_t n, double* tau);

// What blocks of reflections need for their products.
class Reflector {
 public:
  Reflector(const Products& products, Cuts& cuts, size_t rows);

  // The columns of a matrix are rows of b. Its factor r is left in them, q is h.
  void factor(double* b, size_t row, size_t rows, const Reflections& h) const;
  // The columns of a matrix, rows of b, become those of its product with all reflections: b := b Q^T. `identity`: b was
  // the unit matrix, or its first rows.
  void multiply(double* b, size_t row, size_t rows, const Reflections& h, bool identity) const;

 private:
  void apply(double* b, size_t row, size_t rows, const Reflections& h, size_t first, size_t count,
             bool transposed) const;
  const Products& products_;
  double *t_, *gram_, *part_, *turned_;
};

// Sweeps of rotations over the rows of a matrix: noted first, then done strip by strip, so that a strip stays in cache.
class Rotations {
 public:
  Rotations(const Kernels& kernels, Cuts& cuts, double* rows, size_t row, size_t n);
  // Starts anew; without `wanted` nothing will be noted.
  void start(bool wanted) {
    wanted_ = wanted;
    used_ = noted_ = 0;
  }
  // A sweep from a row on, to its neighbours above or below; of at most so many rotations.
  void sweep(size_t first, bool down, size_t most);
  // row := c row + s next; next := c next - s row.
  void turn(double c, double s) {
    if (!wanted_) return;
    turns_[2 * used_] = c;
    turns_[2 * used_ + 1] = s;
    ++used_;
    sweeps_[3 * noted_ - 1] += 1;
  }
  void finish();

 private:
  static constexpr size_t kSweeps = 16, kNoted = 64;
  RotateFn rotate_;
  double* rows_;
  size_t row_, capacity_, used_ = 0, noted_ = 0;
  double *turns_, *sweeps_;
  bool wanted_ = true;
};

// Some numbers of an array, forwards or backwards.
class Line {
 public:
  Line(double* first, bool backwards) : first_(first), step_(backwards ? -1 : 1) {}
  double& operator[](size_t i) const { return first_[ptrdiff_t(i) * step_]; }

 private:
  double* first_;
  ptrdiff_t step_;
};

// order[k]: which number is the k-th in descending or ascending order.
void sort_into(const double* numbers, size_t n, bool descending, double* order);

}  // namespace gradtape
