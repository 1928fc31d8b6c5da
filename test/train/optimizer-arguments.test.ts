// What optimizers take and refuse: options, learning rates, pairs and nests; and that what is refused changes nothing.
import * as tf from 'gradtape';
import { describe, expect, it, vi } from 'vitest';
import { gradtapeErrorOf } from '../support/errors.js';

vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);

const { SGD, Adam, AdamW } = tf.optimizers;
type Optimizer = tf.optimizers.Optimizer;

/** The value after steps of gradient 1 from 0. */
function valueAfter(optimizer: Optimizer, steps = 1): number {
  const v = new tf.Variable(0, { dtype: 'float64' });
  for (let i = 0; i < steps; i++) optimizer.applyGradients([[tf.constant(1, { dtype: 'float64' }), v]]);
  return v.value().item();
}

const everyOptimizer: [string, () => Optimizer][] = [
  ['SGD', () => new SGD({ learningRate: 0.1 })],
  ['SGD with momentum', () => new SGD({ learningRate: 0.1, momentum: 0.9 })],
  ['SGD, Nesterov', () => new SGD({ learningRate: 0.1, momentum: 0.9, nesterov: true, weightDecay: 0.01 })],
  ['Adam', () => new Adam({ learningRate: 0.1 })],
  ['AdamW', () => new AdamW({ learningRate: 0.1, weightDecay: 0.1 })],
];

describe('options', () => {
  it('the learning rate may come by itself, as in Keras, and options behind it', () => {
    expect(valueAfter(new SGD(0.5))).toBe(-0.5);
    expect(valueAfter(new SGD(0.5, { momentum: 0.5 }), 2)).toBe(-0.5 - 0.75);
    expect(valueAfter(new SGD((step) => 0.5 / (step + 1)), 2)).toBe(-0.75);
    expect(new Adam(0.01).learningRate).toBe(0.01);
    expect(new AdamW(0.01, { beta1: 0.8 }).learningRate).toBe(0.01);
    expect(valueAfter(new SGD(undefined, { learningRate: 0.25 }))).toBe(-0.25);
    expect(valueAfter(new SGD({ learningRate: undefined } as never))).toBe(-0.01);
  });

  it('an unknown one is an error with the nearest right name', () => {
    const cases: [() => unknown, string][] = [
      [() => new Adam({ lr: 0.1 } as never), 'Adam: unknown option lr; did you mean learningRate?'],
      [
        () => new AdamW({ learning_rate: 0.1 } as never),
        'AdamW: unknown option learning_rate; did you mean learningRate?',
      ],
      [() => new Adam({ beta_1: 0.1 } as never), 'did you mean beta1?'],
      [() => new Adam(0.1, { eps: 0.1 } as never), 'did you mean epsilon?'],
      [() => new Adam({ clipNorm: 0.1 } as never), 'did you mean clipnorm?'],
      [() => new SGD({ beta1: 0.1 } as never), 'SGD: unknown option beta1'],
      [() => new SGD(0.1, 0.9 as never), 'SGD: expected options'],
      [() => new SGD({ momentum: 0.9 }, { nesterov: true }), 'SGD: takes nothing behind its options'],
      [() => new SGD(0.1, { learningRate: 0.1 }), 'given twice'],
      [() => new Adam(0.1, {}, 'Mine' as never), 'Adam: takes nothing behind its options'],
      [() => new SGD({ clipnorm: 1, globalClipnorm: 1 }), 'only one of clipnorm and globalClipnorm'],
    ];
    for (const [make, message] of cases) {
      const error = gradtapeErrorOf(make);
      expect([error.code, error.message]).toEqual(['ERR_OPTION', expect.stringContaining(message)]);
    }
  });

  const nan = Number.NaN;
  const bad: [object, string][] = [
    ...[-1, nan, Infinity, '0.1', null, true, 1n, [], {}, tf.constant([1, 2]), tf.constant(true)].map(
      (learningRate): [object, string] => [{ learningRate }, 'learningRate'],
    ),
    ...[0, -1, nan, Infinity, '1', null, true].flatMap((limit): [object, string][] => [
      [{ clipnorm: limit }, 'clipnorm'],
      [{ globalClipnorm: limit }, 'globalClipnorm'],
    ]),
    ...[-1, nan, Infinity, '1', null, true].map((weightDecay): [object, string] => [{ weightDecay }, 'weightDecay']),
  ];
  it.each(bad)('%o is refused', (opts, name) => {
    for (const Kind of [SGD, Adam, AdamW]) {
      const error = gradtapeErrorOf(() => new Kind(opts as never));
      expect([error.code, error.message]).toEqual(['ERR_OPTION', expect.stringContaining(`${name} must be`)]);
    }
  });

  it('so are those of one optimizer', () => {
    for (const momentum of [-0.1, 1.5, nan, '1', null]) gradtapeErrorOf(() => new SGD({ momentum } as never));
    for (const nesterov of [1, 'yes', null]) gradtapeErrorOf(() => new SGD({ nesterov } as never));
    for (const beta of [-0.1, 1, 1.5, nan, '1', null]) {
      gradtapeErrorOf(() => new Adam({ beta1: beta } as never));
      gradtapeErrorOf(() => new Adam({ beta2: beta } as never));
    }
    for (const epsilon of [-1, nan, '1', null]) gradtapeErrorOf(() => new Adam({ epsilon } as never));
    for (const value of [null, '0.1', true, [], 1n, Symbol('s'), new Map(), new Date(), nan, -1, tf.ones([2])]) {
      expect(gradtapeErrorOf(() => new SGD(value as never)).code, String(value)).toBe('ERR_OPTION');
    }
  });
});

