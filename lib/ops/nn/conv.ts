/** Convolutions: the checks around primitives/conv.ts. */
import { type Kind, listOf, oneOf, positional, refused } from '../../base/arguments.js';
import { guardShape, shapeOf } from '../../base/shape.js';
import type { Tensor } from '../../engine/tensor.js';
import type { TensorLike } from '../../op/variable.js';
import {
  type Conv2dOptions,
  checkChannels,
  checkRank,
  conv2dSpec,
  imageAxes,
  isLength,
  type NamedPadding,
  namedPads,
  type Padding,
  type Shown,
  type Sizes,
  type Slide,
  slide,
} from '../../op/windows.js';
import { dense, depthwise, ofResult } from '../../primitives/conv.js';
import { denseWindow, floatingPair, imageGradient } from '../../primitives/conv-window.js';
import { broadcast, reshapeTo } from '../../primitives/movement.js';

export type { Conv2dOptions, NamedPadding, Padding, Sizes } from '../../op/windows.js';

const byPosition = ['strides', 'padding'] as const;

/**
 * Convolution (cross-correlation, as in TensorFlow): result[n, i, j, o] = sum over k, l, c of input[n, i s + k d - p, j
 * s + l d - p, c] filters[k, l, c, o], with stride s, dilation d and padding p of each axis. What lies outside of the
 * image counts as zeros.
 * input [batch, rows, columns, channels], filters [rows, columns, channels, results] -> [batch, rows, columns, results]
 * Strides and padding may come by position, as in TensorFlow: `conv2d(x, filters, 2, 'SAME')`.
 * @throws ShapeError for ranks, channels or windows that do not fit; DTypeError for dtypes other than float32, float64;
 *   ValueError ERR_OPTION for an option
 */
export function conv2d(
  input: TensorLike,
  filters: TensorLike,
  strides?: Sizes | Conv2dOptions,
  padding?: Padding | Conv2dOptions,
  opts?: Conv2dOptions,
): Tensor {
  const op = 'conv2d';
  const read = positional(op, conv2dSpec, byPosition, [strides, padding, opts]);
  const [x, f] = floatingPair(op, ['input', 'filters'], [input, filters]);
  return dense(ofResult, x, f, denseWindow(op, x.shape, f.shape, read));
}

/**
 * The transpose of conv2d with filters [rows, columns, results, channels]: the gradient of the conv2d that takes
 * outputShape to the shape of the input. input [batch, rows, columns, channels] -> outputShape [batch, rows, columns,
 * results]. Default padding 'SAME'.
 * @throws ShapeError if that conv2d does not give the input's shape; DTypeError, ValueError as conv2d
 */
export function conv2dTranspose(
  input: TensorLike,
  filters: TensorLike,
  outputShape: readonly number[],
  strides?: Sizes | Conv2dOptions,
  padding?: Padding | Conv2dOptions,
  opts?: Conv2dOptions,
): Tensor {
  const op = 'conv2dTranspose';
  const read = positional(op, conv2dSpec, byPosition, [strides, padding, opts]);
  return imageGradient(op, 'input', outputShape, filters, input, { padding: 'SAME', ...read });
}

/**
 * Each channel convolved with filters of its own: result c * multiplier + m is channel c under filter [:, :, c, m].
 * input [batch, rows, columns, channels], filter [rows, columns, channels, multiplier] -> [batch, rows, columns,
 * channels * multiplier]
 * @throws ShapeError, DTypeError, ValueError as conv2d
 */
export function depthwiseConv2d(
  input: TensorLike,
  filter: TensorLike,
  strides?: Sizes | Conv2dOptions,
  padding?: Padding | Conv2dOptions,
  opts?: Conv2dOptions,
): Tensor {
  const op = 'depthwiseConv2d';
  const read = positional(op, conv2dSpec, byPosition, [strides, padding, opts]);
  const [x, f] = floatingPair(op, ['input', 'filter'], [input, filter]);
  checkRank(op, 'an input', x, imageAxes);
  checkRank(op, 'a filter', f, ['rows', 'columns', 'channels', 'multiplier']);
  checkChannels(op, x.shape, f.shape);
  const [rows, columns, channels, multiplier] = f.shape as [number, number, number, number];
  const repeated =
    multiplier === 1
      ? x
      : reshapeTo(
          broadcast(reshapeTo(x, shapeOf([...x.shape, 1])), shapeOf([...x.shape, multiplier])),
          shapeOf([...x.shape.slice(0, 3), channels * multiplier]),
        );
  return channelwise(op, repeated, reshapeTo(f, shapeOf([rows, columns, channels * multiplier])), read);
}

function channelwise(op: string, x: Tensor, f: Tensor, read: Slide): Tensor {
  const { words, lengths } = slide(op, x.shape, f.shape, read);
  const result = guardShape(op, [x.shape[0] as number, ...lengths, x.shape[3] as number]);
  return depthwise(ofResult, x, f, { words, shapes: [x.shape, f.shape, result] });
}

export interface Conv1dOptions {
  /** Distance from one window to the next. Default 1. */
  stride?: Sizes;
  /** Default 'VALID'. */
  padding?: NamedPadding;
  /** Distance in the input between neighbouring elements of the filter. Default 1. */
  dilations?: Sizes;
  /** Inputs are [batch, width, channels], the only format. */
  dataFormat?: 'NWC';
}

const widthKind: Kind<number> = {
  expected: 'a whole number >= 1 or [1, width, 1]',
  read: (value) => {
    const list = typeof value === 'number' ? [value] : listOf(value);
    if (!list?.every(isLength)) return refused;
    if (list.length === 1) return list[0] as number;
    return list.length === 3 && list[0] === 1 && list[2] === 1 ? (list[1] as number) : refused;
  },
};
const conv1dSpec = { stride: widthKind, padding: namedPads, dilations: widthKind, dataFormat: oneOf(['NWC']) } as const;

/**
 * Convolution along one axis. input [batch, width, channels], filters [width, channels, results] -> [batch, width,
 * results]
 * @throws ShapeError, DTypeError, ValueError as conv2d
 */
export function conv1d(
  input: TensorLike,
  filters: TensorLike,
  stride?: Sizes | Conv1dOptions,
  padding?: NamedPadding | Conv1dOptions,
  opts?: Conv1dOptions,
): Tensor {
  const op = 'conv1d';
  const read = positional(op, conv1dSpec, ['stride', 'padding'], [stride, padding, opts]);
  const [x, f] = floatingPair(op, ['input', 'filters'], [input, filters]);
  checkRank(op, 'an input', x, ['batch', 'width', 'channels']);
  checkRank(op, 'filters', f, ['width', 'channels', 'results']);
  checkChannels(op, x.shape, f.shape);
  const window: Slide = {
    strides: [1, read.stride ?? 1],
    dilations: [1, read.dilations ?? 1],
    padding: read.padding ?? 'VALID',
  };
  const image = reshapeTo(x, shapeOf(x.shape.toSpliced(1, 0, 1)));
  const filter = reshapeTo(f, shapeOf([1, ...f.shape]));
  const shown: Shown = { image: x.shape, filter: f.shape, axes: ['rows', 'elements'] };
  const result = dense(ofResult, image, filter, denseWindow(op, image.shape, filter.shape, window, shown));
  return reshapeTo(result, shapeOf(result.shape.toSpliced(1, 1)));
}
