// Reductions over any axis at the sizes where their loops are cut otherwise: against plain JavaScript, and with the same
// bits alone or at the end of a loop, on one thread or three.
import * as tf from 'gradtape';
import { afterEach, describe, expect, it } from 'vitest';

const settings = { ...tf.config };
afterEach(() => {
  Object.assign(tf.config, settings);
});

type Triple = [number, number, number];
type Floating = 'float32' | 'float64';

function random(shape: readonly number[], dtype: Floating, seed: number): tf.Tensor {
  const x = tf.random.normal(shape, { dtype, seed });
  tf.evaluate(x);
  return x;
}

// f(column) for each of the columns [outer, :, inner].
function columns([outer, length, inner]: Triple, x: tf.Tensor, f: (column: number[]) => number): number[] {
  const values = x.dataSync() as Float32Array;
  const out: number[] = [];
  for (let o = 0; o < outer; o++) {
    for (let j = 0; j < inner; j++) {
      out.push(f(Array.from({ length }, (_, k) => values[(o * length + k) * inner + j] as number)));
    }
  }
  return out;
}

const bits = (t: tf.Tensor): Buffer => {
  const data = t.dataSync();
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
};

// [outer, rows, columns]: short rows folded, with and without a rest; strips of long ones; several panels; few rows.
const shapes: Triple[] = [
  [1, 1, 2],
  [3, 5, 2],
  [1, 1000, 3],
  [2, 20, 10],
  [5, 150, 10],
  [1, 70_001, 10],
  [3, 7001, 7],
  [2, 3001, 100],
  [1, 2001, 511],
  [1, 20, 512],
  [2, 17, 600],
  [1, 1000, 1000],
  [1, 9, 9000],
  [1, 333, 4097],
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
          expect(bits(alone).equals(bits(sum))).toBe(true);
          const kept = form();
          const beside = [tf.reduceSum(kept, 1), tf.reduceMax(kept, 1)] as const;
          tf.evaluate(kept, ...beside);
          expect(bits(beside[0]).equals(bits(sum))).toBe(true);
          expect(bits(beside[1]).equals(bits(max))).toBe(true);
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
