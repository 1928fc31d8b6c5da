// The tape against its specification, docs/semantics.md: numbers in titles are cases, E and W its errors and warnings.
import * as tf from 'gradtape';
import { describe, expect, it, vi } from 'vitest';
import { expectClose } from '../support/close.js';
import { errorOf } from '../support/errors.js';
import { arrayOf, dense, type Grad, gradientOf, gradientsOf } from '../support/tape.js';
import { f64 } from '../support/tensors.js';

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

describe('2C persistence and consumption', () => {
  it('58: a second gradient of a non-persistent tape', () => {
    const x = tf.constant(3);
    const tape = new tf.GradientTape();
    const [y, z] = tape.record(() => {
      tape.watch(x);
      const square = tf.square(x);
      return [square, tf.square(square)] as const;
    });
    expect(tape.gradient(z, [x]).map((t) => t?.item())).toEqual([108]);
    const error = errorOf(() => tape.gradient(y, [x]));
    expect(error).toBeInstanceOf(tf.TapeError);
    expect(error.code).toBe('ERR_TAPE_CONSUMED');
    expect(error.message).toContain(
      'A non-persistent GradientTape can only be used to compute one set of gradients (or jacobians)',
    );
  });

  it('59: a persistent tape', () => {
    const x = tf.constant(3);
    const tape = new tf.GradientTape({ persistent: true });
    const [y, z] = tape.record(() => {
      tape.watch(x);
      const square = tf.square(x);
      return [square, tf.square(square)] as const;
    });
    expect(tape.gradient(z, x)?.item()).toBe(108);
    expect(tape.gradient(y, x)?.item()).toBe(6);
    expect(tape.gradient(z, x)?.item()).toBe(108);
  });

  it.each([false, true])('61: gradient inside the block, persistent: %s', (persistent) => {
    const v = new tf.Variable(7);
    const tape = new tf.GradientTape({ persistent });
    const grad = tape.record(() => tape.gradient(tf.mul(v, 2), v));
    expect(grad?.item()).toBe(2);
  });

  it('62: a consumed tape that records again starts empty', () => {
    const v = new tf.Variable(3);
    const tape = new tf.GradientTape();
    const y = tape.record(() => tf.square(v));
    expect(tape.gradient(y, v)?.item()).toBe(6);
    const z = tape.record(() => tf.mul(v, 5));
    expect(tape.gradient([y, z], v)?.item(), 'y is a constant to the new recording').toBe(5);
    tape.record(() => tf.square(v));
    expect(tape.gradient(y, v)).toBeNull();
  });

  it('recording again goes on with the same recording', () => {
    const x = tf.constant(3);
    const tape = new tf.GradientTape();
    const y = tape.record(() => {
      tape.watch(x);
      return tf.square(x);
    });
    const between = tf.square(x);
    const z = tape.record(() => tf.mul(tf.mul(y, y), between));
    expect(tape.gradient(z, x)?.item()).toBe(108 * 9);
  });

  it('enter() with using is the block form of record', () => {
    const x = tf.constant(3);
    const tape = new tf.GradientTape();
    let y: tf.Tensor;
    {
      using _ = tape.enter();
      tape.watch(x);
      y = tf.square(x);
    }
    const after = tf.square(x);
    expect(errorOf(() => tape.watch(x)).code).toBe('ERR_TAPE_NOT_RECORDING');
    expect(tape.gradient([y, after], x)?.item()).toBe(6);
  });

  it('enter() ends with its block when that throws, and ending twice does nothing', () => {
    const tape = new tf.GradientTape();
    expect(() => {
      using _ = tape.enter();
      throw new Error('mine');
    }).toThrow('mine');
    const entered = tape.enter();
    entered[Symbol.dispose]();
    entered[Symbol.dispose]();
    expect(errorOf(() => tape.reset()).code).toBe('ERR_TAPE_NOT_RECORDING');
  });

  it('a disposed tape holds nothing', () => {
    const x = tf.constant(3);
    const tape = new tf.GradientTape({ persistent: true });
    const y = tape.record(() => {
      tape.watch(x);
      return tf.square(x);
    });
    tape[Symbol.dispose]();
    const error = errorOf(() => tape.gradient(y, x));
    expect(error.code).toBe('ERR_TAPE_CONSUMED');
    expect(error.message).toContain('disposed of');
    const variables = new tf.GradientTape();
    variables.record(() => tf.square(new tf.Variable(1)));
    variables[Symbol.dispose]();
    expect(variables.watchedVariables()).toEqual([]);
  });
});

