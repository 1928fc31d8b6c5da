// docs/semantics.md, 2K: sparse gradients, and how gradients add up. Numbers in titles are its cases.
import { inspect } from 'node:util';
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';
import { errorOf } from '../support/errors.js';
import { arrayOf, gradientOf, gradientsOf } from '../support/tape.js';

describe('2K sparse gradients and adding up', () => {
  const x = tf.constant([
    [1, 2],
    [3, 4],
    [5, 6],
    [7, 8],
  ]);

  it('142: gathers multiplied', () => {
    const dx = gradientOf(
      (t) =>
        tf.mul(
          tf.mul(tf.reshape(tf.gather(t, [0, 1]), [-1]), tf.reshape(tf.gather(t, [2, 3]), [-1])),
          tf.reshape(tf.gather(t, [1, 3]), [-1]),
        ),
      x,
    );
    expect(dx).toEqual([
      [15, 24],
      [54, 76],
      [3, 8],
      [42, 64],
    ]);
  });

  it('143: sparse and dense together', () => {
    const dx = gradientOf((t) => tf.mul(tf.gather(t, [0, 1]), tf.reduceSum(tf.mul(t, 2))), x);
    expect(dx).toEqual([
      [92, 92],
      [92, 92],
      [20, 20],
      [20, 20],
    ]);
  });

  it('145: a sparse gradient into a dense op', () => {
    expect(gradientOf((t) => tf.gather(tf.add(t, 1), [0]), [1])).toEqual([1]);
  });

  it('146: gathers', () => {
    expect(gradientOf((t) => tf.gather(t, [0, 0, 2]), [10, 20, 30], { dy: [1, 2, 4] })).toEqual([3, 0, 4]);
    const square = [
      [1, 2],
      [3, 4],
    ];
    expect(
      gradientOf(
        (t) =>
          tf.gather(t, [
            [0, 1],
            [1, 1],
          ]),
        square,
      ),
    ).toEqual([
      [1, 1],
      [3, 3],
    ]);
    const dy = [
      [1, 2, 3],
      [4, 5, 6],
    ];
    expect(gradientOf((t) => tf.gather(t, [2, 0, 2], { axis: 1 }), tf.zeros([2, 3]), { dy })).toEqual([
      [2, 0, 4],
      [5, 0, 10],
    ]);
  });

  it('a gather along axis 0 has IndexedSlices, with duplicates unsummed; other axes have not', () => {
    const [rows] = gradientsOf((t) => tf.gather(t as tf.Tensor, [3, 3]), [x]);
    expect(rows).toBeInstanceOf(tf.IndexedSlices);
    const slices = rows as tf.IndexedSlices;
    expect(slices.indices.arraySync()).toEqual([3, 3]);
    expect(slices.indices.dtype).toBe('int32');
    expect(slices.values.arraySync()).toEqual([
      [1, 1],
      [1, 1],
    ]);
    expect(slices.denseShape).toEqual([4, 2]);
    expect(slices.toTensor().arraySync()).toEqual([
      [0, 0],
      [0, 0],
      [0, 0],
      [2, 2],
    ]);
    const [columns] = gradientsOf((t) => tf.gather(t as tf.Tensor, [1], { axis: 1 }), [x]);
    expect(columns).toBeInstanceOf(tf.Tensor);
  });

  it('two sparse gradients of one source are joined', () => {
    const [dx] = gradientsOf((t) => tf.add(tf.gather(t as tf.Tensor, [0]), tf.gather(t as tf.Tensor, [3])), [x]);
    expect((dx as tf.IndexedSlices).indices.arraySync()).toHaveLength(2);
    expect(arrayOf(dx)).toEqual([
      [1, 1],
      [0, 0],
      [0, 0],
      [1, 1],
    ]);
  });

  it('a sparse gradient is a target, and takes a dense cotangent', () => {
    const rows = new tf.Variable([
      [1, 2],
      [3, 4],
      [5, 6],
    ]);
    const outer = new tf.GradientTape({ persistent: true });
    const first = outer.record(() => {
      const inner = new tf.GradientTape();
      const y = inner.record(() => tf.reduceSum(tf.pow(tf.gather(rows, [2, 0, 2]), 3)));
      return inner.gradient(y, rows) as tf.Tensor | tf.IndexedSlices;
    });
    expect(first).toBeInstanceOf(tf.IndexedSlices);
    const dense = (ct?: number[][]): unknown => {
      const g = outer.gradient([first], rows, ct ? { outputGradients: [ct] } : {});
      return tf.convertToTensor(g as tf.Tensor).arraySync();
    };
    // 6 x a row, twice where the row was read twice
    expect(dense()).toEqual([
      [6, 12],
      [0, 0],
      [60, 72],
    ]);
    const ct = [
      [1, 0],
      [9, 9],
      [0, 2],
    ];
    expect(dense(ct)).toEqual([
      [6, 0],
      [0, 0],
      [0, 144],
    ]);
    expect(errorOf(() => dense([[1, 0]])).code).toBe('ERR_SHAPE');
  });

  it('a sparse tensor prints as one however it is printed, and nothing dense is computed for it', () => {
    const slices = new tf.IndexedSlices([[1, 2]], [3], [1e9, 2]);
    const text = slices.toString();
    expect(text).toMatch(/^IndexedSlices\(values=tf\.Tensor/);
    expect([String(slices), `${slices}`, inspect(slices)]).toEqual([text, text, text]);
    expect(() => Number(slices)).toThrow(/used as a number/);
  });
});
