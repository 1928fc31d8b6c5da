// The codes of errors: the library throws those of one list, lib/base/error-codes.ts, and docs/errors.md is written from it.
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from 'gradtape';
import { expect, it } from 'vitest';
import { read, root } from '../support/files.js';

const codesIn = (text: string, pattern: RegExp): string[] => [...text.matchAll(pattern)].map(([, code]) => code ?? '');

// ---- the list ----

interface Row {
  readonly code: string;
  readonly when: string;
  readonly todo: string;
}
interface Section {
  readonly title: string;
  readonly rows: Row[];
}

const list = read('lib/base/error-codes.ts');
const sections: Section[] = [];
for (const [, title, comment = '', code] of list.matchAll(
  /\/\/ ---- (.+) ----|\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*\| '(ERR_\w+)'/g,
)) {
  if (title !== undefined) sections.push({ title, rows: [] });
  if (code === undefined) continue;
  const text = comment.replace(/^\s*\* ?/gm, '');
  const [when, todo] = text.split(/\n\s*\n/).map((part) => part.replace(/\s+/g, ' ').trim());
  sections.at(-1)?.rows.push({ code, when: when ?? '', todo: /^Do: (.+)$/.exec(todo ?? '')?.[1] ?? '' });
}
const codes = sections.flatMap(({ rows }) => rows.map(({ code }) => code));
const sources = readdirSync(join(root, 'lib'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') && !name.endsWith('error-codes.ts'))
  .map((name) => read(`lib/${name}`))
  .concat(read('native/steps/failures.def').replaceAll('"', "'")); // the failures of programs

it('the list has every code once, with what it means and what to do', () => {
  expect(codes.length).toBeGreaterThan(25);
  expect(codes).toEqual([...new Set(codes)]);
  expect(codes.length).toBe(codesIn(list, /\| '(ERR_\w+)'/g).length);
  const short = sections.flatMap(({ rows }) => rows.filter(({ when, todo }) => when.length < 10 || todo.length < 5));
  expect(short).toEqual([]);
});

// ---- the page ----

function tables(): string {
  const cell = (text: string): string => text.replace(/\.$/, '').replaceAll('|', '\\|');
  const table = ({ title, rows }: Section): string =>
    [
      `## ${title}`,
      '',
      '| code | when | what to do |',
      '| --- | --- | --- |',
      ...rows.map(({ code, when, todo }) => `| \`${code}\` | ${cell(when)} | ${cell(todo)} |`),
      '',
    ].join('\n');
  return `\n${sections.map(table).join('\n')}\n`;
}

it('docs/errors.md has the list (GRADTAPE_WRITE=1 writes it)', () => {
  const page = read('docs/errors.md');
  const from = page.indexOf('<!-- codes:begin -->\n');
  const to = page.indexOf('<!-- codes:end -->\n');
  expect(from >= 0 && to > from).toBe(true);
  const written = `${page.slice(0, from)}<!-- codes:begin -->\n${tables()}${page.slice(to)}`;
  if (process.env['GRADTAPE_WRITE'] === '1') writeFileSync(join(root, 'docs/errors.md'), written);
  expect(read('docs/errors.md')).toBe(written);
});

it('the library throws every one of them, and no other', () => {
  for (const code of codes) {
    expect(
      sources.some((text) => text.includes(`'${code}'`)),
      `${code} is thrown nowhere`,
    ).toBe(true);
  }
  const thrown = new Set(sources.flatMap((text) => codesIn(text, /'(ERR_[A-Z_]+)'/g)));
  const nodes = ['ERR_ACCESS_DENIED', 'ERR_DLOPEN_DISABLED']; // Node's own, which load-failure.ts reads
  expect([...thrown].filter((code) => !codes.includes(code)).sort()).toEqual(nodes);
});

it('every class has its code and its name', () => {
  const classes = [tf.GradtapeError, tf.TapeError, tf.ShapeError, tf.DTypeError, tf.ValueError];
  for (const one of classes) expect(one.prototype).toBeInstanceOf(Error);
  const error = new tf.ShapeError('text');
  expect([error.code, error.name, error.message]).toEqual(['ERR_SHAPE', 'ShapeError', 'text']);
  expect(error).toBeInstanceOf(tf.GradtapeError);
});
