/** Constants: tensors made of JavaScript's numbers, booleans, nested arrays and typed arrays. */
import type { DType } from '../base/dtype.js';
import { arrayClassName, newArray, numberAs } from '../base/dtype.js';
import { DTypeError, GradtapeError, ShapeError, show, ValueError } from '../base/errors.js';
import type { Lengths, Shape } from '../base/shape.js';
import { guardShape, sameShape, scalarShape, showShape, sizeOf } from '../base/shape.js';
import { allocate } from './buffers.js';
import { constantOf } from './looks.js';
import { bufferTensor, isTensor, type Tensor, uniformTensor } from './tensor.js';

/** The options of `constant`, and of `zeros`, `ones` and their kin. */
export interface ConstantOptions {
  /** Default: that of a typed array; bool for booleans; float32 for numbers. */
  dtype?: DType;
  /**
   * Default: that of the nested array; [length] for a typed array; [] for a number. With a number, all elements are it.
   */
  shape?: number | Lengths;
}

export type NumberArray = readonly (number | boolean | NumberArray)[];
/** Typed arrays that gradtape reads; those without a dtype of their own need an explicit one. */
export type AnyTypedArray =
  | Float32Array
  | Float64Array
  | Int32Array
  | Uint8Array
  | Uint8ClampedArray
  | Int8Array
  | Int16Array
  | Uint16Array
  | Uint32Array;

/** The dtype that a typed array has by itself; null if the user has to say one. */
export function naturalDType(array: ArrayBufferView): DType | null {
  switch (arrayClassName(array)) {
    case 'Float32Array':
      return 'float32';
    case 'Float64Array':
      return 'float64';
    case 'Int32Array':
      return 'int32';
    case 'Uint8Array':
    case 'Uint8ClampedArray':
      return 'uint8';
    default:
      return null;
  }
}

/**
 * The tensor of a number, boolean, nested array or typed array.
 * @param dtype as the user asked for it
 * @param like dtype of numbers and nested arrays, where `dtype` is not given
 * @param name of the argument, for the error
 * @throws GradtapeError ERR_NOT_A_TENSOR, DTypeError, ShapeError
 */
export function fromValue(
  op: string,
  value: unknown,
  dtype: DType | undefined,
  shape: Shape | undefined,
  like?: DType,
  name?: string,
): Tensor {
  if (isTensor(value)) {
    if (dtype !== undefined && dtype !== value.dtype) {
      throw new DTypeError(`${op}: the tensor has dtype ${value.dtype}, not ${dtype}; write cast(x, '${dtype}')`);
    }
    if (shape && !sameShape(shape, value.shape)) {
      throw new ShapeError(`${op}: the tensor has shape ${showShape(value.shape)}, not ${showShape(shape)}`);
    }
    return value;
  }
  if (typeof value === 'number' || typeof value === 'boolean') {
    const type = dtype ?? like ?? (typeof value === 'boolean' ? 'bool' : 'float32');
    return constantOf(value, uniformTensor(numberAs(op, type, value), type, shape ?? scalarShape));
  }
  if (ArrayBuffer.isView(value)) return constantOf(value, fromTypedArray(op, value, dtype, shape));
  if (isArray(value)) return constantOf(value, fromNested(op, value, dtype, shape, like));
  throw notATensor(op, value, name);
}

function notATensor(op: string, value: unknown, name: string | undefined): GradtapeError {
  const argument = name === undefined ? '' : `${name}: `;
  const hint = value === null ? '; a gradient is null where the target does not depend on the source' : '';
  return new GradtapeError(
    'ERR_NOT_A_TENSOR',
    `${op}: ${argument}expected a tensor, variable, number, boolean, typed array or nested array of numbers, got ${show(value)}${hint}`,
  );
}

function isArray(value: unknown): value is readonly unknown[] {
  try {
    return Array.isArray(value);
  } catch {
    return false; // a revoked proxy
  }
}

/** The int32 tensor of indices given as a number, nested array or typed array of whole numbers. */
export function indicesFrom(op: string, value: unknown, name: string): Tensor {
  if (typeof value === 'number') return uniformTensor(wholeNumber(op, name, value), 'int32', scalarShape);
  if (typeof value === 'boolean') throw boolIndices(op, name);
  if (ArrayBuffer.isView(value)) {
    if (naturalDType(value) === 'int32') return fromTypedArray(op, value, 'int32', undefined);
    const typed = checkView(op, value);
    const shape = guardShape(op, [typed.length]);
    return filledTensor(op, wholeNumbers(op, name, typed), 'int32', shape, undefined);
  }
  if (!isArray(value)) throw notATensor(op, value, name);
  const { numbers, shape, booleans } = readNested(op, value);
  if (booleans > 0) throw boolIndices(op, name);
  return filledTensor(op, wholeNumbers(op, name, numbers), 'int32', shape, undefined);
}

/** The numbers as int32; an error for one that is not whole, or not an int32. */
export function wholeNumbers(op: string, name: string, numbers: ArrayLike<number>): Int32Array {
  const whole = newArray('int32', numbers.length) as Int32Array;
  for (let i = 0; i < numbers.length; i++) whole[i] = wholeNumber(op, name, numbers[i] as number);
  return whole;
}

export function wholeNumber(op: string, name: string, number: number): number {
  if (number === (number | 0)) return number | 0;
  if (Number.isInteger(number)) throw new ValueError(`${op}: ${name} must be int32, got ${number}`, 'ERR_INDEX');
  throw new DTypeError(`${op}: ${name} must be whole numbers, got ${number}`);
}

export function boolIndices(op: string, name: string): DTypeError {
  return new DTypeError(`${op}: ${name} must be int32, got bool; for a mask write booleanMask(x, mask)`);
}

