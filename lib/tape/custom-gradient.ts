/**
 * Custom gradients: customGradient, recomputeGrad and gradPassThrough. Tapes record the body of the function like any
 * other code, and the entry of the call takes the place of the body's results on them. Only the first run of
 * recomputeGrad is hidden from tapes.
 */

import { isFloating } from '../base/dtype.js';
import { DTypeError, GradtapeError, ShapeError, show } from '../base/errors.js';
import { isPlainObject, mapNested, type Nested } from '../base/nested.js';
import { sharedStream, withStreamAt } from '../base/random-stream.js';
import { showShape } from '../base/shape.js';
import { aliasOf, type Tensor } from '../engine/tensor.js';
import { Op } from '../op/op.js';
import { asTensor } from '../op/operands.js';
import type { TensorLike } from '../op/variable.js';
import { readingsOf, readVariable, Variable, withReadings } from '../op/variable.js';
import type { IndexedSlices } from '../primitives/gather.js';
import { identityOf } from '../primitives/movement.js';
import type { Cotangent, PullAll, RecordedOp } from '../record/entry.js';
import { below, recordInstead } from '../record/stack.js';
import { GradientTape } from './gradient-tape.js';
import { isHostArray, isLeaf } from './leaves.js';

/** A gradient; null if there is none. */
export type CustomGradient = TensorLike | IndexedSlices | null;

/**
 * What gradFn returns: one gradient for each flattened argument (one alone need not be in a list); or these and those
 * of the variables.
 */
export type CustomGradients =
  | CustomGradient
  | readonly CustomGradient[]
  | { readonly args: readonly CustomGradient[]; readonly variables: readonly CustomGradient[] };

/**
 * What gradFn gets: one cotangent for each flattened value; then `{ variables }`, if the body read trainable variables.
 */
export type GradFnArgument = Tensor & { readonly variables: readonly Variable[] };

/** What a function with a custom gradient returns. */
export interface CustomGradientResult<V> {
  /** What the function computed: what the call returns. */
  readonly value: V;
  /** The gradients, from the cotangents of all values, in the order of the arguments. */
  readonly gradFn: (...cotangents: GradFnArgument[]) => CustomGradients;
}

function fail(message: string): GradtapeError {
  return new GradtapeError('ERR_CUSTOM_GRADIENT', message);
}

function checkFunction(fn: string, f: unknown): void {
  if (typeof f !== 'function') throw fail(`${fn}: expected a function, got ${show(f)}`);
}

function isHostValue(value: unknown): value is TensorLike {
  return typeof value === 'number' || typeof value === 'boolean' || ArrayBuffer.isView(value) || isHostArray(value);
}

/** Tensors and variables in arrays and plain objects, in order. */
function leavesOf(fn: string, value: unknown): (Tensor | Variable)[] {
  const leaves: (Tensor | Variable)[] = [];
  mapNested(fn, value, (leaf) => {
    if (isLeaf(leaf)) leaves.push(leaf);
  });
  return leaves;
}

/**
 * The arguments that get a gradient, flattened, as tensors. All others (objects without a tensor or variable in them,
 * strings, functions, class instances) are left out.
 */
function flattenedOperands(fn: string, args: readonly unknown[]): Tensor[] {
  const operands: Tensor[] = [];
  leavesOf(fn, args); // throws for what contains itself
  const walk = (value: unknown): void => {
    if (isLeaf(value) || isHostValue(value)) operands.push(asTensor(fn, value));
    else if (Array.isArray(value)) value.forEach(walk);
    else if (isPlainObject(value) && leavesOf(fn, value).length > 0) Object.values(value).forEach(walk);
  };
  args.forEach(walk);
  return operands;
}

/** What gradFn returned, as a list of `count` gradients. */
function gradientList(given: unknown, count: number, what: string): readonly CustomGradient[] {
  const list = Array.isArray(given) && !(count === 1 && given.length !== 1 && isNumbers(given)) ? given : [given];
  if (list.length !== count) {
    throw fail(
      what === 'variables'
        ? `Must return gradient for each variable from customGradient's gradFn: expected ${count}, got ${list.length}.`
        : `customGradient function expected to return ${count} gradients, but returned ${list.length} instead.`,
    );
  }
  return list;
}

function isNumbers(list: readonly unknown[]): boolean {
  return list.length > 0 && list.every((v) => typeof v === 'number');
}

/**
 * A gradient that gradFn returned, as a cotangent: of the dtype of `like`, and of its shape or one that can be summed
 * to that.
 */
