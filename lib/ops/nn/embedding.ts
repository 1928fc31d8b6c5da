/** Embeddings: rows of a table. */
import { number, positional } from '../../base/arguments.js';
import { ShapeError } from '../../base/errors.js';
import { guardShape, sizeOf } from '../../base/shape.js';
import type { Tensor } from '../../engine/tensor.js';
import { asIndices, asTensor, floating } from '../../op/operands.js';
import type { TensorLike } from '../../op/variable.js';
import { div, maximum, mul } from '../../primitives/arithmetic.js';
import { checkIndices, gatherRows } from '../../primitives/gather.js';
import { normOver } from '../../primitives/reduce.js';

const embeddingSpec = { maxNorm: number('a number >= 0', 0) } as const;

/** The options of `embeddingLookup`. */
export interface EmbeddingOptions {
  /** Rows that are longer are scaled to this length. */
  maxNorm?: number;
}

/**
 * The rows of params at the ids (whole numbers), of shape ids.shape + params.shape[1:]. The gradient with respect to
 * params is an IndexedSlices, of the rows that were looked up. maxNorm may come by position, as in TensorFlow.
 * @throws ValueError ERR_INDEX for an id out of range: at once if the ids are known, else when it is computed;
 *   ShapeError, DTypeError, ValueError ERR_OPTION
 */
export function embeddingLookup(
  params: TensorLike,
  ids: TensorLike,
  maxNorm?: number | EmbeddingOptions,
  opts?: EmbeddingOptions,
): Tensor {
  const op = 'nn.embeddingLookup';
  const { maxNorm: most } = positional(op, embeddingSpec, ['maxNorm'], [maxNorm, opts]);
  const p = asTensor(op, params, undefined, 'params');
  const i = asIndices(op, ids, 'ids');
  if (p.rank === 0) throw new ShapeError(`${op}: params must have rank >= 1, got a scalar`);
  if (most !== undefined) floating(op, p, 'params');
  const [length, ...row] = p.shape as [number, ...number[]];
  checkIndices(op, i, length, 'axis 0 of params');
  const shape = guardShape(op, [...i.shape, ...row]);
  const rows = gatherRows(op, p, i, { sizes: [1, 1, length, i.size, sizeOf(row)], sparse: true }, shape);
  if (most === undefined) return rows;
  const axes = row.map((_, k) => i.rank + k);
  return div(mul(rows, most), maximum(normOver(rows, axes, true), most));
}
