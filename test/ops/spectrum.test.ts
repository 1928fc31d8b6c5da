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

const { pinv, matrixRank, lstsq, normalize, globalNorm } = tf.linalg;
const f64 = (value: tf.TensorLike): tf.Tensor => tf.constant(value, { dtype: 'float64' });

/** The error's code and message. */
function failure(f: () => unknown): [string | undefined, string] {
  try {
    f();
  } catch (error) {
    return [(error as tf.GradtapeError).code, (error as Error).message];
  }
  throw new Error('it did not fail');
}

function gradientOf(f: (x: tf.Tensor) => tf.Tensor, x: tf.Tensor): tf.Tensor {
  const tape = new tf.GradientTape();
  const y = tape.record(() => {
    tape.watch(x);
    return f(x);
  });
  return tape.gradient(y, x) as tf.Tensor;
}

describe('batches', () => {
  it('are decomposed matrix by matrix, with the bits of each alone', () => {
    const x = tf.random.normal([3, 2, 5, 4], { dtype: 'float64', seed: 7 });
    const square = tf.matmul(x, x, { transposeB: true });
    const all = { qr: qr(x), svd: svd(x), eigh: eigh(square) };
    for (const [i, j] of [
      [0, 0],
      [1, 1],
      [2, 0],
    ] as const) {
      const one = { qr: qr(x.at(i, j)), svd: svd(x.at(i, j)), eigh: eigh(square.at(i, j)) };
      const pairs = (['qr', 'svd', 'eigh'] as const).flatMap((name) =>
        Object.entries(one[name]).map(([part, t]) => [t, (all[name] as Record<string, tf.Tensor>)[part]] as const),
      );
      for (const [alone, among] of pairs) expect((among as tf.Tensor).at(i, j).dataSync()).toEqual(alone.dataSync());
    }
  });

  it.each([
    [
      [0, 3],
      [0, 0],
      [0, 3],
    ],
    [
      [3, 0],
      [3, 0],
      [0, 0],
    ],
    [
      [0, 2, 2],
      [0, 2, 2],
      [0, 2, 2],
    ],
    [
      [2, 0, 0],
      [2, 0, 0],
      [2, 0, 0],
    ],
  ])('of no elements, %j, have factors of none', (shape, ofQ, ofR) => {
    const { q, r } = qr(tf.zeros(shape));
    expect([q.shape, r.shape]).toEqual([ofQ, ofR]);
    const { s, u, v } = svd(tf.zeros(shape));
    const k = Math.min(...shape.slice(-2));
    expect(s.shape).toEqual([...shape.slice(0, -2), k]);
    expect([u.size, v.size]).toEqual([0, 0]);
    expect(pinv(tf.zeros(shape)).shape).toEqual([...shape.slice(0, -2), ...shape.slice(-2).reverse()]);
    expect(
      matrixRank(tf.zeros(shape))
        .dataSync()
        .every((rank) => rank === 0),
    ).toBe(true);
  });

  it('with all vectors of a matrix without elements have the unit matrix', () => {
    expect(svd(tf.zeros([2, 0]), { fullMatrices: true }).u.arraySync()).toEqual([
      [1, 0],
      [0, 1],
    ]);
    expect(qr(tf.zeros([2, 0]), { fullMatrices: true }).q.shape).toEqual([2, 2]);
    const { e, v } = eigh(tf.zeros([0, 0]));
    expect([e.shape, v.shape]).toEqual([[0], [0, 0]]);
  });
});

describe('what is no number', () => {
  it.each([Number.NaN, Number.POSITIVE_INFINITY])('%d makes all parts of its matrix NaN, and of no other', (bad) => {
    const x = f64([
      [
        [1, 2],
        [2, 3],
      ],
      [
        [bad, 2],
        [2, 3],
      ],
    ]);
    const parts = [...Object.values(eigh(x)), ...Object.values(svd(x)), svd(x, { computeUv: false })];
    for (const t of parts) {
      const finite = t.at(0).dataSync().every(Number.isFinite);
      expect([finite, t.at(1).dataSync().every(Number.isNaN)]).toEqual([true, true]);
    }
  });

  it('is not read above the diagonal by eigh', () => {
    const e = eigvalsh([
      [2, Number.NaN],
      [0, 1],
    ]);
    expect(e.arraySync()).toEqual([1, 2]);
  });
});

describe('gradients', () => {
  it('of eigenvalues that coincide are those of one choice of vectors, whose sum is certain', () => {
    const g = gradientOf(
      (x) => tf.reduceSum(eigvalsh(x)),
      f64([
        [2, 0, 0],
        [0, 2, 0],
        [0, 0, 2],
      ]),
    );
    expect(g.arraySync()).toEqual(tf.eye(3).arraySync());
    const product = gradientOf(
      (x) => {
        const { e, v } = eigh(x);
        return tf.reduceSum(
          tf.mul(
            tf.matmul(tf.mul(v, tf.square(e)), v, { transposeB: true }),
            f64([
              [1, 2],
              [2, 5],
            ]),
          ),
        );
      },
      f64([
        [3, 0],
        [0, 3],
      ]),
    );
    expect(product.dataSync().every(Number.isFinite)).toBe(true);
  });

  it('of singular values of a matrix of rank 1 are finite', () => {
    const g = gradientOf(
      (x) => tf.norm(x, 'nuclear', [0, 1]),
      f64([
        [1, 2],
        [2, 4],
      ]),
    );
    expect(g.dataSync().every(Number.isFinite)).toBe(true);
  });

  it('that TensorFlow has not are errors', () => {
    const tall = tf.random.normal([4, 2], { seed: 3 });
    const code = (f: (x: tf.Tensor) => tf.Tensor): string | undefined => failure(() => gradientOf(f, tall))[0];
    expect(code((x) => qr(x, { fullMatrices: true }).q)).toBe('ERR_NO_GRADIENT');
    expect(code((x) => svd(x, { fullMatrices: true }).u)).toBe('ERR_NO_GRADIENT');
    expect(code((x) => lstsq(x, tf.ones([4, 1]), { fast: false }))).toBe('ERR_NO_GRADIENT');
    expect(gradientOf((x) => svd(x, { fullMatrices: true }).s, tall).shape).toEqual([4, 2]);
  });
});

