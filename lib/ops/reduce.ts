/** Reductions beside the sum: means, extremes, products, tests; and the positions of extremes. */
import type { DType } from '../dtype.js';
import { isFloating } from '../dtype.js';
import { DTypeError, ShapeError } from '../errors.js';
import { opcodeOf } from '../native.js';
import { asTensor, composed, done, fromX, fromXOut, node, register, withoutGradient } from '../op.js';
import { checkAxes, checkAxis, type Shape, showShape, sizeOf } from '../shape.js';
import type { Entry, RecordedOp } from '../tape.js';
import { isRecording, record1, suspended } from '../tape.js';
import { type Tensor, uniformTensor } from '../tensor.js';
import type { TensorLike } from '../variable.js';
import { add, div, equal, mul, sub, where } from './arithmetic.js';
import { exp, isFinite as finite, log, sqrt, square } from './math.js';
import {
  cast,
  connect,
  identity,
  linked,
  type ReduceOptions,
  reducedShape,
  reduceNodes,
  reduceSum,
  reshape,
  transpose,
} from './structure.js';
import { concat, reverse, slice } from './windows.js';

type Axis = number | readonly number[] | null;
const other = { family: 'other', namespace: '', differentiable: true } as const;

interface Reduced {
  readonly axes: readonly number[];
  readonly kept: Shape;
}
const reducedOf = (e: Entry): Reduced => e.attributes as Reduced;

function prepare(op: string, x: TensorLike, axis: Axis | undefined, dtypes: readonly DType[]): [Tensor, Reduced] {
  const a = asTensor(op, x);
  if (!dtypes.includes(a.dtype)) throw new DTypeError(`${op}: expected dtype ${dtypes.join(', ')}, got ${a.dtype}`);
  const axes = checkAxes(op, axis, a.rank);
  return [a, { axes, kept: reducedShape(a.shape, axes, true) }];
}

const numeric: readonly DType[] = ['float32', 'float64', 'int32'];

// The gradient of an extreme: shared equally by all elements that attain it.
function shareExtreme(ct: Tensor, x: Tensor, out: Tensor, e: Entry): Tensor {
  const { axes, kept } = reducedOf(e);
  const attains = cast(equal(x, reshape(out, kept)), x.dtype);
  const count = reduceSum(attains, axes, { keepdims: true });
  return mul(div(attains, count), reshape(ct, kept));
}

function extreme(name: string): (x: TensorLike, axis?: Axis, opts?: ReduceOptions) => Tensor {
  const opcode = opcodeOf(name);
  const op: RecordedOp = { name, vjps: [fromXOut(shareExtreme)] };
  const sense = name === 'reduceMax' ? -1 : 1;
  return (x, axis, opts = {}) => {
    const [a, reduced] = prepare(name, x, axis, [...numeric, 'uint8']);
    const shape = reducedShape(a.shape, reduced.axes, opts.keepdims ?? false);
    if (reduced.axes.length === 0) return identity(a);
    const empty = isFloating(a.dtype) ? sense * Number.POSITIVE_INFINITY : sense < 0 ? -(2 ** 31) : 2 ** 31 - 1;
    const t = reduceNodes(name, opcode, a, reduced.axes, shape, a.dtype === 'uint8' ? (sense < 0 ? 0 : 255) : empty);
    if (isRecording()) record1(op, t, a, reduced);
    return done(t);
  };
}

/** The largest element; ties share the gradient. */
export const reduceMax: (x: TensorLike, axis?: Axis, opts?: ReduceOptions) => Tensor = extreme('reduceMax');
/** The smallest element; ties share the gradient. */
export const reduceMin: (x: TensorLike, axis?: Axis, opts?: ReduceOptions) => Tensor = extreme('reduceMin');

/** The mean; of integers it is rounded towards zero, as in TensorFlow. */
export function reduceMean(x: TensorLike, axis?: Axis, opts: ReduceOptions = {}): Tensor {
  const [a, { axes }] = prepare('reduceMean', x, axis, numeric);
  const count = sizeOf(axes.map((d) => a.shape[d] as number));
  if (isFloating(a.dtype)) return div(reduceSum(a, axes, opts), count);
  return cast(div(reduceSum(cast(a, 'float64'), axes, opts), count), a.dtype); // their sum may leave int32
}

