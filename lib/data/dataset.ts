/** Datasets: what can be iterated again and again, and how one is made of another. */
import {
  argument,
  boolean,
  callback,
  integer,
  type Kind,
  options,
  positional,
  refuseBehind,
  refused,
  thrownBy,
} from '../base/arguments.js';
import { GradtapeError, show, ValueError } from '../base/errors.js';
import { showsText } from '../base/inspect.js';
import { type Stream, sharedStream, streamOf } from '../base/random-stream.js';
import { shapeOf } from '../base/shape.js';
import type { NumberArray } from '../engine/constant.js';
import type { Tensor } from '../engine/tensor.js';
import type { Leaf } from '../op/sources.js';
import { draw, permutationOp, uniformOp } from '../primitives/random.js';
import { below } from '../record/stack.js';
import { type Cursor, end, type Maybe, StepCursor, type Steps } from './cursor.js';
import { Prefetcher } from './prefetch.js';
import { RecordSource, type Records } from './records.js';
import { batches, mapped, part, repeated, shuffled } from './steps.js';
import { collated, type Table } from './table.js';

/** Which pass through a dataset this is, and how it is iterated. */
interface Pass {
  readonly epoch: number;
  readonly isAsync: boolean;
}

/** How the elements of a dataset come about. Those of a dataset with a table are the numbers of its rows. */
interface Plan {
  readonly open: (pass: Pass) => Cursor<unknown>;
  /** How many elements there are: null if that is not known. */
  readonly count: number | null;
  /** Whether it is known that only `for await` can iterate it. */
  readonly isAsync: boolean;
  readonly table: Table | null;
  /** Whether it is the source itself, all of it in its own order. */
  readonly isSource: boolean;
}

const cursorOf = <T>(steps: Steps<T>): Cursor<T> => new StepCursor(steps);

// ---- options ----

const size = integer(1, 2 ** 31 - 1);
const anyCount: Kind<number> = {
  expected: 'a whole number >= 0, or Infinity',
  read: (value) =>
    value === Infinity || (Number.isSafeInteger(value) && (value as number) >= 0) ? (value as number) : refused,
};
const shuffleSpec = { seed: integer(0), bufferSize: size, reshuffleEachIteration: boolean } as const;
const batchSpec = { dropRemainder: boolean } as const;

/** Options of `Dataset.shuffle`. */
export interface ShuffleOptions {
  /** The seed of the order. Default: one drawn from the shared random stream, when the dataset is made. */
  seed?: number;
  /**
   * From how many elements that have not come yet the next one is drawn. Default: all, of tensors; a stream of records
   * needs one.
   */
  bufferSize?: number;
  /** Whether each pass has an order of its own. Default true. */
  reshuffleEachIteration?: boolean;
}
/** Options of `Dataset.batch`. */
export interface BatchOptions {
  /** Whether a last batch that is shorter is left out. Default false. */
  dropRemainder?: boolean;
}

/** A nest with a tensor in place of each number, array of numbers, tensor and variable: a slice of tensors, or a batch. */
export type Slices<S> = S extends null
  ? null
  : S extends Leaf | number | boolean | ArrayBufferView | NumberArray
    ? Tensor
    : S extends readonly unknown[]
      ? number extends S['length']
        ? Slices<S[number]>[]
        : { -readonly [K in keyof S]: Slices<S[K]> }
      : S extends object
        ? { -readonly [K in keyof S]: Slices<S[K]> }
        : never;

// ---- the class ----

/**
 * Elements that can be iterated as often as wanted, by `for` or, in any case, by `for await`; they are not kept, so
 * memory is constant. Each method gives a new dataset over this one. Leaving a loop early closes the source; errors of
 * the source and of `map` come out of the loop.
 */
export class Dataset<T> implements Iterable<T>, AsyncIterable<T> {
  readonly #plan: Plan;
  // How many passes were begun.
  #passes = 0;

  /** @internal */
  constructor(plan: Plan) {
    this.#plan = plan;
  }

