/** Buffers: the elements of tensors, in memory or in V8's heap. */
import type { DType, TypedArray } from '../base/dtype.js';
import { dtypeBytes, newArray, viewOf } from '../base/dtype.js';
import { GradtapeError } from '../base/errors.js';
import { addressOf, track } from './addon.js';
import {
  alignedMemory,
  kAlignment,
  kHugePage,
  memoryFor,
  reclaimAll,
  type Slab,
  slabAt,
  takeSlab,
  whenGone,
} from './slabs.js';

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

  /** Who has the elements now, as they are: the later buffer, and what makes of a copy of its elements those of this one. */
  passedOn(): { latest: SlabBuffer; putBack: (elements: TypedArray) => void } {
    const overwritten: Overwritten[] = [];
    let latest: SlabBuffer = this;
    for (; latest.own === null; latest = latest.later as SlabBuffer) {
      overwritten.unshift(latest.overwritten as Overwritten);
    }
    return {
      latest,
      putBack: (elements) => {
        for (const rows of overwritten) putBack(rows, elements);
      },
    };
  }

  private restore(): TypedArray {
    const { latest, putBack } = this.passedOn();
    const copy = allocate((this.overwritten as Overwritten).dtype, latest.elements.length) as SlabBuffer;
    const elements = copy.own as TypedArray;
    elements.set(latest.elements);
    putBack(elements);
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

/** The past of a buffer from now on; it is told when nobody has the buffer any more. */
function pastFrom(first: SlabBuffer): Past {
  const past = { overwritten: 0, isGone: false };
  whenGone(first, past);
  return past;
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

/**
 * Buffers up to this size are packed: those made one after another lie in one slab of kPackBytes, because making an
 * ArrayBuffer takes longer than filling it. Larger ones reuse slabs (measured: a result of 32 KB takes 18 us in a new
 * ArrayBuffer, 7 us in a used slab).
 */
const kSmallBytes = 2 ** 9;
const kPackBytes = 2 ** 13;
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
 * The size of the slab for a buffer: rounded up to eighths of a power of two, so that a slab fits many buffers and
 * wastes little.
 */
function rounded(bytes: number): number {
  const granule = bytes < 2 ** 31 ? (2 ** 28) >> Math.clz32(bytes) : 2 ** (Math.floor(Math.log2(bytes)) - 3);
  return Math.ceil(bytes / granule) * granule;
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

/**
 * Memory for `size` elements, which is not cleared. `plain`: not of huge pages. That is for what is read from a file: the
 * system puts each page into the cache before it copies to it, and where memory is full of cached files it would first
 * have to make room for huge pages (measured: 1 GB in 0.6 s, of huge pages 2 to 4).
 */
export function allocate(dtype: DType, size: number, plain = false): TensorBuffer {
  const bytes = size * dtypeBytes[dtype];
  if (bytes <= kSmallBytes) return tracked(dtype, size, part(dtype, size), -1);
  const index = takeSlab(dtype, size, rounded(bytes), plain);
  return tracked(dtype, size, slabAt(index), index);
}

/** A typed array for the caller to own, which is not cleared. */
export function unzeroed(dtype: DType, size: number): TypedArray {
  const bytes = size * dtypeBytes[dtype];
  if (bytes < kHugePage) return newArray(dtype, size);
  const memory = memoryFor(dtype, size, bytes);
  addressOf(memory); // asks for huge pages
  return elementsOf(dtype, memory, 0, size);
}
