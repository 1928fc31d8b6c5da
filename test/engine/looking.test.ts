// Looking changes nothing: values and gradients of random programs have the same bits, and the same connections, whether nothing was
// looked at, everything as it was made, ops were computed at once (config.eager), or another tape was there too.
import fc from 'fast-check';
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';
import { type Call, type Drawn, drawn, fits } from '../support/ops.js';
import { eagerly, restoreSettings } from '../support/settings.js';
import { repeated } from '../support/thorough.js';

restoreSettings();

type Named = readonly [name: string, call: Call];
const named = ({ name, call }: Drawn): Named => [name, call];

// Beside the ops of the registry, calls that meet zeros, and shapes and numbers of other kinds.
const unary: readonly Named[] = [
  ...drawn.filter(({ kind }) => kind !== 'binary').map(named),
  ...[0, 1, 2, 3, 4, -1, 0.5, 2.5].map((n): Named => [`pow ${n}`, (x) => tf.pow(x, n)]),
  ...[0, 1, 2, 3, 4, -1, 0.5].map(
    (n): Named => [`pow of a tensor ${n}`, (x) => tf.pow(x, tf.constant(n, { dtype: x.dtype }))],
  ),
  ['times zero', (x) => tf.mul(x, 0)],
  ['minus itself', (x) => tf.sub(x, x)],
  ['times a product of zeros', (x) => tf.mul(x, tf.mul(tf.zeros(x.shape, { dtype: x.dtype }), -1))],
  ['plus minus zero', (x) => tf.add(x, -0)],
  ['sum', (x) => tf.reduceSum(x)],
  ['sum of the last axis', (x) => (x.rank > 0 ? tf.reduceSum(x, -1) : x)],
  ['mean', (x) => tf.reduceMean(x)],
  ['max', (x) => tf.reduceMax(x, x.rank > 0 ? 0 : null)],
  ['min', (x) => tf.reduceMin(x)],
  ['prod', (x) => tf.reduceProd(x)],
  ['prod along an axis', (x) => (x.rank > 0 ? tf.reduceProd(x, 0, { keepdims: true }) : x)],
  ['logsumexp', (x) => tf.reduceLogsumexp(x)],
  ['std', (x) => tf.reduceStd(x)],
  ['norm', (x) => tf.norm(x)],
  ['norm 3', (x) => tf.norm(x, 3)],
  ['reshape', (x) => tf.reshape(x, [x.size])],
  ['expandDims', (x) => (x.rank < 3 ? tf.expandDims(x, 0) : x)],
  ['transpose', (x) => tf.transpose(x)],
  ['gather', (x) => (x.rank > 0 && x.size > 0 ? tf.gather(x, [0, 0]) : x)],
  ['slice', (x) => (x.rank > 0 ? tf.at(x, '::-1') : x)],
  ['pad', (x) => (x.rank === 1 && x.size < 6 ? tf.pad(x, [[1, 0]]) : x)],
  ['concat', (x) => (x.rank > 0 && x.size < 9 ? tf.concat([x, tf.neg(x)], 0) : x)],
  ['stack', (x) => (x.size < 5 ? tf.stack([x, x]) : x)],
  ['tile', (x) => (x.rank === 1 && x.size < 4 ? tf.tile(x, [2]) : x)],
  ['softmax', (x) => (x.rank > 0 ? tf.nn.softmax(x) : x)],
  ['logSoftmax', (x) => (x.rank > 0 ? tf.nn.logSoftmax(x) : x)],
  ['clip', (x) => tf.clipByValue(x, -1, 1)],
  ['matmul', (x) => (x.rank === 2 ? tf.matmul(x, x, { transposeB: true }) : x)],
  ['broadcast', (x) => (x.size < 4 ? tf.broadcastTo(x, [2, ...x.shape]) : x)],
];
const binary: readonly Named[] = [
  ...drawn.filter(({ kind }) => kind === 'binary').map(named),
  ['where less', (x, y) => tf.where(tf.less(x, y), x, y)],
  ['where zero', (x, y) => tf.where(tf.greater(x, 0), y, 0)],
];

const numbers = [
  0,
  -0,
  1,
  -1,
  2,
  0.5,
  -1.5,
  3,
  0.3,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  1e-40,
  1e30,
];
const shapes = [[2, 2], [2], [1], [], [2, 1]] as const;

interface Program {
  readonly dtype: 'float32' | 'float64';
  readonly values: readonly number[];
  readonly steps: readonly (readonly [op: number, a: number, b: number])[];
}

