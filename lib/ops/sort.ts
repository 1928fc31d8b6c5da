/** Sorting and searching: the checks around primitives/sort.ts. */
import { argument, boolean, integer, isOptions, oneOf, options, refuseBehind } from '../base/arguments.js';
import { ShapeError } from '../base/errors.js';
import { checkAxis, sameShape, shapeOf, showShape } from '../base/shape.js';
import type { Tensor } from '../engine/tensor.js';
import { asIndices, asTensor, asTensors, floating, ofKind } from '../op/operands.js';
import type { TensorLike } from '../op/variable.js';
import { greater, greaterEqual, less, logicalAnd } from '../primitives/compare.js';
import { gatherRows } from '../primitives/gather.js';
import { isFinite as finite } from '../primitives/math.js';
import { castTo, reshapeTo, sumOver } from '../primitives/movement.js';
import { allOver } from '../primitives/reduce.js';
import { select } from '../primitives/select.js';
import { nthOf, type Order, placesIn, placesSorted, valuesAndPlaces, valuesSorted } from '../primitives/sort.js';

/** The options of `sort`. */
export interface SortOptions {
  /** Default 'ASCENDING'. Either case. */
  direction?: 'ASCENDING' | 'DESCENDING' | 'ascending' | 'descending';
}
/** The options of `argsort`. */
export interface ArgsortOptions extends SortOptions {
  /** Equal elements always stay in order; the option is there for TensorFlow's sake. */
  stable?: boolean;
}

const direction = oneOf(['ASCENDING', 'DESCENDING'] as const, true);
const sortOptions = { direction } as const;
const argsortOptions = { direction, stable: boolean } as const;

/** The operand of a sort, and its order. */
function prepare(
  op: string,
  spec: typeof sortOptions | typeof argsortOptions,
  x: TensorLike,
  axis: number | SortOptions | undefined,
  opts: SortOptions | undefined,
): [a: Tensor, order: Order] {
  const shifted = opts === undefined && isOptions(axis);
  const given = options<typeof sortOptions>(op, spec, shifted ? axis : opts);
  const a = ofKind(op, asTensor(op, x), 'floating', 'integer');
  const d = checkAxis(op, shifted ? -1 : (axis ?? -1), a.rank);
  return [a, { axis: d, descending: given.direction === 'DESCENDING', count: a.shape[d] as number }];
}

/**
 * The elements sorted along an axis (default the last one), of x's shape and dtype. NaN counts as the largest number.
 * The gradient goes to where each element came from. The options may stand in the place of the axis.
 * @throws ShapeError ERR_AXIS for an axis that x has not; DTypeError for bool; ValueError ERR_OPTION
 */
export function sort(x: TensorLike, axis?: number | SortOptions, opts?: SortOptions): Tensor {
  if (arguments.length > 3) refuseBehind('sort', arguments[3]);
  return valuesSorted('sort', ...prepare('sort', sortOptions, x, axis, opts));
}

/**
 * Where along an axis (default the last one) the sorted elements come from: int32, of x's shape. Equal elements stay in
 * order; NaN counts as the largest number. No gradient. The options may stand in the place of the axis.
 * @throws ShapeError ERR_AXIS for an axis that x has not; DTypeError for bool; ValueError ERR_OPTION
 */
export function argsort(x: TensorLike, axis?: number | ArgsortOptions, opts?: ArgsortOptions): Tensor {
  if (arguments.length > 3) refuseBehind('argsort', arguments[3]);
  return placesSorted('argsort', ...prepare('argsort', argsortOptions, x, axis, opts));
}

/** The options of `topK`. */
export interface TopKOptions {
  /** The results are always sorted; the option is there for TensorFlow's sake. */
  sorted?: boolean;
}
const topKOptions = { sorted: boolean } as const;
const anyCount = integer(0, 2 ** 31 - 1);

/** The operand of an op along the last axis, which it must have. */
function lastAxis(op: string, x: TensorLike): [a: Tensor, length: number] {
  const a = ofKind(op, asTensor(op, x), 'floating', 'integer');
  if (a.rank === 0) throw new ShapeError(`${op}: expected a tensor of rank >= 1, got a scalar`);
  return [a, a.shape[a.rank - 1] as number];
}

/**
 * The k (default 1) largest elements along the last axis, the largest first, and their indices (int32), both of shape
 * x.shape[:-1] + [k]. Of equal elements the first comes first; NaN counts as the largest number. Gradients flow through
 * the values.
 * @throws ShapeError for a scalar, and for a k above the length of the axis; DTypeError for bool; ValueError ERR_VALUE
 */
