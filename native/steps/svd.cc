// Singular values and vectors of matrices, the last two axes: a matrix that is longer than wide is reduced to its
// triangular factor, blocks of reflections make a square one bidiagonal, implicit QR iterations make that diagonal.
#include <cstring>

#include "orthogonal.h"

namespace gradtape {
namespace {

// Attribute 0: whether all vectors are wanted, or else as many as there are singular values.
struct Shape {
  size_t rows, columns, length, n;  // length >= n: those of the matrix that is decomposed, or its transpose
  bool full;
  Shape(const Value& v, const Value& x)
      : rows(size_t(x.dims[x.rank - 2])),
        columns(size_t(x.dims[x.rank - 1])),
        length(rows > columns ? rows : columns),
        n(rows > columns ? columns : rows),
        full(v.attributes[0] != 0) {}
  size_t long_vectors() const { return full ? length : n; }
};

struct Room {
  Cuts cuts;
  size_t n, row, long_row;
  double *a, *over_rows, *over_columns;  // the matrix, and the vectors of a panel: a is a + over_rows^T over_columns
  double *left, *right, *diagonal, *above, *order, *dots, *column;
  double *columns, *vectors;  // of a long matrix: its columns, and its left vectors
  Reflections of_rows, of_columns, long_ones;
  Products products;
  Reflector reflector;
  Rotations turns_left, turns_right;
  GRADTAPE_SMALL Room(const Shape& s, const Kernels& kernels, char* memory)
      : cuts(memory),
        n(s.n),
        row(padded(s.n)),
        long_row(s.length > s.n ? padded(s.length) : 0),
        a(cuts.take(n * row)),
        over_rows(cuts.take(2 * kPanel * row)),
        over_columns(cuts.take(2 * kPanel * row)),
        left(cuts.take(n * row)),
        right(cuts.take(n * row)),
        diagonal(cuts.take(n)),
        above(cuts.take(n)),
        order(cuts.take(n)),
        dots(cuts.take(2 * kPanel)),
        column(cuts.take(n)),
        columns(cuts.take(n * long_row)),
        vectors(cuts.take(s.long_vectors() * long_row)),
        of_rows{cuts.take(n * row), row, n, n, cuts.take(n)},
        // They leave the first element alone, so all is as of matrices of n - 1 rows, one element further.
        of_columns{cuts.take(n * row) + (memory ? 1 : 0), row, n - 1, n - 1, cuts.take(n)},
        long_ones{cuts.take(n * long_row), long_row, n, s.length, cuts.take(n)},
        products(kernels, cuts, s.length),
        reflector(products, cuts, s.long_vectors()),
        turns_left(kernels, cuts, left, row, n),
        turns_right(kernels, cuts, right, row, n) {}

  // Dongarra, Sorensen and Hammarling 1989, Block reduction of matrices to condensed form. With v a reflection from the
  // left and u one from the right, what is subtracted are v y^T and x u^T.
  GRADTAPE_SMALL void make_bidiagonal() const {
    for (size_t panel = 0; panel < n; panel += kPanel) {
      const size_t width = n - panel < kPanel ? n - panel : kPanel, end = panel + width;
      for (size_t i = 0; i < width; ++i) {
        const size_t j = panel + i, length = n - j, rest = length - 1, pairs = 2 * i;
        double *v = over_rows + pairs * row, *x = v + row, *y = over_columns + pairs * row, *u = y + row;
        double *here = a + j * row + j, *kept = of_rows.at(j);
        for (size_t k = 0; k < length; ++k) column[k] = here[k * row];
        products.add(1, length, pairs, over_columns + j, 1, row, over_rows + j, row, 1, column, row);
        diagonal[j] = reflect(column, length, of_rows.tau + j);
        std::memset(kept, 0, j * sizeof(double));
        std::memcpy(kept + j, column, length * sizeof(double));
        std::memcpy(v + j, column, length * sizeof(double));
        if (rest == 0) break;
        products.set(1, rest, length, column, 1, 1, here + 1, row, 1, y + j + 1, row);
        products.set(pairs, 1, length, over_rows + j, row, 1, column, 1, 1, dots, 1);
        products.add(1, rest, pairs, dots, 1, 1, over_columns + j + 1, row, 1, y + j + 1, row);
        for (size_t k = j + 1; k < n; ++k) y[k] *= -of_rows.tau[j];

        products.add(1, rest, pairs + 1, over_rows + j, 1, row, over_columns + j + 1, row, 1, here + 1, row);
        kept = of_columns.at(j);
        std::memset(kept, 0, j * sizeof(double));
        std::memcpy(kept + j, here + 1, rest * sizeof(double));
        above[j] = reflect(kept + j, rest, of_columns.tau + j);
        products.set(rest, 1, rest, here + row + 1, row, 1, kept + j, 1, 1, x + j + 1, 1);
        products.set(pairs + 1, 1, rest, over_columns + j + 1, row, 1, kept + j, 1, 1, dots, 1);
        products.add(1, rest, pairs + 1, dots, 1, 1, over_rows + j + 1, row, 1, x + j + 1, row);
        for (size_t k = 0; k < rest; ++k) {
          x[j + 1 + k] *= of_columns.tau[j];
          u[j + 1 + k] = -kept[j + k];
        }
      }
      products.add(n - end, n - end, 2 * width, over_rows + end, 1, row, over_columns + end, row, 1,
                   a + end * row + end, row);
    }
  }

