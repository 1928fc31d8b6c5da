// Reading and adding at indices: which axis an index belongs to, what serves as indices, and sparse gradients as tensors.
import * as tf from 'gradtape';
import { describe, expect, it, vi } from 'vitest';
import { errorOf } from '../support/errors.js';
import { ints, pending } from '../support/tensors.js';

const params = tf.constant([
  [1, 2, 3, 4],
  [5, 6, 7, 8],
]);

describe('an index out of range of a result without elements, which no kernel computes', () => {
  const calls: Record<string, (i: tf.Tensor) => tf.Tensor> = {
    gather: (i) => tf.gather(tf.zeros([3, 0]), i),
    gatherNd: (i) => tf.gatherNd(tf.zeros([3, 0]), tf.expandDims(i, 1)),
    scatterNd: (i) => tf.scatterNd(tf.expandDims(i, 1), tf.ones([1]), [0]),
    tensorScatterNdUpdate: (i) => tf.tensorScatterNdUpdate(tf.zeros([3, 0]), tf.expandDims(i, 1), tf.ones([1, 0])),
    unsortedSegmentSum: (i) => tf.unsortedSegmentSum(tf.ones([1]), i, 0),
  };
  it.each(Object.entries(calls))('%s', (name, call) => {
    for (const i of [ints([9]), pending(ints([9]))]) {
      const error = errorOf(() => call(i).dataSync());
      expect(error).toMatchObject({ code: 'ERR_INDEX' });
      expect(error.message).toMatch(new RegExp(`^${name}: .* 9 is out of range for `));
    }
  });
});

describe('what no kernel reads at is checked when it is computed', () => {
  const w = tf.constant([
    [1, 2, 3],
    [1, 2, 3],
  ]);
  const gradient = (of: (logits: tf.Tensor) => tf.Tensor): tf.Tensor => {
    const tape = new tf.GradientTape();
    const loss = tape.record(() => {
      tape.watch(w);
      return of(w);
    });
    return tape.gradient(loss, w) as tf.Tensor;
  };
  const sparse = (labels: tf.Tensor, fromLogits: boolean) => (logits: tf.Tensor) =>
    tf.losses.sparseCategoricalCrossentropy(labels, logits, { fromLogits });
  const calls: Record<string, (i: tf.Tensor) => tf.Tensor> = {
    'gradient of nn.sparseSoftmaxCrossEntropyWithLogits': (i) =>
      gradient((logits) => tf.nn.sparseSoftmaxCrossEntropyWithLogits(i, logits)),
    'gradient of losses.sparseCategoricalCrossentropy': (i) => gradient(sparse(i, false)),
    'gradient of losses.sparseCategoricalCrossentropy of logits': (i) => gradient(sparse(i, true)),
    reverseSequence: (i) => tf.reverseSequence(w, i, { seqAxis: 1 }),
  };
  it.each(Object.entries(calls))('%s', (_, call) => {
    for (const bad of [-2, 7]) {
      for (const i of [ints([0, bad]), pending(ints([0, bad]))]) {
        expect(errorOf(() => call(i).dataSync())).toMatchObject({ code: 'ERR_INDEX' });
      }
    }
    expect(call(pending(ints([2, 1]))).arraySync()).toEqual(call(ints([2, 1])).arraySync());
  });
});

