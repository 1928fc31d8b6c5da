/** Losses of margins: yTrue is -1 or 1 (or 0 or 1), yPred a score. */
import type { Tensor } from '../../engine/tensor.js';
import type { TensorLike } from '../../op/variable.js';
import {
  equal,
  logicalOr,
  maximum,
  mul,
  reduceAll,
  reduceMax,
  reduceMean,
  reduceSum,
  square,
  sub,
  where,
} from '../../ops/index.js';
import { type LossOptions, lossOf, lossSpec } from './loss.js';

/** max(1 - yTrue * yPred, 0). Truth that is 0 and 1 alone stands for -1 and 1, as in Keras. */
function margins(t: Tensor, p: Tensor): Tensor {
  const binary = reduceAll(logicalOr(equal(t, 0), equal(t, 1)));
  return maximum(sub(1, mul(where(binary, sub(mul(t, 2), 1), t), p)), 0);
}

/**
 * The mean of max(1 - yTrue * yPred, 0) over the last axis; the operands broadcast.
 * @throws ShapeError, DTypeError for operands that do not fit each other; ValueError ERR_OPTION for an option
 */
export function hinge(yTrue: TensorLike, yPred: TensorLike, opts?: LossOptions): Tensor {
  return lossOf('hinge', lossSpec, yTrue, yPred, opts, (t, p) => reduceMean(margins(t, p), -1));
}

/**
 * The mean of max(1 - yTrue * yPred, 0)^2 over the last axis; the operands broadcast.
 * @throws as hinge
 */
export function squaredHinge(yTrue: TensorLike, yPred: TensorLike, opts?: LossOptions): Tensor {
  return lossOf('squaredHinge', lossSpec, yTrue, yPred, opts, (t, p) => reduceMean(square(margins(t, p)), -1));
}

/**
 * max(1 + (the largest score of a wrong class) - (the score of the right one), 0) along the last axis; yTrue is one
 * hot.
 * @throws as hinge
 */
export function categoricalHinge(yTrue: TensorLike, yPred: TensorLike, opts?: LossOptions): Tensor {
  return lossOf('categoricalHinge', lossSpec, yTrue, yPred, opts, (t, p) => {
    const right = reduceSum(mul(t, p), -1);
    const wrong = reduceMax(mul(sub(1, t), p), -1);
    return maximum(sub(wrong, sub(right, 1)), 0);
  });
}
