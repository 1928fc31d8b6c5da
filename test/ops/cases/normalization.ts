import { nn } from 'gradtape';
import { casesOf, withKinks } from '../op-cases.js';

const shapes = (...list: (readonly number[])[]) => list;
const images = [2, 2, 3, 2];

casesOf(nn.l2Loss, [
  { shapes: [[2, 3]], call: (x) => nn.l2Loss(x) },
  { shapes: [[]], call: (x) => nn.l2Loss(x) },
]);
casesOf(nn.l2Normalize, [
  { shapes: [[2, 3]], call: (x) => nn.l2Normalize(x, 1) },
  { shapes: [[2, 3, 2]], call: (x) => nn.l2Normalize(x, [0, -1]) },
  { shapes: [[2, 3]], call: (x) => nn.l2Normalize(x, { epsilon: 100 }) },
]);
casesOf(nn.moments, [
  { shapes: [[3, 4]], call: (x) => nn.moments(x, 0).variance },
  { shapes: [[2, 3, 2]], call: (x) => nn.moments(x, [0, 2], { keepdims: true }).variance },
  { shapes: [[3, 4]], call: (x) => nn.moments(x).mean },
  {
    shapes: [[3, 4]],
    call: (x) => {
      const { mean, variance } = nn.moments(x, 1);
      return mean.mul(variance);
    },
  },
]);
casesOf(
  nn.batchNormalization,
  [
    {
      shapes: shapes([4, 3], [3], [3], [3], [3]),
      call: (x, mean, variance, offset, scale) => nn.batchNormalization(x, mean, variance, offset, scale, 0.01),
    },
    {
      // Training: mean and variance are those of x.
      shapes: shapes(images, [2], [2]),
      call: (x, offset, scale) => {
        const { mean, variance } = nn.moments(x, [0, 1, 2]);
        return nn.batchNormalization(x, mean, variance, offset, scale, 0.01);
      },
    },
    {
      shapes: shapes([4, 3], [1, 3], [1, 3]),
      call: (x, mean, variance) => nn.batchNormalization(x, mean, variance, null, null, { varianceEpsilon: 0.1 }),
    },
  ],
  { domain: [0.3, 2] },
);
casesOf(nn.layerNormalization, [
  { shapes: shapes([3, 4], [4], [4]), call: (x, g, b) => nn.layerNormalization(x, g, b, { epsilon: 0.01 }) },
  { shapes: [[3, 4]], call: (x) => nn.layerNormalization(x, { epsilon: 0.01 }) },
  {
    shapes: shapes([2, 3, 2], [3, 2], [2]),
    call: (x, g, b) => nn.layerNormalization(x, g, b, [1, -1], 0.01),
  },
  { shapes: shapes([2, 3, 2], [2]), call: (x, g) => nn.layerNormalization(x, g, null, { axis: 0, epsilon: 0.1 }) },
]);
casesOf(nn.rmsNormalization, [
  { shapes: shapes([3, 4], [4]), call: (x, g) => nn.rmsNormalization(x, g, { epsilon: 0.01 }) },
  { shapes: [[3, 4]], call: (x) => nn.rmsNormalization(x, { axis: [0, 1] }) },
]);
casesOf(nn.embeddingLookup, [
  { shapes: [[4, 3]], call: (x) => nn.embeddingLookup(x, [1, 3, 1]) },
  { shapes: [[4, 3]], call: (x) => nn.embeddingLookup(x, [[0], [2]], 1.5) },
  { shapes: [[4]], call: (x) => nn.embeddingLookup(x, 2, { maxNorm: 0.5 }) },
]);

withKinks(nn.l2Normalize, nn.rmsNormalization, nn.layerNormalization, nn.batchNormalization);
