/**
 * Linear algebra of square matrices (the last two axes): the Cholesky factor, and systems of equations with triangular
 * matrices.
 */
import { shapeOf } from '../base/shape.js';
import type { Tensor } from '../engine/tensor.js';
import { apply1, apply2 } from '../op/apply.js';
import { type BatchedCall, Op } from '../op/op.js';
import { fromOut, fromXOut } from '../op/rules.js';
import { add, mul, neg } from './arithmetic.js';
import { bandOf, inBand } from './diagonal.js';
import { matmulOf } from './matmul.js';
import { broadcast, connect, identityOf, raiseRank, transposeBy } from './movement.js';
import { select } from './select.js';

/** The transpose of the matrices. */
export function matrixTranspose(x: Tensor): Tensor {
  const last = x.rank - 1;
  return transposeBy(
    x,
    x.shape.map((_, d) => (d === last ? last - 1 : d === last - 1 ? last : d)),
  );
}

/** The triangle of the matrices with its diagonal, zeros elsewhere, also in place of NaN. */
export function triangle(x: Tensor, lower: boolean): Tensor {
  return lower ? bandOf(x, Number.NEGATIVE_INFINITY, 0) : bandOf(x, 0, Number.POSITIVE_INFINITY);
}

/** The lower triangle with half the diagonal. */
export function halved(x: Tensor): Tensor {
  const n = x.shape[x.rank - 1] as number;
  const lower = triangle(x, true);
  return select(inBand(n, n, 0, 0), mul(lower, 0.5), lower);
}

// With ct the cotangent of l: s = l^-T P(l^T ct) l^-1, P the lower triangle with half the diagonal (Murray 2016,
// Differentiation of the Cholesky decomposition, eq. 10). The operand is meant to be symmetric, and so its cotangent is
// made, as in TensorFlow.
const choleskyOp = new Op('linalg.cholesky', {
  kernel: 'cholesky',
  vjps: [
    fromOut((ct, l) => {
      const inner = triangularSolveOf(l, halved(matmulOf(l, ct, true, false)), { lower: true, adjoint: true });
      const s = matrixTranspose(triangularSolveOf(l, matrixTranspose(inner), { lower: true, adjoint: true }));
      return mul(add(s, matrixTranspose(s)), 0.5);
    }),
  ],
  batch: ({ operands }) => choleskyOf(operands[0] as Tensor),
});

/** cholesky: the lower triangular l with l l^T = x. Only the lower triangle of x is read. `name`: the op in errors. */
export function choleskyOf(x: Tensor, name = 'linalg.cholesky'): Tensor {
  return x.size === 0 ? identityOf(x) : apply1(choleskyOp.as(name), x, x.dtype, x.shape, null);
}

/** Which triangle of the matrix is meant, and whether its transpose is. */
export interface Triangle {
  readonly lower: boolean;
  readonly adjoint: boolean;
}

// a x = b: the cotangent of b is y with a^T y = ct, and that of a is -y x^T; with the transpose of a, -x y^T.
const solveOp = new Op<Triangle>('linalg.triangularSolve', {
  kernel: 'triangularSolve',
  words: ({ lower, adjoint }) => [Number(lower), Number(adjoint)],
  vjps: [
    fromXOut((ct, a, x, { attributes: { lower, adjoint } }) => {
      const y = triangularSolveOf(a, ct, { lower, adjoint: !adjoint });
      return triangle(neg(adjoint ? matmulOf(x, y, false, true) : matmulOf(y, x, false, true)), lower);
    }),
    fromXOut((ct, a, _, { attributes: { lower, adjoint } }) => triangularSolveOf(a, ct, { lower, adjoint: !adjoint })),
  ],
  batch: ({ operands, batched, count, shape, attributes }: BatchedCall<Triangle>) => {
    const [a, b] = operands.map((t, k) => {
      const whole = batched[k] ? raiseRank(t, shape.length) : t;
      return batched[k] ? whole : broadcast(whole, shapeOf([count, ...t.shape]));
    }) as [Tensor, Tensor];
    return triangularSolveOf(a, b, attributes);
  },
});

/**
 * triangularSolve: x with t x = b, t the triangle of a or its transpose; a [.., n, n] and b [.., n, m] have the same
 * leading axes. `name`: the op in errors.
 */
export function triangularSolveOf(a: Tensor, b: Tensor, triangle: Triangle, name = 'linalg.triangularSolve'): Tensor {
  return b.size === 0 ? connect(identityOf(b), a) : apply2(solveOp.as(name), a, b, b.dtype, b.shape, triangle);
}
