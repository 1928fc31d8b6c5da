// Optimizers against Keras' formulas, computed by hand over several steps.
import fc from 'fast-check';
import * as tf from 'gradtape';
import { describe, expect, it, vi } from 'vitest';
import { expectClose } from '../support/close.js';
import { repeated } from '../support/thorough.js';

type Vector = number[];

const warnings: { code: string; message: string }[] = [];
vi.spyOn(process, 'emitWarning').mockImplementation(((message: string, options: { code: string }) => {
  warnings.push({ code: options.code, message });
}) as typeof process.emitWarning);

const start: Vector = [1, -2, 3];
// Some gradients, different each step, one of them zero.
const gradientAt = (step: number): Vector => [0.5 * step, step % 2 ? -1 : 2, step === 2 ? 0 : 0.1];

function run(optimizer: tf.optimizers.Optimizer, steps: number, dtype: tf.DType = 'float64'): Vector {
  const v = new tf.Variable(start, { dtype });
  for (let step = 1; step <= steps; step++) {
    optimizer.applyGradients([[tf.constant(gradientAt(step), { dtype }), v]]);
  }
  expect(optimizer.iterations).toBe(steps);
  return [...v.value().dataSync()];
}

// Keras' update of one number: (w, g, step, state) -> w.
type Rule = (w: number, g: number, step: number, state: { m: number; v: number }) => number;

function byHand(rule: Rule, steps: number): Vector {
  return start.map((w0, i) => {
    const state = { m: 0, v: 0 };
    let w = w0;
    for (let step = 1; step <= steps; step++) w = rule(w, gradientAt(step)[i] as number, step, state);
    return w;
  });
}

const sgd =
  (rate: number, momentum = 0, nesterov = false): Rule =>
  (w, g, _, s) => {
    if (momentum === 0) return w - rate * g;
    s.m = momentum * s.m - rate * g;
    return nesterov ? w + momentum * s.m - rate * g : w + s.m;
  };

const adam =
  (rate: number, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-7, decay = 0): Rule =>
  (w, g, step, s) => {
    const decayed = w - w * decay * rate;
    const alpha = (rate * Math.sqrt(1 - beta2 ** step)) / (1 - beta1 ** step);
    s.m += (g - s.m) * (1 - beta1);
    s.v += (g * g - s.v) * (1 - beta2);
    return decayed - (s.m * alpha) / (Math.sqrt(s.v) + epsilon);
  };

describe('SGD', () => {
  const cases: [string, tf.optimizers.SGDOptions, Rule][] = [
    ['plain, with its default rate', {}, sgd(0.01)],
    ['plain', { learningRate: 0.5 }, sgd(0.5)],
    ['momentum', { learningRate: 0.1, momentum: 0.9 }, sgd(0.1, 0.9)],
    ['nesterov', { learningRate: 0.1, momentum: 0.9, nesterov: true }, sgd(0.1, 0.9, true)],
  ];
  it.each(cases)('%s', (_, opts, rule) => {
    for (const steps of [1, 2, 7]) expectClose(run(new tf.optimizers.SGD(opts), steps), byHand(rule, steps));
    expectClose(run(new tf.optimizers.SGD(opts), 7, 'float32'), byHand(rule, 7), 1e-6);
  });

  it('one step on a number', () => {
    const v = new tf.Variable(10);
    new tf.optimizers.SGD({ learningRate: 0.1 }).applyGradients([[tf.constant(3), v]]);
    expect(v.value().item()).toBe(Math.fround(10 - Math.fround(Math.fround(0.1) * 3)));
  });
});

