// Reading data: what a training loop waits for before each step.
import { layers } from '../inputs.mjs';

export const title = 'Data: 60,000 images of 784 bytes and their labels';

const count = 60_000;
const [pixels] = layers;

/** Batches of a dataset without end, one a step, cast to float32 and scaled, computed. */
function batches(tf, size, shuffled) {
  const images = tf.constant(
    Uint8Array.from({ length: count * pixels }, (_, i) => (i * 31) % 251),
    { shape: [count, pixels] },
  );
  const labels = tf.constant(Int32Array.from({ length: count }, (_, i) => i % 10));
  const rows = tf.data.fromTensors({ images, labels });
  const dataset = (shuffled ? rows.shuffle(1) : rows).batch(size, { dropRemainder: true }).repeat();
  const iterator = dataset[Symbol.iterator]();
  const step = () => {
    const { images, labels } = iterator.next().value;
    const x = tf.cast(images, 'float32').div(255);
    tf.evaluate(x, labels);
    return x;
  };
  return { step, check: () => [step().size] };
}

export const cases = [
  {
    id: 'data-shuffled',
    name: 'a shuffled batch of 128, as float32',
    unit: 'us',
    expect: [128 * pixels],
    kind: 'data-shuffled',
    make: (tf) => batches(tf, 128, true),
  },
  {
    id: 'data-in-order',
    name: 'a batch of 128 in order, as float32',
    unit: 'us',
    expect: [128 * pixels],
    kind: 'data-in-order',
    make: (tf) => batches(tf, 128, false),
  },
];
