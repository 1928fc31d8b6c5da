/** Random tensors from counters (Philox): the same seed gives the same numbers on any machine and number of threads. */
import { anything, argument, integer, type Kind, options, positional, refused } from '../base/arguments.js';
import type { DType } from '../base/dtype.js';
import { isFloating, numberAs } from '../base/dtype.js';
import { DTypeError, ShapeError, show, ValueError } from '../base/errors.js';
import { type Stream, setSharedStream, sharedStream } from '../base/random-stream.js';
import { broadcastShapes, checkShape, type Shape, sameShape, showShape, sizeOf } from '../base/shape.js';
import { opcodeOf } from '../engine/addon.js';
import type { Tensor } from '../engine/tensor.js';
import { asTensor, done, node } from '../op/op.js';
import type { TensorLike } from '../record/variable.js';
import { add, greater, less, mul, sub, where } from './arithmetic.js';
import { zeros } from './creation.js';
import { gather } from './indexing.js';
import { abs, floor, log } from './math.js';
import { argmax } from './reduce.js';
import { cast, expandDims } from './structure.js';

const kUniform = opcodeOf('randomUniform');
const kNormal = opcodeOf('randomNormal');
const kPermutation = opcodeOf('randomPermutation');

const seedKind = integer(0);
const seedOptions = { seed: seedKind } as const;

function streamOf(seed: number): Stream {
  return { low: seed % 2 ** 32, high: Math.floor(seed / 2 ** 32), offset: 0 };
}

/** Starts the shared stream anew: what follows is the same on every run. */
export function setSeed(seed: number): void {
  const taken = argument('random.setSeed', 'seed', seedKind, seed, 'ERR_OPTION');
  setSharedStream(streamOf(taken));
}

/** Where the shared stream is; of plain numbers, for JSON. */
export interface RandomState {
  readonly key: readonly [low: number, high: number];
  /** Numbers drawn so far. */
  readonly offset: number;
}

/** Where the shared stream is: after `setState(getState())` the same numbers come again. */
export function getState(): RandomState {
  const { low, high, offset } = sharedStream();
  return { key: [low, high], offset };
}

// Beyond it the count of numbers drawn would lose units before any stream is used up.
const mostDrawn = 2 ** 52;
const stateParts = {
  key: {
    expected: 'two whole numbers below 2^32',
    read: (value) =>
      isArray(value) &&
      value.length === 2 &&
      value.every((word) => Number.isInteger(word) && word >= 0 && word < 2 ** 32)
        ? (value as unknown as RandomState['key'])
        : refused,
  } as Kind<RandomState['key']>,
  offset: integer(0, mostDrawn),
} as const;

/**
 * Goes on where `getState` was.
 * @throws ValueError ERR_OPTION for what getState never gave
 */
export function setState(state: RandomState): void {
  const { key, offset } = options('random.setState', stateParts, state ?? null);
  if (!key || offset === undefined) {
    throw new ValueError('random.setState: expected what getState gave, { key, offset }', 'ERR_OPTION');
  }
  setSharedStream({ low: key[0], high: key[1], offset });
}

/** The stream to draw from: the shared one, or the seed's own. */
function streamFor(seed: number | undefined): Stream {
  return seed === undefined ? sharedStream() : streamOf(seed);
}

/** Takes the next numbers of the stream. */
function draw(op: string, opcode: number, dtype: DType, shape: Shape, stream: Stream): Tensor {
  const t = node(op, opcode, dtype, shape, null, null, [stream.low, stream.high, stream.offset]);
  // Whole blocks of four 64-bit draws, so that one op's numbers never depend on what another op drew.
  stream.offset += Math.ceil(sizeOf(shape) / 4) * 4;
  return done(t);
}

export interface RandomOptions {
  dtype?: DType;
  /** A stream of its own for this call; without it the shared stream of setSeed goes on. */
  seed?: number;
}

const floatingKind: Kind<DType> = {
  expected: 'float32 or float64',
  code: 'ERR_DTYPE',
  read: (value) => (value === 'float32' || value === 'float64' ? value : refused),
};

/** A parameter of a distribution: a number that is not NaN, or an operand of the result's dtype that broadcasts to its shape. */
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

export interface UniformOptions extends RandomOptions {
  /** The least value (0); with respect to it and to maxval the result is differentiable. */
  minval?: TensorLike;
  /** What every value is below (1). */
  maxval?: TensorLike;
}

const uniformDType: Kind<DType> = {
  expected: 'float32, float64 or int32',
  code: 'ERR_DTYPE',
  read: (value) => (value === 'int32' ? value : floatingKind.read(value)),
};
const uniformOptions = { minval: anything, maxval: anything, dtype: uniformDType, seed: seedKind } as const;

/**
 * Uniform in [minval, maxval); integers too. The bounds may come by position, as in TensorFlow: `uniform([2], 10, 20)`.
 * @throws ValueError ERR_OPTION for bounds that are no interval; ShapeError, DTypeError for those that do not fit the result
 */
export function uniform(
  shape: readonly number[],
  minval?: TensorLike | UniformOptions,
  maxval?: TensorLike | UniformOptions,
  opts?: UniformOptions,
): Tensor {
  const op = 'random.uniform';
  const s = checkShape(op, shape);
  const read = positional(op, uniformOptions, ['minval', 'maxval'], [minval, maxval, opts]);
  return uniformOf(op, s, read);
}

/** Options that were read. */
interface UniformRead {
  readonly minval?: unknown;
  readonly maxval?: unknown;
  readonly dtype?: DType;
  readonly seed?: number;
}

