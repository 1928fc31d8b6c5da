/** Elements in files: the types that files have, reading them into the memory of tensors, and writing them. */
import type { DType, TypedArray } from '../base/dtype.js';
import { dtypeBytes, kindOf, newArray } from '../base/dtype.js';
import { GradtapeError, ValueError } from '../base/errors.js';
import type { Shape } from '../base/shape.js';
import { sizeOf } from '../base/shape.js';
import { allocate, type TensorBuffer } from '../engine/buffers.js';
import { bufferTensor, type Tensor, uniformTensor } from '../engine/tensor.js';
import type { Sink, Source } from './file.js';

/** A type of elements in files. */
export interface ElementType {
  readonly bytes: number;
  /** What they are loaded as. */
  readonly dtype: DType;
  /**
   * Converts the elements of `from` into `into`; null if they are the dtype's own. Returns the first that does not fit,
   * or -1.
   */
  readonly convert: ((from: Uint8Array, into: TypedArray) => number) | null;
}

/** Where in a file the elements of a tensor are. */
export interface Place {
  /** The name of the tensor, for errors: 'tensor "w"'. */
  readonly what: string;
  readonly type: ElementType;
  readonly shape: Shape;
  readonly position: number;
  readonly bigEndian?: boolean;
}

const own = (dtype: DType): ElementType => ({ bytes: dtypeBytes[dtype], dtype, convert: null });

const wordsOf = (from: Uint8Array): Uint16Array => new Uint16Array(from.buffer, from.byteOffset, from.length / 2);

/** Copies whole numbers of another class. */
function whole(
  view: new (buffer: ArrayBufferLike, offset: number, length: number) => ArrayLike<number>,
  bytes: number,
): ElementType {
  return {
    bytes,
    dtype: 'int32',
    convert: (from, into) => {
      const numbers = new view(from.buffer, from.byteOffset, from.length / bytes);
      into.set(numbers);
      if (bytes < 4) return -1;
      for (let i = 0; i < numbers.length; i++) if (into[i] !== numbers[i]) return i;
      return -1;
    },
  };
}

/** Whole numbers of 64 bits, those of which fit that have as their upper half `upper` of the lower one. */
function wide(fits: (low: number, high: number) => boolean): ElementType {
  return {
    bytes: 8,
    dtype: 'int32',
    convert: (from, into) => {
      const parts = new Int32Array(from.buffer, from.byteOffset, from.length / 4);
      for (let i = 0; i < parts.length / 2; i++) {
        const low = parts[2 * i] as number;
        if (!fits(low, parts[2 * i + 1] as number)) return i;
        into[i] = low;
      }
      return -1;
    },
  };
}

/** The types that tensors are loaded from, by the names that safetensors has for them. */
export const elementTypes: Readonly<Record<string, ElementType>> = {
  F64: own('float64'),
  F32: own('float32'),
  I32: own('int32'),
  U8: own('uint8'),
  BOOL: own('bool'),
  F16: {
    bytes: 2,
    dtype: 'float32',
    convert: (from, into) => {
      const words = wordsOf(from);
      const bits = new Uint32Array(into.buffer, into.byteOffset, into.length);
      for (let i = 0; i < words.length; i++) {
        const word = words[i] as number;
        const sign = (word & 0x8000) << 16;
        if ((word & 0x7c00) === 0x7c00) {
          bits[i] = sign | 0x7f800000 | ((word & 0x3ff) << 13); // an infinity or NaN
        } else {
          bits[i] = sign | ((word & 0x7fff) << 13);
          into[i] = (into[i] as number) * 2 ** 112; // the exponents' biases are 15 and 127
        }
      }
      return -1;
    },
  },
  // The upper half of a float32.
  BF16: {
    bytes: 2,
    dtype: 'float32',
    convert: (from, into) => {
      const words = wordsOf(from);
      const bits = new Uint32Array(into.buffer, into.byteOffset, into.length);
      for (let i = 0; i < words.length; i++) bits[i] = (words[i] as number) << 16;
      return -1;
    },
  },
  I8: whole(Int8Array, 1),
  I16: whole(Int16Array, 2),
  U16: whole(Uint16Array, 2),
  U32: whole(Uint32Array, 4),
  I64: wide((low, high) => high === low >> 31),
  U64: wide((low, high) => high === 0 && low >= 0),
};

