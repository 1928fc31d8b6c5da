// Scans: values against sums made one by one, in every dtype, along every axis.
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';

function runningSums(
  values: readonly number[],
  exclusive: boolean,
  reverse: boolean,
  round: (x: number) => number,
): number[] {
  const list = reverse ? [...values].reverse() : values;
  let sum = 0;
  const sums = list.map((x) => {
    const before = sum;
    sum = round(sum + x);
    return exclusive ? before : sum;
  });
  return reverse ? sums.reverse() : sums;
}

const rounding = {
  float32: Math.fround,
  float64: (x: number) => x,
  int32: (x: number) => x | 0,
  uint8: (x: number) => x & 255,
} as const;

describe('cumsum', () => {
  it.each(Object.keys(rounding) as (keyof typeof rounding)[])('%s along every axis, four ways', (dtype) => {
    const shape = [3, 4, 5];
    const strides = [20, 5, 1];
    const whole = dtype === 'int32' || dtype === 'uint8';
    const values = Array.from({ length: 60 }, (_, i) => {
      const x = Math.sin(i * 7 + 1) * 100;
      return whole ? (dtype === 'uint8' ? Math.abs(Math.round(x)) : Math.round(x) * 20_000_000) : rounding[dtype](x);
    });
    const x = tf.constant(values, { dtype, shape });
    for (const axis of [0, 1, 2]) {
      for (const exclusive of [false, true]) {
        for (const reverse of [false, true]) {
          const want = new Array<number>(60);
          const [stride, length] = [strides[axis] as number, shape[axis] as number];
          for (let start = 0; start < 60; start++) {
            if (Math.floor(start / stride) % length !== 0) continue;
            const at = Array.from({ length }, (_, k) => start + k * stride);
            const line = at.map((i) => values[i] as number);
            runningSums(line, exclusive, reverse, rounding[dtype]).forEach((sum, k) => {
              want[at[k] as number] = sum;
            });
          }
          const got = tf.cumsum(x, axis - 3, { exclusive, reverse });
          expect(got.dtype).toBe(dtype);
          expect([...got.dataSync()]).toEqual(want);
        }
      }
    }
  });

  it('of nothing is nothing, and it is a method', () => {
    expect(tf.cumsum(tf.zeros([0, 3]), 1).shape).toEqual([0, 3]);
    expect(tf.cumsum(tf.zeros([3, 0])).shape).toEqual([3, 0]);
    expect(tf.constant([1, 2, 3]).cumsum({ reverse: true }).arraySync()).toEqual([6, 5, 3]);
  });

  it('says what it cannot do', () => {
    expect(() => tf.cumsum(1)).toThrow(/cumsum: .*axis/);
    expect(() => tf.cumsum([1, 2], 1)).toThrow(/cumsum: .*axis/);
    expect(() => tf.cumsum([true])).toThrow('cumsum: expected dtype float32, float64, int32 or uint8, got bool');
    expect(() => tf.cumsum([1], 0, { exclusiv: true } as never)).toThrow(/did you mean exclusive/);
  });
});
