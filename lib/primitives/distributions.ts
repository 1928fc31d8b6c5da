/**
 * Distributions: uniform, normal and truncated normal, with their parameters checked; for random ops and initializers.
 */
import type { DType } from '../base/dtype.js';
import { numberAs } from '../base/dtype.js';
import { DTypeError, ShapeError, show, ValueError } from '../base/errors.js';
import { streamFor } from '../base/random-stream.js';
import { broadcastShapes, type Shape, sameShape, showShape } from '../base/shape.js';
import type { Tensor } from '../engine/tensor.js';
import { asTensor } from '../op/operands.js';
import type { TensorLike } from '../op/variable.js';
import { add, mul, sub } from './arithmetic.js';
import { greater, less } from './compare.js';
import { abs, floor } from './math.js';
import { castTo } from './movement.js';
import { draw, normalOp, uniformOp } from './random.js';
import { select } from './select.js';

/**
 * A parameter of a distribution: a number that is not NaN, or an operand of the result's dtype that broadcasts to its
 * shape.
 */
function parameter(op: string, name: string, value: unknown, dtype: DType, shape: Shape): TensorLike {
  if (typeof value === 'number') {
    if (!Number.isNaN(value) && Number.isFinite(numberAs(op, dtype, value))) return value;
    throw new ValueError(`${op}: ${name} must be a finite number of ${dtype}, got ${value}`, 'ERR_OPTION');
  }
  const t = asTensor(op, value as TensorLike, dtype, name);
  if (t.dtype !== dtype) {
    throw new DTypeError(
      `${op}: ${name} has dtype ${t.dtype}, the result ${dtype}; write cast(${name}, '${dtype}') or { dtype: '${t.dtype}' }`,
    );
  }
  if (!sameShape(broadcastShapes(op, t.shape, shape), shape)) {
    throw new ShapeError(`${op}: ${name} ${showShape(t.shape)} does not broadcast to the shape ${showShape(shape)}`);
  }
  return t;
}

/** Options of `uniform` as read. */
interface UniformRead {
  readonly minval?: unknown;
  readonly maxval?: unknown;
  readonly dtype?: DType;
  readonly seed?: number;
}

/** Uniform in [minval, maxval); floats or int32. `op`: the name in errors. */
export function uniformOf(op: string, shape: Shape, opts: UniformRead): Tensor {
  const { dtype = 'float32', seed } = opts;
  if (dtype === 'int32') return integers(op, shape, opts);
  const low = parameter(op, 'minval', opts.minval ?? 0, dtype, shape);
  const high = parameter(op, 'maxval', opts.maxval ?? 1, dtype, shape);
  if (typeof low === 'number' && typeof high === 'number') {
    if (!(high >= low)) throw new ValueError(`${op}: minval ${low} is above maxval ${high}`, 'ERR_OPTION');
    if (!Number.isFinite(numberAs(op, dtype, high - low))) {
      throw new ValueError(`${op}: [${low}, ${high}) is wider than ${dtype} can say`, 'ERR_OPTION');
    }
  }
  const u = draw(op, uniformOp, dtype, shape, streamFor(seed));
  if (low === 0 && high === 1) return u;
  const least = asTensor(op, low, dtype);
  const limit = asTensor(op, high, dtype);
  const x = add(mul(u, sub(limit, least)), least);
  // The sum may be rounded up to maxval, which is not in the interval.
  return select(less(x, limit), x, least);
}

function integers(op: string, shape: Shape, { minval = 0, maxval, seed }: UniformRead): Tensor {
  if (maxval === undefined) throw new ValueError(`${op}: integers need a maxval`, 'ERR_OPTION');
  const isInt = (value: unknown): value is number =>
    Number.isInteger(value) && (value as number) >= -(2 ** 31) && (value as number) <= 2 ** 31;
  if (!isInt(minval) || !isInt(maxval) || minval >= maxval) {
    throw new ValueError(
      `${op}: integers need whole numbers minval < maxval from -2^31 to 2^31, got ${show(minval)} and ${show(maxval)}`,
      'ERR_OPTION',
    );
  }
  const u = draw(op, uniformOp, 'float64', shape, streamFor(seed));
  // Multiplying a 53-bit fraction: the bias is below 2^-21 for any range of int32.
  // `floor` comes before adding minval, because the sum might be rounded up to maxval.
  return castTo(add(floor(mul(u, maxval - minval)), minval), 'int32');
}

interface NormalRead {
  readonly mean?: unknown;
  readonly stddev?: unknown;
  readonly dtype?: DType;
  readonly seed?: number;
}

/** Normal with mean (default 0) and stddev (default 1). `op`: the name in errors. */
export function normalOf(op: string, shape: Shape, opts: NormalRead): Tensor {
  const scale = scaling(op, shape, opts);
  return scale(draw(op, normalOp, opts.dtype ?? 'float32', shape, streamFor(opts.seed)));
}

/** The function that scales standard normal numbers. Checks mean and stddev, before anything is drawn. */
function scaling(op: string, shape: Shape, opts: NormalRead): (z: Tensor) => Tensor {
  const dtype = opts.dtype ?? 'float32';
  const mean = parameter(op, 'mean', opts.mean ?? 0, dtype, shape);
  const stddev = parameter(op, 'stddev', opts.stddev ?? 1, dtype, shape);
  if (typeof stddev === 'number' && stddev < 0) {
    throw new ValueError(`${op}: stddev must be >= 0, got ${stddev}`, 'ERR_OPTION');
  }
  return (z) => {
    const wide = stddev === 1 ? z : mul(z, stddev);
    return mean === 0 ? wide : add(wide, mean);
  };
}

/** Normal, where numbers beyond two standard deviations are drawn again. `op`: the name in errors. */
export function truncatedNormalOf(op: string, shape: Shape, opts: NormalRead): Tensor {
  const scale = scaling(op, shape, opts);
  // Each round draws new numbers from the same stream and uses them for the 4.6 % that are out of bounds. After 12
  // rounds a share of less than 1e-16 is left, and set to 0.
  const stream = streamFor(opts.seed);
  const next = (): Tensor => draw(op, normalOp, opts.dtype ?? 'float32', shape, stream);
  let z = next();
  for (let round = 0; round < 12; round++) z = select(greater(abs(z), 2), next(), z);
  return scale(select(greater(abs(z), 2), 0, z));
}
