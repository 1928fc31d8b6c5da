/** The axis and the options of a reduction, as users write them. */
import { boolean, isOptions, options, showDeep } from '../base/arguments.js';
import { ShapeError } from '../base/errors.js';
import { checkAxis, type Lengths } from '../base/shape.js';

export interface ReduceOptions {
  /** Keep reduced axes with length 1. */
  keepdims?: boolean;
}
/** Axes to reduce over; null and undefined are all of them. */
export type Axis = number | Lengths | null;

const reduceOptions = { keepdims: boolean } as const;

/** Axis and options as they were given: options may take the axis' place. */
export function reduceArguments(
  op: string,
  axis: Axis | ReduceOptions | undefined,
  opts: ReduceOptions | undefined,
): [axis: unknown, keepdims: boolean] {
  const shifted = opts === undefined && isOptions(axis);
  const { keepdims = false } = options(op, reduceOptions, shifted ? axis : opts);
  return [shifted ? undefined : axis, keepdims];
}

/** One axis, which stands by itself. */
export function oneAxis(op: string, axis: unknown, rank: number): number {
  if (typeof axis === 'number') return checkAxis(op, axis, rank);
  throw new ShapeError(`${op}: axis must be a whole number, by itself, got ${showDeep(axis)}`, 'ERR_AXIS');
}
