/** Initializers: makers of functions that give the initial value of a weight of some shape. */
import {
  argument,
  boolean,
  either,
  finite,
  integer,
  isArray,
  number,
  oneOf,
  options,
  type Read,
  type Spec,
} from '../base/arguments.js';
import { type DType, dtypeArgument, isFloating, numberAs } from '../base/dtype.js';
import { DTypeError, ShapeError, ValueError } from '../base/errors.js';
import { checkShape, type Shape, shapeOf, showShape, sizeOf } from '../base/shape.js';
import { type Tensor, uniformTensor } from '../engine/tensor.js';
import { eye, mul, reshape, sign, transpose } from '../ops/index.js';
import { diagPart, qr } from '../ops/linalg/index.js';
import { normalOf, truncatedNormalOf, uniformOf } from '../primitives/distributions.js';

/** The options that initializers have: those of Glorot, He and LeCun have no other. */
export interface InitializerOptions {
  /**
   * The seed of a stream that starts anew at each call, so that each gives the same numbers; without it the shared
   * stream goes on.
   */
  seed?: number;
  /** Default float32. */
  dtype?: DType;
}
/** Makes an initial value of a shape; its dtype goes before that of the maker. */
export type Initializer = (shape: readonly number[], opts?: { dtype?: DType }) => Tensor;

/**
 * [fanIn, fanOut] of a weight: the lengths of its last two axes, each times the product of the lengths before. At least
 * 1 each, as in Keras.
 */
function fans(shape: Shape): [number, number] {
  const field = shape.slice(0, -2).reduce((p, n) => p * n, 1);
  const [inputs = 1, outputs = inputs] = shape.slice(-2);
  return [Math.max(1, inputs * field), Math.max(1, outputs * field)];
}

const callOptions = { dtype: dtypeArgument } as const;
const seed = integer(0);
const randomOptions = { seed, dtype: dtypeArgument } as const;
const normalOptions = {
  ...randomOptions,
  mean: finite,
  stddev: number('a finite number >= 0', 0, Number.MAX_VALUE),
} as const;

/** The options of a maker. Who passes the shape to the maker, and not to the initializer that it makes, is told. */
function read<S extends Spec>(name: string, spec: S, given: unknown): Read<S> {
  if (!isShape(given)) return options(`initializers.${name}`, spec, given);
  throw new ValueError(
    `initializers.${name}: it makes an initializer, which takes the shape: write initializers.${name}()([${given}])`,
    'ERR_OPTION',
  );
}

function isShape(value: unknown): value is readonly number[] {
  return isArray(value) && value.every((n) => typeof n === 'number');
}

/** The options that an initializer was made with. */
interface FixedOptions {
  readonly dtype?: DType;
  readonly seed?: number;
}
/** Makes a value of the shape. `op`: the name in errors. */
type Values = (op: string, shape: Shape, opts: { dtype: DType; seed?: number }) => Tensor;

function initializer(name: string, opts: FixedOptions, floats: boolean, values: Values): Initializer {
  const op = `initializers.${name}`;
  const { seed } = opts;
  return (shape, call) => {
    const s = checkShape(op, shape);
    const dtype = options(op, callOptions, call).dtype ?? opts.dtype ?? 'float32';
    if (floats && !isFloating(dtype)) throw new DTypeError(`${op}: expected dtype float32 or float64, got ${dtype}`);
    return values(op, s, seed === undefined ? { dtype } : { dtype, seed });
  };
}

// The standard deviation of the standard normal distribution truncated at 2. Dividing by it gives the variance that was
// asked for.
const kTruncatedStddev = 0.87962566103423978;

/** The options of `varianceScaling`. */
export interface VarianceScalingOptions extends InitializerOptions {
  /** A positive factor of the variance. Default 1. */
  scale?: number;
  /** What the variance is divided by: the number of inputs (default), of outputs, or the mean of both. */
  mode?: 'fanIn' | 'fanOut' | 'fanAvg';
  /** Default 'truncatedNormal'. */
  distribution?: 'truncatedNormal' | 'untruncatedNormal' | 'uniform';
}
const scalingOptions = {
  ...randomOptions,
  scale: number('a finite number > 0', Number.MIN_VALUE, Number.MAX_VALUE),
  mode: oneOf(['fanIn', 'fanOut', 'fanAvg']),
  distribution: oneOf(['truncatedNormal', 'untruncatedNormal', 'uniform']),
} as const;

