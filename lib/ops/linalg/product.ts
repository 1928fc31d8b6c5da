/** Products of vectors and matrices: matvec, cross, outer, inner, kron. */
import { boolean, options, refuseBehind, refuseExtra } from '../../base/arguments.js';
import { inTheNameOf, ShapeError, ValueError } from '../../base/errors.js';
import { broadcastShapes, guardShape, sameShape, shapeOf, showShape } from '../../base/shape.js';
import type { Tensor } from '../../engine/tensor.js';
import { asTensors, ofKind, productOperands } from '../../op/operands.js';
import type { TensorLike } from '../../op/variable.js';
import { mul } from '../../primitives/arithmetic.js';
import { contract } from '../../primitives/contraction.js';
import { crossOf } from '../../primitives/cross.js';
import { reshapeTo } from '../../primitives/movement.js';
import { matmul } from '../product.js';

/** The options of `matvec`. */
export interface MatvecOptions {
  /** Whether a is transposed in its last two axes first. Default false. */
  transposeA?: boolean;
  /** The same, since elements are real. Only one of the two may be true. */
  adjointA?: boolean;
}

const matvecOptions = { transposeA: boolean, adjointA: boolean } as const;

/**
 * The products of matrices a [..., m, n] and vectors b [..., n], of shape [..., m]; leading axes broadcast. float32,
 * float64, int32.
 * @throws ShapeError, DTypeError; ValueError ERR_OPTION
 */
export function matvec(a: TensorLike, b: TensorLike, opts?: MatvecOptions): Tensor {
  const op = 'linalg.matvec';
  const read = options(op, matvecOptions, opts);
  if (read.transposeA && read.adjointA) {
    throw new ValueError(`${op}: only one of transposeA and adjointA can be true`, 'ERR_OPTION');
  }
  const transposeA = read.transposeA || read.adjointA || false;
  if (arguments.length > 3) refuseBehind(op, arguments[3]);
  const [x, y] = productOperands(op, [a, b], ['a', 'b']) as [Tensor, Tensor];
  const n = x.shape[x.rank - (transposeA ? 2 : 1)];
  if (x.rank < 2 || y.rank < 1 || y.shape[y.rank - 1] !== n) {
    const which = transposeA ? '[..., n, m]' : '[..., m, n]';
    throw new ShapeError(
      `${op}: expected matrices ${which} and vectors [..., n], got shapes ${showShape(x.shape)} and ${showShape(y.shape)}`,
    );
  }
  if (x.rank > 2 && y.rank > 1) {
    broadcastShapes(
      `${op}: leading axes of ${showShape(x.shape)} and ${showShape(y.shape)}`,
      shapeOf(x.shape.slice(0, -2)),
      shapeOf(y.shape.slice(0, -1)),
    );
  }
  const product = inTheNameOf(op, () => matmul(x, reshapeTo(y, guardShape(op, [...y.shape, 1])), { transposeA }));
  return reshapeTo(product, shapeOf(product.shape.slice(0, -1)));
}

/**
 * The vector products of a and b, both [..., 3] and of one shape. Every dtype but bool.
 * @throws ShapeError, DTypeError
 */
export function cross(a: TensorLike, b: TensorLike): Tensor {
  const op = 'linalg.cross';
  if (arguments.length > 2) refuseExtra(op, arguments[2], undefined);
  const [x, y] = asTensors(op, [a, b], ['a', 'b']) as [Tensor, Tensor];
  ofKind(op, x, 'floating', 'integer');
  if (!sameShape(x.shape, y.shape) || x.shape[x.rank - 1] !== 3) {
    throw new ShapeError(
      `${op}: expected two tensors of one shape [..., 3], got shapes ${showShape(x.shape)} and ${showShape(y.shape)}`,
    );
  }
  return crossOf(x, y);
}

/**
 * The products of every element of a with every element of b: [size of a, size of b]. Every dtype but bool.
 * @throws ShapeError, DTypeError
 */
export function outer(a: TensorLike, b: TensorLike): Tensor {
  const op = 'linalg.outer';
  if (arguments.length > 2) refuseExtra(op, arguments[2], undefined);
  const [x, y] = asTensors(op, [a, b], ['a', 'b']) as [Tensor, Tensor];
  ofKind(op, x, 'floating', 'integer');
  guardShape(op, [x.size, y.size]);
  return inTheNameOf(op, () => mul(reshapeTo(x, shapeOf([x.size, 1])), reshapeTo(y, shapeOf([y.size]))));
}

/**
 * The sums of products along the last axes of a and b, which have one length; of shape a.shape[:-1] + b.shape[:-1]. With
 * a scalar it is their product. float32, float64, int32.
 * @throws ShapeError, DTypeError
 */
export function inner(a: TensorLike, b: TensorLike): Tensor {
  const op = 'linalg.inner';
  if (arguments.length > 2) refuseExtra(op, arguments[2], undefined);
  const [x, y] = productOperands(op, [a, b], ['a', 'b']) as [Tensor, Tensor];
  if (x.rank === 0 || y.rank === 0) return mul(x, y);
  if (x.shape[x.rank - 1] !== y.shape[y.rank - 1]) {
    throw new ShapeError(
      `${op}: last axes must have one length, got shapes ${showShape(x.shape)} and ${showShape(y.shape)}`,
    );
  }
  guardShape(op, [...x.shape.slice(0, -1), ...y.shape.slice(0, -1)]);
  const xs = [...x.shape.keys()];
  const ys = [...y.shape.keys()].map((d) => (d === y.rank - 1 ? x.rank - 1 : x.rank + d));
  return contract(op, x, y, { x: xs, y: ys, out: [...xs.slice(0, -1), ...ys.slice(0, -1)] });
}

/**
 * The Kronecker product: along each axis every element of a times all of b, so its lengths are the products of theirs.
 * The one of lower rank gets axes of length 1 in front. Every dtype but bool.
 * @throws ShapeError, DTypeError
 */
export function kron(a: TensorLike, b: TensorLike): Tensor {
  const op = 'linalg.kron';
  if (arguments.length > 2) refuseExtra(op, arguments[2], undefined);
  const [x, y] = asTensors(op, [a, b], ['a', 'b']) as [Tensor, Tensor];
  ofKind(op, x, 'floating', 'integer');
  const rank = Math.max(x.rank, y.rank);
  const padded = (t: Tensor): number[] => [...new Array<number>(rank - t.rank).fill(1), ...t.shape];
  const [p, q] = [padded(x), padded(y)];
  const shape = guardShape(
    op,
    p.map((n, d) => n * (q[d] as number)),
  );
  const product = inTheNameOf(op, () =>
    mul(
      reshapeTo(
        x,
        guardShape(
          op,
          p.flatMap((n) => [n, 1]),
        ),
      ),
      reshapeTo(
        y,
        guardShape(
          op,
          q.flatMap((n) => [1, n]),
        ),
      ),
    ),
  );
  return reshapeTo(product, shape);
}
