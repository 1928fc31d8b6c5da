// recomputeGrad: what it keeps, what it runs again, and with what. Numbers in titles are cases of docs/semantics.md, 2I.
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';
import { gradtapeErrorOf } from '../support/errors.js';
import { arrayOf, dense, derivative, gradientsOf, tapeOf } from '../support/tape.js';

type Fn = (...xs: tf.Tensor[]) => tf.Tensor;

// Gradients of f at the values, as numbers.
const gradients = (f: Fn, xs: readonly tf.TensorLike[]): unknown[] => gradientsOf(f, xs).map((g) => g && arrayOf(g));

describe('recomputeGrad', () => {
  const f = (x: tf.Tensor): tf.Tensor => tf.reduceProd(tf.square(tf.tanh(x)));

  it('124: right to third order', () => {
    const g = tf.recomputeGrad(f);
    const x = tf.constant([1], { dtype: 'float64' });
    const sum = (h: (x: tf.Tensor) => tf.Tensor) => (t: tf.Tensor) => tf.reduceSum(h(t));
    expect(g(x).item()).toBe(f(x).item());
    let [plain, again] = [f, g] as [(x: tf.Tensor) => tf.Tensor, (x: tf.Tensor) => tf.Tensor];
    for (let order = 1; order <= 3; order++) {
      plain = derivative(sum(plain));
      again = derivative(sum(again));
      expect(Math.abs(again(x).item() - plain(x).item())).toBeLessThan(1e-12);
    }
  });

  it('125: the body runs once more for the gradient', () => {
    let runs = 0;
    const layer = tf.recomputeGrad((x: tf.Tensor) => {
      runs++;
      return tf.tanh(x);
    });
    const x = tf.constant(0.5);
    const tape = new tf.GradientTape();
    const y = tape.record(() => {
      tape.watch(x);
      return layer(layer(layer(layer(x))));
    });
    expect(runs).toBe(4);
    const g = dense(tape.gradient(y, x));
    expect(runs).toBe(8);
    const plain: Fn = (t) => tf.tanh(tf.tanh(tf.tanh(tf.tanh(t as tf.Tensor))));
    expect(g.item()).toBeCloseTo(gradients(plain, [0.5])[0] as number, 6);
  });

  it('with variables, integers beside floats, the same tensor twice, empty tensors, several results', () => {
    const v = new tf.Variable([2, 3]);
    const x = tf.constant([1, 1]);
    const i = tf.constant(new Int32Array([1, 0]));
    const g = tf.recomputeGrad((a: tf.Tensor, b: tf.Tensor, index: tf.Tensor) => [
      tf.mul(tf.mul(a, tf.mul(b, b)), v),
      tf.gather(v, index),
    ]);
    const tape = new tf.GradientTape();
    const y = tape.record(() => {
      tape.watch(x);
      return g(x, x, i);
    });
    const [dx, dv] = tape.gradient(y, [x, v]);
    expect(dense(dx).arraySync()).toEqual([6, 9]);
    expect(dense(dv).arraySync()).toEqual([2, 2]);
    const masked = tf.recomputeGrad((mask: boolean[], nothing: number[], t: tf.Tensor) =>
      tf.concat([tf.where(mask, t, 0), nothing], 0),
    );
    expect(gradients(((t: tf.Tensor) => masked([true, false], [], t)) as Fn, [[5, 6]])).toEqual([[1, 0]]);
    expect(gradients(tf.recomputeGrad((t: tf.Tensor) => tf.exp(t)) as Fn, [tf.zeros([0, 2])])).toEqual([[]]);
  });

  it('options and defaults are no arguments', () => {
    const power = (x: tf.Tensor, opts?: { mode: string }): tf.Tensor => (opts?.mode === 'cube' ? x.pow(3) : x.mul(x));
    const x = tf.constant(3);
    const recomputed = tf.recomputeGrad(power);
    const [a, y] = tapeOf(x, () => recomputed(x, { mode: 'cube' }));
    expect(a.gradient(y, x)?.item()).toBe(27);
    const [b, z] = tapeOf(x, () => recomputed(x, undefined));
    expect(b.gradient(z, x)?.item()).toBe(6);
    const custom = tf.customGradient((t: tf.Tensor, mode: string) => ({
      value: power(t, { mode }),
      gradFn: (ct) => ct.mul(7),
    }));
    const [c, w] = tapeOf(x, () => custom(x, 'cube'));
    expect(c.gradient(w, x)?.item()).toBe(7);
  });

  it('recomputeGrad does not warn of its integer arguments', async () => {
    const said: string[] = [];
    const listen = (w: Error & { code?: string }): void => {
      said.push(w.code ?? '');
    };
    process.on('warning', listen);
    const f = tf.recomputeGrad((x: tf.Tensor, n: tf.Tensor) => x.mul(tf.cast(n, 'float32')));
    const x = tf.constant(2);
    const [tape, y] = tapeOf(x, () => f(x, tf.constant(3, { dtype: 'int32' })));
    expect(tape.gradient(y, x)?.item()).toBe(3);
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', listen);
    expect(said).not.toContain('GRADTAPE_WATCH_DTYPE');
  });
});

