/** Linear maps that move, copy or add elements and compute nothing else; each is beside its transpose. */
import type { DType } from '../dtype.js';
import { checkDType, isFloating } from '../dtype.js';
import { DTypeError, ShapeError, show, ValueError } from '../errors.js';
import { opcodeOf } from '../native.js';
import { asTensor, asTensors, done, linear, node, nodeOfMany, register } from '../op.js';
import type { Shape } from '../shape.js';
import { checkAxes, checkAxis, checkShape, guardShape, sameShape, showShape, sizeOf } from '../shape.js';
import type { Cotangent, Entry, RecordedOp } from '../tape.js';
import { isRecording, record1, recordMany } from '../tape.js';
import type { Tensor } from '../tensor.js';
import { uniformTensor } from '../tensor.js';
import type { TensorLike } from '../variable.js';
import { aliasOf } from '../variable.js';

const kReshape = opcodeOf('reshape');
const kBroadcast = opcodeOf('broadcast');
const kTranspose = opcodeOf('transpose');
const kCast = opcodeOf('cast');
const kSlice = opcodeOf('slice');
const kPlace = opcodeOf('place');
const kConcat = opcodeOf('concat');
const kSum = opcodeOf('reduceSum');

const inputShape = (e: Entry): Shape => e.shapes[0] as Shape;
const other = { family: 'other', namespace: '', differentiable: true } as const;

// ---- views ----

const reshapeOp: RecordedOp = { name: 'reshape', vjps: [linear((ct, e) => reshapeTo(ct, inputShape(e)))] };

function reshapeTo(x: Tensor, shape: Shape): Tensor {
  if (x.uniform !== undefined && !isRecording()) return uniformTensor(x.uniform, x.dtype, shape);
  const t = node('reshape', kReshape, x.dtype, shape, x);
  if (isRecording()) record1(reshapeOp, t, x, null);
  return done(t);
}

/** The same elements in another shape; one length may be -1. */
export function reshape(x: TensorLike, shape: readonly number[]): Tensor {
  const a = asTensor('reshape', x);
  const open = Array.isArray(shape) ? shape.indexOf(-1) : -1;
  if (open < 0) {
    const target = checkShape('reshape', shape);
    if (sizeOf(target) !== a.size) throw reshapeError(a, shape);
    return reshapeTo(a, target);
  }
  const rest = checkShape(
    'reshape',
    shape.filter((_, i) => i !== open),
  );
  const known = sizeOf(rest);
  if (known === 0 || a.size % known !== 0) throw reshapeError(a, shape);
  return reshapeTo(
    a,
    guardShape(
      'reshape',
      shape.map((d) => (d === -1 ? a.size / known : d)),
    ),
  );
}

function reshapeError(a: Tensor, shape: readonly number[]): ShapeError {
  return new ShapeError(
    `reshape: ${a.size} elements of shape ${showShape(a.shape)} do not fit shape ${showShape(shape)}`,
  );
}

/** A new axis of length 1 at `axis` of the result. */
export function expandDims(x: TensorLike, axis: number): Tensor {
  const a = asTensor('expandDims', x);
  const at = checkAxis('expandDims', axis, a.rank + 1);
  return reshapeTo(a, guardShape('expandDims', [...a.shape.slice(0, at), 1, ...a.shape.slice(at)]));
}

/** Without the axes of length 1, or without those of them that are named. */
export function squeeze(x: TensorLike, axis?: number | readonly number[]): Tensor {
  const a = asTensor('squeeze', x);
  const axes = axis === undefined ? null : checkAxes('squeeze', axis, a.rank);
  for (const d of axes ?? []) {
    if (a.shape[d] !== 1)
      throw new ShapeError(`squeeze: axis ${d} of shape ${showShape(a.shape)} has length ${a.shape[d]}, not 1`);
  }
  return reshapeTo(
    a,
    guardShape(
      'squeeze',
      a.shape.filter((length, d) => (axes ? !axes.includes(d) : length !== 1)),
    ),
  );
}

// ---- broadcast and its transpose, the sum ----

