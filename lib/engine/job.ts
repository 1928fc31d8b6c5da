/** Jobs: the program that computes pending tensors, written to the addon's mailbox, and its results put in their places. It runs nothing. */
import { isCheap, isElementwise, opcodeOf, takesNumbers } from './addon.js';
import type { TensorBuffer } from './memory.js';
import { allocate } from './memory.js';
import type { Wish } from './pending.js';
import * as native from './program.js';
import { type Computation, isKnown, settle, type Tensor } from './tensor.js';

const kReshape = opcodeOf('reshape');
const kBroadcast = opcodeOf('broadcast');
const noWords: readonly number[] = [];
let programSerial = 0;
const stack: Tensor[] = [];
// Of the program being written: its tensors in order, those to compute, how often each is read in it.
export const noTensors: Tensor[] = [];
let inputs = noTensors;
let computed = noTensors;
let readCounts = new Int32Array(1024);
let severalResults: Tensor[] = [];

// The further results of a value that has several: a program that computes the value computes all of them.
const furtherResults = new WeakMap<Tensor, readonly Tensor[]>();

/** Says that these are the further results of the kernel that computes the tensor. */
export function linkResults(t: Tensor, further: readonly Tensor[]): void {
  furtherResults.set(t, further);
}

function visit(t: Tensor): void {
  if (t.mark !== programSerial) {
    t.mark = programSerial;
    t.index = -1;
    if (isKnown(t)) {
      emit(t);
      return;
    }
  } else if (t.index >= 0) {
    return;
  }
  // Perhaps not for the first time: it may wait further down, below something that needs it now.
  stack.push(t);
}

function emit(t: Tensor): void {
  if (t.uniform !== undefined) {
    t.index = native.writeLiteral(t.uniform, t.dtype);
    if (t.shape.length > 0) t.index = native.write1(kBroadcast, t.dtype, t.shape, t.index);
    return;
  }
  if (t.buffer) {
    t.index = native.writeInput(t.buffer.address, t.dtype, t.shape);
    inputs.push(t);
    return;
  }
  const { x, y, more } = t;
  const { opcode, words } = t.op as Computation;
  if (words === null && more === null) {
    t.index = y
      ? native.write2(opcode, t.dtype, t.shape, operandIndex(x as Tensor), operandIndex(y))
      : native.write1(opcode, t.dtype, t.shape, operandIndex(x as Tensor));
  } else if (words !== null && takesNumbers[opcode]) {
    t.index = native.writeWithData(opcode, t.dtype, t.shape, words(t.attributes));
  } else {
    if (more && furtherResults.has(t)) severalResults.push(t);
    const operands = more
      ? more.map(operandIndex)
      : y
        ? [operandIndex(x as Tensor), operandIndex(y)]
        : [operandIndex(x as Tensor)];
    t.index = native.write(opcode, t.dtype, t.shape, operands, words === null ? noWords : words(t.attributes));
  }
  if (t.index >= readCounts.length) {
    const longer = new Int32Array(t.index * 2);
    longer.set(readCounts);
    readCounts = longer;
  }
  readCounts[t.index] = 0;
  computed.push(t);
}

/** The kernel that computes the tensor; -1 if its elements are there. */
export function opcodeIn(t: Tensor): number {
  return t.op === null ? -1 : t.op.opcode;
}

function operandIndex(t: Tensor): number {
  if (t.op !== null) readCounts[t.index] = (readCounts[t.index] as number) + 1;
  return t.index;
}

/** Appends everything that `root` needs, operands first; a loop, since chains may be long. */
function visitAll(root: Tensor): void {
  visit(root);
  while (stack.length > 0) {
    const t = stack[stack.length - 1] as Tensor;
    if (t.index >= 0) {
      stack.pop();
      continue;
    }
    const depth = stack.length;
    if (t.x) visit(t.x);
    if (t.y) visit(t.y);
    if (t.more) for (const m of t.more) visit(m);
    if (stack.length === depth) {
      stack.pop();
      emit(t);
    }
  }
}

export interface Job {
  readonly outputs: readonly Tensor[];
  /** By output; null where it is one element, or altogether if all are. */
  readonly buffers: readonly (TensorBuffer | null)[] | null;
  readonly computed: readonly Tensor[];
  /** Values asked for that are mere views of a computed one, and that one: they get its elements. */
  readonly views: readonly (readonly [Tensor, Tensor])[];
  /** Everything whose address is in the program; held over the call. */
  readonly held: readonly Tensor[];
  /** What has other elements afterwards. */
  readonly replaced: readonly Tensor[];
}

