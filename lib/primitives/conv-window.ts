/** Operands of convolutions, checked, and the window that follows from their shapes. */
import { isFloating } from '../base/dtype.js';
import { ShapeError } from '../base/errors.js';
import { checkShape, guardShape, type Shape, sameShape, shapeOf, showShape } from '../base/shape.js';
import type { Tensor } from '../engine/tensor.js';
import { asTensors, floating, productOperands } from '../op/operands.js';
import type { TensorLike } from '../op/variable.js';
import {
  channelsFirst,
  channelsLast,
  checkChannels,
  checkRank,
  type DataFormat,
  fromFormat,
  imageAxes,
  inFormat,
  type Shown,
  type Slide,
  slide,
} from '../op/windows.js';
import { dense, ofImage, type ofResult, type Window } from './conv.js';
import { intConv } from './int-conv.js';
import { transposeBy } from './movement.js';

/** Two operands of one floating dtype. */
export function floatingPair(op: string, names: readonly string[], values: readonly TensorLike[]): [Tensor, Tensor] {
  const [x, y] = asTensors(op, values, names) as [Tensor, Tensor];
  floating(op, x, names[0]);
  return [x, y];
}

/** The convolution of an image and a dense filter, or with `ofImage` its transpose; float32, float64 or int32. */
export function convolution(role: typeof ofResult | typeof ofImage, x: Tensor, f: Tensor, window: Window): Tensor {
  return isFloating(x.dtype) ? dense(role, x, f, window) : intConv(role, x, f, window);
}

/**
 * An image with the channels last, as the kernels take it. `what`: the argument, for errors.
 * @throws ShapeError for another rank
 */
export function imageOf(op: string, what: string, t: Tensor, format: DataFormat = 'NHWC'): Tensor {
  checkRank(op, what, t, imageAxes[format]);
  return format === 'NCHW' ? transposeBy(t, channelsLast) : t;
}

/** An image with the channels last in the format of the user. */
export function imageIn(t: Tensor, format: DataFormat = 'NHWC'): Tensor {
  return format === 'NCHW' ? transposeBy(t, channelsFirst) : t;
}

/** The window of a dense filter [rows, columns, channels, results]. */
export function denseWindow(op: string, image: Shape, filter: Shape, opts: Slide, shown?: Shown): Window {
  checkRank(op, 'filters', { shape: filter }, ['rows', 'columns', 'channels', 'results']);
  checkChannels(op, image, filter, inFormat(image, opts.dataFormat ?? 'NHWC'));
  const { words, lengths } = slide(op, image, filter, opts, shown);
  const result = guardShape(op, [image[0] as number, ...lengths, filter[3] as number]);
  return { words, shapes: [image, filter, result] };
}

/** @throws ShapeError if the window does not give a result of this shape */
export function checkResultShape(op: string, what: string, got: Shape, window: Window, format?: DataFormat): void {
  const [image, filter, result] = window.shapes;
  if (sameShape(got, result)) return;
  const show = (shape: Shape): string => showShape(inFormat(shape, format ?? 'NHWC'));
  throw new ShapeError(
    `${op}: the ${what} has shape ${show(got)}, but an image ${show(image)} under filters ${showShape(filter)} gives ${show(result)}`,
  );
}

/**
 * The gradient of conv2d with respect to an image of shape `sizes`. `what`: the name of the argument `result` in
 * errors.
 */
export function imageGradient(
  op: string,
  what: string,
  sizes: readonly number[],
  filters: TensorLike,
  result: TensorLike,
  read: Slide,
): Tensor {
  const { dataFormat = 'NHWC' } = read;
  const [y, f] = productOperands(op, [result, filters], [what, 'filters']) as [Tensor, Tensor];
  const g = imageOf(op, what === 'outBackprop' ? what : 'an input', y, dataFormat);
  const image = checkShape(op, sizes);
  checkRank(op, 'an input', { shape: image }, imageAxes[dataFormat]);
  const window = denseWindow(op, shapeOf([...fromFormat(image, dataFormat)]), f.shape, read);
  checkResultShape(op, what, g.shape, window, dataFormat);
  return imageIn(convolution(ofImage, g, f, window), dataFormat);
}
