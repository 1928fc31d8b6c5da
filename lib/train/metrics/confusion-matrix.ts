/** ConfusionMatrix: how often each class was taken for each. */
import { argument, integer, options } from '../../base/arguments.js';
import { isFloating } from '../../base/dtype.js';
import { ShapeError } from '../../base/errors.js';
import { sameShape, shapeOf, showShape } from '../../base/shape.js';
import { type Tensor, uniformTensor } from '../../engine/tensor.js';
import { asIndices, asTensor } from '../../op/operands.js';
import type { TensorLike, Variable } from '../../op/variable.js';
import { argmax, reshape, scatterNd, squeeze, stack } from '../../ops/index.js';
import { checkIndices } from '../../primitives/gather.js';
import { as, Metric, type MetricOptions, metricOptions } from './metric.js';
import { type UpdateOptions, updateSpec, weightsOf } from './operands.js';

/** Options of the metric `ConfusionMatrix`. */
export interface ConfusionMatrixMetricOptions extends MetricOptions {
  /** How many classes there are. Must be given. */
  numClasses: number;
}
const count = integer(1, 46340);

/**
 * The matrix [numClasses, numClasses] whose element [i, j] counts the examples of class i that were taken for class j,
 * or adds up their weights.
 */
export class ConfusionMatrix extends Metric {
  /** The counts so far. */
  readonly matrix: Variable;
  readonly #classes: number;

  /** @throws ValueError ERR_OPTION */
  constructor(opts: ConfusionMatrixMetricOptions) {
    const { numClasses, ...rest } = metricOptions('metrics.ConfusionMatrix', { numClasses: count }, opts);
    super('metrics.ConfusionMatrix', rest);
    this.#classes = argument('metrics.ConfusionMatrix', 'numClasses', count, numClasses, 'ERR_OPTION');
    this.matrix = this.addVariable('matrix', [this.#classes, this.#classes]);
  }

  /**
   * Takes examples: the true classes (whole numbers, of any shape; a last axis of length 1 is dropped), and of the same
   * shape the predicted ones, or with one more axis, of length numClasses, probabilities or logits.
   * @throws ShapeError, DTypeError; ValueError ERR_INDEX for a class out of range, at once or, where it is not known
   *   yet, when it is computed; ERR_OPTION
   */
  update(yTrue: TensorLike, yPred: TensorLike, opts?: UpdateOptions): this {
    const op = Metric.called(this, 'update');
    const { sampleWeight } = options(op, updateSpec, opts);
    this.accumulate(op, () => {
      const p = asTensor(op, yPred, undefined, 'yPred');
      const scores = isFloating(p.dtype) && p.rank > 0 && p.shape[p.rank - 1] === this.#classes;
      const given = asIndices(op, yTrue, 'yTrue');
      const isColumn = given.rank === p.rank && given.shape[given.rank - 1] === 1;
      const truth = scores && isColumn ? squeeze(given, -1) : given;
      const predicted = scores && truth.rank === p.rank - 1 ? argmax(p, -1) : asIndices(op, p, 'yPred');
      if (!sameShape(truth.shape, predicted.shape)) {
        throw new ShapeError(
          `${op}: expected yPred of the shape of yTrue, or with one more axis of length ${this.#classes}, got shapes ${showShape(given.shape)} and ${showShape(p.shape)}`,
        );
      }
      checkIndices(op, truth, this.#classes, 'classes');
      checkIndices(op, predicted, this.#classes, 'classes');
      const w = sampleWeight === undefined ? null : weightsOf(op, sampleWeight, truth);
      const pairs = stack(
        [truth, predicted].map((x) => reshape(x, [-1])),
        1,
      );
      const weights = reshape(w ?? uniformTensor(1, 'float64', truth.shape), [-1]);
      return [[this.matrix, scatterNd(pairs, weights, shapeOf([this.#classes, this.#classes]))]];
    });
    return this;
  }

  result(): Tensor {
    Metric.called(this, 'result');
    return as(this.matrix.value(), this.dtype);
  }
}
