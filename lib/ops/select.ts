/** where: choosing elements. */
import { refuseExtra } from '../base/arguments.js';
import { DTypeError, ValueError } from '../base/errors.js';
import { shapeOf } from '../base/shape.js';
import { isTensor, type Tensor } from '../engine/tensor.js';
import { asTensor, asTensors } from '../op/operands.js';
import type { TensorLike } from '../op/variable.js';
import { reshapeTo } from '../primitives/movement.js';
import { select } from '../primitives/select.js';

/**
 * The index vectors, int32 [count, rank], of the elements that are true, or not 0 (any dtype), in row-major order.
 * Computes the condition at once, because the shape of the result depends on it.
 */
export function where(condition: TensorLike): Tensor;
/**
 * x where the condition (bool) is true, else y; all three broadcast. The operand that is not chosen gets a gradient of
 * 0 there.
 * @throws DTypeError, ShapeError; ValueError ERR_OPTION if only one of x and y is given
 */
export function where(condition: TensorLike, x: TensorLike, y: TensorLike): Tensor;
export function where(condition: TensorLike, x?: TensorLike, y?: TensorLike): Tensor {
  if (arguments.length > 3) refuseExtra('where', arguments[3], undefined);
  if (x === undefined && y === undefined) return indicesOf(asTensor('where', condition, undefined, 'condition'));
  const c = asTensor('where', condition, 'bool', 'condition');
  if (x === undefined || y === undefined) {
    throw new ValueError('where: expected both x and y, or neither, for the indices of what is true', 'ERR_OPTION');
  }
  if (c.dtype !== 'bool')
    throw new DTypeError(`where: the condition must be bool, got ${c.dtype}; compare it with something`);
  const [a, b] = (
    isTensor(x) && isTensor(y) && x.dtype === y.dtype ? [x, y] : asTensors('where', [x, y], ['x', 'y'])
  ) as [Tensor, Tensor];
  return select(c, a, b);
}

function indicesOf(c: Tensor): Tensor {
  const indices: number[] = [];
  c.dataSync().forEach((value, at) => {
    if (value === 0) return;
    let rest = at;
    const index = c.shape.toReversed().map((length) => {
      const i = rest % length;
      rest = (rest - i) / length;
      return i;
    });
    for (const i of index.reverse()) indices.push(i);
  });
  const count = c.rank === 0 ? Number(c.item() !== 0) : indices.length / c.rank;
  return reshapeTo(asTensor('where', Int32Array.from(indices)), shapeOf([count, c.rank]));
}
