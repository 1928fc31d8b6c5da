/**
 * Index vectors, as gatherNd and the scatters take them: which axes they index, the row number of each, and what becomes of
 * those out of range.
 */
import { type Kind, oneOf } from '../base/arguments.js';
import { ShapeError, ValueError } from '../base/errors.js';
import { type Shape, shapeOf, showShape, sizeOf } from '../base/shape.js';
import { isKnown, type Tensor, uniformTensor } from '../engine/tensor.js';
import { add, mul } from './arithmetic.js';
import { splitAlong } from './box.js';
import { greaterEqual, less, logicalAnd } from './compare.js';
import { checkedLater } from './gather.js';
import { reshapeTo } from './movement.js';
import { select } from './select.js';

/** The lengths of the leading axes of `shape` that index vectors (the last axis of `indices`) index. */
export function indexedLengths(op: string, indices: Tensor, shape: Shape): Shape {
  const depth = indices.shape[indices.rank - 1];
  if (depth === undefined || depth > shape.length) {
    throw new ShapeError(`${op}: indices of shape ${showShape(indices.shape)} do not index shape ${showShape(shape)}`);
  }
  const lengths = shape.slice(0, depth);
  const count = sizeOf(lengths);
  if (count > 2 ** 31 - 1) {
    throw new ShapeError(`${op}: the indexed axes ${showShape(lengths)} have ${count} rows, more than int32 numbers`);
  }
  return lengths;
}

/** What becomes of index vectors out of range: 'ERROR' (which 'DEFAULT' is), or 'IGNORE'. */
export type BadIndicesPolicy = 'DEFAULT' | 'ERROR' | 'IGNORE';

/** The option `badIndicesPolicy`. */
export const policyKind: Kind<BadIndicesPolicy> = oneOf(['DEFAULT', 'ERROR', 'IGNORE'], true);

/**
 * The row number of every index vector, as `rowNumbers` has it; of those out of range the number of rows.
 */
export function rowNumbersOrEnd(indices: Tensor, lengths: Shape): Tensor {
  const zeros = uniformTensor(0, 'int32', shapeOf(indices.shape.slice(0, -1)));
  const columns = lengths.length === 0 ? [] : columnsOf(indices);
  const row = columns.reduce((sum, column, d) => add(mul(sum, lengths[d] as number), column), zeros);
  return columns.reduce((t, column, d) => {
    const inside = logicalAnd(greaterEqual(column, 0), less(column, lengths[d] as number));
    return select(inside, t, sizeOf(lengths));
  }, row);
}

/**
 * The row number of every index vector, as if the axes of these lengths were one. Each index is checked against its own
 * axis: now if known, else when it is computed.
 */
export function rowNumbers(op: string, indices: Tensor, lengths: Shape): Tensor {
  if (lengths.length === 0) return uniformTensor(0, 'int32', shapeOf(indices.shape.slice(0, -1)));
  if (isKnown(indices)) checkVectors(op, indices, lengths);
  const columns = columnsOf(indices).map((column, d) => {
    if (isKnown(indices) || lengths.length === 1) return column;
    // The row number does not show an index out of range: with rows of 4, [0, 4] has the number of [1, 0]. So each
    // index is checked against its axis.
    return checkedLater(`${op}: axis ${d}`, column, lengths[d] as number);
  });
  return columns.reduce((row, column, d) => add(mul(row, lengths[d] as number), column));
}

/** The indices of each axis: the slices along the last axis, without it. */
function columnsOf(indices: Tensor): Tensor[] {
  const shape = shapeOf(indices.shape.slice(0, -1));
  const depth = indices.shape[indices.rank - 1] as number;
  return splitAlong(indices, new Array<number>(depth).fill(1), indices.rank - 1).map((t) => reshapeTo(t, shape));
}

function checkVectors(op: string, indices: Tensor, lengths: Shape): void {
  const depth = lengths.length;
  indices.dataSync().forEach((i, k) => {
    const length = lengths[k % depth] as number;
    if (i >= 0 && i < length) return;
    throw new ValueError(`${op}: index ${i} is out of range for axis ${k % depth} of length ${length}`, 'ERR_INDEX');
  });
}
