// Values: what a constant is made of and refuses, what a tensor tells, and integers.
import { inspect } from 'node:util';
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';
import { plain } from '../support/child.js';
import { expectError } from '../support/errors.js';
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
