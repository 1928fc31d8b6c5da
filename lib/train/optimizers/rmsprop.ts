/** RMSprop: gradients over the root of a mean of their squares. */
import { boolean } from '../../base/arguments.js';
import type { Tensor } from '../../engine/tensor.js';
import { add, div, mul, sqrt, square, sub } from '../../ops/index.js';
import { Optimizer } from '../optimizer.js';
import {
  amount,
  belowOne,
  common,
  fraction,
  given,
  type LearningRate,
  type OptimizerOptions,
} from '../optimizer-options.js';

/** The options of `RMSprop`. */
export interface RMSpropOptions extends OptimizerOptions {
  /** The decay of the mean of squared gradients, from 0 to below 1. Default 0.9. */
  rho?: number;
  /** From 0 to 1. Default 0: no momentum. */
  momentum?: number;
  /** Added under the root in the denominator. Default 1e-7. */
  epsilon?: number;
  /** Whether the squared mean of gradients is subtracted from the mean of their squares. Default false. */
  centered?: boolean;
}
const spec = { ...common, rho: belowOne, momentum: fraction, epsilon: amount, centered: boolean } as const;

/**
 * RMSprop (Tieleman and Hinton 2012), as Keras computes it: v = rho v + (1 - rho) g^2, x -= learningRate g / sqrt(v +
 * epsilon); centered with v - a^2 in place of v, a = rho a + (1 - rho) g; with momentum m = momentum m + (the move), x -=
 * m. Default learning rate 0.001.
 */
export class RMSprop extends Optimizer {
  protected override readonly keepsNothing: boolean = true;
  protected readonly slotNames: readonly string[];
  readonly #rho: number;
  readonly #momentum: number;
  readonly #epsilon: number;
  readonly #centered: boolean;
  constructor(learningRate?: LearningRate | RMSpropOptions, opts?: RMSpropOptions) {
    const read = given('RMSprop', spec, learningRate, opts);
    super('RMSprop', read, 0.001);
    this.#rho = read.rho ?? 0.9;
    this.#momentum = read.momentum ?? 0;
    this.#epsilon = read.epsilon ?? 1e-7;
    this.#centered = read.centered ?? false;
    const momentum = this.#momentum > 0 ? ['momentum'] : [];
    this.slotNames = ['velocity', ...momentum, ...(this.#centered ? ['averageGradient'] : [])];
  }
  protected update(x: Tensor, g: Tensor, slots: readonly Tensor[], rate: number): Tensor[] {
    const rho = this.#rho;
    const mean = (before: Tensor, now: Tensor): Tensor => add(mul(before, rho), mul(now, 1 - rho));
    const velocity = mean(slots[0] as Tensor, square(g));
    const average = this.#centered ? [mean(slots.at(-1) as Tensor, g)] : [];
    const spread = average[0] ? sub(velocity, square(average[0])) : velocity;
    const move = div(mul(g, rate), sqrt(add(spread, this.#epsilon)));
    const momentum = this.#momentum > 0 ? [add(mul(slots[1] as Tensor, this.#momentum), move)] : [];
    return [sub(x, momentum[0] ?? move), velocity, ...momentum, ...average];
  }
}
