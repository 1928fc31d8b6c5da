/** What `tf.metrics` has: Keras' metrics as classes, and their base class. */
export * from './accuracy.js';
export * from './auc.js';
export {
  FalseNegatives,
  FalsePositives,
  type ThresholdOptions,
  TrueNegatives,
  TruePositives,
} from './confusion.js';
export * from './confusion-matrix.js';
export { Mean, MeanMetricWrapper, type MetricFunction, Sum } from './mean.js';
export { Metric, type MetricOptions } from './metric.js';
export type { UpdateOptions } from './operands.js';
export * from './precision-recall.js';
export * from './r2-score.js';
export * from './regression.js';
