// Datasets: what a pass gives, in which order, and what it leaves behind.
import { Readable } from 'node:stream';
import * as tf from 'gradtape';
import { describe, expect, it, vi } from 'vitest';
import { isKnown } from '../../lib/engine/tensor.js';
import { codeOf, gradtapeErrorOf, rejectionOf } from '../support/errors.js';

const { data } = tf;

const numbers = (n: number): Int32Array => Int32Array.from({ length: n }, (_, i) => i);
const lists = (dataset: Iterable<tf.Tensor>): unknown[] => [...dataset].map((t) => t.arraySync());
async function all<T>(dataset: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const x of dataset) found.push(x);
  return found;
}

describe('tensors', () => {
  it('are sliced along axis 0, in the nest that they came in', () => {
    const images = tf.constant([
      [1, 2],
      [3, 4],
      [5, 6],
    ]); // prettier-ignore
    const dataset = data.fromTensors({ images, rest: [numbers(3), null, [[7], [8], [9]]] });
    expect(dataset.cardinality).toBe(3);
    expect(JSON.stringify([...dataset])).toBe(
      '[{"images":[1,2],"rest":[0,null,[7]]},{"images":[3,4],"rest":[1,null,[8]]},{"images":[5,6],"rest":[2,null,[9]]}]',
    );
    const [first] = [...dataset.batch(2)];
    expect([first?.images.shape, first?.rest[0].dtype, first?.rest[2].arraySync()]).toEqual([
      [2, 2],
      'int32',
      [[7], [8]],
    ]);
  });

  it('come in batches, the last one shorter or left out', () => {
    const dataset = data.fromTensors(numbers(7));
    expect(lists(dataset.batch(3))).toEqual([[0, 1, 2], [3, 4, 5], [6]]);
    expect(lists(dataset.batch(3, { dropRemainder: true }))).toEqual([
      [0, 1, 2],
      [3, 4, 5],
    ]); // prettier-ignore
    expect(lists(dataset.batch(8, { dropRemainder: true }))).toEqual([]);
    expect(lists(data.fromTensors(tf.zeros([0, 2])).batch(2))).toEqual([]);
    expect([dataset.batch(3).cardinality, dataset.batch(3, { dropRemainder: true }).cardinality]).toEqual([3, 2]);
  });

  it('that are pending are computed once', () => {
    const x = tf.add(tf.random.normal([4, 2]), 1);
    const dataset = data.fromTensors(x);
    for (const _ of dataset.batch(2)) break;
    expect(lists(dataset.batch(4))[0]).toEqual(x.arraySync());
  });

  it('a batch is one op a tensor: a slice of neighbours, a gather else', () => {
    const x = tf.constant(numbers(6));
    const ops = (t: tf.Tensor): string =>
      tf
        .profile(() => t)
        .rows.map((row) => row.op)
        .join();
    const [run] = [...data.fromTensors(x).batch(3)];
    expect(ops(run as tf.Tensor)).not.toContain('gather');
    const [picked] = [...data.fromTensors(x).shuffle(1).batch(3)];
    expect(picked?.shape).toEqual([3]);
  });
});

describe('shuffle', () => {
  const order = (seed: number, bufferSize?: number): unknown[] =>
    lists(data.fromTensors(numbers(100)).shuffle(seed, bufferSize).batch(100))[0] as unknown[];

  it('gives every element once, in an order that seed and pass decide', () => {
    const dataset = data.fromTensors(numbers(100)).shuffle(7).batch(100);
    const passes = [lists(dataset), lists(dataset), lists(dataset)].map(([x]) => x as number[]);
    for (const pass of passes) expect([...pass].sort((a, b) => a - b)).toEqual([...numbers(100)]);
    expect(passes[0]).not.toEqual(passes[1]);
    expect(passes[0]).toEqual(order(7));
    expect(order(8)).not.toEqual(order(7));
    expect([0, 1, 2].map((n) => lists(dataset.epoch(n))[0])).toEqual(passes);
    const fixed = data.fromTensors(numbers(9)).shuffle({ seed: 7, reshuffleEachIteration: false });
    expect(lists(fixed)).toEqual(lists(fixed));
  });

  it('with a buffer draws from the next so many', () => {
    const list = order(3, 10) as number[];
    expect([...list].sort((a, b) => a - b)).toEqual([...numbers(100)]);
    for (const [i, x] of list.entries()) expect(x).toBeLessThan(i + 10);
    expect(list).not.toEqual([...numbers(100)]);
    expect(order(3, 1)).toEqual([...numbers(100)]);
  });

  it('is fair', () => {
    const counts = Array.from({ length: 4 }, () => [0, 0, 0, 0]);
    for (const buffer of [4, undefined]) {
      const dataset = data.fromTensors(numbers(4)).shuffle(5, buffer).batch(4);
      for (let pass = 0; pass < 1000; pass++) {
        (lists(dataset)[0] as number[]).forEach((x, place) => {
          (counts[place] as number[])[x] = ((counts[place] as number[])[x] as number) + 1;
        });
      }
    }
    // Binomial of 2000 and 1 / 4: five standard deviations are 97.
    for (const n of counts.flat()) expect(Math.abs(n - 500)).toBeLessThan(97);
  });

  it('without a seed follows random.setSeed', () => {
    const draw = (): unknown[] => {
      tf.random.setSeed(11);
      return lists(data.fromTensors(numbers(20)).shuffle());
    };
    expect(draw()).toEqual(draw());
    expect(lists(data.fromTensors(numbers(20)).shuffle())).not.toEqual(draw());
  });

  it('before repeat and after it, of parts and of batches', () => {
    const repeated = data.fromTensors(numbers(5)).shuffle(1).repeat(3).batch(5);
    const passes = lists(repeated) as number[][];
    expect(passes.map((x) => [...x].sort())).toEqual(new Array(3).fill([0, 1, 2, 3, 4]));
    expect(new Set(passes.map(String)).size).toBeGreaterThan(1);
    expect(lists(data.fromTensors(numbers(6)).take(3).shuffle(1)).sort()).toEqual([0, 1, 2]);
    expect(
      lists(data.fromTensors(numbers(6)).batch(2).shuffle(1))
        .flat()
        .sort(),
    ).toEqual([0, 1, 2, 3, 4, 5]);
  });
});

