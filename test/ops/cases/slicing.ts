import * as tf from 'gradtape';
import { casesOf } from '../op-cases.js';

const m23 = [2, 3];
const around = [
  [1, 0],
  [2, 1],
] as const;
const wide = [
  [1, 2],
  [0, 3],
] as const;

casesOf(tf.slice, [{ shapes: [m23], call: (x) => tf.slice(x, [0, 1], [-1, 2]) }]);
casesOf(tf.stridedSlice, [{ shapes: [[5, 4]], call: (x) => tf.stridedSlice(x, [4, 0], [0, 3], [-2, 2]) }]);
casesOf(tf.at, [{ shapes: [[4, 3]], call: (x) => tf.at(x, '::-2', null, -1) }]);
casesOf(tf.pad, [
  { shapes: [m23], call: (x) => tf.pad(x, around) },
  { shapes: [m23], call: (x) => tf.pad(x, around, { constantValues: 3 }) },
  { shapes: [m23], call: (x) => tf.pad(x, around, { mode: 'REFLECT' }) },
  { shapes: [m23], call: (x) => tf.pad(x, wide, { mode: 'SYMMETRIC' }) },
]);
casesOf(tf.reverse, [{ shapes: [m23], call: (x) => tf.reverse(x, [0, 1]) }]);
casesOf(tf.concat, [
  { shapes: [m23], call: (x) => tf.concat([x], 1) },
  { shapes: [m23, [1, 3]], call: (x, y) => tf.concat([x, y], 0) },
  { shapes: [m23, [2, 1]], call: (x, y) => tf.concat([x, y, x], 1) },
]);
casesOf(tf.stack, [
  { shapes: [m23], call: (x) => tf.stack([x]) },
  { shapes: [m23, m23], call: (x, y) => tf.stack([x, y], -1) },
  { shapes: [m23, m23], call: (x, y) => tf.stack([y, x, x], 1) },
]);
casesOf(tf.unstack, [{ shapes: [m23], call: (x) => tf.unstack(x, 1)[1] as tf.Tensor }]);
casesOf(tf.split, [{ shapes: [[4, 3]], call: (x) => tf.split(x, [1, 3])[1] as tf.Tensor }]);
casesOf(tf.tile, [{ shapes: [m23], call: (x) => tf.tile(x, [2, 3]) }]);
