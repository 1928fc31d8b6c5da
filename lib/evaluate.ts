/** Computing values: from pending tensors to one program, one native call, and the values in place. */
import type { DType, TypedArray } from './dtype.js';
import { newArray } from './dtype.js';
import { GradtapeError, ShapeError, ValueError } from './errors.js';
import { formatTensor } from './format.js';
import type { TensorBuffer } from './memory.js';
import { allocate, unzeroed } from './memory.js';
import type { RunFailure } from './native.js';
import * as native from './native.js';
import type { Shape } from './shape.js';
import { showShape } from './shape.js';
import { isKnown, settle, Tensor } from './tensor.js';

/** Something that waits for a pending value: a variable after assign. */
export interface Owner {
  /** The value that waits. */
  readonly pendingValue: Tensor;
  /** Those that show its elements so far, if only what computes the next ones reads them: they may be overwritten. */
  readonly replaces: readonly Tensor[];
  /** Its value is there. */
  commit(): void;
  /** Its value cannot be computed: back to the last one that could. */
  revert(): void;
  /** Whether it is on the list. */
  enlisted: boolean;
}

// No Set: one that is filled and emptied leaves a chain of old tables, by which whatever of it is old keeps all that came after.
let owners: Owner[] = [];
let companions: Tensor[] = [];
let latest: Tensor | null = null;
let forgetting = false;

function dismiss(waiting: readonly Owner[]): void {
  if (waiting.length === 0) return;
  for (const owner of waiting) owner.enlisted = false;
  owners = owners.filter((owner) => owner.enlisted);
}

/** Computes the owner's value along with whatever is looked at next. */
export function enlist(owner: Owner): void {
  owner.enlisted = true;
  owners.push(owner);
  if (latest && !companions.includes(latest)) companions.push(latest);
}

export function withdraw(owner: Owner): void {
  dismiss([owner]);
}

/**
 * Notes a one-element value (a loss) whose gradients were asked for. If variables are assigned before the turn ends, the program
 * that computes them passes it by: computing it there is nearly free, and it need not hold on to a whole step's operands after.
 */
export function accompany(t: Tensor): void {
  if (t.size !== 1 || isKnown(t)) return;
  latest = t;
  if (forgetting) return;
  forgetting = true;
  queueMicrotask(() => {
    latest = null;
    forgetting = false;
  });
}

const kFirstRandom = native.opcodeOf('randomUniform');
const kLastRandom = native.opcodeOf('randomPermutation');
const kReshape = native.opcodeOf('reshape');
const kBroadcast = native.opcodeOf('broadcast');
/** Not worth computing twice when another pending value will read it: everything that is no elementwise loop or view. */
const kLastCheap = native.opcodeOf('cast');
const kFirstElementwise = Math.min(...[...native.elementwiseKernels.values()].map((k) => k.opcode));

function isExpensive(opcode: number): boolean {
  return opcode > kLastCheap && opcode < kFirstElementwise;
}

let serial = 0;
const stack: Tensor[] = [];
// Of the program being written: its tensors in order, those to compute, how often each is read in it.
const none: Tensor[] = [];
let order = none;
let computed = none;
let seen = new Int32Array(1024);

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
  if (more) {
    const operands = more.map((m) => read(m));
    t.index = native.write(t.opcode, t.dtype, t.shape, operands, t.attributes);
  } else if (t.opcode >= kFirstRandom && t.opcode <= kLastRandom) {
    t.index = native.writeWithData(t.opcode, t.dtype, t.shape, t.attributes);
  } else if (t.attributes.length > 0) {
    const operands = y ? [read(x as Tensor), read(y)] : [read(x as Tensor)];
    t.index = native.write(t.opcode, t.dtype, t.shape, operands, t.attributes);
  } else if (y) {
    t.index = native.write2(t.opcode, t.dtype, t.shape, read(x as Tensor), read(y));
  } else {
    t.index = native.write1(t.opcode, t.dtype, t.shape, read(x as Tensor));
  }
  if (t.index >= seen.length) {
    const longer = new Int32Array(t.index * 2);
    longer.set(seen);
    seen = longer;
  }
  seen[t.index] = 0;
  computed.push(t);
}

