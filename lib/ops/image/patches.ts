/** Patches of images: what a sliding window sees, as vectors. */
import { positional } from '../../base/arguments.js';
import { ValueError } from '../../base/errors.js';
import { guardShape } from '../../base/shape.js';
import type { Tensor } from '../../engine/tensor.js';
import { asIndices, asTensor } from '../../op/operands.js';
import type { TensorLike } from '../../op/variable.js';
import { checkRank, imageAxes, type NamedPadding, namedPads, type Sizes, sizesKind, slide } from '../../op/windows.js';
import { add, mul } from '../../primitives/arithmetic.js';
import { boxAt, placeBox } from '../../primitives/box.js';
import { gatherRows, type Rows } from '../../primitives/gather.js';
import { reshapeTo } from '../../primitives/movement.js';

/** The options of `extractPatches`. */
export interface PatchOptions {
  /** The size of the window: one number, [rows, columns] or [1, rows, columns, 1]. */
  sizes: Sizes;
  /** Distance from one window to the next, as `sizes`. Default 1. */
  strides?: Sizes;
  /** Distance in the image between neighbouring elements of a window, as `sizes`. Default 1. */
  rates?: Sizes;
  /** 'VALID' (default), or 'SAME': zeros around the image. */
  padding?: NamedPadding;
}
/** The options, where some are given by position. */
type MorePatchOptions = Partial<PatchOptions>;

const patchSpec = { sizes: sizesKind, strides: sizesKind, rates: sizesKind, padding: namedPads } as const;

/**
 * The patches of images: for each place of a sliding window its rows, columns and channels as one vector, in row-major
 * order. Every dtype.
 * images [batch, rows, columns, channels] -> [batch, rows, columns, window rows * window columns * channels]
 * @throws ShapeError for a rank or a window that does not fit; ValueError ERR_OPTION
 */
export function extractPatches(
  images: TensorLike,
  window: Sizes | PatchOptions,
  strides?: Sizes | MorePatchOptions,
  rates?: Sizes | MorePatchOptions,
  padding?: NamedPadding | MorePatchOptions,
  opts?: MorePatchOptions,
): Tensor {
  const op = 'image.extractPatches';
  const given = [window, strides, rates, padding, opts];
  const read = positional(op, patchSpec, ['sizes', 'strides', 'rates', 'padding'], given);
  if (!read.sizes) {
    throw new ValueError(
      `${op}: sizes must be ${sizesKind.expected}, got undefined; write ${op}(images, { sizes: 2 })`,
      'ERR_OPTION',
    );
  }
  const x = asTensor(op, images, undefined, 'images');
  checkRank(op, 'images', x, imageAxes.NHWC);
  const { words, lengths } = slide(op, x.shape, read.sizes, {
    padding: read.padding ?? 'VALID',
    strides: read.strides ?? [1, 1],
    dilations: read.rates ?? [1, 1],
  });
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  const [tall, wide] = read.sizes;
  const [rows, columns] = lengths as [number, number];
  const [, rowStride, rowRate, top, bottom, , columnStride, columnRate, left, right] = words as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const shape = guardShape(op, [batch, rows, columns, tall * wide * channels]);
  const framed = guardShape(op, [batch, height + top + bottom, width + left + right, channels]);
  const padded = placeBox(x, framed, boxAt([0, top, left, 0]));
  // The places in the image, [rows, columns, window rows, window columns].
  const down = places(op, rows, rowStride, tall, rowRate, [rows, 1, tall, 1]);
  const across = places(op, columns, columnStride, wide, columnRate, [1, columns, 1, wide]);
  const indices = add(mul(down, framed[2] as number), across);
  const sizes: Rows['sizes'] = [1, batch, (framed[1] as number) * (framed[2] as number), indices.size, channels];
  return gatherRows(op, padded, indices, { sizes, sparse: false }, shape);
}

/** Where along an axis each element of each window lies. */
function places(op: string, windows: number, stride: number, taps: number, rate: number, shape: number[]): Tensor {
  const list = Int32Array.from({ length: windows * taps }, (_, i) => Math.floor(i / taps) * stride + (i % taps) * rate);
  return reshapeTo(asIndices(op, list), guardShape(op, shape));
}