/** Random numbers with mean 0 and variance scale / (fanIn, fanOut or their mean, at least 1). */
function scaled(name: string, opts: Read<typeof scalingOptions>): Initializer {
  const { scale = 1, mode = 'fanIn', distribution = 'truncatedNormal', ...made } = opts;
  return initializer(name, made, true, (op, shape, drawn) => {
    const [fanIn, fanOut] = fans(shape);
    const variance = scale / { fanIn, fanOut, fanAvg: (fanIn + fanOut) / 2 }[mode];
    if (distribution === 'untruncatedNormal') return normalOf(op, shape, { ...drawn, stddev: Math.sqrt(variance) });
    if (distribution === 'truncatedNormal') {
      return truncatedNormalOf(op, shape, { ...drawn, stddev: Math.sqrt(variance) / kTruncatedStddev });
    }
    const bound = Math.sqrt(3 * variance);
    return uniformOf(op, shape, { ...drawn, minval: -bound, maxval: bound });
  });
}

/**
 * Random numbers with mean 0 and variance scale / n, n being the number of inputs or outputs of the weight, whose last
 * two axes these are; the axes before count to both.
 */
export function varianceScaling(opts?: VarianceScalingOptions): Initializer {
  return scaled('varianceScaling', read('varianceScaling', scalingOptions, opts));
}
/** Uniform between -limit and limit, limit = sqrt(6 / (fanIn + fanOut)) (Glorot and Bengio 2010). */
export function glorotUniform(opts?: InitializerOptions): Initializer {
  const given = read('glorotUniform', randomOptions, opts);
  return scaled('glorotUniform', { ...given, mode: 'fanAvg', distribution: 'uniform' });
}
/** Truncated normal with variance 2 / (fanIn + fanOut) (Glorot and Bengio 2010). */
export function glorotNormal(opts?: InitializerOptions): Initializer {
  return scaled('glorotNormal', { ...read('glorotNormal', randomOptions, opts), mode: 'fanAvg' });
}
/** Uniform between -limit and limit, limit = sqrt(6 / fanIn) (He et al. 2015). */
export function heUniform(opts?: InitializerOptions): Initializer {
  return scaled('heUniform', { ...read('heUniform', randomOptions, opts), scale: 2, distribution: 'uniform' });
}
/** Truncated normal with variance 2 / fanIn (He et al. 2015). */
export function heNormal(opts?: InitializerOptions): Initializer {
  return scaled('heNormal', { ...read('heNormal', randomOptions, opts), scale: 2 });
}
/** Uniform between -limit and limit, limit = sqrt(3 / fanIn) (LeCun et al. 1998). */
export function lecunUniform(opts?: InitializerOptions): Initializer {
  return scaled('lecunUniform', { ...read('lecunUniform', randomOptions, opts), distribution: 'uniform' });
}
/** Truncated normal with variance 1 / fanIn (LeCun et al. 1998). */
export function lecunNormal(opts?: InitializerOptions): Initializer {
  return scaled('lecunNormal', read('lecunNormal', randomOptions, opts));
}

/** The options of `randomUniform`. */
export interface UniformInitializerOptions extends InitializerOptions {
  /** Default -0.05. */
  minval?: number;
  /** Default 0.05. */
  maxval?: number;
}
const uniformOptions = { ...randomOptions, minval: finite, maxval: finite } as const;

/** Uniform, by default from -0.05 to 0.05. */
export function randomUniform(opts?: UniformInitializerOptions): Initializer {
  const { minval = -0.05, maxval = 0.05, ...made } = read('randomUniform', uniformOptions, opts);
  return initializer('randomUniform', made, true, (op, shape, drawn) =>
    uniformOf(op, shape, { ...drawn, minval, maxval }),
  );
}

