// Special functions against numbers of mpmath (golden/special.json), to a stated number of ULPs; what they do at the ends of
// their domains; and elementwise ops beside them: bits, cut division, sums of lists.
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';
import { specialFunctions } from '../../lib/engine/addon.js';
import { readGolden } from '../support/files.js';

type Rows = readonly (readonly number[])[];
const golden = readGolden<Readonly<Record<string, Rows>>>('special.json');

/** ULPs of float64 of the result; and of 1, for what has zeros. */
const bounds: Readonly<Record<string, readonly [ulp: number, one: number]>> = {
  erfinv: [3, 0],
  ndtri: [4, 0],
  dawsn: [24, 0],
  expint: [24, 2],
  fresnelCos: [3, 2],
  fresnelSin: [4, 2],
  spence: [4, 2],
  besselI0: [10, 0],
  besselI0e: [10, 0],
  besselI1: [10, 0],
  besselI1e: [10, 0],
  besselK0: [6, 0],
  besselK0e: [6, 0],
  besselK1: [6, 0],
  besselK1e: [6, 0],
  besselJ0: [2, 2],
  besselJ1: [2, 2],
  besselY0: [4, 4],
  besselY1: [4, 4],
  igamma: [64, 0],
  igammac: [64, 0],
  igammaGradA: [64, 16],
  igammaGradAA: [64, 16],
  zeta: [16, 0],
  betainc: [64, 0],
};

type Fn = (...operands: tf.Tensor[]) => tf.Tensor;

/** The derivative of igamma with respect to its first operand, of an order. */
function gammaGradient(order: number, a: tf.Tensor, x: tf.Tensor): tf.Tensor {
  if (order === 0) return tf.igamma(a, x);
  const tape = new tf.GradientTape();
  const y = tape.record(() => {
    tape.watch(a);
    return gammaGradient(order - 1, a, x);
  });
  return tape.gradient(y, a) as tf.Tensor;
}

function functionOf(name: string): Fn {
  if (name === 'igammaGradA') return (a, x) => gammaGradient(1, a as tf.Tensor, x as tf.Tensor);
  if (name === 'igammaGradAA') return (a, x) => gammaGradient(2, a as tf.Tensor, x as tf.Tensor);
  return Reflect.get(tf, name) as Fn;
}

function columns(rows: Rows, dtype: tf.DType): tf.Tensor[] {
  const arity = (rows[0] as readonly number[]).length - 1;
  return Array.from({ length: arity }, (_, k) =>
    tf.constant(
      rows.map((row) => row[k] as number),
      { dtype },
    ),
  );
}

