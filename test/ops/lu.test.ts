// Elimination: factors, solutions and inverses within LAPACK's backward errors, of matrices that are hard for it; determinants;
// errors that say which matrix is singular.
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';
import { gradtapeErrorOf } from '../support/errors.js';
import { numbers } from '../support/numbers.js';

const { det, inv, logdet, lu, slogdet, solve } = tf.linalg;

const epsilon = { float32: 2 ** -23, float64: 2 ** -52 } as const;
type Floating = keyof typeof epsilon;

/** The error's code and message. */
function failure(f: () => unknown): [string, string] {
  const { code, message } = gradtapeErrorOf(f);
  return [code, message];
}

// ---- matrices of n rows, row by row ----

type Make = (n: number, next: () => number) => number[];
const make: Readonly<Record<string, Make>> = {
  random: (n, next) => Array.from({ length: n * n }, () => 2 * next() - 1),
  // Rows and columns of very different sizes.
  graded: (n, next) =>
    Array.from({ length: n * n }, (_, i) => (2 * next() - 1) * 10 ** (-6 * ((Math.floor(i / n) + (i % n)) / (2 * n)))),
  // The last row is the sum of the others, but for rounding.
  nearlySingular: (n, next) => {
    const x = Array.from({ length: n * n }, () => 2 * next() - 1);
    for (let j = 0; j < n && n > 1; j++) {
      let sum = 1e-4 * (2 * next() - 1);
      for (let i = 0; i + 1 < n; i++) sum += x[i * n + j] as number;
      x[(n - 1) * n + j] = sum / n;
    }
    return x;
  },
  Hilbert: (n) => Array.from({ length: n * n }, (_, i) => 1 / (1 + Math.floor(i / n) + (i % n))),
  // Each pivot is the last row that is left.
  reversed: (n, next) =>
    Array.from({ length: n * n }, (_, i) => (Math.floor(i / n) + (i % n) === n - 1 ? 2 : next() / n)),
};

function matrix(kind: string, n: number, dtype: Floating): tf.Tensor {
  const values = (make[kind] as Make)(n, numbers(n * 31 + kind.length));
  return tf.constant(dtype === 'float32' ? Float32Array.from(values) : Float64Array.from(values), { shape: [n, n] });
}

/** The largest sum of absolute values in a row, of float64. */
function size(x: tf.Tensor): number {
  return x.size === 0 ? 0 : tf.reduceMax(tf.reduceSum(tf.abs(tf.cast(x, 'float64')), -1)).item();
}

/** a b, of float64. */
function product(a: tf.Tensor, b: tf.Tensor, transposeA = false): tf.Tensor {
  return tf.matmul(tf.cast(a, 'float64'), tf.cast(b, 'float64'), { transposeA });
}

const sizes = [0, 1, 2, 3, 5, 8, 16, 17, 31, 32, 33, 48, 64, 65, 100, 130, 257];
const kinds = Object.keys(make).flatMap((kind) => [[kind, 'float64'] as const, [kind, 'float32'] as const]);

describe.each(kinds)('%s matrices, %s', (kind, dtype) => {
  it('lu: l u is the matrix with its rows in the order p, and no multiplier is above 1', () => {
    for (const n of sizes) {
      const x = matrix(kind, n, dtype);
      const { lu: factors, p } = lu(x);
      expect([p.dtype, p.shape]).toEqual(['int32', [n]]);
      expect(Array.from(p.dataSync()).sort((a, b) => a - b)).toEqual(Array.from({ length: n }, (_, i) => i));
      const l = tf.linalg.setDiag(tf.linalg.bandPart(factors, -1, 0), tf.ones([n], { dtype }));
      const u = tf.linalg.bandPart(factors, 0, -1);
      const rest = size(tf.sub(product(l, u), tf.cast(tf.gather(x, p), 'float64')));
      // |l| |u| <= n |u| by rows; elimination grows |u| little.
      expect(rest, `${n}`).toBeLessThanOrEqual(4 * Math.max(n, 1) * epsilon[dtype] * (size(x) + size(u)));
      if (n > 0) expect(tf.reduceMax(tf.abs(l)).item()).toBe(1);
    }
  });

  it('solve: the residual is that of a matrix near by, n eps |a| |x|', () => {
    for (const n of sizes) {
      const a = matrix(kind, n, dtype);
      for (const [m, adjoint] of [
        [1, false],
        [1, true],
        [3, false],
        [40, true],
        [40, false],
      ] as const) {
        const b = tf.random.normal([n, m], { dtype, seed: n + m });
        const x = solve(a, b, { adjoint });
        expect([x.dtype, x.shape]).toEqual([dtype, [n, m]]);
        const rest = size(tf.sub(product(a, x, adjoint), tf.cast(b, 'float64')));
        const whole = (adjoint ? size(tf.transpose(a)) : size(a)) * size(x) + size(b);
        expect(rest, `${n} ${m} ${adjoint}`).toBeLessThanOrEqual(4 * Math.max(n, 1) * epsilon[dtype] * whole);
      }
    }
  });

  it('inv: a times it is 1, to n eps |a| |inverse|', () => {
    for (const n of sizes) {
      const a = matrix(kind, n, dtype);
      const y = inv(a);
      const rest = size(tf.sub(product(a, y), tf.eye(n, { dtype: 'float64' })));
      expect(rest, `${n}`).toBeLessThanOrEqual(4 * Math.max(n, 1) * epsilon[dtype] * Math.max(1, size(a) * size(y)));
      const turned = inv(a, { adjoint: true });
      const other = size(tf.sub(product(a, turned, true), tf.eye(n, { dtype: 'float64' })));
      const both = Math.max(1, size(tf.transpose(a)) * size(turned));
      expect(other, `${n}`).toBeLessThanOrEqual(4 * Math.max(n, 1) * epsilon[dtype] * both);
    }
  });
});

