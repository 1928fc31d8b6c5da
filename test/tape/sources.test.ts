// What is a source of its own: a reading of a variable beside the variable, a result beside its operand, and what an op without a
// gradient made of something on the tape.
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';

const listOf = (g: tf.Tensor | null): unknown => (g === null ? null : tf.convertToTensor(g).arraySync());

describe('a variable read as a tensor', () => {
  const readings: Record<string, (v: tf.Variable) => tf.Tensor> = {
    value: (v) => v.value(),
    convertToTensor: (v) => tf.convertToTensor(v),
    constant: (v) => tf.constant(v),
    identity: (v) => tf.identity(v),
    expr: (v) => tf.expr`${v}`,
  };
  it.each(Object.keys(readings))('by %s is a source beside the variable', (name) => {
    const v = new tf.Variable(3);
    const tape = new tf.GradientTape({ persistent: true });
    const [t, y] = tape.record(() => {
      const reading = (readings[name] as (v: tf.Variable) => tf.Tensor)(v);
      return [reading, tf.add(tf.mul(reading, 2), tf.mul(v, 3))] as const;
    });
    expect(tape.gradient(y, [v, t]).map(listOf)).toEqual([5, 2]);
    expect(tape.gradient(y, t)?.item()).toBe(2);
    expect(tape.gradient(t, v)?.item()).toBe(1);
  });

  it('as a cotangent, or as what gradFn returns, is a tensor of its own', () => {
    const v = new tf.Variable(3);
    const x = tf.constant(2);
    const f = tf.customGradient((a: tf.Tensor) => ({ value: tf.neg(a), gradFn: () => v }));
    const outer = new tf.GradientTape({ persistent: true });
    const [g, h, y] = outer.record(() => {
      const inner = new tf.GradientTape({ persistent: true });
      const [p, q] = inner.record(() => {
        inner.watch(x);
        return [tf.identity(x), f(x)] as const;
      });
      const given = inner.gradient(p, x, { outputGradients: v as never }) as tf.Tensor;
      const own = inner.gradient(q, x) as tf.Tensor;
      return [given, own, tf.add(tf.add(tf.mul(given, 2), tf.mul(own, 3)), tf.mul(v, 5))] as const;
    });
    expect(outer.gradient(y, [g, h, v]).map(listOf)).toEqual([2, 3, 10]);
  });

  it('a tensor is converted to itself', () => {
    const t = tf.constant([1, 2]);
    expect(tf.convertToTensor(t)).toBe(t);
  });
});

describe('an op that changes nothing', () => {
  const m = (): tf.Tensor => tf.constant([[1, 2]]);
  const nothings: Record<string, (x: tf.TensorLike) => tf.Tensor> = {
    pad: (x) =>
      tf.pad(x, [
        [0, 0],
        [0, 0],
      ]),
    'pad by a value': (x) =>
      tf.pad(
        x,
        [
          [0, 0],
          [0, 0],
        ],
        { constantValues: 7 },
      ),
    'pad by a mirror': (x) =>
      tf.pad(
        x,
        [
          [0, 0],
          [0, 0],
        ],
        { mode: 'REFLECT' },
      ),
    tile: (x) => tf.tile(x, [1, 1]),
    broadcastTo: (x) => tf.broadcastTo(x, [1, 2]),
    reshape: (x) => tf.reshape(x, [1, 2]),
    expandDims: (x) => tf.squeeze(tf.expandDims(x, 0), 0),
    squeeze: (x) => tf.squeeze(tf.reshape(x, [1, 1, 2]), 0),
    transpose: (x) => tf.transpose(x, [0, 1]),
    slice: (x) => tf.slice(x, [0, 0], [-1, -1]),
    stridedSlice: (x) => tf.stridedSlice(x, [0], [1]),
    at: (x) => tf.at(x),
    'at all': (x) => tf.at(x, '...', ':'),
    reverse: (x) => tf.reverse(x, []),
    concat: (x) => tf.concat([x], 0),
    split: (x) => tf.split(x, 1)[0] as tf.Tensor,
    gather: (x) => tf.gather(x, [0]),
    cast: (x) => tf.cast(x, 'float32'),
    clipByValue: (x) => tf.clipByValue(x, -9, 9),
    reduceSum: (x) => tf.reduceSum(x, []),
    reduceMean: (x) => tf.reduceMean(x, []),
    reduceMax: (x) => tf.reduceMax(x, []),
    reduceProd: (x) => tf.reduceProd(x, []),
    reduceLogsumexp: (x) => tf.reduceLogsumexp(x, []),
    pow: (x) => tf.pow(x, 1),
    add: (x) => tf.add(x, 0),
    mul: (x) => tf.mul(x, 1),
    relu: (x) => tf.nn.relu(x),
    relu6: (x) => tf.nn.relu6(x),
    identity: (x) => tf.identity(x),
    booleanMask: (x) => tf.booleanMask(x, [true]),
    where: (x) => tf.where(true, x, x),
    maxPool2d: (x) => tf.reshape(tf.nn.maxPool2d(tf.reshape(x, [1, 1, 2, 1]), { ksize: 1 }), [1, 2]),
  };
  it.each(Object.keys(nothings))('%s: its result is a source beside its operand', (name) => {
    const op = nothings[name] as (x: tf.TensorLike) => tf.Tensor;
    for (const x of [m(), new tf.Variable([[1, 2]])]) {
      const tape = new tf.GradientTape();
      const [t, y] = tape.record(() => {
        tape.watch(x);
        const result = op(x);
        return [result, tf.add(tf.mul(result, 2), tf.mul(x, 3))] as const;
      });
      expect(t).not.toBe(x);
      const [ofX, ofT] = tape.gradient(y, [x, t] as const).map(listOf);
      expect(ofT).toEqual([[2, 2]]);
      expect(ofX).toEqual([[5, 5]]);
    }
  });
});

