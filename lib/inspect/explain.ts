/**
 * Explaining gradients: why there is none of a target with respect to a source, or that there is one. Reads links.ts;
 * only where a path is found does it differentiate, on the side, to see whether the gradient is zero.
 */
import { isFloating } from '../base/dtype.js';
import { showShape } from '../base/shape.js';
import { evaluateTensors } from '../engine/evaluate.js';
import { latestDetachments } from '../engine/looks.js';
import { type Tensor, uniformTensor } from '../engine/tensor.js';
import { elementsIn } from '../op/read.js';
import { isVariable, type Variable } from '../op/variable.js';
import { densify } from '../primitives/gather.js';
import type { Entry } from '../record/entry.js';
import type { Recording } from '../record/recording.js';
import { below } from '../record/stack.js';
import { isTracing, traceOf } from '../record/trace.js';
import { backpropagate } from '../transform/backward.js';
import { isShown, type Link, Links, placed, type Step } from './links.js';

type Leaf = Tensor | Variable;

/**
 * Why a gradient is null:
 * - NOT_WATCHED: the tape does not watch the source
 * - WATCHED_TOO_LATE: it was watched after the target was computed from it
 * - USED_OUTSIDE_TAPE: the target was computed from it before the tape recorded, after, or while it was paused
 * - NOT_ON_PATH: the target does not depend on it
 * - BROKE_AT: an op on the way has no gradient
 * - STOPPED: by stopGradient
 * - INTEGER_DTYPE: the source, the target or a value on the way is of a dtype without derivatives
 * - DETACHED: a value on the way left the library as numbers, and came back as a constant
 * - ASSIGNED: the way leads through an assignment to a variable
 * - CUSTOM_NULL: the gradient function of a custom gradient gave null
 * - CONSUMED: the tape was consumed, and nothing was kept of it
 *
 * Or that it is not null: ZERO (zeros everywhere), CONNECTED.
 */
export type ExplanationCode =
  | 'NOT_WATCHED'
  | 'WATCHED_TOO_LATE'
  | 'USED_OUTSIDE_TAPE'
  | 'NOT_ON_PATH'
  | 'BROKE_AT'
  | 'STOPPED'
  | 'INTEGER_DTYPE'
  | 'DETACHED'
  | 'ASSIGNED'
  | 'CUSTOM_NULL'
  | 'CONSUMED'
  | 'ZERO'
  | 'CONNECTED';

/** What `tape.explain` says. */
export interface Explanation {
  /** Why there is no gradient, or that there is one. */
  readonly code: ExplanationCode;
  /** A sentence that names what is to blame, and says what to do. */
  readonly message: string;
  /** The op at which the way ends. */
  readonly op?: string;
  /** The place of its call, `file:line:column`; only with config.trackOrigin. */
  readonly at?: string;
  /** The ops between source and target, the first one first, as far as they are known. */
  readonly path?: readonly string[];
}

/** What explain asks about: one tape, as it was when it was asked or consumed. */
export interface Inquiry {
  readonly tape: Recording;
  /** Whether the tape's entries are there still. */
  readonly live: boolean;
  /** Whether what they keep is there too, so that one may differentiate. */
  readonly measurable: boolean;
  readonly watchesVariables: boolean;
}

/** What to switch on where only names and links would tell. */
const howToKnow =
  'config.explain = true (or GRADTAPE_EXPLAIN=1) before the values are computed keeps names and links, and gives the exact answer';

/** The explanation of the gradient of the first of the targets that has one to say; a connection goes before all else. */
export function explain(inquiry: Inquiry, targets: readonly Leaf[], source: Leaf): Explanation {
  let found: Explanation | null = null;
  for (const target of targets) {
    const one = new Question(inquiry, target, source).answer();
    if (one.code === 'CONNECTED') return one;
    if (!found || rank(one) < rank(found)) found = one;
  }
  return found ?? { code: 'NOT_ON_PATH', message: 'There is no target.' };
}

function rank({ code }: Explanation): number {
  return code === 'ZERO' ? 0 : code === 'NOT_ON_PATH' ? 2 : 1;
}

/** The explanation of a tape of which nothing was kept. */
export function explainConsumed(by: 'gradient' | 'dispose'): Explanation {
  const message =
    by === 'dispose'
      ? 'The tape holds nothing any more: it was disposed of. Ask before that.'
      : 'The tape holds nothing any more: its gradient was asked for already. Ask before that, or make the tape with ' +
        `{ persistent: true }; ${howToKnow}, also of a consumed tape.`;
  return { code: 'CONSUMED', message };
}

/** One link of a path, and the step that it leads to. */
interface Hop {
  readonly to: Step;
  readonly link: Link;
}

