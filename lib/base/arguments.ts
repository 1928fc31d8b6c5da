/** The one door for arguments: what kinds of value there are, and how options are read. Knows no tensor. */
import { DTypeError, type ErrorCode, GradtapeError, ShapeError, show, ValueError } from './errors.js';

/** What `read` gives for a value that is not of the kind. */
export const refused: unique symbol = Symbol('refused');

/** A kind of value: what an error says was expected, and how a value of it is taken. */
export interface Kind<T> {
  readonly expected: string;
  readonly read: (value: unknown) => T | typeof refused;
  /** The code of the error, where it is not that of the argument's place. */
  readonly code?: ErrorCode;
  /** TensorFlow's words for the error, where it has some. */
  readonly preface?: string;
}

function kind<T>(expected: string, accepts: (value: unknown) => boolean): Kind<T> {
  return { expected, read: (value) => (accepts(value) ? (value as T) : refused) };
}

export const boolean: Kind<boolean> = kind('true or false', (value) => typeof value === 'boolean');
export const string: Kind<string> = kind('a string', (value) => typeof value === 'string');
export const callback: Kind<(...args: never[]) => unknown> = kind<(...args: never[]) => unknown>(
  'a function',
  (value: unknown): boolean => typeof value === 'function',
);
/** Whatever the function itself checks: an operand, a shape, an axis. */
export const anything: Kind<unknown> = { expected: 'a value', read: (value) => value };

/** A number that is not NaN within bounds, both included. */
export function number(expected = 'a number', least: number = -Infinity, most: number = Infinity): Kind<number> {
  return kind(expected, (value) => typeof value === 'number' && value >= least && value <= most);
}
/** A finite number. */
export const finite: Kind<number> = kind('a finite number', (value) => Number.isFinite(value));
/** A whole number within bounds, both included. */
export function integer(least: number, most: number = Number.MAX_SAFE_INTEGER): Kind<number> {
  const expected =
    most < Number.MAX_SAFE_INTEGER ? `a whole number from ${least} to ${most}` : `a whole number >= ${least}`;
  return kind(expected, (value) => Number.isInteger(value) && (value as number) >= least && (value as number) <= most);
}
/** An axis, negative ones counted from the end. */
export const axisKind: Kind<number> = {
  expected: 'a whole number',
  code: 'ERR_AXIS',
  read: (value) => (Number.isInteger(value) ? (value as number) : refused),
};
/** One of these strings, in the case they are given here; `anyCase` takes every case. */
export function oneOf<T extends string>(names: readonly T[], anyCase = false): Kind<T> {
  const expected = names.map((name) => `'${name}'`).join(names.length === 2 ? ' or ' : ', ');
  return {
    expected,
    read: (value) => {
      if (typeof value !== 'string') return refused;
      return names.find((name) => name === value || (anyCase && name.toLowerCase() === value.toLowerCase())) ?? refused;
    },
  };
}
/** Either kind. */
export function either<A, B>(a: Kind<A>, b: Kind<B>): Kind<A | B> {
  return {
    expected: `${a.expected} or ${b.expected}`,
    read: (value) => {
      const first = a.read(value);
      return first === refused ? b.read(value) : first;
    },
  };
}

/** The value, if it is of the kind; else an error that names the function and the argument. */
export function argument<T>(fn: string, name: string, of: Kind<T>, value: unknown, code: ErrorCode = 'ERR_VALUE'): T {
  const accepted = of.read(value);
  if (accepted !== refused) return accepted;
  throw wrongKind(of, fn, `${name} must be ${of.expected}, got ${showDeep(value)}`, code);
}

/** Whether it is an array; a revoked proxy is none. */
export function isArray(value: unknown): value is readonly unknown[] {
  try {
    return Array.isArray(value);
  } catch {
    return false; // a revoked proxy
  }
}

/**
 * The elements of a list, in an array of their own; `null` for what is neither an array nor a typed array, or cannot be read (a
 * revoked proxy, a detached view). What a sparse array leaves out is `undefined`.
 */
export function listOf(value: unknown): unknown[] | null {
  try {
    const isList = Array.isArray(value) || (ArrayBuffer.isView(value) && 'length' in value);
    return isList ? Array.from(value as ArrayLike<unknown>) : null;
  } catch {
    return null;
  }
}

