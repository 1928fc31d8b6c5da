// Sorting of random numbers.
import { some, uniform } from '../inputs.mjs';

export const title = 'Sorting, 1e6 random numbers';

function sorted(tf, { n, dtype }) {
  const x = tf.constant(uniform(n, 1, dtype));
  const step = () => {
    const y = tf.sort(x);
    tf.evaluate(y);
    return y;
  };
  return { step, check: () => some(step().dataSync()) };
}

export const cases = ['float32', 'float64'].map((dtype) => {
  const given = { n: 1e6, dtype };
  return {
    id: `sort-1e6${dtype === 'float64' ? '-f64' : ''}`,
    name: `sort, ${dtype}`,
    unit: 'ms',
    rtol: 1e-12,
    parallel: true,
    kind: 'sort',
    given,
    make: (tf) => sorted(tf, given),
  };
});
