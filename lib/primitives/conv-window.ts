/** Operands of convolutions, checked, and the window that follows from their shapes. */
import { ShapeError } from '../base/errors.js';
import { checkShape, guardShape, type Shape, sameShape, showShape } from '../base/shape.js';
import type { Tensor } from '../engine/tensor.js';
import { asTensors, floating } from '../op/operands.js';
import type { TensorLike } from '../op/variable.js';
import { checkChannels, checkRank, imageAxes, type Shown, type Slide, slide } from '../op/windows.js';
import { dense, ofImage, type Window } from './conv.js';

/** Two operands of one floating dtype. */
export function floatingPair(op: string, names: readonly string[], values: readonly TensorLike[]): [Tensor, Tensor] {
  const [x, y] = asTensors(op, values, names) as [Tensor, Tensor];
  floating(op, x);
  return [x, y];
}

/** The window of a dense filter [rows, columns, channels, results]. */
export function denseWindow(op: string, image: Shape, filter: Shape, opts: Slide, shown?: Shown): Window {
  checkRank(op, 'an input', { shape: image }, imageAxes);
  checkRank(op, 'filters', { shape: filter }, ['rows', 'columns', 'channels', 'results']);
  checkChannels(op, image, filter);
  const { words, lengths } = slide(op, image, filter, opts, shown);
  const result = guardShape(op, [image[0] as number, ...lengths, filter[3] as number]);
  return { words, shapes: [image, filter, result] };
}

/** @throws ShapeError if the window does not give a result of this shape */
export function checkResultShape(op: string, what: string, got: Shape, window: Window): void {
  const [image, filter, result] = window.shapes;
  if (sameShape(got, result)) return;
  throw new ShapeError(
    `${op}: the ${what} has shape ${showShape(got)}, but an image ${showShape(image)} under filters ${showShape(filter)} gives ${showShape(result)}`,
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
  const [g, f] = floatingPair(op, [what, 'filters'], [result, filters]);
  checkRank(op, what === 'outBackprop' ? what : 'an input', g, imageAxes);
  const window = denseWindow(op, checkShape(op, sizes), f.shape, read);
  checkResultShape(op, what, g.shape, window);
  return dense(ofImage, g, f, window);
}
