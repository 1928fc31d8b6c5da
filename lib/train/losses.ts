/**
 * Losses: Keras' functions, with its order of arguments (truth, prediction). They give one loss for each example,
 * unless a reduction is asked for.
 */
import { axisKind, boolean, integer, number, oneOf, options } from '../base/arguments.js';
import { isFloating } from '../base/dtype.js';
import { DTypeError, ShapeError } from '../base/errors.js';
import { broadcastShapes, checkAxis, sameShape, showShape } from '../base/shape.js';
import { isKnown, type Tensor } from '../engine/tensor.js';
import { logitsAndClasses, wholeLabels } from '../op/labels.js';
import { asTensor, dtypeOf } from '../op/operands.js';
import type { TensorLike } from '../op/variable.js';
import {
  add,
  cast,
  clipByValue,
  div,
  expandDims,
  log,
  maximum,
  mul,
  neg,
  notEqual,
  reduceMean,
  reduceSum,
  square,
  squeeze,
  sub,
  transpose,
  where,
} from '../ops/index.js';
import { softmaxCrossEntropyWithLogits } from '../ops/nn/index.js';
import { sparseCrossEntropyOf } from '../primitives/softmax.js';

export interface LossOptions {
  /** The result: the loss of each example ('none', default), their sum or their mean. */
  reduction?: 'none' | 'sum' | 'mean';
}
export interface CrossentropyOptions extends LossOptions {
  /** Whether predictions are logits instead of probabilities. Default false. */
  fromLogits?: boolean;
  /** The axis of classes. Default: the last. */
  axis?: number;
}
export interface CategoricalCrossentropyOptions extends CrossentropyOptions {
  /** The share of the truth, from 0 to 1, that is spread evenly over all classes. Default 0. */
  labelSmoothing?: number;
}
export interface SparseCategoricalCrossentropyOptions extends CrossentropyOptions {
  /** Examples of this class have loss 0 and do not count in a mean. Default: none. */
  ignoreClass?: number;
}

const lossSpec = { reduction: oneOf(['none', 'sum', 'mean']) } as const;
const crossentropySpec = { ...lossSpec, fromLogits: boolean, axis: axisKind } as const;
const categoricalSpec = { ...crossentropySpec, labelSmoothing: number('a number from 0 to 1', 0, 1) } as const;
const sparseSpec = { ...crossentropySpec, ignoreClass: integer(-(2 ** 31), 2 ** 31 - 1) } as const;

type LossReduction = LossOptions['reduction'];

function reduced(losses: Tensor, reduction: LossReduction): Tensor {
  if (reduction === 'sum') return reduceSum(losses);
  return reduction === 'mean' ? reduceMean(losses) : losses;
}

/** The predictions, of a floating dtype. The error names the order of arguments, for users who swapped them. */
function predictions(op: string, yTrue: TensorLike, yPred: TensorLike): Tensor {
  const like = dtypeOf(yTrue);
  const p = asTensor(op, yPred, like && isFloating(like) ? like : undefined, 'yPred');
  if (isFloating(p.dtype)) return p;
  throw new DTypeError(`${op}: yPred must be float32 or float64, got ${p.dtype}; yTrue comes first, then yPred`);
}

/** The truth, in the dtype of the predictions: integers and bools are cast to that, as in Keras. */
function truthBeside(op: string, yTrue: TensorLike, p: Tensor): Tensor {
  const t = asTensor(op, yTrue, p.dtype, 'yTrue');
  if (t.dtype === p.dtype) return t;
  if (!isFloating(t.dtype)) return cast(t, p.dtype);
  throw new DTypeError(`${op}: yTrue has dtype ${t.dtype}, yPred ${p.dtype}; write cast(yTrue, '${p.dtype}')`);
}

/**
 * Truth and predictions of one rank, as in Keras: where only one has a last axis of length 1, a vector gets one too;
 * else that axis is dropped.
 */