describe('repeat, take, skip, map', () => {
  it('count', () => {
    const dataset = data.fromTensors(numbers(4));
    expect(lists(dataset.repeat(2))).toEqual([0, 1, 2, 3, 0, 1, 2, 3]);
    expect(lists(dataset.repeat().take(6))).toEqual([0, 1, 2, 3, 0, 1]);
    expect(lists(dataset.skip(3))).toEqual([3]);
    expect(lists(dataset.skip(9))).toEqual([]);
    expect(lists(dataset.repeat(0))).toEqual([]);
    expect(lists(data.fromTensors(tf.zeros([0])).repeat())).toEqual([]);
    expect([
      dataset.repeat().cardinality,
      dataset.repeat().skip(2).take(5).cardinality,
      dataset.take(0).cardinality,
    ]).toEqual([Number.POSITIVE_INFINITY, 5, 0]);
  });

  it('map takes elements as the loop would, of batches too', () => {
    const dataset = data.fromTensors([numbers(4), [[0], [2], [4], [6]]]);
    expect([...dataset.map(([i, x]) => i.item() + x.at(0).item())]).toEqual([0, 3, 6, 9]);
    expect(lists(dataset.batch(2).map(([, x]) => tf.mul(x, 10)))).toEqual([
      [[0], [20]],
      [[40], [60]],
    ]); // prettier-ignore
    expect([...dataset.map(([i]) => i.item()).batch(3)].map((t) => t.arraySync())).toEqual([[0, 1, 2], [3]]);
  });

  it('an error of map comes out of the loop, and the source is closed', async () => {
    let closed = 0;
    function* source(): Generator<number> {
      try {
        yield 1;
        yield 2;
        yield 3;
      } finally {
        closed++;
      }
    }
    const failing = data.fromIterable(source).map((x) => {
      if (x === 2) throw new RangeError('two');
      return x;
    });
    expect(() => [...failing]).toThrow(new RangeError('two'));
    expect(await rejectionOf(() => all(failing))).toEqual(new RangeError('two'));
    expect(await rejectionOf(() => all(failing.prefetch(2)))).toEqual(new RangeError('two'));
    expect(closed).toBe(3);
  });
});

