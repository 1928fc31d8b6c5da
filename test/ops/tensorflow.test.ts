// gradtape against TensorFlow: the values and gradients of golden/ops.json and golden/families, op by op, to a stated number of ULPs; where
// they differ, tensorflow.differences.json says so and docs/differences.md says why. An entry that is not needed fails.
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';
import { sizeOf } from '../../lib/base/shape.js';
import { goldenCases, read, readGolden } from '../support/files.js';

// ---- the golden file (golden/make-ops.py says what its fields mean) ----

type Numbers = number | string | readonly (number | string)[];
type Stored = readonly [dtype: string, shape: readonly number[], elements: Numbers];
interface Result {
  readonly y: readonly Stored[];
  readonly g?: readonly (Numbers | null)[];
  readonly h?: readonly (Numbers | null)[];
  readonly o?: readonly (Numbers | null)[];
  readonly error?: string;
}
interface Case {
  readonly name: string;
  readonly in: readonly Stored[];
  readonly args: readonly unknown[];
  readonly take?: readonly number[];
  readonly ct?: readonly Numbers[];
  readonly r: Readonly<Record<string, Result>>;
}
interface Run {
  readonly optimizer: 'SGD' | 'Adam' | 'AdamW';
  readonly options: Readonly<Record<string, number | boolean>>;
  readonly dtype: tf.DType;
  readonly states: readonly (readonly Numbers[])[];
}
interface Golden {
  readonly dropout: readonly {
    readonly dtype: tf.DType;
    readonly rate: number;
    readonly x: readonly number[];
    readonly kept: readonly number[];
    readonly grad: readonly number[];
  }[];
  readonly optimizers: {
    readonly start: readonly Numbers[];
    readonly steps: readonly (readonly Numbers[])[];
    readonly runs: readonly Run[];
  };
}

const golden = readGolden<Golden>('ops.json');
const allCases = goldenCases<Case>();

const asNumber = (x: number | string): number =>
  typeof x === 'number'
    ? x
    : x === 'nan'
      ? Number.NaN
      : x === 'inf'
        ? Number.POSITIVE_INFINITY
        : Number.NEGATIVE_INFINITY;

function numbersOf(stored: Numbers, size: number): number[] {
  return Array.isArray(stored) ? stored.map(asNumber) : new Array<number>(size).fill(asNumber(stored as number));
}

const arrayOf = { float32: Float32Array, float64: Float64Array, int32: Int32Array, uint8: Uint8Array } as const;

function tensorOf(numbers: readonly number[], dtype: tf.DType, shape: readonly number[]): tf.Tensor {
  if (dtype === 'bool') return tf.cast(tf.constant(Uint8Array.from(numbers), { shape }), 'bool');
  return tf.constant(arrayOf[dtype].from(numbers), { shape });
}

// ---- tolerances, in ULPs of the result ----

interface Tolerance {
  /** ULPs of the expected number. */
  readonly ulp: number;
  /** Beside them, an error of so many ULPs of 1: for results that are differences of numbers near 1. */
  readonly one?: number;
  /** Beside them, an error of so many ULPs of the largest number among result and operands: for sums. */
  readonly sum?: number;
}
const exact: Tolerance = { ulp: 0 };
const summed: Tolerance = { ulp: 1, sum: 16 };

const solved: Tolerance = { ulp: 4, sum: 16 };
/** Of what follows from vectors between which TensorFlow's own errors are divided by gaps of the spectrum. */
const spectral: Tolerance = { ulp: 4, sum: 64 };
/** Of functions that TensorFlow computes to a few ULPs of the result or of 1. */
const sizable: Tolerance = { ulp: 16, one: 16 };
/** Of functions that TensorFlow computes from logarithms of large numbers. */
const logarithmic: Tolerance = { ulp: 512, one: 16 };
const second: Tolerance = { ulp: 16, sum: 64 };

/**
 * [value, gradient] by op, or by op and first word of the case; what is not listed is exact. They hold for both float dtypes and every ISA, and TensorFlow's
 * own errors are part of them: its float32 functions are good to 2 or 3 ULPs.
 */