describe('Adam', () => {
  const cases: [string, tf.optimizers.AdamOptions, Rule][] = [
    ['with its defaults', {}, adam(0.001)],
    ['with options', { learningRate: 0.1, beta1: 0.8, beta2: 0.95, epsilon: 1e-3 }, adam(0.1, 0.8, 0.95, 1e-3)],
    ['with weight decay', { learningRate: 0.1, weightDecay: 0.02 }, adam(0.1, 0.9, 0.999, 1e-7, 0.02)],
  ];
  it.each(cases)('%s', (_, opts, rule) => {
    for (const steps of [1, 2, 10]) expectClose(run(new tf.optimizers.Adam(opts), steps), byHand(rule, steps), 1e-13);
    expectClose(run(new tf.optimizers.Adam(opts), 10, 'float32'), byHand(rule, 10), 1e-5);
  });

  it('AdamW has a decay by default', () => {
    expectClose(
      run(new tf.optimizers.AdamW({ learningRate: 0.1 }), 5),
      byHand(adam(0.1, 0.9, 0.999, 1e-7, 0.004), 5),
      1e-13,
    );
  });

  it('the first step has the size of the learning rate', () => {
    const v = new tf.Variable([0, 0], { dtype: 'float64' });
    new tf.optimizers.Adam({ learningRate: 0.1 }).applyGradients([[tf.constant([1e-3, -50], { dtype: 'float64' }), v]]);
    expectClose([...v.value().dataSync()], [-0.1, 0.1], 1e-3);
  });
});

