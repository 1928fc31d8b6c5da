import { nn } from 'gradtape';
import { casesOf } from '../op-cases.js';

const { softmax, logSoftmax, leakyRelu, relu6, elu, selu, silu, gelu } = nn;
for (const activation of [softmax, logSoftmax, leakyRelu, relu6, elu, selu, silu, gelu]) {
  casesOf(activation, [{ shapes: [[2, 3]], call: (x) => activation(x) }], { avoid: [0, 6] });
}
const pair = [
  [2, 3],
  [2, 3],
];
// TensorFlow's rule for the logits holds for labels that sum to 1, so they are made so.
casesOf(nn.softmaxCrossEntropyWithLogits, [
  { shapes: pair, call: (x, y) => nn.softmaxCrossEntropyWithLogits(softmax(x), y) },
  { shapes: [[4], [3, 4]], call: (x, y) => nn.softmaxCrossEntropyWithLogits(softmax(x), y) },
]);
casesOf(nn.sparseSoftmaxCrossEntropyWithLogits, [
  { shapes: [[2, 3]], call: (x) => nn.sparseSoftmaxCrossEntropyWithLogits([2, 0], x) },
]);
casesOf(nn.sigmoidCrossEntropyWithLogits, [{ shapes: pair, call: (x, y) => nn.sigmoidCrossEntropyWithLogits(x, y) }]);
casesOf(nn.biasAdd, [{ shapes: [[2, 3], [3]], call: (x, y) => nn.biasAdd(x, y) }]);
casesOf(nn.dropout, [{ shapes: [[2, 3]], call: (x) => nn.dropout(x, 0.4, { seed: 7 }) }]);