describe('index vectors', () => {
  // Each would be inside if the axes were one.
  const bad: [number[][], number, number, number][] = [
    [
      [
        [0, 1],
        [1, -1],
      ],
      -1,
      1,
      4,
    ], // prettier-ignore
    [[[0, 4]], 4, 1, 4],
    [
      [
        [1, 3],
        [2, 1],
      ],
      2,
      0,
      2,
    ], // prettier-ignore
    [[[-1, 3]], -1, 0, 2],
    [[[0, 7]], 7, 1, 4],
  ];
  for (const [vectors, index, axis, length] of bad) {
    it(`${JSON.stringify(vectors)}: known and still to be computed`, () => {
      const updates = tf.ones([vectors.length]);
      for (const [name, call] of [
        ['gatherNd', (i: tf.TensorLike): tf.Tensor => tf.gatherNd(params, i)],
        ['scatterNd', (i: tf.TensorLike): tf.Tensor => tf.scatterNd(i, updates, [2, 4])],
      ] as const) {
        const known = errorOf(() => call(vectors));
        expect(known).toMatchObject({ code: 'ERR_INDEX' });
        expect(known.message).toBe(`${name}: index ${index} is out of range for axis ${axis} of length ${length}`);
        const late = call(pending(ints(vectors)));
        for (let again = 0; again < 2; again++) {
          const found = errorOf(() => late.dataSync());
          expect(found).toMatchObject({ code: 'ERR_INDEX' });
          expect(found.message).toContain(`${name}: axis ${axis}: index ${index} is out of range`);
          expect(found.message).toContain(`length ${length}`);
        }
      }
    });
  }

  it('give the same values and gradients known and still to be computed', () => {
    const vectors = [
      [0, 1],
      [1, 3],
      [0, 1],
    ]; // prettier-ignore
    for (const i of [ints(vectors), pending(ints(vectors)), tf.constant(vectors)]) {
      const tape = new tf.GradientTape();
      const y = tape.record(() => {
        tape.watch(params);
        return tf.gatherNd(params, i).mul([1, 10, 100]);
      });
      expect(y.arraySync()).toEqual([2, 80, 200]);
      expect((tape.gradient(y, params) as tf.Tensor).arraySync()).toEqual([
        [0, 101, 0, 0],
        [0, 0, 0, 10],
      ]);
      expect(tf.scatterNd(i, [1, 10, 100], [2, 4]).arraySync()).toEqual([
        [0, 101, 0, 0],
        [0, 0, 0, 10],
      ]);
    }
    const empty = tf.zeros([2, 0], { dtype: 'int32' });
    expect(tf.gatherNd([1, 2], empty).arraySync()).toEqual([
      [1, 2],
      [1, 2],
    ]);
    expect(errorOf(() => tf.gatherNd(tf.zeros([2 ** 17, 2 ** 16]), [[0, 0]])).code).toBe('ERR_SHAPE');
  });

  it('gatherNd with batch axes', () => {
    const cube = tf.reshape(tf.range(12), [2, 2, 3]);
    expect(tf.gatherNd(cube, [[1], [0]], { batchDims: 1 }).arraySync()).toEqual([
      [3, 4, 5],
      [6, 7, 8],
    ]);
    // TensorFlow: tf.gather_nd(tf.reshape(tf.range(12.), [2, 2, 3]), [[[0, 2], [1, 0]], [[1, 1], [0, 0]]], batch_dims=1)
    const vectors = [
      [
        [0, 2],
        [1, 0],
      ],
      [
        [1, 1],
        [0, 0],
      ],
    ]; // prettier-ignore
    for (const i of [vectors, pending(ints(vectors))]) {
      expect(tf.gatherNd(cube, i, { batchDims: 1 }).arraySync()).toEqual([
        [2, 3],
        [10, 6],
      ]);
      expect(tf.gatherNd(cube, i, { batchDims: -2 }).arraySync()).toEqual([
        [2, 3],
        [10, 6],
      ]);
    }
    expect(
      tf
        .gatherNd(
          cube,
          [
            [[2], [0]],
            [[1], [1]],
          ],
          { batchDims: 2 },
        )
        .arraySync(),
    ).toEqual([
      [2, 3],
      [7, 10],
    ]); // prettier-ignore
    expect(errorOf(() => tf.gatherNd(cube, [[2], [0]], { batchDims: 1 })).message).toContain('index 2 is out of range');
    expect(errorOf(() => tf.gatherNd(cube, [[1]], { batchDims: 1 })).code).toBe('ERR_SHAPE');
    expect(
      errorOf(() =>
        tf.gatherNd(
          cube,
          [
            [1, 0],
            [0, 1],
          ],
          { batchDims: 2 },
        ),
      ).code,
    ).toBe('ERR_AXIS');
    const tape = new tf.GradientTape();
    const y = tape.record(() => {
      tape.watch(cube);
      return tf.gatherNd(cube, [[1], [1]], { batchDims: 1 });
    });
    expect((tape.gradient(y, cube) as tf.Tensor).arraySync()).toEqual([
      [
        [0, 0, 0],
        [1, 1, 1],
      ], // prettier-ignore
      [
        [0, 0, 0],
        [1, 1, 1],
      ], // prettier-ignore
    ]);
  });
});

