// What every op stands on: apply tells every recorder, in order of entry; entries keep what rules ask for; ops of several results.
import * as tf from 'gradtape';
import { afterEach, expect, it } from 'vitest';
import { isKnown } from '../../lib/engine/tensor.js';
import { applyMany, applyResults } from '../../lib/op/apply.js';
import { Op } from '../../lib/op/op.js';
import { fromOperands, linear } from '../../lib/op/rules.js';
import type { RecordedOp } from '../../lib/record/entry.js';
import { below, pop, push, Recorder } from '../../lib/record/stack.js';

/** Hears every op there is, and writes its name down. */
class Listener extends Recorder {
  readonly heard: string[] = [];
  private readonly before: (op: string) => void;
  constructor(before: (op: string) => void = () => {}) {
    super();
    this.before = before;
  }
  private hear(op: RecordedOp): void {
    if (!this.takes()) return;
    this.before(op.name);
    this.heard.push(op.name);
  }
  override knows(): boolean {
    return true;
  }
  override note1(op: RecordedOp): void {
    this.hear(op);
  }
  override note2(op: RecordedOp): void {
    this.hear(op);
  }
  override noteMany(op: RecordedOp): void {
    this.hear(op);
  }
  override noteInstead(op: RecordedOp): void {
    this.hear(op);
  }
  override noteReading(): void {
    this.heard.push('reading');
  }
  override left(): void {}
}

const entered: Recorder[] = [];
function enter<R extends Recorder>(r: R): R {
  push(r);
  entered.push(r);
  return r;
}

afterEach(() => {
  for (const r of entered.splice(0).reverse()) pop(r);
});

it('a recorder hears every op, those without a gradient and those of gradients too', () => {
  const x = tf.constant([0.5, 1.5]);
  const v = new tf.Variable([1, 2]);
  const listener = enter(new Listener());
  const tape = new tf.GradientTape();
  const y = tape.record(() => {
    tape.watch(x);
    tf.random.normal([2]);
    tf.argmax(x);
    tf.stopGradient(x);
    tf.floor(x);
    return tf.reduceSum(tf.mul(tf.square(x), v));
  });
  const forward = listener.heard.splice(0);
  expect(forward).toEqual([
    'random.normal',
    'argmax',
    'stopGradient',
    'floor',
    'square',
    'reading',
    'mul',
    'reduceSum',
  ]);
  tape.gradient(y, x);
  expect(listener.heard).toContain('mul');
  expect(listener.heard).not.toContain('reduceSum');
});

it('what is composed is heard as one op, not as its parts', () => {
  const listener = enter(new Listener());
  tf.nn.softmax([[1, 2]], 0);
  expect(listener.heard).toEqual(['nn.softmax']);
});

it('below a recorder: those entered before it hear, it and later ones do not, and those entered inside do', () => {
  const [a, b, c] = [enter(new Listener()), enter(new Listener()), enter(new Listener())];
  const d = new Listener();
  const x = tf.constant(2);
  below(b, () => {
    tf.exp(x);
    below(a, () => tf.log(x));
    push(d);
    tf.sin(x);
    pop(d);
  });
  tf.cos(x);
  expect([a, b, c, d].map(({ heard }) => heard)).toEqual([['exp', 'sin', 'cos'], ['cos'], ['cos'], ['sin']]);
  expect(below(null, () => tf.exp(x)).item()).toBeCloseTo(Math.exp(2), 5);
  expect(a.heard).toHaveLength(3);
});

it('below ends with what runs in it, also when that throws', () => {
  const a = enter(new Listener());
  expect(() =>
    below(a, () => {
      throw new Error('no');
    }),
  ).toThrow('no');
  tf.exp(1);
  expect(a.heard).toEqual(['exp']);
});

it('recorders hear in the order of entry, tapes among them', () => {
  const order: string[] = [];
  enter(new Listener(() => order.push('first')));
  enter(new Listener(() => order.push('second')));
  tf.exp(1);
  expect(order).toEqual(['first', 'second']);
});

