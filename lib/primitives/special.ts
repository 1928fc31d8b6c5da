/**
 * Special functions: elementwise ops of float32 and float64, public as they are. They are computed in float64 and give NaN
 * outside of their domain. What they are, and their derivatives, is in the NIST Digital Library of Mathematical Functions
 * (DLMF, https://dlmf.nist.gov); the rules are TensorFlow's, unless docs/differences.md says otherwise.
 */
import { GradtapeError } from '../base/errors.js';
import type { Tensor } from '../engine/tensor.js';
import { fromOperands, fromOut, fromX, fromXOut, fromXY } from '../op/rules.js';
import type { Vjp } from '../record/entry.js';
import { add, div, mul, neg, sub } from './arithmetic.js';
import { equal } from './compare.js';
import { composed, type Fn1, type Fn2, type Fn3, special } from './family.js';
import { cos, digamma, exp, lgamma, log, polygamma, reciprocal, sign, sin, square } from './math.js';
import { xlog1py, xlogy } from './no-nan.js';
import { select } from './select.js';

/** A function of one operand. */
function one(name: string, vjp: Vjp<null>): Fn1 {
  return composed({ name, operands: ['x'], forward: special(name), vjps: [vjp] });
}

/** The inverse of erf, between -1 and 1, where it is infinite. */
export const erfinv: Fn1 = one(
  'erfinv',
  fromOut((ct, out) => mul(mul(ct, Math.sqrt(Math.PI) / 2), exp(square(out)))),
);
/** The quantile of the standard normal distribution: the inverse of its distribution function, between 0 and 1. */
export const ndtri: Fn1 = one(
  'ndtri',
  fromOut((ct, out) => mul(mul(ct, Math.sqrt(2 * Math.PI)), exp(mul(square(out), 0.5)))),
);
/** Dawson's integral exp(-x^2) int_0^x exp(t^2) dt (DLMF 7.2.5). */
export const dawsn: Fn1 = one(
  'dawsn',
  fromXOut((ct, x, out) => mul(ct, sub(1, mul(mul(x, 2), out)))),
);
/** The exponential integral Ei(x) of x > 0 (DLMF 6.2.5). */
export const expint: Fn1 = one(
  'expint',
  fromX((ct, x) => div(mul(ct, exp(x)), x)),
);
/** Fresnel's integral int_0^x cos(pi t^2 / 2) dt (DLMF 7.2.7). */
export const fresnelCos: Fn1 = one(
  'fresnelCos',
  fromX((ct, x) => mul(ct, cos(mul(square(x), Math.PI / 2)))),
);
/** Fresnel's integral int_0^x sin(pi t^2 / 2) dt (DLMF 7.2.8). */
export const fresnelSin: Fn1 = one(
  'fresnelSin',
  fromX((ct, x) => mul(ct, sin(mul(square(x), Math.PI / 2)))),
);
/** Spence's integral int_1^x log(t) / (1 - t) dt of x >= 0: the dilogarithm of 1 - x (DLMF 25.12.2). */
export const spence: Fn1 = one(
  'spence',
  fromX((ct, x) => mul(ct, select(equal(x, 1), -1, div(log(x), sub(1, x))))),
);

/** y / x; at x = 0 finite, so that it may be what a choice leaves out. */
function ratio(y: Tensor, x: Tensor): Tensor {
  return div(y, select(equal(x, 0), 1, x));
}

/** The modified Bessel function I_0 (DLMF 10.25.2). */
export const besselI0: Fn1 = one(
  'besselI0',
  fromX((ct, x) => mul(ct, besselI1(x))),
);
/** exp(-|x|) I_0(x). */
export const besselI0e: Fn1 = one(
  'besselI0e',
  fromXOut((ct, x, out) => mul(ct, sub(besselI1e(x), mul(sign(x), out)))),
);
/** The modified Bessel function I_1 (DLMF 10.25.2). Its derivative at 0 is 1 / 2. */
export const besselI1: Fn1 = one(
  'besselI1',
  fromXOut((ct, x, out) => mul(ct, select(equal(x, 0), 0.5, sub(besselI0(x), ratio(out, x))))),
);
/** exp(-|x|) I_1(x). */
export const besselI1e: Fn1 = one(
  'besselI1e',
  fromXOut((ct, x, out) => mul(ct, select(equal(x, 0), 0.5, sub(sub(besselI0e(x), mul(out, sign(x))), ratio(out, x))))),
);
/** The Bessel function J_0 (DLMF 10.2.2). */
export const besselJ0: Fn1 = one(
  'besselJ0',
  fromX((ct, x) => mul(ct, neg(besselJ1(x)))),
);
/** The Bessel function J_1 (DLMF 10.2.2). */
export const besselJ1: Fn1 = one(
  'besselJ1',
  fromXOut((ct, x, out) => mul(ct, select(equal(x, 0), 0.5, sub(besselJ0(x), ratio(out, x))))),
);
/** The modified Bessel function K_0 (DLMF 10.25.3) of x > 0; infinite at 0 and below. */
export const besselK0: Fn1 = one(
  'besselK0',
  fromX((ct, x) => mul(ct, neg(besselK1(x)))),
);
/** exp(x) K_0(x); infinite at 0 and below. */
export const besselK0e: Fn1 = one(
  'besselK0e',
  fromXOut((ct, x, out) => mul(ct, sub(out, besselK1e(x)))),
);
/** The modified Bessel function K_1 (DLMF 10.25.3) of x > 0; infinite at 0 and below. */
export const besselK1: Fn1 = one(
  'besselK1',
  fromXOut((ct, x, out) => mul(ct, sub(neg(besselK0(x)), div(out, x)))),
);
/** exp(x) K_1(x); infinite at 0 and below. */
export const besselK1e: Fn1 = one(
  'besselK1e',
  fromXOut((ct, x, out) => mul(ct, sub(mul(out, sub(1, reciprocal(x))), besselK0e(x)))),
);
/** The Bessel function Y_0 (DLMF 10.2.3) of x > 0; -infinity at 0 and below. */
export const besselY0: Fn1 = one(
  'besselY0',
  fromX((ct, x) => mul(ct, neg(besselY1(x)))),
);
/** The Bessel function Y_1 (DLMF 10.2.3) of x > 0; -infinity at 0 and below. */
export const besselY1: Fn1 = one(
  'besselY1',
  fromXOut((ct, x, out) => mul(ct, sub(besselY0(x), div(out, x)))),
);

