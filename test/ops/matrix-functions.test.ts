// Functions of matrices: the exponential and the square root of matrices where these are known, and the laws that they obey.
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';

const { expm, sqrtm } = tf.linalg;

function worst(a: tf.Tensor, b: tf.Tensor): number {
  return tf.reduceMax(tf.abs(tf.sub(a, b))).item();
}
function normal(shape: readonly number[], seed: number, dtype: tf.DType = 'float64'): tf.Tensor {
  return tf.random.normal(shape, { dtype, seed });
}

describe('expm', () => {
  it('of a diagonal matrix has the exponentials on the diagonal, from the smallest to large ones', () => {
    for (const scale of [0, 1e-9, 1e-3, 0.1, 0.5, 1, 2, 5, 30, 300]) {
      const x = Float64Array.from([1, -1, 0.5, 0, -0.25], (v) => v * scale);
      const y = tf.linalg.diagPart(expm(tf.linalg.diag(x))).dataSync();
      y.forEach((value, i) => {
        const exact = Math.exp(x[i] as number);
        expect(Math.abs(value - exact) / exact, `${scale} ${i}`).toBeLessThan(1e-14 * Math.max(1, scale));
      });
    }
  });

  it('of a turn is the rotation, whatever its angle', () => {
    for (const angle of [0.01, 0.2, 0.9, 2, 5, 40]) {
      const y = expm(
        tf.constant(
          [
            [0, -angle],
            [angle, 0],
          ],
          { dtype: 'float64' },
        ),
      );
      const [c, s] = [Math.cos(angle), Math.sin(angle)];
      expect(
        worst(
          y,
          tf.constant(
            [
              [c, -s],
              [s, c],
            ],
            { dtype: 'float64' },
          ),
        ),
      ).toBeLessThan(2e-14 * Math.max(1, angle));
    }
  });

  it('times that of the negative matrix is 1', () => {
    for (const n of [1, 2, 5, 17, 33, 64]) {
      const x = tf.div(normal([3, n, n], n), Math.sqrt(n));
      expect(worst(tf.matmul(expm(x), expm(tf.neg(x))), tf.eye(n, { dtype: 'float64' }))).toBeLessThan(1e-12);
    }
  });

  it('float32 is the float64 one, rounded', () => {
    const x = normal([4, 4], 3, 'float32');
    expect(expm(x).dataSync()).toEqual(Float32Array.from(expm(tf.cast(x, 'float64')).dataSync()));
  });

  it('of what is infinite or NaN is NaN, and of each matrix by itself', () => {
    const y = expm([
      [
        [Number.NaN, 0],
        [0, 0],
      ],
      [
        [0, 0],
        [0, 0],
      ],
      [
        [0, Number.POSITIVE_INFINITY],
        [0, 0],
      ],
    ]).arraySync();
    const none = [
      [Number.NaN, Number.NaN],
      [Number.NaN, Number.NaN],
    ];
    expect(y).toEqual([
      none,
      [
        [1, 0],
        [0, 1],
      ],
      none,
    ]);
  });

  it('has a gradient that does not depend on the size of the cotangent', () => {
    const x = normal([3, 3], 8);
    const gradient = (scale: number): tf.Tensor => {
      const tape = new tf.GradientTape();
      const y = tape.record(() => {
        tape.watch(x);
        return expm(x);
      });
      return tape.gradient(y, x, { outputGradients: tf.fill([3, 3], scale, { dtype: 'float64' }) }) as tf.Tensor;
    };
    expect(worst(tf.div(gradient(2 ** 60), 2 ** 60), gradient(1))).toBe(0);
    expect(
      gradient(0)
        .dataSync()
        .every((v) => v === 0),
    ).toBe(true);
  });
});

describe('sqrtm', () => {
  it('squared is the matrix', () => {
    for (const n of [1, 2, 3, 8, 20, 40]) {
      const half = tf.add(tf.div(normal([2, n, n], n), Math.sqrt(n)), tf.mul(tf.eye(n, { dtype: 'float64' }), 3));
      const x = tf.matmul(half, half);
      const y = sqrtm(x);
      expect(worst(tf.matmul(y, y), x)).toBeLessThan(1e-12 * n);
      expect(worst(y, half)).toBeLessThan(1e-11 * n); // the principal one
    }
  });

  it('of symmetric, triangular, defective and singular matrices', () => {
    expect(
      worst(
        sqrtm([
          [2, 1],
          [1, 2],
        ]),
        tf.constant([
          [1.3660254, 0.3660254],
          [0.3660254, 1.3660254],
        ]),
      ),
    ).toBeLessThan(1e-6);
    expect(
      worst(
        sqrtm([
          [4, 4],
          [0, 4],
        ]),
        tf.constant([
          [2, 1],
          [0, 2],
        ]),
      ),
    ).toBeLessThan(1e-6);
    expect(
      sqrtm([
        [0, 0],
        [0, 9],
      ]).arraySync(),
    ).toEqual([
      [0, 0],
      [0, 3],
    ]);
    expect(sqrtm(tf.zeros([2, 2])).arraySync()).toEqual([
      [0, 0],
      [0, 0],
    ]);
    expect(
      worst(
        sqrtm([
          [1, 1],
          [1, 1],
        ]),
        tf.fill([2, 2], Math.SQRT1_2),
      ),
    ).toBeLessThan(1e-6);
  });

  it('is NaN where there is none that is real', () => {
    const none = [
      [Number.NaN, Number.NaN],
      [Number.NaN, Number.NaN],
    ];
    expect(
      sqrtm([
        [-1, 0],
        [0, 1],
      ]).arraySync(),
    ).toEqual(none);
    expect(
      sqrtm([
        [Number.NaN, 0],
        [0, 1],
      ]).arraySync(),
    ).toEqual(none);
  });

  it('says what it cannot take', () => {
    expect(() => sqrtm([1])).toThrow('linalg.sqrtm: expected square matrices [..., n, n], got shape [1]');
    expect(() => expm([[1, 2]])).toThrow('linalg.expm: expected square matrices [..., n, n], got shape [1, 2]');
  });
});
