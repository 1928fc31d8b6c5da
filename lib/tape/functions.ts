/** Transformations of whole functions, built on tapes and accumulators: grad, valueAndGrad, vjp, jvp, jacobian, hessian, hvp. */
import { argument, callback, isArray, isPromise, refuseExtra, thrownBy } from '../base/arguments.js';
import { isFloating } from '../base/dtype.js';
import { DTypeError, GradtapeError, show, ValueError } from '../base/errors.js';
import { mapNested, type Nested } from '../base/nested.js';
import { type Tensor, uniformTensor } from '../engine/tensor.js';
import { asTensor } from '../op/operands.js';
import type { Leaf, Mapped } from '../op/sources.js';
import { type TensorLike, Variable } from '../op/variable.js';
import { identityOf } from '../primitives/movement.js';
import { pop, push } from '../record/stack.js';
import { tangentsGiven } from './forward-accumulator.js';
import { GradientTape } from './gradient-tape.js';
import { flatten, isHostArray, isLeaf, targetCotangents } from './leaves.js';

/** A tensor or variable, or a nest of them. */
type Values = Nested<Leaf>;
/** What a function of primals returns: one value, or a nest of them. */
type Fn<A extends readonly unknown[], V> = (...args: A) => V;

/** The value of a function, and the gradient with respect to its first argument. */
export interface ValueAndGrad<V, G> {
  /** What the function returned. */
  readonly value: V;
  /** The gradient with respect to the first argument, in its structure. */
  readonly grad: G;
}
/** The value of a function, and the map from a cotangent of it to the gradients with respect to all arguments. */
export interface Vjp<V, G> {
  /** What the function returned. */
  readonly value: V;
  /** `ct` has the structure of the value. May be called any number of times. */
  readonly vjp: (ct: Nested<TensorLike>) => G;
}
/** The value of a function, and its derivative along tangents, in the structure of the value. */
export interface Jvp<V, T> {
  /** What the function returned. */
  readonly value: V;
  /** Its derivative along the tangents, in the structure of the value. */
  readonly tangent: T;
}
/** The value of a function, its gradients and the product of its Hessian with tangents, one of each for every argument. */
export interface Hvp<V, G> {
  /** What the function returned. */
  readonly value: V;
  /** The gradient with respect to each argument. */
  readonly grad: G;
  /** The product of the Hessian and the tangents, one for each argument. */
  readonly hvp: G;
}

function checkFunction(fn: string, f: unknown): void {
  argument(fn, 'f', callback, f);
}

/** Throws if the arguments of f were passed to what gives a function of them. */
function refuseArguments(fn: string, extra: unknown): void {
  if (extra === undefined) return;
  throw new ValueError(`${fn}: takes f alone, and gives a function: write ${fn}(f)(x)`, 'ERR_OPTION');
}

function callOf<A extends readonly unknown[], V>(fn: string, f: Fn<A, V>, args: A): V {
  let value: V;
  try {
    value = f(...args);
  } catch (error) {
    throw thrownBy(fn, f, error);
  }
  if (value === undefined || value === null) {
    throw new GradtapeError(
      'ERR_NOT_A_TENSOR',
      `${fn}: Cannot differentiate a function that returns ${String(value)}; did you forget to return a value from f?`,
    );
  }
  if (isPromise(value)) {
    throw new ValueError(
      `${fn}: f returned a promise; the functions to differentiate are synchronous`,
      'ERR_TAPE_ASYNC',
    );
  }
  return value;
}

/**
 * A primal as f gets it: numbers, typed arrays and nested arrays of numbers become tensors, and a tensor or variable that
 * `met` has already becomes another tensor, so that each argument has a derivative of its own.
 */
function primalOf(fn: string, value: unknown, name: string, met: Set<unknown>): unknown {
  const leaf = (v: unknown, path: string): Leaf => {
    const known = isLeaf(v) ? v : asTensor(fn, v as TensorLike, undefined, `${name}${path}`);
    if (!isFloating(known.dtype)) {
      throw new DTypeError(
        `${fn}: ${name}${path} has dtype ${known.dtype}; only float32 and float64 can be differentiated; write cast(x, 'float32')`,
      );
    }
    const own = met.has(known) ? identityOf(known instanceof Variable ? known.value() : known) : known;
    met.add(own);
    return own;
  };
  mapNested(fn, value, () => null); // throws for what contains itself, or cannot be read
  return isHostArray(value) ? leaf(value, '') : mapNested(fn, value, leaf);
}

