/** Softmax and its logarithm: the checks around primitives/softmax.ts. */
import { refuseExtra } from '../../base/arguments.js';
import type { Tensor } from '../../engine/tensor.js';
import { oneAxis } from '../../op/axes.js';
import { asTensor, floating } from '../../op/operands.js';
import type { TensorLike } from '../../op/variable.js';
import { logSoftmaxAlong, softmaxAlong } from '../../primitives/softmax.js';

/**
 * exp(x) / sum(exp(x)) along the axis (default the last), without overflow. float32 and float64.
 * @throws ShapeError ERR_AXIS; DTypeError
 */
export function softmax(x: TensorLike, axis = -1): Tensor {
  if (arguments.length > 2) refuseExtra('nn.softmax', arguments[2], arguments[2]);
  const a = floating('nn.softmax', asTensor('nn.softmax', x));
  const d = oneAxis('nn.softmax', axis, a.rank);
  return softmaxAlong(a, d);
}

/**
 * log(softmax(x)) along the axis (default the last), without overflow. float32 and float64.
 * @throws ShapeError ERR_AXIS; DTypeError
 */
export function logSoftmax(x: TensorLike, axis = -1): Tensor {
  if (arguments.length > 2) refuseExtra('nn.logSoftmax', arguments[2], arguments[2]);
  const a = floating('nn.logSoftmax', asTensor('nn.logSoftmax', x));
  const d = oneAxis('nn.logSoftmax', axis, a.rank);
  return logSoftmaxAlong(a, d);
}
