// Convolution and pooling: the cases of docs/semantics.md by number, TensorFlow's results (golden/convolution.json), a plain
// reference over random windows, and bits that depend on neither threads nor batch.
import fc from 'fast-check';
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';
import { sizeOf } from '../../lib/base/shape.js';
import { expectClose } from '../support/close.js';
import { readGolden } from '../support/files.js';
import { restoreSettings } from '../support/settings.js';
import { repeated } from '../support/thorough.js';

const counted = (...shape: number[]): tf.Tensor => tf.reshape(tf.range(1, sizeOf(shape) + 1), shape);
const list = (t: tf.Tensor | null | undefined): number[] => [...(t as tf.Tensor).dataSync()];

const { isas } = tf.deviceInfo();
restoreSettings();

/** The gradients of f at xs for a cotangent, or for ones. */
function gradients(f: (...xs: tf.Tensor[]) => tf.Tensor, xs: tf.Tensor[], ct?: tf.TensorLike): (tf.Tensor | null)[] {
  const tape = new tf.GradientTape();
  const y = tape.record(() => {
    tape.watch(xs);
    return f(...xs);
  });
  const given = ct === undefined ? {} : { outputGradients: tf.reshape(ct, y.shape) };
  return tape.gradient(y, xs, given) as (tf.Tensor | null)[];
}

describe('2R cases of docs/semantics.md', () => {
  const conv = (opts: tf.nn.Conv2dOptions) => (x: tf.Tensor, f: tf.Tensor) => tf.nn.conv2d(x, f, opts);

  it('248: one row of windows', () => {
    const [dx, df] = gradients(conv({ padding: 'VALID' }) as never, [counted(1, 2, 3, 1), counted(2, 2, 1, 1)], [1, 2]);
    expect(list(dx)).toEqual([1, 4, 4, 3, 10, 8]);
    expect(list(df)).toEqual([5, 8, 14, 17]);
  });

  it('250: strides leave elements that no window meets', () => {
    const xs = [counted(1, 3, 5, 1), counted(1, 3, 1, 1)];
    const [dx, df] = gradients(conv({ strides: 2 }) as never, xs, [1, 2, 3, 4]);
    expect(list(dx)).toEqual([1, 2, 5, 4, 6, 0, 0, 0, 0, 0, 3, 6, 13, 8, 12]);
    expect(list(df)).toEqual([92, 102, 112]);
  });

  it('251: dilation', () => {
    const xs = [counted(1, 2, 3, 1), counted(2, 2, 1, 1)];
    const [dx, df] = gradients(conv({ dilations: [1, 2] }) as never, xs, [1]);
    expect(list(dx)).toEqual([1, 0, 2, 3, 0, 4]);
    expect(list(df)).toEqual([1, 3, 4, 6]);
  });

  it('253: three channels', () => {
    const xs = [counted(1, 2, 3, 3), counted(2, 2, 3, 3)];
    const [dx, df] = gradients(conv({}) as never, xs, [1, 2, 3, 4, 5, 6]);
    const want = [14, 32, 50, 100, 163, 226, 167, 212, 257, 122, 140, 158, 478, 541, 604, 437, 482, 527];
    expect(list(dx)).toEqual(want);
    expect(list(df).slice(0, 12)).toEqual([17, 22, 27, 22, 29, 36, 27, 36, 45, 32, 43, 54]);
  });

  it('254: an empty batch', () => {
    const [dx, df] = gradients(conv({}) as never, [tf.zeros([0, 2, 3, 3]), counted(2, 2, 3, 3)]);
    expect(dx?.shape).toEqual([0, 2, 3, 3]);
    expect(df?.shape).toEqual([2, 2, 3, 3]);
    expect(list(df)).toEqual(new Array(36).fill(0));
  });

  const ones = tf.ones([1, 4, 4, 1]);
  const checkered = tf.constant([1, 0, 1, 0, 0, 1, 0, 1, 1, 0, 1, 0, 0, 1, 0, 1], { shape: [1, 4, 4, 1] });
  const nans = tf.fill([1, 4, 4, 1], Number.NaN);
  const dy = [11, 12, 13, 15, 16, 17, 19, 20, 21];
  const first = [11, 12, 13, 0, 15, 16, 17, 0, 19, 20, 21, 0, 0, 0, 0, 0];
  const pool = (x: tf.Tensor): tf.Tensor => tf.nn.maxPool2d(x, { ksize: 2, strides: 1 });

  it('211: ties go to the first in row-major order', () => {
    expect(list(gradients(pool, [ones], dy)[0])).toEqual(first);
  });

  it('212: overlapping windows add up', () => {
    const want = [11, 0, 25, 0, 0, 31, 0, 17, 19, 0, 41, 0, 0, 0, 0, 0];
    expect(list(gradients(pool, [checkered], dy)[0])).toEqual(want);
  });

  it('214: NaN is the largest', () => {
    expect(list(gradients(pool, [nans], dy)[0])).toEqual(first);
    const x = tf.constant([1, Number.NaN, 3, Number.NaN], { shape: [1, 2, 2, 1] });
    expect(list(pool(x))).toEqual([Number.NaN]);
    expect(list(gradients(pool, [x])[0])).toEqual([0, 1, 0, 0]);
  });

  it('256: the mean leaves padding out', () => {
    const x = counted(1, 3, 3, 1);
    const valid = gradients((t) => tf.nn.avgPool2d(t, { ksize: 2, strides: 1 }), [x], [1, 2, 3, 4]);
    expect(list(valid[0])).toEqual([0.25, 0.75, 0.5, 1, 2.5, 1.5, 0.75, 1.75, 1]);
    const same = gradients((t) => tf.nn.avgPool2d(t, { ksize: 2, padding: 'SAME' }), [x]);
    expect(list(same[0])).toEqual([0.25, 0.25, 0.5, 0.25, 0.25, 0.5, 0.5, 0.5, 1]);
  });

  it('257: max pool, and its gradient through the same elements at order 2', () => {
    const x = counted(1, 4, 4, 1);
    const halves = (t: tf.Tensor): tf.Tensor => tf.nn.maxPool2d(t, { ksize: 2 });
    expect(list(gradients(halves, [x], [1, 2, 3, 4])[0])).toEqual([0, 0, 0, 0, 0, 1, 0, 2, 0, 0, 0, 0, 0, 3, 0, 4]);
    const outer = new tf.GradientTape();
    const ct = tf.constant([1, 2, 3, 4], { shape: [1, 2, 2, 1] });
    const dx = outer.record(() => {
      outer.watch([x, ct]);
      const inner = new tf.GradientTape();
      const y = inner.record(() => {
        inner.watch(x);
        return halves(x);
      });
      return inner.gradient(y, x, { outputGradients: ct }) as tf.Tensor;
    });
    const [second, wrtCt] = outer.gradient(dx, [x, ct], { outputGradients: x });
    expect(list(second as tf.Tensor)).toEqual(new Array(16).fill(0));
    expect(list(wrtCt as tf.Tensor)).toEqual([6, 8, 14, 16]);
  });
});

