/** Reverse accumulation: cotangent -> vjp -> sum to the operand's shape -> add, all in this one place. */

import type { Shape } from '../base/shape.js';
import type { Tensor } from '../engine/tensor.js';
import { uniformTensor } from '../engine/tensor.js';
import { add } from '../primitives/arithmetic.js';
import { concatAlong } from '../primitives/box.js';
import { densify, IndexedSlices } from '../primitives/gather.js';
import { iota } from '../primitives/iota.js';
import { sumTo } from '../primitives/movement.js';
import { type Cotangent, type Entry, ruleOf } from '../record/entry.js';

/** A target's entry and the cotangent that it starts with. */
export interface Seed {
  readonly entry: Entry;
  readonly ct: Tensor;
}

function slicesOf(ct: Cotangent): IndexedSlices {
  if (ct instanceof IndexedSlices) return ct;
  return new IndexedSlices(ct, iota(ct.shape[0] as number), ct.shape);
}

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
  // Zeros are added like anything else: leaving out those that happen to be known would make the sign of zeros depend on looking.
  return add(a, b);
}

// Entries still to be met by the pass that is being prepared: a heap, the latest on top. It is empty again before any rule runs.
const heap: Entry[] = [];

function pushEntry(e: Entry): void {
  let at = heap.length;
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
  const last = heap.pop() as Entry;
  const size = heap.length;
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

// What an entry is to the pass that its mark belongs to, as an offset of the mark.
const kMet = 0;
const kWanted = 1; // lies between a source and a target; only these are differentiated
const kSource = 2;
const kStates = 3;

const nothing: (Cotangent | null | undefined)[] = [];

let marks = 0;
/** The pass that runs now, perhaps within a rule of another. */
let current: Pass | null = null;

/** What an AbortSignal says. */
interface Aborting {
  readonly aborted: boolean;
  readonly reason?: unknown;
}

/** One pass: the entries that the targets depend on, the latest first, and the cotangents gathered so far. */
class Pass {
  readonly entries: Entry[] = [];
  private readonly sources: readonly (Entry | null)[];
  private cts: (Cotangent | null | undefined)[] = nothing;
  private readonly mark: number;
  /** Nothing before the earliest source can depend on one. */
  private readonly earliest: number;
  private readonly outer: Pass | null;
  /** The least mark of the passes around this one. */
  private readonly outermost: number;
  /** A pass within one of its rules has marked some of its entries. */
  private disturbed = false;

  constructor(outer: Pass | null, sources: readonly (Entry | null)[]) {
    marks += kStates;
    this.mark = marks;
    this.outer = outer;
    this.outermost = outer ? Math.min(outer.outermost, outer.mark) : Number.POSITIVE_INFINITY;
    this.sources = sources;
    let earliest = Number.POSITIVE_INFINITY;
    for (const source of sources) if (source && source.outId < earliest) earliest = source.outId;
    this.earliest = earliest;
  }

  private start(seeds: readonly Seed[]): void {
    this.collect(seeds);
    this.cts = new Array(this.entries.length);
    this.reach();
    for (const { entry, ct } of seeds) if (this.has(entry)) this.addCotangent(entry, ct);
  }

  /** Cotangents of the sources. Read while the marks are this pass's own. */
  run(seeds: readonly Seed[], consume: boolean, signal: Aborting | undefined): (Cotangent | null)[] {
    this.start(seeds);
    const { entries } = this;
    for (let i = 0; i < entries.length; i++) {
      if (signal?.aborted) throw signal.reason;
      const e = entries[i] as Entry;
      this.pull(e);
      if (consume) e.release();
    }
    return this.sources.map((source) => this.result(source));
  }

  /** Marks its entries again, if a pass within one of its rules has marked some. */
  resume(): void {
    if (!this.disturbed) return;
    this.disturbed = false;
    this.markAgain();
  }

  private collect(seeds: readonly Seed[]): void {
    if (heap.length > 0) heap.length = 0; // left by a pass that failed
    for (const { entry } of seeds) this.meet(entry);
    while (heap.length > 0) {
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

  private meet(e: Entry): void {
    if (e.mark === this.mark || e.outId < this.earliest) return;
    if (e.mark >= this.outermost) for (let pass = this.outer; pass; pass = pass.outer) pass.disturbed = true;
    e.mark = this.mark;
    pushEntry(e);
  }

  private has(e: Entry): boolean {
    return e.mark >= this.mark && e.mark < this.mark + kStates;
  }

  private isWanted(e: Entry | null): e is Entry {
    return e !== null && (e.mark === this.mark + kWanted || e.mark === this.mark + kSource);
  }

  /** Marks what the sources reach. */
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
    const pulled = ruleOf(e.op, k)?.pull(ct, e, k);
    if (pulled) this.addCotangent(operand, sumTo(pulled, shape));
  }

  private pullTogether(e: Entry): void {
    if (!e.op.pullAll) return;
    const parts = e.resultEntries ?? [e];
    const cts: Tensor[] = [];
    let any = false;
    for (const part of parts) {
      const ct = this.has(part) ? this.cts[part.passIndex] : null;
      if (ct) any = true;
      // A result that nobody differentiated through has a cotangent of zeros.
      cts.push(ct ? densify(ct) : uniformTensor(0, part.outDType, part.outShape));
    }
    if (!any) return;
    const pulled = e.op.pullAll(cts, e);
    for (let k = 0; k < e.count; k++) {
      const operand = e.operand(k);
      const ct = pulled[k];
      if (ct && this.isWanted(operand)) this.addCotangent(operand, sumTo(ct, e.shape(k)));
    }
  }
}

/**
 * Cotangents of the sources, in their order; null where no path leads to a target.
 * With `consume`, each entry is released as soon as it is done with.
 */
export function backpropagate(
  seeds: readonly Seed[],
  sources: readonly (Entry | null)[],
  consume: boolean,
  signal?: Aborting,
): (Cotangent | null)[] {
  const outer = current;
  const pass = new Pass(outer, sources);
  current = pass;
  try {
    return pass.run(seeds, consume, signal);
  } finally {
    current = outer;
    outer?.resume();
  }
}
