// Normalization and embeddings: what a tape keeps for them, sparse gradients, far-off numbers, and what they refuse.
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';

const { nn } = tf;

describe('what a tape keeps', () => {
  it('for layerNormalization the operand, and no other value of its size', () => {
    const x = tf.random.normal([64, 4096], { seed: 1 });
    const [gamma, beta] = [tf.ones([4096]).add(0.5), tf.zeros([4096]).add(0.1)];
    tf.evaluate([x, gamma, beta]);
    const before = tf.memory().bytes;
    const tape = new tf.GradientTape();
    const loss = tape.record(() => {
      tape.watch([x, gamma, beta]);
      return tf.reduceSum(nn.layerNormalization(x, gamma, beta));
    });
    tf.evaluate(loss);
    expect(tf.memory().bytes - before).toBeLessThan(0.2 * x.size * 4);
    const gradients = tape.gradient(loss, [x, gamma, beta]);
    tf.evaluate(gradients);
    expect(tf.memory().bytes - before).toBeLessThan(1.2 * (x.size + 2 * 4096) * 4); // the gradients themselves
  });
});

it('batchNormalization of numbers far from 0 is exact to their own rounding', () => {
  const x = tf.constant([[10000], [10001], [10002], [10003]]);
  const { mean, variance } = nn.moments(x, 0);
  const got = nn.batchNormalization(x, mean, variance, null, null, 0).dataSync();
  [-1.5, -0.5, 0.5, 1.5].forEach((n, i) => {
    expect(got[i]).toBeCloseTo(n / Math.sqrt(1.25), 6);
  });
});

it('moments: no axis is all, an empty list none; a mean alone costs no variance', () => {
  const x = tf.constant([
    [1, 2],
    [3, 6],
  ]); // prettier-ignore
  expect(nn.moments(x).mean.item()).toBe(3);
  expect(nn.moments(x, null, { keepdims: true }).variance.arraySync()).toEqual([[3.5]]);
  expect(nn.moments(x, []).variance.arraySync()).toEqual([
    [0, 0],
    [0, 0],
  ]); // prettier-ignore
  expect(x.moments(0).mean.arraySync()).toEqual([2, 4]);
  expect(tf.nn.moments(x, { keepdims: true }).mean.shape).toEqual([1, 1]);
});

it('options stand in the place of operands that are left out', () => {
  const x = tf.random.normal([3, 4], { seed: 1 });
  const gamma = tf.constant([1, 2, 3]);
  const same = (a: tf.Tensor, b: tf.Tensor): void => expect(a.arraySync()).toEqual(b.arraySync());
  same(x.layerNormalization({ axis: 0 }), nn.layerNormalization(x, null, null, 0));
  same(nn.layerNormalization(x, gamma, { axis: 0 }), nn.layerNormalization(x, gamma, null, { axis: [-2] }));
  same(nn.rmsNormalization(x, { epsilon: 1 }), nn.rmsNormalization(x, null, -1, 1));
  same(nn.batchNormalization(x, 0, 1, { varianceEpsilon: 0.5 }), nn.batchNormalization(x, 0, 1, null, null, 0.5));
  same(nn.l2Normalize(x, { epsilon: 3 }), nn.l2Normalize(x, null, { epsilon: 3 }));
});

describe('embeddingLookup', () => {
  it('has a sparse gradient, of the rows that were looked up', () => {
    const table = new tf.Variable(tf.random.normal([1000, 2], { seed: 1 }));
    const tape = new tf.GradientTape();
    const loss = tape.record(() =>
      tf.reduceSum(
        nn.embeddingLookup(table, [
          [7, 3],
          [7, 7],
        ]),
      ),
    ); // prettier-ignore
    const g = tape.gradient(loss, table) as tf.IndexedSlices;
    expect(g).toBeInstanceOf(tf.IndexedSlices);
    expect(g.indices.arraySync()).toEqual([7, 3, 7, 7]);
    expect(g.toTensor().at(7).arraySync()).toEqual([3, 3]);
  });

  it('with maxNorm too', () => {
    const table = tf.constant([
      [3, 4],
      [0.3, 0.4],
    ]); // prettier-ignore
    const tape = new tf.GradientTape();
    const rows = tape.record(() => {
      tape.watch(table);
      return nn.embeddingLookup(table, [0, 1], { maxNorm: 1 });
    });
    expect(rows.at(1).arraySync()).toEqual(table.at(1).arraySync());
    expect(tf.norm(rows, 2, 1).arraySync()[0 as never]).toBeCloseTo(1, 6);
    expect(tape.gradient(rows, table)).toBeInstanceOf(tf.IndexedSlices);
  });
});