describe('learning rates', () => {
  it('a variable is read at each step', () => {
    for (const dtype of ['float32', 'float64'] as const) {
      const rate = new tf.Variable(0.5, { dtype });
      const optimizer = new SGD({ learningRate: rate });
      const v = new tf.Variable([0, 0]);
      const step = (): unknown => optimizer.applyGradients([[tf.constant([1, 2]), v]]) && v.value().arraySync();
      expect(step()).toEqual([-0.5, -1]);
      rate.assign(rate.mul(0.5)); // pending
      expect(step()).toEqual([-0.75, -1.5]);
      rate.assign(0);
      expect(step()).toEqual([-0.75, -1.5]);
    }
  });

  it('a tensor and what a function gives may be one too; Adam and decay take them', () => {
    const want = valueAfter(new Adam({ learningRate: 0.25, weightDecay: 0.5 }), 3);
    const quarter = tf.constant(0.25);
    for (const learningRate of [quarter, quarter.mul(1), new tf.Variable([0.25]), () => quarter, () => 0.25] as const) {
      expect(valueAfter(new Adam({ learningRate, weightDecay: 0.5 }), 3)).toBe(want);
    }
    const optimizer = new SGD();
    optimizer.learningRate = new tf.Variable(2);
    expect(valueAfter(optimizer)).toBe(-2);
  });

  it.each(everyOptimizer)('one that is no number changes nothing: %s', (_, make) => {
    const v = new tf.Variable([1, 2]);
    for (const told of [undefined, Number.NaN, -1, Infinity, '0.1', null, tf.ones([2]), Promise.resolve(1), {}]) {
      const optimizer = make();
      optimizer.learningRate = () => told as never;
      const error = gradtapeErrorOf(() => optimizer.applyGradients([[tf.constant([1, 1]), v]]));
      expect([error.code, error.message]).toEqual(['ERR_OPTION', expect.stringContaining('learningRate(0) returned')]);
      expect([optimizer.iterations, optimizer.variables.length, v.value().arraySync()]).toEqual([0, 1, [1, 2]]);
      expect(gradtapeErrorOf(() => (optimizer.learningRate = told as never)).code).toBe('ERR_OPTION');
    }
    const nan = make();
    nan.learningRate = new tf.Variable(0).div(0) as tf.Tensor;
    expect(gradtapeErrorOf(() => nan.applyGradients([[tf.constant([1, 1]), v]])).message).toContain(
      'learningRate is NaN',
    );
    const thrower = make();
    thrower.learningRate = () => {
      throw new RangeError('mine');
    };
    expect(() => thrower.applyGradients([[tf.constant([1, 1]), v]])).toThrow('mine');
    expect([thrower.iterations, v.value().arraySync()]).toEqual([0, [1, 2]]);
  });
});

