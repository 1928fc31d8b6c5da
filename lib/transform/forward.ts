/**
 * Tangents (forward mode): from the tangents of an entry's operands to those of its results. Uses no rule of its own: what
 * is diagonal or linear gives its tangents itself, and everything else is its gradient rule, transposed once more.
 */
import { isFloating } from '../base/dtype.js';
import type { Shape } from '../base/shape.js';
import { checksRules, unlooked } from '../engine/config.js';
import { type Tensor, uniformTensor } from '../engine/tensor.js';
import { apply1, apply2, applyMany, settle } from '../op/apply.js';
import { checkPulled } from '../op/numerics.js';
import type { Op } from '../op/op.js';
import { add } from '../primitives/arithmetic.js';
import { densify } from '../primitives/gather.js';
import { broadcast } from '../primitives/movement.js';
import { type Entry, ruleOf } from '../record/entry.js';
import { Recording } from '../record/recording.js';
import { pop, push } from '../record/stack.js';
import { backpropagate, pulledOne, type TargetEntry } from './backward.js';
import { placeholderOf } from './placeholder.js';

/** A tangent; null stands for zeros that are not connected. */
export type Tangent = Tensor | null;

function sum(a: Tangent, b: Tangent): Tangent {
  return a && b ? add(a, b) : (a ?? b);
}

/** The op of the entry, applied to these operands. Of ops of one or two operands, recorders read only rules of each. */
function appliedTo(e: Entry, operands: readonly Tensor[]): Tensor {
  const op = e.op as Op<unknown>;
  const [x, y] = operands as [Tensor, Tensor?];
  if (op.vjps.length === operands.length) {
    if (!y) return apply1(op, x, e.outDType, e.outShape, e.attributes);
    if (operands.length === 2) return apply2(op, x, y, e.outDType, e.outShape, e.attributes);
  }
  return applyMany(op, operands, e.outDType, e.outShape, e.attributes);
}

/** The entries of all results of the op of an entry. */
export function resultsOf(e: Entry): readonly Entry[] {
  return e.resultEntries ?? [e];
}

/** The tangents of the results of an op, from those of its operands. `e`: the entry of its first result. */
export function tangentsOf(e: Entry, tangents: readonly Tangent[]): readonly Tangent[] {
  const { forward } = e.op;
  if (forward === 'elementwise') return [byDiagonal(e, tangents)];
  if (forward === 'linear') {
    return [
      appliedTo(
        e,
        tangents.map((t, k) => t ?? (hasRule(e, k) ? zerosOf(e, e.shape(k)) : e.kept(k))),
      ),
    ];
  }
  if (forward === 'multilinear') {
    let total: Tangent = null;
    for (let k = 0; k < tangents.length; k++) {
      const t = tangents[k];
      if (t)
        total = sum(
          total,
          appliedTo(
            e,
            tangents.map((_, j) => (j === k ? t : e.kept(j))),
          ),
        );
    }
    return [total];
  }
  return forward ? forward(tangents, e) : transposedTwice(e, tangents);
}

function hasRule(e: Entry, k: number): boolean {
  return e.op.pullAll !== null || !!ruleOf(e.op, k);
}

function zerosOf(e: Entry, shape: Shape): Tensor {
  return uniformTensor(0, e.outDType, shape);
}

/** Of an elementwise op: a rule multiplies by a diagonal, whichever way. */
function byDiagonal(e: Entry, tangents: readonly Tangent[]): Tangent {
  let total: Tangent = null;
  for (let k = 0; k < tangents.length; k++) {
    const t = tangents[k];
    if (t) total = sum(total, pulledOne(e, t, k, 'tangent') ?? null);
  }
  return total && broadcast(total, e.outShape);
}

/**
 * To transpose a rule: it gives cotangents of operands as linear functions of those of the results, which here are placeholders. The
 * gradient of these functions, at the tangents, are the tangents of the results. Rules may give more than is asked for, which depends
 * on placeholders to the end; so nothing is computed before the tangents are found, and these are checked as a whole.
 */
function transposedTwice(e: Entry, tangents: readonly Tangent[]): readonly Tangent[] {
  const found = unlooked(() => transposed(e, tangents));
  const k = tangents.findIndex((t) => t !== null);
  for (const t of found) {
    if (!t) continue;
    settle(t);
    if (checksRules()) checkPulled(e, k, tangents, t, 'tangent');
  }
  return found;
}

function transposed(e: Entry, tangents: readonly Tangent[]): readonly Tangent[] {
  const results = resultsOf(e);
  const recording = new Recording(false);
  const cts = results.map((result) => placeholderOf(result.outDType, result.outShape));
  const targets: TargetEntry[] = [];
  let connected = false;
  push(recording);
  try {
    cts.forEach((ct, k) => {
      if (isFloating((results[k] as Entry).outDType)) recording.watch(ct);
    });
    const pulled = e.op.pullAll?.(cts, e);
    tangents.forEach((t, k) => {
      if (!t) return;
      const given = pulled ? pulled[k] : ruleOf(e.op, k)?.pull(cts[0] as Tensor, e, k);
      if (!given) return;
      connected = true;
      const dense = densify(given);
      const entry = recording.find(dense);
      // Where the rule repeats the operand's elements, what is summed by backward.ts is repeated here.
      if (entry) targets.push({ entry, ct: broadcast(t, dense.shape) });
    });
  } finally {
    pop(recording);
  }
  const sources = cts.map((ct) => recording.find(ct));
  return backpropagate(targets, sources, true).map((t, k) => {
    if (t) return densify(t);
    // A rule that gives constant zeros connects, too.
    const { outDType, outShape } = results[k] as Entry;
    return connected && isFloating(outDType) ? uniformTensor(0, outDType, outShape) : null;
  });
}