describe('records', () => {
  it('of any iterable are batched by their structure', () => {
    const records = [
      { x: [1, 2], y: 0, z: tf.constant([5]) },
      { x: new Float32Array([3, 4]), y: 1, z: tf.constant([6]) },
    ];
    const [batch] = [...data.fromIterable(records).batch(2)];
    expect(JSON.stringify(batch)).toBe('{"x":[[1,2],[3,4]],"y":[0,1],"z":[[5],[6]]}');
    expect([...data.fromIterable(new Set([true, false])).batch(2)].map((t) => t.dtype)).toEqual(['bool']);
    expect(data.fromIterable(records).cardinality).toBe(2);
  });

  it('that can be read once are refused a second pass; a function opens them anew', () => {
    function* source(): Generator<number> {
      yield* [1, 2];
    }
    const once = data.fromIterable(source());
    expect([...once]).toEqual([1, 2]);
    expect(gradtapeErrorOf(() => [...once])).toMatchObject({
      code: 'ERR_DATA_CONSUMED',
      message: expect.stringContaining('data.fromIterable(() => ...)') as string,
    });
    const again = data.fromIterable(source);
    expect([[...again], [...again.repeat(2)]]).toEqual([
      [1, 2],
      [1, 2, 1, 2],
    ]); // prettier-ignore
    expect(again.cardinality).toBeNull();
  });

  it('come from Node’s streams, a line of NDJSON or CSV each', async () => {
    async function* lines(stream: Readable): AsyncGenerator<string> {
      let rest = '';
      for await (const chunk of stream.setEncoding('utf8')) {
        const parts = (rest + (chunk as string)).split('\n');
        rest = parts.pop() as string;
        yield* parts;
      }
    }
    const open = (): AsyncGenerator<string> => lines(Readable.from(['{"x":[1,2],"y":3}\n{"x":[4', ',5],"y":6}\n']));
    const dataset = data
      .fromIterable(open)
      .map((line) => JSON.parse(line) as { x: number[]; y: number })
      .batch(2);
    expect(JSON.stringify(await all(dataset))).toBe('[{"x":[[1,2],[4,5]],"y":[3,6]}]');
    const stream = Readable.from(['1,2\n3,4\n']);
    const rows = data.fromIterable(stream).map((text) =>
      (text as string)
        .trim()
        .split('\n')
        .map((line) => line.split(',').map(Number)),
    );
    expect(await all(rows)).toEqual([
      [
        [1, 2],
        [3, 4],
      ],
    ]); // prettier-ignore
    expect((await rejectionOf(() => all(rows))).code).toBe('ERR_DATA_CONSUMED');
  });

  it('a stream is destroyed when the loop is left', async () => {
    const stream = Readable.from(numbers(1000));
    for await (const x of data.fromIterable(stream).prefetch(3)) if (x === 5) break;
    expect(stream.destroyed).toBe(true);
  });

  it('of an asynchronous source are for `for await` only', async () => {
    async function* source(): AsyncGenerator<number> {
      yield 1;
    }
    const message = 'for await';
    for (const dataset of [
      data.fromIterable(source()),
      data.fromIterable(source),
      data.fromIterable([1]).map(async (x) => x),
      data.fromIterable(source).batch(2).repeat(2),
    ]) {
      const error = gradtapeErrorOf(() => [...dataset]);
      expect([error.code, error.message]).toEqual(['ERR_DATA_ASYNC', expect.stringContaining(message)]);
    }
    expect(await all(data.fromIterable(source).map(async (x) => x + 1))).toEqual([2]);
  });

  it('that are not nested alike, or are text, are an error of the batch', () => {
    expect(codeOf(() => [...data.fromIterable<unknown>([{ x: 1 }, { y: 1 }]).batch(2)])).toBe('ERR_STRUCTURE');
    expect(codeOf(() => [...data.fromIterable<unknown>([{ x: 1 }, 2]).batch(2)])).toBe('ERR_STRUCTURE');
    expect(codeOf(() => [...data.fromIterable<unknown>([[1, 2], [3]]).batch(2)])).toBe('ERR_SHAPE');
    const ragged = gradtapeErrorOf(() => [...data.fromIterable([{ x: [1, 2] }, { x: [3] }]).batch(2)]);
    expect(ragged.message).toMatch(/^Dataset\.batch: .*record 0\.x is float32 \[2\], record 1\.x float32 \[1\]$/);
    const mixed = [tf.constant([1]), tf.constant([1], { dtype: 'int32' })];
    expect(codeOf(() => [...data.fromIterable(mixed).batch(2)])).toBe('ERR_DTYPE');
    const error = gradtapeErrorOf(() => [...data.fromIterable([{ name: 'a' }]).batch(1)]);
    expect([error.code, error.message]).toEqual(['ERR_NOT_A_TENSOR', expect.stringContaining('record.name')]);
  });
});

describe('leaving early', () => {
  it('closes a sync source and an async one, once', async () => {
    const events: string[] = [];
    function* source(): Generator<number> {
      try {
        for (let i = 0; ; i++) yield i;
      } finally {
        events.push('sync');
      }
    }
    async function* later(): AsyncGenerator<number> {
      try {
        for (let i = 0; ; i++) yield i;
      } finally {
        await Promise.resolve();
        events.push('async');
      }
    }
    for (const x of data.fromIterable(source).shuffle(1, 5).batch(2)) if (x) break;
    expect(events).toEqual(['sync']);
    for await (const x of data.fromIterable(later).batch(2).prefetch(4)) if (x) break;
    expect(events).toEqual(['sync', 'async']);
    expect(await all(data.fromIterable(later).take(2))).toEqual([0, 1]);
    expect(events).toEqual(['sync', 'async', 'async']);
  });

  it('an iterator that is asked for several at once answers in order', async () => {
    const iterator = data.fromTensors(numbers(3)).prefetch(1)[Symbol.asyncIterator]();
    const answers = await Promise.all([iterator.next(), iterator.next(), iterator.next(), iterator.next()]);
    expect(answers.map(({ done, value }) => (done ? 'done' : (value as tf.Tensor).item()))).toEqual([0, 1, 2, 'done']);
  });
});

