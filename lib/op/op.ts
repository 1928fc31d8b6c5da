/** Families of ops: shape rule, kernel, gradient rule and recording in one place; and the registry that knows them all. */
import { refuseExtra } from '../base/arguments.js';
import type { DType } from '../base/dtype.js';
import { isFloating } from '../base/dtype.js';
import { DTypeError, GradtapeError, thisCopy } from '../base/errors.js';
import { elementwiseKernels, opcodeOf } from '../engine/addon.js';
import { flags } from '../engine/config.js';
import { boolIndices, fromValue, indicesFrom, naturalDType, wholeNumber, wholeNumbers } from '../engine/constant.js';
import { evaluateTensors } from '../engine/evaluate.js';
import { allocate } from '../engine/memory.js';
import '../record/read.js';
import type { Shape } from '../base/shape.js';
import { broadcastShapes, scalarShape, sizeOf } from '../base/shape.js';
import { bufferTensor, isKnown, isTensor, made, Tensor, uniformTensor } from '../engine/tensor.js';
import type { Cotangent, Entry, RecordedOp, Vjp } from '../record/tape.js';
import { isRecording, keep, record1, record2, recordMany, suspended } from '../record/tape.js';
import type { TensorLike } from '../record/variable.js';
import { aliasOf, isVariable, readVariable, Variable } from '../record/variable.js';

// ---- operands ----

/** The dtype that numbers beside this operand take. */
export function dtypeOf(x: unknown): DType | undefined {
  return isTensor(x) || isVariable(x) ? x.dtype : undefined;
}

/** The dtype that numbers beside a tensor, a variable or a typed array take. */
export function likeOf(x: unknown): DType | undefined {
  return dtypeOf(x) ?? (ArrayBuffer.isView(x) ? (naturalDType(x) ?? undefined) : undefined);
}

/** The tensor of an operand; a variable is read. */
export function asTensor(op: string, x: TensorLike, like?: DType, name = 'x'): Tensor {
  if (typeof x === 'number') {
    if (like === undefined || like === 'float32') return uniformTensor(Math.fround(x), 'float32', scalarShape);
    if (like === 'float64') return uniformTensor(x, 'float64', scalarShape);
  }
  if (isTensor(x)) return x;
  if (isVariable(x)) return readVariable(x);
  return fromValue(op, x, undefined, undefined, like, name);
}

// Whole numbers that formulas and rules are full of, made once. Nobody but an op and its rule sees them: no tape ever watches one.
const kLiterals = 16;
const literals = {
  float32: Array.from({ length: kLiterals + 1 }, (_, n) => uniformTensor(n, 'float32', scalarShape)),
  float64: Array.from({ length: kLiterals + 1 }, (_, n) => uniformTensor(n, 'float64', scalarShape)),
};

/** The operand that stands beside one of this dtype. */
export function beside(op: string, x: TensorLike, like: DType, name = 'y'): Tensor {
  if (typeof x === 'number' && x >= 1 && x <= kLiterals && Math.trunc(x) === x) {
    if (like === 'float32') return literals.float32[x] as Tensor;
    if (like === 'float64') return literals.float64[x] as Tensor;
  }
  return asTensor(op, x, like, name);
}

/** Operands of one dtype: numbers and nested arrays take that of the first tensor among them. `names`: the arguments', for errors. */
export function asTensors(op: string, values: readonly TensorLike[], names?: readonly string[]): Tensor[] {
  let like: DType | undefined;
  for (const value of values) like ??= likeOf(value);
  const tensors = Array.from(values, (value, i) => asTensor(op, value, like, names?.[i] ?? `values[${i}]`));
  const odd = tensors.findIndex((t) => t.dtype !== tensors[0]?.dtype);
  if (odd > 0) {
    const [first, other] = names ? [names[0], names[odd]] : ['values[0]', `values[${odd}]`];
    throw mixed(op, tensors[0] as Tensor, tensors[odd] as Tensor, first, other);
  }
  return tensors;
}

