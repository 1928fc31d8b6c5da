/** Softmax, its logarithm, and the cross entropies of logits. */
import { refuseExtra, showDeep } from '../base/arguments.js';
import { isFloating } from '../base/dtype.js';
import { DTypeError, ShapeError, ValueError } from '../base/errors.js';
import { checkAxis, sameShape, showShape } from '../base/shape.js';
import { opcodeOf } from '../engine/addon.js';
import type { Tensor } from '../engine/tensor.js';
import { isKnown } from '../engine/tensor.js';
import { asTensor, composed, done, dtypeOf, fromOut, node, register } from '../op/op.js';
import type { Entry, RecordedOp } from '../record/tape.js';
import type { TensorLike } from '../record/variable.js';
import { add, equal, mul, neg, relu, sub } from './arithmetic.js';
import { range } from './creation.js';
import { abs, exp, log1p, sigmoid } from './math.js';
import { cast, expandDims, reduceSum, transpose } from './structure.js';

/** @internal */
export function floating(op: string, x: TensorLike): Tensor {
  const t = asTensor(op, x);
  if (t.dtype !== 'float32' && t.dtype !== 'float64') {
    throw new DTypeError(`${op}: expected dtype float32 or float64, got ${t.dtype}; write cast(x, 'float32')`);
  }
  return t;
}

const alongOf = (e: Entry): number => e.attributes as number;
const kept = { keepdims: true };

function axisOf(op: string, axis: unknown, rank: number): number {
  if (typeof axis === 'number') return checkAxis(op, axis, rank);
  throw new ShapeError(`${op}: axis must be a whole number, by itself, got ${showDeep(axis)}`, 'ERR_AXIS');
}

const kSoftmax = opcodeOf('softmax');
const kLogSoftmax = opcodeOf('logSoftmax');

/** A kernel of rows along the last axis, of another axis by way of a transpose. */
function alongAxis(name: string, opcode: number, x: Tensor, axis: number): Tensor {
  const rows = (t: Tensor): Tensor => node(name, opcode, t.dtype, t.shape, t);
  if (axis === x.rank - 1) return rows(x);
  const swapped = x.shape.map((_, d) => (d === axis ? x.rank - 1 : d === x.rank - 1 ? axis : d));
  return transpose(rows(transpose(x, swapped)), swapped);
}

const softmaxOp: RecordedOp = {
  name: 'softmax',
  vjps: [fromOut((ct, out, e) => mul(sub(ct, reduceSum(mul(ct, out), alongOf(e), kept)), out))],
};

/** exp(x) / sum(exp(x)) along the axis (default the last). */
export function softmax(x: TensorLike, axis = -1): Tensor {
  if (arguments.length > 2) refuseExtra('softmax', arguments[2], arguments[2]);
  const a = floating('softmax', x);
  const d = axisOf('softmax', axis, a.rank);
  return done(composed(softmaxOp, [a], d, () => alongAxis('softmax', kSoftmax, a, d)));
}

const logSoftmaxOp: RecordedOp = {
  name: 'logSoftmax',
  vjps: [fromOut((ct, out, e) => sub(ct, mul(exp(out), reduceSum(ct, alongOf(e), kept))))],
};

/** log(softmax(x)), without overflow. */
export function logSoftmax(x: TensorLike, axis = -1): Tensor {
  if (arguments.length > 2) refuseExtra('logSoftmax', arguments[2], arguments[2]);
  const a = floating('logSoftmax', x);
  const d = axisOf('logSoftmax', axis, a.rank);
  return done(composed(logSoftmaxOp, [a], d, () => alongAxis('logSoftmax', kLogSoftmax, a, d)));
}

