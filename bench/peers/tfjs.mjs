// TensorFlow.js, its plain JavaScript backend and its WebAssembly one. Each step runs in tidy, as its users must. No
// Hessian-vector product: its cross entropy cannot be differentiated twice, and its tanh is wrong when it is.
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { chainFactor, chainLength } from '../cases/tape.mjs';
import { adamRate, layers, learningRate, network, some, uniform } from '../inputs.mjs';

const require = createRequire(import.meta.url);

function scalars(tf) {
  const [two, three, five] = [2, 3, 5].map((v) => tf.scalar(v));
  const f = (x) => tf.add(tf.add(tf.mul(two, tf.pow(x, three)), tf.mul(five, tf.square(x))), tf.mul(three, x));
  const gradient = tf.grad(f);
  const second = tf.grad(gradient);
  const power = tf.grad((y) => tf.mul(tf.mul(tf.mul(y, y), y), y));
  const at = (g, value) => {
    const x = tf.scalar(value);
    const step = () => tf.tidy(() => g(x).dataSync()[0]);
    return () => ({ step, check: () => [step()] });
  };
  return { 'seed-gradient': at(gradient, 2), 'seed-second': at(second, 2), 'seed-power': at(power, 42) };
}

function chain(tf) {
  const [x, c, d] = [1, 0.001, chainFactor].map((v) => tf.scalar(v));
  const g = tf.grad((x) => {
    let t = x;
    for (let i = 0; i < chainLength; i += 2) t = tf.mul(tf.add(t, c), d);
    return t;
  });
  const step = () => tf.tidy(() => g(x).dataSync()[0]);
  return { step, check: () => [step()] };
}

function add(tf, a, b) {
  const [x, y] = [a, b].map((v) => tf.tensor(v));
  const step = () => tf.tidy(() => tf.add(x, y).dataSync());
  return { step, check: step };
}

function elementwise(tf, name, n) {
  const [x, y] = [1, 2].map((seed) => tf.tensor1d(uniform(n, seed)));
  const op = { add: () => tf.add(x, y), exp: () => tf.exp(x), tanh: () => tf.tanh(x), sum: () => tf.sum(x) }[name];
  // Both backends compute at the call; only the sum is read, as ours is.
  const step = name === 'sum' ? () => tf.tidy(() => op().dataSync()[0]) : () => op().dispose();
  return { step, check: () => (name === 'sum' ? [step()] : tf.tidy(() => some(op().dataSync()))) };
}

function fused(tf, n, gradient) {
  const sources = [1, 2, 3].map((seed) => tf.tensor1d(uniform(n, seed)));
  const f = (x, w, b) => tf.sum(tf.square(tf.tanh(tf.add(tf.mul(x, w), b))));
  if (!gradient) {
    const step = () => tf.tidy(() => f(...sources).dataSync()[0]);
    return { step, check: () => [step()] };
  }
  const g = tf.valueAndGrads(f);
  const step = () =>
    tf.tidy(() => {
      const { value, grads } = g(sources);
      return [value.dataSync()[0], grads];
    });
  const check = () =>
    tf.tidy(() => {
      const { value, grads } = g(sources);
      return [value.dataSync()[0] / n, ...grads.flatMap((t) => some(t.dataSync()))];
    });
  return { step, check };
}

function matmul(tf, n, transposeA, transposeB) {
  const [a, b] = [1, 2].map((seed) => tf.tensor2d(uniform(n * n, seed), [n, n]));
  const op = () => tf.matMul(a, b, transposeA, transposeB);
  return { step: () => op().dispose(), check: () => tf.tidy(() => some(op().dataSync())) };
}

function matmulGradient(tf, n) {
  const sources = [1, 2].map((seed) => tf.tensor2d(uniform(n * n, seed), [n, n]));
  const g = tf.grads((a, b) => tf.sum(tf.square(tf.matMul(a, b))));
  return {
    step: () => tf.tidy(() => void g(sources)),
    check: () => tf.tidy(() => g(sources).flatMap((t) => some(t.dataSync()))),
  };
}

function model(tf) {
  const { weights, x, labels } = network();
  const input = tf.tensor2d(x.data, x.shape);
  const target = tf.oneHot(tf.tensor1d(labels, 'int32'), layers.at(-1));
  const loss = (parameters, activation) => {
    let h = input;
    for (let k = 0; k < parameters.length; k += 2) {
      h = tf.add(tf.matMul(h, parameters[k]), parameters[k + 1]);
      if (k + 2 < parameters.length) h = activation(h);
    }
    return tf.losses.softmaxCrossEntropy(target, h);
  };
  return { loss, parameters: weights.map(({ data, shape }) => tf.tensor(data, shape)) };
}

function training(tf, optimizer) {
  const { loss, parameters } = model(tf);
  const variables = parameters.map((t) => tf.variable(t));
  const f = () => loss(variables, tf.relu);
  const step = () => tf.tidy(() => optimizer.minimize(f, true, variables).dataSync()[0]);
  return { step, check: () => [step(), step(), step()], close: () => tf.dispose(variables) };
}

async function start(library) {
  // The whole package: tfjs-core alone has no gradients outside a bundler.
  const name = '@tensorflow/tfjs';
  const tf = require(name);
  if (library === 'tfjs-wasm') {
    const backend = `${name}-backend-wasm`;
    const wasm = require(backend);
    wasm.setWasmPaths(`${dirname(require.resolve(backend))}/`);
    wasm.setThreadsCount(1);
  }
  await tf.setBackend(library.replace('tfjs-', ''));
  await tf.ready();
  return tf;
}

export async function open(library) {
  const tf = await start(library);
  const sides = {
    ...scalars(tf),
    'chain-gradient': () => chain(tf),
    'add-item': () => add(tf, 2, 3),
    'add-four': () => add(tf, [1, 2, 3, 4], [5, 6, 7, 8]),
    'matmul-512-tn': () => matmul(tf, 512, true, false),
    'matmul-512-nt': () => matmul(tf, 512, false, true),
    'matmul-gradient-512': () => matmulGradient(tf, 512),
    'mlp-sgd': () => training(tf, tf.train.sgd(learningRate)),
    'mlp-adam': () => training(tf, tf.train.adam(adamRate, 0.9, 0.999, 1e-7)),
  };
  for (const [label, n] of [
    ['1e6', 1e6],
    ['1e7', 1e7],
  ]) {
    sides[`fused-${label}`] = () => fused(tf, n, false);
    sides[`fused-gradient-${label}`] = () => fused(tf, n, true);
  }
  for (const op of ['add', 'exp', 'tanh', 'sum']) {
    sides[`${op}-10000`] = () => elementwise(tf, op, 1e4);
    sides[`${op}-1e6`] = () => elementwise(tf, op, 1e6);
  }
  for (const n of [64, 128, 256, 512, 1024]) sides[`matmul-${n}`] = () => matmul(tf, n, false, false);
  return { sides };
}
