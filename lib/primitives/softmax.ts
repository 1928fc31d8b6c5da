/** Softmax, its logarithm, and cross entropies of logits. */
import { shapeOf } from '../base/shape.js';
import type { Tensor } from '../engine/tensor.js';
import { apply1, apply2, applyComposed } from '../op/apply.js';
import { Op } from '../op/op.js';
import { fromOut, fromXY, fromY } from '../op/rules.js';
import type { Entry } from '../record/entry.js';
import { relu } from './activation.js';
import { add, mul, neg, sub } from './arithmetic.js';
import { equal } from './compare.js';
import { checkedLater } from './gather.js';
import { iota } from './iota.js';
import { abs, exp, log1p, sigmoid } from './math.js';
import { castTo, raisedOperands, repeatedOperands, reshapeTo, sumOver, transposeBy } from './movement.js';

/** expandDims: a new axis of length 1 before axis d. */
function expandAxis(t: Tensor, d: number): Tensor {
  return reshapeTo(t, shapeOf(t.shape.toSpliced(d, 0, 1)));
}

// The kernels compute along the last axis; another axis is swapped with it and back.
const softmaxRows = new Op('nn.softmax', { kernel: 'softmax' });
const logSoftmaxRows = new Op('nn.logSoftmax', { kernel: 'logSoftmax' });

function alongAxis(rows: Op, x: Tensor, axis: number): Tensor {
  const last = x.rank - 1;
  if (axis === last) return apply1(rows, x, x.dtype, x.shape, null);
  const swapped = x.shape.map((_, d) => (d === axis ? last : d === last ? axis : d));
  const t = transposeBy(x, swapped);
  return transposeBy(apply1(rows, t, t.dtype, t.shape, null), swapped);
}

const alongOtherAxis = ({ attributes: axis }: Entry<number>): boolean => axis !== 0;

/** Attributes: the axis. */
const softmaxOp = new Op<number>('nn.softmax', {
  vjps: [fromOut((ct, out, e) => mul(sub(ct, sumOver(mul(ct, out), [e.attributes], true)), out))],
  batch: ({ operands, attributes }) => softmaxAlong(operands[0] as Tensor, attributes + 1),
  byExample: alongOtherAxis,
});

/** softmax: exp(x) / sum(exp(x)) along the axis. */
export function softmaxAlong(x: Tensor, axis: number): Tensor {
  return applyComposed(softmaxOp, [x], axis, () => alongAxis(softmaxRows, x, axis));
}

/** Attributes: `before`. */
const causalSoftmaxOp = new Op<number>('nn.softmax', {
  kernel: 'causalSoftmax',
  words: (before) => [before],
  vjps: [fromOut((ct, out) => mul(sub(ct, sumOver(mul(ct, out), [out.rank - 1], true)), out))],
  batch: ({ operands, attributes }) => causalSoftmax(operands[0] as Tensor, attributes),
});

/** softmax along the last axis where row i of each matrix sees its elements 0 .. `before` + i; the others become 0. */
export function causalSoftmax(x: Tensor, before: number): Tensor {
  return apply1(causalSoftmaxOp, x, x.dtype, x.shape, before);
}

const logSoftmaxOp = new Op<number>('nn.logSoftmax', {
  vjps: [fromOut((ct, out, e) => sub(ct, mul(exp(out), sumOver(ct, [e.attributes], true))))],
  batch: ({ operands, attributes }) => logSoftmaxAlong(operands[0] as Tensor, attributes + 1),
  byExample: alongOtherAxis,
});

/** log(softmax(x)), without overflow. */
export function logSoftmaxAlong(x: Tensor, axis: number): Tensor {
  return applyComposed(logSoftmaxOp, [x], axis, () => alongAxis(logSoftmaxRows, x, axis));
}

// TensorFlow's rules: labels get -logSoftmax; logits get softmax - labels, whether or not the labels sum to 1.
const crossEntropyOp = new Op<number>('nn.softmaxCrossEntropyWithLogits', {
  vjps: [
    fromY((ct, logits, e) => mul(expandAxis(neg(ct), e.attributes), logSoftmaxAlong(logits, e.attributes))),
    fromXY((ct, labels, logits, e) =>
      mul(expandAxis(ct, e.attributes), sub(softmaxAlong(logits, e.attributes), labels)),
    ),
  ],
  batch: (call) => crossEntropyAlong(...(repeatedOperands(call) as [Tensor, Tensor]), call.attributes + 1),
  byExample: (e) => e.attributes !== 0 && e.shape(0).length === e.shape(1).length,
});

/** -sum(labels * logSoftmax(logits)) along the axis. */
export function crossEntropyAlong(labels: Tensor, logits: Tensor, axis: number): Tensor {
  return applyComposed(crossEntropyOp, [labels, logits], axis, () =>
    sub(0, sumOver(mul(labels, logSoftmaxAlong(logits, axis)), [axis], false)),
  );
}

const sparseCrossEntropyOp = new Op('nn.sparseSoftmaxCrossEntropyWithLogits', {
  vjps: [
    null,
    fromXY((ct, labels, logits) => {
      const last = logits.rank - 1;
      const classes = iota(logits.shape[last] as number);
      const hit = castTo(equal(expandAxis(labels, last), classes), logits.dtype);
      return mul(sub(softmaxAlong(logits, last), hit), expandAxis(ct, last));
    }),
  ],
  batch: (call) => sparseCrossEntropyOf(call.op.name, ...(repeatedOperands(call) as [Tensor, Tensor])),
});
/** Takes one element of each row: a gather with a batch axis. Attributes: the gather's sizes. */
const pickOp = new Op<readonly number[]>('nn.sparseSoftmaxCrossEntropyWithLogits', {
  kernel: 'gather',
  words: (sizes) => sizes,
});

/** -logSoftmax(logits)[label] along the last axis. `name`: the op in errors about labels. */
export function sparseCrossEntropyOf(name: string, labels: Tensor, logits: Tensor): Tensor {
  const last = logits.rank - 1;
  const length = logits.shape[last] as number;
  const classes = checkedLater(name, labels, length); // the gradient would take any
  return applyComposed(sparseCrossEntropyOp, [classes, logits], null, () => {
    const sizes = [labels.size, 1, length, 1, 1];
    const table = logSoftmaxAlong(logits, last);
    const picked = apply2(pickOp.as(name), table, classes, logits.dtype, labels.shape, sizes);
    return sub(0, picked); // not neg, which would make -0 of a loss of 0
  });
}

const sigmoidCrossEntropyOp = new Op('nn.sigmoidCrossEntropyWithLogits', {
  vjps: [
    fromY((ct, logits) => neg(mul(ct, logits))),
    fromXY((ct, labels, logits) => mul(ct, sub(sigmoid(logits), labels))),
  ],
  batch: (call) => sigmoidCrossEntropyOf(...(raisedOperands(call) as [Tensor, Tensor])),
  forward: 'elementwise',
});

/** max(x, 0) - x z + log(1 + exp(-|x|)) of labels z and logits x: cross entropy of sigmoid(x) without overflow. */
export function sigmoidCrossEntropyOf(labels: Tensor, logits: Tensor): Tensor {
  return applyComposed(sigmoidCrossEntropyOp, [labels, logits], null, () =>
    add(sub(relu(logits), mul(logits, labels)), log1p(exp(neg(abs(logits))))),
  );
}
