/**
 * Movement: linear maps that move, copy, cast or add up elements; each stands beside its transpose, which is its
 * gradient.
 */

import type { DType } from '../base/dtype.js';
import { accumulatorOf, isFloating } from '../base/dtype.js';
import type { Shape } from '../base/shape.js';
import { sameShape, scalarShape, shapeOf } from '../base/shape.js';
import { aliasOf, type Tensor, uniformTensor } from '../engine/tensor.js';
import { applied1, apply1, applyComposed } from '../op/apply.js';
import { type BatchedCall, Op } from '../op/op.js';
import { fromX, fromY, linear } from '../op/rules.js';
import type { Cotangent, Entry } from '../record/entry.js';
import { isOnTape, isRecording } from '../record/stack.js';

/** For batch rules of one operand: the operand, and the shape of the result with the batch axis. */
function batchedOne<A>({ operands, count, shape }: BatchedCall<A>): [Tensor, Shape] {
  return [operands[0] as Tensor, shapeOf([count, ...shape])];
}

// ---- reshape ----

const reshapeOp = new Op('reshape', {
  kernel: 'reshape',
  vjps: [linear((ct, e) => reshapeTo(ct, e.shape(0)))],
  forward: 'linear',
  byExample: () => true,
  batch: (call) => reshapeTo(...batchedOne(call)),
});

/** reshape: the same elements in another shape of the same size. */
export function reshapeTo(x: Tensor, shape: Shape): Tensor {
  if (x.uniform !== undefined && !isRecording()) return uniformTensor(x.uniform, x.dtype, shape);
  return apply1(reshapeOp, x, x.dtype, shape, null);
}

// ---- broadcast and its transpose, the sum ----

const broadcastOp = new Op('broadcastTo', {
  kernel: 'broadcast',
  vjps: [linear((ct, e) => sumTo(ct, e.shape(0)))],
  forward: 'linear',
  byExample: (e) => e.shape(0).length === e.outShape.length,
  batch: (call) => {
    const [x, shape] = batchedOne(call);
    return broadcast(raiseRank(x, shape.length - 1), shape);
  },
});

/** broadcastTo: the tensor repeated to a shape that it broadcasts to. */
export function broadcast(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  if (x.uniform !== undefined && !isRecording()) return uniformTensor(x.uniform, x.dtype, shape);
  return apply1(broadcastOp, x, x.dtype, shape, null);
}

/**
 * A batched operand with axes of length 1 put in behind its batch axis, until `rank` axes follow that. So its own axes
 * stay aligned at the end when it broadcasts with results of that rank.
 */
export function raiseRank(x: Tensor, rank: number): Tensor {
  const missing = rank - (x.rank - 1);
  if (missing <= 0) return x;
  const [count, ...rest] = x.shape as [number, ...number[]];
  return reshapeTo(x, shapeOf([count, ...new Array<number>(missing).fill(1), ...rest]));
}

/** The attributes of a reduction. */
export interface Reduction {
  /** Ascending. */
  readonly axes: readonly number[];
  /** What it gives of no elements. */
  readonly empty: number;
  /**
   * The kernel's words: the products of the lengths before, in and behind the axes. None if the axes are no neighbours:
   * then several kernels run.
   */
  readonly words: readonly number[];
}

/** The shape that a reduction over `axes` leaves. */
export function reducedShape(shape: Shape, axes: readonly number[], keepdims: boolean): Shape {
  if (axes.length === shape.length && !keepdims) return scalarShape;
  const lengths: number[] = [];
  for (let d = 0; d < shape.length; d++) {
    if (!axes.includes(d)) lengths.push(shape[d] as number);
    else if (keepdims) lengths.push(1);
  }
  return shapeOf(lengths);
}

/** The shape of the operand of an entry, with length 1 for the reduced axes. */
export function keptShape(e: Entry<Reduction>): Shape {
  return reducedShape(e.shape(0), e.attributes.axes, true);
}

/**
 * A reduction over one axis or more. Each group of neighbouring axes is reduced by one kernel, the last group first.
 * `empty`: the result of no elements.
 */
