/**
 * Optimizer: the base class of all optimizers. A step of one assigns pending values; the next program computes them,
 * whoever starts it.
 */
import { argument, callback, isA, isPlainObject, options, refused, string, thrownBy } from '../base/arguments.js';
import { isFloating } from '../base/dtype.js';
import { DTypeError, GradtapeError, ShapeError, show, ValueError, warnOnce } from '../base/errors.js';
import type { Nested } from '../base/nested.js';
import { sameShape, scalarShape, showShape } from '../base/shape.js';
import { Tensor, uniformTensor } from '../engine/tensor.js';
import { Variable } from '../op/variable.js';
import { add, cast, div, minimum, mul, reduceSum, sqrt, square, sub } from '../ops/index.js';
import { densify } from '../primitives/gather.js';
import { below } from '../record/stack.js';
import { GradientTape } from '../tape/gradient-tape.js';
import type { Sources } from '../tape/sources.js';
import { type Gradient, type GradientPair, matched, pairsOf, variablesIn } from './gradient-pairs.js';
import { common, isRate, type LearningRate, type OptimizerOptions, rateKind } from './optimizer-options.js';

export type { Gradient, GradientPair } from './gradient-pairs.js';
export type { LearningRate, OptimizerOptions } from './optimizer-options.js';

/**
 * A variable and its slots (the variables that an optimizer keeps for it); and during a step the next value and slots.
 */
interface Trained {
  readonly variable: Variable;
  readonly slots: readonly Variable[];
  value: Tensor | null;
  state: readonly Tensor[];
}
/** A pair whose gradient is not null. */
type Applied = readonly [Tensor, Variable];
const nothing: readonly never[] = [];

/** Calls a user's function. */
function called<A, T>(op: string, fn: (argument: A) => T, argument: A): T {
  try {
    return fn(argument);
  } catch (error) {
    throw thrownBy(op, fn, error);
  }
}

/** Wraps what lossFn returned if it is no tensor, because `record` inspects the result of its function. */
class NoLoss {
  readonly value: unknown;
  constructor(value: unknown) {
    this.value = value;
  }
}

/** The base class of optimizers. A subclass names its slots (`slotNames`) and computes new values (`update`). */
export abstract class Optimizer {
  readonly #name: string;
  readonly #clipnorm: number | undefined;
  readonly #globalClipnorm: number | undefined;
  readonly #weightDecay: number;
  // The number of steps made so far is in `#count`, and in the variable `#steps` once `variables` was asked for.
  #count = 0;
  #steps: Variable | null = null;
  readonly #trained: Map<Variable, Trained> = new Map();
  #learningRate: LearningRate;

  /**
   * @param name of the optimizer, for errors
   * @param defaultRate the learning rate, if the options have none
   * @throws ValueError ERR_OPTION
   */
  constructor(name: string, opts: OptimizerOptions, defaultRate: number) {
    argument('Optimizer', 'name', string, name);
    argument('Optimizer', 'defaultRate', rateKind, defaultRate);
    if (!isPlainObject(opts)) throw new ValueError(`${name}: expected options, got ${show(opts)}`, 'ERR_OPTION');
    const { learningRate, clipnorm, globalClipnorm, weightDecay } = opts;
    const read = options(name, common, { learningRate, clipnorm, globalClipnorm, weightDecay });
    if (read.clipnorm !== undefined && read.globalClipnorm !== undefined) {
      throw new ValueError(`${name}: only one of clipnorm and globalClipnorm can be given`, 'ERR_OPTION');
    }
    this.#name = name;
    this.#learningRate = read.learningRate ?? defaultRate;
    this.#clipnorm = read.clipnorm;
    this.#globalClipnorm = read.globalClipnorm;
    this.#weightDecay = read.weightDecay ?? 0;
  }

  /**
   * The name of a method for errors, as in Adam.build. `self`: what the method was called on.
   * @throws GradtapeError ERR_RECEIVER if that is no optimizer
   */
  static #called(self: Optimizer, method: string): string {
    if (typeof self === 'object' && self !== null && #trained in self) return `${self.#name}.${method}`;
    throw new GradtapeError(
      'ERR_RECEIVER',
      `Optimizer.${method}: it was called on ${show(self)}, not on an optimizer; write optimizer.${method}(...)`,
    );
  }

