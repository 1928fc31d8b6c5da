// Metrics: state, laziness, tapes, what they refuse, and where they differ from Keras' (whose numbers are in metrics-golden.test.ts).
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';
import { codeOf, gradtapeErrorOf } from '../support/errors.js';

const { metrics } = tf;

describe('the state', () => {
  it('is in variables that are not trainable, in the order of their names, found as properties too', () => {
    const m = new metrics.AUC({ numThresholds: 3, name: 'area' });
    expect(m.variables.map((v) => v.name)).toEqual([
      'area/truePositives',
      'area/falsePositives',
      'area/trueNegatives',
      'area/falseNegatives',
    ]);
    expect(m.variables.every((v) => !v.trainable && v.dtype === 'float64')).toBe(true);
    expect(tf.trainableVariables(m)).toEqual([]);
    expect(m.counts?.truePositives).toBe(m.variables[0]);
    const names = [
      new metrics.Mean(),
      new metrics.AUC(),
      new metrics.R2Score(),
      new metrics.TopKCategoricalAccuracy(),
    ].map((x) => x.name);
    expect(names).toEqual(['mean', 'auc', 'r2Score', 'topKCategoricalAccuracy']);
  });

  it('restored into another metric goes on where it was', () => {
    const a = new metrics.Precision({ thresholds: [0.3, 0.6] });
    const b = new metrics.Precision({ thresholds: [0.3, 0.6] });
    a.update([0, 1, 1], [0.5, 0.5, 0.7]);
    for (const [i, v] of b.variables.entries()) v.assign(a.variables[i] as tf.Variable);
    for (const m of [a, b]) m.update([1, 0], [0.2, 0.9]);
    expect(b.result().dataSync()).toEqual(a.result().dataSync());
    expect(a.result().arraySync()).toEqual([0.5, 0.5]);
  });

  it('counts beyond what float32 can', () => {
    const m = new metrics.Mean({ dtype: 'float64' });
    m.count.assign(2 ** 24);
    m.total.assign(2 ** 24);
    m.update([3]);
    expect([m.count.value().item(), m.total.value().item()]).toEqual([2 ** 24 + 1, 2 ** 24 + 3]);
  });

  it('keeps a result that was asked for, whatever follows', () => {
    const m = new metrics.Mean();
    m.update([1, 3]);
    const before = m.result();
    m.update([100]);
    m.reset();
    expect([before.item(), m.result().item()]).toEqual([2, 0]);
  });
});

describe('updates', () => {
  it('are heard by no tape, and leave the gradient of what they were given alone', () => {
    const w = new tf.Variable([1, 2]);
    const m = new metrics.Mean();
    const tape = new tf.GradientTape();
    const loss = tape.record(() => {
      const values = tf.square(w);
      m.update(values);
      return tf.reduceSum(values);
    });
    expect(tape.gradient(loss, [w])[0]?.arraySync()).toEqual([2, 4]);
    expect(m.result().item()).toBe(2.5);
    const heard = new tf.GradientTape({ persistent: true });
    heard.record(() => new metrics.Precision().update(tf.greater(tf.square(w), 2), tf.sigmoid(w)));
    expect(heard.toDot()).toContain('sigmoid');
    expect(heard.toDot()).not.toContain('reduceSum');
    const asked = new tf.GradientTape();
    const result = asked.record(() => m.update(tf.square(w)).result());
    expect(asked.gradient(result, w)).toBeNull();
  });

  it('wait for the next program, so that a loop that never looks stays small', () => {
    const m = new metrics.SparseCategoricalAccuracy();
    const area = new metrics.AUC();
    const w = new tf.Variable(tf.random.normal([8, 4], { seed: 1 }));
    const x = tf.random.normal([64, 8], { seed: 2 });
    const labels = tf.cast(tf.random.uniform([64], { seed: 3, minval: 0, maxval: 4 }), 'int32');
    const sgd = new tf.optimizers.SGD({ learningRate: 0.1 });
    const step = (): void => {
      let logits = tf.zeros([0]);
      sgd.minimize(() => {
        logits = tf.matmul(x, w);
        return tf.reduceMean(tf.nn.sparseSoftmaxCrossEntropyWithLogits(labels, logits));
      }, [w]);
      m.update(labels, logits);
      area.update(tf.equal(labels, 0), tf.sigmoid(logits.at(':', 0)));
    };
    for (let i = 0; i < 20; i++) step();
    const { tensors, pendingBytes } = tf.memory();
    for (let i = 0; i < 200; i++) step();
    expect(tf.memory().pendingBytes).toBeLessThanOrEqual(pendingBytes + 1e5);
    expect(tf.memory().tensors).toBeLessThan(tensors + 2000);
    expect(m.count.value().item()).toBe(220 * 64);
    expect(m.result().item()).toBeGreaterThan(0.25);
    expect(area.result().item()).toBeGreaterThan(0.5);
  });

  it('that are refused change nothing', () => {
    const m = new metrics.Recall();
    m.update([1, 0, 1], [0.9, 0.2, 0.1]);
    expect(codeOf(() => m.update([1, 0], [0.9, 0.2, 0.1]))).toBe('ERR_SHAPE');
    expect(codeOf(() => m.update([1], [0.9], { sampleWeight: [1, 2, 3] }))).toBe('ERR_SHAPE');
    expect(m.result().item()).toBe(0.5);
    const r2 = new metrics.R2Score().update([[1], [2]], [[1], [2]]);
    expect(codeOf(() => r2.update([[1, 2]], [[1, 2]]))).toBe('ERR_SHAPE');
    expect([r2.result().item(), r2.numSamples.value().item()]).toEqual([1, 2]);
  });

  it('take whole numbers and bools, also beside floats, but no float32 beside float64', () => {
    const m = new metrics.BinaryAccuracy();
    m.update(tf.constant([true, false]), tf.constant([0.9, 0.1], { dtype: 'float64' }));
    m.update(tf.constant([1, 0], { dtype: 'uint8' }), [0.2, 0.3]);
    expect(m.result().item()).toBe(0.75);
    expect(codeOf(() => m.update(tf.ones([1]), tf.ones([1], { dtype: 'float64' })))).toBe('ERR_DTYPE');
  });

  it('of no examples change nothing', () => {
    const list = [new metrics.Accuracy(), new metrics.MeanSquaredError(), new metrics.AUC(), new metrics.Precision()];
    for (const m of list) {
      m.update(tf.zeros([0, 2]), tf.zeros([0, 2]));
      expect(m.result().item()).toBe(0);
    }
  });

  it('take NaN for a prediction below every threshold', () => {
    const area = new metrics.AUC({ numThresholds: 3 });
    area.update([1, 0, 1], [Number.NaN, Number.NaN, 0.9]);
    expect(area.counts?.truePositives.arraySync()).toEqual([1, 1, 0]);
    expect(area.counts?.falseNegatives.arraySync()).toEqual([1, 1, 2]);
    const apart = new metrics.AUC({ thresholds: [0.4] });
    apart.update([1, 0, 1], [Number.NaN, Number.NaN, 0.9]);
    expect(apart.counts?.truePositives.arraySync()).toEqual([1, 1, 0]);
  });
});

