/** Adamax: Adam with the largest gradient in place of a root of squares. */
import type { Tensor } from '../../engine/tensor.js';
import { abs, add, div, maximum, mul, sub } from '../../ops/index.js';
import { Optimizer } from '../optimizer.js';
import { given, type LearningRate, momentsSpec } from '../optimizer-options.js';
import type { AdamOptions } from './adam.js';

/** The options of `Adamax`. */
export type AdamaxOptions = Omit<AdamOptions, 'amsgrad'>;

/**
 * Adamax (Kingma and Ba 2015, section 7), as Keras computes it. With the step t: m += (1 - beta1) (g - m), u = max(beta2
 * u, |g|), x -= learningRate m / ((1 - beta1^t) (u + epsilon)). Default learning rate 0.001.
 */
export class Adamax extends Optimizer {
  protected override readonly keepsNothing: boolean = true;
  protected readonly slotNames: readonly string[] = ['momentum', 'norm'];
  readonly #beta1: number;
  readonly #beta2: number;
  readonly #epsilon: number;
  constructor(learningRate?: LearningRate | AdamaxOptions, opts?: AdamaxOptions) {
    const read = given('Adamax', momentsSpec, learningRate, opts);
    super('Adamax', read, 0.001);
    this.#beta1 = read.beta1 ?? 0.9;
    this.#beta2 = read.beta2 ?? 0.999;
    this.#epsilon = read.epsilon ?? 1e-7;
  }
  protected update(x: Tensor, g: Tensor, slots: readonly Tensor[], rate: number, step: number): Tensor[] {
    const [m0, u0] = slots as [Tensor, Tensor];
    const m = add(m0, mul(sub(g, m0), 1 - this.#beta1));
    const u = maximum(mul(u0, this.#beta2), abs(g));
    return [sub(x, div(mul(m, rate / (1 - this.#beta1 ** step)), add(u, this.#epsilon))), m, u];
  }
}
