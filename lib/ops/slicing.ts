/** Slices, padding, reversing, splitting, tiling: the checks around primitives/box.ts. */
import {
  type Kind,
  oneOf,
  options,
  refuseBehind,
  refused,
  refuseExtra,
  refuseSpread,
  showDeep,
} from '../base/arguments.js';
import { numberAs } from '../base/dtype.js';
import { DTypeError, ShapeError, show, ValueError } from '../base/errors.js';
import {
  checkAxes,
  checkAxis,
  checkIntegers,
  checkPairs,
  guardShape,
  type Lengths,
  type Shape,
  sameShape,
  shapeOf,
  showShape,
  sizeOf,
} from '../base/shape.js';
import type { Tensor } from '../engine/tensor.js';
import { uniformTensor } from '../engine/tensor.js';
import { asTensor, dtypeOf } from '../op/operands.js';
import { type AxisRange, boxOf, type IndexEntry, rangesOf, resolveRange } from '../op/ranges.js';
import type { TensorLike, Variable } from '../op/variable.js';
import { boxAt, concatAlong, placeBox, reverseAlong, sliceBox, splitAlong } from '../primitives/box.js';
import { broadcast, identityOf, reshapeTo, stopGradientOf } from '../primitives/movement.js';

/**
 * The slice of shape `size` (-1: to the end of the axis) that begins at `begin`.
 * @throws ShapeError
 */
export function slice(x: TensorLike, begin: number | Lengths, size: number | Lengths): Tensor {
  if (arguments.length > 3) refuseExtra('slice', arguments[3], undefined);
  const a = asTensor('slice', x);
  const from = checkIntegers('slice', 'begin', 'a list of integers, one an axis', begin, 'ERR_INDEX');
  const counts = checkIntegers('slice', 'size', 'a list of integers, one an axis (-1: to the end)', size, 'ERR_INDEX');
  if (from.length !== a.rank || counts.length !== a.rank) {
    throw new ShapeError(
      `slice: begin and size need ${a.rank} entries for shape ${showShape(a.shape)}, got ${from.length} and ${counts.length}`,
    );
  }
  const lengths = a.shape.map((length, d) => {
    const b = from[d] as number;
    const s = counts[d] === -1 ? length - b : (counts[d] as number);
    if (b < 0 || s < 0 || b + s > length) {
      throw new ShapeError(`slice: [${b}, ${b + s}) leaves axis ${d} of length ${length}`, 'ERR_INDEX');
    }
    return s;
  });
  return sliceBox(a, shapeOf(lengths), boxAt(from));
}

const strideList = 'a list of integers, at most one an axis';

/**
 * NumPy's x[begin:end:strides] for each leading axis; axes behind these are whole. Strides (default 1) may be negative.
 * @throws ShapeError; ValueError ERR_INDEX for a stride of 0
 */
export function stridedSlice(
  x: TensorLike,
  begin: number | Lengths,
  end: number | Lengths,
  strides?: number | Lengths,
): Tensor {
  if (arguments.length > 4) refuseExtra('stridedSlice', arguments[4], undefined);
  const a = asTensor('stridedSlice', x);
  const from = checkIntegers('stridedSlice', 'begin', strideList, begin, 'ERR_INDEX');
  const to = checkIntegers('stridedSlice', 'end', strideList, end, 'ERR_INDEX');
  const by =
    strides === undefined
      ? from.map(() => 1)
      : checkIntegers('stridedSlice', 'strides', strideList, strides, 'ERR_INDEX');
  if (from.length > a.rank || from.length !== to.length || by.length !== from.length) {
    throw new ShapeError(
      `stridedSlice: begin, end and strides need equal lengths of at most ${a.rank}, got ${from.length}, ${to.length} and ${by.length}`,
    );
  }
  if (by.includes(0)) throw new ValueError('stridedSlice: strides must not be 0', 'ERR_INDEX');
  const ranges = a.shape.map((length, d) =>
    d < from.length
      ? resolveRange(from[d] as number, to[d] as number, by[d] as number, length)
      : { from: 0, by: 1, count: length },
  );
  return sliceRanges(a, ranges);
}

/** The slice of these ranges. */
function sliceRanges(a: Tensor, ranges: readonly AxisRange[]): Tensor {
  if (ranges.every(({ by, count }, d) => count === a.shape[d] && by === 1)) return identityOf(a);
  const { begin, strides, lengths } = boxOf(ranges);
  return sliceBox(a, lengths, { begin, strides });
}

/**
 * NumPy's basic indexing x[...]: an integer takes one slice and drops its axis, 'start:stop:step' a range, '...' all
 * axes between, null a new axis.
 * @throws ShapeError, ValueError ERR_INDEX
 */
export function at(x: TensorLike, ...index: IndexEntry[]): Tensor {
  const a = asTensor('at', x);
  const { ranges, shape } = rangesOf('at', a.shape, index);
  const t = sliceRanges(a, ranges);
  return sameShape(t.shape, shape) ? t : reshapeTo(t, shape);
}

