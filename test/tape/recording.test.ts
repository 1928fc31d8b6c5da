// docs/semantics.md, 2F: pausing and starting anew; and what a tape records beside. Numbers in titles are its cases.
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';
import { expectClose } from '../support/close.js';
import { errorOf } from '../support/errors.js';
import { arrayOf, dense, gradientOf, gradientsOf } from '../support/tape.js';
import { f64 } from '../support/tensors.js';

type Leaf = tf.Tensor | tf.Variable;

describe('2F stopRecording, reset, stopGradient', () => {
  it('82: nothing is recorded while the tape pauses', () => {
    const x = new tf.Variable(1);
    const tape = new tf.GradientTape();
    const y = tape.record(() => tape.stopRecording(() => tf.mul(x, x)));
    expect(tape.gradient(y, x)).toBeNull();
    expect(tape.watchedVariables(), 'nor was the reading noticed').toEqual([]);
  });

  it('83: and everything is afterwards', () => {
    const x = tf.constant(1);
    const tape = new tf.GradientTape({ persistent: true });
    const { x2, y, z } = tape.record(() => {
      tape.watch(x);
      const doubled = tf.mul(x, 2);
      const paused = tape.stopRecording(() => tf.mul(doubled, doubled));
      return { x2: doubled, y: paused, z: tf.mul(doubled, doubled) };
    });
    expect(tape.gradient(y, x2)).toBeNull();
    expect(tape.gradient(z, x2)?.item()).toBe(4);
  });

  it('85: reset forgets what was before', () => {
    const v = new tf.Variable(1);
    const tape = new tf.GradientTape();
    const loss = tape.record(() => {
      const first = tf.mul(v, v);
      tape.reset();
      return tf.add(first, tf.mul(v, v));
    });
    expect(tape.gradient(loss, v)?.item()).toBe(2);
  });

  it('86: another active tape goes on recording', () => {
    const x = tf.constant(3);
    const a = new tf.GradientTape();
    const b = new tf.GradientTape();
    const y = a.record(() =>
      b.record(() => {
        a.watch(x);
        b.watch(x);
        return a.stopRecording(() => tf.square(x));
      }),
    );
    expect(a.gradient(y, x)).toBeNull();
    expect(b.gradient(y, x)?.item()).toBe(6);
  });

  // Later operations are recorded on no tape: none knows v, and none makes them slower.
  const expectNothingActive = (): void => {
    const v = new tf.Variable(2);
    const tape = new tf.GradientTape({ persistent: true });
    const y = tape.record(() => tf.square(v));
    const cost = (n: number): number => {
      const start = performance.now();
      for (let i = 0; i < n; i++) tf.square(v);
      return performance.now() - start;
    };
    cost(1000);
    expect(Math.min(cost(1000), cost(1000), cost(1000)), 'ms for 1000 operations').toBeLessThan(50);
    expect(tape.gradient(y, v)?.item()).toBe(4);
  };

  it.each([
    ['gradient', (tape: tf.GradientTape, y: tf.Tensor, v: tf.Variable) => tape.gradient(y, v)],
    ['dispose', (tape: tf.GradientTape) => tape[Symbol.dispose]()],
  ] as [string, (tape: tf.GradientTape, y: tf.Tensor, v: tf.Variable) => unknown][])(
    '%s inside stopRecording takes the tape off the stack',
    (_, call) => {
      const v = new tf.Variable(3);
      for (let i = 0; i < 20_000; i++) {
        const tape = new tf.GradientTape();
        tape.record(() => {
          const y = tf.square(v);
          tape.stopRecording(() => call(tape, y, v));
          tf.square(v);
        });
        if (i % 2) continue;
        const block = tape.enter();
        const y = tf.square(v);
        tape.stopRecording(() => call(tape, y, v));
        block[Symbol.dispose]();
      }
      expectNothingActive();
    },
  );

  it('leaving the block, and recording, inside stopRecording', () => {
    const v = new tf.Variable(3);
    const tape = new tf.GradientTape({ persistent: true });
    const block = tape.enter();
    const y = tf.square(v);
    tape.stopRecording(() => block[Symbol.dispose]());
    expect(errorOf(() => tape.reset()).code, 'the block was left').toBe('ERR_TAPE_NOT_RECORDING');
    const z = tape.record(() => {
      tape.stopRecording(() => tape.record(() => tf.mul(y, 10)));
      const paused = tape.stopRecording(() => tf.mul(y, 100));
      return tf.add(tf.mul(y, 2), paused);
    });
    expect(tape.gradient(z, v)?.item(), 'each is recorded once').toBe(12);
    expect(errorOf(() => tape.reset()).code).toBe('ERR_TAPE_NOT_RECORDING');
  });

  it('blocks are left in any order, in time that grows with their number', () => {
    const v = new tf.Variable(3);
    const orders: [string, number, (k: number, n: number) => number][] = [
      ['of opening', 100_000, (k) => k],
      ['reversed', 10_000, (k, n) => n - 1 - k],
      ['every third first', 10_000, (k, n) => (k * 3) % n],
    ];
    for (const [name, count, place] of orders) {
      const tapes = Array.from({ length: count }, () => new tf.GradientTape());
      const blocks = tapes.map((tape) => tape.enter());
      const y = tf.square(v);
      const start = performance.now();
      for (let k = 0; k < count; k++) blocks[place(k, count)]?.[Symbol.dispose]();
      expect(performance.now() - start, name).toBeLessThan(2_000);
      expect([0, 1, 5_000, 9_999].map((k) => tapes[k]?.gradient(y, v)?.item())).toEqual([6, 6, 6, 6]);
    }
    expectNothingActive();
  });

  it('whichever blocks are left, the others go on recording', () => {
    const x = tf.constant(1);
    const count = 12;
    const tapes = Array.from({ length: count }, () => new tf.GradientTape());
    const blocks = tapes.map((tape) => tape.enter());
    for (const tape of tapes) tape.watch(x);
    let y: tf.Tensor = x;
    const leftAt = tapes.map(() => 0);
    for (let k = 0; k < count; k++) {
      y = tf.add(y, x); // those that are open record it
      const place = (k * 5) % count;
      leftAt[place] = k;
      blocks[place]?.[Symbol.dispose]();
    }
    // Only the tape that was left last knows the last y.
    tapes.forEach((tape, place) => {
      expect(tape.gradient(y, x)?.item() ?? null, `tape ${place}`).toBe(leftAt[place] === count - 1 ? count + 1 : null);
    });
  });

  it('an exception inside stopRecording resumes the recording', () => {
    const x = tf.constant(3);
    const tape = new tf.GradientTape();
    const y = tape.record(() => {
      tape.watch(x);
      expect(() =>
        tape.stopRecording(() => {
          throw new Error('mine');
        }),
      ).toThrow('mine');
      return tf.square(x);
    });
    expect(tape.gradient(y, x)?.item()).toBe(6);
  });
});

