/** A bias added along an axis. */
import { oneOf, options } from '../../base/arguments.js';
import { ShapeError } from '../../base/errors.js';
import { shapeOf, showShape } from '../../base/shape.js';
import type { Tensor } from '../../engine/tensor.js';
import { asTensors, ofKind } from '../../op/operands.js';
import type { TensorLike } from '../../op/variable.js';
import { add } from '../../primitives/arithmetic.js';
import { reshapeTo } from '../../primitives/movement.js';

const biasSpec = { dataFormat: oneOf(['NHWC', 'NCHW']) } as const;

/**
 * x plus a vector along its last axis, or along axis 1 with dataFormat 'NCHW'.
 * @throws ShapeError, DTypeError
 */
export function biasAdd(x: TensorLike, bias: TensorLike, opts?: { dataFormat?: 'NHWC' | 'NCHW' }): Tensor {
  const { dataFormat } = options('nn.biasAdd', biasSpec, opts);
  const [a, b] = asTensors('nn.biasAdd', [x, bias], ['x', 'bias']) as [Tensor, Tensor];
  const axis = dataFormat === 'NCHW' ? 1 : a.rank - 1;
  if (a.rank < 2 || b.rank !== 1 || b.shape[0] !== a.shape[axis]) {
    throw new ShapeError(`nn.biasAdd: bias ${showShape(b.shape)} does not fit axis ${axis} of ${showShape(a.shape)}`);
  }
  return add(
    ofKind('nn.biasAdd', a, 'floating', 'integer'),
    axis === a.rank - 1 ? b : reshapeTo(b, shapeOf(a.shape.slice(1).map((n, d) => (d === 0 ? n : 1)))),
  );
}
