/** Limits of gradients, as an optimizer's options say; lib/ops/clip.ts computes them. */
import { scalarShape } from '../base/shape.js';
import { type Tensor, uniformTensor } from '../engine/tensor.js';
import { clippedByGlobalNorm, clippedByNorm, clippedByValue, valuesOf } from '../ops/clip.js';
import { globalNormOf } from '../ops/norm.js';

/** How gradients are limited; at most one of them. */
export interface Limits {
  readonly clipnorm?: number | undefined;
  readonly clipvalue?: number | undefined;
  readonly globalClipnorm?: number | undefined;
}

/** The gradients within the limits. Dtypes may differ: then the global norm is one of float64. */
export function clipped(grads: readonly Tensor[], { clipnorm, clipvalue, globalClipnorm }: Limits): readonly Tensor[] {
  if (clipvalue !== undefined) return grads.map((g) => clippedByValue(g, clipvalue));
  if (clipnorm !== undefined) return grads.map((g) => clippedByNorm(g, clipnorm));
  if (globalClipnorm === undefined || grads.length === 0) return grads;
  const norm = globalNormOf(grads.map(valuesOf));
  return clippedByGlobalNorm(grads, uniformTensor(globalClipnorm, norm.dtype, scalarShape), norm);
}
