/** Op: an op as a value, with its kernel in the addon, its gradient rules and its batch rule. */
import type { DType } from '../base/dtype.js';
import { GradtapeError } from '../base/errors.js';
import type { Shape } from '../base/shape.js';
import { opcodeOf } from '../engine/addon.js';
import { Computation, type Fold, type Tensor, type Words } from '../engine/tensor.js';
import type { ByExample, Forward, PullAll, RecordedOp, Vjp } from '../record/entry.js';

/**
 * One call of an op, as its batch rule gets it: shape, attributes and rules are those of one element, and some operands
 * are batched, that is, have a batch axis of length `count` before their own axes.
 */
export interface BatchedCall<A> {
  readonly op: Op<A>;
  readonly count: number;
  /** The operands; one that is not batched is the same for every element of the batch. */
  readonly operands: readonly Tensor[];
  readonly batched: readonly boolean[];
  /** The shape of one element's result. */
  readonly shape: Shape;
  readonly dtype: DType;
  readonly attributes: A;
}

/**
 * A batch rule: computes the call for all elements of the batch. The result has the batch axis first; of an op with
 * several results each.
 */
export type BatchRule<A> = { batch(call: BatchedCall<A>): Tensor | readonly Tensor[] }['batch'];

/** What an op is made of. */
export interface OpParts<A> {
  /** The name of the addon's kernel. Without one, other ops compute it (`applyComposed`). */
  readonly kernel?: string;
  /** Writes the attributes as words of a program. Default: the kernel takes none. */
  readonly words?: Words<A>;
  /**
   * The gradient rule of each operand, null where there is none; the last serves all further operands. Default: no
   * gradient.
   */
  readonly vjps?: readonly (Vjp<A> | null)[];
  /** The rule of all operands at once, in place of `vjps`. */
  readonly pullAll?: PullAll<A>;
  /** What `pullAll` reads of the entry: bits of `keep`. Default: nothing. */
  readonly needs?: number;
  /** Whether a user gave its gradient. */
  readonly custom?: boolean;
  /** Every op with a gradient has one. */
  readonly batch?: BatchRule<A>;
  /** How it gives tangents. Default: by its rules, transposed twice. */
  readonly forward?: Forward<A>;
  /** Whether examples stay apart. Default: only where it is elementwise. */
  readonly byExample?: ByExample<A>;
  /** The op on JavaScript's numbers, if it has the kernel's bits there. */
  readonly fold?: Fold | undefined;
}

/** An op. `A` is the type of its attributes: everything that a call tells it besides the operands. */
export class Op<A = null> extends Computation<A> implements RecordedOp<A> {
  readonly vjps: readonly (Vjp<A> | null)[];
  readonly pullAll: PullAll<A> | null;
  readonly needs: number;
  readonly custom: boolean;
  readonly batch: BatchRule<A> | null;
  readonly forward: Forward<A> | null;
  readonly byExample: ByExample<A> | null;
  private readonly parts: OpParts<A>;
  private others: Map<string, Op<A>> | null = null; // most ops have one name; customGradient makes an op a call

  /** @param name as errors say it: of the function that users call */
  constructor(name: string, parts: OpParts<A>) {
    const { kernel, words = null, pullAll = null, needs = 0, custom = false } = parts;
    const { batch = null, forward = null, byExample = null, fold = null } = parts;
    const { vjps = pullAll ? [] : [null] } = parts;
    if ((pullAll || vjps.some((rule) => rule)) && !batch) {
      throw new GradtapeError('ERR_INTERNAL', `gradtape: op ${name} has a gradient rule and no batch rule`);
    }
    super(name, kernel === undefined ? -1 : opcodeOf(kernel), words, fold);
    this.vjps = vjps;
    this.pullAll = pullAll;
    this.needs = needs;
    this.custom = custom;
    this.batch = batch;
    this.forward = forward;
    this.byExample = byExample;
    this.parts = parts;
  }

  /** This op under the name of another function that applies it, for errors. */
  as(name: string): Op<A> {
    if (name === this.name) return this;
    this.others ??= new Map();
    let other = this.others.get(name);
    if (!other) {
      other = new Op(name, this.parts);
      this.others.set(name, other);
    }
    return other;
  }
}
