// Reductions and positions over any axis at the sizes where their loops are cut otherwise: against plain JavaScript, and with the same
// bits alone or at the end of a loop, on one thread or three.
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';
import { restoreSettings } from '../support/settings.js';
import { bytesOf } from '../support/tensors.js';

restoreSettings();

type Triple = [number, number, number];
type Floating = 'float32' | 'float64';

function random(shape: readonly number[], dtype: Floating, seed: number): tf.Tensor {
  const x = tf.random.normal(shape, { dtype, seed });
  tf.evaluate(x);
  return x;
}

// f(column) for each of the columns [outer, :, inner]; the column is the same array each time.
function columns([outer, length, inner]: Triple, x: tf.Tensor, f: (column: number[]) => number): number[] {
  const values = x.dataSync() as Float32Array;
  const out: number[] = [];
  const column = new Array<number>(length);
  for (let o = 0; o < outer; o++) {
    for (let j = 0; j < inner; j++) {
      for (let k = 0; k < length; k++) column[k] = values[(o * length + k) * inner + j] as number;
      out.push(f(column));
    }
  }
  return out;
}

// [outer, rows, columns]: short rows folded, with and without a rest; strips of long ones; several panels; few rows.
const shapes: Triple[] = [
  [1, 1, 2],
  [3, 5, 2],
  [1, 1000, 3],
  [2, 20, 10],
  [5, 150, 10],
  [1, 50_001, 10],
  [3, 7001, 7],
  [2, 1601, 100],
  [1, 1001, 511],
  [1, 20, 512],
  [2, 17, 600],
  [1, 500, 1000],
  [1, 9, 9000],
  [1, 130, 4097],
];

describe('sums and extremes over rows', () => {
  it.each(shapes)('%i x %i x %i: right, the same bits alone, fused, kept, broadcast and in threads', (...shape) => {
    for (const dtype of ['float32', 'float64'] as const) {
      const x = random(shape, dtype, 3);
      const bias = random([shape[2]], dtype, 4);
      const forms = [() => x, () => tf.mul(x, x), () => tf.add(x, bias)];
      for (const form of forms) {
        const y = form();
        tf.config.threads = 1;
        tf.evaluate(y);
        const sum = tf.reduceSum(y, 1);
        const max = tf.reduceMax(y, 1);
        tf.evaluate(sum, max);
        const scale = dtype === 'float32' ? 1e-6 : 1e-12;
        const sums = columns(shape, y, (c) => c.reduce((a, b) => a + b));
        const sizes = columns(shape, y, (c) => c.reduce((a, b) => a + Math.abs(b), 0));
        const got = sum.dataSync() as Float32Array;
        expect(sums.every((want, i) => Math.abs(want - (got[i] as number)) <= scale * (sizes[i] as number))).toBe(true);
        expect([...(max.dataSync() as Float32Array)]).toEqual(
          columns(shape, y, (c) => c.reduce((a, b) => Math.max(a, b))),
        );
        for (const threads of [1, 3]) {
          tf.config.threads = threads;
          const alone = tf.reduceSum(form(), 1);
          expect(bytesOf(alone).equals(bytesOf(sum))).toBe(true);
          const kept = form();
          const beside = [tf.reduceSum(kept, 1), tf.reduceMax(kept, 1)] as const;
          tf.evaluate(kept, ...beside);
          expect(bytesOf(beside[0]).equals(bytesOf(sum))).toBe(true);
          expect(bytesOf(beside[1]).equals(bytesOf(max))).toBe(true);
        }
      }
    }
  });

  it('extremes find NaN in any row and column, and infinities are not NaN', () => {
    for (const inner of [3, 40, 600]) {
      for (const length of [1, 9, 40]) {
        const x = new Float32Array(length * inner).fill(1);
        for (let j = 0; j < inner; j++)
          x[((j * 7) % length) * inner + j] = j % 3 === 0 ? Number.NaN : Number.POSITIVE_INFINITY;
        for (let j = 1; j < inner; j += 3) x[((j * 5 + 1) % length) * inner + j] = Number.NEGATIVE_INFINITY;
        const t = tf.constant(x).reshape([1, length, inner]);
        for (const of of [t, tf.mul(t, tf.stopGradient(tf.ones([inner])))]) {
          const max = columns([1, length, inner], t, (c) => c.reduce((a, b) => Math.max(a, b)));
          expect([...tf.reduceMax(of, 1).dataSync()]).toEqual(max);
          expect([...tf.reduceMax(tf.transpose(of, [0, 2, 1]), 2).dataSync()]).toEqual(max);
        }
      }
    }
  });
});

