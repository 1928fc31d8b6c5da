// The formulas of `expr`: how they are read, and where an error points.
import fc from 'fast-check';
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';
import { type ExprNode, parseExpr } from '../../lib/expr/parser.js';
import { readGolden } from '../support/files.js';

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
const golden = readGolden<{ parts: string[]; tree: string }[]>('expr.json');

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
    [parts`${x} = 2`, "expr: unexpected '=': write '==' to compare; arguments have no names\n  #{0} = 2\n       ^"],
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

describe('expr evaluates with the ops', () => {
  const x = tf.constant([1, 2, 4]);
  const values = (t: tf.Tensor) => Array.from(t.dataSync());

  it('follows the precedence', () => {
    expect(values(tf.expr`-${x}**2 + 3*${x} - 2/${x}`)).toEqual([0, 1, -4.5]);
    expect(values(tf.expr`(${x.reshape([1, 3])} - 1) @ ${tf.eye(3)}`)).toEqual([0, 1, 3]);
    expect(values(tf.expr`2 ** ${x} // 3 % 4`)).toEqual([0, 1, 1]);
    expect(values(tf.expr`${x} > 1`)).toEqual([0, 1, 1]);
    expect(tf.expr`${x} != 1`.dtype).toBe('bool');
  });

  it('calls ops by name, with whatever arguments they take', () => {
    expect(tf.expr`reduceSum(nn.relu(${x} - 2))`.item()).toBe(2);
    expect(tf.expr`reduceMean(${x}, 0, ${{ keepdims: true }})`.shape).toEqual([1]);
    expect(tf.expr`cast(${x}, ${'int32'})`.dtype).toBe('int32');
    expect(values(tf.expr`where(${x} < 3, ${x}, 0)`)).toEqual([1, 2, 0]);
  });

  it('keeps numbers among themselves exact, as Python does', () => {
    const wide = tf.constant(3, { dtype: 'float64' });
    expect(tf.expr`1/3*${wide}`.item()).toBe((1 / 3) * 3);
    expect(tf.expr`${1}/${7}*${wide}`.item()).toBe((1 / 7) * 3);
    expect(tf.expr`-7 // 2 + -7 % 3 + 7 % -3 + 2**-1`.item()).toBe(-4 + 2 - 2 + 0.5);
    expect(tf.expr`-${2}**2`.item()).toBe(-4);
    expect(tf.expr`2 < 3`.dtype).toBe('bool');
  });

  it('gives a tensor of a lone hole', () => {
    const v = new tf.Variable([1, 2]);
    expect(tf.expr`${v}`).toBeInstanceOf(tf.Tensor);
    expect(values(tf.expr`+${[3, 4]}`)).toEqual([3, 4]);
  });

  it('is differentiable, and one template serves many calls', () => {
    const v = new tf.Variable(2);
    for (const at of [2, 3, -1]) {
      v.assign(at);
      const tape = new tf.GradientTape();
      const y = tape.record(() => tf.expr`2*${v}**3 + 5*${v}**2 + 3*${v}`);
      expect(tape.gradient(y, v)?.item()).toBe(6 * at ** 2 + 10 * at + 3);
    }
  });

  it('says which op it does not know, and how it is spelt here', () => {
    const error = (f: () => unknown): string => {
      try {
        f();
      } catch (caught) {
        return (caught as SyntaxError).message;
      }
      return '';
    };
    expect(error(() => tf.expr`2 * foo(${x})`).replaceAll('${', '#{')).toBe(
      "expr: there is no op 'foo'\n  2 * foo(#{0})\n      ^",
    );
    expect(error(() => tf.expr`sum(${x})`)).toContain("there is no op 'sum': write 'reduceSum'");
    expect(error(() => tf.expr`max(${x})`)).toContain("there is no op 'max': write 'reduceMax'");
    expect(error(() => tf.expr`ln(${x})`)).toContain("there is no op 'ln': write 'log'");
    expect(error(() => tf.expr`relu(${x})`)).toContain("there is no op 'relu': write 'nn.relu'");
    expect(error(() => tf.expr`tf.reduce_sum(${x})`)).toContain("there is no op 'tf.reduce_sum': write 'reduceSum'");
  });

  it('every op of tensors gives a number for a number, in double', () => {
    const x = tf.constant(2, { dtype: 'float64' });
    const values = [
      tf.expr`nn.silu(0.3) * ${x}`,
      tf.expr`reduceSum(0.3) * ${x}`,
      tf.expr`identity(0.3) * ${x}`,
      tf.expr`norm(0.3) * ${x}`,
      tf.expr`squaredDifference(0.3, 0.1) * ${x}`,
    ];
    for (const t of values) expect(t.dtype).toBe('float64');
    expect(values.slice(1).map((t) => t.item())).toEqual([0.6, 0.6, 0.6, 2 * (0.3 - 0.1) ** 2]);
    expect(tf.expr`expandDims(0.3, 0)`.dtype).toBe('float32');
  });

  it('numbers stay numbers, in double, until a tensor stands beside them', () => {
    const x64 = tf.constant([1, 2], { dtype: 'float64' });
    const y = tf.expr`exp(2 * ${1.5}) * ${x64}`;
    const e3 = tf.exp(tf.constant(3, { dtype: 'float64' })).item();
    expect([y.dtype, y.arraySync()]).toEqual(['float64', [e3, 2 * e3]]);
    const third = 1 / 3;
    const in64 = (f: (t: tf.Tensor) => tf.Tensor): number => f(tf.constant(third, { dtype: 'float64' })).item();
    expect(tf.expr`sqrt(1/3) * ${x64}`.at(0).item()).toBe(Math.sqrt(third));
    expect(tf.expr`nn.gelu(1/3) * ${x64}`.at(0).item()).toBe(in64(tf.nn.gelu));
    expect(tf.expr`${x64} + sigmoid(${third})`.at(0).item()).toBe(1 + in64(tf.sigmoid));
    expect(tf.expr`maximum(${third}, 0.1) * ${x64}`.at(0).item()).toBe(third);
    expect(tf.expr`where(2 < ${3}, 1/3, 1) * ${x64}`.at(0).item()).toBe(third);
    expect(tf.expr`clipByValue(1/3, 0, 1) * ${x64}`.at(0).item()).toBe(third);
    expect(tf.expr`-exp(0) * ${x64}`.arraySync()).toEqual([-1, -2]);
    expect(tf.expr`greater(3, 2) * ${x64}`.arraySync()).toEqual([1, 2]);
    // Beside float32, or alone, they are rounded once, at the end.
    expect([tf.expr`exp(3)`.dtype, tf.expr`exp(3)`.item()]).toEqual(['float32', Math.fround(e3)]);
    expect(tf.expr`exp(3) * ${x}`.arraySync()).toEqual(tf.mul(e3, x).arraySync());
    // What they make may be an axis or a shape.
    expect(tf.expr`reduceSum(${x.reshape([1, 3])}, abs(-1))`.arraySync()).toEqual([7]);
    const v = new tf.Variable(2, { dtype: 'float64' });
    const tape = new tf.GradientTape();
    const loss = tape.record(() => tf.expr`exp(1) * ${v}**2`);
    expect(tape.gradient(loss, v)?.item()).toBeCloseTo(4 * Math.E, 12);
  });

  it('knows every exported op by its name', () => {
    expect(tf.expr`concat(${[x, x] as never}, 0)`.shape).toEqual([6]);
    expect(tf.expr`stack(${[x, x] as never})`.shape).toEqual([2, 3]);
    expect(tf.expr`scatterNd(${[[1]]}, ${[5]}, ${[3]})`.arraySync()).toEqual([0, 5, 0]);
    expect(tf.expr`zeros(${[2]}) + ones(2) * range(2)`.arraySync()).toEqual([0, 1]);
    expect(tf.expr`random.uniform(${[4]})`.shape).toEqual([4]);
    const known = new Set(['customGradient', 'gradPassThrough', 'recomputeGrad', 'expr', 'evaluate', 'evaluateAsync']);
    const ofFunctions = ['grad', 'valueAndGrad', 'vjp', 'jvp', 'jacobian', 'hessian', 'hvp'];
    const notOps = new Set([
      ...known,
      ...ofFunctions,
      'memory',
      'deviceInfo',
      'variable',
      'clearMemory',
      'trainableVariables',
      'summary',
      'profile',
      'latestCheckpoint',
      'safetensorsHeader',
    ]);
    for (const [name, fn] of [
      ...Object.entries(tf),
      ...Object.entries(tf.nn).map(([n, f]) => [`nn.${n}`, f] as const),
    ]) {
      if (typeof fn !== 'function' || /^([A-Z]|save|load)/.test(name) || notOps.has(name)) continue;
      const strings = Object.assign([`${name}(`, ')'], { raw: [`${name}(`, ')'] });
      try {
        tf.expr(strings as unknown as TemplateStringsArray, x);
      } catch (error) {
        expect((error as Error).message, name).not.toContain('there is no op');
      }
    }
  });

  it('an error of an op says where in the formula', () => {
    const x64 = tf.constant([1, 2, 4], { dtype: 'float64' });
    const messageOf = (f: () => unknown): { code?: string; message: string; stack: string } => {
      try {
        f();
      } catch (error) {
        const { code, message, stack } = error as { code: string; message: string; stack: string };
        return { code, message: message.replaceAll('${', '#{'), stack };
      }
      throw new Error('expected an error');
    };
    const dtype = messageOf(() => tf.expr`2 * ${x} + exp(${x64}) * 3`);
    expect(dtype.code).toBe('ERR_DTYPE');
    expect(dtype.message).toMatch(/^add: .*float32 and float64/);
    expect(dtype.message).toContain('\n  2 * #{0} + exp(#{1}) * 3\n           ^');
    expect(dtype.stack).toContain(') * 3\n           ^');
    expect(messageOf(() => tf.expr`${x} + reduceSum(${x}, 3)`).message).toMatch(
      /\n {2}#\{0\} \+ reduceSum\(#\{1\}, 3\)\n {9}\^$/,
    );
    expect(messageOf(() => tf.expr`${x} @ ${x64}`).code).toBe('ERR_DTYPE');
    expect(messageOf(() => tf.expr`${'x'}`).message).not.toContain('^'); // no op threw
    expect(messageOf(() => tf.expr`sin(1, 2, 3)`).message).toContain('^');
  });

  it('refuses what is too deep, and what is no template', () => {
    const raw = (text: string): TemplateStringsArray => Object.assign([text], { raw: [text] }) as never;
    const deep = [
      '('.repeat(5000) + 1 + ')'.repeat(5000),
      '1+'.repeat(20_000) + 1,
      '-'.repeat(9000) + 1,
      '2**'.repeat(9000) + 1,
      'abs('.repeat(9000),
    ];
    for (const text of deep) {
      expect(() => tf.expr(raw(text)), text.slice(0, 5)).toThrow(
        expect.objectContaining({ name: 'SyntaxError', code: 'ERR_EXPR' }),
      );
    }
    expect(tf.expr(raw(`${'1+'.repeat(300)}1`)).item()).toBe(301);
    expect(tf.expr(raw(`${'(1)+'.repeat(300)}1`)).item()).toBe(301);
    const revoked = Proxy.revocable([], {});
    revoked.revoke();
    for (const bad of [
      undefined,
      null,
      'x',
      3,
      [],
      ['x'],
      { raw: [1] },
      Object.assign([1], { raw: [1n] }),
      revoked.proxy,
      () => 1,
    ]) {
      expect(() => tf.expr(bad as never)).toThrow(expect.objectContaining({ code: 'ERR_VALUE' }));
    }
    expect(() => tf.expr(raw('relu(1)'))).toThrow("write 'nn.relu'");
    expect(() => tf.expr(raw('reducesum(1)'))).toThrow("write 'reduceSum'");
    expect(() => tf.expr(raw('tf.nn.relu(1)'))).toThrow("write 'nn.relu'");
    expect(() => tf.expr(raw('tf.math.log(1)'))).toThrow("write 'log'");
  });

  it('is a tag, not a function of strings', () => {
    expect(() => tf.expr('2*x' as unknown as TemplateStringsArray)).toThrow(tf.ValueError);
    expect(() => tf.expr`2*${undefined}`).toThrow(/expected a tensor/);
  });
});
