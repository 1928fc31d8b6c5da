/** Boxes: slices, their transpose, concatenation and its transpose. Each gradient rule is another op of this file. */

import type { DType } from '../base/dtype.js';
import type { Shape } from '../base/shape.js';
import { shapeOf } from '../base/shape.js';
import { type Tensor, uniformTensor } from '../engine/tensor.js';
import { apply1, applyMany, applyParts } from '../op/apply.js';
import { type BatchedCall, Op } from '../op/op.js';
import { linear } from '../op/rules.js';
import type { Entry } from '../record/entry.js';
import { isRecording } from '../record/stack.js';
import { identityOf, repeatedOperands, reshapeTo } from './movement.js';

/**
 * A box: along each axis the first element, and the stride to the next. How many there are is the shape of the slice.
 */
export interface Box {
  readonly begin: readonly number[];
  readonly strides: readonly number[];
}

/** The box whose elements are neighbours. */
export function boxAt(begin: readonly number[]): Box {
  return { begin, strides: begin.map(() => 1) };
}

function boxWords({ begin, strides }: Box): number[] {
  const words: number[] = [];
  for (let d = 0; d < begin.length; d++) words.push(begin[d] as number, strides[d] as number);
  return words;
}

/** Whether the box has the elements of axis 0 where they are, given that it has all. */
const hasExamples = ({ attributes: { begin, strides } }: Entry<Box>): boolean => begin[0] === 0 && strides[0] === 1;

/** The box with a whole batch axis before its axes. */
function withBatchAxis({ begin, strides }: Box): Box {
  return { begin: [0, ...begin], strides: [1, ...strides] };
}

const sliceOp = new Op<Box>('slice', {
  kernel: 'slice',
  words: boxWords,
  vjps: [linear((ct, e) => placeBox(ct, e.shape(0), e.attributes))],
  forward: 'linear',
  byExample: hasExamples,
  batch: ({ operands, count, shape, attributes }) =>
    sliceBox(operands[0] as Tensor, shapeOf([count, ...shape]), withBatchAxis(attributes)),
});
const placeOp = new Op<Box>('pad', {
  kernel: 'place',
  words: boxWords,
  vjps: [linear((ct, e) => sliceBox(ct, e.shape(0), e.attributes))],
  forward: 'linear',
  byExample: hasExamples,
  batch: ({ operands, count, shape, attributes }) =>
    placeBox(operands[0] as Tensor, shapeOf([count, ...shape]), withBatchAxis(attributes)),
});

/** slice: the elements of x in the box, as a tensor of this shape. */
export function sliceBox(x: Tensor, shape: Shape, at: Box): Tensor {
  if (x.rank === 0) return identityOf(x);
  if (x.uniform !== undefined && !isRecording()) return uniformTensor(x.uniform, x.dtype, shape);
  return apply1(sliceOp, x, x.dtype, shape, at);
}

/** The transpose of slice: zeros of `shape` with x written into the box. */
export function placeBox(x: Tensor, shape: Shape, at: Box): Tensor {
  return x.rank === 0 ? identityOf(x) : apply1(placeOp, x, x.dtype, shape, at);
}

/** reverse: the elements in reverse order along the axes. */
export function reverseAlong(x: Tensor, ...axes: readonly number[]): Tensor {
  const begin = x.shape.map((length, d) => (axes.includes(d) && length > 0 ? length - 1 : 0));
  return sliceBox(x, x.shape, { begin, strides: x.shape.map((_, d) => (axes.includes(d) ? -1 : 1)) });
}

// ---- concat and split ----

// Each is the other's transpose. As rules of all operands at once (pullAll), so that the time grows with the number of
// parts, not with its square.

/** Attributes: the axis. */
const concatOp = new Op<number>('concat', {
  kernel: 'concat',
  words: (axis) => [axis],
  pullAll: ([ct], e) => {
    const lengths: number[] = [];
    for (let k = 0; k < e.count; k++) lengths.push(e.shape(k)[e.attributes] as number);
    return splitAlong(ct as Tensor, lengths, e.attributes);
  },
  batch: (call) => concatAlong(repeatedOperands(call), call.attributes + 1),
  forward: 'linear',
  byExample: ({ attributes: axis }) => axis !== 0,
});
const splitOp = new Op<Parts>('split', {
  pullAll: (cts, e) => [concatAlong(cts as readonly Tensor[], e.attributes.axis)],
  batch: ({ operands, attributes: { lengths, axis } }) => splitAlong(operands[0] as Tensor, lengths, axis + 1),
  forward: ([t], e) => splitAlong(t as Tensor, e.attributes.lengths, e.attributes.axis),
  byExample: ({ attributes: { axis } }) => axis !== 0,
});
interface Parts {
  readonly lengths: readonly number[];
  readonly axis: number;
}
const partOp = new Op<Box>('split', { kernel: 'slice', words: boxWords });

/** concat: tensors one after the other along an axis; of one dtype, and of one shape but for that axis. */
export function concatAlong(tensors: readonly Tensor[], axis: number): Tensor {
  const { dtype, shape } = tensors[0] as Tensor;
  const length = tensors.reduce((sum, t) => sum + (t.shape[axis] as number), 0);
  return applyMany(concatOp, tensors, dtype, shapeOf(shape.map((n, d) => (d === axis ? length : n))), axis);
}

/** split: the parts of these lengths along an axis, as the results of one op. */
export function splitAlong(x: Tensor, lengths: readonly number[], axis: number): Tensor[] {
  const strides = x.shape.map(() => 1);
  let start = 0;
  const parts = lengths.map((length) => {
    const begin = x.shape.map((_, d) => (d === axis ? start : 0));
    start += length;
    const shape: Shape = shapeOf(x.shape.map((n, d) => (d === axis ? length : n)));
    return { dtype: x.dtype as DType, shape, attributes: { begin, strides } };
  });
  const { uniform } = x;
  if (uniform !== undefined && !isRecording()) return parts.map(({ shape }) => uniformTensor(uniform, x.dtype, shape));
  return applyParts(splitOp, x, { lengths, axis }, partOp, parts);
}

/** The batch rule of an op that knows no better: f of the operands of each element, one after the other. */
export function oneByOne<A>({ operands, batched, count }: BatchedCall<A>, f: (operands: Tensor[]) => Tensor): Tensor {
  const results = Array.from({ length: count }, (_, i) => {
    const own = operands.map((t, k) => {
      if (!batched[k]) return t;
      const [, ...shape] = t.shape;
      const at = boxAt(t.shape.map((_, d) => (d === 0 ? i : 0)));
      return reshapeTo(sliceBox(t, shapeOf([1, ...shape]), at), shapeOf(shape));
    });
    const result = f(own);
    return reshapeTo(result, shapeOf([1, ...result.shape]));
  });
  return concatAlong(results, 0);
}
