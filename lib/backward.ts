/** Reverse accumulation: cotangent -> vjp -> sum to the operand's shape -> add, all in this one place. */
import { IndexedSlices } from './indexed-slices.js';
import { add } from './ops/arithmetic.js';
import { range } from './ops/creation.js';
import { densify } from './ops/indexing.js';
import { concat, sumTo } from './ops/structure.js';
import type { Shape } from './shape.js';
import { sameShape } from './shape.js';
import type { Cotangent, Entry, Recording } from './tape.js';
import { offTape, releaseEntry } from './tape.js';
import type { Tensor } from './tensor.js';
import { uniformTensor } from './tensor.js';

/** A target's place on the tape and the cotangent that it starts with. */
export interface Seed {
  readonly slot: number;
  readonly ct: Tensor;
}

function isZero(t: Cotangent): boolean {
  return !(t instanceof IndexedSlices) && t.uniform === 0 && !Object.is(t.uniform, -0);
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

function fit(ct: Cotangent, shape: Shape): Cotangent {
  if (ct instanceof IndexedSlices || sameShape(ct.shape, shape)) return ct;
  return sumTo(ct, shape);
}

/** Marks the entries between a source and anything: only they are differentiated. Returns the first that can matter. */
function reach(entries: readonly Entry[], marks: Uint8Array, sources: ReadonlySet<number>): number {
  let from = marks.length;
  for (const slot of sources) from = slot <= -2 ? 0 : Math.min(from, slot);
  for (let i = from; i < marks.length; i++) {
    const { slots, behind } = entries[i] as Entry;
    if (behind > 0) {
      marks[i] = marks[i - behind] as number;
      continue;
    }
    for (let k = 0; k < slots.length; k++) {
      const s = slots[k] as number;
      if (s !== offTape && ((s >= 0 && marks[s] === 1) || sources.has(s))) {
        marks[i] = 1;
        break;
      }
    }
  }
  return from;
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
  const entries = tape.entries;
  const isSource = new Set(sources);
  isSource.delete(offTape);
  let last = -1;
  for (const { slot } of seeds) last = Math.max(last, slot);
  const marks = new Uint8Array(last + 1);
  const from = reach(entries, marks, isSource);
  const cts: (Cotangent | null | undefined)[] = new Array(last + 1);
  const leaves: (Cotangent | null | undefined)[] = [];
  const put = (slot: number, ct: Cotangent): void => {
    if (slot <= -2) leaves[-2 - slot] = sum(leaves[-2 - slot], ct);
    else cts[slot] = sum(cts[slot], ct);
  };
  for (const { slot, ct } of seeds) if (slot !== offTape) put(slot, ct);

  for (let i = last; i >= from; i--) {
    const e = entries[i] as Entry;
    if (marks[i] === 1 && e.behind === 0) {
      signal?.throwIfAborted();
      const wanted = (slot: number): boolean =>
        slot !== offTape && ((slot >= 0 && marks[slot] === 1) || isSource.has(slot));
      if (e.op.pullAll) pullTogether(e, resultCotangents(entries, cts, i), wanted, put);
      else if (cts[i]) pullEach(e, densify(cts[i] as Cotangent), wanted, put);
    }
    if (!isSource.has(i)) cts[i] = null;
    if (consume) releaseEntry(e);
  }
  return sources.map((slot) => {
    if (slot === offTape) return null;
    return (slot <= -2 ? leaves[-2 - slot] : cts[slot]) ?? null;
  });
}

function pullEach(
  e: Entry,
  ct: Tensor,
  wanted: (slot: number) => boolean,
  put: (slot: number, ct: Cotangent) => void,
): void {
  const { op, slots, shapes } = e;
  for (let k = 0; k < slots.length; k++) {
    const slot = slots[k] as number;
    if (!wanted(slot)) continue;
    const rule = op.vjps[k < op.vjps.length ? k : op.vjps.length - 1];
    const pulled = rule ? rule.pull(ct, e, k) : null;
    if (pulled) put(slot, fit(pulled, shapes[k] as Shape));
  }
}

/** The cotangents of all results of an op; zeros for a result that nobody differentiated through, null if none has one. */
function resultCotangents(
  entries: readonly Entry[],
  cts: readonly (Cotangent | null | undefined)[],
  i: number,
): Tensor[] | null {
  const { width } = entries[i] as Entry;
  const all = Array.from({ length: width }, (_, k) => cts[i + k] ?? null);
  if (all.every((ct) => ct === null)) return null;
  return all.map((ct, k) => {
    const { outDType, outShape } = entries[i + k] as Entry;
    return ct ? densify(ct) : uniformTensor(0, outDType, outShape);
  });
}

function pullTogether(
  e: Entry,
  cts: Tensor[] | null,
  wanted: (slot: number) => boolean,
  put: (slot: number, ct: Cotangent) => void,
): void {
  if (!cts || !e.op.pullAll) return;
  const pulled = e.op.pullAll(cts, e);
  e.slots.forEach((slot, k) => {
    const ct = pulled[k];
    if (ct && wanted(slot)) put(slot, fit(ct, e.shapes[k] as Shape));
  });
}
