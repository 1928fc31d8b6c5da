// gradtape in bundles that vite makes and in vitest, both of which are here; others by scripts/install-matrix.mjs. What
// a bundler leaves out, the error tells.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { plain } from '../support/child.js';
import { root } from '../support/files.js';
import { built, installed, isBuilt, platform } from '../support/installed.js';

let project = '';
let elsewhere = '';

function run(cwd: string, file: string, args: string[] = [], env: Record<string, string> = {}): string {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(NODE_|VITEST|GRADTAPE_)/.test(name));
  const { stdout, stderr } = spawnSync(process.execPath, [file, ...args], {
    cwd,
    env: { ...Object.fromEntries(inherited), NO_COLOR: '1', ...env },
    encoding: 'utf8',
  });
  return stdout + stderr;
}

const tool = (name: string, file: string, ...args: string[]): string =>
  run(project, join(root, 'node_modules', name, file), args);

// Built by vite, with gradtape inside or beside; the file then lies elsewhere.
function bundle(name: string, source: string, external: boolean): string {
  writeFileSync(join(project, 'main.mjs'), source);
  const config = {
    ssr: external ? {} : { noExternal: true },
    build: { ssr: './main.mjs', outDir: name, minify: false },
  };
  writeFileSync(join(project, 'vite.config.mjs'), `export default ${JSON.stringify(config)};\n`);
  const said = tool('vite', 'bin/vite.js', 'build');
  expect(said, said).toContain('built in');
  const to = external ? project : elsewhere;
  copyFileSync(join(project, name, 'main.js'), join(to, `${name}.mjs`));
  return join(to, `${name}.mjs`);
}

// `profile` is in the part that is loaded when it is first called.
const program = `import * as tf from 'gradtape';
console.log(tf.profile(() => tf.reduceSum(tf.ones([2, 3])).item()).value);
`;

describe.runIf(plain && isBuilt)('bundles and runners', () => {
  beforeAll(() => {
    project = installed('bundle').folder;
    writeFileSync(join(project, 'package.json'), '{ "private": true, "type": "module" }\n');
    elsewhere = mkdtempSync(join(tmpdir(), 'gradtape-elsewhere-'));
    for (const name of ['vitest', 'vite']) {
      symlinkSync(join(root, 'node_modules', name), join(project, 'node_modules', name), 'junction');
    }
  });
  afterAll(() => {
    for (const folder of [project, elsewhere]) rmSync(folder, { recursive: true, force: true });
  });

  test('kept out of a bundle', () => {
    expect(run(project, bundle('external', program, true))).toBe('6\n');
  });

  test('in a bundle of ES modules: the binary is left out, and the error says so', () => {
    const file = bundle('inside', program, false);
    const said = run(elsewhere, file);
    expect(said).toMatch(/is not there: a bundler or a copy left it out/);
    expect(said).toContain(`import 'gradtape/${platform}'`);
    copyFileSync(built, join(elsewhere, 'gradtape.node'));
    expect(run(elsewhere, file, [], { GRADTAPE_ADDON: 'gradtape.node' })).toBe('6\n');
  });

  // A copy of the library in each of two threads, realms or processes.
  test.each(['threads', 'vmThreads', 'forks'])('vitest, two files at once: %s', (pool) => {
    mkdirSync(join(project, 'tests'), { recursive: true });
    const source = `
      import { expect, test } from 'vitest';
      import * as tf from 'gradtape';
      test('computes', () => {
        const x = tf.ones([2, 3]);
        const tape = new tf.GradientTape();
        const z = tape.record(() => (tape.watch(x), tf.square(tf.reduceSum(x))));
        expect([...tape.gradient(z, x).dataSync()]).toEqual([12, 12, 12, 12, 12, 12]);
      });`;
    for (const name of ['one', 'two']) writeFileSync(join(project, 'tests', `${name}.test.mjs`), source);
    const config = { test: { include: ['tests/*.mjs'], pool, maxWorkers: 2 } };
    writeFileSync(join(project, 'vitest.config.mjs'), `export default ${JSON.stringify(config)};\n`);
    const said = run(project, join(root, 'node_modules', 'vitest', 'vitest.mjs'), ['run']);
    expect(said).toMatch(/Tests +2 passed/);
  });
});
