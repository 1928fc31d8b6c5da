/**
 * Backpropagation (reverse accumulation): from the cotangents of targets to those of sources, entry by entry. Here
 * alone rules are called, their cotangents summed to the operand's shape and added up.
 */

import type { Shape } from '../base/shape.js';
import { checksRules } from '../engine/config.js';
import { isPiecewise } from '../engine/evaluate.js';
import type { Tensor } from '../engine/tensor.js';
import { peekId, uniformTensor } from '../engine/tensor.js';
import { checkPulled, unchecked } from '../op/numerics.js';
import { add } from '../primitives/arithmetic.js';
import { concatAlong } from '../primitives/box.js';
import { densify, IndexedSlices } from '../primitives/gather.js';
import { iota } from '../primitives/iota.js';
import { sumTo } from '../primitives/movement.js';
import { type Cotangent, type Entry, ruleOf } from '../record/entry.js';

/** The entry of a target, and its cotangent. */
export interface TargetEntry {
  readonly entry: Entry;
  readonly ct: Tensor;
}

/** A cotangent as IndexedSlices: of a dense one, all rows. */
function slicesOf(ct: Cotangent): IndexedSlices {
  if (ct instanceof IndexedSlices) return ct;
  return new IndexedSlices(ct, iota(ct.shape[0] as number), ct.shape);
}

/** The sum of two cotangents of one value. Sparse ones are concatenated, not added. */
function sum(a: Cotangent | null | undefined, b: Cotangent): Cotangent {
  if (!a) return b;
  if (a instanceof IndexedSlices || b instanceof IndexedSlices) {
    const p = slicesOf(a);
    const q = slicesOf(b);
    return new IndexedSlices(
      concatAlong([p.values, q.values], 0),
      concatAlong([p.indices, q.indices], 0),
      p.denseShape,
    );
  }
  // Zeros are added like anything else. Leaving out those that are known would make the sign of a zero depend on what
  // has been computed.
  return add(a, b);
}

// A heap of entries, the latest (largest outId) on top, from which a pass takes its entries in order. It is empty
// before any rule runs, so nested passes share it. The array keeps its length: V8 would shrink and grow it in each pass.
const heap: (Entry | null)[] = [];
let heapSize = 0;

function pushEntry(e: Entry): void {
  let at = heapSize++;
  while (at > 0) {
    const above = (at - 1) >> 1;
    const parent = heap[above] as Entry;
    if (parent.outId > e.outId) break;
    heap[at] = parent;
    at = above;
  }
  heap[at] = e;
}

function popEntry(): Entry {
  const top = heap[0] as Entry;
  const size = --heapSize;
  const last = heap[size] as Entry;
  heap[size] = null;
  if (size === 0) return top;
  let at = 0;
  for (;;) {
    let below = 2 * at + 1;
    if (below >= size) break;
    if (below + 1 < size && (heap[below + 1] as Entry).outId > (heap[below] as Entry).outId) below++;
    const child = heap[below] as Entry;
    if (child.outId < last.outId) break;
    heap[at] = child;
    at = below;
  }
  heap[at] = last;
  return top;
}

// What an entry is to a pass. An entry's mark is the mark of the pass plus one of these.
const kMet = 0;
const kWanted = 1; // it lies between a source and a target: only these are differentiated
const kSource = 2;
const kStates = 3;

const nothing: (Cotangent | null | undefined)[] = [];

/** Told of a rule that gave operand k of an entry no gradient. */
export type NullListener = (entry: Entry, k: number) => void;

/** Of passes while a profile is taken: the ids of the tensors that their rules made, [from, to). */
export const backwardSpans: (readonly [from: number, to: number])[] = [];

/** The mark of the latest pass; those of passes are kStates apart. */
let marks = 0;
/** The pass that is running, if any. A rule may start another within it. */
let current: Pass | null = null;

/** The part of an AbortSignal that a pass reads. */
interface Aborting {
  readonly aborted: boolean;
  readonly reason?: unknown;
}

/**
 * One pass of backpropagation: the entries that the targets depend on, the latest first, and the cotangents added up so
 * far.
 */
class Pass {
  readonly entries: Entry[] = [];
  private readonly sources: readonly (Entry | null)[];
  private cts: (Cotangent | null | undefined)[] = nothing;
  private readonly mark: number;
  /** The id of the earliest source: entries before it cannot depend on any, and are left out. */
  private readonly earliest: number;
  private readonly outer: Pass | null;
  /** The smallest mark of the passes around this one. */
  private readonly outermost: number;
  /** Whether a pass within one of its rules has overwritten marks of its entries. */
  private disturbed = false;
  private readonly gaveNull: NullListener | undefined;

