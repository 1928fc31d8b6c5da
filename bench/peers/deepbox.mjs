// deepbox, an eager autodiff library in plain JavaScript: the fastest on npm for scalars. Its numbers must be wrapped; here they are, once.
import { chainFactor, chainLength } from '../cases/tape.mjs';
import { adamRate, four, learningRate, network, some, uniform } from '../inputs.mjs';

/** GradTensor of a typed array. */
function leaf(db, data, shape, requiresGrad) {
  const type = data instanceof Float64Array ? 'float64' : 'float32';
  const t = db.tensor(data, { dtype: type }).reshape(shape);
  return db.GradTensor.fromTensor(t, { requiresGrad });
}

function seed(db) {
  const scalar = (v) => db.GradTensor.scalar(v);
  const [two, three, five] = [2, 3, 5].map(scalar);
  const x = db.parameter(2);
  const step = () => {
    x.zeroGrad();
    const y = two
      .mul(x.pow(3))
      .add(five.mul(x.pow(2)))
      .add(three.mul(x));
    y.backward();
    return x.grad.at();
  };
  return { step, check: () => [step()] };
}

function power(db) {
  const y = db.parameter(42);
  const step = () => {
    y.zeroGrad();
    const z = y.mul(y).mul(y).mul(y);
    z.backward();
    return y.grad.at();
  };
  return { step, check: () => [step()] };
}

function chain(db, { gradient }) {
  const x = db.parameter(1);
  const c = db.GradTensor.scalar(0.001);
  const d = db.GradTensor.scalar(chainFactor);
  const step = () => {
    let t = x;
    for (let i = 0; i < chainLength; i += 2) t = t.add(c).mul(d);
    if (!gradient) return t.at();
    x.zeroGrad();
    t.backward();
    return x.grad.at();
  };
  return { step, check: () => [step()] };
}

function chainFour(db) {
  const x = leaf(db, Float32Array.from(four.x), [4], true);
  const c = leaf(db, Float32Array.from(four.c), [4], false);
  const step = () => {
    x.zeroGrad();
    let t = x;
    for (let i = 0; i < four.rounds; i++) t = t.mul(c).tanh().add(c).square();
    t.sum().backward();
    return x.grad;
  };
  return { step, check: () => step().data };
}

function addItem(db) {
  const x = db.tensor(2);
  const y = db.tensor(3);
  const step = () => db.add(x, y).at();
  return { step, check: () => [step()] };
}

function addFour(db) {
  const x = db.tensor([1, 2, 3, 4]);
  const y = db.tensor([5, 6, 7, 8]);
  const step = () => db.add(x, y);
  return { step, check: () => step().data };
}

function elementwise(db, { op, n }) {
  const x = db.tensor(uniform(n, 1), { dtype: 'float32' });
  const y = db.tensor(uniform(n, 2), { dtype: 'float32' });
  const step = {
    add: () => db.add(x, y),
    exp: () => db.exp(x),
    tanh: () => db.tanh(x),
    sum: () => db.sum(x).at(),
  }[op];
  return { step, check: () => (op === 'sum' ? [step()] : some(step().data)) };
}

function fused(db, { n, gradient }) {
  const sources = [1, 2, 3].map((seed) => leaf(db, uniform(n, seed), [n], gradient));
  const [x, w, b] = sources;
  const value = () => x.mul(w).add(b).tanh().square().sum();
  const step = () => {
    if (!gradient) return value().at();
    for (const s of sources) s.zeroGrad();
    const y = value();
    y.backward();
    return y;
  };
  const check = () => (gradient ? [step().at() / n, ...sources.flatMap((s) => some(s.grad.data))] : [step()]);
  return { step, check };
}

function matmul(db, { n, dtype, transposeA, transposeB }) {
  if (transposeA || transposeB) return null;
  const [a, b] = [1, 2].map((seed) => leaf(db, uniform(n * n, seed, dtype), [n, n], false).tensor);
  const step = () => db.dot(a, b);
  return { step, check: () => some(step().data) };
}

function training(db, optim, nn, size) {
  const { weights, x, labels } = network(size);
  const parameters = weights.map(({ data, shape }) => leaf(db, data, shape, true));
  const input = leaf(db, x.data, x.shape, false);
  const target = db.tensor(labels, { dtype: 'int32' });
  const optimizer = optim(parameters);
  const step = () => {
    let h = input;
    for (let k = 0; k < parameters.length; k += 2) {
      h = h.matmul(parameters[k]).add(parameters[k + 1]);
      if (k + 2 < parameters.length) h = h.relu();
    }
    const loss = nn.crossEntropyLoss(h, target);
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    return Number(loss.at());
  };
  return { step, check: () => [step(), step(), step()] };
}

export async function open() {
  // By name, so that nothing of the project asks for a package that only this folder installs.
  const name = 'deepbox';
  const db = await import(`${name}/ndarray`);
  const nn = await import(`${name}/nn`);
  const { SGD, Adam } = await import(`${name}/optim`);
  const optimizers = {
    sgd: (p) => new SGD(p, { lr: learningRate }),
    adam: (p) => new Adam(p, { lr: adamRate, eps: 1e-7 }),
  };
  return {
    'seed-gradient': () => seed(db),
    'seed-power': () => power(db),
    chain: (given) => chain(db, given),
    'chain-four': () => chainFour(db),
    'add-item': () => addItem(db),
    'add-four': () => addFour(db),
    elementwise: (given) => elementwise(db, given),
    fused: (given) => fused(db, given),
    matmul: (given) => matmul(db, given),
    train: ({ optimizer, size }) => training(db, optimizers[optimizer], nn, size),
  };
}
