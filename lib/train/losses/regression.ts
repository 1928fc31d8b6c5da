/** Losses of numbers. Each is a mean over the last axis; truth and predictions broadcast. */
import { axisKind, number } from '../../base/arguments.js';
import type { Tensor } from '../../engine/tensor.js';
import type { TensorLike } from '../../op/variable.js';
import {
  abs,
  add,
  div,
  lessEqual,
  log,
  log1p,
  maximum,
  mul,
  neg,
  reduceMean,
  reduceSum,
  softplus,
  square,
  sub,
  where,
} from '../../ops/index.js';
import { l2Normalize } from '../../ops/nn/index.js';
import { kEpsilon, type LossOptions, lossOf, lossSpec } from './loss.js';

/** The mean over the last axis of a function of the elements. */
function meanOf(
  name: string,
  yTrue: TensorLike,
  yPred: TensorLike,
  opts: LossOptions | undefined,
  each: (t: Tensor, p: Tensor) => Tensor,
): Tensor {
  return lossOf(name, lossSpec, yTrue, yPred, opts, (t, p) => reduceMean(each(t, p), -1));
}

/**
 * The mean of (yTrue - yPred)^2 over the last axis; the operands broadcast.
 * @throws ShapeError, DTypeError for operands that do not fit each other; ValueError ERR_OPTION for an option
 */
export function meanSquaredError(yTrue: TensorLike, yPred: TensorLike, opts?: LossOptions): Tensor {
  return meanOf('meanSquaredError', yTrue, yPred, opts, (t, p) => square(sub(t, p)));
}

/**
 * The mean of |yTrue - yPred| over the last axis; the operands broadcast.
 * @throws as meanSquaredError
 */
export function meanAbsoluteError(yTrue: TensorLike, yPred: TensorLike, opts?: LossOptions): Tensor {
  return meanOf('meanAbsoluteError', yTrue, yPred, opts, (t, p) => abs(sub(t, p)));
}

/**
 * 100 times the mean of |yTrue - yPred| / |yTrue| over the last axis; the divisor is at least 1e-7.
 * @throws as meanSquaredError
 */
export function meanAbsolutePercentageError(yTrue: TensorLike, yPred: TensorLike, opts?: LossOptions): Tensor {
  return lossOf('meanAbsolutePercentageError', lossSpec, yTrue, yPred, opts, (t, p) =>
    mul(reduceMean(abs(div(sub(t, p), maximum(abs(t), kEpsilon))), -1), 100),
  );
}

/**
 * The mean of (log(1 + yTrue) - log(1 + yPred))^2 over the last axis; both are taken as at least 1e-7.
 * @throws as meanSquaredError
 */
export function meanSquaredLogarithmicError(yTrue: TensorLike, yPred: TensorLike, opts?: LossOptions): Tensor {
  const logarithm = (x: Tensor): Tensor => log1p(maximum(x, kEpsilon));
  return meanOf('meanSquaredLogarithmicError', yTrue, yPred, opts, (t, p) => square(sub(logarithm(p), logarithm(t))));
}

/** The options of `huber`. */
export interface HuberOptions extends LossOptions {
  /** The error from which the loss is linear. Default 1. */
  delta?: number;
}
const huberSpec = { ...lossSpec, delta: number('a finite number >= 0', 0, Number.MAX_VALUE) } as const;

/**
 * The mean over the last axis of e^2 / 2 where e = |yTrue - yPred| <= delta, and of delta (e - delta / 2) beyond (Huber
 * 1964).
 * @throws as meanSquaredError
 */
export function huber(yTrue: TensorLike, yPred: TensorLike, opts?: HuberOptions): Tensor {
  return lossOf('huber', huberSpec, yTrue, yPred, opts, (t, p, { delta = 1 }) => {
    const error = sub(p, t);
    const size = abs(error);
    const far = sub(mul(size, delta), (delta * delta) / 2);
    return reduceMean(where(lessEqual(size, delta), mul(square(error), 0.5), far), -1);
  });
}

/**
 * The mean of log(cosh(yPred - yTrue)) over the last axis, computed so that it does not overflow.
 * @throws as meanSquaredError
 */
export function logCosh(yTrue: TensorLike, yPred: TensorLike, opts?: LossOptions): Tensor {
  return meanOf('logCosh', yTrue, yPred, opts, (t, p) => {
    const e = sub(p, t);
    return sub(add(e, softplus(mul(e, -2))), Math.LN2);
  });
}

/**
 * The mean of yPred - yTrue * log(yPred + 1e-7) over the last axis: the negative log likelihood of counts yTrue under a
 * Poisson distribution with mean yPred, without its constant.
 * @throws as meanSquaredError
 */
export function poisson(yTrue: TensorLike, yPred: TensorLike, opts?: LossOptions): Tensor {
  return meanOf('poisson', yTrue, yPred, opts, (t, p) => sub(p, mul(t, log(add(p, kEpsilon)))));
}

/** The options of `cosineSimilarity`. */
export interface CosineSimilarityOptions extends LossOptions {
  /** The axis along which a vector lies. Default: the last. */
  axis?: number;
}
// The sum of squares counts as at least this.
const unit = (x: Tensor, axis: number): Tensor => l2Normalize(x, axis, { epsilon: 1e-24 });
const cosineSpec = { ...lossSpec, axis: axisKind } as const;

/**
 * Minus the cosine of the angle between yTrue and yPred along an axis: -1 where they point the same way, 0 where one is
 * zero.
 * @throws as meanSquaredError
 */
export function cosineSimilarity(yTrue: TensorLike, yPred: TensorLike, opts?: CosineSimilarityOptions): Tensor {
  return lossOf('cosineSimilarity', cosineSpec, yTrue, yPred, opts, (t, p, { axis = -1 }) =>
    neg(reduceSum(mul(unit(t, axis), unit(p, axis)), axis)),
  );
}
