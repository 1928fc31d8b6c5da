// What a tape keeps alive: what its rules need, of what can still be asked for, until it is consumed (docs/semantics.md 3.2 and 2S;
// the number in a title is a case there).
import { describe, expect, it } from 'vitest';
import { jsonOf, plain, runChild } from '../support/child.js';

const helpers = `
  const settle = () => new Promise((resolve) => setTimeout(resolve, 2));
  const collected = async () => { for (let i = 0; i < 3; i++) { await settle(); gc(); } };`;

// docs/semantics.md 3.2: output, input, both, the other operand, shapes, nothing.
const kinds: readonly (readonly [call: string, keeps: string])[] = [
  ['tf.exp(x)', 'out'],
  ['tf.sqrt(x)', 'out'],
  ['tf.reciprocal(x)', 'out'],
  ['tf.tanh(x)', 'out'],
  ['tf.sigmoid(x)', 'out'],
  ['tf.nn.relu(x)', 'out'],
  ['tf.nn.elu(x)', 'out'],
  ['tf.nn.selu(x)', 'out'],
  ['tf.nn.softmax(x)', 'out'],
  ['tf.square(x)', 'x'],
  ['tf.log(x)', 'x'],
  ['tf.abs(x)', 'x'],
  ['tf.reduceMax(x)', 'x out'],
  ['tf.pow(x, y)', 'x y out'],
  ['tf.mul(x, y)', 'x y'],
  ['tf.matmul(x, y)', 'x y'],
  ['tf.mul(x, free)', 'free'],
  ['tf.matmul(x, free)', 'free'],
  ['tf.add(x, y)', ''],
  ['tf.sub(x, free)', ''],
  ['tf.neg(x)', ''],
  ['tf.transpose(x)', ''],
  ['tf.reverse(x, [0])', ''],
  ['tf.reduceSum(x)', ''],
  ['tf.reduceMean(x, 0)', ''],
  ['tf.reshape(x, [4])', ''],
  ['tf.concat([x, y], 0)', ''],
  ['tf.broadcastTo(x, [3, 2, 2])', ''],
  ['tf.pad(x, [[1, 1], [0, 0]])', ''],
  ['tf.gather(x, [0, 1])', ''],
];

describe.runIf(plain)('what an entry keeps', () => {
  it('is what semantics 3.2 lists, for one op of each kind', { timeout: 60_000 }, async () => {
    const alive = jsonOf<Record<string, string>>(
      await runChild(`${helpers}
        const calls = ${JSON.stringify(kinds.map(([call]) => call))};
        (async () => {
          const tapes = [], alive = {};
          const refs = calls.map((call) => {
            const op = new Function('tf', 'x', 'y', 'free', 'return ' + call);
            const tape = new tf.GradientTape();
            tapes.push(tape);
            const root = tf.constant([[1, 2], [3, 4]]);
            return tape.record(() => {
              tape.watch(root);
              const x = tf.add(root, 1), y = tf.add(root, 2), free = tf.constant([[5, 6], [7, 8]]);
              const out = op(tf, x, y, free);
              tf.evaluate([x, y, out]);
              return Object.entries({ x, y, free, out }).map(([name, t]) => [name, new WeakRef(t)]);
            });
          });
          await collected();
          calls.forEach((call, i) => {
            alive[call] = refs[i].filter(([, ref]) => ref.deref()).map(([name]) => name).sort().join(' ');
          });
          if (tapes.length !== calls.length) throw new Error();
          done(alive);
        })();`),
    );
    const sorted = (keeps: string): string => keeps.split(' ').sort().join(' ');
    expect(alive).toEqual(Object.fromEntries(kinds.map(([call, keeps]) => [call, sorted(keeps)])));
  });
});

