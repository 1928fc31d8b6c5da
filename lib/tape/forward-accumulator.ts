/**
 * ForwardAccumulator: TensorFlow's forward mode. Tangents are given up front and computed along with the ops; what computes
 * them is transform/tangents.ts.
 */
import { isA, options, refuseAsync, refuseExtra, thrownBy } from '../base/arguments.js';
import { isFloating } from '../base/dtype.js';
import { DTypeError, GradtapeError, ShapeError, show, TapeError, ValueError, warnOnce } from '../base/errors.js';
import { mapNested, type Nested, zipNested } from '../base/nested.js';
import { sameShape, showShape } from '../base/shape.js';
import { fromValue } from '../engine/constant.js';
import { isTensor, type Tensor, uniformTensor } from '../engine/tensor.js';
import type { Leaf, Mapped, Sources } from '../op/sources.js';
import { isVariable, readVariable, type TensorLike, Variable } from '../op/variable.js';
import { bound, crossedBlock, openBlock, pop, push } from '../record/stack.js';
import type { Opening } from '../record/turn.js';
import { Tangents } from '../transform/tangents.js';
import { checkFunction, crossedError, refuseUnended } from './blocks.js';
import { isLeaf, type UnconnectedGradients, unconnectedKind } from './leaves.js';

/** The options of `jvp` of an accumulator. */
export interface JvpOptions {
  /**
   * What a value without a tangent gets: 'none' null, 'zero' zeros, 'throw' GradtapeError ERR_UNCONNECTED. Default
   * 'none'.
   */
  unconnectedGradients?: UnconnectedGradients;
}

type Connected = JvpOptions & { unconnectedGradients: 'zero' | 'throw' };

const jvpOptions = { unconnectedGradients: unconnectedKind } as const;

/**
 * Computes Jacobian-vector products as the ops run: `jvp(y)` is the derivative of y along the tangents of the primals.
 * Accumulators and tapes nest in any way. What is entered first sees the derivatives that are computed by what is entered
 * within it, and not the other way round.
 */
export class ForwardAccumulator {
  private readonly tangents: Tangents;
  private recording = false;

  /**
   * @param primals tensors and variables, nested in any way, each once
   * @param tangents of the primals, in their structure; each has its primal's shape, and numbers get its dtype
   * @throws ValueError, ShapeError and DTypeError ERR_ACCUMULATOR for tangents that do not fit, and for a primal that comes
   *   twice; GradtapeError ERR_NOT_A_TENSOR
   */
  constructor(primals: Nested<Leaf>, tangents: Nested<TensorLike>);
  constructor(primals: unknown, tangents: unknown);
  constructor(primals: unknown, tangents: unknown) {
    if (arguments.length > 2) refuseExtra('ForwardAccumulator', arguments[2], undefined);
    this.tangents = tangentsGiven('ForwardAccumulator', primals, tangents);
  }

  /**
   * Python's `with accumulator:`: runs fn, computes the tangents of what it computes, and returns its result. Calling it
   * again goes on with the same tangents.
   * @throws TapeError ERR_ACCUMULATOR if the accumulator is recording, ERR_TAPE_ASYNC if fn returns a promise
   */
  record<T>(fn: (accumulator: this) => T): T {
    checkReceiver(this, 'record');
    if (arguments.length > 1) refuseExtra('record', arguments[1], undefined);
    checkFunction('record', fn);
    this.open('record');
    push(this.tangents);
    let result: T;
    try {
      result = fn(this);
    } catch (error) {
      throw thrownBy('record', fn, error);
    } finally {
      this.leave();
    }
    refuseAsync(
      result,
      'record: the function returned a promise; tangents of what it does after its first await are not computed. Use ' +
        'accumulator.recordAsync(fn).',
    );
    return result;
  }

  /**
   * The block form of record: `{ using _ = accumulator.enter(); ... }`. As that of a tape, it must be left before its function
   * awaits or returns to the event loop.
   * @throws TapeError ERR_ACCUMULATOR if the accumulator is recording
   */
  enter(): Disposable {
    checkReceiver(this, 'enter');
    if (arguments.length > 0) refuseExtra('enter', arguments[0], undefined);
    this.open('enter');
    push(this.tangents);
    openBlock(this.tangents, this.enter);
    let left = false;
    return {
      [Symbol.dispose]: (): void => {
        if (left) return;
        left = true;
        const crossed = crossedBlock(this.tangents);
        this.leave();
        // Not thrown twice: where an error of the block is on its way already, this one would hide it.
        if (crossed && !crossed.told) throw crossedError('enter', crossed, 'accumulator');
      },
    };
  }

  /**
   * `record` for async functions: bound to fn's async context, also after its awaits.
   * @throws TapeError ERR_ACCUMULATOR if the accumulator is recording
   */
  async recordAsync<T>(fn: (accumulator: this) => Promise<T>): Promise<T> {
    checkReceiver(this, 'recordAsync');
    if (arguments.length > 1) refuseExtra('recordAsync', arguments[1], undefined);
    checkFunction('recordAsync', fn);
    this.open('recordAsync');
    try {
      return await bound(this.tangents, async () => fn(this));
    } catch (error) {
      throw thrownBy('recordAsync', fn, error);
    } finally {
      this.recording = false;
    }
  }

