/** Reading and adding at indices: gather and its transpose, the scatter-add, and what is made of them. */
import type { DType } from '../dtype.js';
import { checkDType, numberAs } from '../dtype.js';
import { ShapeError, ValueError, warnOnce } from '../errors.js';
import { IndexedSlices } from '../indexed-slices.js';
import { opcodeOf } from '../native.js';
import { asIndices, asTensor, done, node, register } from '../op.js';
import { checkAxis, checkShape, guardShape, type Shape, sameShape, showShape, sizeOf } from '../shape.js';
import type { RecordedOp, Vjp } from '../tape.js';
import { isRecording, record2 } from '../tape.js';
import { isKnown, Tensor } from '../tensor.js';
import { type TensorLike, Variable } from '../variable.js';
import { add, equal, mul, where } from './arithmetic.js';
import { range } from './creation.js';
import { cast, expandDims, reshape } from './structure.js';
import { unstack } from './windows.js';

const kGather = opcodeOf('gather');
const kScatterAdd = opcodeOf('scatterAdd');

/** Sizes of a gather: params [batch, outer, length, inner], indices [batch, count], result [batch, outer, count, inner]. */
interface Plan {
  readonly sizes: readonly [batch: number, outer: number, length: number, count: number, inner: number];
  /** Whether only whole rows of axis 0 are read, so that the gradient can be IndexedSlices. */
  readonly rows: boolean;
}

const dense: Vjp = {
  needs: 2,
  pull: (ct, e) => scatterRows(ct, e.y as Tensor, e.attributes as Plan, e.shape(0)),
};

const gatherRule: Vjp = {
  needs: 2,
  pull: (ct, e) => {
    const plan = e.attributes as Plan;
    const indices = e.y as Tensor;
    const shape = e.shape(0);
    if (!plan.rows) return dense.pull(ct, e, 0);
    return new IndexedSlices(reshape(ct, [indices.size, ...shape.slice(1)]), reshape(indices, [indices.size]), shape);
  },
};

const gatherOp: RecordedOp = { name: 'gather', vjps: [gatherRule, null] };
const scatterOp: RecordedOp = {
  name: 'scatterAdd',
  vjps: [
    {
      needs: 2,
      pull: (ct, e) => gatherRows('gather', ct, e.y as Tensor, { ...(e.attributes as Plan), rows: false }, e.shape(0)),
    },
    null,
  ],
};

function checkIndices(op: string, indices: Tensor, length: number): void {
  if (!isKnown(indices)) return; // else found when the value is computed
  const { uniform, buffer } = indices;
  const bad = (i: number): ValueError =>
    new ValueError(`${op}: index ${i} is out of range for an axis of length ${length}`, 'ERR_INDEX');
  if (uniform !== undefined) {
    if (indices.size > 0 && (uniform < 0 || uniform >= length)) throw bad(uniform);
    return;
  }
  for (const i of buffer?.elements ?? []) if (i < 0 || i >= length) throw bad(i);
}

/** @internal gather with its sizes worked out. */
export function gatherRows(origin: string, params: Tensor, indices: Tensor, plan: Plan, shape: Shape): Tensor {
  const t = node(origin, kGather, params.dtype, shape, params, indices, plan.sizes);
  if (isRecording()) record2(gatherOp, t, params, indices, plan);
  return done(t);
}

/** Zeros of `shape` with the updates added at the indices. */
function scatterRows(updates: Tensor, indices: Tensor, plan: Plan, shape: Shape): Tensor {
  const t = node('scatterAdd', kScatterAdd, updates.dtype, shape, updates, indices, plan.sizes);
  if (isRecording()) record2(scatterOp, t, updates, indices, plan);
  return done(t);
}

export interface GatherOptions {
  /** Axis of `params` that is indexed; default `batchDims`. */
  axis?: number;
  /** Leading axes that params and indices share. */
  batchDims?: number;
}

