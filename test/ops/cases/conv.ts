import { nn } from 'gradtape';
import { casesOf, withKinks } from '../op-cases.js';

const image = [2, 5, 4, 2];
const uneven = [
  [0, 0],
  [2, 1],
  [0, 3],
  [0, 0],
] as const;
const shapes = (...list: (readonly number[])[]) => list;

casesOf(nn.conv2d, [
  { shapes: [image, [3, 2, 2, 3]], call: (x, f) => nn.conv2d(x, f, { padding: 'SAME' }) },
  { shapes: [image, [2, 2, 2, 1]], call: (x, f) => nn.conv2d(x, f, { strides: [2, 1], dilations: [1, 3] }) },
  { shapes: [image, [3, 3, 2, 2]], call: (x, f) => nn.conv2d(x, f, { strides: 3, dilations: 2, padding: uneven }) },
  {
    shapes: [image, [2, 3, 5, 2]],
    call: (x, f) => nn.conv2d(x, f, { strides: [1, 1, 2, 1], dataFormat: 'NCHW', padding: 'SAME' }),
  },
]);
casesOf(nn.conv2dTranspose, [
  {
    shapes: shapes([1, 3, 2, 2], [3, 2, 3, 2]),
    call: (x, f) => nn.conv2dTranspose(x, f, [1, 5, 4, 3], { strides: 2 }),
  },
  {
    shapes: shapes([1, 2, 3, 2], [3, 2, 3, 2]),
    call: (x, f) => nn.conv2dTranspose(x, f, [1, 3, 5, 4], { strides: 2, dataFormat: 'NCHW' }),
  },
]);
casesOf(nn.conv2dBackpropInput, [
  {
    shapes: shapes([2, 2, 1, 2], [2, 3, 2, 2]),
    call: (g, f) => nn.conv2dBackpropInput(image, f, g, { strides: 2 }),
  },
  {
    shapes: shapes([2, 2, 2, 1], [2, 3, 2, 2]),
    call: (g, f) => nn.conv2dBackpropInput([2, 2, 5, 4], f, g, { strides: 2, dataFormat: 'NCHW' }),
  },
]);
casesOf(nn.conv2dBackpropFilter, [
  { shapes: [image, [2, 2, 1, 2]], call: (x, g) => nn.conv2dBackpropFilter(x, [2, 3, 2, 2], g, { strides: 2 }) },
  {
    shapes: [image, [2, 2, 1, 1]],
    call: (x, g) => nn.conv2dBackpropFilter(x, [3, 2, 5, 2], g, { strides: [2, 1], dataFormat: 'NCHW' }),
  },
]);
casesOf(nn.depthwiseConv2d, [
  { shapes: [image, [3, 2, 2, 1]], call: (x, f) => nn.depthwiseConv2d(x, f, { padding: 'SAME' }) },
  { shapes: [image, [2, 2, 2, 3]], call: (x, f) => nn.depthwiseConv2d(x, f, { strides: [2, 1], dilations: [1, 2] }) },
  { shapes: [image, [2, 1, 5, 2]], call: (x, f) => nn.depthwiseConv2d(x, f, { dataFormat: 'NCHW' }) },
]);
casesOf(nn.conv1d, [
  { shapes: shapes([2, 6, 2], [3, 2, 2]), call: (x, f) => nn.conv1d(x, f, { stride: 2, padding: 'SAME' }) },
  { shapes: shapes([2, 2, 6], [3, 2, 2]), call: (x, f) => nn.conv1d(x, f, [1, 1, 2], 'SAME', { dataFormat: 'NCW' }) },
]);
for (const pool of [nn.maxPool2d, nn.avgPool2d]) {
  casesOf(pool, [
    { shapes: [image], call: (x) => pool(x, { ksize: 2, strides: 1 }) },
    { shapes: [image], call: (x) => pool(x, { ksize: [3, 2], strides: 2, padding: 'SAME' }) },
    { shapes: [image], call: (x) => pool(x, { ksize: 2, strides: 1, dilations: [2, 3], padding: 'SAME' }) },
    { shapes: [image], call: (x) => pool(x, [1, 1, 3, 1], { strides: [1, 1, 1, 2], dataFormat: 'NCHW' }) },
  ]);
}

withKinks(nn.maxPool2d);
