/** Composed activations: computed by other ops, with gradient rules of their own. */
import type { Tensor } from '../engine/tensor.js';
import { applyComposed } from '../op/apply.js';
import { Op } from '../op/op.js';
import { fromOut, fromX, fromY, linear } from '../op/rules.js';
import { add, div, minimum, mul, sub } from './arithmetic.js';
import { greater, less } from './compare.js';
import { exp, expm1, sigmoid } from './math.js';
import { raisedOperands, zeroOf } from './movement.js';
import { select } from './select.js';

// Attributes: alpha. The second derivative is zeros connected to x, as of relu.
const leakyReluGradOp = new Op<number>('leakyReluGrad', {
  vjps: [fromY((ct, x, e) => leakyReluGrad(ct, x, e.attributes)), linear((_, e) => zeroOf(e, 1))],
  batch: (call) => leakyReluGrad(...(raisedOperands(call) as [Tensor, Tensor]), call.attributes),
  forward: 'elementwise',
});
const leakyReluOp = new Op<number>('nn.leakyRelu', {
  vjps: [fromX((ct, x, e) => leakyReluGrad(ct, x, e.attributes))],
  batch: ({ operands, attributes }) => leakyReluOf(operands[0] as Tensor, attributes),
  forward: 'elementwise',
});

function leakyReluGrad(ct: Tensor, x: Tensor, alpha: number): Tensor {
  return applyComposed(leakyReluGradOp, [ct, x], alpha, () => select(greater(x, 0), ct, mul(ct, alpha)));
}

/** x where x > 0, else alpha x. */
export function leakyReluOf(x: Tensor, alpha: number): Tensor {
  return applyComposed(leakyReluOp, [x], alpha, () => select(greater(x, 0), x, mul(x, alpha)));
}

// The derivative below 0 is exp(x) = out + 1, so only the output is kept. At 0 it is 1.
const eluOp = new Op('nn.elu', {
  vjps: [fromOut((ct, out) => select(less(out, 0), mul(ct, add(minimum(out, 0), 1)), ct))],
  batch: ({ operands }) => eluOf(operands[0] as Tensor),
  forward: 'elementwise',
});

/** x where x > 0, else exp(x) - 1. */
export function eluOf(x: Tensor): Tensor {
  return applyComposed(eluOp, [x], null, () => select(less(x, 0), expm1(minimum(x, 0)), x));
}

// Klambauer et al. 2017, Self-Normalizing Neural Networks.
const kSeluScale = 1.0507009873554805;
const kSeluAlpha = 1.6732632423543772;

const seluOp = new Op('nn.selu', {
  vjps: [
    // At 0 the derivative is kSeluScale, as in TensorFlow.
    fromOut((ct, out) =>
      select(less(out, 0), mul(ct, add(minimum(out, 0), kSeluScale * kSeluAlpha)), mul(ct, kSeluScale)),
    ),
  ],
  batch: ({ operands }) => seluOf(operands[0] as Tensor),
  forward: 'elementwise',
});

/** kSeluScale x where x > 0, else kSeluScale kSeluAlpha (exp(x) - 1). */
export function seluOf(x: Tensor): Tensor {
  return applyComposed(seluOp, [x], null, () =>
    select(less(x, 0), mul(expm1(minimum(x, 0)), kSeluScale * kSeluAlpha), mul(x, kSeluScale)),
  );
}

const siluOp = new Op('nn.silu', {
  vjps: [
    fromX((ct, x) => {
      const s = sigmoid(x);
      return mul(ct, mul(s, add(mul(x, sub(1, s)), 1)));
    }),
  ],
  batch: ({ operands }) => siluOf(operands[0] as Tensor),
  forward: 'elementwise',
});

/** x sigmoid(x). */
export function siluOf(x: Tensor): Tensor {
  return applyComposed(siluOp, [x], null, () => mul(x, sigmoid(x)));
}

// Attributes: alpha. At 0 the derivative is 1.
const celuOp = new Op<number>('nn.celu', {
  vjps: [fromX((ct, x, e) => select(less(x, 0), mul(ct, exp(div(minimum(x, 0), e.attributes))), ct))],
  batch: ({ operands, attributes }) => celuOf(operands[0] as Tensor, attributes),
  forward: 'elementwise',
});

/** x where x > 0, else alpha (exp(x / alpha) - 1). */
export function celuOf(x: Tensor, alpha: number): Tensor {
  const below = (): Tensor => mul(expm1(div(minimum(x, 0), alpha)), alpha);
  return applyComposed(celuOp, [x], alpha, () => select(less(x, 0), below(), x));
}
