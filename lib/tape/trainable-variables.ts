/** The trainable variables of anything: instances of classes, arrays, Maps, Sets, nests. */
import { types } from 'node:util';
import { Tensor } from '../engine/tensor.js';
import { Variable } from '../op/variable.js';
import { GradientTape } from './gradient-tape.js';

/**
 * Every trainable variable below `x`, once each, in the order in which they stand there: properties in the order in which they were
 * made, elements of arrays, Maps (values) and Sets in theirs. Cycles are fine. Only properties that hold values are looked at: getters are
 * not called, and private fields (#name) cannot be seen. Tensors, tapes and typed arrays hold none.
 */
export function trainableVariables(x: unknown): Variable[] {
  const found: Variable[] = [];
  const met = new Set<unknown>();
  // What is still to be looked at, the next one last: a model may be a list of any length.
  const toVisit: unknown[] = [x];
  while (toVisit.length > 0) {
    const value = toVisit.pop();
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null || met.has(value)) continue;
    met.add(value);
    const parts = partsOf(value);
    if (parts === 'variable') {
      if ((value as Variable).trainable) found.push(value as Variable);
    } else {
      for (let i = parts.length - 1; i >= 0; i--) toVisit.push(parts[i]);
    }
  }
  return found;
}

const none: readonly unknown[] = [];

function partsOf(value: object): readonly unknown[] | 'variable' {
  if (types.isProxy(value)) return partsOfProxy(value);
  if (value instanceof Variable) return 'variable';
  if (value instanceof Tensor || value instanceof GradientTape || ArrayBuffer.isView(value)) return none;
  const parts: unknown[] = [];
  if (types.isMap(value)) Map.prototype.forEach.call(value, (v: unknown) => parts.push(v));
  else if (types.isSet(value)) Set.prototype.forEach.call(value, (v: unknown) => parts.push(v));
  for (const key of Reflect.ownKeys(value)) {
    const property = Object.getOwnPropertyDescriptor(value, key);
    if (property?.enumerable && 'value' in property) parts.push(property.value);
  }
  return parts;
}

/** A proxy's traps are somebody's code: one that throws, or is revoked, shows nothing. */
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
