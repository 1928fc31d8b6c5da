/** Rest: when a program that needed much memory does nothing for a second. Knows no memory. */
import { setTimeout } from 'node:timers'; // no test runner's fake ones
import { runInThisContext } from 'node:vm';

interface Holder {
  /** Grows with every use. */
  work(): number;
  /** Gives back what is too much for a program at rest. */
  release(): void;
}

const kRestTime = 1000; // ms
const holders: Holder[] = [];
let timer: NodeJS.Timeout | null = null;
let workBefore = 0; // the work when it was set

/** Is told of rests. */
export function atRest(holder: Holder): void {
  holders.push(holder);
}

function workSoFar(): number {
  let work = 0;
  for (const holder of holders) work += holder.work();
  return work;
}

/** Waits for a rest; keeps no process alive. A loop that never yields has none. */
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

// The timer does not keep this copy of the library alive: a function that is born here would.
const call = runInThisContext('(ref) => ref.deref()?.()') as (ref: WeakRef<() => void>) => void;
