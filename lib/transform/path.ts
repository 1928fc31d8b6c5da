/** Paths: the entries that lie between sources and a target. Calls no rule. */
import type { Entry } from '../record/entry.js';

/** Calls f with each operand of an entry that is on the tape, and its number. */
export function eachOperand(e: Entry, f: (operand: Entry, k: number) => void): void {
  for (let k = 0; k < e.count; k++) {
    const operand = e.operand(k);
    if (operand) f(operand, k);
  }
}

/** What lies between sources and a target: every entry that depends on a source, and on which the target depends. */
export class Path {
  /** The latest first. */
  readonly entries: readonly Entry[];
  private readonly members: ReadonlySet<Entry>;

  constructor(target: Entry, sources: readonly (Entry | null)[]) {
    const from = new Set(sources);
    const earliest = sources.reduce((id, s) => (s && s.outId < id ? s.outId : id), Number.POSITIVE_INFINITY);
    const met = new Set<Entry>();
    const stack: Entry[] = [];
    const meet = (e: Entry): void => {
      if (e.outId < earliest || met.has(e)) return;
      met.add(e);
      stack.push(e);
    };
    meet(target);
    for (let e = stack.pop(); e; e = stack.pop()) {
      if (e.firstResult) meet(e.firstResult);
      eachOperand(e, meet);
    }
    const members = new Set<Entry>();
    const ascending = [...met].sort((a, b) => a.outId - b.outId);
    for (const e of ascending) {
      let wanted = from.has(e) || (e.firstResult !== null && members.has(e.firstResult));
      eachOperand(e, (operand) => {
        wanted ||= members.has(operand);
      });
      if (wanted) members.add(e);
    }
    this.members = members;
    this.entries = ascending.filter((e) => members.has(e)).reverse();
  }

  has(e: Entry): boolean {
    return this.members.has(e);
  }

  /** Whether an entry is there because of its operands, not as a source alone. */
  reachesThrough(e: Entry): boolean {
    let any = false;
    eachOperand(e, (operand) => {
      any ||= this.members.has(operand);
    });
    return any;
  }
}