class Question {
  private readonly links: Links;
  private readonly tape: Recording;
  private readonly target: Leaf;
  private readonly source: Leaf;
  private readonly inquiry: Inquiry;
  private readonly sourceName: string;
  private readonly targetName: string;

  constructor(inquiry: Inquiry, target: Leaf, source: Leaf) {
    this.inquiry = inquiry;
    this.tape = inquiry.tape;
    this.links = new Links(inquiry.tape);
    this.target = target;
    this.source = source;
    this.sourceName = nameOf(source, 'source');
    this.targetName = nameOf(target, 'target');
  }

  answer(): Explanation {
    const { target, source } = this;
    for (const [leaf, name] of [
      [source, this.sourceName],
      [target, this.targetName],
    ] as const) {
      if (isFloating(leaf.dtype)) continue;
      const { op, at } = leaf === target && target !== source ? this.links.of(target) : { op: null, at: null };
      return this.say(
        'INTEGER_DTYPE',
        `${capital(name)} is ${leaf.dtype}, which has no derivatives${op === null ? '' : `; ${op}${placed(at)} made it`}. ` +
          `Only float32 and float64 have: ${leaf === source ? "write cast(x, 'float32') before the tape watches it" : 'ask about what it was computed from'}.`,
        op,
        at,
      );
    }
    if (target === source)
      return this.say('CONNECTED', 'The target is the source: its gradient is 1, or what outputGradients gives.');
    const connected = this.isKnown() ? this.search((hop) => this.isRecorded(hop)) : null;
    return connected ? this.measured(connected) : this.unconnected();
  }

  private say(
    code: ExplanationCode,
    message: string,
    op: string | null = null,
    at: string | null = null,
    hops: readonly Hop[] = [],
  ): Explanation {
    const path = hops.map(({ to }) => to.op).filter((name): name is string => name !== null && isShown(name));
    return {
      code,
      message,
      ...(op !== null && { op }),
      ...(at !== null && { at }),
      ...(path.length > 0 && { path }),
    };
  }

  /** Whether the tape knows the source: as a leaf, or as a result. */
  private isKnown(): boolean {
    const { tape, source } = this;
    if (tape.since(source.id) !== null) return true;
    if (isVariable(source)) return false;
    return Boolean(tape.find(source)) || (tape.traced?.some(({ id }) => id === source.id) ?? false);
  }

  /** The links from the source to the target, the first one first; null if there is no path of links that `admits`. */
  private search(admits: (hop: Hop) => boolean): readonly Hop[] | null {
    const start = this.links.of(this.target);
    const goal = this.source.id;
    const next = new Map<number, Hop>(); // by the step nearer to the source
    const met = new Set([start.id]);
    const queue = [start];
    for (const to of queue) {
      for (const link of to.links()) {
        if (met.has(link.from.id) || !admits({ to, link })) continue;
        met.add(link.from.id);
        next.set(link.from.id, { to, link });
        if (link.from.id === goal) return pathOf(next, goal);
        queue.push(link.from);
      }
    }
    return null;
  }

  /** Whether the tape recorded the link and a gradient flows along it. */
  private isRecorded({ to, link }: Hop): boolean {
    if (link.way !== 'op' || !link.passes || link.gaveNull || this.outside(to.id) !== null) return false;
    const since = link.from.id === this.source.id ? this.tape.since(this.source.id) : null;
    return since === null || since <= to.id || to.op === null;
  }

  /** When the tensor of this id was made: null if while the tape recorded. */
  private outside(id: number): 'before' | 'after' | 'while paused' | null {
    const { spans } = this.tape;
    const at = spans.findIndex((edge) => id < edge);
    const index = at < 0 ? spans.length : at;
    if (index % 2 === 1) return null;
    return index === 0 ? 'before' : index === spans.length ? 'after' : 'while paused';
  }

  /** What the gradient is, where a path leads to the source. */
  private measured(hops: readonly Hop[]): Explanation {
    if (!this.inquiry.measurable) {
      return this.say('CONNECTED', 'There is a differentiable path from source to target.', null, null, hops);
    }
    const gradient = this.differentiate();
    if (!gradient) {
      return this.tape.gaveNull
        ? new Question(this.inquiry, this.target, this.source).unconnected()
        : this.say('CONNECTED', 'There is a differentiable path from source to target.', null, null, hops);
    }
    const dense = densify(gradient);
    evaluateTensors([dense]);
    const zero = Array.prototype.every.call(elementsIn(dense), (value: number) => value === 0);
    return zero
      ? this.say(
          'ZERO',
          `There is a differentiable path from source to target, and the gradient is zero: here the target does not change with ${this.sourceName}.`,
          null,
          null,
          hops,
        )
      : this.say(
          'CONNECTED',
          'There is a differentiable path from source to target; the gradient is not null.',
          null,
          null,
          hops,
        );
  }