  static #planOf(self: unknown, method: string): Plan {
    if (typeof self === 'object' && self !== null && #plan in self) return self.#plan;
    throw new GradtapeError(
      'ERR_RECEIVER',
      `Dataset.${method}: it was called on ${show(self)}, not on a dataset; write dataset.${method}(...)`,
    );
  }

  toString(): string {
    const { count } = Dataset.#planOf(this, 'toString');
    return `Dataset(${count === null ? 'as many elements as come' : `${count} element${count === 1 ? '' : 's'}`})`;
  }

  /** How many elements a pass has: Infinity if it does not end, null if that is not known. */
  get cardinality(): number | null {
    return Dataset.#planOf(this, 'cardinality').count;
  }

  /**
   * The elements in random order, another one in each pass, that follows from seed and the number of the pass alone.
   * seed and bufferSize may come by position: `shuffle(7)`, `shuffle(7, 1000)`.
   * @throws ValueError ERR_OPTION, also for a stream of records without bufferSize
   */
  shuffle(seed?: number | ShuffleOptions, bufferSize?: number | ShuffleOptions, opts?: ShuffleOptions): Dataset<T> {
    const op = 'Dataset.shuffle';
    const plan = Dataset.#planOf(this, 'shuffle');
    const read = positional(op, shuffleSpec, ['seed', 'bufferSize'], [seed, bufferSize, opts]);
    if (read.bufferSize === undefined && plan.count === null) {
      const given = read.seed === undefined ? '' : `; ${read.seed} is the seed`;
      throw new ValueError(
        `${op}: how many records will come is not known; write shuffle(seed, bufferSize)${given}`,
        'ERR_OPTION',
      );
    }
    const from = read.seed ?? seedOf(sharedStream());
    const again = read.reshuffleEachIteration ?? true;
    const open = (pass: Pass): Cursor<unknown> => {
      const stream = streamAt(from, again ? pass.epoch : 0);
      const { table, count } = plan;
      if (plan.isSource && table && (read.bufferSize ?? Infinity) >= table.count)
        return cursorOf(permutation(table.count, stream));
      const buffer = Math.min(read.bufferSize ?? Infinity, count ?? Infinity);
      return cursorOf(shuffled(plan.open(pass), buffer, drawing(stream)));
    };
    return new Dataset({ ...plan, open, isSource: false });
  }

  /**
   * Elements in batches: the leaves of `size` elements together, with a new axis 0. Of tensors each batch is one gather
   * (or slice), of records it is made of their numbers, arrays of numbers or tensors.
   * @throws ValueError ERR_OPTION; while it is iterated ValueError ERR_STRUCTURE for records that are not nested alike,
   *   ShapeError
   */
  batch(size_: number, opts?: BatchOptions): Dataset<Slices<T>> {
    const op = 'Dataset.batch';
    const plan = Dataset.#planOf(this, 'batch');
    const length = argument(op, 'size', size, size_, 'ERR_OPTION');
    const { dropRemainder = false } = options(op, batchSpec, opts);
    if (arguments.length > 2) refuseBehind(op, arguments[2]);
    const { table } = plan;
    const together = table
      ? (numbers: unknown[]) => table.rows(numbers as number[])
      : (records: unknown[]) => collated(op, records);
    const open = (pass: Pass): Cursor<unknown> =>
      cursorOf(mapped(cursorOf(batches(plan.open(pass), length, dropRemainder)), together));
    const count = plan.count === null ? null : plan.count / length;
    const whole = count === null ? null : dropRemainder ? Math.floor(count) : Math.ceil(count);
    return new Dataset({ ...plan, open, count: whole, table: null });
  }

  /**
   * What fn makes of each element. If it returns promises, the dataset is to be iterated by `for await`.
   * @throws ValueError for what is no function
   */
  map<R>(fn: (element: T) => R | PromiseLike<R>): Dataset<R> {
    const op = 'Dataset.map';
    const plan = Dataset.#planOf(this, 'map');
    argument(op, 'fn', callback, fn);
    if (arguments.length > 1) refuseBehind(op, arguments[1]);
    const of = (element: unknown): Maybe<unknown> => {
      try {
        return fn(element as T) as Maybe<unknown>;
      } catch (error) {
        throw thrownBy(op, fn, error);
      }
    };
    const open = (pass: Pass): Cursor<unknown> => cursorOf(mapped(elements(plan, pass), of));
    return new Dataset({ ...plan, open, table: null });
  }

