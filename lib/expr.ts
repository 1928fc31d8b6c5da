/** `expr`: formulas in a tagged template. Each template is parsed once, into closures that call the ops; nothing else is kept. */
import type { DType } from './dtype.js';
import { isFloating } from './dtype.js';
import { ValueError } from './errors.js';
import type { ExprNode } from './expr-parser.js';
import { formulaError, parseExpr } from './expr-parser.js';
import { asTensor, registry } from './op.js';
import { Tensor } from './tensor.js';
import type { TensorLike } from './variable.js';
import { Variable } from './variable.js';

/** What a hole takes: an operand, or an argument of an op call (an axis, a shape, options). */
export type ExprHole = TensorLike | string | null | undefined | Readonly<Record<string, unknown>>;

type Formula = (holes: readonly unknown[]) => unknown;
type Fn = (...args: unknown[]) => unknown;

const formulas = new WeakMap<TemplateStringsArray, Formula>();
// Loops evaluate the same template again and again.
let latestStrings: TemplateStringsArray | null = null;
let latest: Formula = () => undefined;

/**
 * Evaluates a formula: + - * / // % ** @, comparisons, parentheses, numbers, and ops by name, with Python's precedence.
 *
 * @example expr`2*${x}**3 + nn.relu(${x} @ ${w})`
 * @throws SyntaxError (`ERR_EXPR`) that points at the place
 */
export function expr(strings: TemplateStringsArray, ...holes: readonly ExprHole[]): Tensor {
  const formula = strings === latestStrings ? latest : formulaOf(strings);
  const result = formula(holes);
  if (result instanceof Variable) return result.value(); // a tensor of its own
  return result instanceof Tensor ? result : asTensor('expr', result as TensorLike);
}

function formulaOf(strings: TemplateStringsArray): Formula {
  if (!Array.isArray(strings) || !Array.isArray(strings.raw)) {
    throw new ValueError('expr: it is the tag of a template, expr`...`, with values in holes; it takes no strings');
  }
  let formula = formulas.get(strings);
  if (!formula) {
    formula = compile(parseExpr(strings.raw), strings.raw);
    formulas.set(strings, formula);
  }
  latestStrings = strings;
  latest = formula;
  return formula;
}

// Numbers among themselves stay numbers, as in Python: 1/3 is not rounded to the dtype of what comes after it.
const numeric: ReadonlyMap<string, (a: number, b: number) => number | boolean> = new Map<
  string,
  (a: number, b: number) => number | boolean
>([
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
]);

// The sign is the divisor's, as in Python.
function floormod(a: number, b: number): number {
  const rest = a % b;
  return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest;
}

function compile(node: ExprNode, strings: readonly string[]): Formula {
  if (node.kind === 'number') return constantFormula(node.value);
  if (node.kind === 'hole') return holeFormula(node.index);
  const fn = opNamed(node.op, node.at, strings);
  const args = node.args.map((arg) => compile(arg, strings));
  const [x, y] = args;
  if (node.written === 'operator' && x) {
    if (!y) return negation(fn, x);
    const onNumbers = numeric.get(node.op);
    const [left, right] = node.args;
    if (onNumbers && left?.kind === 'number' && right?.kind === 'number') {
      return constantFormula(onNumbers(left.value, right.value));
    }
    // pow makes products of powers that are given as numbers.
    const exponent = node.op === 'pow' ? number : literalOf(right);
    return onNumbers ? operation(fn, onNumbers, [x, literalOf(left)], [y, exponent]) : call2(fn, x, y);
  }
  if (x && args.length === 1) return call1(fn, x);
  if (x && y && args.length === 2) return call2(fn, x, y);
  return (holes) => fn(...args.map((arg) => arg(holes)));
}

function opNamed(name: string, at: number, strings: readonly string[]): Fn {
  const op = registry.get(name);
  if (op && op.namespace !== 'internal') return op.fn as Fn;
  const camel = name.replace(/^(tf|math)\./, '').replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  const near = [camel, `nn.${camel}`, `linalg.${camel}`].find((other) => other !== name && registry.has(other));
  throw formulaError(strings, at, `there is no op '${name}'${near ? `: write '${near}'` : ''}`);
}

function constantFormula(value: number | boolean): Formula {
  return () => value;
}

function holeFormula(index: number): Formula {
  return (holes) => holes[index];
}

function negation(fn: Fn, x: Formula): Formula {
  return (holes) => {
    const value = x(holes);
    return typeof value === 'number' ? -value : fn(value);
  };
}

type Literal = (value: number, beside: unknown) => unknown;
const number: Literal = (value) => value;

/** What makes an operand of a number. One that stands in the template becomes a tensor once for each dtype beside it. */
function literalOf(node: ExprNode | undefined): Literal {
  if (node?.kind !== 'number') return number;
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
  onNumbers: (a: number, b: number) => number | boolean,
  [x, ofX]: readonly [Formula, Literal],
  [y, ofY]: readonly [Formula, Literal],
): Formula {
  return (holes) => {
    const a = x(holes);
    const b = y(holes);
    if (typeof a === 'number') return typeof b === 'number' ? onNumbers(a, b) : fn(ofX(a, b), b);
    return fn(a, typeof b === 'number' ? ofY(b, a) : b);
  };
}

function call1(fn: Fn, x: Formula): Formula {
  return (holes) => fn(x(holes));
}

function call2(fn: Fn, x: Formula, y: Formula): Formula {
  return (holes) => fn(x(holes), y(holes));
}
