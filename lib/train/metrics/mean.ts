/** Sums and means of values, and of any function of truth and predictions. */
import { argument, callback, isA, options, string } from '../../base/arguments.js';
import { GradtapeError, inTheNameOf, ShapeError, show } from '../../base/errors.js';
import { broadcastsTo, scalarShape, showShape } from '../../base/shape.js';
import { Tensor, uniformTensor } from '../../engine/tensor.js';
import type { TensorLike, Variable } from '../../op/variable.js';
import { broadcastTo, divideNoNan, mul, reduceMean, reduceSum } from '../../ops/index.js';
import { below } from '../../record/stack.js';
import { sameRank } from '../losses/loss.js';
import { as, Metric, type MetricOptions } from './metric.js';
import { floats, truthAndPredictions, type UpdateOptions, updateSpec } from './operands.js';

type Reducer = (x: Tensor, axes: number[]) => Tensor;

const from = (first: number, rank: number): number[] =>
  Array.from({ length: Math.max(0, rank - first) }, (_, d) => first + d);

/** x with the axes from `first` on reduced. */
function reducedFrom(first: number, x: Tensor, reduce: Reducer): Tensor {
  return x.rank > first ? reduce(x, from(first, x.rank)) : x;
}

/**
 * One value for each example, and the weights of the examples: axes that the weights have not are reduced first, then
 * values are weighed, then all axes but the first are reduced.
 */
function byExample(
  op: string,
  given: Tensor,
  sampleWeight: TensorLike | undefined,
  reduce: Reducer,
): [values: Tensor, weights: Tensor | null] {
  if (sampleWeight === undefined) return [reducedFrom(1, given, reduce), null];
  const weight = as(floats(op, sampleWeight, given.dtype as 'float32', 'sampleWeight'), given.dtype);
  const [all, w] = sameRank(given, weight);
  const values = reducedFrom(w.rank, all, reduce);
  if (!broadcastsTo(w.shape, values.shape)) {
    throw new ShapeError(
      `${op}: sampleWeight ${showShape(weight.shape)} does not broadcast to values ${showShape(given.shape)}`,
    );
  }
  const weights = broadcastTo(w, values.shape);
  return [reducedFrom(1, mul(values, weights), reduce), reducedFrom(1, weights, reduce)];
}

/** The sum of weighted values. */
export class Sum extends Metric {
  /** The sum so far. */
  readonly total: Variable;

  /** @throws ValueError ERR_OPTION */
  constructor(opts?: MetricOptions) {
    super('metrics.Sum', opts);
    this.total = this.addVariable('total');
  }

  /**
   * Adds values (a tensor of any shape), each times its weight. A weight stands for the mean of those axes that it has
   * not: for their sum here.
   * @throws ShapeError for weights that do not broadcast to the values; GradtapeError ERR_NOT_A_TENSOR; ERR_OPTION
   */
  update(values: TensorLike, opts?: UpdateOptions): this {
    const op = Metric.called(this, 'update');
    const { sampleWeight } = options(op, updateSpec, opts);
    this.accumulate(op, () => {
      const [sums] = byExample(op, floats(op, values, this.dtype, 'values'), sampleWeight, (x, axes) =>
        reduceSum(x, axes),
      );
      return [[this.total, reduceSum(sums)]];
    });
    return this;
  }

  result(): Tensor {
    Metric.called(this, 'result');
    return as(this.total.value(), this.dtype);
  }
}

/** Metrics that are a mean: the sum of values over the number of examples, or over the sum of their weights. */
export abstract class Averaged extends Metric {
  /** The sum of the weighted values so far. */
  readonly total: Variable;
  /** How many examples came, or the sum of their weights. */
  readonly count: Variable;

  constructor(kind: string, opts?: MetricOptions) {
    super(kind, opts);
    this.total = this.addVariable('total');
    this.count = this.addVariable('count');
  }

  /** Adds values. */
  protected take(op: string, compute: () => Tensor, sampleWeight: TensorLike | undefined): void {
    this.accumulate(op, () => {
      const [values, weights] = byExample(op, compute(), sampleWeight, (x, axes) => reduceMean(x, axes));
      const count = weights ? reduceSum(weights) : uniformTensor(values.shape[0] ?? 1, 'float64', scalarShape);
      return [
        [this.total, reduceSum(values)],
        [this.count, count],
      ];
    });
  }

  /** The mean, of float64; 0 before the first update. */
  protected mean(): Tensor {
    return divideNoNan(this.total.value(), this.count.value());
  }

  result(): Tensor {
    Metric.called(this, 'result');
    return as(this.mean(), this.dtype);
  }
}

/** The mean of weighted values. */
export class Mean extends Averaged {
  /** @throws ValueError ERR_OPTION */
  constructor(opts?: MetricOptions) {
    super('metrics.Mean', opts);
  }

  /**
   * Takes values: a tensor whose first axis, if it has one, is that of examples; of each the mean counts.
   * @throws ShapeError for weights that do not broadcast to the values; GradtapeError ERR_NOT_A_TENSOR; ERR_OPTION
   */
  update(values: TensorLike, opts?: UpdateOptions): this {
    const op = Metric.called(this, 'update');
    const { sampleWeight } = options(op, updateSpec, opts);
    this.take(op, () => floats(op, values, this.dtype, 'values'), sampleWeight);
    return this;
  }
}

/** A function of truth and predictions, both floats of one dtype, that gives a value for each example. */
export type MetricFunction = (yTrue: Tensor, yPred: Tensor) => Tensor;

/** The mean of a function of truth and predictions, as of a loss: `new MeanMetricWrapper(losses.huber)`. */
export class MeanMetricWrapper extends Averaged {
  readonly #values: MetricFunction;
  readonly #isOfUser: boolean;

  /**
   * @param fn of the truth and the predictions, both tensors of one floating dtype; the first axis of its result is
   *   that of examples
   * @param kind only for classes that extend this one: the name of the class, for errors
   * @throws ValueError ERR_OPTION, ERR_VALUE
   */
  constructor(fn: MetricFunction, opts?: MetricOptions, kind = 'metrics.MeanMetricWrapper') {
    argument('metrics.MeanMetricWrapper', 'kind', string, kind);
    argument(kind, 'fn', callback, fn);
    super(kind, opts);
    this.#values = fn;
    this.#isOfUser = kind === 'metrics.MeanMetricWrapper';
  }

  /**
   * Takes examples: their truth and the predictions for them. Whole numbers and bools count as floats.
   * @throws ShapeError, DTypeError for operands that do not fit each other; GradtapeError ERR_NOT_A_TENSOR; ERR_OPTION
   */
  update(yTrue: TensorLike, yPred: TensorLike, opts?: UpdateOptions): this {
    const op = Metric.called(this, 'update');
    const { sampleWeight } = options(op, updateSpec, opts);
    const values: unknown = below(null, () => {
      const operands = truthAndPredictions(op, yTrue, yPred, this.dtype);
      // What a user's function calls keeps its name in errors.
      return this.#isOfUser ? this.#values(...operands) : inTheNameOf(op, () => this.#values(...operands));
    });
    if (!isA(values, Tensor)) {
      throw new GradtapeError('ERR_NOT_A_TENSOR', `${op}: fn returned ${show(values)}, not a Tensor`);
    }
    this.take(op, () => floats(op, values, this.dtype, 'fn'), sampleWeight);
    return this;
  }
}
