// Making tensors and moving their elements: creation, slices, fill, pad, where, tile, and lists of lengths and axes.
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';
import { codeOf, errorOf, expectError } from '../support/errors.js';
import { pending } from '../support/tensors.js';

const inf = Number.POSITIVE_INFINITY;

describe('creation', () => {
  it('zeros, ones, fill', () => {
    expect(tf.zeros([2, 2]).arraySync()).toEqual([
      [0, 0],
      [0, 0],
    ]);
    expect(tf.ones([2], { dtype: 'bool' }).arraySync()).toEqual([true, true]);
    expect(tf.fill([2], 7, { dtype: 'int32' }).arraySync()).toEqual([7, 7]);
    expect(tf.fill([1, 1], true).dtype).toBe('bool');
    expect(tf.fill([], 0.1).item()).toBe(Math.fround(0.1));
    expect(tf.zeros([0, 5]).arraySync()).toEqual([]);
    expect(tf.zerosLike(tf.ones([2, 1], { dtype: 'int32' })).arraySync()).toEqual([[0], [0]]);
    expect(tf.onesLike(tf.zeros([1], { dtype: 'bool' })).arraySync()).toEqual([true]);
  });

  it('eye, range, linspace, oneHot', () => {
    expect(tf.eye(2, 3).arraySync()).toEqual([
      [1, 0, 0],
      [0, 1, 0],
    ]);
    expect(tf.eye(2).shape).toEqual([2, 2]);
    expect(tf.eye(2, 0).shape).toEqual([2, 0]);
    expect(tf.range(4).arraySync()).toEqual([0, 1, 2, 3]);
    expect(tf.range(3, 3).arraySync()).toEqual([]);
    expect(tf.range(5, 0, -2, { dtype: 'int32' }).arraySync()).toEqual([5, 3, 1]);
    expect(tf.range(0, 1, 0.25).arraySync()).toEqual([0, 0.25, 0.5, 0.75]);
    expect(tf.linspace(0, 1, 5).arraySync()).toEqual([0, 0.25, 0.5, 0.75, 1]);
    expect(tf.linspace(3, 9, 1).arraySync()).toEqual([3]);
    expect(tf.linspace(0, 0.7, 8, { dtype: 'float64' }).dataSync()[7]).toBe(0.7);
    expect(tf.oneHot([0, 2, -1, 3], 3).arraySync()).toEqual([
      [1, 0, 0],
      [0, 0, 1],
      [0, 0, 0],
      [0, 0, 0],
    ]);
    expect(tf.oneHot([0, 1], 2, { axis: 0, onValue: 5, offValue: -1, dtype: 'int32' }).arraySync()).toEqual([
      [5, -1],
      [-1, 5],
    ]);
  });

  it('operands take the dtype of the tensor beside them', () => {
    const d = tf.constant([0.1], { dtype: 'float64' });
    expect(d.mul(0.1).dataSync()).toEqual(new Float64Array([0.1 * 0.1]));
    expect(tf.sub(0.3, d).dtype).toBe('float64');
    expect(tf.add([1, 2], tf.constant([1, 2], { dtype: 'int32' })).dtype).toBe('int32');
    expect(tf.add(1, new Int32Array([1])).dtype).toBe('int32');
    expect(tf.less(d, 1).dtype).toBe('bool');
    expect(tf.where([true], 1, d).dtype).toBe('float64');
    expect(tf.concat([[1], tf.constant([2], { dtype: 'int32' })], 0).dtype).toBe('int32');
  });

  it('integers divide as float64, as function and as method', () => {
    const i = tf.constant([7, 8], { dtype: 'int32' });
    for (const q of [tf.div(i, 2), i.div(2), tf.div(7, i), tf.expr`${i} / 2`, tf.div(new Int32Array([7, 8]), 2)]) {
      expect(q.dtype).toBe('float64');
    }
    expect(i.div(2).arraySync()).toEqual([3.5, 4]);
  });

  it('rounds numbers to float32 before it computes', () => {
    expect(tf.constant(0.1).mul(3).item()).toBe(Math.fround(Math.fround(0.1) * 3));
    expect(tf.add(0.1, 0.2).item()).toBe(Math.fround(Math.fround(0.1) + Math.fround(0.2)));
  });
});

