// Clipping of nests, of sparse gradients and at the ends of the number range; TensorFlow's numbers are compared in tensorflow.test.ts.
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';
import { expectError, gradtapeErrorOf } from '../support/errors.js';

const { globalNorm } = tf.linalg;

/** Rows 1 (twice) and 3 of a tensor of shape [4, 2]; the values have norm 13. */
const slices = (): tf.IndexedSlices =>
  new tf.IndexedSlices(
    [
      [3, 4],
      [0, 12],
      [0, 0],
    ],
    [1, 1, 3],
    [4, 2],
  );

describe('clipping a nest', () => {
  it('clips each tensor by itself, in the structure that came, and null stays', () => {
    const w = new tf.Variable([3, 4]);
    const nest = { layers: [tf.constant([6, 8]), null], w, numbers: [30, 40] } as const;
    const byNorm = tf.clipByNorm(nest, 5);
    expect(byNorm.layers[1]).toBeNull();
    expect([byNorm.layers[0], byNorm.w, byNorm.numbers].map((t) => t.arraySync())).toEqual([
      [3, 4],
      [3, 4],
      [3, 4],
    ]);
    const byValue = tf.clipByValue([[tf.constant([-7, 7]), null], tf.constant(9)], -1, 2);
    expect(JSON.stringify(byValue)).toBe('[[[-1,2],null],2]');
  });

  it('takes nested arrays of numbers for one tensor, and a list of them under clipByGlobalNorm for several', () => {
    expect(tf.clipByNorm([[3], [4]], 1).shape).toEqual([2, 1]);
    expect(tf.clipByValue([], 0, 1).shape).toEqual([0]);
    expect(tf.clipByGlobalNorm([[3], [[4]]], 10).clipped).toHaveLength(2);
  });

  it('scales all together by the global norm, and tells it', () => {
    const { clipped, globalNorm: norm } = tf.clipByGlobalNorm(
      { a: tf.constant([3]), b: [null, tf.constant([[4]])] },
      1,
    );
    expect(norm.item()).toBe(5);
    expect(JSON.stringify(clipped)).toBe(
      JSON.stringify({ a: [Math.fround(3 / 5)], b: [null, [[Math.fround(4 / 5)]]] }),
    );
    expect(globalNorm({ a: tf.constant([3]), b: [null, tf.constant([[4]])] }).item()).toBe(5);
    const within = tf.clipByGlobalNorm([tf.constant([0.1, 0.7])], 1).clipped[0];
    expect(within.dataSync(), 'the same bits').toEqual(Float32Array.of(0.1, 0.7));
    const given = tf.clipByGlobalNorm([tf.constant([3, 4])], 1, { useNorm: 10 });
    expect([given.globalNorm.item(), given.clipped[0].arraySync()]).toEqual([10, [Math.fround(0.3), Math.fround(0.4)]]);
  });

  it('keeps sparse gradients sparse, by their values', () => {
    const norm = tf.clipByNorm(slices(), 6.5);
    const [value, nothing] = tf.clipByValue([slices(), null], -1, 3.5);
    const [global] = tf.clipByGlobalNorm([slices()], 6.5).clipped;
    for (const one of [norm, value, global]) {
      expect(one).toBeInstanceOf(tf.IndexedSlices);
      expect(one.indices.arraySync()).toEqual([1, 1, 3]);
      expect(one.shape).toEqual([4, 2]);
    }
    expect(nothing).toBeNull();
    expect(norm.values.arraySync()).toEqual([
      [1.5, 2],
      [0, 6],
      [0, 0],
    ]);
    expect(value.values.arraySync()).toEqual([
      [3, 3.5],
      [0, 3.5],
      [0, 0],
    ]);
    expect(global.values.dataSync()).toEqual(norm.values.dataSync());
    expect(global.at(1).arraySync()).toEqual([1.5, 8]);
  });

  it('clips what a tape gives, as it gives it', () => {
    const table = new tf.Variable([[3], [4]]);
    const offset = new tf.Variable([12]);
    const other = new tf.Variable(1);
    const tape = new tf.GradientTape();
    const loss = tape.record(() => tf.gather(table, [1]).mul(3).add(offset.mul(4)).reduceSum());
    const { clipped, globalNorm: norm } = tf.clipByGlobalNorm(tape.gradient(loss, { table, deep: [offset, other] }), 1);
    expect(norm.item()).toBe(5);
    expect(clipped.table).toBeInstanceOf(tf.IndexedSlices);
    expect(clipped.table?.arraySync()).toEqual([[0], [Math.fround(0.6)]]);
    expect(clipped.deep[1]).toBeNull();
  });
});

