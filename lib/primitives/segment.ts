/** Segments: rows that have one number are combined into one, by a sum, a product or an extreme. */
import { type Shape, shapeOf, sizeOf } from '../base/shape.js';
import { type Tensor, uniformTensor } from '../engine/tensor.js';
import { apply2 } from '../op/apply.js';
import { type BatchedCall, Op } from '../op/op.js';
import { fromXY, fromY } from '../op/rules.js';
import { type Entry, keep, type Vjp } from '../record/entry.js';
import { div, maximum, mul } from './arithmetic.js';
import { equal, greaterEqual, notEqual } from './compare.js';
import { gatherRows, scatterRows } from './gather.js';
import { broadcast, castTo, repeatedOperands, reshapeTo } from './movement.js';
import { recurrence, shifted } from './scan.js';
import { select } from './select.js';
import { placesSorted } from './sort.js';

/**
 * The attributes: the kernel sees rows [batch, outer, count, inner], numbers [batch, count] and a result [batch, outer,
 * length, inner]. A row whose number is negative belongs to no segment.
 */
export interface Segments {
  readonly sizes: readonly [batch: number, outer: number, length: number, count: number, inner: number];
  /** Whether the numbers are ascending and none is negative. */
  readonly sorted: boolean;
}

const flat = ([batch, outer, , count, inner]: Segments['sizes']): Shape => shapeOf([batch, outer, count, inner]);

/** What holds of each row (bool), for rows [batch, outer, count, inner]. */
function ofRows(condition: Tensor, [batch, , , count]: Segments['sizes']): Tensor {
  return reshapeTo(condition, shapeOf([batch, 1, count, 1]));
}

/** For each row the one of its segment, of the shape of the rows; zeros where it has none. */
function ofSegments(t: Tensor, numbers: Tensor, { sizes, sorted }: Segments, shape: Shape): Tensor {
  if (sizes[2] === 0) return uniformTensor(0, t.dtype, shape);
  const rows = { sizes, sparse: false };
  if (sorted) return gatherRows('gather', t, numbers, rows, shape);
  const has = greaterEqual(numbers, 0);
  const found = gatherRows('gather', t, select(has, numbers, 0), rows, flat(sizes));
  return reshapeTo(select(ofRows(has, sizes), found, 0), shape);
}

const sumRule: Vjp<Segments> = fromY((ct, numbers, e) => ofSegments(ct, numbers, e.attributes, e.shape(0)));

// All elements of a segment that equal its extreme share the cotangent equally.
const extremeRule: Vjp<Segments> = {
  needs: keep.x | keep.y | keep.out,
  pull(ct, e: Entry<Segments>) {
    const [x, numbers, out] = [e.x as Tensor, e.y as Tensor, e.out as Tensor];
    const segments = e.attributes;
    const attains = equal(x, ofSegments(out, numbers, segments, x.shape));
    const some = castTo(attains, x.dtype);
    const count = maximum(combined('segmentSum', 'sum', some, numbers, segments, ct.shape), 1);
    return select(attains, ofSegments(div(ct, count), numbers, segments, x.shape), 0);
  },
};

// The derivative is the product of all others in the segment. With the rows in the order of their numbers, the product
// of those before a row is a recurrence that begins anew with each segment, and so is that of those behind it. Nothing
// is divided, so zeros do no harm.
const productRule: Vjp<Segments> = fromXY((ct, x, numbers, e) => {
  const { sizes, sorted } = e.attributes;
  const [batch, outer, , count, inner] = sizes;
  const rows = { sizes: [batch, outer, count, count, inner], sparse: false } as const;
  const keys = reshapeTo(numbers, shapeOf([batch, count]));
  const order = sorted ? null : placesSorted('argsort', keys, { axis: 1, descending: false, count });
  const ordered = (t: Tensor): Tensor => (order ? gatherRows('gather', t, order, rows, flat(sizes)) : t);
  const sortedKeys = order
    ? gatherRows('gather', keys, order, { sizes: [batch, 1, count, count, 1], sparse: false }, keys.shape)
    : keys;
  const others = [false, true].map((reverse) => {
    const begins = ofRows(notEqual(sortedKeys, shifted(sortedKeys, { axis: 1, reverse }, -(2 ** 31))), sizes);
    const before = shifted(ordered(reshapeTo(x, flat(sizes))), { axis: 2, reverse }, 0);
    const one = broadcast(castTo(begins, x.dtype), before.shape);
    return recurrence(one, select(begins, 0, before), { axis: 2, reverse });
  });
  const product = mul(others[0] as Tensor, others[1] as Tensor);
  const back = order ? scatterRows('gather', product, order, rows, flat(sizes)) : product;
  return mul(ofSegments(ct, numbers, e.attributes, x.shape), reshapeTo(back, x.shape));
});

/** How rows are combined. The position is the number of the addon's reduction. */
const combinations = ['sum', 'prod', 'max', 'min'] as const;
export type Combination = (typeof combinations)[number];

function opOf(combination: Combination, rule: Vjp<Segments>): Op<Segments> {
  return new Op<Segments>('segmentReduce', {
    kernel: 'segmentReduce',
    words: ({ sizes }) => [...sizes, combinations.indexOf(combination)],
    vjps: [rule, null],
    batch: (call) => inBatch(combination, call),
  });
}
const ops: Readonly<Record<Combination, Op<Segments>>> = {
  sum: opOf('sum', sumRule),
  prod: opOf('prod', productRule),
  max: opOf('max', extremeRule),
  min: opOf('min', extremeRule),
};

function inBatch(combination: Combination, call: BatchedCall<Segments>): Tensor {
  const { op, count, shape, attributes } = call;
  const [data, numbers] = repeatedOperands(call) as [Tensor, Tensor];
  const [batch, ...sizes] = attributes.sizes;
  const segments: Segments = { ...attributes, sizes: [batch * count, ...sizes] };
  return combined(op.name, combination, data, numbers, segments, shapeOf([count, ...shape]));
}

/**
 * The rows of each segment combined, of this shape. Segments without rows have 0, 1, or the lowest or highest finite
 * number. `name`: the op in errors.
 */
export function combined(
  name: string,
  combination: Combination,
  rows: Tensor,
  numbers: Tensor,
  segments: Segments,
  shape: Shape,
): Tensor {
  return apply2(ops[combination].as(name), rows, numbers, rows.dtype, shape, segments);
}

/** The sizes of rows [.., rest] by numbers [..] of so many segments. */
export function segmentsOf(rows: Tensor, numbers: Tensor, length: number, sorted: boolean): Segments {
  return { sizes: [1, 1, length, numbers.size, sizeOf(rows.shape.slice(numbers.rank))], sorted };
}
