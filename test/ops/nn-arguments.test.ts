// What the ops of nn take and refuse: positional arguments as in TensorFlow, options, labels; errors that name the called op.
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';

const { nn } = tf;
const x = tf.random.normal([2, 6, 5, 3], { seed: 1 });
const filters = tf.random.normal([3, 3, 3, 4], { seed: 2 });
const same = (a: tf.Tensor, b: tf.Tensor): void => {
  expect(a.arraySync()).toEqual(b.arraySync());
};
// biome-ignore lint/suspicious/noExplicitAny: what a program in JavaScript may write
const loose = nn as any;

describe('positional arguments', () => {
  it('convolutions take strides and padding, in either case', () => {
    const want = nn.conv2d(x, filters, { strides: 2, padding: 'SAME' });
    same(nn.conv2d(x, filters, 2, 'SAME'), want);
    same(nn.conv2d(x, filters, [2, 2], 'same'), want);
    same(nn.conv2d(x, filters, [1, 2, 2, 1], { padding: 'same' }), want);
    same(nn.conv2d(x, filters, undefined, 'SAME', { strides: 2, dataFormat: 'NHWC' }), want);
    same(nn.conv2d(x, filters, new Int32Array([2, 2]) as never, 'Same' as never), want);
    same(x.conv2d(filters, 2, 'SAME', { dilations: 1 }), want);
    same(nn.conv2d(x, filters, 1, 'valid', { dilations: 2 }), nn.conv2d(x, filters, { dilations: 2 }));
    const each = tf.random.normal([2, 2, 3, 1], { seed: 3 });
    same(nn.depthwiseConv2d(x, each, 2, 'SAME'), nn.depthwiseConv2d(x, each, { strides: 2, padding: 'SAME' }));
    const back = tf.random.normal([3, 3, 4, 3], { seed: 3 });
    same(
      nn.conv2dTranspose(x, back, [2, 12, 10, 4], 2),
      nn.conv2dTranspose(x, back, [2, 12, 10, 4], { strides: 2, padding: 'SAME' }),
    );
    same(
      x.conv2dTranspose(back, [2, 13, 11, 4], 2, 'VALID'),
      nn.conv2dTranspose(x, back, [2, 13, 11, 4], { strides: 2, padding: 'valid' }),
    );
    const line = tf.random.normal([2, 7, 3], { seed: 4 });
    const taps = tf.random.normal([3, 3, 4], { seed: 5 });
    same(nn.conv1d(line, taps, 2, 'SAME'), nn.conv1d(line, taps, { stride: [1, 2, 1], padding: 'same' }));
  });

  it('pools take ksize, strides and padding', () => {
    for (const pool of [nn.maxPool2d, nn.avgPool2d]) {
      same(pool(x, 2), pool(x, { ksize: 2 }));
      same(pool(x, [2, 3], 1, 'SAME'), pool(x, { ksize: [2, 3], strides: 1, padding: 'same' }));
      same(pool(x, 2, { strides: 1 }), pool(x, { ksize: 2, strides: 1 }));
    }
    same(x.maxPool2d(2, 1, 'SAME'), nn.maxPool2d(x, 2, 1, 'SAME'));
  });

  it('activations take what TensorFlow\u2019s take', () => {
    same(nn.leakyRelu([-1, 2], 0.1), nn.leakyRelu([-1, 2], { alpha: 0.1 }));
    same(tf.constant([-1, 2]).leakyRelu(0.1), nn.leakyRelu([-1, 2], { alpha: 0.1 }));
    same(nn.gelu([-1, 2], true), nn.gelu([-1, 2], { approximate: true }));
    expect(nn.gelu([-1, 2], true).arraySync()).not.toEqual(nn.gelu([-1, 2]).arraySync());
    same(nn.dropout(x, 0.5, { seed: 3 }), x.dropout(0.5, { seed: 3 }));
    const lists = [tf.ones([2]), tf.ones([3])];
    expect([nn.elu, nn.selu, nn.relu6].map((f) => lists.map(f)[1]?.shape)).toEqual([[3], [3], [3]]);
  });
});

