/** The gradients of conv2d as ops. A shape stands among their operands, so they are no methods. */
import { options } from '../../base/arguments.js';
import { checkShape } from '../../base/shape.js';
import type { Tensor } from '../../engine/tensor.js';
import type { TensorLike } from '../../op/variable.js';
import { type Conv2dOptions, conv2dSpecFor } from '../../op/windows.js';
import { dense, ofFilter } from '../../primitives/conv.js';
import { checkResultShape, denseWindow, floatingPair, imageGradient, imageOf } from '../../primitives/conv-window.js';

/**
 * The gradient of conv2d with respect to its input, which has the shape inputSizes. Linear in both operands.
 * outBackprop is the cotangent of the result; options as of conv2d.
 * @throws ShapeError, DTypeError, ValueError as conv2d
 */
export function conv2dBackpropInput(
  inputSizes: readonly number[],
  filters: TensorLike,
  outBackprop: TensorLike,
  opts?: Conv2dOptions,
): Tensor {
  const op = 'nn.conv2dBackpropInput';
  return imageGradient(op, 'outBackprop', inputSizes, filters, outBackprop, options(op, conv2dSpecFor([opts]), opts));
}

/**
 * The gradient of conv2d with respect to its filters, which have the shape filterSizes. Linear in both operands.
 * outBackprop is the cotangent of the result; options as of conv2d.
 * @throws ShapeError, DTypeError, ValueError as conv2d
 */
export function conv2dBackpropFilter(
  input: TensorLike,
  filterSizes: readonly number[],
  outBackprop: TensorLike,
  opts?: Conv2dOptions,
): Tensor {
  const op = 'nn.conv2dBackpropFilter';
  const read = options(op, conv2dSpecFor([opts]), opts);
  const pair = floatingPair(op, ['input', 'outBackprop'], [input, outBackprop]);
  const x = imageOf(op, 'an input', pair[0], read.dataFormat);
  const g = imageOf(op, 'outBackprop', pair[1], read.dataFormat);
  const window = denseWindow(op, x.shape, checkShape(op, filterSizes), read);
  checkResultShape(op, 'outBackprop', g.shape, window, read.dataFormat);
  return dense(ofFilter, x, g, window);
}