export function reduceOver(
  op: Op<Reduction>,
  x: Tensor,
  axes: readonly number[],
  keepdims: boolean,
  empty: number,
): Tensor {
  const shape = reducedShape(x.shape, axes, keepdims);
  if (x.size === 0) return applied1(op, uniformTensor(empty, x.dtype, shape), x, { axes, empty, words: none });
  const first = axes[0] as number;
  const last = axes[axes.length - 1] as number;
  if (last - first === axes.length - 1) return reduceNeighbours(op, x, axes, shape, empty);
  return applyComposed(op, [x], { axes, empty, words: none }, () => {
    let t = x;
    let rest = axes;
    while (rest.length > 0) {
      let start = rest.length - 1;
      while (start > 0 && rest[start - 1] === (rest[start] as number) - 1) start--;
      const neighbours = rest.slice(start);
      rest = rest.slice(0, start);
      t = reduceNeighbours(
        op,
        t,
        neighbours,
        rest.length === 0 ? shape : reducedShape(t.shape, neighbours, false),
        empty,
      );
    }
    return t;
  });
}

const none: readonly number[] = [];

function reduceNeighbours(op: Op<Reduction>, x: Tensor, axes: readonly number[], shape: Shape, empty: number): Tensor {
  const first = axes[0] as number;
  const end = first + axes.length;
  let outer = 1;
  let length = 1;
  let inner = 1;
  for (let d = 0; d < x.rank; d++) {
    const n = x.shape[d] as number;
    if (d < first) outer *= n;
    else if (d < end) length *= n;
    else inner *= n;
  }
  return apply1(op, x, x.dtype, shape, { axes, empty, words: [outer, length, inner] });
}

/** The words of a reduction. */
export const reductionWords = (a: Reduction): readonly number[] => a.words;

/** The operands of a call for a batch, all with the batch axis: one that is the same for all is repeated. */
export function repeatedOperands({
  operands,
  batched,
  count,
}: Pick<BatchedCall<unknown>, 'operands' | 'batched' | 'count'>): Tensor[] {
  return operands.map((t, k) => (batched[k] ? t : broadcast(t, shapeOf([count, ...t.shape]))));
}

/** The operands of a call for a batch, so that they broadcast: the axes of those with the batch axis are as many as the result's. */
export function raisedOperands({
  operands,
  batched,
  shape,
}: Pick<BatchedCall<unknown>, 'operands' | 'batched' | 'shape'>): Tensor[] {
  return operands.map((t, k) => (batched[k] ? raiseRank(t, shape.length) : t));
}

/** Of every reduction. */
export function reducesExamples({ attributes: { axes } }: Entry<Reduction>): boolean {
  return axes[0] !== 0;
}

/** The batch rule of every reduction. */
export function batchedReduction({ op, operands, shape, attributes }: BatchedCall<Reduction>): Tensor {
  const x = operands[0] as Tensor;
  const { axes, empty } = attributes;
  const keepdims = shape.length === x.rank - 1;
  return reduceOver(
    op,
    x,
    axes.map((d) => d + 1),
    keepdims,
    empty,
  );
}

const sumOp = new Op<Reduction>('reduceSum', {
  kernel: 'reduceSum',
  words: reductionWords,
  vjps: [linear((ct, e) => broadcast(reshapeTo(ct, keptShape(e)), e.shape(0)))],
  forward: ([t], e) => [t ? sumOver(t, e.attributes.axes, e.outShape.length === e.shape(0).length) : null],
  byExample: reducesExamples,
  batch: batchedReduction,
});

/** reduceSum over ascending axes; over none it is the identity. */
export function sumOver(x: Tensor, axes: readonly number[], keepdims: boolean): Tensor {
  return axes.length === 0 ? identityOf(x) : reduceOver(sumOp, x, axes, keepdims, 0);
}

/** The transpose of broadcasting: sums a cotangent over the axes along which an operand of `shape` was repeated. */
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

const transposeOp = new Op<readonly number[]>('transpose', {
  kernel: 'transpose',
  words: (perm) => perm,
  vjps: [
    linear((ct, e) => {
      const perm = e.attributes;
      const inverse = new Array<number>(perm.length);
      perm.forEach((axis, i) => {
        inverse[axis] = i;
      });
      return transposeBy(ct, inverse);
    }),
  ],
  forward: 'linear',
  byExample: ({ attributes: perm }) => perm[0] === 0,
  batch: ({ operands, attributes }) => transposeBy(operands[0] as Tensor, [0, ...attributes.map((axis) => axis + 1)]),
});

