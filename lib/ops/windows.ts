/** Windows into tensors: slices and their transpose, joining, dividing, repeating. Each rule is another op of this file. */
import { numberAs } from '../dtype.js';
import { ShapeError, show, ValueError } from '../errors.js';
import { opcodeOf } from '../native.js';
import { asTensor, asTensors, done, linear, node, nodeOfMany, register } from '../op.js';
import type { Shape } from '../shape.js';
import { checkAxes, checkAxis, checkShape, guardShape, sameShape, showShape } from '../shape.js';
import type { Entry, RecordedOp } from '../tape.js';
import { isRecording, record1, recordMany } from '../tape.js';
import type { Tensor } from '../tensor.js';
import { uniformTensor } from '../tensor.js';
import type { TensorLike } from '../variable.js';
import { expandDims, identity, reshapeTo, spread, squeeze } from './structure.js';

const kSlice = opcodeOf('slice');
const kPlace = opcodeOf('place');
const kConcat = opcodeOf('concat');

const inputShape = (e: Entry): Shape => e.shape(0);
const other = { family: 'other', namespace: '', differentiable: true } as const;

// ---- windows: slice and its transpose ----

interface Window {
  readonly begin: readonly number[];
  readonly step: readonly number[];
}

function interleave({ begin, step }: Window): number[] {
  return begin.flatMap((b, d) => [b, step[d] as number]);
}

const sliceOp: RecordedOp = {
  name: 'slice',
  vjps: [linear((ct, e) => placeIn(ct, inputShape(e), e.attributes as Window))],
};
const placeOp: RecordedOp = {
  name: 'pad',
  vjps: [linear((ct, e) => windowOf(ct, inputShape(e), e.attributes as Window))],
};

function windowOf(a: Tensor, shape: Shape, window: Window): Tensor {
  if (a.rank === 0) return identity(a);
  if (a.uniform !== undefined && !isRecording()) return uniformTensor(a.uniform, a.dtype, shape);
  const t = node('slice', kSlice, a.dtype, shape, a, null, interleave(window));
  if (isRecording()) record1(sliceOp, t, a, window);
  return done(t);
}

/** Zeros of `shape` with x written at the window. */
function placeIn(a: Tensor, shape: Shape, window: Window): Tensor {
  if (a.rank === 0) return identity(a);
  const t = node('pad', kPlace, a.dtype, shape, a, null, interleave(window));
  if (isRecording()) record1(placeOp, t, a, window);
  return done(t);
}

/** The box of `size` (-1: to the end) that begins at `begin`. */
export function slice(x: TensorLike, begin: readonly number[], size: readonly number[]): Tensor {
  const a = asTensor('slice', x);
  if (begin.length !== a.rank || size.length !== a.rank) {
    throw new ShapeError(
      `slice: begin and size need ${a.rank} entries for shape ${showShape(a.shape)}, got ${begin.length} and ${size.length}`,
    );
  }
  const lengths = a.shape.map((length, d) => {
    const b = begin[d] as number;
    const s = size[d] === -1 ? length - b : (size[d] as number);
    if (!Number.isInteger(b) || !Number.isInteger(s) || b < 0 || s < 0 || b + s > length) {
      throw new ShapeError(`slice: [${b}, ${b + s}) leaves axis ${d} of length ${length}`, 'ERR_INDEX');
    }
    return s;
  });
  return windowOf(a, Object.freeze(lengths), { begin: [...begin], step: a.shape.map(() => 1) });
}

/** Python's resolution of start:stop:step against a length. */
function resolveRange(start: number | null, stop: number | null, step: number, length: number): [number, number] {
  const clamp = (i: number): number => {
    const j = i < 0 ? i + length : i;
    return step > 0 ? Math.min(Math.max(j, 0), length) : Math.min(Math.max(j, -1), length - 1);
  };
  const from = start === null ? (step > 0 ? 0 : length - 1) : clamp(start);
  const to = stop === null ? (step > 0 ? length : -1) : clamp(stop);
  return [from, Math.max(0, Math.ceil((to - from) / step))];
}

/** NumPy's x[begin:end:strides] an axis; missing axes are whole. */
export function stridedSlice(
  x: TensorLike,
  begin: readonly number[],
  end: readonly number[],
  strides?: readonly number[],
): Tensor {
  const a = asTensor('stridedSlice', x);
  if (begin.length > a.rank || begin.length !== end.length || (strides && strides.length !== begin.length)) {
    throw new ShapeError(`stridedSlice: begin, end and strides need equal lengths of at most ${a.rank}`);
  }
  return at(a, ...begin.map((b, d) => `${b}:${end[d]}:${strides?.[d] ?? 1}`));
}

