/**
 * Flights: what asynchronous calls ask for, and which of them wait. A program that has been written takes ten times the memory of a
 * call that waits for its turn, so only so many are. Runs nothing.
 */
import { dtypeBytes } from '../base/dtype.js';
import { onAbort, type TellingSignal } from '../base/signal.js';
import type { AsyncRun } from './program.js';
import { isKnown, type Tensor } from './tensor.js';

const noTensors: readonly Tensor[] = [];
const underway = new Set<Flight>(); // waiting, or departed and not landed

/** The values that somebody waits for: they are computed soon, or are being computed. */
export function awaited(): Tensor[] {
  return Array.from(underway, ({ roots }) => roots).flat();
}

/** What one call asks of other threads, and its promise. */
export class Flight {
  /** Empty once the call is aborted. */
  roots: readonly Tensor[];
  /** Its program, while that waits for a thread or runs. */
  run: AsyncRun | null = null;
  aborted = false;
  private readonly read: (roots: readonly Tensor[]) => unknown;
  private readonly resolve: (value: unknown) => void;
  private readonly reject: (reason: unknown) => void;
  private forgetSignal: (() => void) | null = null;

  constructor(
    roots: readonly Tensor[],
    read: (roots: readonly Tensor[]) => unknown,
    resolve: (value: unknown) => void,
    reject: (reason: unknown) => void,
  ) {
    this.roots = roots;
    this.read = read;
    this.resolve = resolve;
    this.reject = reject;
    underway.add(this);
  }

  /** Lets the signal abort the flight until it has landed. */
  abortWith(signal: TellingSignal): void {
    const abort = (): void => {
      this.aborted = true;
      underway.delete(this);
      this.roots = noTensors;
      this.run?.withdraw();
      this.reject(signal.reason);
    };
    this.forgetSignal = onAbort(signal, abort);
  }

  /** Resolves by what is read of the roots, which are computed. */
  land(): void {
    this.end();
    if (!this.aborted) this.resolve(this.read(this.roots));
  }

  fail(error: unknown): void {
    this.end();
    this.reject(error);
  }

  private end(): void {
    underway.delete(this);
    this.forgetSignal?.();
  }
}

/**
 * The most programs that may be with the addon at once; beyond, calls wait in the order in which they came. Threads never run dry,
 * and a short call waits behind long ones only where there are very many of these.
 */
const kMostShort = 256;
const kMostLong = 4096;
let short = 0;
let long = 0;

/** Counts a program that the addon has got. Returns what is to be called when it has run. */
export function enter({ isShort }: AsyncRun): () => void {
  if (isShort) short++;
  else long++;
  return () => {
    if (isShort) short--;
    else long--;
  };
}

// The flights that wait are those from `first` on.
let waiting: (Flight | null)[] = [];
let first = 0;

function isFull(): boolean {
  return short >= kMostShort || long >= kMostLong;
}

/** Whether the flight may depart now; otherwise it waits, and `nextFlight` returns it. */
export function mayDepart(flight: Flight): boolean {
  if (first === waiting.length && !isFull()) return true;
  waiting.push(flight);
  return false;
}

/** The flight that has waited longest, if it may depart now. */
export function nextFlight(): Flight | null {
  if (first === waiting.length || isFull()) return null;
  const flight = waiting[first] as Flight;
  waiting[first++] = null;
  if (first === waiting.length || first === 4096) {
    waiting = waiting.slice(first);
    first = 0;
  }
  return flight;
}

/** Bytes of the values that flights which wait have asked for. */
export function bytesAskedFor(): number {
  let bytes = 0;
  for (let k = first; k < waiting.length; k++) {
    for (const t of waiting[k]?.roots ?? noTensors) if (!isKnown(t)) bytes += t.size * dtypeBytes[t.dtype];
  }
  return bytes;
}