describe('at()', () => {
  const t = tf.reshape(tf.range(24), [2, 3, 4]);
  // The same through plain arrays.
  const rows = t.arraySync() as number[][][];

  it('indexes as NumPy does', () => {
    expect(t.at(1).arraySync()).toEqual(rows[1]);
    expect(t.at(-1, 0, -2).item()).toBe(14);
    expect(t.at(1, '::2').arraySync()).toEqual([rows[1]?.[0], rows[1]?.[2]]);
    expect(t.at('::-1', 0, 0).arraySync()).toEqual([12, 0]);
    expect(t.at('...', 3).arraySync()).toEqual(rows.map((m) => m.map((r) => r[3])));
    expect(t.at(0, '...', 3).arraySync()).toEqual([3, 7, 11]);
    expect(t.at('...').arraySync()).toEqual(rows);
    expect(t.at().arraySync()).toEqual(rows);
    expect(t.at(null).shape).toEqual([1, 2, 3, 4]);
    expect(t.at('::', null, 1).shape).toEqual([2, 1, 4]);
    expect(t.at(0, null, 0, null, 0).shape).toEqual([1, 1]);
    expect(t.at(0, 0, '1:3').arraySync()).toEqual([1, 2]);
    expect(t.at(0, 0, '-3:-1').arraySync()).toEqual([1, 2]);
    expect(t.at(0, 0, '3:0:-2').arraySync()).toEqual([3, 1]);
    expect(t.at(0, 0, ':').arraySync()).toEqual([0, 1, 2, 3]);
    expect(t.at(0, 0, '-100:100').arraySync()).toEqual([0, 1, 2, 3]);
    expect(t.at(0, 0, '3:1').shape).toEqual([0]);
    expect(t.at(0, 0, ' 1 : 3 ').arraySync()).toEqual([1, 2]);
    expect(t.at(0, 0, '100:200').arraySync()).toEqual([]);
    expect(t.at('2:', 0).shape).toEqual([0, 4]);
  });

  it('and throws on what is no index', () => {
    for (const index of [
      2,
      -3,
      0.5,
      Number.NaN,
      inf,
      '1:2:0',
      '0:1:2:3',
      'x',
      '',
      '1',
      '0.5:',
      undefined,
      {},
      [0],
      true,
    ]) {
      expectError(() => t.at(index as never), tf.GradtapeError, 'ERR_INDEX');
    }
    expectError(() => t.at(0, 0, 0, 0), tf.ShapeError, 'ERR_INDEX');
    expectError(() => t.at('...', '...'), tf.ValueError, 'ERR_INDEX');
    expectError(() => tf.constant(1).at(0), tf.ShapeError, 'ERR_INDEX');
  });

  it('agrees with stridedSlice', () => {
    expect(tf.stridedSlice(t, [0, 2], [2, 0], [1, -1]).arraySync()).toEqual(t.at('0:2', '2:0:-1').arraySync());
  });
});

describe('lists of lengths, axes and places', () => {
  const x = tf.reshape(tf.range(6), [2, 3]);

  it('are arrays or typed arrays', () => {
    const list = (...values: number[]): Int32Array => Int32Array.from(values);
    expect(tf.zeros(list(2, 1)).shape).toEqual([2, 1]);
    expect(tf.zeros(3).shape).toEqual([3]);
    expect(tf.constant([1, 2], { shape: list(2, 1) }).shape).toEqual([2, 1]);
    expect(tf.reshape(x, list(3, -1)).shape).toEqual([3, 2]);
    expect(tf.reshape(x, -1).shape).toEqual([6]);
    expect(tf.broadcastTo(x, list(2, 2, 3)).shape).toEqual([2, 2, 3]);
    expect(tf.transpose(x, list(1, 0)).shape).toEqual([3, 2]);
    expect(tf.reduceSum(x, list(0, 1)).item()).toBe(15);
    expect(tf.norm(x, 1, list(0, 1)).item()).toBe(7);
    expect(tf.reverse(x, list(0)).arraySync()).toEqual([
      [3, 4, 5],
      [0, 1, 2],
    ]);
    expect(tf.squeeze(tf.ones([1, 2, 1]), list(0)).shape).toEqual([2, 1]);
    expect(tf.slice(x, list(0, 1), list(-1, 2)).arraySync()).toEqual([
      [1, 2],
      [4, 5],
    ]);
    expect(tf.stridedSlice(x, list(0, 2), list(2, 0), list(1, -1)).arraySync()).toEqual([
      [2, 1],
      [5, 4],
    ]);
    expect(tf.split(x, list(1, 2), 1).map((t) => t.shape[1])).toEqual([1, 2]);
    expect(tf.tile(x, list(1, 2)).shape).toEqual([2, 6]);
    expect(tf.pad(x, [list(1, 0), list(0, 1)]).shape).toEqual([3, 4]);
    expect(tf.scatterNd([[1]], [5], list(2)).arraySync()).toEqual([0, 5]);
  });

  it('squeeze of no axes is squeeze of all of them', () => {
    expect(tf.squeeze(tf.ones([1, 2, 1]), []).shape).toEqual([2]);
    expect(tf.squeeze(tf.ones([1, 2, 1]), null).shape).toEqual([2]);
  });

  it('range goes nowhere only where start is limit', () => {
    expect(tf.range(0).arraySync()).toEqual([]);
    expect(tf.range(5, 5, -1).shape).toEqual([0]);
    for (const call of [() => tf.range(4, -2), () => tf.range(0, 5, -1), () => tf.range(-1)]) {
      expectError(call, tf.ValueError, 'ERR_VALUE');
    }
  });

  it('a step beyond the axis', () => {
    expect(tf.at(x, 0, '::4294967296').arraySync()).toEqual([0]);
    expect(tf.at(x, 0, '::-9007199254740991').arraySync()).toEqual([2]);
    expect(tf.stridedSlice(x, [0, 1], [2, 3], [2 ** 40, 1]).arraySync()).toEqual([[1, 2]]);
  });
});

