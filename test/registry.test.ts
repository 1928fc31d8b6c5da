// Every op through the registry: gradients at orders 1 and 2, kernels against plain JavaScript on every ISA, and that
// ops, kernels, exports and methods name the same things.
import { readdirSync } from 'node:fs';
import * as tf from 'gradtape';
import { gradcheck } from 'gradtape/gradcheck';
import { afterEach, describe, expect, it } from 'vitest';
import { elementwiseKernels } from '../lib/engine/native.js';
import { type OpInfo, registry } from '../lib/op/op.js';

// A small generator (mulberry32), so that every run checks the same points.
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

type Interval = readonly [number, number];

function domainOf(info: OpInfo, operand: number): Interval {
  const domain = info.domain ?? [-2, 2];
  if (typeof domain[0] === 'number') return domain as Interval;
  return (domain as readonly Interval[])[operand] ?? [-2, 2];
}

const clearance = 0.02; // far more than the step of the central differences

function sample(info: OpInfo, shape: readonly number[], operand: number, next: () => number): tf.Tensor {
  const [low, high] = domainOf(info, operand);
  const size = shape.reduce((a, b) => a * b, 1);
  const values = Float64Array.from({ length: size }, () => {
    for (;;) {
      const x = low + (high - low) * next();
      if ((info.avoid ?? []).every((kink) => Math.abs(x - kink) > clearance)) return x;
    }
  });
  return tf.constant(values, { shape });
}

interface Check {
  readonly shapes: readonly (readonly number[])[];
  readonly call: (...xs: tf.Tensor[]) => tf.Tensor;
}

const unaryShapes = [[[2, 3]], [[]], [[0, 2]]];
const binaryShapes = [
  [
    [2, 3],
    [2, 3],
  ],
  [[2, 3], [3]],
  [
    [2, 1],
    [1, 3],
  ],
  [[], [2, 3]],
  [[2, 3], []],
  [[0, 3], [3]],
];

function checksOf(info: OpInfo): readonly Check[] {
  const call = info.fn as (...xs: tf.Tensor[]) => tf.Tensor;
  if (info.cases) return info.cases;
  if (info.family === 'unary') return unaryShapes.map((shapes) => ({ shapes, call }));
  if (info.family === 'binary') return binaryShapes.map((shapes) => ({ shapes, call }));
  return [];
}

const ops = [...registry].map(([key, info]) => ({ key, info }));
const differentiable = ops.filter(({ info }) => info.differentiable);

describe('gradients of every differentiable op, in float64, at orders 1 and 2', () => {
  it.each(differentiable)('$key', ({ key, info }) => {
    const checks = checksOf(info);
    expect(checks.length, `${key} has no case to check`).toBeGreaterThan(0);
    const next = numbers(key.length * 1009 + key.charCodeAt(0));
    for (const { shapes, call } of checks) {
      const xs = shapes.map((shape, k) => sample(info, shape, k, next));
      gradcheck(call, xs);
      gradcheck(call, xs, { order: 2 });
    }
  });

  it('an op without a gradient is unconnected, not zero', () => {
    for (const { key, info } of ops) {
      if (info.differentiable || info.family === 'other' || key.includes('logical')) continue;
      const tape = new tf.GradientTape();
      const x = tf.constant([0.5, 1.5]);
      const y = tape.record(() => {
        tape.watch(x);
        const out = (info.fn as (...xs: tf.Tensor[]) => unknown)(...(info.arity === 1 ? [x] : [x, x])) as tf.Tensor;
        return tf.cast(out, 'float32');
      });
      expect(tape.gradient(y, x), key).toBeNull();
    }
  });
});

