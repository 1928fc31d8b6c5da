/**
 * Contractions: sums of products of two tensors whose axes have labels, as in einsum; computed by one matmul, or
 * element by element where nothing is summed.
 */
import { guardShape, type Shape, sameShape, shapeOf, sizeOf } from '../base/shape.js';
import type { Tensor } from '../engine/tensor.js';
import { applyComposed } from '../op/apply.js';
import { Op } from '../op/op.js';
import { fromX, fromY } from '../op/rules.js';
import { add, mul } from './arithmetic.js';
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
    fromY((ct, y, { attributes }) => contract('einsum', ct, y, pulledBack(attributes).x)),
    fromX((ct, x, { attributes }) => contract('einsum', x, ct, pulledBack(attributes).y)),
  ],
  forward: ([tx, ty], { x, y, attributes }) => {
    const ofX = tx ? contract('einsum', tx, y as Tensor, attributes) : null;
    const ofY = ty ? contract('einsum', x as Tensor, ty, attributes) : null;
    return [ofX && ofY ? add(ofX, ofY) : (ofX ?? ofY)];
  },
  byExample: ({ attributes: { x, y, out } }, k) => (k === 0 ? x : y)[0] === out[0],
  batch: ({ op, operands, batched, attributes: { x, y, out } }) => {
    const label = Math.max(-1, ...x, ...y) + 1;
    const [xs, ys] = [x, y].map((labels, k) => (batched[k] ? [label, ...labels] : labels)) as [Labels, Labels];
    return contract(op.name, operands[0] as Tensor, operands[1] as Tensor, { x: xs, y: ys, out: [label, ...out] });
  },
});

interface Pulled {
  /** Of the cotangent and y, to that of x. */
  readonly x: Contraction;
  /** Of x and the cotangent, to that of y. */
  readonly y: Contraction;
}
const pulled = new WeakMap<Contraction, Pulled>();

/** The contractions that are a contraction's gradient; the same objects again, so that their layouts are known. */
function pulledBack(labels: Contraction): Pulled {
  let known = pulled.get(labels);
  if (!known) {
    const { x, y, out } = labels;
    known = { x: { x: out, y, out: x }, y: { x, y: out, out: y } };
    pulled.set(labels, known);
  }
  return known;
}

/** The contraction of x and y. `name`: the op in errors. */
export function contract(name: string, x: Tensor, y: Tensor, labels: Contraction): Tensor {
  return applyComposed(contractOp.as(name), [x, y], labels, () => {
    const layout = layoutOf(x, y, labels);
    const [first, second] = layout.swap ? [y, x] : [x, y];
    const product = multiplied(turned(first, layout.a), turned(second, layout.b), layout.by);
    const { shape, perm } = layout.result;
    const whole = shape ? reshapeTo(product, shape) : product;
    return perm ? transposeBy(whole, perm) : whole;
  });
}

// ---- layouts ----

/** Axes in another order, and then another shape; null: as they are. */
interface Turn {
  readonly perm: readonly number[] | null;
  readonly shape: Shape | null;
}

/** How two tensors are multiplied: element by element, summed over these axes or none; or as matrices. */
type Multiplication = { readonly axes: readonly number[] } | { readonly ta: boolean; readonly tb: boolean };

/** How a contraction of tensors of these shapes is computed. */
interface Layout {
  readonly x: Shape;
  readonly y: Shape;
  /** Whether y is the first factor. */
  readonly swap: boolean;
  readonly a: Turn;
  readonly b: Turn;
  readonly by: Multiplication;
  /** From the product to the result: first the shape, then the order of axes. */
  readonly result: Turn;
}
const layouts = new WeakMap<Contraction, Layout>();

function layoutOf(x: Tensor, y: Tensor, labels: Contraction): Layout {
  const known = layouts.get(labels);
  if (known && sameShape(known.x, x.shape) && sameShape(known.y, y.shape)) return known;
  const layout = makeLayout(x.shape, y.shape, labels);
  layouts.set(labels, layout);
  return layout;
}

function turned(t: Tensor, { perm, shape }: Turn): Tensor {
  const moved = perm ? transposeBy(t, perm) : t;
  return shape ? reshapeTo(moved, shape) : moved;
}

function multiplied(a: Tensor, b: Tensor, by: Multiplication): Tensor {
  if ('ta' in by) return matmulOf(a, b, by.ta, by.tb);
  return by.axes.length > 0 ? sumOver(mul(a, b), by.axes, false) : mul(a, b);
}

const asItIs: Turn = { perm: null, shape: null };

function makeLayout(x: Shape, y: Shape, labels: Contraction): Layout {
  const { out } = labels;
  const summed = labels.x.filter((label) => !out.includes(label));
  if (summed.length === 0) {
    const [a, b] = [spread(x, labels.x, out), spread(y, labels.y, out)];
    return { x, y, swap: false, a, b, by: { axes: [] }, result: asItIs };
  }
  const left = out.filter((label) => !labels.y.includes(label));
  const right = out.filter((label) => !labels.x.includes(label));
  if (left.length === 0 && right.length === 0) {
    const kept = labels.x.filter((label) => out.includes(label));
    return {
      x,
      y,
      swap: false,
      a: asItIs,
      b: { perm: permOf(labels.y, labels.x), shape: null },
      by: { axes: summed.map((label) => labels.x.indexOf(label)) },
      result: { perm: permOf(kept, out), shape: null },
    };
  }
  const swap = left.length > 0 && right.length > 0 && out.indexOf(right[0] as number) < out.indexOf(left[0] as number);
  const product = swap ? matricesOf(y, x, { x: labels.y, y: labels.x, out }) : matricesOf(x, y, labels);
  return { x, y, swap, ...product };
}

