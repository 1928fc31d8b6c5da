/** Dtypes: a table with one row for each, which says all that lib/ knows of it. */
import { type Kind, refused } from './arguments.js';
import { DTypeError, GradtapeError, show, ValueError } from './errors.js';

/** The dtypes of elements. Numbers and gradients are float32 or float64; int32 wraps around; bool has the elements 0 and 1. */
export type DType = 'float32' | 'float64' | 'int32' | 'uint8' | 'bool';
/** What the elements of a tensor are read as: the typed array of its dtype. */
export type TypedArray = Float32Array | Float64Array | Int32Array | Uint8Array;

/** What the elements are. Ops and rules ask for this, not for names. Only floating dtypes have gradients. */
export type DTypeKind = 'floating' | 'integer' | 'boolean';

interface Row {
  /** Its number in a program: that of its line in native/kernels/dtype.def. */
  readonly code: number;
  readonly kind: DTypeKind;
  /** Size of an element in bytes. */
  readonly bytes: number;
  /** A typed array of its own: up to 64 bytes V8 makes it in its heap, a tenth of the time of one with a buffer. */
  readonly zeros: (length: number) => TypedArray;
  /** A typed array over a part of a buffer. */
  readonly view: (buffer: ArrayBuffer, byteOffset: number, length: number) => TypedArray;
  /** The number as an element of the dtype (rounded, for float32); NaN if an integer dtype or bool cannot hold it. */
  readonly element: (x: number) => number;
  /** The accumulator dtype: in which sums and products of these elements are computed. */
  readonly accumulator: DType;
  /** The largest and the smallest element: what reduceMin and reduceMax give of no elements. */
  readonly highest: number;
  readonly lowest: number;
  /** The distance from 1 to the next larger element; of whole numbers 1. */
  readonly epsilon: number;
}

const rows: Readonly<Record<DType, Row>> = {
  float32: {
    code: 0,
    kind: 'floating',
    bytes: 4,
    zeros: (length) => new Float32Array(length),
    view: (buffer, at, length) => new Float32Array(buffer, at, length),
    element: Math.fround,
    accumulator: 'float32',
    highest: Number.POSITIVE_INFINITY,
    lowest: Number.NEGATIVE_INFINITY,
    epsilon: 2 ** -23,
  },
  float64: {
    code: 1,
    kind: 'floating',
    bytes: 8,
    zeros: (length) => new Float64Array(length),
    view: (buffer, at, length) => new Float64Array(buffer, at, length),
    element: (x) => x,
    accumulator: 'float64',
    highest: Number.POSITIVE_INFINITY,
    lowest: Number.NEGATIVE_INFINITY,
    epsilon: 2 ** -52,
  },
  int32: {
    code: 2,
    kind: 'integer',
    bytes: 4,
    zeros: (length) => new Int32Array(length),
    view: (buffer, at, length) => new Int32Array(buffer, at, length),
    element: (x) => (x === (x | 0) ? x | 0 : Number.NaN),
    accumulator: 'int32',
    highest: 2 ** 31 - 1,
    lowest: -(2 ** 31),
    epsilon: 1,
  },
  uint8: {
    code: 3,
    kind: 'integer',
    bytes: 1,
    zeros: (length) => new Uint8Array(length),
    view: (buffer, at, length) => new Uint8Array(buffer, at, length),
    element: (x) => (x === (x & 255) ? x & 255 : Number.NaN),
    accumulator: 'int32',
    highest: 255,
    lowest: 0,
    epsilon: 1,
  },
  bool: {
    code: 4,
    kind: 'boolean',
    bytes: 1,
    zeros: (length) => new Uint8Array(length),
    view: (buffer, at, length) => new Uint8Array(buffer, at, length),
    element: (x) => (x === 0 || x === 1 ? x + 0 : Number.NaN),
    accumulator: 'int32',
    highest: 1,
    lowest: 0,
    epsilon: 1,
  },
};

/** All dtypes, in the order of their numbers in a program. */
export const dtypes: readonly DType[] = (Object.keys(rows) as DType[]).sort((p, q) => rows[p].code - rows[q].code);

function column<K extends keyof Row>(key: K): Readonly<Record<DType, Row[K]>> {
  return Object.fromEntries(dtypes.map((dtype) => [dtype, rows[dtype][key]])) as Record<DType, Row[K]>;
}

