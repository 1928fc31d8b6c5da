/** einsum and tensordot: sums of products over axes with labels, as contractions of two tensors each. */
import { isOptions, listOf, oneOf, options, refuseExtra, showDeep } from '../base/arguments.js';
import { ShapeError, show, ValueError } from '../base/errors.js';
import { checkAxis, guardShape, type Shape, sameShape, shapeOf, showShape, sizeOf } from '../base/shape.js';
import type { Tensor } from '../engine/tensor.js';
import { productOperands } from '../op/operands.js';
import type { TensorLike } from '../op/variable.js';
import { type Contraction, contract, type Labels, ordered, reduced } from '../primitives/contraction.js';
import { identityOf, reshapeTo } from '../primitives/movement.js';

/** The options of `einsum`. */
export interface EinsumOptions {
  /**
   * How the order of contractions of more than two operands is found: 'greedy' (default) takes the pair next that
   * leaves the fewest elements; 'optimal' tries all orders, for up to 6 operands, and takes the one with the fewest
   * multiplications.
   */
  optimize?: 'greedy' | 'optimal';
}

const einsumOptions = { optimize: oneOf(['greedy', 'optimal']) } as const;

/**
 * The sum of products that an equation says: each axis of each operand has a letter, and the result is summed over the
 * letters that it has not: einsum('ij,jk->ik', a, b) is their matrix product. A letter that an operand has twice takes
 * its diagonal. '...' stands for axes that broadcast. Without '->' the result has the letters that come once, in
 * alphabetical order, behind the axes of '...'. Any number of operands of one dtype: float32, float64, int32. The
 * options come last.
 * @throws ValueError for an equation that does not fit the operands; ShapeError for lengths that differ; DTypeError
 */
export function einsum(
  equation: string,
  ...operands: readonly TensorLike[] | readonly [...TensorLike[], EinsumOptions]
): Tensor {
  const last = operands.at(-1);
  const given = isOptions(last) ? last : undefined;
  const { optimize = 'greedy' } = options('einsum', einsumOptions, given);
  const values = (given ? operands.slice(0, -1) : operands) as readonly TensorLike[];
  if (typeof equation !== 'string') {
    throw new ValueError(`einsum: equation must be a string as 'ij,jk->ik', got ${show(equation)}`);
  }
  if (values.length === 0) throw new ValueError(`einsum: expected operands for '${equation}', got none`);
  const tensors = productOperands('einsum', values);
  const plan = planOf(equation, tensors, optimize);
  const parts = tensors.map((t, k) => {
    const { shape, labels, kept, reduces } = plan.operands[k] as OperandPlan;
    const x = shape ? reshapeTo(t, shape) : t;
    return reduces ? reduced('einsum', x, labels, kept)[0] : x;
  });
  for (const { first, second, labels } of plan.steps) {
    const [y] = parts.splice(second, 1) as [Tensor];
    const [x] = parts.splice(first, 1) as [Tensor];
    parts.push(contract('einsum', x, y, labels));
  }
  const [result] = parts as [Tensor];
  if (plan.steps.length > 0) return result;
  const turned = ordered(result, plan.single, plan.out);
  return turned === tensors[0] ? identityOf(turned) : turned;
}

/** What is done to an operand before it is contracted. */
interface OperandPlan {
  /** Its shape without the axes that broadcast; null if it has none. */
  readonly shape: readonly number[] | null;
  readonly labels: Labels;
  /** The labels that others or the result have. */
  readonly kept: Labels;
  /** Whether it is summed, or only a diagonal of it is left. */
  readonly reduces: boolean;
}

/** The contraction of two of the tensors that are left; its result becomes the last of them. first < second. */
interface ContractionStep {
  readonly first: number;
  readonly second: number;
  readonly labels: Contraction;
}

type Optimize = 'greedy' | 'optimal';

interface EinsumPlan {
  readonly optimize: Optimize;
  /** Of the operands. */
  readonly shapes: readonly Shape[];
  readonly operands: readonly OperandPlan[];
  readonly steps: readonly ContractionStep[];
  /** The labels of a single operand, once it is reduced. */
  readonly single: Labels;
  readonly out: Labels;
}

/** Plans by equation: of each those for the latest shapes, the newest first. The oldest equation goes first. */
const plans = new Map<string, EinsumPlan[]>();
const kMostEquations = 256;
const kMostShapes = 8;

