/** AUC: the area under a curve of binary predictions, approximated by thresholds. */
import { boolean, integer, type Kind, oneOf } from '../../base/arguments.js';
import { ShapeError, ValueError } from '../../base/errors.js';
import { shapeOf, showShape } from '../../base/shape.js';
import { type Tensor, uniformTensor } from '../../engine/tensor.js';
import type { TensorLike, Variable } from '../../op/variable.js';
import {
  add,
  cast,
  ceil,
  clipByValue,
  cumsum,
  div,
  divideNoNan,
  equal,
  expandDims,
  greater,
  isNan,
  log,
  logicalAnd,
  maximum,
  minimum,
  mul,
  range,
  reduceMean,
  reduceSum,
  reshape,
  sigmoid,
  slice,
  stack,
  sub,
  where,
} from '../../ops/index.js';
import { scatterRows } from '../../primitives/gather.js';
import { type Counts, countsAt, countsFrom, type Examples, examplesOf, thresholdsKind } from './confusion.js';
import { as, Metric, type MetricOptions, metricOptions } from './metric.js';
import { floats, truthAndPredictions, type UpdateOptions } from './operands.js';

/** Options of `AUC`. */
export interface AUCOptions extends MetricOptions {
  /** How many thresholds there are, from just below 0 to just above 1 in equal steps. At least 2; default 200. */
  numThresholds?: number;
  /**
   * Which curve: 'ROC' (default; true positive rate over false positive rate), 'PR' (precision over recall) or 'PRGAIN'
   * (precision gain over recall gain: Flach and Kull 2015).
   */
  curve?: 'ROC' | 'PR' | 'PRGAIN';
  /**
   * The height between two thresholds: the mean of both ('interpolation', default; of 'PR' the integral after Davis and
   * Goadrich 2006), the lower ('minoring') or the upper one ('majoring').
   */
  summationMethod?: 'interpolation' | 'minoring' | 'majoring';
  /** The thresholds themselves, from 0 to 1, in place of `numThresholds`; both ends are added. */
  thresholds?: readonly number[];
  /** Whether each column of the predictions has an area of its own, and the result is their mean. Default false. */
  multiLabel?: boolean;
  /** With `multiLabel`, how many columns there are: then the variables exist before the first update. */
  numLabels?: number;
  /** A weight for each column: of its area with `multiLabel`, else of its examples. */
  labelWeights?: TensorLike;
  /** Whether predictions are logits. Default false. */
  fromLogits?: boolean;
}
const spec = {
  numThresholds: integer(2, 2 ** 20),
  curve: oneOf(['ROC', 'PR', 'PRGAIN'], true),
  summationMethod: oneOf(['interpolation', 'minoring', 'majoring'], true),
  thresholds: {
    expected: 'a list of numbers from 0 to 1',
    read: (value) => (typeof value === 'number' ? thresholdsKind.read(Number.NaN) : thresholdsKind.read(value)),
  } as Kind<readonly number[]>,
  multiLabel: boolean,
  numLabels: integer(1, 2 ** 31 - 1),
  labelWeights: { expected: 'a tensor', read: (value) => value as TensorLike } as Kind<TensorLike>,
  fromLogits: boolean,
} as const;

/** How far the outermost thresholds lie outside of [0, 1]. */
const kBeyond = 1e-7;

type State = { readonly [K in keyof Counts]: Variable };

/** The area under the ROC curve of binary predictions, or another one. */
export class AUC extends Metric {
  /** @internal Null before the first update, if that has to say how many labels there are. */
  counts: State | null = null;
  readonly #thresholds: readonly number[];
  /** Whether the thresholds are the multiples of a step. */
  readonly #even: boolean;
  readonly #curve: 'ROC' | 'PR' | 'PRGAIN';
  readonly #summation: 'interpolation' | 'minoring' | 'majoring';
  readonly #multiLabel: boolean;
  readonly #labelWeights: Tensor | null;
  readonly #fromLogits: boolean;

