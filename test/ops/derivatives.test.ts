// docs/semantics.md, 2L to 2R: the derivatives of ops, of shapes and of networks. Numbers in titles are its cases.
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';
import { expectClose } from '../support/close.js';
import { errorOf } from '../support/errors.js';
import { arrayOf, dense, gradientOf, gradientsOf, tapeOf } from '../support/tape.js';
import { f64 } from '../support/tensors.js';

describe('2L elementwise derivatives', () => {
  const at: [string, (x: tf.Tensor) => tf.Tensor, number, number][] = [
    ['tan', tf.tan, 0.5, 1.2984464],
    ['asin', tf.asin, 0.5, 1.1547005],
    ['acos', tf.acos, 0.5, -1.1547005],
    ['atan', tf.atan, 0.5, 0.8],
    ['sinh', tf.sinh, 0.5, 1.127626],
    ['cosh', tf.cosh, 0.5, 0.5210953],
    ['tanh', tf.tanh, 0.5, 0.7864477],
    ['asinh', tf.asinh, 0.5, 0.8944272],
    ['acosh', tf.acosh, 2, 0.5773503],
    ['atanh', tf.atanh, 0.5, 1.3333333],
    ['sigmoid', tf.sigmoid, 0.5, 0.2350037],
    ['softplus', tf.softplus, 0.5, 0.6224593],
    ['erf', tf.erf, 0.5, 0.8787826],
    ['erfc', tf.erfc, 0.5, -0.8787826],
    ['lgamma', tf.lgamma, 2.5, 0.7031566],
    ['digamma', tf.digamma, 2.5, 0.4903578],
    ['rsqrt', tf.rsqrt, 4, -0.0625],
    ['reciprocal', tf.reciprocal, 4, -0.0625],
    ['expm1', tf.expm1, 1, Math.E],
    ['gelu', tf.nn.gelu, 0.5, 0.8674951],
    ['silu', tf.nn.silu, 0.5, 0.7399612],
    ['elu', tf.nn.elu, -0.5, 0.6065307],
    ['selu', tf.nn.selu, -0.5, 1.0663412],
    ['log1p', tf.log1p, 1e-10, 1],
  ];
  it.each(at)('149: %s', (_, f, x, want) => {
    expectClose(
      gradientOf((t) => f(t), f64(x)),
      want,
      1e-6,
    );
    expectClose(
      gradientOf((t) => f(t), x),
      want,
    );
  });

  // x Phi(x), Phi(x) + x phi(x), (2 - x^2) phi(x), where 1 + erf would have no digit left; from 40 digits of mpmath.
  it.each([
    [-5, -1.43325785939597e-6, -7.14694600179229e-6, -3.41945488388888e-5],
    [-10, -7.61985302416053e-23, -7.61840009646481e-22, -7.54070665417229e-21],
    [-20, -5.50724823721247e-88, -1.10143604831335e-86, -2.19733744813959e-85],
    [-37, -2.11846135233409e-298, -7.83829866941852e-297, -2.89804895593414e-295],
  ])('149: gelu at %d, and its derivatives', (at, ...want) => {
    const x = f64(at);
    const outer = new tf.GradientTape();
    const [y, dy] = outer.record(() => {
      outer.watch(x);
      const inner = new tf.GradientTape();
      const value = inner.record(() => {
        inner.watch(x);
        return tf.nn.gelu(x);
      });
      return [value, inner.gradient(value, x) as tf.Tensor] as const;
    });
    const found = [y.item(), dy.item(), outer.gradient(dy, x)?.item() ?? Number.NaN];
    for (const [i, w] of want.entries()) expect(Math.abs((found[i] as number) / w - 1)).toBeLessThan(1e-12);
  });

  it('151: squaredDifference', () => {
    const grads = gradientsOf(
      (a, b) => tf.squaredDifference(a as tf.Tensor, b as tf.Tensor),
      [
        [1, 5],
        [4, 2],
      ],
    );
    expect(grads.map(arrayOf)).toEqual([
      [-6, 6],
      [6, -6],
    ]);
  });

  it('152: floormod', () => {
    expect(gradientsOf((a, b) => tf.floormod(a as tf.Tensor, b as tf.Tensor), [131, 17]).map(arrayOf)).toEqual([1, -7]);
  });
});