function primalsOf(fn: string, values: unknown): unknown[] {
  if (!isArray(values)) {
    throw new ValueError(
      `${fn}: primals must be an array, one entry for each argument of f, got ${show(values)}`,
      'ERR_STRUCTURE',
    );
  }
  const met = new Set<unknown>();
  return values.map((value, i) => primalOf(fn, value, `primals[${i}]`, met));
}

/** The structure of `value` with the variables and tensors in it as tensors. */
function tensorsOf(fn: string, value: unknown): Nested<Tensor> {
  return mapNested(fn, value, (leaf, path) => {
    if (isLeaf(leaf)) return leaf instanceof Variable ? leaf.value() : leaf;
    throw new GradtapeError(
      'ERR_NOT_A_TENSOR',
      `${fn}: f must return tensors, got ${show(leaf)}${path ? ` at ${path}` : ''}`,
    );
  }) as Nested<Tensor>;
}

const zero = { unconnectedGradients: 'zero' } as const;

interface Recorded {
  readonly tape: GradientTape;
  readonly x: Nested<Leaf>;
  readonly value: unknown;
  /** The value as tensors, variables as readings. */
  readonly target: Nested<Tensor>;
}

/** f of these arguments, recorded by the tape with respect to some of them. */
function recorded(
  fn: string,
  tape: GradientTape,
  sources: Nested<Leaf>,
  f: Fn<readonly unknown[], unknown>,
  args: readonly unknown[],
): Pick<Recorded, 'value' | 'target'> {
  return tape.record(() => {
    tape.watch(sources);
    const value = callOf(fn, f, args);
    return { value, target: tensorsOf(fn, value) };
  });
}

/** f of these arguments, recorded with respect to the first. */
function recordFirst(
  fn: string,
  f: Fn<readonly unknown[], unknown>,
  args: readonly unknown[],
  persistent = false,
): Recorded {
  if (args.length === 0)
    throw new ValueError(`${fn}: f is called without an argument to differentiate by`, 'ERR_STRUCTURE');
  const x = primalOf(fn, args[0], 'the first argument', new Set()) as Nested<Leaf>;
  const tape = new GradientTape({ persistent, watchAccessedVariables: false });
  return { tape, x, ...recorded(fn, tape, x, f, [x, ...args.slice(1)]) };
}

/**
 * The function that gives the gradient of f with respect to its first argument, in the structure of that. Values of several
 * elements are summed, as a tape does. What f does not depend on has zeros.
 */
export function grad<X = Tensor, R extends unknown[] = []>(
  f: (x: X, ...rest: R) => Values,
): (x: X, ...rest: R) => Mapped<X, Tensor> {
  checkFunction('grad', f);
  if (arguments.length > 1) refuseArguments('grad', arguments[1]);
  return (...args) => {
    const { tape, x, target } = recordFirst('grad', f as never, args);
    return tape.gradient(target, x, zero) as Mapped<X, Tensor>;
  };
}

/** As `grad`; the function gives `{ value, grad }`. */
export function valueAndGrad<X = Tensor, R extends unknown[] = [], V extends Values = Tensor>(
  f: (x: X, ...rest: R) => V,
): (x: X, ...rest: R) => ValueAndGrad<V, Mapped<X, Tensor>> {
  checkFunction('valueAndGrad', f);
  if (arguments.length > 1) refuseArguments('valueAndGrad', arguments[1]);
  return (...args) => {
    const { tape, x, value, target } = recordFirst('valueAndGrad', f as never, args);
    const gradient = tape.gradient(target, x, zero);
    return { value: value as V, grad: gradient as Mapped<X, Tensor> };
  };
}

/**
 * The value of f and the function that pulls a cotangent of it back to its arguments: one gradient for each, in its structure.
 */
export function vjp<A extends unknown[], V extends Values>(
  f: (...args: A) => V,
  ...primals: A
): Vjp<V, Mapped<A, Tensor>> {
  checkFunction('vjp', f);
  const xs = primalsOf('vjp', primals);
  const tape = new GradientTape({ persistent: true, watchAccessedVariables: false });
  const { value, target } = recorded('vjp', tape, xs as Leaf[], f as never, xs);
  return {
    value: value as V,
    vjp: (ct) => {
      if (ct === undefined || ct === null) {
        throw new GradtapeError('ERR_NOT_A_TENSOR', `vjp: expected a cotangent of the value, got ${String(ct)}`);
      }
      const targets = flatten('vjp', 'target', target);
      const cts = targetCotangents('vjp: the cotangent', targets, target, ct);
      return tape.gradient(targets, xs as Leaf[], { ...zero, outputGradients: cts }) as Mapped<A, Tensor>;
    },
  };
}

