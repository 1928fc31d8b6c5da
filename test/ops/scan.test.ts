// Scans: values against sums and products made one by one, in every dtype, along every axis; recurrences.
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';
import { expectClose } from '../support/close.js';
import { arrayOf, gradientsOf, tapeOf } from '../support/tape.js';

interface Running {
  readonly first: number;
  readonly next: (before: number, x: number) => number;
}
const sum: Running = { first: 0, next: (a, b) => a + b };
const product: Running = { first: 1, next: (a, b) => a * b };
const wholeProduct: Running = { first: 1, next: Math.imul };

function running(
  { first, next }: Running,
  values: readonly number[],
  exclusive: boolean,
  reverse: boolean,
  round: (x: number) => number,
): number[] {
  const list = reverse ? [...values].reverse() : values;
  let sofar = first;
  const results = list.map((x) => {
    const before = sofar;
    sofar = round(next(sofar, x));
    return exclusive ? before : sofar;
  });
  return reverse ? results.reverse() : results;
}

const rounding = {
  float32: Math.fround,
  float64: (x: number) => x,
  int32: (x: number) => x | 0,
  uint8: (x: number) => x & 255,
} as const;

const dtypes = Object.keys(rounding) as (keyof typeof rounding)[];
const sizes = [
  [3, 4, 5],
  [2, 300, 1],
  [1, 3, 700],
  [600, 2, 1],
] as const;

const scans = { cumsum: tf.cumsum, cumprod: tf.cumprod } as const;

describe.each(['cumsum', 'cumprod'] as const)('%s', (name) => {
  it.each(dtypes)('%s along every axis, four ways', (dtype) => {
    const whole = dtype === 'int32' || dtype === 'uint8';
    const rule = name === 'cumsum' ? sum : whole ? wholeProduct : product;
    for (const shape of sizes) {
      const strides = [shape[1] * shape[2], shape[2], 1];
      const size = shape[0] * shape[1] * shape[2];
      const values = Array.from({ length: size }, (_, i) => {
        const x = Math.sin(i * 7 + 1) * (name === 'cumsum' ? 100 : 1.5);
        if (!whole) return rounding[dtype](x);
        return dtype === 'uint8' ? Math.abs(Math.round(x * 7)) & 255 : Math.round(x * 20_000_000);
      });
      const x = tf.constant(values, { dtype, shape });
      for (const axis of [0, 1, 2]) {
        for (const exclusive of [false, true]) {
          for (const reverse of [false, true]) {
            const want = new Array<number>(size);
            const [stride, length] = [strides[axis] as number, shape[axis] as number];
            for (let start = 0; start < size; start++) {
              if (Math.floor(start / stride) % length !== 0) continue;
              const at = Array.from({ length }, (_, k) => start + k * stride);
              const line = at.map((i) => values[i] as number);
              running(rule, line, exclusive, reverse, rounding[dtype]).forEach((result, k) => {
                want[at[k] as number] = result + 0;
              });
            }
            const got = scans[name](x, axis - 3, { exclusive, reverse });
            expect(got.dtype).toBe(dtype);
            expect([...got.dataSync()].map((result) => result + 0)).toEqual(want);
          }
        }
      }
    }
  });
});

describe('cumprod', () => {
  it('the gradient is right at zeros, at both orders', () => {
    const derivatives = (values: readonly number[]): unknown[] => {
      const x = tf.constant(values, { dtype: 'float64' });
      const outer = new tf.GradientTape();
      const g = outer.record(() => {
        outer.watch(x);
        const inner = new tf.GradientTape();
        const y = inner.record(() => {
          inner.watch(x);
          return tf.cumprod(x);
        });
        return inner.gradient(y, x) as tf.Tensor;
      });
      const ofFirst = outer.gradient(g, x, { outputGradients: tf.oneHot(0, values.length, { dtype: 'float64' }) });
      return [g.arraySync(), ofFirst?.arraySync()];
    };
    // y0 + y1 + y2 = a + a b + a b c: of which the derivatives are 1 + b + b c, a + a c, a b; that of the first is 0, 1 + c, b.
    expect(derivatives([0, 2, 3])).toEqual([
      [9, 0, 0],
      [0, 4, 2],
    ]);
    expect(derivatives([2, 3, 0])[0]).toEqual([4, 2, 6]);
    expect(derivatives([2, 0, 0, 3])[0]).toEqual([1, 2, 0, 0]);
  });
});