function parseRange(text: string): [number | null, number | null, number] {
  const parts = text.split(':').map((part) => part.trim());
  const numbers = parts.map((part) => (part === '' ? null : Number(part)));
  const bad = parts.length < 2 || parts.length > 3 || numbers.some((n) => n !== null && !Number.isInteger(n));
  if (bad)
    throw new ValueError(`at: ${show(text)} is no slice; expected 'start:stop' or 'start:stop:step'`, 'ERR_INDEX');
  const step = numbers[2] ?? 1;
  if (step === 0) throw new ValueError(`at: the step of ${show(text)} is 0`, 'ERR_INDEX');
  return [numbers[0] ?? null, numbers[1] ?? null, step];
}

/** NumPy's basic indexing: integers, 'start:stop:step', '...' and null (a new axis). */
export function at(x: TensorLike, ...index: (number | string | null)[]): Tensor {
  const a = asTensor('at', x);
  const used = index.filter((i) => i !== null && i !== '...').length;
  const ellipses = index.filter((i) => i === '...').length;
  if (ellipses > 1) throw new ValueError("at: only one '...' may stand in an index", 'ERR_INDEX');
  if (used > a.rank)
    throw new ShapeError(`at: ${used} indices for shape ${showShape(a.shape)} of rank ${a.rank}`, 'ERR_INDEX');
  const begin: number[] = [];
  const step: number[] = [];
  const lengths: number[] = [];
  const result: number[] = [];
  const take = (from: number, by: number, count: number): void => {
    begin.push(count === 0 ? 0 : from);
    step.push(count > 1 ? by : 1); // one beyond the axis may be of any size
    lengths.push(count);
  };
  const whole = (count: number): void => {
    for (let k = 0; k < count; k++) {
      const length = a.shape[lengths.length] as number;
      take(0, 1, length);
      result.push(length);
    }
  };
  for (const i of index) {
    if (i === null) {
      result.push(1);
    } else if (i === '...') {
      whole(a.rank - used);
    } else if (typeof i === 'number') {
      const axis = lengths.length;
      const length = a.shape[axis] as number;
      if (!Number.isInteger(i) || i < -length || i >= length) {
        throw new ShapeError(`at: index ${i} is out of range for axis ${axis} of length ${length}`, 'ERR_INDEX');
      }
      take(i < 0 ? i + length : i, 1, 1);
    } else if (typeof i === 'string') {
      const [start, stop, by] = parseRange(i);
      const [from, count] = resolveRange(start, stop, by, a.shape[lengths.length] as number);
      take(from, by, count);
      result.push(count);
    } else {
      throw new ValueError(
        `at: ${show(i)} is no index; expected an integer, 'start:stop:step', '...' or null`,
        'ERR_INDEX',
      );
    }
  }
  whole(a.rank - lengths.length);
  const isWhole = lengths.every((length, d) => length === a.shape[d] && step[d] === 1);
  const t = isWhole ? a : windowOf(a, Object.freeze(lengths), { begin, step });
  return sameShape(t.shape, result) ? (isWhole ? identity(t) : t) : reshapeTo(t, guardShape('at', result));
}

type PadMode = 'CONSTANT' | 'REFLECT' | 'SYMMETRIC';

export interface PadOptions {
  /** What the new elements are: constants, or the tensor mirrored without ('REFLECT') or with ('SYMMETRIC') its border. */
  mode?: PadMode | Lowercase<PadMode>;
  /** The constant; default 0. */
  constantValues?: number;
}

/**
 * More elements before and after along each axis: paddings[d] = [before, after].
 * @throws ShapeError for paddings that do not fit the shape; a mirror holds no more than the axis does
 */
export function pad(x: TensorLike, paddings: readonly (readonly [number, number])[], opts: PadOptions = {}): Tensor {
  const a = asTensor('pad', x);
  const { constantValues: value = 0 } = opts;
  const mode = String(opts.mode ?? 'CONSTANT').toUpperCase();
  if (mode !== 'CONSTANT' && mode !== 'REFLECT' && mode !== 'SYMMETRIC') {
    throw new ValueError(
      `pad: mode must be 'CONSTANT', 'REFLECT' or 'SYMMETRIC', got ${show(opts.mode)}`,
      'ERR_OPTION',
    );
  }
  if (paddings.length !== a.rank) {
    throw new ShapeError(`pad: paddings need ${a.rank} pairs for shape ${showShape(a.shape)}, got ${paddings.length}`);
  }
  for (const n of paddings.flat()) {
    if (!Number.isInteger(n) || n < 0) throw new ShapeError(`pad: paddings are integers >= 0, got ${show(n)}`);
  }
  if (mode !== 'CONSTANT') return mirrored(a, paddings, mode === 'REFLECT' ? 1 : 0);
  const shape = guardShape(
    'pad',
    a.shape.map((length, d) => length + (paddings[d]?.[0] ?? 0) + (paddings[d]?.[1] ?? 0)),
  );
  if (value !== 0) {
    const lists = paddings.map(([before, after], d) => ({ before, after, d }));
    return lists.reduce((t, { before, after, d }) => {
      const edge = (n: number): Tensor => {
        const lengths = t.shape.map((length, k) => (k === d ? n : length));
        return uniformTensor(numberAs('pad', t.dtype, value), t.dtype, guardShape('pad', lengths));
      };
      return before + after === 0 ? t : concat([edge(before), t, edge(after)], d);
    }, a);
  }
  return placeIn(a, shape, { begin: paddings.map((p) => p[0]), step: a.shape.map(() => 1) });
}

