import * as tf from 'gradtape';
import { casesOf } from '../op-cases.js';

const shapes = (...list: (readonly number[])[]) => list;

const equations: readonly (readonly [string, ...(readonly number[])[]])[] = [
  ['ij,jk->ik', [2, 3], [3, 4]],
  ['ij,kj->ki', [2, 3], [4, 3]],
  ['ji,jk->ik', [3, 2], [3, 2]],
  ['bhqd,bhkd->bhqk', [2, 1, 2, 3], [2, 1, 2, 3]],
  ['bqhd,bkhd->bhqk', [1, 2, 2, 3], [1, 3, 2, 3]],
  ['abc,cbd->da', [2, 3, 2], [2, 3, 2]],
  ['i,j->ij', [2], [3]],
  ['i,j->ji', [2], [3]],
  ['i,i->', [3], [3]],
  ['bi,ib->b', [2, 3], [3, 2]],
  ['bi,i->bi', [2, 3], [3]],
  ['ij->ji', [2, 3]],
  ['ij->j', [2, 3]],
  ['ij->', [2, 3]],
  ['ii->i', [3, 3]],
  ['ii', [3, 3]],
  ['ibi->b', [2, 3, 2]],
  ['ii,ij->j', [2, 2], [2, 3]],
  ['ijk,jl->il', [2, 2, 2], [2, 3]],
  ['...ij,...jk->...ik', [2, 1, 2, 3], [2, 3, 2]],
  ['...i,i...->...', [2, 3], [3, 2]],
  ['...,...', [2, 3], [3]],
  [',i->i', [], [2]],
  [',', [], []],
  ['ij,jk,kl->il', [2, 3], [3, 2], [2, 2]],
  ['i,i,i->i', [3], [3], [3]],
  ['ab,ac,ad->abcd', [2, 2], [2, 1], [2, 2]],
  ['ij,jk->ik', [2, 0], [0, 3]],
];
casesOf(tf.einsum, [
  ...equations.map(([equation, ...operands]) => ({
    shapes: operands,
    call: (...xs: tf.Tensor[]) => tf.einsum(equation, ...xs),
  })),
  {
    shapes: shapes([2, 3], [3, 2], [2, 2]),
    call: (x, y, z) => tf.einsum('ij,jk,kl->il', x, y, z, { optimize: 'optimal' }),
  },
]);
casesOf(tf.tensordot, [
  { shapes: shapes([2, 3], [3, 4]), call: (x, y) => tf.tensordot(x, y, 1) },
  { shapes: shapes([2, 3], [2]), call: (x, y) => tf.tensordot(x, y, 0) },
  {
    shapes: shapes([2, 3, 2], [2, 4, 3]),
    call: (x, y) =>
      tf.tensordot(x, y, [
        [0, 1],
        [0, -1],
      ]),
  },
]);
const { cross, inner, kron, matvec, outer } = tf.linalg;
casesOf(matvec, [
  { shapes: shapes([2, 3], [3]), call: (x, y) => matvec(x, y) },
  { shapes: shapes([2, 3, 2], [3]), call: (x, y) => matvec(x, y, { transposeA: true }) },
]);
casesOf(cross, [
  { shapes: shapes([3], [3]), call: (x, y) => cross(x, y) },
  { shapes: shapes([2, 3], [2, 3]), call: (x, y) => cross(x, y) },
]);
casesOf(outer, [{ shapes: shapes([3], [2, 2]), call: (x, y) => outer(x, y) }]);
casesOf(inner, [
  { shapes: shapes([2, 3], [4, 3]), call: (x, y) => inner(x, y) },
  { shapes: shapes([3], [3]), call: (x, y) => inner(x, y) },
  { shapes: shapes([], [3]), call: (x, y) => inner(x, y) },
]);
casesOf(kron, [
  { shapes: shapes([2, 3], [3, 2]), call: (x, y) => kron(x, y) },
  { shapes: shapes([2], [2, 2]), call: (x, y) => kron(x, y) },
]);
