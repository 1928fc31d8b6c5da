// The Jacobian of every op: all rows at once, all columns at once, and block by block where examples stay apart, against one row
// after the other.
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';
import { hiddenCases, type OpCases, opCases, sample } from '../ops/op-cases.js';
import { expectClose } from '../support/close.js';
import { numbers } from '../support/numbers.js';

type Call = (...xs: tf.Tensor[]) => tf.Tensor;

function jacobians(call: Call, xs: readonly tf.Tensor[], opts: tf.JacobianOptions): (tf.Tensor | null)[] {
  const tape = new tf.GradientTape();
  const y = tape.record(() => {
    tape.watch([...xs]);
    return call(...xs);
  });
  return tape.jacobian(y, [...xs], opts);
}

const flat = (t: tf.Tensor): tf.Tensor => tf.reshape(t, [-1]);

/** The call with operands so wide that rows are fewer than columns. */
function ofWide(call: Call, xs: readonly tf.Tensor[], size: number): [Call, tf.Tensor[]] {
  const wide = xs.map((x) => tf.concat([flat(x), tf.zeros([size], { dtype: 'float64' })], 0));
  return [
    (...ts) => call(...ts.map((t, k) => tf.reshape(tf.slice(t, [0], [xs[k]?.size ?? 0]), xs[k]?.shape ?? []))),
    wide,
  ];
}

/** The call with a result so wide that columns are fewer than rows. */
function toWide(call: Call, columns: number): Call {
  return (...xs) => {
    const y = flat(call(...xs));
    return tf.concat(new Array(2 + Math.ceil(columns / Math.max(1, y.size))).fill(y), 0);
  };
}

function check(name: string, call: Call, xs: readonly tf.Tensor[]): void {
  const rows = jacobians(call, xs, { experimentalUsePfor: false });
  jacobians(call, xs, {}).forEach((j, k) => {
    const want = rows[k];
    expect(j === null || j === undefined, `${name}, operand ${k}`).toBe(want === null || want === undefined);
    if (j && want) expectClose(j.arraySync(), want.arraySync(), 1e-10);
  });
}

const every = [...opCases, ...hiddenCases].flatMap(([name, op]): { name: string; op: OpCases }[] =>
  op ? [{ name, op }] : [],
);

/** The call with respect to each operand whose examples along axis 0 are as many as the result's. */
function checkByExamples(name: string, call: Call, xs: readonly tf.Tensor[]): void {
  const examples = call(...xs).shape[0] ?? 1;
  xs.forEach((x, k) => {
    if (examples === 1 || x.shape[0] !== examples || !x.dtype.startsWith('float')) return;
    check(`${name} by examples, operand ${k}`, (t) => call(...xs.with(k, t as tf.Tensor)), [x]);
  });
}

describe('the Jacobian of every op, by rows, by columns and by examples, is that of one row after the other', () => {
  it.each(every)('$name', ({ name, op }) => {
    const next = numbers(name.length * 257 + name.charCodeAt(0));
    for (const { shapes, call } of op.cases) {
      const xs = shapes.map((shape, k) => sample(op, shape, k, next));
      if (xs.length === 0) continue;
      const { size } = call(...xs);
      check(`${name} by rows`, ...ofWide(call, xs, size));
      const columns = xs.reduce((sum, x) => sum + x.size, 0);
      check(`${name} by columns`, toWide(call, columns), xs);
      checkByExamples(name, call, xs);
    }
  });
});
