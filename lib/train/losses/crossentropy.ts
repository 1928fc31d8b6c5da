/** Losses of probabilities, or of logits with `fromLogits`. */
import { axisKind, boolean, integer, number, options } from '../../base/arguments.js';
import { ShapeError } from '../../base/errors.js';
import { checkAxis, sameShape, showShape } from '../../base/shape.js';
import { isKnown, type Tensor } from '../../engine/tensor.js';
import { logitsAndClasses, wholeLabels } from '../../op/labels.js';
import { asTensor } from '../../op/operands.js';
import type { TensorLike } from '../../op/variable.js';
import {
  add,
  cast,
  clipByValue,
  div,
  log,
  mul,
  neg,
  notEqual,
  pow,
  reduceMean,
  reduceSum,
  sigmoid,
  squeeze,
  sub,
  transpose,
  where,
} from '../../ops/index.js';
import { sigmoidCrossEntropyWithLogits, softmaxCrossEntropyWithLogits } from '../../ops/nn/index.js';
import { sparseCrossEntropyOf } from '../../primitives/softmax.js';
import {
  kEpsilon,
  type LossOptions,
  lossOf,
  lossOperands,
  lossSpec,
  predictions,
  reduced,
  truthBeside,
} from './loss.js';

/** The options of `binaryCrossentropy`, and of all cross entropies. */
export interface CrossentropyOptions extends LossOptions {
  /** Whether predictions are logits instead of probabilities. Default false. */
  fromLogits?: boolean;
  /** The axis of classes. Default: the last. */
  axis?: number;
}
/** The options of `categoricalCrossentropy`. */
export interface CategoricalCrossentropyOptions extends CrossentropyOptions {
  /** The share of the truth, from 0 to 1, that is spread evenly over all classes. Default 0. */
  labelSmoothing?: number;
}
/** The axis is the one whose mean is taken; the share is spread over both classes. */
export type BinaryCrossentropyOptions = CategoricalCrossentropyOptions;
/** The options of `binaryFocalCrossentropy`. */
export interface BinaryFocalCrossentropyOptions extends BinaryCrossentropyOptions {
  /** Whether class 1 has weight alpha, and class 0 weight 1 - alpha. Default false. */
  applyClassBalancing?: boolean;
  /** From 0 to 1. Default 0.25. */
  alpha?: number;
  /** At 0, nothing is focused. Default 2. */
  gamma?: number;
}
/** The options of `sparseCategoricalCrossentropy`. */
export interface SparseCategoricalCrossentropyOptions extends CrossentropyOptions {
  /** Examples of this class have loss 0 and do not count in a mean. Default: none. */
  ignoreClass?: number;
}

const crossentropySpec = { ...lossSpec, fromLogits: boolean, axis: axisKind } as const;
const categoricalSpec = { ...crossentropySpec, labelSmoothing: number('a number from 0 to 1', 0, 1) } as const;
const focalSpec = {
  ...categoricalSpec,
  applyClassBalancing: boolean,
  alpha: number('a number from 0 to 1', 0, 1),
  gamma: number('a finite number >= 0', 0, Number.MAX_VALUE),
} as const;
const sparseSpec = { ...crossentropySpec, ignoreClass: integer(-(2 ** 31), 2 ** 31 - 1) } as const;

// Probabilities are limited so that their logarithm is finite.
const clipped = (p: Tensor): Tensor => clipByValue(p, kEpsilon, 1 - kEpsilon);

/**
 * -sum(yTrue * log(yPred)) along the axis of classes; both have one shape. Predictions are probabilities, which are
 * scaled to sum to 1; or logits, with `fromLogits`.
 * @throws ShapeError, DTypeError for operands that do not fit each other; ValueError ERR_OPTION for an option
 */
export function categoricalCrossentropy(
  yTrue: TensorLike,
  yPred: TensorLike,
  opts?: CategoricalCrossentropyOptions,
): Tensor {
  const op = 'losses.categoricalCrossentropy';
  const read = options(op, categoricalSpec, opts);
  const { fromLogits = false, axis = -1, labelSmoothing = 0 } = read;
  const p = predictions(op, yTrue, yPred);
  let t = truthBeside(op, yTrue, p);
  if (!sameShape(t.shape, p.shape)) {
    const hint = t.rank < p.rank ? '; for classes as whole numbers there is sparseCategoricalCrossentropy' : '';
    throw new ShapeError(`${op}: yTrue ${showShape(t.shape)} and yPred ${showShape(p.shape)} differ in shape${hint}`);
  }
  const d = checkAxis(op, axis, p.rank);
  if (labelSmoothing > 0) t = add(mul(t, 1 - labelSmoothing), labelSmoothing / (p.shape[d] as number));
  if (fromLogits) return reduced(op, softmaxCrossEntropyWithLogits(t, p, d), read);
  const shares = div(p, reduceSum(p, d, { keepdims: true }));
  return reduced(op, neg(reduceSum(mul(t, log(clipped(shares))), d)), read);
}

/**
 * -log(yPred[class]) for classes yTrue: whole numbers, of yPred's shape without the axis of classes (or with length 1
 * there). Predictions are probabilities, which are scaled to sum to 1; or logits, with `fromLogits`.
 * @throws ValueError ERR_INDEX for a label that is no class; ShapeError, DTypeError for labels that do not fit
 */