describe('the same variable more than once', () => {
  /** Keras: every gradient is an update, in order; decay comes first, as often. */
  function byHand(kind: string, gradients: number[][]): number {
    let [w, m, v] = [2, 0, 0];
    gradients.forEach((given, i) => {
      const step = i + 1;
      for (const _ of given) {
        if (kind === 'SGD, Nesterov') w -= w * 0.1 * 0.01;
        if (kind === 'AdamW') w -= w * 0.1 * 0.1;
      }
      for (const g of given) {
        if (kind === 'SGD') w -= 0.1 * g;
        else if (kind === 'SGD with momentum') {
          m = m * 0.9 - g * 0.1;
          w += m;
        } else if (kind === 'SGD, Nesterov') {
          m = m * 0.9 - g * 0.1;
          w += m * 0.9 - g * 0.1;
        } else {
          const alpha = (0.1 * Math.sqrt(1 - 0.999 ** step)) / (1 - 0.9 ** step);
          m += (g - m) * (1 - 0.9);
          v += (g * g - v) * (1 - 0.999);
          w -= (m * alpha) / (Math.sqrt(v) + 1e-7);
        }
      }
    });
    return w;
  }

  it.each(everyOptimizer)('%s applies each gradient, in order, and later evaluations are sound', (kind, make) => {
    const optimizer = make();
    const v = new tf.Variable(2, { dtype: 'float64' });
    const other = new tf.Variable([1, 2]);
    const history = [[1, -3], [0.5], [2, 2, -7]];
    for (const step of history) {
      optimizer.applyGradients([
        [tf.ones([2]), other],
        ...step.map((g) => [tf.constant(g, { dtype: 'float64' }), v] as const),
      ]);
    }
    expect(optimizer.iterations).toBe(3);
    expect(v.value().item()).toBeCloseTo(byHand(kind, history), 12);
    expect(tf.add([1, 2], 1).arraySync()).toEqual([2, 3]);
    for (const slot of optimizer.variables)
      expect(Array.from(slot.value().dataSync()).every(Number.isFinite)).toBe(true);
  });

  it('in minimize, and with slots that are overwritten in place', () => {
    const picked = [0, 150, 299];
    for (const [, make] of everyOptimizer) {
      const [long, short] = [make(), make()];
      const v = new tf.Variable(tf.range(300).mul(0.01));
      const parts = picked.map((i) => new tf.Variable(v.value().at(i)));
      for (let step = 0; step < 4; step++) {
        const g = tf.range(300).mul(0.01).sub(1);
        const h = g.mul(-0.5);
        const twice = (at: (t: tf.Tensor) => tf.Tensor, w: tf.Variable) => [[at(g), w] as const, [at(h), w] as const];
        long.applyGradients(twice((t) => t, v));
        short.applyGradients(parts.flatMap((part, k) => twice((t) => t.at(picked[k] as number), part)));
      }
      const values = v.value().dataSync();
      expect(parts.map((part) => part.value().item())).toEqual(picked.map((i) => values[i]));
    }
    const v = new tf.Variable(3);
    new SGD(0.25).minimize(() => tf.square(v), [v, v]);
    expect(v.value().item()).toBe(0);
  });
  it('slots that are asked for are still overwritten in place, and one that somebody has is not', async () => {
    const elements = (s: tf.Variable): unknown =>
      (s as unknown as { cell: { current: { buffer: unknown } } }).cell.current.buffer;
    const v = new tf.Variable(tf.range(300));
    const adam = new Adam();
    const step = (): void => void adam.applyGradients([[tf.range(300).sub(100), v]]);
    step();
    const [first, second] = adam.variables.slice(1) as [tf.Variable, tf.Variable];
    await tf.evaluateAsync(first, second);
    const before = [elements(first), elements(second)];
    step();
    tf.evaluate(v, { slots: [first, second] });
    expect([elements(first) === before[0], elements(second) === before[1]]).toEqual([true, true]);
    const had = second.value();
    const values = had.arraySync();
    step();
    tf.evaluate(first, second);
    expect([elements(first) === before[0], elements(second) === before[1]]).toEqual([true, false]);
    expect(had.arraySync()).toEqual(values);
  });
});