describe('recomputeGrad runs again as it ran', () => {
  it('with the very same arguments where they are no tensors', () => {
    const seen: unknown[][] = [];
    const f = (
      x: tf.Tensor,
      n: number,
      training: boolean,
      shape: number[],
      opts: object,
      data: Float32Array,
    ): tf.Tensor => {
      seen.push([n, training, shape, opts, data]);
      let y = tf.reshape(x, shape);
      for (let i = 0; i < n; i++) y = tf.mul(y, tf.reshape(x, shape));
      return training ? y : tf.mul(y, data);
    };
    const args = [3, true, [2, 1], { rate: 0.1 }, new Float32Array([1, 2])] as const;
    const call = (g: typeof f) => ((x: tf.Tensor) => g(x, args[0], args[1], args[2] as never, args[3], args[4])) as Fn;
    expect(gradients(call(tf.recomputeGrad(f)), [[2, 3]])).toEqual(gradients(call(f), [[2, 3]]));
    expect(seen).toHaveLength(3);
    for (const values of seen) for (const [i, value] of values.entries()) expect(value).toEqual(args[i]);
  });

  it('with variables as arguments, and objects of both', () => {
    const v = new tf.Variable([2, 3]);
    const f = tf.recomputeGrad((x: tf.Tensor, w: tf.Variable, opts: { scale: tf.Tensor; times: number }) => {
      expect(w).toBeInstanceOf(tf.Variable);
      expect(opts.times).toBe(2);
      return tf.mul(tf.mul(x, w.value()), tf.mul(opts.scale, opts.times));
    });
    const x = tf.constant([1, 1]);
    const scale = tf.constant(5);
    const tape = new tf.GradientTape();
    const y = tape.record(() => {
      tape.watch([x, scale]);
      return f(x, v, { scale, times: 2 });
    });
    const [dx, dv, ds] = tape.gradient(y, [x, v, scale]);
    expect(dense(dx).arraySync()).toEqual([20, 30]);
    expect(dense(dv).arraySync()).toEqual([10, 10]);
    expect(dense(ds).arraySync()).toBe(10);
  });

  it('with what its variables were', () => {
    const v = new tf.Variable(3);
    const f = tf.recomputeGrad((x: tf.Tensor) => tf.mul(tf.square(x), v));
    const x = tf.constant(2);
    const tape = new tf.GradientTape();
    const y = tape.record(() => {
      tape.watch(x);
      return f(x);
    });
    v.assign(100);
    expect(tape.gradient(y, [x, v]).map((t) => t?.item())).toEqual([12, 4]);
    expect(v.value().item()).toBe(100);
  });

  it('with the same random numbers, and the stream goes on as if it had not', () => {
    const x = tf.ones([64]);
    const body = (t: tf.Tensor): tf.Tensor => tf.nn.dropout(tf.mul(t, 3), 0.5);
    const g = tf.recomputeGrad(body);
    const both = tf.recomputeGrad((t: tf.Tensor) => g(tf.add(g(t), tf.random.normal([64]))));
    for (const f of [g, both]) {
      tf.random.setSeed(7);
      const tape = new tf.GradientTape();
      const y = tape.record(() => {
        tape.watch(x);
        return f(x);
      });
      const between = tf.random.uniform([4]).arraySync();
      const dx = dense(tape.gradient(y, x)).arraySync();
      const after = tf.random.uniform([4]).arraySync();
      tf.random.setSeed(7);
      const plain = f === g ? body : (t: tf.Tensor) => body(tf.add(body(t), tf.random.normal([64])));
      const again = new tf.GradientTape();
      const z = again.record(() => {
        again.watch(x);
        return plain(x);
      });
      expect(y.arraySync()).toEqual(z.arraySync());
      expect(tf.random.uniform([4]).arraySync()).toEqual(between);
      expect(dx).toEqual(dense(again.gradient(z, x)).arraySync());
      expect(tf.random.uniform([4]).arraySync()).toEqual(after);
    }
  });

  it('the stream goes on also when the second run fails', () => {
    let runs = 0;
    const f = tf.recomputeGrad((t: tf.Tensor) => {
      const u = tf.random.uniform([]);
      if (runs++ > 0) throw new Error('mine');
      return tf.mul(t, u);
    });
    tf.random.setSeed(3);
    expect(() => gradients(f as Fn, [1])).toThrow('mine');
    const after = tf.random.uniform([2]).arraySync();
    tf.random.setSeed(3);
    tf.random.uniform([]);
    expect(tf.random.uniform([2]).arraySync()).toEqual(after);
  });

  it('hides its first run from the tapes before it, and only from those', () => {
    const x = tf.constant(2);
    let within: tf.Tensor | undefined;
    const slopes: (number | undefined)[] = [];
    const f = tf.recomputeGrad((a: tf.Tensor) => {
      within ??= tf.square(a);
      const tape = new tf.GradientTape();
      const y = tape.record(() => {
        tape.watch(a);
        return tf.mul(tf.square(a), a);
      });
      const slope = dense(tape.gradient(y, a));
      slopes.push(slope.item());
      return tf.mul(slope, a);
    });
    const outer = new tf.GradientTape({ persistent: true });
    const y = outer.record(() => {
      outer.watch(x);
      return f(x);
    });
    expect(outer.gradient(within as tf.Tensor, x)).toBeNull();
    expect(outer.gradient(y, x)?.item(), "(3 x^2 x)'").toBe(36);
    expect(slopes).toEqual([12, 12]);
  });

  it('refuses what is no function', () => {
    expect(gradtapeErrorOf(() => tf.recomputeGrad(3 as never)).code).toBe('ERR_CUSTOM_GRADIENT');
    expect(gradtapeErrorOf(() => tf.gradPassThrough(undefined as never)).code).toBe('ERR_CUSTOM_GRADIENT');
  });
});
