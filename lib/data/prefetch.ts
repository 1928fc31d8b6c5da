/** Prefetching: elements that are fetched and computed before they are asked for. */
import { mapNested } from '../base/nested.js';
import { evaluateTensorsAsync } from '../engine/evaluate.js';
import { isTensor, type Tensor } from '../engine/tensor.js';
import { type Cursor, end } from './cursor.js';

/** The tensors in an element; none if it is of a kind that cannot be looked through. */
function tensorsWithin(element: unknown): Tensor[] {
  const found: Tensor[] = [];
  try {
    mapNested('prefetch', element, (leaf) => {
      if (isTensor(leaf)) found.push(leaf);
    });
  } catch {
    return []; // values of the user's own that contain themselves, or do not let themselves be read
  }
  return found;
}

const nothing = (): void => {};
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/**
 * A cursor that keeps up to `size` further elements ready, in order: fetched one by one between turns of the event loop,
 * and their tensors computed on the library's threads.
 */
export class Prefetcher<T> implements Cursor<T> {
  readonly #up: Cursor<T>;
  readonly #size: number;
  readonly #ready: Promise<T | typeof end>[] = [];
  #last: Promise<unknown> = Promise.resolve();
  #over = false;

  constructor(up: Cursor<T>, size: number) {
    this.#up = up;
    this.#size = size;
  }

  next(): Promise<T | typeof end> {
    const first = this.#ready.shift() ?? this.#fetch(nothing);
    while (this.#ready.length < this.#size && !this.#over) {
      const fetched = this.#fetch(nextTurn);
      fetched.catch(nothing); // whoever asks for this element gets the error
      this.#ready.push(fetched);
    }
    return first;
  }

  #fetch(before: () => Promise<void> | void): Promise<T | typeof end> {
    const fetched = this.#last.then(async () => {
      await before();
      if (this.#over) return end;
      try {
        const item = await this.#up.next();
        if (item === end) this.#over = true;
        else await evaluateTensorsAsync(tensorsWithin(item), nothing);
        return item;
      } catch (error) {
        this.#over = true;
        throw error;
      }
    });
    this.#last = fetched.catch(nothing);
    return fetched;
  }

  async close(): Promise<void> {
    this.#over = true;
    await this.#last;
    await this.#up.close();
  }
}
