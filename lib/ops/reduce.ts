/** Reductions: the checks around primitives/reduce.ts; and mean, variance and standard deviation. */
import { isOptions, options, refuseBehind, refuseExtra } from '../base/arguments.js';
import type { DTypeKind } from '../base/dtype.js';
import { isFloating, kindOf } from '../base/dtype.js';
import { inTheNameOf, named, ShapeError } from '../base/errors.js';
import { checkAxes, checkAxis, showShape } from '../base/shape.js';
import type { Tensor } from '../engine/tensor.js';
import { type Axis, type ReduceOptions, reduceArguments } from '../op/axes.js';
import type { Op } from '../op/op.js';
import { asTensor, ofKind } from '../op/operands.js';
import type { TensorLike } from '../op/variable.js';
import { sub } from '../primitives/arithmetic.js';
import { sqrt, square } from '../primitives/math.js';
import { accumulated, castTo, identityOf, linked, sumOver } from '../primitives/movement.js';
import {
  allOver,
  anyOver,
  argmaxOp,
  argminOp,
  logSumExpOver,
  maxOver,
  meanOver,
  minOver,
  normOver,
  positionOf,
  prodOver,
  safeSqrt,
} from '../primitives/reduce.js';

export type { Axis, ReduceOptions } from '../op/axes.js';

/** A reduction along axes: all of them, without an axis. */
export type Reduce = (x: TensorLike, axis?: Axis | ReduceOptions, opts?: ReduceOptions) => Tensor;

interface Prepared {
  readonly a: Tensor;
  /** Ascending. */
  readonly axes: readonly number[];
  readonly keepdims: boolean;
}

/** The arguments of a reduction, checked. */
function prepare(
  op: string,
  kinds: readonly DTypeKind[],
  x: TensorLike,
  axisOrOptions: Axis | ReduceOptions | undefined,
  opts: ReduceOptions | undefined,
): Prepared {
  const a = asTensor(op, x);
  const [axis, keepdims] = reduceArguments(op, axisOrOptions, opts);
  ofKind(op, a, ...kinds);
  return { a, axes: checkAxes(op, axis, a.rank), keepdims };
}

const numeric = ['floating', 'integer'] as const;

/**
 * The sum over the given axes, or all. Floats are added pairwise; integers wrap around. With `keepdims` reduced axes
 * stay, with length 1. The options may stand in the place of the axis. All of this is so for the other reductions, too.
 * @throws ShapeError ERR_AXIS; DTypeError for bool
 */
export function reduceSum(x: TensorLike, axis?: Axis | ReduceOptions, opts?: ReduceOptions): Tensor {
  const { a, axes, keepdims } = prepare('reduceSum', numeric, x, axis, opts);
  if (arguments.length > 3) refuseBehind('reduceSum', arguments[3]);
  return accumulated(a, (t) => sumOver(t, axes, keepdims));
}

function extreme(name: string, over: typeof maxOver): Reduce {
  return named(name, function (x: TensorLike, axis?: Axis | ReduceOptions, opts?: ReduceOptions): Tensor {
    const { a, axes, keepdims } = prepare(name, numeric, x, axis, opts);
    if (arguments.length > 3) refuseBehind(name, arguments[3]);
    return over(a, axes, keepdims);
  });
}

/** The largest element; NaN if one is. Elements that equal it share the gradient equally. */
export const reduceMax: Reduce = extreme('reduceMax', maxOver);
/** The smallest element; NaN if one is. Elements that equal it share the gradient equally. */
export const reduceMin: Reduce = extreme('reduceMin', minOver);

/** The mean. That of integers is rounded towards zero, as in TensorFlow. */
export function reduceMean(x: TensorLike, axis?: Axis | ReduceOptions, opts?: ReduceOptions): Tensor {
  const { a, axes, keepdims } = prepare('reduceMean', numeric, x, axis, opts);
  if (arguments.length > 3) refuseBehind('reduceMean', arguments[3]);
  return inTheNameOf('reduceMean', () => meanOver(a, axes, keepdims));
}

/** The product; integers wrap around. */
export function reduceProd(x: TensorLike, axis?: Axis | ReduceOptions, opts?: ReduceOptions): Tensor {
  const { a, axes, keepdims } = prepare('reduceProd', numeric, x, axis, opts);
  if (arguments.length > 3) refuseBehind('reduceProd', arguments[3]);
  if (axes.length === 0) return identityOf(linked(a));
  return accumulated(a, (t) => prodOver(t, axes, keepdims));
}

