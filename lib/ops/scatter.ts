/**
 * Scatters: updates at index vectors, added into zeros (scatterNd, whose first argument is indices, so it is no method)
 * or combined into a tensor.
 */
import { options, refuseBehind } from '../base/arguments.js';
import { ShapeError } from '../base/errors.js';
import {
  checkShape,
  guardShape,
  type Lengths,
  type Shape,
  sameShape,
  shapeOf,
  showShape,
  sizeOf,
} from '../base/shape.js';
import type { Tensor } from '../engine/tensor.js';
import { asIndices, asTensor } from '../op/operands.js';
import type { TensorLike } from '../op/variable.js';
import { boxAt, sliceBox } from '../primitives/box.js';
import { type Rows, scatterRows } from '../primitives/gather.js';
import {
  type BadIndicesPolicy,
  indexedLengths,
  policyKind,
  rowNumbers,
  rowNumbersOrEnd,
} from '../primitives/index-vectors.js';
import { accumulated, reshapeTo } from '../primitives/movement.js';

/** The options of `scatterNd` and of scatters into a tensor. */
export interface ScatterOptions {
  /** What becomes of an update at an index out of range: 'ERROR' (the default, also called 'DEFAULT') or 'IGNORE'. */
  badIndicesPolicy?: BadIndicesPolicy;
}

const scatterOptions = { badIndicesPolicy: policyKind } as const;

/** Where updates go: the row of each, and how many rows there are; with one more behind them for what is ignored. */
export interface ScatterTarget {
  readonly numbers: Tensor;
  readonly rows: Rows;
  /** Whether there is that row. */
  readonly ignores: boolean;
}

/** @throws ShapeError; ValueError ERR_INDEX for a known index out of range; ERR_OPTION */
export function scatterTarget(
  op: string,
  indices: Tensor,
  updates: Tensor,
  shape: Shape,
  opts: ScatterOptions | undefined,
): ScatterTarget {
  const ignores = options(op, scatterOptions, opts).badIndicesPolicy === 'IGNORE';
  const lengths = indexedLengths(op, indices, shape);
  const rest = shape.slice(lengths.length);
  const expected = [...indices.shape.slice(0, -1), ...rest];
  if (!sameShape(updates.shape, expected)) {
    throw new ShapeError(`${op}: updates have shape ${showShape(updates.shape)}, expected ${showShape(expected)}`);
  }
  const numbers = ignores ? rowNumbersOrEnd(indices, lengths) : rowNumbers(op, indices, lengths);
  const sizes: Rows['sizes'] = [1, 1, sizeOf(lengths) + Number(ignores), numbers.size, sizeOf(rest)];
  return { numbers, rows: { sizes, sparse: false }, ignores };
}

/** The shape of all rows, also of those for what is ignored. */
export function wholeShape(op: string, { rows: { sizes } }: ScatterTarget): Shape {
  return guardShape(op, [sizes[2], sizes[4]]);
}

/** All rows but the one for what is ignored, in the shape of the result. */
export function withoutIgnored(t: Tensor, shape: Shape): Tensor {
  const [count, inner] = t.shape as [number, number];
  const kept = sliceBox(t, shapeOf([count - 1, inner]), boxAt([0, 0]));
  return reshapeTo(kept, shape);
}

/**
 * Zeros of `shape` with the updates added at index vectors, which are the last axis of indices; updates at one index
 * add up. The updates have the shape indices.shape[:-1] + shape[indices.shape[-1]:].
 * @throws ShapeError; ValueError ERR_INDEX for an index out of range: at once if the indices are known, else when it is
 *   computed
 */
export function scatterNd(
  indices: TensorLike,
  updates: TensorLike,
  shape: number | Lengths,
  opts?: ScatterOptions,
): Tensor {
  if (arguments.length > 4) refuseBehind('scatterNd', arguments[4]);
  const i = asIndices('scatterNd', indices);
  const u = asTensor('scatterNd', updates, undefined, 'updates');
  const target = checkShape('scatterNd', shape);
  const to = scatterTarget('scatterNd', i, u, target, opts);
  const { numbers, rows, ignores } = to;
  const whole = ignores ? wholeShape('scatterNd', to) : target;
  const scatter = (t: Tensor): Tensor => scatterRows('scatterNd', t, numbers, rows, whole);
  // uint8 adds up as int32 and wraps around; the sum of bools is their disjunction (or), as in TensorFlow.
  const sum = accumulated(u, scatter);
  return ignores ? withoutIgnored(sum, target) : sum;
}
