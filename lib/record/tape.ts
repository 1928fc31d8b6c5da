/** The recorder: which tapes are active and what each has recorded. It differentiates nothing. */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { DType } from '../base/dtype.js';
import { isFloating } from '../base/dtype.js';
import type { Shape } from '../base/shape.js';
import { scalarShape } from '../base/shape.js';
import type { Cohort, Tensor } from '../engine/tensor.js';
import { peekId, startCohort } from '../engine/tensor.js';
import { atTurnEnd, Opening } from './turn.js';

/** What a vjp may need of the forward pass; a rule says which, and the entry keeps that and nothing else. */
export const keep = { nothing: 0, x: 1, y: 2, z: 4, out: 8 } as const;

export type Cotangent = Tensor;

/** The pullback with respect to one operand. Returns a cotangent of the operand; null where there is none. */
export interface Vjp {
  readonly needs: number;
  readonly pull: (ct: Tensor, entry: Entry, operand: number) => Cotangent | null;
}

/** What the tape knows of an op. The last vjp serves all further operands. */
export interface RecordedOp {
  readonly name: string;
  readonly vjps: readonly (Vjp | null)[];
  /** All operands at once, for ops whose cotangents come together (custom gradients); `vjps` is empty then. */
  readonly pullAll?: (cts: readonly (Tensor | null)[], entry: Entry) => readonly (Cotangent | null)[];
}

/** One op (or leaf) on one tape: what made its operands, their shapes, and the tensors that its rule asked for. */
export class Entry {
  readonly op: RecordedOp;
  /** Id of the result: operands have smaller ones. */
  readonly outId: number;
  readonly outShape: Shape;
  readonly outDType: DType;
  readonly attributes: unknown;
  /** How many operands. The entries that made them (null: not on the tape) and their shapes follow; most ops have one or two. */
  count = 0;
  ofX: Entry | null = null;
  ofY: Entry | null = null;
  shapeX: Shape = scalarShape;
  shapeY: Shape = scalarShape;
  more: Further | null = null;
  /** Of an op with several results: the entries of all of them, in order; each further result's entry knows the first. */
  parts: readonly Entry[] | null = null;
  first: Entry | null = null;
  /** The last pass of backpropagation that met it, what it was to it, and where. */
  mark = 0;
  at = 0;
  x: Tensor | null = null;
  y: Tensor | null = null;
  z: Tensor | null = null;
  out: Tensor | null = null;
  constructor(op: RecordedOp, id: number, shape: Shape, dtype: DType, attributes: unknown) {
    this.op = op;
    this.outId = id;
    this.outShape = shape;
    this.outDType = dtype;
    this.attributes = attributes;
  }

  /** The entry that made operand k. */
  operand(k: number): Entry | null {
    if (k === 0) return this.ofX;
    return k === 1 ? this.ofY : (this.more?.entries[k] ?? null);
  }

  /** The shape of operand k. */
  shape(k: number): Shape {
    if (k === 0) return this.shapeX;
    return k === 1 ? this.shapeY : (this.more?.shapes[k] as Shape);
  }
}

/** Operands of an op that has more than two: all of them. */
interface Further {
  readonly entries: readonly (Entry | null)[];
  readonly shapes: readonly Shape[];
}

const leafOp: RecordedOp = { name: 'leaf', vjps: [] };
const variableOp: RecordedOp = { name: 'variable', vjps: [] };

let nextSerial = 1;
// A sweep is due after so many elements of results, an entry itself counting for some.
const kSweep = 2 ** 22;
const kEntryWeight = 2 ** 12;
// A weak map takes 1 to 2 us an entry, of which most is the collector's: twenty times what recording takes. So where a sweep finds
// many small results, it goes by cohort: a dead branch may then stay while some result made about the same time lives.
const kExact = 2 ** 8;

/**
 * The record of one tape. New entries stand in a list that keeps them and their results. Now and then (and at each await of an
 * async recording) the list is swept into weak maps from results to entries, so that an entry lives as long as its
 * result or another entry needs it: branches that nobody can ask about any more are collected.
 */