describe('dropout', () => {
  it('takes every noiseShape that broadcasts', () => {
    const ones = tf.ones([40, 3, 5]);
    const fates = (noiseShape: (number | null)[]): tf.Tensor => nn.dropout(ones, 0.5, { noiseShape, seed: 4 });
    const rows = (t: tf.Tensor): string[] => (t.arraySync() as number[][][]).map((m) => JSON.stringify(m));
    for (const shape of [[5], [1, 5], [3, 5], [3, 1], [1], [], [1, 1, 5], [null], [null, 1]]) {
      const t = fates(shape);
      expect(t.shape).toEqual([40, 3, 5]);
      expect(new Set(rows(t)).size).toBe(1); // all of axis 0 share their fate
    }
    expect(new Set(rows(fates([null, 1, 1]))).size).toBe(2);
    expect(new Set(rows(fates([40, 3, 5]))).size).toBeGreaterThan(30);
    const half = nn.dropout(tf.ones([10, 100]), 0.5, { noiseShape: [100], seed: 1 }).arraySync() as number[][];
    expect(half[0]).toEqual(half[9]);
    expect(new Set(half[0])).toEqual(new Set([0, 2]));
  });
});

describe('labels', () => {
  it('whole numbers of any dtype are classes', () => {
    const logits = tf.constant([
      [1, 2, 3],
      [0, 1, 0],
    ]);
    const want = nn.sparseSoftmaxCrossEntropyWithLogits(tf.constant([2, 0], { dtype: 'int32' }), logits);
    for (const labels of [
      [2, 0],
      tf.constant([2, 0]),
      new Float64Array([2, 0]),
      new Uint8Array([2, 0]),
      tf.constant([1, 0]).mul(2),
    ]) {
      same(nn.sparseSoftmaxCrossEntropyWithLogits(labels, logits), want);
    }
  });
});

