/** The orthogonal and the triangular factor of matrices. */
import { GradtapeError } from '../base/errors.js';
import { shapeOf } from '../base/shape.js';
import type { Tensor } from '../engine/tensor.js';
import { add, sub } from './arithmetic.js';
import { boxAt, concatAlong, placeBox } from './box.js';
import { columnsOf, Factorization } from './factored.js';
import { matrixTranspose, triangle, triangularSolveOf } from './linalg.js';
import { matmulOf } from './matmul.js';

/** Attributes: whether q is square. */
interface Full {
  readonly full: boolean;
}

const skew = (a: Tensor): Tensor => sub(a, matrixTranspose(a));

/** a r^-T. */
function dividedBy(a: Tensor, r: Tensor): Tensor {
  return matrixTranspose(triangularSolveOf(r, matrixTranspose(a), { lower: false, adjoint: false }));
}

// The rules of matrices of at least as many rows as columns (Walter and Lehmann 2018, Algorithmic differentiation of
// linear algebra functions, 3.3; with r square).

function ofQ(ct: Tensor, q: Tensor, r: Tensor): Tensor {
  const inner = matmulOf(q, ct, true, false);
  const [within, beside] = [triangle(skew(inner), true), sub(ct, matmulOf(q, inner, false, false))];
  return dividedBy(add(matmulOf(q, within, false, false), beside), r);
}

function ofR(ct: Tensor, q: Tensor, r: Tensor): Tensor {
  const within = triangle(skew(matmulOf(r, ct, false, true)), true);
  return matmulOf(q, add(ct, dividedBy(within, r)), false, false);
}

/** The first columns of a wide matrix, as many as it has rows; and the others. */
function squareOf(a: Tensor): Tensor {
  return columnsOf(a, 0, a.shape[a.rank - 2] as number);
}
function restOf(a: Tensor): Tensor {
  const [rows, columns] = a.shape.slice(-2) as [number, number];
  return columnsOf(a, rows, columns - rows);
}

function refuseFull(x: Tensor, { full }: Full): void {
  const [rows, columns] = x.shape.slice(-2) as [number, number];
  if (!full || rows <= columns) return;
  throw new GradtapeError(
    'ERR_NO_GRADIENT',
    'linalg.qr: QrGrad not implemented when nrows > ncols and full_matrices is true: write { fullMatrices: false }',
  );
}

const isWide = (x: Tensor): boolean => (x.shape[x.rank - 2] as number) < (x.shape[x.rank - 1] as number);

// A wide matrix [x, y] is q [u, v]: q and u are the factors of x, and v = q^T y.
const qrFactors = new Factorization<Full>('linalg.qr', {
  kernel: 'qr',
  shapes: (x, { full }) => {
    const [rows, columns] = x.slice(-2) as [number, number];
    const count = full ? rows : Math.min(rows, columns);
    const batch = x.slice(0, -2);
    return [shapeOf([...batch, rows, count]), shapeOf([...batch, count, columns])];
  },
  rules: [
    (ct, parts, x, full) => {
      refuseFull(x, full);
      const [q, r] = parts as [Tensor, Tensor];
      if (!isWide(x)) return ofQ(ct, q, r);
      const pulled = ofQ(ct, q, squareOf(r));
      return placeBox(pulled, x.shape, boxAt(x.shape.map(() => 0)));
    },
    (ct, parts, x, full) => {
      refuseFull(x, full);
      const [q, r] = parts as [Tensor, Tensor];
      if (!isWide(x)) return ofR(ct, q, r);
      const [u, rest] = [squareOf(r), restOf(ct)];
      const ofRest = ofQ(matmulOf(restOf(x), rest, false, true), q, u);
      return concatAlong([add(ofR(squareOf(ct), q, u), ofRest), matmulOf(q, rest, false, false)], x.rank - 1);
    },
  ],
});

/** q [.., m, k] and r [.., k, n], k = min(m, n), or m if `full`; of x [.., m, n]. */
export function qrOf(x: Tensor, full: boolean): [q: Tensor, r: Tensor] {
  return qrFactors.of(x, { full }) as [Tensor, Tensor];
}
