/** Tensor: an immutable value, known or still to be computed. A node of the graph; it has no operations of its own. */
import type { DType } from '../base/dtype.js';
import { ValueError } from '../base/errors.js';
import type { Shape } from '../base/shape.js';
import { sizeOf } from '../base/shape.js';
import type { TensorBuffer } from './memory.js';

let nextId = 1;

/** Reserves the next id, for entries that name several results. */
export function peekId(): number {
  return nextId;
}

/** Cannot be cloned, so neither can what has it: structuredClone and postMessage say this instead of giving internals. */
const uncloneable = Symbol('a tensor of gradtape: send what its data() or arraySync() gives; it');

/** Tensors made one after another: alive while one of them is. Tapes keep what they know of small ones by it. */
export class Cohort {
  readonly uncloneable: symbol = uncloneable;
  /** Elements (and so many for each tensor) until the next. */
  room: number = 2 ** 14;
}
const kTensorWeight = 2 ** 6;
let cohort = new Cohort();

/** The next tensors are not of one cohort with those before. */
export function startCohort(): void {
  cohort = new Cohort();
}

/** What computes a pending value: a kernel of the addon, how its attributes are written in a program, and what errors call it. */
export class Computation<A = unknown> {
  readonly name: string;
  /** -1: other ops compute it. */
  readonly opcode: number;
  /** null: it has no attributes. */
  readonly words: Words<A> | null;
  constructor(name: string, opcode: number, words: Words<A> | null) {
    this.name = name;
    this.opcode = opcode;
    this.words = words;
  }
}

/** The attributes as a program has them. (By way of a method type, so that every computation is a Computation<unknown>.) */
export type Words<A> = { write(attributes: A): readonly number[] }['write'];

/** What only the library has to make tensors with: users' values come in by constant() alone, where they are checked. */
export const made: unique symbol = Symbol('made by gradtape');

export class Tensor {
  // First of all properties: a clone is refused before it comes to elements and operands.
  /** @internal */ readonly cohort: Cohort;
  /** Unique in this process; the order of creation. */
  readonly id: number;
  /** Length of each axis; frozen. */
  readonly shape: Shape;
  readonly dtype: DType;
  /** Number of elements. */
  readonly size: number;

  // A value is known by `uniform` (all its elements are that number) or by `buffer`, or else computed by `op` of its operands.
  /** @internal */ uniform: number | undefined;
  /** @internal */ buffer: TensorBuffer | null = null;
  /** @internal */ op: Computation | null;
  /** @internal */ x: Tensor | null;
  /** @internal */ y: Tensor | null;
  /** @internal */ more: readonly Tensor[] | null = null;
  /** @internal what the op is told besides its operands */ attributes: unknown = null;
  /** @internal length of the longest pending chain below */ depth = 0;
  /** @internal how many unconsumed tapes saved it */ saved = 0;
  /** @internal ops that read it while it was pending */ readers = 0;
  /** @internal mark of the evaluation that last met it, and its index there */ mark = 0;
  /** @internal */ index = 0;
  /** @internal the tape that last recorded it, and where */ tapeSerial = 0;
  /** @internal */ tapeIndex = 0;

  /** @internal */
  constructor(
    by: typeof made,
    shape: Shape,
    dtype: DType,
    size: number,
    op: Computation | null,
    x: Tensor | null,
    y: Tensor | null,
  ) {
    if (by !== made) throw new ValueError('Tensor: tensors are made by constant(value, { dtype, shape }), not by new');
    this.id = nextId++;
    this.shape = shape;
    this.dtype = dtype;
    this.size = size;
    this.uniform = undefined;
    this.op = op;
    this.x = x;
    this.y = y;
    cohort.room -= size + kTensorWeight;
    if (cohort.room < 0) cohort = new Cohort();
    this.cohort = cohort;
  }

  /** Number of axes. */
  get rank(): number {
    return this.shape.length;
  }
}

/** @internal Whether the value is a tensor; `instanceof` alone throws at a revoked proxy. */
export function isTensor(x: unknown): x is Tensor {
  try {
    return x instanceof Tensor;
  } catch {
    return false;
  }
}

/** @internal Whether the elements are there already. */
export function isKnown(t: Tensor): boolean {
  return t.uniform !== undefined || t.buffer !== null;
}

/** @internal A tensor all of whose elements are `number` (already rounded to the dtype). */
export function uniformTensor(number: number, dtype: DType, shape: Shape): Tensor {
  const t = new Tensor(made, shape, dtype, sizeOf(shape), null, null, null);
  t.uniform = number;
  return t;
}

/** @internal A tensor over elements that are never written again. */
export function bufferTensor(buffer: TensorBuffer, dtype: DType, shape: Shape): Tensor {
  const t = new Tensor(made, shape, dtype, buffer.elements.length, null, null, null);
  t.buffer = buffer;
  return t;
}

/** @internal Replaces the way to compute a value by the value, so that nothing below is kept. */
export function settle(t: Tensor): void {
  t.op = null;
  t.x = null;
  t.y = null;
  t.more = null;
  t.attributes = null;
  t.depth = 0;
}

/** @internal The same elements as a tensor of its own; while they are pending, by `op`, which computes nothing. */
export function aliasOf(t: Tensor, op: Computation): Tensor {
  const known = isKnown(t);
  const alias = new Tensor(made, t.shape, t.dtype, t.size, known ? null : op, known ? null : t, null);
  alias.uniform = t.uniform;
  alias.buffer = t.buffer;
  if (alias.x) alias.depth = t.depth + 1;
  t.readers++;
  return alias;
}
