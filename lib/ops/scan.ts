/** Scans along an axis: the checks around primitives/scan.ts. */
import { boolean, isOptions, options, refuseBehind } from '../base/arguments.js';
import { checkAxis } from '../base/shape.js';
import type { Tensor } from '../engine/tensor.js';
import { asTensor, ofKind } from '../op/operands.js';
import type { TensorLike } from '../op/variable.js';
import { accumulated } from '../primitives/movement.js';
import { runningSum } from '../primitives/scan.js';

export interface ScanOptions {
  /** Whether each sum leaves its own element out, so that the first is 0. Default false. */
  exclusive?: boolean;
  /** Whether the sums run from the last element to the first. Default false. */
  reverse?: boolean;
}

const scanOptions = { exclusive: boolean, reverse: boolean } as const;

/**
 * The sum of all elements up to each one, along an axis (default 0): result[i] = x[0] + ... + x[i]. Of x's shape and
 * dtype; integers wrap around. The options may stand in the place of the axis.
 * @throws ShapeError ERR_AXIS for an axis that x has not; DTypeError for bool; ValueError ERR_OPTION for an option
 */
export function cumsum(x: TensorLike, axis?: number | ScanOptions, opts?: ScanOptions): Tensor {
  const shifted = opts === undefined && isOptions(axis);
  const { exclusive = false, reverse = false } = options('cumsum', scanOptions, shifted ? axis : opts);
  if (arguments.length > 3) refuseBehind('cumsum', arguments[3]);
  const a = ofKind('cumsum', asTensor('cumsum', x), 'floating', 'integer');
  const scan = { axis: checkAxis('cumsum', shifted ? 0 : (axis ?? 0), a.rank), exclusive, reverse };
  return accumulated(a, (t) => runningSum(t, scan));
}
