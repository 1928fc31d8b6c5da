/**
 * Reading values of tensors and variables: as typed arrays, nested arrays, numbers, text and JSON. No tape records it.
 */
import { refuseBehind, refuseExtra } from '../base/arguments.js';
import type { DType, TypedArray } from '../base/dtype.js';
import { dtypeBytes, newArray } from '../base/dtype.js';
import { copySymbol, GradtapeError, ShapeError, show, thisCopy } from '../base/errors.js';
import { formatTensor, formatVariable } from '../base/format.js';
import type { Shape } from '../base/shape.js';
import { showShape } from '../base/shape.js';
import { type AsyncOptions, signalIn, type TellingSignal } from '../base/signal.js';
import { unzeroed } from '../engine/buffers.js';
import { copyElsewhere, evaluateTensors, evaluateTensorsAsync } from '../engine/evaluate.js';
import { kTaught, noteRead } from '../engine/job.js';
import { noteLook } from '../engine/looks.js';
import { isKnown, isTensor, Tensor } from '../engine/tensor.js';
import { isRecording } from '../record/stack.js';
import { traceOf } from '../record/trace.js';
import { isVariable, Variable } from './variable.js';

/** Elements in nested arrays, one level an axis; a bare number or boolean for a scalar. */
export type NestedArray = number | boolean | NestedArray[];

/** The methods of tensors and variables that read values. */
export interface Readable {
  /**
   * The elements in row-major order, computed now; a copy that the caller owns. bool comes as a Uint8Array of 0 and 1.
   */
  dataSync<T extends TypedArray = TypedArray>(): T;
  /**
   * As dataSync, computed on another thread while the event loop goes on.
   * @throws also the reason of the signal in the options, once it is aborted
   */
  data<T extends TypedArray = TypedArray>(options?: AsyncOptions): Promise<T>;
  /** Nested arrays of the elements, one level an axis; a number or boolean for a scalar. */
  arraySync<T extends NestedArray = NestedArray>(): T;
  /** As arraySync, computed on another thread while the event loop goes on; options as `data`. */
  array<T extends NestedArray = NestedArray>(options?: AsyncOptions): Promise<T>;
  /**
   * The only element; a bool as 0 or 1.
   * @throws ShapeError if there is not exactly one
   */
  item(): number;
  /** TensorFlow's print format. */
  toString(): string;
  /** What JSON.stringify writes: arraySync(). JSON has no NaN and no infinities; it writes null for them. */
  toJSON(): NestedArray;
  /**
   * Text, where JavaScript wants text. Where it wants a number this throws GradtapeError ERR_OPERATOR: operators would
   * give NaN.
   */
  [Symbol.toPrimitive](hint: string): string;
}

declare module '../engine/tensor.js' {
  interface Tensor extends Readable {}
}
declare module './variable.js' {
  interface Variable extends Readable {}
}

/**
 * The tensor that a method was called on, or the value of the variable. `kept`: it is still read after other code has
 * run.
 */
function receiver(method: string, x: unknown, kept = false): Tensor {
  if (isTensor(x)) return x;
  if (isVariable(x)) return kept ? x.peek() : x.borrow();
  throw new GradtapeError('ERR_RECEIVER', `${method}: called on ${show(x)}, which is no Tensor and no Variable`);
}

/** Notes for `explain` that a value leaves the library while a tape records; returns the value. */
function leaving<T>(t: Tensor, value: T): T {
  if (isRecording()) noteLook(value, { of: t.id, trace: traceOf(t) });
  return value;
}

/** `read`, which notes what leaves too, if a tape records where it is asked for. */
function leavingLater<T>(read: Read<T>): Read<T> {
  if (!isRecording()) return read;
  return (t, signal) => {
    const note = (value: T): T => {
      noteLook(value, { of: t.id, tensor: new WeakRef(t), trace: traceOf(t) });
      return value;
    };
    const value = read(t, signal);
    return value instanceof Promise ? value.then(note) : note(value);
  };
}

/** Makes of a known tensor what its reader gets. */
type Read<T> = (t: Tensor, signal: TellingSignal | undefined) => T | Promise<T>;

/** The tensor, computed. */
function computed(t: Tensor): Tensor {
  if (!isKnown(t)) evaluateTensors([t]);
  else if (t.index <= kTaught) noteRead(t);
  return t;
}

/** The elements of a tensor, computed now; not copied, so only to be read. */
export function elementsIn(t: Tensor): ArrayLike<number> {
  const elements = elementsOf(computed(t));
  return typeof elements === 'number' ? copyOf(t) : elements;
}

/** The elements of a known tensor, not copied; a number if all equal it. */
function elementsOf(t: Tensor): TypedArray | number {
  return t.uniform ?? (t.buffer as { elements: TypedArray }).elements;
}