describe('what an op without a gradient made', () => {
  const made: Record<string, (x: tf.Tensor) => tf.Tensor> = {
    floor: (x) => tf.floor(x),
    ceil: (x) => tf.ceil(x),
    round: (x) => tf.round(x),
    floordiv: (x) => tf.floordiv(x, 2),
    'floordiv of a number': (x) => tf.floordiv(5, x),
    zerosLike: (x) => tf.zerosLike(x),
    onesLike: (x) => tf.onesLike(x),
    stopGradient: (x) => tf.stopGradient(x),
    'a comparison, cast': (x) => tf.cast(tf.greater(x, 1.5), 'float32'),
    'a test, cast': (x) => tf.cast(tf.isFinite(x), 'float32'),
    'logic, cast': (x) => tf.cast(tf.logicalNot(tf.logicalAnd(tf.less(x, 1), tf.isNan(x))), 'float32'),
    'a cast there and back': (x) => tf.cast(tf.cast(x, 'int32'), 'float32'),
    'integers, cast': (x) => tf.cast(tf.mul(tf.cast(x, 'int32'), 2), 'float32'),
    argmax: (x) => tf.cast(tf.argmax(x), 'float32'),
    reduceAny: (x) => tf.cast(tf.reduceAny(tf.greater(x, 1), 0), 'float32'),
    oneHot: (x) => tf.oneHot(tf.argmax(x), 3),
    'a choice between constants': (x) => tf.where(tf.greater(x, 1.5), tf.constant([1, 2, 3]), 0),
    'a lookup of constants': (x) => tf.gather(tf.constant([5, 6, 7]), tf.cast(x, 'int32').sub(1)),
    'floor of floor': (x) => tf.floor(tf.floor(x)),
    'a function of floor': (x) => tf.square(tf.floor(x)),
    'a sum of floor': (x) => tf.reduceSum(tf.floor(x)),
  };
  it.each(Object.keys(made))('%s: a source, through which no gradient goes', (name) => {
    const x = tf.constant([1, 2, 3]);
    for (const persistent of [false, true]) {
      const tape = new tf.GradientTape({ persistent });
      const [s, y] = tape.record(() => {
        tape.watch(x);
        const result = (made[name] as (x: tf.Tensor) => tf.Tensor)(x);
        return [result, tf.reduceSum(tf.mul(result, x))] as const;
      });
      const [ofS, ofX] = tape.gradient(y, [s, x]).map(listOf);
      expect(ofS).toEqual(s.rank === 0 ? 6 : [1, 2, 3]);
      expect(ofX).toEqual(tf.mul(s, [1, 1, 1]).arraySync());
    }
    const tape = new tf.GradientTape({ persistent: true });
    const s = tape.record(() => {
      tape.watch(x);
      return (made[name] as (x: tf.Tensor) => tf.Tensor)(x);
    });
    expect(tape.gradient(s, x)).toBeNull();
    expect(tape.gradient(s, x, { unconnectedGradients: 'zero' }).arraySync()).toEqual([0, 0, 0]);
    expect(() => tape.gradient(s, x, { unconnectedGradients: 'throw' })).toThrow(/no differentiable path/);
    expect(listOf(tape.gradient(s, s))).toEqual(s.rank === 0 ? 1 : [1, 1, 1]);
  });

  it('of an inner tape is a source of an outer one', () => {
    const x = tf.constant(2.5);
    const outer = new tf.GradientTape();
    const [s, g] = outer.record(() => {
      outer.watch(x);
      const inner = new tf.GradientTape();
      const [r, y] = inner.record(() => {
        inner.watch(x);
        const f = tf.floor(x);
        return [f, tf.mul(tf.square(x), f)] as const;
      });
      return [r, inner.gradient(y, x) as tf.Tensor] as const;
    });
    expect(outer.gradient(g, [s, x]).map(listOf)).toEqual([5, 4]);
  });

  it('an integer that is watched stays without gradients, and so does what is computed from it', () => {
    const n = tf.constant([1, 2], { dtype: 'int32' });
    const x = tf.constant([3, 4]);
    const tape = new tf.GradientTape({ persistent: true });
    const y = tape.record(() => {
      tape.watch([n, x]);
      return tf.mul(tf.cast(tf.mul(n, n), 'float32'), x);
    });
    expect(tape.gradient(y, n)).toBeNull();
    expect(listOf(tape.gradient(y, x))).toEqual([1, 4]);
  });
});

describe('the gradient of reduceProd', () => {
  it.each([
    ['one element', [2], undefined],
    ['a scalar', 2, undefined],
    ['an axis of length 1', [[2], [3]], 1],
    ['all of one', [[2]], undefined],
    ['several axes of length 1', [[[2], [3]]], [0, 2]],
  ] as const)('of %s is connected to the operand at every order, by zeros', (_, values, axis) => {
    const x = tf.constant(values as never, { dtype: 'float64' });
    let f = (t: tf.Tensor): tf.Tensor => tf.reduceProd(t, axis as number);
    for (let order = 1; order <= 4; order++) {
      const before = f;
      f = (t) => {
        const tape = new tf.GradientTape();
        const y = tape.record(() => {
          tape.watch(t);
          return tf.reduceSum(before(t));
        });
        const g = tape.gradient(y, t);
        expect(g, `order ${order}`).not.toBeNull();
        return g as tf.Tensor;
      };
      const want = axis === undefined && x.rank === 0 && order === 1 ? 1 : order === 1 ? 1 : 0;
      for (const g of f(x).dataSync()) expect(g).toBe(want);
    }
  });
});
