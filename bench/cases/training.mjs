// A training step of a small network, and its Hessian-vector product.
import { adamRate, batch, directions, layers, learningRate, network, networks } from '../inputs.mjs';

const shape = layers.join('-');

export const title = `Training: ${shape}, batch ${batch}, float32`;

function build(tf, size) {
  const { weights, x, labels } = network(size);
  const variables = weights.map(({ data, shape }) => new tf.Variable(tf.constant(data, { shape })));
  const input = tf.constant(x.data, { shape: x.shape });
  const target = tf.constant(labels);
  const loss = (activation) => {
    let h = input;
    for (let k = 0; k < variables.length; k += 2) {
      h = tf.matmul(h, variables[k]).add(variables[k + 1]);
      if (k + 2 < variables.length) h = activation(h);
    }
    return tf.reduceMean(tf.nn.sparseSoftmaxCrossEntropyWithLogits(target, h));
  };
  return { variables, loss };
}

function training(tf, optimizer, size = 'large') {
  const { variables, loss } = build(tf, size);
  const step = () => {
    const tape = new tf.GradientTape();
    const value = tape.record(() => loss(tf.nn.relu));
    const grads = tape.gradient(value, variables);
    optimizer.applyGradients(grads.map((g, i) => [g, variables[i]]));
    return value.item();
  };
  // The losses of three steps: wrong gradients or a wrong update show in the second and third.
  return { step, check: () => [step(), step(), step()] };
}

function hessianVector(tf) {
  const { variables, loss } = build(tf, 'large');
  const vectors = directions().map(({ data, shape }) => tf.constant(data, { shape }));
  const step = () => {
    const outer = new tf.GradientTape();
    const grads = outer.record(() => {
      const inner = new tf.GradientTape();
      const value = inner.record(() => loss(tf.tanh));
      return inner.gradient(value, variables);
    });
    const product = outer.gradient(grads, variables, { outputGradients: vectors });
    tf.evaluate(product);
    return product;
  };
  return { step, check: () => step().flatMap((p) => [...p.dataSync().slice(0, 5)]) };
}

/** A step of a table of embeddings of which each batch has few rows. */
function embedding(tf, optimizer) {
  const [length, depth, count] = [1_000_000, 64, 256];
  const table = new tf.Variable(tf.random.normal([length, depth], { seed: 1 }));
  const weights = tf.random.normal([depth, 1], { seed: 2 });
  let state = 1;
  const row = () => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return state % length;
  };
  const step = () => {
    const rows = Int32Array.from({ length: count }, row);
    const loss = () => tf.reduceMean(tf.square(tf.matmul(tf.gather(table, rows), weights)));
    return optimizer.minimize(loss, [table]).item();
  };
  return { step, check: () => [step(), step(), step()] };
}

export const cases = [
  {
    id: 'mlp-sgd',
    name: 'SGD',
    unit: 'steps/s',
    parallel: true,
    kind: 'train',
    given: { optimizer: 'sgd' },
    make: (tf) => training(tf, new tf.optimizers.SGD({ learningRate })),
  },
  {
    id: 'mlp-adam',
    name: 'Adam',
    unit: 'steps/s',
    rtol: 1e-3,
    parallel: true,
    kind: 'train',
    given: { optimizer: 'adam' },
    make: (tf) => training(tf, new tf.optimizers.Adam({ learningRate: adamRate })),
  },
  {
    id: 'mlp-small',
    name: `SGD, network ${networks.small.layers.join('-')}, batch ${networks.small.batch}`,
    unit: 'us',
    kind: 'train',
    given: { optimizer: 'sgd', size: 'small' },
    make: (tf) => training(tf, new tf.optimizers.SGD({ learningRate }), 'small'),
  },
  ...[
    ['SGD', (tf) => new tf.optimizers.SGD(0.1)],
    ['Adagrad', (tf) => new tf.optimizers.Adagrad(0.1)],
    ['Adam', (tf) => new tf.optimizers.Adam(0.1)],
  ].map(([name, optimizer]) => ({
    id: `embedding-${name.toLowerCase()}`,
    name: `${name}, embeddings 1,000,000 x 64, 256 rows a batch`,
    unit: 'ms',
    kind: 'embedding',
    given: { optimizer: name.toLowerCase() },
    make: (tf) => embedding(tf, optimizer(tf)),
  })),
  {
    id: 'mlp-hvp',
    name: 'Hessian-vector product, tanh',
    unit: 'ms',
    rtol: 1e-3,
    parallel: true,
    kind: 'hvp',
    make: hessianVector,
  },
];
