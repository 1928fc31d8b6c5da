/**
 * Jacobians: all rows by one backward pass of batched cotangents, or all columns by one forward pass of batched tangents,
 * whichever are fewer. Along a chain of elementwise ops from where a pass begins, a matrix is diagonal and only its
 * diagonal is computed. Where no op mixes the examples of axis 0, it has a block for each example on its diagonal, and only
 * these are computed.
 */
import { dtypeBytes } from '../base/dtype.js';
import { type Shape, sameShape, shapeOf, sizeOf } from '../base/shape.js';
import { allocate } from '../engine/buffers.js';
import { checksRules, jacobianBytes, unlooked } from '../engine/config.js';
import { evaluateTensors } from '../engine/evaluate.js';
import { bufferTensor, type Tensor, uniformTensor } from '../engine/tensor.js';
import { settle } from '../op/apply.js';
import { checkPulled } from '../op/numerics.js';
import { add } from '../primitives/arithmetic.js';
import { boxAt, concatAlong, sliceBox } from '../primitives/box.js';
import { densify, scatterRows } from '../primitives/gather.js';
import { broadcast, castTo, reshapeTo, sumTo, transposeBy } from '../primitives/movement.js';
import { type Entry, ruleOf } from '../record/entry.js';
import { backpropagate, pulledOne } from './backward.js';
import { Batcher } from './batch.js';
import { resultsOf, tangentsOf } from './forward.js';
import { eachOperand, Path } from './path.js';
import { placeholderOf } from './placeholder.js';

/** What a Jacobian is asked of: the target, and how many of its leading axes are a batch (of the sources, too): 0 or 1. */
export interface Differentiated {
  readonly entry: Entry;
  readonly batchAxes: 0 | 1;
  /** How many rows (or columns) are computed at once, at most; else as many as the budget allows. */
  readonly atOnce?: number | undefined;
}

/** A part of the rows (or columns) of a Jacobian: so many from this one on. */
interface Part extends Pick<Differentiated, 'batchAxes'> {
  readonly from: number;
  readonly count: number;
}

/** The axes that are no batch. */
const own = (shape: Shape, batchAxes: number): readonly number[] => shape.slice(batchAxes);

/** The derivative at one entry: the sum of a diagonal matrix (its diagonal, of the entry's shape) and of rows [count, ...shape]. */
interface Derivative {
  diagonal: Tensor | null;
  rows: Tensor | null;
}

const nowhere: Derivative = { diagonal: null, rows: null };

function plus(a: Tensor | null, b: Tensor): Tensor {
  return a ? add(a, b) : b;
}

/**
 * Rows of the matrices, one for each example of the batch, that have d [batch, n] on their diagonals: [count, batch, n], in the
 * shape [count, ...d.shape].
 */
function diagonalRows(d: Tensor, { from, count, batchAxes }: Part): Tensor {
  const batch = sizeOf(d.shape.slice(0, batchAxes));
  const n = sizeOf(own(d.shape, batchAxes));
  const byRow = transposeBy(reshapeTo(d, shapeOf([batch, n])), [1, 0]);
  const whole = from === 0 && count === n;
  const updates = whole ? byRow : sliceBox(byRow, shapeOf([count, batch]), boxAt([from, 0]));
  return spread(updates, [count, n], batch, 1, shapeOf([count, ...d.shape]), from);
}

/**
 * Zeros of `shape` with `count` times `each` pieces of `inner` elements in them, one after the other: each among `among` places,
 * in the first of which are the first `each` pieces, and so on from place `from`.
 */
function spread(
  pieces: Tensor,
  [count, among]: readonly [count: number, among: number],
  each: number,
  inner: number,
  shape: Shape,
  from = 0,
): Tensor {
  const places = allocate('int32', count * each);
  for (let i = 0; i < places.elements.length; i++) places.elements[i] = from + Math.floor(i / each);
  const indices = bufferTensor(places, 'int32', shapeOf([count * each]));
  const sizes = [count * each, 1, among, 1, inner] as const;
  return scatterRows('jacobian', pieces, indices, { sizes, sparse: false }, shape);
}

/** Whether operand k stays in its place: what a rule makes of a diagonal is a diagonal, and of rows, each by itself. */
function stays(e: Entry, k: number): boolean {
  return e.op.forward === 'elementwise' && sameShape(e.shape(k), e.outShape);
}

