/**
 * Slabs: memory of V8's that tensors have one after another; one is used again once the tensor that had it is collected. Asks V8 to
 * collect, so that this is soon.
 */
import { constants } from 'node:buffer';
import type { DType } from '../base/dtype.js';
import { dtypeBytes } from '../base/dtype.js';
import { GradtapeError } from '../base/errors.js';
import type { MemoryInfo } from './addon.js';
import * as addon from './addon.js';
import { addressOf, common, released, track } from './addon.js';
import { collectAll, collectYoung } from './collector.js';
import { setNoting } from './config.js';
import { atRest, expectRest } from './rest.js';

/** A slab: memory that tensors have one after another. */
export interface Slab {
  readonly memory: ArrayBuffer;
  readonly offset: number;
  readonly address: number;
  readonly bytes: number;
}

export const kAlignment = 64;
// The first write to fresh memory causes one page fault per 4 KB, which takes 13 times as long as with huge pages
// (measured: 2.3 ms against 0.17 ms for 4 MB). So large buffers start on the boundary of a huge page, and the addon
// asks the system for huge pages there.
export const kHugePage: number = 2 ** 21;
/**
 * The most bytes of idle slabs; the system gets back what is beyond. (Clearing fresh pages takes as long as computing
 * their elements.)
 */
const kIdleLimit = 2 ** 29;
/** The most bytes of idle slabs while the program rests. */
const kRestLimit = 2 ** 26;
/**
 * After handing out so many bytes, V8 is asked to collect: early, so that dead slabs are still in the CPU cache when
 * they are used again. But what has survived two such collections is old for V8, and only a full one finds it dead: where
 * that is much, V8 is asked half as often, down to once in twice the bytes that are alive: a step's results, if they are kept
 * until the next step's are there, then see one collection at most.
 */
const kNudgeBytes = 24 * 2 ** 20;
/**
 * Of small slabs, which stay in a nearer cache, V8 is asked after fewer bytes already, while a collection is quick: one of few
 * objects takes 0.1 ms. (Measured: to add 10,000 elements takes 8.5 us if 24 MB are in turn, and 5.2 if 4 MB are.)
 */
const kSmallNudgeBytes = 4 * 2 ** 20;
const kSmallSlabs = 64; // at least so many make kSmallNudgeBytes
const kQuickCollection = 0.3; // ms
/** Of each kTryEvery slow collections in turn the first kTries come early, to see whether they are quick again. */
const kTries = 2;
const kTryEvery = 8;
/**
 * When tensors have so many bytes, and need a new slab or have more than after any collection since a full one, the next
 * kNotedValues pending values are noted (growth.ts).
 */
const kNotedFrom = 24 * 2 ** 20;
const kNotedValues = 2 ** 14;
const slabs: (Slab | null)[] = [];
const vacant: number[] = []; // unused indices of `slabs`
const watched = new Map<number, { isGone: boolean }>(); // by an index of `slabs` without a slab
const idle = new Map<number, number[]>(); // indices of idle slabs by size; the size asked for latest is last
let latestIdle: number[] = []; // the list for the size asked for latest
let latestSize = 0;
let idleBytes = 0;
let heldBytes = 0; // of all slabs, idle or not
let sinceNudge = 0; // bytes handed out since V8 was last asked to collect
let smallSinceNudge = 0; // of those, in small slabs
let nudgeBytes = kNudgeBytes; // after handing out so many, V8 is asked now
let mostAfterNudge = 0; // the most bytes in slabs right behind a collection, since the last full one
let aliveAtRest = 0; // bytes in slabs behind the full collection of the last rest that had one
let slowCollections = 0; // in turn
let allocatedEver = 0;

/** A fresh slab whose address is a multiple of `boundary`; of huge pages, if it can be and `plain` is false. */
export function alignedMemory(dtype: DType, size: number, bytes: number, boundary: number, plain = false): Slab {
  const memory = memoryFor(dtype, size, bytes + boundary);
  const base = addressOf(memory, plain);
  const offset = (boundary - (base % boundary)) % boundary;
  return { memory, offset, address: base + offset, bytes };
}