describe('slots and steps', () => {
  it('build makes all slots at once, in the order of the variables', () => {
    const [a, b] = [new tf.Variable([1], { name: 'a' }), new tf.Variable([1, 2], { name: 'b' })];
    const names = (optimizer: Optimizer): string[] => optimizer.variables.map((v) => v.name);
    const want = ['iterations', 'a/momentum', 'a/velocity', 'b/momentum', 'b/velocity'];
    expect(names(new Adam())).toEqual(['iterations']);
    expect(names(new Adam().build([a, b]))).toEqual(want);
    expect(names(new Adam().build({ a, deep: [b, a] }).build([b]))).toEqual(want);
    expect(names(new Adam().build(a))).toEqual(want.slice(0, 3));
    // The first step has all variables, also those without a gradient.
    expect(
      names(
        new Adam().applyGradients([
          [null, a],
          [tf.ones([2]), b],
        ]),
      ),
    ).toEqual(want);
    const adam = new Adam();
    adam.minimize(() => tf.reduceSum(b), [a, b]);
    expect(names(adam)).toEqual(want);
    expect(gradtapeErrorOf(() => adam.build([tf.ones([1])] as never)).code).toBe('ERR_NOT_A_TENSOR');
    expect(gradtapeErrorOf(() => adam.build([new tf.Variable([1], { dtype: 'int32' })])).code).toBe('ERR_DTYPE');
  });

  it('iterations is a number, and a variable that a checkpoint may restore', () => {
    const v = new tf.Variable([1, 2], { dtype: 'float64' });
    const g = tf.constant([0.5, -1], { dtype: 'float64' });
    const [straight, restored] = [new Adam(0.1), new Adam(0.1)];
    for (let i = 0; i < 3; i++) straight.applyGradients([[g, v]]);
    const saved = straight.variables.map((s) => s.value());
    const w = new tf.Variable(v.value());
    restored.build([w]);
    restored.variables.forEach((s, i) => {
      s.assign(saved[i] as tf.Tensor);
    });
    const [steps] = restored.variables as [tf.Variable];
    expect([steps.name, steps.dtype, steps.shape, steps.trainable]).toEqual(['iterations', 'int32', [], false]);
    expect(restored.iterations).toBe(3);
    straight.applyGradients([[g, v]]);
    restored.applyGradients([[g, w]]);
    expect(w.value().arraySync()).toEqual(v.value().arraySync());
    expect([straight.iterations, restored.iterations, steps.value().item()]).toEqual([4, 4, 4]);
    expect(restored.variables[0]).toBe(steps);
    steps.assign(steps.add(5)); // pending
    expect(restored.iterations).toBe(9);
    restored.iterations = 2;
    expect(steps.value().item()).toBe(2);
    for (const bad of [-1, 0.5, Number.NaN, '1', null, undefined]) {
      expect(gradtapeErrorOf(() => (restored.iterations = bad as never)).code).toBe('ERR_OPTION');
    }
    steps.assign(-1);
    expect(gradtapeErrorOf(() => restored.applyGradients([[g, w]])).message).toContain("'iterations' is -1");
  });
});

