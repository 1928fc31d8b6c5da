/**
 * Elementwise functions of one or two numbers, public as they are. They take float32 and float64 unless said otherwise,
 * and give NaN outside of their domain. Derivatives are those of any table, written with the output where that keeps
 * fewer tensors.
 */
import { refuseExtra } from '../base/arguments.js';
import { isFloating } from '../base/dtype.js';
import type { Tensor } from '../engine/tensor.js';
import { applyComposed1 } from '../op/apply.js';
import { Op } from '../op/op.js';
import { asTensor } from '../op/operands.js';
import { fromOut, fromX, fromXOut, fromXY, fromY, linear } from '../op/rules.js';
import type { TensorLike } from '../op/variable.js';
import { isOnTape } from '../record/stack.js';
import { add, div, mul, neg, sub } from './arithmetic.js';
import { equal, greater, logicalAnd } from './compare.js';
import { binary, composed, type Fn1, type Fn2, unary } from './family.js';
import { connect, linked, zeroOf } from './movement.js';
import { select } from './select.js';

/** For ops whose operand is to be positive: how a check of gradients draws it. */
const positive = { domain: [0.2, 3] } as const;

/** -1, 0 or 1 with the sign of x; -0 and NaN stay; int32 too. Its derivative is 0 everywhere (connected). */
export const sign: Fn1 = unary({ name: 'sign', vjp: linear((_, e) => zeroOf(e, 0)), avoid: [0] });
/** |x|; int32 too. Its derivative at 0 is 0. */
export const abs: Fn1 = unary({ name: 'abs', vjp: fromX((ct, x) => mul(ct, sign(x))), avoid: [0] });
/** x^2; integers too. */
export const square: Fn1 = unary({
  // A cotangent of ones on no tape is left out of the product: that gives the same value, one op less.
  name: 'square',
  vjp: fromX((ct, x) => (ct.uniform === 1 && !isOnTape(ct) ? mul(x, 2) : mul(ct, mul(x, 2)))),
  fold: (x) => x * x,
  bytes: true,
});
/** The square root; its derivative at 0 is infinite. */
export const sqrt: Fn1 = unary({
  name: 'sqrt',
  vjp: fromOut((ct, out) => div(mul(ct, 0.5), out)),
  ...positive,
  fold: Math.sqrt,
});
/** 1 / sqrt(x). */
export const rsqrt: Fn1 = unary({
  name: 'rsqrt',
  vjp: fromOut((ct, out) => mul(mul(ct, -0.5), mul(out, square(out)))),
  ...positive,
});
/** 1 / x. */
export const reciprocal: Fn1 = unary({
  name: 'reciprocal',
  vjp: fromOut((ct, out) => mul(mul(neg(ct), out), out)),
  ...positive,
});
/** e^x. */
export const exp: Fn1 = unary({ name: 'exp', vjp: fromOut((ct, out) => mul(ct, out)) });
/** e^x - 1, exact near 0. */
export const expm1: Fn1 = unary({ name: 'expm1', vjp: fromX((ct, x) => mul(ct, exp(x))) });
/** The natural logarithm. */
export const log: Fn1 = unary({ name: 'log', vjp: fromX((ct, x) => div(ct, x)), ...positive });
/** log(1 + x), exact near 0. */
export const log1p: Fn1 = unary({ name: 'log1p', vjp: fromX((ct, x) => div(ct, add(x, 1))), domain: [-0.7, 2] });
/** The sine of x radians. */
export const sin: Fn1 = unary({ name: 'sin', vjp: fromX((ct, x) => mul(ct, cos(x))) });
/** The cosine of x radians. */
export const cos: Fn1 = unary({ name: 'cos', vjp: fromX((ct, x) => mul(neg(ct), sin(x))) });
/** The tangent of x radians. */
export const tan: Fn1 = unary({ name: 'tan', vjp: fromX((ct, x) => div(ct, square(cos(x)))), domain: [-1, 1] });
/** The inverse of sin, from -pi/2 to pi/2. Its derivative at -1 and 1 is infinite. */
export const asin: Fn1 = unary({
  name: 'asin',
  vjp: fromX((ct, x) => div(ct, sqrt(sub(1, square(x))))),
  domain: [-0.8, 0.8],
});
/** The inverse of cos, from 0 to pi. Its derivative at -1 and 1 is infinite. */
export const acos: Fn1 = unary({
  name: 'acos',
  vjp: fromX((ct, x) => div(neg(ct), sqrt(sub(1, square(x))))),
  domain: [-0.8, 0.8],
});
/** The inverse of tan, between -pi/2 and pi/2. */
export const atan: Fn1 = unary({ name: 'atan', vjp: fromX((ct, x) => div(ct, add(square(x), 1))) });
/** The angle of the point (x, y), from -pi to pi; the first operand is y. */
export const atan2: Fn2 = binary({
  name: 'atan2',
  x: fromXY((ct, y, x) => mul(ct, div(x, add(square(x), square(y))))),
  y: fromXY((ct, y, x) => mul(ct, div(neg(y), add(square(x), square(y))))),
  domain: [
    [-2, 2],
    [0.4, 2],
  ],
});
/** The hyperbolic sine. */
export const sinh: Fn1 = unary({ name: 'sinh', vjp: fromX((ct, x) => mul(ct, cosh(x))) });
/** The hyperbolic cosine. */
export const cosh: Fn1 = unary({ name: 'cosh', vjp: fromX((ct, x) => mul(ct, sinh(x))) });
/** The inverse of sinh. */
export const asinh: Fn1 = unary({ name: 'asinh', vjp: fromOut((ct, out) => div(ct, cosh(out))) });
/** The inverse of cosh, for x >= 1. Its derivative at 1 is infinite. */
export const acosh: Fn1 = unary({ name: 'acosh', vjp: fromOut((ct, out) => div(ct, sinh(out))), domain: [1.3, 3] });
/** The inverse of tanh. Its derivative at -1 and 1 is infinite. */
export const atanh: Fn1 = unary({
  name: 'atanh',
  vjp: fromX((ct, x) => div(ct, sub(1, square(x)))),
  domain: [-0.8, 0.8],
});
/** ct (1 - y^2): the pullback of tanh from its output, in one pass. */
const tanhGrad: Fn2 = binary({
  name: 'tanhGrad',
  x: fromY((ct, y) => tanhGrad(ct, y)),
  y: fromXY((ct, x, y) => mul(ct, mul(x, mul(y, -2)))),
});
/** The hyperbolic tangent. */
export const tanh: Fn1 = unary({ name: 'tanh', vjp: fromOut((ct, out) => tanhGrad(ct, out)) });

