/**
 * Windows of convolution and pooling, as users describe them: sizes, strides, padding, and the lengths of the result.
 */
import { type Kind, listOf, oneOf, refused } from '../base/arguments.js';
import { ShapeError } from '../base/errors.js';
import { type Shape, showShape } from '../base/shape.js';

/**
 * 'VALID': only windows inside the image. 'SAME': ceil(length / stride) windows; half of the zeros before the image and
 * half after it, an odd one after. Or the number of zeros [before, after] for each axis: [[0, 0], rows, columns, [0,
 * 0]] or [rows, columns].
 */
export type Padding = NamedPadding | readonly (readonly [number, number])[];
export type NamedPadding = 'SAME' | 'VALID' | 'same' | 'valid';
/** A number for rows and columns: one for both, [rows, columns] or [1, rows, columns, 1]. */
export type Sizes = number | readonly number[];

const kMaxLength = 2 ** 31 - 1;

export const isLength = (n: unknown): n is number =>
  Number.isInteger(n) && (n as number) >= 1 && (n as number) <= kMaxLength;

export const sizesKind: Kind<readonly [number, number]> = {
  expected: 'a whole number >= 1, [rows, columns] or [1, rows, columns, 1]',
  read: (value) => {
    const list = typeof value === 'number' ? [value] : listOf(value);
    if (!list?.every(isLength)) return refused;
    const [a, b = a, c, d] = list as [number, number?, number?, number?];
    if (list.length === 1 || list.length === 2) return [a, b];
    return list.length === 4 && a === 1 && d === 1 ? [b, c as number] : refused;
  },
};

/** A padding as read: zeros [before, after] of rows and of columns, or one of the two names. */
export type Pads = 'SAME' | 'VALID' | readonly (readonly [number, number])[];
export const namedPads: Kind<'SAME' | 'VALID'> = oneOf(['SAME', 'VALID'] as const, true);
export const padsKind: Kind<Pads> = {
  expected: "'SAME', 'VALID', [[0, 0], [top, bottom], [left, right], [0, 0]] or [[top, bottom], [left, right]]",
  read: (value) => {
    const named = namedPads.read(value);
    if (named !== refused) return named;
    const pairs = listOf(value)?.map(listOf);
    if (pairs?.length !== 2 && pairs?.length !== 4) return refused;
    const isCount = (n: unknown): boolean => n === 0 || isLength(n);
    if (!pairs.every((pair) => pair?.length === 2 && pair.every(isCount))) return refused;
    const all = pairs as unknown as (readonly [number, number])[];
    const [batch, rows, columns, channels] = all.length === 4 ? all : [none, all[0], all[1], none];
    if ([batch, channels].some((pair) => pair?.some((n) => n > 0))) return refused;
    return [rows, columns] as (readonly [number, number])[];
  },
};
const none = [0, 0] as const;

export interface Conv2dOptions {
  /** Distance from one window to the next: one number, [rows, columns] or [1, rows, columns, 1]. Default 1. */
  strides?: Sizes;
  /** Default 'VALID'. */
  padding?: Padding;
  /** Distance in the image between neighbouring elements of the filter, as `strides`. Default 1. */
  dilations?: Sizes;
  /** Images are [batch, rows, columns, channels], the only format. */
  dataFormat?: 'NHWC';
}

export const conv2dSpec: {
  readonly strides: Kind<readonly [number, number]>;
  readonly padding: Kind<Pads>;
  readonly dilations: Kind<readonly [number, number]>;
  readonly dataFormat: Kind<'NHWC'>;
} = {
  strides: sizesKind,
  padding: padsKind,
  dilations: sizesKind,
  dataFormat: oneOf(['NHWC']),
};
/** How a window slides over an image, as read from options: [rows, columns] each. */
export interface Slide {
  readonly strides?: readonly [number, number];
  readonly padding?: Pads;
  readonly dilations?: readonly [number, number];
}

/**
 * What errors show instead of the internal shapes: conv1d computes with images that have one row, and users know no
 * rows.
 */
export interface Shown {
  readonly image: Shape;
  readonly filter: Shape;
  readonly axes: readonly [string, string];
}

/**
 * The window of `taps` (rows, columns) over an image: the kernel's words, for each of the two axes taps, stride,
 * dilation, zeros before and after; and the lengths of the result.
 * @throws ShapeError for a window without taps, or one that does not fit the padded image
 */
export function slide(
  op: string,
  image: Shape,
  taps: readonly number[],
  { strides = [1, 1], dilations = [1, 1], padding = 'VALID' }: Slide,
  shown: Shown = { image, filter: taps, axes: ['rows', 'columns'] },
): { words: number[]; lengths: number[] } {
  const words: number[] = [];
  const lengths: number[] = [];
  for (const d of [0, 1] as const) {
    const length = image[1 + d] as number;
    const tapCount = taps[d] as number;
    const stride = strides[d];
    if (tapCount < 1) throw new ShapeError(`${op}: a window of shape ${showShape(shown.filter)} has no taps`);
    const reach = (tapCount - 1) * dilations[d] + 1;
    const room = Math.max((Math.ceil(length / stride) - 1) * stride + reach - length, 0);
    const named = padding === 'SAME' ? [Math.floor(room / 2), Math.ceil(room / 2)] : none;
    const [before, after] = (typeof padding === 'string' ? named : padding[d]) as readonly [number, number];
    const beyond = length + before + after - reach;
    if (beyond + stride < 0) {
      throw new ShapeError(
        `${op}: a window that reaches over ${reach} ${shown.axes[d]} does not fit the ${length + before + after} of the padded image ${showShape(shown.image)}`,
      );
    }
    words.push(tapCount, stride, dilations[d], before, after);
    lengths.push(beyond < 0 ? 0 : Math.floor(beyond / stride) + 1);
  }
  return { words, lengths };
}

/** @throws ShapeError if t has not the rank of these axes */
export function checkRank(op: string, what: string, t: { readonly shape: Shape }, axes: readonly string[]): void {
  if (t.shape.length !== axes.length) {
    throw new ShapeError(`${op}: expected ${what} [${axes.join(', ')}], got shape ${showShape(t.shape)}`);
  }
}

/** The axes of an image, for errors. */
export const imageAxes: readonly string[] = ['batch', 'rows', 'columns', 'channels'];

/** @throws ShapeError if the filter is for another number of channels than the image has */
export function checkChannels(op: string, image: Shape, filter: Shape): void {
  const [expected, channels] = [filter.at(-2), image.at(-1)];
  if (expected === channels) return;
  throw new ShapeError(
    `${op}: filters ${showShape(filter)} are for ${expected} channels, the input ${showShape(image)} has ${channels}`,
  );
}
