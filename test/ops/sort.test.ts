// Sorting and searching: against JavaScript's stable sort at the sizes where the kernel sorts otherwise, special values, ties, and
// what is refused.
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';
import { codeOf } from '../support/errors.js';
import { numbers } from '../support/numbers.js';

const dtypes = ['float32', 'float64', 'int32', 'uint8'] as const;
type Numeric = (typeof dtypes)[number];

function sample(dtype: Numeric, length: number): tf.Tensor {
  const next = numbers(length);
  const few = length % 2 === 1; // many equal elements
  const draw = (): number => {
    const x = next() * 2 - 1;
    if (dtype === 'uint8') return Math.floor((x + 1) * (few ? 4 : 128));
    if (dtype === 'int32') return Math.round(x * (few ? 10 : 2 ** 31 - 1));
    return few ? Math.round(x * 20) / 4 : x * 10 ** Math.round(next() * 40 - 20);
  };
  const values = Array.from({ length }, draw);
  return tf.constant(values, { dtype, shape: [length] });
}

/** The places of the sorted elements; NaN is larger than all numbers. */
function order(values: readonly number[], descending: boolean): number[] {
  const compare = (a: number, b: number): number => {
    if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
    return a < b ? -1 : a > b ? 1 : 0;
  };
  return values
    .map((_, i) => i)
    .sort((p, q) => {
      const by = compare(values[p] as number, values[q] as number);
      return descending ? -by : by;
    });
}

function expectSorted(x: tf.Tensor, direction: 'ASCENDING' | 'DESCENDING'): void {
  const values = [...x.dataSync()];
  const places = order(values, direction === 'DESCENDING');
  const wanted = places.map((at) => values[at] as number);
  expect([...tf.argsort(x, { direction }).dataSync()]).toEqual(places);
  expect([...tf.sort(x, { direction }).dataSync()]).toEqual(wanted);
}

describe('sort and argsort', () => {
  it.each(dtypes)('%s of every length at which the kernel sorts otherwise', (dtype) => {
    for (const length of [0, 1, 2, 3, 63, 64, 65, 200, 511, 512, 513, 1025, 8191, 8192, 8193, 65535, 65536, 100_001]) {
      const x = sample(dtype, length);
      expectSorted(x, 'ASCENDING');
      expectSorted(x, 'DESCENDING');
    }
  });

  it('along every axis', () => {
    const x = tf.reshape(sample('float32', 4 * 70 * 6), [4, 70, 6]);
    for (const axis of [0, 1, 2]) {
      const perm = [0, 1, 2].filter((d) => d !== axis).concat(axis);
      const inverse = perm.map((_, d) => perm.indexOf(d));
      const lines = tf.unstack(tf.reshape(tf.transpose(x, perm), [-1, x.shape[axis] as number]));
      const wanted = tf.transpose(
        tf.reshape(
          tf.stack(lines.map((line) => tf.sort(line))),
          perm.map((d) => x.shape[d] as number),
        ),
        inverse,
      );
      expect(tf.sort(x, axis - 3).arraySync()).toEqual(wanted.arraySync());
      expect(tf.gather(tf.reshape(tf.sort(x, axis), [-1]), [0]).item()).toBe(wanted.at(0, 0, 0).item());
      const places = tf.argsort(x, axis);
      expect(places.shape).toEqual(x.shape);
      expect(tf.reduceSum(places).item()).toBe(((x.shape[axis] as number) - 1) * (x.size / 2));
    }
  });

  it('NaN is the largest number, equal elements stay in order, and zeros keep their signs', () => {
    for (const dtype of ['float32', 'float64'] as const) {
      for (const more of [0, 300]) {
        const special = [NaN, 0, -0, Infinity, -Infinity, -1, 1, -0, 0, NaN, -NaN, 1e-40, -1e-40];
        const x = tf.constant([...special, ...Array.from({ length: more }, (_, i) => (i % 3 ? -0 : i))], { dtype });
        expectSorted(x, 'ASCENDING');
        expectSorted(x, 'DESCENDING');
      }
    }
  });

  it('the elements have the same bits with their places and without, and with any number of threads', () => {
    const x = sample('float64', 200_000);
    const before = tf.config.threads;
    try {
      const alone = tf.sort(x).dataSync();
      const together = tf.topK(tf.neg(x), x.size);
      tf.evaluate(together);
      expect([...tf.neg(together.values).dataSync()]).toEqual([...alone]);
      for (const threads of [1, 2, 3]) {
        tf.config.threads = threads;
        expect(tf.sort(tf.identity(x)).dataSync()).toEqual(alone);
        expect([...tf.gather(x, tf.argsort(tf.identity(x))).dataSync()]).toEqual([...alone]);
      }
    } finally {
      tf.config.threads = before;
    }
  });

  it('the gradient goes to where each element came from', () => {
    const x = tf.constant([3, 1, 3, 2]);
    const tape = new tf.GradientTape();
    const y = tape.record(() => {
      tape.watch(x);
      return tf.sort(x, { direction: 'descending' }).mul([1, 10, 100, 1000]);
    });
    expect(tape.gradient(y, x)?.arraySync()).toEqual([1, 1000, 10, 100]);
  });

  it('each of two tapes around it has that gradient', () => {
    const x = tf.constant([3, 1, 2]);
    const tapes = [new tf.GradientTape(), new tf.GradientTape()] as const;
    const y = tapes[0].record(() => {
      tapes[0].watch(x);
      return tapes[1].record(() => {
        tapes[1].watch(x);
        return tf.reduceSum(tf.mul(tf.sort(tf.mul(x, 2)), [1, 10, 100]));
      });
    });
    for (const tape of tapes) expect(tape.gradient(y, x)?.arraySync()).toEqual([200, 2, 20]);
  });

  it('says what it cannot do', () => {
    expect(codeOf(() => tf.sort(1))).toBe('ERR_AXIS');
    expect(codeOf(() => tf.sort([1], 1))).toBe('ERR_AXIS');
    expect(codeOf(() => tf.sort([true]))).toBe('ERR_DTYPE');
    expect(codeOf(() => tf.sort([1], 0, { direction: 'UP' } as never))).toBe('ERR_OPTION');
    expect(codeOf(() => tf.argsort([1], { stabel: true } as never))).toBe('ERR_OPTION');
  });
});

