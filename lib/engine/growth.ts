/**
 * Growth of memory: a value that stays pending keeps the elements of its operands. While the memory of tensors grows, such
 * values are noted; when it has grown too much, those that are still alive are computed, and keep nothing any more.
 */
import { keepers } from './addon.js';
import { SlabBuffer, type TensorBuffer } from './buffers.js';
import { flags, setNoting } from './config.js';
import { evaluateUnasked } from './evaluate.js';
import { awaited } from './flight.js';
import { pendingBelow } from './recovery.js';
import { bytesAlive, bytesNotYoung, missedByNudges, noteIfMuch } from './slabs.js';
import { isKnown, operandsOf, type Tensor } from './tensor.js';

/** A value whose operands have fewer elements is not worth noting. */
const kNotedSize = 128;
/**
 * Noted values are computed when so many bytes are alive, and then whenever those have grown by half since values were computed, or
 * since half of them were gone. A full collection tells what is alive: to compute values may take longer, and in vain, if what has
 * grown is dead.
 */
const kLeastBytes = 2 ** 26;
const kGrowth = 1.5;
/**
 * After a full collection that no values were computed for, the next one is due at so many times what it found alive: that is old
 * for V8 from then on, so up to as much again may be dead soon without being found.
 */
const kGrowthOfDead = 2.25;
/** So much later it is looked what computing values has left: the call that made the last of them still has some. */
const kSettled = 2 ** 23;
let base = 0; // bytes alive after values were computed
let settling = false; // they were, and base is not known yet
let lowest = 0; // the least bytes in slabs since then: no less than what they left
let released = false; // values were computed since the last look, but not for their memory (crowd.ts)
let lookAt = kLeastBytes; // bytes in slabs that have seen a collection, dead ones too

/** Called of each value that is made while `flags.noting` is positive. */
export function noteMade(t: Tensor): void {
  if (!isKnown(t) && freesMemory(t)) keepers.add(t);
  setNoting(flags.noting - 1);
  const bytes = bytesNotYoung();
  if (settling && bytes < lowest) {
    lowest = bytes;
    lookAt = Math.min(lookAt, Math.max(kLeastBytes, kGrowth * bytes));
  }
  if (bytes > lookAt) bound();
}

/** Says that pending values were computed: what they kept is released, and the next values are noted if that is much. */
export function noteReleased(): void {
  released = true;
  noteIfMuch(); // what is released is used again without a new slab, which would do so
}

/** Whether a pending value takes no more than its operands, and those are large. */
function freesMemory({ x, y, more, size }: Tensor): boolean {
  let operands = (x?.size ?? 0) + (y?.size ?? 0);
  if (more) for (const m of more) operands += m.size;
  return operands >= kNotedSize && size <= operands;
}

/** The noted values that are alive and pending; they are noted no longer. */
function takeNoted(): Tensor[] {
  return (keepers.take() as Tensor[]).filter((t) => !isKnown(t));
}

/** The operands of all of them. */
export function operandsOfAll(tensors: Iterable<Tensor>): Tensor[] {
  return Array.from(tensors, operandsOf).flat();
}

/** Whether somebody's elements are another's now: a value computed of them takes more memory than it frees. */
function hasPassed({ buffer }: Tensor): boolean {
  return buffer instanceof SlabBuffer && buffer.hasPassed;
}

/** Computes the noted values that are alive and no operand of others; returns whether there were any. */
function computeNoted(): boolean {
  const soon = pendingBelow(awaited()); // or this thread would compute them as well
  const noted = takeNoted().filter((t) => !soon.has(t));
  const below = pendingBelow(operandsOfAll(noted));
  const all = noted.filter((t) => !below.has(t));
  const reads = (values: readonly Tensor[]): boolean => operandsOfAll(pendingBelow(values)).some(hasPassed);
  const tops = reads(all) ? all.filter((t) => !reads([t])) : all;
  if (tops.length > 0) evaluateUnasked(tops);
  return tops.length > 0;
}

/** A function of its own, which holds none of the tensors whose memory is to be found. */
function bound(): void {
  const before = bytesNotYoung();
  const alive = bytesAlive();
  const settled = settling;
  if (!settled && !released) missedByNudges(before - alive);
  released = false;
  if (settled) base = Math.min(alive, lowest);
  else if (alive < base / 2) base = alive;
  const isMuch = alive > Math.max(kLeastBytes, kGrowth * base);
  settling = isMuch && computeNoted();
  if (isMuch && !settling) base = alive;
  lowest = alive;
  lookAt = settling ? alive + kSettled : Math.max(kLeastBytes, (settled ? kGrowth : kGrowthOfDead) * alive);
}

/** Bytes of the elements that noted values keep for themselves or together, whoever else has them. */
export function bytesKept(): number {
  const noted = takeNoted();
  for (const t of noted) keepers.add(t);
  const buffers = new Set<TensorBuffer>();
  for (const { buffer } of operandsOfAll(pendingBelow(noted))) if (buffer) buffers.add(buffer);
  let bytes = 0;
  for (const buffer of buffers) bytes += buffer.bytes;
  return bytes;
}