const tolerances: Readonly<Record<string, readonly [Tolerance, Tolerance]>> = {
  sqrt: [exact, { ulp: 2 }],
  rsqrt: [{ ulp: 2 }, { ulp: 8 }],
  reciprocal: [{ ulp: 2 }, { ulp: 6 }],
  exp: [{ ulp: 2 }, { ulp: 3 }],
  expm1: [{ ulp: 3 }, { ulp: 3 }],
  log: [{ ulp: 2 }, { ulp: 3 }],
  log1p: [{ ulp: 3 }, { ulp: 3 }],
  sin: [{ ulp: 2 }, { ulp: 3 }],
  cos: [{ ulp: 2 }, { ulp: 3 }],
  tan: [{ ulp: 3 }, { ulp: 6 }],
  tanh: [{ ulp: 5 }, { ulp: 4, one: 8 }],
  sigmoid: [{ ulp: 5 }, { ulp: 8, one: 2 }],
  softplus: [{ ulp: 3 }, { ulp: 8 }],
  erf: [{ ulp: 4 }, { ulp: 4 }],
  asin: [{ ulp: 3 }, { ulp: 3 }],
  acos: [{ ulp: 4 }, { ulp: 3 }],
  atan: [{ ulp: 3 }, { ulp: 3 }],
  sinh: [{ ulp: 3 }, { ulp: 3 }],
  cosh: [{ ulp: 2 }, { ulp: 3 }],
  asinh: [{ ulp: 2 }, { ulp: 64 }],
  acosh: [{ ulp: 2 }, { ulp: 64 }],
  atanh: [{ ulp: 2 }, { ulp: 3 }],
  erfc: [{ ulp: 4 }, { ulp: 3 }],
  lgamma: [
    { ulp: 3, one: 2 },
    { ulp: 4, one: 8 },
  ],
  digamma: [
    { ulp: 4, one: 4 },
    { ulp: 12, one: 2 },
  ],
  atan2: [{ ulp: 3 }, { ulp: 4, sum: 4 }],
  polygamma: [
    { ulp: 24, one: 4 },
    { ulp: 64, one: 4 },
  ],
  divideNoNan: [{ ulp: 1 }, summed],
  multiplyNoNan: [exact, summed],
  xlogy: [{ ulp: 3 }, { ulp: 4, sum: 4 }],
  xlog1py: [{ ulp: 3 }, { ulp: 4, sum: 4 }],
  xdivy: [exact, { ulp: 2, sum: 4 }],
  truncatemod: [{ ulp: 1, sum: 4 }, summed],
  nextafter: [exact, summed],
  addN: [exact, summed],
  logSigmoid: [{ ulp: 3 }, { ulp: 6 }],
  // Of float32 TensorFlow computes these in float32; some lose digits there beside their zeros.
  erfinv: [
    { ulp: 4, one: 2 },
    { ulp: 48, one: 2 },
  ],
  ndtri: [
    { ulp: 4, one: 4 },
    { ulp: 48, one: 2 },
  ],
  dawsn: [{ ulp: 4, one: 1 }, sizable],
  expint: [{ ulp: 16, one: 2 }, sizable],
  fresnelCos: [{ ulp: 4, one: 2 }, sizable],
  fresnelSin: [{ ulp: 4, one: 2 }, sizable],
  spence: [{ ulp: 4, one: 4 }, sizable],
  besselI0: [sizable, sizable],
  besselI0e: [sizable, sizable],
  besselI1: [sizable, sizable],
  besselI1e: [sizable, sizable],
  besselJ0: [sizable, sizable],
  besselJ1: [sizable, sizable],
  besselK0: [sizable, sizable],
  besselK0e: [sizable, sizable],
  besselK1: [sizable, sizable],
  besselK1e: [sizable, sizable],
  besselY0: [sizable, sizable],
  besselY1: [sizable, sizable],
  igamma: [logarithmic, logarithmic],
  igammac: [logarithmic, logarithmic],
  zeta: [sizable, sizable],
  betainc: [logarithmic, logarithmic],
  lbeta: [sizable, sizable],
  add: [exact, summed],
  sub: [exact, summed],
  mul: [exact, summed],
  div: [exact, summed],
  pow: [{ ulp: 3 }, { ulp: 4, sum: 4 }],
  maximum: [exact, summed],
  minimum: [exact, summed],
  squaredDifference: [exact, summed],
  floormod: [exact, summed],
  where: [exact, summed],
  clipByValue: [exact, summed],
  clipByNorm: [{ ulp: 3 }, { ulp: 4, sum: 2 }],
  clipByGlobalNorm: [{ ulp: 4 }, { ulp: 6, sum: 2 }],
  reduceSum: [summed, exact],
  reduceMean: [summed, { ulp: 1 }],
  reduceProd: [{ ulp: 8 }, { ulp: 16 }],
  reduceLogsumexp: [{ ulp: 2, one: 2 }, { ulp: 8 }],
  reduceVariance: [{ ulp: 6 }, { ulp: 2, sum: 1 }],
  reduceStd: [{ ulp: 3 }, { ulp: 4, sum: 1 }],
  tile: [exact, summed],
  repeat: [exact, summed],
  meshgrid: [exact, summed],
  'image.extractPatches': [exact, summed],
  pad: [exact, summed],
  broadcastTo: [exact, summed],
  gather: [exact, summed],
  gatherNd: [exact, summed],
  scatterNd: [summed, exact],
  matmul: [
    { ulp: 1, sum: 8 },
    { ulp: 1, sum: 8 },
  ],
  einsum: [
    { ulp: 1, sum: 16 },
    { ulp: 1, sum: 16 },
  ],
  tensordot: [
    { ulp: 1, sum: 8 },
    { ulp: 1, sum: 8 },
  ],
  'linalg.matvec': [
    { ulp: 1, sum: 8 },
    { ulp: 1, sum: 8 },
  ],
  'linalg.inner': [
    { ulp: 1, sum: 8 },
    { ulp: 1, sum: 8 },
  ],
  'linalg.cross': [summed, summed],
  'linalg.outer': [exact, summed],
  'linalg.kron': [exact, summed],
  norm: [{ ulp: 4 }, { ulp: 6 }],
  'nn.silu': [{ ulp: 4 }, { ulp: 8, one: 32 }],
  // The rounding of x / sqrt(2) counts six times at -2.5.
  'nn.gelu': [{ ulp: 6 }, { ulp: 4, one: 2 }],
  'nn.gelu approximate': [
    { ulp: 3, one: 6 },
    { ulp: 3, one: 48 },
  ],
  'nn.elu': [
    { ulp: 2, one: 1 },
    { ulp: 2, one: 2 },
  ],
  'nn.selu': [
    { ulp: 2, one: 2 },
    { ulp: 2, one: 4 },
  ],
  'nn.softsign': [{ ulp: 1 }, { ulp: 3 }],
  'nn.mish': [
    { ulp: 4, one: 2 },
    { ulp: 4, one: 4 },
  ],
  'nn.hardSigmoid': [exact, summed],
  'nn.hardSwish': [{ ulp: 1 }, { ulp: 2, one: 2 }],
  'nn.celu': [
    { ulp: 2, one: 1 },
    { ulp: 2, one: 2 },
  ],
  'nn.glu': [{ ulp: 4 }, { ulp: 8, one: 2 }],
  'nn.prelu': [exact, summed],
  'nn.softmax': [{ ulp: 4 }, { ulp: 4, one: 2 }],
  'nn.logSoftmax': [
    { ulp: 2, one: 2 },
    { ulp: 4, one: 4 },
  ],
  'nn.softmaxCrossEntropyWithLogits': [{ ulp: 3 }, { ulp: 4, one: 3 }],
  'nn.sparseSoftmaxCrossEntropyWithLogits': [{ ulp: 3 }, { ulp: 3, one: 1 }],
  'nn.sigmoidCrossEntropyWithLogits': [{ ulp: 3 }, { ulp: 3, one: 2 }],
  'nn.biasAdd': [exact, summed],
  cumsum: [summed, summed],
  cumprod: [exact, { ulp: 8, sum: 8 }],
  cumulativeLogsumexp: [
    { ulp: 3, one: 4 },
    { ulp: 16, one: 8 },
  ],
  segmentSum: [summed, exact],
  segmentMean: [summed, { ulp: 1 }],
  segmentMax: [exact, { ulp: 1 }],
  segmentMin: [exact, { ulp: 1 }],
  segmentProd: [{ ulp: 4 }, { ulp: 8 }],
  unsortedSegmentSum: [summed, exact],
  unsortedSegmentMean: [summed, { ulp: 1 }],
  unsortedSegmentSqrtN: [summed, { ulp: 2 }],
  unsortedSegmentMax: [exact, { ulp: 1 }],
  unsortedSegmentMin: [exact, { ulp: 1 }],
  unsortedSegmentProd: [{ ulp: 4 }, { ulp: 8 }],
  reduceEuclideanNorm: [{ ulp: 4 }, { ulp: 6 }],
  confusionMatrix: [summed, exact],
  'linalg.trace': [summed, exact],
  'linalg.cholesky': [solved, solved],
  'linalg.triangularSolve': [solved, solved],
  'linalg.choleskySolve': [solved, solved],
  'linalg.bandedTriangularSolve': [solved, solved],
  'linalg.tridiagonalSolve': [solved, solved],
  'linalg.tridiagonalMatmul': [summed, summed],
  'linalg.expm': [solved, solved],
  'linalg.expm large': [
    { ulp: 16, sum: 64 },
    { ulp: 64, sum: 64 },
  ],
  'linalg.sqrtm': [solved, solved],
  'linalg.solve': [solved, solved],
  'linalg.inv': [solved, solved],
  'linalg.det': [solved, solved],
  'linalg.slogdet': [solved, solved],
  'linalg.logdet': [solved, solved],
  'linalg.lu': [solved, solved],
  'linalg.qr': [solved, solved],
  'linalg.eigh': [spectral, spectral],
  'linalg.eigvalsh': [spectral, spectral],
  'linalg.svd': [spectral, spectral],
  'linalg.pinv': [spectral, spectral],
  'linalg.lstsq': [solved, solved],
  'linalg.normalize': [spectral, spectral],
  'norm 2': [spectral, spectral],
  'linalg.globalNorm': [{ ulp: 4 }, { ulp: 4 }],
  fill: [exact, summed],
  range: [{ ulp: 3 }, exact],
  linspace: [{ ulp: 3 }, exact],
  'nn.conv2d': [summed, summed],
  'nn.conv2dBackpropInput': [summed, summed],
  'nn.conv2dBackpropFilter': [summed, summed],
  'nn.conv2dTranspose': [summed, summed],
  'nn.depthwiseConv2d': [summed, summed],
  'nn.conv1d': [summed, summed],
  'nn.avgPool2d': [{ ulp: 1, sum: 1 }, summed],
  'nn.l2Loss': [summed, exact],
  'nn.l2Normalize': [{ ulp: 3 }, { ulp: 4, sum: 2 }],
  'nn.moments': [summed, { ulp: 2, sum: 1 }],
  'nn.batchNormalization': [summed, summed],
  'nn.layerNormalization': [summed, summed],
  'nn.rmsNormalization': [summed, summed],
  'nn.embeddingLookup': [{ ulp: 2 }, summed],
  'nn.scaledDotProductAttention': [summed, summed],
};

