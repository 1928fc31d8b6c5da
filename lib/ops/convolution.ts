/**
 * Convolution and pooling of images [batch, rows, columns, channels]. A convolution is linear in the image and in the filter:
 * with its two gradients it makes a family of three ops, each of which has the other two as its own gradients.
 */
import { DTypeError, ShapeError, show, ValueError } from '../errors.js';
import { opcodeOf } from '../native.js';
import { asTensor, asTensors, done, fromX, fromY, linear, node, register } from '../op.js';
import { checkShape, guardShape, type Shape, sameShape, showShape } from '../shape.js';
import type { Entry, RecordedOp, Vjp } from '../tape.js';
import { isRecording, record1, record2 } from '../tape.js';
import { type Tensor, uniformTensor } from '../tensor.js';
import type { TensorLike } from '../variable.js';
import { div, mul } from './arithmetic.js';
import { expandDims, reshape, spread, squeeze, zeroOf } from './structure.js';

// ---- windows ----

/**
 * 'VALID': only windows inside the image; 'SAME': ceil(length / stride) windows, the zeros around the image shared evenly, one more
 * after it than before; or how many zeros [before, after] each axis gets, as [[0, 0], rows, columns, [0, 0]] or [rows, columns].
 */
export type Padding = 'SAME' | 'VALID' | readonly (readonly [number, number])[];

export interface Conv2dOptions {
  /** Step of the window: one number, [rows, columns] or [1, rows, columns, 1]; default 1. */
  strides?: number | readonly number[];
  /** Default 'VALID'. */
  padding?: Padding;
  /** Distance of the filter's taps in the image, as `strides`; default 1. */
  dilations?: number | readonly number[];
}

/** What the addon needs (program.h), and the shapes of image, filter and result. */
interface Window {
  readonly words: readonly number[];
  readonly shapes: readonly [image: Shape, filter: Shape, result: Shape];
}
const windowOf = (e: Entry): Window => e.attributes as Window;

const most = 2 ** 31 - 1;

function option(op: string, name: string, expected: string, got: unknown): ValueError {
  const shown = Array.isArray(got) ? `[${got.map(show).join(', ')}]` : show(got);
  return new ValueError(`${op}: ${name} must be ${expected}, got ${shown}`, 'ERR_OPTION');
}

/** Rows' and columns' number of an option. */
function pairOf(op: string, name: string, value: number | readonly number[]): readonly [number, number] {
  const list = typeof value === 'number' ? [value] : value;
  const expected = 'a whole number >= 1, [rows, columns] or [1, rows, columns, 1]';
  if (!Array.isArray(list) || ![1, 2, 4].includes(list.length)) throw option(op, name, expected, value);
  if (list.some((n) => !Number.isInteger(n) || n < 1 || n > most)) throw option(op, name, expected, value);
  if (list.length === 4 && (list[0] !== 1 || list[3] !== 1)) throw option(op, name, expected, value);
  const at = list.length === 4 ? 1 : 0;
  return [list[at] as number, (list.length === 1 ? list[0] : list[at + 1]) as number];
}

function explicitPads(op: string, padding: unknown): readonly (readonly [number, number])[] {
  const expected = "'SAME', 'VALID', [[0, 0], [top, bottom], [left, right], [0, 0]] or [[top, bottom], [left, right]]";
  const isCount = (n: unknown): boolean => Number.isInteger(n) && (n as number) >= 0 && (n as number) <= most;
  const isPair = (p: unknown): boolean => Array.isArray(p) && p.length === 2 && p.every(isCount);
  if (!Array.isArray(padding) || ![2, 4].includes(padding.length) || !padding.every(isPair)) {
    throw option(op, 'padding', expected, padding);
  }
  const pairs = padding as (readonly [number, number])[];
  if (pairs.length === 2) return pairs;
  const [batch, rows, columns, channels] = pairs as [
    never,
    readonly [number, number],
    readonly [number, number],
    never,
  ];
  if (batch[0] + batch[1] + channels[0] + channels[1] > 0) throw option(op, 'padding', `${expected} with`, padding);
  return [rows, columns];
}