/** The options of `randomNormal` and `truncatedNormal`. */
export interface NormalInitializerOptions extends InitializerOptions {
  /** Default 0. */
  mean?: number;
  /** Default 0.05. */
  stddev?: number;
}

/** Normal, by default with mean 0 and standard deviation 0.05. */
export function randomNormal(opts?: NormalInitializerOptions): Initializer {
  const { mean = 0, stddev = 0.05, ...made } = read('randomNormal', normalOptions, opts);
  return initializer('randomNormal', made, true, (op, shape, drawn) => normalOf(op, shape, { ...drawn, mean, stddev }));
}
/** As randomNormal, but numbers beyond two standard deviations are drawn again. */
export function truncatedNormal(opts?: NormalInitializerOptions): Initializer {
  const { mean = 0, stddev = 0.05, ...made } = read('truncatedNormal', normalOptions, opts);
  return initializer('truncatedNormal', made, true, (op, shape, drawn) =>
    truncatedNormalOf(op, shape, { ...drawn, mean, stddev }),
  );
}
/** Zeros. */
export function zeros(opts?: { dtype?: DType }): Initializer {
  return filled('zeros', 0, read('zeros', callOptions, opts));
}
/** Ones. */
export function ones(opts?: { dtype?: DType }): Initializer {
  return filled('ones', 1, read('ones', callOptions, opts));
}
/** One value (default 0) everywhere. */
export function constant(value: number | boolean = 0, opts?: { dtype?: DType }): Initializer {
  const taken = argument('initializers.constant', 'value', either(number(), boolean), value);
  return filled('constant', taken, read('constant', callOptions, opts));
}

function filled(name: string, value: number | boolean, opts: FixedOptions): Initializer {
  return initializer(name, opts, false, (op, shape, { dtype }) =>
    uniformTensor(numberAs(op, dtype, value), dtype, shape),
  );
}

/** The options of `identity`. */
export interface GainOptions {
  /** A factor of all elements. Default 1. */
  gain?: number;
  /** Default float32. */
  dtype?: DType;
}

/** The identity matrix, times a factor: 1 where both indices are equal. Shapes of rank 2 only. */
export function identity(opts?: GainOptions): Initializer {
  const { gain = 1, ...made } = read('identity', { ...callOptions, gain: finite }, opts);
  return initializer('identity', made, false, (op, shape, { dtype }) => {
    if (shape.length !== 2) throw new ShapeError(`${op}: expected a shape [rows, columns], got ${showShape(shape)}`);
    const [rows, columns] = shape as [number, number];
    return mul(eye(rows, columns, { dtype }), numberAs(op, dtype, gain));
  });
}

/** The options of `orthogonal`. */
export interface OrthogonalOptions extends InitializerOptions {
  /** A factor of all elements. Default 1. */
  gain?: number;
}

/**
 * A random matrix with orthonormal rows or columns, whichever are fewer, times a factor (Saxe et al. 2014): the
 * orthogonal factor of a matrix of normal numbers. The axes before the last count as rows. Shapes of rank 2 or more.
 */
export function orthogonal(opts?: OrthogonalOptions): Initializer {
  const { gain = 1, ...made } = read('orthogonal', { ...randomOptions, gain: finite }, opts);
  return initializer('orthogonal', made, true, (op, shape, drawn) => {
    if (shape.length < 2) throw new ShapeError(`${op}: expected a shape of rank 2 or more, got ${showShape(shape)}`);
    const columns = shape[shape.length - 1] as number;
    const rows = sizeOf(shape.slice(0, -1));
    const { q, r } = qr(normalOf(op, shapeOf([Math.max(rows, columns), Math.min(rows, columns)]), drawn));
    // Without the signs of r's diagonal, q would depend on how it is computed.
    const uniform = mul(q, sign(diagPart(r)));
    return mul(reshape(rows < columns ? transpose(uniform) : uniform, shape), gain);
  });
}
