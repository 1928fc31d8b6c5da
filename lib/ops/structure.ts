/** Linear maps that move, copy or add elements and compute nothing else; each is beside its transpose. */
import { boolean, isOptions, listOf, options, refuseBehind, refuseExtra, refuseSpread } from '../base/arguments.js';
import type { DType } from '../base/dtype.js';
import { checkDType, isFloating } from '../base/dtype.js';
import { DTypeError, ShapeError, show } from '../base/errors.js';
import type { Lengths, Shape } from '../base/shape.js';
import {
  checkAxes,
  checkAxis,
  checkIntegers,
  checkShape,
  guardShape,
  sameShape,
  showShape,
  sizeOf,
} from '../base/shape.js';
import { opcodeOf } from '../engine/addon.js';
import type { Tensor } from '../engine/tensor.js';
import { uniformTensor } from '../engine/tensor.js';
import { asTensor, composed, done, fromX, fromY, linear, node, register, withoutGradient } from '../op/op.js';
import type { Cotangent, Entry, RecordedOp } from '../record/tape.js';
import { isOnTape, isRecording, record1 } from '../record/tape.js';
import type { TensorLike } from '../record/variable.js';
import { aliasOf } from '../record/variable.js';

const kReshape = opcodeOf('reshape');
const kBroadcast = opcodeOf('broadcast');
const kTranspose = opcodeOf('transpose');
const kCast = opcodeOf('cast');
const kSum = opcodeOf('reduceSum');

const inputShape = (e: Entry): Shape => e.shape(0);
const other = { family: 'other', namespace: '', differentiable: true } as const;

// ---- views ----

const reshapeOp: RecordedOp = { name: 'reshape', vjps: [linear((ct, e) => reshapeTo(ct, inputShape(e)))] };

/** @internal */
export function reshapeTo(x: Tensor, shape: Shape): Tensor {
  if (x.uniform !== undefined && !isRecording()) return uniformTensor(x.uniform, x.dtype, shape);
  const t = node('reshape', kReshape, x.dtype, shape, x);
  if (isRecording()) record1(reshapeOp, t, x, null);
  return done(t);
}

/** The same elements in another shape; one length may be -1. */
export function reshape(x: TensorLike, shape: number | Lengths): Tensor {
  if (arguments.length > 2) {
    refuseSpread('reshape', 'x, ', [...arguments].slice(1));
    refuseExtra('reshape', arguments[2], undefined);
  }
  const a = asTensor('reshape', x);
  const lengths = checkIntegers('reshape', 'shape', 'a list of integers >= 0, of which one may be -1', shape);
  const open = lengths.indexOf(-1);
  if (open >= 0) {
    if (lengths.includes(-1, open + 1)) {
      throw new ShapeError(`reshape: shape may hold one -1, got ${showShape(lengths)}`);
    }
    const rest = sizeOf(checkShape('reshape', lengths.toSpliced(open, 1)));
    if (rest === 0 || a.size % rest !== 0) throw reshapeError(a, lengths);
    lengths[open] = a.size / rest;
  }
  const target = checkShape('reshape', lengths);
  if (sizeOf(target) !== a.size) throw reshapeError(a, lengths);
  return reshapeTo(a, target);
}

function reshapeError(a: Tensor, shape: readonly number[]): ShapeError {
  return new ShapeError(
    `reshape: ${a.size} elements of shape ${showShape(a.shape)} do not fit shape ${showShape(shape)}`,
  );
}

/** A new axis of length 1 at `axis` of the result. */
export function expandDims(x: TensorLike, axis: number): Tensor {
  if (arguments.length > 2) refuseExtra('expandDims', arguments[2], undefined);
  const a = asTensor('expandDims', x);
  const at = checkAxis('expandDims', axis, a.rank + 1);
  return reshapeTo(a, guardShape('expandDims', [...a.shape.slice(0, at), 1, ...a.shape.slice(at)]));
}

