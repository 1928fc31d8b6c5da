/** Turns: what runs from one return to the event loop to the next. Says when one ends and where in it a block was opened; knows no tape. */
import { AsyncResource, executionAsyncId, executionAsyncResource } from 'node:async_hooks';
import { promiseHooks } from 'node:v8';

/** The opening of a block that must be left before its turn ends. */
export class Opening {
  /** Its turn ended before the block was left. */
  crossed = false;
  /** Its owner has heard of that. */
  told = false;
  private readonly asyncId: number = executionAsyncId();
  /** The frame of the caller; V8 makes a text of it only when it is read. */
  private readonly trace: { stack?: unknown } = {};

  /** `opener` is the function that the caller called. */
  constructor(opener: (...args: never[]) => unknown) {
    const limit = Error.stackTraceLimit;
    if (limitIsFree) Error.stackTraceLimit = 1;
    Error.captureStackTrace(this.trace, opener);
    if (limitIsFree) Error.stackTraceLimit = limit;
  }

  /** Where, for people: a function, a file and a line. */
  get where(): string {
    return /^\s*at (.+)$/m.exec(String(this.trace.stack))?.[1] ?? 'an unknown place';
  }

  /** Whether its turn still runs. */
  isNow(): boolean {
    return !this.crossed && (executionAsyncId() === this.asyncId || !isQueued(executionAsyncResource()));
  }
}

// Intrinsics may be frozen (node --frozen-intrinsics): the trace is as long as it is then.
const limitIsFree = Object.getOwnPropertyDescriptor(Error, 'stackTraceLimit')?.writable === true;

/**
 * Whether this is the resource of a callback of process.nextTick or queueMicrotask: these follow one another without a return to the
 * event loop. A function bound to a resource (AsyncResource.bind) runs within its caller's turn, and is none.
 */
function isQueued(resource: object): boolean {
  if (!Object.hasOwn(resource, 'callback')) return false;
  // By name, for the library may be loaded in another realm (jest) than Node's own.
  return resource.constructor === AsyncResource || resource.constructor?.name === 'Object';
}

const resolved = Promise.resolve();
const endings = new Set<() => void>();
let unhook: (() => void) | null = null;

/**
 * Calls `end` when this turn is over: before the next continuation of a promise runs, whichever was queued first, and before the next
 * timer, immediate or event. A promise hook tells; it is set only until then, so that promises cost what they cost at other times.
 */
export function atTurnEnd(end: () => void): void {
  endings.add(end);
  if (unhook) return;
  unhook = promiseHooks.onBefore(endTurn) as () => void;
  void resolved.then(endTurn);
}

function endTurn(): void {
  if (!unhook) return;
  unhook();
  unhook = null;
  for (const end of endings) end();
  endings.clear();
}
