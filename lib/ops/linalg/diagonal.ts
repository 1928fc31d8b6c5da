/** Diagonals, bands and transposes of matrices: the checks around primitives/diagonal.ts. */
import {
  argument,
  boolean,
  integer,
  type Kind,
  listOf,
  number,
  oneOf,
  options,
  refuseBehind,
  refused,
  refuseExtra,
} from '../../base/arguments.js';
import { numberAs } from '../../base/dtype.js';
import { ShapeError, ValueError } from '../../base/errors.js';
import { guardShape, sameShape, shapeOf, showShape, sizeOf } from '../../base/shape.js';
import type { Tensor } from '../../engine/tensor.js';
import { asTensor, asTensors, ofKind } from '../../op/operands.js';
import type { TensorLike } from '../../op/variable.js';
import { type Band, bandOf, diagOf, diagonalAt, diagPartOf, longest, traceOf } from '../../primitives/diagonal.js';
import { matrixTranspose as transposed } from '../../primitives/linalg.js';
import { reshapeTo } from '../../primitives/movement.js';

/**
 * Where diagonals shorter than the longest one stand in their rows: 'RIGHT_LEFT' says that those above the main
 * diagonal end at the right and those below it start at the left, and so on.
 */
export type DiagonalAlign = 'RIGHT_LEFT' | 'LEFT_RIGHT' | 'LEFT_LEFT' | 'RIGHT_RIGHT';
/** One diagonal (0 is the main one, 1 the one above it), or the lowest and the highest of several neighbours. */
export type Diagonals = number | readonly [lower: number, upper: number];

/** The options of `setDiag`. */
export interface SetDiagOptions {
  /** Which diagonals. Default 0. */
  k?: Diagonals;
  /** Default 'RIGHT_LEFT'. */
  align?: DiagonalAlign;
}
/** The options of `diagPart`. */
export interface DiagPartOptions extends SetDiagOptions {
  /** What fills up rows of diagonals that are shorter than the longest one. Default 0. */
  paddingValue?: number;
}
/** The options of `diag`. */
export interface DiagOptions extends SetDiagOptions {
  /** The rows and columns of the matrices. Default: as few as the diagonals need; if neither is given, square. */
  numRows?: number;
  /** The number of columns; default: as many as the diagonals reach. */
  numCols?: number;
  /** The elements off the diagonals. Default 0. */
  paddingValue?: number;
}

const diagonalsKind: Kind<Diagonals> = {
  expected: 'a whole number or a pair of these',
  read: (value) => {
    const list = typeof value === 'number' ? [value] : listOf(value);
    if (!list || list.length < 1 || list.length > 2 || !list.every(Number.isInteger)) return refused;
    const [lower, upper = lower] = list as [number, number];
    return [lower + 0, upper + 0];
  },
};
const align = oneOf(['RIGHT_LEFT', 'LEFT_RIGHT', 'LEFT_LEFT', 'RIGHT_RIGHT']);
const bandSpec = { k: diagonalsKind, align } as const;
const partSpec = { ...bandSpec, paddingValue: number() } as const;
const diagSpec = { ...partSpec, numRows: integer(0), numCols: integer(0) } as const;

function bandFrom(op: string, k: Diagonals = 0, aligned: DiagonalAlign = 'RIGHT_LEFT'): Band {
  const [lower, upper] = typeof k === 'number' ? [k, k] : k;
  if (lower > upper) throw new ValueError(`${op}: k must be [lowest, highest], got [${lower}, ${upper}]`, 'ERR_OPTION');
  return { lower, upper, leftAbove: aligned.startsWith('LEFT'), leftBelow: aligned.endsWith('LEFT') };
}

/** Throws unless the diagonals exist in matrices of this shape; diagonal 0 always does. */
function checkBand(op: string, { lower, upper }: Band, rows: number, columns: number): void {
  for (const k of [lower, upper]) {
    if (k !== 0 && (k <= -rows || k >= columns)) {
      throw new ValueError(`${op}: diagonal ${k} does not exist in matrices [${rows}, ${columns}]`, 'ERR_OPTION');
    }
  }
}