const broadcastOp: RecordedOp = { name: 'broadcastTo', vjps: [linear((ct, e) => sumTo(ct, inputShape(e)))] };

/** @internal The tensor spread over a shape that it broadcasts to. */
export function spread(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  if (x.uniform !== undefined && !isRecording()) return uniformTensor(x.uniform, x.dtype, shape);
  const t = node('broadcastTo', kBroadcast, x.dtype, shape, x);
  if (isRecording()) record1(broadcastOp, t, x, null);
  return done(t);
}

/** The tensor repeated to the given shape (NumPy's rules). */
export function broadcastTo(x: TensorLike, shape: readonly number[]): Tensor {
  const a = asTensor('broadcastTo', x);
  const target = checkShape('broadcastTo', shape);
  const fits = a.rank <= target.length && a.shape.every((d, i) => d === 1 || d === target[target.length - a.rank + i]);
  if (!fits)
    throw new ShapeError(`broadcastTo: shape ${showShape(a.shape)} does not broadcast to ${showShape(target)}`);
  return sameShape(a.shape, target) ? identity(a) : spread(a, target);
}

/** What a reduction over `axes` leaves. */
export function reducedShape(shape: Shape, axes: readonly number[], keepdims: boolean): Shape {
  if (axes.length === shape.length && !keepdims) return Object.freeze([]) as Shape;
  const kept = keepdims ? shape.map((d, i) => (axes.includes(i) ? 1 : d)) : shape.filter((_, i) => !axes.includes(i));
  return Object.freeze(kept);
}

/** @internal Nodes of a reduction: one kernel a run of neighbouring axes, from the last to the first. */
export function reduceNodes(
  origin: string,
  opcode: number,
  x: Tensor,
  axes: readonly number[],
  shape: Shape,
  empty: number,
): Tensor {
  if (x.size === 0) return uniformTensor(empty, x.dtype, shape);
  let t = x;
  let lengths = [...x.shape];
  let last = axes.length - 1;
  while (last >= 0) {
    let first = last;
    while (first > 0 && axes[first - 1] === (axes[first] as number) - 1) first--;
    const from = axes[first] as number;
    const to = (axes[last] as number) + 1;
    const outer = sizeOf(lengths.slice(0, from));
    const length = sizeOf(lengths.slice(from, to));
    const inner = sizeOf(lengths.slice(to));
    lengths = [...lengths.slice(0, from), ...lengths.slice(to)];
    last = first - 1;
    t = node(origin, opcode, x.dtype, last < 0 ? shape : Object.freeze(lengths), t, null, [outer, length, inner]);
  }
  return t;
}

const sumOp: RecordedOp = {
  name: 'reduceSum',
  vjps: [linear((ct, e) => spread(reshapeTo(ct, e.attributes as Shape), inputShape(e)))],
};

function sumOver(a: Tensor, axes: readonly number[], keepdims: boolean): Tensor {
  if (axes.length === 0) return identity(a);
  const t = reduceNodes('reduceSum', kSum, a, axes, reducedShape(a.shape, axes, keepdims), 0);
  if (isRecording()) record1(sumOp, t, a, reducedShape(a.shape, axes, true));
  return done(t);
}

export interface ReduceOptions {
  /** Keep reduced axes with length 1. */
  keepdims?: boolean;
}

/** Sum over the given axes, or all. Float sums are pairwise. */
export function reduceSum(x: TensorLike, axis?: number | readonly number[] | null, opts: ReduceOptions = {}): Tensor {
  const a = asTensor('reduceSum', x);
  if (a.dtype === 'bool' || a.dtype === 'uint8') {
    throw new DTypeError(`reduceSum: expected dtype float32, float64 or int32, got ${a.dtype}; write cast(x, 'int32')`);
  }
  return sumOver(a, checkAxes('reduceSum', axis, a.rank), opts.keepdims ?? false);
}