/** The tensor of values, of the given shape or else of their natural one. */
function filledTensor(
  op: string,
  values: ArrayLike<number>,
  dtype: DType,
  natural: Shape,
  shape: Shape | undefined,
): Tensor {
  const target = shape ?? natural;
  const size = sizeOf(target);
  if (size !== values.length) {
    throw new ShapeError(`${op}: ${values.length} elements do not fill shape ${showShape(target)} (${size} elements)`);
  }
  if (size === 1) return uniformTensor(values[0] as number, dtype, target);
  const buffer = allocate(dtype, size);
  buffer.elements.set(values);
  return bufferTensor(buffer, dtype, target);
}

/**
 * The typed array, if its numbers can be read.
 * @throws DTypeError for a DataView and for bigints; ValueError for a detached buffer
 */
function checkView(op: string, array: ArrayBufferView): AnyTypedArray {
  const kind = arrayClassName(array);
  if (kind === undefined || kind.startsWith('Big')) {
    throw new DTypeError(`${op}: ${show(array)} has no numbers of a dtype; convert it to a Float64Array or Int32Array`);
  }
  const typed = array as AnyTypedArray;
  if (typed.length === 0 && isGone(typed)) {
    throw new ValueError(
      `${op}: the buffer of ${show(array)} is detached (it was transferred) or has shrunk; nothing is left to read`,
    );
  }
  return typed;
}

function fromTypedArray(
  op: string,
  array: ArrayBufferView,
  wanted: DType | undefined,
  shape: Shape | undefined,
): Tensor {
  const typed = checkView(op, array);
  const natural = naturalDType(typed);
  const dtype = wanted ?? natural;
  if (!dtype) {
    throw new DTypeError(`${op}: ${show(array)} needs an explicit dtype: constant(values, { dtype: 'int32' })`);
  }
  if (dtype === 'bool' && natural === 'uint8') {
    for (const value of typed) numberAs(op, 'bool', value);
  } else if (dtype !== natural && dtype !== 'float64' && !(dtype === 'float32' && natural === 'float64')) {
    for (const value of typed) numberAs(op, dtype, value);
  }
  return filledTensor(op, typed, dtype, guardShape(op, [typed.length]), shape);
}

/**
 * Whether the buffer of an array of length 0 is detached or has shrunk: then `at` throws, whereas for an array that is
 * just empty it does not.
 */
function isGone(array: AnyTypedArray): boolean {
  try {
    Float32Array.prototype.at.call(array, 0);
    return false;
  } catch {
    return true;
  }
}

interface NestedNumbers {
  readonly numbers: Float64Array;
  readonly shape: Shape;
  /** How many of them are booleans. */
  readonly booleans: number;
}

function readNested(op: string, value: readonly unknown[]): NestedNumbers {
  try {
    return walkNested(op, value);
  } catch (error) {
    if (error instanceof GradtapeError) throw error;
    throw new GradtapeError('ERR_NOT_A_TENSOR', `${op}: the array cannot be read: ${String(error)}`, error);
  }
}

function walkNested(op: string, value: readonly unknown[]): NestedNumbers {
  const lengths: number[] = [];
  for (let level: unknown = value; Array.isArray(level) || ArrayBuffer.isView(level); level = (level as unknown[])[0]) {
    if (ArrayBuffer.isView(level)) checkView(op, level);
    lengths.push((level as ArrayLike<unknown>).length);
    if (lengths.length > 32 || (level as unknown[])[0] === level) {
      throw new ShapeError(`${op}: arrays are nested too deeply`);
    }
  }
  const shape = guardShape(op, lengths);
  const rank = shape.length;
  const size = sizeOf(shape);
  const numbers = newArray('float64', size) as Float64Array;
  let at = 0;
  let booleans = 0;
  const walk = (level: unknown, axis: number, path: string): void => {
    const isList = Array.isArray(level) || ArrayBuffer.isView(level);
    if (axis === rank) {
      if (typeof level === 'boolean') booleans++;
      else if (typeof level !== 'number') {
        if (isList) throw ragged(path);
        const hint = isTensor(level) ? '; write stack([...]) for a list of tensors' : '';
        throw new ValueError(
          `${op}: ${path} is ${show(level)}, expected a number or boolean${hint}`,
          'ERR_NOT_A_TENSOR',
        );
      }
      numbers[at++] = Number(level);
      return;
    }
    if (ArrayBuffer.isView(level)) checkView(op, level);
    if (!isList || (level as ArrayLike<unknown>).length !== shape[axis]) throw ragged(path);
    const list = level as ArrayLike<unknown>;
    for (let i = 0; i < list.length; i++) walk(list[i], axis + 1, `${path}[${i}]`);
  };
  const ragged = (path: string): ShapeError =>
    new ShapeError(`${op}: the nested array is ragged: ${path} does not fit shape ${showShape(shape)}`);
  walk(value, 0, 'value');
  return { numbers, shape, booleans };
}

function fromNested(
  op: string,
  value: readonly unknown[],
  wanted: DType | undefined,
  shape: Shape | undefined,
  like?: DType,
): Tensor {
  const { numbers, shape: natural, booleans } = readNested(op, value);
  const size = numbers.length;
  if (booleans > 0 && booleans < size && wanted === undefined) {
    throw new DTypeError(
      `${op}: the nested array mixes booleans and numbers; say the dtype: constant(values, { dtype })`,
    );
  }
  const dtype = wanted ?? like ?? (booleans > 0 ? 'bool' : 'float32');
  if (dtype !== 'float64') for (let i = 0; i < size; i++) numbers[i] = numberAs(op, dtype, numbers[i] as number);
  return filledTensor(op, numbers, dtype, natural, shape);
}
