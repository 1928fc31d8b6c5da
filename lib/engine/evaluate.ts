/** Computing values: from pending tensors to one program, one native call, and the values in place. */
import { GradtapeError, ValueError } from '../base/errors.js';
import type { TensorBuffer } from './memory.js';
import { allocate } from './memory.js';
import type { RunFailure } from './native.js';
import * as native from './native.js';
import {
  assignedTo,
  type Cell,
  fail,
  giveBack,
  settleWishes,
  takeCompanions,
  takeOff,
  takeReverted,
  takeWaiting,
  tell,
  told,
  toldOfValue,
  type Wish,
} from './pending.js';
import { type Computation, isKnown, settle, type Tensor } from './tensor.js';

const kReshape = native.opcodeOf('reshape');
const kBroadcast = native.opcodeOf('broadcast');
const kGather = native.opcodeOf('gather');
const kScatterAdd = native.opcodeOf('scatterAdd');
const { isCheap, isElementwise, takesNumbers } = native; // by opcode
const noWords: readonly number[] = [];
let serial = 0;
const stack: Tensor[] = [];
// Of the program being written: its tensors in order, those to compute, how often each is read in it.
const none: Tensor[] = [];
let order = none;
let computed = none;
let seen = new Int32Array(1024);
let divided: Tensor[] = [];

// The further results of a value that has several: a program that computes the value computes all of them.
const furtherResults = new WeakMap<Tensor, readonly Tensor[]>();

/** Says that these are the further results of the kernel that computes the tensor. */
export function linkResults(t: Tensor, further: readonly Tensor[]): void {
  furtherResults.set(t, further);
}

function visit(t: Tensor): void {
  if (t.mark !== serial) {
    t.mark = serial;
    t.index = -1;
    if (isKnown(t)) {
      emit(t);
      return;
    }
  } else if (t.index >= 0) {
    return;
  }
  // Perhaps not for the first time: it may wait further down, below something that needs it now.
  stack.push(t);
}

function emit(t: Tensor): void {
  if (t.uniform !== undefined) {
    t.index = native.writeLiteral(t.uniform, t.dtype);
    if (t.shape.length > 0) t.index = native.write1(kBroadcast, t.dtype, t.shape, t.index);
    return;
  }
  if (t.buffer) {
    t.index = native.writeInput(t.buffer.address, t.dtype, t.shape);
    order.push(t);
    return;
  }
  const { x, y, more } = t;
  const { opcode, words } = t.op as Computation;
  if (words === null && more === null) {
    t.index = y
      ? native.write2(opcode, t.dtype, t.shape, read(x as Tensor), read(y))
      : native.write1(opcode, t.dtype, t.shape, read(x as Tensor));
  } else if (words !== null && takesNumbers[opcode]) {
    t.index = native.writeWithData(opcode, t.dtype, t.shape, words(t.attributes));
  } else {
    if (more && furtherResults.has(t)) divided.push(t);
    const operands = more ? more.map(read) : y ? [read(x as Tensor), read(y)] : [read(x as Tensor)];
    t.index = native.write(opcode, t.dtype, t.shape, operands, words === null ? noWords : words(t.attributes));
  }
  if (t.index >= seen.length) {
    const longer = new Int32Array(t.index * 2);
    longer.set(seen);
    seen = longer;
  }
  seen[t.index] = 0;
  computed.push(t);
}

/** The kernel that computes the tensor; -1 if its elements are there. */
function opcodeIn(t: Tensor): number {
  return t.op === null ? -1 : t.op.opcode;
}

function read(t: Tensor): number {
  if (t.op !== null) seen[t.index] = (seen[t.index] as number) + 1;
  return t.index;
}

/** Appends everything that `root` needs, operands first; a loop, since chains may be long. */
function visitAll(root: Tensor): void {
  visit(root);
  while (stack.length > 0) {
    const t = stack[stack.length - 1] as Tensor;
    if (t.index >= 0) {
      stack.pop();
      continue;
    }
    const depth = stack.length;
    if (t.x) visit(t.x);
    if (t.y) visit(t.y);
    if (t.more) for (const m of t.more) visit(m);
    if (stack.length === depth) {
      stack.pop();
      emit(t);
    }
  }
}

interface Job {
  readonly outputs: readonly Tensor[];
  /** By output; null where it is one element, or altogether if all are. */
  readonly buffers: readonly (TensorBuffer | null)[] | null;
  readonly computed: readonly Tensor[];
  /** Values asked for that are mere views of a computed one, and that one: they get its elements. */
  readonly views: readonly (readonly [Tensor, Tensor])[];
  /** Everything whose address is in the program; held over the call. */
  readonly held: readonly Tensor[];
  /** What has other elements afterwards. */
  readonly replaced: readonly Tensor[];
}

