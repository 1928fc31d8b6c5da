/**
 * Tensor: an immutable value, known or pending. A pending tensor is a node of the graph that its operands make. The
 * class has no ops: lib/methods.ts puts those on it.
 */
import type { DType } from '../base/dtype.js';
import { ValueError } from '../base/errors.js';
import type { Shape } from '../base/shape.js';
import { sizeOf } from '../base/shape.js';
import type { TensorBuffer } from './buffers.js';

let nextId = 1;

/** The id that the next tensor will get. */
export function peekId(): number {
  return nextId;
}

/**
 * A symbol cannot be cloned, so a tensor that holds one cannot be either: the error of structuredClone and postMessage
 * quotes this text.
 */
const uncloneable = Symbol('a tensor of gradtape: send what its data() or arraySync() gives; it');

/**
 * A cohort: an object that tensors made one after another have in common, alive while one of them is. A sweep of a
 * recording keeps entries of small results by cohort, which takes one weak reference for many of them.
 */
export class Cohort {
  readonly uncloneable: symbol = uncloneable;
  /** How many elements the cohort still takes; each tensor counts for kTensorWeight more. */
  room: number = 2 ** 14;
}
const kTensorWeight = 2 ** 6;
let cohort = new Cohort();

/** Makes the next tensors begin a new cohort. */
export function startCohort(): void {
  cohort = new Cohort();
}

/** How many pending tensors were made, ever. */
export let pendingMade = 0;

/** Called when a cohort is full: after some hundred tensors at most. */
let atCohortEnd: () => void = () => {};

/** Has `fn` called now and then: after some hundred tensors at most. */
export function nowAndThen(fn: () => void): void {
  atCohortEnd = fn;
}

/**
 * What computes a pending tensor: a kernel of the addon, how its attributes become words, and the name that errors use.
 */
export class Computation<A = unknown> {
  readonly name: string;
  /** The kernel's opcode; -1 if other ops compute it. */
  readonly opcode: number;
  /** null if the kernel takes no words. */
  readonly words: Words<A> | null;
  /** The op on JavaScript's numbers, if it has the kernel's bits there. */
  readonly fold: Fold | null;
  constructor(name: string, opcode: number, words: Words<A> | null, fold: Fold | null = null) {
    this.name = name;
    this.opcode = opcode;
    this.words = words;
    this.fold = fold;
  }
}

/**
 * An op on JavaScript's numbers, in double; rounded to the dtype of its operands that has the bits of the kernel. For +, -, *, /
 * and the square root in float32 that is so (Figueroa 1995).
 */
export type Fold = (x: number, y: number) => number;

/**
 * Writes attributes as the words (int32 numbers) of a program. Declared as a method, whose parameters TypeScript
 * compares loosely: so every Computation<A> is a Computation<unknown>.
 */
export type Words<A> = { write(attributes: A): readonly number[] }['write'];

/**
 * The key to the constructor of Tensor, which users do not have: their values come in through `constant()`, which
 * checks them.
 */
export const made: unique symbol = Symbol('made by gradtape');

export class Tensor {
  // The first property, so that structuredClone refuses a tensor before it copies elements and operands.
  /** @internal */ readonly cohort: Cohort;
  /** Unique in this process; the order of creation. */
  readonly id: number;
  /** Length of each axis; frozen. */
  readonly shape: Shape;
  /** The dtype of all elements. */
  readonly dtype: DType;
  /** Number of elements. */
  readonly size: number;

  // A known tensor has `uniform` (the number that all its elements are) or `buffer`. A pending one has `op` and its
  // operands: `x` and `y`, or `more`.
  /** @internal */ uniform: number | undefined;
  /** @internal */ buffer: TensorBuffer | null = null;
  /** @internal */ op: Computation | null;
  /** @internal */ x: Tensor | null;
  /** @internal */ y: Tensor | null;
  /** @internal */ more: readonly Tensor[] | null = null;
  /** @internal what the op is told besides its operands */ attributes: unknown = null;
  /** @internal how many pending ops lie one below another under this one, at most */ depth = 0;
  /** @internal how many entries of tapes keep it */ saved = 0;
  /** @internal how many ops have it as an operand */ readers = 0;
  /** @internal the serial of the program that last had it as a value */ mark = 0;
  /** @internal its index in that program */ index = 0;
  /** @internal the serial of the recording that last met it */ tapeSerial = 0;
  /** @internal its index there: of an entry from 0 on, of a leaf -1 and below */ tapeIndex = 0;

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
    if (op !== null) pendingMade++;
    if (cohort.room < 0) {
      cohort = new Cohort();
      atCohortEnd();
    }
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

/** @internal Whether the tensor is known: its elements are there. */
export function isKnown(t: Tensor): boolean {
  return t.uniform !== undefined || t.buffer !== null;
}

/** @internal The operands of a pending tensor. */
export function operandsOf({ x, y, more }: Tensor): readonly Tensor[] {
  return more ?? [x, y].filter((operand) => operand !== null);
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

/** @internal The attributes of a known tensor that an op computed; a constant has null. */
export const computedByOp: unique symbol = Symbol('computed by an op');

/** @internal Makes a tensor that has just got its elements forget op and operands, so that it keeps nothing alive. */
export function settle(t: Tensor): void {
  t.op = null;
  t.x = null;
  t.y = null;
  t.more = null;
  t.attributes = computedByOp;
  t.depth = 0;
}

/**
 * @internal Another tensor over the same elements. While they are pending, `op` stands between the two; it must be a
 *   view.
 */
export function aliasOf(t: Tensor, op: Computation): Tensor {
  const known = isKnown(t);
  const alias = new Tensor(made, t.shape, t.dtype, t.size, known ? null : op, known ? null : t, null);
  alias.uniform = t.uniform;
  alias.buffer = t.buffer;
  if (alias.x) alias.depth = t.depth + 1;
  t.readers++;
  return alias;
}
