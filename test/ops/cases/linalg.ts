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
