// Batch rules: by the batcher, which builds the same op for a whole batch beside each op that it hears.
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';
import { Op } from '../../lib/op/op.js';
import { linear } from '../../lib/op/rules.js';
import { Batcher } from '../../lib/transform/batch.js';
import { hiddenCases, type OpCases, opCases, sample } from '../ops/op-cases.js';
import { numbers } from '../support/numbers.js';

const kCount = 3;

/** Checks the calls of an op with these operands batched. */
function check(op: OpCases, name: string, batched: (k: number) => boolean): void {
  const next = numbers(name.length * 31 + name.charCodeAt(0));
  for (const { shapes, call } of op.cases) {
    if (!shapes.some((_, k) => batched(k))) continue; // it has fewer operands than others
    const batcher = new Batcher(kCount);
    const wholes = shapes.map((shape, k) => sample(op, batched(k) ? [kCount, ...shape] : shape, k, next));
    const rows = Array.from({ length: kCount }, (_, i) =>
      call(...wholes.map((whole, k) => (batched(k) ? tf.at(whole, i) : whole))),
    );
    const logical = wholes.map((whole, k) => (batched(k) ? tf.identity(tf.at(whole, 0)) : whole));
    logical.forEach((t, k) => {
      if (batched(k)) batcher.stands(t, wholes[k] as tf.Tensor);
    });
    const out = batcher.hear(() => call(...logical));
    expect(batcher.knows(out), `${name}: its result was not batched`).toBe(true);
    const got = batcher.wholeOf(out);
    expect(got.shape, name).toEqual([kCount, ...out.shape]);
    expect(got.dtype, name).toBe(out.dtype);
    const want = tf.stack(rows).dataSync();
    got.dataSync().forEach((value, i) => {
      const other = want[i] as number;
      const close = Object.is(value, other) || Math.abs(value - other) <= 1e-12 * Math.max(1, Math.abs(other));
      if (!close) expect.fail(`${name}: element ${i} of the batch is ${value}, alone ${other}`);
    });
  }
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
  it.each(every)('%s', (name, op) => {
    const operands = Math.max(...op.cases.map(({ shapes }) => shapes.length));
    check(op, name, () => true);
    for (let k = 0; k < operands && operands > 1; k++) check(op, name, (j) => j === k);
  });

  it.each(Object.entries(withoutGradient))('%s, which has no gradient', (name, op) => {
    const operands = (op.cases[0] as OpCases['cases'][number]).shapes.length;
    for (const batched of [() => true, ...Array.from({ length: operands }, (_, k) => (j: number) => j === k)])
      check(op, name, batched);
  });

  it('products of matrices of every shape', () => {
    const lengths = [
      [3, 1, 4],
      [3, 4, 1],
      [1, 4, 3],
      [3, 4, 5],
      [60, 70, 80],
    ] as const;
    for (const [m, k, n] of lengths) {
      for (let bits = 0; bits < 24; bits++) {
        const [transposeA, transposeB, lead] = [(bits & 1) > 0, (bits & 2) > 0, bits & 4 ? [2] : []];
        const [ofX, ofY] = [bits >> 3 !== 1, bits >> 3 !== 0];
        const shapes = [[...lead, ...(transposeA ? [k, m] : [m, k])], transposeB ? [n, k] : [k, n]];
        const call = (...xs: tf.Tensor[]): tf.Tensor =>
          tf.matmul(xs[0] as tf.Tensor, xs[1] as tf.Tensor, { transposeA, transposeB });
        check({ cases: [{ shapes, call }] }, `matmul ${m} ${k} ${n}, ${bits}`, (i) => (i === 0 ? ofX : ofY));
      }
    }
  });

  it('an op with a gradient rule and without a batch rule is refused', () => {
    expect(() => new Op('unbatched', { vjps: [linear((ct) => ct)] })).toThrow('no batch rule');
  });
});
