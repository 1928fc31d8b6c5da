/**
 * Activations: the checks around primitives/composed-activation.ts; and those that need no gradient rule of their own.
 */
import { boolean, finite, positional, refuseExtra } from '../../base/arguments.js';
import { isFloating } from '../../base/dtype.js';
import { ShapeError, show, ValueError } from '../../base/errors.js';
import { broadcastShapes, showShape } from '../../base/shape.js';
import type { Tensor } from '../../engine/tensor.js';
import { oneAxis } from '../../op/axes.js';
import { asTensor, asTensors, floating, ofKind } from '../../op/operands.js';
import type { TensorLike } from '../../op/variable.js';
import { relu } from '../../primitives/activation.js';
import { add, div, minimum, mul, neg, sub } from '../../primitives/arithmetic.js';
import { splitAlong } from '../../primitives/box.js';
import { celuOf, eluOf, leakyReluOf, seluOf, siluOf } from '../../primitives/composed-activation.js';
import { erfc, sigmoid, tanh } from '../../primitives/math.js';
import { castTo } from '../../primitives/movement.js';

const leakySpec = { alpha: finite } as const;

/**
 * x where x > 0, else alpha x; its derivative at 0 is alpha. alpha is 0.2 by default and may come by position. Integers
 * are taken as float32.
 */
export function leakyRelu(x: TensorLike, alpha?: number | { alpha?: number }, opts?: { alpha?: number }): Tensor {
  const slope = positional('nn.leakyRelu', leakySpec, ['alpha'], [alpha, opts]).alpha ?? 0.2;
  const given = ofKind('nn.leakyRelu', asTensor('nn.leakyRelu', x), 'floating', 'integer');
  return leakyReluOf(isFloating(given.dtype) ? given : castTo(given, 'float32'), slope);
}

/** min(max(x, 0), 6); int32 and uint8 too. Its derivative at 0 and at 6 is 0. */
export function relu6(x: TensorLike): Tensor {
  if (arguments.length > 1) refuseExtra('nn.relu6', arguments[1], arguments[2]);
  // 6 comes first: of equal operands, minimum gives the gradient to the first.
  return minimum(6, relu(ofKind('nn.relu6', asTensor('nn.relu6', x), 'floating', 'integer')));
}

/** x where x > 0, else exp(x) - 1; its derivative at 0 is 1. float32 and float64. */
export function elu(x: TensorLike): Tensor {
  if (arguments.length > 1) refuseExtra('nn.elu', arguments[1], arguments[2]);
  const a = floating('nn.elu', asTensor('nn.elu', x));
  return eluOf(a);
}

/**
 * The scaled exponential linear unit (Klambauer et al. 2017): 1.0507 x where x > 0, else 1.7581 (exp(x) - 1). float32
 * and float64.
 */
export function selu(x: TensorLike): Tensor {
  if (arguments.length > 1) refuseExtra('nn.selu', arguments[1], arguments[2]);
  const a = floating('nn.selu', asTensor('nn.selu', x));
  return seluOf(a);
}

/** x sigmoid(beta x), also called swish; beta is 1 by default, and broadcasts. float32 and float64. */
export function silu(x: TensorLike, beta: TensorLike = 1): Tensor {
  if (arguments.length > 2) refuseExtra('nn.silu', arguments[2], arguments[2]);
  const a = floating('nn.silu', asTensor('nn.silu', x));
  if (beta !== 1) {
    const [, b] = asTensors('nn.silu', [a, beta], ['x', 'beta']) as [Tensor, Tensor];
    broadcastShapes('nn.silu', a.shape, b.shape);
    return mul(a, sigmoid(mul(a, b)));
  }
  return siluOf(a);
}

const geluSpec = { approximate: boolean } as const;

/**
 * x Phi(x), Phi the distribution function of the standard normal distribution. With `approximate` (also by position)
 * the tanh formula of Hendrycks and Gimpel 2016. float32 and float64.
 */
