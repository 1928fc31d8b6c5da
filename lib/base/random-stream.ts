/**
 * Streams of random numbers: a seed and how far it is used; and the shared stream, from which calls without a seed
 * draw. Knows no tensor.
 */

/** A stream: the low and high 32 bits of its seed, and how many numbers were drawn so far. Drawing moves `offset`. */
export interface Stream {
  low: number;
  high: number;
  offset: number;
}

let current: Stream | undefined;

// Not at load: the first random bytes cost a process 4 ms.
function unseeded(): Stream {
  const [low, high] = crypto.getRandomValues(new Uint32Array(2)) as unknown as [number, number];
  return { low, high, offset: 0 };
}

/** The stream from which calls without a seed draw. It starts from a random seed in each process. */
export function sharedStream(): Stream {
  current ??= unseeded();
  return current;
}

export function setSharedStream(stream: Stream): void {
  current = stream;
}

/**
 * Runs fn with the shared stream at another position; afterwards the shared stream goes on as if fn had drawn nothing.
 */
export function withStreamAt<T>(position: Readonly<Stream>, fn: () => T): T {
  const present = current;
  current = { ...position };
  try {
    return fn();
  } finally {
    current = present;
  }
}

/** A new stream of this seed, at its beginning. */
export function streamOf(seed: number): Stream {
  return { low: seed % 2 ** 32, high: Math.floor(seed / 2 ** 32), offset: 0 };
}

/** The stream that a call draws from: of its seed, or else the shared one. */
export function streamFor(seed: number | undefined): Stream {
  return seed === undefined ? sharedStream() : streamOf(seed);
}