/** Products of all elements before (or after) each one along the last axis, by doubling: no division, so zeros are no trouble. */
function othersBefore(a: Tensor): Tensor {
  const n = a.shape[a.rank - 1] as number;
  const head = a.shape.slice(0, -1);
  const shifted = (t: Tensor, by: number): Tensor => {
    const front = uniformTensor(1, t.dtype, Object.freeze([...head, Math.min(by, n)]));
    if (by >= n) return front;
    return concat(
      [
        front,
        slice(
          t,
          t.shape.map(() => 0),
          [...head, n - by],
        ),
      ],
      t.rank - 1,
    );
  };
  let t = shifted(a, 1);
  for (let by = 1; by < n; by *= 2) t = mul(t, shifted(t, by));
  return t;
}

const kProd = opcodeOf('reduceProd');
const prodOp: RecordedOp = {
  name: 'reduceProd',
  vjps: [
    {
      needs: 1,
      pull: (ct, e) => {
        const x = e.x as Tensor;
        const { axes, kept } = reducedOf(e);
        // Reduced axes last and flat; each element's cotangent is the product of all the others.
        const rest = x.shape.map((_, d) => d).filter((d) => !axes.includes(d));
        const perm = [...rest, ...axes];
        const moved = transpose(x, perm);
        const count = sizeOf(axes.map((d) => x.shape[d] as number));
        const flat = reshape(moved, [...rest.map((d) => x.shape[d] as number), count]);
        const last = flat.rank - 1;
        const n = flat.shape[last] as number;
        const before = othersBefore(flat);
        const after = n === 0 ? before : flip(othersBefore(flip(flat)));
        // Of one element the others' product is 1 whatever it is; its derivative is connected all the same.
        const product = mul(before, after);
        const others = reshape(n === 1 ? connect(product, flat) : product, moved.shape);
        const inverse = perm.map((_, d) => perm.indexOf(d));
        return mul(transpose(others, inverse), reshape(ct, kept));
      },
    },
  ],
};

function flip(t: Tensor): Tensor {
  return reverse(t, t.rank - 1);
}

/** The product. */
export function reduceProd(x: TensorLike, axis?: Axis, opts: ReduceOptions = {}): Tensor {
  const [a, reduced] = prepare('reduceProd', x, axis, numeric);
  if (reduced.axes.length === 0) return identity(linked(a));
  const shape = reducedShape(a.shape, reduced.axes, opts.keepdims ?? false);
  const t = reduceNodes('reduceProd', kProd, a, reduced.axes, shape, 1);
  if (isRecording()) record1(prodOp, t, a, reduced);
  return done(t);
}

const kLogSumExp = opcodeOf('logSumExp');
const lseOp: RecordedOp = {
  name: 'reduceLogsumexp',
  vjps: [
    // softmax(x), from x alone: exp(x - out) would be off by the rounding of out, which is large where x is.
    fromX((ct, x, e) => {
      const { axes, kept } = reducedOf(e);
      const t = exp(
        sub(
          x,
          suspended(() => largestFinite(x, axes)),
        ),
      );
      return mul(div(t, reduceSum(t, axes, { keepdims: true })), reshape(ct, kept));
    }),
  ],
};

/** The maximum along the axes, or 0 where that is infinite or NaN: what exp's operand is reduced by. */
function largestFinite(x: Tensor, axes: readonly number[]): Tensor {
  const top = reduceMax(x, axes, { keepdims: true });
  return where(finite(top), top, 0);
}