function wrongKind(of: Kind<unknown>, fn: string, what: string, code: ErrorCode): GradtapeError {
  const message = `${fn}: ${of.preface ? `${of.preface}: ` : ''}${what}`;
  if (of.code === 'ERR_DTYPE') return new DTypeError(message);
  if (of.code === 'ERR_AXIS') return new ShapeError(message, of.code);
  return new ValueError(message, of.code ?? code);
}

/** Names of options and their kinds. */
export type Spec = Readonly<Record<string, Kind<unknown>>>;
/** What reading them gives: those that were given. */
export type Read<S extends Spec> = { readonly [K in keyof S]?: S[K] extends Kind<infer T> ? T : never };

const none: object = Object.freeze({});

/**
 * The options that were given, each of its kind. `undefined` stands for an option that is left out.
 * @throws ValueError ERR_OPTION for what is no object of options, for an unknown name (with the nearest one), for a value of a wrong kind
 */
export function options<S extends Spec>(fn: string, spec: S, given: unknown): Read<S> {
  return given === undefined ? (none as Read<S>) : readOptions(fn, spec, given);
}

function readOptions<S extends Spec>(fn: string, spec: S, given: unknown): Read<S> {
  if (!isPlainObject(given)) throw noOptions(fn, spec, given);
  const result: Record<string, unknown> = {};
  for (const [name, value] of entriesOf(fn, given)) {
    const of = Object.hasOwn(spec, name) ? (spec[name] as Kind<unknown>) : undefined;
    if (!of) throw unknownOption(fn, Object.keys(spec), name);
    if (value === undefined) continue;
    result[name] = argument(fn, name, of, value, 'ERR_OPTION');
  }
  return result as Read<S>;
}

/**
 * Options whose first ones may come by position, as in TensorFlow: `names` in their order, then the options object, which may also
 * stand in the place of the first one that is left out.
 * @throws ValueError ERR_OPTION as `options`; also for what is given twice, or behind the options
 */
export function positional<S extends Spec>(
  fn: string,
  spec: S,
  names: readonly (keyof S & string)[],
  given: readonly unknown[],
): Read<S> {
  if (given.every((value) => value === undefined)) return none as Read<S>;
  const at = given.findIndex((value) => value === null || isPlainObject(value));
  const optionsAt = at < 0 ? names.length : at;
  const extra = given.slice(optionsAt + 1).find((value) => value !== undefined);
  if (extra !== undefined) {
    throw new ValueError(`${fn}: takes nothing behind its options, got ${show(extra)}`, 'ERR_OPTION');
  }
  const result: Record<string, unknown> = { ...options(fn, spec, given[optionsAt]) };
  for (const [i, name] of names.slice(0, optionsAt).entries()) {
    if (given[i] === undefined) continue;
    if (result[name] !== undefined) throw new ValueError(`${fn}: ${name} is given twice`, 'ERR_OPTION');
    result[name] = argument(fn, name, spec[name] as Kind<unknown>, given[i], 'ERR_OPTION');
  }
  return result as Read<S>;
}

/** Own enumerable properties; a proxy or getter that throws is an argument that cannot be read. */
function entriesOf(fn: string, given: object): [string, unknown][] {
  try {
    return Object.entries(given);
  } catch (error) {
    throw new GradtapeError('ERR_OPTION', `${fn}: the options cannot be read: ${String(error)}`, error);
  }
}

function noOptions(fn: string, spec: Spec, given: unknown): ValueError {
  const names = Object.keys(spec);
  if (names.length === 0) return new ValueError(`${fn}: takes no options, got ${show(given)}`, 'ERR_OPTION');
  // Somebody who wrote the bare value of an option is told how to write it.
  const meant = names.find((name) => spec[name] !== anything && (spec[name] as Kind<unknown>).read(given) !== refused);
  const hint = meant ? `; write { ${meant}: ${show(given)} }` : '';
  return new ValueError(`${fn}: expected options { ${names.join(', ')} }, got ${show(given)}${hint}`, 'ERR_OPTION');
}

function unknownOption(fn: string, names: readonly string[], name: string): ValueError {
  if (names.length === 0) return new ValueError(`${fn}: unknown option ${name}; it takes no options`, 'ERR_OPTION');
  const near = nearest(name, names);
  const hint = near ? `did you mean ${near}?` : `it takes ${names.join(', ')}`;
  return new ValueError(`${fn}: unknown option ${name}; ${hint}`, 'ERR_OPTION');
}

