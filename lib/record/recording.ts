/** The record of one tape: which ops it has heard of. It differentiates nothing. */
import { isFloating } from '../base/dtype.js';
import type { Cohort, Tensor } from '../engine/tensor.js';
import { peekId, startCohort } from '../engine/tensor.js';
import { Entry, keep, type RecordedOp, ruleOf } from './entry.js';
import { Recorder, type VariableInfo } from './stack.js';

const leafOp: RecordedOp = { name: 'leaf', vjps: [], pullAll: null };
const variableOp: RecordedOp = { name: 'variable', vjps: [], pullAll: null };

let nextSerial = 1;
// A sweep is due after so many elements of results, an entry itself counting for some.
const kSweep = 2 ** 22;
const kEntryWeight = 2 ** 12;
// A weak map takes 1 to 2 us an entry, of which most is the collector's: twenty times what recording takes. So where a sweep finds
// many small results, it goes by cohort: a dead branch may then stay while some result made about the same time lives.
const kMostSweptSingly = 2 ** 8;

/**
 * The record of one tape. New entries stand in a list that keeps them and their results. Now and then (and at each await of an
 * async recording) the list is swept into weak maps from results to entries, so that an entry lives as long as its
 * result or another entry needs it: branches that nobody can ask about any more are collected.
 */
