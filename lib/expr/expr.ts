/** `expr`: formulas in a tagged template, compiled once for each template to closures that call ops. */
import { nearest } from '../base/arguments.js';
import type { DType } from '../base/dtype.js';
import { isFloating } from '../base/dtype.js';
import { GradtapeError, ValueError } from '../base/errors.js';
import { Tensor } from '../engine/tensor.js';
import { asTensor } from '../op/operands.js';
import { registry } from '../op/registry.js';
import type { TensorLike } from '../op/variable.js';
import { Variable } from '../op/variable.js';
import * as bitwise from '../ops/bitwise/index.js';
import * as image from '../ops/image/index.js';
import * as ops from '../ops/index.js';
import * as linalg from '../ops/linalg/index.js';
import * as opMethods from '../ops/methods.js';
import * as nn from '../ops/nn/index.js';
import * as nnMethods from '../ops/nn/methods.js';
import * as random from '../ops/random/index.js';
import { unheard } from '../record/stack.js';
import type { ExprCall, ExprNode } from './parser.js';
import { formulaError, parseExpr, pointAt } from './parser.js';

/** What may stand in a hole `${...}`: an operand, or another argument of an op (an axis, a shape, options). */
export type ExprHole = TensorLike | string | null | undefined | Readonly<Record<string, unknown>>;

/** A compiled formula: computes its value from those of the holes. */
type Formula = (holes: readonly unknown[]) => unknown;
type Fn = (...args: unknown[]) => unknown;

const formulas = new WeakMap<TemplateStringsArray, Formula>();
// The last template and its formula, since a loop evaluates the same one again and again.
let latestStrings: TemplateStringsArray | null = null;
let latestFormula: Formula = () => undefined;

/**
 * Evaluates a formula: + - * / // % ** @, comparisons, parentheses, numbers, holes, and ops by name, with Python's
 * precedence. Numbers among themselves are computed in double. The result is a tensor.
 *
 * @example expr`2*${x}**3 + nn.relu(${x} @ ${w})`
 * @throws SyntaxError (code `ERR_EXPR`), which points at the place; what the ops throw, with the place added
 */
export function expr(strings: TemplateStringsArray, ...holes: readonly ExprHole[]): Tensor {
  const formula = strings === latestStrings ? latestFormula : formulaOf(strings);
  try {
    const result = formula(holes);
    calledAt = -1;
    if (result instanceof Variable) return result.value();
    return result instanceof Tensor ? result : asTensor('expr', result as TensorLike);
  } catch (error) {
    throw error instanceof GradtapeError ? pointed(error, strings) : error;
  }
}

// The column of the op that was called last, for errors; -1 if none. Operands are evaluated before the op itself is
// called.
let calledAt = -1;

/** The error, with the formula and a caret below the op that threw added to its message. */
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

// Operators on two numbers give a number (double), as in Python: so 1/3 is not rounded to float32 before it meets a
// float64 tensor.
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
  // Without holes below, a result that is a number is constant. An op that throws here is left to throw when the
  // formula is evaluated.
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
    // The exponent stays a number, for which pow has a rule of its own.
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

// Ops of tensors: of a number alone, those that give one number give it in double.
let opsOfTensors: ReadonlySet<unknown> | null = null; // made by the first formula that needs it

function isChoice(values: readonly unknown[]): boolean {
  return values.length === 3 && typeof values[0] === 'boolean';
}
function chosen(values: readonly number[]): number {
  return (values[0] ? values[1] : values[2]) as number;
}

/** The op on numbers alone, computed by the kernels of float64; undefined for an op that has no such form. */
function doubled(name: string, fn: Fn): OnNumbers | undefined {
  const info = registry.get(name.slice(name.indexOf('.') + 1));
  if (name === 'where') return (...values) => (isChoice(values) ? chosen(values) : (fn(...values) as never));
  const arity = info?.fn === fn ? info.arity : undefined;
  opsOfTensors ??= new Set([...Object.values(opMethods), ...Object.values(nnMethods)]);
  if (!opsOfTensors.has(fn)) return undefined;
  return (...numbers) => {
    if (!numbers.every((n) => typeof n === 'number') || (arity && numbers.length !== arity))
      return fn(...numbers) as never;
    const [first, ...more] = numbers;
    const t = unheard(() => fn(asTensor(name, first as number, 'float64'), ...more)) as Tensor | Tensor[];
    if (!(t instanceof Tensor)) return fn(...numbers) as never;
    if (t.dtype === 'bool' && t.rank === 0) return t.item() === 1;
    return t.dtype === 'float64' && t.rank === 0 ? t.item() : (fn(...numbers) as never);
  };
}

const namespaces = { '': ops, 'bitwise.': bitwise, 'image.': image, 'linalg.': linalg, 'nn.': nn, 'random.': random };

/** Every op by its name, with its namespace before it: "nn.relu". */
let byName: ReadonlyMap<string, Fn> | null = null; // made by the first formula

function functions(): ReadonlyMap<string, Fn> {
  byName ??= new Map(
    Object.entries(namespaces).flatMap(([prefix, namespace]) =>
      Object.entries(namespace).map(([name, fn]) => [prefix + name, fn as Fn] as const),
    ),
  );
  return byName;
}

/** Ops by names that other libraries have for them, which resemble those of different ops here. */
const otherNames: Readonly<Record<string, string>> = {
  ln: 'log',
  multiply: 'mul',
  divide: 'div',
  subtract: 'sub',
  clip: 'clipByValue',
  concatenate: 'concat',
};

function opNamed(name: string, at: number, strings: readonly string[]): Fn {
  const fn = functions().get(name);
  if (fn) return fn;
  const bare = name.replace(/^(tf|math)\./, '').replace(/^(tf|math)\./, '');
  const camel = bare.replace(/_([a-z\d])/g, (_, letter: string) => letter.toUpperCase());
  const reduction = `reduce${camel.charAt(0).toUpperCase()}${camel.slice(1)}`; // sum, max and so on, as NumPy calls them
  const near =
    [...Object.keys(namespaces).map((prefix) => prefix + camel), otherNames[camel] ?? reduction].find(
      (other) => other !== name && functions().has(other),
    ) ??
    nearest(
      camel,
      [...functions().keys()].filter((op) => op.length > 2),
    );
  throw formulaError(strings, at, `there is no op '${name}'${near ? `: write '${near}'` : ''}`);
}

function constantFormula(value: number | boolean): Compiled {
  return { formula: () => value, value };
}

function holeFormula(index: number): Formula {
  return (holes) => holes[index];
}

/** Makes an operand of a number that stands beside another operand. */
type Literal = (value: number, beside: unknown) => unknown;
const asItIs: Literal = (value) => value;

/**
 * The Literal of an operand. A number that is written in the template becomes a tensor, made once for each dtype that
 * it stands beside.
 */
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

/** The formula of an operator with two operands. */
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

/** The formula of an op call with one argument. */
function call1(fn: Fn, at: number, x: Formula, onNumbers: OnNumbers | undefined): Formula {
  return (holes) => {
    const a = x(holes);
    calledAt = at;
    return onNumbers && typeof a === 'number' ? onNumbers(a) : fn(a);
  };
}

/** The formula of an op call with two arguments. */
function call2(fn: Fn, at: number, x: Formula, y: Formula, onNumbers: OnNumbers | undefined): Formula {
  return (holes) => {
    const a = x(holes);
    const b = y(holes);
    calledAt = at;
    return onNumbers && typeof a === 'number' && typeof b === 'number' ? onNumbers(a, b) : fn(a, b);
  };
}