  /**
   * The tangent of a tensor or variable, or of each in a nest of them, in the same structure: computed already, so this only
   * looks it up, as often as one likes. null for what was not computed from the primals while the accumulator recorded.
   * @throws GradtapeError ERR_NOT_A_TENSOR, ERR_UNCONNECTED; TapeError ERR_TAPE_CROSSED_AWAIT
   */
  jvp<const S extends Nested<Leaf>>(target: S, opts: Connected): Mapped<S, Tensor>;
  jvp<const S extends Nested<Leaf>>(target: S, opts?: JvpOptions): Mapped<S, Tensor | null>;
  jvp<const S>(target: S & NoInfer<Sources<S>>, opts: Connected): Mapped<S, Tensor>;
  jvp<const S>(target: S & NoInfer<Sources<S>>, opts?: JvpOptions): Mapped<S, Tensor | null>;
  jvp(target: unknown, opts?: JvpOptions): unknown {
    checkReceiver(this, 'jvp');
    if (arguments.length > 2) refuseExtra('jvp', arguments[2], undefined);
    const { unconnectedGradients = 'none' } = options('jvp', jvpOptions, opts);
    const crossed = this.crossed();
    if (crossed) throw crossedError('jvp', crossed, 'accumulator');
    refuseUnended('jvp', this.tangents, 'accumulator');
    return mapNested('jvp', target, (leaf, path) => {
      if (!isLeaf(leaf)) {
        throw new GradtapeError(
          'ERR_NOT_A_TENSOR',
          `jvp: a target must be a Tensor or Variable, got ${show(leaf)}${path ? ` at ${path}` : ''}`,
        );
      }
      const tangent = leaf instanceof Variable ? this.tangents.ofVariable(leaf) : this.tangents.of(leaf);
      return tangent ?? withoutTangent(leaf, unconnectedGradients, path);
    });
  }

  private open(op: string): void {
    if (this.recording) {
      const crossed = this.crossed();
      if (crossed) throw crossedError(op, crossed, 'accumulator');
      throw new TapeError(
        'ERR_ACCUMULATOR',
        `${op}: Accumulator is already recording. Leave the block that entered it first.`,
      );
    }
    this.tangents.opening = null;
    this.recording = true;
  }

  private leave(): void {
    this.recording = false;
    pop(this.tangents);
  }

  private crossed(): Opening | null {
    return this.recording ? crossedBlock(this.tangents) : null;
  }
}

/**
 * The recorder that has these tangents. `fn`: the name in errors.
 * @throws what the constructor of ForwardAccumulator does
 */
export function tangentsGiven(fn: string, primals: unknown, tangents: unknown): Tangents {
  const recorder = new Tangents();
  const met = new Set<unknown>();
  const give = (primal: unknown, given: unknown, path: string): void => {
    if (!isLeaf(primal)) {
      throw new GradtapeError(
        'ERR_NOT_A_TENSOR',
        `${fn}: a primal must be a Tensor or Variable, got ${show(primal)}${path ? ` at primals${path}` : ''}`,
      );
    }
    if (met.has(primal)) {
      throw new ValueError(
        `${fn}: Tensor ${path ? `primals${path} ` : ''}was specified as a primal multiple times. This may indicate an error. ` +
          'If it was intended, please sum the corresponding tangents.',
        'ERR_ACCUMULATOR',
      );
    }
    met.add(primal);
    const tangent = tangentFor(fn, primal, given, path);
    if (!isFloating(primal.dtype)) {
      warnOnce(
        'GRADTAPE_PRIMAL_DTYPE',
        `The dtype of the watched primal must be floating (e.g. float32), got ${primal.dtype}`,
      );
    } else if (primal instanceof Variable) recorder.giveVariable(primal, tangent);
    else recorder.give(primal, tangent);
  };
  const unlike = (path: string, _: unknown, got: unknown): Error =>
    new ValueError(
      `${fn}: the tangents must have the structure of the primals; at ${path || 'the top'} got ${show(got)}`,
      'ERR_ACCUMULATOR',
    );
  zipNested(fn, primals, tangents, give, unlike);
  return recorder;
}

/**
 * A tangent as a tensor.
 * @throws ShapeError, DTypeError ERR_ACCUMULATOR if it has not the primal's shape and dtype
 */
function tangentFor(fn: string, primal: Leaf, given: unknown, path: string): Tensor {
  const what = `the tangent${path ? ` tangents${path}` : ''}`;
  const t = isVariable(given)
    ? readVariable(given)
    : isTensor(given)
      ? given
      : fromValue(fn, given, primal.dtype, undefined, undefined, what);
  if (t.dtype !== primal.dtype) {
    throw new DTypeError(
      `${fn}: ${what} has dtype ${t.dtype}, its primal ${primal.dtype}; write cast(t, '${primal.dtype}')`,
      'ERR_ACCUMULATOR',
    );
  }
  if (!sameShape(t.shape, primal.shape)) {
    throw new ShapeError(
      `${fn}: ${what} was expected to be of shape ${showShape(primal.shape)} but is instead of shape ${showShape(t.shape)}`,
      'ERR_ACCUMULATOR',
    );
  }
  return t;
}

function withoutTangent(leaf: Leaf, how: UnconnectedGradients, path: string): Tensor | null {
  if (how === 'none') return null;
  if (how === 'zero') return uniformTensor(0, leaf.dtype, leaf.shape);
  throw new GradtapeError(
    'ERR_UNCONNECTED',
    `jvp: the target of shape ${showShape(leaf.shape)}${path ? ` at ${path}` : ''} was not computed from the primals while the ` +
      'accumulator recorded, or an op in between is not differentiable.',
  );
}

function checkReceiver(accumulator: unknown, method: string): void {
  if (isA(accumulator, ForwardAccumulator)) return;
  throw new ValueError(
    `${method}: must be called on a ForwardAccumulator, as accumulator.${method}(...), got ${show(accumulator)}`,
    'ERR_RECEIVER',
  );
}
