// Convolution and pooling: what they refuse, in lib/ and in the addon, and how options may be spelled.
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';
import { addressOf, opcodeOf } from '../../lib/engine/addon.js';
import * as program from '../../lib/engine/program.js';

const list = (t: tf.Tensor | null | undefined): number[] => [...(t as tf.Tensor).dataSync()];

describe('errors name the op, what was expected and what came', () => {
  const x = tf.zeros([1, 4, 4, 2]);
  const f = tf.zeros([3, 3, 2, 5]);
  const bad = (value: unknown): never => value as never;
  const cases: [string, () => unknown, string, RegExp][] = [
    [
      'rank of the input',
      () => tf.nn.conv2d(tf.zeros([4, 4, 2]), f),
      'ERR_SHAPE',
      /conv2d: expected an input \[batch, rows, columns, channels\], got shape \[4, 4, 2\]/,
    ],
    [
      'rank of the filters',
      () => tf.nn.conv2d(x, tf.zeros([3, 3, 2])),
      'ERR_SHAPE',
      /conv2d: expected filters .* got shape \[3, 3, 2\]/,
    ],
    [
      'channels',
      () => tf.nn.conv2d(x, tf.zeros([3, 3, 4, 5])),
      'ERR_SHAPE',
      /conv2d: filters \[3, 3, 4, 5\] are for 4 channels, the input \[1, 4, 4, 2\] has 2/,
    ],
    ['a window without taps', () => tf.nn.conv2d(x, tf.zeros([0, 3, 2, 5])), 'ERR_SHAPE', /conv2d: .* no taps/],
    [
      'a window that is too large',
      () => tf.nn.conv2d(x, tf.zeros([7, 3, 2, 5])),
      'ERR_SHAPE',
      /conv2d: a window that reaches over 7 rows/,
    ],
    [
      'dtype',
      () => tf.nn.conv2d(tf.zeros([1, 4, 4, 2], { dtype: 'uint8' }), tf.zeros([3, 3, 2, 5], { dtype: 'uint8' })),
      'ERR_DTYPE',
      /^nn.conv2d: expected dtype float32, float64 or int32, got uint8/,
    ],
    [
      'integers channel by channel',
      () => tf.nn.depthwiseConv2d(tf.cast(x, 'int32'), tf.zeros([3, 3, 2, 5], { dtype: 'int32' })),
      'ERR_DTYPE',
      /^nn.depthwiseConv2d: expected dtype float32 or float64, got int32; write cast\(input, 'float32'\)/,
    ],
    [
      'two dtypes',
      () => tf.nn.conv2d(x, tf.zeros([3, 3, 2, 5], { dtype: 'float64' })),
      'ERR_DTYPE',
      /conv2d: .*float32 and float64/,
    ],
    ['strides of 0', () => tf.nn.conv2d(x, f, { strides: 0 }), 'ERR_OPTION', /conv2d: strides must be .* got 0/],
    [
      'strides that are no whole numbers',
      () => tf.nn.conv2d(x, f, { strides: [1.5, 1] }),
      'ERR_OPTION',
      /got \[1.5, 1\]/,
    ],
    ['strides over batches', () => tf.nn.conv2d(x, f, { strides: [2, 1, 1, 1] }), 'ERR_OPTION', /strides/],
    ['three dilations', () => tf.nn.conv2d(x, f, { dilations: [1, 1, 1] }), 'ERR_OPTION', /dilations/],
    [
      'padding',
      () => tf.nn.conv2d(x, f, { padding: bad('full') }),
      'ERR_OPTION',
      /conv2d: padding must be 'SAME', .* got "full"/,
    ],
    [
      'negative padding',
      () =>
        tf.nn.conv2d(x, f, {
          padding: [
            [0, 0],
            [-1, 0],
            [0, 0],
            [0, 0],
          ],
        }),
      'ERR_OPTION',
      /padding/,
    ],
    [
      'padding of channels',
      () =>
        tf.nn.conv2d(x, f, {
          padding: [
            [0, 0],
            [1, 0],
            [0, 0],
            [0, 1],
          ],
        }),
      'ERR_OPTION',
      /padding/,
    ],
    [
      'another layout',
      () => tf.nn.conv2d(x, f, bad({ dataFormat: 'NWHC' })),
      'ERR_OPTION',
      /conv2d: dataFormat must be 'NHWC' or 'NCHW', got "NWHC"/,
    ],
    [
      'channels, which are axis 1',
      () => tf.nn.conv2d(x, f, { dataFormat: 'NCHW' }),
      'ERR_SHAPE',
      /conv2d: filters \[3, 3, 2, 5\] are for 2 channels, the input \[1, 4, 4, 2\] has 4/,
    ],
    [
      'rank with the channels first',
      () => tf.nn.maxPool2d(tf.zeros([4, 4, 2]), 2, { dataFormat: 'NCHW' }),
      'ERR_SHAPE',
      /maxPool2d: expected an input \[batch, channels, rows, columns\], got shape \[4, 4, 2\]/,
    ],
    [
      'a window that is too large, with the channels first',
      () => tf.nn.conv2d(tf.zeros([1, 2, 4, 5]), tf.zeros([7, 3, 2, 5]), { dataFormat: 'NCHW' }),
      'ERR_SHAPE',
      /reaches over 7 rows does not fit the 4 of the padded image \[1, 2, 4, 5\]/,
    ],
    [
      'strides over channels, which are axis 1',
      () => tf.nn.conv2d(x, f, { strides: [1, 2, 2, 1], dataFormat: 'NCHW' }),
      'ERR_OPTION',
      /conv2d: strides must be a whole number >= 1, \[rows, columns\] or \[1, 1, rows, columns\], got \[1, 2, 2, 1\]/,
    ],
    [
      'padding of channels, which are axis 1',
      () =>
        tf.nn.avgPool2d(x, 2, {
          padding: [
            [0, 0],
            [1, 1],
            [0, 0],
            [0, 0],
          ],
          dataFormat: 'NCHW',
        }),
      'ERR_OPTION',
      /avgPool2d: padding must be .*\[0, 0\], \[0, 0\], \[top, bottom\], \[left, right\]/,
    ],
    [
      'a shape that conv2dTranspose cannot give, with the channels first',
      () => tf.nn.conv2dTranspose(tf.zeros([1, 5, 2, 2]), f, [1, 2, 9, 8], { strides: 2, dataFormat: 'NCHW' }),
      'ERR_SHAPE',
      /the input has shape \[1, 5, 2, 2\], but an image \[1, 2, 9, 8\] .* gives \[1, 5, 5, 4\]/,
    ],
    [
      'channels of an input of conv1d',
      () => tf.nn.conv1d(tf.zeros([1, 3, 4]), tf.zeros([2, 4, 5]), { dataFormat: 'NCW' }),
      'ERR_SHAPE',
      /conv1d: filters \[2, 4, 5\] are for 4 channels, the input \[1, 3, 4\] has 3/,
    ],
    [
      'dilations of a pool',
      () => tf.nn.maxPool2d(x, 2, { dilations: 0 }),
      'ERR_OPTION',
      /maxPool2d: dilations must be .* got 0/,
    ],
    [
      'a dilated window that is too large',
      () => tf.nn.maxPool2d(x, 3, 1, { dilations: 3 }),
      'ERR_SHAPE',
      /maxPool2d: a window that reaches over 7 rows does not fit the 4/,
    ],
    [
      'a shape that conv2dTranspose cannot give',
      () => tf.nn.conv2dTranspose(tf.zeros([1, 2, 2, 5]), f, [1, 9, 9, 2], { strides: 2 }),
      'ERR_SHAPE',
      /conv2dTranspose: the input has shape \[1, 2, 2, 5\], .* gives \[1, 5, 5, 5\]/,
    ],
    [
      'channels of a depthwise filter',
      () => tf.nn.depthwiseConv2d(x, tf.zeros([3, 3, 1, 1])),
      'ERR_SHAPE',
      /depthwiseConv2d: filters/,
    ],
    [
      'rank in one dimension',
      () => tf.nn.conv1d(x, tf.zeros([3, 2, 5])),
      'ERR_SHAPE',
      /conv1d: expected an input \[batch, width, channels\]/,
    ],
    [
      'padding in one dimension',
      () => tf.nn.conv1d(tf.zeros([1, 4, 2]), tf.zeros([3, 2, 5]), { padding: bad([[1, 1]]) }),
      'ERR_OPTION',
      /conv1d: padding/,
    ],
    [
      'no window of a pool',
      () => tf.nn.maxPool2d(x, bad({})),
      'ERR_OPTION',
      /maxPool2d: ksize must be .* got undefined/,
    ],
    [
      'a padding as large as the window',
      () =>
        tf.nn.maxPool2d(x, {
          ksize: 2,
          padding: [
            [2, 0],
            [0, 0],
          ],
        }),
      'ERR_OPTION',
      /maxPool2d: padding must be smaller/,
    ],
    [
      'a pool of integers',
      () => tf.nn.avgPool2d(tf.cast(x, 'int32'), { ksize: 2 }),
      'ERR_DTYPE',
      /avgPool2d: expected dtype/,
    ],
  ];
  it.each(cases)('%s', (_, fn, code, message) => {
    let error: { code?: string; message?: string } = {};
    try {
      fn();
    } catch (thrown) {
      error = thrown as typeof error;
    }
    expect(error).toBeInstanceOf(tf.GradtapeError);
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
  });
});