  // Demmel and Kahan 1990, Accurate singular values of bidiagonal matrices: each to a relative error, as LAPACK.
  GRADTAPE_SMALL bool iterate() {
    double *d = diagonal, *e = above;
    const double tolerance = 100 * kEpsilon;
    double most = 0, reach = size_of(d[0]), least = reach;
    for (size_t i = 0; i < n; ++i) {
      if (i > 0 && reach > 0) reach = size_of(d[i]) * (reach / (reach + size_of(e[i - 1])));
      least = reach < least ? reach : least;
      most = size_of(d[i]) > most ? size_of(d[i]) : most;
      if (i + 1 < n && size_of(e[i]) > most) most = size_of(e[i]);
    }
    const double by_least = tolerance * least / __builtin_sqrt(double(n)),
                 by_range = 6 * double(n) * double(n) * 0x1p-1022;
    const double zero = by_least > by_range ? by_least : by_range;
    size_t last = n - 1, block_from = n, block_to = 0;
    bool backwards = false;
    for (size_t left = 12 * n * n + 60; last > 0;) {
      if (size_of(d[last]) <= zero) d[last] = 0;
      size_t from = last;
      double largest = size_of(d[last]);
      for (; from > 0; --from) {
        if (size_of(d[from - 1]) <= zero) d[from - 1] = 0;
        if (size_of(e[from - 1]) <= zero) {
          e[from - 1] = 0;
          break;
        }
        largest = size_of(d[from - 1]) > largest ? size_of(d[from - 1]) : largest;
        largest = size_of(e[from - 1]) > largest ? size_of(e[from - 1]) : largest;
      }
      if (from == last) {
        --last;
        continue;
      }
      if (left-- == 0) return false;
      if (from > block_to || last < block_from) backwards = size_of(d[from]) < size_of(d[last]);
      block_from = from;
      block_to = last;
      const size_t count = last - from;
      const Line x(d + (backwards ? last : from), backwards), y(e + (backwards ? last - 1 : from), backwards);
      double shift = 0;
      if (!split(count, x, y, tolerance, largest, &shift)) continue;
      // Backwards the matrix is transposed.
      Rotations &one = backwards ? turns_left : turns_right, &other = backwards ? turns_right : turns_left;
      one.sweep(backwards ? last : from, !backwards, count);
      other.sweep(backwards ? last : from, !backwards, count);
      if (shift == 0) {
        sweep_unshifted(count, x, y, one, other);
      } else {
        sweep(count, x, y, shift, one, other);
      }
    }
    return true;
  }

  // False: an element of e is negligible, and now zero. Else the shift for the next sweep; 0 where one would cost
  // accuracy.
  GRADTAPE_SMALL bool split(size_t count, Line d, Line e, double tolerance, double largest, double* shift) const {
    if (size_of(e[count - 1]) <= tolerance * size_of(d[count])) {
      e[count - 1] = 0;
      return false;
    }
    double reach = size_of(d[0]), least = reach;
    for (size_t i = 0; i < count; ++i) {
      if (size_of(e[i]) <= tolerance * reach) {
        e[i] = 0;
        return false;
      }
      reach = size_of(d[i + 1]) * (reach / (reach + size_of(e[i])));
      least = reach < least ? reach : least;
    }
    const double size = double(n) * tolerance * (least / largest), first = size_of(d[0]);
    if (size <= (kEpsilon > 0.01 * tolerance ? kEpsilon : 0.01 * tolerance)) return true;
    const double s = smaller_value(size_of(d[count - 1]), size_of(e[count - 1]), size_of(d[count]));
    if (first > 0 && s / first * (s / first) >= kEpsilon) *shift = s;
    return true;
  }

