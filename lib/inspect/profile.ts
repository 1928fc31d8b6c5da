/**
 * Profiles: where the time of a computation goes, by op and line. While one is taken, values are computed piece by piece,
 * each kernel and each chain of elementwise ops by a program of its own, and every piece is timed.
 */
import { argument, callback, refuseAsync, refuseExtra } from '../base/arguments.js';
import { dtypeBytes } from '../base/dtype.js';
import { showsText } from '../base/inspect.js';
import { mapNested } from '../base/nested.js';
import { isCheap, isElementwise } from '../engine/addon.js';
import { config } from '../engine/config.js';
import { computeBy, evaluatePiece, evaluateTensors } from '../engine/evaluate.js';
import { pendingBelow } from '../engine/recovery.js';
import { isKnown, isTensor, operandsOf, type Tensor, uniformTensor } from '../engine/tensor.js';
import { opcodeIn } from '../engine/view.js';
import { isVariable } from '../op/variable.js';
import { densify } from '../primitives/gather.js';
import type { Entry } from '../record/entry.js';
import type { Recording } from '../record/recording.js';
import { below } from '../record/stack.js';
import { traceOf, traceOfEntry } from '../record/trace.js';
import { backpropagate, backwardSpans } from '../transform/backward.js';
import { tableOf } from './table.js';

/** All calls of one op, or of loops of the same ops, at one line. */
export interface ProfileRow {
  /** The op; of a loop `loop: ` and its ops. */
  readonly op: string;
  /** The ops, in the order in which they are computed. */
  readonly ops: readonly string[];
  /** How often it was computed. */
  readonly calls: number;
  /** Milliseconds of ops outside of gradients; null where the values were there before. */
  readonly forwardMs: number | null;
  /** Milliseconds of the ops of gradients. */
  readonly backwardMs: number;
  /** Bytes read and written. */
  readonly bytes: number;
  /** Billions of floating-point operations a second, of products of matrices; null of all others. */
  readonly gflops: number | null;
  /** Billions of bytes a second; null where nothing was timed. */
  readonly gbps: number | null;
  /** The place of the call, `file:line:column`; null where it is not known. */
  readonly at: string | null;
}

interface Piece {
  readonly ops: readonly string[];
  readonly at: string | null;
  readonly backward: boolean;
  /** Milliseconds, since the beginning of the profile. */
  readonly start: number;
  readonly ms: number | null;
  readonly bytes: number;
  readonly flops: number;
}

/** What a profile measured: rows, the longest first. `String(profile)` is a table. */
export class Profile<T = unknown> {
  /** What the function returned. */
  readonly value: T;
  /** By op and line; the row that took longest first. */
  readonly rows: readonly ProfileRow[];
  /** Milliseconds of the whole. */
  readonly totalMs: number;
  private readonly pieces: readonly Piece[];

  /** @internal */
  constructor(value: T, totalMs: number, pieces: readonly Piece[]) {
    this.value = value;
    this.totalMs = totalMs;
    this.pieces = pieces;
    this.rows = rowsOf(pieces);
  }

  /** The rows as a table, and the time of the whole. `console.log` prints it. */
  toString(): string {
    const number = (n: number | null): string => (n === null ? '-' : n.toFixed(3));
    const rows = this.rows.map((row) => [
      row.op,
      String(row.calls),
      number(row.forwardMs),
      number(row.backwardMs),
      String(row.bytes),
      row.gflops !== null ? `${number(row.gflops)} GFLOP/s` : row.gbps !== null ? `${number(row.gbps)} GB/s` : '-',
      `  ${row.at ?? ''}`,
    ]);
    const names = ['op', 'calls', 'forward ms', 'backward ms', 'bytes', 'rate', '  line'];
    return `${tableOf(names, rows, 1)}\ntotal ${this.totalMs.toFixed(3)} ms`;
  }

  /** Chrome's trace format, as JSON: Perfetto and chrome://tracing open it. */
  toChromeTrace(): string {
    const traceEvents = this.pieces
      .filter(({ ms }) => ms !== null)
      .map(({ ops, at, backward, start, ms, bytes, flops }) => ({
        name: labelOf(ops),
        cat: backward ? 'backward' : 'forward',
        ph: 'X',
        ts: start * 1000,
        dur: (ms as number) * 1000,
        pid: 1,
        tid: backward ? 2 : 1,
        args: { ops, at, bytes, flops },
      }));
    return JSON.stringify({ displayTimeUnit: 'ms', traceEvents });
  }
}

