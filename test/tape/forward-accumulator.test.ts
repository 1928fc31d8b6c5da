// docs/semantics.md, 1.18 and 2J: ForwardAccumulator. Numbers in titles are its cases.
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';
import { jsonOf, runChild } from '../support/child.js';
import { expectClose } from '../support/close.js';
import { codeOf, errorOf, expectError, gradtapeErrorOf, rejectionOf } from '../support/errors.js';
import { f64 } from '../support/tensors.js';

/** The tangent of f(x) along v. */
function along(f: (x: tf.Tensor) => tf.Tensor, x: tf.Tensor, v: tf.TensorLike): tf.Tensor | null {
  const accumulator = new tf.ForwardAccumulator(x, v as tf.Tensor);
  return accumulator.jvp(accumulator.record(() => f(x)));
}

describe('2J forward mode', () => {
  it('127: sums and products', () => {
    const [x, y] = [tf.constant(4), tf.constant(5)];
    const accumulator = new tf.ForwardAccumulator([x, y], [2, 3]);
    const [sum, product] = accumulator.record(() => [x.add(y), x.mul(y)]);
    expect(accumulator.jvp([sum, product]).map((t) => t?.item())).toEqual([5, 22]);
  });

  it('128: the sine', () => {
    expectClose(along(tf.sin, tf.constant(0.1), 0.2)?.item(), 0.1990008);
  });

  it('130: a primal twice, entering twice, leaving and entering again', () => {
    const x = tf.constant(-2);
    const error = expectError(() => new tf.ForwardAccumulator([x, x], [1, 2]), tf.ValueError, 'ERR_ACCUMULATOR');
    expect(error.message).toContain('was specified as a primal multiple times. This may indicate an error.');
    const accumulator = new tf.ForwardAccumulator(x, 1.5);
    const y = accumulator.record(() => {
      expect(errorOf(() => accumulator.record(() => 0)).message).toContain('Accumulator is already recording.');
      expect(codeOf(() => accumulator.enter())).toBe('ERR_ACCUMULATOR');
      return x.mul(4);
    });
    expect(accumulator.jvp(y)?.item()).toBe(6);
    expect(accumulator.jvp(x.mul(4))).toBeNull();
    expect(accumulator.record(() => accumulator.jvp(y.mul(y)))?.item()).toBe(-96);
    expect(accumulator.jvp(y)?.item()).toBe(6);
  });

  it('133: variables', () => {
    const v = new tf.Variable([1, 2, 3]);
    const accumulator = new tf.ForwardAccumulator(v, [0.5, -0.25, 0.125]);
    const [twice, more, value] = accumulator.record(() => [v.mul(2), v.add(0.1), v.value()]);
    expect(accumulator.jvp(v)?.arraySync()).toEqual([0.5, -0.25, 0.125]);
    expect(accumulator.jvp({ twice, more, value })).toMatchObject({ twice: {}, more: {}, value: {} });
    expect(accumulator.jvp(twice)?.arraySync()).toEqual([1, -0.5, 0.25]);
    expect(accumulator.jvp(more)?.arraySync()).toEqual([0.5, -0.25, 0.125]);
    expect(accumulator.jvp(value)?.arraySync()).toEqual([0.5, -0.25, 0.125]);
    const w = new tf.Variable([0, 0, 0]);
    const assigned = accumulator.record(() => w.assign(v.mul(2)).mul(1));
    expect(accumulator.jvp(assigned)).toBeNull();
  });

  it('134: dead tensors drop their tangents while it records', async () => {
    const result = jsonOf<{ dead: boolean; alive: number[] }>(
      await runChild(`
        (async () => {
          const x = tf.constant([1, 2]);
          const accumulator = new tf.ForwardAccumulator(x, [1, 10]);
          await accumulator.recordAsync(async () => {
            const kept = x.mul(3);
            const ref = (() => new WeakRef(accumulator.jvp(tf.exp(x))))();
            for (let i = 0; i < 3; i++) { await new Promise((resolve) => setTimeout(resolve, 2)); gc(); }
            done({ dead: ref.deref() === undefined, alive: accumulator.jvp(kept).arraySync() });
          });
        })();`),
    );
    expect(result).toEqual({ dead: true, alive: [3, 30] });
  });

  it('136: Hessian times vector, forward over reverse and reverse over reverse', () => {
    const f = (x: tf.Tensor): tf.Tensor => tf.reduceProd(tf.square(tf.tanh(x)));
    const x = f64([1, 2, 3]);
    const v = f64([3, 4, 5]);
    const gradient = (): tf.Tensor => {
      const tape = new tf.GradientTape();
      const y = tape.record(() => {
        tape.watch(x);
        return f(x);
      });
      return tape.gradient(y, x) as tf.Tensor;
    };
    const accumulator = new tf.ForwardAccumulator(x, v);
    const g = accumulator.record(gradient);
    expectClose(g.arraySync(), [0.58863927, 0.07823082, 0.0105839], 1e-7);
    expectClose(accumulator.jvp(g)?.arraySync(), [-1.31254415, -0.31380528, -0.06356722], 1e-7);
    const outer = new tf.GradientTape();
    const again = outer.record(() => {
      outer.watch(x);
      return gradient();
    });
    expectClose(outer.gradient(again, x, { outputGradients: v })?.arraySync(), accumulator.jvp(g)?.arraySync(), 1e-12);
  });

  it('137: reverse over forward; only the order of entry counts', () => {
    const c = f64(1);
    const inside = (enterTapeFirst: boolean): tf.Tensor | null => {
      // Made in the other order than entered.
      const made = enterTapeFirst
        ? { accumulator: new tf.ForwardAccumulator(c, f64(0.1)), tape: new tf.GradientTape() }
        : { tape: new tf.GradientTape(), accumulator: new tf.ForwardAccumulator(c, f64(0.1)) };
      const { tape, accumulator } = made;
      const d = enterTapeFirst
        ? tape.record(() => {
            tape.watch(c);
            return accumulator.record(() => tf.cos(c));
          })
        : accumulator.record(() =>
            tape.record(() => {
              tape.watch(c);
              return tf.cos(c);
            }),
          );
      return tape.gradient(accumulator.jvp(d) as tf.Tensor, c);
    };
    expectClose(inside(true)?.item(), -0.1 * Math.cos(1), 1e-12);
    expect(inside(false)).toBeNull();
  });

  it('139: loops and conditions', () => {
    const y = tf.constant(2);
    const loop = (x: tf.Tensor): tf.Tensor => {
      let sum = tf.constant(0);
      for (let i = 0; i < 5; i++) sum = sum.add(x.mul(i));
      return sum;
    };
    expect(along(loop, y, 1)?.item()).toBe(10);
    const branch = (k: number) => (x: tf.Tensor) => (k > 1 ? x.mul(3) : tf.constant(1));
    expect(along(branch(2), y, 1)?.item()).toBe(3);
    expect(along(branch(0), y, 1)).toBeNull();
  });

  it('140: derivatives of order 3, all ways', () => {
    const f = (x: tf.Tensor): tf.Tensor => tf.mul(tf.sin(x), tf.tan(x));
    const x = f64([
      [0.2, 0.3],
      [1, 0.4],
    ]);
    const reverse = (g: (x: tf.Tensor) => tf.Tensor) => (t: tf.Tensor) => tf.grad(g)(t);
    const forward = (g: (x: tf.Tensor) => tf.Tensor) => (t: tf.Tensor) => tf.jvp(g, [t], [tf.onesLike(t)]).tangent;
    const want = reverse(reverse(reverse(f)))(x).arraySync();
    for (const g of [
      forward(forward(forward(f))),
      forward(reverse(forward(f))),
      reverse(forward(reverse(f))),
      reverse(reverse(forward(f))),
      forward(forward(reverse(f))),
    ]) {
      expectClose(g(x).arraySync(), want, 1e-10);
    }
  });
});