/** How many programs run on other threads: each may be reading any buffer. */
let flying = 0;

// An address keeps nothing alive, and neither does a local that the optimizer sees through.
let held: Job | null = null;

/** Of the values being computed, those that may be written over an input of the program, and the tensors that show that input. */
function replacements(wishes: readonly Wish[]): Map<Tensor, readonly Tensor[]> | null {
  if (!wishes.some(({ cell }) => cell.replaces.length > 0)) return null;
  const readers = new Map<TensorBuffer | null, number>(); // how many inputs have the same elements
  for (const { buffer } of order) readers.set(buffer, (readers.get(buffer) ?? 0) + 1);
  const found = new Map<Tensor, readonly Tensor[]>();
  for (const { cell, value } of wishes) {
    const [input] = cell.replaces;
    if (!input?.buffer || input.mark !== serial || readers.get(input.buffer) !== 1) continue;
    const t = viewed(value);
    if (isElementwise[opcodeIn(t)] && t.size > 1) found.set(t, cell.replaces);
  }
  return found;
}

/**
 * Writes the program for the roots, the wishes and the losses that go with them; null if everything is known.
 * `inPlace`: the values of wishes may be written over those that they replace.
 */
function prepare(
  roots: readonly Tensor[],
  wishes: readonly Wish[],
  companions: readonly Tensor[],
  inPlace: boolean,
): Job | null {
  const wanted: Tensor[] = [];
  const views: [Tensor, Tensor][] = [];
  const want = (t: Tensor): void => {
    if (isKnown(t)) return;
    const base = viewed(t);
    wanted.push(base);
    if (base !== t) views.push([t, base]);
  };
  for (const t of roots) want(t);
  if (wishes.length > 0) {
    for (const { value } of wishes) want(value);
    for (const t of companions) want(t);
  }
  if (wanted.length === 0) return null;
  serial++;
  if (stack.length > 0) stack.length = 0; // an exception left some
  order = [];
  computed = [];
  native.begin();
  if (divided.length > 0) divided = [];
  for (const t of wanted) visitAll(t);
  for (const t of divided) {
    for (const result of furtherResults.get(t) ?? none) {
      if (isKnown(result)) continue;
      visitAll(result);
      wanted.push(result);
    }
  }
  for (const t of wanted) seen[t.index] = wantedMark;
  let large = false;
  for (const t of computed) large ||= t.size > 1;
  const outputs: Tensor[] = [];
  let buffers: (TensorBuffer | null)[] | null = null;
  const replacing = inPlace && flying === 0 && wishes.length > 0 ? replacements(wishes) : null;
  let replaced = none;
  for (const t of computed) {
    if (!mustKeep(t, large)) continue;
    const before = replacing?.get(t);
    if (t.size === 1) {
      native.writeResult(t.index);
      buffers?.push(null);
    } else {
      buffers ??= outputs.map(() => null);
      if (before) {
        buffers.push(before[0]?.buffer ?? null);
        native.writeReplacement(t.index, (before[0] as Tensor).index);
        replaced = replaced.concat(before);
      } else {
        const buffer = allocate(t.dtype, t.size);
        buffers.push(buffer);
        native.writeOutput(t.index, buffer.address);
      }
    }
    outputs.push(t);
  }
  const job = { outputs, buffers, computed, views, held: order, replaced };
  // Only the job keeps them now: what the last program used must not live until the next.
  order = none;
  computed = none;
  return job;
}

/** What a pending value is a view of, if that is pending too; else the value itself. */
function viewed(t: Tensor): Tensor {
  let base = t;
  while (opcodeIn(base) === kReshape && base.x && !isKnown(base.x)) base = base.x;
  return base;
}

const wantedMark = -(2 ** 30);

/** Whether a computed value gets a buffer of its own: asked for, saved by a tape, or dear (not cheap) and still to be read by others. */
function mustKeep(t: Tensor, large: boolean): boolean {
  const reads = seen[t.index] as number;
  if (reads < 0 || t.saved > 0) return true;
  return t.readers > reads && (!isCheap[opcodeIn(t)] || (large && t.size === 1));
}

