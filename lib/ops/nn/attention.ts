/** Attention: the checks around primitives/attention.ts. */
import { anything, boolean, finite, integer, type Kind, number, options, refuseBehind } from '../../base/arguments.js';
import { DTypeError, ShapeError } from '../../base/errors.js';
import { streamFor } from '../../base/random-stream.js';
import { broadcastShapes, broadcastsTo, guardShape, type Shape, shapeOf, showShape, sizeOf } from '../../base/shape.js';
import type { Tensor } from '../../engine/tensor.js';
import { asTensor, asTensors, floating, likeOf } from '../../op/operands.js';
import type { TensorLike } from '../../op/variable.js';
import { attentionOf, drawsOf } from '../../primitives/attention.js';
import { broadcast, reshapeTo } from '../../primitives/movement.js';

/** The options of `scaledDotProductAttention`. */
export interface AttentionOptions {
  /**
   * Broadcasts to the weights [..., queries, keys]. bool: which keys a query sees; a query that sees none gets zeros. Of
   * the queries' dtype: added to the logits, with a gradient.
   */
  mask?: TensorLike;
  /** Whether query i sees only the keys 0 .. i. Default false. */
  isCausal?: boolean;
  /** The share of weights that is set to zero at random, the others scaled up. Default 0. */
  dropout?: number;
  /** What products of queries and keys are multiplied by. Default 1 / sqrt(depth). */
  scale?: number;
  /** The seed of a stream for the dropout of this call; without it the shared stream goes on. */
  seed?: number;
}

const attentionSpec = {
  mask: anything as Kind<TensorLike>,
  isCausal: boolean,
  dropout: number('a number >= 0 and < 1', 0, 1 - 2 ** -53),
  scale: finite,
  seed: integer(0),
} as const;

const op = 'nn.scaledDotProductAttention';

/** t with its leading axes broadcast and made one. */
function batched(t: Tensor, leading: Shape): Tensor {
  const matrix = t.shape.slice(-2);
  const whole = broadcast(t, guardShape(op, [...leading, ...matrix]));
  return reshapeTo(whole, shapeOf([sizeOf(leading), ...matrix]));
}

/** The mask with 3 axes. Leading axes that are all of length 1 stay one of length 1. */
function batchedMask(given: TensorLike, q: Tensor, weights: Shape): Tensor {
  const natural = asTensor(op, given, undefined, 'mask');
  // Numbers and nests of them take the queries' dtype; booleans stay what they are.
  const isNumbers = likeOf(given) === undefined && natural.dtype !== 'bool';
  const t = isNumbers ? asTensor(op, given, q.dtype, 'mask') : natural;
  if (t.dtype !== 'bool' && t.dtype !== q.dtype) {
    throw new DTypeError(`${op}: mask must be bool or ${q.dtype}, got ${t.dtype}; write cast(mask, 'bool')`);
  }
  if (!broadcastsTo(t.shape, weights)) {
    throw new ShapeError(`${op}: mask ${showShape(t.shape)} does not broadcast to the weights ${showShape(weights)}`);
  }
  const raised = t.rank >= 2 ? t : reshapeTo(t, shapeOf([1, t.shape[0] ?? 1]));
  if (raised.shape.slice(0, -2).every((n) => n === 1)) {
    return reshapeTo(raised, shapeOf([1, ...raised.shape.slice(-2)]));
  }
  return batched(raised, weights.slice(0, -2));
}

/**
 * softmax(scale query key^T + mask) value: each query gets the mean of the values, weighted by how well their keys fit.
 * query [..., queries, depth], key [..., keys, depth], value [..., keys, width] -> [..., queries, width]; leading axes
 * (batch, heads) broadcast. The weights are computed in blocks, so that memory grows with the operands, not with
 * queries times keys. float32 and float64. (Vaswani et al. 2017; the gradient in blocks as Dao et al. 2022)
 * @throws ShapeError for operands or a mask that do not fit; DTypeError; ValueError ERR_OPTION
 */
export function scaledDotProductAttention(
  query: TensorLike,
  key: TensorLike,
  value: TensorLike,
  opts?: AttentionOptions,
): Tensor {
  const { mask, isCausal = false, dropout = 0, scale, seed } = options(op, attentionSpec, opts);
  if (arguments.length > 4) refuseBehind(op, arguments[4]);
  const [q, k, v] = asTensors(op, [query, key, value], ['query', 'key', 'value']) as [Tensor, Tensor, Tensor];
  floating(op, q, 'query');
  const [p, r, s] = [q.shape, k.shape, v.shape];
  if (q.rank < 2 || k.rank < 2 || v.rank < 2 || p.at(-1) !== r.at(-1) || r.at(-2) !== s.at(-2)) {
    throw new ShapeError(
      `${op}: expected query [..., queries, depth], key [..., keys, depth] and value [..., keys, width], got ${[p, r, s].map(showShape).join(', ')}`,
    );
  }
  const leading = broadcastShapes(op, broadcastShapes(op, p.slice(0, -2), r.slice(0, -2)), s.slice(0, -2));
  const [queries, depth] = p.slice(-2) as [number, number];
  const [keys, width] = s.slice(-2) as [number, number];
  const weights = guardShape(op, [...leading, queries, keys]);
  const seen = mask === undefined ? undefined : batchedMask(mask, q, weights);
  const stream = dropout > 0 ? streamFor(seed) : null;
  const attention = {
    scale: scale ?? 1 / Math.sqrt(depth),
    isCausal,
    dropout: stream && { rate: dropout, stream: { ...stream } },
  };
  if (stream) stream.offset += drawsOf(sizeOf(leading), queries, keys, isCausal);
  const out = attentionOf([batched(q, leading), batched(k, leading), batched(v, leading), seen], attention);
  return reshapeTo(out, shapeOf([...leading, queries, width]));
}