/** The derivative of igamma with respect to x: x^(a - 1) exp(-x) / gamma(a), by logarithms, which do not overflow. */
function gammaDensity(a: Tensor, x: Tensor): Tensor {
  return exp(sub(sub(mul(sub(a, 1), log(x)), x), lgamma(a)));
}

const gammaOperands = ['a', 'x'] as const;

/** The second derivative of igamma with respect to a. */
const igammaGradAA: Fn2 = composed({
  name: 'igammaGradAA',
  operands: gammaOperands,
  forward: special('igammaGradAA'),
  vjps: [
    fromXY(() => {
      throw new GradtapeError('ERR_NO_GRADIENT', 'igamma: its third derivative with respect to a is not known');
    }),
    fromXY((ct, a, x) => mul(ct, mul(gammaDensity(a, x), sub(square(sub(log(x), digamma(a))), polygamma(1, a))))),
  ],
});

/** The derivative of igamma with respect to a. */
const igammaGradA: Fn2 = composed({
  name: 'igammaGradA',
  operands: gammaOperands,
  forward: special('igammaGradA'),
  vjps: [
    fromXY((ct, a, x) => mul(ct, igammaGradAA(a, x))),
    fromXY((ct, a, x) => mul(ct, mul(gammaDensity(a, x), sub(log(x), digamma(a))))),
  ],
});

/**
 * The lower incomplete gamma function of a > 0 and x >= 0, regularized: P(a, x), from 0 to 1 (DLMF 8.2.4). It has
 * gradients with respect to both.
 */
export const igamma: Fn2 = composed({
  name: 'igamma',
  operands: gammaOperands,
  forward: special('igamma'),
  vjps: [fromXY((ct, a, x) => mul(ct, igammaGradA(a, x))), fromXY((ct, a, x) => mul(ct, gammaDensity(a, x)))],
});
/** The upper incomplete gamma function of a > 0 and x >= 0, regularized: 1 - igamma(a, x), also where that is small. */
export const igammac: Fn2 = composed({
  name: 'igammac',
  operands: gammaOperands,
  forward: special('igammac'),
  vjps: [fromXY((ct, a, x) => neg(mul(ct, igammaGradA(a, x)))), fromXY((ct, a, x) => neg(mul(ct, gammaDensity(a, x))))],
});

/**
 * The zeta function of Hurwitz, 1 / q^s + 1 / (q + 1)^s + ... for s > 1 (DLMF 25.11.1); q < 0 of whole s only. There is no
 * gradient with respect to s, as in TensorFlow.
 */
export const zeta: Fn2 = composed({
  name: 'zeta',
  operands: ['s', 'q'],
  forward: special('zeta'),
  vjps: [null, fromXY((ct, s, q) => mul(ct, neg(mul(s, zeta(add(s, 1), q)))))],
});

/**
 * The incomplete beta function of a > 0, b > 0 and 0 <= x <= 1, regularized: I_x(a, b), from 0 to 1 (DLMF 8.17.2). There is
 * a gradient with respect to x only, as in TensorFlow. Unlike there all three broadcast.
 */
export const betainc: Fn3 = composed({
  name: 'betainc',
  operands: ['a', 'b', 'x'],
  forward: special('betainc'),
  vjps: [
    null,
    null,
    fromOperands([0, 1, 2], (ct, [a, b, x]) => {
      const logBeta = sub(add(lgamma(a as Tensor), lgamma(b as Tensor)), lgamma(add(a as Tensor, b as Tensor)));
      const powers = add(xlog1py(sub(b as Tensor, 1), neg(x as Tensor)), xlogy(sub(a as Tensor, 1), x as Tensor));
      return mul(ct, exp(sub(powers, logBeta)));
    }),
  ],
});
