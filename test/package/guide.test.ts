// The pages of docs/guide: every block runs, and prints what its comments say.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { afterAll, describe, expect, it } from 'vitest';
import { plain } from '../support/child.js';
import { read, root } from '../support/files.js';

// Inside the repository, so that the package finds itself by its name.
const folder = join(root, 'build', 'guide');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What the comments behind `console.log` say that it prints. */
function promised(code: string): string[] {
  return [...code.matchAll(/^console\.log\(.*\); \/\/ (.*)$/gm)].map(([, text]) => text as string);
}

describe.runIf(plain)('docs/guide', () => {
  const pages = readdirSync(join(root, 'docs/guide')).filter((name) => name.endsWith('.md'));
  const blocks = pages.flatMap((page) =>
    [...read(`docs/guide/${page}`).matchAll(/^```ts\n(.*?)^```/gms)].map(([, code], i) => ({
      name: `${page} ${i + 1}`,
      code: code as string,
    })),
  );

  it.each(blocks)('$name', ({ name, code }) => {
    const { outputText } = ts.transpileModule(code, {
      compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 },
    });
    mkdirSync(folder, { recursive: true });
    const file = join(folder, `${name.replace(/\W+/g, '-')}.mjs`);
    writeFileSync(file, outputText);
    const printed = execFileSync(process.execPath, [file], { encoding: 'utf8' }).trimEnd().split('\n');
    expect(promised(code).length).toBeGreaterThan(0);
    expect(printed).toEqual(promised(code));
  });
});
