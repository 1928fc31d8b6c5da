import * as tf from 'gradtape';
import { casesOf } from '../op-cases.js';

const { adjoint, bandPart, diag, diagPart, matrixTranspose, setDiag, tensorDiag, tensorDiagPart, trace } = tf.linalg;

casesOf(diag, [
  { shapes: [[3]], call: (x) => diag(x) },
  { shapes: [[2, 2]], call: (x) => diag(x, { k: -1, paddingValue: 2 }) },
  { shapes: [[2, 3, 3]], call: (x) => diag(x, { k: [-1, 1], align: 'LEFT_RIGHT' }) },
  { shapes: [[2, 3]], call: (x) => diag(x, { k: [0, 1], numRows: 3 }) },
  { shapes: [[0]], call: (x) => diag(x, { k: 2 }) },
]);
casesOf(diagPart, [
  { shapes: [[3, 3]], call: (x) => diagPart(x) },
  { shapes: [[2, 3, 4]], call: (x) => diagPart(x, { k: 1 }) },
  { shapes: [[2, 3, 4]], call: (x) => diagPart(x, { k: [-2, 1] }) },
  { shapes: [[2, 0, 0]], call: (x) => diagPart(x) },
]);
casesOf(setDiag, [
  {
    shapes: [
      [2, 3, 3],
      [2, 3],
    ],
    call: (x, d) => setDiag(x, d),
  },
  {
    shapes: [
      [3, 4],
      [3, 3],
    ],
    call: (x, d) => setDiag(x, d, { k: [-1, 1] }),
  },
]);
casesOf(bandPart, [
  { shapes: [[2, 3, 4]], call: (x) => bandPart(x, 1, 0) },
  { shapes: [[3, 3]], call: (x) => bandPart(x, -1, 1) },
  { shapes: [[3, 2]], call: (x) => bandPart(x, -1, -1) },
]);
casesOf(trace, [
  { shapes: [[2, 3, 3]], call: (x) => trace(x) },
  { shapes: [[2, 4]], call: (x) => trace(x) },
  { shapes: [[0, 0]], call: (x) => trace(x) },
]);
casesOf(matrixTranspose, [{ shapes: [[2, 3, 2]], call: (x) => matrixTranspose(x) }]);
casesOf(adjoint, [{ shapes: [[2, 3]], call: (x) => adjoint(x) }]);
casesOf(tensorDiag, [{ shapes: [[2, 2]], call: (x) => tensorDiag(x) }]);
casesOf(tensorDiagPart, [{ shapes: [[2, 3, 2, 3]], call: (x) => tensorDiagPart(x) }]);
