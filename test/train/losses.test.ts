// Losses beside Keras' (golden/losses.json): values, gradients, reductions, and what is refused.
import * as tf from 'gradtape';
import { gradcheck } from 'gradtape/gradcheck';
import { describe, expect, it } from 'vitest';
import { expectClose } from '../support/close.js';
import { readGolden } from '../support/files.js';

type Nested = number | Nested[];
interface Case {
  readonly name: string;
  readonly yTrue: Nested;
  readonly yPred: Nested;
  readonly options: object;
  readonly value: Nested;
}
const golden = readGolden<{ cases: Case[] }>('losses.json');

const loss = (name: string): ((...args: unknown[]) => tf.Tensor) =>
  (tf.losses as unknown as Record<string, (...args: unknown[]) => tf.Tensor>)[name] as never;

describe("Keras' values", () => {
  it.each(golden.cases.map((c) => [c.name, JSON.stringify(c.options), c] as const))('%s %s', (name, _, c) => {
    for (const dtype of ['float32', 'float64'] as const) {
      const yTrue = name.startsWith('sparse') || name === 'ctc' ? c.yTrue : tf.constant(c.yTrue, { dtype });
      const got = loss(name)(yTrue, tf.constant(c.yPred, { dtype }), c.options);
      const want = tf.constant(c.value, { dtype });
      expect([got.shape, got.dtype]).toEqual([want.shape, dtype]);
      expectClose(got.arraySync(), want.arraySync(), name === 'meanAbsolutePercentageError' ? 1e-4 : 2e-5);
    }
  });
});

const p = tf.constant([
  [0.7, 0.2, 0.1],
  [0.1, 0.3, 0.6],
]);

