/** Leaves: the tensors and variables in targets and sources as users nest them, and cotangents in the structure of targets. */
import { isArray, type Kind, oneOf } from '../base/arguments.js';
import { DTypeError, GradtapeError, ShapeError, show, ValueError } from '../base/errors.js';
import { mapNested, zipNested } from '../base/nested.js';
import { sameShape, showShape } from '../base/shape.js';
import type { NumberArray } from '../engine/constant.js';
import { Tensor } from '../engine/tensor.js';
import type { Explanation } from '../inspect/index.js';
import { asTensor } from '../op/operands.js';
import type { Leaf } from '../op/sources.js';
import { isVariable, type TensorLike, Variable } from '../op/variable.js';
import type { Entry } from '../record/entry.js';
import type { Recording } from '../record/recording.js';

/** What a source without a path to a target gets: null, zeros, or GradtapeError ERR_UNCONNECTED. */
export type UnconnectedGradients = 'none' | 'zero' | 'throw';

export const unconnectedKind: Kind<UnconnectedGradients> = {
  ...oneOf(['none', 'zero', 'throw']),
  preface: 'Unknown value for unconnectedGradients',
};

/** Whether the value is a tensor or variable; false for a revoked proxy, at which `instanceof` throws. */
export function isLeaf(value: unknown): value is Leaf {
  try {
    return value instanceof Tensor || value instanceof Variable;
  } catch {
    return false; // a revoked proxy
  }
}

/** A nested array of numbers or booleans: one operand, not a list of them. */
export function isHostArray(value: unknown): value is NumberArray {
  return isArray(value) && value.every((v) => typeof v === 'number' || typeof v === 'boolean' || isHostArray(v));
}

/** The hint for an object that is no nest among the sources. */
export function collecting(value: unknown): string {
  return typeof value === 'object' && value !== null && !ArrayBuffer.isView(value)
    ? '; trainableVariables(x) gives the variables of objects of a class, Maps and Sets'
    : '';
}

/** What to do about a target that is elements, not a tensor. */
function leftTheTape(value: unknown): string {
  const isElements = typeof value === 'number' || typeof value === 'bigint' || ArrayBuffer.isView(value);
  return isElements
    ? '; numbers that item(), data() and arraySync() give have no gradient: return the tensor itself'
    : '';
}

/**
 * A copy of an array of tensors and variables, the usual sources; null for anything else. Walking a nest takes ten times as
 * long.
 */
export function leafList(value: unknown): Leaf[] | null {
  if (!isArray(value)) return null;
  const leaves: Leaf[] = [];
  try {
    for (let i = 0; i < value.length; i++) {
      const leaf = value[i];
      if (!isLeaf(leaf)) return null;
      leaves.push(leaf);
    }
  } catch {
    return null; // a proxy whose elements cannot be read: `flatten` says so
  }
  return leaves;
}

/** The tensors and variables of a nest, in order. */
export function flatten(fn: string, what: 'target' | 'source', value: unknown): Leaf[] {
  if (isLeaf(value)) return [value];
  const leaves: Leaf[] = [];
  mapNested(fn, value, (given, path) => {
    if (!isLeaf(given)) {
      throw new GradtapeError(
        'ERR_NOT_A_TENSOR',
        `${fn}: a ${what} must be a Tensor or Variable, got ${show(given)}${path ? ` at ${path}` : ''}` +
          (what === 'source' ? collecting(given) : leftTheTape(given)),
      );
    }
    leaves.push(given);
  });
  return leaves;
}

/** The entry of a tensor, or of the variable itself (not of a reading). */
export function entryOf(tape: Recording, leaf: Leaf): Entry | null {
  return leaf instanceof Variable ? tape.leaf(leaf.id) : tape.find(leaf);
}

/** The cotangents of `outputGradients` (`what`, in errors), checked against the targets; null means ones. */
export function targetCotangents(
  what: string,
  targets: readonly Leaf[],
  target: unknown,
  given: unknown,
): (Tensor | null)[] {
  if (given === undefined || given === null) return targets.map(() => null);
  const cotangents: (Tensor | null)[] = [];
  zipNested(
    what,
    target,
    given,
    (t, g, path) =>
      cotangents.push(g === null || g === undefined ? null : targetCotangent(what, t as Leaf, g as TensorLike, path)),
    (path, expected, got) =>
      new ValueError(
        `${what} must have the structure of the target; at ${path || 'the top'} expected ` +
          `${typeof expected === 'number' ? `an array of ${expected}` : `keys ${expected.join(', ')}`}, got ${show(got)}`,
        'ERR_STRUCTURE',
      ),
    (g) => g === null,
  );
  return cotangents;
}

function targetCotangent(what: string, t: Leaf, value: TensorLike, path: string): Tensor {
  const g = isVariable(value) ? value.value() : asTensor(what, value, t.dtype);
  if (g.dtype !== t.dtype) {
    throw new DTypeError(`${what}${path} has dtype ${g.dtype}, its target ${t.dtype}; write cast(g, '${t.dtype}')`);
  }
  if (!sameShape(g.shape, t.shape)) {
    throw new ShapeError(`${what}${path} has shape ${showShape(g.shape)}, its target ${showShape(t.shape)}`);
  }
  return g;
}

/** The error of a source without a path to the target, with the explanation. */
export function unconnectedError(op: string, source: Leaf, path: string, { message }: Explanation): GradtapeError {
  const name =
    source instanceof Variable ? `variable ${source.name}` : `the source of shape ${showShape(source.shape)}`;
  return new GradtapeError(
    'ERR_UNCONNECTED',
    `${op}: ${name}${path ? ` (sources${path})` : ''} has no differentiable path to the target. ${message}`,
  );
}
