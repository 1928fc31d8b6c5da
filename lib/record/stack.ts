/**
 * The stack of recorders: who is told of ops as they are applied, in the order of entry. Keeps nothing of what they are
 * told.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { GradtapeError } from '../base/errors.js';
import type { Tensor } from '../engine/tensor.js';
import type { RecordedOp } from './entry.js';
import { atTurnEnd, Opening } from './turn.js';

/** What recorders are told of a variable that is read. */
export interface VariableInfo {
  readonly id: number;
  readonly name: string;
  readonly shape: Tensor['shape'];
  readonly dtype: Tensor['dtype'];
  readonly trainable: boolean;
}

/** A recorder: it is told of every op that is applied while it stands on the stack. A tape's Recording is one. */
export abstract class Recorder {
  /** Whether it ignores what it is told, though it is on the stack or bound to an async context. */
  paused = false;
  /** How many functions are running by `below` of whose ops it is not to take any. */
  hidden = 0;
  /** Its index on the stack; -1 if it is not there. */
  stackIndex = -1;
  /**
   * The opening of the `enter` block that records on it, or of one that crossed the end of its turn; null with
   * record(), which cannot.
   */
  opening: Opening | null = null;
  /** Whether it is bound to an async context, instead of being on the stack. */
  async = false;

  /** Whether the tensor is not a constant to it: a leaf, or computed from one. */
  abstract knows(t: Tensor): boolean;
  // Each of these is called whether or not the recorder takes ops now: it asks `takes` itself, after cheaper questions.

  /** An op of one operand was applied. */
  abstract note1(op: RecordedOp, out: Tensor, x: Tensor, attributes: unknown): void;
  /** An op of two operands was applied. */
  abstract note2(op: RecordedOp, out: Tensor, x: Tensor, y: Tensor, attributes: unknown): void;
  /** An op of any operands and any results (in ascending order of id) was applied. */
  abstract noteMany(op: RecordedOp, outs: readonly Tensor[], operands: readonly Tensor[], attributes: unknown): void;
  /**
   * Results of a custom gradient take the place of the tensors `under` them, which have the same values. If an operand
   * is known, the op connects the results to the operands. Else a result whose tensor under it is known (because the
   * body used other known tensors) is connected to that.
   */
  abstract noteInstead(
    op: RecordedOp,
    outs: readonly Tensor[],
    operands: readonly Tensor[],
    under: readonly Tensor[],
  ): void;
  /** A variable was read, as the tensor t. */
  abstract noteReading(t: Tensor, v: VariableInfo): void;
  /** A variable got a value, which was computed from these tensors. By default not noted. */
  noteAssigned(_v: VariableInfo, _value: Tensor, _from: readonly Tensor[], _isUpdate: boolean): void {}
  /** It has left the stack, for good or until it is pushed again. */
  abstract left(): void;

  /**
   * Whether it takes the ops that are applied now: not while paused, hidden from, or after its `enter` block crossed
   * the end of its turn.
   */
  takes(): boolean {
    return !this.paused && this.hidden === 0 && (this.opening === null || crossedBlock(this) === null);
  }
}

/** Stands on the stack in place of a recorder that has left from below others. */
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

// Recorders may leave the stack in any order: one that leaves from below others leaves a hole (`gone`), and when half
// of the stack is holes they are closed.
const active: Recorder[] = [];
const gone = new Gone();
gone.paused = true;
let holes = 0;

// Recorders bound to the async contexts of functions. The store is asked only while there is one, so that programs
// without async tapes do not pay for it.
const contexts = new AsyncLocalStorage<readonly Recorder[]>();
let asyncRecordings = 0;

/** The recorders to be told now, in the order of entry: those of this async context, then those on the stack. */
function listening(): readonly Recorder[] {
  if (asyncRecordings === 0) return active;
  const bound = contexts.getStore();
  return bound ? [...bound, ...active] : active;
}

/** How many functions run by `unheard` now. */
let unheardRuns = 0;

/** Whether there may be a recorder to be told now. */
export function isRecording(): boolean {
  return unheardRuns === 0 && (active.length > 0 || asyncRecordings > 0);
}

/**
 * Runs fn(a, b) unheard: no recorder is told of its ops. As `below(null, fn)`, but cheaper (it only counts), and for
 * functions that enter no recorder.
 */
export function unheard<T, A, B>(fn: (a: A, b: B) => T, a?: A, b?: B): T {
  unheardRuns++;
  try {
    return fn(a as A, b as B);
  } finally {
    unheardRuns--;
  }
}

function putOnStack(r: Recorder): void {
  if (unheardRuns > 0) throw new GradtapeError('ERR_INTERNAL', 'gradtape: a recorder was entered where nobody hears');
  r.paused = false;
  if (r.async || r.stackIndex >= 0) return;
  r.stackIndex = active.length;
  active.push(r);
}

