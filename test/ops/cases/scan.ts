import { cumsum } from 'gradtape';
import { casesOf } from '../op-cases.js';

casesOf(cumsum, [
  { shapes: [[4]], call: (x) => cumsum(x) },
  { shapes: [[2, 3, 2]], call: (x) => cumsum(x, 1, { exclusive: true }) },
  { shapes: [[2, 3]], call: (x) => cumsum(x, -1, { reverse: true }) },
  { shapes: [[3, 2]], call: (x) => cumsum(x, { exclusive: true, reverse: true }) },
]);