describe('least squares', () => {
  it('gives the solution of the smallest norm, and says what it cannot solve fast', () => {
    const a = f64([
      [1, 2],
      [2, 4],
      [3, 6],
    ]);
    const b = f64([[1], [2], [3]]);
    expect(largest(tf.sub(lstsq(a, b, { fast: false }), f64([[0.2], [0.4]])))).toBeLessThan(1e-15);
    expect(largest(tf.sub(tf.matmul(pinv(a), b), f64([[0.2], [0.4]])))).toBeLessThan(1e-15);
    expect(matrixRank(a).item()).toBe(1);
    expect(failure(() => lstsq(tf.zeros([3, 2]), tf.ones([3, 1])).dataSync())).toEqual([
      'ERR_NOT_POSITIVE_DEFINITE',
      expect.stringMatching(/^linalg\.lstsq: the matrix/),
    ]);
  });

  it('broadcasts leading axes', () => {
    const a = tf.random.normal([3, 1, 4, 2], { seed: 1, dtype: 'float64' });
    const b = tf.random.normal([2, 4, 1], { seed: 2, dtype: 'float64' });
    const x = lstsq(a, b);
    expect(x.shape).toEqual([3, 2, 2, 1]);
    expect(largest(tf.sub(x, tf.matmul(pinv(a), b)))).toBeLessThan(1e-12);
  });
});

describe('norms', () => {
  it.each([2, 'nuclear'] as const)('of a matrix of zeros have gradient 0 (%s), those beside it their own', (ord) => {
    const x = f64([
      [
        [0, 0],
        [0, 0],
      ],
      [
        [3, 0],
        [0, 2],
      ],
    ]);
    const g = gradientOf((t) => tf.norm(t, ord, [1, 2]), x);
    const second = ord === 2 ? 0 : 1;
    expect(g.arraySync()).toEqual([
      [
        [0, 0],
        [0, 0],
      ],
      [
        [expect.closeTo(1), expect.closeTo(0)],
        [expect.closeTo(0), expect.closeTo(second)],
      ],
    ]);
    expect(tf.norm(f64([[NaN]]), ord, [0, 1]).item()).toBeNaN();
  });

  it('of matrices by singular values, along any pair of axes', () => {
    const x = tf.random.normal([3, 4, 2], { seed: 5, dtype: 'float64' });
    const s = svd(tf.transpose(x, [1, 2, 0]), { computeUv: false });
    expect(tf.norm(x, 2, [2, 0]).dataSync()).toEqual(tf.reduceMax(s, -1).dataSync());
    expect(largest(tf.sub(tf.norm(x, 'nuc', [-1, 0]), tf.reduceSum(s, -1)))).toBeLessThan(1e-14);
    expect(tf.norm(x, 'nuclear', [2, 0], { keepdims: true }).shape).toEqual([1, 4, 1]);
    expect(failure(() => tf.norm(x, 'nuclear'))[0]).toBe('ERR_OPTION');
    expect(failure(() => tf.norm(x, 3, [0, 1]))[1]).toContain("1, 2, Infinity or 'nuclear'");
  });

  it('of several tensors leave null out, and take the values of IndexedSlices', () => {
    expect(globalNorm([[3], null, [[0, 4]]]).item()).toBe(5);
    const slices = new tf.IndexedSlices(
      tf.constant([
        [3, 4],
        [0, 12],
      ]),
      tf.constant([1, 1], { dtype: 'int32' }),
      [4, 2],
    );
    expect(globalNorm([slices]).item()).toBe(13);
    expect(failure(() => globalNorm([]))[1]).toContain('linalg.globalNorm: expected a list or nest of tensors');
    const { normalized, norm } = normalize([[3, 4]]);
    expect([normalized.arraySync(), norm.arraySync()]).toEqual([[[Math.fround(0.6), Math.fround(0.8)]], [[5]]]);
  });
});

it('says what it cannot take', () => {
  expect(() => qr([1])).toThrow('linalg.qr: expected matrices [..., m, n], got shape [1]');
  expect(() => eigh([[1, 2]])).toThrow('linalg.eigh: expected square matrices [..., n, n], got shape [1, 2]');
  expect(() => svd(tf.eye(2, { dtype: 'int32' }))).toThrow('linalg.svd: expected dtype float32 or float64, got int32');
  expect(() => svd([[1]], { full: true } as never)).toThrow(
    'linalg.svd: unknown option full; did you mean fullMatrices?',
  );
  expect(() => lstsq([[1]], [[1], [2]])).toThrow('linalg.lstsq: expected matrix [..., m, n] and rhs [..., m, k]');
  expect(() => lstsq([[1]], [[1]], { l2Regularizer: -1 })).toThrow('l2Regularizer must be a number >= 0');
  expect(() => pinv([[1]], f64(2))).toThrow('linalg.pinv: operands have dtypes float32 and float64');
});
