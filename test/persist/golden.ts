// Files that Python wrote, with what they hold (golden/persistence.json).
import * as tf from 'gradtape';
import { expect } from 'vitest';
import { readGolden } from '../support/files.js';

export interface Held {
  readonly dtype: tf.DType;
  readonly shape: readonly number[];
  readonly values: readonly (number | boolean | string)[];
}
interface Case {
  readonly name: string;
  readonly bytes: string;
}
export interface SafetensorsCase extends Case {
  /** Ours are the same bytes. */
  readonly same: boolean;
  readonly metadata: Record<string, string> | null;
  readonly tensors: Record<string, Held>;
}
export interface NpyCase extends Case {
  readonly same: boolean;
  readonly tensor: Held;
}
export interface NpzCase extends Case {
  readonly tensors: Record<string, Held>;
}

export const golden = readGolden<{ safetensors: SafetensorsCase[]; npy: NpyCase[]; npz: NpzCase[] }>(
  'persistence.json',
);

export const bytesOf = ({ bytes }: Case): Buffer => Buffer.from(bytes, 'base64');

/** The tensor has these elements, to the sign of zero. */
export function expectHeld(t: tf.Tensor | undefined, { dtype, shape, values }: Held): void {
  expect([t?.dtype, t?.shape]).toEqual([dtype, shape]);
  const wanted = values.map((value) => Number(value));
  expect(Array.from((t as tf.Tensor).dataSync())).toEqual(wanted);
}

/** The tensor that Python's is loaded as. */
export const tensorOf = ({ dtype, shape, values }: Held): tf.Tensor => {
  const numbers = Float64Array.from(values, Number);
  return tf.cast(tf.constant(numbers, { shape }), dtype);
};

/** The bytes of a tensor's elements. */
export const bits = (t: tf.Tensor): Uint8Array => new Uint8Array(t.dataSync().buffer);

/** A safetensors file of this header and so many bytes of tensors. */
export function fileOf(header: string | Uint8Array, data: Uint8Array | number = 0, length?: bigint): Uint8Array {
  const text = typeof header === 'string' ? Buffer.from(header) : header;
  const bytes = typeof data === 'number' ? new Uint8Array(data) : data;
  const file = new Uint8Array(8 + text.length + bytes.length);
  new DataView(file.buffer).setBigUint64(0, length ?? BigInt(text.length), true);
  file.set(text, 8);
  file.set(bytes, 8 + text.length);
  return file;
}
