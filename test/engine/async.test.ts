// Asynchronous evaluations: the order in which they run, what an AbortSignal does in each of their states, and that they take
// nothing from anybody else: no thread of libuv's pool, no process's life.
import { getEventListeners } from 'node:events';
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';
import { forget as forgetLessons } from '../../lib/engine/lessons.js';
import { isKnown } from '../../lib/engine/tensor.js';
import { child, jsonOf, plain, runChild } from '../support/child.js';
import { restoreSettings } from '../support/settings.js';
import { pending } from '../support/tensors.js';
import { repeated } from '../support/thorough.js';

restoreSettings();

const matrix = tf.random.normal([400, 400], { seed: 1 });

/** A pending number that takes some tens of milliseconds. */
function long(): tf.Tensor {
  let x: tf.Tensor = matrix;
  for (let k = 0; k < 12; k++) x = tf.matmul(x, matrix).mul(0.05);
  return tf.reduceSum(x);
}

function failing(): tf.Tensor {
  return tf.gather([1, 2, 3], pending(tf.constant([7, 7], { dtype: 'int32' })));
}

async function reasonOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => 'computed',
    (reason: unknown) => reason,
  );
}

const nextTick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the order of asynchronous evaluations', () => {
  it('with one thread is that of their calls', async () => {
    tf.config.asyncThreads = 1;
    const order: number[] = [];
    const work = (k: number): tf.Tensor => (k % 3 === 0 ? long() : tf.add([1, 2, 3], k));
    await Promise.all(
      Array.from({ length: 12 }, (_, k) =>
        work(k)
          .data()
          .then(() => order.push(k)),
      ),
    );
    expect(order).toEqual(Array.from({ length: 12 }, (_, k) => k));
  });

  it.runIf(plain)('short ones are not stuck behind long ones', async () => {
    const count = tf.config.asyncThreads + 3;
    let ended = 0;
    const longs = Array.from({ length: count }, () => tf.evaluateAsync(long()).then(() => ended++));
    const before: number[] = [];
    for (let k = 0; k < 5; k++) {
      expect([...(await tf.add([1, 2], k).data())]).toEqual([1 + k, 2 + k]);
      before.push(ended);
    }
    await Promise.all(longs);
    // With one thread for all they would be behind every long one.
    expect(Math.min(...before)).toBeLessThan(count);
    expect(before[0]).toBe(0);
    expect(ended).toBe(count);
  });

  it('of more than may be with the addon is kept, and what waits is aborted as what has begun', async () => {
    tf.config.asyncThreads = 1;
    const order: number[] = [];
    const controller = new AbortController();
    const { signal } = controller;
    const aborted: Promise<unknown>[] = [];
    const values: Promise<unknown>[] = [];
    const v = new tf.Variable(0);
    for (let k = 0; k < 2000; k++) {
      v.assign(k);
      if (k % 3 === 0) aborted.push(reasonOf(v.add(pending(tf.constant(0.5))).data({ signal })));
      else
        values.push(
          v
            .add(pending(tf.constant(0.25)))
            .data()
            .then(([n]) => {
              order.push(n as number);
            }),
        );
    }
    // A look meanwhile, and an assignment that a call must bring along.
    const w = new tf.Variable([1, 1]);
    w.assign(w.add(pending([1, 2])));
    const evaluated = tf.evaluateAsync(w);
    expect(w.value().arraySync()).toEqual([2, 3]);
    controller.abort(new Error('enough'));
    for (const reason of await Promise.all(aborted)) expect(reason).toMatchObject({ message: 'enough' });
    await Promise.all(values);
    await evaluated;
    expect(order).toEqual(Array.from({ length: 2000 }, (_, k) => k + 0.25).filter((_, k) => k % 3 !== 0));
    expect(getEventListeners(signal, 'abort').length).toBe(0);
  });

  it('is not mistaken by what was known before its turn, by failures, or by variables that change', async () => {
    const shared = tf.add([1, 2], pending([3, 4]));
    const v = new tf.Variable([1, 1], { name: 'table' });
    const all: Promise<unknown>[] = [];
    for (let k = 0; k < 1200; k++) {
      if (k % 100 === 50) all.push(reasonOf(failing().add(k).data()));
      else if (k % 100 === 60) {
        v.assign(v.add(pending([1, 1])));
        all.push(tf.evaluateAsync(v).then(() => undefined));
      } else all.push(shared.array());
    }
    // In place, if nobody else were to read it.
    v.assign(v.add(pending([1, 1])));
    const last = v.value().arraySync();
    const results = await Promise.all(all);
    results.forEach((result, k) => {
      if (k % 100 === 50) expect(result).toMatchObject({ code: 'ERR_INDEX' });
      else if (k % 100 === 60) expect(result).toBeUndefined();
      else expect(result).toEqual([4, 6]);
    });
    expect(last).toEqual([14, 14]);
    expect(v.value().arraySync()).toEqual([14, 14]);
  });

  it('goes on while the number of threads changes', async () => {
    const values: Promise<number>[] = [];
    for (let k = 0; k < 60; k++) {
      tf.config.asyncThreads = 1 + (k % 4);
      const x = k % 10 === 0 ? long().mul(0) : tf.constant(0).add(pending(tf.constant(0)));
      values.push(
        x
          .add(k)
          .data()
          .then(([n]) => n as number),
      );
    }
    expect(await Promise.all(values)).toEqual(Array.from({ length: 60 }, (_, k) => k));
  });
});

