/** Recording: the entries of one tape. Differentiates nothing. */
import { isFloating } from '../base/dtype.js';
import type { Cohort, Tensor } from '../engine/tensor.js';
import { peekId, startCohort } from '../engine/tensor.js';
import { Entry, keep, type RecordedOp, ruleOf } from './entry.js';
import { latestOf, Recorder, type VariableInfo } from './stack.js';
import { Strangers } from './strangers.js';
import { isTracing, type Trace, traceEntry } from './trace.js';

// Lists that are still empty, as most of a small tape stay. Nothing is ever put into these: an array that grows from 0 to
// 1 element gets room for 17.
const noIds: number[] = [];
const noEntries: Entry[] = [];
const noResults: Tensor[] = [];
const noVariables: VariableInfo[] = [];

const leafOp: RecordedOp = { name: 'leaf', vjps: [], pullAll: null, needs: 0, forward: null };
const variableOp: RecordedOp = { name: 'variable', vjps: [], pullAll: null, needs: 0, forward: null };

let nextSerial = 1;
// A sweep is due after results of so many elements; each entry counts for kEntryWeight more.
const kSweep = 2 ** 22;
const kEntryWeight = 2 ** 12;
// A sweep of up to so many entries puts each into a weak map by its result. That takes 1 to 2 us an entry, mostly in
// the collector: twenty times as long as recording. So a larger sweep uses the cohorts of the results as keys; then a
// dead branch stays while some result that was made about the same time lives.
const kMostSweptSingly = 2 ** 8;

/**
 * The recording of one tape. New entries stand in a list, which keeps them and their results alive. From time to time
 * (and in an async recording at each await) a sweep moves them into weak maps from results to entries. There an entry
 * lives as long as its result, or an entry that was made from it, does: branches that nobody can ask about any more are
 * collected.
 */
export class Recording extends Recorder {
  /** Tensors remember it with their index in the list (`tapeSerial`); each sweep renews it, since indices change. */
  private serial: number = nextSerial++;
  private readonly watchesVariables: boolean;
  /** No tensor with a smaller id was made on this tape. */
  private firstId: number = peekId();
  /**
   * How many passes of backpropagation go through the entries; what is released meanwhile waits in `toRelease` for
   * their end.
   */
  private passes = 0;
  private toRelease: readonly Entry[] | null = null;
  /** In the order of their results' ids. Those before `pinned` are never swept. */
  private entries: Entry[] = [];
  private results: Tensor[] = noResults;
  private pinned = 0;
  private weight = 0;
  private swept: WeakMap<Tensor, Entry> | null = null;
  private sweptCohorts: WeakMap<Cohort, Entry[]> | null = null;
  /**
   * Ids of leaves (tensors, variables, and readings of these), each followed by minus the id that the next tensor had when it
   * became one: ops with smaller ids were not told of it. And the entries of them; with more than 8, a map from ids to indices.
   */
  private leafIds: number[] = noIds;
  private leaves: Entry[] = noEntries;
  private leafMap: Map<number, number> | null = null;
  /** The ids of the next tensors when it began to record, and when that ended; 0 if it has not. And the same of earlier times. */
  private began = 0;
  private ended = 0;
  private earlierSpans: number[] = noIds;
  /** The last ops on tensors that the tape does not know. */
  strangers: Strangers | null = null;
  /** By variables: tensors on the tape that the value assigned last, and those that it updates, were computed from. */
  assigned: Map<number, readonly number[]> | null = null;
  /** The traces of what it recorded, while traces are made. They outlive the entries. */
  traced: Trace[] | null = null;
  /** `id:k` of results of which the rule gave operand k no gradient, in a pass. */
  gaveNull: Set<string> | null = null;
  /** The variables that are watched. */
  variables: VariableInfo[] = noVariables;
  constructor(watchesVariables: boolean) {
    super();
    this.watchesVariables = watchesVariables;
  }

