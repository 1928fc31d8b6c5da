/** Memory for elements, in slabs of V8's: a slab is used again once the tensor that had it is collected. */
import { constants } from 'node:buffer';
import type { DType, TypedArray } from '../base/dtype.js';
import { dtypeBytes, newArray, viewOf } from '../base/dtype.js';
import { GradtapeError } from '../base/errors.js';
import type { MemoryInfo } from './addon.js';
import * as addon from './addon.js';
import { addressOf, common, released, track } from './addon.js';
import { collectAll, collectYoung } from './collector.js';
import { setNoting } from './config.js';
import { atRest, expectRest } from './rest.js';

/**
 * The elements of tensors; users never get them. Where the addon reads or writes them they are in memory, 64-byte aligned, and
 * whoever gave it the address keeps this object alive meanwhile.
 */
export interface TensorBuffer {
  readonly address: number;
  readonly elements: TypedArray;
  /** How many bytes it keeps. */
  readonly bytes: number;
  /** The serial of the program that last had the elements as an input. */
  serial: number;
  /** The index of that input there. */
  index: number;
}

/** Elements in V8's heap, where they have no address: they are copied into memory when a program reads them. */
export class HeapBuffer implements TensorBuffer {
  elements: TypedArray;
  serial = 0;
  index = 0;
  private placed = 0;
  private readonly dtype: DType;
  /** Its place on the stage, in elements, until they are taken from there. */
  private staged: number;
  constructor(dtype: DType, elements: TypedArray, staged = -1) {
    this.dtype = dtype;
    this.elements = elements;
    this.staged = staged;
  }
  get bytes(): number {
    return this.elements.byteLength;
  }
  /** Takes the elements that the program has left on the stage. */
  take(): void {
    const { staged, elements, dtype } = this;
    if (staged < 0) return;
    this.staged = -1;
    const from = onStage(dtype);
    let same = true;
    for (let i = 0; i < elements.length; i++) {
      const number = from[staged + i] as number;
      elements[i] = number;
      same &&= !Number.isNaN(number); // which JavaScript may give another sign
    }
    if (!same) elements.set(from.subarray(staged, staged + elements.length));
  }
  get address(): number {
    if (this.placed === 0) {
      const { memory, offset, address, bytes } = part(this.dtype, this.elements.length);
      const elements = viewOf(this.dtype, memory, offset, this.elements.length);
      elements.set(this.elements);
      track(this, bytes, -1);
      this.elements = elements;
      this.placed = address;
    }
    return this.placed;
  }
}

/** Rows that were written over: which ones of which buffer, and what they were. */
export interface Overwritten {
  readonly dtype: DType;
  /** The rows are [batch, outer, count, inner] of [batch, outer, length, inner], at indices [batch, count]. */
  readonly sizes: readonly number[];
  readonly indices: TypedArray;
  readonly rows: TypedArray;
}

/** What happened to the elements of one buffer after another. */
interface Past {
  /** How many elements were written over. */
  overwritten: number;
  /** Whether nobody has the first of these buffers any more. */
  isGone: boolean;
}

/**
 * Elements in memory. A program may write the rows of a later value over them; then they are the later buffer's, and this one
 * keeps what its rows were. Whoever asks it for elements all the same gets a copy of the later ones with these rows
 * (Baker 1978: arrays that are persistent, of which the latest version is quick).
 */
export class SlabBuffer implements TensorBuffer {
  serial = 0;
  index = 0;
  private place: number;
  private own: TypedArray | null;
  private later: SlabBuffer | null = null;
  private overwritten: Overwritten | null = null;
  private past: Past | null = null;
  /** Whether it has the elements from another, of which somebody may ask for them still. */
  isHeir = false;
  constructor(address: number, elements: TypedArray) {
    this.place = address;
    this.own = elements;
  }
  get address(): number {
    if (this.own === null) this.restore();
    return this.place;
  }
  get elements(): TypedArray {
    return this.own ?? this.restore();
  }
  /** Without elements, those of the rows that it keeps. */
  get bytes(): number {
    return (this.own ?? this.overwritten?.rows)?.byteLength ?? 0;
  }
  /** Whether its elements are another's, and whoever asks for them makes a copy. */
  get hasPassed(): boolean {
    return this.own === null;
  }

  /**
   * Whether so many elements may be written over. Not if more were since a value that somebody may have than it has itself:
   * what is kept for old values would grow without bound.
   */
  mayPass(count: number): boolean {
    if (this.own === null) return false;
    const { past } = this;
    if (past === null || past.isGone || past.overwritten + count <= this.own.length) return true;
    reclaimAll();
    return past.isGone;
  }

  /** Passes the elements, of which so many were written over, on to a new buffer. `keep` is to follow. */
  pass(count: number): SlabBuffer {
    const later = new SlabBuffer(this.place, this.own as TypedArray);
    const past = this.past && !this.past.isGone ? this.past : pastFrom(this);
    past.overwritten += count;
    later.past = past;
    later.isHeir = true;
    this.past = null;
    this.later = later;
    this.own = null;
    return later;
  }

