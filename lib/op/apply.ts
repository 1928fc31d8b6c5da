/**
 * `apply`: makes the pending tensor of an op and tells recorders of it. Two others make pending tensors: `aliasOf` a
 * view, which `applied1` or `recordInstead` tells of, and the constructor of IndexedSlices, which tells of itself. The
 * settings eager, checkNumerics and trackOrigin act here.
 */
import type { DType } from '../base/dtype.js';
import { callSite } from '../base/origin.js';
import type { Shape } from '../base/shape.js';
import { sizeOf } from '../base/shape.js';
import { flags } from '../engine/config.js';
import { boundPending } from '../engine/crowd.js';
import { evaluateTensors } from '../engine/evaluate.js';
import { noteMade } from '../engine/growth.js';
import { linkResults, noTensors } from '../engine/job.js';
import { Computation, isKnown, made, operandsOf, Tensor } from '../engine/tensor.js';
import type { RecordedOp } from '../record/entry.js';
import { isRecording, record1, record2, recordMany, unheard } from '../record/stack.js';
import { checkResult, isChecking, unchecked } from './numerics.js';
import { Op } from './op.js';

function pending<A>(op: Op<A>, dtype: DType, shape: Shape, x: Tensor | null, y: Tensor | null, attributes: A): Tensor {
  const size = x && x.shape === shape ? x.size : sizeOf(shape);
  const t = new Tensor(made, shape, dtype, size, op, x, y);
  t.attributes = attributes;
  let depth = 0;
  if (x) {
    depth = x.depth;
    x.readers++;
  }
  if (y) {
    if (y.depth > depth) depth = y.depth;
    y.readers++;
  }
  t.depth = depth + 1;
  return t;
}

function pendingMany<A>(op: Op<A>, operands: readonly Tensor[], dtype: DType, shape: Shape, attributes: A): Tensor {
  const t = new Tensor(made, shape, dtype, sizeOf(shape), op, null, null);
  t.attributes = attributes;
  t.more = operands;
  for (const x of operands) {
    if (x.depth > t.depth) t.depth = x.depth;
    x.readers++;
  }
  t.depth++;
  return t;
}

/** The result of an op without operands. */
export function apply0<A>(op: Op<A>, dtype: DType, shape: Shape, attributes: A): Tensor {
  const t = pending(op, dtype, shape, null, null, attributes);
  if (isRecording()) recordMany(op, [t], noTensors, attributes);
  return settledIfAsked(t, op);
}

/** The result of an op of one operand. */
export function apply1<A>(op: Op<A>, x: Tensor, dtype: DType, shape: Shape, attributes: A): Tensor {
  const t = pending(op, dtype, shape, x, null, attributes);
  if (isRecording()) record1(op, t, x, attributes);
  if (t.depth > flags.depth) evaluateNow(t, op);
  return t;
}

/** The result of an op of two operands. */
export function apply2<A>(op: Op<A>, x: Tensor, y: Tensor, dtype: DType, shape: Shape, attributes: A): Tensor {
  const t = pending(op, dtype, shape, x, y, attributes);
  if (isRecording()) record2(op, t, x, y, attributes);
  if (t.depth > flags.depth) evaluateNow(t, op);
  return t;
}

/** The result of an op of any number of operands, at least one. */
export function applyMany<A>(
  op: Op<A>,
  operands: readonly Tensor[],
  dtype: DType,
  shape: Shape,
  attributes: A,
): Tensor {
  const t = pendingMany(op, operands, dtype, shape, attributes);
  if (isRecording()) recordMany(op, [t], operands, attributes);
  return settledIfAsked(t, op);
}

/**
 * Tells recorders that an op gave t, which is known already or a view of the operand. Returns t; nothing is to be
 * computed.
 */
export function applied1<A>(op: Op<A>, t: Tensor, x: Tensor, attributes: A): Tensor {
  if (isRecording()) record1(op, t, x, attributes);
  if (t.depth > flags.depth) evaluateNow(t, op, [x]);
  return t;
}
/** As `applied1`, of an op of two operands. */
export function applied2<A>(op: Op<A>, t: Tensor, x: Tensor, y: Tensor, attributes: A): Tensor {
  if (isRecording()) record2(op, t, x, y, attributes);
  if (t.depth > flags.depth) evaluateNow(t, op, [x, y]);
  return t;
}

/**
 * The result of an op that other ops compute in `forward`. Recorders are told of this op, with its rule, and not of
 * those.
 */
export function applyComposed<A>(op: Op<A>, operands: readonly Tensor[], attributes: A, forward: () => Tensor): Tensor {
  const t = flags.checkNumerics ? uncheckedWithin(op, operands, attributes, forward) : composed(forward);
  if (isRecording()) recordComposed(op, t, operands, attributes);
  return t;
}

