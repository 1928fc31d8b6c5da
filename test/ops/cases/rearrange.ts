import * as tf from 'gradtape';
import { casesOf, noGradient, withoutGradient } from '../op-cases.js';

const m23 = [2, 3];

casesOf(tf.repeat, [
  { shapes: [m23], call: (x) => tf.repeat(x, 2, 1) },
  { shapes: [m23], call: (x) => tf.repeat(x, [2, 0, 1], 1) },
  { shapes: [m23], call: (x) => tf.repeat(x, 3) },
  { shapes: [m23], call: (x) => tf.repeat(x, [1, 2], 0) },
]);
casesOf(tf.roll, [
  { shapes: [m23], call: (x) => tf.roll(x, 1, 1) },
  { shapes: [[3, 4]], call: (x) => tf.roll(x, [1, -2], [0, 1]) },
  { shapes: [m23], call: (x) => tf.roll(x, 3, 1) },
  { shapes: [[0, 3]], call: (x) => tf.roll(x, [1, 1], [0, 1]) },
]);
casesOf(tf.meshgrid, [
  { shapes: [[2], [3]], call: (x, y) => tf.add(...(tf.meshgrid(x, y) as [tf.Tensor, tf.Tensor])) },
  { shapes: [[2], [3]], call: (x, y) => tf.mul(...(tf.meshgrid(x, y, { indexing: 'ij' }) as [tf.Tensor, tf.Tensor])) },
]);
casesOf(tf.reverseSequence, [
  { shapes: [[3, 4]], call: (x) => tf.reverseSequence(x, [2, 4, 0], { seqAxis: 1 }) },
  { shapes: [[3, 2, 2]], call: (x) => tf.reverseSequence(x, [2, 3], { seqAxis: 0, batchAxis: -1 }) },
]);
casesOf(tf.spaceToBatchNd, [
  { shapes: [[1, 4, 2]], call: (x) => tf.spaceToBatchNd(x, [2], [[0, 0]]) },
  {
    shapes: [[2, 3, 3, 1]],
    call: (x) =>
      tf.spaceToBatchNd(
        x,
        [2, 2],
        [
          [1, 0],
          [0, 1],
        ],
      ),
  },
]);
casesOf(tf.batchToSpaceNd, [
  { shapes: [[4, 2, 1]], call: (x) => tf.batchToSpaceNd(x, [2], [[1, 0]]) },
  {
    shapes: [[4, 2, 2, 1]],
    call: (x) =>
      tf.batchToSpaceNd(
        x,
        [2, 2],
        [
          [0, 1],
          [1, 0],
        ],
      ),
  },
]);
casesOf(tf.nn.spaceToDepth, [
  { shapes: [[1, 4, 2, 2]], call: (x) => tf.nn.spaceToDepth(x, 2) },
  { shapes: [[1, 2, 2, 4]], call: (x) => tf.nn.spaceToDepth(x, 2, { dataFormat: 'NCHW' }) },
]);
casesOf(tf.nn.depthToSpace, [
  { shapes: [[1, 2, 1, 8]], call: (x) => tf.nn.depthToSpace(x, 2) },
  { shapes: [[1, 8, 1, 2]], call: (x) => tf.nn.depthToSpace(x, 2, { dataFormat: 'NCHW' }) },
]);
casesOf(tf.image.extractPatches, [
  { shapes: [[2, 3, 4, 2]], call: (x) => tf.image.extractPatches(x, { sizes: 2 }) },
  {
    shapes: [[1, 5, 4, 1]],
    call: (x) => tf.image.extractPatches(x, { sizes: [1, 2, 3, 1], strides: [2, 1], rates: [2, 1], padding: 'SAME' }),
  },
]);
casesOf(tf.ensureShape, [{ shapes: [m23], call: (x) => tf.ensureShape(x, [2, null]) }]);
casesOf(tf.dynamicPartition, [{ shapes: [[3, 2]], call: (x) => tf.dynamicPartition(x, [1, 0, 1], 2)[1] as tf.Tensor }]);
casesOf(tf.dynamicStitch, [
  { shapes: [[2, 2], [2]], call: (x, y) => tf.dynamicStitch([[0, 3], 1], [x, y]) },
  {
    shapes: [[2], [2]],
    call: (x, y) =>
      tf.dynamicStitch(
        [
          [0, 1],
          [1, 2],
        ],
        [x, y],
      ),
  },
]);
noGradient(tf.shape, tf.size, tf.rank);
withoutGradient(tf.sequenceMask, (x) => tf.sequenceMask(tf.cast(tf.clipByValue(x, 0, 5), 'int32'), 6));
