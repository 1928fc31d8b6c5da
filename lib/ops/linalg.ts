/** Products and norms of matrices. */
import { boolean, isOptions, listOf, options, refuseBehind, showDeep } from '../base/arguments.js';
import { isFloating } from '../base/dtype.js';
import { DTypeError, ShapeError, show, ValueError } from '../base/errors.js';
import { broadcastShapes, checkAxes, checkAxis, guardShape, showShape } from '../base/shape.js';
import { opcodeOf } from '../engine/addon.js';
import { isTensor, type Tensor } from '../engine/tensor.js';
import { asTensor, asTensors, done, fromX, fromY, mixed, node, register } from '../op/op.js';
import type { Entry, RecordedOp } from '../record/tape.js';
import { isRecording, record2 } from '../record/tape.js';
import type { TensorLike } from '../record/variable.js';
import { equal, mul, where } from './arithmetic.js';
import { abs, pow } from './math.js';
import { reduceMax, rootAtZero } from './reduce.js';
import { type Axis, type ReduceOptions, reduceArguments, reduceSum, squeeze } from './structure.js';

export interface MatmulOptions {
  transposeA?: boolean;
  transposeB?: boolean;
}

const matmulOptions = { transposeA: boolean, transposeB: boolean } as const;

interface Flags {
  readonly ta: boolean;
  readonly tb: boolean;
}
const flagsOf = (e: Entry): Flags => e.attributes as Flags;

// With C = A B: dA = ct B^T and dB = A^T ct; the flags move the transposes. Batch axes that broadcast are summed by backward.
const matmulOp: RecordedOp = {
  name: 'matmul',
  vjps: [
    fromY((ct, b, e) => {
      const { ta, tb } = flagsOf(e);
      return ta ? product(b, ct, tb, true) : product(ct, b, false, !tb);
    }),
    fromX((ct, a, e) => {
      const { ta, tb } = flagsOf(e);
      return tb ? product(ct, a, true, ta) : product(a, ct, !ta, false);
    }),
  ],
};

const kMatmul = opcodeOf('matmul');
const flagWords = [
  [0, 0],
  [0, 1],
  [1, 0],
  [1, 1],
] as const;

function product(a: Tensor, b: Tensor, ta: boolean, tb: boolean): Tensor {
  const p = a.shape.length;
  const q = b.shape.length;
  const m = a.shape[p - (ta ? 1 : 2)] as number;
  const k = a.shape[p - (ta ? 2 : 1)] as number;
  const l = b.shape[q - (tb ? 1 : 2)] as number;
  const n = b.shape[q - (tb ? 2 : 1)] as number;
  if (k !== l) {
    const show = (t: Tensor, flag: boolean): string => `${showShape(t.shape)}${flag ? ' (transposed)' : ''}`;
    throw new ShapeError(
      `matmul: shapes ${show(a, ta)} and ${show(b, tb)} do not fit: inner lengths ${k} and ${l} differ`,
    );
  }
  const batch = p === 2 && q === 2 ? [] : broadcastShapes('matmul', a.shape.slice(0, -2), b.shape.slice(0, -2));
  const shape = guardShape('matmul', [...batch, m, n]);
  const t = node('matmul', kMatmul, a.dtype, shape, a, b, flagWords[(ta ? 2 : 0) + (tb ? 1 : 0)]);
  if (isRecording()) record2(matmulOp, t, a, b, { ta, tb });
  return done(t);
}

/**
 * Matrix product over the last two axes; leading axes broadcast. [.., m, k] x [.., k, n] -> [.., m, n]
 * @throws ShapeError for inner lengths that differ, DTypeError for dtypes other than float32, float64, int32
 */
export function matmul(a: TensorLike, b: TensorLike, opts?: MatmulOptions): Tensor {
  const { transposeA = false, transposeB = false } = options('matmul', matmulOptions, opts);
  if (arguments.length > 3) refuseBehind('matmul', arguments[3]);
  const [x, y] = (isTensor(a) && isTensor(b) ? [a, b] : asTensors('matmul', [a, b], ['a', 'b'])) as [Tensor, Tensor];
  if (x.dtype !== y.dtype) throw mixed('matmul', x, y);
  if (x.dtype === 'bool' || x.dtype === 'uint8') {
    throw new DTypeError(`matmul: expected dtype float32, float64 or int32, got ${x.dtype}`);
  }
  if (x.shape.length < 2 || y.shape.length < 2) {
    throw new ShapeError(
      `matmul: expected matrices (rank >= 2), got shapes ${showShape(x.shape)} and ${showShape(y.shape)}`,
    );
  }
  return product(x, y, transposeA, transposeB);
}