/** What stands beyond the edges: one value; what lies inside, mirrored without the edge itself; or mirrored with it. */
export type PadMode = 'CONSTANT' | 'REFLECT' | 'SYMMETRIC';

/** The options of `pad`. */
export interface PadOptions {
  /** The new elements: constants (default), or x mirrored without ('REFLECT') or with ('SYMMETRIC') its border. */
  mode?: PadMode | Lowercase<PadMode>;
  /** The constant: a number, or a scalar tensor, to which no gradient flows (as in TensorFlow). Default 0. */
  constantValues?: number | boolean | Tensor | Variable;
}

/** A number, a boolean, a tensor or a variable; the rank is checked later. */
const scalarKind: Kind<number | boolean | Tensor | Variable> = {
  expected: 'a number or a scalar tensor',
  read: (value) => {
    if (typeof value === 'number' || typeof value === 'boolean') return value;
    return dtypeOf(value) === undefined ? refused : (value as Tensor | Variable);
  },
};
const padOptions = { mode: oneOf(['CONSTANT', 'REFLECT', 'SYMMETRIC'], true), constantValues: scalarKind } as const;

/**
 * x with new elements before and after it along each axis d: paddings[d] = [before, after] of them.
 * @throws ShapeError for paddings that do not fit the shape, or mirror more elements than the axis has; ValueError
 *   ERR_OPTION
 */
export function pad(
  x: TensorLike,
  paddings: readonly (readonly [number, number] | Lengths)[],
  opts?: PadOptions,
): Tensor {
  const a = asTensor('pad', x);
  const { mode = 'CONSTANT', constantValues: value = 0 } = options('pad', padOptions, opts);
  if (arguments.length > 3) refuseBehind('pad', arguments[3]);
  const pairs = checkPairs('pad', 'paddings', a.rank, `shape ${showShape(a.shape)}`, paddings);
  const shape = guardShape(
    'pad',
    a.shape.map((length, d) => length + (pairs[d]?.[0] ?? 0) + (pairs[d]?.[1] ?? 0)),
  );
  if (mode !== 'CONSTANT') return mirrored(a, pairs, mode === 'REFLECT' ? 1 : 0);
  const edges = typeof value === 'number' || typeof value === 'boolean' ? numberAs('pad', a.dtype, value) : value;
  return Object.is(edges, 0) ? placeBox(a, shape, boxAt(pairs.map((p) => p[0]))) : framed(a, pairs, edgeOf(a, edges));
}

type Pair = readonly [before: number, after: number];

/** Makes an edge of a given shape: filled with a number, or with a scalar tensor of a's dtype. */
function edgeOf(a: Tensor, value: number | Tensor | Variable): (shape: Shape) => Tensor {
  if (typeof value === 'number') return (shape) => uniformTensor(value, a.dtype, shape);
  const t = stopGradientOf(asTensor('pad', value));
  if (t.rank !== 0) {
    throw new ShapeError(`pad: option constantValues must be a scalar, got shape ${showShape(t.shape)}`);
  }
  if (t.dtype !== a.dtype) {
    throw new DTypeError(
      `pad: option constantValues has dtype ${t.dtype}, x has ${a.dtype}; write cast(value, '${a.dtype}')`,
    );
  }
  return (shape) => broadcast(t, shape);
}

/** The tensor between edges along each axis. */
function framed(a: Tensor, pairs: readonly Pair[], edge: (shape: Shape) => Tensor): Tensor {
  let t = a;
  pairs.forEach(([before, after], d) => {
    const side = (n: number): Tensor => edge(shapeOf(t.shape.map((length, k) => (k === d ? n : length))));
    if (before + after > 0) t = concatAlong([side(before), t, side(after)], d);
  });
  return t === a ? identityOf(a) : t;
}

/** The tensor between its mirror images along each axis; an image leaves out the `border` elements next to it. */
function mirrored(a: Tensor, paddings: readonly Pair[], border: number): Tensor {
  return paddings.reduce((t, [before, after], d) => {
    const length = t.shape[d] as number;
    if (Math.max(before, after) > Math.max(length - border, 0)) {
      throw new ShapeError(
        `pad: axis ${d} of length ${length} mirrors at most ${Math.max(length - border, 0)} elements, got ${showShape([before, after])}`,
      );
    }
    const image = (begin: number, count: number): Tensor[] => {
      if (count === 0) return [];
      const at = {
        begin: t.shape.map((_, k) => (k === d ? begin : 0)),
        strides: t.shape.map((_, k) => (k === d ? -1 : 1)),
      };
      return [sliceBox(t, shapeOf(t.shape.map((n, k) => (k === d ? count : n))), at)];
    };
    const parts = [...image(before - 1 + border, before), t, ...image(length - 1 - border, after)];
    return parts.length === 1 ? t : concatAlong(parts, d);
  }, identityOf(a));
}

/**
 * The elements in reverse order along the axes.
 * @throws ShapeError ERR_AXIS
 */
