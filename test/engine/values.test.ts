// Values: constants and their dtypes, creation ops, bad input, what a Tensor tells, Variables, settings.
import { inspect } from 'node:util';
import * as tf from 'gradtape';
import { afterEach, describe, expect, it } from 'vitest';
import { jsonOf, plain, runChild } from '../support/child.js';
import { errorOf, expectError } from '../support/errors.js';
import { pending } from '../support/tensors.js';

const inf = Number.POSITIVE_INFINITY;

describe('constant', () => {
  const natural: [string, unknown, tf.DType, unknown][] = [
    ['a number', 3, 'float32', 3],
    ['a boolean', true, 'bool', true],
    [
      'nested numbers',
      [
        [1, 2],
        [3, 4],
      ],
      'float32',
      [
        [1, 2],
        [3, 4],
      ],
    ],
    ['nested booleans', [[true], [false]], 'bool', [[true], [false]]],
    ['Float32Array', new Float32Array([1.5, 2]), 'float32', [1.5, 2]],
    ['Float64Array', new Float64Array([0.1, 2]), 'float64', [0.1, 2]],
    ['Int32Array', new Int32Array([-1, 2]), 'int32', [-1, 2]],
    ['Uint8Array', new Uint8Array([1, 255]), 'uint8', [1, 255]],
    ['Uint8ClampedArray', new Uint8ClampedArray([1, 255]), 'uint8', [1, 255]],
    ['Buffer', Buffer.from([7, 8]), 'uint8', [7, 8]],
    [
      'typed arrays in an array',
      [new Float64Array([1, 2]), new Float64Array([3, 4])],
      'float32',
      [
        [1, 2],
        [3, 4],
      ],
    ],
    ['nothing', [], 'float32', []],
    ['rows of nothing', [[], []], 'float32', [[], []]],
  ];
  it.each(natural)('%s', (_, value, dtype, elements) => {
    const t = tf.constant(value);
    expect(t.dtype).toBe(dtype);
    expect(t.arraySync()).toEqual(elements);
  });

  it('numbers become the dtype that is asked for', () => {
    expect(tf.constant(0.1).item()).toBe(Math.fround(0.1));
    expect(tf.constant([0.1, 0.2]).arraySync()).toEqual([0.1, 0.2].map(Math.fround));
    expect(tf.constant(0.1, { dtype: 'float64' }).item()).toBe(0.1);
    expect(tf.constant([1, 0], { dtype: 'bool' }).arraySync()).toEqual([true, false]);
    expect(tf.constant(true, { dtype: 'float32' }).item()).toBe(1);
    expect(tf.constant([[true, 2]], { dtype: 'int32' }).arraySync()).toEqual([[1, 2]]);
    expect(tf.constant(-7, { dtype: 'int32' }).item()).toBe(-7);
  });

  it.each([1, 3])('a float64 array of %d rounds to float32', (length) => {
    const t = tf.constant(new Float64Array(length).fill(0.1), { dtype: 'float32' });
    expect(t.dtype).toBe('float32');
    expect(t.dataSync()).toEqual(new Float32Array(length).fill(0.1));
    expect((t.arraySync() as number[])[0]).toBe(Math.fround(0.1));
  });

  it('typed arrays without a dtype of their own are checked to fit', () => {
    expect(tf.constant(new Int16Array([-3, 4]), { dtype: 'int32' }).arraySync()).toEqual([-3, 4]);
    expect(tf.constant(new Uint16Array([3, 4]), { dtype: 'float32' }).arraySync()).toEqual([3, 4]);
    expect(tf.constant(new Uint8Array([0, 1]), { dtype: 'bool' }).arraySync()).toEqual([false, true]);
    for (const array of [new Int8Array(2), new Int16Array(2), new Uint16Array(2), new Uint32Array(2)]) {
      expect(expectError(() => tf.constant(array), tf.DTypeError, 'ERR_DTYPE').message).toContain('explicit dtype');
    }
    expectError(() => tf.constant(new Int8Array([-1]), { dtype: 'uint8' }), tf.ValueError, 'ERR_VALUE');
    expectError(() => tf.constant(new Uint32Array([2 ** 31]), { dtype: 'int32' }), tf.ValueError, 'ERR_VALUE');
    expectError(() => tf.constant(new Float64Array([0.5, 1]), { dtype: 'int32' }), tf.DTypeError, 'ERR_DTYPE');
    expectError(() => tf.constant(new Float32Array([Number.NaN]), { dtype: 'int32' }), tf.DTypeError, 'ERR_DTYPE');
    expectError(() => tf.constant(new Uint8Array([2]), { dtype: 'bool' }), tf.DTypeError, 'ERR_DTYPE');
  });

  it('takes the shape that is asked for', () => {
    expect(tf.constant([1, 2, 3, 4], { shape: [2, 2] }).arraySync()).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(tf.constant(7, { shape: [2, 2] }).arraySync()).toEqual([
      [7, 7],
      [7, 7],
    ]);
    expect(tf.constant(new Float32Array(0), { shape: [0, 3] }).shape).toEqual([0, 3]);
    expectError(() => tf.constant([1, 2, 3], { shape: [2, 2] }), tf.ShapeError, 'ERR_SHAPE');
  });

  it('takes tensors and variables', () => {
    const t = tf.constant([1, 2]);
    expect(tf.constant(t).arraySync()).toEqual([1, 2]);
    expect(tf.constant(new tf.Variable([1, 2])).arraySync()).toEqual([1, 2]);
    expectError(() => tf.constant(t, { dtype: 'int32' }), tf.DTypeError, 'ERR_DTYPE');
    expectError(() => tf.constant(t, { shape: [1, 2] }), tf.ShapeError, 'ERR_SHAPE');
  });

  it('copies what it is given', () => {
    const array = new Float32Array([1, 2]);
    const t = tf.constant(array);
    array[0] = 9;
    expect(t.arraySync()).toEqual([1, 2]);
  });

  it('reads views at an offset, and shared memory', () => {
    const backing = new Float32Array([9, 1, 2, 9]);
    expect(tf.constant(backing.subarray(1, 3)).arraySync()).toEqual([1, 2]);
    const shared = new Int32Array(new SharedArrayBuffer(8));
    shared.set([5, 6]);
    expect(tf.constant(shared).arraySync()).toEqual([5, 6]);
    expect(tf.add(new Float64Array(new SharedArrayBuffer(16)), 1).arraySync()).toEqual([1, 1]);
    expect(tf.constant([new Float32Array(new SharedArrayBuffer(8))]).arraySync()).toEqual([[0, 0]]);
  });

  it('keeps NaN, infinities and the sign of zero', () => {
    const values = [Number.NaN, inf, -inf, -0];
    expect(tf.constant(values).arraySync()).toEqual(values);
    expect(Object.is(tf.constant(-0).item(), -0)).toBe(true);
    expect(tf.constant(1e300).item()).toBe(inf);
  });
});