  // The smaller singular value of [f g; 0 h]: |f h| over the larger one.
  static double smaller_value(double f, double g, double h) {
    const double low = f < h ? f : h, high = f < h ? h : f;
    if (low == 0) return 0;
    const double largest = (hypotenuse(f + h, g) + hypotenuse(f - h, g)) / 2;
    return low * (high / largest);
  }

  // c and s that rotate (f, g) to (r, 0).
  struct Turn {
    double c = 1, s = 0, r;
    Turn(double f, double g) : r(f) {
      if (g == 0) return;
      r = hypotenuse(f, g);
      c = f / r;
      s = g / r;
    }
  };

  GRADTAPE_SMALL static void sweep_unshifted(size_t count, Line d, Line e, Rotations& one, Rotations& other) {
    double c = 1, old_c = 1, old_s = 0;
    for (size_t i = 0; i < count; ++i) {
      const Turn first(d[i] * c, e[i]);
      if (i > 0) e[i - 1] = old_s * first.r;
      const Turn second(old_c * first.r, d[i + 1] * first.s);
      d[i] = second.r;
      c = first.c;
      old_c = second.c;
      old_s = second.s;
      one.turn(first.c, first.s);
      other.turn(second.c, second.s);
    }
    const double h = d[count] * c;
    d[count] = h * old_c;
    e[count - 1] = h * old_s;
  }

