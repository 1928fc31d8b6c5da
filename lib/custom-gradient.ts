/** Gradients given by hand: customGradient, recomputeGrad, gradPassThrough. Bodies are not recorded; their entry is. */
import type { NumberArray } from './constant.js';
import { isFloating } from './dtype.js';
import { DTypeError, GradtapeError, ShapeError, show } from './errors.js';
import { GradientTape, isLeaf } from './gradient-tape.js';
import { IndexedSlices } from './indexed-slices.js';
import { isPlainObject, mapNested, type Nested } from './nested.js';
import { asTensor } from './op.js';
import { identity } from './ops/structure.js';
import { sameShape, showShape } from './shape.js';
import type { Cotangent, RecordedOp } from './tape.js';
import { recordMany, suspended } from './tape.js';
import { Tensor } from './tensor.js';
import type { TensorLike } from './variable.js';
import { aliasOf, readingsOf, readVariable, Variable } from './variable.js';

export type CustomGradient = TensorLike | IndexedSlices | null | undefined;

/** What gradFn returns: one gradient per flattened argument (bare for one), or with those of the variables that the body read. */
export type CustomGradients =
  | CustomGradient
  | readonly CustomGradient[]
  | { readonly args: readonly CustomGradient[]; readonly variables: readonly CustomGradient[] };

/** One cotangent a value; behind them, if the body read variables, `{ variables }`. */
export type GradFnArgument = Tensor & { readonly variables: readonly Variable[] };

export interface CustomGradientResult<V> {
  readonly value: V;
  readonly gradFn: (...cotangents: GradFnArgument[]) => CustomGradients;
}

function fail(message: string): GradtapeError {
  return new GradtapeError('ERR_CUSTOM_GRADIENT', message);
}

function isArgument(value: unknown): boolean {
  return isLeaf(value) || typeof value === 'number' || typeof value === 'boolean' || ArrayBuffer.isView(value);
}

/** A nested array of numbers or booleans: one operand, not a list of them. */
function isHostArray(value: unknown): value is NumberArray {
  return Array.isArray(value) && value.every((v) => typeof v === 'number' || typeof v === 'boolean' || isHostArray(v));
}

/** What cannot be a tensor (options, callbacks, defaults) is handed on and is no argument to the gradient. */
function isAside(value: unknown): boolean {
  return value === undefined || value === null || typeof value === 'string' || typeof value === 'function';
}

/** The tensors among the arguments, flattened. Host arrays and numbers are constants, but count as arguments. */
function operandsOf(args: readonly unknown[]): Tensor[] {
  const operands: Tensor[] = [];
  const walk = (value: unknown): void => {
    if (isArgument(value)) operands.push(asTensor('customGradient', value as TensorLike));
    else if (isHostArray(value)) operands.push(asTensor('customGradient', value));
    else if (Array.isArray(value)) value.forEach(walk);
    else if (isPlainObject(value)) Object.values(value).forEach(walk);
    else if (!isAside(value)) operands.push(asTensor('customGradient', value as TensorLike));
  };
  args.forEach(walk);
  return operands;
}