// ---- differences ----

type Part = 'value' | 'gradient' | 'second';
interface Difference {
  readonly op: string;
  readonly dtype?: string;
  /** Regular expression of the whole name of the case. */
  readonly case?: string;
  readonly part: Part | 'throws';
  /** What each gives: nan, inf, -inf, 0, -0, zero, subnormal, finite, null, any, or a number. */
  readonly tensorflow?: string;
  readonly gradtape?: string;
  /** The heading of docs/differences.md that gives the reason. */
  readonly reason: string;
}
const differences = readGolden<readonly Difference[]>('tensorflow.differences.json');
const used = new Set<Difference>();

function isOfClass(x: number | null, name: string, dtype: string): boolean {
  if (name === 'any') return true;
  if (name === 'null') return x === null;
  if (x === null) return false;
  if (name === 'finite') return Number.isFinite(x);
  if (name === 'zero') return x === 0;
  if (name === 'subnormal') return x !== 0 && Math.abs(x) < (dtype === 'float64' ? 2 ** -1022 : 2 ** -126);
  return Object.is(x, asNumber(Number.isNaN(Number(name)) ? name : Number(name)));
}

function known(op: string, dtype: string, name: string, part: Part, want: number | null, got: number | null): boolean {
  for (const d of differences) {
    if (
      (d.op === op || d.op === '*') &&
      (d.dtype === undefined || d.dtype === dtype) &&
      (d.case === undefined || new RegExp(`^(?:${d.case})$`).test(name)) &&
      d.part === part &&
      isOfClass(want, d.tensorflow ?? 'any', dtype) &&
      isOfClass(got, d.gradtape ?? 'any', dtype)
    ) {
      used.add(d);
      return true;
    }
  }
  return false;
}

