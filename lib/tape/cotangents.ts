/** What `gradient` checks of cotangents that users give, and the error of a source without a path to the target. */
import { DTypeError, GradtapeError, ShapeError, show, ValueError } from '../base/errors.js';
import { zipNested } from '../base/nested.js';
import { sameShape, showShape } from '../base/shape.js';
import type { Tensor } from '../engine/tensor.js';
import type { Explanation } from '../inspect/explain.js';
import { asTensor } from '../op/operands.js';
import { isVariable, type TensorLike, Variable } from '../op/variable.js';
import type { Leaf } from './sources.js';

/** The cotangents of `outputGradients`, checked against the targets; null means ones. */
export function targetCotangents(targets: readonly Leaf[], target: unknown, given: unknown): (Tensor | null)[] {
  if (given === undefined || given === null) return targets.map(() => null);
  const cotangents: (Tensor | null)[] = [];
  zipNested(
    'gradient: outputGradients',
    target,
    given,
    (t, g, path) =>
      cotangents.push(g === null || g === undefined ? null : targetCotangent(t as Leaf, g as TensorLike, path)),
    (path, expected, got) =>
      new ValueError(
        `gradient: outputGradients must have the structure of the target; at ${path || 'the top'} expected ` +
          `${typeof expected === 'number' ? `an array of ${expected}` : `keys ${expected.join(', ')}`}, got ${show(got)}`,
        'ERR_STRUCTURE',
      ),
    (g) => g === null,
  );
  return cotangents;
}

function targetCotangent(t: Leaf, value: TensorLike, path: string): Tensor {
  const g = isVariable(value) ? value.value() : asTensor('gradient: outputGradients', value, t.dtype);
  if (g.dtype !== t.dtype) {
    throw new DTypeError(
      `gradient: outputGradients${path} has dtype ${g.dtype}, its target ${t.dtype}; write cast(g, '${t.dtype}')`,
    );
  }
  if (!sameShape(g.shape, t.shape)) {
    throw new ShapeError(
      `gradient: outputGradients${path} has shape ${showShape(g.shape)}, its target ${showShape(t.shape)}`,
    );
  }
  return g;
}

/** The error of a source without a path to the target, with the explanation. */
export function unconnectedError(source: Leaf, path: string, { message }: Explanation): GradtapeError {
  const name =
    source instanceof Variable ? `variable ${source.name}` : `the source of shape ${showShape(source.shape)}`;
  return new GradtapeError(
    'ERR_UNCONNECTED',
    `gradient: ${name}${path ? ` (sources${path})` : ''} has no differentiable path to the target. ${message}`,
  );
}