describe('ops, kernels, exports and methods agree', () => {
  const byName = new Map(ops.map(({ info }) => [info.name, info]));

  it('every elementwise kernel of the addon has an op of its arity', () => {
    expect(elementwiseKernels.size).toBeGreaterThan(40);
    for (const [name, kernel] of elementwiseKernels) {
      const info = byName.get(name);
      expect(info, `kernel ${name} has no op`).toBeDefined();
      if (info?.family === 'unary') expect(kernel.arity, name).toBe(1);
      if (info?.family === 'binary') expect(kernel.arity, name).toBe(2);
    }
  });

  it('every elementwise op has a kernel that exists for some dtype', () => {
    for (const { key, info } of ops) {
      if (info.family === 'other') continue;
      const kernel = elementwiseKernels.get(info.name);
      expect(kernel, `op ${key} has no kernel`).toBeDefined();
      expect(kernel?.dtypes.length, key).toBeGreaterThan(0);
      expect(kernel?.toBool, key).toBe(info.family === 'predicate');
    }
  });

  it('every op is exported where its namespace says, and only there', () => {
    const top = tf as unknown as Record<string, unknown>;
    const nn = tf.nn as unknown as Record<string, unknown>;
    for (const { key, info } of ops) {
      if (info.namespace === '') expect(top[info.name], key).toBe(info.fn);
      if (info.namespace === 'nn') {
        expect(nn[info.name], key).toBe(info.fn);
        expect(top[info.name], `${info.name} has two spellings`).toBeUndefined();
      }
    }
    for (const [name, fn] of Object.entries(nn)) expect(registry.get(`nn.${name}`)?.fn, `nn.${name}`).toBe(fn);
  });

  it('every function of lib/ops that is exported at the top level is in the registry', async () => {
    const files = readdirSync(new URL('../lib/ops', import.meta.url)).filter(
      (name) => !['random.ts', 'indexed-slices.ts'].includes(name),
    );
    expect(files).toContain('math.ts');
    let checked = 0;
    for (const file of files) {
      const ops = (await import(`../lib/ops/${file}`)) as Record<string, unknown>;
      for (const [name, value] of Object.entries(ops)) {
        const exported = (tf as unknown as Record<string, unknown>)[name] === value;
        if (file === 'creation.ts' || name === 'convertToTensor' || !exported || typeof value !== 'function') continue;
        expect(registry.has(name) || registry.has(`internal.${name}`), `${name} of ${file}`).toBe(true);
        checked++;
      }
    }
    expect(checked).toBeGreaterThan(60);
  });

  it('every op whose first argument is a tensor is a method of tensors and variables', () => {
    const listed = new Set([
      'concat',
      'stack',
      'scatterNd',
      'scatterAdd',
      'reluGrad',
      'tanhGrad',
      'sigmoidGrad',
      'conv2dBackpropInput',
      'conv2dBackpropFilter',
    ]);
    for (const { key, info } of ops) {
      if (info.namespace === 'internal') {
        expect(listed.has(info.name), key).toBe(true);
        continue;
      }
      expect(Reflect.get(tf.Tensor.prototype, info.name), key).toBeTypeOf('function');
      expect(Reflect.get(tf.Variable.prototype, info.name), key).toBeTypeOf('function');
    }
    const x = tf.constant([
      [1, 2],
      [3, 4],
    ]);
    expect(x.mul(2).reduceSum(0).arraySync()).toEqual([8, 12]);
    expect(new tf.Variable(x).matmul(x, { transposeB: true }).arraySync()).toEqual(
      tf.matmul(x, x, { transposeB: true }).arraySync(),
    );
    expect(x.at('::-1', 0).arraySync()).toEqual([3, 1]);
  });
});

// ---- kernels against plain JavaScript ----

// Abramowitz and Stegun 7.1.6 near 0, and a continued fraction for erfc beyond: good to a few ULP of float64.
function erf(x: number): number {
  const a = Math.abs(x);
  if (Number.isNaN(x)) return x;
  if (a < 2) {
    let term = a;
    let sum = a;
    for (let n = 1; n < 80; n++) {
      term *= (2 * a * a) / (2 * n + 1);
      sum += term;
    }
    return Math.sign(x) * (2 / Math.sqrt(Math.PI)) * Math.exp(-a * a) * sum;
  }
  if (a > 6) return Math.sign(x);
  let f = 0;
  for (let k = 120; k > 0; k--) f = k / 2 / (a + f);
  return Math.sign(x) * (1 - Math.exp(-a * a) / Math.sqrt(Math.PI) / (a + f));
}

