import { matmul, norm } from 'gradtape';
import { casesOf } from '../op-cases.js';

const shapes = (...list: (readonly number[])[]) => list;
casesOf(matmul, [
  { shapes: shapes([2, 3], [3, 4]), call: (x, y) => matmul(x, y) },
  { shapes: shapes([3, 2], [3, 4]), call: (x, y) => matmul(x, y, { transposeA: true }) },
  { shapes: shapes([2, 3], [4, 3]), call: (x, y) => matmul(x, y, { transposeB: true }) },
  { shapes: shapes([3, 2], [4, 3]), call: (x, y) => matmul(x, y, { transposeA: true, transposeB: true }) },
  { shapes: shapes([2, 1, 2, 3], [2, 3, 2]), call: (x, y) => matmul(x, y) },
]);
casesOf(
  norm,
  [
    { shapes: [[2, 3]], call: (x) => norm(x, 2, 1) },
    { shapes: [[2, 3]], call: (x) => norm(x, 3, 0) },
    { shapes: [[2, 3]], call: (x) => norm(x, 1, [0, 1]) },
    { shapes: [[2, 2, 3]], call: (x) => norm(x, Number.POSITIVE_INFINITY, [-1, 0], { keepdims: true }) },
    { shapes: [[2, 3, 2]], call: (x) => norm(x, 2, [0, 2]) },
    { shapes: [[2, 3]], call: (x) => norm(x, 'nuclear', [0, 1], { keepdims: true }) },
  ],
  { avoid: [0] },
);
