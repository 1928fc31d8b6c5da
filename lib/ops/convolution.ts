/**
 * Convolution and pooling of images [batch, rows, columns, channels]. A convolution is linear in the image and in the filter:
 * with its two gradients it makes a family of three ops, each of which has the other two as its own gradients.
 */
import { type Kind, oneOf, options, positional, refused } from '../base/arguments.js';
import { DTypeError, ShapeError, ValueError } from '../base/errors.js';
import { checkShape, guardShape, type Shape, sameShape, showShape } from '../base/shape.js';
import { opcodeOf } from '../engine/addon.js';
import { type Tensor, uniformTensor } from '../engine/tensor.js';
import { asTensor, asTensors, done, fromX, fromY, linear, node, register } from '../op/op.js';
import type { Entry, RecordedOp, Vjp } from '../record/tape.js';
import { isRecording, record1, record2 } from '../record/tape.js';
import type { TensorLike } from '../record/variable.js';
import { div, mul } from './arithmetic.js';
import { expandDims, reshape, spread, squeeze, zeroOf } from './structure.js';

// ---- windows ----

/**
 * 'VALID': only windows inside the image; 'SAME': ceil(length / stride) windows, the zeros around the image shared evenly, one more
 * after it than before; or how many zeros [before, after] each axis gets, as [[0, 0], rows, columns, [0, 0]] or [rows, columns].
 */
export type Padding = NamedPadding | readonly (readonly [number, number])[];
type NamedPadding = 'SAME' | 'VALID' | 'same' | 'valid';
/** Rows' and columns' number: one for both, [rows, columns] or [1, rows, columns, 1]. */
type Sizes = number | readonly number[];

export interface Conv2dOptions {
  /** Step of the window: one number, [rows, columns] or [1, rows, columns, 1]; default 1. */
  strides?: Sizes;
  /** Default 'VALID'. */
  padding?: Padding;
  /** Distance of the filter's taps in the image, as `strides`; default 1. */
  dilations?: Sizes;
  /** Images are [batch, rows, columns, channels]. */
  dataFormat?: 'NHWC';
}

/** What the addon needs (program.h), and the shapes of image, filter and result. */
interface Window {
  readonly words: readonly number[];
  readonly shapes: readonly [image: Shape, filter: Shape, result: Shape];
}
const windowOf = (e: Entry): Window => e.attributes as Window;

const most = 2 ** 31 - 1;

function listOf(value: unknown): readonly unknown[] | null {
  try {
    if (Array.isArray(value)) return Array.from(value); // with what a sparse one leaves out
    return ArrayBuffer.isView(value) && 'length' in value ? Array.from(value as Float64Array) : null;
  } catch {
    return null; // a revoked proxy
  }
}

const isLength = (n: unknown): n is number => Number.isInteger(n) && (n as number) >= 1 && (n as number) <= most;

const sizesKind: Kind<readonly [number, number]> = {
  expected: 'a whole number >= 1, [rows, columns] or [1, rows, columns, 1]',
  read: (value) => {
    const list = typeof value === 'number' ? [value] : listOf(value);
    if (!list?.every(isLength)) return refused;
    const [a, b = a, c, d] = list as [number, number?, number?, number?];
    if (list.length === 1 || list.length === 2) return [a, b];
    return list.length === 4 && a === 1 && d === 1 ? [b, c as number] : refused;
  },
};

