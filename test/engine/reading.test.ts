// What users see of values: text, JSON, elements, clones, operators; of tensors, variables and sparse gradients alike.
import { format, inspect } from 'node:util';
import { deserialize, serialize } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { MessageChannel } from 'node:worker_threads';
import * as tf from 'gradtape';
import { describe, expect, it, vi } from 'vitest';
import { errorOf } from '../support/errors.js';

/** A pending chain that is a tree of 2^n paths: whoever walks the graph does not come back. */
function doubled(n: number): tf.Tensor {
  let x = tf.constant([1, 2]).mul(1);
  for (let i = 0; i < n; i++) x = x.add(x);
  return x;
}

describe('a variable prints as TensorFlow prints it', () => {
  it('String, template literals, console.log', () => {
    const v = new tf.Variable(2, { name: 'v' });
    const text = "<tf.Variable 'v' shape=() dtype=float32, numpy=2.0>";
    expect(String(v)).toBe(text);
    expect(`${v}`).toBe(text);
    expect(v.toString()).toBe(text);
    expect(inspect(v)).toBe(text);
    expect(format('%s %o', v, v)).toBe(`${text} ${text}`);
    expect(inspect({ v })).toBe(`{ v: ${text} }`);
    const w = new tf.Variable([[1, 2], [3, 4]] as number[][], { name: 'w', dtype: 'int32' }); // biome-ignore format: rows
    expect(String(w)).toBe(
      "<tf.Variable 'w' shape=(2, 2) dtype=int32, numpy=\narray([[1, 2],\n       [3, 4]], dtype=int32)>",
    );
    expect(String(new tf.Variable([true, false], { name: 'b' }))).toBe(
      "<tf.Variable 'b' shape=(2,) dtype=bool, numpy=array([ True, False])>",
    );
  });

  it('shows the value as it is now, pending or not', () => {
    const v = new tf.Variable([1, 2], { name: 'v' });
    v.assign(v.mul(2));
    expect(String(v)).toContain('array([2., 4.], dtype=float32)');
    v.assignAdd([1, 1]);
    expect(v.arraySync()).toEqual([3, 5]);
  });

  it('is no use of the variable: tapes do not watch it, the next value may still be written over this one', () => {
    const v = new tf.Variable([1, 2]);
    const tape = new tf.GradientTape();
    tape.record(() => {
      String(v);
      v.dataSync();
      v.arraySync();
      JSON.stringify(v);
    });
    expect(tape.watchedVariables()).toEqual([]);
  });

  it('a large value of equal elements is printed without being made', () => {
    const before = tf.memory().bytes;
    expect(String(tf.zeros([2 ** 30]))).toBe('tf.Tensor([0. 0. 0. ... 0. 0. 0.], shape=(1073741824,), dtype=float32)');
    expect(tf.memory().bytes).toBe(before);
  });
});