// The same series below 1, and the continued fraction beyond; 1 - erf is right to the last digits below 1/2.
function erfc(x: number): number {
  if (x < 0.5 || Number.isNaN(x)) return 1 - erf(x);
  if (x > 30) return 0;
  let f = 0;
  for (let k = 2000; k > 0; k--) f = k / 2 / (x + f);
  // exp(-x^2) by halves: x^2 has more digits than a double.
  const high = Math.fround(x);
  const power = Math.exp(-high * high) * Math.exp((high - x) * (high + x));
  return power / Math.sqrt(Math.PI) / (x + f);
}

// Stirling's series from 20 on, recurrences below, reflection for negative numbers. Near zeros the error is of the terms.
function lgamma(x: number): number {
  if (x <= 0) {
    if (Number.isInteger(x) || x === Number.NEGATIVE_INFINITY) return Number.POSITIVE_INFINITY;
    return Math.log(Math.PI / Math.abs(x * Math.sin(Math.PI * (x % 2)))) - lgamma(-x);
  }
  if (!(x < Number.POSITIVE_INFINITY)) return x;
  if (x < 1e-8) return -Math.log(x);
  let product = 1;
  let z = x;
  for (; z < 20; z++) product *= z;
  const w = 1 / (z * z);
  const tail = (1 / 12 - w * (1 / 360 - w * (1 / 1260 - w * (1 / 1680 - w / 1188)))) / z;
  return (z - 0.5) * Math.log(z) - z + 0.5 * Math.log(2 * Math.PI) + tail - Math.log(product);
}
function polygamma(n: number, x: number): number {
  if (!(n >= 0 && n < 172) || !Number.isInteger(n) || Number.isNaN(x) || x === Number.NEGATIVE_INFINITY)
    return Number.NaN;
  const even = n % 2 === 0;
  if (x <= 0 && Number.isInteger(x)) return even ? Number.NaN : Number.POSITIVE_INFINITY;
  let z = x;
  let sum = 0;
  const bernoulli = [1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730];
  let factorial = 1;
  for (let k = 2; k <= n; k++) factorial *= k;
  for (; z < 20 + Math.min(n, 200) * 2; z++) sum += n === 0 ? -1 / z : z ** -(n + 1);
  if (n === 0) {
    if (z === Number.POSITIVE_INFINITY) return z;
    return bernoulli.reduce((s, b, j) => s - b / (2 * j + 2) / z ** (2 * j + 2), Math.log(z) - 1 / (2 * z)) + sum;
  }
  let factor = (n + 1) / z;
  let tail = z / n + 0.5;
  let d = 2;
  bernoulli.forEach((b, j) => {
    tail += (b / d) * factor;
    d *= (2 * j + 3) * (2 * j + 4);
    factor *= ((n + 2 * j + 2) * (n + 2 * j + 3)) / (z * z);
  });
  return (even ? -1 : 1) * factorial * (sum + (z === Number.POSITIVE_INFINITY ? 0 : tail * z ** -(n + 1)));
}

function roundHalfEven(x: number): number {
  if (!Number.isFinite(x) || x === 0) return x;
  const below = Math.floor(x);
  const rest = x - below;
  const up = rest > 0.5 || (rest === 0.5 && below % 2 !== 0);
  const rounded = up ? below + 1 : below;
  return rounded === 0 && x < 0 ? -0 : rounded;
}

// JavaScript's power is ECMA's; C's and IEEE 754's 1^y is 1 whatever y.
function power(x: number, y: number): number {
  if (x === 1 || y === 0 || (x === -1 && Math.abs(y) === Number.POSITIVE_INFINITY)) return 1;
  return x ** y;
}

function floormod(x: number, y: number): number {
  const m = x % y;
  if (m === 0) return y < 0 || Object.is(y, -0) ? -0 : 0;
  return m < 0 !== y < 0 ? m + y : m;
}