describe('gradients and variables', () => {
  const variables = (): { a: tf.Variable; deep: { b: tf.Variable }[] } => ({
    a: new tf.Variable([1, 1]),
    deep: [{ b: new tf.Variable(1) }],
  });

  it('two nests of one structure', () => {
    const model = variables();
    const tape = new tf.GradientTape();
    const loss = tape.record(() => tf.reduceSum(tf.mul(model.a, (model.deep[0] as { b: tf.Variable }).b)));
    new SGD(1).applyGradients(tape.gradient(loss, model), model);
    expect([model.a.value().arraySync(), model.deep[0]?.b.value().item()]).toEqual([[0, 0], -1]);
    new SGD(1).minimize(() => tf.reduceSum(model.a), model);
    expect(model.a.value().arraySync()).toEqual([-1, -1]);
    const lone = new tf.Variable(1);
    new SGD(1).applyGradients(tf.constant(1), lone);
    new SGD(1).minimize(() => lone, lone);
    expect(lone.value().item()).toBe(-1);
    new SGD(1).applyGradients({ g: lone as never }, { g: lone }); // a variable's value is a gradient
    expect(lone.value().item()).toBe(0);
  });

  it('pairs in any iterable, also in a list that was stored first', () => {
    const [a, b] = [new tf.Variable(1), new tf.Variable(1)];
    const gradients = [tf.constant(1), null];
    const stored = [a, b].map((v, i) => [gradients[i], v]);
    const optimizer = new SGD(1);
    optimizer.applyGradients(stored);
    optimizer.applyGradients(new Map([[tf.constant(1), a]]));
    optimizer.applyGradients(new Set([[tf.constant(1), b] as const]));
    optimizer.applyGradients(
      (function* () {
        yield [tf.constant(1), a] as const;
      })(),
    );
    expect([a.value().item(), b.value().item()]).toEqual([-2, 0]);
  });

  class Dense {
    w = new tf.Variable([1, 2], { name: 'w' });
  }

  it('what is refused says what it is, and changes nothing', () => {
    for (const [, make] of everyOptimizer) {
      const optimizer = make();
      const v = new tf.Variable([1, 2], { name: 'weights' });
      const wide = new tf.Variable([1, 2], { name: 'wide', dtype: 'float64' });
      const whole = new tf.Variable([1, 2], { name: 'whole', dtype: 'int32' });
      const g = tf.ones([2]);
      const cyclic: unknown[] = [];
      cyclic.push(cyclic);
      const apply = optimizer.applyGradients.bind(optimizer) as (...args: unknown[]) => unknown;
      const cases: [unknown[], string, string][] = [
        [
          [
            [
              [g, v],
              [g, wide],
            ],
          ],
          'ERR_DTYPE',
          'gradient of variable wide has dtype float32, the variable float64',
        ],
        [
          [
            [
              [g, v],
              [tf.cast(g, 'int32'), whole],
            ],
          ],
          'ERR_DTYPE',
          'variable whole has dtype int32',
        ],
        [
          [
            [
              [g, v],
              [tf.ones([3]), v],
            ],
          ],
          'ERR_SHAPE',
          'gradient of variable weights has shape [3]',
        ],
        [[{}], 'ERR_NOT_A_TENSOR', 'pairs'],
        [[g], 'ERR_NOT_A_TENSOR', 'pairs'],
        [[[g, g]], 'ERR_NOT_A_TENSOR', 'applyGradients(gradients, variables)'],
        [[[[v, g]]], 'ERR_NOT_A_TENSOR', 'got a Variable and a Tensor'],
        [[[[undefined, v]]], 'ERR_NOT_A_TENSOR', 'must be a tensor or null, got undefined'],
        [[[[g, v], undefined]], 'ERR_NOT_A_TENSOR', 'got undefined for a pair'],
        [[[[g, v, v]]], 'ERR_NOT_A_TENSOR', 'for a pair'],
        [[[]], 'ERR_UNCONNECTED', 'no gradient'],
        [[[[null, v]]], 'ERR_UNCONNECTED', 'no gradient was given for any variable: weights'],
        [[[g], [v, v]], 'ERR_STRUCTURE', 'gradients is an array of 1, the variables have an array of 2'],
        [[{ a: [g] }, { a: { w: v } }], 'ERR_STRUCTURE', 'gradients.a is an array of 1'],
        [[{ b: g }, { w: v }], 'ERR_STRUCTURE', 'an object { b }, the variables have an object { w }'],
        [[{ w: g, b: g }, { w: v }], 'ERR_STRUCTURE', 'an object { w, b }'],
        [[[g], [g]], 'ERR_NOT_A_TENSOR', 'variables[0]: expected a variable'],
        [[[g], new Dense()], 'ERR_NOT_A_TENSOR', 'trainableVariables(object)'],
        [[[g], new Set([v])], 'ERR_NOT_A_TENSOR', 'a Set'],
        [[[g], null], 'ERR_NOT_A_TENSOR', 'got null'],
        [[cyclic, cyclic], 'ERR_NESTING', 'contain itself'],
      ];
      for (const [args, code, message] of cases) {
        const error = gradtapeErrorOf(() => apply(...args));
        expect([error.code, error.message]).toEqual([code, expect.stringContaining(message)]);
        expect(error.message).toMatch(/^(SGD|Adam|AdamW)\.applyGradients: /);
      }
      expect([optimizer.iterations, optimizer.variables.length]).toEqual([0, 1]);
      expect([v, wide, whole].map((w) => w.value().arraySync())).toEqual([
        [1, 2],
        [1, 2],
        [1, 2],
      ]);
    }
  });

  it('an update that fails makes no slots', () => {
    class Broken extends Adam {
      protected override update(x: tf.Tensor): tf.Tensor[] {
        return [x, tf.ones([3]), x];
      }
    }
    const optimizer = new Broken();
    const v = new tf.Variable([1, 2]);
    expect(gradtapeErrorOf(() => optimizer.applyGradients([[tf.ones([2]), v]])).code).toBe('ERR_SHAPE');
    expect([optimizer.iterations, optimizer.variables.length]).toEqual([0, 1]);
  });

  it('minimize names what is wrong before it runs anything', () => {
    const v = new tf.Variable(1);
    const optimizer = new Adam();
    const minimize = optimizer.minimize.bind(optimizer) as (...args: unknown[]) => unknown;
    const loss = vi.fn(() => tf.square(v));
    const cases: [unknown[], string, string][] = [
      [[], 'ERR_VALUE', 'lossFn must be a function'],
      [[tf.ones([1]), [v]], 'ERR_VALUE', 'got a Tensor'],
      [[loss], 'ERR_NOT_A_TENSOR', 'expected a variable'],
      [[loss, []], 'ERR_NOT_A_TENSOR', 'no variable'],
      [[loss, [v, 3]], 'ERR_NOT_A_TENSOR', 'variables[1]'],
      [[loss, new Dense()], 'ERR_NOT_A_TENSOR', 'trainableVariables(object)'],
    ];
    for (const [args, code, message] of cases) {
      const error = gradtapeErrorOf(() => minimize(...args));
      expect([error.code, error.message]).toEqual([code, expect.stringContaining(message)]);
      expect(error.message).toMatch(/^Adam\.minimize: /);
    }
    expect(loss).not.toHaveBeenCalled();
    expect(gradtapeErrorOf(() => minimize(() => 3, [v])).message).toContain('lossFn returned 3');
    const late = gradtapeErrorOf(() => minimize(async () => tf.square(v), [v]));
    expect([late.code, late.message]).toEqual([
      'ERR_TAPE_ASYNC',
      expect.stringMatching(/^Adam\.minimize: lossFn returned a promise/),
    ]);
    expect(gradtapeErrorOf(() => minimize(() => undefined, v)).code).toBe('ERR_NOT_A_TENSOR');
    expect(gradtapeErrorOf(() => minimize(async () => tf.square(v), v)).code).toBe('ERR_TAPE_ASYNC');
    expect(gradtapeErrorOf(() => minimize(() => tf.ones([2]), v)).code).toBe('ERR_UNCONNECTED');
    expect(optimizer.iterations).toBe(0);
  });

  it('clips gradients of two dtypes together', () => {
    const [a, b] = [new tf.Variable([0]), new tf.Variable([0], { dtype: 'float64' })];
    new SGD({ learningRate: 1, globalClipnorm: 1 }).applyGradients([
      [tf.constant([3]), a],
      [tf.constant([4], { dtype: 'float64' }), b],
    ]);
    expect(a.value().dataSync()[0]).toBeCloseTo(-0.6, 6);
    expect(b.value().dataSync()[0]).toBeCloseTo(-0.8, 12);
  });

  it('a method that is called on something else says so', () => {
    const { applyGradients, minimize, build } = SGD.prototype;
    for (const self of [undefined, null, {}, 3, Object.create(SGD.prototype)]) {
      for (const fn of [applyGradients, minimize, build] as ((...args: unknown[]) => unknown)[]) {
        expect(gradtapeErrorOf(() => fn.call(self, [])).code).toBe('ERR_RECEIVER');
      }
      for (const name of ['iterations', 'learningRate', 'variables']) {
        const of = Object.getOwnPropertyDescriptor(tf.optimizers.Optimizer.prototype, name);
        expect(gradtapeErrorOf(() => of?.get?.call(self)).code).toBe('ERR_RECEIVER');
        if (of?.set) expect(gradtapeErrorOf(() => of.set?.call(self, 1)).code).toBe('ERR_RECEIVER');
      }
    }
  });
});