const kCast = opcodeOf('cast');

/**
 * Indices as int32: int32 and uint8 tensors, numbers and nested arrays of whole numbers, and float tensors whose elements are known
 * and whole. Pending floats are not computed for it: they are refused.
 */
export function asIndices(op: string, x: TensorLike, name = 'indices'): Tensor {
  const known = isTensor(x) || isVariable(x);
  const t = known ? asTensor(op, x, 'int32', name) : indicesFrom(op, x, name);
  if (t.dtype === 'int32') return t;
  if (t.dtype === 'bool') throw boolIndices(op, name);
  if (t.dtype === 'uint8') return node(op, kCast, 'int32', t.shape, t);
  if (t.uniform !== undefined) return uniformTensor(wholeNumber(op, name, t.uniform), 'int32', t.shape);
  if (t.buffer) {
    const buffer = allocate('int32', t.size);
    buffer.elements.set(wholeNumbers(op, name, t.buffer.elements));
    return bufferTensor(buffer, 'int32', t.shape);
  }
  throw new DTypeError(`${op}: ${name} must be int32, got ${t.dtype}; write cast(${name}, 'int32')`);
}

/** @param first and `second`: the arguments' names */
export function mixed(op: string, x: Tensor, y: Tensor, first = 'x', second = 'y'): DTypeError {
  return new DTypeError(
    `${op}: operands have dtypes ${x.dtype} and ${y.dtype}; nothing is converted silently: write cast(${first}, '${y.dtype}') or cast(${second}, '${x.dtype}')`,
  );
}

// ---- nodes ----

const maxDepth = 1000;
// A chain this long that nobody looked at is computed, so that it neither grows without bound nor takes long at once.

/** A pending value. `attributes` go to the program as they are. */
export function node(
  origin: string,
  opcode: number,
  dtype: DType,
  shape: Shape,
  x: Tensor | null,
  y: Tensor | null = null,
  attributes?: readonly number[],
): Tensor {
  const size = x && x.shape === shape ? x.size : sizeOf(shape);
  const t = new Tensor(made, shape, dtype, size, opcode, x, y);
  t.origin = origin;
  let depth = 0;
  if (x) {
    depth = x.depth;
    x.readers++;
  }
  if (y) {
    if (y.depth > depth) depth = y.depth;
    y.readers++;
  }
  t.depth = depth + 1;
  if (attributes) t.attributes = attributes;
  return t;
}

export function nodeOfMany(
  origin: string,
  opcode: number,
  dtype: DType,
  shape: Shape,
  operands: readonly Tensor[],
  attributes: readonly number[],
): Tensor {
  const t = new Tensor(made, shape, dtype, sizeOf(shape), opcode, null, null);
  t.origin = origin;
  t.more = operands;
  for (const x of operands) {
    if (x.depth > t.depth) t.depth = x.depth;
    x.readers++;
  }
  t.depth++;
  t.attributes = attributes;
  return t;
}

/** Last step of every op: computes the value now if the settings or the length of the pending chain ask for it. */
export function done(t: Tensor): Tensor {
  if (t.depth > maxDepth || flags.eager || flags.checkNumerics || flags.trackOrigin) look(t);
  return t;
}

function look(t: Tensor): void {
  if (flags.trackOrigin && !isKnown(t)) {
    const line = new Error().stack?.split('\n').find((l) => /^\s+at /.test(l) && !l.includes(thisCopy.folder));
    t.origin += line ? ` (${line.trim()})` : '';
  }
  if (t.depth <= maxDepth && !flags.eager && !flags.checkNumerics) return;
  evaluateTensors([t]);
  if (!flags.checkNumerics || !isFloating(t.dtype)) return;
  for (const value of t.dataSync()) {
    if (!Number.isFinite(value)) {
      throw new GradtapeError('ERR_NUMERICS', `${t.origin}: the result contains ${value} (config.checkNumerics is on)`);
    }
  }
}

