/** Cross entropies of logits: the checks around primitives/softmax.ts. */
import { refuseExtra } from '../../base/arguments.js';
import { sameShape } from '../../base/shape.js';
import type { Tensor } from '../../engine/tensor.js';
import { oneAxis } from '../../op/axes.js';
import { labelsAndLogits, logitsAndClasses } from '../../op/labels.js';
import type { TensorLike } from '../../op/variable.js';
import { broadcast } from '../../primitives/movement.js';
import { crossEntropyAlong, sigmoidCrossEntropyOf, sparseCrossEntropyOf } from '../../primitives/softmax.js';

/**
 * -sum(labels * logSoftmax(logits)) along the axis (default the last); labels are probabilities, of the logits' shape
 * or one that broadcasts to it. float32 and float64. The gradient with respect to the logits is softmax(logits) - labels,
 * also where the labels do not sum to 1.
 * @throws DTypeError for dtypes that differ; ShapeError for labels that do not broadcast
 */
export function softmaxCrossEntropyWithLogits(labels: TensorLike, logits: TensorLike, axis = -1): Tensor {
  const op = 'nn.softmaxCrossEntropyWithLogits';
  if (arguments.length > 3) refuseExtra(op, arguments[3], arguments[3]);
  const [y, x] = labelsAndLogits(op, labels, logits, true);
  const d = oneAxis(op, axis, x.rank);
  return crossEntropyAlong(sameShape(y.shape, x.shape) ? y : broadcast(y, x.shape), x, d);
}

/**
 * -logSoftmax(logits)[label] along the last axis; labels are whole numbers, of the shape of the logits without the last
 * axis. Only the logits have a gradient.
 * @throws ValueError ERR_INDEX for a label that is no class; DTypeError, ShapeError for labels that do not fit the
 *   logits
 */
export function sparseSoftmaxCrossEntropyWithLogits(labels: TensorLike, logits: TensorLike): Tensor {
  const op = 'nn.sparseSoftmaxCrossEntropyWithLogits';
  if (arguments.length > 2) refuseExtra(op, arguments[2], arguments[2]);
  return sparseCrossEntropyOf(op, ...logitsAndClasses(op, labels, logits, 'labels', 'logits'));
}

/**
 * The cross entropy of sigmoid(logits) with labels of the same shape, element by element, without overflow:
 * max(x, 0) - x z + log(1 + exp(-|x|)) for logits x and labels z.
 * @throws DTypeError, ShapeError for labels and logits that differ in dtype or shape
 */
export function sigmoidCrossEntropyWithLogits(labels: TensorLike, logits: TensorLike): Tensor {
  const op = 'nn.sigmoidCrossEntropyWithLogits';
  if (arguments.length > 2) refuseExtra(op, arguments[2], arguments[2]);
  const [z, x] = labelsAndLogits(op, labels, logits);
  return sigmoidCrossEntropyOf(z, x);
}
