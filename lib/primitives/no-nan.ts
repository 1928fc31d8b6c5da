/**
 * Products, quotients and logarithms that are 0 where a factor is 0, whatever stands beside it; public as they are. They
 * take float32 and float64 unless said otherwise. The rules are TensorFlow's.
 */
import { refuseExtra } from '../base/arguments.js';
import { dtypeBytes, kindOf } from '../base/dtype.js';
import type { Tensor } from '../engine/tensor.js';
import { asTensors, dtypeOf, likeOf } from '../op/operands.js';
import { fromX, fromXY, fromY } from '../op/rules.js';
import type { TensorLike } from '../op/variable.js';
import { add, div, mul, neg } from './arithmetic.js';
import { equal, notEqual } from './compare.js';
import { composed, type Fn2 } from './family.js';
import { log, log1p, square } from './math.js';
import { castTo } from './movement.js';
import { select } from './select.js';

const operands = ['x', 'y'] as const;

const floatDivideNoNan: Fn2 = composed({
  name: 'divideNoNan',
  operands,
  forward: (x, y) => select(equal(y as Tensor, 0), 0, div(x as Tensor, y as Tensor)),
  vjps: [
    fromY((ct, y) => floatDivideNoNan(ct, y)),
    fromXY((ct, x, y) => mul(ct, floatDivideNoNan(floatDivideNoNan(neg(x), y), y))),
  ],
});

/**
 * x / y, and 0 where y is 0. Integers divide as floats, as in `div`: int32 as float64, uint8 as float32. Both gradients
 * are 0 where y is 0.
 * @throws DTypeError for bool
 */
export function divideNoNan(x: TensorLike, y: TensorLike): Tensor {
  if (arguments.length > 2) refuseExtra('divideNoNan', arguments[2], arguments[3]);
  const dtype = dtypeOf(x) ?? dtypeOf(y) ?? likeOf(x) ?? likeOf(y);
  if (dtype === undefined || kindOf[dtype] !== 'integer') return floatDivideNoNan(x, y);
  const [a, b] = asTensors('divideNoNan', [x, y], operands) as [Tensor, Tensor];
  const wide = dtypeBytes[dtype] < 4 ? 'float32' : 'float64'; // either holds every integer of the dtype
  return floatDivideNoNan(castTo(a, wide), castTo(b, wide));
}

/** x y, and 0 where y is 0, also if x is infinite or NaN. */
export const multiplyNoNan: Fn2 = composed({
  name: 'multiplyNoNan',
  operands,
  forward: (x, y) => select(equal(y as Tensor, 0), 0, mul(x as Tensor, y as Tensor)),
  vjps: [fromY((ct, y) => multiplyNoNan(ct, y)), fromX((ct, x) => multiplyNoNan(x, ct))],
});

/** 1 where x is not 0, else 0. */
function nonZero(x: Tensor): Tensor {
  return castTo(notEqual(x, 0), x.dtype);
}

/** x log(y), and 0 where x is 0. */
export const xlogy: Fn2 = composed({
  name: 'xlogy',
  operands,
  forward: (x, y) => select(equal(x as Tensor, 0), x as Tensor, mul(x as Tensor, log(y as Tensor))),
  vjps: [fromXY((ct, x, y) => mul(ct, xlogy(nonZero(x), y))), fromXY((ct, x, y) => mul(ct, xdivy(x, y)))],
});

/** x log(1 + y), exact near y = 0; and 0 where x is 0. */
export const xlog1py: Fn2 = composed({
  name: 'xlog1py',
  operands,
  forward: (x, y) => select(equal(x as Tensor, 0), x as Tensor, mul(x as Tensor, log1p(y as Tensor))),
  vjps: [fromXY((ct, x, y) => mul(ct, xlog1py(nonZero(x), y))), fromXY((ct, x, y) => mul(ct, xdivy(x, add(y, 1))))],
});

/** x / y, and 0 where x is 0, also if y is. */
export const xdivy: Fn2 = composed({
  name: 'xdivy',
  operands,
  forward: (x, y) => select(equal(x as Tensor, 0), x as Tensor, div(x as Tensor, y as Tensor)),
  vjps: [fromXY((ct, x, y) => mul(ct, xdivy(nonZero(x), y))), fromXY((ct, x, y) => mul(ct, xdivy(neg(x), square(y))))],
});
