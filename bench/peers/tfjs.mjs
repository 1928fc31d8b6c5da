// TensorFlow.js, its plain JavaScript backend and its WebAssembly one. Each step runs in tidy, as its users must. No
// Hessian-vector product: its cross entropy cannot be differentiated twice, and its tanh is wrong when it is.
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { convolution } from '../cases/convolution.mjs';
import { chainFactor, chainLength } from '../cases/tape.mjs';
import { adamRate, learningRate, network, some, uniform } from '../inputs.mjs';

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

function chain(tf, { gradient }) {
  if (!gradient) return null;
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

function elementwise(tf, { op: name, n }) {
  const [x, y] = [1, 2].map((seed) => tf.tensor1d(uniform(n, seed)));
  const op = { add: () => tf.add(x, y), exp: () => tf.exp(x), tanh: () => tf.tanh(x), sum: () => tf.sum(x) }[name];
  // Both backends compute at the call; only the sum is read, as ours is.
  const step = name === 'sum' ? () => tf.tidy(() => op().dataSync()[0]) : () => op().dispose();
  return { step, check: () => (name === 'sum' ? [step()] : tf.tidy(() => some(op().dataSync()))) };
}

/** Computed at the call, and let go. */
function computed(tf, op) {
  return { step: () => op().dispose(), check: () => tf.tidy(() => some(op().dataSync())) };
}

function rows(tf, { op, size }) {
  const x = tf.tensor2d(uniform(size * size, 1), [size, size]);
  const f = {
    'sum-rows': () => tf.sum(x, 1),
    'sum-columns': () => tf.sum(x, 0),
    'max-rows': () => tf.max(x, 1),
    'argmax-rows': () => tf.argMax(x, 1),
    logsumexp: () => tf.logSumExp(x, 1),
    softmax: () => tf.softmax(x),
  }[op];
  return computed(tf, f);
}

function conv(tf, { part, ...given }) {
  const { x, filter, gradient } = Object.fromEntries(
    Object.entries(convolution(given)).map(([key, { data, shape }]) => [key, tf.tensor4d(data, shape)]),
  );
  if (part === 'forward') return computed(tf, () => tf.conv2d(x, filter, 1, 'same'));
  // The plain backend takes half a minute, the WebAssembly one has no gradient of a filter.
  if (tf.getBackend() === 'cpu' || part === 'filter') return null;
  // By kernel: the gradient alone is no public function.
  const attributes = { strides: [1, 1], pad: 'same', dataFormat: 'NHWC', inputShape: x.shape };
  return computed(tf, () => tf.engine().runKernel('Conv2DBackpropInput', { dy: gradient, filter }, attributes));
}

function fused(tf, { n, gradient }) {
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

function matmul(tf, { n, dtype, transposeA, transposeB }) {
  if (dtype !== 'float32') return null;
  const [a, b] = [1, 2].map((seed) => tf.tensor2d(uniform(n * n, seed), [n, n]));
  return computed(tf, () => tf.matMul(a, b, transposeA, transposeB));
}

function matmulGradient(tf, { n }) {
  const sources = [1, 2].map((seed) => tf.tensor2d(uniform(n * n, seed), [n, n]));
  const g = tf.grads((a, b) => tf.sum(tf.square(tf.matMul(a, b))));
  return {
    step: () => tf.tidy(() => void g(sources)),
    check: () => tf.tidy(() => g(sources).flatMap((t) => some(t.dataSync()))),
  };
}

function model(tf, size) {
  const { weights, x, labels } = network(size);
  const input = tf.tensor2d(x.data, x.shape);
  const target = tf.oneHot(tf.tensor1d(labels, 'int32'), weights.at(-1).shape[0]);
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

function training(tf, optimizer, size) {
  const { loss, parameters } = model(tf, size);
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
  const optimizers = {
    sgd: () => tf.train.sgd(learningRate),
    adam: () => tf.train.adam(adamRate, 0.9, 0.999, 1e-7),
  };
  return {
    ...scalars(tf),
    chain: (given) => chain(tf, given),
    'add-item': () => add(tf, 2, 3),
    'add-four': () => add(tf, [1, 2, 3, 4], [5, 6, 7, 8]),
    elementwise: (given) => elementwise(tf, given),
    rows: (given) => rows(tf, given),
    fused: (given) => fused(tf, given),
    matmul: (given) => matmul(tf, given),
    'matmul-gradient': (given) => matmulGradient(tf, given),
    conv: (given) => conv(tf, given),
    train: ({ optimizer, size }) => training(tf, optimizers[optimizer](), size),
  };
}