showsText(Profile.prototype);

function labelOf(ops: readonly string[]): string {
  return ops.length > 1 ? `loop: ${ops.join(' ')}` : (ops[0] as string);
}

function rowsOf(pieces: readonly Piece[]): ProfileRow[] {
  const groups = new Map<string, Piece[]>();
  for (const piece of pieces) {
    const key = `${labelOf(piece.ops)}\n${piece.at}`;
    const group = groups.get(key);
    if (group) group.push(piece);
    else groups.set(key, [piece]);
  }
  const sum = (list: readonly Piece[], of: (piece: Piece) => number): number =>
    list.reduce((total, piece) => total + of(piece), 0);
  const rows = [...groups.values()].map((group): ProfileRow => {
    const { ops, at } = group[0] as Piece;
    const timed = group.filter(({ ms }) => ms !== null);
    const forward = group.filter(({ backward }) => !backward);
    const ms = sum(timed, (piece) => piece.ms as number);
    const flops = sum(timed, (piece) => piece.flops);
    const untimed = forward.some((piece) => piece.ms === null);
    return {
      op: labelOf(ops),
      ops,
      calls: group.length,
      forwardMs: untimed ? null : sum(forward, (piece) => piece.ms as number),
      backwardMs: sum(
        timed.filter(({ backward }) => backward),
        (piece) => piece.ms as number,
      ),
      bytes: sum(group, (piece) => piece.bytes),
      gflops: flops > 0 && ms > 0 ? flops / ms / 1e6 : null,
      gbps: ms > 0 ? sum(timed, (piece) => piece.bytes) / ms / 1e6 : null,
      at,
    };
  });
  const time = (row: ProfileRow): number => (row.forwardMs ?? 0) + row.backwardMs;
  return rows.sort((a, b) => time(b) - time(a));
}

/** Whether a loop computes it: an elementwise op or a view. */
function isLoop(t: Tensor): boolean {
  const opcode = opcodeIn(t);
  return opcode >= 0 && (isElementwise[opcode] === 1 || isCheap[opcode] === 1);
}

/** Takes the time of everything that is computed while it is on. */
class Stopwatch {
  readonly pieces: Piece[] = [];
  private readonly begun = performance.now();
  private running = false;

  /** Computes what the values need, operands first. */
  readonly compute = (values: readonly Tensor[]): void => {
    if (this.running) return;
    this.running = true;
    try {
      const pending = pendingBelow(values);
      const asked = new Set(values);
      const readers = new Map<Tensor, Tensor[]>();
      for (const t of pending) {
        for (const x of operandsOf(t)) if (pending.has(x)) readers.set(x, [...(readers.get(x) ?? []), t]);
      }
      // Computed within the loop of its only reader.
      const joins = (t: Tensor): boolean => {
        const [reader, another] = readers.get(t) ?? [];
        return reader !== undefined && !another && !asked.has(t) && isLoop(t) && isLoop(reader);
      };
      for (const t of [...pending].sort((a, b) => a.id - b.id)) if (!joins(t)) this.time(t, joins);
    } finally {
      this.running = false;
    }
  };

  private time(t: Tensor, joins: (t: Tensor) => boolean): void {
    if (isKnown(t)) return; // a further result of a kernel that gave it already
    const members: Tensor[] = [];
    const inputs = new Set<Tensor>();
    const collect = (member: Tensor): void => {
      for (const x of operandsOf(member)) {
        if (!isKnown(x) && joins(x)) collect(x);
        else inputs.add(x);
      }
      members.push(member);
    };
    collect(t);
    const ops = members.map(nameOf).filter((name) => name !== 'read');
    const flops = flopsOf(t);
    const bytes = [t, ...inputs].reduce((sum, { size, dtype }) => sum + size * dtypeBytes[dtype], 0);
    const at = traceOf(t)?.at ?? null;
    const start = performance.now();
    evaluatePiece([t]);
    const ms = performance.now() - start;
    this.pieces.push({
      ops: ops.length > 0 ? ops : [nameOf(t)],
      ...{ at, flops, bytes, ms },
      backward: backwardSpans.some(([from, to]) => t.id >= from && t.id < to),
      start: start - this.begun,
    });
  }