function ulpOf(x: number, dtype: string): number {
  const [bits, lowest] = dtype === 'float64' ? [52, -1022] : [23, -126];
  const exponent = x === 0 ? lowest : Math.max(lowest, Math.floor(Math.log2(Math.abs(x))));
  return 2 ** (exponent - bits);
}

/** Lines about the elements that differ more than they may. */
function compare(
  op: string,
  dtype: string,
  name: string,
  part: Part,
  label: string,
  scale: number,
  want: readonly number[],
  got: ArrayLike<number>,
): string[] {
  if (want.length !== got.length) return [`${name}, ${label}: ${got.length} elements, TensorFlow has ${want.length}`];
  const [value, gradient] = tolerances[`${op} ${name.split(' ')[0]}`] ?? tolerances[op] ?? [exact, exact];
  const tolerance = part === 'value' ? value : part === 'gradient' ? gradient : second;
  const special = name.includes('special') || name.includes('far');
  const largest = special ? 0 : Math.max(scale, largestOf(want));
  const lines: string[] = [];
  want.forEach((exactly, i) => {
    const w = dtype === 'float32' ? Math.fround(exactly) : exactly;
    const g = got[i] as number;
    if (Object.is(w, g)) return;
    const floor = (tolerance.one ?? 0) * ulpOf(1, dtype) + (tolerance.sum ?? 0) * ulpOf(largest, dtype);
    if (Number.isFinite(w) && Number.isFinite(g) && (w !== 0 || floor > 0)) {
      if (Math.abs(w - g) <= tolerance.ulp * ulpOf(w, dtype) + floor) return;
    }
    if (known(op, dtype, name, part, w, g)) return;
    const ulps = Math.abs(w - g) / ulpOf(w, dtype);
    lines.push(
      `${name}, ${label}[${i}]: ${show(g)}, TensorFlow has ${show(w)}${Number.isFinite(ulps) ? ` (${ulps.toPrecision(3)} ULP)` : ''}`,
    );
  });
  return lines;
}
const largestOf = (xs: readonly number[]): number =>
  xs.reduce((m, x) => (Number.isFinite(x) ? Math.max(m, Math.abs(x)) : m), 0);
