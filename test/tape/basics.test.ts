// docs/semantics.md, 2A and 2B: what a gradient is, and what is watched. Numbers in titles are its cases.
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';
import { expectClose } from '../support/close.js';
import { arrayOf, gradientOf, gradientsOf } from '../support/tape.js';

type Leaf = tf.Tensor | tf.Variable;

describe('2A tape basics', () => {
  it('1: x x at 3', () => expect(gradientOf((x) => tf.mul(x, x), 3)).toBe(6));

  it('2: a variable needs no watch', () => {
    const x = new tf.Variable(3);
    const tape = new tf.GradientTape();
    const y = tape.record(() => tf.square(x));
    expect(tape.gradient(y, x)?.item()).toBe(6);
  });

  it('4, 5: a layer; gradients have the shapes and the keys of the sources', () => {
    const w = new tf.Variable([
      [1, 2],
      [3, 4],
      [5, 6],
    ]);
    const b = new tf.Variable([0, 0]);
    const x = tf.constant([[1, 2, 3]]);
    const tape = new tf.GradientTape({ persistent: true });
    const loss = tape.record(() => tf.reduceMean(tf.square(tf.add(tf.matmul(x, w), b))));
    const [dw, db] = tape.gradient(loss, [w, b]);
    expect(dw?.arraySync()).toEqual([
      [22, 28],
      [44, 56],
      [66, 84],
    ]);
    expect(db?.arraySync()).toEqual([22, 28]);
    const named = tape.gradient(loss, { w, b });
    expect(Object.keys(named)).toEqual(['w', 'b']);
    expect(named.b?.arraySync()).toEqual([22, 28]);
    expect(named.w?.shape).toEqual([3, 2]);
  });

  it('7: a target of several: the gradient of their sum', () => {
    const tape = new tf.GradientTape();
    const x = tf.constant(2);
    const target = tape.record(() => {
      tape.watch(x);
      return { y0: tf.square(x), y1: tf.div(1, x) };
    });
    expect(tape.gradient(target, x)?.item()).toBe(3.75);
  });

  it('8: a target that is no scalar is summed', () => expect(gradientOf((x) => tf.mul(x, [3, 4]), 2)).toBe(7));

  it('10: intermediate sources', () => {
    const x = tf.constant(3);
    const tape = new tf.GradientTape({ persistent: true });
    const [y, z] = tape.record(() => {
      tape.watch(x);
      const square = tf.mul(x, x);
      return [square, tf.mul(square, square)] as const;
    });
    expect(tape.gradient(z, [x, y]).map((t) => t?.item())).toEqual([108, 18]);
    expect(tape.gradient(z, y)?.item()).toBe(18);
  });

  it('11: the target is the source, or its identity', () => {
    expect(gradientOf((x) => x, 5)).toBe(1);
    expect(gradientOf((x) => tf.identity(x), 5)).toBe(1);
  });

  it('13: a repeated target that no op made', () => {
    const tape = new tf.GradientTape();
    const x = tf.constant(1);
    tape.record(() => tape.watch(x));
    expect(tape.gradient([x, x], x)?.item()).toBe(2);
  });

  it('14: targets that are sources', () => {
    const tape = new tf.GradientTape();
    const x = tf.constant(3);
    const y = tf.constant(5);
    const z = tape.record(() => {
      tape.watch([x, y]);
      return tf.mul(y, y);
    });
    expect(tape.gradient([x, y, z], [x, y]).map((t) => t?.item())).toEqual([1, 11]);
  });

  it('16: a target of no differentiable dtype is unconnected, whatever the source', () => {
    const tape = new tf.GradientTape({ persistent: true });
    const x = tf.constant(1);
    const s = tf.constant(7, { dtype: 'int32' });
    tape.record(() => tape.watch(x));
    expect(tape.gradient(s, x)).toBeNull();
    expect(tape.gradient(s, s)).toBeNull();
  });

  it('17: a source that is the target need not be watched', () => {
    const tape = new tf.GradientTape();
    const x = tf.constant(3);
    tape.record(() => 0);
    expect(tape.gradient(x, x)?.item()).toBe(1);
  });

  it('19: targets weighted by outputGradients', () => {
    const tape = new tf.GradientTape();
    const x = tf.constant(3);
    const y = tf.constant(2);
    const loss = tape.record(() => {
      tape.watch(x);
      return tf.mul(x, y);
    });
    expect(tape.gradient([loss, x], [x], { outputGradients: [1, 2] }).map((t) => t?.item())).toEqual([4]);
  });

  it('20: a cotangent goes through the identity', () =>
    expect(gradientOf((x) => tf.identity(x), 9, { dy: 2 })).toBe(2));

  it('22: a repeated source gets the whole gradient each time', () => {
    const x = tf.constant(3);
    const y = tf.constant(5);
    const tape = new tf.GradientTape({ persistent: true });
    const [twice, z] = tape.record(() => {
      tape.watch([x, y]);
      return [tf.mul(x, 2), tf.add(tf.mul(x, x), tf.mul(x, y))] as const;
    });
    expect(tape.gradient(twice, [x, x]).map((t) => t?.item())).toEqual([2, 2]);
    expect(tape.gradient(z, [x, x]).map((t) => t?.item())).toEqual([11, 11]);
    expect(tape.gradient(z, [y, x]).map((t) => t?.item())).toEqual([3, 11]);
  });

  it('23: the result mirrors any structure of sources', () => {
    const [a, b, c] = [3, 3.1, 3.2].map((v) => tf.constant(v)) as [tf.Tensor, tf.Tensor, tf.Tensor];
    const tape = new tf.GradientTape({ persistent: true });
    const y = tape.record(() => {
      tape.watch([a, b, c]);
      return tf.add(tf.add(a, tf.mul(b, 2)), tf.mul(c, 3));
    });
    const items = (x: unknown): unknown => {
      if (x instanceof tf.Tensor) return x.item();
      if (Array.isArray(x)) return x.map(items);
      return Object.fromEntries(Object.entries(x as object).map(([k, v]) => [k, items(v)]));
    };
    expect(items(tape.gradient(y, a))).toBe(1);
    expect(items(tape.gradient(y, [a]))).toEqual([1]);
    expect(items(tape.gradient(y, [a, b]))).toEqual([1, 2]);
    expect(
      items(
        tape.gradient(y, [
          [a, b],
          [b, c],
        ]),
      ),
    ).toEqual([
      [1, 2],
      [2, 3],
    ]);
    expect(items(tape.gradient(y, [a, b, [a, c]] as const))).toEqual([1, 2, [1, 3]]);
    expect(items(tape.gradient(y, [a, { x2: b, x3: c }] as const))).toEqual([1, { x2: 2, x3: 3 }]);
  });

  it('25: equal values are different tensors', () => {
    const tape = new tf.GradientTape();
    const a = tf.constant(3);
    const b = tf.constant(3);
    const y = tape.record(() => {
      tape.watch([a, b]);
      return tf.add(a, b);
    });
    expect(tape.gradient(y, a)?.item()).toBe(1);
  });

  it.each([
    ['constants', (v: number): Leaf => tf.constant(v)],
    ['variables', (v: number): Leaf => new tf.Variable(v)],
  ])('26: two targets of two %s', (_, make) => {
    const tape = new tf.GradientTape();
    const a = make(2);
    const b = make(2);
    const target = tape.record(() => {
      tape.watch([a, b]);
      return [tf.pow(a, 3), tf.pow(b, 2)];
    });
    expect(tape.gradient(target, [a, b]).map((t) => (t as tf.Tensor).item())).toEqual([12, 4]);
  });

  it('28, 29: functions of several results and arguments', () => {
    const tape = new tf.GradientTape();
    const x = tf.constant([0, 1, 2]);
    const target = tape.record(() => {
      tape.watch(x);
      return [tf.add(x, 2), tf.mul(x, x)];
    });
    expect(tape.gradient(target, x)?.arraySync()).toEqual([1, 3, 5]);
    const both = new tf.GradientTape();
    const itself = both.record(() => {
      both.watch(x);
      return [x, tf.mul(x, 2)];
    });
    expect(both.gradient(itself, x)?.arraySync()).toEqual([3, 3, 3]);
    expect(gradientsOf((a, b) => tf.mul(a as tf.Tensor, b as tf.Tensor), [1, 2]).map(arrayOf)).toEqual([2, 1]);
  });

  it('31: integers are not differentiable', () => {
    const x = tf.constant(10, { dtype: 'int32' });
    expect(gradientsOf((t) => tf.add(t as tf.Tensor, t as tf.Tensor), [x])).toEqual([null]);
    expect(gradientsOf((t) => tf.square(tf.cast(t as tf.Tensor, 'float32')), [x])).toEqual([null]);
  });

  it('32: no path through argmax', () => {
    const x = tf.constant([1, 3, 2]);
    expect(gradientsOf((t) => tf.cast(tf.argmax(t as tf.Tensor), 'float32'), [x])).toEqual([null]);
    expect(gradientsOf((t) => tf.stopGradient(tf.argmax(t as tf.Tensor)), [x])).toEqual([null]);
  });

  it('34: an unrelated variable', () => {
    const x = new tf.Variable(1);
    const y = new tf.Variable(2);
    const tape = new tf.GradientTape();
    tape.record(() => tf.mul(x, y));
    expect(tape.gradient(x, y)).toBeNull();
  });

  it('35: an exception leaves no tape behind', () => {
    const broken = new tf.GradientTape();
    expect(() =>
      broken.record(() => {
        throw new Error('mine');
      }),
    ).toThrow('mine');
    const x = tf.constant(1);
    const before = tf.constant(0).id;
    expect(gradientOf((t) => tf.mul(t, t), x)).toBe(2);
    expect(tf.constant(0).id).toBeGreaterThan(before);
    // The broken tape records nothing more: what is computed now is not on it.
    const y = tf.square(x);
    expect(broken.gradient(y, x)).toBeNull();
  });

  it('40: no sources', () => {
    const tape = new tf.GradientTape();
    const x = tf.constant(1);
    const y = tape.record(() => tf.square(x));
    expect(tape.gradient(y, [])).toEqual([]);
  });

  it('41: softmax cross entropy', () => {
    const dx = gradientsOf(
      (x) => tf.reduceMean(tf.nn.softmaxCrossEntropyWithLogits([[1, 0]], x as tf.Tensor)),
      [[[0, 0]]],
    )[0];
    expect(arrayOf(dx)).toEqual([[-0.5, 0.5]]);
  });
});

