/** Initial values of weights: functions of a shape. */
import type { DType } from './dtype.js';
import { fill, ones as fullOnes, zeros as fullZeros } from './ops/creation.js';
import * as random from './ops/random.js';
import { checkShape, type Shape } from './shape.js';
import type { Tensor } from './tensor.js';

export interface InitializerOptions {
  seed?: number;
  dtype?: DType;
}
export type Initializer = (shape: readonly number[], opts?: { dtype?: DType }) => Tensor;

/** Inputs and outputs of a weight: the last two axes, times the receptive field before them. */
function fans(shape: Shape): [number, number] {
  if (shape.length < 1) return [1, 1];
  if (shape.length === 1) return [shape[0] as number, shape[0] as number];
  const field = shape.slice(0, -2).reduce((p, n) => p * n, 1);
  return [(shape[shape.length - 2] as number) * field, (shape[shape.length - 1] as number) * field];
}

function randomOptions(opts: InitializerOptions, call: { dtype?: DType } | undefined): { dtype: DType; seed?: number } {
  const dtype = call?.dtype ?? opts.dtype ?? 'float32';
  return opts.seed === undefined ? { dtype } : { dtype, seed: opts.seed };
}

type Scale = (fanIn: number, fanOut: number) => number;

function uniformScaled(name: string, opts: InitializerOptions, limit: Scale): Initializer {
  return (shape, call) => {
    const s = checkShape(`initializers.${name}`, shape);
    const bound = limit(...fans(s));
    return random.uniform(s, { ...randomOptions(opts, call), minval: -bound, maxval: bound });
  };
}

// Standard deviation of a unit normal truncated at 2: dividing by it keeps the variance that was asked for.
const truncatedStddev = 0.87962566103423978;

function normalScaled(name: string, opts: InitializerOptions, variance: Scale): Initializer {
  return (shape, call) => {
    const s = checkShape(`initializers.${name}`, shape);
    const stddev = Math.sqrt(variance(...fans(s))) / truncatedStddev;
    return random.truncatedNormal(s, { ...randomOptions(opts, call), stddev });
  };
}

/** Uniform within sqrt(6 / (fanIn + fanOut)) (Glorot and Bengio 2010). */
export function glorotUniform(opts: InitializerOptions = {}): Initializer {
  return uniformScaled('glorotUniform', opts, (i, o) => Math.sqrt(6 / (i + o)));
}
/** Truncated normal of variance 2 / (fanIn + fanOut) (Glorot and Bengio 2010). */
export function glorotNormal(opts: InitializerOptions = {}): Initializer {
  return normalScaled('glorotNormal', opts, (i, o) => 2 / (i + o));
}
/** Uniform within sqrt(6 / fanIn) (He et al. 2015). */
export function heUniform(opts: InitializerOptions = {}): Initializer {
  return uniformScaled('heUniform', opts, (i) => Math.sqrt(6 / i));
}
/** Truncated normal of variance 2 / fanIn (He et al. 2015). */
export function heNormal(opts: InitializerOptions = {}): Initializer {
  return normalScaled('heNormal', opts, (i) => 2 / i);
}
/** Normal, standard deviation 0.05. */
export function randomNormal(opts: InitializerOptions & { mean?: number; stddev?: number } = {}): Initializer {
  return (shape, call) =>
    random.normal(shape, { ...randomOptions(opts, call), mean: opts.mean ?? 0, stddev: opts.stddev ?? 0.05 });
}
/** Normal without the tails beyond two standard deviations (0.05). */
export function truncatedNormal(opts: InitializerOptions & { mean?: number; stddev?: number } = {}): Initializer {
  return (shape, call) =>
    random.truncatedNormal(shape, { ...randomOptions(opts, call), mean: opts.mean ?? 0, stddev: opts.stddev ?? 0.05 });
}
export function zeros(opts: { dtype?: DType } = {}): Initializer {
  return (shape, call) => fullZeros(shape, { dtype: call?.dtype ?? opts.dtype ?? 'float32' });
}
export function ones(opts: { dtype?: DType } = {}): Initializer {
  return (shape, call) => fullOnes(shape, { dtype: call?.dtype ?? opts.dtype ?? 'float32' });
}
export function constant(value = 0, opts: { dtype?: DType } = {}): Initializer {
  return (shape, call) => fill(shape, value, { dtype: call?.dtype ?? opts.dtype ?? 'float32' });
}