function checked(g: CustomGradient | undefined, like: Tensor, what: string): Cotangent | null {
  if (g === null) return null;
  if (g === undefined) {
    throw fail(`customGradient: the gradient of ${what} is undefined; return a tensor, or null where there is none`);
  }
  const own = g instanceof Variable ? g.value() : g;
  const t = asTensor('customGradient', own, like.dtype);
  if (t.dtype !== like.dtype && isFloating(like.dtype)) {
    throw new DTypeError(
      `customGradient: the gradient of ${what} has dtype ${t.dtype}, expected ${like.dtype}; write cast(g, '${like.dtype}')`,
      'ERR_CUSTOM_GRADIENT',
    );
  }
  const fits = t.rank >= like.rank && like.shape.every((d, i) => d === 1 || d === t.shape[t.rank - like.rank + i]);
  if (!fits) {
    throw new ShapeError(
      `customGradient: the gradient of ${what} has shape ${showShape(t.shape)}, expected ${showShape(like.shape)}`,
      'ERR_CUSTOM_GRADIENT',
    );
  }
  return t;
}

/**
 * One call of a function: its result, what it read of variables, and those of these that are trainable and no
 * arguments.
 */
interface Body<R> {
  readonly variables: readonly Variable[];
  readonly readings: ReadonlyMap<Variable, Tensor>;
  readonly result: R;
}

function bodyOf<R>(fn: string, args: readonly unknown[], run: () => R): Body<R> {
  const own = new Set<unknown>(leavesOf(fn, args));
  const [result, readings] = readingsOf(run);
  return { variables: [...readings.keys()].filter((v) => v.trainable && !own.has(v)), readings, result };
}

/** The op of a result: a view of the tensor that the body returned. */
const resultOp = new Op('customGradient', { kernel: 'reshape' });

/** What recorders know of one call. (No Op: it is never applied, and what is batched is the body.) */
function calledOp(name: string, pullAll: PullAll<unknown>): RecordedOp {
  return { name, vjps: [], pullAll, needs: 0, custom: true, forward: null };
}

interface Results<V> {
  /** What the call returns: the structure of the body's value with new tensors. */
  readonly value: V;
  /** The new tensors, in ascending order of id. New even where the body returned an argument. */
  readonly outs: readonly Tensor[];
  /** The tensors of the body, which these are views of. */
  readonly under: readonly Tensor[];
}

function resultsOf<V>(fn: string, values: V): Results<V> {
  const outs: Tensor[] = [];
  const under: Tensor[] = [];
  const value = mapNested(fn, values, (leaf) => {
    if (!isLeaf(leaf)) throw fail(`${fn}: the value must be made of tensors, got ${show(leaf)}`);
    const t = leaf instanceof Variable ? readVariable(leaf) : leaf;
    const out = aliasOf(t, resultOp);
    under.push(t);
    outs.push(out);
    return out;
  }) as V;
  return { value, outs, under };
}

/**
 * A function whose gradient is given: `f(...args)` returns `{ value, gradFn }`, and gradFn gets one cotangent per
 * flattened value.
 *
 * The arguments that get a gradient are, flattened: tensors, variables, numbers, booleans, typed arrays and nested
 * arrays of numbers; and all of these in a plain object, if it has a tensor or variable. Other objects (options),
 * strings, functions and class instances are only passed on. gradFn returns one gradient for each such argument, or
 * null.
 *
 * If the body reads trainable variables that are no arguments, gradFn gets a last argument `{ variables }` and returns
 * `{ args, variables }`: a gradient for each of both. Second derivatives are those of gradFn's code, also through
 * tensors of the body that it captured.
 * @throws GradtapeError ERR_CUSTOM_GRADIENT for results of the wrong structure or number, and for a gradFn that returns
 *   undefined
 */
export function customGradient<A extends unknown[], V extends Nested<Tensor | Variable>>(
  f: (...args: A) => CustomGradientResult<V>,
): (...args: A) => V {
  checkFunction('customGradient', f);
  return (...args) => {
    const operands = flattenedOperands('customGradient', args);
    const { variables, result } = bodyOf('customGradient', args, () => f(...args));
    if (!result || typeof result.gradFn !== 'function' || !('value' in result)) {
      throw fail(`customGradient: the function must return { value, gradFn }, got ${show(result)}`);
    }
    const { value, outs, under } = resultsOf('customGradient', result.value);
    const { gradFn } = result;
    if (variables.length > 0 && gradFn.length > 0 && gradFn.length <= outs.length) {
      throw fail(
        'customGradient: gradFn must accept a last argument { variables }, since the function uses variables: ' +
          `[${variables.map((v) => v.name).join(', ')}]`,
      );
    }
    const all = [...operands, ...variables.map(readVariable)];
    const op = calledOp(f.name || 'customGradient', (cts) => {
      const given = variables.length > 0 ? [...cts, { variables }] : cts;
      const grads: unknown = gradFn(...(given as GradFnArgument[]));
      if (grads === undefined) {
        throw fail(
          "customGradient: gradFn returned undefined; is its 'return' missing? null says that there is no gradient",
        );
      }
      if (variables.length === 0) return pulledArguments(grads, operands);
      if (!isPlainObject(grads) || !('args' in grads) || !('variables' in grads)) {
        throw fail(
          `Must return gradient for each variable from customGradient's gradFn: { args, variables }, got ${show(grads)}.`,
        );
      }
      const forVariables = gradientList(grads['variables'], variables.length, 'variables');
      return [
        ...pulledArguments(grads['args'], operands),
        ...forVariables.map((g, i) => checked(g, all[operands.length + i] as Tensor, `variable ${variables[i]?.name}`)),
      ];
    });
    recordInstead(op, outs, all, under);
    return value;
  };
}