export class Recording extends Recorder {
  /** Renewed by each sweep, since tensors remember their place in the list by it. */
  private serial: number = nextSerial++;
  private readonly watchesVariables: boolean;
  private firstId: number = peekId();
  /** How many passes go through its entries; what is released meanwhile is let go of after. */
  private passes = 0;
  private toRelease: readonly Entry[] | null = null;
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
  variables: VariableInfo[] = [];
  constructor(watchesVariables: boolean) {
    super();
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

  private remember(t: Tensor, index: number): void {
    t.tapeSerial = this.serial;
    t.tapeIndex = index;
  }

  /** Makes the tensor a leaf, unless it is on the tape already. */
  watch(t: Tensor): void {
    if (this.find(t)) return;
    this.addLeaf(t.id, new Entry(leafOp, t.id, t.shape, t.dtype, null));
    this.remember(t, -this.leaves.length);
  }

  /** Makes the variable a leaf, unless it is one already. */
  watchVariable(v: VariableInfo): void {
    const known = this.leaf(v.id);
    if (known?.op === variableOp) return;
    this.variables.push(v);
    if (!known) this.addLeaf(v.id, new Entry(variableOp, v.id, v.shape, v.dtype, null));
  }

  override noteReading(t: Tensor, v: VariableInfo): void {
    if (this.watchesVariables && v.trainable) this.watchVariable(v);
    this.read(t, v.id);
  }

  /** Says that a tensor is a reading of the variable of this id, if that is a leaf. */
  private read(t: Tensor, id: number): void {
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
      return (t.tapeIndex < 0 ? this.leaves[-1 - t.tapeIndex] : this.entries[t.tapeIndex]) as Entry;
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
    return findEntry(this.entries, t.id) ?? this.swept?.get(t) ?? (cohort ? findEntry(cohort, t.id) : null);
  }

  override knows(t: Tensor): boolean {
    return this.find(t) !== null;
  }

  // Operands without a rule or a floating dtype are none to the entry: there the way back ends. An operand that is not on the tape
  // costs nothing: its rule keeps nothing.

  override note1(op: RecordedOp, out: Tensor, x: Tensor, attributes: unknown): void {
    const ofX = this.find(x);
    if (!ofX || !this.takes()) return;
    const rule = op.vjps[0];
    const e = newEntry(op, out, attributes);
    if (rule && isFloating(x.dtype)) {
      e.count = 1;
      e.ofX = ofX;
      e.shapeX = x.shape;
      if (rule.needs) e.save(rule.needs, x, null, out);
    }
    this.append(e, out);
  }

  override note2(op: RecordedOp, out: Tensor, x: Tensor, y: Tensor, attributes: unknown): void {
    const knownX = this.find(x);
    const knownY = this.find(y);
    if (!(knownX || knownY) || !this.takes()) return;
    const ruleX = op.vjps[0];
    const ruleY = op.vjps[1];
    const e = newEntry(op, out, attributes);
    const ofX = ruleX && isFloating(x.dtype) ? knownX : null;
    const ofY = ruleY && isFloating(y.dtype) ? knownY : null;
    if (ofX || ofY) {
      e.count = 2;
      e.ofX = ofX;
      e.ofY = ofY;
      e.shapeX = x.shape;
      e.shapeY = y.shape;
      const needs = (ofX && ruleX ? ruleX.needs : 0) | (ofY && ruleY ? ruleY.needs : 0);
      if (needs) e.save(needs, x, y, out);
    }
    this.append(e, out);
  }

  override noteMany(op: RecordedOp, outs: readonly Tensor[], operands: readonly Tensor[], attributes: unknown): void {
    if (this.noteDifferentiable(op, outs, operands, attributes) || !this.knowsAny(operands) || !this.takes()) return;
    for (const out of outs) this.append(newEntry(op, out, attributes), out);
  }

  override noteInstead(
    op: RecordedOp,
    outs: readonly Tensor[],
    operands: readonly Tensor[],
    under: readonly Tensor[],
  ): void {
    if (this.noteDifferentiable(op, outs, operands, null) || !this.takes()) return;
    const anyKnown = this.knowsAny(operands);
    outs.forEach((out, k) => {
      const value = under[k];
      const known = value ? this.find(value) : null;
      if (!known && !anyKnown) return;
      const e = newEntry(known ? sameOp : op, out, null);
      if (known) {
        e.count = 1;
        e.ofX = known;
        e.shapeX = out.shape;
      }
      this.append(e, out);
    });
  }

  private knowsAny(tensors: readonly Tensor[]): boolean {
    for (const t of tensors) if (this.find(t)) return true;
    return false;
  }

  /** Notes the op, if an operand that has a gradient is known; tells whether there is one. */
  private noteDifferentiable(
    op: RecordedOp,
    outs: readonly Tensor[],
    operands: readonly Tensor[],
    attributes: unknown,
  ): boolean {
    const out = outs[0] as Tensor;
    const [x, y] = operands;
    let needs = 0;
    let differentiable = false;
    const entries = operands.map((t, k) => {
      const rule = ruleOf(op, k);
      const entry = (rule || op.pullAll) && isFloating(t.dtype) ? this.find(t) : null;
      if (entry) {
        differentiable = true;
        needs |= rule?.needs ?? 0;
      }
      return entry;
    });
    if (!differentiable) return false;
    if (!this.takes()) return true;
    const e = newEntry(op, out, attributes);
    e.count = operands.length;
    e.ofX = entries[0] ?? null;
    e.ofY = entries[1] ?? null;
    if (x) e.shapeX = x.shape;
    if (y) e.shapeY = y.shape;
    if (operands.length > 2) e.more = { entries, shapes: operands.map((t) => t.shape) };
    if (needs && x) {
      e.save(needs, x, y ?? null, out);
      e.saveFurther(needs, operands);
    }
    if (outs.length > 1) e.resultEntries = outs.map((t, k) => (k === 0 ? e : furtherResult(e, t)));
    this.append(e, out);
    for (let k = 1; k < outs.length; k++) this.append(e.resultEntries?.[k] as Entry, outs[k] as Tensor);
    return true;
  }

  private append(e: Entry, out: Tensor): void {
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
    if (results.length <= kMostSweptSingly) {
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

  /** Stops tracking whether results are still reachable; the entries stay until the tape is consumed. */
  override left(): void {
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
    if (this.passes > 0 || this.toRelease === null) return;
    releaseEntries(this.toRelease);
    this.toRelease = null;
  }

  /** Lets go of everything that the entries kept. */
  release(): void {
    if (this.passes === 0) releaseEntries(this.entries);
    else this.toRelease = this.toRelease === null ? this.entries : [...this.toRelease, ...this.entries];
    this.entries = [];
    this.swept = null;
    this.sweptCohorts = null;
    this.left();
  }
}

/** The entry of this result, in a list that is in the order of results. */
function findEntry(entries: readonly Entry[], id: number): Entry | null {
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
  for (let i = 0; i < entries.length; i++) (entries[i] as Entry).release();
}

const sameOp: RecordedOp = { name: 'identity', vjps: [{ needs: keep.nothing, pull: (ct) => ct }], pullAll: null };

function newEntry(op: RecordedOp, out: Tensor, attributes: unknown): Entry {
  return new Entry(op, out.id, out.shape, out.dtype, attributes);
}

function furtherResult(first: Entry, out: Tensor): Entry {
  const e = newEntry(first.op, out, null);
  e.firstResult = first;
  return e;
}