// ---- TensorFlow ----

interface Golden {
  readonly op: 'conv2d' | 'depthwiseConv2d' | 'conv2dTranspose' | 'conv1d' | 'maxPool2d' | 'avgPool2d';
  readonly opts: never;
  readonly outputShape?: number[];
  readonly in: [number[], number[]][];
  readonly y: [number[], number[]];
  readonly ct: number[];
  readonly g: (number[] | null)[];
  readonly h: (number[] | null)[];
}
const golden = readGolden<Golden[]>('convolution.json');

describe('TensorFlow', () => {
  it.each(golden.map((one, i) => ({ ...one, i })))(
    'case $i: $op $opts',
    ({ op, opts, outputShape, y, ct, g, h, ...one }) => {
      const xs = one.in.map(([shape, elements]) => tf.constant(elements, { shape }));
      const call = (...ts: tf.Tensor[]): tf.Tensor => {
        const fn = tf.nn[op] as (...args: unknown[]) => tf.Tensor;
        return outputShape ? fn(...ts, outputShape, opts) : fn(...ts, opts);
      };
      const tolerance = op === 'avgPool2d' ? 1e-6 : 0;
      const cotangent = tf.constant(ct, { shape: y[0] });
      const outer = new tf.GradientTape();
      const total = outer.record(() => {
        outer.watch([...xs, cotangent]);
        const inner = new tf.GradientTape();
        const out = inner.record(() => {
          inner.watch(xs);
          return call(...xs);
        });
        expect(out.shape).toEqual(y[0]);
        expectClose(list(out), y[1], tolerance);
        const grads = inner.gradient(out, xs, { outputGradients: cotangent }) as tf.Tensor[];
        grads.forEach((t, k) => {
          if (g[k]) expectClose(list(t), g[k], tolerance);
        });
        return tf.square(grads[0] as tf.Tensor).reduceSum();
      });
      const seconds = outer.gradient(total, [...xs, cotangent], { unconnectedGradients: 'zero' }) as tf.Tensor[];
      seconds.forEach((t, k) => {
        if (h[k]) expectClose(list(t), h[k], tolerance * 10);
      });
    },
  );
});