/** @internal Sums a cotangent down to the shape that was broadcast. */
export function sumTo(ct: Tensor, shape: Shape): Tensor {
  if (sameShape(ct.shape, shape)) return ct;
  const missing = ct.rank - shape.length;
  const axes: number[] = [];
  for (let d = 0; d < ct.rank; d++) {
    if (d < missing || (shape[d - missing] === 1 && ct.shape[d] !== 1)) axes.push(d);
  }
  const t = axes.length > 0 ? sumOver(ct, axes, false) : ct;
  return sameShape(t.shape, shape) ? t : reshapeTo(t, shape);
}

// ---- transpose ----

const transposeOp: RecordedOp = {
  name: 'transpose',
  vjps: [
    linear((ct, e) => {
      const perm = e.attributes as readonly number[];
      const inverse = new Array<number>(perm.length);
      perm.forEach((axis, i) => {
        inverse[axis] = i;
      });
      return transposeBy(ct, inverse);
    }),
  ],
};

function transposeBy(a: Tensor, perm: readonly number[]): Tensor {
  if (perm.every((axis, i) => axis === i)) return identity(a);
  const shape = Object.freeze(perm.map((axis) => a.shape[axis] as number));
  const t = node('transpose', kTranspose, a.dtype, shape, a, null, perm);
  if (isRecording()) record1(transposeOp, t, a, perm);
  return done(t);
}

/** Axes in another order; reversed without `perm`. */
export function transpose(x: TensorLike, perm?: readonly number[]): Tensor {
  const a = asTensor('transpose', x);
  if (perm === undefined)
    return transposeBy(
      a,
      Array.from({ length: a.rank }, (_, i) => a.rank - 1 - i),
    );
  const order = Array.from(perm, (axis) => checkAxis('transpose', axis, a.rank));
  if (order.length !== a.rank || new Set(order).size !== a.rank) {
    throw new ShapeError(`transpose: perm ${showShape(perm)} is not an order of the ${a.rank} axes`);
  }
  return transposeBy(a, order);
}

// ---- windows: slice and its transpose ----

interface Window {
  readonly begin: readonly number[];
  readonly step: readonly number[];
}

function interleave({ begin, step }: Window): number[] {
  return begin.flatMap((b, d) => [b, step[d] as number]);
}

const sliceOp: RecordedOp = {
  name: 'slice',
  vjps: [linear((ct, e) => placeIn(ct, inputShape(e), e.attributes as Window))],
};
const placeOp: RecordedOp = {
  name: 'pad',
  vjps: [linear((ct, e) => windowOf(ct, inputShape(e), e.attributes as Window))],
};

function windowOf(a: Tensor, shape: Shape, window: Window): Tensor {
  const t = node('slice', kSlice, a.dtype, shape, a, null, interleave(window));
  if (a.rank === 0) return identity(a);
  if (isRecording()) record1(sliceOp, t, a, window);
  return done(t);
}

/** Zeros of `shape` with x written at the window. */
function placeIn(a: Tensor, shape: Shape, window: Window): Tensor {
  if (a.rank === 0) return identity(a);
  const t = node('pad', kPlace, a.dtype, shape, a, null, interleave(window));
  if (isRecording()) record1(placeOp, t, a, window);
  return done(t);
}

/** The box of `size` (-1: to the end) that begins at `begin`. */
export function slice(x: TensorLike, begin: readonly number[], size: readonly number[]): Tensor {
  const a = asTensor('slice', x);
  if (begin.length !== a.rank || size.length !== a.rank) {
    throw new ShapeError(
      `slice: begin and size need ${a.rank} entries for shape ${showShape(a.shape)}, got ${begin.length} and ${size.length}`,
    );
  }
  const lengths = a.shape.map((length, d) => {
    const b = begin[d] as number;
    const s = size[d] === -1 ? length - b : (size[d] as number);
    if (!Number.isInteger(b) || !Number.isInteger(s) || b < 0 || s < 0 || b + s > length) {
      throw new ShapeError(`slice: [${b}, ${b + s}) leaves axis ${d} of length ${length}`, 'ERR_INDEX');
    }
    return s;
  });
  return windowOf(a, Object.freeze(lengths), { begin: [...begin], step: a.shape.map(() => 1) });
}

