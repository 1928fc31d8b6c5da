/** Changing shapes, axes and dtypes: the checks around primitives/movement.ts. */
import { listOf, refuseExtra, refuseSpread } from '../base/arguments.js';
import type { DType } from '../base/dtype.js';
import { checkDType } from '../base/dtype.js';
import { ShapeError, show } from '../base/errors.js';
import type { Lengths } from '../base/shape.js';
import {
  broadcastsTo,
  checkAxes,
  checkAxis,
  checkIntegers,
  checkShape,
  elementsOf,
  guardShape,
  sameShape,
  showShape,
  sizeOf,
} from '../base/shape.js';
import { type Tensor, uniformTensor } from '../engine/tensor.js';
import { applied1 } from '../op/apply.js';
import { Op } from '../op/op.js';
import { asTensor } from '../op/operands.js';
import type { TensorLike } from '../op/variable.js';
import { broadcast, castTo, identityOf, reshapeTo, stopGradientOf, transposeBy } from '../primitives/movement.js';

/**
 * The same elements, in row-major order, in another shape. One length may be -1: it is computed from the size.
 * @throws ShapeError for a shape of another size
 */
export function reshape(x: TensorLike, shape: number | Lengths): Tensor {
  if (arguments.length > 2) {
    refuseSpread('reshape', 'x, ', [...arguments].slice(1));
    refuseExtra('reshape', arguments[2], undefined);
  }
  const a = asTensor('reshape', x);
  const lengths = checkIntegers('reshape', 'shape', 'a list of integers >= 0, of which one may be -1', shape);
  const open = lengths.indexOf(-1);
  if (open >= 0) {
    if (lengths.includes(-1, open + 1)) {
      throw new ShapeError(`reshape: shape may hold one -1, got ${showShape(lengths)}`);
    }
    const rest = sizeOf(checkShape('reshape', lengths.toSpliced(open, 1)));
    if (rest === 0 || a.size % rest !== 0) throw reshapeError(a, lengths);
    lengths[open] = a.size / rest;
  }
  const target = checkShape('reshape', lengths);
  if (sizeOf(target) !== a.size) throw reshapeError(a, lengths);
  return reshapeTo(a, target);
}

function reshapeError(a: Tensor, shape: readonly number[]): ShapeError {
  return new ShapeError(
    `reshape: ${a.size} elements of shape ${showShape(a.shape)} do not fit shape ${showShape(shape)}`,
  );
}

/**
 * A new axis of length 1, at `axis` of the result.
 * @throws ShapeError ERR_AXIS
 */
export function expandDims(x: TensorLike, axis: number): Tensor {
  if (arguments.length > 2) refuseExtra('expandDims', arguments[2], undefined);
  const a = asTensor('expandDims', x);
  const at = checkAxis('expandDims', axis, a.rank + 1);
  return reshapeTo(a, guardShape('expandDims', [...a.shape.slice(0, at), 1, ...a.shape.slice(at)]));
}

/**
 * Without the axes of length 1, or only without those that `axis` names.
 * @throws ShapeError for a named axis of another length
 */
export function squeeze(x: TensorLike, axis?: number | Lengths | null): Tensor {
  if (arguments.length > 2) {
    refuseSpread('squeeze', 'x, ', [...arguments].slice(1));
    refuseExtra('squeeze', arguments[2], undefined);
  }
  const a = asTensor('squeeze', x);
  const named = axis === undefined || axis === null ? [] : checkAxes('squeeze', axis, a.rank);
  for (const d of named) {
    if (a.shape[d] !== 1)
      throw new ShapeError(`squeeze: axis ${d} of shape ${showShape(a.shape)} has length ${a.shape[d]}, not 1`);
  }
  return reshapeTo(
    a,
    guardShape(
      'squeeze',
      a.shape.filter((length, d) => (named.length > 0 ? !named.includes(d) : length !== 1)),
    ),
  );
}

/**
 * The tensor repeated along axes to the given shape, by NumPy's rules of broadcasting.
 * @throws ShapeError
 */
export function broadcastTo(x: TensorLike, shape: number | Lengths): Tensor {
  if (arguments.length > 2) {
    refuseSpread('broadcastTo', 'x, ', [...arguments].slice(1));
    refuseExtra('broadcastTo', arguments[2], undefined);
  }
  const a = asTensor('broadcastTo', x);
  const target = checkShape('broadcastTo', shape);
  if (!broadcastsTo(a.shape, target))
    throw new ShapeError(`broadcastTo: shape ${showShape(a.shape)} does not broadcast to ${showShape(target)}`);
  return sameShape(a.shape, target) ? identityOf(a) : broadcast(a, target);
}

