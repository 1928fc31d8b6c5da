/** Optimizers with Keras' defaults. A step only assigns pending values; they are computed with whatever is looked at next. */
import { ShapeError, show, TapeError, ValueError, warnOnce } from './errors.js';
import type { GradientTape } from './gradient-tape.js';
import { GradientTape as Tape } from './gradient-tape.js';
import { densify, type IndexedSlices } from './indexed-slices.js';
import { add, div, minimum, mul, sub } from './ops/arithmetic.js';
import { sqrt, square } from './ops/math.js';
import { reduceSum } from './ops/structure.js';
import { sameShape, showShape } from './shape.js';
import { suspended } from './tape.js';
import { Tensor, uniformTensor } from './tensor.js';
import { Variable } from './variable.js';

export type Gradient = Tensor | IndexedSlices | null;
/** A number, or a function of the number of steps made so far. */
export type LearningRate = number | ((step: number) => number);

export interface OptimizerOptions {
  learningRate?: LearningRate;
  /** Each gradient is scaled down to this norm. */
  clipnorm?: number;
  /** All gradients together are scaled down to this norm. */
  globalClipnorm?: number;
  /** Decoupled decay: variable -= learningRate * weightDecay * variable. */
  weightDecay?: number;
}

function positive(op: string, name: string, value: number): number {
  if (typeof value === 'number' && value >= 0) return value;
  throw new ValueError(`${op}: ${name} must be a number >= 0, got ${show(value)}`, 'ERR_OPTION');
}

export abstract class Optimizer {
  /** Steps made so far. */
  iterations = 0;
  learningRate: LearningRate;
  private readonly clipnorm: number | undefined;
  private readonly globalClipnorm: number | undefined;
  private readonly weightDecay: number | undefined;
  private readonly slotsOf: Map<Variable, Variable[]> = new Map();
  private readonly name: string;

  constructor(name: string, opts: OptimizerOptions, defaultRate: number) {
    this.name = name;
    this.learningRate = opts.learningRate ?? defaultRate;
    if (typeof this.learningRate === 'number') positive(name, 'learningRate', this.learningRate);
    this.clipnorm = opts.clipnorm === undefined ? undefined : positive(name, 'clipnorm', opts.clipnorm);
    this.globalClipnorm =
      opts.globalClipnorm === undefined ? undefined : positive(name, 'globalClipnorm', opts.globalClipnorm);
    this.weightDecay = opts.weightDecay === undefined ? undefined : positive(name, 'weightDecay', opts.weightDecay);
  }

  /** The optimizer's own variables, in the order of the variables it has updated. */
  get variables(): Variable[] {
    return [...this.slotsOf.values()].flat();
  }

  /** Whether `update` keeps no slot that it gets or returns, so that the memory of old ones serves the next step. */
  protected readonly keepsNothing: boolean = false;
  /** Names of the slots that each variable has. */
  protected abstract readonly slotNames: readonly string[];
  protected initialSlot(_name: string, v: Variable): Tensor {
    return uniformTensor(0, v.dtype, v.shape);
  }
  /** New values: of the variable, then of its slots. */
  protected abstract update(x: Tensor, g: Tensor, slots: readonly Tensor[], rate: number, step: number): Tensor[];

  /** Applies gradients to variables; pairs whose gradient is null are skipped, with one warning. */
  applyGradients(pairs: Iterable<readonly [Gradient, Variable]>): this {
    const given = [...pairs];
    for (const pair of given) {
      const [g, v] = Array.isArray(pair) ? pair : [undefined, undefined];
      if (!(v instanceof Variable) || !(g === null || g instanceof Tensor)) {
        throw new ValueError(
          `${this.name}.applyGradients: expected [gradient, variable] pairs, got ${show(g)} and ${show(v)}`,
          'ERR_NOT_A_TENSOR',
        );
      }
      if (g && !sameShape(g.shape, v.shape)) {
        throw new ShapeError(
          `${this.name}.applyGradients: the gradient of variable ${v.name} has shape ${showShape(g.shape)}, the variable ${showShape(v.shape)}`,
        );
      }
    }
    const missing = given.filter(([g]) => g === null).map(([, v]) => v.name);
    if (missing.length > 0) {
      warnOnce(
        'GRADTAPE_NULL_GRADIENT',
        `${this.name}.applyGradients: no gradient for ${missing.join(', ')}; those variables were left alone`,
      );
    }
    if (missing.length === given.length) {
      throw new ValueError(`${this.name}.applyGradients: no gradient was given for any variable`, 'ERR_UNCONNECTED');
    }
    // Not to be differentiated: assignments stop gradients.
    suspended(() =>
      this.step(given.filter((pair): pair is readonly [Tensor | IndexedSlices, Variable] => pair[0] !== null)),
    );
    return this;
  }