const programs: fc.Arbitrary<Program> = fc.record({
  dtype: fc.constantFrom('float32', 'float64'),
  values: fc.array(fc.constantFrom(...numbers), { minLength: 10, maxLength: 10 }),
  steps: fc.array(fc.tuple(fc.nat(10_000), fc.nat(100), fc.nat(100)), { minLength: 1, maxLength: 6 }),
});

function leavesOf({ dtype, values }: Program): tf.Tensor[] {
  let at = 0;
  return shapes.map((shape) => {
    const size = shape.reduce((m: number, n) => m * n, 1);
    const elements = values.slice(at, at + size);
    at += size;
    return tf.constant(dtype === 'float32' ? Float32Array.from(elements) : Float64Array.from(elements), { shape });
  });
}

function made({ steps }: Program, leaves: readonly tf.Tensor[], see: (t: tf.Tensor) => void): [tf.Tensor[], string[]] {
  const values = [...leaves];
  const names: string[] = [];
  for (const [op, a, b] of steps) {
    const x = values[values.length - 1 - (a % values.length)] as tf.Tensor;
    const y = values[values.length - 1 - (b % values.length)] as tf.Tensor;
    const kind = op % (unary.length + binary.length);
    const of =
      kind < unary.length || !fits(x.shape, y.shape) || x.size * y.size >= 200
        ? unary[kind % unary.length]
        : binary[kind - unary.length];
    const [name, fn] = of as Named;
    const t = fn(x, y);
    names.push(name);
    see(t);
    values.push(t);
  }
  return [values.slice(leaves.length), names];
}

// Bits, but for the payload and sign of NaN.
function bits(t: tf.Tensor | null): string | null {
  if (t === null) return null;
  const dense = tf.convertToTensor(t);
  return `${dense.shape}: ${[...dense.dataSync()].map((v) => (Object.is(v, -0) ? '-0' : String(v))).join(' ')}`;
}

interface Outcome {
  readonly values: (string | null)[];
  readonly first: (string | null)[];
  readonly second: (string | null)[];
}

function outcome(program: Program, see: (t: tf.Tensor) => void): Outcome {
  const leaves = leavesOf(program);
  const outer = new tf.GradientTape({ persistent: true });
  const [values, first] = outer.record(() => {
    outer.watch(leaves);
    const inner = new tf.GradientTape();
    const targets = inner.record(() => {
      inner.watch(leaves);
      return made(program, leaves, see)[0];
    });
    const grads = inner.gradient(targets, leaves).map((g) => (g === null ? null : tf.convertToTensor(g)));
    for (const g of grads) if (g) see(g);
    return [targets, grads] as const;
  });
  const second = outer.gradient(
    first.filter((g) => g !== null),
    leaves,
  );
  return { values: values.map(bits), first: first.map(bits), second: second.map(bits) };
}

// Values and first gradients, with no other tape.
function alone(program: Program, see: (t: tf.Tensor) => void): (string | null)[][] {
  const leaves = leavesOf(program);
  const tape = new tf.GradientTape();
  const targets = tape.record(() => {
    tape.watch(leaves);
    return made(program, leaves, see)[0];
  });
  const grads = tape.gradient(targets, leaves);
  return [targets.map(bits), grads.map(bits)];
}

const look = (t: tf.Tensor): void => void t.dataSync();
const pass = (): void => undefined;

