/** The recorder: which tapes are active and what each has recorded. It differentiates nothing. */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { DType } from './dtype.js';
import { isFloating } from './dtype.js';
import { TapeError } from './errors.js';
import type { IndexedSlices } from './indexed-slices.js';
import type { Shape } from './shape.js';
import type { Tensor } from './tensor.js';
import { peekId } from './tensor.js';

/** What a vjp may need of the forward pass; a rule says which, and the entry keeps that and nothing else. */
export const keep = { nothing: 0, x: 1, y: 2, z: 4, out: 8 } as const;

export type Cotangent = Tensor | IndexedSlices;

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

/** Operand slots: >= 0 an entry, <= -2 a watched leaf, offTape neither. */
export const offTape = -1;

/** One op on one tape: ids and shapes, and the tensors that its rule asked for. */
export class Entry {
  readonly op: RecordedOp;
  readonly outId: number;
  /** How many results the op has; each further one has an entry of its own right behind, `behind` places after this. */
  readonly width: number;
  readonly behind: number;
  readonly outShape: Shape;
  readonly outDType: DType;
  readonly slots: readonly number[];
  readonly shapes: readonly Shape[];
  readonly attributes: unknown;
  /** The last pass of backpropagation that it mattered to. */
  mark = 0;
  x: Tensor | null = null;
  y: Tensor | null = null;
  z: Tensor | null = null;
  out: Tensor | null = null;
  constructor(
    op: RecordedOp,
    out: Tensor,
    slots: readonly number[],
    shapes: readonly Shape[],
    attributes: unknown,
    width = 1,
    behind = 0,
  ) {
    this.op = op;
    this.outId = out.id;
    this.outShape = out.shape;
    this.outDType = out.dtype;
    this.width = width;
    this.behind = behind;
    this.slots = slots;
    this.shapes = shapes;
    this.attributes = attributes;
  }
}

let nextSerial = 1;

/** The record of one tape. */
export class Recording {
  serial: number = nextSerial++;
  readonly persistent: boolean;
  readonly watchesVariables: boolean;
  private firstId: number = peekId();
  /** Not recording though it is in an async context or on the stack. */
  paused = false;
  /** The turn of the event loop in which a block (enter) opened it; 0: record() closes it before the turn ends. */
  turn = 0;
  entries: Entry[] = [];
  /** Ids of leaf tensors, variables and readings, and their slots; a map once they are many. */
  private leafIds: number[] = [];
  private leafSlots: number[] = [];
  private leafMap: Map<number, number> | null = null;
  private leafCount = 0;
  /** Variables watched, by id. */
  variables: Map<number, { readonly id: number }> | null = null;
  constructor(persistent: boolean, watchesVariables: boolean) {
    this.persistent = persistent;
    this.watchesVariables = watchesVariables;
  }

  /** The slot of a leaf by its id. */
  leaf(id: number): number {
    if (this.leafMap) return this.leafMap.get(id) ?? offTape;
    const at = this.leafIds.indexOf(id);
    return at < 0 ? offTape : (this.leafSlots[at] as number);
  }

  private addLeaf(id: number, slot: number): void {
    if (this.leafMap) {
      this.leafMap.set(id, slot);
      return;
    }
    this.leafIds.push(id);
    this.leafSlots.push(slot);
    if (this.leafIds.length > 8) this.leafMap = new Map(this.leafIds.map((k, i) => [k, this.leafSlots[i] as number]));
  }

  /** Makes the tensor a leaf, unless it is on the tape already. Returns its slot. */
  watch(t: Tensor): number {
    let slot = this.slotOf(t);
    if (slot === offTape) {
      slot = -2 - this.leafCount++;
      this.addLeaf(t.id, slot);
      t.tapeSerial = this.serial;
      t.tapeSlot = slot;
    }
    return slot;
  }

  /** Makes the variable a leaf, unless it is one already. */
  watchVariable(v: { readonly id: number }): void {
    this.variables ??= new Map();
    if (this.variables.has(v.id)) return;
    this.variables.set(v.id, v);
    if (this.leaf(v.id) === offTape) this.addLeaf(v.id, -2 - this.leafCount++);
  }

  /** Says that a tensor is a reading of the variable whose leaf this is. */
  read(t: Tensor, slot: number): void {
    if (t.tapeSerial === this.serial) return;
    if (this.leaf(t.id) === offTape) this.addLeaf(t.id, slot);
    t.tapeSerial = this.serial;
    t.tapeSlot = slot;
  }

  slotOf(t: Tensor): number {
    if (t.tapeSerial === this.serial) return t.tapeSlot;
    if (t.tapeSerial === 0) return offTape;
    const leaf = this.leaf(t.id);
    if (leaf !== offTape) return leaf;
    return t.id < this.firstId ? offTape : this.entryOf(t.id);
  }

  /** Entries stand in the order of their results' ids. */
  private entryOf(id: number): number {
    const entries = this.entries;
    let low = 0;
    let high = entries.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const e = entries[middle] as Entry;
      if (id < e.outId) high = middle - 1;
      else if (id > e.outId) low = middle + 1;
      else return middle;
    }
    return offTape;
  }

  /** Starts anew: entries, leaves and watched variables are forgotten, and no tensor is on the tape any more. */
  reset(): void {
    this.release();
    this.serial = nextSerial++;
    this.firstId = peekId();
    this.leafIds = [];
    this.leafSlots = [];
    this.leafMap = null;
    this.leafCount = 0;
    this.variables = null;
  }

  /** Lets go of everything that the entries kept. */
  release(): void {
    for (const e of this.entries) releaseEntry(e);
    this.entries = [];
  }
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

