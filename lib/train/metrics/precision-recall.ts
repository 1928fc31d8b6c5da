/** Precision and recall of binary predictions. */
import { integer } from '../../base/arguments.js';
import type { Tensor } from '../../engine/tensor.js';
import type { TensorLike, Variable } from '../../op/variable.js';
import { add, divideNoNan } from '../../ops/index.js';
import { type Chosen, type Counts, classKind, countsAt, examplesOf, oneOrAll, thresholdsKind } from './confusion.js';
import { as, Metric, type MetricOptions, metricOptions } from './metric.js';
import type { UpdateOptions } from './operands.js';

/** Options of `Precision` and `Recall`. */
export interface PrecisionOptions extends MetricOptions {
  /**
   * Predictions above it are taken for 1. A number from 0 to 1, or a list: then the result is a vector. Default 0.5, or
   * with `topK` none.
   */
  thresholds?: number | readonly number[];
  /** Only so many of the largest predictions along the last axis can be taken for 1. Default: all. */
  topK?: number;
  /** The class (along the last axis) that alone counts. Default: all. */
  classId?: number;
}
const spec = { thresholds: thresholdsKind, topK: integer(1, 2 ** 31 - 1), classId: classKind } as const;

/** The share of true positives among them and another count. */
abstract class Share extends Metric {
  /** The weights so far of what is 1 and predicted as 1, at each threshold. */
  readonly truePositives: Variable;
  readonly #others: Variable;
  readonly #of: 'falsePositives' | 'falseNegatives';
  readonly #thresholds: readonly number[];
  readonly #chosen: Chosen;

  constructor(kind: string, of: 'falsePositives' | 'falseNegatives', opts: PrecisionOptions | undefined) {
    const { thresholds, topK, classId, ...rest } = metricOptions(kind, spec, opts);
    super(kind, rest);
    const all = thresholds ?? (topK === undefined ? 0.5 : Number.NEGATIVE_INFINITY);
    this.#thresholds = typeof all === 'number' ? [all] : all;
    this.#chosen = { topK, classId };
    this.#of = of;
    this.truePositives = this.addVariable('truePositives', [this.#thresholds.length]);
    this.#others = this.addVariable(of, [this.#thresholds.length]);
  }

  /** The other count. */
  protected get others(): Variable {
    return this.#others;
  }

  /**
   * Takes examples: truths (0 or 1) and predictions (probabilities of 1), of one shape. A weight is one for an example,
   * or for an element.
   * @throws ShapeError, DTypeError for operands that do not fit each other; GradtapeError ERR_NOT_A_TENSOR; ValueError
   *   ERR_OPTION, ERR_INDEX for classId
   */
  update(yTrue: TensorLike, yPred: TensorLike, opts?: UpdateOptions): this {
    const op = Metric.called(this, 'update');
    this.accumulate(op, () => {
      const examples = examplesOf(op, yTrue, yPred, opts, this.dtype, this.#chosen);
      const counts: Counts = countsAt(this.#thresholds, examples);
      return [
        [this.truePositives, counts.truePositives],
        [this.#others, counts[this.#of]],
      ];
    });
    return this;
  }

  /** The share, at each threshold if there are several; 0 where there is nothing to share. */
  result(): Tensor {
    Metric.called(this, 'result');
    const found = this.truePositives.value();
    return oneOrAll(as(divideNoNan(found, add(found, this.#others.value())), this.dtype));
  }
}

/** Precision: which share of what is predicted as 1 is so. */
export class Precision extends Share {
  /** The weights so far of what is 0 and predicted as 1, at each threshold. */
  readonly falsePositives: Variable;
  /** @throws ValueError ERR_OPTION */
  constructor(opts?: PrecisionOptions) {
    super('metrics.Precision', 'falsePositives', opts);
    this.falsePositives = this.others;
  }
}

/** Recall: which share of what is 1 is predicted so. */
export class Recall extends Share {
  /** The weights so far of what is 1 and predicted as 0, at each threshold. */
  readonly falseNegatives: Variable;
  /** @throws ValueError ERR_OPTION */
  constructor(opts?: PrecisionOptions) {
    super('metrics.Recall', 'falseNegatives', opts);
    this.falseNegatives = this.others;
  }
}
