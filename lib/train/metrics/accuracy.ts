/** Accuracies: how often the predicted class is the true one. */
import { integer, number } from '../../base/arguments.js';
import { ShapeError } from '../../base/errors.js';
import { sameShape, showShape } from '../../base/shape.js';
import type { Tensor } from '../../engine/tensor.js';
import { leads } from '../../op/labels.js';
import { argmax, cast, equal, greater, inTopK, reshape, squeeze } from '../../ops/index.js';
import { sameRank } from '../losses/loss.js';
import { MeanMetricWrapper, type MetricFunction } from './mean.js';
import { as, type MetricOptions, metricOptions } from './metric.js';

/** 1 where both are equal, else 0, as floats of the first one's dtype. */
function matches(x: Tensor, y: Tensor): Tensor {
  return cast(equal(x, y), x.dtype);
}

/** How often predictions equal the truth, number for number. */
export class Accuracy extends MeanMetricWrapper {
  /** @throws ValueError ERR_OPTION */
  constructor(opts?: MetricOptions) {
    super((t, p) => matches(...sameRank(t, p)), opts, 'metrics.Accuracy');
  }
}

/** Options of `BinaryAccuracy`. */
export interface BinaryAccuracyOptions extends MetricOptions {
  /** Predictions above it are taken for 1, others for 0. From 0 to 1; default 0.5. */
  threshold?: number;
}
const binarySpec = { threshold: number('a number from 0 to 1', 0, 1) } as const;

/** How often predictions, as probabilities of 1, are on the side of the truth, 0 or 1. */
export class BinaryAccuracy extends MeanMetricWrapper {
  /** @throws ValueError ERR_OPTION */
  constructor(opts?: BinaryAccuracyOptions) {
    const { threshold = 0.5, ...rest } = metricOptions('metrics.BinaryAccuracy', binarySpec, opts);
    super(
      (yTrue, yPred) => {
        const [t, p] = sameRank(yTrue, yPred);
        return matches(t, cast(greater(p, threshold), t.dtype));
      },
      rest,
      'metrics.BinaryAccuracy',
    );
  }
}

/** The classes of largest probability, as numbers of x's dtype. */
function classes(x: Tensor): Tensor {
  return cast(argmax(x, -1), x.dtype);
}

/** How often the largest prediction (a probability or logit [..., classes]) is at the class of a one-hot truth. */
export class CategoricalAccuracy extends MeanMetricWrapper {
  /** @throws ValueError ERR_OPTION */
  constructor(opts?: MetricOptions) {
    super((t, p) => matches(classes(oneHot(t, p)), classes(p)), opts, 'metrics.CategoricalAccuracy');
  }
}

/** How often the largest prediction (a probability or logit [..., classes]) is at the true class, a whole number. */
export class SparseCategoricalAccuracy extends MeanMetricWrapper {
  /** @throws ValueError ERR_OPTION */
  constructor(opts?: MetricOptions) {
    super((t, p) => matches(sparse(t, p), classes(p)), opts, 'metrics.SparseCategoricalAccuracy');
  }
}

/**
 * True classes without a last axis of length 1 beside predictions of the same rank.
 * @throws ShapeError unless there is one for each prediction [..., classes]
 */
function sparse(t: Tensor, p: Tensor): Tensor {
  const given = t.rank === p.rank && t.shape[t.rank - 1] === 1 ? squeeze(t, -1) : t;
  if (leads(given.shape, p.shape)) return given;
  const hint = sameShape(t.shape, p.shape)
    ? 'of one-hot vectors write argmax(yTrue, -1)'
    : 'yTrue (classes) come first';
  throw misfit(t, p, `shape [..., classes] of yPred beside [...] of yTrue; ${hint}`);
}

/** @throws ShapeError unless the one-hot truth has the shape of the predictions */
function oneHot(t: Tensor, p: Tensor): Tensor {
  if (t.rank > 0 && sameShape(t.shape, p.shape)) return t;
  throw misfit(t, p, 'one shape [..., classes] of both; of classes write oneHot(yTrue, classes)');
}

/** The error of shapes that do not fit; `MeanMetricWrapper.update` puts its name first. */
function misfit(t: Tensor, p: Tensor, expected: string): ShapeError {
  return new ShapeError(
    `update: shapes ${showShape(t.shape)} of yTrue and ${showShape(p.shape)} of yPred do not fit; expected ${expected}`,
  );
}

/** Options of `TopKCategoricalAccuracy` and `SparseTopKCategoricalAccuracy`. */
export interface TopKOptions extends MetricOptions {
  /** Among how many of the largest predictions the true class must be. Default 5. */
  k?: number;
}
const topSpec = { k: integer(1, 2 ** 31 - 1) } as const;

/** Whether the true classes, as floats, are among the k largest predictions, in the shape of the classes. */
function amongTop(k: number, truth: (t: Tensor, p: Tensor) => Tensor): MetricFunction {
  return (yTrue, p) => {
    const t = truth(yTrue, p);
    const rows = reshape(p, [-1, p.shape[p.rank - 1] as number]);
    const hits = inTopK(cast(reshape(t, [-1]), 'int32'), rows, k);
    return as(reshape(hits, t.shape), p.dtype);
  };
}

/** How often the class of a one-hot truth is among the k largest predictions; those that tie at the border are in. */
export class TopKCategoricalAccuracy extends MeanMetricWrapper {
  /** @throws ValueError ERR_OPTION */
  constructor(opts?: TopKOptions) {
    const { k = 5, ...rest } = metricOptions('metrics.TopKCategoricalAccuracy', topSpec, opts);
    super(
      amongTop(k, (t, p) => classes(oneHot(t, p))),
      rest,
      'metrics.TopKCategoricalAccuracy',
    );
  }
}

/** How often the true class, a whole number, is among the k largest predictions; those that tie at the border are in. */
export class SparseTopKCategoricalAccuracy extends MeanMetricWrapper {
  /** @throws ValueError ERR_OPTION */
  constructor(opts?: TopKOptions) {
    const { k = 5, ...rest } = metricOptions('metrics.SparseTopKCategoricalAccuracy', topSpec, opts);
    super(amongTop(k, sparse), rest, 'metrics.SparseTopKCategoricalAccuracy');
  }
}
