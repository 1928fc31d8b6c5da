/**
 * Convolutions of int32, which wrap around: a product of matrices for each tap of the window, added up. Integers have no
 * gradient, so these are no ops of their own.
 */
import { shapeOf, sizeOf } from '../base/shape.js';
import { type Tensor, uniformTensor } from '../engine/tensor.js';
import { sumOfAll } from './add-n.js';
import { type Box, boxAt, placeBox, sliceBox } from './box.js';
import { type ofImage, ofResult, type Window } from './conv.js';
import { matmulOf } from './matmul.js';
import { reshapeTo } from './movement.js';

type Four = readonly [number, number, number, number];
/** Of rows or columns: taps, stride, dilation, zeros before, zeros after. */
type Axis = readonly [number, number, number, number, number];

/** The convolution of an image and a filter, or with `ofImage` the transpose of it, of a result and a filter. */
export function intConv(role: typeof ofResult | typeof ofImage, x: Tensor, filter: Tensor, window: Window): Tensor {
  const { words, shapes } = window;
  const [image, , result] = shapes as unknown as readonly [Four, Four, Four];
  const [batch, rows, columns, results] = result;
  const channels = image[3];
  const shape = role === ofResult ? window.shapes[2] : window.shapes[0];
  if (sizeOf(shape) === 0 || sizeOf(result) === 0) return uniformTensor(0, x.dtype, shape);
  const [down, across] = [words.slice(0, 5), words.slice(5)] as unknown as readonly [Axis, Axis];
  const framed = shapeOf([batch, image[1] + down[3] + down[4], image[2] + across[3] + across[4], channels]);
  const inFrame = boxAt([0, down[3], across[3], 0]);
  const places = batch * rows * columns;

  /** Where in the frame each place of the window has the tap. */
  const seen = (i: number, j: number): Box => ({
    begin: [0, i * down[2], j * across[2], 0],
    strides: [1, down[1], across[1], 1],
  });
  const matrix = (i: number, j: number): Tensor =>
    reshapeTo(sliceBox(filter, shapeOf([1, 1, channels, results]), boxAt([i, j, 0, 0])), shapeOf([channels, results]));
  const each = (f: (i: number, j: number) => Tensor): Tensor =>
    sumOfAll(Array.from({ length: down[0] * across[0] }, (_, k) => f(Math.floor(k / across[0]), k % across[0])));

  if (role === ofResult) {
    const padded = placeBox(x, framed, inFrame);
    const products = each((i, j) => {
      const part = sliceBox(padded, shapeOf([batch, rows, columns, channels]), seen(i, j));
      return matmulOf(reshapeTo(part, shapeOf([places, channels])), matrix(i, j), false, false);
    });
    return reshapeTo(products, shape);
  }
  const flat = reshapeTo(x, shapeOf([places, results]));
  const sums = each((i, j) => {
    const product = matmulOf(flat, matrix(i, j), false, true);
    return placeBox(reshapeTo(product, shapeOf([batch, rows, columns, channels])), framed, seen(i, j));
  });
  return sliceBox(sums, shape, inFrame);
}
