/**
 * The families of elementwise ops: `unary` and `binary`, makers of functions from a kernel's name and gradient rules; and
 * `composed`, for what other ops compute. The functions check what users pass, broadcast and apply the op, so they are
 * public as they are.
 */

import { refuseExtra } from '../base/arguments.js';
import type { DType, DTypeKind } from '../base/dtype.js';
import { accumulatorOf, isFloating, kindOf } from '../base/dtype.js';
import { GradtapeError, named } from '../base/errors.js';
import type { Shape } from '../base/shape.js';
import { broadcastShapes, scalarShape, shapeOf } from '../base/shape.js';
import { elementwiseKernels, specialFunctions } from '../engine/addon.js';
import { computedByOp, type Fold, Tensor, uniformTensor } from '../engine/tensor.js';
import { applied1, applied2, apply1, apply2, applyComposed, applyMany } from '../op/apply.js';
import { type BatchedCall, Op } from '../op/op.js';
import { asTensor, asTensors, likeOf, mixedDTypes, ofKind, operandBeside, unsupportedDType } from '../op/operands.js';
import { register, type Sampling } from '../op/registry.js';
import type { TensorLike } from '../op/variable.js';
import type { Vjp } from '../record/entry.js';
import { broadcast, castTo, identityOf, raisedOperands } from './movement.js';

/** A function of one operand. */
export type Fn1 = (x: TensorLike) => Tensor;
/** A function of two operands, which broadcast. */
export type Fn2 = (x: TensorLike, y: TensorLike) => Tensor;
/** A function of three operands, which broadcast. */
export type Fn3 = (x: TensorLike, y: TensorLike, z: TensorLike) => Tensor;

/** What an elementwise op is made of. */
interface ElementwiseParts extends Sampling {
  /** The name of the op and of its kernel. */
  readonly name: string;
  /** Where users find it, if not in `tf` itself: errors say that too. */
  readonly namespace?: string;
  /**
   * The op on JavaScript's numbers, for ops whose result IEEE 754 defines to the last bit. Operands that are uniform are
   * then computed at once, and a few elements without the addon.
   */
  readonly fold?: Fold;
  /** Whether it takes dtypes without a kernel of their own by way of their accumulator dtype: uint8 by int32. */
  readonly bytes?: boolean;
  /** Whether integers, for which there is no kernel, are their own result. */
  readonly sameIntegers?: boolean;
}

export interface UnaryParts extends ElementwiseParts {
  /** The gradient rule. Default: no gradient. */
  readonly vjp?: Vjp<null>;
}

export interface BinaryParts extends ElementwiseParts {
  /**
   * The gradient rules of the operands. Default: no gradient. They return cotangents of the result's shape; backward.ts
   * sums them.
   */
  readonly x?: Vjp<null> | null;
  readonly y?: Vjp<null> | null;
  /** The function that users call, where it is another than the one made here. */
  readonly fn?: Fn2;
}

function kernelOf(name: string, arity: number): { dtypes: readonly DType[]; toBool: boolean } {
  const kernel = elementwiseKernels.get(name);
  if (!kernel || kernel.arity !== arity) {
    throw new GradtapeError('ERR_ADDON', `gradtape: the addon has no kernel ${name} of ${arity} operands`);
  }
  return kernel;
}

/** The name of an op as users call it. */
function calledIn({ name, namespace }: { readonly name: string; readonly namespace?: string }): string {
  return namespace === undefined ? name : `${namespace}.${name}`;
}

/** The result of `fold` on uniform operands: the same bits as the kernel would give. */
function folded(fold: Fold, x: Tensor, y: number, shape: Shape): Tensor {
  const number = fold(x.uniform as number, y);
  const t = uniformTensor(x.dtype === 'float32' ? Math.fround(number) : number, x.dtype, shape);
  t.attributes = computedByOp;
  return t;
}

/**
 * The result of an op on a dtype for which it has no kernel: integers themselves (`sameIntegers`), or uint8 computed as
 * int32 and cast back, which wraps around (`bytes`).
 * @throws DTypeError if the op does not take the dtype
 */