  get ms(): number {
    return performance.now() - this.begun;
  }
}

function nameOf(t: Tensor): string {
  return traceOf(t)?.op ?? t.op?.name.replace(/ \(at .*\)$/, '') ?? 'assign';
}

/** The floating-point operations of a product of matrices; 0 of anything else. */
function flopsOf(t: Tensor): number {
  const { x, y } = t;
  if (!x || !y || !/matmul$/i.test(nameOf(t)) || x.rank < 2 || y.rank < 2 || t.rank < 2) return 0;
  const rows = t.shape[t.rank - 2] as number;
  return (
    2 *
    t.size *
    ((x.shape[x.rank - 1] as number) === rows ? (x.shape[x.rank - 2] as number) : (x.shape[x.rank - 1] as number))
  );
}

/** Runs fn with a stopwatch on, and lines tracked. */
function timed<T>(fn: () => T): { readonly value: T; readonly watch: Stopwatch } {
  const watch = new Stopwatch();
  const { trackOrigin } = config;
  const before = computeBy(watch.compute);
  config.trackOrigin = true;
  backwardSpans.length = 0;
  try {
    return { value: fn(), watch };
  } finally {
    computeBy(before);
    config.trackOrigin = trackOrigin;
  }
}

/**
 * Runs fn and measures what it computes, and what it returns: tensors, variables or nests of these. Each kernel, and each chain
 * of elementwise ops, is computed and timed by itself, so the sum is somewhat longer than the same without a profile.
 * @throws ValueError for what is no function; TapeError ERR_TAPE_ASYNC if fn returns a promise; what fn throws
 */
export function profile<T>(fn: () => T): Profile<T> {
  if (arguments.length > 1) refuseExtra('profile', arguments[1], undefined);
  argument('profile', 'fn', callback, fn);
  const { value, watch } = timed(() => {
    const result = fn();
    refuseAsync(
      result,
      'profile: fn returned a promise; what an async function computes after an await is not measured. Return the tensors themselves: profile computes them.',
    );
    const leaves: Tensor[] = [];
    mapNested('profile', result, (leaf) => {
      if (isTensor(leaf)) leaves.push(densify(leaf));
      else if (isVariable(leaf)) leaves.push(leaf.borrow());
    });
    evaluateTensors(leaves);
    return result;
  });
  return new Profile(value, watch.ms, watch.pieces);
}

/** The profile of a recording: computes what its entries keep and is pending, then one backward pass on the side. */
export function profileOfTape(tape: Recording): Profile<undefined> {
  const entries = tape.all().filter(({ count }) => count > 0);
  const used = new Set<Entry | null>();
  for (const e of entries) for (let k = 0; k < e.count; k++) used.add(e.operand(k));
  const { watch } = timed(() => {
    const kept = entries.flatMap((e) => [e.x, e.y, e.out, ...Array.from(e.keptBeyondTwo, ([, t]) => t)]);
    evaluateTensors(kept.filter((t) => t !== null));
    const leaves = tape.all().filter(({ count }) => count === 0);
    const targets = entries
      .filter((e) => !used.has(e) && !e.firstResult)
      .map((entry) => ({ entry, ct: uniformTensor(1, entry.outDType, entry.outShape) }));
    tape.beginPass();
    try {
      const pulled = below(null, () => backpropagate(targets, leaves, false));
      evaluateTensors(pulled.filter((t) => t !== null).map(densify));
    } finally {
      tape.endPass();
    }
  });
  const seen = new Set(watch.pieces.filter(({ backward }) => !backward).flatMap(({ ops }) => ops));
  const untimed = entries
    .filter(({ op }) => !seen.has(op.name))
    .map((e) => ({
      ops: [e.op.name],
      at: traceOfEntry(e)?.at ?? null,
      backward: false,
      start: 0,
      ms: null,
      bytes: e.outShape.reduce((size, length) => size * length, dtypeBytes[e.outDType]),
      flops: 0,
    }));
  return new Profile(undefined, watch.ms, [...watch.pieces, ...untimed]);
}