/** Python's resolution of start:stop:step against a length. */
function resolveRange(start: number | null, stop: number | null, step: number, length: number): [number, number] {
  const clamp = (i: number): number => {
    const j = i < 0 ? i + length : i;
    return step > 0 ? Math.min(Math.max(j, 0), length) : Math.min(Math.max(j, -1), length - 1);
  };
  const from = start === null ? (step > 0 ? 0 : length - 1) : clamp(start);
  const to = stop === null ? (step > 0 ? length : -1) : clamp(stop);
  return [from, Math.max(0, Math.ceil((to - from) / step))];
}

/** NumPy's x[begin:end:strides] an axis; missing axes are whole. */
export function stridedSlice(
  x: TensorLike,
  begin: readonly number[],
  end: readonly number[],
  strides?: readonly number[],
): Tensor {
  const a = asTensor('stridedSlice', x);
  if (begin.length > a.rank || begin.length !== end.length || (strides && strides.length !== begin.length)) {
    throw new ShapeError(`stridedSlice: begin, end and strides need equal lengths of at most ${a.rank}`);
  }
  return at(a, ...begin.map((b, d) => `${b}:${end[d]}:${strides?.[d] ?? 1}`));
}

function parseRange(text: string): [number | null, number | null, number] {
  const parts = text.split(':').map((part) => part.trim());
  const numbers = parts.map((part) => (part === '' ? null : Number(part)));
  const bad = parts.length < 2 || parts.length > 3 || numbers.some((n) => n !== null && !Number.isInteger(n));
  if (bad)
    throw new ValueError(`at: ${show(text)} is no slice; expected 'start:stop' or 'start:stop:step'`, 'ERR_INDEX');
  const step = numbers[2] ?? 1;
  if (step === 0) throw new ValueError(`at: the step of ${show(text)} is 0`, 'ERR_INDEX');
  return [numbers[0] ?? null, numbers[1] ?? null, step];
}

/** NumPy's basic indexing: integers, 'start:stop:step', '...' and null (a new axis). */
export function at(x: TensorLike, ...index: (number | string | null)[]): Tensor {
  const a = asTensor('at', x);
  const used = index.filter((i) => i !== null && i !== '...').length;
  const ellipses = index.filter((i) => i === '...').length;
  if (ellipses > 1) throw new ValueError("at: only one '...' may stand in an index", 'ERR_INDEX');
  if (used > a.rank)
    throw new ShapeError(`at: ${used} indices for shape ${showShape(a.shape)} of rank ${a.rank}`, 'ERR_INDEX');
  const begin: number[] = [];
  const step: number[] = [];
  const lengths: number[] = [];
  const result: number[] = [];
  const take = (from: number, by: number, count: number): void => {
    begin.push(count === 0 ? 0 : from);
    step.push(by);
    lengths.push(count);
  };
  const whole = (count: number): void => {
    for (let k = 0; k < count; k++) {
      const length = a.shape[lengths.length] as number;
      take(0, 1, length);
      result.push(length);
    }
  };
  for (const i of index) {
    if (i === null) {
      result.push(1);
    } else if (i === '...') {
      whole(a.rank - used);
    } else if (typeof i === 'number') {
      const axis = lengths.length;
      const length = a.shape[axis] as number;
      if (!Number.isInteger(i) || i < -length || i >= length) {
        throw new ShapeError(`at: index ${i} is out of range for axis ${axis} of length ${length}`, 'ERR_INDEX');
      }
      take(i < 0 ? i + length : i, 1, 1);
    } else if (typeof i === 'string') {
      const [start, stop, by] = parseRange(i);
      const [from, count] = resolveRange(start, stop, by, a.shape[lengths.length] as number);
      take(from, by, count);
      result.push(count);
    } else {
      throw new ValueError(
        `at: ${show(i)} is no index; expected an integer, 'start:stop:step', '...' or null`,
        'ERR_INDEX',
      );
    }
  }
  whole(a.rank - lengths.length);
  const isWhole = lengths.every((length, d) => length === a.shape[d] && step[d] === 1);
  const t = isWhole ? a : windowOf(a, Object.freeze(lengths), { begin, step });
  return sameShape(t.shape, result) ? (isWhole ? identity(t) : t) : reshapeTo(t, guardShape('at', result));
}

