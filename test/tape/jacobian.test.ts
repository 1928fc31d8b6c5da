// docs/semantics.md, 1.10, 1.11, 2G and 2H: jacobian and batchJacobian. Numbers in titles are their cases.
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';
import { expectClose } from '../support/close.js';
import { codeOf, errorOf, expectError } from '../support/errors.js';
import { numbers } from '../support/numbers.js';
import { tapeOf } from '../support/tape.js';
import { f64 } from '../support/tensors.js';

function jacobianOf(f: (x: tf.Tensor) => tf.Tensor, x: tf.Tensor, opts: tf.JacobianOptions = {}): tf.Tensor | null {
  const [tape, y] = tapeOf(x, () => f(x));
  return tape.jacobian(y, x, opts);
}

function random(shape: readonly number[], seed = 1): tf.Tensor {
  const next = numbers(seed);
  const size = shape.reduce((a, b) => a * b, 1);
  return tf.constant(
    Float64Array.from({ length: size }, () => 2 * next() - 1),
    { shape },
  );
}

describe('2G jacobian', () => {
  it('88: two sources', () => {
    const [x, y] = [tf.constant([1, 2]), tf.constant([3, 4])];
    const [tape, z] = tapeOf([x, y], () => x.mul(x).mul(y));
    const [jx, jy] = tape.jacobian(z, [x, y]);
    expect(jx?.arraySync()).toEqual([
      [6, 0],
      [0, 16],
    ]);
    expect(jy?.arraySync()).toEqual([
      [1, 0],
      [0, 4],
    ]);
  });

  it('89: a square', () => {
    expect(jacobianOf(tf.square, tf.constant([1, 2]))?.arraySync()).toEqual([
      [2, 0],
      [0, 4],
    ]);
  });

  it('91: a scalar source', () => {
    const delta = tf.constant(0);
    const [tape, y] = tapeOf(delta, () => tf.sigmoid(tf.linspace(-10, 10, 201).add(delta)));
    const j = tape.jacobian(y, delta) as tf.Tensor;
    expect(j.shape).toEqual([201]);
    expectClose(j.dataSync()[100], 0.25);
  });

  it('92: a layer; the sum over the target is the gradient', () => {
    const [x, w] = [random([7, 5]), random([5, 10], 2)];
    const tape = new tf.GradientTape({ persistent: true });
    const y = tape.record(() => {
      tape.watch([x, w]);
      return tf.nn.relu(tf.matmul(x, w));
    });
    const [jx, jw] = tape.jacobian(y, [x, w]) as tf.Tensor[];
    expect(jx?.shape).toEqual([7, 10, 7, 5]);
    expect(jw?.shape).toEqual([7, 10, 5, 10]);
    expectClose(tf.reduceSum(jx as tf.Tensor, [0, 1]).arraySync(), tape.gradient(y, x)?.arraySync(), 1e-12);
    expectClose(tf.reduceSum(jw as tf.Tensor, [0, 1]).arraySync(), tape.gradient(y, w)?.arraySync(), 1e-12);
  });

  it('94: an embedding lookup is dense, in either way', () => {
    const table = f64([
      [1, 2],
      [3, 4],
      [5, 6],
    ]);
    for (const experimentalUsePfor of [true, false]) {
      const j = jacobianOf((t) => tf.gather(t, [0, 2]), table, { experimentalUsePfor }) as tf.Tensor;
      expect(j.shape).toEqual([2, 2, 3, 2]);
      const where = Array.from(j.dataSync()).flatMap((v, i) => (v === 1 ? [i] : []));
      expect(where).toEqual([0, 7, 16, 23]);
      expect(tf.reduceSum(j).item()).toBe(4);
    }
  });

  it('95: gradient, then jacobian of the gradient', () => {
    expect(
      tf
        .jacobian(tf.grad((x: tf.Tensor) => tf.pow(x, 3)))(tf.constant(1))
        .item(),
    ).toBe(6);
  });

  it('97: a second Jacobian on a tape that is not persistent', () => {
    const x = tf.constant([1, 2]);
    const [tape, y] = tapeOf(x, () => x.mul(x));
    tape.jacobian(y, x, { experimentalUsePfor: false });
    const error = errorOf(() => tape.jacobian(y, x));
    expect(error).toBeInstanceOf(tf.TapeError);
    expect(error.message).toContain('can only be used to compute one set of gradients (or jacobians)');
    expect(codeOf(() => tape.batchJacobian(y, x))).toBe('ERR_TAPE_CONSUMED');
  });

  it('98: unconnected sources, and targets that are no tensor', () => {
    const [x, y] = [tf.constant([1, 2]), tf.constant([3, 4, 5])];
    const tape = new tf.GradientTape({ persistent: true });
    const z = tape.record(() => {
      tape.watch([x, y]);
      return x.mul(2);
    });
    expect(tape.jacobian(z, y)).toBeNull();
    expect(tape.jacobian(z, { x, y }).y).toBeNull();
    expect(tape.jacobian(z, y, { unconnectedGradients: 'zero' }).arraySync()).toEqual([
      [0, 0, 0],
      [0, 0, 0],
    ]);
    expect(codeOf(() => tape.jacobian(z, y, { unconnectedGradients: 'throw' }))).toBe('ERR_UNCONNECTED');
    expect(codeOf(() => tape.jacobian([z] as never, x))).toBe('ERR_NOT_A_TENSOR');
    expect(codeOf(() => tape.jacobian(z, 3 as never))).toBe('ERR_NOT_A_TENSOR');
    expect(codeOf(() => tape.jacobian(z, x, { parallelIterations: 0 }))).toBe('ERR_OPTION');
    expect(codeOf(() => tape.jacobian(z, x, { pfor: true } as never))).toBe('ERR_OPTION');
    expect(codeOf(() => new tf.GradientTape().jacobian(z, x))).toBe('ERR_TAPE_EMPTY');
    expect(tape.jacobian(x, x)?.arraySync()).toEqual([
      [1, 0],
      [0, 1],
    ]);
  });

  it('100: within a custom gradient', () => {
    const f = tf.customGradient((x: tf.Tensor) => ({
      value: tf.square(x),
      gradFn: (dy) => {
        const tape = new tf.GradientTape();
        const y = tape.record(() => {
          tape.watch(x);
          return tf.pow(x, 3);
        });
        return tf.linalg.matvec(tape.jacobian(y, x) as tf.Tensor, dy);
      },
    }));
    const x = f64([1, 2]);
    expect(jacobianOf(f, x)?.arraySync()).toEqual([
      [3, 0],
      [0, 12],
    ]);
  });

  it('empty targets and sources', () => {
    const x = tf.constant([1, 2]);
    expect(jacobianOf((t) => tf.slice(t.mul(t), [0], [0]), x)?.shape).toEqual([0, 2]);
    const e = tf.zeros([0, 3]);
    expect(jacobianOf((t) => t.mul(t), e)?.shape).toEqual([0, 3, 0, 3]);
    expect(jacobianOf((t) => tf.reduceSum(t), e)?.shape).toEqual([0, 3]);
    expect(jacobianOf((t) => tf.slice(t.mul(t), [0], [0]), x, { experimentalUsePfor: false })?.shape).toEqual([0, 2]);
  });

  it('inside the block: of either kind of tape, and recorded by outer tapes and accumulators', () => {
    const x = f64([1, 2]);
    for (const persistent of [true, false]) {
      const tape = new tf.GradientTape({ persistent });
      tape.record(() => {
        tape.watch(x);
        const y = tf.pow(x, 3);
        expect(tape.jacobian(y, x)?.arraySync()).toEqual([
          [3, 0],
          [0, 12],
        ]);
      });
    }
    const third = tf.jacobian(tf.jacobian(tf.jacobian((t: tf.Tensor) => tf.pow(t, 4))))(x);
    expect(third.shape).toEqual([2, 2, 2, 2]);
    expect(third.dataSync()[0]).toBe(24);
    expect(third.dataSync()[15]).toBe(48);
    expect(tf.reduceSum(third).item()).toBe(72);
    const mixed = (t: tf.Tensor): tf.Tensor =>
      tf.reduceSum(tf.sin(tf.matmul(tf.reshape(t, [2, 1]), tf.reshape(t, [1, 2]))));
    const want = tf.hessian(mixed)(x).arraySync();
    const accumulator = new tf.ForwardAccumulator(x, f64([1, 0]));
    const g = accumulator.record(() => tf.jacobian(mixed)(x));
    expectClose(accumulator.jvp(g)?.arraySync(), (want as number[][])[0], 1e-12);
    expectClose(
      tf
        .jacobian((t: tf.Tensor) => tf.jvp(mixed, [t], [f64([1, 0])]).tangent)(x)
        .arraySync(),
      (want as number[][])[0],
      1e-12,
    );
  });

  it('variables, nests, and a source twice', () => {
    const [v, w] = [new tf.Variable([1, 2]), new tf.Variable(3)];
    const tape = new tf.GradientTape();
    const y = tape.record(() => v.mul(w));
    const { a, b } = tape.jacobian(y, { a: [v, v], b: w });
    expect(a.map((t) => t?.arraySync())).toEqual([
      [
        [3, 0],
        [0, 3],
      ],
      [
        [3, 0],
        [0, 3],
      ],
    ]);
    expect(b?.arraySync()).toEqual([1, 2]);
  });

  it('74: Rosenbrock', () => {
    const f = (x: tf.Tensor): tf.Tensor => {
      const [a, b] = [x.at(':-1'), x.at('1:')];
      return tf.reduceSum(tf.add(tf.mul(tf.square(tf.sub(b, tf.square(a))), 100), tf.square(tf.sub(1, a))));
    };
    expectClose(
      tf
        .hessian(f)(f64([-1.2, 1]))
        .arraySync(),
      [
        [1330, 480],
        [480, 200],
      ],
      1e-12,
    );
  });

  it('76: a Hessian of matrices', () => {
    const x = random([2, 3]);
    const h = tf.hessian((t: tf.Tensor) => tf.reduceSum(tf.mul(tf.matmul(t, t, { transposeA: true }), 0.5)))(x);
    expect(h.shape).toEqual([2, 3, 2, 3]);
    const want = tf.einsum('ik,jl->ijkl', tf.eye(2, 2, { dtype: 'float64' }), tf.ones([3, 3], { dtype: 'float64' }));
    expectClose(h.arraySync(), want.arraySync(), 1e-12);
  });
});

