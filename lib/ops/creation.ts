/** Creation of tensors: constants, zeros and ones, ranges, unit matrices. */
import {
  anything,
  argument,
  finite,
  isOptions,
  options,
  refuseBehind,
  refuseExtra,
  refuseSpread,
} from '../base/arguments.js';
import type { DType } from '../base/dtype.js';
import { dtypeArgument, numberAs } from '../base/dtype.js';
import { DTypeError, ShapeError, ValueError } from '../base/errors.js';
import { checkLength, checkShape, guardShape, type Lengths, shapeOf, showShape, sizeOf } from '../base/shape.js';
import { allocate } from '../engine/buffers.js';
import { type ConstantOptions, fromValue } from '../engine/constant.js';
import { bufferTensor, type Tensor, uniformTensor } from '../engine/tensor.js';
import { asTensor } from '../op/operands.js';
import { isVariable, type TensorLike } from '../op/variable.js';
import { densify, type IndexedSlices } from '../primitives/gather.js';
import { broadcast, identityOf } from '../primitives/movement.js';

/** Options of functions that make tensors. */
export interface DTypeOption {
  /** Default: float32. */
  dtype?: DType;
}

const dtypeOption = { dtype: dtypeArgument } as const;
const constantOptions = { dtype: dtypeArgument, shape: anything } as const;

/**
 * A tensor of the given elements.
 *
 * Numbers and nested arrays become float32 and booleans bool, unless `dtype` says otherwise; typed arrays keep their
 * own dtype. Elements are copied. A tensor is returned itself, and of a variable its present value.
 * @throws ShapeError for ragged arrays and shapes that do not fit; DTypeError or ValueError for elements that do not
 *   fit the dtype
 */
export function constant(value: unknown, opts?: ConstantOptions): Tensor {
  const { dtype, shape } = options('constant', constantOptions, opts);
  if (arguments.length > 2) refuseBehind('constant', arguments[2]);
  const target = shape === undefined ? undefined : checkShape('constant', shape);
  // value() makes a new tensor of a reading.
  return fromValue('constant', isVariable(value) ? value.value() : value, dtype, target);
}

function filled(op: string, shape: number | Lengths, value: number, opts: DTypeOption | undefined): Tensor {
  const { dtype = 'float32' } = options(op, dtypeOption, opts);
  return uniformTensor(value, dtype, checkShape(op, shape));
}

/** Zeros of a shape; float32 by default. */
export function zeros(shape: number | Lengths, opts?: DTypeOption): Tensor {
  if (typeof opts === 'number') refuseSpread('zeros', '', [...arguments]);
  if (arguments.length > 2) refuseBehind('zeros', arguments[2]);
  return filled('zeros', shape, 0, opts);
}

/** Ones of a shape; float32 by default. */
export function ones(shape: number | Lengths, opts?: DTypeOption): Tensor {
  if (typeof opts === 'number') refuseSpread('ones', '', [...arguments]);
  if (arguments.length > 2) refuseBehind('ones', arguments[2]);
  return filled('ones', shape, 1, opts);
}

/**
 * A tensor of one value: a number (float32 by default), a boolean (bool), or a scalar tensor. With a tensor the result
 * has its dtype, and the gradient flows to it.
 * @throws ShapeError, DTypeError for a value that does not fit
 */
export function fill(shape: number | Lengths, value: TensorLike, opts?: DTypeOption): Tensor {
  const { dtype } = options('fill', dtypeOption, opts);
  if (arguments.length > 3) refuseBehind('fill', arguments[3]);
  const target = checkShape('fill', shape);
  if (typeof value === 'number' || typeof value === 'boolean') {
    const type = dtype ?? (typeof value === 'boolean' ? 'bool' : 'float32');
    return uniformTensor(numberAs('fill', type, value), type, target);
  }
  const t = asTensor('fill', value, dtype, 'value');
  if (t.rank !== 0) throw new ShapeError(`fill: value must be a scalar, got shape ${showShape(t.shape)}`);
  if (dtype !== undefined && t.dtype !== dtype) {
    throw new DTypeError(`fill: the value has dtype ${t.dtype}, not ${dtype}; write cast(value, '${dtype}')`);
  }
  return target.length === 0 ? identityOf(t) : broadcast(t, target);
}