/** Zeros (or `value`) around: paddings[d] = [before, after]. */
export function pad(
  x: TensorLike,
  paddings: readonly (readonly [number, number])[],
  opts: { value?: number } = {},
): Tensor {
  const a = asTensor('pad', x);
  if (paddings.length !== a.rank) {
    throw new ShapeError(`pad: paddings need ${a.rank} pairs for shape ${showShape(a.shape)}, got ${paddings.length}`);
  }
  for (const n of paddings.flat()) {
    if (!Number.isInteger(n) || n < 0) throw new ShapeError(`pad: paddings are integers >= 0, got ${show(n)}`);
  }
  const shape = guardShape(
    'pad',
    a.shape.map((length, d) => length + (paddings[d]?.[0] ?? 0) + (paddings[d]?.[1] ?? 0)),
  );
  if (opts.value !== undefined && opts.value !== 0) {
    const lists = paddings.map(([before, after], d) => ({ before, after, d }));
    return lists.reduce((t, { before, after, d }) => {
      const edge = (n: number): Tensor => {
        const lengths = t.shape.map((length, k) => (k === d ? n : length));
        return uniformTensor(opts.value as number, t.dtype, guardShape('pad', lengths));
      };
      return before + after === 0 ? t : concat([edge(before), t, edge(after)], d);
    }, a);
  }
  return placeIn(a, shape, { begin: paddings.map((p) => p[0]), step: a.shape.map(() => 1) });
}

/** Elements in reverse order along the axes. */
export function reverse(x: TensorLike, axis: number | readonly number[]): Tensor {
  const a = asTensor('reverse', x);
  const axes = checkAxes('reverse', axis, a.rank);
  const begin = a.shape.map((length, d) => (axes.includes(d) && length > 0 ? length - 1 : 0));
  return windowOf(a, a.shape, { begin, step: a.shape.map((_, d) => (axes.includes(d) ? -1 : 1)) });
}

// ---- joining and dividing ----

const concatOp: RecordedOp = {
  name: 'concat',
  vjps: [
    linear((ct, e, operand) => {
      const axis = e.attributes as number;
      const shape = e.shapes[operand] as Shape;
      let start = 0;
      for (let i = 0; i < operand; i++) start += (e.shapes[i] as Shape)[axis] as number;
      return windowOf(ct, shape, { begin: shape.map((_, d) => (d === axis ? start : 0)), step: shape.map(() => 1) });
    }),
  ],
};

/** One tensor after the other along an axis. */
export function concat(values: readonly TensorLike[], axis: number): Tensor {
  if (!Array.isArray(values) || values.length === 0)
    throw new ValueError(`concat: expected a list of tensors, got ${show(values)}`);
  const tensors = asTensors('concat', values);
  const first = tensors[0] as Tensor;
  if (first.rank === 0) throw new ShapeError('concat: scalars have no axis to join along; use stack');
  const d = checkAxis('concat', axis, first.rank);
  let length = 0;
  for (const t of tensors) {
    if (t.rank !== first.rank || t.shape.some((n, i) => i !== d && n !== first.shape[i])) {
      throw new ShapeError(
        `concat: shapes ${tensors.map((u) => showShape(u.shape)).join(' and ')} differ off axis ${d}`,
      );
    }
    length += t.shape[d] as number;
  }
  const shape = guardShape(
    'concat',
    first.shape.map((n, i) => (i === d ? length : n)),
  );
  const t = nodeOfMany('concat', kConcat, first.dtype, shape, tensors, [d]);
  if (isRecording()) recordMany(concatOp, [t], tensors, d);
  return done(t);
}

/** Tensors of one shape along a new axis. */
export function stack(values: readonly TensorLike[], axis = 0): Tensor {
  if (!Array.isArray(values) || values.length === 0)
    throw new ValueError(`stack: expected a list of tensors, got ${show(values)}`);
  const tensors = asTensors('stack', values);
  const first = tensors[0] as Tensor;
  for (const t of tensors) {
    if (!sameShape(t.shape, first.shape)) {
      throw new ShapeError(`stack: shapes ${showShape(first.shape)} and ${showShape(t.shape)} differ`);
    }
  }
  const d = checkAxis('stack', axis, first.rank + 1);
  return concat(
    tensors.map((t) => expandDims(t, d)),
    d,
  );
}

