/** Ftrl: follow the regularized leader. */
import { number } from '../../base/arguments.js';
import { type Tensor, uniformTensor } from '../../engine/tensor.js';
import type { Variable } from '../../op/variable.js';
import { add, clipByValue, div, mul, pow, square, sub } from '../../ops/index.js';
import { Optimizer } from '../optimizer.js';
import { amount, common, given, type LearningRate, type OptimizerOptions } from '../optimizer-options.js';

/** The options of `Ftrl`. */
export interface FtrlOptions extends OptimizerOptions {
  /** How the learning rate falls with the sum of squared gradients: its exponent, <= 0. Default -0.5. */
  learningRatePower?: number;
  /** What the sum of squares starts with. Default 0.1. */
  initialAccumulatorValue?: number;
  /** The strength of the L1 penalty. Default 0. */
  l1RegularizationStrength?: number;
  /** The strength of the L2 penalty. Default 0. */
  l2RegularizationStrength?: number;
  /** The strength of an L2 penalty on the gradient alone. Default 0. */
  l2ShrinkageRegularizationStrength?: number;
  /** Default 0. */
  beta?: number;
}
const spec = {
  ...common,
  learningRatePower: number('a finite number <= 0', -Number.MAX_VALUE, 0),
  initialAccumulatorValue: amount,
  l1RegularizationStrength: amount,
  l2RegularizationStrength: amount,
  l2ShrinkageRegularizationStrength: amount,
  beta: amount,
} as const;

/**
 * FTRL-Proximal (McMahan et al. 2013), as Keras computes it. With p = -learningRatePower: n' = n + g^2, z += g + 2
 * l2Shrinkage x - (n'^p - n^p) / learningRate x, x = (clip(z, -l1, l1) - z) / (n'^p / learningRate + 2 l2 + beta /
 * learningRate). Default learning rate 0.001.
 */
export class Ftrl extends Optimizer {
  protected override readonly keepsNothing: boolean = true;
  protected readonly slotNames: readonly string[] = ['accumulator', 'linear'];
  readonly #power: number;
  readonly #initial: number;
  readonly #l1: number;
  readonly #l2: number;
  readonly #shrinkage: number;
  readonly #beta: number;
  constructor(learningRate?: LearningRate | FtrlOptions, opts?: FtrlOptions) {
    const read = given('Ftrl', spec, learningRate, opts);
    super('Ftrl', read, 0.001);
    this.#power = -(read.learningRatePower ?? -0.5);
    this.#initial = read.initialAccumulatorValue ?? 0.1;
    this.#l1 = read.l1RegularizationStrength ?? 0;
    this.#l2 = read.l2RegularizationStrength ?? 0;
    this.#shrinkage = read.l2ShrinkageRegularizationStrength ?? 0;
    this.#beta = read.beta ?? 0;
  }
  protected override initialSlot(name: string, v: Variable): Tensor {
    return uniformTensor(name === 'accumulator' ? this.#initial : 0, v.dtype, v.shape);
  }
  protected update(x: Tensor, g: Tensor, slots: readonly Tensor[], rate: number): Tensor[] {
    const [n0, z0] = slots as [Tensor, Tensor];
    const n = add(n0, square(g));
    const [now, before] = [pow(n, this.#power), pow(n0, this.#power)];
    const used = this.#shrinkage > 0 ? add(g, mul(x, 2 * this.#shrinkage)) : g;
    const z = add(z0, sub(used, mul(div(sub(now, before), rate), x)));
    const quadratic = add(div(now, rate), 2 * this.#l2 + this.#beta / rate);
    return [div(sub(clipByValue(z, -this.#l1, this.#l1), z), quadratic), n, z];
  }
}