/** A tensor whose i-th element is at(i). */
function generate(op: string, shape: readonly number[], dtype: DType, at: (i: number) => number): Tensor {
  const size = sizeOf(guardShape(op, [...shape]));
  const buffer = allocate(dtype, size);
  for (let i = 0; i < size; i++) buffer.elements[i] = numberAs(op, dtype, at(i));
  return bufferTensor(buffer, dtype, shapeOf([...shape]));
}

/** The options of `eye`. */
export interface EyeOptions extends DTypeOption {
  /** Leading axes: so many of the matrix. Default: none, one matrix. */
  batchShape?: number | Lengths;
}

const eyeOptions = { ...dtypeOption, batchShape: anything } as const;

/**
 * The matrix [n, m] with ones on its diagonal and zeros elsewhere, or with a `batchShape` the matrices
 * [...batchShape, n, m]; m is n by default. The options may stand in m's place.
 */
export function eye(n: number, m?: number | EyeOptions, opts?: EyeOptions): Tensor {
  const shifted = opts === undefined && isOptions(m);
  const { dtype = 'float32', batchShape = [] } = options('eye', eyeOptions, shifted ? m : opts);
  if (arguments.length > 3) refuseBehind('eye', arguments[3]);
  const rows = checkLength('eye', 'n', n);
  const columns = shifted || m === undefined ? rows : checkLength('eye', 'm', m);
  const shape = guardShape('eye', [...checkShape('eye', batchShape, 'batchShape'), rows, columns]);
  const one = generate('eye', shapeOf([rows, columns]), dtype, (i) =>
    Math.floor(i / columns) === i % columns ? 1 : 0,
  );
  return shape.length === 2 ? one : broadcast(one, shape);
}

/**
 * The vector start, start + delta, ... up to limit, which is left out; delta is 1 by default. range(n) is 0 .. n - 1.
 * Default dtype: float32. The options may stand in the place of limit or delta.
 * @throws ValueError if delta is 0 or leads away from limit
 */
export function range(
  start: number,
  limit?: number | DTypeOption,
  delta?: number | DTypeOption,
  opts?: DTypeOption,
): Tensor {
  const given: unknown[] = [start, limit, delta, opts];
  const at = given.findIndex(isOptions);
  const last = at > 0 && given.slice(at + 1).every((value) => value === undefined) ? at : 3;
  const { dtype = 'float32' } = options('range', dtypeOption, given[last]);
  if (arguments.length > 4) refuseBehind('range', arguments[4]);
  const numbers = last < 3 ? given.slice(0, last) : given.slice(0, 3);
  const one = numbers[1] === undefined;
  const from = one ? 0 : argument('range', 'start', finite, start);
  const to = one ? argument('range', 'limit', finite, start) : argument('range', 'limit', finite, numbers[1]);
  const step = numbers[2] === undefined ? 1 : argument('range', 'delta', finite, numbers[2]);
  if (step === 0) throw new ValueError('range: delta must not be 0');
  if (step > 0 ? from > to : from < to) {
    throw new ValueError(
      `range: requires start ${step > 0 ? '<=' : '>='} limit when delta is ${step}, got ${from} and ${to}`,
    );
  }
  return generate('range', checkShape('range', [Math.ceil((to - from) / step)]), dtype, (i) => from + i * step);
}

/**
 * The vector of `num` evenly spaced numbers from start to stop, both included. Default dtype: float32.
 * @throws ValueError, ShapeError for a num that is no whole number >= 1
 */
export function linspace(start: number, stop: number, num: number, opts?: DTypeOption): Tensor {
  const { dtype = 'float32' } = options('linspace', dtypeOption, opts);
  if (arguments.length > 4) refuseBehind('linspace', arguments[4]);
  const from = argument('linspace', 'start', finite, start);
  const to = argument('linspace', 'stop', finite, stop);
  const shape = guardShape('linspace', [checkLength('linspace', 'num', num)]);
  if (num < 1) throw new ValueError(`linspace: num must be at least 1, got ${num}`);
  const step = num > 1 ? (to - from) / (num - 1) : 0;
  return generate('linspace', shape, dtype, (i) => (i === num - 1 && num > 1 ? to : from + i * step));
}

/**
 * The tensor of whatever ops take as an operand. A tensor is returned itself, of a variable its present value, of
 * IndexedSlices the dense tensor.
 */
export function convertToTensor(x: TensorLike | IndexedSlices): Tensor {
  if (arguments.length > 1) refuseExtra('convertToTensor', arguments[1], arguments[2]);
  return isVariable(x) ? x.value() : densify(asTensor('convertToTensor', x));
}