describe('fill, pad and where', () => {
  it('fill with a scalar tensor: its dtype, and its gradient', () => {
    const value = tf.constant(1.1, { dtype: 'float64' });
    expect(tf.fill([2], value).dtype).toBe('float64');
    expect(tf.fill([2], value).dataSync()).toEqual(new Float64Array([1.1, 1.1]));
    expect(tf.fill([], value).item()).toBe(1.1);
    expect(tf.fill([2], new Int32Array(1).length).dtype).toBe('float32');
    expect(tf.fill([2], pending(tf.constant(true))).arraySync()).toEqual([true, true]);
    const tape = new tf.GradientTape();
    const v = new tf.Variable(2);
    const y = tape.record(() => tf.reduceSum(tf.fill([3, 2], v).mul(v)));
    expect(tape.gradient(y, v)?.item()).toBe(24);
  });

  it('pad with a number, also -0, or with a scalar tensor, to which no gradient flows', () => {
    const x = tf.constant([1, 2]);
    for (const constantValues of [7, tf.constant(7), pending(tf.constant(7)), new tf.Variable(7)]) {
      expect(tf.pad(x, [[1, 2]], { constantValues }).arraySync()).toEqual([7, 1, 2, 7, 7]);
    }
    expect(Object.is(tf.pad(x, [[1, 0]], { constantValues: -0 }).dataSync()[0], -0)).toBe(true);
    expect(tf.pad(tf.cast(x, 'bool'), [[1, 0]], { constantValues: true }).arraySync()).toEqual([true, true, true]);
    const tape = new tf.GradientTape({ persistent: true });
    const c = tf.constant(3);
    const y = tape.record(() => {
      tape.watch([x, c]);
      return tf.pad(x, [[1, 1]], { constantValues: c });
    });
    expect((tape.gradient(y, x) as tf.Tensor).arraySync()).toEqual([1, 1]);
    expect(tape.gradient(y, c)).toBeNull();
  });

  it('where of one argument takes what is not 0, of any dtype', () => {
    for (const condition of [[1, 0, 2], new Float32Array([1, 0, 2]), [true, false, true], tf.constant([-1, 0, 0.5])]) {
      expect(tf.where(condition).arraySync()).toEqual([[0], [2]]);
    }
    expect(tf.where(3).shape).toEqual([1, 0]);
  });

  it('where of a condition alone: the indices of what is true', () => {
    expect(
      tf
        .where([
          [true, false],
          [true, true],
        ])
        .arraySync(),
    ).toEqual([
      [0, 0],
      [1, 0],
      [1, 1],
    ]);
    expect(tf.where(tf.constant([0, 2, -1])).dataSync()).toEqual(Int32Array.of(1, 2));
    expect(tf.where([false]).shape).toEqual([0, 1]);
    expect(tf.where(true).shape).toEqual([1, 0]);
    expect(tf.where([true]).dtype).toBe('int32');
    expect(errorOf(() => (tf.where as (c: boolean, x: number) => tf.Tensor)(true, 1)).code).toBe('ERR_OPTION');
  });
});

describe('tile', () => {
  it('of every rank that a tensor has', () => {
    const rank = 16;
    const lengths = Array.from({ length: rank }, (_, d) => (d % 5 === 0 ? 2 : 1));
    const x = tf.reshape(tf.range(16), lengths);
    const times = Array.from({ length: rank }, (_, d) => (d % 2 === 0 ? 2 : 1));
    const y = tf.tile(x, times);
    expect(y.shape).toEqual(lengths.map((n, d) => n * (times[d] as number)));
    const values = y.dataSync();
    const strides = (shape: readonly number[]): number[] =>
      shape.map((_, d) => shape.slice(d + 1).reduce((p, n) => p * n, 1));
    const [inner, outer] = [strides(lengths), strides(y.shape)];
    for (let at = 0; at < y.size; at++) {
      let source = 0;
      lengths.forEach((n, d) => {
        const index = Math.floor(at / (outer[d] as number)) % (y.shape[d] as number);
        source += (index % n) * (inner[d] as number);
      });
      if (values[at] !== source) expect(values[at]).toBe(source);
    }
    const tape = new tf.GradientTape();
    const z = tape.record(() => {
      tape.watch(x);
      return tf.reduceSum(tf.tile(x, times));
    });
    expect(new Set((tape.gradient(z, x) as tf.Tensor).dataSync())).toEqual(new Set([256]));
    expect(tf.tile(tf.ones([3, 0, 2]), [2, 3, 1]).shape).toEqual([6, 0, 2]);
    expect(tf.tile(tf.ones([3, 2]), [0, 1]).shape).toEqual([0, 2]);
    expect(tf.tile(5, []).item()).toBe(5);
  });
});

