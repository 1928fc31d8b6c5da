/** Convolutions: the checks around primitives/conv.ts. */
import { type Kind, listOf, oneOf, positional, refused } from '../../base/arguments.js';
import { guardShape, shapeOf } from '../../base/shape.js';
import type { Tensor } from '../../engine/tensor.js';
import { productOperands } from '../../op/operands.js';
import type { TensorLike } from '../../op/variable.js';
import {
  type Conv2dOptions,
  checkChannels,
  checkRank,
  conv2dSpecFor,
  isLength,
  type NamedPadding,
  namedPads,
  namesFormat,
  type Padding,
  type Shown,
  type Sizes,
  type Slide,
  slide,
} from '../../op/windows.js';
import { depthwise, ofResult } from '../../primitives/conv.js';
import {
  convolution,
  denseWindow,
  floatingPair,
  imageGradient,
  imageIn,
  imageOf,
} from '../../primitives/conv-window.js';
import { broadcast, reshapeTo, transposeBy } from '../../primitives/movement.js';

export type { Conv2dOptions, DataFormat, NamedPadding, Padding, Sizes } from '../../op/windows.js';

const byPosition = ['strides', 'padding'] as const;

/**
 * Convolution (cross-correlation, as in TensorFlow): result[n, i, j, o] = sum over k, l, c of input[n, i s + k d - p, j
 * s + l d - p, c] filters[k, l, c, o], with stride s, dilation d and padding p of each axis. What lies outside of the
 * image counts as zeros.
 * input [batch, rows, columns, channels], filters [rows, columns, channels, results] -> [batch, rows, columns, results]
 * With dataFormat 'NCHW' images and results are [batch, channels, rows, columns]; also below.
 * Strides and padding may come by position, as in TensorFlow: `conv2d(x, filters, 2, 'SAME')`.
 * float32 and float64; int32, which wraps around, in a product of matrices for each element of the window.
 * @throws ShapeError for ranks, channels or windows that do not fit; DTypeError for other dtypes; ValueError ERR_OPTION
 *   for an option
 */
export function conv2d(
  input: TensorLike,
  filters: TensorLike,
  strides?: Sizes | Conv2dOptions,
  padding?: Padding | Conv2dOptions,
  opts?: Conv2dOptions,
): Tensor {
  const op = 'nn.conv2d';
  const given = [strides, padding, opts];
  const read = positional(op, conv2dSpecFor(given), byPosition, given);
  const [images, f] = productOperands(op, [input, filters], ['input', 'filters']) as [Tensor, Tensor];
  const x = imageOf(op, 'an input', images, read.dataFormat);
  return imageIn(convolution(ofResult, x, f, denseWindow(op, x.shape, f.shape, read)), read.dataFormat);
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
  const op = 'nn.conv2dTranspose';
  const given = [strides, padding, opts];
  const read = positional(op, conv2dSpecFor(given), byPosition, given);
  return imageGradient(op, 'input', outputShape, filters, input, { padding: 'SAME', ...read });
}

/**
 * Each channel convolved with filters of its own: result c * multiplier + m is channel c under filter [:, :, c, m].
 * input [batch, rows, columns, channels], filter [rows, columns, channels, multiplier] -> [batch, rows, columns,
 * channels * multiplier]; float32 and float64
 * @throws ShapeError, DTypeError, ValueError as conv2d
 */
export function depthwiseConv2d(
  input: TensorLike,
  filter: TensorLike,
  strides?: Sizes | Conv2dOptions,
  padding?: Padding | Conv2dOptions,
  opts?: Conv2dOptions,
): Tensor {
  const op = 'nn.depthwiseConv2d';
  const given = [strides, padding, opts];
  const read = positional(op, conv2dSpecFor(given), byPosition, given);
  const [images, f] = floatingPair(op, ['input', 'filter'], [input, filter]);
  const x = imageOf(op, 'an input', images, read.dataFormat);
  checkRank(op, 'a filter', f, ['rows', 'columns', 'channels', 'multiplier']);
  checkChannels(op, x.shape, f.shape, images.shape);
  const [rows, columns, channels, multiplier] = f.shape as [number, number, number, number];
  const repeated =
    multiplier === 1
      ? x
      : reshapeTo(
          broadcast(reshapeTo(x, shapeOf([...x.shape, 1])), shapeOf([...x.shape, multiplier])),
          shapeOf([...x.shape.slice(0, 3), channels * multiplier]),
        );
  const each = reshapeTo(f, shapeOf([rows, columns, channels * multiplier]));
  return imageIn(channelwise(op, repeated, each, read), read.dataFormat);
}

