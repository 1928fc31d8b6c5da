// The documents: what they link to exists, and what titles of tests quote of docs/semantics.md stands there.
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as tf from 'gradtape';
import { expect, test } from 'vitest';
import { read, root } from '../support/files.js';

const specification = read('docs/semantics.md');
const headings = [...specification.matchAll(/^#{1,2} (.+)$/gm)].map(([, text]) => text as string);
const anchors = [...specification.matchAll(/<a id="([^"]+)"><\/a>\*\*([^*]+)\*\*/g)];
const defined = new Set([...anchors.map(([, id]) => id), ...headings.map((text) => text.split(' ')[0])]);

// "E6, 37: ..." quotes a table's line and a case, "2K ..." a group; "semantics 3.2" a section, in comments as well.
function quotedIn(text: string): string[] {
  const titles = [...text.matchAll(/['"`]((?:[EW]?\d+[a-f]?)(?:, [EW]?\d+[a-f]?)*)[:.] /g)];
  const groups = [...text.matchAll(/\bdescribe(?:\.\w+\(.*\))?\(\s*['"`](\d[A-Z])\b/g)];
  const sections = [...text.matchAll(/\b[Ss]emantics(?:\.md)?,? (\d\.\d+|\d[A-Z])/g)];
  return [...titles, ...groups, ...sections].flatMap(([, numbers]) => (numbers as string).split(', '));
}

test('every case, error, warning and section that a test quotes is defined in docs/semantics.md', () => {
  const files = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' }).filter(
    (name) => /\.test\.ts$/.test(name) && name !== 'package/docs.test.ts',
  );
  const quotes = files.flatMap((file) => quotedIn(read(`test/${file}`)).map((number) => ({ file, number })));
  expect(quotes.filter(({ number }) => !defined.has(number))).toEqual([]);
  expect(new Set(quotes.map(({ number }) => number)).size, 'titles are read').toBeGreaterThan(120);
  const silent = quotes.filter(({ file }) => !read(`test/${file}`).split('\nimport')[0]?.includes('docs/semantics.md'));
  expect(silent, 'a file that quotes says what at its top').toEqual([]);
});

test('what counts as a quotation', () => {
  const quoted =
    quotedIn(`it('E6, 37: target', f); it.each(x)("22: y"); describe.runIf(a(b))('2K sums', g); // semantics 3.2
    it('100,000 tapes'); at('1:2'); text('20 steps');`);
  expect(quoted).toEqual(['E6', '37', '22', '2K', '3.2']);
});

test('docs/semantics.md defines each number once, in order, under an anchor of that name', () => {
  for (const [, id, shown] of anchors) expect(shown).toBe(id);
  const ids = anchors.map(([, id]) => id as string);
  expect(ids.filter((id, i) => ids.indexOf(id) !== i)).toEqual([]);
  const cases = specification.slice(specification.indexOf('\n# 2 '), specification.indexOf('\n# 3 '));
  const numbers = [...cases.matchAll(/<a id="(\d+)">/g)].map(([, n]) => Number(n));
  const group = (n: number): number => cases.slice(0, cases.indexOf(`<a id="${n}">`)).split('\n## ').length;
  expect(numbers).toEqual(numbers.toSorted((a, b) => group(a) - group(b) || a - b));
});

test('what docs/semantics.md calls planned does not exist yet', () => {
  const planned = headings
    .filter((text) => text.endsWith('(planned)'))
    .flatMap((text) => text.match(/(?<=`)\w+(?=`)/g));
  const there = [tf, tf.GradientTape.prototype].flatMap((holder) => planned.filter((name) => name && name in holder));
  expect(there, 'built: its heading loses "(planned)"').toEqual([]);
});

// GitHub's anchor of a heading.
function slugOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');
}

test('every link between the documents leads somewhere', () => {
  const folders = ['.', 'docs', 'docs/guide', 'bench'].filter((folder) => existsSync(join(root, folder)));
  const documents = folders.flatMap((folder) =>
    readdirSync(join(root, folder)).flatMap((name) => (name.endsWith('.md') ? [join(folder, name)] : [])),
  );
  const dead = documents.flatMap((from) =>
    [...read(from).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link]) => {
      const [path, anchor] = (link as string).split('#') as [string, string?];
      if (/^[a-z]+:/.test(path)) return [];
      const to = path ? join(dirname(from), path) : from;
      if (!existsSync(join(root, to))) return [`${from}: ${link}`];
      if (!anchor || !to.endsWith('.md')) return [];
      const text = read(to);
      const slugs = [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading]) => slugOf(heading as string));
      return slugs.includes(anchor) || text.includes(`<a id="${anchor}">`) ? [] : [`${from}: ${link}`];
    }),
  );
  expect(dead).toEqual([]);
});