describe('prefetch', () => {
  it('runs ahead, by so many and no more, and computes what it fetched', async () => {
    let fetched = 0;
    const dataset = data
      .fromTensors(tf.range(0, 20))
      .map((x) => {
        fetched++;
        return tf.mul(x, 2);
      })
      .prefetch(3);
    const iterator = dataset[Symbol.asyncIterator]();
    expect(fetched).toBe(0);
    await iterator.next();
    await vi.waitFor(() => expect(fetched).toBe(4), 5000);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(fetched).toBe(4);
    const second = await iterator.next();
    expect(isKnown(second.value as tf.Tensor)).toBe(true);
    expect((second.value as tf.Tensor).item()).toBe(2);
    await iterator.return?.();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(fetched).toBeLessThanOrEqual(5);
  });

  it('keeps the order and the numbers, and is left alone by a sync loop', async () => {
    const dataset = data.fromTensors(numbers(50)).shuffle(2).batch(7);
    const plain = lists(dataset.epoch(0));
    expect((await all(dataset.prefetch(4).epoch(0))).map((t) => t.arraySync())).toEqual(plain);
    expect(lists(dataset.prefetch().epoch(0))).toEqual(plain);
  });
});

describe('memory', () => {
  it('of a pass is constant', () => {
    function* source(): Generator<{ x: number[]; y: number }> {
      for (let i = 0; i < 20_000; i++) yield { x: [i, i + 1, i + 2, i + 3], y: i };
    }
    let sum = 0;
    let most = 0;
    const before = tf.memory().bytes;
    for (const { x, y } of data.fromIterable(source).shuffle(1, 100).batch(50)) {
      sum += tf.reduceSum(x).item() + tf.reduceSum(y).item();
      most = Math.max(most, tf.memory().bytes - before);
    }
    expect(sum).toBe(20_000 * 6 + 5 * ((20_000 * 19_999) / 2));
    expect(most).toBeLessThan(4e6);
  });
});

describe('datasets refuse', () => {
  const dataset = data.fromTensors(numbers(4));
  it.each<[string, () => unknown, string, string]>([
    [
      'lengths that differ',
      () => data.fromTensors({ a: numbers(3), b: numbers(4) }),
      'ERR_SHAPE',
      'tensors.a has shape [3], tensors.b [4]',
    ],
    ['a scalar', () => data.fromTensors(tf.constant(1)), 'ERR_SHAPE', 'data.fromTensors'],
    ['nothing', () => data.fromTensors({}), 'ERR_VALUE', 'expected tensors'],
    ['text', () => data.fromTensors(['a'] as never), 'ERR_NOT_A_TENSOR', 'tensors[0]'],
    ['a number of records', () => data.fromIterable(3 as never), 'ERR_VALUE', 'an iterable of records'],
    ['text for records', () => data.fromIterable('abc'), 'ERR_VALUE', 'got "abc"'],
    [
      'a function that opens nothing',
      () => [...data.fromIterable((() => 3) as never)],
      'ERR_VALUE',
      'the function returned 3',
    ],
    ['a batch of none', () => dataset.batch(0), 'ERR_OPTION', 'Dataset.batch: size must be a whole number'],
    ['an unknown option', () => dataset.batch(2, { drop: true } as never), 'ERR_OPTION', 'did you mean dropRemainder?'],
    ['a seed that is a fraction', () => dataset.shuffle(0.5), 'ERR_OPTION', 'Dataset.shuffle: seed'],
    [
      'a stream without a buffer',
      () => data.fromIterable(() => [1]).shuffle(1),
      'ERR_OPTION',
      'write shuffle(seed, bufferSize); 1 is the seed',
    ],
    ['map of no function', () => dataset.map(3 as never), 'ERR_VALUE', 'Dataset.map: fn must be a function'],
    ['a negative count', () => dataset.repeat(-1), 'ERR_OPTION', 'Dataset.repeat: count'],
    ['no count', () => (dataset.take as () => unknown)(), 'ERR_OPTION', 'Dataset.take: count'],
    ['nothing prefetched', () => dataset.prefetch(0), 'ERR_OPTION', 'Dataset.prefetch: bufferSize'],
    ['a foreign receiver', () => dataset.batch.call({} as never, 2), 'ERR_RECEIVER', 'write dataset.batch(...)'],
  ])('%s', (_, call, code, text) => {
    const error = gradtapeErrorOf(call);
    expect([error.code, error.message]).toEqual([code, expect.stringContaining(text)]);
  });
});