describe('ConfusionMatrix', () => {
  it('counts classes by classes, given or as the largest score, with weights', () => {
    const m = new metrics.ConfusionMatrix({ numClasses: 3 });
    m.update([0, 1, 2, 2], [0, 2, 2, 2]);
    m.update(
      [[1], [0]],
      [
        [0.1, 0.8, 0.1],
        [0.2, 0.3, 0.5],
      ],
    ); // prettier-ignore
    m.update([[0, 1]], [[1, 1]], { sampleWeight: [[0.5, 2]] });
    expect(m.result().arraySync()).toEqual([
      [1, 0.5, 1],
      [0, 3, 1],
      [0, 0, 2],
    ]);
  });

  it('refuses a class that there is not, at once or when it is computed', () => {
    const m = new metrics.ConfusionMatrix({ numClasses: 3 });
    expect(gradtapeErrorOf(() => m.update([3], [0])).message).toContain(
      'ConfusionMatrix.update: index 3 is out of range',
    );
    expect(codeOf(() => m.update([0], [-1]))).toBe('ERR_INDEX');
    m.update([0], tf.add(tf.constant([2], { dtype: 'int32' }), 1));
    expect(codeOf(() => m.matrix.dataSync())).toBe('ERR_INDEX');
    expect(tf.reduceSum(m.result()).item()).toBe(0);
    expect(codeOf(() => new metrics.ConfusionMatrix({} as never))).toBe('ERR_OPTION');
  });
});

describe('a metric of one’s own', () => {
  it('is a function of truth and predictions, or a subclass', () => {
    const huber = new metrics.MeanMetricWrapper((t, p) => tf.losses.huber(t, p, { delta: 2 }), { name: 'huber' });
    huber.update([[1, 2]], [[3, 2]]);
    expect([huber.result().item(), huber.total.name]).toEqual([1, 'huber/total']);
    class Largest extends metrics.Metric {
      readonly most = this.addVariable('most');
      update(x: tf.TensorLike): this {
        this.most.assign(tf.maximum(this.most, tf.cast(tf.reduceMax(x), 'float64')));
        return this;
      }
      result(): tf.Tensor {
        return this.most.value();
      }
    }
    const m = new Largest('Largest').update([1, 7]).update([3]);
    expect([m.result().item(), m.reset().result().item(), m.variables.length]).toEqual([7, 0, 1]);
  });
});