// The columns of the table, one object each: for V8 a property of one object is the fastest lookup.
/** The dtype's number in a program. */
export const dtypeCode: Readonly<Record<DType, number>> = column('code');
/** Size of an element in bytes. */
export const dtypeBytes: Readonly<Record<DType, number>> = column('bytes');
/** What the elements are. */
export const kindOf: Readonly<Record<DType, DTypeKind>> = column('kind');
/** The accumulator dtype: in which sums and products are computed. */
export const accumulatorOf: Readonly<Record<DType, DType>> = column('accumulator');
/** The largest and the smallest element. */
export const highestOf: Readonly<Record<DType, number>> = column('highest');
export const lowestOf: Readonly<Record<DType, number>> = column('lowest');
/** The distance from 1 to the next larger element. */
export const epsilonOf: Readonly<Record<DType, number>> = column('epsilon');

/**
 * Whether gradients of this dtype exist. Compares names, not the table, because it is asked of every recorded operand:
 * a lookup by string costs as much as five comparisons. dtype.test.ts compares it with the table.
 */
export function isFloating(dtype: DType): boolean {
  return dtype === 'float32' || dtype === 'float64';
}

/** The dtypes of these kinds. */
export function dtypesOf(...kinds: readonly DTypeKind[]): readonly DType[] {
  return dtypes.filter((dtype) => kinds.includes(rows[dtype].kind));
}

/** @throws DTypeError for what is no dtype */
export function checkDType(op: string, dtype: unknown): DType {
  if (typeof dtype === 'string' && Object.hasOwn(dtypeCode, dtype)) return dtype as DType;
  const hint = dtype === undefined ? "; a dtype is a string: 'float32', there is no tf.float32" : '';
  throw new DTypeError(`${op}: unknown dtype ${show(dtype)}; expected one of ${dtypes.join(', ')}${hint}`);
}

/** The kind of argument that a dtype is. */
export const dtypeArgument: Kind<DType> = {
  expected: `one of ${dtypes.join(', ')}`,
  code: 'ERR_DTYPE',
  read: (value) => (typeof value === 'string' && Object.hasOwn(dtypeCode, value) ? (value as DType) : refused),
};

const classNameGetter = Reflect.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype),
  Symbol.toStringTag,
)?.get;

/** The name of a typed array's class, from any realm (`instanceof` knows only its own); undefined for a DataView. */
export function arrayClassName(array: ArrayBufferView): string | undefined {
  return classNameGetter?.call(array);
}

/** A typed array of `length` elements over a buffer. */
export function viewOf(dtype: DType, buffer: ArrayBuffer, byteOffset: number, length: number): TypedArray {
  return rows[dtype].view(buffer, byteOffset, length);
}

/**
 * A typed array of zeros.
 * @throws GradtapeError ERR_OUT_OF_MEMORY
 */
export function newArray(dtype: DType, length: number): TypedArray {
  try {
    return rows[dtype].zeros(length);
  } catch {
    throw new GradtapeError(
      'ERR_OUT_OF_MEMORY',
      `gradtape: no memory for ${length} elements of ${dtype} (${length * dtypeBytes[dtype]} bytes): Node ${process.version} gave no typed array of this size`,
    );
  }
}

/**
 * The number as the dtype holds it.
 * @throws ValueError for a whole number that does not fit (300 in a uint8); DTypeError for any other that is no element
 *   (0.5 in an int32)
 */
export function numberAs(op: string, dtype: DType, value: number | boolean): number {
  const number = typeof value === 'boolean' ? Number(value) : value;
  const element = rows[dtype].element(number);
  if (!Number.isNaN(element) || isFloating(dtype)) return element;
  throw numberError(op, dtype, number);
}

function numberError(op: string, dtype: DType, number: number): Error {
  if (kindOf[dtype] === 'boolean') {
    return new DTypeError(`${op}: the number ${number} is not a bool; compare it with something, or cast() the tensor`);
  }
  if (Number.isInteger(number)) return new ValueError(`${op}: the number ${number} does not fit ${dtype}`);
  return new DTypeError(
    `${op}: the number ${number} cannot be an element of dtype ${dtype}; use one of floats (of a tensor: cast(x, 'float32'))`,
  );
}