function put(job: Job, result: (i: number) => number): void {
  // Nobody asks for these again; if somebody does, it shall not get another's elements.
  for (const t of job.replaced) t.buffer = null;
  let results = 0;
  for (let k = 0; k < job.outputs.length; k++) {
    const t = job.outputs[k] as Tensor;
    const buffer = job.buffers?.[k];
    const number = buffer ? undefined : result(results++);
    // What the value is a mere view of has the same elements.
    for (let s: Tensor | null = t; s && !isKnown(s); ) {
      const below: Tensor | null = opcodeIn(s) === kReshape ? s.x : null;
      s.uniform = number;
      s.buffer = buffer ?? null;
      settle(s);
      s = below;
    }
  }
  for (const [t, base] of job.views) {
    if (isKnown(t)) continue;
    t.uniform = base.uniform;
    t.buffer = base.buffer;
    settle(t);
  }
}

/** What one program is to compute: what somebody looks at, and what was assigned. */
interface Attempt {
  readonly roots: readonly Tensor[];
  readonly wishes: readonly Wish[];
}

/** Why a program computed nothing: the tensor whose op failed, or an error of which that is not known. */
interface Failure {
  readonly run: RunFailure | null;
  readonly error: unknown;
  readonly culprit: Tensor | null;
  /** The pending tensors of the program, operands first. */
  readonly computed: readonly Tensor[];
}

function unknownFailure(error: unknown): Failure {
  return { run: null, error, culprit: null, computed: none };
}

function failureOf(run: RunFailure, job: Job, indices: readonly number[]): Failure {
  const at = run.status === 'memory' ? -1 : indices.indexOf(run.value);
  return { run, error: null, culprit: job.computed[at] ?? null, computed: job.computed };
}

/** Runs the program of the job in this thread; a failure changes nothing. */
function runNow(job: Job): Failure | null {
  if (job.outputs.length > 0) {
    if (held) throw new GradtapeError('ERR_INTERNAL', 'gradtape: a program was started while another runs');
    held = job;
    const run = native.run();
    held = null;
    if (run) return failureOf(run, job, indicesOf(job));
  }
  put(job, native.result);
  return null;
}

/** The same on another thread. */
async function runElsewhere(job: Job): Promise<Failure | null> {
  const indices = indicesOf(job); // other programs number them anew meanwhile
  flying++;
  const { failure, results } = await native.runAsync([job, job.held.map((t) => t.buffer)]).finally(() => flying--);
  if (failure) return failureOf(failure, job, indices);
  put(job, (i) => results[i] as number);
  return null;
}

function indicesOf(job: Job): number[] {
  return job.computed.map((t) => t.index);
}

function compute(
  roots: readonly Tensor[],
  wishes: readonly Wish[],
  companions: readonly Tensor[],
  inPlace: boolean,
): Failure | null {
  try {
    const job = prepare(roots, wishes, companions, inPlace);
    const failure = job && runNow(job);
    if (!failure) settleWishes(wishes);
    return failure;
  } catch (error) {
    held = null;
    return unknownFailure(error);
  }
}

async function computeElsewhere(
  roots: readonly Tensor[],
  wishes: readonly Wish[],
  companions: readonly Tensor[],
): Promise<Failure | null> {
  try {
    const job = prepare(roots, wishes, companions, false);
    const failure = job && (await runElsewhere(job));
    if (!failure) settleWishes(wishes);
    return failure;
  } catch (error) {
    return unknownFailure(error);
  }
}

/**
 * After a failure: finds out what failed. Assigned values that depend on it have failed, all others are computed; what was looked at and
 * depends on it throws at the end. Yields what to try next, and is given what came of it.
 */
function* recover(
  first: Failure,
  looked: readonly Tensor[],
  all: readonly Wish[],
): Generator<Attempt, void, Failure | null> {
  let failure: Failure | null = first;
  let roots = looked;
  let wishes = all;
  let answer: Told | null = null;
  takeReverted();
  while (failure) {
    const { culprit, computed: nodes } = failure;
    const bad: ReadonlySet<Tensor> = culprit ? dependentsOf(culprit, nodes) : new Set();
    const isBad = (t: Tensor): boolean => !isKnown(t) && bad.has(viewed(t));
    const failed = wishes.filter(({ value }) => isBad(value));
    const failing = roots.filter(isBad);
    if (!culprit || failed.length + failing.length === 0) {
      yield* apart(failure, roots, wishes);
      break;
    }
    const blame = blameOf(culprit);
    for (const wish of failed) fail(wish, blame);
    if (failing.length > 0) {
      answer = toldFor(failure, failing, isBad);
      tell(blame);
      roots = none;
    }
    wishes = wishes.filter((wish) => !failed.includes(wish));
    failure = yield { roots, wishes };
  }
  if (answer) throw withReverted(answer);
}

