// customGradient, recomputeGrad, gradPassThrough: cases 53 and 112-125 of docs/semantics.md, and their errors.
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';
import { errorOf, gradtapeErrorOf } from '../support/errors.js';
import { arrayOf, dense, derivative, gradientsOf, tapeOf } from '../support/tape.js';

type Fn = (...xs: tf.Tensor[]) => tf.Tensor;

// Gradients of f at the values, as numbers.
const gradients = (f: Fn, xs: readonly tf.TensorLike[]): unknown[] => gradientsOf(f, xs).map((g) => g && arrayOf(g));

const swapped = tf.customGradient((a: tf.Tensor, b: tf.Tensor) => ({
  value: tf.mul(a, b),
  gradFn: (ct) => [tf.mul(ct, a), tf.mul(ct, b)],
}));

describe('customGradient', () => {
  it('112: its gradient replaces that of the body', () => {
    expect(swapped(tf.constant(3), tf.constant(5)).item()).toBe(15);
    expect(gradients(swapped as Fn, [3, 5])).toEqual([3, 5]);
  });

  it('112: as a method of a class', () => {
    class Layer {
      readonly scale = 2;
      readonly call: (x: tf.Tensor) => tf.Tensor = tf.customGradient((x: tf.Tensor) => ({
        value: tf.mul(x, this.scale),
        gradFn: (ct) => tf.mul(ct, 10 * this.scale),
      }));
    }
    expect(gradients(new Layer().call as Fn, [1])).toEqual([20]);
  });

  it('113: of a variable', () => {
    const square = tf.customGradient((x: tf.Variable) => ({
      value: tf.square(x),
      gradFn: (ct) => tf.add(tf.mul(tf.mul(ct, 2), x), 1),
    }));
    const v = new tf.Variable(3);
    const tape = new tf.GradientTape();
    const y = tape.record(() => square(v));
    expect(y.item()).toBe(9);
    expect(tape.gradient(y, v)?.item()).toBe(7);
  });

  it('115: clipping the gradient', () => {
    const clip = tf.customGradient((x: tf.Tensor) => ({ value: tf.identity(x), gradFn: (ct) => tf.minimum(ct, 0.5) }));
    const v = new tf.Variable(2);
    const tape = new tf.GradientTape();
    const y = tape.record(() => clip(tf.mul(v, v)));
    expect(tape.gradient(y, v)?.item()).toBe(2);
  });

  it('116: log(1 + e^x) at 100', () => {
    const naive: Fn = (x) => tf.log(tf.add(1, tf.exp(x as tf.Tensor)));
    expect(gradients(naive, [100])).toEqual([Number.NaN]);
    const stable = tf.customGradient((x: tf.Tensor) => {
      const e = tf.exp(x);
      return { value: tf.log(tf.add(1, e)), gradFn: (ct) => tf.mul(ct, tf.sub(1, tf.div(1, tf.add(1, e)))) };
    });
    expect(gradients(stable as Fn, [100])).toEqual([1]);
  });

  it('118: the gradient of a gradient, with respect to its input and to its cotangent', () => {
    const second = tf.customGradient((_x: tf.Tensor, _dz: tf.Tensor) => ({
      value: tf.constant(2.1),
      gradFn: () => [2.2, 3.1],
    }));
    const f = tf.customGradient((x: tf.Tensor) => ({ value: tf.square(x), gradFn: (dz) => second(x, dz) }));
    const x = tf.constant(1);
    const dz = tf.constant(1);
    const outer = new tf.GradientTape();
    const dx = outer.record(() => {
      outer.watch([x, dz]);
      const inner = new tf.GradientTape();
      const z = inner.record(() => {
        inner.watch(x);
        return f(x);
      });
      return dense(inner.gradient(z, x, { outputGradients: dz }));
    });
    expect(dx.item()).toBe(Math.fround(2.1));
    expect(outer.gradient(dx, [x, dz]).map((t) => t?.item())).toEqual([2.2, 3.1].map(Math.fround));
  });

  it('119: variables that the body reads', () => {
    const v = new tf.Variable(3, { name: 'captured' });
    const x = tf.constant(2);
    const seen: (readonly tf.Variable[])[] = [];
    const f = tf.customGradient((a: tf.Tensor) => ({
      value: tf.mul(a, v),
      gradFn: (ct, { variables }) => {
        seen.push(variables);
        return { args: [tf.mul(ct, 7)], variables: [tf.mul(tf.mul(ct, v), 4)] };
      },
    }));
    const tape = new tf.GradientTape();
    const y = tape.record(() => {
      tape.watch(x);
      return f(x);
    });
    expect(y.item()).toBe(6);
    expect(tape.gradient(y, [x, v]).map((t) => t?.item())).toEqual([7, 12]);
    expect(seen).toEqual([[v]]);
  });

  it('119: a gradFn that takes no variables, or gives the wrong number of gradients for them', () => {
    const v = new tf.Variable(3, { name: 'captured' });
    const call = (gradFn: (ct: tf.Tensor) => unknown): tf.GradtapeError => {
      const f = tf.customGradient((a: tf.Tensor) => ({ value: tf.mul(a, v), gradFn: gradFn as never }));
      const x = tf.constant(2);
      const tape = new tf.GradientTape();
      return gradtapeErrorOf(() => {
        const y = tape.record(() => {
          tape.watch(x);
          return f(x);
        });
        tape.gradient(y, x);
      });
    };
    const refused = call((ct) => ct);
    expect(refused.code).toBe('ERR_CUSTOM_GRADIENT');
    expect(refused.message).toContain('must accept a last argument { variables }, since the function uses variables');
    expect(refused.message).toContain('captured');
    const few = call(((ct: tf.Tensor, _: unknown) => ({ args: [ct], variables: [] })) as never);
    expect(few.code).toBe('ERR_CUSTOM_GRADIENT');
    expect(few.message).toContain('Must return gradient for each variable from');
    expect(call(((ct: tf.Tensor, _: unknown) => [ct]) as never).message).toContain('Must return gradient for each');
  });

  it('121: host arrays and numbers as arguments', () => {
    const f = tf.customGradient((a: tf.TensorLike, b: number[], c: number) => ({
      value: tf.mul(tf.mul(a, b), c),
      gradFn: (ct) => [tf.mul(ct, 5), null, null],
    }));
    expect(gradients(((x: tf.Tensor) => f(x, [1, 2], 3)) as Fn, [[1, 1]])).toEqual([[5, 5]]);
    expect(f(new Float32Array([1, 2]), [3, 4], 1).arraySync()).toEqual([3, 8]);
  });

  it('122: the wrong number of gradients', () => {
    for (const given of [[], [null], [null, null, null], null]) {
      const f = tf.customGradient((a: tf.Tensor, b: tf.Tensor) => ({
        value: tf.add(a, b),
        gradFn: () => given as never,
      }));
      const error = gradtapeErrorOf(() => gradients(f as Fn, [1, 2]));
      expect(error.code).toBe('ERR_CUSTOM_GRADIENT');
      expect(error.message).toMatch(/expected to return 2 gradients, but returned [0-3] instead/);
    }
  });

  it('null gradients are unconnected', () => {
    const f = tf.customGradient((a: tf.Tensor, b: tf.Tensor) => ({ value: tf.add(a, b), gradFn: (ct) => [null, ct] }));
    expect(gradients(f as Fn, [1, 2])).toEqual([null, 1]);
  });

  it('one argument takes a bare gradient or a list of one; numbers and arrays will do', () => {
    for (const given of [2, [2], tf.constant(2), [tf.constant(2)]]) {
      const f = tf.customGradient((a: tf.Tensor) => ({ value: tf.neg(a), gradFn: () => given as never }));
      expect(gradients(f as Fn, [1])).toEqual([2]);
    }
  });

  it('several values: a cotangent each, zeros for one that is not used', () => {
    const seen: unknown[] = [];
    const f = tf.customGradient((a: tf.Tensor) => ({
      value: { sum: tf.reduceSum(a), both: [tf.neg(a), tf.square(a)] as const },
      gradFn: (...cts) => {
        seen.push(cts.map((ct) => ct.arraySync()));
        return cts[1] as tf.Tensor;
      },
    }));
    const x = tf.constant([1, 2]);
    const tape = new tf.GradientTape();
    const y = tape.record(() => {
      tape.watch(x);
      const { sum, both } = f(x);
      expect(sum.item()).toBe(3);
      return tf.mul(both[0], [10, 20]);
    });
    expect(tape.gradient(y, x)?.arraySync()).toEqual([10, 20]);
    expect(seen).toEqual([[0, [10, 20], [0, 0]]]);
  });

  it('nested arguments are flattened', () => {
    const f = tf.customGradient((p: { a: tf.Tensor; rest: readonly tf.Tensor[] }) => ({
      value: tf.add(p.a, p.rest[0] as tf.Tensor),
      gradFn: (ct) => [tf.mul(ct, 2), tf.mul(ct, 3)],
    }));
    expect(gradients(((a: tf.Tensor, b: tf.Tensor) => f({ a, rest: [b] })) as Fn, [1, 2])).toEqual([2, 3]);
  });

  it('a value that is an argument is a tensor of its own', () => {
    const f = tf.customGradient((a: tf.Tensor) => ({ value: a, gradFn: (ct) => tf.mul(ct, 3) }));
    expect(gradients(f as Fn, [2])).toEqual([3]);
    expect(gradients(((a: tf.Tensor) => tf.add(f(a), a)) as Fn, [2])).toEqual([4]);
  });

  it('its body is recorded, and its entry takes the place of the results', () => {
    const x = tf.constant(2);
    let within: tf.Tensor | undefined;
    const f = tf.customGradient((a: tf.Tensor) => {
      within = tf.square(a);
      return { value: tf.tanh(within), gradFn: (ct) => tf.mul(ct, 7) };
    });
    const tape = new tf.GradientTape({ persistent: true });
    const [y, z] = tape.record(() => {
      tape.watch(x);
      const out = f(x);
      return [out, tf.add(out, within as tf.Tensor)] as const;
    });
    expect(tape.gradient(y, x)?.item()).toBe(7);
    expect(tape.gradient(within as tf.Tensor, x)?.item()).toBe(4);
    expect(tape.gradient(z, x)?.item(), 'both ways count').toBe(11);
    expect(tape.gradient(y, within as tf.Tensor), 'no way leads through the body').toBeNull();
  });

  it('what gradFn captured from the body stays connected: log1pexp of the guide', () => {
    const log1pexp = tf.customGradient((x: tf.Tensor) => {
      const e = tf.exp(x);
      return {
        value: tf.log(tf.add(1, e)),
        gradFn: (upstream) => tf.mul(upstream, tf.sub(1, tf.div(1, tf.add(1, e)))),
      };
    });
    const x = tf.constant(0, { dtype: 'float64' });
    expect(derivative(log1pexp)(x).item()).toBe(0.5);
    expect(derivative(derivative(log1pexp))(x).item()).toBe(0.25);
    expect(derivative(derivative(derivative(log1pexp)))(x).item()).toBe(0);
    // By one persistent tape, too.
    const tape = new tf.GradientTape({ persistent: true });
    const g = tape.record(() => {
      tape.watch(x);
      return dense(tape.gradient(log1pexp(x), x));
    });
    expect(tape.gradient(g, x)?.item()).toBe(0.25);
  });

  it('a body of what no tape knows but by capture hands its gradient on', () => {
    const w = tf.constant(3);
    const scaled = tf.customGradient((a: tf.Tensor) => ({ value: tf.mul(a, w), gradFn: () => 100 }));
    const tape = new tf.GradientTape();
    const y = tape.record(() => {
      tape.watch(w);
      return scaled(tf.constant(5));
    });
    expect(tape.gradient(y, w)?.item()).toBe(5);
    expect(gradients(((a: tf.Tensor) => scaled(a)) as Fn, [5])).toEqual([100]);
  });

  it('tapes opened in a body record: a root found by Newton, with the gradient of the implicit function', () => {
    const newton = (a: tf.Tensor): tf.Tensor => {
      let y = tf.constant(1, { dtype: 'float64' });
      for (let i = 0; i < 30; i++) {
        const [value, slope] = valueAndSlope((t) => tf.sub(tf.mul(t, t), a), y);
        y = tf.stopGradient(tf.sub(y, tf.div(value, slope)));
      }
      return y;
    };
    const valueAndSlope = (g: (t: tf.Tensor) => tf.Tensor, at: tf.Tensor): [tf.Tensor, tf.Tensor] => {
      const tape = new tf.GradientTape();
      const value = tape.record(() => {
        tape.watch(at);
        return g(at);
      });
      return [value, dense(tape.gradient(value, at))];
    };
    const root = tf.customGradient((a: tf.Tensor) => {
      const y = newton(a);
      return { value: y, gradFn: (ct) => tf.div(ct, tf.mul(y, 2)) };
    });
    const a = tf.constant(9, { dtype: 'float64' });
    expect(root(a).item()).toBeCloseTo(3, 12);
    expect(derivative(root)(a).item()).toBeCloseTo(1 / 6, 12);
    expect(derivative(tf.gradPassThrough(newton))(a).item()).toBe(1);
    const again = tf.recomputeGrad((t: tf.Tensor) => tf.mul(t, newton(t)));
    expect(derivative(again)(a).item()).toBeCloseTo(3, 12);
  });

  it('minimize in a body takes its steps', () => {
    for (const wrap of [tf.gradPassThrough, tf.recomputeGrad] as const) {
      const v = new tf.Variable(5);
      const optimizer = new tf.optimizers.SGD({ learningRate: 0.25 });
      const f = wrap((x: tf.Tensor) => {
        optimizer.minimize(() => tf.square(v), [v]);
        return tf.identity(x);
      });
      const tape = new tf.GradientTape({ watchAccessedVariables: false });
      const x = tf.constant(1);
      tape.record(() => {
        tape.watch(x);
        return f(x);
      });
      expect(v.value().item()).toBe(2.5);
    }
    const v = new tf.Variable(5);
    const optimizer = new tf.optimizers.SGD({ learningRate: 0.25 });
    const f = tf.customGradient((x: tf.Tensor) => {
      optimizer.minimize(() => tf.square(v), [v]);
      return { value: tf.identity(x), gradFn: (ct, _: unknown) => ({ args: [ct], variables: [null] }) };
    });
    expect(gradients(f as Fn, [1])).toEqual([1]);
    expect(v.value().item()).toBe(2.5);
  });

  it('a gradFn without return says so; null is no gradient', () => {
    const of = (gradFn: unknown): Fn =>
      tf.customGradient((a: tf.Tensor) => ({ value: tf.neg(a), gradFn: gradFn as () => null })) as Fn;
    const error = gradtapeErrorOf(() =>
      gradients(
        of((ct: tf.Tensor) => void tf.neg(ct)),
        [1],
      ),
    );
    expect(error.code).toBe('ERR_CUSTOM_GRADIENT');
    expect(error.message).toMatch(/gradFn returned undefined.*return/);
    expect(
      gradients(
        of(() => null),
        [1],
      ),
    ).toEqual([null]);
    const two = tf.customGradient((a: tf.Tensor, b: tf.Tensor) => ({
      value: tf.add(a, b),
      gradFn: (ct) => [ct, undefined as never],
    }));
    expect(gradtapeErrorOf(() => gradients(two as Fn, [1, 2])).message).toContain('argument 1');
    const v = new tf.Variable(3);
    const reads = tf.customGradient((a: tf.Tensor) => ({
      value: tf.mul(a, v),
      gradFn: (ct, _: unknown) => ({ args: [ct], variables: undefined as never }),
    }));
    expect(gradtapeErrorOf(() => gradients(reads as Fn, [1])).code).toBe('ERR_CUSTOM_GRADIENT');
  });

  it('an object of options is no argument to the gradient; one that holds a tensor is', () => {
    const f = tf.customGradient((a: tf.Tensor, opts: { alpha: number; training: boolean; axes: number[] }) => ({
      value: tf.mul(a, opts.training ? opts.alpha : opts.axes.length),
      gradFn: (ct) => tf.mul(ct, 5),
    }));
    const options = { alpha: 0.5, training: true, axes: [0, 1] };
    expect(gradients(((x: tf.Tensor) => f(x, options)) as Fn, [1])).toEqual([5]);
    class Config {
      readonly rate = 2;
    }
    const g = tf.customGradient((a: tf.Tensor, config: Config, deep: { inner: { n: number } }[]) => ({
      value: tf.mul(a, config.rate + deep.length),
      gradFn: (ct) => tf.mul(ct, 6),
    }));
    expect(gradients(((x: tf.Tensor) => g(x, new Config(), [{ inner: { n: 1 } }])) as Fn, [1])).toEqual([6]);
    const h = tf.customGradient((p: { a: tf.Tensor; b: number }) => ({
      value: tf.mul(p.a, p.b),
      gradFn: (ct) => [tf.mul(ct, 3), null],
    }));
    expect(gradients(((a: tf.Tensor) => h({ a, b: 2 })) as Fn, [1])).toEqual([3]);
  });

  it('a gradient asked of a persistent tape within gradFn is what it is outside', () => {
    const tape = new tf.GradientTape({ persistent: true });
    const x = tf.constant(3);
    let inner: (number | undefined)[] = [];
    const f = tf.customGradient((a: tf.Tensor) => ({
      value: tf.identity(a),
      gradFn: (ct) => {
        inner = [tape.gradient(z, x)?.item(), tape.gradient(z, y)?.item()];
        return tf.mul(ct, 10);
      },
    }));
    const [y, z, w] = tape.record(() => {
      tape.watch(x);
      const square = tf.mul(x, x);
      const cubed = tf.mul(square, x);
      return [square, tf.add(square, 1), tf.add(f(cubed), square)] as const;
    });
    expect(tape.gradient(z, x)?.item()).toBe(6);
    expect(tape.gradient(w, x)?.item()).toBe(10 * 27 + 6);
    expect(inner).toEqual([6, 1]);
  });

  it('passes nest to any depth, over the same entries; what fails inside leaves the outer ones whole', () => {
    const tape = new tf.GradientTape({ persistent: true });
    const x = tf.constant(2);
    const depths: (number | undefined)[] = [];
    let depth = 0;
    const f = tf.customGradient((a: tf.Tensor) => ({
      value: tf.square(a),
      gradFn: (ct) => {
        if (depth < 4) {
          depth++;
          depths.push(tape.gradient(y, x)?.item());
          expect(() => tape.gradient(broken, x)).toThrow('broken');
          depth--;
        }
        return tf.mul(ct, tf.mul(a, 2));
      },
    }));
    const breaks = tf.customGradient((a: tf.Tensor) => ({
      value: tf.neg(a),
      gradFn: () => {
        throw new Error('broken');
      },
    }));
    const [y, broken] = tape.record(() => {
      tape.watch(x);
      const cube = tf.mul(tf.mul(x, x), x);
      return [tf.mul(f(tf.add(cube, x)), x), breaks(tf.add(cube, 1))] as const;
    });
    // ((x^3 + x)^2 x)' = 2 (x^3 + x) (3 x^2 + 1) x + (x^3 + x)^2
    expect(tape.gradient(y, x)?.item()).toBe(2 * 10 * 13 * 2 + 100);
    expect(depths).toEqual([620, 620, 620, 620]);
  });

  it('second derivatives are those of gradFn; customs nest', () => {
    const cube = tf.customGradient((x: tf.Tensor) => ({
      value: tf.pow(x, 3),
      gradFn: (ct) => tf.mul(ct, tf.mul(tf.square(x), 3)),
    }));
    const x = tf.constant(2);
    expect(derivative(cube)(x).item()).toBe(12);
    expect(derivative(derivative(cube))(x).item()).toBe(12);
    expect(derivative(derivative(derivative(cube)))(x).item()).toBe(6);
    const doubled = tf.customGradient((a: tf.Tensor) => ({ value: cube(a), gradFn: (ct) => tf.mul(ct, cube(a)) }));
    expect(derivative(doubled)(x).item()).toBe(8);
    expect(derivative(derivative(doubled))(x).item()).toBe(12);
  });

  it('refuses what is not of its form', () => {
    expect(gradtapeErrorOf(() => tf.customGradient(3 as never)).code).toBe('ERR_CUSTOM_GRADIENT');
    for (const result of [
      undefined,
      tf.constant(1),
      { value: tf.constant(1) },
      { gradFn: () => 1 },
      { value: 3, gradFn: () => 1 },
    ]) {
      const f = tf.customGradient((() => result) as never) as () => unknown;
      expect(gradtapeErrorOf(() => f()).code).toBe('ERR_CUSTOM_GRADIENT');
    }
    const shape = tf.customGradient((x: tf.Tensor) => ({ value: tf.square(x), gradFn: () => tf.ones([3]) }));
    expect(gradtapeErrorOf(() => gradients(shape as Fn, [[1, 2]])).code).toBe('ERR_CUSTOM_GRADIENT');
  });

  it('an exception of gradFn comes out unchanged', () => {
    const mine = new Error('mine');
    const f = tf.customGradient((x: tf.Tensor) => ({
      value: tf.square(x),
      gradFn: () => {
        throw mine;
      },
    }));
    expect(() => gradients(f as Fn, [1])).toThrow(mine);
    expect(gradients(((x: tf.Tensor) => tf.square(x)) as Fn, [3]), 'no tape was left').toEqual([6]);
  });

  it('a gradient has the dtype of its argument', () => {
    const f = tf.customGradient((x: tf.Tensor) => ({
      value: x.mul(2),
      gradFn: () => tf.zeros([2], { dtype: 'float64' }),
    }));
    const x = tf.constant([1, 2]);
    const [tape, y] = tapeOf(x, () => f(x));
    expect(errorOf(() => tape.gradient(y, x))).toMatchObject({ code: 'ERR_CUSTOM_GRADIENT' });
  });

  it('slices as a gradient have the shape of their argument', () => {
    const slices = new tf.IndexedSlices(tf.ones([1, 2]), tf.constant([0], { dtype: 'int32' }), [4, 2]);
    const f = tf.customGradient((x: tf.Tensor) => ({ value: tf.reduceSum(x), gradFn: () => slices }));
    const x = tf.ones([3, 2]);
    const [tape, y] = tapeOf(x, () => f(x));
    expect(errorOf(() => tape.gradient(y, x))).toMatchObject({ code: 'ERR_CUSTOM_GRADIENT' });
  });

  it('121: a matrix of numbers is one argument', () => {
    const f = tf.customGradient((x: tf.Tensor, weights: number[][]) => ({
      value: x.mul(weights),
      gradFn: (ct) => [ct.mul(weights), null],
    }));
    const x = tf.constant([[1], [2]]);
    const [tape, y] = tapeOf(x, () => f(x, [[3], [4]]));
    expect(tape.gradient(y, x)?.arraySync()).toEqual([[3], [4]]);
  });
});

