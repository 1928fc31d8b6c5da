/**
 * Cells: the value of each variable between its assignment and the program that computes it, and who is told if it
 * fails. The only file that changes a cell's state (drawn in ARCHITECTURE.md). Computes nothing; evaluate.ts does.
 */
import { dtypeBytes } from '../base/dtype.js';
import { opcodeOf } from './addon.js';
import { aliasOf, Computation, isKnown, peekId, type Tensor } from './tensor.js';
import { opcodeIn, viewed } from './view.js';

/**
 * settled: the value is known. waiting: the next program, whoever starts it, also computes the value. flying: a program
 * on another thread computes it. failed: it could not be computed and nobody has been told yet; whoever looks at it
 * gets the error.
 */
export type CellState = 'settled' | 'waiting' | 'flying' | 'failed';

const noTensors: readonly Tensor[] = [];
const kReshape = opcodeOf('reshape');
const kScatterInto = opcodeOf('scatterInto');

/**
 * The op of a value that was assigned to a variable: a view of the tensor that was passed. Its name is the variable's,
 * for errors.
 */
class Assignment extends Computation<null> {
  constructor(variable: string) {
    super(variable, kReshape, null);
  }
}

/** A cell: the value of one variable, and its state. */
export class Cell {
  state: CellState = 'settled';
  /** The value that was assigned last; pending while the cell is waiting or flying. */
  current: Tensor;
  /** The last value that was computed: what the variable goes back to if `current` fails. */
  lastGood: Tensor;
  /**
   * The tensors over the old buffer, if only the update reads that buffer: the program may write the new value into it.
   */
  replaces: readonly Tensor[] = noTensors;
  /**
   * The tensor that `current` is a view of, if nobody else reads it: the value assigned next may be written over it.
   */
  replaceable: Tensor | null = null;
  /** The variable's name. */
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

  /** Makes t the value. `replaceable`: nobody else reads t. */
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

  /** Puts the cell on the list of waiting ones, if it is waiting and not on it. */
  enlist(): void {
    if (this.listed || this.state !== 'waiting') return;
    this.listed = true;
    if (listed.length === 0 && dormant.length === 0) waitingSince = peekId();
    listed.push(this);
    if (this.replaces.length === 0) {
      listedNew++;
      // Rows that are written in place need no memory for the whole value.
      if (opcodeIn(viewed(this.current)) !== kScatterInto)
        listedBytes += this.current.size * dtypeBytes[this.current.dtype];
    }
    if (latestLoss && !losses.includes(latestLoss)) losses.push(latestLoss);
    endOfTurn();
  }

  /** Says that the cell is on no list any more: its value is about to be computed. */
  delist(): void {
    this.listed = false;
  }

  /** A weak reference, made once. */
  weakly(): WeakRef<Cell> {
    this.weak ??= new WeakRef(this);
    return this.weak;
  }

  /**
   * Goes back to the last computed value. That may be an operand of whatever is tried next, so it is not replaceable.
   */
  revert(): void {
    if (!isKnown(this.current)) {
      this.current = this.lastGood;
      reverted.push(this.name);
    }
    this.replaceable = null;
    this.state = 'settled';
  }
}

/**
 * A wish: an assigned value that is to be computed, and its cell. The cell may hold a later value when the program is
 * done.
 */
export interface Wish {
  readonly cell: Cell;
  readonly value: Tensor;
}

const noWishes: readonly Wish[] = [];

// Waiting cells. Those assigned in this turn of the event loop are in `listed`. At the end of the turn they move to
// `dormant`, as weak references, so that a variable that nobody holds is collected together with its pending value.
// They do not start there, because a new WeakRef keeps its target alive until the end of the turn anyway.
let listed: Cell[] = [];
let dormant: WeakRef<Cell>[] = [];
// How many of `listed` have values that need memory of their own, and how many bytes those need.
let listedNew = 0;
let listedBytes = 0;
let waitingSince = 0; // the id that the next tensor had when the lists were empty

function emptyListed(): void {
  listed = [];
  listedNew = 0;
  listedBytes = 0;
}

// At this length of `dormant` and `dormantLosses` together those that are gone are forgotten.
let lookAt = 1024;

