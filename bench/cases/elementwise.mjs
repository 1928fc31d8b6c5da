// Long vectors: one op at a time, and the fused chain with its gradients.
import { some, uniform } from '../inputs.mjs';

export const title = 'Elementwise, float32, results in memory';

function toMemory(tf, n, op) {
  const x = tf.constant(uniform(n, 1));
  const y = tf.constant(uniform(n, 2));
  const step = () => {
    const z = op(x, y);
    tf.evaluate(z);
    return z;
  };
  return { step, check: () => some(step().dataSync()) };
}

function total(tf, n) {
  const x = tf.constant(uniform(n, 1));
  const step = () => x.reduceSum().item();
  return { step, check: () => [step()] };
}

const short = (n) => (n >= 1e6 ? `1e${Math.round(Math.log10(n))}` : String(n));

function single(name, n) {
  const ops = {
    add: (tf) => toMemory(tf, n, (x, y) => x.add(y)),
    exp: (tf) => toMemory(tf, n, (x) => x.exp()),
    tanh: (tf) => toMemory(tf, n, (x) => x.tanh()),
    sum: (tf) => total(tf, n),
  };
  return {
    id: `${name}-${short(n)}`,
    name: `${name}, n = ${short(n)}`,
    unit: n > 1e5 ? 'ms' : 'us',
    // Some libraries add up in float32, one after the other.
    rtol: name === 'sum' ? 1e-3 : 1e-5,
    parallel: n > 1e5,
    kind: 'elementwise',
    given: { op: name, n },
    make: ops[name],
  };
}

function forward(tf, n) {
  const [x, w, b] = [1, 2, 3].map((seed) => tf.constant(uniform(n, seed)));
  const step = () => x.mul(w).add(b).tanh().square().reduceSum().item();
  return { step, check: () => [step()] };
}

function gradients(tf, n) {
  const sources = [1, 2, 3].map((seed) => tf.constant(uniform(n, seed)));
  const [x, w, b] = sources;
  const step = () => {
    const tape = new tf.GradientTape();
    const y = tape.record(() => {
      tape.watch(sources);
      return x.mul(w).add(b).tanh().square().reduceSum();
    });
    const grads = tape.gradient(y, sources);
    tf.evaluate(y, grads);
    return [y, ...grads];
  };
  const check = () => {
    const [y, ...grads] = step();
    // The sum is large; scaled, it is looked at as closely as the elements.
    return [y.item() / n, ...grads.flatMap((g) => some(g.dataSync()))];
  };
  return { step, check };
}

const fused = [1e6, 1e7].flatMap((n) => [
  {
    id: `fused-${short(n)}`,
    name: `sum(tanh(x*w+b)^2), n = ${short(n)}`,
    unit: 'ms',
    rtol: 1e-3,
    parallel: true,
    kind: 'fused',
    given: { n, gradient: false },
    make: (tf) => forward(tf, n),
  },
  {
    id: `fused-gradient-${short(n)}`,
    name: `the same and its three gradients, n = ${short(n)}`,
    unit: 'ms',
    rtol: 1e-3,
    parallel: true,
    kind: 'fused',
    given: { n, gradient: true },
    make: (tf) => gradients(tf, n),
  },
]);

export const cases = [
  ...fused,
  ...[1e4, 1e6].flatMap((n) => ['add', 'exp', 'tanh', 'sum'].map((name) => single(name, n))),
];