/** The slices along an axis, without it. */
export function unstack(x: TensorLike, axis = 0): Tensor[] {
  const a = asTensor('unstack', x);
  const d = checkAxis('unstack', axis, a.rank);
  return split(a, a.shape[d] as number, d).map((t) => squeeze(t, d));
}

/** Parts along an axis: a number of equal ones, or the list of their lengths. */
export function split(x: TensorLike, parts: number | readonly number[], axis = 0): Tensor[] {
  const a = asTensor('split', x);
  const d = checkAxis('split', axis, a.rank);
  const length = a.shape[d] as number;
  if (
    typeof parts === 'number' &&
    (!Number.isInteger(parts) || parts < 0 || (parts === 0 ? length > 0 : length % parts !== 0))
  ) {
    throw new ShapeError(`split: axis ${d} of length ${length} does not divide into ${parts} equal parts`);
  }
  const lengths = typeof parts === 'number' ? Array.from({ length: parts }, () => length / parts) : [...parts];
  if (lengths.reduce((s, n) => s + n, 0) !== length) {
    throw new ShapeError(`split: parts ${showShape(lengths)} do not add up to axis ${d} of length ${length}`);
  }
  let start = 0;
  return lengths.map((n) => {
    const begin = a.shape.map((_, i) => (i === d ? start : 0));
    start += n;
    const shape = Object.freeze(a.shape.map((m, i) => (i === d ? n : m)));
    return windowOf(a, shape, { begin, step: a.shape.map(() => 1) });
  });
}

/** The tensor repeated `multiples[d]` times along each axis. */
export function tile(x: TensorLike, multiples: readonly number[]): Tensor {
  const a = asTensor('tile', x);
  const times = checkShape('tile', multiples);
  if (times.length !== a.rank)
    throw new ShapeError(`tile: multiples need ${a.rank} entries for shape ${showShape(a.shape)}`);
  const paired = reshapeTo(
    a,
    guardShape(
      'tile',
      a.shape.flatMap((n) => [1, n]),
    ),
  );
  const spreadOut = spread(
    paired,
    guardShape(
      'tile',
      a.shape.flatMap((n, d) => [times[d] as number, n]),
    ),
  );
  return reshapeTo(
    spreadOut,
    guardShape(
      'tile',
      a.shape.map((n, d) => n * (times[d] as number)),
    ),
  );
}

// ---- dtype, identity and constants like ----

const castOp: RecordedOp = { name: 'cast', vjps: [linear((ct, e) => cast(ct, e.attributes as DType))] };

/** Elements as another dtype. Gradients flow between float dtypes only. */
export function cast(x: TensorLike, dtype: DType): Tensor {
  const a = asTensor('cast', x);
  checkDType('cast', dtype);
  if (a.dtype === dtype) return identity(a);
  const t = node('cast', kCast, dtype, a.shape, a);
  if (isRecording() && isFloating(dtype)) record1(castOp, t, a, a.dtype);
  return done(t);
}

const identityOp: RecordedOp = { name: 'identity', vjps: [linear((ct) => ct)] };

/** The same value as a tensor of its own. */
export function identity(x: TensorLike): Tensor {
  const a = asTensor('identity', x);
  const t = aliasOf(a);
  t.origin = 'identity';
  if (isRecording()) record1(identityOp, t, a, null);
  return done(t);
}

/** The same value, a constant to every tape. */
export function stopGradient(x: TensorLike): Tensor {
  return aliasOf(asTensor('stopGradient', x));
}

export function zerosLike(x: TensorLike): Tensor {
  const a = asTensor('zerosLike', x);
  return uniformTensor(0, a.dtype, a.shape);
}

export function onesLike(x: TensorLike): Tensor {
  const a = asTensor('onesLike', x);
  return uniformTensor(1, a.dtype, a.shape);
}

