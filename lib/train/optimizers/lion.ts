/** Lion: the sign of a momentum. */
import type { Tensor } from '../../engine/tensor.js';
import { add, mul, sign, sub } from '../../ops/index.js';
import { Optimizer } from '../optimizer.js';
import { common, fraction, given, type LearningRate, type OptimizerOptions } from '../optimizer-options.js';

/** The options of `Lion`. */
export interface LionOptions extends OptimizerOptions {
  /** The share of the momentum in the direction of a step, from 0 to 1. Default 0.9. */
  beta1?: number;
  /** The decay of the momentum, from 0 to 1. Default 0.99. */
  beta2?: number;
}
const spec = { ...common, beta1: fraction, beta2: fraction } as const;

/**
 * Lion (Chen et al. 2023), as Keras computes it: x -= learningRate sign(beta1 m + (1 - beta1) g), m = beta2 m + (1 -
 * beta2) g. Default learning rate 0.001.
 */
export class Lion extends Optimizer {
  protected override readonly keepsNothing: boolean = true;
  protected readonly slotNames: readonly string[] = ['momentum'];
  readonly #beta1: number;
  readonly #beta2: number;
  constructor(learningRate?: LearningRate | LionOptions, opts?: LionOptions) {
    const read = given('Lion', spec, learningRate, opts);
    super('Lion', read, 0.001);
    this.#beta1 = read.beta1 ?? 0.9;
    this.#beta2 = read.beta2 ?? 0.99;
  }
  protected update(x: Tensor, g: Tensor, slots: readonly Tensor[], rate: number): Tensor[] {
    const m = slots[0] as Tensor;
    const mixed = (share: number): Tensor => add(mul(m, share), mul(g, 1 - share));
    return [sub(x, mul(sign(mixed(this.#beta1)), rate)), mixed(this.#beta2)];
  }
}
