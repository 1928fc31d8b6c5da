// Memory that is given back, memory that runs out, workers and copies that end: each in a process of its own, over dist. And what is
// too large for a word of the program.
import { describe, expect, it } from 'vitest';
import * as tf from '../../lib/index.js';
import { jsonOf, plain, runChild } from '../support/child.js';

const helpers = `
  const loader = module; // keeps its children; later the name is another's
  const { readFileSync } = require('node:fs');
  const MB = 2 ** 20, rss = () => process.memoryUsage().rss / MB;
  const status = (name) => Number(new RegExp(name + ':\\\\s+(\\\\d+)').exec(readFileSync('/proc/self/status', 'utf8'))[1]);
  const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const codeOf = (f) => { try { f(); return 'computed'; } catch (e) { return e.code ?? e.stack; } };
  const codeOfAsync = async (f) => { try { await f(); return 'computed'; } catch (e) { return e.code ?? e.stack; } };
  // What the process may have beside what it has; 0: anything.
  const limit = (mb) => require('node:child_process').execFileSync('prlimit',
    ['--pid', String(process.pid), '--as=' + (mb ? status('VmSize') * 1024 + mb * MB : 'unlimited') + ':unlimited']);`;

const child = async <T>(code: string, env: Record<string, string> = {}, flags: string[] = []): Promise<T> =>
  jsonOf<T>(await runChild(`${helpers}\n(async () => { ${code} })();`, env, flags));

const linux = plain && process.platform === 'linux';

describe.runIf(linux)('memory goes back', () => {
  it('of one large evaluation, after a rest or for the asking', async () => {
    const [large, rested, again, cleared] = await child<number[]>(`
      const x = tf.random.normal([3000, 3000]);
      tf.evaluate(x);
      const big = () => tf.reduceSum(tf.transpose(tf.concat([tf.transpose(x), tf.transpose(tf.add(x, 1))], 0))).item();
      big();
      const all = [tf.memory().arenaBytes / MB];
      await sleep(2500);
      all.push(tf.memory().arenaBytes / MB);
      big();
      all.push(tf.memory().idleBytes / MB);
      tf.clearMemory();
      all.push(tf.memory().idleBytes / MB);
      done(all);`);
    expect(large).toBeGreaterThan(100);
    expect(rested).toBeLessThan(10);
    expect(again).toBeGreaterThan(100);
    expect(cleared).toBe(0);
  }, 30_000);

  it('of one large evaluation in a loop that never yields', async () => {
    const [large, after, values] = await child<number[]>(`
      const x = tf.random.normal([3000, 3000]), y = tf.constant([1, 2, 3]);
      tf.reduceSum(tf.transpose(tf.concat([tf.transpose(x), x], 0))).item();
      const large = tf.memory().arenaBytes / MB, end = performance.now() + 3000;
      let sum = 0;
      while (performance.now() < end) sum = tf.reduceSum(tf.mul(y, 2)).item();
      done([large, tf.memory().arenaBytes / MB, sum]);`);
    expect(large).toBeGreaterThan(100);
    expect(after).toBeLessThan(10);
    expect(values).toBe(12);
  }, 30_000);

  it('of many evaluations at once', async () => {
    const [before, after, arenas] = await child<number[]>(`
      await tf.add([1, 2, 3], 1).data();
      gc();
      const before = rss();
      const round = async () => {
        const all = [];
        for (let i = 0; i < 30000; i++) all.push(tf.reduceSum(tf.transpose(tf.add(tf.ones([8, 8]), i))).data());
        await Promise.all(all);
      };
      await round();
      gc();
      await sleep(2500);
      gc();
      tf.clearMemory();
      done([before, rss(), tf.memory().arenaBytes / MB]);`);
    expect(arenas).toBe(0);
    expect((after as number) - (before as number)).toBeLessThan(150); // 4 KB and lists for each: over 500 MB
  }, 60_000);

  it('plans are bounded in bytes', async () => {
    const [most, cleared] = await child<number[]>(`
      let most = 0;
      for (let k = 0; k < 100; k++) {
        tf.evaluate(Array.from({ length: 4000 + k }, (_, i) => tf.mul([i, k, 1], 2)));
        most = Math.max(most, tf.memory().plansBytes / MB);
      }
      tf.clearMemory();
      done([most, tf.memory().plansBytes]);`);
    expect(most).toBeGreaterThan(20);
    expect(most).toBeLessThanOrEqual(64);
    expect(cleared).toBe(0);
  }, 60_000);

  it('of tensors that are gone, when the program rests', async () => {
    const [held, rested, cleared] = await child<number[]>(`
      let kept = Array.from({ length: 20 }, (_, i) => tf.random.normal([2 ** 22]));
      tf.evaluate(kept);
      kept = null;
      gc();
      const held = tf.memory().idleBytes / MB;
      await sleep(2500);
      const rested = tf.memory().idleBytes / MB;
      tf.clearMemory();
      done([held, rested, tf.memory().idleBytes / MB]);`);
    expect(held).toBeGreaterThan(200);
    expect(rested).toBeLessThan(65); // 64 of blocks, and a page or two of arenas
    expect(cleared).toBe(0);
  }, 30_000);

  it('what was cleared is there again when it is needed', async () => {
    expect(
      await child(`
        const v = new tf.Variable(tf.ones([200, 200])), kept = tf.add(v, 1);
        tf.evaluate(kept);
        const flying = tf.reduceSum(tf.matmul(v, kept)).data();
        tf.clearMemory();
        const sum = tf.reduceSum(tf.matmul(v, tf.transpose(kept))).item();
        done([sum, (await flying)[0], tf.reduceSum(kept).item()]);`),
    ).toEqual([16e6, 16e6, 8e4]);
  });
});

