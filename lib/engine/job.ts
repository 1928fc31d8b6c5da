/** Jobs: writing the program that computes some pending tensors, and giving them its results. Runs nothing. */

import { dtypeBytes } from '../base/dtype.js';
import { ShapeError } from '../base/errors.js';
import { showShape } from '../base/shape.js';
import { isCheap, opcodeOf, takesNumbers } from './addon.js';
import * as again from './again.js';
import type { TensorBuffer } from './buffers.js';
import { allocate, clearStage, HeapBuffer, kHeapBytes, staged, stagedAt } from './buffers.js';
import { RowUpdate, replacements, rowUpdates } from './in-place.js';
import { areOpsTaught, lessonOf, noteUse, programIs, type Taught } from './lessons.js';
import type { Wish } from './pending.js';
import * as native from './program.js';
import { type Computation, isKnown, pendingMade, settle, type Tensor } from './tensor.js';
import { opcodeIn, viewed } from './view.js';

const kReshape = opcodeOf('reshape');
const kBroadcast = opcodeOf('broadcast');
const noWords: readonly number[] = [];
const noUpdates: readonly RowUpdate[] = [];
let programSerial = 0;
// Of the program being written: its inputs (tensors with buffers); the pending tensors that it computes, operands
// first; how often each value is read in it, by index; and the tensors to be visited.
export const noTensors: Tensor[] = emptyList();
const noViews: [Tensor, Tensor][] = emptyList();
const nothingUpdated: [number, RowUpdate][] = emptyList();
const noBuffers: (TensorBuffer | null)[] = emptyList();
let inputs = noTensors;
let computed = noTensors;
let computedCount = 0;
/** How many pending tensors programs have had to compute for the first time, ever. */
export let computedEver = 0;
/** `pendingMade` when the latest program was written. */
export let madeBefore = 0;
let anyLarge = false; // whether one of them has several elements
let latestCount = 0; // of the program before: most have as many, and a list that grows is copied again and again
const kMostExpected = 128;
let readCounts = new Int32Array(1024);
/** Deeper graphs are written by a stack instead of calls. */
const kMostLevels = 256;
// The array keeps its length: V8 would shrink and grow it in each program.
const stack: (Tensor | null)[] = [];
let stackSize = 0;
// The operands of the value that is written now, if these are one or two.
const one = [0];
const two = [0, 0];
let severalResults: Tensor[] = []; // those of `computed` whose kernels have several results

// By the first result of a kernel that has several: the further ones. A program that computes the first computes all.
const furtherResults = new WeakMap<Tensor, readonly Tensor[]>();

/** Says that the kernel that computes `t` has these further results. */
export function linkResults(t: Tensor, further: readonly Tensor[]): void {
  furtherResults.set(t, further);
}

/**
 * An empty list whose copies are lists of objects. One that was never anything else is a list of small integers to V8, which
 * makes each copy another when the first object is put into it (30 ns).
 */
function emptyList<T>(): T[] {
  const list: (T | null)[] = [null];
  list.pop();
  return list as T[];
}

/** Writes a known tensor; returns whether the tensor is pending and to be written yet. */
function visit(t: Tensor): boolean {
  if (t.mark === programSerial) return t.index < 0;
  if (isKnown(t)) {
    if (t.index <= kTaught) noteUse(kTaught - t.index);
    t.mark = programSerial;
    writeKnown(t);
    return false;
  }
  if (t.mark === 0) t.index = again.kNew;
  else again.meet(t);
  t.mark = programSerial;
  return true;
}

/**
 * The error of a tensor to which somebody assigned another shape or dtype, which plain JavaScript does not prevent; the addon
 * trusts what they say of memory. Found by the size of what was just written (native.latestSize).
 */
function wasAssigned({ shape, dtype }: Tensor, bytes: number): ShapeError {
  return new ShapeError(
    `gradtape: the shape or dtype of a tensor was assigned: they say ${showShape(shape)} and ${dtype}, its elements take ${bytes} bytes; write reshape(x, shape) or cast(x, dtype)`,
  );
}

function writeKnown(t: Tensor): void {
  if (t.uniform !== undefined) {
    t.index = native.writeLiteral(t.uniform, t.dtype);
    if (t.shape.length > 0) t.index = native.write1(kBroadcast, t.dtype, t.shape, t.index);
    return;
  }
  const buffer = t.buffer as TensorBuffer;
  // Elements that several tensors have are one input: the planner knows who reads them.
  if (buffer.serial === programSerial) {
    t.index = native.write1(kReshape, t.dtype, t.shape, buffer.index);
  } else {
    t.index = native.writeInput(buffer.address, t.dtype, t.shape);
    const { bytes } = buffer;
    if (native.latestSize * dtypeBytes[t.dtype] !== bytes) throw wasAssigned(t, bytes);
    buffer.serial = programSerial;
    buffer.index = t.index;
  }
  inputs.push(t);
}

