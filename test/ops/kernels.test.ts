// Elementwise kernels against plain JavaScript, on every ISA that this machine has.
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';
import { elementwiseKernels } from '../../lib/engine/addon.js';
import { registry } from '../../lib/op/registry.js';
import { read } from '../support/files.js';
import { numbers } from '../support/numbers.js';
import { restoreSettings } from '../support/settings.js';
import { binaryReference, float32Reference, int32Reference, referenceError, unaryReference } from './references.js';

// Kernels that are not exactly rounded have a line in accuracy.def, with more than half a unit in the last place.
const accuracy = read('native/kernels/accuracy.def');
const stated = [...accuracy.matchAll(/^ACCURACY\((\w+), *([\d.]+)/gm)];
const approximate = new Set(stated.filter(([, , ulps]) => Number(ulps) > 0.5).map(([, name]) => name as string));

const awkward = [
  0,
  -0,
  1,
  -1,
  0.5,
  -0.5,
  1.5,
  2.5,
  -2.5,
  3,
  1e-3,
  -1e-3,
  3e-39, // not normal in float32
  -7e-46,
  5e-324,
  1e-8,
  7.25,
  -7.25,
  30,
  -30,
  88,
  -88,
  1e4,
  -1e4,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  Number.NaN,
];

function valuesFor(dtype: tf.DType): number[] {
  const next = numbers(7);
  if (dtype === 'bool') return [0, 1];
  if (dtype === 'uint8') return [0, 1, 2, 3, 127, 128, 254, 255];
  if (dtype === 'int32') {
    const ints = [0, 1, -1, 2, -2, 3, 7, -7, 1000, -1000, 46341, 65536, 2 ** 31 - 1, -(2 ** 31)];
    return [...ints, ...Array.from({ length: 30 }, () => Math.floor(next() * 2 ** 32) - 2 ** 31)];
  }
  const floats = [...awkward, ...Array.from({ length: 40 }, () => (next() - 0.5) * 2 ** (next() * 12 - 4))];
  return dtype === 'float32' ? floats.map(Math.fround) : floats;
}

function roundTo(dtype: tf.DType, x: number): number {
  if (dtype === 'float32') return Math.fround(x);
  if (dtype === 'int32') return x | 0;
  if (dtype === 'uint8') return x & 255;
  return x;
}

function agree(got: number, want: number, dtype: tf.DType, name: string): boolean {
  const exact = !approximate.has(name);
  if (Number.isNaN(want)) return Number.isNaN(got);
  if (Object.is(got, want)) return true;
  if (dtype !== 'float32' && dtype !== 'float64') return got === want;
  if (exact || !Number.isFinite(want) || want === 0) return Object.is(got, want);
  const [epsilon, least] = dtype === 'float32' ? [2 ** -23, 2 ** -149] : [2 ** -52, Number.MIN_VALUE];
  const reference = (referenceError[name] ?? 0) * 2 ** -52 * Math.max(1, Math.abs(want));
  return Math.abs(got - want) <= Math.max(4 * epsilon * Math.abs(want), 2 * least) + reference;
}

function opOf(name: string): (...xs: tf.Tensor[]) => tf.Tensor {
  return (registry.get(name)?.fn ?? Reflect.get(tf, name)) as (...xs: tf.Tensor[]) => tf.Tensor;
}

const isas = tf.deviceInfo().isas;

restoreSettings();

describe.each(isas)('kernels against plain JavaScript on %s', (isa) => {
  const kernels = [...elementwiseKernels].map(([name, kernel]) => ({ name, ...kernel }));

  it.each(kernels.filter((k) => k.arity === 1))('$name', ({ name, dtypes }) => {
    tf.config.isa = isa;
    const reference = unaryReference[name];
    expect(reference, `no reference for ${name}`).toBeDefined();
    for (const dtype of dtypes) {
      const values = valuesFor(dtype);
      const out = opOf(name)(tf.constant(values, { dtype })).dataSync();
      values.forEach((x, i) => {
        const f = (dtype === 'int32' && int32Reference[name]) || (reference as (x: number) => number);
        const want = roundTo(dtype, f(x, x));
        const got = out[i] as number;
        // At the top of float32, float64's exp is finite where float32's is not: rounded alike.
        expect(agree(got, want, dtype, name), `${dtype} ${name}(${x}) = ${got}, not ${want}`).toBe(true);
      });
    }
  });

  it.each(kernels.filter((k) => k.arity === 2))('$name', ({ name, dtypes }) => {
    tf.config.isa = isa;
    const reference = binaryReference[name];
    expect(reference, `no reference for ${name}`).toBeDefined();
    for (const dtype of dtypes) {
      const values = valuesFor(dtype);
      const rows = tf.constant(values, { dtype, shape: [values.length, 1] });
      // An integer divided by zero is an error of its own, in evaluation.test.ts.
      const divides = name.startsWith('floor') && (dtype === 'int32' || dtype === 'uint8');
      // Between its poles a polygamma function of even order has zeros, where nobody is right to the last digits.
      const columns = values.filter((y) => !(divides && y === 0) && !(name === 'polygamma' && y < 0 && y % 1 !== 0));
      const out = opOf(name)(rows, tf.constant(columns, { dtype })).dataSync();
      values.forEach((x, i) => {
        columns.forEach((y, j) => {
          const f =
            (dtype === 'int32' && int32Reference[name]) ||
            (dtype === 'float32' && float32Reference[name]) ||
            (reference as (x: number, y: number) => number);
          // In float32 a quotient is rounded before its floor is taken.
          const rounded = name === 'floordiv' ? Math.floor(roundTo(dtype, x / y)) : f(x, y);
          const quotient = name === 'floordiv' && dtype === 'int32' ? Math.floor(x / y) : rounded;
          const squared = name === 'squaredDifference' && dtype === 'float32' ? Math.fround(x - y) ** 2 : quotient;
          const want = roundTo(dtype, squared);
          const got = out[i * columns.length + j] as number;
          const ok = agree(got, want, dtype, name);
          if (!ok) expect.fail(`${dtype} ${name}(${x}, ${y}) = ${got}, not ${want}`);
        });
      });
    }
  });

  it('single values, known or not, have the bits of a vector of them', () => {
    tf.config.isa = isa;
    for (const { name, arity, dtypes } of kernels.filter((k) => k.arity < 3)) {
      const op = opOf(name);
      for (const dtype of dtypes) {
        // Every third of them beside every fifth, of both parities.
        const xs = valuesFor(dtype).filter((_, i) => i % 3 === 0);
        const ys = valuesFor(dtype).filter((y, i) => i % 5 === 1 && !(y === 0 && name.startsWith('floor')));
        const pairs = arity === 1 ? xs.map((x) => [x]) : xs.flatMap((x) => ys.map((y) => [x, y]));
        const columns = Array.from({ length: arity }, (_, k) => pairs.map((pair) => pair[k] as number));
        const want = op(...columns.map((column) => tf.constant(column, { dtype }))).dataSync();
        const known = pairs.map((pair) => op(...pair.map((v) => tf.constant(v, { dtype }))));
        const late = pairs.map((pair) =>
          op(...pair.map((v) => tf.at(tf.concat([tf.constant([v, v], { dtype })], 0), 0))),
        );
        tf.evaluate(known, late);
        pairs.forEach((pair, i) => {
          for (const t of [known[i], late[i]]) {
            if (!Object.is(t?.dataSync()[0], want[i])) {
              expect.fail(`${dtype} ${name}(${pair}) alone is ${t?.dataSync()[0]}, in a vector ${want[i]}`);
            }
          }
        });
      }
    }
  });

  it('where', () => {
    tf.config.isa = isa;
    for (const dtype of elementwiseKernels.get('where')?.dtypes ?? []) {
      const values = valuesFor(dtype);
      const mask = values.map((_, i) => i % 3 === 0);
      const x = tf.constant(values, { dtype });
      const y = tf.constant([...values].reverse(), { dtype });
      const want = values.map((v, i) => (mask[i] ? v : (values[values.length - 1 - i] as number)));
      expect([...tf.where(mask, x, y).dataSync()]).toEqual(want);
    }
  });

  it('casts between all dtypes', () => {
    tf.config.isa = isa;
    const values = [0, 1, 2, 200, 255];
    const dtypes: tf.DType[] = ['float32', 'float64', 'int32', 'uint8', 'bool'];
    for (const from of dtypes) {
      for (const to of dtypes) {
        const given = from === 'bool' ? [0, 1, 1, 0, 1] : values;
        const want = to === 'bool' ? given.map((v) => Number(v !== 0)) : given;
        expect([...tf.cast(tf.constant(given, { dtype: from }), to).dataSync()], `${from} to ${to}`).toEqual(want);
      }
    }
    expect([...tf.cast([1.9, -1.9, 0.5], 'int32').dataSync()]).toEqual([1, -1, 0]);
  });
});
