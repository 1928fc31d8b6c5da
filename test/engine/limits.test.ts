// What is beyond 32 bits, and beyond the memory of a tensor.
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';
import { plain } from '../support/child.js';

describe('what is beyond 32 bits', () => {
  it.runIf(plain)(
    'reductions of more than 2^31 elements',
    () => {
      const n = 46341;
      const a = tf.div(tf.cast(tf.range(n), 'float64'), n);
      const values = a.dataSync();
      let sum = 0;
      let squares = 0;
      for (const x of values) {
        sum += x;
        squares += x * x;
      }
      const differences = (): tf.Tensor => tf.sub(tf.reshape(a, [n, 1]), a);
      const expected = 2 * n * squares - 2 * sum * sum;
      expect(Math.abs(tf.reduceSum(tf.square(differences())).item() / expected - 1)).toBeLessThan(1e-9);
      expect(tf.reduceMax(differences()).item()).toBe(values[n - 1]);
      const columns = tf.reduceSum(differences(), 0).dataSync();
      expect(Math.abs((columns[5] as number) - (sum - n * (values[5] as number)))).toBeLessThan(1e-6);
    },
    120_000,
  );

  it('steps of slices', () => {
    const x = tf.constant([0, 1, 2, 3, 4]);
    expect(tf.at(x, '::4294967296').arraySync()).toEqual([0]);
    expect(tf.at(x, '::-4294967296').arraySync()).toEqual([4]);
    expect(tf.at(x, '3:1:4294967296').arraySync()).toEqual([]);
    expect(tf.at(x, '1::100000000000000000000').arraySync()).toEqual([1]);
    expect(tf.stridedSlice(x, [1], [5], [2 ** 33]).arraySync()).toEqual([1]);
    const tape = new tf.GradientTape();
    const y = tape.record(() => {
      tape.watch(x);
      return tf.at(tf.mul(x, 2), '1::4294967296');
    });
    expect((tape.gradient(y, x) as tf.Tensor).arraySync()).toEqual([0, 2, 0, 0, 0]);
  });

  it.runIf(plain)('tensors of more than 4 GB, or an error that says whose limit it is', () => {
    const far = { code: 'ERR_OUT_OF_MEMORY', message: expect.stringContaining(process.version) };
    const columns = tf.random.uniform([2 ** 17, 1]);
    for (const t of [tf.zeros([2 ** 17, 2 ** 16]), tf.add(columns, tf.zeros([2 ** 16]))]) {
      expect(() => t.dataSync()).toThrow(expect.objectContaining(far));
    }
  });
});

describe('a shape or dtype that was assigned', () => {
  it.each<[string, object]>([
    ['a longer shape', { shape: [50_000_000] }],
    ['a wider dtype', { dtype: 'float64' }],
  ])('%s is refused before anything is computed of it', (_, change) => {
    const known = Object.assign(tf.constant([1, 2, 3, 4]), change);
    expect(() => tf.reduceSum(known.add(1)).item()).toThrow(
      expect.objectContaining({ code: 'ERR_SHAPE', message: expect.stringMatching(/was assigned.*take 16 bytes/) }),
    );
    const pending = Object.assign(tf.constant([1, 2, 3, 4]).mul(tf.constant([2, 2, 2, 2])), change);
    expect(() => tf.reduceSum(pending.add(tf.constant([1, 2, 3, 4]))).item()).toThrow();
    expect(tf.constant([1, 2]).mul(3).arraySync()).toEqual([3, 6]);
  });
});
