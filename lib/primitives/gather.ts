/**
 * Rows read and rows added: gather and scatterAdd, each the other's transpose; and IndexedSlices, a sparse tensor that
 * scatterAdd makes dense when somebody looks.
 */
import { accumulatorOf, kindOf } from '../base/dtype.js';
import { DTypeError, GradtapeError, ShapeError, show, ValueError, warnOnce } from '../base/errors.js';
import { checkShape, type Lengths, type Shape, shapeOf, showShape, sizeOf } from '../base/shape.js';
import { ensureKnown } from '../engine/evaluate.js';
import { isKnown, isTensor, made, Tensor, uniformTensor } from '../engine/tensor.js';
import { apply2 } from '../op/apply.js';
import { type BatchedCall, Op } from '../op/op.js';
import { asIndices, asTensor } from '../op/operands.js';
import { fromY } from '../op/rules.js';
import type { TensorLike } from '../op/variable.js';
import { isRecording, record2 } from '../record/stack.js';
import { add } from './arithmetic.js';
import { repeatedOperands, reshapeTo } from './movement.js';

/**
 * The attributes of gather and scatterAdd. The kernel sees params [batch, outer, length, inner], indices [batch, count]
 * and a result [batch, outer, count, inner]; a row is the `inner` elements at one index.
 */
export interface Rows {
  readonly sizes: readonly [batch: number, outer: number, length: number, count: number, inner: number];
  /** Whether only whole rows of axis 0 are read, so that the gradient can be IndexedSlices. */
  readonly sparse: boolean;
}

function sizeWords({ sizes }: Rows): readonly number[] {
  return sizes;
}

/** The operands of a call for a batch, all with the batch axis, which joins the rows' own one. */
export function batchedRows<A extends Rows>(call: BatchedCall<A>): [Tensor[], A] {
  const { count, attributes } = call;
  const [batch, ...rest] = attributes.sizes;
  return [repeatedOperands(call), { ...attributes, sizes: [batch * count, ...rest], sparse: false }];
}

const gatherOp = new Op<Rows>('gather', {
  kernel: 'gather',
  words: sizeWords,
  forward: 'linear',
  batch: (call) => {
    const { op, operands, batched, count, shape, attributes } = call;
    const [batch, outer, length, each, inner] = attributes.sizes;
    const [params, indices] = operands as [Tensor, Tensor];
    const target = shapeOf([count, ...shape]);
    // The same rows for all: the indices of the batch are so many more.
    if (!batched[0] && batch === 1 && outer === 1) {
      return gatherRows(
        op.name,
        params,
        indices,
        { sizes: [1, 1, length, each * count, inner], sparse: false },
        target,
      );
    }
    const [[p, i], rows] = batchedRows(call) as [[Tensor, Tensor], Rows];
    return gatherRows(op.name, p, i, rows, target);
  },
  vjps: [
    fromY((ct, indices, e) => {
      const shape = e.shape(0);
      if (!e.attributes.sparse) return scatterRows('scatterAdd', ct, indices, e.attributes, shape);
      const count = indices.size;
      return new IndexedSlices(
        reshapeTo(ct, shapeOf([count, ...shape.slice(1)])),
        reshapeTo(indices, shapeOf([count])),
        shape,
      );
    }),
    null,
  ],
});
const scatterOp = new Op<Rows>('scatterAdd', {
  kernel: 'scatterAdd',
  words: sizeWords,
  forward: 'linear',
  batch: (call) => {
    const [[updates, indices], rows] = batchedRows(call) as [[Tensor, Tensor], Rows];
    return scatterRows(call.op.name, updates, indices, rows, shapeOf([call.count, ...call.shape]));
  },
  vjps: [
    fromY((ct, indices, e) => gatherRows('gather', ct, indices, { ...e.attributes, sparse: false }, e.shape(0))),
    null,
  ],
});
const slicesOp = scatterOp.as('IndexedSlices');

/** gather. `name`: the op in errors; `shape`: of the result. */
export function gatherRows(name: string, params: Tensor, indices: Tensor, rows: Rows, shape: Shape): Tensor {
  checkWhereEmpty(name, indices, rows, shape);
  return apply2(gatherOp.as(name), params, indices, params.dtype, shape, rows);
}

/** scatterAdd: zeros of `shape` with the updates added at the indices. `name`: the op in errors. */
export function scatterRows(name: string, updates: Tensor, indices: Tensor, rows: Rows, shape: Shape): Tensor {
  checkWhereEmpty(name, indices, rows, shape);
  return apply2(scatterOp.as(name), updates, indices, updates.dtype, shape, rows);
}

/**
 * Checks known indices; those that are pending are checked by the kernel.
 * @throws ValueError ERR_INDEX for one out of range
 */
export function checkIndices(op: string, indices: Tensor, length: number, of = ''): void {
  if (!isKnown(indices)) return;
  const { uniform, buffer } = indices;
  const bad = (i: number): ValueError =>
    new ValueError(`${op}: index ${i} is out of range for ${of || 'an axis'} of length ${length}`, 'ERR_INDEX');
  if (uniform !== undefined) {
    if (indices.size > 0 && (uniform < 0 || uniform >= length)) throw bad(uniform);
    return;
  }
  for (const i of buffer?.elements ?? []) if (i < 0 || i >= length) throw bad(i);
}