function applyByOtherDType(
  op: Op,
  dtypes: readonly DType[],
  parts: ElementwiseParts,
  x: Tensor,
  y: Tensor | null,
): Tensor {
  if (parts.sameIntegers && kindOf[x.dtype] === 'integer') return identityOf(x);
  const wide = accumulatorOf[x.dtype];
  if (!parts.bytes || kindOf[x.dtype] !== 'integer' || !dtypes.includes(wide))
    throw unsupportedDType(op.name, x.dtype, dtypes);
  const shape = y ? broadcastShapes(op.name, x.shape, y.shape) : x.shape;
  const a = castTo(x, wide);
  return castTo(y ? apply2(op, a, castTo(y, wide), wide, shape, null) : apply1(op, a, wide, shape, null), x.dtype);
}

/** The batch rule of both families. */
function batched(call: BatchedCall<null>): Tensor {
  const { op, count, shape, dtype } = call;
  const [x, y] = raisedOperands(call) as [Tensor, Tensor?];
  const whole = shapeOf([count, ...shape]);
  return y ? apply2(op, x, y, dtype, whole, null) : apply1(op, x, dtype, whole, null);
}

/** The error to throw: that of touching a revoked proxy (`instanceof` does already) becomes one that names the op. */
function namedError(op: string, error: unknown): unknown {
  if (!(error instanceof TypeError) || !error.message.includes('revoked')) return error;
  return new GradtapeError('ERR_NOT_A_TENSOR', `${op}: an operand is a proxy that has been revoked`, error);
}

/** Makes the function of an elementwise op of one operand, and registers it. */
export function unary(parts: UnaryParts): Fn1 {
  const { name, vjp = null, fold } = parts;
  const called = calledIn(parts);
  const { dtypes, toBool } = kernelOf(name, 1);
  const hasFloat32 = dtypes.includes('float32'); // compared before searching the list, which takes 20 ns
  const op = new Op(called, { kernel: name, vjps: [vjp], batch: batched, forward: 'elementwise', fold });
  const fn = named(name, function (value: TensorLike): Tensor {
    if (arguments.length > 1) refuseExtra(called, arguments[1], arguments[2]);
    try {
      const x = value instanceof Tensor ? value : asTensor(called, value, hasFloat32 ? undefined : dtypes[0]);
      if (!(hasFloat32 && x.dtype === 'float32') && !dtypes.includes(x.dtype)) {
        return applyByOtherDType(op, dtypes, parts, x, null);
      }
      if (fold && x.uniform !== undefined && isFloating(x.dtype)) {
        return applied1(op, folded(fold, x, 0, x.shape), x, null);
      }
      return apply1(op, x, toBool ? 'bool' : x.dtype, x.shape, null);
    } catch (error) {
      throw namedError(called, error);
    }
  });
  const { domain, avoid } = parts;
  const family = toBool ? 'predicate' : 'unary';
  register({ name, arity: 1, family, differentiable: vjp !== null, fn, ...sampling(domain, avoid) });
  return fn;
}

