/** Axes and options of reductions, as users pass them. */
import { boolean, isOptions, options, showDeep } from '../base/arguments.js';
import { ShapeError } from '../base/errors.js';
import { checkAxis, type Lengths } from '../base/shape.js';

/** The options of reductions, and of what reduces otherwise. */
export interface ReduceOptions {
  /** Keep reduced axes with length 1. */
  keepdims?: boolean;
}
/** The axes to reduce over; null and undefined mean all. */
export type Axis = number | Lengths | null;

const reduceOptions = { keepdims: boolean } as const;

/** Axis (not checked) and `keepdims` of a call. The options may stand in the axis' place. */
export function reduceArguments(
  op: string,
  axis: Axis | ReduceOptions | undefined,
  opts: ReduceOptions | undefined,
): [axis: unknown, keepdims: boolean] {
  const shifted = opts === undefined && isOptions(axis);
  const { keepdims = false } = options(op, reduceOptions, shifted ? axis : opts);
  return [shifted ? undefined : axis, keepdims];
}

/**
 * One axis, as 0 .. rank - 1; a list of axes is refused.
 * @throws ShapeError ERR_AXIS
 */
export function oneAxis(op: string, axis: unknown, rank: number): number {
  if (typeof axis === 'number') return checkAxis(op, axis, rank);
  throw new ShapeError(`${op}: axis must be a whole number, by itself, got ${showDeep(axis)}`, 'ERR_AXIS');
}
