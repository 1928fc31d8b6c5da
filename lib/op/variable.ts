/** Variable: a named value that can be assigned, and whose readings tapes see. */

import { boolean, options, refuseExtra, string } from '../base/arguments.js';
import type { DType } from '../base/dtype.js';
import { dtypeArgument } from '../base/dtype.js';
import { DTypeError, GradtapeError, ShapeError, show } from '../base/errors.js';
import type { Shape } from '../base/shape.js';
import { sameShape, showShape } from '../base/shape.js';
import type { AnyTypedArray, NumberArray } from '../engine/constant.js';
import { fromValue } from '../engine/constant.js';
import { ensureKnown, evaluateCell, evaluateTensors } from '../engine/evaluate.js';
import { Cell, isCrowded } from '../engine/pending.js';
import { aliasOf, isKnown, isTensor, type Tensor } from '../engine/tensor.js';
import { isRecording, recordAssigned, recordReading, type VariableInfo } from '../record/stack.js';
import { applied1 } from './apply.js';
import { Op } from './op.js';
import { linear } from './rules.js';

/** What ops take as an operand. */
export type TensorLike = Tensor | Variable | number | boolean | AnyTypedArray | NumberArray;

/** The options of `new Variable(...)` and `variable(...)`. */
export interface VariableOptions {
  /** The dtype of the value; default: that of the initial value. */
  dtype?: DType;
  /** Whether tapes watch it when it is read, without `watch`. Default true. */
  trainable?: boolean;
  /** Used in errors and in print; default Variable_0, Variable_1, ... */
  name?: string;
}

const readOp: Op = new Op('read', {
  kernel: 'reshape',
  vjps: [linear((ct) => ct)],
  batch: ({ operands }) => applied1(readOp, aliasOf(operands[0] as Tensor, readOp), operands[0] as Tensor, null),
  forward: 'elementwise',
});

const variableOptions = { dtype: dtypeArgument, trainable: boolean, name: string } as const;
let unnamed = 0;

/**
 * A value that `assign` replaces. Every use as an operand is a reading; a tape that records then watches the variable,
 * if it is trainable and the tape watches variables that are read.
 */
export class Variable {
  /** Unique in this process; variables made later have larger ones. */
  readonly id: number;
  /** The length of each axis, of every value that it can have. */
  readonly shape: Shape;
  /** The dtype of every value that it can have. */
  readonly dtype: DType;
  /** Whether tapes watch it when it is read. */
  readonly trainable: boolean;
  /** What errors and tables call it. */
  readonly name: string;
  private readonly cell: Cell;

  /**
   * @throws GradtapeError ERR_NOT_A_TENSOR, ShapeError, DTypeError for an initial value that is no tensor; ValueError
   *   ERR_OPTION
   */
  constructor(initialValue: TensorLike, opts?: VariableOptions) {
    if (arguments.length > 2) refuseExtra('Variable', arguments[2], undefined);
    const { dtype, trainable = true, name } = options('Variable', variableOptions, opts);
    const value = isVariable(initialValue) ? initialValue.peek() : initialValue;
    const t = fromValue('Variable', value, dtype, undefined, undefined, 'initialValue');
    ensureKnown(t);
    this.cell = new Cell(name ?? `Variable_${unnamed++}`, t);
    this.id = this.cell.current.id;
    this.shape = t.shape;
    this.dtype = t.dtype;
    this.trainable = trainable;
    this.name = this.cell.name;
    if (isRecording() && isTensor(initialValue)) recordAssigned(this, this.cell.current, [initialValue], false);
  }

  /** Number of axes. */
  get rank(): number {
    return this.shape.length;
  }
  /** Number of elements. */
  get size(): number {
    return this.cell.current.size;
  }

  /** The present value as a tensor, which later assignments do not change. A reading, which tapes see. */
  value(): Tensor {
    if (!isVariable(this)) throw notAVariable('value', this);
    if (arguments.length > 0) refuseExtra('value', arguments[0], arguments[1]);
    const source = readVariable(this);
    return applied1(readOp, aliasOf(source, readOp), source, null);
  }