describe('a variable reads like a tensor', () => {
  it('item, dataSync, data, arraySync, array, rank, size', async () => {
    const v = new tf.Variable([[1, 2, 3]], { dtype: 'float64' });
    v.assign(v.add(1));
    expect(v.dataSync()).toEqual(Float64Array.of(2, 3, 4));
    expect(v.arraySync()).toEqual([[2, 3, 4]]);
    v.assign(v.add(1));
    const data = v.data();
    v.assign(v.mul(100)); // what was asked for is the value of then
    expect(await data).toEqual(Float64Array.of(3, 4, 5));
    expect(await v.array()).toEqual([[300, 400, 500]]);
    expect([v.rank, v.size]).toEqual([2, 3]);
    expect(new tf.Variable(3).item()).toBe(3);
    expect(errorOf(() => v.item())).toMatchObject({ code: 'ERR_SHAPE' });
    expect(new tf.Variable([true, false]).arraySync()).toEqual([true, false]);
  });

  it('every name of a tensor is one of a variable', () => {
    const v = new tf.Variable(1);
    const t = tf.constant(1);
    const names = new Set<string | symbol>();
    for (let o: object | null = Object.getPrototypeOf(t); o && o !== Object.prototype; o = Object.getPrototypeOf(o)) {
      for (const name of Reflect.ownKeys(o)) names.add(name);
    }
    expect(names.size).toBeGreaterThan(80);
    expect([...names].filter((name) => !(name in v))).toEqual([]);
    for (const name of ['id', 'shape', 'dtype', 'size', 'rank']) expect(Reflect.get(v, name), name).toBeDefined();
  });

  it('what it copies is the caller’s', () => {
    const v = new tf.Variable([1, 2]);
    v.dataSync()[0] = 9;
    expect(v.arraySync()).toEqual([1, 2]);
  });

  it('a foreign receiver is an error with a code', async () => {
    const t = tf.constant(1);
    for (const name of ['dataSync', 'arraySync', 'item', 'toString', 'toJSON'] as const) {
      for (const self of [undefined, null, {}, 1, [1]]) {
        const error = errorOf(() => (t[name] as (this: unknown) => unknown).call(self));
        expect(error, name).toMatchObject({ code: 'ERR_RECEIVER' });
        expect(error.message).toContain(name);
      }
    }
    for (const name of ['data', 'array'] as const) {
      await expect((t[name] as (this: unknown) => Promise<unknown>).call({})).rejects.toMatchObject({
        code: 'ERR_RECEIVER',
      });
    }
  });
});

describe('JSON is the nested arrays', () => {
  it('of tensors, variables and what holds them', () => {
    const x = tf.constant([[1, 2], [3, 4]] as number[][]); // biome-ignore format: rows
    expect(JSON.stringify(x)).toBe('[[1,2],[3,4]]');
    expect(JSON.stringify({ w: new tf.Variable([1.5, -2]), b: tf.constant(true), n: tf.zeros([0, 3]) })).toBe(
      '{"w":[1.5,-2],"b":true,"n":[]}',
    );
    expect(JSON.stringify(tf.constant([Number.NaN, Number.POSITIVE_INFINITY, -0]))).toBe('[null,null,0]');
  });

  it('of a pending graph: its value, not its nodes', () => {
    expect(JSON.stringify(doubled(18))).toBe('[262144,524288]');
  });

  it('of a sparse gradient: the dense elements', () => {
    const slices = new tf.IndexedSlices(tf.constant([[1, 2]]), tf.constant([1], { dtype: 'int32' }), [2, 2]);
    expect(JSON.stringify(slices)).toBe('[[0,0],[1,2]]');
  });

  it('reads back', () => {
    const x = tf.constant(JSON.parse(JSON.stringify(tf.constant([0.1, 2]))));
    expect(x.dataSync()).toEqual(Float32Array.of(0.1, 2));
  });
});

describe('clones and messages get no internals', () => {
  const values: [string, () => unknown][] = [
    ['a known value', () => tf.constant([1, 2])],
    ['a number', () => tf.constant(1)],
    ['a pending graph', () => doubled(18)],
    ['a variable', () => new tf.Variable([1, 2])],
    ['a nest', () => ({ layers: [{ w: new tf.Variable([1, 2]) }] })],
    ['a sparse gradient', () => new tf.IndexedSlices(tf.ones([1, 2]), tf.constant([1], { dtype: 'int32' }), [2, 2])],
  ];
  it.each(values)('structuredClone, postMessage and v8.serialize refuse %s', (_, make) => {
    const { port1, port2 } = new MessageChannel();
    try {
      for (const clone of [() => structuredClone(make()), () => port1.postMessage(make()), () => serialize(make())]) {
        const error = errorOf(clone);
        expect(error.message).toContain('could not be cloned');
        expect(error.message).toContain('data()'); // what to do instead
      }
    } finally {
      port1.close();
      port2.close();
    }
  });

  it('says so before it copies any elements', () => {
    const before = process.memoryUsage().arrayBuffers;
    const x = tf.range(2 ** 22).mul(2);
    x.dataSync();
    const y = x.add(1);
    const start = performance.now();
    for (let i = 0; i < 50; i++) errorOf(() => structuredClone(y));
    expect(performance.now() - start).toBeLessThan(500); // 50 copies of 16 MB take longer
    expect(before).toBeGreaterThan(0);
  });

  it('their elements go', () => {
    const x = tf.constant([1, 2]);
    expect(structuredClone(x.dataSync())).toEqual(Float32Array.of(1, 2));
    expect(deserialize(serialize(x.arraySync()))).toEqual([1, 2]);
  });
});

