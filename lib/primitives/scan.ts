/** Scans: running sums, products and logarithms of sums along an axis, and linear recurrences. */
import { linesAlong, type Shape, shapeOf } from '../base/shape.js';
import { type Tensor, uniformTensor } from '../engine/tensor.js';
import { apply1, apply2 } from '../op/apply.js';
import { Op } from '../op/op.js';
import { fromXOut, fromY, linear } from '../op/rules.js';
import { type Entry, keep } from '../record/entry.js';
import { mul, sub } from './arithmetic.js';
import { boxAt, concatAlong, sliceBox } from './box.js';
import { equal, logicalAnd } from './compare.js';
import { exp, isInf } from './math.js';
import { repeatedOperands } from './movement.js';
import { select } from './select.js';

/**
 * What a scan is told. exclusive: each result leaves its own element out. reverse: from the last element to the first.
 */
export interface Scan {
  readonly axis: number;
  readonly exclusive: boolean;
  readonly reverse: boolean;
}

/**
 * With the kernel's words: the product of the lengths before the axis, its length, the product of those behind it, and
 * the flags.
 */
interface Sized extends Scan {
  readonly words: readonly number[];
}

function sized({ axis, exclusive, reverse }: Scan, shape: Shape): Sized {
  return { axis, exclusive, reverse, words: [...linesAlong(shape, axis), Number(exclusive), Number(reverse)] };
}

// An element is part of its own sum and of all later ones, so its cotangent is the sum of their cotangents: a scan in
// the other direction.
const cumsumOp = new Op<Sized>('cumsum', {
  kernel: 'cumsum',
  words: ({ words }) => words,
  vjps: [linear((ct, { attributes }) => runningSum(ct, { ...attributes, reverse: !attributes.reverse }))],
  forward: 'linear',
  batch: ({ operands, attributes }) => runningSum(operands[0] as Tensor, { ...attributes, axis: attributes.axis + 1 }),
});

/** cumsum: for each element the sum of all elements up to it along the axis. */
export function runningSum(x: Tensor, scan: Scan): Tensor {
  return apply1(cumsumOp, x, x.dtype, x.shape, sized(scan, x.shape));
}

// ---- the scans whose kernels include each element; leaving it out is a shift of the operand ----

/** The direction of a scan along an axis. */
interface Direction {
  readonly axis: number;
  readonly reverse: boolean;
}
interface Directed extends Direction {
  readonly words: readonly number[];
}
const directedWords = ({ words }: Directed): readonly number[] => words;

function directed({ axis, reverse }: Direction, shape: Shape): Directed {
  return { axis, reverse, words: [...linesAlong(shape, axis), Number(reverse)] };
}

const back = ({ axis, reverse }: Direction): Direction => ({ axis, reverse: !reverse });
const inBatch = ({ axis, reverse }: Direction): Direction => ({ axis: axis + 1, reverse });

/** In the place of each element the one before it in this direction, and `first` in that of the first. */
export function shifted(x: Tensor, { axis, reverse }: Direction, first: number): Tensor {
  const length = x.shape[axis] as number;
  if (length === 0) return x;
  const ofLength = (n: number): Shape => shapeOf(x.shape.map((other, d) => (d === axis ? n : other)));
  const begin = x.shape.map((_, d) => (d === axis && reverse ? 1 : 0));
  const rest = sliceBox(x, ofLength(length - 1), boxAt(begin));
  const added = uniformTensor(first, x.dtype, ofLength(1));
  return concatAlong(reverse ? [rest, added] : [added, rest], axis);
}