/** The product of lengths; NaN where a part of it, taken in their order, is no safe integer. */
export function sizeWithin(shape: readonly number[]): number {
  return shape.reduce((size, n) => (Number.isSafeInteger(size * n) ? size * n : Number.NaN), 1);
}

/** The bytes of elements in memory. */
export function bytesOfElements(elements: TypedArray): Uint8Array {
  return new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength);
}

/** Bytes that are read at once where they are converted; a multiple of every element's. */
const kChunkBytes = 2 ** 20;

/**
 * Reads a tensor. Elements of a dtype's own type go straight into its memory.
 * @throws GradtapeError ERR_FORMAT for a bool that is not 0 or 1; ValueError for a whole number that int32 cannot hold
 */
export async function readTensor(fn: string, source: Source, place: Place): Promise<Tensor> {
  const { type, shape, position, bigEndian = false } = place;
  const size = sizeOf(shape);
  const buffer = allocate(type.dtype, size, true);
  const { elements } = buffer;
  if (!type.convert) {
    const bytes = bytesOfElements(elements);
    await source.read(bytes, position);
    if (bigEndian) swap(bytes, type.bytes);
    if (kindOf[type.dtype] === 'boolean') checkBooleans(fn, place.what, source, elements);
  } else {
    const chunk = new Uint8Array(Math.min(kChunkBytes, size * type.bytes));
    for (let at = 0; at < size; ) {
      const count = Math.min(size - at, chunk.length / type.bytes);
      const bytes = chunk.subarray(0, count * type.bytes);
      await source.read(bytes, position + at * type.bytes);
      if (bigEndian) swap(bytes, type.bytes);
      const bad = type.convert(bytes, elements.subarray(at, at + count));
      if (bad >= 0) throw tooLarge(fn, place, at + bad, bytes.subarray(bad * type.bytes, (bad + 1) * type.bytes));
      at += count;
    }
  }
  return size === 1 ? uniformTensor(elements[0] as number, type.dtype, shape) : bufferTensor(buffer, type.dtype, shape);
}

function checkBooleans(fn: string, what: string, source: Source, elements: TypedArray): void {
  for (let i = 0; i < elements.length; i++) {
    if ((elements[i] as number) <= 1) continue;
    throw new GradtapeError(
      'ERR_FORMAT',
      `${fn}: ${what} in ${source.name} is of bool, but its element ${i} is ${elements[i]}`,
    );
  }
}

function tooLarge(fn: string, { what, type }: Place, at: number, bytes: Uint8Array): ValueError {
  const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0'));
  const bits = BigInt(`0x${digits.reverse().join('')}`);
  const number = type === elementTypes['I64'] ? BigInt.asIntN(64, bits) : bits;
  return new ValueError(`${fn}: ${what}: element ${at} is ${number}, which does not fit int32`);
}

/** Reverses the bytes of each element. */
function swap(bytes: Uint8Array, each: number): void {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (each === 2) view.swap16();
  else if (each === 4) view.swap32();
  else if (each === 8) view.swap64();
}

/** Bytes that are written at once. */
const kPieceBytes = 2 ** 22;

/**
 * Writes the elements of a tensor that was computed. By copies: while a piece is written, a program may write rows of a later
 * value over the tensor's memory (engine/in-place.ts); its buffer then has the elements elsewhere.
 */
export async function writeElements(sink: Sink, t: Tensor): Promise<void> {
  const { dtype, size, uniform, buffer } = t;
  const piece = newArray(dtype, Math.min(size, kPieceBytes / dtypeBytes[dtype]));
  if (uniform !== undefined) piece.fill(uniform);
  for (let at = 0; at < size; at += piece.length) {
    const some = piece.subarray(0, Math.min(piece.length, size - at));
    if (uniform === undefined) some.set((buffer as TensorBuffer).elements.subarray(at, at + some.length));
    await sink.write(bytesOfElements(some));
  }
}
