/** SGD: stochastic gradient descent. */
import { boolean } from '../../base/arguments.js';
import type { Tensor } from '../../engine/tensor.js';
import { add, mul, sub } from '../../ops/index.js';
import { Optimizer } from '../optimizer.js';
import { common, fraction, given, type LearningRate, type OptimizerOptions } from '../optimizer-options.js';

/** The options of `SGD`. */
export interface SGDOptions extends OptimizerOptions {
  /** From 0 to 1. Default 0: no momentum. */
  momentum?: number;
  /** Whether momentum is Nesterov's. Default false. */
  nesterov?: boolean;
}
const sgdSpec = { ...common, momentum: fraction, nesterov: boolean } as const;

/**
 * Stochastic gradient descent: x -= learningRate g. With momentum v = momentum v - learningRate g, x += v (Polyak) or x
 * += momentum v - learningRate g (Nesterov). Default learning rate 0.01. Without momentum IndexedSlices cost as much as the
 * rows that they have.
 */
export class SGD extends Optimizer {
  protected override readonly keepsNothing: boolean = true;
  protected override readonly updatesRows: boolean;
  protected readonly slotNames: readonly string[];
  readonly #momentum: number;
  readonly #nesterov: boolean;
  constructor(learningRate?: LearningRate | SGDOptions, opts?: SGDOptions) {
    const read = given('SGD', sgdSpec, learningRate, opts);
    super('SGD', read, 0.01);
    this.#momentum = read.momentum ?? 0;
    this.#nesterov = read.nesterov ?? false;
    this.updatesRows = this.#momentum === 0; // with momentum every row goes on moving
    this.slotNames = this.#momentum > 0 ? ['momentum'] : [];
  }
  protected update(x: Tensor, g: Tensor, slots: readonly Tensor[], rate: number): Tensor[] {
    const move = mul(g, rate);
    const [velocity] = slots;
    if (!velocity) return [sub(x, move)];
    const v = sub(mul(velocity, this.#momentum), move);
    return [this.#nesterov ? add(x, sub(mul(v, this.#momentum), move)) : add(x, v), v];
  }
}
