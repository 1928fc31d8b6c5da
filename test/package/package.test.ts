// Installs the packed tarball into an empty folder, without network, compiler or install scripts, and uses it there as
// ESM, as CommonJS, as both at once, and from TypeScript; and what is not fit for packing.
import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { blocksOf, commented } from '../support/blocks.js';
import { plain } from '../support/child.js';
import { root } from '../support/files.js';

interface Packed {
  tarballs: string[];
  size: number;
  files: string[];
}

const readme = readFileSync(join(root, 'README.md'), 'utf8');
let folder = '';
let packed: Packed;

function node(...args: string[]): string {
  return execFileSync(process.execPath, args, { cwd: folder, encoding: 'utf8' });
}

function runFile(name: string, source: string): string {
  writeFileSync(join(folder, name), source);
  return node(name);
}

// console.log prints the tensor as TensorFlow does.
const SEED = `
const x = tf.ones([2, 3]);
const tape = new tf.GradientTape();
const z = tape.record(() => {
  tape.watch(x);
  return tf.square(tf.reduceSum(x));
});
console.log(String(tape.gradient(z, x)));
`;
const SEED_PRINTS = 'tf.Tensor(\n[[12. 12. 12.]\n [12. 12. 12.]], shape=(2, 3), dtype=float32)\n';