describe('solve', () => {
  it('of many small matrices is that of each, whatever the number of threads', () => {
    for (const n of [1, 2, 3, 4, 7]) {
      const a = tf.random.normal([500, n, n], { dtype: 'float64', seed: n });
      const b = tf.random.normal([500, n, 2], { dtype: 'float64', seed: n + 9 });
      const x = solve(a, b);
      for (const k of [0, 1, 250, 499]) {
        expect(solve(a.at(k), b.at(k)).arraySync()).toEqual(x.at(k).arraySync());
      }
    }
  });

  it('with more columns than a strip, and leading axes that broadcast', () => {
    const a = tf.add(
      tf.random.normal([2, 1, 20, 20], { dtype: 'float64', seed: 1 }),
      tf.mul(tf.eye(20, { dtype: 'float64' }), 9),
    );
    const b = tf.random.normal([3, 20, 600], { dtype: 'float64', seed: 2 });
    for (const adjoint of [false, true]) {
      const x = solve(a, b, { adjoint });
      expect(x.shape).toEqual([2, 3, 20, 600]);
      expect(tf.reduceMax(tf.abs(tf.sub(tf.matmul(a, x, { transposeA: adjoint }), b))).item()).toBeLessThan(1e-12);
    }
  });

  it('has the gradients -y x^T and y, y by the transpose', () => {
    const a = tf.add(
      tf.random.normal([5, 5], { dtype: 'float64', seed: 3 }),
      tf.mul(tf.eye(5, { dtype: 'float64' }), 6),
    );
    const b = tf.constant(Float64Array.from([1, 2, 3, 4, 5]), { shape: [5, 1] });
    const ct = tf.random.normal([5, 1], { dtype: 'float64', seed: 4 });
    const tape = new tf.GradientTape();
    const x = tape.record(() => {
      tape.watch([a, b]);
      return solve(a, b);
    });
    const [ofA, ofB] = tape.gradient(x, [a, b], { outputGradients: ct }) as [tf.Tensor, tf.Tensor];
    const y = tf.matmul(inv(a), ct, { transposeA: true });
    expect(tf.reduceMax(tf.abs(tf.sub(ofB, y))).item()).toBeLessThan(1e-14);
    expect(tf.reduceMax(tf.abs(tf.add(ofA, tf.matmul(y, x, { transposeB: true })))).item()).toBeLessThan(1e-14);
  });
});

