/**
 * What `tf.optimizers.schedules` has: learning rates that are functions of the step, with the names, arguments and
 * formulas of Keras. A schedule is a function from the number of steps made so far to a learning rate.
 */
import {
  argument,
  boolean,
  finite,
  integer,
  isArray,
  type Kind,
  number,
  positional,
  type Read,
  refused,
  type Spec,
} from '../base/arguments.js';
import { named, show, ValueError } from '../base/errors.js';

/** Gives the learning rate of a step; the first step is 0. */
export type LearningRateSchedule = (step: number) => number;

/** What `new` makes a schedule of: its arguments by position, by name in one object, or the first by position. */
export interface ScheduleClass<First extends unknown[], Options extends object> {
  new (...args: [...First, opts?: Partial<Options>]): LearningRateSchedule;
  new (opts: Options): LearningRateSchedule;
}

const stepsKind = number('a finite number > 0', Number.MIN_VALUE, Number.MAX_VALUE);
const rate = number('a finite number >= 0', 0, Number.MAX_VALUE);
const numbers: Kind<readonly number[]> = {
  expected: 'an array of finite numbers',
  read: (value) =>
    isArray(value) && value.every((x) => Number.isFinite(x)) ? [...(value as readonly number[])] : refused,
};
const step = integer(0);

/**
 * A class of schedules. `names`: the arguments that also come by position; the first `needed` must be given. `make`:
 * checks what was read, and gives the rate of a step.
 */
function scheduleClass<First extends unknown[], Options extends object, S extends Spec>(
  name: string,
  spec: S,
  names: readonly (keyof S & string)[],
  needed: number,
  make: (read: Read<S>, op: string) => LearningRateSchedule,
): ScheduleClass<First, Options> {
  const op = `optimizers.schedules.${name}`;
  // A constructor that returns a function: what `new` gives is called with a step.
  const schedule = named(name, function (this: unknown, ...args: unknown[]): LearningRateSchedule {
    const read = positional(op, spec, names, args);
    for (const missing of names.slice(0, needed)) {
      if (read[missing] === undefined) {
        throw new ValueError(`${op}: ${missing} is missing; expected ${spec[missing]?.expected}`, 'ERR_OPTION');
      }
    }
    const rateAt = make(read, op);
    return named(name, (at) => rateAt(argument(op, 'step', step, at)));
  });
  return schedule as unknown as ScheduleClass<First, Options>;
}

const decaySpec = { initialLearningRate: rate, decaySteps: stepsKind, decayRate: rate, staircase: boolean } as const;

/** The options of `ExponentialDecay` and `InverseTimeDecay`. */
export interface DecayOptions {
  /** The rate of step 0. */
  initialLearningRate: number;
  /** The number of steps in which the rate decays once by `decayRate`. */
  decaySteps: number;
  /** The factor of one decay. */
  decayRate: number;
  /** Whether the rate decays only after each `decaySteps` steps. Default false: at each step a little. */
  staircase?: boolean;
}
type DecayArguments = [initialLearningRate: number, decaySteps: number, decayRate: number];

/** A schedule of the number of decays so far. */
function decay(
  name: string,
  decayed: (initial: number, decayRate: number, decays: number) => number,
): ScheduleClass<DecayArguments, DecayOptions> {
  const names = ['initialLearningRate', 'decaySteps', 'decayRate', 'staircase'] as const;
  return scheduleClass(name, decaySpec, names, 3, (read) => {
    const { initialLearningRate, decaySteps, decayRate, staircase = false } = read as DecayOptions;
    return (at) => {
      const decays = at / decaySteps;
      return decayed(initialLearningRate, decayRate, staircase ? Math.floor(decays) : decays);
    };
  });
}

/** initialLearningRate * decayRate^(step / decaySteps). */
export const ExponentialDecay: ScheduleClass<DecayArguments, DecayOptions> = decay(
  'ExponentialDecay',
  (initial, decayRate, decays) => initial * decayRate ** decays,
);

/** initialLearningRate / (1 + decayRate * step / decaySteps). */
export const InverseTimeDecay: ScheduleClass<DecayArguments, DecayOptions> = decay(
  'InverseTimeDecay',
  (initial, decayRate, decays) => initial / (1 + decayRate * decays),
);

/** The options of `PolynomialDecay`. */
export interface PolynomialDecayOptions {
  /** The rate of step 0. */
  initialLearningRate: number;
  /** The step that has `endLearningRate`. */
  decaySteps: number;
  /** Default 0.0001. */
  endLearningRate?: number;
  /** Default 1: linear. */
  power?: number;
  /** Whether the decay stretches to the next multiple of `decaySteps` after it has ended. Default false. */
  cycle?: boolean;
}

/** (initialLearningRate - endLearningRate) (1 - step / decaySteps)^power + endLearningRate. */
export const PolynomialDecay: ScheduleClass<
  [initialLearningRate: number, decaySteps: number, endLearningRate?: number, power?: number],
  PolynomialDecayOptions
> = scheduleClass(
  'PolynomialDecay',
  { initialLearningRate: rate, decaySteps: stepsKind, endLearningRate: rate, power: finite, cycle: boolean },
  ['initialLearningRate', 'decaySteps', 'endLearningRate', 'power', 'cycle'],
  2,
  (read) => {
    const {
      initialLearningRate: first,
      decaySteps,
      endLearningRate: last = 1e-4,
      power = 1,
      cycle = false,
    } = read as PolynomialDecayOptions;
    return (at) => {
      const whole = cycle ? decaySteps * Math.max(1, Math.ceil(at / decaySteps)) : decaySteps;
      return (first - last) * (1 - Math.min(at, whole) / whole) ** power + last;
    };
  },
);