/** Each axis between its mirror images, which leave out `border` elements at the mirror. */
function mirrored(a: Tensor, paddings: readonly (readonly [number, number])[], border: number): Tensor {
  return paddings.reduce((t, [before, after], d) => {
    const length = t.shape[d] as number;
    if (Math.max(before, after) > Math.max(length - border, 0)) {
      throw new ShapeError(
        `pad: axis ${d} of length ${length} mirrors at most ${Math.max(length - border, 0)} elements, got ${showShape([before, after])}`,
      );
    }
    const image = (begin: number, count: number): Tensor[] => {
      if (count === 0) return [];
      const window = {
        begin: t.shape.map((_, k) => (k === d ? begin : 0)),
        step: t.shape.map((_, k) => (k === d ? -1 : 1)),
      };
      return [windowOf(t, Object.freeze(t.shape.map((n, k) => (k === d ? count : n))), window)];
    };
    const parts = [...image(before - 1 + border, before), t, ...image(length - 1 - border, after)];
    return parts.length === 1 ? t : concat(parts, d);
  }, identity(a));
}

/** Elements in reverse order along the axes. */
export function reverse(x: TensorLike, axis: number | readonly number[]): Tensor {
  const a = asTensor('reverse', x);
  const axes = checkAxes('reverse', axis, a.rank);
  const begin = a.shape.map((length, d) => (axes.includes(d) && length > 0 ? length - 1 : 0));
  return windowOf(a, a.shape, { begin, step: a.shape.map((_, d) => (axes.includes(d) ? -1 : 1)) });
}

// ---- joining and dividing ----

const concatOp: RecordedOp = {
  name: 'concat',
  vjps: [
    linear((ct, e, operand) => {
      const axis = e.attributes as number;
      const shape = e.shape(operand);
      let start = 0;
      for (let i = 0; i < operand; i++) start += e.shape(i)[axis] as number;
      return windowOf(ct, shape, { begin: shape.map((_, d) => (d === axis ? start : 0)), step: shape.map(() => 1) });
    }),
  ],
};

/** One tensor after the other along an axis. */
export function concat(values: readonly TensorLike[], axis: number): Tensor {
  if (!Array.isArray(values) || values.length === 0)
    throw new ValueError(`concat: expected a list of tensors, got ${show(values)}`);
  const tensors = asTensors('concat', values);
  const first = tensors[0] as Tensor;
  if (first.rank === 0) throw new ShapeError('concat: scalars have no axis to join along; use stack');
  const d = checkAxis('concat', axis, first.rank);
  let length = 0;
  for (const t of tensors) {
    if (t.rank !== first.rank || t.shape.some((n, i) => i !== d && n !== first.shape[i])) {
      throw new ShapeError(
        `concat: shapes ${tensors.map((u) => showShape(u.shape)).join(' and ')} differ off axis ${d}`,
      );
    }
    length += t.shape[d] as number;
  }
  const shape = guardShape(
    'concat',
    first.shape.map((n, i) => (i === d ? length : n)),
  );
  const t = nodeOfMany('concat', kConcat, first.dtype, shape, tensors, [d]);
  if (isRecording()) recordMany(concatOp, [t], tensors, d);
  return done(t);
}

/** Tensors of one shape along a new axis. */
export function stack(values: readonly TensorLike[], axis = 0): Tensor {
  if (!Array.isArray(values) || values.length === 0)
    throw new ValueError(`stack: expected a list of tensors, got ${show(values)}`);
  const tensors = asTensors('stack', values);
  const first = tensors[0] as Tensor;
  for (const t of tensors) {
    if (!sameShape(t.shape, first.shape)) {
      throw new ShapeError(`stack: shapes ${showShape(first.shape)} and ${showShape(t.shape)} differ`);
    }
  }
  const d = checkAxis('stack', axis, first.rank + 1);
  return concat(
    tensors.map((t) => expandDims(t, d)),
    d,
  );
}

/** The slices along an axis, without it. */
export function unstack(x: TensorLike, axis = 0): Tensor[] {
  const a = asTensor('unstack', x);
  const d = checkAxis('unstack', axis, a.rank);
  return split(a, a.shape[d] as number, d).map((t) => squeeze(t, d));
}