describe('bad input gets an error with a code, and changes nothing', () => {
  const ragged: unknown[] = [
    [[1, 2], [3]],
    [[1], 2],
    [1, [2]],
    [[[1]], [[2, 3]]],
    [[], [1]],
    [[1], []],
  ];
  it.each(ragged.map((v) => [inspect(v), v]))('ragged: %s', (_, value) => {
    expect(expectError(() => tf.constant(value), tf.ShapeError, 'ERR_SHAPE').message).toContain('ragged');
  });

  const noTensors: unknown[] = [
    undefined,
    null,
    'x',
    {},
    () => 1,
    Symbol('s'),
    10n,
    new Date(),
    new Map(),
    [undefined],
    [null],
    ['1'],
    [1n, 2n],
    [{}],
    [[1], ['x']],
    new Array(3),
    Promise.resolve(1),
    new ArrayBuffer(8),
  ];
  it.each(noTensors.map((v) => [inspect(v), v]))('no tensor: %s', (_, value) => {
    expectError(() => tf.constant(value), tf.GradtapeError, 'ERR_NOT_A_TENSOR');
    if (!Array.isArray(value)) {
      expectError(() => tf.add(value as never, 1), tf.GradtapeError, 'ERR_NOT_A_TENSOR');
      expectError(() => tf.add(1, value as never), tf.GradtapeError, 'ERR_NOT_A_TENSOR');
      expectError(() => tf.reduceSum(value as never), tf.GradtapeError, 'ERR_NOT_A_TENSOR');
      expectError(() => new tf.Variable(value as never), tf.GradtapeError, 'ERR_NOT_A_TENSOR');
    }
  });

  it.each([new BigInt64Array(2), new BigUint64Array(2), new DataView(new ArrayBuffer(8))])('%o', (value) => {
    expectError(() => tf.constant(value), tf.DTypeError, 'ERR_DTYPE');
    expectError(() => tf.constant(value, { dtype: 'int32' }), tf.DTypeError, 'ERR_DTYPE');
    expectError(() => tf.mul(value as never, 2), tf.DTypeError, 'ERR_DTYPE');
  });

  it('a detached buffer', () => {
    const array = new Float32Array([1, 2]);
    structuredClone(array, { transfer: [array.buffer] });
    expect(expectError(() => tf.constant(array), tf.ValueError, 'ERR_VALUE').message).toContain('detached');
    expectError(() => tf.add(array, 1), tf.ValueError, 'ERR_VALUE');
    // An empty one is no detached one.
    expect(tf.constant(new Float32Array(0)).shape).toEqual([0]);
  });

  it('arrays that contain themselves', () => {
    const loop: unknown[] = [];
    loop.push(loop);
    expectError(() => tf.constant(loop), tf.ShapeError, 'ERR_SHAPE');
    const later: unknown[] = [1];
    later.push(later);
    expectError(() => tf.constant(later), tf.ShapeError, 'ERR_SHAPE');
    const [a, b]: unknown[][] = [[], []];
    a?.push(b);
    b?.push(a);
    expectError(() => tf.constant(a), tf.ShapeError, 'ERR_SHAPE');
  });

  it('numbers that the dtype cannot hold', () => {
    expectError(() => tf.constant(1.5, { dtype: 'int32' }), tf.DTypeError, 'ERR_DTYPE');
    expectError(() => tf.constant([1, Number.NaN], { dtype: 'int32' }), tf.DTypeError, 'ERR_DTYPE');
    expectError(() => tf.constant(inf, { dtype: 'uint8' }), tf.DTypeError, 'ERR_DTYPE');
    expectError(() => tf.constant(2 ** 31, { dtype: 'int32' }), tf.ValueError, 'ERR_VALUE');
    expectError(() => tf.constant(-1, { dtype: 'uint8' }), tf.ValueError, 'ERR_VALUE');
    expectError(() => tf.constant(2, { dtype: 'bool' }), tf.DTypeError, 'ERR_DTYPE');
    expectError(() => tf.constant([true, 1]), tf.DTypeError, 'ERR_DTYPE');
    expectError(() => tf.fill([2], 1.5, { dtype: 'int32' }), tf.DTypeError, 'ERR_DTYPE');
  });

  it.each(['float16', 'int64', 'string', '', 3, {}, 'toString', '__proto__'])('dtype %s', (dtype) => {
    const opts = { dtype: dtype as tf.DType };
    expectError(() => tf.constant(1, opts), tf.DTypeError, 'ERR_DTYPE');
    expectError(() => tf.zeros([2], opts), tf.DTypeError, 'ERR_DTYPE');
    expectError(() => tf.cast(tf.constant(1), dtype as tf.DType), tf.DTypeError, 'ERR_DTYPE');
    expectError(() => new tf.Variable(1, opts), tf.DTypeError, 'ERR_DTYPE');
    expectError(() => tf.eye(2, 2, opts), tf.DTypeError, 'ERR_DTYPE');
    expectError(() => tf.range(0, 3, 1, opts), tf.DTypeError, 'ERR_DTYPE');
    expectError(() => tf.random.normal([2], opts), tf.DTypeError, 'ERR_DTYPE');
  });

  const sizes: unknown[] = [
    [Number.NaN],
    [-1],
    [1.5],
    [inf],
    ['2'],
    [null],
    [undefined],
    [2n],
    [2, Number.NaN, 0],
    'x',
    null,
    undefined,
    {},
    [2 ** 31],
    [2 ** 53],
    [65536, 65536, 65536],
    [2 ** 30, 2 ** 30, 2 ** 30, 2 ** 30],
    new Array(17).fill(1),
  ];
  it.each(sizes.map((s) => [inspect(s), s]))('shape %s', (_, shape) => {
    const s = shape as number[];
    expectError(() => tf.zeros(s), tf.ShapeError, 'ERR_SHAPE');
    expectError(() => tf.ones(s), tf.ShapeError, 'ERR_SHAPE');
    expectError(() => tf.fill(s, 1), tf.ShapeError, 'ERR_SHAPE');
    expectError(() => tf.random.uniform(s), tf.ShapeError, 'ERR_SHAPE');
    expectError(() => tf.broadcastTo(1, s), tf.ShapeError, 'ERR_SHAPE');
    if (inspect(shape) !== '[ -1 ]') expectError(() => tf.reshape([1, 2, 3], s), tf.ShapeError, 'ERR_SHAPE');
  });

  it('shapes that overflow in an op', () => {
    const wide = tf.zeros([65536, 1]);
    const cube = tf.zeros([65536, 1, 1]);
    expectError(() => tf.add(tf.add(cube, tf.zeros([65536, 1])), tf.zeros([65536])), tf.ShapeError, 'ERR_SHAPE');
    expectError(() => tf.tile(wide, [65536, 65536]), tf.ShapeError, 'ERR_SHAPE');
    expectError(() => tf.pad(tf.constant([1]), [[2 ** 31, 0]]), tf.ShapeError, 'ERR_SHAPE');
    expectError(() => tf.matmul(tf.zeros([2 ** 20, 1]), tf.zeros([1, 2 ** 20])), tf.ShapeError, 'ERR_SHAPE');
    expectError(() => tf.oneHot(tf.zeros([2 ** 20], { dtype: 'int32' }), 2 ** 20), tf.ShapeError, 'ERR_SHAPE');
    expectError(() => tf.concat([tf.zeros([2 ** 31 - 1]), tf.zeros([2 ** 31 - 1])], 0), tf.ShapeError, 'ERR_SHAPE');
  });

  // AddressSanitizer ends the process instead.
  it.runIf(plain)('more memory than there can be', () => {
    expectError(() => tf.eye(65536), tf.GradtapeError, 'ERR_OUT_OF_MEMORY');
    const huge = tf.zeros([2 ** 31 - 1, 4]);
    expectError(() => huge.dataSync(), tf.GradtapeError, 'ERR_OUT_OF_MEMORY');
    expectError(() => pending(tf.add(huge, 1)).dataSync(), tf.GradtapeError, 'ERR_OUT_OF_MEMORY');
    expect(tf.add(1, 2).item(), 'the next program is not harmed').toBe(3);
  });

  it('operands of different dtypes', () => {
    const f = tf.constant(1);
    const d = tf.constant(1, { dtype: 'float64' });
    const i = tf.constant(1, { dtype: 'int32' });
    for (const call of [
      () => tf.add(f, d),
      () => f.mul(d),
      () => tf.where(true, f, d),
      () => tf.matmul(tf.ones([1, 1]), tf.ones([1, 1], { dtype: 'float64' })),
      () => tf.concat([tf.ones([1]), tf.ones([1], { dtype: 'int32' })], 0),
      () => tf.add(new Float32Array(1), new Float64Array(1)),
    ]) {
      const error = expectError(call, tf.DTypeError, 'ERR_DTYPE');
      expect(error.message).toContain('cast(');
      expect(error.message).toContain('float32');
    }
    expectError(() => i.mul(1.5), tf.DTypeError, 'ERR_DTYPE');
    expectError(() => tf.sin(i), tf.DTypeError, 'ERR_DTYPE');
    expectError(() => tf.nn.softmax(tf.ones([2], { dtype: 'int32' })), tf.DTypeError, 'ERR_DTYPE');
    expectError(() => tf.logicalAnd(f, f), tf.DTypeError, 'ERR_DTYPE');
    expectError(() => tf.where(f, f, f), tf.DTypeError, 'ERR_DTYPE');
    expectError(() => tf.gather([1, 2], pending(f)), tf.DTypeError, 'ERR_DTYPE');
  });

  it('shapes that do not fit', () => {
    const a = tf.zeros([2, 3]);
    for (const call of [
      () => tf.add(a, tf.zeros([2])),
      () => tf.matmul(a, a),
      () => tf.matmul(a, tf.zeros([3])),
      () => tf.matmul(tf.zeros([2, 2, 3]), tf.zeros([3, 3, 2])),
      () => tf.reshape(a, [4, -1]),
      () => tf.reshape(a, [-1, -1]),
      () => tf.reshape(tf.zeros([0]), [0, -1]),
      () => tf.squeeze(a, 0),
      () => tf.concat([a, tf.zeros([3, 3])], 1),
      () => tf.stack([a, tf.zeros([3, 2])]),
      () => tf.split(a, 2, 1),
      () => tf.split(a, [1, 1], 1),
      () => tf.split(a, [4, -1], 1),
      () => tf.split(a, [-1, -1], 1),
      () => tf.split(a, [1.5, 1.5], 1),
      () => tf.transpose(a, [0, 0]),
      () => tf.transpose(a, [0]),
      () => tf.slice(a, [0], [1]),
      () => tf.tile(a, [2]),
      () => tf.pad(a, [[0, 0]]),
      () =>
        tf.pad(a, [
          [0, 0],
          [-1, 0],
        ]),
      () => tf.broadcastTo(a, [3, 2]),
      () => tf.booleanMask(a, [true, false, true]),
      () => tf.nn.softmaxCrossEntropyWithLogits(tf.zeros([2, 2]), a),
      () => tf.nn.sparseSoftmaxCrossEntropyWithLogits([0], a),
      () => tf.scatterNd([[0]], [1, 2], [3]),
      () => tf.argmax(tf.zeros([0, 2])),
      () => tf.nn.biasAdd(a, [1, 2]),
    ]) {
      expectError(call, tf.ShapeError, 'ERR_SHAPE');
    }
  });

  it('axes out of range, fractions of them, and one named twice', () => {
    const a = tf.zeros([2, 3]);
    for (const axis of [2, -3, 0.5, Number.NaN, '0', {}] as number[]) {
      const code = typeof axis === 'number' ? 'ERR_AXIS' : 'ERR_VALUE';
      expectError(() => tf.reduceSum(a, axis), tf.GradtapeError, code);
      for (const call of [
        () => tf.argmax(a, axis),
        () => tf.nn.softmax(a, axis),
        () => tf.unstack(a, axis),
        () => tf.concat([a, a], axis),
        () => tf.gather(a, [0], { axis }),
      ]) {
        expectError(call, tf.ShapeError, 'ERR_AXIS');
      }
    }
    expectError(() => tf.reduceSum(a, [0, -2]), tf.ShapeError, 'ERR_AXIS');
    expectError(() => tf.reverse(a, [1, 1]), tf.ShapeError, 'ERR_AXIS');
    expectError(() => tf.reduceMax(a, [0, 7]), tf.ShapeError, 'ERR_AXIS');
    expect(tf.reduceSum(a, null).shape).toEqual([]);
  });

  it('indices out of range, known and still to be computed', () => {
    const rows = tf.constant([[1], [2], [3]]);
    for (const index of [3, -1, 2 ** 31 - 1, -(2 ** 31)]) {
      const known = tf.constant([0, index], { dtype: 'int32' });
      const found = expectError(() => tf.gather(rows, known), tf.ValueError, 'ERR_INDEX');
      expect(found.message).toContain(String(index));
      expectError(() => tf.gather(rows, index), tf.ValueError, 'ERR_INDEX');
      expectError(() => tf.gatherNd(rows, [[index]]), tf.ValueError, 'ERR_INDEX');
      expectError(() => tf.scatterNd([[index]], [1], [3]), tf.ValueError, 'ERR_INDEX');
      const late = tf.gather(rows, pending(known));
      const error = expectError(() => late.dataSync(), tf.ValueError, 'ERR_INDEX');
      expect(error.message).toContain(`gather: index ${index} is out of range for an axis of length 3`);
      expectError(() => late.dataSync(), tf.ValueError, 'ERR_INDEX'); // and again
      expectError(() => tf.gatherNd(rows, pending([[index]]).cast('int32')).dataSync(), tf.ValueError, 'ERR_INDEX');
      const labels = tf.constant([index], { dtype: 'int32' });
      expectError(() => tf.nn.sparseSoftmaxCrossEntropyWithLogits(labels, [[1, 2, 3]]), tf.ValueError, 'ERR_INDEX');
      expectError(
        () => tf.nn.sparseSoftmaxCrossEntropyWithLogits(pending(labels), [[1, 2, 3]]).dataSync(),
        tf.ValueError,
        'ERR_INDEX',
      );
    }
    for (const index of [0.5, Number.NaN, inf]) {
      expectError(() => tf.gather(rows, [index]), tf.DTypeError, 'ERR_DTYPE');
    }
    expectError(() => tf.slice([1, 2, 3], [2], [2]), tf.ShapeError, 'ERR_INDEX');
    expectError(() => tf.slice([1, 2, 3], [-1], [1]), tf.ShapeError, 'ERR_INDEX');
    expectError(() => tf.slice([1, 2, 3], [0.5], [1]), tf.ShapeError, 'ERR_INDEX');
    expect(tf.gather(rows, []).shape).toEqual([0, 1]);
    expect(tf.gather(tf.zeros([0, 2]), []).shape).toEqual([0, 2]);
    expectError(() => tf.gather(tf.zeros([0, 2]), [0]), tf.ValueError, 'ERR_INDEX');
  });

  it('integers divided by zero', () => {
    const x = tf.constant([6, 7], { dtype: 'int32' });
    for (const divide of [tf.floordiv, tf.floormod]) {
      expectError(() => divide(x, 0).dataSync(), tf.ValueError, 'ERR_DIVISION_BY_ZERO');
      expectError(
        () => divide(x, tf.constant([2, 0], { dtype: 'int32' })).dataSync(),
        tf.ValueError,
        'ERR_DIVISION_BY_ZERO',
      );
    }
    expect(tf.floordiv(x, -4).arraySync()).toEqual([-2, -2]);
    expect(tf.floormod(x, -4).arraySync()).toEqual([-2, -1]);
  });

  it('other options', () => {
    for (const call of [
      () => tf.range(0, 1, 0),
      () => tf.range(Number.NaN),
      () => tf.linspace(0, 1, 0),
      () => tf.linspace(0, inf, 3),
      () => tf.concat([], 0),
      () => tf.stack([]),
      () => tf.concat(3 as never, 0),
    ]) {
      expectError(call, tf.ValueError, 'ERR_VALUE');
    }
    expectError(() => tf.linspace(0, 1, 1.5), tf.ShapeError, 'ERR_SHAPE');
    expectError(() => tf.range(1e12), tf.ShapeError, 'ERR_SHAPE');
    expectError(() => tf.range(0, 1, 0.5, { dtype: 'int32' }), tf.DTypeError, 'ERR_DTYPE');
    expectError(() => tf.norm([1], 'nuclear' as never), tf.ValueError, 'ERR_OPTION');
    expectError(() => tf.nn.dropout([1], 1), tf.ValueError, 'ERR_OPTION');
    expectError(() => tf.nn.dropout([1], Number.NaN), tf.ValueError, 'ERR_OPTION');
    expectError(() => tf.reduceAny(tf.constant([1])), tf.DTypeError, 'ERR_DTYPE');
  });
});

