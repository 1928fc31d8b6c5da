/** Indexing: gather and what is made of it, masks, and one-hot vectors. */
import { axisKind, boolean, either, integer, number, options, positional, refuseBehind } from '../base/arguments.js';
import type { DType } from '../base/dtype.js';
import { dtypeArgument, numberAs } from '../base/dtype.js';
import { DTypeError, ShapeError } from '../base/errors.js';
import {
  checkAxis,
  checkLength,
  guardShape,
  sameShape,
  scalarShape,
  shapeOf,
  showShape,
  sizeOf,
} from '../base/shape.js';
import { type Tensor, uniformTensor } from '../engine/tensor.js';
import { asIndices, asTensor } from '../op/operands.js';
import type { TensorLike } from '../op/variable.js';
import { boxAt, placeBox } from '../primitives/box.js';
import { equal, less } from '../primitives/compare.js';
import { checkIndices, gatherRows, type Rows } from '../primitives/gather.js';
import {
  type BadIndicesPolicy,
  indexedLengths,
  policyKind,
  rowNumbers,
  rowNumbersOrEnd,
} from '../primitives/index-vectors.js';
import { iota } from '../primitives/iota.js';
import { castTo, reshapeTo } from '../primitives/movement.js';
import { select } from '../primitives/select.js';

const anyInteger = integer(Number.MIN_SAFE_INTEGER);
const gatherOptions = { axis: axisKind, batchDims: anyInteger } as const;

/** The options of `gather`. */
export interface GatherOptions {
  /** The axis of `params` that is indexed. Default: `batchDims`. */
  axis?: number;
  /**
   * The number of leading axes that params and indices share; a negative one is added to the rank of indices. Default
   * 0.
   */
  batchDims?: number;
}

/** The number of leading batch axes, which must have the same lengths in both operands. */
function checkBatch(op: string, params: Tensor, indices: Tensor, given: number | undefined): number {
  const batch = given === undefined ? 0 : given < 0 ? given + indices.rank : given;
  const most = Math.min(params.rank, indices.rank);
  if (batch < 0 || batch > most) {
    throw new ShapeError(
      `${op}: batchDims ${given} is out of range for params of rank ${params.rank} and indices of rank ${indices.rank}`,
      'ERR_AXIS',
    );
  }
  for (let d = 0; d < batch; d++) {
    if (params.shape[d] !== indices.shape[d]) {
      throw new ShapeError(
        `${op}: batch axes of ${showShape(params.shape)} and ${showShape(indices.shape)} differ on axis ${d}`,
      );
    }
  }
  return batch;
}

/**
 * The slices of params at the indices (whole numbers) along an axis, of shape
 * params.shape[:axis] + indices.shape[batchDims:] + params.shape[axis+1:]. The gradient along axis 0 is an
 * IndexedSlices.
 * @throws ValueError ERR_INDEX for an index out of range: at once if the indices are known, else when it is computed;
 *   ShapeError, DTypeError
 */
export function gather(params: TensorLike, indices: TensorLike, opts?: GatherOptions): Tensor {
  const given = options('gather', gatherOptions, opts);
  if (arguments.length > 3) refuseBehind('gather', arguments[3]);
  const p = asTensor('gather', params, undefined, 'params');
  const i = asIndices('gather', indices);
  if (p.rank === 0) throw new ShapeError('gather: params is a scalar and has no axis to index');
  const batchDims = checkBatch('gather', p, i, given.batchDims);
  const axis = checkAxis('gather', given.axis ?? batchDims, p.rank);
  if (axis < batchDims) throw new ShapeError(`gather: axis ${axis} is one of the ${batchDims} batch axes`);
  const length = p.shape[axis] as number;
  checkIndices('gather', i, length, `axis ${axis}`);
  const sizes: Rows['sizes'] = [
    sizeOf(p.shape.slice(0, batchDims)),
    sizeOf(p.shape.slice(batchDims, axis)),
    length,
    sizeOf(i.shape.slice(batchDims)),
    sizeOf(p.shape.slice(axis + 1)),
  ];
  const shape = guardShape('gather', [
    ...p.shape.slice(0, axis),
    ...i.shape.slice(batchDims),
    ...p.shape.slice(axis + 1),
  ]);
  return gatherRows('gather', p, i, { sizes, sparse: axis === 0 && batchDims === 0 }, shape);
}