describe('positions of extremes', () => {
  it.each(shapes)('%i x %i x %i, over rows and along them, NaN and ties, on one thread and three', (...shape) => {
    const [outer, length, inner] = shape;
    for (const dtype of ['float32', 'float64', 'int32'] as const) {
      const plain = tf.cast(tf.floor(tf.mul(random(shape, 'float64', 5), 3)), dtype);
      const missing = tf.greater(random(shape, 'float64', 6), dtype === 'int32' ? 9 : 2.5);
      const x = tf.where(missing, dtype === 'int32' ? tf.cast(7, dtype) : tf.constant(Number.NaN, { dtype }), plain);
      tf.evaluate(x);
      const first = (largest: boolean) => (c: number[]) => {
        let best = 0;
        for (let k = 1; k < c.length; k++) {
          const [a, b] = [c[k] as number, c[best] as number];
          if (!Number.isNaN(b) && (Number.isNaN(a) || (largest ? a > b : a < b))) best = k;
        }
        return best;
      };
      const largest = columns(shape, x, first(true));
      const smallest = columns(shape, x, first(false));
      const ofRows = columns([outer * length, inner, 1], x, first(true));
      for (const threads of [1, 3]) {
        tf.config.threads = threads;
        expect([...tf.argmax(x, 1).dataSync()]).toEqual(largest);
        expect([...tf.argmin(x, 1).dataSync()]).toEqual(smallest);
        expect([...tf.argmax(x, -1).dataSync()]).toEqual(ofRows);
      }
    }
  });
});

describe('log-sum-exp', () => {
  it.each(shapes)('of rows and columns of %i x %i x %i', (...shape) => {
    const [outer, length, inner] = shape;
    const x = tf.mul(random(shape, 'float64', 7), 30);
    const plain = (c: number[]) => {
      const max = c.reduce((a, b) => Math.max(a, b));
      return max + Math.log(c.reduce((sum, v) => sum + Math.exp(v - max), 0));
    };
    const near = (got: tf.Tensor, want: number[]) => {
      const values = got.dataSync() as Float64Array;
      return want.every((w, i) => Math.abs(w - (values[i] as number)) < 1e-12 * (1 + Math.abs(w)));
    };
    const ofRows = columns([outer * length, inner, 1], x, plain);
    const ofBoth = columns([outer, length * inner, 1], x, plain);
    const ofColumns = columns(shape, x, plain);
    for (const threads of [1, 3]) {
      tf.config.threads = threads;
      expect(near(tf.reduceLogsumexp(x, -1), ofRows)).toBe(true);
      expect(near(tf.reduceLogsumexp(x, [1, 2]), ofBoth)).toBe(true);
      expect(near(tf.reduceLogsumexp(x, 1), ofColumns)).toBe(true);
    }
  });

  it('of infinities and NaN', () => {
    const [inf, nan] = [Number.POSITIVE_INFINITY, Number.NaN];
    for (const n of [3, 20, 100, 3000]) {
      const rows = [[-inf], [inf], [nan], [inf, -inf], [-inf, 2], [nan, inf]].map((r) =>
        Array.from({ length: n }, (_, i) => r[Math.min(i, r.length - 1)] as number),
      );
      const want = [-inf, inf, nan, inf, 2 + Math.log(n - 1), nan];
      const got = tf.reduceLogsumexp(tf.constant(rows, { dtype: 'float64' }), 1, { keepdims: true });
      expect(got.shape).toEqual([6, 1]);
      (got.dataSync() as Float64Array).forEach((v, i) => {
        if (Number.isFinite(want[i])) expect(v).toBeCloseTo(want[i] as number, 12);
        else expect(v).toBe(want[i]);
      });
    }
  });
});