/** Writes the program that copies the elements of a known tensor, which are in this buffer, to an address. */
export function writeCopy({ dtype, shape, uniform }: Tensor, buffer: TensorBuffer | null, address: number): void {
  native.begin();
  const index =
    buffer !== null && uniform === undefined
      ? native.write1(kReshape, dtype, shape, native.writeInput(buffer.address, dtype, shape))
      : native.write1(kBroadcast, dtype, shape, native.writeLiteral(uniform as number, dtype));
  native.writeOutput(index, address);
}

/** Writes a pending tensor whose operands are written. */
function writePending(t: Tensor): void {
  const { x, y, more } = t;
  const { opcode, words } = t.op as Computation;
  if (again.any) again.reads(t);
  let index: number;
  if (words !== null || more !== null) index = writeFurther(t, opcode, words);
  else if (y) index = native.write2(opcode, t.dtype, t.shape, operandIndex(x as Tensor), operandIndex(y));
  else index = native.write1(opcode, t.dtype, t.shape, operandIndex(x as Tensor));
  if (native.latestSize !== t.size) throw wasAssigned(t, t.size * dtypeBytes[t.dtype]);
  t.index = index;
  if (index >= readCounts.length) growCounts(index + 1);
  if (again.any) again.written(index);
  readCounts[index] = 0;
  if (t.size > 1) anyLarge = true;
  computed[computedCount++] = t;
}

/** Writes a tensor whose op has words, or any number of operands. */
function writeFurther(t: Tensor, opcode: number, words: Computation['words']): number {
  const { x, y, more } = t;
  if (words !== null && takesNumbers[opcode]) {
    return native.writeWithData(opcode, t.dtype, t.shape, words(t.attributes));
  }
  if (more && furtherResults.has(t)) severalResults.push(t);
  let operands: readonly number[];
  if (more) {
    operands = more.map(operandIndex);
  } else if (y) {
    two[0] = operandIndex(x as Tensor);
    two[1] = operandIndex(y);
    operands = two;
  } else {
    one[0] = operandIndex(x as Tensor);
    operands = one;
  }
  return native.write(opcode, t.dtype, t.shape, operands, words === null ? noWords : words(t.attributes));
}

function growCounts(needed: number): void {
  readCounts = native.grown(readCounts, needed, (length) => new Int32Array(length));
}

/** The index of a written tensor in the program; counts one more that reads it. */
function operandIndex(t: Tensor): number {
  if (t.op !== null) {
    readCounts[t.index] = (readCounts[t.index] as number) + 1;
    if (again.any) again.readAt(t.index);
  }
  return t.index;
}

/** Writes everything that `root` needs, operands first. */
function writeAll(root: Tensor): void {
  if (visit(root)) writeBelow(root, 0);
}

/** Writes a pending tensor after its operands, of which the second comes first. */
function writeBelow(t: Tensor, level: number): void {
  const { x, y } = t;
  if (t.more !== null || level === kMostLevels) {
    writeByStack(t);
    return;
  }
  const xIsLeft = x !== null && visit(x);
  if (y !== null && visit(y)) writeBelow(y, level + 1);
  if (xIsLeft && x.index < 0) writeBelow(x, level + 1);
  writePending(t);
}

/** As `writeBelow`, by a loop with a stack of its own: chains may be longer than the call stack. */
function writeByStack(root: Tensor): void {
  stack[stackSize++] = root;
  while (stackSize > 0) {
    const t = stack[stackSize - 1] as Tensor;
    // It may be on the stack already, further down; then it is written now, and the lower place finds it done.
    if (t.index < 0) {
      const before = stackSize;
      if (t.x && visit(t.x)) stack[stackSize++] = t.x;
      if (t.y && visit(t.y)) stack[stackSize++] = t.y;
      if (t.more) for (const m of t.more) if (visit(m)) stack[stackSize++] = m;
      if (stackSize > before) continue;
      writePending(t);
    }
    stack[--stackSize] = null;
  }
}

/** Says that a pending tensor was computed without a program. */
export function noteComputed(): void {
  madeBefore = pendingMade;
  computedEver++;
}

