// gradtape inside bundles and test runners that are not installed here: installs each in a folder of its own (needs
// the network), builds with it, moves the result away from node_modules, and runs the README's first example. Usage:
// node scripts/bundlers.mjs [NAME...] With the binary of build/ for this machine. What users are told to do is what is
// done here; README.md, "Bundlers".
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { main, root, StepError, say } from './common.mjs';

const windows = process.platform === 'win32';
const musl = process.platform === 'linux' && !process.report.getReport().header.glibcVersionRuntime;
const target = `${process.platform}${musl ? 'musl' : ''}-${process.arch}`;
const entry = `import 'gradtape/${target}';\n`;
const example = /```ts\n(.*?)```/s.exec(readFileSync(join(root, 'README.md'), 'utf8'))[1];
const printed = '[[12. 12. 12.]\n [12. 12. 12.]]';
const banner = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";

// `run(tool, node)`: build with the tool's program, then node runs what came out, far from node_modules.
const cases = {
  'esbuild-cjs': {
    packages: ['esbuild'],
    source: entry + example,
    run(tool, node) {
      tool('esbuild', 'main.mjs', '--bundle', '--platform=node', '--loader:.node=copy', '--outfile=out/main.cjs');
      return node('main.cjs');
    },
  },
  'esbuild-esm': {
    packages: ['esbuild'],
    source: entry + example,
    run(tool, node) {
      const args = ['--bundle', '--platform=node', '--format=esm', '--loader:.node=copy', `--banner:js=${banner}`];
      tool('esbuild', 'main.mjs', ...args, '--outfile=out/main.mjs');
      return node('main.mjs');
    },
  },
  'rollup-external': {
    packages: ['rollup'],
    source: example,
    run(tool, node) {
      tool('rollup', 'main.mjs', '--external', 'gradtape', '--file', 'out/main.mjs');
      return node('main.mjs', true);
    },
  },
  'webpack-external': {
    packages: ['webpack', 'webpack-cli'],
    source: example,
    run(tool, node, folder) {
      const config = { mode: 'production', target: 'node', externals: { gradtape: 'commonjs gradtape' } };
      const output = { path: join(folder, 'out'), filename: 'main.cjs' };
      writeFileSync(
        join(folder, 'webpack.config.cjs'),
        `module.exports = ${JSON.stringify({ ...config, entry: './main.mjs', output })};\n`,
      );
      tool('webpack');
      return node('main.cjs', true);
    },
  },
  'bun-build': {
    packages: ['bun'],
    source: entry + example,
    run(tool, node) {
      tool('bun', 'build', 'main.mjs', '--target=node', '--outdir=out', '--entry-naming=main.mjs');
      return node('main.mjs');
    },
  },
  'bun-compile': {
    packages: ['bun'],
    source: entry + example,
    run(tool, _, folder) {
      tool('bun', 'build', 'main.mjs', '--compile', '--outfile', 'out/main');
      const away = join(folder, 'out', windows ? 'main.exe' : 'main');
      rmSync(join(folder, 'node_modules'), { recursive: true });
      return execFileSync(away, { cwd: join(folder, 'out'), encoding: 'utf8' });
    },
  },
  // Jest gives each file, and each jest.resetModules(), a copy of the library in one process.
  jest: {
    packages: ['jest'],
    source: example,
    run(tool, _, folder) {
      const test = `
        const seed = () => {
          const tf = require('gradtape');
          const x = tf.ones([2, 3]);
          const tape = new tf.GradientTape();
          const z = tape.record(() => (tape.watch(x), tf.square(tf.reduceSum(x))));
          return [tf, tape.gradient(z, x).dataSync()];
        };
        test('two copies', () => {
          const [first, gradient] = seed();
          jest.resetModules();
          const [second, again] = seed();
          expect(first).not.toBe(second);
          expect([...gradient]).toEqual([...again]);
          expect([...again]).toEqual([12, 12, 12, 12, 12, 12]);
          expect(() => second.add(first.ones([1]), 1)).toThrow(/another copy of gradtape/);
        });`;
      for (const name of ['one', 'two']) writeFileSync(join(folder, `${name}.test.cjs`), test);
      tool('jest', '--runInBand', '--testRegex', 'test\\.cjs$');
      return printed;
    },
  },
};

function prepare(name, { packages, source }, tarballs) {
  const folder = mkdtempSync(join(tmpdir(), `gradtape-${name}-`));
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  writeFileSync(join(folder, 'main.mjs'), source);
  // Of the tools, bun has an install script, which only puts its program in its place.
  execFileSync('npm', ['install', '--no-audit', '--no-fund', ...packages, ...tarballs], {
    cwd: folder,
    stdio: 'pipe',
    shell: windows,
  });
  return folder;
}

function check(name, one, tarballs) {
  const folder = prepare(name, one, tarballs);
  const elsewhere = mkdtempSync(join(tmpdir(), 'gradtape-elsewhere-'));
  try {
    const tool = (program, ...args) =>
      execFileSync('npx', ['--offline', program, ...args], { cwd: folder, stdio: 'pipe', shell: windows });
    const node = (file, beside = false) => {
      cpSync(join(folder, 'out'), elsewhere, { recursive: true });
      if (beside) cpSync(join(folder, 'node_modules'), join(elsewhere, 'node_modules'), { recursive: true });
      return execFileSync(process.execPath, [file], { cwd: elsewhere, encoding: 'utf8' });
    };
    const said = one.run(tool, node, folder);
    if (!said.includes(printed)) throw new StepError(`${name} printed ${said}`);
    say(`${name}: right`);
  } catch (error) {
    if (error instanceof StepError) throw error;
    throw new StepError(`${name}: ${error.message}\n${error.stdout ?? ''}${error.stderr ?? ''}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
    rmSync(elsewhere, { recursive: true, force: true });
  }
}

await main(() => {
  const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(cases);
  const unknown = names.filter((name) => !(name in cases));
  if (unknown.length > 0)
    throw new StepError(`no case ${unknown.join(', ')}; there are ${Object.keys(cases).join(', ')}`);
  const packed = mkdtempSync(join(tmpdir(), 'gradtape-packed-'));
  mkdirSync(packed, { recursive: true });
  const told = execFileSync(process.execPath, [join(root, 'scripts', 'pack.mjs'), packed], { encoding: 'utf8' });
  const tarballs = JSON.parse(told).tarballs.map((name) => join(packed, name));
  try {
    for (const name of names) check(name, cases[name], tarballs);
  } finally {
    rmSync(packed, { recursive: true, force: true });
  }
});
