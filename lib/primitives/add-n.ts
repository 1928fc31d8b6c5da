/** addN: the sum of several tensors of one shape and dtype. */
import type { Tensor } from '../engine/tensor.js';
import { applyComposed } from '../op/apply.js';
import { Op } from '../op/op.js';
import { linear } from '../op/rules.js';
import { add } from './arithmetic.js';
import { identityOf, raiseRank } from './movement.js';

const addNOp = new Op('addN', {
  vjps: [linear((ct) => ct)],
  batch: ({ operands, batched, shape }) =>
    inOrder(operands.map((t, k) => (batched[k] ? raiseRank(t, shape.length) : t))),
});

function inOrder(tensors: readonly Tensor[]): Tensor {
  const [first, ...others] = tensors as [Tensor, ...Tensor[]];
  return others.length === 0 ? identityOf(first) : others.reduce(add, first);
}

/** The sum, added from the first to the last. */
export function sumOfAll(tensors: readonly Tensor[]): Tensor {
  return applyComposed(addNOp, tensors, null, () => inOrder(tensors));
}