export function gelu(
  x: TensorLike,
  approximate?: boolean | { approximate?: boolean },
  opts?: { approximate?: boolean },
): Tensor {
  const read = positional('nn.gelu', geluSpec, ['approximate'], [approximate, opts]);
  const a = floating('nn.gelu', asTensor('nn.gelu', x));
  if (!read.approximate) return mul(mul(a, 0.5), erfc(mul(a, -Math.SQRT1_2)));
  const inner = mul(add(a, mul(mul(mul(a, a), a), 0.044715)), Math.sqrt(2 / Math.PI));
  return mul(mul(a, 0.5), add(tanh(inner), 1));
}

/** relu6(x + 3) / 6, a sigmoid of straight lines: 0 below -3 and 1 above 3. Its derivative at both is 0. float32 and float64. */
export function hardSigmoid(x: TensorLike): Tensor {
  if (arguments.length > 1) refuseExtra('nn.hardSigmoid', arguments[1], arguments[2]);
  return hardSigmoidOf(floating('nn.hardSigmoid', asTensor('nn.hardSigmoid', x)));
}

function hardSigmoidOf(a: Tensor): Tensor {
  return div(relu6(add(a, 3)), 6);
}

/** x hardSigmoid(x) (Howard et al. 2019, Searching for MobileNetV3), Keras' `hard_silu`. float32 and float64. */
export function hardSwish(x: TensorLike): Tensor {
  if (arguments.length > 1) refuseExtra('nn.hardSwish', arguments[1], arguments[2]);
  const a = floating('nn.hardSwish', asTensor('nn.hardSwish', x));
  return mul(a, hardSigmoidOf(a));
}

/**
 * x where x > 0, else alpha x (He et al. 2015, Delving deep into rectifiers). alpha is a tensor to be trained, and
 * broadcasts. Both derivatives at 0 are 0. float32 and float64.
 */
export function prelu(x: TensorLike, alpha: TensorLike): Tensor {
  if (arguments.length > 2) refuseExtra('nn.prelu', arguments[2], arguments[3]);
  const [a, slope] = asTensors('nn.prelu', [x, alpha], ['x', 'alpha']) as [Tensor, Tensor];
  floating('nn.prelu', a);
  broadcastShapes('nn.prelu', a.shape, slope.shape);
  return sub(relu(a), mul(slope, relu(neg(a))));
}

/**
 * x where x > 0, else alpha (exp(x / alpha) - 1) (Barron 2017, Continuously differentiable exponential linear units);
 * its derivative at 0 is 1. alpha is 1 by default, not 0, and may come by position. float32 and float64.
 */
export function celu(x: TensorLike, alpha?: number | { alpha?: number }, opts?: { alpha?: number }): Tensor {
  const scale = positional('nn.celu', leakySpec, ['alpha'], [alpha, opts]).alpha ?? 1;
  if (scale === 0) throw new ValueError(`nn.celu: alpha must be a number other than 0, got ${show(scale)}`);
  return celuOf(floating('nn.celu', asTensor('nn.celu', x)), scale);
}

/**
 * The first half of x along an axis (default -1) times the sigmoid of the second (Dauphin et al. 2017, Language modeling
 * with gated convolutional networks). float32 and float64.
 * @throws ShapeError if the axis has an odd length
 */
export function glu(x: TensorLike, axis = -1): Tensor {
  if (arguments.length > 2) refuseExtra('nn.glu', arguments[2], arguments[2]);
  const a = floating('nn.glu', asTensor('nn.glu', x));
  const d = oneAxis('nn.glu', axis, a.rank);
  const length = a.shape[d] as number;
  if (length % 2 !== 0) {
    throw new ShapeError(
      `nn.glu: the axis to halve must have an even length, got ${length} of shape ${showShape(a.shape)}`,
    );
  }
  const [left, right] = splitAlong(a, [length / 2, length / 2], d) as [Tensor, Tensor];
  return mul(left, sigmoid(right));
}
