// docs/ops.md beside the code: every public op with its signature, dtypes, gradient, what a tape keeps for it, and TensorFlow's name.
// `GRADTAPE_WRITE=1 npx vitest run test/package/ops-page.test.ts` writes it.
import { writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import * as tf from 'gradtape';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { elementwiseKernels, specialFunctions } from '../../lib/engine/addon.js';
import { keep, type RecordedOp } from '../../lib/record/entry.js';
import { pop, push, Recorder } from '../../lib/record/stack.js';
import { opCases } from '../ops/op-cases.js';
import { goldenCases, namespaces, read, readGolden, root } from '../support/files.js';
import { seenInGolden } from '../support/golden.js';

// ---- what a tape keeps: what the rules of the ops that a call applies need ----

class Listener extends Recorder {
  readonly heard: { op: RecordedOp; operands: readonly tf.Tensor[]; out: tf.Tensor }[] = [];
  override knows(): boolean {
    return true;
  }
  override note1(op: RecordedOp, out: tf.Tensor, x: tf.Tensor): void {
    this.noteMany(op, [out], [x]);
  }
  override note2(op: RecordedOp, out: tf.Tensor, x: tf.Tensor, y: tf.Tensor): void {
    this.noteMany(op, [out], [x, y]);
  }
  override noteMany(op: RecordedOp, outs: readonly tf.Tensor[], operands: readonly tf.Tensor[]): void {
    if (this.takes()) this.heard.push({ op, operands, out: outs[0] as tf.Tensor });
  }
  override noteInstead(op: RecordedOp, outs: readonly tf.Tensor[], operands: readonly tf.Tensor[]): void {
    this.noteMany(op, outs, operands);
  }
  override noteReading(): void {}
  override left(): void {}
}

function keeps(op: string): string {
  const cases = opCases.get(op);
  const [first] = cases?.cases ?? [];
  if (!cases || !first) return '';
  const xs = first.shapes.map((shape) => tf.ones(shape, { dtype: 'float64' }).mul(0.5));
  const listener = new Listener();
  push(listener);
  let result: tf.Tensor;
  try {
    result = first.call(...xs);
  } finally {
    pop(listener);
  }
  const kept = new Set<string>();
  for (const { op: applied, operands, out } of listener.heard) {
    const needs = applied.vjps.reduce((bits, vjp) => bits | (vjp?.needs ?? 0), applied.needs);
    operands.forEach((t, k) => {
      if (needs & (2 ** k)) kept.add(xs.includes(t) ? 'operands' : 'values between');
    });
    if (needs & keep.out) kept.add(out === result ? 'result' : 'values between');
  }
  return [...kept].sort().join(', ') || 'nothing';
}

// ---- signatures, from the sources ----

interface Row {
  readonly op: string;
  readonly signature: string;
  readonly file: string;
}

const indexOf = (namespace: string): string => join(root, 'lib', 'ops', namespace, 'index.ts');

function signatures(): Row[] {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile) as { config: object };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  const program = ts.createProgram(namespaces.map(indexOf), options);
  const checker = program.getTypeChecker();
  const flags = ts.TypeFormatFlags.NoTruncation | ts.TypeFormatFlags.UseFullyQualifiedType;
  return namespaces.flatMap((namespace) => {
    const index = checker.getSymbolAtLocation(program.getSourceFile(indexOf(namespace)) as ts.SourceFile) as ts.Symbol;
    return checker.getExportsOfModule(index).flatMap((exported) => {
      const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
      const declaration = symbol.valueDeclaration;
      if (!declaration) return [];
      const calls = checker.getTypeOfSymbolAtLocation(symbol, declaration).getCallSignatures();
      if (calls.length === 0) return [];
      const texts = calls.map((call) =>
        checker.signatureToString(call, declaration, flags).replace(/import\([^)]*\)\./g, ''),
      );
      const op = `${namespace && `${namespace}.`}${exported.name}`;
      const file = relative(join(root, 'lib'), declaration.getSourceFile().fileName);
      return [{ op, signature: texts.map((text) => `\`${op}${text}\``).join('<br>'), file }];
    });
  });
}

// ---- the page ----

const names = readGolden<Record<string, string | null>>('names.json');
const seen = seenInGolden();
const order = ['float32', 'float64', 'int32', 'uint8', 'bool'] as const;

/** Whether the op takes a tensor of the dtype, as only operand or twice. */
function takes(op: string, dtype: tf.DType): boolean {
  const fn = op.split('.').reduce<unknown>((at, name) => Reflect.get(at as object, name), tf) as (
    ...xs: tf.Tensor[]
  ) => unknown;
  const x = tf.ones([2, 2], { dtype });
  return [[x], [x, x]].some((operands) => {
    try {
      const result = fn(...operands);
      if (result instanceof tf.Tensor) result.dataSync();
      return true;
    } catch {
      return false;
    }
  });
}

function row({ op, signature }: Row): string {
  const golden = seen.get(op);
  const kernel = elementwiseKernels.get(op.replace(/^nn\./, ''));
  const special = specialFunctions.get(op.replace(/^bitwise\./, ''));
  const known = [...(golden?.dtypes ?? []), ...(kernel?.dtypes ?? []), ...(special?.dtypes ?? [])];
  const dtypes = order.filter((dtype) => known.includes(dtype) || (known.length > 0 && takes(op, dtype)));
  const kept = opCases.get(op) ? keeps(op) : '';
  const gradient = kept ? `keeps ${kept}` : (golden?.gradients.size ?? 0) > 0 ? 'yes' : 'none';
  const name = names[op];
  const cells = [signature.replaceAll('|', '\\|'), dtypes.join(' '), gradient, name ? `\`tf.${name}\`` : ''];
  return `| ${cells.join(' | ')} |`;
}

function sentence(file: string): string {
  const [, text] = /^\/\*\*[\s*]*([\s\S]*?)\*\//.exec(read(`lib/${file}`)) ?? [];
  return (text ?? '')
    .replace(/\n\s*\* ?/g, ' ')
    .trim()
    .split(/(?<=\.)\s/)[0] as string;
}

function page(): string {
  const files = new Map<string, Row[]>();
  for (const one of signatures()) files.set(one.file, [...(files.get(one.file) ?? []), one]);
  const parts = [...files].map(([file, rows]) =>
    [
      `## \`lib/${file}\``,
      '',
      sentence(file),
      '',
      '| op | dtypes | gradient | TensorFlow |',
      '| --- | --- | --- | --- |',
      ...rows.map(row),
      '',
    ].join('\n'),
  );
  return [
    '# Ops',
    '',
    'Every public op, by the file that has it. The dtypes are those of the numbers of TensorFlow that tests compare it with, those of its',
    'kernel, and those that it takes of a matrix of ones. Of a gradient the third column says what a tape keeps for it of a call: operands, the result, values between (of an op that',
    'is computed by others), or nothing.',
    '',
    'Written from the code by `GRADTAPE_WRITE=1 npx vitest run test/package/ops-page.test.ts`, and checked.',
    '',
    ...parts,
  ].join('\n');
}

describe('docs/ops.md', () => {
  it('is as the code is', () => {
    const text = page();
    if (process.env['GRADTAPE_WRITE'] === '1') writeFileSync(join(root, 'docs', 'ops.md'), text);
    expect(read('docs/ops.md')).toBe(text);
  });

  it('has TensorFlow’s name of every op that has numbers of TensorFlow', () => {
    expect([...goldenCases().keys()].filter((op) => !(op in names))).toEqual([]);
  });
});
