// The guide docs/null-gradients.md: every block of code runs, and prints what the page says.
import * as tf from 'gradtape';
import ts from 'typescript';
import { expect, it } from 'vitest';
import { read } from '../support/files.js';
import { restoreSettings } from '../support/settings.js';

restoreSettings();

const page = read('docs/null-gradients.md');
const blocks = [...page.matchAll(/^```ts\n(.*?)^```\n\n```text\n(.*?)^```/gms)].map(([, code, output], k) => ({
  number: k + 1,
  code: code as string,
  output: output as string,
}));

it('every block of code has its output', () => {
  expect(blocks.length).toBe(page.match(/^```ts$/gm)?.length);
});

it.each(blocks)('block $number', ({ code, output }) => {
  const { outputText } = ts.transpileModule(code, { compilerOptions: { target: ts.ScriptTarget.ES2022 } });
  const lines: string[] = [];
  const console = { log: (...values: unknown[]) => lines.push(values.map(String).join(' ')) };
  new Function('tf', 'console', outputText)(tf, console);
  expect(`${lines.join('\n')}\n`).toBe(output);
});
