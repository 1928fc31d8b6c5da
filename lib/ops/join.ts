/** concat and stack. Their first argument is a list, so they are no methods. */
import { isOptions, options, refuseExtra } from '../base/arguments.js';
import { ShapeError, show, ValueError } from '../base/errors.js';
import { checkAxis, guardShape, sameShape, shapeOf, showShape } from '../base/shape.js';
import type { Tensor } from '../engine/tensor.js';
import { asTensors, listOfOperands } from '../op/operands.js';
import type { TensorLike } from '../op/variable.js';
import { concatAlong } from '../primitives/box.js';
import { reshapeTo } from '../primitives/movement.js';

/** The list of operands of an op that joins them. */
function checkTensors(op: string, values: unknown): readonly TensorLike[] {
  const list = listOfOperands(values);
  if (!list || list.length === 0) {
    const expected = list ? 'at least one tensor' : 'a list of tensors';
    throw new ValueError(`${op}: values must be ${expected}, got ${show(values)}`);
  }
  return list;
}

/**
 * The tensors one after the other along an axis. They have one dtype, and one shape but for that axis.
 * @throws ShapeError, DTypeError, ValueError for an empty list
 */
export function concat(values: readonly TensorLike[], axis: number): Tensor {
  if (arguments.length > 2) refuseExtra('concat', arguments[2], undefined);
  const tensors = asTensors('concat', checkTensors('concat', values));
  const first = tensors[0] as Tensor;
  if (first.rank === 0) throw new ShapeError('concat: scalars have no axis to join along; use stack');
  const d = checkAxis('concat', axis, first.rank);
  for (const t of tensors) {
    if (t.rank !== first.rank || t.shape.some((n, i) => i !== d && n !== first.shape[i])) {
      throw new ShapeError(
        `concat: shapes ${tensors.map((u) => showShape(u.shape)).join(' and ')} differ off axis ${d}`,
      );
    }
  }
  const length = tensors.reduce((sum, t) => sum + (t.shape[d] as number), 0);
  guardShape('concat', first.shape.toSpliced(d, 1, length));
  return concatAlong(tensors, d);
}

/**
 * Tensors of one shape and dtype along a new axis (default 0) of the result.
 * @throws ShapeError, DTypeError, ValueError for an empty list
 */
export function stack(values: readonly TensorLike[], axis = 0): Tensor {
  if (arguments.length > 2) refuseExtra('stack', arguments[2], undefined);
  if (isOptions(axis)) options('stack', {}, axis);
  const tensors = asTensors('stack', checkTensors('stack', values));
  const first = tensors[0] as Tensor;
  for (const t of tensors) {
    if (!sameShape(t.shape, first.shape)) {
      throw new ShapeError(`stack: shapes ${showShape(first.shape)} and ${showShape(t.shape)} differ`);
    }
  }
  const d = checkAxis('stack', axis, first.rank + 1);
  guardShape('stack', [tensors.length, ...first.shape]);
  const shape = shapeOf(first.shape.toSpliced(d, 0, 1));
  return concatAlong(
    tensors.map((t) => reshapeTo(t, shape)),
    d,
  );
}
