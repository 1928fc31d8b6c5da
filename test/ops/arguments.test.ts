// Arguments in the wrong place and of the wrong kind: an error with a code that names the function, the argument and what came.
import * as tf from 'gradtape';
import { afterEach, describe, expect, it } from 'vitest';
import { gradtapeErrorOf } from '../support/errors.js';
import { pending } from '../support/tensors.js';

// Calls that TypeScript would refuse.
type Loose = Record<string, (...args: unknown[]) => unknown>;
const loose = tf as unknown as Loose;
const call = (name: string, ...args: unknown[]): unknown => (loose[name] as (...a: unknown[]) => unknown)(...args);
const method = (x: object, name: string, ...args: unknown[]): unknown =>
  (x as Record<string, (...a: unknown[]) => unknown>)[name]?.(...args);

const x = tf.constant([
  [1, 2, 3],
  [4, 5, 6],
]);
const ints = tf.cast(x, 'int32');
const pairs = [
  [1, 1],
  [1, 1],
];

describe('options', () => {
  const cases: [string, unknown[], string][] = [
    ['reduceSum', [x, 1, true], 'write { keepdims: true }'],
    ['reduceSum', [x, 1, { keepDims: true }], 'did you mean keepdims?'],
    ['reduceSum', [x, { keepDims: true }], 'did you mean keepdims?'],
    ['reduceSum', [x, 1, null], 'got null'],
    ['reduceSum', [x, 1, {}, 2], 'behind its options'],
    ['reduceMean', [x, 1, true], 'write { keepdims: true }'],
    ['reduceMax', [x, 1, { keepdim: true }], 'did you mean keepdims?'],
    ['reduceMin', [x, 1, 'keepdims'], 'got "keepdims"'],
    ['reduceProd', [x, 0, { keepdims: 1 }], 'keepdims must be true or false, got 1'],
    ['reduceLogsumexp', [x, 0, []], 'expected options { keepdims }'],
    ['reduceVariance', [x, 0, true], '{ keepdims: true }'],
    ['reduceStd', [x, 0, true], '{ keepdims: true }'],
    ['reduceAny', [tf.cast(x, 'bool'), 0, true], '{ keepdims: true }'],
    ['reduceAll', [tf.cast(x, 'bool'), 0, true], '{ keepdims: true }'],
    ['norm', [x, 2, 1, true], '{ keepdims: true }'],
    ['norm', [x, { keepDims: true }], 'did you mean keepdims?'],
    ['argmax', [x, { keepdims: true }], 'takes no options'],
    ['argmin', [x, 1, true], 'takes no further argument'],
    ['gather', [x, [0], 1], 'write { axis: 1 }'],
    ['gather', [x, [0], { batch_dims: 0 }], 'did you mean batchDims?'],
    ['gatherNd', [x, [[0]], 1], 'write { batchDims: 1 }'],
    ['matmul', [x, x, false, true], 'write { transposeA: false }'],
    ['matmul', [x, x, { transpose_b: true }], 'did you mean transposeB?'],
    ['matmul', [x, x, { adjointB: true }], 'it takes transposeA, transposeB'],
    ['pad', [x, pairs, 'REFLECT'], 'write { mode: "REFLECT" }'],
    ['pad', [x, pairs, { constantValue: 1 }], 'did you mean constantValues?'],
    ['pad', [x, pairs, { mode: 'WRAP' }], "'CONSTANT', 'REFLECT', 'SYMMETRIC', got \"WRAP\""],
    ['pad', [x, pairs, { constantValues: 'a' }], 'a number or a scalar tensor, got "a"'],
    ['zeros', [[1], 'int32'], 'write { dtype: "int32" }'],
    ['ones', [2, 3], 'write ones([2, 3])'],
    ['zeros', [2, 3, 4], 'write zeros([2, 3, 4])'],
    ['fill', [[2], 1, 'float64'], 'write { dtype: "float64" }'],
    ['eye', [3, 2, 'int32'], 'write { dtype: "int32" }'],
    ['eye', [3, { dtyp: 'int32' }], 'did you mean dtype?'],
    ['range', [0, 4, 1, 'int32'], 'write { dtype: "int32" }'],
    ['range', [4, { type: 'int32' }], 'did you mean dtype?'],
    ['linspace', [0, 1, 3, 'float64'], 'write { dtype: "float64" }'],
    ['constant', [1, 'int32'], 'write { dtype: "int32" }'],
    ['constant', [1, { dytpe: 'int32' }], 'did you mean dtype?'],
    ['oneHot', [[1], 3, 5], 'expected options { onValue, offValue, axis, dtype }'],
    ['oneHot', [[1], 3, { onValue: 'abc' }], 'onValue must be a number'],
    ['oneHot', [[1], 3, { on_value: 2 }], 'did you mean onValue?'],
    ['booleanMask', [x, [true, false], 1], 'write { axis: 1 }'],
    ['reshape', [x, 3, 2], 'write reshape(x, [3, 2])'],
    ['transpose', [x, 1, 0], 'write transpose(x, [1, 0])'],
    ['tile', [x, 2, 1], 'write tile(x, [2, 1])'],
    ['broadcastTo', [x, 2, 2, 3], 'write broadcastTo(x, [2, 2, 3])'],
    ['reverse', [x, 0, 1], 'write reverse(x, [0, 1])'],
    ['squeeze', [x, 0, 1], 'write squeeze(x, [0, 1])'],
    ['expandDims', [x, { axis: 1 }], 'axis is an argument of its own'],
    ['concat', [[x, x], { axis: 1 }], 'axis is an argument of its own'],
    ['stack', [[x, x], { axis: 1 }], 'takes no options'],
    ['unstack', [x, { axis: 1 }], 'axis is an argument of its own'],
    ['split', [x, 3, { axis: 1 }], 'axis is an argument of its own'],
    ['cast', [x, 'int32', true], 'takes no further argument'],
    ['clipByValue', [x, 0, 1, {}], 'takes no further argument'],
    ['where', [[true], 1, 2, 3], 'takes no further argument'],
    ['slice', [x, [0, 0], [1, 1], [1, 1]], 'takes no further argument'],
    ['exp', [x, { approximate: true }], 'takes no further argument'],
    ['add', [x, x, x], 'takes no further argument'],
    ['div', [x, x, 1], 'takes no further argument'],
    ['pow', [x, 2, 1], 'takes no further argument'],
    ['zerosLike', [x, { dtype: 'int32' }], 'takes no further argument'],
  ];
  for (const [name, args, text] of cases) {
    it(`${name}: ${text}`, () => {
      const error = gradtapeErrorOf(() => call(name, ...args));
      expect(error.code, error.message).toBe('ERR_OPTION');
      expect(error.message.startsWith(`${name}: `), error.message).toBe(true);
      expect(error.message).toContain(text);
      if (args[0] !== x || !(name in x)) return;
      expect(gradtapeErrorOf(() => method(x, name, ...args.slice(1))).message).toBe(error.message);
    });
  }

  it('stand where an optional argument was left out', () => {
    expect(x.reduceSum({ keepdims: true }).shape).toEqual([1, 1]);
    expect(tf.reduceMean(x, { keepdims: true }).shape).toEqual([1, 1]);
    expect(tf.reduceMax(x, undefined, { keepdims: true }).shape).toEqual([1, 1]);
    expect(tf.reduceStd(x, { keepdims: true }).shape).toEqual([1, 1]);
    expect(tf.reduceAll(tf.cast(x, 'bool'), { keepdims: true }).shape).toEqual([1, 1]);
    expect(tf.norm(x, { keepdims: true }).shape).toEqual([1, 1]);
    expect(x.norm(1, { keepdims: true }).shape).toEqual([1, 1]);
    expect(tf.eye(3, { dtype: 'int32' }).dtype).toBe('int32');
    expect(tf.eye(2, undefined, { dtype: 'int32' }).shape).toEqual([2, 2]);
    expect(tf.range(3, { dtype: 'int32' }).arraySync()).toEqual([0, 1, 2]);
    expect(tf.range(1, 3, { dtype: 'float64' }).dtype).toBe('float64');
    expect(tf.range(5, 1, -2, { dtype: 'int32' }).arraySync()).toEqual([5, 3]);
    expect(tf.zeros([1], {}).dtype).toBe('float32');
    expect(tf.zeros([1], undefined).dtype).toBe('float32');
  });

  it('what map() adds is no argument, and no option', () => {
    const list = [tf.constant(1), tf.constant(4)];
    expect(list.map(tf.sqrt).map((t) => t.item())).toEqual([1, 2]);
    expect(list.map(tf.onesLike).map((t) => t.item())).toEqual([1, 1]);
    expect(list.map(tf.identity)).toHaveLength(2);
    expect(gradtapeErrorOf(() => list.map(tf.reduceSum as never)).code).toBe('ERR_OPTION');
  });
});

