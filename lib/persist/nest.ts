/**
 * Nests and names: a nest of tensors as a flat list with a name for each, and back. The name is the keys on the way to the
 * tensor, with dots between: `layers.0.kernel`.
 *
 * Keys are never changed, so that a record whose keys have dots already (a file from elsewhere) keeps them. The way back
 * takes dots apart, and makes an array where the keys are 0 to n - 1. A nest that does not come back so (a key with a dot,
 * an empty array) has its outline saved as well.
 */
import { isA, isArray, isPlainObject } from '../base/arguments.js';
import { GradtapeError, show } from '../base/errors.js';
import { fromValue } from '../engine/constant.js';
import { evaluateTensorsAsync } from '../engine/evaluate.js';
import { isKnown, isTensor, type Tensor } from '../engine/tensor.js';
import { isVariable } from '../op/variable.js';
import { densify } from '../primitives/gather.js';
import { below } from '../record/stack.js';
import { namedWithin } from '../tape/trainable-variables.js';
import { putNamed, quote } from './keys.js';

/** The structure of a nest: each leaf is its name. */
export type Outline = string | readonly Outline[] | { readonly [key: string]: Outline };

/** What a nest is as a list. */
export interface Flat {
  readonly tensors: ReadonlyMap<string, Tensor>;
  /** null if `nestOf` makes the same structure of the names alone, and for a flat record. */
  readonly outline: Outline | null;
}

const kMaxNesting = 1000;
/** Lists of more levels are no tensor. */
const kMaxRank = 16;

/** Whether a value is a number, or a list of numbers of some depth, which is a tensor. An empty list has none. */
function isNumbers(value: unknown, depth = 0): boolean {
  if (typeof value === 'number' || typeof value === 'boolean') return true;
  if (!isArray(value) || value.length === 0 || depth > kMaxRank) return false;
  return value.every((part) => isNumbers(part, depth + 1));
}

/**
 * The tensors in a nest: of arrays, plain objects, Maps, and objects of a class, of which only the variables are taken. A
 * number, a typed array and a list of numbers are tensors.
 * @throws GradtapeError ERR_NOT_A_TENSOR, ERR_STRUCTURE, ERR_NESTING; ValueError for a name that comes twice
 */
export function flatten(fn: string, nest: unknown): Flat {
  const tensors = new Map<string, Tensor>();
  const put = (name: string, t: Tensor): string => {
    putNamed(fn, 'tensors', tensors, name, t);
    return name;
  };
  const walk = (value: unknown, name: string, depth: number): Outline => {
    if (depth > kMaxNesting) {
      throw new GradtapeError(
        'ERR_NESTING',
        `${fn}: values are nested more than ${kMaxNesting} deep; does one contain itself?`,
      );
    }
    if (depth > 0 && isLeaf(value)) return put(name, tensorOf(fn, value, name));
    const inner = (key: string): string => (depth === 0 ? key : `${name}.${key}`);
    if (isArray(value)) return partsOf(fn, value).map(([key, part]) => walk(part, inner(key), depth + 1));
    if (isPlainObject(value) || isA(value, Map)) {
      return outlineOf(partsOf(fn, value).map(([key, part]) => [key, walk(part, inner(key), depth + 1)]));
    }
    if (depth > 0 && !isObject(value)) throw noTensor(fn, value, name);
    return outlineOf(variablesIn(fn, value, name).map(([path, t]) => [path, put(inner(path), t)]));
  };
  const outline = walk(nest, '', 0);
  const isFlat = !isArray(outline) && Object.values(outline).every((part) => typeof part === 'string');
  return { tensors, outline: isFlat || isSame(outline, outlineFrom([...tensors.keys()])) ? null : outline };
}

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null;

function isLeaf(value: unknown): boolean {
  return isTensor(value) || isVariable(value) || ArrayBuffer.isView(value) || isNumbers(value);
}

function tensorOf(fn: string, value: unknown, name: string): Tensor {
  const t = isVariable(value) ? value.peek() : fromValue(fn, value, undefined, undefined, undefined, quote(name));
  return below(null, () => densify(t));
}

function noTensor(fn: string, value: unknown, name: string): GradtapeError {
  const where = name === '' ? 'the nest' : quote(name);
  return new GradtapeError('ERR_NOT_A_TENSOR', `${fn}: ${where} is ${show(value)}, which is no tensor`);
}

function variablesIn(fn: string, value: unknown, name: string): (readonly [string, Tensor])[] {
  const found = isObject(value) && !isLeaf(value) ? namedWithin(fn, value) : [];
  if (found.length > 0) return found.map(([path, variable]) => [path, variable.peek()]);
  const hint = isLeaf(value) ? '; a tensor needs a name: write { name: tensor }' : '';
  throw new GradtapeError(
    'ERR_NOT_A_TENSOR',
    `${fn}: expected arrays and objects of tensors, got ${show(value)}${name === '' ? '' : ` at ${quote(name)}`}${hint}`,
  );
}