function sameRank(t: Tensor, p: Tensor): [Tensor, Tensor] {
  const fit = (long: Tensor, short: Tensor): [Tensor, Tensor] => {
    if (long.rank !== short.rank + 1 || long.shape[long.rank - 1] !== 1) return [long, short];
    return short.rank === 1 ? [long, expandDims(short, -1)] : [squeeze(long, -1), short];
  };
  if (t.rank >= p.rank) return fit(t, p);
  const [long, short] = fit(p, t);
  return [short, long];
}

/**
 * The mean of (yTrue - yPred)^2 over the last axis; the operands broadcast.
 * @throws ShapeError, DTypeError for operands that do not fit each other; ValueError ERR_OPTION for an option
 */
export function meanSquaredError(yTrue: TensorLike, yPred: TensorLike, opts?: LossOptions): Tensor {
  const op = 'losses.meanSquaredError';
  const { reduction } = options(op, lossSpec, opts);
  const given = predictions(op, yTrue, yPred);
  const [t, p] = sameRank(truthBeside(op, yTrue, given), given);
  if (broadcastShapes(op, t.shape, p.shape).length === 0) {
    throw new ShapeError(`${op}: expected at least one axis, whose mean is taken, got scalars`);
  }
  return reduced(reduceMean(square(sub(t, p)), -1), reduction);
}

// Keras' epsilon: probabilities are limited to [epsilon, 1 - epsilon], so that their logarithm is finite.
const kEpsilon = 1e-7;
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
  const { reduction, fromLogits = false, axis = -1, labelSmoothing = 0 } = options(op, categoricalSpec, opts);
  const p = predictions(op, yTrue, yPred);
  let t = truthBeside(op, yTrue, p);
  if (!sameShape(t.shape, p.shape)) {
    const hint = t.rank < p.rank ? '; for classes as whole numbers there is sparseCategoricalCrossentropy' : '';
    throw new ShapeError(`${op}: yTrue ${showShape(t.shape)} and yPred ${showShape(p.shape)} differ in shape${hint}`);
  }
  const d = checkAxis(op, axis, p.rank);
  if (labelSmoothing > 0) t = add(mul(t, 1 - labelSmoothing), labelSmoothing / (p.shape[d] as number));
  if (fromLogits) return reduced(softmaxCrossEntropyWithLogits(t, p, d), reduction);
  const shares = div(p, reduceSum(p, d, { keepdims: true }));
  return reduced(neg(reduceSum(mul(t, log(clipped(shares))), d)), reduction);
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
  const { reduction, fromLogits = false, axis = -1, ignoreClass } = options(op, sparseSpec, opts);
  let t = asTensor(op, yTrue, undefined, 'yTrue');
  let p = asTensor(op, yPred, undefined, 'yPred');
  if (!isFloating(p.dtype)) {
    throw new DTypeError(
      `${op}: yPred must be float32 or float64, got ${p.dtype}; yTrue (classes) comes first, then yPred`,
    );
  }
  if (p.rank === 0) throw new ShapeError(`${op}: yPred must be [..., classes], got shape []`);
  const d = checkAxis(op, axis, p.rank);
  if (t.rank === p.rank && t.shape[d] === 1) t = squeeze(t, d);
  if (d !== p.rank - 1) p = transpose(p, [...p.shape.keys()].filter((axis) => axis !== d).concat(d)); // classes last
  // As in TensorFlow: softmax(log(p)) is p, scaled to sum to 1.
  const logits = fromLogits ? p : log(clipped(p));
  if (ignoreClass === undefined)
    return reduced(sparseCrossEntropyOf(op, ...logitsAndClasses(op, t, logits, 'yTrue', 'yPred')), reduction);
  const whole = wholeLabels(op, t, 'yTrue');
  const counts = notEqual(whole, ignoreClass);
  const classes = where(counts, whole, 0);
  if (isKnown(t)) classes.dataSync(); // computed now, so that wrong labels are found now
  const losses = where(counts, sparseCrossEntropyOf(op, ...logitsAndClasses(op, classes, logits, 'yTrue', 'yPred')), 0);
  if (reduction !== 'mean') return reduced(losses, reduction);
  return div(reduceSum(losses), maximum(reduceSum(cast(counts, p.dtype)), 1));
}
