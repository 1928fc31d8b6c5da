// Parts of tensors and variables replaced: which update stays, what is refused, and assignments.
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';
import { codeOf, errorOf } from '../support/errors.js';
import { ints, pending } from '../support/tensors.js';

const x = tf.constant([
  [1, 2, 3],
  [4, 5, 6],
]);

describe('scatters into a tensor', () => {
  it('keep the last of several updates, and only it has a gradient', () => {
    const u = tf.constant([10, 20, 30]);
    const base = tf.constant([1, 2, 3]);
    const tape = new tf.GradientTape();
    const y = tape.record(() => {
      tape.watch([base, u]);
      return tf.tensorScatterNdUpdate(base, [[1], [2], [1]], u);
    });
    expect(y.arraySync()).toEqual([1, 30, 20]);
    const [gx, gu] = tape.gradient(y, [base, u], { outputGradients: tf.constant([1, 10, 100]) });
    expect(gx?.arraySync()).toEqual([1, 0, 0]);
    expect(gu?.arraySync()).toEqual([0, 100, 10]);
  });

  it('share the gradient of an extreme among all that attain it', () => {
    const u = tf.constant([3, 3, 1]);
    const base = tf.constant([3, 2]);
    const tape = new tf.GradientTape();
    const y = tape.record(() => {
      tape.watch([base, u]);
      return tf.tensorScatterNdMax(base, [[0], [0], [1]], u);
    });
    const [gx, gu] = tape.gradient(y, [base, u], { outputGradients: tf.constant([6, 1]) });
    expect(gx?.arraySync()).toEqual([2, 1]);
    expect(gu?.arraySync()).toEqual([2, 2, 0]);
  });

  it('refuse what does not fit, and name what was called', () => {
    for (const [name, scatter] of Object.entries({
      tensorScatterNdUpdate: tf.tensorScatterNdUpdate,
      tensorScatterNdMin: tf.tensorScatterNdMin,
    })) {
      const calls: [string, () => unknown][] = [
        ['ERR_INDEX', () => scatter(x, [[2]], [[1, 2, 3]])],
        ['ERR_INDEX', () => scatter(x, [[-1]], [[1, 2, 3]])],
        ['ERR_INDEX', () => scatter(x, pending(ints([[2]])), [[1, 2, 3]]).dataSync()],
        ['ERR_INDEX', () => scatter(x, pending(ints([[0, 3]])), [1]).dataSync()],
        ['ERR_SHAPE', () => scatter(x, [[1]], [1, 2, 3])],
        ['ERR_SHAPE', () => scatter(x, [[1, 2, 3]], [1])],
        ['ERR_DTYPE', () => scatter(x, [[1]], tf.ones([1, 3], { dtype: 'float64' }))],
        ['ERR_OPTION', () => scatter(x, [[1]], [[1, 2, 3]], { badIndicesPolicy: 'CLIP' as 'IGNORE' })],
      ];
      for (const [code, call] of calls) {
        const error = errorOf(call);
        expect(error.code, String(call)).toBe(code);
        expect(error.message).toContain(name);
      }
    }
    expect(codeOf(() => tf.tensorScatterNdAdd([true], [[0]], [false]))).toBe('ERR_DTYPE');
    expect(tf.tensorScatterNdUpdate([true], [[0]], [false]).arraySync()).toEqual([false]);
  });

  it('ignore bad indices when asked to, also those of an axis of length 0', () => {
    const ignore = { badIndicesPolicy: 'ignore' as 'IGNORE' };
    expect(tf.tensorScatterNdAdd(tf.zeros([0]), [[0], [3]], [1, 2], ignore).shape).toEqual([0]);
    expect(
      tf
        .gatherNd(
          x,
          [
            [0, 3],
            [1, 2],
          ],
          ignore,
        )
        .arraySync(),
    ).toEqual([0, 6]); // prettier-ignore
    expect(
      tf
        .scatterNd(
          pending(
            ints([
              [0, 3],
              [1, 2],
            ]),
          ),
          [7, 8],
          [2, 3],
          ignore,
        )
        .arraySync(),
    ).toEqual([
      [0, 0, 0],
      [0, 0, 8],
    ]); // prettier-ignore
  });
});

