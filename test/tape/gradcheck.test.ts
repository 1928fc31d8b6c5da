// gradcheck itself: it passes what is right, and says where what is wrong is wrong.
import * as tf from 'gradtape';
import { gradcheck } from 'gradtape/gradcheck';
import { describe, expect, it } from 'vitest';
import { gradtapeErrorOf } from '../support/errors.js';

// x^2 whose gradient is off by `factor` at one element.
const wrongAt = (element: number, factor: number): ((x: tf.Tensor) => tf.Tensor) =>
  tf.customGradient((x: tf.Tensor) => {
    const mask = tf.oneHot(element, x.size, { onValue: factor, offValue: 1, dtype: x.dtype });
    return { value: tf.square(x), gradFn: (ct) => tf.mul(tf.mul(ct, mask), tf.mul(x, 2)) };
  });

describe('gradcheck', () => {
  it('passes right gradients, with the error that it found', () => {
    const result = gradcheck(
      (x, y) => tf.mul(tf.sin(x as tf.Tensor), y as tf.Tensor),
      [
        [0.1, 0.2],
        [3, 4],
      ],
    );
    expect(result.maxError).toBeGreaterThan(0);
    expect(result.maxError).toBeLessThan(1e-8);
    expect(result.worst.analytic).toBeCloseTo(result.worst.numeric, 7);
  });

  it('computes in float64, whatever the inputs', () => {
    const dtypes: string[] = [];
    gradcheck(
      (x) => {
        dtypes.push((x as tf.Tensor).dtype);
        return tf.exp(x as tf.Tensor);
      },
      [new Float32Array([0.5, 1])],
    );
    expect(new Set(dtypes)).toEqual(new Set(['float64']));
  });

  it('names the input and the element that is wrong', () => {
    const f = wrongAt(2, 1.01);
    const error = gradtapeErrorOf(() =>
      gradcheck(
        (_, x) => f(x as tf.Tensor),
        [
          [1, 2],
          [1, 2, 3, 4],
        ],
      ),
    );
    expect(error.code).toBe('ERR_GRADCHECK');
    expect(error.message).toContain('input 1, element 2');
    expect(error.message).toMatch(/the gradient is -?\d/);
    gradcheck((x) => f(x as tf.Tensor), [[1, 2, 0, 4]]); // where x is 0 nothing is wrong
  });

  it('a small error passes with a larger tolerance', () => {
    const f = wrongAt(0, 1.0001);
    expect(gradtapeErrorOf(() => gradcheck((x) => f(x as tf.Tensor), [[1, 2]])).code).toBe('ERR_GRADCHECK');
    expect(gradcheck((x) => f(x as tf.Tensor), [[1, 2]], { tol: 1e-3 }).worst).toMatchObject({ input: 0, index: 0 });
  });

  it('a gradient that is cut off is wrong, one that is not there is zero', () => {
    const cut = (x: tf.Tensor): tf.Tensor => tf.mul(x, tf.stopGradient(x));
    expect(gradtapeErrorOf(() => gradcheck((x) => cut(x as tf.Tensor), [[3]])).code).toBe('ERR_GRADCHECK');
    gradcheck((x, y) => tf.add(x as tf.Tensor, tf.floor(y as tf.Tensor)), [[1.5], [2.5]]);
  });

  it('an infinite gradient is wrong, though forward mode agrees with it', () => {
    const error = gradtapeErrorOf(() => gradcheck(tf.sqrt, [[0, 1]]));
    expect([error.code, error.message]).toEqual([
      'ERR_GRADCHECK',
      expect.stringContaining('input 0, element 0: the gradient is Infinity, central differences give NaN'),
    ]);
  });

  it('a gradient of NaN is wrong', () => {
    expect(gradtapeErrorOf(() => gradcheck((x) => tf.mul(tf.sqrt(x as tf.Tensor), 0), [[0, 1]])).code).toBe(
      'ERR_GRADCHECK',
    );
  });

  it('order 2 finds a second derivative that is wrong where the first is right', () => {
    const f = tf.customGradient((x: tf.Tensor) => ({
      value: tf.square(x),
      gradFn: (ct) => tf.mul(ct, tf.mul(tf.stopGradient(x), 2)),
    }));
    gradcheck((x) => f(x as tf.Tensor), [[1, 2]]);
    expect(gradtapeErrorOf(() => gradcheck((x) => f(x as tf.Tensor), [[1, 2]], { order: 2 })).code).toBe(
      'ERR_GRADCHECK',
    );
    gradcheck((x) => tf.pow(x as tf.Tensor, 3), [[1, 2]], { order: 2 });
  });

  it('checks every output, of any shape, and mixed second derivatives', () => {
    gradcheck((x, w) => tf.nn.softmax(tf.matmul(x as tf.Tensor, w as tf.Tensor)), [tf.ones([2, 3]), tf.eye(3, 4)], {
      order: 2,
    });
    // Wrong in one output only.
    const f = wrongAt(1, 2);
    expect(() => gradcheck((x) => tf.concat([tf.exp(x as tf.Tensor), f(x as tf.Tensor)], 0), [[1, 2]])).toThrow(
      'element 1',
    );
    gradcheck((x) => x as tf.Tensor, [tf.zeros([0, 2])]);
    gradcheck((x) => tf.square(x as tf.Tensor), [3]);
  });

  it('refuses what it cannot check', () => {
    expect(gradtapeErrorOf(() => gradcheck(tf.exp as never, tf.ones([2]) as never)).code).toBe('ERR_NOT_A_TENSOR');
    expect(gradtapeErrorOf(() => gradcheck((() => 3) as never, [[1]])).code).toBe('ERR_NOT_A_TENSOR');
    expect(gradtapeErrorOf(() => gradcheck((x) => x as tf.Tensor, ['x' as never])).code).toBe('ERR_NOT_A_TENSOR');
    expect(gradtapeErrorOf(() => gradcheck((x) => x as tf.Tensor, [[1]], { order: 3 as never })).code).toBe(
      'ERR_OPTION',
    );
  });

  it('names what is wrong with its arguments', () => {
    const check = gradcheck as (...args: unknown[]) => unknown;
    const one = (x: tf.Tensor): tf.Tensor => x;
    const cases: [unknown[], string, string][] = [
      [[], 'ERR_VALUE', 'gradcheck: f must be a function, got undefined'],
      [[tf.ones([2]), [[1]]], 'ERR_VALUE', 'gradcheck: f must be a function, got a Tensor'],
      [[one], 'ERR_NOT_A_TENSOR', 'gradcheck: inputs must be an array, got undefined'],
      [[one, 'x'], 'ERR_NOT_A_TENSOR', 'gradcheck: inputs must be an array'],
      [[one, [[1], null]], 'ERR_NOT_A_TENSOR', 'gradcheck: inputs[1]: expected a tensor'],
      [[one, [[1]], 2], 'ERR_OPTION', 'gradcheck: expected options { order, eps, tol }, got 2; write { order: 2 }'],
      [[one, [[1]], { epsilon: 1 }], 'ERR_OPTION', 'gradcheck: unknown option epsilon; did you mean eps?'],
      [[one, [[1]], { eps: 0 }], 'ERR_OPTION', 'gradcheck: eps must be a finite number > 0, got 0'],
      [[one, [[1]], { tol: Number.NaN }], 'ERR_OPTION', 'gradcheck: tol must be a number >= 0, got NaN'],
      [[one, [[1]], { order: '2' }], 'ERR_OPTION', 'gradcheck: order must be 1 or 2, got "2"'],
      [[one, [[1]], null], 'ERR_OPTION', 'gradcheck'],
      [[() => undefined, [[1]]], 'ERR_NOT_A_TENSOR', 'gradcheck: f must return a Tensor, got undefined'],
      [
        [(x: tf.Tensor) => tf.cast(x, 'int32'), [[1]]],
        'ERR_DTYPE',
        'gradcheck: f must return a tensor of float32 or float64, got int32',
      ],
      [[async (x: tf.Tensor) => x, [[1]]], 'ERR_NOT_A_TENSOR', 'gradcheck: f must return a Tensor, got a Promise'],
    ];
    for (const [args, code, message] of cases) {
      const error = gradtapeErrorOf(() => check(...args));
      expect([error.code, error.message]).toEqual([code, expect.stringContaining(message)]);
    }
    const v = new tf.Variable(2);
    gradcheck(() => v as never, [[1]]);
  });
});
