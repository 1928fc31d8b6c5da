/** Metrics of numbers: errors of predictions, as means over all examples. */
import { axisKind } from '../../base/arguments.js';
import type { Tensor } from '../../engine/tensor.js';
import { neg, sqrt, squaredDifference } from '../../ops/index.js';
import { sameRank } from '../losses/loss.js';
import {
  cosineSimilarity,
  logCosh,
  meanAbsoluteError,
  meanAbsolutePercentageError,
  meanSquaredError,
  meanSquaredLogarithmicError,
} from '../losses/regression.js';
import { MeanMetricWrapper } from './mean.js';
import { as, Metric, type MetricOptions, metricOptions } from './metric.js';

/** The mean of (yTrue - yPred)^2. */
export class MeanSquaredError extends MeanMetricWrapper {
  /** @throws ValueError ERR_OPTION */
  constructor(opts?: MetricOptions) {
    super((t, p) => meanSquaredError(t, p), opts, 'metrics.MeanSquaredError');
  }
}

/** The square root of the mean of (yTrue - yPred)^2. */
export class RootMeanSquaredError extends MeanMetricWrapper {
  /** @throws ValueError ERR_OPTION */
  constructor(opts?: MetricOptions) {
    super((t, p) => squaredDifference(...sameRank(t, p)), opts, 'metrics.RootMeanSquaredError');
  }
  override result(): Tensor {
    Metric.called(this, 'result');
    return as(sqrt(this.mean()), this.dtype);
  }
}

/** The mean of |yTrue - yPred|. */
export class MeanAbsoluteError extends MeanMetricWrapper {
  /** @throws ValueError ERR_OPTION */
  constructor(opts?: MetricOptions) {
    super((t, p) => meanAbsoluteError(t, p), opts, 'metrics.MeanAbsoluteError');
  }
}

/** 100 times the mean of |yTrue - yPred| / |yTrue|; the divisor is at least 1e-7. */
export class MeanAbsolutePercentageError extends MeanMetricWrapper {
  /** @throws ValueError ERR_OPTION */
  constructor(opts?: MetricOptions) {
    super((t, p) => meanAbsolutePercentageError(t, p), opts, 'metrics.MeanAbsolutePercentageError');
  }
}

/** The mean of (log(1 + yTrue) - log(1 + yPred))^2; both are taken as at least 1e-7. */
export class MeanSquaredLogarithmicError extends MeanMetricWrapper {
  /** @throws ValueError ERR_OPTION */
  constructor(opts?: MetricOptions) {
    super((t, p) => meanSquaredLogarithmicError(t, p), opts, 'metrics.MeanSquaredLogarithmicError');
  }
}

/** The mean of log(cosh(yPred - yTrue)). */
export class LogCoshError extends MeanMetricWrapper {
  /** @throws ValueError ERR_OPTION */
  constructor(opts?: MetricOptions) {
    super((t, p) => logCosh(t, p), opts, 'metrics.LogCoshError');
  }
}

/** Options of `CosineSimilarity`. */
export interface CosineOptions extends MetricOptions {
  /** The axis along which a vector lies. Default: the last. */
  axis?: number;
}

/** The mean of the cosine of the angle between yTrue and yPred: 1 where they point the same way, as of the loss -1. */
export class CosineSimilarity extends MeanMetricWrapper {
  /** @throws ValueError ERR_OPTION */
  constructor(opts?: CosineOptions) {
    const { axis = -1, ...rest } = metricOptions('metrics.CosineSimilarity', { axis: axisKind }, opts);
    super((t, p) => neg(cosineSimilarity(t, p, { axis })), rest, 'metrics.CosineSimilarity');
  }
}