/** The rows and columns of matrices. */
function checkMatrices(op: string, x: Tensor): [rows: number, columns: number] {
  if (x.rank < 2) throw new ShapeError(`${op}: expected matrices (rank >= 2), got shape ${showShape(x.shape)}`);
  return [x.shape[x.rank - 2] as number, x.shape[x.rank - 1] as number];
}

/**
 * Matrices with given diagonals: of one diagonal [..., length] the matrices [..., rows, columns]; of several
 * [..., count, length of the longest], the highest first. Every dtype.
 * @throws ShapeError for diagonals that do not fit; ValueError ERR_OPTION
 */
export function diag(diagonal: TensorLike, opts?: DiagOptions): Tensor {
  const op = 'linalg.diag';
  const { k, align: aligned, paddingValue = 0, numRows, numCols } = options(op, diagSpec, opts);
  if (arguments.length > 2) refuseBehind(op, arguments[2]);
  const x = asTensor(op, diagonal, undefined, 'diagonal');
  const band = bandFrom(op, k, aligned);
  const count = band.upper - band.lower + 1;
  const several = count > 1;
  if (x.rank < (several ? 2 : 1) || (several && x.shape[x.rank - 2] !== count)) {
    const expected = several ? `[..., ${count}, length]` : '[..., length]';
    throw new ShapeError(`${op}: expected diagonals ${expected}, got shape ${showShape(x.shape)}`);
  }
  const length = x.shape[x.rank - 1] as number;
  const [leastRows, leastColumns] = [length - Math.min(band.upper, 0), length + Math.max(band.lower, 0)];
  const square = Math.max(leastRows, leastColumns);
  const neither = numRows === undefined && numCols === undefined;
  const rows = numRows ?? (neither ? square : leastRows);
  const columns = numCols ?? (neither ? square : leastColumns);
  if (rows < leastRows || columns < leastColumns || (rows !== leastRows && columns !== leastColumns)) {
    throw new ShapeError(
      `${op}: diagonals ${showShape(x.shape)} do not fit matrices [${rows}, ${columns}]: the longest would have another length`,
    );
  }
  guardShape(op, [...x.shape.slice(0, several ? -2 : -1), rows, columns]);
  return diagOf(op, x, band, rows, columns, numberAs(op, x.dtype, paddingValue));
}

/**
 * Diagonals of matrices [..., rows, columns]: one as [..., length], or several as [..., count, length of the longest],
 * the highest first. Every dtype.
 * @throws ShapeError; ValueError ERR_OPTION for a diagonal that does not exist
 */
export function diagPart(input: TensorLike, opts?: DiagPartOptions): Tensor {
  const op = 'linalg.diagPart';
  const { k, align: aligned, paddingValue = 0 } = options(op, partSpec, opts);
  if (arguments.length > 2) refuseBehind(op, arguments[2]);
  const x = asTensor(op, input, undefined, 'input');
  const band = bandFrom(op, k, aligned);
  checkBand(op, band, ...checkMatrices(op, x));
  return diagPartOf(op, x, band, numberAs(op, x.dtype, paddingValue));
}

/**
 * The matrices with other diagonals, which have the shape that `diagPart` gives. Every dtype.
 * @throws ShapeError, DTypeError; ValueError ERR_OPTION for a diagonal that does not exist
 */
export function setDiag(input: TensorLike, diagonal: TensorLike, opts?: SetDiagOptions): Tensor {
  const op = 'linalg.setDiag';
  const { k, align: aligned } = options(op, bandSpec, opts);
  if (arguments.length > 3) refuseBehind(op, arguments[3]);
  const [x, d] = asTensors(op, [input, diagonal], ['input', 'diagonal']) as [Tensor, Tensor];
  const [rows, columns] = checkMatrices(op, x);
  const band = bandFrom(op, k, aligned);
  checkBand(op, band, rows, columns);
  const count = band.upper - band.lower + 1;
  const expected = [...x.shape.slice(0, -2), ...(count > 1 ? [count] : []), longest(band, rows, columns)];
  if (!sameShape(d.shape, expected)) {
    throw new ShapeError(
      `${op}: expected diagonals ${showShape(expected)} for matrices ${showShape(x.shape)}, got shape ${showShape(d.shape)}`,
    );
  }
  return diagOf(op, d, band, rows, columns, x);
}

