// What elementwise kernels compute, in plain JavaScript. A new kernel has its reference here.

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

export const unaryReference: Record<string, (x: number) => number> = {
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
export const float32Reference: Record<string, (x: number, y: number) => number> = {
  tanhGrad: (x, y) => x * fround(1 - fround(y * y)),
  sigmoidGrad: (x, y) => x * fround(y * fround(1 - y)),
};
export const binaryReference: Record<string, (x: number, y: number) => number> = {
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
export const int32Reference: Record<string, (x: number, y: number) => number> = {
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

// In epsilons, relative to what is larger, the value or 1: how good the references above are.
export const referenceError: Record<string, number> = { erfc: 64, lgamma: 64, digamma: 64, polygamma: 1024 };