// ---- gradient rules: what they keep is said by the function that makes them ----

type Pulled = Cotangent | null;

/** Needs shapes only. */
export function linear(f: (ct: Tensor, e: Entry, operand: number) => Pulled): Vjp {
  return { needs: keep.nothing, pull: f };
}
export function fromX(f: (ct: Tensor, x: Tensor, e: Entry) => Pulled): Vjp {
  return { needs: keep.x, pull: (ct, e) => f(ct, e.x as Tensor, e) };
}
export function fromY(f: (ct: Tensor, y: Tensor, e: Entry) => Pulled): Vjp {
  return { needs: keep.y, pull: (ct, e) => f(ct, e.y as Tensor, e) };
}
export function fromXY(f: (ct: Tensor, x: Tensor, y: Tensor, e: Entry) => Pulled): Vjp {
  return { needs: keep.x | keep.y, pull: (ct, e) => f(ct, e.x as Tensor, e.y as Tensor, e) };
}
export function fromOut(f: (ct: Tensor, out: Tensor, e: Entry) => Pulled): Vjp {
  return { needs: keep.out, pull: (ct, e) => f(ct, e.out as Tensor, e) };
}
export function fromXOut(f: (ct: Tensor, x: Tensor, out: Tensor, e: Entry) => Pulled): Vjp {
  return { needs: keep.x | keep.out, pull: (ct, e) => f(ct, e.x as Tensor, e.out as Tensor, e) };
}

/** An op whose result has no gradient; the result itself is on the tape. */
export function withoutGradient(name: string): RecordedOp {
  return { name, vjps: [null] };
}

// ---- the registry ----

/** How the gradient check samples an op's operands. */
export interface Sampling {
  /** Interval of the operands; default [-2, 2]. One an operand, or one for all. */
  readonly domain?: readonly [number, number] | readonly (readonly [number, number])[];
  /** Values to keep away from (kinks). */
  readonly avoid?: readonly number[];
  /** Calls to check, for ops that need more than tensors of one shape: shapes of the float operands, and the call. */
  readonly cases?: readonly SampleCase[];
}
export interface SampleCase {
  readonly shapes: readonly Shape[];
  readonly call: (...xs: Tensor[]) => Tensor;
}

export interface OpInfo extends Sampling {
  readonly name: string;
  readonly family: 'unary' | 'binary' | 'predicate' | 'other';
  readonly namespace: '' | 'nn' | 'linalg' | 'internal';
  readonly differentiable: boolean;
  /** How many operands an elementwise op takes. */
  readonly arity?: 1 | 2;
  /** Takes any number of arguments. */
  readonly variadic?: boolean;
  /** Ops differ in their arguments; the registry only names them. */
  readonly fn: (...args: never[]) => unknown;
}

export const registry: Map<string, OpInfo> = new Map();

/** The op with `this` for its first argument. */
function methodOf({ name, arity, variadic, fn }: OpInfo): unknown {
  const call = fn as (...args: unknown[]) => unknown;
  type Receiver = Tensor | Variable;
  if (arity === 1) {
    return function (this: Receiver): unknown {
      if (arguments.length > 0) refuseExtra(name, arguments[0], arguments[1]);
      return call(this);
    };
  }
  if (arity === 2) {
    return function (this: Receiver, y: unknown): unknown {
      if (arguments.length > 1) refuseExtra(name, arguments[1], arguments[2]);
      return call(this, y);
    };
  }
  if (variadic) {
    return function (this: Receiver, ...rest: unknown[]): unknown {
      return call(this, ...rest);
    };
  }
  return function (this: Receiver, a: unknown, b: unknown, c: unknown): unknown {
    // As many as were given: functions count them to refuse what is too much.
    switch (arguments.length) {
      case 0:
        return call(this);
      case 1:
        return call(this, a);
      case 2:
        return call(this, a, b);
      case 3:
        return call(this, a, b, c);
      default:
        return call(this, a, b, c, arguments[3]);
    }
  };
}

