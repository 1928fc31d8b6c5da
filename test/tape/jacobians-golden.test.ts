// Jacobians, batch Jacobians, tangents and Hessian-vector products beside TensorFlow's (golden/make-jacobians.py has the same functions).
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';
import { readGolden } from '../support/files.js';
import { f64 } from '../support/tensors.js';

interface Case {
  readonly name: string;
  readonly x: readonly (readonly number[])[];
  readonly v: readonly (readonly number[])[];
  readonly y: readonly number[];
  readonly jacobian: readonly number[];
  readonly batchJacobian: readonly number[];
  readonly jvp: readonly number[];
  readonly hvp: readonly number[];
}
const golden = readGolden<{ w: unknown; v: unknown; filter: unknown; cases: readonly Case[] }>('jacobians.json');
const [w, v, filter] = [f64(golden.w), f64(golden.v), f64(golden.filter)];

function square(x: tf.Tensor): tf.Tensor {
  const m = tf.reshape(x, [2, 2, 2]);
  return tf.matmul(m, m, { transposeB: true }).add(tf.eye(2, 2, { dtype: 'float64' }).mul(2));
}

function normalized(x: tf.Tensor): tf.Tensor {
  const mean = tf.reduceMean(x, 0, { keepdims: true });
  const variance = tf.reduceMean(tf.square(x.sub(mean)), 0, { keepdims: true });
  return x.sub(mean).div(tf.sqrt(variance.add(0.01)));
}

const functions: Readonly<Record<string, (x: tf.Tensor) => tf.Tensor>> = {
  network: (x) => tf.tanh(tf.matmul(tf.tanh(tf.matmul(x, w)), v)),
  chain: (x) => tf.exp(tf.sin(x)).mul(tf.softplus(x)).div(x.mul(x).add(1)),
  softmax: (x) => tf.nn.softmax(x.mul(x)),
  logSumExp: (x) => tf.reduceLogsumexp(x, 1, { keepdims: true }).mul(x),
  gather: (x) => tf.gather(tf.square(x), [2, 0, 2, 1]),
  product: (x) => tf.reshape(tf.reduceProd(x, 1), [2, 1]),
  cumprod: (x) => tf.cumprod(x, 1),
  sort: (x) => tf.sort(x, 1).mul(x),
  norm: (x) => x.div(tf.norm(x, 'euclidean', 1, { keepdims: true })),
  conv: (x) => tf.reshape(tf.nn.conv2d(tf.reshape(x, [2, 4, 3, 1]), filter, { padding: 'SAME' }), [2, -1]),
  pool: (x) => tf.reshape(tf.nn.maxPool2d(tf.reshape(x, [2, 4, 4, 1]), { ksize: 2, strides: 2 }), [2, -1]),
  cholesky: (x) => tf.reshape(tf.linalg.cholesky(square(x)), [2, -1]),
  normalized,
  outer: (x) => tf.einsum('bi,bj->bij', x, tf.sin(x)),
  moved: (x) =>
    tf.concat([tf.reverse(x, [1]), tf.reshape(tf.transpose(tf.reshape(x, [2, 2, 2]), [0, 2, 1]), [2, 4])], 1),
};

function expectNumbers(what: string, got: tf.Tensor | null, want: readonly number[]): void {
  const data = got?.dataSync() ?? [];
  expect(data.length, what).toBe(want.length);
  want.forEach((number, i) => {
    const error = Math.abs((data[i] as number) - number) / Math.max(1, Math.abs(number));
    if (!(error <= 1e-12)) expect.fail(`${what}: element ${i} is ${data[i]}, TensorFlow's ${number}`);
  });
}

describe('as in TensorFlow', () => {
  it('every function has data', () => {
    expect(golden.cases.map(({ name }) => name)).toEqual(Object.keys(functions));
  });

  it.each(golden.cases)('$name', ({ name, x: at, v: along, ...want }) => {
    const f = functions[name] as (x: tf.Tensor) => tf.Tensor;
    const [x, direction] = [f64(at), f64(along)];
    const tape = new tf.GradientTape({ persistent: true });
    const y = tape.record(() => {
      tape.watch(x);
      return f(x);
    });
    expectNumbers('value', y, want.y);
    expectNumbers('jacobian', tape.jacobian(y, x), want.jacobian);
    expectNumbers('batchJacobian', tape.batchJacobian(y, x), want.batchJacobian);
    const accumulator = new tf.ForwardAccumulator(x, direction);
    expectNumbers('jvp', accumulator.jvp(accumulator.record(() => f(x))), want.jvp);
    const { hvp } = tf.hvp((t: tf.Tensor) => tf.reduceSum(tf.square(f(t))), [x], [direction]);
    expectNumbers('hvp', hvp[0] as tf.Tensor, want.hvp);
  });
});