describe('gather', () => {
  it('counts negative batchDims from the rank of the indices', () => {
    const p = tf.constant([
      [1, 2, 3],
      [4, 5, 6],
    ]); // prettier-ignore
    const i = [
      [2, 0],
      [1, 1],
    ]; // prettier-ignore
    const want = [
      [3, 1],
      [5, 5],
    ]; // prettier-ignore
    expect(tf.gather(p, i, { batchDims: 1 }).arraySync()).toEqual(want);
    expect(tf.gather(p, i, { batchDims: -1 }).arraySync()).toEqual(want);
    expect(tf.gather(tf.eye(3), i, { batchDims: -2 }).shape).toEqual([2, 2, 3]);
    expect(tf.gather(p, [2, 0], { axis: 1, batchDims: 1 }).arraySync()).toEqual([3, 4]);
    for (const batchDims of [-3, 3]) {
      expect(errorOf(() => tf.gather(p, i, { batchDims })).code).toBe('ERR_AXIS');
    }
  });

  it('takes whole numbers that are known, whatever their dtype', () => {
    const p = tf.constant([10, 20, 30]);
    for (const i of [
      tf.range(2),
      tf.constant([0, 1]),
      tf.constant([0, 1], { dtype: 'float64' }),
      new Float32Array([0, 1]),
      new Float64Array([0, 1]),
      new Uint8Array([0, 1]),
      new Int8Array([0, 1]),
      new tf.Variable([0, 1]),
      tf.constant([0, 1], { dtype: 'uint8' }),
      pending(tf.constant([0, 1], { dtype: 'uint8' })),
      [0, 1],
    ]) {
      expect(tf.gather(p, i).arraySync()).toEqual([10, 20]);
    }
    expect(tf.gather(p, tf.constant(2)).item()).toBe(30);
    expect(tf.gather(p, tf.fill([2], 1)).arraySync()).toEqual([20, 20]);
    expect(tf.oneHot(tf.range(2), 2).arraySync()).toEqual([
      [1, 0],
      [0, 1],
    ]);
    for (const i of [[0.5], tf.constant([0, 0.5]), new Float32Array([Number.NaN]), tf.constant(0.5)]) {
      expect(errorOf(() => tf.gather(p, i)).code).toBe('ERR_DTYPE');
    }
    for (const i of [[3], [-1], tf.constant([0, 3]), tf.constant([-1]), [2 ** 31], tf.constant([2 ** 40])]) {
      expect(errorOf(() => tf.gather(p, i)).code).toBe('ERR_INDEX');
    }
    for (const i of [[true, false], true, tf.constant([true])]) {
      expect(errorOf(() => tf.gather(p, i)).message).toContain('booleanMask');
    }
    expect(errorOf(() => tf.gather(p, pending([1, 0]))).message).toContain("cast(indices, 'int32')");
  });
});

