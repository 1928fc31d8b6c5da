/**
 * Checking numbers (config.checkNumerics): finds the op, forward or backward, that makes NaN or an infinity of finite
 * operands, or NaN of others. What was not finite before is not reported.
 */
import { type DType, isFloating } from '../base/dtype.js';
import { GradtapeError } from '../base/errors.js';
import { callSite } from '../base/origin.js';
import type { Shape } from '../base/shape.js';
import { isElementwise } from '../engine/addon.js';
import { checksRules } from '../engine/config.js';
import type { Computation, Tensor } from '../engine/tensor.js';
import type { Entry } from '../record/entry.js';
import { traceOfEntry } from '../record/trace.js';
import { Op } from './op.js';
import { type Call, elementsOf, madeBy } from './reach.js';

/** How many functions run by `unchecked` now. */
let uncheckedRuns = 0;

/** Whether the results of ops are checked now. */
export function isChecking(): boolean {
  return checksRules() && uncheckedRuns === 0;
}

/** Runs fn without checking its ops: the library's own steps may pass through infinities that a later step leaves out. */
export function unchecked<T>(fn: () => T): T {
  uncheckedRuns++;
  try {
    return fn();
  } finally {
    uncheckedRuns--;
  }
}

/** An operand as the report names it. */
interface Operand {
  readonly name: string;
  readonly t: Tensor;
}

/** Where an op made a NaN or an infinity. */
interface Finding {
  readonly value: number;
  readonly index: readonly number[];
  /** The operands' elements at that index; none where the op does not go element by element. */
  readonly beside: readonly { readonly name: string; readonly value: number; readonly dtype: DType }[];
  /** Whether all elements of the operands are finite, where none are beside it. */
  readonly finite: boolean;
}

/** An operand's elements. */
interface Elements {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
  readonly elements: ArrayLike<number>;
}

const names = ['x', 'y', 'z'];

/**
 * Checks the result of an op. `call`: of an op that does not go element by element, if it is known.
 * @throws GradtapeError ERR_NUMERICS
 */
export function checkResult(op: Computation, out: Tensor, operands: readonly Tensor[], call: Call | null): void {
  const { name, opcode } = op;
  const byElement = isElementwise[opcode] === 1 || (op instanceof Op && op.forward === 'elementwise');
  const named = operands.map((t, k) => ({ t, name: operands.length > 1 ? (names[k] ?? `operand ${k}`) : 'x' }));
  const found = byElement ? findByElement(out, named) : findReached(out, named, call);
  if (!found) return;
  throw new GradtapeError(
    'ERR_NUMERICS',
    `${name}: the result contains ${found.value} ${where(found)}${called(callSite())}.${hintOf(name, found)} (config.checkNumerics is on)`,
  );
}

/**
 * Checks what the gradient rule of an entry's op gave for operand k, of cotangents, or of tangents.
 * @throws GradtapeError ERR_NUMERICS
 */
export function checkPulled(
  e: Entry,
  k: number,
  given: readonly (Tensor | null)[],
  pulled: Tensor,
  as = 'cotangent',
): void {
  const operands: Operand[] = [];
  for (const t of given) if (t) operands.push({ name: `the ${as}`, t });
  if (e.x) operands.push({ name: 'x', t: e.x });
  if (e.y) operands.push({ name: 'y', t: e.y });
  if (e.out) operands.push({ name: 'the result', t: e.out });
  for (const [i, t] of e.keptBeyondTwo) operands.push({ name: names[i] ?? `operand ${i}`, t });
  const found = findByElement(pulled, operands);
  if (!found) return;
  const forward = traceOfEntry(e)?.at ?? null;
  const about = e.count > 1 ? ` with respect to ${names[k] ?? `operand ${k}`}` : '';
  throw new GradtapeError(
    'ERR_NUMERICS',
    `${e.op.name}: the gradient${about} is ${found.value} ${where(found)}${called(forward)}` +
      `${placed(', differentiated at', callSite())}.${backwardHintOf(e.op.name, found)} (config.checkNumerics is on)`,
  );
}

