// Errors of mistakes that newcomers made say what to write instead.
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';

const x = tf.ones([2, 3]);
const v = new tf.Variable(1);

const mistakes: Record<string, [call: () => unknown, text: string]> = {
  'the axis among the options': [
    () => tf.reduceSum(x, { axis: 1 } as never),
    'reduceSum: unknown option axis; it takes keepdims (an axis is an argument of its own, before the options)',
  ],
  'the axis as the only option': [
    () => tf.argmax(x, { axis: 1 } as never),
    'argmax: unknown option axis; it takes no options (an axis is an argument of its own, before the options)',
  ],
  'one-hot labels where classes are meant': [
    () => tf.nn.sparseSoftmaxCrossEntropyWithLogits(tf.oneHot([1, 0], 3), x),
    'labels [2, 3] do not fit logits [2, 3]; expected its leading axes; of one-hot vectors write argmax(labels, -1)',
  ],
  'one-hot labels in a loss': [
    () => tf.losses.sparseCategoricalCrossentropy(tf.oneHot([1, 0], 3), x),
    'yTrue [2, 3] do not fit yPred [2, 3]; expected its leading axes; of one-hot vectors write argmax(yTrue, -1)',
  ],
  'classes where probabilities are meant': [
    () => tf.nn.softmaxCrossEntropyWithLogits([1, 0], x),
    'of classes write nn.sparseSoftmaxCrossEntropyWithLogits(labels, logits)',
  ],
  'a dtype of Python': [
    () => tf.cast(x, (tf as never)['float32']),
    "a dtype is a string: 'float32', there is no tf.float32",
  ],
  'a number for a target': [
    () => {
      const tape = new tf.GradientTape();
      return tape.gradient(tape.record(() => tf.mul(v, 2).item()) as never, v);
    },
    'numbers that item(), data() and arraySync() give have no gradient: return the tensor itself',
  ],
  'bools whose mean is wanted': [() => tf.reduceMean(tf.equal(x, 1)), "write cast(x, 'float32') or cast(x, 'int32')"],
  'one-hot labels of integers': [
    () => tf.nn.softmaxCrossEntropyWithLogits(tf.ones([2, 3], { dtype: 'int32' }), x),
    "labels must be float32 or float64, got int32; write cast(labels, 'float32')",
  ],
  'one-hot labels in a metric of classes': [
    () => new tf.metrics.SparseCategoricalAccuracy().update(tf.oneHot([1, 0], 3), x),
    'SparseCategoricalAccuracy.update: shapes [2, 3] of yTrue and [2, 3] of yPred do not fit; expected shape [..., classes] of yPred beside [...] of yTrue; of one-hot vectors write argmax(yTrue, -1)',
  ],
  'predictions in the place of the truth': [
    () => new tf.metrics.SparseCategoricalAccuracy().update(x, [1, 0]),
    'yTrue (classes) come first',
  ],
  'classes in a metric of one-hot vectors': [
    () => new tf.metrics.CategoricalAccuracy().update([1, 0], x),
    'of classes write oneHot(yTrue, classes)',
  ],
  'options of data() given to dataSync()': [
    () => (x.dataSync as (options: unknown) => unknown)({ signal: AbortSignal.abort() }),
    'dataSync: takes no further argument and no options',
  ],
  'names of arguments in an expression': [() => tf.expr`reduceMean(${x}, axis=0)`, 'arguments have no names'],
  'an index in one string': [() => tf.at(x, ':, -1'), 'each axis has an argument of its own'],
  'one matrix that is not positive definite': [
    () => tf.linalg.cholesky([[1, 2], [2, 1]]).dataSync(), // biome-ignore format: a matrix
    'linalg.cholesky: the matrix is not positive definite',
  ],
  'one matrix of several that has no inverse': [
    () => tf.linalg.inv([[[1, 0], [0, 1]], [[1, 2], [2, 4]]]).dataSync(), // biome-ignore format: matrices
    'linalg.inv: matrix 1 is not invertible',
  ],
};

it.each(Object.entries(mistakes))('%s', (_, [call, text]) => {
  expect(call).toThrow(text);
});

describe('recordAsync without await', () => {
  it('is told where gradients are asked for, and costs nothing', async () => {
    const tape = new tf.GradientTape();
    let y = tf.constant(0);
    const recording = tape.recordAsync(async () => {
      y = tf.mul(v, 2);
      await Promise.resolve();
      y = tf.mul(y, v);
    });
    expect(() => tape.gradient(y, v)).toThrow(
      'gradient: the function given to recordAsync has not ended: write await tape.recordAsync(...) before',
    );
    expect(() => tape.record(() => v.mul(2))).toThrow('await that, or make a tape for each');
    await recording;
    expect(tape.gradient(y, v)?.item()).toBe(4);
  });

  it('is told by an accumulator too', async () => {
    const accumulator = new tf.ForwardAccumulator(v, tf.constant(1));
    let y = tf.constant(0);
    const recording = accumulator.recordAsync(async () => {
      await Promise.resolve();
      y = tf.mul(v, 2);
    });
    expect(() => accumulator.jvp(y)).toThrow('write await accumulator.recordAsync(...) before');
    await recording;
    expect(accumulator.jvp(y)?.item()).toBe(2);
  });

  it('does not keep the function itself from asking', async () => {
    const tape = new tf.GradientTape({ persistent: true });
    const inner = await tape.recordAsync(async () => {
      const y = tf.mul(v, v);
      await Promise.resolve();
      return tape.gradient(y, v);
    });
    expect(inner?.item()).toBe(2);
  });
});
