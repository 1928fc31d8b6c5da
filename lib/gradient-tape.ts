/** GradientTape: TensorFlow's tape, its states and its errors; recording is tape.ts's, differentiating backward.ts's. */
import type { Seed } from './backward.js';
import { backpropagate } from './backward.js';
import { isFloating } from './dtype.js';
import { DTypeError, GradtapeError, ShapeError, show, TapeError, ValueError, warnOnce } from './errors.js';
import { IndexedSlices } from './indexed-slices.js';
import { isPlainObject, mapNested, type Nested } from './nested.js';
import { asTensor } from './op.js';
import { gather } from './ops/indexing.js';
import { accompany } from './pending.js';
import { sameShape, showShape } from './shape.js';
import type { Leaf, Mapped, Sources } from './sources.js';
import { bound, type Cotangent, type Entry, markTurn, pop, push, Recording, takes } from './tape.js';
import { Tensor, uniformTensor } from './tensor.js';
import type { TensorLike } from './variable.js';
import { Variable, variablesOf } from './variable.js';

export interface GradientTapeOptions {
  /** Any number of gradients instead of one set; held until the tape is disposed of. Default false. */
  persistent?: boolean;
  /** Watch trainable variables when they are read. Default true. */
  watchAccessedVariables?: boolean;
}

export type UnconnectedGradients = 'none' | 'zero' | 'throw';

/** What the pass needs of an AbortSignal. */
export interface Signal {
  readonly aborted: boolean;
  readonly reason?: unknown;
  throwIfAborted(): void;
}

export interface GradientOptions {
  /** Cotangents of the targets, of their structure, shapes and dtypes; null for ones. */
  outputGradients?: Nested<TensorLike | null>;
  /** What a source without a path to a target gets: null (default), zeros, or an error. */
  unconnectedGradients?: UnconnectedGradients;
  signal?: Signal;
}

export function isLeaf(value: unknown): value is Leaf {
  return value instanceof Tensor || value instanceof Variable;
}

/** Every source gets a gradient. */
type Connected = GradientOptions & { unconnectedGradients: 'zero' | 'throw' };

declare global {
  // As the compiler's lib esnext.disposable has them, which nobody need have.
  interface SymbolConstructor {
    readonly dispose: unique symbol;
  }
  interface Disposable {
    [Symbol.dispose](): void;
  }
}

const consumedText =
  'A non-persistent GradientTape can only be used to compute one set of gradients (or jacobians). ' +
  'Ask for all gradients in one call (sources may be an array or an object), or create the tape with ' +
  'new GradientTape({ persistent: true }).';

/** Tells that a caller gave no options. */
const plain: GradientOptions = {};

export class GradientTape {
  private readonly persistent: boolean;
  private readonly watches: boolean;
  /** What is recorded: null before the first recording and after the tape is consumed. */
  private tape: Recording | null = null;
  private recording = false;
  private consumed = false;
  /** The variables that it watched before it was consumed. */
  private seen: Recording['variables'] = [];

  constructor(opts: GradientTapeOptions = {}) {
    this.persistent = opts.persistent ?? false;
    this.watches = opts.watchAccessedVariables ?? true;
  }

  /** Python's `with tape:`. Records what fn does and returns its result; calling it again goes on with the same recording. */
  record<T>(fn: (tape: this) => T): T {
    if (typeof fn !== 'function')
      throw new TapeError('ERR_TAPE_RECORD', `record: expected a function, got ${show(fn)}`);
    this.start();
    let result: T;
    try {
      result = fn(this);
    } finally {
      this.stop();
    }
    refuseAsync(
      result,
      'record: the function returned a promise; what it does after its first await is not recorded. Use tape.recordAsync(fn).',
    );
    return result;
  }

  /** The block form of record: `{ using _ = tape.enter(); ... }`. */
  enter(): Disposable {
    this.start();
    if (this.tape) markTurn(this.tape);
    let left = false;
    return {
      [Symbol.dispose]: (): void => {
        if (left) return;
        left = true;
        this.stop();
      },
    };
  }