/** a b + c d, of four operands, of which every rule keeps another. */
const dotOp = new Op('dot', {
  vjps: [
    fromOperands([1], (ct, [b]) => tf.mul(ct, b as tf.Tensor)),
    fromOperands([0], (ct, [a]) => tf.mul(ct, a as tf.Tensor)),
    fromOperands([3], (ct, [d]) => tf.mul(ct, d as tf.Tensor)),
    fromOperands([2], (ct, [c]) => tf.mul(ct, c as tf.Tensor)),
  ],
  batch: ({ operands: [a, b, c, d] }) =>
    tf.add(tf.mul(a as tf.Tensor, b as tf.Tensor), tf.mul(c as tf.Tensor, d as tf.Tensor)),
});

it('a rule may keep any operand, and keeps no other alive', async () => {
  const { applyComposed } = await import('../../lib/op/apply.js');
  const xs = [2, 3, 5, 7].map((n) => tf.constant(n));
  const tape = new tf.GradientTape({ persistent: true });
  const outer = new tf.GradientTape();
  const [grads, y] = outer.record(() => {
    outer.watch(xs);
    const z = tape.record(() => {
      tape.watch(xs);
      const [a, b, c, d] = xs as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
      return applyComposed(dotOp, xs, null, () => tf.add(tf.mul(a, b), tf.mul(c, d)));
    });
    return [tape.gradient(z, xs), z] as const;
  });
  expect(y.item()).toBe(41);
  expect(grads.map((g) => g?.item())).toEqual([3, 2, 7, 5]);
  expect(outer.gradient(grads[2] as tf.Tensor, xs[3] as tf.Tensor)?.item()).toBe(1);
  expect(xs.map((x) => x.saved)).toEqual([1, 1, 1, 1]);
  tape[Symbol.dispose]();
  expect(xs.map((x) => x.saved)).toEqual([0, 0, 0, 0]);
});

/** No test here batches these ops. */
function neverBatched(): never {
  throw new Error('batched');
}

/** The factors of a matrix and the order of its rows: one kernel, two results. */
const luOp = new Op('lu', {
  kernel: 'lu',
  words: () => [1],
  pullAll: (cts) => [cts[0] as tf.Tensor],
  batch: neverBatched,
});

it('an op may have several results, each a tensor of its own dtype and shape', () => {
  const matrix = tf.constant([
    [0, 2],
    [4, 6],
  ]);
  const specs = [
    { dtype: 'float32', shape: [2, 2] },
    { dtype: 'int32', shape: [2] },
  ] as const;
  const tape = new tf.GradientTape();
  const [factors, rows] = tape.record(() => {
    tape.watch(matrix);
    return applyResults(luOp, [matrix], null, specs);
  }) as [tf.Tensor, tf.Tensor];
  expect(factors.arraySync()).toEqual([
    [4, 6],
    [0, 2],
  ]);
  expect([rows.dtype, rows.arraySync()]).toEqual(['int32', [1, 0]]);
  expect(tape.gradient(factors, matrix)?.shape).toEqual([2, 2]);
  // One of them alone, and all of them in another order: whichever is looked at first, the kernel runs once.
  const [again, order] = applyResults(luOp, [matrix], null, specs) as [tf.Tensor, tf.Tensor];
  expect(order.arraySync()).toEqual([1, 0]);
  expect(isKnown(again)).toBe(true);
  expect(tf.add(again, 1).arraySync()).toEqual([
    [5, 7],
    [1, 3],
  ]);
});

it('an op keeps its name where errors say it, whatever function called it', () => {
  const picked = new Op<readonly number[]>('rows', {
    kernel: 'gather',
    words: (sizes) => sizes,
    vjps: [linear((ct) => ct)],
    batch: neverBatched,
  });
  const late = tf.cast(tf.mul(tf.constant([7]), 1), 'int32');
  const t = applyMany(picked.as('lookup'), [tf.zeros([3]), late], 'float32', [1], [1, 1, 3, 1, 1]);
  expect(() => t.dataSync()).toThrow('lookup: index 7 is out of range for an axis of length 3');
  expect(picked.as('lookup')).toBe(picked.as('lookup'));
});