describe('errors name the function that was called', () => {
  const cases: [string, unknown[], string, string][] = [
    ['clipByValue', [x, 0, ints], 'ERR_DTYPE', "cast(x, 'int32') or cast(high, 'float32')"],
    ['clipByValue', [x, tf.zeros([2]), 1], 'ERR_SHAPE', 'low [2] does not broadcast to x [2, 3]'],
    ['clipByValue', [x, 0, tf.zeros([1, 2, 3])], 'ERR_SHAPE', 'high [1, 2, 3] does not broadcast to x [2, 3]'],
    ['norm', [ints], 'ERR_DTYPE', "got int32; write cast(x, 'float32')"],
    ['reduceStd', [ints], 'ERR_DTYPE', 'got int32'],
    ['reduceVariance', [ints, { keepdims: true }], 'ERR_DTYPE', 'got int32'],
    ['gather', [x, [0.5]], 'ERR_DTYPE', 'indices must be whole numbers, got 0.5'],
    ['gather', [x, [true]], 'ERR_DTYPE', 'booleanMask'],
    ['gather', [x, tf.constant([true])], 'ERR_DTYPE', 'got bool'],
    ['gather', [x, pending(tf.constant([1]))], 'ERR_DTYPE', "write cast(indices, 'int32')"],
    ['gather', [x, [2 ** 40]], 'ERR_INDEX', '1099511627776'],
    ['gather', [x, [2]], 'ERR_INDEX', 'index 2 is out of range for axis 0 of length 2'],
    ['gatherNd', [x, [[1, 3]]], 'ERR_INDEX', 'index 3 is out of range for axis 1 of length 3'],
    ['scatterNd', [[[3]], [1], [3]], 'ERR_INDEX', 'index 3 is out of range for axis 0 of length 3'],
    ['sub', [1, new Int8Array(2)], 'ERR_DTYPE', 'an Int8Array needs an explicit dtype'],
    ['sub', [new Int8Array(2), 1], 'ERR_DTYPE', 'an Int8Array needs an explicit dtype'],
    ['range', [5, { dtype: 'int16' }], 'ERR_DTYPE', 'dtype must be one of'],
    ['stridedSlice', [x, [0.5], [1]], 'ERR_INDEX', 'begin must be a list of integers'],
    ['stridedSlice', [x, [0], [1], [0]], 'ERR_INDEX', 'strides must not be 0'],
    ['booleanMask', [x, tf.constant([1, 0])], 'ERR_DTYPE', 'mask must be bool'],
    ['tile', [x, [2]], 'ERR_SHAPE', 'multiples must be 2 integers'],
    ['eye', ['x'], 'ERR_SHAPE', 'n must be a whole number'],
    ['eye', [2, 'x'], 'ERR_SHAPE', 'm must be a whole number'],
    ['oneHot', [[1], '3'], 'ERR_SHAPE', 'depth must be a whole number'],
    ['stack', [[x, undefined, x]], 'ERR_NOT_A_TENSOR', 'values[1]'],
    ['stack', [Array.from({ length: 16 }, () => tf.zeros(new Array(16).fill(1)))], 'ERR_SHAPE', 'rank 17'],
    ['concat', [[x, ints], 0], 'ERR_DTYPE', "cast(values[0], 'int32') or cast(values[1], 'float32')"],
    ['fill', [[2]], 'ERR_NOT_A_TENSOR', 'value: expected a tensor'],
    ['fill', [[2], 1n], 'ERR_NOT_A_TENSOR', 'got 1n'],
    ['fill', [[2], [1, 2]], 'ERR_SHAPE', 'value must be a scalar, got shape [2]'],
    ['fill', [[2], tf.constant(1), { dtype: 'float64' }], 'ERR_DTYPE', "cast(value, 'float64')"],
    ['reshape', [tf.range(6), [2, undefined, -1]], 'ERR_SHAPE', 'got undefined in [2, undefined, -1]'],
    ['reshape', [x, '3'], 'ERR_SHAPE', 'got "3"'],
    ['reshape', [x, tf.constant([3, 2])], 'ERR_SHAPE', 'got a Tensor'],
    ['zeros', [[2n]], 'ERR_SHAPE', 'got 2n'],
    ['zeros', [undefined], 'ERR_SHAPE', 'got undefined'],
    ['transpose', [x, 1], 'ERR_AXIS', 'perm must be a list of the 2 axes'],
    ['slice', [x, [0, 1]], 'ERR_INDEX', 'size must be a list of integers'],
    ['split', [x, '3'], 'ERR_SHAPE', 'parts must be a number of parts'],
    ['pad', [x, [1, 1]], 'ERR_SHAPE', '2 pairs [before, after]'],
    ['pad', [x, [[1, 1]]], 'ERR_SHAPE', '2 pairs [before, after]'],
    ['pad', [x, pairs, { constantValues: tf.constant([1, 2]) }], 'ERR_SHAPE', 'must be a scalar'],
    ['pad', [x, pairs, { constantValues: ints.at(0, 0) }], 'ERR_DTYPE', "cast(value, 'float32')"],
    ['range', [4, -2], 'ERR_VALUE', 'requires start <= limit when delta is 1, got 4 and -2'],
    ['range', [0, 5, -1], 'ERR_VALUE', 'requires start >= limit'],
    ['range', [-2], 'ERR_VALUE', 'requires start <= limit'],
    ['range', [0, 1n], 'ERR_VALUE', 'limit must be a finite number, got 1n'],
    ['range', [Symbol('s')], 'ERR_VALUE', 'limit must be a finite number'],
    ['reverse', [x], 'ERR_AXIS', 'got undefined'],
    ['at', [x, true], 'ERR_INDEX', 'true is no index'],
    ['at', [x, '0x1:'], 'ERR_INDEX', 'is no slice'],
    ['gather', [x, [0], { axis: 1, batchDims: 3 }], 'ERR_AXIS', 'batchDims 3'],
    ['IndexedSlices', [], 'ERR_NOT_A_TENSOR', 'values: expected'],
  ];
  for (const [name, args, code, text] of cases) {
    it(`${name}: ${text}`, () => {
      const make = name === 'IndexedSlices' ? () => new (tf.IndexedSlices as new () => unknown)() : null;
      const error = gradtapeErrorOf(make ?? (() => call(name, ...args)));
      expect(error.code, error.message).toBe(code);
      expect(error.message.startsWith(`${name}: `), error.message).toBe(true);
      expect(error.message).toContain(text);
    });
  }

  it('tensors are made by constant(), not by new', () => {
    const Tensor = tf.Tensor as unknown as new (...args: unknown[]) => object;
    for (const args of [[], [[2], 'float32', 2, 5, null, null], [Symbol('made by gradtape'), [2], 'float32', 2]]) {
      expect(gradtapeErrorOf(() => new Tensor(...args))).toMatchObject({ code: 'ERR_VALUE' });
      expect(gradtapeErrorOf(() => new Tensor(...args)).message).toContain('constant(');
    }
    class Mine extends Tensor {}
    expect(gradtapeErrorOf(() => new Mine()).code).toBe('ERR_VALUE');
  });
});

