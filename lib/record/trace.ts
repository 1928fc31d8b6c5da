/**
 * Traces: names and links of what was computed, on a tape or not, while config.explain or config.trackOrigin is on. They
 * keep no value and no rule. `explain` and the pictures read them.
 */
import type { DType } from '../base/dtype.js';
import { isFloating } from '../base/dtype.js';
import { callSite } from '../base/origin.js';
import type { Shape } from '../base/shape.js';
import { flags, onFlags } from '../engine/config.js';
import { lookBehind } from '../engine/looks.js';
import type { Tensor } from '../engine/tensor.js';
import { type Entry, type RecordedOp, ruleOf } from './entry.js';
import { latestOf, observe, Recorder, type VariableInfo } from './stack.js';

const none: readonly Trace[] = [];
const noBooleans: readonly boolean[] = [];

/** A chain of so many traces is cut, so that a loop which never ends keeps no more. */
const kDeepest = 2 ** 16;

/** What the value assigned last to a variable came from. All readings of the variable share it. */
export class VariableTrace {
  readonly name: string;
  readonly id: number;
  /** What the value assigned last, and those that it updates, were computed from. */
  assigned: readonly Trace[] = none;
  /** The place of the assignment. */
  at: string | null = null;
  constructor({ id, name }: VariableInfo) {
    this.id = id;
    this.name = name;
  }
}

/** What is known of how a tensor was made. */
export class Trace {
  readonly id: number;
  readonly shape: Shape;
  readonly dtype: DType;
  /** The op that made it; null of a constant and of a reading. */
  op: string | null = null;
  operands: readonly Trace[] = none;
  /** For each operand, whether the op has a gradient rule for it. */
  passes: readonly boolean[] = noBooleans;
  /** Whether the op is a custom gradient. */
  custom = false;
  /** Of a custom gradient: the index among the operands of what the body computed; -1 if there is none. */
  body = -1;
  /** The place of the call; null unless config.trackOrigin is on. */
  at: string | null = null;
  /** The variable whose value it is. */
  variable: VariableTrace | null = null;
  /** Of a constant made from elements that were read: what those were read of. */
  detachedFrom: Trace | null = null;
  depth = 0;
  constructor(t: Tensor) {
    this.id = t.id;
    this.shape = t.shape;
    this.dtype = t.dtype;
  }
}

const traces = new WeakMap<Tensor, Trace>();
const variableTraces = new WeakMap<VariableInfo, VariableTrace>();

/** Whether traces are made. */
export function isTracing(): boolean {
  return flags.explain || tracksOrigin();
}

/** Whether traces have the places of calls: checkNumerics names that of the forward op too. */
function tracksOrigin(): boolean {
  return flags.trackOrigin || flags.checkNumerics;
}

const tracesOfEntries = new WeakMap<Entry, Trace>();

/** Notes which entry a tape has of a result. Returns the trace of that. */
export function traceEntry(entry: Entry, out: Tensor): Trace {
  const trace = tracedAs(out);
  tracesOfEntries.set(entry, trace);
  return trace;
}

/** The trace of the result that the entry is of; null if it was made before traces were. */
export function traceOfEntry(entry: Entry): Trace | null {
  return tracesOfEntries.get(entry) ?? null;
}

/** The trace of a tensor; null if it was made before traces were. */
export function traceOf(t: Tensor): Trace | null {
  return traces.get(t) ?? null;
}

/** The trace of a tensor, made now if it has none: then the tensor counts as a constant. */
export function tracedAs(t: Tensor): Trace {
  let trace = traces.get(t);
  if (!trace) {
    trace = new Trace(t);
    const look = lookBehind(t);
    if (look) trace.detachedFrom = (look.trace as Trace | null) ?? null;
    traces.set(t, trace);
  }
  return trace;
}

function variableTraceOf(v: VariableInfo): VariableTrace {
  let trace = variableTraces.get(v);
  if (!trace) {
    trace = new VariableTrace(v);
    variableTraces.set(v, trace);
  }
  return trace;
}

function fill(
  outs: readonly Tensor[],
  op: RecordedOp,
  operands: readonly Tensor[],
  passes: readonly boolean[],
  custom = false,
): void {
  const from = operands.map(tracedAs);
  const depth = 1 + from.reduce((most, { depth }) => Math.max(most, depth), 0);
  const cut = depth > kDeepest;
  const at = tracksOrigin() ? callSite() : null;
  for (const out of outs) {
    const trace = tracedAs(out);
    trace.op = op.name;
    trace.operands = cut ? none : from;
    trace.passes = cut ? noBooleans : passes;
    trace.custom = custom;
    trace.at = at;
    trace.depth = cut ? 0 : depth;
  }
}

function passesOf(op: RecordedOp, operands: readonly Tensor[]): readonly boolean[] {
  return operands.map((t, k) => isFloating(t.dtype) && Boolean(op.pullAll ?? ruleOf(op, k)));
}

/** The recorder that makes traces. It stands below all others and knows no tensor, so no tape behaves otherwise for it. */
class Tracer extends Recorder {
  override knows(): boolean {
    return false;
  }
  override note1(op: RecordedOp, out: Tensor, x: Tensor): void {
    fill([out], op, [x], passesOf(op, [x]));
  }
  override note2(op: RecordedOp, out: Tensor, x: Tensor, y: Tensor): void {
    fill([out], op, [x, y], passesOf(op, [x, y]));
  }
  override noteMany(op: RecordedOp, outs: readonly Tensor[], operands: readonly Tensor[]): void {
    fill(outs, op, operands, passesOf(op, operands));
  }
  override noteInstead(
    op: RecordedOp,
    outs: readonly Tensor[],
    operands: readonly Tensor[],
    under: readonly Tensor[],
  ): void {
    const passes = passesOf(op, operands);
    outs.forEach((out, k) => {
      const value = under[k];
      fill([out], op, value ? [...operands, value] : operands, value ? [...passes, true] : passes, true);
      if (value) tracedAs(out).body = operands.length;
    });
  }
  override noteReading(t: Tensor, v: VariableInfo): void {
    tracedAs(t).variable ??= variableTraceOf(v);
  }
  override noteAssigned(v: VariableInfo, value: Tensor, from: readonly Tensor[], isUpdate: boolean): void {
    const trace = variableTraceOf(v);
    trace.assigned = latestOf(isUpdate ? trace.assigned : none, from.map(tracedAs));
    trace.at = tracksOrigin() ? callSite() : null;
    tracedAs(value).variable = trace;
  }
  override left(): void {}
}

let tracer: Tracer | null = null;

onFlags(() => {
  if (isTracing() === (tracer !== null)) return;
  if (tracer) {
    observe(tracer, false);
    tracer = null;
  } else {
    tracer = new Tracer();
    observe(tracer, true);
  }
});
