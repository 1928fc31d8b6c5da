/**
 * Windows of convolution and pooling, as users describe them: sizes, strides, padding, and the lengths of the result.
 */
import { isPlainObject, type Kind, listOf, oneOf, refused } from '../base/arguments.js';
import { ShapeError } from '../base/errors.js';
import { type Shape, showShape } from '../base/shape.js';

/**
 * 'VALID': only windows inside the image. 'SAME': ceil(length / stride) windows; half of the zeros before the image and
 * half after it, an odd one after. Or the number of zeros [before, after] of rows and of columns: [rows, columns], or
 * one pair for each axis of the image, which is [0, 0] for batch and channels.
 */
export type Padding = NamedPadding | readonly (readonly [number, number])[];
/** The paddings with a name, as `Padding` says; either case. */
export type NamedPadding = 'SAME' | 'VALID' | 'same' | 'valid';
/** A number for rows and columns: one for both, [rows, columns], or one for each axis of the image, 1 for the others. */
export type Sizes = number | readonly number[];

const kMaxLength = 2 ** 31 - 1;

export const isLength = (n: unknown): n is number =>
  Number.isInteger(n) && (n as number) >= 1 && (n as number) <= kMaxLength;

/**
 * The order of the axes of images: batch (N), rows (H), columns (W), channels (C). The kernels know NHWC; images in NCHW
 * are transposed, and so are the results.
 */
export type DataFormat = 'NHWC' | 'NCHW';

/** The axes of an image, for errors. */
export const imageAxes: Readonly<Record<DataFormat, readonly string[]>> = {
  NHWC: ['batch', 'rows', 'columns', 'channels'],
  NCHW: ['batch', 'channels', 'rows', 'columns'],
};

/** Permutations of the axes, from NCHW to NHWC and back. */
export const channelsLast: readonly number[] = [0, 2, 3, 1];
export const channelsFirst: readonly number[] = [0, 3, 1, 2];

/** A list for the axes of NHWC, in the order of a format. */
export function inFormat<T>(list: readonly T[], format: DataFormat): readonly T[] {
  return format === 'NCHW' ? channelsFirst.map((d) => list[d] as T) : list;
}

/** A list for the axes of a format, in the order of NHWC. */
export function fromFormat<T>(list: readonly T[], format: DataFormat): readonly T[] {
  return format === 'NCHW' ? channelsLast.map((d) => list[d] as T) : list;
}

const sizesOf = (format: DataFormat): Kind<readonly [number, number]> => ({
  expected: `a whole number >= 1, [rows, columns] or [${inFormat(['1', 'rows', 'columns', '1'], format).join(', ')}]`,
  read: (value) => {
    const list = typeof value === 'number' ? [value] : listOf(value);
    if (!list?.every(isLength)) return refused;
    const [a, b = a] = list as [number, number?];
    if (list.length === 1 || list.length === 2) return [a, b];
    const [batch, rows, columns, channels] = fromFormat(list, format) as [number, number, number, number];
    return list.length === 4 && batch === 1 && channels === 1 ? [rows, columns] : refused;
  },
});

/** Sizes of a window over images in NHWC. */
export const sizesKind: Kind<readonly [number, number]> = sizesOf('NHWC');

/** A padding as read: zeros [before, after] of rows and of columns, or one of the two names. */
export type Pads = 'SAME' | 'VALID' | readonly (readonly [number, number])[];
export const namedPads: Kind<'SAME' | 'VALID'> = oneOf(['SAME', 'VALID'] as const, true);
const padsOf = (format: DataFormat): Kind<Pads> => ({
  expected: `'SAME', 'VALID', [${inFormat(['[0, 0]', '[top, bottom]', '[left, right]', '[0, 0]'], format).join(', ')}] or [[top, bottom], [left, right]]`,
  read: (value) => {
    const named = namedPads.read(value);
    if (named !== refused) return named;
    const pairs = listOf(value)?.map(listOf);
    if (pairs?.length !== 2 && pairs?.length !== 4) return refused;
    const isCount = (n: unknown): boolean => n === 0 || isLength(n);
    if (!pairs.every((pair) => pair?.length === 2 && pair.every(isCount))) return refused;
    const all = pairs as unknown as (readonly [number, number])[];
    const [batch, rows, columns, channels] = all.length === 4 ? fromFormat(all, format) : [none, all[0], all[1], none];
    if ([batch, channels].some((pair) => pair?.some((n) => n > 0))) return refused;
    return [rows, columns] as (readonly [number, number])[];
  },
});
const none = [0, 0] as const;