describe('what walks objects does not walk the graph', () => {
  it('test runners print values of unequal tensors', () => {
    const error = errorOf(() => expect(doubled(18)).toEqual(doubled(17)));
    expect(error.message.length).toBeLessThan(5000);
  });

  it('console.log at any depth', () => {
    expect(inspect({ deep: [doubled(18)] }, { depth: 20 })).toContain('tf.Tensor([262144. 524288.]');
    expect(inspect(doubled(3), { showHidden: true })).toContain('tf.Tensor([ 8. 16.]');
  });
});

describe("JavaScript's operators are refused, text is not", () => {
  const x = tf.constant(2);
  const v = new tf.Variable(3);
  // What TypeScript refuses too.
  const n = x as unknown as number;
  const m = v as unknown as number;
  const b = x as unknown as bigint;
  const text = '';
  const uses: [string, () => unknown][] = [
    ['x * 2', () => n * 2],
    ['2 * x', () => 2 * n],
    ['x + 1', () => n + 1],
    ['x + v', () => n + m],
    ["'' + x", () => text + n],
    ['x - v', () => n - m],
    ['x / 2', () => n / 2],
    ['x % 2', () => n % 2],
    ['x ** 2', () => n ** 2],
    ['-x', () => -n],
    ['+x', () => +n],
    ['~x', () => ~n],
    ['x < v', () => n < m],
    ['x >= 1', () => n >= 1],
    // biome-ignore lint/suspicious/noDoubleEquals: what is tested
    ['x == 2', () => n == 2],
    // biome-ignore lint/suspicious/noDoubleEquals: what is tested
    ["v == '3'", () => (m as unknown as string) == '3'],
    ['v * v', () => m * m],
    ['Number(x)', () => Number(x)],
    ['Number(v)', () => Number(v)],
    ['BigInt(x)', () => BigInt(b)],
    ['Math.max(x, 1)', () => Math.max(n, 1)],
    ['Math.exp(v)', () => Math.exp(m)],
    ['isNaN(x)', () => Number.isNaN(Math.abs(n))],
    ['new Float32Array([x])', () => new Float32Array([n])],
    ['new Date(x)', () => new Date(n)],
  ];
  it.each(uses)('%s', (_, use) => {
    const error = errorOf(use);
    expect(error).toBeInstanceOf(tf.GradtapeError);
    expect(error).toMatchObject({ code: 'ERR_OPERATOR' });
    for (const word of ['mul', 'less', 'item()', 'String(x)']) expect(error.message).toContain(word);
    expect(error.message).toMatch(/^a (tensor|variable) was used as a number/);
  });

  it('text prints', () => {
    expect(`${x}`).toBe('tf.Tensor(2.0, shape=(), dtype=float32)');
    expect([x, v].join('; ')).toBe(`${String(x)}; ${String(v)}`);
    expect('loss: '.concat(String(x))).toBe('loss: tf.Tensor(2.0, shape=(), dtype=float32)');
  });

  it('comparing with null, identity and truth go on', () => {
    // biome-ignore lint/suspicious/noDoubleEquals: what is tested
    expect(x == (null as unknown)).toBe(false);
    expect(x === tf.constant(2)).toBe(false);
    expect(Boolean(x)).toBe(true);
  });
});

