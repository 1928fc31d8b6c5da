// Jacobians and Hessians, and what a tangent costs.
import { some, uniform } from '../inputs.mjs';

export const title = 'Jacobians and forward mode, float32';

/** Tensors of these shapes from these seeds, computed. */
function tensors(tf, shapes) {
  const made = shapes.map((shape, k) =>
    tf.constant(
      uniform(
        shape.reduce((a, b) => a * b, 1),
        1 + k,
      ),
      { shape },
    ),
  );
  tf.evaluate(made);
  return made;
}

/** tanh(tanh(x w1 + b1) w2 + b2): x [32, 64], w1 [64, 32], w2 [32, 64]. */
const mlpShapes = [[32, 64], [64, 32], [32], [32, 64], [64]];
const mlp = (tf, x, w1, b1, w2, b2) => tf.tanh(tf.matmul(tf.tanh(tf.matmul(x, w1).add(b1)), w2).add(b2));

function timed(tf, compute) {
  const step = () => {
    const out = compute();
    tf.evaluate(out);
    return out;
  };
  return { step, check: () => step().flatMap((t) => some(t.dataSync())) };
}

function jacobianOfInput(tf) {
  const [x, ...rest] = tensors(tf, mlpShapes);
  const f = tf.jacobian((t) => mlp(tf, t, ...rest));
  return timed(tf, () => [f(x)]);
}

function tangent(tf, pushed) {
  const [x, ...rest] = tensors(tf, mlpShapes);
  const f = (t) => mlp(tf, t, ...rest);
  return timed(tf, () => {
    if (!pushed) return [f(x)];
    const { value, tangent } = tf.jvp(f, [x], [x]);
    return [value, tangent];
  });
}

/** A regression by 40 parameters, in one vector: w1 [4, 7], b [5] (a penalty), w2 [7]. */
function hessianOfLoss(tf) {
  const [x, y, p] = tensors(tf, [[64, 4], [64, 1], [40]]);
  const loss = (t) => {
    const w1 = tf.reshape(tf.slice(t, [0], [28]), [4, 7]);
    const w2 = tf.reshape(tf.slice(t, [33], [7]), [7, 1]);
    const error = tf.matmul(tf.tanh(tf.matmul(x, w1)), w2).sub(y);
    return tf.reduceMean(tf.square(error)).add(tf.reduceSum(tf.square(tf.slice(t, [28], [5]))));
  };
  const f = tf.hessian(loss);
  return timed(tf, () => [f(p)]);
}

function hessianOfRosenbrock(tf, n) {
  const [x] = tensors(tf, [[n]]);
  const f = tf.hessian((t) => {
    const [a, b] = [tf.slice(t, [0], [n - 1]), tf.slice(t, [1], [n - 1])];
    return tf.reduceSum(
      tf
        .square(b.sub(tf.square(a)))
        .mul(100)
        .add(tf.square(tf.sub(1, a))),
    );
  });
  return timed(tf, () => [f(x)]);
}

function diagonal(tf, n) {
  const [x] = tensors(tf, [[n]]);
  const f = tf.jacobian((t) => tf.exp(tf.sin(tf.tanh(t.mul(2)))));
  return timed(tf, () => [f(x)]);
}

const one = (id, name, kind, make, given) => ({
  id,
  name,
  unit: 'ms',
  rtol: 1e-3,
  kind,
  ...(given && { given }),
  make,
});

export const cases = [
  one('jacobian-mlp', 'Jacobian of 64-32-64 tanh, batch 32', 'jacobian-mlp', jacobianOfInput),
  one('hessian-loss', 'Hessian of a loss of 40 parameters', 'hessian-loss', hessianOfLoss),
  one(
    'hessian-rosenbrock',
    'Hessian of Rosenbrock, n = 100',
    'hessian-rosenbrock',
    (tf) => hessianOfRosenbrock(tf, 100),
    {
      n: 100,
    },
  ),
  one('jacobian-diagonal', 'Jacobian of 4 elementwise ops, n = 4096', 'jacobian-diagonal', (tf) => diagonal(tf, 4096), {
    n: 4096,
  }),
  one('mlp-value', 'Value of 64-32-64 tanh, batch 32', 'mlp-jvp', (tf) => tangent(tf, false), { pushed: false }),
  one('mlp-jvp', 'The same with a tangent', 'mlp-jvp', (tf) => tangent(tf, true), { pushed: true }),
];
