/** Normalization: the checks around primitives/normalization.ts; the loss and the scaling of the L2 norm. */
import { anything, isOptions, number, options, positional, refuseBehind, refuseExtra } from '../../base/arguments.js';
import { inTheNameOf, ShapeError } from '../../base/errors.js';
import {
  broadcastShapes,
  broadcastsTo,
  checkAxes,
  type Lengths,
  sameShape,
  scalarShape,
  shapeOf,
  showShape,
} from '../../base/shape.js';
import { type Tensor, uniformTensor } from '../../engine/tensor.js';
import { type Axis, type ReduceOptions, reduceArguments } from '../../op/axes.js';
import { asTensor, asTensors, floating, ofKind } from '../../op/operands.js';
import type { TensorLike } from '../../op/variable.js';
import { add, maximum, mul } from '../../primitives/arithmetic.js';
import { rsqrt, square } from '../../primitives/math.js';
import { reshapeTo, sumOver } from '../../primitives/movement.js';
import { l2LossOf, type Moments, momentsOver, scaledBy } from '../../primitives/normalization.js';
import { meanOver } from '../../primitives/reduce.js';

export type { Moments } from '../../primitives/normalization.js';

/**
 * sum(x^2) / 2, a scalar. float32 and float64.
 * @throws DTypeError
 */
export function l2Loss(x: TensorLike): Tensor {
  if (arguments.length > 1) refuseExtra('nn.l2Loss', arguments[1], arguments[2]);
  return l2LossOf(floating('nn.l2Loss', asTensor('nn.l2Loss', x)));
}

const epsilonKind = number('a number >= 0', 0);
const l2Options = { epsilon: epsilonKind } as const;

/** The options of `l2Normalize`. */
export interface EpsilonOptions {
  /** Keeps the divisor away from 0. */
  epsilon?: number;
}

/**
 * x / sqrt(max(sum(x^2), epsilon)): vectors along the axis or axes (default: all) scaled to length 1, but for those
 * shorter than sqrt(epsilon). Default epsilon: 1e-12. float32 and float64.
 * @throws ShapeError ERR_AXIS; DTypeError; ValueError ERR_OPTION
 */
export function l2Normalize(x: TensorLike, axis?: Axis | EpsilonOptions, opts?: EpsilonOptions): Tensor {
  const op = 'nn.l2Normalize';
  const early = opts === undefined && isOptions(axis);
  const { epsilon = 1e-12 } = options(op, l2Options, early ? axis : opts);
  if (arguments.length > 3) refuseBehind(op, arguments[3]);
  const a = floating(op, asTensor(op, x));
  const axes = checkAxes(op, early ? undefined : axis, a.rank);
  return mul(a, rsqrt(maximum(sumOver(square(a), axes, true), epsilon)));
}

/**
 * The mean and the variance (the mean of the squared deviations from it) over the axes (null: all), without those axes,
 * or with `keepdims` with length 1. Those of integers are rounded towards zero, as in TensorFlow.
 * @throws ShapeError ERR_AXIS; DTypeError for bool
 */
export function moments(x: TensorLike, axes?: Axis | ReduceOptions, opts?: ReduceOptions): Moments {
  const [axis, keepdims] = reduceArguments('nn.moments', axes, opts);
  if (arguments.length > 3) refuseBehind('nn.moments', arguments[3]);
  const a = ofKind('nn.moments', asTensor('nn.moments', x), 'floating', 'integer');
  return momentsOver(a, checkAxes('nn.moments', axis, a.rank), keepdims);
}

/** The neutral value of an operand that was left out. */
const neutral = (value: number, x: Tensor): Tensor => uniformTensor(value, x.dtype, scalarShape);

/** Operands of one floating dtype; null for those behind the first `required` that were left out. */
function optionalOperands(
  op: string,
  names: readonly string[],
  given: readonly unknown[],
  required: number,
): (Tensor | null)[] {
  const present = given.flatMap((value, k) => (k >= required && (value === undefined || value === null) ? [] : [k]));
  const tensors = asTensors(
    op,
    present.map((k) => given[k] as TensorLike),
    present.map((k) => names[k] as string),
  );
  floating(op, tensors[0] as Tensor);
  const at = new Map(present.map((k, i) => [k, tensors[i] as Tensor]));
  return given.map((_, k) => at.get(k) ?? null);
}

const batchSpec = { varianceEpsilon: epsilonKind } as const;

/** The options of `batchNormalization`. */
export interface BatchNormalizationOptions {
  /** Added to the variance. Default 0.001. */
  varianceEpsilon?: number;
}

/**
 * (x - mean) / sqrt(variance + varianceEpsilon) * scale + offset. Operands broadcast; offset and scale may be null. In
 * training mean and variance are `moments` of x, through which gradients flow; in inference running means of those.
 * float32 and float64. varianceEpsilon may come by position, as in TensorFlow. (Ioffe and Szegedy 2015)
 * @throws ShapeError for operands that do not broadcast; DTypeError; ValueError ERR_OPTION
 */
