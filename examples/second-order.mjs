// Minimising Rosenbrock's function in 20 dimensions by its curvature: Newton's method on the Hessian, and L-BFGS on gradients alone.
// Expected: both end at f < 1e-15, where every coordinate is 1: Newton after some 30 steps, L-BFGS after some 100.
// The curves are drawn in out/second-order.svg.
import * as tf from 'gradtape';
import { printCurve, writeCurves } from './plot/curves.mjs';

const n = 20;
const file = process.argv[2] ?? 'out/second-order.svg';

function f(x) {
  const [a, b] = [x.at(':-1'), x.at('1:')];
  return tf.reduceSum(tf.expr`100 * (${b} - ${a}**2)**2 + (1 - ${a})**2`);
}
const slope = tf.valueAndGrad(f);
const curvature = tf.hessian(f);
const dot = (a, b) => tf.reduceSum(a.mul(b)).item();

/** A point along the direction that is lower by enough (Armijo's rule). */
function lineSearch(x, value, gradient, direction) {
  const descent = dot(gradient, direction);
  for (let length = 1; length > 1e-12; length /= 2) {
    const next = x.add(direction.mul(length));
    if (f(next).item() <= value + 1e-4 * length * descent) return next;
  }
  return x;
}

/** The direction d with H d = -g; where H is not positive definite, a multiple of the unit matrix is added to it. */
function newtonStep(hessian, gradient) {
  for (let shift = 0; ; shift = Math.max(1e-3, 10 * shift)) {
    try {
      const factor = tf.linalg.cholesky(hessian.add(tf.eye(n, { dtype: 'float64' }).mul(shift)));
      const direction = tf.linalg.choleskySolve(factor, gradient.neg().expandDims(1)).squeeze(1);
      tf.evaluate(direction);
      return direction;
    } catch (error) {
      if (error.code !== 'ERR_NOT_POSITIVE_DEFINITE') throw error;
    }
  }
}

/** The direction of L-BFGS from the last steps and the changes of the gradient along them (Nocedal 1980). */
function lbfgsStep(history, gradient) {
  let direction = gradient.neg();
  const weights = [];
  for (const { step, change, inverse } of history.toReversed()) {
    const weight = inverse * dot(step, direction);
    weights.push(weight);
    direction = direction.sub(change.mul(weight));
  }
  const last = history.at(-1);
  if (last) direction = direction.mul(1 / (last.inverse * dot(last.change, last.change)));
  for (const { step, change, inverse } of history) {
    direction = direction.add(step.mul(weights.pop() - inverse * dot(change, direction)));
  }
  return direction;
}

/** @returns {{ x: tf.Tensor, values: number[] }} where the method ended, and f before each of its steps */
function minimise(directionAt) {
  let x = tf.zeros([n], { dtype: 'float64' });
  const values = [];
  for (let step = 0; step < 500; step++) {
    const { value, grad } = slope(x);
    values.push(value.item());
    if (tf.norm(grad).item() < 1e-8) break;
    const next = lineSearch(x, values.at(-1), grad, directionAt(x, grad));
    tf.evaluate(next);
    x = next;
  }
  return { x, values };
}

const newton = minimise((x, gradient) => newtonStep(curvature(x), gradient));

const history = [];
let before = null;
const lbfgs = minimise((x, gradient) => {
  if (before) {
    const [step, change] = [x.sub(before.x), gradient.sub(before.gradient)];
    const product = dot(step, change);
    if (product > 1e-12) history.push({ step, change, inverse: 1 / product });
    if (history.length > 10) history.shift();
  }
  before = { x, gradient };
  return lbfgsStep(history, gradient);
});

const positive = (values) => values.map((value) => Math.max(value, 1e-20));
for (const [name, { x, values }] of Object.entries({ Newton: newton, 'L-BFGS': lbfgs })) {
  console.log(`${name}, ${values.length - 1} steps:`);
  printCurve(positive(values), { log: true });
  const distance = tf.reduceMax(tf.abs(x.sub(1))).item();
  console.log(`f = ${values.at(-1).toExponential(1)}, at most ${distance.toExponential(1)} from the minimum\n`);
}
writeCurves(file, {
  title: "Rosenbrock's function in 20 dimensions",
  x: 'step',
  y: 'f',
  log: true,
  curves: { Newton: positive(newton.values), 'L-BFGS': positive(lbfgs.values) },
});
console.log(`${file}: Newton ${newton.values.length - 1} steps, L-BFGS ${lbfgs.values.length - 1}`);
