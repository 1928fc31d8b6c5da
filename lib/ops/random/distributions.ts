/**
 * Random tensors, from counters (Philox): the same seed gives the same numbers on any machine, with any number of
 * threads.
 */
import { anything, argument, integer, type Kind, options, positional, refused } from '../../base/arguments.js';
import type { DType } from '../../base/dtype.js';
import { isFloating } from '../../base/dtype.js';
import { DTypeError, ShapeError } from '../../base/errors.js';
import { streamFor } from '../../base/random-stream.js';
import { checkShape, type Lengths, shapeOf, showShape, sizeOf } from '../../base/shape.js';
import { type Tensor, uniformTensor } from '../../engine/tensor.js';
import { asTensor } from '../../op/operands.js';
import type { TensorLike } from '../../op/variable.js';
import { add, neg, sub } from '../../primitives/arithmetic.js';
import { normalOf, truncatedNormalOf, uniformOf } from '../../primitives/distributions.js';
import { gatherRows, type Rows } from '../../primitives/gather.js';
import { log } from '../../primitives/math.js';
import { castTo, reshapeTo } from '../../primitives/movement.js';
import { draw, permutationOp, uniformOp } from '../../primitives/random.js';
import { argmaxOp, positionOf } from '../../primitives/reduce.js';

const seedKind = integer(0);
const seedOptions = { seed: seedKind } as const;

/** The options that all random ops have. */
export interface RandomOptions {
  /** float32 (default) or float64. */
  dtype?: DType;
  /** The seed of a stream for this call; without it the shared stream of setSeed goes on. */
  seed?: number;
}

const floatingKind: Kind<DType> = {
  expected: 'float32 or float64',
  code: 'ERR_DTYPE',
  read: (value) => (value === 'float32' || value === 'float64' ? value : refused),
};

/** The options of `uniform`. */
export interface UniformOptions extends RandomOptions {
  /** The lowest value, default 0. The result is differentiable with respect to it and to maxval. */
  minval?: TensorLike;
  /** The bound that all values are below, default 1; int32 needs one. */
  maxval?: TensorLike;
}

const uniformDType: Kind<DType> = {
  expected: 'float32, float64 or int32',
  code: 'ERR_DTYPE',
  read: (value) => (value === 'int32' ? value : floatingKind.read(value)),
};
const uniformOptions = { minval: anything, maxval: anything, dtype: uniformDType, seed: seedKind } as const;

/**
 * Numbers uniformly distributed in [minval, maxval), by default [0, 1); float32 (default), float64 or int32. The bounds
 * may come by position, as in TensorFlow: `uniform([2], 10, 20)`.
 * @throws ValueError ERR_OPTION for bounds that are no interval; ShapeError, DTypeError for those that do not fit the
 *   result
 */
export function uniform(
  shape: number | Lengths,
  minval?: TensorLike | UniformOptions,
  maxval?: TensorLike | UniformOptions,
  opts?: UniformOptions,
): Tensor {
  const op = 'random.uniform';
  const s = checkShape(op, shape);
  const read = positional(op, uniformOptions, ['minval', 'maxval'], [minval, maxval, opts]);
  return uniformOf(op, s, read);
}

/** The options of `normal` and `truncatedNormal`. */
export interface NormalOptions extends RandomOptions {
  /** Default 0. The result is differentiable with respect to it and to stddev. */
  mean?: TensorLike;
  /** Default 1. */
  stddev?: TensorLike;
}
const normalOptions = { mean: anything, stddev: anything, dtype: floatingKind, seed: seedKind } as const;
/**
 * Normally distributed numbers with the given mean (default 0) and standard deviation (default 1), which may come by
 * position.
 * @throws ValueError ERR_OPTION for a stddev below 0; ShapeError, DTypeError for parameters that do not fit the result
 */
export function normal(
  shape: number | Lengths,
  mean?: TensorLike | NormalOptions,
  stddev?: TensorLike | NormalOptions,
  opts?: NormalOptions,
): Tensor {
  const op = 'random.normal';
  const s = checkShape(op, shape);
  return normalOf(op, s, positional(op, normalOptions, ['mean', 'stddev'], [mean, stddev, opts]));
}

/** As `normal`, but numbers beyond two standard deviations are drawn again. */
export function truncatedNormal(
  shape: number | Lengths,
  mean?: TensorLike | NormalOptions,
  stddev?: TensorLike | NormalOptions,
  opts?: NormalOptions,
): Tensor {
  const op = 'random.truncatedNormal';
  const s = checkShape(op, shape);
  return truncatedNormalOf(op, s, positional(op, normalOptions, ['mean', 'stddev'], [mean, stddev, opts]));
}

/**
 * The rows of x (along axis 0) in random order; gradients flow to x.
 * @throws ShapeError for a scalar
 */
export function shuffle(x: TensorLike, opts?: { seed?: number }): Tensor {
  const op = 'random.shuffle';
  const { seed } = options(op, seedOptions, opts);
  const a = asTensor(op, x);
  if (a.rank === 0) throw new ShapeError(`${op}: a scalar has no rows to shuffle`);
  const order = draw(op, permutationOp, 'int32', shapeOf([a.shape[0] as number]), streamFor(seed));
  const [length = 0] = a.shape;
  const sizes: Rows['sizes'] = [1, 1, length, length, sizeOf(a.shape.slice(1))];
  return gatherRows(op, a, order, { sizes, sparse: true }, a.shape);
}

/**
 * Classes (int32), drawn by the Gumbel-max trick from unnormalised log-probabilities: logits [batch, classes] ->
 * [batch, numSamples].
 * @throws ShapeError for other logits, and for no classes to draw from
 */
export function categorical(logits: TensorLike, numSamples: number, opts?: { seed?: number }): Tensor {
  const op = 'random.categorical';
  const { seed } = options(op, seedOptions, opts);
  const l = asTensor(op, logits, undefined, 'logits');
  if (!isFloating(l.dtype)) {
    throw new DTypeError(`${op}: expected logits of dtype float32 or float64, got ${l.dtype}`);
  }
  if (l.rank !== 2) throw new ShapeError(`${op}: expected logits [batch, classes], got shape ${showShape(l.shape)}`);
  const [batch, classes] = l.shape as [number, number];
  const samples = argument(op, 'numSamples', integer(0, 2 ** 31 - 1), numSamples);
  if (classes === 0 && batch * samples > 0) {
    throw new ShapeError(`${op}: logits ${showShape(l.shape)} have no classes to draw from`);
  }
  const shape = checkShape(op, [batch, samples, classes]);
  const u = draw(op, uniformOp, 'float64', shape, streamFor(seed));
  if (sizeOf(shape) === 0) return uniformTensor(0, 'int32', shapeOf([batch, samples]));
  // -log(1 - u) is exponential and finite, since u < 1; where it is 0 the Gumbel value is +inf and wins, with
  // probability 2^-53.
  const gumbel = neg(log(neg(log(sub(1, u)))));
  return positionOf(argmaxOp, add(reshapeTo(castTo(l, 'float64'), shapeOf([batch, 1, classes])), gumbel), 2);
}
