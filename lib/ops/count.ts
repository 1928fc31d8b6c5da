/** Counting: how often values come, in which bin they lie, and pairs of classes. */
import {
  anything,
  argument,
  boolean,
  integer,
  isOptions,
  type Kind,
  options,
  refuseBehind,
  refused,
} from '../base/arguments.js';
import type { DType } from '../base/dtype.js';
import { dtypeArgument } from '../base/dtype.js';
import { DTypeError, ShapeError, ValueError } from '../base/errors.js';
import { checkLength, sameShape, shapeOf, showShape } from '../base/shape.js';
import { type Tensor, uniformTensor } from '../engine/tensor.js';
import { asIndices, asTensor, ofKind } from '../op/operands.js';
import type { TensorLike } from '../op/variable.js';
import { add, div, maximum, minimum, mul, sub } from '../primitives/arithmetic.js';
import { greater, less } from '../primitives/compare.js';
import { isNan } from '../primitives/math.js';
import { castTo, reshapeTo, stopping } from '../primitives/movement.js';
import { combined } from '../primitives/segment.js';
import { select } from '../primitives/select.js';

/** The largest element; -1 of none. Computes the tensor at once. */
function largestOf(t: Tensor): number {
  let most = -1;
  for (const x of t.dataSync()) if (x > most) most = x;
  return most;
}

function refuseNegative(op: string, t: Tensor, name: string): void {
  for (const x of t.dataSync()) {
    if (x < 0) throw new ValueError(`${op}: ${name} must be >= 0, got ${x}`, 'ERR_INDEX');
  }
}

/** The options of `bincount`. */
export interface BincountOptions {
  /** What each value counts, in place of 1; of the shape of arr. The result takes its dtype. */
  weights?: TensorLike;
  /** The least length of the result. Default 0. */
  minlength?: number;
  /** The greatest length of the result: values beyond it are left out. Default: none. */
  maxlength?: number;
  /** The dtype of the result, without weights. Default int32. */
  dtype?: DType;
  /** null or 0: arr is taken as one list (default). -1: each row of a matrix by itself. */
  axis?: 0 | -1 | null;
  /** Whether the result says only if a value is there: 1, or 0. Default false. */
  binaryOutput?: boolean;
}

const rowsAxis: Kind<0 | -1 | null> = {
  expected: '0, -1 or null',
  code: 'ERR_AXIS',
  read: (value) => (value === 0 || value === -1 || value === null ? value : refused),
};
const bincountOptions = {
  weights: anything as Kind<TensorLike>,
  minlength: integer(0, 2 ** 31 - 1),
  maxlength: integer(0, 2 ** 31 - 1),
  dtype: dtypeArgument,
  axis: rowsAxis,
  binaryOutput: boolean,
} as const;

const counted = stopping('bincount');

/**
 * How often each whole number from 0 comes in arr (whole numbers >= 0): result[i] is the count of i, or the sum of its
 * weights. Of shape [largest + 1], with axis -1 [rows, largest + 1]; computes arr at once, because the shape of the
 * result depends on it. No gradient.
 * @throws ValueError ERR_INDEX for a negative number, ERR_OPTION for options; ShapeError; DTypeError
 */
export function bincount(arr: TensorLike, opts?: BincountOptions): Tensor {
  const op = 'bincount';
  const {
    weights,
    minlength = 0,
    maxlength,
    dtype = 'int32',
    axis = null,
    binaryOutput = false,
  } = options(op, bincountOptions, opts);
  if (arguments.length > 2) refuseBehind(op, arguments[2]);
  const a = asIndices(op, arr, 'arr');
  if (axis === -1 && a.rank > 2) {
    throw new ShapeError(`${op}: expected arr of rank 2 at most with axis -1, got shape ${showShape(a.shape)}`);
  }
  if (binaryOutput && weights !== undefined) {
    throw new ValueError(`${op}: binaryOutput takes no weights, got both`, 'ERR_OPTION');
  }
  if (dtype === 'bool' || dtype === 'uint8') {
    throw new DTypeError(`${op}: dtype must be float32, float64 or int32, got ${dtype}`);
  }
  const given = weights === undefined ? uniformTensor(1, dtype, a.shape) : asTensor(op, weights, undefined, 'weights');
  const w = ofKind(op, given, 'floating', 'integer');
  if (!sameShape(w.shape, a.shape)) {
    throw new ShapeError(
      `${op}: weights must have the shape of arr, got ${showShape(w.shape)} and ${showShape(a.shape)}`,
    );
  }
  refuseNegative(op, a, 'arr');
  const most = Math.max(largestOf(a) + 1, minlength);
  const length = checkLength(op, 'length of the result', maxlength === undefined ? most : Math.min(most, maxlength));
  const rows = axis === -1 && a.rank === 2 ? (a.shape[0] as number) : 1;
  const count = rows === 0 ? 0 : a.size / rows;
  const numbers = select(less(a, length), a, -1);
  const shape = shapeOf(rows === 1 && !(axis === -1 && a.rank === 2) ? [length] : [rows, length]);
  const sizes = [rows, 1, length, count, 1] as const;
  const sums = combined(
    op,
    'sum',
    w.dtype === 'uint8' ? castTo(w, 'int32') : w,
    numbers,
    { sizes, sorted: false },
    shape,
  );
  const counts = w.dtype === 'uint8' ? castTo(sums, 'uint8') : sums;
  return counted(binaryOutput ? castTo(greater(counts, 0), dtype) : counts);
}

