// The formulas of `expr`: how they are read, and where an error points.
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ExprNode, parseExpr } from '../lib/expr-parser.js';

// The template's literal parts, as the tag receives them.
function parts(strings: TemplateStringsArray, ..._holes: unknown[]): readonly string[] {
  return strings.raw;
}

// The formula in prefix form: (add 1 $0).
function show(node: ExprNode): string {
  if (node.kind === 'number') return String(node.value);
  if (node.kind === 'hole') return `$${node.index}`;
  return `(${[node.op, ...node.args.map(show)].join(' ')})`;
}

function errorOf(strings: readonly string[]): string {
  try {
    return show(parseExpr(strings));
  } catch (error) {
    expect(error).toBeInstanceOf(SyntaxError);
    expect((error as { code?: unknown }).code).toBe('ERR_EXPR');
    return (error as SyntaxError).message.replaceAll('${', '#{'); // so that no plain string looks like a template
  }
}

describe('parseExpr reads a formula as Python would', () => {
  const x = 0;
  const cases: [readonly string[], string][] = [
    [parts`2*${x}**3 + 5*${x}**2 + 3*${x}`, '(add (add (mul 2 (pow $0 3)) (mul 5 (pow $1 2))) (mul 3 $2))'],
    [parts`-${x}**2`, '(neg (pow $0 2))'],
    [parts`2**-${x}`, '(pow 2 (neg $0))'],
    [parts`2**3**${x}`, '(pow 2 (pow 3 $0))'],
    [parts`(-${x})**2`, '(pow (neg $0) 2)'],
    [parts`--${x}`, '(neg (neg $0))'],
    [parts`+${x}`, '$0'],
    [parts`${x} - -${x}`, '(sub $0 (neg $1))'],
    [parts`${x} - ${x} - ${x}`, '(sub (sub $0 $1) $2)'],
    [parts`${x} / ${x} * ${x} @ ${x}`, '(matmul (mul (div $0 $1) $2) $3)'],
    [parts`${x} + ${x} @ ${x}`, '(add $0 (matmul $1 $2))'],
    [parts`-${x} * ${x}`, '(mul (neg $0) $1)'],
    [parts`7 // 2 % ${x}`, '(floormod (floordiv 7 2) $0)'],
    [parts`${x} + 1 < 2 * ${x}`, '(less (add $0 1) (mul 2 $1))'],
    [parts`(${x} <= 1) == (${x} >= 1)`, '(equal (lessEqual $0 1) (greaterEqual $1 1))'],
    [parts`${x} != 1`, '(notEqual $0 1)'],
    [parts`${x} > 1`, '(greater $0 1)'],
    [parts`nn.relu(${x} @ ${x} + ${x})`, '(nn.relu (add (matmul $0 $1) $2))'],
    [parts`reduceSum(${x}, 0) / where(${x} > 0, 1, -1,)`, '(div (reduceSum $0 0) (where (greater $1 0) 1 (neg 1)))'],
    [parts`zeros()`, '(zeros)'],
    [parts`1 + .5 + 2. + 1e3 + 1.5E-2 + 1_000`, '(add (add (add (add (add 1 0.5) 2) 1000) 0.015) 1000)'],
    [parts`sqrt(${x}**2)**.5`, '(pow (sqrt (pow $0 2)) 0.5)'],
    [
      parts`
        tanh(${x})
          * 2`,
      '(mul (tanh $0) 2)',
    ],
  ];
  for (const [strings, expected] of cases) {
    it(expected, () => expect(show(parseExpr(strings))).toBe(expected));
  }
});

// Random formulas, each with the tree of Python's own parser (test/golden/make-expr.py).
const golden = JSON.parse(readFileSync(new URL('./golden/expr.json', import.meta.url), 'utf8')) as {
  parts: string[];
  tree: string;
}[];

it('reads random formulas as Python does', () => {
  for (const { parts, tree } of golden) {
    // Python's repr of a number keeps the point: 1000.0.
    expect(show(parseExpr(parts)), parts.join('$')).toBe(tree.replace(/(\d)\.0\b/g, '$1'));
  }
});

describe('a bad formula is a SyntaxError that points at the place', () => {
  const x = 0;
  const cases: [readonly string[], string][] = [
    [
      parts`2*${x} + `,
      'expr: expected a number, a hole, an op or a parenthesis, found the end\n  2*#{0} + \n           ^',
    ],
    [parts`2${x}`, 'expr: expected an operator or the end, found the hole #{0}\n  2#{0}\n   ^'],
    [parts`2x`, "expr: expected an operator or the end, found 'x'\n  2x\n   ^"],
    [parts`(${x} + 1`, "expr: expected an operator or ')', found the end\n  (#{0} + 1\n           ^"],
    [parts`${x} ^ 2`, "expr: unexpected '^': write '**' for a power\n  #{0} ^ 2\n       ^"],
    [parts`${x} = 2`, "expr: unexpected '=': write '==' to compare\n  #{0} = 2\n       ^"],
    [parts`x + 1`, 'expr: a value goes in through a hole, #{x}; an op is called, x(...)\n  x + 1\n  ^'],
    [
      parts`${x} < ${x} < 3`,
      'expr: comparisons do not chain here: write logicalAnd(a < b, b < c)\n  #{0} < #{1} < 3\n              ^',
    ],
    [parts``, 'expr: expected a number, a hole, an op or a parenthesis, found the end\n  \n  ^'],
    [
      parts`sin(${x} ${x})`,
      "expr: expected an operator, ',' or ')', found the hole #{1}\n  sin(#{0} #{1})\n           ^",
    ],
    [parts`sin(,)`, "expr: expected a number, a hole, an op or a parenthesis, found ','\n  sin(,)\n      ^"],
    [parts`${x} + 1)`, "expr: expected an operator or the end, found ')'\n  #{0} + 1)\n          ^"],
    [parts`${x} § 1`, "expr: unexpected '§'\n  #{0} § 1\n       ^"],
  ];
  for (const [strings, message] of cases) {
    it(JSON.stringify(strings), () => expect(errorOf(strings)).toBe(message));
  }
});

it('answers any text with a tree or with a SyntaxError that points into it', () => {
  const piece = fc.oneof(
    fc.constantFrom(
      '+',
      '-',
      '*',
      '**',
      '/',
      '@',
      '(',
      ')',
      ',',
      '<',
      '<=',
      '=',
      '.',
      'nn.relu',
      'x',
      '1',
      '2.5',
      '1e',
      ' ',
      '\n',
    ),
    fc.string({ maxLength: 3 }),
  );
  const part = fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join(''));
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 4 }), (strings) => {
      const answer = errorOf(strings);
      if (!answer.startsWith('expr:')) return;
      const [, formula = '', caret = ''] = answer.split('\n');
      expect(caret).toMatch(/^ *\^$/);
      expect(caret.length).toBeLessThanOrEqual(formula.length + 1);
    }),
    { numRuns: 2000 },
  );
});
