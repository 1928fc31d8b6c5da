/**
 * Evaluation: one program for everything that is asked for, run in this thread or another, and tried again in parts if
 * it fails.
 */
import type { TypedArray } from '../base/dtype.js';
import { GradtapeError } from '../base/errors.js';
import type { TellingSignal } from '../base/signal.js';
import { addressOf } from './addon.js';
import { SlabBuffer, unzeroed } from './buffers.js';
import { enter, Flight, mayDepart, nextFlight } from './flight.js';
import { rowsToPlace } from './in-place.js';
import { forget, indicesOf, type Job, noTensors, prepare, settleOutputs, writeCopy } from './job.js';
import { type Cell, drainLosses, drainWaiting, launch, relist, settleWishes, type Wish } from './pending.js';
import * as native from './program.js';
import { dependsOnCulprit, type Failure, failureOf, recover, unknownFailure } from './recovery.js';
import { computeSmall } from './small.js';
import { isKnown, type Tensor } from './tensor.js';

/**
 * How many flights have departed and not ended. Their programs may be reading any buffer, so while there is one nothing is written
 * over an input. (Others wait only while some fly.)
 */
let flying = 0;

// Keeps the running job's buffers alive: the program has only their addresses, and V8 may drop a local that is not read
// again.
let held: Job | null = null;

const noWishes: readonly Wish[] = [];

/** Runs the program of the job in this thread. If it fails, no tensor has changed. */
function runNow(job: Job): Failure | null {
  if (job.outputs.length > 0) {
    if (held) throw new GradtapeError('ERR_INTERNAL', 'gradtape: a program was started while another runs');
    held = job;
    const run = native.run();
    held = null;
    if (run) return failed(run, job, job.indices ?? indicesOf(job));
  }
  settleOutputs(job, native.result);
  return null;
}

/** What computing on another thread returns, beside a failure or null. */
const withdrawn = Symbol('withdrawn');

/** How a program on another thread has ended, which aborting the flight withdraws. */
async function ranFor(flight: Flight | null, run: native.AsyncRun): native.AsyncRun['ended'] {
  if (flight) flight.run = run;
  const ended = await run.ended.finally(enter(run));
  if (flight) flight.run = null;
  return ended;
}

/** As `runNow`, on another thread. */
async function runElsewhere(job: Job, flight: Flight | null): Promise<Failure | null | typeof withdrawn> {
  const indices = job.indices ?? indicesOf(job); // now: the next program overwrites `Tensor.index`
  const ended = await ranFor(flight, native.runAsync([job, job.held.map((t) => t.buffer)]));
  if (!ended) {
    forget(job);
    return withdrawn;
  }
  const { failure, results } = ended;
  if (failure) return failed(failure, job, indices);
  settleOutputs(job, (i) => results[i] as number);
  return null;
}

/** The failure of a job. What it would have computed comes again for the first time. */
function failed(run: native.RunFailure, job: Job, indices: readonly number[]): Failure {
  forget(job);
  return failureOf(run, job, indices);
}

function compute(
  roots: readonly Tensor[],
  wishes: readonly Wish[],
  losses: readonly Tensor[],
  inPlace: boolean,
): Failure | null {
  try {
    if (roots.length === 1 && wishes.length === 0 && computeSmall(roots[0] as Tensor)) return null;
    const job = prepare(roots, wishes, losses, true, inPlace && flying === 0);
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
  flight: Flight | null,
): Promise<Failure | null | typeof withdrawn> {
  try {
    const job = prepare(roots, wishes, losses, false, false);
    const failure = job && (await runElsewhere(job, flight));
    if (!failure) settleWishes(wishes);
    return failure;
  } catch (error) {
    return unknownFailure(error);
  }
}

/**
 * Computes the given tensors, and every assigned value that waits.
 * @throws what the failed op of one of the tensors throws
 */
export function evaluateTensors(roots: readonly Tensor[]): void {
  const wishes = drainWaiting();
  if (piecewise) piecewise([...roots, ...wishes.map(({ value }) => value)]);
  evaluateAll(roots, wishes);
}

/** As evaluateTensors, of one tensor; nothing if its elements are there. */
export function ensureKnown(t: Tensor): void {
  if (!isKnown(t)) evaluateTensors([t]);
}

/** Computes what values need piece by piece, before they are asked for; null while no profile is taken. */
let piecewise: ((values: readonly Tensor[]) => void) | null = null;

/** Begins or ends (null) computing by pieces. Returns what was so before. */
export function computeBy(pieces: typeof piecewise): typeof piecewise {
  const before = piecewise;
  piecewise = pieces;
  return before;
}

/** Whether values are computed by pieces. */
export function isPiecewise(): boolean {
  return piecewise !== null;
}

/** Computes tensors by a program of their own; a failure is left to whoever looks at them. */
export function evaluatePiece(tensors: readonly Tensor[]): void {
  compute(tensors, noWishes, noTensors, false);
}

/**
 * Computes the value of the cell, and every other assigned value that waits. Does not throw if one of them fails: it is
 * told where it is looked at.
 */
export function evaluateCell(cell: Cell): void {
  const wishes = drainWaiting();
  evaluateAll(noTensors, cell.state === 'flying' ? [...wishes, { cell, value: cell.current }] : wishes);
}

/**
 * Computes tensors that nobody looks at, and every assigned value that waits. Throws nothing: what fails stays pending, and whoever
 * looks at it is told. Returns those that fail.
 */
export function evaluateUnasked(tensors: readonly Tensor[]): readonly Tensor[] {
  if (piecewise) piecewise(tensors);
  const wishes = drainWaiting();
  if (wishes.length > 0) evaluateAll(noTensors, wishes, [...drainLosses(), ...tensors]);
  let left = tensors.filter((t) => !isKnown(t));
  const failing: Tensor[] = [];
  while (left.length > 0) {
    const failure = compute(noTensors, noWishes, left, true);
    if (!failure) return failing;
    const isBad = dependsOnCulprit(failure);
    const bad = left.filter(isBad);
    if (bad.length === 0) break;
    failing.push(...bad);
    left = left.filter((t) => !isBad(t));
  }
  return failing.concat(left.filter((t) => compute(noTensors, noWishes, [t], true) !== null));
}

function evaluateAll(
  roots: readonly Tensor[],
  wishes: readonly Wish[],
  losses: readonly Tensor[] = wishes.length > 0 ? drainLosses() : noTensors,
): void {
  const failure = compute(roots, wishes, losses, true);
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

/**
 * As evaluateTensors, on a thread of the addon; then reads the tensors. Rejects with the reason of `signal` if that is aborted
 * before the program has run: it is dropped if it has not begun, and else ends before its next op.
 */
export function evaluateTensorsAsync<T>(
  roots: readonly Tensor[],
  read: (roots: readonly Tensor[]) => T | Promise<T>,
  signal?: TellingSignal,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const flight = new Flight(roots, read, resolve as (value: unknown) => void, reject);
    if (signal) flight.abortWith(signal);
    if (mayDepart(flight)) void depart(flight);
  });
}