/**
 * The largest ArrayBuffer that `Buffer` makes without clearing: 4 GiB on Node 20, beyond all memory on later versions.
 */
const kBufferLimit = constants.MAX_LENGTH;

/** An ArrayBuffer that is not cleared. `size` elements are what it is for. */
export function memoryFor(dtype: DType, size: number, bytes: number): ArrayBuffer {
  const make = (): ArrayBuffer => Buffer.allocUnsafeSlow(bytes).buffer as ArrayBuffer;
  const what = `gradtape: no memory for ${size} elements of ${dtype} (${size * dtypeBytes[dtype]} bytes)`;
  if (bytes > kBufferLimit) {
    throw new GradtapeError(
      'ERR_OUT_OF_MEMORY',
      `${what}: a tensor is one ArrayBuffer, of which Node ${process.version} makes at most ${kBufferLimit} bytes`,
    );
  }
  try {
    return make();
  } catch {
    clearIdle(); // the idle slabs may be what is missing
  }
  try {
    return make();
  } catch {
    throw new GradtapeError('ERR_OUT_OF_MEMORY', `${what}: the system gives Node ${process.version} no more`);
  }
}

/** Makes the slabs of collected tensors idle. */
function reclaim(): void {
  for (const index of released() ?? []) {
    const slab = slabs[index];
    if (!slab) {
      forgetWatched(index);
      continue;
    }
    const { bytes } = slab;
    const list = idle.get(bytes);
    if (list) list.push(index);
    else idle.set(bytes, [index]);
    idleBytes += bytes;
  }
  while (idleBytes > kIdleLimit) dropSlab();
  if (idleBytes > kRestLimit) expectRest();
}

/** Says of `told`, from the next collection on that finds it so, that nobody has `owner` any more. */
export function whenGone(owner: object, told: { isGone: boolean }): void {
  const index = vacant.pop() ?? slabs.length;
  slabs[index] = null;
  watched.set(index, told);
  track(owner, 0, index);
}

function forgetWatched(index: number): void {
  const past = watched.get(index);
  if (past) past.isGone = true;
  watched.delete(index);
  vacant.push(index);
}

atRest({
  work: () => allocatedEver,
  release: () => {
    const limit = superseded ? 0 : kRestLimit;
    if (heldBytes <= limit) return;
    collectYoung();
    reclaim();
    if (bytesInSlabs() > Math.max(kRestLimit, 2 * aliveAtRest)) aliveAtRest = bytesAlive();
    while (idleBytes > limit) dropSlab();
  },
});

// A copy of the library that is loaded after this one (by a test runner or a hot reload) most likely replaces it: then
// this copy keeps no idle slabs at rest. `common` holds the function that tells the copy before.
let superseded = false;
function supersede(): void {
  superseded = true;
  expectRest();
}
(common['latest'] as WeakRef<() => void> | undefined)?.deref()?.();
common['latest'] = new WeakRef(supersede);

/** Frees an idle slab, of the size that has not been asked for for the longest time. */
function dropSlab(): void {
  for (const [bytes, list] of idle) {
    const index = list.pop();
    if (index === undefined) {
      if (list !== latestIdle) idle.delete(bytes);
      continue;
    }
    addon.free((slabs[index] as Slab).memory);
    slabs[index] = null;
    heldBytes -= bytes;
    vacant.push(index);
    idleBytes -= bytes;
    return;
  }
}

function newSlab(dtype: DType, size: number, bytes: number, plain: boolean): number {
  const isHuge = bytes >= kHugePage && !plain;
  const slab = alignedMemory(dtype, size, bytes, isHuge ? kHugePage : kAlignment, plain);
  const index = vacant.pop() ?? slabs.length;
  slabs[index] = slab;
  heldBytes += bytes;
  if (heldBytes > kRestLimit) expectRest();
  noteIfMuch();
  return index;
}