function composed(forward: () => Tensor): Tensor {
  return isRecording() ? unheard(forward) : forward();
}

/** The result of `forward`, which alone is checked, not the steps to it. */
function uncheckedWithin<A>(op: Op<A>, operands: readonly Tensor[], attributes: A, forward: () => Tensor): Tensor {
  const t = unchecked(() => composed(forward));
  if (isChecking()) checkResult(op, t, operands, { op, operands, attributes });
  return t;
}

/** As `applyComposed`, of one operand: `forward` gets it and `given`. (No closure and no list are made.) */
export function applyComposed1<A, B>(
  op: Op<A>,
  x: Tensor,
  attributes: A,
  forward: (x: Tensor, given: B) => Tensor,
  given: B,
): Tensor {
  if (!isRecording()) return forward(x, given);
  const t = unheard(forward, x, given);
  record1(op, t, x, attributes);
  return t;
}

/** Tells recorders of an op with this result. */
function recordComposed<A>(op: RecordedOp<A>, t: Tensor, operands: readonly Tensor[], attributes: A): void {
  const [x, y] = operands;
  const each = op.vjps.length === operands.length; // a rule for each operand
  if (x && !y && each) record1(op, t, x, attributes);
  else if (x && y && each && operands.length === 2) record2(op, t, x, y, attributes);
  else recordMany(op, [t], operands, attributes);
}

/** One of several results. */
export interface ResultSpec<A> {
  readonly dtype: DType;
  readonly shape: Shape;
  readonly attributes: A;
}

/**
 * The results of an op each of which the kernel of `part` computes from the operand. Recorders are told of `op`, with
 * all results.
 */
export function applyParts<A, B>(
  op: Op<A>,
  x: Tensor,
  attributes: A,
  part: Op<B>,
  specs: readonly ResultSpec<B>[],
): Tensor[] {
  const parts = specs.map((spec) => pending(part, spec.dtype, spec.shape, x, null, spec.attributes));
  if (isRecording()) recordMany(op, parts, [x], attributes);
  for (const t of parts) settledIfAsked(t, op, [x]);
  return parts;
}

/** Shows result k of a kernel with several, whose operand is the first. Attributes: k. */
const resultOp: Op<number> = new Op('result', { kernel: 'result', words: (k) => [k] });

/** The results of an op whose kernel computes all of them at once. */
export function applyResults<A>(
  op: Op<A>,
  operands: readonly Tensor[],
  attributes: A,
  specs: readonly Omit<ResultSpec<null>, 'attributes'>[],
): Tensor[] {
  const first = specs[0] as ResultSpec<null>;
  const t = pendingMany(op, operands, first.dtype, first.shape, attributes);
  const results = specs.map((spec, k) => (k === 0 ? t : pending(resultOp, spec.dtype, spec.shape, t, null, k)));
  linkResults(t, results.slice(1));
  if (isRecording()) recordMany(op, results, operands, attributes);
  for (const result of results) settledIfAsked(result, op, operands);
  return results;
}

/**
 * The last step of an op: computes the value at once, if the settings or the length of the pending chain ask for it.
 * (apply1 and apply2 have it in place: a call costs them 3 %.)
 */
function settledIfAsked(t: Tensor, op: Computation, operands: readonly Tensor[] | null = null): Tensor {
  if (t.depth > flags.depth) evaluateNow(t, op, operands);
  return t;
}

/**
 * What the settings ask for, noting values while memory grows, and computing a chain that is too long. `given`: the
 * operands of a view, or of one of several results, where t is not what its op computes alone.
 */
function evaluateNow(t: Tensor, op: Computation, given: readonly Tensor[] | null = null): void {
  if (flags.trackOrigin && t.op && !isKnown(t)) {
    const at = callSite();
    if (at !== null) t.op = new Computation(`${op.name} (at ${at})`, t.op.opcode, t.op.words);
  }
  const checks = isChecking();
  if (!flags.eager && !checks) {
    boundPending(t);
    return;
  }
  const operands = given ?? operandsOf(t);
  const own = checks && !given && op instanceof Op && op.opcode === t.op?.opcode;
  const call = own ? { op, operands, attributes: t.attributes } : null;
  evaluateTensors([t]);
  if (flags.noting > 0) noteMade(t);
  if (checks) checkResult(op, t, operands, call);
}

/** Computes what was made while nothing was to be computed (`unlooked`), if the settings or the length of the chain ask for it. */
export function settle(t: Tensor): void {
  if (t.depth <= flags.depth) return;
  if (flags.eager) evaluateTensors([t]);
  else boundPending(t);
}
