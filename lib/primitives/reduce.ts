/**
 * Reductions: extremes, means, products, the logarithm of a sum of exponentials, positions of extremes. (The sum is in
 * movement.ts: it is linear.)
 */
import type { DType } from '../base/dtype.js';
import { highestOf, isFloating, lowestOf } from '../base/dtype.js';
import { shapeOf, sizeOf } from '../base/shape.js';
import { type Tensor, uniformTensor } from '../engine/tensor.js';
import { apply1, applyComposed } from '../op/apply.js';
import { type BatchedCall, Op } from '../op/op.js';
import { fromX, fromXOut } from '../op/rules.js';
import type { Entry } from '../record/entry.js';
import { unheard } from '../record/stack.js';
import { add, div, mul, sub } from './arithmetic.js';
import { concatAlong, reverseAlong, sliceBox } from './box.js';
import { equal } from './compare.js';
import { exp, isFinite as finite, log, sqrt } from './math.js';
import {
  batchedReduction,
  castTo,
  connect,
  identityOf,
  keptShape,
  type Reduction,
  reducedShape,
  reduceOver,
  reducesExamples,
  reductionWords,
  reshapeTo,
  sumOver,
  transposeBy,
} from './movement.js';
import { select } from './select.js';

const reductionParts = { words: reductionWords, batch: batchedReduction, byExample: reducesExamples } as const;

/** The cotangent of a value of x that was picked over the axes: all elements that equal it share it equally. */
export function sharedAmongEquals(ct: Tensor, x: Tensor, picked: Tensor, axes: readonly number[]): Tensor {
  const attains = castTo(equal(x, picked), x.dtype);
  return mul(div(attains, sumOver(attains, axes, true)), ct);
}

/** The gradient rule of an extreme. */
function shareExtreme(ct: Tensor, x: Tensor, out: Tensor, e: Entry<Reduction>): Tensor {
  const kept = keptShape(e);
  return sharedAmongEquals(reshapeTo(ct, kept), x, reshapeTo(out, kept), e.attributes.axes);
}

const extreme = fromXOut(shareExtreme);
const maxOp = new Op<Reduction>('reduceMax', { kernel: 'reduceMax', ...reductionParts, vjps: [extreme] });
const minOp = new Op<Reduction>('reduceMin', { kernel: 'reduceMin', ...reductionParts, vjps: [extreme] });
const anyOp = new Op<Reduction>('reduceAny', { kernel: 'reduceMax', ...reductionParts });
const allOp = new Op<Reduction>('reduceAll', { kernel: 'reduceMin', ...reductionParts });

/** A reduction over ascending axes; over none it is the identity. */
export type Reducer = (x: Tensor, axes: readonly number[], keepdims: boolean) => Tensor;

/** `empty`: the result of no elements. */
function reducer(op: Op<Reduction>, empty: (dtype: DType) => number): Reducer {
  return (x, axes, keepdims) => (axes.length === 0 ? identityOf(x) : reduceOver(op, x, axes, keepdims, empty(x.dtype)));
}

/** The largest element; ties share the gradient. */
export const maxOver: Reducer = reducer(maxOp, (dtype) => lowestOf[dtype]);
/** The smallest element; ties share the gradient. */
export const minOver: Reducer = reducer(minOp, (dtype) => highestOf[dtype]);
/** Whether any element (bool) is true. */
export const anyOver: Reducer = reducer(anyOp, () => 0);
/** Whether all elements (bool) are true. */
export const allOver: Reducer = reducer(allOp, () => 1);

/** The mean; that of integers is rounded towards zero. */
export const meanOver: Reducer = (x, axes, keepdims) => {
  const count = sizeOf(axes.map((d) => x.shape[d] as number));
  if (isFloating(x.dtype)) return div(sumOver(x, axes, keepdims), count);
  // In float64, because the sum may exceed int32.
  return castTo(div(sumOver(castTo(x, 'float64'), axes, keepdims), count), x.dtype);
};

/**
 * The product of all elements before each one along the last axis, in log(n) steps of doubling. Without division, so
 * zeros do no harm.
 */
function othersBefore(a: Tensor): Tensor {
  const n = a.shape[a.rank - 1] as number;
  const head = a.shape.slice(0, -1);
  const shifted = (t: Tensor, by: number): Tensor => {
    const front = uniformTensor(1, t.dtype, shapeOf([...head, Math.min(by, n)]));
    if (by >= n) return front;
    const begin = t.shape.map(() => 0);
    const strides = t.shape.map(() => 1);
    return concatAlong([front, sliceBox(t, shapeOf([...head, n - by]), { begin, strides })], t.rank - 1);
  };
  let t = shifted(a, 1);
  for (let by = 1; by < n; by *= 2) t = mul(t, shifted(t, by));
  return t;
}