const show = (x: number): string => (Object.is(x, -0) ? '-0' : String(x));

// ---- running a case ----

type Call = (...args: unknown[]) => tf.Tensor | tf.Tensor[] | Readonly<Record<string, tf.Tensor | tf.Tensor[]>>;
const compositions: Readonly<Record<string, Call>> = {
  '!root': (x) => tf.where(tf.greater(x as tf.Tensor, 0), tf.sqrt(x as tf.Tensor), tf.zerosLike(x as tf.Tensor)),
  // Functions of a factor L: what is done with them decides which part of its gradient matters.
  '!square': (x) => tf.square(tf.linalg.cholesky(x as tf.Tensor)),
  '!product': (x) => {
    const factor = tf.linalg.cholesky(x as tf.Tensor);
    return tf.matmul(factor, factor, { transposeB: true });
  },
  '!logDeterminant': (x) => {
    const factor = tf.linalg.cholesky(x as tf.Tensor);
    const diagonal = tf.reduceSum(tf.mul(factor, tf.eye(factor.shape.at(-1) as number, { dtype: factor.dtype })), -1);
    return tf.mul(2, tf.reduceSum(tf.log(diagonal), -1));
  },
  '!solve': (x, b) => {
    const factor = tf.linalg.cholesky(x as tf.Tensor);
    const half = tf.linalg.triangularSolve(factor, b as tf.Tensor);
    return tf.linalg.triangularSolve(factor, half, { adjoint: true });
  },
  // Eigenvectors and singular vectors have no sign of their own.
  '!eigenvalues': (x) => tf.linalg.eigh(x as tf.Tensor).e,
  '!eighSquares': (x) => {
    const { e, v } = tf.linalg.eigh(x as tf.Tensor);
    return { e, v: tf.square(v) };
  },
  '!svdSquares': (x, opts) => {
    const { s, u, v } = tf.linalg.svd(x as tf.Tensor, opts as { fullMatrices?: boolean });
    return { s, u: tf.square(u), v: tf.square(v) };
  },
  '!polar': (x) => {
    const { u, v } = tf.linalg.svd(x as tf.Tensor);
    return tf.matmul(u, v, { transposeB: true });
  },
  '!trained': (x, offset, scale) => {
    const axes = (x as tf.Tensor).shape.map((_, d) => d).slice(0, -1);
    const { mean, variance } = tf.nn.moments(x as tf.Tensor, axes);
    return tf.nn.batchNormalization(x as tf.Tensor, mean, variance, offset as tf.Tensor, scale as tf.Tensor, 0.01);
  },
  '!masked': (q, k, v, mask) =>
    tf.nn.scaledDotProductAttention(q as tf.Tensor, k as tf.Tensor, v as tf.Tensor, { mask: mask as tf.Tensor }),
  '!thereAndBack': (x, dtype) => tf.cast(tf.cast(x as tf.Tensor, dtype as tf.DType), 'float32'),
};

