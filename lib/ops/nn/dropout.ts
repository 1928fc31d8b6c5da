/** Dropout: elements set to zero at random, the others scaled up. */
import { anything, integer, listOf, number, options, refused, showDeep } from '../../base/arguments.js';
import { ShapeError, ValueError } from '../../base/errors.js';
import { streamFor } from '../../base/random-stream.js';
import { broadcastsTo, checkShape, type Shape, showShape } from '../../base/shape.js';
import type { Tensor } from '../../engine/tensor.js';
import { asTensor, floating } from '../../op/operands.js';
import type { TensorLike } from '../../op/variable.js';
import { mul } from '../../primitives/arithmetic.js';
import { less } from '../../primitives/compare.js';
import { draw, uniformOp } from '../../primitives/random.js';
import { select } from '../../primitives/select.js';

/** The options of `dropout`. */
export interface DropoutOptions {
  /** The seed of a stream for this call; without it the shared stream goes on. */
  seed?: number;
  /**
   * The shape of the random numbers, which broadcasts to x's (null: the length of x). Elements that share a number are
   * zeroed together.
   */
  noiseShape?: readonly (number | null)[];
}
const rateKind = number('a number >= 0 and < 1', 0, 1 - 2 ** -53);
const dropoutSpec = { seed: integer(0), noiseShape: anything } as const;

function noiseShapeOf(given: unknown, shape: Shape): Shape {
  if (given === undefined) return shape;
  const lengths = listOf(given);
  const noise = lengths?.map((length, d) => length ?? shape[d - lengths.length + shape.length]);
  if (noise && broadcastsTo(noise as number[], shape)) return checkShape('nn.dropout', noise);
  throw new ShapeError(
    `nn.dropout: noiseShape must be a shape that broadcasts to ${showShape(shape)}, got ${showDeep(given)}`,
  );
}

/**
 * x with each element set to zero with probability `rate`, and the others scaled by 1 / (1 - rate). float32 and
 * float64.
 * @throws ValueError ERR_OPTION for a rate outside [0, 1); ShapeError for a noiseShape that does not broadcast to x's
 */
export function dropout(x: TensorLike, rate: number, opts?: DropoutOptions): Tensor {
  const { seed, noiseShape } = options('nn.dropout', dropoutSpec, opts);
  const fraction = rateKind.read(rate);
  if (fraction === refused) {
    throw new ValueError(`nn.dropout: rate must be ${rateKind.expected}, got ${showDeep(rate)}`, 'ERR_OPTION');
  }
  const a = floating('nn.dropout', asTensor('nn.dropout', x));
  const noise = noiseShapeOf(noiseShape, a.shape);
  if (fraction === 0) return a;
  const fate = draw('nn.dropout', uniformOp, a.dtype, noise, streamFor(seed));
  return select(less(fate, fraction), 0, mul(a, 1 / (1 - fraction)));
}
