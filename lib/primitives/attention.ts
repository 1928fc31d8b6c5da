/**
 * Scaled dot product attention. Weights, a number for each pair of a query and a key, are computed block by block, in
 * the gradient once more: never more than those of one block are in memory.
 */
import type { Stream } from '../base/random-stream.js';
import { type Shape, sameShape, shapeOf } from '../base/shape.js';
import type { Tensor } from '../engine/tensor.js';
import { applyComposed } from '../op/apply.js';
import { type BatchedCall, Op } from '../op/op.js';
import type { Entry } from '../record/entry.js';
import { keep } from '../record/entry.js';
import { add, mul, sub } from './arithmetic.js';
import { boxAt, concatAlong, placeBox, sliceBox } from './box.js';
import { greaterEqual, less, logicalAnd } from './compare.js';
import { iota } from './iota.js';
import { matmulOf } from './matmul.js';
import { broadcast, repeatedOperands, reshapeTo, sumOver, sumTo } from './movement.js';
import { draw, uniformOp } from './random.js';
import { select } from './select.js';
import { causalSoftmax, softmaxAlong } from './softmax.js';

export interface Attention {
  readonly scale: number;
  /** Whether query i sees only the keys 0 .. i. */
  readonly isCausal: boolean;
  /** The share of weights that is set to zero, and where the random numbers for that begin. */
  readonly dropout: { readonly rate: number; readonly stream: Readonly<Stream> } | null;
}

// The weights of a block: so many fit in the L2 cache of a core. With more than kMostBlocks blocks these grow instead.
const kBlock = 2 ** 18;
const kMostBlocks = 2 ** 12;
/** The fewest queries of a block: adding up what blocks give to keys and values takes time in proportion to blocks. */
const kQueries = 256;
/** The same where fewer queries see fewer keys, and into how many spans the queries are cut at most for that. */
const kCausalQueries = 128;
const kCausalSpans = 8;

interface Range {
  readonly from: number;
  readonly count: number;
}

function ranges(length: number, step: number): Range[] {
  const count = Math.max(1, Math.ceil(length / step)); // an empty axis is one empty range
  return Array.from({ length: count }, (_, i) => ({ from: i * step, count: Math.min(step, length - i * step) }));
}

/** Groups are ranges of the batch, spans are ranges of queries with the keys that they see. */
interface Blocks {
  readonly groups: readonly Range[];
  readonly spans: readonly Span[];
}

interface Span extends Range {
  readonly keys: Range;
}

/** How [batch, queries, keys] weights fall into blocks. */
function blocksOf(batch: number, queries: number, keys: number, isCausal: boolean): Blocks {
  const size = Math.max(kBlock, (batch * queries * keys) / kMostBlocks);
  const fit = Math.min(queries, Math.max(kQueries, Math.floor(size / Math.max(keys, 1))));
  const span = isCausal ? Math.min(fit, Math.max(kCausalQueries, Math.ceil(queries / kCausalSpans))) : fit;
  const group = Math.floor(size / Math.max(span * keys, 1));
  return {
    groups: ranges(batch, Math.max(1, Math.min(batch, group))),
    spans: ranges(queries, Math.max(1, span)).map(({ from, count }) => {
      return { from, count, keys: { from: 0, count: isCausal ? Math.min(keys, from + count) : keys } };
    }),
  };
}

function blocksOfOperands([q, k]: readonly (Tensor | undefined)[], isCausal: boolean): Blocks {
  const [batch, queries] = (q as Tensor).shape as [number, number];
  return blocksOf(batch, queries, (k as Tensor).shape[1] as number, isCausal);
}

/** The part of t in ranges of its first axes. An axis of length 1 is the same for every block. */
function partOf(t: Tensor, ...within: readonly Range[]): Tensor {
  const shape: Shape = shapeOf(t.shape.map((n, d) => (n === 1 ? 1 : (within[d]?.count ?? n))));
  if (sameShape(shape, t.shape)) return t;
  const begin = t.shape.map((n, d) => (n === 1 ? 0 : (within[d]?.from ?? 0)));
  return sliceBox(t, shape, boxAt(begin));
}

/** Parts one after the other along an axis. */
function inLine(parts: readonly Tensor[], axis: number): Tensor {
  return parts.length === 1 ? (parts[0] as Tensor) : concatAlong(parts, axis);
}

/** f of every element, in their order; called for the last one first. */
function fromLast<A, B>(list: readonly A[], f: (element: A) => B): B[] {
  return [...list].reverse().map(f).reverse();
}

/** A block: the queries (scaled), and the keys, values and the mask that they see. */
interface Block {
  readonly q: Tensor;
  readonly k: Tensor;
  readonly v: Tensor;
  readonly mask: Tensor | null;
  readonly group: Range;
  readonly span: Span;
  /** A weight with dropout. The same call for the cotangent is its derivative, as dropout is linear. */
  readonly dropped: (t: Tensor) => Tensor;
}

