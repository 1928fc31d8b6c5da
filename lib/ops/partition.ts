/** Partitions: a tensor taken apart by labels of its slices, and slices put together by their places. */
import { refuseExtra } from '../base/arguments.js';
import { ShapeError, show, ValueError } from '../base/errors.js';
import { checkLength, guardShape, sameShape, showShape, sizeOf } from '../base/shape.js';
import type { Tensor } from '../engine/tensor.js';
import { asIndices, asTensor, asTensors, listOfOperands } from '../op/operands.js';
import type { TensorLike } from '../op/variable.js';
import { boxAt, concatAlong, placeBox, splitAlong } from '../primitives/box.js';
import { gatherRows, type Rows } from '../primitives/gather.js';
import { reshapeTo } from '../primitives/movement.js';

/**
 * The slices of x in numPartitions groups: partitions, whole numbers of the shape of x's leading axes, say to which
 * group each belongs. Group i has the shape [how many, x's further axes...]. Computes the partitions at once, because
 * the shapes of the results depend on them. Every dtype.
 * @throws ShapeError for partitions that do not fit; ValueError ERR_INDEX for one out of range
 */
export function dynamicPartition(x: TensorLike, partitions: TensorLike, numPartitions: number): Tensor[] {
  const op = 'dynamicPartition';
  if (arguments.length > 3) refuseExtra(op, arguments[3], undefined);
  const a = asTensor(op, x);
  const groups = asIndices(op, partitions, 'partitions');
  const count = checkLength(op, 'numPartitions', numPartitions);
  if (count < 1) throw new ShapeError(`${op}: numPartitions must be at least 1, got ${count}`);
  if (!sameShape(groups.shape, a.shape.slice(0, groups.rank))) {
    throw new ShapeError(
      `${op}: partitions have shape ${showShape(groups.shape)}, expected the leading axes of ${showShape(a.shape)}`,
    );
  }
  const places: number[][] = Array.from({ length: count }, () => []);
  groups.dataSync().forEach((group, i) => {
    const own = places[group];
    if (!own) {
      throw new ValueError(`${op}: partition ${group} is out of range for ${count} partitions`, 'ERR_INDEX');
    }
    own.push(i);
  });
  const rest = a.shape.slice(groups.rank);
  const sizes: Rows['sizes'] = [1, 1, groups.size, groups.size, sizeOf(rest)];
  const order = asIndices(op, Int32Array.from(places.flat()));
  const sorted = gatherRows(op, a, order, { sizes, sparse: false }, guardShape(op, [groups.size, ...rest]));
  return splitAlong(
    sorted,
    places.map((own) => own.length),
    0,
  );
}

/**
 * Slices put together: slice j of data[i] becomes slice indices[i][j] of the result, of shape [largest index + 1,
 * further axes of data...]. data[i] has the shape indices[i].shape + further axes. Of slices with one index the last one
 * stays, and only it has a gradient; one that no index names is zeros. Computes the indices at once, because the shape
 * of the result depends on them. Every dtype.
 * @throws ShapeError for shapes that do not fit; DTypeError; ValueError for lists that do not fit, and ERR_INDEX for a
 *   negative index
 */
export function dynamicStitch(indices: readonly TensorLike[], data: readonly TensorLike[]): Tensor {
  const op = 'dynamicStitch';
  if (arguments.length > 2) refuseExtra(op, arguments[2], undefined);
  const [places, slices] = [stitchList('indices', indices), stitchList('data', data)];
  if (places.length !== slices.length || places.length === 0) {
    throw new ValueError(
      `${op}: indices and data must be lists of one length >= 1, got ${places.length} and ${slices.length}`,
    );
  }
  const numbers = places.map((t, i) => asIndices(op, t, `indices[${i}]`));
  const names = slices.map((_, i) => `data[${i}]`);
  const parts = asTensors(op, slices, names);
  const rest = (parts[0] as Tensor).shape.slice((numbers[0] as Tensor).rank);
  parts.forEach((t, i) => {
    const expected = [...(numbers[i] as Tensor).shape, ...rest];
    if (!sameShape(t.shape, expected)) {
      throw new ShapeError(`${op}: data[${i}] has shape ${showShape(t.shape)}, expected ${showShape(expected)}`);
    }
  });
  const flat = numbers.flatMap((t) => Array.from(t.dataSync()));
  const length = flat.reduce((most, i) => Math.max(most, i + 1), 0);
  const shape = guardShape(op, [length, ...rest]);
  const total = flat.length;
  const source = new Int32Array(length).fill(total);
  flat.forEach((i, k) => {
    if (i < 0) throw new ValueError(`${op}: index ${i} is negative`, 'ERR_INDEX');
    source[i] = k;
  });
  const rows = parts.map((t, i) => reshapeTo(t, guardShape(op, [(numbers[i] as Tensor).size, sizeOf(rest)])));
  const joined = concatAlong(rows, 0);
  const missing = source.includes(total);
  // What no index names reads from a row of zeros behind the others.
  const padded = missing ? placeBox(joined, guardShape(op, [total + 1, sizeOf(rest)]), boxAt([0, 0])) : joined;
  const sizes: Rows['sizes'] = [1, 1, padded.shape[0] as number, length, sizeOf(rest)];
  return gatherRows(op, padded, asIndices(op, source), { sizes, sparse: false }, shape);
}

function stitchList(name: string, value: unknown): readonly TensorLike[] {
  const list = listOfOperands(value);
  if (!list)
    throw new ValueError(`dynamicStitch: ${name} must be a list, one for each slice of data, got ${show(value)}`);
  return list;
}
