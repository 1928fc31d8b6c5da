/** Activations, biases, dropout; with the ops of convolution.ts and softmax.ts the namespace `nn`. */
import {
  anything,
  boolean,
  finite,
  integer,
  number,
  oneOf,
  options,
  positional,
  refused,
  refuseExtra,
  showDeep,
} from '../base/arguments.js';
import { DTypeError, ShapeError, ValueError } from '../base/errors.js';
import { broadcastShapes, checkShape, type Shape, showShape } from '../base/shape.js';
import type { Tensor } from '../engine/tensor.js';
import { asTensor, asTensors, composed, done, fromOut, fromX, fromY, linear, register } from '../op/op.js';
import type { Entry, RecordedOp } from '../record/tape.js';
import type { TensorLike } from '../record/variable.js';
import { add, greater, less, minimum, mul, relu, sub, where } from './arithmetic.js';
import { erfc, expm1, sigmoid, tanh } from './math.js';
import { uniformOf } from './random.js';
import { floating } from './softmax.js';
import { reshape, zeroOf } from './structure.js';

export {
  avgPool2d,
  type Conv1dOptions,
  type Conv2dOptions,
  conv1d,
  conv2d,
  conv2dTranspose,
  depthwiseConv2d,
  maxPool2d,
  type Padding,
  type PoolOptions,
} from './convolution.js';
export {
  logSoftmax,
  sigmoidCrossEntropyWithLogits,
  softmax,
  softmaxCrossEntropyWithLogits,
  sparseSoftmaxCrossEntropyWithLogits,
} from './softmax.js';
export { relu };

const biasSpec = { dataFormat: oneOf(['NHWC', 'NCHW']) } as const;

/** x + bias along the last axis, or along axis 1 for NCHW. */
export function biasAdd(x: TensorLike, bias: TensorLike, opts?: { dataFormat?: 'NHWC' | 'NCHW' }): Tensor {
  const { dataFormat } = options('biasAdd', biasSpec, opts);
  const [a, b] = asTensors('biasAdd', [x, bias], ['x', 'bias']) as [Tensor, Tensor];
  const axis = dataFormat === 'NCHW' ? 1 : a.rank - 1;
  if (a.rank < 2 || b.rank !== 1 || b.shape[0] !== a.shape[axis]) {
    throw new ShapeError(`biasAdd: bias ${showShape(b.shape)} does not fit axis ${axis} of ${showShape(a.shape)}`);
  }
  if (a.dtype === 'bool') throw new DTypeError('biasAdd: expected numbers, got bool');
  return add(
    a,
    axis === a.rank - 1
      ? b
      : reshape(
          b,
          a.shape.slice(1).map((n, d) => (d === 0 ? n : 1)),
        ),
  );
}

export interface DropoutOptions {
  seed?: number;
  /** A shape that broadcasts to x's (null: as x): along an axis of 1, and along missing ones, all elements share their fate. */
  noiseShape?: readonly (number | null)[];
}
const rateKind = number('a number >= 0 and < 1', 0, 1 - 2 ** -53);
const dropoutSpec = { seed: integer(0), noiseShape: anything } as const;

function noiseShapeOf(given: unknown, shape: Shape): Shape {
  if (given === undefined) return shape;
  const noise = isList(given)
    ? Array.from(given, (length, d) => length ?? shape[d - given.length + shape.length])
    : null;
  const fits = noise?.every((length, d) => length === 1 || length === shape[d - noise.length + shape.length]);
  if (fits && (noise as unknown[]).length <= shape.length) return checkShape('dropout', noise);
  throw new ShapeError(
    `dropout: noiseShape must be a shape that broadcasts to ${showShape(shape)}, got ${showDeep(given)}`,
  );
}

function isList(value: unknown): value is ArrayLike<unknown> {
  try {
    return Array.isArray(value) || (ArrayBuffer.isView(value) && 'length' in value);
  } catch {
    return false; // a revoked proxy
  }
}

/**
 * Zeroes a fraction `rate` of the elements at random and scales the rest by 1 / (1 - rate).
 * @throws ValueError ERR_OPTION for a rate outside [0, 1); ShapeError for a noiseShape that does not broadcast to x's
 */
export function dropout(x: TensorLike, rate: number, opts?: DropoutOptions): Tensor {
  const { seed, noiseShape } = options('dropout', dropoutSpec, opts);
  const share = rateKind.read(rate);
  if (share === refused) {
    throw new ValueError(`dropout: rate must be ${rateKind.expected}, got ${showDeep(rate)}`, 'ERR_OPTION');
  }
  const a = floating('dropout', x);
  const noise = noiseShapeOf(noiseShape, a.shape);
  if (share === 0) return mul(a, 1);
  const draw = uniformOf('dropout', noise, { dtype: a.dtype, ...(seed === undefined ? {} : { seed }) });
  return where(less(draw, share), 0, mul(a, 1 / (1 - share)));
}

const alphaOf = (e: Entry): number => e.attributes as number;
// A gradient that is connected to x, by zeros, at order 2, as relu's is.
const leakyReluGradOp: RecordedOp = {
  name: 'leakyReluGrad',
  vjps: [fromY((ct, x, e) => leakyReluGrad(ct, x, alphaOf(e))), linear((_, e) => zeroOf(e, 1))],
};
const leakyReluOp: RecordedOp = {
  name: 'leakyRelu',
  vjps: [fromX((ct, x, e) => leakyReluGrad(ct, x, alphaOf(e)))],
};