describe('creation', () => {
  it('zeros, ones, fill', () => {
    expect(tf.zeros([2, 2]).arraySync()).toEqual([
      [0, 0],
      [0, 0],
    ]);
    expect(tf.ones([2], { dtype: 'bool' }).arraySync()).toEqual([true, true]);
    expect(tf.fill([2], 7, { dtype: 'int32' }).arraySync()).toEqual([7, 7]);
    expect(tf.fill([1, 1], true).dtype).toBe('bool');
    expect(tf.fill([], 0.1).item()).toBe(Math.fround(0.1));
    expect(tf.zeros([0, 5]).arraySync()).toEqual([]);
    expect(tf.zerosLike(tf.ones([2, 1], { dtype: 'int32' })).arraySync()).toEqual([[0], [0]]);
    expect(tf.onesLike(tf.zeros([1], { dtype: 'bool' })).arraySync()).toEqual([true]);
  });

  it('eye, range, linspace, oneHot', () => {
    expect(tf.eye(2, 3).arraySync()).toEqual([
      [1, 0, 0],
      [0, 1, 0],
    ]);
    expect(tf.eye(2).shape).toEqual([2, 2]);
    expect(tf.eye(2, 0).shape).toEqual([2, 0]);
    expect(tf.range(4).arraySync()).toEqual([0, 1, 2, 3]);
    expect(tf.range(3, 3).arraySync()).toEqual([]);
    expect(tf.range(5, 0, -2, { dtype: 'int32' }).arraySync()).toEqual([5, 3, 1]);
    expect(tf.range(0, 1, 0.25).arraySync()).toEqual([0, 0.25, 0.5, 0.75]);
    expect(tf.linspace(0, 1, 5).arraySync()).toEqual([0, 0.25, 0.5, 0.75, 1]);
    expect(tf.linspace(3, 9, 1).arraySync()).toEqual([3]);
    expect(tf.linspace(0, 0.7, 8, { dtype: 'float64' }).dataSync()[7]).toBe(0.7);
    expect(tf.oneHot([0, 2, -1, 3], 3).arraySync()).toEqual([
      [1, 0, 0],
      [0, 0, 1],
      [0, 0, 0],
      [0, 0, 0],
    ]);
    expect(tf.oneHot([0, 1], 2, { axis: 0, onValue: 5, offValue: -1, dtype: 'int32' }).arraySync()).toEqual([
      [5, -1],
      [-1, 5],
    ]);
  });

  it('operands take the dtype of the tensor beside them', () => {
    const d = tf.constant([0.1], { dtype: 'float64' });
    expect(d.mul(0.1).dataSync()).toEqual(new Float64Array([0.1 * 0.1]));
    expect(tf.sub(0.3, d).dtype).toBe('float64');
    expect(tf.add([1, 2], tf.constant([1, 2], { dtype: 'int32' })).dtype).toBe('int32');
    expect(tf.add(1, new Int32Array([1])).dtype).toBe('int32');
    expect(tf.less(d, 1).dtype).toBe('bool');
    expect(tf.where([true], 1, d).dtype).toBe('float64');
    expect(tf.concat([[1], tf.constant([2], { dtype: 'int32' })], 0).dtype).toBe('int32');
  });

  it('integers divide as float64, as function and as method', () => {
    const i = tf.constant([7, 8], { dtype: 'int32' });
    for (const q of [tf.div(i, 2), i.div(2), tf.div(7, i), tf.expr`${i} / 2`, tf.div(new Int32Array([7, 8]), 2)]) {
      expect(q.dtype).toBe('float64');
    }
    expect(i.div(2).arraySync()).toEqual([3.5, 4]);
  });

  it('rounds numbers to float32 before it computes', () => {
    expect(tf.constant(0.1).mul(3).item()).toBe(Math.fround(Math.fround(0.1) * 3));
    expect(tf.add(0.1, 0.2).item()).toBe(Math.fround(Math.fround(0.1) + Math.fround(0.2)));
  });
});