  /**
   * `count` passes after each other, without end if it is left out; in each of them what is shuffled has another order.
   * @throws ValueError ERR_OPTION
   */
  repeat(count: number = Infinity): Dataset<T> {
    const op = 'Dataset.repeat';
    const plan = Dataset.#planOf(this, 'repeat');
    argument(op, 'count', anyCount, count, 'ERR_OPTION');
    if (arguments.length > 1) refuseBehind(op, arguments[1]);
    const each = Math.min(count, kEndless);
    const open = ({ epoch, isAsync }: Pass): Cursor<unknown> =>
      cursorOf(repeated((pass) => plan.open({ epoch: epoch * each + pass, isAsync }), count));
    const total = count === 0 || plan.count === 0 ? 0 : plan.count === null ? null : plan.count * count;
    return new Dataset({ ...plan, open, count: total, isSource: false });
  }

  /**
   * The first `count` elements.
   * @throws ValueError ERR_OPTION
   */
  take(count: number): Dataset<T> {
    return this.#part('take', 0, count, arguments);
  }

  /**
   * All elements but the first `count`.
   * @throws ValueError ERR_OPTION
   */
  skip(count: number): Dataset<T> {
    return this.#part('skip', count, Infinity, arguments);
  }

  #part(method: string, first: number, most: number, given: ArrayLike<unknown>): Dataset<T> {
    const op = `Dataset.${method}`;
    const plan = Dataset.#planOf(this, method);
    argument(op, 'count', anyCount, given[0], 'ERR_OPTION');
    if (given.length > 1) refuseBehind(op, given[1]);
    const open = (pass: Pass): Cursor<unknown> => cursorOf(part(plan.open(pass), first, most));
    const count = plan.count === null ? null : Math.min(most, Math.max(0, plan.count - first));
    return new Dataset({ ...plan, open, count: Number.isNaN(count) ? 0 : count, isSource: false });
  }

  /**
   * The same elements, of which up to bufferSize (default 2) are fetched ahead between turns of the event loop and
   * computed on other threads, while `for await` works on those before. In a `for` loop it does nothing.
   * @throws ValueError ERR_OPTION
   */
  prefetch(bufferSize = 2): Dataset<T> {
    const op = 'Dataset.prefetch';
    const plan = Dataset.#planOf(this, 'prefetch');
    argument(op, 'bufferSize', size, bufferSize, 'ERR_OPTION');
    if (arguments.length > 1) refuseBehind(op, arguments[1]);
    const open = (pass: Pass): Cursor<unknown> =>
      pass.isAsync ? new Prefetcher(elements(plan, pass), bufferSize) : elements(plan, pass);
    return new Dataset({ ...plan, open, table: null });
  }

  /**
   * One pass alone, number `epoch` (from 0) of those that follow each other: what is shuffled has the order of that one,
   * so that training can go on where it stopped.
   * @throws ValueError ERR_OPTION
   */
  epoch(epoch: number): Dataset<T> {
    const op = 'Dataset.epoch';
    const plan = Dataset.#planOf(this, 'epoch');
    argument(op, 'epoch', integer(0), epoch, 'ERR_OPTION');
    if (arguments.length > 1) refuseBehind(op, arguments[1]);
    return new Dataset({ ...plan, open: ({ isAsync }) => plan.open({ epoch, isAsync }), isSource: false });
  }

  /** @throws GradtapeError ERR_DATA_ASYNC if the source, or what map returned, is asynchronous */
  [Symbol.iterator](): IterableIterator<T> {
    const plan = Dataset.#planOf(this, 'Symbol.iterator');
    if (plan.isAsync) throw onlyAsync();
    const cursor = elements(plan, { epoch: this.#passes++, isAsync: false });
    const iterator: IterableIterator<T> = {
      next: () => {
        const item = below(null, () => cursor.next());
        if (item instanceof Promise) {
          item.then(() => cursor.close()).catch(() => undefined);
          throw onlyAsync();
        }
        return item === end ? { done: true, value: undefined } : { done: false, value: item as T };
      },
      return: (value?: unknown) => {
        cursor.close();
        return { done: true, value: value as undefined };
      },
      [Symbol.iterator]: () => iterator,
    };
    return iterator;
  }

  /** A pass, whatever the source: `for await (const x of dataset)`. */
  [Symbol.asyncIterator](): AsyncIterableIterator<T> {
    const plan = Dataset.#planOf(this, 'Symbol.asyncIterator');
    const cursor = elements(plan, { epoch: this.#passes++, isAsync: true });
    // One after the other, however many are asked for at once.
    let last: Promise<unknown> = Promise.resolve();
    const inTurn = <R>(fn: () => Maybe<R>): Promise<R> => {
      const result = last.then(fn);
      last = result.catch(() => undefined);
      return result;
    };
    const iterator: AsyncIterableIterator<T> = {
      next: () =>
        inTurn(async () => {
          const item = await below(null, () => cursor.next());
          return item === end ? { done: true, value: undefined } : { done: false, value: item as T };
        }),
      return: (value?: unknown) =>
        inTurn(async () => {
          await cursor.close();
          return { done: true, value: (await value) as undefined };
        }),
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }
}

showsText(Dataset.prototype);

function onlyAsync(): GradtapeError {
  return new GradtapeError(
    'ERR_DATA_ASYNC',
    'Dataset: its source, or a function given to map, is asynchronous; iterate it by `for await (const x of dataset)`',
  );
}

/** The elements of a pass as users get them: rows in place of their numbers. */
function elements({ open, table }: Plan, pass: Pass): Cursor<unknown> {
  return table ? cursorOf(mapped(open(pass), (i) => table.row(i as number))) : open(pass);
}

// ---- order ----

/** How many passes of a dataset that is repeated without end are told from those of the next iteration. */
const kEndless = 2 ** 20;

function seedOf(stream: Stream): number {
  const [low, high] = draw('data', uniformOp, 'float64', shapeOf([2]), stream).dataSync() as Float64Array;
  return Math.floor((low as number) * 2 ** 32) + 2 ** 32 * Math.floor((high as number) * 2 ** 20);
}

/** The random numbers of one pass: from another part of the seed's stream than those of any other. */
function streamAt(seed: number, epoch: number): Stream {
  return { ...streamOf(seed), offset: epoch * 2 ** 32 };
}

/** The numbers of all rows, in random order. */
function* permutation(count: number, stream: Stream): Steps<number> {
  if (count > 0) yield* draw('Dataset.shuffle', permutationOp, 'int32', shapeOf([count]), stream).dataSync();
}

/** Random whole numbers below a bound. */
function drawing(stream: Stream): (bound: number) => number {
  let drawn: ArrayLike<number> = [];
  let used = 0;
  return (bound) => {
    if (used === drawn.length) {
      drawn = draw('Dataset.shuffle', uniformOp, 'float64', shapeOf([1024]), stream).dataSync();
      used = 0;
    }
    return Math.floor((drawn[used++] as number) * bound);
  };
}

// ---- sources ----

/** The dataset of a table's rows. */
export function ofTable<T>(table: Table): Dataset<T> {
  const open = (): Cursor<unknown> => {
    table.prepare();
    return cursorOf(counting(table.count));
  };
  return new Dataset({ open, count: table.count, isAsync: false, table, isSource: true });
}

function* counting(count: number): Steps<number> {
  for (let i = 0; i < count; i++) yield i;
}

/** The dataset of a user's records. */
export function ofRecords<T>(op: string, records: Records<T>): Dataset<T> {
  const source = new RecordSource(op, records);
  const open = (): Cursor<unknown> => cursorOf(source.steps(op));
  return new Dataset({ open, count: source.count, isAsync: source.isAsync, table: null, isSource: true });
}