/** The window of `taps` over an image: pads, and the lengths of the result. */
function slide(
  op: string,
  image: Shape,
  taps: readonly number[],
  opts: Conv2dOptions,
): { words: number[]; lengths: number[] } {
  if ('dataFormat' in opts && opts.dataFormat !== 'NHWC') throw option(op, 'dataFormat', "'NHWC'", opts.dataFormat);
  const strides = pairOf(op, 'strides', opts.strides ?? 1);
  const dilations = pairOf(op, 'dilations', opts.dilations ?? 1);
  const padding = opts.padding ?? 'VALID';
  const pads = padding === 'SAME' || padding === 'VALID' ? null : explicitPads(op, padding);
  const words: number[] = [];
  const lengths: number[] = [];
  for (const d of [0, 1] as const) {
    const length = image[1 + d] as number;
    const tapCount = taps[d] as number;
    const stride = strides[d];
    if (tapCount < 1) throw new ShapeError(`${op}: a window of shape ${showShape(taps)} has no taps`);
    const reach = (tapCount - 1) * dilations[d] + 1;
    const room = Math.max((Math.ceil(length / stride) - 1) * stride + reach - length, 0);
    const [before, after] = pads?.[d] ?? (padding === 'SAME' ? [Math.floor(room / 2), Math.ceil(room / 2)] : [0, 0]);
    const beyond = length + before + after - reach;
    if (beyond + stride < 0) {
      throw new ShapeError(
        `${op}: a window that reaches over ${reach} ${d === 0 ? 'rows' : 'columns'} does not fit the ${length + before + after} of the padded image ${showShape(image)}`,
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

function floating(op: string, t: Tensor): Tensor {
  if (t.dtype === 'float32' || t.dtype === 'float64') return t;
  throw new DTypeError(`${op}: expected dtype float32 or float64, got ${t.dtype}; write cast(x, 'float32')`);
}

const imageAxes = ['batch', 'rows', 'columns', 'channels'];

function channelsFit(op: string, image: Shape, filter: Shape): void {
  if (image[3] === filter[2]) return;
  throw new ShapeError(
    `${op}: filters ${showShape(filter)} are for ${filter[2]} channels, the input ${showShape(image)} has ${image[3]}`,
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
function denseWindow(op: string, image: Shape, filter: Shape, opts: Conv2dOptions): Window {
  rankIs(op, 'an input', { shape: image }, imageAxes);
  rankIs(op, 'filters', { shape: filter }, ['rows', 'columns', 'channels', 'results']);
  channelsFit(op, image, filter);
  const { words, lengths } = slide(op, image, filter, opts);
  const result = guardShape(op, [image[0] as number, ...lengths, filter[3] as number]);
  return { words, shapes: [image, filter, result] };
}

function resultFits(op: string, what: string, got: Shape, window: Window): void {
  const [image, filter, result] = window.shapes;
  if (sameShape(got, result)) return;
  throw new ShapeError(
    `${op}: ${what} has shape ${showShape(got)}, but an image ${showShape(image)} under filters ${showShape(filter)} gives ${showShape(result)}`,
  );
}

/**
 * Convolution (cross-correlation, as in TensorFlow): result[n, i, j, o] = sum over k, l, c of input[n, i s + k d - p, j s + l d - p, c]
 * filters[k, l, c, o], with stride s, dilation d and padding p of each axis. What lies beyond the image counts as nothing.
 * input [batch, rows, columns, channels], filters [rows, columns, channels, results] -> [batch, rows, columns, results]
 * @throws ShapeError for ranks, channels or windows that do not fit; DTypeError for dtypes other than float32, float64;
 *   ValueError ERR_OPTION for an option
 */
export function conv2d(input: TensorLike, filters: TensorLike, opts: Conv2dOptions = {}): Tensor {
  const [x, f] = asTensors('conv2d', [input, filters]) as [Tensor, Tensor];
  floating('conv2d', x);
  return dense(ofResult, x, f, denseWindow('conv2d', x.shape, f.shape, opts));
}

/** The gradient of conv2d with respect to its input, of shape inputSizes; linear in both operands. */
export function conv2dBackpropInput(
  inputSizes: readonly number[],
  filters: TensorLike,
  outBackprop: TensorLike,
  opts: Conv2dOptions = {},
): Tensor {
  return imageOf('conv2dBackpropInput', 'outBackprop', inputSizes, filters, outBackprop, opts);
}

function imageOf(
  op: string,
  what: string,
  sizes: readonly number[],
  filters: TensorLike,
  result: TensorLike,
  opts: Conv2dOptions,
): Tensor {
  const [g, f] = asTensors(op, [result, filters]) as [Tensor, Tensor];
  floating(op, g);
  const window = denseWindow(op, checkShape(op, sizes), f.shape, opts);
  resultFits(op, what, g.shape, window);
  return dense(ofImage, g, f, window);
}

/** The gradient of conv2d with respect to its filters, of shape filterSizes; linear in both operands. */
export function conv2dBackpropFilter(
  input: TensorLike,
  filterSizes: readonly number[],
  outBackprop: TensorLike,
  opts: Conv2dOptions = {},
): Tensor {
  const op = 'conv2dBackpropFilter';
  const [x, g] = asTensors(op, [input, outBackprop]) as [Tensor, Tensor];
  floating(op, x);
  const window = denseWindow(op, x.shape, checkShape(op, filterSizes), opts);
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
  opts: Conv2dOptions = {},
): Tensor {
  return imageOf('conv2dTranspose', 'the input', outputShape, filters, input, { padding: 'SAME', ...opts });
}

/**
 * Each channel convolved with filters of its own: result c * multiplier + m is channel c under filter [:, :, c, m].
 * input [batch, rows, columns, channels], filter [rows, columns, channels, multiplier] -> [batch, rows, columns, channels * multiplier]
 * @throws ShapeError, DTypeError, ValueError as conv2d
 */
export function depthwiseConv2d(input: TensorLike, filter: TensorLike, opts: Conv2dOptions = {}): Tensor {
  const op = 'depthwiseConv2d';
  const [x, f] = asTensors(op, [input, filter]) as [Tensor, Tensor];
  floating(op, x);
  rankIs(op, 'an input', x, imageAxes);
  rankIs(op, 'a filter', f, ['rows', 'columns', 'channels', 'multiplier']);
  channelsFit(op, x.shape, f.shape);
  const [rows, columns, channels, multiplier] = f.shape as [number, number, number, number];
  const repeated =
    multiplier === 1
      ? x
      : reshape(spread(expandDims(x, -1), [...x.shape, multiplier]), [...x.shape.slice(0, 3), channels * multiplier]);
  return channelwise(op, repeated, reshape(f, [rows, columns, channels * multiplier]), opts);
}

function channelwise(op: string, x: Tensor, f: Tensor, opts: Conv2dOptions): Tensor {
  const { words, lengths } = slide(op, x.shape, f.shape, opts);
  const result = guardShape(op, [x.shape[0] as number, ...lengths, x.shape[3] as number]);
  return depthwise(ofResult, x, f, { words, shapes: [x.shape, f.shape, result] });
}

export interface Conv1dOptions {
  /** Step of the window; default 1. */
  stride?: number | readonly number[];
  /** Default 'VALID'. */
  padding?: 'SAME' | 'VALID';
  /** Distance of the filter's taps in the input; default 1. */
  dilations?: number | readonly number[];
}

/**
 * Convolution along one axis. input [batch, width, channels], filters [width, channels, results] -> [batch, width, results]
 * @throws ShapeError, DTypeError, ValueError as conv2d
 */
export function conv1d(input: TensorLike, filters: TensorLike, opts: Conv1dOptions = {}): Tensor {
  const op = 'conv1d';
  const [x, f] = asTensors(op, [input, filters]) as [Tensor, Tensor];
  floating(op, x);
  rankIs(op, 'an input', x, ['batch', 'width', 'channels']);
  rankIs(op, 'filters', f, ['width', 'channels', 'results']);
  const one = (name: string, value: number | readonly number[] | undefined): [number, number] => {
    const list = typeof value === 'number' || value === undefined ? [value ?? 1] : value;
    if (![1, 3].includes(list.length)) throw option(op, name, 'a whole number >= 1 or [1, width, 1]', value);
    return [1, list[list.length === 3 ? 1 : 0] as number];
  };
  const { stride, dilations, padding = 'VALID', ...rest } = opts;
  if (padding !== 'SAME' && padding !== 'VALID') throw option(op, 'padding', "'SAME' or 'VALID'", padding);
  const more = { ...rest, strides: one('stride', stride), dilations: one('dilations', dilations), padding };
  const image = expandDims(x, 1);
  const filter = expandDims(f, 0);
  return squeeze(dense(ofResult, image, filter, denseWindow(op, image.shape, filter.shape, more)), 1);
}

// ---- pooling ----

export interface PoolOptions {
  /** Lengths of the window: one number, [rows, columns] or [1, rows, columns, 1]. */
  ksize: number | readonly number[];
  /** Step of the window, as `ksize`; default `ksize`. */
  strides?: number | readonly number[];
  /** Default 'VALID'. What is padded is no part of a window: neither its largest element nor counted in its mean. */
  padding?: Padding;
}

function pool(op: string, input: TensorLike, opts: PoolOptions): [x: Tensor, window: Window] {
  const x = floating(op, asTensor(op, input));
  rankIs(op, 'an input', x, imageAxes);
  const { ksize, strides = ksize, ...rest } = opts;
  const taps = pairOf(op, 'ksize', ksize);
  const { words, lengths } = slide(op, x.shape, taps, { ...rest, strides });
  if (taps.some((k, d) => Math.max(words[5 * d + 3] as number, words[5 * d + 4] as number) >= k)) {
    throw option(op, 'padding', 'smaller than the window', opts.padding);
  }
  const result = guardShape(op, [x.shape[0] as number, ...lengths, x.shape[3] as number]);
  return [x, { words, shapes: [x.shape, taps, result] }];
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
export function maxPool2d(input: TensorLike, opts: PoolOptions): Tensor {
  const [x, window] = pool('maxPool2d', input, opts);
  const t = node('maxPool2d', kMaxPool, x.dtype, window.shapes[2], x, x, window.words);
  if (isRecording()) record1(maxPoolOp, t, x, window);
  return done(t);
}

/**
 * The mean of each window and channel, over what of it lies in the image.
 * input [batch, rows, columns, channels] -> [batch, rows, columns, channels]
 * @throws ShapeError, DTypeError, ValueError as maxPool2d
 */
export function avgPool2d(input: TensorLike, opts: PoolOptions): Tensor {
  const [x, { words, shapes }] = pool('avgPool2d', input, opts);
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

const other = { family: 'other', namespace: 'nn', differentiable: true } as const;
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
