// Grouping, looking, threads and instruction sets never change a bit of a value.
import fc from 'fast-check';
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';
import { undrawn } from '../support/ops.js';
import { build, type Instruction, programs } from '../support/programs.js';
import { restoreSettings, settings } from '../support/settings.js';
import { bitsOf, bytesOf, leafValues } from '../support/tensors.js';
import { repeated } from '../support/thorough.js';

restoreSettings();

const nothing = (): void => {};

// One string that tells every bit; all NaN are one.
function bits(values: readonly tf.Tensor[]): string[] {
  return values.map(bitsOf);
}

it('every op of the registry is drawn by random programs', () => {
  expect(undrawn).toEqual([]);
});

describe('a value has the same bits however it was grouped', () => {
  it.each(['float32', 'float64'] as const)('%s', (dtype) => {
    const check = (program: readonly Instruction[], early: readonly number[]): void => {
      const fused = build(program, dtype, nothing);
      tf.evaluate(fused);
      const want = bits(fused);
      // Each op when it is called.
      tf.config.eager = true;
      const alone = build(program, dtype, nothing);
      tf.config.eager = false;
      expect(bits(alone), 'op by op').toEqual(want);
      // Some of them looked at early.
      const mixed = build(program, dtype, (t, i) => {
        if (early.includes(i)) t.dataSync();
      });
      expect(bits(mixed), `with ${early} looked at early`).toEqual(want);
      // The last one first, so that what it needs is computed again for the others, or kept.
      const backwards = build(program, dtype, nothing);
      expect(bits([...backwards].reverse()).reverse(), 'the last first').toEqual(want);
      // Only some are asked for: what nobody asked for goes no further than the arena.
      const some = build(program, dtype, nothing);
      const asked = some.filter((_, i) => i % 2 === program.length % 2);
      tf.evaluate(asked);
      expect(bits(some), 'every other').toEqual(want);
      tf.config.threads = 1;
      const single = build(program, dtype, nothing);
      expect(bits(single), 'on one thread').toEqual(want);
      tf.config.threads = settings.threads;
    };
    fc.assert(fc.property(programs, fc.array(fc.nat(15), { maxLength: 5 }), check), {
      numRuns: repeated(120, 480),
    });
  });

  // Loops over so many rows are done tile by tile: short rows, rows longer than a chunk of a reduction, and too long ones;
  // the last rows fill no tile.
  it.each([
    [700, 300],
    [20001, 7],
    [131, 1501],
    [33, 5000],
    [3, 70000],
  ])('rows that are read again and again, %i x %i', (rows, width) => {
    const compute = (dtype: tf.DType, threads: number, eager: boolean): string[] => {
      const normal = (shape: number[], seed: number): tf.Tensor => tf.random.normal(shape, { seed, dtype });
      const [x, ct, gamma, beta] = [
        normal([rows, width], 1),
        normal([rows, width], 2),
        normal([width], 3),
        normal([width], 4),
      ];
      Object.assign(tf.config, { threads, eager });
      const tape = new tf.GradientTape({ persistent: true });
      const [y, z] = tape.record(() => {
        tape.watch([x, gamma, beta]);
        const powers = tf.exp(tf.sub(x, tf.reduceMax(x, -1, { keepdims: true })));
        const z = tf.mul(tf.div(powers, tf.reduceSum(powers, -1, { keepdims: true })), gamma);
        return [tf.nn.layerNormalization(x, gamma, beta), z] as const;
      });
      const gradients = (t: tf.Tensor, sources: tf.Tensor[]): tf.Tensor[] =>
        tape.gradient(t, sources, { outputGradients: ct }) as tf.Tensor[];
      const all = [y, ...gradients(y, [x, gamma, beta]), z, ...gradients(z, [x, gamma])];
      tf.evaluate(all);
      Object.assign(tf.config, settings);
      return bits(all);
    };
    for (const dtype of ['float32', 'float64'] as const) {
      const want = compute(dtype, 1, true);
      for (const threads of [1, 3])
        expect(compute(dtype, threads, false), `${dtype}, ${threads} threads`).toEqual(want);
    }
  });

  // What is one number for all elements is computed into registers before the elements; loops done tile by tile share registers.
  it('rows that are read again and again beside what is one number for all of them', () => {
    const shape = [700, 300];
    const compute = (eager: boolean): string[] => {
      const x = tf.random.normal(shape, { seed: 1 });
      const numbers = tf.random.normal([6], { seed: 2 });
      tf.config.eager = eager;
      const one = (i: number): tf.Tensor =>
        tf.sub(tf.broadcastTo(numbers.at(i), shape), tf.broadcastTo(numbers.at(i + 1), shape));
      const rowSum = (t: tf.Tensor): tf.Tensor => tf.reduceSum(t, -1, { keepdims: true });
      const a = tf.mul(tf.sub(x, tf.reduceMax(x, -1, { keepdims: true })), one(0));
      const b = tf.add(tf.div(tf.exp(a), rowSum(a)), one(2));
      const c = tf.mul(tf.sub(b, rowSum(b)), one(4));
      const all = [c, tf.div(c, rowSum(c))];
      tf.evaluate(all);
      Object.assign(tf.config, settings);
      return bits(all);
    };
    expect(compute(false)).toEqual(compute(true));
  });

  it('asynchronously, while other values are computed', async () => {
    const check = async (program: readonly Instruction[]): Promise<void> => {
      const want = bits(build(program, 'float32', nothing));
      const values = build(program, 'float32', nothing);
      const last = values[values.length - 1] as tf.Tensor;
      const promise = tf.evaluateAsync(last, values[values.length >> 1]);
      const meanwhile = bits(values.slice(0, -1));
      await promise;
      expect(bits(values)).toEqual(want);
      expect(meanwhile).toEqual(want.slice(0, -1));
    };
    await fc.assert(fc.asyncProperty(programs, check), { numRuns: repeated(60, 240) });
  });

  it('large values, in parts and at once, on one thread and on all', () => {
    const size = 300_001;
    const data = leafValues([size], 5);
    const run = (dtype: tf.DType, cut: boolean): string[] => {
      const look = (t: tf.Tensor): tf.Tensor => {
        if (cut) t.dataSync();
        return t;
      };
      const x = tf.cast(tf.constant(data), dtype);
      const y = look(tf.tanh(look(tf.add(look(tf.mul(x, 1.7)), 0.3))));
      const rows = tf.reshape(tf.at(y, '1:'), [300, 1000]);
      const sums = [tf.reduceSum(y), tf.reduceMax(y), tf.reduceSum(rows, 0), tf.reduceSum(look(tf.square(rows)), 1)];
      const product = tf.matmul(rows, look(tf.transpose(rows)));
      return bits([y, ...sums, product, tf.nn.softmax(product), tf.reduceMean(tf.exp(look(tf.neg(y))))]);
    };
    for (const dtype of ['float32', 'float64'] as const) {
      const want = run(dtype, false);
      expect(run(dtype, true)).toEqual(want);
      tf.config.threads = 1;
      expect(run(dtype, false)).toEqual(want);
      tf.config.threads = settings.threads;
      tf.config.eager = true;
      expect(run(dtype, false)).toEqual(want);
      tf.config.eager = false;
    }
  });

  // Over 16 MB a loop's results go past the caches (native/run/stream.h).
  it.each(tf.deviceInfo().isas)('values too large for the caches, of any alignment, on %s', (isa) => {
    const data = leafValues([1_500_003], 7);
    const cut = 1_000_001;
    const results = (values: Float64Array): tf.Tensor[] => {
      const x = tf.cast(tf.constant(values), 'float32');
      const y = tf.tanh(tf.add(tf.mul(x, 1.7), 0.3));
      return [y, tf.mul(y, x), tf.greater(y, x), tf.cast(y, 'float64')];
    };
    tf.config.isa = isa;
    for (const threads of [1, 3]) {
      tf.config.threads = threads;
      const whole = results(data);
      tf.evaluate(whole);
      const parts = [results(data.subarray(0, cut)), results(data.subarray(cut))];
      for (const [k, t] of whole.entries()) {
        const expected = Buffer.concat(parts.map((part) => bytesOf(part[k] as tf.Tensor)));
        expect(Buffer.compare(bytesOf(t), expected)).toBe(0);
      }
    }
  });

  // More than 1 MB of a product: the loop after it is done part by part (MatmulStep::loop).
  it.each([
    ['shallow', [1100, 260], 7],
    ['deep', [700, 450], 500],
    ['wide', [90, 4200], 30],
    ['narrow', [90_000, 3], 5],
    ['batched', [3, 310, 300], 20],
    ['batched, small', [70, 65, 64], 9],
    ['a column', [300_000, 1], 4],
  ])('what follows a large product: %s', (_, shape, depth) => {
    const [rows, columns] = shape.slice(-2) as [number, number];
    const batch = shape.slice(0, -2);
    const chains: Record<string, (c: tf.Tensor, row: tf.Tensor, column: tf.Tensor, same: tf.Tensor) => tf.Tensor[]> = {
      'bias and activation': (c, row) => [tf.nn.relu(tf.add(c, row))],
      'read twice': (c, row) => [tf.mul(tf.tanh(c), tf.sub(c, row))],
      'read again after a result': (c, row, column) => {
        const y = tf.add(c, column);
        return [y, tf.mul(c, y), tf.mul(y, row)];
      },
      'also wanted itself': (c, row, _, same) => [c, tf.add(tf.mul(c, row), same)],
      'of other types': (c) => [tf.greater(c, 0.25), tf.cast(c, 'float64'), tf.cast(tf.mul(c, 2), 'int32')],
      'beside a uniform value': (c, row) => [tf.broadcastTo(tf.exp(tf.slice(row, [0], [1])), c.shape), tf.add(c, row)],
      reduced: (c, row) => [tf.reduceSum(tf.tanh(tf.add(c, row)), -1), tf.reduceSum(tf.tanh(c))],
      reshaped: (c) => [tf.neg(tf.reshape(c, [-1])), tf.add(tf.reshape(c, [-1]), 1)],
    };
    const run = (dtype: tf.DType, chain: string, ta: boolean, tb: boolean): Uint8Array[] => {
      const leaf = (dims: number[], seed: number): tf.Tensor =>
        tf.cast(tf.constant(leafValues(dims, seed), { shape: dims }), dtype);
      const a = leaf([...batch, ...(ta ? [depth, rows] : [rows, depth])], 1);
      const b = leaf([...batch, ...(tb ? [columns, depth] : [depth, columns])], 2);
      const others = [leaf([columns], 3), leaf([rows, 1], 4), leaf(shape, 5)] as const;
      const results = (chains[chain] as (typeof chains)[string])(
        tf.matmul(a, b, { transposeA: ta, transposeB: tb }),
        ...others,
      );
      tf.evaluate(results);
      return results.map(bytesOf);
    };
    for (const [k, chain] of Object.keys(chains).entries()) {
      const dtype = k % 3 === 2 ? 'float64' : 'float32';
      const operands = [dtype, chain, k % 2 === 1, k % 4 > 1] as const;
      tf.config.threads = 1;
      const got = run(...operands);
      tf.config.threads = 3;
      const parts = run(...operands);
      tf.config.eager = true;
      const want = run(...operands);
      tf.config.eager = false;
      for (const [i, expected] of want.entries()) {
        expect(Buffer.compare(got[i] as Uint8Array, expected), `${chain}, result ${i}`).toBe(0);
        expect(Buffer.compare(parts[i] as Uint8Array, expected), `${chain}, result ${i}, three threads`).toBe(0);
      }
    }
  });

  it('a gradient has the same bits too', () => {
    const gradient = (): string[] => {
      const w = new tf.Variable(tf.constant(leafValues([30, 20], 1), { shape: [30, 20] }));
      const x = tf.constant(leafValues([50, 30], 2), { shape: [50, 30] });
      const tape = new tf.GradientTape();
      const loss = tape.record(() => tf.reduceMean(tf.square(tf.nn.softmax(tf.tanh(tf.matmul(x, w))))));
      return bits([tape.gradient(loss, w) as tf.Tensor, loss]);
    };
    const want = gradient();
    tf.config.eager = true;
    expect(gradient()).toEqual(want);
  });
});

