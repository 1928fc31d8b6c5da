/**
 * Placeholders: tensors of a shape and dtype without elements, which stand for a cotangent or tangent while rules build
 * the computation of it. Nothing computes them; who looks at one gets an error.
 */
import type { DType } from '../base/dtype.js';
import { GradtapeError } from '../base/errors.js';
import { type Shape, sizeOf } from '../base/shape.js';
import { opcodeOf } from '../engine/addon.js';
import { Computation, made, Tensor } from '../engine/tensor.js';

/** Fails when a program would compute it: of a kernel that takes numbers, the words are asked for before all else. */
const placeholder = new Computation('placeholder', opcodeOf('randomUniform'), () => {
  throw new GradtapeError(
    'ERR_NO_GRADIENT',
    'the derivative is computed for a whole batch of cotangents or tangents at once, so a gradient function cannot look at the ' +
      'elements of one, nor may its result depend on them other than linearly. For jacobian and batchJacobian write ' +
      '{ experimentalUsePfor: false }: one cotangent after the other.',
  );
});

/** A placeholder of this dtype and shape. */
export function placeholderOf(dtype: DType, shape: Shape): Tensor {
  return new Tensor(made, shape, dtype, sizeOf(shape), placeholder, null, null);
}