const gatherNdOptions = { batchDims: anyInteger, badIndicesPolicy: policyKind } as const;

/** The options of `gatherNd`. */
export interface GatherNdOptions {
  /** The number of leading axes that params and indices share; a negative one is added to the rank of indices. Default 0. */
  batchDims?: number;
  /** What an index out of range is: 'ERROR' (the default, also called 'DEFAULT'), or 'IGNORE': the slice is zeros. */
  badIndicesPolicy?: BadIndicesPolicy;
}

/**
 * The slices of params at index vectors, which are the last axis of indices; of shape
 * indices.shape[:-1] + params.shape[batchDims + indices.shape[-1]:].
 * @throws ValueError ERR_INDEX for an index out of range: at once if the indices are known, else when it is computed;
 *   ShapeError, DTypeError
 */
export function gatherNd(params: TensorLike, indices: TensorLike, opts?: GatherNdOptions): Tensor {
  const given = options('gatherNd', gatherNdOptions, opts);
  if (arguments.length > 3) refuseBehind('gatherNd', arguments[3]);
  const p = asTensor('gatherNd', params, undefined, 'params');
  const i = asIndices('gatherNd', indices);
  if (i.rank === 0) throw new ShapeError('gatherNd: indices must have rank >= 1, got a scalar');
  const batchDims = checkBatch('gatherNd', p, i, given.batchDims);
  if (batchDims === i.rank) {
    throw new ShapeError(`gatherNd: the last axis of indices holds vectors and is no batch axis`, 'ERR_AXIS');
  }
  const lengths = indexedLengths('gatherNd', i, p.shape.slice(batchDims));
  const ignores = given.badIndicesPolicy === 'IGNORE';
  const rows = ignores ? rowNumbersOrEnd(i, lengths) : rowNumbers('gatherNd', i, lengths);
  const depth = lengths.length;
  const batch = p.shape.slice(0, batchDims);
  const rest = p.shape.slice(batchDims + depth);
  const count = sizeOf(lengths);
  const groups = sizeOf(batch);
  const each = sizeOf(rows.shape.slice(batchDims));
  const shape = guardShape('gatherNd', [...i.shape.slice(0, -1), ...rest]);
  if (ignores) {
    // What is out of range reads from a row of zeros behind the others.
    const blocks = reshapeTo(p, shapeOf([groups, count, sizeOf(rest)]));
    const padded = placeBox(blocks, guardShape('gatherNd', [groups, count + 1, sizeOf(rest)]), boxAt([0, 0, 0]));
    const sizes: Rows['sizes'] = [groups, 1, count + 1, each, sizeOf(rest)];
    return gatherRows('gatherNd', padded, rows, { sizes, sparse: false }, shape);
  }
  const flat = depth === 1 ? p : reshapeTo(p, shapeOf([...batch, count, ...rest]));
  const sizes: Rows['sizes'] = [groups, 1, count, each, sizeOf(rest)];
  return gatherRows('gatherNd', flat, rows, { sizes, sparse: depth === 1 && batchDims === 0 }, shape);
}

const maskOptions = { axis: axisKind } as const;

/**
 * The elements (or slices) of x where a bool mask is true. The mask has the shape of the axes from `axis` (default 0)
 * on, which become one axis. Computes the mask at once, because the shape of the result depends on it.
 * @throws DTypeError, ShapeError for a mask that does not fit
 */