describe('what a tape does and does not do', () => {
  it('differentiates only what lies between the target and the sources', () => {
    const x = tf.constant(3);
    const w = new tf.Variable(2);
    const tape = new tf.GradientTape({ persistent: true });
    const y = tape.record(() => {
      tape.watch(x);
      let t: tf.Tensor = tf.mul(w, 1);
      for (let i = 0; i < 200; i++) t = tf.tanh(t);
      return tf.add(tf.square(x), t);
    });
    const nodes = (source: Leaf): number => {
      const before = tf.constant(0).id;
      tape.gradient(y, source);
      return tf.constant(0).id - before;
    };
    expect(nodes(x)).toBeLessThan(20);
    expect(nodes(w)).toBeGreaterThan(200);
  });

  it('builds values without computing them', () => {
    const x = tf.constant([1, 2]);
    const before = tf.memory().plans;
    const [dx] = gradientsOf((t) => tf.exp(tf.sin(t as tf.Tensor)), [x]);
    expect(tf.memory().plans).toBe(before);
    expectClose(
      arrayOf(dx),
      [1, 2].map((v) => Math.exp(Math.sin(v)) * Math.cos(v)),
    );
  });

  it('records a float64 path as float64', () => {
    const [dx] = gradientsOf((x) => tf.square(x as tf.Tensor), [f64([0.1])]);
    expect(dense(dx).dtype).toBe('float64');
    expect(arrayOf(dx)).toEqual([0.2]);
  });

  it('two interleaved tapes do not mix', () => {
    const x = tf.constant(2);
    const a = new tf.GradientTape();
    const b = new tf.GradientTape();
    const enteredA = a.enter();
    a.watch(x);
    const y = tf.square(x);
    const enteredB = b.enter();
    b.watch(y);
    const z = tf.mul(y, y);
    enteredA[Symbol.dispose]();
    const w = tf.mul(z, y);
    enteredB[Symbol.dispose]();
    expect(b.gradient(w, y)?.item()).toBe(3 * 16);
    expect(a.gradient([z, w], x)?.item(), 'w came after a was left').toBe(4 * 8);
  });

  it('a chain of 100,000 ops has its gradient', () => {
    const x = f64(1);
    const [dx] = gradientsOf(
      (t) => {
        let y = t as tf.Tensor;
        for (let i = 0; i < 100_000; i++) y = tf.mul(y, i % 2 === 0 ? 2 : 0.5);
        return y;
      },
      [x],
    );
    expect(arrayOf(dx)).toBe(1);
  });

  it('a value that 1000 ops read has the sum of their cotangents', () => {
    const dx = gradientOf((x) => {
      let y = tf.mul(x, 0);
      for (let i = 0; i < 1000; i++) y = tf.add(y, tf.mul(x, i));
      return y;
    }, f64(1));
    expect(dx).toBe(499500);
  });
});
