/** Scatters into a tensor: updates at index vectors, and a part of a tensor replaced. */
import { refuseBehind, refuseExtra } from '../base/arguments.js';
import { DTypeError, named, ShapeError } from '../base/errors.js';
import { broadcastsTo, guardShape, type Shape, sameShape, shapeOf, showShape, sizeOf } from '../base/shape.js';
import { type Tensor, uniformTensor } from '../engine/tensor.js';
import { asIndices, asTensor, mixedDTypes, ofKind } from '../op/operands.js';
import { boxOf, type IndexEntry, rangesOf } from '../op/ranges.js';
import type { TensorLike } from '../op/variable.js';
import { boxAt, placeBox } from '../primitives/box.js';
import type { Rows } from '../primitives/gather.js';
import { broadcast, reshapeTo } from '../primitives/movement.js';
import { type Combination, scatterInto } from '../primitives/scatter-into.js';
import { select } from '../primitives/select.js';
import { type ScatterOptions, scatterTarget, wholeShape, withoutIgnored } from './scatter.js';

/** The scatter that goes by a name in errors. */
export function tensorScatter(
  op: string,
  way: Combination,
  tensor: TensorLike,
  indices: TensorLike,
  updates: TensorLike,
  opts: ScatterOptions | undefined,
): Tensor {
  const t = asTensor(op, tensor, undefined, 'tensor');
  const i = asIndices(op, indices);
  const u = asTensor(op, updates, t.dtype, 'updates');
  if (u.dtype !== t.dtype) throw mixedDTypes(op, t, u, 'tensor', 'updates');
  if (way !== 'update') ofKind(op, t, 'floating', 'integer');
  const to = scatterTarget(op, i, u, t.shape, opts);
  if (!to.ignores) return scatterInto(op, way, t, u, to.numbers, to.rows);
  const whole = wholeShape(op, to);
  const [count, inner] = whole as [number, number];
  const padded = placeBox(reshapeTo(t, shapeOf([count - 1, inner])), whole, boxAt([0, 0]));
  return withoutIgnored(scatterInto(op, way, padded, u, to.numbers, to.rows), t.shape);
}

/** A scatter into a tensor. */
export type TensorScatter = (
  tensor: TensorLike,
  indices: TensorLike,
  updates: TensorLike,
  opts?: ScatterOptions,
) => Tensor;

function scatterBy(op: string, way: Combination): TensorScatter {
  return named(op, function (tensor: TensorLike, indices: TensorLike, updates: TensorLike, opts?: ScatterOptions) {
    if (arguments.length > 4) refuseBehind(op, arguments[4]);
    return tensorScatter(op, way, tensor, indices, updates, opts);
  });
}

/**
 * The tensor with updates in place of its elements (or slices) at index vectors, which are the last axis of indices. The
 * updates have the shape indices.shape[:-1] + tensor.shape[indices.shape[-1]:]. Of updates at one index the last one
 * stays, and only it has a gradient. Every dtype.
 * @throws ShapeError, DTypeError; ValueError ERR_INDEX for an index out of range: at once if the indices are known, else
 *   when it is computed
 */
export const tensorScatterNdUpdate: TensorScatter = scatterBy('tensorScatterNdUpdate', 'update');
/**
 * The tensor with updates added to its elements (or slices) at index vectors, as in `tensorScatterNdUpdate`; updates at
 * one index add up. Every dtype but bool.
 * @throws ShapeError, DTypeError, ValueError ERR_INDEX
 */
export const tensorScatterNdAdd: TensorScatter = scatterBy('tensorScatterNdAdd', 'add');
/**
 * The tensor with updates subtracted from its elements (or slices) at index vectors, as in `tensorScatterNdUpdate`.
 * Every dtype but bool.
 * @throws ShapeError, DTypeError, ValueError ERR_INDEX
 */
export const tensorScatterNdSub: TensorScatter = scatterBy('tensorScatterNdSub', 'sub');
/**
 * The tensor with the larger of its element and the updates at each index vector, as in `tensorScatterNdUpdate`. All
 * that equal the result share its gradient equally. Every dtype but bool.
 * @throws ShapeError, DTypeError, ValueError ERR_INDEX
 */
