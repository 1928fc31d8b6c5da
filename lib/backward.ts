/** Reverse accumulation: cotangent -> vjp -> sum to the operand's shape -> add, all in this one place. */
import { IndexedSlices } from './indexed-slices.js';
import { add } from './ops/arithmetic.js';
import { range } from './ops/creation.js';
import { densify } from './ops/indexing.js';
import { sumTo } from './ops/structure.js';
import { concat } from './ops/windows.js';
import type { Shape } from './shape.js';
import { sameShape } from './shape.js';
import type { Cotangent, Entry, Recording } from './tape.js';
import { isOnTape, offTape, releaseEntry } from './tape.js';
import type { Tensor } from './tensor.js';
import { uniformTensor } from './tensor.js';

/** A target's place on the tape and the cotangent that it starts with. */
export interface Seed {
  readonly slot: number;
  readonly ct: Tensor;
}

function isZero(t: Cotangent): boolean {
  // A zero that an outer tape knows (a cotangent that was given) is still a function of it.
  return !(t instanceof IndexedSlices) && t.uniform === 0 && !Object.is(t.uniform, -0) && !isOnTape(t);
}

function slicesOf(ct: Cotangent): IndexedSlices {
  if (ct instanceof IndexedSlices) return ct;
  return new IndexedSlices(ct, range(0, ct.shape[0] as number, 1, { dtype: 'int32' }), ct.shape);
}

function sum(a: Cotangent | null | undefined, b: Cotangent): Cotangent {
  if (!a) return b;
  if (a instanceof IndexedSlices || b instanceof IndexedSlices) {
    const p = slicesOf(a);
    const q = slicesOf(b);
    return new IndexedSlices(concat([p.values, q.values], 0), concat([p.indices, q.indices], 0), p.denseShape);
  }
  // A known zero adds nothing; structure that is not there need not be computed.
  if (isZero(a)) return b;
  if (isZero(b)) return a;
  return add(a, b);
}

function shapedAs(ct: Cotangent, shape: Shape): Cotangent {
  if (ct instanceof IndexedSlices || sameShape(ct.shape, shape)) return ct;
  return sumTo(ct, shape);
}

let passes = 0;

/** One pass: what is wanted, and the cotangents gathered so far. */
class Pass {
  private readonly entries: readonly Entry[];
  private readonly sources: readonly number[];
  private readonly sourceSet: Set<number> | null;
  /** An entry whose mark is this lies between a source and anything; only those are differentiated. */
  private readonly mark: number = ++passes;
  private readonly last: number;
  private readonly cts: (Cotangent | null | undefined)[];
  private readonly leaves: (Cotangent | null | undefined)[] = [];

  constructor(entries: readonly Entry[], sources: readonly number[], last: number) {
    this.entries = entries;
    this.sources = sources;
    this.sourceSet = sources.length > 8 ? new Set(sources) : null;
    this.last = last;
    this.cts = new Array(last + 1);
  }

  private isSource(slot: number): boolean {
    if (this.sources.length === 1) return this.sources[0] === slot;
    return this.sourceSet ? this.sourceSet.has(slot) : this.sources.includes(slot);
  }

  private isWanted(slot: number): boolean {
    return slot !== offTape && ((slot >= 0 && (this.entries[slot] as Entry).mark === this.mark) || this.isSource(slot));
  }

  put(slot: number, ct: Cotangent): void {
    if (slot <= -2) this.leaves[-2 - slot] = sum(this.leaves[-2 - slot], ct);
    else if (slot !== offTape) this.cts[slot] = sum(this.cts[slot], ct);
  }

  result(slot: number): Cotangent | null {
    if (slot === offTape) return null;
    return (slot <= -2 ? this.leaves[-2 - slot] : this.cts[slot]) ?? null;
  }

  /** Marks what the sources reach; returns the first entry that can matter. */
  reach(): number {
    const { entries, mark, sources, last } = this;
    let from = last + 1;
    for (const slot of sources) if (slot !== offTape) from = slot <= -2 ? 0 : Math.min(from, slot);
    for (let i = from; i <= last; i++) {
      const e = entries[i] as Entry;
      const { slots, behind } = e;
      if (behind > 0) {
        e.mark = (entries[i - behind] as Entry).mark;
        continue;
      }
      for (let k = 0; k < slots.length; k++) {
        if (this.isWanted(slots[k] as number)) {
          e.mark = mark;
          break;
        }
      }
    }
    return from;
  }

  /** Pulls the cotangents of entry i's results back to its operands. */
  pull(i: number): void {
    const e = this.entries[i] as Entry;
    if (e.behind > 0) return; // the entry of the first result pulls for all of them
    if (e.mark === this.mark) {
      if (e.op.pullAll) this.pullTogether(e, i);
      else {
        const ct = this.cts[i];
        if (ct) this.pullEach(e, densify(ct));
      }
    }
    for (let k = i; k < i + e.width && k <= this.last; k++) if (!this.isSource(k)) this.cts[k] = null;
  }

  private pullEach(e: Entry, ct: Tensor): void {
    const { op, slots, shapes } = e;
    for (let k = 0; k < slots.length; k++) {
      const slot = slots[k] as number;
      if (!this.isWanted(slot)) continue;
      const rule = op.vjps[k < op.vjps.length ? k : op.vjps.length - 1];
      const pulled = rule ? rule.pull(ct, e, k) : null;
      if (pulled) this.put(slot, shapedAs(pulled, shapes[k] as Shape));
    }
  }

  private pullTogether(e: Entry, i: number): void {
    const given = Array.from({ length: e.width }, (_, k) => this.cts[i + k] ?? null);
    if (!e.op.pullAll || given.every((ct) => ct === null)) return;
    // A result that nobody differentiated through has a cotangent of zeros.
    const cts = given.map((ct, k) => {
      const { outDType, outShape } = this.entries[i + k] as Entry;
      return ct ? densify(ct) : uniformTensor(0, outDType, outShape);
    });
    const pulled = e.op.pullAll(cts, e);
    e.slots.forEach((slot, k) => {
      const ct = pulled[k];
      if (ct && this.isWanted(slot)) this.put(slot, shapedAs(ct, e.shapes[k] as Shape));
    });
  }
}

/**
 * Cotangents of the sources (slots), in their order; null where no path leads to a target.
 * With `consume`, each entry is released as soon as it is done with.
 */
export function backpropagate(
  tape: Recording,
  seeds: readonly Seed[],
  sources: readonly number[],
  consume: boolean,
  signal?: AbortSignal,
): (Cotangent | null)[] {
  const { entries } = tape;
  let last = -1;
  for (const { slot } of seeds) if (slot > last) last = slot;
  const pass = new Pass(entries, sources, last);
  const from = pass.reach();
  for (const { slot, ct } of seeds) pass.put(slot, ct);
  for (let i = last; i >= from; i--) {
    if (signal?.aborted) throw signal.reason;
    pass.pull(i);
    if (consume) releaseEntry(entries[i] as Entry);
  }
  return sources.map((slot) => pass.result(slot));
}