/** The order of axes that makes labels stand as `order`; null if they do. */
function permOf(labels: Labels, order: Labels): readonly number[] | null {
  return startsWith(labels, order) ? null : order.map((label) => labels.indexOf(label));
}

function startsWith(labels: Labels, order: Labels): boolean {
  return order.every((label, d) => label === labels[d]);
}

/** The tensor with its axes in the order of labels. */
export function ordered(t: Tensor, labels: Labels, order: Labels): Tensor {
  const perm = permOf(labels, order);
  return perm ? transposeBy(t, perm) : t;
}

/** To all axes of the result, those that the operand has not with length 1. */
function spread(shape: Shape, labels: Labels, out: Labels): Turn {
  const own = out.filter((label) => labels.includes(label));
  const perm = permOf(labels, own);
  if (own.length === out.length || own.length === 0) return { perm, shape: null };
  return { perm, shape: shapeOf(out.map((label) => (own.includes(label) ? lengthIn(shape, labels, label) : 1))) };
}

function lengthIn(shape: Shape, labels: Labels, label: number): number {
  return shape[labels.indexOf(label)] as number;
}

/** The order of labels in which operands become matrices. */
interface Groups {
  readonly batch: Labels;
  readonly left: Labels;
  readonly summed: Labels;
  readonly right: Labels;
}

/** The contraction as one product of matrices [batch, left, summed] [batch, summed, right]. */
function matricesOf(x: Shape, y: Shape, labels: Contraction): Pick<Layout, 'a' | 'b' | 'by' | 'result'> {
  const { batch, left, summed, right } = groupsOf(x, y, labels);
  const [a, ta] = matrices(x, labels.x, batch, left, summed);
  const [b, tb] = matrices(y, labels.y, batch, summed, right);
  const product = [...batch, ...left, ...right];
  const shape = product.map((label) =>
    labels.x.includes(label) ? lengthIn(x, labels.x, label) : lengthIn(y, labels.y, label),
  );
  const fits = left.length === 1 && right.length === 1;
  const result = { shape: fits ? null : shapeOf(shape), perm: permOf(product, labels.out) };
  return { a, b, by: { ta, tb }, result };
}

/** The order of labels for which the fewest elements are moved. */
function groupsOf(x: Shape, y: Shape, labels: Contraction): Groups {
  const { out } = labels;
  const inX = (label: number): boolean => labels.x.includes(label);
  const inY = (label: number): boolean => labels.y.includes(label);
  const inOut = (label: number): boolean => out.includes(label);
  const lengths = out.map((label) => (inX(label) ? lengthIn(x, labels.x, label) : lengthIn(y, labels.y, label)));
  const [xSize, ySize, outSize] = [sizeOf(x), sizeOf(y), sizeOf(lengths)];
  let best: Groups | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (const batch of [out, labels.x].map((of) => of.filter((label) => inOut(label) && inX(label) && inY(label)))) {
    for (const left of [out, labels.x].map((of) => of.filter((label) => inOut(label) && !inY(label)))) {
      for (const right of [out, labels.y].map((of) => of.filter((label) => inOut(label) && !inX(label)))) {
        for (const summed of [labels.x, labels.y].map((of) => of.filter((label) => !inOut(label)))) {
          const moved =
            (isMatrices(labels.x, batch, left, summed) ? 0 : xSize) +
            (isMatrices(labels.y, batch, summed, right) ? 0 : ySize) +
            (startsWith(out, [...batch, ...left, ...right]) ? 0 : outSize);
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

/** Whether the labels are those of matrices [batch, rows, columns], or of their transposes. */
function isMatrices(labels: Labels, batch: Labels, rows: Labels, columns: Labels): boolean {
  return startsWith(labels, [...batch, ...rows, ...columns]) || startsWith(labels, [...batch, ...columns, ...rows]);
}

/** To matrices [batch, rows, columns], and whether they are the transposes of that. */
function matrices(shape: Shape, labels: Labels, batch: Labels, rows: Labels, columns: Labels): [Turn, boolean] {
  const plain = [...batch, ...rows, ...columns];
  const transposes = [...batch, ...columns, ...rows];
  // If neither is as it stands, the one that leaves the last axis last is moved in longer pieces.
  const transposed =
    startsWith(labels, transposes) || (!startsWith(labels, plain) && transposes.at(-1) === labels.at(-1));
  const perm = permOf(labels, transposed ? transposes : plain);
  if (rows.length === 1 && columns.length === 1) return [{ perm, shape: null }, transposed];
  const [first, second] = (transposed ? [columns, rows] : [rows, columns]) as [Labels, Labels];
  const product = (group: Labels): number => sizeOf(group.map((label) => lengthIn(shape, labels, label)));
  const lengths = [...batch.map((label) => lengthIn(shape, labels, label)), product(first), product(second)];
  return [{ perm, shape: guardShape('einsum', lengths) }, transposed];
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