export const tensorScatterNdMax: TensorScatter = scatterBy('tensorScatterNdMax', 'max');
/**
 * The tensor with the smaller of its element and the updates at each index vector, as in `tensorScatterNdMax`.
 * @throws ShapeError, DTypeError, ValueError ERR_INDEX
 */
export const tensorScatterNdMin: TensorScatter = scatterBy('tensorScatterNdMin', 'min');

/** An index as `at` takes it, a list of its entries or a single one; or a bool mask of the leading axes' shape. */
export type UpdateIndex = IndexEntry | readonly IndexEntry[] | TensorLike;

/**
 * x with values in place of the part that `index` takes: x.at(...index) then is `values`, broadcast to its shape. Or
 * with a bool mask, of the shape of x's leading axes: values where it is true. They are one for all places (of the shape
 * of the further axes, or one that broadcasts to it); or one for each place, in row-major order: the mask is then
 * computed at once. Every dtype.
 * @throws ShapeError, DTypeError, ValueError ERR_INDEX
 */
export function updateAt(x: TensorLike, index: UpdateIndex, values: TensorLike): Tensor {
  if (arguments.length > 3) refuseExtra('updateAt', arguments[3], undefined);
  return updatedAt('updateAt', asTensor('updateAt', x), index, values);
}

/** updateAt. `op`: the name in errors. */
export function updatedAt(op: string, x: Tensor, index: UpdateIndex, values: TensorLike): Tensor {
  const v = asTensor(op, values, x.dtype, 'values');
  if (v.dtype !== x.dtype) throw mixedDTypes(op, x, v, 'x', 'values');
  const entries = entriesOf(index);
  if (!entries) return updatedWhere(op, x, asTensor(op, index as TensorLike, 'bool', 'index'), v);
  const { ranges, shape } = rangesOf(op, x.shape, entries);
  checkBroadcast(op, v, shape);
  const { begin, strides, lengths } = boxOf(ranges);
  const part = reshapeTo(broadcast(v, shape), lengths);
  const inside = placeBox(uniformTensor(1, 'bool', lengths), x.shape, { begin, strides });
  return select(inside, placeBox(part, x.shape, { begin, strides }), x);
}

/** The entries of an index; null for what is none, but a mask. */
function entriesOf(index: UpdateIndex): readonly IndexEntry[] | null {
  const isEntry = (value: unknown): value is IndexEntry =>
    value === null || typeof value === 'number' || typeof value === 'string';
  if (isEntry(index)) return [index];
  return Array.isArray(index) && index.every(isEntry) ? (index as readonly IndexEntry[]) : null;
}

function checkBroadcast(op: string, v: Tensor, shape: Shape): void {
  if (broadcastsTo(v.shape, shape)) return;
  throw new ShapeError(`${op}: values of shape ${showShape(v.shape)} do not broadcast to ${showShape(shape)}`);
}

function updatedWhere(op: string, x: Tensor, mask: Tensor, v: Tensor): Tensor {
  if (mask.dtype !== 'bool') {
    throw new DTypeError(
      `${op}: index must be entries of 'at' or a bool mask, got a tensor of ${mask.dtype}; compare it with something`,
    );
  }
  if (!sameShape(mask.shape, x.shape.slice(0, mask.rank))) {
    throw new ShapeError(
      `${op}: a mask ${showShape(mask.shape)} does not fit the leading axes of ${showShape(x.shape)}`,
    );
  }
  const rest = x.shape.slice(mask.rank);
  if (v.rank <= rest.length) {
    checkBroadcast(op, v, rest);
    return select(reshapeTo(mask, guardShape(op, [...mask.shape, ...rest.map(() => 1)])), v, x);
  }
  const places: number[] = [];
  mask.dataSync().forEach((value, i) => {
    if (value !== 0) places.push(i);
  });
  const shape = guardShape(op, [places.length, ...rest]);
  checkBroadcast(op, v, shape);
  const sizes: Rows['sizes'] = [1, 1, mask.size, places.length, sizeOf(rest)];
  const indices = asIndices(op, Int32Array.from(places));
  return scatterInto(op, 'update', x, broadcast(v, shape), indices, { sizes, sparse: false });
}