  /**
   * record for async functions. The tape is bound to fn's own async context: it sees what fn does across its awaits, and nothing of
   * what else runs meanwhile.
   */
  async recordAsync<T>(fn: (tape: this) => Promise<T>): Promise<T> {
    if (typeof fn !== 'function')
      throw new TapeError('ERR_TAPE_RECORD', `recordAsync: expected a function, got ${show(fn)}`);
    const tape = this.open();
    this.recording = true;
    try {
      return await bound(tape, async () => fn(this));
    } finally {
      if (this.tape === tape) this.recording = false;
    }
  }

  private start(): void {
    push(this.open());
    this.recording = true;
  }

  /** The recording to go on with; a new one the first time. */
  private open(): Recording {
    if (this.recording) {
      throw new TapeError(
        'ERR_TAPE_RECORDING',
        'Tape is still recording, This can happen if you try to re-enter an already-active tape. Leave the block that recorded it first.',
      );
    }
    if (!this.tape) {
      this.tape = new Recording(this.persistent, this.watches);
      this.consumed = false;
    }
    return this.tape;
  }

  private stop(): void {
    if (!this.recording || !this.tape) return;
    this.recording = false;
    pop(this.tape);
  }

  /** Makes tensors and variables leaves of this tape, so that gradients with respect to them can be asked for. */
  watch(x: Nested<Leaf>): void;
  watch<const T>(x: T & NoInfer<Sources<T>>): void;
  watch(x: unknown): void {
    const leaves: Leaf[] = isLeaf(x) ? [x] : [];
    if (!isLeaf(x))
      mapNested('watch', x, (value, path) => {
        if (!isLeaf(value)) {
          throw new GradtapeError(
            'ERR_NOT_A_TENSOR',
            `watch: Passed in object ${show(value)}${path ? ` at ${path}` : ''} of type '${typeof value}', not Tensor or Variable`,
          );
        }
        leaves.push(value);
      });
    if (!this.tape || !this.recording) {
      throw new TapeError(
        'ERR_TAPE_NOT_RECORDING',
        'watch: the tape is not recording. Call it inside record: tape.record(() => { tape.watch(x); ... })',
      );
    }
    takes(this.tape); // throws if the block was left open across an await
    for (const leaf of leaves) {
      if (!isFloating(leaf.dtype)) {
        warnOnce(
          'GRADTAPE_WATCH_DTYPE',
          `The dtype of the watched tensor must be floating (e.g. float32), got ${leaf.dtype}`,
        );
      }
      if (leaf instanceof Variable) this.tape.watchVariable(leaf);
      else this.tape.watch(leaf);
    }
  }

  /** The variables that the tape watches, in the order of their construction. */
  watchedVariables(): Variable[] {
    return variablesOf(this.tape ? this.tape.variables : this.seen);
  }

  /** Runs fn while this tape (and no other) pauses. */
  stopRecording<T>(fn: () => T): T {
    if (!this.tape || !this.recording) throw new TapeError('ERR_TAPE_NOT_RECORDING', 'Tape is not recording.');
    const { tape } = this;
    this.recording = false;
    tape.paused = true;
    let result: T;
    try {
      result = fn();
    } finally {
      if (this.tape === tape) {
        this.recording = true;
        tape.paused = false;
      }
    }
    refuseAsync(
      result,
      'stopRecording: the function returned a promise; what it does after its first await would be recorded. ' +
        'Await outside, and pause around what is synchronous.',
    );
    return result;
  }

  /** Forgets everything recorded and watched; goes on recording. */
  reset(): void {
    if (!this.tape || !this.recording) throw new TapeError('ERR_TAPE_NOT_RECORDING', 'Tape is not recording.');
    this.tape.reset();
  }