// ---- a plain reference ----

interface Axis {
  readonly length: number;
  readonly taps: number;
  readonly stride: number;
  readonly dilation: number;
  readonly before: number;
  readonly result: number;
}

/** TensorFlow's rules, written down once more. */
function axisOf(length: number, taps: number, stride: number, dilation: number, pad: unknown): Axis {
  const reach = (taps - 1) * dilation + 1;
  const same = Math.ceil(length / stride);
  const missing = pad === 'SAME' ? Math.max((same - 1) * stride + reach - length, 0) : 0;
  const [before, after] = Array.isArray(pad) ? (pad as number[]) : [Math.floor(missing / 2), Math.ceil(missing / 2)];
  const room = length + (before as number) + (after as number) - reach;
  return {
    length,
    taps,
    stride,
    dilation,
    before: before as number,
    result: room < 0 ? 0 : Math.floor(room / stride) + 1,
  };
}

/** Calls f(result position, tap, image position) for all that meet. */
function meet(axis: Axis, f: (i: number, k: number, at: number) => void): void {
  for (let i = 0; i < axis.result; i++) {
    for (let k = 0; k < axis.taps; k++) {
      const at = i * axis.stride + k * axis.dilation - axis.before;
      if (at >= 0 && at < axis.length) f(i, k, at);
    }
  }
}

interface Sizes {
  readonly batch: number;
  readonly channels: number;
  readonly results: number;
  readonly rows: Axis;
  readonly columns: Axis;
}

/** f(element of the image, of the filter, of the result) for each of the form's products. */
function products(
  { batch, channels, results, rows, columns }: Sizes,
  f: (x: number, w: number, y: number) => void,
): void {
  for (let n = 0; n < batch; n++) {
    meet(rows, (i, k, row) => {
      meet(columns, (j, l, column) => {
        for (let c = 0; c < channels; c++) {
          for (let o = 0; o < results; o++) {
            f(
              ((n * rows.length + row) * columns.length + column) * channels + c,
              ((k * columns.taps + l) * channels + c) * results + o,
              ((n * rows.result + i) * columns.result + j) * results + o,
            );
          }
        }
      });
    });
  }
}

const anyAxis = fc.record({
  length: fc.integer({ min: 1, max: 15 }),
  taps: fc.integer({ min: 1, max: 5 }),
  stride: fc.integer({ min: 1, max: 4 }),
  dilation: fc.integer({ min: 1, max: 3 }),
  pads: fc.tuple(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 5 })),
});
const anyWindow = fc
  .record({
    batch: fc.integer({ min: 1, max: 3 }),
    channels: fc.oneof(fc.integer({ min: 1, max: 9 }), fc.constantFrom(16, 33, 50)),
    results: fc.oneof(fc.integer({ min: 1, max: 9 }), fc.constantFrom(16, 17, 32, 33, 70)),
    rows: anyAxis,
    columns: anyAxis,
    padding: fc.constantFrom('SAME', 'VALID', 'pads'),
  })
  .map(({ rows, columns, padding, ...rest }) => {
    const axis = (a: typeof rows): Axis =>
      axisOf(a.length, a.taps, a.stride, a.dilation, padding === 'pads' ? a.pads : padding);
    const opts = {
      strides: [rows.stride, columns.stride],
      dilations: [rows.dilation, columns.dilation],
      padding: padding === 'pads' ? [[0, 0], rows.pads, columns.pads, [0, 0]] : padding,
    } as tf.nn.Conv2dOptions;
    return { ...rest, rows: axis(rows), columns: axis(columns), opts };
  })
  .filter(({ rows, columns }) => rows.result > 0 && columns.result > 0);

// Small integers: every sum is exact, so a product that is lost or counted twice shows.
function integers(seed: number, shape: readonly number[], dtype: tf.DType): { t: tf.Tensor; v: number[] } {
  let state = seed;
  const v = Array.from({ length: sizeOf(shape) }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return ((state >>> 24) % 9) - 4;
  });
  return { t: tf.constant(v, { dtype, shape }), v };
}