export class Recording {
  /** Renewed by each sweep, since tensors remember their place in the list by it. */
  private serial: number = nextSerial++;
  readonly persistent: boolean;
  readonly watchesVariables: boolean;
  private firstId: number = peekId();
  /** Not recording though it is in an async context or on the stack. */
  paused = false;
  /** How many functions run that it must not see. */
  hidden = 0;
  /** How many passes go through its entries; what is released meanwhile is let go of after. */
  private passes = 0;
  private doomed: readonly Entry[] | null = null;
  /** Its place on the stack of active tapes; -1: on none. */
  place = -1;
  /** The opening of the block (enter) that records on it, or of one that was left open; null: record() ends before the turn does. */
  opening: Opening | null = null;
  /** Bound to an async context. */
  async = false;
  /** In the order of their results' ids. Those before `pinned` are from before a pause, and stay. */
  private entries: Entry[] = [];
  private results: Tensor[] = [];
  private pinned = 0;
  private weight = 0;
  private swept: WeakMap<Tensor, Entry> | null = null;
  private sweptCohorts: WeakMap<Cohort, Entry[]> | null = null;
  /** Ids of leaf tensors, variables and readings, and their entries; a map of places once they are many. */
  private leafIds: number[] = [];
  private leaves: Entry[] = [];
  private leafMap: Map<number, number> | null = null;
  /** Variables watched. */
  variables: { readonly id: number }[] = [];
  constructor(persistent: boolean, watchesVariables: boolean) {
    this.persistent = persistent;
    this.watchesVariables = watchesVariables;
  }

  private leafAt(id: number): number {
    return this.leafMap ? (this.leafMap.get(id) ?? -1) : this.leafIds.indexOf(id);
  }

  /** The leaf of this id: a watched tensor, a variable, or one of its readings. */
  leaf(id: number): Entry | null {
    const at = this.leafAt(id);
    return at < 0 ? null : (this.leaves[at] as Entry);
  }

  private addLeaf(id: number, leaf: Entry): void {
    this.leafMap?.set(id, this.leaves.length);
    this.leafIds.push(id);
    this.leaves.push(leaf);
    if (this.leafIds.length === 9) this.leafMap = new Map(this.leafIds.map((k, i) => [k, i]));
  }

  private remember(t: Tensor, place: number): void {
    t.tapeSerial = this.serial;
    t.tapePlace = place;
  }

  /** Makes the tensor a leaf, unless it is on the tape already. */
  watch(t: Tensor): void {
    if (this.find(t)) return;
    this.addLeaf(t.id, new Entry(leafOp, t.id, t.shape, t.dtype, null));
    this.remember(t, -this.leaves.length);
  }

  /** Makes the variable a leaf, unless it is one already. */
  watchVariable(v: { readonly id: number; readonly shape: Shape; readonly dtype: DType }): void {
    const known = this.leaf(v.id);
    if (known?.op === variableOp) return;
    this.variables.push(v);
    if (!known) this.addLeaf(v.id, new Entry(variableOp, v.id, v.shape, v.dtype, null));
  }

  /** Says that a tensor is a reading of the variable of this id, if that is a leaf. */
  read(t: Tensor, id: number): void {
    if (t.tapeSerial === this.serial) return;
    const at = this.leafAt(t.id);
    if (at < 0) {
      const leaf = this.leaf(id);
      if (!leaf) return;
      this.addLeaf(t.id, leaf);
    }
    this.remember(t, at < 0 ? -this.leaves.length : -1 - at);
  }

  /** What the tensor is on this tape. */
  find(t: Tensor): Entry | null {
    if (t.tapeSerial === this.serial) {
      return (t.tapePlace < 0 ? this.leaves[-1 - t.tapePlace] : this.entries[t.tapePlace]) as Entry;
    }
    return t.tapeSerial === 0 ? null : this.search(t);
  }

  private search(t: Tensor): Entry | null {
    const at = this.leafAt(t.id);
    if (at >= 0) {
      this.remember(t, -1 - at);
      return this.leaves[at] as Entry;
    }
    if (t.id < this.firstId) return null;
    const cohort = this.sweptCohorts?.get(t.cohort);
    return entryOf(this.entries, t.id) ?? this.swept?.get(t) ?? (cohort ? entryOf(cohort, t.id) : null);
  }

  append(e: Entry, out: Tensor): void {
    this.remember(out, this.entries.length);
    this.entries.push(e);
    this.results.push(out);
    if (this.async && this.results.length === 1) queueMicrotask(() => this.sweep());
    this.weight += out.size + kEntryWeight;
    if (this.weight > kSweep) this.sweep();
  }

  private sweep(): void {
    const { results, entries, pinned } = this;
    if (results.length === 0) return;
    if (results.length <= kExact) {
      this.swept ??= new WeakMap();
      for (let i = 0; i < results.length; i++) this.swept.set(results[i] as Tensor, entries[pinned + i] as Entry);
    } else {
      this.sweepCohorts();
    }
    this.results = [];
    this.entries = entries.slice(0, pinned);
    this.weight = 0;
    this.serial = nextSerial++;
  }