describe('looking changes nothing', () => {
  it('in random programs with zeros of both signs, infinities and NaN', { timeout: 120_000 }, () => {
    fc.assert(
      fc.property(programs, (program) => {
        const names = made(program, leavesOf(program), pass)[1].join(', ');
        const want = outcome(program, pass);
        expect(outcome(program, look), `looked at: ${names}`).toEqual(want);
        expect(
          eagerly(() => outcome(program, pass)),
          `eager: ${names}`,
        ).toEqual(want);
        const one = [want.values, want.first];
        expect(alone(program, pass), `alone: ${names}`).toEqual(one);
        expect(alone(program, look), `alone, looked at: ${names}`).toEqual(one);
        expect(
          eagerly(() => alone(program, pass)),
          `alone, eager: ${names}`,
        ).toEqual(one);
      }),
      { numRuns: repeated(300, 1200) },
    );
  });

  it.each([...unary, ...binary].map(([name, op]) => [name, op] as const))('at the operands of %s', (_, op) => {
    for (const values of [numbers.slice(0, 10), numbers.slice(4, 14), [0, -0, 0, -0, 0, -0, 0, -0, 0, -0]]) {
      const single: Program = { dtype: 'float32', values, steps: [] };
      const results = [pass, look].flatMap((see) =>
        [false, true].map((eager) => {
          const run = (): unknown => {
            const [, pair, one, scalar] = leavesOf(single) as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
            // Pending operands of every shape, with a pending cotangent.
            return [pair, one, scalar].map((leaf) => {
              const outer = new tf.GradientTape();
              const g = outer.record(() => {
                outer.watch(leaf);
                const inner = new tf.GradientTape();
                const y = inner.record(() => {
                  inner.watch(leaf);
                  const x = tf.add(leaf, 0);
                  const exponent = tf.mul(leaf, 2);
                  for (const t of [x, exponent]) see(t);
                  const r = op(x, exponent);
                  see(r);
                  return tf.mul(r, 3);
                });
                return inner.gradient(y, leaf);
              });
              return [bits(g), g === null ? null : bits(outer.gradient(g, leaf))];
            });
          };
          return eager ? eagerly(run) : run();
        }),
      );
      for (const result of results.slice(1)) expect(result).toEqual(results[0]);
    }
  });

  it('the gradient of pow by a tensor, known or not', () => {
    for (const exponent of [0, 1, 2, 3, 4, 0.5]) {
      const gradients = [false, true].map((looked) => {
        const x = tf.constant([0, -0, 2, 1.1, Number.NaN]);
        const y = tf.reduceMax(tf.constant([exponent, exponent]));
        if (looked) y.dataSync();
        const tape = new tf.GradientTape();
        const z = tape.record(() => {
          tape.watch(x);
          return tf.pow(x, y);
        });
        return bits(tape.gradient(z, x));
      });
      expect(gradients[1]).toBe(gradients[0]);
    }
  });

  it('the sign of a sum of zero cotangents', () => {
    const signs = [false, true].map((looked) => {
      const x = tf.constant(-0);
      const zero = tf.reduceMax(tf.constant([0, 0]));
      if (looked) zero.dataSync();
      const tape = new tf.GradientTape();
      const y = tape.record(() => {
        tape.watch(x);
        return tf.add(tf.mul(x, zero), tf.mul(x, tf.neg(zero)));
      });
      return bits(tape.gradient(y, x));
    });
    expect(signs[1]).toBe(signs[0]);
  });
});

describe('x^4 by repeated derivative at 0 is exact at every order', () => {
  const powers: Record<string, (x: tf.Tensor) => tf.Tensor> = {
    'by a number': (x) => tf.pow(x, 4),
    'by the method': (x) => x.pow(4),
    'in a formula': (x) => tf.expr`${x} ** 4`,
    'by a tensor': (x) => tf.pow(x, tf.constant(4, { dtype: x.dtype })),
    'by an exponent that is pending': (x) => tf.pow(x, tf.add(tf.constant(1, { dtype: x.dtype }), 3)),
    'as products': (x) => tf.mul(tf.mul(x, x), tf.square(x)),
    'as a square of squares': (x) => tf.square(tf.square(x)),
  };
  it.each(Object.keys(powers))('%s', (name) => {
    for (const dtype of ['float32', 'float64'] as const) {
      for (const looked of [false, true]) {
        const x = tf.constant(0, { dtype });
        const tape = new tf.GradientTape({ persistent: true });
        const orders = tape.record(() => {
          tape.watch(x);
          let y = (powers[name] as (x: tf.Tensor) => tf.Tensor)(x);
          return Array.from({ length: 7 }, (_, order) => {
            const value = y;
            if (looked) value.dataSync();
            // A product of constants is connected to nothing: its derivative is 0 as well.
            if (order < 6) y = tape.gradient(y, x, { unconnectedGradients: 'zero' });
            return value;
          });
        });
        expect(orders.slice(0, 6).map((t) => t.item())).toEqual([0, 0, 0, 0, 24, 0]);
      }
    }
  });

  it('with nested tapes, of vectors with other elements', () => {
    const x = tf.constant([0, 1, -2], { dtype: 'float64' });
    const want = [
      [0, 1, 16],
      [0, 4, -32],
      [0, 12, 48],
      [0, 24, -48],
      [24, 24, 24],
      [0, 0, 0],
    ];
    let f = (t: tf.Tensor): tf.Tensor => tf.pow(t, 4);
    for (const values of want) {
      expect(f(x).arraySync()).toEqual(values);
      const before = f;
      f = (t) => {
        const tape = new tf.GradientTape();
        const y = tape.record(() => {
          tape.watch(t);
          return before(t);
        });
        return tape.gradient(y, t) as tf.Tensor;
      };
    }
  });
});