describe('topK, nthElement and inTopK', () => {
  it('picks the first of equals, a few of many as the first of all that are sorted', () => {
    for (const dtype of dtypes) {
      const x = sample(dtype, 5001);
      const places = tf.argsort(x, { direction: 'DESCENDING' });
      for (const k of [0, 1, 3, 16, 17, 5001]) {
        const { values, indices } = tf.topK(x, k);
        expect([...indices.dataSync()]).toEqual([...tf.slice(places, [0], [k]).dataSync()]);
        expect([...values.dataSync()]).toEqual([...tf.gather(x, indices).dataSync()]);
      }
    }
    expect(tf.topK([[1, 4, 2]]).indices.arraySync()).toEqual([[1]]);
    expect(tf.constant([1, 2]).topK({ sorted: false }).values.arraySync()).toEqual([2]);
  });

  it('ties share the gradient of the n-th element', () => {
    const x = tf.constant([1, 2, 1, 0]);
    const tape = new tf.GradientTape();
    const y = tape.record(() => {
      tape.watch(x);
      return tf.nthElement(x, 1);
    });
    expect(y.item()).toBe(1);
    expect(tape.gradient(y, x)?.arraySync()).toEqual([0.5, 0, 0.5, 0]);
  });

  it('says what it cannot do', () => {
    expect(codeOf(() => tf.topK(1))).toBe('ERR_SHAPE');
    expect(codeOf(() => tf.topK([1, 2], 3))).toBe('ERR_SHAPE');
    expect(codeOf(() => tf.topK([1, 2], 0.5))).toBe('ERR_VALUE');
    expect(codeOf(() => tf.topK([true], 1))).toBe('ERR_DTYPE');
    expect(codeOf(() => tf.nthElement([1, 2], 2))).toBe('ERR_SHAPE');
    expect(codeOf(() => tf.nthElement([1, 2], -1))).toBe('ERR_VALUE');
    expect(codeOf(() => tf.inTopK([1], [1, 2], 1))).toBe('ERR_SHAPE');
    expect(codeOf(() => tf.inTopK([1], tf.constant([[1, 2]], { dtype: 'int32' }), 1))).toBe('ERR_DTYPE');
  });
});

describe('searchsorted', () => {
  it.each(dtypes)('%s: the place before and behind equals', (dtype) => {
    const sequence = tf.sort(sample(dtype, 3001));
    const values = tf.concat([sample(dtype, 500), tf.slice(sequence, [0], [2000])], 0);
    const s = [...sequence.dataSync()];
    const wanted = (v: number, right: boolean) => s.filter((e) => (right ? e <= v : e < v)).length;
    for (const side of ['left', 'right'] as const) {
      const got = tf.searchsorted(sequence, values, { side }).dataSync();
      values.dataSync().forEach((v, i) => {
        if (i % 97 === 0) expect(got[i]).toBe(wanted(v, side === 'right'));
      });
    }
  });

  it('says what it cannot do', () => {
    expect(codeOf(() => tf.searchsorted(1, 1))).toBe('ERR_SHAPE');
    expect(codeOf(() => tf.searchsorted([1], [[1]]))).toBe('ERR_SHAPE');
    expect(codeOf(() => tf.searchsorted([true], [true]))).toBe('ERR_DTYPE');
    expect(codeOf(() => tf.searchsorted([1], [1], { side: 'middle' } as never))).toBe('ERR_OPTION');
  });
});

describe('unique, uniqueWithCounts and setdiff1d', () => {
  it('keep the order in which elements come first', () => {
    const { y, idx, count } = tf.uniqueWithCounts([3, 1, 3, -0, 0, 1, 3]);
    expect([y.arraySync(), idx.arraySync(), count.arraySync()]).toEqual([
      [3, 1, -0],
      [0, 1, 0, 2, 2, 1, 0],
      [3, 2, 2],
    ]);
    expect(tf.unique([true, false, true]).y.arraySync()).toEqual([true, false]);
    expect(tf.unique(tf.zeros([0])).y.shape).toEqual([0]);
    expect(tf.constant([1, 2, 2, 3]).setdiff1d([3, 1]).idx.arraySync()).toEqual([1, 2]);
  });

  it('have no gradient', () => {
    const x = tf.constant([3, 1, 3]);
    const tape = new tf.GradientTape({ persistent: true });
    const [y, out] = tape.record(() => {
      tape.watch(x);
      return [tf.unique(x).y, tf.setdiff1d(x, [1]).out];
    });
    expect(tape.gradient(y, x)).toBeNull();
    expect(tape.gradient(out, x)).toBeNull();
  });

  it('say what they cannot do', () => {
    expect(codeOf(() => tf.unique([[1]]))).toBe('ERR_SHAPE');
    expect(codeOf(() => tf.uniqueWithCounts(1))).toBe('ERR_SHAPE');
    expect(codeOf(() => tf.setdiff1d([[1]], [1]))).toBe('ERR_SHAPE');
    expect(codeOf(() => tf.setdiff1d(tf.zeros([1]), tf.zeros([1], { dtype: 'int32' })))).toBe('ERR_DTYPE');
  });
});
