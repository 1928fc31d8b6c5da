/**
 * Rest: a second in which the library was not used. Then those who keep memory for later are asked to release what is
 * too much.
 */
import { setTimeout } from 'node:timers'; // not the global one, which test runners replace by a fake
import { runInThisContext } from 'node:vm';

interface Holder {
  /** A number that grows with every use. */
  work(): number;
  /** Releases what is too much for a program at rest. */
  release(): void;
}

const kRestTime = 1000; // ms
const holders: Holder[] = [];
let timer: NodeJS.Timeout | null = null;
let workBefore = 0; // the sum of work() when the timer was set

/** Calls `holder.release` at each rest. */
export function atRest(holder: Holder): void {
  holders.push(holder);
}

function workSoFar(): number {
  let work = 0;
  for (const holder of holders) work += holder.work();
  return work;
}

/** Starts waiting for a rest. The timer does not keep the process alive. A loop that never yields has no rest. */
export function expectRest(): void {
  if (timer) return;
  workBefore = workSoFar();
  timer = setTimeout(call, kRestTime, new WeakRef(checkRest));
  timer.unref();
}

function checkRest(): void {
  timer = null;
  if (workSoFar() !== workBefore) expectRest();
  else for (const holder of holders) holder.release();
}

// Made in the main context and given a weak reference, so that the timer does not keep this copy of the library alive:
// a function of this module would.
const call = runInThisContext('(ref) => ref.deref()?.()') as (ref: WeakRef<() => void>) => void;
