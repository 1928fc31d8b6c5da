// A 3x3 convolution, NHWC, padding SAME, and its two gradients.
import { some, uniform } from '../inputs.mjs';

const given = { batch: 32, size: 28, channels: 32, filters: 64 };

export const title = `Convolution 3x3, ${given.batch} x ${given.size} x ${given.size} x ${given.channels} -> ${given.filters}, float32`;

/** The numbers of a convolution's input (NHWC), filter (HWIO) and output gradient (NHWC). */
export function convolution({ batch, size, channels, filters }) {
  const of = (shape, seed) => ({
    data: uniform(
      shape.reduce((a, b) => a * b, 1),
      seed,
    ),
    shape,
  });
  return {
    x: of([batch, size, size, channels], 1),
    filter: of([3, 3, channels, filters], 2),
    gradient: of([batch, size, size, filters], 3),
  };
}

const parts = {
  forward: (nn, { x, filter }) => nn.conv2d(x, filter, { strides: 1, padding: 'SAME' }),
  input: (nn, { x, filter, gradient }) =>
    nn.conv2dBackpropInput(x.shape, filter, gradient, { strides: 1, padding: 'SAME' }),
  filter: (nn, { x, filter, gradient }) =>
    nn.conv2dBackpropFilter(x, filter.shape, gradient, { strides: 1, padding: 'SAME' }),
};

function part(tf, name) {
  if (!tf.nn.conv2d) throw new Error('this gradtape has no nn.conv2d');
  const operands = Object.fromEntries(
    Object.entries(convolution(given)).map(([key, { data, shape }]) => [key, tf.constant(data, { shape })]),
  );
  const step = () => {
    const y = parts[name](tf.nn, operands);
    tf.evaluate(y);
    return y;
  };
  return { step, check: () => some(step().dataSync()) };
}

const names = { forward: 'forward', input: 'gradient of the input', filter: 'gradient of the filter' };

export const cases = Object.keys(parts).map((name) => ({
  id: `conv-${name}`,
  name: `conv2d, ${names[name]}`,
  unit: 'GFLOP/s',
  count: 2 * 9 * given.batch * given.size ** 2 * given.channels * given.filters,
  rtol: 1e-4,
  parallel: true,
  kind: 'conv',
  given: { ...given, part: name },
  make: (tf) => part(tf, name),
}));
