/** Products of matrices, the checks around primitives/matmul.ts; and norms of vectors and matrices. */
import { boolean, isOptions, listOf, options, refuseBehind, showDeep } from '../base/arguments.js';
import { ShapeError, show, ValueError } from '../base/errors.js';
import { checkAxes, checkAxis, showShape } from '../base/shape.js';
import { isTensor, type Tensor } from '../engine/tensor.js';
import { type Axis, type ReduceOptions, reduceArguments } from '../op/axes.js';
import { asTensor, asTensors, floating, mixedDTypes, productDTypes, unsupportedDType } from '../op/operands.js';
import type { TensorLike } from '../op/variable.js';
import { equal } from '../primitives/compare.js';
import { abs, pow } from '../primitives/math.js';
import { matmulOf } from '../primitives/matmul.js';
import { reducedShape, reshapeTo, sumOver } from '../primitives/movement.js';
import { maxOver, normOver } from '../primitives/reduce.js';
import { select } from '../primitives/select.js';

export interface MatmulOptions {
  /** Whether a is transposed in its last two axes first. Default false. */
  transposeA?: boolean;
  /** Whether b is. Default false. */
  transposeB?: boolean;
}

const matmulOptions = { transposeA: boolean, transposeB: boolean } as const;

/**
 * Matrix product over the last two axes; leading axes broadcast. [.., m, k] x [.., k, n] -> [.., m, n]
 * @throws ShapeError for inner lengths that differ, DTypeError for dtypes other than float32, float64, int32
 */
export function matmul(a: TensorLike, b: TensorLike, opts?: MatmulOptions): Tensor {
  const { transposeA = false, transposeB = false } = options('matmul', matmulOptions, opts);
  if (arguments.length > 3) refuseBehind('matmul', arguments[3]);
  const [x, y] = (isTensor(a) && isTensor(b) ? [a, b] : asTensors('matmul', [a, b], ['a', 'b'])) as [Tensor, Tensor];
  if (x.dtype !== y.dtype) throw mixedDTypes('matmul', x, y);
  if (!productDTypes.includes(x.dtype)) throw unsupportedDType('matmul', x.dtype, productDTypes);
  if (x.shape.length < 2 || y.shape.length < 2) {
    throw new ShapeError(
      `matmul: expected matrices (rank >= 2), got shapes ${showShape(x.shape)} and ${showShape(y.shape)}`,
    );
  }
  return matmulOf(x, y, transposeA, transposeB);
}

/** t^(1 / p), with gradient 0 at 0. */
function safeRoot(t: Tensor, p: number): Tensor {
  const zero = equal(t, 0);
  return select(zero, 0, pow(select(zero, 1, t), 1 / p));
}

/**
 * The norm of the vectors along `axis`; of all elements as one vector, without an axis; or of the matrices along a pair
 * of axes. `ord` of vectors: 'euclidean' (default; also 'fro' and 2), a number p > 0, or Infinity. `ord` of matrices:
 * 'fro' or 'euclidean' (default), 1 (the largest sum of a column) or Infinity (the largest sum of a row), both of |x|.
 * float32 and float64; the gradient at 0 is 0.
 * @throws ValueError ERR_OPTION for an unknown ord; ShapeError, DTypeError
 */
export function norm(
  x: TensorLike,
  ord?: 'euclidean' | 'fro' | number | ReduceOptions,
  axis?: Axis | ReduceOptions,
  opts?: ReduceOptions,
): Tensor {
  const a = asTensor('norm', x);
  const early = axis === undefined && opts === undefined && isOptions(ord);
  const [over, keepdims] = reduceArguments('norm', early ? (ord as ReduceOptions) : axis, opts);
  if (arguments.length > 4) refuseBehind('norm', arguments[4]);
  const order: unknown = early || ord === undefined ? 'euclidean' : ord;
  floating('norm', a);
  const named = typeof over === 'number' ? null : listOf(over);
  const pair = named && named.length > 1 ? named.map((d) => checkAxis('norm', d, a.rank)) : null;
  if (pair && (pair.length !== 2 || pair[0] === pair[1])) {
    throw new ValueError(`norm: axis must be one axis or a pair of different ones, got ${showDeep(over)}`);
  }
  const axes = checkAxes('norm', over, a.rank);
  if (order === 'euclidean' || order === 'fro' || (order === 2 && !pair)) return normOver(a, axes, keepdims);
  const sizes = abs(a);
  if (pair && (order === 1 || order === Number.POSITIVE_INFINITY)) {
    const [rows, columns] = pair as [number, number];
    const [summed, kept] = order === 1 ? [rows, columns] : [columns, rows];
    const largest = maxOver(sumOver(sizes, [summed], true), [kept], true);
    return keepdims ? largest : reshapeTo(largest, reducedShape(a.shape, axes, false));
  }
  if (order === 1) return sumOver(sizes, axes, keepdims);
  if (order === Number.POSITIVE_INFINITY) return maxOver(sizes, axes, keepdims);
  if (typeof order === 'number' && order > 0 && !pair) {
    return safeRoot(sumOver(pow(sizes, order), axes, keepdims), order);
  }
  throw new ValueError(
    `norm: unknown ord ${show(order)}; expected 'euclidean', a number > 0 or Infinity; for a pair of axes 'fro', 1 or Infinity`,
    'ERR_OPTION',
  );
}