  /** The number of steps made so far: the value of the variable 'iterations'. May be set. */
  get iterations(): number {
    Optimizer.#called(this, 'iterations');
    return this.#steps ? this.#steps.peek().item() : this.#count;
  }
  set iterations(steps: number) {
    const op = Optimizer.#called(this, 'iterations');
    if (!Number.isInteger(steps) || steps < 0 || steps > 2 ** 31 - 1) {
      throw new ValueError(`${op}: a number of steps is a whole number >= 0, got ${show(steps)}`, 'ERR_OPTION');
    }
    this.#setSteps(op, steps);
  }
  #setSteps(op: string, steps: number): void {
    if (this.#steps) this.#steps.replace(op, uniformTensor(steps, 'int32', scalarShape));
    else this.#count = steps;
  }

  /** The learning rate. May be set; the next step uses it. */
  get learningRate(): LearningRate {
    Optimizer.#called(this, 'learningRate');
    return this.#learningRate;
  }
  set learningRate(rate: LearningRate) {
    const op = Optimizer.#called(this, 'learningRate');
    if (rateKind.read(rate) === refused) {
      throw new ValueError(`${op}: it must be ${rateKind.expected}, got ${show(rate)}`, 'ERR_OPTION');
    }
    this.#learningRate = rate;
  }

