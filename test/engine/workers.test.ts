// Workers and copies of the library in one process: each for itself, and their ends.
import { describe, expect, it } from 'vitest';
import { child, jsonOf, linux, plain, runChild } from '../support/child.js';
import { repeated } from '../support/thorough.js';

describe.runIf(plain)('workers', () => {
  it('several workers load and compute at once, each for itself', async () => {
    const results = jsonOf<{ sums: number[]; seeds: number[]; tensors: number[] }>(
      await runChild(`
        const { Worker } = require('node:worker_threads');
        const code = \`
          const { parentPort, workerData } = require('node:worker_threads');
          const tf = require(workerData.path);
          tf.random.setSeed(workerData.k);
          (async () => {
            let sum = 0;
            const v = new tf.Variable(tf.ones([64, 64]));
            for (let i = 0; i < 30; i++) {
              const tape = new tf.GradientTape();
              const loss = tape.record(() => tf.reduceSum(tf.matmul(v, v)));
              v.assign(tf.mul(tape.gradient(loss, v), workerData.k / 128));
              sum = i % 3 ? loss.item() : (await loss.data())[0];
            }
            parentPort.postMessage({ sum, seed: tf.random.uniform([1]).item(), tensors: tf.memory().tensors });
          })();
        \`;
        const path = require('node:path').resolve('dist/index.cjs');
        const run = (k) => new Promise((resolve, reject) => {
          const worker = new Worker(code, { eval: true, workerData: { path, k } });
          worker.on('message', resolve).on('error', reject);
        });
        Promise.all([1, 1, 1, 2].map(run)).then((all) => done({
          sums: all.map((r) => r.sum), seeds: all.map((r) => r.seed), tensors: all.map((r) => r.tensors),
        }));`),
    );
    expect(results.sums.slice(0, 3)).toEqual(new Array(3).fill(results.sums[0]));
    expect(results.seeds[0]).toBe(results.seeds[1]);
    expect(results.seeds[3]).not.toBe(results.seeds[0]);
    for (const n of results.tensors) expect(n).toBeLessThan(400);
  });

  it('copies of the library beside each other, of which Node loads the addon once', async () => {
    // What test runners do that give each file its own modules. Blocks of memory and programs are each copy's own.
    const totals = await runChild(`
      const copies = [tf];
      for (let k = 0; k < 2; k++) {
        for (const path of Object.keys(require.cache)) if (!path.endsWith('.node')) delete require.cache[path];
        copies.push(require('./dist/index.cjs'));
      }
      const ones = copies.map((tf) => tf.constant(new Float32Array(1 << 16).fill(1)));
      const kept = copies.map(() => []);
      const wrong = [];
      for (let i = 0; i < 3000; i++) {
        const k = i % copies.length;
        const t = copies[k].add(ones[k], i);
        copies[k].evaluate(t);
        if (i % 100 < 3) kept[k].push([t, i + 1]);
      }
      for (const list of kept) for (const [t, value] of list) if (!t.dataSync().every((x) => x === value)) wrong.push(value);
      done([copies.length, new Set(copies).size, kept.flat().length, wrong]);`);
    expect(jsonOf(totals)).toEqual([3, 3, 90, []]);
  });

  it('a worker that is ended while it computes takes nobody with it', async () => {
    const outcome = await runChild(`
      const { Worker } = require('node:worker_threads');
      const path = require('node:path').resolve('dist/index.cjs');
      const code = \`
        const { parentPort, workerData } = require('node:worker_threads');
        const tf = require(workerData);
        const a = tf.random.normal([700, 700]);
        for (let i = 0; i < 4; i++) tf.matmul(a, tf.mul(a, i)).data();
        parentPort.postMessage('started');
      \`;
      const one = () => new Promise((resolve, reject) => {
        const worker = new Worker(code, { eval: true, workerData: path });
        worker.on('message', () => setTimeout(() => worker.terminate().then(resolve, reject), 3)).on('error', reject);
      });
      (async () => {
        for (let i = 0; i < 5; i++) await one();
        done(await tf.add([1, 2], 3).array());
      })();`);
    expect(jsonOf(outcome)).toEqual([4, 5]);
  });

  it('a process may end while something is being computed', async () => {
    const outcome = await runChild(`
      const a = tf.random.normal([900, 900]);
      for (let i = 0; i < 3; i++) tf.matmul(a, tf.mul(a, i)).data();
      setTimeout(() => process.exit(0), 5);`);
    expect(outcome).toMatchObject({ code: 0, stderr: '' });
  });

  it('that are ended while they compute, many times, take nobody with them', async () => {
    const outcome = await child<number[]>(
      `
      const { Worker } = require('node:worker_threads');
      const kinds = [
        'const a = tf.random.normal([300, 300]); const go = () => { tf.matmul(a, tf.mul(a, Math.random())).data().then(go); }; go(); go(); go();',
        'for (let i = 0; ; i++) { tf.add(tf.ones([50, 50]), i).dataSync(); if (i % 10 === 0) tf.memory(); if (i % 100 === 0) tf.config.threads = 1 + (i / 100) % 3; }',
        'const v = new tf.Variable(tf.ones([64, 64])); (async () => { for (let i = 0; ; i++) { const tape = new tf.GradientTape();' +
          'const loss = tape.record(() => tf.reduceSum(tf.matmul(v, v))); v.assign(tf.mul(tape.gradient(loss, v), 1e-3));' +
          'i % 2 ? await loss.data() : loss.item(); } })();',
        'for (;;) { try { tf.gather([1, 2], tf.add(tf.constant([1, 7], { dtype: "int32" }), 0)).dataSync(); } catch {} tf.clearMemory(); }',
      ];
      const path = require('node:path').resolve('dist/index.cjs');
      const one = (kind, wait) => new Promise((resolve, reject) => {
        const code = 'const { parentPort } = require("node:worker_threads"); const tf = require(' + JSON.stringify(path) + ');' +
          'parentPort.postMessage(0); setImmediate(() => {' + kinds[kind] + '});';
        const worker = new Worker(code, { eval: true });
        worker.on('message', () => setTimeout(() => worker.terminate().then(resolve, reject), wait)).on('error', reject);
      });
      for (let i = 0; i < ${repeated(12, 30)}; i++) await Promise.all([one(i % 4, i % 7), one((i + 1) % 4, i % 5)]);
      done(await tf.add([1, 2], 3).array());`,
    );
    expect(outcome).toEqual([4, 5]);
  }, 120_000);
});