/** Does what a flight asks for, and ends it; then others have their turn. Never rejects. */
async function depart(flight: Flight, work = fly): Promise<void> {
  flying++;
  try {
    await work(flight);
    flight.land();
  } catch (error) {
    flight.fail(error);
  }
  flying--;
  for (let next = nextFlight(); next; next = nextFlight()) {
    if (!next.aborted) void depart(next);
  }
}

/**
 * The elements of a known tensor, copied into memory of the caller's on another thread. Rejects with the reason of `signal` if that
 * is aborted before.
 */
export function copyElsewhere(t: Tensor, signal: TellingSignal | undefined): Promise<TypedArray> {
  return new Promise((resolve, reject) => {
    const copy = unzeroed(t.dtype, t.size);
    const flight = new Flight([t], () => copy, resolve as (value: unknown) => void, reject);
    if (signal) flight.abortWith(signal);
    void depart(flight, async () => {
      const passed = t.buffer instanceof SlabBuffer && t.buffer.hasPassed ? t.buffer.passedOn() : null;
      const buffer = passed?.latest ?? t.buffer;
      writeCopy(t, buffer, addressOf(copy.buffer as ArrayBuffer));
      const ended = await ranFor(flight, native.runAsync([buffer, copy]));
      if (ended?.failure) throw new GradtapeError(ended.failure.code, `gradtape: ${ended.failure.message}`);
      passed?.putBack(copy);
    });
  });
}

/**
 * Computes elsewhere what a flight asks for, and wishes. Of values that differ from others in few rows it computes those rows alone:
 * they are written in place when the program has run and nobody else may be reading.
 */
async function computeWithRows(
  flight: Flight,
  wishes: readonly Wish[],
  losses: readonly Tensor[],
): Promise<Failure | null | typeof withdrawn> {
  const rows = flying > 1 ? [] : wishes.map(rowsToPlace);
  if (!rows.some((found) => found)) return computeElsewhere(flight.roots, wishes, losses, flight);
  const [late, now] = [wishes.filter((_, i) => rows[i]), wishes.filter((_, i) => !rows[i])];
  const values = new Set(late.map(({ value }) => value));
  const roots = [...flight.roots.filter((t) => !values.has(t)), ...rows.flatMap((found) => found ?? noTensors)];
  const failure = await computeElsewhere(roots, now, losses, flight);
  if (failure) return failure;
  if (flying > 1) return computeElsewhere(noTensors, late, noTensors, null);
  flying--; // it reads nothing now
  const lateFailure = compute(noTensors, late, noTensors, true);
  flying++;
  return lateFailure;
}

async function fly(flight: Flight): Promise<void> {
  // The wishes are this program's now. Another program may need such a value meanwhile and compute it again, with the
  // same bits.
  const wishes = drainWaiting();
  launch(wishes);
  const losses = wishes.length > 0 ? drainLosses() : noTensors;
  const failure = await computeWithRows(flight, wishes, losses);
  if (!failure) return;
  try {
    if (failure === withdrawn) return;
    const recovery = recover(failure, flight.roots, wishes);
    for (let attempt = recovery.next(); !attempt.done; ) {
      if (flight.aborted) return; // the wishes go on waiting
      const again = await computeElsewhere(attempt.value.roots, attempt.value.wishes, noTensors, flight);
      if (again === withdrawn) return;
      attempt = recovery.next(again);
    }
  } finally {
    relist(wishes);
  }
}
