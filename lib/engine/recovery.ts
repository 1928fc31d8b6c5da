/**
 * Recovery from a failed program: what is computed all the same, which assigned values are lost, and who gets the
 * error. Runs nothing.
 */
import { GradtapeError, ValueError } from '../base/errors.js';
import { opcodeOf } from './addon.js';
import { type Job, noTensors } from './job.js';
import { assignedTo, drainReverted, fail, tell, told, toldOfValue, type Wish } from './pending.js';
import type { RunFailure } from './program.js';
import { isKnown, type Tensor } from './tensor.js';
import { opcodeIn, viewed } from './view.js';

const kGather = opcodeOf('gather');
const kScatterAdd = opcodeOf('scatterAdd');
const kScatterInto = opcodeOf('scatterInto');

/** What one program is to compute: roots, which somebody looks at, and wishes, which were assigned. */
export interface Attempt {
  readonly roots: readonly Tensor[];
  readonly wishes: readonly Wish[];
}

/**
 * Why a program computed nothing: `run` and the culprit (the tensor whose op failed), or an `error` without a known
 * culprit.
 */
export interface Failure {
  readonly run: RunFailure | null;
  readonly error: unknown;
  readonly culprit: Tensor | null;
  /** The pending tensors of the program, operands first. */
  readonly computed: readonly Tensor[];
}

/** The failure of an error that names no tensor: no memory, a program that cannot be planned. */
export function unknownFailure(error: unknown): Failure {
  return { run: null, error, culprit: null, computed: noTensors };
}

/** The failure of a job. `indices`: the index of each of `job.computed` in its program. */
export function failureOf(run: RunFailure, job: Job, indices: readonly number[]): Failure {
  const at = run.status === 'memory' ? -1 : indices.indexOf(run.value);
  return { run, error: null, culprit: job.computed[at] ?? null, computed: job.computed };
}

/**
 * After a failure: assigned values that depend on the culprit have failed; everything else is computed; and if
 * something that was looked at depends on the culprit, the error is thrown at the end. A generator, so that it serves
 * both threads: it yields what to compute next, and the caller passes in the failure of that, or null.
 */
export function* recover(
  first: Failure,
  looked: readonly Tensor[],
  all: readonly Wish[],
): Generator<Attempt, void, Failure | null> {
  let failure: Failure | null = first;
  let roots = looked;
  let wishes = all;
  let answer: Told | null = null;
  drainReverted();
  while (failure) {
    const { culprit } = failure;
    const isBad = dependsOnCulprit(failure);
    const failed = wishes.filter(({ value }) => isBad(value));
    const failing = roots.filter(isBad);
    if (!culprit || failed.length + failing.length === 0) {
      yield* oneByOne(failure, roots, wishes);
      break;
    }
    const blame = blameOf(culprit);
    for (const wish of failed) fail(wish, blame);
    if (failing.length > 0) {
      answer = toldFor(failure, failing, isBad);
      tell(blame);
      roots = noTensors;
    }
    wishes = wishes.filter((wish) => !failed.includes(wish));
    failure = yield { roots, wishes };
  }
  if (answer) throw withReverted(answer);
}

/**
 * The error, its message extended by the variables that lost an assignment for the same reason and that it does not
 * name yet.
 */
function withReverted({ error, names }: Told): unknown {
  const others = drainReverted().filter((name) => !names.has(name));
  if (!(error instanceof GradtapeError)) return error;
  if (others.length > 0) {
    const was = error.message;
    error.message += `; ${others.slice(0, 8).join(', ')}${others.length > 8 ? ', ...' : ''} had been assigned what depends on it, and keep their last values`;
    if (error.stack) error.stack = error.stack.replace(was, () => error.message);
  }
  return error;
}

/**
 * The tensor to blame: of gather and the scatters their indices, since the op of the gradient and that of the update fail by
 * the same; else the culprit itself.
 */
function blameOf(culprit: Tensor): Tensor {
  const opcode = opcodeIn(culprit);
  if (opcode === kScatterInto) return viewed((culprit.more as readonly Tensor[])[2] as Tensor);
  return culprit.y && (opcode === kGather || opcode === kScatterAdd) ? viewed(culprit.y) : culprit;
}

