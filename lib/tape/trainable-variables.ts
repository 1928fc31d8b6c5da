/** `trainableVariables`: the trainable variables in a value of any kind. And all variables, with the way to each. */
import { types } from 'node:util';
import { copySymbol, GradtapeError, show, thisCopy, ValueError } from '../base/errors.js';
import { Tensor } from '../engine/tensor.js';
import { Variable } from '../op/variable.js';
import { GradientTape } from './gradient-tape.js';

/**
 * Every trainable variable in `x`, once each: in properties of objects of any class, and in arrays, Maps (their values)
 * and Sets, all to any depth. The order is that of properties and elements. An object may contain itself. Getters are
 * not called, and private fields (#name) cannot be seen. Tensors, tapes and typed arrays contain none.
 * @throws GradtapeError ERR_NOT_A_TENSOR for variables and tensors of another copy of the library
 */
export function trainableVariables(x: unknown): Variable[] {
  return variablesWithin('trainableVariables', x).filter(({ trainable }) => trainable);
}

/** The same of all variables, for a function of the name `fn`. */
export function variablesWithin(fn: string, x: unknown): Variable[] {
  return walk(fn, x).map(({ value }) => value as Variable);
}

/** The most keys on the way to a variable. */
const kMaxKeys = 1000;

/**
 * The same, each with the keys on the first way to it, with dots between. The elements of a Set are numbered. `also`: other
 * objects to find.
 * @throws GradtapeError ERR_NOT_A_TENSOR for variables of another copy of the library, ERR_NESTING; ValueError for two
 *   of one name
 */
export function namedWithin<T = never>(
  fn: string,
  x: unknown,
  also?: (value: object) => value is T & object,
): (readonly [name: string, found: Variable | T])[] {
  const names = new Set<string>();
  return walk(fn, x, also).map((found) => {
    const keys: string[] = [];
    for (let at: Met | null = found; at?.from; at = at.from) {
      keys.push(at.key);
      if (keys.length > kMaxKeys) {
        throw new GradtapeError('ERR_NESTING', `${fn}: a variable lies more than ${kMaxKeys} objects deep`);
      }
    }
    const name = keys.reverse().join('.');
    if (names.has(name)) throw new ValueError(`${fn}: two variables have the name ${show(name)}`);
    names.add(name);
    return [name, found.value as Variable | T];
  });
}

/** A value within another one, under some key. */
interface Met {
  readonly value: unknown;
  readonly key: string;
  readonly from: Met | null;
}

/** The variables, and what `also` accepts, within a value. */
function walk(fn: string, x: unknown, also: (value: object) => boolean = () => false): Met[] {
  const found: Met[] = [];
  const met = new Set<unknown>();
  // Values still to be visited, the next one last. A list instead of recursion, because a model may be a chain of any
  // length.
  const toVisit: Met[] = [{ value: x, key: '', from: null }];
  for (let at = toVisit.pop(); at; at = toVisit.pop()) {
    const { value } = at;
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null || met.has(value)) continue;
    met.add(value);
    const parts = also(value) ? 'variable' : partsOf(fn, value);
    if (parts === 'variable') {
      found.push(at);
    } else {
      for (let i = parts.length - 1; i >= 0; i--) {
        const [key, part] = parts[i] as Part;
        toVisit.push({ value: part, key: String(key), from: at });
      }
    }
  }
  return found;
}

type Part = readonly [key: PropertyKey, value: unknown];
const none: readonly Part[] = [];

/** The values that an object contains, with their keys. */
function partsOf(fn: string, value: object): readonly Part[] | 'variable' {
  if (types.isProxy(value)) return partsOfProxy(value);
  if (value instanceof Variable) return 'variable';
  if (value instanceof Tensor || value instanceof GradientTape || ArrayBuffer.isView(value)) return none;
  if (copySymbol in value && value[copySymbol] !== thisCopy)
    throw new GradtapeError('ERR_NOT_A_TENSOR', `${fn}: expected variables of this copy, got ${show(value)}`);
  const parts: Part[] = [];
  if (types.isMap(value)) {
    Map.prototype.forEach.call(value, (v: unknown, key: unknown) => parts.push([keyOf(key, parts.length), v]));
  } else if (types.isSet(value)) {
    Set.prototype.forEach.call(value, (v: unknown) => parts.push([parts.length, v]));
  }
  for (const key of Reflect.ownKeys(value)) {
    const property = Object.getOwnPropertyDescriptor(value, key);
    if (property?.enumerable && 'value' in property) parts.push([key, property.value]);
  }
  return parts;
}

/** The key of a Map as one of a name: text and numbers as they are; others are numbered. */
function keyOf(key: unknown, at: number): PropertyKey {
  return typeof key === 'string' || typeof key === 'number' ? key : at;
}

/** The values that a proxy shows; none if one of its traps throws, or if it is revoked. */
function partsOfProxy(value: object): readonly Part[] | 'variable' {
  try {
    if (value instanceof Variable) return 'variable';
    if (value instanceof Tensor || value instanceof GradientTape) return none;
    return Object.entries(Object.getOwnPropertyDescriptors(value)).flatMap(([key, p]): Part[] =>
      p.enumerable && 'value' in p ? [[key, p.value]] : [],
    );
  } catch {
    return none;
  }
}
