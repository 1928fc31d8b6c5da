/** Reductions beside the sum: means, extremes, products, tests; and the positions of extremes. */
import { isOptions, options, refuseBehind, refuseExtra } from '../base/arguments.js';
import type { DType } from '../base/dtype.js';
import { isFloating } from '../base/dtype.js';
import { DTypeError, ShapeError } from '../base/errors.js';
import { checkAxes, checkAxis, type Shape, showShape, sizeOf } from '../base/shape.js';
import { opcodeOf } from '../engine/addon.js';
import { type Tensor, uniformTensor } from '../engine/tensor.js';
import { asTensor, composed, done, fromX, fromXOut, node, register, withoutGradient } from '../op/op.js';
import type { Entry, RecordedOp } from '../record/tape.js';
import { isRecording, record1, suspended } from '../record/tape.js';
import type { TensorLike } from '../record/variable.js';
import { add, div, equal, mul, sub, where } from './arithmetic.js';
import { exp, isFinite as finite, log, sqrt, square } from './math.js';
import {
  type Axis,
  cast,
  connect,
  identity,
  linked,
  type ReduceOptions,
  reduceArguments,
  reducedShape,
  reduceNodes,
  reduceSum,
  reshape,
  transpose,
} from './structure.js';
import { concat, reverse, slice } from './windows.js';

type Reduction = (x: TensorLike, axis?: Axis | ReduceOptions, opts?: ReduceOptions) => Tensor;
const other = { family: 'other', namespace: '', differentiable: true } as const;

interface Reduced {
  readonly axes: readonly number[];
  readonly kept: Shape;
}
const reducedOf = (e: Entry): Reduced => e.attributes as Reduced;

interface Prepared {
  readonly a: Tensor;
  readonly axes: readonly number[];
  readonly keepdims: boolean;
  /** The result's shape. */
  readonly shape: Shape;
  /** The same with the reduced axes kept. */
  readonly kept: Shape;
}

/** The arguments of a reduction, checked. */
function prepare(
  op: string,
  dtypes: readonly DType[],
  x: TensorLike,
  axisOrOptions: Axis | ReduceOptions | undefined,
  opts: ReduceOptions | undefined,
): Prepared {
  const a = asTensor(op, x);
  const [axis, keepdims] = reduceArguments(op, axisOrOptions, opts);
  if (!dtypes.includes(a.dtype)) {
    const hint = dtypes.includes('float32') ? "; write cast(x, 'float32')" : '';
    throw new DTypeError(`${op}: expected dtype ${dtypes.join(', ')}, got ${a.dtype}${hint}`);
  }
  const axes = checkAxes(op, axis, a.rank);
  return {
    a,
    axes,
    keepdims,
    shape: reducedShape(a.shape, axes, keepdims),
    kept: reducedShape(a.shape, axes, true),
  };
}

const floats: readonly DType[] = ['float32', 'float64'];
const numeric: readonly DType[] = ['float32', 'float64', 'int32', 'uint8'];

// The gradient of an extreme: shared equally by all elements that attain it.
function shareExtreme(ct: Tensor, x: Tensor, out: Tensor, e: Entry): Tensor {
  const { axes, kept } = reducedOf(e);
  const attains = cast(equal(x, reshape(out, kept)), x.dtype);
  const count = reduceSum(attains, axes, { keepdims: true });
  return mul(div(attains, count), reshape(ct, kept));
}

function extreme(name: string): Reduction {
  const opcode = opcodeOf(name);
  const op: RecordedOp = { name, vjps: [fromXOut(shareExtreme)] };
  const sense = name === 'reduceMax' ? -1 : 1;
  return function (x, axis, opts) {
    const { a, axes, shape, kept } = prepare(name, numeric, x, axis, opts);
    if (arguments.length > 3) refuseBehind(name, arguments[3]);
    if (axes.length === 0) return identity(a);
    const empty = isFloating(a.dtype) ? sense * Number.POSITIVE_INFINITY : sense < 0 ? -(2 ** 31) : 2 ** 31 - 1;
    const t = reduceNodes(name, opcode, a, axes, shape, a.dtype === 'uint8' ? (sense < 0 ? 0 : 255) : empty);
    if (isRecording()) record1(op, t, a, { axes, kept } satisfies Reduced);
    return done(t);
  };
}

/** The largest element; ties share the gradient. */
export const reduceMax: Reduction = extreme('reduceMax');
/** The smallest element; ties share the gradient. */
export const reduceMin: Reduction = extreme('reduceMin');

