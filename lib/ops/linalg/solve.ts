/** Systems of linear equations: the checks around primitives/linalg.ts. */
import { boolean, options, refuseBehind } from '../../base/arguments.js';
import { ShapeError } from '../../base/errors.js';
import { broadcastShapes, shapeOf, showShape } from '../../base/shape.js';
import type { Tensor } from '../../engine/tensor.js';
import { asTensors, floating } from '../../op/operands.js';
import type { TensorLike } from '../../op/variable.js';
import { triangularSolveOf } from '../../primitives/linalg.js';
import { broadcast } from '../../primitives/movement.js';

export interface TriangularSolveOptions {
  /** Whether the lower triangle of the matrix is meant, or else the upper one; the other is not read. Default true. */
  lower?: boolean;
  /** Whether the transpose of the triangle is meant. Default false. */
  adjoint?: boolean;
}

const solveOptions = { lower: boolean, adjoint: boolean } as const;

/**
 * x of matrix x = rhs for triangular matrices: matrix [..., n, n], rhs [..., n, m] -> [..., n, m], of float32 or
 * float64. Leading axes broadcast.
 * @throws ShapeError for shapes that do not fit; DTypeError; GradtapeError ERR_SINGULAR, when it is computed, for a
 *   zero on a diagonal
 */
export function triangularSolve(matrix: TensorLike, rhs: TensorLike, opts?: TriangularSolveOptions): Tensor {
  const op = 'linalg.triangularSolve';
  const { lower = true, adjoint = false } = options(op, solveOptions, opts);
  if (arguments.length > 3) refuseBehind(op, arguments[3]);
  const [a, b] = asTensors(op, [matrix, rhs], ['matrix', 'rhs']) as [Tensor, Tensor];
  floating(op, a, 'matrix');
  const n = a.shape[a.rank - 1];
  if (a.rank < 2 || n !== a.shape[a.rank - 2]) {
    throw new ShapeError(`${op}: expected square matrices [..., n, n], got shape ${showShape(a.shape)}`);
  }
  if (b.rank < 2 || b.shape[b.rank - 2] !== n) {
    throw new ShapeError(
      `${op}: expected right-hand sides [..., ${n}, m] for matrices ${showShape(a.shape)}, got shape ${showShape(b.shape)}`,
    );
  }
  const batch = broadcastShapes(op, a.shape.slice(0, -2), b.shape.slice(0, -2));
  const matrices = broadcast(a, shapeOf([...batch, n as number, n as number]));
  return triangularSolveOf(matrices, broadcast(b, shapeOf([...batch, ...b.shape.slice(-2)])), { lower, adjoint });
}
