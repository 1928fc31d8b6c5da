// Attention: in blocks it gives what it gives at once, in memory that grows with its operands; masks, dropout, and what it refuses.
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';

const attention = tf.nn.scaledDotProductAttention;
const normal = (shape: readonly number[], seed: number, dtype: tf.DType = 'float64'): tf.Tensor =>
  tf.random.normal(shape, { seed, dtype });

/** The same by its definition. `added`: to the logits; `seen`: which keys count. */
function plain(q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, added?: tf.Tensor, seen?: tf.Tensor): tf.Tensor {
  let logits = tf.matmul(q, k, { transposeB: true }).mul((q.shape.at(-1) as number) ** -0.5);
  if (added) logits = logits.add(added);
  if (seen) logits = tf.where(seen, logits, -1e300);
  return tf.matmul(tf.nn.softmax(logits), v);
}

function valueAndGradients(f: (xs: tf.Tensor[]) => tf.Tensor, xs: tf.Tensor[], ct: tf.Tensor): tf.Tensor[] {
  const tape = new tf.GradientTape();
  const out = tape.record(() => {
    tape.watch(xs);
    return f(xs);
  });
  return [out, ...(tape.gradient(out, xs, { outputGradients: ct }) as tf.Tensor[])];
}

function close(got: readonly tf.Tensor[], want: readonly tf.Tensor[]): void {
  expect(got.length).toBe(want.length);
  got.forEach((t, i) => {
    expect(t.shape).toEqual((want[i] as tf.Tensor).shape);
    const apart = tf.reduceMax(tf.abs(t.sub(want[i] as tf.Tensor))).item();
    expect(apart, `result ${i}`).toBeLessThan(1e-11);
  });
}

describe('in several blocks it gives what it gives at once', () => {
  // The batch alone is split; queries too; batch, of unequal parts.
  it.each([
    [5, 300, 300],
    [2, 600, 700],
    [70, 64, 96],
  ])('%i x %i x %i', (batch, queries, keys) => {
    const xs = [normal([batch, queries, 3], 1), normal([batch, keys, 3], 2), normal([batch, keys, 2], 3)];
    const ct = normal([batch, queries, 2], 4);
    const both = (mine: (xs: tf.Tensor[]) => tf.Tensor, other: (xs: tf.Tensor[]) => tf.Tensor, of = xs): void =>
      close(valueAndGradients(mine, of, ct), valueAndGradients(other, of, ct));
    both(
      ([q, k, v]) => attention(q as tf.Tensor, k as tf.Tensor, v as tf.Tensor),
      ([q, k, v]) => plain(q as tf.Tensor, k as tf.Tensor, v as tf.Tensor),
    );
    const lower = tf.greaterEqual(tf.reshape(tf.range(queries), [queries, 1]), tf.range(keys));
    both(
      ([q, k, v]) => attention(q as tf.Tensor, k as tf.Tensor, v as tf.Tensor, { isCausal: true }),
      ([q, k, v]) => plain(q as tf.Tensor, k as tf.Tensor, v as tf.Tensor, undefined, lower),
    );
    for (const shape of [
      [queries, keys],
      [batch, 1, keys],
      [queries, 1],
      [1, keys],
    ]) {
      const mask = normal(shape, 5);
      both(
        ([q, k, v, m]) => attention(q as tf.Tensor, k as tf.Tensor, v as tf.Tensor, { mask: m as tf.Tensor }),
        ([q, k, v, m]) => plain(q as tf.Tensor, k as tf.Tensor, v as tf.Tensor, m as tf.Tensor),
        [...xs, mask],
      );
      const seen = tf.greater(mask, -1.5);
      both(
        ([q, k, v]) => attention(q as tf.Tensor, k as tf.Tensor, v as tf.Tensor, { mask: seen, isCausal: true }),
        ([q, k, v]) => {
          const shown = tf.logicalAnd(seen, lower);
          const any = tf.reduceAny(shown, -1, { keepdims: true });
          return tf.where(any, plain(q as tf.Tensor, k as tf.Tensor, v as tf.Tensor, undefined, shown), 0);
        },
      );
    }
  });
});

it('takes memory in proportion to its operands, with gradients', () => {
  const arena = (length: number): number => {
    tf.clearMemory();
    const xs = [1, 2, 3].map((seed) => normal([1, length, 16], seed, 'float32'));
    tf.evaluate(xs);
    const ones = tf.ones([1, length, 16]);
    tf.evaluate(valueAndGradients(([q, k, v]) => attention(q as tf.Tensor, k as tf.Tensor, v as tf.Tensor), xs, ones));
    return tf.memory().arenaBytes;
  };
  arena(512);
  const long = arena(8192);
  tf.clearMemory();
  expect(long).toBeLessThan((8192 * 8192 * 4) / 4); // the weights would take four times that
});

it('a query that sees no key gets zeros, and gives none', () => {
  const xs = [normal([2, 3], 1), normal([4, 3], 2), normal([4, 2], 3)];
  const mask = tf.constant([
    [true, false, true, true],
    [false, false, false, false],
  ]); // prettier-ignore
  const [out, q] = valueAndGradients(
    ([a, b, c]) => attention(a as tf.Tensor, b as tf.Tensor, c as tf.Tensor, { mask }),
    xs,
    tf.ones([2, 2], { dtype: 'float64' }),
  );
  expect(out?.at(1).arraySync()).toEqual([0, 0]);
  expect(q?.at(1).arraySync()).toEqual([0, 0, 0]);
});

