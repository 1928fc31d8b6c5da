// Laziness: when values are computed, long and wide graphs, and empty tensors.
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';
import { kMostDepth, pendingChain } from '../../lib/engine/chain.js';
import { restoreSettings } from '../support/settings.js';
import { pending } from '../support/tensors.js';

restoreSettings();

describe('laziness', () => {
  it('nothing is computed before it is looked at, and then once', () => {
    const x = tf.constant([0.5, 1.5, 2.5]);
    const start = tf.memory().plans;
    const y = tf.reduceSum(tf.exp(tf.matmul(tf.reshape(x, [1, 3]), tf.reshape(x, [3, 1]))));
    expect(tf.memory().plans).toBe(start);
    const first = y.item();
    expect(tf.memory().plans).toBe(start + 1);
    expect(y.item()).toBe(first);
    expect(y.dataSync()[0]).toBe(first);
    expect(tf.memory().plans).toBe(start + 1);
  });

  it('the same structure is planned once, whatever the numbers', () => {
    const step = (a: number): number => tf.reduceSum(tf.mul(tf.tanh([a, a + 1, a + 2]), a)).item();
    step(1);
    const plans = tf.memory().plans;
    for (let i = 2; i < 50; i++) step(i);
    expect(tf.memory().plans).toBe(plans);
  });

  it('a look at how long a chain is corrects all of it, so that the next op need not look again', () => {
    const chain = [tf.tanh([1, 2, 3])];
    for (let i = 1; i < 900; i++) chain.push(tf.add(chain[i - 1] as tf.Tensor, 1));
    tf.evaluate(chain[600] as tf.Tensor);
    expect((chain[899] as tf.Tensor).depth).toBe(900); // as it was made
    expect(pendingChain(chain[899] as tf.Tensor).depth).toBe(299);
    for (const i of [601, 700, 899]) expect((chain[i] as tf.Tensor).depth).toBe(i - 600);
  });

  it('evaluate computes several values in one program', () => {
    const a = tf.exp([1, 2]);
    const b = tf.mul(a, 3);
    const c = tf.reduceSum(a);
    const plans = tf.memory().plans;
    tf.evaluate(a, b, c);
    expect(tf.memory().plans).toBe(plans + 1);
    expect([...a.dataSync(), ...b.dataSync(), c.item()]).toHaveLength(5);
    expect(tf.memory().plans).toBe(plans + 1);
  });

  it('a chain that nobody looks at is computed before it grows without bound', () => {
    const plans = tf.memory().plans;
    let x = tf.constant([1, 2, 3, 4, 5, 6, 7]);
    for (let i = 0; i < 5000; i++) x = tf.sub(x, 1);
    expect(tf.memory().plans).toBeGreaterThan(plans);
    expect(x.dataSync()[6]).toBe(7 - 5000);
  });

  it('a chain that takes long may grow on, since another thread may be asked for it, but has an end too', () => {
    const w = tf.random.normal([256, 256], { seed: 1, stddev: 0.06 });
    tf.evaluate(w);
    const { plans } = tf.memory();
    let product = w;
    for (let i = 0; i < 600; i++) product = tf.tanh(tf.matmul(product, w));
    expect(tf.memory().plans).toBe(plans);
    expect(pendingChain(product)).toEqual({ depth: 1200, count: 1200, work: 600 * (256 ** 3 + 256 ** 2) });

    let x = tf.add(tf.constant(new Float32Array(34_000)), 1);
    for (let i = 0; i < kMostDepth; i++) x = tf.sub(x, 1);
    expect(tf.memory().plans).toBe(plans + 1);
    expect(x.dataSync()[33_999]).toBe(1 - kMostDepth);
  });

  it('the work of a chain counts what is shared once', () => {
    let x = tf.tanh(tf.constant([1, 2, 3]));
    for (let i = 0; i < 20; i++) x = tf.add(tf.sin(x), tf.cos(x));
    expect(pendingChain(x)).toEqual({ depth: 41, count: 61, work: 61 * 3 });
  });

  it('mistakes are found at the call', () => {
    expect(() => tf.add(tf.exp([1, 2, 3]), tf.exp([1, 2]))).toThrow(tf.ShapeError);
  });

  it('eager computes each op at its call', () => {
    tf.config.eager = true;
    const plans = tf.memory().plans;
    tf.sub(tf.tan([1, 2, 3, 4, 5]), 7);
    expect(tf.memory().plans).toBeGreaterThan(plans);
  });
});

