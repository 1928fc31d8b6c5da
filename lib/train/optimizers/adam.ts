/** Adam and AdamW. */
import { boolean } from '../../base/arguments.js';
import { show, ValueError } from '../../base/errors.js';
import type { Tensor } from '../../engine/tensor.js';
import { add, div, maximum, mul, sqrt, square, sub } from '../../ops/index.js';
import { Optimizer } from '../optimizer.js';
import { given, type LearningRate, momentsSpec, type OptimizerOptions } from '../optimizer-options.js';

/** The options of `Adam` and `AdamW`. */
export interface AdamOptions extends OptimizerOptions {
  /** The decay of the mean of gradients, from 0 to below 1. Default 0.9. */
  beta1?: number;
  /** The decay of the mean of squared gradients, from 0 to below 1. Default 0.999. */
  beta2?: number;
  /** Added to the root in the denominator. Default 1e-7. */
  epsilon?: number;
  /** Whether the largest mean of squared gradients so far takes the place of the present one. Default false. */
  amsgrad?: boolean;
}
const adamSpec = { ...momentsSpec, amsgrad: boolean } as const;

/** What differs between Adam and AdamW. */
interface AdamKind {
  readonly name: string;
  readonly weightDecay: number;
}
const adam: AdamKind = { name: 'Adam', weightDecay: 0 };
const adamW: AdamKind = { name: 'AdamW', weightDecay: 0.004 };

/**
 * Adam (Kingma and Ba 2015), in the form at the end of its section 2, as Keras computes it. Default learning rate
 * 0.001. With the step t: m += (1 - beta1) (g - m), v += (1 - beta2) (g^2 - v), x -= learningRate sqrt(1 - beta2^t) /
 * (1 - beta1^t) m / (sqrt(v) + epsilon). AMSGrad (Reddi, Kale and Kumar 2018) takes the largest v so far.
 *
 * IndexedSlices cost as much as the rows that they have, because only these are updated (lazy Adam): m and v of a row do not
 * decay in steps that have no gradient for it, and it does not move then. Keras lets all rows decay and move; so does this
 * class with `weightDecay`, or if it gets the gradient's `toTensor()`.
 */
export class Adam extends Optimizer {
  protected override readonly keepsNothing: boolean = true;
  protected override readonly updatesRows: boolean = true;
  protected readonly slotNames: readonly string[];
  readonly #beta1: number;
  readonly #beta2: number;
  readonly #epsilon: number;
  /** @param kind only for AdamW, which extends this class */
  constructor(learningRate?: LearningRate | AdamOptions, opts?: AdamOptions, kind: AdamKind = adam) {
    if (kind !== adam && kind !== adamW) {
      throw new ValueError(`optimizers.Adam: takes nothing behind its options, got ${show(kind)}`, 'ERR_OPTION');
    }
    const read = given(kind.name, adamSpec, learningRate, opts);
    super(kind.name, { ...read, weightDecay: read.weightDecay ?? kind.weightDecay }, 0.001);
    this.#beta1 = read.beta1 ?? 0.9;
    this.#beta2 = read.beta2 ?? 0.999;
    this.#epsilon = read.epsilon ?? 1e-7;
    this.slotNames = ['momentum', 'velocity', ...(read.amsgrad ? ['velocityHat'] : [])];
  }
  protected update(x: Tensor, g: Tensor, slots: readonly Tensor[], rate: number, step: number): Tensor[] {
    const [m0, v0, largest0] = slots as [Tensor, Tensor, Tensor?];
    const alpha = (rate * Math.sqrt(1 - this.#beta2 ** step)) / (1 - this.#beta1 ** step);
    const m = add(m0, mul(sub(g, m0), 1 - this.#beta1));
    const v = add(v0, mul(sub(square(g), v0), 1 - this.#beta2));
    const largest = largest0 && maximum(largest0, v);
    const next = sub(x, div(mul(m, alpha), add(sqrt(largest ?? v), this.#epsilon)));
    return largest ? [next, m, v, largest] : [next, m, v];
  }
}

/** Adam with decoupled weight decay (Loshchilov and Hutter 2019), 0.004 by default. */
export class AdamW extends Adam {
  constructor(learningRate?: LearningRate | AdamOptions, opts?: AdamOptions) {
    super(learningRate, opts, adamW);
  }
}
