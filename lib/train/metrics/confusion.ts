/** True and false positives and negatives of binary predictions, at one threshold or several; metrics that count them. */
import { either, integer, isArray, type Kind, number, options, refused } from '../../base/arguments.js';
import { ShapeError, ValueError } from '../../base/errors.js';
import { showShape } from '../../base/shape.js';
import { type Tensor, uniformTensor } from '../../engine/tensor.js';
import { asTensor } from '../../op/operands.js';
import type { TensorLike, Variable } from '../../op/variable.js';
import {
  at,
  broadcastTo,
  expandDims,
  greater,
  notEqual,
  oneHot,
  reduceSum,
  reshape,
  sub,
  topK,
  where,
} from '../../ops/index.js';
import { as, Metric, type MetricOptions, metricOptions } from './metric.js';
import { alike, type FloatDType, type UpdateOptions, updateSpec, weightsOf } from './operands.js';

const threshold = number('a number from 0 to 1', 0, 1);
const thresholdList: Kind<readonly number[]> = {
  expected: 'a list of them that is not empty',
  read: (value) => {
    if (!isArray(value) || value.length === 0) return refused;
    const list = value.map((t) => threshold.read(t));
    return list.includes(refused) ? refused : (list as number[]);
  },
};
export const thresholdsKind: Kind<number | readonly number[]> = either(threshold, thresholdList);

/** Predictions of two classes: whether 1 is true, the scores of 1, and the weights, all of one shape. */
export interface Examples {
  readonly truth: Tensor;
  readonly scores: Tensor;
  /** Of float64. */
  readonly weights: Tensor;
}

/** Which of the predictions count. */
export interface Chosen {
  readonly topK?: number | undefined;
  readonly classId?: number | undefined;
}

/** What `update` is given, as examples; with `topK` all but the largest scores of a row are -Infinity. */
export function examplesOf(
  op: string,
  yTrue: TensorLike,
  yPred: TensorLike,
  opts: UpdateOptions | undefined,
  dtype: FloatDType,
  { topK: k, classId }: Chosen = {},
): Examples {
  const { sampleWeight } = options(op, updateSpec, opts);
  const [t, p] = alike(op, yTrue, yPred, dtype);
  let truth = notEqual(broadcastTo(t, p.shape), 0);
  let scores = k === undefined ? p : largest(op, p, k);
  if (classId !== undefined) {
    if (p.rank < 2) {
      throw new ShapeError(`${op}: with classId expected yPred [..., classes], got shape ${showShape(p.shape)}`);
    }
    const count = p.shape[p.rank - 1] as number;
    if (classId >= count)
      throw new ValueError(`${op}: classId ${classId} is out of range for ${count} classes`, 'ERR_INDEX');
    [truth, scores] = [truth, scores].map((x) => at(x, '...', `${classId}:${classId + 1}`)) as [Tensor, Tensor];
  }
  const weights =
    sampleWeight === undefined ? uniformTensor(1, 'float64', scores.shape) : weightsOf(op, sampleWeight, scores);
  return { truth, scores, weights };
}

/** The k largest scores along the last axis; -Infinity for the others. */
function largest(op: string, p: Tensor, k: number): Tensor {
  const classes = p.shape[p.rank - 1];
  if (classes === undefined || classes < k) {
    throw new ShapeError(`${op}: topK ${k} needs as many predictions along the last axis, got ${showShape(p.shape)}`);
  }
  const hits = reduceSum(oneHot(topK(p, k).indices, classes), -2);
  return where(greater(hits, 0), p, Number.NEGATIVE_INFINITY);
}

/** Sums of weights, of float64. */
export interface Counts {
  readonly truePositives: Tensor;
  readonly falsePositives: Tensor;
  readonly trueNegatives: Tensor;
  readonly falseNegatives: Tensor;
}

/** The counts from those of predicted positives, and all of either truth. */
export function countsFrom(
  truePositives: Tensor,
  falsePositives: Tensor,
  positives: Tensor,
  negatives: Tensor,
): Counts {
  return {
    truePositives,
    falsePositives,
    trueNegatives: sub(negatives, falsePositives),
    falseNegatives: sub(positives, truePositives),
  };
}

