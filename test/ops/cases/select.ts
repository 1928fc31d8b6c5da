import { constant, type Tensor, where } from 'gradtape';
import { casesOf } from '../op-cases.js';

/** Alternating true and false of x's rows. */
function mask(x: Tensor): Tensor {
  return constant(Array.from({ length: x.shape[0] as number }, (_, i) => [i % 2 === 0]));
}

const pair = [
  [2, 3],
  [2, 3],
];
casesOf(where, [{ shapes: pair, call: (x, y) => where(mask(x), x, y) }]);
