/** The stack of recorders: who hears of ops as they happen, in the order of entry. It keeps nothing of what they hear. */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Tensor } from '../engine/tensor.js';
import type { RecordedOp } from './entry.js';
import { atTurnEnd, Opening } from './turn.js';

/** What recorders are told of a variable that is read. */
export interface VariableInfo {
  readonly id: number;
  readonly shape: Tensor['shape'];
  readonly dtype: Tensor['dtype'];
  readonly trainable: boolean;
}

/** Somebody who hears of every op: a tape's recording, or what a test (an accumulator, a batcher, a profiler) puts there. */
export abstract class Recorder {
  /** Not recording though it is in an async context or on the stack. */
  paused = false;
  /** How many functions run that it must not hear. */
  hidden = 0;
  /** Its place on the stack; -1: on none. */
  stackIndex = -1;
  /** The opening of the block (enter) that records on it, or of one that was left open; null: record() ends before the turn does. */
  opening: Opening | null = null;
  /** Bound to an async context. */
  async = false;

  /** Whether the tensor is more to it than a constant. */
  abstract knows(t: Tensor): boolean;
  // Each of these is called whether or not the recorder takes what happens: it asks `takes` itself, after what is cheaper to ask.

  /** An op of one operand was applied. */
  abstract note1(op: RecordedOp, out: Tensor, x: Tensor, attributes: unknown): void;
  /** An op of two operands was applied. */
  abstract note2(op: RecordedOp, out: Tensor, x: Tensor, y: Tensor, attributes: unknown): void;
  /** An op of any operands and any results (in ascending order of id) was applied. */
  abstract noteMany(op: RecordedOp, outs: readonly Tensor[], operands: readonly Tensor[], attributes: unknown): void;
  /**
   * Results take the place of others: by the op where an operand is known; where none is, but the value under a result is (by what its
   * computation used besides), as that value.
   */
  abstract noteInstead(
    op: RecordedOp,
    outs: readonly Tensor[],
    operands: readonly Tensor[],
    under: readonly Tensor[],
  ): void;
  /** The tensor is what the variable was read as. */
  abstract noteReading(t: Tensor, v: VariableInfo): void;
  /** It leaves the stack, for good or until it is entered again. */
  abstract left(): void;

  /** Whether it takes what happens now: not in a pause, nor when its block was left open. */
  takes(): boolean {
    return !this.paused && this.hidden === 0 && (this.opening === null || crossedBlock(this) === null);
  }
}

/** Fills the place of a recorder that has left from below others. */
class Gone extends Recorder {
  override knows(): boolean {
    return false;
  }
  override note1(): void {}
  override note2(): void {}
  override noteMany(): void {}
  override noteInstead(): void {}
  override noteReading(): void {}
  override left(): void {}
}

// A recorder that leaves the stack from below leaves a hole, and holes are closed when they are half of it: they may leave in any order.
const active: Recorder[] = [];
const gone = new Gone();
gone.paused = true;
let holes = 0;

// Async recordings: each bound to the async context of its function. The store is asked only while one of them lives, so
// that scripts without async tapes do not pay for it.
const contexts = new AsyncLocalStorage<readonly Recorder[]>();
let asyncRecordings = 0;

/** Those that may hear what happens now: those of this async context, then those on the stack, in the order of entry. */
function listening(): readonly Recorder[] {
  if (asyncRecordings === 0) return active;
  const bound = contexts.getStore();
  return bound ? [...bound, ...active] : active;
}

/** Whether anybody may hear what happens now. */
export function isRecording(): boolean {
  return active.length > 0 || asyncRecordings > 0;
}

function putOnStack(r: Recorder): void {
  r.paused = false;
  if (r.async || r.stackIndex >= 0) return;
  r.stackIndex = active.length;
  active.push(r);
}

/** Leaves the others where they are: some op may be going through the stack. */
function takeOffStack(r: Recorder): void {
  r.paused = true;
  const at = r.stackIndex;
  if (at < 0) return;
  r.stackIndex = -1;
  active[at] = gone;
  holes++;
  while (active.length > 0 && active[active.length - 1] === gone) {
    active.pop();
    holes--;
  }
}

function closeHoles(): void {
  if (2 * holes <= active.length) return;
  let count = 0;
  for (let i = 0; i < active.length; i++) {
    const r = active[i] as Recorder;
    if (r === gone) continue;
    r.stackIndex = count;
    active[count++] = r;
  }
  active.length = count;
  holes = 0;
}

