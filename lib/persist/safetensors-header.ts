/**
 * The header of a safetensors file: read as hostile input, and written as Python's library writes it.
 *
 * The file is: the length of the header (64 bits, little endian), the header (JSON in UTF-8: of each tensor dtype, shape
 * and where its bytes begin and end), the bytes of all tensors without hole or overlap
 * (https://github.com/huggingface/safetensors, "Format").
 */
import { type DType, dtypeBytes } from '../base/dtype.js';
import { DTypeError, GradtapeError } from '../base/errors.js';
import { guardShape, type Shape, sizeOf } from '../base/shape.js';
import { elementTypes, type Place, sizeWithin } from './elements.js';
import type { Source } from './file.js';
import { JsonFault, JsonReader } from './json.js';
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
/** The most tensors of a file, and metadata: what a hostile header makes us keep stays within 100 MB. */
const kMaxEntries = 2 ** 18;
/** As in NumPy. */
const kMaxAxes = 64;
const metadataKey = '__metadata__';

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
  let hasMetadata = false;
  readFields(bytes, refuse, (reader, key) => {
    if (tensors.has(key) || (hasMetadata && key === metadataKey)) throw twice(reader, key);
    if (tensors.size >= kMaxEntries) throw refuse(`it has more than ${kMaxEntries} tensors`);
    if (reader.next() !== '{') throw refuse(`${quote(key)} is no object`);
    if (key === metadataKey) {
      hasMetadata = true;
      readMetadata(reader, metadata, refuse);
      return;
    }
    const { dtype, shape, begin, stop } = readInfo(reader, key, refuse);
    const bits = sizeWithin(shape) * (bitsOf[dtype] as number);
    if (!Number.isSafeInteger(bits)) throw refuse(`tensor ${quote(key)} is too large: ${dtype} [${shape.join(', ')}]`);
    if (bits % 8 !== 0 || stop - begin !== bits / 8) {
      throw refuse(
        `tensor ${quote(key)} has ${stop - begin} bytes, but ${dtype} [${shape.join(', ')}] takes ${bits / 8}`,
      );
    }
    spans.push({ key, begin, end: stop });
    tensors.set(key, { key, dtype, shape, position: from + begin });
  });
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

/** Reads the fields of the object that a header is. */
function readFields(bytes: Uint8Array, refuse: Refuse, field: (reader: JsonReader, key: string) => void): void {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw refuse('its header is not UTF-8');
  }
  if (!text.startsWith('{')) throw refuse('its header is no JSON object');
  const reader = new JsonReader(text);
  try {
    reader.object((key) => field(reader, key));
    reader.end();
  } catch (error) {
    if (error instanceof JsonFault) throw refuse(`its header is no JSON: ${error.message}`);
    throw error;
  }
}

const twice = (reader: JsonReader, key: string): JsonFault => reader.fault(`the key ${quote(key)} comes twice`);

function readMetadata(reader: JsonReader, metadata: Map<string, string>, refuse: Refuse): void {
  reader.object((name) => {
    if (metadata.has(name)) throw twice(reader, name);
    if (metadata.size >= kMaxEntries) throw refuse(`it has more than ${kMaxEntries} metadata`);
    if (reader.next() !== '"') throw refuse(`metadata ${quote(name)} is no string`);
    metadata.set(name, reader.string());
  });
}

interface Info {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly stop: number;
}

/** Reads what is said of a tensor. Fields that are not known are none. */
function readInfo(reader: JsonReader, key: string, refuse: Refuse): Info {
  let dtype: string | undefined;
  let shape: readonly number[] | null | undefined;
  let offsets: readonly number[] | null | undefined;
  reader.object((field) => {
    if (field === 'dtype') {
      if (dtype !== undefined) throw twice(reader, field);
      if (reader.next() !== '"') throw refuse(`the dtype of tensor ${quote(key)} is no string`);
      dtype = reader.string();
    } else if (field === 'shape') {
      if (shape !== undefined) throw twice(reader, field);
      shape = readNumbers(reader, kMaxAxes);
    } else if (field === 'data_offsets') {
      if (offsets !== undefined) throw twice(reader, field);
      offsets = readNumbers(reader, 2);
    } else {
      reader.skip();
    }
  });
  if (dtype === undefined || !Object.hasOwn(bitsOf, dtype)) {
    throw refuse(`tensor ${quote(key)} has ${dtype === undefined ? 'no dtype' : `the unknown dtype ${quote(dtype)}`}`);
  }
  if (!shape) throw refuse(`the shape of tensor ${quote(key)} is no list of at most ${kMaxAxes} whole numbers >= 0`);
  const [begin, stop] = offsets ?? [];
  if (begin === undefined || stop === undefined || begin > stop) {
    throw refuse(`data_offsets of tensor ${quote(key)} are no two whole numbers, the first not above the second`);
  }
  return { dtype, shape, begin, stop };
}

/** Reads a list of at most so many whole numbers; null for anything else. */
function readNumbers(reader: JsonReader, most: number): readonly number[] | null {
  const numbers: number[] = [];
  let fits = reader.next() === '[';
  if (!fits) {
    reader.skip();
    return null;
  }
  reader.list(() => {
    const isNumber = /[-\d]/.test(reader.next());
    const number = isNumber ? reader.number() : Number.NaN;
    if (!isNumber) reader.skip();
    fits &&= Number.isSafeInteger(number) && numbers.length < most;
    if (fits) numbers.push(number);
  });
  return fits ? numbers : null;
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