  private differentiate(): Tensor | null {
    const { target, source, tape } = this;
    const entryOf = (leaf: Leaf): Entry | null => (isVariable(leaf) ? tape.leaf(leaf.id) : tape.find(leaf));
    const entry = entryOf(target);
    if (!entry) return null;
    const ct = uniformTensor(1, target.dtype, target.shape);
    tape.beginPass();
    try {
      const pulled = below(null, () =>
        backpropagate([{ entry, ct }], [entryOf(source)], false, undefined, tape.nullNoter()),
      );
      return pulled[0] ?? null;
    } finally {
      tape.endPass();
    }
  }

  private unconnected(): Explanation {
    const known = this.isKnown();
    const hops = this.search(() => true);
    if (!known) {
      const why = this.unwatched(hops);
      if (why) return why;
    }
    return hops ? this.broken(hops) : this.withoutPath();
  }

  /** Why the tape does not watch the source; null of a variable that it would have watched when it was read. */
  private unwatched(hops: readonly Hop[] | null): Explanation | null {
    const { source, sourceName } = this;
    const first = hops?.find(({ to }) => to.op !== null)?.to;
    const used = first ? `, which ${first.op}${placed(first.at)} uses` : '';
    const hint = 'Call tape.watch(x) inside record, before the target is computed from it.';
    if (!isVariable(source)) {
      return this.say(
        'NOT_WATCHED',
        `The tape does not watch ${sourceName}${used}. ${hint}`,
        null,
        first?.at ?? null,
        hops ?? [],
      );
    }
    if (source.trainable && this.inquiry.watchesVariables) return null;
    const why = source.trainable ? 'the tape was made with watchAccessedVariables: false' : 'it is not trainable';
    return this.say(
      'NOT_WATCHED',
      `The tape does not watch ${sourceName}${used}: ${why}. ${hint}`,
      null,
      first?.at ?? null,
      hops ?? [],
    );
  }

  /** Where the path breaks: the first link from the source on that no gradient flows along. */
  private broken(hops: readonly Hop[]): Explanation {
    for (const hop of hops) {
      const why = this.breakOf(hop, hops);
      if (why) return why;
    }
    return this.say('NOT_ON_PATH', this.noPathText(), null, null, hops);
  }

  private breakOf({ to, link }: Hop, hops: readonly Hop[]): Explanation | null {
    const { from, way } = link;
    const op = to.op ?? 'an op';
    const say = (code: ExplanationCode, message: string): Explanation => this.say(code, message, to.op, to.at, hops);
    const place = placed(to.at);
    if (way === 'assigned') {
      return say(
        'ASSIGNED',
        `The target depends on ${this.sourceName} only through an assignment to variable ${to.variable}${place}: ` +
          'no gradient flows through assign. Use the tensor itself instead of the variable that it was assigned to.',
      );
    }
    if (way === 'detached') {
      return this.say('DETACHED', detachedText(from), from.op, from.at, hops);
    }
    if (to.op === null) return null;
    const outside = this.outside(to.id);
    if (outside !== null) {
      const when = {
        before: 'before the tape recorded',
        after: 'after the tape had recorded',
        'while paused': 'while the tape was paused',
      };
      return say(
        'USED_OUTSIDE_TAPE',
        `${op}${place} was computed ${when[outside]}, so the tape does not know it. Compute it inside record.`,
      );
    }
    const since = from.id === this.source.id ? this.tape.since(this.source.id) : null;
    if (since !== null && since > to.id) {
      return say(
        'WATCHED_TOO_LATE',
        `${capital(this.sourceName)} was watched after ${op}${place} had used it: what was computed before is not recorded. ` +
          'Call tape.watch first.',
      );
    }
    if (op === 'stopGradient')
      return say('STOPPED', `stopGradient${place} stops the gradient on the way to the target.`);
    if (link.gaveNull) {
      return to.custom
        ? say('CUSTOM_NULL', `The gradient function of ${op}${place} gave null for what comes from ${this.sourceName}.`)
        : say('BROKE_AT', `${op}${place} has no gradient with respect to this operand.`);
    }
    if (link.passes) return null;
    const integer = [from, to].find(({ dtype }) => dtype !== null && !isFloating(dtype));
    if (integer) {
      return say(
        'INTEGER_DTYPE',
        `The way to the target leads through ${integer.dtype} at ${op}${place}: only float32 and float64 have derivatives.`,
      );
    }
    const partly = to.links().some(({ passes }) => passes) ? ' with respect to this operand' : '';
    return say('BROKE_AT', `${op}${place} has no gradient${partly}, and the way to the target leads through it.`);
  }