describe('2D nested tapes and higher order', () => {
  it('64: three derivatives on one persistent tape', () => {
    const x = tf.constant(3);
    const tape = new tf.GradientTape({ persistent: true });
    const [dy, d2y] = tape.record(() => {
      tape.watch(x);
      const y = tf.pow(x, 3);
      const first = tape.gradient(y, x) as tf.Tensor;
      return [first, tape.gradient(first, x) as tf.Tensor] as const;
    });
    expect(dy.item()).toBe(27);
    expect(d2y.item()).toBe(18);
    expect(tape.gradient(d2y, x)?.item()).toBe(6);
  });

  function twice(f: (x: tf.Tensor) => tf.Tensor, at: number): [number, number | undefined] {
    const x = tf.constant(at);
    const outer = new tf.GradientTape();
    const dy = outer.record(() => {
      outer.watch(x);
      const inner = new tf.GradientTape();
      const y = inner.record(() => {
        inner.watch(x);
        return f(x);
      });
      return inner.gradient(y, x) as tf.Tensor;
    });
    return [dy.item(), outer.gradient(dy, x)?.item()];
  }

  it('65, 68: second derivatives', () => {
    expect(twice((x) => tf.mul(tf.mul(x, x), x), 1)).toEqual([3, 6]);
    expect(twice((x) => tf.square(x), 5)).toEqual([10, 2]);
    expect(twice((x) => tf.mul(x, x), 7)).toEqual([14, 2]);
    expect(twice((x) => tf.exp(x), 0)).toEqual([1, 1]);
  });

  it('70: two tapes side by side', () => {
    const x0 = tf.constant(0);
    const x1 = tf.constant(0);
    const a = new tf.GradientTape();
    const b = new tf.GradientTape();
    const y = a.record(() =>
      b.record(() => {
        a.watch(x0);
        b.watch(x1);
        return tf.add(tf.sin(x0), tf.sigmoid(x1));
      }),
    );
    expect(a.gradient(y, [x0, x1]).map((t) => t?.item())).toEqual([1, undefined]);
    expect(b.gradient(y, [x0, x1]).map((t) => t?.item())).toEqual([undefined, 0.25]);
  });

  it('71: the inner gradient taken after the outer block has no second derivative', () => {
    const x = tf.constant(3);
    const outer = new tf.GradientTape();
    const inner = new tf.GradientTape();
    const y = outer.record(() => {
      outer.watch(x);
      return inner.record(() => {
        inner.watch(x);
        return tf.square(x);
      });
    });
    const dy = inner.gradient(y, x) as tf.Tensor;
    expect(dy.item()).toBe(6);
    expect(outer.gradient(dy, x)).toBeNull();
  });

  it('71: inside a persistent block, and after it', () => {
    const y = tf.constant(2);
    const v = tf.constant(3);
    const tape = new tf.GradientTape({ persistent: true });
    const [w, dw] = tape.record(() => {
      tape.watch([y, v]);
      const product = tf.mul(tf.square(y), v);
      return [product, tape.gradient(product, y) as tf.Tensor] as const;
    });
    expect(dw.item()).toBe(12);
    expect(tape.gradient(dw, v)?.item()).toBe(4);
    const late = tape.gradient(w, y) as tf.Tensor;
    expect(tape.gradient(late, v)).toBeNull();
  });

  it('73: x^4 at 0 is exact at every order', () => {
    const x = tf.constant(0);
    const tape = new tf.GradientTape({ persistent: true });
    const orders = tape.record(() => {
      tape.watch(x);
      const found: tf.Tensor[] = [tf.pow(x, 4)];
      for (let order = 0; order < 5; order++) {
        found.push(tape.gradient(found[order] as tf.Tensor, x, { unconnectedGradients: 'zero' }));
      }
      return found;
    });
    expect(orders.map((t) => t.item())).toEqual([0, 0, 0, 0, 24, 0]);
  });

  it('74: Rosenbrock, its gradient and its Hessian', () => {
    const f = (x: tf.Tensor, y: tf.Tensor): tf.Tensor =>
      tf.add(tf.mul(tf.square(tf.sub(y, tf.square(x))), 100), tf.square(tf.sub(1, x)));
    const [x, y] = [f64(-1.2), f64(1)];
    const outer = new tf.GradientTape({ persistent: true });
    const [value, first] = outer.record(() => {
      outer.watch([x, y]);
      const inner = new tf.GradientTape();
      const z = inner.record(() => {
        inner.watch([x, y]);
        return f(x, y);
      });
      return [z, inner.gradient(z, [x, y])] as const;
    });
    expectClose(value.item(), 24.2, 1e-12);
    expectClose(
      first.map((t) => t?.item()),
      [-215.6, -88],
      1e-12,
    );
    const hessian = first.map((t) => outer.gradient(t as tf.Tensor, [x, y]).map((h) => h?.item()));
    expectClose(
      hessian,
      [
        [1330, 480],
        [480, 200],
      ],
      1e-12,
    );
  });

  it('77: regularising the gradient of the input', () => {
    const w = new tf.Variable([[0.5], [-1]]);
    const b = new tf.Variable([0.3]);
    const x = tf.constant([[1, 2]]);
    const outer = new tf.GradientTape();
    const penalty = outer.record(() => {
      const inner = new tf.GradientTape({ watchAccessedVariables: false });
      const y = inner.record(() => {
        inner.watch(x);
        return tf.tanh(tf.add(tf.matmul(x, w), b));
      });
      return tf.reduceSum(tf.square(inner.gradient(y, x) as tf.Tensor));
    });
    const grads = outer.gradient(penalty, [w, b]);
    expect(grads.every((t) => t !== null)).toBe(true);
  });

  it('third order through three tapes', () => {
    const x = f64(0.5);
    const derivative =
      (f: (x: tf.Tensor) => tf.Tensor): ((x: tf.Tensor) => tf.Tensor) =>
      (t) => {
        const tape = new tf.GradientTape();
        const y = tape.record(() => {
          tape.watch(t);
          return f(t);
        });
        return tape.gradient(y, t) as tf.Tensor;
      };
    const third = derivative(derivative(derivative((t) => tf.sin(tf.mul(t, 2)))))(x);
    expectClose(third.item(), -8 * Math.cos(1), 1e-12);
  });

  it('the derivative with respect to a cotangent that is zero (the transpose of the transpose)', () => {
    const x = tf.constant(3);
    const v = tf.constant(0);
    const outer = new tf.GradientTape();
    const vjp = outer.record(() => {
      outer.watch(v);
      const inner = new tf.GradientTape();
      const y = inner.record(() => {
        inner.watch(x);
        return tf.add(x, x);
      });
      return inner.gradient(y, x, { outputGradients: v }) as tf.Tensor;
    });
    expect(vjp.item()).toBe(0);
    expect(outer.gradient(vjp, v)?.item()).toBe(2);
  });

  it('a mixed derivative with respect to an exponent', () => {
    const x = f64(2);
    const y = f64(3);
    const outer = new tf.GradientTape();
    const dx = outer.record(() => {
      outer.watch(y);
      const inner = new tf.GradientTape();
      const z = inner.record(() => {
        inner.watch(x);
        return tf.pow(x, y);
      });
      return inner.gradient(z, x) as tf.Tensor;
    });
    expect(dx.item()).toBe(12);
    // d/dy (y x^(y-1)) = x^(y-1) (1 + y log x)
    expectClose(outer.gradient(dx, y)?.item(), 4 * (1 + 3 * Math.log(2)), 1e-12);
  });
});