function planOf(equation: string, tensors: readonly Tensor[], optimize: Optimize): EinsumPlan {
  const known = plans.get(equation);
  const fitting = known?.find(
    (plan) =>
      plan.optimize === optimize &&
      plan.shapes.length === tensors.length &&
      plan.shapes.every((shape, k) => sameShape(shape, (tensors[k] as Tensor).shape)),
  );
  if (fitting) return fitting;
  const plan = makePlan(equation, tensors, optimize);
  if (known) {
    known.unshift(plan);
    known.length = Math.min(known.length, kMostShapes);
  } else {
    if (plans.size >= kMostEquations) plans.delete(plans.keys().next().value as string);
    plans.set(equation, [plan]);
  }
  return plan;
}

function makePlan(equation: string, tensors: readonly Tensor[], optimize: Optimize): EinsumPlan {
  const { inputs, out } = labelsOf(equation, tensors);
  const lengths = new Map<number, number>();
  inputs.forEach((labels, k) => {
    labels.forEach((label, d) => {
      const length = (tensors[k] as Tensor).shape[d] as number;
      const known = lengths.get(label);
      if (known === undefined || (known === 1 && label >= kEllipsis)) lengths.set(label, length);
      else if (length !== known && !(length === 1 && label >= kEllipsis)) {
        throw lengthsDiffer(equation, tensors, label, known, length);
      }
    });
  });
  guardShape(
    'einsum',
    out.map((label) => lengths.get(label) as number),
  );
  const trimmed = inputs.map((labels, k) => {
    const { shape } = tensors[k] as Tensor;
    const own = (_: number, d: number): boolean => shape[d] === lengths.get(labels[d] as number);
    const fits = labels.every(own);
    return { shape: fits ? null : shapeOf(shape.filter(own)), labels: fits ? labels : labels.filter(own) };
  });
  const operands = trimmed.map((operand, k) => {
    const others = [...out, ...trimmed.flatMap(({ labels }, j) => (j === k ? [] : labels))];
    const { labels } = operand;
    const reduces = new Set(labels).size < labels.length || labels.some((label) => !others.includes(label));
    return { ...operand, kept: others, reduces };
  });
  const sets = operands.map(({ labels, kept }) => afterReduction(labels, kept));
  const shapes = tensors.map((t) => t.shape);
  const steps = stepsOf(sets, out, lengths, optimize);
  return { optimize, shapes, operands, steps, single: sets[0] as Labels, out };
}

/** The labels that `reduced` leaves, in its order: those of a diagonal are the last. */
function afterReduction(labels: Labels, kept: Labels): Labels {
  let own = [...labels];
  for (;;) {
    const second = own.findIndex((label, d) => own.indexOf(label) !== d);
    if (second < 0) break;
    const label = own[second] as number;
    const first = own.indexOf(label);
    own = [...own.filter((_, d) => d !== first && d !== second), label];
  }
  return own.filter((label) => kept.includes(label));
}

// ---- equations ----

/** Labels below are letters (their code units); those from here on are axes of '...', counted from its last. */
const kEllipsis = 1000;

const grammar = /^(?:[a-z]*(?:\.\.\.)?[a-z]*)(?:,[a-z]*(?:\.\.\.)?[a-z]*)*(?:->[a-z]*(?:\.\.\.)?[a-z]*)?$/i;