function read(t: Tensor): number {
  if (t.opcode >= 0) seen[t.index] = (seen[t.index] as number) + 1;
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
  readonly waiting: readonly Owner[];
  /** Everything whose address is in the program; held over the call. */
  readonly held: readonly Tensor[];
  /** What has other elements afterwards. */
  readonly replaced: readonly Tensor[];
}

/** How many programs run on other threads: each may be reading any buffer. */
let flying = 0;

// An address keeps nothing alive, and neither does a local that the optimizer sees through.
let held: Job | null = null;

const nobody: readonly Owner[] = [];

/** Of the values being computed, those that may be written over an input of the program, and the tensors that show that input. */
function replacements(waiting: readonly Owner[]): Map<Tensor, readonly Tensor[]> | null {
  if (!waiting.some((owner) => owner.replaces.length > 0)) return null;
  const readers = new Map<TensorBuffer | null, number>(); // how many inputs have the same elements
  for (const { buffer } of order) readers.set(buffer, (readers.get(buffer) ?? 0) + 1);
  const found = new Map<Tensor, readonly Tensor[]>();
  for (const { replaces, pendingValue } of waiting) {
    const [input] = replaces;
    if (!input?.buffer || input.mark !== serial || readers.get(input.buffer) !== 1) continue;
    const t = viewed(pendingValue);
    if (t.opcode >= kFirstElementwise && t.size > 1) found.set(t, replaces);
  }
  return found;
}

/** Writes the program for the roots and for all waiting variables; null if everything is known. `mayReplace`: in place, where it can. */
function prepare(roots: readonly Tensor[], mayReplace: boolean): Job | null {
  const waiting = owners.length > 0 ? [...owners] : nobody;
  const wanted: Tensor[] = [];
  const views: [Tensor, Tensor][] = [];
  const want = (t: Tensor): void => {
    if (isKnown(t)) return;
    const base = viewed(t);
    wanted.push(base);
    if (base !== t) views.push([t, base]);
  };
  for (const t of roots) want(t);
  if (waiting.length > 0) {
    for (const owner of waiting) want(owner.pendingValue);
    for (const t of companions) want(t);
    companions = [];
  } else if (wanted.length === 0) {
    return null;
  }
  serial++;
  order = [];
  computed = [];
  native.begin();
  for (const t of wanted) visitAll(t);
  for (const t of wanted) seen[t.index] = wantedMark;
  let large = false;
  for (const t of computed) large ||= t.size > 1;
  const outputs: Tensor[] = [];
  let buffers: (TensorBuffer | null)[] | null = null;
  const replacing = mayReplace && flying === 0 && waiting.length > 0 ? replacements(waiting) : null;
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
  const job = { outputs, buffers, computed, views, waiting, held: order, replaced };
  // Only the job keeps them now: what the last program used must not live until the next.
  order = none;
  computed = none;
  return job;
}

/** What a pending value is a view of, if that is pending too; else the value itself. */
function viewed(t: Tensor): Tensor {
  let base = t;
  while (base.opcode === kReshape && base.x && !isKnown(base.x)) base = base.x;
  return base;
}

const wantedMark = -(2 ** 30);

/** Whether a computed value gets a buffer of its own: asked for, saved by a tape, or dear and still to be read by others. */
function mustKeep(t: Tensor, large: boolean): boolean {
  const reads = seen[t.index] as number;
  if (reads < 0 || t.saved > 0) return true;
  return t.readers > reads && (isExpensive(t.opcode) || (large && t.size === 1));
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
      const below: Tensor | null = s.opcode === kReshape ? s.x : null;
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
  dismiss(job.waiting);
  for (const owner of job.waiting) owner.commit();
}

/** `failed` is the value whose op could not be computed. */
function fail(job: Job, failure: RunFailure, failed: Tensor | undefined): never {
  dismiss(job.waiting);
  for (const owner of job.waiting) owner.revert();
  const name = failed?.origin || 'program';
  switch (failure.status) {
    case 'index':
      throw new ValueError(
        `${name}: index ${failure.index} is out of range for an axis of length ${failure.length}`,
        'ERR_INDEX',
      );
    case 'division':
      throw new ValueError(`${name}: integer division by zero`, 'ERR_DIVISION_BY_ZERO');
    case 'memory':
      throw new GradtapeError(
        'ERR_OUT_OF_MEMORY',
        `gradtape: no memory for ${failure.length} bytes of temporaries; compute less at once`,
      );
  }
}