function forgetGone(): void {
  if (dormant.length + dormantLosses.length < lookAt) return;
  const isThere = (reference: WeakRef<object>): boolean => reference.deref() !== undefined;
  dormant = dormant.filter(isThere);
  dormantLosses = dormantLosses.filter(isThere);
  lookAt = Math.max(1024, 2 * (dormant.length + dormantLosses.length));
}

// Losses: `latestLoss` is the last one whose gradients were asked for in this turn; an assignment puts it into
// `losses`, and the program that computes the assigned values computes those too.
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
    forgetGone();
    emptyListed();
    losses = [];
  });
}

/**
 * Notes a loss: a value of one element whose gradients were asked for. If variables are assigned before the turn ends,
 * the program that computes their values also computes the loss. There that is nearly free, because both need the same
 * forward pass; and a loss that stays pending would keep that pass's operands alive.
 */
export function noteLoss(t: Tensor): void {
  if (t.size !== 1 || isKnown(t)) return;
  latestLoss = t;
  endOfTurn();
}

/**
 * Empties the list of waiting cells. The caller computes their values, and passes the wishes to `relist` afterwards.
 */
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
  emptyListed();
  dormant = [];
  return wishes;
}

/** Empties the list of losses. */
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

/** Says that a program on another thread computes these values from now on. */
export function launch(wishes: readonly Wish[]): void {
  for (const { cell, value } of wishes) {
    cell.state = 'flying';
    cellsByValue.set(value, cell);
  }
}

/** Puts back on the list each cell whose value is still the wish's and was neither computed nor failed. */
export function relist(wishes: readonly Wish[]): void {
  for (const { cell, value } of wishes) {
    if (cell.current === value && cell.state === 'flying') cell.state = 'waiting';
    cell.enlist();
  }
}

/** Says that these values have been computed. */
export function settleWishes(wishes: readonly Wish[]): void {
  for (const { cell, value } of wishes) {
    if (value.id > cell.lastGood.id) cell.lastGood = value; // a value from another thread may come after a later one
    if (cell.current === value) cell.state = 'settled';
  }
}

// Names of the variables that went back to their last good values since the last `drainReverted`.
let reverted: string[] = [];

/** Names of the variables that have lost an assignment since the last call; the error that tells why lists them. */
export function drainReverted(): readonly string[] {
  const names = reverted;
  reverted = [];
  return names;
}

// By the tensor to blame for failures: the failed wishes that nobody has been told of, and whether the error has been
// thrown once.
const failedBy = new WeakMap<Tensor, Wish[]>();
const toldOf = new WeakSet<Tensor>();
// The cells of values that have failed or are being computed on another thread.
const cellsByValue = new WeakMap<Tensor, Cell>();

/**
 * Says that a value cannot be computed because of `blame` (null if that is not known). The cell has failed, and whoever
 * looks at it is told; but if the error of `blame` has been thrown already, the variable goes back to its last good
 * value at once.
 */
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

/** Says that somebody has got the error of this value: the variable goes back to its last good one. */
export function told({ cell, value }: Wish): void {
  if (cell.current === value && cell.state !== 'settled') cell.revert();
}

/**
 * Says that the error of `blame` is thrown: all variables that failed because of it go back to their last good values.
 */
export function tell(blame: Tensor): void {
  toldOf.add(blame);
  for (const wish of failedBy.get(blame) ?? []) told(wish);
  failedBy.delete(blame);
}

/** As `told`, for a value that somebody looked at. */
export function toldOfValue(value: Tensor): void {
  const cell = cellsByValue.get(value);
  if (cell) told({ cell, value });
}

// The most that may wait until it is computed though nobody looks: else a loop that only makes and assigns variables
// would keep them all.
const kMostCells = 4096;
const kMostNew = 1024; // of cells whose values need memory of their own: they die young then
const kMostBytes = 2 ** 27; // of those values
const kMostTensors = 2 ** 15; // made since the first of them came: what they keep has no more, 200 bytes each

/** Whether more waits than the limits allow. */
export function isCrowded(): boolean {
  return (
    listed.length > kMostCells ||
    listedNew > kMostNew ||
    listedBytes > kMostBytes ||
    (listed.length > 0 && peekId() - waitingSince > kMostTensors)
  );
}

/** Bytes of the assigned values that wait to be computed. */
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

/** The name of the variable that this tensor was assigned to; null if it is no pending value of a variable. */
export function assignedTo(t: Tensor): string | null {
  return t.op instanceof Assignment ? t.op.name : null;
}