describe.runIf(plain)('269: dead branches do not accumulate while a tape records', () => {
  it('large ones, in a loop that never yields', async () => {
    const peak = jsonOf<number>(
      await runChild(`
        const x = tf.random.normal([250_000]);
        tf.evaluate(x);
        const tape = new tf.GradientTape();
        let peak = 0;
        const before = tf.memory().bytes;
        const y = tape.record(() => {
          tape.watch(x);
          let y = x;
          for (let i = 0; i < 300; i++) {
            tf.reduceSum(tf.exp(tf.mul(tf.tanh(x), i))).item(); // 2 MB saved that nobody can ask about
            if (i % 100 === 0) y = tf.add(y, 1);
            peak = Math.max(peak, tf.memory().bytes - before);
          }
          return y;
        });
        if (tape.gradient(y, x).dataSync()[7] !== 1) throw new Error('wrong gradient');
        done(peak);`),
    );
    expect(peak).toBeLessThan(300e6); // all of them: 600 MB
  });

  it('small ones', async () => {
    const growth = jsonOf<number>(
      await runChild(`
        const x = tf.constant(2);
        const tape = new tf.GradientTape();
        const growth = tape.record(() => {
          tape.watch(x);
          let y = x;
          const loop = (n) => { for (let i = 0; i < n; i++) { tf.sin(tf.mul(x, 3)); if (i % 1000 === 0) y = tf.add(y, x); } };
          loop(50_000); gc();
          const before = process.memoryUsage().heapUsed;
          loop(500_000); gc();
          const growth = process.memoryUsage().heapUsed - before;
          if (tape.gradient(y, x).item() !== 551) throw new Error('wrong gradient');
          return growth;
        });
        done(growth);`),
    );
    expect(growth).toBeLessThan(8e6); // all of them: over 200 MB
  });

  it('in an async recording they go at the next await; what can be asked for stays', async () => {
    const result = jsonOf<{ dead: boolean; needed: boolean; grads: number[] }>(
      await runChild(`${helpers}
        (async () => {
          const x = tf.constant(2);
          const tape = new tf.GradientTape({ persistent: true });
          await tape.recordAsync(async () => {
            tape.watch(x);
            const refs = (() => {
              const dead = tf.exp(tf.mul(x, 3)), needed = tf.sin(x);
              tf.evaluate([dead, needed]);
              return { dead: new WeakRef(dead), y: tf.mul(needed, needed), needed: new WeakRef(needed) };
            })();
            await collected();
            const z = tf.mul(refs.y, x);
            await collected();
            done({
              dead: refs.dead.deref() !== undefined,
              needed: refs.needed.deref() !== undefined,
              grads: [tape.gradient(refs.y, x).item(), tape.gradient(z, x).item()],
            });
          });
        })();`),
    );
    expect(result.dead).toBe(false);
    expect(result.needed).toBe(true);
    const y = Math.sin(2) ** 2;
    const dy = 2 * Math.sin(2) * Math.cos(2);
    expect(result.grads[0]).toBeCloseTo(dy, 6);
    expect(result.grads[1]).toBeCloseTo(dy * 2 + y, 6);
  });

  it('long chains, several tapes and results of several ops survive the sweeps', async () => {
    const result = jsonOf<number[]>(
      await runChild(`
        const x = tf.constant([2, 5]), v = new tf.Variable(3);
        const outer = new tf.GradientTape({ persistent: true }), inner = new tf.GradientTape({ persistent: true });
        const [sum, first] = outer.record(() => {
          outer.watch(x);
          const sum = inner.record(() => {
            inner.watch(x);
            const early = tf.mul(tf.square(x), v);
            const [a, b] = tf.unstack(early);
            let sum = a;
            for (let i = 0; i < 40_000; i++) sum = tf.add(sum, i % 2 ? b : v);
            return tf.add(tf.mul(early, sum), 0);
          });
          return [sum, inner.gradient(sum, x)];
        });
        const second = outer.gradient(first, x);
        done([...first.dataSync(), ...second.dataSync(), inner.gradient(sum, v).item(), outer.gradient(sum, v).item()]);`),
    );
    // early = 3x^2, sum = a + 20000 (b + v): with s = early_0 + early_1, f = s (early_0 + 20000 (early_1 + 3)).
    const at = (p: number, q: number, v: number): number =>
      (v * p * p + v * q * q) * (v * p * p + 20_000 * (v * q * q + v));
    const h = 1e-3;
    const dx = (p: number, q: number): [number, number] => [
      (at(p + h, q, 3) - at(p - h, q, 3)) / (2 * h),
      (at(p, q + h, 3) - at(p, q - h, 3)) / (2 * h),
    ];
    const sumOf = (p: number, q: number): number => dx(p, q)[0] + dx(p, q)[1];
    const expected = [
      ...dx(2, 5),
      (sumOf(2 + h, 5) - sumOf(2 - h, 5)) / (2 * h),
      (sumOf(2, 5 + h) - sumOf(2, 5 - h)) / (2 * h),
      (at(2, 5, 3 + h) - at(2, 5, 3 - h)) / (2 * h),
      (at(2, 5, 3 + h) - at(2, 5, 3 - h)) / (2 * h),
    ];
    expect(result).toHaveLength(6);
    const ratios = result.map((value, i) => value / (expected[i] as number));
    for (const ratio of ratios) expect(ratio).toBeCloseTo(1, 3);
  });

  it('a tape that nobody has any more goes, though its results stay', async () => {
    const counts = jsonOf<number[]>(
      await runChild(`
        const x = tf.random.normal([1000]);
        tf.evaluate(x);
        const count = () => { gc(); return tf.memory().tensors; };
        const losses = [], before = count();
        for (let i = 0; i < 100; i++) {
          const tape = new tf.GradientTape({ persistent: true });
          losses.push(tape.record(() => { tape.watch(x); return tf.reduceSum(tf.tanh(tf.sin(x))); }));
          losses[i].item();
        }
        setTimeout(() => done([before, count(), losses.length]), 5);`),
    );
    expect(counts[1] as number).toBeLessThan((counts[0] as number) + 20);
  });
});

