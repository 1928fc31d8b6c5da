// Steps of few rows: optimizers and scatters of variables by IndexedSlices, in place, and what has the old value.
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';
import { expectClose } from '../support/close.js';
import { rejectionOf } from '../support/errors.js';
import { repeated } from '../support/thorough.js';

let state = 1;
/** A whole number from 0 to n - 1. */
function below(n: number): number {
  state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
  return Math.floor((state / 2 ** 31) * n);
}
const list = (n: number, item: (i: number) => number): number[] => Array.from({ length: n }, (_, i) => item(i));

/** Slices with few different rows, so that some come twice. */
function anySlices(shape: readonly number[], dtype: tf.DType, count = 40): tf.IndexedSlices {
  const indices = list(count, () => below(Math.min(shape[0] as number, 100)));
  const rows = [count, ...shape.slice(1)];
  const size = rows.reduce((n, d) => n * d, 1);
  const values = tf
    .constant(
      list(size, () => below(2000) / 1000 - 1),
      { dtype },
    )
    .reshape(rows);
  return new tf.IndexedSlices(values, tf.constant(indices, { dtype: 'int32' }), shape);
}

/** Indices that are known only when they are computed. */
const pendingIndices = (indices: number[]): tf.Tensor => tf.cast(tf.constant(indices), 'int32').add(0);

type Make = () => tf.optimizers.Optimizer;
const { SGD, Adagrad, Adam, AdamW } = tf.optimizers;

/** Variables after some steps, each by the slices of one optimizer, as they are or dense. */
function trained(
  make: Make,
  shape: number[],
  dtype: tf.DType,
  steps: tf.IndexedSlices[][],
  dense: boolean,
): tf.Variable[] {
  const optimizer = make();
  const vars = (steps[0] as tf.IndexedSlices[]).map((_, k) => new tf.Variable(tf.fill(shape, k + 1, { dtype }).add(0)));
  for (const slices of steps) {
    optimizer.applyGradients(slices.map((g, k) => [dense ? g.toTensor() : g, vars[k] as tf.Variable] as const));
  }
  return [...vars, ...optimizer.variables];
}