it('what is refused names the op, the argument and what came', () => {
  const int = tf.constant([1, 2], { dtype: 'int32' });
  const wide = tf.constant([0.5, 0.5], { dtype: 'float64' });
  const logits = tf.constant([
    [1, 2, 3],
    [0, 1, 0],
  ]);
  const line = tf.ones([2, 7, 3]);
  const cases: [() => unknown, string, string][] = [
    [
      () => loose.conv2d(x, filters, { stride: 2 }),
      'ERR_OPTION',
      'conv2d: unknown option stride; did you mean strides?',
    ],
    [
      () => loose.conv2d(x, filters, { pad: 'SAME' }),
      'ERR_OPTION',
      'conv2d: unknown option pad; did you mean padding?',
    ],
    [
      () => loose.conv2d(x, filters, 'SAME'),
      'ERR_OPTION',
      'conv2d: strides must be a whole number >= 1, [rows, columns] or [1, rows, columns, 1], got "SAME"',
    ],
    [
      () => loose.conv2d(x, filters, [-1, -1]),
      'ERR_OPTION',
      'conv2d: strides must be a whole number >= 1, [rows, columns] or [1, rows, columns, 1], got [-1, -1]',
    ],
    [() => loose.conv2d(x, filters, [1, undefined, 1]), 'ERR_OPTION', 'got [1, undefined, 1]'],
    [() => loose.conv2d(x, filters, 2, 'FULL'), 'ERR_OPTION', "conv2d: padding must be 'SAME', 'VALID'"],
    [() => loose.conv2d(x, filters, 2, 'SAME', 'NHWC'), 'ERR_OPTION', 'write { dataFormat: "NHWC" }'],
    [
      () => loose.conv2d(x, filters, { strides: 2 }, 'SAME'),
      'ERR_OPTION',
      'conv2d: takes nothing behind its options, got "SAME"',
    ],
    [() => loose.conv2d(x, filters, 2, { strides: 2 }), 'ERR_OPTION', 'conv2d: strides is given twice'],
    [() => loose.conv2d(x, filters, null), 'ERR_OPTION', 'conv2d: expected options'],
    [
      () =>
        loose.conv2d(x, filters, 1, [
          [1, 0],
          [0, 0],
          [0, 0],
          [0, 0],
        ]),
      'ERR_OPTION',
      'got [[1, 0], [0, 0], [0, 0], [0, 0]]',
    ],
    [
      () =>
        loose.conv2d(x, filters, 1, [
          [-1, 0],
          [0, 0],
        ]),
      'ERR_OPTION',
      'got [[-1, 0], [0, 0]]',
    ],
    [
      () => loose.conv2d(x, filters, { dataFormat: 'nchw' }),
      'ERR_OPTION',
      `conv2d: dataFormat must be 'NHWC' or 'NCHW', got "nchw"`,
    ],
    [() => loose.conv2d(x), 'ERR_NOT_A_TENSOR', 'conv2d: filters: expected a tensor'],
    [() => loose.conv2d(undefined, filters), 'ERR_NOT_A_TENSOR', 'conv2d: input: expected a tensor'],
    [() => loose.depthwiseConv2d(x, filters, { rate: 2 }), 'ERR_OPTION', 'depthwiseConv2d: unknown option rate'],
    [() => loose.conv2dTranspose(x, filters), 'ERR_SHAPE', 'conv2dTranspose'],
    [() => loose.conv2dTranspose(x, filters, 'x', 2), 'ERR_SHAPE', 'conv2dTranspose'],
    [
      () => loose.conv1d(line, tf.ones([3, 4, 2])),
      'ERR_SHAPE',
      'conv1d: filters [3, 4, 2] are for 4 channels, the input [2, 7, 3] has 3',
    ],
    [
      () => loose.conv1d(line, tf.ones([9, 3, 2])),
      'ERR_SHAPE',
      'reaches over 9 elements does not fit the 7 of the padded image [2, 7, 3]',
    ],
    [() => loose.conv1d(line, tf.ones([0, 3, 2])), 'ERR_SHAPE', 'a window of shape [0, 3, 2]'],
    [
      () => loose.conv1d(line, tf.ones([3, 3, 2]), { strides: 2 }),
      'ERR_OPTION',
      'conv1d: unknown option strides; did you mean stride?',
    ],
    [
      () => loose.conv1d(line, tf.ones([3, 3, 2]), [2, 2]),
      'ERR_OPTION',
      'conv1d: stride must be a whole number >= 1 or [1, width, 1], got [2, 2]',
    ],
    [() => loose.maxPool2d(x), 'ERR_OPTION', 'maxPool2d: ksize must be'],
    [() => loose.maxPool2d(x, { size: 2 }), 'ERR_OPTION', 'maxPool2d: unknown option size; did you mean ksize?'],
    [() => loose.maxPool2d(x, 'x'), 'ERR_OPTION', 'maxPool2d: ksize must be'],
    [
      () =>
        loose.avgPool2d(x, 2, 2, [
          [2, 0],
          [0, 0],
        ]),
      'ERR_OPTION',
      'avgPool2d: padding must be smaller than the window, which reaches over [2, 2], got [[2, 0], [0, 0]]',
    ],
    [() => loose.leakyRelu(x, { slope: 1 }), 'ERR_OPTION', 'leakyRelu: unknown option slope'],
    [() => loose.leakyRelu(x, 'x'), 'ERR_OPTION', 'leakyRelu: alpha must be a finite number, got "x"'],
    [() => [x].map(loose.leakyRelu), 'ERR_OPTION', 'leakyRelu'],
    [() => loose.gelu(x, { approx: true }), 'ERR_OPTION', 'gelu: unknown option approx; did you mean approximate?'],
    [() => loose.gelu(x, 1), 'ERR_OPTION', 'gelu: approximate must be true or false, got 1'],
    [() => loose.elu(x, { alpha: 2 }), 'ERR_OPTION', 'elu: takes no further argument'],
    [() => loose.selu(x, 2), 'ERR_OPTION', 'selu'],
    [() => loose.relu6([true]), 'ERR_DTYPE', 'relu6: expected dtype float32, float64, int32 or uint8, got bool'],
    [() => loose.silu(x, null), 'ERR_NOT_A_TENSOR', 'silu: beta'],
    [() => loose.silu([1, 2], wide), 'ERR_DTYPE', 'silu'],
    [() => loose.softmax(x, { axis: 1 }), 'ERR_AXIS', 'softmax: axis must be a whole number, by itself'],
    [() => [x].map(loose.softmax), 'ERR_OPTION', 'softmax'],
    [() => loose.softmax(x, 9), 'ERR_AXIS', 'softmax: axis 9'],
    [
      () => loose.biasAdd(x, [1, 2, 3], { data_format: 'NCHW' }),
      'ERR_OPTION',
      'biasAdd: unknown option data_format; did you mean dataFormat?',
    ],
    [() => loose.biasAdd(x, [1, 2, 3], 'NCHW'), 'ERR_OPTION', 'write { dataFormat: "NCHW" }'],
    [() => loose.biasAdd(x, [1, 2, 3], { dataFormat: 'nchw' }), 'ERR_OPTION', 'biasAdd: dataFormat must be'],
    [() => loose.dropout(x), 'ERR_OPTION', 'dropout: rate must be a number >= 0 and < 1, got undefined'],
    [() => loose.dropout(x, 1), 'ERR_OPTION', 'dropout: rate must be a number >= 0 and < 1, got 1'],
    [() => loose.dropout(x, '0.5'), 'ERR_OPTION', 'dropout: rate'],
    [() => loose.dropout(x, { rate: 0.5 }), 'ERR_OPTION', 'dropout: rate'],
    [
      () => loose.dropout(x, 0.5, 7),
      'ERR_OPTION',
      'dropout: expected options { seed, noiseShape }, got 7; write { seed: 7 }',
    ],
    [() => loose.dropout(x, 0.5, { noise_shape: [1] }), 'ERR_OPTION', 'did you mean noiseShape?'],
    [() => loose.dropout(x, 0, { seed: -1 }), 'ERR_OPTION', 'dropout: seed must be'],
    [() => loose.dropout(int, 0.5), 'ERR_DTYPE', 'dropout: expected dtype float32 or float64, got int32'],
    [
      () => loose.dropout(x, 0.5, { noiseShape: [4] }),
      'ERR_SHAPE',
      'dropout: noiseShape must be a shape that broadcasts to [2, 6, 5, 3], got [4]',
    ],
    [() => loose.dropout(x, 0.5, { noiseShape: [9, 2, 6, 5, 3] }), 'ERR_SHAPE', 'dropout: noiseShape'],
    [() => loose.dropout(x, 0.5, { noiseShape: 'x' }), 'ERR_SHAPE', 'dropout: noiseShape'],
    [
      () => loose.sparseSoftmaxCrossEntropyWithLogits(logits, int),
      'ERR_DTYPE',
      'logits must be float32 or float64, got int32; labels (classes) come first, then logits',
    ],
    [
      () => loose.sparseSoftmaxCrossEntropyWithLogits([0.5, 1], logits),
      'ERR_DTYPE',
      'labels must be whole numbers, got 0.5; labels (classes) come first',
    ],
    [
      () => loose.sparseSoftmaxCrossEntropyWithLogits(logits, logits),
      'ERR_SHAPE',
      'labels [2, 3] do not fit logits [2, 3]',
    ],
    [
      () => loose.sparseSoftmaxCrossEntropyWithLogits([0, 7], logits),
      'ERR_INDEX',
      'label 7 is out of range for 3 classes',
    ],
    [
      () => loose.softmaxCrossEntropyWithLogits(int, [0.5, 0.5]),
      'ERR_DTYPE',
      'softmaxCrossEntropyWithLogits: labels must be float32 or float64, got int32',
    ],
    [
      () => loose.softmaxCrossEntropyWithLogits(wide, tf.ones([2])),
      'ERR_DTYPE',
      'softmaxCrossEntropyWithLogits: labels have dtype float64, logits float32',
    ],
    [
      () => loose.sigmoidCrossEntropyWithLogits(tf.ones([2]), int),
      'ERR_DTYPE',
      'sigmoidCrossEntropyWithLogits: logits must be float32 or float64, got int32',
    ],
    [
      () => loose.sigmoidCrossEntropyWithLogits([1, 2], [1, 2, 3]),
      'ERR_SHAPE',
      'sigmoidCrossEntropyWithLogits: labels [2] and logits [3]',
    ],
    [
      () => loose.softmaxCrossEntropyWithLogits(tf.ones([3, 2]), tf.ones([1, 2])),
      'ERR_SHAPE',
      'nn.softmaxCrossEntropyWithLogits: labels [3, 2] do not broadcast to logits [1, 2]',
    ],
    [() => loose.softmaxCrossEntropyWithLogits([1, 2], [1, 2], { axis: 0 }), 'ERR_AXIS', 'axis must be a whole number'],
  ];
  for (const [fn, code, message] of cases) {
    expect(fn, message).toThrow(expect.objectContaining({ code, message: expect.stringContaining(message) }));
  }
});