/** log(sum(exp(x))), without overflow. */
export function reduceLogsumexp(x: TensorLike, axis?: Axis, opts: ReduceOptions = {}): Tensor {
  const [a, reduced] = prepare('reduceLogsumexp', x, axis, ['float32', 'float64']);
  const { axes, kept } = reduced;
  return done(
    composed(lseOp, [a], reduced, () => {
      const shape = opts.keepdims ? kept : reducedShape(a.shape, axes, false);
      const count = sizeOf(axes.map((d) => a.shape[d] as number));
      if (axes.length > 0 && axes[0] === a.rank - axes.length && a.size > 0) {
        const rows = reshape(a, [a.size / count, count]);
        return reshape(node('reduceLogsumexp', kLogSumExp, a.dtype, Object.freeze([a.size / count]), rows), shape);
      }
      const shift = largestFinite(a, axes);
      const t = add(log(reduceSum(exp(sub(a, shift)), axes, { keepdims: true })), shift);
      return reshape(t, shape);
    }),
  );
}

/** The mean squared deviation from the mean. */
export function reduceVariance(x: TensorLike, axis?: Axis, opts: ReduceOptions = {}): Tensor {
  const [a, { axes }] = prepare('reduceVariance', x, axis, ['float32', 'float64']);
  return reduceMean(square(sub(a, reduceMean(a, axes, { keepdims: true }))), axes, opts);
}

/** The square root of the variance; its gradient is 0 where the variance is. */
export function reduceStd(x: TensorLike, axis?: Axis, opts: ReduceOptions = {}): Tensor {
  return rootAtZero(reduceVariance(x, axis, opts));
}

/** sqrt whose gradient at 0 is 0. */
export function rootAtZero(t: Tensor): Tensor {
  const zero = equal(t, 0);
  return where(zero, 0, sqrt(where(zero, 1, t)));
}

function test(
  name: string,
  kernel: string,
  empty: number,
): (x: TensorLike, axis?: Axis, opts?: ReduceOptions) => Tensor {
  const opcode = opcodeOf(kernel);
  const op = withoutGradient(name);
  return (x, axis, opts = {}) => {
    const [a, { axes }] = prepare(name, x, axis, ['bool']);
    if (axes.length === 0) return identity(a);
    const t = reduceNodes(name, opcode, a, axes, reducedShape(a.shape, axes, opts.keepdims ?? false), empty);
    if (isRecording()) record1(op, t, a, null);
    return done(t);
  };
}

/** Whether any element is true. */
export const reduceAny: (x: TensorLike, axis?: Axis, opts?: ReduceOptions) => Tensor = test(
  'reduceAny',
  'reduceMax',
  0,
);
/** Whether all elements are true. */
export const reduceAll: (x: TensorLike, axis?: Axis, opts?: ReduceOptions) => Tensor = test(
  'reduceAll',
  'reduceMin',
  1,
);

function position(name: string): (x: TensorLike, axis?: number) => Tensor {
  const opcode = opcodeOf(name);
  const op = withoutGradient(name);
  return (x, axis = 0) => {
    const given = asTensor(name, x);
    const a = given.dtype === 'bool' ? cast(given, 'uint8') : given;
    const d = checkAxis(name, axis, a.rank);
    if (a.shape[d] === 0) throw new ShapeError(`${name}: axis ${d} of shape ${showShape(a.shape)} is empty`);
    const t = node(name, opcode, 'int32', Object.freeze(a.shape.filter((_, k) => k !== d)), a, null, [d]);
    if (isRecording()) record1(op, t, a, null);
    return done(t);
  };
}

/** Position of the largest element along the axis (default 0), the first of equals; int32. */
export const argmax: (x: TensorLike, axis?: number) => Tensor = position('argmax');
/** Position of the smallest element along the axis (default 0), the first of equals; int32. */
export const argmin: (x: TensorLike, axis?: number) => Tensor = position('argmin');

const reductions = { reduceMean, reduceMax, reduceMin, reduceProd, reduceLogsumexp, reduceVariance, reduceStd };
for (const [name, fn] of Object.entries(reductions)) {
  register({
    ...other,
    name,
    fn,
    cases: [
      { shapes: [[2, 3]], call: (x) => fn(x) },
      { shapes: [[2, 3, 2]], call: (x) => fn(x, [0, 2], { keepdims: true }) },
    ],
  });
}
for (const [name, fn] of Object.entries({ reduceAny, reduceAll, argmax, argmin })) {
  register({ ...other, name, fn, differentiable: false });
}