function pulledArguments(given: unknown, operands: readonly Tensor[]): (Cotangent | null)[] {
  return Array.from(gradientList(given, operands.length, 'args'), (g, i) =>
    checked(g, operands[i] as Tensor, `argument ${i}`),
  );
}

/**
 * A function that saves memory: tapes keep nothing of its run. When a gradient is asked for, it runs again, with the
 * same arguments, variables as they were then, and the same random numbers.
 */
export function recomputeGrad<A extends unknown[], V extends Nested<Tensor | Variable>>(
  f: (...args: A) => V,
): (...args: A) => V {
  checkFunction('recomputeGrad', f);
  return (...args) => {
    const position = { ...sharedStream() };
    const leaves = leavesOf('recomputeGrad', args);
    // Copies, because the caller may change lists and options before the second run.
    const kept = args.map((arg) => copyOf(arg, (leaf) => leaf));
    const operands = leaves.map((leaf) => asTensor('recomputeGrad', leaf));
    const { variables, readings, result } = bodyOf('recomputeGrad', args, () => below(null, () => f(...args)));
    const { value, outs } = resultsOf('recomputeGrad', result);
    const wereRead = new Map([...readings, ...leaves.map((leaf, i) => [leaf, operands[i]] as const).filter(isReading)]);
    const op = calledOp(f.name || 'recomputeGrad', (cts) => {
      // New tensors for the arguments, so that one passed twice gets two gradients. Outer tapes record that they were
      // made from the originals.
      const copies = leaves.map((leaf) => (leaf instanceof Variable ? leaf : identityOf(leaf)));
      let k = 0;
      const again = kept.map((arg) => copyOf(arg, () => copies[k++] as Tensor | Variable)) as A;
      const tape = new GradientTape();
      const targets = withReadings(wereRead, () =>
        withStreamAt(position, () =>
          tape.record(() => {
            tape.watch(copies.filter((t) => isFloating(t.dtype)));
            return leavesOf('recomputeGrad', f(...again));
          }),
        ),
      );
      return tape.gradient(targets, [...copies, ...variables], {
        outputGradients: cts as readonly Tensor[],
        unconnectedGradients: 'zero',
      });
    });
    recordInstead(op, outs, [...operands, ...variables.map(readVariable)], []);
    return value;
  };
}

function isReading(pair: readonly [Tensor | Variable, Tensor | undefined]): pair is readonly [Variable, Tensor] {
  return pair[0] instanceof Variable;
}

/** A copy of an argument (arrays, typed arrays, plain objects), its tensors and variables replaced, in order. */
function copyOf(arg: unknown, replace: (leaf: Tensor | Variable) => Tensor | Variable): unknown {
  return mapNested('recomputeGrad', arg, (value) => {
    if (isLeaf(value)) return replace(value);
    return ArrayBuffer.isView(value) && 'slice' in value && typeof value.slice === 'function' ? value.slice() : value;
  });
}

/**
 * f with the gradient of the identity (the straight-through estimator): each argument gets the cotangent of the result
 * at its position. Variables that f reads get no gradient.
 * @throws GradtapeError ERR_CUSTOM_GRADIENT, when its gradient is asked for, if f has not as many results as arguments
 */
export function gradPassThrough<A extends unknown[], V extends Nested<Tensor | Variable>>(
  f: (...args: A) => V,
): (...args: A) => V {
  checkFunction('gradPassThrough', f);
  return (...args) => {
    const operands = flattenedOperands('gradPassThrough', args);
    const { variables, result } = bodyOf('gradPassThrough', args, () => f(...args));
    const { value, outs, under } = resultsOf('gradPassThrough', result);
    const op = calledOp('gradPassThrough', (cts) => {
      if (cts.length !== operands.length) {
        throw fail(`gradPassThrough: ${operands.length} arguments cannot take the gradients of ${cts.length} results`);
      }
      return cts;
    });
    recordInstead(op, outs, [...operands, ...variables.map(readVariable)], under);
    return value;
  };
}
