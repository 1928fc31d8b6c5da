// Programs whose state is a tensor, not a variable, as their authors write them; with `evaluate` they ask for what the next step
// needs in the best places. Each: (tf, evaluate) => a step, which returns what its author looks at.

const descent = (tf, loss, x) => {
  const tape = new tf.GradientTape();
  const value = tape.record(() => {
    tape.watch(x);
    return loss(x);
  });
  return [value, tape.gradient(value, x)];
};
const bowl = (tf) => (x) => tf.reduceSum(tf.square(tf.tanh(x)));

function gradientDescent(tf, evaluate) {
  let x = tf.ones([64]);
  return () => {
    const [loss, gradient] = descent(tf, bowl(tf), x);
    x = x.sub(gradient.mul(0.01));
    if (evaluate) tf.evaluate(x, loss);
    return loss.item();
  };
}

function momentum(tf, evaluate) {
  let x = tf.ones([64]);
  let v = tf.zeros([64]);
  return () => {
    const [loss, gradient] = descent(tf, bowl(tf), x);
    v = v.mul(0.9).sub(gradient.mul(0.01));
    x = x.add(v);
    if (evaluate) tf.evaluate(x, v, loss);
    return loss.item();
  };
}

function langevin(tf, evaluate) {
  tf.random.setSeed(1);
  let x = tf.ones([64]);
  return () => {
    const [energy, gradient] = descent(tf, (q) => tf.reduceSum(tf.square(q)), x);
    x = x.sub(gradient.mul(0.01)).add(tf.random.normal([64]).mul(0.1));
    if (evaluate) tf.evaluate(x, energy);
    return energy.item();
  };
}

function hamiltonian(tf, evaluate) {
  tf.random.setSeed(2);
  let q = tf.ones([64]);
  const energyOf = (x) => tf.reduceSum(tf.square(x)).mul(0.5);
  return () => {
    let p = tf.random.normal([64]);
    const start = q;
    const [before] = descent(tf, energyOf, start);
    const first = before.add(energyOf(p));
    for (let k = 0; k < 5; k++) {
      p = p.sub(descent(tf, energyOf, q)[1].mul(0.05));
      q = q.add(p.mul(0.1));
      p = p.sub(descent(tf, energyOf, q)[1].mul(0.05));
    }
    const change = energyOf(q).add(energyOf(p)).sub(first);
    if (evaluate) tf.evaluate(q, change);
    if (change.item() > 1) q = start;
    return change.item();
  };
}

function average(tf, evaluate) {
  const w = new tf.Variable(tf.ones([64, 64]));
  const optimizer = new tf.optimizers.SGD(0.01);
  let mean = tf.zeros([64, 64]);
  return () => {
    const tape = new tf.GradientTape();
    const loss = tape.record(() => tf.reduceSum(tf.square(w)));
    optimizer.applyGradients([[tape.gradient(loss, w), w]]);
    mean = mean.mul(0.99).add(w.mul(0.01));
    if (evaluate) tf.evaluate(w, mean, loss);
    return loss.item();
  };
}

function powerIteration(tf, evaluate) {
  const a = tf.random.normal([256, 256], { seed: 1 });
  tf.evaluate(a);
  let v = tf.ones([256, 1]);
  return () => {
    const w = tf.matmul(a, v);
    const norm = tf.sqrt(tf.reduceSum(tf.square(w)));
    v = w.div(norm);
    if (evaluate) tf.evaluate(v, norm);
    return norm.item();
  };
}

function sampling(tf, evaluate) {
  const w = tf.random.normal([96, 64], { seed: 1, stddev: 0.1 });
  const out = tf.random.normal([64, 32], { seed: 2 });
  tf.evaluate(w, out);
  let h = tf.zeros([1, 64]);
  let token = 0;
  return () => {
    h = tf.tanh(tf.matmul(tf.concat([h, tf.oneHot([token], 32)], 1), w));
    const logits = tf.matmul(h, out);
    if (evaluate) tf.evaluate(h, logits);
    token = tf.argmax(logits, 1).dataSync()[0];
    return token;
  };
}