/** The value of f, and its derivative along tangents: one for each argument, in its structure. By forward mode. */
export function jvp<A extends unknown[], V extends Values>(
  f: (...args: A) => V,
  primals: A,
  tangents: readonly Nested<TensorLike>[],
): Jvp<V, Mapped<V, Tensor>> {
  checkFunction('jvp', f);
  if (arguments.length > 3) refuseExtra('jvp', arguments[3], undefined);
  const xs = primalsOf('jvp', primals);
  const [value, tangentsAt] = pushing('jvp', xs, tangents, () => {
    const result = callOf('jvp', f, xs as unknown as A);
    tensorsOf('jvp', result);
    return result;
  });
  return { value, tangent: tangentsAt(value) as Mapped<V, Tensor> };
}

/** Runs fn with the tangents of primals given; returns its result and how to look up tangents of values, which are zeros where there is none. */
function pushing<T>(
  fn: string,
  xs: readonly unknown[],
  given: unknown,
  run: () => T,
): [T, (values: unknown) => unknown] {
  if (!isArray(given) || given.length !== xs.length) {
    throw new ValueError(
      `${fn}: tangents must be an array of ${xs.length}, one entry for each primal, got ${show(given)}`,
      'ERR_STRUCTURE',
    );
  }
  const tangents = tangentsGiven(fn, xs, given);
  push(tangents);
  try {
    const result = run();
    const lookUp = (values: unknown): unknown =>
      mapNested(fn, values, (leaf) => {
        const t = leaf as Leaf;
        const tangent = t instanceof Variable ? tangents.ofVariable(t) : tangents.of(t);
        return tangent ?? uniformTensor(0, t.dtype, t.shape);
      });
    return [result, lookUp];
  } finally {
    pop(tangents);
  }
}

/**
 * The function that gives the Jacobian of f with respect to its first argument: of the shape of the value and then of that
 * argument, in the structure of the argument. Of a nest of values it is a nest of these.
 */
export function jacobian<X = Tensor, R extends unknown[] = [], V extends Values = Tensor>(
  f: (x: X, ...rest: R) => V,
): (x: X, ...rest: R) => Mapped<V, Mapped<X, Tensor>> {
  checkFunction('jacobian', f);
  if (arguments.length > 1) refuseArguments('jacobian', arguments[1]);
  return (...args) => {
    return jacobiansOfEach('jacobian', recordFirst('jacobian', f as never, args, true)) as Mapped<V, Mapped<X, Tensor>>;
  };
}

function jacobiansOfEach(fn: string, { tape, target, x }: Recorded): unknown {
  const matrices = mapNested(fn, target, (y) => tape.jacobian(y as Tensor, x, zero));
  tape[Symbol.dispose]();
  return matrices;
}

/**
 * The function that gives the Hessian of f with respect to its first argument: the Jacobian of the gradient, of the shape of
 * the argument twice. Of a nest it has, for each leaf, the structure of the nest again.
 */
export function hessian<X = Tensor, R extends unknown[] = []>(
  f: (x: X, ...rest: R) => Values,
): (x: X, ...rest: R) => Mapped<X, Mapped<X, Tensor>> {
  checkFunction('hessian', f);
  if (arguments.length > 1) refuseArguments('hessian', arguments[1]);
  return (...args) => {
    const inner = (first: unknown, ...rest: readonly unknown[]): unknown => {
      const { tape, x, target } = recordFirst('hessian', f as never, [first, ...rest]);
      return tape.gradient(target, x, zero);
    };
    return jacobiansOfEach('hessian', recordFirst('hessian', inner, args, true)) as Mapped<X, Mapped<X, Tensor>>;
  };
}

/**
 * The value of f (values of several elements are summed), its gradients, and the derivatives of these along tangents: the
 * Hessian times the tangents, without the Hessian. By forward mode over a tape: as dear as about two gradients.
 */
export function hvp<A extends unknown[], V extends Values>(
  f: (...args: A) => V,
  primals: A,
  tangents: readonly Nested<TensorLike>[],
): Hvp<V, Mapped<A, Tensor>> {
  checkFunction('hvp', f);
  if (arguments.length > 3) refuseExtra('hvp', arguments[3], undefined);
  const xs = primalsOf('hvp', primals) as Leaf[];
  const [[value, gradients], tangentsAt] = pushing('hvp', xs, tangents, () => {
    const tape = new GradientTape({ watchAccessedVariables: false });
    const result = recorded('hvp', tape, xs, f as never, xs);
    return [result.value as V, tape.gradient(result.target, xs, zero)] as const;
  });
  return {
    value,
    grad: gradients as Mapped<A, Tensor>,
    hvp: tangentsAt(gradients) as Mapped<A, Tensor>,
  };
}
