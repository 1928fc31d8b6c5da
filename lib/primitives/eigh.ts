/** The spectrum of symmetric matrices: eigenvalues and eigenvectors. */
import { shapeOf } from '../base/shape.js';
import type { Tensor } from '../engine/tensor.js';
import { add, mul } from './arithmetic.js';
import { Factorization, reciprocalGaps, scaledColumns } from './factored.js';
import { halved, matrixTranspose } from './linalg.js';
import { matmulOf } from './matmul.js';

/** The cotangent of a matrix of which the lower triangle is read, from that of one that is all read. */
function ofLowerTriangle(ct: Tensor): Tensor {
  return halved(add(ct, matrixTranspose(ct)));
}

// With x = v diag(e) v^T: dx gives de = diag(v^T dx v), and dv = v (f * v^T dx v), f[i, j] = 1 / (e_j - e_i) (Giles 2008,
// An extended collection of matrix derivative results, 3.1).
const eighFactors = new Factorization('linalg.eigh', {
  kernel: 'eigh',
  shapes: (x) => [shapeOf(x.slice(0, -1)), x],
  rules: [
    (ct, [, v]) => ofLowerTriangle(matmulOf(scaledColumns(v as Tensor, ct), v as Tensor, false, true)),
    (ct, [e, v]) => {
      const inner = mul(reciprocalGaps(e as Tensor), matmulOf(v as Tensor, ct, true, false));
      return ofLowerTriangle(matmulOf(v as Tensor, matmulOf(inner, v as Tensor, false, true), false, false));
    },
  ],
});

/** Eigenvalues [.., n], ascending, and eigenvectors, as columns [.., n, n]; of x [.., n, n]. */
export function eighOf(x: Tensor): [e: Tensor, v: Tensor] {
  return eighFactors.of(x, null) as [Tensor, Tensor];
}
