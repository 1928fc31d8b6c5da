/** Sorting: elements in order along an axis, where they come from, and places in what is sorted. */

import { linesAlong, type Shape, shapeOf, sizeOf } from '../base/shape.js';
import type { Tensor } from '../engine/tensor.js';
import { apply1, apply2, applyComposed, applyResults } from '../op/apply.js';
import { Op } from '../op/op.js';
import { fromXOut, fromY } from '../op/rules.js';
import { isOnTape, unheard } from '../record/stack.js';
import { boxAt, sliceBox } from './box.js';
import { scatterRows } from './gather.js';
import { identityOf, repeatedOperands, reshapeTo, transposeBy } from './movement.js';
import { sharedAmongEquals } from './reduce.js';

/** How a tensor is sorted. */
export interface Order {
  readonly axis: number;
  readonly descending: boolean;
  /** How many of the first elements are wanted; at most the length of the axis. */
  readonly count: number;
}
interface Sized extends Order {
  readonly words: readonly number[];
}

function sized(order: Order, shape: Shape): Sized {
  return { ...order, words: [...linesAlong(shape, order.axis), Number(order.descending)] };
}

function sortedShape(x: Tensor, { axis, count }: Order): Shape {
  return count === x.shape[axis] ? x.shape : shapeOf(x.shape.map((n, d) => (d === axis ? count : n)));
}

const inBatch = (order: Order): Order => ({ ...order, axis: order.axis + 1 });

/** x [.., n, ..] -> [.., n] with this axis last, and its inverse. */
function axisLast(x: Tensor, axis: number): Tensor {
  const perm = x.shape.map((_, d) => d).filter((d) => d !== axis);
  return transposeBy(x, [...perm, axis]);
}
function axisFromLast(x: Tensor, axis: number): Tensor {
  const last = x.rank - 1;
  return transposeBy(
    x,
    x.shape.map((_, d) => (d < axis ? d : d === axis ? last : d - 1)),
  );
}

/** The transpose of picking elements by their places along an axis: each cotangent goes to where its element came from. */
function putBack(ct: Tensor, places: Tensor, axis: number, shape: Shape): Tensor {
  const length = shape[axis] as number;
  const count = ct.shape[axis] as number;
  const moved = axisLast(ct, axis);
  const lines = sizeOf(moved.shape.slice(0, -1));
  const whole = shapeOf([...moved.shape.slice(0, -1), length]);
  const rows = { sizes: [lines, 1, length, count, 1], sparse: false } as const;
  return axisFromLast(scatterRows('sort', moved, axisLast(places, axis), rows, whole), axis);
}

/** Computes elements, and their places with them if anybody asks for these. */
const kernelOp = new Op<Sized>('sort', { kernel: 'sort', words: ({ words }) => words });

function sortedAndPlaces(x: Tensor, order: Order): [values: Tensor, places: Tensor] {
  const shape = sortedShape(x, order);
  const specs = [
    { dtype: x.dtype, shape },
    { dtype: 'int32', shape },
  ] as const;
  return unheard(() => applyResults(kernelOp, [x], sized(order, x.shape), specs)) as [Tensor, Tensor];
}

// Of the operand and the places: these are constants, and what the rule needs.
const sortOp = new Op<Order>('sort', {
  vjps: [fromY((ct, places, e) => putBack(ct, places, e.attributes.axis, e.shape(0))), null],
  batch: ({ operands, attributes }) => valuesSorted('sort', operands[0] as Tensor, inBatch(attributes)),
});
const placesOp = new Op<Order>('argsort', {
  batch: ({ operands, attributes }) => placesSorted('argsort', operands[0] as Tensor, inBatch(attributes)),
});

/** The elements in order; equal ones stay in order. `name`: the op in errors. */
export function valuesSorted(name: string, x: Tensor, order: Order): Tensor {
  if (isOnTape(x)) return valuesAndPlaces(name, x, order)[0];
  return applyComposed(sortOp.as(name), [x], order, () =>
    apply1(kernelOp, x, x.dtype, sortedShape(x, order), sized(order, x.shape)),
  );
}

/** Where the elements in order come from, along the axis (int32). */
export function placesSorted(name: string, x: Tensor, order: Order): Tensor {
  return applyComposed(placesOp.as(name), [x], order, () => sortedAndPlaces(x, order)[1]);
}

/** The elements in order, and where they come from. */
export function valuesAndPlaces(name: string, x: Tensor, order: Order): [values: Tensor, places: Tensor] {
  const [values, places] = sortedAndPlaces(x, order);
  // Recorders are told of results in the order in which they were made; forward mode makes tangents after the first.
  const heard = applyComposed(sortOp.as(name), [x, places], order, () => values);
  return [heard, applyComposed(placesOp.as(name), [x], order, () => identityOf(places))];
}

/** Attributes: whether behind what equals the value, or before it. */
const searchOp = new Op<boolean>('searchsorted', {
  kernel: 'searchsorted',
  words: (after) => [Number(after)],
  batch: (call) => placesIn(...(repeatedOperands(call) as [Tensor, Tensor]), call.attributes),
});

/** For each of values [.., m] its place (int32) in the sorted sequence [.., n] of its row. */
export function placesIn(sequence: Tensor, values: Tensor, after: boolean): Tensor {
  return apply2(searchOp, sequence, values, 'int32', values.shape, after);
}

// All elements that equal the n-th share its cotangent equally.
const nthOp = new Op<Nth>('nthElement', {
  vjps: [
    fromXOut((ct, x, out, e) => {
      const kept = shapeOf([...e.outShape, 1]);
      return sharedAmongEquals(reshapeTo(ct, kept), x, reshapeTo(out, kept), [x.rank - 1]);
    }),
  ],
  batch: ({ operands, attributes: { n, reverse } }) => nthOf(operands[0] as Tensor, n, reverse),
});

interface Nth {
  readonly n: number;
  readonly reverse: boolean;
}

/** The n-th smallest element along the last axis; reverse: the n-th largest. */
export function nthOf(x: Tensor, n: number, reverse: boolean): Tensor {
  return applyComposed(nthOp, [x], { n, reverse }, () => {
    const axis = x.rank - 1;
    const first = valuesSorted('nthElement', x, { axis, descending: reverse, count: n + 1 });
    const begin = x.shape.map((_, d) => (d === axis ? n : 0));
    const last = sliceBox(first, shapeOf([...x.shape.slice(0, -1), 1]), boxAt(begin));
    return reshapeTo(last, shapeOf(x.shape.slice(0, -1)));
  });
}