describe('2H batchJacobian', () => {
  function batchOf(f: (x: tf.Tensor) => tf.Tensor, x: tf.Tensor, opts: tf.JacobianOptions = {}): tf.Tensor {
    const [tape, y] = tapeOf(x, () => f(x));
    return tape.batchJacobian(y, x, opts);
  }
  const m = tf.constant([
    [1, 2],
    [3, 4],
  ]);

  it('101: a square', () => {
    expect(batchOf(tf.square, m).arraySync()).toEqual([
      [
        [2, 0],
        [0, 4],
      ],
      [
        [6, 0],
        [0, 8],
      ],
    ]);
  });

  it('103: a product', () => {
    const w = tf.constant([
      [1, 2, 3, 4],
      [5, 6, 7, 8],
    ]);
    const one = [
      [1, 5],
      [2, 6],
      [3, 7],
      [4, 8],
    ];
    for (const opts of [{}, { experimentalUsePfor: false }, { parallelIterations: 1 }]) {
      expect(batchOf((x) => tf.matmul(x, w), m, opts).arraySync()).toEqual([one, one]);
    }
  });

  it('104: of a Jacobian', () => {
    const x = tf.ones([10, 2]);
    const [tape, dy] = tapeOf(x, () => tf.jacobian((t: tf.Tensor) => tf.reduceSum(tf.square(t)))(x));
    const j = tape.batchJacobian(dy, x);
    expect(j.arraySync()).toEqual(
      new Array(10).fill([
        [2, 0],
        [0, 2],
      ]),
    );
  });

  it('106: unconnected', () => {
    for (const dtype of ['float32', 'float64'] as const) {
      const tape = new tf.GradientTape({ persistent: true });
      const [x, y] = [tf.constant([[1]]), tf.constant([[2]], { dtype })];
      tape.record(() => tape.watch([x, y]));
      for (const unconnectedGradients of ['none', 'zero'] as const) {
        const j = tape.batchJacobian(y, x, { unconnectedGradients });
        expect([j.arraySync(), j.dtype]).toEqual([[[[0]]], dtype]);
      }
    }
  });

  it('has the dtype of its source, also of a target of another one that is wider', () => {
    for (const [from, to] of [
      ['float64', 'float32'],
      ['float32', 'float64'],
    ] as const) {
      const x = tf.constant([[1, 2]], { dtype: from });
      const tape = new tf.GradientTape({ persistent: true });
      const y = tape.record(() => {
        tape.watch(x);
        return tf.tile(tf.cast(tf.square(x), to), [1, 3]);
      });
      for (const experimentalUsePfor of [true, false]) {
        const j = tape.jacobian(y, x, { experimentalUsePfor });
        expect([j?.dtype, j?.shape]).toEqual([from, [1, 6, 1, 2]]);
        const b = tape.batchJacobian(y, x, { experimentalUsePfor });
        expect([b.dtype, b.arraySync()]).toEqual([from, [[2, 0, 2, 0, 2, 0].map((_, i) => (i % 2 ? [0, 4] : [2, 0]))]]);
      }
    }
  });

  it('107: empty axes', () => {
    expect(batchOf(tf.square, tf.zeros([1, 0])).shape).toEqual([1, 0, 0]);
    expect(batchOf(tf.square, tf.zeros([0, 2])).shape).toEqual([0, 2, 2]);
  });

  it('109: its gradient', () => {
    const x = f64([[1, 2]]);
    const f = (t: tf.Tensor): tf.Tensor => tf.reduceSum(tf.square(batchOf((u) => tf.cumsum(tf.cos(u), 1), t)));
    const g = tf.grad(f)(x).arraySync() as number[][];
    // The matrix is [[-sin a, 0], [-sin a, -sin b]].
    expectClose(g, [[4 * Math.sin(1) * Math.cos(1), 2 * Math.sin(2) * Math.cos(2)]], 1e-12);
  });

  it('ranks and batches that do not fit', () => {
    const tape = new tf.GradientTape({ persistent: true });
    const [y, v] = tape.record(() => {
      tape.watch(m);
      return [m.mul(m), tf.reduceSum(m, 1)] as const;
    });
    const rank = expectError(() => tape.batchJacobian(v, m), tf.ShapeError, 'ERR_SHAPE');
    expect(rank.message).toContain('must have rank at least 2');
    const batch = expectError(() => tape.batchJacobian(y, tf.zeros([3, 2])), tf.ShapeError, 'ERR_SHAPE');
    expect(batch.message).toContain('Need first dimension of target shape');
    expect(codeOf(() => tape.batchJacobian(y, [m] as never))).toBe('ERR_NOT_A_TENSOR');
  });

  it('is jacobian of each example', () => {
    const f = (x: tf.Tensor): tf.Tensor => tf.nn.softmax(tf.matmul(tf.tanh(x), random([3, 5], 7)));
    const x = random([4, 3]);
    const rows = tf
      .unstack(x)
      .map((row) => jacobianOf((t) => tf.reshape(f(tf.reshape(t, [1, 3])), [5]), row) as tf.Tensor);
    expectClose(batchOf(f, x).arraySync(), tf.stack(rows).arraySync(), 1e-12);
    const wide = (t: tf.Tensor): tf.Tensor => f(tf.slice(t, [0, 0], [4, 3]));
    expectClose(
      batchOf(wide, tf.concat([x, x], 1))
        .at('...', ':3')
        .arraySync(),
      tf.stack(rows).arraySync(),
      1e-12,
    );
  });
});

