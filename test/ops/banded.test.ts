// Few diagonals: solutions are those of the full matrices; what is not read, what is singular, and what is refused.
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';
import { gradtapeErrorOf } from '../support/errors.js';

const { bandedTriangularSolve, diag, diagPart, tridiagonalMatmul, tridiagonalSolve } = tf.linalg;

function worst(a: tf.Tensor, b: tf.Tensor): number {
  return tf.reduceMax(tf.abs(tf.sub(a, b))).item();
}

describe('bandedTriangularSolve', () => {
  it('is triangularSolve of the whole matrix, each way, for any number of diagonals', () => {
    for (const [n, count] of [
      [1, 1],
      [4, 1],
      [5, 3],
      [6, 6],
      [40, 2],
    ] as const) {
      for (const lower of [true, false]) {
        for (const adjoint of [true, false]) {
          const k = lower ? ([1 - count, 0] as const) : ([0, count - 1] as const);
          const full = tf.add(
            tf.random.normal([2, n, n], { dtype: 'float64', seed: n }),
            tf.mul(tf.eye(n, { dtype: 'float64' }), 6),
          );
          const bands = diagPart(full, { k, align: 'LEFT_RIGHT', paddingValue: 7 });
          const b = tf.random.normal([3, 1, n, 2], { dtype: 'float64', seed: count });
          const x = bandedTriangularSolve(count === 1 ? tf.expandDims(bands, -2) : bands, b, { lower, adjoint });
          const band = tf.linalg.bandPart(full, lower ? count - 1 : 0, lower ? 0 : count - 1);
          expect(x.shape).toEqual([3, 2, n, 2]);
          expect(worst(x, tf.linalg.triangularSolve(band, b, { lower, adjoint }))).toBeLessThan(1e-13);
        }
      }
    }
  });

  it('of a zero on the main diagonal is an error that says where', () => {
    const { code, message } = gradtapeErrorOf(() => bandedTriangularSolve([[1, 0, 1]], tf.ones([3, 1])).dataSync());
    expect([code, message]).toEqual([
      'ERR_SINGULAR',
      'linalg.bandedTriangularSolve: the matrix is not invertible: element 1 of its diagonal is zero',
    ]);
  });

  it('says what it cannot take', () => {
    expect(() => bandedTriangularSolve([1], [[1]])).toThrow(
      'linalg.bandedTriangularSolve: expected bands [..., count, n]',
    );
    expect(() => bandedTriangularSolve([[1]], [[1], [2]])).toThrow(
      'expected right-hand sides [..., 1, m] for bands [1, 1]',
    );
    expect(() => bandedTriangularSolve([[1]], [[1]], { upper: true } as never)).toThrow('unknown option upper');
  });
});

describe('tridiagonalSolve and tridiagonalMatmul', () => {
  const matrix = (diagonals: tf.Tensor): tf.Tensor => diag(diagonals, { k: [-1, 1], align: 'LEFT_RIGHT' });

  it('are those of the whole matrix, with and without exchanges of rows', () => {
    for (const n of [2, 3, 8, 50]) {
      const diagonals = tf.random.normal([2, 3, n], { dtype: 'float64', seed: n });
      const b = tf.random.normal([2, n, 3], { dtype: 'float64', seed: n + 1 });
      const full = matrix(diagonals);
      expect(worst(tridiagonalMatmul(diagonals, b), tf.matmul(full, b))).toBeLessThan(1e-13);
      const x = tridiagonalSolve(diagonals, b);
      const size = tf.reduceMax(tf.abs(x)).item();
      expect(worst(tf.matmul(full, x), b)).toBeLessThan(1e-13 * (1 + size));
      const dominant = tf.add(diagonals, tf.constant(Float64Array.from([0, 8, 0]), { shape: [3, 1] }));
      const both = [true, false].map((partialPivoting) => tridiagonalSolve(dominant, b, { partialPivoting }));
      expect(worst(both[0] as tf.Tensor, both[1] as tf.Tensor)).toBeLessThan(1e-13);
    }
  });

  it('do not read the corners of the outer diagonals', () => {
    const bad = [
      [1, 2, Number.NaN],
      [4, 5, 6],
      [Number.NaN, 1, 2],
    ];
    expect(tridiagonalSolve(bad, [1, 2, 3]).dataSync().every(Number.isFinite)).toBe(true);
    expect(tridiagonalMatmul(bad, [[1], [1], [1]]).arraySync()).toEqual([[5], [8], [8]]);
  });

  it('of a singular matrix is NaN, as in TensorFlow', () => {
    const singular = [
      [1, 1, 0],
      [0, 0, 0],
      [0, 0, 0],
    ];
    expect(tridiagonalSolve(singular, [1, 2, 3]).arraySync()).toEqual([Number.NaN, Number.NaN, Number.NaN]);
  });

  it('find an eigenvector by inverse iteration where pivots are perturbed', () => {
    for (const n of [3, 8, 50]) {
      const lambda = 2 - 2 * Math.cos(Math.PI / (n + 1));
      const row = (value: number): number[] => new Array<number>(n).fill(value);
      const shifted = tf.constant([row(-1), row(2 - lambda), row(-1)], { dtype: 'float64' });
      const b = tf.random.uniform([n], { minval: 0.5, maxval: 1, dtype: 'float64', seed: n });
      const x = tridiagonalSolve(shifted, b, { perturbSingular: true });
      const unit = tf.div(x, tf.norm(x));
      const want = tf.constant(Float64Array.from(row(0), (_, i) => Math.sin((Math.PI * (i + 1)) / (n + 1))));
      const same = Math.abs(tf.reduceSum(tf.mul(unit, tf.div(want, tf.norm(want)))).item());
      expect(same).toBeCloseTo(1, 12);
    }
  });

  it('scale a row whose pivot is subnormal, instead of perturbing it', () => {
    const x = tridiagonalSolve(
      tf.constant([[0], [1e-310], [0]], { dtype: 'float64' }),
      tf.constant([1e-305], { dtype: 'float64' }),
      {
        perturbSingular: true,
      },
    );
    expect(x.item() / 1e5).toBeCloseTo(1, 9);
  });

  it('say what they cannot take', () => {
    expect(() => tridiagonalSolve([[1], [1], [1]], [1], { perturbSingular: true, partialPivoting: false })).toThrow(
      expect.objectContaining({
        code: 'ERR_OPTION',
        message: 'linalg.tridiagonalSolve: perturbSingular needs partialPivoting, got partialPivoting false',
      }),
    );
    expect(() => tridiagonalSolve([[1], [1]], [1])).toThrow(
      'linalg.tridiagonalSolve: expected diagonals [..., 3, n], got shape [2, 1]',
    );
    expect(() => tridiagonalSolve([[1], [1], [1]], [1, 2])).toThrow('expected right-hand sides of shape [1, m]');
    expect(() => tridiagonalSolve([[1]], [1], { diagonalsFormat: 'sequence' })).toThrow('a list of three tensors');
    expect(() => tridiagonalSolve([[1]], [1], { diagonalsFormat: 'full' } as never)).toThrow(
      "diagonalsFormat must be 'compact', 'sequence', 'matrix', got \"full\"",
    );
    expect(() => tridiagonalMatmul([[1], [1, 2, 3], [1]], [[1], [2], [3]], { diagonalsFormat: 'sequence' })).toThrow(
      'linalg.tridiagonalMatmul: expected diagonals [..., n], or [..., n - 1] beside the main one, got [1], [3], [1]',
    );
    expect(() => tridiagonalMatmul([[1, 2]], [[1]], { diagonalsFormat: 'matrix' })).toThrow('expected square matrices');
  });
});