describe('an AbortSignal', () => {
  const ways: [string, (t: tf.Tensor, signal: AbortSignal) => Promise<unknown>][] = [
    ['data', (t, signal) => t.data({ signal })],
    ['array', (t, signal) => t.array({ signal })],
    ['evaluateAsync', (t, signal) => tf.evaluateAsync([t], { signal })],
  ];

  it.each(ways)('that is aborted before: %s rejects with its reason and computes nothing', async (_, way) => {
    const t = long();
    const reason = new Error('mine');
    expect(await reasonOf(way(t, AbortSignal.abort(reason)))).toBe(reason);
    expect(await reasonOf(way(t, AbortSignal.abort()))).toMatchObject({ name: 'AbortError' });
    expect(await reasonOf(way(t, AbortSignal.abort(0)))).toBe(0);
    expect(isKnown(t)).toBe(false);
    expect(await reasonOf(way(tf.constant([1]), AbortSignal.abort(reason)))).toBe(reason);
  });

  it.each(ways)('aborted while it waits: %s rejects at once, and it is dropped', async (_, way) => {
    tf.config.asyncThreads = 1;
    let over = false;
    const first = tf.evaluateAsync(long()).then(() => {
      over = true;
    });
    const controller = new AbortController();
    const [t, v] = [tf.add([1, 2], 3).mul(2), new tf.Variable([1, 1])];
    v.assign(v.add(pending([1, 2])));
    const promise = way(t, controller.signal);
    expect(tf.memory().pendingBytes).toBe(0);
    controller.abort();
    expect(await reasonOf(promise)).toMatchObject({ name: 'AbortError' });
    expect(over).toBe(false);
    await nextTick();
    // What was assigned and flew along waits again.
    expect(tf.memory().pendingBytes).toBe(8);
    await first;
    expect(isKnown(t)).toBe(false);
    expect(v.value().arraySync()).toEqual([2, 3]);
    // It never ran, so what it would have computed comes for the first time now, and is a temporary.
    forgetLessons();
    expect(t.mul(1).arraySync()).toEqual([8, 10]);
    expect(isKnown(t)).toBe(false);
    expect(t.arraySync()).toEqual([8, 10]);
  });

  it.each(ways)('aborted while it runs: %s rejects at once, and it ends before its next op', async (_, way) => {
    tf.config.asyncThreads = 1;
    const chain = (): tf.Tensor => {
      let x: tf.Tensor = matrix;
      for (let k = 0; k < 120; k++) x = tf.matmul(x, matrix).mul(0.05);
      return x;
    };
    const spent = (): number => process.cpuUsage().user / 1e3;
    const from = spent();
    const expected = await chain().data();
    const whole = spent() - from;
    const v = new tf.Variable([1, 1]);
    v.assign(v.add(pending([1, 2]))); // is computed with the chain
    const t = chain();
    const controller = new AbortController();
    const promise = way(t, controller.signal);
    await new Promise((resolve) => setTimeout(resolve, whole / 20));
    const before = spent();
    controller.abort(new Error('enough'));
    expect(await reasonOf(promise)).toMatchObject({ message: 'enough' });
    await tf.add([1], pending([2])).data(); // behind it
    expect(spent() - before).toBeLessThan(whole / 2);
    expect(isKnown(t)).toBe(false);
    expect(v.value().arraySync()).toEqual([2, 3]);
    expect(await t.data()).toEqual(expected);
  });

  it.each([1, 5, 15, 40, 80])('aborted after %i ms, while another value fails: rejects at once', async (delay) => {
    const w = tf.random.normal([256, 256], { seed: 1, stddev: 0.06 });
    let x = w;
    for (let k = 0; k < 100; k++) x = tf.tanh(tf.matmul(x, w));
    const failing = new tf.Variable(1);
    failing.assign(tf.gather([1, 2], tf.cast(tf.mul(tf.reduceMax(tf.ones([3])), 9), 'int32')));
    const controller = new AbortController();
    let isSettled = false;
    const reading = x.data({ signal: controller.signal }).then(
      () => 'all of it',
      (error: Error) => error.message,
    );
    void reading.then(() => {
      isSettled = true;
    });
    await new Promise((resolve) => setTimeout(resolve, delay));
    const wasSettled = isSettled;
    controller.abort(new Error('enough'));
    expect(await reading).toBe(wasSettled ? 'all of it' : 'enough');
    expect(() => failing.item()).toThrow('gather: index 9');
    expect(failing.item()).toBe(1);
    expect((await x.data()).length).toBe(256 * 256);
  });

  it('aborted later does nothing, and has no listener', async () => {
    const controller = new AbortController();
    const promise = tf.add([1, 2], 1).data({ signal: controller.signal });
    expect(getEventListeners(controller.signal, 'abort').length).toBe(1);
    expect([...(await promise)]).toEqual([2, 3]);
    expect(getEventListeners(controller.signal, 'abort').length).toBe(0);
    controller.abort();
    const variable = new tf.Variable([3]);
    expect(await variable.array({ signal: new AbortController().signal })).toEqual([3]);
  });

  it('does not take the error of an assigned value from who looks at the variable', async () => {
    for (const waits of [true, false]) {
      tf.config.asyncThreads = 1;
      const first = tf.evaluateAsync(long());
      if (!waits) await first;
      const v = new tf.Variable([1, 1], { name: 'table' });
      v.assign(failing());
      const controller = new AbortController();
      const promise = tf.evaluateAsync(v, waits ? tf.add([1], pending([1])) : long(), { signal: controller.signal });
      controller.abort();
      expect(await reasonOf(promise)).toMatchObject({ name: 'AbortError' });
      await first;
      await tf.add([1], pending([2])).data();
      expect(await reasonOf(v.value().data())).toMatchObject({ code: 'ERR_INDEX' });
      expect(v.value().arraySync()).toEqual([1, 1]);
    }
  });

  it('leaves no trace in what is computed next', async () => {
    tf.config.asyncThreads = 1;
    const t = long();
    const promises: Promise<unknown>[] = [];
    for (let k = 0; k < 20; k++) {
      const controller = new AbortController();
      promises.push(t.add(k).data({ signal: controller.signal }));
      if (k % 2 === 0) controller.abort();
    }
    const sum = t.item();
    const all = await Promise.all(promises.map((promise) => promise.catch((reason: unknown) => reason)));
    all.forEach((result, k) => {
      if (k % 2 === 0) expect(result).toMatchObject({ name: 'AbortError' });
      else expect(result).toEqual(new Float32Array([Math.fround(sum + k)]));
    });
  });

  it('is an option as others: of its kind, by its name, the last', async () => {
    const t = tf.add([1, 2], 1);
    const signal = new AbortController().signal;
    const refused: [Promise<unknown>, string][] = [
      [t.data({ signal: 3 as never }), 'data: signal must be an AbortSignal, got 3'],
      [t.data({ signal: null as never }), 'data: signal must be an AbortSignal, got null'],
      [t.array({ signal: { aborted: false } as never }), 'array: signal must be an AbortSignal'],
      [t.data({ sginal: signal } as never), 'data: unknown option sginal; did you mean signal?'],
      [t.array(signal as never), 'array: expected options { signal }, got'],
      [
        (t.data as (...args: unknown[]) => Promise<unknown>)({ signal }, 2),
        'data: takes no argument behind its options',
      ],
      [tf.evaluateAsync(t, { signal, more: 1 }), 'evaluateAsync: unknown option more; it takes signal'],
    ];
    for (const [promise, message] of refused) {
      expect(await reasonOf(promise)).toMatchObject({
        code: 'ERR_OPTION',
        message: expect.stringContaining(message) as string,
      });
    }
    expect(isKnown(t)).toBe(false);
    // A nest may have that name too.
    await tf.evaluateAsync({ signal: t });
    expect(isKnown(t)).toBe(true);
    expect(await reasonOf(tf.evaluateAsync({ signal: 'no' }))).toMatchObject({
      code: 'ERR_NOT_A_TENSOR',
      message: expect.stringContaining('evaluateAsync') as string,
    });
    await tf.evaluateAsync({ signal });
    expect([...(await t.data({}))]).toEqual([2, 3]);
  });
});

