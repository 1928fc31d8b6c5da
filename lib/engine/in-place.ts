/**
 * Values in place: which assigned values a program may write over the elements of the variable's last one, and how that
 * stays readable where somebody may have it.
 */
import { newArray } from '../base/dtype.js';
import { shapeOf, sizeOf } from '../base/shape.js';
import { isElementwise, opcodeOf } from './addon.js';
import { allocate, SlabBuffer, type TensorBuffer } from './buffers.js';
import type { Wish } from './pending.js';
import { Computation, isKnown, made, Tensor } from './tensor.js';
import { opcodeIn, viewed } from './view.js';

const kScatterInto = opcodeOf('scatterInto');
/** Rows with more than this share of the elements, or of a value with fewer elements, are not worth the bookkeeping. */
const kShare = 1 / 4;
const kWorthwhile = 2 ** 12;

/** The rows of a value at some indices, as the gather of ops; attributes are its sizes. */
const rowsOp = new Computation('gather', opcodeOf('gather'), (sizes: readonly number[]) => sizes);

/** A value that a program writes over an input. */
export interface Replacing {
  /** A tensor over that input. */
  readonly input: Tensor;
  /** The tensors over it, which nobody reads again. */
  readonly dropped: readonly Tensor[];
}

const noTensors: readonly Tensor[] = [];

/** The pending scatter that makes a value of another by writing few of its rows; null if it is made otherwise. */
function scatterOfFew(value: Tensor): Tensor | null {
  const t = viewed(value);
  if (isKnown(t) || opcodeIn(t) !== kScatterInto || t.size < kWorthwhile) return null;
  const [, updates] = t.more as readonly [Tensor, Tensor, Tensor];
  return updates.size <= t.size * kShare ? t : null;
}

/**
 * A value that differs from the one before in some rows, which alone are written. Somebody may have the one before, so the
 * program also computes what its rows were.
 */
export class RowUpdate implements Replacing {
  readonly t: Tensor;
  readonly input: Tensor;
  readonly dropped: readonly Tensor[] = noTensors;
  /** The rows as they were, and their indices: known when the program has run. */
  readonly before: Tensor;
  readonly indices: Tensor;
  private readonly sizes: readonly number[];
  private readonly from: SlabBuffer;
  private room: TensorBuffer | null = null;
  private constructor(t: Tensor, from: SlabBuffer, sizes: readonly number[]) {
    const [input, , indices] = t.more as readonly [Tensor, Tensor, Tensor];
    const [batch, outer, , count, inner] = sizes as [number, number, number, number, number];
    const shape = shapeOf([batch, outer, count, inner]);
    this.before = new Tensor(made, shape, input.dtype, sizeOf(shape), rowsOp, input, indices);
    this.before.attributes = sizes;
    this.t = t;
    this.input = input;
    this.from = from;
    this.indices = indices;
    this.sizes = sizes;
  }

  /** The update that a wish is; null if it is none, or its rows are not few. */
  static of({ cell, value }: Wish): RowUpdate | null {
    const t = scatterOfFew(value);
    if (!t) return null;
    const [input, updates] = t.more as readonly [Tensor, Tensor, Tensor];
    const { buffer } = input;
    if (!(buffer instanceof SlabBuffer) || buffer !== cell.lastGood.buffer) return null;
    if (cell.replaces.length > 0 && !buffer.isHeir) return null; // it is dropped
    if (updates.size === 0 || !buffer.mayPass(updates.size)) return null;
    const words = (t.op as Computation).words as NonNullable<Computation['words']>;
    return new RowUpdate(t, buffer, words(t.attributes).slice(0, 5));
  }

  /** Takes the memory that `keep` needs. */
  prepare(): void {
    this.room = allocate('int32', this.indices.size);
  }

  /** Says that the program has run: the elements are the new value's, whose buffer is returned. */
  pass(): SlabBuffer {
    return this.from.pass(this.before.size);
  }

  /** Keeps the rows for whoever has the value before; after those who computed them have got them. */
  keep(): void {
    const { before, sizes, from } = this;
    const { elements } = this.room as TensorBuffer;
    const { uniform, buffer } = this.indices;
    // A copy, since somebody may write over the indices in turn.
    if (uniform !== undefined) elements.fill(uniform);
    else elements.set((buffer as TensorBuffer).elements);
    const rows = before.buffer?.elements ?? newArray(before.dtype, 1).fill(before.uniform as number);
    from.keep({ dtype: before.dtype, sizes, indices: elements, rows });
  }
}

/**
 * What the wish's value takes to its place, if it differs from a known value in few rows: the rows and their indices; else null.
 * Once they are known, the rest is little work.
 */
export function rowsToPlace({ value }: Wish): readonly Tensor[] | null {
  const t = scatterOfFew(value);
  if (!t) return null;
  const [input, ...places] = t.more as readonly [Tensor, Tensor, Tensor];
  return input.buffer ? places : null;
}

/**
 * The updates of rows among the wishes. Their tensors `before` and `indices` must be computed by the same program, which is yet
 * to be written.
 */
export function rowUpdates(wishes: readonly Wish[]): RowUpdate[] {
  const updates: RowUpdate[] = [];
  for (const wish of wishes) {
    const update = RowUpdate.of(wish);
    if (update && !updates.some(({ input }) => input.buffer === update.input.buffer)) updates.push(update);
  }
  return updates;
}

/**
 * The values that may be written over an input of the program, which has been written: updates of rows; and what
 * elementwise ops and scatters make of a value that nobody else has. `inputs`: of the program.
 */
export function replacements(
  wishes: readonly Wish[],
  updates: readonly RowUpdate[],
  inputs: readonly Tensor[],
  serial: number,
): Map<Tensor, Replacing> | null {
  if (updates.length === 0 && !wishes.some(({ cell }) => cell.replaces.length > 0)) return null;
  const readers = new Map<TensorBuffer | null, number>(); // how many inputs have the same elements
  for (const { buffer } of inputs) readers.set(buffer, (readers.get(buffer) ?? 0) + 1);
  const found = new Map<Tensor, Replacing>();
  for (const { cell, value } of wishes) {
    const [input] = cell.replaces;
    if (!input?.buffer || input.mark !== serial || readers.get(input.buffer) !== 1) continue;
    if (input.buffer instanceof SlabBuffer && input.buffer.isHeir) continue; // somebody may have what it was before
    const t = viewed(value);
    const opcode = opcodeIn(t);
    if ((isElementwise[opcode] || opcode === kScatterInto) && t.size > 1)
      found.set(t, { input, dropped: cell.replaces });
  }
  for (const update of updates) found.set(update.t, update);
  return found;
}