describe('every optimizer', () => {
  const make = (): tf.optimizers.Optimizer[] => [
    new tf.optimizers.SGD({ learningRate: 0.1 }),
    new tf.optimizers.SGD({ learningRate: 0.1, momentum: 0.9 }),
    new tf.optimizers.Adam({ learningRate: 0.1 }),
    new tf.optimizers.AdamW({ learningRate: 0.1 }),
  ];

  it('finds a minimum', () => {
    for (const optimizer of make()) {
      const v = new tf.Variable([3, -4]);
      let loss = Number.POSITIVE_INFINITY;
      for (let i = 0; i < 200; i++) {
        loss = optimizer.minimize(() => tf.reduceSum(tf.square(tf.sub(v, [1, 2]))), [v]).item();
      }
      expect(loss).toBeLessThan(0.01);
      expect(optimizer.iterations).toBe(200);
    }
  });

  it('skips variables without a gradient, with one warning', () => {
    for (const optimizer of make()) {
      const v = new tf.Variable([1, 1]);
      const alone = new tf.Variable([5, 5], { name: 'alone' });
      for (let i = 0; i < 3; i++) {
        optimizer.applyGradients([
          [tf.constant([1, 1]), v],
          [null, alone],
        ]);
      }
      expect(alone.value().arraySync()).toEqual([5, 5]);
      expect(v.value().dataSync()[0]).toBeLessThan(1);
    }
    const heard = warnings.filter((w) => w.code === 'GRADTAPE_NULL_GRADIENT');
    expect(heard).toHaveLength(1);
    expect(heard[0]?.message).toContain('alone');
  });

  it('refuses a step without any gradient', () => {
    for (const optimizer of make()) {
      const v = new tf.Variable(1);
      expect(() => optimizer.applyGradients([[null, v]])).toThrow(expect.objectContaining({ code: 'ERR_UNCONNECTED' }));
      expect(optimizer.iterations).toBe(0);
    }
  });

  it('takes IndexedSlices, with duplicate rows, as what they stand for', () => {
    make().forEach((sparse, k) => {
      const denser = make()[k] as tf.optimizers.Optimizer;
      const rows = tf.ones([4, 2], { dtype: 'float64' });
      const v = new tf.Variable(rows);
      const w = new tf.Variable(rows);
      for (let i = 0; i < 3; i++) {
        const tape = new tf.GradientTape();
        const loss = tape.record(() => tf.reduceSum(tf.mul(tf.gather(v, [1, 3, 1]), [[1], [2], [3]])));
        const g = tape.gradient(loss, v) as unknown as tf.IndexedSlices;
        expect(g).toBeInstanceOf(tf.IndexedSlices);
        sparse.applyGradients([[g, v]]);
        denser.applyGradients([[g.toTensor(), w]]);
      }
      expectClose([...v.value().dataSync()], [...w.value().dataSync()]);
      expect(v.value().dataSync()[2]).toBeLessThan(1);
    });
  });

  it('takes a learning rate that is a function of the step', () => {
    const rates = [0.5, 0.25, 0.125];
    const asked: number[] = [];
    const optimizer = new tf.optimizers.SGD({
      learningRate: (step) => {
        asked.push(step);
        return rates[step] as number;
      },
    });
    const v = new tf.Variable(0);
    for (let i = 0; i < 3; i++) optimizer.applyGradients([[tf.constant(1), v]]);
    expect(asked).toEqual([0, 1, 2]);
    expect(v.value().item()).toBe(-0.875);
    const plain = new tf.optimizers.SGD({ learningRate: 1 });
    plain.learningRate = 0.5;
    plain.applyGradients([[tf.constant(1), v]]);
    expect(v.value().item()).toBe(-1.375);
  });

  it('clips each gradient, or all of them together', () => {
    const a = new tf.Variable([0, 0]);
    const b = new tf.Variable([0, 0]);
    const pairs = (): [tf.Tensor, tf.Variable][] => [
      [tf.constant([3, 4]), a],
      [tf.constant([0, 0.5]), b],
    ];
    new tf.optimizers.SGD({ learningRate: 1, clipnorm: 1 }).applyGradients(pairs());
    expectClose([...a.value().dataSync(), ...b.value().dataSync()], [-0.6, -0.8, 0, -0.5], 1e-6);
    a.assign([0, 0]);
    b.assign([0, 0]);
    new tf.optimizers.SGD({ learningRate: 1, globalClipnorm: 1 }).applyGradients(pairs());
    const norm = Math.sqrt(25.25);
    expectClose([...a.value().dataSync(), ...b.value().dataSync()], [-3 / norm, -4 / norm, 0, -0.5 / norm], 1e-6);
    // Calls that only accumulate have nothing to clip.
    b.assign([0, 0]);
    const summing = new tf.optimizers.SGD({ learningRate: 1, globalClipnorm: 1, gradientAccumulationSteps: 2 });
    summing.applyGradients([[tf.constant([6, 8]), b]]);
    expectClose([...b.value().dataSync()], [0, 0]);
    summing.applyGradients([[tf.constant([0, 0]), b]]);
    expectClose([...b.value().dataSync()], [-0.6, -0.8], 1e-6);
    // A zero gradient is no division by zero.
    new tf.optimizers.SGD({ learningRate: 1, clipnorm: 1 }).applyGradients([[tf.zeros([2]), a]]);
    expect(a.value().dataSync().every(Number.isFinite)).toBe(true);
  });

  it('tells its slots, which are not trainable', () => {
    const v = new tf.Variable([1, 2], { name: 'kernel' });
    const [plain, momentum, adamSlots] = make() as [tf.optimizers.SGD, tf.optimizers.SGD, tf.optimizers.Adam];
    for (const optimizer of [plain, momentum, adamSlots]) optimizer.applyGradients([[tf.constant([1, 1]), v]]);
    const names = (optimizer: tf.optimizers.Optimizer): string[] => optimizer.variables.map((s) => s.name);
    expect(names(plain)).toEqual(['iterations']);
    expect(names(momentum)).toEqual(['iterations', 'kernel/momentum']);
    expect(names(adamSlots)).toEqual(['iterations', 'kernel/momentum', 'kernel/velocity']);
    for (const slot of adamSlots.variables.slice(1)) {
      expect([slot.trainable, slot.shape]).toEqual([false, [2]]);
      expect(slot.name).toContain('kernel');
    }
  });

  it('a step is not recorded: variables after it are constants to the gradient before', () => {
    const v = new tf.Variable(1);
    const g = tf.constant(2);
    const tape = new tf.GradientTape();
    const y = tape.record(() => {
      tape.watch(g);
      new tf.optimizers.SGD({ learningRate: 0.5 }).applyGradients([[g, v]]);
      return tf.square(v);
    });
    expect(y.item()).toBe(0);
    expect(tape.gradient(y, g)).toBeNull();
  });

  it('wrong input changes nothing', () => {
    for (const optimizer of make()) {
      const v = new tf.Variable([1, 2]);
      const w = new tf.Variable([1, 2]);
      const wrong: [unknown, string][] = [
        [
          [
            [tf.constant([1, 1]), v],
            [tf.constant([1, 1, 1]), w],
          ],
          'ERR_SHAPE',
        ],
        // Shapes that would broadcast, upwards or downwards.
        ...[[], [1], [2, 2]].map((shape): [unknown, string] => [
          [
            [tf.constant([1, 1]), v],
            [tf.ones(shape), w],
          ],
          'ERR_SHAPE',
        ]),
        [[[tf.constant(new Float64Array(2)), v]], 'ERR_DTYPE'],
        [[[3, v]], 'ERR_NOT_A_TENSOR'],
        [[[tf.constant([1, 1]), tf.constant([1, 1])]], 'ERR_NOT_A_TENSOR'],
        [[v], 'ERR_NOT_A_TENSOR'],
      ];
      for (const [pairs, code] of wrong) {
        expect(() => optimizer.applyGradients(pairs as never), code).toThrow(expect.objectContaining({ code }));
      }
      expect([v.value().arraySync(), w.value().arraySync(), optimizer.iterations]).toEqual([[1, 2], [1, 2], 0]);
    }
    for (const opts of [{ learningRate: -1 }, { learningRate: Number.NaN }, { clipnorm: -1 }, { momentum: -0.1 }]) {
      expect(() => new tf.optimizers.SGD(opts)).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }));
    }
    expect(() => new tf.optimizers.Adam({ beta1: -1 })).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }));
  });

  it('minimize returns the loss before the step', () => {
    const v = new tf.Variable(3);
    const loss = new tf.optimizers.SGD({ learningRate: 0.5 }).minimize(() => tf.square(v), [v]);
    expect(loss.item()).toBe(9);
    expect(v.value().item()).toBe(0);
    expect(() => new tf.optimizers.SGD().minimize(() => 3 as never, [v])).toThrow(
      expect.objectContaining({ code: 'ERR_NOT_A_TENSOR' }),
    );
  });

  it('a thousand steps that nobody looks at', () => {
    const v = new tf.Variable(1, { dtype: 'float64' });
    const optimizer = new tf.optimizers.SGD({ learningRate: 0.001 });
    for (let i = 0; i < 1000; i++) optimizer.minimize(() => tf.square(v), [v]);
    expectClose([v.value().item()], [0.998 ** 1000], 1e-12);
  });
});

