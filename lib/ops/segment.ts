/** Segments: rows combined by the number that each has. The checks around primitives/segment.ts. */
import { refuseExtra } from '../base/arguments.js';
import { isFloating } from '../base/dtype.js';
import { named, ShapeError, ValueError } from '../base/errors.js';
import { checkLength, guardShape, sameShape, shapeOf, showShape } from '../base/shape.js';
import { isKnown, type Tensor, uniformTensor } from '../engine/tensor.js';
import { asIndices, asTensor, floating, ofKind } from '../op/operands.js';
import { elementsIn } from '../op/read.js';
import type { TensorLike } from '../op/variable.js';
import { div, maximum } from '../primitives/arithmetic.js';
import { greater } from '../primitives/compare.js';
import { truncatediv } from '../primitives/cut.js';
import { sqrt } from '../primitives/math.js';
import { accumulated, castTo, reshapeTo } from '../primitives/movement.js';
import { type Combination, combined, type Segments, segmentsOf } from '../primitives/segment.js';
import { select } from '../primitives/select.js';

/** A call: rows, the segment of each, and how many segments there are. */
interface Call {
  readonly op: string;
  readonly data: Tensor;
  readonly ids: Tensor;
  readonly segments: Segments;
  /** Of the result. */
  readonly shape: readonly number[];
}

function callOf(op: string, data: Tensor, ids: Tensor, length: number, sorted: boolean): Call {
  const shape = guardShape(op, [length, ...data.shape.slice(ids.rank)]);
  return { op, data, ids, segments: segmentsOf(data, ids, length, sorted), shape };
}

function combine({ op, data, ids, segments, shape }: Call, how: Combination): Tensor {
  const run = (t: Tensor): Tensor => combined(op, how, t, ids, segments, shape);
  return how === 'max' || how === 'min' ? run(data) : accumulated(data, run);
}

/** How many rows each segment has, in this dtype, to broadcast with the result. */
function countsOf({ op, ids, segments, shape }: Call, dtype: Tensor['dtype']): Tensor {
  const [, , length, count] = segments.sizes;
  const whole = isFloating(dtype) ? dtype : 'int32'; // the dtype of the sums
  const ones = uniformTensor(1, whole, ids.shape);
  const counts = combined(op, 'sum', ones, ids, { ...segments, sizes: [1, 1, length, count, 1] }, shapeOf([length]));
  return reshapeTo(castTo(counts, dtype), shapeOf([length, ...shape.slice(1).map(() => 1)]));
}

/** The sums over the counts (at least 1), or over what `divisor` makes of these. */
function meanOf(call: Call, divisor: (counts: Tensor) => Tensor): Tensor {
  return div(combine(call, 'sum'), divisor(maximum(countsOf(call, call.data.dtype), 1)));
}

/** The sums of integers, which wrap around, over the counts: cut towards zero. */
function integerMean(call: Call): Tensor {
  const sums = castTo(combine(call, 'sum'), 'int32');
  return castTo(truncatediv(sums, maximum(countsOf(call, 'int32'), 1)), call.data.dtype);
}

// ---- sorted segments ----

/** The arguments of a segment op. Computes the segment ids at once. */
function sortedCall(op: string, data: TensorLike, segmentIds: TensorLike): Call & { readonly gaps: boolean } {
  const rows = ofKind(op, asTensor(op, data, undefined, 'data'), 'floating', 'integer');
  const ids = asIndices(op, segmentIds, 'segmentIds');
  if (ids.rank !== 1 || rows.rank === 0 || rows.shape[0] !== ids.size) {
    throw new ShapeError(
      `${op}: expected data [n, ...] and segmentIds [n], got shapes ${showShape(rows.shape)} and ${showShape(ids.shape)}`,
    );
  }
  let last = -1;
  let gaps = false;
  for (const id of ids.dataSync()) {
    if (id < 0 || id < last) {
      throw new ValueError(
        `${op}: segmentIds must be ascending and >= 0, got ${id}${id < 0 ? '' : ` behind ${last}`}`,
        'ERR_INDEX',
      );
    }
    gaps ||= id > last + 1;
    last = id;
  }
  return { ...callOf(op, rows, ids, last + 1, true), gaps };
}

/** A reduction of segments whose numbers ascend. */
export type Segment = (data: TensorLike, segmentIds: TensorLike) => Tensor;

function sortedSegment(op: string, how: Combination): Segment {
  return named(op, function (data: TensorLike, segmentIds: TensorLike): Tensor {
    if (arguments.length > 2) refuseExtra(op, arguments[2], arguments[3]);
    const call = sortedCall(op, data, segmentIds);
    const out = combine(call, how);
    const extreme = how === 'max' || how === 'min';
    return extreme && call.gaps ? select(greater(countsOf(call, 'int32'), 0), out, 0) : out;
  });
}

/**
 * The sum of the rows of each segment: data [n, ...], segmentIds [n] (whole numbers, ascending from 0) -> [last + 1,
 * ...]. A segment without rows has 0. Integers wrap around. The ids are computed at once, because the shape of the
 * result depends on them.
 * @throws ValueError ERR_INDEX for ids that are not ascending; ShapeError; DTypeError for bool
 */
