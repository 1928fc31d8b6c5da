/** addN: the sum of several tensors. Its first argument is a list, so it is no method. */
import { refuseExtra } from '../base/arguments.js';
import { ShapeError, show, ValueError } from '../base/errors.js';
import { sameShape, showShape } from '../base/shape.js';
import type { Tensor } from '../engine/tensor.js';
import { asTensors, listOfOperands, ofKind } from '../op/operands.js';
import type { TensorLike } from '../op/variable.js';
import { sumOfAll } from '../primitives/add-n.js';

/**
 * The sum of tensors of one shape and dtype, added from the first to the last; a single one itself. float32, float64, int32,
 * uint8.
 * @throws ShapeError if shapes differ (nothing is broadcast), DTypeError, ValueError for an empty list
 */
export function addN(inputs: readonly TensorLike[]): Tensor {
  if (arguments.length > 1) refuseExtra('addN', arguments[1], undefined);
  const list = listOfOperands(inputs);
  if (!list || list.length === 0) {
    const expected = list ? 'at least one tensor' : 'a list of tensors';
    throw new ValueError(`addN: inputs must be ${expected}, got ${show(inputs)}`);
  }
  const names = list.map((_, i) => `inputs[${i}]`);
  const tensors = asTensors('addN', list, names);
  const first = ofKind('addN', tensors[0] as Tensor, 'floating', 'integer');
  tensors.forEach((t, i) => {
    if (sameShape(t.shape, first.shape)) return;
    throw new ShapeError(
      `addN: inputs must have one shape, got ${showShape(first.shape)} and, inputs[${i}], ${showShape(t.shape)}`,
    );
  });
  return tensors.length === 1 ? first : sumOfAll(tensors);
}
