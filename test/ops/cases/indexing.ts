import { booleanMask, gather, oneHot } from 'gradtape';
import { casesOf, noGradient } from '../op-cases.js';

const pairs = [
  [3, 3],
  [1, 0],
];
casesOf(gather, [
  { shapes: [[4, 3]], call: (x) => gather(x, [2, 0, 2]) },
  { shapes: [[2, 4, 3]], call: (x) => gather(x, [[3], [1]], { axis: 1 }) },
  { shapes: [[2, 4]], call: (x) => gather(x, pairs, { batchDims: 1 }) },
]);
casesOf(booleanMask, [
  { shapes: [[3, 2]], call: (x) => booleanMask(x, [true, false, true]) },
  { shapes: [[2, 3]], call: (x) => booleanMask(x, [true, false, true], { axis: 1 }) },
]);
noGradient(oneHot);