describe('2E unconnected sources', () => {
  it('79: a path that stopGradient cuts', () => {
    expect(gradientsOf((x) => tf.stopGradient(tf.square(x as tf.Tensor)), [2])).toEqual([null]);
    expect(
      gradientsOf((x) => tf.stopGradient(tf.square(x as tf.Tensor)), [2], { unconnected: 'zero' }).map(arrayOf),
    ).toEqual([0]);
  });

  it('80: one of two results stopped', () => {
    const run = (unconnected: 'none' | 'zero'): Grad[] =>
      gradientsOf(
        (a, b) => {
          const [c, d] = tf.split(
            tf.concat([tf.expandDims(a as tf.Tensor, 0), tf.expandDims(b as tf.Tensor, 0)], 0),
            2,
          );
          return tf.add(tf.stopGradient(c as tf.Tensor), d as tf.Tensor);
        },
        [1, 2],
        { unconnected },
      );
    // Both operands went into one concat, so a is connected, with a zero.
    expect(run('none').map(arrayOf)).toEqual([0, 1]);
    expect(run('zero').map(arrayOf)).toEqual([0, 1]);
  });

  it("'zero' has the shape and dtype of the source, also of a variable", () => {
    const x = tf.zeros([2, 3], { dtype: 'float64' });
    const v = new tf.Variable(tf.zeros([4]));
    const tape = new tf.GradientTape();
    const y = tape.record(() => tf.constant(1));
    const grads = tape.gradient(y, { x, v }, { unconnectedGradients: 'zero' });
    expect(grads.x.shape).toEqual([2, 3]);
    expect(grads.x.dtype).toBe('float64');
    expect(grads.v.arraySync()).toEqual([0, 0, 0, 0]);
  });

  it("'throw' names the source", () => {
    const v = new tf.Variable(1, { name: 'kernel' });
    const tape = new tf.GradientTape();
    const y = tape.record(() => tf.constant(1));
    const error = errorOf(() => tape.gradient(y, { layer: [v] }, { unconnectedGradients: 'throw' }));
    expect(error.code).toBe('ERR_UNCONNECTED');
    expect(error.message).toContain('kernel');
    expect(error.message).toContain('.layer[0]');
  });
});

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

describe('2K sparse gradients and adding up', () => {
  const x = tf.constant([
    [1, 2],
    [3, 4],
    [5, 6],
    [7, 8],
  ]);

  it('142: gathers multiplied', () => {
    const dx = gradientOf(
      (t) =>
        tf.mul(
          tf.mul(tf.reshape(tf.gather(t, [0, 1]), [-1]), tf.reshape(tf.gather(t, [2, 3]), [-1])),
          tf.reshape(tf.gather(t, [1, 3]), [-1]),
        ),
      x,
    );
    expect(dx).toEqual([
      [15, 24],
      [54, 76],
      [3, 8],
      [42, 64],
    ]);
  });

  it('143: sparse and dense together', () => {
    const dx = gradientOf((t) => tf.mul(tf.gather(t, [0, 1]), tf.reduceSum(tf.mul(t, 2))), x);
    expect(dx).toEqual([
      [92, 92],
      [92, 92],
      [20, 20],
      [20, 20],
    ]);
  });

  it('145: a sparse gradient into a dense op', () => {
    expect(gradientOf((t) => tf.gather(tf.add(t, 1), [0]), [1])).toEqual([1]);
  });

  it('146: gathers', () => {
    expect(gradientOf((t) => tf.gather(t, [0, 0, 2]), [10, 20, 30], { dy: [1, 2, 4] })).toEqual([3, 0, 4]);
    const square = [
      [1, 2],
      [3, 4],
    ];
    expect(
      gradientOf(
        (t) =>
          tf.gather(t, [
            [0, 1],
            [1, 1],
          ]),
        square,
      ),
    ).toEqual([
      [1, 1],
      [3, 3],
    ]);
    const dy = [
      [1, 2, 3],
      [4, 5, 6],
    ];
    expect(gradientOf((t) => tf.gather(t, [2, 0, 2], { axis: 1 }), tf.zeros([2, 3]), { dy })).toEqual([
      [2, 0, 4],
      [5, 0, 10],
    ]);
  });

  it('a gather along axis 0 has IndexedSlices, with duplicates unsummed; other axes have not', () => {
    const [rows] = gradientsOf((t) => tf.gather(t as tf.Tensor, [3, 3]), [x]);
    expect(rows).toBeInstanceOf(tf.IndexedSlices);
    const slices = rows as tf.IndexedSlices;
    expect(slices.indices.arraySync()).toEqual([3, 3]);
    expect(slices.indices.dtype).toBe('int32');
    expect(slices.values.arraySync()).toEqual([
      [1, 1],
      [1, 1],
    ]);
    expect(slices.denseShape).toEqual([4, 2]);
    expect(slices.toTensor().arraySync()).toEqual([
      [0, 0],
      [0, 0],
      [0, 0],
      [2, 2],
    ]);
    const [columns] = gradientsOf((t) => tf.gather(t as tf.Tensor, [1], { axis: 1 }), [x]);
    expect(columns).toBeInstanceOf(tf.Tensor);
  });

  it('two sparse gradients of one source are joined', () => {
    const [dx] = gradientsOf((t) => tf.add(tf.gather(t as tf.Tensor, [0]), tf.gather(t as tf.Tensor, [3])), [x]);
    expect((dx as tf.IndexedSlices).indices.arraySync()).toHaveLength(2);
    expect(arrayOf(dx)).toEqual([
      [1, 1],
      [0, 0],
      [0, 0],
      [1, 1],
    ]);
  });
});

