import * as tf from 'gradtape';
import { casesOf, withKinks } from '../op-cases.js';

const once = [[2], [0]];
const twice = [[1], [3], [1]];
const pairs = [
  [0, 1],
  [2, 0],
];
const beyond = [[1], [7], [-1]];
const ignore = { badIndicesPolicy: 'IGNORE' } as const;

for (const scatter of [
  tf.tensorScatterNdUpdate,
  tf.tensorScatterNdAdd,
  tf.tensorScatterNdSub,
  tf.tensorScatterNdMax,
  tf.tensorScatterNdMin,
]) {
  casesOf(scatter, [
    { shapes: [[4], [2]], call: (x, u) => scatter(x, once, u) },
    {
      shapes: [
        [4, 2],
        [3, 2],
      ],
      call: (x, u) => scatter(x, twice, u),
    },
    { shapes: [[3, 2], [2]], call: (x, u) => scatter(x, pairs, u) },
    { shapes: [[4], [3]], call: (x, u) => scatter(x, beyond, u, ignore) },
    {
      shapes: [
        [0, 2],
        [0, 2],
      ],
      call: (x, u) => scatter(x, tf.zeros([0, 1], { dtype: 'int32' }), u),
    },
  ]);
}
casesOf(tf.scatterNd, [
  { shapes: [[3, 2]], call: (x) => tf.scatterNd(twice, x, [5, 2]) },
  { shapes: [[3]], call: (x) => tf.scatterNd(beyond, x, [4], ignore) },
]);
casesOf(tf.gatherNd, [
  {
    shapes: [[3, 4, 2]],
    call: (x) =>
      tf.gatherNd(x, [
        [0, 1],
        [2, 3],
        [0, 1],
      ]),
  },
  { shapes: [[3, 2]], call: (x) => tf.gatherNd(x, beyond, ignore) },
]);
casesOf(tf.updateAt, [
  { shapes: [[3, 4], [2]], call: (x, v) => tf.updateAt(x, ['1:', '::-2'], v) },
  {
    shapes: [
      [3, 4],
      [3, 1],
    ],
    call: (x, v) => tf.updateAt(x, [':', 1, null], v),
  },
  { shapes: [[], []], call: (x, v) => tf.updateAt(x, [], v) },
  { shapes: [[3, 2], [2]], call: (x, v) => tf.updateAt(x, [true, false, true], v) },
  {
    shapes: [
      [3, 2],
      [2, 2],
    ],
    call: (x, v) => tf.updateAt(x, [true, false, true], v),
  },
]);

withKinks(tf.tensorScatterNdMax, tf.tensorScatterNdMin);
