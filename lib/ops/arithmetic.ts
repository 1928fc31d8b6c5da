/** Arithmetic with broadcasting, comparisons, logic and selection. */
import { refuseExtra } from '../base/arguments.js';
import { DTypeError, ValueError } from '../base/errors.js';
import { broadcastShapes } from '../base/shape.js';
import { opcodeOf } from '../engine/addon.js';
import { isTensor, type Tensor } from '../engine/tensor.js';
import {
  asTensor,
  asTensors,
  binary,
  done,
  dtypeOf,
  fromX,
  fromXY,
  fromY,
  likeOf,
  linear,
  nodeOfMany,
  register,
  unary,
} from '../op/op.js';
import type { RecordedOp } from '../record/tape.js';
import { isRecording, recordMany, suspended } from '../record/tape.js';
import { isVariable, notAVariable, type TensorLike, Variable } from '../record/variable.js';
import { cast, reshape, zeroOf } from './structure.js';

type Fn1 = (x: TensorLike) => Tensor;
type Fn2 = (x: TensorLike, y: TensorLike) => Tensor;

export const less: Fn2 = binary('less', null);
export const lessEqual: Fn2 = binary('lessEqual', null);
export const greater: Fn2 = binary('greater', null);
export const greaterEqual: Fn2 = binary('greaterEqual', null);
export const equal: Fn2 = binary('equal', null);
export const notEqual: Fn2 = binary('notEqual', null);
export const logicalAnd: Fn2 = binary('logicalAnd', null);
export const logicalOr: Fn2 = binary('logicalOr', null);
export const logicalXor: Fn2 = binary('logicalXor', null);
export const logicalNot: Fn1 = unary('logicalNot', null);

export const neg: Fn1 = unary(
  'neg',
  linear((ct) => neg(ct)),
  { fold: (x) => -x },
);

export const add: Fn2 = binary('add', { x: linear((ct) => ct), y: linear((ct) => ct) }, { fold: (x, y) => x + y });
export const sub: Fn2 = binary('sub', { x: linear((ct) => ct), y: linear((ct) => neg(ct)) }, { fold: (x, y) => x - y });
export const mul: Fn2 = binary(
  'mul',
  { x: fromY((ct, y) => mul(ct, y)), y: fromX((ct, x) => mul(ct, x)) },
  { fold: (x, y) => x * y },
);

const realDiv: Fn2 = binary(
  'div',
  {
    x: fromY((ct, y) => realDiv(ct, y)),
    y: fromXY((ct, x, y) => mul(ct, realDiv(realDiv(neg(x), y), y))),
  },
  {
    fn: div,
    fold: (x, y) => x / y,
    domain: [
      [-2, 2],
      [0.5, 2],
    ],
  },
);

/** x / y. Integers divide as floats, as in TensorFlow: int32 as float64, uint8 as float32. */
export function div(x: TensorLike, y: TensorLike): Tensor {
  if (arguments.length > 2) refuseExtra('div', arguments[2], arguments[3]);
  const dtype = dtypeOf(x) ?? dtypeOf(y) ?? likeOf(x) ?? likeOf(y);
  if (dtype !== 'int32' && dtype !== 'uint8') return realDiv(x, y);
  const [a, b] = asTensors('div', [x, y], ['x', 'y']) as [Tensor, Tensor];
  const wide = dtype === 'int32' ? 'float64' : 'float32';
  return realDiv(cast(a, wide), cast(b, wide));
}

/** Rounded towards minus infinity; no gradient. */
export const floordiv: Fn2 = binary('floordiv', null, { bytes: true });

/** x - floor(x / y) * y, with the sign of y. */
export const floormod: Fn2 = binary(
  'floormod',
  { x: linear((ct) => ct), y: fromXY((ct, x, y) => mul(ct, neg(floordiv(x, y)))) },
  // Kinks lie where x / y is an integer; these intervals keep clear of them.
  {
    bytes: true,
    domain: [
      [0.1, 0.9],
      [1, 2],
    ],
  },
);

export const squaredDifference: Fn2 = binary('squaredDifference', {
  x: fromXY((ct, x, y) => mul(mul(ct, 2), sub(x, y))),
  y: fromXY((ct, x, y) => mul(mul(ct, -2), sub(x, y))),
});

/** Where operands are equal, the whole gradient goes to the first. */
export const maximum: Fn2 = binary('maximum', {
  x: fromXY((ct, x, y) => where(greaterEqual(x, y), ct, 0)),
  y: fromXY((ct, x, y) => where(greaterEqual(x, y), 0, ct)),
});
export const minimum: Fn2 = binary('minimum', {
  x: fromXY((ct, x, y) => where(lessEqual(x, y), ct, 0)),
  y: fromXY((ct, x, y) => where(lessEqual(x, y), 0, ct)),
});

const kWhere = opcodeOf('where');
const whereOp: RecordedOp = {
  name: 'where',
  vjps: [
    null,
    { needs: 1, pull: (ct, e) => where(e.x as Tensor, ct, 0) },
    { needs: 1, pull: (ct, e) => where(e.x as Tensor, 0, ct) },
  ],
};

