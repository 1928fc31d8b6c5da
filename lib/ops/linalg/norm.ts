/** What norms scale: normalize; and the norm of several tensors together. */
import { refuseExtra } from '../../base/arguments.js';
import { inTheNameOf } from '../../base/errors.js';
import type { Tensor } from '../../engine/tensor.js';
import type { Axis } from '../../op/axes.js';
import { asTensor, floating } from '../../op/operands.js';
import type { Sources } from '../../op/sources.js';
import type { TensorLike } from '../../op/variable.js';
import { div } from '../../primitives/arithmetic.js';
import { tensorsIn, valuesOf } from '../clip.js';
import { globalNormOf, type NormOrder, normOf } from '../norm.js';

/**
 * x divided by its norm along `axis`, and that norm, with axes of length 1. `ord` and `axis`: as of `norm`. Zeros become
 * NaN, as in TensorFlow. float32 and float64.
 * @throws ValueError ERR_OPTION for an unknown ord; ShapeError, DTypeError
 */
export function normalize(x: TensorLike, ord?: NormOrder, axis?: Axis): { normalized: Tensor; norm: Tensor } {
  const op = 'linalg.normalize';
  if (arguments.length > 3) refuseExtra(op, arguments[3], arguments[4]);
  const a = floating(op, asTensor(op, x));
  const norm = normOf(op, a, ord ?? 'euclidean', axis, true);
  return { normalized: div(a, norm), norm };
}

/**
 * The Euclidean norm of all elements of the tensors in a list or nest, as of one vector; `null` among them counts as
 * nothing, and of IndexedSlices the values are taken. float32 and float64; the gradient at 0 is 0.
 * @throws ValueError for what is no nest, or without a tensor in it; DTypeError
 */
export function globalNorm<S>(tensors: S & NoInfer<Sources<S, TensorLike | null>>): Tensor {
  const op = 'linalg.globalNorm';
  if (arguments.length > 1) refuseExtra(op, arguments[1], arguments[2]);
  const { tensors: given } = tensorsIn(op, tensors);
  return inTheNameOf(op, () => globalNormOf(given.map(valuesOf)));
}