function leakyReluGrad(ct: Tensor, x: Tensor, alpha: number): Tensor {
  return done(composed(leakyReluGradOp, [ct, x], alpha, () => where(greater(x, 0), ct, mul(ct, alpha))));
}

const leakySpec = { alpha: finite } as const;

/** x where x > 0, else alpha x (0.2). alpha may come by position. */
export function leakyRelu(x: TensorLike, alpha?: number | { alpha?: number }, opts?: { alpha?: number }): Tensor {
  const slope = positional('leakyRelu', leakySpec, ['alpha'], [alpha, opts]).alpha ?? 0.2;
  const a = floating('leakyRelu', x);
  return done(composed(leakyReluOp, [a], slope, () => where(greater(a, 0), a, mul(a, slope))));
}

/** min(max(x, 0), 6), with derivative 0 at both bounds. */
export function relu6(x: TensorLike): Tensor {
  if (arguments.length > 1) refuseExtra('relu6', arguments[1], arguments[2]);
  // The first of equals gets minimum's gradient: the bound.
  const a = asTensor('relu6', x);
  return minimum(6, relu(a.dtype === 'int32' ? a : floating('relu6', a)));
}

// From the output, which is exp(x) - 1 below 0: no operand is kept.
const eluOp: RecordedOp = {
  name: 'elu',
  vjps: [fromOut((ct, out) => where(less(out, 0), mul(ct, add(minimum(out, 0), 1)), ct))],
};

/** x where x > 0, else exp(x) - 1. */
export function elu(x: TensorLike): Tensor {
  if (arguments.length > 1) refuseExtra('elu', arguments[1], arguments[2]);
  const a = floating('elu', x);
  return done(composed(eluOp, [a], null, () => where(less(a, 0), expm1(minimum(a, 0)), a)));
}

// Klambauer et al. 2017, Self-Normalizing Neural Networks.
const seluScale = 1.0507009873554805;
const seluAlpha = 1.6732632423543772;

const seluOp: RecordedOp = {
  name: 'selu',
  vjps: [
    // At 0 its derivative is the scale, as in TensorFlow.
    fromOut((ct, out) => where(less(out, 0), mul(ct, add(minimum(out, 0), seluScale * seluAlpha)), mul(ct, seluScale))),
  ],
};

/** Scaled exponential linear unit. */
export function selu(x: TensorLike): Tensor {
  if (arguments.length > 1) refuseExtra('selu', arguments[1], arguments[2]);
  const a = floating('selu', x);
  return done(
    composed(seluOp, [a], null, () =>
      where(less(a, 0), mul(expm1(minimum(a, 0)), seluScale * seluAlpha), mul(a, seluScale)),
    ),
  );
}

const siluOp: RecordedOp = {
  name: 'silu',
  vjps: [
    fromX((ct, x) => {
      const s = sigmoid(x);
      return mul(ct, mul(s, add(mul(x, sub(1, s)), 1)));
    }),
  ],
};

/** x sigmoid(beta x), also called swish. */
export function silu(x: TensorLike, beta: TensorLike = 1): Tensor {
  if (arguments.length > 2) refuseExtra('silu', arguments[2], arguments[2]);
  const a = floating('silu', x);
  if (beta !== 1) {
    const [, b] = asTensors('silu', [a, beta], ['x', 'beta']) as [Tensor, Tensor];
    broadcastShapes('silu', a.shape, b.shape);
    return mul(a, sigmoid(mul(a, b)));
  }
  return done(composed(siluOp, [a], null, () => mul(a, sigmoid(a))));
}

const geluSpec = { approximate: boolean } as const;

/** x Phi(x); by default exact, else its tanh approximation (Hendrycks and Gimpel 2016), which may be asked for by position. */
export function gelu(
  x: TensorLike,
  approximate?: boolean | { approximate?: boolean },
  opts?: { approximate?: boolean },
): Tensor {
  const read = positional('gelu', geluSpec, ['approximate'], [approximate, opts]);
  const a = floating('gelu', x);
  if (!read.approximate) return mul(mul(a, 0.5), erfc(mul(a, -Math.SQRT1_2)));
  const inner = mul(add(a, mul(mul(mul(a, a), a), 0.044715)), Math.sqrt(2 / Math.PI));
  return mul(mul(a, 0.5), add(tanh(inner), 1));
}

const other = { family: 'other', namespace: 'nn', differentiable: true } as const;
const one = [{ shapes: [[2, 3]] }] as const;
const activations = { leakyRelu, relu6, elu, selu, silu, gelu };
for (const [name, fn] of Object.entries(activations)) {
  register({ ...other, name, fn, avoid: [0, 6], cases: one.map((c) => ({ ...c, call: (x: Tensor) => fn(x) })) });
}
register({ ...other, name: 'biasAdd', fn: biasAdd, cases: [{ shapes: [[2, 3], [3]], call: (x, y) => biasAdd(x, y) }] });
register({
  ...other,
  name: 'dropout',
  fn: dropout,
  cases: [{ shapes: [[2, 3]], call: (x) => dropout(x, 0.4, { seed: 7 }) }],
});
