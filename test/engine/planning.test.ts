// What programs keep between their loops: values that one loop alone reads are computed in that loop.
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';

describe('layer normalization and its gradients', () => {
  it('take no memory for arrays of the size of x but for results', () => {
    const shape = [512, 768];
    const bytes = 4 * 512 * 768;
    const [x, ct] = [1, 2].map((seed) => tf.random.normal(shape, { seed })) as [tf.Tensor, tf.Tensor];
    const [gamma, beta] = [3, 4].map((seed) => tf.random.normal([768], { seed })) as [tf.Tensor, tf.Tensor];
    tf.evaluate([x, ct, gamma, beta]);
    tf.clearMemory();
    const tape = new tf.GradientTape();
    const sources = [x, gamma, beta];
    const y = tape.record(() => {
      tape.watch(sources);
      return tf.nn.layerNormalization(x, gamma, beta);
    });
    const all = [y, ...tape.gradient(y, sources, { outputGradients: ct })];
    const before = tf.memory().bytes;
    tf.evaluate(all);
    expect(tf.memory().bytes - before).toBeLessThan(2.2 * bytes); // y, the gradient of x, a few rows
    expect(tf.memory().arenaBytes).toBeLessThan(0.5 * bytes);
  });
});

describe('loops over the same rows', () => {
  it('have room for some rows of what they alone read', () => {
    const [rows, width] = [2048, 768];
    const x = tf.random.normal([rows, width], { seed: 1 });
    tf.evaluate(x);
    tf.clearMemory();
    const powers = tf.exp(tf.sub(x, tf.reduceMax(x, -1, { keepdims: true })));
    const y = tf.div(powers, tf.reduceSum(powers, -1, { keepdims: true }));
    tf.evaluate(y);
    expect(tf.memory().arenaBytes).toBeLessThan(0.5 * 4 * rows * width);
  });
});