describe('det and slogdet', () => {
  it('of matrices whose determinants are known', () => {
    expect(
      det([
        [1, 2],
        [3, 4],
      ]).item(),
    ).toBeCloseTo(-2, 6);
    expect(
      det([
        [0, 1, 0],
        [0, 0, 1],
        [1, 0, 0],
      ]).item(),
    ).toBe(1);
    expect(
      det([
        [0, 1],
        [1, 0],
      ]).item(),
    ).toBe(-1);
    expect(det(tf.zeros([3, 3])).item()).toBe(0);
    expect(
      det([
        [1, 2],
        [2, 4],
      ]).item() + 0,
    ).toBe(0);
    expect(det(tf.zeros([2, 0, 0])).arraySync()).toEqual([1, 1]);
    const { sign, logAbsDeterminant } = slogdet([
      [
        [0, 2],
        [3, 0],
      ],
      [
        [1, 2],
        [2, 4],
      ],
      [
        [3, 0],
        [0, 5],
      ],
    ]);
    expect(sign.arraySync()).toEqual([-1, 0, 1]);
    expect(logAbsDeterminant.arraySync()).toEqual(
      [Math.fround(Math.log(6)), Number.NEGATIVE_INFINITY, Math.fround(Math.log(15))].map((x) => expect.closeTo(x, 5)),
    );
    const none = slogdet(tf.zeros([0, 0]));
    expect([none.sign.item(), none.logAbsDeterminant.item()]).toEqual([1, 0]);
  });

  it('agree for larger ones, where the determinant does not overflow', () => {
    for (const n of [4, 20, 40, 70]) {
      const x = tf.random.normal([3, n, n], { dtype: 'float64', seed: n });
      const { sign, logAbsDeterminant } = slogdet(x);
      const ratio = tf.div(det(x), tf.mul(sign, tf.exp(logAbsDeterminant)));
      expect(tf.reduceMax(tf.abs(tf.sub(ratio, 1))).item()).toBeLessThan(1e-11);
      // The product of determinants is that of the product.
      const squared = slogdet(tf.matmul(x, x));
      expect(squared.sign.arraySync()).toEqual([1, 1, 1]);
      expect(tf.reduceMax(tf.abs(tf.sub(squared.logAbsDeterminant, tf.mul(logAbsDeterminant, 2)))).item()).toBeLessThan(
        1e-9,
      );
    }
    const huge = slogdet(tf.mul(tf.eye(3, { dtype: 'float64' }), 1e200));
    expect(huge.logAbsDeterminant.item()).toBeCloseTo(600 * Math.log(10), 9);
  });

  it('logdet is the logarithm of the determinant of a positive definite matrix', () => {
    const x = tf.random.normal([2, 6, 6], { dtype: 'float64', seed: 5 });
    const a = tf.add(tf.matmul(x, x, { transposeB: true }), tf.eye(6, { dtype: 'float64' }));
    expect(tf.reduceMax(tf.abs(tf.sub(logdet(a), tf.log(det(a))))).item()).toBeLessThan(1e-12);
    expect(
      failure(() =>
        logdet([
          [1, 2],
          [2, 1],
        ]).dataSync(),
      ),
    ).toEqual([
      'ERR_NOT_POSITIVE_DEFINITE',
      'linalg.logdet: the matrix is not positive definite: its leading minor of order 2 is not positive',
    ]);
  });
});

describe('a matrix that is not invertible', () => {
  const bad = tf.constant([
    [
      [1, 2],
      [3, 4],
    ],
    [
      [1, 2],
      [2, 4],
    ],
  ]);
  it.each([
    ['linalg.solve', () => solve(bad, tf.ones([2, 2, 1]))],
    ['linalg.solve', () => solve(bad, tf.ones([2, 2, 1]), { adjoint: true })],
    ['linalg.inv', () => inv(bad)],
    ['linalg.lu', () => lu(bad).lu],
  ] as const)('is an error of %s, at the look, that says which it is', (name, call) => {
    const x = call();
    expect(failure(() => x.dataSync())).toEqual([
      'ERR_SINGULAR',
      `${name}: matrix 1 is not invertible: pivot 1 of its elimination is zero or NaN`,
    ]);
  });

  it('NaN counts as one', () => {
    expect(failure(() => inv([[Number.NaN]]).dataSync())[0]).toBe('ERR_SINGULAR');
  });

  it('has no gradient of its determinant', () => {
    const tape = new tf.GradientTape();
    const d = tape.record(() => {
      tape.watch(bad);
      return det(bad);
    });
    const g = tape.gradient(d, bad) as tf.Tensor;
    expect(failure(() => g.dataSync())[0]).toBe('ERR_SINGULAR');
  });
});

describe('arguments', () => {
  it.each([
    ['linalg.solve', () => solve([[1, 2]], [[1]]), 'expected square matrices [..., n, n], got shape [1, 2]'],
    [
      'linalg.solve',
      () => solve([[1]], [1]),
      'expected right-hand sides [..., 1, m] for matrices [1, 1], got shape [1]',
    ],
    ['linalg.inv', () => inv([1]), 'expected square matrices [..., n, n], got shape [1]'],
    [
      'linalg.det',
      () => det(tf.eye(2, { dtype: 'int32' })),
      "expected dtype float32 or float64, got int32; write cast(input, 'float32')",
    ],
    ['linalg.lu', () => lu(tf.zeros([2, 3])), 'expected square matrices [..., n, n], got shape [2, 3]'],
    ['linalg.choleskySolve', () => tf.linalg.choleskySolve([[1]], [[1], [2]]), 'expected right-hand sides [..., 1, m]'],
    ['linalg.inv', () => inv([[1]], { adjont: true } as never), 'unknown option adjont; did you mean adjoint?'],
  ] as const)('%s says what it cannot take', (name, call, message) => {
    expect(call).toThrow(`${name}: ${message}`);
  });
});
