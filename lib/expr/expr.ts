/** `expr`: formulas in a tagged template. Each template is parsed once, into closures that call the ops; nothing else is kept. */

import { nearest } from '../base/arguments.js';
import type { DType } from '../base/dtype.js';
import { isFloating } from '../base/dtype.js';
import { GradtapeError, ValueError } from '../base/errors.js';
import { Tensor } from '../engine/tensor.js';
import { asTensor } from '../op/operands.js';
import { registry } from '../op/registry.js';
import type { TensorLike } from '../op/variable.js';
import { Variable } from '../op/variable.js';
import * as ops from '../ops/index.js';
import * as linalg from '../ops/linalg/index.js';
import * as nn from '../ops/nn/index.js';
import * as random from '../ops/random/index.js';
import { below } from '../record/stack.js';
import type { ExprCall, ExprNode } from './parser.js';
import { formulaError, parseExpr, pointAt } from './parser.js';

/** What a hole takes: an operand, or an argument of an op call (an axis, a shape, options). */
export type ExprHole = TensorLike | string | null | undefined | Readonly<Record<string, unknown>>;

type Formula = (holes: readonly unknown[]) => unknown;
type Fn = (...args: unknown[]) => unknown;

const formulas = new WeakMap<TemplateStringsArray, Formula>();
// Loops evaluate the same template again and again.
let latestStrings: TemplateStringsArray | null = null;
let latestFormula: Formula = () => undefined;

/**
 * Evaluates a formula: + - * / // % ** @, comparisons, parentheses, numbers, and ops by name, with Python's precedence.
 *
 * @example expr`2*${x}**3 + nn.relu(${x} @ ${w})`
 * @throws SyntaxError (`ERR_EXPR`) that points at the place
 */
export function expr(strings: TemplateStringsArray, ...holes: readonly ExprHole[]): Tensor {
  const formula = strings === latestStrings ? latestFormula : formulaOf(strings);
  try {
    const result = formula(holes);
    calledAt = -1;
    if (result instanceof Variable) return result.value(); // a tensor of its own
    return result instanceof Tensor ? result : asTensor('expr', result as TensorLike);
  } catch (error) {
    throw error instanceof GradtapeError ? pointed(error, strings) : error;
  }
}

// Where the op stands that was called last; operands are evaluated before their op is called.
let calledAt = -1;

/** The error, with the formula and the place in it of the op that threw. */
function pointed(error: GradtapeError, strings: TemplateStringsArray): GradtapeError {
  const at = calledAt;
  calledAt = -1;
  if (at < 0) return error;
  const was = error.message;
  error.message = `${was}\n${pointAt(strings.raw, at)}`;
  if (error.stack) error.stack = error.stack.replace(was, () => error.message);
  return error;
}

function formulaOf(strings: TemplateStringsArray): Formula {
  if (!isTemplate(strings)) {
    throw new ValueError('expr: it is the tag of a template, expr`...`, with values in holes; it takes no strings');
  }
  let formula = formulas.get(strings);
  if (!formula) {
    formula = compile(parseExpr(strings.raw), strings.raw).formula;
    formulas.set(strings, formula);
  }
  latestStrings = strings;
  latestFormula = formula;
  return formula;
}

function isTemplate(strings: unknown): strings is TemplateStringsArray {
  try {
    const { raw } = strings as TemplateStringsArray;
    return Array.isArray(strings) && Array.isArray(raw) && raw.every((part) => typeof part === 'string');
  } catch {
    return false; // null, a revoked proxy
  }
}

// Numbers among themselves stay numbers, as in Python: 1/3 is not rounded to the dtype of what comes after it.
type OnNumbers = (...numbers: number[]) => number | boolean;
const minus: OnNumbers = (a) => -(a as number);
type Binary = (a: number, b: number) => number | boolean;
const operators: ReadonlyMap<string, OnNumbers> = new Map<string, Binary>([
  ['add', (a, b) => a + b],
  ['sub', (a, b) => a - b],
  ['mul', (a, b) => a * b],
  ['div', (a, b) => a / b],
  ['floordiv', (a, b) => Math.floor(a / b)],
  ['floormod', floormod],
  ['pow', (a, b) => a ** b],
  ['less', (a, b) => a < b],
  ['lessEqual', (a, b) => a <= b],
  ['greater', (a, b) => a > b],
  ['greaterEqual', (a, b) => a >= b],
  ['equal', (a, b) => a === b],
  ['notEqual', (a, b) => a !== b],
]) as ReadonlyMap<string, OnNumbers>;

// The sign is the divisor's, as in Python.
function floormod(a: number, b: number): number {
  const rest = a % b;
  return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest;
}

/** A formula, and its value if it has no holes and is a number (or a comparison of numbers). */
interface Compiled {
  readonly formula: Formula;
  readonly value?: number | boolean;
}

function compile(node: ExprNode, strings: readonly string[]): Compiled {
  if (node.kind === 'number') return constantFormula(node.value);
  if (node.kind === 'hole') return { formula: holeFormula(node.index) };
  const fn = opNamed(node.op, node.at, strings);
  const args = node.args.map((arg) => compile(arg, strings));
  const formula = callOf(node, fn, args);
  if (args.some((arg) => arg.value === undefined)) return { formula };
  // No holes below: what comes out as a number is one once and for all. What throws does so when it is evaluated.
  try {
    const value = formula([]);
    return typeof value === 'number' || typeof value === 'boolean' ? constantFormula(value) : { formula };
  } catch {
    return { formula };
  }
}