describe('steps by IndexedSlices', () => {
  const exact: Record<string, Make> = {
    SGD: () => new SGD(0.1),
    'SGD, limited in each element': () => new SGD(0.1, { clipvalue: 0.3, lossScaleFactor: 8 }),
    'SGD with a moving average': () => new SGD(0.1, { useEma: true, emaMomentum: 0.9, emaOverwriteFrequency: 2 }),
    Adagrad: () => new Adagrad(0.1),
    // Options that need all rows.
    'SGD with momentum': () => new SGD(0.1, { momentum: 0.9, nesterov: true }),
    'SGD with weight decay': () => new SGD(0.1, { weightDecay: 0.1 }),
    'SGD that sums up gradients': () => new SGD(0.1, { gradientAccumulationSteps: 2 }),
    AdamW: () => new AdamW(0.1),
    'Adam that sums up gradients': () => new Adam(0.1, { gradientAccumulationSteps: 2 }),
    RMSprop: () => new tf.optimizers.RMSprop(0.1),
  };
  for (const [name, make] of Object.entries(exact)) {
    it(`${name}: the bits of steps by dense gradients`, () => {
      for (const dtype of ['float32', 'float64'] as const) {
        for (const shape of [[3000, 5], [7, 2], [9000]]) {
          const steps = list(4, (i) => i).map(() => [anySlices(shape, dtype), anySlices(shape, dtype, 1)]);
          const sparse = trained(make, shape, dtype, steps, false);
          const dense = trained(make, shape, dtype, steps, true);
          sparse.forEach((v, k) => {
            expect(v.dataSync(), v.name).toEqual(dense[k]?.dataSync());
          });
        }
      }
    });
  }

  for (const [name, opts] of Object.entries({ each: { clipnorm: 0.5 }, 'all together': { globalClipnorm: 0.5 } })) {
    it(`gradients limited in their norm, ${name}, as dense ones`, () => {
      const steps = list(3, (i) => i).map(() => [anySlices([3000, 5], 'float64'), anySlices([3000, 5], 'float64')]);
      const make = (): tf.optimizers.Optimizer => new SGD(0.1, opts);
      const dense = trained(make, [3000, 5], 'float64', steps, true);
      trained(make, [3000, 5], 'float64', steps, false).forEach((v, k) => {
        expectClose(v.arraySync(), dense[k]?.arraySync(), 1e-12);
      });
    });
  }

  it('Adam: moves the rows that the slices have, as if the variable had no others, and no other moves or decays', () => {
    for (const amsgrad of [false, true]) {
      const shape = [4000, 3];
      const v = new tf.Variable(tf.ones(shape));
      const alone = new tf.Variable(tf.ones([2, 3]));
      const lazy = new Adam(0.1, { amsgrad });
      const dense = new Adam(0.1, { amsgrad });
      for (const [rows, g] of [
        [
          [5, 17],
          [1, 2],
        ],
        [
          [5, 17],
          [3, -1],
        ],
      ] as const) {
        const values = tf.mul(tf.ones([2, 3]), [[g[0]], [g[1]]]);
        lazy.applyGradients([[new tf.IndexedSlices(values, rows as unknown as number[], shape), v]]);
        dense.applyGradients([[values, alone]]);
      }
      const apart = new tf.IndexedSlices(tf.ones([1, 3]), [100], shape);
      lazy.applyGradients([[apart, v]]);
      const all = [v, ...lazy.variables.slice(1)];
      [alone, ...dense.variables.slice(1)].forEach((w, k) => {
        const now = all[k] as tf.Variable;
        expect(tf.gather(now, [5, 17]).dataSync(), now.name).toEqual(w.dataSync());
        expect(now.at(200).arraySync()).toEqual(k === 0 ? [1, 1, 1] : [0, 0, 0]);
      });
      expect(v.at(100, 0).item()).toBeLessThan(1);
    }
  });

  it('of no row at all change nothing', () => {
    const v = new tf.Variable(tf.ones([5000, 2]));
    const none = new tf.IndexedSlices(tf.zeros([0, 2]), tf.zeros([0], { dtype: 'int32' }), [5000, 2]);
    for (const optimizer of [new SGD(0.1), new Adam(0.1)]) {
      optimizer.applyGradients([[none, v]]);
      expect(optimizer.iterations).toBe(1);
      expect(v.reduceMin().item()).toBe(1);
    }
  });

  it('a variable that comes twice, once with a dense gradient, is updated by both in order', () => {
    for (const make of [() => new SGD(0.1), () => new Adagrad(0.1)]) {
      const g = anySlices([3000, 2], 'float64');
      const h = tf.random.normal([3000, 2], { seed: 3, dtype: 'float64' });
      for (const pair of [
        [g, h],
        [h, g],
        [g, g],
      ] as const) {
        const [v, w] = [0, 1].map(() => new tf.Variable(tf.ones([3000, 2], { dtype: 'float64' }))) as [
          tf.Variable,
          tf.Variable,
        ];
        const dense = (t: tf.Tensor): tf.Tensor => (t instanceof tf.IndexedSlices ? t.toTensor() : t);
        const [sparse, denser] = [make(), make()];
        for (let step = 0; step < 2; step++) {
          sparse.applyGradients(pair.map((t) => [t, v] as const));
          denser.applyGradients(pair.map((t) => [dense(t), w] as const));
        }
        expect(v.dataSync()).toEqual(w.dataSync());
      }
    }
  });

  it('with an index out of range leave the variable and its slots as they were, and say whose step it was', async () => {
    for (const make of [() => new SGD(0.1), () => new Adagrad(0.1), () => new Adam(0.1, { amsgrad: true })]) {
      for (const dense of [false, true]) {
        const optimizer = make();
        const v = new tf.Variable(tf.ones([3000, 2]), { name: 'table' });
        const w = new tf.Variable(tf.ones([3000, 2]));
        optimizer.applyGradients([
          [anySlices([3000, 2], 'float32'), v],
          [anySlices([3000, 2], 'float32'), w],
        ]);
        const all = [v, ...optimizer.variables.slice(1).filter((s) => s.name.startsWith('table'))];
        const before = all.map((s) => s.dataSync());
        const bad = new tf.IndexedSlices(tf.ones([3, 2]), pendingIndices([1, 3000, 2]), [3000, 2]);
        optimizer.applyGradients([
          [anySlices([3000, 2], 'float32'), w],
          [bad, v],
          ...(dense ? [[tf.ones([3000, 2]), v] as const] : []),
        ]);
        const error = await rejectionOf(() => (dense ? v.dataSync() : v.value().data()));
        expect(error.code).toBe('ERR_INDEX');
        expect(error.message).toMatch(/^(SGD|Adagrad|Adam)\.applyGradients: index 3000 .*variable table/);
        all.forEach((s, k) => {
          expect(s.dataSync(), s.name).toEqual(before[k]);
        });
        expect(w.reduceSum().item()).not.toBeNaN();
      }
    }
  });
});