const binned = stopping('histogramFixedWidth');
const binsKind = integer(1, 2 ** 31 - 1);

/**
 * How many values lie in each of nbins (default 100) bins of one width between the two numbers of valueRange: int32
 * [nbins]. Values beyond the range count to the outermost bins, NaN to none. float32, float64 or int32. No gradient.
 * @throws ValueError for a range whose first number is not below its second, or no bins; DTypeError
 */
export function histogramFixedWidth(values: TensorLike, valueRange: TensorLike, nbins?: number): Tensor {
  const op = 'histogramFixedWidth';
  if (isOptions(nbins)) options(op, {}, nbins);
  if (arguments.length > 3) refuseBehind(op, arguments[3]);
  const v = ofKind(op, asTensor(op, values, undefined, 'values'), 'floating', 'integer');
  const range = asTensor(op, valueRange, v.dtype, 'valueRange');
  if (range.size !== 2) {
    throw new ShapeError(`${op}: valueRange must be two numbers, got shape ${showShape(range.shape)}`);
  }
  const [low, high] = range.dataSync() as unknown as [number, number];
  if (!(low < high)) throw new ValueError(`${op}: valueRange must be ascending, got [${low}, ${high}]`);
  const bins = nbins === undefined ? 100 : argument(op, 'nbins', binsKind, nbins);
  const width = (high - low) / bins;
  const places = div(castTo(sub(maximum(v, low), low), 'float64'), width);
  const numbers = select(isNan(places), -1, minimum(castTo(places, 'int32'), bins - 1));
  const sizes = [1, 1, bins, v.size, 1] as const;
  const ones = uniformTensor(1, 'int32', v.shape);
  return binned(combined(op, 'sum', ones, numbers, { sizes, sorted: false }, shapeOf([bins])));
}

/** The options of `confusionMatrix`. */
export interface ConfusionMatrixOptions {
  /** Default: the largest class + 1, for which both operands are computed at once. */
  numClasses?: number;
  /** What each pair counts, in place of 1; of the shape of the labels. Differentiable. */
  weights?: TensorLike;
  /** The dtype of the result, to which weights are cast. Default int32. */
  dtype?: DType;
}
const confusionOptions = {
  numClasses: integer(0, 46340),
  weights: anything as Kind<TensorLike>,
  dtype: dtypeArgument,
} as const;

/**
 * How often each class was taken for each: result[i][j] counts the predictions j for the label i. Labels and predictions
 * are classes (whole numbers) of one shape; the result is of shape [numClasses, numClasses].
 * @throws ValueError ERR_INDEX for what is no class; ShapeError; DTypeError; ValueError ERR_OPTION
 */
export function confusionMatrix(labels: TensorLike, predictions: TensorLike, opts?: ConfusionMatrixOptions): Tensor {
  const op = 'confusionMatrix';
  const { numClasses, weights, dtype = 'int32' } = options(op, confusionOptions, opts);
  if (arguments.length > 3) refuseBehind(op, arguments[3]);
  const l = asIndices(op, labels, 'labels');
  const p = asIndices(op, predictions, 'predictions');
  if (!sameShape(l.shape, p.shape)) {
    throw new ShapeError(
      `${op}: labels and predictions must have one shape, got ${showShape(l.shape)} and ${showShape(p.shape)}`,
    );
  }
  if (dtype === 'bool' || dtype === 'uint8') {
    throw new DTypeError(`${op}: dtype must be float32, float64 or int32, got ${dtype}`);
  }
  refuseNegative(op, l, 'labels');
  refuseNegative(op, p, 'predictions');
  const most = Math.max(largestOf(l), largestOf(p));
  const n = numClasses ?? argument(op, 'numClasses', confusionOptions.numClasses, most + 1);
  if (most >= n) throw new ValueError(`${op}: class ${most} is out of range for ${n} classes`, 'ERR_INDEX');
  const given = weights === undefined ? uniformTensor(1, dtype, l.shape) : asTensor(op, weights, undefined, 'weights');
  const w = castTo(ofKind(op, given, 'floating', 'integer'), dtype);
  if (!sameShape(w.shape, l.shape)) {
    throw new ShapeError(
      `${op}: weights must have the shape of labels, got ${showShape(w.shape)} and ${showShape(l.shape)}`,
    );
  }
  const sizes = [1, 1, n * n, l.size, 1] as const;
  const sums = combined(op, 'sum', w, add(mul(l, n), p), { sizes, sorted: false }, shapeOf([n * n]));
  return reshapeTo(sums, shapeOf([n, n]));
}
