/**
 * LU factors of square matrices (the last two axes), and what is computed by them: solutions of equations, inverses,
 * determinants.
 */
import { type Shape, shapeOf } from '../base/shape.js';
import { type Tensor, uniformTensor } from '../engine/tensor.js';
import { applyComposed, applyMany, applyResults } from '../op/apply.js';
import { Op } from '../op/op.js';
import { fromOperands, fromOut, fromX } from '../op/rules.js';
import { type Entry, keep } from '../record/entry.js';
import { unheard } from '../record/stack.js';
import { add, mul, neg } from './arithmetic.js';
import { bandOf, diagOf, diagonalAt, diagPartOf, inBand } from './diagonal.js';
import { gatherRows } from './gather.js';
import { matrixTranspose, triangle, triangularSolveOf } from './linalg.js';
import { abs, log, sign as signOf } from './math.js';
import { matmulOf } from './matmul.js';
import {
  broadcast,
  connect,
  identityOf,
  repeatedOperands,
  reshapeTo,
  sumOver,
  transposeBy,
  zeroOf,
} from './movement.js';
import { prodOver } from './reduce.js';
import { select } from './select.js';
import { placesSorted } from './sort.js';

/**
 * What elimination with partial pivoting makes of matrices x [.., n, n]: x[rows] = l u, l (without its diagonal of
 * ones) and u in one matrix; and the sign of the permutation. To tapes these are constants: rules use them so that no
 * matrix is factored twice.
 */
export interface Factors {
  readonly lu: Tensor;
  readonly rows: Tensor;
  readonly sign: Tensor;
}

/** Attributes: whether it is an error if a matrix is not invertible. */
const kernelOp = new Op<boolean>('linalg.lu', { kernel: 'lu', words: (invertible) => [Number(invertible)] });

/** The factors. `name`: the op in errors. */
export function factorsOf(name: string, x: Tensor, invertible = false): Factors {
  const batch = shapeOf(x.shape.slice(0, -2));
  const each = shapeOf(x.shape.slice(0, -1));
  if (x.size === 0) {
    return {
      lu: uniformTensor(0, x.dtype, x.shape),
      rows: uniformTensor(0, 'int32', each),
      sign: uniformTensor(1, x.dtype, batch),
    };
  }
  const specs = [
    { dtype: x.dtype, shape: x.shape },
    { dtype: 'int32', shape: each },
    { dtype: x.dtype, shape: batch },
  ] as const;
  const [lu, rows, sign] = unheard(() => applyResults(kernelOp.as(name), [x], invertible, specs)) as [
    Tensor,
    Tensor,
    Tensor,
  ];
  return { lu, rows, sign };
}

/** The operands that follow the matrices where an op has their factors. */
function keptFactors(e: Entry, from: number): Factors {
  const [lu, rows] = [e.kept(from), e.kept(from + 1)];
  return { lu, rows, sign: lu };
}

// ---- solve ----

/** Operands: factors, rows, right-hand sides. Attributes: whether by the transposes. */
const luSolveOp = new Op<boolean>('linalg.solve', { kernel: 'luSolve', words: (transposed) => [Number(transposed)] });

// a x = b: the cotangent of b is y with a^T y = ct, and that of a is -y x^T; with the transpose of a, -x y^T.
// Operands: a, b, and the factors of a.
const solveOp: Op<boolean> = new Op('linalg.solve', {
  needs: keep.x | 4 | 8 | keep.out,
  pullAll: ([ct], e) => {
    const adjoint = e.attributes;
    const x = e.out as Tensor;
    const y = solveWith(e.op.name, e.kept(0), ct as Tensor, keptFactors(e, 2), !adjoint);
    return [neg(adjoint ? matmulOf(x, y, false, true) : matmulOf(y, x, false, true)), y, null, null];
  },
  batch: (call) => {
    const { op, operands, batched, attributes } = call;
    const [a, b, lu, rows] = operands as [Tensor, Tensor, Tensor, Tensor];
    if (batched[0]) {
      const [each, sides] = repeatedOperands(call) as [Tensor, Tensor];
      return solveOf(op.name, each, sides, attributes);
    }
    // The same matrices for all: the right-hand sides of the batch become columns of one.
    const [count, ...shape] = b.shape as [number, ...number[]];
    const m = shape.pop() as number;
    const last = b.rank - 1;
    const columns = transposeBy(b, [...shape.map((_, d) => d + 1), 0, last]);
    const wide = reshapeTo(columns, shapeOf([...shape, count * m]));
    const x = solveWith(op.name, a, wide, { lu, rows, sign: lu }, attributes);
    const parted = reshapeTo(x, shapeOf([...shape, count, m]));
    return transposeBy(parted, [last - 1, ...shape.map((_, d) => d), last]);
  },
});

