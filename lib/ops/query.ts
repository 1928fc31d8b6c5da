/**
 * Queries: the shape, size and rank of a tensor as tensors. They are no methods, since a tensor has properties of these
 * names.
 */
import { refuseExtra } from '../base/arguments.js';
import { guardShape, scalarShape } from '../base/shape.js';
import { type Tensor, uniformTensor } from '../engine/tensor.js';
import { asIndices, asTensor } from '../op/operands.js';
import type { TensorLike } from '../op/variable.js';

/** The shape, as an int32 vector. It has no gradient. */
export function shape(x: TensorLike): Tensor {
  if (arguments.length > 1) refuseExtra('shape', arguments[1], arguments[2]);
  return asIndices('shape', Int32Array.from(guardShape('shape', [...asTensor('shape', x).shape])));
}

/** The number of elements, as an int32 scalar (of 2^31 elements and more the largest int32). It has no gradient. */
export function size(x: TensorLike): Tensor {
  if (arguments.length > 1) refuseExtra('size', arguments[1], arguments[2]);
  return uniformTensor(Math.min(asTensor('size', x).size, 2 ** 31 - 1), 'int32', scalarShape);
}

/** The number of axes, as an int32 scalar. It has no gradient. */
export function rank(x: TensorLike): Tensor {
  if (arguments.length > 1) refuseExtra('rank', arguments[1], arguments[2]);
  return uniformTensor(asTensor('rank', x).rank, 'int32', scalarShape);
}
