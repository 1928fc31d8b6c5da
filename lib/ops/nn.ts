/** Activations and losses on logits; with the ops of convolution.ts the namespace `nn`. */
import { DTypeError, ShapeError, ValueError } from '../errors.js';
import { opcodeOf } from '../native.js';
import {
  asIndices,
  asTensor,
  asTensors,
  composed,
  done,
  fromOut,
  fromX,
  fromY,
  linear,
  node,
  register,
} from '../op.js';
import { checkAxis, sameShape, showShape } from '../shape.js';
import type { Entry, RecordedOp } from '../tape.js';
import type { Tensor } from '../tensor.js';
import { isKnown } from '../tensor.js';
import type { TensorLike } from '../variable.js';
import { add, equal, greater, less, minimum, mul, neg, relu, sub, where } from './arithmetic.js';
import { range } from './creation.js';
import { abs, erfc, exp, expm1, log1p, sigmoid, tanh } from './math.js';
import { uniform } from './random.js';
import { cast, expandDims, reduceSum, reshape, transpose, zeroOf } from './structure.js';

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
export { relu };

function floating(op: string, x: TensorLike): Tensor {
  const t = asTensor(op, x);
  if (t.dtype !== 'float32' && t.dtype !== 'float64') {
    throw new DTypeError(`${op}: expected dtype float32 or float64, got ${t.dtype}; write cast(x, 'float32')`);
  }
  return t;
}

const axisOf = (e: Entry): number => e.attributes as number;
const kept = { keepdims: true };

const kSoftmax = opcodeOf('softmax');
const kLogSoftmax = opcodeOf('logSoftmax');

/** A kernel of rows along the last axis, of another axis by way of a transpose. */
function alongAxis(name: string, opcode: number, x: Tensor, axis: number): Tensor {
  const rows = (t: Tensor): Tensor => node(name, opcode, t.dtype, t.shape, t);
  if (axis === x.rank - 1) return rows(x);
  const swapped = x.shape.map((_, d) => (d === axis ? x.rank - 1 : d === x.rank - 1 ? axis : d));
  return transpose(rows(transpose(x, swapped)), swapped);
}

const softmaxOp: RecordedOp = {
  name: 'softmax',
  vjps: [fromOut((ct, out, e) => mul(sub(ct, reduceSum(mul(ct, out), axisOf(e), kept)), out))],
};

/** exp(x) / sum(exp(x)) along the axis (default the last). */
export function softmax(x: TensorLike, axis = -1): Tensor {
  const a = floating('softmax', x);
  const d = checkAxis('softmax', axis, a.rank);
  return done(composed(softmaxOp, [a], d, () => alongAxis('softmax', kSoftmax, a, d)));
}

const logSoftmaxOp: RecordedOp = {
  name: 'logSoftmax',
  vjps: [fromOut((ct, out, e) => sub(ct, mul(exp(out), reduceSum(ct, axisOf(e), kept))))],
};

/** log(softmax(x)), without overflow. */
export function logSoftmax(x: TensorLike, axis = -1): Tensor {
  const a = floating('logSoftmax', x);
  const d = checkAxis('logSoftmax', axis, a.rank);
  return done(composed(logSoftmaxOp, [a], d, () => alongAxis('logSoftmax', kLogSoftmax, a, d)));
}

/** -sum(labels * logSoftmax(logits)) along the axis (default the last); labels are probabilities of the logits' shape. */
export function softmaxCrossEntropyWithLogits(labels: TensorLike, logits: TensorLike, axis = -1): Tensor {
  const op = 'softmaxCrossEntropyWithLogits';
  const [y, x] = asTensors(op, [labels, logits]) as [Tensor, Tensor];
  if (!sameShape(y.shape, x.shape)) {
    throw new ShapeError(`${op}: labels ${showShape(y.shape)} and logits ${showShape(x.shape)} differ in shape`);
  }
  const d = checkAxis(op, axis, x.rank);
  const flow: RecordedOp = {
    name: op,
    vjps: [
      // TensorFlow's rule: labels get -logSoftmax; logits get softmax - labels, whether or not the labels sum to 1.
      { needs: 2, pull: (ct, e) => mul(expandDims(neg(ct), axisOf(e)), logSoftmax(e.y as Tensor, axisOf(e))) },
      {
        needs: 3,
        pull: (ct, e) => mul(expandDims(ct, axisOf(e)), sub(softmax(e.y as Tensor, axisOf(e)), e.x as Tensor)),
      },
    ],
  };
  return done(composed(flow, [y, x], d, () => sub(0, reduceSum(mul(y, logSoftmax(x, d)), d))));
}