describe('2M broadcasting', () => {
  const pull = (f: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor, a: tf.TensorLike, b: tf.TensorLike): unknown[] =>
    gradientsOf((x, y) => f(x as tf.Tensor, y as tf.Tensor), [a, b]).map(arrayOf);

  it('154: [2, 3] + [3]', () => {
    expect(pull(tf.add, tf.zeros([2, 3]), tf.zeros([3]))).toEqual([
      [
        [1, 1, 1],
        [1, 1, 1],
      ],
      [2, 2, 2],
    ]);
  });

  it('155: [2, 3] [2, 1]', () => {
    const a = [
      [1, 2, 3],
      [4, 5, 6],
    ];
    expect(pull(tf.mul, a, [[2], [3]])).toEqual([
      [
        [2, 2, 2],
        [3, 3, 3],
      ],
      [[6], [15]],
    ]);
  });

  it('157: [2, 1] - [1, 3]', () => {
    expect(pull(tf.sub, tf.zeros([2, 1]), tf.zeros([1, 3]))).toEqual([[[3], [3]], [[-2, -2, -2]]]);
  });

  it('158: a division', () => {
    const a = [
      [1, 2],
      [3, 4],
    ];
    expect(pull(tf.div, a, [2, 4])).toEqual([
      [
        [0.5, 0.25],
        [0.5, 0.25],
      ],
      [-1, -0.375],
    ]);
  });

  it('160: squaredDifference with more axes', () => {
    const numbers = (shape: number[], scale: number): tf.Tensor => {
      const size = shape.reduce((p, q) => p * q, 1);
      return tf.constant(
        Float64Array.from({ length: size }, (_, i) => Math.sin(i * scale)),
        { shape },
      );
    };
    for (const [left, right] of [
      [
        [1, 2, 3, 2],
        [3, 2],
      ],
      [
        [2, 4],
        [3, 2, 4],
      ],
    ] as const) {
      const a = numbers([...left], 1.3);
      const b = numbers([...right], 0.7);
      const [da, db] = gradientsOf((x, y) => tf.squaredDifference(x as tf.Tensor, y as tf.Tensor), [a, b]);
      const twice = tf.mul(tf.sub(a, b), 2);
      const axes = (t: tf.Tensor): number[] =>
        [...twice.shape.keys()].filter((d) => {
          const own = d - twice.rank + t.rank;
          return own < 0 || (t.shape[own] === 1 && twice.shape[d] !== 1);
        });
      expectClose(arrayOf(da), tf.reshape(tf.reduceSum(twice, axes(a)), a.shape).arraySync(), 1e-10);
      expectClose(arrayOf(db), tf.neg(tf.reshape(tf.reduceSum(twice, axes(b)), b.shape)).arraySync(), 1e-10);
    }
  });

  it('161: axes of 1 and of 0', () => {
    expect(pull(tf.mul, tf.fill([1, 1], 2), tf.fill([1, 1], 3))).toEqual([[[3]], [[2]]]);
    const [a, b] = gradientsOf((x, y) => tf.mul(x as tf.Tensor, y as tf.Tensor), [tf.zeros([0, 3]), tf.ones([3])]);
    expect(dense(a).shape).toEqual([0, 3]);
    expect(arrayOf(b)).toEqual([0, 0, 0]);
  });
});