describe('1.18', () => {
  it('accumulators nest: outer ones see the tangents of inner ones, and not the other way round', () => {
    const x = f64(0.5);
    const outer = new tf.ForwardAccumulator(x, f64(1));
    const middle = new tf.ForwardAccumulator(x, f64(1));
    const inner = new tf.ForwardAccumulator(x, f64(1));
    outer.record(() =>
      middle.record(() =>
        inner.record(() => {
          const y = tf.sin(x);
          const first = inner.jvp(y) as tf.Tensor;
          const second = middle.jvp(first) as tf.Tensor;
          expectClose(first.item(), Math.cos(0.5), 1e-14);
          expectClose(second.item(), -Math.sin(0.5), 1e-14);
          expectClose(outer.jvp(second)?.item(), -Math.cos(0.5), 1e-14);
          expect(inner.jvp(middle.jvp(y) as tf.Tensor)).toBeNull();
          expect(middle.jvp(outer.jvp(y) as tf.Tensor)).toBeNull();
        }),
      ),
    );
  });

  it('nests, and unconnected values', () => {
    const w = { a: tf.constant([1, 2]), b: [tf.constant(3)] };
    const accumulator = new tf.ForwardAccumulator(w, { a: [1, 0], b: [2] });
    const y = accumulator.record(() => ({
      sum: tf.reduceSum(w.a.mul(w.b[0] as tf.Tensor)),
      other: tf.constant([1, 1]),
    }));
    expect(accumulator.jvp(y).sum?.item()).toBe(9);
    expect(accumulator.jvp(y).other).toBeNull();
    expect(accumulator.jvp(y, { unconnectedGradients: 'zero' }).other.arraySync()).toEqual([0, 0]);
    expect(codeOf(() => accumulator.jvp(y, { unconnectedGradients: 'throw' }))).toBe('ERR_UNCONNECTED');
    expect(codeOf(() => accumulator.jvp(3 as never))).toBe('ERR_NOT_A_TENSOR');
    expect(codeOf(() => accumulator.jvp(y, { zero: true } as never))).toBe('ERR_OPTION');
  });

  it('refuses tangents that do not fit', () => {
    const x = tf.constant([1, 2]);
    expectError(() => new tf.ForwardAccumulator(x, [1, 2, 3]), tf.ShapeError, 'ERR_ACCUMULATOR');
    expectError(() => new tf.ForwardAccumulator(x, f64([1, 2])), tf.DTypeError, 'ERR_ACCUMULATOR');
    expectError(() => new tf.ForwardAccumulator([x], { a: 1 } as never), tf.ValueError, 'ERR_ACCUMULATOR');
    expectError(() => new tf.ForwardAccumulator(3 as never, 1), tf.GradtapeError, 'ERR_NOT_A_TENSOR');
  });

  it('gives nothing through integers, stopGradient and rounding; zeros through what has zero derivative', () => {
    const x = tf.constant([0.5, 1.5]);
    const cut: ((t: tf.Tensor) => tf.Tensor)[] = [
      tf.floor,
      tf.stopGradient,
      (t) => tf.cast(tf.cast(t, 'int32'), 'float32'),
      (t) => tf.cast(tf.argmax(t), 'float32'),
    ];
    for (const f of cut) expect(along(f, x, [1, 1])).toBeNull();
    expect(along(tf.sign, x, [1, 1])?.arraySync()).toEqual([0, 0]);
  });

  it('ops of several results, of operands without tangents, of sparse gradients', () => {
    const x = f64([
      [1, 2],
      [3, 4],
    ]);
    const v = f64([
      [1, 0],
      [0, 2],
    ]);
    const accumulator = new tf.ForwardAccumulator(x, v);
    const [parts, joined, rows] = accumulator.record(() => [
      tf.split(x, 2, 1),
      tf.concat([x, tf.zerosLike(x), tf.square(x)], 0),
      tf.gather(tf.square(x), [1, 1, 0]),
    ]);
    expect(accumulator.jvp(parts as tf.Tensor[]).map((t) => t?.arraySync())).toEqual([
      [[1], [0]],
      [[0], [2]],
    ]);
    expect(accumulator.jvp(joined as tf.Tensor)?.arraySync()).toEqual([
      [1, 0],
      [0, 2],
      [0, 0],
      [0, 0],
      [2, 0],
      [0, 16],
    ]);
    expect(accumulator.jvp(rows as tf.Tensor)?.arraySync()).toEqual([
      [0, 16],
      [0, 16],
      [2, 0],
    ]);
  });

  it('custom gradients: the rule of the user, transposed; one that is not linear is an error', () => {
    const x = f64([1, 2]);
    const triple = tf.customGradient((t: tf.Tensor) => ({ value: t.mul(2), gradFn: (dy) => dy.mul(t).mul(3) }));
    expect(along(triple, x, f64([1, 10]))?.arraySync()).toEqual([3, 60]);
    const clipped = tf.customGradient((t: tf.Tensor) => ({ value: t.mul(2), gradFn: (dy) => tf.tanh(dy) }));
    expect(codeOf(() => along(clipped, x, f64([1, 10]))?.arraySync())).toBe('ERR_NO_GRADIENT');
    const again = tf.recomputeGrad((t: tf.Tensor) => tf.sin(t).mul(t));
    expectClose(
      along(again, x, f64([1, 1]))?.arraySync(),
      [Math.sin(1) + Math.cos(1), Math.sin(2) + 2 * Math.cos(2)],
      1e-14,
    );
  });

  it('eager and checkNumerics change nothing', () => {
    const f = (t: tf.Tensor): tf.Tensor => tf.reduceProd(tf.div(tf.softplus(t), tf.add(tf.square(t), 1)));
    const x = f64([0.5, -0.25, 0]);
    const want = along(f, x, f64([1, 2, 3]))?.item();
    for (const setting of ['eager', 'checkNumerics'] as const) {
      tf.config[setting] = true;
      try {
        expect(along(f, x, f64([1, 2, 3]))?.item()).toBe(want);
      } finally {
        tf.config[setting] = false;
      }
    }
  });

  it('checkNumerics reports the tangents of an op whose rule is transposed, and not what was infinite before', () => {
    const [a, b] = [f64([[1e-200]]), f64([[1]])];
    const solve = (v: tf.Tensor, w: tf.Tensor): unknown =>
      tf.jvp((x: tf.Tensor, y: tf.Tensor) => tf.linalg.solve(x, y), [a, b], [v, w]).tangent.arraySync();
    tf.config.checkNumerics = true;
    try {
      expect(solve(f64([[0]]), f64([[1]]))).toEqual([[1e200]]);
      expect(solve(f64([[0]]), f64([[Infinity]]))).toEqual([[Infinity]]);
      const error = gradtapeErrorOf(() => solve(f64([[0]]), f64([[1e200]])));
      expect([error.code, error.message]).toEqual(['ERR_NUMERICS', expect.stringContaining('linalg.solve')]);
    } finally {
      tf.config.checkNumerics = false;
    }
  });
});

