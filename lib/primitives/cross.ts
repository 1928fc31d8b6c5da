/** cross: the vector product of vectors of three elements, along the last axis. */

import type { Tensor } from '../engine/tensor.js';
import { applyComposed } from '../op/apply.js';
import { Op } from '../op/op.js';
import { fromX, fromY } from '../op/rules.js';
import { mul, sub } from './arithmetic.js';
import { concatAlong, splitAlong } from './box.js';
import { repeatedOperands } from './movement.js';

// ct . (x cross y) = x . (y cross ct) = y . (ct cross x)
const crossOp = new Op('linalg.cross', {
  vjps: [fromY((ct, y) => crossOf(y, ct)), fromX((ct, x) => crossOf(ct, x))],
  batch: (call) => crossOf(...(repeatedOperands(call) as [Tensor, Tensor])),
});

/** cross of tensors of one shape [..., 3]. */
export function crossOf(x: Tensor, y: Tensor): Tensor {
  return applyComposed(crossOp, [x, y], null, () => {
    // [1, 2, 0] of the vectors, and [2, 0, 1].
    const turned = (t: Tensor): [Tensor, Tensor] => {
      const axis = t.rank - 1;
      const [a, b, c] = splitAlong(t, [1, 1, 1], axis) as [Tensor, Tensor, Tensor];
      return [concatAlong([b, c, a], axis), concatAlong([c, a, b], axis)];
    };
    const [x1, x2] = turned(x);
    const [y1, y2] = turned(y);
    return sub(mul(x1, y2), mul(x2, y1));
  });
}
