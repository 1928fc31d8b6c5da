/** Scans along an axis: the checks around primitives/scan.ts. */
import { boolean, isOptions, options, refuseBehind } from '../base/arguments.js';
import { DTypeError } from '../base/errors.js';
import { checkAxis } from '../base/shape.js';
import type { Tensor } from '../engine/tensor.js';
import { asTensor } from '../op/operands.js';
import type { TensorLike } from '../op/variable.js';
import { castTo } from '../primitives/movement.js';
import { runningSum } from '../primitives/scan.js';

export interface ScanOptions {
  /** Each result leaves its own element out; the first is 0. Default false. */
  exclusive?: boolean;
  /** From the last element to the first. Default false. */
  reverse?: boolean;
}

const scanOptions = { exclusive: boolean, reverse: boolean } as const;

/**
 * The sum of all elements up to each one, along an axis (default 0): result[i] = x[0] + ... + x[i]. Of x's shape and dtype; integers wrap
 * around. The options may stand in the place of the axis.
 * @throws ShapeError ERR_AXIS for an axis that x has not; DTypeError for bool; ValueError ERR_OPTION for an option
 */
export function cumsum(x: TensorLike, axis?: number | ScanOptions, opts?: ScanOptions): Tensor {
  const shifted = opts === undefined && isOptions(axis);
  const { exclusive = false, reverse = false } = options('cumsum', scanOptions, shifted ? axis : opts);
  if (arguments.length > 3) refuseBehind('cumsum', arguments[3]);
  const a = asTensor('cumsum', x);
  const scan = { axis: checkAxis('cumsum', shifted ? 0 : (axis ?? 0), a.rank), exclusive, reverse };
  if (a.dtype === 'uint8') return castTo(runningSum(castTo(a, 'int32'), scan), 'uint8');
  if (a.dtype === 'bool') {
    throw new DTypeError("cumsum: expected dtype float32, float64, int32 or uint8, got bool; write cast(x, 'int32')");
  }
  return runningSum(a, scan);
}
