/**
 * Activations: the checks around primitives/composed-activation.ts; and those that need no gradient rule of their own.
 */
import { boolean, finite, positional, refuseExtra } from '../../base/arguments.js';
import { broadcastShapes } from '../../base/shape.js';
import type { Tensor } from '../../engine/tensor.js';
import { asTensor, asTensors, floating } from '../../op/operands.js';
import type { TensorLike } from '../../op/variable.js';
import { relu } from '../../primitives/activation.js';
import { add, minimum, mul } from '../../primitives/arithmetic.js';
import { eluOf, leakyReluOf, seluOf, siluOf } from '../../primitives/composed-activation.js';
import { erfc, sigmoid, tanh } from '../../primitives/math.js';

const leakySpec = { alpha: finite } as const;

/**
 * x where x > 0, else alpha x; its derivative at 0 is alpha. alpha is 0.2 by default and may come by position. float32
 * and float64.
 */
export function leakyRelu(x: TensorLike, alpha?: number | { alpha?: number }, opts?: { alpha?: number }): Tensor {
  const slope = positional('leakyRelu', leakySpec, ['alpha'], [alpha, opts]).alpha ?? 0.2;
  const a = floating('leakyRelu', asTensor('leakyRelu', x));
  return leakyReluOf(a, slope);
}

/** min(max(x, 0), 6); int32 too. Its derivative at 0 and at 6 is 0. */
export function relu6(x: TensorLike): Tensor {
  if (arguments.length > 1) refuseExtra('relu6', arguments[1], arguments[2]);
  // 6 comes first: of equal operands, minimum gives the gradient to the first.
  const a = asTensor('relu6', x);
  return minimum(6, relu(a.dtype === 'int32' ? a : floating('relu6', a)));
}

/** x where x > 0, else exp(x) - 1; its derivative at 0 is 1. float32 and float64. */
export function elu(x: TensorLike): Tensor {
  if (arguments.length > 1) refuseExtra('elu', arguments[1], arguments[2]);
  const a = floating('elu', asTensor('elu', x));
  return eluOf(a);
}

/**
 * The scaled exponential linear unit (Klambauer et al. 2017): 1.0507 x where x > 0, else 1.7581 (exp(x) - 1). float32
 * and float64.
 */
export function selu(x: TensorLike): Tensor {
  if (arguments.length > 1) refuseExtra('selu', arguments[1], arguments[2]);
  const a = floating('selu', asTensor('selu', x));
  return seluOf(a);
}

/** x sigmoid(beta x), also called swish; beta is 1 by default, and broadcasts. float32 and float64. */
export function silu(x: TensorLike, beta: TensorLike = 1): Tensor {
  if (arguments.length > 2) refuseExtra('silu', arguments[2], arguments[2]);
  const a = floating('silu', asTensor('silu', x));
  if (beta !== 1) {
    const [, b] = asTensors('silu', [a, beta], ['x', 'beta']) as [Tensor, Tensor];
    broadcastShapes('silu', a.shape, b.shape);
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
  const read = positional('gelu', geluSpec, ['approximate'], [approximate, opts]);
  const a = floating('gelu', asTensor('gelu', x));
  if (!read.approximate) return mul(mul(a, 0.5), erfc(mul(a, -Math.SQRT1_2)));
  const inner = mul(add(a, mul(mul(mul(a, a), a), 0.044715)), Math.sqrt(2 / Math.PI));
  return mul(mul(a, 0.5), add(tanh(inner), 1));
}
