// ARCHITECTURE.md beside the code: its lists and graphs of folders are what scripts/architecture.mjs reads from the code, and what it
// names is there.
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { read, root } from '../support/files.js';

interface Found {
  readonly texts: Readonly<Record<string, string>>;
  readonly silent: readonly string[];
  readonly rungs: readonly string[];
  readonly ladder: readonly string[];
  readonly rooms: readonly string[];
}

const { check, sections, problems, mended, allFiles, textOf, openingComment, firstSentence, reduced } = (await import(
  join(root, 'scripts', 'architecture.mjs')
)) as {
  check(found: Found): string[];
  sections(): Found;
  problems(page: string, found: Found, files: readonly string[], sources: string): string[];
  mended(page: string, found: Found): string;
  allFiles(): string[];
  textOf(files: readonly string[]): string;
  openingComment(text: string): string;
  firstSentence(text: string): string;
  reduced(graph: ReadonlyMap<string, ReadonlySet<string>>): Map<string, string[]>;
};

const found = sections();

test('ARCHITECTURE.md is as the code is', () => {
  expect(check(found), 'node scripts/architecture.mjs writes what is between markers').toEqual([]);
});

describe('what the check sees', () => {
  const page = mended(read('ARCHITECTURE.md'), found);
  const files = allFiles();
  const sources = textOf(files);
  const before = problems(page, found, files, sources);
  const wrong = (text: string, what = found): string[] =>
    problems(text, what, files, sources).filter((line) => !before.includes(line));

  it('a file that was added, moved or described anew, and mends it', () => {
    const line = /^ {2}turn\.ts .*$/m.exec(page)?.[0] as string;
    const stale = page.replace(line, '  spin.ts  Something else.');
    expect(wrong(stale)).toEqual([
      'ARCHITECTURE.md: lib-tree is not as the code is',
      '  -   spin.ts  Something else.',
      `  + ${line}`,
    ]);
    expect(mended(stale, found)).toBe(page);
  });

  it('an import between folders that was not there', () => {
    const stale = page.replace('  engine --> base\n', '');
    expect(wrong(stale)).toEqual(['ARCHITECTURE.md: lib-graph is not as the code is', '  +   engine --> base']);
  });

  it('a file that does not say what it is', () => {
    expect(wrong(page, { ...found, silent: ['lib/mute.ts'] })).toEqual([
      'lib/mute.ts: opens with no sentence that says what it is',
    ]);
  });

  it('a folder without a line in the table, or in another order', () => {
    const rungs = ['engine', 'base', ...found.rungs.slice(2)];
    expect(wrong(page, { ...found, rungs })).toHaveLength(1);
    expect(wrong(page.replace(/^\| `plan\/` .*\n/m, ''))).toEqual([
      expect.stringMatching(/^ARCHITECTURE\.md: the table of native\/ has simd, kernels, steps, program, run, addon;/),
    ]);
  });

  it('a path and a name that the code has not', () => {
    const gone = ['lib', 'gone.ts'].join('/');
    const name = ['hidden', 'From', 'Tapes'].join('');
    expect(wrong(`${page}\nSee \`${gone}\`, \`lib/*/apply.ts\`, \`${name}\` and \`apply1()\`.`)).toEqual([
      `ARCHITECTURE.md: names ${gone}, which is no file`,
      `ARCHITECTURE.md: names ${name}, which is in no source`,
    ]);
  });
});

test.each([
  ['/** Shapes: checking. Pure. */\nimport', 'Shapes: checking.'],
  ['/**\n * The checks around a.ts, e.g. of\n * 1.5. More.\n */', 'The checks around a.ts, e.g. of 1.5.'],
  [
    '// Stores past the caches (two of\n// them). Knows nothing.\n#pragma once',
    'Stores past the caches (two of them).',
  ],
  ['// One line\n//\n// Another. Line.\n', ''],
  ['#!/usr/bin/env python3\n"""Fits. Needs mpmath."""\n', 'Fits.'],
  ['#pragma once\n// Not at the top.\n', ''],
])('the first sentence of a file: %j', (text, sentence) => {
  expect(firstSentence(openingComment(text))).toBe(sentence);
});

test('a graph loses the edges that a longer way has', () => {
  const graph = new Map(
    Object.entries({ d: ['c', 'b', 'a'], c: ['b'], b: ['a'], e: ['a', 'c'], a: [] }).map(([k, v]) => [k, new Set(v)]),
  );
  expect(Object.fromEntries(reduced(graph))).toEqual({ d: ['c'], c: ['b'], b: ['a'], e: ['c'], a: [] });
});
