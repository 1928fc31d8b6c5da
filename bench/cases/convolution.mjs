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

const same = { strides: 1, padding: 'SAME' };

/** A tape's gradient of one operand. Nobody looks at the forward pass, so it is not computed. */
function gradientOf(tf, source, { x, filter, gradient }) {
  const tape = new tf.GradientTape();
  const y = tape.record(() => {
    tape.watch(source);
    return tf.nn.conv2d(x, filter, same);
  });
  return tape.gradient(y, source, { outputGradients: gradient });
}

const parts = {
  forward: (tf, { x, filter }) => tf.nn.conv2d(x, filter, same),
  input: (tf, operands) => gradientOf(tf, operands.x, operands),
  filter: (tf, operands) => gradientOf(tf, operands.filter, operands),
};

function part(tf, name) {
  const operands = Object.fromEntries(
    Object.entries(convolution(given)).map(([key, { data, shape }]) => [key, tf.constant(data, { shape })]),
  );
  const step = () => {
    const y = parts[name](tf, operands);
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
