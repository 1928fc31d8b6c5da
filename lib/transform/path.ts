/** Paths: the entries that lie between sources and a target. Calls no rule. */
import type { Entry } from '../record/entry.js';
import { entriesBetween } from './backward.js';

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
    this.entries = entriesBetween(target, sources);
    this.members = new Set(this.entries);
  }

  has(e: Entry | null): boolean {
    return e !== null && this.members.has(e);
  }

  /** Whether an entry is there because of its operands, not as a source alone. */
  reachesThrough(e: Entry): boolean {
    for (let k = 0; k < e.count; k++) if (this.has(e.operand(k))) return true;
    return false;
  }
}
