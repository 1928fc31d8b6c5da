/**
 * Convolution and max pooling of images [batch, rows, columns, channels]. A convolution is linear in image and filter.
 * Together with its two gradients it is a family of three ops, each of which has the other two as its gradients.
 */
import { type Shape, shapeOf } from '../base/shape.js';
import type { Tensor } from '../engine/tensor.js';
import { apply2, applyComposed } from '../op/apply.js';
import { type BatchedCall, Op } from '../op/op.js';
import { fromX, fromY, linear } from '../op/rules.js';
import { oneByOne } from './box.js';
import { broadcast, repeatedOperands, reshapeTo, transposeBy, zeroOf } from './movement.js';

/** A window that slides over an image: its words for the kernel, and the shapes of image, filter and result. */
export interface Window {
  /** Rows, then columns: taps, stride, dilation, zeros before, zeros after. */
  readonly words: readonly number[];
  readonly shapes: readonly [image: Shape, filter: Shape, result: Shape];
}

const windowWords = ({ words }: Window): readonly number[] => words;

// ---- three ops of a trilinear form ----

// sum(conv(image, filter) * result) is linear in image, filter and result, the three roles. The op of a role computes
// the derivative of this sum with respect to that role from the tensors in the other two: the one of `result` is the
// convolution. The derivative of an op with respect to an operand is the op of that operand's role, applied to the
// cotangent and the other operand.
type Role = 0 | 1 | 2;
export const ofImage = 0;
export const ofFilter = 1;
export const ofResult = 2;
const rolesOfOperands: readonly (readonly [Role, Role])[] = [
  [ofResult, ofFilter],
  [ofImage, ofResult],
  [ofImage, ofFilter],
];

// Where a batch goes: into an axis of the batched operand that the result has, too, and the third tensor has not. By
// role, the axis that the tensors of two roles share. (Of a depthwise filter the channels are those of image and result.)
const sharedAxes: readonly (readonly [Role, Role, number, number])[] = [
  [0, 2, 0, 0],
  [0, 1, 3, 2],
  [1, 2, 3, 3],
];

/** [count, ...] with the batch axis merged into this one of the others. */
function mergedInto(t: Tensor, axis: number): Tensor {
  const [count, ...own] = t.shape as [number, ...number[]];
  const perm = own.map((_, d) => d + 1).toSpliced(axis, 0, 0);
  return reshapeTo(transposeBy(t, perm), shapeOf(own.map((n, d) => (d === axis ? n * count : n))));
}

/** The inverse of `mergedInto`; `shape`: without the batch axis. */
function takenOut(t: Tensor, axis: number, count: number, shape: Shape): Tensor {
  const apart = reshapeTo(t, shapeOf(shape.toSpliced(axis, 0, count)));
  return transposeBy(apart, [axis, ...apart.shape.map((_, d) => d).filter((d) => d !== axis)]);
}

/** A window of which the tensors in some roles have a length times `count` along an axis. */
function widened(window: Window, count: number, axes: readonly (number | null)[]): Window {
  const shapes = window.shapes.map((shape, role) =>
    shapeOf(shape.map((n, d) => (d === axes[role] ? n * count : n))),
  ) as unknown as Window['shapes'];
  return { words: window.words, shapes };
}

/** The batch rule of the op of a role of a convolution whose filters are dense. */
function denseBatch(call: BatchedCall<Window>, role: Role, form: Form): Tensor {
  const { operands, batched, count, attributes: window, shape } = call;
  const roles = rolesOfOperands[role] as readonly [Role, Role];
  if (batched[0] && batched[1]) return oneByOne(call, ([x, y]) => form(role, x as Tensor, y as Tensor, window));
  const from = roles[batched[0] ? 0 : 1] as Role;
  const [p, , ofP, ofOther] = sharedAxes.find(
    ([a, b]) => (a === from && b === role) || (a === role && b === from),
  ) as (typeof sharedAxes)[number];
  const axes = [0, 1, 2].map((r) => (r === from || r === role ? (r === p ? ofP : ofOther) : null));
  const [x, y] = operands.map((t, k) => (batched[k] ? mergedInto(t, axes[from] as number) : t)) as [Tensor, Tensor];
  return takenOut(form(role, x, y, widened(window, count, axes)), axes[role] as number, count, shape);
}

/** As `denseBatch`, of depthwise filters: the batch goes into the images, or where these are not batched into the channels of all. */
function depthwiseBatch(call: BatchedCall<Window>, role: Role, form: Form): Tensor {
  const { operands, batched, count, attributes: window, shape } = call;
  const roles = rolesOfOperands[role] as readonly [Role, Role];
  const ofImages = role !== ofFilter && !batched[roles.indexOf(ofFilter)];
  const axes = ofImages ? [0, null, 0] : [3, 2, 3];
  const [x, y] = operands.map((t, k) => {
    const axis = axes[roles[k] as Role];
    if (axis === null || axis === undefined) return t;
    return mergedInto(batched[k] ? t : broadcast(t, shapeOf([count, ...t.shape])), axis);
  }) as [Tensor, Tensor];
  return takenOut(form(role, x, y, widened(window, count, axes)), axes[role] as number, count, shape);
}

