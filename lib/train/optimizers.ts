/** Optimizers with Keras' defaults. A step only assigns pending values; they are computed with whatever is looked at next. */
import {
  argument,
  boolean,
  callback,
  isA,
  isPlainObject,
  type Kind,
  number,
  options,
  type Read,
  refused,
  type Spec,
  showDeep,
  string,
  thrownBy,
} from '../base/arguments.js';
import { isFloating } from '../base/dtype.js';
import { DTypeError, GradtapeError, ShapeError, show, ValueError, warnOnce } from '../base/errors.js';
import type { Nested } from '../base/nested.js';
import { sameShape, scalarShape, showShape } from '../base/shape.js';
import { Tensor, uniformTensor } from '../engine/tensor.js';
import { Variable } from '../op/variable.js';
import { add, cast, div, minimum, mul, reduceSum, sqrt, square, sub } from '../ops/index.js';
import { densify } from '../primitives/gather.js';
import { below } from '../record/stack.js';
import type { GradientTape } from '../tape/gradient-tape.js';
import { GradientTape as Tape } from '../tape/gradient-tape.js';
import type { Sources } from '../tape/sources.js';

export type Gradient = Tensor | null;
/** [gradient, variable]: also one whose type a list of pairs has forgotten. */
export type GradientPair = readonly [Gradient, Variable] | readonly (Gradient | Variable | undefined)[];
/** A number; or one that is asked for at each step: a scalar variable or tensor, or a function of the number of steps made so far. */
export type LearningRate = number | Variable | Tensor | ((step: number) => number | Variable | Tensor);

export interface OptimizerOptions {
  learningRate?: LearningRate;
  /** Each gradient is scaled down to this norm. */
  clipnorm?: number;
  /** All gradients together are scaled down to this norm. */
  globalClipnorm?: number;
  /** Decoupled decay: variable -= learningRate * weightDecay * variable. */
  weightDecay?: number;
}

const rateKind: Kind<LearningRate> = {
  expected: 'a finite number >= 0, a function of the step, or a variable or tensor of one number',
  read: (value) => {
    if (typeof value === 'function') return value as LearningRate;
    if (isA(value, Variable) || isA(value, Tensor)) return value.size === 1 && value.dtype !== 'bool' ? value : refused;
    return isRate(value) ? value : refused;
  },
};
const amount = number('a finite number >= 0', 0, Number.MAX_VALUE);
const limit = number('a finite number > 0', Number.MIN_VALUE, Number.MAX_VALUE);
const share = number('a number from 0 to 1', 0, 1);
const belowOne = number('a number >= 0 and < 1', 0, 1 - 2 ** -53);

const common = {
  learningRate: rateKind,
  clipnorm: limit,
  globalClipnorm: limit,
  weightDecay: amount,
} as const;

function isRate(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value < Infinity;
}

/** What a constructor was given: the learning rate by itself (and options behind it), or options. */
function given<S extends Spec & typeof common>(name: string, spec: S, first: unknown, second: unknown): Read<S> {
  if (first === undefined) return options(name, spec, second);
  if (rateKind.read(first) === refused) {
    if (second !== undefined && isPlainObject(first)) {
      throw new ValueError(`${name}: takes nothing behind its options, got ${show(second)}`, 'ERR_OPTION');
    }
    if (typeof first !== 'number') return options(name, spec, first);
    throw new ValueError(`${name}: learningRate must be ${rateKind.expected}, got ${show(first)}`, 'ERR_OPTION');
  }
  const more = options(name, spec, second);
  if (more.learningRate === undefined) return { ...more, learningRate: first as LearningRate };
  throw new ValueError(`${name}: learningRate is given twice, ${show(first)} and in the options`, 'ERR_OPTION');
}

/** A variable, its slots and, during a step, what they will be. */
interface Trained {
  readonly variable: Variable;
  readonly slots: readonly Variable[];
  value: Tensor | null;
  state: readonly Tensor[];
}
type Applied = readonly [Tensor, Variable];
const nothing: readonly never[] = [];

/** What a user's function returns. */
function called<A, T>(op: string, fn: (argument: A) => T, argument: A): T {
  try {
    return fn(argument);
  } catch (error) {
    throw thrownBy(op, fn, error);
  }
}

