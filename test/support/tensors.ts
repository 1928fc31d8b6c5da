// Making tensors and reading their bits.
import * as tf from 'gradtape';

/** The value, still to be computed. */
export function pending(value: tf.TensorLike): tf.Tensor {
  const t = tf.convertToTensor(value);
  return tf.stopGradient(tf.reshape(tf.stack([t]), t.shape));
}

export const ints = (value: unknown): tf.Tensor => tf.constant(value, { dtype: 'int32' });
export const f64 = (value: unknown): tf.Tensor => tf.constant(value, { dtype: 'float64' });

const leaves = new Map<string, Float64Array>();

/** Numbers in [-2, 2) that depend on the size and the seed alone. */
export function leafValues(shape: readonly number[], seed: number): Float64Array {
  const size = shape.reduce((m, n) => m * n, 1);
  const key = `${size} ${seed}`;
  let values = leaves.get(key);
  if (!values) {
    let state = seed * 2654435761 + 12345;
    values = Float64Array.from({ length: size }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) | 0;
      return (state / 2 ** 31) * 2;
    });
    leaves.set(key, values);
  }
  return values.slice();
}

/** The memory of the elements. */
export function bytesOf(t: tf.Tensor): Buffer {
  const data = t.dataSync();
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}

/** A string that tells the shape and every bit; all NaN are one. */
export function bitsOf(t: tf.Tensor): string {
  const data = t.dataSync();
  for (let i = 0; i < data.length; i++) if (Number.isNaN(data[i])) data[i] = Number.NaN;
  return `${t.shape}:${Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64')}`;
}
