/** Boxes: slices, their transpose, joining and dividing along an axis. Each rule is another op of this file. */
import type { DType } from '../base/dtype.js';
import type { Shape } from '../base/shape.js';
import { type Tensor, uniformTensor } from '../engine/tensor.js';
import { apply1, applyMany, applyParts } from '../op/apply.js';
import { Op } from '../op/op.js';
import { linear } from '../op/rules.js';
import { isRecording } from '../record/stack.js';
import { same, spread } from './movement.js';

/** Which elements along each axis: the first, and the step to the next. How many is said by the shape of the box. */
export interface Box {
  readonly begin: readonly number[];
  readonly step: readonly number[];
}

function boxWords({ begin, step }: Box): number[] {
  return begin.flatMap((b, d) => [b, step[d] as number]);
}

/** The same box with a whole axis before the others. */
function behindBatch({ begin, step }: Box): Box {
  return { begin: [0, ...begin], step: [1, ...step] };
}

const sliceOp = new Op<Box>('slice', {
  kernel: 'slice',
  words: boxWords,
  vjps: [linear((ct, e) => place(ct, e.shape(0), e.attributes))],
  batch: ({ operands, count, shape, attributes }) =>
    box(operands[0] as Tensor, Object.freeze([count, ...shape]), behindBatch(attributes)),
});
const placeOp = new Op<Box>('pad', {
  kernel: 'place',
  words: boxWords,
  vjps: [linear((ct, e) => box(ct, e.shape(0), e.attributes))],
  batch: ({ operands, count, shape, attributes }) =>
    place(operands[0] as Tensor, Object.freeze([count, ...shape]), behindBatch(attributes)),
});

/** The elements of x in the box, of this shape. */
export function box(x: Tensor, shape: Shape, at: Box): Tensor {
  if (x.rank === 0) return same(x);
  if (x.uniform !== undefined && !isRecording()) return uniformTensor(x.uniform, x.dtype, shape);
  return apply1(sliceOp, x, x.dtype, shape, at);
}

/** Zeros of `shape` with x written into the box. */
export function place(x: Tensor, shape: Shape, at: Box): Tensor {
  return x.rank === 0 ? same(x) : apply1(placeOp, x, x.dtype, shape, at);
}

/** Elements in reverse order along the axes. */
export function flipped(x: Tensor, ...axes: readonly number[]): Tensor {
  const begin = x.shape.map((length, d) => (axes.includes(d) && length > 0 ? length - 1 : 0));
  return box(x, x.shape, { begin, step: x.shape.map((_, d) => (axes.includes(d) ? -1 : 1)) });
}

// ---- joining and dividing ----

// Each is the other's transpose. All parts come at once, in time that grows with their number and not with its square.

/** Attributes: the axis. */
const concatOp = new Op<number>('concat', {
  kernel: 'concat',
  words: (axis) => [axis],
  pullAll: ([ct], e) => {
    const lengths: number[] = [];
    for (let k = 0; k < e.count; k++) lengths.push(e.shape(k)[e.attributes] as number);
    return divided(ct as Tensor, lengths, e.attributes);
  },
  batch: ({ operands, batched, count, attributes }) =>
    joined(
      operands.map((t, k) => (batched[k] ? t : spread(t, Object.freeze([count, ...t.shape])))),
      attributes + 1,
    ),
});
/** Attributes: the axis. */
const splitOp = new Op<number>('split', {
  pullAll: (cts, e) => [joined(cts as readonly Tensor[], e.attributes)],
});
const partOp = new Op<Box>('split', { kernel: 'slice', words: boxWords });

/** Tensors of one dtype, and of one shape but for the axis, one after the other along it. */
export function joined(tensors: readonly Tensor[], axis: number): Tensor {
  const { dtype, shape } = tensors[0] as Tensor;
  const length = tensors.reduce((sum, t) => sum + (t.shape[axis] as number), 0);
  return applyMany(concatOp, tensors, dtype, Object.freeze(shape.map((n, d) => (d === axis ? length : n))), axis);
}

/** The parts of these lengths along an axis, as the results of one op. */
export function divided(x: Tensor, lengths: readonly number[], axis: number): Tensor[] {
  const step = x.shape.map(() => 1);
  let start = 0;
  const parts = lengths.map((length) => {
    const begin = x.shape.map((_, d) => (d === axis ? start : 0));
    start += length;
    const shape: Shape = Object.freeze(x.shape.map((n, d) => (d === axis ? length : n)));
    return { dtype: x.dtype as DType, shape, attributes: { begin, step } };
  });
  const { uniform } = x;
  if (uniform !== undefined && !isRecording()) return parts.map(({ shape }) => uniformTensor(uniform, x.dtype, shape));
  return applyParts(splitOp, x, axis, partOp, parts);
}
