/** Activations that have a kernel of their own, public as they are. */
import { fromOut, fromY, linear } from '../op/rules.js';
import { binary, type Fn1, type Fn2, unary } from './family.js';
import { zeroOf } from './movement.js';

/** ct where y > 0, else 0: the pullback of relu from its output y, in one pass. */
const reluGrad: Fn2 = binary({
  name: 'reluGrad',
  x: fromY((ct, y) => reluGrad(ct, y)),
  y: linear((_, e) => zeroOf(e, 1)),
  avoid: [0],
});

/** max(x, 0); int32 too. Its derivative at 0 is 0. */
export const relu: Fn1 = unary({
  name: 'relu',
  vjp: fromOut((ct, out) => reluGrad(ct, out)),
  avoid: [0],
});
