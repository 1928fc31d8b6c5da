/** Ranges of axes, as users write them in an index: integers, 'start:stop:step', '...' and null. */
import { showDeep } from '../base/arguments.js';
import { ShapeError, show, ValueError } from '../base/errors.js';
import { guardShape, type Shape, shapeOf, showShape } from '../base/shape.js';

/** The elements of a slice along one axis: the first, the stride to the next (`by`), and how many. */
export interface AxisRange {
  readonly from: number;
  readonly by: number;
  readonly count: number;
}

/** Python's slice start:stop:step of an axis of this length. */
export function resolveRange(start: number | null, stop: number | null, step: number, length: number): AxisRange {
  const clamp = (i: number): number => {
    const j = i < 0 ? i + length : i;
    return step > 0 ? Math.min(Math.max(j, 0), length) : Math.min(Math.max(j, -1), length - 1);
  };
  const from = start === null ? (step > 0 ? 0 : length - 1) : clamp(start);
  const to = stop === null ? (step > 0 ? length : -1) : clamp(stop);
  const count = Math.max(0, Math.ceil((to - from) / step));
  // A step beyond the axis gives one element, as a step of its length does; cut to that, since the words of a program
  // are int32.
  return { from, by: Math.min(Math.max(step, -Math.max(length, 1)), Math.max(length, 1)), count };
}

/** One entry of an index: an integer, 'start:stop:step', '...' or null (a new axis). */
export type IndexEntry = number | string | null;

/** The box of these ranges, and its lengths. */
export function boxOf(ranges: readonly AxisRange[]): { begin: number[]; strides: number[]; lengths: Shape } {
  return {
    begin: ranges.map((range) => (range.count === 0 ? 0 : range.from)),
    strides: ranges.map((range) => range.by),
    lengths: shapeOf(ranges.map((range) => range.count)),
  };
}

function parseRange(op: string, text: string): [number | null, number | null, number] {
  const parts = text.split(':').map((part) => part.trim());
  if (parts.length < 2 || parts.length > 3 || parts.some((part) => !/^([+-]?\d+)?$/.test(part))) {
    const hint = text.includes(',') ? '; each axis has an argument of its own' : '';
    throw new ValueError(
      `${op}: ${show(text)} is no slice; expected 'start:stop' or 'start:stop:step'${hint}`,
      'ERR_INDEX',
    );
  }
  const [start, stop, step] = parts.map((part) => (part === '' ? null : Number(part)));
  if (step === 0) throw new ValueError(`${op}: the step of ${show(text)} is 0`, 'ERR_INDEX');
  return [start ?? null, stop ?? null, step ?? 1];
}

/**
 * The ranges that an index takes of a shape, one for each axis, and the shape of what it takes: without the axes of
 * integers, with those of null.
 * @throws ShapeError, ValueError ERR_INDEX
 */
export function rangesOf(op: string, from: Shape, index: readonly IndexEntry[]): { ranges: AxisRange[]; shape: Shape } {
  const used = index.filter((i) => i !== null && i !== '...').length;
  const ellipses = index.filter((i) => i === '...').length;
  if (ellipses > 1) throw new ValueError(`${op}: only one '...' may stand in an index`, 'ERR_INDEX');
  const ranges: AxisRange[] = [];
  const result: number[] = [];
  const whole = (count: number): void => {
    for (let k = 0; k < count; k++) {
      const length = from[ranges.length] as number;
      ranges.push({ from: 0, by: 1, count: length });
      result.push(length);
    }
  };
  for (const i of index) {
    if (i !== null && typeof i !== 'string' && !Number.isInteger(i)) {
      throw new ValueError(
        `${op}: ${showDeep(i)} is no index; expected an integer, 'start:stop:step', '...' or null`,
        'ERR_INDEX',
      );
    }
    if (used > from.length)
      throw new ShapeError(`${op}: ${used} indices for shape ${showShape(from)} of rank ${from.length}`, 'ERR_INDEX');
    const axis = ranges.length;
    if (i === null) {
      result.push(1);
    } else if (i === '...') {
      whole(from.length - used);
    } else if (typeof i === 'number') {
      const length = from[axis] as number;
      if (i < -length || i >= length) {
        throw new ShapeError(`${op}: index ${i} is out of range for axis ${axis} of length ${length}`, 'ERR_INDEX');
      }
      ranges.push({ from: i < 0 ? i + length : i + 0, by: 1, count: 1 });
    } else {
      const range = resolveRange(...parseRange(op, i), from[axis] as number);
      ranges.push(range);
      result.push(range.count);
    }
  }
  whole(from.length - ranges.length);
  return { ranges, shape: guardShape(op, result) };
}