  /** @throws ValueError ERR_OPTION; GradtapeError ERR_NOT_A_TENSOR, ShapeError for labelWeights */
  constructor(opts?: AUCOptions) {
    const {
      numThresholds = 200,
      curve = 'ROC',
      summationMethod = 'interpolation',
      thresholds,
      multiLabel = false,
      numLabels,
      labelWeights,
      fromLogits = false,
      ...rest
    } = metricOptions('metrics.AUC', spec, opts);
    super('metrics.AUC', rest);
    if (numLabels !== undefined && !multiLabel) {
      throw new ValueError('metrics.AUC: numLabels goes with multiLabel: true', 'ERR_OPTION');
    }
    const steps = (thresholds ? thresholds.length + 2 : numThresholds) - 1;
    const equal = Array.from({ length: steps - 1 }, (_, i) => (i + 1) / steps);
    const inner = thresholds ? [...thresholds].sort((a, b) => a - b) : equal;
    this.#even = inner.every((t, i) => Math.abs(t - (equal[i] as number)) <= 1e-7);
    this.#thresholds = [-kBeyond, ...inner, 1 + kBeyond];
    this.#curve = curve;
    this.#summation = summationMethod;
    this.#multiLabel = multiLabel;
    this.#fromLogits = fromLogits;
    this.#labelWeights = labelWeights === undefined ? null : labelWeightsOf(labelWeights);
    if (!multiLabel || numLabels !== undefined) this.#state(numLabels);
  }

  #state(labels: number | undefined): State {
    const shape = labels === undefined ? [this.#thresholds.length] : [this.#thresholds.length, labels];
    this.counts ??= {
      truePositives: this.addVariable('truePositives', shape),
      falsePositives: this.addVariable('falsePositives', shape),
      trueNegatives: this.addVariable('trueNegatives', shape),
      falseNegatives: this.addVariable('falseNegatives', shape),
    };
    return this.counts;
  }