export const segmentSum: Segment = sortedSegment('segmentSum', 'sum');
/** The product of the rows of each segment, as `segmentSum`; that of none is 1. Its gradient is right at zeros, too. */
export const segmentProd: Segment = sortedSegment('segmentProd', 'prod');
/** The largest row of each segment, element by element, as `segmentSum`; that of none is 0. Ties share the gradient. */
export const segmentMax: Segment = sortedSegment('segmentMax', 'max');
/** The smallest row of each segment, element by element, as `segmentSum`; that of none is 0. Ties share the gradient. */
export const segmentMin: Segment = sortedSegment('segmentMin', 'min');

/**
 * The mean of the rows of each segment, as `segmentSum`; that of none is 0. That of integers is cut towards zero; their
 * sum wraps around.
 */
export function segmentMean(data: TensorLike, segmentIds: TensorLike): Tensor {
  if (arguments.length > 2) refuseExtra('segmentMean', arguments[2], arguments[3]);
  const call = sortedCall('segmentMean', data, segmentIds);
  return isFloating(call.data.dtype) ? meanOf(call, (counts) => counts) : integerMean(call);
}

// ---- unsorted segments ----

function unsortedCall(op: string, data: TensorLike, segmentIds: TensorLike, numSegments: unknown): Call {
  const rows = ofKind(op, asTensor(op, data, undefined, 'data'), 'floating', 'integer');
  const ids = asIndices(op, segmentIds, 'segmentIds');
  const length = checkLength(op, 'numSegments', numSegments);
  if (!sameShape(ids.shape, rows.shape.slice(0, ids.rank))) {
    throw new ShapeError(
      `${op}: the shape of data must begin with that of segmentIds, got ${showShape(rows.shape)} and ${showShape(ids.shape)}`,
    );
  }
  if (isKnown(ids) || length * rows.size === 0) {
    // no kernel looks at the ids of a result without elements
    const elements = elementsIn(ids);
    for (let i = 0; i < elements.length; i++) {
      const id = elements[i] as number;
      if (id < length) continue;
      throw new ValueError(`${op}: segment id ${id} is out of range for ${length} segments`, 'ERR_INDEX');
    }
  }
  return callOf(op, rows, ids, length, false);
}

/** A reduction of segments whose numbers may come in any order. */
export type UnsortedSegment = (data: TensorLike, segmentIds: TensorLike, numSegments: number) => Tensor;

function unsortedSegment(op: string, how: Combination): UnsortedSegment {
  return named(op, function (data: TensorLike, segmentIds: TensorLike, numSegments: number): Tensor {
    if (arguments.length > 3) refuseExtra(op, arguments[3], undefined);
    return combine(unsortedCall(op, data, segmentIds, numSegments), how);
  });
}

/**
 * The sum of the rows of each of numSegments segments: segmentIds (whole numbers, in any order) has the shape of data's
 * leading axes, the result is of shape [numSegments] + the others. Rows with a negative id are left out; a segment
 * without rows has 0. Integers wrap around.
 * @throws ValueError ERR_INDEX for an id of numSegments or more: at once if the ids are known, else when it is computed;
 *   ShapeError; DTypeError for bool
 */
export const unsortedSegmentSum: UnsortedSegment = unsortedSegment('unsortedSegmentSum', 'sum');
/** The product of the rows of each segment, as `unsortedSegmentSum`; that of none is 1. */
export const unsortedSegmentProd: UnsortedSegment = unsortedSegment('unsortedSegmentProd', 'prod');
/**
 * The largest row of each segment, element by element, as `unsortedSegmentSum`; that of none is the lowest finite
 * number. Ties share the gradient.
 */
export const unsortedSegmentMax: UnsortedSegment = unsortedSegment('unsortedSegmentMax', 'max');
/**
 * The smallest row of each segment, element by element, as `unsortedSegmentSum`; that of none is the highest finite
 * number. Ties share the gradient.
 */
export const unsortedSegmentMin: UnsortedSegment = unsortedSegment('unsortedSegmentMin', 'min');

function unsortedMean(op: string, integers: boolean, divisor: (counts: Tensor) => Tensor): UnsortedSegment {
  return named(op, function (data: TensorLike, segmentIds: TensorLike, numSegments: number): Tensor {
    if (arguments.length > 3) refuseExtra(op, arguments[3], undefined);
    const call = unsortedCall(op, data, segmentIds, numSegments);
    if (!integers) floating(op, call.data, 'data');
    return meanOf(call, divisor);
  });
}

/**
 * The mean of the rows of each segment, as `unsortedSegmentSum`; that of none is 0. The sums of integers are divided as
 * by `div`: those of int32 give float64, those of uint8 float32.
 */
export const unsortedSegmentMean: UnsortedSegment = unsortedMean('unsortedSegmentMean', true, (n) => n);
/**
 * The sum of the rows of each segment over the square root of their number, as `unsortedSegmentSum`; that of none is 0.
 * float32 and float64.
 */
export const unsortedSegmentSqrtN: UnsortedSegment = unsortedMean('unsortedSegmentSqrtN', false, sqrt);