describe('a list of whole numbers may be a tensor', () => {
  const like = tf.ones([3, 2]);
  const whole = (...numbers: number[]): tf.Tensor => tf.constant(Int32Array.from(numbers));

  it('known or pending, int32 or uint8, a vector or a variable of one', () => {
    const x = tf.constant([0, 1, 2, 3, 4, 5]);
    const m = x.reshape([2, 3]);
    expect(x.reshape(tf.shape(like)).shape).toEqual([3, 2]);
    expect(x.reshape(tf.add(whole(1, 2), 1)).shape).toEqual([2, 3]);
    expect(x.reshape(tf.cast([2, 3], 'uint8')).shape).toEqual([2, 3]);
    expect(x.reshape(new tf.Variable(whole(6, 1))).shape).toEqual([6, 1]);
    expect(x.reshape(tf.size(x)).shape).toEqual([6]);
    expect(tf.zeros(tf.shape(like)).shape).toEqual([3, 2]);
    expect(tf.fill(tf.shape(like), 7).arraySync()).toEqual([
      [7, 7],
      [7, 7],
      [7, 7],
    ]); // prettier-ignore
    expect(tf.broadcastTo([1, 2], tf.shape(like)).shape).toEqual([3, 2]);
    expect(tf.scatterNd([[1]], [5], whole(3)).arraySync()).toEqual([0, 5, 0]);
    expect(m.transpose(whole(1, 0)).shape).toEqual([3, 2]);
    expect(m.tile(whole(1, 2)).shape).toEqual([2, 6]);
    expect(m.slice(whole(0, 1), whole(2, -1)).arraySync()).toEqual([
      [1, 2],
      [4, 5],
    ]); // prettier-ignore
    expect(tf.random.uniform(tf.shape(like)).shape).toEqual([3, 2]);
  });

  it('but no matrix, no floats and no bools', () => {
    for (const shape of [tf.ones([2]), tf.constant([true]), tf.zeros([1, 1], { dtype: 'int32' })]) {
      expect(codeOf(() => tf.reshape([1], shape))).toBe('ERR_SHAPE');
    }
    const beyond = tf.gather(whole(1, 2), tf.add(whole(2), 1));
    expect(codeOf(() => tf.reshape([1], beyond))).toBe('ERR_INDEX');
  });
});

describe('operands that broadcast over short rows', () => {
  const values = (size: number, from: number): number[] =>
    Array.from({ length: size }, (_, i) => (Math.imul(i + from, 0x9e3779b1) >>> 17) & 1);

  it.each(['float32', 'float64', 'int32', 'bool'] as const)('%s', (dtype) => {
    for (let n = 1; n <= 70; n++) {
      // Rows that come again along an axis in the middle, and rows of columns; more than a block of elements.
      const [rows, again, columns] = [Math.ceil(1500 / n), 3, Math.ceil(1500 / n)];
      const [x, y] = [values(rows * n, 0), values(rows * again * n, 1)];
      const got = tf.notEqual(
        tf.constant(x, { shape: [rows, 1, n] }).cast(dtype),
        tf.constant(y, { shape: [rows, again, n] }).cast(dtype),
      );
      const want = y.map((v, i) => v !== x[Math.floor(i / (again * n)) * n + (i % n)]);
      expect([...got.dataSync()], `${n} elements, repeated`).toEqual(want.map(Number));
      const z = values(columns * n * 2, 1);
      const turned = tf.transpose(tf.constant(z, { shape: [columns, 2, n] }).cast(dtype), [1, 0, 2]);
      const equal = tf.equal(turned, tf.constant(values(2 * columns * n, 0), { shape: [2, columns, n] }).cast(dtype));
      expect([...equal.dataSync()], `${n} elements, a stride apart`).toEqual(
        values(2 * columns * n, 0).map((v, i) => {
          const [a, b, c] = [Math.floor(i / (columns * n)), Math.floor(i / n) % columns, i % n];
          return Number(z[(b * 2 + a) * n + c] === v);
        }),
      );
    }
  });
});