describe('blocks and async functions', () => {
  it('enter', () => {
    const x = tf.constant(3);
    const accumulator = new tf.ForwardAccumulator(x, 2);
    const block = accumulator.enter();
    const y = x.mul(x);
    block[Symbol.dispose]();
    expect(accumulator.jvp(y)?.item()).toBe(12);
    expect(accumulator.jvp(x.mul(x))).toBeNull();
  });

  it('a block that is left open across an await says so', async () => {
    const x = tf.constant(3);
    const accumulator = new tf.ForwardAccumulator(x, 2);
    const block = accumulator.enter();
    await Promise.resolve();
    expect(codeOf(() => accumulator.jvp(x))).toBe('ERR_TAPE_CROSSED_AWAIT');
    block[Symbol.dispose]();
    expect(accumulator.record(() => accumulator.jvp(x.mul(x)))?.item()).toBe(12);
  });

  it('recordAsync is bound to its function', async () => {
    const x = tf.constant(3);
    const accumulator = new tf.ForwardAccumulator(x, 2);
    let other: tf.Tensor | null = null;
    const done = accumulator.recordAsync(async () => {
      const y = x.mul(x);
      await new Promise((resolve) => setTimeout(resolve, 1));
      return y.mul(x);
    });
    other = x.mul(5);
    const z = await done;
    expect(accumulator.jvp(z)?.item()).toBe(54);
    expect(accumulator.jvp(other)).toBeNull();
    expect((await rejectionOf(() => accumulator.recordAsync(3 as never))).code).toBe('ERR_TAPE_RECORD');
    expect(codeOf(() => accumulator.record(async () => x))).toBe('ERR_TAPE_ASYNC');
  });
});
