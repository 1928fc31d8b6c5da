/** Inverses and determinants of square matrices: the checks around primitives/lu.ts. */
import { boolean, options, refuseBehind, refuseExtra } from '../../base/arguments.js';
import type { Tensor } from '../../engine/tensor.js';
import { squareMatrices } from '../../op/matrices.js';
import type { TensorLike } from '../../op/variable.js';
import { mul } from '../../primitives/arithmetic.js';
import { diagonalAt, diagPartOf } from '../../primitives/diagonal.js';
import { choleskyOf } from '../../primitives/linalg.js';
import { detOf, invOf, slogdetOf } from '../../primitives/lu.js';
import { log } from '../../primitives/math.js';
import { sumOver } from '../../primitives/movement.js';

const invOptions = { adjoint: boolean } as const;

/**
 * The inverses of matrices [..., n, n] of float32 or float64. adjoint (default false): of their transposes.
 * @throws ShapeError for what is no square matrix; DTypeError; GradtapeError ERR_SINGULAR, when it is computed, if a
 *   matrix is not invertible
 */
export function inv(input: TensorLike, opts?: { adjoint?: boolean }): Tensor {
  const op = 'linalg.inv';
  const { adjoint = false } = options(op, invOptions, opts);
  if (arguments.length > 2) refuseBehind(op, arguments[2]);
  return invOf(op, squareMatrices(op, input, 'input'), adjoint);
}

/**
 * The determinants [...] of matrices [..., n, n] of float32 or float64. The gradient, the determinant times the
 * transposed inverse, needs a matrix that is invertible, as in TensorFlow.
 * @throws ShapeError for what is no square matrix; DTypeError; GradtapeError ERR_SINGULAR, when the gradient is computed
 *   at a matrix that is not invertible
 */
export function det(input: TensorLike): Tensor {
  const op = 'linalg.det';
  if (arguments.length > 1) refuseExtra(op, arguments[1], arguments[2]);
  return detOf(squareMatrices(op, input, 'input'));
}

/**
 * The signs of the determinants of matrices [..., n, n] (float32, float64), 1, -1 or 0, and the logarithms of their
 * absolute values, both [...]; of a singular matrix 0 and -Infinity. The sign has a gradient of zeros; that of the
 * logarithm is the transposed inverse.
 * @throws ShapeError for what is no square matrix; DTypeError; GradtapeError ERR_SINGULAR, when the gradient is computed
 *   at a matrix that is not invertible
 */
export function slogdet(input: TensorLike): { sign: Tensor; logAbsDeterminant: Tensor } {
  const op = 'linalg.slogdet';
  if (arguments.length > 1) refuseExtra(op, arguments[1], arguments[2]);
  const [sign, logAbsDeterminant] = slogdetOf(squareMatrices(op, input, 'input'));
  return { sign, logAbsDeterminant };
}

/**
 * The logarithms of the determinants [...] of symmetric positive definite matrices [..., n, n] (float32, float64), by
 * their Cholesky factors: twice the sum of the logarithms of the diagonal.
 * @throws ShapeError for what is no square matrix; DTypeError; GradtapeError ERR_NOT_POSITIVE_DEFINITE, when it is
 *   computed
 */
export function logdet(matrix: TensorLike): Tensor {
  const op = 'linalg.logdet';
  if (arguments.length > 1) refuseExtra(op, arguments[1], arguments[2]);
  const factor = choleskyOf(squareMatrices(op, matrix, 'matrix'), op);
  const diagonal = diagPartOf(op, factor, diagonalAt(0), 0);
  return mul(sumOver(log(diagonal), [diagonal.rank - 1], false), 2);
}
