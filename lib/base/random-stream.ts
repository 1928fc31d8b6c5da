/** The shared stream of random numbers: where it is, and drawing again what was drawn. Knows no tensor. */

/** A place in a stream: the seed's two words, and how many numbers were drawn so far. */
export interface Stream {
  low: number;
  high: number;
  offset: number;
}

let shared: Stream | undefined;

// Not at load: the first random bytes cost a process 4 ms.
function unseeded(): Stream {
  const [low, high] = crypto.getRandomValues(new Uint32Array(2)) as unknown as [number, number];
  return { low, high, offset: 0 };
}

export function sharedStream(): Stream {
  shared ??= unseeded();
  return shared;
}

export function setSharedStream(stream: Stream): void {
  shared = stream;
}

/** Runs fn with the shared stream at another place; afterwards the stream goes on as if fn had drawn nothing. */
export function withStreamAt<T>(place: Readonly<Stream>, fn: () => T): T {
  const present = shared;
  shared = { ...place };
  try {
    return fn();
  } finally {
    shared = present;
  }
}

/** The stream of a seed, from its beginning. */
export function streamOf(seed: number): Stream {
  return { low: seed % 2 ** 32, high: Math.floor(seed / 2 ** 32), offset: 0 };
}

/** The stream to draw from: the shared one, or the seed's own. */
export function streamFor(seed: number | undefined): Stream {
  return seed === undefined ? sharedStream() : streamOf(seed);
}
