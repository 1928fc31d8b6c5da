// Numbers that every library is given alike: from a counter, so that no library's generator is needed.

const arrays = { float32: Float32Array, float64: Float64Array };

/** n numbers in [-1, 1), the same for the same seed; peers/python/inputs.py and peers/native/serve.h make the same ones. */
export function uniform(n, seed, dtype = 'float32') {
  const out = new arrays[dtype](n);
  let state = (seed * 2654435761) >>> 0;
  for (let i = 0; i < n; i++) {
    // mulberry32
    state = (state + 0x6d2b79f5) >>> 0;
    let z = Math.imul(state ^ (state >>> 15), state | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    out[i] = ((z ^ (z >>> 14)) >>> 0) / 2 ** 31 - 1;
  }
  return out;
}

export const batch = 128;
export const layers = [784, 512, 256, 10];

/** The networks that are trained, by size. In the small one the calls take longer than the numbers. */
export const networks = { large: { layers, batch }, small: { layers: [16, 32, 4], batch: 8 } };

/** A network's weights and biases, one batch and its labels. */
export function network(size = 'large') {
  const { layers, batch } = networks[size];
  const weights = [];
  for (let k = 0; k + 1 < layers.length; k++) {
    const [rows, columns] = [layers[k], layers[k + 1]];
    const limit = Math.sqrt(6 / (rows + columns));
    weights.push({ data: uniform(rows * columns, 10 + k).map((u) => u * limit), shape: [rows, columns] });
    weights.push({ data: new Float32Array(columns), shape: [columns] });
  }
  const x = uniform(batch * layers[0], 1).map((u) => Math.abs(u));
  const labels = Int32Array.from({ length: batch }, (_, i) => (i * 7) % layers[layers.length - 1]);
  return { weights, x: { data: x, shape: [batch, layers[0]] }, labels };
}

/** Directions for the Hessian-vector product, of the weights' shapes. */
export function directions() {
  return network().weights.map(({ shape }, k) => ({
    data: uniform(
      shape.reduce((a, b) => a * b, 1),
      50 + k,
    ),
    shape,
  }));
}

/** Four elements, and the vectors of a chain of short ops over them: (tanh(t c) + c)^2, five times. */
export const four = { x: [0.1, 0.2, 0.3, 0.4], c: [0.5, 0.25, 0.125, 1], rounds: 5 };

export const learningRate = 0.05;
export const adamRate = 0.001;

/** Some of the elements, from all over. */
export function some(data) {
  const stride = Math.max(1, Math.floor(data.length / 7));
  return Array.from({ length: 7 }, (_, i) => data[Math.min(data.length - 1, i * stride)]);
}