describe('special functions', () => {
  it('stand beside their right values, all of them', () => {
    const approximate = [...specialFunctions].filter(([, f]) => !f.dtypes.includes('int32')).map(([name]) => name);
    expect(Object.keys(golden).sort()).toEqual(approximate.filter((name) => name !== 'nextafter').sort());
  });

  it.each(Object.keys(golden))('%s: float64 to the stated ULPs, float32 rounded from it', (name) => {
    const rows = golden[name] as Rows;
    const [ulp, one] = bounds[name] as readonly [number, number];
    const fn = functionOf(name);
    const got = fn(...columns(rows, 'float64')).dataSync();
    rows.forEach((row, i) => {
      const want = row.at(-1) as number;
      const allowed = (ulp * Math.abs(want) + one) * 2 ** -52;
      if (!(Math.abs((got[i] as number) - want) <= allowed))
        expect.fail(`${name}(${row.slice(0, -1)}): ${got[i]}, not ${want}`);
    });
    if (name.startsWith('igammaGrad')) return; // a composition: its parts are rounded
    const singles = columns(rows, 'float32');
    const single = fn(...singles).dataSync();
    const double = fn(...singles.map((t) => tf.cast(t, 'float64'))).dataSync();
    expect([...single]).toEqual([...double].map(Math.fround));
  });

  it('end where they end', () => {
    const { POSITIVE_INFINITY: inf, NaN: nan } = Number;
    const at = (fn: Fn, ...xs: number[]): number => fn(...xs.map((x) => tf.constant(x, { dtype: 'float64' }))).item();
    expect([at(tf.erfinv as Fn, -1), at(tf.erfinv as Fn, 1), at(tf.erfinv as Fn, 1.5)]).toEqual([-inf, inf, nan]);
    expect([at(tf.ndtri as Fn, 0), at(tf.ndtri as Fn, 1), at(tf.ndtri as Fn, -1)]).toEqual([-inf, inf, nan]);
    expect([at(tf.besselY1 as Fn, 0), at(tf.besselK0 as Fn, -2), at(tf.besselJ1 as Fn, 0)]).toEqual([-inf, inf, 0]);
    expect([at(tf.igamma as Fn, 2, 0), at(tf.igamma as Fn, 2, inf), at(tf.igamma as Fn, -1, 2)]).toEqual([0, 1, nan]);
    expect([at(tf.zeta as Fn, 1, 2), at(tf.zeta as Fn, 2, -3), at(tf.zeta as Fn, 0.5, 1)]).toEqual([inf, inf, nan]);
    expect([at(tf.betainc as Fn, 2, 3, 0), at(tf.betainc as Fn, 2, 3, 1), at(tf.betainc as Fn, 2, 3, 1.5)]).toEqual([
      0,
      1,
      nan,
    ]);
    // Of enormous operands each takes bounded time.
    for (const x of [1e300, -1e300])
      for (const [name, { arity }] of specialFunctions) {
        const fn = Reflect.get(tf, name) as Fn | undefined;
        if (fn) expect(at(fn, ...new Array<number>(arity).fill(x)), name).toBeTypeOf('number');
      }
  });

  it('have no third derivative of igamma with respect to a: an error, not silence', () => {
    const a = tf.constant(2.5, { dtype: 'float64' });
    expect(() => gammaGradient(3, a, tf.constant(1.5, { dtype: 'float64' }))).toThrow(
      expect.objectContaining({ code: 'ERR_NO_GRADIENT', message: expect.stringMatching(/^igamma: /) }),
    );
  });

  it('besselI1 and besselJ1 have derivative 1/2 at 0, and second derivative 0', () => {
    for (const fn of [tf.besselI1, tf.besselI1e, tf.besselJ1]) {
      const x = tf.constant([0]);
      const outer = new tf.GradientTape();
      const first = outer.record(() => {
        outer.watch(x);
        const inner = new tf.GradientTape();
        const y = inner.record(() => {
          inner.watch(x);
          return fn(x);
        });
        return inner.gradient(y, x) as tf.Tensor;
      });
      expect(first.arraySync()).toEqual([0.5]);
      expect(outer.gradient(first, x)?.arraySync()).toEqual([0]);
    }
  });
});

describe('cut division', () => {
  it('of integers by zero is an error that names the function', () => {
    for (const [name, fn] of Object.entries({ truncatediv: tf.truncatediv, truncatemod: tf.truncatemod })) {
      for (const dtype of ['int32', 'uint8'] as const) {
        const q = fn(tf.constant([1, 2], { dtype }), tf.constant([1, 0], { dtype }));
        expect(() => q.dataSync()).toThrow(
          expect.objectContaining({ code: 'ERR_DIVISION_BY_ZERO', message: expect.stringContaining(`${name}: `) }),
        );
      }
      expect(fn([1], [0]).arraySync()).toEqual([name === 'truncatediv' ? Number.POSITIVE_INFINITY : Number.NaN]);
    }
  });
  it('wraps around at the end of int32, and keeps the sign of x', () => {
    const least = tf.constant([-(2 ** 31), -7, 7], { dtype: 'int32' });
    const by = tf.constant([-1, 2, -2], { dtype: 'int32' });
    expect(tf.truncatediv(least, by).arraySync()).toEqual([-(2 ** 31), -3, -3]);
    expect(tf.truncatemod(least, by).arraySync()).toEqual([0, -1, 1]);
    expect(tf.truncatemod([5.5, -5.5, 1e30], 3).dataSync()).toEqual(Float32Array.of(2.5, -2.5, Math.fround(1e30) % 3));
  });
});