/** Labels and logits of one shape and dtype. Somebody who has swapped them is told the order. */
function labelled(op: string, labels: TensorLike, logits: TensorLike): [Tensor, Tensor] {
  const known =
    dtypeOf(labels) ?? (ArrayBuffer.isView(labels) ? asTensor(op, labels, undefined, 'labels').dtype : undefined);
  const x = asTensor(op, logits, known && isFloating(known) ? known : undefined, 'logits');
  const y = asTensor(op, labels, isFloating(x.dtype) ? x.dtype : undefined, 'labels');
  for (const [name, t] of Object.entries({ labels: y, logits: x })) {
    if (isFloating(t.dtype)) continue;
    throw new DTypeError(
      `${op}: ${name} must be float32 or float64, got ${t.dtype}; labels (probabilities) come first, then logits`,
    );
  }
  if (y.dtype !== x.dtype) {
    throw new DTypeError(`${op}: labels have dtype ${y.dtype}, logits ${x.dtype}; write cast(labels, '${x.dtype}')`);
  }
  if (!sameShape(y.shape, x.shape)) {
    throw new ShapeError(`${op}: labels ${showShape(y.shape)} and logits ${showShape(x.shape)} differ in shape`);
  }
  return [y, x];
}

/**
 * -sum(labels * logSoftmax(logits)) along the axis (default the last); labels are probabilities of the logits' shape.
 * @throws DTypeError, ShapeError for labels and logits that differ in dtype or shape
 */
export function softmaxCrossEntropyWithLogits(labels: TensorLike, logits: TensorLike, axis = -1): Tensor {
  const op = 'softmaxCrossEntropyWithLogits';
  if (arguments.length > 3) refuseExtra(op, arguments[3], arguments[3]);
  const [y, x] = labelled(op, labels, logits);
  const d = axisOf(op, axis, x.rank);
  const flow: RecordedOp = {
    name: op,
    vjps: [
      // TensorFlow's rule: labels get -logSoftmax; logits get softmax - labels, whether or not the labels sum to 1.
      { needs: 2, pull: (ct, e) => mul(expandDims(neg(ct), alongOf(e)), logSoftmax(e.y as Tensor, alongOf(e))) },
      {
        needs: 3,
        pull: (ct, e) => mul(expandDims(ct, alongOf(e)), sub(softmax(e.y as Tensor, alongOf(e)), e.x as Tensor)),
      },
    ],
  };
  return done(composed(flow, [y, x], d, () => sub(0, reduceSum(mul(y, logSoftmax(x, d)), d))));
}

const kGather = opcodeOf('gather');
const sparseOp: RecordedOp = {
  name: 'sparseSoftmaxCrossEntropyWithLogits',
  vjps: [
    null,
    {
      needs: 3,
      pull: (ct, e) => {
        const labels = e.x as Tensor;
        const logits = e.y as Tensor;
        const classes = range(0, logits.shape[logits.rank - 1] as number, 1, { dtype: 'int32' });
        const hit = cast(equal(expandDims(labels, -1), classes), logits.dtype);
        return mul(sub(softmax(logits), hit), expandDims(ct, -1));
      },
    },
  ],
};

/** @internal Labels as int32. Whole numbers of any dtype are classes; floats are looked at, so that no fraction becomes one. */
export function wholeLabels(op: string, labels: Tensor, name: string): Tensor {
  if (labels.dtype === 'int32') return labels;
  const order = `${name} (classes) come first`;
  if (labels.dtype === 'bool') throw new DTypeError(`${op}: ${name} must be whole numbers, got bool; ${order}`);
  if (isFloating(labels.dtype)) {
    for (const label of labels.dataSync()) {
      if (!Number.isInteger(label))
        throw new DTypeError(`${op}: ${name} must be whole numbers, got ${label}; ${order}`);
    }
  }
  return cast(labels, 'int32');
}

/** Classes as int32 labels of the logits' leading axes, each below the length of their last one. */
function classLabels(op: string, labels: TensorLike, name: string, logits: Tensor): Tensor {
  const given = asTensor(op, labels, undefined, name);
  const classes = logits.shape[logits.rank - 1] as number;
  if (!sameShape(given.shape, logits.shape.slice(0, -1))) {
    throw new ShapeError(
      `${op}: ${name} ${showShape(given.shape)} do not fit logits ${showShape(logits.shape)}; expected its leading axes; ${name} (classes) come first`,
    );
  }
  const whole = wholeLabels(op, given, name);
  if (isKnown(given)) {
    for (const label of given.dataSync()) {
      if (label >= 0 && label < classes) continue;
      throw new ValueError(`${op}: label ${label} is out of range for ${classes} classes`, 'ERR_INDEX');
    }
  }
  return whole;
}