  /**
   * Replaces the value, by one of the same shape and dtype. Gradients do not flow through an assignment. The new value
   * may be pending; if it cannot be computed, whoever looks at the variable is told, and it has its last good value
   * again.
   * @throws ShapeError, DTypeError, GradtapeError ERR_NOT_A_TENSOR
   */
  assign(x: TensorLike): this {
    if (arguments.length > 1) refuseExtra('assign', arguments[1], arguments[2]);
    if (!isVariable(this)) throw notAVariable('assign', this);
    return this.replace('assign', this.checked('assign', x));
  }

  /** @internal The tensor of a new value, if its dtype fits. */
  checked(op: string, x: TensorLike): Tensor {
    const value = isVariable(x) ? x.peek() : x;
    const t = fromValue(op, value, undefined, undefined, this.dtype);
    if (t.dtype !== this.dtype) {
      throw new DTypeError(
        `${op}: variable ${this.name} has dtype ${this.dtype}, the value has ${t.dtype}; write cast(x, '${this.dtype}')`,
      );
    }
    return t;
  }

  /** @internal Makes a tensor of this shape and dtype the value. `replaceable`: nobody else keeps it. `changes`: of an update, by what. */
  replace(op: string, t: Tensor, replaceable = false, changes: readonly Tensor[] | null = null): this {
    if (!sameShape(t.shape, this.shape)) {
      throw new ShapeError(
        `${op}: variable ${this.name} has shape ${showShape(this.shape)}, the value has ${showShape(t.shape)}`,
      );
    }
    const { cell } = this;
    replaying?.delete(this);
    // A value that still waits is computed first, so that a loop that never looks keeps one iteration pending, not all.
    if (cell.state !== 'settled' && !isKnown(cell.current)) evaluateCell(cell);
    cell.assign(t, replaceable);
    if (isRecording()) recordAssigned(this, cell.current, changes ?? [t], changes !== null);
    if (isCrowded()) evaluateTensors([]);
    return this;
  }

  /** @internal The present value, without telling tapes. */
  peek(): Tensor {
    this.cell.replaceable = null;
    return this.cell.current;
  }

  /**
   * @internal As `peek`, for a caller who does not keep the tensor: the next value may be written over its elements.
   */
  borrow(): Tensor {
    return this.cell.current;
  }
}

/** Whether the value is a variable; `instanceof` alone throws at a revoked proxy. */
export function isVariable(x: unknown): x is Variable {
  try {
    return x instanceof Variable;
  } catch {
    return false;
  }
}

/** The error of a method that was called on something else. */
export function notAVariable(method: string, receiver: unknown): GradtapeError {
  return new GradtapeError('ERR_RECEIVER', `${method}: called on ${show(receiver)}, which is no Variable`);
}

/** Variables with the value that each had when it was first read. */
export type Readings = Map<Variable, Tensor>;

// Where readings are noted (readingsOf), and the values that variables read as (withReadings).
let listener: Readings | null = null;
let replaying: Readings | null = null;

/** Runs fn; returns its result and the readings of variables in it, in the order of first reading. */
export function readingsOf<T>(fn: () => T): [T, Readings] {
  const read: Readings = new Map();
  const outer = listener;
  listener = read;
  try {
    return [fn(), read];
  } finally {
    listener = outer;
    if (outer) for (const [v, t] of read) if (!outer.has(v)) outer.set(v, t);
  }
}

/** Runs fn while each of these variables reads as the value given here, until fn assigns it. */
export function withReadings<T>(readings: Readings, fn: () => T): T {
  const outer = replaying;
  replaying = new Map([...(outer ?? []), ...readings]);
  try {
    return fn();
  } finally {
    replaying = outer;
  }
}

/** Reads a variable: its present value; recorders are told. */
export function readVariable(v: Variable): Tensor {
  const t = replaying?.get(v) ?? v.peek();
  if (listener && !listener.has(v)) listener.set(v, t);
  if (isRecording()) recordReading(t, v);
  return t;
}

/** Each watched variable once, in the order in which they were made. */
export function variablesOf(watched: readonly VariableInfo[]): Variable[] {
  return ([...new Set(watched)] as Variable[]).sort((a, b) => a.id - b.id);
}

/** The same as `new Variable(...)`. */
export function variable(initialValue: TensorLike, opts?: VariableOptions): Variable {
  if (arguments.length > 2) refuseExtra('variable', arguments[2], undefined);
  return new Variable(initialValue, opts);
}