/** A pass over a path for some rows, in either direction. */
class MatrixPass {
  private readonly part: Part;
  private readonly batcher: Batcher;
  private readonly found = new Map<Entry, Derivative>();
  /** Of diagonals, which several entries may share, the rows. */
  private readonly expanded = new Map<Tensor, Tensor>();
  /** By the ids of rows, what stands for one of them. */
  private readonly ones = new Map<number, Tensor>();

  constructor(start: Entry, part: Part) {
    this.part = part;
    this.batcher = new Batcher(part.count);
    this.at(start).diagonal = uniformTensor(1, start.outDType, start.outShape);
  }

  private at(e: Entry): Derivative {
    let derivative = this.found.get(e);
    if (!derivative) {
      derivative = { diagonal: null, rows: null };
      this.found.set(e, derivative);
    }
    return derivative;
  }

  /** The rows of a diagonal matrix. */
  private expand(diagonal: Tensor): Tensor {
    let rows = this.expanded.get(diagonal);
    if (!rows) {
      rows = diagonalRows(diagonal, this.part);
      this.expanded.set(diagonal, rows);
    }
    return rows;
  }

  /** The rows of the matrix at an entry, [count, ...shape of the entry]; null if there is none. */
  matrixAt(e: Entry): Tensor | null {
    const { diagonal, rows } = this.found.get(e) ?? nowhere;
    return diagonal ? plus(rows, this.expand(diagonal)) : rows;
  }

  private addRows(e: Entry, rows: Tensor): void {
    const at = this.at(e);
    at.rows = plus(at.rows, rows);
  }

  /** A tensor that stands for one of the rows. */
  private oneOf(rows: Tensor): Tensor {
    let one = this.ones.get(rows.id);
    if (!one) {
      one = placeholderOf(rows.dtype, shapeOf(rows.shape.slice(1)));
      this.batcher.stands(one, rows);
      this.ones.set(rows.id, one);
    }
    return one;
  }

  /** The rows of which a rule made one. */
  private rowsOf(one: Tensor): Tensor {
    const rows = this.batcher.wholeOf(one);
    settle(rows);
    this.ones.set(rows.id, one);
    return rows;
  }

  /**
   * Runs a rule on what stands for one row; the batcher makes the same of all. Some of that may depend on placeholders, so nothing is
   * computed but what the rule gives (`rowsOf`). While numbers are checked, that is, too (`checkWhole`): it names the user's op.
   */
  private ofOne<T>(rule: () => T): T {
    return this.batcher.hear(() => unlooked(rule));
  }

  /** @throws GradtapeError ERR_NUMERICS for what a rule made NaN or infinite, in any row */
  private checkWhole(
    e: Entry,
    k: number,
    given: readonly (Tensor | null)[],
    made: Tensor,
    as: 'cotangent' | 'tangent',
  ): void {
    if (checksRules()) checkPulled(e, k, given, made, as);
  }

  /** What the rule of an operand that stays in its place makes of rows. */
  private pulledRows(e: Entry, rows: Tensor, k: number, as?: 'tangent'): Tensor | null {
    const pulled = pulledOne(e, rows, k, as);
    if (!pulled) return null;
    const dense = densify(pulled);
    // A rule may give zeros, which have no rows.
    return dense.rank === rows.rank ? dense : broadcast(dense, shapeOf([this.part.count, ...dense.shape]));
  }

  /** Pulls what is at the results of an entry back to its operands. */
  pullBack(e: Entry, path: Path): void {
    if (e.firstResult || !path.reachesThrough(e)) return;
    if (e.op.forward === 'elementwise') {
      const { diagonal, rows } = this.found.get(e) ?? nowhere;
      if (diagonal) this.pullDiagonal(e, diagonal, path);
      if (rows) this.pullRows(e, [rows], path);
      return;
    }
    const cts = resultsOf(e).map((result) => this.matrixAt(result));
    if (cts.some((ct) => ct)) this.pullRows(e, cts, path);
  }