/** Has the next pending values noted (growth.ts), if tensors have much. */
export function noteIfMuch(): void {
  if (bytesInSlabs() > kNotedFrom) setNoting(kNotedValues);
}

/** Bytes of the slabs that tensors have; also of those that are dead, as long as nobody found out. */
export function bytesInSlabs(): number {
  return heldBytes - idleBytes;
}

/** As `bytesInSlabs`, of what was handed out before V8 was last asked to collect. */
export function bytesNotYoung(): number {
  return bytesInSlabs() - sinceNudge;
}

/** The bytes of slabs whose tensors are alive, after a full collection. */
export function bytesAlive(): number {
  collectAll();
  reclaimAll();
  forgetHandedOut();
  mostAfterNudge = bytesInSlabs();
  return mostAfterNudge;
}

/** Says how many bytes a full collection found dead that collections of young objects had not. */
export function missedByNudges(bytes: number): void {
  if (bytes <= nudgeBytes / 2) return;
  nudgeBytes = Math.max(kNudgeBytes, 2 * Math.min(nudgeBytes, bytesInSlabs()));
}

/** Makes this size the one asked for latest: the last in the map's order. */
function makeLatest(bytes: number): void {
  latestSize = bytes;
  latestIdle = idle.get(bytes) ?? [];
  idle.delete(bytes);
  idle.set(bytes, latestIdle);
}

function isNudgeDue(bytes: number): boolean {
  if (sinceNudge > Math.max(nudgeBytes, 3 * bytes)) return true;
  return smallSinceNudge > kSmallNudgeBytes && slowCollections % kTryEvery < kTries;
}

function forgetHandedOut(): void {
  sinceNudge = 0;
  smallSinceNudge = 0;
}

function nudge(): void {
  forgetHandedOut();
  const start = performance.now();
  collectYoung();
  slowCollections = performance.now() - start < kQuickCollection ? 0 : slowCollections + 1;
  reclaim(); // now, though others lie idle still: what died last is in the nearest cache
  const left = bytesInSlabs();
  nudgeBytes = Math.max(kNudgeBytes, Math.min(nudgeBytes, 2 * left));
  if (left > mostAfterNudge) {
    mostAfterNudge = left;
    noteIfMuch();
  }
}

/** The index of a slab of so many bytes, for `size` elements. */
export function takeSlab(dtype: DType, size: number, bytes: number, plain: boolean): number {
  sinceNudge += bytes;
  allocatedEver += bytes;
  if (kSmallSlabs * bytes <= kSmallNudgeBytes) smallSinceNudge += bytes;
  if (isNudgeDue(bytes)) nudge();
  if (bytes !== latestSize) makeLatest(bytes);
  if (latestIdle.length === 0) reclaim();
  let index = latestIdle.pop();
  if (index === undefined) index = newSlab(dtype, size, bytes, plain);
  else idleBytes -= bytes;
  return index;
}

/** The slab of an index that `takeSlab` gave out. */
export function slabAt(index: number): Slab {
  return slabs[index] as Slab;
}

/** As `reclaim`, which looks for dead owners only after enough new ones came. */
export function reclaimAll(): void {
  addon.memory(); // looks at each
  reclaim();
}

/** Frees all idle slabs. */
function clearIdle(): void {
  reclaimAll();
  while (idleBytes > 0) dropSlab();
}

/** The memory that is alive and that the library keeps. */
export function memory(): MemoryInfo {
  const info = addon.memory();
  reclaim();
  info.tensors -= watched.size;
  info.idleBytes += idleBytes;
  return info;
}

/** Frees what is kept for later: slabs of tensors that are gone, idle arenas, the plans of programs. */
export function clearKept(): void {
  collectAll(); // so that the slabs of tensors that died lately are known
  clearIdle();
  addon.clear();
}
