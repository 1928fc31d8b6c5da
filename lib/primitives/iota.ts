/** iota: the whole numbers from 0, as positions and classes. */
import { shapeOf } from '../base/shape.js';
import { allocate } from '../engine/buffers.js';
import { bufferTensor, type Tensor } from '../engine/tensor.js';

/** 0, 1, ... length - 1 as int32. */
export function iota(length: number): Tensor {
  const buffer = allocate('int32', length);
  for (let i = 0; i < length; i++) buffer.elements[i] = i;
  return bufferTensor(buffer, 'int32', shapeOf([length]));
}