const kGather = opcodeOf('gather');
const sparseOp: RecordedOp = {
  name: 'sparseSoftmaxCrossEntropyWithLogits',
  vjps: [
    null,
    {
      needs: 3,
      pull: (ct, e) => {
        const labels = e.x as Tensor;
        const logits = e.y as Tensor;
        const classes = range(0, logits.shape[logits.rank - 1] as number, 1, { dtype: 'int32' });
        const hit = cast(equal(expandDims(labels, -1), classes), logits.dtype);
        return mul(sub(softmax(logits), hit), expandDims(ct, -1));
      },
    },
  ],
};

/** -logSoftmax(logits)[label]; int32 labels of shape logits.shape without the last axis. */
export function sparseSoftmaxCrossEntropyWithLogits(labels: TensorLike, logits: TensorLike): Tensor {
  const op = 'sparseSoftmaxCrossEntropyWithLogits';
  const x = floating(op, logits);
  const y = asIndices(op, labels);
  if (x.rank === 0 || !sameShape(y.shape, x.shape.slice(0, -1))) {
    throw new ShapeError(
      `${op}: labels ${showShape(y.shape)} do not fit logits ${showShape(x.shape)}; expected its leading axes`,
    );
  }
  const classes = x.shape[x.rank - 1] as number;
  if (isKnown(y)) {
    for (const label of y.dataSync()) {
      if (label < 0 || label >= classes)
        throw new ValueError(`${op}: label ${label} is out of range for ${classes} classes`, 'ERR_INDEX');
    }
  }
  return done(
    composed(sparseOp, [y, x], null, () => {
      const picked = node(op, kGather, x.dtype, y.shape, logSoftmax(x), y, [y.size, 1, classes, 1, 1]);
      return sub(0, picked); // not its negative: a loss of 0 is not -0
    }),
  );
}

/** max(x, 0) - x z + log(1 + exp(-|x|)): cross entropy of sigmoid(logits) without overflow. */
export function sigmoidCrossEntropyWithLogits(labels: TensorLike, logits: TensorLike): Tensor {
  const op = 'sigmoidCrossEntropyWithLogits';
  const [z, x] = asTensors(op, [labels, logits]) as [Tensor, Tensor];
  if (!sameShape(z.shape, x.shape)) {
    throw new ShapeError(`${op}: labels ${showShape(z.shape)} and logits ${showShape(x.shape)} differ in shape`);
  }
  const flow: RecordedOp = {
    name: op,
    vjps: [
      { needs: 2, pull: (ct, e) => neg(mul(ct, e.y as Tensor)) },
      { needs: 3, pull: (ct, e) => mul(ct, sub(sigmoid(e.y as Tensor), e.x as Tensor)) },
    ],
  };
  return done(composed(flow, [z, x], null, () => add(sub(relu(x), mul(x, z)), log1p(exp(neg(abs(x)))))));
}

/** x + bias along the last axis, or along axis 1 for NCHW. */
export function biasAdd(x: TensorLike, bias: TensorLike, opts: { dataFormat?: 'NHWC' | 'NCHW' } = {}): Tensor {
  const [a, b] = asTensors('biasAdd', [x, bias]) as [Tensor, Tensor];
  const axis = opts.dataFormat === 'NCHW' ? 1 : a.rank - 1;
  if (a.rank < 2 || b.rank !== 1 || b.shape[0] !== a.shape[axis]) {
    throw new ShapeError(`biasAdd: bias ${showShape(b.shape)} does not fit axis ${axis} of ${showShape(a.shape)}`);
  }
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
  /** Lengths of x, or 1 (null: as x) for axes along which all elements share their fate. */
  noiseShape?: readonly (number | null)[];
}

