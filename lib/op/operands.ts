/** Operands: making tensors of what users pass, and checking their dtypes. */
import { listOf } from '../base/arguments.js';
import type { DType, DTypeKind } from '../base/dtype.js';
import { accumulatorOf, dtypesOf, isFloating, kindOf } from '../base/dtype.js';
import { DTypeError } from '../base/errors.js';
import { scalarShape } from '../base/shape.js';
import { allocate } from '../engine/buffers.js';
import { boolIndices, fromValue, indicesFrom, naturalDType, wholeNumber, wholeNumbers } from '../engine/constant.js';
import { constantOf, wasRead } from '../engine/looks.js';
import { bufferTensor, isTensor, type Tensor, uniformTensor } from '../engine/tensor.js';
import { apply1 } from './apply.js';
import { Op } from './op.js';
import './read.js';
import type { TensorLike } from './variable.js';
import { isVariable, readVariable } from './variable.js';

/** The dtype of a tensor or variable; undefined for anything else. */
export function dtypeOf(x: unknown): DType | undefined {
  return isTensor(x) || isVariable(x) ? x.dtype : undefined;
}

/**
 * The dtype that a number takes which stands beside x: that of a tensor, variable or typed array; undefined for
 * anything else.
 */
export function likeOf(x: unknown): DType | undefined {
  return dtypeOf(x) ?? (ArrayBuffer.isView(x) ? (naturalDType(x) ?? undefined) : undefined);
}

/**
 * The tensor of an operand; a variable is read.
 * @param like the dtype of a number or nested array; default float32 (bool for booleans)
 */
export function asTensor(op: string, x: TensorLike, like?: DType, name = 'x'): Tensor {
  if (typeof x === 'number') {
    if (like === undefined || like === 'float32') {
      return constantOf(x, uniformTensor(Math.fround(x), 'float32', scalarShape));
    }
    if (like === 'float64') return constantOf(x, uniformTensor(x, 'float64', scalarShape));
  }
  if (isTensor(x)) return x;
  if (isVariable(x)) return readVariable(x);
  return fromValue(op, x, undefined, undefined, like, name);
}

// Tensors of the numbers 1 to 16, made once, because rules and formulas use these all the time. Only an op and its rule
// ever get them, so no tape can watch one.
const kLiterals = 16;
const literals = {
  float32: Array.from({ length: kLiterals + 1 }, (_, n) => uniformTensor(n, 'float32', scalarShape)),
  float64: Array.from({ length: kLiterals + 1 }, (_, n) => uniformTensor(n, 'float64', scalarShape)),
};

/** The second operand of an op, of which a number takes the dtype of the first (`like`). */
export function operandBeside(op: string, x: TensorLike, like: DType, name = 'y'): Tensor {
  if (typeof x === 'number' && x >= 1 && x <= kLiterals && Math.trunc(x) === x && !wasRead(x)) {
    if (like === 'float32') return literals.float32[x] as Tensor;
    if (like === 'float64') return literals.float64[x] as Tensor;
  }
  return asTensor(op, x, like, name);
}

/**
 * Operands of one dtype. Numbers and nested arrays take that of the first tensor, variable or typed array among them.
 * @param names of the arguments, for errors; default values[0], values[1], ...
 * @throws DTypeError if two differ
 */
export function asTensors(op: string, values: readonly TensorLike[], names?: readonly string[]): Tensor[] {
  let like: DType | undefined;
  for (const value of values) like ??= likeOf(value);
  const tensors: Tensor[] = [];
  let odd = 0; // the first of another dtype
  for (let i = 0; i < values.length; i++) {
    const t = asTensor(op, values[i] as TensorLike, like, names?.[i] ?? `values[${i}]`);
    tensors.push(t);
    if (odd === 0 && t.dtype !== (tensors[0] as Tensor).dtype) odd = i;
  }
  if (odd > 0) {
    const [first, other] = names ? [names[0], names[odd]] : ['values[0]', `values[${odd}]`];
    throw mixedDTypes(op, tensors[0] as Tensor, tensors[odd] as Tensor, first, other);
  }
  return tensors;
}