  /**
   * Gradients of the sum of the targets with respect to the sources, in the structure of the sources.
   * A non-persistent tape is consumed by it.
   */
  gradient<const S extends Nested<Leaf>>(
    target: Nested<Leaf | IndexedSlices>,
    sources: S,
    opts: Connected,
  ): Mapped<S, Tensor>;
  gradient<const S extends Nested<Leaf>>(
    target: Nested<Leaf | IndexedSlices>,
    sources: S,
    opts?: GradientOptions,
  ): Mapped<S, Tensor | null>;
  gradient<const T, const S>(
    target: T & NoInfer<Sources<T>>,
    sources: S & NoInfer<Sources<S>>,
    opts: Connected,
  ): Mapped<S, Tensor>;
  gradient<const T, const S>(
    target: T & NoInfer<Sources<T>>,
    sources: S & NoInfer<Sources<S>>,
    opts?: GradientOptions,
  ): Mapped<S, Tensor | null>;
  gradient(target: unknown, sources: unknown, opts: GradientOptions = plain): unknown {
    const tape = this.ready();
    if (opts === plain && !this.recording && isLeaf(sources) && target instanceof Tensor) {
      const entry = isFloating(target.dtype) ? tape.find(target) : null;
      if (entry)
        return this.gradientOfOne({ entry, ct: uniformTensor(1, target.dtype, target.shape) }, target, sources);
    }
    const unconnected = checkUnconnected(opts.unconnectedGradients);
    if (target === undefined || target === null) {
      throw new GradtapeError(
        'ERR_NOT_A_TENSOR',
        'gradient: Argument `target` should be a list or nested structure of Tensors or Variables to be differentiated, ' +
          `but received ${String(target)}. Return the value from the recorded function.`,
      );
    }
    const targets = flatten('target', target);
    const from = flatten('source', sources);
    const grads = seedsFor(targets, target, opts.outputGradients);
    opts.signal?.throwIfAborted();
    if (this.recording) {
      if (this.persistent) {
        warnOnce(
          'GRADTAPE_GRADIENT_INSIDE',
          'Calling GradientTape.gradient on a persistent tape inside its context is significantly less efficient than calling it ' +
            'outside the context (it causes the gradient ops to be recorded on the tape). Do so only for higher order derivatives.',
        );
      } else {
        this.stop();
      }
    }
    const entries = from.map((source) => entryOf(tape, source));
    const seeds: Seed[] = [];
    const direct = from.map((): Cotangent | null => null);
    targets.forEach((t, k) => {
      const entry = entryOf(tape, t);
      const ct = grads[k] ?? uniformTensor(1, t.dtype, t.shape);
      if (!isFloating(t.dtype)) return;
      if (entry) seeds.push({ entry, ct });
      else {
        // Not on the tape, but perhaps a source itself: its own derivative.
        from.forEach((source, i) => {
          if (source === t) direct[i] = direct[i] ? (direct[i] as Tensor).add(ct) : ct;
        });
      }
    });
    if (from.some((s) => s instanceof Variable)) for (const t of targets) if (t instanceof Tensor) accompany(t);
    let pulled: (Cotangent | null)[];
    try {
      pulled = backpropagate(seeds, entries, !this.persistent, opts.signal);
    } finally {
      if (!this.persistent) this.consume();
    }
    if (isLeaf(sources)) return direct[0] ?? pulled[0] ?? unconnectedValue(sources, unconnected, '');
    let i = 0;
    return mapNested('gradient', sources, (_, path) => {
      const source = from[i] as Leaf;
      const g = direct[i] ?? pulled[i] ?? null;
      i++;
      return g ?? unconnectedValue(source, unconnected, path);
    });
  }

  /** The usual call, without the rest's ceremony. */
  private gradientOfOne(seed: Seed, target: Tensor, source: Leaf): Tensor | null {
    if (source instanceof Variable) accompany(target);
    try {
      const pulled = backpropagate([seed], [entryOf(this.tape as Recording, source)], !this.persistent);
      return pulled[0] as Tensor | null;
    } finally {
      if (!this.persistent) this.consume();
    }
  }

  private ready(): Recording {
    if (this.consumed) throw new TapeError('ERR_TAPE_CONSUMED', consumedText);
    if (!this.tape) {
      throw new TapeError(
        'ERR_TAPE_EMPTY',
        'The tape has not recorded anything. Compute the target inside tape.record(() => ...) first.',
      );
    }
    return this.tape;
  }

  private consume(): void {
    if (!this.tape) return;
    this.seen = this.tape.variables;
    this.stop();
    this.tape.release();
    this.tape = null;
    this.consumed = true;
  }

  /** Lets go of everything the tape holds. */
  [Symbol.dispose](): void {
    this.consume();
  }
}

/** Throws for a promise: whatever becomes of it, this error is what the caller gets to hear. */
function refuseAsync(result: unknown, message: string): void {
  const { then } = (result ?? {}) as { then?: unknown };
  if (typeof then !== 'function') return;
  then.call(result, undefined, () => undefined);
  throw new TapeError('ERR_TAPE_ASYNC', message);
}

