// Runs every example and the tour as a user does: `node FILE`, over the built library.
import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { plain } from '../support/child.js';
import { root } from '../support/files.js';

const examples = join(root, 'examples');
const tour = join(examples, 'tour', 'main.mjs');

const node = async (...args: string[]): Promise<string> =>
  (await promisify(execFile)(process.execPath, args, { cwd: root })).stdout;

// Of each example: its arguments in the short form, a folder for what it draws at their end, and what it must print last.
const curves = mkdtempSync(join(tmpdir(), 'gradtape-examples-'));
afterAll(() => rmSync(curves, { recursive: true }));
const drawn = (name: string): string => join(curves, `${name}.svg`);
const SHORT: Record<string, readonly string[]> = {
  'matrix-factorisation.mjs': ['--short', '--out', drawn('matrix-factorisation')],
  'mnist-cnn.mjs': ['--samples', '6400', '--epochs', '1', '--out', drawn('mnist-cnn')],
  'second-order.mjs': [drawn('second-order')],
};
const LAST_LINES: Record<string, RegExp> = {
  'linear-regression.mjs': /^y = (2\.9|3\.0)\d x \+ (1\.9|2\.0)\d$/,
  'matrix-factorisation.mjs': /^error on ratings kept aside: 0\.1[0-4]\d$/,
  'mnist-cnn.mjs': /^test digits read correctly: (8[5-9]|9\d)\.\d\d %$/,
  'second-derivative.mjs': /^f'\(x\) = -?\d\.\de[+-]\d+, f''\(x\) = 20\.250000: a minimum at x = 9\/4$/,
  'second-order.mjs': /: Newton [2-5]\d steps, L-BFGS (8\d|9\d|1[0-7]\d)$/,
  'training-loop.mjs': /^accuracy on 200 points kept aside: (0\.9[5-9]\d|1\.000)$/,
};

describe.runIf(plain)('examples', () => {
  it('are all listed here', () => {
    const files = readdirSync(examples).filter((name) => name.endsWith('.mjs'));
    expect(files.sort()).toEqual(Object.keys(LAST_LINES).sort());
  });

  it.each(Object.entries(LAST_LINES))('%s', async (name, last) => {
    const lines = (await node(join(examples, name), ...(SHORT[name] ?? []))).trimEnd().split('\n');
    expect(lines.at(-1)).toMatch(last);
    const file = SHORT[name]?.at(-1);
    if (file === undefined) return;
    expect(readFileSync(file, 'utf8')).toMatch(/^<svg [\s\S]*<path d="M[\d.,L]+"/);
    expect(lines.join('\n'), 'a curve in the terminal').toMatch(/[┤┼].*[╭╮╯╰]/);
  });
});

describe.runIf(plain)('a network that is stopped by Ctrl-C', () => {
  it.skipIf(process.platform === 'win32')('goes on where it was, with the bits of one that went through', async () => {
    const run = (name: string): string[] => [
      join(examples, 'mnist-cnn.mjs'),
      ...['--samples', '2560', '--epochs', '3', '--out', drawn(name)],
    ];
    const through = await node(...run('through'));
    const child = spawn(process.execPath, run('stopped'), { cwd: root });
    let [text, errors] = ['', ''];
    child.stderr.on('data', (data) => {
      errors += data;
    });
    child.stdout.on('data', (data) => {
      text += data;
      if (!child.killed && /^epoch 1/m.test(text)) child.kill('SIGINT');
    });
    const code = await new Promise((resolve) => child.on('close', resolve));
    expect({ code, errors }).toEqual({ code: 130, errors: '' });
    const [, steps] = /stopped by Ctrl-C after (\d+) steps; start it again to go on\n$/.exec(text) ?? [];
    expect(Number(steps)).toBeGreaterThanOrEqual(20);
    expect(Number(steps)).toBeLessThan(60);
    const rest = await node(...run('stopped'));
    expect(rest).toMatch(new RegExp(`^goes on after ${steps} steps\n`));
    expect(readFileSync(drawn('stopped'), 'utf8')).toBe(readFileSync(drawn('through'), 'utf8'));
    const last = (lines: string): string[] => lines.match(/^epoch 3.*$|^test digits.*$/gm) ?? [];
    expect(last(rest)).toEqual(last(through));
    expect(last(rest)).toHaveLength(2);
  });
});

