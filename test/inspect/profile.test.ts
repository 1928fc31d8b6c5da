// Profiles of functions and tapes: rows by op and line, loops as what they are, the table and the trace; summary.
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';
import { expectError } from '../support/errors.js';
import { restoreSettings } from '../support/settings.js';

restoreSettings();

const filled = (shape: number[]): tf.Tensor => tf.random.uniform(shape, { seed: 1 });
const rowOf = (p: tf.Profile, op: string): tf.ProfileRow => {
  const row = p.rows.find((r) => r.op === op);
  if (!row) throw new Error(`no row ${op} in\n${p}`);
  return row;
};

describe('profile(fn)', () => {
  it('measures kernels and loops, with their lines, and changes no value', () => {
    const a = filled([64, 48]);
    const b = filled([48, 32]);
    const run = (): tf.Tensor => tf.matmul(a, b).mul(2).tanh().add(1).reduceSum();
    const want = run().item();
    const p = tf.profile(run);
    expect(p.value.item()).toBe(want);
    const product = rowOf(p, 'matmul');
    expect(product).toMatchObject({ calls: 1, backwardMs: 0, bytes: 4 * (64 * 48 + 48 * 32 + 64 * 32) });
    expect(product.at).toMatch(/profile\.test\.ts:\d+:\d+$/);
    expect(product.gflops).toBeCloseTo((2 * 64 * 48 * 32) / (product.forwardMs as number) / 1e6, 6);
    const loop = rowOf(p, 'loop: mul tanh add');
    expect(loop.ops).toEqual(['mul', 'tanh', 'add']);
    expect(loop.gflops).toBeNull();
    expect(loop.gbps).toBeGreaterThan(0);
    expect(rowOf(p, 'reduceSum').calls).toBe(1);
    expect(p.totalMs).toBeGreaterThanOrEqual(p.rows.reduce((sum, r) => sum + (r.forwardMs as number), 0));
    expect(tf.config.trackOrigin).toBe(false);
  });

  it('tells forward from backward, and counts calls', () => {
    const w = new tf.Variable(filled([32, 32]));
    const x = filled([16, 32]);
    const p = tf.profile(() => {
      for (let i = 0; i < 3; i++) {
        const tape = new tf.GradientTape();
        const y = tape.record(() => tf.reduceSum(tf.matmul(x, w)));
        w.assignSub((tape.gradient(y, w) as tf.Tensor).mul(0.01));
        y.item();
      }
    });
    const forward = p.rows.filter((r) => (r.forwardMs ?? 0) > 0 && r.ops.includes('matmul'));
    const backward = p.rows.filter((r) => r.backwardMs > 0 && r.ops.some((op) => /matmul/.test(op)));
    expect(forward[0]?.calls).toBe(3);
    expect(backward.length).toBeGreaterThan(0);
  });

  it('prints a table, and a trace that Perfetto opens', () => {
    const p = tf.profile(() => filled([100]).exp().mul(3));
    const lines = String(p).split('\n');
    expect(lines[0]).toMatch(/^op +calls +forward ms +backward ms +bytes +rate +line/);
    expect(String(p)).toMatch(/loop: exp mul +1 +\d+\.\d{3} +0\.000 +\d+ +\d+\.\d+ GB\/s +\S+profile\.test\.ts/);
    expect(lines.at(-1)).toMatch(/^total \d+\.\d{3} ms$/);
    const trace = JSON.parse(p.toChromeTrace());
    expect(trace.traceEvents.length).toBeGreaterThan(0);
    for (const event of trace.traceEvents) {
      expect(event).toMatchObject({ ph: 'X', pid: 1, cat: 'forward' });
      expect(event.dur).toBeGreaterThan(0);
      expect(event.ts).toBeGreaterThanOrEqual(0);
    }
  });

  it('refuses what is no function, and an error of fn leaves the settings alone', () => {
    expectError(() => tf.profile(3 as never), tf.ValueError, 'ERR_VALUE');
    expectError(() => tf.profile(async () => tf.ones([2])), tf.TapeError, 'ERR_TAPE_ASYNC');
    expect(() =>
      tf.profile(() => {
        throw new Error('mine');
      }),
    ).toThrow('mine');
    expect(tf.config.trackOrigin).toBe(false);
    const late = filled([10]).exp();
    expect(late.dataSync().length).toBe(10);
  });
});

describe('tape.profile()', () => {
  it('measures what is pending of a recording and a backward pass, and consumes nothing', () => {
    const x = filled([32, 32]);
    const tape = new tf.GradientTape();
    const y = tape.record(() => {
      tape.watch(x);
      return tf.matmul(x, x).tanh().reduceSum();
    });
    const p = tape.profile();
    expect(rowOf(p, 'matmul').calls).toBeGreaterThan(0);
    expect(p.rows.some((r) => r.backwardMs > 0)).toBe(true);
    expect((tape.gradient(y, x) as tf.Tensor).shape).toEqual([32, 32]);
    expectError(() => tape.profile(), tf.TapeError, 'ERR_TAPE_CONSUMED');
  });

  it('has no forward time of what was computed before', () => {
    const x = filled([32, 32]);
    const tape = new tf.GradientTape();
    const y = tape.record(() => {
      tape.watch(x);
      return tf.exp(x).reduceSum();
    });
    y.item();
    expect(rowOf(tape.profile(), 'reduceSum').forwardMs).toBeNull();
  });
});

it('summary lists every variable of a model, with totals', () => {
  const model = {
    dense: { w: new tf.Variable(tf.zeros([3, 4]), { name: 'w' }), b: new tf.Variable(tf.zeros([4]), { name: 'bias' }) },
    step: new tf.Variable(7, { dtype: 'int32', trainable: false, name: 'step' }),
  };
  expect(tf.summary(model)).toBe(
    [
      'name      shape   dtype    count  bytes',
      '--------  ------  -------  -----  -----',
      'w         [3, 4]  float32     12   48 B',
      'bias      [4]     float32      4   16 B',
      'step      []      int32        1    4 B',
      'total: 3                      17   68 B',
    ].join('\n'),
  );
});

it.each([3, 'model', null, undefined, true])('summary of what can contain no variable (%s) is an error', (x) => {
  expect(() => tf.summary(x)).toThrow(expect.objectContaining({ code: 'ERR_NOT_A_TENSOR' }));
  expect(() => tf.summary(x)).toThrow(/^summary: expected an object, array, Map or Set with variables, got /);
});