describe.runIf(linux)('memory that runs out', () => {
  it('while a program is planned', async () => {
    expect(
      await child(`
        await tf.add([1, 2], 1).data(); // Node makes its threads, or aborts
        const c = Array.from({ length: 64 }, (_, i) => tf.constant([i, 1]));
        const wide = tf.concat(Array.from({ length: 40000 }, (_, i) => tf.tanh(c[i % 64].add(c[i % 61])).mul(c[i % 59])), 0);
        gc(), gc(), limit(35);
        const out = [codeOf(() => tf.evaluate(wide)), tf.add([1, 2], 3).arraySync()];
        out.push(await codeOfAsync(() => tf.evaluateAsync(wide)), await tf.add([1, 2], 3).array());
        limit(0);
        out.push((await wide.data()).length);
        done(out);`),
    ).toEqual(['ERR_OUT_OF_MEMORY', [4, 5], 'ERR_OUT_OF_MEMORY', [4, 5], 80000]);
  }, 60_000);

  it('for temporaries and results, and leaves inputs and assignments as they were', async () => {
    expect(
      await child(`
        const v = new tf.Variable([1, 2]);
        await tf.add([1, 2], 1).data();
        const big = () => tf.reduceSum(tf.transpose(tf.concat([tf.ones([4000, 4000]), tf.transpose(tf.add(tf.ones([4000, 4000]), 1))], 0)));
        v.assign(v.add(1));
        gc(), limit(100);
        const out = [codeOf(() => big().item()), await codeOfAsync(() => big().data()), codeOf(() => tf.random.normal([2 ** 28]).dataSync())];
        out.push(codeOf(() => tf.ones([2 ** 28]).dataSync()), v.value().arraySync());
        limit(0);
        out.push(big().item(), (await big().data())[0]);
        done(out);`),
    ).toEqual([...new Array(4).fill('ERR_OUT_OF_MEMORY'), [2, 3], 48e6, 48e6]);
  }, 60_000);

  it('for threads: one does all', async () => {
    expect(
      await child(
        `
        const a = tf.ones([512, 512]);
        tf.evaluate(a);
        gc(), limit(200); // 64 stacks take 512 MB
        tf.config.threads = 64;
        done(tf.reduceSum(tf.matmul(a, a)).item());`,
        { GRADTAPE_THREADS: '1' },
      ),
    ).toBe(512 ** 3);
  });
});

