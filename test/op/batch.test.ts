// Batch rules: a recorder that builds, beside each op that it hears, the same op for a whole batch; and so the role of recorders.
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';
import type { Op } from '../../lib/op/op.js';
import type { RecordedOp } from '../../lib/record/entry.js';
import { below, pop, push, Recorder } from '../../lib/record/stack.js';
import { hiddenCases, type Interval, type OpCases, opCases } from '../ops/op-cases.js';
import { numbers } from '../support/numbers.js';

const kCount = 3;

/** Knows tensors that stand for a batch, each with the tensor of the whole batch. */
class Batcher extends Recorder {
  readonly whole = new WeakMap<tf.Tensor, tf.Tensor>();
  /** Ops that it heard and that have no rule. */
  readonly without = new Set<string>();

  override knows(t: tf.Tensor): boolean {
    return this.whole.has(t);
  }
  override note1(op: RecordedOp, out: tf.Tensor, x: tf.Tensor, attributes: unknown): void {
    this.noteMany(op, [out], [x], attributes);
  }
  override note2(op: RecordedOp, out: tf.Tensor, x: tf.Tensor, y: tf.Tensor, attributes: unknown): void {
    this.noteMany(op, [out], [x, y], attributes);
  }
  override noteMany(
    op: RecordedOp,
    outs: readonly tf.Tensor[],
    operands: readonly tf.Tensor[],
    attributes: unknown,
  ): void {
    if (!this.takes() || !operands.some((t) => this.knows(t))) return;
    const { batch } = op as Op<unknown>;
    const [out] = outs;
    if (!batch || !out || outs.length > 1) {
      this.without.add(op.name);
      return;
    }
    const call = {
      op: op as Op<unknown>,
      count: kCount,
      operands: operands.map((t) => this.whole.get(t) ?? t),
      batched: operands.map((t) => this.knows(t)),
      shape: out.shape,
      dtype: out.dtype,
      attributes,
    };
    this.whole.set(
      out,
      below(this, () => batch(call)),
    );
  }
  override noteInstead(): void {}
  override noteReading(): void {}
  override left(): void {}
}

function sample(
  { domain = [-2, 2], avoid = [] }: OpCases,
  k: number,
  shape: readonly number[],
  next: () => number,
): tf.Tensor {
  const [low, high] = (typeof domain[0] === 'number' ? domain : (domain[k] ?? [-2, 2])) as Interval;
  const size = shape.reduce((a, b) => a * b, 1);
  const values = Float64Array.from({ length: size }, () => {
    for (;;) {
      const x = low + (high - low) * next();
      if (avoid.every((kink) => Math.abs(x - kink) > 0.02)) return x;
    }
  });
  return tf.constant(values, { shape });
}

/** Checks one case with these operands batched; tells which ops had no rule. */
function check(op: OpCases, name: string, batched: (k: number) => boolean): Set<string> {
  const next = numbers(name.length * 31 + name.charCodeAt(0));
  const without = new Set<string>();
  for (const { shapes, call } of op.cases) {
    if (!shapes.some((_, k) => batched(k))) continue; // it has fewer operands than others
    const batcher = new Batcher();
    const wholes = shapes.map((shape, k) => sample(op, k, batched(k) ? [kCount, ...shape] : shape, next));
    const rows = Array.from({ length: kCount }, (_, i) =>
      call(...wholes.map((whole, k) => (batched(k) ? tf.at(whole, i) : whole))),
    );
    const logical = wholes.map((whole, k) => (batched(k) ? tf.identity(tf.at(whole, 0)) : whole));
    logical.forEach((t, k) => {
      if (batched(k)) batcher.whole.set(t, wholes[k] as tf.Tensor);
    });
    push(batcher);
    const out = call(...logical);
    pop(batcher);
    for (const missing of batcher.without) without.add(missing);
    const got = batcher.whole.get(out);
    if (batcher.without.size > 0) continue;
    if (!got) throw new Error(`${name}: its result was not batched`);
    expect(got.shape, name).toEqual([kCount, ...out.shape]);
    expect(got.dtype, name).toBe(out.dtype);
    const want = tf.stack(rows).dataSync();
    got.dataSync().forEach((value, i) => {
      const other = want[i] as number;
      const close = Object.is(value, other) || Math.abs(value - other) <= 1e-12 * Math.max(1, Math.abs(other));
      if (!close) expect.fail(`${name}: element ${i} of the batch is ${value}, alone ${other}`);
    });
  }
  return without;
}

const searched = [[5], [4]];
const halves = (t: tf.Tensor): tf.Tensor => tf.round(t.mul(2)); // so that some are equal
/** Ops that have a batch rule, but no gradient, so that op-cases.ts has no cases of them. */
const withoutGradient: Readonly<Record<string, OpCases>> = {
  argsort: {
    cases: [[[5]], [[2, 4]], [[2, 3, 4]]].flatMap((shapes) => [
      { shapes, call: (x) => tf.argsort(halves(x as tf.Tensor), 0) },
      { shapes, call: (x) => tf.argsort(x as tf.Tensor, -1, { direction: 'DESCENDING' }) },
    ]),
  },
  searchsorted: {
    cases: (['left', 'right'] as const).map((side) => ({
      shapes: searched,
      call: (s, v) => tf.searchsorted(tf.sort(halves(s as tf.Tensor)), halves(v as tf.Tensor), { side }),
    })),
  },
  argmax: { cases: [{ shapes: [[3, 4]], call: (x) => tf.argmax(x as tf.Tensor, 1) }] },
  argmin: { cases: [{ shapes: [[3, 4]], call: (x) => tf.argmin(x as tf.Tensor, 0) }] },
  reduceAny: { cases: [{ shapes: [[3, 4]], call: (x) => tf.reduceAny(tf.greater(x as tf.Tensor, 1), 1) }] },
  reduceAll: { cases: [{ shapes: [[3, 4]], call: (x) => tf.reduceAll(tf.less(x as tf.Tensor, 1), 0) }] },
  truncatediv: { cases: [{ shapes: [[3, 4], [4]], call: (x, y) => tf.truncatediv(x as tf.Tensor, y as tf.Tensor) }] },
};

const every = [...opCases, ...hiddenCases].flatMap(([name, op]) => (op ? [[name, op] as const] : []));

describe('an op for a batch gives what it gives for each element alone', () => {
  const unruled = new Map<string, Set<string>>();

  it.each(every)('%s', (name, op) => {
    const operands = Math.max(...op.cases.map(({ shapes }) => shapes.length));
    const without = check(op, name, () => true);
    for (let k = 0; k < operands && operands > 1; k++)
      for (const missing of check(op, name, (j) => j === k)) without.add(missing);
    unruled.set(name, without);
  });

  it.each(Object.entries(withoutGradient))('%s, which has no gradient', (name, op) => {
    const operands = (op.cases[0] as OpCases['cases'][number]).shapes.length;
    for (const batched of [() => true, ...Array.from({ length: operands }, (_, k) => (j: number) => j === k)])
      expect(check(op, name, batched)).toEqual(new Set());
  });

  it('the worked examples have rules: elementwise ops, products, reductions, movement', () => {
    const ruled = [...unruled].filter(([, without]) => without.size === 0).map(([name]) => name);
    for (const name of [
      'matmul',
      'reduceSum',
      'reduceMax',
      'reshape',
      'transpose',
      'cast',
      'where',
      'concat',
      'cumsum',
    ]) {
      expect(ruled).toContain(name);
    }
    for (const [name] of hiddenCases) expect(ruled).toContain(name);
    expect(ruled.length).toBeGreaterThan(75);
  });
});