  /** The index of the leaf of this id, or -1. */
  private leafAt(id: number): number {
    return this.leafMap ? (this.leafMap.get(id) ?? -1) : this.leafIds.indexOf(id) >> 1;
  }

  /** The leaf of this id: a watched tensor, a variable, or one of its readings. */
  leaf(id: number): Entry | null {
    const at = this.leafAt(id);
    return at < 0 ? null : (this.leaves[at] as Entry);
  }

  private addLeaf(id: number, leaf: Entry): void {
    this.leafMap?.set(id, this.leaves.length);
    if (this.leafIds === noIds) {
      this.leafIds = [id, -peekId()];
      this.leaves = [leaf];
      return;
    }
    this.leafIds.push(id, -peekId());
    this.leaves.push(leaf);
    if (this.leaves.length === 9) this.leafMap = new Map(this.leaves.map((_, i) => [this.leafIds[2 * i] as number, i]));
  }

  /** Notes on the tensor where its entry is: an index in `entries`, or -1 minus an index in `leaves`. */
  private remember(t: Tensor, index: number): void {
    t.tapeSerial = this.serial;
    t.tapeIndex = index;
  }

  /** Makes the tensor a leaf, unless the tape knows it already. */
  watch(t: Tensor): void {
    if (this.find(t)) return;
    this.addLeaf(t.id, new Entry(leafOp, t.id, t.shape, t.dtype, null));
    this.remember(t, -this.leaves.length);
  }

  /** Makes the variable a leaf, unless it is one already. */
  watchVariable(v: VariableInfo): void {
    const known = this.leaf(v.id);
    if (known?.op === variableOp) return;
    if (this.variables === noVariables) this.variables = [v];
    else this.variables.push(v);
    if (!known) this.addLeaf(v.id, new Entry(variableOp, v.id, v.shape, v.dtype, null));
  }

  override noteReading(t: Tensor, v: VariableInfo): void {
    if (this.watchesVariables && v.trainable) this.watchVariable(v);
    this.read(t, v.id);
  }

  /** Makes a tensor known as a reading of the variable of this id, if that is a leaf. */
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

  /** The entry of the tensor on this tape; null if the tape does not know it. */
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

  // An operand without a rule, or of a dtype that is not floating, is left out of the entry (null): no gradient flows
  // to it. For an operand that the tape does not know nothing is kept.

  override note1(op: RecordedOp, out: Tensor, x: Tensor, attributes: unknown): void {
    const ofX = this.find(x);
    if (!ofX) {
      this.noteStranger(op, out, x, null);
      return;
    }
    if (!this.takes()) return;
    const rule = op.vjps[0];
    const e = new Entry(op, out.id, out.shape, out.dtype, attributes);
    if (rule && isFloating(x.dtype)) {
      e.count = 1;
      e.ofX = ofX;
      e.shapeX = x.shape;
      if (rule.needs) e.save(rule.needs, x, null, out);
    } else {
      e.blocked = [x.id];
    }
    this.append(e, out);
  }

  override note2(op: RecordedOp, out: Tensor, x: Tensor, y: Tensor, attributes: unknown): void {
    const knownX = this.find(x);
    const knownY = this.find(y);
    if (!(knownX || knownY)) {
      this.noteStranger(op, out, x, y);
      return;
    }
    if (!this.takes()) return;
    const ruleX = op.vjps[0];
    const ruleY = op.vjps[1];
    const e = new Entry(op, out.id, out.shape, out.dtype, attributes);
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
    if (ofX !== knownX || ofY !== knownY) e.blocked = blockedOf([x, y], [knownX, knownY], [ofX, ofY]);
    this.append(e, out);
  }

  override noteMany(op: RecordedOp, outs: readonly Tensor[], operands: readonly Tensor[], attributes: unknown): void {
    if (this.noteDifferentiable(op, outs, operands, attributes)) return;
    if (!this.knowsAny(operands)) {
      if (operands.length > 0) this.noteStranger(op, outs[0] as Tensor, operands[0] as Tensor, operands[1] ?? null);
      return;
    }
    if (!this.takes()) return;
    for (const out of outs) {
      const e = newEntry(op, out, attributes);
      e.blocked = this.knownIds(operands);
      this.append(e, out);
    }
  }

