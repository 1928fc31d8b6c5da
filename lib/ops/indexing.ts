/** Reading and adding at indices: gather, its transpose, and what is made of them. */
import { axisKind, boolean, either, integer, number, options, refuseBehind, refuseExtra } from '../base/arguments.js';
import type { DType } from '../base/dtype.js';
import { dtypeKind, numberAs } from '../base/dtype.js';
import { DTypeError, ShapeError, ValueError } from '../base/errors.js';
import {
  checkAxis,
  checkLength,
  checkShape,
  guardShape,
  type Lengths,
  type Shape,
  sameShape,
  scalarShape,
  showShape,
  sizeOf,
} from '../base/shape.js';
import { isKnown, type Tensor, uniformTensor } from '../engine/tensor.js';
import { asIndices, asTensor, register } from '../op/op.js';
import { isVariable, type TensorLike } from '../record/variable.js';
import { add, equal, mul, where } from './arithmetic.js';
import { range } from './creation.js';
import { checkIndices, densify, gatherRows, type IndexedSlices, type Rows, scatterRows } from './indexed-slices.js';
import { cast, expandDims, reshape } from './structure.js';
import { unstack } from './windows.js';

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

/** What the index vectors in the last axis of the indices address: the leading `lengths` of `shape`. */
function addressed(op: string, indices: Tensor, shape: Shape): Shape {
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

/** The row number of every index vector, if axes of these lengths are one. Each index is checked against its own axis, now or when computed. */
function rowNumbers(op: string, indices: Tensor, lengths: Shape): Tensor {
  if (lengths.length === 0) return uniformTensor(0, 'int32', Object.freeze(indices.shape.slice(0, -1)));
  if (isKnown(indices)) checkVectors(op, indices, lengths);
  const columns = unstack(indices, -1).map((column, d) => {
    if (isKnown(indices) || lengths.length === 1) return column;
    // The row number alone would not tell: [0, 4] of rows of 4 is the first of the next row. Reading one of as many zeros does.
    const length = lengths[d] as number;
    const zeros = uniformTensor(0, 'int32', Object.freeze([length]));
    const sizes: Rows['sizes'] = [1, 1, length, column.size, 1];
    return add(column, gatherRows(`${op}: axis ${d}`, zeros, column, { sizes, sparse: false }, column.shape));
  });
  return columns.reduce((row, column, d) => add(mul(row, lengths[d] as number), column));
}

function checkVectors(op: string, indices: Tensor, lengths: Shape): void {
  const depth = lengths.length;
  indices.dataSync().forEach((i, k) => {
    const length = lengths[k % depth] as number;
    if (i >= 0 && i < length) return;
    throw new ValueError(`${op}: index ${i} is out of range for axis ${k % depth} of length ${length}`, 'ERR_INDEX');
  });
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
  const lengths = addressed('gatherNd', i, p.shape.slice(batchDims));
  const rows = rowNumbers('gatherNd', i, lengths);
  const depth = lengths.length;
  const batch = p.shape.slice(0, batchDims);
  const rest = p.shape.slice(batchDims + depth);
  const count = sizeOf(lengths);
  const flat = depth === 1 ? p : reshape(p, [...batch, count, ...rest]);
  const groups = sizeOf(batch);
  const sizes: Rows['sizes'] = [groups, 1, count, sizeOf(rows.shape.slice(batchDims)), sizeOf(rest)];
  const shape = guardShape('gatherNd', [...i.shape.slice(0, -1), ...rest]);
  return gatherRows('gatherNd', flat, rows, { sizes, sparse: depth === 1 && batchDims === 0 }, shape);
}

/** Zeros of `shape` with the updates added at index vectors; duplicates add up. */
export function scatterNd(indices: TensorLike, updates: TensorLike, shape: number | Lengths): Tensor {
  if (arguments.length > 3) refuseExtra('scatterNd', arguments[3], undefined);
  const i = asIndices('scatterNd', indices);
  const u = asTensor('scatterNd', updates, undefined, 'updates');
  const target = checkShape('scatterNd', shape);
  const lengths = addressed('scatterNd', i, target);
  const rest = target.slice(lengths.length);
  const expected = [...i.shape.slice(0, -1), ...rest];
  if (!sameShape(u.shape, expected)) {
    throw new ShapeError(`scatterNd: updates have shape ${showShape(u.shape)}, expected ${showShape(expected)}`);
  }
  const rows = rowNumbers('scatterNd', i, lengths);
  const sizes: Rows['sizes'] = [1, 1, sizeOf(lengths), rows.size, sizeOf(rest)];
  const place = (t: Tensor): Tensor => scatterRows('scatterNd', t, rows, { sizes, sparse: false }, target);
  // Small integers add up as int32 and wrap around; booleans are or-ed, as in TensorFlow.
  return u.dtype === 'uint8' || u.dtype === 'bool' ? cast(place(cast(u, 'int32')), u.dtype) : place(u);
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
  const flat = m.rank === 1 ? a : reshape(a, [...a.shape.slice(0, axis), m.size, ...a.shape.slice(axis + m.rank)]);
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
const oneHotOptions = { onValue: oneValue, offValue: oneValue, axis: axisKind, dtype: dtypeKind } as const;

/** A new axis of length `depth` that is onValue (1) at the index and offValue (0) elsewhere; all off for an index out of range. */
export function oneHot(indices: TensorLike, depth: number, opts?: OneHotOptions): Tensor {
  const { onValue = 1, offValue = 0, axis = -1, dtype = 'float32' } = options('oneHot', oneHotOptions, opts);
  if (arguments.length > 3) refuseBehind('oneHot', arguments[3]);
  const i = asIndices('oneHot', indices);
  const length = checkLength('oneHot', 'depth', depth);
  const at = checkAxis('oneHot', axis, i.rank + 1);
  guardShape('oneHot', i.shape.toSpliced(at, 0, length));
  const steps = Array.from({ length: i.rank + 1 }, (_, d) => (d === at ? length : 1));
  const classes = reshape(range(0, length, 1, { dtype: 'int32' }), steps);
  const on = uniformTensor(numberAs('oneHot', dtype, onValue), dtype, scalarShape);
  const off = uniformTensor(numberAs('oneHot', dtype, offValue), dtype, scalarShape);
  return where(equal(expandDims(i, at), classes), on, off);
}

/** A tensor of anything tensor-like, or of a sparse gradient. A tensor is itself; a variable is read, as a tensor of its own. */
export function convertToTensor(x: TensorLike | IndexedSlices): Tensor {
  if (arguments.length > 1) refuseExtra('convertToTensor', arguments[1], arguments[2]);
  return isVariable(x) ? x.value() : densify(asTensor('convertToTensor', x));
}

const other = { family: 'other', namespace: '', differentiable: true } as const;
register({
  ...other,
  name: 'gather',
  fn: gather,
  cases: [
    { shapes: [[4, 3]], call: (x) => gather(x, [2, 0, 2]) },
    { shapes: [[2, 4, 3]], call: (x) => gather(x, [[3], [1]], { axis: 1 }) },
    {
      shapes: [[2, 4]],
      call: (x) =>
        gather(
          x,
          [
            [3, 3],
            [1, 0],
          ],
          { batchDims: 1 },
        ),
    },
  ],
});
register({
  ...other,
  name: 'gatherNd',
  fn: gatherNd,
  cases: [
    {
      shapes: [[3, 4, 2]],
      call: (x) =>
        gatherNd(x, [
          [0, 1],
          [2, 3],
          [0, 1],
        ]),
    },
  ],
});
register({
  ...other,
  name: 'scatterNd',
  namespace: 'internal',
  fn: scatterNd,
  cases: [{ shapes: [[3, 2]], call: (x) => scatterNd([[1], [3], [1]], x, [5, 2]) }],
});
register({
  ...other,
  name: 'booleanMask',
  fn: booleanMask,
  cases: [
    { shapes: [[3, 2]], call: (x) => booleanMask(x, [true, false, true]) },
    { shapes: [[2, 3]], call: (x) => booleanMask(x, [true, false, true], { axis: 1 }) },
  ],
});
register({ ...other, name: 'oneHot', differentiable: false, fn: oneHot });
