/** Functions of square matrices: the checks around primitives/matrix-functions.ts. */
import { refuseExtra } from '../../base/arguments.js';
import type { Tensor } from '../../engine/tensor.js';
import { squareMatrices } from '../../op/matrices.js';
import type { TensorLike } from '../../op/variable.js';
import { expmOf, sqrtmOf } from '../../primitives/matrix-functions.js';

/**
 * The exponentials of matrices [..., n, n] of float32 or float64, 1 + x + x^2 / 2 + ..., by scaling, a Pade approximant
 * and squaring (Higham 2005); computed in float64. Of matrices with an element that is infinite or NaN it is NaN.
 * @throws ShapeError for what is no square matrix; DTypeError
 */
export function expm(input: TensorLike): Tensor {
  if (arguments.length > 1) refuseExtra('linalg.expm', arguments[1], arguments[2]);
  return expmOf(squareMatrices('linalg.expm', input, 'input'));
}

/**
 * The principal square roots of matrices [..., n, n] of float32 or float64, y y = x, whose eigenvalues have no negative
 * real parts; by the Schur form (Bjorck and Hammarling 1983), computed in float64. Of matrices whose root is not real
 * (an eigenvalue is negative), or that have none, it is NaN. The gradient needs a matrix that is invertible.
 * @throws ShapeError for what is no square matrix; DTypeError
 */
export function sqrtm(input: TensorLike): Tensor {
  if (arguments.length > 1) refuseExtra('linalg.sqrtm', arguments[1], arguments[2]);
  return sqrtmOf(squareMatrices('linalg.sqrtm', input, 'input'));
}