describe('updateAt', () => {
  it('replaces what at() takes', () => {
    expect(tf.updateAt(x, 1, 0).arraySync()).toEqual([
      [1, 2, 3],
      [0, 0, 0],
    ]); // prettier-ignore
    expect(
      tf
        .updateAt(
          x,
          [':', '::-2'],
          [
            [7, 8],
            [9, 10],
          ],
        )
        .arraySync(),
    ).toEqual([
      [8, 2, 7],
      [10, 5, 9],
    ]); // prettier-ignore
    expect(tf.updateAt(x, ['...', -1], [7, 8]).arraySync()).toEqual([
      [1, 2, 7],
      [4, 5, 8],
    ]); // prettier-ignore
    expect(tf.updateAt(x, [0, null, '1:'], [[7, 8]]).arraySync()).toEqual([
      [1, 7, 8],
      [4, 5, 6],
    ]); // prettier-ignore
    expect(tf.updateAt(x, '2:', 9).arraySync()).toEqual(x.arraySync());
    expect(tf.updateAt(5, [], 7).item()).toBe(7);
    expect(x.updateAt([1, 1], 9).at(1, 1).item()).toBe(9);
    for (const index of [[0], ['1:', '::2'], ['...', 1], [-1, '::-1']] as const) {
      const part = tf.mul(x.at(...index), 10);
      expect(
        tf
          .updateAt(x, index, part)
          .at(...index)
          .arraySync(),
      ).toEqual(part.arraySync()); // prettier-ignore
    }
  });

  it('replaces what a mask takes', () => {
    const mask = tf.greater(x, 2);
    expect(tf.updateAt(x, mask, 0).arraySync()).toEqual([
      [1, 2, 0],
      [0, 0, 0],
    ]); // prettier-ignore
    expect(tf.updateAt(x, mask, [1, 2, 3, 4]).arraySync()).toEqual([
      [1, 2, 1],
      [2, 3, 4],
    ]); // prettier-ignore
    expect(tf.updateAt(x, [false, true], [7, 8, 9]).arraySync()).toEqual([
      [1, 2, 3],
      [7, 8, 9],
    ]); // prettier-ignore
    expect(tf.updateAt(x, [true, true], [[7], [8]]).arraySync()).toEqual([
      [7, 7, 7],
      [8, 8, 8],
    ]); // prettier-ignore
  });

  it('refuses what does not fit', () => {
    const calls: [string, () => unknown][] = [
      ['ERR_INDEX', () => tf.updateAt(x, 2, 0)],
      ['ERR_INDEX', () => tf.updateAt(x, [0, 0, 0], 0)],
      ['ERR_INDEX', () => tf.updateAt(x, 'a', 0)],
      ['ERR_SHAPE', () => tf.updateAt(x, 0, [1, 2])],
      ['ERR_SHAPE', () => tf.updateAt(x, 0, [[1, 2, 3]])],
      ['ERR_SHAPE', () => tf.updateAt(x, [true, false, true], 0)],
      ['ERR_SHAPE', () => tf.updateAt(x, tf.greater(x, 2), [1, 2])],
      ['ERR_DTYPE', () => tf.updateAt(x, tf.constant([0, 1]), 0)],
      ['ERR_DTYPE', () => tf.updateAt(x, 0, ints([1, 2, 3]))],
    ];
    for (const [code, call] of calls) {
      const error = errorOf(call);
      expect(error.code, String(call)).toBe(code);
      expect(error.message).toContain('updateAt');
    }
  });
});

