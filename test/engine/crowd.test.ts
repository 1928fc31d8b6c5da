// Values that nobody looks at: chains that are deep, and very many of them, are computed together and stay bounded; whoever looks is told.
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';
import { pendingChain } from '../../lib/engine/chain.js';
import { computedEver } from '../../lib/engine/job.js';
import { pendingBelow } from '../../lib/engine/recovery.js';
import { isKnown, pendingMade } from '../../lib/engine/tensor.js';
import { child, linux } from '../support/child.js';
import { eagerly } from '../support/settings.js';

/** Steps of states that are made of each other. */
function coupled(count: number, steps: number, size = 4): tf.Tensor[] {
  let states = Array.from({ length: count }, (_, i) => tf.fill([size], i / count));
  for (let k = 0; k < steps; k++) {
    const old = states;
    states = old.map((x, i) => tf.tanh(tf.add(tf.mul(x, 0.9), tf.mul(old[(i + 1) % count] as tf.Tensor, 0.1))));
  }
  return states;
}

describe('branches that nobody looks at', () => {
  it('are computed together when one of them is deep: no op twice', () => {
    const [made, computed] = [pendingMade, computedEver];
    const states = coupled(8, 1100);
    expect(computedEver - computed).toBeLessThanOrEqual(pendingMade - made);
    expect(pendingBelow(states).size).toBeLessThan(8 * 4 * 340);
    const { plans } = tf.memory();
    const values = states.map((x) => x.dataSync()[1]);
    expect(tf.memory().plans - plans).toBeLessThanOrEqual(8);
    expect(values).toEqual(eagerly(() => coupled(8, 1100).map((x) => x.dataSync()[1])));
  });

  it('are computed when they are many, though none is deep', () => {
    const states = coupled(500, 30);
    expect(pendingBelow(states).size).toBeLessThan(2 ** 15); // of 60,000 that were made
    expect(states.map((x) => x.dataSync()[1])).toEqual(eagerly(() => coupled(500, 30).map((x) => x.dataSync()[1])));
  });

  it('are left alone where computing them takes long: another thread may be asked', () => {
    const w = tf.random.normal([128, 128], { seed: 1, stddev: 0.08 });
    tf.evaluate(w);
    const { plans } = tf.memory();
    let x = w;
    for (let k = 0; k < 450; k++) x = tf.tanh(tf.matmul(x, w));
    let others = [x];
    for (let k = 0; k < 20_000; k++) others = [tf.add(x, k), ...others.slice(0, 9)];
    expect(tf.memory().plans).toBe(plans);
    expect(isKnown(x)).toBe(false);
    expect(pendingChain(x).depth).toBe(900);
  });
});

describe('a value that fails and that nobody looks at', () => {
  const failing = (): tf.Tensor => tf.gather([1, 2, 3], tf.cast(tf.mul(tf.reduceMax(tf.ones([4])), 7), 'int32'));

  it('is told where somebody looks, however long its chain', () => {
    for (const length of [10, 990, 1100, 5000]) {
      let x = failing();
      for (let k = 0; k < length; k++) x = tf.add(x, 1);
      expect(() => x.item(), `${length}`).toThrow('gather: index 7 is out of range');
    }
  });

  it('does not keep its neighbours from being computed together', () => {
    const bad = Array.from({ length: 5 }, failing);
    let states = [...bad, tf.constant(0.5), tf.constant(0.25)];
    const computed = computedEver;
    for (let k = 0; k < 1200; k++)
      states = states.map((x, i) => tf.add(x, states[(i + 1) % 2 === 0 ? i : 6] as tf.Tensor));
    expect(computedEver - computed).toBeLessThan(7 * 1200 * 4); // a program for each that fails
    expect((states[6] as tf.Tensor).item()).toBe(Number.POSITIVE_INFINITY);
    expect(() => (states[1] as tf.Tensor).item()).toThrow('gather: index 7 is out of range');
  });

  it('is not tried again and again, and neither is what depends on it', () => {
    const states: tf.Tensor[] = [...Array.from({ length: 6 }, failing), tf.constant(0.5)];
    const computed = computedEver;
    for (let k = 0; k < 6000; k++) for (let i = 0; i < 7; i++) states[i] = tf.add(states[i] as tf.Tensor, 1);
    expect(computedEver - computed).toBeLessThan(2 * 7 * 6000); // 6 at once, each time: more than ten times as many
    expect((states[6] as tf.Tensor).item()).toBe(6000.5);
    for (const x of states.slice(0, 6)) expect(() => x.item()).toThrow('gather: index 7 is out of range');
  });

  it('does not fail what applies gradients', () => {
    const [a, b] = [new tf.Variable(1), new tf.Variable(1)];
    let g = failing();
    for (let k = 0; k < 1200; k++) g = tf.add(g, 0);
    new tf.optimizers.SGD(0.1).applyGradients([
      [tf.constant(1), a],
      [tf.reshape(g, []), b],
    ]);
    expect(a.item()).toBeCloseTo(0.9);
    expect(() => b.item()).toThrow('gather: index 7');
    expect(b.item()).toBe(1);
  });
});

it.runIf(linux)(
  'what nobody has looked at is bounded',
  async () => {
    const [peak] = await child<number[]>(`
    let xs = Array.from({ length: 1000 }, (_, i) => tf.fill([16], i / 1000));
    for (let k = 0; k < 300; k++) xs = xs.map((x) => tf.tanh(tf.add(x.mul(0.9), 0.1)));
    done([status('VmHWM') / 1024]);`);
    expect(peak).toBeLessThan(260);
  },
  60_000,
);
