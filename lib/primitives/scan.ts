/** Running sums along an axis. */
import type { Shape } from '../base/shape.js';
import { sizeOf } from '../base/shape.js';
import type { Tensor } from '../engine/tensor.js';
import { apply1 } from '../op/apply.js';
import { Op } from '../op/op.js';
import { linear } from '../op/rules.js';

/** Which way the sums run, and whether each includes its own element. */
export interface Scan {
  readonly axis: number;
  readonly exclusive: boolean;
  readonly reverse: boolean;
}

/** What the kernel is told: the lengths before the axis multiplied, its own, those behind it multiplied, and the flags. */
interface Sized extends Scan {
  readonly words: readonly number[];
}

function sized({ axis, exclusive, reverse }: Scan, shape: Shape): Sized {
  const [outer, inner] = [sizeOf(shape.slice(0, axis)), sizeOf(shape.slice(axis + 1))];
  const words = [outer, shape[axis] as number, inner, Number(exclusive), Number(reverse)];
  return { axis, exclusive, reverse, words };
}

// An element is part of the sums from its own on; its cotangent is their sum, which runs the other way.
const cumsumOp = new Op<Sized>('cumsum', {
  kernel: 'cumsum',
  words: ({ words }) => words,
  vjps: [linear((ct, { attributes }) => runningSum(ct, { ...attributes, reverse: !attributes.reverse }))],
  batch: ({ operands, attributes }) => runningSum(operands[0] as Tensor, { ...attributes, axis: attributes.axis + 1 }),
});

/** The sums of all elements up to each one along the axis. */
export function runningSum(x: Tensor, scan: Scan): Tensor {
  return apply1(cumsumOp, x, x.dtype, x.shape, sized(scan, x.shape));
}