/**
 * Pending indices as ones that fail when they are computed if one is out of range, for what would not: each reads from zeros, and
 * adds what it reads. Known ones are as they are.
 */
export function checkedLater(op: string, indices: Tensor, length: number): Tensor {
  if (isKnown(indices)) return indices;
  const zeros = uniformTensor(0, 'int32', shapeOf([length]));
  const sizes: Rows['sizes'] = [1, 1, length, indices.size, 1];
  return add(indices, gatherRows(op, zeros, indices, { sizes, sparse: false }, indices.shape));
}

/**
 * Checks the indices of a result without elements, which no kernel computes.
 * @throws ValueError ERR_INDEX for one out of range
 */
export function checkWhereEmpty(op: string, indices: Tensor, { sizes }: Rows, shape: Shape): void {
  if (sizeOf(shape) > 0) return;
  ensureKnown(indices);
  checkIndices(op, indices, sizes[2]);
}

function rowsOf(denseShape: Shape, indices: Tensor): Rows {
  const [length = 0, ...rest] = denseShape;
  return { sizes: [1, 1, length, indices.size, sizeOf(rest)], sparse: true };
}

/**
 * A sparse tensor of shape `denseShape`: `values[k]` in row `indices[k]` of axis 0, zero elsewhere; rows that come
 * twice are added up. It is the gradient of a gather. Every op takes it; its dense elements are computed only if
 * somebody looks.
 */
export class IndexedSlices extends Tensor {
  /** [n, ...denseShape[1:]]; float32, float64 or int32. */
  readonly values: Tensor;
  /** int32 [n]. */
  readonly indices: Tensor;

  /**
   * @throws ShapeError and DTypeError for parts that do not fit; ValueError ERR_INDEX for a known index out of range
   */
  constructor(values: TensorLike, indices: TensorLike, denseShape: number | Lengths) {
    const v = asTensor('IndexedSlices', values, undefined, 'values');
    const i = asIndices('IndexedSlices', indices);
    const shape = checkParts(v, i, checkShape('IndexedSlices', denseShape, 'denseShape'));
    const rows = rowsOf(shape, i);
    super(made, shape, v.dtype, sizeOf(shape), slicesOp, v, i);
    this.attributes = rows;
    this.depth = Math.max(v.depth, i.depth) + 1;
    this.values = v;
    this.indices = i;
    // Recorders are told, but no setting (eager) computes the dense elements at once.
    if (isRecording()) record2(slicesOp, this, v, i, rows);
  }

  /** The same as `shape`. */
  get denseShape(): Shape {
    return this.shape;
  }

  /** The dense tensor: zeros with the values added at the indices. Warns once if it has 1e8 elements or more. */
  toTensor(): Tensor {
    checkReceiver('toTensor', this);
    if (this.size >= 1e8) {
      warnOnce(
        'GRADTAPE_DENSE_SLICES',
        `Converting sparse IndexedSlices to a dense Tensor with ${this.size} elements. This may consume a large amount of memory.`,
      );
    }
    return scatterRows('IndexedSlices', this.values, this.indices, rowsOf(this.shape, this.indices), this.shape);
  }

  override toString(): string {
    checkReceiver('toString', this);
    return `IndexedSlices(values=${this.values}, indices=${this.indices}, denseShape=${showShape(this.shape)})`;
  }
}

function checkParts(values: Tensor, indices: Tensor, shape: Shape): Shape {
  if (kindOf[values.dtype] === 'boolean' || accumulatorOf[values.dtype] !== values.dtype) {
    throw new DTypeError(`IndexedSlices: values must be float32, float64 or int32, got ${values.dtype}`);
  }
  if (indices.rank !== 1 || values.rank === 0 || values.shape[0] !== indices.size) {
    throw new ShapeError(
      `IndexedSlices: expected values of shape [n, ...] and indices of shape [n], got ${showShape(values.shape)} and ${showShape(indices.shape)}`,
    );
  }
  if (shape.length !== values.rank || shape.some((length, d) => d > 0 && length !== values.shape[d])) {
    throw new ShapeError(
      `IndexedSlices: denseShape must be that of values but for axis 0, got ${showShape(shape)} for values of shape ${showShape(values.shape)}`,
    );
  }
  checkIndices('IndexedSlices', indices, shape[0] as number, 'axis 0');
  return shape;
}

function checkReceiver(method: string, receiver: unknown): void {
  if (isTensor(receiver) && receiver instanceof IndexedSlices) return;
  throw new GradtapeError('ERR_RECEIVER', `${method}: not an IndexedSlices: ${show(receiver)}`);
}

/** The dense tensor of a sparse one; any other tensor itself. */
export function densify(g: Tensor): Tensor {
  return g instanceof IndexedSlices ? g.toTensor() : g;
}
