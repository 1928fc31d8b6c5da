import * as tf from 'gradtape';
import { casesOf, withKinks, withoutGradient } from '../op-cases.js';

const sorted = [0, 0, 2, 2, 2];
const { segmentSum, segmentMean, segmentMax, segmentMin, segmentProd } = tf;
for (const segment of [segmentSum, segmentMean, segmentMax, segmentMin, segmentProd]) {
  casesOf(segment, [
    { shapes: [[5]], call: (x) => segment(x, sorted) },
    { shapes: [[5, 2]], call: (x) => segment(x, sorted) },
  ]);
}

const ids = [2, 0, -1, 2, 0];
const { unsortedSegmentSum, unsortedSegmentMean, unsortedSegmentSqrtN, unsortedSegmentProd } = tf;
for (const segment of [unsortedSegmentSum, unsortedSegmentMean, unsortedSegmentSqrtN, unsortedSegmentProd]) {
  casesOf(segment, [
    { shapes: [[5]], call: (x) => segment(x, ids, 4) },
    { shapes: [[5, 2]], call: (x) => segment(x, ids, 3) },
    {
      shapes: [[2, 2, 3]],
      call: (x) =>
        segment(
          x,
          [
            [1, 1],
            [0, 1],
          ],
          2,
        ),
    },
  ]);
}
// Without empty segments: 1.8e308 has no central differences.
for (const segment of [tf.unsortedSegmentMax, tf.unsortedSegmentMin]) {
  casesOf(segment, [
    { shapes: [[5]], call: (x) => segment(x, [1, 0, -1, 1, 0], 2) },
    {
      shapes: [[2, 2, 3]],
      call: (x) =>
        segment(
          x,
          [
            [1, 1],
            [0, 1],
          ],
          2,
        ),
    },
  ]);
}

casesOf(
  tf.confusionMatrix,
  [{ shapes: [[3]], call: (x) => tf.confusionMatrix([0, 2, 0], [1, 2, 1], { weights: x, dtype: 'float64' }) }],
  { throws: true },
);
withoutGradient(tf.bincount, (x) => tf.reduceSum(tf.bincount(tf.floormod(tf.cast(x, 'int32'), 7), { minlength: 3 })));
withoutGradient(tf.histogramFixedWidth, (x) => tf.histogramFixedWidth(x, [-1, 1], 4));

withKinks(tf.segmentMax, tf.segmentMin, tf.unsortedSegmentMax, tf.unsortedSegmentMin);