describe.each(isas)('a plain reference on %s', (isa) => {
  const anyDType = fc.constantFrom<tf.DType>('float32', 'float64');

  it('conv2d and both its gradients', () => {
    tf.config.isa = isa;
    fc.assert(
      fc.property(anyWindow, anyDType, (w, dtype) => {
        const { batch, channels, results, rows, columns, opts } = w;
        const x = integers(1, [batch, rows.length, columns.length, channels], dtype);
        const f = integers(2, [rows.taps, columns.taps, channels, results], dtype);
        const g = integers(3, [batch, rows.result, columns.result, results], dtype);
        const y = new Array<number>(g.v.length).fill(0);
        const dx = new Array<number>(x.v.length).fill(0);
        const df = new Array<number>(f.v.length).fill(0);
        products(w, (p, q, r) => {
          (y[r] as number) += (x.v[p] as number) * (f.v[q] as number);
          (dx[p] as number) += (f.v[q] as number) * (g.v[r] as number);
          (df[q] as number) += (x.v[p] as number) * (g.v[r] as number);
        });
        const out = tf.nn.conv2d(x.t, f.t, opts);
        expect(out.shape).toEqual(g.t.shape);
        expect(list(out)).toEqual(y);
        expect(list(tf.nn.conv2dBackpropInput(x.t.shape, f.t, g.t, opts))).toEqual(dx);
        expect(list(tf.nn.conv2dBackpropFilter(x.t, f.t.shape, g.t, opts))).toEqual(df);
        expect(list(tf.nn.conv2dTranspose(g.t, f.t, x.t.shape, opts))).toEqual(dx);
      }),
      { numRuns: repeated(50, 150) },
    );
  });

  it('depthwiseConv2d and both its gradients', () => {
    tf.config.isa = isa;
    fc.assert(
      fc.property(anyWindow, fc.integer({ min: 1, max: 3 }), anyDType, (w, multiplier, dtype) => {
        const { batch, channels, rows, columns, opts } = w;
        const x = integers(1, [batch, rows.length, columns.length, channels], dtype);
        const f = integers(2, [rows.taps, columns.taps, channels, multiplier], dtype);
        const g = integers(3, [batch, rows.result, columns.result, channels * multiplier], dtype);
        const y = new Array<number>(g.v.length).fill(0);
        const dx = new Array<number>(x.v.length).fill(0);
        const df = new Array<number>(f.v.length).fill(0);
        products({ ...w, results: multiplier }, (p, q, pixel) => {
          // `products` counts results of one channel; here every channel has its own.
          const m = pixel % multiplier;
          const r = ((pixel - m) / multiplier) * channels * multiplier + (p % channels) * multiplier + m;
          (y[r] as number) += (x.v[p] as number) * (f.v[q] as number);
          (dx[p] as number) += (f.v[q] as number) * (g.v[r] as number);
          (df[q] as number) += (x.v[p] as number) * (g.v[r] as number);
        });
        expect(list(tf.nn.depthwiseConv2d(x.t, f.t, opts))).toEqual(y);
        const [gx, gf] = gradients(
          (a, b) => tf.nn.depthwiseConv2d(a as tf.Tensor, b as tf.Tensor, opts),
          [x.t, f.t],
          g.t,
        );
        expect(list(gx)).toEqual(dx);
        expect(list(gf)).toEqual(df);
      }),
      { numRuns: repeated(35, 100) },
    );
  });

  it('maxPool2d and avgPool2d with their gradients', () => {
    tf.config.isa = isa;
    const fits = anyWindow.filter(({ rows, columns, opts }) => {
      const explicit = Array.isArray(opts.padding);
      return (
        !explicit ||
        (opts.padding as readonly (readonly number[])[]).every(([p, q], d) => {
          const taps = d === 1 ? rows.taps : d === 2 ? columns.taps : 1;
          return (p as number) < taps && (q as number) < taps;
        })
      );
    });
    fc.assert(
      fc.property(fits, anyDType, ({ batch, channels, rows: r, columns: c, opts }, dtype) => {
        // Pools are not dilated.
        const pad = (d: number): unknown => (Array.isArray(opts.padding) ? opts.padding[d] : opts.padding);
        const rows = axisOf(r.length, r.taps, r.stride, 1, pad(1));
        const columns = axisOf(c.length, c.taps, c.stride, 1, pad(2));
        fc.pre(rows.result > 0 && columns.result > 0);
        const x = integers(1, [batch, rows.length, columns.length, channels], dtype);
        const g = integers(3, [batch, rows.result, columns.result, channels], dtype);
        const taken = new Array<number>(g.v.length).fill(-1);
        const sums = new Array<number>(g.v.length).fill(0);
        const counts = new Array<number>(g.v.length).fill(0);
        const each = (f: (p: number, q: number) => void): void =>
          products({ batch, channels: 1, results: 1, rows, columns }, (p, _, q) => {
            for (let k = 0; k < channels; k++) f(p * channels + k, q * channels + k);
          });
        each((p, q) => {
          const best = taken[q] as number;
          if (best < 0 || (x.v[p] as number) > (x.v[best] as number)) taken[q] = p;
          (sums[q] as number) += x.v[p] as number;
          (counts[q] as number)++;
        });
        const dmax = new Array<number>(x.v.length).fill(0);
        const dmean = new Array<number>(x.v.length).fill(0);
        taken.forEach((p, q) => {
          (dmax[p] as number) += g.v[q] as number;
        });
        each((p, q) => {
          (dmean[p] as number) += (g.v[q] as number) / (counts[q] as number);
        });
        const pool = { ksize: [r.taps, c.taps], strides: [r.stride, c.stride], padding: opts.padding as tf.nn.Padding };
        expect(list(tf.nn.maxPool2d(x.t, pool))).toEqual(taken.map((p) => x.v[p]));
        expect(list(gradients((t) => tf.nn.maxPool2d(t, pool), [x.t], g.t)[0])).toEqual(dmax);
        expectClose(
          list(tf.nn.avgPool2d(x.t, pool)),
          sums.map((s, q) => s / (counts[q] as number)),
          1e-6,
        );
        expectClose(list(gradients((t) => tf.nn.avgPool2d(t, pool), [x.t], g.t)[0]), dmean, 1e-5);
      }),
      { numRuns: repeated(50, 150) },
    );
  });
});

