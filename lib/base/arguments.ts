/** Arguments: the kinds of value there are, and how options are read. Knows no tensor. */
import { DTypeError, type ErrorCode, GradtapeError, ShapeError, show, TapeError, ValueError } from './errors.js';

/** What `Kind.read` returns for a value that is not of the kind. */
export const refused: unique symbol = Symbol('refused');

/** A kind of argument: how errors describe what was expected, and how a value is read. */
export interface Kind<T> {
  readonly expected: string;
  /** The value as the library uses it, or `refused`. */
  readonly read: (value: unknown) => T | typeof refused;
  /** The code of the error, where it differs from the one that `argument` or `options` would use. */
  readonly code?: ErrorCode;
  /** TensorFlow's text for the error; stands before our own. */
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
/** Any value: for arguments that the function checks itself (an operand, a shape, an axis). */
export const anything: Kind<unknown> = { expected: 'a value', read: (value) => value };

/** A number within bounds, both included; NaN is refused. */
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
/** One of these strings. With `anyCase`, upper and lower case do not matter; the result is as written in `names`. */
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
/** A value of either kind; the first that accepts it reads it. */
export function either<A, B>(a: Kind<A>, b: Kind<B>): Kind<A | B> {
  return {
    expected: `${a.expected} or ${b.expected}`,
    read: (value) => {
      const first = a.read(value);
      return first === refused ? b.read(value) : first;
    },
  };
}

/**
 * The value, if it is of the kind.
 * @throws ValueError (or what `of.code` says), naming the function and the argument
 */
export function argument<T>(fn: string, name: string, of: Kind<T>, value: unknown, code: ErrorCode = 'ERR_VALUE'): T {
  const accepted = of.read(value);
  if (accepted !== refused) return accepted;
  throw wrongKind(of, fn, `${name} must be ${of.expected}, got ${showDeep(value)}`, code);
}

/** Whether the value is an array. A revoked proxy counts as none: `Array.isArray` would throw. */
export function isArray(value: unknown): value is readonly unknown[] {
  try {
    return Array.isArray(value);
  } catch {
    return false; // a revoked proxy
  }
}

/**
 * A copy of the elements of an array or typed array. `null` for any other value, and for one that cannot be read (a
 * revoked proxy, a detached view). Holes of sparse arrays become `undefined`.
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
/** What reading options gives: those that were given, each as its kind reads it. */
export type Read<S extends Spec> = { readonly [K in keyof S]?: S[K] extends Kind<infer T> ? T : never };

const none: object = Object.freeze({});

/**
 * Reads an options object: the options that were given, each of its kind. An option that is `undefined` counts as left
 * out.
 * @throws ValueError ERR_OPTION for what is no object of options, for an unknown name (with the nearest one), for a
 *   value of a wrong kind
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
 * Reads options of which the first may come by position, as in TensorFlow: the values of `names` in order, then the
 * options object. The object may come earlier, in place of the first value that is left out.
 * @throws ValueError ERR_OPTION as `options` does; also for an option given twice, and for a value behind the options
 *   object
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
  const result: Record<string, unknown> = { ...options(fn, spec, given[optionsAt]) };
  const extra = given.slice(optionsAt + 1).find((value) => value !== undefined);
  if (extra !== undefined) {
    throw new ValueError(`${fn}: takes nothing behind its options, got ${show(extra)}`, 'ERR_OPTION');
  }
  for (const [i, name] of names.slice(0, optionsAt).entries()) {
    if (given[i] === undefined) continue;
    if (result[name] !== undefined) throw new ValueError(`${fn}: ${name} is given twice`, 'ERR_OPTION');
    result[name] = argument(fn, name, spec[name] as Kind<unknown>, given[i], 'ERR_OPTION');
  }
  return result as Read<S>;
}

/** Own enumerable properties. A proxy or getter that throws becomes an error of the options. */
function entriesOf(fn: string, given: object): [string, unknown][] {
  try {
    return Object.entries(given);
  } catch (error) {
    throw new GradtapeError('ERR_OPTION', `${fn}: the options cannot be read: ${String(error)}`, error);
  }
}

/** How an array that looks like a shape is written as the option. */
function shapeHint(given: unknown): string {
  try {
    const isShape = Array.isArray(given) && given.length <= 8 && given.every(Number.isInteger);
    return isShape ? `; write { shape: [${given.join(', ')}] }` : '';
  } catch {
    return ''; // a revoked proxy, a getter that throws
  }
}

function noOptions(fn: string, spec: Spec, given: unknown): ValueError {
  const names = Object.keys(spec);
  if (names.length === 0) return new ValueError(`${fn}: takes no options, got ${show(given)}`, 'ERR_OPTION');
  // A bare value that some option would accept: the error shows how to write that option.
  const meant = names.find((name) => spec[name] !== anything && (spec[name] as Kind<unknown>).read(given) !== refused);
  const hint = meant ? `; write { ${meant}: ${show(given)} }` : names.includes('shape') ? shapeHint(given) : '';
  return new ValueError(`${fn}: expected options { ${names.join(', ')} }, got ${show(given)}${hint}`, 'ERR_OPTION');
}

function unknownOption(fn: string, names: readonly string[], name: string): ValueError {
  const near = nearest(name, names);
  const takes = near ? `did you mean ${near}?` : `it takes ${names.length > 0 ? names.join(', ') : 'no options'}`;
  const hint = name === 'axis' && !near ? ' (an axis is an argument of its own, before the options)' : '';
  return new ValueError(`${fn}: unknown option ${name}; ${takes}${hint}`, 'ERR_OPTION');
}

/**
 * Throws if a function without options got arguments behind its own. The two that Array's map and reduce append (an
 * index and the list) are accepted, so that `list.map(tf.exp)` works.
 */
export function refuseExtra(fn: string, index: unknown, list: unknown): void {
  if (index === undefined && list === undefined) return;
  if (typeof index === 'number' && listOf(list)) return;
  const extra = index === undefined ? list : index;
  throw new ValueError(`${fn}: takes no further argument and no options, got ${show(extra)}`, 'ERR_OPTION');
}

/** Throws if an argument stands behind the options. */
export function refuseBehind(fn: string, extra: unknown): void {
  if (extra === undefined) return;
  throw new ValueError(`${fn}: takes no argument behind its options, got ${show(extra)}`, 'ERR_OPTION');
}

/**
 * Throws if numbers were passed one by one where one list belongs. `operands`: what the hint writes before the list.
 */
export function refuseSpread(fn: string, operands: string, numbers: readonly unknown[]): void {
  if (numbers.every((n) => typeof n === 'number')) {
    throw new ValueError(
      `${fn}: the numbers are one list: write ${fn}(${operands}[${numbers.join(', ')}])`,
      'ERR_OPTION',
    );
  }
}

/** Whether the value is a plain object: made by `{}`, in any realm, or without a prototype. */
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

/**
 * Whether the value is an options object in the place of an argument that was left out. An empty object is not taken
 * for one.
 */
export function isOptions(value: unknown): boolean {
  try {
    return isPlainObject(value) && Object.keys(value).length > 0;
  } catch {
    return false; // a proxy that does not let itself be read
  }
}

/**
 * What to throw after calling `f` threw `error`: that error; or, if `f` cannot be called at all (a class, a revoked
 * proxy), one that says so. Runs only after a failure, because finding out takes longer than the call.
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

/** As `show`, but lists of up to 8 elements are shown with their elements, to `depth` further levels. */
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

/**
 * The name that was probably meant: equal but for case and underscores or few typing mistakes; else its initials; else
 * a part of it or it a part. `undefined` if none is near.
 */
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
    names.find((candidate) => bare(candidate).startsWith(given)) ??
    names.find((candidate) => bare(candidate).includes(given) || given.includes(bare(candidate)))
  );
}

/** Levenshtein's distance; two swapped neighbours count as one mistake (optimal string alignment). */
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

/** Whether the value is a promise, or what can be awaited as one. */
export function isPromise(value: unknown): value is PromiseLike<unknown> {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false;
  try {
    return typeof (value as { then?: unknown }).then === 'function';
  } catch {
    return false; // a revoked proxy, or a getter that throws
  }
}

/** @throws TapeError ERR_TAPE_ASYNC for a promise, whose own rejection is ignored then: the caller gets this error */
export function refuseAsync(result: unknown, message: string): void {
  if (!isPromise(result)) return;
  Promise.resolve(result).catch(() => undefined);
  throw new TapeError('ERR_TAPE_ASYNC', message);
}
