/**
 * GradientTape: TensorFlow's tape, its states and its errors. Recording is record/, differentiating
 * transform/backward.ts.
 */
import { options, refuseAsync, refuseExtra, thrownBy } from '../base/arguments.js';
import { isFloating } from '../base/dtype.js';
import { GradtapeError, show, TapeError, ValueError, warnOnce } from '../base/errors.js';
import { mapNested, type Nested } from '../base/nested.js';
import type { Signal } from '../base/signal.js';
import { noteLoss } from '../engine/pending.js';
import { Tensor, uniformTensor } from '../engine/tensor.js';
import { explain, type Inquiry } from '../inspect/index.js';
import type { Leaf, Mapped, Sources } from '../op/sources.js';
import { Variable, variablesOf } from '../op/variable.js';
import { add } from '../primitives/arithmetic.js';
import type { Cotangent, Entry } from '../record/entry.js';
import { Recording } from '../record/recording.js';
import { bound, crossedBlock, openBlock, pause, pop, push, resume } from '../record/stack.js';
import { isTracing } from '../record/trace.js';
import type { TargetEntry } from '../transform/backward.js';
import { backpropagate } from '../transform/backward.js';
import { checkFunction, crossedError, refuseCrossed, refuseUnended } from './blocks.js';
import { checkReceiver, type Inspected, InspectedTape } from './inspected-tape.js';
import {
  type JacobianCall,
  type JacobianOptions,
  matricesOf,
  readBatchJacobian,
  readJacobian,
  zeroMatrix,
} from './jacobian.js';
import {
  collecting,
  entryOf,
  flatten,
  isLeaf,
  leafList,
  targetCotangents,
  type UnconnectedGradients,
  unconnectedError,
} from './leaves.js';
import {
  type Connected,
  type GradientOptions,
  type GradientTapeOptions,
  gradientOptions,
  tapeOptions,
  type Unsaid,
} from './options.js';

export type { GradientOptions, GradientTapeOptions } from './options.js';