describe('the addon refuses windows that do not fit', () => {
  const pads = [0, 0];
  const good = [3, 1, 1, ...pads, 2, 1, 1, ...pads];
  const shapes = { x: [2, 5, 4, 3], f: [3, 2, 3, 7], y: [2, 3, 3, 7] };
  type Shapes = typeof shapes;
  const run = (words: readonly number[], { x, f, y }: Shapes, dtype: tf.DType = 'float32'): void => {
    const buffer = new Float64Array(2000);
    const address = addressOf(buffer.buffer);
    program.begin();
    const operands = [program.writeInput(address, dtype, x), program.writeInput(address, dtype, f)];
    const result = program.write(opcodeOf('conv2d'), dtype, y, operands, words);
    program.writeOutput(result, address + 8000);
    program.run();
  };
  const at = (i: number, value: number): number[] => good.map((n, k) => (k === i ? value : n));
  const cases: [string, () => void, RegExp][] = [
    ["taps that are not the filter's", () => run(at(0, 2), { ...shapes, y: [2, 4, 3, 7] }), /filter does not fit/],
    ['no taps', () => run(at(5, 0), shapes), /attribute out of range/],
    ['a stride of 0', () => run(at(1, 0), shapes), /attribute out of range/],
    ['a dilation of 0', () => run(at(7, 0), shapes), /attribute out of range/],
    ['a negative padding', () => run(at(8, -1), shapes), /attribute out of range/],
    ['a result that is too tall', () => run(good, { ...shapes, y: [2, 4, 3, 7] }), /length of the result/],
    ['a result for another stride', () => run(at(6, 2), shapes), /length of the result/],
    ['another batch', () => run(good, { ...shapes, y: [1, 3, 3, 7] }), /batches differ/],
    ['other channels', () => run(good, { ...shapes, f: [3, 2, 4, 7] }), /channels differ/],
    ['other results', () => run(good, { ...shapes, y: [2, 3, 3, 8] }), /channels differ/],
    ['a rank', () => run(good, { ...shapes, x: [10, 4, 3] }), /wrong rank/],
    ['too few attributes', () => run(good.slice(1), shapes), /number of attributes/],
    ['integers', () => run(good, shapes, 'int32'), /dtype has no windows/],
  ];
  it('and takes one that does', () => expect(() => run(good, shapes)).not.toThrow());
  it.each(cases)('%s', (_, fn, message) => expect(fn).toThrow(message));
});

it('options in every spelling', () => {
  const x = tf.random.normal([1, 6, 6, 2], { seed: 5 });
  const f = tf.random.normal([3, 2, 2, 4], { seed: 6 });
  const want = list(
    tf.nn.conv2d(x, f, {
      strides: [2, 2],
      padding: [
        [1, 1],
        [0, 1],
      ],
    }),
  );
  const four = [
    [0, 0],
    [1, 1],
    [0, 1],
    [0, 0],
  ] as const;
  expect(list(tf.nn.conv2d(x, f, { strides: [1, 2, 2, 1], padding: four, dilations: [1] }))).toEqual(want);
  expect(list(x.conv2d(f, { strides: 2, padding: four }))).toEqual(want);
  expect(list(tf.nn.maxPool2d(x, { ksize: [1, 2, 2, 1], strides: [1, 2, 2, 1] }))).toEqual(
    list(x.maxPool2d({ ksize: 2 })),
  );
});