/** Of the values being computed, those that may be written over an input of the program, and the tensors that show that input. */
function replacements(wishes: readonly Wish[]): Map<Tensor, readonly Tensor[]> | null {
  if (!wishes.some(({ cell }) => cell.replaces.length > 0)) return null;
  const readers = new Map<TensorBuffer | null, number>(); // how many inputs have the same elements
  for (const { buffer } of inputs) readers.set(buffer, (readers.get(buffer) ?? 0) + 1);
  const found = new Map<Tensor, readonly Tensor[]>();
  for (const { cell, value } of wishes) {
    const [input] = cell.replaces;
    if (!input?.buffer || input.mark !== programSerial || readers.get(input.buffer) !== 1) continue;
    const t = viewed(value);
    if (isElementwise[opcodeIn(t)] && t.size > 1) found.set(t, cell.replaces);
  }
  return found;
}

/**
 * Writes the program for the roots, the wishes and the losses that go with them; null if everything is known.
 * `inPlace`: the values of wishes may be written over those that they replace.
 */
export function prepare(
  roots: readonly Tensor[],
  wishes: readonly Wish[],
  losses: readonly Tensor[],
  inPlace: boolean,
): Job | null {
  const wanted: Tensor[] = [];
  const views: [Tensor, Tensor][] = [];
  const want = (t: Tensor): void => {
    if (isKnown(t)) return;
    const base = viewed(t);
    wanted.push(base);
    if (base !== t) views.push([t, base]);
  };
  for (const t of roots) want(t);
  if (wishes.length > 0) {
    for (const { value } of wishes) want(value);
    for (const t of losses) want(t);
  }
  if (wanted.length === 0) return null;
  programSerial++;
  if (stack.length > 0) stack.length = 0; // an exception left some
  inputs = [];
  computed = [];
  native.begin();
  if (severalResults.length > 0) severalResults = [];
  for (const t of wanted) visitAll(t);
  for (const t of severalResults) {
    for (const result of furtherResults.get(t) ?? noTensors) {
      if (isKnown(result)) continue;
      visitAll(result);
      wanted.push(result);
    }
  }
  for (const t of wanted) readCounts[t.index] = kAskedFor;
  let large = false;
  for (const t of computed) large ||= t.size > 1;
  const outputs: Tensor[] = [];
  let buffers: (TensorBuffer | null)[] | null = null;
  const replacing = inPlace && wishes.length > 0 ? replacements(wishes) : null;
  let replaced = noTensors;
  for (const t of computed) {
    if (!mustKeep(t, large)) continue;
    const before = replacing?.get(t);
    if (t.size === 1) {
      native.writeResult(t.index);
      buffers?.push(null);
    } else {
      buffers ??= outputs.map(() => null);
      if (before) {
        buffers.push(before[0]?.buffer ?? null);
        native.writeReplacement(t.index, (before[0] as Tensor).index);
        replaced = replaced.concat(before);
      } else {
        const buffer = allocate(t.dtype, t.size);
        buffers.push(buffer);
        native.writeOutput(t.index, buffer.address);
      }
    }
    outputs.push(t);
  }
  const job = { outputs, buffers, computed, views, held: inputs, replaced };
  // Only the job keeps them now: what the last program used must not live until the next.
  inputs = noTensors;
  computed = noTensors;
  return job;
}

/** What a pending value is a view of, if that is pending too; else the value itself. */
export function viewed(t: Tensor): Tensor {
  let base = t;
  while (opcodeIn(base) === kReshape && base.x && !isKnown(base.x)) base = base.x;
  return base;
}

const kAskedFor = -(2 ** 30);

/** Whether a computed value gets a buffer of its own: asked for, saved by a tape, or dear (not cheap) and still to be read by others. */
function mustKeep(t: Tensor, large: boolean): boolean {
  const reads = readCounts[t.index] as number;
  if (reads < 0 || t.saved > 0) return true;
  return t.readers > reads && (!isCheap[opcodeIn(t)] || (large && t.size === 1));
}

export function settleOutputs(job: Job, result: (i: number) => number): void {
  // Nobody asks for these again; if somebody does, it shall not get another's elements.
  for (const t of job.replaced) t.buffer = null;
  let results = 0;
  for (let k = 0; k < job.outputs.length; k++) {
    const t = job.outputs[k] as Tensor;
    const buffer = job.buffers?.[k];
    const number = buffer ? undefined : result(results++);
    // What the value is a mere view of has the same elements.
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
}