describe.runIf(plain)('the server', () => {
  it.skipIf(process.platform === 'win32')('predicts, differentiates, refuses, and ends at SIGTERM', async () => {
    const child = spawn(process.execPath, [join(examples, 'server', 'main.mjs'), '0'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = new Promise((resolve) => child.on('close', resolve));
    const [, url] =
      /at (http\S+)/.exec(String(await new Promise((resolve) => child.stdout.once('data', resolve)))) ?? [];
    const ask = async (path: string, body: string): Promise<[number, unknown]> => {
      const response = await fetch(`${url}${path}`, { method: 'POST', body, headers: { connection: 'close' } });
      return [response.status, await response.json()];
    };
    const [, rows] = await ask('/predict', '[[0.1, 0.2], [0.3, -0.4]]');
    expect(rows).toHaveLength(2);
    for (const [no, yes] of rows as [number, number][]) expect(no + yes).toBeCloseTo(1, 5);
    const [, { loss, steepness }] = (await ask('/gradient', '{"points": 50}')) as [
      number,
      { loss: number; steepness: number[] },
    ];
    expect([loss, ...steepness].every((x) => x > 0 && x < 10)).toBe(true);
    expect(await ask('/predict', '[[1, 2, 3]]')).toMatchObject([
      400,
      { error: expect.stringContaining('matmul') as string },
    ]);
    expect((await ask('/nowhere', ''))[0]).toBe(404);
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
  });
});

describe.runIf(plain)('the tour', () => {
  // Not into `out`, where the curve of the user's own run is.
  const folder = mkdtempSync(join(tmpdir(), 'gradtape-tour-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  it('shows the first gradients, and trains, in plain lines without a terminal', async () => {
    const text = await node(tour, '--epochs', '1', '--samples', '6400', '--out', folder);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for
    expect(text).not.toMatch(/[\x1b\r]/);
    expect(text).toContain('  tf.Tensor(\n  [[12. 12. 12.]\n   [12. 12. 12.]], shape=(2, 3), dtype=float32)\n');
    for (const value of ['47.0', '34.0', '296352.0']) {
      expect(text).toContain(`  tf.Tensor(${value}, shape=(), dtype=float32)\n`);
    }
    expect(text).toMatch(
      /Uncaught TapeError: gradient: A non-persistent GradientTape can only be used to compute one set of/,
    );
    expect(text).toMatch(/^epoch 1\/1 100% · loss 0\.\d{4} · +[\d,]+ samples\/s$/m);
    expect(text).toMatch(/^a \d, read as \d/m);
    const accuracy = Number(/^Test accuracy: ([\d.]+) %$/m.exec(text)?.[1]);
    // 50 steps; chance would be 10.
    expect(accuracy).toBeGreaterThan(80);
    const curve = /^Loss curve: +(.*loss-curve\.svg)$/m.exec(text)?.[1] ?? 'none';
    const [steps, mean] = [...readFileSync(join(root, curve), 'utf8').matchAll(/<path d="M([\d.]+),([\d.]+)/g)];
    expect(mean?.slice(1), 'the running mean begins where the losses do').toEqual(steps?.slice(1));
  });

  it.skipIf(process.platform === 'win32')('ends cleanly at Ctrl-C', async () => {
    const child = spawn(process.execPath, [tour, '--out', folder], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    let errors = '';
    child.stderr.on('data', (data) => {
      errors += data;
    });
    child.stdout.on('data', (data) => {
      text += data;
      if (!child.killed && /^epoch 1/m.test(text)) child.kill('SIGINT');
    });
    const [code, signal] = await new Promise<[number | null, string | null]>((resolve) => {
      child.on('close', (...ended) => resolve(ended));
    });
    expect({ code, signal, errors }).toEqual({ code: 130, signal: null, errors: '' });
    expect(text).toMatch(/Stopped by Ctrl-C after \d+ training steps/);
    expect(existsSync(join(folder, 'loss-curve.svg'))).toBe(text.includes('is drawn in'));
  });
});