  GRADTAPE_SMALL static void sweep(size_t count, Line d, Line e, double shift, Rotations& one, Rotations& other) {
    double f = (size_of(d[0]) - shift) * (with_sign(1, d[0]) + shift / d[0]), g = e[0];
    for (size_t i = 0; i < count; ++i) {
      const Turn first(f, g);
      if (i > 0) e[i - 1] = first.r;
      f = first.c * d[i] + first.s * e[i];
      e[i] = first.c * e[i] - first.s * d[i];
      g = first.s * d[i + 1];
      d[i + 1] *= first.c;
      const Turn second(f, g);
      d[i] = second.r;
      f = second.c * e[i] + second.s * d[i + 1];
      d[i + 1] = second.c * d[i + 1] - second.s * e[i];
      if (i + 1 < count) {
        g = second.s * e[i + 1];
        e[i + 1] *= second.c;
      }
      one.turn(first.c, first.s);
      other.turn(second.c, second.s);
    }
    e[count - 1] = f;
  }
};

// Result 0: singular values, descending.
GRADTAPE_SMALL const char* check(const Value& v, Operands x) {
  if (!is_floating(v.dtype) || x[0].dtype != v.dtype) return "wrong dtype";
  if (x[0].rank < 2 || v.rank != x[0].rank - 1) return "wrong rank";
  for (int d = 0; d + 1 < v.rank; ++d) {
    if (v.dims[d] != x[0].dims[d]) return "wrong shape";
  }
  const Shape s(v, x[0]);
  if (s.n == 0) return "no elements";
  return size_t(v.dims[v.rank - 1]) == s.n ? nullptr : "wrong shape";
}

// Results 1 and 2: left and right singular vectors, as columns.
GRADTAPE_SMALL const char* check_vectors(const Value& v, Operands x, int k, const Value& vectors) {
  const Shape s(v, x[0]);
  const size_t length = k == 1 ? s.rows : s.columns, rank = vectors.rank;
  if (vectors.dtype != v.dtype || rank != x[0].rank) return "wrong dtype or rank";
  for (int d = 0; d + 1 < v.rank; ++d) {
    if (vectors.dims[d] != v.dims[d]) return "wrong shape";
  }
  if (size_t(vectors.dims[rank - 2]) != length) return "wrong shape";
  return size_t(vectors.dims[rank - 1]) == (s.full ? length : s.n) ? nullptr : "wrong shape";
}

GRADTAPE_SMALL double work(const Value& v, Operands x) {
  const Shape s(v, x[0]);
  return double(x[0].size) * double(s.n) * 10 / kMultiplications;
}

GRADTAPE_SMALL int64_t units(const Value& v, Operands x, const Kernels&) { return v.size / int64_t(Shape(v, x[0]).n); }

GRADTAPE_SMALL size_t own_bytes(const Value& v, Operands x, const Kernels& kernels) {
  return Room(Shape(v, x[0]), kernels, nullptr).cuts.bytes();
}

GRADTAPE_SMALL void clear_to_identity(double* a, size_t row, size_t rows) {
  std::memset(a, 0, rows * row * sizeof(double));
  for (size_t i = 0; i < rows; ++i) a[i * row + i] = 1;
}

GRADTAPE_SMALL void decompose(const Shape& s, Room& room, const char* x, DType dtype, char* values, char* u, char* v) {
  const size_t n = room.n, row = room.row, long_row = room.long_row;
  const bool is_long = s.length > n, turned = s.rows < s.columns;
  double* loaded = is_long ? room.columns : room.a;
  const size_t loaded_row = is_long ? long_row : row;
  load_matrix(x, dtype, is_long && !turned ? 1 : s.columns, is_long && !turned ? s.columns : 1, loaded, loaded_row, n,
              s.length);
  const bool wanted = u || v;
  room.turns_left.start(wanted);
  room.turns_right.start(wanted);
  const double scale = scale_for(loaded, loaded_row, n, s.length);
  bool good = scale == scale;
  if (good) {
    if (scale != 1) multiply_by(loaded, loaded_row, n, s.length, scale);
    if (is_long) {
      room.reflector.factor(room.columns, long_row, n, room.long_ones);
      std::memset(room.a, 0, n * row * sizeof(double));
      for (size_t i = 0; i < n; ++i) {
        for (size_t j = i; j < n; ++j) room.a[i * row + j] = room.columns[j * long_row + i];
      }
    }
    room.make_bidiagonal();
    if (wanted) {
      clear_to_identity(room.left, row, n);
      clear_to_identity(room.right, row, n);
      room.reflector.multiply(room.left, row, n, room.of_rows, true);
      room.reflector.multiply(room.right + row + 1, row, n - 1, room.of_columns, true);
    }
    good = room.iterate();
  }
  if (!good) {
    store_nan(values, dtype, n);
    if (u) store_nan(u, dtype, s.rows * (s.full ? s.rows : n));
    if (v) store_nan(v, dtype, s.columns * (s.full ? s.columns : n));
    return;
  }
  if (wanted) {
    room.turns_left.finish();
    room.turns_right.finish();
  }
  for (size_t i = 0; i < n; ++i) {
    if (room.diagonal[i] >= 0) continue;
    room.diagonal[i] = -room.diagonal[i];
    if (wanted) multiply_by(room.right + i * row, row, 1, n, -1);
  }
  sort_into(room.diagonal, n, true, room.order);
  for (size_t i = 0; i < n; ++i) room.diagonal[i] /= scale;
  store_as_columns(room.diagonal, 1, room.order, values, dtype, n, 1);
  char *long_side = turned ? v : u, *short_side = turned ? u : v;
  if (short_side) store_as_columns(room.right, row, room.order, short_side, dtype, n, n);
  if (!long_side) return;
  if (!is_long) return store_as_columns(room.left, row, room.order, long_side, dtype, n, n);
  const size_t count = s.long_vectors();
  clear_to_identity(room.vectors, long_row, count);
  for (size_t i = 0; i < n; ++i) {
    std::memcpy(room.vectors + i * long_row, room.left + size_t(room.order[i]) * row, n * sizeof(double));
  }
  room.reflector.multiply(room.vectors, long_row, count, room.long_ones, false);
  store_as_columns(room.vectors, long_row, nullptr, long_side, dtype, count, s.length);
}

GRADTAPE_SMALL Failure run(const StepRun& s, int64_t from, int64_t to, const char*, char* own) {
  const Shape shape(s.v, s.x[0]);
  Room room(shape, s.kernels, own);
  const size_t size = kDTypeSize[s.v.dtype], of_u = shape.rows * (shape.full ? shape.rows : shape.n) * size,
               of_v = shape.columns * (shape.full ? shape.columns : shape.n) * size;
  for (int64_t unit = from; unit < to; ++unit) {
    const size_t at = size_t(unit);
    decompose(shape, room, s.in[0] + at * shape.rows * shape.columns * size, s.v.dtype, s.out[0] + at * shape.n * size,
              s.out[1] ? s.out[1] + at * of_u : nullptr, s.out[2] ? s.out[2] + at * of_v : nullptr);
  }
  return {};
}

constexpr StepKind svd() {
  StepKind k;
  k.results = 3;
  k.attributes = 1;  // full
  k.check = check;
  k.check_result = check_vectors;
  k.work = work;
  k.units = units;
  k.own_bytes = own_bytes;
  k.run = run;
  return k;
}

}  // namespace

const StepKind svd_step = svd();

}  // namespace gradtape
