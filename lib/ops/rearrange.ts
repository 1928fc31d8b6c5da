/** Rearranging: elements repeated, rolled around, in reverse order up to a length, or moved between axes in blocks. */
import { axisKind, positional, refuseExtra } from '../base/arguments.js';
import { ShapeError, ValueError } from '../base/errors.js';
import {
  checkAxis,
  checkIntegers,
  checkPairs,
  guardShape,
  type Lengths,
  shapeOf,
  showShape,
  sizeOf,
} from '../base/shape.js';
import { isKnown, type Tensor } from '../engine/tensor.js';
import { asIndices, asTensor } from '../op/operands.js';
import type { TensorLike } from '../op/variable.js';
import { sub } from '../primitives/arithmetic.js';
import { boxAt, concatAlong, placeBox, sliceBox } from '../primitives/box.js';
import { less } from '../primitives/compare.js';
import { checkedLater, gatherRows } from '../primitives/gather.js';
import { iota } from '../primitives/iota.js';
import { broadcast, identityOf, reshapeTo, transposeBy } from '../primitives/movement.js';
import { select } from '../primitives/select.js';

/**
 * Each slice along an axis, so many times one after the other: a number for all, or a list with one for each. Without an
 * axis x is taken as one vector. `repeats` as a tensor is computed at once, since the shape of the result depends on it.
 * Every dtype.
 * @throws ShapeError for repeats that do not fit the axis; ValueError for a negative number
 */
export function repeat(x: TensorLike, repeats: TensorLike | Lengths, axis?: number): Tensor {
  if (arguments.length > 3) refuseExtra('repeat', arguments[3], undefined);
  const given = asTensor('repeat', x);
  const a = axis === undefined || given.rank === 0 ? reshapeTo(given, shapeOf([given.size])) : given;
  const d = axis === undefined ? 0 : checkAxis('repeat', axis, a.rank);
  const times = asIndices('repeat', repeats as TensorLike, 'repeats');
  const length = a.shape[d] as number;
  if (times.rank > 1 || (times.rank === 1 && times.size !== 1 && times.size !== length)) {
    throw new ShapeError(
      `repeat: repeats must be a number or a list of ${length}, one for each slice of axis ${d}, got shape ${showShape(times.shape)}`,
    );
  }
  const counts = times.dataSync<Int32Array>();
  const negative = counts.find((n) => n < 0);
  if (negative !== undefined) throw new ValueError(`repeat: repeats must be >= 0, got ${negative}`);
  const head = a.shape.slice(0, d);
  const rest = a.shape.slice(d + 1);
  if (counts.length === 1) {
    const count = counts[0] as number;
    const shape = guardShape('repeat', [...head, length * count, ...rest]);
    const [outer, inner] = [sizeOf(head), sizeOf(rest)];
    const spread = broadcast(reshapeTo(a, shapeOf([outer, length, 1, inner])), shapeOf([outer, length, count, inner]));
    return reshapeTo(spread, shape);
  }
  const total = counts.reduce((sum, n) => sum + n, 0);
  const shape = guardShape('repeat', [...head, total, ...rest]);
  const places = new Int32Array(total);
  let end = 0;
  counts.forEach((n, i) => {
    places.fill(i, end, end + n);
    end += n;
  });
  const sizes = [1, sizeOf(head), length, total, sizeOf(rest)] as const;
  return gatherRows('repeat', a, asIndices('repeat', places), { sizes, sparse: false }, shape);
}

/**
 * The elements moved along axes by so many places, to higher positions if that is positive; what leaves an axis at one
 * end comes in at the other. `shift` and `axis`: a number each, or lists of one length; shifts of one axis add up. Every
 * dtype.
 * @throws ShapeError ERR_AXIS; ShapeError for lists of different lengths
 */