describe('errors', () => {
  const x = tf.ones([3, 4]);
  const ints = tf.cast(x, 'int32');
  // biome-ignore lint/suspicious/noExplicitAny: what a program in JavaScript may write
  const loose = nn as any;
  const cases: [() => unknown, string, string][] = [
    [() => nn.l2Loss(ints), 'ERR_DTYPE', 'l2Loss: expected dtype float32 or float64, got int32'],
    [() => loose.l2Loss(x, 1), 'ERR_OPTION', 'l2Loss: takes no further argument'],
    [() => nn.l2Normalize(x, 2), 'ERR_AXIS', 'l2Normalize: axis 2 is out of range for rank 2'],
    [() => loose.l2Normalize(x, 0, { eps: 1 }), 'ERR_OPTION', 'l2Normalize: unknown option eps; did you mean epsilon?'],
    [() => nn.l2Normalize(x, 0, { epsilon: -1 }), 'ERR_OPTION', 'l2Normalize: epsilon must be a number >= 0, got -1'],
    [() => nn.moments(x, [0, -2]), 'ERR_AXIS', 'moments: axis 0 is named twice'],
    [() => nn.moments(tf.greater(x, 0), 0), 'ERR_DTYPE', 'moments: expected dtype'],
    [() => loose.moments(x, 0, null, true), 'ERR_OPTION', 'moments: expected options'],
    [() => nn.batchNormalization(x, tf.ones([3]), 1), 'ERR_SHAPE', 'batchNormalization: shapes [3, 4] and [3] do not'],
    [() => nn.batchNormalization(x, ints, 1), 'ERR_DTYPE', "write cast(x, 'int32') or cast(mean, 'float32')"],
    [() => nn.batchNormalization(ints, 1, 1), 'ERR_DTYPE', 'batchNormalization: expected dtype float32 or float64'],
    [() => loose.batchNormalization(x, 0), 'ERR_NOT_A_TENSOR', 'batchNormalization: variance: expected a tensor'],
    [
      () => loose.batchNormalization(x, 0, 1, { varianceEpsilon: 1 }, 2),
      'ERR_OPTION',
      'batchNormalization: takes no argument behind its options, got 2',
    ],
    [
      () => nn.layerNormalization(x, tf.ones([3])),
      'ERR_SHAPE',
      "layerNormalization: gamma must have the lengths [4] of the axes, or broadcast to x's [3, 4], got [3]",
    ],
    [() => nn.layerNormalization(x, null, tf.ones([5, 3, 4])), 'ERR_SHAPE', 'layerNormalization: beta must have'],
    [() => nn.layerNormalization(x, { axis: 2 }), 'ERR_AXIS', 'layerNormalization: axis 2 is out of range'],
    [() => loose.layerNormalization(x, { eps: 1 }), 'ERR_OPTION', 'layerNormalization: unknown option eps'],
    [() => nn.layerNormalization(tf.ones([])), 'ERR_AXIS', 'layerNormalization: axis -1 is out of range for rank 0'],
    [() => nn.rmsNormalization(x, tf.ones([3])), 'ERR_SHAPE', 'rmsNormalization: scale must have the lengths [4]'],
    [() => nn.rmsNormalization(ints), 'ERR_DTYPE', 'rmsNormalization: expected dtype float32 or float64, got int32'],
    [() => nn.embeddingLookup(x, [3]), 'ERR_INDEX', 'embeddingLookup: index 3 is out of range for axis 0 of params'],
    [() => nn.embeddingLookup(x, [-1]), 'ERR_INDEX', 'embeddingLookup: index -1 is out of range'],
    [() => nn.embeddingLookup(x, [0.5]), 'ERR_DTYPE', 'embeddingLookup: ids must be whole numbers, got 0.5'],
    [() => nn.embeddingLookup(1, 0), 'ERR_SHAPE', 'embeddingLookup: params must have rank >= 1, got a scalar'],
    [
      () => nn.embeddingLookup(ints, 0, 1),
      'ERR_DTYPE',
      'embeddingLookup: expected dtype float32 or float64, got int32',
    ],
    [() => nn.embeddingLookup(x, 0, -1), 'ERR_OPTION', 'embeddingLookup: maxNorm must be a number >= 0, got -1'],
    [
      () => nn.embeddingLookup(x, tf.add(tf.constant(3, { dtype: 'int32' }), 1)).dataSync(),
      'ERR_INDEX',
      'embeddingLookup: ',
    ],
  ];
  it.each(cases.map(([fn, code, text]) => ({ fn, code, text })))('$text', ({ fn, code, text }) => {
    expect(fn).toThrow(expect.objectContaining({ code, message: expect.stringContaining(text) }));
  });
});
