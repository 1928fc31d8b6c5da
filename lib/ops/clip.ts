/**
 * Clipping: elements limited to an interval, tensors scaled down to a norm; each of one tensor, or of a nest of them, as
 * gradients are.
 */
import { anything, options, refuseBehind, refuseExtra } from '../base/arguments.js';
import { inTheNameOf, ShapeError, show, ValueError } from '../base/errors.js';
import { isNumbers, mapNested, unnest } from '../base/nested.js';
import { broadcastsTo, checkAxes, scalarShape, showShape } from '../base/shape.js';
import type { NumberArray } from '../engine/constant.js';
import { type Tensor, uniformTensor } from '../engine/tensor.js';
import type { Axis } from '../op/axes.js';
import { asTensor, asTensors, floating, ofKind } from '../op/operands.js';
import type { Leaf, Sources } from '../op/sources.js';
import type { TensorLike } from '../op/variable.js';
import { add, div, maximum, minimum, mul, sub } from '../primitives/arithmetic.js';
import { IndexedSlices } from '../primitives/gather.js';
import { castTo } from '../primitives/movement.js';
import { normOver } from '../primitives/reduce.js';
import { globalNormOf } from './norm.js';

/** A nest with tensors in place of its operands; `null` stays. */
export type Clipped<S> = S extends null
  ? null
  : S extends IndexedSlices
    ? IndexedSlices
    : S extends Leaf | number | boolean | ArrayBufferView | NumberArray
      ? Tensor
      : ClippedParts<S>;
/** The same of what is no operand by itself. */
export type ClippedParts<S> = S extends readonly unknown[]
  ? number extends S['length']
    ? Clipped<S[number]>[]
    : { -readonly [K in keyof S]: Clipped<S[K]> }
  : S extends object
    ? { -readonly [K in keyof S]: Clipped<S[K]> }
    : never;

// ---- one tensor ----

/** A function of a tensor's elements: of IndexedSlices, of their values. */
function ofValues(t: Tensor, f: (values: Tensor) => Tensor): Tensor {
  return t instanceof IndexedSlices ? new IndexedSlices(f(t.values), t.indices, t.denseShape) : f(t);
}

/** What is looked at of a tensor: of IndexedSlices their values. */
export function valuesOf(t: Tensor): Tensor {
  return t instanceof IndexedSlices ? t.values : t;
}

/** The factor by which what has this norm is scaled down to `most`: 1 where the norm is not above it. */
function factor(norm: Tensor, most: Tensor): Tensor {
  return div(most, maximum(norm, most));
}

function between(x: Tensor, low: Tensor, high: Tensor): Tensor {
  return maximum(minimum(x, high), low);
}

/** A tensor scaled down to norm `most`; null axes: all. */
function toNorm(x: Tensor, most: Tensor, axes: readonly number[] | null): Tensor {
  const all = axes ?? [...x.shape.keys()];
  return mul(x, factor(normOver(x, all, axes !== null), most));
}

/** The elements limited to [-most, most]. */
export function clippedByValue(t: Tensor, most: number): Tensor {
  const bound = (value: number): Tensor => uniformTensor(value, t.dtype, scalarShape);
  return ofValues(t, (x) => between(x, bound(-most), bound(most)));
}

/** The tensor scaled down to norm `most`. */
export function clippedByNorm(t: Tensor, most: number): Tensor {
  return ofValues(t, (x) => toNorm(x, uniformTensor(most, t.dtype, scalarShape), null));
}

/**
 * The tensors scaled down, together, so that what has the norm `norm` gets the norm `most`; a norm that is no finite
 * number makes NaN of all.
 */
export function clippedByGlobalNorm(tensors: readonly Tensor[], most: Tensor, norm: Tensor): Tensor[] {
  const scale = add(factor(norm, most), sub(norm, norm));
  return tensors.map((t) => ofValues(t, (x) => mul(x, scale.dtype === x.dtype ? scale : castTo(scale, x.dtype))));
}

// ---- nests ----

/** The nest with `f` of each operand; `null` stays. */
function mapOperands<S>(op: string, x: S, f: (operand: TensorLike, name: string) => Tensor): Clipped<S> {
  return mapNested(
    op,
    x,
    (operand, path) => (operand === null && path !== '' ? null : f(operand as TensorLike, `x${path}`)),
    isNumbers,
  ) as Clipped<S>;
}

/**
 * The tensors of a list or other nest, of one floating dtype, also if they are arrays of numbers; and the nest with
 * others in their places.
 */
export function tensorsIn(op: string, x: unknown): { tensors: Tensor[]; nest: (ts: readonly Tensor[]) => unknown } {
  const { leaves, paths, nest } = unnest(op, x, (value, path) => path !== '' && isNumbers(value));
  if (leaves.length === 0 || paths[0] === '') {
    throw new ValueError(`${op}: expected a list or nest of tensors, got ${show(x)}`);
  }
  const tensors = asTensors(op, leaves as TensorLike[]);
  floating(op, tensors[0] as Tensor, 'values[0]');
  return { tensors, nest };
}

// ---- what users call ----

/**
 * x limited to [low, high], by min(max): where low > high it is low, as in TensorFlow. The bounds broadcast to x. The
 * derivative is 1 within the interval and at its bounds, 0 outside. Of a nest each tensor by itself (`null` stays), and
 * of IndexedSlices the values.
 * @throws DTypeError, ShapeError; GradtapeError ERR_NOT_A_TENSOR, ERR_NESTING
 */
