// A training loop of one's own: a two-layer network, batches, an optimizer, and the accuracy on points kept aside.
// The points lie on two spirals that wind around each other, so no straight line tells them apart.
import * as tf from 'gradtape';

tf.random.setSeed(3);
const count = 1200;
const [points, labels] = spirals(count);
const trained = 1000; // the rest is kept aside

const dense = (inputs, outputs) => ({
  weights: new tf.Variable(tf.initializers.glorotUniform()([inputs, outputs])),
  bias: new tf.Variable(tf.zeros([outputs])),
});
const layers = [dense(2, 32), dense(32, 32), dense(32, 2)];
const variables = layers.flatMap(({ weights, bias }) => [weights, bias]);
const optimizer = new tf.optimizers.Adam({ learningRate: 0.01 });

function network(inputs) {
  return layers.reduce((x, { weights, bias }, i) => {
    const sum = tf.expr`${x} @ ${weights} + ${bias}`;
    return i < layers.length - 1 ? tf.tanh(sum) : sum;
  }, inputs);
}

for (let epoch = 1; epoch <= 60; epoch++) {
  const order = tf.random.shuffle(tf.range(0, trained, 1, { dtype: 'int32' }));
  let total = 0;
  for (let first = 0; first < trained; first += 50) {
    const rows = order.at(`${first}:${first + 50}`);
    const tape = new tf.GradientTape();
    const loss = tape.record(() => {
      const logits = network(tf.gather(points, rows));
      return tf.reduceMean(tf.nn.sparseSoftmaxCrossEntropyWithLogits(tf.gather(labels, rows), logits));
    });
    const gradients = tape.gradient(loss, variables);
    optimizer.applyGradients(gradients.map((gradient, i) => [gradient, variables[i]]));
    total += loss.item();
  }
  if (epoch === 1 || epoch % 10 === 0) console.log(`epoch ${epoch}: loss ${(total / 20).toFixed(3)}`);
}

const kept = `${trained}:`;
const right = tf.equal(tf.argmax(network(points.at(kept)), 1), labels.at(kept));
console.log(
  `accuracy on ${count - trained} points kept aside: ${tf.reduceMean(tf.cast(right, 'float32')).item().toFixed(3)}`,
);

function spirals(n) {
  const radius = tf.random.uniform([n], { minval: 0.3, maxval: 3 });
  const side = tf.cast(tf.range(n).floormod(2), 'int32');
  const angle = tf.expr`3 * ${radius} + ${tf.cast(side, 'float32')} * ${Math.PI}`;
  const noise = tf.random.normal([n, 2], { stddev: 0.02 });
  const points = tf.stack([tf.expr`${radius} * cos(${angle})`, tf.expr`${radius} * sin(${angle})`], 1).add(noise);
  return [points, side];
}
