// Laziness does not show: programs whose state is a tensor, not a variable, settle into a loop that computes nothing twice, without
// anybody asking for it; and no bit depends on what was kept.
import * as tf from 'gradtape';
import { beforeEach, describe, expect, it } from 'vitest';
import { pendingChain } from '../../lib/engine/chain.js';
import { Ahead, forget, learn, lessonOf, noteUse, programIs, propose } from '../../lib/engine/lessons.js';
import { Computation } from '../../lib/engine/tensor.js';

beforeEach(forget);

interface Loop {
  /** One step; returns what its author looks at. */
  readonly step: () => number;
  /** What the next step starts from. */
  readonly state: () => readonly tf.Tensor[];
}

const loops: Record<string, (evaluate: boolean) => Loop> = {
  'gradient descent on a tensor': (evaluate) => {
    let x = tf.ones([64]);
    const step = (): number => {
      const tape = new tf.GradientTape();
      const loss = tape.record(() => {
        tape.watch(x);
        return tf.reduceSum(tf.square(tf.tanh(x)));
      });
      x = tf.sub(x, tf.mul(tape.gradient(loss, x) as tf.Tensor, 0.01));
      if (evaluate) tf.evaluate(x, loss);
      return loss.item();
    };
    return { step, state: () => [x] };
  },
  'momentum by hand': (evaluate) => {
    let x = tf.ones([64]);
    let v = tf.zeros([64]);
    const step = (): number => {
      const tape = new tf.GradientTape();
      const loss = tape.record(() => {
        tape.watch(x);
        return tf.reduceSum(tf.square(tf.tanh(x)));
      });
      v = tf.sub(tf.mul(v, 0.9), tf.mul(tape.gradient(loss, x) as tf.Tensor, 0.01));
      x = tf.add(x, v);
      if (evaluate) tf.evaluate(x, v, loss);
      return loss.item();
    };
    return { step, state: () => [x, v] };
  },
  'Langevin steps': (evaluate) => {
    tf.random.setSeed(1);
    let x = tf.ones([64]);
    const step = (): number => {
      const tape = new tf.GradientTape();
      const energy = tape.record(() => {
        tape.watch(x);
        return tf.reduceSum(tf.square(x));
      });
      const drift = tf.mul(tape.gradient(energy, x) as tf.Tensor, 0.01);
      x = tf.add(tf.sub(x, drift), tf.mul(tf.random.normal([64]), 0.1));
      if (evaluate) tf.evaluate(x, energy);
      return energy.item();
    };
    return { step, state: () => [x] };
  },
  'a recurrent net that samples': (evaluate) => {
    const w = tf.random.normal([96, 64], { seed: 1, stddev: 0.1 });
    const out = tf.random.normal([64, 32], { seed: 2 });
    tf.evaluate(w, out);
    let h = tf.zeros([1, 64]);
    let token = 0;
    const step = (): number => {
      h = tf.tanh(tf.matmul(tf.concat([h, tf.oneHot([token], 32)], 1), w));
      const logits = tf.matmul(h, out);
      if (evaluate) tf.evaluate(h, logits);
      token = tf.argmax(logits, 1).dataSync()[0] as number;
      return token;
    };
    return { step, state: () => [h] };
  },
  'metrics after the loss': (evaluate) => {
    const x = tf.random.normal([16, 8], { seed: 3 });
    const w = new tf.Variable(tf.random.normal([8, 4], { seed: 1 }));
    const labels = tf.constant(Int32Array.from({ length: 16 }, (_, i) => i % 4));
    const optimizer = new tf.optimizers.SGD(0.1);
    let logits = x;
    const step = (): number => {
      const tape = new tf.GradientTape();
      const loss = tape.record(() => {
        logits = tf.matmul(tf.tanh(x), w);
        return tf.reduceMean(tf.nn.sparseSoftmaxCrossEntropyWithLogits(labels, logits));
      });
      optimizer.applyGradients([[tape.gradient(loss, w), w]]);
      if (evaluate) tf.evaluate(logits, loss);
      const value = loss.item();
      return value + tf.reduceMean(tf.cast(tf.equal(tf.argmax(logits, 1), labels), 'float32')).item();
    };
    return { step, state: () => [logits] };
  },
};

describe.each(Object.entries(loops))('%s', (_, make) => {
  it('has the bits of itself with evaluate in the best places', () => {
    const [lazy, asked] = [false, true].map((evaluate) => {
      const { step } = make(evaluate);
      return Array.from({ length: 60 }, step);
    });
    expect(lazy).toEqual(asked);
  });

  it('plans nothing new, and no chain grows, once it has settled', () => {
    const { step, state } = make(false);
    for (let k = 0; k < 30; k++) step();
    const { plans } = tf.memory();
    for (let k = 0; k < 100; k++) {
      step();
      for (const t of state()) expect(pendingChain(t).depth).toBeLessThan(40);
    }
    expect(tf.memory().plans - plans).toBeLessThanOrEqual(3);
  });
});