export function roll(x: TensorLike, shift: number | Lengths, axis: number | Lengths): Tensor {
  if (arguments.length > 3) refuseExtra('roll', arguments[3], undefined);
  const a = asTensor('roll', x);
  const shifts = checkIntegers('roll', 'shift', 'a whole number or a list of them', shift);
  const axes = checkIntegers('roll', 'axis', 'a whole number or a list of them', axis, 'ERR_AXIS');
  if (shifts.length !== axes.length) {
    throw new ShapeError(`roll: shift and axis must have equal lengths, got ${shifts.length} and ${axes.length}`);
  }
  const by = a.shape.map(() => 0);
  axes.forEach((given, k) => {
    const d = checkAxis('roll', given, a.rank);
    by[d] = (by[d] as number) + (shifts[k] as number);
  });
  return by.reduce((t, places, d) => {
    const length = a.shape[d] as number;
    const moved = length === 0 ? 0 : ((places % length) + length) % length;
    if (moved === 0) return t;
    const part = (from: number, count: number): Tensor =>
      sliceBox(
        t,
        shapeOf(t.shape.map((n, k) => (k === d ? count : n))),
        boxAt(t.shape.map((_, k) => (k === d ? from : 0))),
      );
    return concatAlong([part(length - moved, moved), part(0, length - moved)], d);
  }, identityOf(a));
}

/** The options of `reverseSequence`. */
export interface ReverseSequenceOptions {
  /** The axis along which elements are reversed. */
  seqAxis: number;
  /** The axis of which each slice has its own length. Default 0. */
  batchAxis?: number;
}

const reverseSequenceOptions = { seqAxis: axisKind, batchAxis: axisKind } as const;

/**
 * Each slice of the batch axis with its first seqLengths[i] elements along the sequence axis in reverse order, the
 * others as they are. seqLengths: whole numbers, one for each slice. Every dtype.
 * @throws ShapeError for axes and lengths that do not fit; ValueError ERR_INDEX for a length above that of the axis: at
 *   once if the lengths are known, else when it is computed
 */
export function reverseSequence(
  x: TensorLike,
  seqLengths: TensorLike,
  seqAxis: number | ReverseSequenceOptions,
  batchAxis?: number | Partial<ReverseSequenceOptions>,
  opts?: Partial<ReverseSequenceOptions>,
): Tensor {
  const op = 'reverseSequence';
  const read = positional(op, reverseSequenceOptions, ['seqAxis', 'batchAxis'], [seqAxis, batchAxis, opts]);
  const a = asTensor(op, x);
  const lengths = asIndices(op, seqLengths, 'seqLengths');
  if (read.seqAxis === undefined) {
    throw new ShapeError(`${op}: seqAxis must be a whole number, got undefined`, 'ERR_AXIS');
  }
  const along = checkAxis(op, read.seqAxis, a.rank, 'seqAxis');
  const batch = checkAxis(op, read.batchAxis ?? 0, a.rank, 'batchAxis');
  if (along === batch) throw new ShapeError(`${op}: seqAxis and batchAxis are both ${along}`, 'ERR_AXIS');
  const [rows, steps] = [a.shape[batch] as number, a.shape[along] as number];
  if (lengths.rank !== 1 || lengths.size !== rows) {
    throw new ShapeError(
      `${op}: expected ${rows} seqLengths, one for each slice of axis ${batch}, got shape ${showShape(lengths.shape)}`,
    );
  }
  if (isKnown(lengths)) {
    const bad = lengths.dataSync().find((n) => n < 0 || n > steps);
    if (bad !== undefined) {
      throw new ValueError(`${op}: length ${bad} is out of range for axis ${along} of length ${steps}`, 'ERR_INDEX');
    }
  }
  if (a.size === 0) return identityOf(a);
  const order = [batch, along, ...[...a.shape.keys()].filter((d) => d !== batch && d !== along)];
  const turned = transposeBy(a, order);
  const positions = iota(steps);
  const ends = reshapeTo(checkedLater(op, lengths, steps + 1), shapeOf([rows, 1]));
  const indices = select(less(positions, ends), sub(sub(ends, 1), positions), positions);
  const sizes = [rows, 1, steps, steps, a.size / (rows * steps)] as const;
  const reversed = gatherRows(op, turned, indices, { sizes, sparse: false }, turned.shape);
  return transposeBy(
    reversed,
    order.map((_, d) => order.indexOf(d)),
  );
}

// ---- blocks of space and batch ----

/** The lengths of blocks, of which each is at least 1. */
function checkBlock(op: string, blockShape: unknown, rank: number): number[] {
  const block = checkIntegers(op, 'blockShape', 'a list of whole numbers >= 1', blockShape);
  if (block.some((n) => n < 1) || block.length === 0 || block.length >= rank) {
    throw new ShapeError(
      `${op}: blockShape must be 1 to ${rank - 1} whole numbers >= 1 for rank ${rank}, got ${showShape(block)}`,
    );
  }
  return block;
}

