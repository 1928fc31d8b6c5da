/** scatterNd. Its first argument is indices, so it is no method. */
import { refuseExtra } from '../base/arguments.js';
import { ShapeError } from '../base/errors.js';
import { checkShape, type Lengths, sameShape, showShape, sizeOf } from '../base/shape.js';
import type { Tensor } from '../engine/tensor.js';
import { asIndices, asTensor } from '../op/operands.js';
import type { TensorLike } from '../op/variable.js';
import { type Rows, scatterRows } from '../primitives/gather.js';
import { indexedLengths, rowNumbers } from '../primitives/index-vectors.js';
import { accumulated } from '../primitives/movement.js';

/**
 * Zeros of `shape` with the updates added at index vectors, which are the last axis of indices; updates at one index
 * add up. The updates have the shape indices.shape[:-1] + shape[indices.shape[-1]:].
 * @throws ShapeError; ValueError ERR_INDEX for an index out of range: at once if the indices are known, else when it is
 *   computed
 */
export function scatterNd(indices: TensorLike, updates: TensorLike, shape: number | Lengths): Tensor {
  if (arguments.length > 3) refuseExtra('scatterNd', arguments[3], undefined);
  const i = asIndices('scatterNd', indices);
  const u = asTensor('scatterNd', updates, undefined, 'updates');
  const target = checkShape('scatterNd', shape);
  const lengths = indexedLengths('scatterNd', i, target);
  const rest = target.slice(lengths.length);
  const expected = [...i.shape.slice(0, -1), ...rest];
  if (!sameShape(u.shape, expected)) {
    throw new ShapeError(`scatterNd: updates have shape ${showShape(u.shape)}, expected ${showShape(expected)}`);
  }
  const rows = rowNumbers('scatterNd', i, lengths);
  const sizes: Rows['sizes'] = [1, 1, sizeOf(lengths), rows.size, sizeOf(rest)];
  const scatter = (t: Tensor): Tensor => scatterRows('scatterNd', t, rows, { sizes, sparse: false }, target);
  // uint8 adds up as int32 and wraps around; the sum of bools is their disjunction (or), as in TensorFlow.
  return accumulated(u, scatter);
}