/** A job: a program as written, and the tensors that its results belong to. */
export interface Job {
  /** The number of the program, by which tensors remember it. */
  readonly serial: number;
  /** The tensors that get elements of their own. */
  readonly outputs: readonly Tensor[];
  /** The buffer of each output; null for an output of one element, and null altogether if all outputs are that. */
  readonly buffers: (TensorBuffer | null)[] | null;
  /** The pending tensors of the program, operands first. */
  readonly computed: readonly Tensor[];
  /** Their indices there; null if the tensors have them. */
  readonly indices: readonly number[] | null;
  /** [view, base]: views that were asked for. Only the base is an output; the view gets its elements. */
  readonly views: readonly (readonly [Tensor, Tensor])[];
  /** The tensors whose addresses are in the program; kept alive until it has run. */
  readonly held: readonly Tensor[];
  /** The tensors that are kept for lessons. */
  readonly taught: readonly Taught[];
  /** The tensors over buffers that the program writes new values into. */
  readonly replaced: readonly Tensor[];
  /** Those of which only rows change: the places of their values among the outputs, and the updates. */
  readonly updated: readonly (readonly [number, RowUpdate])[];
}

/**
 * Writes the program that computes roots, wishes and losses; null if all are known.
 * `here`: it runs in this thread, before the next one is written. `inPlace`: the value of a wish may be written over the
 * one that it replaces.
 */
export function prepare(
  roots: readonly Tensor[],
  wishes: readonly Wish[],
  losses: readonly Tensor[],
  here: boolean,
  inPlace: boolean,
): Job | null {
  const wanted: Tensor[] = [];
  // The lists that a job keeps are copies of empty ones, not literals: V8 remembers of a literal whether its first arrays
  // lived long, as those of many jobs in flight do, and would make all later ones in its old space. There even a dead
  // array keeps its elements (up to a kilobyte a job) until the next full collection.
  let views = noViews;
  const want = (t: Tensor): void => {
    if (isKnown(t)) return;
    const base = viewed(t);
    wanted.push(base);
    if (base === t) return;
    if (views === noViews) views = noViews.slice();
    views.push([t, base]);
  };
  for (const t of roots) want(t);
  if (wishes.length > 0) for (const { value } of wishes) want(value);
  if (losses.length > 0) for (const t of losses) want(t);
  if (wanted.length === 0) return null;
  const updates = inPlace && wishes.length > 0 ? rowUpdates(wishes) : noUpdates;
  for (const update of updates) {
    want(update.before);
    want(update.indices);
  }
  programSerial++;
  while (stackSize > 0) stack[--stackSize] = null; // left by a program whose writing threw
  if (again.any) again.forget(() => false);
  inputs = noTensors.slice();
  computed = new Array<Tensor>(Math.min(latestCount, kMostExpected));
  computedCount = 0;
  anyLarge = false;
  native.begin();
  if (severalResults.length > 0) severalResults = [];
  for (const t of wanted) writeAll(t);
  for (const t of severalResults) {
    wanted.push(t);
    for (const result of furtherResults.get(t) ?? noTensors) {
      if (isKnown(result)) continue;
      writeAll(result);
      wanted.push(result);
    }
  }
  latestCount = computedCount;
  madeBefore = pendingMade;
  computedEver += computedCount - again.count();
  if (computed.length !== computedCount) computed.length = computedCount;
  for (const t of wanted) {
    readCounts[t.index] = kAskedFor;
    if (again.any) again.askedAt(t.index);
  }
  const taught = applyLessons(again.any ? again.keep(keep) : nothingTaught);
  clearStage();
  const outputs = noTensors.slice();
  let buffers: (TensorBuffer | null)[] | null = null;
  const replacing = inPlace && wishes.length > 0 ? replacements(wishes, updates, inputs, programSerial) : null;
  let replaced: readonly Tensor[] = noTensors;
  let updated = nothingUpdated;
  for (const t of computed) {
    if (!mustKeep(t)) continue;
    const before = replacing?.get(t);
    if (t.size === 1) {
      native.writeResult(t.index);
      buffers?.push(null);
    } else {
      if (buffers === null) {
        buffers = noBuffers.slice();
        for (let k = 0; k < outputs.length; k++) buffers.push(null);
      }
      if (before) {
        const buffer = before.input.buffer as TensorBuffer;
        buffers.push(buffer);
        native.writeReplacement(t.index, buffer.index);
        replaced = replaced.concat(before.dropped);
        if (before instanceof RowUpdate) {
          before.prepare();
          updated = updated.concat([[outputs.length, before]]);
        }
      } else {
        // What no op reads yet is most likely looked at and no more.
        const small = here && t.readers === 0 && t.size * dtypeBytes[t.dtype] <= kHeapBytes;
        const buffer = (small && staged(t.dtype, t.size)) || allocate(t.dtype, t.size);
        buffers.push(buffer);
        native.writeOutput(t.index, buffer instanceof HeapBuffer ? stagedAt() : buffer.address);
      }
    }
    outputs.push(t);
  }
  const indices = again.any ? indicesOf({ computed }) : null;
  if (again.any) again.forget(mustKeep);
  const job = {
    serial: programSerial,
    outputs,
    buffers,
    computed,
    indices,
    views,
    held: inputs,
    replaced,
    updated,
    taught,
  };
  // Only the job keeps these tensors now; the module would keep them until the next program.
  inputs = noTensors;
  computed = noTensors;
  return job;
}

