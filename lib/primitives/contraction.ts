/**
 * Contractions: sums of products of two tensors whose axes have labels, as in einsum; computed by one matmul, or
 * element by element where nothing is summed.
 */
import { guardShape, type Shape, shapeOf, sizeOf } from '../base/shape.js';
import type { Tensor } from '../engine/tensor.js';
import { applyComposed } from '../op/apply.js';
import { Op } from '../op/op.js';
import { fromX, fromY } from '../op/rules.js';
import { mul } from './arithmetic.js';
import { sliceBox } from './box.js';
import { matmulOf } from './matmul.js';
import { reshapeTo, sumOver, transposeBy } from './movement.js';

/** A label for each axis of a tensor. Axes with one label have one length. */
export type Labels = readonly number[];

/**
 * The labels of both operands and of the result, none twice in one of them. A label of one operand only is one of the
 * result too; what both operands have and the result has not is summed over.
 */
export interface Contraction {
  readonly x: Labels;
  readonly y: Labels;
  readonly out: Labels;
}

// Of sum x y the cotangent of x is sum ct y, over the labels that x has not.
const contractOp = new Op<Contraction>('einsum', {
  vjps: [
    fromY((ct, y, { attributes: a }) => contract('einsum', ct, y, { x: a.out, y: a.y, out: a.x })),
    fromX((ct, x, { attributes: a }) => contract('einsum', x, ct, { x: a.x, y: a.out, out: a.y })),
  ],
  batch: ({ op, operands, batched, attributes: { x, y, out } }) => {
    const label = Math.max(-1, ...x, ...y) + 1;
    const [xs, ys] = [x, y].map((labels, k) => (batched[k] ? [label, ...labels] : labels)) as [Labels, Labels];
    return contract(op.name, operands[0] as Tensor, operands[1] as Tensor, { x: xs, y: ys, out: [label, ...out] });
  },
});

/** The contraction of x and y. `name`: the op in errors. */
export function contract(name: string, x: Tensor, y: Tensor, labels: Contraction): Tensor {
  return applyComposed(contractOp.as(name), [x, y], labels, () => contracted(x, y, labels));
}

function contracted(x: Tensor, y: Tensor, labels: Contraction): Tensor {
  const { out } = labels;
  const summed = labels.x.filter((label) => !out.includes(label));
  if (summed.length === 0) return mul(spread(x, labels.x, out), spread(y, labels.y, out));
  const left = out.filter((label) => !labels.y.includes(label));
  const right = out.filter((label) => !labels.x.includes(label));
  if (left.length === 0 && right.length === 0) {
    const product = mul(x, ordered(y, labels.y, labels.x));
    const axes = summed.map((label) => labels.x.indexOf(label));
    return ordered(
      sumOver(product, axes, false),
      labels.x.filter((label) => out.includes(label)),
      out,
    );
  }
  const swap = left.length > 0 && right.length > 0 && out.indexOf(right[0] as number) < out.indexOf(left[0] as number);
  return swap ? multiplied(y, x, { x: labels.y, y: labels.x, out }) : multiplied(x, y, labels);
}

/** The tensor with its axes in another order. */
export function ordered(t: Tensor, labels: Labels, order: Labels): Tensor {
  return labels.every((label, d) => label === order[d])
    ? t
    : transposeBy(
        t,
        order.map((label) => labels.indexOf(label)),
      );
}

/** The tensor with all axes of the result, those that it has not with length 1. */
function spread(t: Tensor, labels: Labels, out: Labels): Tensor {
  const own = out.filter((label) => labels.includes(label));
  const turned = ordered(t, labels, own);
  if (own.length === out.length || own.length === 0) return turned;
  const shape = out.map((label) => (own.includes(label) ? (turned.shape[own.indexOf(label)] as number) : 1));
  return reshapeTo(turned, shapeOf(shape));
}

/** The order of labels in which operands become matrices. */
interface Groups {
  readonly batch: Labels;
  readonly left: Labels;
  readonly summed: Labels;
  readonly right: Labels;
}

/** The contraction as one product of matrices [batch, left, summed] [batch, summed, right]. */
function multiplied(x: Tensor, y: Tensor, labels: Contraction): Tensor {
  const groups = groupsOf(x, y, labels);
  const { batch, left, summed, right } = groups;
  const [a, ta] = matrices(x, labels.x, batch, left, summed);
  const [b, tb] = matrices(y, labels.y, batch, summed, right);
  const lengths = (names: Labels, t: Tensor, own: Labels): number[] =>
    names.map((label) => t.shape[own.indexOf(label)] as number);
  const shape = [...lengths(batch, x, labels.x), ...lengths(left, x, labels.x), ...lengths(right, y, labels.y)];
  const product = matmulOf(a, b, ta, tb);
  const whole = left.length === 1 && right.length === 1 ? product : reshapeTo(product, shapeOf(shape));
  return ordered(whole, [...batch, ...left, ...right], labels.out);
}