describe('what a Tensor tells', () => {
  const t = tf.constant([
    [1, 2, 3],
    [4, 5, 6],
  ]);

  it('shape, rank, size, dtype, id', () => {
    expect(t.shape).toEqual([2, 3]);
    expect(Object.isFrozen(t.shape)).toBe(true);
    expect(Object.isFrozen(tf.add(t, 1).shape)).toBe(true);
    expect(Object.isFrozen(tf.reduceSum(t, 0).shape)).toBe(true);
    expect(Object.isFrozen(tf.at(t, 0).shape)).toBe(true);
    expect(Object.isFrozen(new tf.Variable(t).shape)).toBe(true);
    expect([t.rank, t.size, t.dtype]).toEqual([2, 6, 'float32']);
    expect(tf.constant(1).rank).toBe(0);
    expect(tf.constant(1).size).toBe(1);
    expect(tf.constant(2).id).toBeGreaterThan(t.id);
  });

  it('a shape that was passed in is copied', () => {
    const shape = [2, 2];
    const z = tf.zeros(shape);
    shape[0] = 9;
    expect(z.shape).toEqual([2, 2]);
    const perm = [1, 0];
    const turned = tf.transpose(t, perm);
    perm.reverse();
    expect(turned.arraySync()).toEqual([
      [1, 4],
      [2, 5],
      [3, 6],
    ]);
  });

  it('dataSync and data give copies of the right kind', async () => {
    const kinds: [tf.DType, unknown][] = [
      ['float32', Float32Array],
      ['float64', Float64Array],
      ['int32', Int32Array],
      ['uint8', Uint8Array],
      ['bool', Uint8Array],
    ];
    for (const [dtype, kind] of kinds) {
      const x = tf.constant([1, 0, 1], { dtype });
      const copy = x.dataSync();
      expect(copy).toBeInstanceOf(kind);
      copy.fill(9);
      expect([...x.dataSync()]).toEqual([1, 0, 1]);
      const later = await x.data();
      later.fill(9);
      expect([...(await x.data())]).toEqual([1, 0, 1]);
      expect(tf.fill([2], 1, { dtype }).dataSync()).toBeInstanceOf(kind);
    }
  });

  it('a copy holds no more than its elements', () => {
    expect(t.dataSync().buffer.byteLength).toBe(24);
    expect(tf.add(t, 1).dataSync().buffer.byteLength).toBe(24);
  });

  it('arraySync and array', async () => {
    expect(tf.constant(true).arraySync()).toBe(true);
    expect(tf.less(t, 3).arraySync()).toEqual([
      [true, true, false],
      [false, false, false],
    ]);
    expect(await tf.mul(t, 2).array()).toEqual([
      [2, 4, 6],
      [8, 10, 12],
    ]);
    expect(tf.zeros([2, 0, 3]).arraySync()).toEqual([[], []]);
  });

  it('item', () => {
    expect(tf.constant([[7]]).item()).toBe(7);
    expect(tf.add(tf.constant([[7]]), 1).item()).toBe(8);
    expect(tf.less(1, 2).item()).toBe(1);
    expect(expectError(() => t.item(), tf.ShapeError, 'ERR_SHAPE').message).toContain('exactly one element');
    expectError(() => tf.zeros([0]).item(), tf.ShapeError, 'ERR_SHAPE');
    expectError(() => tf.zeros([2]).item(), tf.ShapeError, 'ERR_SHAPE');
  });

  it('prints in the format of TensorFlow', () => {
    expect(String(tf.constant(47))).toBe('tf.Tensor(47.0, shape=(), dtype=float32)');
    expect(`${tf.fill([2, 3], 12)}`).toBe('tf.Tensor(\n[[12. 12. 12.]\n [12. 12. 12.]], shape=(2, 3), dtype=float32)');
    expect(inspect(tf.constant([1, 2], { dtype: 'int32' }))).toBe('tf.Tensor([1 2], shape=(2,), dtype=int32)');
  });
});