describe('what metrics refuse', () => {
  it.each<[string, () => unknown, string, string]>([
    ['an unknown option', () => new metrics.Mean({ nam: 'x' } as never), 'ERR_OPTION', 'did you mean name?'],
    [
      'one of update',
      () => new metrics.Mean().update([1], { sampleWeights: [1] } as never),
      'ERR_OPTION',
      'Mean.update: unknown option sampleWeights; did you mean sampleWeight?',
    ],
    [
      'a threshold out of range',
      () => new metrics.Precision({ thresholds: [0.1, 2] }),
      'ERR_OPTION',
      'Precision: thresholds must be a number from 0 to 1 or a list of them',
    ],
    ['no thresholds', () => new metrics.Precision({ thresholds: [] }), 'ERR_OPTION', 'not empty'],
    [
      'a number for thresholds of AUC',
      () => new metrics.AUC({ thresholds: 0.5 as never }),
      'ERR_OPTION',
      'a list of numbers from 0 to 1',
    ],
    ['one threshold', () => new metrics.AUC({ numThresholds: 1 }), 'ERR_OPTION', 'AUC: numThresholds'],
    ['an unknown curve', () => new metrics.AUC({ curve: 'DET' as never }), 'ERR_OPTION', "'ROC', 'PR', 'PRGAIN'"],
    ['numLabels alone', () => new metrics.AUC({ numLabels: 2 }), 'ERR_OPTION', 'multiLabel'],
    [
      'labels of another number',
      () => new metrics.AUC({ multiLabel: true, numLabels: 2 }).update(tf.ones([2, 3]), tf.ones([2, 3])),
      'ERR_SHAPE',
      'AUC.update',
    ],
    [
      'label weights that do not fit',
      () => new metrics.AUC({ labelWeights: [1, 2] }).update(tf.ones([2, 3]), tf.ones([2, 3])),
      'ERR_SHAPE',
      'labelWeights [2] do not fit',
    ],
    [
      'vectors with multiLabel',
      () => new metrics.AUC({ multiLabel: true }).update([1], [1]),
      'ERR_SHAPE',
      '[examples, labels]',
    ],
    [
      'a class that there is not',
      () => new metrics.Recall({ classId: 3 }).update(tf.ones([2, 3]), tf.ones([2, 3])),
      'ERR_INDEX',
      'classId 3',
    ],
    [
      'more than all',
      () => new metrics.Recall({ topK: 4 }).update(tf.ones([2, 3]), tf.ones([2, 3])),
      'ERR_SHAPE',
      'topK 4',
    ],
    ['no function', () => new metrics.MeanMetricWrapper(3 as never), 'ERR_VALUE', 'fn must be a function'],
    [
      'a function that gives no tensor',
      () => new metrics.MeanMetricWrapper(() => 1 as never).update([1], [1]),
      'ERR_NOT_A_TENSOR',
      'fn returned 1',
    ],
    [
      'cubes',
      () => new metrics.R2Score().update(tf.ones([1, 1, 1]), tf.ones([1, 1, 1])),
      'ERR_SHAPE',
      '[examples, outputs]',
    ],
    [
      'a foreign receiver',
      () => metrics.Mean.prototype.update.call({} as never, [1]),
      'ERR_RECEIVER',
      'write metric.update(...)',
    ],
    [
      'shapes that the loss behind it refuses',
      () => new metrics.MeanSquaredError().update(tf.ones([3]), tf.ones([4])),
      'ERR_SHAPE',
      'MeanSquaredError.update: shapes [3] and [4]',
    ],
    [
      'shapes that an op behind it refuses',
      () => new metrics.SparseCategoricalAccuracy().update(tf.ones([3, 2]), tf.ones([4, 5])),
      'ERR_SHAPE',
      'SparseCategoricalAccuracy.update: shapes',
    ],
    [
      'what an op in a function of the user refuses, by its own name',
      () => new metrics.MeanMetricWrapper((t, p) => tf.add(t, p)).update(tf.ones([3]), tf.ones([4])),
      'ERR_SHAPE',
      'add: shapes [3] and [4]',
    ],
    ['text', () => new metrics.Accuracy().update('a' as never, [1]), 'ERR_NOT_A_TENSOR', 'yTrue'],
  ])('%s', (_, call, code, text) => {
    const error = gradtapeErrorOf(call);
    expect([error.code, error.message]).toEqual([code, expect.stringContaining(text)]);
    expect(error.stack).toContain(error.message);
  });
});

describe('R2Score', () => {
  it('takes vectors, is 0 or NaN where the truth does not vary, and NaN before anything came', () => {
    const m = new metrics.R2Score();
    expect(m.result().item()).toBeNaN();
    m.update([1, 4, 3], [2, 4, 4]);
    expect(m.result().item()).toBeCloseTo(0.57142854, 6);
    expect(new metrics.R2Score().update([2, 2], [1, 2]).result().item()).toBe(0);
    expect(new metrics.R2Score().update([2, 2], [2, 2]).result().item()).toBeNaN();
  });
});