const unaryReference: Record<string, (x: number) => number> = {
  identity: (x) => x,
  neg: (x) => -x,
  abs: Math.abs,
  sign: Math.sign,
  square: (x) => x * x,
  relu: (x) => Math.max(x, 0),
  sqrt: Math.sqrt,
  rsqrt: (x) => 1 / Math.sqrt(x),
  reciprocal: (x) => 1 / x,
  exp: Math.exp,
  expm1: Math.expm1,
  log: Math.log,
  log1p: Math.log1p,
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  asin: Math.asin,
  acos: Math.acos,
  atan: Math.atan,
  sinh: Math.sinh,
  cosh: Math.cosh,
  tanh: Math.tanh,
  asinh: Math.asinh,
  acosh: Math.acosh,
  atanh: Math.atanh,
  sigmoid: (x) => (x < 0 ? Math.exp(x) / (1 + Math.exp(x)) : 1 / (1 + Math.exp(-x))),
  softplus: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
  erf,
  erfc,
  lgamma,
  digamma: (x) => polygamma(0, x),
  floor: Math.floor,
  ceil: Math.ceil,
  round: roundHalfEven,
  isNan: (x) => Number(Number.isNaN(x)),
  isFinite: (x) => Number(Number.isFinite(x)),
  isInf: (x) => Number(Math.abs(x) === Number.POSITIVE_INFINITY),
  logicalNot: (x) => 1 - x,
};

// Of several roundings, each in float32.
const { fround } = Math;
const float32Reference: Record<string, (x: number, y: number) => number> = {
  tanhGrad: (x, y) => x * fround(1 - fround(y * y)),
  sigmoidGrad: (x, y) => x * fround(y * fround(1 - y)),
};
const binaryReference: Record<string, (x: number, y: number) => number> = {
  add: (x, y) => x + y,
  sub: (x, y) => x - y,
  mul: (x, y) => x * y,
  div: (x, y) => x / y,
  floordiv: (x, y) => Math.floor(x / y),
  floormod,
  pow: power,
  atan2: Math.atan2,
  polygamma,
  maximum: (x, y) => (x >= y || Number.isNaN(x) ? x : y),
  minimum: (x, y) => (x <= y || Number.isNaN(x) ? x : y),
  squaredDifference: (x, y) => (x - y) ** 2,
  reluGrad: (x, y) => (y > 0 ? x : 0),
  tanhGrad: (x, y) => x * (1 - y * y),
  sigmoidGrad: (x, y) => x * (y * (1 - y)),
  less: (x, y) => Number(x < y),
  lessEqual: (x, y) => Number(x <= y),
  greater: (x, y) => Number(x > y),
  greaterEqual: (x, y) => Number(x >= y),
  equal: (x, y) => Number(x === y),
  notEqual: (x, y) => Number(x !== y),
  logicalAnd: (x, y) => x & y,
  logicalOr: (x, y) => x | y,
  logicalXor: (x, y) => x ^ y,
};

// Of integers, where arithmetic wraps.
const int32Reference: Record<string, (x: number, y: number) => number> = {
  mul: Math.imul,
  square: (x) => Math.imul(x, x),
  squaredDifference: (x, y) => Math.imul(x - y, x - y),
  pow: (x, y) => {
    if (y < 0) return x === 1 ? 1 : x === -1 ? (y % 2 === 0 ? 1 : -1) : 0;
    let result = 1;
    let base = x;
    for (let e = y; e > 0; e = Math.floor(e / 2)) {
      if (e % 2 === 1) result = Math.imul(result, base);
      base = Math.imul(base, base);
    }
    return result;
  },
};

const approximate = new Set(
  'rsqrt exp expm1 log log1p sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh sigmoid softplus erf erfc lgamma'
    .concat(' digamma pow atan2 polygamma reciprocal div floormod')
    .split(' '),
);

// In epsilons, relative to what is larger, the value or 1: how good the references above are.
const referenceError: Record<string, number> = { erfc: 64, lgamma: 64, digamma: 64, polygamma: 1024 };

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
  const found = ops.find(({ info }) => info.name === name && info.family !== 'other') ?? {
    info: registry.get(name) as OpInfo,
  };
  return found.info.fn as (...xs: tf.Tensor[]) => tf.Tensor;
}

const isas = tf.deviceInfo().isas;
const chosen = tf.config.isa;

afterEach(() => {
  tf.config.isa = chosen;
});

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
