// Transformations of whole functions: grad, valueAndGrad, vjp, jvp, jacobian, hessian, hvp.
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';
import { expectClose } from '../support/close.js';
import { codeOf, errorOf } from '../support/errors.js';
import { f64 } from '../support/tensors.js';

const cube = (x: tf.Tensor): tf.Tensor => tf.pow(x, 3);

describe('functions', () => {
  it('grad differentiates the first argument, in its structure', () => {
    expect(tf.grad(cube)(f64(2)).item()).toBe(12);
    const f = ({ w, b }: { w: tf.Tensor; b: readonly tf.Tensor[] }, x: tf.Tensor): tf.Tensor =>
      tf.reduceSum(w.mul(x).add(b[0] as tf.Tensor));
    const g = tf.grad(f)({ w: f64([1, 2]), b: [f64(3)] }, f64([5, 7]));
    expect(g.w.arraySync()).toEqual([5, 7]);
    expect(g.b[0]?.item()).toBe(2);
    expect(
      tf
        .grad((x: tf.Tensor) => x.mul(x))(3 as never)
        .item(),
    ).toBe(6);
    expect(
      tf
        .grad((x: tf.Tensor) => tf.reduceSum(x.mul(x)))([1, 2] as never)
        .arraySync(),
    ).toEqual([2, 4]);
  });

  it('what does not matter has zeros; variables are passed as they are', () => {
    expect(
      tf
        .grad((_: tf.Tensor) => tf.constant(1))(tf.constant([1, 2]))
        .arraySync(),
    ).toEqual([0, 0]);
    const v = new tf.Variable([1, 2]);
    expect(
      tf
        .grad((w: tf.Variable) => tf.reduceSum(w.mul(v)))(v)
        .arraySync(),
    ).toEqual([2, 4]);
    expect(
      tf
        .hessian((x: tf.Tensor) => tf.reduceSum(x))(tf.constant([1, 2]))
        .arraySync(),
    ).toEqual([
      [0, 0],
      [0, 0],
    ]);
  });

  it('a variable that is passed twice has a derivative for each argument, as a tensor has', () => {
    const f = (a: tf.Variable, b: tf.Variable) => a.mul(b).mul(b);
    const v = new tf.Variable(3);
    expect(
      tf
        .vjp(f, v, v)
        .vjp(1)
        .map((g) => g.item()),
    ).toEqual([9, 18]);
    expect(tf.jvp(f, [v, v], [1, 10]).tangent.item()).toBe(189);
    expect(tf.hvp(f, [v, v], [1, 0]).hvp.map((t) => t.item())).toEqual([0, 6]);
    const hessian = tf.hessian(({ a, b }: { a: tf.Variable; b: tf.Variable }) => f(a, b))({ a: v, b: v });
    expect([hessian.a.a, hessian.a.b, hessian.b.a, hessian.b.b].map((t) => t.item())).toEqual([0, 6, 6, 6]);
  });

  it('an argument too many: that of the function which is given', () => {
    const { grad, valueAndGrad, jacobian, hessian, jvp, hvp } = tf;
    for (const [name, given] of Object.entries({ grad, valueAndGrad, jacobian, hessian })) {
      const call = () => (given as (...args: unknown[]) => unknown)(tf.square, tf.constant(1));
      expect(call).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }));
      expect(call).toThrow(`${name}(f)(x)`);
    }
    for (const given of [jvp, hvp]) {
      const call = () => (given as (...args: unknown[]) => unknown)(tf.square, [1], [1], [1]);
      expect(call).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }));
    }
  });

  it('valueAndGrad', () => {
    const { value, grad } = tf.valueAndGrad(cube)(f64(2));
    expect([value.item(), grad.item()]).toEqual([8, 12]);
  });

  it('vjp: the pullback of a nest of values, called several times', () => {
    const x = f64([1, 2]);
    const { value, vjp } = tf.vjp((a: tf.Tensor, b: tf.Tensor) => ({ sum: a.add(b), product: a.mul(b) }), x, x);
    expect(value.product.arraySync()).toEqual([1, 4]);
    expect(vjp({ sum: f64([1, 1]), product: f64([0, 1]) }).map((g) => g.arraySync())).toEqual([
      [1, 3],
      [1, 3],
    ]);
    expect(vjp({ sum: [1, 0], product: [0, 0] }).map((g) => g.arraySync())).toEqual([
      [1, 0],
      [1, 0],
    ]);
    expect(errorOf(() => vjp(1)).message).toMatch(/^vjp: the cotangent must have the structure/);
    expect(codeOf(() => vjp({ sum: [1], product: [0, 0] }))).toBe('ERR_SHAPE');
    expect(codeOf(() => vjp(undefined as never))).toBe('ERR_NOT_A_TENSOR');
  });

  it('jvp: a tensor that is two arguments has two tangents', () => {
    const x = f64([1, 2]);
    const { value, tangent } = tf.jvp(
      (a: tf.Tensor, b: tf.Tensor) => [a.mul(b), tf.constant(1)],
      [x, x],
      [[1, 0], f64([0, 1])],
    );
    expect(value[0]?.arraySync()).toEqual([1, 4]);
    expect(tangent[0]?.arraySync()).toEqual([1, 2]);
    expect(tangent[1]?.item()).toBe(0);
    expect(errorOf(() => tf.jvp(cube, [x], [[1, 2, 3]])).message).toMatch(/^jvp: the tangent/);
    expect(codeOf(() => tf.jvp(cube, [x], [1, 2] as never))).toBe('ERR_STRUCTURE');
    expect(codeOf(() => tf.jvp(cube, x as never, [1]))).toBe('ERR_STRUCTURE');
  });

  it('jacobian and hessian of nests', () => {
    const at = { a: f64([1, 2]), b: f64(3) };
    const f = ({ a, b }: { a: tf.Tensor; b: tf.Tensor }): tf.Tensor => a.mul(a).mul(b);
    const j = tf.jacobian(f)(at);
    expect(j.a.arraySync()).toEqual([
      [6, 0],
      [0, 12],
    ]);
    expect(j.b.arraySync()).toEqual([1, 4]);
    const each = tf.jacobian(({ a, b }: { a: tf.Tensor; b: tf.Tensor }) => ({ y: a.mul(b), z: [b.mul(b)] }))(at);
    expect(each.y.b.arraySync()).toEqual([1, 2]);
    expect(each.z[0]?.a.arraySync()).toEqual([0, 0]);
    expect(each.z[0]?.b.item()).toBe(6);
    const h = tf.hessian(f)(at);
    expect(h.a.a.arraySync()).toEqual([
      [6, 0],
      [0, 6],
    ]);
    expect(h.a.b.arraySync()).toEqual([2, 4]);
    expect(h.b.a.arraySync()).toEqual([2, 4]);
    expect(h.b.b.item()).toBe(0);
  });

  it('hvp is the Hessian times the tangents', () => {
    const f = (a: tf.Tensor, b: tf.Tensor): tf.Tensor => tf.reduceSum(tf.sin(a.mul(b)).mul(a));
    const [a, b, u, v] = [f64([1, 2]), f64([0.5, -1]), f64([1, 3]), f64([-2, 0.5])];
    const { value, grad, hvp } = tf.hvp(f, [a, b], [u, v]);
    expectClose(value.item(), f(a, b).item(), 1e-14);
    const { vjp } = tf.vjp(f, a, b);
    expectClose(
      grad.map((g) => g.arraySync()),
      vjp(f64(1)).map((g) => g.arraySync()),
      1e-14,
    );
    const h = tf.hessian((x: readonly tf.Tensor[]) => f(x[0] as tf.Tensor, x[1] as tf.Tensor))([a, b]);
    const times = (i: 0 | 1): unknown =>
      tf.linalg
        .matvec(h[i]?.[0] as tf.Tensor, u)
        .add(tf.linalg.matvec(h[i]?.[1] as tf.Tensor, v))
        .arraySync();
    expectClose(
      hvp.map((t) => t.arraySync()),
      [times(0), times(1)],
      1e-13,
    );
  });

  it('each composes with the others and with open tapes', () => {
    const x = f64(2);
    expect(
      tf
        .grad(tf.grad(tf.grad(cube)))(x)
        .item(),
    ).toBe(6);
    expect(tf.jvp(tf.grad(cube), [x], [1]).tangent.item()).toBe(12);
    expect(
      tf
        .grad((t: tf.Tensor) => tf.jvp(cube, [t], [f64(1)]).tangent)(x)
        .item(),
    ).toBe(12);
    expect(
      tf
        .grad((t: tf.Tensor) => tf.hvp(cube, [t], [f64(1)]).hvp[0] as tf.Tensor)(x)
        .item(),
    ).toBe(6);
    expect(
      tf
        .grad((t: tf.Tensor) => tf.vjp(cube, t).vjp(f64(1))[0])(x)
        .item(),
    ).toBe(12);
    expect(
      tf
        .jacobian((t: tf.Tensor) => tf.valueAndGrad(cube)(t).grad)(f64([1, 2]))
        ?.arraySync(),
    ).toEqual([
      [6, 0],
      [0, 12],
    ]);
    const tape = new tf.GradientTape();
    const g = tape.record(() => {
      tape.watch(x);
      return tf.grad(cube)(x);
    });
    expect(tape.gradient(g, x)?.item()).toBe(12);
  });

  it('says what is wrong, by its own name', () => {
    type Maker = (f: unknown) => (...args: unknown[]) => unknown;
    const makers = { grad: tf.grad, valueAndGrad: tf.valueAndGrad, jacobian: tf.jacobian, hessian: tf.hessian };
    for (const [fn, make] of Object.entries(makers as unknown as Record<string, Maker>)) {
      expect(errorOf(() => make(3)).message).toMatch(new RegExp(`^${fn}: f must be a function`));
      const none = errorOf(() => make(() => undefined)(f64(1)));
      expect(none.message).toContain(
        'Cannot differentiate a function that returns undefined; did you forget to return',
      );
      expect(codeOf(() => make(cube)(tf.constant(1, { dtype: 'int32' })))).toBe('ERR_DTYPE');
      expect(codeOf(() => make(cube)())).toBe('ERR_STRUCTURE');
    }
  });
});
