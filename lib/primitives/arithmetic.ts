/**
 * Arithmetic with broadcasting: elementwise ops of numbers, public as they are. Operands are of one dtype; float32,
 * float64 and int32 unless said otherwise. Integers wrap around.
 */
import { refuseExtra } from '../base/arguments.js';
import { dtypeBytes, kindOf } from '../base/dtype.js';
import type { Tensor } from '../engine/tensor.js';
import { asTensors, dtypeOf, likeOf } from '../op/operands.js';
import { fromX, fromXY, fromY, linear } from '../op/rules.js';
import type { TensorLike } from '../op/variable.js';
import { greaterEqual, lessEqual } from './compare.js';
import { binary, type Fn1, type Fn2, unary } from './family.js';
import { castTo } from './movement.js';
import { select } from './select.js';

/** -x. */
export const neg: Fn1 = unary({ name: 'neg', vjp: linear((ct) => neg(ct)), fold: (x) => -x });

/** x + y; uint8 too. */
export const add: Fn2 = binary({ name: 'add', x: linear((ct) => ct), y: linear((ct) => ct), fold: (x, y) => x + y });
/** x - y; uint8 too. */
export const sub: Fn2 = binary({
  name: 'sub',
  x: linear((ct) => ct),
  y: linear((ct) => neg(ct)),
  fold: (x, y) => x - y,
});
/** x y; uint8 too. */
export const mul: Fn2 = binary({
  name: 'mul',
  x: fromY((ct, y) => mul(ct, y)),
  y: fromX((ct, x) => mul(ct, x)),
  fold: (x, y) => x * y,
});

/** x / y of floats. */
const realDiv: Fn2 = binary({
  name: 'div',
  x: fromY((ct, y) => realDiv(ct, y)),
  y: fromXY((ct, x, y) => mul(ct, realDiv(realDiv(neg(x), y), y))),
  fn: div,
  fold: (x, y) => x / y,
  domain: [
    [-2, 2],
    [0.5, 2],
  ],
});

/**
 * x / y by IEEE 754: 1 / 0 is infinite. Integers divide as floats, as in TensorFlow: int32 as float64, uint8 as
 * float32.
 */
export function div(x: TensorLike, y: TensorLike): Tensor {
  if (arguments.length > 2) refuseExtra('div', arguments[2], arguments[3]);
  const dtype = dtypeOf(x) ?? dtypeOf(y) ?? likeOf(x) ?? likeOf(y);
  if (dtype === undefined || kindOf[dtype] !== 'integer') return realDiv(x, y);
  const [a, b] = asTensors('div', [x, y], ['x', 'y']) as [Tensor, Tensor];
  const wide = dtypeBytes[dtype] < 4 ? 'float32' : 'float64'; // either holds every integer of the dtype
  return realDiv(castTo(a, wide), castTo(b, wide));
}

/**
 * floor(x / y); uint8 too. No gradient. Division of an integer by 0 is GradtapeError ERR_DIVISION_BY_ZERO when it is
 * computed.
 */
export const floordiv: Fn2 = binary({ name: 'floordiv', bytes: true });

/**
 * x - floor(x / y) y, which has the sign of y; uint8 too. Its derivatives are 1 and -floor(x / y), also where it jumps.
 * An integer modulo 0 is GradtapeError ERR_DIVISION_BY_ZERO when it is computed.
 */
export const floormod: Fn2 = binary({
  // It jumps where x / y is an integer; these intervals have no such point.
  name: 'floormod',
  x: linear((ct) => ct),
  y: fromXY((ct, x, y) => mul(ct, neg(floordiv(x, y)))),
  bytes: true,
  domain: [
    [0.1, 0.9],
    [1, 2],
  ],
});

/** (x - y)^2; uint8 too. */
export const squaredDifference: Fn2 = binary({
  name: 'squaredDifference',
  x: fromXY((ct, x, y) => mul(mul(ct, 2), sub(x, y))),
  y: fromXY((ct, x, y) => mul(mul(ct, -2), sub(x, y))),
});

/** The larger of x and y; NaN if either is; uint8 too. Where they are equal, the whole gradient goes to x. */
export const maximum: Fn2 = binary({
  name: 'maximum',
  x: fromXY((ct, x, y) => select(greaterEqual(x, y), ct, 0)),
  y: fromXY((ct, x, y) => select(greaterEqual(x, y), 0, ct)),
});
/** The smaller of x and y; NaN if either is; uint8 too. Where they are equal, the whole gradient goes to x. */
export const minimum: Fn2 = binary({
  name: 'minimum',
  x: fromXY((ct, x, y) => select(lessEqual(x, y), ct, 0)),
  y: fromXY((ct, x, y) => select(lessEqual(x, y), 0, ct)),
});