  constructor(outer: Pass | null, sources: readonly (Entry | null)[], gaveNull: NullListener | undefined) {
    this.gaveNull = gaveNull;
    marks += kStates;
    this.mark = marks;
    this.outer = outer;
    this.outermost = outer ? Math.min(outer.outermost, outer.mark) : Number.POSITIVE_INFINITY;
    this.sources = sources;
    let earliest = Number.POSITIVE_INFINITY;
    for (const source of sources) if (source && source.outId < earliest) earliest = source.outId;
    this.earliest = earliest;
  }

  /** Those between the sources and a target, the latest first. */
  between(target: Entry): Entry[] {
    this.collect([{ entry: target }]);
    this.reach();
    return this.entries.filter((e) => this.isWanted(e));
  }

  private start(targets: readonly TargetEntry[]): void {
    this.collect(targets);
    this.cts = new Array(this.entries.length);
    this.reach();
    for (const { entry, ct } of targets) if (this.has(entry)) this.addCotangent(entry, ct);
  }

  /** The cotangents of the sources. */
  run(targets: readonly TargetEntry[], consume: boolean, signal: Aborting | undefined): (Cotangent | null)[] {
    this.start(targets);
    const { entries } = this;
    for (let i = 0; i < entries.length; i++) {
      if (signal?.aborted) throw signal.reason;
      const e = entries[i] as Entry;
      this.pull(e);
      if (consume) e.release();
    }
    return this.sources.map((source) => this.result(source));
  }

  /** Goes on after a pass within one of its rules: restores the marks of its entries, if that has overwritten some. */
  resume(): void {
    if (!this.disturbed) return;
    this.disturbed = false;
    this.markAgain();
  }

  /** Puts all entries that the targets depend on, from the earliest source on, into `entries`. */
  private collect(targets: readonly Pick<TargetEntry, 'entry'>[]): void {
    while (heapSize > 0) heap[--heapSize] = null; // entries left by a pass that threw
    for (const { entry } of targets) this.meet(entry);
    while (heapSize > 0) {
      const e = popEntry();
      e.passIndex = this.entries.length;
      this.entries.push(e);
      if (e.firstResult) this.meet(e.firstResult);
      if (e.ofX) this.meet(e.ofX);
      if (e.ofY) this.meet(e.ofY);
      for (let k = 2; k < e.count; k++) {
        const operand = e.operand(k);
        if (operand) this.meet(operand);
      }
    }
  }

  /** Marks an entry and puts it on the heap, when it is met for the first time. */
  private meet(e: Entry): void {
    if (e.mark === this.mark || e.outId < this.earliest) return;
    if (e.mark >= this.outermost) for (let pass = this.outer; pass; pass = pass.outer) pass.disturbed = true;
    e.mark = this.mark;
    pushEntry(e);
  }

  /** Whether the entry is one of this pass. */
  private has(e: Entry): boolean {
    return e.mark >= this.mark && e.mark < this.mark + kStates;
  }

  private isWanted(e: Entry | null): e is Entry {
    return e !== null && (e.mark === this.mark + kWanted || e.mark === this.mark + kSource);
  }

  /** Marks the sources, and the entries that depend on them. */
  private reach(): void {
    const { mark, entries } = this;
    for (const source of this.sources) if (source && this.has(source)) source.mark = mark + kSource;
    for (let i = entries.length - 1; i >= 0; i--) {
      const e = entries[i] as Entry;
      if (e.mark === mark + kMet && this.dependsOnWanted(e)) e.mark = mark + kWanted;
    }
  }

  private dependsOnWanted(e: Entry): boolean {
    if (this.isWanted(e.ofX) || this.isWanted(e.ofY) || this.isWanted(e.firstResult)) return true;
    for (let k = 2; k < e.count; k++) if (this.isWanted(e.operand(k))) return true;
    return false;
  }

  private markAgain(): void {
    this.entries.forEach((e, i) => {
      e.mark = this.mark + kMet;
      e.passIndex = i;
    });
    this.reach();
  }

  private addCotangent(e: Entry, ct: Cotangent): void {
    this.cts[e.passIndex] = sum(this.cts[e.passIndex], ct);
  }

  private result(e: Entry | null): Cotangent | null {
    return e && this.has(e) ? (this.cts[e.passIndex] ?? null) : null;
  }

