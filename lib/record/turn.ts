/**
 * Turns: a turn is what runs from one return to the event loop to the next. Tells when one ends and where a block was
 * opened. Knows no tape.
 */
import { AsyncResource, executionAsyncId, executionAsyncResource } from 'node:async_hooks';
import { limitIsFree } from '../base/origin.js';

/** The opening of an `enter` block, which must be left before its turn ends. */
export class Opening {
  /** Whether its turn ended before the block was left. */
  crossed = false;
  /** Whether an error has said so. */
  told = false;
  private readonly asyncId: number = executionAsyncId();
  /** Holds the caller's stack frame; V8 formats it only when `stack` is read. */
  private readonly trace: { stack?: unknown } = {};

  /** @param opener the function that the user called; the frame kept is that of its caller */
  constructor(opener: (...args: never[]) => unknown) {
    const limit = Error.stackTraceLimit;
    if (limitIsFree) Error.stackTraceLimit = 1;
    Error.captureStackTrace(this.trace, opener);
    if (limitIsFree) Error.stackTraceLimit = limit;
  }

  /** Where the block was opened, for messages: a function, a file and a line. */
  get where(): string {
    return /^\s*at (.+)$/m.exec(String(this.trace.stack))?.[1] ?? 'an unknown place';
  }

  /** Whether its turn still runs. */
  isNow(): boolean {
    return !this.crossed && (executionAsyncId() === this.asyncId || !isQueued(executionAsyncResource()));
  }
}

/**
 * Whether this is the async resource of a callback of process.nextTick or queueMicrotask. Such callbacks follow one
 * another without a return to the event loop, which `atTurnEnd` would notice; each counts as a turn of its own. A
 * function bound to a resource by AsyncResource.bind runs within its caller's turn, and is not meant.
 */
function isQueued(resource: object): boolean {
  if (!Object.hasOwn(resource, 'callback')) return false;
  // Compared by name, because the library may be loaded in another realm than Node's own (by jest).
  return resource.constructor === AsyncResource || resource.constructor?.name === 'Object';
}

const resolved = Promise.resolve();
const endings = new Set<() => void>();
type V8 = typeof import('node:v8');
let hooks: V8['promiseHooks'] | null = null;
let unhook: (() => void) | null = null;

/**
 * Calls `end` when this turn is over: before the next continuation of a promise runs, even one queued earlier, and
 * before the next timer, immediate or event. A promise hook tells when; it is set only until then, because it makes
 * promises slower.
 */
export function atTurnEnd(end: () => void): void {
  endings.add(end);
  if (unhook) return;
  hooks ??= (require('node:v8') as V8).promiseHooks; // here, because it takes 2 ms to load
  unhook = hooks.onBefore(endTurn) as () => void;
  void resolved.then(endTurn);
}

function endTurn(): void {
  if (!unhook) return;
  unhook();
  unhook = null;
  for (const end of endings) end();
  endings.clear();
}