/** log(sum(exp(x))), without overflow; float32 and float64. */
export function reduceLogsumexp(x: TensorLike, axis?: Axis | ReduceOptions, opts?: ReduceOptions): Tensor {
  const { a, axes, keepdims } = prepare('reduceLogsumexp', ['floating'], x, axis, opts);
  if (arguments.length > 3) refuseBehind('reduceLogsumexp', arguments[3]);
  return logSumExpOver(a, axes, keepdims);
}

// Not by `momentsOver`, whose rule knows that the variance does not change with the mean: TensorFlow's goes through the
// mean, which shows beside infinities.
function varianceOf(a: Tensor, axes: readonly number[], keepdims: boolean): Tensor {
  return meanOver(square(sub(a, meanOver(a, axes, true))), axes, keepdims);
}

/** The variance: the mean of the squared deviations from the mean; float32 and float64. */
export function reduceVariance(x: TensorLike, axis?: Axis | ReduceOptions, opts?: ReduceOptions): Tensor {
  const { a, axes, keepdims } = prepare('reduceVariance', ['floating'], x, axis, opts);
  if (arguments.length > 3) refuseBehind('reduceVariance', arguments[3]);
  return inTheNameOf('reduceVariance', () => varianceOf(a, axes, keepdims));
}

/**
 * The standard deviation: the square root of the variance; float32 and float64. Its gradient is 0 where the variance is
 * 0.
 */
export function reduceStd(x: TensorLike, axis?: Axis | ReduceOptions, opts?: ReduceOptions): Tensor {
  const { a, axes, keepdims } = prepare('reduceStd', ['floating'], x, axis, opts);
  if (arguments.length > 3) refuseBehind('reduceStd', arguments[3]);
  return inTheNameOf('reduceStd', () => safeSqrt(varianceOf(a, axes, keepdims)));
}

/**
 * The square root of the sum of the squares. Its gradient is 0 where it is 0. That of integers is cut towards zero; their
 * squares and sum wrap around, as in TensorFlow.
 */
export function reduceEuclideanNorm(x: TensorLike, axis?: Axis | ReduceOptions, opts?: ReduceOptions): Tensor {
  const { a, axes, keepdims } = prepare('reduceEuclideanNorm', numeric, x, axis, opts);
  if (arguments.length > 3) refuseBehind('reduceEuclideanNorm', arguments[3]);
  if (isFloating(a.dtype)) return normOver(a, axes, keepdims);
  const squares = accumulated(a, (t) => sumOver(square(t), axes, keepdims));
  return castTo(sqrt(castTo(squares, 'float64')), a.dtype);
}

function boolReduction(name: string, over: typeof anyOver): Reduce {
  return named(name, function (x: TensorLike, axis?: Axis | ReduceOptions, opts?: ReduceOptions): Tensor {
    const { a, axes, keepdims } = prepare(name, ['boolean'], x, axis, opts);
    if (arguments.length > 3) refuseBehind(name, arguments[3]);
    return over(a, axes, keepdims);
  });
}

/** Whether any element (bool) is true. No gradient. */
export const reduceAny: Reduce = boolReduction('reduceAny', anyOver);
/** Whether all elements (bool) are true. No gradient. */
export const reduceAll: Reduce = boolReduction('reduceAll', allOver);

function position(op: Op<number>): (x: TensorLike, axis?: number) => Tensor {
  const { name } = op;
  return named(name, function (x: TensorLike, axis = 0): Tensor {
    if (arguments.length > 2) refuseExtra(name, arguments[2], undefined);
    if (isOptions(axis)) options(name, {}, axis);
    const given = asTensor(name, x);
    const a = kindOf[given.dtype] === 'boolean' ? castTo(given, 'uint8') : given;
    const d = checkAxis(name, axis, a.rank);
    if (a.shape[d] === 0) throw new ShapeError(`${name}: axis ${d} of shape ${showShape(a.shape)} is empty`);
    return positionOf(op, a, d);
  });
}

/**
 * The position (int32) of the largest element along an axis (default 0); the first of equals, and the first NaN. No
 * gradient.
 */
export const argmax: (x: TensorLike, axis?: number) => Tensor = position(argmaxOp);
/**
 * The position (int32) of the smallest element along an axis (default 0); the first of equals, and the first NaN. No
 * gradient.
 */
export const argmin: (x: TensorLike, axis?: number) => Tensor = position(argminOp);
