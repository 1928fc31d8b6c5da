import * as tf from 'gradtape';
import { casesOf, noGradient, withKinks } from '../op-cases.js';

const { reduceSum, reduceMean, reduceMax, reduceMin, reduceProd, reduceLogsumexp, reduceVariance, reduceStd } = tf;
casesOf(reduceSum, [
  { shapes: [[2, 3]], call: (x) => reduceSum(x) },
  { shapes: [[2, 3, 4]], call: (x) => reduceSum(x, [0, 2]) },
  { shapes: [[2, 3, 4]], call: (x) => reduceSum(x, 1, { keepdims: true }) },
]);
casesOf(tf.reduceEuclideanNorm, [
  { shapes: [[2, 3]], call: (x) => tf.reduceEuclideanNorm(x) },
  { shapes: [[2, 3, 2]], call: (x) => tf.reduceEuclideanNorm(x, [0, 2], { keepdims: true }) },
]);
for (const reduce of [reduceMean, reduceMax, reduceMin, reduceProd, reduceLogsumexp, reduceVariance, reduceStd]) {
  casesOf(reduce, [
    { shapes: [[2, 3]], call: (x) => reduce(x) },
    { shapes: [[2, 3, 2]], call: (x) => reduce(x, [0, 2], { keepdims: true }) },
  ]);
}
noGradient(tf.reduceAny, tf.reduceAll, tf.argmax, tf.argmin);

withKinks(tf.reduceMax, tf.reduceMin, tf.reduceStd, tf.reduceEuclideanNorm);
