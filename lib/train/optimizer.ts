/**
 * Optimizer: the base class of all optimizers. A step of one assigns pending values; the next program computes them,
 * whoever starts it.
 */
import {
  argument,
  callback,
  isA,
  type Kind,
  type Read,
  refuseAsync,
  refused,
  string,
  thrownBy,
} from '../base/arguments.js';
import { isFloating } from '../base/dtype.js';
import { DTypeError, GradtapeError, ShapeError, show, ValueError, warnOnce } from '../base/errors.js';
import { showsText } from '../base/inspect.js';
import type { Nested } from '../base/nested.js';
import { sameShape, scalarShape, showShape } from '../base/shape.js';
import { Tensor, uniformTensor } from '../engine/tensor.js';
import type { Sources } from '../op/sources.js';
import { isVariable, Variable } from '../op/variable.js';
import { add, div, mul, sub } from '../ops/index.js';
import { densify, IndexedSlices } from '../primitives/gather.js';
import { below, isRecording, recordAssigned } from '../record/stack.js';
import { GradientTape } from '../tape/gradient-tape.js';
import { clipped } from './clipping.js';
import { checkPair, type Gradient, type GradientPair, matched, pairsOf, variablesIn } from './gradient-pairs.js';
import {
  type common,
  commonOf,
  isRate,
  type LearningRate,
  type OptimizerOptions,
  rateKind,
} from './optimizer-options.js';
import { RowGradient } from './row-gradient.js';

export type { Gradient, GradientPair } from './gradient-pairs.js';
export type { LearningRate, OptimizerOptions } from './optimizer-options.js';

/** The slots that any optimizer may have, by its options. */
interface CommonSlots {
  /** The moving average (`useEma`). */
  readonly average: Variable | null;
  /** The sum of gradients since the last step (`gradientAccumulationSteps`). */
  readonly gradients: Variable | null;
}
/**
 * A variable and its slots (the variables that an optimizer keeps for it); and during a step the next value and slots.
 */
interface Trained {
  readonly variable: Variable;
  readonly common: CommonSlots;
  readonly slots: readonly Variable[];
  value: Tensor | null;
  state: readonly Tensor[];
}
/** What a variable is to be assigned. `replaceable`: nobody else keeps the tensor. */
type Assignment = readonly [variable: Variable, value: Tensor, replaceable: boolean];
/** A pair whose gradient is not null. */
type Applied<G = Tensor> = readonly [G, Variable];
/** A gradient as a step applies it: dense, or of few rows. */
type Applicable = Tensor | RowGradient;
const nothing: readonly never[] = [];

/** Calls a user's function. */
function called<A, T>(op: string, fn: (argument: A) => T, argument: A): T {
  try {
    return fn(argument);
  } catch (error) {
    throw thrownBy(op, fn, error);
  }
}

const lossKind: Kind<Tensor> = {
  expected: 'a tensor or variable',
  read: (value) => (isA(value, Variable) ? value.value() : isA(value, Tensor) ? value : refused),
};

/** All slots of a variable. */
function slotsOf({ common, slots }: Trained): readonly Variable[] {
  return [common.average, common.gradients, ...slots].filter((slot) => slot !== null);
}
/** A slot, with its variable and the end of its name: 'momentum'. */
export interface Slot {
  /** What it belongs to. */
  readonly variable: Variable;
  /** The end of its name. */
  readonly kind: string;
  /** The slot itself. */
  readonly slot: Variable;
  /** Whether the optimizer did not have it before. */
  readonly isNew: boolean;
}

/** The base class of optimizers. A subclass names its slots (`slotNames`) and computes new values (`update`). */
export abstract class Optimizer {
  readonly #name: string;
  readonly #opts: Read<typeof common>;
  // The number of calls made so far is in `#count`, and in the variable `#steps` once `variables` was asked for.
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
    argument('optimizers.Optimizer', 'name', string, name);
    argument('optimizers.Optimizer', 'defaultRate', rateKind, defaultRate);
    const read = commonOf(name, opts);
    this.#name = name;
    this.#learningRate = read.learningRate ?? defaultRate;
    this.#opts = read;
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

