/** Division cut towards zero, and numbers beside another; elementwise ops, public as they are. */
import { isFloating } from '../base/dtype.js';
import type { Tensor } from '../engine/tensor.js';
import { fromXY, linear } from '../op/rules.js';
import { div, mul, neg } from './arithmetic.js';
import { less } from './compare.js';
import { composed, type Fn1, type Fn2, special } from './family.js';
import { ceil, floor, round } from './math.js';
import { zeroOf } from './movement.js';
import { select } from './select.js';

const operands = ['x', 'y'] as const;
const kinds = ['floating', 'integer'] as const;
const quotient = special('truncatediv');

function cutQuotient(x: Tensor, y: Tensor): Tensor {
  if (!isFloating(x.dtype)) return quotient(x, y);
  const q = div(x, y);
  return select(less(q, 0), ceil(q), floor(q));
}

/**
 * x / y cut towards zero, as integers divide in C: -7 / 2 gives -3. float32, float64, int32, uint8. No gradient. Division
 * of an integer by 0 is GradtapeError ERR_DIVISION_BY_ZERO when it is computed.
 */
export const truncatediv: Fn2 = composed({
  name: 'truncatediv',
  operands,
  kinds,
  forward: (x, y) => cutQuotient(x as Tensor, y as Tensor),
});

/**
 * x - truncatediv(x, y) y, exactly: it has the sign of x. float32, float64, int32, uint8. Its derivatives are 1 and
 * -truncatediv(x, y), also where it jumps. An integer modulo 0 is GradtapeError ERR_DIVISION_BY_ZERO when it is computed.
 */
export const truncatemod: Fn2 = composed({
  name: 'truncatemod',
  operands,
  kinds,
  forward: special('truncatemod'),
  vjps: [linear((ct) => ct), fromXY((ct, x, y) => mul(ct, neg(cutQuotient(x, y))))],
});

/**
 * The next number of the dtype from x towards y; y if they are equal, NaN if either is. float32 and float64. Its
 * derivatives are 1 and 0.
 */
export const nextafter: Fn2 = composed({
  name: 'nextafter',
  operands,
  forward: special('nextafter'),
  vjps: [linear((ct) => ct), linear((_, e) => zeroOf(e, 1))],
});

/** To the nearest whole number, halves to the even one: `round` of float32 and float64 only. No gradient. */
export const rint: Fn1 = composed({ name: 'rint', operands: ['x'], forward: (x) => round(x as Tensor) });