it('a value that a second program has to compute again is kept then: the work at most doubles', () => {
  const x = tf.constant([1, 2, 3]);
  const y = tf.tanh(tf.mul(x, 2));
  expect(tf.reduceSum(y).item()).toBeGreaterThan(0);
  expect(y.buffer).toBeNull();
  tf.reduceMax(y).item();
  expect(y.buffer).not.toBeNull();
});

describe('a history that is kept and read', () => {
  const kStates = 300;
  const orders: Record<string, (k: number) => number> = {
    'the newest first': (k) => kStates - 1 - k,
    'the oldest first': (k) => k,
    'in any order': (k) => (k * 77) % kStates, // 77 and 300 have no common factor
    'every seventh, the newest first': (k) => Math.max(0, kStates - 1 - 7 * k),
  };
  const read = (place: (k: number) => number, evaluate: boolean): number[] => {
    let x = tf.constant([0.5, -0.25]);
    const states = Array.from({ length: kStates }, () => {
      x = tf.tanh(tf.add(tf.mul(x, 0.99), 0.01));
      return x;
    });
    if (evaluate) tf.evaluate(...states);
    return states.map((_, k) => (states[place(k)] as tf.Tensor).dataSync()[1] as number);
  };

  it.each(Object.entries(orders))('%s: takes few programs at first, and then one', (_, place) => {
    tf.clearMemory();
    const before = tf.memory().plans;
    const first = read(place, false);
    const plans = tf.memory().plans - before;
    expect(plans).toBeLessThan(24); // a program for each look would be 300
    expect(first).toEqual(read(place, true));
    for (let k = 0; k < 4; k++) read(place, false);
    const settled = tf.memory().plans;
    for (let k = 0; k < 4; k++) expect(read(place, false)).toEqual(first);
    expect(tf.memory().plans).toBe(settled);
  });

  it('keeps no more ahead where that was in vain', () => {
    const ahead = new Ahead();
    const counts = Array.from({ length: 20 }, () => ahead.next());
    expect(counts[0]).toBeGreaterThan(0);
    expect(counts.slice(-10)).toEqual(counts.slice(-10).fill(0));
  });

  it('keeps twice as many ahead when those before were read, and notes them with the first program', () => {
    const ahead = new Ahead();
    programIs(5, 0.5);
    const first = ahead.next();
    noteUse(propose(5, 17, ahead));
    expect(ahead.next()).toBe(2 * first);
    propose(5, 18, ahead);
    expect([...(programIs(6, 0.5)?.keys() ?? [])]).toEqual([17]);
  });
});

describe('lessons', () => {
  const op = new Computation('test', 0, null);

  it('are of a place in programs of one structure, and of an op and a size', () => {
    programIs(7, 0.5);
    learn(7, 3, op, 64);
    expect([...(programIs(8, 0.5)?.keys() ?? [])]).toEqual([3]);
    expect(programIs(9, 0.25)).toBeUndefined();
    expect(lessonOf(op, 64)).toBeDefined();
    expect(lessonOf(op, 65)).toBeUndefined();
  });

  it('of no use are given up, and of use are not', () => {
    programIs(7, 0.5);
    learn(7, 3, op, 64);
    const lesson = programIs(8, 0.5)?.get(3);
    const idle = Array.from({ length: 40 }, () => lesson?.keepsOnceMore());
    expect(idle.indexOf(false)).toBeGreaterThan(5);
    expect(idle.lastIndexOf(true)).toBeLessThan(20);
    forget();
    learn(7, 3, op, 64);
    const useful = lessonOf(op, 64);
    for (let k = 0; k < 1000; k++) {
      expect(useful?.keepsOnceMore()).toBe(true);
      if (k % 2 === 0) noteUse(useful?.number ?? -1);
    }
  });

  it('are forgotten by clearMemory', () => {
    learn(7, 3, op, 64);
    expect(lessonOf(op, 64)).toBeDefined();
    tf.clearMemory();
    expect(lessonOf(op, 64)).toBeUndefined();
  });

  it('are bounded', () => {
    for (let k = 0; k < 20_000; k++) learn(k, k, op, k);
    expect(lessonOf(op, 0)).toBeUndefined();
    expect(lessonOf(op, 19_999)).toBeDefined();
  });
});