/** Makes the function of an elementwise op of two operands that broadcast, and registers it. */
export function binary(parts: BinaryParts): Fn2 {
  const { name, x: ofX = null, y: ofY = null, fold } = parts;
  const called = calledIn(parts);
  const { dtypes, toBool } = kernelOf(name, 2);
  const hasFloat32 = dtypes.includes('float32');
  const op = new Op(called, { kernel: name, vjps: [ofX, ofY], batch: batched, forward: 'elementwise', fold });
  const only = dtypes.length === 1 ? dtypes[0] : undefined;
  const fn = named(name, function (left: TensorLike, right: TensorLike): Tensor {
    if (arguments.length > 2) refuseExtra(called, arguments[2], arguments[3]);
    try {
      const x = left instanceof Tensor ? left : asTensor(called, left, likeOf(right) ?? only);
      const y = right instanceof Tensor ? right : operandBeside(called, right, x.dtype);
      if (x.dtype !== y.dtype) throw mixedDTypes(called, x, y);
      if (!(hasFloat32 && x.dtype === 'float32') && !dtypes.includes(x.dtype)) {
        return applyByOtherDType(op, dtypes, parts, x, y);
      }
      const shape = x.shape === y.shape ? x.shape : broadcastShapes(called, x.shape, y.shape);
      if (fold && x.uniform !== undefined && y.uniform !== undefined && isFloating(x.dtype)) {
        return applied2(op, folded(fold, x, y.uniform, shape), x, y, null);
      }
      return apply2(op, x, y, toBool ? 'bool' : x.dtype, shape, null);
    } catch (error) {
      throw namedError(called, error);
    }
  });
  const { domain, avoid } = parts;
  const family = toBool ? 'predicate' : 'binary';
  const differentiable = ofX !== null || ofY !== null;
  register({ name, arity: 2, family, differentiable, fn: parts.fn ?? fn, ...sampling(domain, avoid) });
  return fn;
}

/** What an elementwise op of the family `composed` is made of. */
export interface ComposedParts {
  readonly name: string;
  /** Where users find it, if not in `tf` itself. */
  readonly namespace?: string;
  /** What errors call the operands. */
  readonly operands: readonly string[];
  /** The kinds of dtypes that it takes. Default: floating. */
  readonly kinds?: readonly DTypeKind[];
  /** Computes it by other ops, which no recorder hears. */
  readonly forward: (...operands: Tensor[]) => Tensor;
  /** The gradient rule of each operand. Default: no gradient. */
  readonly vjps?: readonly (Vjp<null> | null)[];
}

/** Makes the function of an elementwise op that other ops compute, and that has gradient rules of its own. */
export function composed(parts: ComposedParts): (...operands: TensorLike[]) => Tensor {
  const { name, operands: names, kinds = ['floating'], forward, vjps = [null] } = parts;
  const called = calledIn(parts);
  const arity = names.length;
  const op = new Op(called, {
    vjps,
    forward: 'elementwise',
    batch: (call) => {
      const raised = raisedOperands(call);
      return applyComposed(call.op, raised, null, () => forward(...raised));
    },
  });
  return named(name, (...values: TensorLike[]) => {
    if (values.length > arity) refuseExtra(called, values[arity], values[arity + 1]);
    try {
      const given = Array.from(names, (_, k) => values[k] as TensorLike);
      // Of an op of integers only, numbers alone are int32.
      if (!kinds.includes('floating') && !given.some(likeOf))
        given[0] = asTensor(called, given[0] as TensorLike, 'int32');
      const operands = asTensors(called, given, names);
      ofKind(called, operands[0] as Tensor, ...kinds);
      commonShape(called, operands);
      return applyComposed(op, operands, null, () => forward(...operands));
    } catch (error) {
      throw namedError(called, error);
    }
  });
}

/** The shape that the operands broadcast to. */
function commonShape(name: string, operands: readonly Tensor[]): Shape {
  return operands.reduce((shape, t) => broadcastShapes(name, shape, t.shape), scalarShape as Shape);
}

/** Makes the `forward` of an op that is a function of the kernel `special`. */
export function special(name: string): (...operands: Tensor[]) => Tensor {
  const known = specialFunctions.get(name);
  if (!known) throw new GradtapeError('ERR_ADDON', `gradtape: the addon has no special function ${name}`);
  const op = new Op(name, { kernel: 'special', words: () => [known.number] });
  return (...operands) => {
    const { dtype } = operands[0] as Tensor;
    if (!known.dtypes.includes(dtype)) throw unsupportedDType(name, dtype, known.dtypes);
    const shape = commonShape(name, operands);
    const whole = operands.map((t) => (t.size === 1 ? t : broadcast(t, shape)));
    return applyMany(op, whole, dtype, shape, null);
  };
}

function sampling(domain: Sampling['domain'], avoid: Sampling['avoid']): Sampling {
  return { ...(domain && { domain }), ...(avoid && { avoid }) };
}