describe('slots in the memory of old ones', () => {
  /** Adam that gives no memory back. */
  class Careful extends tf.optimizers.Adam {
    protected override readonly keepsNothing = false;
  }

  it('a step makes new memory for the variable alone', () => {
    const growth = (opts: tf.optimizers.SGDOptions): number => {
      const v = new tf.Variable(tf.ones([100]));
      const optimizer = new tf.optimizers.SGD({ learningRate: 0.1, ...opts });
      const step = (): unknown => optimizer.applyGradients([[tf.ones([100]), v]]) && v.value().dataSync();
      for (let i = 0; i < 3; i++) step();
      const before = tf.memory().tensors;
      for (let i = 0; i < 20; i++) step();
      return tf.memory().tensors - before;
    };
    expect(growth({ momentum: 0.9 })).toBe(growth({}));
  });

  // What a program may do between steps; each gives numbers that must not change later.
  type Looker = (v: tf.Variable, slots: tf.Variable[], step: () => void) => (() => unknown) | Promise<() => unknown>;
  const large = tf.ones([300, 300]);
  const fails = (like: tf.Tensor): tf.Tensor => tf.gather(like, tf.cast(tf.mul(like, 0).add(99), 'int32'));
  const lookers: Record<string, Looker> = {
    nothing: () => () => 0,
    compute: (v) => {
      const now = v.value();
      now.dataSync();
      return () => now.arraySync();
    },
    slot: (_, slots) => {
      const held = slots.map((s) => s.value());
      return () => held.map((h) => h.arraySync());
    },
    'slot as operand': (_, slots) => {
      const held = slots.map((s) => tf.mul(s, 2));
      return () => held.map((h) => h.arraySync());
    },
    'slot in a view': (_, slots) => {
      const held = slots.map((s) => tf.reshape(s, [2, 2]));
      return () => held.map((h) => h.arraySync());
    },
    'slot on a tape': (v, slots) => {
      const tape = new tf.GradientTape({ persistent: true });
      const y = tape.record(() => tf.reduceSum(tf.mul(v, slots[0] ?? 1)));
      return () => tape.gradient(y, v)?.arraySync();
    },
    'another variable': (_, slots) => {
      const copies = slots.map((s) => new tf.Variable(s));
      return () => copies.map((c) => c.value().arraySync());
    },
    assign: (v, slots) => {
      const was = v.value();
      v.assign(slots[1] ?? [1, 2, 3, 4]);
      slots[0]?.assign(tf.mul(v, 0.5));
      return () => was.arraySync();
    },
    'another thread': async (v, slots) => {
      const was = v.value();
      const pending = slots.map((s) => tf.exp(s));
      const [first] = await Promise.all(pending.map((p) => p.data()));
      return () => [was.arraySync(), [...(first ?? [])]];
    },
    'another thread, meanwhile steps': async (v, _, step) => {
      const was = v.value();
      const coming = was.data();
      for (let i = 0; i < 3; i++) {
        step();
        v.value().dataSync();
      }
      const came = await coming;
      return () => [...came, was.arraySync()];
    },
    'two other threads, one of them slow': async (v, _, step) => {
      const first = v.value().data();
      const slow = tf.add(tf.mul(tf.reduceSum(tf.matmul(large, large)), 0), v).data();
      await first;
      for (let i = 0; i < 3; i++) {
        step();
        v.value().dataSync();
      }
      const came = await slow;
      return () => [...came];
    },
    failure: (v) => {
      const was = v.value();
      v.assign(fails(tf.mul(v, 2)));
      expect(() => v.value().dataSync()).toThrow(expect.objectContaining({ code: 'ERR_INDEX' }));
      return () => was.arraySync();
    },
    'failure of something else': (v) => {
      const was = v.value();
      new tf.Variable([0, 0, 0, 0]).assign(fails(tf.ones([4])));
      expect(tf.add([1, 2], tf.exp([0, 0])).arraySync()).toEqual([2, 3]); // hurts nobody
      return () => was.arraySync();
    },
  };

  it('changes no number that anybody can see', async () => {
    const names = Object.keys(lookers);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 8 }), async (script) => {
        const run = async (optimizer: tf.optimizers.Optimizer): Promise<unknown> => {
          const v = new tf.Variable([1, -2, 3, 4]);
          const seen: (() => unknown)[] = [];
          const step = (): void => {
            optimizer.applyGradients([[tf.mul(v, 0.5).add(1), v]]);
          };
          for (const name of script) {
            step();
            seen.push(await (lookers[name] as Looker)(v, optimizer.variables.slice(1), step));
          }
          return [v.value().arraySync(), ...seen.map((look) => look())];
        };
        const quick = await run(new tf.optimizers.Adam({ learningRate: 0.1 }));
        const careful = await run(new Careful({ learningRate: 0.1 }));
        expect(quick).toEqual(careful);
      }),
      { numRuns: repeated(100, 300) },
    );
  });
});
