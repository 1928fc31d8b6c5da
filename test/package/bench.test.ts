// The benchmark's figures in the README are those of the results file that it names.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { expect, test } from 'vitest';
import { root } from '../support/files.js';

test('the figures of README.md are those of its results file', () => {
  const script = join(root, 'bench', 'readme.mjs');
  expect(() => execFileSync(process.execPath, [script, '--check'], { encoding: 'utf8', stdio: 'pipe' })).not.toThrow();
});
