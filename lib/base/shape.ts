/** Shapes: lists of lengths, one for each axis; checking and broadcasting them, and checking axes. */
import { isOptions, listOf, showDeep } from './arguments.js';
import { type ErrorCode, GradtapeError, ShapeError, show, ValueError } from './errors.js';

/** The length of each axis. Shapes of tensors are frozen. */
export type Shape = readonly number[];

export const scalarShape: Shape = Object.freeze([]);
const kMaxRank = 16;

// The shapes made lately, each at the place that its lengths say. To freeze a list takes V8 longer than to find it here
// (0.2 us to 0.02 us), and shapes that are one object need not be compared.
const kLately = 2 ** 10;
const lately = new Array<Shape>(kLately).fill(scalarShape);

/** The shape of these lengths: a frozen list, the same one as lately if it can be. */
export function shapeOf(lengths: readonly number[]): Shape {
  const rank = lengths.length;
  let at = rank;
  for (let i = 0; i < rank; i++) at = Math.imul(at, 31) + (lengths[i] as number);
  at = (at ^ (at >>> 10)) & (kLately - 1);
  const known = lately[at] as Shape;
  if (sameShape(known, lengths)) return known;
  const shape = Object.freeze(lengths);
  lately[at] = shape;
  return shape;
}
const kMaxSize = 2 ** 33;
const kMaxLength = 2 ** 31 - 1;

/** The number of elements: the product of the lengths. */
export function sizeOf(shape: Shape): number {
  let size = 1;
  for (let i = 0; i < shape.length; i++) size *= shape[i] as number;
  return size;
}

export function showShape(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}

/** A vector (or scalar) of whole numbers that is a tensor, as `tf.shape` gives it; or a variable. */
export interface WholeVector {
  /** int32 or uint8. */
  readonly dtype: string;
  /** 1 or 0. */
  readonly rank: number;
  /** The elements. */
  dataSync(): ArrayLike<number>;
}

/**
 * A shape, or another list of whole numbers, as users write it: an array, a typed array, or a vector of int32 or uint8,
 * which is computed at once.
 */
export type Lengths = ArrayLike<number> | WholeVector;

/** The elements of a vector (or scalar) of whole numbers; null for any other value. */
export function elementsOf(value: unknown): number[] | null {
  try {
    const { dtype, rank } = value as WholeVector;
    const isWhole = (dtype === 'int32' || dtype === 'uint8') && rank <= 1;
    return isWhole ? Array.from((value as WholeVector).dataSync()) : null;
  } catch (error) {
    if (error instanceof GradtapeError) throw error; // it cannot be computed
    return null; // null, a revoked proxy
  }
}

/**
 * A copy of a list of whole numbers that a user passed; a bare number is a list of one.
 * @param what says what was expected, for the error
 */
export function checkIntegers(
  op: string,
  name: string,
  what: string,
  value: unknown,
  code: ErrorCode = 'ERR_SHAPE',
): number[] {
  const list = typeof value === 'number' ? [value] : (listOf(value) ?? elementsOf(value));
  if (!list) throw new ShapeError(`${op}: ${name} must be ${what}, got ${show(value)}`, code);
  for (const n of list) {
    if (!Number.isInteger(n)) {
      throw new ShapeError(`${op}: ${name} must be ${what}, got ${show(n)} in ${showDeep(list)}`, code);
    }
  }
  return list.map((n) => (n as number) + 0); // no -0
}

/**
 * A frozen copy of a shape that a user passed; a bare number is a shape of one axis.
 * @throws ShapeError for what is no list of integers >= 0, a rank above 16, or more than 2^33 elements
 */
export function checkShape(op: string, shape: unknown, name = 'shape'): Shape {
  const lengths = checkIntegers(op, name, 'a list of integers >= 0', shape);
  for (const length of lengths) {
    if (length < 0) throw new ShapeError(`${op}: ${name} must be a list of integers >= 0, got ${showDeep(lengths)}`);
  }
  return guardShape(op, lengths);
}

/**
 * A copy of pairs of whole numbers >= 0 that a user passed, [before, after] for each of `count` axes.
 * @param of says for which axes, for the error
 */
export function checkPairs(op: string, name: string, count: number, of: string, value: unknown): [number, number][] {
  const expected = `${count} pairs [before, after] of integers >= 0 for ${of}`;
  const list = listOf(value);
  if (list?.length !== count) {
    throw new ShapeError(`${op}: ${name} must be ${expected}, got ${list ? showDeep(list) : show(value)}`);
  }
  return list.map((given, d) => {
    const pair = listOf(given);
    if (pair?.length !== 2 || !pair.every((n) => Number.isInteger(n) && (n as number) >= 0)) {
      throw new ShapeError(`${op}: ${name} must be ${expected}, got ${showDeep(given)} at ${name}[${d}]`);
    }
    return [(pair[0] as number) + 0, (pair[1] as number) + 0];
  });
}

