// Eigenvalues and eigenvectors of symmetric matrices, the last two axes: blocks of reflections make a matrix
// tridiagonal, implicit QL iterations make that diagonal.
#include <cstring>

#include "orthogonal.h"

namespace gradtape {
namespace {

struct Room {
  Cuts cuts;
  size_t n, row;
  double *a, *first, *second;  // the matrix, and the vectors of a panel: a is a + first^T second
  double *vectors, *diagonal, *beside, *order, *dots;
  Reflections h;
  Products products;
  Reflector reflector;
  Rotations rotations;
  GRADTAPE_SMALL Room(size_t n_, const Kernels& kernels, char* memory)
      : cuts(memory),
        n(n_),
        row(padded(n)),
        a(cuts.take(n * row)),
        first(cuts.take(2 * kPanel * row)),
        second(cuts.take(2 * kPanel * row)),
        vectors(cuts.take(n * row)),
        diagonal(cuts.take(n)),
        beside(cuts.take(n)),
        order(cuts.take(n)),
        dots(cuts.take(2 * kPanel)),
        // They leave the first element alone, so all is as of matrices of n - 1 rows, one element further.
        h{cuts.take(n * row) + (memory ? 1 : 0), row, n - 1, n - 1, cuts.take(n)},
        products(kernels, cuts, n),
        reflector(products, cuts, n),
        rotations(kernels, cuts, vectors, row, n) {}

  // Dongarra, Sorensen and Hammarling 1989, Block reduction of matrices to condensed form. The pairs of a panel are
  // v and w, of which a - v w^T - w v^T is the rest of the matrix.
  GRADTAPE_SMALL void make_tridiagonal() const {
    for (size_t panel = 0; panel < n; panel += kPanel) {
      const size_t width = n - panel < kPanel ? n - panel : kPanel, end = panel + width;
      for (size_t i = 0; i < width; ++i) {
        const size_t j = panel + i, length = n - j - 1, pairs = 2 * i;
        double* column = a + j * row + j;
        products.add(1, length + 1, pairs, first + j, 1, row, second + j, row, 1, column, row);
        diagonal[j] = column[0];
        if (length == 0) break;
        double *v = h.at(j) + j, *w = first + (pairs + 1) * row + j + 1;
        std::memset(h.at(j), 0, j * sizeof(double));
        std::memcpy(v, column + 1, length * sizeof(double));
        beside[j] = reflect(v, length, h.tau + j);
        products.set(length, 1, length, column + row + 1, row, 1, v, 1, 1, w, 1);
        products.set(pairs, 1, length, first + j + 1, row, 1, v, 1, 1, dots, 1);
        products.add(1, length, pairs, dots, 1, 1, second + j + 1, row, 1, w, row);
        double product = 0;
        for (size_t k = 0; k < length; ++k) product += (w[k] *= h.tau[j]) * v[k];
        const double part = -h.tau[j] / 2 * product;
        double *v1 = first + pairs * row + j + 1, *w2 = second + pairs * row + j + 1, *v2 = w2 + row;
        for (size_t k = 0; k < length; ++k) {
          w[k] += part * v[k];
          v1[k] = v[k];
          v2[k] = -v[k];
          w2[k] = -w[k];
        }
      }
      products.add(n - end, n - end, 2 * width, first + end, 1, row, second + end, row, 1, a + end * row + end, row);
    }
  }

  // Implicit QL (Dubrulle, Martin and Wilkinson 1968) from the end of a block whose elements are large, as LAPACK.
  GRADTAPE_SMALL bool iterate() {
    double *d = diagonal, *e = beside;
    size_t last = n - 1, block_from = n, block_to = 0;
    bool backwards = false;
    for (size_t left = 50 * n; last > 0;) {
      size_t from = last;
      for (; from > 0; --from) {
        const double below = size_of(e[from - 1]);
        const double x = size_of(d[from - 1]), y = size_of(d[from]);
        if (below * below <= kEpsilon * kEpsilon * x * y + 0x1p-1020) {
          e[from - 1] = 0;
          break;
        }
      }
      if (from == last) {
        --last;
        continue;
      }
      if (left-- == 0) return false;
      if (from > block_to || last < block_from) backwards = size_of(d[last]) < size_of(d[from]);
      block_from = from;
      block_to = last;
      sweep(last - from, Line(d + (backwards ? last : from), backwards),
            Line(e + (backwards ? last - 1 : from), backwards), backwards ? from : last, backwards);
    }
    return true;
  }