describe.runIf(plain)('the package', () => {
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'gradtape-package-'));
    mkdirSync(join(folder, 'packed'));
    const printed = execFileSync(process.execPath, [join(root, 'scripts', 'pack.mjs'), join(folder, 'packed')], {
      cwd: root,
      encoding: 'utf8',
    });
    packed = JSON.parse(printed) as Packed;
    writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
    const tarballs = packed.tarballs.map((name) => `./packed/${name}`);
    execFileSync(
      'npm',
      [
        'install',
        '--offline',
        '--ignore-scripts',
        '--no-audit',
        '--no-fund',
        '--cache',
        join(folder, 'cache'),
        ...tarballs,
      ],
      { cwd: folder, encoding: 'utf8', shell: process.platform === 'win32' },
    );
  });

  afterAll(() => {
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  test('holds what a user needs and no more', () => {
    for (const file of [
      'LICENSE',
      'LICENSES.md',
      'bin/binding.gyp',
      'native/sources.gypi',
      'dist/index.mjs',
      'dist/index.d.mts',
    ]) {
      expect(packed.files).toContain(file);
    }
    expect(packed.files.filter((file) => /^(test|build|scripts|lib|native\/test)\//.test(file))).toEqual([]);
    expect(packed.size).toBeLessThan(2 << 20); // with the one binary of this machine, as g++ makes it
  });

  test('has nothing that a package manager would build or run', () => {
    const manifest = JSON.parse(readFileSync(join(folder, 'node_modules', 'gradtape', 'package.json'), 'utf8')) as {
      gypfile: unknown;
      scripts: Record<string, string>;
    };
    expect(manifest.gypfile).toBe(false);
    expect(Object.keys(manifest.scripts).filter((name) => /^(pre|post)?(install|prepare)$/.test(name))).toEqual([]);
    expect(packed.files).not.toContain('binding.gyp');
  });

  test('has its classes under their own names, which errors and stack traces show', () => {
    const files = packed.files.filter((file) => /^dist\/[^/]+\.js$/.test(file));
    expect(files).toContain('dist/library.js');
    expect(files).toContain('dist/inspect.js');
    expect(files.flatMap((file) => readFileSync(join(root, file), 'utf8').match(/\bclass \w+\$\w*/g) ?? [])).toEqual(
      [],
    );
  });

  test('has what its README links to, and its bin runs', () => {
    const links = [...readme.matchAll(/\]\(([^)\s#]+)\)/g)].map(([, link]) => link as string);
    const here = links.filter((link) => !/^[a-z]+:/.test(link));
    expect(here.length).toBeGreaterThan(5);
    const there = (link: string): boolean => packed.files.some((file) => file === link || file.startsWith(`${link}/`));
    expect(here.filter((link) => !there(link))).toEqual([]);
    expect(node(join('node_modules', 'gradtape', 'bin', 'gradtape.mjs'), '--help')).toContain('npx gradtape build');
  });

  test('imports as an ES module', () => {
    expect(runFile('seed.mjs', `import * as tf from 'gradtape';${SEED}`)).toBe(SEED_PRINTS);
  });

  test('is required as CommonJS', () => {
    expect(runFile('seed.cjs', `const tf = require('gradtape');${SEED}`)).toBe(SEED_PRINTS);
  });

  test('is one module when a process does both', () => {
    const source = `
      import { createRequire } from 'node:module';
      import * as esm from 'gradtape';
      const cjs = createRequire(import.meta.url)('gradtape');
      const names = (module) => Object.keys(module).filter((name) => name !== 'default').sort().join();
      const x = cjs.constant([3]);
      const tape = new esm.GradientTape();
      const y = tape.record(() => { tape.watch(x); return cjs.square(x); });
      console.log(names(esm) === names(cjs), esm.Tensor === cjs.Tensor, tape.gradient(y, x).item());`;
    expect(runFile('both.mjs', source)).toBe('true true 6\n');
  });

  test('has a gradcheck entry', () => {
    const source = `
      import { gradcheck } from 'gradtape/gradcheck';
      import { createRequire } from 'node:module';
      console.log(typeof gradcheck, createRequire(import.meta.url)('gradtape/gradcheck').gradcheck === gradcheck);`;
    expect(runFile('gradcheck.mjs', source)).toBe('function true\n');
  });

  test('has types for both kinds of module', () => {
    const source = `
      const x: tf.Tensor = tf.ones([2, 3]);
      const tape = new tf.GradientTape({ persistent: true });
      const y: tf.Tensor = tape.record(() => x.mul(2).reduceSum());
      export const gradient: tf.Tensor | tf.IndexedSlices | null = tape.gradient(y, x);
      // @ts-expect-error: a shape is no string
      tf.ones('2, 3');`;
    writeFileSync(join(folder, 'esm.mts'), `import * as tf from 'gradtape';${source}`);
    writeFileSync(join(folder, 'cjs.cts'), `import tf = require('gradtape');${source}`);
    const program = ts.createProgram([join(folder, 'esm.mts'), join(folder, 'cjs.cts')], {
      strict: true,
      skipDefaultLibCheck: true, // the compiler's own files
      noEmit: true,
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      target: ts.ScriptTarget.ES2022,
      lib: ['lib.es2022.d.ts', 'lib.esnext.disposable.d.ts', 'lib.dom.d.ts'],
      types: [],
    });
    const messages = ts.getPreEmitDiagnostics(program).map((diagnostic) => {
      const where = diagnostic.file?.fileName.slice(folder.length + 1) ?? '';
      return `${where}: ${ts.flattenDiagnosticMessageText(diagnostic.messageText, ' ')}`;
    });
    expect(messages).toEqual([]);
  });

  test('passes publint', () => {
    const publint = join(root, 'node_modules', 'publint', 'src', 'cli.js');
    const tarball = join(folder, 'packed', packed.tarballs[0] ?? '');
    expect(execFileSync(process.execPath, [publint, 'run', tarball, '--strict'], { encoding: 'utf8' })).toContain(
      'All good!',
    );
  });

  // Whatever the README shows must run as it stands there, and print what its comments say.
  test.each(blocksOf(readme))('runs block $number of the README', ({ number, code }) => {
    const { outputText } = ts.transpileModule(code, {
      compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 },
    });
    expect(runFile(`readme-${number}.mjs`, outputText)).toBe(commented(code));
  });
});

// Folders as they would be packed; the checks look at names and sizes.
describe('before packing', () => {
  let copy = '';
  const targets = ['darwin-arm64/gradtape', 'darwin-x64/gradtape', 'win32-arm64/gradtape', 'win32-x64/gradtape'].concat(
    ['arm64', 'x64'].flatMap((arch) => ['glibc', 'musl'].map((libc) => `linux-${arch}/gradtape.${libc}`)),
  );
  beforeAll(() => {
    copy = mkdtempSync(join(tmpdir(), 'gradtape-prepack-'));
    for (const name of ['package.json', 'binding.gyp', 'README.md', 'dist', 'bin']) {
      cpSync(join(root, name), join(copy, name), { recursive: true });
    }
    rmSync(join(copy, 'bin', 'binding.gyp'), { force: true });
    for (const target of targets) binary(target, 1000);
  });
  afterAll(() => rmSync(copy, { recursive: true, force: true }));

  function binary(target: string, bytes: number): void {
    mkdirSync(join(copy, 'prebuilds', dirname(target)), { recursive: true });
    writeFileSync(join(copy, 'prebuilds', `${target}.node`), randomBytes(bytes));
  }

  function prepack(only = '', ...flags: string[]): string {
    const args = [join(root, 'scripts', 'prepack.mjs'), copy, ...flags];
    const env = { ...process.env, ...(only ? { GRADTAPE_TARGETS: only } : {}) };
    const { status, stderr } = spawnSync(process.execPath, args, { env, encoding: 'utf8' });
    expect(existsSync(join(copy, 'bin', 'binding.gyp')), stderr).toBe(status === 0 && flags.length === 0);
    return status === 0 ? 'fit' : stderr;
  }

  test('all that belongs into a package is fit', () => {
    expect(prepack()).toBe('fit');
    expect(prepack('', '--undo')).toBe('fit');
  });

  test('without a target, but for a package that is not to be published', () => {
    rmSync(join(copy, 'prebuilds', 'linux-x64', 'gradtape.musl.node'));
    const said = prepack();
    expect(said).toContain(
      'no binary for linuxmusl-x64 (prebuilds/linux-x64/gradtape.musl.node): run npm run package:prebuild',
    );
    expect(prepack('linux-x64,darwin-arm64')).toBe('fit');
    expect(prepack('linux-x64,linuxmusl-x64')).toContain('no binary for linuxmusl-x64');
    expect(prepack('linux-x86')).toContain('GRADTAPE_TARGETS: no target linux-x86');
    binary('linux-x64/gradtape.musl', 1000);
  });

  test('without dist', () => {
    renameSync(join(copy, 'dist', 'index.mjs'), join(copy, 'index.mjs'));
    expect(prepack()).toContain('dist/index.mjs not there: run npm run build');
    renameSync(join(copy, 'index.mjs'), join(copy, 'dist', 'index.mjs'));
  });

  test('with a binary, or all of it, too large', () => {
    binary('linux-arm64/gradtape.glibc', 800_001);
    binary('win32-x64/gradtape', 2_100_001);
    const said = prepack();
    expect(said).toContain('prebuilds/linux-arm64/gradtape.glibc.node has 0.80 MB, more than 0.80 MB');
    expect(said).toContain('prebuilds/win32-x64/gradtape.node has 2.10 MB, more than 2.10 MB');
    for (const target of targets) binary(target, target.includes('arm64') ? 800_000 : 2_100_000);
    const all = prepack();
    expect(all).toMatch(/the package has 1\d\.\d+ MB packed, more than 5\.00 MB/); // random bytes do not pack
    expect(all).toMatch(/the package has 1\d\.\d+ MB unpacked, more than 12\.00 MB/);
  });
});
