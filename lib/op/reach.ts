/**
 * Reach: which NaNs and infinities of a result no NaN or infinity of an operand reaches, because they are there whatever
 * stands in its place.
 */
import { isFloating, newArray } from '../base/dtype.js';
import { GradtapeError } from '../base/errors.js';
import { shapeOf } from '../base/shape.js';
import { fromValue } from '../engine/constant.js';
import { ensureKnown } from '../engine/evaluate.js';
import type { Tensor } from '../engine/tensor.js';
import { unheard } from '../record/stack.js';
import type { Op } from './op.js';

/** A call of an op that gave a result, so that it can be computed of other operands. */
export interface Call<A = unknown> {
  readonly op: Op<A>;
  readonly operands: readonly Tensor[];
  readonly attributes: A;
}

/** The elements of a tensor, computed if they are pending. */
export function elementsOf(t: Tensor): ArrayLike<number> {
  ensureKnown(t);
  return t.buffer ? t.buffer.elements : newArray(t.dtype, t.size).fill(t.uniform as number);
}

function some(elements: ArrayLike<number>, test: (value: number) => boolean): boolean {
  for (let i = 0; i < elements.length; i++) if (test(elements[i] as number)) return true;
  return false;
}

// What stands in for a number that is left out: 0, which does nothing to a sum and ends a product; and, of both signs and
// sizes, numbers without a pattern (multiples of the golden ratio), which make no matrix singular.
const scales = [0, 1, -1, 1000] as const;
const standIn = (scale: number, i: number): number => scale * (0.25 + 0.5 * ((i * 0.6180339887498949) % 1));

/** The operand once for each scale, as a batch, with others in place of the numbers that are left out. */
function replaced(t: Tensor, leavesOut: (value: number) => boolean): Tensor {
  const elements = elementsOf(t);
  const { dtype, size } = t;
  const copies = newArray(dtype, scales.length * size);
  scales.forEach((scale, k) => {
    for (let i = 0; i < size; i++) {
      const value = elements[i] as number;
      copies[k * size + i] = leavesOut(value) ? standIn(scale, i) : value;
    }
  });
  return fromValue('reach', copies, dtype, shapeOf([scales.length, ...t.shape]));
}

const hasNumbers = (t: Tensor): boolean => isFloating(t.dtype);

/**
 * Whether an element of the result is the same whatever stands where operands have numbers that are left out; null if that
 * cannot be told, of an op that has no batch rule or does not take other numbers. Asked of what is not finite.
 */
function unmoved(
  { op, operands, attributes }: Call,
  out: Tensor,
  leavesOut: (value: number) => boolean,
): ((at: number) => boolean) | null {
  const { shape, dtype, size } = out;
  const batched = operands.map((t) => hasNumbers(t) && some(elementsOf(t), leavesOut));
  const given = operands.map((t, k) => (batched[k] ? replaced(t, leavesOut) : t));
  try {
    const results = unheard(() =>
      op.batch?.({ op, count: scales.length, operands: given, batched, shape, dtype, attributes }),
    ) as Tensor | readonly Tensor[] | undefined;
    if (!results || !('dtype' in results) || results.size !== scales.length * size) return null;
    const values = elementsOf(out);
    const elements = elementsOf(results);
    return (at) => scales.every((_, k) => Object.is(elements[k * size + at], values[at]));
  } catch (error) {
    if (error instanceof GradtapeError) return null;
    throw error;
  }
}

const isNotFinite = (value: number): boolean => !Number.isFinite(value);

/**
 * Which elements of the result of a call the op itself made NaN or infinite: NaN that no NaN reaches, and what nothing
 * that is not finite reaches.
 */
export function madeBy(call: Call | null, operands: readonly Tensor[], out: Tensor): (at: number) => boolean {
  const numbers = operands.filter(hasNumbers).map(elementsOf);
  if (!numbers.some((elements) => some(elements, isNotFinite))) return () => true;
  const elements = elementsOf(out);
  const anyNaN = numbers.some((operand) => some(operand, Number.isNaN));
  const anyInfinite = numbers.some((operand) => some(operand, (value) => isNotFinite(value) && !Number.isNaN(value)));
  const always = call && unmoved(call, out, isNotFinite);
  const newNaN = !anyNaN ? () => true : anyInfinite ? call && unmoved(call, out, Number.isNaN) : null;
  return (at) => !!always?.(at) || (Number.isNaN(elements[at]) && !!newNaN?.(at));
}