/** Leaves a hole: the others keep their indices, since an op may be going through the stack. */
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

/** Puts the recorder on the stack. */
export function push(r: Recorder): void {
  putOnStack(r);
}

/** Takes the recorder off the stack, for good or until it is pushed again. */
export function pop(r: Recorder): void {
  takeOffStack(r);
  closeHoles();
  if (!r.opening?.crossed) r.opening = null;
  r.left();
}

/** Takes the recorder off the stack until `resume`, which needs what this returns. */
export function pause(r: Recorder): Opening | null {
  takeOffStack(r);
  closeHoles();
  return r.opening;
}

/** Puts a paused recorder back on the stack. */
export function resume(r: Recorder, opening: Opening | null): void {
  r.opening = opening;
  putOnStack(r);
}

/**
 * Runs fn with the recorder bound to fn's async context: it is told of what fn does, also after awaits, and of nothing
 * else.
 */
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

/** Whether it is bound to the async context of a function that has not ended, and this is not that context. */
export function isBoundElsewhere(r: Recorder): boolean {
  return r.async && !contexts.getStore()?.includes(r);
}

/**
 * Says that an `enter` block records on it. If the turn ends before the block is left, the recorder is taken off the
 * stack, and only calls on its tape throw. `opener`: the function that the user called.
 */
export function openBlock(r: Recorder, opener: (...args: never[]) => unknown): void {
  r.opening = new Opening(opener);
  atTurnEnd(strandBlocks);
}

/** Takes all recorders of `enter` blocks off the stack, because the turn of these is over. */
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

/** The opening of its `enter` block, if that crossed the end of its turn; else null. */
export function crossedBlock(r: Recorder): Opening | null {
  const { opening } = r;
  if (!opening || opening.isNow()) return null;
  if (!opening.crossed) strand(r, opening);
  return opening;
}

/** Whether a recorder that takes ops now knows the tensor. Then a rule must not treat its value as a constant. */
export function isOnTape(t: Tensor): boolean {
  if (!isRecording()) return false;
  for (const r of listening()) if (r.takes() && r.knows(t)) return true;
  return false;
}

/**
 * Runs fn(a, b) outside of a recorder: that one and those entered after it do not take fn's ops. Those entered before it do,
 * and so do those that fn enters. With null, none that is there now takes them.
 */
export function below<T, A, B>(recorder: Recorder | null, fn: (a: A, b: B) => T, a?: A, b?: B): T {
  const all = listening();
  const from = recorder ? all.lastIndexOf(recorder) : 0;
  if (from < 0 || all.length === 0) return fn(a as A, b as B);
  const last = from === all.length - 1 ? all[from] : null;
  const hiddenFrom = last ? null : all.slice(from);
  if (last) last.hidden++;
  else if (hiddenFrom) for (const r of hiddenFrom) r.hidden++;
  try {
    return fn(a as A, b as B);
  } finally {
    if (last) last.hidden--;
    else if (hiddenFrom) for (const r of hiddenFrom) r.hidden--;
  }
}

/** Puts a recorder below all others, or takes it away. It is told of everything, in every async context. */
export function observe(r: Recorder, on: boolean): void {
  if (on) {
    active.unshift(r);
    for (const [i, other] of active.entries()) if (other !== gone) other.stackIndex = i;
  } else {
    takeOffStack(r);
  }
}

// Telling the recorders. Each decides by itself what it notes.

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
  if (outs.length === 0 || unheardRuns > 0) return;
  for (const r of listening()) r.noteMany(op, outs, operands, attributes);
}

/** Tells of results that take the place of others. */
export function recordInstead(
  op: RecordedOp,
  outs: readonly Tensor[],
  operands: readonly Tensor[],
  under: readonly Tensor[],
): void {
  if (outs.length === 0 || unheardRuns > 0) return;
  for (const r of listening()) r.noteInstead(op, outs, operands, under);
}

/** Tells that a variable was read, as the tensor t. */
export function recordReading(t: Tensor, v: VariableInfo): void {
  const all = listening();
  for (let i = 0; i < all.length; i++) {
    const r = all[i] as Recorder;
    if (r.takes()) r.noteReading(t, v);
  }
}

/** How many of the latest values are remembered that a variable was computed from. */
const kRemembered = 32;

/** What a variable was computed from: what was so before, and what is added; each once, the latest ones. */
export function latestOf<T>(before: readonly T[], added: readonly T[]): readonly T[] {
  return before.length === 0 ? added : [...new Set([...before, ...added])].slice(-kRemembered);
}

/** Tells that a variable got a value, which was computed from these tensors; and if it `isUpdate`, from the old value. */
export function recordAssigned(v: VariableInfo, value: Tensor, from: readonly Tensor[], isUpdate: boolean): void {
  for (const r of listening()) if (r.takes()) r.noteAssigned(v, value, from, isUpdate);
}
