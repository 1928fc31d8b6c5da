// What console.log and String show of optimizers, metrics, datasets and checkpoints.
import { inspect } from 'node:util';
import * as tf from 'gradtape';
import { expect, it } from 'vitest';

const { CosineDecay } = tf.optimizers.schedules;

it.each([
  [new tf.optimizers.SGD(), 'SGD(learningRate=0.01, iterations=0)'],
  [new tf.optimizers.Lion({ learningRate: new tf.Variable(0.5) }), 'Lion(learningRate=0.5, iterations=0)'],
  [
    new tf.optimizers.Adam({ learningRate: new CosineDecay({ initialLearningRate: 1, decaySteps: 2 }) }),
    'Adam(learningRate=[CosineDecay], iterations=0)',
  ],
  [new tf.metrics.Mean({ name: 'loss' }).update([1, 2]), 'Mean(name=loss, result=1.5)'],
  [new tf.metrics.ConfusionMatrix({ numClasses: 2 }), 'ConfusionMatrix(name=confusionMatrix, result=[[0,0],[0,0]])'],
  [tf.data.fromTensors([1, 2, 3]).batch(2), 'Dataset(2 elements)'],
  [tf.data.fromIterable(() => [1]), 'Dataset(as many elements as come)'],
  [new tf.Checkpoint({ model: { w: new tf.Variable(1) }, step: 4 }), 'Checkpoint(model, step=4)'],
])('%s is shown by its text', (x, text) => {
  expect([String(x), inspect(x), inspect([x])]).toEqual([text, text, `[ ${text} ]`]);
});
