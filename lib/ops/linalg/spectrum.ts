/** Factors of matrices that show their spectrum, and the orthogonal factor: the checks around primitives/factored.ts. */
import { boolean, options, refuseBehind, refuseExtra } from '../../base/arguments.js';
import type { Tensor } from '../../engine/tensor.js';
import { matrices, squareMatrices } from '../../op/matrices.js';
import type { TensorLike } from '../../op/variable.js';
import { eighOf } from '../../primitives/eigh.js';
import { qrOf } from '../../primitives/qr.js';
import { svdOf } from '../../primitives/svd.js';

/** The options of `qr`. */
export interface QrOptions {
  /** Whether q is square, [..., m, m], also where x has fewer columns than rows. Default false. */
  fullMatrices?: boolean;
}

const qrOptions = { fullMatrices: boolean } as const;

/**
 * x = q r of matrices x [..., m, n] (float32, float64): q [..., m, k] with orthonormal columns and r [..., k, n] upper
 * triangular, k = min(m, n), or m with `fullMatrices`. By Householder's reflections, in blocks, in float64; the sign of
 * r's diagonal is theirs (LAPACK's and TensorFlow's), not always positive. The gradient needs a diagonal without zeros in
 * r (ERR_SINGULAR), and with `fullMatrices` m <= n (ERR_NO_GRADIENT), as in TensorFlow. Of a matrix with NaN or an
 * infinite element, elements are NaN.
 * @throws ShapeError for what is no matrix; DTypeError
 */
export function qr(x: TensorLike, opts?: QrOptions): { q: Tensor; r: Tensor } {
  const { fullMatrices = false } = options('linalg.qr', qrOptions, opts);
  if (arguments.length > 2) refuseBehind('linalg.qr', arguments[2]);
  const [q, r] = qrOf(matrices('linalg.qr', x), fullMatrices);
  return { q, r };
}

/**
 * Eigenvalues e [..., n], ascending, and eigenvectors, the columns of v [..., n, n], of symmetric matrices [..., n, n]
 * (float32, float64): x = v diag(e) v^T. Only the lower triangle of x is read, and gets the gradient. Computed in
 * float64. The sign of an eigenvector is not defined, nor are, where eigenvalues coincide, the vectors within their space:
 * a value of these that depends on the choice has no derivative. There 1 / (e_j - e_i) counts as 0 in the gradient
 * (TensorFlow's gap / (gap^2 + 1e-20)), which is right for values that do not depend on the choice. All is NaN of a matrix
 * with NaN or an infinite element.
 * @throws ShapeError for what is no square matrix; DTypeError
 */
export function eigh(x: TensorLike): { e: Tensor; v: Tensor } {
  if (arguments.length > 1) refuseExtra('linalg.eigh', arguments[1], arguments[2]);
  const [e, v] = eighOf(squareMatrices('linalg.eigh', x));
  return { e, v };
}

/**
 * The eigenvalues [..., n], ascending, of symmetric matrices [..., n, n] (float32, float64), as of `eigh`; each has a
 * gradient also where eigenvalues coincide: that of one of the choices of eigenvectors.
 * @throws ShapeError for what is no square matrix; DTypeError
 */
export function eigvalsh(x: TensorLike): Tensor {
  if (arguments.length > 1) refuseExtra('linalg.eigvalsh', arguments[1], arguments[2]);
  return eighOf(squareMatrices('linalg.eigvalsh', x))[0];
}

/** The options of `svd`. */
export interface SvdOptions {
  /** Whether u and v are square, or else as wide as there are singular values. Default false. */
  fullMatrices?: boolean;
  /** Whether u and v are wanted. Default true. */
  computeUv?: boolean;
}

const svdOptions = { fullMatrices: boolean, computeUv: boolean } as const;

/**
 * x = u diag(s) v^T of matrices x [..., m, n] (float32, float64): singular values s [..., k], k = min(m, n), descending,
 * and singular vectors, the columns of u [..., m, k] and v [..., n, k]; with `fullMatrices` u [..., m, m] and v
 * [..., n, n]. Without `computeUv` s alone. Computed in float64. The signs of a pair of vectors are not defined, nor are,
 * where singular values coincide, the vectors within their spaces: in the gradient 1 / (s_j^2 - s_i^2) counts as 0 there, and
 * 1 / s at 0 (TensorFlow's x / (x^2 + 1e-20)), which is right for values that do not depend on the choice. With
 * `fullMatrices` the vectors of the longer side have a gradient only if abs(m - n) <= 1 (ERR_NO_GRADIENT). All is NaN of
 * a matrix with NaN or an infinite element.
 * @throws ShapeError for what is no matrix; DTypeError
 */
export function svd(x: TensorLike, opts?: SvdOptions & { computeUv?: true }): { s: Tensor; u: Tensor; v: Tensor };
export function svd(x: TensorLike, opts: SvdOptions & { computeUv: false }): Tensor;
export function svd(x: TensorLike, opts?: SvdOptions): Tensor | { s: Tensor; u: Tensor; v: Tensor };
export function svd(x: TensorLike, opts?: SvdOptions): Tensor | { s: Tensor; u: Tensor; v: Tensor } {
  const { fullMatrices = false, computeUv = true } = options('linalg.svd', svdOptions, opts);
  if (arguments.length > 2) refuseBehind('linalg.svd', arguments[2]);
  const [s, u, v] = svdOf(matrices('linalg.svd', x), fullMatrices);
  return computeUv ? { s, u, v } : s;
}