function labelsOf(equation: string, tensors: readonly Tensor[]): { inputs: Labels[]; out: Labels } {
  const text = equation.replace(/\s/g, '');
  if (!grammar.test(text)) {
    throw new ValueError(
      `einsum: '${equation}' is no equation; expected letters, '...' and commas, and one '->', as in 'ij,jk->ik'`,
    );
  }
  const [left, right] = text.split('->') as [string, string | undefined];
  const terms = left.split(',');
  if (terms.length !== tensors.length) {
    throw new ValueError(`einsum: '${equation}' is for ${terms.length} operands, got ${tensors.length}`);
  }
  const letters = (term: string): number[] => [...term.replace('...', '')].map((letter) => letter.charCodeAt(0));
  let most = 0;
  const inputs = terms.map((term, k) => {
    const { shape } = tensors[k] as Tensor;
    const named = letters(term);
    const open = term.includes('...');
    if (open ? shape.length < named.length : shape.length !== named.length) {
      throw new ValueError(
        `einsum: '${term}' of '${equation}' is for ${named.length}${open ? ' or more' : ''} axes, got shape ${showShape(shape)}`,
      );
    }
    if (!open) return named;
    most = Math.max(most, shape.length - named.length);
    return named.toSpliced(term.indexOf('...'), 0, ...ellipsis(shape.length - named.length));
  });
  return { inputs, out: right === undefined ? impliedOut(terms, most) : namedOut(right) };

  function namedOut(term: string): Labels {
    const named = letters(term);
    const unknown = named.find((label) => !inputs.some((labels) => labels.includes(label)));
    if (unknown !== undefined) {
      throw new ValueError(
        `einsum: the result of '${equation}' has ${String.fromCharCode(unknown)}, which no operand has`,
      );
    }
    if (new Set(named).size < named.length) {
      throw new ValueError(`einsum: the result of '${equation}' has a letter twice`);
    }
    if (!term.includes('...')) {
      if (most === 0) return named;
      throw new ValueError(
        `einsum: '...' of '${equation}' stands for ${most} axes, and the result has none; write '->...'`,
      );
    }
    return named.toSpliced(term.indexOf('...'), 0, ...ellipsis(most));
  }
}

/** The labels of so many axes that '...' stands for. */
function ellipsis(count: number): number[] {
  return Array.from({ length: count }, (_, d) => kEllipsis + count - 1 - d);
}

/** The axes of '...', and the letters that come once, in alphabetical order. */
function impliedOut(terms: readonly string[], most: number): Labels {
  const letters = terms.join('').replaceAll('.', '');
  const once = [...letters].filter((letter, i) => letters.indexOf(letter) === i && letters.lastIndexOf(letter) === i);
  return [...ellipsis(most), ...once.map((letter) => letter.charCodeAt(0)).sort((p, q) => p - q)];
}

function lengthsDiffer(
  equation: string,
  tensors: readonly Tensor[],
  label: number,
  known: number,
  length: number,
): ShapeError {
  const what = label >= kEllipsis ? "an axis of '...'" : `axis ${String.fromCharCode(label)}`;
  const shapes = tensors.map((t) => showShape(t.shape)).join(', ');
  return new ShapeError(
    `einsum: ${what} of '${equation}' has lengths ${known} and ${length}, for operands of shape ${shapes}`,
  );
}

// ---- the order of contractions ----

type Lengths = ReadonlyMap<number, number>;

const kMostTried = 6;

/** The contractions of operands with these labels, none of which is in one operand only and not in the result. */
function stepsOf(sets: readonly Labels[], out: Labels, lengths: Lengths, optimize: Optimize): ContractionStep[] {
  const path = optimize === 'optimal' && sets.length <= kMostTried ? optimalPath(sets, out, lengths) : null;
  const left = [...sets];
  const steps: ContractionStep[] = [];
  while (left.length > 1) {
    const [first, second] = path?.[steps.length] ?? cheapestPair(left, out, lengths);
    const [y] = left.splice(second, 1) as [Labels];
    const [x] = left.splice(first, 1) as [Labels];
    const result = left.length === 0 ? out : resultOf(x, y, [...out, ...left.flat()]);
    steps.push({ first, second, labels: { x, y, out: result } });
    left.push(result);
  }
  return steps;
}

/** The labels of a contraction's result: those that are needed later, the ones of both operands first. */
function resultOf(x: Labels, y: Labels, later: Labels): Labels {
  const needed = (label: number): boolean => later.includes(label);
  return [
    ...x.filter((label) => needed(label) && y.includes(label)),
    ...x.filter((label) => needed(label) && !y.includes(label)),
    ...y.filter((label) => needed(label) && !x.includes(label)),
  ];
}

function elements(labels: Labels, lengths: Lengths): number {
  return sizeOf(labels.map((label) => lengths.get(label) as number));
}

/** The pair whose contraction leaves the fewest elements more than it takes; of equals the one with less work. */
function cheapestPair(left: readonly Labels[], out: Labels, lengths: Lengths): [number, number] {
  let best: [number, number] = [0, 1];
  let least = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (let j = 1; j < left.length; j++) {
    for (let i = 0; i < j; i++) {
      const [x, y] = [left[i] as Labels, left[j] as Labels];
      const others = left.filter((_, k) => k !== i && k !== j).flat();
      const result = resultOf(x, y, [...out, ...others]);
      const grows = elements(result, lengths) - elements(x, lengths) - elements(y, lengths);
      const work = elements([...new Set([...x, ...y])], lengths);
      if (grows < (least[0] as number) || (grows === least[0] && work < (least[1] as number))) {
        best = [i, j];
        least = [grows, work];
      }
    }
  }
  return best;
}

