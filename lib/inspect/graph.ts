/** The graph of a recording: its leaves and ops, and which of them gradients flow between. Pictures draw it. */
import { type DType, dtypeBytes, isFloating } from '../base/dtype.js';
import { showShape } from '../base/shape.js';
import type { Tensor } from '../engine/tensor.js';
import type { Entry } from '../record/entry.js';
import type { Recording } from '../record/recording.js';
import { type Trace, traceOfEntry, type VariableTrace } from '../record/trace.js';
import { isLeafEntry, placed } from './links.js';

/** A leaf or the result of an op. */
export interface GraphNode {
  readonly id: number;
  /** The op; of a leaf its name. */
  readonly label: string;
  readonly leaf: boolean;
  /** Whether a gradient function of the user makes its gradient, which may be null. */
  readonly custom: boolean;
  /** As '[2, 3]'. */
  readonly shape: string;
  readonly dtype: string;
  /** Bytes of tensors that the tape keeps for the op's gradient. */
  readonly bytes: number;
  readonly at: string | null;
}

/** From an operand to a result. `why`: why no gradient flows along it; null if one does. */
export interface GraphEdge {
  readonly from: number;
  readonly to: number;
  readonly why: string | null;
}

export interface Graph {
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
}

/** The graph of the recording; if it was consumed, that of its traces. */
export function graphOf(tape: Recording, live: boolean): Graph {
  return live ? graphOfEntries(tape) : graphOfTraces(tape);
}

function bytesOf(t: Tensor | null): number {
  return t ? t.size * dtypeBytes[t.dtype] : 0;
}

function keptBytes(e: Entry): number {
  let bytes = bytesOf(e.x) + bytesOf(e.y) + bytesOf(e.out);
  for (const [, t] of e.keptBeyondTwo) bytes += bytesOf(t);
  return bytes;
}

function graphOfEntries(tape: Recording): Graph {
  const names = new Map(tape.variables.map(({ id, name }) => [id, name]));
  const entries = tape.all();
  const made = new Set(entries.map(({ outId }) => outId));
  const nodes = entries.map((e) => ({
    id: e.outId,
    label: isLeafEntry(e) ? (names.get(e.outId) ?? 'tensor') : e.op.name,
    leaf: isLeafEntry(e),
    custom: e.op.custom ?? false,
    shape: showShape(e.outShape),
    dtype: e.outDType,
    bytes: keptBytes(e),
    at: traceOfEntry(e)?.at ?? null,
  }));
  const edges: GraphEdge[] = [];
  for (const e of entries) {
    const rule = e.firstResult ?? e;
    const at = traceOfEntry(e)?.at ?? null;
    for (let k = 0; k < rule.count; k++) {
      const operand = rule.operand(k);
      if (!operand || !made.has(operand.outId)) continue;
      const isNull = tape.gaveNull?.has(`${rule.outId}:${k}`);
      const why = isNull ? gaveNone(e.op.name, e.op.custom ?? false, at) : null;
      edges.push({ from: operand.outId, to: e.outId, why });
    }
    for (const id of rule.blocked ?? []) {
      const operand = tape.byId(id);
      if (!operand) continue;
      edges.push({ from: operand.outId, to: e.outId, why: whyNot(e.op.name, [operand.outDType, e.outDType], at) });
    }
  }
  for (const { id, name } of tape.variables) {
    if (!made.has(id)) continue;
    for (const from of tape.assigned?.get(id) ?? []) if (made.has(from)) edges.push(assignment(from, id, name, null));
  }
  return { nodes, edges };
}

/** Why no gradient flows through an op; of these dtypes, of an operand and the result. */
function whyNot(op: string, dtypes: readonly DType[], at: string | null): string {
  if (op === 'stopGradient') return `STOPPED: stopGradient${placed(at)} stops the gradient.`;
  const dtype = dtypes.find((each) => !isFloating(each));
  if (dtype !== undefined) return `INTEGER_DTYPE: the way leads through ${dtype} at ${op}${placed(at)}.`;
  return `BROKE_AT: ${op}${placed(at)} has no gradient.`;
}

/** Why there is no gradient where a rule was asked for one. */
function gaveNone(op: string, custom: boolean, at: string | null): string {
  return custom
    ? `CUSTOM_NULL: the gradient function of ${op}${placed(at)} gave null.`
    : `BROKE_AT: ${op}${placed(at)} has no gradient with respect to this operand.`;
}

function assignment(from: number, to: number, variable: string, at: string | null): GraphEdge {
  return { from, to, why: `ASSIGNED: no gradient flows through the assignment to variable ${variable}${placed(at)}.` };
}

function graphOfTraces(tape: Recording): Graph {
  const traced = tape.traced ?? [];
  const names = new Map(tape.variables.map(({ id, name }) => [id, name]));
  const nodes = new Map<number, GraphNode>();
  const idOf = (trace: Trace): number => (trace.op === null && trace.variable ? trace.variable.id : trace.id);
  const read = new Set<VariableTrace>();
  const add = (trace: Trace): void => {
    const id = idOf(trace);
    if (trace.op === null && trace.variable) read.add(trace.variable);
    if (nodes.has(id)) return;
    nodes.set(id, {
      id,
      label: trace.op ?? names.get(id) ?? 'tensor',
      leaf: trace.op === null,
      custom: trace.custom,
      shape: showShape(trace.shape),
      dtype: trace.dtype,
      bytes: 0,
      at: trace.at,
    });
  };
  const edges: GraphEdge[] = [];
  const ids = new Set(traced.map(({ id }) => id));
  for (const trace of traced) {
    const { id: to, op, custom, at } = trace;
    for (const [k, operand] of trace.operands.entries()) {
      const from = idOf(operand);
      if (!ids.has(operand.id) && tape.since(from) === null) continue;
      add(operand);
      let why: string | null = null;
      if (tape.gaveNull?.has(`${to}:${k}`)) why = gaveNone(op ?? '', custom, at);
      else if (!trace.passes[k]) why = whyNot(op ?? '', [operand.dtype, trace.dtype], at);
      edges.push({ from, to, why });
    }
    add(trace);
  }
  for (const { id: to, name, assigned, at } of read) {
    for (const { id } of assigned) if (ids.has(id)) edges.push(assignment(id, to, name, at));
  }
  return { nodes: [...nodes.values()], edges };
}
