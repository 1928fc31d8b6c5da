// Linear algebra: factors of one large matrix, and many small matrices at once.
import { some, uniform } from '../inputs.mjs';

export const title = 'Linear algebra';

/** Well conditioned matrices [count, n, n], or one [n, n]. */
function matrices(tf, { n, dtype, count = 1 }, definite = false) {
  const x = tf.constant(uniform(count * n * n, 1, dtype)).reshape(count > 1 ? [count, n, n] : [n, n]);
  const whole = definite ? tf.matmul(x, x, { transposeB: true }) : x;
  return tf.add(whole, tf.mul(tf.eye(n, { dtype }), n));
}

/** Of a function of tensors that are known. */
function result(tf, operands, call, compared = (y) => y) {
  tf.evaluate(operands);
  const step = () => {
    const y = call(...operands);
    tf.evaluate(y);
    return y;
  };
  return { step, check: () => some(compared(step()).dataSync()) };
}

const makers = {
  cholesky: (tf, given) => result(tf, [matrices(tf, given, true)], tf.linalg.cholesky),
  solve: (tf, given) => {
    const a = matrices(tf, given);
    const shape = [...a.shape.slice(0, -1), given.columns];
    const size = shape.reduce((x, y) => x * y, 1);
    return result(tf, [a, tf.constant(uniform(size, 2, given.dtype)).reshape(shape)], tf.linalg.solve);
  },
  inv: (tf, given) => result(tf, [matrices(tf, given)], tf.linalg.inv),
  det: (tf, given) => result(tf, [matrices(tf, given)], tf.linalg.det),
  // All factors are computed; what has no sign of its own is compared.
  qr: (tf, given) => result(tf, [matrices(tf, given)], tf.linalg.qr, ({ r }) => tf.abs(r)),
  eigh: (tf, given) => result(tf, [matrices(tf, given, true)], tf.linalg.eigh, ({ e }) => e),
  svd: (tf, given) => result(tf, [matrices(tf, given)], tf.linalg.svd, ({ s }) => s),
};

const one = (op, given) => {
  const { n, dtype, count = 1, columns } = given;
  const sides = columns === undefined ? '' : `, ${columns} right-hand side${columns > 1 ? 's' : ''}`;
  return {
    id: `${op}-${count > 1 ? `${count}x` : ''}${n}${columns > 1 ? `-${columns}` : ''}${dtype === 'float32' ? '-f32' : ''}`,
    name: `${op} of ${count > 1 ? `${count} matrices ` : ''}${n} x ${n}, ${dtype}${sides}`,
    unit: 'ms',
    rtol: dtype === 'float32' ? 1e-3 : 1e-9,
    parallel: true,
    kind: `linalg-${op}`,
    given,
    make: (tf) => makers[op](tf, given),
  };
};

const large = { n: 512, dtype: 'float64' };
const medium = { n: 256, dtype: 'float64' };
const many = { n: 4, dtype: 'float64', count: 10000 };

export const cases = [
  one('cholesky', large),
  one('cholesky', { ...large, dtype: 'float32' }),
  one('solve', { ...large, columns: 1 }),
  one('solve', { ...large, columns: 512 }),
  one('solve', { ...large, dtype: 'float32', columns: 1 }),
  one('inv', large),
  one('qr', large),
  one('eigh', medium),
  one('eigh', { ...medium, dtype: 'float32' }),
  one('svd', medium),
  one('solve', { ...many, columns: 1 }),
  one('solve', { ...many, dtype: 'float32', columns: 1 }),
  one('inv', many),
  one('det', many),
];
