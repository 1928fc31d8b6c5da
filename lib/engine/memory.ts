/** Memory for elements: V8's buffers, taken again once the tensor that had them is collected. */
import { constants } from 'node:buffer';
import type { DType, TypedArray } from '../base/dtype.js';
import { dtypeBytes, newArray, viewOf } from '../base/dtype.js';
import { GradtapeError } from '../base/errors.js';
import type { MemoryInfo } from './addon.js';
import * as addon from './addon.js';
import { addressOf, common, released, track } from './addon.js';
import { collectAll, collectYoung } from './collector.js';
import { atRest, expectRest } from './rest.js';

/** Elements in memory, 64-byte aligned, never handed out: whoever reads or writes them holds this object meanwhile. */
export interface TensorBuffer {
  readonly address: number;
  readonly elements: TypedArray;
}

/** Memory that several tensors have had, one after another. */
interface Chunk {
  readonly memory: ArrayBuffer;
  readonly offset: number;
  readonly address: number;
  readonly bytes: number;
}

const kAlignment = 64;
// The first write to fresh memory costs a page fault per 4 KB, 13 times what it costs in huge pages (measured: 2.3 ms
// against 0.17 ms for 4 MB). So large buffers start on a boundary of one, for which the addon asks the system.
const kHugePage = 2 ** 21;
/** What may lie idle; beyond it, the system gets its memory back. Clearing fresh pages takes as long as computing what goes into them. */
const kIdleLimit = 2 ** 29;
/** What may lie idle at rest. */
const kRestLimit = 2 ** 26;
/** After so many bytes of blocks taken, V8 is asked to look for dead ones: soon, while they are still in the cache. */
const kNudgeBytes = 24 * 2 ** 20;
/**
 * Up to here tensors made one after another share a buffer of V8, which costs more than to fill it. Larger ones take blocks again:
 * measured, a result of 32 KB in a new buffer each time takes 18 us, in a block 7.
 */
const kSmallBytes = 2 ** 9;
const kPackBytes = 2 ** 13;
const chunks: (Chunk | null)[] = [];
const vacant: number[] = []; // places in blocks
const idle = new Map<number, number[]>(); // blocks by their size, the size asked for latest last
let latestIdle: number[] = []; // those of the size asked for latest
let latestSize = 0;
let idleBytes = 0;
let heldBytes = 0; // of all blocks, idle or not
let sinceNudge = 0; // bytes since the last nudge
let allocatedEver = 0;

/** Fresh memory whose first element lies on the boundary. */
function alignedMemory(dtype: DType, size: number, bytes: number, boundary: number): Chunk {
  const memory = memoryFor(dtype, size, bytes + boundary);
  const base = addressOf(memory);
  const offset = (boundary - (base % boundary)) % boundary;
  return { memory, offset, address: base + offset, bytes };
}

/** Most bytes of one ArrayBuffer that `Buffer` makes without clearing: 4 GiB on Node 20, more than anybody has on later ones. */
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
    clearIdle(); // what lies idle may be what is missing
  }
  try {
    return make();
  } catch {
    throw new GradtapeError('ERR_OUT_OF_MEMORY', `${what}: the system gives Node ${process.version} no more`);
  }
}

/** Takes back the blocks of tensors that were collected. */
function reclaim(): void {
  for (const index of released() ?? []) {
    const { bytes } = chunks[index] as Chunk;
    const list = idle.get(bytes);
    if (list) list.push(index);
    else idle.set(bytes, [index]);
    idleBytes += bytes;
  }
  while (idleBytes > kIdleLimit) dropChunk();
  if (idleBytes > kRestLimit) expectRest();
}

atRest({
  work: () => allocatedEver,
  release: () => {
    const limit = superseded ? 0 : kRestLimit;
    if (heldBytes <= limit) return;
    collectYoung();
    reclaim();
    while (idleBytes > limit) dropChunk();
  },
});

// A copy of the library that is loaded after this one (a test runner's, a hot reload's) most likely comes in its place.
let superseded = false;
function supersede(): void {
  superseded = true;
  expectRest();
}
(common['latest'] as WeakRef<() => void> | undefined)?.deref()?.();
common['latest'] = new WeakRef(supersede);

