/** Random tensors from counters (Philox): the same seed gives the same numbers on any machine and number of threads. */
import type { DType } from '../dtype.js';
import { checkDType, numberAs } from '../dtype.js';
import { DTypeError, ShapeError, show, ValueError } from '../errors.js';
import { opcodeOf } from '../native.js';
import { asTensor, done, node } from '../op.js';
import { type Stream, setSharedStream, sharedStream } from '../random-stream.js';
import { checkShape, type Shape, sizeOf } from '../shape.js';
import type { Tensor } from '../tensor.js';
import type { TensorLike } from '../variable.js';
import { add, greater, less, mul, sub, where } from './arithmetic.js';
import { gather } from './indexing.js';
import { abs, floor, log } from './math.js';
import { argmax } from './reduce.js';
import { cast, expandDims } from './structure.js';

const kUniform = opcodeOf('randomUniform');
const kNormal = opcodeOf('randomNormal');
const kPermutation = opcodeOf('randomPermutation');

function streamOf(op: string, seed: number): Stream {
  if (!Number.isSafeInteger(seed) || seed < 0)
    throw new ValueError(`${op}: a seed is an integer >= 0, got ${show(seed)}`, 'ERR_OPTION');
  return { low: seed % 2 ** 32, high: Math.floor(seed / 2 ** 32), offset: 0 };
}

/** Starts the shared stream anew: what follows is the same on every run. */
export function setSeed(seed: number): void {
  setSharedStream(streamOf('setSeed', seed));
}

/** Takes the next `count` numbers of the shared stream, or the first of the seed's own. */
function draw(op: string, opcode: number, dtype: DType, shape: Shape, seed: number | undefined): Tensor {
  const stream = seed === undefined ? sharedStream() : streamOf(op, seed);
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

function floatingDType(op: string, dtype: DType | undefined): DType {
  const d = checkDType(op, dtype ?? 'float32');
  if (d !== 'float32' && d !== 'float64') throw new DTypeError(`${op}: expected dtype float32 or float64, got ${d}`);
  return d;
}

export interface UniformOptions extends RandomOptions {
  /** The least value (0); with respect to it and to maxval the result is differentiable. */
  minval?: TensorLike;
  /** What every value is below (1). */
  maxval?: TensorLike;
}

/** Uniform in [minval, maxval); integers too. */
export function uniform(shape: readonly number[], opts: UniformOptions = {}): Tensor {
  const dtype = checkDType('random.uniform', opts.dtype ?? 'float32');
  const s = checkShape('random.uniform', shape);
  const low = opts.minval ?? 0;
  if (dtype === 'int32') {
    const high = opts.maxval;
    if (typeof low !== 'number' || typeof high !== 'number' || !isRange(low, high)) {
      throw new ValueError(
        `random.uniform: integers need minval < maxval, got ${show(low)} and ${show(high)}`,
        'ERR_OPTION',
      );
    }
    const u = draw('random.uniform', kUniform, 'float64', s, opts.seed);
    // Multiplying a 53-bit fraction: the bias is below 2^-21 for any range of int32.
    // Floored before `low` is added, which might round up to `high`.
    return cast(add(floor(mul(u, high - low)), low), 'int32');
  }
  const u = draw('random.uniform', kUniform, floatingDType('random.uniform', dtype), s, opts.seed);
  const high = opts.maxval ?? 1;
  if (low === 0 && high === 1) return u;
  if (typeof low === 'number' && typeof high === 'number') {
    if (!(high >= low)) throw new ValueError(`random.uniform: minval ${low} is above maxval ${high}`, 'ERR_OPTION');
    if (!Number.isFinite(numberAs('random.uniform', dtype, high - low))) {
      throw new ValueError(`random.uniform: [${low}, ${high}) is wider than ${dtype} can say`, 'ERR_OPTION');
    }
  }
  const least = asTensor('random.uniform', low, dtype);
  const limit = asTensor('random.uniform', high, dtype);
  const x = add(mul(u, sub(limit, least)), least);
  // The sum may round up to the limit, which does not belong to the interval.
  return where(less(x, limit), x, least);
}

function isRange(low: number, high: number): boolean {
  return Number.isInteger(low) && Number.isInteger(high) && low < high;
}

export interface NormalOptions extends RandomOptions {
  /** Default 0; with respect to it and to stddev the result is differentiable. */
  mean?: TensorLike;
  /** Default 1. */
  stddev?: TensorLike;
}

/** Normal with the given mean (0) and standard deviation (1). */
export function normal(shape: readonly number[], opts: NormalOptions = {}): Tensor {
  const dtype = floatingDType('random.normal', opts.dtype);
  const z = draw('random.normal', kNormal, dtype, checkShape('random.normal', shape), opts.seed);
  return scaled(z, opts);
}

function scaled(z: Tensor, { mean = 0, stddev = 1 }: NormalOptions): Tensor {
  const wide = stddev === 1 ? z : mul(z, stddev);
  return mean === 0 ? wide : add(wide, mean);
}

/** Normal, drawn again beyond two standard deviations. */
export function truncatedNormal(shape: readonly number[], opts: NormalOptions = {}): Tensor {
  const dtype = floatingDType('random.truncatedNormal', opts.dtype);
  const s = checkShape('random.truncatedNormal', shape);
  // 4.6 % are redrawn a round; after 12 rounds fewer than 1e-16 are left, and those are set to 0.
  let seed = opts.seed;
  const next = (): Tensor => {
    const z = draw('random.truncatedNormal', kNormal, dtype, s, seed);
    if (seed !== undefined) seed += 1;
    return z;
  };
  let z = next();
  for (let round = 0; round < 12; round++) z = where(greater(abs(z), 2), next(), z);
  return scaled(where(greater(abs(z), 2), 0, z), opts);
}

/** Rows of x (along axis 0) in random order. */
export function shuffle(x: TensorLike, opts: { seed?: number } = {}): Tensor {
  const a = asTensor('random.shuffle', x);
  if (a.rank === 0) throw new ShapeError('random.shuffle: a scalar has no rows to shuffle');
  const order = draw('random.shuffle', kPermutation, 'int32', Object.freeze([a.shape[0] as number]), opts.seed);
  return gather(a, order);
}

/** int32 classes drawn with the given unnormalised log-probabilities: [batch, classes] -> [batch, numSamples] (Gumbel-max). */
export function categorical(logits: TensorLike, numSamples: number, opts: { seed?: number } = {}): Tensor {
  const l = asTensor('random.categorical', logits);
  if (l.rank !== 2) throw new ShapeError(`random.categorical: expected logits of rank 2, got rank ${l.rank}`);
  const [batch, classes] = l.shape as [number, number];
  const shape = checkShape('random.categorical', [batch, numSamples, classes]);
  const u = draw('random.categorical', kUniform, 'float64', shape, opts.seed);
  // -log(1 - u) is exponential and finite, since u < 1; where it is 0 the Gumbel value is +inf and wins, with probability 2^-53.
  const gumbel = log(log(sub(1, u)).neg()).neg();
  return argmax(add(expandDims(cast(l, 'float64'), 1), gumbel), 2);
}