  private sweepCohorts(): void {
    const { results, entries, pinned } = this;
    this.sweptCohorts ??= new WeakMap();
    startCohort(); // the present one would be alive for being present
    let cohort: Cohort | null = null;
    let members: Entry[] = [];
    for (let i = 0; i < results.length; i++) {
      const t = results[i] as Tensor;
      if (t.cohort !== cohort) {
        cohort = t.cohort;
        members = this.sweptCohorts.get(cohort) ?? [];
        this.sweptCohorts.set(cohort, members);
      }
      members.push(entries[pinned + i] as Entry);
    }
  }

  /** Recording pauses or ends: what the list keeps now stays until the tape is consumed, but not for its results' sake. */
  pin(): void {
    this.results = [];
    this.pinned = this.entries.length;
    this.weight = 0;
  }

  /** Starts anew: entries, leaves and watched variables are forgotten, and no tensor is on the tape any more. */
  reset(): void {
    this.release();
    this.serial = nextSerial++;
    this.firstId = peekId();
    this.leafIds = [];
    this.leaves = [];
    this.leafMap = null;
    this.variables = [];
  }

  /** A pass through the entries begins; whatever becomes of the tape, they keep what they have until it ends. */
  beginPass(): void {
    this.passes++;
  }

  endPass(): void {
    this.passes--;
    if (this.passes > 0 || this.doomed === null) return;
    releaseEntries(this.doomed);
    this.doomed = null;
  }

  /** Lets go of everything that the entries kept. */
  release(): void {
    if (this.passes === 0) releaseEntries(this.entries);
    else this.doomed = this.doomed === null ? this.entries : [...this.doomed, ...this.entries];
    this.entries = [];
    this.swept = null;
    this.sweptCohorts = null;
    this.pin();
  }
}

/** The entry of this result, in a list that is in the order of results. */
function entryOf(entries: readonly Entry[], id: number): Entry | null {
  let low = 0;
  let high = entries.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const e = entries[middle] as Entry;
    if (id < e.outId) high = middle - 1;
    else if (id > e.outId) low = middle + 1;
    else return e;
  }
  return null;
}

function releaseEntries(entries: readonly Entry[]): void {
  for (let i = 0; i < entries.length; i++) releaseEntry(entries[i] as Entry);
}

/** Frees what one entry kept, as backpropagation through a consumed tape proceeds. */
export function releaseEntry(e: Entry): void {
  if (e.x) e.x.saved--;
  if (e.y) e.y.saved--;
  if (e.z) e.z.saved--;
  if (e.out) e.out.saved--;
  e.x = null;
  e.y = null;
  e.z = null;
  e.out = null;
}

// The stack. A tape that leaves it from below leaves a hole, and holes are closed when they are half of it: tapes may leave in any order.
const active: Recording[] = [];
const gone = new Recording(false, false);
gone.paused = true;
let holes = 0;
let suspensions = 0;

// Async recordings: each bound to the async context of its function. The store is asked only while one of them lives, so
// that scripts without async tapes do not pay for it.
const contexts = new AsyncLocalStorage<readonly Recording[]>();
let asyncRecordings = 0;

/** The tapes that may record now: those of this async context, then those on the stack, in the order of entry. */
export function activeTapes(): readonly Recording[] {
  if (asyncRecordings === 0) return active;
  const bound = contexts.getStore();
  return bound ? [...bound, ...active] : active;
}

export function isRecording(): boolean {
  return suspensions === 0 && (active.length > 0 || asyncRecordings > 0);
}

function putOnStack(tape: Recording): void {
  tape.paused = false;
  if (tape.async || tape.place >= 0) return;
  tape.place = active.length;
  active.push(tape);
}

/** Leaves the others where they are: some op may be going through the stack. */
function takeOffStack(tape: Recording): void {
  tape.paused = true;
  const at = tape.place;
  if (at < 0) return;
  tape.place = -1;
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
    const tape = active[i] as Recording;
    if (tape === gone) continue;
    tape.place = count;
    active[count++] = tape;
  }
  active.length = count;
  holes = 0;
}

/** Begins to record, or goes on. */
export function push(tape: Recording): void {
  putOnStack(tape);
}

/** Ends the recording, for good or until it is resumed. */
export function pop(tape: Recording): void {
  takeOffStack(tape);
  closeHoles();
  if (!tape.opening?.crossed) tape.opening = null;
  tape.pin();
}

/** Stops recording within a block; returns what `resume` needs. */
export function pause(tape: Recording): Opening | null {
  takeOffStack(tape);
  closeHoles();
  return tape.opening;
}

