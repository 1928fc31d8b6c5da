/** Nadam: Adam with Nesterov's momentum. */
import type { Tensor } from '../../engine/tensor.js';
import { add, div, mul, sqrt, square, sub } from '../../ops/index.js';
import { Optimizer } from '../optimizer.js';
import { given, type LearningRate, momentsSpec } from '../optimizer-options.js';
import type { AdamOptions } from './adam.js';

/** The options of `Nadam`. */
export type NadamOptions = Omit<AdamOptions, 'amsgrad'>;

/**
 * Nadam (Dozat 2016), as Keras computes it. With the step t and u(t) = beta1 (1 - 0.96^t / 2): m += (1 - beta1) (g - m),
 * v += (1 - beta2) (g^2 - v), m' = u(t + 1) m / (1 - u(1) ... u(t + 1)) + (1 - u(t)) g / (1 - u(1) ... u(t)), x -=
 * learningRate m' / (sqrt(v / (1 - beta2^t)) + epsilon). Default learning rate 0.001.
 */
export class Nadam extends Optimizer {
  protected override readonly keepsNothing: boolean = true;
  protected readonly slotNames: readonly string[] = ['momentum', 'velocity'];
  readonly #beta1: number;
  readonly #beta2: number;
  readonly #epsilon: number;
  // The product u(1) ... u(step), which the steps between two calls extend.
  #product: { step: number; value: number } = { step: 0, value: 1 };
  constructor(learningRate?: LearningRate | NadamOptions, opts?: NadamOptions) {
    const read = given('Nadam', momentsSpec, learningRate, opts);
    super('Nadam', read, 0.001);
    this.#beta1 = read.beta1 ?? 0.9;
    this.#beta2 = read.beta2 ?? 0.999;
    this.#epsilon = read.epsilon ?? 1e-7;
  }
  #u(step: number): number {
    return this.#beta1 * (1 - 0.96 ** step / 2);
  }
  #productTo(step: number): number {
    let { step: at, value } = this.#product.step <= step ? this.#product : { step: 0, value: 1 };
    while (at < step) value *= this.#u(++at);
    this.#product = { step, value };
    return value;
  }
  protected update(x: Tensor, g: Tensor, slots: readonly Tensor[], rate: number, step: number): Tensor[] {
    const [m0, v0] = slots as [Tensor, Tensor];
    const product = this.#productTo(step);
    const next = this.#u(step + 1);
    const m = add(m0, mul(sub(g, m0), 1 - this.#beta1));
    const v = add(v0, mul(sub(square(g), v0), 1 - this.#beta2));
    const ahead = add(
      mul(m, (rate * next) / (1 - product * next)),
      mul(g, (rate * (1 - this.#u(step))) / (1 - product)),
    );
    return [sub(x, div(ahead, add(sqrt(div(v, 1 - this.#beta2 ** step)), this.#epsilon))), m, v];
  }
}