describe('2L elementwise derivatives', () => {
  const at: [string, (x: tf.Tensor) => tf.Tensor, number, number][] = [
    ['tan', tf.tan, 0.5, 1.2984464],
    ['asin', tf.asin, 0.5, 1.1547005],
    ['acos', tf.acos, 0.5, -1.1547005],
    ['atan', tf.atan, 0.5, 0.8],
    ['sinh', tf.sinh, 0.5, 1.127626],
    ['cosh', tf.cosh, 0.5, 0.5210953],
    ['tanh', tf.tanh, 0.5, 0.7864477],
    ['asinh', tf.asinh, 0.5, 0.8944272],
    ['acosh', tf.acosh, 2, 0.5773503],
    ['atanh', tf.atanh, 0.5, 1.3333333],
    ['sigmoid', tf.sigmoid, 0.5, 0.2350037],
    ['softplus', tf.softplus, 0.5, 0.6224593],
    ['erf', tf.erf, 0.5, 0.8787826],
    ['erfc', tf.erfc, 0.5, -0.8787826],
    ['lgamma', tf.lgamma, 2.5, 0.7031566],
    ['digamma', tf.digamma, 2.5, 0.4903578],
    ['rsqrt', tf.rsqrt, 4, -0.0625],
    ['reciprocal', tf.reciprocal, 4, -0.0625],
    ['expm1', tf.expm1, 1, Math.E],
    ['gelu', tf.nn.gelu, 0.5, 0.8674951],
    ['silu', tf.nn.silu, 0.5, 0.7399612],
    ['elu', tf.nn.elu, -0.5, 0.6065307],
    ['selu', tf.nn.selu, -0.5, 1.0663412],
    ['log1p', tf.log1p, 1e-10, 1],
  ];
  it.each(at)('149: %s', (_, f, x, want) => {
    expectClose(
      gradientOf((t) => f(t), f64(x)),
      want,
      1e-6,
    );
    expectClose(
      gradientOf((t) => f(t), x),
      want,
    );
  });

  // x Phi(x), Phi(x) + x phi(x), (2 - x^2) phi(x), where 1 + erf would have no digit left; from 40 digits of mpmath.
  it.each([
    [-5, -1.43325785939597e-6, -7.14694600179229e-6, -3.41945488388888e-5],
    [-10, -7.61985302416053e-23, -7.61840009646481e-22, -7.54070665417229e-21],
    [-20, -5.50724823721247e-88, -1.10143604831335e-86, -2.19733744813959e-85],
    [-37, -2.11846135233409e-298, -7.83829866941852e-297, -2.89804895593414e-295],
  ])('149: gelu at %d, and its derivatives', (at, ...want) => {
    const x = f64(at);
    const outer = new tf.GradientTape();
    const [y, dy] = outer.record(() => {
      outer.watch(x);
      const inner = new tf.GradientTape();
      const value = inner.record(() => {
        inner.watch(x);
        return tf.nn.gelu(x);
      });
      return [value, inner.gradient(value, x) as tf.Tensor] as const;
    });
    const found = [y.item(), dy.item(), outer.gradient(dy, x)?.item() ?? Number.NaN];
    for (const [i, w] of want.entries()) expect(Math.abs((found[i] as number) / w - 1)).toBeLessThan(1e-12);
  });

  it('151: squaredDifference', () => {
    const grads = gradientsOf(
      (a, b) => tf.squaredDifference(a as tf.Tensor, b as tf.Tensor),
      [
        [1, 5],
        [4, 2],
      ],
    );
    expect(grads.map(arrayOf)).toEqual([
      [-6, 6],
      [6, -6],
    ]);
  });

  it('152: floormod', () => {
    expect(gradientsOf((a, b) => tf.floormod(a as tf.Tensor, b as tf.Tensor), [131, 17]).map(arrayOf)).toEqual([1, -7]);
  });
});

describe('2M broadcasting', () => {
  const pull = (f: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor, a: tf.TensorLike, b: tf.TensorLike): unknown[] =>
    gradientsOf((x, y) => f(x as tf.Tensor, y as tf.Tensor), [a, b]).map(arrayOf);

  it('154: [2, 3] + [3]', () => {
    expect(pull(tf.add, tf.zeros([2, 3]), tf.zeros([3]))).toEqual([
      [
        [1, 1, 1],
        [1, 1, 1],
      ],
      [2, 2, 2],
    ]);
  });

  it('155: [2, 3] [2, 1]', () => {
    const a = [
      [1, 2, 3],
      [4, 5, 6],
    ];
    expect(pull(tf.mul, a, [[2], [3]])).toEqual([
      [
        [2, 2, 2],
        [3, 3, 3],
      ],
      [[6], [15]],
    ]);
  });

  it('157: [2, 1] - [1, 3]', () => {
    expect(pull(tf.sub, tf.zeros([2, 1]), tf.zeros([1, 3]))).toEqual([[[3], [3]], [[-2, -2, -2]]]);
  });

  it('158: a division', () => {
    const a = [
      [1, 2],
      [3, 4],
    ];
    expect(pull(tf.div, a, [2, 4])).toEqual([
      [
        [0.5, 0.25],
        [0.5, 0.25],
      ],
      [-1, -0.375],
    ]);
  });

  it('160: squaredDifference with more axes', () => {
    const numbers = (shape: number[], scale: number): tf.Tensor => {
      const size = shape.reduce((p, q) => p * q, 1);
      return tf.constant(
        Float64Array.from({ length: size }, (_, i) => Math.sin(i * scale)),
        { shape },
      );
    };
    for (const [left, right] of [
      [
        [1, 2, 3, 2],
        [3, 2],
      ],
      [
        [2, 4],
        [3, 2, 4],
      ],
    ] as const) {
      const a = numbers([...left], 1.3);
      const b = numbers([...right], 0.7);
      const [da, db] = gradientsOf((x, y) => tf.squaredDifference(x as tf.Tensor, y as tf.Tensor), [a, b]);
      const twice = tf.mul(tf.sub(a, b), 2);
      const axes = (t: tf.Tensor): number[] =>
        [...twice.shape.keys()].filter((d) => {
          const own = d - twice.rank + t.rank;
          return own < 0 || (t.shape[own] === 1 && twice.shape[d] !== 1);
        });
      expectClose(arrayOf(da), tf.reshape(tf.reduceSum(twice, axes(a)), a.shape).arraySync(), 1e-10);
      expectClose(arrayOf(db), tf.neg(tf.reshape(tf.reduceSum(twice, axes(b)), b.shape)).arraySync(), 1e-10);
    }
  });

  it('161: axes of 1 and of 0', () => {
    expect(pull(tf.mul, tf.fill([1, 1], 2), tf.fill([1, 1], 3))).toEqual([[[3]], [[2]]]);
    const [a, b] = gradientsOf((x, y) => tf.mul(x as tf.Tensor, y as tf.Tensor), [tf.zeros([0, 3]), tf.ones([3])]);
    expect(dense(a).shape).toEqual([0, 3]);
    expect(arrayOf(b)).toEqual([0, 0, 0]);
  });
});

