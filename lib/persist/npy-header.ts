/**
 * The header of an npy file: read as hostile input, and written as NumPy writes it.
 *
 * The file is: a magic, a version, the length of the header (16 bits in version 1, 32 in 2 and 3), a Python literal with the
 * element type, the order and the shape, the elements (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html).
 */
import type { DType } from '../base/dtype.js';
import { DTypeError, GradtapeError } from '../base/errors.js';
import { guardShape, type Shape } from '../base/shape.js';
import { type ElementType, elementTypes, sizeWithin } from './elements.js';
import type { Source } from './file.js';
import { quote } from './keys.js';

/** What a header says, checked against the size of the file. */
export interface NpyHeader {
  readonly type: ElementType;
  readonly bigEndian: boolean;
  /** Whether the first axis is that of neighbouring elements. */
  readonly fortran: boolean;
  readonly shape: Shape;
  /** Where the elements begin. */
  readonly position: number;
}

const magic = '\x93NUMPY';
/** Headers of numbers have some hundred bytes; only those of records, which are refused, have more than this. */
const kMaxHeaderBytes = 2 ** 16;

/** The types of NumPy, by kind and bytes, as elements.ts names them. */
const typesOf: Readonly<Record<string, string>> = {
  f2: 'F16',
  f4: 'F32',
  f8: 'F64',
  i1: 'I8',
  i2: 'I16',
  i4: 'I32',
  i8: 'I64',
  u1: 'U8',
  u2: 'U16',
  u4: 'U32',
  u8: 'U64',
  b1: 'BOOL',
}; // prettier-ignore
/** And as they are written. */
const descrOf: Readonly<Record<DType, string>> = {
  float32: '<f4',
  float64: '<f8',
  int32: '<i4',
  uint8: '|u1',
  bool: '|b1',
};

/**
 * Reads and checks the header. Nothing is allocated for what it only claims.
 * @param what the array, for errors: 'the array', 'array "w"'
 * @throws GradtapeError ERR_FORMAT; DTypeError for a type that no dtype can hold; ShapeError
 */
export async function readNpyHeader(fn: string, source: Source, what: string): Promise<NpyHeader> {
  const refuse = (why: string): GradtapeError =>
    new GradtapeError('ERR_FORMAT', `${fn}: ${source.name} is no npy file: ${why}`);
  const start = new Uint8Array(8);
  if (source.size < start.length) throw refuse(`it has ${source.size} bytes`);
  await source.read(start, 0);
  if (Buffer.from(start.subarray(0, 6)).toString('latin1') !== magic) throw refuse('it does not begin as one');
  const [major = 0, minor = 0] = start.subarray(6);
  if (major < 1 || major > 3 || minor !== 0) throw refuse(`version ${major}.${minor} is not known`);
  const lengthBytes = new Uint8Array(major === 1 ? 2 : 4);
  const from = start.length + lengthBytes.length;
  if (source.size < from) throw refuse(`it has ${source.size} bytes`);
  await source.read(lengthBytes, start.length);
  const length = lengthBytes.reduceRight((sum, byte) => sum * 256 + byte, 0);
  if (length > kMaxHeaderBytes) throw refuse(`its header has ${length} bytes, more than ${kMaxHeaderBytes}`);
  const position = from + length;
  if (position > source.size) throw refuse(`its header has ${length} bytes, the file ${source.size}`);
  const bytes = new Uint8Array(length);
  await source.read(bytes, from);
  const { descr, fortran, shape } = fieldsOf(Buffer.from(bytes).toString(major === 3 ? 'utf8' : 'latin1'), refuse);
  const { type, bigEndian } = typeOf(fn, what, descr);
  const size = sizeWithin(shape);
  const there = source.size - position;
  if (size * type.bytes !== there) {
    throw refuse(`${descr} of shape (${shape.join(', ')}) takes ${size * type.bytes} bytes, the file has ${there}`);
  }
  return { type, bigEndian, fortran, shape: guardShape(`${fn}: ${what}`, [...shape]), position };
}