/** The length of an axis that a user passed. */
export function checkLength(op: string, name: string, length: unknown): number {
  if (typeof length === 'number' && Number.isInteger(length) && length >= 0 && length <= kMaxLength) return length + 0;
  throw new ShapeError(`${op}: ${name} must be a whole number from 0 to ${kMaxLength}, got ${showDeep(length)}`);
}

/**
 * The shape of computed lengths.
 * @throws ShapeError for a rank above 16, or more than 2^33 elements
 */
export function guardShape(op: string, shape: number[]): Shape {
  if (shape.length > kMaxRank) throw new ShapeError(`${op}: rank ${shape.length} is above the limit of ${kMaxRank}`);
  let size = 1;
  for (let i = 0; i < shape.length; i++) {
    const length = shape[i] as number;
    size *= length;
    if (length > kMaxLength)
      throw new ShapeError(`${op}: length ${length} of ${showShape(shape)} is above ${kMaxLength}`);
  }
  if (size > kMaxSize) {
    throw new ShapeError(`${op}: shape ${showShape(shape)} has ${size} elements, more than the limit of 2^33`);
  }
  return shapeOf(shape);
}

export function sameShape(a: Shape, b: Shape): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** The length of axis i; 1 before the first. (To ask an array for element -1 is slow.) */
function lengthAt(shape: Shape, i: number): number {
  return i < 0 ? 1 : (shape[i] as number);
}

/** An axis among the others: the product of the lengths before it, its length, and the product of those behind it. */
export function linesAlong(shape: Shape, axis: number): [outer: number, length: number, inner: number] {
  return [sizeOf(shape.slice(0, axis)), shape[axis] as number, sizeOf(shape.slice(axis + 1))];
}

/** Whether a shape broadcasts to another, by NumPy's rules. */
export function broadcastsTo(shape: Shape, target: Shape): boolean {
  const missing = target.length - shape.length;
  return missing >= 0 && shape.every((n, d) => n === 1 || n === target[missing + d]);
}

/**
 * The shape that both broadcast to, by NumPy's rules. If that is the shape of an operand, it is the same object.
 * @throws ShapeError
 */
export function broadcastShapes(op: string, a: Shape, b: Shape): Shape {
  if (a === b || b.length === 0 || sameShape(a, b)) return a;
  if (a.length === 0) return b;
  const rank = Math.max(a.length, b.length);
  const out = new Array<number>(rank);
  let isA = a.length === rank;
  let isB = b.length === rank;
  for (let i = 0; i < rank; i++) {
    const p = lengthAt(a, i - rank + a.length);
    const q = lengthAt(b, i - rank + b.length);
    if (p !== q && p !== 1 && q !== 1) {
      throw new ShapeError(`${op}: shapes ${showShape(a)} and ${showShape(b)} do not broadcast: ${p} and ${q} differ`);
    }
    const length = p === 1 ? q : p;
    out[i] = length;
    isA &&= length === p;
    isB &&= length === q;
  }
  return isA ? a : isB ? b : guardShape(op, out);
}

/** The axis as 0 .. rank - 1; negative ones count from the end. */
export function checkAxis(op: string, axis: unknown, rank: number, name = 'axis'): number {
  if (typeof axis !== 'number' || !Number.isInteger(axis)) {
    if (isOptions(axis)) throw optionsForAxis(op, name, axis);
    throw new ShapeError(`${op}: ${name} must be a whole number, got ${showDeep(axis)}`, 'ERR_AXIS');
  }
  if (axis < -rank || axis >= rank) {
    throw new ShapeError(`${op}: ${name} ${axis} is out of range for rank ${rank}`, 'ERR_AXIS');
  }
  return axis < 0 ? axis + rank : axis + 0; // no -0
}

function optionsForAxis(op: string, name: string, given: unknown): ValueError {
  return new ValueError(
    `${op}: ${name} is an argument of its own, not an option; expected a whole number, got ${show(given)}`,
    'ERR_OPTION',
  );
}

/** Axes in ascending order, none twice; undefined and null mean all. */
export function checkAxes(op: string, axis: unknown, rank: number): number[] {
  if (axis === undefined || axis === null) {
    const all: number[] = [];
    for (let d = 0; d < rank; d++) all.push(d);
    return all;
  }
  const list = typeof axis === 'number' ? [axis] : listOf(axis);
  if (!list && isOptions(axis)) throw optionsForAxis(op, 'axis', axis);
  if (!list) throw new ValueError(`${op}: axis must be a whole number or a list of them, got ${show(axis)}`);
  const axes = list.map((a) => checkAxis(op, a, rank)).sort((p, q) => p - q);
  for (let i = 1; i < axes.length; i++) {
    if (axes[i] === axes[i - 1]) throw new ShapeError(`${op}: axis ${axes[i]} is named twice`, 'ERR_AXIS');
  }
  return axes;
}