describe('gradPassThrough', () => {
  it('53: forwards the function, backwards the identity', () => {
    const x = new tf.Variable(0);
    const z = new tf.Variable(3);
    const tape = new tf.GradientTape();
    const y = tape.record(() => tf.gradPassThrough((value: tf.Tensor) => x.assign(value))(tf.square(z)));
    expect(x.value().item()).toBe(9);
    expect(tape.gradient(y, z)?.item()).toBe(6);
  });

  it('53: variables that the function reads get nothing', () => {
    const x = new tf.Variable(2);
    const v = tf.constant(5);
    const tape = new tf.GradientTape({ persistent: true });
    const y = tape.record(() => {
      tape.watch(v);
      return tf.gradPassThrough((t: tf.Tensor) => tf.mul(x, t))(v);
    });
    expect(y.item()).toBe(10);
    expect(tape.gradient(y, x)).toBeNull();
    expect(tape.gradient(y, v)?.item()).toBe(1);
  });

  it('its body is seen; variables that it reads get nothing beside arguments that no tape knows', () => {
    const x = new tf.Variable(2);
    let within: tf.Tensor | undefined;
    const tape = new tf.GradientTape({ persistent: true });
    const y = tape.record(() =>
      tf.gradPassThrough((t: tf.Tensor) => {
        within = tf.square(x);
        return tf.mul(within, t);
      })(tf.constant(5)),
    );
    expect(y.item()).toBe(20);
    expect(tape.gradient(y, x)).toBeNull();
    expect(tape.gradient(within as tf.Tensor, x)?.item()).toBe(4);
  });

  it('a straight-through estimator', () => {
    expect(gradients(tf.gradPassThrough((t: tf.Tensor) => tf.round(t)) as Fn, [[0.4, 1.6]])).toEqual([[1, 1]]);
  });
});