describe.runIf(plain)('a function that is computed again', () => {
  it('does not keep what its body made', async () => {
    const bytes = jsonOf<Record<string, number>>(
      await runChild(`
        const x = tf.random.normal([100_000]);
        tf.evaluate(x);
        const body = (t) => { let y = t; for (let i = 0; i < 20; i++) { y = tf.tanh(tf.sin(y)); y.dataSync(); } return y; };
        const held = (f) => {
          gc();
          const before = tf.memory().bytes;
          const tape = new tf.GradientTape({ persistent: true });
          const y = tape.record(() => { tape.watch(x); return tf.reduceSum(f(x)); });
          y.item();
          gc();
          const bytes = tf.memory().bytes - before;
          if (!tape.gradient(y, x)) throw new Error();
          return bytes;
        };
        setTimeout(() => done({ plain: held(body), again: held(tf.recomputeGrad(body)) }), 1);`),
    );
    expect(bytes['plain']).toBeGreaterThan(7e6);
    expect(bytes['again']).toBeLessThan(2e6);
  });
});

describe.runIf(plain)('memory taken again', () => {
  it('is never that of a tensor that somebody still has, awaited ones included', { timeout: 60_000 }, async () => {
    const result = jsonOf<{ wrong: number; external: number; waiting: number }>(
      await runChild(`
        let random = 12345;
        const next = (n) => (random = (random * 1103515245 + 12345) & 0x7fffffff) % n;
        const base = [20_000, 33_000, 70_000, 262_144, 600_000].map((n) => tf.constant(Float32Array.from({ length: n }, (_, k) => (k === 9 ? 1 : 0))));
        const kept = [], waiting = [];
        let wrong = 0;
        for (let i = 1; i <= 3000; i++) {
          const t = tf.add(base[next(base.length)], i);
          tf.evaluate(t);
          if (next(4) === 0) kept[next(25)] = [t, i];
          if (next(100) === 0) waiting.push(tf.mul(t, 2).data().then((d) => { if (d[0] !== 2 * i || d.at(-1) !== 2 * i) wrong++; }));
          const [held, value] = kept[next(25)] ?? [t, i];
          const sum = tf.reduceSum(held).item() - 1;
          if (sum !== value * held.size && Math.abs(sum / (value * held.size) - 1) > 1e-5) wrong++;
        }
        Promise.all(waiting).then(() => done({ wrong, external: process.memoryUsage().arrayBuffers, waiting: waiting.length }));`),
    );
    expect(result.wrong).toBe(0);
    expect(result.waiting).toBeGreaterThan(10);
    expect(result.external).toBeLessThan(900e6); // written in all: 2.4 GB
  });
});
