/**
 * Links: what a tensor was computed from, as far as anybody knows: from traces, from the entries of one tape, from what is
 * still pending, and from ids. Decides nothing; explain.ts does.
 */
import type { DType } from '../base/dtype.js';
import { isFloating } from '../base/dtype.js';
import type { Shape } from '../base/shape.js';
import { type Look, lookBehind } from '../engine/looks.js';
import { assignedTo } from '../engine/pending.js';
import { isKnown, operandsOf, type Tensor } from '../engine/tensor.js';
import { Op } from '../op/op.js';
import { isVariable, type Variable } from '../op/variable.js';
import { type Entry, type RecordedOp, ruleOf } from '../record/entry.js';
import type { Recording } from '../record/recording.js';
import { type Trace, traceOf } from '../record/trace.js';

/** How one value came from another: by an op, by an assignment to a variable, or by way of elements that were read. */
export type Way = 'op' | 'assigned' | 'detached';

/** A link from a value to one that it was computed from. */
export interface Link {
  readonly from: Step;
  readonly way: Way;
  /** Whether the op has a gradient rule for this operand. */
  readonly passes: boolean;
  /** Whether the rule gave no gradient when it was asked. */
  readonly gaveNull: boolean;
}

/** A value on the way from a source to a target. */
export interface Step {
  /** The id of the tensor; of a variable or its reading, that of the variable. */
  readonly id: number;
  /** The op; null of a constant or leaf. */
  readonly op: string | null;
  readonly custom: boolean;
  readonly variable: string | null;
  readonly dtype: DType | null;
  readonly shape: Shape | null;
  readonly at: string | null;
  /** Whether an op made it of which nothing else is known. */
  readonly computed: boolean;
  readonly links: () => readonly Link[];
}

const noLinks = (): readonly Link[] => [];
const blank = { op: null, custom: false, variable: null, dtype: null, shape: null, at: null, computed: false } as const;

/** Ops that the library puts in between; a path does not show them. */
const hidden: ReadonlySet<string> = new Set(['read', 'connect', 'linked']);

/** The place of a call, as sentences have it; '' if it is not known. */
export function placed(at: string | null): string {
  return at === null ? '' : ` (${at})`;
}

/** Whether a path shows the op of this name. */
export function isShown(op: string): boolean {
  return !hidden.has(op);
}

/** The links of values as one tape, and whatever else is known, have them. */
export class Links {
  private readonly steps = new Map<number, Step>();
  private readonly tape: Recording;
  private recorded: Set<number> | null = null;
  /** @param tape may have been consumed: then only traces are left of it */
  constructor(tape: Recording) {
    this.tape = tape;
  }

  /** The step of a target or source. */
  of(leaf: Tensor | Variable): Step {
    if (!isVariable(leaf)) return this.ofTensor(leaf);
    return this.once(leaf.id, () => {
      const trace = traceOf(leaf.borrow())?.variable ?? null;
      const assigned = trace ? () => this.assignments(trace.assigned) : () => this.assignedOnTape(leaf.id);
      return {
        ...blank,
        ...{ id: leaf.id, variable: leaf.name, dtype: leaf.dtype, shape: leaf.shape },
        at: trace?.at ?? null,
        links: assigned,
      };
    });
  }

  private once(id: number, make: () => Step): Step {
    let step = this.steps.get(id);
    if (!step) {
      step = make();
      this.steps.set(id, step);
    }
    return step;
  }

  private ofTensor(t: Tensor): Step {
    const trace = traceOf(t);
    if (trace && (trace.op !== null || trace.variable || trace.detachedFrom)) return this.ofTrace(trace);
    const entry = this.tape.find(t);
    if (entry) return this.ofEntry(entry, t);
    if (!isKnown(t)) return this.ofPending(t);
    return this.once(t.id, () => this.ofKnown(t));
  }

  private ofTrace(trace: Trace): Step {
    const { id, op, custom, shape, dtype, at, variable, detachedFrom } = trace;
    return this.once(op === null && variable ? variable.id : id, () => ({
      ...blank,
      ...{ id: op === null && variable ? variable.id : id, op, custom, shape, dtype },
      at: op === null && variable ? variable.at : at,
      variable: op === null ? (variable?.name ?? null) : null,
      links: () => {
        const links = trace.operands.map((operand, k) => {
          // Where the tape knows an operand, the rule alone gives gradients, and the body none.
          const hidden = k === trace.body && trace.operands.some((other, i) => i !== k && this.isKnown(other));
          return this.link(this.ofTrace(operand), 'op', !hidden && (trace.passes[k] ?? false), this.isNull(id, k));
        });
        if (op === null && variable) links.push(...this.assignments(variable.assigned));
        if (detachedFrom) links.push(this.link(this.ofTrace(detachedFrom), 'detached', false));
        return links;
      },
    }));
  }

