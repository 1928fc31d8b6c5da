/**
 * What is pending, and for whom: the value of each variable between its assignment and the program that computes it. The one place
 * that changes a cell's state (drawn in ARCHITECTURE.md). It computes nothing; evaluate.ts does.
 */
import { dtypeBytes } from '../base/dtype.js';
import { opcodeOf } from './addon.js';
import { aliasOf, Computation, isKnown, type Tensor } from './tensor.js';

/**
 * settled: the value is known. waiting: the next program computes it along with what is looked at. flying: a program on another
 * thread computes it. failed: it cannot be computed, and nobody has been told yet; who looks at it is.
 */
export type CellState = 'settled' | 'waiting' | 'flying' | 'failed';

const noTensors: readonly Tensor[] = [];
const kReshape = opcodeOf('reshape');

/** Makes the values that were assigned to one variable: views of what was computed. Errors find the variable by it. */
class Assignment extends Computation<null> {
  constructor(variable: string) {
    super(variable, kReshape, null);
  }
}

/** What a variable holds. */
export class Cell {
  state: CellState = 'settled';
  /** The value as it is now. */
  current: Tensor;
  /** The last value that could be computed. */
  lastGood: Tensor;
  /** The tensors over the old buffer, if only the update reads it: the program may write the new value into it. */
  replaces: readonly Tensor[] = noTensors;
  /** The tensor under `current`, if nobody else reads it: the next value may be written over it. */
  replaceable: Tensor | null = null;
  /** The variable's. */
  readonly name: string;
  private readonly assignment: Assignment;
  private listed = false;
  private weak: WeakRef<Cell> | null = null;

  constructor(name: string, value: Tensor) {
    this.name = name;
    this.assignment = new Assignment(name);
    this.current = aliasOf(value, this.assignment);
    this.lastGood = this.current;
  }

  /** Replaces the value; `sole`: nobody else reads the tensor. */
  assign(t: Tensor, replaceable: boolean): void {
    const value = aliasOf(t, this.assignment);
    if (isKnown(this.current)) this.lastGood = this.current;
    this.replaces = this.replaceable ? [this.current, this.replaceable] : noTensors;
    this.current = value;
    if (isKnown(value)) {
      this.lastGood = value;
      this.replaceable = null;
      this.state = 'settled';
    } else {
      this.replaceable = replaceable ? t : null;
      this.state = 'waiting';
      this.enlist();
    }
  }

  /** Puts a waiting cell on the list. */
  enlist(): void {
    if (this.listed || this.state !== 'waiting') return;
    this.listed = true;
    listed.push(this);
    listedBytes += this.current.size * dtypeBytes[this.current.dtype];
    if (latestLoss && !losses.includes(latestLoss)) losses.push(latestLoss);
    endOfTurn();
  }

  /** Taken off the list, by whoever computes it. */
  delist(): void {
    this.listed = false;
  }

  /** A reference that keeps nothing alive. */
  weakly(): WeakRef<Cell> {
    this.weak ??= new WeakRef(this);
    return this.weak;
  }

  /** Back to the last value that could be computed; it may be tried again from what came before, so nothing is written over. */
  revert(): void {
    if (!isKnown(this.current)) {
      this.current = this.lastGood;
      reverted.push(this.name);
    }
    this.replaceable = null;
    this.state = 'settled';
  }
}

/** A cell and the value that is to be computed for it: it may have been assigned another when the program is done. */
export interface Wish {
  readonly cell: Cell;
  readonly value: Tensor;
}

const noWishes: readonly Wish[] = [];

// Cells whose assignment belongs to this turn of the event loop are held; of others only weak references are kept, so that a
// variable that nobody has any more is collected with its pending value. (A weak reference made now would hold until the turn ends.)
let listed: Cell[] = [];
let listedBytes = 0;
let dormant: WeakRef<Cell>[] = [];

// A loss whose gradients were asked for in this turn, and those of assignments that still wait.
let latestLoss: Tensor | null = null;
let losses: Tensor[] = [];
let dormantLosses: WeakRef<Tensor>[] = [];

let ending = false;

function endOfTurn(): void {
  if (ending) return;
  ending = true;
  queueMicrotask(() => {
    ending = false;
    latestLoss = null;
    for (const cell of listed) if (cell.state === 'waiting') dormant.push(cell.weakly());
    for (const t of losses) dormantLosses.push(new WeakRef(t));
    listed = [];
    listedBytes = 0;
    losses = [];
  });
}

/**
 * Notes a one-element value (a loss) whose gradients were asked for. If variables are assigned before the turn ends, the program
 * that computes them computes it too: there it is nearly free, and it need not hold on to a whole step's operands after.
 */
