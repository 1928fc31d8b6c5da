// Large copies of elements that are known already are made on another thread: the caller's goes on.
import { setImmediate as turn } from 'node:timers/promises';
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';

const kLarge = 3_000_000; // 12 MB

function known(): tf.Tensor {
  const t = tf.random.normal([kLarge], { seed: 1 });
  tf.evaluate(t);
  return t;
}

describe('data() of a large known tensor', () => {
  it.each([
    ['computed elements', known],
    ['a constant', () => tf.constant(new Float64Array(kLarge).fill(1, 7))],
    ['one number', () => tf.fill([kLarge], 2.5)],
    ['one number of one byte', () => tf.cast(tf.ones([5_000_001]), 'bool')],
    ['a NaN', () => tf.fill([kLarge], Number.NaN)],
    ['a variable', () => new tf.Variable(known())],
  ])('has the bits of dataSync(): %s', async (_, make) => {
    const t = make();
    const [now, later] = [t.dataSync(), await t.data()];
    expect(later.constructor).toBe(now.constructor);
    expect(later.length).toBe(now.length);
    expect(Buffer.compare(Buffer.from(later.buffer), Buffer.from(now.buffer, 0, now.byteLength)) === 0).toBe(true);
  });

  it('is a copy that the caller owns', async () => {
    const t = known();
    const copy = await t.data();
    copy.fill(0);
    expect((await t.data())[0]).not.toBe(0);
  });

  it('has the value at the call, whatever is assigned meanwhile', async () => {
    const v = new tf.Variable(known());
    for (let k = 0; k < 4; k++) {
      v.assignAdd(1);
      const expected = v.dataSync();
      const reading = v.data();
      for (let i = 0; i < 3; i++) {
        v.assign(tf.mul(v, 2)); // written in place, where nobody else reads the old value
        tf.evaluate(v);
      }
      expect(Buffer.compare(Buffer.from((await reading).buffer), Buffer.from(expected.buffer))).toBe(0);
    }
  });

  it('has the value at the call, whatever rows of a variable are written meanwhile', async () => {
    const v = new tf.Variable(tf.reshape(known(), [kLarge / 10, 10]));
    const rows = tf.range(kLarge / 10 - 1000, kLarge / 10); // those that are copied last
    for (let k = 0; k < 4; k++) {
      const expected = v.dataSync();
      const reading = v.data();
      for (let i = 0; i < 3; i++) {
        v.scatterUpdate(new tf.IndexedSlices(tf.fill([1000, 10], k + i), rows, v.shape));
        tf.evaluate(v);
      }
      expect(Buffer.compare(Buffer.from((await reading).buffer), Buffer.from(expected.buffer))).toBe(0);
    }
  });

  it('of an old value of a variable, whose rows were written over: not copied at the call', async () => {
    const v = new tf.Variable(tf.reshape(known(), [kLarge / 10, 10]));
    const olds: [tf.Tensor, Float32Array][] = [];
    for (let k = 0; k < 4; k++) {
      olds.push([v.value(), v.dataSync()]);
      v.scatterUpdate(
        new tf.IndexedSlices(tf.fill([2, 10], k), tf.constant([k, 2 * k + 1], { dtype: 'int32' }), v.shape),
      );
      tf.evaluate(v);
    }
    const readings = olds.map(([old]) => old.data());
    const buffers = olds.map(([old]) => old.buffer as unknown as { hasPassed: boolean });
    expect(buffers.map(({ hasPassed }) => hasPassed)).toEqual([true, true, true, true]);
    for (const [old] of olds.slice(2, 3)) old.dataSync(); // gets a copy of its own meanwhile
    for (const [k, reading] of readings.entries()) {
      const expected = (olds[k] as [tf.Tensor, Float32Array])[1];
      expect(Buffer.compare(Buffer.from((await reading).buffer), Buffer.from(expected.buffer))).toBe(0);
    }
  });

  it('does not stop the event loop, and ends when it is aborted', async () => {
    const t = known();
    let turns = 0;
    let ended = false;
    const all = Promise.all(Array.from({ length: 8 }, () => t.data())).finally(() => {
      ended = true;
    });
    while (!ended) {
      await turn();
      turns++;
    }
    await all;
    expect(turns).toBeGreaterThan(1);
    const abort = new AbortController();
    const reading = t.data({ signal: abort.signal });
    abort.abort(new Error('no longer'));
    expect(await reading.then(() => 'all of it', String)).toBe('Error: no longer');
    expect((await t.data())[5]).toBe(t.dataSync()[5]);
  });
});