describe('2B watching, variables, state, control flow', () => {
  it('43: watchedVariables, reset', () => {
    const v = new tf.Variable(1);
    const tape = new tf.GradientTape();
    expect(tape.watchedVariables()).toEqual([]);
    tape.record(() => {
      expect(tape.watchedVariables()).toEqual([]);
      tf.mul(v, v);
      expect(tape.watchedVariables()).toEqual([v]);
      tape.reset();
      expect(tape.watchedVariables()).toEqual([]);
      tf.mul(v, v);
      expect(tape.watchedVariables()).toEqual([v]);
    });
    const explicit = new tf.GradientTape({ watchAccessedVariables: false });
    explicit.record(() => {
      tf.mul(v, v);
      expect(explicit.watchedVariables()).toEqual([]);
      explicit.watch(v);
      expect(explicit.watchedVariables()).toEqual([v]);
    });
    const y = tf.constant(0);
    explicit.gradient(y, v);
    expect(explicit.watchedVariables(), 'still there after the tape is consumed').toEqual([v]);
  });

  it('44: watched variables come in the order of construction', () => {
    const v0 = new tf.Variable(1);
    const v1 = new tf.Variable(2);
    const tape = new tf.GradientTape();
    tape.record(() => {
      tf.square(v1);
      tf.square(v0);
    });
    expect(tape.watchedVariables()).toEqual([v0, v1]);
  });

  it('46: only what is watched', () => {
    const x0 = new tf.Variable(0);
    const x1 = new tf.Variable(10);
    const tape = new tf.GradientTape({ watchAccessedVariables: false });
    const ys = tape.record(() => {
      tape.watch(x1);
      return tf.add(tf.sin(x0), tf.softplus(x1));
    });
    const grads = tape.gradient(ys, { x0, x1 });
    expect(grads.x0).toBeNull();
    expectClose(grads.x1?.item(), 0.9999546);
  });

  it('47: variables that are not trainable, watched by two tapes', () => {
    const x1 = new tf.Variable(2, { trainable: false });
    const x2 = new tf.Variable(2, { trainable: false });
    const outer = new tf.GradientTape();
    const inner = outer.record(() => {
      outer.watch(x1);
      const tape = new tf.GradientTape();
      const target = tape.record(() => {
        tape.watch([x1, x2]);
        return [tf.pow(x1, 3), tf.square(x2)];
      });
      return tape.gradient(target, [x1, x2]);
    });
    expect(inner.map((t) => t?.item())).toEqual([12, 4]);
    const second = outer.gradient(inner as tf.Tensor[], [x1, x2]);
    expect(second.map((t) => t?.item())).toEqual([12, undefined]);
  });

  it('49: value() once; a variable that the result does not use', () => {
    const v = new tf.Variable(2);
    const unused = new tf.Variable(3);
    const tape = new tf.GradientTape({ persistent: true });
    const y = tape.record(() => {
      unused.value();
      return v.value();
    });
    expect(tape.gradient(y, v)?.item()).toBe(1);
    expect(tape.gradient(y, unused)).toBeNull();
  });

  it('50: a name bound to a tensor is no variable any more', () => {
    let x: Leaf = new tf.Variable(1);
    const seen: unknown[] = [];
    for (let epoch = 0; epoch < 2; epoch++) {
      const tape = new tf.GradientTape();
      const y: tf.Tensor = tape.record(() => tf.add(x, 1));
      seen.push((tape.gradient(y, x) as tf.Tensor | null)?.item() ?? null);
      x = tf.add(x, 1);
    }
    expect(seen).toEqual([1, null]);
  });

  it('52: state stops gradients', () => {
    const x0 = new tf.Variable(3);
    const x1 = new tf.Variable(0);
    const tape = new tf.GradientTape({ persistent: true });
    const y = tape.record(() => {
      x1.assignAdd(x0);
      return tf.square(x1);
    });
    expect(tape.gradient(y, x0)).toBeNull();
    expect(tape.gradient(y, x1)?.item()).toBe(6);
  });

  it('53: no gradient through assign', () => {
    const x = new tf.Variable(0);
    const z = new tf.Variable(3);
    const tape = new tf.GradientTape();
    const y = tape.record(() => x.assign(tf.square(z)).value());
    expect(tape.gradient(y, z)).toBeNull();
  });

  it('55: conditions and loops of JavaScript', () => {
    expect(gradientOf((x) => (tf.less(x, x).item() ? x : tf.mul(x, x)), 3)).toBe(6);
    const doubled = gradientOf((x) => {
      let t = x;
      for (let i = 1; i < 3; i++) t = tf.mul(t, 2);
      return t;
    }, 2);
    expect(doubled).toBe(4);
  });

  it('56: assigning after the forward pass changes no gradient', () => {
    const w = new tf.Variable(3);
    const tape = new tf.GradientTape();
    const y = tape.record(() => tf.mul(w, w));
    w.assign(100);
    expect(tape.gradient(y, w)?.item()).toBe(6);
  });

  it('a variable created inside the block, and one read outside of it', () => {
    const outside = new tf.Variable(2);
    const before = tf.add(outside, 1);
    const tape = new tf.GradientTape({ persistent: true });
    const [y, inside] = tape.record(() => {
      const v = new tf.Variable(5);
      return [tf.mul(tf.mul(v, v), before), v] as const;
    });
    expect(tape.gradient(y, inside)?.item()).toBe(30);
    expect(tape.gradient(y, outside)).toBeNull();
  });

  it('several reads add up to one gradient, before and after an assignment', () => {
    const v = new tf.Variable(2);
    const tape = new tf.GradientTape();
    const y = tape.record(() => {
      const first = tf.square(v);
      v.assign(5);
      return tf.add(first, tf.mul(v, 10));
    });
    expect(tape.gradient(y, v)?.item()).toBe(14);
  });

  it('watching a tensor again, or one that the tape made, changes nothing', () => {
    const x = tf.constant(3);
    const tape = new tf.GradientTape();
    const z = tape.record(() => {
      tape.watch(x);
      tape.watch(x);
      const y = tf.square(x);
      tape.watch(y);
      return tf.square(y);
    });
    expect(tape.gradient(z, x)?.item()).toBe(108);
  });

  it('ops before watch are not recovered', () => {
    const x = tf.constant(3);
    const tape = new tf.GradientTape();
    const y = tape.record(() => {
      const early = tf.square(x);
      tape.watch(x);
      return early;
    });
    expect(tape.gradient(y, x)).toBeNull();
  });
});
