// Passes: what a rule may ask of the tape that it runs for.
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';
import { codeOf } from '../support/errors.js';

describe('within its own pass', () => {
  // The gradient of x^2 f(x) with f = x, whose gradFn does something to the tape first.
  const run = (tape: tf.GradientTape, act: (y: tf.Tensor, x: tf.Tensor) => void): number | undefined => {
    const x = tf.constant(3);
    let y: tf.Tensor | undefined;
    const f = tf.customGradient((a: tf.Tensor) => ({
      value: tf.identity(a),
      gradFn: (ct) => {
        act(y as tf.Tensor, x);
        return ct;
      },
    }));
    y = tape.record(() => {
      tape.watch(x);
      return tf.mul(f(tf.mul(tf.tanh(tf.mul(x, 0)), x).add(tf.mul(x, x))), x);
    });
    return tape.gradient(y, x)?.item();
  };
  const want = 27;

  it('a non-persistent tape is consumed', () => {
    const codes: string[] = [];
    const tape = new tf.GradientTape();
    const got = run(tape, (y, x) => {
      codes.push(codeOf(() => tape.gradient(y, x)));
      codes.push(codeOf(() => tape.gradient(y, [x], { unconnectedGradients: 'zero' })));
    });
    expect(codes).toEqual(['ERR_TAPE_CONSUMED', 'ERR_TAPE_CONSUMED']);
    expect(got).toBe(want);
    expect(codeOf(() => tape.gradient(tf.constant(1), tf.constant(1)))).toBe('ERR_TAPE_CONSUMED');
  });

  it('a non-persistent tape may record anew', () => {
    const tape = new tf.GradientTape();
    let again: number | undefined;
    const got = run(tape, () => {
      const z = tf.constant(5);
      const w = tape.record(() => {
        tape.watch(z);
        return tf.square(z);
      });
      again = tape.gradient(w, z)?.item();
    });
    expect(again).toBe(10);
    expect(got).toBe(want);
  });

  it('a new recording that is begun within the pass outlives it', () => {
    const tape = new tf.GradientTape();
    const z = tf.constant(5);
    let w: tf.Tensor | undefined;
    run(tape, () => {
      w = tape.record(() => {
        tape.watch(z);
        return tf.square(z);
      });
    });
    expect(tape.gradient(w as tf.Tensor, z)?.item()).toBe(10);
  });

  it('a persistent tape may be asked, disposed of and reset', () => {
    for (const act of [
      (tape: tf.GradientTape) => tape[Symbol.dispose](),
      (tape: tf.GradientTape) => tape.record(() => tape.reset()),
      (tape: tf.GradientTape) => tape.record(() => tf.square(2)),
    ]) {
      const tape = new tf.GradientTape({ persistent: true });
      expect(run(tape, () => act(tape))).toBe(want);
    }
    const tape = new tf.GradientTape({ persistent: true });
    let depth = 0;
    let inner: number | undefined;
    expect(
      run(tape, (y, x) => {
        if (depth++ === 0) inner = tape.gradient(y, x)?.item();
      }),
    ).toBe(want);
    expect(inner).toBe(want);
  });

  it('an error of a rule leaves a persistent tape whole, and consumes another', () => {
    for (const persistent of [true, false]) {
      const tape = new tf.GradientTape({ persistent });
      const x = tf.constant(3);
      let fails = true;
      const f = tf.customGradient((a: tf.Tensor) => ({
        value: tf.square(a),
        gradFn: (ct) => {
          if (fails) throw new Error('mine');
          return tf.mul(ct, 7);
        },
      }));
      const y = tape.record(() => {
        tape.watch(x);
        return f(tf.mul(x, 2));
      });
      expect(() => tape.gradient(y, x)).toThrow('mine');
      fails = false;
      if (persistent) expect(tape.gradient(y, x)?.item()).toBe(14);
      else expect(codeOf(() => tape.gradient(y, x))).toBe('ERR_TAPE_CONSUMED');
    }
  });
});

