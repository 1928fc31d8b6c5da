/**
 * Cursors: a pass through a dataset, element by element. Steps are written once, as generators, for sources that answer
 * at once and for those that answer by a promise.
 */

import { isPromise } from '../base/arguments.js';

/** What a cursor answers at its end. */
export const end: unique symbol = Symbol('end');
export type Maybe<T> = T | Promise<T>;

/** One pass. `next` is not called again before a promise that it gave has settled. */
export interface Cursor<T> {
  next(): Maybe<T | typeof end>;
  /** Ends the pass early: the source is told, once. */
  close(): Maybe<unknown>;
}

/** Yielded by steps in place of an element: they go on when the promise has settled. */
export class Waiting {
  readonly promise: PromiseLike<unknown>;
  constructor(promise: PromiseLike<unknown>) {
    this.promise = promise;
  }
}
/** A pass as a generator. What it does when it is left stands in its `finally`. */
export type Steps<T> = Generator<T | Waiting, void, unknown>;

/** The value, or what the promise gives, within steps: `yield* settled(value)`. */
export function* settled<T>(value: Maybe<T> | PromiseLike<T>): Generator<Waiting, T, unknown> {
  return isPromise(value) ? ((yield new Waiting(value)) as T) : (value as T);
}

/** The cursor of steps. */
export class StepCursor<T> implements Cursor<T> {
  readonly #steps: Steps<T>;
  #over = false;

  constructor(steps: Steps<T>) {
    this.#steps = steps;
  }

  next(): Maybe<T | typeof end> {
    return this.#over ? end : this.#advance(() => this.#steps.next());
  }

  close(): Maybe<unknown> {
    if (this.#over) return end;
    this.#over = true;
    return this.#advance(() => this.#steps.return());
  }

  #advance(go: () => IteratorResult<T | Waiting, void>): Maybe<T | typeof end> {
    let result: IteratorResult<T | Waiting, void>;
    try {
      result = go();
    } catch (error) {
      this.#over = true;
      throw error;
    }
    if (result.done) {
      this.#over = true;
      return end;
    }
    const { value } = result;
    if (!(value instanceof Waiting)) return value;
    return Promise.resolve(value.promise).then(
      (answer) => this.#advance(() => this.#steps.next(answer)),
      (error) => this.#advance(() => this.#steps.throw(error)),
    );
  }
}
