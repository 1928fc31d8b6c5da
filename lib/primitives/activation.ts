/** Activations of one operand without parameters, public as they are. */
import type { Tensor } from '../engine/tensor.js';
import { fromOut, fromX, fromY, linear } from '../op/rules.js';
import { add, div, mul, sub } from './arithmetic.js';
import { binary, composed, type Fn1, type Fn2, unary } from './family.js';
import { abs, sigmoid, softplus, square, tanh } from './math.js';
import { zeroOf } from './movement.js';

/** ct where y > 0, else 0: the pullback of relu from its output y, in one pass. */
const reluGrad: Fn2 = binary({
  name: 'reluGrad',
  x: fromY((ct, y) => reluGrad(ct, y)),
  y: linear((_, e) => zeroOf(e, 1)),
  avoid: [0],
});

/** max(x, 0); int32 and uint8 too. Its derivative at 0 is 0. */
export const relu: Fn1 = unary({
  name: 'relu',
  namespace: 'nn',
  vjp: fromOut((ct, out) => reluGrad(ct, out)),
  bytes: true,
  avoid: [0],
});

/** x / (1 + |x|). float32 and float64. */
export const softsign: Fn1 = composed({
  name: 'softsign',
  namespace: 'nn',
  operands: ['x'],
  forward: (x) => div(x as Tensor, add(abs(x as Tensor), 1)),
  vjps: [fromX((ct, x) => div(ct, square(add(abs(x), 1))))],
});

/** x tanh(log(1 + exp(x))) (Misra 2019, Mish: a self regularized non-monotonic activation function). float32 and float64. */
export const mish: Fn1 = composed({
  name: 'mish',
  namespace: 'nn',
  operands: ['x'],
  forward: (x) => mul(x as Tensor, tanh(softplus(x as Tensor))),
  vjps: [
    fromX((ct, x) => {
      const t = tanh(softplus(x));
      return mul(ct, add(t, mul(mul(x, sigmoid(x)), sub(1, square(t)))));
    }),
  ],
});