/**
 * f of every block, by group and span; the last block first. A program computes the operands of a concatenation from
 * the last to the first, so a block that adds to the sums of those before it comes after them.
 */
function eachBlock<T>(
  [query, key, value, mask]: readonly (Tensor | undefined)[],
  { scale, dropout, isCausal }: Attention,
  f: (block: Block) => T,
): T[][] {
  const [q, k, v] = [query as Tensor, key as Tensor, value as Tensor];
  const { groups, spans } = blocksOfOperands([q, k], isCausal);
  const stream = dropout && { ...dropout.stream };
  return fromLast(groups, (group) => {
    const parts = new Map<number, readonly [Tensor, Tensor]>(); // of keys and values, by how many keys there are
    return fromLast(spans, (span) => {
      const seen = span.keys;
      const [ofKeys, ofValues] = parts.get(seen.count) ?? [partOf(k, group, seen), partOf(v, group, seen)];
      parts.set(seen.count, [ofKeys, ofValues]);
      const shape = shapeOf([group.count, span.count, seen.count]);
      const fate = stream && draw('nn.scaledDotProductAttention', uniformOp, q.dtype, shape, stream);
      const rate = dropout?.rate ?? 0;
      return f({
        q: mul(partOf(q, group, span), scale),
        k: ofKeys,
        v: ofValues,
        mask: mask ? partOf(mask, group, span, seen) : null,
        group,
        span,
        dropped: (t) => (fate ? select(less(fate, rate), 0, mul(t, 1 / (1 - rate))) : t),
      });
    });
  });
}

/** How many random numbers the dropout of all blocks draws, in whole counters of the stream. */
export function drawsOf(batch: number, queries: number, keys: number, isCausal: boolean): number {
  const { groups, spans } = blocksOf(batch, queries, keys, isCausal);
  const draws = (group: Range, span: Span): number => Math.ceil((group.count * span.count * span.keys.count) / 4) * 4;
  return groups.reduce((sum, group) => spans.reduce((all, span) => all + draws(group, span), sum), 0);
}

/** A number whose exponential is 0 beside that of any logit, and which is finite: what is subtracted from it, too. */
const kFarBelow = -1e38;

/** softmax(q k^T + mask), of what the mask lets pass; 0 for a query of which nothing passes. */
function weightsOf({ q, k, mask, span }: Block, isCausal: boolean): Tensor {
  const logits = matmulOf(q, k, false, true);
  const biased = mask && mask.dtype !== 'bool' ? add(logits, mask) : logits;
  if (mask?.dtype !== 'bool') return isCausal ? causalSoftmax(biased, span.from) : softmaxAlong(biased, 2);
  const [count, keys] = logits.shape.slice(1) as [number, number];
  const earlier = isCausal
    ? greaterEqual(reshapeTo(add(iota(count), span.from), shapeOf([count, 1])), iota(keys))
    : null;
  const seen = earlier ? logicalAnd(mask, earlier) : mask;
  return select(seen, softmaxAlong(select(seen, biased, kFarBelow), 2), 0);
}

// Of P = softmax(s), s = scale q k^T + mask, out = P v: the cotangent of P is ct v^T, and that of s is
// P (ct v^T - sum(ct out)), the sum over the keys: sum(P (ct v^T)) is the same, but longer.
const attentionOp: Op<Attention> = new Op<Attention>('nn.scaledDotProductAttention', {
  needs: 0b1111 | keep.out,
  pullAll: ([ct], e) => pullback(ct as Tensor, e),
  batch: attentionOfBatch,
});

/** The cotangents of a block's queries, keys, values and mask; null for those that are not `wanted`. */
function pullbackOf(block: Block, ct: Tensor, out: Tensor, at: Attention, wanted: readonly boolean[]): Parts {
  const { q, k, v, mask, dropped } = block;
  const p = weightsOf(block, at.isCausal);
  const along = sumOver(mul(ct, out), [2], true);
  const ofLogits = mul(p, sub(dropped(matmulOf(ct, v, false, true)), along));
  return [
    wanted[0] ? mul(matmulOf(ofLogits, k, false, false), at.scale) : null,
    wanted[1] ? matmulOf(ofLogits, q, true, false) : null,
    wanted[2] ? matmulOf(dropped(p), ct, true, false) : null,
    wanted[3] && mask ? sumTo(ofLogits, mask.shape) : null,
  ];
}
type Parts = (Tensor | null)[];

/** The axis of the keys in each operand. */
const keysAxes = [null, 1, 1, 2];

/** The cotangent of operand k for all keys: those that the block does not see give none. */
function ofAllKeys(t: Tensor, k: number, operand: Tensor): Tensor {
  const shape = shapeOf(t.shape.map((n, d) => (d === keysAxes[k] ? (operand.shape[d] as number) : n)));
  return sameShape(shape, t.shape) ? t : placeBox(t, shape, boxAt([0, 0, 0]));
}