function where({ index, beside, finite, value }: Finding): string {
  const values = beside.map(({ name, value, dtype }) => `${name} is ${shown(value, dtype)}`).join(' and ');
  // Beside infinite operands a NaN may be inf - inf or 0 * inf; what else is reported comes of finite ones.
  const of = finite || !Number.isNaN(value) ? ', of finite operands' : ', of operands without NaN';
  return `at [${index.join(', ')}]${values ? `, where ${values}` : of}`;
}

/** The shortest decimal that reads back as the value. */
function shown(value: number, dtype: DType): string {
  if (dtype !== 'float32' || !Number.isFinite(value)) return String(value);
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return String(short);
  }
  return String(Number(value.toPrecision(9)));
}

function called(at: string | null): string {
  return placed(', called at', at);
}

function placed(words: string, at: string | null): string {
  return at === null ? '' : `${words} ${at}`;
}

/** The elements that are checked: of a sparse tensor its values, without making it dense. */
function checkedPart(t: Tensor): Tensor {
  return 'denseShape' in t && 'values' in t ? (t.values as Tensor) : t;
}

/** The floating operands, with the elements that are checked. */
function elementsIn(operands: readonly Operand[]): Elements[] {
  return operands
    .filter(({ t }) => isFloating(t.dtype))
    .map(({ name, t }) => ({
      name,
      dtype: t.dtype,
      shape: checkedPart(t).shape,
      elements: elementsOf(checkedPart(t)),
    }));
}

const besideAt = (floating: readonly Elements[], shape: Shape, at: number): Finding['beside'] =>
  floating
    .filter((o) => broadcasts(o.shape, shape))
    .map((o) => ({ name: o.name, dtype: o.dtype, value: elementAt(o, shape, at) }));

/** The checked part of a result, and where its first element is that is not finite; null if there is none. */
function suspectIn(result: Tensor): { out: Tensor; elements: ArrayLike<number>; at: number } | null {
  const out = checkedPart(result);
  if (!isFloating(out.dtype)) return null;
  const elements = elementsOf(out);
  const at = nextNotFinite(elements, 0);
  return at < 0 ? null : { out, elements, at };
}

/** Of operands that broadcast to the result: each element by those beside it. Of others only if all are finite. */
function findByElement(result: Tensor, operands: readonly Operand[]): Finding | null {
  const suspect = suspectIn(result);
  if (!suspect) return null;
  const { out, elements } = suspect;
  let { at } = suspect;
  const floating = elementsIn(operands);
  if (!floating.every(({ shape }) => broadcasts(shape, out.shape))) {
    if (floating.some((o) => nextNotFinite(o.elements, 0) >= 0)) return null;
    return findingAt(elements, floating, out.shape, at);
  }
  for (; at >= 0; at = nextNotFinite(elements, at + 1)) {
    const found = findingAt(elements, floating, out.shape, at);
    const finite = found.beside.every((operand) => Number.isFinite(operand.value));
    const newNaN = Number.isNaN(found.value) && !found.beside.some((operand) => Number.isNaN(operand.value));
    if (finite || newNaN) return found;
  }
  return null;
}

/** Of any operands: an element that the op made, whatever else was not finite. */
function findReached(result: Tensor, operands: readonly Operand[], call: Call | null): Finding | null {
  const suspect = suspectIn(result);
  if (!suspect) return null;
  const { out, elements } = suspect;
  let { at } = suspect;
  const parts = operands.map(({ t }) => checkedPart(t));
  const dense = out === result && operands.every(({ t }, k) => t === parts[k]);
  const made = unchecked(() => madeBy(dense ? call : null, parts, out));
  while (at >= 0 && !made(at)) at = nextNotFinite(elements, at + 1);
  if (at < 0) return null;
  const floating = elementsIn(operands);
  const finite = floating.every((o) => nextNotFinite(o.elements, 0) < 0);
  return { ...findingAt(elements, floating, out.shape, at), finite };
}

function findingAt(elements: ArrayLike<number>, floating: readonly Elements[], shape: Shape, at: number): Finding {
  const beside = besideAt(floating, shape, at);
  return { value: elements[at] as number, index: indexOf(at, shape), beside, finite: true };
}