describe('IndexedSlices', () => {
  const slices = (): tf.IndexedSlices =>
    new tf.IndexedSlices(
      [
        [1, 2],
        [3, 4],
      ],
      [2, 0],
      [3, 2],
    ); // prettier-ignore
  const dense = [
    [3, 4],
    [0, 0],
    [1, 2],
  ]; // prettier-ignore

  it('convert what they are made of', () => {
    const s = slices();
    expect(s.values).toBeInstanceOf(tf.Tensor);
    expect(s.values.dtype).toBe('float32');
    expect(s.indices.dtype).toBe('int32');
    expect(s.denseShape).toEqual([3, 2]);
    expect(s.toTensor().arraySync()).toEqual(dense);
    expect(tf.constant([1, 2]).add(1).arraySync()).toEqual([2, 3]);
  });

  it('are checked when made', () => {
    const make = (...args: unknown[]) => {
      return () => new (tf.IndexedSlices as unknown as new (...a: unknown[]) => unknown)(...args);
    };
    for (const [args, code] of [
      [[[1, 2], [0, 1, 2], [3]], 'ERR_SHAPE'],
      [[[[1, 2]], [[0]], [3, 2]], 'ERR_SHAPE'],
      [[[[1, 2]], 0, [3, 2]], 'ERR_SHAPE'],
      [[1, [0], [3]], 'ERR_SHAPE'],
      [[[[1, 2]], [0], [3, 3]], 'ERR_SHAPE'],
      [[[[1, 2]], [0], [3]], 'ERR_SHAPE'],
      [[[[1, 2]], [0], undefined], 'ERR_SHAPE'],
      [[[[1, 2]], [3], [3, 2]], 'ERR_INDEX'],
      [[[[1, 2]], [-1], [3, 2]], 'ERR_INDEX'],
      [[[[1, 2]], [0.5], [3, 2]], 'ERR_DTYPE'],
      [[[[1, 2]], [true], [3, 2]], 'ERR_DTYPE'],
      [[undefined, [0], [3, 2]], 'ERR_NOT_A_TENSOR'],
      [[[[1, 2]], null, [3, 2]], 'ERR_NOT_A_TENSOR'],
    ] as [unknown[], string][]) {
      expect(errorOf(make(...args)).code, JSON.stringify(args)).toBe(code);
    }
    const late = new tf.IndexedSlices([[1, 2]], pending(ints([3])), [3, 2]);
    expect(errorOf(() => late.toTensor().dataSync()).code).toBe('ERR_INDEX');
    expect(tf.constant([1, 2]).add(1).arraySync()).toEqual([2, 3]);
  });

  it('are tensors: every op and method takes them, and they are dense where somebody looks', () => {
    const s = slices();
    expect(s).toBeInstanceOf(tf.Tensor);
    expect(s.shape).toEqual([3, 2]);
    expect([s.dtype, s.rank, s.size]).toEqual(['float32', 2, 6]);
    expect(s.arraySync()).toEqual(dense);
    expect(s.mul(2).arraySync()).toEqual([
      [6, 8],
      [0, 0],
      [2, 4],
    ]); // prettier-ignore
    expect(tf.add(1, slices()).arraySync()).toEqual([
      [4, 5],
      [1, 1],
      [2, 3],
    ]); // prettier-ignore
    expect(tf.reduceSum(slices()).item()).toBe(10);
    expect(tf.norm(slices()).item()).toBeCloseTo(Math.sqrt(30));
    expect(tf.stack([slices(), tf.ones([3, 2])]).shape).toEqual([2, 3, 2]);
    const v = new tf.Variable(tf.ones([3, 2]));
    expect(v.assignSub(slices()).value().arraySync()).toEqual([
      [-2, -3],
      [1, 1],
      [0, -1],
    ]); // prettier-ignore
    expect(tf.convertToTensor(slices()).arraySync()).toEqual(dense);
  });

  it('are differentiated through: as results of an inner gradient, and as operands', () => {
    const x = tf.constant([1, 2, 3]);
    const outer = new tf.GradientTape({ persistent: true });
    const [g, squares] = outer.record(() => {
      outer.watch(x);
      const inner = new tf.GradientTape();
      const y = inner.record(() => {
        inner.watch(x);
        return tf.reduceSum(tf.gather(x, [2, 0, 2]).pow(3));
      });
      const rows = inner.gradient(y, x) as tf.Tensor; // 2 * 3 x^2 at 2, 3 x^2 at 0
      return [rows, rows.mul(rows)] as const;
    });
    expect(g).toBeInstanceOf(tf.IndexedSlices);
    expect(g.arraySync()).toEqual([3, 0, 54]);
    expect((outer.gradient(g, x) as tf.Tensor).arraySync()).toEqual([6, 0, 36]);
    expect((outer.gradient([g], x, { outputGradients: [[1, 1, 10]] }) as tf.Tensor).arraySync()).toEqual([6, 0, 360]);
    expect((outer.gradient(squares, x) as tf.Tensor).arraySync()).toEqual([36, 0, 3888]);
  });
});

it('a large sparse gradient warns before it is made dense', () => {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
  const slices = new tf.IndexedSlices(tf.ones([1]), tf.constant([0], { dtype: 'int32' }), [1e8]);
  slices.toTensor();
  slices.toTensor();
  expect(warn.mock.calls.map(([text]) => text)).toEqual([
    'Converting sparse IndexedSlices to a dense Tensor with 100000000 elements. This may consume a large amount of memory.',
  ]);
  warn.mockRestore();
});