describe('2N reductions', () => {
  it('163: variance and standard deviation', () => {
    const x = f64([1, 2, 3, 4]);
    expectClose(
      gradientOf((t) => tf.reduceVariance(t), x),
      [-0.75, -0.25, 0.25, 0.75],
      1e-7,
    );
    expectClose(
      gradientOf((t) => tf.reduceStd(t), x),
      [-0.3354102, -0.1118034, 0.1118034, 0.3354102],
      1e-7,
    );
  });

  it('164: products, also with zeros', () => {
    expect(gradientOf((t) => tf.reduceProd(t), [2, 3, 4])).toEqual([12, 8, 6]);
    const x = [
      [1, 2],
      [3, 0],
    ];
    expect(gradientOf((t) => tf.reduceProd(t, 1), x)).toEqual([
      [2, 1],
      [0, 3],
    ]);
    expect(gradientOf((t) => tf.reduceProd(t, -1), [0, 0, 5])).toEqual([0, 0, 0]);
    expect(gradientOf((t) => tf.reduceProd(t, -1), [0, 2, 5])).toEqual([10, 0, 0]);
  });

  it('166: the norm', () => {
    expectClose(
      gradientOf((t) => tf.norm(t), f64([3, -4])),
      [0.6, -0.8],
      1e-12,
    );
  });
});

describe('2O singular points', () => {
  const inf = Number.POSITIVE_INFINITY;
  const one: [string, (x: tf.Tensor) => tf.Tensor, number[], number[]][] = [
    ['170: abs', tf.abs, [-1, 0, 1], [-1, 0, 1]],
    ['172: relu6', tf.nn.relu6, [-1, 0, 3, 6, 7], [0, 0, 1, 0, 0]],
    ['relu', tf.nn.relu, [-1, 0, 1], [0, 0, 1]],
    ['elu at 0', tf.nn.elu, [0], [1]],
    ['selu at 0', tf.nn.selu, [0], [1.0507009]],
    ['175: sqrt at 0', tf.sqrt, [0], [inf]],
    ['176: rsqrt at 0', tf.rsqrt, [0], [-inf]],
    ['178: log1p at -1', tf.log1p, [-1], [inf]],
    ['184: pow(x, 2)', (x) => tf.pow(x, 2), [-1, 0, 1], [-2, 0, 2]],
    ['185: reduceMax of equals', (x) => tf.reduceMax(x), [1, 3, 3], [0, 0.5, 0.5]],
    ['reduceMin of equals', (x) => tf.reduceMin(x), [1, 1, 3], [0.5, 0.5, 0]],
    ['187: reduceMax of NaN', (x) => tf.reduceMax(x), [1, Number.NaN], [Number.NaN, Number.NaN]],
    ['190: clipByValue', (x) => tf.clipByValue(x, 0, 1), [-1, 0, 0.5, 1, 2], [0, 1, 1, 1, 0]],
    ['191: norm at 0 (ours: 0)', (x) => tf.norm(x), [0, 0], [0, 0]],
    ['199: sign', tf.sign, [-2, 0, 2], [0, 0, 0]],
    ['202: asin', tf.asin, [1, -1], [inf, inf]],
    ['202: acos', tf.acos, [1, -1], [-inf, -inf]],
    ['202: atanh', tf.atanh, [1, -1], [inf, inf]],
    ['202: acosh', tf.acosh, [1], [inf]],
    ['206: reduceStd of constants (ours: 0)', (x) => tf.reduceStd(x), [2, 2], [0, 0]],
    ['208: sigmoid', tf.sigmoid, [-1000, 1000], [0, 0]],
    ['208: softplus', tf.softplus, [-1000, 0, 1000], [0, 0.5, 1]],
  ];
  it.each(one)('%s', (_, f, x, want) => {
    expectClose(
      gradientOf((t) => f(t), x),
      want,
    );
  });

  it('173: leakyRelu at 0 takes the slope of the left', () => {
    expectClose(
      gradientOf((t) => tf.nn.leakyRelu(t, { alpha: 0.2 }), [0]),
      [0.2],
    );
  });

  it('175: sqrt at 0 with a zero cotangent', () => {
    expect(gradientOf((t) => tf.sqrt(t), [0], { dy: [0] })).toEqual([Number.NaN]);
  });

  const powers: [string, number, number, [number, number]][] = [
    ['179: pow', 0, 2, [0, 0]],
    ['181: pow', 0, 1, [1, 0]],
    ['182: pow (ours: 0)', 0, 0, [0, 0]],
    ['pow of a negative base', -2, 3, [12, 0]],
  ];
  it.each(powers)('%s at (%d, %d)', (_, x, y, want) => {
    const pow = (a: tf.Tensor, b: tf.Tensor): tf.Tensor => tf.pow(a, b);
    expect(gradientsOf((a, b) => pow(a as tf.Tensor, b as tf.Tensor), [x, y]).map((t) => dense(t).item() + 0)).toEqual(
      want,
    );
    // As vectors, where the exponent is no mere number.
    const grads = gradientsOf(
      (a, b) => pow(a as tf.Tensor, b as tf.Tensor),
      [
        [x, 1],
        [y, 1],
      ],
    );
    expect(grads.map((t) => (dense(t).dataSync()[0] as number) + 0)).toEqual(want);
    // And with the exponent a constant.
    expect((gradientOf((a) => tf.pow(a, y), x) as number) + 0).toBe(want[0]);
  });

  it('185: reduceMax of a matrix of equals', () => {
    expectClose(
      gradientOf(
        (t) => tf.reduceMax(t),
        [
          [2, 2],
          [2, 1],
        ],
      ),
      [
        [1 / 3, 1 / 3],
        [1 / 3, 0],
      ],
    );
  });

  it('188: of equals, maximum and minimum take the first', () => {
    const max = gradientsOf(
      (a, b) => tf.maximum(a as tf.Tensor, b as tf.Tensor),
      [
        [1, 2, 3],
        [2, 2, 2],
      ],
    );
    expect(max.map(arrayOf)).toEqual([
      [0, 1, 1],
      [1, 0, 0],
    ]);
    const min = gradientsOf(
      (a, b) => tf.minimum(a as tf.Tensor, b as tf.Tensor),
      [
        [1, 2, 3],
        [2, 2, 2],
      ],
    );
    expect(min.map(arrayOf)).toEqual([
      [1, 1, 0],
      [0, 0, 1],
    ]);
  });

  it('197: where differentiates both branches; the double where cures it', () => {
    const naive = (x: tf.Tensor): tf.Tensor => tf.where(tf.greater(x, 0), tf.sqrt(x), 0);
    expect(gradientOf(naive, 0)).toBe(Number.NaN);
    const cured = (x: tf.Tensor): tf.Tensor => {
      const inside = tf.greater(x, 0);
      return tf.where(inside, tf.sqrt(tf.where(inside, x, 1)), 0);
    };
    expect(gradientOf(cured, 0)).toBe(0);
  });

  it.each([
    ['floor', tf.floor],
    ['ceil', tf.ceil],
    ['round', tf.round],
    ['floordiv', (x: tf.Tensor) => tf.floordiv(x, 2)],
  ])('200: %s is unconnected', (_, f) => {
    expect(gradientsOf((x) => f(x as tf.Tensor), [[0.5, 1.5]])).toEqual([null]);
  });
});

