// Values of random programs, and products of awkward sizes, against a reference in plain JavaScript.
import fc from 'fast-check';
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';
import { sizeOf } from '../../lib/base/shape.js';
import { broadcasts, type Instruction, leafShapes, programs } from '../support/programs.js';
import { restoreSettings } from '../support/settings.js';
import { leafValues } from '../support/tensors.js';
import { repeated } from '../support/thorough.js';

restoreSettings();

interface Plain {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

function indexOf(flat: number, shape: readonly number[]): number[] {
  const index = new Array<number>(shape.length);
  let rest = flat;
  for (let d = shape.length - 1; d >= 0; d--) {
    index[d] = rest % (shape[d] as number);
    rest = Math.floor(rest / (shape[d] as number));
  }
  return index;
}

function offsetOf(index: readonly number[], shape: readonly number[]): number {
  return shape.reduce((offset, n, d) => offset * n + (n === 1 ? 0 : (index[d] as number)), 0);
}

function generate(shape: readonly number[], at: (index: number[]) => number): Plain {
  return { shape, data: Array.from({ length: sizeOf(shape) }, (_, i) => at(indexOf(i, shape))) };
}

const map = (x: Plain, f: (v: number) => number): Plain => ({ shape: x.shape, data: x.data.map(f) });

function zip(x: Plain, y: Plain, f: (p: number, q: number) => number): Plain {
  const rank = Math.max(x.shape.length, y.shape.length);
  const long = (s: readonly number[]): number[] => [...new Array<number>(rank - s.length).fill(1), ...s];
  const [a, b] = [long(x.shape), long(y.shape)];
  const shape = a.map((n, d) => (n === 1 ? (b[d] as number) : n));
  return generate(shape, (i) => f(x.data[offsetOf(i, a)] as number, y.data[offsetOf(i, b)] as number));
}

function reduce(x: Plain, axis: number, start: number, f: (p: number, q: number) => number): Plain {
  const shape = x.shape.filter((_, d) => d !== axis);
  return generate(shape, (i) => {
    let total = start;
    for (let k = 0; k < (x.shape[axis] as number); k++) {
      total = f(total, x.data[offsetOf([...i.slice(0, axis), k, ...i.slice(axis)], x.shape)] as number);
    }
    return total;
  });
}

// Each op beside its meaning. All keep values within [-2, 2], so that an absolute error bound makes sense.
type Pair = readonly [op: (x: tf.Tensor, y: tf.Tensor) => tf.Tensor, plain: (x: Plain, y: Plain) => Plain];
const ranked: readonly Pair[] = [
  [
    (x) => tf.reduceMean(x, 0),
    (x) =>
      map(
        reduce(x, 0, 0, (p, q) => p + q),
        (v) => v / (x.shape[0] as number),
      ),
  ],
  [
    (x) => tf.reduceSum(x, -1).div(x.shape[x.rank - 1] as number),
    (x) =>
      map(
        reduce(x, x.shape.length - 1, 0, (p, q) => p + q),
        (v) => v / (x.shape[x.shape.length - 1] as number),
      ),
  ],
  [(x) => tf.reduceMax(x, 0), (x) => reduce(x, 0, -Infinity, Math.max)],
  [(x) => tf.reduceMin(x, -1), (x) => reduce(x, x.shape.length - 1, Infinity, Math.min)],
  [
    (x) => tf.transpose(x),
    (x) => generate([...x.shape].reverse(), (i) => x.data[offsetOf([...i].reverse(), x.shape)] as number),
  ],
  [
    (x) => tf.reverse(x, 0),
    (x) =>
      generate(
        x.shape,
        ([k, ...i]) => x.data[offsetOf([(x.shape[0] as number) - 1 - (k as number), ...i], x.shape)] as number,
      ),
  ],
  [
    (x) => tf.concat([x, tf.neg(x)], 0),
    (x) => ({ shape: [2 * (x.shape[0] as number), ...x.shape.slice(1)], data: [...x.data, ...x.data.map((v) => -v)] }),
  ],
  [
    (x) => tf.at(x, '::2'),
    (x) =>
      generate(
        [Math.ceil((x.shape[0] as number) / 2), ...x.shape.slice(1)],
        ([k, ...i]) => x.data[offsetOf([2 * (k as number), ...i], x.shape)] as number,
      ),
  ],
  [
    (x) => tf.gather(x, [0, 0]),
    (x) => generate([2, ...x.shape.slice(1)], ([, ...i]) => x.data[offsetOf([0, ...i], x.shape)] as number),
  ],
  [
    (x) => tf.nn.softmax(x, 0),
    (x) => {
      const e = map(x, Math.exp);
      const total = reduce(e, 0, 0, (p, q) => p + q);
      return generate(
        x.shape,
        ([k, ...i]) =>
          (e.data[offsetOf([k as number, ...i], x.shape)] as number) / (total.data[offsetOf(i, total.shape)] as number),
      );
    },
  ],
];
const matrices: readonly Pair[] = [
  [
    (x) => tf.matmul(x, x, { transposeB: true }).div(4 * (x.shape[1] as number)),
    (x) => {
      const [n, m] = x.shape as [number, number];
      return generate([n, n], ([i, j]) => {
        let total = 0;
        for (let k = 0; k < m; k++) {
          total += (x.data[(i as number) * m + k] as number) * (x.data[(j as number) * m + k] as number);
        }
        return total / (4 * m);
      });
    },
  ],
];
const anyRank: readonly Pair[] = [
  [(x) => tf.tanh(x), (x) => map(x, Math.tanh)],
  [(x) => tf.sin(x), (x) => map(x, Math.sin)],
  [(x) => tf.sigmoid(x), (x) => map(x, (v) => 1 / (1 + Math.exp(-v)))],
  [(x) => tf.abs(x), (x) => map(x, Math.abs)],
  [(x) => tf.nn.relu(x), (x) => map(x, (v) => Math.max(v, 0))],
  [(x) => tf.exp(tf.neg(tf.square(x))), (x) => map(x, (v) => Math.exp(-v * v))],
  [(x) => tf.reshape(x, [x.size]), (x) => ({ shape: [x.data.length], data: x.data })],
  [(x) => tf.expandDims(x, 0), (x) => ({ shape: [1, ...x.shape], data: x.data })],
];
const broadcasting: readonly Pair[] = [
  [(x, y) => tf.add(x, y).mul(0.5), (x, y) => zip(x, y, (p, q) => (p + q) / 2)],
  [(x, y) => tf.sub(x, y).mul(0.5), (x, y) => zip(x, y, (p, q) => (p - q) / 2)],
  [(x, y) => tf.mul(x, y).mul(0.5), (x, y) => zip(x, y, (p, q) => (p * q) / 2)],
  [(x, y) => tf.maximum(x, y), (x, y) => zip(x, y, Math.max)],
  [(x, y) => tf.minimum(x, y), (x, y) => zip(x, y, Math.min)],
  [(x, y) => tf.div(x, tf.add(tf.square(y), 1)), (x, y) => zip(x, y, (p, q) => p / (q * q + 1))],
];

describe('values against plain JavaScript', () => {
  const check = (program: readonly Instruction[]): void => {
    const shapes = leafShapes.filter((shape) => sizeOf(shape) > 0 && sizeOf(shape) < 100);
    const plain: Plain[] = shapes.map((shape, i) => ({ shape, data: [...leafValues(shape, i)] }));
    const values = shapes.map((shape, i) => tf.constant(leafValues(shape, i), { shape }));
    for (const { op, a, b } of program) {
      const [i, j] = [plain.length - 1 - (a % plain.length), plain.length - 1 - (b % plain.length)];
      const [x, y] = [values[i] as tf.Tensor, values[j] as tf.Tensor];
      const options = [...anyRank];
      if (x.rank > 0 && x.size < 500) options.push(...ranked);
      if (x.rank === 2) options.push(...matrices);
      if (broadcasts(x.shape, y.shape) && x.rank + y.rank < 7 && x.size * y.size < 5000) options.push(...broadcasting);
      const [run, mean] = options[op % options.length] as Pair;
      values.push(run(x, y));
      plain.push(mean(plain[i] as Plain, plain[j] as Plain));
    }
    values.forEach((t, i) => {
      const want = plain[i] as Plain;
      expect(t.shape).toEqual(want.shape);
      const got = t.dataSync();
      want.data.forEach((v, k) => {
        if (Math.abs((got[k] as number) - v) > 1e-12) expect.fail(`value ${i}, element ${k}: ${got[k]}, not ${v}`);
      });
    });
  };

  it.each(tf.deviceInfo().isas)('random programs in float64, on %s', (isa) => {
    tf.config.isa = isa;
    fc.assert(fc.property(programs, check), { numRuns: repeated(60, 150) });
  });

  const lengths = [1, 2, 3, 7, 8, 9, 16, 17, 31, 33, 64, 65, 130];
  it.each(['float32', 'float64', 'int32'] as const)('matmul of all flags and awkward sizes, %s', (dtype) => {
    const value = (i: number, j: number, salt: number): number => ((i * 7 + j * 13 + salt) % 11) - 5; // exact in every dtype
    lengths.forEach((m, at) => {
      const k = lengths[(at * 5 + 3) % lengths.length] as number;
      const n = lengths[(at * 7 + 1) % lengths.length] as number;
      const make = (rows: number, columns: number, salt: number, turned: boolean): tf.Tensor => {
        const data = Array.from({ length: rows * columns }, (_, i) =>
          turned
            ? value(i % columns, Math.floor(i / columns), salt)
            : value(Math.floor(i / columns), i % columns, salt),
        );
        return tf.constant(data, { dtype, shape: [rows, columns] });
      };
      const want = Array.from({ length: m * n }, (_, i) => {
        let total = 0;
        for (let q = 0; q < k; q++) total += value(Math.floor(i / n), q, 1) * value(q, i % n, 2);
        return total;
      });
      for (const transposeA of [false, true]) {
        for (const transposeB of [false, true]) {
          const a = transposeA ? make(k, m, 1, true) : make(m, k, 1, false);
          const b = transposeB ? make(n, k, 2, true) : make(k, n, 2, false);
          expect([...tf.matmul(a, b, { transposeA, transposeB }).dataSync()]).toEqual(want);
        }
      }
    });
  });
});
