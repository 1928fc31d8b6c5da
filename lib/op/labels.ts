/** Labels and logits, as users pass them: labels are probabilities of the logits' shape, or classes (whole numbers). */
import { isFloating } from '../base/dtype.js';
import { DTypeError, ShapeError, ValueError } from '../base/errors.js';
import { broadcastsTo, type Shape, sameShape, showShape } from '../base/shape.js';
import { isKnown, type Tensor } from '../engine/tensor.js';
import { asTensor, dtypeOf, toInt32 } from './operands.js';
import { elementsIn } from './read.js';
import type { TensorLike } from './variable.js';

/**
 * Labels (probabilities) and logits, of one floating dtype; of one shape, or with `broadcasts` labels whose shape
 * broadcasts to that of the logits. The errors name the order of arguments, for users who swapped them.
 */
export function labelsAndLogits(
  op: string,
  labels: TensorLike,
  logits: TensorLike,
  broadcasts = false,
): [Tensor, Tensor] {
  const known =
    dtypeOf(labels) ?? (ArrayBuffer.isView(labels) ? asTensor(op, labels, undefined, 'labels').dtype : undefined);
  const x = asTensor(op, logits, known && isFloating(known) ? known : undefined, 'logits');
  const y = asTensor(op, labels, isFloating(x.dtype) ? x.dtype : undefined, 'labels');
  for (const [name, t] of Object.entries({ labels: y, logits: x })) {
    if (isFloating(t.dtype)) continue;
    const hint =
      name === 'labels' && isFloating(x.dtype)
        ? `write cast(labels, '${x.dtype}')`
        : 'labels (probabilities) come first, then logits';
    throw new DTypeError(`${op}: ${name} must be float32 or float64, got ${t.dtype}; ${hint}`);
  }
  if (y.dtype !== x.dtype) {
    throw new DTypeError(`${op}: labels have dtype ${y.dtype}, logits ${x.dtype}; write cast(labels, '${x.dtype}')`);
  }
  if (broadcasts && !broadcastsTo(y.shape, x.shape)) {
    const hint = leads(y.shape, x.shape)
      ? '; of classes write nn.sparseSoftmaxCrossEntropyWithLogits(labels, logits)'
      : '';
    throw new ShapeError(`${op}: labels ${showShape(y.shape)} do not broadcast to logits ${showShape(x.shape)}${hint}`);
  }
  if (!broadcasts && !sameShape(y.shape, x.shape)) {
    throw new ShapeError(`${op}: labels ${showShape(y.shape)} and logits ${showShape(x.shape)} differ in shape`);
  }
  return [y, x];
}

/**
 * Classes as int32, from labels of any numeric dtype. Floats are computed and checked, so that a fraction is not cut to
 * a class.
 */
export function wholeLabels(op: string, labels: Tensor, name: string): Tensor {
  if (labels.dtype === 'int32') return labels;
  const order = `${name} (classes) come first`;
  if (labels.dtype === 'bool') throw new DTypeError(`${op}: ${name} must be whole numbers, got bool; ${order}`);
  if (isFloating(labels.dtype)) {
    const elements = elementsIn(labels);
    for (let i = 0; i < elements.length; i++) {
      const label = elements[i] as number;
      if (!Number.isInteger(label))
        throw new DTypeError(`${op}: ${name} must be whole numbers, got ${label}; ${order}`);
    }
  }
  return toInt32(labels);
}

/** Whether the first shape is the second without its last axis. */
export function leads(leading: Shape, shape: Shape): boolean {
  if (leading.length !== shape.length - 1) return false;
  for (let d = 0; d < leading.length; d++) if (leading[d] !== shape[d]) return false;
  return true;
}

/**
 * Classes as int32, of the shape of the logits without their last axis. Known ones are checked against the length of
 * that axis.
 */
function classLabels(op: string, labels: TensorLike, name: string, logits: Tensor, logitsName: string): Tensor {
  const given = asTensor(op, labels, undefined, name);
  const classes = logits.shape[logits.rank - 1] as number;
  if (!leads(given.shape, logits.shape)) {
    const isOneHot = sameShape(given.shape, logits.shape);
    const hint = isOneHot ? `of one-hot vectors write argmax(${name}, -1)` : `${name} (classes) come first`;
    throw new ShapeError(
      `${op}: ${name} ${showShape(given.shape)} do not fit ${logitsName} ${showShape(logits.shape)}; expected its leading axes; ${hint}`,
    );
  }
  const whole = wholeLabels(op, given, name);
  if (isKnown(given)) {
    const elements = elementsIn(given);
    for (let i = 0; i < elements.length; i++) {
      const label = elements[i] as number;
      if (label >= 0 && label < classes) continue;
      throw new ValueError(`${op}: label ${label} is out of range for ${classes} classes`, 'ERR_INDEX');
    }
  }
  return whole;
}

/**
 * Classes as int32 and logits [..., classes] of a floating dtype. `labelsName` and `logitsName`: the arguments' names
 * in errors.
 */
export function logitsAndClasses(
  op: string,
  labels: TensorLike,
  logits: TensorLike,
  labelsName: string,
  logitsName: string,
): [classes: Tensor, logits: Tensor] {
  const x = asTensor(op, logits, undefined, logitsName);
  if (!isFloating(x.dtype)) {
    throw new DTypeError(
      `${op}: ${logitsName} must be float32 or float64, got ${x.dtype}; ${labelsName} (classes) come first, then ${logitsName}`,
    );
  }
  if (x.rank === 0) throw new ShapeError(`${op}: ${logitsName} must be [..., classes], got shape []`);
  return [classLabels(op, labels, labelsName, x, logitsName), x];
}
