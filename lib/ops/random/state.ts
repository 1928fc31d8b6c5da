/** The shared stream of random numbers: seeding it, and going back to where it was. */
import { argument, integer, isArray, type Kind, listOf, options, refused } from '../../base/arguments.js';
import { ValueError } from '../../base/errors.js';
import { setSharedStream, sharedStream, streamOf } from '../../base/random-stream.js';

/** Starts the shared stream anew: what follows is the same on every run. */
export function setSeed(seed: number): void {
  const taken = argument('random.setSeed', 'seed', integer(0), seed, 'ERR_OPTION');
  setSharedStream(streamOf(taken));
}

/** Where the shared stream is; of plain numbers, for JSON. */
export interface RandomState {
  readonly key: readonly [low: number, high: number];
  /** Numbers drawn so far. */
  readonly offset: number;
}

/** Where the shared stream is: after `setState(getState())` the same numbers come again. */
export function getState(): RandomState {
  const { low, high, offset } = sharedStream();
  return { key: [low, high], offset };
}

// Beyond it the count of numbers drawn would lose units before any stream is used up.
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
 * Goes on where `getState` was.
 * @throws ValueError ERR_OPTION for what getState never gave
 */
export function setState(state: RandomState): void {
  const { key, offset } = options('random.setState', stateParts, state ?? null);
  if (!key || offset === undefined) {
    throw new ValueError('random.setState: expected what getState gave, { key, offset }', 'ERR_OPTION');
  }
  setSharedStream({ low: key[0], high: key[1], offset });
}