describe('2N reductions', () => {
  it('163: variance and standard deviation', () => {
    const x = f64([1, 2, 3, 4]);
    expectClose(
      gradientOf((t) => tf.reduceVariance(t), x),
      [-0.75, -0.25, 0.25, 0.75],
      1e-7,
    );
    expectClose(
      gradientOf((t) => tf.reduceStd(t), x),
      [-0.3354102, -0.1118034, 0.1118034, 0.3354102],
      1e-7,
    );
  });

  it('164: products, also with zeros', () => {
    expect(gradientOf((t) => tf.reduceProd(t), [2, 3, 4])).toEqual([12, 8, 6]);
    const x = [
      [1, 2],
      [3, 0],
    ];
    expect(gradientOf((t) => tf.reduceProd(t, 1), x)).toEqual([
      [2, 1],
      [0, 3],
    ]);
    expect(gradientOf((t) => tf.reduceProd(t, -1), [0, 0, 5])).toEqual([0, 0, 0]);
    expect(gradientOf((t) => tf.reduceProd(t, -1), [0, 2, 5])).toEqual([10, 0, 0]);
  });

  it('166: the norm', () => {
    expectClose(
      gradientOf((t) => tf.norm(t), f64([3, -4])),
      [0.6, -0.8],
      1e-12,
    );
  });
});

describe('2O singular points', () => {
  const inf = Number.POSITIVE_INFINITY;
  const one: [string, (x: tf.Tensor) => tf.Tensor, number[], number[]][] = [
    ['170: abs', tf.abs, [-1, 0, 1], [-1, 0, 1]],
    ['172: relu6', tf.nn.relu6, [-1, 0, 3, 6, 7], [0, 0, 1, 0, 0]],
    ['relu', tf.nn.relu, [-1, 0, 1], [0, 0, 1]],
    ['elu at 0', tf.nn.elu, [0], [1]],
    ['selu at 0', tf.nn.selu, [0], [1.0507009]],
    ['175: sqrt at 0', tf.sqrt, [0], [inf]],
    ['176: rsqrt at 0', tf.rsqrt, [0], [-inf]],
    ['178: log1p at -1', tf.log1p, [-1], [inf]],
    ['184: pow(x, 2)', (x) => tf.pow(x, 2), [-1, 0, 1], [-2, 0, 2]],
    ['185: reduceMax of equals', (x) => tf.reduceMax(x), [1, 3, 3], [0, 0.5, 0.5]],
    ['reduceMin of equals', (x) => tf.reduceMin(x), [1, 1, 3], [0.5, 0.5, 0]],
    ['187: reduceMax of NaN', (x) => tf.reduceMax(x), [1, Number.NaN], [Number.NaN, Number.NaN]],
    ['190: clipByValue', (x) => tf.clipByValue(x, 0, 1), [-1, 0, 0.5, 1, 2], [0, 1, 1, 1, 0]],
    ['191: norm at 0 (ours: 0)', (x) => tf.norm(x), [0, 0], [0, 0]],
    ['199: sign', tf.sign, [-2, 0, 2], [0, 0, 0]],
    ['202: asin', tf.asin, [1, -1], [inf, inf]],
    ['202: acos', tf.acos, [1, -1], [-inf, -inf]],
    ['202: atanh', tf.atanh, [1, -1], [inf, inf]],
    ['202: acosh', tf.acosh, [1], [inf]],
    ['206: reduceStd of constants (ours: 0)', (x) => tf.reduceStd(x), [2, 2], [0, 0]],
    ['208: sigmoid', tf.sigmoid, [-1000, 1000], [0, 0]],
    ['208: softplus', tf.softplus, [-1000, 0, 1000], [0, 0.5, 1]],
  ];
  it.each(one)('%s', (_, f, x, want) => {
    expectClose(
      gradientOf((t) => f(t), x),
      want,
    );
  });

  it('173: leakyRelu at 0 takes the slope of the left', () => {
    expectClose(
      gradientOf((t) => tf.nn.leakyRelu(t, { alpha: 0.2 }), [0]),
      [0.2],
    );
  });

  it('175: sqrt at 0 with a zero cotangent', () => {
    expect(gradientOf((t) => tf.sqrt(t), [0], { dy: [0] })).toEqual([Number.NaN]);
  });

  const powers: [string, number, number, [number, number]][] = [
    ['179: pow', 0, 2, [0, 0]],
    ['181: pow', 0, 1, [1, 0]],
    ['182: pow (ours: 0)', 0, 0, [0, 0]],
    ['pow of a negative base', -2, 3, [12, 0]],
  ];
  it.each(powers)('%s at (%d, %d)', (_, x, y, want) => {
    const pow = (a: tf.Tensor, b: tf.Tensor): tf.Tensor => tf.pow(a, b);
    expect(gradientsOf((a, b) => pow(a as tf.Tensor, b as tf.Tensor), [x, y]).map((t) => dense(t).item() + 0)).toEqual(
      want,
    );
    // As vectors, where the exponent is no mere number.
    const grads = gradientsOf(
      (a, b) => pow(a as tf.Tensor, b as tf.Tensor),
      [
        [x, 1],
        [y, 1],
      ],
    );
    expect(grads.map((t) => (dense(t).dataSync()[0] as number) + 0)).toEqual(want);
    // And with the exponent a constant.
    expect((gradientOf((a) => tf.pow(a, y), x) as number) + 0).toBe(want[0]);
  });

  it('185: reduceMax of a matrix of equals', () => {
    expectClose(
      gradientOf(
        (t) => tf.reduceMax(t),
        [
          [2, 2],
          [2, 1],
        ],
      ),
      [
        [1 / 3, 1 / 3],
        [1 / 3, 0],
      ],
    );
  });

  it('188: of equals, maximum and minimum take the first', () => {
    const max = gradientsOf(
      (a, b) => tf.maximum(a as tf.Tensor, b as tf.Tensor),
      [
        [1, 2, 3],
        [2, 2, 2],
      ],
    );
    expect(max.map(arrayOf)).toEqual([
      [0, 1, 1],
      [1, 0, 0],
    ]);
    const min = gradientsOf(
      (a, b) => tf.minimum(a as tf.Tensor, b as tf.Tensor),
      [
        [1, 2, 3],
        [2, 2, 2],
      ],
    );
    expect(min.map(arrayOf)).toEqual([
      [1, 1, 0],
      [0, 0, 1],
    ]);
  });

  it('197: where differentiates both branches; the double where cures it', () => {
    const naive = (x: tf.Tensor): tf.Tensor => tf.where(tf.greater(x, 0), tf.sqrt(x), 0);
    expect(gradientOf(naive, 0)).toBe(Number.NaN);
    const cured = (x: tf.Tensor): tf.Tensor => {
      const inside = tf.greater(x, 0);
      return tf.where(inside, tf.sqrt(tf.where(inside, x, 1)), 0);
    };
    expect(gradientOf(cured, 0)).toBe(0);
  });

  it.each([
    ['floor', tf.floor],
    ['ceil', tf.ceil],
    ['round', tf.round],
    ['floordiv', (x: tf.Tensor) => tf.floordiv(x, 2)],
  ])('200: %s is unconnected', (_, f) => {
    expect(gradientsOf((x) => f(x as tf.Tensor), [[0.5, 1.5]])).toEqual([null]);
  });
});

