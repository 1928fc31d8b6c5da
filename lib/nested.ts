/** Nested values: arrays and plain objects of leaves, to any sensible depth. Knows no tensor. */
import { isPlainObject } from './arguments.js';
import { GradtapeError } from './errors.js';

export { isPlainObject };

/** T, an array, or a plain object of Nested<T>. */
export type Nested<T> = T | readonly Nested<T>[] | { readonly [key: string]: Nested<T> };

/** How deep values may be nested: beyond it they are taken to be cyclic. */
const deepest = 1000;

/** Calls `leaf` on every leaf, depth first, and builds the same structure of what it returns. */
export function mapNested<R>(fn: string, value: unknown, leaf: (value: unknown, path: string) => R): unknown {
  const map = (v: unknown, path: string, depth: number): unknown => {
    if (depth > deepest) {
      throw new GradtapeError(
        'ERR_NESTING',
        `${fn}: values are nested more than ${deepest} deep; does one contain itself?`,
      );
    }
    if (Array.isArray(v)) return Array.from(v, (w, i) => map(w, `${path}[${i}]`, depth + 1));
    if (!isPlainObject(v)) return leaf(v, path);
    return Object.fromEntries(Object.entries(v).map(([key, w]) => [key, map(w, `${path}.${key}`, depth + 1)]));
  };
  return map(value, '', 0);
}