/** a x = b (adjoint: a^T x = b) by the factors of a; a [.., n, n] and b [.., n, m] have the same leading axes. */
function solveWith(name: string, a: Tensor, b: Tensor, { lu, rows }: Factors, adjoint: boolean): Tensor {
  if (b.size === 0) return connect(identityOf(b), a);
  return applyComposed(solveOp.as(name), [a, b, lu, rows], adjoint, () =>
    applyMany(luSolveOp.as(name), [lu, rows, b], b.dtype, b.shape, adjoint),
  );
}

/** The tensor repeated along leading axes. */
function repeated(t: Tensor, batch: Shape, own: number): Tensor {
  return broadcast(t, shapeOf([...batch, ...t.shape.slice(t.rank - own)]));
}

/**
 * solve: x of a x = b (adjoint: a^T x = b), a [.., n, n] and b [.., n, m]. Leading axes broadcast to those of `batch`,
 * and no matrix is factored twice. `name`: the op in errors.
 */
export function solveOf(name: string, a: Tensor, b: Tensor, adjoint: boolean, batch?: Shape): Tensor {
  const leading = batch ?? shapeOf(b.shape.slice(0, -2));
  const { lu, rows, sign } = factorsOf(name, a);
  const factors = { lu: repeated(lu, leading, 2), rows: repeated(rows, leading, 1), sign };
  return solveWith(name, repeated(a, leading, 2), repeated(b, leading, 2), factors, adjoint);
}

// ---- inv ----

// y = x^-1: the cotangent of x is -y^T ct y^T; and with y = x^-T, -y ct^T y.
const invOp: Op<boolean> = new Op('linalg.inv', {
  vjps: [
    fromOut((ct, y, { attributes: adjoint }) => neg(matmulOf(y, matmulOf(ct, y, adjoint, !adjoint), !adjoint, false))),
  ],
  batch: ({ op, operands, attributes }) => invOf(op.name, operands[0] as Tensor, attributes),
});

/** inv: the inverses of the matrices, or of their transposes. `name`: the op in errors. */
export function invOf(name: string, x: Tensor, adjoint = false, factors?: Factors): Tensor {
  if (x.size === 0) return identityOf(x);
  return applyComposed(invOp.as(name), [x], adjoint, () => {
    const { lu, rows } = factors ?? factorsOf(name, x);
    const n = x.shape[x.rank - 1] as number;
    const ones = diagOf(name, uniformTensor(1, x.dtype, shapeOf([n])), diagonalAt(0), n, n, 0);
    return applyMany(luSolveOp.as(name), [lu, rows, broadcast(ones, x.shape)], x.dtype, x.shape, adjoint);
  });
}

// ---- determinants ----

/** A number for each matrix, beside the matrices. */
function perMatrix(t: Tensor): Tensor {
  return reshapeTo(t, shapeOf([...t.shape, 1, 1]));
}

function diagonal(x: Tensor): Tensor {
  return diagPartOf('linalg.diagPart', x, diagonalAt(0), 0);
}

// The cotangent of x is ct det(x) x^-T. Operands: x, its factors.
const detOp: Op = new Op('linalg.det', {
  vjps: [
    {
      needs: keep.x | 2 | 4 | keep.out,
      pull: (ct, e) => mul(perMatrix(mul(ct, e.out as Tensor)), invOf(e.op.name, e.kept(0), true, keptFactors(e, 1))),
    },
    null,
  ],
  batch: ({ operands }) => detOf(operands[0] as Tensor),
});

/** det: the determinants. */
export function detOf(x: Tensor): Tensor {
  const { lu, rows, sign } = factorsOf('linalg.det', x);
  return applyComposed(detOp, [x, lu, rows], null, () => {
    const pivots = diagonal(lu);
    return mul(sign, prodOver(pivots, [pivots.rank - 1], false));
  });
}

