/** Labels and logits as users pass them: probabilities of the logits' shape, or numbers of classes. */
import { isFloating } from '../base/dtype.js';
import { DTypeError, ShapeError, ValueError } from '../base/errors.js';
import { sameShape, showShape } from '../base/shape.js';
import { isKnown, type Tensor } from '../engine/tensor.js';
import { apply1 } from './apply.js';
import { Op } from './op.js';
import { asTensor, dtypeOf } from './operands.js';
import type { TensorLike } from './variable.js';

const toClasses = new Op('cast', { kernel: 'cast' });

/** Labels and logits of one shape and dtype. Somebody who has swapped them is told the order. */
export function labelsAndLogits(op: string, labels: TensorLike, logits: TensorLike): [Tensor, Tensor] {
  const known =
    dtypeOf(labels) ?? (ArrayBuffer.isView(labels) ? asTensor(op, labels, undefined, 'labels').dtype : undefined);
  const x = asTensor(op, logits, known && isFloating(known) ? known : undefined, 'logits');
  const y = asTensor(op, labels, isFloating(x.dtype) ? x.dtype : undefined, 'labels');
  for (const [name, t] of Object.entries({ labels: y, logits: x })) {
    if (isFloating(t.dtype)) continue;
    throw new DTypeError(
      `${op}: ${name} must be float32 or float64, got ${t.dtype}; labels (probabilities) come first, then logits`,
    );
  }
  if (y.dtype !== x.dtype) {
    throw new DTypeError(`${op}: labels have dtype ${y.dtype}, logits ${x.dtype}; write cast(labels, '${x.dtype}')`);
  }
  if (!sameShape(y.shape, x.shape)) {
    throw new ShapeError(`${op}: labels ${showShape(y.shape)} and logits ${showShape(x.shape)} differ in shape`);
  }
  return [y, x];
}

/** Labels as int32. Whole numbers of any dtype are classes; floats are looked at, so that no fraction becomes one. */
export function wholeLabels(op: string, labels: Tensor, name: string): Tensor {
  if (labels.dtype === 'int32') return labels;
  const order = `${name} (classes) come first`;
  if (labels.dtype === 'bool') throw new DTypeError(`${op}: ${name} must be whole numbers, got bool; ${order}`);
  if (isFloating(labels.dtype)) {
    for (const label of labels.dataSync()) {
      if (!Number.isInteger(label))
        throw new DTypeError(`${op}: ${name} must be whole numbers, got ${label}; ${order}`);
    }
  }
  return apply1(toClasses, labels, 'int32', labels.shape, null);
}

/** Classes as int32 labels of the logits' leading axes, each below the length of their last one. */
function classLabels(op: string, labels: TensorLike, name: string, logits: Tensor): Tensor {
  const given = asTensor(op, labels, undefined, name);
  const classes = logits.shape[logits.rank - 1] as number;
  if (!sameShape(given.shape, logits.shape.slice(0, -1))) {
    throw new ShapeError(
      `${op}: ${name} ${showShape(given.shape)} do not fit logits ${showShape(logits.shape)}; expected its leading axes; ${name} (classes) come first`,
    );
  }
  const whole = wholeLabels(op, given, name);
  if (isKnown(given)) {
    for (const label of given.dataSync()) {
      if (label >= 0 && label < classes) continue;
      throw new ValueError(`${op}: label ${label} is out of range for ${classes} classes`, 'ERR_INDEX');
    }
  }
  return whole;
}

/** Logits of a floating dtype, and the classes of their rows as int32; errors call the arguments by these names. */
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
  return [classLabels(op, labels, labelsName, x), x];
}
