/** Element types: their names, numbers in a program, sizes and typed arrays. Pure. */
import { type Kind, refused } from './arguments.js';
import { DTypeError, GradtapeError, show, ValueError } from './errors.js';

export type DType = 'float32' | 'float64' | 'int32' | 'uint8' | 'bool';
export type TypedArray = Float32Array | Float64Array | Int32Array | Uint8Array;

/** In the order of the addon's enum. */
export const dtypes: readonly DType[] = ['float32', 'float64', 'int32', 'uint8', 'bool'];

/** The dtype's number in a program. */
export const dtypeCode: Readonly<Record<DType, number>> = { float32: 0, float64: 1, int32: 2, uint8: 3, bool: 4 };

/** Size of an element in bytes. */
export const dtypeBytes: Readonly<Record<DType, number>> = { float32: 4, float64: 8, int32: 4, uint8: 1, bool: 1 };

export function isFloating(dtype: DType): boolean {
  return dtype === 'float32' || dtype === 'float64';
}

export function checkDType(op: string, dtype: unknown): DType {
  if (typeof dtype === 'string' && Object.hasOwn(dtypeCode, dtype)) return dtype as DType;
  throw new DTypeError(`${op}: unknown dtype ${show(dtype)}; expected one of ${dtypes.join(', ')}`);
}

/** The kind of a dtype, for options. */
export const dtypeKind: Kind<DType> = {
  expected: `one of ${dtypes.join(', ')}`,
  code: 'ERR_DTYPE',
  read: (value) => (typeof value === 'string' && Object.hasOwn(dtypeCode, value) ? (value as DType) : refused),
};

const kindGetter = Reflect.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype),
  Symbol.toStringTag,
)?.get;

/** The name of the typed array's class, whatever realm it is of (`instanceof` knows its own only); undefined for a DataView. */
export function arrayKind(array: ArrayBufferView): string | undefined {
  return kindGetter?.call(array);
}

/** A typed array of `length` elements over a buffer (or its own memory). */
export function viewOf(dtype: DType, buffer: ArrayBuffer, byteOffset: number, length: number): TypedArray {
  switch (dtype) {
    case 'float32':
      return new Float32Array(buffer, byteOffset, length);
    case 'float64':
      return new Float64Array(buffer, byteOffset, length);
    case 'int32':
      return new Int32Array(buffer, byteOffset, length);
    default:
      return new Uint8Array(buffer, byteOffset, length);
  }
}

/** @throws GradtapeError ERR_OUT_OF_MEMORY */
export function newArray(dtype: DType, length: number): TypedArray {
  try {
    return viewOf(dtype, new ArrayBuffer(length * dtypeBytes[dtype]), 0, length);
  } catch {
    throw new GradtapeError(
      'ERR_OUT_OF_MEMORY',
      `gradtape: no memory for ${length} elements of ${dtype} (${length * dtypeBytes[dtype]} bytes): Node ${process.version} gave no typed array of this size`,
    );
  }
}

/** The number as the dtype holds it; throws when the dtype cannot hold it (a fraction in an int32, 300 in a uint8). */
export function numberAs(op: string, dtype: DType, value: number | boolean): number {
  const number = typeof value === 'boolean' ? Number(value) : value;
  switch (dtype) {
    case 'float32':
      return Math.fround(number);
    case 'float64':
      return number;
    case 'int32':
      if (number === (number | 0)) return number | 0;
      throw numberError(op, dtype, number);
    case 'uint8':
      if (number === (number & 255)) return number;
      throw numberError(op, dtype, number);
    case 'bool':
      if (typeof value === 'boolean' || number === 0 || number === 1) return number;
      throw new DTypeError(
        `${op}: the number ${number} is not a bool; compare it with something, or cast() the tensor`,
      );
  }
}

function numberError(op: string, dtype: DType, number: number): Error {
  if (Number.isInteger(number)) return new ValueError(`${op}: the number ${number} does not fit ${dtype}`);
  return new DTypeError(
    `${op}: the number ${number} cannot be an element of dtype ${dtype}; cast the tensor first: cast(x, 'float32')`,
  );
}