  /**
   * The optimizer's own variables, to save and restore: 'iterations', then the slots, in the order in which their
   * variables came first.
   */
  get variables(): Variable[] {
    Optimizer.#called(this, 'variables');
    const steps = uniformTensor(this.#count, 'int32', scalarShape);
    this.#steps ??= new Variable(steps, { trainable: false, name: 'iterations' });
    return [this.#steps, ...Array.from(this.#trained.values(), ({ slots }) => slots).flat()];
  }

  /**
   * Whether `update` keeps no tensor of a slot that it gets or returns. Then new slots are written over the old ones.
   */
  protected readonly keepsNothing: boolean = false;
  /** The names of the slots that each variable has. */
  protected abstract readonly slotNames: readonly string[];
  /** The initial value of a slot. Default: zeros. */
  protected initialSlot(_name: string, v: Variable): Tensor {
    return uniformTensor(0, v.dtype, v.shape);
  }
  /**
   * The new values, pending: of the variable, then of its slots. x: its value; g: its gradient; `step` counts from 1.
   */
  protected abstract update(x: Tensor, g: Tensor, slots: readonly Tensor[], rate: number, step: number): Tensor[];

  /**
   * Makes the slots of the variables, in their order. A step does so itself for variables that it meets first; it is to
   * be called only where slots are restored before the first step.
   * @throws GradtapeError ERR_NOT_A_TENSOR; DTypeError for a variable that is not of floats
   */
  build(variables: Nested<Variable>): this;
  build<V>(variables: V & NoInfer<Sources<V, Variable>>): this;
  build(variables: unknown): this {
    const op = Optimizer.#called(this, 'build');
    for (const v of variablesIn(op, variables)) this.#trainedOf(op, v);
    return this;
  }

  /**
   * One step: applies gradients to variables, given as [gradient, variable] pairs in any iterable or as two nests of
   * one structure. Variables whose gradient is null are skipped, with one warning; one that comes twice is updated
   * twice, in order. A call that throws has changed nothing.
   * @throws GradtapeError ERR_NOT_A_TENSOR, ERR_STRUCTURE, ERR_SHAPE, ERR_DTYPE; ERR_UNCONNECTED if every gradient is
   *   null; ERR_OPTION for a learning rate that is no finite number >= 0
   */
  applyGradients(pairs: Iterable<GradientPair>): this;
  applyGradients(gradients: Nested<Gradient>, variables: Nested<Variable>): this;
  applyGradients<G, V>(
    gradients: G & NoInfer<Sources<G, Gradient | undefined>>,
    variables: V & NoInfer<Sources<V, Variable>>,
  ): this;
  applyGradients(gradients: unknown, variables?: unknown): this {
    const op = Optimizer.#called(this, 'applyGradients');
    this.#apply(op, variables === undefined ? pairsOf(op, gradients) : matched(op, gradients, variables));
    return this;
  }

  /**
   * One step: runs lossFn on a tape and applies the gradients of its result with respect to the variables. Returns that
   * result, the loss.
   * @throws what applyGradients throws; GradtapeError ERR_NOT_A_TENSOR if lossFn returns no tensor
   */
  minimize(lossFn: (tape: GradientTape) => Tensor | Variable, variables: Nested<Variable>): Tensor;
  minimize<V>(lossFn: (tape: GradientTape) => Tensor | Variable, variables: V & NoInfer<Sources<V, Variable>>): Tensor;
  minimize(lossFn: (tape: GradientTape) => Tensor | Variable, variables: unknown): Tensor {
    const op = Optimizer.#called(this, 'minimize');
    argument(op, 'lossFn', callback, lossFn);
    const list = variablesIn(op, variables);
    const tape = new GradientTape();
    const loss = tape.record((): unknown => {
      const value = called(op, lossFn as (tape: GradientTape) => unknown, tape);
      if (isA(value, Variable)) return value.value();
      return isA(value, Tensor) || isA(value, Promise) ? value : new NoLoss(value);
    });
    if (!isA(loss, Tensor)) {
      throw new GradtapeError(
        'ERR_NOT_A_TENSOR',
        `${op}: lossFn returned ${show(loss instanceof NoLoss ? loss.value : loss)}, not a Tensor`,
      );
    }
    const grads = tape.gradient(loss, list) as Gradient[];
    this.#apply(
      op,
      list.map((v, i) => [grads[i] as Gradient, v] as const),
    );
    return loss;
  }

  #apply(op: string, pairs: readonly (readonly [Gradient, Variable])[]): void {
    for (const [g, v] of pairs) checkPair(op, g, v);
    const applied = pairs.filter((pair): pair is Applied => pair[0] !== null);
    if (applied.length < pairs.length || pairs.length === 0) {
      const missing = pairs.filter(([g]) => g === null).map(([, v]) => v.name);
      if (applied.length === 0) {
        const names = missing.length > 0 ? `: ${missing.join(', ')}` : '';
        throw new ValueError(`${op}: no gradient was given for any variable${names}`, 'ERR_UNCONNECTED');
      }
      warnOnce(
        'GRADTAPE_NULL_GRADIENT',
        `${op}: no gradient for ${missing.join(', ')}; those variables were left alone`,
      );
    }
    const done = this.iterations;
    if (done < 0) throw new ValueError(`${op}: the variable 'iterations' is ${done}; expected a number of steps >= 0`);
    const rate = this.#rate(op, done);
    const fresh: Variable[] = [];
    try {
      for (const [, v] of pairs) if (!this.#trained.has(v)) fresh.push(this.#trainedOf(op, v).variable);
      // Outside of all recorders, because no gradient flows through an assignment.
      below(null, () => this.#step(op, applied, rate, done + 1));
    } catch (error) {
      for (const v of fresh) this.#trained.delete(v);
      throw error;
    }
  }

  /** The learning rate of a step, as a number. */
  #rate(op: string, step: number): number {
    const rate = this.#learningRate;
    if (typeof rate === 'number') return rate;
    const told = typeof rate === 'function' ? called(op, rate, step) : rate;
    const t = isA(told, Variable) ? told.peek() : told;
    const value: unknown = isA(t, Tensor) && t.size === 1 ? t.item() : t;
    if (isRate(value)) return value;
    const what = typeof rate === 'function' ? `learningRate(${step}) returned` : 'learningRate is';
    throw new ValueError(`${op}: ${what} ${show(value)}; expected a finite number >= 0`, 'ERR_OPTION');
  }

  /** The slots of a variable; made, if it is new. */
  #trainedOf(op: string, v: Variable): Trained {
    let trained = this.#trained.get(v);
    if (!trained) {
      if (!isFloating(v.dtype)) {
        throw new DTypeError(`${op}: variable ${v.name} has dtype ${v.dtype}; only float32 and float64 can be trained`);
      }
      const slots = this.slotNames.map(
        (name) => new Variable(this.initialSlot(name, v), { trainable: false, name: `${v.name}/${name}` }),
      );
      trained = { variable: v, slots, value: null, state: nothing };
      this.#trained.set(v, trained);
    }
    return trained;
  }

