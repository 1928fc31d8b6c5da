// Small values: what JavaScript computes has the kernels' bits, and nobody can tell who computed it.
import fc from 'fast-check';
import * as tf from 'gradtape';
import { expect, it } from 'vitest';
import { elementwiseKernels } from '../../lib/engine/addon.js';
import { registry } from '../../lib/op/registry.js';
import { restoreSettings } from '../support/settings.js';
import { bytesOf } from '../support/tensors.js';
import { repeated } from '../support/thorough.js';

restoreSettings();

type Fn = (...operands: tf.Tensor[]) => tf.Tensor;
const dtypes = ['float32', 'float64'] as const;

const four = tf.constant([1, 2, 3, 4]);
const ops = [...registry.values()].map(({ name, arity, fn }) => ({ name, arity, fn: fn as Fn }));
const folding = ops.filter(({ name, arity, fn }) => {
  if (!elementwiseKernels.get(name)?.dtypes.includes('float32')) return false;
  const t = arity === 1 ? fn(four) : fn(four, four);
  return t.op?.fold;
});

it('are those of the ops that IEEE 754 defines to the last bit', () => {
  expect(folding.map(({ name }) => name).sort()).toEqual(['add', 'div', 'mul', 'neg', 'sqrt', 'square', 'sub']);
});

// Zeros, infinities, the borders of float32 and of its normal numbers, neighbours of 1, and what rounds twice if it can.
const special = [
  0,
  -0,
  1,
  -1,
  3,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  Number.NaN,
  2 ** -149,
  -(2 ** -149),
  3 * 2 ** -149,
  2 ** -126,
  (2 - 2 ** -23) * 2 ** 127,
  1 + 2 ** -23,
  1 - 2 ** -24,
  2 ** 24 + 2,
  2 ** -75,
  5e-324,
  1.7976931348623157e308,
  1 / 3,
];
const number = fc.oneof(fc.constantFrom(...special), fc.double(), fc.float());
const pairs = fc.array(fc.tuple(number, number), { minLength: 2, maxLength: 18 });

it.each(folding)('$name: the bits of the kernel', ({ arity, fn }) => {
  const check = (numbers: readonly (readonly [number, number])[], uniform: boolean): void => {
    for (const dtype of dtypes) {
      const make = (k: 0 | 1): tf.Tensor =>
        uniform && k === 1
          ? tf.fill([numbers.length], numbers[0]?.[1] ?? 0, { dtype })
          : tf.constant(
              numbers.map((pair) => pair[k]),
              { dtype },
            );
      const operands = arity === 1 ? [make(0)] : [make(0), make(1)];
      const alone = fn(...operands);
      tf.evaluate(alone);
      const beside = fn(...operands);
      tf.evaluate(beside, tf.exp(beside)); // a program
      expect(bytesOf(alone)).toEqual(bytesOf(beside));
    }
  };
  fc.assert(fc.property(pairs, fc.boolean(), check), { numRuns: repeated(150, 600) });
});

it('take no program, unless a NaN is among them', () => {
  const x = tf.constant([[1, 2, 3, 4, 5]]);
  const y = tf.constant([[6, 7, 8, 9, Number.NaN]]);
  const { plans } = tf.memory();
  expect(x.add(1).arraySync()).toEqual([[2, 3, 4, 5, 6]]);
  expect(tf.memory().plans).toBe(plans);
  expect(x.mul(y).arraySync()).toEqual([[6, 14, 24, 36, Number.NaN]]);
  expect(tf.memory().plans).toBe(plans + 1);
});

it('are operands of programs, in this thread and another, and values of variables', async () => {
  const small = (): tf.Tensor => {
    const t = tf.constant([1, 2, 3]).add(1);
    tf.evaluate(t);
    return t;
  };
  const x = small();
  expect(tf.reduceSum(tf.stack([x, x.reshape([3])])).item()).toBe(18);
  expect(await tf.reduceProd(small()).data()).toEqual(Float32Array.of(24));
  const v = new tf.Variable(small());
  const first = v.value();
  for (let k = 0; k < 3; k++) v.assign(tf.cumsum(v.mul(2)));
  expect(v.arraySync()).toEqual([16, 72, 200]);
  expect([first.arraySync(), x.arraySync()]).toEqual([
    [2, 3, 4],
    [2, 3, 4],
  ]);
});

