/** Activations that have a kernel of their own, public as they are. */
import { fromOut, fromY, linear } from '../op/rules.js';
import { binary, type Fn1, type Fn2, unary } from './family.js';
import { zeroOf } from './movement.js';

const reluGrad: Fn2 = binary({
  name: 'reluGrad',
  x: fromY((ct, y) => reluGrad(ct, y)),
  y: linear((_, e) => zeroOf(e, 1)),
  avoid: [0],
});

/** max(x, 0); its derivative at 0 is 0. */
export const relu: Fn1 = unary({
  name: 'relu',
  vjp: fromOut((ct, out) => reluGrad(ct, out)),
  avoid: [0],
});
