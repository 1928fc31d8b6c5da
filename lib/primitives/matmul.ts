/** matmul: the product of matrices over the last two axes; leading axes broadcast. */

import { ShapeError } from '../base/errors.js';
import { broadcastShapes, guardShape, shapeOf, showShape } from '../base/shape.js';
import type { Tensor } from '../engine/tensor.js';
import { apply2 } from '../op/apply.js';
import { type BatchedCall, Op } from '../op/op.js';
import { fromX, fromY } from '../op/rules.js';
import { mul } from './arithmetic.js';
import { raisedOperands, reshapeTo, sumOver, transposeBy } from './movement.js';

/** Which operands are transposed in their last two axes. */
interface Transposed {
  readonly a: boolean;
  readonly b: boolean;
  /** The kernel's words. */
  readonly words: readonly number[];
}

// The four possible attributes, made once.
const transposed: readonly Transposed[] = [0, 1, 2, 3].map((bits) => {
  const a = bits >= 2;
  const b = bits % 2 === 1;
  return { a, b, words: [Number(a), Number(b)] };
});

// Of C = A B: dA = ct B^T and dB = A^T ct; an operand that is transposed moves the transposes. backward.ts sums leading
// axes that broadcast.
const matmulOp = new Op<Transposed>('matmul', {
  kernel: 'matmul',
  words: ({ words }) => words,
  vjps: [
    fromY((ct, y, { attributes: { a, b } }) => (a ? matmulOf(y, ct, b, true) : matmulOf(ct, y, false, !b))),
    fromX((ct, x, { attributes: { a, b } }) => (b ? matmulOf(ct, x, true, a) : matmulOf(x, ct, !a, false))),
  ],
  forward: 'multilinear',
  // Axis 0 is one of the leading axes, or that of the rows of the first matrix.
  byExample: (e, k) =>
    e.shape(k).length === e.outShape.length && (e.outShape.length > 2 || (k === 0 && !e.attributes.a)),
  batch: (call) => batchedProduct(call),
});

/**
 * [.., m, k] x [.., k, n] -> [.., m, n]; leading axes broadcast. `ta`, `tb`: the operand is transposed in its last two
 * axes.
 * @throws ShapeError for inner lengths that differ
 */
export function matmulOf(x: Tensor, y: Tensor, ta: boolean, tb: boolean): Tensor {
  const p = x.shape.length;
  const q = y.shape.length;
  const m = x.shape[p - (ta ? 1 : 2)] as number;
  const k = x.shape[p - (ta ? 2 : 1)] as number;
  const l = y.shape[q - (tb ? 1 : 2)] as number;
  const n = y.shape[q - (tb ? 2 : 1)] as number;
  if (k !== l) {
    const show = (t: Tensor, flag: boolean): string => `${showShape(t.shape)}${flag ? ' (transposed)' : ''}`;
    throw new ShapeError(
      `matmul: shapes ${show(x, ta)} and ${show(y, tb)} do not fit: inner lengths ${k} and ${l} differ`,
    );
  }
  const product =
    p === 2 && q === 2 ? [m, n] : [...broadcastShapes('matmul', x.shape.slice(0, -2), y.shape.slice(0, -2)), m, n];
  const shape = guardShape('matmul', product);
  return apply2(matmulOp, x, y, x.dtype, shape, transposed[(ta ? 2 : 0) + (tb ? 1 : 0)] as Transposed);
}

// Below so many multiplications a product takes longer to call than to compute, so one large product is made of many.
const kSmall = 2 ** 7;

/** The batch rule. Where one operand is the same for all, all products are one, or no product of matrices at all. */
function batchedProduct(call: BatchedCall<Transposed>): Tensor {
  const { batched, count, shape, attributes } = call;
  const { a, b } = attributes;
  const [x, y] = raisedOperands(call) as [Tensor, Tensor];
  const k = x.shape[x.rank - (a ? 2 : 1)] as number;
  const [m, n] = shape.slice(-2) as [number, number];
  const whole = shapeOf([count, ...shape]);
  if (x.size * y.size === 0) return matmulOf(x, y, a, b);
  if (k === 1) {
    const columns = reshapeTo(x, shapeOf([...x.shape.slice(0, -2), m, 1]));
    return mul(columns, reshapeTo(y, shapeOf([...y.shape.slice(0, -2), 1, n])));
  }
  if (!batched[1] && y.rank === 2 && !a) {
    // The rows of all are those of one matrix.
    return reshapeTo(matmulOf(reshapeTo(x, shapeOf([x.size / k, k])), y, false, b), whole);
  }
  if (!batched[1] && y.rank === 2 && n === 1 && x.rank === 3) {
    return reshapeTo(sumOver(mul(x, reshapeTo(y, shapeOf([k, 1]))), [1], false), whole);
  }
  if (batched[0] || x.rank > 2 || y.rank > 3) return matmulOf(x, y, a, b);
  if (n === 1) return reshapeTo(matmulOf(reshapeTo(y, shapeOf([count, k])), x, false, !a), whole);
  if (m * n * k > kSmall) return matmulOf(x, y, a, b);
  const beside = b
    ? reshapeTo(y, shapeOf([count * n, k]))
    : reshapeTo(transposeBy(y, [1, 0, 2]), shapeOf([k, count * n]));
  return transposeBy(reshapeTo(matmulOf(x, beside, a, b), shapeOf([m, count, n])), [1, 0, 2]);
}