function copyOf(t: Tensor): TypedArray {
  const elements = elementsOf(t);
  // Always the same NaN: one that JavaScript computed may have its sign bit set.
  if (typeof elements === 'number')
    return newArray(t.dtype, t.size).fill(Number.isNaN(elements) ? Number.NaN : elements);
  const copy = unzeroed(t.dtype, t.size);
  copy.set(elements);
  return copy;
}

function nested(t: Tensor): NestedArray {
  return nest(t.buffer ? t.buffer.elements : copyOf(t), t.shape, t.dtype);
}

function nest(values: ArrayLike<number>, shape: Shape, dtype: DType): NestedArray {
  let at = 0;
  const build = (axis: number): NestedArray => {
    if (axis === shape.length) {
      const value = values[at++] as number;
      return dtype === 'bool' ? value !== 0 : value;
    }
    return Array.from({ length: shape[axis] as number }, () => build(axis + 1));
  };
  return build(0);
}

/**
 * What `read` makes of the tensor or value of the variable that a method was called on, computed on another thread. No async
 * function: a call that waits keeps its tensor and one promise.
 */
function readAsync<T>(method: string, x: unknown, options: unknown, extra: unknown, read: Read<T>): Promise<T> {
  try {
    const t = receiver(method, x, true);
    refuseBehind(method, extra);
    const signal = signalIn(method, options);
    if (!isKnown(t)) return evaluateTensorsAsync([t], (roots) => read(roots[0] as Tensor, signal), signal);
    return Promise.resolve(read(computed(t), signal));
  } catch (error) {
    return Promise.reject(error);
  }
}

/** To copy so many bytes takes a millisecond, and 5 where the system has to clear the pages first. */
const kLargeCopy = 2 ** 22;
const readCopy: Read<TypedArray> = (t, signal) =>
  t.size * dtypeBytes[t.dtype] < kLargeCopy || Number.isNaN(t.uniform) ? copyOf(t) : copyElsewhere(t, signal);
const readNested: Read<NestedArray> = nested;

function text(method: string, x: unknown): string {
  const t = computed(receiver(method, x));
  const elements = elementsOf(t);
  return isVariable(x) ? formatVariable(x.name, elements, t.shape, t.dtype) : formatTensor(elements, t.shape, t.dtype);
}

const operators =
  "JavaScript's operators do not work on it. Write the methods: add, sub, mul, div, floormod, pow, neg for + - * / % ** -, " +
  'less, lessEqual, greater, greaterEqual, equal for < <= > >= ==; item() for the number of a scalar, String(x) for text';

const methods = {
  dataSync(this: unknown): TypedArray {
    if (arguments.length > 0) refuseExtra('dataSync', arguments[0], undefined);
    const t = receiver('dataSync', this);
    return leaving(t, copyOf(computed(t)));
  },
  data(this: unknown, options?: unknown, extra?: unknown): Promise<TypedArray> {
    return readAsync('data', this, options, extra, leavingLater(readCopy));
  },
  arraySync(this: unknown): NestedArray {
    if (arguments.length > 0) refuseExtra('arraySync', arguments[0], undefined);
    const t = receiver('arraySync', this);
    return leaving(t, nested(computed(t)));
  },
  array(this: unknown, options?: unknown, extra?: unknown): Promise<NestedArray> {
    return readAsync('array', this, options, extra, leavingLater(readNested));
  },
  item(this: unknown): number {
    if (arguments.length > 0) refuseExtra('item', arguments[0], undefined);
    const t = receiver('item', this);
    if (t.uniform !== undefined && t.size === 1) return leaving(t, t.uniform);
    if (t.size !== 1) {
      throw new ShapeError(
        `item: expected exactly one element, got shape ${showShape(t.shape)} with ${t.size} elements; arraySync() gives all`,
      );
    }
    const elements = elementsOf(computed(t));
    return leaving(t, typeof elements === 'number' ? elements : (elements[0] as number));
  },
  toString(this: unknown): string {
    return text('toString', this);
  },
  toJSON(this: unknown): NestedArray {
    return nested(computed(receiver('toJSON', this)));
  },
  [Symbol.toPrimitive](this: unknown, hint: string): string {
    receiver('toPrimitive', this);
    if (hint === 'string') return (this as Tensor).toString(); // a sparse tensor has its own
    const what = isVariable(this) ? 'variable' : 'tensor';
    throw new GradtapeError('ERR_OPERATOR', `a ${what} was used as a number: ${operators}`);
  },
  [Symbol.for('nodejs.util.inspect.custom')](this: unknown): string {
    receiver('inspect', this);
    return (this as Tensor).toString();
  },
};

for (const { prototype } of [Tensor, Variable]) {
  for (const name of Reflect.ownKeys(methods)) {
    Object.defineProperty(prototype, name, { value: Reflect.get(methods, name), configurable: true, writable: true });
  }
  Object.defineProperty(prototype, copySymbol, { value: thisCopy });
}
