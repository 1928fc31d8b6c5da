/**
 * The header of a safetensors file: read as hostile input, and written as Python's library writes it.
 *
 * The file is: the length of the header (64 bits, little endian), the header (JSON in UTF-8: of each tensor dtype, shape
 * and where its bytes begin and end), the bytes of all tensors without hole or overlap
 * (https://github.com/huggingface/safetensors, "Format").
 */
import { isArray } from '../base/arguments.js';
import { type DType, dtypeBytes } from '../base/dtype.js';
import { DTypeError, GradtapeError, show } from '../base/errors.js';
import { guardShape, type Shape, sizeOf } from '../base/shape.js';
import { elementTypes, type Place } from './elements.js';
import type { Source } from './file.js';
import { type Json, JsonFault, type JsonObject, parseJson } from './json.js';
import { quote } from './keys.js';

/** What a header says of a tensor. */
export interface Declared {
  readonly key: string;
  /** As the file calls it: 'F32', 'BF16', ... */
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Where its bytes are in the file. */
  readonly position: number;
}

export interface Header {
  readonly metadata: ReadonlyMap<string, string>;
  readonly tensors: ReadonlyMap<string, Declared>;
}

/** As in Python's library. */
const kMaxHeaderBytes = 100_000_000;
const kLengthBytes = 8;

/** Bits of an element, by all the names that the format has. */
const bitsOf: Readonly<Record<string, number>> = {
  BOOL: 8,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  F8_E4M3FNUZ: 8,
  F8_E5M2FNUZ: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  C64: 64,
  F64: 64,
  I64: 64,
  U64: 64,
}; // prettier-ignore

/**
 * Reads and checks the header. Nothing is allocated for what it only claims: its length and all offsets must fit the file.
 * @throws GradtapeError ERR_FORMAT
 */
export async function readHeader(fn: string, source: Source): Promise<Header> {
  const refuse = refusing(fn, source.name);
  const start = new Uint8Array(Math.min(kLengthBytes, source.size));
  await source.read(start, 0);
  const bytes = new Uint8Array(lengthIn(start, source.size, refuse));
  await source.read(bytes, kLengthBytes);
  return headerOf(bytes, kLengthBytes + bytes.length, source.size, refuse);
}

/** The same of what can be read at once. */
export function headerIn(
  fn: string,
  name: string,
  size: number,
  read: (length: number, position: number) => Uint8Array,
): Header {
  const refuse = refusing(fn, name);
  const bytes = read(lengthIn(read(Math.min(kLengthBytes, size), 0), size, refuse), kLengthBytes);
  return headerOf(bytes, kLengthBytes + bytes.length, size, refuse);
}

function refusing(fn: string, name: string): Refuse {
  return (what) => new GradtapeError('ERR_FORMAT', `${fn}: ${name} is no safetensors file: ${what}`);
}

/** The length of the header, from the file's first bytes and its size. */
function lengthIn(start: Uint8Array, size: number, refuse: Refuse): number {
  if (start.length < kLengthBytes) throw refuse(`it has ${size} bytes`);
  const length = new DataView(start.buffer, start.byteOffset).getBigUint64(0, true);
  if (length > kMaxHeaderBytes) throw refuse(`its header has ${length} bytes, more than ${kMaxHeaderBytes}`);
  if (kLengthBytes + Number(length) > size) throw refuse(`its header has ${length} bytes, the file ${size}`);
  return Number(length);
}

type Refuse = (what: string) => GradtapeError;

/** The header of these bytes. `from`, `end`: where the bytes of tensors are. */
function headerOf(bytes: Uint8Array, from: number, end: number, refuse: Refuse): Header {
  const metadata = new Map<string, string>();
  const tensors = new Map<string, Declared>();
  const spans: { readonly key: string; readonly begin: number; readonly end: number }[] = [];
  for (const [key, value] of parsed(bytes, refuse)) {
    if (!(value instanceof Map)) throw refuse(`${quote(key)} is no object`);
    if (key === '__metadata__') {
      for (const [name, text] of value as JsonObject) {
        if (typeof text !== 'string') throw refuse(`metadata ${quote(name)} is no string`);
        metadata.set(name, text);
      }
      continue;
    }
    const { dtype, shape, offsets } = infoOf(key, value as JsonObject, refuse);
    const [begin, stop] = offsets;
    const size = sizeWithin(shape);
    const bits = size * (bitsOf[dtype] as number);
    if (!Number.isSafeInteger(bits)) throw refuse(`tensor ${quote(key)} is too large: ${dtype} [${shape.join(', ')}]`);
    if (bits % 8 !== 0 || stop - begin !== bits / 8) {
      throw refuse(
        `tensor ${quote(key)} has ${stop - begin} bytes, but ${dtype} [${shape.join(', ')}] takes ${bits / 8}`,
      );
    }
    spans.push({ key, begin, end: stop });
    tensors.set(key, { key, dtype, shape, position: from + begin });
  }
  spans.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let at = 0;
  for (const span of spans) {
    if (span.begin < at) throw refuse(`tensor ${quote(span.key)} overlaps the one before it`);
    if (span.begin > at) throw refuse(`there is a hole of ${span.begin - at} bytes before tensor ${quote(span.key)}`);
    at = span.end;
  }
  if (at !== end - from) throw refuse(`its tensors have ${at} bytes, the file has ${end - from} for them`);
  return { metadata, tensors };
}

