// docs/words.md beside the code: each term is found in the file it names, stands there once, and has one meaning in lib/.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { filesBelow, read, root } from '../support/files.js';

const page = read('docs/words.md');

interface Term {
  /** With its qualifier: "step (of a plan)". */
  readonly full: string;
  readonly bare: string;
  readonly meaning: string;
  readonly file: string;
}

const rows = page.split('\n').filter((line) => line.startsWith('| **'));
const terms: readonly Term[] = rows.flatMap((line) => {
  const [, full, meaning, file] = /^\| \*\*([^*]+)\*\* \| (.+) \| \[[^\]]+\]\(\.\.\/([^)]+)\) \|$/.exec(line) ?? [];
  return full && meaning && file ? [{ full, bare: full.replace(/ \(.*\)$/, ''), meaning, file }] : [];
});

test('every row has a term, a meaning of one or two sentences, and a file', () => {
  expect(terms.length).toBe(rows.length);
  expect(terms.length).toBeGreaterThan(100);
  expect(terms.filter(({ meaning }) => !/[.)]$/.test(meaning)).map(({ full }) => full)).toEqual([]);
});

// The words of a text, in lower case; those of a name apart: "batch rule" of BatchRule.
function wordsOf(text: string): string {
  const apart = text.replace(/([a-z0-9])([A-Z])/g, '$1 $2').replace(/([A-Z])([A-Z][a-z])/g, '$1 $2');
  return ` ${apart
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter(Boolean)
    .join(' ')} `;
}

// Whether a term occurs in a text, in the singular or plural.
function isIn(text: string, term: string): boolean {
  return new RegExp(` ${wordsOf(term).trim()}(s|es)? `).test(wordsOf(text));
}

test('every term is found in the file that it names', () => {
  const lost = terms.filter(({ file, bare }) => !existsSync(join(root, file)) || !isIn(read(file), bare));
  expect(lost.map(({ full, file }) => `${full}: ${file}`)).toEqual([]);
});

test('a term is found as a word or in a name, not within another word', () => {
  const text = 'type BatchRule = ... // the shared\n * stream; slots, known';
  expect(['batch rule', 'shared stream', 'slot', 'known'].filter((term) => !isIn(text, term))).toEqual([]);
  expect(['own', 'lot', 'batch stream'].filter((term) => isIn(text, term))).toEqual([]);
});

test('no term stands twice; a word with two meanings has a qualifier in each row', () => {
  const twice = (list: readonly string[]): string[] => list.filter((name, i) => list.indexOf(name) !== i);
  expect(twice(terms.map(({ full }) => full.toLowerCase()))).toEqual([]);
  const shared = new Set(twice(terms.map(({ bare }) => bare.toLowerCase())));
  expect(terms.filter(({ full, bare }) => shared.has(bare.toLowerCase()) && full === bare)).toEqual([]);
});

// What the review of the code found with two meanings.
const reviewed = [
  'attributes',
  'window',
  'box',
  'plan',
  'step',
  'block',
  'operand',
  'shared stream',
  'mark',
  'wish',
  'cohort',
  'place',
];

test('the words that once had two meanings are explained', () => {
  expect(reviewed.filter((word) => !terms.some(({ bare }) => bare === word))).toEqual([]);
});

test('a name that stands for one thing is declared once at most in lib/', () => {
  const list =
    page
      .split('## Names that stand for one thing\n')[1]
      ?.split('\n\n')
      .find((part) => part.startsWith('`')) ?? '';
  const names = [...list.matchAll(/`(\w+)`/g)].map(([, name]) => name as string);
  expect(names.length).toBeGreaterThan(20);
  const declarations = filesBelow('lib', /\.ts$/).flatMap((file) =>
    [
      ...read(file).matchAll(
        /^(?:export )?(?:abstract )?(?:async )?(?:interface|class|type|function\*?|const|let) (\w+)/gm,
      ),
    ].map(([, name]) => ({ name, file })),
  );
  const several = names.filter((name) => declarations.filter((one) => one.name === name).length > 1);
  expect(several).toEqual([]);
  expect(names.filter((name) => declarations.some((one) => one.name === name)).length).toBeGreaterThan(12);
});

test('no name in lib/ is SCREAMING_CASE', () => {
  const screaming = filesBelow('lib', /\.ts$/).flatMap((file) =>
    [...read(file).matchAll(/\b(?:const|let) ([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|[A-Z]{3,})\b/g)].map(
      ([, name]) => `${file}: ${name}`,
    ),
  );
  expect(screaming).toEqual([]);
});