  #step(op: string, pairs: readonly Applied[], rate: number, step: number): void {
    const grads = this.#clipped(pairs.map(([g]) => densify(g)));
    const touched: Trained[] = [];
    try {
      // A variable that comes twice is updated from the value that its first gradient gave; it decays twice, before
      // both updates (as Keras).
      for (const [, v] of pairs) {
        const trained = this.#trained.get(v) as Trained;
        if (trained.value === null) {
          touched.push(trained);
          trained.value = v.peek();
          trained.state = trained.slots.map((s) => (this.keepsNothing ? s.borrow() : s.peek()));
        }
        if (this.#weightDecay) trained.value = sub(trained.value, mul(trained.value, rate * this.#weightDecay));
      }
      pairs.forEach(([, v], i) => {
        const trained = this.#trained.get(v) as Trained;
        const [value, ...state] = this.update(trained.value as Tensor, grads[i] as Tensor, trained.state, rate, step);
        trained.value = value as Tensor;
        trained.state = state;
      });
      // All are checked before the first is assigned, so that a wrong `update` changes nothing.
      for (const { variable, slots, value, state } of touched) {
        checkNext(op, variable, value as Tensor);
        slots.forEach((s, k) => {
          checkNext(op, s, state[k] as Tensor);
        });
      }
      for (const { variable, slots, value, state } of touched) {
        variable.replace(op, value as Tensor);
        slots.forEach((s, k) => {
          s.replace(op, state[k] as Tensor, this.keepsNothing);
        });
      }
      this.#setSteps(op, step);
    } finally {
      for (const trained of touched) {
        trained.value = null;
        trained.state = nothing;
      }
    }
  }

  /** The gradients, scaled down as clipnorm or globalClipnorm says. */
  #clipped(grads: Tensor[]): Tensor[] {
    const global = this.#globalClipnorm;
    if (global !== undefined) {
      const squares = grads.map((g) => reduceSum(square(g)));
      const wide = squares.some((s) => s.dtype === 'float64') ? 'float64' : 'float32';
      const total = squares.map((s) => (s.dtype === wide ? s : cast(s, wide))).reduce((sum, s) => add(sum, s));
      return grads.map((g) => mul(g, clipFactor(total, g, global)));
    }
    const each = this.#clipnorm;
    return each === undefined ? grads : grads.map((g) => mul(g, clipFactor(reduceSum(square(g)), g, each)));
  }
}

function checkPair(op: string, g: unknown, v: Variable): void {
  if (!isFloating(v.dtype)) {
    throw new DTypeError(`${op}: variable ${v.name} has dtype ${v.dtype}; only float32 and float64 can be trained`);
  }
  if (g === null) return;
  if (!isA(g, Tensor)) {
    throw new ValueError(
      `${op}: the gradient of variable ${v.name} must be a tensor or null, got ${show(g)}`,
      'ERR_NOT_A_TENSOR',
    );
  }
  if (!sameShape(g.shape, v.shape)) {
    throw new ShapeError(
      `${op}: the gradient of variable ${v.name} has shape ${showShape(g.shape)}, the variable ${showShape(v.shape)}`,
    );
  }
  if (g.dtype !== v.dtype) {
    throw new DTypeError(
      `${op}: the gradient of variable ${v.name} has dtype ${g.dtype}, the variable ${v.dtype}; write cast(gradient, '${v.dtype}')`,
    );
  }
}

function checkNext(op: string, v: Variable, value: Tensor): void {
  const t = v.checked(op, value);
  if (!sameShape(t.shape, v.shape)) {
    throw new ShapeError(
      `${op}: the update of ${v.name} has shape ${showShape(t.shape)}, the variable ${showShape(v.shape)}`,
    );
  }
}

/**
 * The factor that scales a gradient down to norm `most`. `total`: the sum of squares; `like`: has the dtype of the
 * result.
 */
function clipFactor(total: Tensor, like: Tensor, most: number): Tensor {
  // min(most / norm, 1). At norm 0 the quotient is infinite, so the factor is 1.
  const factor = minimum(div(uniformTensor(most, total.dtype, scalarShape), sqrt(total)), 1);
  return total.dtype === like.dtype ? factor : cast(factor, like.dtype);
}