  /**
   * The number of steps made so far. May be set. The variable 'iterations' counts calls of `applyGradients`, of which
   * `gradientAccumulationSteps` make one step.
   */
  get iterations(): number {
    Optimizer.#called(this, 'iterations');
    return Math.floor(this.#calls() / this.#callsOfStep());
  }
  #calls(): number {
    return this.#steps ? this.#steps.peek().item() : this.#count;
  }
  #callsOfStep(): number {
    return this.#opts.gradientAccumulationSteps ?? 1;
  }
  set iterations(steps: number) {
    const op = Optimizer.#called(this, 'iterations');
    if (!Number.isInteger(steps) || steps < 0 || steps > 2 ** 31 - 1) {
      throw new ValueError(`${op}: a number of steps is a whole number >= 0, got ${show(steps)}`, 'ERR_OPTION');
    }
    this.#setCalls(op, steps * this.#callsOfStep());
  }
  #setCalls(op: string, calls: number): void {
    if (this.#steps) this.#steps.replace(op, uniformTensor(calls, 'int32', scalarShape));
    else this.#count = calls;
  }

  /** The name of its class: 'Adam'. */
  get name(): string {
    Optimizer.#called(this, 'name');
    return this.#name;
  }

  /** Its name, learning rate and steps, on a line. */
  toString(): string {
    Optimizer.#called(this, 'toString');
    const rate = this.#learningRate;
    const shown = typeof rate === 'function' ? `[${rate.name || 'function'}]` : isVariable(rate) ? rate.item() : rate;
    return `${this.#name}(learningRate=${shown}, iterations=${this.iterations})`;
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
    return [this.#steps, ...Array.from(this.#trained.values(), slotsOf).flat()];
  }

  /**
   * Whether `update` keeps no tensor of a slot that it gets or returns. Then new slots are written over the old ones.
   */
  protected readonly keepsNothing: boolean = false;
  /**
   * Whether a gradient of IndexedSlices updates only the rows that it has, and leaves the others and their slots as they are:
   * `update` then gets, and returns, these rows alone, [n, ...]. It must compute element by element. Default false: such a
   * gradient is made dense. So it is with `weightDecay` and `gradientAccumulationSteps`, too.
   */
  protected readonly updatesRows: boolean = false;
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

  /** @internal Its name and the kinds of its slots: 'SGD (momentum)'. Alike where the one can go on from the other's state. */
  get kind(): string {
    const { useEma, gradientAccumulationSteps } = this.#opts;
    const kinds = [
      ...this.slotNames,
      ...(useEma ? ['average'] : []),
      ...(gradientAccumulationSteps ? ['gradientAccumulator'] : []),
    ];
    return kinds.length > 0 ? `${this.#name} (${kinds.join(', ')})` : this.#name;
  }

  /**
   * @internal All slots, and those that `more` variables would have. `keep`: makes it have those of these variables, and no others.
   */
  slotsWith(
    op: string,
    more: readonly Variable[],
  ): { readonly slots: readonly Slot[]; readonly keep: (variables: ReadonlySet<Variable>) => void } {
    const fresh = more.filter((v) => !this.#trained.has(v)).map((v) => this.#made(op, v));
    const slots = [...this.#trained.values(), ...fresh].flatMap((trained) =>
      slotsOf(trained).map((slot) => ({
        variable: trained.variable,
        kind: slot.name.slice(trained.variable.name.length + 1),
        slot,
        isNew: !this.#trained.has(trained.variable),
      })),
    );
    const keep = (variables: ReadonlySet<Variable>): void => {
      for (const v of [...this.#trained.keys()]) if (!variables.has(v)) this.#trained.delete(v);
      for (const trained of fresh) if (variables.has(trained.variable)) this.#trained.set(trained.variable, trained);
    };
    return { slots, keep };
  }

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
   * The loss times `lossScaleFactor`, for a tape whose gradients come to `applyGradients`. `minimize` does so itself.
   * @throws GradtapeError ERR_NOT_A_TENSOR
   */
  scaleLoss(loss: Tensor | Variable): Tensor {
    const op = Optimizer.#called(this, 'scaleLoss');
    const t = argument(op, 'loss', lossKind, loss, 'ERR_NOT_A_TENSOR');
    const { lossScaleFactor } = this.#opts;
    return lossScaleFactor === undefined ? t : mul(t, lossScaleFactor);
  }

  /**
   * Assigns its moving average to each of the variables, where `useEma` is set and a step was made: the end of training.
   * @throws GradtapeError ERR_NOT_A_TENSOR
   */
  finalizeVariableValues(variables: Nested<Variable>): this;
  finalizeVariableValues<V>(variables: V & NoInfer<Sources<V, Variable>>): this;
  finalizeVariableValues(variables: unknown): this {
    const op = Optimizer.#called(this, 'finalizeVariableValues');
    const averaged = this.#calls() > 0;
    for (const v of variablesIn(op, variables)) {
      const average = this.#trained.get(v)?.common.average;
      if (average && averaged) v.replace(op, average.peek());
    }
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
    let loss: unknown;
    const scaled = tape.record((): unknown => {
      const value = called(op, lossFn as (tape: GradientTape) => unknown, tape);
      refuseAsync(
        value,
        `${op}: lossFn returned a promise; what it computes after its first await is not recorded. Write tape.recordAsync(...), tape.gradient(...) and ${op.replace('minimize', 'applyGradients')}(...).`,
      );
      loss = isA(value, Variable) ? value.value() : value;
      return isA(loss, Tensor) ? this.scaleLoss(loss) : null;
    });
    if (!isA(loss, Tensor)) {
      throw new GradtapeError('ERR_NOT_A_TENSOR', `${op}: lossFn returned ${show(loss)}, not a Tensor`);
    }
    const grads = tape.gradient(scaled as Tensor, list) as Gradient[];
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
    const calls = this.#calls();
    if (calls < 0) throw new ValueError(`${op}: the variable 'iterations' is ${calls}; expected a number >= 0`);
    const rate = this.#rate(op, calls);
    const fresh: Variable[] = [];
    try {
      for (const [, v] of pairs) if (!this.#trained.has(v)) fresh.push(this.#trainedOf(op, v).variable);
      // Outside of all recorders, because no gradient flows through an assignment.
      below(null, () => this.#call(op, applied, rate, calls));
      if (isRecording()) for (const [g, v] of applied) recordAssigned(v, v.borrow(), [g], true);
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
    const trained = this.#trained.get(v) ?? this.#made(op, v);
    this.#trained.set(v, trained);
    return trained;
  }

  #made(op: string, v: Variable): Trained {
    if (!isFloating(v.dtype)) {
      throw new DTypeError(`${op}: variable ${v.name} has dtype ${v.dtype}; only float32 and float64 can be trained`);
    }
    const slot = (name: string, value: Tensor): Variable =>
      new Variable(value, { trainable: false, name: `${v.name}/${name}` });
    const zeros = uniformTensor(0, v.dtype, v.shape);
    const { useEma, gradientAccumulationSteps } = this.#opts;
    const common: CommonSlots = {
      average: useEma ? slot('average', zeros) : null,
      gradients: gradientAccumulationSteps ? slot('gradientAccumulator', zeros) : null,
    };
    const slots = this.slotNames.map((name) => slot(name, this.initialSlot(name, v)));
    return { variable: v, common, slots, value: null, state: nothing };
  }

  /** One call of applyGradients, the first of which is number 0. */
  #call(op: string, applied: readonly Applied[], rate: number, call: number): void {
    const { lossScaleFactor: factor, gradientAccumulationSteps: whole } = this.#opts;
    const assignments: Assignment[] = [];
    const steps = Math.floor(call / this.#callsOfStep());
    const scaled = (g: Tensor): Tensor => (factor ? div(g, factor) : g);
    const byRows = this.updatesRows && !whole && !this.#opts.weightDecay;
    let pairs = applied.map(([g, v]): Applied<Applicable> => {
      if (!byRows || !(g instanceof IndexedSlices)) return [scaled(densify(g)), v];
      const rows = RowGradient.of(op, g);
      return [rows.with(scaled(rows.sums)), v];
    });
    try {
      if (whole) {
        const isLast = (call + 1) % whole === 0;
        const sums = this.#sums(pairs as Applied[]);
        for (const [v, sum] of sums) if (!isLast) assignments.push([this.#gradientsOf(v), sum, true]);
        pairs = isLast ? Array.from(sums, ([v, sum]) => [div(sum, whole), v]) : [];
        for (const v of isLast ? this.#trained.keys() : []) {
          assignments.push([this.#gradientsOf(v), uniformTensor(0, v.dtype, v.shape), false]);
        }
      }
      this.#step(op, pairs, rate, steps + 1, assignments);
      if (this.#opts.useEma) this.#average(steps, assignments);
      for (const [variable, value, replaceable] of assignments) variable.replace(op, value, replaceable);
      this.#setCalls(op, call + 1);
    } finally {
      for (const trained of this.#trained.values()) {
        trained.value = null;
        trained.state = nothing;
      }
    }
  }

  #gradientsOf(v: Variable): Variable {
    return this.#trained.get(v)?.common.gradients as Variable;
  }

  /** The gradients of each variable, summed up since the last step. */
  #sums(pairs: readonly Applied[]): Map<Variable, Tensor> {
    const sums = new Map<Variable, Tensor>();
    for (const [g, v] of pairs) sums.set(v, add(sums.get(v) ?? this.#gradientsOf(v).borrow(), g));
    return sums;
  }

  /** The new averages after a step; `steps` were made before it. */
  #average(steps: number, assignments: Assignment[]): void {
    const { emaMomentum = 0.99, emaOverwriteFrequency: every } = this.#opts;
    const overwrites = every !== undefined && (steps + 1) % every === 0;
    for (const { variable, common, value } of this.#trained.values()) {
      const average = common.average as Variable;
      const now = value ?? variable.peek();
      const next = steps === 0 ? now : add(mul(average.peek(), emaMomentum), mul(now, 1 - emaMomentum));
      assignments.push([average, next, false]);
      if (overwrites) assignments.push([variable, next, false]);
    }
  }

  /** One step, number `step` counted from 1: updates variables and their slots. */
  #step(
    op: string,
    pairs: readonly Applied<Applicable>[],
    rate: number,
    step: number,
    assignments: Assignment[],
  ): void {
    const grads = clipped(
      pairs.map(([g]) => (g instanceof RowGradient ? g.sums : g)),
      this.#opts,
    );
    const { weightDecay } = this.#opts;
    const touched: Trained[] = [];
    // A variable that comes twice is updated from the value that its first gradient gave; it decays twice, before both
    // updates (as Keras).
    for (const [, v] of pairs) {
      const trained = this.#trained.get(v) as Trained;
      if (trained.value === null) {
        touched.push(trained);
        trained.value = v.peek();
        trained.state = trained.slots.map((s) => (this.keepsNothing ? s.borrow() : s.peek()));
      }
      if (weightDecay) trained.value = sub(trained.value, mul(trained.value, rate * weightDecay));
    }
    pairs.forEach(([g, v], i) => {
      const trained = this.#trained.get(v) as Trained;
      const now = [trained.value as Tensor, ...trained.state];
      const grad = grads[i] as Tensor;
      const next =
        g instanceof RowGradient ? this.#rows(now, g.with(grad), v, rate, step) : this.#next(now, grad, rate, step);
      trained.value = next[0] as Tensor;
      trained.state = next.slice(1);
    });
    // All are checked before the first is assigned, so that a wrong `update` changes nothing.
    for (const { variable, slots, value, state } of touched) {
      checkNext(op, variable, value as Tensor);
      assignments.push([variable, value as Tensor, false]);
      slots.forEach((s, k) => {
        checkNext(op, s, state[k] as Tensor);
        assignments.push([s, state[k] as Tensor, this.keepsNothing]);
      });
    }
  }

  /** What a variable and its slots become by a gradient. */
  #next([x, ...slots]: readonly Tensor[], g: Tensor, rate: number, step: number): Tensor[] {
    return this.update(x as Tensor, g, slots, rate, step);
  }

  /** As `#next`, by a gradient of some rows, where only these change. */
  #rows(now: readonly Tensor[], g: RowGradient, v: Variable, rate: number, step: number): readonly Tensor[] {
    if (g.isEmpty) return now;
    const rows = this.#next(
      now.map((t) => g.rowsOf(t)),
      g.totals,
      rate,
      step,
    );
    return now.map((t, k) => g.replaced(t, rows[k] as Tensor, v.name));
  }
}

showsText(Optimizer.prototype);

function checkNext(op: string, v: Variable, value: Tensor): void {
  const t = v.checked(op, value);
  if (!sameShape(t.shape, v.shape)) {
    throw new ShapeError(
      `${op}: the update of ${v.name} has shape ${showShape(t.shape)}, the variable ${showShape(v.shape)}`,
    );
  }
}
