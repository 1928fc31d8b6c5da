// The codes of errors: the union, the page that explains them, and the library name the same ones.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from 'gradtape';
import { expect, it } from 'vitest';
import { read, root } from '../support/files.js';

const codesIn = (text: string, pattern: RegExp): string[] => [...text.matchAll(pattern)].map(([, code]) => code ?? '');

const union = read('lib/base/errors.ts').match(/export type ErrorCode =([^;]*);/)?.[1] ?? '';
const codes = codesIn(union, /'(ERR_\w+)'/g);
const sources = readdirSync(join(root, 'lib'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => read(`lib/${name}`))
  .concat(read('native/steps/failures.def').replaceAll('"', "'")); // the failures of programs

it('the union has every code once', () => {
  expect(codes.length).toBeGreaterThan(25);
  expect(codes).toEqual([...new Set(codes)].sort());
});

it('docs/errors.md has a row for each of them, and for no other', () => {
  const rows = codesIn(read('docs/errors.md'), /^\| `(ERR_\w+)` \|/gm);
  expect([...rows].sort()).toEqual(codes);
  for (const line of read('docs/errors.md').split('\n')) {
    if (line.startsWith('| `ERR_')) expect(line.split('|').length, line).toBe(5); // when, and what to do
  }
});

it('the library throws every one of them, and no other', () => {
  const outside = sources.map((text) => text.replace(union, ''));
  for (const code of codes) {
    expect(
      outside.some((text) => text.includes(`'${code}'`)),
      `${code} is thrown nowhere`,
    ).toBe(true);
  }
  const thrown = new Set(outside.flatMap((text) => codesIn(text, /'(ERR_[A-Z_]+)'/g)));
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
