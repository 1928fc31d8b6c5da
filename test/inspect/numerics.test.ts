// config.checkNumerics: the first op, forward or backward, that makes NaN or an infinity; and what is not one.
import * as tf from 'gradtape';
import { beforeEach, describe, expect, it } from 'vitest';
import { opCases } from '../ops/op-cases.js';
import { errorOf, expectError } from '../support/errors.js';
import { restoreSettings } from '../support/settings.js';
import { gradientsOf } from '../support/tape.js';

restoreSettings();
beforeEach(() => {
  tf.config.checkNumerics = true;
});

const numericsOf = (fn: () => unknown): string => expectError(fn, tf.GradtapeError, 'ERR_NUMERICS').message;
const here = /numerics\.test\.ts:\d+:\d+/;

describe('forward', () => {
  it.each<[string, RegExp, () => unknown]>([
    [
      'log',
      /^log: the result contains -Infinity at \[1, 0\], where x is 0, .*log.*clip/,
      () =>
        tf.log([
          [1, 2],
          [0, 3],
        ]),
    ],
    ['log of a negative', /^log: the result contains NaN at \[1\], where x is -2/, () => tf.log([1, -2])],
    ['log1p', /where x is -1, .*logarithm of 1 \+ x.*maximum\(x, -0\.999\)/, () => tf.log1p([-1])],
    ['pow of a negative', /where x is -2 and y is 0.5, .*no whole number is NaN/, () => tf.pow([-2], [0.5])],
    ['pow of 0', /where x is 0 and y is -1, .*0 to a negative power/, () => tf.pow([0], [-1])],
    ['pow', /where x is 1e\+30 and y is 2, .*overflows/, () => tf.pow([1e30], [2])],
    ['float32, shortest', /where x is -0\.1, /, () => tf.log([-0.1])],
    ['float32 of nine digits', /where x is -16777216, /, () => tf.log([-16777216])],
    ['float64', /where x is -0\.10000000149011612, /, () => tf.log(tf.constant([-0.1]).cast('float64'))],
    ['rsqrt of a negative', /square root of a negative/, () => tf.rsqrt([-1])],
    ['sqrt', /^sqrt: the result contains NaN at \[0\], where x is -1.*negative/, () => tf.sqrt([-1, 4])],
    ['exp', /^exp: the result contains Infinity at \[1\], where x is 1000.*overflows/, () => tf.exp([1, 1000])],
    [
      'div',
      /^div: the result contains Infinity at \[1\], where x is 2 and y is 0.*division by 0.*divideNoNan/,
      () => tf.div([1, 2], [1, 0]),
    ],
    ['div of scalars', /^div: the result contains NaN at \[\], where x is 0 and y is 0/, () => tf.div(0, 0)],
    [
      'broadcasting',
      /at \[1, 0\], where x is 3 and y is 0/,
      () =>
        tf.div(
          [
            [1, 2, 3],
            [3, 4, 5],
          ],
          [[1], [0]],
        ),
    ],
    [
      '0 * inf',
      /^mul: the result contains NaN at \[1\], where x is 0 and y is Infinity.*0 \* inf/,
      () => tf.mul([1, 0], [1, Infinity]),
    ],
    [
      'a sum that overflows',
      /^reduceSum: the result contains Infinity at \[\], of finite operands/,
      () => tf.reduceSum([3e38, 3e38]),
    ],
    ['matmul', /^matmul: the result contains Infinity at \[0, 0\]/, () => tf.matmul([[3e38]], [[10]])],
  ])('%s', (_, says, fn) => {
    expect(numericsOf(fn)).toMatch(says);
    expect(numericsOf(fn)).toMatch(here);
  });

  it("infinities that were fed in on purpose are nobody's fault", () => {
    const scores = tf.constant([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    const mask = tf.constant([
      [0, -Infinity, 0],
      [0, 0, -Infinity],
    ]);
    expect(tf.nn.softmax(scores.add(mask)).arraySync()).toEqual([
      [expect.closeTo(0.1192, 4), 0, expect.closeTo(0.8808, 4)],
      [expect.closeTo(0.2689, 4), expect.closeTo(0.7311, 4), 0],
    ]);
    expect(tf.reduceMax(mask).item()).toBe(0);
    expect(tf.reduceMin(mask).item()).toBe(-Infinity);
    expect(tf.reduceLogsumexp(mask, 1).arraySync()).toEqual([expect.closeTo(Math.LN2), expect.closeTo(Math.LN2)]);
    expect(mask.neg().exp().shape).toEqual([2, 3]);
    const [g] = gradientsOf((x) => tf.nn.softmax(x.add(mask)).square().reduceSum(), [scores]);
    expect((g as tf.Tensor).dataSync().every(Number.isFinite)).toBe(true);
  });

  it('steps of the library on the way to a finite result are not reported', () => {
    expect(tf.divideNoNan([1, 0], 0).arraySync()).toEqual([0, 0]);
    expect(tf.nn.logSoftmax([1000, 0]).arraySync()).toEqual([0, -1000]);
    expect(tf.nn.elu([1000, -1]).arraySync()).toEqual([1000, expect.closeTo(-0.632)]);
    const [g] = gradientsOf((x) => tf.norm(x), [[0, 0]]);
    expect((g as tf.Tensor).arraySync()).toEqual([0, 0]);
    expect(
      gradientsOf(
        (x, y) => tf.xlogy(x, y),
        [
          [0, 1],
          [0, 2],
        ],
      ).map((t) => t?.arraySync()),
    ).toEqual([
      [0, expect.closeTo(Math.LN2)],
      [0, 0.5],
    ]);
  });
});

describe('one element that is not finite does not hide what an op makes of others', () => {
  const inf = Number.POSITIVE_INFINITY;
  const big = 3e38;
  const masked = [
    [-inf, 1],
    [big, big],
  ];
  const down = [-inf, 0, NaN, 0].map((first, k) => [first, k === 3 ? big : 0, k === 3 ? big : 1]);
  it.each<[string, RegExp, () => unknown]>([
    ['reduceSum', /^reduceSum: the result contains Infinity at \[1\], of finite/, () => tf.reduceSum(masked, 1)],
    ['reduceSum, NaN beside', /^reduceSum: .* Infinity at \[3\], of finite/, () => tf.reduceSum(down, 1)],
    ['reduceProd', /^reduceProd: .* Infinity at \[1\]/, () => tf.reduceProd(masked, 1)],
    ['reduceMean', /: the result contains Infinity at \[1\]/, () => tf.reduceMean(masked, 1)],
    ['matmul', /^matmul: .* Infinity at \[1, 0\]/, () => tf.matmul(masked, [[10], [10]])],
    ['einsum', /: .* Infinity at \[1, 0\]/, () => tf.einsum('ij,jk->ik', masked, [[10], [10]])],
    ['cumsum', /^cumsum: .* Infinity at \[1, 1\], where x is 3e\+38/, () => tf.cumsum(masked, 1)],
    ['cumprod', /^cumprod: .* Infinity at \[1, 1\]/, () => tf.cumprod(masked, 1)],
    ['segmentSum', /^segmentSum: .* Infinity at \[1\]/, () => tf.segmentSum([-inf, 0, big, big], [0, 0, 1, 1])],
    [
      'conv2d',
      /^nn.conv2d: .* Infinity at \[1, 0, 0, 0\]/,
      () => tf.nn.conv2d(tf.constant([-inf, 0, big, big]).reshape([2, 1, 2, 1]), tf.ones([1, 2, 1, 1]), 1, 'VALID'),
    ],
    [
      'det of a batch',
      /^linalg.det: .* Infinity at \[1\]/,
      () =>
        tf.linalg.det([
          [
            [-inf, 0],
            [0, 1],
          ],
          [
            [big, 0],
            [0, big],
          ],
        ]),
    ],
    [
      'softmax of a row of -inf',
      /^nn.softmax: .* NaN at \[0\], where x is -Infinity, .*\. All of the row are -inf/,
      () => tf.nn.softmax([-inf, -inf]),
    ],
    ['inf - inf in a sum', /^reduceSum: .* NaN at \[\], of operands without NaN/, () => tf.reduceSum([inf, -inf])],
    ['0 * inf in a product', /^matmul: .* NaN at \[0, 0\]/, () => tf.matmul([[inf]], [[0]])],
    [
      'inf - inf beside NaN',
      /^reduceSum: .* NaN at \[1\]/,
      () =>
        tf.reduceSum(
          [
            [NaN, 1],
            [inf, -inf],
          ],
          1,
        ),
    ],
  ])('%s', (_, says, fn) => {
    expect(numericsOf(fn)).toMatch(says);
    expect(numericsOf(fn)).toMatch(here);
  });

  it('on a tape, too, which hears of the op once', () => {
    const x = tf.constant(masked);
    const tape = new tf.GradientTape();
    expect(numericsOf(() => tape.record(() => tape.watch(x) ?? tf.reduceSum(x, 1)))).toMatch(/^reduceSum/);
    const y = tape.record(() => tf.reduceSum(tf.constant([-inf, 1])));
    expect(tape.gradient(y, x)).toBeNull();
  });

  it('and what an infinity or NaN reaches is not reported', () => {
    const rows = [
      [-inf, big],
      [NaN, 1],
      [inf, 1],
    ];
    const x = tf.constant(rows);
    for (const f of [
      (t: tf.Tensor) => tf.reduceSum(t, 1),
      (t: tf.Tensor) => tf.reduceMean(t, 1),
      (t: tf.Tensor) => tf.reduceMax(t, 1),
      (t: tf.Tensor) => tf.reduceProd(t, 1),
      (t: tf.Tensor) => tf.cumsum(t, 1),
      (t: tf.Tensor) => tf.cumprod(t, 1),
      (t: tf.Tensor) => tf.sort(t, 1),
      (t: tf.Tensor) => tf.transpose(t),
      (t: tf.Tensor) => tf.gather(t, [2, 0]),
      (t: tf.Tensor) => tf.concat([t, t], 0),
      (t: tf.Tensor) => tf.matmul(t, [[0.5], [0.5]]),
      (t: tf.Tensor) => tf.reduceLogsumexp(t, 1),
      (t: tf.Tensor) => tf.cumulativeLogsumexp(t, 1),
      (t: tf.Tensor) => tf.unsortedSegmentSum(t, [0, 1, 1], 3),
      (t: tf.Tensor) => tf.unsortedSegmentMax(t, [0, 1, 2], 3),
    ])
      expect(f(x).size).toBeGreaterThan(0);
    expect(tf.reduceMax([-inf, -inf]).item()).toBe(-inf);
    expect(tf.reduceLogsumexp([-inf, -inf]).item()).toBe(-inf);
    expect(tf.linalg.logdet(tf.constant([[inf]])).shape).toEqual([]);
  });

  it('of no op is a NaN reported that an operand had', () => {
    const noted = (call: () => unknown): string => {
      try {
        call();
      } catch (error) {
        if (!(error instanceof tf.GradtapeError)) throw error;
        return error.code;
      }
      return '';
    };
    for (const [name, entry] of opCases)
      for (const { shapes, call } of entry?.cases.slice(0, 1) ?? [])
        shapes.forEach((shape, k) => {
          const xs = shapes.map((s, j) =>
            tf.random.uniform(s, { minval: 0.2, maxval: 0.9, seed: 7 + j, dtype: 'float64' }),
          );
          const before = noted(() => call(...xs));
          const elements = Float64Array.from((xs[k] as tf.Tensor).dataSync());
          elements[elements.length >> 1] = NaN;
          xs[k] = tf.constant(elements).reshape(shape);
          if (before === '')
            expect(
              noted(() => call(...xs)),
              name,
            ).not.toBe('ERR_NUMERICS');
        });
  });

  it('matrices without elements have no largest singular value', () => {
    expect(tf.linalg.pinv(tf.zeros([3, 1, 0])).shape).toEqual([3, 0, 1]);
    expect(tf.linalg.matrixRank(tf.zeros([3, 1, 0])).arraySync()).toEqual([0, 0, 0]);
  });
});

describe('backward', () => {
  it('names the op, the operand values and the forward line', () => {
    const message = numericsOf(() => gradientsOf((x) => x.mul(2).sqrt().reduceSum(), [[4, 0]]));
    expect(message).toMatch(
      /^sqrt: the gradient is Infinity at \[1\], where the cotangent is 1 and the result is 0, called at /,
    );
    expect(message).toMatch(/called at \S+numerics\.test\.ts:\d+:\d+, differentiated at \S+tape\.ts:\d+:\d+/);
    expect(message).toContain('norm and reduceEuclideanNorm');
  });

  it('a branch that where did not take', () => {
    const message = numericsOf(() => gradientsOf((x) => tf.where(x.greater(0), tf.sqrt(x), tf.zerosLike(x)), [[4, 0]]));
    expect(message).toMatch(/^sqrt: the gradient is NaN at \[1\].*where\(c, sqrt\(where\(c, x, 1\)\), 0\)/);
    const [safe] = gradientsOf(
      (x) => {
        const c = x.greater(0);
        return tf.where(c, tf.sqrt(tf.where(c, x, 1)), 0);
      },
      [[4, 0]],
    );
    expect((safe as tf.Tensor).arraySync()).toEqual([0.25, 0]);
  });

  it('a division', () => {
    const message = numericsOf(() => gradientsOf((x) => tf.div(1, x.mul(1e-30)), [[1e-8]]));
    expect(message).toMatch(/^div/);
  });

  it('rows of sparse gradients, without making them dense', () => {
    const message = numericsOf(() => gradientsOf((table) => tf.gather(table, [1]).sqrt().reduceSum(), [[[1], [0]]]));
    expect(message).toMatch(/^sqrt: the gradient is Infinity at \[0, 0\]/);
    const fine = gradientsOf((table) => tf.gather(table, [1]).reduceSum(), [[[1], [0]]])[0];
    expect(fine).toBeInstanceOf(tf.IndexedSlices);
  });

  it('the ops of a custom gradient are checked one by one', () => {
    const f = tf.customGradient((x: tf.Tensor) => ({ value: x.square(), gradFn: (dy: tf.Tensor) => dy.div(x) }));
    expect(numericsOf(() => gradientsOf((x) => f(x), [[0]]))).toMatch(
      /^div: the result contains Infinity at \[0\], where x is 1 and y is 0/,
    );
  });

  it('names the op, not one of its rule, also along tangents and in a Jacobian', () => {
    const x = tf.constant([0, 1]);
    expect(numericsOf(() => tf.jvp(tf.sqrt, [x], [[1, 1]]))).toMatch(
      /^sqrt: the gradient is Infinity at \[0\], where the tangent is 1 and x is 0 and the result is 0, .*sqrt at 0/,
    );
    expect(numericsOf(() => tf.jacobian(tf.sqrt)(x))).toMatch(
      /^sqrt: the gradient is Infinity at \[0\], where the cotangent is 1 and the result is 0, .*sqrt at 0/,
    );
  });

  it('a pass within a rule that is asked for a whole batch', () => {
    const cube = tf.customGradient((t: tf.Tensor) => ({
      value: tf.pow(t, 3),
      gradFn: (dy) => tf.vjp((u: tf.Tensor) => tf.exp(tf.log(u).mul(3)), t).vjp(dy)[0],
    }));
    const x = tf.constant([1, 2]);
    const j = tf.jacobian((t: tf.Tensor) => tf.matmul(tf.ones([2, 2]), cube(t).reshape([2, 1])))(x);
    expect(j.shape).toEqual([2, 1, 2]);
    expect(
      tf
        .jvp(cube, [x], [[1, 1]])
        .tangent.at(0)
        .item(),
    ).toBeCloseTo(3, 5);
  });

  it('cotangents that are added up', () => {
    const message = numericsOf(() => gradientsOf((x) => x.mul(3e38).add(x.mul(3e38)), [[0]]));
    expect(message).toMatch(/^add: the result contains Infinity/);
  });
});

it('off again, nothing is checked or named', () => {
  tf.config.checkNumerics = false;
  expect(tf.log([0]).item()).toBe(-Infinity);
  expect(errorOf(() => tf.reshape([1], [2])).message).not.toMatch(here);
});

describe('in a Jacobian, whose rows are computed together, the op of the user is named', () => {
  const x = (): tf.Tensor => tf.constant([0, 4]);
  const mixed = (y: tf.Tensor): tf.Tensor =>
    tf.matmul(
      [
        [1, 2],
        [3, 4],
      ],
      y.reshape([2, 1]),
    ); // prettier-ignore
  it.each<[string, (t: tf.Tensor) => tf.Tensor]>([
    ['sqrt', tf.sqrt],
    ['pow', (t) => tf.pow(t, 0.5)],
    ['rsqrt', (t) => tf.rsqrt(t.add(1e-45))],
  ])('%s', (name, f) => {
    tf.config.checkNumerics = true;
    const tape = new tf.GradientTape();
    const at = x();
    const y = tape.record(() => {
      tape.watch(at);
      return mixed(f(at));
    });
    const { code, message } = errorOf(() => tape.jacobian(y, at));
    expect(code).toBe('ERR_NUMERICS');
    expect(message).toMatch(new RegExp(`^${name}: the gradient.* is -?Infinity at \\[0, 0\\]`));
  });

  it('forwards too, and of what is finite nothing is said', () => {
    tf.config.checkNumerics = true;
    const wide = (t: tf.Tensor): tf.Tensor => tf.matmul(tf.ones([6, 2]), tf.sqrt(t).reshape([2, 1]));
    expect(errorOf(() => tf.jacobian(wide)(x())).message).toMatch(/^sqrt: the gradient.* is Infinity/);
    expect(tf.jacobian((t: tf.Tensor) => mixed(tf.sqrt(t)))(tf.constant([1, 4])).shape).toEqual([2, 1, 2]);
  });
});