/** The mean; of integers it is rounded towards zero, as in TensorFlow. */
export function reduceMean(x: TensorLike, axis?: Axis | ReduceOptions, opts?: ReduceOptions): Tensor {
  const { a, axes, keepdims } = prepare('reduceMean', numeric, x, axis, opts);
  if (arguments.length > 3) refuseBehind('reduceMean', arguments[3]);
  return meanOf(a, axes, keepdims);
}

function meanOf(a: Tensor, axes: readonly number[], keepdims: boolean): Tensor {
  const count = sizeOf(axes.map((d) => a.shape[d] as number));
  if (isFloating(a.dtype)) return div(reduceSum(a, axes, { keepdims }), count);
  return cast(div(reduceSum(cast(a, 'float64'), axes, { keepdims }), count), a.dtype); // their sum may leave int32
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

/** The product; of integers it wraps around. */
export function reduceProd(x: TensorLike, axis?: Axis | ReduceOptions, opts?: ReduceOptions): Tensor {
  const { a, axes, shape, kept } = prepare('reduceProd', numeric, x, axis, opts);
  if (arguments.length > 3) refuseBehind('reduceProd', arguments[3]);
  if (axes.length === 0) return identity(linked(a));
  if (a.dtype === 'uint8') return cast(reduceNodes('reduceProd', kProd, cast(a, 'int32'), axes, shape, 1), 'uint8');
  const t = reduceNodes('reduceProd', kProd, a, axes, shape, 1);
  if (isRecording()) record1(prodOp, t, a, { axes, kept } satisfies Reduced);
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
export function reduceLogsumexp(x: TensorLike, axis?: Axis | ReduceOptions, opts?: ReduceOptions): Tensor {
  const { a, axes, shape, kept } = prepare('reduceLogsumexp', floats, x, axis, opts);
  if (arguments.length > 3) refuseBehind('reduceLogsumexp', arguments[3]);
  return done(
    composed(lseOp, [a], { axes, kept } satisfies Reduced, () => {
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

function varianceOf(a: Tensor, axes: readonly number[], keepdims: boolean): Tensor {
  return meanOf(square(sub(a, meanOf(a, axes, true))), axes, keepdims);
}

/** The mean squared deviation from the mean. */
export function reduceVariance(x: TensorLike, axis?: Axis | ReduceOptions, opts?: ReduceOptions): Tensor {
  const { a, axes, keepdims } = prepare('reduceVariance', floats, x, axis, opts);
  if (arguments.length > 3) refuseBehind('reduceVariance', arguments[3]);
  return varianceOf(a, axes, keepdims);
}

/** The square root of the variance; its gradient is 0 where the variance is. */
export function reduceStd(x: TensorLike, axis?: Axis | ReduceOptions, opts?: ReduceOptions): Tensor {
  const { a, axes, keepdims } = prepare('reduceStd', floats, x, axis, opts);
  if (arguments.length > 3) refuseBehind('reduceStd', arguments[3]);
  return rootAtZero(varianceOf(a, axes, keepdims));
}

/** sqrt whose gradient at 0 is 0. */
export function rootAtZero(t: Tensor): Tensor {
  const zero = equal(t, 0);
  return where(zero, 0, sqrt(where(zero, 1, t)));
}

function test(name: string, kernel: string, empty: number): Reduction {
  const opcode = opcodeOf(kernel);
  const op = withoutGradient(name);
  return function (x, axis, opts) {
    const { a, axes, shape } = prepare(name, ['bool'], x, axis, opts);
    if (arguments.length > 3) refuseBehind(name, arguments[3]);
    if (axes.length === 0) return identity(a);
    const t = reduceNodes(name, opcode, a, axes, shape, empty);
    if (isRecording()) record1(op, t, a, null);
    return done(t);
  };
}

/** Whether any element is true. */
export const reduceAny: Reduction = test('reduceAny', 'reduceMax', 0);
/** Whether all elements are true. */
export const reduceAll: Reduction = test('reduceAll', 'reduceMin', 1);

function position(name: string): (x: TensorLike, axis?: number) => Tensor {
  const opcode = opcodeOf(name);
  const op = withoutGradient(name);
  return function (x, axis = 0) {
    if (arguments.length > 2) refuseExtra(name, arguments[2], undefined);
    if (isOptions(axis)) options(name, {}, axis);
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
