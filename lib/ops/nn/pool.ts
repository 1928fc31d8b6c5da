/** Pooling: the checks around primitives/conv.ts. */
import { oneOf, positional } from '../../base/arguments.js';
import { ValueError } from '../../base/errors.js';
import { guardShape, shapeOf, showShape } from '../../base/shape.js';
import { type Tensor, uniformTensor } from '../../engine/tensor.js';
import { asTensor, floating } from '../../op/operands.js';
import type { TensorLike } from '../../op/variable.js';
import { checkRank, imageAxes, type Padding, padsKind, type Sizes, sizesKind, slide } from '../../op/windows.js';
import { div, mul } from '../../primitives/arithmetic.js';
import { depthwise, maxPoolOf, ofResult, type Window } from '../../primitives/conv.js';
import { reshapeTo } from '../../primitives/movement.js';

export interface PoolOptions {
  /** The size of the window: one number, [rows, columns] or [1, rows, columns, 1]. */
  ksize: Sizes;
  /** Distance from one window to the next, as `ksize`. Default: `ksize`. */
  strides?: Sizes;
  /** Default 'VALID'. Padding never is the largest element of a window, and does not count in its mean. */
  padding?: Padding;
  /** Images are [batch, rows, columns, channels], the only format. */
  dataFormat?: 'NHWC';
}
/** The options, where some are given by position. */
type MorePoolOptions = Partial<PoolOptions>;

const poolSpec = { ksize: sizesKind, strides: sizesKind, padding: padsKind, dataFormat: oneOf(['NHWC']) } as const;

function pool(op: string, input: TensorLike, given: readonly unknown[]): [x: Tensor, window: Window] {
  const read = positional(op, poolSpec, ['ksize', 'strides', 'padding'], given);
  const { ksize, strides = ksize, padding = 'VALID' } = read;
  if (!ksize) {
    throw new ValueError(
      `${op}: ksize must be ${sizesKind.expected}, got undefined; write ${op}(x, { ksize: 2 })`,
      'ERR_OPTION',
    );
  }
  const x = floating(op, asTensor(op, input, undefined, 'input'));
  checkRank(op, 'an input', x, imageAxes);
  const { words, lengths } = slide(op, x.shape, ksize, { padding, strides: strides as readonly [number, number] });
  if (ksize.some((k, d) => Math.max(words[5 * d + 3] as number, words[5 * d + 4] as number) >= k)) {
    const shown = typeof padding === 'string' ? `'${padding}'` : `[${padding.map(showShape).join(', ')}]`;
    throw new ValueError(
      `${op}: padding must be smaller than the window ${showShape(ksize)}, got ${shown}`,
      'ERR_OPTION',
    );
  }
  const result = guardShape(op, [x.shape[0] as number, ...lengths, x.shape[3] as number]);
  return [x, { words, shapes: [x.shape, ksize, result] }];
}

/**
 * The largest element of each window and channel. Its gradient goes to the first of equals in row-major order; NaN is
 * the largest.
 * input [batch, rows, columns, channels] -> [batch, rows, columns, channels]
 * @throws ShapeError for a rank or a window that does not fit; DTypeError for dtypes other than float32, float64;
 *   ValueError ERR_OPTION for an option, and for a padding as large as the window
 */
export function maxPool2d(
  input: TensorLike,
  ksize: Sizes | PoolOptions,
  strides?: Sizes | MorePoolOptions,
  padding?: Padding | MorePoolOptions,
  opts?: MorePoolOptions,
): Tensor {
  const [x, window] = pool('maxPool2d', input, [ksize, strides, padding, opts]);
  return maxPoolOf(x, window);
}

/**
 * The mean of each window and channel, over what of it lies in the image.
 * input [batch, rows, columns, channels] -> [batch, rows, columns, channels]
 * @throws ShapeError, DTypeError, ValueError as maxPool2d
 */
export function avgPool2d(
  input: TensorLike,
  ksize: Sizes | PoolOptions,
  strides?: Sizes | MorePoolOptions,
  padding?: Padding | MorePoolOptions,
  opts?: MorePoolOptions,
): Tensor {
  const [x, { words, shapes }] = pool('avgPool2d', input, [ksize, strides, padding, opts]);
  const [image, taps, result] = shapes;
  const filter = shapeOf([...taps, image[3] as number]);
  const sums = depthwise(ofResult, x, uniformTensor(1, x.dtype, filter), { words, shapes: [image, filter, result] });
  const [rows, columns] = [0, 1].map((d) => {
    const [k, stride, , before] = words.slice(5 * d) as [number, number, number, number];
    const length = image[1 + d] as number;
    return Array.from({ length: result[1 + d] as number }, (_, i) => {
      const from = i * stride - before;
      return Math.min(from + k, length) - Math.max(from, 0);
    });
  }) as [number[], number[]];
  const count = (taps[0] as number) * (taps[1] as number);
  if (rows.every((n) => n === taps[0]) && columns.every((n) => n === taps[1])) return div(sums, count);
  const tall = reshapeTo(asTensor('avgPool2d', rows, x.dtype), shapeOf([rows.length, 1, 1]));
  return div(sums, mul(tall, reshapeTo(asTensor('avgPool2d', columns, x.dtype), shapeOf([columns.length, 1]))));
}
