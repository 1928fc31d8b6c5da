// Reductions of a matrix along its rows or columns, and softmax.
import { some, uniform } from '../inputs.mjs';

const size = 1000;

export const title = `Rows and columns, ${size} x ${size} float32`;

const ops = {
  'sum-rows': (tf, x) => tf.reduceSum(x, 1),
  'sum-columns': (tf, x) => tf.reduceSum(x, 0),
  'max-rows': (tf, x) => tf.reduceMax(x, 1),
  'argmax-rows': (tf, x) => tf.argmax(x, 1),
  logsumexp: (tf, x) => tf.reduceLogsumexp(x, 1),
  softmax: (tf, x) => tf.nn.softmax(x),
};

const names = {
  'sum-rows': 'sum of each row',
  'sum-columns': 'sum of each column',
  'max-rows': 'maximum of each row',
  'argmax-rows': 'argmax of each row',
  logsumexp: 'log-sum-exp of each row',
  softmax: 'softmax of each row',
};

function along(tf, op) {
  const x = tf.constant(uniform(size * size, 1)).reshape([size, size]);
  tf.evaluate(x);
  const step = () => {
    const y = ops[op](tf, x);
    tf.evaluate(y);
    return y;
  };
  return { step, check: () => some(step().dataSync()) };
}

export const cases = Object.keys(ops).map((op) => ({
  id: op,
  name: names[op],
  unit: 'us',
  parallel: true,
  kind: 'rows',
  given: { op, size },
  make: (tf) => along(tf, op),
}));
