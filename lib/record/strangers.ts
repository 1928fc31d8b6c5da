/**
 * Strangers: the last ops on tensors that a tape does not know, by ids alone. `explain` follows them from a target that was
 * computed from something made before the tape recorded, or before it was watched.
 */
import { computedByOp, type Tensor } from '../engine/tensor.js';
import type { RecordedOp } from './entry.js';

/** How many ops are remembered. */
const kRemembered = 1024;

/** An op on tensors that a tape does not know. */
export interface Stranger {
  readonly op: string;
  /** Operands: ids, and whether an op computed them. */
  readonly operands: readonly (readonly [id: number, computed: boolean])[];
}

/** The last strangers of one recording: a ring of ids. */
export class Strangers {
  private readonly ids: number[] = [];
  private readonly names: string[] = [];
  private next = 0;

  note(op: RecordedOp, out: Tensor, x: Tensor, y: Tensor | null): void {
    const at = this.next;
    this.next = at + 1 === kRemembered ? 0 : at + 1;
    // A constant has a negative number.
    this.ids[3 * at] = out.id;
    this.ids[3 * at + 1] = signed(x);
    this.ids[3 * at + 2] = y ? signed(y) : 0;
    this.names[at] = op.name;
  }

  /** The op whose first result has this id; null if it is not remembered. */
  find(id: number): Stranger | null {
    for (let at = 0; at < this.names.length; at++) {
      if (this.ids[3 * at] !== id) continue;
      const operands = [this.ids[3 * at + 1] as number, this.ids[3 * at + 2] as number].filter(
        (signed) => signed !== 0,
      );
      return { op: this.names[at] as string, operands: operands.map((n) => [Math.abs(n), n > 0] as const) };
    }
    return null;
  }
}

function signed(t: Tensor): number {
  return t.op !== null || t.attributes === computedByOp ? t.id : -t.id;
}