describe('bits', () => {
  const numbers = [0, 1, -1, 1000, -1000, 2 ** 31 - 1, -(2 ** 31)];
  it('are those of JavaScript', () => {
    const x = tf.constant(numbers, { dtype: 'int32', shape: [numbers.length, 1] });
    const y = tf.constant(numbers, { dtype: 'int32' });
    const table = (f: (a: number, b: number) => number): number[][] => numbers.map((a) => numbers.map((b) => f(a, b)));
    const { bitwise } = tf;
    expect(bitwise.bitwiseAnd(x, y).arraySync()).toEqual(table((a, b) => a & b));
    expect(bitwise.bitwiseOr(x, y).arraySync()).toEqual(table((a, b) => a | b));
    expect(bitwise.bitwiseXor(x, y).arraySync()).toEqual(table((a, b) => a ^ b));
    expect(bitwise.invert(y).arraySync()).toEqual(numbers.map((a) => ~a));
    expect(bitwise.leftShift(y, 3).arraySync()).toEqual(numbers.map((a) => a << 3));
    expect(bitwise.rightShift(y, 3).arraySync()).toEqual(numbers.map((a) => a >> 3));
  });
  it('are of int32 where there are numbers alone', () => {
    expect(tf.bitwise.bitwiseAnd([6, 5], 3).toString()).toBe('tf.Tensor([2 1], shape=(2,), dtype=int32)');
    expect(tf.bitwise.invert(5).item()).toBe(-6);
  });
  it('are of integers only', () => {
    const message = 'bitwiseAnd: expected dtype int32 or uint8, got float32';
    expect(() => tf.bitwise.bitwiseAnd(tf.constant([1]), [2])).toThrow(
      expect.objectContaining({ code: 'ERR_DTYPE', message: expect.stringContaining(message) }),
    );
    expect(() =>
      tf.bitwise.leftShift(tf.constant([1], { dtype: 'int32' }), tf.constant([1], { dtype: 'uint8' })),
    ).toThrow(expect.objectContaining({ code: 'ERR_DTYPE', message: expect.stringContaining('leftShift: ') }));
  });
});

describe('arguments', () => {
  const refusals: readonly (readonly [() => unknown, string, string])[] = [
    [() => tf.xlogy([1, 2], [1, 2, 3]), 'ERR_SHAPE', 'xlogy: '],
    [
      () => tf.igamma(tf.constant([1], { dtype: 'int32' }), tf.constant([1], { dtype: 'int32' })),
      'ERR_DTYPE',
      'igamma: expected dtype float32 or float64, got int32',
    ],
    [() => tf.betainc(1, 2, tf.constant([true])), 'ERR_DTYPE', 'betainc: '],
    [() => tf.erfinv('x' as never), 'ERR_NOT_A_TENSOR', 'erfinv: '],
    [() => (tf.xdivy as (...xs: unknown[]) => unknown)(1, 2, {}), 'ERR_OPTION', 'xdivy: '],
    [() => tf.rint(tf.constant([1], { dtype: 'int32' })), 'ERR_DTYPE', 'rint: '],
    [() => tf.addN([]), 'ERR_VALUE', 'addN: inputs must be at least one tensor'],
    [() => tf.addN(3 as never), 'ERR_VALUE', 'addN: inputs must be a list of tensors, got 3'],
    [() => tf.addN([[1, 2], [1]]), 'ERR_SHAPE', 'addN: inputs must have one shape, got [2] and, inputs[1], [1]'],
    [() => tf.addN([tf.constant([1]), tf.constant([1], { dtype: 'int32' })]), 'ERR_DTYPE', 'addN: '],
    [() => tf.lbeta(2), 'ERR_SHAPE', 'lbeta: x must have an axis'],
    [() => tf.nn.glu([1, 2, 3]), 'ERR_SHAPE', 'glu: the axis to halve must have an even length, got 3'],
    [() => tf.nn.glu([1, 2], 1), 'ERR_AXIS', 'glu: '],
    [() => tf.nn.celu([1], 0), 'ERR_VALUE', 'celu: alpha must be a number other than 0, got 0'],
    [() => tf.nn.prelu([1, 2], [1, 2, 3]), 'ERR_SHAPE', 'prelu: '],
    [() => tf.divideNoNan(tf.constant([true]), tf.constant([true])), 'ERR_DTYPE', 'divideNoNan: '],
  ];
  it.each(refusals.map(([call, code, text]) => ({ call, code, text })))('$text', ({ call, code, text }) => {
    expect(call).toThrow(expect.objectContaining({ code, message: expect.stringContaining(text) }));
  });

  it('are taken by expr and by methods', () => {
    const x = tf.constant([0.5, 2]);
    expect((tf.expr`besselJ0(${x})` as tf.Tensor).arraySync()).toEqual(x.besselJ0().arraySync());
    expect(x.softsign().arraySync()).toEqual(tf.nn.softsign(x).arraySync());
    expect(() => tf.expr`bitwise_and(${x}, ${x})`).toThrow("write 'bitwise.bitwiseAnd'");
  });
});