/**
 * -logSoftmax(logits)[label]; labels are whole numbers of shape logits.shape without the last axis.
 * @throws ValueError ERR_INDEX for a label that is no class; DTypeError, ShapeError for labels that do not fit the logits
 */
export function sparseSoftmaxCrossEntropyWithLogits(labels: TensorLike, logits: TensorLike): Tensor {
  const op = 'sparseSoftmaxCrossEntropyWithLogits';
  if (arguments.length > 2) refuseExtra(op, arguments[2], arguments[2]);
  return sparseCrossEntropy(op, labels, logits, 'labels', 'logits');
}

/** @internal The same for another function, whose name and arguments errors say. */
export function sparseCrossEntropy(
  op: string,
  labels: TensorLike,
  logits: TensorLike,
  labelsName: string,
  logitsName: string,
): Tensor {
  const x = asTensor(op, logits, undefined, logitsName);
  if (!isFloating(x.dtype)) {
    throw new DTypeError(
      `${op}: ${logitsName} must be float32 or float64, got ${x.dtype}; ${labelsName} (classes) come first, then ${logitsName}`,
    );
  }
  if (x.rank === 0) throw new ShapeError(`${op}: ${logitsName} must be [..., classes], got shape []`);
  const classes = x.shape[x.rank - 1] as number;
  const y = classLabels(op, labels, labelsName, x);
  return done(
    composed(sparseOp, [y, x], null, () => {
      const picked = node(op, kGather, x.dtype, y.shape, logSoftmax(x), y, [y.size, 1, classes, 1, 1]);
      return sub(0, picked); // not its negative: a loss of 0 is not -0
    }),
  );
}

/** max(x, 0) - x z + log(1 + exp(-|x|)): cross entropy of sigmoid(logits) without overflow. */
export function sigmoidCrossEntropyWithLogits(labels: TensorLike, logits: TensorLike): Tensor {
  const op = 'sigmoidCrossEntropyWithLogits';
  if (arguments.length > 2) refuseExtra(op, arguments[2], arguments[2]);
  const [z, x] = labelled(op, labels, logits);
  const flow: RecordedOp = {
    name: op,
    vjps: [
      { needs: 2, pull: (ct, e) => neg(mul(ct, e.y as Tensor)) },
      { needs: 3, pull: (ct, e) => mul(ct, sub(sigmoid(e.y as Tensor), e.x as Tensor)) },
    ],
  };
  return done(composed(flow, [z, x], null, () => add(sub(relu(x), mul(x, z)), log1p(exp(neg(abs(x)))))));
}

const other = { family: 'other', namespace: 'nn', differentiable: true } as const;
for (const [name, fn] of Object.entries({ softmax, logSoftmax })) {
  register({ ...other, name, fn, avoid: [0, 6], cases: [{ shapes: [[2, 3]], call: (x: Tensor) => fn(x) }] });
}
const pair = [
  [2, 3],
  [2, 3],
] as const;
register({
  ...other,
  name: 'softmaxCrossEntropyWithLogits',
  fn: softmaxCrossEntropyWithLogits,
  // Its rule for the logits holds for labels that sum to 1, so they are made so.
  cases: [{ shapes: pair, call: (x, y) => softmaxCrossEntropyWithLogits(softmax(x), y) }],
});
register({
  ...other,
  name: 'sparseSoftmaxCrossEntropyWithLogits',
  fn: sparseSoftmaxCrossEntropyWithLogits,
  cases: [{ shapes: [[2, 3]], call: (x) => sparseSoftmaxCrossEntropyWithLogits([2, 0], x) }],
});
register({
  ...other,
  name: 'sigmoidCrossEntropyWithLogits',
  fn: sigmoidCrossEntropyWithLogits,
  cases: [{ shapes: pair, call: (x, y) => sigmoidCrossEntropyWithLogits(x, y) }],
});