function callOf(op: string, args: readonly unknown[]): [Call, readonly unknown[]] {
  const first = args[0];
  if (typeof first === 'string' && first in compositions) return [compositions[first] as Call, args.slice(1)];
  let place: unknown = tf;
  for (const key of op.split('.')) place = (place as Record<string, unknown>)[key];
  return [place as Call, args];
}

function fill(arg: unknown, operands: readonly tf.Tensor[]): unknown {
  if (typeof arg === 'string') {
    if (/^\$\d+$/.test(arg)) return operands[Number(arg.slice(1))];
    return /^-?inf$/.test(arg) ? asNumber(arg) : arg;
  }
  if (Array.isArray(arg)) return arg.map((a) => fill(a, operands));
  if (typeof arg !== 'object' || arg === null) return arg;
  return Object.fromEntries(Object.entries(arg).map(([name, a]) => [name, fill(a, operands)]));
}

function throwsAsKnown(op: string, dtype: string, name: string, error: unknown): boolean {
  for (const d of differences) {
    if (
      d.part === 'throws' &&
      d.op === op &&
      (d.dtype === undefined || d.dtype === dtype) &&
      (d.case === undefined || new RegExp(`^(?:${d.case})$`).test(name)) &&
      d.gradtape === (error as { code?: string }).code
    ) {
      used.add(d);
      return true;
    }
  }
  return false;
}