it('whatever is passed, an error has a code and nothing is changed', () => {
  const v = new tf.Variable([1, 2]);
  const revoked = Proxy.revocable({}, {});
  revoked.revoke();
  const revokedList = Proxy.revocable([], {});
  revokedList.revoke();
  const things: unknown[] = [
    undefined,
    null,
    Number.NaN,
    1.5,
    -1,
    1e10,
    Infinity,
    'x',
    '',
    true,
    {},
    [],
    [[]],
    [null],
    Symbol('s'),
    1n,
    () => 1,
    new Date(),
    new Map(),
    Promise.resolve(),
    revoked.proxy,
    revokedList.proxy,
    Object.create(null),
    new Int8Array(2),
    new BigInt64Array(2),
    new Dense2(),
    tf.ones([2]),
    tf.constant([1, 2], { dtype: 'int32' }),
    tf.constant(true),
    v,
    new tf.IndexedSlices(tf.ones([1]), tf.constant([0], { dtype: 'int32' }), [2]),
  ];
  const g = tf.ones([2]);
  const forms = (x: unknown): unknown[] => [
    x,
    [x],
    [[x, v]],
    [[g, x]],
    { w: x },
    [
      [g, v],
      [x, x],
    ],
  ];
  const coded = (fn: () => unknown): void => {
    try {
      fn();
    } catch (error) {
      if (!/^ERR_/.test(String((error as { code?: unknown }).code))) throw error;
    }
  };
  for (const thing of things) {
    for (const a of forms(thing)) {
      coded(() => new Adam(a as never));
      coded(() => new AdamW({ learningRate: a, beta1: a } as never));
      coded(() => new SGD({ momentum: a } as never));
      for (const [, make] of everyOptimizer) {
        coded(() => make().applyGradients(a as never));
        coded(() => make().build(a as never));
        coded(() => make().minimize((() => a) as never, v));
        coded(() => (make().learningRate = a as never));
      }
      for (const other of things) {
        coded(() => new SGD(a as never, other as never));
        coded(() => new SGD(0.1).applyGradients(a as never, other as never));
        coded(() => new Adam(0.1).applyGradients(other as never, a as never));
        coded(() => new Adam(0.1).minimize(other as never, a as never));
      }
      expect(tf.add([1, 2], 1).arraySync()).toEqual([2, 3]);
    }
  }
});

class Dense2 {
  w = 1;
}
