/** Equations and products with matrices that have few diagonals, which are kept as rows [.., count, n]. */
import { type Shape, shapeOf } from '../base/shape.js';
import type { Tensor } from '../engine/tensor.js';
import { applyMany } from '../op/apply.js';
import { Op } from '../op/op.js';
import { keep } from '../record/entry.js';
import { add, mul, neg } from './arithmetic.js';
import { boxAt, concatAlong, placeBox, sliceBox } from './box.js';
import type { Triangle } from './linalg.js';
import { connect, identityOf, repeatedOperands, reshapeTo, sumOver } from './movement.js';

/** `count` of the elements along an axis, from `start` on. */
function part(x: Tensor, axis: number, start: number, count: number): Tensor {
  return sliceBox(x, lengthened(x.shape, axis, count), boxAt(x.shape.map((_, d) => (d === axis ? start : 0))));
}
/** The transpose: zeros around x, which starts at `start` of `length`. */
function placed(x: Tensor, axis: number, start: number, length: number): Tensor {
  return placeBox(x, lengthened(x.shape, axis, length), boxAt(x.shape.map((_, d) => (d === axis ? start : 0))));
}
function lengthened(shape: Shape, axis: number, length: number): Shape {
  return shapeOf(shape.map((n, d) => (d === axis ? length : n)));
}

/**
 * Of the products p q^T of p and q [.., n, m] the elements [row, row + k], as a row [.., 1, n] in which each stands in
 * the place of its row; zeros in the others.
 */
function productDiagonal(p: Tensor, q: Tensor, k: number): Tensor {
  const axis = p.rank - 2;
  const n = p.shape[axis] as number;
  const count = Math.max(0, n - Math.abs(k));
  const [row, column] = [Math.max(0, -k), Math.max(0, k)];
  const products = mul(part(p, axis, Math.min(row, n), count), part(q, axis, Math.min(column, n), count));
  const sums = placed(sumOver(products, [axis + 1], false), axis, Math.min(row, n), n);
  return reshapeTo(sums, shapeOf([...sums.shape.slice(0, -1), 1, n]));
}

// a x = b: the cotangent of b is y with a^T y = ct, that of a the diagonals of -y x^T; with the transpose of a, of -x y^T.
const bandedOp: Op<Triangle> = new Op('linalg.bandedTriangularSolve', {
  kernel: 'bandedTriangularSolve',
  words: ({ lower, adjoint }) => [Number(lower), Number(adjoint)],
  needs: keep.x | keep.out,
  pullAll: ([ct], e) => {
    const { lower, adjoint } = e.attributes;
    const [bands, x] = [e.kept(0), e.out as Tensor];
    const y = bandedSolveOf(bands, ct as Tensor, { lower, adjoint: !adjoint });
    const count = bands.shape[bands.rank - 2] as number;
    const [p, q] = adjoint ? [x, y] : [y, x];
    const rows = Array.from({ length: count }, (_, d) => productDiagonal(p, q, lower ? -d : count - 1 - d));
    return [neg(concatAlong(rows, bands.rank - 2)), y];
  },
  batch: (call) => bandedSolveOf(...(repeatedOperands(call) as [Tensor, Tensor]), call.attributes),
});

/**
 * bandedTriangularSolve: x of t x = b, t a triangle with the diagonals [.., count, n], from the main one on downwards,
 * or from the highest one down to the main one; each element stands in the place of its row. b [.., n, m] has the same
 * leading axes.
 */
export function bandedSolveOf(bands: Tensor, b: Tensor, triangle: Triangle): Tensor {
  return b.size === 0 ? connect(identityOf(b), bands) : applyMany(bandedOp, [bands, b], b.dtype, b.shape, triangle);
}

// ---- three diagonals, from the one above down: each element stands in the place of its row ----

/** The diagonals as vectors [.., n]. */
function three(diagonals: Tensor): [above: Tensor, main: Tensor, below: Tensor] {
  const axis = diagonals.rank - 2;
  const shape = shapeOf([...diagonals.shape.slice(0, axis), diagonals.shape[axis + 1] as number]);
  return [0, 1, 2].map((k) => reshapeTo(part(diagonals, axis, k, 1), shape)) as [Tensor, Tensor, Tensor];
}

/** The diagonals from vectors. */
export function stackedDiagonals(above: Tensor, main: Tensor, below: Tensor): Tensor {
  const shape = shapeOf([...main.shape.slice(0, -1), 1, main.shape[main.rank - 1] as number]);
  return concatAlong(
    [above, main, below].map((t) => reshapeTo(t, shape)),
    main.rank - 1,
  );
}

/** The vectors without their first or last element, and zero in the place of it at the other end. */
function moved(t: Tensor, by: 1 | -1): Tensor {
  const axis = t.rank - 1;
  const n = t.shape[axis] as number;
  if (n === 0) return t;
  return by > 0 ? placed(part(t, axis, 0, n - 1), axis, 1, n) : placed(part(t, axis, 1, n - 1), axis, 0, n);
}

/** The diagonals of the transposes. */
function transposedDiagonals(diagonals: Tensor): Tensor {
  const [above, main, below] = three(diagonals);
  return stackedDiagonals(moved(below, -1), main, moved(above, 1));
}

/** Which pivots elimination takes: those of the main diagonal; larger ones; or none that is zero (see banded.cc). */
export type Pivots = 'theirs' | 'larger' | 'perturbed';
const pivots: readonly Pivots[] = ['theirs', 'larger', 'perturbed'];

/** Attributes: the pivots. */
const tridiagonalOp: Op<Pivots> = new Op('linalg.tridiagonalSolve', {
  kernel: 'tridiagonalSolve',
  words: (kind) => [pivots.indexOf(kind)],
  needs: keep.x | keep.out,
  pullAll: ([ct], e) => {
    const [diagonals, x] = [e.kept(0), e.out as Tensor];
    const y = tridiagonalSolveOf(transposedDiagonals(diagonals), ct as Tensor, e.attributes);
    const rows = [1, 0, -1].map((k) => productDiagonal(y, x, k));
    return [neg(concatAlong(rows, diagonals.rank - 2)), y];
  },
  batch: (call) => tridiagonalSolveOf(...(repeatedOperands(call) as [Tensor, Tensor]), call.attributes),
});

/**
 * tridiagonalSolve: x of a x = b, a with the diagonals [.., 3, n]; b [.., n, m] has the same leading axes. NaN where a
 * pivot is zero, unless they are perturbed.
 */
export function tridiagonalSolveOf(diagonals: Tensor, b: Tensor, kind: Pivots): Tensor {
  return b.size === 0
    ? connect(identityOf(b), diagonals)
    : applyMany(tridiagonalOp, [diagonals, b], b.dtype, b.shape, kind);
}

/** tridiagonalMatmul: a x, a with the diagonals [.., 3, n], x [.., n, m]. */
export function tridiagonalProduct(diagonals: Tensor, x: Tensor): Tensor {
  const axis = x.rank - 2;
  const n = x.shape[axis] as number;
  if (x.size === 0) return connect(identityOf(x), diagonals);
  const [above, main, below] = three(diagonals).map((t) => reshapeTo(t, shapeOf([...t.shape, 1]))) as [
    Tensor,
    Tensor,
    Tensor,
  ];
  const side = (diagonal: Tensor, to: number, from: number): Tensor => {
    const products = mul(part(diagonal, axis, to, n - 1), part(x, axis, from, n - 1));
    return placed(products, axis, to, n);
  };
  return add(add(mul(main, x), side(above, 0, 1)), side(below, 1, 0));
}