export function resume(tape: Recording, opening: Opening | null): void {
  tape.opening = opening;
  putOnStack(tape);
}

/** Runs fn with the tape bound to its async context, whatever else runs between its awaits. */
export async function bound<T>(tape: Recording, fn: () => Promise<T>): Promise<T> {
  asyncRecordings++;
  tape.paused = false;
  tape.async = true;
  try {
    return await contexts.run([...(contexts.getStore() ?? []), tape], fn);
  } finally {
    tape.paused = true;
    tape.async = false;
    tape.pin();
    asyncRecordings--;
  }
}

/** Notes that a block records on the tape: if its turn ends before it is left, it records no more, and its owner alone is told. */
export function openBlock(tape: Recording, opener: (...args: never[]) => unknown): void {
  tape.opening = new Opening(opener);
  atTurnEnd(strandBlocks);
}

/** Takes all tapes of blocks off the stack: their turn is over. */
function strandBlocks(): void {
  for (let i = active.length - 1; i >= 0; i--) {
    const tape = active[i];
    if (tape?.opening) strand(tape, tape.opening);
  }
  closeHoles();
}

function strand(tape: Recording, opening: Opening): void {
  opening.crossed = true;
  takeOffStack(tape);
}

/** The opening of the tape's block, if that was left open when its turn ended. */
export function crossedBlock(tape: Recording): Opening | null {
  const { opening } = tape;
  if (!opening || opening.isNow()) return null;
  if (!opening.crossed) strand(tape, opening);
  return opening;
}

/** Whether the tape takes what happens now: not in a pause, nor when its block was left open. */
export function takes(tape: Recording): boolean {
  return !tape.paused && tape.hidden === 0 && (tape.opening === null || crossedBlock(tape) === null);
}

/** Whether any tape that is recording knows the tensor: rules may not treat its value as a constant then. */
export function isOnTape(t: Tensor): boolean {
  if (!isRecording()) return false;
  for (const tape of activeTapes()) if (takes(tape) && tape.find(t)) return true;
  return false;
}

/** Runs fn unseen by the tapes that are active now; those that it opens itself record. */
export function hiddenFromTapes<T>(fn: () => T): T {
  const tapes = [...activeTapes()];
  for (const tape of tapes) tape.hidden++;
  try {
    return fn();
  } finally {
    for (const tape of tapes) tape.hidden--;
  }
}

/** Runs fn while no tape records. */
export function suspended<T>(fn: () => T): T {
  suspensions++;
  try {
    return fn();
  } finally {
    suspensions--;
  }
}

function entryFor(op: RecordedOp, out: Tensor, attributes: unknown): Entry {
  return new Entry(op, out.id, out.shape, out.dtype, attributes);
}

function save(e: Entry, needs: number, x: Tensor, y: Tensor | null, z: Tensor | null, out: Tensor): void {
  if (needs & keep.x) {
    e.x = x;
    x.saved++;
  }
  if (needs & keep.y && y) {
    e.y = y;
    y.saved++;
  }
  if (needs & keep.z && z) {
    e.z = z;
    z.saved++;
  }
  if (needs & keep.out) {
    e.out = out;
    out.saved++;
  }
}

// What is computed from something on a tape is on the tape too, so that gradients with respect to it can be asked for. Operands
// without a rule or a floating dtype are none to its entry: there the way back ends.

/** Records an op of one operand on every active tape that knows it. */
export function record1(op: RecordedOp, out: Tensor, x: Tensor, attributes: unknown): void {
  if (suspensions > 0) return;
  const rule = op.vjps[0];
  const tapes = asyncRecordings === 0 ? active : activeTapes();
  for (let i = 0; i < tapes.length; i++) {
    const tape = tapes[i] as Recording;
    const ofX = tape.find(x);
    if (!ofX || !takes(tape)) continue;
    const e = entryFor(op, out, attributes);
    if (rule && isFloating(x.dtype)) {
      e.count = 1;
      e.ofX = ofX;
      e.shapeX = x.shape;
      if (rule.needs) save(e, rule.needs, x, null, null, out);
    }
    tape.append(e, out);
  }
}

