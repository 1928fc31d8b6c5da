// Making tensors and reading their bits.
import * as tf from 'gradtape';

/** The value, still to be computed. */
export function pending(value: tf.TensorLike): tf.Tensor {
  const t = tf.convertToTensor(value);
  return tf.stopGradient(tf.reshape(tf.stack([t]), t.shape));
}

export const ints = (value: unknown): tf.Tensor => tf.constant(value, { dtype: 'int32' });
export const f64 = (value: unknown): tf.Tensor => tf.constant(value, { dtype: 'float64' });

/** Numbers in [-2, 2) that depend on the seed alone. */
export function leafValues(shape: readonly number[], seed: number): Float64Array {
  let state = seed * 2654435761 + 12345;
  return Float64Array.from({ length: shape.reduce((m, n) => m * n, 1) }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state / 2 ** 31) * 2;
  });
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