/**
 * The gradient rule of a product: each element's derivative is the product of all others. The reduced axes are made the
 * last one for that.
 */
function productOfOthers(ct: Tensor, x: Tensor, e: Entry<Reduction>): Tensor {
  const { axes } = e.attributes;
  const rest = x.shape.map((_, d) => d).filter((d) => !axes.includes(d));
  const perm = [...rest, ...axes];
  const moved = transposeBy(x, perm);
  const count = sizeOf(axes.map((d) => x.shape[d] as number));
  const flat = reshapeTo(moved, shapeOf([...rest.map((d) => x.shape[d] as number), count]));
  const last = flat.rank - 1;
  const before = othersBefore(flat);
  const after = count === 0 ? before : reverseAlong(othersBefore(reverseAlong(flat, last)), last);
  // With one element, or none, the product of the others is the constant 1; connected to x, so that the next order is zeros
  // instead of null.
  const product = mul(before, after);
  const others = reshapeTo(count <= 1 ? connect(product, flat) : product, moved.shape);
  const inverse = perm.map((_, d) => perm.indexOf(d));
  return mul(transposeBy(others, inverse), reshapeTo(ct, keptShape(e)));
}

const prodOp = new Op<Reduction>('reduceProd', {
  kernel: 'reduceProd',
  ...reductionParts,
  vjps: [fromX(productOfOthers)],
});

/** The product; integers wrap around. */
export const prodOver: Reducer = reducer(prodOp, () => 1);

/** Attributes: the axes. */
const logSumExpOp = new Op<readonly number[]>('reduceLogsumexp', {
  vjps: [
    // softmax(x), from x alone: exp(x - out) would be off by the rounding of out, which is large where x is.
    fromX((ct, x, e) => {
      const axes = e.attributes;
      const t = exp(
        sub(
          x,
          unheard(() => largestFinite(x, axes)),
        ),
      );
      return mul(div(t, sumOver(t, axes, true)), reshapeTo(ct, reducedShape(x.shape, axes, true)));
    }),
  ],
  batch: ({ operands, attributes, shape }) => {
    const x = operands[0] as Tensor;
    const axes = attributes.map((d) => d + 1);
    return logSumExpOver(x, axes, shape.length === x.rank - 1);
  },
});
const logSumExpRowsOp = new Op('reduceLogsumexp', { kernel: 'logSumExp' });

/**
 * The maximum along the axes, or 0 where that is infinite or NaN: subtracted before exp, so that it does not overflow.
 */
function largestFinite(x: Tensor, axes: readonly number[]): Tensor {
  const top = maxOver(x, axes, true);
  return select(finite(top), top, 0);
}

/** log(sum(exp(x))), without overflow. */
export const logSumExpOver: Reducer = (x, axes, keepdims) => {
  const shape = reducedShape(x.shape, axes, keepdims);
  return applyComposed(logSumExpOp, [x], axes, () => {
    const count = sizeOf(axes.map((d) => x.shape[d] as number));
    if (axes.length > 0 && axes[0] === x.rank - axes.length && x.size > 0) {
      const rows = reshapeTo(x, shapeOf([x.size / count, count]));
      return reshapeTo(apply1(logSumExpRowsOp, rows, x.dtype, shapeOf([x.size / count]), null), shape);
    }
    const shift = largestFinite(x, axes);
    const t = add(log(sumOver(exp(sub(x, shift)), axes, true)), shift);
    return reshapeTo(t, shape);
  });
};

/** sqrt with gradient 0 at 0. */
export function safeSqrt(t: Tensor): Tensor {
  const zero = equal(t, 0);
  return select(zero, 0, sqrt(select(zero, 1, t)));
}

/** The square root of the sum of the squares over the axes. */
export function normOver(x: Tensor, axes: readonly number[], keepdims: boolean): Tensor {
  // mul(x, x) instead of square(x): the derivative 2 x of that could overflow where the norm does not.
  return safeSqrt(sumOver(mul(x, x), axes, keepdims));
}

// ---- positions of extremes ----

const positionParts = {
  words: (axis: number) => [axis],
  batch: ({ op, operands, attributes, count, shape }: BatchedCall<number>) =>
    apply1(op, operands[0] as Tensor, 'int32', shapeOf([count, ...shape]), attributes + 1),
} as const;
/** Attributes: the axis. */
export const argmaxOp: Op<number> = new Op('argmax', { kernel: 'argmax', ...positionParts });
export const argminOp: Op<number> = new Op('argmin', { kernel: 'argmin', ...positionParts });

/**
 * The position (int32) of an extreme along an axis that is not empty; the first of equals. `op`: argmaxOp or argminOp.
 */
export function positionOf(op: Op<number>, x: Tensor, axis: number): Tensor {
  return apply1(op, x, 'int32', shapeOf(x.shape.filter((_, d) => d !== axis)), axis);
}
