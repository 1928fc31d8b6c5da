/** What singular values tell of matrices that need no inverse: pseudo-inverses and ranks; and least squares. */
import { anything, boolean, number, options, positional, refuseBehind } from '../../base/arguments.js';
import { epsilonOf } from '../../base/dtype.js';
import { GradtapeError, inTheNameOf, ShapeError } from '../../base/errors.js';
import { broadcastShapes, shapeOf, showShape } from '../../base/shape.js';
import type { Tensor } from '../../engine/tensor.js';
import { applyComposed } from '../../op/apply.js';
import { matrices } from '../../op/matrices.js';
import { Op } from '../../op/op.js';
import { asTensors, floating, mixedDTypes, operandBeside } from '../../op/operands.js';
import type { TensorLike } from '../../op/variable.js';
import { add, div, mul } from '../../primitives/arithmetic.js';
import { greater } from '../../primitives/compare.js';
import { asColumns, asRows, scaledRows } from '../../primitives/factored.js';
import { choleskyOf, triangularSolveOf } from '../../primitives/linalg.js';
import { matmulOf } from '../../primitives/matmul.js';
import { broadcast, castTo, sumOver } from '../../primitives/movement.js';
import { maxOver } from '../../primitives/reduce.js';
import { select } from '../../primitives/select.js';
import { svdOf } from '../../primitives/svd.js';
import { eye } from '../creation.js';

/** A number or tensor beside the values of x, of their dtype. */
function beside(op: string, x: Tensor, value: unknown, name: string): Tensor {
  const t = operandBeside(op, value as TensorLike, x.dtype, name);
  if (t.dtype !== x.dtype) throw mixedDTypes(op, x, t, 'x', name);
  return t;
}

/** max(m, n) eps of matrices [.., m, n]: to this accuracy, relative to the largest one, singular values are known. */
function accuracyOf(x: Tensor): number {
  const [m, n] = x.shape.slice(-2) as [number, number];
  return Math.max(m, n) * epsilonOf[x.dtype];
}

/** The largest of singular values, kept as an axis of length 1; 0 of none. */
function largest(s: Tensor): Tensor {
  const axis = s.rank - 1;
  return s.shape[axis] === 0 ? sumOver(s, [axis], true) : maxOver(s, [axis], true);
}

/** Infinity in place of singular values that are not above the cutoff: their reciprocals and the derivatives are 0. */
function saturated(s: Tensor, cutoff: Tensor): Tensor {
  return select(greater(s, cutoff), s, Number.POSITIVE_INFINITY);
}

const pinvOptions = { rcond: anything } as const;
const rankOptions = { tol: anything } as const;

/** The options of `pinv`. */
export interface PinvOptions {
  /**
   * Singular values that are not above so many times the largest one count as zero: a number, or a tensor of the shape
   * of the leading axes. Default 10 max(m, n) eps.
   */
  rcond?: TensorLike;
}

/**
 * The pseudo-inverses [..., n, m] (Moore and Penrose) of matrices a [..., m, n] (float32, float64), by their singular
 * values.
 * @throws ShapeError for what is no matrix; DTypeError; ValueError ERR_OPTION
 */
export function pinv(a: TensorLike, rcond?: TensorLike | PinvOptions, opts?: PinvOptions): Tensor {
  const op = 'linalg.pinv';
  const read = positional(op, pinvOptions, ['rcond'], [rcond, opts]);
  if (arguments.length > 3) refuseBehind(op, arguments[3]);
  const x = matrices(op, a, 'a');
  const [s, u, v] = svdOf(x, false);
  const factor = read.rcond === undefined ? 10 * accuracyOf(x) : read.rcond;
  const relative = beside(op, x, factor, 'rcond');
  broadcastShapes(`${op}: leading axes of a and rcond`, shapeOf(x.shape.slice(0, -2)), relative.shape);
  const cutoff = mul(largest(s), relative.rank > 0 ? asColumns(relative) : relative);
  return matmulOf(div(v, asRows(saturated(s, cutoff))), u, false, true);
}

/** The options of `matrixRank`. */
export interface MatrixRankOptions {
  /** Singular values that are not above it count as zero: a number, or a tensor that broadcasts with them. */
  tol?: TensorLike;
}

/**
 * The ranks (int32, [...]) of matrices [..., m, n] of float32 or float64: how many singular values are above `tol`;
 * default max(m, n) eps times the largest one. Not differentiable.
 * @throws ShapeError for what is no matrix; DTypeError; ValueError ERR_OPTION
 */
