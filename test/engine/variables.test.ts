// Variables: what they are made of, assignments, and what is refused.
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';
import { expectError } from '../support/errors.js';
import { pending } from '../support/tensors.js';

describe('Variables', () => {
  it('say what they are', () => {
    const v = new tf.Variable(tf.ones([2, 3]), { name: 'kernel', trainable: false });
    expect([v.shape, v.dtype, v.trainable, v.name, v.rank, v.size]).toEqual([[2, 3], 'float32', false, 'kernel', 2, 6]);
    const w = tf.variable(1, { dtype: 'int32' });
    expect([w.dtype, w.trainable]).toEqual(['int32', true]);
    expect(new tf.Variable(1).name).not.toBe(new tf.Variable(1).name);
  });

  it('assign, assignAdd, assignSub', () => {
    const v = new tf.Variable([1, 2]);
    expect(v.assign([3, 4])).toBe(v);
    expect(v.assignAdd([1, 1]).value().arraySync()).toEqual([4, 5]);
    expect(
      v
        .assignSub(tf.constant([4, 4]))
        .value()
        .arraySync(),
    ).toEqual([0, 1]);
    expect(
      v
        .assign(new tf.Variable([8, 9]))
        .value()
        .arraySync(),
    ).toEqual([8, 9]);
  });

  it('what was read before an assignment keeps its value', () => {
    const v = new tf.Variable([1, 2]);
    const before = v.value();
    const doubled = tf.mul(v, 2);
    v.assign([10, 20]);
    const after = tf.mul(v, 2);
    v.assignAdd([1, 1]);
    expect(before.arraySync()).toEqual([1, 2]);
    expect(doubled.arraySync()).toEqual([2, 4]);
    expect(after.arraySync()).toEqual([20, 40]);
    expect(v.value().arraySync()).toEqual([11, 21]);
  });

  it('do not share with what they were made of', () => {
    const source = new Float32Array([1, 2]);
    const v = new tf.Variable(source);
    source[0] = 9;
    expect(v.value().arraySync()).toEqual([1, 2]);
    const other = new tf.Variable(v);
    v.assign([5, 5]);
    expect(other.value().arraySync()).toEqual([1, 2]);
  });

  it('a wrong assignment changes nothing', () => {
    const v = new tf.Variable([1, 2], { name: 'w' });
    expect(expectError(() => v.assign([1, 2, 3]), tf.ShapeError, 'ERR_SHAPE').message).toContain('w');
    expectError(() => v.assign(1), tf.ShapeError, 'ERR_SHAPE');
    expectError(() => v.assign(new Float64Array(2)), tf.DTypeError, 'ERR_DTYPE');
    expectError(() => v.assign([[1], [2, 3]]), tf.ShapeError, 'ERR_SHAPE');
    expectError(() => v.assign('x' as never), tf.GradtapeError, 'ERR_NOT_A_TENSOR');
    expectError(() => v.assignAdd([[1, 2]]), tf.ShapeError, 'ERR_SHAPE');
    expectError(() => v.assignAdd(tf.ones([2], { dtype: 'int32' })), tf.DTypeError, 'ERR_DTYPE');
    expect(v.value().arraySync()).toEqual([1, 2]);
  });

  it('a value that cannot be computed leaves the last good one', () => {
    const v = new tf.Variable([1, 2]);
    const other = new tf.Variable(5);
    v.assign(tf.mul(v, 10));
    const bad = tf.gather([1, 2], pending(tf.constant([0, 7], { dtype: 'int32' })));
    other.assign(tf.add(other, 1));
    v.assign(bad);
    expectError(() => v.value().dataSync(), tf.ValueError, 'ERR_INDEX');
    expect(v.value().arraySync()).toEqual([10, 20]);
    expect(other.value().item()).toBe(6);
    v.assign(tf.add(v, 1));
    expect(v.value().arraySync()).toEqual([11, 21]);
  });

  it('the same when something else is looked at, and asynchronously', async () => {
    const v = new tf.Variable([1, 2]);
    const bad = (): tf.Tensor => tf.gather([1, 2], pending(tf.constant([0, 7], { dtype: 'int32' })));
    v.assign(bad());
    expect(tf.add([1, 2], 2).arraySync()).toEqual([3, 4]); // hurts nobody who does not look at it
    expectError(() => v.value().dataSync(), tf.ValueError, 'ERR_INDEX');
    expect(v.value().arraySync()).toEqual([1, 2]);
    v.assign(bad());
    await expect(v.value().data()).rejects.toMatchObject({ code: 'ERR_INDEX' });
    expect(v.value().arraySync()).toEqual([1, 2]);
  });

  it('an older value that another thread computed is not the last good one', async () => {
    const v = new tf.Variable([1, 2]);
    v.assign(tf.add(v, 1));
    const coming = v.value().data();
    v.assign(tf.mul(v, 10));
    expect(v.value().arraySync()).toEqual([20, 30]);
    await coming;
    v.assign(tf.gather([1, 2], pending(tf.constant([0, 7], { dtype: 'int32' }))));
    expectError(() => v.value().dataSync(), tf.ValueError, 'ERR_INDEX');
    expect(v.value().arraySync()).toEqual([20, 30]);
  });

  it('a loop that never looks stays bounded', () => {
    const v = new tf.Variable([0, 0]);
    for (let i = 0; i < 20_000; i++) v.assignAdd([1, 2]);
    expect(v.value().arraySync()).toEqual([20_000, 40_000]);
  });
});
