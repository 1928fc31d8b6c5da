/** Computing values: one program for all that is asked for, run here or on another thread, and tried again in parts if it fails. */
import { GradtapeError } from '../base/errors.js';
import { type Job, noTensors, prepare, settleOutputs } from './job.js';
import { type Cell, drainLosses, drainWaiting, launch, relist, settleWishes, type Wish } from './pending.js';
import * as native from './program.js';
import { type Failure, failureOf, recover, unknownFailure } from './recovery.js';
import type { Tensor } from './tensor.js';

/** How many programs run on other threads: each may be reading any buffer. */
let flying = 0;

// An address keeps nothing alive, and neither does a local that the optimizer sees through.
let held: Job | null = null;

/** Runs the program of the job in this thread; a failure changes nothing. */
function runNow(job: Job): Failure | null {
  if (job.outputs.length > 0) {
    if (held) throw new GradtapeError('ERR_INTERNAL', 'gradtape: a program was started while another runs');
    held = job;
    const run = native.run();
    held = null;
    if (run) return failureOf(run, job, indicesOf(job));
  }
  settleOutputs(job, native.result);
  return null;
}

/** The same on another thread. */
async function runElsewhere(job: Job): Promise<Failure | null> {
  const indices = indicesOf(job); // other programs number them anew meanwhile
  flying++;
  const { failure, results } = await native.runAsync([job, job.held.map((t) => t.buffer)]).finally(() => flying--);
  if (failure) return failureOf(failure, job, indices);
  settleOutputs(job, (i) => results[i] as number);
  return null;
}

function indicesOf(job: Job): number[] {
  return job.computed.map((t) => t.index);
}

function compute(
  roots: readonly Tensor[],
  wishes: readonly Wish[],
  losses: readonly Tensor[],
  inPlace: boolean,
): Failure | null {
  try {
    const job = prepare(roots, wishes, losses, inPlace && flying === 0);
    const failure = job && runNow(job);
    if (!failure) settleWishes(wishes);
    return failure;
  } catch (error) {
    held = null;
    return unknownFailure(error);
  }
}

async function computeElsewhere(
  roots: readonly Tensor[],
  wishes: readonly Wish[],
  losses: readonly Tensor[],
): Promise<Failure | null> {
  try {
    const job = prepare(roots, wishes, losses, false);
    const failure = job && (await runElsewhere(job));
    if (!failure) settleWishes(wishes);
    return failure;
  } catch (error) {
    return unknownFailure(error);
  }
}

/** Computes the given tensors, and every assigned value that waits. */
export function evaluateTensors(roots: readonly Tensor[]): void {
  evaluateAll(roots, drainWaiting());
}

/** Computes what the cell was assigned, and whatever else waits; a value that fails tells whoever looks at it. */
export function evaluateCell(cell: Cell): void {
  const wishes = drainWaiting();
  evaluateAll(noTensors, cell.state === 'flying' ? [...wishes, { cell, value: cell.current }] : wishes);
}

function evaluateAll(roots: readonly Tensor[], wishes: readonly Wish[]): void {
  const failure = compute(roots, wishes, wishes.length > 0 ? drainLosses() : noTensors, true);
  if (!failure) return;
  try {
    const recovery = recover(failure, roots, wishes);
    for (let attempt = recovery.next(); !attempt.done; ) {
      attempt = recovery.next(compute(attempt.value.roots, attempt.value.wishes, noTensors, false));
    }
  } finally {
    relist(wishes);
  }
}

/** The same as evaluateTensors on a native thread. */
export async function evaluateTensorsAsync(roots: readonly Tensor[]): Promise<void> {
  // From here on these are this program's to settle; another program may compute them again meanwhile, with the same bits.
  const wishes = drainWaiting();
  launch(wishes);
  const failure = await computeElsewhere(roots, wishes, wishes.length > 0 ? drainLosses() : noTensors);
  if (!failure) return;
  try {
    const recovery = recover(failure, roots, wishes);
    for (let attempt = recovery.next(); !attempt.done; ) {
      attempt = recovery.next(await computeElsewhere(attempt.value.roots, attempt.value.wishes, noTensors));
    }
  } finally {
    relist(wishes);
  }
}