/** @internal uniform for another function, whose name errors say. */
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
  const u = draw(op, kUniform, dtype, shape, streamFor(seed));
  if (low === 0 && high === 1) return u;
  const least = asTensor(op, low, dtype);
  const limit = asTensor(op, high, dtype);
  const x = add(mul(u, sub(limit, least)), least);
  // The sum may round up to the limit, which does not belong to the interval.
  return where(less(x, limit), x, least);
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
  const u = draw(op, kUniform, 'float64', shape, streamFor(seed));
  // Multiplying a 53-bit fraction: the bias is below 2^-21 for any range of int32.
  // Floored before `minval` is added, which might round up to `maxval`.
  return cast(add(floor(mul(u, maxval - minval)), minval), 'int32');
}

export interface NormalOptions extends RandomOptions {
  /** Default 0; with respect to it and to stddev the result is differentiable. */
  mean?: TensorLike;
  /** Default 1. */
  stddev?: TensorLike;
}
const normalOptions = { mean: anything, stddev: anything, dtype: floatingKind, seed: seedKind } as const;
interface NormalRead {
  readonly mean?: unknown;
  readonly stddev?: unknown;
  readonly dtype?: DType;
  readonly seed?: number;
}

/**
 * Normal with the given mean (0) and standard deviation (1), which may come by position.
 * @throws ValueError ERR_OPTION for a stddev below 0; ShapeError, DTypeError for parameters that do not fit the result
 */
export function normal(
  shape: readonly number[],
  mean?: TensorLike | NormalOptions,
  stddev?: TensorLike | NormalOptions,
  opts?: NormalOptions,
): Tensor {
  const op = 'random.normal';
  const s = checkShape(op, shape);
  return normalOf(op, s, positional(op, normalOptions, ['mean', 'stddev'], [mean, stddev, opts]));
}

/** @internal normal for another function, whose name errors say. */
export function normalOf(op: string, shape: Shape, opts: NormalRead): Tensor {
  const scale = scaling(op, shape, opts);
  return scale(draw(op, kNormal, opts.dtype ?? 'float32', shape, streamFor(opts.seed)));
}

/** Checks mean and stddev before anything is drawn. */
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

/** Normal, drawn again beyond two standard deviations. Arguments as `normal`. */
export function truncatedNormal(
  shape: readonly number[],
  mean?: TensorLike | NormalOptions,
  stddev?: TensorLike | NormalOptions,
  opts?: NormalOptions,
): Tensor {
  const op = 'random.truncatedNormal';
  const s = checkShape(op, shape);
  return truncatedNormalOf(op, s, positional(op, normalOptions, ['mean', 'stddev'], [mean, stddev, opts]));
}

/** @internal truncatedNormal for another function, whose name errors say. */
export function truncatedNormalOf(op: string, shape: Shape, opts: NormalRead): Tensor {
  const scale = scaling(op, shape, opts);
  // 4.6 % are redrawn a round, from further on in the same stream; after 12 rounds fewer than 1e-16 are left, set to 0.
  const stream = streamFor(opts.seed);
  const next = (): Tensor => draw(op, kNormal, opts.dtype ?? 'float32', shape, stream);
  let z = next();
  for (let round = 0; round < 12; round++) z = where(greater(abs(z), 2), next(), z);
  return scale(where(greater(abs(z), 2), 0, z));
}

/** Rows of x (along axis 0) in random order. */
export function shuffle(x: TensorLike, opts?: { seed?: number }): Tensor {
  const op = 'random.shuffle';
  const { seed } = options(op, seedOptions, opts);
  const a = asTensor(op, x);
  if (a.rank === 0) throw new ShapeError(`${op}: a scalar has no rows to shuffle`);
  const order = draw(op, kPermutation, 'int32', Object.freeze([a.shape[0] as number]), streamFor(seed));
  return gather(a, order);
}

/**
 * int32 classes drawn with the given unnormalised log-probabilities: [batch, classes] -> [batch, numSamples] (Gumbel-max).
 * @throws ShapeError for other logits, and for no classes to draw from
 */
export function categorical(logits: TensorLike, numSamples: number, opts?: { seed?: number }): Tensor {
  const op = 'random.categorical';
  const { seed } = options(op, seedOptions, opts);
  const l = asTensor(op, logits, undefined, 'logits');
  if (!isFloating(l.dtype)) {
    throw new DTypeError(`${op}: expected logits of dtype float32 or float64, got ${l.dtype}`);
  }
  if (l.rank !== 2) throw new ShapeError(`${op}: expected logits [batch, classes], got shape ${showShape(l.shape)}`);
  const [batch, classes] = l.shape as [number, number];
  const samples = argument(op, 'numSamples', integer(0, 2 ** 31 - 1), numSamples);
  if (classes === 0 && batch * samples > 0) {
    throw new ShapeError(`${op}: logits ${showShape(l.shape)} have no classes to draw from`);
  }
  const shape = checkShape(op, [batch, samples, classes]);
  const u = draw(op, kUniform, 'float64', shape, streamFor(seed));
  if (sizeOf(shape) === 0) return zeros([batch, samples], { dtype: 'int32' });
  // -log(1 - u) is exponential and finite, since u < 1; where it is 0 the Gumbel value is +inf and wins, with probability 2^-53.
  const gumbel = log(log(sub(1, u)).neg()).neg();
  return argmax(add(expandDims(cast(l, 'float64'), 1), gumbel), 2);
}

function isArray(value: unknown): value is readonly number[] {
  try {
    return Array.isArray(value);
  } catch {
    return false; // a revoked proxy
  }
}
