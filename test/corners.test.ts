// Corners of the tape and of the first ops: what an audit against docs/semantics.md found (numbers in titles are its cases).
import * as tf from 'gradtape';
import { describe, expect, it, vi } from 'vitest';

type F = (x: tf.Tensor) => tf.Tensor;

function tapeOf<T>(x: tf.Tensor, f: (tape: tf.GradientTape) => T): [tf.GradientTape, T] {
  const tape = new tf.GradientTape();
  return [
    tape,
    tape.record(() => {
      tape.watch(x);
      return f(tape);
    }),
  ];
}

function derivative(f: F): (x: tf.Tensor) => tf.Tensor {
  return (x) => {
    const [tape, y] = tapeOf(x, () => f(x));
    const g = tape.gradient(y, x);
    if (g === null) throw new Error('unconnected');
    return g;
  };
}

const codeOf = (fn: () => unknown): { code: string; message: string } => {
  try {
    fn();
  } catch (error) {
    return error as { code: string; message: string };
  }
  throw new Error('expected an error');
};

describe('pad', () => {
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
    expect(codeOf(() => tf.pad(row(), [[3, 0]], { mode: 'REFLECT' })).code).toBe('ERR_SHAPE');
    expect(codeOf(() => tf.pad(row(), [[0, 4]], { mode: 'SYMMETRIC' })).message).toContain('at most 3');
    expect(codeOf(() => tf.pad(tf.zeros([0]), [[1, 0]], { mode: 'REFLECT' })).code).toBe('ERR_SHAPE');
    expect(codeOf(() => tf.pad(row(), [[1, 0]], { mode: 'edge' as 'REFLECT' })).code).toBe('ERR_OPTION');
  });
});

describe('tape', () => {
  it('66, 67: an inner persistent tape that watches what the outer one computed', () => {
    const x = tf.constant(3);
    const outer = new tf.GradientTape({ persistent: true });
    const [y, z] = outer.record(() => {
      outer.watch(x);
      const square = x.mul(x);
      const inner = new tf.GradientTape({ persistent: true });
      const twice = inner.record(() => {
        inner.watch(square);
        return square.mul(2);
      });
      const [g] = inner.gradient(twice, [square]);
      expect(inner.gradient(twice, square)?.item()).toBe(2);
      return [square.add(g as tf.Tensor), twice];
    });
    expect(outer.gradient(y, x)?.item()).toBe(6);
    expect(outer.gradient(z, x)?.item()).toBe(12);
  });

  it('76: the Hessian of half the sum of x^T x, row by row', () => {
    const [m, n] = [3, 2];
    const x = tf.random.normal([m, n], { seed: 1, dtype: 'float64' });
    const outer = new tf.GradientTape({ persistent: true });
    const first = outer.record(() => {
      outer.watch(x);
      const inner = new tf.GradientTape();
      const y = inner.record(() => {
        inner.watch(x);
        return tf.reduceSum(tf.matmul(tf.transpose(x), x).mul(0.5));
      });
      return inner.gradient(y, x) as tf.Tensor;
    });
    for (let i = 0; i < m; i++) {
      for (let a = 0; a < n; a++) {
        const one = tf.reshape(tf.oneHot(i * n + a, m * n, { dtype: 'float64' }), [m, n]);
        const row = outer.gradient(first, x, { outputGradients: one })?.arraySync();
        expect(row).toEqual(Array.from({ length: m }, (_, j) => new Array(n).fill(i === j ? 1 : 0)));
      }
    }
  });

  it.each(['float32', 'float64'] as const)('73: derivatives of x^4 at 0 stay connected, %s', (dtype) => {
    let f: F = (x) => tf.pow(x, 4);
    const found: number[] = [];
    for (let order = 0; order < 7; order++) {
      found.push(f(tf.constant(0, { dtype })).item());
      f = derivative(f);
    }
    expect(found).toEqual([0, 0, 0, 0, 24, 0, 0]);
  });

  it.each([0, 1, 2])('pow(x, %d) is differentiable any number of times', (n) => {
    const third = derivative(derivative(derivative((x) => tf.pow(x, n))));
    expect(third(tf.constant([3, 0])).arraySync()).toEqual([0, 0]);
  });

  it('outputGradients has the keys of the target and no others', () => {
    const x = tf.constant(2);
    const [tape, y] = tapeOf(x, () => ({ a: x.mul(2) }));
    const extra: Record<string, number> = { a: 1, b: 2 };
    expect(codeOf(() => tape.gradient(y, x, { outputGradients: extra })).code).toBe('ERR_STRUCTURE');
    expect(tape.gradient(y, x, { outputGradients: { a: 3 } })?.item()).toBe(6);
  });

  it('stopRecording of an async function', async () => {
    const x = tf.constant(2);
    const tape = new tf.GradientTape();
    const refused = tape.recordAsync(async () => {
      tape.watch(x);
      return tape.stopRecording(async () => {
        await null;
        return x.mul(x);
      });
    });
    await expect(refused).rejects.toMatchObject({ code: 'ERR_TAPE_ASYNC' });
    // Pausing is over, and the tape can go on.
    const y = tape.record(() => x.mul(3));
    expect(tape.gradient(y, x)?.item()).toBe(3);
  });

  it('a sparse gradient is a target, and takes a dense cotangent', () => {
    const rows = new tf.Variable([
      [1, 2],
      [3, 4],
      [5, 6],
    ]);
    const outer = new tf.GradientTape({ persistent: true });
    const first = outer.record(() => {
      const inner = new tf.GradientTape();
      const y = inner.record(() => tf.reduceSum(tf.pow(tf.gather(rows, [2, 0, 2]), 3)));
      return inner.gradient(y, rows) as tf.Tensor | tf.IndexedSlices;
    });
    expect(first).toBeInstanceOf(tf.IndexedSlices);
    const dense = (ct?: number[][]): unknown => {
      const g = outer.gradient([first], rows, ct ? { outputGradients: [ct] } : {});
      return tf.convertToTensor(g as tf.Tensor).arraySync();
    };
    // 6 x a row, twice where the row was read twice
    expect(dense()).toEqual([
      [6, 12],
      [0, 0],
      [60, 72],
    ]);
    const ct = [
      [1, 0],
      [9, 9],
      [0, 2],
    ];
    expect(dense(ct)).toEqual([
      [6, 0],
      [0, 0],
      [0, 144],
    ]);
    expect(codeOf(() => dense([[1, 0]])).code).toBe('ERR_SHAPE');
  });

  it('watch in a block that was left open across an await', async () => {
    const tape = new tf.GradientTape();
    const block = tape.enter();
    await null;
    expect(codeOf(() => tape.watch(tf.constant(1))).code).toBe('ERR_TAPE_CROSSED_AWAIT');
    block[Symbol.dispose]();
  });
});

