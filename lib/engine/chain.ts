/** Chains of pending ops: how deep one is, how much work, and whether it is long enough to be computed though nobody looks. */
import { isCheap } from './addon.js';
import { kMaxDepth } from './config.js';
import { pendingBelow } from './recovery.js';
import { isKnown, type Tensor } from './tensor.js';
import { opcodeIn } from './view.js';

/**
 * A chain that takes longer than the caller's thread should be kept waiting may grow on to this depth: another thread may be asked
 * for it. Deep chains of quick ops are slower (1.4 times at this depth), since the tensors leave the CPU's cache.
 */
export const kMostDepth: number = 2 ** 14;
/** Elements to be computed, in products multiplications: below this many a chain takes some 5 ms at most. */
const kQuickWork = 2 ** 25;

/** Pending ops on top of each other. */
export interface Chain {
  /** How many there are on the longest path. */
  readonly depth: number;
  /** How many there are. */
  readonly count: number;
  /** About how many elements all of them take to compute; multiplications, where they are products. */
  readonly work: number;
}

/**
 * The pending chain below the tensor as it is now; its `depth` is that when it was made, and what was pending then may be known by
 * now. Corrects the `depth` of all below it too, or each op that follows would walk them again.
 */
export function pendingChain(root: Tensor): Chain {
  if (isKnown(root)) {
    root.depth = 0;
    return { depth: 0, count: 0, work: 0 };
  }
  // Those whose depth is corrected have it negative until all are: a set of them would take most of the time.
  const corrected: Tensor[] = [];
  const stack = [root];
  let below = 0;
  const meet = (t: Tensor | null): void => {
    if (t === null || isKnown(t)) return;
    if (t.depth >= 0) stack.push(t);
    else if (-t.depth > below) below = -t.depth;
  };
  let work = 0;
  while (stack.length > 0) {
    const t = stack[stack.length - 1] as Tensor;
    const before = stack.length;
    if (t.depth >= 0) {
      below = 0;
      meet(t.x);
      meet(t.y);
      if (t.more !== null) for (const m of t.more) meet(m);
      if (stack.length > before) continue;
      t.depth = -below - 1;
      work += workOf(t);
      corrected.push(t);
    }
    stack.pop();
  }
  for (const t of corrected) t.depth = -t.depth;
  return { depth: root.depth, count: corrected.length, work };
}

/** A product of [m, k] and [k, n] takes m k n multiplications: the square root of the three sizes multiplied. */
function workOf(t: Tensor): number {
  const { x, y, size } = t;
  if (!x || isCheap[opcodeIn(t)]) return size;
  return y ? Math.sqrt(x.size * y.size * size) : Math.max(x.size, size);
}

/** Whether computing the tensors takes no longer than the caller's thread may be kept waiting. */
export function isQuick(tensors: readonly Tensor[]): boolean {
  let work = 0;
  for (const t of pendingBelow(tensors)) work += workOf(t);
  return work <= kQuickWork;
}

let spared = 0; // so many ops more are not asked about
/** To walk a chain takes as long as to make a third of its ops: so many times as many are made before the next walk. */
const kOpsPerWalked = 0.25;

/** Says that the chain is not computed: the next ops, most likely of the same one, are not asked about. */
export function spare(): void {
  spared = Math.max(spared, kMaxDepth);
}

/** Whether a tensor is to be computed now, so that chains do not grow without bound. */
export function isLongEnough(t: Tensor): boolean {
  if (t.depth <= kMaxDepth) return false;
  if (spared > 0 && t.depth <= kMostDepth) {
    spared--;
    return false;
  }
  const { depth, count, work } = pendingChain(t);
  spared = kOpsPerWalked * count;
  if (depth <= kMaxDepth) return false;
  if (depth > kMostDepth || work <= kQuickWork) return true;
  spare();
  return false;
}