/** The error, with the variables that lost an assignment by what it tells of, and that it does not name yet. */
function withReverted({ error, names }: Told): unknown {
  const others = takeReverted().filter((name) => !names.has(name));
  if (!(error instanceof GradtapeError)) return error;
  if (others.length > 0) {
    const was = error.message;
    error.message += `; ${others.slice(0, 8).join(', ')}${others.length > 8 ? ', ...' : ''} had been assigned what depends on it, and keep their last values`;
    if (error.stack) error.stack = error.stack.replace(was, () => error.message);
  }
  return error;
}

/** What an op failed by: the indices out of range, which the op of its gradient has too, or else the op itself. */
function blameOf(culprit: Tensor): Tensor {
  const opcode = opcodeIn(culprit);
  return culprit.y && (opcode === kGather || opcode === kScatterAdd) ? viewed(culprit.y) : culprit;
}

/** Which of the values it was that failed is not known: each is computed by itself, first what is looked at. */
function* apart(
  failure: Failure,
  roots: readonly Tensor[],
  wishes: readonly Wish[],
): Generator<Attempt, void, Failure | null> {
  let fault: Failure | null = wishes.length > 0 ? null : failure;
  if (roots.length > 0 && !fault) fault = yield { roots, wishes: [] };
  const reached = fault ? pendingBelow(roots) : null;
  for (const wish of wishes) {
    if (reached && !reached.has(wish.value)) continue; // waits on
    const own: Failure | null = yield { roots: none, wishes: [wish] };
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

/** The tensors of a program that depend on one of them. */
function dependentsOf(culprit: Tensor, nodes: readonly Tensor[]): Set<Tensor> {
  const bad = new Set([culprit]);
  for (const t of nodes) {
    if (isKnown(t)) continue;
    if ((t.x && bad.has(t.x)) || (t.y && bad.has(t.y)) || t.more?.some((m) => bad.has(m))) bad.add(t);
  }
  return bad;
}

/** Every pending tensor that the roots are made of, themselves included. */
function pendingBelow(roots: readonly Tensor[]): Set<Tensor> {
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

/** An error for whoever looked, and the variables that it names. */
interface Told {
  readonly error: unknown;
  readonly names: ReadonlySet<string>;
}

/** What whoever looked at the roots is told: the error names the variables by whose assigned values it came. */
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
  const name = culprit?.op?.name ?? 'program';
  switch (run.status) {
    case 'index':
      return new ValueError(
        `${name}: index ${run.index} is out of range for an axis of length ${run.length}${where}`,
        'ERR_INDEX',
      );
    case 'division':
      return new ValueError(`${name}: integer division by zero${where}`, 'ERR_DIVISION_BY_ZERO');
    case 'notPositiveDefinite':
      return new ValueError(
        `${name}: matrix ${run.index} is not positive definite: its leading minor of order ${run.length} is not positive${where}`,
      );
    case 'memory':
      return new GradtapeError(
        'ERR_OUT_OF_MEMORY',
        `gradtape: no memory for ${run.length} bytes of temporaries; compute less at once${where}`,
      );
    default:
      return new GradtapeError('ERR_INTERNAL', `${name}: failed: ${run.status}${where}`);
  }
}

/** Computes the given tensors, and every assigned value that waits. */
export function evaluateTensors(roots: readonly Tensor[]): void {
  evaluateAll(roots, takeWaiting());
}

/** Computes what the cell was assigned, and whatever else waits; a value that fails tells whoever looks at it. */
export function evaluateCell(cell: Cell): void {
  const wishes = takeWaiting();
  evaluateAll(none, cell.state === 'flying' ? [...wishes, { cell, value: cell.current }] : wishes);
}

function evaluateAll(roots: readonly Tensor[], wishes: readonly Wish[]): void {
  const failure = compute(roots, wishes, wishes.length > 0 ? takeCompanions() : none, true);
  if (!failure) return;
  try {
    const recovery = recover(failure, roots, wishes);
    for (let step = recovery.next(); !step.done; ) {
      step = recovery.next(compute(step.value.roots, step.value.wishes, none, false));
    }
  } finally {
    giveBack(wishes);
  }
}

/** The same as evaluateTensors on a native thread. */
export async function evaluateTensorsAsync(roots: readonly Tensor[]): Promise<void> {
  // From here on these are this program's to settle; another program may compute them again meanwhile, with the same bits.
  const wishes = takeWaiting();
  takeOff(wishes);
  const failure = await computeElsewhere(roots, wishes, wishes.length > 0 ? takeCompanions() : none);
  if (!failure) return;
  try {
    const recovery = recover(failure, roots, wishes);
    for (let step = recovery.next(); !step.done; ) {
      step = recovery.next(await computeElsewhere(step.value.roots, step.value.wishes, none));
    }
  } finally {
    giveBack(wishes);
  }
}
