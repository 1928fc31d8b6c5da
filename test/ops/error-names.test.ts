// Errors of functions that are made of others name the function that was called.
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';
import { errorOf } from '../support/errors.js';
import { restoreSettings } from '../support/settings.js';

restoreSettings();

const a = tf.ones([2, 2]);
const huge = tf.constant([3e38, 3e38]);

describe('of shapes', () => {
  it.each<[string, () => unknown, RegExp]>([
    ['clipByNorm', () => tf.clipByNorm(a, [1, 2, 3]), /shapes \[2, 2\] and \[3\] do not broadcast/],
    ['linalg.matvec', () => tf.linalg.matvec(tf.ones([3, 2, 2]), a), /\[3, 2, 2\] and \[2, 2\].*do not broadcast/],
    ['linalg.matrixRank', () => tf.linalg.matrixRank(a, [1, 2, 3]), /shapes \[2\] and \[3\] do not broadcast/],
    ['linalg.pinv', () => tf.linalg.pinv(tf.ones([1, 4, 4, 2]), tf.ones([3])), /rcond.*\[1, 4\] and \[3\]/],
  ])('%s', (name, call, says) => {
    const error = errorOf(call);
    expect(error.message.startsWith(`${name}: `), error.message).toBe(true);
    expect(error.message).toMatch(says);
    expect(error).toMatchObject({ code: 'ERR_SHAPE' });
  });
});

describe('of numbers (config.checkNumerics)', () => {
  it.each<[string, () => unknown]>([
    ['nn.batchNormalization', () => tf.nn.batchNormalization([3e38], [-3e38], [1])],
    ['reduceMean', () => tf.reduceMean(tf.zeros([0]))],
    ['reduceVariance', () => tf.reduceVariance(huge.mul([1, -1]))],
    ['reduceStd', () => tf.reduceStd(huge.mul([1, -1]))],
    ['linalg.outer', () => tf.linalg.outer(huge, huge)],
    ['linalg.kron', () => tf.linalg.kron(huge, huge)],
    ['linalg.globalNorm', () => tf.linalg.globalNorm([huge])],
    ['norm', () => tf.norm(huge)],
    ['linalg.matvec', () => tf.linalg.matvec([[3e38, 3e38]], [2, 2])],
    ['assignAdd', () => new tf.Variable(huge).assignAdd(huge)],
  ])('%s', (name, call) => {
    tf.config.checkNumerics = true;
    const error = errorOf(call);
    expect(error.message.startsWith(`${name}: `), error.message).toBe(true);
    expect(error).toMatchObject({ code: 'ERR_NUMERICS' });
  });
});
