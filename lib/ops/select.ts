/** where and clipByValue: choosing and limiting elements. */
import { refuseExtra } from '../base/arguments.js';
import { DTypeError, ShapeError, ValueError } from '../base/errors.js';
import { broadcastsTo, shapeOf, showShape } from '../base/shape.js';
import { isTensor, type Tensor } from '../engine/tensor.js';
import { asTensor, asTensors, ofKind } from '../op/operands.js';
import type { TensorLike } from '../op/variable.js';
import { maximum, minimum } from '../primitives/arithmetic.js';
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

/**
 * x limited to [low, high], by min(max): where low > high it is low, as in TensorFlow. The bounds broadcast to x. The
 * derivative is 1 within the interval and at its bounds, 0 outside.
 * @throws DTypeError, ShapeError
 */
export function clipByValue(x: TensorLike, low: TensorLike, high: TensorLike): Tensor {
  if (arguments.length > 3) refuseExtra('clipByValue', arguments[3], undefined);
  const [a, l, h] = asTensors('clipByValue', [x, low, high], ['x', 'low', 'high']) as [Tensor, Tensor, Tensor];
  ofKind('clipByValue', a, 'floating', 'integer');
  for (const [name, bound] of [['low', l] as const, ['high', h] as const]) {
    if (broadcastsTo(bound.shape, a.shape)) continue;
    throw new ShapeError(
      `clipByValue: ${name} ${showShape(bound.shape)} does not broadcast to x ${showShape(a.shape)}`,
    );
  }
  return maximum(minimum(a, h), l);
}
