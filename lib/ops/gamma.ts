/** lbeta: the logarithm of the beta function of several numbers, by lgamma. */
import { refuseExtra } from '../base/arguments.js';
import { ShapeError } from '../base/errors.js';
import type { Tensor } from '../engine/tensor.js';
import { asTensor, floating } from '../op/operands.js';
import type { TensorLike } from '../op/variable.js';
import { sub } from '../primitives/arithmetic.js';
import { lgamma } from '../primitives/math.js';
import { sumOver } from '../primitives/movement.js';

/**
 * The logarithm of the absolute beta function of the vectors along the last axis: the sum of their lgamma less lgamma of
 * their sum (of two numbers DLMF 5.12.1). [.., n] -> [..]; float32 and float64.
 * @throws ShapeError for a scalar, DTypeError
 */
export function lbeta(x: TensorLike): Tensor {
  if (arguments.length > 1) refuseExtra('lbeta', arguments[1], arguments[2]);
  const a = floating('lbeta', asTensor('lbeta', x));
  if (a.rank === 0) throw new ShapeError('lbeta: x must have an axis to reduce, got a scalar');
  const last = [a.rank - 1];
  return sub(sumOver(lgamma(a), last, false), lgamma(sumOver(a, last, false)));
}