  private pullDiagonal(e: Entry, diagonal: Tensor, path: Path): void {
    for (let k = 0; k < e.count; k++) {
      const operand = e.operand(k);
      if (!operand || !path.has(operand)) continue;
      if (stays(e, k)) {
        const pulled = pulledOne(e, diagonal, k);
        const at = this.at(operand);
        if (pulled) at.diagonal = plus(at.diagonal, broadcast(densify(pulled), e.outShape));
      } else {
        this.pullRow(e, k, operand, [this.expand(diagonal)]);
      }
    }
  }

  private pullRows(e: Entry, cts: readonly (Tensor | null)[], path: Path): void {
    if (e.op.pullAll) {
      this.pullTogether(e, cts, path);
      return;
    }
    for (let k = 0; k < e.count; k++) {
      const operand = e.operand(k);
      if (!operand || !path.has(operand)) continue;
      if (stays(e, k)) {
        const pulled = this.pulledRows(e, cts[0] as Tensor, k);
        if (pulled) this.addRows(operand, pulled);
      } else {
        this.pullRow(e, k, operand, cts);
      }
    }
  }

  private pullRow(e: Entry, k: number, operand: Entry, cts: readonly (Tensor | null)[]): void {
    const rule = ruleOf(e.op, k);
    const one = this.ofOne(() => {
      const pulled = rule?.pull(this.oneOf(cts[0] as Tensor), e, k);
      return pulled ? sumTo(densify(pulled), e.shape(k)) : null;
    });
    if (one) this.addChecked(e, k, operand, cts, one);
  }

  private pullTogether(e: Entry, cts: readonly (Tensor | null)[], path: Path): void {
    const results = resultsOf(e);
    const pulled = this.ofOne(() =>
      e.op
        .pullAll?.(
          cts.map((ct, k) => (ct ? this.oneOf(ct) : zerosAt(results[k] as Entry))),
          e,
        )
        .map((one, k) => one && path.has(e.operand(k)) && sumTo(densify(one), e.shape(k))),
    );
    pulled?.forEach((one, k) => {
      if (one) this.addChecked(e, k, e.operand(k) as Entry, cts, one);
    });
  }

  private addChecked(e: Entry, k: number, operand: Entry, cts: readonly (Tensor | null)[], one: Tensor): void {
    const whole = this.rowsOf(one);
    this.checkWhole(e, k, cts, whole, 'cotangent');
    this.addRows(operand, whole);
  }

  /** Pushes what is at the operands of an entry on to its results. */
  pushOn(e: Entry, path: Path): void {
    if (e.firstResult || !path.reachesThrough(e)) return;
    const diagonals: (Tensor | null)[] = [];
    const rows: (Tensor | null)[] = [];
    let first = -1;
    let allStay = true;
    for (let k = 0; k < e.count; k++) {
      const operand = e.operand(k);
      const at = operand && path.has(operand) ? this.found.get(operand) : undefined;
      const stay = stays(e, k);
      const diagonal = at && stay ? at.diagonal : null;
      const ofRows = at ? (diagonal ? at.rows : this.matrixAt(operand as Entry)) : null;
      diagonals.push(diagonal);
      rows.push(ofRows);
      if (!ofRows) continue;
      allStay &&= stay;
      if (first < 0) first = k;
    }
    if (diagonals.some((t) => t)) {
      const [t] = tangentsOf(e, diagonals);
      const at = this.at(e);
      if (t) at.diagonal = plus(at.diagonal, t);
    }
    if (first < 0) return;
    if (allStay) {
      let total: Tensor | null = null;
      for (const [k, t] of rows.entries()) {
        const pushed: Tensor | null = t && this.pulledRows(e, t, k, 'tangent');
        if (pushed) total = plus(total, pushed);
      }
      if (total) this.addRows(e, total);
      return;
    }
    const results = resultsOf(e);
    const ones = this.ofOne(() =>
      tangentsOf(
        e,
        rows.map((t) => t && this.oneOf(t)),
      ),
    );
    for (const [k, one] of ones.entries()) {
      if (!one) continue;
      const whole = this.rowsOf(one);
      this.checkWhole(e, first, rows, whole, 'tangent');
      this.addRows(results[k] as Entry, whole);
    }
  }
}

function zerosAt({ outDType, outShape }: Entry): Tensor {
  return uniformTensor(0, outDType, outShape);
}