/** The elements of a list of operands; null for what is none. A typed array is none: it is one operand. */
export function listOfOperands(value: unknown): readonly TensorLike[] | null {
  return ArrayBuffer.isView(value) ? null : (listOf(value) as readonly TensorLike[] | null);
}

/** The dtypes that have products of matrices: those that are their own accumulator dtype. */
export const productDTypes: readonly DType[] = dtypesOf('floating', 'integer').filter(
  (dtype) => accumulatorOf[dtype] === dtype,
);

/**
 * As `asTensors`, for a product of matrices.
 * @throws DTypeError also for a dtype that has none
 */
export function productOperands(op: string, values: readonly TensorLike[], names?: readonly string[]): Tensor[] {
  const tensors = asTensors(op, values, names);
  const { dtype } = tensors[0] as Tensor;
  if (!productDTypes.includes(dtype)) throw unsupportedDType(op, dtype, productDTypes, names?.[0]);
  return tensors;
}

const int32Op = new Op('cast', { kernel: 'cast' });

/** Whole numbers of any dtype as int32: indices, classes. */
export function toInt32(t: Tensor): Tensor {
  return apply1(int32Op, t, 'int32', t.shape, null);
}

/**
 * Indices as an int32 tensor. Accepted are numbers and arrays of whole numbers, tensors of int32 and uint8, and known
 * tensors of floats that are whole. Pending floats are refused: computing them would be a look that the user did not
 * ask for.
 * @throws DTypeError, ValueError ERR_INDEX
 */
export function asIndices(op: string, x: TensorLike, name = 'indices'): Tensor {
  const known = isTensor(x) || isVariable(x);
  const t = known ? asTensor(op, x, 'int32', name) : indicesFrom(op, x, name);
  if (t.dtype === 'int32') return t;
  if (kindOf[t.dtype] === 'boolean') throw boolIndices(op, name);
  if (kindOf[t.dtype] === 'integer') return toInt32(t);
  if (t.uniform !== undefined) return uniformTensor(wholeNumber(op, name, t.uniform), 'int32', t.shape);
  if (t.buffer) {
    const buffer = allocate('int32', t.size);
    buffer.elements.set(wholeNumbers(op, name, t.buffer.elements));
    return bufferTensor(buffer, 'int32', t.shape);
  }
  throw new DTypeError(`${op}: ${name} must be int32, got ${t.dtype}; write cast(${name}, 'int32')`);
}

/** The error of two operands of different dtypes. `first` and `second`: the arguments' names. */
export function mixedDTypes(op: string, x: Tensor, y: Tensor, first = 'x', second = 'y'): DTypeError {
  return new DTypeError(
    `${op}: operands have dtypes ${x.dtype} and ${y.dtype}; nothing is converted silently: write cast(${first}, '${y.dtype}') or cast(${second}, '${x.dtype}')`,
  );
}

/**
 * The tensor, if its dtype is of one of these kinds.
 * @throws DTypeError
 */
export function ofKind(op: string, t: Tensor, ...kinds: readonly DTypeKind[]): Tensor {
  if (kinds.includes(kindOf[t.dtype])) return t;
  throw unsupportedDType(op, t.dtype, dtypesOf(...kinds));
}

/**
 * The tensor, if its dtype is floating.
 * @throws DTypeError
 */
export function floating(op: string, t: Tensor, name = 'x'): Tensor {
  if (isFloating(t.dtype)) return t;
  throw unsupportedDType(op, t.dtype, dtypesOf('floating'), name);
}

/** The error of an op that does not accept the dtype; it names a dtype to cast to. */
export function unsupportedDType(op: string, dtype: DType, dtypes: readonly DType[], name = 'x'): DTypeError {
  const last = dtypes.length - 1;
  const list = last > 0 ? `${dtypes.slice(0, last).join(', ')} or ${dtypes[last]}` : dtypes[0];
  const wanted = kindOf[dtype] === 'boolean' ? ['float32', 'int32'] : ['float32'];
  const casts = wanted.filter((to) => dtypes.includes(to as DType)).map((to) => `cast(${name}, '${to}')`);
  const hint = casts.length > 0 ? `; write ${casts.join(' or ')}` : '';
  return new DTypeError(`${op}: expected dtype ${list}, got ${dtype}${hint}`);
}
