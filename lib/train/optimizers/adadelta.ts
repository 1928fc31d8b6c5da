/** Adadelta: moves of the size of earlier moves. */
import type { Tensor } from '../../engine/tensor.js';
import { add, div, mul, sqrt, square, sub } from '../../ops/index.js';
import { Optimizer } from '../optimizer.js';
import { amount, belowOne, common, given, type LearningRate, type OptimizerOptions } from '../optimizer-options.js';

/** The options of `Adadelta`. */
export interface AdadeltaOptions extends OptimizerOptions {
  /** The decay of the means of squares, from 0 to below 1. Default 0.95. */
  rho?: number;
  /** Added under the roots. Default 1e-7. */
  epsilon?: number;
}
const spec = { ...common, rho: belowOne, epsilon: amount } as const;

/**
 * Adadelta (Zeiler 2012), as Keras computes it: a = rho a + (1 - rho) g^2, d = sqrt(b + epsilon) / sqrt(a + epsilon) g,
 * b = rho b + (1 - rho) d^2, x -= learningRate d. Default learning rate 0.001; the paper's is 1.
 */
export class Adadelta extends Optimizer {
  protected override readonly keepsNothing: boolean = true;
  protected readonly slotNames: readonly string[] = ['accumulatedGradient', 'accumulatedDelta'];
  readonly #rho: number;
  readonly #epsilon: number;
  constructor(learningRate?: LearningRate | AdadeltaOptions, opts?: AdadeltaOptions) {
    const read = given('Adadelta', spec, learningRate, opts);
    super('Adadelta', read, 0.001);
    this.#rho = read.rho ?? 0.95;
    this.#epsilon = read.epsilon ?? 1e-7;
  }
  protected update(x: Tensor, g: Tensor, slots: readonly Tensor[], rate: number): Tensor[] {
    const [a0, b0] = slots as [Tensor, Tensor];
    const mean = (before: Tensor, now: Tensor): Tensor => add(mul(before, this.#rho), mul(square(now), 1 - this.#rho));
    const root = (squares: Tensor): Tensor => sqrt(add(squares, this.#epsilon));
    const a = mean(a0, g);
    const delta = div(mul(root(b0), g), root(a));
    return [sub(x, mul(delta, rate)), a, mean(b0, delta)];
  }
}