describe('at()', () => {
  const t = tf.reshape(tf.range(24), [2, 3, 4]);
  // The same through plain arrays.
  const rows = t.arraySync() as number[][][];

  it('indexes as NumPy does', () => {
    expect(t.at(1).arraySync()).toEqual(rows[1]);
    expect(t.at(-1, 0, -2).item()).toBe(14);
    expect(t.at(1, '::2').arraySync()).toEqual([rows[1]?.[0], rows[1]?.[2]]);
    expect(t.at('::-1', 0, 0).arraySync()).toEqual([12, 0]);
    expect(t.at('...', 3).arraySync()).toEqual(rows.map((m) => m.map((r) => r[3])));
    expect(t.at(0, '...', 3).arraySync()).toEqual([3, 7, 11]);
    expect(t.at('...').arraySync()).toEqual(rows);
    expect(t.at().arraySync()).toEqual(rows);
    expect(t.at(null).shape).toEqual([1, 2, 3, 4]);
    expect(t.at('::', null, 1).shape).toEqual([2, 1, 4]);
    expect(t.at(0, null, 0, null, 0).shape).toEqual([1, 1]);
    expect(t.at(0, 0, '1:3').arraySync()).toEqual([1, 2]);
    expect(t.at(0, 0, '-3:-1').arraySync()).toEqual([1, 2]);
    expect(t.at(0, 0, '3:0:-2').arraySync()).toEqual([3, 1]);
    expect(t.at(0, 0, ':').arraySync()).toEqual([0, 1, 2, 3]);
    expect(t.at(0, 0, '-100:100').arraySync()).toEqual([0, 1, 2, 3]);
    expect(t.at(0, 0, '3:1').shape).toEqual([0]);
    expect(t.at(0, 0, ' 1 : 3 ').arraySync()).toEqual([1, 2]);
    expect(t.at(0, 0, '100:200').arraySync()).toEqual([]);
    expect(t.at('2:', 0).shape).toEqual([0, 4]);
  });

  it('and throws on what is no index', () => {
    for (const index of [
      2,
      -3,
      0.5,
      Number.NaN,
      inf,
      '1:2:0',
      '0:1:2:3',
      'x',
      '',
      '1',
      '0.5:',
      undefined,
      {},
      [0],
      true,
    ]) {
      expectError(() => t.at(index as never), tf.GradtapeError, 'ERR_INDEX');
    }
    expectError(() => t.at(0, 0, 0, 0), tf.ShapeError, 'ERR_INDEX');
    expectError(() => t.at('...', '...'), tf.ValueError, 'ERR_INDEX');
    expectError(() => tf.constant(1).at(0), tf.ShapeError, 'ERR_INDEX');
  });

  it('agrees with stridedSlice', () => {
    expect(tf.stridedSlice(t, [0, 2], [2, 0], [1, -1]).arraySync()).toEqual(t.at('0:2', '2:0:-1').arraySync());
  });
});

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