export function matrixRank(a: TensorLike, tol?: TensorLike | MatrixRankOptions, opts?: MatrixRankOptions): Tensor {
  const op = 'linalg.matrixRank';
  const read = positional(op, rankOptions, ['tol'], [tol, opts]);
  if (arguments.length > 3) refuseBehind(op, arguments[3]);
  const x = matrices(op, a, 'a');
  const [s] = svdOf(x, false);
  const cutoff = read.tol === undefined ? mul(largest(s), accuracyOf(x)) : beside(op, x, read.tol, 'tol');
  const isAbove = inTheNameOf(op, () => greater(s, cutoff));
  return sumOver(castTo(isAbove, 'int32'), [s.rank - 1], false);
}

/** The options of `lstsq`. */
export interface LstsqOptions {
  /** What is added to the diagonal of the normal equations: a number >= 0. Default 0. Only if `fast`. */
  l2Regularizer?: number;
  /**
   * Whether the normal equations are solved, by a Cholesky factor: the matrix must have full rank, and its condition number
   * counts twice. Or else the solution of the smallest norm is computed by singular values, without a gradient. Default
   * true.
   */
  fast?: boolean;
}

const lstsqOptions = { l2Regularizer: number('a number >= 0', 0), fast: boolean } as const;

// Recorded, so that who differentiates it is told why there is no gradient.
const minimumNormOp = new Op('linalg.lstsq', {
  pullAll: () => {
    throw new GradtapeError(
      'ERR_NO_GRADIENT',
      'linalg.lstsq: Gradient not defined for fast=False: write { fast: true }, or matmul(linalg.pinv(matrix), rhs)',
    );
  },
  batch: ({ operands: [a, b] }) => minimumNorm(a as Tensor, b as Tensor),
});

/** The solution of the smallest norm; singular values that are no more than rounding errors count as zero. */
function minimumNorm(a: Tensor, b: Tensor): Tensor {
  return applyComposed(minimumNormOp, [a, b], null, () => {
    const [s, u, v] = svdOf(a, false);
    const inverse = div(1, saturated(s, mul(largest(s), accuracyOf(a))));
    return matmulOf(v, scaledRows(inverse, matmulOf(u, b, true, false)), false, false);
  });
}

/** x with (a^T a + l2 1) x = b, or of a a^T where a is `wide`. */
function solvedNormally(op: string, a: Tensor, b: Tensor, wide: boolean, l2: number): Tensor {
  const gram = matmulOf(a, a, !wide, wide);
  const n = gram.shape[gram.rank - 1] as number;
  const l = choleskyOf(l2 === 0 ? gram : add(gram, mul(eye(n, { dtype: a.dtype }), l2)), op);
  const y = triangularSolveOf(l, b, { lower: true, adjoint: false });
  return triangularSolveOf(l, y, { lower: true, adjoint: true });
}

/**
 * Least squares: of matrix [..., m, n] and rhs [..., m, k] (float32, float64; leading axes broadcast) the x [..., n, k] for
 * which the sum of the squares of matrix x - rhs, plus l2Regularizer times that of x, is smallest; where m < n, and
 * matrix x = rhs has many solutions, the one of the smallest norm.
 * @throws ShapeError for shapes that do not fit; DTypeError; ValueError ERR_OPTION; GradtapeError
 *   ERR_NOT_POSITIVE_DEFINITE, when it is computed, for a matrix without full rank if `fast`; ERR_NO_GRADIENT, when
 *   differentiated, if not
 */
export function lstsq(matrix: TensorLike, rhs: TensorLike, opts?: LstsqOptions): Tensor {
  const op = 'linalg.lstsq';
  const { l2Regularizer = 0, fast = true } = options(op, lstsqOptions, opts);
  if (arguments.length > 3) refuseBehind(op, arguments[3]);
  const [p, q] = asTensors(op, [matrix, rhs], ['matrix', 'rhs']) as [Tensor, Tensor];
  floating(op, p, 'matrix');
  if (p.rank < 2 || q.rank < 2 || p.shape[p.rank - 2] !== q.shape[q.rank - 2]) {
    throw new ShapeError(
      `${op}: expected matrix [..., m, n] and rhs [..., m, k], got shapes ${showShape(p.shape)} and ${showShape(q.shape)}`,
    );
  }
  const batch = broadcastShapes(op, p.shape.slice(0, -2), q.shape.slice(0, -2));
  const [a, b] = [p, q].map((t) => broadcast(t, shapeOf([...batch, ...t.shape.slice(-2)]))) as [Tensor, Tensor];
  if (!fast) return minimumNorm(a, b);
  const [m, n] = a.shape.slice(-2) as [number, number];
  if (m >= n) return solvedNormally(op, a, matmulOf(a, b, true, false), false, l2Regularizer);
  return matmulOf(a, solvedNormally(op, a, b, true, l2Regularizer), true, false);
}