  private step(pairs: readonly (readonly [Tensor | IndexedSlices, Variable])[]): void {
    const step = this.iterations + 1;
    const rate = typeof this.learningRate === 'function' ? this.learningRate(this.iterations) : this.learningRate;
    const grads = this.clipped(pairs.map(([g]) => densify(g)));
    const updates: [Variable, Tensor, boolean][] = [];
    pairs.forEach(([, v], i) => {
      let x = v.peek();
      if (this.weightDecay) x = sub(x, mul(x, rate * this.weightDecay));
      const slots = this.slots(v);
      const [value, ...state] = this.update(
        x,
        grads[i] as Tensor,
        slots.map((s) => (this.keepsNothing ? s.borrow() : s.peek())),
        rate,
        step,
      );
      updates.push([v, value as Tensor, false]);
      slots.forEach((s, k) => {
        updates.push([s, state[k] as Tensor, this.keepsNothing]);
      });
    });
    // Checked before the first is assigned, so that a wrong gradient changes nothing.
    for (const [v, t] of updates) v.checked(`${this.name}.applyGradients`, t);
    for (const [v, t, sole] of updates) v.replace(`${this.name}.applyGradients`, t, sole);
    this.iterations = step;
  }

  private slots(v: Variable): Variable[] {
    let slots = this.slotsOf.get(v);
    if (!slots) {
      slots = this.slotNames.map(
        (name) => new Variable(this.initialSlot(name, v), { trainable: false, name: `${v.name}/${name}` }),
      );
      this.slotsOf.set(v, slots);
    }
    return slots;
  }

  private clipped(grads: Tensor[]): Tensor[] {
    if (this.globalClipnorm !== undefined) {
      const squares = grads.map((g) => reduceSum(square(g)));
      return grads.map((g) => mul(g, clipFactor(squares, g, this.globalClipnorm as number)));
    }
    if (this.clipnorm !== undefined) {
      return grads.map((g) => mul(g, clipFactor([reduceSum(square(g))], g, this.clipnorm as number)));
    }
    return grads;
  }

  /** Runs lossFn on a tape and applies the gradients of the variables. Returns the loss. */
  minimize(lossFn: (tape: GradientTape) => Tensor, variables: readonly Variable[]): Tensor {
    const tape = new Tape();
    const loss = tape.record(() => lossFn(tape));
    if (!(loss instanceof Tensor))
      throw new TapeError('ERR_NOT_A_TENSOR', `minimize: lossFn returned ${show(loss)}, not a Tensor`);
    const grads = tape.gradient(loss, variables);
    this.applyGradients(variables.map((v, i) => [grads[i] as Gradient, v] as const));
    return loss;
  }
}

function clipFactor(squares: readonly Tensor[], like: Tensor, limit: number): Tensor {
  const total = squares.slice(1).reduce((sum, s) => add(sum, s), squares[0] as Tensor);
  // min(1, limit / norm); at norm 0 the quotient is infinite and the minimum 1.
  const factor = minimum(div(uniformTensor(limit, total.dtype, []), sqrt(total)), 1);
  return total.dtype === like.dtype ? factor : (factor.cast(like.dtype) as Tensor);
}

export interface SGDOptions extends OptimizerOptions {
  momentum?: number;
  nesterov?: boolean;
}

/** Stochastic gradient descent, with momentum (Polyak) or Nesterov's. */
export class SGD extends Optimizer {
  protected override readonly keepsNothing: boolean = true;
  protected readonly slotNames: readonly string[];
  private readonly momentum: number;
  private readonly nesterov: boolean;
  constructor(opts: SGDOptions = {}) {
    super('SGD', opts, 0.01);
    this.momentum = positive('SGD', 'momentum', opts.momentum ?? 0);
    this.nesterov = opts.nesterov ?? false;
    this.slotNames = this.momentum > 0 ? ['momentum'] : [];
  }
  protected update(x: Tensor, g: Tensor, slots: readonly Tensor[], rate: number): Tensor[] {
    const move = mul(g, rate);
    const [velocity] = slots;
    if (!velocity) return [sub(x, move)];
    const v = sub(mul(velocity, this.momentum), move);
    return [this.nesterov ? add(x, sub(mul(v, this.momentum), move)) : add(x, v), v];
  }
}

export interface AdamOptions extends OptimizerOptions {
  beta1?: number;
  beta2?: number;
  epsilon?: number;
}

/** Adam (Kingma and Ba 2015), in the form of its section 2's last paragraph, as Keras does. */
export class Adam extends Optimizer {
  protected override readonly keepsNothing: boolean = true;
  protected readonly slotNames: readonly string[] = ['momentum', 'velocity'];
  private readonly beta1: number;
  private readonly beta2: number;
  private readonly epsilon: number;
  constructor(opts: AdamOptions = {}, name = 'Adam') {
    super(name, opts, 0.001);
    this.beta1 = positive(name, 'beta1', opts.beta1 ?? 0.9);
    this.beta2 = positive(name, 'beta2', opts.beta2 ?? 0.999);
    this.epsilon = positive(name, 'epsilon', opts.epsilon ?? 1e-7);
  }
  protected update(x: Tensor, g: Tensor, slots: readonly Tensor[], rate: number, step: number): Tensor[] {
    const [m0, v0] = slots as [Tensor, Tensor];
    const alpha = (rate * Math.sqrt(1 - this.beta2 ** step)) / (1 - this.beta1 ** step);
    const m = add(m0, mul(sub(g, m0), 1 - this.beta1));
    const v = add(v0, mul(sub(square(g), v0), 1 - this.beta2));
    return [sub(x, div(mul(m, alpha), add(sqrt(v), this.epsilon))), m, v];
  }
}

/** Adam with decoupled weight decay (Loshchilov and Hutter 2019). */
export class AdamW extends Adam {
  constructor(opts: AdamOptions = {}) {
    super({ weightDecay: 0.004, ...opts }, 'AdamW');
  }
}
