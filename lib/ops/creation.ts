/** Tensors from JavaScript's values and from nothing: constants, filled ones, ranges, unit matrices. */
import { type ConstantOptions, fromValue } from '../constant.js';
import type { DType } from '../dtype.js';
import { checkDType, numberAs } from '../dtype.js';
import { show, ValueError } from '../errors.js';
import { allocate } from '../memory.js';
import { checkShape, guardShape, sizeOf } from '../shape.js';
import { bufferTensor, type Tensor, uniformTensor } from '../tensor.js';
import { Variable } from '../variable.js';

export interface DTypeOption {
  dtype?: DType;
}

/**
 * A tensor of the given elements.
 *
 * Numbers and nested arrays become float32 and booleans bool, unless `dtype` says otherwise; typed arrays keep their own dtype.
 * Elements are copied; tensors are taken as they are, and a variable is read.
 * @throws ShapeError for ragged arrays and shapes that do not fit; DTypeError or ValueError for elements that do not fit the dtype
 */
export function constant(value: unknown, opts: ConstantOptions = {}): Tensor {
  const dtype = opts.dtype === undefined ? undefined : checkDType('constant', opts.dtype);
  const shape = opts.shape === undefined ? undefined : checkShape('constant', opts.shape);
  return fromValue('constant', value instanceof Variable ? value.value() : value, dtype, shape);
}

function filled(op: string, shape: readonly number[], value: number | boolean, dtype: DType): Tensor {
  return uniformTensor(numberAs(op, checkDType(op, dtype), value), dtype, checkShape(op, shape));
}

/** Zeros of a shape; float32 by default. */
export function zeros(shape: readonly number[], opts: DTypeOption = {}): Tensor {
  return filled('zeros', shape, 0, opts.dtype ?? 'float32');
}

/** Ones of a shape; float32 by default. */
export function ones(shape: readonly number[], opts: DTypeOption = {}): Tensor {
  return filled('ones', shape, 1, opts.dtype ?? 'float32');
}

/** One value everywhere; float32 by default, bool for a boolean. */
export function fill(shape: readonly number[], value: number | boolean, opts: DTypeOption = {}): Tensor {
  return filled('fill', shape, value, opts.dtype ?? (typeof value === 'boolean' ? 'bool' : 'float32'));
}

function generate(op: string, shape: readonly number[], dtype: DType, at: (i: number) => number): Tensor {
  const size = sizeOf(guardShape(op, [...shape]));
  const buffer = allocate(dtype, size);
  for (let i = 0; i < size; i++) buffer.elements[i] = numberAs(op, dtype, at(i));
  return bufferTensor(buffer, dtype, Object.freeze([...shape]));
}

/** The n x m matrix with ones on its diagonal (m = n by default). */
export function eye(n: number, m: number = n, opts: DTypeOption = {}): Tensor {
  const [rows, columns] = checkShape('eye', [n, m]) as [number, number];
  const dtype = checkDType('eye', opts.dtype ?? 'float32');
  return generate('eye', [rows, columns], dtype, (i) => (Math.floor(i / columns) === i % columns ? 1 : 0));
}

/** start, start + delta, ... before limit; range(n) is 0 .. n - 1. Default dtype: float32. */
export function range(start: number, limit?: number, delta = 1, opts: DTypeOption = {}): Tensor {
  const [from, to] = limit === undefined ? [0, start] : [start, limit];
  const dtype = checkDType('range', opts.dtype ?? 'float32');
  if (![from, to, delta].every(Number.isFinite) || delta === 0) {
    throw new ValueError(
      `range: expected finite numbers and a step other than 0, got ${show(from)}, ${show(to)}, ${show(delta)}`,
    );
  }
  const count = Math.max(0, Math.ceil((to - from) / delta));
  return generate('range', checkShape('range', [count]), dtype, (i) => from + i * delta);
}

/** `num` evenly spaced numbers from start to stop, both included. */
export function linspace(start: number, stop: number, num: number, opts: DTypeOption = {}): Tensor {
  const shape = checkShape('linspace', [num]);
  if (![start, stop].every(Number.isFinite) || num < 1) {
    throw new ValueError(
      `linspace: expected finite ends and num >= 1, got ${show(start)}, ${show(stop)}, ${show(num)}`,
    );
  }
  const step = num > 1 ? (stop - start) / (num - 1) : 0;
  const dtype = checkDType('linspace', opts.dtype ?? 'float32');
  return generate('linspace', shape, dtype, (i) => (i === num - 1 && num > 1 ? stop : start + i * step));
}
