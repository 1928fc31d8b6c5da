// Derivatives of every op along tangents, at orders 2 and 3: reverse and forward mode in any order, one within the other, give the same.
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';
import { hiddenCases, type OpCases, opCases, type SampleCase, sample } from '../ops/op-cases.js';
import { numbers } from '../support/numbers.js';

type Scalar = (xs: tf.Tensor[]) => tf.Tensor;

const zeros = { unconnectedGradients: 'zero' } as const;

/** The derivative of f along tangents of its operands, by reverse (r) or forward mode (f). */
const along = {
  r: (f: Scalar, tangents: readonly tf.Tensor[]): Scalar => {
    return (xs) => {
      const tape = new tf.GradientTape();
      const y = tape.record(() => {
        tape.watch(xs);
        return f(xs);
      });
      return tape
        .gradient(y, xs, zeros)
        .map((g, k) => tf.reduceSum(tf.mul(g, tangents[k] as tf.Tensor)))
        .reduce((a, b) => tf.add(a, b));
    };
  },
  f: (f: Scalar, tangents: readonly tf.Tensor[]): Scalar => {
    return (xs) => {
      const accumulator = new tf.ForwardAccumulator(xs, [...tangents]);
      return accumulator.jvp(
        accumulator.record(() => f(xs)),
        zeros,
      );
    };
  },
};

/** The modes, the outermost first. */
const mixtures = ['rr', 'rf', 'fr', 'ff', 'rrr', 'rrf', 'rfr', 'frr', 'rff', 'frf', 'ffr', 'fff'];

/** A scalar whose derivatives depend on every element of the op's result, and on operands that are functions of its own. */
function curved({ call }: SampleCase, sampled: readonly tf.Tensor[]): Scalar {
  const at = sampled.map((x) => tf.identity(x)); // to tapes and accumulators these are constants
  return (xs) => {
    // The values are those that were sampled, so they stay in the op's domain.
    const moved = xs.map((x, k) => tf.add(x, tf.square(tf.sub(x, at[k] as tf.Tensor))));
    const y = call(...moved);
    return tf.reduceSum(tf.mul(tf.sin(y), tf.random.uniform(y.shape, { dtype: 'float64', seed: 1, minval: 0.5 })));
  };
}

/** What f gives, or the code of its error where a third derivative is not known. */
function outcomeOf(f: () => number): number | string {
  try {
    return f();
  } catch (error) {
    if (error instanceof tf.GradtapeError && /third derivative .* is not known/.test(error.message)) return error.code;
    throw error;
  }
}

function agree(a: number | string, b: number | string): boolean {
  if (typeof a === 'string' || typeof b === 'string') return a === b;
  return Math.abs(a - b) <= 1e-8 * Math.max(1, Math.abs(b));
}

const every = [...opCases, ...hiddenCases].flatMap(([name, op]): { name: string; op: OpCases }[] =>
  op ? [{ name, op }] : [],
);

describe('the derivatives of every op at orders 2 and 3 are the same by any mixture of modes', () => {
  it.each(every)('$name', ({ name, op }) => {
    const next = numbers(name.length * 613 + name.charCodeAt(0));
    for (const [i, one] of op.cases.entries()) {
      const xs = one.shapes.map((shape, k) => sample(op, shape, k, next));
      if (xs.length === 0) continue;
      const tangents = [0, 1, 2].map((order) =>
        xs.map((x, k) => tf.random.uniform(x.shape, { dtype: 'float64', seed: 10 * order + k, minval: -1 })),
      );
      const found = mixtures.map((mixture) => {
        const inwards = [...mixture].reverse() as (keyof typeof along)[];
        const f = inwards.reduce((g, mode, order) => along[mode](g, tangents[order] ?? []), curved(one, xs));
        return { mixture, value: outcomeOf(() => f(xs).item()) };
      });
      for (const order of [2, 3]) {
        const same = found.filter(({ mixture }) => mixture.length === order);
        const want = same[0]?.value ?? Number.NaN;
        const off = same.filter(({ value }) => !agree(value, want));
        expect(off, `${name}, case ${i}: by ${'r'.repeat(order)} it is ${want}`).toEqual([]);
      }
    }
  });
});