/** Records an op of two operands. An operand that is not on the tape costs nothing: its rule keeps nothing. */
export function record2(op: RecordedOp, out: Tensor, x: Tensor, y: Tensor, attributes: unknown): void {
  if (suspensions > 0) return;
  const ruleX = op.vjps[0];
  const ruleY = op.vjps[1];
  const tapes = asyncRecordings === 0 ? active : activeTapes();
  for (let i = 0; i < tapes.length; i++) {
    const tape = tapes[i] as Recording;
    const knownX = tape.find(x);
    const knownY = tape.find(y);
    if (!(knownX || knownY) || !takes(tape)) continue;
    const e = entryFor(op, out, attributes);
    const ofX = ruleX && isFloating(x.dtype) ? knownX : null;
    const ofY = ruleY && isFloating(y.dtype) ? knownY : null;
    if (ofX || ofY) {
      e.count = 2;
      e.ofX = ofX;
      e.ofY = ofY;
      e.shapeX = x.shape;
      e.shapeY = y.shape;
      const needs = (ofX && ruleX ? ruleX.needs : 0) | (ofY && ruleY ? ruleY.needs : 0);
      if (needs) save(e, needs, x, y, null, out);
    }
    tape.append(e, out);
  }
}

/** Records an op of any operands and any results (in ascending order of id). */
export function recordMany(
  op: RecordedOp,
  outs: readonly Tensor[],
  operands: readonly Tensor[],
  attributes: unknown,
): void {
  if (suspensions > 0 || outs.length === 0) return;
  const tapes = asyncRecordings === 0 ? active : activeTapes();
  for (let i = 0; i < tapes.length; i++) {
    const tape = tapes[i] as Recording;
    if (recordPulled(tape, op, outs, operands, attributes) || !knowsAny(tape, operands) || !takes(tape)) continue;
    for (const out of outs) tape.append(entryFor(op, out, attributes), out);
  }
}

/**
 * Records results that take the place of others: by the op on tapes that know one of its operands; on those that do not, but know the
 * value under a result (by what its computation used besides), as that value.
 */
export function recordInstead(
  op: RecordedOp,
  outs: readonly Tensor[],
  operands: readonly Tensor[],
  under: readonly Tensor[],
): void {
  if (suspensions > 0 || outs.length === 0) return;
  const tapes = asyncRecordings === 0 ? active : activeTapes();
  for (let i = 0; i < tapes.length; i++) {
    const tape = tapes[i] as Recording;
    if (recordPulled(tape, op, outs, operands, null) || !takes(tape)) continue;
    const anyKnown = knowsAny(tape, operands);
    outs.forEach((out, k) => {
      const value = under[k];
      const known = value ? tape.find(value) : null;
      if (!known && !anyKnown) return;
      const e = entryFor(known ? sameOp : op, out, null);
      if (known) {
        e.count = 1;
        e.ofX = known;
        e.shapeX = out.shape;
      }
      tape.append(e, out);
    });
  }
}

const sameOp: RecordedOp = { name: 'identity', vjps: [{ needs: keep.nothing, pull: (ct) => ct }] };

function knowsAny(tape: Recording, tensors: readonly Tensor[]): boolean {
  for (const t of tensors) if (tape.find(t)) return true;
  return false;
}

/** Records the op on one tape, if that knows an operand that has a gradient; tells whether there is one. */
function recordPulled(
  tape: Recording,
  op: RecordedOp,
  outs: readonly Tensor[],
  operands: readonly Tensor[],
  attributes: unknown,
): boolean {
  const out = outs[0] as Tensor;
  const [x, y, z] = operands;
  let needs = 0;
  let differentiable = false;
  const entries = operands.map((t, k) => {
    const rule = ruleOf(op, k);
    const entry = (rule || op.pullAll) && isFloating(t.dtype) ? tape.find(t) : null;
    if (entry) {
      differentiable = true;
      needs |= rule?.needs ?? 0;
    }
    return entry;
  });
  if (!differentiable) return false;
  if (!takes(tape)) return true;
  const e = entryFor(op, out, attributes);
  e.count = operands.length;
  e.ofX = entries[0] ?? null;
  e.ofY = entries[1] ?? null;
  if (x) e.shapeX = x.shape;
  if (y) e.shapeY = y.shape;
  if (operands.length > 2) e.more = { entries, shapes: operands.map((t) => t.shape) };
  if (needs && x) save(e, needs, x, y ?? null, z ?? null, out);
  if (outs.length > 1) e.parts = outs.map((t, k) => (k === 0 ? e : furtherResult(e, t)));
  tape.append(e, out);
  for (let k = 1; k < outs.length; k++) tape.append(e.parts?.[k] as Entry, outs[k] as Tensor);
  return true;
}

function furtherResult(first: Entry, out: Tensor): Entry {
  const e = entryFor(first.op, out, null);
  e.first = first;
  return e;
}

/** The rule for operand k: the last one serves all further operands. */
export function ruleOf(op: RecordedOp, k: number): Vjp | null | undefined {
  return op.vjps[k < op.vjps.length ? k : op.vjps.length - 1];
}
