// docs/semantics.md, 2C to 2E: persistence and consumption, nested tapes and higher orders, unconnected sources. Numbers in titles are
// its cases.
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';
import { expectClose } from '../support/close.js';
import { errorOf } from '../support/errors.js';
import { arrayOf, derivative, type Grad, gradientsOf } from '../support/tape.js';
import { f64 } from '../support/tensors.js';

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

  it('66, 67: an inner persistent tape that watches what the outer one computed', () => {
    const x = tf.constant(3);
    const outer = new tf.GradientTape({ persistent: true });
    const [y, z] = outer.record(() => {
      outer.watch(x);
      const square = x.mul(x);
      const inner = new tf.GradientTape({ persistent: true });
      const twice = inner.record(() => {
        inner.watch(square);
        return square.mul(2);
      });
      const [g] = inner.gradient(twice, [square]);
      expect(inner.gradient(twice, square)?.item()).toBe(2);
      return [square.add(g as tf.Tensor), twice];
    });
    expect(outer.gradient(y, x)?.item()).toBe(6);
    expect(outer.gradient(z, x)?.item()).toBe(12);
  });

  it('76: the Hessian of half the sum of x^T x, row by row', () => {
    const [m, n] = [3, 2];
    const x = tf.random.normal([m, n], { seed: 1, dtype: 'float64' });
    const outer = new tf.GradientTape({ persistent: true });
    const first = outer.record(() => {
      outer.watch(x);
      const inner = new tf.GradientTape();
      const y = inner.record(() => {
        inner.watch(x);
        return tf.reduceSum(tf.matmul(tf.transpose(x), x).mul(0.5));
      });
      return inner.gradient(y, x) as tf.Tensor;
    });
    for (let i = 0; i < m; i++) {
      for (let a = 0; a < n; a++) {
        const one = tf.reshape(tf.oneHot(i * n + a, m * n, { dtype: 'float64' }), [m, n]);
        const row = outer.gradient(first, x, { outputGradients: one })?.arraySync();
        expect(row).toEqual(Array.from({ length: m }, (_, j) => new Array(n).fill(i === j ? 1 : 0)));
      }
    }
  });

  it.each(['float32', 'float64'] as const)('73: derivatives of x^4 at 0 stay connected, %s', (dtype) => {
    let f: (x: tf.Tensor) => tf.Tensor = (x) => tf.pow(x, 4);
    const found: number[] = [];
    for (let order = 0; order < 7; order++) {
      found.push(f(tf.constant(0, { dtype })).item());
      f = derivative(f);
    }
    expect(found).toEqual([0, 0, 0, 0, 24, 0, 0]);
  });

  it.each([0, 1, 2])('pow(x, %d) is differentiable any number of times', (n) => {
    const third = derivative(derivative(derivative((x) => tf.pow(x, n))));
    expect(third(tf.constant([3, 0])).arraySync()).toEqual([0, 0]);
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