type Targets = Nested<Leaf>;
declare global {
  // As in TypeScript's lib esnext.disposable, which users need not have switched on.
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

/** The type of a gradient without a path to a target. */
type Unconnected<U extends UnconnectedGradients> = U extends 'none' ? null : never;

/**
 * A pause by stopRecording. `left`: the block that was recording was left during the pause, so that the tape does not
 * go on after it.
 */
interface Pause {
  left: boolean;
}

/**
 * Records ops on what it watches, and computes gradients with respect to that. The type parameter U says what sources
 * without a path to a target get, where the call of `gradient` does not.
 */
export class GradientTape<U extends UnconnectedGradients = UnconnectedGradients> extends InspectedTape {
  private readonly persistent: boolean;
  private readonly watches: boolean;
  private readonly unconnected: UnconnectedGradients;
  /** The recording; null before the first one and after the tape was consumed. */
  private tape: Recording | null = null;
  private recording = false;
  private pausing: Pause | null = null;
  private consumed: 'gradient' | 'dispose' | null = null;
  /** What is left of the recording after the tape was consumed, while traces are made: names and links. */
  private past: Recording | null = null;
  /** The variables that the tape watched before it was consumed. */
  private watchedBefore: Recording['variables'] = [];

  /** @throws ValueError ERR_OPTION */
  constructor(opts?: GradientTapeOptions & { unconnectedGradients?: U }) {
    super();
    if (arguments.length > 1) refuseExtra('GradientTape', arguments[1], undefined);
    const given = options('GradientTape', tapeOptions, opts);
    this.persistent = given.persistent ?? false;
    this.watches = given.watchAccessedVariables ?? true;
    this.unconnected = given.unconnectedGradients ?? 'none';
  }

  /**
   * Python's `with tape:`: runs fn, records its ops and returns its result. Calling it again goes on with the same
   * recording.
   * @throws TapeError ERR_TAPE_RECORDING if the tape is recording, ERR_TAPE_ASYNC if fn returns a promise
   */
  record<T>(fn: (tape: this) => T): T {
    checkReceiver(this, 'record');
    if (arguments.length > 1) refuseExtra('record', arguments[1], undefined);
    checkFunction('record', fn);
    const tape = this.start('record');
    let result: T;
    try {
      result = fn(this);
    } catch (error) {
      throw thrownBy('record', fn, error);
    } finally {
      this.leave(tape);
    }
    refuseAsync(
      result,
      'record: the function returned a promise; what it does after its first await is not recorded. Use tape.recordAsync(fn).',
    );
    return result;
  }

  /**
   * The block form of record: `{ using _ = tape.enter(); ... }`. It must be left before its function awaits or returns
   * to the event loop: after that the tape records no more, which leaving it, and asking the tape for anything, then
   * says (ERR_TAPE_CROSSED_AWAIT).
   */
  enter(): Disposable {
    checkReceiver(this, 'enter');
    if (arguments.length > 0) refuseExtra('enter', arguments[0], undefined);
    const tape = this.start('enter');
    openBlock(tape, this.enter);
    let left = false;
    return {
      [Symbol.dispose]: (): void => {
        if (left) return;
        left = true;
        const crossed = this.tape === tape && this.recording ? crossedBlock(tape) : null;
        this.leave(tape);
        // Not thrown twice: where an error of the block is on its way already, this one would hide it.
        if (crossed && !crossed.told) throw crossedError('enter', crossed);
      },
    };
  }

  /**
   * `record` for async functions. The tape is bound to fn's async context: it records what fn does, also after its
   * awaits, and nothing that other code does meanwhile.
   * @throws TapeError ERR_TAPE_RECORDING if the tape is recording
   */
  async recordAsync<T>(fn: (tape: this) => Promise<T>): Promise<T> {
    checkReceiver(this, 'recordAsync');
    if (arguments.length > 1) refuseExtra('recordAsync', arguments[1], undefined);
    checkFunction('recordAsync', fn);
    const tape = this.open('recordAsync');
    tape.begins();
    this.recording = true;
    try {
      return await bound(tape, async () => fn(this));
    } catch (error) {
      throw thrownBy('recordAsync', fn, error);
    } finally {
      if (this.tape === tape) this.recording = false;
    }
  }

  /** Begins to record on the stack. */
  private start(op: string): Recording {
    const tape = this.open(op);
    push(tape);
    tape.begins();
    this.recording = true;
    return tape;
  }

  /**
   * The recording to go on with; a new one at first, after the tape was consumed, and after a block that was left open.
   */
  private open(op: string): Recording {
    if (this.recording) {
      if (this.tape) refuseCrossed(op, this.tape);
      if (this.tape?.async) {
        throw new TapeError(
          'ERR_TAPE_RECORDING',
          `${op}: the tape records a function given to recordAsync, which has not ended: await that, or make a tape for each`,
        );
      }
      throw new TapeError(
        'ERR_TAPE_RECORDING',
        `${op}: Tape is still recording, This can happen if you try to re-enter an already-active tape. Leave the block that recorded it first.`,
      );
    }
    if (this.tape?.opening?.crossed) this.consume('dispose');
    if (!this.tape) {
      this.tape = new Recording(this.watches);
      this.past = null;
      this.consumed = null;
    }
    return this.tape;
  }

  /** Ends recording on `tape`, unless it was consumed meanwhile. */
  private leave(tape: Recording): void {
    if (this.tape !== tape) return;
    if (!this.recording && this.pausing) this.pausing.left = true;
    this.recording = false;
    pop(tape);
  }

  /**
   * The recording, if the tape is recording now.
   * @throws TapeError
   */
  private current(op: string): Recording {
    const { tape } = this;
    if (tape) refuseCrossed(op, tape);
    if (tape && this.recording) return tape;
    throw new TapeError(
      'ERR_TAPE_NOT_RECORDING',
      op === 'watch'
        ? 'watch: the tape is not recording. Call it inside record: tape.record(() => { tape.watch(x); ... })'
        : `${op}: Tape is not recording. Call it inside record: tape.record(() => { tape.${op}(...); ... })`,
    );
  }

  /**
   * Makes tensors and variables leaves of this tape: gradients with respect to them can be asked for. Takes one, or a
   * nest of them.
   * @throws TapeError ERR_TAPE_NOT_RECORDING; GradtapeError ERR_NOT_A_TENSOR
   */
  watch(x: Nested<Leaf>): void;
  watch<const T>(x: T & NoInfer<Sources<T>>): void;
  watch(x: unknown): void {
    checkReceiver(this, 'watch');
    if (arguments.length > 1) {
      throw new ValueError(
        `watch: takes one argument, got ${arguments.length}; write watch([x, ...]) for several`,
        'ERR_OPTION',
      );
    }
    const leaves: Leaf[] = isLeaf(x) ? [x] : [];
    if (!isLeaf(x))
      mapNested('watch', x, (value, path) => {
        if (!isLeaf(value)) {
          throw new GradtapeError(
            'ERR_NOT_A_TENSOR',
            `watch: Passed in object ${show(value)}${path ? ` at ${path}` : ''} of type '${typeof value}', not Tensor or Variable` +
              collecting(value),
          );
        }
        leaves.push(value);
      });
    const tape = this.current('watch');
    for (const leaf of leaves) {
      if (!isFloating(leaf.dtype)) {
        warnOnce(
          'GRADTAPE_WATCH_DTYPE',
          `The dtype of the watched tensor must be floating (e.g. float32), got ${leaf.dtype}`,
        );
      }
      if (leaf instanceof Variable) tape.watchVariable(leaf);
      else tape.watch(leaf);
    }
  }

  /** The variables that the tape watches, in the order in which they were made. */
  watchedVariables(): Variable[] {
    checkReceiver(this, 'watchedVariables');
    if (arguments.length > 0) refuseExtra('watchedVariables', arguments[0], undefined);
    return variablesOf(this.tape ? this.tape.variables : this.watchedBefore);
  }

  /**
   * Runs fn while this tape, and no other, does not record. Returns its result.
   * @throws TapeError ERR_TAPE_NOT_RECORDING, ERR_TAPE_ASYNC if fn returns a promise
   */
  stopRecording<T>(fn: () => T): T {
    checkReceiver(this, 'stopRecording');
    if (arguments.length > 1) refuseExtra('stopRecording', arguments[1], undefined);
    checkFunction('stopRecording', fn);
    const tape = this.current('stopRecording');
    const outer = this.pausing;
    const pausing: Pause = { left: false };
    this.pausing = pausing;
    this.recording = false;
    const opening = pause(tape);
    tape.ends();
    let result: T;
    try {
      result = fn();
    } catch (error) {
      throw thrownBy('stopRecording', fn, error);
    } finally {
      this.pausing = outer;
      if (this.tape === tape && !this.recording && !pausing.left) {
        resume(tape, opening);
        tape.begins();
        this.recording = true;
      }
    }
    refuseAsync(
      result,
      'stopRecording: the function returned a promise; what it does after its first await would be recorded. ' +
        'Await outside, and pause around what is synchronous.',
    );
    return result;
  }

  /**
   * Forgets everything recorded and watched, and goes on recording.
   * @throws TapeError ERR_TAPE_NOT_RECORDING
   */
  reset(): void {
    checkReceiver(this, 'reset');
    if (arguments.length > 0) refuseExtra('reset', arguments[0], undefined);
    this.current('reset').reset();
  }

  /**
   * The gradients of the sum of all targets with respect to the sources, in the structure of the sources. Each has its
   * source's shape and dtype; that of rows that were gathered is an IndexedSlices. Consumes the tape, unless it is
   * persistent.
   * @throws TapeError ERR_TAPE_CONSUMED, ERR_TAPE_EMPTY; GradtapeError ERR_NOT_A_TENSOR, ERR_UNCONNECTED; ShapeError,
   *   DTypeError and ERR_STRUCTURE for outputGradients that do not fit the target
   */
  gradient<const S extends Nested<Leaf>>(target: Targets, sources: S, opts: Connected): Mapped<S, Tensor>;
  gradient<const S extends Nested<Leaf>>(
    target: Targets,
    sources: S,
    opts?: Unsaid,
  ): Mapped<S, Tensor | Unconnected<U>>;
  gradient<const S extends Nested<Leaf>>(target: Targets, sources: S, opts?: GradientOptions): Mapped<S, Tensor | null>;
  gradient<const T, const S>(
    target: T & NoInfer<Sources<T>>,
    sources: S & NoInfer<Sources<S>>,
    opts: Connected,
  ): Mapped<S, Tensor>;
  gradient<const T, const S>(
    target: T & NoInfer<Sources<T>>,
    sources: S & NoInfer<Sources<S>>,
    opts?: Unsaid,
  ): Mapped<S, Tensor | Unconnected<U>>;
  gradient<const T, const S>(
    target: T & NoInfer<Sources<T>>,
    sources: S & NoInfer<Sources<S>>,
    opts?: GradientOptions,
  ): Mapped<S, Tensor | null>;
  gradient(target: unknown, sources: unknown, opts?: GradientOptions): unknown {
    checkReceiver(this, 'gradient');
    const tape = this.recorded();
    if (
      arguments.length === 2 &&
      !this.recording &&
      this.unconnected !== 'throw' &&
      isLeaf(sources) &&
      isLeaf(target) &&
      target instanceof Tensor
    ) {
      const entry = isFloating(target.dtype) ? tape.find(target) : null;
      if (entry)
        return this.gradientOfOne({ entry, ct: uniformTensor(1, target.dtype, target.shape) }, target, sources);
    }
    if (arguments.length > 3) refuseExtra('gradient', arguments[3], undefined);
    const given = options('gradient', gradientOptions, opts);
    const unconnected = given.unconnectedGradients ?? this.unconnected;
    if (target === undefined || target === null) {
      throw new GradtapeError(
        'ERR_NOT_A_TENSOR',
        'gradient: Argument `target` should be a list or nested structure of Tensors or Variables to be differentiated, ' +
          `but received ${String(target)}. Return the value from the recorded function.`,
      );
    }
    const targets = flatten('gradient', 'target', target);
    const list = leafList(sources);
    const from = list ?? flatten('gradient', 'source', sources);
    const grads = targetCotangents('gradient: outputGradients', targets, target, given.outputGradients);
    given.signal?.throwIfAborted();
    this.stopFor(tape);
    const entries = from.map((source) => entryOf(tape, source));
    const targetEntries: TargetEntry[] = [];
    const direct = from.map((): Cotangent | null => null);
    targets.forEach((t, k) => {
      const entry = entryOf(tape, t);
      const ct = grads[k] ?? uniformTensor(1, t.dtype, t.shape);
      if (!isFloating(t.dtype)) return;
      if (entry) targetEntries.push({ entry, ct });
      else {
        // A target that is not on the tape may be a source itself: its derivative with respect to itself is the
        // cotangent.
        from.forEach((source, i) => {
          if (source === t) direct[i] = direct[i] ? add(direct[i] as Tensor, ct) : ct;
        });
      }
    });
    if (from.some((s) => s instanceof Variable)) for (const t of targets) if (t instanceof Tensor) noteLoss(t);
    const explains = unconnected === 'throw';
    const without = (source: Leaf, path: string): Tensor | null => {
      if (explains) throw unconnectedError('gradient', source, path, explain(this.inquiry(tape), targets, source));
      return unconnected === 'zero' ? uniformTensor(0, source.dtype, source.shape) : null;
    };
    try {
      const pulled = this.pull(tape, targetEntries, entries, given.signal, explains);
      if (isLeaf(sources)) return direct[0] ?? pulled[0] ?? without(sources, '');
      if (list) return list.map((source, i) => direct[i] ?? pulled[i] ?? without(source, `[${i}]`));
      let i = 0;
      return mapNested('gradient', sources, (_, path) => {
        const source = from[i] as Leaf;
        const g = direct[i] ?? pulled[i] ?? null;
        i++;
        return g ?? without(source, path);
      });
    } finally {
      if (explains && !this.persistent) tape.release();
    }
  }

  /**
   * The Jacobian of one target with respect to each source: of the shape of the target and then of the source, in the
   * structure of the sources; dense, also of gathers. Consumes the tape, unless it is persistent; either will do.
   * @throws TapeError ERR_TAPE_CONSUMED, ERR_TAPE_EMPTY; GradtapeError ERR_NOT_A_TENSOR, ERR_UNCONNECTED
   */
  jacobian<const S extends Nested<Leaf>>(
    target: Leaf,
    sources: S,
    opts: JacobianOptions & Connected,
  ): Mapped<S, Tensor>;
  jacobian<const S extends Nested<Leaf>>(
    target: Leaf,
    sources: S,
    opts?: JacobianOptions & Unsaid,
  ): Mapped<S, Tensor | Unconnected<U>>;
  jacobian<const S extends Nested<Leaf>>(target: Leaf, sources: S, opts?: JacobianOptions): Mapped<S, Tensor | null>;
  jacobian<const S>(
    target: Leaf,
    sources: S & NoInfer<Sources<S>>,
    opts: JacobianOptions & Connected,
  ): Mapped<S, Tensor>;
  jacobian<const S>(
    target: Leaf,
    sources: S & NoInfer<Sources<S>>,
    opts?: JacobianOptions & Unsaid,
  ): Mapped<S, Tensor | Unconnected<U>>;
  jacobian<const S>(target: Leaf, sources: S & NoInfer<Sources<S>>, opts?: JacobianOptions): Mapped<S, Tensor | null>;
  jacobian(target: unknown, sources: unknown, opts?: JacobianOptions): unknown {
    checkReceiver(this, 'jacobian');
    const tape = this.recorded('jacobian');
    if (arguments.length > 3) refuseExtra('jacobian', arguments[3], undefined);
    const call = readJacobian('jacobian', target, opts);
    const leaves = flatten('jacobian', 'source', sources);
    const unconnected = call.unconnectedGradients ?? this.unconnected;
    const explains = unconnected === 'throw';
    const found = this.matrices(tape, call, leaves, explains);
    let i = 0;
    try {
      return mapNested('jacobian', sources, (_, path) => {
        const source = leaves[i] as Leaf;
        const matrix = found[i++];
        if (matrix) return matrix;
        if (explains)
          throw unconnectedError('jacobian', source, path, explain(this.inquiry(tape), [call.target], source));
        return unconnected === 'zero' ? zeroMatrix(call, source) : null;
      });
    } finally {
      if (explains && !this.persistent) tape.release();
    }
  }

  /**
   * The Jacobian of each example by itself, of a target [batch, ...y] and a source [batch, ...x]: [batch, ...y, ...x]. That an
   * example's target depends on its own source only is not checked. Zeros of the target's dtype where no path leads to the target,
   * unless `unconnectedGradients` is 'throw'.
   * Consumes the tape, unless it is persistent; either will do.
   * @throws ShapeError for a rank below 2, and batches that differ; what `jacobian` throws
   */
  batchJacobian(target: Leaf, source: Leaf, opts?: JacobianOptions): Tensor {
    checkReceiver(this, 'batchJacobian');
    const tape = this.recorded('batchJacobian');
    if (arguments.length > 3) refuseExtra('batchJacobian', arguments[3], undefined);
    const call = readBatchJacobian(target, source, opts);
    const explains = (call.unconnectedGradients ?? this.unconnected) === 'throw';
    const [matrix] = this.matrices(tape, call, [source], explains);
    try {
      if (matrix) return matrix;
      if (explains) {
        const why = explain(this.inquiry(tape), [call.target], source);
        throw unconnectedError('batchJacobian', source, '', why);
      }
      return zeroMatrix(call, source, call.target.dtype);
    } finally {
      if (explains && !this.persistent) tape.release();
    }
  }

  /** The Jacobians of a target with respect to sources. `keeps`: as of `pull`. */
  private matrices(
    tape: Recording,
    call: JacobianCall,
    sources: readonly Leaf[],
    keeps = false,
  ): readonly (Tensor | null)[] {
    this.stopFor(tape);
    const entry = entryOf(tape, call.target);
    const entries = sources.map((source) => entryOf(tape, source));
    if (sources.some((s) => s instanceof Variable) && call.target instanceof Tensor) noteLoss(call.target);
    tape.beginPass();
    if (!this.persistent) this.consume('gradient', keeps);
    try {
      return matricesOf(call, entry, sources, entries);
    } finally {
      tape.endPass();
    }
  }

  /** Ends the recording of a tape that is asked while it records, if that consumes it. */
  private stopFor(tape: Recording): void {
    if (!this.recording) return;
    if (this.persistent) {
      warnOnce(
        'GRADTAPE_GRADIENT_INSIDE',
        'Calling GradientTape.gradient on a persistent tape inside its context is significantly less efficient than calling it ' +
          'outside the context (it causes the gradient ops to be recorded on the tape). Do so only for higher order derivatives.',
      );
    } else {
      this.leave(tape);
    }
  }

  /** The gradient of one target with respect to one source, without options: a shorter way for the usual call. */
  private gradientOfOne(targetEntry: TargetEntry, target: Tensor, source: Leaf): Tensor | null {
    if (source instanceof Variable) noteLoss(target);
    const tape = this.tape as Recording;
    const pulled = this.pull(tape, [targetEntry], [entryOf(tape, source)]);
    if (pulled[0]) return pulled[0];
    return this.unconnected === 'zero' ? uniformTensor(0, source.dtype, source.shape) : null;
  }

  /**
   * One pass of backpropagation. A tape that is not persistent is consumed before it, so that a rule that asks the same
   * tape gets an error. `keeps`: its entries stay, to explain what has no gradient; the caller releases them.
   */
  private pull(
    tape: Recording,
    targets: readonly TargetEntry[],
    sources: readonly (Entry | null)[],
    signal?: Signal,
    keeps = false,
  ): (Cotangent | null)[] {
    tape.beginPass();
    if (!this.persistent) this.consume('gradient', keeps);
    try {
      return backpropagate(
        targets,
        sources,
        !this.persistent,
        signal,
        keeps || isTracing() ? tape.nullNoter() : undefined,
      );
    } finally {
      tape.endPass();
    }
  }

  /** @internal */
  protected override inspected(method: string, values = false): Inspected {
    const { past, watches } = this;
    if (past && !values) return { tape: past, live: false, measurable: false, watchesVariables: watches };
    if (method === 'explain' && this.consumed !== null && !this.tape) return { consumedBy: this.consumed };
    return { tape: this.recorded(method), live: true, measurable: true, watchesVariables: watches };
  }

  /** What explains why a call of this tape, which keeps its entries meanwhile, gives no gradient. */
  private inquiry(tape: Recording): Inquiry {
    return { tape, live: true, measurable: false, watchesVariables: this.watches };
  }

  /**
   * The recording, for `gradient` and its kin.
   * @throws TapeError if there is none
   */
  private recorded(op = 'gradient'): Recording {
    const { tape } = this;
    if (tape) {
      if (tape.opening !== null) refuseCrossed(op, tape);
      if (tape.async) refuseUnended(op, tape, 'tape');
      return tape;
    }
    if (this.consumed === 'gradient') throw new TapeError('ERR_TAPE_CONSUMED', `${op}: ${consumedText}`);
    if (this.consumed === 'dispose') {
      throw new TapeError('ERR_TAPE_CONSUMED', `${op}: the tape was disposed of, and holds nothing any more.`);
    }
    throw new TapeError(
      'ERR_TAPE_EMPTY',
      `${op}: The tape has not recorded anything. Compute the target inside tape.record(() => ...) first.`,
    );
  }

  private consume(by: 'gradient' | 'dispose', keeps = false): void {
    const { tape } = this;
    if (!tape) return;
    this.watchedBefore = tape.variables;
    this.recording = false;
    pop(tape);
    if (!keeps) tape.release();
    this.past = isTracing() ? tape : null;
    this.tape = null;
    this.consumed = by;
  }

  /** Lets go of everything that the tape keeps. Ends recording, also of a block that was left open. */
  [Symbol.dispose](): void {
    checkReceiver(this, 'dispose');
    this.consume('dispose');
    this.past = null;
    this.watchedBefore = [];
  }
}
