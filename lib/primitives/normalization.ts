/**
 * Normalization: the mean and variance of elements, and elements scaled to given ones. What a tape keeps are operands of
 * these ops, no value of their size between.
 */
import { broadcastShapes, sameShape, sizeOf } from '../base/shape.js';
import type { Tensor } from '../engine/tensor.js';
import { applyComposed } from '../op/apply.js';
import { Op } from '../op/op.js';
import { fromOperands, fromX, fromXY } from '../op/rules.js';
import { div, mul, neg, squaredDifference, sub } from './arithmetic.js';
import { square } from './math.js';
import { raisedOperands, reshapeTo, sumOver, sumTo } from './movement.js';
import { meanOver } from './reduce.js';

/** Attributes: the axes, all of one element. */
const l2LossOp = new Op<readonly number[]>('nn.l2Loss', {
  vjps: [fromX((ct, x) => mul(ct, x))],
  batch: ({ operands, attributes }) =>
    halfSquares(
      operands[0] as Tensor,
      attributes.map((d) => d + 1),
    ),
});

function halfSquares(x: Tensor, axes: readonly number[]): Tensor {
  return div(sumOver(square(x), axes, false), 2);
}

/** sum(x^2) / 2. */
export function l2LossOf(x: Tensor): Tensor {
  const axes = x.shape.map((_, d) => d);
  return applyComposed(l2LossOp, [x], axes, () => halfSquares(x, axes));
}

/** Mean and variance over the same axes. */
export interface Moments {
  /** Their mean. */
  readonly mean: Tensor;
  /** The mean of their squared distances from the mean. */
  readonly variance: Tensor;
}

interface Averaged {
  readonly axes: readonly number[];
  readonly keepdims: boolean;
}

// The operands are x and its mean. Through the mean the variance does not change: its derivative is the sum of the
// deviations, which is 0, so the mean has no rule. But the rule of x has the mean in it, which is on the tape, so that
// higher derivatives are right.
const varianceOp = new Op<Averaged>('nn.moments', {
  vjps: [
    fromXY((ct, x, mean, { attributes: { axes } }) => {
      const count = sizeOf(axes.map((d) => x.shape[d] as number));
      return mul(reshapeTo(mul(ct, 2 / count), mean.shape), sub(x, mean));
    }),
    null,
  ],
  batch: ({ operands, attributes: { axes, keepdims } }) =>
    varianceOf(operands[0] as Tensor, operands[1] as Tensor, { axes: axes.map((d) => d + 1), keepdims }),
});

function varianceOf(x: Tensor, mean: Tensor, averaged: Averaged): Tensor {
  return applyComposed(varianceOp, [x, mean], averaged, () =>
    meanOver(squaredDifference(x, mean), averaged.axes, averaged.keepdims),
  );
}

/** The mean and the variance (the mean of the squared deviations from the mean) over ascending axes. */
export function momentsOver(x: Tensor, axes: readonly number[], keepdims: boolean): Moments {
  const mean = meanOver(x, axes, true);
  const variance = varianceOf(x, mean, { axes, keepdims });
  return { mean: keepdims ? mean : reshapeTo(mean, variance.shape), variance };
}

// Linear in x - mean, in inv and in scale. The operands x, mean, inv and scale broadcast; backward.ts sums over the axes
// along which they were repeated.
const scaledOp = new Op('normalize', {
  vjps: [
    fromOperands([2, 3], (ct, [inv, scale]) => mul(mul(ct, scale as Tensor), inv as Tensor)),
    // A cotangent is summed before it is multiplied by inv, which often has one number for each mean. A tangent, which has
    // the mean's shape, is not summed.
    fromOperands([2, 3], (ct, [inv, scale], e) => {
      const scaled = mul(ct, scale as Tensor);
      const shape = broadcastShapes('normalize', e.shape(1), (inv as Tensor).shape);
      return neg(mul(sameShape(ct.shape, e.outShape) ? sumTo(scaled, shape) : scaled, inv as Tensor));
    }),
    fromOperands([0, 1, 3], (ct, [x, mean, scale]) => mul(mul(ct, scale as Tensor), sub(x as Tensor, mean as Tensor))),
    fromOperands([0, 1, 2], (ct, [x, mean, inv]) => mul(ct, mul(sub(x as Tensor, mean as Tensor), inv as Tensor))),
  ],
  forward: 'elementwise',
  batch: (call) => scaledBy(...(raisedOperands(call) as [Tensor, Tensor, Tensor, Tensor])),
});

/** (x - mean) inv scale. */
export function scaledBy(x: Tensor, mean: Tensor, inv: Tensor, scale: Tensor): Tensor {
  return applyComposed(scaledOp, [x, mean, inv, scale], null, () => mul(mul(sub(x, mean), inv), scale));
}