describe('settings', () => {
  const before = { ...tf.config };
  afterEach(() => {
    Object.assign(tf.config, before);
  });

  it('can be read and set; a wrong value is refused and changes nothing', () => {
    tf.config.threads = 1;
    expect(tf.config.threads).toBe(1);
    for (const threads of [0, -1, 1.5, Number.NaN, '2', null]) {
      expectError(() => (tf.config.threads = threads as number), tf.ValueError, 'ERR_OPTION');
    }
    expect(tf.config.threads).toBe(1);
    const isa = tf.config.isa;
    expect(expectError(() => (tf.config.isa = 'mmx'), tf.GradtapeError, 'ERR_ISA').message).toContain(isa);
    expect(tf.config.isa).toBe(isa);
    for (const name of ['eager', 'checkNumerics', 'trackOrigin'] as const) {
      tf.config[name] = true;
      expect(tf.config[name]).toBe(true);
      expectError(() => (tf.config[name] = 1 as never), tf.ValueError, 'ERR_OPTION');
      tf.config[name] = false;
    }
    expect(tf.config.deterministic).toBe(true);
    expectError(() => (tf.config.deterministic = false), tf.ValueError, 'ERR_OPTION');
  });

  it('one that is not there is an error with the nearest name', () => {
    const config = tf.config as unknown as Record<string | symbol, unknown>;
    const cases: [string, string][] = [
      ['thread', 'did you mean threads?'],
      ['Threads', 'did you mean threads?'],
      ['check_numerics', 'did you mean checkNumerics?'],
      ['xyz', 'there are threads, isa, eager, checkNumerics, trackOrigin, deterministic'],
    ];
    for (const [name, hint] of cases) {
      const error = expectError(() => (config[name] = 1), tf.ValueError, 'ERR_OPTION');
      expect(error.message).toBe(`config: there is no setting ${name}; ${hint}`);
      expect(config[name]).toBeUndefined();
    }
    expectError(() => (config[Symbol('s')] = 1), tf.ValueError, 'ERR_OPTION');
    expectError(() => Object.assign(tf.config, { eager: false, thread: 1 }), tf.ValueError, 'ERR_OPTION');
    expectError(() => (Object.create(tf.config).thread = 1), tf.ValueError, 'ERR_OPTION');
    expectError(() => Object.defineProperty(tf.config, 'eager', { value: 1 }), tf.ValueError, 'ERR_OPTION');
    expectError(() => delete config['eager'], tf.ValueError, 'ERR_OPTION');
    expectError(() => Object.freeze(tf.config), tf.ValueError, 'ERR_OPTION');
    expect(Object.keys(tf.config)).toEqual([
      'threads',
      'isa',
      'eager',
      'checkNumerics',
      'trackOrigin',
      'deterministic',
    ]);
  });

  it('whatever a setting is set to, an error has a code and nothing is changed', () => {
    const was = { ...tf.config };
    const things = [
      undefined,
      null,
      Number.NaN,
      1.5,
      -1,
      1e10,
      Infinity,
      'x',
      '',
      {},
      [],
      Symbol('s'),
      1n,
      () => 1,
      tf.ones([1]),
    ];
    for (const name of Object.keys(was) as (keyof tf.Config)[]) {
      for (const thing of things) {
        const code = name === 'isa' && typeof thing === 'string' ? 'ERR_ISA' : 'ERR_OPTION';
        expectError(() => (tf.config[name] = thing as never), tf.GradtapeError, code);
      }
    }
    expect({ ...tf.config }).toEqual(was);
  });

  it('deviceInfo', () => {
    const info = tf.deviceInfo();
    expect(info.isas).toContain(info.isa);
    expect(info.isas.length).toBeGreaterThan(0);
    expect(info.cores).toBeGreaterThan(0);
    expect(info.threads).toBe(tf.config.threads);
    expect(info.platform).toBe(`${process.platform}-${process.arch}`);
  });

  it('checkNumerics names the op that made the first NaN or infinity', () => {
    tf.config.checkNumerics = true;
    const error = expectError(() => tf.log(tf.sub(tf.constant([1, 2]), 2)), tf.GradtapeError, 'ERR_NUMERICS');
    expect(error.message).toContain('log');
    expect(tf.log([1, 2]).dtype).toBe('float32');
  });

  it('trackOrigin gives late errors the line of the call', () => {
    tf.config.trackOrigin = true;
    const late = tf.gather([1, 2], pending(tf.constant([0, 7], { dtype: 'int32' })));
    expect(errorOf(() => late.dataSync()).message).toContain('values.test.ts');
  });

  it('eager throws at the call', () => {
    const index = pending(tf.constant([0, 7], { dtype: 'int32' }));
    tf.config.eager = true;
    expectError(() => tf.gather([1, 2], index), tf.ValueError, 'ERR_INDEX');
  });
});

describe('evaluate', () => {
  it('computes tensors and variables in arrays and objects', async () => {
    const a = tf.add([1, 2], 1);
    const v = new tf.Variable(1);
    v.assignAdd(1);
    const plans = tf.memory().plans;
    tf.evaluate(a, [{ v }, null], [tf.mul(a, 2)]);
    expect(tf.memory().plans).toBe(plans + 1);
    expect(a.arraySync()).toEqual([2, 3]);
    await tf.evaluateAsync({ b: tf.mul(a, 3) }, v);
    expect(v.value().item()).toBe(2);
    tf.evaluate();
    expectError(() => tf.evaluate('x'), tf.GradtapeError, 'ERR_NOT_A_TENSOR');
  });
});

