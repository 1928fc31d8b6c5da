/**
 * The parser of `expr`: Python's operators and precedence, holes and op calls. It evaluates nothing and knows no op: an
 * operator becomes a call of the op of that name.
 */
import { withPlace } from '../base/errors.js';

/** A call of an op, written as an operator or by name. */
export interface ExprCall {
  readonly kind: 'call';
  readonly op: string;
  readonly args: readonly ExprNode[];
  readonly written: 'operator' | 'name';
  readonly at: number; // column in the shown formula
}

/** A formula: a number, the hole `${index}`, or a call. */
export type ExprNode =
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'hole'; readonly index: number }
  | ExprCall;

type TokenKind = 'number' | 'hole' | 'name' | 'symbol' | 'end';

interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  readonly value: number; // of a number, or the index of a hole
  readonly at: number; // column in the shown formula
}

const comparisons: ReadonlyMap<string, string> = new Map([
  ['<', 'less'],
  ['<=', 'lessEqual'],
  ['>', 'greater'],
  ['>=', 'greaterEqual'],
  ['==', 'equal'],
  ['!=', 'notEqual'],
]);
const sums: ReadonlyMap<string, string> = new Map([
  ['+', 'add'],
  ['-', 'sub'],
]);
const products: ReadonlyMap<string, string> = new Map([
  ['*', 'mul'],
  ['/', 'div'],
  ['//', 'floordiv'],
  ['%', 'floormod'],
  ['@', 'matmul'],
]);