export function booleanMask(x: TensorLike, mask: TensorLike, opts?: { axis?: number }): Tensor {
  const given = options('booleanMask', maskOptions, opts);
  if (arguments.length > 3) refuseBehind('booleanMask', arguments[3]);
  const a = asTensor('booleanMask', x);
  const m = asTensor('booleanMask', mask, 'bool', 'mask');
  if (m.dtype !== 'bool' || m.rank === 0) {
    throw new DTypeError(
      `booleanMask: mask must be bool and of rank >= 1, got ${m.dtype} of shape ${showShape(m.shape)}; compare it with something`,
    );
  }
  const axis = given.axis === undefined ? 0 : checkAxis('booleanMask', given.axis, a.rank);
  if (!sameShape(m.shape, a.shape.slice(axis, axis + m.rank))) {
    throw new ShapeError(
      `booleanMask: mask ${showShape(m.shape)} does not fit the axes of ${showShape(a.shape)} from axis ${axis} on`,
    );
  }
  const positions: number[] = [];
  m.dataSync().forEach((value, i) => {
    if (value !== 0) positions.push(i);
  });
  const flat =
    m.rank === 1 ? a : reshapeTo(a, shapeOf([...a.shape.slice(0, axis), m.size, ...a.shape.slice(axis + m.rank)]));
  return gather(flat, Int32Array.from(positions), { axis });
}

/** The options of `oneHot`. */
export interface OneHotOptions {
  /** Default 1. */
  onValue?: number | boolean;
  /** Default 0. */
  offValue?: number | boolean;
  /** The new axis, as an axis of the result. Default -1. */
  axis?: number;
  /** Default float32. */
  dtype?: DType;
}

const oneValue = either(number(), boolean);
const oneHotOptions = { onValue: oneValue, offValue: oneValue, axis: axisKind, dtype: dtypeArgument } as const;

/**
 * One-hot vectors of the indices: a new axis of length `depth` with onValue (default 1) at the index and offValue
 * (default 0) elsewhere. For an index out of range all are offValue. Default dtype: float32. No gradient flows to the
 * indices.
 */
export function oneHot(indices: TensorLike, depth: number, opts?: OneHotOptions): Tensor {
  const { onValue = 1, offValue = 0, axis = -1, dtype = 'float32' } = options('oneHot', oneHotOptions, opts);
  if (arguments.length > 3) refuseBehind('oneHot', arguments[3]);
  const i = asIndices('oneHot', indices);
  const length = checkLength('oneHot', 'depth', depth);
  const at = checkAxis('oneHot', axis, i.rank + 1);
  guardShape('oneHot', i.shape.toSpliced(at, 0, length));
  const steps = Array.from({ length: i.rank + 1 }, (_, d) => (d === at ? length : 1));
  const classes = reshapeTo(iota(length), shapeOf(steps));
  const on = uniformTensor(numberAs('oneHot', dtype, onValue), dtype, scalarShape);
  const off = uniformTensor(numberAs('oneHot', dtype, offValue), dtype, scalarShape);
  const spread = reshapeTo(i, shapeOf(i.shape.toSpliced(at, 0, 1)));
  return select(equal(spread, classes), on, off);
}

const sequenceMaskOptions = { maxlen: integer(0), dtype: dtypeArgument } as const;

/** The options of `sequenceMask`. */
export interface SequenceMaskOptions {
  /** The length of the new axis. Default: the largest of the lengths, which are computed at once for that. */
  maxlen?: number;
  /** Default bool. */
  dtype?: DType;
}

/**
 * A new last axis of maxlen positions, of which the first lengths[...] are true: sequenceMask([1, 3]) is [[true, false,
 * false], [true, true, true]]. lengths: whole numbers. The options may stand in the place of maxlen.
 * @throws DTypeError, ShapeError, ValueError ERR_OPTION
 */
export function sequenceMask(
  lengths: TensorLike,
  maxlen?: number | SequenceMaskOptions,
  opts?: SequenceMaskOptions,
): Tensor {
  const op = 'sequenceMask';
  const read = positional(op, sequenceMaskOptions, ['maxlen'], [maxlen, opts]);
  const t = asIndices(op, lengths, 'lengths');
  const most = read.maxlen ?? t.dataSync<Int32Array>().reduce((m, n) => Math.max(m, n), 0);
  guardShape(op, [...t.shape, checkLength(op, 'maxlen', most)]);
  const mask = less(iota(most), reshapeTo(t, guardShape(op, [...t.shape, 1])));
  return read.dtype === undefined || read.dtype === 'bool' ? mask : castTo(mask, read.dtype);
}
