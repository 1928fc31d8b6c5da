// Segments and counts: against plain JavaScript over random ids, in every dtype and with pending ids; gradients at zeros; and what is
// refused.
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';
import { codeOf, errorOf } from '../support/errors.js';
import { numbers } from '../support/numbers.js';

const combine = {
  Sum: (a: number, b: number): number => a + b,
  Prod: (a: number, b: number): number => a * b,
  Max: Math.max,
  Min: Math.min,
} as const;
type How = keyof typeof combine;
const segments = {
  Sum: tf.unsortedSegmentSum,
  Prod: tf.unsortedSegmentProd,
  Max: tf.unsortedSegmentMax,
  Min: tf.unsortedSegmentMin,
} as const;

const bounds = {
  float32: [-3.4028234663852886e38, 3.4028234663852886e38],
  float64: [-Number.MAX_VALUE, Number.MAX_VALUE],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint8: [0, 255],
} as const;
type Numeric = keyof typeof bounds;

function emptyOf(how: How, dtype: Numeric): number {
  if (how === 'Sum' || how === 'Prod') return Number(how === 'Prod');
  return bounds[dtype][how === 'Max' ? 0 : 1];
}

const rounding = {
  float32: Math.fround,
  float64: (x: number) => x,
  int32: (x: number) => x | 0,
  uint8: (x: number) => x & 255,
} as const;

describe('segments', () => {
  it.each(Object.keys(bounds) as Numeric[])('%s: rows of any number, known or pending', (dtype) => {
    const next = numbers(7);
    for (const [count, inner, length] of [
      [1, 1, 1],
      [40, 1, 7],
      [40, 3, 50],
      [300, 17, 5],
    ] as const) {
      const ids = Array.from({ length: count }, () => Math.floor(next() * (length + 1)) - 1);
      const data = Array.from({ length: count * inner }, () => Math.floor(next() * 3) + (dtype === 'uint8' ? 0 : -1));
      const rows = tf.constant(data, { dtype, shape: [count, inner] });
      const known = tf.constant(Int32Array.from(ids));
      const pending = tf.add(tf.neg(tf.neg(known)), 0);
      for (const how of Object.keys(combine) as How[]) {
        const wanted = Array.from({ length }, () => new Array<number>(inner).fill(emptyOf(how, dtype)));
        ids.forEach((id, i) => {
          for (let j = 0; id >= 0 && j < inner; j++) {
            const row = wanted[id] as number[];
            row[j] = rounding[dtype](combine[how](row[j] as number, data[i * inner + j] as number));
          }
        });
        for (const of of [known, pending]) {
          const got = segments[how](rows, of, length);
          expect(got.dtype).toBe(dtype);
          expect([...got.dataSync()].map((x) => x + 0)).toEqual(wanted.flat().map((x) => x + 0));
        }
      }
    }
  });

  it('the gradient of a product is right at zeros, at both orders, and after a segment that overflows', () => {
    const x = tf.constant([1e300, 1e300, 0, 5, 0, 7, 2], { dtype: 'float64' });
    const outer = new tf.GradientTape();
    const g = outer.record(() => {
      outer.watch(x);
      const inner = new tf.GradientTape();
      const y = inner.record(() => {
        inner.watch(x);
        return tf.segmentProd(x, [0, 0, 1, 1, 2, 2, 2]);
      });
      return inner.gradient(y, x) as tf.Tensor;
    });
    expect(g.arraySync()).toEqual([1e300, 1e300, 5, 0, 14, 0, 0]);
    const weights = tf.constant([0, 0, 1, 0, 0, 1, 0], { dtype: 'float64' });
    expect(outer.gradient(g, x, { outputGradients: weights })?.arraySync()).toEqual([0, 0, 0, 1, 2, 0, 0]);
  });

  it('say what they cannot do', () => {
    expect(codeOf(() => tf.segmentSum([1, 2], [1, 0]))).toBe('ERR_INDEX');
    expect(codeOf(() => tf.segmentSum([1, 2], [-1, 0]))).toBe('ERR_INDEX');
    expect(codeOf(() => tf.segmentMax([1, 2], [0]))).toBe('ERR_SHAPE');
    expect(codeOf(() => tf.segmentMean(1, [0]))).toBe('ERR_SHAPE');
    expect(codeOf(() => tf.segmentProd([true], [0]))).toBe('ERR_DTYPE');
    expect(codeOf(() => tf.unsortedSegmentSum([1, 2], [0, 3], 3))).toBe('ERR_INDEX');
    const pending = tf.add(tf.constant(Int32Array.of(0, 1)), 2);
    expect(errorOf(() => tf.unsortedSegmentMax([1, 2], pending, 3).dataSync())).toMatchObject({
      code: 'ERR_INDEX',
      message: 'unsortedSegmentMax: index 3 is out of range for an axis of length 3',
    });
    expect(codeOf(() => tf.unsortedSegmentSum([1, 2], [0], 1))).toBe('ERR_SHAPE');
    expect(codeOf(() => tf.unsortedSegmentSum([1], [0], -1))).toBe('ERR_SHAPE');
    expect(codeOf(() => tf.unsortedSegmentSqrtN(tf.constant(Int32Array.of(1)), [0], 1))).toBe('ERR_DTYPE');
  });
});

