/** The error classes of gradtape, each with a stable `code`; and warnings, each given once. */
import { dirname } from 'node:path';
import type { ErrorCode } from './error-codes.js';

export type { ErrorCode } from './error-codes.js';

/** Finds the place of the user's call while errors name it (config.trackOrigin), else null. */
let finder: (() => string | null) | null = null;

/** Makes errors name the place that `find` gives; `null`: no longer. */
export function namePlaces(find: (() => string | null) | null): void {
  finder = find;
}

/** The message with the place of the user's call behind the name of the function, while errors name it. */
export function withPlace(message: string): string {
  // What shows late has the place already where the value was made.
  const at = finder === null || /\(at \S.*:\d+:\d+\)|, called at \S/.test(message) ? null : finder();
  if (at === null) return message;
  return /^[\w.]+: /.test(message) ? message.replace(': ', ` (at ${at}): `) : `${message} (at ${at})`;
}

/**
 * The class of all errors that gradtape throws on purpose. `code` is stable; the message is for people and may change.
 */
export class GradtapeError extends Error {
  /** Stable, whatever the message says. docs/errors.md explains each. */
  readonly code: ErrorCode;
  constructor(code: ErrorCode, message: string, cause?: unknown) {
    super(withPlace(message), cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

/** Misuse of a tape: consumed, not recording, still recording. */
export class TapeError extends GradtapeError {}
/** Shapes that do not fit; also axes and sizes out of range. */
export class ShapeError extends GradtapeError {
  constructor(message: string, code: ErrorCode = 'ERR_SHAPE') {
    super(code, message);
  }
}
/** Dtypes that do not fit. */
export class DTypeError extends GradtapeError {
  constructor(message: string, code: ErrorCode = 'ERR_DTYPE') {
    super(code, message);
  }
}
/** A value that an op or an option does not accept. */
export class ValueError extends GradtapeError {
  constructor(message: string, code: ErrorCode = 'ERR_VALUE') {
    super(code, message);
  }
}

// By keys, which bundlers keep where they rename classes; and on prototypes, so that a stack begins with it.
for (const [name, { prototype }] of Object.entries({ GradtapeError, TapeError, ShapeError, DTypeError, ValueError })) {
  Object.defineProperty(prototype, 'name', { configurable: true, writable: true, value: name });
}

/**
 * Runs what a public function is composed of: its errors name that function, as users called it, in place of the inner
 * one that found the fault.
 */
export function inTheNameOf<T>(op: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof GradtapeError && !error.message.startsWith(op)) {
      const { message, stack } = error;
      error.message = message.replace(/^[\w.]+(?=: | \(at )/, op);
      if (typeof stack === 'string') error.stack = stack.replace(message, () => error.message);
    }
    throw error;
  }
}

const warned = new Set<string>();

/** Emits a process warning the first time that `code` comes up. */
export function warnOnce(code: string, message: string): void {
  if (warned.has(code)) return;
  warned.add(code);
  process.emitWarning(message, { type: 'GradtapeWarning', code });
}

/**
 * The key under which the prototypes of Tensor and Variable hold `thisCopy`. If two copies of the library are loaded in
 * one process, their objects differ, and an error can say that a value is of the other copy.
 */
export const copySymbol: unique symbol = Symbol.for('gradtape.copy');
export const thisCopy: { readonly folder: string } = { folder: dirname(__dirname) };

/** Text for a value of another copy of the library: where the two copies are; else the empty string. */
function ofOtherCopy(value: object): string {
  const copy = (value as { [copySymbol]?: { folder?: unknown } })[copySymbol];
  if (copy === undefined || copy === thisCopy) return '';
  const { folder } = copy;
  const where =
    folder === thisCopy.folder ? `twice from ${folder}; were modules reset?` : `from ${folder} and ${thisCopy.folder}`;
  return ` of another copy of gradtape (two copies are loaded, ${where})`;
}

/** Gives a function that a maker made the name that users know it by. */
export function named<F extends (...args: never[]) => unknown>(name: string, fn: F): F {
  return Object.defineProperty(fn, 'name', { configurable: true, value: name });
}

/** A value as error messages show it: short, never its contents. Never throws. */
export function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}...` : value);
  if (typeof value === 'bigint') return `${value}n`;
  try {
    if (typeof value === 'function') return `function ${value.name || '(anonymous)'}`;
    if (value === null || typeof value !== 'object') return String(value);
    if (Array.isArray(value)) return `an array of ${value.length}`;
    const name: unknown = value.constructor?.name;
    return typeof name === 'string' && name !== '' && name !== 'Object'
      ? `${article(name)} ${name}${ofOtherCopy(value)}${value instanceof Promise ? ' (is an await missing?)' : ''}`
      : 'an object';
  } catch {
    return 'an object that cannot be read'; // a revoked proxy, a getter that throws
  }
}

function article(word: string): string {
  return /^[aeio]|^u(?!int)/i.test(word) ? 'an' : 'a';
}
