/**
 * The batcher: a recorder that builds, beside what is computed from placeholders, the same for a whole batch, by the
 * batch rules of the ops that it hears.
 */
import { GradtapeError } from '../base/errors.js';
import { shapeOf } from '../base/shape.js';
import { Tensor } from '../engine/tensor.js';
import type { BatchedCall, Op } from '../op/op.js';
import { broadcast } from '../primitives/movement.js';
import type { RecordedOp } from '../record/entry.js';
import { below, pop, push, Recorder } from '../record/stack.js';

type Built = Tensor | readonly Tensor[];

const first: readonly boolean[] = [true];
// By which of two operands are batched: 1 for the first, 2 for the second.
const ofTwo: readonly (readonly boolean[])[] = [0, 1, 2, 3].map((bits) => [(bits & 1) > 0, bits > 1]);

/** Knows tensors that stand for a batch, each with the tensor of the whole batch, which has the batch axis first. */
export class Batcher extends Recorder {
  private readonly count: number;
  /** By the ids of what stands for them: a batcher lives as long as a pass. */
  private readonly wholes = new Map<number, Tensor>();

  /** @param count the length of the batch axis */
  constructor(count: number) {
    super();
    this.count = count;
  }

  /** Says that `t` stands for the elements of `whole`. */
  stands(t: Tensor, whole: Tensor): void {
    this.wholes.set(t.id, whole);
  }

  /** The batch that t stands for; t for every element, if it stands for none. */
  wholeOf(t: Tensor): Tensor {
    return this.wholes.get(t.id) ?? broadcast(t, shapeOf([this.count, ...t.shape]));
  }

  /** Runs fn and hears its ops. */
  hear<T>(fn: () => T): T {
    push(this);
    try {
      return fn();
    } finally {
      pop(this);
    }
  }

  override knows(t: Tensor): boolean {
    return this.wholes.has(t.id);
  }

  override note1(op: RecordedOp, out: Tensor, x: Tensor, attributes: unknown): void {
    const whole = this.wholes.get(x.id);
    if (whole && this.takes()) this.build(op, [out], [whole], first, attributes);
  }
  override note2(op: RecordedOp, out: Tensor, x: Tensor, y: Tensor, attributes: unknown): void {
    const wholeX = this.wholes.get(x.id);
    const wholeY = this.wholes.get(y.id);
    if (!(wholeX || wholeY) || !this.takes()) return;
    const batched = ofTwo[(wholeX ? 1 : 0) + (wholeY ? 2 : 0)] as readonly boolean[];
    this.build(op, [out], [wholeX ?? x, wholeY ?? y], batched, attributes);
  }
  override noteMany(op: RecordedOp, outs: readonly Tensor[], operands: readonly Tensor[], attributes: unknown): void {
    const batched = operands.map((t) => this.wholes.has(t.id));
    if (!batched.includes(true) || !this.takes()) return;
    this.build(
      op,
      outs,
      operands.map((t) => this.wholes.get(t.id) ?? t),
      batched,
      attributes,
    );
  }

  /** The body of a custom gradient was heard like any other code, so what its results stand for is known. */
  override noteInstead(
    op: RecordedOp,
    outs: readonly Tensor[],
    operands: readonly Tensor[],
    under: readonly Tensor[],
  ): void {
    if (!this.takes() || !operands.some((t) => this.knows(t))) return;
    if (under.length === 0) throw withoutRule(op.name);
    outs.forEach((out, k) => {
      const whole = this.wholes.get((under[k] as Tensor).id);
      if (whole) this.stands(out, whole);
    });
  }
  override noteReading(): void {}
  override left(): void {}

  private build(
    recorded: RecordedOp,
    outs: readonly Tensor[],
    operands: readonly Tensor[],
    batched: readonly boolean[],
    attributes: unknown,
  ): void {
    const op = recorded as Op<unknown>;
    if (!op.batch) throw withoutRule(op.name);
    const { shape, dtype } = outs[0] as Tensor;
    const call = { op, count: this.count, operands, batched, shape, dtype, attributes };
    const built = below<Built, BatchedCall<unknown>, void>(this, op.batch, call);
    if (built instanceof Tensor) this.stands(outs[0] as Tensor, built);
    else for (const [k, whole] of built.entries()) this.stands(outs[k] as Tensor, whole);
  }
}

function withoutRule(name: string): GradtapeError {
  return new GradtapeError(
    'ERR_NO_GRADIENT',
    `${name}: it cannot be computed for a batch of cotangents at once; in jacobian and batchJacobian write ` +
      '{ experimentalUsePfor: false }: one cotangent after the other',
  );
}
