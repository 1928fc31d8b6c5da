/** Reading and adding at indices: gather, its transpose, and what is made of them. */
import { axisKind, boolean, either, integer, number, options, refuseBehind } from '../base/arguments.js';
import type { DType } from '../base/dtype.js';
import { dtypeArgument, numberAs } from '../base/dtype.js';
import { DTypeError, ShapeError } from '../base/errors.js';
import { checkAxis, checkLength, guardShape, sameShape, scalarShape, showShape, sizeOf } from '../base/shape.js';
import { type Tensor, uniformTensor } from '../engine/tensor.js';
import { asIndices, asTensor } from '../op/operands.js';
import type { TensorLike } from '../op/variable.js';
import { equal } from '../primitives/compare.js';
import { checkIndices, gatherRows, type Rows } from '../primitives/gather.js';
import { indexedLengths, rowNumbers } from '../primitives/index-vectors.js';
import { iota } from '../primitives/iota.js';
import { reshapeTo } from '../primitives/movement.js';
import { select } from '../primitives/select.js';

const anyInteger = integer(Number.MIN_SAFE_INTEGER);
const gatherOptions = { axis: axisKind, batchDims: anyInteger } as const;

export interface GatherOptions {
  /** Axis of `params` that is indexed; default `batchDims`. */
  axis?: number;
  /** Leading axes that params and indices share; negative ones count from the rank of the indices. */
  batchDims?: number;
}

/** How many leading axes are batches, both operands' checked. */
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
 * Slices of params at the indices, which are whole numbers: params.shape[:axis] + indices.shape[batchDims:] + params.shape[axis+1:].
 * On axis 0 its gradient is an IndexedSlices.
 * @throws ValueError ERR_INDEX for an index out of range, at once if the indices are known, else when computed
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

const gatherNdOptions = { batchDims: anyInteger } as const;

/** Slices of params at index vectors (the last axis of indices), after `batchDims` leading axes that both share. */
export function gatherNd(params: TensorLike, indices: TensorLike, opts?: { batchDims?: number }): Tensor {
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
  const rows = rowNumbers('gatherNd', i, lengths);
  const depth = lengths.length;
  const batch = p.shape.slice(0, batchDims);
  const rest = p.shape.slice(batchDims + depth);
  const count = sizeOf(lengths);
  const flat = depth === 1 ? p : reshapeTo(p, Object.freeze([...batch, count, ...rest]));
  const groups = sizeOf(batch);
  const sizes: Rows['sizes'] = [groups, 1, count, sizeOf(rows.shape.slice(batchDims)), sizeOf(rest)];
  const shape = guardShape('gatherNd', [...i.shape.slice(0, -1), ...rest]);
  return gatherRows('gatherNd', flat, rows, { sizes, sparse: depth === 1 && batchDims === 0 }, shape);
}

const maskOptions = { axis: axisKind } as const;

/** The elements (or slices) where the bool mask holds on the axes from `axis` (default 0) on; evaluates the mask. */
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
    m.rank === 1
      ? a
      : reshapeTo(a, Object.freeze([...a.shape.slice(0, axis), m.size, ...a.shape.slice(axis + m.rank)]));
  return gather(flat, Int32Array.from(positions), { axis });
}

export interface OneHotOptions {
  onValue?: number | boolean;
  offValue?: number | boolean;
  /** Where the new axis goes; default last. */
  axis?: number;
  dtype?: DType;
}

const oneValue = either(number(), boolean);
const oneHotOptions = { onValue: oneValue, offValue: oneValue, axis: axisKind, dtype: dtypeArgument } as const;

/** A new axis of length `depth` that is onValue (1) at the index and offValue (0) elsewhere; all off for an index out of range. */
export function oneHot(indices: TensorLike, depth: number, opts?: OneHotOptions): Tensor {
  const { onValue = 1, offValue = 0, axis = -1, dtype = 'float32' } = options('oneHot', oneHotOptions, opts);
  if (arguments.length > 3) refuseBehind('oneHot', arguments[3]);
  const i = asIndices('oneHot', indices);
  const length = checkLength('oneHot', 'depth', depth);
  const at = checkAxis('oneHot', axis, i.rank + 1);
  guardShape('oneHot', i.shape.toSpliced(at, 0, length));
  const steps = Array.from({ length: i.rank + 1 }, (_, d) => (d === at ? length : 1));
  const classes = reshapeTo(iota(length), Object.freeze(steps));
  const on = uniformTensor(numberAs('oneHot', dtype, onValue), dtype, scalarShape);
  const off = uniformTensor(numberAs('oneHot', dtype, offValue), dtype, scalarShape);
  const spread = reshapeTo(i, Object.freeze(i.shape.toSpliced(at, 0, 1)));
  return select(equal(spread, classes), on, off);
}