describe('clipping beyond the numbers', () => {
  it('makes NaN of all where the global norm is infinite or NaN, in optimizers too', () => {
    for (const bad of [Number.POSITIVE_INFINITY, Number.NaN]) {
      const { clipped } = tf.clipByGlobalNorm([tf.constant([1, bad]), tf.constant([2])], 1);
      expect(clipped.flatMap((t) => [...t.dataSync()])).toEqual([Number.NaN, Number.NaN, Number.NaN]);
      const v = new tf.Variable([1, 1]);
      new tf.optimizers.SGD({ globalClipnorm: 1 }).applyGradients([[tf.constant([1, bad]), v]]);
      expect(v.arraySync()).toEqual([Number.NaN, Number.NaN]);
    }
  });

  it('has gradients of 0 and 1 at zeros, where TensorFlow has NaN', () => {
    const gradientOf = (f: (x: tf.Tensor) => tf.Tensor): unknown =>
      tf
        .grad((x: tf.Tensor) => f(x).reduceSum())(tf.zeros([2]))
        .arraySync();
    expect(gradientOf((x) => tf.clipByNorm(x, 1))).toEqual([1, 1]);
    expect(gradientOf((x) => tf.clipByGlobalNorm([x], 1).clipped[0])).toEqual([1, 1]);
    expect(gradientOf((x) => tf.clipByGlobalNorm([x], 1).globalNorm)).toEqual([0, 0]);
  });

  it('differentiates through the values of sparse tensors', () => {
    const f = (x: tf.Tensor): tf.Tensor => {
      const clipped = tf.clipByNorm(new tf.IndexedSlices(x, [1], [3, 2]), 1);
      return clipped
        .mul([
          [0, 0],
          [1, 0],
          [0, 0],
        ])
        .reduceSum(); // prettier-ignore
    };
    // d(x / |x|)[0] of (3, 4): (1 - 0.36) / 5 and -0.48 / 5.
    const [dx, dy] = tf
      .grad(f)(tf.constant([[3, 4]], { dtype: 'float64' }))
      .dataSync() as Float64Array;
    expect(dx).toBeCloseTo(0.128, 12);
    expect(dy).toBeCloseTo(-0.096, 12);
  });
});

describe('clipping refuses', () => {
  const x = tf.constant([3, 4]);
  it.each<[string, () => unknown, string, string]>([
    [
      'a norm that is not positive',
      () => tf.clipByNorm(x, 0),
      'ERR_VALUE',
      'clipByNorm: clipNorm must be a finite number > 0, got 0',
    ],
    ['NaN for a norm', () => tf.clipByGlobalNorm([x], Number.NaN), 'ERR_VALUE', 'clipByGlobalNorm: clipNorm must be'],
    [
      'integers',
      () => tf.clipByNorm(tf.constant([1], { dtype: 'int32' }), 1),
      'ERR_DTYPE',
      'clipByNorm: expected dtype float32 or float64, got int32',
    ],
    [
      'text in a nest',
      () => tf.clipByNorm({ a: ['x'] } as never, 1),
      'ERR_NOT_A_TENSOR',
      'clipByNorm: x.a[0]: expected a tensor',
    ],
    ['null', () => tf.clipByNorm(null as never, 1), 'ERR_NOT_A_TENSOR', 'got null'],
    [
      'nothing to clip',
      () => tf.clipByGlobalNorm([null], 1),
      'ERR_VALUE',
      'a list or nest of tensors, got an array of 1',
    ],
    [
      'a tensor for a list',
      () => tf.clipByGlobalNorm(x as never, 1),
      'ERR_VALUE',
      'a list or nest of tensors, got a Tensor',
    ],
    [
      'two dtypes',
      () => globalNorm([x, tf.constant([1], { dtype: 'float64' })]),
      'ERR_DTYPE',
      "cast(values[0], 'float64')",
    ],
    [
      'limits that widen x',
      () => tf.clipByNorm(x, tf.ones([3, 1])),
      'ERR_SHAPE',
      'clipNorm [3, 1] does not broadcast to the norms of x [2]',
    ],
    [
      'a vector for the global norm',
      () => tf.clipByGlobalNorm([x], 1, { useNorm: [1, 2] }),
      'ERR_SHAPE',
      'useNorm must be a scalar',
    ],
    ['an unknown option', () => tf.clipByNorm(x, 1, { axis: 0 } as never), 'ERR_OPTION', 'did you mean axes?'],
    ['an axis out of range', () => tf.clipByNorm(x, 1, { axes: 1 }), 'ERR_AXIS', 'clipByNorm'],
    ['a list in itself', () => tf.clipByNorm(endless() as never, 1), 'ERR_NESTING', 'clipByNorm'],
  ])('%s', (_, call, code, text) => {
    const error = gradtapeErrorOf(call);
    expect([error.code, error.message]).toEqual([code, expect.stringContaining(text)]);
  });

  it('an argument too many', () => {
    expectError(() => (tf.clipByValue as (...args: unknown[]) => unknown)(x, 0, 1, 2), tf.ValueError, 'ERR_OPTION');
    expectError(() => (tf.clipByNorm as (...args: unknown[]) => unknown)(x, 1, {}, 2), tf.ValueError, 'ERR_OPTION');
  });
});

function endless(): unknown[] {
  const list: unknown[] = [];
  list.push(list);
  return list;
}