describe('customGradient', () => {
  it('a gradient has the dtype of its argument', () => {
    const f = tf.customGradient((x: tf.Tensor) => ({
      value: x.mul(2),
      gradFn: () => tf.zeros([2], { dtype: 'float64' }),
    }));
    const x = tf.constant([1, 2]);
    const [tape, y] = tapeOf(x, () => f(x));
    expect(codeOf(() => tape.gradient(y, x))).toMatchObject({ code: 'ERR_CUSTOM_GRADIENT' });
  });

  it('slices as a gradient have the shape of their argument', () => {
    const slices = new tf.IndexedSlices(tf.ones([1, 2]), tf.constant([0], { dtype: 'int32' }), [4, 2]);
    const f = tf.customGradient((x: tf.Tensor) => ({ value: tf.reduceSum(x), gradFn: () => slices }));
    const x = tf.ones([3, 2]);
    const [tape, y] = tapeOf(x, () => f(x));
    expect(codeOf(() => tape.gradient(y, x))).toMatchObject({ code: 'ERR_CUSTOM_GRADIENT' });
  });

  it('121: a matrix of numbers is one argument', () => {
    const f = tf.customGradient((x: tf.Tensor, weights: number[][]) => ({
      value: x.mul(weights),
      gradFn: (ct) => [ct.mul(weights), null],
    }));
    const x = tf.constant([[1], [2]]);
    const [tape, y] = tapeOf(x, () => f(x, [[3], [4]]));
    expect(tape.gradient(y, x)?.arraySync()).toEqual([[3], [4]]);
  });

  it('options and defaults are no arguments', () => {
    const power = (x: tf.Tensor, opts?: { mode: string }): tf.Tensor => (opts?.mode === 'cube' ? x.pow(3) : x.mul(x));
    const x = tf.constant(3);
    const recomputed = tf.recomputeGrad(power);
    const [a, y] = tapeOf(x, () => recomputed(x, { mode: 'cube' }));
    expect(a.gradient(y, x)?.item()).toBe(27);
    const [b, z] = tapeOf(x, () => recomputed(x, undefined));
    expect(b.gradient(z, x)?.item()).toBe(6);
    const custom = tf.customGradient((t: tf.Tensor, mode: string) => ({
      value: power(t, { mode }),
      gradFn: (ct) => ct.mul(7),
    }));
    const [c, w] = tapeOf(x, () => custom(x, 'cube'));
    expect(c.gradient(w, x)?.item()).toBe(7);
  });

  it('recomputeGrad does not warn of its integer arguments', async () => {
    const said: string[] = [];
    const listen = (w: Error & { code?: string }): void => {
      said.push(w.code ?? '');
    };
    process.on('warning', listen);
    const f = tf.recomputeGrad((x: tf.Tensor, n: tf.Tensor) => x.mul(tf.cast(n, 'float32')));
    const x = tf.constant(2);
    const [tape, y] = tapeOf(x, () => f(x, tf.constant(3, { dtype: 'int32' })));
    expect(tape.gradient(y, x)?.item()).toBe(3);
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', listen);
    expect(said).not.toContain('GRADTAPE_WATCH_DTYPE');
  });
});