describe('operands', () => {
  it('labels may be whole numbers of any dtype', () => {
    const want = tf.losses.sparseCategoricalCrossentropy([0, 2], p).arraySync() as number[];
    want.forEach((x, i) => {
      expect(x).toBeCloseTo(-Math.log([0.7, 0.6][i] as number), 6);
    });
    const labels = [
      tf.constant([0, 2]),
      tf.constant([0, 2], { dtype: 'int32' }),
      new Float64Array([0, 2]),
      new Uint8Array([0, 2]),
      new Int32Array([0, 2]),
      tf.constant([0, 1]).mul(2),
      [[0], [2]],
      tf.constant([[0], [2]]),
    ];
    for (const yTrue of labels) expect(tf.losses.sparseCategoricalCrossentropy(yTrue, p).arraySync()).toEqual(want);
    const oneHot = tf.oneHot([0, 2], 3, { dtype: 'int32' });
    const dense = tf.losses.categoricalCrossentropy(oneHot, p).arraySync() as number[];
    dense.forEach((x, i) => {
      expect(x).toBeCloseTo(want[i] as number, 6);
    });
    expect(tf.losses.meanSquaredError(tf.constant([[1, 0]], { dtype: 'int32' }), [[0.5, 0]]).arraySync()).toEqual([
      0.125,
    ]);
    expect(tf.losses.meanSquaredError([true, false], tf.constant([0.5, 0])).item()).toBe(0.125);
  });

  it('a column beside a vector is no matrix of all pairs', () => {
    expect(tf.losses.meanSquaredError([1, 2], [[1], [4]]).arraySync()).toEqual([0, 4]);
    expect(tf.losses.meanSquaredError([[1], [2]], [1, 4]).arraySync()).toEqual([0, 4]);
  });

  it('a weight counts once in the divisor, however many losses it is for', () => {
    const mean = (yPred: tf.TensorLike, sampleWeight: tf.TensorLike): number =>
      tf.losses.meanSquaredError(0, yPred, { reduction: 'meanWithSampleWeight', sampleWeight }).item();
    const two = [
      [1, 2],
      [3, 4],
    ];
    // Keras' numbers
    expect(mean(two, 2)).toBe(15);
    expect(mean(two, [2])).toBe(15);
    expect(mean(two, [1, 3])).toBe(10);
    const four = tf.reshape(tf.range(8), [2, 2, 2]);
    expect(mean(four, [[1], [3]])).toBe(49);
    expect(mean(four, [[1, 3]])).toBe(42);
    const classes = [
      [0, 1],
      [0, 0],
    ];
    const probabilities = [
      [
        [0.2, 0.8],
        [0.5, 0.5],
      ],
      [
        [0.1, 0.9],
        [0.3, 0.7],
      ],
    ];
    for (const [sampleWeight, expected] of [
      [2, 1.7053319],
      [[[1], [3]], 1.7327302],
    ] as const) {
      const opts = { reduction: 'meanWithSampleWeight', ignoreClass: 1, sampleWeight } as const;
      expect(tf.losses.sparseCategoricalCrossentropy(classes, probabilities, opts).item()).toBeCloseTo(expected, 6);
    }
  });

  it('an ignored class has no loss and no gradient, and needs to be no class', () => {
    const logits = tf.constant([
      [1, 2, 3],
      [3, 2, 1],
      [0, 0, 0],
    ]);
    const tape = new tf.GradientTape();
    const y = tape.record(() => {
      tape.watch(logits);
      const options = { fromLogits: true, ignoreClass: 255, reduction: 'mean' } as const;
      return tf.losses.sparseCategoricalCrossentropy([0, 255, 1], logits, options);
    });
    const two = [2.407606, 1.098612];
    expect(y.item()).toBeCloseTo(((two[0] as number) + (two[1] as number)) / 2, 5);
    const g = tape.gradient(y, logits)?.arraySync() as number[][];
    expect(g[1]?.every((x) => x === 0)).toBe(true);
    expect(g[2]?.[1]).toBeCloseTo((1 / 3 - 1) / 2, 6);
    const none = { fromLogits: true, ignoreClass: 1, reduction: 'mean' } as const;
    expect(tf.losses.sparseCategoricalCrossentropy([1, 1, 1], logits, none).item()).toBe(0);
  });

  it('probabilities of 0 and 1 give finite losses and gradients', () => {
    const hard = tf.constant([[1, 0, 0]], { dtype: 'float64' });
    for (const [name, yTrue] of [
      ['categoricalCrossentropy', [[0, 1, 0]]],
      ['sparseCategoricalCrossentropy', [1]],
    ] as const) {
      // a table
      const tape = new tf.GradientTape();
      const y = tape.record(() => {
        tape.watch(hard);
        return loss(name)(yTrue, hard);
      });
      expect(y.dataSync()[0]).toBeCloseTo(-Math.log(1e-7), 5);
      expect(Array.from(tape.gradient(y, hard)?.dataSync() ?? [Number.NaN]).every(Number.isFinite)).toBe(true);
    }
  });

  it.each(Object.keys(tf.losses))('%s is differentiated right, at both orders', (name) => {
    const two = [
      [0.2, 0.35, 0.45],
      [0.62, 0.1, 0.28],
    ];
    const truth: Record<string, unknown> = {
      sparseCategoricalCrossentropy: [2, 0],
      ctc: [[1, 2]],
      hinge: [[1, -1, 1]],
      squaredHinge: [[1, -1, 1]],
    };
    const inputs = name === 'ctc' ? [[...two, [0.3, 0.9, -0.4], [0.8, 0.1, 0.2]]] : two;
    const yTrue = truth[name] ?? tf.constant([[0.5, 0.25, 0.3]], { dtype: 'float64' });
    for (const opts of [{}, { reduction: 'mean', sampleWeight: name === 'ctc' ? [2] : [0.5, 2] }]) {
      const shaped = (x: unknown): unknown => (name === 'ctc' ? x : tf.mul(x as tf.Tensor, 1));
      const broad = name.endsWith('rossentropy') && name !== 'sparseCategoricalCrossentropy';
      const t = broad ? tf.broadcastTo(yTrue as tf.Tensor, [2, 3]) : yTrue;
      gradcheck((x) => loss(name)(t, shaped(x), opts), [inputs], { order: 2 });
    }
  });

  it('are differentiated right', () => {
    const inputs = [
      [
        [0.2, 0.3, 0.5],
        [0.6, 0.1, 0.3],
      ],
    ];
    const { meanSquaredError, categoricalCrossentropy, sparseCategoricalCrossentropy } = tf.losses;
    for (const fromLogits of [false, true]) {
      for (const axis of [-1, 0]) {
        const yTrue =
          axis === 0
            ? [
                [0.5, 0.2, 0.9],
                [0.5, 0.8, 0.1],
              ]
            : [
                [0.5, 0.2, 0.3],
                [0.1, 0.8, 0.1],
              ];
        gradcheck(
          (x) => categoricalCrossentropy(yTrue, x as tf.Tensor, { fromLogits, axis, labelSmoothing: 0.1 }),
          inputs,
          { order: 2 },
        );
        gradcheck(
          (x) => sparseCategoricalCrossentropy(axis === 0 ? [1, 0, 1] : [2, 0], x as tf.Tensor, { fromLogits, axis }),
          inputs,
          { order: 2 },
        );
      }
    }
    gradcheck((x) => meanSquaredError([[1, 2, 3]], x as tf.Tensor), inputs, { order: 2 });
  });
});