/** The bytes of a row that a pass needs, at most: of everything that is not on a diagonal. */
function bytesOfRow(path: Path, start: Entry, backwards: boolean): number {
  const diagonal = new Set([start]);
  let bytes = 0;
  for (const e of backwards ? path.entries : [...path.entries].reverse()) {
    if (backwards) {
      if (diagonal.has(e)) eachOperand(e, (operand, k) => stays(e, k) && diagonal.add(operand));
    } else {
      eachOperand(e, (operand, k) => path.has(operand) && diagonal.has(operand) && stays(e, k) && diagonal.add(e));
    }
    let full = !diagonal.has(e);
    eachOperand(e, (operand, k) => {
      full ||= path.has(operand) && !stays(e, k);
    });
    if (full) bytes += bytesOf(e);
  }
  return bytes;
}

function bytesOf({ outShape, outDType }: Entry): number {
  return sizeOf(outShape) * dtypeBytes[outDType];
}

/** How many of `count` rows a pass computes at once: as many as fit into the budget of `config.jacobianBytes`. */
function mostAtOnce(count: number, path: Path, start: Entry, backwards: boolean): number {
  const budget = jacobianBytes();
  let all = 0;
  for (const e of path.entries) all += bytesOf(e);
  if (all * count <= budget) return count; // though nothing were on a diagonal
  const bytes = bytesOfRow(path, start, backwards);
  return bytes > 0 ? Math.max(1, Math.floor(budget / bytes)) : count;
}

/** Whether each example of the target depends on that example of the sources alone: no op on the path mixes those of axis 0. */
function isByExample({ outShape }: Entry, path: Path): boolean {
  const examples = outShape[0];
  if (examples === undefined || examples === 1) return false;
  return path.entries.every((e) => {
    let apart = e.outShape[0] === examples && !e.outShape.includes(0);
    eachOperand(e, (operand, k) => {
      if (!path.has(operand)) return;
      const shape = e.shape(k);
      const elementwise = e.op.forward === 'elementwise' && shape.length === e.outShape.length;
      apart &&= shape[0] === examples && (elementwise || (e.op.byExample?.(e, k) ?? false));
    });
    return apart;
  });
}

/** The matrix of target and source, of which blocks [examples, ...target, ...source] stand on the diagonal; zeros elsewhere. */
function fromBlocks(blocks: Tensor, target: Shape, source: Shape): Tensor {
  const examples = target[0] as number;
  const [rows, columns] = [sizeOf(own(target, 1)), sizeOf(own(source, 1))];
  return spread(blocks, [examples, examples], rows, columns, shapeOf([...target, ...source]));
}

/** Computes all rows, so many at once. */
function inChunks(
  count: number,
  most: number,
  compute: (from: number, count: number) => readonly (Tensor | null)[],
): readonly (Tensor | null)[] {
  if (most >= count) return compute(0, count);
  const chunks: (readonly (Tensor | null)[])[] = [];
  for (let from = 0; from < count; from += most) {
    const chunk = compute(from, Math.min(most, count - from));
    evaluateTensors(chunk.filter((t) => t !== null)); // so that the temporaries of one chunk are in memory at a time
    chunks.push(chunk);
  }
  return (chunks[0] as readonly (Tensor | null)[]).map((first, s) =>
    first
      ? concatAlong(
          chunks.map((chunk) => chunk[s] as Tensor),
          0,
        )
      : null,
  );
}

/** [count, ...batch, ...] -> [...batch, count, ...]: the example before the row. */
function examplesFirst(t: Tensor, batchAxes: 0 | 1): Tensor {
  return batchAxes === 0 ? t : transposeBy(t, [1, 0, ...t.shape.slice(2).map((_, d) => d + 2)]);
}

function byRows(of: Differentiated, sources: readonly (Entry | null)[], path: Path): (Tensor | null)[] {
  const { entry, batchAxes } = of;
  const { outShape } = entry;
  const count = sizeOf(own(outShape, batchAxes));
  const most = of.atOnce ?? mostAtOnce(count, path, entry, true);
  const found = inChunks(count, most, (from, n) => {
    const pass = new MatrixPass(entry, { from, count: n, batchAxes });
    for (const e of path.entries) pass.pullBack(e, path);
    return sources.map((source) => (source && path.has(source) ? pass.matrixAt(source) : null));
  });
  return found.map((t, s) => {
    if (!t) return null;
    const shape = shapeOf([...outShape, ...own((sources[s] as Entry).outShape, batchAxes)]);
    return reshapeTo(examplesFirst(t, batchAxes), shape);
  });
}

