/**
 * What the program that is being written computes again: values that an earlier one computed and did not keep. Those that somebody
 * needs are kept now, and noted as lessons. `any` is asked before everything else: most programs have none.
 */
import { dtypeBytes } from '../base/dtype.js';
import { isCheap, opcodeOf } from './addon.js';
import { aheadOf, learn, propose, type Taught } from './lessons.js';
import { grown } from './program.js';
import type { Computation, Tensor } from './tensor.js';
import { opcodeIn } from './view.js';

const kReshape = opcodeOf('reshape');
const kBroadcast = opcodeOf('broadcast');
/** In place of the index of a tensor that is not written yet: whether it is computed for the first time, or again. */
export const kNew = -1;
const kAgain = -2;
/** The most bytes of values that are kept though nobody has asked for them yet. */
const kMostAhead = 2 ** 26;

/** A tensor that is computed again, and its place in the program that computed it first. */
interface Met {
  readonly t: Tensor;
  readonly serial: number;
  readonly index: number;
}

/** Whether the program computes anything again, as far as it is written. */
export let any = false;
let met: Met[] = [];
// By index: whether the value is computed again; whether somebody asked for it, or a value that is computed for the first
// time reads it.
let isAgain = new Uint8Array(1024);
let isNeeded = new Uint8Array(1024);
let readerIsNew = false;
// A view costs nothing: what it shows is what would be computed again.
const isView = Uint8Array.from(isCheap, (_, opcode) => (opcode === kReshape || opcode === kBroadcast ? 1 : 0));

/** Notes a pending tensor that an earlier program computed, and that is not written yet. */
export function meet(t: Tensor): void {
  any = true;
  met.push({ t, serial: t.mark, index: t.index });
  t.index = isView[opcodeIn(t)] ? kNew : kAgain;
}

/** Says that the operands of this tensor are written next, by `readAt`. */
export function reads(t: Tensor): void {
  readerIsNew = t.index === kNew;
}

/** Says that the tensor that was read for is written, at this index. */
export function written(index: number): void {
  if (readerIsNew) return;
  if (index >= isAgain.length) isAgain = grown(isAgain, index + 1, (length) => new Uint8Array(length));
  isAgain[index] = 1;
}

/** Says that the value at this index is an operand of the tensor that is being written. */
export function readAt(index: number): void {
  if (readerIsNew) askedAt(index);
}

/** Says that somebody asked for the value at this index. */
export function askedAt(index: number): void {
  if (index >= isNeeded.length) isNeeded = grown(isNeeded, index + 1, (length) => new Uint8Array(length));
  isNeeded[index] = 1;
}

/** How many tensors the program computes again, views included. */
export function count(): number {
  return met.length;
}

/** Whether the value at this index is computed again. */
export function isAt(index: number): boolean {
  return isAgain[index] === 1;
}

/**
 * Has kept what is computed again and needed; the work of a value at most doubles by that. The earlier program should have kept it.
 * Where one value after another of a history is asked for, the next ones are kept as well: returns those.
 */
export function keep(keepOne: (t: Tensor) => void): readonly Taught[] {
  const needed = new Map<Computation, Met>();
  const before: Met[] = [];
  for (const m of met) {
    const { t, serial, index } = m;
    if (!isAt(t.index)) continue;
    if (isNeeded[t.index] !== 1) {
      before.push(m);
      continue;
    }
    const op = t.op as Computation;
    keepOne(t);
    learn(serial, index, op, t.size);
    needed.set(op, m);
  }
  if (needed.size === 0 || before.length === 0) return [];
  before.sort((m, n) => n.t.index - m.t.index);
  const ahead = Array.from(needed.values(), (m) => aheadOfOne(m, before)).flat();
  for (const [t] of ahead) keepOne(t);
  return ahead;
}

/**
 * Those that are most likely asked for after a value: made by the same op before it, at the stride of what was asked for last, or
 * next to it. `before` has the last first.
 */
function aheadOfOne({ t, serial, index }: Met, before: readonly Met[]): Taught[] {
  const made = before.filter((m) => m.t.op === t.op);
  if (made.length === 0) return [];
  const ahead = aheadOf(t.op as Computation);
  const stride = ahead.strideTo(serial, index);
  const apart = stride > 0 ? made.filter((m) => m.index < index && (index - m.index) % stride === 0) : [];
  const taught: Taught[] = [];
  let bytes = 0;
  for (const m of (apart.length > 0 ? apart : made).slice(0, ahead.next())) {
    bytes += m.t.size * dtypeBytes[m.t.dtype];
    if (bytes > kMostAhead) break;
    taught.push([m.t, propose(m.serial, m.index, ahead)]);
  }
  return taught;
}

/** The next program begins with none. What this one does not keep is still of the program that computed it first. */
export function forget(isKept: (t: Tensor) => boolean): void {
  for (const { t, serial, index } of met) {
    if (isKept(t)) continue;
    t.mark = serial;
    t.index = index;
  }
  met = [];
  any = false;
  isAgain.fill(0);
  isNeeded.fill(0);
}
