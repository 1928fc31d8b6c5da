/** R2Score: the share of the truth's variance that predictions explain. */
import { integer, type Kind, oneOf, options } from '../../base/arguments.js';
import { ShapeError } from '../../base/errors.js';
import { sameShape, scalarShape, showShape } from '../../base/shape.js';
import { type Tensor, uniformTensor } from '../../engine/tensor.js';
import type { TensorLike, Variable } from '../../op/variable.js';
import { div, expandDims, greater, isInf, mul, reduceMean, reduceSum, square, sub, where } from '../../ops/index.js';
import { as, Metric, type MetricOptions, metricOptions } from './metric.js';
import { alike, type UpdateOptions, updateSpec, weightsOf } from './operands.js';

/** Options of `R2Score`. */
export interface R2ScoreOptions extends MetricOptions {
  /**
   * How the scores of several outputs become one: their mean ('uniformAverage', default), weighed by the variance of
   * the truth ('varianceWeightedAverage'), or not at all (null): then the result is a vector.
   */
  classAggregation?: 'uniformAverage' | 'varianceWeightedAverage' | null;
  /** The number of independent variables of the model, for the adjusted score. Default 0: the score as it is. */
  numRegressors?: number;
}
const aggregations = oneOf(['uniformAverage', 'varianceWeightedAverage']);
const aggregation: Kind<'uniformAverage' | 'varianceWeightedAverage' | null> = {
  expected: `${aggregations.expected} or null`,
  read: (value) => (value === null ? null : aggregations.read(value)),
};
const spec = { classAggregation: aggregation, numRegressors: integer(0) } as const;

interface Sums {
  readonly squaredSum: Variable;
  readonly sum: Variable;
  readonly residual: Variable;
  readonly count: Variable;
}

/**
 * The coefficient of determination: 1 - sum((yTrue - yPred)^2) / sum((yTrue - mean(yTrue))^2), of each output. Its
 * variables but `numSamples` are made by the first update, which says how many outputs there are.
 */
export class R2Score extends Metric {
  /** How many elements came. */
  readonly numSamples: Variable;
  /** @internal Null before the first update. */
  sums: Sums | null = null;
  readonly #aggregation: 'uniformAverage' | 'varianceWeightedAverage' | null;
  readonly #regressors: number;

  /** @throws ValueError ERR_OPTION */
  constructor(opts?: R2ScoreOptions) {
    const {
      classAggregation = 'uniformAverage',
      numRegressors = 0,
      ...rest
    } = metricOptions('metrics.R2Score', spec, opts);
    super('metrics.R2Score', rest);
    this.numSamples = this.addVariable('numSamples');
    this.#aggregation = classAggregation;
    this.#regressors = numRegressors;
  }

  /**
   * Takes examples: truth and predictions [examples, outputs], or [examples] for one output. A weight is one for an
   * example, or for an element.
   * @throws ShapeError, DTypeError; GradtapeError ERR_NOT_A_TENSOR; ValueError ERR_OPTION
   */
  update(yTrue: TensorLike, yPred: TensorLike, opts?: UpdateOptions): this {
    const op = Metric.called(this, 'update');
    const { sampleWeight } = options(op, updateSpec, opts);
    this.accumulate(op, () => {
      const [t, p] = alike(op, yTrue, yPred, this.dtype).map((x) => (x.rank === 1 ? expandDims(x, 1) : x)) as [
        Tensor,
        Tensor,
      ];
      if (p.rank !== 2 || !sameShape(t.shape, p.shape)) {
        throw new ShapeError(
          `${op}: expected yTrue and yPred of one shape [examples, outputs], got ${showShape(t.shape)} and ${showShape(p.shape)}`,
        );
      }
      const w = sampleWeight === undefined ? uniformTensor(1, 'float64', p.shape) : weightsOf(op, sampleWeight, p);
      const sums = this.#sums(p.shape[1] as number);
      const truth = as(t, 'float64');
      const weighted = mul(truth, w);
      return [
        [this.numSamples, uniformTensor(p.size, 'float64', scalarShape)],
        [sums.squaredSum, reduceSum(mul(truth, weighted), 0)],
        [sums.sum, reduceSum(weighted, 0)],
        [sums.residual, reduceSum(mul(square(sub(truth, as(p, 'float64'))), w), 0)],
        [sums.count, reduceSum(w, 0)],
      ];
    });
    return this;
  }

  #sums(outputs: number): Sums {
    this.sums ??= {
      squaredSum: this.addVariable('squaredSum', [outputs]),
      sum: this.addVariable('sum', [outputs]),
      residual: this.addVariable('residual', [outputs]),
      count: this.addVariable('count', [outputs]),
    };
    return this.sums;
  }

  /**
   * The score: at most 1; NaN where the truth does not vary and is met, and 0 where it does not vary and is not. Before
   * the first update NaN. With `numRegressors`, 1 - (1 - score) (n - 1) / (n - numRegressors - 1) where n, the number of
   * elements so far, is above numRegressors + 1, else the score as it is.
   */
  result(): Tensor {
    Metric.called(this, 'result');
    if (!this.sums) return uniformTensor(Number.NaN, this.dtype, scalarShape);
    const sum = this.sums.sum.value();
    const total = sub(this.sums.squaredSum.value(), div(square(sum), this.sums.count.value()));
    const quotients = sub(1, div(this.sums.residual.value(), total));
    const scores = where(isInf(quotients), 0, quotients);
    return as(this.#adjusted(this.#aggregated(scores, total)), this.dtype);
  }

  #aggregated(scores: Tensor, total: Tensor): Tensor {
    if (this.#aggregation === null) return scores;
    if (this.#aggregation === 'uniformAverage') return reduceMean(scores);
    return div(reduceSum(mul(total, scores)), reduceSum(total));
  }

  #adjusted(score: Tensor): Tensor {
    if (this.#regressors === 0) return score;
    const n = this.numSamples.value();
    const free = sub(n, this.#regressors + 1);
    return where(greater(free, 0), sub(1, div(mul(sub(1, score), sub(n, 1)), free)), score);
  }
}
