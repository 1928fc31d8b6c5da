/** The arguments of `jacobian` and `batchJacobian`, checked; transform/jacobian.ts computes. */
import { boolean, integer, options } from '../base/arguments.js';
import { type DType, isFloating } from '../base/dtype.js';
import { GradtapeError, ShapeError, show } from '../base/errors.js';
import { shapeOf, showShape } from '../base/shape.js';
import { type Tensor, uniformTensor } from '../engine/tensor.js';
import type { Leaf } from '../op/sources.js';
import type { Entry } from '../record/entry.js';
import { identityMatrix, jacobiansOf, jacobiansRowByRow } from '../transform/jacobian.js';
import { isLeaf, type UnconnectedGradients, unconnectedKind } from './leaves.js';

/** The options of `jacobian` and `batchJacobian` of a tape. */
export interface JacobianOptions {
  /**
   * What a source without a path to the target gets: 'none' null, 'zero' zeros, 'throw' an error. Default: what the tape was
   * made with. `batchJacobian` gives zeros in any case.
   */
  unconnectedGradients?: UnconnectedGradients;
  /** How many rows are computed at once, at most. Default: as many as `config.jacobianBytes` allows. The result is the same. */
  parallelIterations?: number;
  /**
   * Whether the rows are computed together. Default true. false: by one backward pass a row, for custom gradients that look at
   * the elements of a cotangent.
   */
  experimentalUsePfor?: boolean;
}

const jacobianOptions = {
  unconnectedGradients: unconnectedKind,
  parallelIterations: integer(1),
  experimentalUsePfor: boolean,
} as const;

/** What is asked: the target, how many leading axes are a batch, and the options as read. */
export interface JacobianCall {
  readonly target: Leaf;
  readonly batchAxes: 0 | 1;
  readonly unconnectedGradients: UnconnectedGradients | undefined;
  readonly atOnce: number | undefined;
  readonly rowByRow: boolean;
}

function read(fn: string, target: unknown, batchAxes: 0 | 1, opts: unknown): JacobianCall {
  const { unconnectedGradients, parallelIterations, experimentalUsePfor = true } = options(fn, jacobianOptions, opts);
  if (!isLeaf(target)) {
    throw new GradtapeError(
      'ERR_NOT_A_TENSOR',
      `${fn}: the target must be one Tensor or Variable, got ${show(target)}`,
    );
  }
  return { target, batchAxes, unconnectedGradients, atOnce: parallelIterations, rowByRow: !experimentalUsePfor };
}

export function readJacobian(fn: string, target: unknown, opts: unknown): JacobianCall {
  return read(fn, target, 0, opts);
}

/** @throws ShapeError for a rank below 2, and batches that differ */
export function readBatchJacobian(target: unknown, source: unknown, opts: unknown): JacobianCall {
  const call = read('batchJacobian', target, 1, opts);
  if (!isLeaf(source)) {
    throw new GradtapeError(
      'ERR_NOT_A_TENSOR',
      `batchJacobian: the source must be one Tensor or Variable, got ${show(source)}`,
    );
  }
  for (const { shape } of [call.target, source]) {
    if (shape.length < 2) throw new ShapeError(`batchJacobian: Shape ${showShape(shape)} must have rank at least 2`);
  }
  if (call.target.shape[0] !== source.shape[0]) {
    throw new ShapeError(
      `batchJacobian: Need first dimension of target shape (${showShape(call.target.shape)}) and source shape ` +
        `(${showShape(source.shape)}) to match.`,
    );
  }
  return call;
}

/** Zeros in place of the matrix of a source without a path to the target. */
export function zeroMatrix({ target, batchAxes }: JacobianCall, source: Leaf, dtype: DType = source.dtype): Tensor {
  return uniformTensor(0, dtype, shapeOf([...target.shape, ...source.shape.slice(batchAxes)]));
}

/** The matrix of each source; null where no path leads to the target. `entries`: of the sources. */
export function matricesOf(
  call: JacobianCall,
  entry: Entry | null,
  sources: readonly Leaf[],
  entries: readonly (Entry | null)[],
): readonly (Tensor | null)[] {
  const { target, batchAxes, atOnce, rowByRow } = call;
  if (!isFloating(target.dtype)) return sources.map(() => null);
  if (!entry) {
    // A target that is not on the tape may be a source itself.
    return sources.map((source) => (source === target ? identityMatrix(target, batchAxes) : null));
  }
  const of = { entry, batchAxes, atOnce };
  return (rowByRow ? jacobiansRowByRow : jacobiansOf)(of, entries);
}
