/**
 * Small values: results of a few elements that are computed in JavaScript, where the op has the same bits there. To add four
 * elements so takes 0.2 us, by a program 1.8 us.
 */

import { heapBuffer, kHeapBytes } from './buffers.js';
import { kTaught, noteComputed, noteRead } from './job.js';
import { isKnown, settle, type Tensor } from './tensor.js';

/** Whether the elements of x can be read one by one beside those of a result of this size. */
function fits(x: Tensor, size: number): boolean {
  return isKnown(x) && (x.uniform !== undefined || x.size === size);
}

/** The i-th element of a known tensor. */
function element(x: Tensor, i: number): number {
  return x.uniform ?? ((x.buffer as { elements: ArrayLike<number> }).elements[i] as number);
}

/**
 * Computes t, if it is one op away from known operands, small, and of a floating dtype. Returns whether it has. A NaN is left
 * to the addon: the sign and payload that JavaScript gives it are V8's choice.
 */
export function computeSmall(t: Tensor): boolean {
  const { op, x, y, size, dtype } = t;
  if (!op?.fold || !x || size < 2 || x.dtype !== dtype || !fits(x, size) || (y && !fits(y, size))) return false;
  const single = dtype === 'float32';
  if (!(single || dtype === 'float64') || size * (single ? 4 : 8) > kHeapBytes) return false;
  const elements = single ? new Float32Array(size) : new Float64Array(size);
  for (let i = 0; i < size; i++) {
    const number = op.fold(element(x, i), y ? element(y, i) : 0);
    if (Number.isNaN(number)) return false;
    elements[i] = number;
  }
  if (x.index <= kTaught) noteRead(x);
  if (y && y.index <= kTaught) noteRead(y);
  t.buffer = heapBuffer(dtype, elements);
  settle(t);
  noteComputed();
  return true;
}
