/** Entries: what a tape keeps of one op, and the rules that read it later. Nothing here records or differentiates. */
import type { DType } from '../base/dtype.js';
import type { Shape } from '../base/shape.js';
import { scalarShape } from '../base/shape.js';
import type { Tensor } from '../engine/tensor.js';

/**
 * What a rule needs of the forward pass, as bits: bit k for operand k (below 30), `out` for the result. The entry keeps
 * these tensors only.
 */
export const keep = { nothing: 0, x: 1, y: 2, out: 0x40000000 } as const;

/**
 * A cotangent of a value (the primal): the derivative of the sum of the targets with respect to it; of its shape and
 * dtype. A tangent of it is its derivative along a direction of the sources.
 */
export type Cotangent = Tensor;

/**
 * The gradient rule of one operand: pulls the cotangent of the result back to a cotangent of the operand (null where
 * there is none). That may be larger than the operand by broadcasting; backward.ts sums it.
 */
export interface Vjp<A = unknown> {
  /** What `pull` reads of the entry: bits of `keep`. */
  readonly needs: number;
  pull(ct: Tensor, entry: Entry<A>, operand: number): Cotangent | null;
}

/** The gradient rule of all operands at once: from the cotangents of all results to those of all operands. */
export type PullAll<A> = {
  pull(cts: readonly (Tensor | null)[], entry: Entry<A>): readonly (Cotangent | null)[];
}['pull'];

/**
 * How tangents of operands become that of the result, where no transposing is needed. elementwise: the derivative is
 * diagonal, so a rule is its own transpose, and takes cotangents of many rows at once, which have one more axis in front.
 * linear: the op applied to the tangents, of all operands with a rule at once. multilinear: the op applied to one tangent
 * beside the other operands, added up. Or a function of the tangents.
 */
export type Forward<A> = 'elementwise' | 'linear' | 'multilinear' | ForwardRule<A>;
type ForwardRule<A> = {
  push(tangents: readonly (Tensor | null)[], entry: Entry<A>): readonly (Tensor | null)[];
}['push'];

/**
 * Whether each example of the result (its part at one index of axis 0) depends on that example of operand k alone. Asked only
 * where both have as many.
 */
export type ByExample<A> = { holds(entry: Entry<A>, k: number): boolean }['holds'];

/** What recorders know of an op. */
export interface RecordedOp<A = unknown> {
  readonly name: string;
  /** The rule of each operand, null where there is none; the last serves all further operands. */
  readonly vjps: readonly (Vjp<A> | null)[];
  /** The rule in place of `vjps`, of an op that gives all cotangents together. */
  readonly pullAll: PullAll<A> | null;
  /** What `pullAll` reads of the entry: bits of `keep`. */
  readonly needs: number;
  /** How it gives tangents; null: by its rules, transposed twice (transform/forward.ts). */
  readonly forward: Forward<A> | null;
  /** Null: not so, as far as is known. An elementwise op needs none. */
  readonly byExample?: ByExample<A> | null;
  /** Whether a user gave its gradient. */
  readonly custom?: boolean;
}

/**
 * An entry: one application of an op on one tape, or a leaf. It has the entries that made the operands, the shapes of
 * these, and the tensors that the rules need.
 */
export class Entry<A = unknown> {
  readonly op: RecordedOp<A>;
  /** The id of the result; entries of operands have smaller ones. */
  readonly outId: number;
  readonly outShape: Shape;
  readonly outDType: DType;
  readonly attributes: A;
  /** The number of operands; 0 where no gradient flows to any. */
  count = 0;
  // The entries that made the first two operands (null: not on the tape), and the shapes of these.
  ofX: Entry | null = null;
  ofY: Entry | null = null;
  shapeX: Shape = scalarShape;
  shapeY: Shape = scalarShape;
  /** What only an op of more than two operands, or of several results, has. */
  private further: Further | null = null;
  /** Ids of operands that are on the tape but get no gradient: the op has no rule for them, or their dtype none. */
  blocked: readonly number[] | null = null;
  /**
   * The pass of backpropagation that met it last and what it was to that pass (see backward.ts), and its index there.
   */
  mark = 0;
  passIndex = 0;
  // What its rules need: the first two operands and the result.
  x: Tensor | null = null;
  y: Tensor | null = null;
  out: Tensor | null = null;
  constructor(op: RecordedOp<A>, id: number, shape: Shape, dtype: DType, attributes: A) {
    this.op = op;
    this.outId = id;
    this.outShape = shape;
    this.outDType = dtype;
    this.attributes = attributes;
  }