/** The order with the fewest multiplications. */
function optimalPath(sets: readonly Labels[], out: Labels, lengths: Lengths): [number, number][] {
  let best: [number, number][] = [];
  let least = Number.POSITIVE_INFINITY;
  const search = (left: readonly Labels[], path: [number, number][], work: number): void => {
    if (work >= least) return;
    if (left.length === 1) {
      best = path;
      least = work;
      return;
    }
    for (let j = 1; j < left.length; j++) {
      for (let i = 0; i < j; i++) {
        const [x, y] = [left[i] as Labels, left[j] as Labels];
        const others = left.filter((_, k) => k !== i && k !== j);
        const result = resultOf(x, y, [...out, ...others.flat()]);
        const each = elements([...new Set([...x, ...y])], lengths);
        search([...others, result], [...path, [i, j]], work + each);
      }
    }
  };
  search(sets, [], 0);
  return best;
}

// ---- tensordot ----

/**
 * The sum of products over pairs of axes: the last `axes` ones of a with the first ones of b, or those of two lists of
 * equal lengths (a number alone is a list of one). The result has the other axes of a, then those of b. float32,
 * float64, int32.
 * @throws ValueError for what are no axes; ShapeError; DTypeError
 */
export function tensordot(
  a: TensorLike,
  b: TensorLike,
  axes: number | readonly [number | readonly number[], number | readonly number[]],
): Tensor {
  if (arguments.length > 3) refuseExtra('tensordot', arguments[3], undefined);
  const [x, y] = productOperands('tensordot', [a, b], ['a', 'b']) as [Tensor, Tensor];
  const [ofX, ofY] = dotAxes(x, y, axes);
  const xLabels = [...x.shape.keys()];
  const yLabels = [...y.shape.keys()].map((d) => {
    const k = ofY.indexOf(d);
    return k < 0 ? x.rank + d : (ofX[k] as number);
  });
  ofX.forEach((d, k) => {
    const [p, q] = [x.shape[d] as number, y.shape[ofY[k] as number] as number];
    if (p !== q) {
      throw new ShapeError(
        `tensordot: axis ${d} of ${showShape(x.shape)} and axis ${ofY[k]} of ${showShape(y.shape)} have lengths ${p} and ${q}`,
      );
    }
  });
  const out = [...xLabels.filter((d) => !ofX.includes(d)), ...yLabels.filter((label) => label >= x.rank)];
  guardShape(
    'tensordot',
    out.map((label) => (label < x.rank ? x.shape[label] : y.shape[label - x.rank]) as number),
  );
  return contract('tensordot', x, y, { x: xLabels, y: yLabels, out });
}

function dotAxes(x: Tensor, y: Tensor, axes: unknown): [number[], number[]] {
  const what = 'a number of axes or two lists of axes';
  if (typeof axes === 'number') {
    if (!Number.isInteger(axes) || axes < 0 || axes > x.rank || axes > y.rank) {
      throw new ValueError(
        `tensordot: axes must be ${what}, at most ${Math.min(x.rank, y.rank)} for shapes ${showShape(x.shape)} and ${showShape(y.shape)}, got ${axes}`,
      );
    }
    const count = Array.from({ length: axes }, (_, k) => k);
    return [count.map((k) => x.rank - axes + k), count];
  }
  const pair = listOf(axes)?.map((list) => (typeof list === 'number' ? [list] : listOf(list)));
  const [p, q] = pair ?? [];
  if (pair?.length !== 2 || !p || !q || p.length !== q.length) {
    throw new ValueError(`tensordot: axes must be ${what} of equal lengths, got ${showDeep(axes)}`);
  }
  const checked = (list: readonly unknown[], t: Tensor): number[] => {
    const own = list.map((d) => checkAxis('tensordot', d, t.rank, 'axes'));
    if (new Set(own).size < own.length) {
      throw new ShapeError(`tensordot: axes name one axis twice: ${showDeep(list)}`, 'ERR_AXIS');
    }
    return own;
  };
  return [checked(p, x), checked(q, y)];
}
