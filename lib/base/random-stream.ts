/** The shared stream of random numbers: where it is, and drawing again what was drawn. Knows no tensor. */
import { randomBytes } from 'node:crypto';

/** A place in a stream: the seed's two words, and how many numbers were drawn so far. */
export interface Stream {
  low: number;
  high: number;
  offset: number;
}

const entropy = randomBytes(8);
let current: Stream = { low: entropy.readUInt32LE(0), high: entropy.readUInt32LE(4), offset: 0 };

export function sharedStream(): Stream {
  return current;
}

export function setSharedStream(stream: Stream): void {
  current = stream;
}

/** Runs fn with the shared stream at another place; afterwards the stream goes on as if fn had drawn nothing. */
export function withStreamAt<T>(position: Readonly<Stream>, fn: () => T): T {
  const present = current;
  current = { ...position };
  try {
    return fn();
  } finally {
    current = present;
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