/** Enters an op: it becomes a method of tensors and variables, is gradient-checked, and `expr` finds it. */
export function register(info: OpInfo): void {
  const key = info.namespace === '' ? info.name : `${info.namespace}.${info.name}`;
  if (registry.has(key)) throw new GradtapeError('ERR_INTERNAL', `gradtape: op ${key} is declared twice`);
  registry.set(key, info);
  if (info.namespace === 'linalg' || info.namespace === 'internal') return;
  const method = { configurable: true, writable: true, value: methodOf(info) };
  if (Object.hasOwn(Tensor.prototype, info.name)) return;
  Object.defineProperty(Tensor.prototype, info.name, method);
  Object.defineProperty(Variable.prototype, info.name, method);
}

type Fn1 = (x: TensorLike) => Tensor;
type Fn2 = (x: TensorLike, y: TensorLike) => Tensor;

export interface Placement extends Sampling {
  /**
   * The op on two numbers (or one), if IEEE 754 says what it gives to the last bit: then known single values are computed at once, in
   * double and rounded, which for these ops is the same as computing in float32 (Figueroa 1995).
   */
  readonly fold?: (x: number, y: number) => number;
  readonly namespace?: OpInfo['namespace'];
  /** What users call, where it does more than the kernel. */
  readonly fn?: Fn2;
  /** Takes uint8 too, which has no kernel of its own: computed as int32. */
  readonly bytes?: boolean;
  /** Integers are their own result. */
  readonly sameIntegers?: boolean;
}

function kernelOf(name: string, arity: number): { opcode: number; dtypes: readonly DType[]; toBool: boolean } {
  const kernel = elementwiseKernels.get(name);
  if (!kernel || kernel.arity !== arity) {
    throw new GradtapeError('ERR_ADDON', `gradtape: the addon has no kernel ${name} of ${arity} operands`);
  }
  return kernel;
}

function unsupported(op: string, dtype: DType, dtypes: readonly DType[]): DTypeError {
  const suggestion = isFloating(dtypes[0] as DType) ? "; write cast(x, 'float32')" : '';
  return new DTypeError(`${op}: expected dtype ${dtypes.join(', ')}, got ${dtype}${suggestion}`);
}

/** The result of an op on values all of whose elements are alike, of which the kernel would make the same bits. */
function folded(
  name: string,
  fold: (x: number, y: number) => number,
  x: Tensor,
  y: number,
  dtype: DType,
  shape: Shape,
): Tensor {
  const number = fold(x.uniform as number, y);
  const t = uniformTensor(dtype === 'float32' ? Math.fround(number) : number, dtype, shape);
  t.origin = name;
  return t;
}

/** An op on a dtype for which it has no kernel: uint8 by that of int32 (what leaves uint8 wraps around), integers that stay as they are. */
function besides(
  name: string,
  opcode: number,
  dtypes: readonly DType[],
  { bytes, sameIntegers }: Placement,
  x: Tensor,
  y: Tensor | null,
): Tensor {
  if (sameIntegers && (x.dtype === 'int32' || x.dtype === 'uint8')) return aliasOf(x);
  if (!bytes || x.dtype !== 'uint8') throw unsupported(name, x.dtype, dtypes);
  const shape = y ? broadcastShapes(name, x.shape, y.shape) : x.shape;
  const wide = (t: Tensor): Tensor => node(name, kCast, 'int32', t.shape, t);
  return done(node(name, kCast, 'uint8', shape, node(name, opcode, 'int32', shape, wide(x), y && wide(y))));
}

/** The error as users get it: a revoked proxy throws wherever it is touched, also at `instanceof`. */
function said(op: string, error: unknown): unknown {
  if (!(error instanceof TypeError) || !error.message.includes('revoked')) return error;
  return new GradtapeError('ERR_NOT_A_TENSOR', `${op}: an operand is a proxy that has been revoked`, error);
}