/** transpose: axis i of the result is axis perm[i]. */
export function transposeBy(x: Tensor, perm: readonly number[]): Tensor {
  if (perm.every((axis, i) => axis === i)) return identityOf(x);
  const shape = shapeOf(perm.map((axis) => x.shape[axis] as number));
  return apply1(transposeOp, x, x.dtype, shape, perm);
}

// ---- cast, identity and stopGradient ----

/** Attributes: the operand's dtype. */
const castOp = new Op<DType>('cast', {
  kernel: 'cast',
  vjps: [linear((ct, e) => castTo(ct, e.attributes))],
  forward: 'linear',
  byExample: () => true,
  batch: ({ operands, dtype }) => castTo(operands[0] as Tensor, dtype),
});
const roundingCastOp = new Op<DType>('cast', {
  kernel: 'cast',
  batch: ({ operands, dtype }) => castTo(operands[0] as Tensor, dtype),
});

/** cast: the elements as another dtype. Gradients flow between floating dtypes only. */
export function castTo(x: Tensor, dtype: DType): Tensor {
  if (x.dtype === dtype) return identityOf(x);
  return apply1(isFloating(dtype) ? castOp : roundingCastOp, x, dtype, x.shape, x.dtype);
}

/** f of x, computed in the accumulator dtype of x's dtype and cast back: integers wrap around. */
export function accumulated(x: Tensor, f: (x: Tensor) => Tensor): Tensor {
  const wide = accumulatorOf[x.dtype];
  return wide === x.dtype ? f(x) : castTo(f(castTo(x, wide)), x.dtype);
}

const identityOp = new Op('identity', {
  kernel: 'reshape',
  vjps: [linear((ct) => ct)],
  forward: 'elementwise',
  batch: ({ operands }) => identityOf(operands[0] as Tensor),
});

/** identity: another tensor with the same value. */
export function identityOf(x: Tensor): Tensor {
  return applied1(identityOp, aliasOf(x, identityOp), x, null);
}

/** A function that gives the value of a tensor as the result of an op of this name, through which no gradient flows. */
export function stopping(name: string): (x: Tensor) => Tensor {
  const op: Op = new Op(name, { kernel: 'reshape', batch: ({ operands }) => stop(operands[0] as Tensor) });
  const stop = (x: Tensor): Tensor => applied1(op, aliasOf(x, op), x, null);
  return stop;
}

/** stopGradient: another tensor with the same value, to which no gradient flows. */
export const stopGradientOf: (x: Tensor) => Tensor = stopping('stopGradient');

// ---- zeros that are connected ----

/** Zeros as the cotangent of an operand: its gradient is 0, but not null (connected). */
export function zeroOf(e: Entry, operand: number): Cotangent {
  return uniformTensor(0, e.outDType, e.shape(operand));
}

const connectOp: Op = new Op('connect', {
  vjps: [linear((ct) => ct), fromY((_, x, e) => connect(zeroOf(e, 1), x))],
  batch: (call) => connect(...(repeatedOperands(call) as [Tensor, Tensor])),
  forward: ([ofT], e) => [ofT ?? connect(uniformTensor(0, e.outDType, e.outShape), e.y as Tensor)],
});

/**
 * t, with a gradient of zeros with respect to x: connected at every order, as TensorFlow's is. For derivatives that do
 * not depend on x.
 */
export function connect(t: Tensor, x: Tensor): Tensor {
  return isOnTape(x) ? applyComposed(connectOp, [t, x], null, () => identityOf(t)) : t;
}

const linkedOp: Op = new Op('linked', {
  vjps: [fromX((ct, x) => connect(ct, x))],
  batch: ({ operands }) => linked(operands[0] as Tensor),
  forward: 'elementwise',
});

/**
 * x, of which the derivative stays connected to x: where x itself is a factor of a derivative, the next order is zeros
 * instead of null.
 */
export function linked(x: Tensor): Tensor {
  return isOnTape(x) ? applyComposed(linkedOp, [x], null, () => identityOf(x)) : x;
}
