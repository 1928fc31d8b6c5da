/** Records: iterables of a user's own, as sources of datasets. */
import { GradtapeError, show, ValueError } from '../base/errors.js';
import { type Maybe, type Steps, settled } from './cursor.js';

/** What gives records: an iterable, also an asynchronous one, or a function that opens one for each pass. */
export type Records<T> = Iterable<T> | AsyncIterable<T> | (() => Iterable<T> | AsyncIterable<T>);

type AnyIterator = Iterator<unknown> | AsyncIterator<unknown>;

function methodOf(value: unknown, key: symbol): (() => unknown) | null {
  if (value === null || value === undefined || ArrayBuffer.isView(value)) return null;
  try {
    const method = (value as { [key: symbol]: unknown })[key];
    return typeof method === 'function' ? (method as () => unknown) : null;
  } catch {
    return null; // a revoked proxy
  }
}

export function isAsyncIterable(value: unknown): boolean {
  return methodOf(value, Symbol.asyncIterator) !== null;
}

/** Whether it can be iterated. Text and typed arrays cannot: their elements are no records. */
export function isRecords(value: unknown): boolean {
  return typeof value !== 'string' && (isAsyncIterable(value) || methodOf(value, Symbol.iterator) !== null);
}

/** Whether a stream of Node's was read, or an iterable is its own iterator, which one pass uses up. */
function isSpent(value: object, iterator: object, passes: number): boolean {
  const { destroyed, readableEnded } = value as { destroyed?: unknown; readableEnded?: unknown };
  return destroyed === true || readableEnded === true || (passes > 0 && iterator === value);
}

/** A source of records, with the number of passes that were begun. */
export class RecordSource {
  readonly #records: unknown;
  #passes = 0;

  /** @throws ValueError for what cannot be iterated */
  constructor(op: string, records: unknown) {
    if (typeof records !== 'function' && !isRecords(records)) {
      throw new ValueError(
        `${op}: expected an iterable of records, also an asynchronous one, or a function that returns one, got ${show(records)}`,
      );
    }
    this.#records = records;
  }

  /** Whether it is known, before it is opened, that it can only be iterated with `for await`. */
  get isAsync(): boolean {
    return typeof this.#records !== 'function' && isAsyncIterable(this.#records);
  }

  /** How many records there are, if that is known. */
  get count(): number | null {
    return Array.isArray(this.#records) ? this.#records.length : null;
  }

  /** @throws GradtapeError ERR_DATA_CONSUMED for what can be read once, the second time */
  *steps(op: string): Steps<unknown> {
    const records: unknown = typeof this.#records === 'function' ? (this.#records as () => unknown)() : this.#records;
    const opened = yield* settled(records as Maybe<unknown>);
    const open = methodOf(opened, Symbol.asyncIterator) ?? methodOf(opened, Symbol.iterator);
    if (typeof opened === 'string' || !open) {
      throw new ValueError(`${op}: the function returned ${show(opened)}, which is no iterable of records`);
    }
    const iterator = open.call(opened) as AnyIterator;
    if (isSpent(opened as object, iterator, typeof this.#records === 'function' ? 0 : this.#passes++)) {
      throw new GradtapeError(
        'ERR_DATA_CONSUMED',
        `${op}: the records can be read once, and were; pass a function that opens them anew: ${op}(() => ...)`,
      );
    }
    let over = false;
    try {
      for (;;) {
        over = true; // an iterator that throws is not to be told that it was left
        const result = yield* settled(iterator.next() as Maybe<IteratorResult<unknown>>);
        if (result.done) return;
        over = false;
        yield yield* settled(result.value as Maybe<unknown>);
      }
    } finally {
      if (!over && iterator.return) yield* settled(iterator.return() as Maybe<unknown>);
    }
  }
}
