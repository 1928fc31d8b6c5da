/** Matrices as operands: floating tensors of which the last two axes are rows and columns. */
import { ShapeError } from '../base/errors.js';
import { showShape } from '../base/shape.js';
import type { Tensor } from '../engine/tensor.js';
import { asTensor, floating } from './operands.js';
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

/**
 * Matrices [..., n, n].
 * @throws ShapeError, DTypeError
 */
export function squareMatrices(op: string, x: TensorLike): Tensor {
  const a = floating(op, asTensor(op, x));
  if (a.rank >= 2 && a.shape[a.rank - 1] === a.shape[a.rank - 2]) return a;
  throw new ShapeError(`${op}: expected square matrices [..., n, n], got shape ${showShape(a.shape)}`);
}