const blankPattern = /\s+/y;
const numberPattern = /(?:\d+(?:_\d+)*(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/y;
const namePattern = /[A-Za-z_][A-Za-z0-9_]*(?:\s*\.\s*[A-Za-z_][A-Za-z0-9_]*)*/y;
const symbolPattern = /\*\*|\/\/|[<>=!]=|[-+*/%@<>(),]/y;

// Symbols that people write out of habit, and the hint that the error gives.
const hints: ReadonlyMap<string, string> = new Map([
  ['^', "write '**' for a power"],
  ['=', "write '==' to compare; arguments have no names"],
  ['!', "write 'logicalNot(...)'"],
  ['&', "write 'logicalAnd(a, b)'"],
  ['|', "write 'logicalOr(a, b)'"],
  ['[', 'pass a list through a hole'],
]);

/** The formula as an error message shows it: one line, holes as `${0}`. */
function showFormula(strings: readonly string[]): string {
  return strings.map((part, i) => part.replace(/\s/g, ' ') + (i + 1 < strings.length ? `\${${i}}` : '')).join('');
}

/** The formula, and below it a caret at a column. */
export function pointAt(strings: readonly string[], at: number): string {
  return `  ${showFormula(strings)}\n  ${' '.repeat(at)}^`;
}

/** A SyntaxError that points at a column of the shown formula. */
export function formulaError(strings: readonly string[], at: number, problem: string): SyntaxError {
  const error = new SyntaxError(withPlace(`expr: ${problem}\n${pointAt(strings, at)}`));
  return Object.assign(error, { code: 'ERR_EXPR' });
}

/** The most operations inside or behind one another: formulas are parsed and evaluated by recursion. */
const kMaxNesting = 500;

/** Parses the literal parts of a template; a hole stands between each two of them. */
export function parseExpr(strings: readonly string[]): ExprNode {
  const tokens = tokenize(strings);
  let position = 0;
  let depth = 0;
  const deeper = (at: number): void => {
    if (++depth > kMaxNesting) {
      throw formulaError(
        strings,
        at,
        `more than ${kMaxNesting} operations stand inside one another; cut the formula up`,
      );
    }
  };
  const peek = (): Token => tokens[position] as Token;
  const symbol = (text: string): boolean => peek().kind === 'symbol' && peek().text === text;
  const fail = (token: Token, expected: string): never => {
    throw formulaError(strings, token.at, `expected ${expected}, found ${describe(token)}`);
  };

  function operatorIn(table: ReadonlyMap<string, string>): string | undefined {
    return peek().kind === 'symbol' ? table.get(peek().text) : undefined;
  }

  function comparison(): ExprNode {
    return leftAssociative(sum, comparisons, true);
  }

  function sum(): ExprNode {
    return leftAssociative(product, sums, false);
  }

  function product(): ExprNode {
    return leftAssociative(signed, products, false);
  }

  function leftAssociative(operand: () => ExprNode, table: ReadonlyMap<string, string>, once: boolean): ExprNode {
    const outer = depth;
    let left = operand();
    for (let seen = 0; ; seen++) {
      const op = operatorIn(table);
      if (op === undefined) {
        depth = outer;
        return left;
      }
      const { at } = peek();
      deeper(at);
      if (once && seen > 0) {
        throw formulaError(strings, at, 'comparisons do not chain here: write logicalAnd(a < b, b < c)');
      }
      position++;
      left = { kind: 'call', op, args: [left, operand()], written: 'operator', at };
    }
  }

  // Binds weaker than ** on its right: -x**2 is -(x**2), and 2**-1 is allowed.
  function signed(): ExprNode {
    if (symbol('+')) {
      deeper(peek().at);
      position++;
      return signed();
    }
    if (symbol('-')) {
      const { at } = peek();
      deeper(at);
      position++;
      return { kind: 'call', op: 'neg', args: [signed()], written: 'operator', at };
    }
    const base = primary();
    if (!symbol('**')) return base;
    const { at } = peek();
    deeper(at);
    position++;
    return { kind: 'call', op: 'pow', args: [base, signed()], written: 'operator', at };
  }

  function primary(): ExprNode {
    const token = peek();
    position++;
    if (token.kind === 'number') return { kind: 'number', value: token.value };
    if (token.kind === 'hole') return { kind: 'hole', index: token.value };
    if (token.kind === 'name') return call(token);
    if (token.text !== '(' || token.kind !== 'symbol') return fail(token, 'a number, a hole, an op or a parenthesis');
    deeper(token.at);
    const inside = comparison();
    if (!symbol(')')) fail(peek(), "an operator or ')'");
    position++;
    return inside;
  }

  function call(name: Token): ExprNode {
    if (!symbol('(')) {
      throw formulaError(
        strings,
        name.at,
        `a value goes in through a hole, \${${name.text}}; an op is called, ${name.text}(...)`,
      );
    }
    deeper(name.at);
    position++;
    const args: ExprNode[] = [];
    while (!symbol(')')) {
      if (args.length > 0) {
        if (!symbol(',')) fail(peek(), "an operator, ',' or ')'");
        position++;
        if (symbol(')')) break;
      }
      args.push(comparison());
    }
    position++;
    return { kind: 'call', op: name.text, args, written: 'name', at: name.at };
  }

  const root = comparison();
  if (peek().kind !== 'end') fail(peek(), 'an operator or the end');
  return root;
}

function describe(token: Token): string {
  if (token.kind === 'end') return 'the end';
  return token.kind === 'hole' ? `the hole ${token.text}` : `'${token.text}'`;
}

function tokenize(strings: readonly string[]): Token[] {
  const tokens: Token[] = [];
  let column = 0;
  for (const [i, part] of strings.entries()) {
    const match = (pattern: RegExp, at: number): string | undefined => {
      pattern.lastIndex = at;
      return pattern.exec(part)?.[0];
    };
    for (let at = 0; at < part.length; ) {
      const start = column + at;
      const blank = match(blankPattern, at);
      if (blank !== undefined) {
        at += blank.length;
        continue;
      }
      const number = match(numberPattern, at);
      const text = number ?? match(namePattern, at) ?? match(symbolPattern, at);
      if (text === undefined) {
        const found = String.fromCodePoint(part.codePointAt(at) ?? 0);
        const hint = hints.get(found);
        throw formulaError(strings, start, `unexpected '${found}'${hint === undefined ? '' : `: ${hint}`}`);
      }
      at += text.length;
      const kind = number !== undefined ? 'number' : /^[A-Za-z_]/.test(text) ? 'name' : 'symbol';
      const value = number !== undefined ? Number(number.replaceAll('_', '')) : 0;
      tokens.push({ kind, text: kind === 'name' ? text.replace(/\s/g, '') : text, value, at: start });
    }
    column += part.length;
    if (i + 1 < strings.length) {
      const text = `\${${i}}`;
      tokens.push({ kind: 'hole', text, value: i, at: column });
      column += text.length;
    }
  }
  tokens.push({ kind: 'end', text: '', value: 0, at: column });
  return tokens;
}