export function reverse(x: TensorLike, axis: number | Lengths): Tensor {
  if (arguments.length > 2) {
    refuseSpread('reverse', 'x, ', [...arguments].slice(1));
    refuseExtra('reverse', arguments[2], undefined);
  }
  const a = asTensor('reverse', x);
  if (axis === undefined || axis === null) {
    throw new ShapeError(`reverse: axis must be a whole number or a list of them, got ${show(axis)}`, 'ERR_AXIS');
  }
  const axes = checkAxes('reverse', axis, a.rank);
  return reverseAlong(a, ...axes);
}

/** The slices along an axis (default 0), each without that axis. */
export function unstack(x: TensorLike, axis = 0): Tensor[] {
  if (arguments.length > 2) refuseExtra('unstack', arguments[2], undefined);
  const a = asTensor('unstack', x);
  const d = checkAxis('unstack', axis, a.rank);
  const count = a.shape[d] as number;
  const shape = shapeOf(a.shape.toSpliced(d, 1));
  return splitAlong(a, new Array<number>(count).fill(1), d).map((t) => reshapeTo(t, shape));
}

/**
 * The parts along an axis (default 0): a number of equal parts, or the list of their lengths, of which one may be -1
 * (what is left).
 * @throws ShapeError if they do not add up to the axis
 */
export function split(x: TensorLike, parts: number | Lengths, axis = 0): Tensor[] {
  if (arguments.length > 3) refuseExtra('split', arguments[3], undefined);
  const a = asTensor('split', x);
  const d = checkAxis('split', axis, a.rank);
  const length = a.shape[d] as number;
  return splitAlong(a, partLengths(parts, d, length), d);
}

/** The most parts that an empty axis is split into: it divides into any number of empty parts. */
const kMostEmptyParts = 2 ** 16;

/** The lengths of the parts of an axis. */
function partLengths(parts: unknown, axis: number, length: number): number[] {
  if (typeof parts === 'number') {
    const divides =
      Number.isInteger(parts) &&
      (parts > 0 ? length % parts === 0 && parts <= Math.max(length, kMostEmptyParts) : parts === 0 && length === 0);
    if (divides) return Array.from({ length: parts }, () => length / parts);
    throw new ShapeError(`split: axis ${axis} of length ${length} does not divide into ${parts} equal parts`);
  }
  const lengths = checkIntegers('split', 'parts', 'a number of parts or a list of their lengths', parts);
  const given = showDeep(lengths);
  const open = lengths.indexOf(-1);
  if (open >= 0) lengths[open] = length - lengths.reduce((s, n) => s + n, 1);
  if (lengths.some((n) => n < 0) || lengths.reduce((s, n) => s + n, 0) !== length) {
    throw new ShapeError(`split: parts ${given} do not add up to axis ${axis} of length ${length}`);
  }
  return lengths;
}

/**
 * The tensor repeated multiples[d] times along each axis d.
 * @throws ShapeError
 */
export function tile(x: TensorLike, multiples: number | Lengths): Tensor {
  if (arguments.length > 2) {
    refuseSpread('tile', 'x, ', [...arguments].slice(1));
    refuseExtra('tile', arguments[2], undefined);
  }
  const a = asTensor('tile', x);
  const times = checkIntegers('tile', 'multiples', 'a list of integers >= 0', multiples);
  if (times.length !== a.rank || times.some((n) => n < 0)) {
    throw new ShapeError(
      `tile: multiples must be ${a.rank} integers >= 0 for shape ${showShape(a.shape)}, got ${showDeep(times)}`,
    );
  }
  const shape = guardShape(
    'tile',
    a.shape.map((n, d) => n * (times[d] as number)),
  );
  return reshapeTo(repeated(a, times), shape);
}

/**
 * The most axes that are repeated at once: each needs two of the 16 axes of a tensor, and there may be one before,
 * between and behind them.
 */
const kMostRepeated = 5;

/**
 * The elements of a tiled tensor, in a shape to be reshaped: before each repeated axis stands an axis of its
 * repetitions, along which the tensor is broadcast; axes between repeated ones are taken as one.
 */
function repeated(a: Tensor, times: readonly number[]): Tensor {
  const axes = [...times.keys()].filter((d) => times[d] !== 1);
  if (axes.length > kMostRepeated) {
    const later = new Set(axes.slice(kMostRepeated));
    const first = times.map((n, d) => (later.has(d) ? 1 : n));
    const half = reshapeTo(repeated(a, first), shapeOf(a.shape.map((n, d) => n * (first[d] as number))));
    return repeated(
      half,
      times.map((n, d) => (later.has(d) ? n : 1)),
    );
  }
  const from: number[] = [];
  const to: number[] = [];
  let start = 0;
  for (const d of [...axes, a.rank]) {
    const between = sizeOf(a.shape.slice(start, d));
    if (between !== 1) {
      from.push(between);
      to.push(between);
    }
    if (d < a.rank) {
      from.push(1, a.shape[d] as number);
      to.push(times[d] as number, a.shape[d] as number);
    }
    start = d + 1;
  }
  return broadcast(reshapeTo(a, shapeOf(from)), shapeOf(to));
}