describe('random', () => {
  it.each(['float32', 'float64'] as const)('uniform stays below maxval where the sum rounds up, %s', (dtype) => {
    const width = dtype === 'float32' ? 2 ** -20 : 2 ** -48;
    const values = tf.random.uniform([10_000], { dtype, minval: 8, maxval: 8 + width, seed: 1 }).dataSync();
    expect(Math.max(...values)).toBeLessThan(8 + width);
    expect(Math.min(...values)).toBe(8);
  });

  it('uniform integers stay below maxval', () => {
    // The number 1467 of this seed is 1 - 1.02e-7: added to 2^31 - 2 as a double it would round up to maxval.
    const values = tf.random.uniform([1500], { dtype: 'int32', minval: 2 ** 31 - 2, maxval: 2 ** 31 - 1, seed: 707 });
    expect(new Set(values.dataSync())).toEqual(new Set([2 ** 31 - 2]));
  });

  it('an interval too wide for its dtype', () => {
    expect(codeOf(() => tf.random.uniform([2], { minval: -3e38, maxval: 3e38 })).code).toBe('ERR_OPTION');
  });

  it('is differentiable with respect to its parameters', () => {
    const mean = new tf.Variable(1);
    const stddev = new tf.Variable([2, 3]);
    const tape = new tf.GradientTape();
    const x = tape.record(() => tf.random.normal([4, 2], { mean, stddev, seed: 5 }));
    const z = tf.random.normal([4, 2], { seed: 5 });
    const [dMean, dStddev] = tape.gradient(x, [mean, stddev]);
    expect(dMean?.item()).toBe(8);
    expect(dStddev?.arraySync()).toEqual(tf.reduceSum(z, 0).arraySync());

    const low = new tf.Variable(-1);
    const again = new tf.GradientTape();
    const u = again.record(() => tf.random.uniform([8], { minval: low, maxval: 3, seed: 5 }));
    const unit = tf.random.uniform([8], { seed: 5 });
    expect(u.arraySync()).toEqual(unit.mul(4).sub(1).arraySync());
    expect(again.gradient(u, low)?.item()).toBeCloseTo(8 - tf.reduceSum(unit).item(), 5);
  });
});

describe('ops', () => {
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
    expect(codeOf(() => (tf.where as (c: boolean, x: number) => tf.Tensor)(true, 1)).code).toBe('ERR_OPTION');
  });

  it('dropout with one fate for each row', () => {
    const kept = tf.nn.dropout(tf.ones([50, 3]), 0.5, { seed: 2, noiseShape: [null, 1] });
    const rows = new Set((kept.arraySync() as number[][]).map((r) => r.join()));
    expect([...rows].sort()).toEqual(['0,0,0', '2,2,2']);
    expect(codeOf(() => tf.nn.dropout(tf.ones([4, 3]), 0.5, { noiseShape: [2, 1] })).code).toBe('ERR_SHAPE');
  });

  it('a large sparse gradient warns before it is made dense', () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const slices = new tf.IndexedSlices(tf.ones([1]), tf.constant([0], { dtype: 'int32' }), [1e8]);
    slices.toTensor();
    slices.toTensor();
    expect(warn.mock.calls.map(([text]) => text)).toEqual([
      'Converting sparse IndexedSlices to a dense Tensor with 100000000 elements. This may consume a large amount of memory.',
    ]);
    warn.mockRestore();
  });
});