  /** The entry that made operand k; null if it is not on the tape. */
  operand(k: number): Entry | null {
    if (k === 0) return this.ofX;
    return k === 1 ? this.ofY : (this.further?.entries[k] ?? null);
  }

  /** The shape of operand k. */
  shape(k: number): Shape {
    if (k === 0) return this.shapeX;
    return k === 1 ? this.shapeY : (this.further?.shapes[k] as Shape);
  }

  /** Operand k, which a rule needs. */
  kept(k: number): Tensor {
    if (k === 0) return this.x as Tensor;
    return (k === 1 ? this.y : this.further?.kept?.get(k)) as Tensor;
  }

  /** The operands that it keeps, from the third on, by number. */
  get keptBeyondTwo(): Iterable<[number, Tensor]> {
    return this.further?.kept ?? [];
  }

  /** Keeps the result and the first two operands, as far as `needs` has their bits. */
  save(needs: number, x: Tensor, y: Tensor | null, out: Tensor): void {
    if (needs & keep.x) {
      this.x = x;
      x.saved++;
    }
    if (needs & keep.y && y) {
      this.y = y;
      y.saved++;
    }
    if (needs & keep.out) {
      this.out = out;
      out.saved++;
    }
  }

  /** As `save`, for the operands from the third on. */
  saveFurther(needs: number, operands: readonly Tensor[]): void {
    for (let k = 2; k < operands.length && needs & ~keep.out & -(2 ** k); k++) {
      if (!(needs & (2 ** k))) continue;
      const t = operands[k] as Tensor;
      const more = this.withFurther();
      more.kept ??= new Map();
      more.kept.set(k, t);
      t.saved++;
    }
  }

  /** Has all operands and the result, without counting them as kept: for an entry that is on no tape. */
  borrow(operands: readonly Tensor[], out: Tensor): void {
    const [x, y] = operands;
    this.x = x ?? null;
    this.y = y ?? null;
    this.out = out;
    if (operands.length > 2) this.withFurther().kept = new Map(operands.entries());
  }

  /** Lets go of the tensors that it keeps. */
  release(): void {
    if (this.x) this.x.saved--;
    if (this.y) this.y.saved--;
    if (this.out) this.out.saved--;
    this.x = null;
    this.y = null;
    this.out = null;
    const more = this.further;
    if (!more?.kept) return;
    for (const t of more.kept.values()) t.saved--;
    more.kept = null;
  }

  private withFurther(): Further {
    this.further ??= { entries: [], shapes: [], kept: null, results: null, first: null };
    return this.further;
  }

  /** Notes the entries and shapes of all operands, if these are more than two. */
  setOperands(entries: readonly (Entry | null)[], operands: readonly Tensor[]): void {
    const [x, y] = operands;
    this.count = operands.length;
    this.ofX = entries[0] ?? null;
    this.ofY = entries[1] ?? null;
    if (x) this.shapeX = x.shape;
    if (y) this.shapeY = y.shape;
    if (operands.length <= 2) return;
    const more = this.withFurther();
    more.entries = entries;
    more.shapes = operands.map((t) => t.shape);
  }

  /** In the entry of the first of several results: the entries of all results, in order. */
  get resultEntries(): readonly Entry[] | null {
    return this.further === null ? null : this.further.results;
  }

  /** In the entry of a further result: the entry of the first. */
  get firstResult(): Entry | null {
    return this.further === null ? null : this.further.first;
  }

  /** Makes this the entry of the first of several results. */
  setResults(entries: readonly Entry[]): void {
    this.withFurther().results = entries;
    for (const e of entries) if (e !== this) e.withFurther().first = this;
  }
}

/** Entries, shapes and kept ones of all operands; and the other results. */
interface Further {
  entries: readonly (Entry | null)[];
  shapes: readonly Shape[];
  /** Operands that the rules need, from the third on, by number. */
  kept: Map<number, Tensor> | null;
  results: readonly Entry[] | null;
  first: Entry | null;
}

/** The rule of operand k; the last one serves all further operands. */
export function ruleOf<A>(op: RecordedOp<A>, k: number): Vjp<A> | null | undefined {
  return op.vjps[k < op.vjps.length ? k : op.vjps.length - 1];
}
