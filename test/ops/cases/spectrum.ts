import * as tf from 'gradtape';
import { casesOf, withoutGradient } from '../op-cases.js';

const { qr, eigh, eigvalsh, svd, pinv, matrixRank, lstsq, normalize, globalNorm } = tf.linalg;

/** Matrices whose singular values keep apart, and clear of zero. */
function apart(x: tf.Tensor): tf.Tensor {
  const [m, n] = x.shape.slice(-2) as [number, number];
  const shape = [m, n];
  const steps = Array.from({ length: m * n }, (_, i) => (Math.floor(i / n) === i % n ? 3 * (1 + (i % n)) : 0));
  return tf.add(tf.mul(x, 0.4), tf.constant(steps, { shape, dtype: x.dtype }));
}

// The sign of a vector is not defined, that of its square is.
const sampling = { throws: true };
casesOf(
  qr,
  [
    { shapes: [[3, 3]], call: (x) => qr(apart(x)).q },
    { shapes: [[3, 3]], call: (x) => qr(apart(x)).r },
    { shapes: [[2, 1, 4, 2]], call: (x) => qr(apart(x)).q },
    { shapes: [[4, 2]], call: (x) => qr(apart(x)).r },
    { shapes: [[2, 4]], call: (x) => qr(apart(x)).q },
    { shapes: [[2, 2, 3]], call: (x) => qr(apart(x), { fullMatrices: true }).r },
  ],
  sampling,
);
casesOf(
  eigh,
  [
    { shapes: [[3, 3]], call: (x) => eigh(apart(x)).e },
    { shapes: [[3, 3]], call: (x) => tf.square(eigh(apart(x)).v) },
    { shapes: [[2, 1, 2, 2]], call: (x) => tf.square(eigh(apart(x)).v) },
  ],
  sampling,
);
casesOf(eigvalsh, [{ shapes: [[2, 3, 3]], call: (x) => eigvalsh(apart(x)) }], sampling);
casesOf(
  svd,
  [
    { shapes: [[3, 3]], call: (x) => svd(apart(x), { computeUv: false }) },
    { shapes: [[4, 2]], call: (x) => svd(apart(x)).s },
    { shapes: [[3, 3]], call: (x) => tf.square(svd(apart(x)).u) },
    { shapes: [[4, 2]], call: (x) => tf.square(svd(apart(x)).u) },
    { shapes: [[4, 2]], call: (x) => tf.square(svd(apart(x)).v) },
    { shapes: [[2, 1, 2, 4]], call: (x) => tf.square(svd(apart(x)).v) },
    { shapes: [[3, 2]], call: (x) => tf.square(svd(apart(x), { fullMatrices: true }).u) },
    { shapes: [[2, 3]], call: (x) => tf.square(svd(apart(x), { fullMatrices: true }).v) },
  ],
  sampling,
);
casesOf(
  pinv,
  [
    { shapes: [[3, 2]], call: (x) => pinv(apart(x)) },
    { shapes: [[2, 2, 3]], call: (x) => pinv(apart(x), { rcond: 1e-9 }) },
  ],
  sampling,
);
withoutGradient(matrixRank, (x) => matrixRank(x));
casesOf(
  lstsq,
  [
    {
      shapes: [
        [4, 2],
        [4, 3],
      ],
      call: (a, b) => lstsq(apart(a), b),
    },
    {
      shapes: [
        [2, 2, 4],
        [2, 1],
      ],
      call: (a, b) => lstsq(apart(a), b, { l2Regularizer: 0.3 }),
    },
  ],
  sampling,
);
casesOf(
  normalize,
  [
    { shapes: [[2, 3]], call: (x) => normalize(x, 2, 1).normalized },
    { shapes: [[2, 3]], call: (x) => normalize(x, 3).normalized },
    { shapes: [[2, 3]], call: (x) => normalize(x).norm },
  ],
  { avoid: [0], kinks: true },
);
casesOf(globalNorm, [{ shapes: [[2, 3], [2]], call: (x, y) => globalNorm([x, y]) }], { kinks: true });