describe('dropout', () => {
  it('leaves out the share of weights that it says, in every block, and scales the others', () => {
    // Keys of zeros: all weights are 1 / keys, and the result of values 1 is the sum of those that stay.
    const keys = 1500;
    const q = tf.zeros([1, 600, 2]);
    const out = attention(q, tf.zeros([1, keys, 2]), tf.ones([1, keys, 1]), { dropout: 0.3, seed: 1 });
    expect(tf.reduceMean(out).item()).toBeCloseTo(1, 2);
    const spread = Math.sqrt(0.3 / 0.7 / keys);
    expect(tf.reduceStd(out).item()).toBeGreaterThan(0.9 * spread);
    expect(tf.reduceStd(out).item()).toBeLessThan(1.1 * spread);
  });

  it('the gradient has the same weights left out', () => {
    const [q, k] = [tf.zeros([1, 600, 2]), tf.zeros([1, 700, 2])];
    const v = tf.ones([1, 700, 1]);
    const call = ([x]: tf.Tensor[]): tf.Tensor => attention(q, k, x as tf.Tensor, { dropout: 0.5, seed: 7 });
    const [out, of] = valueAndGradients(call, [v], tf.ones([1, 600, 1]));
    // The result is linear in the values: its sum is the sum of their gradients.
    expect(tf.reduceSum(of as tf.Tensor).item()).toBeCloseTo(tf.reduceSum(out as tf.Tensor).item(), 2);
    // How often a key was left out.
    const counts = tf.reduceSum(of as tf.Tensor, [0, 2]).mul(350);
    expect(tf.reduceAll(tf.less(tf.abs(counts.sub(tf.round(counts))), 0.01)).item()).toBe(1);
  });

  it('draws from the shared stream, which goes on behind it', () => {
    const x = normal([1, 600, 2], 1);
    tf.random.setSeed(5);
    const first = attention(x, x, x, { dropout: 0.5 });
    const second = attention(x, x, x, { dropout: 0.5 });
    const after = tf.random.getState();
    tf.random.setSeed(5);
    expect(attention(x, x, x, { dropout: 0.5 }).arraySync()).toEqual(first.arraySync());
    expect(second.arraySync()).not.toEqual(first.arraySync());
    attention(x, x, x, { dropout: 0.5 });
    expect(tf.random.getState()).toEqual(after);
  });
});

describe('errors', () => {
  const [q, k, v] = [tf.ones([2, 3, 4]), tf.ones([2, 5, 4]), tf.ones([2, 5, 6])];
  const bad = (value: unknown): never => value as never;
  const cases: [string, () => unknown, string, RegExp][] = [
    ['depths that differ', () => attention(q, tf.ones([2, 5, 3]), v), 'ERR_SHAPE', /got \[2, 3, 4\], \[2, 5, 3\]/],
    ['keys without values', () => attention(q, k, tf.ones([2, 4, 6])), 'ERR_SHAPE', /expected query \[\.\.\., queries/],
    ['vectors', () => attention(tf.ones([4]), k, v), 'ERR_SHAPE', /got \[4\]/],
    ['batches', () => attention(tf.ones([3, 3, 4]), k, v), 'ERR_SHAPE', /do not broadcast: 3 and 2 differ/],
    ['integers', () => attention(q.cast('int32'), k.cast('int32'), v.cast('int32')), 'ERR_DTYPE', /got int32/],
    ['dtypes', () => attention(q, k.cast('float64'), v), 'ERR_DTYPE', /cast\(query, 'float64'\)/],
    [
      'a mask that is too large',
      () => attention(q, k, v, { mask: tf.ones([1, 1, 3, 5]) }),
      'ERR_SHAPE',
      /\[1, 1, 3, 5\]/,
    ],
    [
      'a mask of another length',
      () => attention(q, k, v, { mask: tf.ones([3, 4]) }),
      'ERR_SHAPE',
      /mask \[3, 4\] does not/,
    ],
    [
      'a mask of integers',
      () => attention(q, k, v, { mask: tf.ones([3, 5]).cast('int32') }),
      'ERR_DTYPE',
      /mask must be bool/,
    ],
    ['a mask that is none', () => attention(q, k, v, { mask: bad('causal') }), 'ERR_NOT_A_TENSOR', /mask/],
    [
      'another name',
      () => attention(q, k, v, bad({ causal: true })),
      'ERR_OPTION',
      /unknown option causal; did you mean isCausal/,
    ],
    ['dropout of all', () => attention(q, k, v, { dropout: 1 }), 'ERR_OPTION', /dropout must be .* got 1/],
    ['scale', () => attention(q, k, v, { scale: Number.NaN }), 'ERR_OPTION', /scale must be a finite number, got NaN/],
    [
      'an argument behind',
      () => (attention as never as (...xs: unknown[]) => void)(q, k, v, {}, 1),
      'ERR_OPTION',
      /behind/,
    ],
  ];
  it.each(cases)('%s', (_, fn, code, message) => {
    expect(fn).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }));
    expect(fn).toThrow(/^nn\.scaledDotProductAttention: /);
  });
});

it('takes a nest of booleans as a mask of bool, not as numbers', () => {
  const q = tf.ones([1, 3, 2]);
  const v = tf.constant([[[1], [2], [6]]]);
  const seen = [
    [true, false, false],
    [true, true, false],
    [true, true, true],
  ];
  const causal = tf.nn.scaledDotProductAttention(q, q, v, { isCausal: true }).arraySync();
  expect(tf.nn.scaledDotProductAttention(q, q, v, { mask: seen }).arraySync()).toEqual(causal);
});