  private isKnown({ id }: Trace): boolean {
    this.recorded ??= new Set(this.tape.traced?.map((trace) => trace.id));
    return this.recorded.has(id) || this.tape.since(id) !== null;
  }

  private assignments(from: readonly Trace[]): Link[] {
    return from.map((trace) => this.link(this.ofTrace(trace), 'assigned', false));
  }

  private assignedOnTape(variable: number): Link[] {
    const ids = this.tape.assigned?.get(variable) ?? [];
    return ids.flatMap((id) => this.ofId(id)).map((from) => this.link(from, 'assigned', false));
  }

  private link(from: Step, way: Way, passes: boolean, gaveNull = false): Link {
    return { from, way, passes, gaveNull };
  }

  private isNull(id: number, k: number): boolean {
    return this.tape.gaveNull?.has(`${id}:${k}`) ?? false;
  }

  private ofEntry(entry: Entry, t: Tensor | null = null): Step {
    const variable = this.tape.variables.find((v) => v.id === entry.outId);
    const step = (): Step => ({
      ...blank,
      ...{ id: entry.outId, shape: entry.outShape, dtype: entry.outDType },
      op: isLeafEntry(entry) ? null : entry.op.name,
      custom: entry.op.custom ?? false,
      variable: variable?.name ?? null,
      links: () => {
        const links = this.entryLinks(entry.firstResult ?? entry);
        if (variable) links.push(...this.assignedOnTape(variable.id));
        if (t && !isKnown(t)) links.push(...this.pendingLinks(t).filter(({ from }) => !this.isOf(links, from)));
        return links;
      },
    });
    return this.once(entry.outId, step);
  }

  private isOf(links: readonly Link[], step: Step): boolean {
    return links.some(({ from }) => from.id === step.id);
  }

  private entryLinks(entry: Entry): Link[] {
    const links: Link[] = [];
    for (let k = 0; k < entry.count; k++) {
      const operand = entry.operand(k);
      if (operand) links.push(this.link(this.ofEntry(operand), 'op', true, this.isNull(entry.outId, k)));
    }
    for (const id of entry.blocked ?? []) {
      for (const from of this.ofId(id)) links.push(this.link(from, 'op', false));
    }
    return links;
  }

  private ofPending(t: Tensor): Step {
    return this.once(t.id, () => ({
      ...blank,
      ...{ id: t.id, shape: t.shape, dtype: t.dtype, variable: assignedTo(t) },
      op: assignedTo(t) === null ? (t.op?.name ?? null) : null,
      links: () => this.pendingLinks(t),
    }));
  }

  private pendingLinks(t: Tensor): Link[] {
    const operands = operandsOf(t);
    const way: Way = assignedTo(t) === null ? 'op' : 'assigned';
    return operands.map((x, k) =>
      this.link(this.ofTensor(x), way, way === 'op' && isFloating(x.dtype) && hasRule(t.op, k)),
    );
  }

  private ofKnown(t: Tensor): Step {
    const look = lookBehind(t);
    const [stranger] = this.ofStranger(t.id);
    if (stranger) return stranger;
    const links = look ? () => this.behind(look).map((from) => this.link(from, 'detached', false)) : noLinks;
    return { ...blank, id: t.id, shape: t.shape, dtype: t.dtype, computed: t.attributes !== null, links };
  }

  /** The step of the tensor that was read; none if nothing is known of it. */
  behind({ of, tensor }: Look): readonly Step[] {
    const known = this.ofId(of);
    if (known.length > 0) return known;
    const t = tensor?.deref();
    return t ? [this.of(t)] : [];
  }

  /** The step of which only the id is known; none if nothing is known of it. */
  ofId(id: number): readonly Step[] {
    const known = this.steps.get(id);
    if (known) return [known];
    const entry = this.tape.byId(id);
    return entry ? [this.ofEntry(entry)] : this.ofStranger(id);
  }

  private ofStranger(id: number): readonly Step[] {
    const stranger = this.tape.strangers?.find(id);
    if (!stranger) return [];
    const links = (): readonly Link[] =>
      stranger.operands.map(([operand, computed]) => {
        const [from = this.once(operand, () => ({ ...blank, id: operand, computed, links: noLinks }))] =
          this.ofId(operand);
        return this.link(from, 'op', true);
      });
    return [this.once(id, () => ({ ...blank, id, op: stranger.op, computed: true, links }))];
  }
}

/** Whether the entry is of a leaf: a watched tensor or a variable. */
export function isLeafEntry(entry: Entry): boolean {
  return entry.op.name === 'leaf' || entry.op.name === 'variable';
}

function hasRule(op: unknown, k: number): boolean {
  return op instanceof Op && Boolean(op.pullAll ?? ruleOf(op as RecordedOp, k));
}
