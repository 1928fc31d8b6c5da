import * as tf from 'gradtape';
import { casesOf } from '../op-cases.js';

/** Symmetric positive definite matrices of any. */
function definite(x: tf.Tensor): tf.Tensor {
  const n = x.shape[x.rank - 1] as number;
  return tf.add(tf.matmul(x, x, { transposeB: true }), tf.mul(tf.eye(n, { dtype: x.dtype }), n));
}

/** Triangular matrices whose diagonal keeps clear of zero; the other triangle is anything. */
function invertible(x: tf.Tensor): tf.Tensor {
  return tf.add(x, tf.mul(tf.eye(x.shape[x.rank - 1] as number, { dtype: x.dtype }), 4));
}

casesOf(
  tf.linalg.cholesky,
  [
    { shapes: [[3, 3]], call: (x) => tf.linalg.cholesky(definite(x)) },
    { shapes: [[2, 1, 2, 2]], call: (x) => tf.linalg.cholesky(definite(x)) },
  ],
  { throws: true },
);
const { triangularSolve } = tf.linalg;
const shapes = [
  [3, 3],
  [3, 2],
];
const batches = [
  [2, 1, 2, 2],
  [3, 2, 1],
];
casesOf(
  triangularSolve,
  [
    { shapes, call: (a, b) => triangularSolve(invertible(a), b) },
    { shapes, call: (a, b) => triangularSolve(invertible(a), b, { adjoint: true }) },
    { shapes, call: (a, b) => triangularSolve(invertible(a), b, { lower: false }) },
    { shapes: batches, call: (a, b) => triangularSolve(invertible(a), b, { lower: false, adjoint: true }) },
  ],
  { throws: true },
);

const { choleskySolve, det, inv, logdet, lu, slogdet, solve } = tf.linalg;
const square = [[3, 3]];
casesOf(
  choleskySolve,
  [
    { shapes, call: (a, b) => choleskySolve(invertible(a), b) },
    { shapes: batches, call: (a, b) => choleskySolve(invertible(a), b) },
  ],
  { throws: true },
);
casesOf(
  solve,
  [
    { shapes, call: (a, b) => solve(invertible(a), b) },
    { shapes, call: (a, b) => solve(invertible(a), b, { adjoint: true }) },
    { shapes: batches, call: (a, b) => solve(invertible(a), b) },
    {
      shapes: [
        [0, 0],
        [0, 2],
      ],
      call: (a, b) => solve(a, b),
    },
  ],
  { throws: true },
);
casesOf(
  inv,
  [
    { shapes: square, call: (x) => inv(invertible(x)) },
    { shapes: [[2, 1, 2, 2]], call: (x) => inv(invertible(x), { adjoint: true }) },
  ],
  { throws: true },
);
casesOf(
  det,
  [
    { shapes: square, call: (x) => det(invertible(x)) },
    { shapes: [[2, 2, 2]], call: (x) => det(invertible(x)) },
    { shapes: [[1, 1]], call: (x) => det(invertible(x)) },
  ],
  { throws: true },
);
casesOf(
  slogdet,
  [
    { shapes: square, call: (x) => slogdet(invertible(x)).logAbsDeterminant },
    { shapes: [[2, 2, 2]], call: (x) => slogdet(invertible(x)).logAbsDeterminant },
    { shapes: [[2, 2]], call: (x) => slogdet(invertible(x)).sign },
  ],
  { throws: true },
);
casesOf(logdet, [{ shapes: [[2, 3, 3]], call: (x) => logdet(definite(x)) }], { throws: true });
casesOf(
  lu,
  [
    { shapes: square, call: (x) => lu(invertible(x)).lu },
    { shapes: [[2, 2, 2]], call: (x) => lu(tf.reverse(invertible(x), [1])).lu },
    { shapes: square, call: (x) => lu(tf.roll(invertible(x), 1, 0)).lu },
  ],
  { throws: true },
);

const { bandedTriangularSolve, tridiagonalMatmul, tridiagonalSolve } = tf.linalg;
/** Diagonals of which the main one, in this row, keeps clear of zero. */
function bands(x: tf.Tensor, main: number): tf.Tensor {
  const rows = x.shape[x.rank - 2] as number;
  const here = tf.reshape(tf.equal(tf.range(rows, { dtype: 'int32' }), main), [rows, 1]);
  return tf.where(here, tf.add(x, 5), x);
}
const sides = [
  [2, 4],
  [4, 3],
];
casesOf(
  bandedTriangularSolve,
  [
    { shapes: sides, call: (a, b) => bandedTriangularSolve(bands(a, 0), b) },
    { shapes: sides, call: (a, b) => bandedTriangularSolve(bands(a, 0), b, { adjoint: true }) },
    { shapes: sides, call: (a, b) => bandedTriangularSolve(bands(a, 1), b, { lower: false }) },
    {
      shapes: [
        [2, 3, 3],
        [3, 1],
      ],
      call: (a, b) => bandedTriangularSolve(bands(a, 2), b, { lower: false, adjoint: true }),
    },
  ],
  { throws: true },
);
const diagonals = [
  [3, 4],
  [4, 2],
];
// Where no pivot keeps clear of zero, the solution is steep.
casesOf(
  tridiagonalSolve,
  [
    { shapes: diagonals, call: (a, b) => tridiagonalSolve(bands(a, 1), b) },
    { shapes: diagonals, call: (a, b) => tridiagonalSolve(bands(a, 2), tf.at(b, ':', 0)) },
    { shapes: diagonals, call: (a, b) => tridiagonalSolve(bands(a, 1), b, { partialPivoting: false }) },
    { shapes: diagonals, call: (a, b) => tridiagonalSolve(bands(a, 2), b, { perturbSingular: true }) },
    {
      shapes: [
        [2, 3, 3],
        [2, 1, 3],
      ],
      call: (a, b) => tridiagonalSolve(bands(a, 1), b, { transposeRhs: true }),
    },
  ],
  { kinks: true },
);
casesOf(tridiagonalMatmul, [
  { shapes: diagonals, call: (a, b) => tridiagonalMatmul(a, b) },
  {
    shapes: [
      [2, 3, 3],
      [2, 3, 1],
    ],
    call: (a, b) => tridiagonalMatmul(a, b, { diagonalsFormat: 'matrix' }),
  },
]);

const { expm, sqrtm } = tf.linalg;
casesOf(
  expm,
  [
    { shapes: [[3, 3]], call: (x) => expm(x) },
    { shapes: [[2, 2, 2]], call: (x) => expm(x) },
    { shapes: [[1, 1]], call: (x) => expm(x) },
  ],
  { domain: [-1, 1] },
);
// Of matrices without negative eigenvalues.
casesOf(
  sqrtm,
  [
    { shapes: [[3, 3]], call: (x) => sqrtm(tf.add(tf.mul(x, 0.5), tf.mul(tf.eye(3, { dtype: 'float64' }), 5))) },
    { shapes: [[2, 2, 2]], call: (x) => sqrtm(tf.add(x, tf.mul(tf.eye(2, { dtype: 'float64' }), 6))) },
  ],
  { throws: true },
);