/** Applies the op of a role to the tensors of the other two, in the order of `rolesOfOperands`. */
type Form = (role: Role, x: Tensor, y: Tensor, window: Window) => Tensor;

/** The three ops of a convolution. `names`: of their kernels, by role. `batch`: the batch rule of the op of a role. */
function formOf(
  names: readonly [string, string, string],
  batch: (call: BatchedCall<Window>, role: Role, form: Form) => Tensor,
): Form {
  const pullback = (role: Role, wanted: Role) => {
    return (ct: Tensor, other: Tensor, window: Window): Tensor =>
      rolesOfOperands[wanted]?.[0] === role ? form(wanted, ct, other, window) : form(wanted, other, ct, window);
  };
  const ops = rolesOfOperands.map(([x, y], role) => {
    const [toX, toY] = [pullback(role as Role, x), pullback(role as Role, y)];
    const kernel = names[role] as string;
    return new Op<Window>(`nn.${kernel}`, {
      kernel,
      words: windowWords,
      vjps: [
        fromY((ct, other, e) => toX(ct, other, e.attributes)),
        fromX((ct, other, e) => toY(ct, other, e.attributes)),
      ],
      forward: 'multilinear',
      byExample: (_, k) => role !== ofFilter && rolesOfOperands[role as Role]?.[k] !== ofFilter,
      batch: (call) => batch(call, role as Role, form),
    });
  });
  const form: Form = (role, x, y, window) =>
    apply2(ops[role] as Op<Window>, x, y, x.dtype, window.shapes[role], window);
  return form;
}

/** conv2d and its gradients; filters [rows, columns, channels, results]. */
export const dense: Form = formOf(['conv2dBackpropInput', 'conv2dBackpropFilter', 'conv2d'], denseBatch);
/** depthwiseConv2d and its gradients; filters [rows, columns, channels], one for each channel. */
export const depthwise: Form = formOf(
  ['depthwiseConv2dBackpropInput', 'depthwiseConv2dBackpropFilter', 'depthwiseConv2d'],
  depthwiseBatch,
);

// ---- max pooling ----

// maxPool(x, keys) takes from each window of x the element at the position where the keys are largest; maxPoolGrad(ct,
// keys) adds ct at these positions. For fixed keys both are linear and each is the other's transpose; the derivative
// with respect to the keys is zero.
const pickOp = new Op<Window>('maxPool', {
  kernel: 'maxPool',
  words: windowWords,
  vjps: [fromY((ct, keys, e) => maxPoolGrad(ct, keys, e.attributes)), linear((_, e) => zeroOf(e, 1))],
  batch: (call) => pooledBatch(call, pickByKeys),
  byExample: () => true,
});
const maxPoolGradOp = new Op<Window>('maxPoolGrad', {
  kernel: 'maxPoolGrad',
  words: windowWords,
  vjps: [fromY((ct, keys, e) => pickByKeys(ct, keys, e.attributes)), linear((_, e) => zeroOf(e, 1))],
  batch: (call) => pooledBatch(call, maxPoolGrad),
  byExample: () => true,
});
/** maxPool of x with x itself as keys. */
const maxPoolOp = new Op<Window>('nn.maxPool2d', {
  vjps: [fromX((ct, x, e) => maxPoolGrad(ct, x, e.attributes))],
  batch: (call) => pooledBatch(call, (x, _, window) => maxPoolOf(x, window)),
  byExample: () => true,
});

/** The batch rule of max pooling: the batch goes into that of the images. */
function pooledBatch(call: BatchedCall<Window>, f: (x: Tensor, keys: Tensor, window: Window) => Tensor): Tensor {
  const { count, attributes, shape } = call;
  const [x, keys] = repeatedOperands(call).map((t) => mergedInto(t, 0)) as [Tensor, Tensor];
  return takenOut(f(x, keys, widened(attributes, count, [0, null, 0])), 0, count, shape);
}

function pickByKeys(x: Tensor, keys: Tensor, window: Window): Tensor {
  return apply2(pickOp, x, keys, x.dtype, window.shapes[ofResult], window);
}

function maxPoolGrad(ct: Tensor, keys: Tensor, window: Window): Tensor {
  return apply2(maxPoolGradOp, ct, keys, ct.dtype, window.shapes[ofImage], window);
}

/** maxPool2d: the largest element of each window and channel; the gradient goes to the first of equals. */
export function maxPoolOf(x: Tensor, window: Window): Tensor {
  return applyComposed(maxPoolOp, [x], window, () => pickByKeys(x, x, window));
}
