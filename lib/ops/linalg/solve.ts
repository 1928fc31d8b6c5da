/** Systems of linear equations: the checks around primitives/linalg.ts and primitives/lu.ts. */
import { boolean, options, refuseBehind, refuseExtra } from '../../base/arguments.js';
import { shapeOf } from '../../base/shape.js';
import type { Tensor } from '../../engine/tensor.js';
import { type System, systemOf } from '../../op/matrices.js';
import type { TensorLike } from '../../op/variable.js';
import { triangularSolveOf } from '../../primitives/linalg.js';
import { solveOf } from '../../primitives/lu.js';
import { broadcast } from '../../primitives/movement.js';

/** Both repeated to all leading axes. */
function alike({ a, b, batch }: System): [Tensor, Tensor] {
  return [
    broadcast(a, shapeOf([...batch, ...a.shape.slice(-2)])),
    broadcast(b, shapeOf([...batch, ...b.shape.slice(-2)])),
  ];
}

/** The options of `solve`. */
export interface SolveOptions {
  /** Whether the transpose of the matrix is meant. Default false. */
  adjoint?: boolean;
}

/**
 * x of matrix x = rhs: matrix [..., n, n], rhs [..., n, m] -> [..., n, m], of float32 or float64. Leading axes
 * broadcast. By elimination with partial pivoting; gradients use the same factors again.
 * @throws ShapeError for shapes that do not fit; DTypeError; GradtapeError ERR_SINGULAR, when it is computed, if a
 *   matrix is not invertible
 */
export function solve(matrix: TensorLike, rhs: TensorLike, opts?: SolveOptions): Tensor {
  const op = 'linalg.solve';
  const { adjoint = false } = options(op, { adjoint: boolean }, opts);
  if (arguments.length > 3) refuseBehind(op, arguments[3]);
  const { a, b, batch } = systemOf(op, matrix, rhs);
  return solveOf(op, a, b, adjoint, shapeOf([...batch]));
}

/** The options of `triangularSolve` and `bandedTriangularSolve`. */
export interface TriangularSolveOptions extends SolveOptions {
  /** Whether the lower triangle of the matrix is meant, or else the upper one; the other is not read. Default true. */
  lower?: boolean;
}

const triangleOptions = { lower: boolean, adjoint: boolean } as const;

/**
 * x of matrix x = rhs for triangular matrices: matrix [..., n, n], rhs [..., n, m] -> [..., n, m], of float32 or
 * float64. Leading axes broadcast.
 * @throws ShapeError for shapes that do not fit; DTypeError; GradtapeError ERR_SINGULAR, when it is computed, for a
 *   zero on a diagonal
 */
export function triangularSolve(matrix: TensorLike, rhs: TensorLike, opts?: TriangularSolveOptions): Tensor {
  const op = 'linalg.triangularSolve';
  const { lower = true, adjoint = false } = options(op, triangleOptions, opts);
  if (arguments.length > 3) refuseBehind(op, arguments[3]);
  return triangularSolveOf(...alike(systemOf(op, matrix, rhs)), { lower, adjoint });
}

/**
 * x of a x = rhs by the Cholesky factors of a, lower triangular l with l l^T = a: chol [..., n, n], rhs [..., n, m] ->
 * [..., n, m], of float32 or float64. Leading axes broadcast.
 * @throws ShapeError for shapes that do not fit; DTypeError; GradtapeError ERR_SINGULAR, when it is computed, for a
 *   zero on a diagonal
 */
export function choleskySolve(chol: TensorLike, rhs: TensorLike): Tensor {
  const op = 'linalg.choleskySolve';
  if (arguments.length > 2) refuseExtra(op, arguments[2], undefined);
  const [l, b] = alike(systemOf(op, chol, rhs, ['chol', 'rhs']));
  const half = triangularSolveOf(l, b, { lower: true, adjoint: false }, op);
  return triangularSolveOf(l, half, { lower: true, adjoint: true }, op);
}