/** Without the axes of length 1, or without those of them that are named; no axis named is all of them. */
export function squeeze(x: TensorLike, axis?: number | Lengths | null): Tensor {
  if (arguments.length > 2) {
    refuseSpread('squeeze', 'x, ', [...arguments].slice(1));
    refuseExtra('squeeze', arguments[2], undefined);
  }
  const a = asTensor('squeeze', x);
  const named = axis === undefined || axis === null ? [] : checkAxes('squeeze', axis, a.rank);
  for (const d of named) {
    if (a.shape[d] !== 1)
      throw new ShapeError(`squeeze: axis ${d} of shape ${showShape(a.shape)} has length ${a.shape[d]}, not 1`);
  }
  return reshapeTo(
    a,
    guardShape(
      'squeeze',
      a.shape.filter((length, d) => (named.length > 0 ? !named.includes(d) : length !== 1)),
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
export function broadcastTo(x: TensorLike, shape: number | Lengths): Tensor {
  if (arguments.length > 2) {
    refuseSpread('broadcastTo', 'x, ', [...arguments].slice(1));
    refuseExtra('broadcastTo', arguments[2], undefined);
  }
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
  if (x.size === 0) {
    const t = uniformTensor(empty, x.dtype, shape);
    t.origin = origin;
    return t;
  }
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
/** Axes to reduce over; null and undefined are all of them. */
export type Axis = number | Lengths | null;

const reduceOptions = { keepdims: boolean } as const;

/** @internal Axis and options of a reduction as they were given: options may take the axis' place. */
export function reduceArguments(
  op: string,
  axis: Axis | ReduceOptions | undefined,
  opts: ReduceOptions | undefined,
): [axis: unknown, keepdims: boolean] {
  const shifted = opts === undefined && isOptions(axis);
  const { keepdims = false } = options(op, reduceOptions, shifted ? axis : opts);
  return [shifted ? undefined : axis, keepdims];
}

/**
 * Sum over the given axes, or all. Float sums are pairwise; integers wrap around.
 * The options may stand in the place of the axis.
 */
export function reduceSum(x: TensorLike, axis?: Axis | ReduceOptions, opts?: ReduceOptions): Tensor {
  const a = asTensor('reduceSum', x);
  const [over, keepdims] = reduceArguments('reduceSum', axis, opts);
  if (arguments.length > 3) refuseBehind('reduceSum', arguments[3]);
  const axes = checkAxes('reduceSum', over, a.rank);
  if (a.dtype === 'uint8') return cast(sumOver(cast(a, 'int32'), axes, keepdims), 'uint8');
  if (a.dtype === 'bool') {
    throw new DTypeError(
      `reduceSum: expected dtype float32, float64, int32 or uint8, got bool; write cast(x, 'int32')`,
    );
  }
  return sumOver(a, axes, keepdims);
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
export function transpose(x: TensorLike, perm?: Lengths): Tensor {
  if (arguments.length > 2) {
    refuseSpread('transpose', 'x, ', [...arguments].slice(1));
    refuseExtra('transpose', arguments[2], undefined);
  }
  const a = asTensor('transpose', x);
  if (perm === undefined)
    return transposeBy(
      a,
      Array.from({ length: a.rank }, (_, i) => a.rank - 1 - i),
    );
  const list = listOf(perm);
  if (!list)
    throw new ShapeError(`transpose: perm must be a list of the ${a.rank} axes, got ${show(perm)}`, 'ERR_AXIS');
  const order = list.map((axis) => checkAxis('transpose', axis, a.rank));
  if (order.length !== a.rank || new Set(order).size !== a.rank) {
    throw new ShapeError(`transpose: perm ${showShape(order)} is not an order of the ${a.rank} axes`);
  }
  return transposeBy(a, order);
}

// ---- dtype, identity and constants like ----

const roundingCastOp: RecordedOp = withoutGradient('cast');
const castOp: RecordedOp = { name: 'cast', vjps: [linear((ct, e) => cast(ct, e.attributes as DType))] };

/** Elements as another dtype. Gradients flow between float dtypes only. */
export function cast(x: TensorLike, dtype: DType): Tensor {
  if (arguments.length > 2) refuseExtra('cast', arguments[2], undefined);
  const a = asTensor('cast', x);
  checkDType('cast', dtype);
  if (a.dtype === dtype) return identity(a);
  const t = node('cast', kCast, dtype, a.shape, a);
  if (isRecording()) record1(isFloating(dtype) ? castOp : roundingCastOp, t, a, a.dtype);
  return done(t);
}

const identityOp: RecordedOp = { name: 'identity', vjps: [linear((ct) => ct)] };

/** The same value as a tensor of its own. */
export function identity(x: TensorLike): Tensor {
  if (arguments.length > 1) refuseExtra('identity', arguments[1], arguments[2]);
  const a = asTensor('identity', x);
  const t = aliasOf(a);
  t.origin = 'identity';
  if (isRecording()) record1(identityOp, t, a, null);
  return done(t);
}

/** The same value, a constant to every tape. */
export function stopGradient(x: TensorLike): Tensor {
  if (arguments.length > 1) refuseExtra('stopGradient', arguments[1], arguments[2]);
  const a = asTensor('stopGradient', x);
  const t = aliasOf(a);
  if (isRecording()) record1(stopOp, t, a, null);
  return t;
}

const stopOp: RecordedOp = withoutGradient('stopGradient');
const zerosOp: RecordedOp = withoutGradient('zerosLike');
const onesOp: RecordedOp = withoutGradient('onesLike');

export function zerosLike(x: TensorLike): Tensor {
  if (arguments.length > 1) refuseExtra('zerosLike', arguments[1], arguments[2]);
  return filledLike(zerosOp, x, 0);
}

export function onesLike(x: TensorLike): Tensor {
  if (arguments.length > 1) refuseExtra('onesLike', arguments[1], arguments[2]);
  return filledLike(onesOp, x, 1);
}

function filledLike(op: RecordedOp, x: TensorLike, value: number): Tensor {
  const a = asTensor(op.name, x);
  const t = uniformTensor(value, a.dtype, a.shape);
  if (isRecording()) record1(op, t, a, null);
  return t;
}

/** @internal The zero cotangent of an operand that has one. */
export function zeroOf(e: Entry, operand: number): Cotangent {
  return uniformTensor(0, e.outDType, e.shape(operand));
}

/** @internal t, with a gradient of zeros with respect to x: connected, as TensorFlow's is, at every order. */
export function connect(t: Tensor, x: Tensor): Tensor {
  return isOnTape(x) ? composed(connectOp, [t, x], null, () => identity(t)) : t;
}
const connectOp: RecordedOp = {
  name: 'connect',
  vjps: [linear((ct) => ct), fromY((_, x, e) => connect(zeroOf(e, 1) as Tensor, x))],
};

/** @internal x, whose derivative stays connected to it. */
export function linked(x: Tensor): Tensor {
  return isOnTape(x) ? composed(linkedOp, [x], null, () => identity(x)) : x;
}
const linkedOp: RecordedOp = { name: 'linked', vjps: [fromX((ct, x) => connect(ct, x))] };

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
