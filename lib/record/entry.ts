/** Entries: what a recorder keeps of one op, and the rules that read it later. Nothing here records or differentiates. */
import type { DType } from '../base/dtype.js';
import type { Shape } from '../base/shape.js';
import { scalarShape } from '../base/shape.js';
import type { Tensor } from '../engine/tensor.js';

/** What a rule needs of the forward pass: bit k is operand k, `out` the result. The entry keeps that and nothing else. */
export const keep = { nothing: 0, x: 1, y: 2, out: 0x40000000 } as const;

export type Cotangent = Tensor;

/** The pullback with respect to one operand. Returns a cotangent of the operand; null where there is none. */
export interface Vjp<A = unknown> {
  readonly needs: number;
  pull(ct: Tensor, entry: Entry<A>, operand: number): Cotangent | null;
}

/** The pullback with respect to all operands at once, from the cotangents of all results. */
export type PullAll<A> = {
  pull(cts: readonly (Tensor | null)[], entry: Entry<A>): readonly (Cotangent | null)[];
}['pull'];

/** What recorders know of an op. The last vjp serves all further operands. */
export interface RecordedOp<A = unknown> {
  readonly name: string;
  readonly vjps: readonly (Vjp<A> | null)[];
  /** For ops whose cotangents come together; `vjps` is empty then. */
  readonly pullAll: PullAll<A> | null;
}

/** One op (or leaf) on one tape: what made its operands, their shapes, and the tensors that its rules asked for. */
export class Entry<A = unknown> {
  readonly op: RecordedOp<A>;
  /** Id of the result: operands have smaller ones. */
  readonly outId: number;
  readonly outShape: Shape;
  readonly outDType: DType;
  readonly attributes: A;
  /** How many operands. The entries that made them (null: not on the tape) and their shapes follow; most ops have one or two. */
  count = 0;
  ofX: Entry | null = null;
  ofY: Entry | null = null;
  shapeX: Shape = scalarShape;
  shapeY: Shape = scalarShape;
  /** Of an op with more than two operands: those of all of them. */
  more: Further | null = null;
  /** Of an op with several results: the entries of all of them, in order; each further result's entry knows the first. */
  resultEntries: readonly Entry[] | null = null;
  firstResult: Entry | null = null;
  /** The last pass of backpropagation that met it, what it was to it, and where. */
  mark = 0;
  passIndex = 0;
  /** What its rules asked for: the first two operands, operands by number from the third on, and the result. */
  x: Tensor | null = null;
  y: Tensor | null = null;
  keptFurther: Map<number, Tensor> | null = null;
  out: Tensor | null = null;
  constructor(op: RecordedOp<A>, id: number, shape: Shape, dtype: DType, attributes: A) {
    this.op = op;
    this.outId = id;
    this.outShape = shape;
    this.outDType = dtype;
    this.attributes = attributes;
  }

  /** The entry that made operand k. */
  operand(k: number): Entry | null {
    if (k === 0) return this.ofX;
    return k === 1 ? this.ofY : (this.more?.entries[k] ?? null);
  }

  /** The shape of operand k. */
  shape(k: number): Shape {
    if (k === 0) return this.shapeX;
    return k === 1 ? this.shapeY : (this.more?.shapes[k] as Shape);
  }

  /** Operand k, which a rule has asked for. */
  kept(k: number): Tensor {
    if (k === 0) return this.x as Tensor;
    return (k === 1 ? this.y : this.keptFurther?.get(k)) as Tensor;
  }

  /** Keeps the result and the first two operands, as far as `needs` asks for them. */
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

  /** The same of operands from the third on. */
  saveFurther(needs: number, operands: readonly Tensor[]): void {
    for (let k = 2; k < operands.length && needs & ~keep.out & -(2 ** k); k++) {
      if (!(needs & (2 ** k))) continue;
      const t = operands[k] as Tensor;
      this.keptFurther ??= new Map();
      this.keptFurther.set(k, t);
      t.saved++;
    }
  }

  /** Frees what it kept, as backpropagation through a consumed tape proceeds. */
  release(): void {
    if (this.x) this.x.saved--;
    if (this.y) this.y.saved--;
    if (this.out) this.out.saved--;
    this.x = null;
    this.y = null;
    this.out = null;
    if (this.keptFurther) {
      for (const t of this.keptFurther.values()) t.saved--;
      this.keptFurther = null;
    }
  }
}

interface Further {
  readonly entries: readonly (Entry | null)[];
  readonly shapes: readonly Shape[];
}

/** The rule for operand k: the last one serves all further operands. */
export function ruleOf<A>(op: RecordedOp<A>, k: number): Vjp<A> | null | undefined {
  return op.vjps[k < op.vjps.length ? k : op.vjps.length - 1];
}
