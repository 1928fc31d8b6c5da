/** The steps between a source and whoever iterates: each takes a cursor and closes it when it is left. */
import { isPromise } from '../base/arguments.js';
import { type Cursor, end, type Maybe, type Steps, settled, Waiting } from './cursor.js';

/** Lists of `size` elements, the last one shorter, or dropped. */
export function* batches<T>(up: Cursor<T>, size: number, dropRemainder: boolean): Steps<T[]> {
  try {
    for (;;) {
      const items: T[] = [];
      while (items.length < size) {
        // As `settled`, without a generator for each element.
        const answer = up.next();
        const item = isPromise(answer) ? ((yield new Waiting(answer)) as T | typeof end) : answer;
        if (item === end) break;
        items.push(item);
      }
      if (items.length === size || (items.length > 0 && !dropRemainder)) yield items;
      if (items.length < size) return;
    }
  } finally {
    yield* settled(up.close());
  }
}

/** What fn makes of each element, or promises to. */
export function* mapped<T, R>(up: Cursor<T>, fn: (item: T) => R | PromiseLike<R>): Steps<R> {
  try {
    for (;;) {
      const item = yield* settled(up.next());
      if (item === end) return;
      yield yield* settled(fn(item) as Maybe<R>);
    }
  } finally {
    yield* settled(up.close());
  }
}

/** The elements from number `first` on, as many as `count` at most. */
export function* part<T>(up: Cursor<T>, first: number, count: number): Steps<T> {
  try {
    for (let i = 0; i < first + count; i++) {
      const item = yield* settled(up.next());
      if (item === end) return;
      if (i >= first) yield item;
    }
  } finally {
    yield* settled(up.close());
  }
}

/**
 * The elements in random order: each is drawn from the next `size` that have not come yet. `random(n)` is a whole number
 * from 0 to n - 1.
 */
export function* shuffled<T>(up: Cursor<T>, size: number, random: (below: number) => number): Steps<T> {
  const buffer: T[] = [];
  let open = true;
  try {
    for (;;) {
      while (open && buffer.length < size) {
        const item = yield* settled(up.next());
        if (item === end) open = false;
        else buffer.push(item);
      }
      if (buffer.length === 0) return;
      const k = random(buffer.length);
      const item = buffer[k] as T;
      const last = buffer.pop() as T;
      if (k < buffer.length) buffer[k] = last;
      yield item;
    }
  } finally {
    yield* settled(up.close());
  }
}

/** Pass after pass, `count` of them; ends early after one that had no element. */
export function* repeated<T>(open: (pass: number) => Cursor<T>, count: number): Steps<T> {
  for (let pass = 0; pass < count; pass++) {
    const up = open(pass);
    let some = false;
    try {
      for (;;) {
        const item = yield* settled(up.next());
        if (item === end) break;
        some = true;
        yield item;
      }
    } finally {
      yield* settled(up.close());
    }
    if (!some) return;
  }
}
