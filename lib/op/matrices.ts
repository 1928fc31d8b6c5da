/** Matrices as operands: floating tensors of which the last two axes are rows and columns; and systems of equations. */
import { ShapeError } from '../base/errors.js';
import { broadcastShapes, type Shape, showShape } from '../base/shape.js';
import type { Tensor } from '../engine/tensor.js';
import { asTensor, asTensors, floating } from './operands.js';
import type { TensorLike } from './variable.js';

/**
 * Matrices [..., m, n].
 * @throws ShapeError, DTypeError
 */
export function matrices(op: string, x: TensorLike, name = 'x'): Tensor {
  const a = floating(op, asTensor(op, x, undefined, name), name);
  if (a.rank >= 2) return a;
  throw new ShapeError(`${op}: expected matrices [..., m, n], got shape ${showShape(a.shape)}`);
}

function checkSquare(op: string, a: Tensor): Tensor {
  if (a.rank < 2 || a.shape[a.rank - 1] !== a.shape[a.rank - 2]) {
    throw new ShapeError(`${op}: expected square matrices [..., n, n], got shape ${showShape(a.shape)}`);
  }
  return a;
}

/**
 * Matrices [..., n, n].
 * @throws ShapeError, DTypeError
 */
export function squareMatrices(op: string, x: TensorLike, name = 'x'): Tensor {
  return checkSquare(op, floating(op, asTensor(op, x, undefined, name), name));
}

/** Square matrices [..., n, n], right-hand sides [..., n, m], and the leading axes to which both broadcast. */
export interface System {
  readonly a: Tensor;
  readonly b: Tensor;
  readonly batch: Shape;
}

/**
 * Square matrices and right-hand sides of one dtype, float32 or float64.
 * @throws ShapeError, DTypeError
 */
export function systemOf(
  op: string,
  matrix: TensorLike,
  rhs: TensorLike,
  [matrixName, rhsName]: readonly [string, string] = ['matrix', 'rhs'],
): System {
  const [a, b] = asTensors(op, [matrix, rhs], [matrixName, rhsName]) as [Tensor, Tensor];
  checkSquare(op, floating(op, a, matrixName));
  const n = a.shape[a.rank - 1];
  if (b.rank < 2 || b.shape[b.rank - 2] !== n) {
    throw new ShapeError(
      `${op}: expected right-hand sides [..., ${n}, m] for matrices ${showShape(a.shape)}, got shape ${showShape(b.shape)}`,
    );
  }
  return { a, b, batch: broadcastShapes(op, a.shape.slice(0, -2), b.shape.slice(0, -2)) };
}
