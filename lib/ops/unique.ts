/** What is unique in a vector, and what of it is not in another. Their shapes depend on values, so they compute at once. */
import { refuseExtra } from '../base/arguments.js';
import { ShapeError } from '../base/errors.js';
import { shapeOf, showShape } from '../base/shape.js';
import type { Tensor } from '../engine/tensor.js';
import { asTensor, asTensors } from '../op/operands.js';
import type { TensorLike } from '../op/variable.js';
import { gatherRows } from '../primitives/gather.js';
import { stopping } from '../primitives/movement.js';
import { placesSorted } from '../primitives/sort.js';
import { unheard } from '../record/stack.js';

function vector(op: string, t: Tensor, name: string): Tensor {
  if (t.rank === 1) return t;
  throw new ShapeError(`${op}: ${name} must be a vector, got shape ${showShape(t.shape)}`);
}

const stops = {
  unique: stopping('unique'),
  uniqueWithCounts: stopping('uniqueWithCounts'),
  setdiff1d: stopping('setdiff1d'),
};

/** The elements at these places, through which no gradient flows. */
function picked(op: keyof typeof stops, x: Tensor, places: Int32Array): Tensor {
  const rows = { sizes: [1, 1, x.size, places.length, 1], sparse: false } as const;
  const shape = shapeOf([places.length]);
  return stops[op](gatherRows(op, x, asTensor(op, places), rows, shape));
}

interface Groups {
  readonly y: Tensor;
  readonly idx: Tensor;
  readonly counts: Int32Array;
}

/** Equal elements are neighbours in the sorted vector, and the first of them is the first of x. */
function groupsOf(op: 'unique' | 'uniqueWithCounts', x: TensorLike): Groups {
  const a = vector(op, asTensor(op, x), 'x');
  const values = a.dataSync();
  const order = unheard(() => placesSorted(op, a, { axis: 0, descending: false, count: a.size })).dataSync();
  const firstOf = new Int32Array(a.size); // of each element: where the first that equals it is
  let first = 0;
  order.forEach((at, k) => {
    if (k === 0 || values[at] !== values[order[k - 1] as number]) first = at;
    firstOf[at] = first;
  });
  const firsts = Int32Array.from(firstOf.filter((at, i) => at === i));
  const numbers = new Int32Array(a.size); // of each first element: which one it is
  firsts.forEach((at, k) => {
    numbers[at] = k;
  });
  const counts = new Int32Array(firsts.length);
  const idx = firstOf.map((at) => numbers[at] as number);
  for (const k of idx) counts[k] = (counts[k] as number) + 1;
  return { y: picked(op, a, firsts), idx: asTensor(op, idx), counts };
}

/**
 * The different elements of a vector in the order in which they come first (y), and for each element of x which of them
 * it is (idx, int32). Every NaN is different. Computes x at once. No gradient.
 * @throws ShapeError for what is no vector
 */
export function unique(x: TensorLike): { y: Tensor; idx: Tensor } {
  if (arguments.length > 1) refuseExtra('unique', arguments[1], arguments[2]);
  const { y, idx } = groupsOf('unique', x);
  return { y, idx };
}

/**
 * As `unique`, and how often each comes (count, int32).
 * @throws ShapeError for what is no vector
 */
export function uniqueWithCounts(x: TensorLike): { y: Tensor; idx: Tensor; count: Tensor } {
  if (arguments.length > 1) refuseExtra('uniqueWithCounts', arguments[1], arguments[2]);
  const { y, idx, counts } = groupsOf('uniqueWithCounts', x);
  return { y, idx, count: asTensor('uniqueWithCounts', counts) };
}

/**
 * The elements of x that are not in y, in their order and as often as they come (out), and their places in x (idx,
 * int32). Both are vectors of one dtype, and are computed at once. No gradient.
 * @throws ShapeError for what is no vector; DTypeError for two dtypes
 */
export function setdiff1d(x: TensorLike, y: TensorLike): { out: Tensor; idx: Tensor } {
  if (arguments.length > 2) refuseExtra('setdiff1d', arguments[2], undefined);
  const [a, b] = asTensors('setdiff1d', [x, y], ['x', 'y']) as [Tensor, Tensor];
  vector('setdiff1d', a, 'x');
  vector('setdiff1d', b, 'y');
  const others = new Set<number>(b.dataSync());
  const places: number[] = [];
  a.dataSync().forEach((value, i) => {
    if (Number.isNaN(value) || !others.has(value)) places.push(i);
  });
  const idx = Int32Array.from(places);
  return { out: picked('setdiff1d', a, idx), idx: asTensor('setdiff1d', idx) };
}