export function clipByValue<const S>(
  x: S & NoInfer<Sources<S, TensorLike | null>>,
  low: TensorLike,
  high: TensorLike,
): Clipped<S> {
  const op = 'clipByValue';
  if (arguments.length > 3) refuseExtra(op, arguments[3], undefined);
  return mapOperands(op, x, (operand, path) => {
    const [a, l, h] = asTensors(op, [operand, low, high], [path, 'low', 'high']) as [Tensor, Tensor, Tensor];
    ofKind(op, a, 'floating', 'integer');
    return ofValues(a, (values) => {
      for (const [name, bound] of [['low', l] as const, ['high', h] as const]) {
        if (broadcastsTo(bound.shape, values.shape)) continue;
        throw new ShapeError(
          `${op}: ${name} ${showShape(bound.shape)} does not broadcast to x ${showShape(values.shape)}`,
        );
      }
      return between(values, l, h);
    });
  });
}

/** The options of `clipByNorm`. */
export interface ClipByNormOptions {
  /** The axis or axes along which the norm is taken. Default: all. */
  axes?: Axis;
}
const normSpec = { axes: anything } as const;

/** A number that limits a norm, beside a tensor. */
function limitOf(op: string, clipNorm: TensorLike, like: Tensor): Tensor {
  if (typeof clipNorm === 'number' && !(clipNorm > 0 && clipNorm < Infinity)) {
    throw new ValueError(`${op}: clipNorm must be a finite number > 0, got ${clipNorm}`);
  }
  const [, most] = asTensors(op, [like, clipNorm], ['x', 'clipNorm']) as [Tensor, Tensor];
  return most;
}

/**
 * x scaled down to the norm clipNorm where its Euclidean norm is larger: x clipNorm / max(norm, clipNorm). With `axes`,
 * the vectors along these, each by itself. Of a nest each tensor by itself (`null` stays), and of IndexedSlices the
 * values, without adding up rows that come twice. float32 and float64. clipNorm: a number > 0, or a tensor that
 * broadcasts to the norms.
 * @throws ValueError for a number that is not > 0; ValueError ERR_OPTION; DTypeError, ShapeError
 */
export function clipByNorm<const S>(
  x: S & NoInfer<Sources<S, TensorLike | null>>,
  clipNorm: TensorLike,
  opts?: ClipByNormOptions,
): Clipped<S> {
  const op = 'clipByNorm';
  const { axes } = options(op, normSpec, opts);
  if (arguments.length > 3) refuseBehind(op, arguments[3]);
  return mapOperands(op, x, (operand, name) => {
    const a = floating(op, asTensor(op, operand, undefined, name), name);
    const most = limitOf(op, clipNorm, a);
    return ofValues(a, (values) => {
      const over = axes === undefined || axes === null ? null : checkAxes(op, axes, values.rank);
      const result = inTheNameOf(op, () => toNorm(values, most, over));
      if (result.rank === values.rank && result.size === values.size) return result;
      throw new ShapeError(
        `${op}: clipNorm ${showShape(most.shape)} does not broadcast to the norms of x ${showShape(values.shape)}`,
      );
    });
  });
}

/** The options of `clipByGlobalNorm`. */
export interface ClipByGlobalNormOptions {
  /** The norm to take for that of the tensors. Default: `linalg.globalNorm` of them. */
  useNorm?: TensorLike;
}
const globalSpec = { useNorm: anything } as const;

/**
 * Tensors, in a nest, scaled down together where their norm as one vector is larger than clipNorm: each t becomes
 * t clipNorm / max(globalNorm, clipNorm). `null` stays, and of IndexedSlices the values are taken. A norm that is
 * infinite or NaN makes NaN of all, as in TensorFlow. float32 and float64, one dtype for all.
 * @throws ValueError for a nest without a tensor, a clipNorm that is not > 0; ValueError ERR_OPTION; DTypeError,
 *   ShapeError
 */
export function clipByGlobalNorm<const S>(
  x: S & NoInfer<Sources<S, TensorLike | null>>,
  clipNorm: TensorLike,
  opts?: ClipByGlobalNormOptions,
): { clipped: ClippedParts<S>; globalNorm: Tensor } {
  const op = 'clipByGlobalNorm';
  const { useNorm } = options(op, globalSpec, opts);
  if (arguments.length > 3) refuseBehind(op, arguments[3]);
  const { tensors, nest } = tensorsIn(op, x);
  const first = tensors[0] as Tensor;
  const most = scalar(op, 'clipNorm', limitOf(op, clipNorm, first));
  const globalNorm =
    useNorm === undefined
      ? globalNormOf(tensors.map(valuesOf))
      : scalar(op, 'useNorm', asTensors(op, [first, useNorm as TensorLike], ['values[0]', 'useNorm'])[1] as Tensor);
  return { clipped: nest(clippedByGlobalNorm(tensors, most, globalNorm)) as ClippedParts<S>, globalNorm };
}

function scalar(op: string, name: string, t: Tensor): Tensor {
  if (t.rank === 0) return t;
  throw new ShapeError(`${op}: ${name} must be a scalar, got shape ${showShape(t.shape)}`);
}
