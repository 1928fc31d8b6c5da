/** Pairs of gradients and variables, as users pass them: an iterable of pairs, or two nests of one structure. */
import { isA, isArray, isPlainObject, showDeep } from '../base/arguments.js';
import { isFloating } from '../base/dtype.js';
import { DTypeError, ShapeError, show, ValueError } from '../base/errors.js';
import { mapNested, zipNested } from '../base/nested.js';
import { sameShape, showShape } from '../base/shape.js';
import { Tensor } from '../engine/tensor.js';
import { Variable } from '../op/variable.js';

/** The gradient of a variable; null if it has none. */
export type Gradient = Tensor | null;
/** [gradient, variable]. Also as TypeScript infers it in a list of pairs: an array of either. */
export type GradientPair = readonly [Gradient, Variable] | readonly (Gradient | Variable | undefined)[];
/** A gradient as a tensor: of a variable its present value. */
function gradientIn(g: unknown): Gradient {
  return (isA(g, Variable) ? g.peek() : g) as Gradient;
}

const pairsExpected =
  'expected [gradient, variable] pairs (an iterable of them), or applyGradients(gradients, variables)';

/** The pairs of an iterable of them. */
export function pairsOf(op: string, pairs: unknown): (readonly [Gradient, Variable])[] {
  if (!isIterable(pairs)) {
    throw new ValueError(`${op}: ${pairsExpected}, got ${show(pairs)}`, 'ERR_NOT_A_TENSOR');
  }
  const list = isArray(pairs) ? pairs : [...pairs];
  const read: (readonly [Gradient, Variable])[] = [];
  for (let i = 0; i < list.length; i++) read.push(pairIn(op, list[i]));
  return read;
}

function pairIn(op: string, pair: unknown): readonly [Gradient, Variable] {
  if (!isArray(pair) || pair.length !== 2) {
    throw new ValueError(`${op}: ${pairsExpected}, got ${showDeep(pair)} for a pair`, 'ERR_NOT_A_TENSOR');
  }
  const [g, v] = pair;
  if (isA(v, Variable)) return [gradientIn(g), v];
  const swapped = isA(g, Variable) ? '; the gradient comes first' : '';
  throw new ValueError(
    `${op}: expected [gradient, variable] pairs, got ${show(g)} and ${show(v)}${swapped}`,
    'ERR_NOT_A_TENSOR',
  );
}

function noVariable(op: string, value: unknown, path: string): ValueError {
  const where = path === '' ? '' : `variables${path}: `;
  const isInstance = typeof value === 'object' && value !== null && !isA(value, Tensor);
  const hint = isInstance ? '; of other objects pass trainableVariables(object)' : '';
  return new ValueError(
    `${op}: ${where}expected a variable, or arrays and plain objects of variables, got ${show(value)}${hint}`,
    'ERR_NOT_A_TENSOR',
  );
}

function isIterable(value: unknown): value is Iterable<unknown> {
  if (ArrayBuffer.isView(value)) return false; // it would give numbers, and a detached one throws
  try {
    return typeof (value as Iterable<unknown> | null | undefined)?.[Symbol.iterator] === 'function';
  } catch {
    return false; // a revoked proxy
  }
}

function unlike(op: string, path: string, got: unknown, expected: number | readonly string[]): ValueError {
  const there = typeof expected === 'number' ? `an array of ${expected}` : `an object { ${expected.join(', ')} }`;
  const shown = isPlainObject(got) ? `an object { ${Object.keys(got).join(', ')} }` : show(got);
  return new ValueError(
    `${op}: gradients and variables must be nested alike; gradients${path} is ${shown}, the variables have ${there} there`,
    'ERR_STRUCTURE',
  );
}

/** The variables of a nest, in order. */
export function variablesIn(op: string, variables: unknown): Variable[] {
  const leaves: Variable[] = [];
  mapNested(op, variables, (v, path) => {
    if (!isA(v, Variable)) throw noVariable(op, v, path);
    leaves.push(v);
  });
  if (leaves.length === 0) throw new ValueError(`${op}: no variable was given`, 'ERR_NOT_A_TENSOR');
  return leaves;
}

/** The pairs of two nests of one structure. */
export function matched(op: string, gradients: unknown, variables: unknown): (readonly [Gradient, Variable])[] {
  const pairs: (readonly [Gradient, Variable])[] = [];
  zipNested(
    op,
    variables,
    gradients,
    (v, g, path) => {
      if (!isA(v, Variable)) throw noVariable(op, v, path);
      pairs.push([gradientIn(g), v]);
    },
    (path, expected, got) => unlike(op, path, got, expected),
  );
  return pairs;
}

/** Checks that a gradient fits its variable. */
export function checkPair(op: string, g: unknown, v: Variable): void {
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