describe('counts', () => {
  it('bincount takes weights, and rows', () => {
    expect(tf.bincount([1, 1, 2], { weights: [0.5, 1, 2] }).arraySync()).toEqual([0, 1.5, 2]);
    expect(
      tf
        .bincount(
          [
            [1, 1],
            [0, 3],
          ],
          {
            axis: -1,
            weights: [
              [1, 2],
              [3, 4],
            ],
          },
        )
        .arraySync(),
    ).toEqual([
      [0, 3, 0, 0],
      [3, 0, 0, 4],
    ]);
    expect(tf.bincount(tf.zeros([0, 2]), { axis: -1, minlength: 3 }).shape).toEqual([0, 3]);
    expect(tf.bincount(3).arraySync()).toEqual([0, 0, 0, 1]);
  });

  it('a histogram leaves NaN out', () => {
    expect(tf.histogramFixedWidth([NaN, 1, -Infinity, Infinity], [0, 2], 2).arraySync()).toEqual([1, 2]);
  });

  it('say what they cannot do', () => {
    expect(codeOf(() => tf.bincount([-1]))).toBe('ERR_INDEX');
    expect(codeOf(() => tf.bincount([1], { weights: [1, 2] }))).toBe('ERR_SHAPE');
    expect(codeOf(() => tf.bincount([1], { weights: [1], binaryOutput: true }))).toBe('ERR_OPTION');
    expect(codeOf(() => tf.bincount([1], { axis: 1 } as never))).toBe('ERR_AXIS');
    expect(codeOf(() => tf.bincount(tf.zeros([1, 1, 1]), { axis: -1 }))).toBe('ERR_SHAPE');
    expect(codeOf(() => tf.bincount([1], { dtype: 'bool' }))).toBe('ERR_DTYPE');
    expect(codeOf(() => tf.histogramFixedWidth([1], [1, 1]))).toBe('ERR_VALUE');
    expect(codeOf(() => tf.histogramFixedWidth([1], [1, 2, 3]))).toBe('ERR_SHAPE');
    expect(codeOf(() => tf.histogramFixedWidth([1], [1, 2], 0))).toBe('ERR_VALUE');
    expect(codeOf(() => tf.confusionMatrix([1], [2], { numClasses: 2 }))).toBe('ERR_INDEX');
    expect(codeOf(() => tf.confusionMatrix([-1], [2]))).toBe('ERR_INDEX');
    expect(codeOf(() => tf.confusionMatrix([1], [2, 1]))).toBe('ERR_SHAPE');
    expect(codeOf(() => tf.confusionMatrix([1], [2], { weights: [1, 2] }))).toBe('ERR_SHAPE');
  });
});