describe.runIf(plain)('asynchronous evaluations in a process', () => {
  const heavy = `
    const a = tf.random.normal([900, 900]);
    tf.evaluate(a);
    const long = () => { let x = a; for (let k = 0; k < 6; k++) x = tf.matmul(x, a); return tf.reduceSum(x); };`;

  it("take no thread of libuv's pool", async () => {
    const order = jsonOf<string[]>(
      await runChild(
        `${heavy}
        const { readFile } = require('node:fs/promises');
        const order = [];
        const all = [1, 2, 3, 4].map(() => long().data().then(() => order.push('long')));
        all.push(readFile('package.json').then(() => order.push('file')));
        Promise.all(all).then(() => done(order));`,
        { UV_THREADPOOL_SIZE: '1' },
      ),
    );
    expect(order[0]).toBe('file');
    expect(order.length).toBe(5);
  });

  it('keep it alive until they are done, and no longer', async () => {
    const start = performance.now();
    expect(jsonOf(await runChild(`${heavy} long().mul(0).data().then((x) => done(x.length));`))).toBe(1);
    expect(performance.now() - start).toBeLessThan(20_000);
    // A promise that is rejected by its signal keeps nobody waiting but for what has begun.
    const kept = await runChild(`${heavy}
      const controller = new AbortController();
      for (let k = 0; k < 500; k++) long().data({ signal: controller.signal }).catch(() => {});
      setTimeout(() => { controller.abort(); done(1); }, 10);`);
    expect(jsonOf(kept)).toBe(1);
    expect(performance.now() - start).toBeLessThan(40_000);
  });

  it('may be cut off by its exit', async () => {
    for (let k = 0; k < repeated(4, 12); k++) {
      const outcome = await runChild(`${heavy}
        for (let k = 0; k < 5; k++) { long().data(); tf.add([1, 2], k).data(); }
        setTimeout(() => process.exit(7), ${k % 9});`);
      expect(outcome).toMatchObject({ code: 7, stderr: '' });
    }
  });

  it('end with their worker, many times', async () => {
    const outcome = await child<number[]>(
      `
      const { Worker } = require('node:worker_threads');
      const path = require('node:path').resolve('dist/index.cjs');
      const one = (wait) => new Promise((resolve, reject) => {
        const code = 'const { parentPort } = require("node:worker_threads"); const tf = require(' + JSON.stringify(path) + ');' +
          'const a = tf.random.normal([300, 300]); const v = new tf.Variable(tf.ones([300, 300]));' +
          'const go = () => { const c = new AbortController(); v.assign(tf.matmul(v, a).mul(0.1));' +
          'tf.evaluateAsync(v, { signal: c.signal }).then(go, go); tf.add([1, 2], Math.random()).data(); if (Math.random() < 0.5) c.abort(); };' +
          'for (let k = 0; k < 6; k++) go(); parentPort.postMessage(0);';
        const worker = new Worker(code, { eval: true });
        worker.on('message', () => setTimeout(() => worker.terminate().then(resolve, reject), wait)).on('error', reject);
      });
      for (let k = 0; k < ${repeated(5, 20)}; k++) await Promise.all([one(k % 7), one(k % 5)]);
      done([...await tf.add([1, 2], 3).data()]);`,
    );
    expect(outcome).toEqual([4, 5]);
  }, 120_000);

  it('has one listener a signal, however many wait for it', async () => {
    const { signal } = new AbortController();
    const reads = Array.from({ length: 40 }, (_, k) => tf.ones([100]).mul(k).data({ signal }));
    expect(getEventListeners(signal, 'abort').length).toBeLessThanOrEqual(1);
    await Promise.all(reads);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });
});