describe('memory()', () => {
  // In a process of its own: here the collector may take what other tests left.
  it.runIf(plain)('counts buffers and their payload', async () => {
    const counted = await runChild(`
      gc();
      const states = [tf.memory()];
      const kept = tf.constant(new Float32Array(1000));
      states.push(tf.memory());
      const computed = tf.add(kept, 1);
      states.push(tf.memory()); // nothing is computed yet
      computed.dataSync();
      states.push(tf.memory());
      const [{ bytes, tensors }] = states;
      done([kept.size, ...states.map((m) => [m.bytes - bytes, m.tensors - tensors, m.peakBytes >= m.bytes])]);`);
    expect(jsonOf(counted)).toEqual([1000, [0, 0, true], [4000, 1, true], [4000, 1, true], [8000, 2, true]]);
  });
});

describe.runIf(plain)('settings of the environment, read at load', () => {
  it.each(tf.deviceInfo().isas)('GRADTAPE_ISA=%s', async (isa) => {
    const value = jsonOf(await runChild('done([tf.config.isa, tf.exp(1).item()])', { GRADTAPE_ISA: isa }));
    expect(value).toEqual([isa, Math.fround(Math.E)]);
  });

  it('GRADTAPE_ISA that is not there fails the load and lists what is', async () => {
    const { code, stderr } = await runChild('', { GRADTAPE_ISA: 'mmx' });
    expect(code).not.toBe(0);
    expect(stderr).toContain('ERR_ISA');
    for (const isa of tf.deviceInfo().isas) expect(stderr).toContain(isa);
  });

  it('GRADTAPE_THREADS, GRADTAPE_EAGER', async () => {
    const env = { GRADTAPE_THREADS: '1', GRADTAPE_EAGER: '1', GRADTAPE_CHECK_NUMERICS: '0' };
    expect(jsonOf(await runChild('done([tf.config.threads, tf.config.eager, tf.config.checkNumerics])', env))).toEqual([
      1,
      true,
      false,
    ]);
    const bad = await runChild('', { GRADTAPE_THREADS: 'many' });
    expect(bad.code).not.toBe(0);
    expect(bad.stderr).toContain('GRADTAPE_THREADS');
    expect((await runChild('', { GRADTAPE_EAGER: 'perhaps' })).stderr).toContain('ERR_OPTION');
  });

  it('values that are none fail the load; a name that is nearly one is warned of', async () => {
    for (const [name, value] of [
      ['GRADTAPE_THREADS', '0x2'],
      ['GRADTAPE_THREADS', '1.5'],
      ['GRADTAPE_THREADS', '0'],
      ['GRADTAPE_THREADS', ' '],
      ['GRADTAPE_CHECK_NUMERICS', 'TRUE'],
      ['GRADTAPE_TRACK_ORIGIN', '2'],
      ['GRADTAPE_DETERMINISTIC', '0'],
    ] as const) {
      const { code, stderr } = await runChild('', { [name]: value });
      expect([name, value, code === 0]).toEqual([name, value, false]);
      expect(stderr).toContain('ERR_OPTION');
      expect(stderr).toContain(name);
    }
    const near = await runChild('done(tf.config.deterministic)', { GRADTAPE_THREAD: '1', GRADTAPE_DETERMINISTIC: '1' });
    expect(jsonOf(near)).toBe(true);
    expect(near.stderr).toContain('did you mean GRADTAPE_THREADS?');
  });

  it('a missing addon: what was looked for and what to do', async () => {
    const { code, stderr } = await runChild('', { GRADTAPE_ADDON: '/nowhere/gradtape.node' });
    expect(code).not.toBe(0);
    expect(stderr).toContain('ERR_ADDON');
    expect(stderr).toContain('npm rebuild gradtape');
    expect(stderr).toContain('/nowhere/gradtape.node');
  });
});

describe('lists of lengths, axes and places', () => {
  const x = tf.reshape(tf.range(6), [2, 3]);

  it('are arrays or typed arrays', () => {
    const list = (...values: number[]): Int32Array => Int32Array.from(values);
    expect(tf.zeros(list(2, 1)).shape).toEqual([2, 1]);
    expect(tf.zeros(3).shape).toEqual([3]);
    expect(tf.constant([1, 2], { shape: list(2, 1) }).shape).toEqual([2, 1]);
    expect(tf.reshape(x, list(3, -1)).shape).toEqual([3, 2]);
    expect(tf.reshape(x, -1).shape).toEqual([6]);
    expect(tf.broadcastTo(x, list(2, 2, 3)).shape).toEqual([2, 2, 3]);
    expect(tf.transpose(x, list(1, 0)).shape).toEqual([3, 2]);
    expect(tf.reduceSum(x, list(0, 1)).item()).toBe(15);
    expect(tf.norm(x, 1, list(0, 1)).item()).toBe(7);
    expect(tf.reverse(x, list(0)).arraySync()).toEqual([
      [3, 4, 5],
      [0, 1, 2],
    ]);
    expect(tf.squeeze(tf.ones([1, 2, 1]), list(0)).shape).toEqual([2, 1]);
    expect(tf.slice(x, list(0, 1), list(-1, 2)).arraySync()).toEqual([
      [1, 2],
      [4, 5],
    ]);
    expect(tf.stridedSlice(x, list(0, 2), list(2, 0), list(1, -1)).arraySync()).toEqual([
      [2, 1],
      [5, 4],
    ]);
    expect(tf.split(x, list(1, 2), 1).map((t) => t.shape[1])).toEqual([1, 2]);
    expect(tf.tile(x, list(1, 2)).shape).toEqual([2, 6]);
    expect(tf.pad(x, [list(1, 0), list(0, 1)]).shape).toEqual([3, 4]);
    expect(tf.scatterNd([[1]], [5], list(2)).arraySync()).toEqual([0, 5]);
  });

  it('squeeze of no axes is squeeze of all of them', () => {
    expect(tf.squeeze(tf.ones([1, 2, 1]), []).shape).toEqual([2]);
    expect(tf.squeeze(tf.ones([1, 2, 1]), null).shape).toEqual([2]);
  });

  it('range goes nowhere only where start is limit', () => {
    expect(tf.range(0).arraySync()).toEqual([]);
    expect(tf.range(5, 5, -1).shape).toEqual([0]);
    for (const call of [() => tf.range(4, -2), () => tf.range(0, 5, -1), () => tf.range(-1)]) {
      expectError(call, tf.ValueError, 'ERR_VALUE');
    }
  });

  it('a step beyond the axis', () => {
    expect(tf.at(x, 0, '::4294967296').arraySync()).toEqual([0]);
    expect(tf.at(x, 0, '::-9007199254740991').arraySync()).toEqual([2]);
    expect(tf.stridedSlice(x, [0, 1], [2, 3], [2 ** 40, 1]).arraySync()).toEqual([[1, 2]]);
  });
});

