/**
 * Tangents: the recorder of a ForwardAccumulator. It computes, of every op that it hears, the tangents of the results from
 * those of the operands, and keeps them as long as the results.
 */
import { isFloating } from '../base/dtype.js';
import { scalarShape } from '../base/shape.js';
import type { Tensor } from '../engine/tensor.js';
import { Entry, type RecordedOp, ruleOf } from '../record/entry.js';
import { below, Recorder, type VariableInfo } from '../record/stack.js';
import { type Tangent, tangentsOf } from './forward.js';

/** Stands in entries for that of any operand that has a tangent: rules ask only whether there is one. */
const primal = new Entry(
  { name: 'primal', vjps: [], pullAll: null, needs: 0, forward: null },
  0,
  scalarShape,
  'float32',
  null,
);

export class Tangents extends Recorder {
  private readonly known = new WeakMap<Tensor, Tensor>();
  private readonly ofVariables = new Map<number, Tensor>();

  /** Makes a tensor a primal. */
  give(t: Tensor, tangent: Tensor): void {
    this.known.set(t, tangent);
  }
  /** Makes a variable a primal. */
  giveVariable(v: VariableInfo, tangent: Tensor): void {
    this.ofVariables.set(v.id, tangent);
  }
  of(t: Tensor): Tangent {
    return this.known.get(t) ?? null;
  }
  ofVariable(v: VariableInfo): Tangent {
    return this.ofVariables.get(v.id) ?? null;
  }

  override knows(t: Tensor): boolean {
    return this.known.has(t);
  }

  override note1(op: RecordedOp, out: Tensor, x: Tensor, attributes: unknown): void {
    const t = this.known.get(x);
    if (!t || !this.takes()) return;
    this.push(op, [out], [x], attributes, [t]);
  }

  override note2(op: RecordedOp, out: Tensor, x: Tensor, y: Tensor, attributes: unknown): void {
    const tx = this.of(x);
    const ty = this.of(y);
    if (!(tx || ty) || !this.takes()) return;
    this.push(op, [out], [x, y], attributes, [tx, ty]);
  }

  override noteMany(op: RecordedOp, outs: readonly Tensor[], operands: readonly Tensor[], attributes: unknown): void {
    const tangents = operands.map((t) => this.of(t));
    if (tangents.some((t) => t) && this.takes()) this.push(op, outs, operands, attributes, tangents);
  }

  override noteInstead(
    op: RecordedOp,
    outs: readonly Tensor[],
    operands: readonly Tensor[],
    under: readonly Tensor[],
  ): void {
    if (!this.takes()) return;
    if (operands.some((t) => this.known.has(t))) {
      this.noteMany(op, outs, operands, null);
      return;
    }
    outs.forEach((out, k) => {
      const t = under[k] && this.known.get(under[k]);
      if (t) this.known.set(out, t);
    });
  }

  override noteReading(t: Tensor, v: VariableInfo): void {
    const tangent = this.ofVariables.get(v.id);
    if (tangent) this.known.set(t, tangent);
  }
  override left(): void {}

  private push(
    op: RecordedOp,
    outs: readonly Tensor[],
    operands: readonly Tensor[],
    attributes: unknown,
    given: readonly Tangent[],
  ): void {
    const tangents: Tangent[] = [];
    let any = false;
    for (let k = 0; k < given.length; k++) {
      const t = given[k] as Tangent;
      const flows = t !== null && (op.pullAll !== null || !!ruleOf(op, k));
      tangents.push(flows ? t : null);
      any ||= flows;
    }
    if (!any) return;
    const e = entryFor(op, outs, operands, attributes, tangents);
    const found = below(this, tangentsOf, e, tangents);
    for (let k = 0; k < found.length; k++) {
      const t = found[k];
      const out = outs[k] as Tensor;
      if (t && isFloating(out.dtype)) this.known.set(out, t);
    }
  }
}

/** An entry with everything that a rule may ask for. It is gone as soon as the rule has run. */
function entryFor(
  op: RecordedOp,
  outs: readonly Tensor[],
  operands: readonly Tensor[],
  attributes: unknown,
  tangents: readonly Tangent[],
): Entry {
  const [out] = outs as [Tensor];
  const e = new Entry(op, out.id, out.shape, out.dtype, attributes);
  e.setOperands(
    tangents.map((t) => (t ? primal : null)),
    operands,
  );
  e.borrow(operands, out);
  if (outs.length > 1) {
    e.setResults(outs.map((t, k) => (k === 0 ? e : new Entry(op, t.id, t.shape, t.dtype, null))));
  }
  return e;
}
