// Optimizers and schedules beside Keras' (golden/optimizers.json): ten steps of each with its options.
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';
import { expectClose } from '../support/close.js';
import { readGolden } from '../support/files.js';

type DType = 'float32' | 'float64';
interface Steps {
  readonly values: number[][];
  readonly iterations: number;
}
interface Case extends Record<DType, Steps> {
  readonly name: keyof typeof optimizers;
  readonly options: object;
}
interface Golden {
  readonly start: number[];
  readonly gradients: number[][];
  readonly cases: Case[];
  readonly schedules: {
    name: keyof typeof tf.optimizers.schedules;
    args: unknown[];
    options: object;
    rates: number[];
  }[];
}
const golden = readGolden<Golden>('optimizers.json');
const { Optimizer: _, schedules, ...optimizers } = tf.optimizers;

type Class = new (options: object) => tf.optimizers.Optimizer;
const made = (name: Case['name'], options: object): tf.optimizers.Optimizer =>
  new (optimizers[name] as unknown as Class)(options);

/** The values of two variables after each step. */
function values(optimizer: tf.optimizers.Optimizer, dtype: DType): number[][] {
  const v = new tf.Variable(golden.start, { dtype });
  const w = new tf.Variable([3], { dtype });
  return golden.gradients.map((g, i) => {
    optimizer.applyGradients([
      [tf.constant(g, { dtype }), v],
      [tf.constant([0.25 * (i + 1)], { dtype }), w],
    ]);
    return [...v.value().dataSync(), ...w.value().dataSync()];
  });
}

describe("ten steps are Keras'", () => {
  it('of every optimizer', () => {
    expect(new Set(golden.cases.map((c) => c.name))).toEqual(new Set(Object.keys(optimizers)));
  });

  it.each(golden.cases.map((c) => [c.name, JSON.stringify(c.options), c] as const))('%s %s', (name, _, c) => {
    for (const [dtype, tolerance] of [
      ['float64', 1e-5], // Keras rounds options to float32, of which 1 - 0.999 keeps five digits
      ['float32', 3e-5],
    ] as const) {
      const optimizer = made(name, c.options);
      expectClose(values(optimizer, dtype), c[dtype].values, tolerance);
      expect(optimizer.iterations).toBe(c[dtype].iterations);
    }
  });
});

describe('the state is all in `variables`', () => {
  it.each(golden.cases.map((c) => [c.name, JSON.stringify(c.options), c] as const))('%s %s', (name, _, c) => {
    // After five steps all that the optimizer keeps is moved into a new one, which goes on.
    const whole = values(made(name, c.options), 'float64');
    const half = (optimizer: tf.optimizers.Optimizer, v: tf.Variable, w: tf.Variable, from: number): void => {
      for (let i = from; i < from + 5; i++) {
        optimizer.applyGradients([
          [tf.constant(golden.gradients[i] as number[], { dtype: 'float64' }), v],
          [tf.constant([0.25 * (i + 1)], { dtype: 'float64' }), w],
        ]);
      }
    };
    const v = new tf.Variable(golden.start, { dtype: 'float64' });
    const w = new tf.Variable([3], { dtype: 'float64' });
    const before = made(name, c.options);
    half(before, v, w, 0);
    const after = made(name, c.options).build([v, w]);
    after.variables.forEach((slot, i) => {
      slot.assign((before.variables[i] as tf.Variable).value());
    });
    half(after, v, w, 5);
    expect([...v.value().dataSync(), ...w.value().dataSync()]).toEqual(whole.at(-1));
  });
});

describe("schedules are Keras'", () => {
  it.each(golden.schedules.map((c) => [c.name, JSON.stringify([c.args, c.options]), c] as const))(
    '%s %s',
    (name, _, c) => {
      const Schedule = schedules[name] as unknown as new (
        ...args: unknown[]
      ) => tf.optimizers.schedules.LearningRateSchedule;
      const schedule = new Schedule(...c.args, c.options);
      const rates = c.rates.map((_, step) => schedule(step));
      expectClose(rates, c.rates, 1e-6);
      const optimizer = new tf.optimizers.SGD({ learningRate: schedule });
      const v = new tf.Variable(0, { dtype: 'float64' });
      for (let i = 0; i < 3; i++) optimizer.applyGradients([[tf.constant(1, { dtype: 'float64' }), v]]);
      expectClose(v.value().item(), -(rates[0] as number) - (rates[1] as number) - (rates[2] as number), 1e-12);
    },
  );

  it('take their arguments by name as well, and refuse what is wrong', () => {
    const byName = new schedules.ExponentialDecay({ initialLearningRate: 0.1, decaySteps: 10, decayRate: 0.5 });
    expect(byName(10)).toBeCloseTo(0.05, 12);
    const refusals: [() => unknown, string][] = [
      [() => new schedules.ExponentialDecay(0.1, 10, 0.5, { stairs: true } as never), 'unknown option stairs'],
      [
        () => new (schedules.ExponentialDecay as unknown as new (rate: number) => unknown)(0.1),
        'decaySteps is missing',
      ],
      [() => new schedules.CosineDecay(-1, 10), 'schedules.CosineDecay: initialLearningRate must be'],
      [() => new schedules.PiecewiseConstantDecay([1, 2], [1, 2]), 'expected one value more than boundaries (2)'],
      [() => new schedules.PiecewiseConstantDecay([2, 1], [1, 2, 3]), 'boundaries must increase'],
      [() => byName(-1), 'step must be'],
    ];
    for (const [make, message] of refusals) {
      expect(make).toThrow(expect.objectContaining({ message: expect.stringContaining(message) }));
    }
  });
});
