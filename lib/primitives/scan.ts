/** Scans: running sums along an axis. */
import type { Shape } from '../base/shape.js';
import { sizeOf } from '../base/shape.js';
import type { Tensor } from '../engine/tensor.js';
import { apply1 } from '../op/apply.js';
import { Op } from '../op/op.js';
import { linear } from '../op/rules.js';

/**
 * What a scan is told. exclusive: each result leaves its own element out. reverse: from the last element to the first.
 */
export interface Scan {
  readonly axis: number;
  readonly exclusive: boolean;
  readonly reverse: boolean;
}

/**
 * With the kernel's words: the product of the lengths before the axis, its length, the product of those behind it, and
 * the flags.
 */
interface Sized extends Scan {
  readonly words: readonly number[];
}

function sized({ axis, exclusive, reverse }: Scan, shape: Shape): Sized {
  const [outer, inner] = [sizeOf(shape.slice(0, axis)), sizeOf(shape.slice(axis + 1))];
  const words = [outer, shape[axis] as number, inner, Number(exclusive), Number(reverse)];
  return { axis, exclusive, reverse, words };
}

// An element is part of its own sum and of all later ones, so its cotangent is the sum of their cotangents: a scan in
// the other direction.
const cumsumOp = new Op<Sized>('cumsum', {
  kernel: 'cumsum',
  words: ({ words }) => words,
  vjps: [linear((ct, { attributes }) => runningSum(ct, { ...attributes, reverse: !attributes.reverse }))],
  batch: ({ operands, attributes }) => runningSum(operands[0] as Tensor, { ...attributes, axis: attributes.axis + 1 }),
});

/** cumsum: for each element the sum of all elements up to it along the axis. */
export function runningSum(x: Tensor, scan: Scan): Tensor {
  return apply1(cumsumOp, x, x.dtype, x.shape, sized(scan, x.shape));
}