function callOf({ op, at, written }: ExprCall, fn: Fn, args: readonly Compiled[]): Formula {
  const [x, y] = args;
  const onNumbers = written === 'operator' ? operators.get(op) : doubled(op, fn);
  if (x && args.length === 1) return call1(fn, at, x.formula, op === 'neg' ? minus : onNumbers);
  if (x && y && args.length === 2) {
    // pow makes products of powers that are given as numbers.
    const exponent = op === 'pow' ? asItIs : literalOf(y.value);
    return written === 'operator'
      ? operation(fn, at, onNumbers, [x.formula, literalOf(x.value)], [y.formula, exponent])
      : call2(fn, at, x.formula, y.formula, onNumbers);
  }
  const formulas = args.map((arg) => arg.formula);
  return (holes) => {
    const values = formulas.map((formula) => formula(holes));
    calledAt = at;
    return onNumbers && values.every(isScalar) ? onNumbers(...(values as number[])) : fn(...values);
  };
}

function isScalar(value: unknown): value is number | boolean {
  return typeof value === 'number' || typeof value === 'boolean';
}

// Ops that are no kernel of one or two operands, but make numbers of numbers as those do.
const scalarOps = new Set([
  ...['where', 'clipByValue', 'squaredDifference'],
  ...['leakyRelu', 'relu6', 'elu', 'selu', 'silu', 'gelu'].map((name) => `nn.${name}`),
]);

function isChoice(values: readonly unknown[]): boolean {
  return values.length === 3 && typeof values[0] === 'boolean';
}
function chosen(values: readonly number[]): number {
  return (values[0] ? values[1] : values[2]) as number;
}

/** The op on numbers alone: in double, by the kernels of float64, so that nothing is rounded to the dtype of what comes after it. */
function doubled(name: string, fn: Fn): OnNumbers | undefined {
  const info = registry.get(name.slice(name.indexOf('.') + 1));
  if (name === 'where') return (...values) => (isChoice(values) ? chosen(values) : (fn(...values) as never));
  const arity = info?.fn === fn ? info.arity : undefined;
  if (!(arity || scalarOps.has(name))) return undefined;
  return (...numbers) => {
    if (!numbers.every((n) => typeof n === 'number') || (arity && numbers.length !== arity))
      return fn(...numbers) as never;
    const [first, ...more] = numbers;
    const t = below(null, () => fn(asTensor(name, first as number, 'float64'), ...more)) as Tensor;
    if (t.dtype === 'bool') return t.item() === 1;
    return t.dtype === 'float64' && t.rank === 0 ? t.item() : (t as never);
  };
}

/** Every op by its name, behind that of its namespace. */
const functions: ReadonlyMap<string, Fn> = new Map(
  Object.entries({ '': ops, 'linalg.': linalg, 'nn.': nn, 'random.': random }).flatMap(([prefix, namespace]) =>
    Object.entries(namespace).map(([name, fn]) => [prefix + name, fn as Fn] as const),
  ),
);

function opNamed(name: string, at: number, strings: readonly string[]): Fn {
  const fn = functions.get(name);
  if (fn) return fn;
  const bare = name.replace(/^(tf|math)\./, '').replace(/^(tf|math)\./, '');
  const camel = bare.replace(/_([a-z\d])/g, (_, letter: string) => letter.toUpperCase());
  const near =
    [camel, `nn.${camel}`, `linalg.${camel}`, `random.${camel}`].find(
      (other) => other !== name && functions.has(other),
    ) ??
    nearest(
      camel,
      [...functions.keys()].filter((op) => op.length > 2),
    );
  throw formulaError(strings, at, `there is no op '${name}'${near ? `: write '${near}'` : ''}`);
}

function constantFormula(value: number | boolean): Compiled {
  return { formula: () => value, value };
}

function holeFormula(index: number): Formula {
  return (holes) => holes[index];
}

type Literal = (value: number, beside: unknown) => unknown;
const asItIs: Literal = (value) => value;

/** What makes an operand of a number. One that stands in the template becomes a tensor once for each dtype beside it. */
function literalOf(given: number | boolean | undefined): Literal {
  if (typeof given !== 'number') return asItIs;
  const tensors = new Map<DType, Tensor>();
  return (value, beside) => {
    if (!(beside instanceof Tensor || beside instanceof Variable) || !isFloating(beside.dtype)) return value;
    let t = tensors.get(beside.dtype);
    if (!t) {
      t = asTensor('expr', value, beside.dtype);
      tensors.set(beside.dtype, t);
    }
    return t;
  };
}

function operation(
  fn: Fn,
  at: number,
  onNumbers: OnNumbers | undefined,
  [x, ofX]: readonly [Formula, Literal],
  [y, ofY]: readonly [Formula, Literal],
): Formula {
  return (holes) => {
    const a = x(holes);
    const b = y(holes);
    calledAt = at;
    if (typeof a === 'number') return typeof b === 'number' && onNumbers ? onNumbers(a, b) : fn(ofX(a, b), b);
    return fn(a, typeof b === 'number' ? ofY(b, a) : b);
  };
}

function call1(fn: Fn, at: number, x: Formula, onNumbers: OnNumbers | undefined): Formula {
  return (holes) => {
    const a = x(holes);
    calledAt = at;
    return onNumbers && typeof a === 'number' ? onNumbers(a) : fn(a);
  };
}

function call2(fn: Fn, at: number, x: Formula, y: Formula, onNumbers: OnNumbers | undefined): Formula {
  return (holes) => {
    const a = x(holes);
    const b = y(holes);
    calledAt = at;
    return onNumbers && typeof a === 'number' && typeof b === 'number' ? onNumbers(a, b) : fn(a, b);
  };
}
