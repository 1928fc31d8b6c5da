/** Nested values: arrays and plain objects of leaves, up to 1000 levels deep. Knows no tensor. */
import { isPlainObject } from './arguments.js';
import { GradtapeError } from './errors.js';

export { isPlainObject };

/** T, an array, or a plain object of Nested<T>. */
export type Nested<T> = T | readonly Nested<T>[] | { readonly [key: string]: Nested<T> };

/** The deepest nesting; values beyond it are taken to contain themselves. */
const kMaxNesting = 1000;

/**
 * The same structure with every leaf replaced by `leaf(value, path)`, depth first. Holes of arrays are leaves
 * (undefined), and so is what `stands` accepts.
 * @throws GradtapeError ERR_NESTING for values that contain themselves, ERR_STRUCTURE for values that cannot be read
 */
export function mapNested<R>(
  fn: string,
  value: unknown,
  leaf: (value: unknown, path: string) => R,
  stands: (value: unknown, path: string) => boolean = () => false,
): unknown {
  const map = (v: unknown, path: string, depth: number): unknown => {
    if (depth > kMaxNesting) {
      throw new GradtapeError(
        'ERR_NESTING',
        `${fn}: values are nested more than ${kMaxNesting} deep; does one contain itself?`,
      );
    }
    const keys = stands(v, path) ? null : keysOf(fn, v, path);
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

/**
 * Whether the value is an array of numbers or booleans, nested or empty: one operand, not a nest of them. Only the first
 * number is looked at.
 */
export function isNumbers(value: unknown): boolean {
  let first = value;
  try {
    for (let depth = 0; depth <= kMaxNesting; depth++) {
      if (!Array.isArray(first)) return depth > 0 && (typeof first === 'number' || typeof first === 'boolean');
      if (first.length === 0) return true;
      first = first[0];
    }
  } catch {
    // A revoked proxy: who reads the value says so.
  }
  return false;
}

/** A nest taken apart: its leaves but for `null`, depth first, where each was, and the nest with others in their places. */
export interface Unnested {
  readonly leaves: readonly unknown[];
  readonly paths: readonly string[];
  readonly nest: (leaves: readonly unknown[]) => unknown;
}

/** `stands`: as of `mapNested`, which says what is thrown. */
export function unnest(fn: string, value: unknown, stands?: (value: unknown, path: string) => boolean): Unnested {
  const leaves: unknown[] = [];
  const paths: string[] = [];
  const places = mapNested(
    fn,
    value,
    (leaf, path) => {
      if (leaf === null) return null;
      paths.push(path);
      return leaves.push(leaf) - 1;
    },
    stands,
  );
  return { leaves, paths, nest: (others) => mapNested(fn, places, (i) => (i === null ? null : others[i as number])) };
}

/**
 * Calls `leaf` on every leaf of `value` with the leaf at the same path in `other`. Where `other` has another structure,
 * `unlike` makes the error to throw. A part of `other` that `stands` accepts is passed for all leaves below its path.
 */
export function zipNested(
  fn: string,
  value: unknown,
  other: unknown,
  leaf: (value: unknown, other: unknown, path: string) => void,
  unlike: (path: string, expected: number | readonly string[], got: unknown) => Error,
  stands: (other: unknown) => boolean = () => false,
): void {
  mapNested(fn, value, () => null); // throws for what contains itself
  const zip = (v: unknown, o: unknown, path: string): void => {
    const keys = keysOf(fn, v, path);
    if (keys === null) {
      leaf(v, o, path);
      return;
    }
    const all = stands(o);
    if (!all && !sameKeys(keys, keysOf(fn, o, path))) throw unlike(path, keys, o);
    const names = typeof keys === 'number' ? Array.from({ length: keys }, (_, i) => i) : keys;
    for (const key of names) {
      const inner = typeof key === 'number' ? `${path}[${key}]` : `${path}.${key}`;
      zip(partOf(fn, v, key, path), all ? o : partOf(fn, o, key, path), inner);
    }
  };
  zip(value, other, '');
}

function sameKeys(expected: number | readonly string[], found: number | readonly string[] | null): boolean {
  if (found === null || typeof expected === 'number' || typeof found === 'number') return expected === found;
  return found.length === expected.length && expected.every((key) => found.includes(key));
}

/** The structure of one level: the length of an array, the keys of a plain object, null for a leaf. */
function keysOf(fn: string, value: unknown, path: string): number | readonly string[] | null {
  if (typeof value !== 'object' || value === null) return null;
  return readable(fn, path, () => {
    if (Array.isArray(value)) return value.length;
    return isPlainObject(value) ? Object.keys(value) : null;
  });
}

/** The part of a value under a key from `keysOf`. */
function partOf(fn: string, value: unknown, key: string | number, path: string): unknown {
  return readable(fn, path, () => (value as Record<string | number, unknown>)[key]);
}

function readable<T>(fn: string, path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new GradtapeError('ERR_STRUCTURE', `${fn}: the value${path ? ` at ${path}` : ''} cannot be read`, error);
  }
}