describe('many operands, many results', () => {
  const n = 100_000;
  const within = <T>(seconds: number, fn: () => T): T => {
    const start = performance.now();
    const result = fn();
    expect((performance.now() - start) / 1000).toBeLessThan(seconds);
    return result;
  };

  it.each(['concat', 'stack'] as const)(
    'the gradient of %s takes time in proportion to them',
    { timeout: 120_000 },
    (name) => {
      const parts = Array.from({ length: n }, (_, i) => tf.constant(name === 'concat' ? [i] : i));
      const weights = tf.range(0, n, 1);
      within(45, () => {
        const tape = new tf.GradientTape();
        const y = tape.record(() => {
          tape.watch(parts);
          const joined = name === 'concat' ? tf.concat(parts, 0) : tf.stack(parts);
          return tf.reduceSum(tf.mul(joined, weights));
        });
        const grads = tape.gradient(y, parts) as tf.Tensor[];
        tf.evaluate(grads);
        expect(grads[n - 1]?.dataSync()[0]).toBe(n - 1);
        expect(grads[7]?.dataSync()[0]).toBe(7);
      });
    },
  );

  it.each(['unstack', 'split'] as const)(
    'the gradient of %s takes time in proportion to them',
    { timeout: 120_000 },
    (name) => {
      const x = tf.range(0, n, 1);
      within(45, () => {
        const tape = new tf.GradientTape();
        const y = tape.record(() => {
          tape.watch(x);
          const parts = name === 'unstack' ? tf.unstack(x) : tf.split(x, n);
          return tf.concat(
            parts.map((t, i) => (i % 2 ? tf.reshape(t, [1]) : tf.mul(tf.reshape(t, [1]), 3))),
            0,
          );
        });
        const g = (tape.gradient(y, x) as tf.Tensor).dataSync();
        expect([...g.slice(0, 4)]).toEqual([3, 1, 3, 1]);
      });
    },
  );

  it('their second derivatives too', { timeout: 120_000 }, () => {
    const count = n / 5;
    const x = tf.range(0, count, 1);
    within(45, () => {
      const outer = new tf.GradientTape();
      const g = outer.record(() => {
        outer.watch(x);
        const inner = new tf.GradientTape();
        const y = inner.record(() => {
          inner.watch(x);
          return tf.reduceSum(tf.pow(tf.stack(tf.unstack(x)), 3));
        });
        return inner.gradient(y, x) as tf.Tensor;
      });
      expect(outer.gradient(g, x)?.dataSync()[10]).toBe(60);
    });
  });

  it('parts that nobody differentiated through get zeros', () => {
    const x = tf.constant([1, 2, 3, 4, 5]);
    for (const f of [
      () => tf.mul(tf.split(x, [2, 0, 3])[2] as tf.Tensor, [1, 2, 3]),
      () => tf.stack(tf.unstack(x).slice(2)).mul([1, 2, 3]),
    ]) {
      const tape = new tf.GradientTape();
      const y = tape.record(() => {
        tape.watch(x);
        return f();
      });
      expect(tape.gradient(y, x)?.arraySync()).toEqual([0, 0, 1, 2, 3]);
    }
    const tape = new tf.GradientTape();
    const y = tape.record(() => {
      tape.watch(x);
      tf.unstack(x);
      return tf.unstack(tf.zeros([0, 2]));
    });
    expect(y).toEqual([]);
  });

  it('one of several parts, of a matrix, along either axis, is a source', () => {
    const x = tf.constant([
      [1, 2],
      [3, 4],
    ]);
    for (const axis of [0, 1]) {
      const tape = new tf.GradientTape();
      const [parts, y] = tape.record(() => {
        tape.watch(x);
        const rows = tf.unstack(x, axis);
        return [rows, tf.reduceSum(tf.mul(rows[0] as tf.Tensor, rows[1] as tf.Tensor))] as const;
      });
      const [gx, g0, g1] = tape.gradient(y, [x, parts[0] as tf.Tensor, parts[1] as tf.Tensor]);
      expect(g0?.arraySync()).toEqual(parts[1]?.arraySync());
      expect(g1?.arraySync()).toEqual(parts[0]?.arraySync());
      expect(gx?.arraySync()).toEqual(tf.stack([g0 as tf.Tensor, g1 as tf.Tensor], axis).arraySync());
    }
  });
});
