// Memory: what goes back, what runs out, what loops and tapes keep; each in a process of its own, over dist.
import { describe, expect, it } from 'vitest';
import { child, jsonOf, linux, plain, runChild } from '../support/child.js';
import { repeated } from '../support/thorough.js';

// Side by side, since most of their time they wait.
describe.runIf(linux)('memory goes back', { concurrent: true }, () => {
  it('of one large evaluation, after a rest or for the asking', async () => {
    const [large, rested, again, cleared] = await child<number[]>(`
      const x = tf.random.normal([3000, 3000]);
      tf.evaluate(x);
      const big = () => tf.reduceSum(tf.transpose(tf.concat([tf.transpose(x), tf.transpose(tf.add(x, 1))], 0))).item();
      big();
      const all = [tf.memory().arenaBytes / MB];
      await until(() => tf.memory().arenaBytes / MB < 10);
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
      const large = tf.memory().arenaBytes / MB, end = performance.now() + 10000;
      let sum = 0;
      do for (let i = 0; i < 1000; i++) sum = tf.reduceSum(tf.mul(y, 2)).item();
      while (tf.memory().arenaBytes / MB >= 10 && performance.now() < end);
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
        const wide = () => tf.evaluate(Array.from({ length: 4000 + k }, (_, i) => tf.mul([i, k, 1], 2)));
        wide(), wide(); // what comes once is not worth much
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
      await until(() => tf.memory().idleBytes / MB < 65);
      const rested = tf.memory().idleBytes / MB;
      tf.clearMemory();
      done([held, rested, tf.memory().idleBytes / MB]);`);
    expect(held).toBeGreaterThan(200);
    expect(rested).toBeLessThan(65); // 64 of blocks, and a page or two of arenas
    expect(cleared).toBe(0);
  }, 30_000);

  it('of calls that were aborted, when the program rests', async () => {
    const [called, rested] = await child<number[]>(`
      const a = tf.ones([500, 500]), abort = new AbortController();
      tf.evaluate(a);
      const calls = Array.from({ length: 150 }, (_, i) => tf.add(tf.matmul(a, a), i).data({ signal: abort.signal }));
      const ended = Promise.allSettled(calls);
      calls.length = 0;
      gc(); // so that V8 looks at them in full collections only
      abort.abort();
      await ended;
      const called = tf.memory().bytes / MB;
      for (let k = 0; k < 40 && tf.memory().bytes / MB > 10; k++) await sleep(100); // left alone, V8 looks after 8 s
      done([called, tf.memory().bytes / MB]);`);
    expect(called).toBeGreaterThan(100); // results that nobody gets
    expect(rested).toBeLessThan(10);
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

describe.runIf(plain)('memory of loops and tapes', () => {
  it('memory is taken again only from tensors that are gone, whatever their size', async () => {
    const outcome = await runChild(`
      const kept = [];
      let wrong = 0;
      const look = () => { for (const [t, value] of kept) if (!t.dataSync().every((x) => x === value)) wrong++; };
      for (let i = 0; i < 20000; i++) {
        const size = 1 + ((i * 7919) % 97) * (i % 5 === 0 ? 257 : 11);
        const t = tf.add(new Float32Array(size).fill(i), 0.5);
        tf.evaluate(t);
        if (i % 50 === 0) kept.push([t, i + 0.5]);
        if (kept.length > 150) kept.splice(i % 100, 50);
        if (i % 2000 === 0) look();
      }
      look();
      done([wrong, tf.memory().tensors < 20000]);`);
    expect(jsonOf(outcome)).toEqual([0, true]);
  });

  // Steps of ~50 MB of temporaries each, in a loop that never yields.
  const steps = (count: number): string => `
    const MB = 2 ** 20, rss = () => process.memoryUsage().rss / MB;
    const x = tf.random.normal([512, 512]);
    const v = new tf.Variable(tf.zeros([512, 512]));
    function step() {
      const tape = new tf.GradientTape();
      const loss = tape.record(() => {
        let t = v;
        for (let i = 0; i < 12; i++) t = tf.transpose(tf.add(tf.reduceSum(tf.concat([t, x], 0), 0, { keepdims: true }), tf.transpose(t)));
        return tf.reduceMean(tf.tanh(t));
      });
      v.assignSub(tf.mul(tape.gradient(loss, v), 0.1));
      return loss.item();
    }
    for (let i = 0; i < 30; i++) step();
    const before = rss(), was = tf.memory();
    let most = 0;
    for (let k = 1; k <= ${count}; k++) {
      step();
      if (k % 25 === 0) most = Math.max(most, rss());
    }
    const now = tf.memory();
    // A loop whose results are numbers writes to nothing but the arena.
    const look = () => {
      const t = tf.transpose(tf.add(tf.reduceSum(tf.concat([x, x], 0), 0, { keepdims: true }), tf.transpose(x)));
      return tf.reduceMean(tf.tanh(tf.matmul(t, tf.transpose(t)))).item();
    };
    for (let i = 0; i < 20; i++) look();
    const calm = tf.memory().arenaPageFaults;
    for (let i = 0; i < 200; i++) look();
    done({ growth: most - before, growths: now.arenaGrowths - was.arenaGrowths, plans: now.plans - was.plans,
      faults: tf.memory().arenaPageFaults - calm, arena: now.arenaBytes / MB });`;

  it('a loop that never yields keeps its size, plans nothing new and faults no page', async () => {
    const result = jsonOf<Record<'growth' | 'growths' | 'plans' | 'faults' | 'arena', number>>(
      await runChild(steps(repeated(100, 400))),
    );
    console.log(`steps of ~50 MB: ${JSON.stringify(result)}`);
    expect(result.growth).toBeLessThan(100);
    expect(result.growths).toBe(0);
    expect(result.plans).toBe(0);
    expect(result.faults).toBe(0);
  }, 120_000);

  it('100,000 tapes leave nothing behind', async () => {
    const result = jsonOf<{ heap: number; rss: number; tensors: number }>(
      await runChild(`
        const x = tf.constant(3), v = new tf.Variable(2);
        const loop = (n) => {
          for (let i = 0; i < n; i++) {
            const tape = new tf.GradientTape({ persistent: i % 3 === 0 });
            const y = tape.record(() => { tape.watch(x); return tf.mul(tf.square(x), v); });
            const [dx, dv] = tape.gradient(y, [x, v]);
            if (i % 10 === 0 && dx.item() + dv.item() !== 21) throw new Error('wrong');
          }
        };
        loop(5000); gc();
        const before = process.memoryUsage(), tensors = tf.memory().tensors;
        loop(100000); gc();
        const after = process.memoryUsage();
        done({ heap: after.heapUsed - before.heapUsed, rss: after.rss - before.rss, tensors: tf.memory().tensors - tensors });`),
    );
    console.log(`100,000 tapes: ${JSON.stringify(result)}`);
    expect(result.tensors).toBe(0);
    expect(result.heap).toBeLessThan(1 << 20);
    expect(result.rss).toBeLessThan(60 << 20);
  });

  it('memory().tensors returns to where it was once tensors are collected', async () => {
    const counts = jsonOf<number[]>(
      await runChild(`
        const counts = [];
        const count = () => { gc(); counts.push(tf.memory().tensors); };
        tf.add([1, 2], 1).dataSync();
        const settle = () => new Promise((resolve) => setTimeout(resolve, 5));
        (async () => {
          await settle();
          count();
          await (async () => {
            // Large enough for buffers of their own.
            const kept = Array.from({ length: 50 }, (_, i) => tf.constant(new Float32Array(100).map((_, j) => i + j)));
            const computed = kept.map((t) => tf.mul(t, 2));
            tf.evaluate(computed);
            await tf.add(kept[0], computed[1]).data();
            count();
            if (kept.length + computed.length !== 100) throw new Error();
          })();
          await settle();
          count();
          done(counts);
        })();`),
    );
    const [before, within, after] = counts as [number, number, number];
    expect(within - before).toBeGreaterThanOrEqual(100);
    expect(after).toBe(before);
  });

  it('a consumed or disposed tape frees what it held, a live one keeps it', async () => {
    const counts = jsonOf<number[]>(
      await runChild(`
        const counts = [];
        const count = () => { gc(); counts.push(tf.memory().tensors); };
        const x = tf.random.normal([100]);
        tf.evaluate(x);
        function recorded(persistent) {
          const tape = new tf.GradientTape({ persistent });
          const loss = tape.record(() => {
            tape.watch(x);
            let y = x;
            for (let i = 0; i < 10; i++) y = tf.tanh(y);
            return tf.reduceSum(y);
          });
          loss.item(); // what the rules keep was computed along the way
          return [tape, loss];
        }
        count();
        const [tape, loss] = recorded(false);
        count();
        tape.gradient(loss, x).dataSync();
        count();
        const [other] = recorded(true);
        count();
        other[Symbol.dispose]();
        count();
        done(counts);`),
    );
    const [none, held, freed, again, disposed] = counts as [number, number, number, number, number];
    expect(held).toBeGreaterThanOrEqual(none + 9);
    expect(freed).toBeLessThanOrEqual(none + 1);
    expect(again).toBeGreaterThanOrEqual(freed + 9);
    expect(disposed).toBeLessThanOrEqual(freed);
  });

  it('what a rule does not need is not kept', async () => {
    const counts = jsonOf<number[]>(
      await runChild(`
        const counts = [];
        const count = () => { gc(); counts.push(tf.memory().tensors); };
        const x = tf.random.normal([100]);
        tf.evaluate(x);
        count();
        const tape = new tf.GradientTape();
        const loss = tape.record(() => {
          tape.watch(x);
          let y = x;
          for (let i = 0; i < 10; i++) y = tf.reverse(tf.add(tf.neg(y), 1), 0);
          return tf.reduceSum(y);
        });
        loss.item();
        count();
        done(counts);`),
    );
    expect((counts[1] as number) - (counts[0] as number)).toBe(0);
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
