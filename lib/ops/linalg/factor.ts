/** Factors of square matrices: the checks around primitives/linalg.ts. */
import { refuseExtra } from '../../base/arguments.js';
import type { Tensor } from '../../engine/tensor.js';
import { squareMatrices } from '../../op/matrices.js';
import type { TensorLike } from '../../op/variable.js';
import { choleskyOf } from '../../primitives/linalg.js';

/**
 * The Cholesky factor of symmetric positive definite matrices [..., n, n] (float32, float64): the lower triangular l
 * with l l^T = x. Only the lower triangle of x is read; its gradient is symmetric, as if x were kept so.
 * @throws ShapeError for what is no square matrix; DTypeError; GradtapeError ERR_NOT_POSITIVE_DEFINITE, when it is
 *   computed, that says which matrix of the batch it is and by which of its leading minors
 */
export function cholesky(x: TensorLike): Tensor {
  if (arguments.length > 1) refuseExtra('linalg.cholesky', arguments[1], arguments[2]);
  return choleskyOf(squareMatrices('linalg.cholesky', x));
}