it('a channel that no vector fills, rows longer than a block, several units: float32 against float64', () => {
  for (const [batch, height, width, channels, results] of [
    [2, 3, 700, 5, 20],
    [9, 7, 7, 70, 40],
    [1, 40, 33, 130, 3],
  ] as const) {
    const x = tf.random.normal([batch, height, width, channels], { seed: 1 });
    const f = tf.random.normal([3, 3, channels, results], { seed: 2 });
    const opts = { padding: 'SAME', strides: [1, 1] } as const;
    const f64 = (t: tf.Tensor): tf.Tensor => tf.cast(t, 'float64');
    const y = tf.nn.conv2d(x, f, opts);
    expectClose(list(y), list(tf.nn.conv2d(f64(x), f64(f), opts)), 1e-4);
    const df = tf.nn.conv2dBackpropFilter(x, f.shape, y, opts);
    const want = list(tf.nn.conv2dBackpropFilter(f64(x), f.shape, f64(y), opts));
    const scale = Math.max(...want.map(Math.abs));
    expectClose(
      list(df).map((v) => v / scale),
      want.map((v) => v / scale),
      1e-5,
    );
  }
});

describe('bits', () => {
  const x = tf.random.normal([5, 23, 19, 37], { seed: 3 });
  const f = tf.random.normal([3, 3, 37, 41], { seed: 4 });
  const opts = { padding: 'SAME', strides: [2, 1] } as const;
  const all = (image: tf.Tensor): tf.Tensor[] => {
    const y = tf.nn.conv2d(image, f, opts);
    const deep = tf.nn.depthwiseConv2d(image, tf.slice(f, [0, 0, 0, 0], [3, 3, 37, 1]), opts);
    const pool = { ksize: 3, strides: 2 } as const;
    const tape = new tf.GradientTape();
    const top = tape.record(() => {
      tape.watch(image);
      return tf.nn.maxPool2d(image, pool);
    });
    return [
      y,
      tf.nn.conv2dBackpropInput(image.shape, f, y, opts),
      deep,
      tf.nn.avgPool2d(image, { ksize: 3, padding: 'SAME' }),
      top,
      tape.gradient(top, image) as tf.Tensor,
    ];
  };

  it.each([2, 3, 5])('are the same with %i threads', (threads) => {
    const run = (n: number): number[][] => {
      tf.config.threads = n;
      const y = tf.nn.conv2d(x, f, opts);
      const few = tf.slice(x, [0, 0, 0, 0], [5, 23, 19, 2]);
      const each = tf.slice(f, [0, 0, 0, 0], [3, 3, 37, 1]);
      const deep = gradients((w) => tf.nn.depthwiseConv2d(x, w as tf.Tensor, opts), [each])[0] as tf.Tensor;
      const dense = [
        tf.nn.conv2dBackpropFilter(x, f.shape, y, opts),
        tf.nn.conv2dBackpropFilter(few, [3, 3, 2, 41], y, opts),
      ];
      return [...all(x), deep, ...dense].map(list);
    };
    expect(run(threads)).toEqual(run(1));
  });

  it('do not depend on what else is in the batch', () => {
    const alone = all(tf.slice(x, [3, 0, 0, 0], [1, 23, 19, 37]));
    all(x).forEach((t, k) => {
      const part = tf.slice(t, [3, 0, 0, 0], [1, ...t.shape.slice(1)]);
      expect(list(part)).toEqual(list(alone[k]));
    });
  });
});