describe('how it is computed', () => {
  const f = (x: tf.Tensor): tf.Tensor => {
    const h = tf.tanh(tf.matmul(x, random([6, 4], 3)));
    return tf.add(tf.nn.softmax(tf.matmul(h, random([4, 6], 4))), tf.square(x));
  };

  it('in chunks: the same result', () => {
    const x = random([3, 6]);
    const want = jacobianOf(f, x)?.arraySync();
    const before = tf.config.jacobianBytes;
    tf.config.jacobianBytes = 4096;
    try {
      expectClose(jacobianOf(f, x)?.arraySync(), want, 1e-14);
    } finally {
      tf.config.jacobianBytes = before;
    }
    expectClose(jacobianOf(f, x, { parallelIterations: 5 })?.arraySync(), want, 1e-14);
    expectClose(jacobianOf(f, x, { experimentalUsePfor: false })?.arraySync(), want, 1e-14);
    expect(() => {
      tf.config.jacobianBytes = 3;
    }).toThrow('config.jacobianBytes');
  });

  it('takes memory within the budget', () => {
    const x = tf.constant(
      Float32Array.from({ length: 1000 }, (_, i) => i / 1000),
      { shape: [1, 1000] },
    );
    const w = tf.ones([1000, 1000]);
    const before = tf.config.jacobianBytes;
    const peakWith = (bytes: number): number => {
      tf.config.jacobianBytes = bytes;
      tf.clearMemory();
      const j = jacobianOf((t) => tf.tanh(tf.matmul(tf.tanh(tf.matmul(tf.tanh(tf.matmul(t, w)), w)), w)), x);
      j?.dataSync();
      return tf.memory().arenaBytes;
    };
    try {
      expect(peakWith(2 ** 20)).toBeLessThan(4 * 2 ** 20);
    } finally {
      tf.config.jacobianBytes = before;
    }
  });

  it('custom gradients that look at a cotangent, or are not linear, say what to do', () => {
    const looking = tf.customGradient((x: tf.Tensor) => ({
      value: tf.square(x),
      gradFn: (dy) => tf.constant(dy.dataSync()).mul(x).mul(2),
    }));
    const x = f64([1, 2]);
    const thenSum = (t: tf.Tensor): tf.Tensor => tf.cumsum(looking(t));
    const error = errorOf(() => jacobianOf(thenSum, x));
    expect(error.message).toContain('experimentalUsePfor: false');
    expect(jacobianOf(thenSum, x, { experimentalUsePfor: false })?.arraySync()).toEqual([
      [2, 0],
      [2, 4],
    ]);
  });

  it('eager and checkNumerics change nothing', () => {
    const x = random([3, 6]);
    const want = jacobianOf(f, x)?.arraySync();
    for (const setting of ['eager', 'checkNumerics', 'trackOrigin'] as const) {
      tf.config[setting] = true;
      try {
        expect(jacobianOf(f, x)?.arraySync()).toEqual(want);
      } finally {
        tf.config[setting] = false;
      }
    }
  });

  it('examples that no op mixes stay apart', () => {
    const x = random([64, 6]);
    const [tape, y] = tapeOf(x, () => f(x));
    tf.clearMemory();
    const j = tape.jacobian(y, x) as tf.Tensor;
    j.dataSync();
    expect(tf.memory().arenaBytes).toBeLessThan(2 ** 19); // a pass over all rows needs 1.2 MB for each value
    expectClose(j.arraySync(), jacobianOf(f, x, { experimentalUsePfor: false })?.arraySync(), 1e-14);
  });

  it('examples that an op mixes do not', () => {
    const mixing: ((t: tf.Tensor) => tf.Tensor)[] = [
      (t) => f(t).sub(tf.reduceMean(t, 0)),
      (t) => tf.nn.softmax(f(t), 0),
      (t) => tf.transpose(f(t)).mul(t),
      (t) => tf.matmul(f(t), tf.square(t)),
      (t) => tf.matmul(t, f(t), { transposeA: true }),
      (t) => tf.reverse(f(t), 0),
      (t) => tf.concat([tf.slice(f(t), [1, 0], [5, 6]), tf.slice(t, [0, 0], [1, 6])], 0),
      (t) => tf.einsum('ij,jk->ik', random([6, 6], 9), f(t)),
      (t) => tf.reshape(tf.transpose(tf.reshape(f(t), [6, 2, 3]), [1, 0, 2]), [6, 6]),
      (t) => tf.gather(f(t), tf.constant([1, 0, 3, 2, 5, 4], { dtype: 'int32' })),
    ];
    const x = random([6, 6]);
    for (const g of mixing) {
      expectClose(jacobianOf(g, x)?.arraySync(), jacobianOf(g, x, { experimentalUsePfor: false })?.arraySync(), 1e-13);
    }
  });

  it('a chain of elementwise ops stays diagonal', () => {
    const x = tf.constant(Float32Array.from({ length: 4096 }, (_, i) => i / 4096));
    const [tape, y] = tapeOf(x, () => tf.exp(tf.sin(tf.tanh(tf.mul(x, 2)))));
    tf.clearMemory();
    const j = tape.jacobian(y, x) as tf.Tensor;
    j.dataSync();
    expect(tf.memory().arenaBytes).toBeLessThan(2 ** 22); // no second matrix
    expect(j.shape).toEqual([4096, 4096]);
    expectClose(
      tf.linalg.matvec(j, tf.onesLike(x)).arraySync(),
      tf
        .grad(() => tf.exp(tf.sin(tf.tanh(tf.mul(x, 2)))))(x)
        .arraySync(),
    );
  });
});