/** The index of each tensor of a job in its program, before the next is written. */
export function indicesOf({ computed }: Pick<Job, 'computed'>): number[] {
  return computed.map((t) => t.index);
}

/** Keeps what lessons say; returns pairs: a tensor, the lesson. `ahead`: those that are kept already. */
function applyLessons(ahead: readonly Taught[]): readonly Taught[] {
  const places = programIs(programSerial, native.signature());
  if (!places && !areOpsTaught()) return ahead;
  const taught = ahead.slice();
  for (const t of computed) {
    const { index } = t;
    const reads = readCounts[index] as number;
    if (reads < 0 || (again.any && again.isAt(index))) continue;
    const lesson = places?.get(index) ?? (t.readers > reads ? lessonOf(t.op as Computation, t.size) : undefined);
    if (!lesson?.keepsOnceMore()) continue;
    keep(t);
    taught.push([t, lesson.number]);
  }
  return taught;
}

/** Makes the value of a tensor of the program an output. */
function keep(t: Tensor): void {
  readCounts[t.index] = kAskedFor;
}

const nothingTaught: readonly Taught[] = [];
/** In place of the index of a known tensor: kTaught - n if it was kept for lesson n and nobody has read it since. */
export const kTaught: number = -10;

/** Says that the program of a job was withdrawn: what it would have computed comes again for the first time. */
export function forget({ serial, computed }: Job): void {
  for (const t of computed) if (t.mark === serial) t.mark = 0;
}

/** Somebody reads the elements of a tensor that was kept for a lesson. */
export function noteRead(t: Tensor): void {
  noteUse(kTaught - t.index);
  t.index = -1;
}

/** Put in place of the read count of a tensor that was asked for; with any reads added it stays negative. */
const kAskedFor = -(2 ** 30);

/**
 * Whether a computed tensor becomes an output: it was asked for, or a tape keeps it, or ops outside of this program
 * read it too and it is not cheap to compute again (a single number beside large values counts as not cheap).
 */
function mustKeep(t: Tensor): boolean {
  const reads = readCounts[t.index] as number;
  if (reads < 0 || t.saved > 0) return true;
  return t.readers > reads && (!isCheap[opcodeIn(t)] || (anyLarge && t.size === 1));
}

/**
 * Gives the outputs of a job, and the views of them, their elements. `result`: the i-th number that the program
 * returned.
 */
export function settleOutputs(job: Job, result: (i: number) => number): void {
  // Nobody reads these again; without a buffer, somebody who does fails instead of reading the new value.
  for (const t of job.replaced) t.buffer = null;
  for (const [k, update] of job.updated) (job.buffers as (TensorBuffer | null)[])[k] = update.pass();
  let results = 0;
  for (let k = 0; k < job.outputs.length; k++) {
    const t = job.outputs[k] as Tensor;
    const buffer = job.buffers?.[k];
    if (buffer instanceof HeapBuffer) buffer.take();
    const number = buffer ? undefined : result(results++);
    // Where t is a view of a pending tensor, that gets the same elements.
    for (let s: Tensor | null = t; s && !isKnown(s); ) {
      const below: Tensor | null = opcodeIn(s) === kReshape ? s.x : null;
      s.uniform = number;
      s.buffer = buffer ?? null;
      settle(s);
      s = below;
    }
  }
  for (const [t, base] of job.views) {
    if (isKnown(t)) continue;
    t.uniform = base.uniform;
    t.buffer = base.buffer;
    settle(t);
  }
  for (const [, update] of job.updated) update.keep();
  for (const [t, lesson] of job.taught) t.index = kTaught - lesson;
}
