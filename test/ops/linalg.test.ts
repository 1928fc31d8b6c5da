// Linear algebra: factors multiply to what they are of, solutions solve, and what cannot be says which matrix it is.
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';

const { cholesky, triangularSolve } = tf.linalg;

/** The error's code and message. */
function failure(f: () => unknown): [string | undefined, string] {
  try {
    f();
  } catch (error) {
    return [(error as tf.GradtapeError).code, (error as Error).message];
  }
  throw new Error('it did not fail');
}

function definite(shape: readonly number[], dtype: tf.DType, seed: number): tf.Tensor {
  const n = shape[shape.length - 1] as number;
  const x = tf.random.normal(shape, { dtype, seed });
  return tf.add(tf.matmul(x, x, { transposeB: true }), tf.mul(tf.eye(n, { dtype }), 1));
}

function worst(a: tf.Tensor, b: tf.Tensor): number {
  return tf.reduceMax(tf.abs(tf.sub(a, b))).item();
}

describe('cholesky', () => {
  it.each([
    ['float32', 2e-5],
    ['float64', 1e-13],
  ] as const)('%s: the factor times its transpose is the matrix, whatever its size and batch', (dtype, tolerance) => {
    for (const n of [1, 2, 3, 7, 16, 33, 70]) {
      const x = definite([2, 3, n, n], dtype, n);
      const l = cholesky(x);
      expect(l.dtype).toBe(dtype);
      expect(worst(tf.matmul(l, l, { transposeB: true }), x) / n).toBeLessThan(tolerance);
      const above = tf.matmul(l, tf.zeros([n, n], { dtype }));
      expect(above.dataSync().every((value) => value === 0)).toBe(true);
    }
  });

  it('reads the lower triangle only, and gives zeros above it', () => {
    const l = cholesky([
      [4, Number.NaN],
      [2, 5],
    ]);
    expect(l.arraySync()).toEqual([
      [2, 0],
      [1, 2],
    ]);
  });

  it('of a matrix that is not positive definite is an error of its own, that says which', () => {
    const bad = tf.constant([
      [
        [1, 0],
        [0, 1],
      ],
      [
        [1, 2],
        [2, 1],
      ],
    ]);
    expect(failure(() => cholesky(bad).dataSync())).toEqual([
      'ERR_NOT_POSITIVE_DEFINITE',
      'linalg.cholesky: matrix 1 is not positive definite: its leading minor of order 2 is not positive',
    ]);
    const v = new tf.Variable([[1, 0]]);
    v.assign(tf.reshape(tf.at(cholesky(bad), 1, 1), [1, 2]));
    expect(failure(() => v.dataSync())[0]).toBe('ERR_NOT_POSITIVE_DEFINITE');
    expect(v.arraySync()).toEqual([[1, 0]]);
    expect(failure(() => cholesky([[Number.NaN]]).dataSync())[0]).toBe('ERR_NOT_POSITIVE_DEFINITE');
  });

  it('has a symmetric gradient', () => {
    const x = definite([4, 4], 'float64', 3);
    const tape = new tf.GradientTape();
    const y = tape.record(() => {
      tape.watch(x);
      return tf.reduceSum(tf.mul(cholesky(x), tf.random.normal([4, 4], { dtype: 'float64', seed: 5 })));
    });
    const g = tape.gradient(y, x) as tf.Tensor;
    expect(worst(g, tf.transpose(g))).toBe(0);
  });

  it('of no matrices, and of matrices of no elements, is as many', () => {
    expect(cholesky(tf.zeros([0, 3, 3])).shape).toEqual([0, 3, 3]);
    expect(cholesky(tf.zeros([2, 0, 0])).shape).toEqual([2, 0, 0]);
  });

  it('says what it cannot take', () => {
    expect(() => cholesky([1, 2])).toThrow('linalg.cholesky: expected square matrices [..., n, n], got shape [2]');
    expect(() => cholesky([[1, 2]])).toThrow('got shape [1, 2]');
    expect(() => cholesky(tf.eye(2, { dtype: 'int32' }))).toThrow(
      "linalg.cholesky: expected dtype float32 or float64, got int32; write cast(x, 'float32')",
    );
    expect(() => (cholesky as (...args: unknown[]) => unknown)([[1]], 2)).toThrow('linalg.cholesky');
  });
});

describe('triangularSolve', () => {
  it.each([
    ['float32', 1e-4],
    ['float64', 1e-12],
  ] as const)(
    '%s: matrix times solution is the right-hand side, each triangle, transposed or not',
    (dtype, tolerance) => {
      for (const [n, m] of [
        [1, 1],
        [2, 5],
        [7, 3],
        [33, 1],
        [40, 300],
      ] as const) {
        const noise = tf.mul(tf.random.normal([2, n, n], { dtype, seed: n }), 1 / n);
        const a = tf.add(noise, tf.mul(tf.eye(n, { dtype }), 2));
        const b = tf.random.normal([3, 1, n, m], { dtype, seed: m });
        const rows = tf.reshape(tf.range(n), [n, 1]);
        for (const lower of [true, false]) {
          const mask = lower ? tf.greaterEqual(rows, tf.range(n)) : tf.lessEqual(rows, tf.range(n));
          const triangle = tf.where(mask, a, 0);
          for (const adjoint of [true, false]) {
            const x = triangularSolve(a, b, { lower, adjoint });
            expect(x.shape).toEqual([3, 2, n, m]);
            const back = tf.matmul(triangle, x, { transposeA: adjoint });
            expect(worst(back, b), `${n} ${m} ${lower} ${adjoint}`).toBeLessThan(tolerance);
          }
        }
      }
    },
  );

  it('of a singular matrix is an error of its own', () => {
    const singular = [
      [1, 0],
      [3, 0],
    ];
    expect(failure(() => triangularSolve(singular, [[1], [2]]).dataSync())).toEqual([
      'ERR_SINGULAR',
      expect.stringMatching(/^linalg.triangularSolve: the matrix is not invertible: element 1 of its diagonal is zero/),
    ]);
  });

  it('says what it cannot take', () => {
    expect(() => triangularSolve([[1, 2]], [[1]])).toThrow('linalg.triangularSolve: expected square matrices');
    expect(() => triangularSolve([[1]], [1])).toThrow(
      'expected right-hand sides [..., 1, m] for matrices [1, 1], got shape [1]',
    );
    expect(() => triangularSolve([[1]], [[1], [2]])).toThrow('got shape [2, 1]');
    expect(() => triangularSolve([[1]], [[1]], { upper: true } as never)).toThrow(/unknown option upper/);
  });
});