describe.runIf(linux)('copies of the library, loaded one after another', () => {
  const reloads = (count: number, forgetting: string): string => `
    const one = async () => {
      for (const path of Object.keys(require.cache)) if (!path.endsWith('.node')) delete require.cache[path];
      const tf = require('./dist/index.cjs');
      ${forgetting}
      const a = tf.ones([300, 300]);
      tf.matmul(a, a).add(1).dataSync();
      const v = new tf.Variable(tf.ones([64, 64]));
      const tape = new tf.GradientTape();
      v.assign(tape.gradient(tape.record(() => tf.reduceSum(tf.matmul(v, v))), v));
      await tf.reduceSum(v).data();
    };
    const settle = async () => { for (let i = 0; i < 3; i++) { gc(); await sleep(20); } };
    for (let k = 0; k < 20; k++) await one();
    await settle();
    const before = [status('Threads'), rss()];
    for (let k = 0; k < ${count}; k++) await one();
    await settle();
    done([status('Threads') - before[0], rss() - before[1], tf.memory().arenaBytes / MB]);`;

  it('leave no thread and no memory behind', async () => {
    const [threads, grown, arena] = await child<number[]>(reloads(repeated(40, 80), 'loader.children.length = 0;'), {
      GRADTAPE_THREADS: '4',
      GRADTAPE_ASYNC_THREADS: '1', // more start only when a program arrives while one runs
    });
    console.log(`reloads: ${threads} threads, ${grown?.toFixed(0)} MB`);
    expect(threads).toBe(0);
    expect(grown).toBeLessThan(40);
    expect(arena).toBeLessThan(10);
  }, 120_000);

  it('have no threads and no arenas of their own while somebody keeps them', async () => {
    const copies = repeated(25, 60);
    const [threads, grown, arena] = await child<number[]>(reloads(copies, ''), { GRADTAPE_THREADS: '4' });
    console.log(`reloads that are kept: ${threads} threads, ${grown?.toFixed(0)} MB`);
    expect(threads).toBe(0);
    expect(grown).toBeLessThan(4 * copies); // nearly all of it the JavaScript of the copies: 0.7 MB of text each
    expect(arena).toBeLessThan(10);
  }, 120_000);

  it('may differ in their settings', async () => {
    expect(
      await child(
        `
        const other = () => { for (const path of Object.keys(require.cache)) if (!path.endsWith('.node')) delete require.cache[path]; return require('./dist/index.cjs'); };
        const copies = [tf, other(), other()];
        const isas = tf.deviceInfo().isas;
        copies.forEach((tf, i) => { tf.config.threads = 1 + i; tf.config.isa = isas[i % isas.length]; });
        const sums = copies.map((tf) => { const a = tf.ones([400, 400]); return tf.reduceSum(tf.matmul(a, tf.add(a, 1))).item(); });
        done([sums, copies.map((tf, i) => tf.config.threads === 1 + i && tf.config.isa === isas[i % isas.length])]);`,
      ),
    ).toEqual([
      [128e6, 128e6, 128e6],
      [true, true, true],
    ]);
  });
});
