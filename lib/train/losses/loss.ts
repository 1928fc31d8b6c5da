/** What the losses share: how they read truth and predictions, and how they weigh and reduce. */
import { anything, type Kind, oneOf, options, type Read, type Spec } from '../../base/arguments.js';
import { isFloating } from '../../base/dtype.js';
import { DTypeError, ShapeError } from '../../base/errors.js';
import { broadcastShapes, broadcastsTo, showShape } from '../../base/shape.js';
import type { Tensor } from '../../engine/tensor.js';
import { asTensor, dtypeOf } from '../../op/operands.js';
import type { TensorLike } from '../../op/variable.js';
import {
  cast,
  div,
  divideNoNan,
  expandDims,
  maximum,
  mul,
  reduceMean,
  reduceSum,
  reshape,
  squeeze,
} from '../../ops/index.js';

/** Keras' epsilon: what divisors and arguments of logarithms are at least. */
export const kEpsilon: number = 1e-7;

/** The options that all losses have. */
export interface LossOptions {
  /**
   * The result: the loss of each example ('none', default), their sum, their mean, or their sum over the sum of the
   * weights ('meanWithSampleWeight'), each counted once, however many losses it is broadcast to (as in Keras).
   */
  reduction?: 'none' | 'sum' | 'mean' | 'meanWithSampleWeight';
  /** Factors of the losses of the examples; broadcast to them. Default: 1 each. */
  sampleWeight?: TensorLike;
}

export const lossSpec: {
  readonly reduction: Kind<'none' | 'sum' | 'mean' | 'meanWithSampleWeight'>;
  readonly sampleWeight: Kind<unknown>;
} = { reduction: oneOf(['none', 'sum', 'mean', 'meanWithSampleWeight']), sampleWeight: anything };

/** What `reduced` reads of the options. */
type Reducing = Read<typeof lossSpec>;

/**
 * The losses of examples, weighed and reduced. `counts`: which examples count, as numbers 0 and 1 of the losses' shape;
 * a mean is over these.
 */
export function reduced(op: string, losses: Tensor, { reduction, sampleWeight }: Reducing, counts?: Tensor): Tensor {
  const [values, given] = sampleWeight === undefined ? [losses] : weights(op, sampleWeight as TensorLike, losses);
  const weight = given && counts ? mul(given, reshape(counts, values.shape)) : (given ?? counts);
  const weighed = weight ? mul(values, weight) : values;
  if (reduction === 'sum') return reduceSum(weighed);
  if (reduction === 'mean') {
    return counts ? div(reduceSum(weighed), maximum(reduceSum(counts), 1)) : reduceMean(weighed);
  }
  if (reduction !== 'meanWithSampleWeight') return weighed;
  return weight ? divideNoNan(reduceSum(weighed), reduceSum(weight)) : reduceMean(weighed);
}

/** The losses and weights for them, of one rank. */
function weights(op: string, sampleWeight: TensorLike, losses: Tensor): [losses: Tensor, weight: Tensor] {
  const given = asTensor(op, sampleWeight, losses.dtype, 'sampleWeight');
  const [values, weight] = sameRank(losses, given.dtype === losses.dtype ? given : cast(given, losses.dtype));
  if (broadcastsTo(weight.shape, values.shape)) return [values, weight];
  throw new ShapeError(
    `${op}: sampleWeight ${showShape(given.shape)} does not broadcast to the losses ${showShape(losses.shape)}`,
  );
}

/** The predictions, of a floating dtype. The error names the order of arguments, for users who swapped them. */
export function predictions(op: string, yTrue: TensorLike, yPred: TensorLike, truth = ''): Tensor {
  const like = dtypeOf(yTrue);
  const p = asTensor(op, yPred, like && isFloating(like) ? like : undefined, 'yPred');
  if (isFloating(p.dtype)) return p;
  throw new DTypeError(
    `${op}: yPred must be float32 or float64, got ${p.dtype}; yTrue${truth} comes first, then yPred`,
  );
}

/** The truth, in the dtype of the predictions: integers and bools are cast to that, as in Keras. */
export function truthBeside(op: string, yTrue: TensorLike, p: Tensor): Tensor {
  const t = asTensor(op, yTrue, p.dtype, 'yTrue');
  if (t.dtype === p.dtype) return t;
  if (!isFloating(t.dtype)) return cast(t, p.dtype);
  throw new DTypeError(`${op}: yTrue has dtype ${t.dtype}, yPred ${p.dtype}; write cast(yTrue, '${p.dtype}')`);
}

/**
 * Truth and predictions of one rank, as in Keras: where only one has a last axis of length 1, a vector gets one too;
 * else that axis is dropped.
 */
export function sameRank(t: Tensor, p: Tensor): [Tensor, Tensor] {
  const fit = (long: Tensor, short: Tensor): [Tensor, Tensor] => {
    if (long.rank !== short.rank + 1 || long.shape[long.rank - 1] !== 1) return [long, short];
    return short.rank === 1 ? [long, expandDims(short, -1)] : [squeeze(long, -1), short];
  };
  if (t.rank >= p.rank) return fit(t, p);
  const [long, short] = fit(p, t);
  return [short, long];
}

/** Truth and predictions that broadcast to a shape with at least one axis. */
export function lossOperands(op: string, yTrue: TensorLike, yPred: TensorLike): [truth: Tensor, predictions: Tensor] {
  const given = predictions(op, yTrue, yPred);
  const [t, p] = sameRank(truthBeside(op, yTrue, given), given);
  if (broadcastShapes(op, t.shape, p.shape).length > 0) return [t, p];
  throw new ShapeError(`${op}: expected at least one axis, along which an example lies, got scalars`);
}

/** A loss of truth and predictions that broadcast. `of`: the losses of the examples. */
export function lossOf<S extends Spec & typeof lossSpec>(
  name: string,
  spec: S,
  yTrue: TensorLike,
  yPred: TensorLike,
  opts: unknown,
  of: (t: Tensor, p: Tensor, opts: Read<S>) => Tensor,
): Tensor {
  const op = `losses.${name}`;
  const read = options(op, spec, opts);
  const [t, p] = lossOperands(op, yTrue, yPred);
  return reduced(op, of(t, p, read), read);
}