function check(op: string, one: Case, dtype: string, result: Result): string[] {
  const name = one.name;
  try {
    const operands = one.in.map(([kind, shape, elements]) =>
      tensorOf(numbersOf(elements, sizeOf(shape)), (kind === '*' ? dtype : kind) as tf.DType, shape),
    );
    const scale = Math.max(1, ...one.in.map(([, shape, elements]) => largestOf(numbersOf(elements, sizeOf(shape)))));
    const [call, args] = callOf(op, one.args);
    const chosen = (ys: readonly tf.Tensor[]): tf.Tensor[] => ys.filter((_, i) => one.take?.includes(i) ?? true);
    const forward = (): tf.Tensor[] => {
      const y = call(...args.map((arg) => fill(arg, operands)));
      return y instanceof tf.Tensor ? [y] : Object.values(y).flat();
    };
    const sources = operands.filter((x) => x.dtype === 'float32' || x.dtype === 'float64');
    const tape = new tf.GradientTape({ persistent: true });
    const outputs = tape.record(() => {
      if (sources.length > 0) tape.watch(sources);
      return forward();
    });
    const lines: string[] = [];
    if (outputs.length !== result.y.length)
      return [`${name}: ${outputs.length} results, TensorFlow has ${result.y.length}`];
    result.y.forEach(([kind, shape, elements], i) => {
      const y = outputs[i] as tf.Tensor;
      const label = outputs.length > 1 ? `value ${i}` : 'value';
      if (y.dtype !== kind) lines.push(`${name}, ${label}: ${y.dtype}, TensorFlow has ${kind}`);
      if (String(y.shape) !== String(shape))
        lines.push(`${name}, ${label}: shape [${y.shape}], TensorFlow has [${shape}]`);
      lines.push(...compare(op, kind, name, 'value', label, scale, numbersOf(elements, sizeOf(shape)), y.dataSync()));
    });
    const targets = chosen(outputs);
    const gradients = (outputGradients?: tf.Tensor[]): (tf.Tensor | null)[] =>
      tape
        .gradient(targets, sources, outputGradients ? { outputGradients } : {})
        .map((g) => (g === null ? null : tf.convertToTensor(g)));
    const compareGradients = (
      part: 'gradient' | 'second',
      label: string,
      want: readonly (Numbers | null)[],
      got: readonly (tf.Tensor | null)[],
    ): void => {
      want.forEach((stored, i) => {
        const g = got[i] as tf.Tensor | null;
        const x = sources[i] as tf.Tensor;
        const where = `${label} ${i}`;
        if (stored === null || g === null) {
          if (stored !== null || g !== null) {
            const w = stored === null ? null : (numbersOf(stored, x.size)[0] ?? 0);
            if (!known(op, dtype, name, part, w, g === null ? null : (g.dataSync()[0] ?? 0))) {
              lines.push(
                `${name}, ${where}: ${g === null ? 'null' : String(g)}, TensorFlow has ${stored === null ? 'None' : stored}`,
              );
            }
          }
          return;
        }
        if (String(g.shape) !== String(x.shape))
          lines.push(`${name}, ${where}: shape [${g.shape}] for a source of [${x.shape}]`);
        lines.push(...compare(op, x.dtype, name, part, where, scale, numbersOf(stored, x.size), g.dataSync()));
      });
    };
    if (result.g && result.h && one.ct) {
      const stored = one.ct;
      const cts = targets.map((y, i) => tensorOf(numbersOf(stored[i] as Numbers, y.size), y.dtype, y.shape));
      compareGradients('gradient', 'gradient', result.g, gradients());
      compareGradients('gradient', 'gradient (ct)', result.h, gradients(cts));
      if (result.o) {
        const outer = new tf.GradientTape();
        const found = outer.record(() => {
          outer.watch(sources);
          const inner = new tf.GradientTape();
          const ys = inner.record(() => {
            inner.watch(sources);
            return chosen(forward());
          });
          const pulled = inner.gradient(ys, sources, { outputGradients: cts });
          return pulled.filter((g) => g !== null).map((g) => tf.convertToTensor(g));
        });
        const weights = found.map((g) =>
          tensorOf(
            Array.from({ length: g.size }, (_, i) => 0.25 * (1 + (i % 5))),
            g.dtype,
            g.shape,
          ),
        );
        const seconds = outer.gradient(found, sources, { outputGradients: weights });
        compareGradients(
          'second',
          'second gradient',
          result.o,
          seconds.map((g) => (g === null ? null : tf.convertToTensor(g))),
        );
      }
    } else if (result.error !== undefined) {
      tf.evaluate(gradients()); // TensorFlow's own gradient fails; this one must not
    }
    return lines;
  } catch (error) {
    if (throwsAsKnown(op, dtype, name, error)) return [];
    return [`${name}: ${error instanceof Error ? `${error.name} ${error.message}` : String(error)}`];
  }
}