/**
 * Refuses what stands behind the arguments of a function that has neither options nor further arguments. What Array's map (index,
 * list) and reduce add is let pass: `list.map(tf.exp)` is right.
 */
export function refuseExtra(fn: string, index: unknown, list: unknown): void {
  if (index === undefined && list === undefined) return;
  if (typeof index === 'number' && listOf(list)) return;
  const extra = index === undefined ? list : index;
  throw new ValueError(`${fn}: takes no further argument and no options, got ${show(extra)}`, 'ERR_OPTION');
}

/** Refuses what stands behind the options. */
export function refuseBehind(fn: string, extra: unknown): void {
  if (extra === undefined) return;
  throw new ValueError(`${fn}: takes no argument behind its options, got ${show(extra)}`, 'ERR_OPTION');
}

/** Refuses numbers that stand one after another where one list of them belongs. `operands`: what is written before the list. */
export function refuseSpread(fn: string, operands: string, numbers: readonly unknown[]): void {
  if (numbers.every((n) => typeof n === 'number')) {
    throw new ValueError(
      `${fn}: the numbers are one list: write ${fn}(${operands}[${numbers.join(', ')}])`,
      'ERR_OPTION',
    );
  }
}

/** Whether the value is an object of options, or of other named values: one made by `{}` (in any realm) or without a prototype. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  try {
    const prototype = Object.getPrototypeOf(value);
    return (
      prototype === null || (Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, 'hasOwnProperty'))
    );
  } catch {
    return false; // a revoked proxy
  }
}

/** Whether the value is options in the place of an argument that was left out; an empty object says nothing and is not. */
export function isOptions(value: unknown): boolean {
  try {
    return isPlainObject(value) && Object.keys(value).length > 0;
  } catch {
    return false; // a proxy that does not let itself be read
  }
}

/**
 * What to throw for an error that calling `f` threw: the same, but for a function that cannot be called (a class, a revoked proxy): the
 * caller is told so. Asked only after a failure, for finding out takes longer than calling.
 */
export function thrownBy(fn: string, f: unknown, error: unknown): unknown {
  if (!(error instanceof TypeError) || isCallable(f)) return error;
  return new ValueError(`${fn}: expected a function that can be called, got ${show(f)}`, 'ERR_VALUE');
}

function isCallable(f: unknown): boolean {
  try {
    Object.getPrototypeOf(f);
    return !/^class\b/.test(Function.prototype.toString.call(f));
  } catch {
    return false; // a revoked proxy
  }
}

/** Whether the value is an instance of the class; `instanceof` alone throws at a revoked proxy. */
export function isA<T>(value: unknown, type: abstract new (...args: never[]) => T): value is T {
  try {
    return value instanceof type;
  } catch {
    return false;
  }
}

/** As `show`, and the elements of short lists, `depth` levels further down too. */
export function showDeep(value: unknown, depth = 1): string {
  try {
    const inner = (element: unknown): string => (depth > 0 ? showDeep(element, depth - 1) : show(element));
    const isList = Array.isArray(value) || (ArrayBuffer.isView(value) && 'length' in value);
    const list = isList ? (value as ArrayLike<unknown>) : null;
    return list && list.length <= 8 ? `[${Array.from(list, inner).join(', ')}]` : show(value);
  } catch {
    return show(value);
  }
}

/** The one of the names that was probably meant: the same but for case and underscores, initials, a part, or few typing mistakes. */
export function nearest(name: string, names: readonly string[]): string | undefined {
  const bare = (text: string): string => text.replaceAll('_', '').toLowerCase();
  const initials = (text: string): string => text.replace(/(?<=.)[a-z0-9]+/g, '').toLowerCase();
  const given = bare(name);
  const close = names
    .map((candidate) => ({ candidate, distance: editDistance(given, bare(candidate)) }))
    .sort((a, b) => a.distance - b.distance)[0];
  if (close && close.distance <= Math.max(1, given.length / 4)) return close.candidate;
  return (
    names.find((candidate) => initials(candidate) === given) ??
    names.find((candidate) => bare(candidate).includes(given) || given.includes(bare(candidate)))
  );
}

/** Levenshtein's distance, two neighbours that changed places counted as one mistake. */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swap = swapped ? (before[j - 2] as number) + 1 : Number.POSITIVE_INFINITY;
      next.push(Math.min(change, swap, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    before = row;
    row = next;
  }
  return row[b.length] as number;
}