function channelwise(op: string, x: Tensor, f: Tensor, read: Slide): Tensor {
  const { words, lengths } = slide(op, x.shape, f.shape, read);
  const result = guardShape(op, [x.shape[0] as number, ...lengths, x.shape[3] as number]);
  return depthwise(ofResult, x, f, { words, shapes: [x.shape, f.shape, result] });
}

/** The options of `conv1d`. */
export interface Conv1dOptions {
  /** Distance from one window to the next. Default 1. */
  stride?: Sizes;
  /** Default 'VALID'. */
  padding?: NamedPadding;
  /** Distance in the input between neighbouring elements of the filter. Default 1. */
  dilations?: Sizes;
  /** The order of the axes of inputs: batch (N), width (W), channels (C). Default 'NWC'. */
  dataFormat?: 'NWC' | 'NCW';
}

/** `at`: the axis of the width, 1 or 2. */
const widthAt = (at: number): Kind<number> => ({
  expected: `a whole number >= 1 or ${at === 1 ? '[1, width, 1]' : '[1, 1, width]'}`,
  read: (value) => {
    const list = typeof value === 'number' ? [value] : listOf(value);
    if (!list?.every(isLength)) return refused;
    if (list.length === 1) return list[0] as number;
    return list.length === 3 && list[0] === 1 && list[3 - at] === 1 ? (list[at] as number) : refused;
  },
});
const widthFormats = oneOf(['NWC', 'NCW'] as const);
const conv1dSpecOf = (width: Kind<number>) =>
  ({ stride: width, padding: namedPads, dilations: width, dataFormat: widthFormats }) as const;
const [channelsLastSpec, channelsFirstSpec] = [conv1dSpecOf(widthAt(1)), conv1dSpecOf(widthAt(2))];

/**
 * Convolution along one axis. input [batch, width, channels], filters [width, channels, results] -> [batch, width,
 * results]; with dataFormat 'NCW' the channels are axis 1 of input and result.
 * @throws ShapeError, DTypeError, ValueError as conv2d
 */
export function conv1d(
  input: TensorLike,
  filters: TensorLike,
  stride?: Sizes | Conv1dOptions,
  padding?: NamedPadding | Conv1dOptions,
  opts?: Conv1dOptions,
): Tensor {
  const op = 'nn.conv1d';
  const options = [stride, padding, opts];
  const first = namesFormat(options, 'NCW');
  const read = positional(op, first ? channelsFirstSpec : channelsLastSpec, ['stride', 'padding'], options);
  const [given, f] = productOperands(op, [input, filters], ['input', 'filters']) as [Tensor, Tensor];
  checkRank(op, 'an input', given, first ? ['batch', 'channels', 'width'] : ['batch', 'width', 'channels']);
  checkRank(op, 'filters', f, ['width', 'channels', 'results']);
  const x = first ? transposeBy(given, [0, 2, 1]) : given;
  checkChannels(op, x.shape, f.shape, given.shape);
  const window: Slide = {
    strides: [1, read.stride ?? 1],
    dilations: [1, read.dilations ?? 1],
    padding: read.padding ?? 'VALID',
  };
  const image = reshapeTo(x, shapeOf(x.shape.toSpliced(1, 0, 1)));
  const filter = reshapeTo(f, shapeOf([1, ...f.shape]));
  const shown: Shown = { image: given.shape, filter: f.shape, axes: ['rows', 'elements'] };
  const result = convolution(ofResult, image, filter, denseWindow(op, image.shape, filter.shape, window, shown));
  const flat = reshapeTo(result, shapeOf(result.shape.toSpliced(1, 1)));
  return first ? transposeBy(flat, [0, 2, 1]) : flat;
}
