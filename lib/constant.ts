/** From JavaScript's numbers, booleans, nested arrays and typed arrays to tensors of known elements. */
import type { DType } from './dtype.js';
import { arrayKind, numberAs } from './dtype.js';
import { DTypeError, GradtapeError, ShapeError, show, ValueError } from './errors.js';
import { allocate } from './memory.js';
import type { Shape } from './shape.js';
import { guardShape, sameShape, scalarShape, showShape, sizeOf } from './shape.js';
import { bufferTensor, Tensor, uniformTensor } from './tensor.js';

export interface ConstantOptions {
  dtype?: DType;
  shape?: readonly number[];
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

function naturalDType(array: ArrayBufferView): DType | null {
  switch (arrayKind(array)) {
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
 * @param like dtype for numbers and nested arrays that do not say their own
 * @param name of the argument, for the error
 */
export function fromValue(
  op: string,
  value: unknown,
  dtype: DType | undefined,
  shape: Shape | undefined,
  like?: DType,
  name?: string,
): Tensor {
  if (value instanceof Tensor) {
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
    return uniformTensor(numberAs(op, type, value), type, shape ?? scalarShape);
  }
  if (ArrayBuffer.isView(value)) return fromTypedArray(op, value, dtype, shape);
  if (Array.isArray(value)) return fromNested(op, value, dtype, shape, like);
  throw new GradtapeError(
    'ERR_NOT_A_TENSOR',
    `${op}: ${name === undefined ? '' : `${name}: `}expected a tensor, variable, number, boolean, typed array or nested array of numbers, got ${show(value)}`,
  );
}

function place(op: string, values: ArrayLike<number>, dtype: DType, natural: Shape, shape: Shape | undefined): Tensor {
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

function fromTypedArray(
  op: string,
  array: ArrayBufferView,
  wanted: DType | undefined,
  shape: Shape | undefined,
): Tensor {
  const kind = arrayKind(array);
  if (kind === undefined || kind.startsWith('Big')) {
    throw new DTypeError(`${op}: ${show(array)} has no numbers of a dtype; convert it to a Float64Array or Int32Array`);
  }
  const typed = array as AnyTypedArray;
  if (
    typed.length === 0 &&
    (typed.buffer as ArrayBuffer & { detached?: boolean }).byteLength === 0 &&
    isDetached(typed)
  ) {
    throw new ValueError(
      `${op}: the buffer of ${show(array)} is detached (it was transferred); nothing is left to read`,
    );
  }
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
  return place(op, typed, dtype, guardShape(op, [typed.length]), shape);
}

/** A detached buffer throws on being sliced; an empty one does not. */
function isDetached(array: AnyTypedArray): boolean {
  try {
    new Uint8Array(array.buffer as ArrayBuffer);
    return false;
  } catch {
    return true;
  }
}

function fromNested(
  op: string,
  value: unknown[],
  wanted: DType | undefined,
  shape: Shape | undefined,
  like?: DType,
): Tensor {
  const lengths: number[] = [];
  for (let level: unknown = value; Array.isArray(level) || ArrayBuffer.isView(level); level = (level as unknown[])[0]) {
    lengths.push((level as ArrayLike<unknown>).length);
    if (lengths.length > 32 || (level as unknown[])[0] === level) {
      throw new ShapeError(`${op}: arrays are nested too deeply`);
    }
  }
  const natural = guardShape(op, lengths);
  const rank = natural.length;
  const size = sizeOf(natural);
  const numbers = new Float64Array(size);
  let at = 0;
  let booleans = 0;
  const walk = (level: unknown, axis: number, path: string): void => {
    const isList = Array.isArray(level) || ArrayBuffer.isView(level);
    if (axis === rank) {
      if (typeof level === 'boolean') booleans++;
      else if (typeof level !== 'number') {
        if (isList) throw ragged(path, natural);
        throw new ValueError(`${op}: ${path} is ${show(level)}, expected a number or boolean`, 'ERR_NOT_A_TENSOR');
      }
      numbers[at++] = Number(level);
      return;
    }
    if (!isList || (level as ArrayLike<unknown>).length !== natural[axis]) throw ragged(path, natural);
    const list = level as ArrayLike<unknown>;
    for (let i = 0; i < list.length; i++) walk(list[i], axis + 1, `${path}[${i}]`);
  };
  const ragged = (path: string, expected: Shape): ShapeError =>
    new ShapeError(`${op}: the nested array is ragged: ${path} does not fit shape ${showShape(expected)}`);
  walk(value, 0, 'value');
  if (booleans > 0 && booleans < size && wanted === undefined) {
    throw new DTypeError(
      `${op}: the nested array mixes booleans and numbers; say the dtype: constant(values, { dtype })`,
    );
  }
  const dtype = wanted ?? like ?? (booleans > 0 ? 'bool' : 'float32');
  if (dtype !== 'float64') for (let i = 0; i < size; i++) numbers[i] = numberAs(op, dtype, numbers[i] as number);
  return place(op, numbers, dtype, natural, shape);
}
