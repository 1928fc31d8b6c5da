/** Nested values: arrays and plain objects of leaves, to any sensible depth. Knows no tensor. */
import { isPlainObject } from './arguments.js';
import { GradtapeError } from './errors.js';

export { isPlainObject };

/** T, an array, or a plain object of Nested<T>. */
export type Nested<T> = T | readonly Nested<T>[] | { readonly [key: string]: Nested<T> };

/** How deep values may be nested: beyond it they are taken to be cyclic. */
const deepest = 1000;

/** Calls `leaf` on every leaf, depth first, and builds the same structure of what it returns. Holes of arrays are leaves (undefined). */
export function mapNested<R>(fn: string, value: unknown, leaf: (value: unknown, path: string) => R): unknown {
  const map = (v: unknown, path: string, depth: number): unknown => {
    if (depth > deepest) {
      throw new GradtapeError(
        'ERR_NESTING',
        `${fn}: values are nested more than ${deepest} deep; does one contain itself?`,
      );
    }
    const keys = keysOf(fn, v, path);
    if (keys === null) return leaf(v, path);
    if (typeof keys === 'number') {
      const list: unknown[] = [];
      for (let i = 0; i < keys; i++) list.push(map(partOf(fn, v, i, path), `${path}[${i}]`, depth + 1));
      return list;
    }
    return Object.fromEntries(
      keys.map((key) => [key, map(partOf(fn, v, key, path), `${path}.${key}`, depth + 1)] as const),
    );
  };
  return map(value, '', 0);
}

/** The structure of one level: the length of an array, the keys of a plain object, null for a leaf. */
export function keysOf(fn: string, value: unknown, path: string): number | readonly string[] | null {
  if (typeof value !== 'object' || value === null) return null;
  return readable(fn, path, () => {
    if (Array.isArray(value)) return value.length;
    return isPlainObject(value) ? Object.keys(value) : null;
  });
}

/** What stands under a key of `keysOf`. */
export function partOf(fn: string, value: unknown, key: string | number, path: string): unknown {
  return readable(fn, path, () => (value as Record<string | number, unknown>)[key]);
}

function readable<T>(fn: string, path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new GradtapeError('ERR_STRUCTURE', `${fn}: the value${path ? ` at ${path}` : ''} cannot be read`, error);
  }
}