describe('views and lists that cannot be read', () => {
  const detached = (): Float32Array => {
    const view = new Float32Array(2);
    structuredClone(view.buffer, { transfer: [view.buffer] });
    return view;
  };
  const outside = (): Float32Array => {
    type Resizable = new (n: number, opts: object) => ArrayBuffer & { resize(n: number): void };
    const buffer = new (ArrayBuffer as unknown as Resizable)(16, { maxByteLength: 16 });
    const view = new Float32Array(buffer, 8, 2);
    buffer.resize(8);
    return view;
  };
  const revoked = (target: object): object => {
    const { proxy, revoke } = Proxy.revocable(target, {});
    revoke();
    return proxy;
  };

  it('detached and out-of-bounds views are errors wherever they stand', () => {
    for (const view of [detached(), outside()]) {
      for (const value of [view, [view, view], [[view]]]) {
        expect(gradtapeErrorOf(() => tf.constant(value)).code).toBe('ERR_VALUE');
        expect(gradtapeErrorOf(() => call('add', x, value)).code).toBe('ERR_VALUE');
        expect(gradtapeErrorOf(() => call('gather', x, value)).code).toBe('ERR_VALUE');
      }
      expect(gradtapeErrorOf(() => tf.zeros(view)).code).toBe('ERR_SHAPE');
      expect(gradtapeErrorOf(() => tf.reduceSum(x, view)).code).toBe('ERR_VALUE');
      expect(gradtapeErrorOf(() => tf.transpose(x, view)).code).toBe('ERR_AXIS');
    }
    expect(tf.constant(new Float32Array(0)).shape).toEqual([0]);
    expect(tf.constant([new Float32Array(0)]).shape).toEqual([1, 0]);
  });

  it('revoked proxies', () => {
    for (const proxy of [revoked({}), revoked([]), [revoked([])]]) {
      for (const name of ['add', 'exp', 'reduceSum', 'reshape', 'gather', 'concat', 'constant', 'where', 'matmul']) {
        for (const args of [[proxy], [proxy, 1], [x, proxy], [x, x, proxy]]) {
          if (name === 'exp' && args.length > 1) continue;
          expect(gradtapeErrorOf(() => call(name, ...args)).code, name).toMatch(/^ERR_/);
        }
      }
    }
  });
});

describe('checkNumerics', () => {
  afterEach(() => {
    tf.config.checkNumerics = false;
  });

  it('names the op, also on known single values', () => {
    const zero = tf.constant(0);
    tf.config.checkNumerics = true;
    expect(gradtapeErrorOf(() => tf.div(tf.constant(1), zero))).toMatchObject({ code: 'ERR_NUMERICS' });
    expect(gradtapeErrorOf(() => tf.div(tf.constant(1), zero)).message).toMatch(/^div: the result contains Infinity/);
    expect(gradtapeErrorOf(() => tf.sqrt(tf.constant(-1))).message).toMatch(/^sqrt: /);
    expect(gradtapeErrorOf(() => tf.mul(3e38, 10)).message).toMatch(/^mul: /);
    expect(gradtapeErrorOf(() => tf.reduceMax(tf.zeros([0]))).message).toMatch(/^reduceMax: /);
    expect(gradtapeErrorOf(() => tf.log(tf.constant([0, 1]))).message).toMatch(/^log: /);
  });
});