export function sparseCategoricalCrossentropy(
  yTrue: TensorLike,
  yPred: TensorLike,
  opts?: SparseCategoricalCrossentropyOptions,
): Tensor {
  const op = 'losses.sparseCategoricalCrossentropy';
  const read = options(op, sparseSpec, opts);
  const { fromLogits = false, axis = -1, ignoreClass } = read;
  let t = asTensor(op, yTrue, undefined, 'yTrue');
  let p = predictions(op, t, yPred, ' (classes)');
  if (p.rank === 0) throw new ShapeError(`${op}: yPred must be [..., classes], got shape []`);
  const d = checkAxis(op, axis, p.rank);
  if (t.rank === p.rank && t.shape[d] === 1) t = squeeze(t, d);
  if (d !== p.rank - 1) p = transpose(p, [...p.shape.keys()].filter((axis) => axis !== d).concat(d)); // classes last
  // As in TensorFlow: softmax(log(p)) is p, scaled to sum to 1.
  const logits = fromLogits ? p : log(clipped(p));
  if (ignoreClass === undefined)
    return reduced(op, sparseCrossEntropyOf(op, ...logitsAndClasses(op, t, logits, 'yTrue', 'yPred')), read);
  const whole = wholeLabels(op, t, 'yTrue');
  const counts = notEqual(whole, ignoreClass);
  const classes = where(counts, whole, 0);
  if (isKnown(t)) classes.dataSync(); // computed now, so that wrong labels are found now
  const losses = where(counts, sparseCrossEntropyOf(op, ...logitsAndClasses(op, classes, logits, 'yTrue', 'yPred')), 0);
  return reduced(op, losses, read, cast(counts, p.dtype));
}

/** Binary truth, smoothed: its share `smoothing` is spread evenly over both classes. */
function smoothed(t: Tensor, smoothing: number): Tensor {
  return smoothing > 0 ? add(mul(t, 1 - smoothing), smoothing / 2) : t;
}

/** -(t log(p) + (1 - t) log(1 - p)) of probabilities, for each element. */
function binaryEntropy(t: Tensor, p: Tensor): Tensor {
  const q = clipped(p);
  return neg(add(mul(t, log(q)), mul(sub(1, t), log(sub(1, q)))));
}

/** The operands of a binary cross entropy, which have one shape. */
function binaryOperands(op: string, yTrue: TensorLike, yPred: TensorLike): [truth: Tensor, predictions: Tensor] {
  const [t, p] = lossOperands(op, yTrue, yPred);
  if (sameShape(t.shape, p.shape)) return [t, p];
  throw new ShapeError(`${op}: yTrue ${showShape(t.shape)} and yPred ${showShape(p.shape)} differ in shape`);
}

/**
 * The mean over an axis (the last) of -(yTrue log(yPred) + (1 - yTrue) log(1 - yPred)). Predictions are probabilities of
 * class 1; or logits, with `fromLogits`.
 * @throws ShapeError, DTypeError for operands that do not fit each other; ValueError ERR_OPTION for an option
 */
export function binaryCrossentropy(yTrue: TensorLike, yPred: TensorLike, opts?: BinaryCrossentropyOptions): Tensor {
  const op = 'losses.binaryCrossentropy';
  const read = options(op, categoricalSpec, opts);
  const { fromLogits = false, axis = -1, labelSmoothing = 0 } = read;
  const [truth, p] = binaryOperands(op, yTrue, yPred);
  const t = smoothed(truth, labelSmoothing);
  return reduced(op, reduceMean(fromLogits ? sigmoidCrossEntropyWithLogits(t, p) : binaryEntropy(t, p), axis), read);
}

/**
 * The binary cross entropy of each element times (1 - q)^gamma, where q is the probability that the prediction gives to
 * the truth: what is easy counts less (Lin et al. 2017). The mean over an axis (the last).
 * @throws as binaryCrossentropy
 */
export function binaryFocalCrossentropy(
  yTrue: TensorLike,
  yPred: TensorLike,
  opts?: BinaryFocalCrossentropyOptions,
): Tensor {
  const op = 'losses.binaryFocalCrossentropy';
  const read = options(op, focalSpec, opts);
  const { fromLogits = false, axis = -1, labelSmoothing = 0, alpha = 0.25, gamma = 2, applyClassBalancing } = read;
  const [truth, given] = binaryOperands(op, yTrue, yPred);
  const t = smoothed(truth, labelSmoothing);
  const p = fromLogits ? sigmoid(given) : given;
  const probability = add(mul(t, p), mul(sub(1, t), sub(1, p)));
  const focal = mul(pow(sub(1, probability), gamma), binaryEntropy(t, p));
  const balance = add(mul(t, alpha), mul(sub(1, t), 1 - alpha));
  return reduced(op, reduceMean(applyClassBalancing ? mul(focal, balance) : focal, axis), read);
}

/**
 * The sum over the last axis of yTrue log(yTrue / yPred): how far the distribution yPred is from yTrue (Kullback and
 * Leibler 1951). Both are taken as at least 1e-7 and at most 1.
 * @throws as binaryCrossentropy; the operands broadcast
 */
export function kldivergence(yTrue: TensorLike, yPred: TensorLike, opts?: LossOptions): Tensor {
  const limited = (x: Tensor): Tensor => clipByValue(x, kEpsilon, 1);
  return lossOf('kldivergence', lossSpec, yTrue, yPred, opts, (truth, p) => {
    const t = limited(truth);
    return reduceSum(mul(t, log(div(t, limited(p)))), -1);
  });
}
