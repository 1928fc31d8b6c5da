/** The singular values and vectors of matrices. */
import { GradtapeError } from '../base/errors.js';
import { type Shape, shapeOf } from '../base/shape.js';
import type { Tensor } from '../engine/tensor.js';
import { add, mul, sub } from './arithmetic.js';
import {
  columnsOf,
  Factorization,
  type Factors,
  reciprocalGaps,
  safeReciprocal,
  scaledColumns,
  scaledRows,
} from './factored.js';
import { matrixTranspose } from './linalg.js';
import { square } from './math.js';
import { matmulOf } from './matmul.js';

/** Attributes: whether all singular vectors are wanted, or else as many as there are singular values. */
interface Full {
  readonly full: boolean;
}

function lengthsOf(x: Shape): [rows: number, columns: number, count: number] {
  const [rows, columns] = x.slice(-2) as [number, number];
  return [rows, columns, Math.min(rows, columns)];
}

const symmetric = (a: Tensor): Tensor => add(a, matrixTranspose(a));

/** f * (a^T ct), made symmetric; f[i, j] = 1 / (s_j^2 - s_i^2). */
function turned(s: Tensor, a: Tensor, ct: Tensor): Tensor {
  return symmetric(mul(reciprocalGaps(square(s)), matmulOf(a, ct, true, false)));
}

// Rules for the shorter and the longer side of x (at most as many rows as columns: u and v): with vectors a of the
// shorter and b of the longer one, as many as there are values, they give the cotangent of x with the shorter side
// first (Giles 2008, An extended collection of matrix derivative results, 3.2; Townsend 2016, Differentiating the
// singular value decomposition).

function ofShort(ct: Tensor, s: Tensor, a: Tensor, b: Tensor): Tensor {
  return matmulOf(matmulOf(a, scaledColumns(turned(s, a, ct), s), false, false), b, false, true);
}

function ofLong(ct: Tensor, s: Tensor, a: Tensor, all: Tensor): Tensor {
  const count = s.shape[s.rank - 1] as number;
  const b = columnsOf(all, 0, count);
  const ctB = columnsOf(ct, 0, count);
  const within = matmulOf(scaledRows(s, turned(s, b, ctB)), b, false, true);
  if (all.shape[all.rank - 2] === count) return matmulOf(a, within, false, false);
  let beside = sub(matrixTranspose(ctB), matmulOf(matmulOf(ctB, b, true, false), b, false, true));
  const others = (all.shape[all.rank - 1] as number) - count;
  if (others > 0) {
    const [c, ctC] = [columnsOf(all, count, others), columnsOf(ct, count, others)];
    beside = sub(beside, matmulOf(matmulOf(b, ctC, true, false), c, false, true));
  }
  return matmulOf(a, add(within, scaledRows(safeReciprocal(s), beside)), false, false);
}

/** The rule of the vectors of the rows' side, or of the columns'. */
function ofVectors(ct: Tensor, [s, u, v]: Factors, x: Tensor, { full }: Full, ofRows: boolean): Tensor {
  const [rows, columns, count] = lengthsOf(x.shape);
  const wide = rows <= columns;
  const [short, long] = (wide ? [u, v] : [v, u]) as [Tensor, Tensor];
  let pulled: Tensor;
  if (ofRows === wide) {
    pulled = ofShort(ct, s as Tensor, short, columnsOf(long, 0, count));
  } else if (full && Math.abs(rows - columns) > 1) {
    throw new GradtapeError(
      'ERR_NO_GRADIENT',
      `linalg.svd: svd gradient is not implemented for abs(m - n) > 1 when full_matrices is True; got m = ${rows} and n = ${columns}: write { fullMatrices: false }`,
    );
  } else {
    pulled = ofLong(ct, s as Tensor, short, long);
  }
  return wide ? pulled : matrixTranspose(pulled);
}

const svdFactors = new Factorization<Full>('linalg.svd', {
  kernel: 'svd',
  words: ({ full }) => [Number(full)],
  shapes: (x, { full }) => {
    const [rows, columns, count] = lengthsOf(x);
    const batch = x.slice(0, -2);
    return [
      shapeOf([...batch, count]),
      shapeOf([...batch, rows, full ? rows : count]),
      shapeOf([...batch, columns, full ? columns : count]),
    ];
  },
  rules: [
    (ct, [, u, v], x) => {
      const count = lengthsOf(x.shape)[2];
      const [a, b] = [columnsOf(u as Tensor, 0, count), columnsOf(v as Tensor, 0, count)];
      return matmulOf(scaledColumns(a, ct), b, false, true);
    },
    (ct, parts, x, full) => ofVectors(ct, parts, x, full, true),
    (ct, parts, x, full) => ofVectors(ct, parts, x, full, false),
  ],
});

/**
 * Singular values [.., k], k = min(m, n), descending, and vectors, as columns: u [.., m, k], v [.., n, k]; of all
 * dimensions, if `full`. Of x [.., m, n].
 */
export function svdOf(x: Tensor, full: boolean): [s: Tensor, u: Tensor, v: Tensor] {
  return svdFactors.of(x, { full }) as unknown as [Tensor, Tensor, Tensor];
}