/** Zeroes a fraction `rate` of the elements at random and scales the rest by 1 / (1 - rate). */
export function dropout(x: TensorLike, rate: number, opts: DropoutOptions = {}): Tensor {
  const a = floating('dropout', x);
  const noise = (opts.noiseShape ?? a.shape).map((length, d) => length ?? (a.shape[d] as number));
  if (noise.length !== a.rank || noise.some((length, d) => length !== 1 && length !== a.shape[d])) {
    throw new ShapeError(`dropout: noiseShape ${showShape(noise)} does not broadcast to ${showShape(a.shape)}`);
  }
  if (!(rate >= 0 && rate < 1)) throw new ValueError(`dropout: rate must be in [0, 1), got ${rate}`, 'ERR_OPTION');
  if (rate === 0) return mul(a, 1);
  const draw = uniform(noise, { dtype: a.dtype, ...(opts.seed === undefined ? {} : { seed: opts.seed }) });
  return where(greater(rate, draw), 0, mul(a, 1 / (1 - rate)));
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

/** x where x > 0, else alpha x. */
export function leakyRelu(x: TensorLike, opts: { alpha?: number } = {}): Tensor {
  const a = floating('leakyRelu', x);
  const alpha = opts.alpha ?? 0.2;
  return done(composed(leakyReluOp, [a], alpha, () => where(greater(a, 0), a, mul(a, alpha))));
}

/** min(max(x, 0), 6), with derivative 0 at both bounds. */
export function relu6(x: TensorLike): Tensor {
  // The first of equals gets minimum's gradient: the bound.
  return minimum(6, relu(x));
}

// From the output, which is exp(x) - 1 below 0: no operand is kept.
const eluOp: RecordedOp = {
  name: 'elu',
  vjps: [fromOut((ct, out) => where(less(out, 0), mul(ct, add(minimum(out, 0), 1)), ct))],
};

/** x where x > 0, else exp(x) - 1. */
export function elu(x: TensorLike): Tensor {
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
  const a = floating('silu', x);
  if (beta !== 1) return mul(a, sigmoid(mul(a, beta)));
  return done(composed(siluOp, [a], null, () => mul(a, sigmoid(a))));
}

/** x Phi(x); by default exact, else its tanh approximation (Hendrycks and Gimpel 2016). */
export function gelu(x: TensorLike, opts: { approximate?: boolean } = {}): Tensor {
  const a = floating('gelu', x);
  if (!opts.approximate) return mul(mul(a, 0.5), erfc(mul(a, -Math.SQRT1_2)));
  const inner = mul(add(a, mul(mul(mul(a, a), a), 0.044715)), Math.sqrt(2 / Math.PI));
  return mul(mul(a, 0.5), add(tanh(inner), 1));
}

const other = { family: 'other', namespace: 'nn', differentiable: true } as const;
const one = [{ shapes: [[2, 3]] }] as const;
const activations = { softmax, logSoftmax, leakyRelu, relu6, elu, selu, silu, gelu };
for (const [name, fn] of Object.entries(activations)) {
  register({ ...other, name, fn, avoid: [0, 6], cases: one.map((c) => ({ ...c, call: (x: Tensor) => fn(x) })) });
}
const pair = [
  [2, 3],
  [2, 3],
] as const;
register({
  ...other,
  name: 'softmaxCrossEntropyWithLogits',
  fn: softmaxCrossEntropyWithLogits,
  // Its rule for the logits holds for labels that sum to 1, so they are made so.
  cases: [{ shapes: pair, call: (x, y) => softmaxCrossEntropyWithLogits(softmax(x), y) }],
});
register({
  ...other,
  name: 'sparseSoftmaxCrossEntropyWithLogits',
  fn: sparseSoftmaxCrossEntropyWithLogits,
  cases: [{ shapes: [[2, 3]], call: (x) => sparseSoftmaxCrossEntropyWithLogits([2, 0], x) }],
});
register({
  ...other,
  name: 'sigmoidCrossEntropyWithLogits',
  fn: sigmoidCrossEntropyWithLogits,
  cases: [{ shapes: pair, call: (x, y) => sigmoidCrossEntropyWithLogits(x, y) }],
});
register({ ...other, name: 'biasAdd', fn: biasAdd, cases: [{ shapes: [[2, 3], [3]], call: (x, y) => biasAdd(x, y) }] });
register({
  ...other,
  name: 'dropout',
  fn: dropout,
  cases: [{ shapes: [[2, 3]], call: (x) => dropout(x, 0.4, { seed: 7 }) }],
});