const dtypesOf = (cases: readonly Case[]): string[] => [...new Set(cases.flatMap((one) => Object.keys(one.r)))];
let checked = 0;
for (const [op, cases] of allCases) {
  describe(op, () => {
    it.each(dtypesOf(cases))('%s', (dtype) => {
      checked++;
      const lines = cases.flatMap((one) => {
        const result = one.r[dtype];
        return result ? check(op, one, dtype, result) : [];
      });
      expect(lines.join('\n')).toBe('');
    });
  });
}

describe('nn.dropout', () => {
  it.each(golden.dropout)('rate $rate, $dtype: an element is 0 or what TensorFlow makes of it', (one) => {
    const x = tensorOf(one.x, one.dtype, [one.x.length]);
    let zeros = 0;
    const draws = 50;
    for (let seed = 0; seed < draws; seed++) {
      const tape = new tf.GradientTape();
      const y = tape.record(() => {
        tape.watch(x);
        return tf.nn.dropout(x, one.rate, { seed });
      });
      expect([y.dtype, y.shape]).toEqual([one.dtype, x.shape]);
      const g = tape.gradient(y, x)?.dataSync();
      y.dataSync().forEach((value, i) => {
        const kept = value !== 0;
        if (!kept) zeros++;
        expect(value).toBeCloseTo(kept ? (one.kept[i] as number) : 0, 5);
        expect(g?.[i]).toBeCloseTo(kept ? (one.grad[i] as number) : 0, 5);
      });
    }
    const share = zeros / (draws * x.size); // its standard deviation is below 0.03
    expect(Math.abs(share - one.rate)).toBeLessThan(0.12);
  });
});

describe('optimizers, five steps', () => {
  const { start, steps, runs } = golden.optimizers;
  const shapes = [[2, 3], []];
  it.each(runs.map((run) => ({ ...run, title: `${run.optimizer} ${JSON.stringify(run.options)} ${run.dtype}` })))(
    '$title',
    (run) => {
      const optimizer = new tf.optimizers[run.optimizer](run.options);
      const usualBetas = run.optimizer !== 'SGD' && run.options['beta2'] === undefined;
      const rate = Number(run.options['learningRate'] ?? 0.001);
      const tensors = (list: readonly Numbers[]): tf.Tensor[] =>
        list.map((stored, i) =>
          tensorOf(numbersOf(stored, sizeOf(shapes[i] as number[])), run.dtype, shapes[i] as number[]),
        );
      const variables = tensors(start).map((x) => new tf.Variable(x));
      const lines: string[] = [];
      steps.forEach((gradients, step) => {
        optimizer.applyGradients(tensors(gradients).map((g, i) => [g, variables[i] as tf.Variable] as const));
        variables.forEach((v, i) => {
          const want = numbersOf(run.states[step]?.[i] as Numbers, v.value().size);
          v.value()
            .dataSync()
            .forEach((got, k) => {
              // Variables are about 1 and take part in every step. Keras' 1 - 0.999^step has the error of float32.
              const allowed = (step + 1) * (4 * ulpOf(1, run.dtype) + (usualBetas ? rate * 6e-5 : 0));
              if (!(Math.abs(got - (want[k] as number)) <= allowed)) {
                lines.push(`step ${step + 1}, variable ${i}[${k}]: ${got}, Keras has ${want[k]}`);
              }
            });
        });
      });
      expect(lines.join('\n')).toBe('');
    },
  );
});

describe('tensorflow.differences.json', () => {
  it('has no entry that is not needed', ({ skip }) => {
    const all = [...allCases.values()].reduce((n, cases) => n + dtypesOf(cases).length, 0);
    if (checked < all) skip('only some ops were compared');
    expect(differences.filter((d) => !used.has(d)).map((d) => JSON.stringify(d))).toEqual([]);
  });

  it('has its reasons in docs/differences.md, and all of them', () => {
    const [, section = ''] = read('docs/differences.md').split(/^## /m);
    const headings = section.split('\n').flatMap((line) => /^### (.+)$/.exec(line)?.[1] ?? []);
    expect(headings).toEqual([...new Set(differences.map((d) => d.reason))]);
  });
});