it('a tape sees them like others', () => {
  const x = tf.constant([1, 2, 3]);
  const tape = new tf.GradientTape();
  const y = tape.record(() => {
    tape.watch(x);
    const square = x.mul(x);
    tf.evaluate(square);
    return square.mul(x);
  });
  expect(tape.gradient(y, x)?.arraySync()).toEqual([3, 12, 27]);
});

const anyBits = fc.array(fc.integer(), { minLength: 2, maxLength: 16 });

it('of a program are its bits, also of a NaN, and stay when others follow', () => {
  fc.assert(
    fc.property(anyBits, (bits) => {
      const words = Int32Array.from(bits);
      const kept = [new Float32Array(words.buffer), words, new Uint8Array(words.buffer)].map((elements) => {
        const reversed = tf.reverse(tf.constant(elements), [0]);
        tf.evaluate(reversed);
        return reversed;
      });
      const expected = Buffer.from(words.slice().reverse().buffer);
      const [floats, integers, bytes] = kept.map(bytesOf);
      expect([floats, integers]).toEqual([expected, expected]);
      expect(bytes).toEqual(Buffer.from(words.buffer).reverse());
    }),
    { numRuns: repeated(100, 400) },
  );
});

it('of a program take no memory of the addon until a program reads them', () => {
  const x = tf.constant([0.5, 0.25]);
  tf.evaluate(tf.tanh(x)); // reads x
  tf.clearMemory(); // so that nothing of other tests goes meanwhile
  const { tensors } = tf.memory();
  const kept = Array.from({ length: 100 }, (_, k) => {
    const t = tf.tanh(x).add(k);
    tf.evaluate(t);
    return t;
  });
  expect(tf.memory().tensors).toBeLessThanOrEqual(tensors);
  const sums = kept.map((t) => tf.reduceSum(tf.tanh(t.sub(x))));
  tf.evaluate(sums);
  expect(tf.memory().tensors).toBeGreaterThan(tensors + 90);
  expect(kept[99]?.sub(99).arraySync()).toEqual(kept[0]?.add(99).sub(99).arraySync());
});

it('of a program: more than the stage has room for', () => {
  const x = tf.constant([1, 2, 3]);
  const many = Array.from({ length: 200 }, (_, k) => tf.cumsum(x.add(k)));
  tf.evaluate(many);
  many.forEach((t, k) => {
    expect(t.arraySync()).toEqual([1 + k, 3 + 2 * k, 6 + 3 * k]);
  });
});

it('are in the heap of V8, and have no buffer outside of it, if a program computes them', () => {
  const results: tf.Tensor[] = [];
  const make = (): void => {
    const t = four.tanh();
    tf.evaluate(t);
    results.push(t);
  };
  make();
  const before = process.memoryUsage().arrayBuffers;
  for (let i = 0; i < 1000; i++) make();
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * 1000);
  expect(results.at(-1)?.dataSync()).toEqual(results[0]?.dataSync());
});

it('of a graph deeper than calls go are the same as of a shallow one', () => {
  // A sum of two chains, one over the other: each of 900 ops.
  const chain = (x: tf.Tensor): tf.Tensor => {
    let t = x;
    for (let i = 0; i < 900; i++) t = t.add(1);
    return t;
  };
  const x = four.tanh();
  const y = chain(x).mul(x).add(chain(four));
  const stepwise = chain(four.tanh().mul(1));
  tf.evaluate(stepwise);
  expect(bytesOf(y)).toEqual(bytesOf(stepwise.mul(four.tanh()).add(chain(four))));
});
