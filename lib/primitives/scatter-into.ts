/** scatterInto: a tensor with rows of updates combined into it, in the order of the updates. */
import { shapeOf } from '../base/shape.js';
import { type Tensor, uniformTensor } from '../engine/tensor.js';
import { applyMany } from '../op/apply.js';
import { Op } from '../op/op.js';
import { fromOperands, linear } from '../op/rules.js';
import { type Entry, keep, type Vjp } from '../record/entry.js';
import { add, div, mul, neg } from './arithmetic.js';
import { equal } from './compare.js';
import { batchedRows, checkWhereEmpty, gatherRows, type Rows, scatterRows } from './gather.js';
import { iota } from './iota.js';
import { broadcast, castTo, reshapeTo } from './movement.js';
import { select } from './select.js';

/**
 * What becomes of a row and an update for it: the update, their sum or difference, the larger or smaller of both, or
 * their product.
 */
export type Combination = 'update' | 'add' | 'sub' | 'max' | 'min' | 'mul';

/** `number`: the way, as the kernel knows it. `vjps`: of the tensor and of the updates. */
function combining(number: number, vjps: readonly (Vjp<Rows> | null)[]): Op<Rows> {
  return new Op<Rows>('scatterInto', {
    kernel: 'scatterInto',
    words: ({ sizes }) => [...sizes, number],
    vjps: [...vjps, null],
    batch: (call) => {
      const [[tensor, updates, indices], rows] = batchedRows(call) as [[Tensor, Tensor, Tensor], Rows];
      return applyMany(call.op, [tensor, updates, indices], call.dtype, shapeOf([call.count, ...call.shape]), rows);
    },
  });
}

/** The rows of the cotangent that the updates went to. */
function pulled(ct: Tensor, indices: Tensor, e: Entry<Rows>): Tensor {
  return gatherRows('gather', ct, indices, e.attributes, e.shape(1));
}

/** Whether an update is the last one for its row, of the shape of indices. */
function isLast(indices: Tensor, { sizes: [batch, , length, count] }: Rows): Tensor {
  const places = broadcast(iota(count), shapeOf([batch, count]));
  const sizes: Rows['sizes'] = [batch, 1, length, count, 1];
  const untouched = uniformTensor(0, 'int32', shapeOf([batch, length]));
  const last = scatterInto('update', 'update', untouched, places, indices, { sizes, sparse: false });
  return equal(gatherRows('gather', last, indices, { sizes, sparse: false }, places.shape), places);
}

// An update that a later one replaces gets no gradient.
const update = combining(0, [
  fromOperands([2], (ct, [indices], e) =>
    scatterInto('update', 'update', ct, uniformTensor(0, ct.dtype, e.shape(1)), indices as Tensor, e.attributes),
  ),
  fromOperands([2], (ct, [indices], e) => {
    const [batch, outer, , count, inner] = e.attributes.sizes;
    const rows = reshapeTo(pulled(ct, indices as Tensor, e), shapeOf([batch, outer, count, inner]));
    const last = reshapeTo(isLast(indices as Tensor, e.attributes), shapeOf([batch, 1, count, 1]));
    return reshapeTo(select(last, rows, 0), e.shape(1));
  }),
]);

const sum = combining(1, [
  linear((ct) => ct),
  fromOperands([2], (ct, [indices], e) => pulled(ct, indices as Tensor, e)),
]);
const difference = combining(2, [
  linear((ct) => ct),
  fromOperands([2], (ct, [indices], e) => neg(pulled(ct, indices as Tensor, e))),
]);

// Of an extreme all elements that attain it, the tensor's own and updates, share the cotangent equally.
const everything = keep.x | keep.y | 4 | keep.out;
const extreme: readonly [Vjp<Rows>, Vjp<Rows>] = [
  {
    needs: everything,
    pull: (ct, e) => {
      const { count, own } = attaining(e);
      return mul(div(ct, count), own);
    },
  },
  {
    needs: everything,
    pull: (ct, e) => {
      const { count, updates } = attaining(e);
      return mul(pulled(div(ct, count), e.kept(2), e), updates);
    },
  },
];

/** Which elements of the tensor and of the updates attain the extremes, as 1 and 0; and how many there are for each. */
function attaining(e: Entry<Rows>): { count: Tensor; own: Tensor; updates: Tensor } {
  const out = e.out as Tensor;
  const own = castTo(equal(e.kept(0), out), out.dtype);
  const attained = pulled(out, e.kept(2), e);
  const updates = castTo(equal(e.kept(1), attained), out.dtype);
  const count = add(own, scatterRows('scatterAdd', updates, e.kept(2), e.attributes, out.shape));
  return { count, own, updates };
}

const ops: Readonly<Record<Combination, Op<Rows>>> = {
  update,
  add: sum,
  sub: difference,
  max: combining(3, extreme),
  min: combining(4, extreme),
  mul: combining(5, [null, null]), // of assignments only, through which no gradient flows
};

/**
 * scatterInto: the tensor with the updates combined into the rows at the indices. The kernel sees tensor [batch, outer,
 * length, inner], updates [batch, outer, count, inner] and indices [batch, count]. `name`: the op in errors.
 */
export function scatterInto(
  name: string,
  way: Combination,
  tensor: Tensor,
  updates: Tensor,
  indices: Tensor,
  rows: Rows,
): Tensor {
  checkWhereEmpty(name, indices, rows, tensor.shape);
  return applyMany(ops[way].as(name), [tensor, updates, indices], tensor.dtype, tensor.shape, rows);
}