describe('cumulativeLogsumexp', () => {
  it.each(['float32', 'float64'] as const)('%s: the logarithm of the sums, along every axis', (dtype) => {
    for (const shape of sizes) {
      const size = shape[0] * shape[1] * shape[2];
      const x = tf.constant(
        Array.from({ length: size }, (_, i) => Math.sin(i * 7 + 1) * 20),
        { dtype, shape },
      );
      for (const axis of [0, 1, 2]) {
        for (const reverse of [false, true]) {
          const want = tf.log(tf.cumsum(tf.exp(tf.cast(x, 'float64')), axis, { reverse })).dataSync();
          const got = tf.cumulativeLogsumexp(x, axis, { reverse });
          expect(got.dtype).toBe(dtype);
          got.dataSync().forEach((y, i) => {
            const close = Math.abs(y - (want[i] as number)) <= (dtype === 'float32' ? 1e-5 : 1e-13) * 20;
            if (!close) expect.fail(`${shape} axis ${axis}: ${y} instead of ${want[i]}`);
          });
        }
      }
    }
  });

  it('does not overflow, and keeps infinities', () => {
    expect(tf.cumulativeLogsumexp([1000, 1000]).arraySync()).toEqual([1000, Math.fround(1000 + Math.LN2)]);
    expect(tf.cumulativeLogsumexp([-Infinity, -Infinity, 1, Infinity, Infinity, 2]).arraySync()).toEqual([
      -Infinity,
      -Infinity,
      1,
      Infinity,
      Infinity,
      Infinity,
    ]);
    expect(tf.cumulativeLogsumexp([1, NaN, 2]).arraySync()).toEqual([1, NaN, NaN]);
    expect(tf.cumulativeLogsumexp([1, 2], { exclusive: true }).arraySync()).toEqual([-Infinity, 1]);
  });

  it('has a finite gradient of a prefix of -inf', () => {
    const x = tf.constant([-Infinity, 1, 1]);
    const tape = new tf.GradientTape();
    const y = tape.record(() => {
      tape.watch(x);
      return tf.cumulativeLogsumexp(x);
    });
    expect(tape.gradient(y, x)?.arraySync()).toEqual([1, 1.5, 0.5]);
  });

  it.each([false, true])('has gradient 0 beside an infinite element, as reduceLogsumexp (reverse: %s)', (reverse) => {
    const inf = Number.POSITIVE_INFINITY;
    // TensorFlow's numbers; [1, inf, inf] but for its values, which are NaN there.
    for (const [x, ct, want] of [
      [
        [1, inf, 1],
        [0, 1, 1],
        [0, NaN, 0],
      ],
      [
        [1, inf, 1],
        [1, 1, 1],
        [1, NaN, 0],
      ],
      [
        [1, inf, inf],
        [1, 1, 1],
        [1, NaN, NaN],
      ],
      [
        [1, 0, inf],
        [0, 0, 1],
        [0, 0, NaN],
      ],
    ] as const) {
      const turn = (list: readonly number[]): number[] => (reverse ? [...list].reverse() : [...list]);
      const a = tf.constant(turn(x));
      const [tape, y] = tapeOf(a, () => tf.cumulativeLogsumexp(a, { reverse }));
      expect(arrayOf(tape.gradient(y, a, { outputGradients: tf.constant(turn(ct)) }))).toEqual(turn(want));
    }
  });

  it.each([false, true])('has a finite second derivative of numbers far apart (reverse: %s)', (reverse) => {
    const numbers = [2.5, -20, 0, 0, 100, -100, 100];
    const second = (dtype: 'float32' | 'float64'): unknown => {
      const x = tf.cast(numbers, dtype);
      const [outer, g] = tapeOf(
        x,
        () =>
          gradientsOf(
            (a) => tf.cumulativeLogsumexp(a, { reverse }).mul([1, -2, 3, 1, 2, -1, 0.5]),
            [x],
          )[0] as tf.Tensor,
      );
      return arrayOf(outer.gradient(g, x, { outputGradients: tf.cast([1, 2, -1, 3, 1, -2, 1], dtype) }));
    };
    expectClose(second('float32'), second('float64'));
  });
});

describe('scans', () => {
  it('of nothing is nothing, and it is a method', () => {
    expect(tf.cumsum(tf.zeros([0, 3]), 1).shape).toEqual([0, 3]);
    expect(tf.cumsum(tf.zeros([3, 0])).shape).toEqual([3, 0]);
    expect(tf.constant([1, 2, 3]).cumsum({ reverse: true }).arraySync()).toEqual([6, 5, 3]);
  });

  it('says what it cannot do', () => {
    expect(() => tf.cumsum(1)).toThrow(/cumsum: .*axis/);
    expect(() => tf.cumsum([1, 2], 1)).toThrow(/cumsum: .*axis/);
    expect(() => tf.cumsum([true])).toThrow('cumsum: expected dtype float32, float64, int32 or uint8, got bool');
    expect(() => tf.cumprod([true])).toThrow('cumprod: expected dtype float32, float64, int32 or uint8, got bool');
    expect(() => tf.cumulativeLogsumexp(tf.zeros([1], { dtype: 'int32' }))).toThrow(
      /cumulativeLogsumexp: expected dtype/,
    );
    expect(() => tf.cumulativeLogsumexp([1], 1)).toThrow(/cumulativeLogsumexp: .*axis/);
    expect(() => tf.cumsum([1], 0, { exclusiv: true } as never)).toThrow(/did you mean exclusive/);
  });
});