describe('2P shape and index ops', () => {
  it('220: pad', () => {
    expect(gradientOf((t) => tf.pad(t, [[1, 2]]), [5, 6], { dy: [9, 1, 2, 9, 9] })).toEqual([1, 2]);
  });

  it('223: a part of a split that nobody used has zeros', () => {
    expect(gradientOf((t) => tf.square(tf.split(t, 2)[0] as tf.Tensor), [1, 2, 3, 4])).toEqual([2, 4, 0, 0]);
  });

  it('224: movers are undone by their gradients', () => {
    const x = tf.constant([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    const movers: ((t: tf.Tensor) => tf.Tensor)[] = [
      (t) => tf.transpose(t),
      (t) => tf.reshape(t, [3, 2]),
      (t) => tf.expandDims(t, 1),
      (t) => tf.squeeze(tf.expandDims(t, 0), 0),
      (t) => tf.reverse(t, [0, 1]),
      (t) => tf.concat([t], 0),
      (t) => tf.stack(tf.unstack(t, 1), 0),
      (t) => tf.stack(tf.unstack(t, 0), 1),
    ];
    for (const move of movers) {
      // With the moved values as cotangent, the gradient must be the values where they were.
      expect(gradientOf(move, x, { dy: move(x) })).toEqual(x.arraySync());
    }
    const cube = tf.reshape(tf.range(24), [2, 3, 4]);
    expect(gradientOf((t) => tf.transpose(t, [2, 0, 1]), cube, { dy: tf.transpose(cube, [2, 0, 1]) })).toEqual(
      cube.arraySync(),
    );
  });

  it('226: casts', () => {
    const [dx] = gradientsOf((t) => tf.square(tf.cast(t as tf.Tensor, 'float64')), [[1, 2]]);
    expect(dense(dx).dtype).toBe('float32');
    expect(arrayOf(dx)).toEqual([2, 4]);
    expect(gradientsOf((t) => tf.cast(tf.cast(t as tf.Tensor, 'int32'), 'float32'), [[1, 2]])).toEqual([null]);
  });

  it('227: oneHot and argmax are unconnected', () => {
    expect(gradientsOf((t) => tf.oneHot(tf.cast(t as tf.Tensor, 'int32'), 3), [[1, 2]])).toEqual([null]);
    expect(gradientsOf((t) => tf.cast(tf.argmin(t as tf.Tensor), 'float32'), [[1, 2]])).toEqual([null]);
  });

  describe('mirror images', () => {
    const row = (): tf.Tensor => tf.constant([1, 2, 3]);
    const pulled = (x: tf.Tensor, opts: Parameters<typeof tf.pad>[2], n: number, ct: number[]): unknown => {
      const [tape, y] = tapeOf(x, () => tf.pad(x, [[n, n]], opts));
      return tape.gradient(y, x, { outputGradients: ct })?.arraySync();
    };

    it('221: the gradient of mirror images', () => {
      const ct = [1, 2, 3, 4, 5, 6, 7];
      expect(pulled(row(), { mode: 'REFLECT' }, 2, ct)).toEqual([10, 12, 6]);
      expect(pulled(row(), { mode: 'SYMMETRIC' }, 2, ct)).toEqual([5, 12, 11]);
      expect(pulled(row(), { mode: 'reflect' }, 2, ct)).toEqual([10, 12, 6]);
    });

    it('221: mirror images', () => {
      expect(tf.pad(row(), [[2, 1]], { mode: 'REFLECT' }).arraySync()).toEqual([3, 2, 1, 2, 3, 2]);
      expect(tf.pad(row(), [[2, 3]], { mode: 'symmetric' }).arraySync()).toEqual([2, 1, 1, 2, 3, 3, 2, 1]);
      expect(tf.pad(row(), [[1, 0]], { constantValues: 9 }).arraySync()).toEqual([9, 1, 2, 3]);
    });

    it('a mirror holds no more than the axis does', () => {
      expect(errorOf(() => tf.pad(row(), [[3, 0]], { mode: 'REFLECT' })).code).toBe('ERR_SHAPE');
      expect(errorOf(() => tf.pad(row(), [[0, 4]], { mode: 'SYMMETRIC' })).message).toContain('at most 3');
      expect(errorOf(() => tf.pad(tf.zeros([0]), [[1, 0]], { mode: 'REFLECT' })).code).toBe('ERR_SHAPE');
      expect(errorOf(() => tf.pad(row(), [[1, 0]], { mode: 'edge' as 'REFLECT' })).code).toBe('ERR_OPTION');
    });
  });
});

describe('2Q linear algebra', () => {
  const a = [
    [1, 2],
    [3, 4],
  ];
  const b = [
    [5, 6],
    [7, 8],
  ];
  const flags: [string, tf.TensorLike[], { transposeA?: boolean; transposeB?: boolean }, unknown[]][] = [
    [
      '230: matmul',
      [a, b],
      {},
      [
        [
          [11, 15],
          [11, 15],
        ],
        [
          [4, 4],
          [6, 6],
        ],
      ],
    ],
    [
      '232: matmul',
      [a, b],
      { transposeB: true },
      [
        [
          [12, 14],
          [12, 14],
        ],
        [
          [4, 6],
          [4, 6],
        ],
      ],
    ],
    [
      '233: matmul',
      [a, b],
      { transposeA: true, transposeB: true },
      [
        [
          [12, 12],
          [14, 14],
        ],
        [
          [3, 7],
          [3, 7],
        ],
      ],
    ],
    [
      '235: matmul',
      [
        [[[1, 2]], [[3, 4]]],
        [[5], [6]],
      ],
      {},
      [
        [[[5, 6]], [[5, 6]]],
        [[4], [6]],
      ],
    ],
    [
      '236: matmul',
      [tf.reshape([1, 2, 3, 4], [2, 1, 1, 2]), tf.reshape([1, 2, 3, 4, 5, 6], [3, 2, 1])],
      {},
      [
        [[[[9, 12]]], [[[9, 12]]]],
        [
          [[4], [6]],
          [[4], [6]],
          [[4], [6]],
        ],
      ],
    ],
  ];
  it.each(flags)('%s', (_, operands, opts, want) => {
    const grads = gradientsOf((x, y) => tf.matmul(x as tf.Tensor, y as tf.Tensor, opts), operands);
    expect(grads.map(arrayOf)).toEqual(want);
  });
});

describe('2R losses', () => {
  it('259: sparse softmax cross entropy', () => {
    const logits = [
      [0, 0, 0, 0],
      [1, 2, 3, 4],
    ];
    const labels = tf.constant(new Int32Array([3, 0]));
    const loss = tf.nn.sparseSoftmaxCrossEntropyWithLogits(labels, logits);
    // e^1..e^4: label 0 has -log(softmax) 3.4401897.
    expectClose(loss.arraySync(), [1.3862944, 3.4401897]);
    const dx = gradientOf((x) => tf.nn.sparseSoftmaxCrossEntropyWithLogits(labels, x), logits) as number[][];
    expectClose(dx[1], [-0.9679414, 0.0871443, 0.2368828, 0.6439143]);
  });

  it('260: sigmoid cross entropy does not overflow', () => {
    const x = [0, 0, 0, -100, 100];
    const z = [0, 1, 0.5, 1, 0];
    expectClose(
      gradientOf((t) => tf.nn.sigmoidCrossEntropyWithLogits(z, t), x),
      [0.5, -0.5, 0, -1, 1],
    );
  });

  it('262: the gradient of a bias sums over all but its channel', () => {
    const x = tf.zeros([2, 3, 4]);
    const grads = gradientsOf((t, b) => tf.nn.biasAdd(t as tf.Tensor, b as tf.Tensor), [x, tf.zeros([4])]);
    expect(arrayOf(grads[1])).toEqual([6, 6, 6, 6]);
    const first = gradientsOf(
      (t, b) => tf.nn.biasAdd(t as tf.Tensor, b as tf.Tensor, { dataFormat: 'NCHW' }),
      [x, tf.zeros([3])],
    );
    expect(arrayOf(first[1])).toEqual([8, 8, 8]);
  });
});

describe('special operands', () => {
  it('what an op hands back is its operand: a source that is the target has the derivative 1', () => {
    const x = tf.constant([1, 2]);
    for (const f of [(a: tf.Tensor): tf.Tensor => tf.addN([a]), (a: tf.Tensor): tf.Tensor => tf.nn.dropout(a, 0)]) {
      expect(f(x)).toBe(x);
      const tape = new tf.GradientTape();
      expect(
        arrayOf(
          tape.gradient(
            tape.record(() => f(x)),
            x,
          ),
        ),
      ).toEqual([1, 1]);
      expect(arrayOf(gradientsOf((a) => f(f(a.mul(3)).mul(2)), [x])[0])).toEqual([6, 6]);
    }
  });

  it.each([[[0]], [[2, 0]], [[0, 3]]])(
    'the second derivative of the product of no elements %j is empty, not null',
    (shape) => {
      const x = tf.zeros(shape);
      const [outer, g] = tapeOf(x, () => gradientsOf((a) => tf.reduceProd(a), [x])[0] as tf.Tensor);
      expect(outer.gradient(g, x)?.shape).toEqual(shape);
    },
  );
});
