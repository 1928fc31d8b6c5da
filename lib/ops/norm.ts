/** Norms of vectors and matrices. */
import { isOptions, listOf, refuseBehind, showDeep } from '../base/arguments.js';
import { inTheNameOf, show, ValueError } from '../base/errors.js';
import { checkAxes, checkAxis } from '../base/shape.js';
import type { Tensor } from '../engine/tensor.js';
import { type Axis, type ReduceOptions, reduceArguments } from '../op/axes.js';
import { asTensor, floating } from '../op/operands.js';
import type { TensorLike } from '../op/variable.js';
import { add, mul } from '../primitives/arithmetic.js';
import { equal } from '../primitives/compare.js';
import { abs, pow } from '../primitives/math.js';
import { castTo, reducedShape, reshapeTo, sumOver, transposeBy } from '../primitives/movement.js';
import { maxOver, normOver, type Reducer, safeSqrt } from '../primitives/reduce.js';
import { select } from '../primitives/select.js';
import { svdOf } from '../primitives/svd.js';

/** Which norm: of vectors, or of matrices. */
export type NormOrder = 'euclidean' | 'fro' | 'nuclear' | 'nuc' | number;

/** t^(1 / p), with gradient 0 at 0. */
function safeRoot(t: Tensor, p: number): Tensor {
  const zero = equal(t, 0);
  return select(zero, 0, pow(select(zero, 1, t), 1 / p));
}

/** The same, with gradient 0 at 0, where the derivative depends on the direction. */
function flatAtZero(t: Tensor): Tensor {
  return select(equal(t, 0), 0, t);
}

/** The matrices along a pair of axes reduced to a number each, from their singular values; kept as axes of length 1. */
function ofSingularValues(x: Tensor, pair: readonly number[], reduce: Reducer): Tensor {
  const others = x.shape.map((_, d) => d).filter((d) => !pair.includes(d));
  const [s] = svdOf(transposeBy(x, [...others, ...pair]), false);
  return reshapeTo(flatAtZero(reduce(s, [s.rank - 1], false)), reducedShape(x.shape, pair, true));
}

/** The norm of matrices, kept as axes of length 1; null for an unknown one. */
function matrixNorm(x: Tensor, order: unknown, pair: readonly number[]): Tensor | null {
  const [rows, columns] = pair as [number, number];
  if (order === 2) return ofSingularValues(x, pair, maxOver);
  if (order === 'nuclear' || order === 'nuc') return ofSingularValues(x, pair, sumOver);
  if (order !== 1 && order !== Number.POSITIVE_INFINITY) return null;
  const [summed, kept] = order === 1 ? [rows, columns] : [columns, rows];
  return maxOver(sumOver(abs(x), [summed], true), [kept], true);
}

/** The norm of vectors; null for an unknown one. */
function vectorNorm(x: Tensor, order: unknown, axes: readonly number[], keepdims: boolean): Tensor | null {
  if (order === 2) return normOver(x, axes, keepdims);
  if (order === 1) return sumOver(abs(x), axes, keepdims);
  if (order === Number.POSITIVE_INFINITY) return maxOver(abs(x), axes, keepdims);
  if (typeof order !== 'number' || !(order > 0)) return null;
  return safeRoot(sumOver(pow(abs(x), order), axes, keepdims), order);
}

/** As `norm`, for another function of the name `op`. `over`: the axis as it was passed. */
export function normOf(op: string, x: Tensor, order: unknown, over: unknown, keepdims: boolean): Tensor {
  // The norms of integers that are integers, as in TensorFlow.
  if (x.dtype !== 'int32' || (order !== 1 && order !== Number.POSITIVE_INFINITY)) floating(op, x);
  const named = typeof over === 'number' ? null : listOf(over);
  const pair = named && named.length > 1 ? named.map((d) => checkAxis(op, d, x.rank)) : null;
  if (pair && (pair.length !== 2 || pair[0] === pair[1])) {
    throw new ValueError(`${op}: axis must be one axis or a pair of different ones, got ${showDeep(over)}`);
  }
  const axes = checkAxes(op, over, x.rank);
  if (order === 'euclidean' || order === 'fro') return normOver(x, axes, keepdims);
  const result = pair ? matrixNorm(x, order, pair) : vectorNorm(x, order, axes, keepdims);
  if (result) return pair && !keepdims ? reshapeTo(result, reducedShape(x.shape, axes, false)) : result;
  throw new ValueError(
    `${op}: unknown ord ${show(order)}; expected 'euclidean', a number > 0 or Infinity; for a pair of axes 'fro', 1, 2, Infinity or 'nuclear'`,
    'ERR_OPTION',
  );
}

/**
 * The norm of the vectors along `axis`; of all elements as one vector, without an axis; or of the matrices along a pair
 * of axes. `ord` of vectors: 'euclidean' (default; also 'fro' and 2), a number p > 0, or Infinity. `ord` of matrices:
 * 'fro' or 'euclidean' (default), 1 (the largest sum of a column) or Infinity (the largest sum of a row), both of |x|;
 * 2 (the largest singular value) or 'nuclear' (their sum; NumPy's 'nuc'). float32 and float64, of int32 only 1 and Infinity;
 * the gradient at 0 is 0; of singular values that are largest together, as `linalg.svd` says.
 * @throws ValueError ERR_OPTION for an unknown ord; ShapeError, DTypeError
 */
export function norm(
  x: TensorLike,
  ord?: NormOrder | ReduceOptions,
  axis?: Axis | ReduceOptions,
  opts?: ReduceOptions,
): Tensor {
  const a = asTensor('norm', x);
  const early = axis === undefined && opts === undefined && isOptions(ord);
  const [over, keepdims] = reduceArguments('norm', early ? (ord as ReduceOptions) : axis, opts);
  if (arguments.length > 4) refuseBehind('norm', arguments[4]);
  const order = early || ord === undefined ? 'euclidean' : ord;
  return inTheNameOf('norm', () => normOf('norm', a, order, over, keepdims));
}

/** The Euclidean norm of all elements of tensors that are floating; of float64 if one of them is. */
export function globalNormOf(tensors: readonly Tensor[]): Tensor {
  const wide = tensors.some(({ dtype }) => dtype === 'float64') ? 'float64' : 'float32';
  const squares = tensors.map((t) => {
    const sum = sumOver(mul(t, t), [...t.shape.keys()], false); // mul: as in `normOver`
    return sum.dtype === wide ? sum : castTo(sum, wide);
  });
  return safeSqrt(squares.reduce((total, sum) => add(total, sum)));
}
