// Random programs: instructions, the leaves they begin with, and the ops they draw from.
import fc from 'fast-check';
import * as tf from 'gradtape';
import { type Call, type Drawn, drawn } from './ops.js';
import { leafValues } from './tensors.js';

export interface Instruction {
  readonly op: number;
  readonly a: number;
  readonly b: number;
  readonly p: number;
}

const instruction: fc.Arbitrary<Instruction> = fc.record({
  op: fc.nat(1000),
  a: fc.nat(1000),
  b: fc.nat(1000),
  p: fc.nat(1000),
});

// Leaves: all kinds of broadcasting, short and long axes, an empty one.
export const leafShapes: readonly (readonly number[])[] = [
  [],
  [3],
  [2, 3],
  [2, 1],
  [1],
  [4, 3],
  [3, 700],
  [1500],
  [0, 3],
];

const mostElements = 20_000;

export function broadcasts(a: readonly number[], b: readonly number[]): boolean {
  const rank = Math.max(a.length, b.length);
  let size = 1;
  for (let i = 1; i <= rank; i++) {
    const p = a[a.length - i] ?? 1;
    const q = b[b.length - i] ?? 1;
    if (p !== q && p !== 1 && q !== 1) return false;
    size *= p === 1 ? q : p;
  }
  return size <= mostElements;
}

type Unary = (x: tf.Tensor, p: number) => tf.Tensor;

const axisOf = (x: tf.Tensor, p: number): number => (x.rank === 0 ? 0 : p % x.rank);

// Beside the ops of the registry, calls with an axis, a number or an operand that varies.
const parametric: readonly Unary[] = [
  (x) => tf.log(tf.abs(x)),
  (x, p) => tf.mul(x, (p % 7) - 3),
  (x) => tf.add(x, 0.1),
  (x) => tf.div(1, x),
  (x) => tf.reduceSum(x),
  (x, p) => (x.rank ? tf.reduceSum(x, axisOf(x, p), { keepdims: p % 2 === 0 }) : x),
  (x, p) => (x.rank ? tf.reduceMax(x, axisOf(x, p)) : x),
  (x, p) => (x.rank ? tf.reduceMean(x, axisOf(x, p), { keepdims: true }) : x),
  (x, p) => (x.rank ? tf.reduceProd(x, axisOf(x, p)) : x),
  (x) => tf.transpose(x),
  (x) => tf.reshape(x, [x.size]),
  (x) => (x.size % 2 === 0 ? tf.reshape(x, [2, x.size / 2]) : tf.expandDims(x, 0)),
  (x, p) => (x.rank && x.size ? tf.at(x, ...new Array(axisOf(x, p)).fill(':'), '::-2') : x),
  (x, p) => (x.rank && (x.shape[0] as number) > 1 ? tf.at(x, p % (x.shape[0] as number)) : x),
  (x, p) => (x.rank && x.size * 2 <= mostElements ? tf.concat([x, tf.neg(x)], axisOf(x, p)) : x),
  (x) => (x.size * 2 <= mostElements ? tf.stack([x, tf.square(x)]) : x),
  (x) => (x.rank && (x.shape[0] as number) > 0 ? tf.gather(x, [(x.shape[0] as number) - 1, 0]) : x),
  (x) => (x.rank === 2 && x.shape.every((n) => n < 30) ? tf.matmul(x, x, { transposeB: true }) : x),
  (x, p) => (x.rank && x.size ? tf.nn.softmax(x, axisOf(x, p)) : x),
  (x, p) => (x.rank && x.size ? tf.cast(tf.argmax(x, axisOf(x, p)), x.dtype) : x),
  (x) => tf.cast(tf.cast(x, x.dtype === 'float32' ? 'float64' : 'float32'), x.dtype),
  (x) => tf.cast(tf.less(x, 0.2), x.dtype),
  (x, p) =>
    x.rank
      ? tf.pad(
          x,
          x.shape.map((_, d) => [d === axisOf(x, p) ? 1 : 0, 0] as const),
        )
      : x,
];
const unary: readonly Unary[] = [
  ...drawn
    .filter(({ kind }) => kind === 'unary')
    .map(
      ({ call }): Unary =>
        (x) =>
          call(x, x),
    ),
  ...parametric,
];
const cases = drawn.filter(({ kind }) => kind === 'fitted');
const binary: readonly Call[] = [
  ...drawn.filter(({ kind }) => kind === 'binary').map(({ call }) => call),
  (x, y) => tf.pow(tf.abs(x), y),
  (x, y) => tf.where(tf.less(x, y), x, y),
];

// Builds the values of a program; `made` is called with each as soon as it exists.
export function build(
  program: readonly Instruction[],
  dtype: tf.DType,
  made: (t: tf.Tensor, i: number) => void,
): tf.Tensor[] {
  const values = leafShapes.map((shape, i) => tf.cast(tf.constant(leafValues(shape, i), { shape }), dtype));
  values.push(tf.ones([2, 3], { dtype }));
  values.forEach((t) => {
    tf.evaluate(t);
  });
  program.forEach(({ op, a, b, p }, i) => {
    const x = values[values.length - 1 - (a % values.length)] as tf.Tensor;
    const y = values[values.length - 1 - (b % values.length)] as tf.Tensor;
    const choice = p % 5;
    const t =
      choice < 2 && broadcasts(x.shape, y.shape)
        ? (binary[op % binary.length] as Call)(x, y)
        : choice === 2
          ? (cases[op % cases.length] as Drawn).call(x, y)
          : (unary[op % unary.length] as Unary)(x, p);
    values.push(t);
    made(t, i);
  });
  return values;
}

export const programs = fc.array(instruction, { minLength: 1, maxLength: 16 });