/** The parts of an array, a plain object or a Map, by their keys. */
function partsOf(fn: string, value: unknown): (readonly [string, unknown])[] {
  try {
    if (isArray(value)) return Array.from(value, (part, i) => [String(i), part]);
    return isA(value, Map) ? Array.from(value, ([key, part]) => [String(key), part]) : Object.entries(value as object);
  } catch (error) {
    throw new GradtapeError('ERR_STRUCTURE', `${fn}: ${show(value)} cannot be read`, error);
  }
}

/** An object of these entries; no key has a meaning of its own. */
function outlineOf<T>(entries: Iterable<readonly [string, T]>): { readonly [key: string]: T } {
  return Object.fromEntries(entries);
}

/** Whether two outlines are the same, in whatever order their keys are. */
function isSame(a: Outline, b: Outline | null): boolean {
  if (b === null || typeof a === 'string' || typeof b === 'string') return a === b;
  if (isArray(a) !== isArray(b)) return false;
  const keys = Object.keys(a);
  const of = (outline: Outline, key: string): Outline =>
    (outline as { readonly [key: string]: Outline })[key] as Outline;
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && isSame(of(a, key), of(b, key)))
  );
}

/** Names taken apart at their dots; a Map where others follow. */
type Tree = Map<string, Tree | string>;

/** The outline that names have by themselves; null if a name is also the beginning of another. */
function outlineFrom(names: readonly string[]): Outline | null {
  const root: Tree = new Map();
  for (const name of names) {
    const keys = name.split('.');
    if (keys.length > kMaxNesting) return null;
    let tree = root;
    for (const key of keys.slice(0, -1)) {
      const next = tree.get(key) ?? new Map();
      if (typeof next === 'string') return null;
      tree.set(key, next);
      tree = next;
    }
    const last = keys.at(-1) as string;
    if (tree.has(last)) return null;
    tree.set(last, name);
  }
  return outlineOfTree(root);
}

function outlineOfTree(tree: Tree): Outline {
  const outlines = new Map(
    Array.from(tree, ([key, part]) => [key, typeof part === 'string' ? part : outlineOfTree(part)] as const),
  );
  const list = Array.from({ length: tree.size }, (_, i) => outlines.get(String(i)));
  const isList = tree.size > 0 && list.every((part) => part !== undefined);
  return isList ? (list as Outline[]) : outlineOf(outlines);
}

/**
 * The nest of named tensors. `outline`: the one that was saved, as text; it counts if it has exactly these names.
 * @throws GradtapeError ERR_STRUCTURE if a name is also the beginning of another
 */
export function nestOf(fn: string, tensors: ReadonlyMap<string, Tensor>, outline: string | undefined): unknown {
  const names = [...tensors.keys()];
  const saved = outline === undefined ? null : savedOutline(outline, names);
  const found = saved ?? outlineFrom(names);
  if (found === null) {
    const outer = names.find((name) => names.some((other) => other.startsWith(`${name}.`)));
    throw new GradtapeError(
      'ERR_STRUCTURE',
      `${fn}: the names make no nest: ${quote(outer ?? (names[0] as string))} is a tensor and contains others; load it without { nested: true }`,
    );
  }
  const build = (part: Outline): unknown => {
    if (typeof part === 'string') return tensors.get(part);
    if (isArray(part)) return part.map((inner) => build(inner as Outline));
    return outlineOf(Object.entries(part).map(([key, inner]) => [key, build(inner)] as const));
  };
  return build(found);
}

/** The outline that a file says it has; null if it is not one of exactly these names. */
function savedOutline(text: string, names: readonly string[]): Outline | null {
  try {
    const outline = JSON.parse(text) as Outline;
    const found: string[] = [];
    const walk = (part: unknown, depth: number): void => {
      if (depth > kMaxNesting) throw new Error('too deep');
      if (typeof part === 'string') found.push(part);
      else for (const inner of Object.values(part as object)) walk(inner, depth + 1); // throws for null
    };
    walk(outline, 0);
    const wanted = new Set(names);
    const isWhole = found.length === wanted.size && new Set(found).size === found.length;
    return typeof outline === 'object' && isWhole && found.every((name) => wanted.has(name)) ? outline : null;
  } catch {
    return null;
  }
}

/** The same tensors, all computed, on another thread. */
export async function computed(tensors: readonly Tensor[]): Promise<readonly Tensor[]> {
  return tensors.every(isKnown) ? tensors : await evaluateTensorsAsync(tensors, (roots) => roots);
}
