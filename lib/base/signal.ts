/** Signals: the parts of an AbortSignal that the library uses. */
import { isPlainObject, type Kind, options, refused } from './arguments.js';

/** The part of an AbortSignal that says whether it is aborted, and why. */
export interface Signal {
  /** Whether it is. */
  readonly aborted: boolean;
  /** What calls that it withdraws reject with. */
  readonly reason?: unknown;
  /** Throws the reason if it is aborted. */
  throwIfAborted(): void;
}

/** The part of an AbortSignal that also tells of the abort when it happens. */
export interface TellingSignal extends Signal {
  /** As of an AbortSignal. */
  addEventListener(type: 'abort', listener: () => void, options?: { once?: boolean }): void;
  /** As of an AbortSignal. */
  removeEventListener(type: 'abort', listener: () => void): void;
}

/** What waits for a signal, and its one listener: Node warns of more than ten. */
interface Waiting {
  readonly calls: Set<() => void>;
  readonly all: () => void;
}
const waiting = new WeakMap<TellingSignal, Waiting>();

function listenTo(signal: TellingSignal): Waiting {
  const calls = new Set<() => void>();
  const all = (): void => {
    for (const call of [...calls]) call();
  };
  signal.addEventListener('abort', all, { once: true });
  const made = { calls, all };
  waiting.set(signal, made);
  return made;
}

/** Calls `abort` when the signal is aborted. Returns what takes that back. */
export function onAbort(signal: TellingSignal, abort: () => void): () => void {
  const { calls, all } = waiting.get(signal) ?? listenTo(signal);
  calls.add(abort);
  return () => {
    if (!calls.delete(abort) || calls.size > 0) return;
    waiting.delete(signal);
    signal.removeEventListener('abort', all);
  };
}

function has(value: unknown, ...methods: readonly (keyof TellingSignal)[]): boolean {
  try {
    const signal = value as TellingSignal;
    return typeof signal.aborted === 'boolean' && methods.every((name) => typeof signal[name] === 'function');
  } catch {
    return false; // null, a revoked proxy, a getter that throws
  }
}

export const signalKind: Kind<Signal> = {
  expected: 'an AbortSignal',
  read: (value) => (has(value, 'throwIfAborted') ? (value as Signal) : refused),
};
const tellingSignalKind: Kind<TellingSignal> = {
  expected: 'an AbortSignal',
  read: (value) =>
    has(value, 'throwIfAborted', 'addEventListener', 'removeEventListener') ? (value as TellingSignal) : refused,
};

/** Options of what computes on another thread. */
export interface AsyncOptions {
  /**
   * An AbortSignal: the promise rejects with its reason once it is aborted. What has not begun by then is not computed; what has
   * ends before its next op. Whoever looks at the tensor later has it computed.
   */
  signal?: TellingSignal;
}
const asyncOptions = { signal: tellingSignalKind } as const;

/**
 * The signal among the options.
 * @throws ValueError ERR_OPTION; the signal's reason if it is aborted already
 */
export function signalIn(fn: string, given: unknown): TellingSignal | undefined {
  const { signal } = options(fn, asyncOptions, given);
  signal?.throwIfAborted();
  return signal;
}

/** Whether the value is an options object with a signal, where it might be any object. */
export function hasSignal(value: unknown): boolean {
  return isPlainObject(value) && has(propertyOf(value, 'signal'), 'throwIfAborted');
}

function propertyOf(value: Record<string, unknown>, name: string): unknown {
  try {
    return value[name];
  } catch {
    return undefined; // a proxy that does not let itself be read
  }
}
