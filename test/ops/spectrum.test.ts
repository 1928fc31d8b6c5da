// Orthogonal factors, eigenvalues and singular values: backward errors within LAPACK's bounds, whatever the matrix.
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';

const { qr, eigh, eigvalsh, svd } = tf.linalg;
const epsilon = { float32: 2 ** -24, float64: 2 ** -53 } as const;
const dtypes = ['float32', 'float64'] as const;

const largest = (x: tf.Tensor): number => (x.size === 0 ? 0 : tf.reduceMax(tf.abs(x)).item());
const transposed = (x: tf.Tensor): tf.Tensor =>
  tf.transpose(x, [...x.shape.keys()].slice(0, -2).concat(x.rank - 1, x.rank - 2));

/** By how many units of n eps the product differs from the matrix, in Frobenius' norm. */
function units(product: tf.Tensor, x: tf.Tensor, eps: number): number {
  const n = Math.max(...x.shape.slice(-2));
  const [p, q] = [product, x].map((t) => tf.cast(t, 'float64')) as [tf.Tensor, tf.Tensor];
  return tf.norm(tf.sub(p, q)).item() / (n * eps * (tf.norm(q).item() || 1));
}

/** By how many units of n eps the columns are not orthonormal. */
function skewness(q: tf.Tensor, eps: number): number {
  const wide = tf.cast(q, 'float64');
  const gram = tf.matmul(wide, wide, { transposeA: true });
  const n = q.shape[q.rank - 1] as number;
  return largest(tf.sub(gram, tf.eye(n, { dtype: 'float64' }))) / (Math.max(...q.shape.slice(-2)) * eps);
}

type Make = (m: number, n: number) => number[][];
const rows = (m: number, n: number, f: (i: number, j: number) => number): number[][] =>
  Array.from({ length: m }, (_, i) => Array.from({ length: n }, (_, j) => f(i, j)));
const noise: Make = (m, n) =>
  tf.random.normal([m, n], { dtype: 'float64', seed: m * 1000 + n }).arraySync<number[][]>();

/** The kinds of matrices that decompositions are hard for. */
const kinds: readonly [string, Make][] = [
  ['random', noise],
  ['zero', (m, n) => rows(m, n, () => 0)],
  ['one', (m, n) => rows(m, n, () => 1)],
  ['unit', (m, n) => rows(m, n, (i, j) => Number(i === j))],
  ['Hilbert', (m, n) => rows(m, n, (i, j) => 1 / (i + j + 1))],
  ['graded down', (m, n) => noise(m, n).map((row, i) => row.map((x, j) => x * 10 ** (-(i + j) / 6)))],
  ['graded up', (m, n) => noise(m, n).map((row, i) => row.map((x, j) => x * 10 ** ((i + j) / 6 - 8)))],
  ['nearly singular', (m, n) => noise(m, n).map((row) => row.map((x, j) => (j % 3 === 0 ? 1 + x * 1e-15 : x)))],
  ['of rank 2', (m, n) => rows(m, n, (i, j) => Math.sin(i) * Math.cos(j) + i * j)],
  ['huge', (m, n) => noise(m, n).map((row) => row.map((x) => x * 1e37))],
  ['tiny', (m, n) => noise(m, n).map((row) => row.map((x) => x * 1e-37))],
  ['bidiagonal', (m, n) => rows(m, n, (i, j) => (i === j ? 1 : j === i + 1 ? 1 : 0))],
];
const shapes: readonly (readonly [number, number])[] = [
  [1, 1],
  [2, 2],
  [3, 3],
  [1, 5],
  [5, 1],
  [4, 7],
  [7, 4],
  [33, 33],
  [40, 17],
  [17, 40],
  [70, 70],
  [130, 66],
];

const made = (make: Make, m: number, n: number, dtype: 'float32' | 'float64'): tf.Tensor =>
  tf.constant(make(m, n), { dtype });

describe.each(dtypes)('%s', (dtype) => {
  const eps = epsilon[dtype];

  it.each(kinds)('qr of matrices that are %s', (_, make) => {
    for (const [m, n] of shapes) {
      for (const fullMatrices of [false, true]) {
        const x = made(make, m, n, dtype);
        const { q, r } = qr(x, { fullMatrices });
        const k = fullMatrices ? m : Math.min(m, n);
        expect([q.shape, r.shape]).toEqual([
          [m, k],
          [k, n],
        ]);
        expect(units(tf.matmul(tf.cast(q, 'float64'), tf.cast(r, 'float64')), x, eps), `${m} ${n}`).toBeLessThan(4);
        expect(skewness(q, eps), `${m} ${n}`).toBeLessThan(4);
        const below = tf.less(tf.range(n), tf.reshape(tf.range(k), [k, 1]));
        expect(largest(tf.where(below, r, 0))).toBe(0);
      }
    }
  });

  it.each(kinds)('eigh of matrices that are %s', (_, make) => {
    for (const [n] of shapes.filter(([m, k]) => m === k)) {
      const half = made(make, n, n, dtype);
      const x = tf.mul(tf.add(half, transposed(half)), 0.5);
      const { e, v } = eigh(x);
      const [wide, values] = [tf.cast(v, 'float64'), tf.cast(e, 'float64')];
      const product = tf.matmul(tf.mul(wide, values), wide, { transposeB: true });
      expect(units(product, x, eps), `${n}`).toBeLessThan(4);
      expect(skewness(v, eps), `${n}`).toBeLessThan(4);
      const list = [...e.dataSync()];
      expect(list).toEqual([...list].sort((a, b) => a - b));
      expect(eigvalsh(x).dataSync()).toEqual(e.dataSync());
    }
  });

  it.each(kinds)('svd of matrices that are %s', (_, make) => {
    for (const [m, n] of shapes) {
      for (const fullMatrices of [false, true]) {
        const x = made(make, m, n, dtype);
        const { s, u, v } = svd(x, { fullMatrices });
        const k = Math.min(m, n);
        expect([s.shape, u.shape, v.shape]).toEqual([[k], [m, fullMatrices ? m : k], [n, fullMatrices ? n : k]]);
        const [wide, other] = [u, v].map((t) => tf.cast(t.at('...', `:${k}`), 'float64')) as [tf.Tensor, tf.Tensor];
        const product = tf.matmul(tf.mul(wide, tf.cast(s, 'float64')), other, { transposeB: true });
        expect(units(product, x, eps), `${m} ${n}`).toBeLessThan(4);
        expect(skewness(u, eps), `${m} ${n}`).toBeLessThan(4);
        expect(skewness(v, eps), `${m} ${n}`).toBeLessThan(4);
        const list = [...s.dataSync()];
        expect(list).toEqual([...list].sort((a, b) => b - a));
        expect(list.every((value) => value >= 0)).toBe(true);
        expect(svd(x, { computeUv: false }).dataSync()).toEqual(s.dataSync());
      }
    }
  });
});