describe('assignments of parts', () => {
  it('replace them, and nothing flows through', () => {
    const v = new tf.Variable(x);
    const before = v.value();
    expect(v.assignAt(['1:', '::2'], [7, 8])).toBe(v);
    expect(v.arraySync()).toEqual([
      [1, 2, 3],
      [7, 5, 8],
    ]); // prettier-ignore
    expect(v.assignAt(tf.greater(v, 4), 0).arraySync()).toEqual([
      [1, 2, 3],
      [0, 0, 0],
    ]); // prettier-ignore
    expect(before.arraySync()).toEqual(x.arraySync());
    const y = tf.constant([1, 2, 3]);
    const tape = new tf.GradientTape();
    const z = tape.record(() => {
      tape.watch(y);
      v.assignAt(0, tf.mul(y, 2));
      return tf.reduceSum(v);
    });
    expect(tape.gradient(z, y)).toBeNull();
  });

  it('scatter slices and updates at index vectors', () => {
    const slices = (values: number[][], indices: number[]) => new tf.IndexedSlices(values, indices, [2, 3]);
    const v = new tf.Variable(x);
    v.scatterUpdate(slices([[9, 9, 9]], [1]));
    v.scatterAdd(
      slices(
        [
          [1, 1, 1],
          [1, 1, 1],
        ],
        [0, 0],
      ),
    ); // prettier-ignore
    v.scatterSub(slices([[3, 3, 3]], [1]));
    expect(v.arraySync()).toEqual([
      [3, 4, 5],
      [6, 6, 6],
    ]); // prettier-ignore
    v.scatterMax(slices([[4, 4, 4]], [0]));
    v.scatterMin(slices([[5, 7, 5]], [1]));
    expect(v.arraySync()).toEqual([
      [4, 4, 5],
      [5, 6, 5],
    ]); // prettier-ignore
    v.scatterNdUpdate([[0, 0]], [0])
      .scatterNdAdd([[0, 1]], [1])
      .scatterNdSub([[0, 2]], [1]);
    v.scatterNdMax([[1, 0]], [9]).scatterNdMin([[1, 1]], [-1]);
    expect(v.arraySync()).toEqual([
      [0, 5, 4],
      [9, -1, 5],
    ]); // prettier-ignore
  });

  it('multiply and divide by slices, one after another', () => {
    const slices = (values: number[][], indices: number[]) => new tf.IndexedSlices(values, indices, [2, 3]);
    const v = new tf.Variable(x);
    v.scatterMul(
      slices(
        [
          [2, 3, 4],
          [5, 1, 1],
        ],
        [0, 0],
      ),
    ); // prettier-ignore
    expect(v.arraySync()).toEqual([
      [10, 6, 12],
      [4, 5, 6],
    ]); // prettier-ignore
    v.scatterDiv(
      slices(
        [
          [2, 4, 5],
          [2, 5, 1],
        ],
        [1, 1],
      ),
    ); // prettier-ignore
    expect(v.arraySync()).toEqual([
      [10, 6, 12],
      [1, 0.25, Math.fround(1.2)],
    ]); // prettier-ignore
    const i = new tf.Variable(ints([-7, 8, 9]));
    expect(i.scatterDiv(new tf.IndexedSlices(ints([2, 4]), [0, 2], [3])).arraySync()).toEqual([-3, 8, 2]);
    expect(i.scatterMul(new tf.IndexedSlices(ints([2, 4]), [0, 0], [3])).arraySync()).toEqual([-24, 8, 2]);
    i.scatterDiv(new tf.IndexedSlices(ints([0]), [2], [3]));
    expect(codeOf(() => i.dataSync())).toBe('ERR_DIVISION_BY_ZERO');
    expect(codeOf(() => new tf.Variable([true]).scatterMul(new tf.IndexedSlices([true], [0], [1])))).toBe('ERR_DTYPE');
  });

  it('replace elements of a further axis, each batch by its own indices', () => {
    const v = new tf.Variable(x);
    v.batchScatterUpdate({ values: [[9], [8]], indices: [[2], [0]] });
    expect(v.arraySync()).toEqual([
      [1, 2, 9],
      [8, 5, 6],
    ]); // prettier-ignore
    v.batchScatterUpdate(new tf.IndexedSlices([[7, 7, 7]], [1], [2, 3]));
    expect(v.arraySync()).toEqual([
      [1, 2, 9],
      [7, 7, 7],
    ]); // prettier-ignore
    const w = new tf.Variable([
      [
        [1, 2],
        [3, 4],
      ],
      [
        [5, 6],
        [7, 8],
      ],
    ]); // prettier-ignore
    w.batchScatterUpdate({ values: [[[9, 9]], [[0, 0]]], indices: [[1], [0]] });
    expect(w.arraySync()).toEqual([
      [
        [1, 2],
        [9, 9],
      ],
      [
        [0, 0],
        [7, 8],
      ],
    ]); // prettier-ignore
    for (const [values, indices] of [
      [[[9]], [[2]]],
      [
        [
          [9, 1],
          [8, 1],
        ],
        [[2], [0]],
      ],
      [1, 0],
    ] as const) {
      // prettier-ignore
      expect(codeOf(() => v.batchScatterUpdate({ values, indices }))).toBe('ERR_SHAPE');
    }
    v.batchScatterUpdate({ values: [[9], [8]], indices: [[2], [3]] });
    expect(codeOf(() => v.dataSync())).toBe('ERR_INDEX');
    expect(v.arraySync()).toEqual([
      [1, 2, 9],
      [7, 7, 7],
    ]); // prettier-ignore
  });

  it('refuse what does not fit, and change nothing', () => {
    const v = new tf.Variable(x, { name: 'w' });
    const call = (f: unknown) => f as (this: unknown, ...rest: unknown[]) => unknown;
    expect(codeOf(() => v.assignAt(5, 0))).toBe('ERR_INDEX');
    expect(codeOf(() => v.assignAt(0, ints([1, 2, 3])))).toBe('ERR_DTYPE');
    expect(codeOf(() => v.scatterAdd(new tf.IndexedSlices([1], [0], [2])))).toBe('ERR_SHAPE');
    expect(codeOf(() => v.scatterAdd(x as tf.IndexedSlices))).toBe('ERR_NOT_A_TENSOR');
    expect(codeOf(() => v.scatterNdAdd([[9]], [[1, 2, 3]]))).toBe('ERR_INDEX');
    for (const name of ['assignAt', 'scatterAdd', 'scatterNdMin', 'batchScatterUpdate'] as const) {
      expect(codeOf(() => call(v[name]).call(x, [[0]], 0))).toBe('ERR_RECEIVER');
      expect(codeOf(() => call(v[name]).call(v, [[0]], 0, 1))).toBe('ERR_OPTION');
    }
    expect(v.arraySync()).toEqual(x.arraySync());
  });
});