/** Drops a block of the size that nobody has asked for for the longest time. */
function dropChunk(): void {
  for (const [bytes, list] of idle) {
    const index = list.pop();
    if (index === undefined) {
      if (list !== latestIdle) idle.delete(bytes);
      continue;
    }
    addon.free((chunks[index] as Chunk).memory);
    chunks[index] = null;
    heldBytes -= bytes;
    vacant.push(index);
    idleBytes -= bytes;
    return;
  }
}

function newChunk(dtype: DType, size: number, bytes: number): number {
  const chunk = alignedMemory(dtype, size, bytes, bytes >= kHugePage ? kHugePage : kAlignment);
  const index = vacant.pop() ?? chunks.length;
  chunks[index] = chunk;
  heldBytes += bytes;
  if (heldBytes > kRestLimit) expectRest();
  return index;
}

/** Sizes come in eighths of a power of two, so that a block serves many and wastes little. */
function rounded(bytes: number): number {
  const granule = bytes < 2 ** 31 ? (2 ** 28) >> Math.clz32(bytes) : 2 ** (Math.floor(Math.log2(bytes)) - 3);
  return Math.ceil(bytes / granule) * granule;
}

/** Makes the blocks of this size the ones asked for latest: the last in the map's order. */
function makeLatest(bytes: number): void {
  latestSize = bytes;
  latestIdle = idle.get(bytes) ?? [];
  idle.delete(bytes);
  idle.set(bytes, latestIdle);
}

function chunkBuffer(dtype: DType, size: number, bytes: number): TensorBuffer {
  sinceNudge += bytes;
  allocatedEver += bytes;
  if (sinceNudge > Math.max(kNudgeBytes, 3 * bytes)) {
    sinceNudge = 0;
    collectYoung();
  }
  if (bytes !== latestSize) makeLatest(bytes);
  if (latestIdle.length === 0) reclaim();
  let index = latestIdle.pop();
  if (index === undefined) index = newChunk(dtype, size, bytes);
  else idleBytes -= bytes;
  return tracked(dtype, size, chunks[index] as Chunk, index);
}

function tracked(dtype: DType, size: number, { memory, offset, address }: Chunk, index: number): TensorBuffer {
  const buffer = { address, elements: elementsOf(dtype, memory, offset, size) };
  track(buffer, size * dtypeBytes[dtype], index);
  return buffer;
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

let pack: Chunk | null = null;
let packUsed = 0;

/** A part of the shared buffer: all of it lives as long as one of its tensors. */
function packedBuffer(dtype: DType, size: number, bytes: number): TensorBuffer {
  if (!pack || packUsed + bytes > kPackBytes) {
    pack = alignedMemory(dtype, size, kPackBytes, kAlignment);
    packUsed = 0;
  }
  const { memory, offset, address } = pack;
  const part = { memory, offset: offset + packUsed, address: address + packUsed, bytes };
  packUsed += Math.ceil(bytes / kAlignment) * kAlignment;
  return tracked(dtype, size, part, -1);
}

/** Unzeroed memory for `size` elements. */
export function allocate(dtype: DType, size: number): TensorBuffer {
  const bytes = size * dtypeBytes[dtype];
  if (bytes <= kSmallBytes) return packedBuffer(dtype, size, bytes);
  return chunkBuffer(dtype, size, rounded(bytes));
}

/** An array for a caller to own; its contents are anything. */
export function unzeroed(dtype: DType, size: number): TypedArray {
  const bytes = size * dtypeBytes[dtype];
  if (bytes < kHugePage) return newArray(dtype, size);
  const memory = memoryFor(dtype, size, bytes);
  addressOf(memory); // asks for huge pages
  return elementsOf(dtype, memory, 0, size);
}

/** Frees the blocks that nobody has. */
function clearIdle(): void {
  addon.memory(); // looks at every block, however few are new
  reclaim();
  while (idleBytes > 0) dropChunk();
}

/** Counts of what is alive and of what the library keeps. */
export function memory(): MemoryInfo {
  const info = addon.memory();
  reclaim();
  info.idleBytes += idleBytes;
  return info;
}

/** Gives back what is kept for later: blocks of tensors that are gone, idle arenas, the plans of programs. */
export function clearKept(): void {
  collectAll(); // so that the blocks of the latest dead are known
  clearIdle();
  addon.clear();
}