function byColumns(of: Differentiated, source: Entry): Tensor | null {
  const { entry, batchAxes } = of;
  const path = new Path(entry, [source]);
  if (!path.has(entry)) return null;
  const batch = sizeOf(source.outShape.slice(0, batchAxes));
  const count = sizeOf(own(source.outShape, batchAxes));
  const most = of.atOnce ?? mostAtOnce(count, path, source, false);
  const [t] = inChunks(count, most, (from, n) => {
    const pass = new MatrixPass(source, { from, count: n, batchAxes });
    for (let i = path.entries.length - 1; i >= 0; i--) pass.pushOn(path.entries[i] as Entry, path);
    return [pass.matrixAt(entry)];
  });
  if (!t) return null;
  const each = sizeOf(own(entry.outShape, batchAxes));
  const columnsLast = transposeBy(reshapeTo(t, shapeOf([count, batch, each])), [1, 2, 0]);
  const matrix = reshapeTo(columnsLast, shapeOf([...entry.outShape, ...own(source.outShape, batchAxes)]));
  // Tangents have the dtype of the target; a Jacobian has that of its source, whichever way it was computed.
  return entry.outDType === source.outDType ? matrix : castTo(matrix, source.outDType);
}

/**
 * The Jacobian of the target with respect to each source, of the shape of the target and that of the source; null where no
 * path leads to the target. With a batch axis: [batch, ...target, ...source], of each example by itself.
 */
export function jacobiansOf(of: Differentiated, sources: readonly (Entry | null)[]): readonly (Tensor | null)[] {
  const { entry, batchAxes } = of;
  const rows = sizeOf(own(entry.outShape, batchAxes));
  const connected = new Path(entry, sources);
  if (batchAxes === 0 && isByExample(entry, connected)) {
    const blocks = jacobiansOf({ ...of, batchAxes: 1 }, sources);
    return blocks.map((t, s) => t && fromBlocks(t, entry.outShape, (sources[s] as Entry).outShape));
  }
  let columns = 0;
  for (const s of new Set(sources)) if (s && connected.has(s)) columns += sizeOf(own(s.outShape, batchAxes));
  if (columns >= rows) return byRows(of, sources, connected);
  return sources.map((source) => source && connected.has(source) && byColumns(of, source)).map((t) => t || null);
}

/** As `jacobiansOf`, row by row, each by a backward pass of its own. */
export function jacobiansRowByRow(of: Differentiated, sources: readonly (Entry | null)[]): readonly (Tensor | null)[] {
  const { entry, batchAxes } = of;
  const count = sizeOf(own(entry.outShape, batchAxes));
  const passes = Array.from({ length: count }, (_, from) => {
    const ones = uniformTensor(1, entry.outDType, entry.outShape);
    const ct = reshapeTo(diagonalRows(ones, { from, count: 1, batchAxes }), entry.outShape);
    return backpropagate([{ entry, ct }], sources, false);
  });
  return sources.map((source, s) => {
    if (!source) return null;
    const shape = shapeOf([...entry.outShape, ...own(source.outShape, batchAxes)]);
    if (count === 0) return new Path(entry, [source]).has(entry) ? uniformTensor(0, source.outDType, shape) : null;
    const rows = passes.map((grads) => grads[s]);
    if (!rows.every((g) => g)) return null;
    const lines = rows.map((g) => reshapeTo(densify(g as Tensor), shapeOf([1, ...source.outShape])));
    return reshapeTo(examplesFirst(concatAlong(lines, 0), batchAxes), shape);
  });
}

/** The Jacobian of a value with respect to itself. */
export function identityMatrix({ dtype, shape }: Pick<Tensor, 'dtype' | 'shape'>, batchAxes: 0 | 1): Tensor {
  const rows = diagonalRows(uniformTensor(1, dtype, shape), {
    from: 0,
    count: sizeOf(own(shape, batchAxes)),
    batchAxes,
  });
  return reshapeTo(examplesFirst(rows, batchAxes), shapeOf([...shape, ...own(shape, batchAxes)]));
}
