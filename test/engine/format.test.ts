// Printing, held against the texts that TensorFlow itself printed (test/golden/make-format.py).
import { describe, expect, it } from 'vitest';
import type { DType } from '../../lib/base/dtype.js';
import { formatTensor, formatVariable } from '../../lib/base/format.js';
import { readGolden } from '../support/files.js';

interface Case {
  dtype: DType;
  shape: number[];
  values: (string | number)[] | 'ramp';
  text: string;
  variable: string;
}

const golden = readGolden<{ cases: Case[] }>('format.json');

const view = new DataView(new ArrayBuffer(8));

function fromBits(dtype: DType, stored: string | number): number {
  if (typeof stored === 'number') return stored;
  const bits = BigInt(`0x${stored}`);
  if (dtype === 'float32') {
    view.setUint32(0, Number(bits));
    return view.getFloat32(0);
  }
  view.setBigUint64(0, bits);
  return view.getFloat64(0);
}

function ramp(dtype: DType, i: number): number {
  const step = i * 37;
  if (dtype === 'bool') return step % 3 === 0 ? 1 : 0;
  if (dtype === 'uint8') return step % 251;
  return dtype === 'int32' ? (step % 1009) - 60 : (step % 1009) / 8 - 60;
}

function valuesOf({ dtype, shape, values }: Case): number[] {
  if (values !== 'ramp') return values.map((stored) => fromBits(dtype, stored));
  return Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => ramp(dtype, i));
}

describe('tensors and variables are printed as TensorFlow prints them', () => {
  for (const [i, one] of golden.cases.entries()) {
    it(`case ${i}: ${one.dtype} [${one.shape}]`, () => {
      expect(formatTensor(valuesOf(one), one.shape, one.dtype)).toBe(one.text);
      expect(formatVariable('w', valuesOf(one), one.shape, one.dtype)).toBe(one.variable);
    });
  }
});