it('what is refused names the loss and the argument', () => {
  const sparse = 'losses.sparseCategoricalCrossentropy';
  const dense = 'losses.categoricalCrossentropy';
  const mse = 'losses.meanSquaredError';
  const bad =
    (fn: string, ...args: unknown[]): (() => unknown) =>
    () =>
      loss(fn.slice('losses.'.length))(...args);
  const cases: [() => unknown, string, string][] = [
    [
      bad(mse, [1], [2], { reductions: 'mean' }),
      'ERR_OPTION',
      `${mse}: unknown option reductions; did you mean reduction?`,
    ],
    [bad(mse, [1], [2], 'mean'), 'ERR_OPTION', 'write { reduction: "mean" }'],
    [
      bad(mse, [1], [2], { reduction: 'average' }),
      'ERR_OPTION',
      `${mse}: reduction must be 'none', 'sum', 'mean', 'meanWithSampleWeight', got "average"`,
    ],
    [bad(mse, [1], [2], null), 'ERR_OPTION', mse],
    [bad(mse, 1, 2), 'ERR_SHAPE', `${mse}: expected at least one axis`],
    [bad(mse, [1, 2], [1, 2, 3]), 'ERR_SHAPE', mse],
    [bad(mse, undefined, [1]), 'ERR_NOT_A_TENSOR', `${mse}: yTrue`],
    [bad(mse, [1], null), 'ERR_NOT_A_TENSOR', `${mse}: yPred`],
    [bad(mse, tf.constant([1]), new Float64Array([1])), 'ERR_DTYPE', `${mse}: yTrue has dtype float32, yPred float64`],
    [bad(mse, [1], tf.constant([1], { dtype: 'int32' })), 'ERR_DTYPE', 'yTrue comes first, then yPred'],
    [
      bad(sparse, [0, 2], p, { from_logits: true }),
      'ERR_OPTION',
      `${sparse}: unknown option from_logits; did you mean fromLogits?`,
    ],
    [bad(sparse, [0, 2], p, true), 'ERR_OPTION', 'write { fromLogits: true }'],
    [bad(sparse, [0, 2], p, { fromLogits: 1 }), 'ERR_OPTION', 'fromLogits must be true or false'],
    [bad(sparse, [0, 2], p, { axis: 5 }), 'ERR_AXIS', `${sparse}: axis 5`],
    [bad(sparse, [0, 2], p, { ignoreClass: 0.5 }), 'ERR_OPTION', 'ignoreClass'],
    [bad(sparse, [0, 0.5], p), 'ERR_DTYPE', `${sparse}: yTrue must be whole numbers, got 0.5`],
    [bad(sparse, [true, false], p), 'ERR_DTYPE', `${sparse}: yTrue must be whole numbers, got bool`],
    [bad(sparse, [0, 3], p), 'ERR_INDEX', `${sparse}: label 3 is out of range for 3 classes`],
    [bad(sparse, [0, -1], p, { ignoreClass: 1 }), 'ERR_INDEX', 'label -1'],
    [bad(sparse, [0, 1, 2], p), 'ERR_SHAPE', `${sparse}: yTrue [3] do not fit`],
    [bad(sparse, p, tf.constant([0, 2], { dtype: 'int32' })), 'ERR_DTYPE', 'yTrue (classes) comes first, then yPred'],
    [bad(sparse, 0, 1), 'ERR_SHAPE', sparse],
    [bad(dense, [0, 2], p), 'ERR_SHAPE', 'there is sparseCategoricalCrossentropy'],
    [bad(dense, p, p, { labelSmoothing: 2 }), 'ERR_OPTION', 'labelSmoothing must be a number from 0 to 1, got 2'],
  ];
  for (const [fn, code, message] of cases) {
    expect(fn, message).toThrow(expect.objectContaining({ code, message: expect.stringContaining(message) }));
  }
});
