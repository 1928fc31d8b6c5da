/** where: the elements of one tensor where a condition is true, and of another where it is false. */

import { broadcastShapes, shapeOf } from '../base/shape.js';
import { isTensor, type Tensor } from '../engine/tensor.js';
import { applyMany } from '../op/apply.js';
import { Op } from '../op/op.js';
import { operandBeside } from '../op/operands.js';
import { fromX } from '../op/rules.js';
import { raisedOperands } from './movement.js';

const whereOp = new Op('where', {
  kernel: 'where',
  vjps: [null, fromX((ct, condition) => select(condition, ct, 0)), fromX((ct, condition) => select(condition, 0, ct))],
  forward: 'elementwise',
  batch: (call) => applyMany(call.op, raisedOperands(call), call.dtype, shapeOf([call.count, ...call.shape]), null),
});

/**
 * x where the condition (bool) is true, else y; all three broadcast. One of x and y may be a number, which takes the
 * dtype of the other.
 */
export function select(condition: Tensor, x: Tensor | number, y: Tensor | number): Tensor {
  const dtype = isTensor(x) ? x.dtype : (y as Tensor).dtype;
  const a = isTensor(x) ? x : operandBeside('where', x, dtype);
  const b = isTensor(y) ? y : operandBeside('where', y, dtype);
  const shape = broadcastShapes('where', broadcastShapes('where', condition.shape, a.shape), b.shape);
  return applyMany(whereOp, [condition, a, b], a.dtype, shape, null);
}
