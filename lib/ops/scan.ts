/** Scans along an axis: the checks around primitives/scan.ts. */
import { boolean, isOptions, options, refuseBehind } from '../base/arguments.js';
import type { DTypeKind } from '../base/dtype.js';
import { checkAxis } from '../base/shape.js';
import type { Tensor } from '../engine/tensor.js';
import { asTensor, ofKind } from '../op/operands.js';
import type { TensorLike } from '../op/variable.js';
import { accumulated } from '../primitives/movement.js';
import { runningLogSumExp, runningProduct, runningSum, type Scan } from '../primitives/scan.js';

/** The options of `cumsum`, `cumprod` and `cumulativeLogsumexp`. */
export interface ScanOptions {
  /** Whether each result leaves its own element out, so that the first is that of no elements. Default false. */
  exclusive?: boolean;
  /** Whether the scan runs from the last element to the first. Default false. */
  reverse?: boolean;
}

const scanOptions = { exclusive: boolean, reverse: boolean } as const;

/** The arguments of a scan, checked. */
function prepare(
  op: string,
  kinds: readonly DTypeKind[],
  x: TensorLike,
  axis: number | ScanOptions | undefined,
  opts: ScanOptions | undefined,
): [a: Tensor, scan: Scan] {
  const shifted = opts === undefined && isOptions(axis);
  const { exclusive = false, reverse = false } = options(op, scanOptions, shifted ? axis : opts);
  const a = ofKind(op, asTensor(op, x), ...kinds);
  return [a, { axis: checkAxis(op, shifted ? 0 : (axis ?? 0), a.rank), exclusive, reverse }];
}

const numeric = ['floating', 'integer'] as const;

/**
 * The sum of all elements up to each one, along an axis (default 0): result[i] = x[0] + ... + x[i]. Of x's shape and
 * dtype; integers wrap around. The options may stand in the place of the axis.
 * @throws ShapeError ERR_AXIS for an axis that x has not; DTypeError for bool; ValueError ERR_OPTION for an option
 */
export function cumsum(x: TensorLike, axis?: number | ScanOptions, opts?: ScanOptions): Tensor {
  if (arguments.length > 3) refuseBehind('cumsum', arguments[3]);
  const [a, scan] = prepare('cumsum', numeric, x, axis, opts);
  return accumulated(a, (t) => runningSum(t, scan));
}

/**
 * The product of all elements up to each one, along an axis (default 0): result[i] = x[0] * ... * x[i]. Of x's shape and
 * dtype; integers wrap around. Its gradient is right at zeros, too. The options may stand in the place of the axis.
 * @throws ShapeError ERR_AXIS for an axis that x has not; DTypeError for bool; ValueError ERR_OPTION for an option
 */
export function cumprod(x: TensorLike, axis?: number | ScanOptions, opts?: ScanOptions): Tensor {
  if (arguments.length > 3) refuseBehind('cumprod', arguments[3]);
  const [a, scan] = prepare('cumprod', numeric, x, axis, opts);
  return accumulated(a, (t) => runningProduct(t, scan));
}

/**
 * log(exp(x[0]) + ... + exp(x[i])) for each element, along an axis (default 0), without overflow; float32 and float64.
 * That of no elements (the first with `exclusive`) is -inf. The options may stand in the place of the axis.
 * @throws ShapeError ERR_AXIS for an axis that x has not; DTypeError; ValueError ERR_OPTION for an option
 */
export function cumulativeLogsumexp(x: TensorLike, axis?: number | ScanOptions, opts?: ScanOptions): Tensor {
  if (arguments.length > 3) refuseBehind('cumulativeLogsumexp', arguments[3]);
  return runningLogSumExp(...prepare('cumulativeLogsumexp', ['floating'], x, axis, opts));
}