/** Computes the given tensors, and every variable that waits for its value. */
export function evaluateTensors(roots: readonly Tensor[]): void {
  const job = prepare(roots, true);
  if (!job || job.outputs.length === 0) {
    if (job) put(job, () => 0);
    return;
  }
  if (held) throw new GradtapeError('ERR_INTERNAL', 'gradtape: a program was started while another runs');
  let failure: RunFailure | null;
  held = job;
  try {
    failure = native.run();
  } finally {
    held = null;
  }
  if (failure) {
    fail(
      job,
      failure,
      job.computed.find((t) => t.index === failure.value),
    );
  }
  put(job, native.result);
}

/** The same on a native thread. */
export async function evaluateTensorsAsync(roots: readonly Tensor[]): Promise<void> {
  const job = prepare(roots, false);
  if (!job) return;
  // From here on they are this program's to settle; another program may compute them again meanwhile, with the same bits.
  dismiss(job.waiting);
  const indices = job.computed.map((t) => t.index); // other programs number them anew meanwhile
  flying++;
  const { failure, results } = await native.runAsync([job, job.held.map((t) => t.buffer)]).finally(() => flying--);
  if (failure) fail(job, failure, job.computed[indices.indexOf(failure.value)]);
  put(job, (i) => results[i] as number);
}

function copyOf(t: Tensor): TypedArray {
  if (t.buffer) {
    const copy = unzeroed(t.dtype, t.size);
    copy.set(t.buffer.elements);
    return copy;
  }
  return newArray(t.dtype, t.size).fill(t.uniform as number);
}

/** Elements in nested arrays, one level an axis; a bare number or boolean for a scalar. */
export type NestedArray = number | boolean | NestedArray[];

function nest(values: ArrayLike<number>, shape: Shape, dtype: DType): NestedArray {
  let at = 0;
  const build = (axis: number): NestedArray => {
    if (axis === shape.length) {
      const value = values[at++] as number;
      return dtype === 'bool' ? value !== 0 : value;
    }
    return Array.from({ length: shape[axis] as number }, () => build(axis + 1));
  };
  return build(0);
}

function theOne(t: Tensor): void {
  if (t.size !== 1) {
    throw new ShapeError(`item: expected exactly one element, got shape ${showShape(t.shape)} with ${t.size} elements`);
  }
}

declare module './tensor.js' {
  interface Tensor {
    /** The elements in row-major order, computed now; a copy that the caller owns. bool comes as a Uint8Array of 0 and 1. */
    dataSync(): TypedArray;
    /** The same, computed on another thread while the event loop goes on. */
    data(): Promise<TypedArray>;
    /** NestedArray arrays of the elements, one level an axis; a number or boolean for a scalar. */
    arraySync(): NestedArray;
    /** The same, computed on another thread. */
    array(): Promise<NestedArray>;
    /** The only element; a ShapeError if there is not exactly one. */
    item(): number;
    /** TensorFlow's print format. */
    toString(): string;
  }
}

Object.assign(Tensor.prototype, {
  dataSync(this: Tensor): TypedArray {
    if (!isKnown(this)) evaluateTensors([this]);
    return copyOf(this);
  },
  async data(this: Tensor): Promise<TypedArray> {
    if (!isKnown(this)) await evaluateTensorsAsync([this]);
    return copyOf(this);
  },
  arraySync(this: Tensor): NestedArray {
    return nest(this.dataSync(), this.shape, this.dtype);
  },
  async array(this: Tensor): Promise<NestedArray> {
    return nest(await this.data(), this.shape, this.dtype);
  },
  item(this: Tensor): number {
    if (this.uniform !== undefined && this.size === 1) return this.uniform;
    theOne(this);
    if (!isKnown(this)) evaluateTensors([this]);
    return this.uniform ?? ((this.buffer as TensorBuffer).elements[0] as number);
  },
  toString(this: Tensor): string {
    return formatTensor(this.dataSync(), this.shape, this.dtype);
  },
  [Symbol.for('nodejs.util.inspect.custom')](this: Tensor): string {
    return this.toString();
  },
});