export function noteLoss(t: Tensor): void {
  if (t.size !== 1 || isKnown(t)) return;
  latestLoss = t;
  endOfTurn();
}

/** Takes every waiting cell off the list; who takes them gives back (`giveBack`) what is not settled or failed after. */
export function drainWaiting(): readonly Wish[] {
  if (listed.length === 0 && dormant.length === 0) return noWishes;
  const wishes: Wish[] = [];
  const drain = (cell: Cell | undefined): void => {
    if (!cell) return;
    cell.delist();
    if (cell.state === 'waiting') wishes.push({ cell, value: cell.current });
  };
  for (const reference of dormant) drain(reference.deref());
  for (const cell of listed) drain(cell);
  listed = [];
  listedBytes = 0;
  dormant = [];
  return wishes;
}

/** Takes the losses that the assignments came with. */
export function drainLosses(): readonly Tensor[] {
  if (losses.length === 0 && dormantLosses.length === 0) return noTensors;
  const drained = losses;
  for (const reference of dormantLosses) {
    const t = reference.deref();
    if (t) drained.push(t);
  }
  losses = [];
  dormantLosses = [];
  return drained;
}

/** Another thread computes them from here on. */
export function launch(wishes: readonly Wish[]): void {
  for (const { cell, value } of wishes) {
    cell.state = 'flying';
    cellsByValue.set(value, cell);
  }
}

/** What was taken and neither settled, failed nor assigned again waits on. */
export function relist(wishes: readonly Wish[]): void {
  for (const { cell, value } of wishes) {
    if (cell.current === value && cell.state === 'flying') cell.state = 'waiting';
    cell.enlist();
  }
}

/** The values are there. */
export function settleWishes(wishes: readonly Wish[]): void {
  for (const { cell, value } of wishes) {
    if (value.id > cell.lastGood.id) cell.lastGood = value; // one computed on another thread may come late
    if (cell.current === value) cell.state = 'settled';
  }
}

// The names of variables that went back to their last good values since somebody asked.
let reverted: string[] = [];

/** Names of the variables that have lost an assignment since the last call: for whoever is told why. */
export function drainReverted(): readonly string[] {
  const names = reverted;
  reverted = [];
  return names;
}

// By what a value could not be computed: who waits to be told, and whether somebody has been.
const failedBy = new WeakMap<Tensor, Wish[]>();
const toldOf = new WeakSet<Tensor>();
// The cells of failed values, and of those that another thread computes.
const cellsByValue = new WeakMap<Tensor, Cell>();

/** The value cannot be computed: unless somebody has been told already by what, whoever looks at it will be. */
export function fail(wish: Wish, blame: Tensor | null): void {
  const { cell, value } = wish;
  if (cell.current !== value) return;
  if (blame && toldOf.has(blame)) {
    told(wish);
    return;
  }
  cell.state = 'failed';
  cellsByValue.set(value, cell);
  if (!blame) return;
  const others = failedBy.get(blame);
  if (others) others.push(wish);
  else failedBy.set(blame, [wish]);
}

/** Somebody is told that the value cannot be computed: the variable goes back to its last good one. */
export function told({ cell, value }: Wish): void {
  if (cell.current === value && cell.state !== 'settled') cell.revert();
}

/** Somebody is told what went wrong: so are all that failed by it. */
export function tell(blame: Tensor): void {
  toldOf.add(blame);
  for (const wish of failedBy.get(blame) ?? []) told(wish);
  failedBy.delete(blame);
}

/** Somebody looked at this value and is told that it cannot be computed. */
export function toldOfValue(value: Tensor): void {
  const cell = cellsByValue.get(value);
  if (cell) told({ cell, value });
}

// How much may wait before it is computed though nobody looks: a loop that only makes and assigns variables would keep them all.
const kMostCells = 4096;
const kMostBytes = 2 ** 30;

/** Whether so much waits that it should be computed now. */
export function isCrowded(): boolean {
  return listed.length > kMostCells || listedBytes > kMostBytes;
}

/** Bytes of the values that wait to be computed, or are being computed. */
export function pendingBytes(): number {
  let bytes = 0;
  const count = ({ state, current }: Cell): void => {
    if (state === 'waiting') bytes += current.size * dtypeBytes[current.dtype];
  };
  for (const reference of dormant) {
    const cell = reference.deref();
    if (cell) count(cell);
  }
  for (const cell of listed) count(cell);
  return bytes;
}

/** The name of the variable that a value was assigned to, if it was. */
export function assignedTo(t: Tensor): string | null {
  return t.op instanceof Assignment ? t.op.name : null;
}
