/** The options that all optimizers have, and how a constructor reads them. */
import {
  boolean,
  integer,
  isA,
  isPlainObject,
  type Kind,
  number,
  options,
  type Read,
  refused,
  type Spec,
} from '../base/arguments.js';
import { kindOf } from '../base/dtype.js';
import { show, ValueError } from '../base/errors.js';
import { Tensor } from '../engine/tensor.js';
import { Variable } from '../op/variable.js';

/**
 * A number; or what gives one at each step: a variable or tensor of one number, or a function of the number of steps
 * made so far.
 */
export type LearningRate = number | Variable | Tensor | ((step: number) => number | Variable | Tensor);

/** The options that all optimizers have. */
export interface OptimizerOptions {
  /** Default: the optimizer's own. */
  learningRate?: LearningRate;
  /** The largest norm of each gradient: one with a larger norm is scaled down to it. Default: no limit. */
  clipnorm?: number;
  /** The largest magnitude of an element of a gradient: what is larger is cut to it. Default: no limit. */
  clipvalue?: number;
  /**
   * The largest norm of all gradients taken as one vector: they are scaled down together. Default: no limit. At most one
   * of the three limits can be given.
   */
  globalClipnorm?: number;
  /**
   * Decoupled weight decay: before the update, variable -= learningRate * weightDecay * variable. Default 0 (AdamW:
   * 0.004).
   */
  weightDecay?: number;
  /**
   * Whether a moving average of each variable is kept, in a slot: average = emaMomentum average + (1 - emaMomentum)
   * variable after each step, and the variable itself after the first. `finalizeVariableValues` assigns it. Default
   * false.
   */
  useEma?: boolean;
  /** From 0 to 1. Default 0.99. */
  emaMomentum?: number;
  /** After each so many steps the average is assigned to the variable. Default: never. */
  emaOverwriteFrequency?: number;
  /**
   * Of so many calls of `applyGradients` the gradients are summed up in a slot, and the last of them makes one step by
   * their mean. A whole number >= 2. Default: each call makes a step.
   */
  gradientAccumulationSteps?: number;
  /**
   * The factor by which the loss was multiplied (`scaleLoss` does), so that small gradients do not underflow: gradients
   * are divided by it. Default 1.
   */
  lossScaleFactor?: number;
}

export const rateKind: Kind<LearningRate> = {
  expected: 'a finite number >= 0, a function of the step, or a variable or tensor of one number',
  read: (value) => {
    if (typeof value === 'function') return value as LearningRate;
    if (isA(value, Variable) || isA(value, Tensor))
      return value.size === 1 && kindOf[value.dtype] !== 'boolean' ? value : refused;
    return isRate(value) ? value : refused;
  },
};
export const amount: Kind<number> = number('a finite number >= 0', 0, Number.MAX_VALUE);
const limit = number('a finite number > 0', Number.MIN_VALUE, Number.MAX_VALUE);
export const fraction: Kind<number> = number('a number from 0 to 1', 0, 1);
export const belowOne: Kind<number> = number('a number >= 0 and < 1', 0, 1 - 2 ** -53);

export const common: { readonly [K in keyof OptimizerOptions]-?: Kind<NonNullable<OptimizerOptions[K]>> } = {
  learningRate: rateKind,
  clipnorm: limit,
  clipvalue: limit,
  globalClipnorm: limit,
  weightDecay: amount,
  useEma: boolean,
  emaMomentum: fraction,
  emaOverwriteFrequency: integer(1),
  gradientAccumulationSteps: integer(2),
  lossScaleFactor: limit,
};

/**
 * The common ones among the options of a constructor.
 * @throws ValueError ERR_OPTION
 */
export function commonOf(name: string, opts: OptimizerOptions): Read<typeof common> {
  if (!isPlainObject(opts)) throw new ValueError(`${name}: expected options, got ${show(opts)}`, 'ERR_OPTION');
  const own = Object.keys(common).map((key) => [key, opts[key as keyof OptimizerOptions]]);
  const read = options(name, common, Object.fromEntries(own));
  const limits = (['clipnorm', 'clipvalue', 'globalClipnorm'] as const).filter((key) => read[key] !== undefined);
  if (limits.length < 2) return read;
  throw new ValueError(`${name}: only one of ${limits.join(' and ')} can be given`, 'ERR_OPTION');
}

/** The options of Adam's kin. */
export const momentsSpec: typeof common & {
  readonly beta1: typeof belowOne;
  readonly beta2: typeof belowOne;
  readonly epsilon: typeof amount;
} = { ...common, beta1: belowOne, beta2: belowOne, epsilon: amount };

export function isRate(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value < Infinity;
}

/**
 * Reads the arguments of a constructor: options, or a learning rate and then options.
 * @throws ValueError ERR_OPTION
 */
export function given<S extends Spec & typeof common>(name: string, spec: S, first: unknown, second: unknown): Read<S> {
  const op = `optimizers.${name}`;
  if (first === undefined) return options(op, spec, second);
  if (rateKind.read(first) === refused) {
    if (second !== undefined && isPlainObject(first)) {
      throw new ValueError(`${op}: takes nothing behind its options, got ${show(second)}`, 'ERR_OPTION');
    }
    if (typeof first !== 'number') return options(op, spec, first);
    throw new ValueError(`${op}: learningRate must be ${rateKind.expected}, got ${show(first)}`, 'ERR_OPTION');
  }
  const more = options(op, spec, second);
  if (more.learningRate === undefined) return { ...more, learningRate: first as LearningRate };
  throw new ValueError(`${op}: learningRate is given twice, ${show(first)} and in the options`, 'ERR_OPTION');
}