/**
 * Blocks of space made elements of the batch: x [batch, space..., rest...], padded with zeros along the axes of space,
 * is cut into blocks of blockShape, and position p of each block becomes a batch of its own; of shape [batch * block
 * size, padded space / blockShape..., rest...]. paddings: [before, after] for each axis of space. Every dtype.
 * @throws ShapeError
 */
export function spaceToBatchNd(
  x: TensorLike,
  blockShape: number | Lengths,
  paddings: readonly (readonly [number, number] | Lengths)[],
): Tensor {
  const op = 'spaceToBatchNd';
  if (arguments.length > 3) refuseExtra(op, arguments[3], undefined);
  const a = asTensor(op, x);
  const block = checkBlock(op, blockShape, a.rank);
  const pairs = checkPairs(op, 'paddings', block.length, 'the axes of blockShape', paddings);
  const [batch, ...lengths] = a.shape as [number, ...number[]];
  const rest = lengths.slice(block.length);
  const padded = block.map((_, d) => (lengths[d] as number) + (pairs[d]?.[0] as number) + (pairs[d]?.[1] as number));
  block.forEach((n, d) => {
    if ((padded[d] as number) % n === 0) return;
    throw new ShapeError(
      `${op}: axis ${d + 1} has length ${padded[d]} with its padding, which does not divide into blocks of ${n}`,
    );
  });
  const counts = block.map((n, d) => (padded[d] as number) / n);
  const shape = guardShape(op, [batch * sizeOf(block), ...counts, ...rest]);
  const begin = [0, ...pairs.map((pair) => pair[0]), ...rest.map(() => 0)];
  const framed = placeBox(a, guardShape(op, [batch, ...padded, ...rest]), boxAt(begin));
  const inner = sizeOf(rest);
  const cut = reshapeTo(framed, guardShape(op, [batch, ...counts.flatMap((n, d) => [n, block[d] as number]), inner]));
  const order = [...block.map((_, d) => 2 * d + 2), 0, ...block.map((_, d) => 2 * d + 1), 2 * block.length + 1];
  return reshapeTo(transposeBy(cut, order), shape);
}

/**
 * The inverse of `spaceToBatchNd`: x [batch * block size, space..., rest...] -> [batch, space * blockShape - crops...,
 * rest...]. crops: [before, after], how many elements are cut off at both ends of each axis of space. Every dtype.
 * @throws ShapeError
 */
export function batchToSpaceNd(
  x: TensorLike,
  blockShape: number | Lengths,
  crops: readonly (readonly [number, number] | Lengths)[],
): Tensor {
  const op = 'batchToSpaceNd';
  if (arguments.length > 3) refuseExtra(op, arguments[3], undefined);
  const a = asTensor(op, x);
  const block = checkBlock(op, blockShape, a.rank);
  const pairs = checkPairs(op, 'crops', block.length, 'the axes of blockShape', crops);
  const [all, ...lengths] = a.shape as [number, ...number[]];
  const each = sizeOf(block);
  if (all % each !== 0) {
    throw new ShapeError(`${op}: axis 0 has length ${all}, which does not divide into blocks of ${each}`);
  }
  const rest = lengths.slice(block.length);
  const inner = sizeOf(rest);
  const batch = all / each;
  const whole = block.map((n, d) => n * (lengths[d] as number));
  const kept = whole.map((n, d) => n - (pairs[d]?.[0] as number) - (pairs[d]?.[1] as number));
  if (kept.some((n) => n < 0)) {
    throw new ShapeError(`${op}: crops ${showPairs(pairs)} leave nothing of the lengths ${showShape(whole)}`);
  }
  const cut = reshapeTo(a, guardShape(op, [...block, batch, ...lengths.slice(0, block.length), inner]));
  const m = block.length;
  const order = [m, ...block.flatMap((_, d) => [m + 1 + d, d]), 2 * m + 1];
  const joined = reshapeTo(transposeBy(cut, order), guardShape(op, [batch, ...whole, ...rest]));
  const begin = [0, ...pairs.map((pair) => pair[0]), ...rest.map(() => 0)];
  return sliceBox(joined, shapeOf([batch, ...kept, ...rest]), boxAt(begin));
}

function showPairs(pairs: readonly (readonly number[])[]): string {
  return `[${pairs.map(showShape).join(', ')}]`;
}
