/** Adagrad: gradients over the root of the sum of their squares. */
import type { Tensor } from '../../engine/tensor.js';
import { uniformTensor } from '../../engine/tensor.js';
import type { Variable } from '../../op/variable.js';
import { add, div, mul, sqrt, square, sub } from '../../ops/index.js';
import { Optimizer } from '../optimizer.js';
import { amount, common, given, type LearningRate, type OptimizerOptions } from '../optimizer-options.js';

/** The options of `Adagrad`. */
export interface AdagradOptions extends OptimizerOptions {
  /** What the sum of squares starts with. Default 0.1. */
  initialAccumulatorValue?: number;
  /** Added under the root in the denominator. Default 1e-7. */
  epsilon?: number;
}
const spec = { ...common, initialAccumulatorValue: amount, epsilon: amount } as const;

/**
 * Adagrad (Duchi, Hazan and Singer 2011), as Keras computes it: a += g^2, x -= learningRate g / sqrt(a + epsilon).
 * Default learning rate 0.001. IndexedSlices cost as much as the rows that they have.
 */
export class Adagrad extends Optimizer {
  protected override readonly keepsNothing: boolean = true;
  protected override readonly updatesRows: boolean = true;
  protected readonly slotNames: readonly string[] = ['accumulator'];
  readonly #initial: number;
  readonly #epsilon: number;
  constructor(learningRate?: LearningRate | AdagradOptions, opts?: AdagradOptions) {
    const read = given('Adagrad', spec, learningRate, opts);
    super('Adagrad', read, 0.001);
    this.#initial = read.initialAccumulatorValue ?? 0.1;
    this.#epsilon = read.epsilon ?? 1e-7;
  }
  protected override initialSlot(_name: string, v: Variable): Tensor {
    return uniformTensor(this.#initial, v.dtype, v.shape);
  }
  protected update(x: Tensor, g: Tensor, slots: readonly Tensor[], rate: number): Tensor[] {
    const sum = add(slots[0] as Tensor, square(g));
    return [sub(x, div(mul(g, rate), sqrt(add(sum, this.#epsilon)))), sum];
  }
}
