// The gradient of every op against central differences and forward mode, in float64, at orders 1 and 2.
import * as tf from 'gradtape';
import { gradcheck } from 'gradtape/gradcheck';
import { describe, expect, it } from 'vitest';
import { registry } from '../../lib/op/registry.js';
import { numbers } from '../support/numbers.js';
import { hiddenCases, opCases, sample } from './op-cases.js';

const every = [...opCases, ...hiddenCases];

it('every public op says how its gradient is checked, or that it has none', () => {
  expect(opCases.size).toBeGreaterThan(110);
  expect([...opCases].filter(([, op]) => op === undefined).map(([name]) => name)).toEqual([]);
});

describe('gradients of every differentiable op, in float64, at orders 1 and 2', () => {
  it.each(every.flatMap(([name, op]) => (op ? [{ name, op }] : [])))('$name', ({ name, op }) => {
    expect(op.cases.length, `${name} has no case to check`).toBeGreaterThan(0);
    const next = numbers(name.length * 1009 + name.charCodeAt(0));
    for (const { shapes, call } of op.cases) {
      const xs = shapes.map((shape, k) => sample(op, shape, k, next));
      gradcheck(call, xs);
      gradcheck(call, xs, { order: 2 });
    }
  });

  it('an elementwise op without a gradient is unconnected, not zero', () => {
    for (const { name, arity, differentiable, fn } of registry.values()) {
      if (differentiable || name.startsWith('logical')) continue;
      const tape = new tf.GradientTape();
      const x = tf.constant([0.5, 1.5]);
      const y = tape.record(() => {
        tape.watch(x);
        const out = (fn as (...xs: tf.Tensor[]) => unknown)(...(arity === 1 ? [x] : [x, x])) as tf.Tensor;
        return tf.cast(out, 'float32');
      });
      expect(tape.gradient(y, x), name).toBeNull();
    }
  });
});