/**
 * The same values, computed together: each is a part of one vector. Else a program would compute the first result for
 * all blocks, and keep their weights for the second.
 */
function together(parts: Parts): Parts {
  const present = parts.filter((t) => t !== null);
  const line = concatAlong(
    present.map((t) => reshapeTo(t, shapeOf([t.size]))),
    0,
  );
  let from = 0;
  return parts.map((t) => {
    if (!t) return null;
    const part = sliceBox(line, shapeOf([t.size]), { begin: [from], strides: [1] });
    from += t.size;
    return reshapeTo(part, t.shape);
  });
}

function pullback(ct: Tensor, e: Entry<Attention>): Parts {
  const operands = Array.from({ length: e.count }, (_, k) => e.kept(k));
  const wanted = operands.map((_, k) => e.operand(k) !== null);
  // Which operands have parts of their own for each group, and for each span. Of the others the parts are added up,
  // block by block, so that only one sum is in memory.
  const eachGroup = operands.map((t) => t.shape[0] !== 1);
  const eachSpan = operands.map((t, k) => k === 0 || (k === 3 && t.shape[1] !== 1));
  const found = operands.map(() => new Map<string, Tensor>());
  const blocks = blocksOfOperands(operands, e.attributes.isCausal);
  const only = blocks.groups.length * blocks.spans.length === 1;
  eachBlock(operands, e.attributes, (block) => {
    const { group, span } = block;
    const g = partOf(ct, group, span);
    const parts = pullbackOf(block, g, partOf(e.out as Tensor, group, span), e.attributes, wanted);
    const keys = operands.map((_, k) => `${eachGroup[k] ? group.from : ''} ${eachSpan[k] ? span.from : ''}`);
    const sums = parts.map((part, k) => {
      const t = part && ofAllKeys(part, k, operands[k] as Tensor);
      const before = found[k]?.get(keys[k] as string);
      return t && before ? add(before, t) : t;
    });
    (only ? sums : together(sums)).forEach((t, k) => {
      if (t) found[k]?.set(keys[k] as string, t);
    });
  });
  return operands.map((_, k) => {
    const parts = [...(found[k]?.values() ?? [])].reverse(); // by group, then by span
    if (parts.length === 0) return null;
    const perGroup = eachSpan[k] ? blocks.spans.length : 1;
    const lines = Array.from({ length: parts.length / perGroup }, (_, i) =>
      inLine(parts.slice(i * perGroup, (i + 1) * perGroup), 1),
    );
    return inLine(lines, 0);
  });
}

/**
 * Attention of queries [batch, queries, depth] to keys [batch, keys, depth] with values [batch, keys, width]. The mask
 * has 3 axes, of the lengths of the weights or 1: bool, or added to the logits.
 */
export function attentionOf(
  operands: readonly [Tensor, Tensor, Tensor, Tensor | undefined],
  attention: Attention,
): Tensor {
  const present = operands.filter((t) => t !== undefined);
  return applyComposed(attentionOp, present, attention, () => {
    const blocks = eachBlock(operands, attention, (block) =>
      matmulOf(block.dropped(weightsOf(block, attention.isCausal)), block.v, false, false),
    );
    return inLine(
      blocks.map((spans) => inLine(spans, 1)),
      0,
    );
  });
}

/**
 * The batch axis and that of the operands are one, but where there is dropout: each element has the random numbers that it
 * has alone.
 */
function attentionOfBatch(call: BatchedCall<Attention>): Tensor {
  const { count, shape, attributes } = call;
  const [q, k, v, mask] = repeatedOperands(call) as [Tensor, Tensor, Tensor, Tensor | undefined];
  if (attributes.dropout) {
    const element = (t: Tensor, i: number): Tensor =>
      reshapeTo(sliceBox(t, shapeOf(t.shape.with(0, 1)), boxAt([i, 0, 0, 0])), shapeOf(t.shape.slice(1)));
    const each = Array.from({ length: count }, (_, i) =>
      attentionOf([element(q, i), element(k, i), element(v, i), mask && element(mask, i)], attributes),
    );
    return reshapeTo(concatAlong(each, 0), shapeOf([count, ...shape]));
  }
  const batch = shape[0] as number;
  const merged = (t: Tensor): Tensor => {
    const whole = broadcast(t, shapeOf(t.shape.with(1, batch))); // a mask may be the same for all
    return reshapeTo(whole, shapeOf([count * batch, ...t.shape.slice(2)]));
  };
  const out = attentionOf([merged(q), merged(k), merged(v), mask && merged(mask)], attributes);
  return reshapeTo(out, shapeOf([count, ...shape]));
}