  /** Says what the rows were that the later buffer has in place of others. */
  keep(overwritten: Overwritten): void {
    this.overwritten = overwritten;
  }

  private restore(): TypedArray {
    const passed: SlabBuffer[] = [];
    let latest: SlabBuffer = this;
    for (; latest.own === null; latest = latest.later as SlabBuffer) passed.push(latest);
    const copy = allocate((this.overwritten as Overwritten).dtype, latest.own.length) as SlabBuffer;
    const elements = copy.own as TypedArray;
    elements.set(latest.own);
    for (const { overwritten } of passed.reverse()) putBack(overwritten as Overwritten, elements);
    this.place = copy.place;
    this.own = elements;
    this.later = null;
    this.overwritten = null;
    return elements;
  }
}

function putBack({ sizes, indices, rows }: Overwritten, elements: TypedArray): void {
  const [batch = 0, outer = 0, length = 0, count = 0, inner = 0] = sizes;
  for (let block = 0; block < batch * outer; block++) {
    const first = Math.floor(block / outer) * count;
    for (let k = 0; k < count; k++) {
      const to = (block * length + (indices[first + k] as number)) * inner;
      const from = (block * count + k) * inner;
      if (inner === 1) elements[to] = rows[from] as number;
      else elements.set(rows.subarray(from, from + inner), to);
    }
  }
}

/** The most bytes of elements that V8 puts into its heap: then a typed array is made five times as fast. */
export const kHeapBytes = 64;

/** A buffer of elements that JavaScript computed, at most kHeapBytes. */
export function heapBuffer(dtype: DType, elements: TypedArray): TensorBuffer {
  return new HeapBuffer(dtype, elements);
}

// The stage: memory where the program that runs in this thread leaves results that are then taken into V8's heap. So no
// weak reference is made for them, and no typed array over memory.
const kStageBytes = 2 ** 12;
let stage: Slab | null = null;
const stageViews = new Map<DType, TypedArray>();
let stageUsed = 0;

function onStage(dtype: DType): TypedArray {
  let view = stageViews.get(dtype);
  if (!view) {
    const { memory, offset, bytes } = stage as Slab;
    view = viewOf(dtype, memory, offset, bytes / dtypeBytes[dtype]);
    stageViews.set(dtype, view);
  }
  return view;
}

/** Clears the stage, for the next program. */
export function clearStage(): void {
  stageUsed = 0;
}

/** A place on the stage for a result of at most kHeapBytes, whose address is `stagedAt`; null if it is full. */
export function staged(dtype: DType, size: number): HeapBuffer | null {
  stage ??= alignedMemory(dtype, size, kStageBytes, kAlignment);
  if (stageUsed + kHeapBytes > kStageBytes) return null;
  const at = stageUsed;
  stageUsed += kHeapBytes;
  return new HeapBuffer(dtype, newArray(dtype, size), at / dtypeBytes[dtype]);
}

/** The address of the place given out last. */
export function stagedAt(): number {
  return (stage as Slab).address + stageUsed - kHeapBytes;
}

/** A slab: memory that tensors have one after another. */
interface Slab {
  readonly memory: ArrayBuffer;
  readonly offset: number;
  readonly address: number;
  readonly bytes: number;
}

const kAlignment = 64;
// The first write to fresh memory causes one page fault per 4 KB, which takes 13 times as long as with huge pages
// (measured: 2.3 ms against 0.17 ms for 4 MB). So large buffers start on the boundary of a huge page, and the addon
// asks the system for huge pages there.
const kHugePage = 2 ** 21;
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
 * Buffers up to this size are packed: those made one after another lie in one slab of kPackBytes, because making an
 * ArrayBuffer takes longer than filling it. Larger ones reuse slabs (measured: a result of 32 KB takes 18 us in a new
 * ArrayBuffer, 7 us in a used slab).
 */
const kSmallBytes = 2 ** 9;
const kPackBytes = 2 ** 13;
/**
 * When tensors have so many bytes, and need a new slab or have more than after any collection since a full one, the next
 * kNotedValues pending values are noted (growth.ts).
 */
const kNotedFrom = 24 * 2 ** 20;
const kNotedValues = 2 ** 14;
const slabs: (Slab | null)[] = [];
const vacant: number[] = []; // unused indices of `slabs`
const watched = new Map<number, Past>(); // by an index of `slabs` without a slab
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
function alignedMemory(dtype: DType, size: number, bytes: number, boundary: number, plain = false): Slab {
  const memory = memoryFor(dtype, size, bytes + boundary);
  const base = addressOf(memory, plain);
  const offset = (boundary - (base % boundary)) % boundary;
  return { memory, offset, address: base + offset, bytes };
}

/**
 * The largest ArrayBuffer that `Buffer` makes without clearing: 4 GiB on Node 20, beyond all memory on later versions.
 */
const kBufferLimit = constants.MAX_LENGTH;