  // One QL sweep over d[0..count], from the last to the first; `start`: which row has the vector of the last.
  GRADTAPE_SMALL void sweep(size_t count, Line d, Line e, size_t start, bool down) {
    double g = (d[1] - d[0]) / (2 * e[0]);
    const double root = hypotenuse(g, 1);
    g = d[count] - d[0] + e[0] / (g + with_sign(root, g));
    double s = 1, c = 1, p = 0;
    rotations.sweep(start, down, count);
    for (size_t i = count; i-- > 0;) {
      const double f = s * e[i], b = c * e[i], r = hypotenuse(f, g);
      if (i + 1 < count) e[i + 1] = r;
      if (r == 0) {
        s = 0;
        c = 1;
      } else {
        s = f / r;
        c = g / r;
      }
      g = d[i + 1] - p;
      const double q = (d[i] - g) * s + 2 * c * b;
      p = s * q;
      d[i + 1] = g + p;
      g = c * q - b;
      rotations.turn(c, s);
    }
    d[0] -= p;
    e[0] = g;
  }
};

size_t order_of(const Value& x) { return size_t(x.dims[x.rank - 1]); }

// Result 0: eigenvalues, ascending.
GRADTAPE_SMALL const char* check(const Value& v, Operands x) {
  if (!is_floating(v.dtype) || x[0].dtype != v.dtype) return "wrong dtype";
  const int rank = x[0].rank;
  if (rank < 2 || x[0].dims[rank - 1] != x[0].dims[rank - 2] || order_of(x[0]) == 0) return "not a square matrix";
  return without_axis(v, x[0], rank - 1);
}

// Result 1: eigenvectors, as columns.
GRADTAPE_SMALL const char* check_vectors(const Value& v, Operands x, int, const Value& vectors) {
  return vectors.dtype == v.dtype && same_shape(vectors, x[0]) ? nullptr : "wrong shape";
}

GRADTAPE_SMALL double work(const Value&, Operands x) {
  return double(x[0].size) * double(order_of(x[0])) * 5 / kMultiplications;
}

GRADTAPE_SMALL int64_t units(const Value& v, Operands x, const Kernels&) { return v.size / int64_t(order_of(x[0])); }

GRADTAPE_SMALL size_t own_bytes(const Value&, Operands x, const Kernels& kernels) {
  return Room(order_of(x[0]), kernels, nullptr).cuts.bytes();
}

GRADTAPE_SMALL void decompose(Room& room, const char* x, DType dtype, char* values, char* vectors) {
  const size_t n = room.n, row = room.row;
  load_matrix(x, dtype, n, 1, room.a, row, n, n);
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = i + 1; j < n; ++j) room.a[i * row + j] = room.a[j * row + i];
  }
  const double scale = scale_for(room.a, row, n, n);
  room.rotations.start(vectors != nullptr);
  bool good = scale == scale;
  if (good) {
    if (scale != 1) multiply_by(room.a, row, n, n, scale);
    room.make_tridiagonal();
    if (vectors) {
      std::memset(room.vectors, 0, n * row * sizeof(double));
      for (size_t i = 0; i < n; ++i) room.vectors[i * row + i] = 1;
      room.reflector.multiply(room.vectors + row + 1, row, n - 1, room.h, true);
    }
    good = room.iterate();
  }
  if (!good) {
    store_nan(values, dtype, n);
    if (vectors) store_nan(vectors, dtype, n * n);
    return;
  }
  sort_into(room.diagonal, n, false, room.order);
  for (size_t i = 0; i < n; ++i) room.diagonal[i] /= scale;
  store_as_columns(room.diagonal, 1, room.order, values, dtype, n, 1);
  if (!vectors) return;
  room.rotations.finish();
  store_as_columns(room.vectors, row, room.order, vectors, dtype, n, n);
}

GRADTAPE_SMALL Failure run(const StepRun& s, int64_t from, int64_t to, const char*, char* own) {
  const size_t n = order_of(s.x[0]), size = kDTypeSize[s.v.dtype];
  Room room(n, s.kernels, own);
  for (int64_t unit = from; unit < to; ++unit) {
    const size_t at = size_t(unit) * n * size;
    decompose(room, s.in[0] + at * n, s.v.dtype, s.out[0] + at, s.out[1] ? s.out[1] + at * n : nullptr);
  }
  return {};
}

constexpr StepKind eigh() {
  StepKind k;
  k.results = 2;
  k.check = check;
  k.check_result = check_vectors;
  k.work = work;
  k.units = units;
  k.own_bytes = own_bytes;
  k.run = run;
  return k;
}

}  // namespace

const StepKind eigh_step = eigh();

}  // namespace gradtape