/** Index vectors of the elements that are true, or not 0 (of any dtype), in row-major order: int32 [count, rank]. Evaluates them. */
export function where(condition: TensorLike): Tensor;
/** x where the condition holds, else y; all three broadcast. The branch not taken gets a gradient of 0. */
export function where(condition: TensorLike, x: TensorLike, y: TensorLike): Tensor;
export function where(condition: TensorLike, x?: TensorLike, y?: TensorLike): Tensor {
  if (arguments.length > 3) refuseExtra('where', arguments[3], undefined);
  if (x === undefined && y === undefined) return indicesOf(asTensor('where', condition, undefined, 'condition'));
  const c = asTensor('where', condition, 'bool', 'condition');
  if (x === undefined || y === undefined) {
    throw new ValueError('where: expected both x and y, or neither, for the indices of what is true', 'ERR_OPTION');
  }
  if (c.dtype !== 'bool')
    throw new DTypeError(`where: the condition must be bool, got ${c.dtype}; compare it with something`);
  const [a, b] = (
    isTensor(x) && isTensor(y) && x.dtype === y.dtype ? [x, y] : asTensors('where', [x, y], ['x', 'y'])
  ) as [Tensor, Tensor];
  const shape = broadcastShapes('where', broadcastShapes('where', c.shape, a.shape), b.shape);
  const t = nodeOfMany('where', kWhere, a.dtype, shape, [c, a, b], []);
  if (isRecording()) recordMany(whereOp, [t], [c, a, b], null);
  return done(t);
}

function indicesOf(c: Tensor): Tensor {
  const indices: number[] = [];
  c.dataSync().forEach((value, at) => {
    if (value === 0) return;
    let rest = at;
    const index = c.shape.toReversed().map((length) => {
      const i = rest % length;
      rest = (rest - i) / length;
      return i;
    });
    for (const i of index.reverse()) indices.push(i);
  });
  const count = c.rank === 0 ? Number(c.item() !== 0) : indices.length / c.rank;
  return reshape(asTensor('where', Int32Array.from(indices)), [count, c.rank]);
}

/** Limits x to [low, high]; the bounds pass the gradient. Where low > high it is low, as in TensorFlow. */
export function clipByValue(x: TensorLike, low: TensorLike, high: TensorLike): Tensor {
  if (arguments.length > 3) refuseExtra('clipByValue', arguments[3], undefined);
  const [a, l, h] = asTensors('clipByValue', [x, low, high], ['x', 'low', 'high']) as [Tensor, Tensor, Tensor];
  if (a.dtype === 'bool') throw new DTypeError('clipByValue: expected numbers, got bool');
  broadcastShapes('clipByValue', broadcastShapes('clipByValue', a.shape, h.shape), l.shape);
  return maximum(minimum(a, h), l);
}

const reluGrad: Fn2 = binary(
  'reluGrad',
  { x: fromY((ct, y) => reluGrad(ct, y)), y: linear((_, e) => zeroOf(e, 1)) },
  { namespace: 'internal', avoid: [0] },
);

/** max(x, 0); its derivative at 0 is 0. */
export const relu: Fn1 = unary(
  'relu',
  { needs: 8, pull: (ct, e) => reluGrad(ct, e.out as Tensor) },
  { namespace: 'nn', avoid: [0] },
);

declare module '../record/variable.js' {
  interface Variable {
    /** Adds to the value. Not differentiable. */
    assignAdd(x: TensorLike): this;
    /** Subtracts from the value. Not differentiable. */
    assignSub(x: TensorLike): this;
  }
}

// The value is read unseen by tapes: an assignment stops gradients, and is no use of the variable.
function assignBy(op: string, combine: Fn2): (this: Variable, x: TensorLike) => Variable {
  return function (x) {
    if (!isVariable(this)) throw notAVariable(op, this);
    if (arguments.length > 1) refuseExtra(op, arguments[1], undefined);
    const change = this.checked(op, x);
    return this.replace(
      op,
      suspended(() => combine(this.peek(), change)),
    );
  };
}
Object.assign(Variable.prototype, { assignAdd: assignBy('assignAdd', add), assignSub: assignBy('assignSub', sub) });

const three = {
  shapes: [
    [2, 3],
    [2, 3],
  ],
};
register({
  name: 'where',
  family: 'other',
  namespace: '',
  differentiable: true,
  fn: where,
  cases: [{ ...three, call: (x, y) => where(constantMask(x), x, y) }],
});
register({
  name: 'clipByValue',
  family: 'other',
  namespace: '',
  differentiable: true,
  fn: clipByValue,
  cases: [{ shapes: [[2, 3]], call: (x) => clipByValue(x, -1.1, 0.9) }],
  avoid: [-1.1, 0.9],
});

/** Alternating true and false of x's shape. */
function constantMask(x: Tensor): Tensor {
  return asTensor(
    'where',
    Array.from({ length: x.shape[0] as number }, (_, i) => [i % 2 === 0]),
    'bool',
  );
}
