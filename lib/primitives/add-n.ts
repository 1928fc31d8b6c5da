/** addN: the sum of several tensors of one shape and dtype. */
import type { Tensor } from '../engine/tensor.js';
import { applyComposed } from '../op/apply.js';
import { Op } from '../op/op.js';
import { linear } from '../op/rules.js';
import { add } from './arithmetic.js';
import { raisedOperands } from './movement.js';

const addNOp = new Op('addN', {
  vjps: [linear((ct) => ct)],
  forward: 'elementwise',
  batch: (call) => inOrder(raisedOperands(call)),
});

function inOrder(tensors: readonly Tensor[]): Tensor {
  const [first, ...others] = tensors as [Tensor, ...Tensor[]];
  return others.reduce(add, first);
}

/** The sum, added from the first to the last. */
export function sumOfAll(tensors: readonly Tensor[]): Tensor {
  return applyComposed(addNOp, tensors, null, () => inOrder(tensors));
}
