/** Scaling tensors down to a norm, as optimizers do with gradients. */
import { scalarShape } from '../base/shape.js';
import { type Tensor, uniformTensor } from '../engine/tensor.js';
import { add, cast, clipByValue, div, minimum, mul, reduceSum, sqrt, square } from '../ops/index.js';

/** How gradients are limited; at most one of them. */
export interface Limits {
  readonly clipnorm?: number | undefined;
  readonly clipvalue?: number | undefined;
  readonly globalClipnorm?: number | undefined;
}

/** The gradients within the limits. */
export function clipped(grads: readonly Tensor[], { clipnorm, clipvalue, globalClipnorm }: Limits): readonly Tensor[] {
  if (clipvalue !== undefined) return grads.map((g) => clipByValue(g, -clipvalue, clipvalue));
  if (clipnorm !== undefined) return grads.map((g) => mul(g, factor(reduceSum(square(g)), g, clipnorm)));
  if (globalClipnorm === undefined || grads.length === 0) return grads;
  const squares = grads.map((g) => reduceSum(square(g)));
  const wide = squares.some((s) => s.dtype === 'float64') ? 'float64' : 'float32';
  const total = squares.map((s) => (s.dtype === wide ? s : cast(s, wide))).reduce((sum, s) => add(sum, s));
  return grads.map((g) => mul(g, factor(total, g, globalClipnorm)));
}

/**
 * The factor that scales a tensor down to norm `most`. `total`: the sum of squares; `like`: has the dtype of the result.
 */
function factor(total: Tensor, like: Tensor, most: number): Tensor {
  // min(most / norm, 1). At norm 0 the quotient is infinite, so the factor is 1.
  const scale = minimum(div(uniformTensor(most, total.dtype, scalarShape), sqrt(total)), 1);
  return total.dtype === like.dtype ? scale : cast(scale, like.dtype);
}
