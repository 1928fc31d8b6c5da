// The orthogonal and the triangular factor of matrices, the last two axes.
#include <cstring>

#include "orthogonal.h"

namespace gradtape {
namespace {

struct Shape {
  size_t rows, columns, count;  // count: reflections
  explicit Shape(const Value& x)
      : rows(size_t(x.dims[x.rank - 2])), columns(size_t(x.dims[x.rank - 1])), count(rows < columns ? rows : columns) {}
  size_t longest() const { return rows < columns ? columns : rows; }
};

// What one matrix needs: its columns as rows, its reflections, and the columns of q.
struct Room {
  Cuts cuts;
  size_t row;
  double* b;
  Reflections h;
  double* q;
  Products products;
  Reflector reflector;
  GRADTAPE_SMALL Room(const Shape& s, size_t wanted, const Kernels& kernels, char* memory)
      : cuts(memory),
        row(padded(s.rows)),
        b(cuts.take(s.columns * row)),
        h{cuts.take(s.count * row), row, s.count, s.rows, cuts.take(s.count)},
        q(cuts.take(wanted * row)),
        products(kernels, cuts, s.longest()),
        reflector(products, cuts, wanted > s.columns ? wanted : s.columns) {}
};

// Result 0: q, of as many columns as there are reflections, or square.
GRADTAPE_SMALL const char* check(const Value& v, Operands x) {
  if (!is_floating(v.dtype) || x[0].dtype != v.dtype) return "wrong dtype";
  if (v.rank < 2 || x[0].rank != v.rank) return "wrong rank";
  for (int d = 0; d + 1 < v.rank; ++d) {
    if (v.dims[d] != x[0].dims[d]) return "wrong shape";
  }
  const Shape s(x[0]);
  const size_t wanted = size_t(v.dims[v.rank - 1]);
  if (s.count == 0) return "no elements";
  return wanted == s.count || wanted == s.rows ? nullptr : "wrong shape";
}

// Result 1: r.
GRADTAPE_SMALL const char* check_r(const Value& v, Operands x, int, const Value& r) {
  if (r.dtype != v.dtype || r.rank != v.rank) return "wrong dtype or rank";
  for (int d = 0; d < v.rank; ++d) {
    if (r.dims[d] != (d == v.rank - 2 ? v.dims[d + 1] : x[0].dims[d])) return "wrong shape";
  }
  return nullptr;
}

GRADTAPE_SMALL double work(const Value& v, Operands x) {
  const Shape s(x[0]);
  return double(x[0].size + v.size) * double(s.count) * 2 / kMultiplications;
}

GRADTAPE_SMALL int64_t units(const Value& v, Operands x, const Kernels&) {
  return v.size / (int64_t(Shape(x[0]).rows) * v.dims[v.rank - 1]);
}

GRADTAPE_SMALL size_t own_bytes(const Value& v, Operands x, const Kernels& kernels) {
  return Room(Shape(x[0]), size_t(v.dims[v.rank - 1]), kernels, nullptr).cuts.bytes();
}

GRADTAPE_SMALL Failure run(const StepRun& s, int64_t from, int64_t to, const char*, char* own) {
  const Shape shape(s.x[0]);
  const size_t wanted = size_t(s.v.dims[s.v.rank - 1]), size = kDTypeSize[s.v.dtype];
  const Room room(shape, wanted, s.kernels, own);
  for (int64_t unit = from; unit < to; ++unit) {
    load_matrix(s.in[0] + size_t(unit) * shape.rows * shape.columns * size, s.v.dtype, 1, shape.columns, room.b,
                room.row, shape.columns, shape.rows);
    room.reflector.factor(room.b, room.row, shape.columns, room.h);
    std::memset(room.q, 0, wanted * room.row * sizeof(double));
    for (size_t i = 0; i < wanted; ++i) room.q[i * room.row + i] = 1;
    room.reflector.multiply(room.q, room.row, wanted, room.h, true);
    store_as_columns(room.q, room.row, nullptr, s.out[0] + size_t(unit) * shape.rows * wanted * size, s.v.dtype, wanted,
                     shape.rows);
    if (!s.out[1]) continue;
    store_as_columns(room.b, room.row, nullptr, s.out[1] + size_t(unit) * wanted * shape.columns * size, s.v.dtype,
                     shape.columns, wanted);
  }
  return {};
}

constexpr StepKind qr() {
  StepKind k;
  k.results = 2;
  k.check = check;
  k.check_result = check_r;
  k.work = work;
  k.units = units;
  k.own_bytes = own_bytes;
  k.run = run;
  return k;
}

}  // namespace

const StepKind qr_step = qr();

}  // namespace gradtape