function listOf(given: unknown, count: number, what: string): readonly CustomGradient[] {
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

function checked(g: CustomGradient, like: Tensor, what: string): Cotangent | null {
  if (g === null || g === undefined) return null;
  const t = g instanceof IndexedSlices ? g : asTensor('customGradient', g, like.dtype);
  if (t.dtype !== like.dtype && isFloating(like.dtype)) {
    throw new DTypeError(
      `customGradient: the gradient of ${what} has dtype ${t.dtype}, expected ${like.dtype}; write cast(g, '${like.dtype}')`,
      'ERR_CUSTOM_GRADIENT',
    );
  }
  if (t instanceof IndexedSlices && sameShape(t.denseShape, like.shape)) return t;
  const fits =
    t instanceof Tensor &&
    t.rank >= like.rank &&
    like.shape.every((d, i) => d === 1 || d === t.shape[t.rank - like.rank + i]);
  if (!sameShape(t.shape, like.shape) && !fits) {
    throw new ShapeError(
      `customGradient: the gradient of ${what} has shape ${showShape(t.shape)}, expected ${showShape(like.shape)}`,
      'ERR_CUSTOM_GRADIENT',
    );
  }
  return t;
}

/** One call of a function whose body no tape sees: its tensor arguments, the variables that it read besides, what it returned. */
interface Body<R> {
  readonly operands: readonly Tensor[];
  readonly variables: readonly Variable[];
  readonly result: R;
}

function bodyOf<A extends unknown[], R>(f: (...args: A) => R, args: A): Body<R> {
  const operands = operandsOf(args);
  const own = new Set<unknown>();
  mapNested('customGradient', args, (value) => own.add(value));
  const [result, read] = readingsOf(() => suspended(() => f(...args)));
  return { operands, variables: read.filter((v) => !own.has(v)), result };
}

/** The values as fresh tensors, in ascending order of id, also where one is an argument itself. */
function freshResults<V>(op: string, values: V): { value: V; outs: readonly Tensor[] } {
  const outs: Tensor[] = [];
  const value = mapNested(op, values, (leaf) => {
    if (!isLeaf(leaf)) throw fail(`${op}: the value must be made of tensors, got ${show(leaf)}`);
    const out = aliasOf(leaf instanceof Variable ? leaf.peek() : leaf);
    outs.push(out);
    return out;
  }) as V;
  return { value, outs };
}

/**
 * A function whose gradient is given: `f(...args)` returns `{ value, gradFn }`, and gradFn gets one cotangent per flattened value.
 * If the body reads trainable variables that are no arguments, gradFn gets a last argument `{ variables }` and returns
 * `{ args, variables }`. Second derivatives are those of gradFn's own code.
 * @throws GradtapeError ERR_CUSTOM_GRADIENT for results of the wrong structure or number
 */
export function customGradient<A extends unknown[], V extends Nested<Tensor | Variable>>(
  f: (...args: A) => CustomGradientResult<V>,
): (...args: A) => V {
  if (typeof f !== 'function') throw fail(`customGradient: expected a function, got ${show(f)}`);
  return (...args) => {
    const { operands, variables, result } = bodyOf(f, args);
    if (!result || typeof result.gradFn !== 'function' || !('value' in result)) {
      throw fail(`customGradient: the function must return { value, gradFn }, got ${show(result)}`);
    }
    const { value, outs } = freshResults('customGradient', result.value);
    const { gradFn } = result;
    if (variables.length > 0 && gradFn.length > 0 && gradFn.length <= outs.length) {
      throw fail(
        'customGradient: gradFn must accept a last argument { variables }, since the function uses variables: ' +
          `[${variables.map((v) => v.name).join(', ')}]`,
      );
    }
    const all = [...operands, ...variables.map(readVariable)];
    const op: RecordedOp = {
      name: f.name || 'customGradient',
      vjps: [],
      pullAll: (cts) => {
        if (variables.length === 0) return pulledArguments(gradFn(...(cts as GradFnArgument[])), operands);
        const given: unknown = gradFn(...([...cts, { variables }] as GradFnArgument[]));
        if (!isPlainObject(given) || !('args' in given) || !('variables' in given)) {
          throw fail(
            `Must return gradient for each variable from customGradient's gradFn: { args, variables }, got ${show(given)}.`,
          );
        }
        const forVariables = listOf(given['variables'], variables.length, 'variables');
        return [
          ...pulledArguments(given['args'], operands),
          ...forVariables.map((g, i) =>
            checked(g, all[operands.length + i] as Tensor, `variable ${variables[i]?.name}`),
          ),
        ];
      },
    };
    recordMany(op, outs, all, null);
    return value;
  };
}

function pulledArguments(given: unknown, operands: readonly Tensor[]): (Cotangent | null)[] {
  return listOf(given, operands.length, 'args').map((g, i) => checked(g, operands[i] as Tensor, `argument ${i}`));
}

/** The function computed without being kept: its intermediates are computed again when its gradient is asked for. */
export function recomputeGrad<A extends unknown[], V extends Nested<Tensor>>(f: (...args: A) => V): (...args: A) => V {
  return (...args) => {
    const { operands, variables, result } = bodyOf(f, args);
    const { value, outs } = freshResults('recomputeGrad', result);
    const all = [...operands, ...variables.map(readVariable)];
    const op: RecordedOp = {
      name: f.name || 'recomputeGrad',
      vjps: [],
      pullAll: (cts) => {
        // Copies, so that a tensor passed twice gets its gradients apart; outer tapes see them made from the originals.
        const copies = operands.map((t) => identity(t));
        let k = 0;
        const again = args.map((arg) => replaceOperands(arg, () => copies[k++] as Tensor)) as A;
        const tape = new GradientTape();
        const targets = tape.record(() => {
          tape.watch(copies.filter((t) => isFloating(t.dtype)));
          const flat: Tensor[] = [];
          mapNested('recomputeGrad', f(...again), (leaf) => flat.push(leaf as Tensor));
          return flat;
        });
        const grads = tape.gradient(targets, [...copies, ...variables], {
          outputGradients: cts as readonly Tensor[],
          unconnectedGradients: 'zero',
        });
        return grads as Cotangent[];
      },
    };
    recordMany(op, outs, all, null);
    return value;
  };
}

function replaceOperands(value: unknown, next: () => Tensor): unknown {
  if (isArgument(value) || isHostArray(value)) return next();
  if (Array.isArray(value)) return value.map((v) => replaceOperands(v, next));
  if (isPlainObject(value)) {
    return Object.fromEntries(Object.entries(value).map(([key, v]) => [key, replaceOperands(v, next)]));
  }
  return isAside(value) ? value : next();
}

/** f forwards, the identity backwards (straight-through); variables that f reads get no gradient. */
export function gradPassThrough<A extends unknown[], V extends Nested<Tensor | Variable>>(
  f: (...args: A) => V,
): (...args: A) => V {
  return (...args) => {
    const { operands, result } = bodyOf(f, args);
    const { value, outs } = freshResults('gradPassThrough', result);
    const op: RecordedOp = {
      name: 'gradPassThrough',
      vjps: [],
      pullAll: (cts) => {
        if (cts.length !== operands.length) {
          throw fail(
            `gradPassThrough: ${operands.length} arguments cannot take the gradients of ${cts.length} results`,
          );
        }
        return cts;
      },
    };
    recordMany(op, outs, operands, null);
    return value;
  };
}