  /** The explanation where no links lead from the source to the target. */
  private withoutPath(): Explanation {
    const { source, target, tape, inquiry } = this;
    const since = tape.since(source.id);
    const exact = !isVariable(target) && traceOf(target) !== null && isTracing();
    const step = this.links.of(target);
    if (exact || (inquiry.live && !isVariable(target) && tape.find(target) && step.op === null)) {
      return this.say('NOT_ON_PATH', this.noPathText());
    }
    if (isVariable(target)) return this.say('NOT_ON_PATH', this.noPathText());
    const outside = this.outside(target.id);
    const made = traceOf(target) ?? step;
    if (
      outside !== null &&
      !(inquiry.live && tape.find(target)) &&
      (target.attributes !== null || target.op !== null)
    ) {
      const when = outside === 'while paused' ? 'while the tape was paused' : `${outside} the tape recorded`;
      return this.say(
        'USED_OUTSIDE_TAPE',
        `The target was computed ${when}, so the tape does not know it. Compute it inside record.`,
        made.op,
      );
    }
    const byReading = isVariable(source) && source.trainable && inquiry.watchesVariables;
    if (since !== null && since > target.id && !byReading) {
      return this.say(
        'WATCHED_TOO_LATE',
        `${capital(this.sourceName)} was watched after the target had been computed: what was computed before is not recorded. ` +
          'Call tape.watch first.',
      );
    }
    if (inquiry.live) {
      const detached = this.detached();
      if (detached) return detached;
    }
    const foreign = this.foreign(step);
    if (foreign || (since === null && isVariable(source) && !(inquiry.live && tape.find(target)))) {
      return this.say(
        'USED_OUTSIDE_TAPE',
        `The tape did not see ${this.sourceName} lead to the target; ${foreign ? 'the target was computed from a value made before the tape recorded, or while it was paused' : 'the variable was not read while it recorded'}. ` +
          `Compute everything from the source on inside record.${this.doubt()}`,
      );
    }
    return this.say('NOT_ON_PATH', this.noPathText());
  }

  private noPathText(): string {
    return `The target does not depend on ${this.sourceName}: no op that the tape recorded leads from there to it.${this.doubt()}`;
  }

  /** How to know better, where no names and links are kept. */
  private doubt(): string {
    return isTracing() ? '' : ` (${howToKnow}.)`;
  }

  /** Whether the target was computed from a value, later than the source, that an op made before the tape recorded. */
  private foreign(start: Step): boolean {
    const met = new Set([start.id]);
    const queue = [start];
    for (const step of queue) {
      if (step.computed && step.op === null && step.id > this.source.id && this.outside(step.id) !== null) return true;
      for (const { from } of step.links()) {
        if (met.has(from.id)) continue;
        met.add(from.id);
        queue.push(from);
      }
    }
    return false;
  }

  /** The explanation by elements that were read of something computed from the source, if they became a constant. */
  private detached(): Explanation | null {
    for (const { constant, look } of latestDetachments()) {
      if (constant > this.target.id || this.outside(constant) !== null) continue;
      const [read] = this.links.behind(look);
      if (!read || !this.dependsOnSource(read)) continue;
      return this.say('DETACHED', detachedText(read), read.op, read.at);
    }
    return null;
  }

  private dependsOnSource(start: Step): boolean {
    const met = new Set([start.id]);
    const queue = [start];
    for (const step of queue) {
      if (step.id === this.source.id) return true;
      for (const { from } of step.links()) {
        if (met.has(from.id)) continue;
        met.add(from.id);
        queue.push(from);
      }
    }
    return false;
  }
}

function pathOf(next: ReadonlyMap<number, Hop>, from: number): Hop[] {
  const hops: Hop[] = [];
  for (let hop = next.get(from); hop; hop = next.get(hop.to.id)) hops.push(hop);
  return hops;
}

function nameOf(leaf: Leaf, what: string): string {
  return isVariable(leaf) ? `variable ${leaf.name}` : `the ${what} of shape ${showShape(leaf.shape)}`;
}

function detachedText({ op, at }: Step): string {
  return (
    `A value on the way${op === null ? '' : `, of ${op}${placed(at)},`} left the library as numbers (data, array or item) ` +
    'and came back as a constant, which has no past. Use the tensor itself. (A single number is known again by its value.)'
  );
}

function capital(text: string): string {
  return (text[0] as string).toUpperCase() + text.slice(1);
}