  override noteAssigned(v: VariableInfo, _value: Tensor, from: readonly Tensor[], isUpdate: boolean): void {
    const before = isUpdate ? this.assigned?.get(v.id) : undefined;
    const known = latestOf(before ?? [], this.knownIds(from));
    if (known.length === 0) {
      this.assigned?.delete(v.id);
      return;
    }
    this.assigned ??= new Map();
    this.assigned.set(v.id, known);
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
      } else {
        e.blocked = this.knownIds(operands);
      }
      this.append(e, out);
    });
  }

  private noteStranger(op: RecordedOp, out: Tensor, x: Tensor, y: Tensor | null): void {
    this.strangers ??= new Strangers();
    this.strangers.note(op, out, x, y);
  }

  private knownIds(tensors: readonly Tensor[]): number[] {
    return tensors.filter((t) => this.find(t)).map((t) => t.id);
  }

  private knowsAny(tensors: readonly Tensor[]): boolean {
    for (const t of tensors) if (this.find(t)) return true;
    return false;
  }

  /** Notes the op, if the tape knows an operand to which a gradient flows. Returns whether there is one. */
  private noteDifferentiable(
    op: RecordedOp,
    outs: readonly Tensor[],
    operands: readonly Tensor[],
    attributes: unknown,
  ): boolean {
    const out = outs[0] as Tensor;
    const [x, y] = operands;
    let { needs } = op;
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
    e.setOperands(entries, operands);
    if (needs && x) {
      e.save(needs, x, y ?? null, out);
      e.saveFurther(needs, operands);
    }
    if (entries.includes(null)) {
      const known = operands.map((t) => this.find(t));
      e.blocked = blockedOf(operands, known, entries);
    }
    this.append(e, out);
    if (outs.length === 1) return true;
    const results = outs.map((t, k) => (k === 0 ? e : newEntry(op, t, null)));
    e.setResults(results);
    for (let k = 1; k < outs.length; k++) this.append(results[k] as Entry, outs[k] as Tensor);
    return true;
  }

  private append(e: Entry, out: Tensor): void {
    this.remember(out, this.entries.length);
    if (isTracing()) {
      this.traced ??= [];
      this.traced.push(traceEntry(e, out));
    }
    if (this.results === noResults) this.results = [];
    this.entries.push(e);
    this.results.push(out);
    if (this.async && this.results.length === 1) queueMicrotask(() => this.sweep());
    this.weight += out.size + kEntryWeight;
    if (this.weight > kSweep) this.sweep();
  }

  /** Moves the entries after the pinned ones, and their results, from the list into weak maps. */
  private sweep(): void {
    const { results, entries, pinned } = this;
    if (results.length === 0) return;
    if (results.length <= kMostSweptSingly) {
      this.swept ??= new WeakMap();
      for (let i = 0; i < results.length; i++) this.swept.set(results[i] as Tensor, entries[pinned + i] as Entry);
    } else {
      this.sweepCohorts();
    }
    this.results = noResults;
    this.entries = entries.slice(0, pinned);
    this.weight = 0;
    this.serial = nextSerial++;
  }

  private sweepCohorts(): void {
    const { results, entries, pinned } = this;
    this.sweptCohorts ??= new WeakMap();
    startCohort(); // else the current cohort would stay alive, and what is kept by it
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

  /** Says that it begins to record. */
  begins(): void {
    if (this.began > 0) {
      if (this.ended === 0) return;
      const { began, ended } = this;
      this.ended = 0;
      // Nothing was computed since it ended: it goes on.
      if (ended === peekId()) return;
      // A loop may come here at each of its steps: a list that is copied would cost the square of them.
      if (this.earlierSpans === noIds) this.earlierSpans = [];
      // Only the first span matters though nothing was computed in it: it says what came before the tape.
      if (began < ended || this.earlierSpans.length === 0) this.earlierSpans.push(began, ended);
    }
    this.began = peekId();
  }

  /** Says that it ends, until it begins again. */
  ends(): void {
    if (this.began > 0 && this.ended === 0) this.ended = peekId();
  }

  /** Ids of the next tensors when it began to record, ended, began again ... */
  get spans(): readonly number[] {
    return [...this.earlierSpans, this.began, this.ended].filter((id) => id > 0);
  }

  /** What notes rules that gave no gradient, in a pass. */
  nullNoter(): (entry: Entry, k: number) => void {
    return (entry, k) => {
      this.gaveNull ??= new Set();
      this.gaveNull.add(`${entry.outId}:${k}`);
    };
  }

  /** Its leaves and its entries, in the order in which they were made; those that a sweep has moved are left out. */
  all(): readonly Entry[] {
    return [...new Set(this.leaves), ...this.entries];
  }

  /** The entry of the result or leaf of this id; null if there is none, or if a sweep has moved it. */
  byId(id: number): Entry | null {
    return this.leaf(id) ?? findEntry(this.entries, id);
  }

  /** When the tensor or variable of this id became a leaf; null if it is none. */
  since(id: number): number | null {
    const at = this.leafAt(id);
    return at < 0 ? null : -(this.leafIds[2 * at + 1] as number);
  }

  /** Pins all entries: stops tracking whether their results are reachable, so they stay until the tape is consumed. */
  override left(): void {
    this.ends();
    this.results = noResults;
    this.pinned = this.entries.length;
    this.weight = 0;
  }

  /** Forgets entries, leaves and watched variables; then the tape knows no tensor. */
  reset(): void {
    this.release();
    this.serial = nextSerial++;
    this.firstId = peekId();
    this.leafIds = noIds;
    this.leaves = noEntries;
    this.leafMap = null;
    this.strangers = null;
    this.assigned = null;
    this.traced = null;
    this.began = this.ended = 0;
    this.earlierSpans = noIds;
    this.begins();
    this.variables = noVariables;
  }

  /**
   * Says that a pass of backpropagation begins: entries keep their tensors until it ends, even if the tape is released
   * meanwhile.
   */
  beginPass(): void {
    this.passes++;
  }

  /** Says that a pass has ended. */
  endPass(): void {
    this.passes--;
    if (this.passes > 0 || this.toRelease === null) return;
    releaseEntries(this.toRelease);
    this.toRelease = null;
  }

  /** Lets go of all entries and of everything that they keep. */
  release(): void {
    if (this.passes === 0) releaseEntries(this.entries);
    else this.toRelease = this.toRelease === null ? this.entries : [...this.toRelease, ...this.entries];
    this.entries = [];
    this.swept = null;
    this.sweptCohorts = null;
    this.left();
  }
}

/** The entry of the result with this id, in a list that is in the order of ids: binary search. */
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

/** Ids of the operands that the tape knows though the entry leaves them out; null if there are none. */
function blockedOf(
  operands: readonly Tensor[],
  known: readonly (Entry | null)[],
  taken: readonly (Entry | null)[],
): readonly number[] | null {
  let ids: number[] | null = null;
  for (let k = 0; k < operands.length; k++) {
    if (known[k] && !taken[k]) {
      ids ??= [];
      ids.push((operands[k] as Tensor).id);
    }
  }
  return ids;
}

/** The op of an entry that passes the cotangent on to the entry of another tensor with the same value. */
const sameOp: RecordedOp = {
  name: 'identity',
  vjps: [{ needs: keep.nothing, pull: (ct) => ct }],
  pullAll: null,
  needs: 0,
  forward: 'elementwise',
};

function newEntry(op: RecordedOp, out: Tensor, attributes: unknown): Entry {
  return new Entry(op, out.id, out.shape, out.dtype, attributes);
}
