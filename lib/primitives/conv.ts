/**
 * Convolution and pooling of images [batch, rows, columns, channels]. A convolution is linear in the image and in the filter: with its
 * two gradients it makes a family of three ops, each of which has the other two as its own gradients.
 */
import type { Shape } from '../base/shape.js';
import type { Tensor } from '../engine/tensor.js';
import { apply2, applyComposed } from '../op/apply.js';
import { Op } from '../op/op.js';
import { fromX, fromY, linear } from '../op/rules.js';
import { zeroOf } from './movement.js';

/** How a window goes over an image: what the addon needs of it, and the shapes of image, filter and result. */
export interface Window {
  /** Rows, then columns: taps, stride, dilation, zeros before, zeros after. */
  readonly words: readonly number[];
  readonly shapes: readonly [image: Shape, filter: Shape, result: Shape];
}

const windowWords = ({ words }: Window): readonly number[] => words;

// ---- three ops of a form ----

// The form <conv(image, filter), result> is linear in each of the three. An op gives its derivative in one of them (a slot)
// from the other two; so its own derivative in one of these is the op of that slot, applied to its cotangent and the other.
type Slot = 0 | 1 | 2;
export const ofImage = 0;
export const ofFilter = 1;
export const ofResult = 2;
const slotsOfOperands: readonly (readonly [Slot, Slot])[] = [
  [ofResult, ofFilter],
  [ofImage, ofResult],
  [ofImage, ofFilter],
];

type Form = (slot: Slot, x: Tensor, y: Tensor, window: Window) => Tensor;

/** The names are those of the kernels, by slot. */
function formOf(names: readonly [string, string, string]): Form {
  const pullback = (slot: Slot, wanted: Slot) => {
    return (ct: Tensor, other: Tensor, window: Window): Tensor =>
      slotsOfOperands[wanted]?.[0] === slot ? form(wanted, ct, other, window) : form(wanted, other, ct, window);
  };
  const ops = slotsOfOperands.map(([x, y], slot) => {
    const [toX, toY] = [pullback(slot as Slot, x), pullback(slot as Slot, y)];
    const kernel = names[slot] as string;
    return new Op<Window>(kernel, {
      kernel,
      words: windowWords,
      vjps: [
        fromY((ct, other, e) => toX(ct, other, e.attributes)),
        fromX((ct, other, e) => toY(ct, other, e.attributes)),
      ],
    });
  });
  const form: Form = (slot, x, y, window) =>
    apply2(ops[slot] as Op<Window>, x, y, x.dtype, window.shapes[slot], window);
  return form;
}

/** Filters [rows, columns, channels, results]. */
export const dense: Form = formOf(['conv2dBackpropInput', 'conv2dBackpropFilter', 'conv2d']);
/** Filters [rows, columns, channels]: each channel has its own. */
export const depthwise: Form = formOf([
  'depthwiseConv2dBackpropInput',
  'depthwiseConv2dBackpropFilter',
  'depthwiseConv2d',
]);

// ---- the largest of each window ----

// Where the keys are largest decides which element of a window is taken; in what is taken both ops are linear, and each is
// the other's transpose. The derivative in the keys is zero.
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
/** Its operand is its keys. */
const maxPoolOp = new Op<Window>('maxPool2d', {
  vjps: [fromX((ct, x, e) => maxPoolGrad(ct, x, e.attributes))],
});

function pickByKeys(x: Tensor, keys: Tensor, window: Window): Tensor {
  return apply2(pickOp, x, keys, x.dtype, window.shapes[ofResult], window);
}

function maxPoolGrad(ct: Tensor, keys: Tensor, window: Window): Tensor {
  return apply2(maxPoolGradOp, ct, keys, ct.dtype, window.shapes[ofImage], window);
}

/** The largest element of each window and channel; its gradient goes to the first of equals. */
export function maxPoolOf(x: Tensor, window: Window): Tensor {
  return applyComposed(maxPoolOp, [x], window, () => pickByKeys(x, x, window));
}