/** The options of `PiecewiseConstantDecay`. */
export interface PiecewiseConstantDecayOptions {
  /** Steps in increasing order: the last of each piece but the last. */
  boundaries: readonly number[];
  /** The rates: one more than boundaries. */
  values: readonly number[];
}

/** values[0] up to step boundaries[0], values[1] up to step boundaries[1], and so on. */
export const PiecewiseConstantDecay: ScheduleClass<
  [boundaries: readonly number[], values: readonly number[]],
  PiecewiseConstantDecayOptions
> = scheduleClass(
  'PiecewiseConstantDecay',
  { boundaries: numbers, values: numbers },
  ['boundaries', 'values'],
  2,
  (read, op) => {
    const { boundaries, values } = read as PiecewiseConstantDecayOptions;
    if (values.length !== boundaries.length + 1) {
      const expected = `one value more than boundaries (${boundaries.length})`;
      throw new ValueError(`${op}: expected ${expected}, got ${values.length} values`, 'ERR_OPTION');
    }
    if (boundaries.some((b, i) => i > 0 && b <= (boundaries[i - 1] as number))) {
      throw new ValueError(`${op}: boundaries must increase, got ${show(boundaries)}`, 'ERR_OPTION');
    }
    return (at) => {
      const piece = boundaries.findIndex((b) => at <= b);
      return values[piece < 0 ? boundaries.length : piece] as number;
    };
  },
);

/** From 1 at 0 to `alpha` at 1. */
const cosine = (alpha: number, share: number): number => ((1 - alpha) * (1 + Math.cos(Math.PI * share))) / 2 + alpha;

/** The options of `CosineDecay`. */
export interface CosineDecayOptions {
  /** The rate of step 0. */
  initialLearningRate: number;
  /** The number of steps of the decay, without those of the warm-up. */
  decaySteps: number;
  /** The last rate, as a share of the largest. Default 0. */
  alpha?: number;
  /** The rate at the end of a warm-up, which is linear. Default: no warm-up. */
  warmupTarget?: number;
  /** The number of steps of the warm-up. Default 0. */
  warmupSteps?: number;
}

/**
 * Half a cosine from the initial rate to alpha times it (Loshchilov and Hutter 2017); with a warm-up before, from the
 * initial rate to `warmupTarget`.
 */
export const CosineDecay: ScheduleClass<
  [initialLearningRate: number, decaySteps: number, alpha?: number],
  CosineDecayOptions
> = scheduleClass(
  'CosineDecay',
  { initialLearningRate: rate, decaySteps: stepsKind, alpha: finite, warmupTarget: rate, warmupSteps: rate },
  ['initialLearningRate', 'decaySteps', 'alpha'],
  2,
  (read) => {
    const {
      initialLearningRate: first,
      decaySteps,
      alpha = 0,
      warmupTarget,
      warmupSteps = 0,
    } = read as CosineDecayOptions;
    if (warmupTarget === undefined) return (at) => first * cosine(alpha, Math.min(at / decaySteps, 1));
    return (at) =>
      at < warmupSteps
        ? (warmupTarget - first) * (at / warmupSteps) + first
        : warmupTarget * cosine(alpha, Math.min((at - warmupSteps) / decaySteps, 1));
  },
);

/** The options of `CosineDecayRestarts`. */
export interface CosineDecayRestartsOptions {
  /** The rate of step 0. */
  initialLearningRate: number;
  /** The number of steps of the first period. */
  firstDecaySteps: number;
  /** How much longer each period is than the one before. Default 2. */
  tMul?: number;
  /** How the rate at the start of a period relates to that of the one before. Default 1. */
  mMul?: number;
  /** The last rate of the first period, as a share of the initial one. Default 0. */
  alpha?: number;
}

/** Periods of half a cosine each (Loshchilov and Hutter 2017, SGDR). */
export const CosineDecayRestarts: ScheduleClass<
  [initialLearningRate: number, firstDecaySteps: number, tMul?: number, mMul?: number, alpha?: number],
  CosineDecayRestartsOptions
> = scheduleClass(
  'CosineDecayRestarts',
  {
    initialLearningRate: rate,
    firstDecaySteps: stepsKind,
    tMul: number('a finite number >= 1', 1, Number.MAX_VALUE),
    mMul: rate,
    alpha: finite,
  },
  ['initialLearningRate', 'firstDecaySteps', 'tMul', 'mMul', 'alpha'],
  2,
  (read) => {
    const {
      initialLearningRate: first,
      firstDecaySteps,
      tMul = 2,
      mMul = 1,
      alpha = 0,
    } = read as CosineDecayRestartsOptions;
    return (at) => {
      // By counting: the closed form's logarithm misses the step at which a period begins.
      let into = at;
      let length = firstDecaySteps;
      let restarts = 0;
      if (tMul === 1) restarts = Math.floor(at / length);
      else for (; into >= length; restarts++, length *= tMul) into -= length;
      if (tMul === 1) into -= restarts * length;
      const share = (mMul ** restarts * (1 + Math.cos((Math.PI * into) / length))) / 2;
      return first * ((1 - alpha) * share + alpha);
    };
  },
);
