/**
 * The batcher: a recorder that builds, beside what is computed from placeholders, the same for a whole batch, by the
 * batch rules of the ops that it hears.
 */
import { GradtapeError } from '../base/errors.js';
import { shapeOf } from '../base/shape.js';
import { asUsual } from '../engine/config.js';
import type { Tensor } from '../engine/tensor.js';
import type { BatchRule, Op } from '../op/op.js';
import { broadcast } from '../primitives/movement.js';
import type { RecordedOp } from '../record/entry.js';
import { below, pop, push, Recorder } from '../record/stack.js';

/** Knows tensors that stand for a batch, each with the tensor of the whole batch, which has the batch axis first. */
export class Batcher extends Recorder {
  private readonly count: number;
  private readonly wholes = new WeakMap<Tensor, Tensor>();

  /** @param count the length of the batch axis */
  constructor(count: number) {
    super();
    this.count = count;
  }

  /** Says that `t` stands for the elements of `whole`. */
  stands(t: Tensor, whole: Tensor): void {
    this.wholes.set(t, whole);
  }

  /** The batch that t stands for; t for every element, if it stands for none. */
  wholeOf(t: Tensor): Tensor {
    return this.wholes.get(t) ?? broadcast(t, shapeOf([this.count, ...t.shape]));
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
    return this.wholes.has(t);
  }

  override note1(op: RecordedOp, out: Tensor, x: Tensor, attributes: unknown): void {
    if (this.wholes.has(x) && this.takes()) this.build(op, [out], [x], attributes);
  }
  override note2(op: RecordedOp, out: Tensor, x: Tensor, y: Tensor, attributes: unknown): void {
    if ((this.wholes.has(x) || this.wholes.has(y)) && this.takes()) this.build(op, [out], [x, y], attributes);
  }
  override noteMany(op: RecordedOp, outs: readonly Tensor[], operands: readonly Tensor[], attributes: unknown): void {
    if (operands.some((t) => this.wholes.has(t)) && this.takes()) this.build(op, outs, operands, attributes);
  }

  /** The body of a custom gradient was heard like any other code, so what its results stand for is known. */
  override noteInstead(
    op: RecordedOp,
    outs: readonly Tensor[],
    operands: readonly Tensor[],
    under: readonly Tensor[],
  ): void {
    if (!this.takes() || !operands.some((t) => this.wholes.has(t))) return;
    if (under.length === 0) throw withoutRule(op.name);
    outs.forEach((out, k) => {
      const whole = this.wholes.get(under[k] as Tensor);
      if (whole) this.wholes.set(out, whole);
    });
  }
  override noteReading(): void {}
  override left(): void {}

  private build(recorded: RecordedOp, outs: readonly Tensor[], operands: readonly Tensor[], attributes: unknown): void {
    const op = recorded as Op<unknown>;
    const batch: BatchRule<unknown> | null = op.batch;
    if (!batch) throw withoutRule(op.name);
    const { shape, dtype } = outs[0] as Tensor;
    const call = {
      op,
      count: this.count,
      operands: operands.map((t) => this.wholes.get(t) ?? t),
      batched: operands.map((t) => this.wholes.has(t)),
      shape,
      dtype,
      attributes,
    };
    const built = below(this, () => asUsual(() => batch(call)));
    const wholes = (Array.isArray(built) ? built : [built]) as readonly Tensor[];
    outs.forEach((out, k) => {
      this.wholes.set(out, wholes[k] as Tensor);
    });
  }
}

function withoutRule(name: string): GradtapeError {
  return new GradtapeError(
    'ERR_NO_GRADIENT',
    `${name}: it cannot be computed for a batch of cotangents at once; in jacobian and batchJacobian write ` +
      '{ experimentalUsePfor: false }: one cotangent after the other',
  );
}