const cell = (tf, x, h, c, w, b) => {
  const gates = tf.matmul(tf.concat([x, h], 1), w).add(b);
  const [i, f, g, o] = tf.split(gates, 4, 1);
  const next = tf
    .sigmoid(f)
    .mul(c)
    .add(tf.sigmoid(i).mul(tf.tanh(g)));
  return [tf.sigmoid(o).mul(tf.tanh(next)), next];
};

function lstmSampling(tf, evaluate) {
  const w = tf.random.normal([96, 256], { seed: 1, stddev: 0.1 });
  const b = tf.zeros([256]);
  const out = tf.random.normal([64, 32], { seed: 2 });
  tf.evaluate(w, out);
  let h = tf.zeros([1, 64]);
  let c = tf.zeros([1, 64]);
  let token = 0;
  return () => {
    [h, c] = cell(tf, tf.oneHot([token], 32), h, c, w, b);
    const logits = tf.matmul(h, out);
    if (evaluate) tf.evaluate(h, c, logits);
    token = tf.argmax(logits, 1).dataSync()[0];
    return token;
  };
}

// Backpropagation through 16 steps of time; the state goes on from batch to batch.
function lstmTraining(tf, evaluate) {
  const w = new tf.Variable(tf.random.normal([96, 256], { seed: 1, stddev: 0.1 }));
  const b = new tf.Variable(tf.zeros([256]));
  const out = new tf.Variable(tf.random.normal([64, 32], { seed: 2, stddev: 0.1 }));
  const adam = new tf.optimizers.Adam({ learningRate: 0.001 });
  const text = tf.random.uniform([64, 17, 8], { seed: 3, minval: 0, maxval: 32, dtype: 'int32' }).arraySync();
  let h = tf.zeros([8, 64]);
  let c = tf.zeros([8, 64]);
  let at = 0;
  return () => {
    const rows = text[at++ % 64];
    const tape = new tf.GradientTape();
    const loss = tape.record(() => {
      const losses = [];
      for (let t = 0; t < 16; t++) {
        [h, c] = cell(tf, tf.oneHot(rows[t], 32), h, c, w, b);
        losses.push(tf.nn.sparseSoftmaxCrossEntropyWithLogits(tf.constant(rows[t + 1]), tf.matmul(h, out)));
      }
      return tf.reduceMean(tf.stack(losses));
    });
    const gradients = tape.gradient(loss, [w, b, out]);
    adam.applyGradients(gradients.map((g, k) => [g, [w, b, out][k]]));
    if (evaluate) tf.evaluate(h, c, loss);
    return loss.item();
  };
}

// The two-loop recursion over the last ten steps, with a line search that halves.
function lbfgs(tf, evaluate) {
  const scale = tf.range(1, 65).div(8);
  const loss = (x) => tf.reduceSum(tf.square(tf.tanh(x)).mul(scale));
  const start = tf.random.normal([64], { seed: 5 });
  let x = start;
  let history = [];
  let steps = 0;
  return () => {
    if (steps++ % 30 === 0) {
      x = start;
      history = [];
    }
    const [value, gradient] = descent(tf, loss, x);
    let q = gradient;
    const alphas = [];
    for (const { s, y, rho } of [...history].reverse()) {
      const alpha = rho.mul(tf.reduceSum(s.mul(q)));
      alphas.push(alpha);
      q = q.sub(y.mul(alpha));
    }
    for (const { s, y, rho } of history) {
      const beta = rho.mul(tf.reduceSum(y.mul(q)));
      q = q.add(s.mul(alphas.pop().sub(beta)));
    }
    const slope = tf.reduceSum(gradient.mul(q)).item();
    const now = value.item();
    let rate = history.length > 0 ? 1 : 0.1;
    let next = x.sub(q.mul(rate));
    while (rate > 1e-4 && !(loss(next).item() <= now - 1e-4 * rate * slope)) {
      rate /= 2;
      next = x.sub(q.mul(rate));
    }
    const after = descent(tf, loss, next)[1];
    const s = next.sub(x);
    const y = after.sub(gradient);
    const product = tf.reduceSum(s.mul(y));
    if (evaluate) tf.evaluate(next, s, y, product);
    if (product.item() > 1e-10) history = [...history, { s, y, rho: tf.reciprocal(product) }].slice(-10);
    x = next;
    return now;
  };
}