/** Begins to record, or goes on. */
export function push(r: Recorder): void {
  putOnStack(r);
}

/** Ends the recording, for good or until it is resumed. */
export function pop(r: Recorder): void {
  takeOffStack(r);
  closeHoles();
  if (!r.opening?.crossed) r.opening = null;
  r.left();
}

/** Stops recording within a block; returns what `resume` needs. */
export function pause(r: Recorder): Opening | null {
  takeOffStack(r);
  closeHoles();
  return r.opening;
}

export function resume(r: Recorder, opening: Opening | null): void {
  r.opening = opening;
  putOnStack(r);
}

/** Runs fn with the recorder bound to its async context, whatever else runs between its awaits. */
export async function bound<T>(r: Recorder, fn: () => Promise<T>): Promise<T> {
  asyncRecordings++;
  r.paused = false;
  r.async = true;
  try {
    return await contexts.run([...(contexts.getStore() ?? []), r], fn);
  } finally {
    r.paused = true;
    r.async = false;
    r.left();
    asyncRecordings--;
  }
}

/** Notes that a block records on it: if its turn ends before it is left, it records no more, and its owner alone is told. */
export function openBlock(r: Recorder, opener: (...args: never[]) => unknown): void {
  r.opening = new Opening(opener);
  atTurnEnd(strandBlocks);
}

/** Takes all recorders of blocks off the stack: their turn is over. */
function strandBlocks(): void {
  for (let i = active.length - 1; i >= 0; i--) {
    const r = active[i];
    if (r?.opening) strand(r, r.opening);
  }
  closeHoles();
}

function strand(r: Recorder, opening: Opening): void {
  opening.crossed = true;
  takeOffStack(r);
}

/** The opening of its block, if that was left open when its turn ended. */
export function crossedBlock(r: Recorder): Opening | null {
  const { opening } = r;
  if (!opening || opening.isNow()) return null;
  if (!opening.crossed) strand(r, opening);
  return opening;
}

/** Whether anybody who is recording knows the tensor: rules may not treat its value as a constant then. */
export function isOnTape(t: Tensor): boolean {
  if (!isRecording()) return false;
  for (const r of listening()) if (r.takes() && r.knows(t)) return true;
  return false;
}

/**
 * Runs fn unheard by the recorder and by all that were entered after it; those before it hear, and so do those that fn enters.
 * null: unheard by all that are there now.
 */
export function below<T>(recorder: Recorder | null, fn: () => T): T {
  const all = listening();
  const from = recorder ? all.indexOf(recorder) : 0;
  if (from < 0 || all.length === 0) return fn();
  const hiddenFrom = all.slice(from);
  for (const r of hiddenFrom) r.hidden++;
  try {
    return fn();
  } finally {
    for (const r of hiddenFrom) r.hidden--;
  }
}

// What is computed from something that a recorder knows is known to it too, so that gradients with respect to it can be asked for.

/** Tells of an op of one operand. */
export function record1(op: RecordedOp, out: Tensor, x: Tensor, attributes: unknown): void {
  const all = asyncRecordings === 0 ? active : listening();
  for (let i = 0; i < all.length; i++) {
    (all[i] as Recorder).note1(op, out, x, attributes);
  }
}

/** Tells of an op of two operands. */
export function record2(op: RecordedOp, out: Tensor, x: Tensor, y: Tensor, attributes: unknown): void {
  const all = asyncRecordings === 0 ? active : listening();
  for (let i = 0; i < all.length; i++) {
    (all[i] as Recorder).note2(op, out, x, y, attributes);
  }
}

/** Tells of an op of any operands and any results (in ascending order of id). */
export function recordMany(
  op: RecordedOp,
  outs: readonly Tensor[],
  operands: readonly Tensor[],
  attributes: unknown,
): void {
  if (outs.length === 0) return;
  for (const r of listening()) r.noteMany(op, outs, operands, attributes);
}

/** Tells of results that take the place of others. */
export function recordInstead(
  op: RecordedOp,
  outs: readonly Tensor[],
  operands: readonly Tensor[],
  under: readonly Tensor[],
): void {
  if (outs.length === 0) return;
  for (const r of listening()) r.noteInstead(op, outs, operands, under);
}

/** Tells that a tensor is what a variable was read as. */
export function recordReading(t: Tensor, v: VariableInfo): void {
  const all = listening();
  for (let i = 0; i < all.length; i++) {
    const r = all[i] as Recorder;
    if (r.takes()) r.noteReading(t, v);
  }
}