describe('long and wide graphs', () => {
  it('a chain of 100,000 ops', () => {
    let x = tf.constant([0, 1]);
    for (let i = 0; i < 100_000; i++) x = tf.add(x, 1);
    expect(x.arraySync()).toEqual([100_000, 100_001]);
  });

  it('a chain of 100,000 ops of scalars', () => {
    let x = tf.constant(0);
    for (let i = 0; i < 100_000; i++) x = tf.add(x, 1);
    expect(x.item()).toBe(100_000);
  });

  it('a value that is read twice by each of 500 ops takes 500 steps, not 2^500', () => {
    let x = pending([1, 1]);
    for (let i = 0; i < 500; i++) x = tf.mul(tf.add(x, x), 0.5);
    expect(x.arraySync()).toEqual([1, 1]);
  });

  it('20,000 operands of one op, each pending', () => {
    const parts = Array.from({ length: 20_000 }, (_, i) => tf.add(tf.constant([i]), 1));
    const sum = tf.reduceSum(tf.concat(parts, 0));
    expect(sum.item()).toBe(Math.fround(20_000 * 10_000.5));
  });

  it('a tree of 16,384 leaves', () => {
    let level = Array.from({ length: 16_384 }, (_, i) => tf.constant(i % 3));
    while (level.length > 1) {
      level = Array.from({ length: level.length / 2 }, (_, i) =>
        tf.add(level[2 * i] as tf.Tensor, level[2 * i + 1] as tf.Tensor),
      );
    }
    expect(level[0]?.item()).toBe(Array.from({ length: 16_384 }, (_, i) => i % 3).reduce((a, b) => a + b, 0));
  });

  it('1,000 values asked for at once', () => {
    const x = pending([1, 2, 3]);
    const values = Array.from({ length: 1000 }, (_, i) => tf.mul(x, i));
    tf.evaluate(values);
    expect(values.map((t) => t.dataSync()[2])).toEqual(Array.from({ length: 1000 }, (_, i) => 3 * i));
  });
});

describe('empty tensors', () => {
  const e = tf.zeros([0, 3]);

  it('go through every kind of op', () => {
    expect(tf.add(e, tf.ones([3])).shape).toEqual([0, 3]);
    expect(tf.exp(pending(e)).arraySync()).toEqual([]);
    expect(tf.reduceSum(e).item()).toBe(0);
    expect(tf.reduceSum(pending(e), 0).arraySync()).toEqual([0, 0, 0]);
    expect(tf.reduceProd(e, 0).arraySync()).toEqual([1, 1, 1]);
    expect(tf.reduceMax(e, 0).arraySync()).toEqual([-Infinity, -Infinity, -Infinity]);
    expect(tf.reduceMin(tf.zeros([2, 0], { dtype: 'int32' }), 1).arraySync()).toEqual([2 ** 31 - 1, 2 ** 31 - 1]);
    expect(tf.reduceMean(e).item()).toBe(Number.NaN);
    expect(tf.reduceAll(tf.zeros([0], { dtype: 'bool' })).arraySync()).toBe(true);
    expect(tf.matmul(tf.zeros([2, 0]), tf.zeros([0, 3])).arraySync()).toEqual([
      [0, 0, 0],
      [0, 0, 0],
    ]);
    expect(tf.matmul(pending(e), tf.ones([3, 2])).shape).toEqual([0, 2]);
    expect(tf.concat([e, tf.ones([1, 3])], 0).arraySync()).toEqual([[1, 1, 1]]);
    expect(tf.concat([e, e], 1).shape).toEqual([0, 6]);
    expect(tf.transpose(pending(e)).shape).toEqual([3, 0]);
    expect(tf.transpose(pending(e)).dataSync()).toHaveLength(0);
    expect(tf.reshape(e, [3, 0, 5]).arraySync()).toEqual([[], [], []]);
    expect(tf.gather(pending(tf.ones([2, 3])), tf.zeros([0], { dtype: 'int32' })).shape).toEqual([0, 3]);
    expect(tf.argmax(e, 1).arraySync()).toEqual([]);
    expect(tf.nn.softmax(e).dataSync()).toHaveLength(0);
    expect(
      tf
        .pad(e, [
          [1, 0],
          [0, 0],
        ])
        .arraySync(),
    ).toEqual([[0, 0, 0]]);
    expect(tf.at(pending(tf.ones([3])), '3:').arraySync()).toEqual([]);
    expect(tf.tile(tf.ones([2]), [0]).arraySync()).toEqual([]);
    expect(tf.where(tf.zeros([0], { dtype: 'bool' }), 1, 2).dataSync()).toHaveLength(0);
    expect(tf.random.normal([0]).dataSync()).toHaveLength(0);
    expect(tf.random.shuffle(e).shape).toEqual([0, 3]);
    expect(tf.cast(pending(e), 'int32').dataSync()).toHaveLength(0);
    expect(tf.oneHot(tf.zeros([0], { dtype: 'int32' }), 3).shape).toEqual([0, 3]);
    expect(tf.split(e, 3, 1).map((t) => t.shape)).toEqual([
      [0, 1],
      [0, 1],
      [0, 1],
    ]);
    expect(tf.booleanMask([1, 2], [false, false]).arraySync()).toEqual([]);
  });

  it('have empty gradients', () => {
    const tape = new tf.GradientTape();
    const y = tape.record(() => {
      tape.watch(e);
      return tf.reduceSum(tf.mul(tf.exp(e), tf.ones([3])));
    });
    expect(tape.gradient(y, e)?.shape).toEqual([0, 3]);
  });
});
