// The pages of docs/guide: every block runs as a program, and prints the text below it, or else what its comments say.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { afterAll, describe, expect, it } from 'vitest';
import { blocksOf, commented } from '../support/blocks.js';
import { plain } from '../support/child.js';
import { read, root } from '../support/files.js';

// Inside the repository, so that the package finds itself by its name.
const folder = join(root, 'build', 'guide');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.runIf(plain)('docs/guide', () => {
  const pages = readdirSync(join(root, 'docs/guide')).filter((name) => name.endsWith('.md'));

  describe.each(pages)('%s', (name) => {
    const page = read(`docs/guide/${name}`);
    const blocks = blocksOf(page).map((block) => ({ ...block, promised: block.output ?? commented(block.code) }));
    const fences = (kind: string): number => page.match(new RegExp(`^\`\`\`${kind}$`, 'gm'))?.length ?? 0;

    it('has blocks, and no output without its code', () => {
      expect(blocks.length).toBeGreaterThan(0);
      expect(blocks.length).toBe(fences('ts'));
      const outputs = page.match(/^```\n\n```text$/gm)?.length ?? 0;
      expect(outputs).toBe(fences('text'));
      expect(blocks.filter(({ promised }) => promised === '')).toEqual([]);
    });

    // The blocks of a page share a working directory: a later one may read what an earlier one wrote.
    it.each(blocks)('block $number', ({ number, code, promised }) => {
      const { outputText } = ts.transpileModule(code, {
        compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 },
      });
      const cwd = join(folder, name.replace(/\.md$/, ''));
      mkdirSync(cwd, { recursive: true });
      writeFileSync(join(cwd, `${number}.mjs`), outputText);
      expect(execFileSync(process.execPath, [`${number}.mjs`], { cwd, encoding: 'utf8' })).toBe(promised);
    });
  });
});
