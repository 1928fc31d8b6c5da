/** ctc: connectionist temporal classification (Graves et al. 2006). */
import { options } from '../../base/arguments.js';
import { ShapeError } from '../../base/errors.js';
import { shapeOf, showShape } from '../../base/shape.js';
import type { Tensor } from '../../engine/tensor.js';
import { wholeLabels } from '../../op/labels.js';
import { asTensor } from '../../op/operands.js';
import type { TensorLike } from '../../op/variable.js';
import {
  add,
  cast,
  equal,
  less,
  logicalAnd,
  logicalOr,
  neg,
  notEqual,
  pad,
  range,
  reduceLogsumexp,
  reduceSum,
  reshape,
  slice,
  stack,
  unstack,
  where,
  zerosLike,
} from '../../ops/index.js';
import { logSoftmax } from '../../ops/nn/index.js';
import { gatherRows } from '../../primitives/gather.js';
import { type LossOptions, lossSpec, predictions, reduced } from './loss.js';

// The logarithm of a probability of 0: finite, so that differences of two are 0 and no NaN; far below any that occurs.
const kNever = -1e30;

/**
 * Minus the log likelihood of the labels yTrue [batch, length] under the logits yPred [batch, steps, classes], summed
 * over all ways to spread labels over the steps. Class 0 is the blank; the labels of an example end at its first 0s.
 * Infinite where an example has more labels than its steps can hold.
 * @throws ShapeError for other ranks; DTypeError; ValueError ERR_INDEX for a label that is no class
 */
export function ctc(yTrue: TensorLike, yPred: TensorLike, opts?: LossOptions): Tensor {
  const op = 'losses.ctc';
  const read = options(op, lossSpec, opts);
  const given = asTensor(op, yTrue, undefined, 'yTrue');
  const logits = predictions(op, given, yPred, ' (classes)');
  const [batch, steps, classes] = logits.shape as [number, number, number];
  if (given.rank !== 2 || logits.rank !== 3 || given.shape[0] !== batch || steps === 0) {
    const got = `${showShape(given.shape)} and ${showShape(logits.shape)}`;
    throw new ShapeError(
      `${op}: expected yTrue [batch, length] and yPred [batch, steps >= 1, classes], got ${got}; yTrue comes first`,
    );
  }
  const labels = wholeLabels(op, given, 'yTrue');
  const length = labels.shape[1] as number;
  const count = 2 * length + 1;

  // The path of an example alternates: blank, label, blank, ..., label, blank.
  const blanks = zerosLike(labels);
  const between = reshape(stack([blanks, labels], 2), [batch, 2 * length]);
  const path = pad(between, [
    [0, 0],
    [0, 1],
  ]);
  const sizes = [batch, steps, classes, count, 1] as const;
  const log = gatherRows(op, logSoftmax(logits), path, { sizes, sparse: false }, shapeOf([batch, steps, count]));
  // From a label to the next one without a blank, where both differ.
  const skips = logicalAnd(notEqual(path, 0), notEqual(path, shifted(path, 2, 0)));

  const place = range(0, count, 1, { dtype: 'int32' });
  const [first, ...later] = unstack(log, 1) as [Tensor, ...Tensor[]];
  let reached = where(less(place, 2), first, kNever);
  for (const step of later) {
    const ways = [reached, shifted(reached, 1, kNever), where(skips, shifted(reached, 2, kNever), kNever)];
    reached = add(step, reduceLogsumexp(stack(ways), 0));
  }
  // A path ends at its last label or the blank behind it.
  const end = reshape(reduceSum(cast(notEqual(labels, 0), 'int32'), 1).mul(2), [batch, 1]);
  const ends = logicalOr(equal(place, end), equal(place, end.sub(1)));
  const loss = neg(reduceLogsumexp(where(ends, reached, kNever), 1));
  return reduced(op, where(less(loss, -kNever / 10), loss, Infinity), read);
}

/** The rows moved right by a few places, with `filler` in front. */
function shifted(x: Tensor, by: number, filler: number): Tensor {
  const [batch, count] = x.shape as [number, number];
  if (count <= by) return add(zerosLike(x), filler);
  return pad(
    slice(x, [0, 0], [batch, count - by]),
    [
      [0, 0],
      [by, 0],
    ],
    { constantValues: filler },
  );
}