/** @internal The zero cotangent of an operand that has one. */
export function zeroOf(e: Entry, operand: number): Cotangent {
  return uniformTensor(0, e.outDType, e.shapes[operand] as Shape);
}

const m23: Shape = [2, 3];
register({ ...other, name: 'reshape', fn: reshape, cases: [{ shapes: [m23], call: (x) => reshape(x, [3, -1]) }] });
register({ ...other, name: 'expandDims', fn: expandDims, cases: [{ shapes: [m23], call: (x) => expandDims(x, 1) }] });
register({ ...other, name: 'squeeze', fn: squeeze, cases: [{ shapes: [[2, 1, 3]], call: (x) => squeeze(x) }] });
register({
  ...other,
  name: 'broadcastTo',
  fn: broadcastTo,
  cases: [{ shapes: [[2, 1]], call: (x) => broadcastTo(x, [4, 2, 3]) }],
});
register({
  ...other,
  name: 'reduceSum',
  fn: reduceSum,
  cases: [
    { shapes: [m23], call: (x) => reduceSum(x) },
    { shapes: [[2, 3, 4]], call: (x) => reduceSum(x, [0, 2]) },
    { shapes: [[2, 3, 4]], call: (x) => reduceSum(x, 1, { keepdims: true }) },
  ],
});
register({
  ...other,
  name: 'transpose',
  fn: transpose,
  cases: [{ shapes: [[2, 3, 4]], call: (x) => transpose(x, [2, 0, 1]) }],
});
register({ ...other, name: 'slice', fn: slice, cases: [{ shapes: [m23], call: (x) => slice(x, [0, 1], [-1, 2]) }] });
register({
  ...other,
  name: 'stridedSlice',
  fn: stridedSlice,
  cases: [{ shapes: [[5, 4]], call: (x) => stridedSlice(x, [4, 0], [0, 3], [-2, 2]) }],
});
register({
  ...other,
  name: 'at',
  variadic: true,
  fn: at,
  cases: [{ shapes: [[4, 3]], call: (x) => at(x, '::-2', null, -1) }],
});
register({
  ...other,
  name: 'pad',
  fn: pad,
  cases: [
    {
      shapes: [m23],
      call: (x) =>
        pad(x, [
          [1, 0],
          [2, 1],
        ]),
    },
    {
      shapes: [m23],
      call: (x) =>
        pad(
          x,
          [
            [1, 0],
            [2, 1],
          ],
          { value: 3 },
        ),
    },
  ],
});
register({ ...other, name: 'reverse', fn: reverse, cases: [{ shapes: [m23], call: (x) => reverse(x, [0, 1]) }] });
register({
  ...other,
  name: 'concat',
  namespace: 'internal',
  fn: concat,
  cases: [{ shapes: [m23, [2, 1]], call: (x, y) => concat([x, y, x], 1) }],
});
register({
  ...other,
  name: 'stack',
  namespace: 'internal',
  fn: stack,
  cases: [{ shapes: [m23, m23], call: (x, y) => stack([x, y], -1) }],
});
register({
  ...other,
  name: 'unstack',
  fn: unstack,
  cases: [{ shapes: [m23], call: (x) => unstack(x, 1)[1] as Tensor }],
});
register({
  ...other,
  name: 'split',
  fn: split,
  cases: [{ shapes: [[4, 3]], call: (x) => split(x, [1, 3])[1] as Tensor }],
});
register({ ...other, name: 'tile', fn: tile, cases: [{ shapes: [m23], call: (x) => tile(x, [2, 3]) }] });
register({
  ...other,
  name: 'cast',
  fn: cast,
  cases: [{ shapes: [m23], call: (x) => cast(cast(x, 'float64'), x.dtype) }],
});
register({ ...other, name: 'identity', fn: identity, cases: [{ shapes: [m23], call: (x) => identity(x) }] });
register({ ...other, name: 'stopGradient', differentiable: false, fn: stopGradient });
register({ ...other, name: 'zerosLike', differentiable: false, fn: zerosLike });
register({ ...other, name: 'onesLike', differentiable: false, fn: onesLike });