/** Parts along an axis: a number of equal ones, or the list of their lengths, of which one may be -1: the rest. */
export function split(x: TensorLike, parts: number | readonly number[], axis = 0): Tensor[] {
  const a = asTensor('split', x);
  const d = checkAxis('split', axis, a.rank);
  const length = a.shape[d] as number;
  if (
    typeof parts === 'number' &&
    (!Number.isInteger(parts) || parts < 0 || (parts === 0 ? length > 0 : length % parts !== 0))
  ) {
    throw new ShapeError(`split: axis ${d} of length ${length} does not divide into ${parts} equal parts`);
  }
  const lengths = typeof parts === 'number' ? Array.from({ length: parts }, () => length / parts) : [...parts];
  const open = lengths.indexOf(-1);
  if (open >= 0) lengths[open] = length - lengths.reduce((s, n) => s + n, 1);
  if (lengths.some((n) => !Number.isInteger(n) || n < 0) || lengths.reduce((s, n) => s + n, 0) !== length) {
    throw new ShapeError(`split: parts ${showShape(parts as Shape)} do not add up to axis ${d} of length ${length}`);
  }
  let start = 0;
  return lengths.map((n) => {
    const begin = a.shape.map((_, i) => (i === d ? start : 0));
    start += n;
    const shape = Object.freeze(a.shape.map((m, i) => (i === d ? n : m)));
    return windowOf(a, shape, { begin, step: a.shape.map(() => 1) });
  });
}

/** The tensor repeated `multiples[d]` times along each axis. */
export function tile(x: TensorLike, multiples: readonly number[]): Tensor {
  const a = asTensor('tile', x);
  const times = checkShape('tile', multiples);
  if (times.length !== a.rank)
    throw new ShapeError(`tile: multiples need ${a.rank} entries for shape ${showShape(a.shape)}`);
  const paired = reshapeTo(
    a,
    guardShape(
      'tile',
      a.shape.flatMap((n) => [1, n]),
    ),
  );
  const spreadOut = spread(
    paired,
    guardShape(
      'tile',
      a.shape.flatMap((n, d) => [times[d] as number, n]),
    ),
  );
  return reshapeTo(
    spreadOut,
    guardShape(
      'tile',
      a.shape.map((n, d) => n * (times[d] as number)),
    ),
  );
}

const m23: Shape = [2, 3];
register({ ...other, name: 'slice', fn: slice, cases: [{ shapes: [m23], call: (x) => slice(x, [0, 1], [-1, 2]) }] });
register({
  ...other,
  name: 'stridedSlice',
  fn: stridedSlice,
  cases: [{ shapes: [[5, 4]], call: (x) => stridedSlice(x, [4, 0], [0, 3], [-2, 2]) }],
});
register({
  ...other,
  name: 'at',
  variadic: true,
  fn: at,
  cases: [{ shapes: [[4, 3]], call: (x) => at(x, '::-2', null, -1) }],
});
register({
  ...other,
  name: 'pad',
  fn: pad,
  cases: [
    {
      shapes: [m23],
      call: (x) =>
        pad(x, [
          [1, 0],
          [2, 1],
        ]),
    },
    {
      shapes: [m23],
      call: (x) =>
        pad(
          x,
          [
            [1, 0],
            [2, 1],
          ],
          { constantValues: 3 },
        ),
    },
    {
      shapes: [m23],
      call: (x) =>
        pad(
          x,
          [
            [1, 0],
            [2, 1],
          ],
          { mode: 'REFLECT' },
        ),
    },
    {
      shapes: [m23],
      call: (x) =>
        pad(
          x,
          [
            [1, 2],
            [0, 3],
          ],
          { mode: 'SYMMETRIC' },
        ),
    },
  ],
});
register({ ...other, name: 'reverse', fn: reverse, cases: [{ shapes: [m23], call: (x) => reverse(x, [0, 1]) }] });
register({
  ...other,
  name: 'concat',
  namespace: 'internal',
  fn: concat,
  cases: [{ shapes: [m23, [2, 1]], call: (x, y) => concat([x, y, x], 1) }],
});
register({
  ...other,
  name: 'stack',
  namespace: 'internal',
  fn: stack,
  cases: [{ shapes: [m23, m23], call: (x, y) => stack([x, y], -1) }],
});
register({
  ...other,
  name: 'unstack',
  fn: unstack,
  cases: [{ shapes: [m23], call: (x) => unstack(x, 1)[1] as Tensor }],
});
register({
  ...other,
  name: 'split',
  fn: split,
  cases: [{ shapes: [[4, 3]], call: (x) => split(x, [1, 3])[1] as Tensor }],
});
register({ ...other, name: 'tile', fn: tile, cases: [{ shapes: [m23], call: (x) => tile(x, [2, 3]) }] });