function nextNotFinite(elements: ArrayLike<number>, from: number): number {
  for (let i = from; i < elements.length; i++) if (!Number.isFinite(elements[i])) return i;
  return -1;
}

function broadcasts(shape: Shape, to: Shape): boolean {
  const missing = to.length - shape.length;
  return missing >= 0 && shape.every((length, d) => length === 1 || length === to[missing + d]);
}

function indexOf(flat: number, shape: Shape): number[] {
  const index: number[] = [];
  let rest = flat;
  for (let d = shape.length - 1; d >= 0; d--) {
    const length = shape[d] as number;
    index.unshift(rest % length);
    rest = Math.floor(rest / length);
  }
  return index;
}

/** The element of an operand that broadcasts to `shape`, at a flat index there. */
function elementAt(operand: Elements, shape: Shape, flat: number): number {
  const index = indexOf(flat, shape).slice(shape.length - operand.shape.length);
  const at = operand.shape.reduce((sum, length, d) => sum * length + (length === 1 ? 0 : (index[d] as number)), 0);
  return operand.elements[at] as number;
}

/** What to do about the known traps. */
function hintOf(name: string, { beside }: Finding): string {
  const [x, y] = beside.map(({ value }) => value);
  if (name === 'log1p')
    return ' log1p is the logarithm of 1 + x: -inf at -1 and NaN below. Clip with maximum(x, -0.999).';
  if (/^(log|log2|log10|xlogy|logSigmoid)$/.test(name)) {
    return ' The logarithm of 0 is -inf and that of a negative number NaN: add a small number, or clip with maximum(x, 1e-7).';
  }
  if (/[sS]oftmax$/.test(name) && x === Number.NEGATIVE_INFINITY) {
    return ' All of the row are -inf: leave a finite one in each row, or mask with a large negative number.';
  }
  if (name === 'pow' && x !== undefined && y !== undefined) {
    if (x < 0 && !Number.isInteger(y)) return ' A negative number to a power that is no whole number is NaN.';
    return x === 0 ? ' 0 to a negative power is infinite: add a small number to x.' : ' It overflows the dtype.';
  }
  if (/^(exp|exp2|expm1|sinh|cosh)$/.test(name) && x !== undefined && Math.abs(x) >= 1 && y !== 0) {
    return ' It overflows the dtype: subtract the maximum first (softmax and reduceLogsumexp do), or use a function of the logarithm (logSoftmax, softplus).';
  }
  if (
    /^(div|realdiv|truediv|reciprocal|rsqrt|floormod|divide)$/.test(name) &&
    (y === 0 || (y === undefined && x === 0))
  ) {
    return ' It is a division by 0: divideNoNan gives 0 there, or add a small number to the denominator.';
  }
  if (/^r?sqrt$/.test(name) && x !== undefined && x < 0) return ' The square root of a negative number is NaN.';
  if (beside.some(({ value }) => value === 0) && beside.some(({ value }) => Math.abs(value) === Infinity)) {
    return ' 0 * inf is NaN: put the infinity in by where(mask, x, -inf), or multiply by multiplyNoNan.';
  }
  return '';
}

function backwardHintOf(name: string, found: Finding): string {
  const value = (operand: string): number | undefined => found.beside.find((o) => o.name === operand)?.value;
  const x = value('x');
  const root = value('the result');
  const sqrt = name === 'sqrt' && (x === 0 || root === 0);
  if (value('the cotangent') === 0) {
    return (
      ' The cotangent is 0 there, as of the branch that a where did not take; 0 * inf is NaN all the same. ' +
      `Make the operand safe in that branch: where(c, ${name}(where(c, x, 1)), 0).`
    );
  }
  if (sqrt) {
    return ' The gradient of sqrt at 0 is infinite, also that of a norm written with it: norm and reduceEuclideanNorm have 0 there.';
  }
  if (name === 'pow' && x === 0) {
    return ' The gradient of a power below 1 is infinite at 0, as that of sqrt: add a small number to x.';
  }
  return hintOf(name, { ...found, beside: found.beside.filter((o) => o.name === 'x' || o.name === 'y') });
}