function parsed(bytes: Uint8Array, refuse: Refuse): JsonObject {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw refuse('its header is not UTF-8');
  }
  try {
    const header = text.startsWith('{') ? parseJson(text) : null;
    if (header instanceof Map) return header;
  } catch (error) {
    if (error instanceof JsonFault) throw refuse(`its header is no JSON: ${error.message}`);
    throw error;
  }
  throw refuse('its header is no JSON object');
}

interface Info {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly offsets: readonly [number, number];
}

function infoOf(key: string, info: JsonObject, refuse: Refuse): Info {
  const dtype = info.get('dtype');
  const shape = numbersIn(info.get('shape'));
  const offsets = numbersIn(info.get('data_offsets'));
  if (typeof dtype !== 'string' || !Object.hasOwn(bitsOf, dtype)) {
    throw refuse(`tensor ${quote(key)} has the unknown dtype ${show(dtype)}`);
  }
  if (!shape) throw refuse(`the shape of tensor ${quote(key)} is no list of whole numbers >= 0 below 2^53`);
  if (offsets?.length !== 2 || (offsets[0] as number) > (offsets[1] as number)) {
    throw refuse(`data_offsets of tensor ${quote(key)} are no two whole numbers, the first not above the second`);
  }
  return { dtype, shape, offsets: offsets as unknown as readonly [number, number] };
}

function numbersIn(value: Json | undefined): readonly number[] | null {
  return isArray(value) && value.every((n) => Number.isSafeInteger(n)) ? (value as readonly number[]) : null;
}

/** The product of lengths; NaN where a part of it, taken in their order, is no safe integer. */
function sizeWithin(shape: readonly number[]): number {
  return shape.reduce((size, n) => (Number.isSafeInteger(size * n) ? size * n : Number.NaN), 1);
}

/**
 * Where the elements of a tensor are, and of what type.
 * @throws DTypeError for a type that no dtype can hold; ShapeError for a shape that no tensor has
 */
export function placeOf(fn: string, { key, dtype, shape, position }: Declared): Place {
  const type = Object.hasOwn(elementTypes, dtype) ? elementTypes[dtype] : undefined;
  if (!type) throw new DTypeError(`${fn}: tensor ${quote(key)} is of ${dtype}, which no dtype here can hold`);
  return { what: `tensor ${quote(key)}`, type, shape: guardShape(`${fn}: tensor ${quote(key)}`, [...shape]), position };
}

/** Names of dtypes in files, in the order in which Python's library writes tensors: the widest first, so that all are aligned. */
const writtenAs: ReadonlyMap<DType, string> = new Map([
  ['float64', 'F64'],
  ['float32', 'F32'],
  ['int32', 'I32'],
  ['uint8', 'U8'],
  ['bool', 'BOOL'],
]);

/** A tensor to be written. */
interface Written {
  readonly dtype: DType;
  readonly shape: Shape;
}

/** The name that a dtype has in files. */
export function fileDType(dtype: DType): string {
  return writtenAs.get(dtype) as string;
}

/**
 * The header of a file with these tensors, and the order of their bytes: of dtypes as above, and of keys by their UTF-8.
 * Metadata are sorted by their keys, which Python's library leaves to chance; so equal contents are equal files.
 */
export function makeHeader(
  tensors: ReadonlyMap<string, Written>,
  metadata: ReadonlyMap<string, string>,
): { header: Uint8Array; order: readonly string[] } {
  const rank = [...writtenAs.keys()];
  const keys = Array.from(tensors, ([key, { dtype }]) => ({ key, utf8: Buffer.from(key), rank: rank.indexOf(dtype) }));
  keys.sort((a, b) => a.rank - b.rank || Buffer.compare(a.utf8, b.utf8));
  const parts: string[] = [];
  if (metadata.size > 0) {
    const sorted = [...metadata].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    parts.push(`"__metadata__":{${sorted.map(([k, v]) => `${JSON.stringify(k)}:${JSON.stringify(v)}`).join(',')}}`);
  }
  let at = 0;
  for (const { key } of keys) {
    const { dtype, shape } = tensors.get(key) as Written;
    const end = at + sizeOf(shape) * dtypeBytes[dtype];
    parts.push(
      `${JSON.stringify(key)}:{"dtype":"${fileDType(dtype)}","shape":[${shape.join(',')}],"data_offsets":[${at},${end}]}`,
    );
    at = end;
  }
  const text = Buffer.from(`{${parts.join(',')}}`);
  const padded = Math.ceil(text.length / 8) * 8;
  const header = new Uint8Array(kLengthBytes + padded).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(padded), true);
  header.set(text, kLengthBytes);
  return { header, order: keys.map(({ key }) => key) };
}