/**
 * Slices of params at the int32 indices: params.shape[:axis] + indices.shape[batchDims:] + params.shape[axis+1:].
 * On axis 0 its gradient is an IndexedSlices.
 * @throws ValueError ERR_INDEX for an index out of range, at once if the indices are known, else when computed
 */
export function gather(params: TensorLike, indices: TensorLike, opts: GatherOptions = {}): Tensor {
  const p = asTensor('gather', params);
  const i = asIndices('gather', indices);
  const batchDims =
    opts.batchDims === undefined || opts.batchDims === 0 ? 0 : checkAxis('gather', opts.batchDims, i.rank + 1);
  if (p.rank === 0) throw new ShapeError('gather: params is a scalar and has no axis to index');
  const axis = checkAxis('gather', opts.axis ?? batchDims, p.rank);
  if (axis < batchDims) throw new ShapeError(`gather: axis ${axis} is one of the ${batchDims} batch axes`);
  for (let d = 0; d < batchDims; d++) {
    if (p.shape[d] !== i.shape[d]) {
      throw new ShapeError(`gather: batch axes of ${showShape(p.shape)} and ${showShape(i.shape)} differ on axis ${d}`);
    }
  }
  const length = p.shape[axis] as number;
  checkIndices('gather', i, length);
  const sizes: Plan['sizes'] = [
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
  return gatherRows('gather', p, i, { sizes, rows: axis === 0 && batchDims === 0 }, shape);
}

/** Row numbers of `shape`'s leading `depth` axes from the last axis of the indices. */
function rowNumbers(op: string, indices: Tensor, shape: Shape): [Tensor, number] {
  const depth = indices.shape[indices.rank - 1];
  if (depth === undefined || depth > shape.length) {
    throw new ShapeError(`${op}: indices of shape ${showShape(indices.shape)} do not index shape ${showShape(shape)}`);
  }
  let rows: Tensor | null = null;
  unstack(indices, indices.rank - 1).forEach((column, d) => {
    checkIndices(op, isKnown(indices) ? knownColumn(indices, d, depth) : column, shape[d] as number);
    rows = rows === null ? column : add(mul(rows, shape[d] as number), column);
  });
  const lead = indices.shape.slice(0, -1);
  return [rows ?? cast(reshape(asTensor(op, new Float32Array(sizeOf(lead))), lead), 'int32'), depth];
}

function knownColumn(indices: Tensor, d: number, depth: number): Tensor {
  const elements = indices.dataSync();
  return asTensor(
    'gatherNd',
    Int32Array.from({ length: elements.length / depth }, (_, k) => elements[k * depth + d] as number),
  );
}

/** Slices of params at index vectors (the last axis of indices). */
export function gatherNd(params: TensorLike, indices: TensorLike): Tensor {
  const p = asTensor('gatherNd', params);
  const i = asIndices('gatherNd', indices);
  const [rows, depth] = rowNumbers('gatherNd', i, p.shape);
  const rest = p.shape.slice(depth);
  const count = sizeOf(p.shape.slice(0, depth));
  const flat = depth === 1 ? p : reshape(p, [count, ...rest]);
  const sizes: Plan['sizes'] = [1, 1, count, rows.size, sizeOf(rest)];
  return gatherRows(
    'gatherNd',
    flat,
    rows,
    { sizes, rows: depth === 1 },
    guardShape('gatherNd', [...i.shape.slice(0, -1), ...rest]),
  );
}

/** Zeros of `shape` with the updates added at index vectors; duplicates add up. */
export function scatterNd(indices: TensorLike, updates: TensorLike, shape: readonly number[]): Tensor {
  const i = asIndices('scatterNd', indices);
  const u = asTensor('scatterNd', updates);
  const target = checkShape('scatterNd', shape);
  const [rows, depth] = rowNumbers('scatterNd', i, target);
  const rest = target.slice(depth);
  const expected = [...i.shape.slice(0, -1), ...rest];
  if (!sameShape(u.shape, expected)) {
    throw new ShapeError(`scatterNd: updates have shape ${showShape(u.shape)}, expected ${showShape(expected)}`);
  }
  const sizes: Plan['sizes'] = [1, 1, sizeOf(target.slice(0, depth)), rows.size, sizeOf(rest)];
  // Small integers add up as int32 and wrap around; booleans are or-ed, as in TensorFlow.
  if (u.dtype === 'uint8' || u.dtype === 'bool') {
    return cast(scatterRows(cast(u, 'int32'), rows, { sizes, rows: false }, target), u.dtype);
  }
  return scatterRows(u, rows, { sizes, rows: false }, target);
}

/** The elements (or slices) where the bool mask holds on the axes from `axis` (default 0) on; evaluates the mask. */
export function booleanMask(x: TensorLike, mask: TensorLike, opts: { axis?: number } = {}): Tensor {
  const a = asTensor('booleanMask', x);
  const m = asTensor('booleanMask', mask, 'bool');
  if (m.dtype !== 'bool' || m.rank === 0) {
    throw new ValueError(
      `booleanMask: expected a bool mask of rank >= 1, got ${m.dtype} ${showShape(m.shape)}`,
      'ERR_DTYPE',
    );
  }
  const axis = opts.axis === undefined ? 0 : checkAxis('booleanMask', opts.axis, a.rank);
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
  onValue?: number;
  offValue?: number;
  /** Where the new axis goes; default last. */
  axis?: number;
  dtype?: DType;
}

/** A new axis of length `depth` that is onValue (1) at the index and offValue (0) elsewhere; all off for an index out of range. */
export function oneHot(indices: TensorLike, depth: number, opts: OneHotOptions = {}): Tensor {
  const i = asIndices('oneHot', indices);
  const [length] = checkShape('oneHot', [depth]) as [number];
  const dtype = checkDType('oneHot', opts.dtype ?? 'float32');
  const axis = checkAxis('oneHot', opts.axis ?? -1, i.rank + 1);
  const steps = Array.from({ length: i.rank + 1 }, (_, d) => (d === axis ? length : 1));
  const classes = reshape(range(0, length, 1, { dtype: 'int32' }), steps);
  const on = asTensor('oneHot', numberAs('oneHot', dtype, opts.onValue ?? 1), dtype);
  const off = asTensor('oneHot', numberAs('oneHot', dtype, opts.offValue ?? 0), dtype);
  return where(equal(expandDims(i, axis), classes), on, off);
}

/** The dense tensor of a gradient. */
export function densify(g: Tensor | IndexedSlices): Tensor {
  if (g instanceof Tensor) return g;
  const size = sizeOf(g.denseShape);
  if (size >= 1e8) {
    warnOnce(
      'GRADTAPE_DENSE_SLICES',
      `Converting sparse IndexedSlices to a dense Tensor with ${size} elements. This may consume a large amount of memory.`,
    );
  }
  const [length = 0, ...rest] = g.denseShape;
  const sizes: Plan['sizes'] = [1, 1, length, g.indices.size, sizeOf(rest)];
  return scatterRows(g.values, g.indices, { sizes, rows: true }, g.denseShape);
}

declare module '../indexed-slices.js' {
  interface IndexedSlices {
    /** The dense tensor: zeros with the values added at the indices. */
    toTensor(): Tensor;
  }
}
Object.assign(IndexedSlices.prototype, {
  toTensor(this: IndexedSlices): Tensor {
    return densify(this);
  },
  toString(this: IndexedSlices): string {
    return `IndexedSlices(values=${this.values}, indices=${this.indices}, denseShape=${showShape(this.denseShape)})`;
  },
});

/** A tensor of anything tensor-like, or of a sparse gradient. A tensor is itself; a variable is read as a tensor of its own. */
export function convertToTensor(x: TensorLike | IndexedSlices): Tensor {
  if (x instanceof IndexedSlices) return densify(x);
  return x instanceof Variable ? x.value() : asTensor('convertToTensor', x);
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
