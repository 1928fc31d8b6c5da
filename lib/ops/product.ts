/** Products of matrices: the checks around primitives/matmul.ts. */
import { boolean, options, refuseBehind } from '../base/arguments.js';
import { ShapeError } from '../base/errors.js';
import { showShape } from '../base/shape.js';
import { isTensor, type Tensor } from '../engine/tensor.js';
import { asTensors, mixedDTypes, productDTypes, unsupportedDType } from '../op/operands.js';
import type { TensorLike } from '../op/variable.js';
import { matmulOf } from '../primitives/matmul.js';

/** The options of `matmul`. */
export interface MatmulOptions {
  /** Whether a is transposed in its last two axes first. Default false. */
  transposeA?: boolean;
  /** Whether b is. Default false. */
  transposeB?: boolean;
}

const matmulOptions = { transposeA: boolean, transposeB: boolean } as const;

/**
 * Matrix product over the last two axes; leading axes broadcast. [.., m, k] x [.., k, n] -> [.., m, n]
 * @throws ShapeError for inner lengths that differ, DTypeError for dtypes other than float32, float64, int32
 */
export function matmul(a: TensorLike, b: TensorLike, opts?: MatmulOptions): Tensor {
  const { transposeA = false, transposeB = false } = options('matmul', matmulOptions, opts);
  if (arguments.length > 3) refuseBehind('matmul', arguments[3]);
  const [x, y] = (isTensor(a) && isTensor(b) ? [a, b] : asTensors('matmul', [a, b], ['a', 'b'])) as [Tensor, Tensor];
  if (x.dtype !== y.dtype) throw mixedDTypes('matmul', x, y);
  if (!productDTypes.includes(x.dtype)) throw unsupportedDType('matmul', x.dtype, productDTypes);
  if (x.shape.length < 2 || y.shape.length < 2) {
    const hint =
      x.rank === 1 && y.rank === 1
        ? '; of vectors: tensordot(a, b, 1)'
        : y.rank === 1
          ? '; of a vector: linalg.matvec(a, b)'
          : '';
    throw new ShapeError(
      `matmul: expected matrices (rank >= 2), got shapes ${showShape(x.shape)} and ${showShape(y.shape)}${hint}`,
    );
  }
  return matmulOf(x, y, transposeA, transposeB);
}
