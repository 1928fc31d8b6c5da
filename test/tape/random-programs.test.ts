// Gradients of random programs: against central differences, and the same bits whatever was computed before.
import fc from 'fast-check';
import * as tf from 'gradtape';
import { gradcheck } from 'gradtape/gradcheck';
import { describe, expect, it } from 'vitest';
import { type Call, drawn, fits, intoDomain } from '../support/ops.js';
import { restoreSettings } from '../support/settings.js';
import { dense } from '../support/tape.js';
import { bytesOf } from '../support/tensors.js';
import { repeated } from '../support/thorough.js';

restoreSettings();

type Step = readonly [op: number, a: number, b: number];
const steps = fc.array(fc.tuple(fc.nat(1000), fc.nat(1000), fc.nat(1000)), { minLength: 1, maxLength: 10 });

const shapes = [[2, 3], [3], [2, 1], []] as const;
const leaves = shapes.map((shape, k) => {
  const size = shape.reduce((m: number, n) => m * n, 1);
  return tf.constant(
    Float64Array.from({ length: size }, (_, i) => Math.sin(i * 1.7 + k * 2.3)),
    { shape },
  );
});

// Ops that are smooth where operands are equal or cross a number, with operands within their domain: values stay within bounds, so
// that central differences are good to many digits.
const smooth = drawn.flatMap(({ checked, kind, call }) => {
  if (!checked || checked.avoid || checked.kinks) return [];
  return [{ kind, call: (x: tf.Tensor, y: tf.Tensor) => call(intoDomain(checked, 0, x), intoDomain(checked, 1, y)) }];
});
// Calls with parameters that the registry does not vary.
const parametric: readonly ((x: tf.Tensor) => tf.Tensor)[] = [
  (x) => tf.exp(tf.neg(tf.square(x))),
  (x) => tf.div(x, tf.add(tf.square(x), 1)),
  (x) => tf.log1p(tf.square(x)),
  (x) => tf.sqrt(tf.add(tf.square(x), 0.5)),
  (x) => tf.pow(tf.add(tf.square(x), 0.5), 1.3),
  (x) => tf.reduceMean(x),
  (x) => (x.rank ? tf.reduceSum(x, 0) : x),
  (x) => (x.rank ? tf.reduceMean(x, -1, { keepdims: true }) : x),
  (x) => tf.reshape(x, [x.size]),
  (x) => (x.rank ? tf.nn.softmax(x) : x),
  (x) => (x.rank ? tf.nn.logSoftmax(x, 0) : x),
  (x) => (x.rank ? tf.gather(x, [0, 0]) : x),
  (x) => (x.rank ? tf.at(x, '::-1') : x),
  (x) => (x.rank ? tf.concat([x, tf.mul(x, 0.5)], 0) : x),
  (x) => (x.rank === 2 ? tf.mul(tf.matmul(x, x, { transposeA: true }), 0.3) : x),
  (x) => (x.size < 10 ? tf.stack([x, tf.sin(x)]) : x),
  (x) => (x.rank ? tf.reduceLogsumexp(x, 0) : x),
];
const unary: readonly Call[] = [
  ...smooth.filter(({ kind }) => kind !== 'binary').map(({ call }) => call),
  ...parametric,
];
const binary: readonly Call[] = [
  ...smooth.filter(({ kind }) => kind === 'binary').map(({ call }) => call),
  (x, y) => tf.mul(tf.add(x, y), 0.5),
  (x, y) => tf.sub(tf.mul(x, 0.5), y),
  (x, y) => tf.div(x, tf.add(tf.square(y), 1)),
  (x, y) => tf.squaredDifference(tf.tanh(x), tf.tanh(y)),
  (x, y) => tf.where(tf.less(tf.stopGradient(x), 0.123456), x, tf.mul(y, 0.7)),
];

// One scalar that depends on every value of the program.
function run(program: readonly Step[], xs: readonly tf.Tensor[], made: (t: tf.Tensor) => void = () => {}): tf.Tensor {
  const values = [...xs];
  for (const [op, a, b] of program) {
    const x = values[values.length - 1 - (a % values.length)] as tf.Tensor;
    const y = values[values.length - 1 - (b % values.length)] as tf.Tensor;
    const kind = op % (unary.length + binary.length);
    const t =
      kind >= unary.length && fits(x.shape, y.shape) && x.size * y.size < 400
        ? (binary[kind - unary.length] as Call)(x, y)
        : (unary[kind % unary.length] as Call)(x, y);
    made(t);
    values.push(t);
  }
  const mean = (t: tf.Tensor): tf.Tensor => tf.reduceMean(tf.sin(t));
  return values.reduce((sum, t) => (t.size ? tf.add(sum, mean(t)) : sum), tf.constant(0, { dtype: 'float64' }));
}

function bits(grads: readonly (tf.Tensor | tf.IndexedSlices | null)[]): (string | null)[] {
  return grads.map((g) => g && `${g.shape}:${bytesOf(dense(g)).toString('base64')}`);
}

describe('gradients of random programs', () => {
  it('agree with central differences, first order', () => {
    fc.assert(
      fc.property(steps, (program) => {
        gradcheck((...xs) => run(program, xs), leaves);
      }),
      { numRuns: repeated(60, 150) }, // gradcheck compares both modes
    );
  }, 240_000);

  it('and second order', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(1000), fc.nat(1000), fc.nat(1000)), { minLength: 1, maxLength: 5 }),
        (program) => {
          gradcheck((...xs) => run(program, xs), leaves, { order: 2, tol: 1e-4 });
        },
      ),
      { numRuns: repeated(15, 60) },
    );
  });

  it('have the same bits whatever was looked at before, eager or not, once or again, inside another tape or not', () => {
    const gradients = (
      program: readonly Step[],
      made?: (t: tf.Tensor) => void,
    ): [(string | null)[], (string | null)[], (string | null)[]] => {
      const outer = new tf.GradientTape();
      const tape = new tf.GradientTape({ persistent: true });
      const y = outer.record(() =>
        tape.record(() => {
          outer.watch(leaves);
          tape.watch(leaves);
          return run(program, leaves, made);
        }),
      );
      const first = bits(tape.gradient(y, leaves));
      const reversed = bits(tape.gradient(y, [...leaves].reverse())).reverse();
      return [first, reversed, bits(outer.gradient(y, leaves))];
    };
    fc.assert(
      fc.property(steps, fc.array(fc.boolean(), { minLength: 10, maxLength: 10 }), (program, looks) => {
        const [want, reversed, outer] = gradients(program);
        expect(reversed).toEqual(want);
        expect(outer).toEqual(want);
        let i = 0;
        const [looked] = gradients(program, (t) => {
          if (looks[i++]) t.dataSync();
        });
        expect(looked).toEqual(want);
        tf.config.eager = true;
        const [eager] = gradients(program);
        tf.config.eager = false;
        expect(eager).toEqual(want);
      }),
      { numRuns: repeated(60, 240) },
    );
  });

  it('of each source alone are what they are together', () => {
    fc.assert(
      fc.property(steps, (program) => {
        const tape = new tf.GradientTape({ persistent: true });
        const y = tape.record(() => {
          tape.watch(leaves);
          return run(program, leaves);
        });
        const together = bits(tape.gradient(y, leaves));
        leaves.forEach((leaf, i) => {
          expect(bits([tape.gradient(y, leaf)])[0]).toEqual(together[i]);
        });
      }),
      { numRuns: repeated(40, 160) },
    );
  });
});
