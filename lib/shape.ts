/** Shapes: checking, broadcasting, axes. Pure arithmetic on lists of lengths. */
import { ShapeError, show, ValueError } from './errors.js';

export type Shape = readonly number[];

export const scalarShape: Shape = Object.freeze([]);
const maxRank = 16;
const maxSize = 2 ** 33;
const maxDimension = 2 ** 31 - 1;

export function sizeOf(shape: Shape): number {
  let size = 1;
  for (let i = 0; i < shape.length; i++) size *= shape[i] as number;
  return size;
}

export function showShape(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}

/** A frozen copy of a shape that a user wrote: integers >= 0, not too many, not too large. */
export function checkShape(op: string, shape: unknown): Shape {
  if (typeof shape === 'number') return checkShape(op, [shape]);
  if (!Array.isArray(shape) && !ArrayBuffer.isView(shape)) {
    throw new ShapeError(`${op}: a shape is a list of lengths, got ${show(shape)}`);
  }
  const lengths = Array.from(shape as ArrayLike<unknown>);
  for (const length of lengths) {
    if (typeof length !== 'number' || !Number.isInteger(length) || length < 0) {
      throw new ShapeError(
        `${op}: a shape holds integers >= 0, got ${show(length)} in [${lengths.map(show).join(', ')}]`,
      );
    }
  }
  return guardShape(op, lengths as number[]);
}

/** Freezes a computed shape; throws if no tensor can be that large. */
export function guardShape(op: string, shape: number[]): Shape {
  if (shape.length > maxRank) throw new ShapeError(`${op}: rank ${shape.length} is above the limit of ${maxRank}`);
  let size = 1;
  for (const length of shape) {
    size *= length;
    if (length > maxDimension)
      throw new ShapeError(`${op}: length ${length} of ${showShape(shape)} is above ${maxDimension}`);
  }
  if (size > maxSize) {
    throw new ShapeError(`${op}: shape ${showShape(shape)} has ${size} elements, more than the limit of 2^33`);
  }
  return Object.freeze(shape);
}

export function sameShape(a: Shape, b: Shape): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** The shape that both broadcast to (NumPy's rules). */
export function broadcastShapes(op: string, a: Shape, b: Shape): Shape {
  if (a === b || b.length === 0 || sameShape(a, b)) return a;
  if (a.length === 0) return b;
  const rank = Math.max(a.length, b.length);
  const out = new Array<number>(rank);
  let isA = a.length === rank;
  let isB = b.length === rank;
  for (let i = 0; i < rank; i++) {
    const p = a[i - rank + a.length] ?? 1;
    const q = b[i - rank + b.length] ?? 1;
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

/** One axis, negative ones counted from the end. */
export function checkAxis(op: string, axis: number, rank: number): number {
  if (!Number.isInteger(axis) || axis < -rank || axis >= rank) {
    throw new ShapeError(`${op}: axis ${show(axis)} is out of range for rank ${rank}`, 'ERR_AXIS');
  }
  return axis < 0 ? axis + rank : axis;
}

/** A set of axes in ascending order; all of them for undefined or null. */
export function checkAxes(op: string, axis: number | readonly number[] | null | undefined, rank: number): number[] {
  if (axis === undefined || axis === null) return Array.from({ length: rank }, (_, i) => i);
  const list = typeof axis === 'number' ? [axis] : axis;
  if (!Array.isArray(list)) throw new ValueError(`${op}: an axis is a number or a list of numbers, got ${show(axis)}`);
  const axes = list.map((a) => checkAxis(op, a, rank)).sort((p, q) => p - q);
  for (let i = 1; i < axes.length; i++) {
    if (axes[i] === axes[i - 1]) throw new ShapeError(`${op}: axis ${axes[i]} is named twice`, 'ERR_AXIS');
  }
  return axes;
}
