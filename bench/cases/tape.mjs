// Small tensors: what an op, a tape and a gradient cost by themselves.

import { four } from '../inputs.mjs';

export const title = 'Scalars: what an op and a tape cost';

/** Ops in the recorded chain. */
export const chainLength = 1000;

/** 0.999 a step on the way down, so that the chain neither overflows nor vanishes. */
export const chainFactor = 0.999;

function seed(tf) {
  const x = new tf.Variable(2);
  const step = () => {
    const tape = new tf.GradientTape();
    const y = tape.record(() => tf.expr`2*${x}**3 + 5*${x}**2 + 3*${x}`);
    return tape.gradient(y, x).item();
  };
  return { step, check: () => [step()] };
}

function second(tf) {
  const x = new tf.Variable(2);
  const step = () => {
    const outer = new tf.GradientTape();
    const first = outer.record(() => {
      const inner = new tf.GradientTape();
      const y = inner.record(() => tf.expr`2*${x}**3 + 5*${x}**2 + 3*${x}`);
      return inner.gradient(y, x);
    });
    return outer.gradient(first, x).item();
  };
  return { step, check: () => [step()] };
}

function intermediate(tf) {
  const y = tf.constant(42);
  const step = () => {
    const tape = new tf.GradientTape();
    const z = tape.record(() => {
      tape.watch(y);
      return tf.expr`${y}*${y}*${y}*${y}`;
    });
    return tape.gradient(z, y).item();
  };
  return { step, check: () => [step()] };
}

function chain(tf, gradient) {
  const x = tf.constant(1);
  const c = tf.constant(0.001);
  const d = tf.constant(chainFactor);
  const step = () => {
    const tape = new tf.GradientTape();
    const y = tape.record(() => {
      tape.watch(x);
      let t = x;
      for (let i = 0; i < chainLength; i += 2) t = t.add(c).mul(d);
      return t;
    });
    return gradient ? tape.gradient(y, x).item() : y.item();
  };
  return { step, check: () => [step()] };
}

function chainFour(tf) {
  const x = tf.constant(four.x);
  const c = tf.constant(four.c);
  const step = () => {
    const tape = new tf.GradientTape();
    const y = tape.record(() => {
      tape.watch(x);
      let t = x;
      for (let i = 0; i < four.rounds; i++) t = t.mul(c).tanh().add(c).square();
      return t;
    });
    const gradient = tape.gradient(y, x);
    tf.evaluate(gradient);
    return gradient;
  };
  return { step, check: () => step().dataSync() };
}

function addItem(tf) {
  const x = tf.constant(2);
  const y = tf.constant(3);
  const step = () => x.add(y).item();
  return { step, check: () => [step()] };
}

function addFour(tf) {
  const x = tf.constant([1, 2, 3, 4]);
  const y = tf.constant([5, 6, 7, 8]);
  const step = () => {
    const z = x.add(y);
    tf.evaluate(z);
    return z;
  };
  return { step, check: () => step().dataSync() };
}

const perOp = { unit: 'ns', count: chainLength };

export const cases = [
  {
    id: 'seed-gradient',
    name: 'seed dy/dx: record, gradient, item',
    unit: 'us',
    expect: [47],
    kind: 'seed-gradient',
    make: seed,
  },
  {
    id: 'seed-second',
    name: 'second derivative, nested tapes',
    unit: 'us',
    expect: [34],
    kind: 'seed-second',
    make: second,
  },
  {
    id: 'seed-power',
    name: 'dz/dy of z = y*y*y*y',
    unit: 'us',
    expect: [296352],
    kind: 'seed-power',
    make: intermediate,
  },
  {
    id: 'chain',
    name: 'a recorded scalar op (1000 add, mul, + item)',
    ...perOp,
    kind: 'chain',
    given: { gradient: false },
    make: (tf) => chain(tf, false),
  },
  {
    id: 'chain-gradient',
    name: 'the same with the gradient',
    ...perOp,
    kind: 'chain',
    given: { gradient: true },
    make: (tf) => chain(tf, true),
  },
  {
    id: 'chain-four',
    name: 'a chain of 20 ops on 4 elements, its gradient',
    unit: 'us',
    kind: 'chain-four',
    make: chainFour,
  },
  { id: 'add-item', name: 'scalar add + item', unit: 'ns', expect: [5], kind: 'add-item', make: addItem },
  {
    id: 'add-four',
    name: 'add of 4 elements, evaluated',
    unit: 'ns',
    expect: [6, 8, 10, 12],
    kind: 'add-four',
    make: addFour,
  },
];