export function batchNormalization(
  x: TensorLike,
  mean: TensorLike,
  variance: TensorLike,
  offset?: TensorLike | null | BatchNormalizationOptions,
  scale?: TensorLike | null | BatchNormalizationOptions,
  varianceEpsilon?: number | BatchNormalizationOptions,
  opts?: BatchNormalizationOptions,
): Tensor {
  const op = 'nn.batchNormalization';
  const [given, rest] = operandsThenOptions(op, [offset, scale], [varianceEpsilon, opts]);
  const { varianceEpsilon: epsilon = 0.001 } = positional(op, batchSpec, ['varianceEpsilon'], rest);
  const [a, m, v, b, g] = optionalOperands(
    op,
    ['x', 'mean', 'variance', 'offset', 'scale'],
    [x, mean, variance, ...given],
    3,
  ) as [Tensor, Tensor, Tensor, Tensor | null, Tensor | null];
  let shape = a.shape;
  for (const t of [m, v, b, g]) if (t) shape = broadcastShapes(op, shape, t.shape);
  return inTheNameOf(op, () => {
    const inv = rsqrt(add(v, epsilon));
    const scaled = scaledBy(a, m, g ? mul(inv, g) : inv, neutral(1, a));
    return b ? add(scaled, b) : scaled;
  });
}

/** Optional operands, and what follows. The options may stand in the place of an operand that is left out. */
function operandsThenOptions(
  op: string,
  operands: readonly unknown[],
  rest: readonly unknown[],
): [operands: unknown[], rest: readonly unknown[]] {
  const at = operands.findIndex(isOptions);
  if (at < 0) return [[...operands], rest];
  for (const extra of [...operands.slice(at + 1), ...rest]) refuseBehind(op, extra);
  return [operands.map((value, k) => (k < at ? value : null)), [operands[at]]];
}

const layerSpec = { axis: anything, epsilon: epsilonKind } as const;

/** The options of `layerNormalization` and `rmsNormalization`. */
export interface NormalizationOptions extends EpsilonOptions {
  /** The axis or axes that are normalized. Default -1. */
  axis?: number | Lengths;
}

/** gamma or beta: of the lengths of the axes, or of a shape that broadcasts to x's. */
function along(op: string, name: string, t: Tensor, x: Tensor, axes: readonly number[]): Tensor {
  const lengths = axes.map((d) => x.shape[d] as number);
  if (sameShape(t.shape, lengths)) {
    return reshapeTo(t, shapeOf(x.shape.map((n, d) => (axes.includes(d) ? n : 1))));
  }
  if (broadcastsTo(t.shape, x.shape)) return t;
  throw new ShapeError(
    `${op}: ${name} must have the lengths ${showShape(lengths)} of the axes, or broadcast to x's ${showShape(x.shape)}, got ${showShape(t.shape)}`,
  );
}

/**
 * (x - mean) / sqrt(variance + epsilon) * gamma + beta, with the mean and the variance over the axes (default the last)
 * of each example. gamma and beta have the lengths of these axes, and may be left out or null. Default epsilon: 1e-7, as
 * keras.ops has it. float32 and float64. A tape keeps x, the operands and a mean and a scale for each example. (Ba et
 * al. 2016)
 * @throws ShapeError ERR_AXIS, or for a gamma or beta that does not fit; DTypeError; ValueError ERR_OPTION
 */
export function layerNormalization(
  x: TensorLike,
  gamma?: TensorLike | null | NormalizationOptions,
  beta?: TensorLike | null | NormalizationOptions,
  axis?: number | Lengths | NormalizationOptions,
  epsilon?: number | NormalizationOptions,
  opts?: NormalizationOptions,
): Tensor {
  const op = 'nn.layerNormalization';
  const [given, rest] = operandsThenOptions(op, [gamma, beta], [axis, epsilon, opts]);
  const read = positional(op, layerSpec, ['axis', 'epsilon'], rest);
  const [a, g, b] = optionalOperands(op, ['x', 'gamma', 'beta'], [x, ...given], 1) as [
    Tensor,
    Tensor | null,
    Tensor | null,
  ];
  const axes = checkAxes(op, read.axis ?? -1, a.rank);
  const { mean, variance } = momentsOver(a, axes, true);
  const inv = rsqrt(add(variance, read.epsilon ?? 1e-7));
  const scaled = scaledBy(a, mean, inv, g ? along(op, 'gamma', g, a, axes) : neutral(1, a));
  return b ? add(scaled, along(op, 'beta', b, a, axes)) : scaled;
}

/**
 * x / sqrt(mean(x^2) + epsilon) * scale, with the mean over the axes (default the last) of each example. scale has the
 * lengths of these axes, and may be left out or null. Default epsilon: 1e-7, as keras.ops has it. float32 and float64.
 * (Zhang and Sennrich 2019)
 * @throws ShapeError ERR_AXIS, or for a scale that does not fit; DTypeError; ValueError ERR_OPTION
 */
export function rmsNormalization(
  x: TensorLike,
  scale?: TensorLike | null | NormalizationOptions,
  axis?: number | Lengths | NormalizationOptions,
  epsilon?: number | NormalizationOptions,
  opts?: NormalizationOptions,
): Tensor {
  const op = 'nn.rmsNormalization';
  const [given, rest] = operandsThenOptions(op, [scale], [axis, epsilon, opts]);
  const read = positional(op, layerSpec, ['axis', 'epsilon'], rest);
  const [a, g] = optionalOperands(op, ['x', 'scale'], [x, ...given], 1) as [Tensor, Tensor | null];
  const axes = checkAxes(op, read.axis ?? -1, a.rank);
  const inv = rsqrt(add(meanOver(square(a), axes, true), read.epsilon ?? 1e-7));
  return scaledBy(a, neutral(0, a), inv, g ? along(op, 'scale', g, a, axes) : neutral(1, a));
}