function memoryFor(dtype: DType, size: number, bytes: number): ArrayBuffer {
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

/** The past of a buffer from now on; it is told when nobody has the buffer any more. */
function pastFrom(first: SlabBuffer): Past {
  const past = { overwritten: 0, isGone: false };
  const index = vacant.pop() ?? slabs.length;
  slabs[index] = null;
  watched.set(index, past);
  track(first, 0, index);
  return past;
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
  if (heldBytes - idleBytes > kNotedFrom) setNoting(kNotedValues);
  return index;
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
  sinceNudge = 0;
  smallSinceNudge = 0;
  mostAfterNudge = bytesInSlabs();
  return mostAfterNudge;
}

/** Says how many bytes a full collection found dead that collections of young objects had not. */
export function missedByNudges(bytes: number): void {
  if (bytes <= nudgeBytes / 2) return;
  nudgeBytes = Math.max(kNudgeBytes, 2 * Math.min(nudgeBytes, bytesInSlabs()));
}

/**
 * The size of the slab for a buffer: rounded up to eighths of a power of two, so that a slab fits many buffers and
 * wastes little.
 */
function rounded(bytes: number): number {
  const granule = bytes < 2 ** 31 ? (2 ** 28) >> Math.clz32(bytes) : 2 ** (Math.floor(Math.log2(bytes)) - 3);
  return Math.ceil(bytes / granule) * granule;
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

function nudge(): void {
  sinceNudge = 0;
  smallSinceNudge = 0;
  const start = performance.now();
  collectYoung();
  slowCollections = performance.now() - start < kQuickCollection ? 0 : slowCollections + 1;
  reclaim(); // now, though others lie idle still: what died last is in the nearest cache
  const left = bytesInSlabs();
  nudgeBytes = Math.max(kNudgeBytes, Math.min(nudgeBytes, 2 * left));
  if (left > mostAfterNudge) {
    mostAfterNudge = left;
    if (left > kNotedFrom) setNoting(kNotedValues);
  }
}

function slabBuffer(dtype: DType, size: number, bytes: number, plain: boolean): TensorBuffer {
  sinceNudge += bytes;
  allocatedEver += bytes;
  if (kSmallSlabs * bytes <= kSmallNudgeBytes) smallSinceNudge += bytes;
  if (isNudgeDue(bytes)) nudge();
  if (bytes !== latestSize) makeLatest(bytes);
  if (latestIdle.length === 0) reclaim();
  let index = latestIdle.pop();
  if (index === undefined) index = newSlab(dtype, size, bytes, plain);
  else idleBytes -= bytes;
  return tracked(dtype, size, slabs[index] as Slab, index);
}

function tracked(dtype: DType, size: number, { memory, offset, address }: Slab, index: number): TensorBuffer {
  const elements = elementsOf(dtype, memory, offset, size);
  track(elements, size * dtypeBytes[dtype], index); // not the buffer, which may pass them on
  return new SlabBuffer(address, elements);
}

/** @throws GradtapeError where typed arrays end: at 2^32 elements on Node 20, later on newer ones */
function elementsOf(dtype: DType, memory: ArrayBuffer, offset: number, size: number): TypedArray {
  try {
    return viewOf(dtype, memory, offset, size);
  } catch {
    throw new GradtapeError(
      'ERR_OUT_OF_MEMORY',
      `gradtape: ${size} elements of ${dtype} are more than a typed array of Node ${process.version} can have; compute it in parts`,
    );
  }
}

let pack: Slab | null = null;
let packUsed = 0;

/** A part of the slab for small buffers. That slab lives as long as one of its tensors does. */
function part(dtype: DType, size: number): Slab {
  const bytes = size * dtypeBytes[dtype];
  if (!pack || packUsed + bytes > kPackBytes) {
    pack = alignedMemory(dtype, size, kPackBytes, kAlignment);
    packUsed = 0;
  }
  const { memory, offset, address } = pack;
  const at = packUsed;
  packUsed += Math.ceil(bytes / kAlignment) * kAlignment;
  return { memory, offset: offset + at, address: address + at, bytes };
}

/**
 * Memory for `size` elements, which is not cleared. `plain`: not of huge pages. That is for what is read from a file: the
 * system puts each page into the cache before it copies to it, and where memory is full of cached files it would first
 * have to make room for huge pages (measured: 1 GB in 0.6 s, of huge pages 2 to 4).
 */
export function allocate(dtype: DType, size: number, plain = false): TensorBuffer {
  const bytes = size * dtypeBytes[dtype];
  if (bytes <= kSmallBytes) return tracked(dtype, size, part(dtype, size), -1);
  return slabBuffer(dtype, size, rounded(bytes), plain);
}

/** A typed array for the caller to own, which is not cleared. */
export function unzeroed(dtype: DType, size: number): TypedArray {
  const bytes = size * dtypeBytes[dtype];
  if (bytes < kHugePage) return newArray(dtype, size);
  const memory = memoryFor(dtype, size, bytes);
  addressOf(memory); // asks for huge pages
  return elementsOf(dtype, memory, 0, size);
}

/** As `reclaim`, which looks for dead owners only after enough new ones came. */
function reclaimAll(): void {
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