/**
 * Axes in another order: axis i of the result is axis perm[i] of x. Without `perm` the order is reversed.
 * @throws ShapeError
 */
export function transpose(x: TensorLike, perm?: Lengths): Tensor {
  if (arguments.length > 2) {
    refuseSpread('transpose', 'x, ', [...arguments].slice(1));
    refuseExtra('transpose', arguments[2], undefined);
  }
  const a = asTensor('transpose', x);
  if (perm === undefined)
    return transposeBy(
      a,
      Array.from({ length: a.rank }, (_, i) => a.rank - 1 - i),
    );
  const list = listOf(perm) ?? elementsOf(perm);
  if (!list)
    throw new ShapeError(`transpose: perm must be a list of the ${a.rank} axes, got ${show(perm)}`, 'ERR_AXIS');
  const order = list.map((axis) => checkAxis('transpose', axis, a.rank));
  if (order.length !== a.rank || new Set(order).size !== a.rank) {
    throw new ShapeError(`transpose: perm ${showShape(order)} is not an order of the ${a.rank} axes`);
  }
  return transposeBy(a, order);
}

/**
 * The elements as another dtype. Floats become integers by cutting off the fraction; as bool, 0 is false and all else
 * true. Gradients flow between floating dtypes only.
 * @throws DTypeError for what is no dtype
 */
export function cast(x: TensorLike, dtype: DType): Tensor {
  if (arguments.length > 2) refuseExtra('cast', arguments[2], undefined);
  const a = asTensor('cast', x);
  checkDType('cast', dtype);
  return castTo(a, dtype);
}

/**
 * The same tensor, once its shape is checked: a list of lengths, null (or -1) for any length; null in place of the list
 * for any shape.
 * @throws ShapeError for another shape
 */
export function ensureShape(x: TensorLike, shape: readonly (number | null)[] | Lengths | null): Tensor {
  if (arguments.length > 2) {
    refuseSpread('ensureShape', 'x, ', [...arguments].slice(1));
    refuseExtra('ensureShape', arguments[2], undefined);
  }
  const a = asTensor('ensureShape', x);
  if (shape === null) return identityOf(a);
  const what = 'a list of integers >= 0, or null for any length';
  const open = listOf(shape)?.map((length) => (length === null ? -1 : length));
  const lengths = checkIntegers('ensureShape', 'shape', what, open ?? shape);
  const bad = lengths.find((length) => length < -1);
  if (bad !== undefined) throw new ShapeError(`ensureShape: shape must be ${what}, got ${bad}`);
  if (lengths.length !== a.rank || lengths.some((length, d) => length >= 0 && length !== a.shape[d])) {
    const shown = lengths.map((length) => (length < 0 ? 'null' : length)).join(', ');
    throw new ShapeError(`ensureShape: x has shape ${showShape(a.shape)}, expected [${shown}]`);
  }
  return identityOf(a);
}

/** Another tensor with the same value, through which gradients flow. */
export function identity(x: TensorLike): Tensor {
  if (arguments.length > 1) refuseExtra('identity', arguments[1], arguments[2]);
  return identityOf(asTensor('identity', x));
}

/** Another tensor with the same value, which is a constant to every tape: no gradient flows through it. */
export function stopGradient(x: TensorLike): Tensor {
  if (arguments.length > 1) refuseExtra('stopGradient', arguments[1], arguments[2]);
  return stopGradientOf(asTensor('stopGradient', x));
}

const zerosOp = new Op('zerosLike', {});
const onesOp = new Op('onesLike', {});

/** Zeros of the tensor's shape and dtype. */
export function zerosLike(x: TensorLike): Tensor {
  if (arguments.length > 1) refuseExtra('zerosLike', arguments[1], arguments[2]);
  return filledLike(zerosOp, x, 0);
}

/** Ones of the tensor's shape and dtype. */
export function onesLike(x: TensorLike): Tensor {
  if (arguments.length > 1) refuseExtra('onesLike', arguments[1], arguments[2]);
  return filledLike(onesOp, x, 1);
}

function filledLike(op: Op, x: TensorLike, value: number): Tensor {
  const a = asTensor(op.name, x);
  return applied1(op, uniformTensor(value, a.dtype, a.shape), a, null);
}