// With s the result: s[i] = c[i] + b[i] s[i-1]. The cotangent of c is l[i] = ct[i] + b[i+1] l[i+1], a recurrence in the
// other direction, and that of b is l[i] s[i-1].
const recurrenceOp = new Op<Directed>('recurrence', {
  kernel: 'recurrence',
  words: directedWords,
  vjps: [
    fromY((ct, b, e) => recurrenceBack(ct, b, e)),
    {
      needs: keep.y | keep.out,
      pull: (ct, e) => mul(recurrenceBack(ct, e.y as Tensor, e), shifted(e.out as Tensor, e.attributes, 0)),
    },
  ],
  batch: (call) => recurrence(...(repeatedOperands(call) as [Tensor, Tensor]), inBatch(call.attributes)),
});

function recurrenceBack(ct: Tensor, b: Tensor, { attributes }: Entry<Directed>): Tensor {
  return recurrence(ct, shifted(b, back(attributes), 0), back(attributes));
}

/**
 * c[i] + b[i] result[i-1] along an axis, of c and b of one floating dtype and one shape; the first is c[0]. Where b is 0
 * it begins anew, even after an infinite result.
 */
export function recurrence(c: Tensor, b: Tensor, direction: Direction): Tensor {
  return apply2(recurrenceOp, c, b, c.dtype, c.shape, directed(direction, c.shape));
}

// The derivative of a product by one of its elements is the product of all others: that of those before the element, the
// same for all products that have it, and that of those behind it. So the cotangents ct of the products come together as
// s[i] = ct[i] + x[i+1] s[i+1]. Nothing is divided, so zeros do no harm.
const cumprodOp = new Op<Directed>('cumprod', {
  kernel: 'cumprod',
  words: directedWords,
  vjps: [
    fromXOut((ct, x, out, { attributes }) =>
      mul(shifted(out, attributes, 1), recurrence(ct, shifted(x, back(attributes), 0), back(attributes))),
    ),
  ],
  batch: ({ operands, attributes }) => productsOf(operands[0] as Tensor, inBatch(attributes)),
});

function productsOf(x: Tensor, direction: Direction): Tensor {
  return apply1(cumprodOp, x, x.dtype, x.shape, directed(direction, x.shape));
}

/** cumprod: for each element the product of all elements up to it along the axis. */
export function runningProduct(x: Tensor, scan: Scan): Tensor {
  return productsOf(scan.exclusive ? shifted(x, scan, 1) : x, scan);
}

/** a - b, but 0 where both are the same infinity: differences of logarithms. */
function differenceUnless(same: Tensor, a: Tensor, b: Tensor): Tensor {
  return select(same, 0, sub(a, b));
}

// The derivative of out[j] by x[i], i <= j, is exp(x[i] - out[j]). With s[i] the sum over j of ct[j] exp(out[i] - out[j]):
// s[i] = ct[i] + exp(out[i] - out[i+1]) s[i+1], whose exponents are never above 0.
const logSumExpOp = new Op<Directed>('cumulativeLogsumexp', {
  kernel: 'cumulativeLogsumexp',
  words: directedWords,
  vjps: [
    fromXOut((ct, x, out, { attributes }) => {
      const behind = back(attributes);
      const next = shifted(out, behind, Number.POSITIVE_INFINITY);
      const ratio = exp(differenceUnless(logicalAnd(isInf(out), equal(out, next)), out, next));
      // inf - inf stays NaN: which of several infinite elements the sum follows is open.
      const part = exp(differenceUnless(equal(out, Number.NEGATIVE_INFINITY), x, out));
      return mul(part, recurrence(ct, ratio, behind));
    }),
  ],
  batch: ({ operands, attributes }) => logSumExpsOf(operands[0] as Tensor, inBatch(attributes)),
});

function logSumExpsOf(x: Tensor, direction: Direction): Tensor {
  return apply1(logSumExpOp, x, x.dtype, x.shape, directed(direction, x.shape));
}

/** cumulativeLogsumexp: for each element log(sum(exp)) of all elements up to it along the axis. */
export function runningLogSumExp(x: Tensor, scan: Scan): Tensor {
  return logSumExpsOf(scan.exclusive ? shifted(x, scan, Number.NEGATIVE_INFINITY) : x, scan);
}
