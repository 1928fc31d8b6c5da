/** What metrics are given: truth, predictions and weights, as users pass them. */
import { anything, type Kind } from '../../base/arguments.js';
import { isFloating } from '../../base/dtype.js';
import { DTypeError, ShapeError } from '../../base/errors.js';
import { broadcastsTo, showShape } from '../../base/shape.js';
import type { Tensor } from '../../engine/tensor.js';
import { asTensor, dtypeOf } from '../../op/operands.js';
import type { TensorLike } from '../../op/variable.js';
import { broadcastTo, expandDims } from '../../ops/index.js';
import { sameRank } from '../losses/loss.js';
import { as } from './metric.js';

/** Options of a metric's `update`. */
export interface UpdateOptions {
  /** Factors of the examples, or of their elements. Default: 1 each. Those of weight 0 do not count. */
  sampleWeight?: TensorLike;
}
export const updateSpec: { readonly sampleWeight: Kind<TensorLike> } = { sampleWeight: anything as Kind<TensorLike> };

export type FloatDType = 'float32' | 'float64';

/** A tensor as floats: of float64 if it, or the metric's result, is. */
export function floats(op: string, value: TensorLike, dtype: FloatDType, name: string): Tensor {
  const t = asTensor(op, value, dtype, name);
  return as(t, t.dtype === 'float64' ? 'float64' : dtype);
}

/**
 * Truth and predictions, of one dtype: float64 if one of them, or the metric's result, is, else float32. Whole numbers
 * and bools become floats.
 * @throws DTypeError for float32 beside float64
 */
export function truthAndPredictions(
  op: string,
  yTrue: TensorLike,
  yPred: TensorLike,
  dtype: FloatDType,
): [truth: Tensor, predictions: Tensor] {
  const beside = (x: TensorLike): FloatDType => {
    const like = dtypeOf(x);
    return like !== undefined && isFloating(like) ? (like as FloatDType) : dtype;
  };
  const t = asTensor(op, yTrue, beside(yPred), 'yTrue');
  const p = asTensor(op, yPred, beside(yTrue), 'yPred');
  if (isFloating(t.dtype) && isFloating(p.dtype) && t.dtype !== p.dtype) {
    throw new DTypeError(`${op}: yTrue has dtype ${t.dtype}, yPred ${p.dtype}; write cast(yTrue, '${p.dtype}')`);
  }
  const wide = [t.dtype, p.dtype, dtype].includes('float64') ? 'float64' : 'float32';
  return [as(t, wide), as(p, wide)];
}

/**
 * The same, of one rank: where only one has a last axis of length 1, a vector gets one too, else that axis is dropped.
 * The truth broadcasts to the predictions.
 */
export function alike(
  op: string,
  yTrue: TensorLike,
  yPred: TensorLike,
  dtype: FloatDType,
): [truth: Tensor, predictions: Tensor] {
  const [t, p] = sameRank(...truthAndPredictions(op, yTrue, yPred, dtype));
  if (broadcastsTo(t.shape, p.shape)) return [t, p];
  throw new ShapeError(`${op}: yTrue ${showShape(t.shape)} does not fit yPred ${showShape(p.shape)}`);
}

/** Weights of float64, one for each element of `like`. Those of one axis less than that weigh its first axes. */
export function weightsOf(op: string, sampleWeight: TensorLike, like: Tensor): Tensor {
  const given = floats(op, sampleWeight, 'float64', 'sampleWeight');
  const w = given.rank > 0 && given.rank === like.rank - 1 ? expandDims(given, -1) : given;
  if (broadcastsTo(w.shape, like.shape)) return broadcastTo(w, like.shape);
  throw new ShapeError(
    `${op}: sampleWeight ${showShape(given.shape)} does not broadcast to yPred ${showShape(like.shape)}`,
  );
}
