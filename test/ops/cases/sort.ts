import * as tf from 'gradtape';
import { casesOf, noGradient, withKinks, withoutGradient } from '../op-cases.js';

const { sort, topK, nthElement } = tf;
casesOf(sort, [
  { shapes: [[5]], call: (x) => sort(x) },
  { shapes: [[2, 4, 3]], call: (x) => sort(x, 1, { direction: 'DESCENDING' }) },
]);
casesOf(topK, [
  { shapes: [[5]], call: (x) => topK(x, 2).values },
  { shapes: [[2, 4]], call: (x) => topK(x, 4).values },
]);
casesOf(nthElement, [
  { shapes: [[5]], call: (x) => nthElement(x, 2) },
  { shapes: [[2, 4]], call: (x) => nthElement(x, 0, { reverse: true }) },
]);
noGradient(tf.argsort);
withoutGradient(tf.inTopK, (x) => tf.inTopK([0, 1], x, 2));
withoutGradient(tf.searchsorted, (x) => tf.searchsorted(tf.sort(x), x));
// Their shapes depend on values.
withoutGradient(tf.unique, (x) => tf.reduceSum(tf.unique(tf.reshape(x, [-1])).idx));
withoutGradient(tf.uniqueWithCounts, (x) => tf.reduceMax(tf.uniqueWithCounts(tf.reshape(x, [-1])).count));
withoutGradient(tf.setdiff1d, (x) => tf.reduceSum(tf.setdiff1d(tf.reshape(x, [-1]), [0.5]).idx));

withKinks(tf.sort, tf.topK, tf.nthElement);
