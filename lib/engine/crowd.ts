/**
 * Crowds of pending values: a chain that is too deep, and too many values that nobody has looked at. What is alive of the newest is
 * computed, all in one program: their chains have most ops in common, and each alone would compute these again.
 */
import { newest } from './addon.js';
import { isLongEnough, isQuick, kMostDepth, spare } from './chain.js';
import { collectYoung } from './collector.js';
import { flags, kNotedDepth, setCounting } from './config.js';
import { evaluateTensors, evaluateUnasked } from './evaluate.js';
import { awaited } from './flight.js';
import { noteMade, noteReleased, operandsOfAll } from './growth.js';
import { computedEver, madeBefore } from './job.js';
import { pendingBelow } from './recovery.js';
import { isKnown, nowAndThen, operandsOf, pendingMade, type Tensor } from './tensor.js';

/**
 * After so many since the last program those that are alive are computed. Counted from the program, so that a loop has the same
 * programs in each step.
 */
const kMostMade = 2 ** 14;
/** As many more are made at a time, where computing them takes long; at most kMostCostly: another thread may be asked for them. */
const kMostCostly = 2 ** 17;
/** The last of them are noted; what is older is most likely below these, or dead. */
const kCounted = 2 ** 12;
/** When so many more were made than computed, though there were programs: most are dead, but nobody knows. */
const kMostUncomputed = 2 ** 17;
/** Larger values are left to growth.ts: to compute them may take more memory than it frees. */
const kSmallSize = 2 ** 10;

let since = 0; // how many were made before the program that is counted from
let due = kMostMade; // so many after it values are computed
let until = 0; // when so many were made, the noted ones are computed
let isOfProgram = false; // unless a program is written before
let uncomputed = 0; // how many more were made than computed, when that was looked at last

nowAndThen(() => {
  if (flags.counting) return;
  if (since !== madeBefore) {
    since = madeBefore;
    due = kMostMade;
  }
  isOfProgram = pendingMade - since >= due - kCounted;
  if (!isOfProgram && pendingMade - computedEver - uncomputed < kMostUncomputed) return;
  until = isOfProgram ? since + due : pendingMade + kCounted;
  setCounting(true);
});

/** Called of each value that is made while values are noted, or whose depth is above kNotedDepth. */
export function boundPending(t: Tensor): void {
  if (flags.noting > 0) noteMade(t);
  if (flags.counting) noteCounted(t);
  if (t.depth > kNotedDepth) boundDepth(t);
}

function noteCounted(t: Tensor): void {
  if (isOfProgram && since !== madeBefore) {
    setCounting(false);
    return;
  }
  if (t.size <= kSmallSize && !isKnown(t)) newest.add(t);
  if (pendingMade < until) return;
  setCounting(false);
  collectYoung(); // what is dead is not computed
  const isDone = computeNewest(pendingMade - since < kMostCostly);
  noteReleased();
  if (isOfProgram && !isDone) due = pendingMade - since + kMostMade;
  else uncomputed = pendingMade - computedEver;
}

/** @throws what a failing chain of the greatest depth throws */
function boundDepth(t: Tensor): void {
  if (isKnown(t)) return;
  if (anyFails && operandsOf(t).some((operand) => failing.has(operand))) {
    failing.add(t);
    if (t.depth > kMostDepth) evaluateTensors([t]);
    return;
  }
  newest.add(t);
  if (!isLongEnough(t)) return;
  computeNewest(false);
  if (isKnown(t)) return;
  if (t.depth > kMostDepth) evaluateTensors([t]);
  spare(); // it fails, or another thread computes it
}

// Values that could not be computed, and what depends on them as far as it was met: they are not tried again until somebody looks.
const failing = new WeakSet<Tensor>();
let anyFails = false;

/** Those of the tensors that depend on no failing value, as far as that is known. */
function withoutFailing(tensors: readonly Tensor[]): readonly Tensor[] {
  if (!anyFails) return tensors;
  const sound = new Set<Tensor>();
  return tensors.filter((root) => {
    const met = new Set([root]);
    for (const t of met) {
      if (failing.has(t)) {
        failing.add(root);
        return false;
      }
      for (const operand of operandsOf(t)) if (!isKnown(operand) && !sound.has(operand)) met.add(operand);
    }
    for (const t of met) sound.add(t);
    return true;
  });
}

/**
 * Computes those of the noted values that no other of them reads; `quick`: unless that takes long. Returns whether it has. Throws
 * nothing: whoever looks is told.
 */
function computeNewest(quick: boolean): boolean {
  const soon = pendingBelow(awaited());
  const noted = (newest.take() as Tensor[]).filter((t) => !isKnown(t));
  const read = new Set(operandsOfAll(noted));
  const tops = withoutFailing(noted.filter((t) => !read.has(t) && !soon.has(t)));
  if (tops.length === 0) return true;
  if (quick && !isQuick(tops)) return false;
  for (const t of evaluateUnasked(tops)) {
    failing.add(t);
    anyFails = true;
  }
  return true;
}
