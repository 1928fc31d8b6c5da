/** Systems and products with matrices that have few diagonals: the checks around primitives/banded.ts. */
import { boolean, oneOf, options, refuseBehind, showDeep } from '../../base/arguments.js';
import { ShapeError, ValueError } from '../../base/errors.js';
import { broadcastShapes, sameShape, shapeOf, showShape } from '../../base/shape.js';
import type { Tensor } from '../../engine/tensor.js';
import { asTensors, floating, listOfOperands } from '../../op/operands.js';
import type { TensorLike } from '../../op/variable.js';
import { bandedSolveOf, stackedDiagonals, tridiagonalProduct, tridiagonalSolveOf } from '../../primitives/banded.js';
import { boxAt, placeBox } from '../../primitives/box.js';
import { diagPartOf } from '../../primitives/diagonal.js';
import { matrixTranspose } from '../../primitives/linalg.js';
import { broadcast, reshapeTo } from '../../primitives/movement.js';
import type { TriangularSolveOptions } from './solve.js';

const triangleSpec = { lower: boolean, adjoint: boolean } as const;

/**
 * x of matrix x = rhs for triangular matrices with few diagonals: bands [..., count, n], rhs [..., n, m] ->
 * [..., n, m], of float32 or float64. Leading axes broadcast. The rows of bands are the diagonals: with `lower` (the
 * default) the main one and those below it, downwards, else from the highest one down to the main one. Each element
 * stands in the place of its row, so the first d elements of the d-th diagonal below the main one, and the last d of
 * the d-th above it, are not read (as `diagPart` with align 'LEFT_RIGHT' gives them).
 * @throws ShapeError for shapes that do not fit; DTypeError; GradtapeError ERR_SINGULAR, when it is computed, for a
 *   zero on a main diagonal
 */
export function bandedTriangularSolve(bands: TensorLike, rhs: TensorLike, opts?: TriangularSolveOptions): Tensor {
  const op = 'linalg.bandedTriangularSolve';
  const { lower = true, adjoint = false } = options(op, triangleSpec, opts);
  if (arguments.length > 3) refuseBehind(op, arguments[3]);
  const [a, b] = asTensors(op, [bands, rhs], ['bands', 'rhs']) as [Tensor, Tensor];
  floating(op, a, 'bands');
  if (a.rank < 2 || a.shape[a.rank - 2] === 0) {
    throw new ShapeError(`${op}: expected bands [..., count, n] with count >= 1, got shape ${showShape(a.shape)}`);
  }
  const n = a.shape[a.rank - 1];
  if (b.rank < 2 || b.shape[b.rank - 2] !== n) {
    throw new ShapeError(
      `${op}: expected right-hand sides [..., ${n}, m] for bands ${showShape(a.shape)}, got shape ${showShape(b.shape)}`,
    );
  }
  const batch = broadcastShapes(op, a.shape.slice(0, -2), b.shape.slice(0, -2));
  const repeated = (t: Tensor): Tensor => broadcast(t, shapeOf([...batch, ...t.shape.slice(-2)]));
  return bandedSolveOf(repeated(a), repeated(b), { lower, adjoint });
}

/** How three diagonals are passed; see `tridiagonalSolve`. */
export type DiagonalsFormat = 'compact' | 'sequence' | 'matrix';

const formats = oneOf(['compact', 'sequence', 'matrix']);
const solveSpec = {
  diagonalsFormat: formats,
  transposeRhs: boolean,
  conjugateRhs: boolean,
  partialPivoting: boolean,
  perturbSingular: boolean,
} as const;
const matmulSpec = { diagonalsFormat: formats } as const;

/** The options of `tridiagonalMatmul`. */
export interface TridiagonalMatmulOptions {
  /** Default 'compact'. */
  diagonalsFormat?: DiagonalsFormat;
}
/** The options of `tridiagonalSolve`. */
export interface TridiagonalSolveOptions extends TridiagonalMatmulOptions {
  /** Whether rhs is transposed, [..., m, n]; the result is not. Of vectors it says nothing. Default false. */
  transposeRhs?: boolean;
  /** Changes nothing, because the elements are real. */
  conjugateRhs?: boolean;
  /** Whether rows are exchanged for larger pivots. Default true. */
  partialPivoting?: boolean;
  /**
   * Whether pivots near zero are made larger by about epsilon times the largest element that elimination leaves, so that
   * singular matrices have finite solutions, as inverse iteration needs them. Only with partialPivoting. Default false.
   */
  perturbSingular?: boolean;
}