describe('matrix products on several threads', () => {
  // 784 = 384 + 400: a strip's packed blocks are taller than the whole product's.
  it('have the bits of one thread, whatever the strips', () => {
    const threads = tf.config.threads;
    try {
      for (const [m, k, n] of [
        [784, 128, 256],
        [816, 128, 256],
        [256, 128, 784],
      ] as const) {
        const a = tf.random.normal([m, k], { seed: 1 });
        const b = tf.random.normal([k, n], { seed: 2 });
        tf.config.threads = 1;
        const one = Buffer.from(tf.matmul(a, b).dataSync().buffer);
        for (const count of [2, 3]) {
          tf.config.threads = count;
          for (let run = 0; run < 40; run++) {
            expect(one.equals(Buffer.from(tf.matmul(a, b).dataSync().buffer)), `${m} x ${k} x ${n}`).toBe(true);
          }
        }
      }
    } finally {
      tf.config.threads = threads;
    }
  });

  // More products than threads are cut into whole ones, fewer each into strips; the loop over 9 of [200, 300] follows them.
  it('and in batches, which broadcast, and with a loop behind them', () => {
    const product = (a: readonly number[], b: readonly number[], threads: number): Buffer => {
      tf.config.threads = threads;
      const c = tf.matmul(tf.random.normal(a, { seed: 1 }), tf.random.normal(b, { seed: 2 }));
      return Buffer.from(tf.tanh(c.mul(0.1)).dataSync().buffer);
    };
    for (const [a, b] of [
      [
        [3, 3, 200, 64],
        [3, 1, 64, 300],
      ],
      [
        [2, 200, 64],
        [2, 64, 300],
      ],
      [
        [5, 2, 1, 64, 48],
        [3, 48, 80],
      ],
      [
        [50, 7, 9, 5],
        [50, 1, 5, 3],
      ],
    ] as const) {
      const one = product(a, b, 1);
      for (const count of [2, 3]) {
        for (let run = 0; run < 20; run++) {
          expect(one.equals(product(a, b, count)), `${a} x ${b}, ${count} threads`).toBe(true);
        }
      }
    }
    // The first and the last product of a batch as they are alone.
    const [a, b] = [tf.random.normal([4, 3, 30, 20], { seed: 3 }), tf.random.normal([3, 20, 10], { seed: 4 })];
    const all = tf.matmul(a, b);
    for (const [i, j] of [
      [0, 0],
      [1, 2],
      [3, 2],
    ] as const) {
      expect(all.at(i, j).arraySync()).toEqual(tf.matmul(a.at(i, j), b.at(j)).arraySync());
    }
  });
});

describe('a NaN of one element', () => {
  it('has the same bits by every way', async () => {
    const bits = (x: tf.TypedArray): string =>
      Array.from(new Uint32Array(x.buffer as ArrayBuffer), (word) => word.toString(16)).join();
    for (const dtype of ['float32', 'float64'] as const) {
      const x = tf.constant([0, 0], { dtype });
      const ways: (() => tf.Tensor)[] = [
        () => tf.reduceSum(tf.div(x, x)),
        () => tf.neg(tf.reduceSum(tf.div(x, x))),
        () => tf.sqrt(tf.sub(tf.reduceSum(x), 1)),
        () => tf.neg(tf.sqrt(tf.sub(tf.reduceSum(x), 1))),
        () => tf.reshape(tf.mul(tf.reduceMax(x), Number.POSITIVE_INFINITY), [1, 1]),
      ];
      for (const way of ways) {
        expect(bits(way().dataSync())).toBe(dtype === 'float32' ? '7fc00000' : '0,7ff80000');
        expect(bits(await way().data())).toBe(bits(way().dataSync()));
      }
    }
  });
});