describe('values of another realm', () => {
  const other = (code: string): never => runInNewContext(code) as never;

  it('typed arrays', () => {
    for (const [name, dtype] of [
      ['Float32Array', 'float32'],
      ['Float64Array', 'float64'],
      ['Int32Array', 'int32'],
      ['Uint8Array', 'uint8'],
      ['Uint8ClampedArray', 'uint8'],
    ] as const) {
      const x = tf.constant(other(`${name}.of(1, 2)`));
      expect([x.dtype, x.arraySync()], name).toEqual([dtype, [1, 2]]);
    }
    expect(tf.constant(other('Int16Array.of(1, -2)'), { dtype: 'int32' }).arraySync()).toEqual([1, -2]);
    expect(tf.add(1, other('Float64Array.of(1, 2)')).dtype).toBe('float64');
    expect(tf.gather([1, 2, 3], other('Int32Array.of(2, 0)')).arraySync()).toEqual([3, 1]);
  });

  it('what is refused here is refused there', () => {
    for (const code of ['BigInt64Array.of(1n)', 'new DataView(new ArrayBuffer(8))', 'Int8Array.of(1)']) {
      expect(
        errorOf(() => tf.constant(other(code))),
        code,
      ).toMatchObject({ code: 'ERR_DTYPE' });
    }
  });

  it('arrays and plain objects', () => {
    expect(tf.constant(other('[[1, 2], [3, 4]]')).arraySync()).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(tf.reduceSum([[1, 2]], 1, other('({ keepdims: true })')).shape).toEqual([1, 1]);
    const sources = other('({ list: [] })') as { list: tf.Variable[] };
    const v = new tf.Variable(3);
    sources.list.push(v);
    const tape = new tf.GradientTape();
    const y = tape.record(() => v.mul(v));
    expect(tape.gradient(y, sources as { list: tf.Variable[] }).list[0]?.item()).toBe(6);
    tf.evaluate(other('({ a: [1, 2] })'));
  });
});

describe('two copies of the library', () => {
  it('a value of the other is refused, and the error says that there are two', async () => {
    vi.resetModules();
    const other = (await import('gradtape')) as typeof tf;
    expect(other.Tensor).not.toBe(tf.Tensor);
    const values = [other.constant([1, 2]), new other.Variable(1)] as (tf.Tensor | tf.Variable)[];
    for (const x of values) {
      const tape = new tf.GradientTape();
      const y = tape.record(() => new tf.Variable(1).mul(2));
      for (const use of [
        () => tf.square(x),
        () => tf.add(1, x),
        () => tf.constant(x),
        () => tf.concat([[1], x], 0),
        () => tf.constant(1).mul(x),
        () => tape.gradient(y, x),
        () => tape.gradient(y, [{ x }]),
        () => tape.record(() => tape.watch(x)),
        () => tf.evaluate({ x }),
        () => new tf.Variable(x),
        () => new tf.Variable([1, 2]).assign(x),
        () => tf.trainableVariables({ layers: [x] }),
      ]) {
        const error = errorOf(use);
        expect(error).toMatchObject({ code: 'ERR_NOT_A_TENSOR' });
        expect(error.message).toMatch(
          /a (Tensor|Variable) of another copy of gradtape \(two copies are loaded, twice from .*lib; were modules reset\?\)/,
        );
      }
    }
    expect(other.square(values[0] as tf.Tensor).arraySync()).toEqual([1, 4]);
  });

  it('from two folders: both are named', () => {
    class Tensor {}
    const foreign = new Tensor();
    Reflect.set(foreign, Symbol.for('gradtape.copy'), { folder: '/elsewhere/gradtape/dist' });
    const { message } = errorOf(() => tf.square(foreign as never));
    expect(message).toMatch(
      /a Tensor of another copy of gradtape \(two copies are loaded, from \/elsewhere\/gradtape\/dist and \/.*lib\)/,
    );
  });
});