/** The order of labels for which the fewest elements are moved. */
function groupsOf(x: Tensor, y: Tensor, labels: Contraction): Groups {
  const { out } = labels;
  const both = (of: Labels): Labels => of.filter((label) => labels.x.includes(label) && labels.y.includes(label));
  const outSize = sizeOf(out.map((label) => lengthOf(label, x, y, labels)));
  let best: Groups | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (const batch of [both(out), both(labels.x).filter((label) => out.includes(label))]) {
    for (const left of [out, labels.x].map((of) => of.filter((l) => out.includes(l) && !labels.y.includes(l)))) {
      for (const right of [out, labels.y].map((of) => of.filter((l) => out.includes(l) && !labels.x.includes(l)))) {
        for (const summed of [labels.x, labels.y].map((of) => of.filter((label) => !out.includes(label)))) {
          const moved =
            (isMatrices(labels.x, batch, left, summed) ? 0 : x.size) +
            (isMatrices(labels.y, batch, summed, right) ? 0 : y.size) +
            ([...batch, ...left, ...right].every((label, d) => label === out[d]) ? 0 : outSize);
          if (moved >= least) continue;
          best = { batch, left, summed, right };
          least = moved;
          if (moved === 0) return best;
        }
      }
    }
  }
  return best as Groups;
}

function lengthOf(label: number, x: Tensor, y: Tensor, labels: Contraction): number {
  const d = labels.x.indexOf(label);
  return (d < 0 ? y.shape[labels.y.indexOf(label)] : x.shape[d]) as number;
}

/** Whether the labels are those of matrices [batch, rows, columns], or of their transposes. */
function isMatrices(labels: Labels, batch: Labels, rows: Labels, columns: Labels): boolean {
  return [
    [...batch, ...rows, ...columns],
    [...batch, ...columns, ...rows],
  ].some((order) => order.every((label, d) => label === labels[d]));
}

/** The tensor as matrices [batch, rows, columns], and whether they are the transposes of that. */
function matrices(t: Tensor, labels: Labels, batch: Labels, rows: Labels, columns: Labels): [Tensor, boolean] {
  const plain = [...batch, ...rows, ...columns];
  const turned = [...batch, ...columns, ...rows];
  // If neither is as it stands, the one that leaves the last axis last is moved in longer pieces.
  const transposed =
    turned.every((label, d) => label === labels[d]) ||
    (plain.some((label, d) => label !== labels[d]) && turned[turned.length - 1] === labels[labels.length - 1]);
  const [first, second] = transposed ? [columns, rows] : [rows, columns];
  const moved = ordered(t, labels, transposed ? turned : plain);
  if (first.length === 1 && second.length === 1) return [moved, transposed];
  const at = batch.length;
  const shape = [
    ...moved.shape.slice(0, at),
    sizeOf(moved.shape.slice(at, at + first.length)),
    sizeOf(moved.shape.slice(at + first.length)),
  ];
  return [reshapeTo(moved, guardShape('einsum', shape)), transposed];
}

/**
 * The tensor without what its labels repeat (of such axes only the diagonal is left) and without those that `kept` has
 * not, over which it is summed; and its labels then.
 */
export function reduced(name: string, t: Tensor, labels: Labels, kept: Labels): [Tensor, Labels] {
  let [x, own] = [t, labels];
  for (;;) {
    const second = own.findIndex((label, d) => own.indexOf(label) !== d);
    if (second < 0) break;
    [x, own] = diagonal(name, x, own, own.indexOf(own[second] as number), second);
  }
  const axes = [...own.keys()].filter((d) => !kept.includes(own[d] as number));
  if (axes.length === 0) return [x, own];
  return [sumOver(x, axes, false), own.filter((label) => kept.includes(label))];
}

/** The diagonal of two axes of one length, as the last axis: every (n + 1)th element of the n x n matrices. */
function diagonal(name: string, x: Tensor, labels: Labels, a: number, b: number): [Tensor, Labels] {
  const rest = [...labels.keys()].filter((d) => d !== a && d !== b);
  const n = x.shape[a] as number;
  const head = rest.map((d) => x.shape[d] as number);
  const flat = reshapeTo(transposeBy(x, [...rest, a, b]), guardShape(name, [...head, n * n]));
  const shape: Shape = shapeOf([...head, n]);
  const box = { begin: shape.map(() => 0), strides: [...rest.map(() => 1), n + 1] };
  return [sliceBox(flat, shape, box), [...rest.map((d) => labels[d] as number), labels[a] as number]];
}