describe('fill, pad and where', () => {
  it('fill with a scalar tensor: its dtype, and its gradient', () => {
    const value = tf.constant(1.1, { dtype: 'float64' });
    expect(tf.fill([2], value).dtype).toBe('float64');
    expect(tf.fill([2], value).dataSync()).toEqual(new Float64Array([1.1, 1.1]));
    expect(tf.fill([], value).item()).toBe(1.1);
    expect(tf.fill([2], new Int32Array(1).length).dtype).toBe('float32');
    expect(tf.fill([2], pending(tf.constant(true))).arraySync()).toEqual([true, true]);
    const tape = new tf.GradientTape();
    const v = new tf.Variable(2);
    const y = tape.record(() => tf.reduceSum(tf.fill([3, 2], v).mul(v)));
    expect(tape.gradient(y, v)?.item()).toBe(24);
  });

  it('pad with a number, also -0, or with a scalar tensor, to which no gradient flows', () => {
    const x = tf.constant([1, 2]);
    for (const constantValues of [7, tf.constant(7), pending(tf.constant(7)), new tf.Variable(7)]) {
      expect(tf.pad(x, [[1, 2]], { constantValues }).arraySync()).toEqual([7, 1, 2, 7, 7]);
    }
    expect(Object.is(tf.pad(x, [[1, 0]], { constantValues: -0 }).dataSync()[0], -0)).toBe(true);
    expect(tf.pad(tf.cast(x, 'bool'), [[1, 0]], { constantValues: true }).arraySync()).toEqual([true, true, true]);
    const tape = new tf.GradientTape({ persistent: true });
    const c = tf.constant(3);
    const y = tape.record(() => {
      tape.watch([x, c]);
      return tf.pad(x, [[1, 1]], { constantValues: c });
    });
    expect((tape.gradient(y, x) as tf.Tensor).arraySync()).toEqual([1, 1]);
    expect(tape.gradient(y, c)).toBeNull();
  });

  it('where of one argument takes what is not 0, of any dtype', () => {
    for (const condition of [[1, 0, 2], new Float32Array([1, 0, 2]), [true, false, true], tf.constant([-1, 0, 0.5])]) {
      expect(tf.where(condition).arraySync()).toEqual([[0], [2]]);
    }
    expect(tf.where(3).shape).toEqual([1, 0]);
  });

  it('where of a condition alone: the indices of what is true', () => {
    expect(
      tf
        .where([
          [true, false],
          [true, true],
        ])
        .arraySync(),
    ).toEqual([
      [0, 0],
      [1, 0],
      [1, 1],
    ]);
    expect(tf.where(tf.constant([0, 2, -1])).dataSync()).toEqual(Int32Array.of(1, 2));
    expect(tf.where([false]).shape).toEqual([0, 1]);
    expect(tf.where(true).shape).toEqual([1, 0]);
    expect(tf.where([true]).dtype).toBe('int32');
    expect(errorOf(() => (tf.where as (c: boolean, x: number) => tf.Tensor)(true, 1)).code).toBe('ERR_OPTION');
  });
});

describe('tile', () => {
  it('of every rank that a tensor has', () => {
    const rank = 16;
    const lengths = Array.from({ length: rank }, (_, d) => (d % 5 === 0 ? 2 : 1));
    const x = tf.reshape(tf.range(16), lengths);
    const times = Array.from({ length: rank }, (_, d) => (d % 2 === 0 ? 2 : 1));
    const y = tf.tile(x, times);
    expect(y.shape).toEqual(lengths.map((n, d) => n * (times[d] as number)));
    const values = y.dataSync();
    const strides = (shape: readonly number[]): number[] =>
      shape.map((_, d) => shape.slice(d + 1).reduce((p, n) => p * n, 1));
    const [inner, outer] = [strides(lengths), strides(y.shape)];
    for (let at = 0; at < y.size; at++) {
      let source = 0;
      lengths.forEach((n, d) => {
        const index = Math.floor(at / (outer[d] as number)) % (y.shape[d] as number);
        source += (index % n) * (inner[d] as number);
      });
      if (values[at] !== source) expect(values[at]).toBe(source);
    }
    const tape = new tf.GradientTape();
    const z = tape.record(() => {
      tape.watch(x);
      return tf.reduceSum(tf.tile(x, times));
    });
    expect(new Set((tape.gradient(z, x) as tf.Tensor).dataSync())).toEqual(new Set([256]));
    expect(tf.tile(tf.ones([3, 0, 2]), [2, 3, 1]).shape).toEqual([6, 0, 2]);
    expect(tf.tile(tf.ones([3, 2]), [0, 1]).shape).toEqual([0, 2]);
    expect(tf.tile(5, []).item()).toBe(5);
  });
});

describe('integers', () => {
  const bytes = tf.constant([200, 100, 7], { dtype: 'uint8' });

  it('round is the identity of integers', () => {
    for (const dtype of ['int32', 'uint8'] as const) {
      const t = tf.cast(bytes, dtype);
      expect(tf.round(t).dtype).toBe(dtype);
      expect(t.round().arraySync()).toEqual([200, 100, 7]);
    }
    expectError(() => tf.round(true), tf.DTypeError, 'ERR_DTYPE');
  });

  it('uint8: quotients, squares and sums, which wrap around as in TensorFlow', () => {
    expect(tf.floordiv(bytes, 3).arraySync()).toEqual([66, 33, 2]);
    expect(bytes.floormod(tf.constant([7, 9, 4], { dtype: 'uint8' })).arraySync()).toEqual([4, 1, 3]);
    expect(tf.square(bytes).arraySync()).toEqual([64, 16, 49]);
    expect(tf.reduceSum(bytes).item()).toBe(51);
    expect(tf.reduceSum(bytes).dtype).toBe('uint8');
    expect(tf.reduceProd(bytes, 0, { keepdims: true }).arraySync()).toEqual([224]);
    expect(tf.reduceMean(bytes).item()).toBe(102);
    expect(tf.reduceMean(bytes).dtype).toBe('uint8');
    expectError(() => tf.floordiv(bytes, 0).dataSync(), tf.ValueError, 'ERR_DIVISION_BY_ZERO');
    expectError(() => tf.floordiv(bytes, tf.constant([1], { dtype: 'int32' })), tf.DTypeError, 'ERR_DTYPE');
  });
});