describe('rows written in place', () => {
  // A variable, its elements as a plain array, and values that somebody has, each with the elements that it must have.
  interface Held {
    readonly read: () => ArrayLike<number>;
    readonly want: ArrayLike<number>;
  }

  type Combine = (before: number, update: number) => number;
  const combinations: Combine[] = [(_, b) => b, (a, b) => a + b, Math.max, (a, b) => a - b];

  it('leave every old value as it was, whoever has it and however', async () => {
    for (let run = 0; run < repeated(6, 40); run++) {
      const dtype = (['float32', 'float64', 'int32'] as const)[run % 3] as tf.DType;
      const [length, inner] = [2000 + below(3000), 1 + below(5)];
      const shape = [length, inner];
      const v = new tf.Variable(
        tf
          .constant(
            list(length * inner, () => below(10)),
            { dtype },
          )
          .reshape(shape),
      );
      let model = Array.from(v.dataSync());
      const held: Held[] = [];
      const flights: Promise<void>[] = [];
      const update = (ways: number): void => {
        const count = 1 + below(30);
        const at = list(count, () => below(length));
        const rows = list(count * inner, () => below(7));
        const values = tf.constant(rows, { dtype }).reshape([count, inner]);
        const indices = below(2) ? pendingIndices(at) : tf.constant(at, { dtype: 'int32' });
        const slices = new tf.IndexedSlices(values, indices, shape);
        model = [...model];
        const combine = (fn: Combine): void =>
          at.forEach((row, k) => {
            for (let i = 0; i < inner; i++) {
              const to = row * inner + i;
              model[to] = fn(model[to] as number, rows[k * inner + i] as number);
            }
          });
        if (ways === 0) v.scatterUpdate(slices);
        else if (ways === 1) v.scatterAdd(slices);
        else if (ways === 2) v.scatterMax(slices);
        else v.scatterNdSub(indices.reshape([count, 1]), values);
        combine(combinations[ways] as Combine);
      };
      for (let step = 0; step < 60; step++) {
        const want = model;
        const kind = below(12);
        if (kind < 5) update(below(4));
        else if (kind === 5) held.push({ read: () => t.dataSync(), want });
        else if (kind === 6)
          held.push(((r) => ({ read: () => r.dataSync(), want }))(v.value().reshape([inner, length])));
        else if (kind === 7) held.push(((r) => ({ read: () => r.dataSync(), want: want.map((x) => 2 * x) }))(v.add(v)));
        else if (kind === 8 && dtype !== 'int32') {
          const tape = new tf.GradientTape({ persistent: true });
          const x = v.value();
          const y = tape.record(() => {
            tape.watch(x);
            return tf.mul(x, x);
          });
          held.push({ read: () => (tape.gradient(y, x) as tf.Tensor).dataSync(), want: want.map((a) => 2 * a) });
        } else if (kind === 9)
          flights.push(
            v
              .value()
              .data()
              .then((got) => expect(Array.from(got)).toEqual(want)),
          );
        else if (kind === 10) {
          const other = new tf.Variable(v.value());
          other.scatterUpdate(new tf.IndexedSlices(tf.zeros([1, inner], { dtype }), [0], shape));
          held.push({ read: () => other.dataSync(), want: want.map((x, i) => (i < inner ? 0 : x)) });
        } else if (held.length > 0) {
          const { read, want: expected } = held.splice(below(held.length), 1)[0] as Held;
          expect(Array.from(read())).toEqual(expected);
        }
        const t = v.value();
        if (below(3) === 0) expect(Array.from(v.dataSync())).toEqual(model);
        if (below(6) === 0) await Promise.all(flights.splice(0));
      }
      await Promise.all(flights);
      for (const { read, want } of held) expect(Array.from(read())).toEqual(want);
      expect(Array.from(v.dataSync())).toEqual(model);
    }
  });

  it('leave what somebody has of a slot as it was, by sparse steps and dense ones', () => {
    const shape = [5000, 2];
    for (const dense of [false, true]) {
      const v = new tf.Variable(tf.ones(shape));
      const optimizer = new Adagrad(0.1);
      const step = (g: tf.Tensor): void => {
        optimizer.applyGradients([[g, v]]);
        tf.evaluate(v);
      };
      const rows = (i: number): tf.Tensor => new tf.IndexedSlices(tf.ones([2, 2]), [i, i + 1], shape);
      for (let i = 0; i < 3; i++) step(rows(i));
      const slot = optimizer.variables[1] as tf.Variable;
      const before = slot.dataSync();
      const had = slot.value();
      step(rows(1));
      const between = slot.dataSync();
      const hadThen = slot.value();
      for (let i = 0; i < 4; i++) step(dense && i > 1 ? tf.ones(shape) : rows(i));
      expect(had.dataSync()).toEqual(before);
      expect(hadThen.dataSync()).toEqual(between);
    }
  });

  it('change a value while an asynchronous program reads it, and that reads the old one', async () => {
    const v = new tf.Variable(tf.ones([200_000, 4]));
    for (let i = 0; i < 10; i++) {
      const sum = v.value().mul(1).reduceSum().data();
      v.scatterAdd(new tf.IndexedSlices(tf.ones([2, 4]), [i, i + 1], [200_000, 4]));
      tf.evaluate(v);
      expect((await sum)[0]).toBe(800_000 + 8 * i);
    }
  });

  // The table is 25.6 MB: another one of it would show.
  const shape = [100_000, 64];
  const bytes = 4 * 64 * 100_000;
  const slicesOf = (at: number[]): tf.IndexedSlices =>
    new tf.IndexedSlices(tf.ones([at.length, 64]), tf.constant(at, { dtype: 'int32' }), shape);
  const ways: Record<string, () => (v: tf.Variable, at: number[]) => unknown> = {
    scatterUpdate: () => (v, at) => v.scatterUpdate(slicesOf(at)),
    scatterAdd: () => (v, at) => v.scatterAdd(slicesOf(at)),
    scatterSub: () => (v, at) => v.scatterSub(slicesOf(at)),
    scatterMax: () => (v, at) => v.scatterMax(slicesOf(at)),
    scatterMin: () => (v, at) => v.scatterMin(slicesOf(at)),
    scatterMul: () => (v, at) => v.scatterMul(slicesOf(at)),
    scatterDiv: () => (v, at) => v.scatterDiv(slicesOf(at)),
    scatterNdAdd: () => (v, at) =>
      v.scatterNdAdd(
        at.map((i) => [i]),
        tf.ones([at.length, 64]),
      ),
    ...Object.fromEntries(
      [() => new SGD(0.1), () => new Adagrad(0.1), () => new Adam(0.1)].map((make) => [
        make().constructor.name,
        () => {
          const optimizer = make();
          return (v: tf.Variable, at: number[]) =>
            optimizer.minimize(() => tf.reduceSum(tf.square(tf.gather(v, at))), [v]).item();
        },
      ]),
    ),
  };
  for (const [name, make] of Object.entries(ways)) {
    it(`${name}: takes no memory for a table beside the variable's and its slots'`, () => {
      const v = new tf.Variable(tf.ones(shape).add(0));
      const way = make();
      const step = (): void => {
        way(
          v,
          list(20, () => below(100_000)),
        );
        tf.evaluate(v);
      };
      for (let i = 0; i < 3; i++) step(); // slots begin as one number
      tf.clearMemory();
      const before = tf.memory().bytes;
      for (let i = 0; i < 200; i++) {
        step();
        const { bytes: now, arenaBytes } = tf.memory();
        expect(now - before).toBeLessThan(bytes / 2);
        expect(arenaBytes).toBeLessThan(bytes / 2);
      }
    });
  }

  it('stay in place in a table of more than 128 MB, of whose kind no value waits to be computed', () => {
    const large = [540_000, 64];
    const v = new tf.Variable(tf.ones(large).add(0));
    const optimizer = new Adagrad(0.1);
    const step = (): void => {
      const rows = list(20, () => below(large[0] as number));
      optimizer.minimize(() => tf.reduceSum(tf.square(tf.gather(v, rows))), [v]).item();
    };
    for (let i = 0; i < 3; i++) step();
    tf.clearMemory();
    for (let i = 0; i < 5; i++) step();
    expect(tf.memory().arenaBytes).toBeLessThan(bytes);
  });

  const training: Record<string, Make> = {
    SGD: () => new SGD(0.1),
    Adagrad: () => new Adagrad(0.1),
    Adam: () => new Adam(0.1),
  };
  for (const [name, make] of Object.entries(training)) {
    it(`${name}: in a loop that awaits, and in one that looks meanwhile, with the bits of one that does not wait`, async () => {
      const small = [5000, 4];
      const pattern = list(24, () => below(small[0] as number));
      const run = async (wait: (loss: tf.Tensor, v: tf.Variable, i: number) => unknown): Promise<[unknown, number]> => {
        const v = new tf.Variable(tf.ones(small).add(0));
        const optimizer = make();
        const places = new Set<number | undefined>();
        for (let i = 0; i < 8; i++) {
          const rows = pattern.slice(i, i + 16);
          const loss = optimizer.minimize(() => tf.reduceSum(tf.square(tf.gather(v, rows))), [v]);
          await wait(loss, v, i);
          if (i >= 3) places.add(v.value().buffer?.address); // slots begin as one number
        }
        return [[v, ...optimizer.variables].map((x) => x.dataSync()), places.size];
      };
      const [want, once] = await run((loss) => loss.item());
      expect(once).toBe(1);
      expect(await run((loss) => loss.data())).toEqual([want, 1]);
      expect(await run((loss, v) => tf.evaluateAsync(loss, v))).toEqual([want, 1]);
      const all: unknown[] = [];
      const lookers = [
        async (loss: tf.Tensor, v: tf.Variable) => {
          const flying = loss.data();
          v.dataSync();
          await flying;
        },
        async (loss: tf.Tensor, v: tf.Variable, i: number) => {
          const [flying, other] = [loss.data(), v.value().mul(2).data()];
          if (i % 2) await other;
          v.scatterAdd(new tf.IndexedSlices(tf.zeros([1, 4]), [i], small));
          await Promise.all([flying, other]);
        },
        (loss: tf.Tensor, _: tf.Variable, i: number) => {
          all.push(loss.data());
          return i % 3 ? undefined : new Promise((resolve) => setImmediate(resolve));
        },
      ];
      for (const look of lookers) expect((await run(look))[0]).toEqual(want);
      await Promise.all(all);
    });
  }

  it('by an asynchronous step, with an index out of range, leave the variable and say whose step it was', async () => {
    const v = new tf.Variable(tf.ones([3000, 2]).add(0), { name: 'table' });
    const optimizer = new Adagrad(0.1);
    const step = (index: number): tf.Tensor =>
      optimizer.minimize(() => tf.reduceSum(tf.square(tf.gather(v, [index]))), [v]);
    for (let i = 0; i < 4; i++) await step(i).data();
    const before = v.dataSync();
    const bad = new tf.IndexedSlices(tf.ones([3, 2]), pendingIndices([1, 3000, 2]), [3000, 2]);
    optimizer.applyGradients([[bad, v]]);
    await tf.ones([2]).mul(3).data(); // takes the step along, and is not to blame
    const error = await rejectionOf(() => v.dataSync());
    expect([error.code, error.message]).toEqual([
      'ERR_INDEX',
      expect.stringMatching(/^Adagrad\.applyGradients: index 3000/),
    ]);
    expect(v.dataSync()).toEqual(before);
  });

  it('take bounded memory while somebody keeps an old value that nobody reads', () => {
    const v = new tf.Variable(tf.range(320_000).reshape([20_000, 16]));
    const old = v.value();
    const table = 20_000 * 16 * 4;
    const g = slicesLike(v, 1000);
    let most = 0;
    for (let i = 0; i < 300; i++) {
      v.scatterAdd(g);
      tf.evaluate(v);
      if (i % 50 === 49) {
        tf.clearMemory();
        most = Math.max(most, tf.memory().bytes);
      }
    }
    expect(most).toBeLessThan(6 * table);
    expect([old.at(5, 5).item(), v.at(5, 5).item()]).toEqual([85, 385]);
    expect(old.at(-1, -1).item()).toBe(319_999);
  });
});

function slicesLike(v: tf.Variable, count: number): tf.IndexedSlices {
  const indices = tf.constant(
    list(count, (i) => i),
    { dtype: 'int32' },
  );
  return new tf.IndexedSlices(tf.ones([count, ...v.shape.slice(1)]), indices, v.shape);
}
