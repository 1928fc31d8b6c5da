/** An op as a value: what the addon computes for it, how it is differentiated, how it is computed for a batch. */
import type { DType } from '../base/dtype.js';
import type { Shape } from '../base/shape.js';
import { opcodeOf } from '../engine/addon.js';
import { Computation, type Tensor, type Words } from '../engine/tensor.js';
import type { PullAll, RecordedOp, Vjp } from '../record/entry.js';

/** One call of an op, as its batch rule gets it: some operands have a leading axis of length `count` more than the call says. */
export interface BatchedCall<A> {
  readonly op: Op<A>;
  readonly count: number;
  /** As they are; those that are not batched are the same for every element of the batch. */
  readonly operands: readonly Tensor[];
  readonly batched: readonly boolean[];
  /** Of one element of the batch. */
  readonly shape: Shape;
  readonly dtype: DType;
  readonly attributes: A;
}

/** Computes the call for all elements of the batch; the result has the leading axis. */
export type BatchRule<A> = { batch(call: BatchedCall<A>): Tensor }['batch'];

export interface OpParts<A> {
  /** The addon's kernel; without one, the op is computed by others (applyComposed). */
  readonly kernel?: string;
  /** The attributes as the kernel takes them; without, it takes none. */
  readonly words?: Words<A>;
  /** A rule an operand, null where there is no gradient; the last serves all further operands. Default: none. */
  readonly vjps?: readonly (Vjp<A> | null)[];
  /** All operands' cotangents at once, in place of `vjps`. */
  readonly pullAll?: PullAll<A>;
  readonly batch?: BatchRule<A>;
}

/** `A`: the attributes of a call, all that the op is told besides its operands. */
export class Op<A = null> extends Computation<A> implements RecordedOp<A> {
  readonly vjps: readonly (Vjp<A> | null)[];
  readonly pullAll: PullAll<A> | null;
  readonly batch: BatchRule<A> | null;
  private readonly parts: OpParts<A>;
  private readonly others: Map<string, Op<A>> = new Map();

  /** `name`: as errors say it, so what users called. */
  constructor(name: string, parts: OpParts<A>) {
    const { kernel, words = null, pullAll = null, vjps = pullAll ? [] : [null], batch = null } = parts;
    super(name, kernel === undefined ? -1 : opcodeOf(kernel), words);
    this.vjps = vjps;
    this.pullAll = pullAll;
    this.batch = batch;
    this.parts = parts;
  }

  /** The same op as another function calls it, whose name errors say. */
  as(name: string): Op<A> {
    if (name === this.name) return this;
    let other = this.others.get(name);
    if (!other) {
      other = new Op(name, this.parts);
      this.others.set(name, other);
    }
    return other;
  }
}