  /**
   * Takes examples: truths (0 or 1) and predictions (probabilities of 1, or logits), of one shape; with `multiLabel` of
   * shape [examples, labels]. A weight is one for an example, or for an element.
   * @throws ShapeError, DTypeError for operands that do not fit each other; GradtapeError ERR_NOT_A_TENSOR; ERR_OPTION
   */
  update(yTrue: TensorLike, yPred: TensorLike, opts?: UpdateOptions): this {
    const op = Metric.called(this, 'update');
    this.accumulate(op, () => {
      const [t, p] = truthAndPredictions(op, yTrue, yPred, this.dtype);
      const examples = examplesOf(op, t, this.#fromLogits ? sigmoid(p) : p, opts, this.dtype);
      if (this.#multiLabel && examples.scores.rank !== 2) {
        throw new ShapeError(
          `${op}: with multiLabel expected yPred [examples, labels], got shape ${showShape(p.shape)}`,
        );
      }
      const counts = this.#multiLabel ? this.#byLabel(op, examples) : this.#together(op, examples);
      const state = this.#state(this.#multiLabel ? examples.scores.shape[1] : undefined);
      return (Object.keys(state) as (keyof Counts)[]).map((key) => [state[key], counts[key]] as const);
    });
    return this;
  }

  /** The counts [thresholds] of all elements. */
  #together(op: string, { truth, scores, weights }: Examples): Counts {
    const labelled = this.#labelWeights ? mul(weights, fitting(op, this.#labelWeights, scores)) : weights;
    const examples = { truth, scores: clipByValue(scores, 0, 1), weights: labelled };
    if (!this.#even) return countsAt(this.#thresholds, examples);
    const columns = { truth: flat(truth), scores: flat(examples.scores), weights: flat(labelled) };
    const counts = bucketed(op, this.#thresholds.length, columns);
    const vector = (x: Tensor): Tensor => reshape(x, [-1]);
    return {
      truePositives: vector(counts.truePositives),
      falsePositives: vector(counts.falsePositives),
      trueNegatives: vector(counts.trueNegatives),
      falseNegatives: vector(counts.falseNegatives),
    };
  }

  /** The counts [thresholds, labels]. */
  #byLabel(op: string, { truth, scores, weights }: Examples): Counts {
    const examples = { truth, scores: clipByValue(scores, 0, 1), weights };
    if (this.#even) return bucketed(op, this.#thresholds.length, examples);
    const columns = Array.from({ length: scores.shape[1] as number }, (_, k) => {
      const column = (x: Tensor): Tensor => slice(x, [0, k], [-1, 1]);
      return countsAt(this.#thresholds, {
        truth: column(truth),
        scores: column(examples.scores),
        weights: column(weights),
      });
    });
    const all = (key: keyof Counts): Tensor =>
      stack(
        columns.map((counts) => counts[key]),
        1,
      );
    return {
      truePositives: all('truePositives'),
      falsePositives: all('falsePositives'),
      trueNegatives: all('trueNegatives'),
      falseNegatives: all('falseNegatives'),
    };
  }

  /** The area; 0 before the first update. */
  result(): Tensor {
    Metric.called(this, 'result');
    if (!this.counts) return uniformTensor(0, this.dtype, shapeOf([]));
    const { truePositives, falsePositives, trueNegatives, falseNegatives } = this.counts;
    const counts: Counts = {
      truePositives: truePositives.value(),
      falsePositives: falsePositives.value(),
      trueNegatives: trueNegatives.value(),
      falseNegatives: falseNegatives.value(),
    };
    const integral = this.#curve === 'PR' && this.#summation === 'interpolation';
    const areas = reduceSum(integral ? underPrecision(counts) : this.#rectangles(counts), 0);
    return as(this.#multiLabel ? this.#mean(areas) : areas, this.dtype);
  }

  #mean(areas: Tensor): Tensor {
    const w = this.#labelWeights;
    return w ? divideNoNan(reduceSum(mul(areas, w)), reduceSum(w)) : reduceMean(areas);
  }

  #rectangles(counts: Counts): Tensor {
    const [x, y] = curves[this.#curve](counts);
    const [left, right] = neighbours(y);
    const height =
      this.#summation === 'interpolation'
        ? div(add(left, right), 2)
        : this.#summation === 'minoring'
          ? minimum(left, right)
          : maximum(left, right);
    return mul(differences(x), height);
  }
}

// ---- counting ----

const flat = (x: Tensor): Tensor => reshape(x, [-1, 1]);

function labelWeightsOf(given: TensorLike): Tensor {
  const w = as(floats('metrics.AUC', given, 'float64', 'labelWeights'), 'float64');
  if (w.rank === 1) return w;
  throw new ShapeError(`metrics.AUC: labelWeights must be a vector, got shape ${showShape(w.shape)}`);
}

/** Weights of labels, for scores [..., labels]. */
function fitting(op: string, labelWeights: Tensor, scores: Tensor): Tensor {
  if (scores.rank > 0 && scores.shape[scores.rank - 1] === labelWeights.size) return labelWeights;
  throw new ShapeError(
    `${op}: labelWeights ${showShape(labelWeights.shape)} do not fit yPred ${showShape(scores.shape)}`,
  );
}

/**
 * The counts [thresholds, columns] of examples [n, columns] whose scores are from 0 to 1, at thresholds that are the
 * multiples of a step, the first of them just below 0 and the last just above 1. In time O(n + thresholds): each
 * score is put into the bucket behind the last threshold that it exceeds, and buckets are added up from the top.
 */
function bucketed(op: string, thresholds: number, { truth, scores, weights }: Examples): Counts {
  const columns = scores.shape[1] as number;
  // A score of 0 exceeds the first threshold; NaN, which exceeds none, goes into no bucket: its weight is 0 there.
  const exceeded = maximum(cast(ceil(mul(scores, thresholds - 1)), 'int32'), 1);
  const bucket = reshape(add(mul(sub(exceeded, 1), columns), expandDims(range(columns, { dtype: 'int32' }), 0)), [-1]);
  const counted = where(isNan(scores), 0, weights);
  const parts = (w: Tensor): Tensor => stack([flat1(where(truth, w, 0)), flat1(where(truth, 0, w))], 1);
  const rows = { sizes: [1, 1, thresholds * columns, bucket.size, 2], sparse: false } as const;
  const sums = scatterRows(op, parts(counted), bucket, rows, shapeOf([thresholds * columns, 2]));
  const above = cumsum(reshape(sums, [thresholds, columns, 2]), 0, { reverse: true });
  const all = reduceSum(reshape(parts(weights), [-1, columns, 2]), 0);
  const part = (x: Tensor, k: number): Tensor =>
    reshape(
      slice(x, [...new Array<number>(x.rank - 1).fill(0), k], [...x.shape.slice(0, -1), 1]),
      x.shape.slice(0, -1),
    );
  return countsFrom(part(above, 0), part(above, 1), part(all, 0), part(all, 1));
}

const flat1 = (x: Tensor): Tensor => reshape(x, [-1]);

// ---- areas ----

/** The values at all thresholds but the last, and at all but the first. */
function neighbours(x: Tensor): [Tensor, Tensor] {
  const count = (x.shape[0] as number) - 1;
  const rest = x.shape.slice(1);
  const from = (first: number): Tensor => slice(x, [first, ...rest.map(() => 0)], [count, ...rest]);
  return [from(0), from(1)];
}

function differences(x: Tensor): Tensor {
  const [left, right] = neighbours(x);
  return sub(left, right);
}

/** What each curve has along its axes. */
const curves: { readonly [K in 'ROC' | 'PR' | 'PRGAIN']: (counts: Counts) => [x: Tensor, y: Tensor] } = {
  ROC: (c) => [divideNoNan(c.falsePositives, add(c.falsePositives, c.trueNegatives)), recall(c)],
  PR: (c) => [recall(c), divideNoNan(c.truePositives, add(c.truePositives, c.falsePositives))],
  PRGAIN: (c) => {
    const ratio = divideNoNan(add(c.truePositives, c.falseNegatives), add(c.trueNegatives, c.falsePositives));
    const gain = (others: Tensor): Tensor => sub(1, mul(ratio, divideNoNan(others, c.truePositives)));
    const none = equal(c.truePositives, 0);
    return [maximum(where(none, 0, gain(c.falseNegatives)), 0), where(none, 1, gain(c.falsePositives))];
  },
};

function recall({ truePositives, falseNegatives }: Counts): Tensor {
  return divideNoNan(truePositives, add(truePositives, falseNegatives));
}

/**
 * The areas under precision over recall between thresholds A and B, where true positives and predicted positives P grow
 * linearly: slope (dTP + intercept log(P_A / P_B)) / positives, with slope = dTP / dP and intercept = TP_B - slope P_B
 * (Davis and Goadrich 2006, section 4, integrated).
 */
function underPrecision({ truePositives, falsePositives, falseNegatives }: Counts): Tensor {
  const [, lower] = neighbours(truePositives);
  const [more, fewer] = neighbours(add(truePositives, falsePositives));
  const gained = differences(truePositives);
  const slope = divideNoNan(gained, maximum(sub(more, fewer), 0));
  const intercept = sub(lower, mul(slope, fewer));
  const ratio = where(logicalAnd(greater(more, 0), greater(fewer, 0)), divideNoNan(more, fewer), 1);
  const [, positives] = neighbours(add(truePositives, falseNegatives));
  return divideNoNan(mul(slope, add(gained, mul(intercept, log(ratio)))), positives);
}