export function topK(x: TensorLike, k?: number | TopKOptions, opts?: TopKOptions): { values: Tensor; indices: Tensor } {
  const shifted = opts === undefined && isOptions(k);
  options('topK', topKOptions, shifted ? k : opts);
  if (arguments.length > 3) refuseBehind('topK', arguments[3]);
  const [a, length] = lastAxis('topK', x);
  const count = shifted || k === undefined ? 1 : argument('topK', 'k', anyCount, k);
  if (count > length) throw new ShapeError(`topK: k ${count} is above the length ${length} of the last axis`);
  const [values, indices] = valuesAndPlaces('topK', a, { axis: a.rank - 1, descending: true, count });
  return { values, indices };
}

/** The options of `nthElement`. */
export interface NthElementOptions {
  /** Count from the largest element. Default false. */
  reverse?: boolean;
}
const nthOptions = { reverse: boolean } as const;

/**
 * The n-th smallest element (from 0) along the last axis, of shape x.shape[:-1]. NaN counts as the largest number.
 * Elements that equal it share the gradient equally.
 * @throws ShapeError for a scalar, and for an n that the axis has not; DTypeError for bool; ValueError ERR_VALUE
 */
export function nthElement(x: TensorLike, n: number, opts?: NthElementOptions): Tensor {
  const { reverse = false } = options('nthElement', nthOptions, opts);
  if (arguments.length > 3) refuseBehind('nthElement', arguments[3]);
  const [a, length] = lastAxis('nthElement', x);
  const at = argument('nthElement', 'n', anyCount, n);
  if (at >= length) throw new ShapeError(`nthElement: n ${at} is out of range for a last axis of length ${length}`);
  return nthOf(a, at, reverse);
}

/**
 * Whether the class of each row is among its k most probable ones (bool [batch]): targets [batch], whole numbers,
 * predictions [batch, classes], float32 or float64. Classes that tie at the border are all in. false for a target that is
 * no class, and for a row with infinities or NaN. No gradient.
 * @throws ShapeError, DTypeError; ValueError ERR_VALUE for k
 */
export function inTopK(targets: TensorLike, predictions: TensorLike, k: number): Tensor {
  if (arguments.length > 3) refuseBehind('inTopK', arguments[3]);
  const t = asIndices('inTopK', targets, 'targets');
  const p = floating('inTopK', asTensor('inTopK', predictions, undefined, 'predictions'), 'predictions');
  const most = argument('inTopK', 'k', integer(-(2 ** 31), 2 ** 31 - 1), k);
  if (p.rank !== 2 || t.rank !== 1 || t.size !== p.shape[0]) {
    throw new ShapeError(
      `inTopK: expected targets [batch] and predictions [batch, classes], got shapes ${showShape(t.shape)} and ${showShape(p.shape)}`,
    );
  }
  const [batch, classes] = p.shape as [number, number];
  const isClass = logicalAnd(greaterEqual(t, 0), less(t, classes));
  if (batch * classes === 0) return isClass;
  const rows = { sizes: [batch, 1, classes, 1, 1], sparse: false } as const;
  const own = gatherRows('inTopK', p, select(isClass, t, 0), rows, t.shape);
  const above = sumOver(castTo(greater(p, reshapeTo(own, shapeOf([batch, 1]))), 'int32'), [1], false);
  return logicalAnd(logicalAnd(isClass, allOver(finite(p), [1], false)), less(above, most));
}

/** The options of `searchsorted`. */
export interface SearchsortedOptions {
  /** Whether the place before ('left', default) or behind ('right') elements that equal the value. */
  side?: 'left' | 'right';
}
const searchOptions = { side: oneOf(['left', 'right'] as const) } as const;

/**
 * Where each value would be put in to keep its sorted sequence sorted: int32, of the shape of values. Sequences [..., n],
 * values [..., m], with the same leading axes. No gradient.
 * @throws ShapeError; DTypeError for bool, and for two dtypes; ValueError ERR_OPTION
 */
export function searchsorted(sortedSequence: TensorLike, values: TensorLike, opts?: SearchsortedOptions): Tensor {
  const { side = 'left' } = options('searchsorted', searchOptions, opts);
  if (arguments.length > 3) refuseBehind('searchsorted', arguments[3]);
  const [s, v] = asTensors('searchsorted', [sortedSequence, values], ['sortedSequence', 'values']) as [Tensor, Tensor];
  ofKind('searchsorted', s, 'floating', 'integer');
  if (s.rank === 0 || s.rank !== v.rank || !sameShape(s.shape.slice(0, -1), v.shape.slice(0, -1))) {
    throw new ShapeError(
      `searchsorted: expected sequences [..., n] and values [..., m] with the same leading axes, got shapes ${showShape(s.shape)} and ${showShape(v.shape)}`,
    );
  }
  return placesIn(s, v, side === 'right');
}