  /** Pulls the cotangents of an entry's results back to its operands. */
  private pull(e: Entry): void {
    if (e.firstResult) return; // the entry of the first result pulls for all of them
    if (e.mark === this.mark + kWanted || (e.mark === this.mark + kSource && this.dependsOnWanted(e))) {
      if (e.op.pullAll) this.pullTogether(e);
      else {
        const ct = this.cts[e.passIndex];
        if (ct) this.pullEach(e, ct);
      }
    }
    if (e.resultEntries) for (const part of e.resultEntries) this.drop(part);
    else this.drop(e);
  }

  /** Lets go of the cotangent of an entry that is done with; those of sources stay. */
  private drop(e: Entry): void {
    if (e.mark === this.mark + kWanted) this.cts[e.passIndex] = null;
  }

  private pullEach(e: Entry, given: Cotangent): void {
    const ct = densify(given);
    if (this.isWanted(e.ofX)) this.pullOne(e, ct, 0, e.ofX, e.shapeX);
    if (this.isWanted(e.ofY)) this.pullOne(e, ct, 1, e.ofY, e.shapeY);
    for (let k = 2; k < e.count; k++) {
      const operand = e.operand(k);
      if (this.isWanted(operand)) this.pullOne(e, ct, k, operand, e.shape(k));
    }
  }

  private pullOne(e: Entry, ct: Tensor, k: number, operand: Entry, shape: Shape): void {
    const pulled = pulledOne(e, ct, k);
    if (pulled) this.addCotangent(operand, sumTo(pulled, shape));
    else this.gaveNull?.(e, k);
  }

  private pullTogether(e: Entry): void {
    if (!e.op.pullAll) return;
    const parts = e.resultEntries ?? [e];
    const cts: Tensor[] = [];
    let any = false;
    for (const part of parts) {
      const ct = this.has(part) ? this.cts[part.passIndex] : null;
      if (ct) any = true;
      // A result that got no cotangent has zeros, as another result of the op got one.
      cts.push(ct ? densify(ct) : uniformTensor(0, part.outDType, part.outShape));
    }
    if (!any) return;
    const pulled = checksRules() ? allPulledChecked(e, cts) : e.op.pullAll(cts, e);
    for (let k = 0; k < e.count; k++) {
      const operand = e.operand(k);
      const ct = pulled[k];
      if (!this.isWanted(operand)) continue;
      if (ct) this.addCotangent(operand, sumTo(ct, e.shape(k)));
      else this.gaveNull?.(e, k);
    }
  }
}

/** What a rule gives for operand k; with `config.checkNumerics` checked as a whole, by what it was computed from. */
export function pulledOne(e: Entry, given: Tensor, k: number, as?: 'tangent'): Cotangent | null | undefined {
  const rule = ruleOf(e.op, k);
  if (!rule) return null;
  if (!checksRules()) return rule.pull(given, e, k);
  const pulled = unchecked(() => rule.pull(given, e, k));
  if (pulled) checkPulled(e, k, [given], pulled, as);
  return pulled;
}

/** The same of a rule for all operands. The ops of a user's rule are checked one by one. */
function allPulledChecked(e: Entry, cts: readonly Tensor[]): readonly (Cotangent | null)[] {
  const pull = (): readonly (Cotangent | null)[] => e.op.pullAll?.(cts, e) ?? [];
  if (e.op.custom) return pull();
  const pulled = unchecked(pull);
  for (const [k, ct] of pulled.entries()) if (ct) checkPulled(e, k, cts, ct);
  return pulled;
}

/**
 * The cotangents of the sources, in their order; null where no path leads to a target. With `consume`, each entry is
 * released as soon as it is done with. An aborted `signal` makes it throw the signal's reason. `gaveNull` is told of rules
 * that gave no gradient.
 */
export function backpropagate(
  targets: readonly TargetEntry[],
  sources: readonly (Entry | null)[],
  consume: boolean,
  signal?: Aborting,
  gaveNull?: NullListener,
): (Cotangent | null)[] {
  const outer = current;
  const pass = new Pass(outer, sources, gaveNull);
  current = pass;
  const from = peekId();
  try {
    return pass.run(targets, consume, signal);
  } finally {
    if (isPiecewise()) backwardSpans.push([from, peekId()]);
    current = outer;
    outer?.resume();
  }
}

/** The entries that depend on a source, and on which the target depends; the latest first. */
export function entriesBetween(target: Entry, sources: readonly (Entry | null)[]): Entry[] {
  const between = new Pass(current, sources, undefined).between(target);
  current?.resume();
  return between;
}