/**
 * The matrices [..., rows, columns] with zeros outside of a band: kept are the main diagonal, `lower` diagonals below
 * it and `upper` above; a negative number keeps them all. Every dtype.
 * @throws ShapeError; ValueError for more diagonals than there are rows, or columns
 */
export function bandPart(input: TensorLike, lower: number, upper: number): Tensor {
  const op = 'linalg.bandPart';
  if (arguments.length > 3) refuseExtra(op, arguments[3], undefined);
  const x = asTensor(op, input, undefined, 'input');
  checkMatrices(op, x);
  const [rows, columns] = x.shape.slice(-2) as [number, number];
  const reach = (name: string, value: number, most: number, axis: string): number => {
    const n = argument(op, name, integer(-Number.MAX_SAFE_INTEGER), value);
    if (n > most)
      throw new ValueError(`${op}: ${name} must be negative or at most ${most}, the number of ${axis}, got ${n}`);
    return n < 0 ? Number.POSITIVE_INFINITY : n;
  };
  return bandOf(x, -reach('lower', lower, rows, 'rows'), reach('upper', upper, columns, 'columns'));
}

/**
 * The sums of the main diagonals of matrices [..., rows, columns]. Every dtype but bool.
 * @throws ShapeError, DTypeError
 */
export function trace(x: TensorLike): Tensor {
  const op = 'linalg.trace';
  if (arguments.length > 1) refuseExtra(op, arguments[1], arguments[2]);
  const a = ofKind(op, asTensor(op, x), 'floating', 'integer');
  checkMatrices(op, a);
  return traceOf(op, a);
}

/**
 * The matrices transposed in their last two axes. Every dtype. `conjugate` (default false) changes nothing, because
 * the elements are real.
 * @throws ShapeError
 */
export function matrixTranspose(a: TensorLike, opts?: { conjugate?: boolean }): Tensor {
  const op = 'linalg.matrixTranspose';
  options(op, { conjugate: boolean }, opts);
  if (arguments.length > 2) refuseBehind(op, arguments[2]);
  const x = asTensor(op, a, undefined, 'a');
  checkMatrices(op, x);
  return transposed(x);
}

/**
 * The adjoints of matrices, which are their transposes, because the elements are real. Every dtype.
 * @throws ShapeError
 */
export function adjoint(matrix: TensorLike): Tensor {
  const op = 'linalg.adjoint';
  if (arguments.length > 1) refuseExtra(op, arguments[1], arguments[2]);
  const x = asTensor(op, matrix, undefined, 'matrix');
  checkMatrices(op, x);
  return transposed(x);
}

/**
 * The tensor [...shape, ...shape] with the elements of `diagonal` [...shape] where both halves of the index are equal,
 * and zeros elsewhere. Every dtype.
 * @throws ShapeError
 */
export function tensorDiag(diagonal: TensorLike): Tensor {
  const op = 'linalg.tensorDiag';
  if (arguments.length > 1) refuseExtra(op, arguments[1], arguments[2]);
  const x = asTensor(op, diagonal, undefined, 'diagonal');
  const shape = guardShape(op, [...x.shape, ...x.shape]);
  const flat = reshapeTo(x, shapeOf([x.size]));
  return reshapeTo(diagOf(op, flat, diagonalAt(0), x.size, x.size, 0), shape);
}

/**
 * Of a tensor [...shape, ...shape] the elements [...shape] where both halves of the index are equal. Every dtype.
 * @throws ShapeError for an odd rank or halves that differ
 */
export function tensorDiagPart(input: TensorLike): Tensor {
  const op = 'linalg.tensorDiagPart';
  if (arguments.length > 1) refuseExtra(op, arguments[1], arguments[2]);
  const x = asTensor(op, input, undefined, 'input');
  const half = shapeOf(x.shape.slice(0, x.rank / 2));
  if (x.rank === 0 || x.rank % 2 === 1 || !sameShape(half, x.shape.slice(x.rank / 2))) {
    throw new ShapeError(`${op}: expected a shape of two equal halves, got shape ${showShape(x.shape)}`);
  }
  const n = sizeOf(half);
  return reshapeTo(diagPartOf(op, reshapeTo(x, shapeOf([n, n])), diagonalAt(0), 0), half);
}