function checkUnconnected(value: unknown): UnconnectedGradients {
  if (value === undefined) return 'none';
  if (value === 'none' || value === 'zero' || value === 'throw') return value;
  throw new ValueError(
    `Unknown value for unconnectedGradients: ${show(value)}; expected 'none', 'zero' or 'throw'`,
    'ERR_OPTION',
  );
}

function flatten(what: 'target' | 'source', value: unknown): Leaf[] {
  if (isLeaf(value)) return [value];
  const leaves: Leaf[] = [];
  mapNested('gradient', value, (given, path) => {
    // A sparse gradient that is differentiated again: its elements are those of its values.
    const leaf = what === 'target' && given instanceof IndexedSlices ? given.values : given;
    if (!isLeaf(leaf)) {
      throw new GradtapeError(
        'ERR_NOT_A_TENSOR',
        `gradient: a ${what} must be a Tensor or Variable, got ${show(leaf)}${path ? ` at ${path}` : ''}`,
      );
    }
    leaves.push(leaf);
  });
  return leaves;
}

function entryOf(tape: Recording, leaf: Leaf): Entry | null {
  return leaf instanceof Variable ? tape.leaf(leaf.id) : tape.find(leaf);
}

/** The given cotangents, checked against the targets; null where ones are meant. */
function seedsFor(targets: readonly Leaf[], target: unknown, given: unknown): (Tensor | null)[] {
  if (given === undefined || given === null) return targets.map(() => null);
  const seeds: (Tensor | null)[] = [];
  const walk = (t: unknown, g: unknown, path: string): void => {
    if (isLeaf(t)) {
      seeds.push(g === null || g === undefined ? null : seedFor(t, g as TensorLike, path));
      return;
    }
    if (t instanceof IndexedSlices) {
      // It stands for the dense tensor, and so does its cotangent.
      seeds.push(g === null || g === undefined ? null : gather(seedFor(t, g as TensorLike, path), t.indices));
      return;
    }
    const keys = Array.isArray(t) ? [...t.keys()] : Object.keys(t as object);
    const sameKind = Array.isArray(t) ? Array.isArray(g) && g.length === t.length : isPlainObject(g);
    if (g === null) {
      mapNested('gradient', t, () => seeds.push(null));
      return;
    }
    const sameKeys = (of: object): boolean => Object.keys(of).length === keys.length && keys.every((k) => k in of);
    if (!sameKind || (isPlainObject(t) && !sameKeys(g as object))) {
      throw new ValueError(
        `gradient: outputGradients must have the structure of the target; at ${path || 'the top'} expected ` +
          `${Array.isArray(t) ? `an array of ${t.length}` : `keys ${keys.join(', ')}`}, got ${show(g)}`,
        'ERR_STRUCTURE',
      );
    }
    for (const k of keys) {
      walk(
        (t as Record<string | number, unknown>)[k],
        (g as Record<string | number, unknown>)[k],
        `${path}[${String(k)}]`,
      );
    }
  };
  walk(target, given, '');
  return seeds;
}

function seedFor(t: Leaf | IndexedSlices, value: TensorLike, path: string): Tensor {
  const g = asTensor('gradient: outputGradients', value, t.dtype);
  if (g.dtype !== t.dtype) {
    throw new DTypeError(
      `gradient: outputGradients${path} has dtype ${g.dtype}, its target ${t.dtype}; write cast(g, '${t.dtype}')`,
    );
  }
  if (!sameShape(g.shape, t.shape)) {
    throw new ShapeError(
      `gradient: outputGradients${path} has shape ${showShape(g.shape)}, its target ${showShape(t.shape)}`,
    );
  }
  return g;
}

function unconnectedValue(source: Leaf, how: UnconnectedGradients, path: string): Tensor | null {
  if (how === 'none') return null;
  if (how === 'zero') return uniformTensor(0, source.dtype, source.shape);
  const name =
    source instanceof Variable ? `variable ${source.name}` : `the source of shape ${showShape(source.shape)}`;
  throw new GradtapeError(
    'ERR_UNCONNECTED',
    `gradient: ${name}${path ? ` (sources${path})` : ''} has no differentiable path to the target. ` +
      'Was it watched before the target was computed, and is every op in between differentiable?',
  );
}
