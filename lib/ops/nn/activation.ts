/** Activations: the checks around primitives/composed-activation.ts, and those that need no rule of their own. */
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

/** x where x > 0, else alpha x (0.2). alpha may come by position. */
export function leakyRelu(x: TensorLike, alpha?: number | { alpha?: number }, opts?: { alpha?: number }): Tensor {
  const slope = positional('leakyRelu', leakySpec, ['alpha'], [alpha, opts]).alpha ?? 0.2;
  const a = floating('leakyRelu', asTensor('leakyRelu', x));
  return leakyReluOf(a, slope);
}

/** min(max(x, 0), 6), with derivative 0 at both bounds. */
export function relu6(x: TensorLike): Tensor {
  if (arguments.length > 1) refuseExtra('relu6', arguments[1], arguments[2]);
  // The first of equals gets minimum's gradient: the bound.
  const a = asTensor('relu6', x);
  return minimum(6, relu(a.dtype === 'int32' ? a : floating('relu6', a)));
}

/** x where x > 0, else exp(x) - 1. */
export function elu(x: TensorLike): Tensor {
  if (arguments.length > 1) refuseExtra('elu', arguments[1], arguments[2]);
  const a = floating('elu', asTensor('elu', x));
  return eluOf(a);
}

/** Scaled exponential linear unit. */
export function selu(x: TensorLike): Tensor {
  if (arguments.length > 1) refuseExtra('selu', arguments[1], arguments[2]);
  const a = floating('selu', asTensor('selu', x));
  return seluOf(a);
}

/** x sigmoid(beta x), also called swish. */
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

/** x Phi(x); by default exact, else its tanh approximation (Hendrycks and Gimpel 2016), which may be asked for by position. */
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
