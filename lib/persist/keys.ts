/** Keys: the names of tensors in files, and which of them are asked for. */
import { isArray, nearest } from '../base/arguments.js';
import { show, ValueError } from '../base/errors.js';

/** A name as errors show it. */
export function quote(name: string): string {
  return JSON.stringify(name.length > 200 ? `${name.slice(0, 200)}...` : name);
}

/**
 * Adds a value under a name. `what`: the values, for errors.
 * @throws ValueError for a name that comes twice, or that a file cannot have
 */
export function putNamed<T>(fn: string, what: string, values: Map<string, T>, name: string, value: T): void {
  if (values.has(name)) throw new ValueError(`${fn}: two ${what} have the name ${quote(name)}`);
  if (/\p{Surrogate}/u.test(name)) throw new ValueError(`${fn}: the name ${quote(name)} is no valid Unicode`);
  values.set(name, value);
}

/**
 * What a file has under the keys that a user asks for, in their order, each once; undefined: under all its keys.
 * @throws ValueError for a key that the file has not, with the nearest one; ERR_OPTION for what is no list of keys
 */
export function wantedKeys<T>(fn: string, keys: unknown, has: ReadonlyMap<string, T>): readonly T[] {
  if (keys === undefined) return [...has.values()];
  if (!isArray(keys) || !Array.from(keys).every((key) => typeof key === 'string')) {
    throw new ValueError(`${fn}: keys must be an array of strings, got ${show(keys)}`, 'ERR_OPTION');
  }
  return Array.from(new Set(keys as readonly string[]), (key) => {
    const found = has.get(key);
    if (found !== undefined) return found;
    const near = nearest(key, [...has.keys()]);
    const hint = near === undefined ? `; it has ${has.size} others` : `; did you mean ${quote(near)}?`;
    throw new ValueError(`${fn}: the file has no tensor ${quote(key)}${hint}`);
  });
}