describe('2P shape and index ops', () => {
  it('220: pad', () => {
    expect(gradientOf((t) => tf.pad(t, [[1, 2]]), [5, 6], { dy: [9, 1, 2, 9, 9] })).toEqual([1, 2]);
  });

  it('223: a part of a split that nobody used has zeros', () => {
    expect(gradientOf((t) => tf.square(tf.split(t, 2)[0] as tf.Tensor), [1, 2, 3, 4])).toEqual([2, 4, 0, 0]);
  });

  it('224: movers are undone by their gradients', () => {
    const x = tf.constant([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    const movers: ((t: tf.Tensor) => tf.Tensor)[] = [
      (t) => tf.transpose(t),
      (t) => tf.reshape(t, [3, 2]),
      (t) => tf.expandDims(t, 1),
      (t) => tf.squeeze(tf.expandDims(t, 0), 0),
      (t) => tf.reverse(t, [0, 1]),
      (t) => tf.concat([t], 0),
      (t) => tf.stack(tf.unstack(t, 1), 0),
      (t) => tf.stack(tf.unstack(t, 0), 1),
    ];
    for (const move of movers) {
      // With the moved values as cotangent, the gradient must be the values where they were.
      expect(gradientOf(move, x, { dy: move(x) })).toEqual(x.arraySync());
    }
    const cube = tf.reshape(tf.range(24), [2, 3, 4]);
    expect(gradientOf((t) => tf.transpose(t, [2, 0, 1]), cube, { dy: tf.transpose(cube, [2, 0, 1]) })).toEqual(
      cube.arraySync(),
    );
  });

  it('226: casts', () => {
    const [dx] = gradientsOf((t) => tf.square(tf.cast(t as tf.Tensor, 'float64')), [[1, 2]]);
    expect(dense(dx).dtype).toBe('float32');
    expect(arrayOf(dx)).toEqual([2, 4]);
    expect(gradientsOf((t) => tf.cast(tf.cast(t as tf.Tensor, 'int32'), 'float32'), [[1, 2]])).toEqual([null]);
  });

  it('227: oneHot and argmax are unconnected', () => {
    expect(gradientsOf((t) => tf.oneHot(tf.cast(t as tf.Tensor, 'int32'), 3), [[1, 2]])).toEqual([null]);
    expect(gradientsOf((t) => tf.cast(tf.argmin(t as tf.Tensor), 'float32'), [[1, 2]])).toEqual([null]);
  });
});

describe('2Q linear algebra', () => {
  const a = [
    [1, 2],
    [3, 4],
  ];
  const b = [
    [5, 6],
    [7, 8],
  ];
  const flags: [string, tf.TensorLike[], { transposeA?: boolean; transposeB?: boolean }, unknown[]][] = [
    [
      '230: matmul',
      [a, b],
      {},
      [
        [
          [11, 15],
          [11, 15],
        ],
        [
          [4, 4],
          [6, 6],
        ],
      ],
    ],
    [
      '232: matmul',
      [a, b],
      { transposeB: true },
      [
        [
          [12, 14],
          [12, 14],
        ],
        [
          [4, 6],
          [4, 6],
        ],
      ],
    ],
    [
      '233: matmul',
      [a, b],
      { transposeA: true, transposeB: true },
      [
        [
          [12, 12],
          [14, 14],
        ],
        [
          [3, 7],
          [3, 7],
        ],
      ],
    ],
    [
      '235: matmul',
      [
        [[[1, 2]], [[3, 4]]],
        [[5], [6]],
      ],
      {},
      [
        [[[5, 6]], [[5, 6]]],
        [[4], [6]],
      ],
    ],
    [
      '236: matmul',
      [tf.reshape([1, 2, 3, 4], [2, 1, 1, 2]), tf.reshape([1, 2, 3, 4, 5, 6], [3, 2, 1])],
      {},
      [
        [[[[9, 12]]], [[[9, 12]]]],
        [
          [[4], [6]],
          [[4], [6]],
          [[4], [6]],
        ],
      ],
    ],
  ];
  it.each(flags)('%s', (_, operands, opts, want) => {
    const grads = gradientsOf((x, y) => tf.matmul(x as tf.Tensor, y as tf.Tensor, opts), operands);
    expect(grads.map(arrayOf)).toEqual(want);
  });
});

describe('2R losses', () => {
  it('259: sparse softmax cross entropy', () => {
    const logits = [
      [0, 0, 0, 0],
      [1, 2, 3, 4],
    ];
    const labels = tf.constant(new Int32Array([3, 0]));
    const loss = tf.nn.sparseSoftmaxCrossEntropyWithLogits(labels, logits);
    // e^1..e^4: label 0 has -log(softmax) 3.4401897.
    expectClose(loss.arraySync(), [1.3862944, 3.4401897]);
    const dx = gradientOf((x) => tf.nn.sparseSoftmaxCrossEntropyWithLogits(labels, x), logits) as number[][];
    expectClose(dx[1], [-0.9679414, 0.0871443, 0.2368828, 0.6439143]);
  });

  it('260: sigmoid cross entropy does not overflow', () => {
    const x = [0, 0, 0, -100, 100];
    const z = [0, 1, 0.5, 1, 0];
    expectClose(
      gradientOf((t) => tf.nn.sigmoidCrossEntropyWithLogits(z, t), x),
      [0.5, -0.5, 0, -1, 1],
    );
  });

  it('262: the gradient of a bias sums over all but its channel', () => {
    const x = tf.zeros([2, 3, 4]);
    const grads = gradientsOf((t, b) => tf.nn.biasAdd(t as tf.Tensor, b as tf.Tensor), [x, tf.zeros([4])]);
    expect(arrayOf(grads[1])).toEqual([6, 6, 6, 6]);
    const first = gradientsOf(
      (t, b) => tf.nn.biasAdd(t as tf.Tensor, b as tf.Tensor, { dataFormat: 'NCHW' }),
      [x, tf.zeros([3])],
    );
    expect(arrayOf(first[1])).toEqual([8, 8, 8]);
  });
});

describe('errors of the catalogue', () => {
  const x = tf.constant(2);

  it('E1: entering a tape that is recording', () => {
    const tape = new tf.GradientTape();
    const error = errorOf(() => tape.record(() => tape.record(() => 1)));
    expect(error).toBeInstanceOf(tf.TapeError);
    expect(error.code).toBe('ERR_TAPE_RECORDING');
    expect(error.message).toContain(
      'Tape is still recording, This can happen if you try to re-enter an already-active tape.',
    );
    expect(
      tape.record(() => 1),
      'the tape is left as before',
    ).toBe(1);
  });

  it('E2, E3: reset and stopRecording of a tape that is not recording', () => {
    const fresh = new tf.GradientTape();
    const left = new tf.GradientTape();
    left.record(() => tf.square(x));
    for (const tape of [fresh, left]) {
      for (const call of [() => tape.reset(), () => tape.stopRecording(() => 1)]) {
        const error = errorOf(call);
        expect(error).toBeInstanceOf(tf.TapeError);
        expect(error.code).toBe('ERR_TAPE_NOT_RECORDING');
        expect(error.message).toContain('Tape is not recording.');
      }
    }
    const nested = errorOf(() => left.record(() => left.stopRecording(() => left.stopRecording(() => 1))));
    expect(nested.code).toBe('ERR_TAPE_NOT_RECORDING');
  });

  it('E4: a consumed tape, also one consumed inside its block', () => {
    const v = new tf.Variable(1);
    const tape = new tf.GradientTape();
    tape.record(() => tape.gradient(tf.square(v), v));
    expect(errorOf(() => tape.gradient(x, v)).code).toBe('ERR_TAPE_CONSUMED');
  });

  it('a tape that never recorded', () => {
    const error = errorOf(() => new tf.GradientTape().gradient(x, x));
    expect(error.code).toBe('ERR_TAPE_EMPTY');
  });

  it.each([null, undefined])('E6, 37: target %s', (target) => {
    const tape = new tf.GradientTape();
    tape.record(() => tape.watch(x));
    const error = errorOf(() => tape.gradient(target as never, x));
    expect(error.code).toBe('ERR_NOT_A_TENSOR');
    expect(error.message).toContain('Argument `target` should be a list or nested structure of Tensors');
    expect(tape.gradient(x, x)?.item(), 'the tape is not consumed').toBe(1);
  });

  it.each([3, 'x', null, undefined, new Float32Array(2), Symbol.iterator, () => 1, [tf.constant(1), 2]])(
    'E7, 38: watch of %s',
    (value) => {
      const fresh = new tf.GradientTape();
      const error = errorOf(() => fresh.watch(value as never));
      expect(error.code).toBe('ERR_NOT_A_TENSOR');
      expect(error.message).toContain('Passed in object');
      const tape = new tf.GradientTape();
      const first = tf.constant(1);
      const y = tape.record(() => {
        expect(errorOf(() => tape.watch([first, value] as never)).code).toBe('ERR_NOT_A_TENSOR');
        return tf.square(first);
      });
      expect(tape.gradient(y, first), 'a failed watch changes nothing').toBeNull();
    },
  );

  it('watch on an idle or consumed tape', () => {
    const tape = new tf.GradientTape();
    expect(errorOf(() => tape.watch(x)).code).toBe('ERR_TAPE_NOT_RECORDING');
    tape.record(() => 1);
    expect(errorOf(() => tape.watch(x)).code).toBe('ERR_TAPE_NOT_RECORDING');
    tape.gradient(x, x);
    const error = errorOf(() => tape.watch(x));
    expect(error.code).toBe('ERR_TAPE_NOT_RECORDING');
    expect(error.message).toContain('record');
  });

  it.each(['nonsense', '', null, 0])('E8: unconnectedGradients %s', (value) => {
    const tape = new tf.GradientTape();
    tape.record(() => tape.watch(x));
    const error = errorOf(() => tape.gradient(x, x, { unconnectedGradients: value as never }));
    expect(error).toBeInstanceOf(tf.ValueError);
    expect(error.code).toBe('ERR_OPTION');
    expect(error.message).toContain('Unknown value for unconnected');
  });

  it.each([null, 3, 'x', new Float32Array(1), { a: 1 }, [tf.constant(1), null]])(
    'E10: a source or target that is no tensor: %s',
    (value) => {
      const tape = new tf.GradientTape();
      const y = tape.record(() => {
        tape.watch(x);
        return tf.square(x);
      });
      expect(errorOf(() => tape.gradient(y, value as never)).code).toBe('ERR_NOT_A_TENSOR');
      if (value !== null) expect(errorOf(() => tape.gradient(value as never, x)).code).toBe('ERR_NOT_A_TENSOR');
      expect(tape.gradient(y, x)?.item(), 'the tape is not consumed').toBe(4);
    },
  );

  it('outputGradients of a wrong shape, dtype or structure do not consume the tape', () => {
    const t = tf.constant([1, 2, 3]);
    const tape = new tf.GradientTape();
    const y = tape.record(() => {
      tape.watch(t);
      return tf.square(t);
    });
    const wrong: [unknown, string][] = [
      [[1, 2], 'ERR_SHAPE'],
      [1, 'ERR_SHAPE'],
      [new Float64Array(3), 'ERR_DTYPE'],
      ['x', 'ERR_NOT_A_TENSOR'],
    ];
    for (const [outputGradients, code] of wrong) {
      expect(errorOf(() => tape.gradient(y, t, { outputGradients: outputGradients as never })).code).toBe(code);
    }
    expect(errorOf(() => tape.gradient([y, y], t, { outputGradients: [[1, 1, 1]] as never })).code).toBe(
      'ERR_STRUCTURE',
    );
    expect(errorOf(() => tape.gradient({ y }, t, { outputGradients: { z: [1, 1, 1] } as never })).code).toBe(
      'ERR_STRUCTURE',
    );
    expect(tape.gradient([y, y], t, { outputGradients: [[1, 0, 0], null] })?.arraySync()).toEqual([4, 4, 6]);
  });

  it('a number seeds a float64 target in its own dtype', () => {
    const t = f64(3);
    const [dx] = gradientsOf((u) => tf.square(u as tf.Tensor), [t], { dy: 0.1 });
    expect(dense(dx).dtype).toBe('float64');
    expect(arrayOf(dx)).toBe(0.1 * 6);
  });

  it('record of an async function', () => {
    const tape = new tf.GradientTape();
    const error = errorOf(() => tape.record(async () => tf.square(x)));
    expect(error.code).toBe('ERR_TAPE_ASYNC');
    expect(error.message).toContain('recordAsync');
    expect(errorOf(() => tape.watch(x)).code, 'the tape was left').toBe('ERR_TAPE_NOT_RECORDING');
  });

  it('record of something that is no function', () => {
    expect(errorOf(() => new tf.GradientTape().record(3 as never)).code).toMatch(/^ERR_/);
  });

  it('an aborted signal stops the gradient with its reason', () => {
    const tape = new tf.GradientTape();
    const y = tape.record(() => {
      tape.watch(x);
      return tf.square(x);
    });
    expect(errorOf(() => tape.gradient(y, x, { signal: AbortSignal.abort() })).name).toBe('AbortError');
    const mine = new Error('mine');
    const again = new tf.GradientTape();
    const z = again.record(() => tf.square(x));
    expect(errorOf(() => again.gradient(z, x, { signal: AbortSignal.abort(mine) }))).toBe(mine);
  });
});

// Each is given once in a process; other tests of this file may have met it first, so all are collected from the start.
const warnings: { code: string; message: string }[] = [];
vi.spyOn(process, 'emitWarning').mockImplementation(((message: string, options: { code: string }) => {
  warnings.push({ code: options.code, message });
}) as typeof process.emitWarning);

describe('warnings, once each', () => {
  const heard = (code: string): string[] => warnings.filter((w) => w.code === code).map((w) => w.message);

  it('W1: watching what is not floating', () => {
    const x = tf.constant(1, { dtype: 'int32' });
    for (let i = 0; i < 2; i++) gradientsOf((t) => tf.add(t as tf.Tensor, 1), [x]);
    expect(heard('GRADTAPE_WATCH_DTYPE')).toHaveLength(1);
    expect(heard('GRADTAPE_WATCH_DTYPE')[0]).toContain('The dtype of the watched tensor must be floating');
  });

  it('W2: the gradient of a persistent tape inside its block', () => {
    const x = tf.constant(1);
    for (let i = 0; i < 2; i++) {
      const tape = new tf.GradientTape({ persistent: true });
      tape.record(() => {
        tape.watch(x);
        tape.gradient(tf.square(x), x);
      });
    }
    expect(heard('GRADTAPE_GRADIENT_INSIDE')).toHaveLength(1);
    expect(heard('GRADTAPE_GRADIENT_INSIDE')[0]).toContain('significantly less efficient');
  });
});