interface Fields {
  readonly descr: string;
  readonly fortran: boolean;
  readonly shape: readonly number[];
}

/** One entry of the dictionary: a key, and a string, a bool, a tuple, or a list, which only records have. */
const entry =
  /\s*(['"])(descr|fortran_order|shape)\1\s*:\s*(?:(?:'([^'\\]*)'|"([^"\\]*)"|(True|False)|\(([^()]*)\))\s*(?:,|(?=\}))|(\[))/y;
const tuple = /^\s*(?:(?:0|[1-9]\d*)L?\s*,\s*)*(?:(?:0|[1-9]\d*)L?\s*)?$/;

/** The fields of the dictionary, which has just these, each once. */
function fieldsOf(text: string, refuse: (why: string) => GradtapeError): Fields {
  const wrong = (): GradtapeError => refuse(`its header is ${quote(text.trim())}`);
  const fields = new Map<string, string | boolean | readonly number[]>();
  const open = /^\s*\{/.exec(text)?.[0].length;
  if (open === undefined) throw wrong();
  entry.lastIndex = open;
  let end = open;
  for (let found = entry.exec(text); found; found = entry.exec(text)) {
    const [, , key = '', single, double, truth, lengths, list] = found;
    if (fields.has(key)) throw wrong();
    if (list) fields.set(key, 'a record');
    else if (truth) fields.set(key, truth === 'True');
    else if (lengths !== undefined) fields.set(key, lengthsOf(lengths, wrong));
    else fields.set(key, single ?? double ?? '');
    end = entry.lastIndex;
    if (list) break;
  }
  const [descr, fortran, shape] = ['descr', 'fortran_order', 'shape'].map((key) => fields.get(key));
  if (descr === 'a record') return { descr, fortran: false, shape: [] };
  const isWhole = fields.size === 3 && /^\s*\}\s*$/.test(text.slice(end));
  if (!isWhole || typeof descr !== 'string' || typeof fortran !== 'boolean' || typeof shape !== 'object') throw wrong();
  return { descr, fortran, shape };
}

/** The lengths of a tuple; (3) is none, but a number. */
function lengthsOf(text: string, wrong: () => GradtapeError): readonly number[] {
  if (!tuple.test(text) || (text.trim() !== '' && !text.includes(','))) throw wrong();
  const lengths = (text.match(/\d+/g) ?? []).map(Number);
  if (!lengths.every(Number.isSafeInteger)) throw wrong();
  return lengths;
}

function typeOf(fn: string, what: string, descr: string): { type: ElementType; bigEndian: boolean } {
  const [, order, kind = ''] = /^([<>|=]?)([a-z]\d+)$/.exec(descr) ?? [];
  const type = Object.hasOwn(typesOf, kind) ? elementTypes[typesOf[kind] as string] : undefined;
  if (!type) throw new DTypeError(`${fn}: ${what} is of ${quote(descr)}, which no dtype here can hold`);
  return { type, bigEndian: order === '>' };
}

/** The spare room that NumPy leaves for the first length to grow. */
const kGrowthDigits = 21;
const kAlignment = 64;

/** The header of a file with a tensor: in version 1, as NumPy writes it. */
export function makeNpyHeader(dtype: DType, shape: Shape): Uint8Array {
  const lengths = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
  const spare = shape.length === 0 ? 0 : kGrowthDigits - String(shape[0]).length;
  const text = `{'descr': '${descrOf[dtype]}', 'fortran_order': False, 'shape': ${lengths}, }${' '.repeat(spare)}`;
  const prefix = magic.length + 4;
  const total = Math.ceil((prefix + text.length + 1) / kAlignment) * kAlignment;
  const header = Buffer.from(`${magic}\x01\0\0\0${text.padEnd(total - prefix - 1)}\n`, 'latin1');
  header.writeUInt16LE(total - prefix, magic.length + 2);
  return new Uint8Array(header);
}