/** ct y (1 - y): the pullback of sigmoid from its output, in one pass. */
const sigmoidGrad: Fn2 = binary({
  name: 'sigmoidGrad',
  x: fromY((ct, y) => sigmoidGrad(ct, y)),
  y: fromXY((ct, x, y) => mul(ct, mul(x, sub(1, mul(y, 2))))),
});
/** 1 / (1 + e^-x), without overflow. */
export const sigmoid: Fn1 = unary({ name: 'sigmoid', vjp: fromOut((ct, out) => sigmoidGrad(ct, out)) });
/** log(1 + e^x), without overflow. */
export const softplus: Fn1 = unary({ name: 'softplus', vjp: fromX((ct, x) => mul(ct, sigmoid(x))) });
/** log(sigmoid(x)), without overflow. */
export const logSigmoid: Fn1 = composed({
  name: 'logSigmoid',
  operands: ['x'],
  forward: (x) => neg(softplus(neg(x as Tensor))),
  vjps: [fromX((ct, x) => mul(ct, sigmoid(neg(x))))],
});
/** The error function; its derivative is 2 / sqrt(pi) exp(-x^2). */
export const erf: Fn1 = unary({
  name: 'erf',
  vjp: fromX((ct, x) => mul(ct, mul(exp(neg(square(x))), 2 / Math.sqrt(Math.PI)))),
});
/** 1 - erf(x), exact also where erf(x) is nearly 1. */
export const erfc: Fn1 = unary({
  name: 'erfc',
  vjp: fromX((ct, x) => mul(ct, mul(exp(neg(square(x))), -2 / Math.sqrt(Math.PI)))),
});