/** The options of `conv2d`, `conv2dTranspose` and `depthwiseConv2d`. */
export interface Conv2dOptions {
  /** Distance from one window to the next: one number, [rows, columns] or [1, rows, columns, 1]. Default 1. */
  strides?: Sizes;
  /** Default 'VALID'. */
  padding?: Padding;
  /** Distance in the image between neighbouring elements of the filter, as `strides`. Default 1. */
  dilations?: Sizes;
  /** The order of the axes of images, and of their result. Default 'NHWC'. */
  dataFormat?: DataFormat;
}

export const formatKind: Kind<DataFormat> = oneOf(['NHWC', 'NCHW'] as const);

/** What convolutions take. Lists for all axes are read in the order of the format. */
export type Conv2dSpec = {
  readonly strides: Kind<readonly [number, number]>;
  readonly padding: Kind<Pads>;
  readonly dilations: Kind<readonly [number, number]>;
  readonly dataFormat: Kind<DataFormat>;
};
export type PoolSpec = Conv2dSpec & { readonly ksize: Kind<readonly [number, number]> };

const convolutionIn = (format: DataFormat): Conv2dSpec => {
  const sizes = sizesOf(format);
  return { strides: sizes, padding: padsOf(format), dilations: sizes, dataFormat: formatKind };
};
const convolutions = { NHWC: convolutionIn('NHWC'), NCHW: convolutionIn('NCHW') } as const;
const poolIn = (format: DataFormat): PoolSpec => ({ ...convolutions[format], ksize: sizesOf(format) });
const pools = { NHWC: poolIn('NHWC'), NCHW: poolIn('NCHW') } as const;

/** Whether the options among some arguments name this format; not if they cannot be read. */
export function namesFormat(given: readonly unknown[], format: string): boolean {
  try {
    return given.find(isPlainObject)?.['dataFormat'] === format;
  } catch {
    return false;
  }
}

/** What a convolution takes, in the format that its arguments name. */
export function conv2dSpecFor(given: readonly unknown[]): Conv2dSpec {
  return convolutions[namesFormat(given, 'NCHW') ? 'NCHW' : 'NHWC'];
}
/** What a pool takes, in the format that its arguments name. */
export function poolSpecFor(given: readonly unknown[]): PoolSpec {
  return pools[namesFormat(given, 'NCHW') ? 'NCHW' : 'NHWC'];
}

/** How a window slides over an image, as read from options: [rows, columns] each. */
export interface Slide {
  readonly strides?: readonly [number, number];
  readonly padding?: Pads;
  readonly dilations?: readonly [number, number];
  readonly dataFormat?: DataFormat;
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
  { strides = [1, 1], dilations = [1, 1], padding = 'VALID', dataFormat = 'NHWC' }: Slide,
  shown: Shown = { image: inFormat(image, dataFormat), filter: taps, axes: ['rows', 'columns'] },
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

/**
 * `image`: channels last; `shown`: as the user wrote it.
 * @throws ShapeError if the filter is for another number of channels than the image has
 */
export function checkChannels(op: string, image: Shape, filter: Shape, shown: Shape = image): void {
  const [expected, channels] = [filter.at(-2), image.at(-1)];
  if (expected === channels) return;
  throw new ShapeError(
    `${op}: filters ${showShape(filter)} are for ${expected} channels, the input ${showShape(shown)} has ${channels}`,
  );
}