/** Zeros before and after rows and columns, or one of the two names. */
type Pads = 'SAME' | 'VALID' | readonly (readonly [number, number])[];
const namedPads = oneOf(['SAME', 'VALID'] as const, true);
const padsKind: Kind<Pads> = {
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

const conv2dSpec = {
  strides: sizesKind,
  padding: padsKind,
  dilations: sizesKind,
  dataFormat: oneOf(['NHWC']),
} as const;
const byPosition = ['strides', 'padding'] as const;

/** How a window slides over the image, as read from options. */
interface Slide {
  readonly strides?: readonly [number, number];
  readonly padding?: Pads;
  readonly dilations?: readonly [number, number];
}

/** What errors show of an image: a convolution along one axis has no rows. */
interface Shown {
  readonly image: Shape;
  readonly filter: Shape;
  readonly axes: readonly [string, string];
}

/** The window of `taps` over an image: pads, and the lengths of the result. */
function slide(
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

function rankIs(op: string, what: string, t: { readonly shape: Shape }, axes: readonly string[]): void {
  if (t.shape.length !== axes.length) {
    throw new ShapeError(`${op}: expected ${what} [${axes.join(', ')}], got shape ${showShape(t.shape)}`);
  }
}

/** Two operands of one floating dtype. */
function operandsFor(op: string, names: readonly string[], values: readonly TensorLike[]): [Tensor, Tensor] {
  const [x, y] = asTensors(op, values, names) as [Tensor, Tensor];
  floating(op, x);
  return [x, y];
}

function floating(op: string, t: Tensor): Tensor {
  if (t.dtype === 'float32' || t.dtype === 'float64') return t;
  throw new DTypeError(`${op}: expected dtype float32 or float64, got ${t.dtype}; write cast(x, 'float32')`);
}

const imageAxes = ['batch', 'rows', 'columns', 'channels'];

function channelsFit(op: string, image: Shape, filter: Shape): void {
  const [expected, channels] = [filter.at(-2), image.at(-1)];
  if (expected === channels) return;
  throw new ShapeError(
    `${op}: filters ${showShape(filter)} are for ${expected} channels, the input ${showShape(image)} has ${channels}`,
  );
}

// ---- three ops of a form ----

// The form <conv(image, filter), result> is linear in each of the three. An op gives its derivative in one of them (a slot)
// from the other two; so its own derivative in one of these is the op of that slot, applied to its cotangent and the other.
type Slot = 0 | 1 | 2;
const [ofImage, ofFilter, ofResult] = [0, 1, 2] as const;
const operandsOf: readonly (readonly [Slot, Slot])[] = [
  [ofResult, ofFilter],
  [ofImage, ofResult],
  [ofImage, ofFilter],
];

type Form = (slot: Slot, x: Tensor, y: Tensor, window: Window) => Tensor;

function formOf(names: readonly [string, string, string]): Form {
  const opcodes = names.map(opcodeOf);
  const pullback = (slot: Slot, wanted: Slot) => {
    return (ct: Tensor, other: Tensor, e: Entry): Tensor =>
      operandsOf[wanted]?.[0] === slot ? form(wanted, ct, other, windowOf(e)) : form(wanted, other, ct, windowOf(e));
  };
  const ops = operandsOf.map(([x, y], slot): RecordedOp => {
    const vjps: Vjp[] = [fromY(pullback(slot as Slot, x)), fromX(pullback(slot as Slot, y))];
    return { name: names[slot] as string, vjps };
  });
  const form: Form = (slot, x, y, window) => {
    const t = node(names[slot], opcodes[slot] as number, x.dtype, window.shapes[slot], x, y, window.words);
    if (isRecording()) record2(ops[slot] as RecordedOp, t, x, y, window);
    return done(t);
  };
  return form;
}

const dense = formOf(['conv2dBackpropInput', 'conv2dBackpropFilter', 'conv2d']);
const depthwise = formOf(['depthwiseConv2dBackpropInput', 'depthwiseConv2dBackpropFilter', 'depthwiseConv2d']);

/** The window of a dense filter [rows, columns, channels, results]. */
function denseWindow(op: string, image: Shape, filter: Shape, opts: Slide, shown?: Shown): Window {
  rankIs(op, 'an input', { shape: image }, imageAxes);
  rankIs(op, 'filters', { shape: filter }, ['rows', 'columns', 'channels', 'results']);
  channelsFit(op, image, filter);
  const { words, lengths } = slide(op, image, filter, opts, shown);
  const result = guardShape(op, [image[0] as number, ...lengths, filter[3] as number]);
  return { words, shapes: [image, filter, result] };
}

function resultFits(op: string, what: string, got: Shape, window: Window): void {
  const [image, filter, result] = window.shapes;
  if (sameShape(got, result)) return;
  throw new ShapeError(
    `${op}: the ${what} has shape ${showShape(got)}, but an image ${showShape(image)} under filters ${showShape(filter)} gives ${showShape(result)}`,
  );
}

/**
 * Convolution (cross-correlation, as in TensorFlow): result[n, i, j, o] = sum over k, l, c of input[n, i s + k d - p, j s + l d - p, c]
 * filters[k, l, c, o], with stride s, dilation d and padding p of each axis. What lies beyond the image counts as nothing.
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
  const [x, f] = operandsFor(op, ['input', 'filters'], [input, filters]);
  return dense(ofResult, x, f, denseWindow(op, x.shape, f.shape, read));
}

/** The gradient of conv2d with respect to its input, of shape inputSizes; linear in both operands. */
export function conv2dBackpropInput(
  inputSizes: readonly number[],
  filters: TensorLike,
  outBackprop: TensorLike,
  opts?: Conv2dOptions,
): Tensor {
  const op = 'conv2dBackpropInput';
  return imageOf(op, 'outBackprop', inputSizes, filters, outBackprop, options(op, conv2dSpec, opts));
}

function imageOf(
  op: string,
  what: string,
  sizes: readonly number[],
  filters: TensorLike,
  result: TensorLike,
  read: Slide,
): Tensor {
  const [g, f] = operandsFor(op, [what, 'filters'], [result, filters]);
  rankIs(op, what === 'outBackprop' ? what : 'an input', g, imageAxes);
  const window = denseWindow(op, checkShape(op, sizes), f.shape, read);
  resultFits(op, what, g.shape, window);
  return dense(ofImage, g, f, window);
}

/** The gradient of conv2d with respect to its filters, of shape filterSizes; linear in both operands. */
export function conv2dBackpropFilter(
  input: TensorLike,
  filterSizes: readonly number[],
  outBackprop: TensorLike,
  opts?: Conv2dOptions,
): Tensor {
  const op = 'conv2dBackpropFilter';
  const read = options(op, conv2dSpec, opts);
  const [x, g] = operandsFor(op, ['input', 'outBackprop'], [input, outBackprop]);
  const window = denseWindow(op, x.shape, checkShape(op, filterSizes), read);
  resultFits(op, 'outBackprop', g.shape, window);
  return dense(ofFilter, x, g, window);
}

/**
 * The transpose of conv2d with filters [rows, columns, results, channels]: the gradient of the conv2d that takes outputShape to the
 * shape of the input. input [batch, rows, columns, channels] -> outputShape [batch, rows, columns, results]. Default padding 'SAME'.
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
  return imageOf(op, 'input', outputShape, filters, input, { padding: 'SAME', ...read });
}

/**
 * Each channel convolved with filters of its own: result c * multiplier + m is channel c under filter [:, :, c, m].
 * input [batch, rows, columns, channels], filter [rows, columns, channels, multiplier] -> [batch, rows, columns, channels * multiplier]
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
  const [x, f] = operandsFor(op, ['input', 'filter'], [input, filter]);
  rankIs(op, 'an input', x, imageAxes);
  rankIs(op, 'a filter', f, ['rows', 'columns', 'channels', 'multiplier']);
  channelsFit(op, x.shape, f.shape);
  const [rows, columns, channels, multiplier] = f.shape as [number, number, number, number];
  const repeated =
    multiplier === 1
      ? x
      : reshape(spread(expandDims(x, -1), [...x.shape, multiplier]), [...x.shape.slice(0, 3), channels * multiplier]);
  return channelwise(op, repeated, reshape(f, [rows, columns, channels * multiplier]), read);
}

function channelwise(op: string, x: Tensor, f: Tensor, read: Slide): Tensor {
  const { words, lengths } = slide(op, x.shape, f.shape, read);
  const result = guardShape(op, [x.shape[0] as number, ...lengths, x.shape[3] as number]);
  return depthwise(ofResult, x, f, { words, shapes: [x.shape, f.shape, result] });
}

export interface Conv1dOptions {
  /** Step of the window; default 1. */
  stride?: Sizes;
  /** Default 'VALID'. */
  padding?: NamedPadding;
  /** Distance of the filter's taps in the input; default 1. */
  dilations?: Sizes;
  /** Inputs are [batch, width, channels]. */
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
 * Convolution along one axis. input [batch, width, channels], filters [width, channels, results] -> [batch, width, results]
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
  const [x, f] = operandsFor(op, ['input', 'filters'], [input, filters]);
  rankIs(op, 'an input', x, ['batch', 'width', 'channels']);
  rankIs(op, 'filters', f, ['width', 'channels', 'results']);
  channelsFit(op, x.shape, f.shape);
  const window: Slide = {
    strides: [1, read.stride ?? 1],
    dilations: [1, read.dilations ?? 1],
    padding: read.padding ?? 'VALID',
  };
  const image = expandDims(x, 1);
  const filter = expandDims(f, 0);
  const shown: Shown = { image: x.shape, filter: f.shape, axes: ['rows', 'elements'] };
  return squeeze(dense(ofResult, image, filter, denseWindow(op, image.shape, filter.shape, window, shown)), 1);
}

// ---- pooling ----

export interface PoolOptions {
  /** Lengths of the window: one number, [rows, columns] or [1, rows, columns, 1]. */
  ksize: Sizes;
  /** Step of the window, as `ksize`; default `ksize`. */
  strides?: Sizes;
  /** Default 'VALID'. What is padded is no part of a window: neither its largest element nor counted in its mean. */
  padding?: Padding;
  /** Images are [batch, rows, columns, channels]. */
  dataFormat?: 'NHWC';
}
/** What may stand behind a ksize, strides or padding that was given by position. */
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
  rankIs(op, 'an input', x, imageAxes);
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

const kMaxPool = opcodeOf('maxPool');
const kMaxPoolGrad = opcodeOf('maxPoolGrad');

// Where the keys are largest decides which element of a window is taken; in what is taken both ops are linear, and each is
// the other's transpose. The derivative in the keys is zero.
const pickOp: RecordedOp = {
  name: 'maxPool',
  vjps: [fromY((ct, keys, e) => maxPoolGrad(ct, keys, windowOf(e))), linear((_, e) => zeroOf(e, 1))],
};
const maxPoolGradOp: RecordedOp = {
  name: 'maxPoolGrad',
  vjps: [fromY((ct, keys, e) => pick(ct, keys, windowOf(e))), linear((_, e) => zeroOf(e, 1))],
};
const maxPoolOp: RecordedOp = {
  name: 'maxPool2d',
  vjps: [fromX((ct, x, e) => maxPoolGrad(ct, x, windowOf(e)))],
};

function pick(x: Tensor, keys: Tensor, window: Window): Tensor {
  const t = node('maxPool', kMaxPool, x.dtype, window.shapes[2], x, keys, window.words);
  if (isRecording()) record2(pickOp, t, x, keys, window);
  return done(t);
}

function maxPoolGrad(ct: Tensor, keys: Tensor, window: Window): Tensor {
  const t = node('maxPoolGrad', kMaxPoolGrad, ct.dtype, window.shapes[0], ct, keys, window.words);
  if (isRecording()) record2(maxPoolGradOp, t, ct, keys, window);
  return done(t);
}

/**
 * The largest element of each window and channel. Its gradient goes to the first of equals in row-major order; NaN is the largest.
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
  const t = node('maxPool2d', kMaxPool, x.dtype, window.shapes[2], x, x, window.words);
  if (isRecording()) record1(maxPoolOp, t, x, window);
  return done(t);
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
  const filter = Object.freeze([...taps, image[3] as number]);
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
  const tall = reshape(asTensor('avgPool2d', rows, x.dtype), [rows.length, 1, 1]);
  return div(sums, mul(tall, reshape(asTensor('avgPool2d', columns, x.dtype), [columns.length, 1])));
}

const other = { family: 'other', namespace: 'nn', differentiable: true, variadic: true } as const;
const image: Shape = [2, 5, 4, 2];
const uneven = [
  [0, 0],
  [2, 1],
  [0, 3],
  [0, 0],
] as const;
register({
  ...other,
  name: 'conv2d',
  fn: conv2d,
  cases: [
    { shapes: [image, [3, 2, 2, 3]], call: (x, f) => conv2d(x, f, { padding: 'SAME' }) },
    { shapes: [image, [2, 2, 2, 1]], call: (x, f) => conv2d(x, f, { strides: [2, 1], dilations: [1, 3] }) },
    { shapes: [image, [3, 3, 2, 2]], call: (x, f) => conv2d(x, f, { strides: 3, dilations: 2, padding: uneven }) },
  ],
});
register({
  ...other,
  name: 'conv2dTranspose',
  fn: conv2dTranspose,
  cases: [
    {
      shapes: [
        [1, 3, 2, 2],
        [3, 2, 3, 2],
      ],
      call: (x, f) => conv2dTranspose(x, f, [1, 5, 4, 3], { strides: 2 }),
    },
  ],
});
register({
  ...other,
  name: 'conv2dBackpropInput',
  namespace: 'internal',
  fn: conv2dBackpropInput,
  cases: [
    {
      shapes: [
        [2, 2, 1, 2],
        [2, 3, 2, 2],
      ],
      call: (g, f) => conv2dBackpropInput(image, f, g, { strides: 2 }),
    },
  ],
});
register({
  ...other,
  name: 'conv2dBackpropFilter',
  namespace: 'internal',
  fn: conv2dBackpropFilter,
  cases: [{ shapes: [image, [2, 2, 1, 2]], call: (x, g) => conv2dBackpropFilter(x, [2, 3, 2, 2], g, { strides: 2 }) }],
});
register({
  ...other,
  name: 'depthwiseConv2d',
  fn: depthwiseConv2d,
  cases: [
    { shapes: [image, [3, 2, 2, 1]], call: (x, f) => depthwiseConv2d(x, f, { padding: 'SAME' }) },
    { shapes: [image, [2, 2, 2, 3]], call: (x, f) => depthwiseConv2d(x, f, { strides: [2, 1], dilations: [1, 2] }) },
  ],
});
register({
  ...other,
  name: 'conv1d',
  fn: conv1d,
  cases: [
    {
      shapes: [
        [2, 6, 2],
        [3, 2, 2],
      ],
      call: (x, f) => conv1d(x, f, { stride: 2, padding: 'SAME' }),
    },
  ],
});
for (const [name, fn] of Object.entries({ maxPool2d, avgPool2d })) {
  register({
    ...other,
    name,
    fn,
    cases: [
      { shapes: [image], call: (x) => fn(x, { ksize: 2, strides: 1 }) },
      { shapes: [image], call: (x) => fn(x, { ksize: [3, 2], strides: 2, padding: 'SAME' }) },
    ],
  });
}