/** The counts [thresholds], where a score above a threshold is a prediction of 1. */
export function countsAt(thresholds: readonly number[], { truth, scores, weights }: Examples): Counts {
  const flat = (x: Tensor): Tensor => reshape(x, [1, -1]);
  const limits = expandDims(asTensor('thresholds', thresholds, scores.dtype), 1);
  const predicted = greater(flat(scores), limits);
  const trueWeights = where(truth, weights, 0);
  const falseWeights = where(truth, 0, weights);
  const above = (w: Tensor): Tensor => reduceSum(where(predicted, flat(w), 0), 1);
  return countsFrom(above(trueWeights), above(falseWeights), reduceSum(trueWeights), reduceSum(falseWeights));
}

/** Options of the metrics that count true and false positives and negatives. */
export interface ThresholdOptions extends MetricOptions {
  /** Predictions above it are taken for 1. A number from 0 to 1, or a list: then the result is a vector. Default 0.5. */
  thresholds?: number | readonly number[];
}

/** A count of one of the four cases. */
abstract class Count extends Metric {
  /** The count so far, at each threshold. */
  readonly accumulator: Variable;
  readonly #thresholds: readonly number[];
  readonly #of: keyof Counts;

  constructor(kind: string, of: keyof Counts, opts: ThresholdOptions | undefined) {
    const { thresholds = 0.5, ...rest } = metricOptions(kind, { thresholds: thresholdsKind }, opts);
    super(kind, rest);
    this.#thresholds = typeof thresholds === 'number' ? [thresholds] : thresholds;
    this.#of = of;
    this.accumulator = this.addVariable('accumulator', [this.#thresholds.length]);
  }

  /**
   * Takes examples: truths (0 or 1) and predictions (probabilities of 1), of one shape.
   * @throws ShapeError, DTypeError for operands that do not fit each other; GradtapeError ERR_NOT_A_TENSOR; ERR_OPTION
   */
  update(yTrue: TensorLike, yPred: TensorLike, opts?: UpdateOptions): this {
    const op = Metric.called(this, 'update');
    this.accumulate(op, () => {
      const counts = countsAt(this.#thresholds, examplesOf(op, yTrue, yPred, opts, this.dtype));
      return [[this.accumulator, counts[this.#of]]];
    });
    return this;
  }

  result(): Tensor {
    Metric.called(this, 'result');
    return oneOrAll(as(this.accumulator.value(), this.dtype));
  }
}

/** The only element of a vector, or the vector. */
export function oneOrAll(x: Tensor): Tensor {
  return x.size === 1 ? reshape(x, []) : x;
}

/** The number of examples that are 1 and predicted as such, or the sum of their weights. */
export class TruePositives extends Count {
  /** @throws ValueError ERR_OPTION */
  constructor(opts?: ThresholdOptions) {
    super('metrics.TruePositives', 'truePositives', opts);
  }
}
/** The number of examples that are 0 and predicted as such, or the sum of their weights. */
export class TrueNegatives extends Count {
  /** @throws ValueError ERR_OPTION */
  constructor(opts?: ThresholdOptions) {
    super('metrics.TrueNegatives', 'trueNegatives', opts);
  }
}
/** The number of examples that are 0 and predicted as 1, or the sum of their weights. */
export class FalsePositives extends Count {
  /** @throws ValueError ERR_OPTION */
  constructor(opts?: ThresholdOptions) {
    super('metrics.FalsePositives', 'falsePositives', opts);
  }
}
/** The number of examples that are 1 and predicted as 0, or the sum of their weights. */
export class FalseNegatives extends Count {
  /** @throws ValueError ERR_OPTION */
  constructor(opts?: ThresholdOptions) {
    super('metrics.FalseNegatives', 'falseNegatives', opts);
  }
}

export const classKind: Kind<number> = integer(0, 2 ** 31 - 1);
