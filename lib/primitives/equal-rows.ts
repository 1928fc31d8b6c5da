/** Equal rows: rows of updates at one index, which have one place, where they can be combined. */
import type { Tensor } from '../engine/tensor.js';
import { placesIn, valuesSorted } from './sort.js';

/**
 * For each of the indices [n] a place from 0 to n - 1, the same for equal ones: how many are smaller. It takes as long as
 * sorting them, however long the axis is.
 */
export function placesOfEqual(op: string, indices: Tensor): Tensor {
  const sorted = valuesSorted(op, indices, { axis: 0, descending: false, count: indices.size });
  return placesIn(sorted, indices, false);
}