/** log|gamma(x)|; infinity at the poles 0, -1, -2, ... */
export const lgamma: Fn1 = unary({ name: 'lgamma', vjp: fromX((ct, x) => mul(ct, digamma(x))), domain: [0.4, 4] });
/** The derivative of lgamma; NaN at the poles, whose two sides differ in sign. */
export const digamma: Fn1 = unary({
  name: 'digamma',
  vjp: fromX((ct, x) => mul(ct, polygamma(1, x))),
  domain: [0.4, 4],
});
/**
 * The derivative of order `a` of digamma at `x`: (-1)^(a + 1) a! zeta(a + 1, x) for a > 0. NaN unless `a` is 0, 1, ...
 * 171; the gradient with respect to `a` is unconnected, as in TensorFlow.
 */
export const polygamma: Fn2 = binary({
  name: 'polygamma',
  x: null,
  y: fromXY((ct, a, x) => mul(ct, polygamma(add(a, 1), x))),
  domain: [0.6, 4],
});

/** The largest integer that is not above x. No gradient. */
export const floor: Fn1 = unary({ name: 'floor' });
/** The smallest integer that is not below x. No gradient. */
export const ceil: Fn1 = unary({ name: 'ceil' });
/** To the nearest integer, halves to the even one. Integers stay as they are. No gradient. */
export const round: Fn1 = unary({ name: 'round', sameIntegers: true });
/** Whether x is NaN, as bool. */
export const isNan: Fn1 = unary({ name: 'isNan' });
/** Whether x is neither infinite nor NaN, as bool. */
const finite: Fn1 = unary({ name: 'isFinite' });
/** Whether x is infinite, as bool. */
export const isInf: Fn1 = unary({ name: 'isInf' });
export { finite as isFinite };

/**
 * ct n x^(n - 1), for an exponent n that is a number in the call. Where the chain of derivatives ends it is exact: x^2
 * has zeros at order 3.
 */
function powNumber(ct: Tensor, x: Tensor, n: number): Tensor {
  if (n === 2) return mul(mul(ct, 2), linked(x));
  if (n === 1) return connect(mul(ct, 1), x);
  if (n === 0) return connect(mul(ct, 0), x);
  return mul(mul(ct, n), pow(x, n - 1));
}

/** ct y x^(y - 1). At x = y = 0 the power is replaced by x^0, so that the result is 0 and not 0 * inf = NaN. */
function powBase(ct: Tensor, x: Tensor, y: Tensor): Tensor {
  return mul(mul(ct, y), pow(x, select(logicalAnd(equal(y, 0), equal(x, 0)), 0, sub(y, 1))));
}

const powRules = {
  x: fromXY(powBase),
  y: fromXOut((ct, x, out) => {
    const inside = greater(x, 0);
    return mul(ct, mul(out, select(inside, log(select(inside, x, 1)), 0)));
  }),
};
// The rule depends on whether the exponent is a JavaScript number in the call, not on whether its value is known:
// looking changes no bits.
const powNumberOp = new Op<number>('pow', {
  vjps: [fromX((ct, x, e) => powNumber(ct, x, e.attributes))],
  batch: ({ operands, attributes }) => pow(operands[0] as Tensor, attributes),
  forward: 'elementwise',
});

/**
 * x^y; int32 too. The derivative with respect to y is 0 where x <= 0, by convention; that with respect to x is 0 where
 * both are 0. If the exponent is a JavaScript number, x^2 and x^3 are computed as products, and derivatives of any
 * order are exact at x = 0.
 */
export function pow(x: TensorLike, y: TensorLike): Tensor {
  if (arguments.length > 2) refuseExtra('pow', arguments[2], arguments[3]);
  if (typeof y !== 'number') return power(x, y);
  const base = asTensor('pow', x);
  if (!isFloating(base.dtype)) return power(base, y);
  const exponent = base.dtype === 'float32' ? Math.fround(y) : y;
  return applyComposed1(powNumberOp, base, exponent, powerOf, y);
}

function powerOf(base: Tensor, n: number): Tensor {
  if (n === 2) return mul(base, base);
  return n === 3 ? mul(mul(base, base), base) : power(base, n);
}

const power: Fn2 = binary({
  name: 'pow',
  ...powRules,
  fn: pow,
  domain: [
    [0.3, 2],
    [-2, 2],
  ],
});