/** The diagonals [..., 3, n] of what was passed, and the right-hand sides beside them. */
function read(
  op: string,
  diagonals: TensorLike | readonly TensorLike[],
  rhs: TensorLike,
  format: DiagonalsFormat,
): [diagonals: Tensor, rhs: Tensor] {
  if (format === 'sequence') {
    const list = listOfOperands(diagonals);
    if (list?.length !== 3) {
      throw new ShapeError(`${op}: diagonals must be a list of three tensors, got ${showDeep(diagonals)}`);
    }
    const names = ['diagonals[0]', 'diagonals[1]', 'diagonals[2]', 'rhs'];
    const [above, main, below, b] = asTensors(op, [...list, rhs], names) as [Tensor, Tensor, Tensor, Tensor];
    floating(op, above, 'diagonals');
    const n = main.rank > 0 ? (main.shape[main.rank - 1] as number) : 0;
    const side = (t: Tensor, start: number): Tensor => {
      if (main.rank > 0 && sameShape(t.shape, main.shape)) return t;
      if (main.rank > 0 && n > 0 && sameShape(t.shape, [...main.shape.slice(0, -1), n - 1])) {
        return placeBox(t, main.shape, boxAt(main.shape.map((_, d) => (d === main.rank - 1 ? start : 0))));
      }
      const three = [above, main, below].map((one) => showShape(one.shape)).join(', ');
      throw new ShapeError(`${op}: expected diagonals [..., n], or [..., n - 1] beside the main one, got ${three}`);
    };
    return [stackedDiagonals(side(above, 0), main, side(below, 1)), b];
  }
  const [a, b] = asTensors(op, [diagonals as TensorLike, rhs], ['diagonals', 'rhs']) as [Tensor, Tensor];
  floating(op, a, 'diagonals');
  const [rows, n] = a.shape.slice(-2);
  if (a.rank < 2 || rows !== (format === 'compact' ? 3 : n)) {
    const expected = format === 'compact' ? 'diagonals [..., 3, n]' : 'square matrices [..., n, n]';
    throw new ShapeError(`${op}: expected ${expected}, got shape ${showShape(a.shape)}`);
  }
  if (format === 'compact') return [a, b];
  return [diagPartOf(op, a, { lower: -1, upper: 1, leftAbove: true, leftBelow: false }, 0), b];
}

/** Throws unless the right-hand sides, [..., n, m], fit the diagonals. */
function checkSides(op: string, a: Tensor, b: Tensor, shown: Tensor): void {
  const expected = [...a.shape.slice(0, -2), a.shape[a.rank - 1] as number];
  if (b.rank === a.rank && sameShape(b.shape.slice(0, -1), expected)) return;
  throw new ShapeError(
    `${op}: expected right-hand sides of shape ${showShape(expected).slice(0, -1)}, m] for diagonals ${showShape(a.shape)}, got shape ${showShape(shown.shape)}`,
  );
}

/**
 * x of matrix x = rhs for matrices with three diagonals, by elimination in a time that grows with n: rhs and x are
 * [..., n, m], or vectors [..., n]; float32 or float64. `diagonals` by its format: 'compact' [..., 3, n], the one above
 * the main diagonal first, each element in the place of its row (the last of the first and the first of the last are
 * not read); 'sequence' a list of these three as [..., n], the outer ones also [..., n - 1]; 'matrix' [..., n, n], of
 * which only the three are read. Of a matrix with a pivot that is zero the solution is NaN, unless `perturbSingular`.
 * @throws ShapeError for shapes that do not fit; DTypeError; ValueError ERR_OPTION
 */
export function tridiagonalSolve(
  diagonals: TensorLike | readonly TensorLike[],
  rhs: TensorLike,
  opts?: TridiagonalSolveOptions,
): Tensor {
  const op = 'linalg.tridiagonalSolve';
  const {
    diagonalsFormat = 'compact',
    transposeRhs = false,
    partialPivoting = true,
    perturbSingular = false,
  } = options(op, solveSpec, opts);
  if (arguments.length > 3) refuseBehind(op, arguments[3]);
  if (perturbSingular && !partialPivoting) {
    throw new ValueError(`${op}: perturbSingular needs partialPivoting, got partialPivoting false`, 'ERR_OPTION');
  }
  const [a, b] = read(op, diagonals, rhs, diagonalsFormat);
  const vectors = b.rank === a.rank - 1;
  const turned = transposeRhs && b.rank >= 2 ? matrixTranspose(b) : b;
  const sides = vectors ? reshapeTo(b, shapeOf([...b.shape, 1])) : turned;
  checkSides(op, a, sides, b);
  const x = tridiagonalSolveOf(a, sides, perturbSingular ? 'perturbed' : partialPivoting ? 'larger' : 'theirs');
  return vectors ? reshapeTo(x, b.shape) : x;
}

/**
 * The products of matrices with three diagonals and matrices rhs [..., n, m], of that shape; float32 or float64. For
 * `diagonals` see `tridiagonalSolve`.
 * @throws ShapeError for shapes that do not fit; DTypeError; ValueError ERR_OPTION
 */
export function tridiagonalMatmul(
  diagonals: TensorLike | readonly TensorLike[],
  rhs: TensorLike,
  opts?: TridiagonalMatmulOptions,
): Tensor {
  const op = 'linalg.tridiagonalMatmul';
  const { diagonalsFormat = 'compact' } = options(op, matmulSpec, opts);
  if (arguments.length > 3) refuseBehind(op, arguments[3]);
  const [a, b] = read(op, diagonals, rhs, diagonalsFormat);
  checkSides(op, a, b, b);
  return tridiagonalProduct(a, b);
}
