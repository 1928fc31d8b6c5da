/** Losses of a batch, averaged: Keras' functions with their argument order (truth, prediction). */
import { sub } from './ops/arithmetic.js';
import { square } from './ops/math.js';
import { softmaxCrossEntropyWithLogits, sparseSoftmaxCrossEntropyWithLogits } from './ops/nn.js';
import { reduceMean } from './ops/reduce.js';
import type { Tensor } from './tensor.js';
import type { TensorLike } from './variable.js';

/** mean((prediction - truth)^2) over all elements. */
export function meanSquaredError(truth: TensorLike, prediction: TensorLike): Tensor {
  return reduceMean(square(sub(prediction, truth)));
}

/** Mean cross entropy of int32 class labels and logits. */
export function sparseCategoricalCrossentropy(labels: TensorLike, logits: TensorLike): Tensor {
  return reduceMean(sparseSoftmaxCrossEntropyWithLogits(labels, logits));
}

/** Mean cross entropy of label probabilities and logits. */
export function categoricalCrossentropy(labels: TensorLike, logits: TensorLike): Tensor {
  return reduceMean(softmaxCrossEntropyWithLogits(labels, logits));
}
