/** Diagonals of matrices (the last two axes), read and put in their places; and masks of bands. */
import { type Shape, scalarShape, shapeOf, sizeOf } from '../base/shape.js';
import { type Tensor, uniformTensor } from '../engine/tensor.js';
import { asIndices } from '../op/operands.js';
import { sub } from './arithmetic.js';
import { type Box, placeBox, sliceBox } from './box.js';
import { greaterEqual, lessEqual, logicalAnd } from './compare.js';
import { gatherRows } from './gather.js';
import { iota } from './iota.js';
import { accumulated, connect, reshapeTo, sumOver } from './movement.js';
import { select } from './select.js';

/**
 * Neighbouring diagonals of a matrix. Diagonal k has the elements [row, row + k]. `leftAbove`, `leftBelow`: whether
 * those above and below the main one, where several are kept as rows of one length, start at the left end of these.
 */
export interface Band {
  readonly lower: number;
  readonly upper: number;
  readonly leftAbove: boolean;
  readonly leftBelow: boolean;
}

/** One diagonal. */
export function diagonalAt(k: number): Band {
  return { lower: k, upper: k, leftAbove: true, leftBelow: true };
}

/** How many elements diagonal k of a matrix has. */
function lengthOf(k: number, rows: number, columns: number): number {
  return Math.max(0, Math.min(rows + Math.min(k, 0), columns - Math.max(k, 0)));
}

/** The number of elements of the longest diagonal. */
export function longest({ lower, upper }: Band, rows: number, columns: number): number {
  return Math.max(0, Math.min(rows + Math.min(upper, 0), columns - Math.max(lower, 0)));
}

function lastTwo({ shape }: Tensor): [rows: number, columns: number] {
  return [shape[shape.length - 2] as number, shape[shape.length - 1] as number];
}

/** Whether element [row, column] has lower <= column - row <= upper; an end that is infinite is none. */
export function inBand(rows: number, columns: number, lower: number, upper: number): Tensor {
  const k = sub(iota(columns), reshapeTo(iota(rows), shapeOf([rows, 1])));
  if (upper >= columns) return greaterEqual(k, Math.max(lower, -rows));
  if (lower <= -rows) return lessEqual(k, upper);
  return logicalAnd(greaterEqual(k, lower), lessEqual(k, upper));
}

/** The matrices with zeros outside of the band, also in place of NaN. */
export function bandOf(x: Tensor, lower: number, upper: number): Tensor {
  return select(inBand(...lastTwo(x), lower, upper), x, beside(x, 0));
}

/** A diagonal as a box of the matrices whose last two axes are one. */
function boxOf(k: number, columns: number, leading: readonly number[]): Box {
  return {
    begin: [...leading.map(() => 0), k >= 0 ? k : -k * columns],
    strides: [...leading.map(() => 1), columns + 1],
  };
}

/** Of the elements of diagonals kept as rows [upper, ..., lower]: where in the matrix each comes from; -1: nowhere. */
function places(band: Band, rows: number, columns: number): Int32Array {
  const most = longest(band, rows, columns);
  const count = band.upper - band.lower + 1;
  const list = new Int32Array(count * most).fill(-1);
  for (let d = 0; d < count; d++) {
    const k = band.upper - d;
    const length = lengthOf(k, rows, columns);
    const left = k > 0 ? band.leftAbove : band.leftBelow; // the main one, where it is, is as long as the longest
    const start = d * most + (left ? 0 : most - length);
    const first = k >= 0 ? k : -k * columns;
    for (let i = 0; i < length; i++) list[start + i] = first + i * (columns + 1);
  }
  return list;
}

/** Of x, whose last axis is `from`, the elements at the indices, in their shape; `otherwise` where an index is -1. */
function pick(op: string, x: Tensor, indices: Int32Array, shape: Shape, otherwise: Tensor | number): Tensor {
  const leading = x.shape.slice(0, -1);
  const target = shapeOf([...leading, ...shape]);
  const sizes = [1, sizeOf(leading), x.shape[leading.length] as number, indices.length, 1] as const;
  const none = indices.includes(-1);
  const at = asIndices(op, none ? indices.map((i) => Math.max(i, 0)) : indices);
  const found = gatherRows(op, x, at, { sizes, sparse: false }, target);
  if (!none) return found;
  const there = asIndices(
    op,
    indices.map((i) => Number(i >= 0)),
  );
  return select(reshapeTo(greaterEqual(there, 1), shape), found, otherwise);
}

/** A number as an element beside x, which may be bool. */
function beside(x: Tensor, value: number): Tensor {
  return uniformTensor(value, x.dtype, scalarShape);
}

/**
 * diagPart: of matrices [.., rows, columns] one diagonal [.., length], or several as rows [.., count, length of the
 * longest], the highest first, filled up with `padding`.
 */
export function diagPartOf(op: string, x: Tensor, band: Band, padding: number): Tensor {
  const [rows, columns] = lastTwo(x);
  const leading = x.shape.slice(0, -2);
  const most = longest(band, rows, columns);
  const flat = reshapeTo(x, shapeOf([...leading, rows * columns]));
  if (band.lower === band.upper) {
    return sliceBox(flat, shapeOf([...leading, most]), boxOf(band.lower, columns, leading));
  }
  const shape = shapeOf([band.upper - band.lower + 1, most]);
  return pick(op, flat, places(band, rows, columns), shape, beside(x, padding));
}

/** The trace of square or other matrices: the sum of the main diagonal. */
export function traceOf(op: string, x: Tensor): Tensor {
  const diagonal = diagPartOf(op, x, diagonalAt(0), 0);
  return accumulated(diagonal, (d) => sumOver(d, [d.rank - 1], false));
}

/**
 * diag: matrices [.., rows, columns] with diagonals as `diagPartOf` gives them; all other elements are those of
 * `otherwise`, or that number.
 */
export function diagOf(
  op: string,
  diagonals: Tensor,
  band: Band,
  rows: number,
  columns: number,
  otherwise: Tensor | number,
): Tensor {
  const one = band.lower === band.upper;
  const leading = diagonals.shape.slice(0, one ? -1 : -2);
  const shape = shapeOf([...leading, rows, columns]);
  const rest = typeof otherwise === 'number' ? beside(diagonals, otherwise) : otherwise;
  const mask = (): Tensor => inBand(rows, columns, band.lower, band.upper);
  if (diagonals.size === 0) {
    // Nothing to put anywhere. (The result may have elements: a diagonal off all others has none.)
    const blank = typeof otherwise === 'number' ? uniformTensor(otherwise, diagonals.dtype, shape) : otherwise;
    return connect(blank, diagonals);
  }
  const each = longest(band, rows, columns);
  if (one) {
    const box = boxOf(band.lower, columns, leading);
    const placed = reshapeTo(placeBox(diagonals, shapeOf([...leading, rows * columns]), box), shape);
    return otherwise === 0 ? placed : select(mask(), placed, rest);
  }
  const indices = new Int32Array(rows * columns).fill(-1);
  places(band, rows, columns).forEach((place, i) => {
    if (place >= 0) indices[place] = i;
  });
  const flat = reshapeTo(diagonals, shapeOf([...leading, (band.upper - band.lower + 1) * each]));
  return pick(op, flat, indices, shapeOf([rows, columns]), rest);
}