/** Where the culprit is not known: computes each value by a program of its own; first the roots, all in one. */
function* oneByOne(
  failure: Failure,
  roots: readonly Tensor[],
  wishes: readonly Wish[],
): Generator<Attempt, void, Failure | null> {
  let fault: Failure | null = wishes.length > 0 ? null : failure;
  if (roots.length > 0 && !fault) fault = yield { roots, wishes: [] };
  const reached = fault ? pendingBelow(roots) : null;
  for (const wish of wishes) {
    if (reached && !reached.has(wish.value)) continue; // the roots do not depend on it: it goes on waiting
    const own: Failure | null = yield { roots: noTensors, wishes: [wish] };
    if (!own) continue;
    fail(wish, own.culprit ? blameOf(own.culprit) : null);
    if (reached) told(wish);
  }
  if (!fault) return;
  if (fault.culprit) tell(blameOf(fault.culprit));
  const bad = fault.culprit ? dependentsOf(fault.culprit, fault.computed) : null;
  const isBad = (t: Tensor): boolean =>
    !isKnown(t) && (bad ? bad.has(viewed(t)) : roots.some((r) => viewed(r) === viewed(t)));
  throw withReverted(toldFor(fault, roots, isBad));
}

/** Whether a tensor of the failed program depends on the culprit; none does, if that is not known. */
export function dependsOnCulprit({ culprit, computed }: Failure): (t: Tensor) => boolean {
  const bad: ReadonlySet<Tensor> = culprit ? dependentsOf(culprit, computed) : new Set();
  return (t) => !isKnown(t) && bad.has(viewed(t));
}

/** The tensors of a program that depend on the culprit, itself included. */
function dependentsOf(culprit: Tensor, nodes: readonly Tensor[]): Set<Tensor> {
  const bad = new Set([culprit]);
  for (const t of nodes) {
    if (isKnown(t)) continue;
    if ((t.x && bad.has(t.x)) || (t.y && bad.has(t.y)) || t.more?.some((m) => bad.has(m))) bad.add(t);
  }
  return bad;
}

/** Every pending tensor that the roots depend on, themselves included. */
export function pendingBelow(roots: readonly Tensor[]): Set<Tensor> {
  const met = new Set<Tensor>();
  const meet = (t: Tensor | null): void => {
    if (t && !isKnown(t)) met.add(t);
  };
  for (const root of roots) meet(root);
  for (const t of met) {
    meet(t.x);
    meet(t.y);
    if (t.more) for (const m of t.more) meet(m);
  }
  return met;
}

/** The error for whoever looked, and the names of the variables in it. */
interface Told {
  readonly error: unknown;
  readonly names: ReadonlySet<string>;
}

/**
 * The error for whoever looked at the roots. It names the variables through whose assigned values they depend on the
 * culprit.
 */
function toldFor(failure: Failure, roots: readonly Tensor[], isBad: (t: Tensor) => boolean): Told {
  const names = new Set<string>();
  for (const t of pendingBelow(roots)) {
    const name = assignedTo(t);
    if (name === null || !isBad(t)) continue;
    names.add(name);
    toldOfValue(t);
  }
  const where = names.size > 0 ? ` (in the value assigned to variable ${[...names].join(', ')})` : '';
  return { error: errorOf(failure, where), names };
}

function errorOf({ run, error, culprit }: Failure, where: string): unknown {
  if (!run) {
    if (where === '' || !(error instanceof GradtapeError)) return error;
    return new GradtapeError(error.code, `${error.message}${where}`, error);
  }
  if (run.value < 0) return new GradtapeError(run.code, `gradtape: ${run.message}${where}`);
  // The kernel counts matrices, of which there is most often one.
  const isOne = (culprit?.more?.[0] ?? culprit?.x)?.rank === 2;
  const message = isOne ? run.message.replace(/^matrix 0 /, 'the matrix ') : run.message;
  return new ValueError(`${culprit?.op?.name ?? 'program'}: ${message}${where}`, run.code);
}
