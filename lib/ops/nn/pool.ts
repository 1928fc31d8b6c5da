/** Pooling: the checks around primitives/conv.ts. */
import { positional } from '../../base/arguments.js';
import { type DTypeKind, isFloating } from '../../base/dtype.js';
import { ValueError } from '../../base/errors.js';
import { guardShape, shapeOf, showShape } from '../../base/shape.js';
import { type Tensor, uniformTensor } from '../../engine/tensor.js';
import { asTensor, ofKind } from '../../op/operands.js';
import type { TensorLike } from '../../op/variable.js';
import { type DataFormat, type Padding, poolSpecFor, type Sizes, slide } from '../../op/windows.js';
import { div, mul } from '../../primitives/arithmetic.js';
import { depthwise, maxPoolOf, ofResult, type Window } from '../../primitives/conv.js';
import { imageIn, imageOf } from '../../primitives/conv-window.js';
import { castTo, reshapeTo } from '../../primitives/movement.js';

/** The options of `maxPool2d` and `avgPool2d`. */
export interface PoolOptions {
  /** The size of the window: one number, [rows, columns] or [1, rows, columns, 1]. */
  ksize: Sizes;
  /** Distance from one window to the next, as `ksize`. Default: `ksize`. */
  strides?: Sizes;
  /** Default 'VALID'. Padding never is the largest element of a window, and does not count in its mean. */
  padding?: Padding;
  /** Distance in the image between neighbouring elements of the window, as `ksize`. Default 1. */
  dilations?: Sizes;
  /** The order of the axes of images, and of their result. Default 'NHWC'. */
  dataFormat?: DataFormat;
}
/** The options, where some are given by position. */
type MorePoolOptions = Partial<PoolOptions>;

interface Pooled {
  /** The image, channels last. */
  readonly x: Tensor;
  readonly window: Window;
  readonly format: DataFormat;
}

function pool(op: string, input: TensorLike, given: readonly unknown[], ...kinds: readonly DTypeKind[]): Pooled {
  const spec = poolSpecFor(given);
  const read = positional(op, spec, ['ksize', 'strides', 'padding'], given);
  const { ksize, strides = ksize, padding = 'VALID', dilations = [1, 1], dataFormat: format = 'NHWC' } = read;
  if (!ksize) {
    throw new ValueError(
      `${op}: ksize must be ${spec.ksize.expected}, got undefined; write ${op}(x, { ksize: 2 })`,
      'ERR_OPTION',
    );
  }
  const x = imageOf(op, 'an input', ofKind(op, asTensor(op, input, undefined, 'input'), ...kinds), format);
  const options = { padding, strides: strides as readonly [number, number], dilations, dataFormat: format };
  const { words, lengths } = slide(op, x.shape, ksize, options);
  const reach = ksize.map((k, d) => (k - 1) * (dilations[d] as number) + 1);
  if (reach.some((k, d) => Math.max(words[5 * d + 3] as number, words[5 * d + 4] as number) >= k)) {
    const shown = typeof padding === 'string' ? `'${padding}'` : `[${padding.map(showShape).join(', ')}]`;
    throw new ValueError(
      `${op}: padding must be smaller than the window, which reaches over ${showShape(reach)}, got ${shown}`,
      'ERR_OPTION',
    );
  }
  const result = guardShape(op, [x.shape[0] as number, ...lengths, x.shape[3] as number]);
  return { x, window: { words, shapes: [x.shape, ksize, result] }, format };
}

/**
 * The largest element of each window and channel. Its gradient goes to the first of equals in row-major order; NaN is
 * the largest. 0 for a window none of whose elements lies in the image, as there are with dilations.
 * input [batch, rows, columns, channels] -> [batch, rows, columns, channels], or in the order of dataFormat
 * Every dtype but bool.
 * @throws ShapeError for a rank or a window that does not fit; DTypeError;
 *   ValueError ERR_OPTION for an option, and for a padding as large as the window
 */
export function maxPool2d(
  input: TensorLike,
  ksize: Sizes | PoolOptions,
  strides?: Sizes | MorePoolOptions,
  padding?: Padding | MorePoolOptions,
  opts?: MorePoolOptions,
): Tensor {
  const { x, window, format } = pool('nn.maxPool2d', input, [ksize, strides, padding, opts], 'floating', 'integer');
  if (isFloating(x.dtype)) return imageIn(maxPoolOf(x, window), format);
  // Every int32 is a float64, and every uint8 a float32.
  const exact = castTo(x, x.dtype === 'int32' ? 'float64' : 'float32');
  return imageIn(castTo(maxPoolOf(exact, window), x.dtype), format);
}

/**
 * The mean of each window and channel, over what of it lies in the image; 0 where that is nothing. float32 and float64.
 * input [batch, rows, columns, channels] -> [batch, rows, columns, channels], or in the order of dataFormat
 * @throws ShapeError, DTypeError, ValueError as maxPool2d
 */
export function avgPool2d(
  input: TensorLike,
  ksize: Sizes | PoolOptions,
  strides?: Sizes | MorePoolOptions,
  padding?: Padding | MorePoolOptions,
  opts?: MorePoolOptions,
): Tensor {
  const { x, window, format } = pool('nn.avgPool2d', input, [ksize, strides, padding, opts], 'floating');
  return imageIn(meansOf(x, window), format);
}

function meansOf(x: Tensor, { words, shapes }: Window): Tensor {
  const [image, taps, result] = shapes;
  const filter = shapeOf([...taps, image[3] as number]);
  const sums = depthwise(ofResult, x, uniformTensor(1, x.dtype, filter), { words, shapes: [image, filter, result] });
  const [rows, columns] = [0, 1].map((d) => {
    const [k, stride, dilation, before] = words.slice(5 * d) as [number, number, number, number];
    const length = image[1 + d] as number;
    return Array.from({ length: result[1 + d] as number }, (_, i) => {
      const from = i * stride - before;
      const first = Math.max(0, Math.ceil(-from / dilation)); // of the taps in the image
      const inside = Math.min(k, Math.ceil((length - from) / dilation)) - first;
      return Math.max(inside, 1); // a window without elements sums up to 0
    });
  }) as [number[], number[]];
  const count = (taps[0] as number) * (taps[1] as number);
  if (rows.every((n) => n === taps[0]) && columns.every((n) => n === taps[1])) return div(sums, count);
  const tall = reshapeTo(asTensor('nn.avgPool2d', rows, x.dtype), shapeOf([rows.length, 1, 1]));
  return div(sums, mul(tall, reshapeTo(asTensor('nn.avgPool2d', columns, x.dtype), shapeOf([columns.length, 1]))));
}