describe.runIf(plain)('workers', () => {
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
      for (let i = 0; i < 40; i++) await Promise.all([one(i % 4, i % 7), one((i + 1) % 4, i % 5)]);
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
    const [threads, grown, arena] = await child<number[]>(reloads(120, 'loader.children.length = 0;'), {
      GRADTAPE_THREADS: '4',
    });
    console.log(`120 reloads: ${threads} threads, ${grown?.toFixed(0)} MB`);
    expect(threads).toBe(0);
    expect(grown).toBeLessThan(40);
    expect(arena).toBeLessThan(10);
  }, 120_000);

  it('have no threads and no arenas of their own while somebody keeps them', async () => {
    const [threads, grown, arena] = await child<number[]>(reloads(60, ''), {
      GRADTAPE_THREADS: '4',
    });
    console.log(`60 reloads that are kept: ${threads} threads, ${grown?.toFixed(0)} MB`);
    expect(threads).toBe(0);
    expect(grown).toBeLessThan(160); // nearly all of it the JavaScript of 60 copies
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

describe.runIf(plain)("V8's flags", () => {
  const loop = `
    const x = tf.ones([512, 512]);
    const first = rss();
    let most = 0;
    for (let i = 0; i < 3000; i++) {
      tf.evaluate(tf.add(x, i));
      if (i % 100 === 0) most = Math.max(most, rss());
    }
    done([tf.add([1, 2], 3).arraySync(), most - first < 800]);`;

  it.each([['--freeze-flags-after-init'], ['--freeze_flags_after_init'], ['-freeze-flags-after-init']])(
    'are not touched with %s',
    async (flag) => {
      expect(await child(loop, {}, [flag])).toEqual([[4, 5], true]);
    },
    60_000,
  );

  it('are not touched in workers either, whatever arguments they have', async () => {
    const code = `
      const { Worker } = require('node:worker_threads');
      const path = require('node:path').resolve('dist/index.cjs');
      const worker = new Worker(
        'const tf = require(' + JSON.stringify(path) + '); const x = tf.ones([512, 512]); for (let i = 0; i < 100; i++) tf.evaluate(tf.add(x, i));' +
          'tf.clearMemory(); require("node:worker_threads").parentPort.postMessage(tf.add([1, 2], 3).arraySync());',
        { eval: true, execArgv: [], env: {} });
      worker.on('message', done);`;
    expect(await child(code, {}, ['--freeze-flags-after-init'])).toEqual([4, 5]);
    expect(await child(code)).toEqual([4, 5]);
  });

  it('are not touched with GRADTAPE_V8_FLAGS=0', async () => {
    const code = `
      const v8 = require('node:v8'), given = v8.setFlagsFromString, seen = [];
      v8.setFlagsFromString = (flag) => { seen.push(flag); given(flag); };
      for (const path of Object.keys(require.cache)) if (!path.endsWith('.node')) delete require.cache[path];
      const again = require('./dist/index.cjs');
      const x = again.ones([512, 512]);
      for (let i = 0; i < 100; i++) again.evaluate(again.add(x, i));
      again.clearMemory();
      done(seen);`;
    expect(await child(code, { GRADTAPE_V8_FLAGS: '0' }, ['--no-expose-gc'])).toEqual([]);
    expect(await child(code, {}, ['--no-expose-gc'])).toEqual(['--expose-gc', '--no-expose-gc']);
  });
});

describe('what is beyond 32 bits', () => {
  it.runIf(plain)(
    'reductions of more than 2^31 elements',
    () => {
      const n = 46341;
      const a = tf.div(tf.cast(tf.range(n), 'float64'), n);
      const values = a.dataSync();
      let sum = 0;
      let squares = 0;
      for (const x of values) {
        sum += x;
        squares += x * x;
      }
      const differences = (): tf.Tensor => tf.sub(tf.reshape(a, [n, 1]), a);
      const expected = 2 * n * squares - 2 * sum * sum;
      expect(Math.abs(tf.reduceSum(tf.square(differences())).item() / expected - 1)).toBeLessThan(1e-9);
      expect(tf.reduceMax(differences()).item()).toBe(values[n - 1]);
      const columns = tf.reduceSum(differences(), 0).dataSync();
      expect(Math.abs((columns[5] as number) - (sum - n * (values[5] as number)))).toBeLessThan(1e-6);
    },
    120_000,
  );

  it('steps of slices', () => {
    const x = tf.constant([0, 1, 2, 3, 4]);
    expect(tf.at(x, '::4294967296').arraySync()).toEqual([0]);
    expect(tf.at(x, '::-4294967296').arraySync()).toEqual([4]);
    expect(tf.at(x, '3:1:4294967296').arraySync()).toEqual([]);
    expect(tf.at(x, '1::100000000000000000000').arraySync()).toEqual([1]);
    expect(tf.stridedSlice(x, [1], [5], [2 ** 33]).arraySync()).toEqual([1]);
    const tape = new tf.GradientTape();
    const y = tape.record(() => {
      tape.watch(x);
      return tf.at(tf.mul(x, 2), '1::4294967296');
    });
    expect((tape.gradient(y, x) as tf.Tensor).arraySync()).toEqual([0, 2, 0, 0, 0]);
  });

  it.runIf(plain)('tensors of more than 4 GB, or an error that says whose limit it is', () => {
    const far = { code: 'ERR_OUT_OF_MEMORY', message: expect.stringContaining(process.version) };
    const columns = tf.random.uniform([2 ** 17, 1]);
    for (const t of [tf.zeros([2 ** 17, 2 ** 16]), tf.add(columns, tf.zeros([2 ** 16]))]) {
      expect(() => t.dataSync()).toThrow(expect.objectContaining(far));
    }
  });
});

describe('a NaN of one element', () => {
  it('has the same bits by every way', async () => {
    const bits = (x: tf.TypedArray): string =>
      Array.from(new Uint32Array(x.buffer as ArrayBuffer), (word) => word.toString(16)).join();
    for (const dtype of ['float32', 'float64'] as const) {
      const x = tf.constant([0, 0], { dtype });
      const ways: (() => tf.Tensor)[] = [
        () => tf.reduceSum(tf.div(x, x)),
        () => tf.neg(tf.reduceSum(tf.div(x, x))),
        () => tf.sqrt(tf.sub(tf.reduceSum(x), 1)),
        () => tf.neg(tf.sqrt(tf.sub(tf.reduceSum(x), 1))),
        () => tf.reshape(tf.mul(tf.reduceMax(x), Number.POSITIVE_INFINITY), [1, 1]),
      ];
      for (const way of ways) {
        expect(bits(way().dataSync())).toBe(dtype === 'float32' ? '7fc00000' : '0,7ff80000');
        expect(bits(await way().data())).toBe(bits(way().dataSync()));
      }
    }
  });
});