function newton(tf, evaluate) {
  let x = tf.constant([-1.2, 1, -0.5, 0.8], { dtype: 'float64' });
  let steps = 0;
  const loss = (p) => {
    const [low, high] = [p.at(':-1'), p.at('1:')];
    return tf.reduceSum(
      tf
        .square(high.sub(tf.square(low)))
        .mul(100)
        .add(tf.square(low.sub(1)).neg().neg()),
    );
  };
  return () => {
    if (steps++ % 20 === 0) x = tf.constant([-1.2, 1, -0.5, 0.8], { dtype: 'float64' });
    const outer = new tf.GradientTape({ persistent: true });
    const [value, gradient] = outer.record(() => {
      outer.watch(x);
      const [inner, slope] = descent(tf, loss, x);
      return [inner, slope];
    });
    const curvature = outer.gradient(gradient, x).abs().add(1);
    x = x.sub(gradient.div(curvature).mul(0.5));
    if (evaluate) tf.evaluate(x, value);
    return value.item();
  };
}

function metrics(tf, evaluate) {
  const x = tf.random.normal([128, 256], { seed: 3 });
  const w1 = new tf.Variable(tf.random.normal([256, 256], { seed: 1, stddev: 0.06 }));
  const w2 = new tf.Variable(tf.random.normal([256, 10], { seed: 2, stddev: 0.06 }));
  const labels = tf.constant(Int32Array.from({ length: 128 }, (_, k) => k % 10));
  const sgd = new tf.optimizers.SGD(0.01);
  tf.evaluate(x);
  return () => {
    let logits;
    const tape = new tf.GradientTape();
    const loss = tape.record(() => {
      logits = tf.matmul(tf.nn.relu(tf.matmul(x, w1)), w2);
      return tf.reduceMean(tf.nn.sparseSoftmaxCrossEntropyWithLogits(labels, logits));
    });
    const gradients = tape.gradient(loss, [w1, w2]);
    sgd.applyGradients(gradients.map((g, k) => [g, [w1, w2][k]]));
    if (evaluate) tf.evaluate(loss, logits);
    const value = loss.item();
    return value + tf.reduceMean(tf.cast(tf.equal(tf.argmax(logits, 1), labels), 'float32')).item();
  };
}

/** A simulation whose states are kept, every `stride`-th, and read from the end. */
const history = (stride) => (tf, evaluate) => () => {
  let x = tf.constant([0.5, -0.25, 0.125, 1]);
  const kept = [];
  for (let k = 0; k < 600; k++) {
    x = tf.tanh(x.mul(0.99).add(0.01));
    if (k % stride === 0) kept.push(x);
  }
  if (evaluate) tf.evaluate(kept);
  let sum = 0;
  for (const state of kept.reverse()) sum += state.dataSync()[0];
  return sum;
};

/** States that are made of each other, so many ops a step that the library computes before somebody looks. */
function branches(tf, evaluate) {
  let states = Array.from({ length: 100 }, (_, i) => tf.fill([16], i / 100));
  return () => {
    for (let k = 0; k < 50; k++) {
      const old = states;
      states = old.map((x, i) => tf.tanh(x.mul(0.9).add(old[(i + 1) % 100].mul(0.1))));
    }
    if (evaluate) tf.evaluate(states);
    return states[0].dataSync()[0];
  };
}

export const programs = {
  'gradient descent on a tensor': gradientDescent,
  'momentum by hand': momentum,
  'Langevin steps': langevin,
  'Hamiltonian Monte Carlo': hamiltonian,
  'average of a variable': average,
  'power iteration': powerIteration,
  'recurrent net that samples': sampling,
  'LSTM that samples': lstmSampling,
  'LSTM in training': lstmTraining,
  'L-BFGS': lbfgs,
  'Newton with a diagonal': newton,
  'metrics after the loss': metrics,
  'history read from its end': history(1),
  'every tenth state from the end': history(10),
  'a hundred branches': branches,
};