/** What lossFn returned that is no loss: kept from `record`, which looks into what it gets. */
class NoLoss {
  readonly value: unknown;
  constructor(value: unknown) {
    this.value = value;
  }
}

export abstract class Optimizer {
  readonly #name: string;
  readonly #clipnorm: number | undefined;
  readonly #globalClipnorm: number | undefined;
  readonly #weightDecay: number;
  // Steps made so far; once somebody has asked for `variables`, in a variable.
  #count = 0;
  #steps: Variable | null = null;
  readonly #trained: Map<Variable, Trained> = new Map();
  #learningRate: LearningRate;

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

  /** The called function's name, as errors tell it; `self` may be anything that a method was called on. */
  static #called(self: Optimizer, method: string): string {
    if (typeof self === 'object' && self !== null && #trained in self) return `${self.#name}.${method}`;
    throw new GradtapeError(
      'ERR_RECEIVER',
      `Optimizer.${method}: it was called on ${show(self)}, not on an optimizer; write optimizer.${method}(...)`,
    );
  }

  /** Steps made so far: the value of the variable 'iterations'. */
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

  /** The optimizer's own variables: 'iterations', then the slots in the order of the variables they belong to. */
  get variables(): Variable[] {
    Optimizer.#called(this, 'variables');
    const steps = uniformTensor(this.#count, 'int32', scalarShape);
    this.#steps ??= new Variable(steps, { trainable: false, name: 'iterations' });
    return [this.#steps, ...Array.from(this.#trained.values(), ({ slots }) => slots).flat()];
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

  /**
   * Makes the slots of the variables, in their order. The first step does it for all variables it is given; by hand it is needed
   * where slots are restored before.
   */
  build(variables: Nested<Variable>): this;
  build<V>(variables: V & NoInfer<Sources<V, Variable>>): this;
  build(variables: unknown): this {
    const op = Optimizer.#called(this, 'build');
    for (const v of leavesOf(op, variables)) this.#trainedOf(op, v);
    return this;
  }

  /**
   * Applies gradients to variables: [gradient, variable] pairs in any iterable, or two nests of one structure. Variables whose gradient
   * is null are skipped, with one warning; one that comes twice is updated twice, in order. What is refused changes nothing.
   * @throws GradtapeError ERR_NOT_A_TENSOR, ERR_STRUCTURE, ERR_SHAPE, ERR_DTYPE; ERR_UNCONNECTED if every gradient is null;
   *   ERR_OPTION for a learning rate that is no finite number >= 0
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
   * Runs lossFn on a tape and applies the gradients of the variables. Returns the loss.
   * @throws what applyGradients throws; GradtapeError ERR_NOT_A_TENSOR if lossFn returns no tensor
   */
  minimize(lossFn: (tape: GradientTape) => Tensor | Variable, variables: Nested<Variable>): Tensor;
  minimize<V>(lossFn: (tape: GradientTape) => Tensor | Variable, variables: V & NoInfer<Sources<V, Variable>>): Tensor;
  minimize(lossFn: (tape: GradientTape) => Tensor | Variable, variables: unknown): Tensor {
    const op = Optimizer.#called(this, 'minimize');
    argument(op, 'lossFn', callback, lossFn);
    const list = leavesOf(op, variables);
    const tape = new Tape();
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
      // Not to be differentiated: assignments stop gradients.
      below(null, () => this.#step(op, applied, rate, done + 1));
    } catch (error) {
      for (const v of fresh) this.#trained.delete(v);
      throw error;
    }
  }

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
      // A variable that comes again goes on from what its first gradient made of it; it decays as often, before both (Keras).
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
      // Checked before the first is assigned, so that a wrong update changes nothing.
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

/** A variable's present value stands for it where a gradient is expected. */
function gradientIn(g: unknown): Gradient {
  return (isA(g, Variable) ? g.peek() : g) as Gradient;
}

const pairsExpected =
  'expected [gradient, variable] pairs (an iterable of them), or applyGradients(gradients, variables)';

function pairsOf(op: string, pairs: unknown): (readonly [Gradient, Variable])[] {
  if (!isIterable(pairs)) {
    throw new ValueError(`${op}: ${pairsExpected}, got ${show(pairs)}`, 'ERR_NOT_A_TENSOR');
  }
  return Array.from(pairs, (pair) => {
    if (!isList(pair) || pair.length !== 2) {
      throw new ValueError(`${op}: ${pairsExpected}, got ${showDeep(pair)} for a pair`, 'ERR_NOT_A_TENSOR');
    }
    const [g, v] = pair;
    if (isA(v, Variable)) return [gradientIn(g), v] as const;
    const swapped = isA(g, Variable) ? '; the gradient comes first' : '';
    throw new ValueError(
      `${op}: expected [gradient, variable] pairs, got ${show(g)} and ${show(v)}${swapped}`,
      'ERR_NOT_A_TENSOR',
    );
  });
}

/** How deep nests may be: beyond it they are taken to be cyclic. */
const deepest = 1000;

function noVariable(op: string, value: unknown, path: string): ValueError {
  const place = path === '' ? '' : `variables${path}: `;
  const isInstance = typeof value === 'object' && value !== null && !isA(value, Tensor);
  const hint = isInstance ? '; of other objects pass trainableVariables(object)' : '';
  return new ValueError(
    `${op}: ${place}expected a variable, or arrays and plain objects of variables, got ${show(value)}${hint}`,
    'ERR_NOT_A_TENSOR',
  );
}

/** Calls `leaf` for every variable of a nest, with what stands in its place in another nest of its structure, if there is one. */
function walk(
  op: string,
  variables: unknown,
  beside: unknown,
  both: boolean,
  leaf: (v: Variable, beside: unknown) => void,
  path = '',
  depth = 0,
): void {
  if (depth > deepest) {
    throw new GradtapeError(
      'ERR_NESTING',
      `${op}: variables are nested more than ${deepest} deep; does one nest contain itself?`,
    );
  }
  if (isA(variables, Variable)) {
    leaf(variables, beside);
  } else if (isList(variables)) {
    if (both && !(isList(beside) && beside.length === variables.length)) {
      throw unlike(op, path, beside, `an array of ${variables.length}`);
    }
    for (let i = 0; i < variables.length; i++) {
      walk(op, variables[i], both ? (beside as unknown[])[i] : undefined, both, leaf, `${path}[${i}]`, depth + 1);
    }
  } else if (isPlainObject(variables)) {
    const keys = Object.keys(variables);
    const others = both && isPlainObject(beside) ? beside : {};
    if (both && !(isPlainObject(beside) && sameNames(keys, Object.keys(beside)))) {
      throw unlike(op, path, beside, `an object { ${keys.join(', ')} }`);
    }
    for (const key of keys) walk(op, variables[key], others[key], both, leaf, `${path}.${key}`, depth + 1);
  } else {
    throw noVariable(op, variables, path);
  }
}

function isIterable(value: unknown): value is Iterable<unknown> {
  if (ArrayBuffer.isView(value)) return false; // of numbers; one that is detached cannot even be looped over
  try {
    return typeof (value as Iterable<unknown> | null | undefined)?.[Symbol.iterator] === 'function';
  } catch {
    return false; // a revoked proxy
  }
}

function isList(value: unknown): value is readonly unknown[] {
  try {
    return Array.isArray(value);
  } catch {
    return false; // a revoked proxy
  }
}

function sameNames(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name) => b.includes(name));
}

function unlike(op: string, path: string, got: unknown, expected: string): ValueError {
  const shown = isPlainObject(got) ? `an object { ${Object.keys(got).join(', ')} }` : show(got);
  return new ValueError(
    `${op}: gradients and variables must be nested alike; gradients${path} is ${shown}, the variables have ${expected} there`,
    'ERR_STRUCTURE',
  );
}

function leavesOf(op: string, variables: unknown): Variable[] {
  const leaves: Variable[] = [];
  walk(op, variables, undefined, false, (v) => leaves.push(v));
  if (leaves.length === 0) throw new ValueError(`${op}: no variable was given`, 'ERR_NOT_A_TENSOR');
  return leaves;
}

function matched(op: string, gradients: unknown, variables: unknown): (readonly [Gradient, Variable])[] {
  const pairs: (readonly [Gradient, Variable])[] = [];
  walk(op, variables, gradients, true, (v, g) => pairs.push([gradientIn(g), v]));
  return pairs;
}

function clipFactor(total: Tensor, like: Tensor, most: number): Tensor {
  // min(1, limit / norm); at norm 0 the quotient is infinite and the minimum 1.
  const factor = minimum(div(uniformTensor(most, total.dtype, scalarShape), sqrt(total)), 1);
  return total.dtype === like.dtype ? factor : cast(factor, like.dtype);
}

export interface SGDOptions extends OptimizerOptions {
  momentum?: number;
  nesterov?: boolean;
}
const sgdSpec = { ...common, momentum: share, nesterov: boolean } as const;

/** Stochastic gradient descent, with momentum (Polyak) or Nesterov's. */
export class SGD extends Optimizer {
  protected override readonly keepsNothing: boolean = true;
  protected readonly slotNames: readonly string[];
  readonly #momentum: number;
  readonly #nesterov: boolean;
  constructor(learningRate?: LearningRate | SGDOptions, opts?: SGDOptions) {
    const read = given('SGD', sgdSpec, learningRate, opts);
    super('SGD', read, 0.01);
    this.#momentum = read.momentum ?? 0;
    this.#nesterov = read.nesterov ?? false;
    this.slotNames = this.#momentum > 0 ? ['momentum'] : [];
  }
  protected update(x: Tensor, g: Tensor, slots: readonly Tensor[], rate: number): Tensor[] {
    const move = mul(g, rate);
    const [velocity] = slots;
    if (!velocity) return [sub(x, move)];
    const v = sub(mul(velocity, this.#momentum), move);
    return [this.#nesterov ? add(x, sub(mul(v, this.#momentum), move)) : add(x, v), v];
  }
}

export interface AdamOptions extends OptimizerOptions {
  beta1?: number;
  beta2?: number;
  epsilon?: number;
}
const adamSpec = { ...common, beta1: belowOne, beta2: belowOne, epsilon: amount } as const;

/** What differs between Adam and AdamW. */
interface AdamKind {
  readonly name: string;
  readonly weightDecay: number;
}
const adam: AdamKind = { name: 'Adam', weightDecay: 0 };
const adamW: AdamKind = { name: 'AdamW', weightDecay: 0.004 };

/** Adam (Kingma and Ba 2015), in the form of its section 2's last paragraph, as Keras does. */
export class Adam extends Optimizer {
  protected override readonly keepsNothing: boolean = true;
  protected readonly slotNames: readonly string[] = ['momentum', 'velocity'];
  readonly #beta1: number;
  readonly #beta2: number;
  readonly #epsilon: number;
  /** @param kind is AdamW's own */
  constructor(learningRate?: LearningRate | AdamOptions, opts?: AdamOptions, kind: AdamKind = adam) {
    if (kind !== adam && kind !== adamW) {
      throw new ValueError(`Adam: takes nothing behind its options, got ${show(kind)}`, 'ERR_OPTION');
    }
    const read = given(kind.name, adamSpec, learningRate, opts);
    super(kind.name, { ...read, weightDecay: read.weightDecay ?? kind.weightDecay }, 0.001);
    this.#beta1 = read.beta1 ?? 0.9;
    this.#beta2 = read.beta2 ?? 0.999;
    this.#epsilon = read.epsilon ?? 1e-7;
  }
  protected update(x: Tensor, g: Tensor, slots: readonly Tensor[], rate: number, step: number): Tensor[] {
    const [m0, v0] = slots as [Tensor, Tensor];
    const alpha = (rate * Math.sqrt(1 - this.#beta2 ** step)) / (1 - this.#beta1 ** step);
    const m = add(m0, mul(sub(g, m0), 1 - this.#beta1));
    const v = add(v0, mul(sub(square(g), v0), 1 - this.#beta2));
    return [sub(x, div(mul(m, alpha), add(sqrt(v), this.#epsilon))), m, v];
  }
}

/** Adam with decoupled weight decay (Loshchilov and Hutter 2019). */
export class AdamW extends Adam {
  constructor(learningRate?: LearningRate | AdamOptions, opts?: AdamOptions) {
    super(learningRate, opts, adamW);
  }
}
