/**
 * Convolution and max pooling of images [batch, rows, columns, channels]. A convolution is linear in image and filter.
 * Together with its two gradients it is a family of three ops, each of which has the other two as its gradients.
 */
import type { Shape } from '../base/shape.js';
import type { Tensor } from '../engine/tensor.js';
import { apply2, applyComposed } from '../op/apply.js';
import { Op } from '../op/op.js';
import { fromX, fromY, linear } from '../op/rules.js';
import { zeroOf } from './movement.js';

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

/** Applies the op of a role to the tensors of the other two, in the order of `rolesOfOperands`. */
type Form = (role: Role, x: Tensor, y: Tensor, window: Window) => Tensor;

/** The three ops of a convolution. `names`: of their kernels, by role. */
function formOf(names: readonly [string, string, string]): Form {
  const pullback = (role: Role, wanted: Role) => {
    return (ct: Tensor, other: Tensor, window: Window): Tensor =>
      rolesOfOperands[wanted]?.[0] === role ? form(wanted, ct, other, window) : form(wanted, other, ct, window);
  };
  const ops = rolesOfOperands.map(([x, y], role) => {
    const [toX, toY] = [pullback(role as Role, x), pullback(role as Role, y)];
    const kernel = names[role] as string;
    return new Op<Window>(kernel, {
      kernel,
      words: windowWords,
      vjps: [
        fromY((ct, other, e) => toX(ct, other, e.attributes)),
        fromX((ct, other, e) => toY(ct, other, e.attributes)),
      ],
    });
  });
  const form: Form = (role, x, y, window) =>
    apply2(ops[role] as Op<Window>, x, y, x.dtype, window.shapes[role], window);
  return form;
}

/** conv2d and its gradients; filters [rows, columns, channels, results]. */
export const dense: Form = formOf(['conv2dBackpropInput', 'conv2dBackpropFilter', 'conv2d']);
/** depthwiseConv2d and its gradients; filters [rows, columns, channels], one for each channel. */
export const depthwise: Form = formOf([
  'depthwiseConv2dBackpropInput',
  'depthwiseConv2dBackpropFilter',
  'depthwiseConv2d',
]);

// ---- max pooling ----

// maxPool(x, keys) takes from each window of x the element at the position where the keys are largest; maxPoolGrad(ct,
// keys) adds ct at these positions. For fixed keys both are linear and each is the other's transpose; the derivative
// with respect to the keys is zero.
const pickOp = new Op<Window>('maxPool', {
  kernel: 'maxPool',
  words: windowWords,
  vjps: [fromY((ct, keys, e) => maxPoolGrad(ct, keys, e.attributes)), linear((_, e) => zeroOf(e, 1))],
});
const maxPoolGradOp = new Op<Window>('maxPoolGrad', {
  kernel: 'maxPoolGrad',
  words: windowWords,
  vjps: [fromY((ct, keys, e) => pickByKeys(ct, keys, e.attributes)), linear((_, e) => zeroOf(e, 1))],
});
/** maxPool of x with x itself as keys. */
const maxPoolOp = new Op<Window>('maxPool2d', {
  vjps: [fromX((ct, x, e) => maxPoolGrad(ct, x, e.attributes))],
});

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
