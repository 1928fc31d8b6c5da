// Matrix products: square, transposed, and their gradient.
import { some, uniform } from '../inputs.mjs';

export const title = 'Matrix products';

function product(tf, { n, dtype, ...flags }) {
  const a = tf.constant(uniform(n * n, 1, dtype)).reshape([n, n]);
  const b = tf.constant(uniform(n * n, 2, dtype)).reshape([n, n]);
  tf.evaluate(a, b);
  const step = () => {
    const c = tf.matmul(a, b, flags);
    tf.evaluate(c);
    return c;
  };
  return { step, check: () => some(step().dataSync()) };
}

function gradient(tf, n) {
  const a = tf.constant(uniform(n * n, 1)).reshape([n, n]);
  const b = tf.constant(uniform(n * n, 2)).reshape([n, n]);
  tf.evaluate(a, b);
  const step = () => {
    const tape = new tf.GradientTape();
    const y = tape.record(() => {
      tape.watch([a, b]);
      return tf.matmul(a, b).square().reduceSum();
    });
    const grads = tape.gradient(y, [a, b]);
    tf.evaluate(y, grads);
    return grads;
  };
  return { step, check: () => step().flatMap((g) => some(g.dataSync())) };
}

const plain = (n, { dtype = 'float32', transposeA = false, transposeB = false } = {}) => {
  const given = { n, dtype, transposeA, transposeB };
  const letters = `${transposeA ? 'T' : 'N'}${transposeB ? 'T' : 'N'}`;
  return {
    id: `matmul-${n}${dtype === 'float64' ? '-f64' : ''}${letters === 'NN' ? '' : `-${letters.toLowerCase()}`}`,
    name: `matmul ${n}, ${dtype}${letters === 'NN' ? '' : `, ${letters}`}`,
    unit: 'GFLOP/s',
    count: 2 * n ** 3,
    // Sums of n products, in whatever order.
    rtol: dtype === 'float32' ? 2e-5 : 1e-12,
    parallel: true,
    kind: 'matmul',
    given,
    make: (tf) => product(tf, given),
  };
};

export const cases = [
  ...[64, 128, 256, 512, 1024, 2048].map((n) => plain(n)),
  plain(512, { dtype: 'float64' }),
  plain(512, { transposeA: true }),
  plain(512, { transposeB: true }),
  {
    id: 'matmul-gradient-512',
    name: 'sum(matmul^2) and both gradients, 512',
    unit: 'ms',
    rtol: 1e-4,
    parallel: true,
    kind: 'matmul-gradient',
    given: { n: 512 },
    make: (tf) => gradient(tf, 512),
  },
];