/** An elementwise op of one operand. `rule` null: its result has no gradient. */
export function unary(name: string, rule: Vjp | null, more: Placement = {}): Fn1 {
  const { opcode, dtypes, toBool } = kernelOf(name, 1);
  const takesFloat32 = dtypes.includes('float32'); // asked first: a search of a list costs 20 ns
  const op: RecordedOp = { name, vjps: [rule] };
  const { fold } = more;
  const fn = function (value: TensorLike): Tensor {
    if (arguments.length > 1) refuseExtra(name, arguments[1], arguments[2]);
    try {
      const x =
        value instanceof Tensor ? value : asTensor(name, value, dtypes.includes('float32') ? undefined : dtypes[0]);
      if (!(takesFloat32 && x.dtype === 'float32') && !dtypes.includes(x.dtype)) {
        return besides(name, opcode, dtypes, more, x, null);
      }
      const t =
        fold && x.uniform !== undefined && isFloating(x.dtype)
          ? folded(name, fold, x, 0, x.dtype, x.shape)
          : node(name, opcode, toBool ? 'bool' : x.dtype, x.shape, x);
      if (isRecording()) record1(op, t, x, null);
      return done(t);
    } catch (error) {
      throw said(name, error);
    }
  };
  const namespace = more.namespace ?? '';
  register({
    ...more,
    name,
    arity: 1,
    family: toBool ? 'predicate' : 'unary',
    namespace,
    differentiable: rule !== null,
    fn,
  });
  return fn;
}

/** An elementwise op of two operands that broadcast. Rules return cotangents of the result's shape; backward sums them. */
export function binary(name: string, rules: { x: Vjp | null; y: Vjp | null } | null, more: Placement = {}): Fn2 {
  const { opcode, dtypes, toBool } = kernelOf(name, 2);
  const takesFloat32 = dtypes.includes('float32');
  const op: RecordedOp = { name, vjps: rules ? [rules.x, rules.y] : [null, null] };
  const { fold } = more;
  const only = dtypes.length === 1 ? dtypes[0] : undefined;
  const fn = function (left: TensorLike, right: TensorLike): Tensor {
    if (arguments.length > 2) refuseExtra(name, arguments[2], arguments[3]);
    try {
      const x = left instanceof Tensor ? left : asTensor(name, left, likeOf(right) ?? only);
      const y = right instanceof Tensor ? right : beside(name, right, x.dtype);
      if (x.dtype !== y.dtype) throw mixed(name, x, y);
      if (!(takesFloat32 && x.dtype === 'float32') && !dtypes.includes(x.dtype)) {
        return besides(name, opcode, dtypes, more, x, y);
      }
      const shape = x.shape === y.shape ? x.shape : broadcastShapes(name, x.shape, y.shape);
      const t =
        fold && x.uniform !== undefined && y.uniform !== undefined && isFloating(x.dtype)
          ? folded(name, fold, x, y.uniform, x.dtype, shape)
          : node(name, opcode, toBool ? 'bool' : x.dtype, shape, x, y);
      if (isRecording()) record2(op, t, x, y, null);
      return done(t);
    } catch (error) {
      throw said(name, error);
    }
  };
  const namespace = more.namespace ?? '';
  const called = more.fn ?? fn;
  register({
    ...more,
    name,
    arity: 2,
    family: toBool ? 'predicate' : 'binary',
    namespace,
    differentiable: rules !== null,
    fn: called,
  });
  return fn;
}

/** Records an op that was computed by other ops: its own rule replaces theirs. */
export function composed(
  op: RecordedOp,
  operands: readonly Tensor[],
  attributes: unknown,
  forward: () => Tensor,
): Tensor {
  const t = suspended(forward);
  if (!isRecording()) return t;
  const [x, y] = operands;
  const each = op.vjps.length === operands.length; // a rule for each operand
  if (x && !y && each) record1(op, t, x, attributes);
  else if (x && y && each && operands.length === 2) record2(op, t, x, y, attributes);
  else recordMany(op, [t], operands, attributes);
  return t;
}