const active: Recording[] = [];
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

export function push(tape: Recording): void {
  tape.paused = false;
  active.push(tape);
}

export function pop(tape: Recording): void {
  if (active[active.length - 1] === tape) {
    active.pop();
  } else {
    const at = active.lastIndexOf(tape);
    if (at >= 0) active.splice(at, 1);
  }
  tape.paused = true;
  tape.turn = 0;
}

/** Runs fn with the tape bound to its async context, whatever else runs between its awaits. */
export async function bound<T>(tape: Recording, fn: () => Promise<T>): Promise<T> {
  asyncRecordings++;
  tape.paused = false;
  try {
    return await contexts.run([...(contexts.getStore() ?? []), tape], fn);
  } finally {
    tape.paused = true;
    asyncRecordings--;
  }
}

// Turns: a microtask queued when a block opens runs before anything that the block's function does after an await.
let turn = 1;
let turnEnds = false;

/** Notes in which turn a block was opened. */
export function markTurn(tape: Recording): void {
  tape.turn = turn;
  if (turnEnds) return;
  turnEnds = true;
  queueMicrotask(() => {
    turn++;
    turnEnds = false;
  });
}

/** Whether the tape takes what happens now; throws if its block was left open across an await. */
export function takes(tape: Recording): boolean {
  if (tape.paused) return false;
  if (tape.turn !== 0 && tape.turn !== turn) {
    throw new TapeError(
      'ERR_TAPE_CROSSED_AWAIT',
      'An op would be recorded on a tape whose block was opened before an await: what else runs meanwhile would be recorded too. ' +
        'Close the block before awaiting, or record with await tape.recordAsync(async () => ...).',
    );
  }
  return true;
}

/** Whether any tape that is recording knows the tensor: rules may not treat its value as a constant then. */
export function isOnTape(t: Tensor): boolean {
  if (!isRecording()) return false;
  for (const tape of activeTapes()) if (!tape.paused && tape.slotOf(t) !== offTape) return true;
  return false;
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

function slotIfDifferentiable(tape: Recording, t: Tensor): number {
  return isFloating(t.dtype) ? tape.slotOf(t) : offTape;
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

function append(tape: Recording, e: Entry, out: Tensor): void {
  out.tapeSerial = tape.serial;
  out.tapeSlot = tape.entries.length;
  tape.entries.push(e);
}

/** Records an op of one operand on every active tape that knows it. */
export function record1(op: RecordedOp, out: Tensor, x: Tensor, attributes: unknown): void {
  if (suspensions > 0) return;
  const rule = op.vjps[0];
  if (!rule) return;
  const tapes = asyncRecordings === 0 ? active : activeTapes();
  for (let i = 0; i < tapes.length; i++) {
    const tape = tapes[i] as Recording;
    const sx = slotIfDifferentiable(tape, x);
    if (sx === offTape || !takes(tape)) continue;
    const e = new Entry(op, out, [sx], [x.shape], attributes);
    save(e, rule.needs, x, null, null, out);
    append(tape, e, out);
  }
}

/** Records an op of two operands. An operand that is not on the tape costs nothing: its rule keeps nothing. */
export function record2(op: RecordedOp, out: Tensor, x: Tensor, y: Tensor, attributes: unknown): void {
  if (suspensions > 0) return;
  const [ruleX, ruleY] = op.vjps;
  const tapes = asyncRecordings === 0 ? active : activeTapes();
  for (let i = 0; i < tapes.length; i++) {
    const tape = tapes[i] as Recording;
    const sx = ruleX ? slotIfDifferentiable(tape, x) : offTape;
    const sy = ruleY ? slotIfDifferentiable(tape, y) : offTape;
    if ((sx === offTape && sy === offTape) || !takes(tape)) continue;
    const e = new Entry(op, out, [sx, sy], [x.shape, y.shape], attributes);
    const needs = (sx !== offTape && ruleX ? ruleX.needs : 0) | (sy !== offTape && ruleY ? ruleY.needs : 0);
    if (needs) save(e, needs, x, y, null, out);
    append(tape, e, out);
  }
}

/** Records an op of any operands and any results (in ascending order of id). */
export function recordMany(
  op: RecordedOp,
  outs: readonly Tensor[],
  operands: readonly Tensor[],
  attributes: unknown,
): void {
  if (suspensions > 0) return;
  const out = outs[0];
  if (!out) return;
  const tapes = asyncRecordings === 0 ? active : activeTapes();
  for (let i = 0; i < tapes.length; i++) {
    const tape = tapes[i] as Recording;
    let any = false;
    let needs = 0;
    const slots = operands.map((t, k) => {
      const rule = op.vjps[Math.min(k, op.vjps.length - 1)];
      const slot = rule || op.pullAll ? slotIfDifferentiable(tape, t) : offTape;
      if (slot !== offTape) {
        any = true;
        needs |= rule?.needs ?? 0;
      }
      return slot;
    });
    if (!any || !takes(tape)) continue;
    const shapes = operands.map((t) => t.shape);
    const e = new Entry(op, out, slots, shapes, attributes, outs.length);
    if (needs) save(e, needs, operands[0] as Tensor, operands[1] ?? null, operands[2] ?? null, out);
    append(tape, e, out);
    for (let k = 1; k < outs.length; k++) {
      const t = outs[k] as Tensor;
      append(tape, new Entry(op, t, [], [], null, 1, k), t);
    }
  }
}