// The cotangent of x is ct x^-T, that of the logarithm. Operands: x, its factors.
const logAbsOp: Op = new Op('linalg.slogdet', {
  vjps: [
    fromOperands([0, 1, 2], (ct, [x], e) => mul(perMatrix(ct), invOf(e.op.name, x as Tensor, true, keptFactors(e, 1)))),
    null,
  ],
  batch: ({ operands }) => slogdetOf(operands[0] as Tensor)[1],
});
const signOp: Op = new Op('linalg.slogdet', {
  vjps: [fromX((_, x, e) => connect(zeroOf(e, 0), x))],
  batch: ({ operands }) => slogdetOf(operands[0] as Tensor)[0],
});

/** slogdet: the signs of the determinants, and the logarithms of their absolute values. */
export function slogdetOf(x: Tensor): [sign: Tensor, logAbsDeterminant: Tensor] {
  const { lu, rows, sign } = factorsOf('linalg.slogdet', x);
  const last = x.rank - 2;
  return [
    // + 0: no -0
    applyComposed(signOp, [x], null, () => add(mul(sign, prodOver(signOf(diagonal(lu)), [last], false)), 0)),
    applyComposed(logAbsOp, [x, lu, rows], null, () => sumOver(log(abs(diagonal(lu))), [last], false)),
  ];
}

// ---- lu ----

/** The matrices with their rows in an order: row i of the result is row rows[i]. */
function rowsOf(x: Tensor, rows: Tensor): Tensor {
  const [n, m] = x.shape.slice(-2) as [number, number];
  const batch = x.size / (n * m);
  return gatherRows('gather', x, rows, { sizes: [batch, 1, n, n, m], sparse: false }, x.shape);
}

/** Where each row went: the inverse of a permutation. */
function inverseOf(rows: Tensor): Tensor {
  return placesSorted('argsort', rows, {
    axis: rows.rank - 1,
    descending: false,
    count: rows.shape[rows.rank - 1] as number,
  });
}

/** The lower triangle without its diagonal, and ones on that. */
function unitLower(lu: Tensor): Tensor {
  const n = lu.shape[lu.rank - 1] as number;
  return select(inBand(n, n, 0, 0), 1, bandOf(lu, Number.NEGATIVE_INFINITY, -1));
}

// With L and U the factors, and cotangents of both in ct: the cotangent of x[rows] is
// L^-T (strictly lower triangle of L^T ct + upper triangle of ct U^T) U^-T, where the products take from ct only the part
// that is a cotangent of L and of U. Operands: x, rows.
const luOp: Op = new Op('linalg.lu', {
  vjps: [
    {
      needs: keep.y | keep.out,
      pull: (ct, e) => {
        const lu = e.out as Tensor;
        const [l, u] = [unitLower(lu), triangle(lu, false)];
        const below = bandOf(
          matmulOf(l, bandOf(ct, Number.NEGATIVE_INFINITY, -1), true, false),
          Number.NEGATIVE_INFINITY,
          -1,
        );
        const above = triangle(matmulOf(triangle(ct, false), u, false, true), false);
        const left = triangularSolveOf(l, add(below, above), { lower: true, adjoint: true });
        // y U^T = left, as U y^T = left^T.
        const right = triangularSolveOf(u, matrixTranspose(left), { lower: false, adjoint: false });
        return rowsOf(matrixTranspose(right), inverseOf(e.kept(1)));
      },
    },
    null,
  ],
  batch: ({ operands }) => luOf(operands[0] as Tensor)[0],
});
const permutationOp: Op = new Op('linalg.lu', { batch: ({ operands }) => luOf(operands[0] as Tensor)[1] });

/** lu: the factors l (without its diagonal of ones) and u in one matrix, and p: x[p] = l u. */
export function luOf(x: Tensor): [lu: Tensor, p: Tensor] {
  const { lu, rows } = factorsOf('linalg.lu', x, true);
  if (x.size === 0) return [identityOf(x), rows];
  // As in sort.ts: each result is made before the next is told of.
  const factors = applyComposed(luOp, [x, rows], null, () => lu);
  return [factors, applyComposed(permutationOp, [x], null, () => identityOf(rows))];
}
