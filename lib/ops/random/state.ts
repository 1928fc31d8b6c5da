/** The state of the shared stream of random numbers: seeding it, reading it, and going back to it. */
import { argument, integer, isArray, type Kind, listOf, options, refused } from '../../base/arguments.js';
import { ValueError } from '../../base/errors.js';
import { setSharedStream, sharedStream, streamOf } from '../../base/random-stream.js';

/**
 * Starts the shared stream anew from a seed, a whole number >= 0: what is drawn then is the same in every run.
 * @throws ValueError ERR_OPTION
 */
export function setSeed(seed: number): void {
  const taken = argument('random.setSeed', 'seed', integer(0), seed, 'ERR_OPTION');
  setSharedStream(streamOf(taken));
}

/** The state of the shared stream, in plain numbers that JSON can hold. */
export interface RandomState {
  /** What the seed became. */
  readonly key: readonly [low: number, high: number];
  /** Numbers drawn so far. */
  readonly offset: number;
}

/** The state of the shared stream. `setState` goes back to it: then the same numbers come again. */
export function getState(): RandomState {
  const { low, high, offset } = sharedStream();
  return { key: [low, high], offset };
}

// Beyond about this many, a double can no longer count each number drawn.
const kMostDrawn = 2 ** 52;
const stateParts = {
  key: {
    expected: 'two whole numbers below 2^32',
    read: (value) => {
      const words = isArray(value) ? listOf(value) : null;
      const fits = words?.every(
        (word) => Number.isInteger(word) && (word as number) >= 0 && (word as number) < 2 ** 32,
      );
      return fits && words?.length === 2 ? (words as unknown as RandomState['key']) : refused;
    },
  } as Kind<RandomState['key']>,
  offset: integer(0, kMostDrawn),
} as const;

/**
 * Makes the shared stream go on from a state that `getState` gave.
 * @throws ValueError ERR_OPTION for what is no such state
 */
export function setState(state: RandomState): void {
  const { key, offset } = options('random.setState', stateParts, state ?? null);
  if (!key || offset === undefined) {
    throw new ValueError('random.setState: expected what getState gave, { key, offset }', 'ERR_OPTION');
  }
  setSharedStream({ low: key[0], high: key[1], offset });
}
