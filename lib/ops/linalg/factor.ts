/** Factors of square matrices: the checks around primitives/linalg.ts and primitives/lu.ts. */
import { refuseExtra } from '../../base/arguments.js';
import type { Tensor } from '../../engine/tensor.js';
import { squareMatrices } from '../../op/matrices.js';
import type { TensorLike } from '../../op/variable.js';
import { choleskyOf } from '../../primitives/linalg.js';
import { luOf } from '../../primitives/lu.js';

/**
 * The Cholesky factor of symmetric positive definite matrices [..., n, n] (float32, float64): the lower triangular l
 * with l l^T = x. Only the lower triangle of x is read; its gradient is symmetric, as if x were kept so.
 * @throws ShapeError for what is no square matrix; DTypeError; GradtapeError ERR_NOT_POSITIVE_DEFINITE, when it is
 *   computed, that says which matrix of the batch it is and by which of its leading minors
 */
export function cholesky(x: TensorLike): Tensor {
  if (arguments.length > 1) refuseExtra('linalg.cholesky', arguments[1], arguments[2]);
  return choleskyOf(squareMatrices('linalg.cholesky', x, 'x'));
}

/**
 * The LU factors of matrices [..., n, n] (float32, float64), by elimination with partial pivoting: the rows p (int32
 * [..., n]) of the input are the product of l and u. `lu` has both: u in the upper triangle, and l, whose diagonal of
 * ones is not stored, below it. The permutation has no gradient; it is a constant, as far as the pivots stay the same.
 * @throws ShapeError for what is no square matrix; DTypeError; GradtapeError ERR_SINGULAR, when it is computed, if a
 *   matrix is not invertible
 */
export function lu(input: TensorLike): { lu: Tensor; p: Tensor } {
  if (arguments.length > 1) refuseExtra('linalg.lu', arguments[1], arguments[2]);
  const [factors, p] = luOf(squareMatrices('linalg.lu', input, 'input'));
  return { lu: factors, p };
}
