/** `trainableVariables`: the trainable variables in a value of any kind. */
import { types } from 'node:util';
import { copySymbol, GradtapeError, show, thisCopy } from '../base/errors.js';
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
  return variablesWithin(x).filter(({ trainable }) => trainable);
}

/** The same of all variables. */
export function variablesWithin(x: unknown): Variable[] {
  const found: Variable[] = [];
  const met = new Set<unknown>();
  // Values still to be visited, the next one last. A list instead of recursion, because a model may be a chain of any
  // length.
  const toVisit: unknown[] = [x];
  while (toVisit.length > 0) {
    const value = toVisit.pop();
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null || met.has(value)) continue;
    met.add(value);
    const parts = partsOf(value);
    if (parts === 'variable') {
      found.push(value as Variable);
    } else {
      for (let i = parts.length - 1; i >= 0; i--) toVisit.push(parts[i]);
    }
  }
  return found;
}

const none: readonly unknown[] = [];

/** The values that an object contains. */
function partsOf(value: object): readonly unknown[] | 'variable' {
  if (types.isProxy(value)) return partsOfProxy(value);
  if (value instanceof Variable) return 'variable';
  if (value instanceof Tensor || value instanceof GradientTape || ArrayBuffer.isView(value)) return none;
  if (copySymbol in value && value[copySymbol] !== thisCopy)
    throw new GradtapeError(
      'ERR_NOT_A_TENSOR',
      `trainableVariables: expected variables of this copy, got ${show(value)}`,
    );
  const parts: unknown[] = [];
  if (types.isMap(value)) Map.prototype.forEach.call(value, (v: unknown) => parts.push(v));
  else if (types.isSet(value)) Set.prototype.forEach.call(value, (v: unknown) => parts.push(v));
  for (const key of Reflect.ownKeys(value)) {
    const property = Object.getOwnPropertyDescriptor(value, key);
    if (property?.enumerable && 'value' in property) parts.push(property.value);
  }
  return parts;
}

/** The values that a proxy shows; none if one of its traps throws, or if it is revoked. */
function partsOfProxy(value: object): readonly unknown[] | 'variable' {
  try {
    if (value instanceof Variable) return 'variable';
    if (value instanceof Tensor || value instanceof GradientTape) return none;
    return Object.values(Object.getOwnPropertyDescriptors(value)).flatMap((p) =>
      p.enumerable && 'value' in p ? [p.value] : [],
    );
  } catch {
    return none;
  }
}