/** t^(1 / p) whose gradient at 0 is 0. */
function root(t: Tensor, p: number): Tensor {
  const zero = equal(t, 0);
  return where(zero, 0, pow(where(zero, 1, t), 1 / p));
}

/**
 * Norm of vectors along `axis`, or of everything (by default); of matrices where `axis` is a pair. `ord`: 'euclidean'
 * or 'fro' (all elements as one vector), a number p > 0, Infinity; of matrices 1 (largest column sum) and Infinity
 * (largest row sum). Its gradient at 0 is 0.
 */
export function norm(
  x: TensorLike,
  ord?: 'euclidean' | 'fro' | number | ReduceOptions,
  axis?: Axis | ReduceOptions,
  opts?: ReduceOptions,
): Tensor {
  const a = asTensor('norm', x);
  const early = axis === undefined && opts === undefined && isOptions(ord);
  const [over, keepdims] = reduceArguments('norm', early ? (ord as ReduceOptions) : axis, opts);
  if (arguments.length > 4) refuseBehind('norm', arguments[4]);
  const order: unknown = early || ord === undefined ? 'euclidean' : ord;
  if (!isFloating(a.dtype)) {
    throw new DTypeError(`norm: expected dtype float32, float64, got ${a.dtype}; write cast(x, 'float32')`);
  }
  const named = typeof over === 'number' ? null : listOf(over);
  const pair = named && named.length > 1 ? named.map((d) => checkAxis('norm', d, a.rank)) : null;
  if (pair && (pair.length !== 2 || pair[0] === pair[1])) {
    throw new ValueError(`norm: axis must be one axis or a pair of different ones, got ${showDeep(over)}`);
  }
  const axes = checkAxes('norm', over, a.rank);
  // x times x, not its square, whose derivative 2x would leave float32 before the norm does.
  if (order === 'euclidean' || order === 'fro' || (order === 2 && !pair)) {
    return rootAtZero(reduceSum(mul(a, a), axes, { keepdims }));
  }
  const sizes = abs(a);
  if (pair && (order === 1 || order === Number.POSITIVE_INFINITY)) {
    const [rows, columns] = pair as [number, number];
    const [summed, kept] = order === 1 ? [rows, columns] : [columns, rows];
    const largest = reduceMax(reduceSum(sizes, summed, { keepdims: true }), kept, { keepdims: true });
    return keepdims ? largest : squeeze(largest, pair);
  }
  if (order === 1) return reduceSum(sizes, axes, { keepdims });
  if (order === Number.POSITIVE_INFINITY) return reduceMax(sizes, axes, { keepdims });
  if (typeof order === 'number' && order > 0 && !pair) {
    return root(reduceSum(pow(sizes, order), axes, { keepdims }), order);
  }
  throw new ValueError(
    `norm: unknown ord ${show(order)}; expected 'euclidean', a number > 0 or Infinity; for a pair of axes 'fro', 1 or Infinity`,
    'ERR_OPTION',
  );
}

const other = { family: 'other', namespace: '', differentiable: true } as const;
register({
  ...other,
  name: 'matmul',
  fn: matmul,
  cases: [
    {
      shapes: [
        [2, 3],
        [3, 4],
      ],
      call: (x, y) => matmul(x, y),
    },
    {
      shapes: [
        [3, 2],
        [3, 4],
      ],
      call: (x, y) => matmul(x, y, { transposeA: true }),
    },
    {
      shapes: [
        [2, 3],
        [4, 3],
      ],
      call: (x, y) => matmul(x, y, { transposeB: true }),
    },
    {
      shapes: [
        [3, 2],
        [4, 3],
      ],
      call: (x, y) => matmul(x, y, { transposeA: true, transposeB: true }),
    },
    {
      shapes: [
        [2, 1, 2, 3],
        [2, 3, 2],
      ],
      call: (x, y) => matmul(x, y),
    },
  ],
});
register({
  ...other,
  name: 'norm',
  fn: norm,
  avoid: [0],
  cases: [
    { shapes: [[2, 3]], call: (x) => norm(x, 2, 1) },
    { shapes: [[2, 3]], call: (x) => norm(x, 3, 0) },
    { shapes: [[2, 3]], call: (x) => norm(x, 1, [0, 1]) },
    { shapes: [[2, 2, 3]], call: (x) => norm(x, Number.POSITIVE_INFINITY, [-1, 0], { keepdims: true }) },
  ],
});
